"""Conversion between dtypes, and questions about an array, by PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.method_table import METHODS, TENSOR_METHODS, method, methods_of_functions

__all__ = ["is_complex", "is_floating_point", "is_nonzero", "is_same_size", "is_signed", "numel", "to"]

# --- Dtypes -----------------------------------------------------------------------------------------------------------


@method
def to(x: Any, *args: Any, dtype: Any = None, device: Any = None, **options: Any) -> Any:
    """Convert to a dtype, or to that of another array.

    Parameters
    ----------
    *args
        A dtype, an array whose dtype is meant, or the device ``"cpu"``, the only one.
    dtype, device
        The same by name.
    **options
        PyTorch's ``non_blocking``, ``copy`` and so on, which change nothing.

    Returns
    -------
    array
        The array itself if it has the dtype.

    Raises
    ------
    RuntimeError
        If another device is asked for.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(2).to(ft.float32)
    tensor([1., 1.], dtype=float32)
    """
    for target in (device, *args):
        if isinstance(target, str) and target not in np.sctypeDict:
            _check_device(target)
        elif isinstance(target, type | np.dtype | str):
            dtype = target
        elif hasattr(target, "dtype"):
            dtype = target.dtype
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


@method
def type_(x: Any, dtype: Any = None) -> Any:
    """Convert to a dtype; without one, name that of the array, as NumPy does.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(2).type()
    'float64'
    """
    return str(x.dtype) if dtype is None else to(x, dtype)


@method
def type_as(x: Any, other: Any) -> Any:
    """Convert to the dtype of another array.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.arange(2).type_as(ft.ones(1))
    tensor([0., 1.])
    """
    return to(x, other.dtype)


@method
def cpu(x: Any) -> Any:
    """Return the array, which is where it should be.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(2).cpu()
    tensor([1., 1.])
    """
    return x


def _check_device(name: str) -> None:
    if name.split(":")[0] != "cpu":
        raise RuntimeError(
            f"to({name!r}) at {user_line()}: this is no dtype of NumPy's (float32, complex128, int64, …), and "
            f"the only device is 'cpu', since arrays are NumPy's"
        )


def _converter(dtype: Any) -> Callable[[Any], Any]:
    def convert(x: Any) -> Any:
        return to(x, dtype)

    convert.__doc__ = f"Convert to {np.dtype(dtype)}, as `to` does."
    return convert


# fmt: off
_DTYPES: dict[str, Any] = {
    "half": np.float16, "float": np.float32, "double": np.float64, "cfloat": np.complex64, "cdouble": np.complex128,
    "char": np.int8, "short": np.int16, "int": np.int32, "long": np.int64, "byte": np.uint8, "bool": np.bool_,
}
# fmt: on
METHODS.update({name: _converter(dtype) for name, dtype in _DTYPES.items()})

# --- Questions --------------------------------------------------------------------------------------------------------


@method
def dim(x: Any) -> int:
    """Return the number of axes.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2, 3).dim()
    2
    """
    return len(shape_of(x))


@method
def numel(x: Any) -> int:
    """Return the number of elements.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.numel(ft.zeros(2, 3))
    6
    """
    return prod(shape_of(x))


@method
def element_size(x: Any) -> int:
    """Return the bytes that one element takes.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2, 3).element_size()
    8
    """
    return int(x.dtype.itemsize)


@method
def is_floating_point(x: Any) -> bool:
    """Say whether the elements are real numbers with a point.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.is_floating_point(ft.ones(2)), ft.is_floating_point(ft.arange(2))
    (True, False)
    """
    return as_array(x).dtype.kind == "f"  # type: ignore[no-any-return]


@method
def is_complex(x: Any) -> bool:
    """Say whether the elements are complex.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.is_complex(ft.tensor(1j)), ft.is_complex(ft.tensor(1.0))
    (True, False)
    """
    return as_array(x).dtype.kind == "c"  # type: ignore[no-any-return]


@method
def is_signed(x: Any) -> bool:
    """Say whether the dtype has negative numbers.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(2).is_signed(), ft.ones(2).bool().is_signed()
    (True, False)
    """
    return as_array(x).dtype.kind in "fci"


@method
def is_same_size(x: Any, other: Any) -> bool:
    """Say whether two arrays have one shape.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2).is_same_size(ft.ones(2))
    True
    """
    return shape_of(x) == shape_of(other)


@method
def is_nonzero(x: Any) -> bool:
    """Say whether the only element is not zero; of several `ValueError` is raised.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.is_nonzero(ft.tensor([0.0])), ft.is_nonzero(ft.tensor(3))
    (False, True)
    """
    if numel(x) != 1:
        raise ValueError(f"is_nonzero at {user_line()} asks one element, not those of shape {shape_of(x)}")
    return bool(np.reshape(x, ()) != 0)


@method
def contiguous(x: Any) -> Any:
    """Return the array: how a traced one lies in memory is not seen.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad(lambda x: x.contiguous() ** 2)(3.0)
    6.0
    """
    return x


@method
def is_contiguous(x: Any) -> bool:
    """Say that the array can be viewed in any shape, since what cannot is copied.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: float(x.T.is_contiguous()) * x)(np.ones((1, 2)))
    array([[1., 1.]])
    """
    return True


def _contiguous_tensor(x: Any) -> Any:
    """Return the tensor if it lies in memory in C order, else a copy that does.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2, 3).T.contiguous().is_contiguous()
    True
    """
    return x if x._array.flags.c_contiguous else np.reshape(np.ravel(x), x.shape)


def _is_contiguous_tensor(x: Any) -> bool:
    """Say whether the tensor lies in memory in C order.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2, 3).is_contiguous(), ft.zeros(2, 3).T.is_contiguous()
    (True, False)
    """
    return bool(x._array.flags.c_contiguous)


def _data_ptr(x: Any) -> int:
    """Return the address of the first element in memory.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.zeros(2)
    >>> x.data_ptr() == x.detach().data_ptr(), x.data_ptr() == x.clone().data_ptr()
    (True, False)
    """
    address: int = x._array.__array_interface__["data"][0]
    return address


def _stride(x: Any, dim: int | None = None) -> Any:
    """Return by how many elements neighbours along each axis, or along one, are apart in memory.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2, 3).stride(), ft.zeros(2, 3).T.stride(0)
    ((3, 1), 1)
    """
    steps = tuple(step // x._array.itemsize for step in x._array.strides)
    return steps if dim is None else steps[dim]


TENSOR_METHODS.update(data_ptr=_data_ptr, stride=_stride)
TENSOR_METHODS.update(contiguous=_contiguous_tensor, is_contiguous=_is_contiguous_tensor)
methods_of_functions({"ndimension": dim, "nelement": numel})
