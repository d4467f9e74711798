"""Making tensors by an existing one, in PyTorch's words: ``x.new_zeros(2, 3)`` has the dtype of ``x``."""

from __future__ import annotations

from typing import Any

from functorch_lite.tensor import creation
from functorch_lite.tensor.method_table import method
from functorch_lite.tensor.tensor import Tensor

__all__ = ["new_empty", "new_full", "new_ones", "new_tensor", "new_zeros"]


@method
def new_zeros(x: Any, *size: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
    """Make a tensor of zeros with the dtype of this one.

    Parameters
    ----------
    *size
        The lengths of the axes, ``x.new_zeros(2, 3)``, or a tuple of them, ``x.new_zeros((2, 3))``.
    dtype
        Another dtype.
    requires_grad, **ignored
        As for `tensor`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(3, dtype=ft.float32).new_zeros(2)
    tensor([0., 0.], dtype=float32)
    """
    return creation.zeros(*size, dtype=dtype or x.dtype, requires_grad=requires_grad, **ignored)


@method
def new_ones(x: Any, *size: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
    """Make a tensor of ones with the dtype of this one; the arguments are those of `new_zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tensor([1, 2]).new_ones(2, 2)
    tensor([[1, 1],
            [1, 1]])
    """
    return creation.ones(*size, dtype=dtype or x.dtype, requires_grad=requires_grad, **ignored)


@method
def new_empty(x: Any, *size: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
    """Make a tensor of whatever is in memory with the dtype of this one; the arguments are those of `new_zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(3).new_empty((2, 3)).shape
    (2, 3)
    """
    return creation.empty(*size, dtype=dtype or x.dtype, requires_grad=requires_grad, **ignored)


@method
def new_full(
    x: Any, size: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any
) -> Tensor:
    """Make a tensor with the dtype of this one, filled with a value; ``size`` is a tuple.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(3).new_full((2,), 7)
    tensor([7., 7.])
    """
    return creation.filled_alike(x, size, fill_value, dtype, requires_grad, "new_full", ignored)


@method
def new_tensor(x: Any, data: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
    """Make a tensor of a copy of some data, with the dtype of this one; the rest is as for `tensor`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(3, dtype=ft.float32).new_tensor([1, 2])
    tensor([1., 2.], dtype=float32)
    """
    return creation.tensor(data, dtype or x.dtype, requires_grad, **ignored)
