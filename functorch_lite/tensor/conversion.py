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

__all__ = ["is_complex", "is_floating_point", "numel", "to"]

# --- Dtypes -----------------------------------------------------------------------------------------------------------


@method
def to(x: Any, *args: Any, dtype: Any = None, device: Any = None, **options: Any) -> Any:
    """Convert to a dtype, or to that of another array. The only device is ``"cpu"``; other options are ignored."""
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
    """Convert to a dtype; without one, name that of the array."""
    return str(x.dtype) if dtype is None else to(x, dtype)


@method
def type_as(x: Any, other: Any) -> Any:
    """Convert to the dtype of another array."""
    return to(x, other.dtype)


@method
def cpu(x: Any) -> Any:
    """Return the array, which is where it should be."""
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

    convert.__doc__ = f"Convert to {np.dtype(dtype)}."
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
    """Return the number of axes."""
    return len(shape_of(x))


@method
def numel(x: Any) -> int:
    """Return the number of elements."""
    return prod(shape_of(x))


@method
def element_size(x: Any) -> int:
    """Return the bytes that one element takes."""
    return int(x.dtype.itemsize)


@method
def is_floating_point(x: Any) -> bool:
    """Say whether the elements are real numbers with a point."""
    return as_array(x).dtype.kind == "f"  # type: ignore[no-any-return]


@method
def is_complex(x: Any) -> bool:
    """Say whether the elements are complex."""
    return as_array(x).dtype.kind == "c"  # type: ignore[no-any-return]


@method
def is_signed(x: Any) -> bool:
    """Say whether the dtype has negative numbers."""
    return as_array(x).dtype.kind in "fci"


@method
def is_same_size(x: Any, other: Any) -> bool:
    """Say whether two arrays have one shape."""
    return shape_of(x) == shape_of(other)


@method
def contiguous(x: Any) -> Any:
    """Return the array: how a traced one lies in memory is not seen."""
    return x


@method
def is_contiguous(x: Any) -> bool:
    """Say that the array can be viewed in any shape, since what cannot is copied."""
    return True


def _contiguous_tensor(x: Any) -> Any:
    """Return the tensor if it lies in memory in C order, else a copy that does."""
    return x if x.data.flags.c_contiguous else np.reshape(np.ravel(x), x.shape)


def _is_contiguous_tensor(x: Any) -> bool:
    """Say whether the tensor lies in memory in C order."""
    return bool(x.data.flags.c_contiguous)


TENSOR_METHODS.update(contiguous=_contiguous_tensor, is_contiguous=_is_contiguous_tensor)
methods_of_functions({"ndimension": dim, "nelement": numel})
