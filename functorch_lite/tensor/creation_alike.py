"""Making tensors by an existing one, in PyTorch's words: `zeros_like`, and ``x.new_zeros(2, 3)`` of its dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.tensor import creation
from functorch_lite.tensor.method_table import method
from functorch_lite.tensor.tensor import Tensor

__all__ = [
    "empty_like",
    "full_like",
    "new_empty",
    "new_full",
    "new_ones",
    "new_tensor",
    "new_zeros",
    "ones_like",
    "zeros_like",
]


def _like(make: Callable[[Any, Any], Any], name: str, doc: str) -> Callable[..., Tensor]:
    def like(x: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
        creation.only_device(ignored)
        dtype = dtype or x.dtype
        return creation.made(np.array(make(np.shape(x), dtype), dtype), requires_grad)

    like.__name__ = like.__qualname__ = name
    like.__doc__ = f"""{doc} The rest is as for `zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.{name}(ft.zeros(2, 3, dtype=ft.float32))
    >>> x.shape, x.dtype
    ((2, 3), dtype('float32'))
    """
    return like


zeros_like = _like(np.zeros, "zeros_like", "Make zeros of another tensor's shape and dtype.")
ones_like = _like(np.ones, "ones_like", "Make ones of another tensor's shape and dtype.")
empty_like = _like(np.empty, "empty_like", "Make a tensor of another's shape and dtype, of whatever is in memory.")


def full_like(x: Any, fill_value: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
    """Make a tensor of another's shape and dtype, filled with a value; the rest is as for `zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.full_like(ft.arange(2), 3)
    tensor([3, 3])
    """
    return creation.filled_alike(x, np.shape(x), fill_value, dtype, requires_grad, "full_like", ignored)


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
