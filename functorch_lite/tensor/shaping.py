"""Changing shapes by PyTorch's names: order of axes, shapes, repetition.

Two calls mean different things in NumPy and in PyTorch. ``x.transpose(0, 1)`` of a matrix is the matrix itself in
NumPy, its transpose in PyTorch; ``x.repeat(2, 1)`` of a matrix repeats columns in NumPy, stacks copies in PyTorch.
Traced arrays, which may belong to code of either style, refuse these two; tensors follow PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.aliases import in_own_memory
from functorch_lite.tensor.ambient import is_tensor
from functorch_lite.tensor.method_table import METHODS, TENSOR_METHODS, method, methods_of_functions

__all__ = [
    "broadcast_to",
    "expand",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "movedim",
    "permute",
    "repeat",
    "repeat_interleave",
    "roll",
    "rot90",
    "squeeze",
    "t",
    "tile",
    "transpose",
    "unflatten",
    "unpacked",
    "unsqueeze",
    "view",
]

# --- The order of axes ------------------------------------------------------------------------------------------------


@method
def t(x: Any) -> Any:
    """Transpose a matrix; a vector and a number stay as they are, and more axes raise `ValueError`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.t(ft.zeros(2, 3)).shape
    (3, 2)
    """
    if np.ndim(x) > 2:
        raise ValueError(f"t: expects at most two axes, not shape {shape_of(x)}; name the axes: swapaxes(x, -1, -2)")
    return np.transpose(x)


@method
def permute(x: Any, *dims: Any) -> Any:
    """Put the axes in another order: ``permute(x, 2, 0, 1)`` or ``permute(x, (2, 0, 1))``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.permute(ft.zeros(2, 3, 4), 2, 0, 1).shape
    (4, 2, 3)
    """
    return np.transpose(x, unpacked(dims))


def transpose(x: Any, *axes: Any, dim0: Any = None, dim1: Any = None) -> Any:
    """Exchange two axes, ``transpose(x, 0, 1)``; or, as in NumPy, permute them all, ``transpose(x, (2, 0, 1))``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.transpose(ft.zeros(2, 3, 4), 0, 2).shape, ft.transpose(ft.zeros(2, 3, 4), (2, 0, 1)).shape
    ((4, 3, 2), (4, 2, 3))
    """
    axes += tuple(dim for dim in (dim0, dim1) if dim is not None)
    if len(axes) == 2 and isinstance(axes[0], int):
        return np.swapaxes(x, *axes)
    return np.transpose(x, unpacked(axes) if axes and axes[0] is not None else None)


def _transpose_unless_ambiguous(x: Any, *axes: Any, dim0: Any = None, dim1: Any = None) -> Any:
    """Exchange two axes or permute them all, as `transpose` does; what NumPy understands otherwise is refused."""
    if len(axes) == 2 and x.ndim == 2 and [only_axis(axis, 2) for axis in axes] == [0, 1]:
        raise TypeError(
            f"x.transpose{axes} at {user_line()} of an array {x.dtype}{list(x.shape)}: in NumPy this matrix itself, in "
            f"PyTorch its transpose. Write x.T or np.swapaxes(x, 0, 1) for the transpose, np.transpose(x, axes) for a "
            f"permutation."
        )
    return transpose(x, *axes, dim0=dim0, dim1=dim1)


METHODS["transpose"], TENSOR_METHODS["transpose"] = _transpose_unless_ambiguous, transpose


@method
def movedim(x: Any, source: Any, destination: Any) -> Any:
    """Move axes to other places; the others keep their order.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.movedim(ft.zeros(2, 3, 4), 0, -1).shape
    (3, 4, 2)
    """
    return np.moveaxis(x, source, destination)


@method
def flip(x: Any, *axes: Any, dims: Any = None) -> Any:
    """Reverse the order along axes, along all if none is named. The result is a copy (of ``np.flip``, a view).

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.flip(ft.tensor([1, 2, 3]), 0)
    tensor([3, 2, 1])
    """
    return in_own_memory(np.flip(x, dims if axes == () else unpacked(axes)))


@method
def fliplr(x: Any) -> Any:
    """Reverse the order along axis 1.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.fliplr(ft.tensor([[1, 2, 3]]))
    tensor([[3, 2, 1]])
    """
    return in_own_memory(np.fliplr(x))


@method
def flipud(x: Any) -> Any:
    """Reverse the order along axis 0.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.flipud(ft.tensor([1, 2, 3]))
    tensor([3, 2, 1])
    """
    return in_own_memory(np.flipud(x))


@method
def roll(x: Any, shifts: Any, dims: Any = None) -> Any:
    """Shift along axes, what falls out coming in again; along the flattened array if no axis is named.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.roll(ft.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    return np.roll(x, shifts, axis=dims)


@method
def rot90(x: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """Rotate by ninety degrees ``k`` times in the plane of two axes, from the first towards the second.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.rot90(ft.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    return in_own_memory(np.rot90(x, k, dims), x)


# --- Shapes -----------------------------------------------------------------------------------------------------------


@method
def view(x: Any, *shape: Any) -> Any:
    """Return the array with another shape, or as it is. NumPy's ``view(dtype)``, which reads bits anew, is refused.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(lambda x: x.view(2, -1))(np.zeros((5, 6))).shape
    (5, 2, 3)
    """
    if len(shape) == 1 and isinstance(shape[0], type | np.dtype | str):
        raise TypeError(
            f"view({shape[0]!r}) at {user_line()} would read the bits of {x.dtype} anew, which has no derivative; "
            f"write x.astype(dtype) to convert the values, or x.view(*shape) to change the shape"
        )
    return np.reshape(x, unpacked(shape) if shape else shape_of(x))


def _view_of_tensor(x: Any, *shape: Any) -> Any:
    """Return the tensor with another shape and the same memory, or raise where only a copy has that shape.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.zeros(2, 2)
    >>> x.view(4)[0] = 1.0
    >>> x.tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    result = view(x, *shape)
    if is_tensor(result) and result.size and not np.may_share_memory(result._array, x._array):
        raise RuntimeError(
            f"view{unpacked(shape)} at {user_line()} of a tensor of shape {x.shape}, whose elements do not lie in this "
            f"order in memory, would be a copy; write reshape where a copy will do"
        )
    return result


TENSOR_METHODS["view"] = _view_of_tensor


@method
def view_as(x: Any, other: Any) -> Any:
    """Return the array with the shape of another.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.arange(4).view_as(ft.zeros(2, 2)).shape
    (2, 2)
    """
    return np.reshape(x, other.shape)


@method
def expand(x: Any, *sizes: Any) -> Any:
    """Repeat along axes of length one, and along new axes in front; -1 keeps an axis as it is.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad(lambda x: x.expand(3, -1).sum())(ft.tensor([1.0, 2.0]))
    tensor([3., 3.])
    """
    shape, wanted = shape_of(x), unpacked(sizes)
    if len(wanted) < len(shape):
        raise ValueError(f"expand{wanted} at {user_line()}: give a size for each axis of shape {shape}, or more")
    own = (-1,) * (len(wanted) - len(shape)) + shape
    return np.broadcast_to(x, tuple(o if n == -1 else n for n, o in zip(wanted, own, strict=True)))


@method
def expand_as(x: Any, other: Any) -> Any:
    """Repeat to the shape of another array.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2, 1).expand_as(ft.zeros(2, 3)).shape
    (2, 3)
    """
    return np.broadcast_to(x, other.shape)


@method
def broadcast_to(x: Any, *size: Any) -> Any:
    """Repeat along axes of length one, and along new axes in front, to a shape.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.broadcast_to(ft.zeros(3), 2, 3).shape
    (2, 3)
    """
    return np.broadcast_to(x, unpacked(size))


@method
def flatten(x: Any, start_dim: Any = 0, end_dim: int = -1, order: str = "C") -> Any:
    """Join axes, from ``start_dim`` to ``end_dim``, into one; ``flatten(order)`` is NumPy's.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.flatten(ft.zeros(2, 3, 4), 1).shape
    (2, 12)
    """
    x = as_array(x)
    if isinstance(start_dim, str):
        start_dim, order = 0, start_dim
    if order != "C" or (start_dim == 0 and end_dim == -1):
        return np.ravel(x, order)  # type: ignore[call-overload]
    first, last = (only_axis(dim, max(1, x.ndim)) for dim in (start_dim, end_dim))
    if first > last:
        raise ValueError(f"flatten: start_dim = {start_dim} comes behind end_dim = {end_dim} in shape {x.shape}")
    return np.reshape(x, (*x.shape[:first], int(np.prod(x.shape[first : last + 1])), *x.shape[last + 1 :]))


@method
def unflatten(x: Any, dim: int, sizes: Sequence[int]) -> Any:
    """Split an axis into several, of the given lengths; one of them may be -1.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.unflatten(ft.zeros(2, 12), 1, (3, -1)).shape
    (2, 3, 4)
    """
    axis, shape = only_axis(dim, np.ndim(x)), shape_of(x)
    rest = int(np.prod([n for n in sizes if n != -1]))
    sizes = [shape[axis] // rest if n == -1 else n for n in sizes]
    return np.reshape(x, (*shape[:axis], *sizes, *shape[axis + 1 :]))


@method
def unsqueeze(x: Any, dim: int) -> Any:
    """Put in an axis of length one, which is axis ``dim`` of the result.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.unsqueeze(ft.zeros(2, 3), 1).shape
    (2, 1, 3)
    """
    return np.expand_dims(x, dim)


@method
def squeeze(x: Any, axis: Any = None, *, dim: Any = None) -> Any:
    """Drop axes of length one. By ``dim`` longer axes stay, as in PyTorch; by position or ``axis`` NumPy raises.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.squeeze(ft.zeros(1, 2, 1)).shape, ft.squeeze(ft.zeros(1, 2, 1), dim=(1, 2)).shape
    ((2,), (1, 2))
    """
    if dim is None:
        return np.squeeze(x, axis)
    shape = shape_of(x)
    dims = dim if isinstance(dim, tuple | list) else (dim,)
    return np.squeeze(x, tuple(d for d in dims if shape[only_axis(d, len(shape))] == 1))


# --- Repetition -------------------------------------------------------------------------------------------------------


@method
def tile(x: Any, *dims: Any) -> Any:
    """Stack copies, ``dims[i]`` of them along axis ``i``; fewer numbers than axes count from the last axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tile(ft.tensor([1, 2]), 2)
    tensor([1, 2, 1, 2])
    """
    return np.tile(x, unpacked(dims))


def repeat(x: Any, *sizes: Any, axis: Any = None, repeats: Any = None) -> Any:
    """Stack copies, ``x.repeat(2, 3)``; or, as in NumPy, repeat each element, ``x.repeat(2)``, ``x.repeat(2, axis=0)``.

    Several ints, and a tuple, are PyTorch's if there are as many as axes at least and no axis 0 among them; one int is
    NumPy's (PyTorch's ``x.repeat(2)`` of a vector is ``x.repeat((2,))`` here).

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tensor([1, 2]).repeat((2,))
    tensor([1, 2, 1, 2])
    >>> ft.tensor([1, 2]).repeat(2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None and axis is None and _counts_copies(x, sizes):
        return np.tile(x, unpacked(sizes))
    given = sizes if repeats is None else (repeats, *sizes)
    return np.repeat(x, *given, *(() if axis is None else (axis,)))


def _repeat_unless_ambiguous(x: Any, *sizes: Any, axis: Any = None, repeats: Any = None) -> Any:
    """Stack copies or repeat each element, as `repeat` does; what NumPy understands otherwise is refused."""
    if repeats is None and axis is None and _counts_copies(x, sizes):
        counts = unpacked(sizes)
        if (sizes[1:] == (1,) and x.ndim == 2) or (len(sizes) == 1 and len(counts) in (1, x.size)):
            raise TypeError(
                f"x.repeat{sizes} at {user_line()} of an array {x.dtype}{list(x.shape)}: in NumPy it repeats elements, "
                f"in PyTorch it stacks copies. Write x.repeat({sizes[0]}, axis=…) for the one, x.tile{counts} for the "
                f"other."
            )
    return repeat(x, *sizes, axis=axis, repeats=repeats)


def _counts_copies(x: Any, sizes: tuple[Any, ...]) -> bool:
    """Say whether PyTorch understands the sizes: one an axis at least, none of which is more likely an axis itself."""
    counts = unpacked(sizes)
    if len(counts) < np.ndim(x) or (len(sizes) == 1 and counts is sizes) or (len(sizes) == 2 and sizes[1] == 0):
        return False
    return all(isinstance(n, int | np.integer) and n >= 0 for n in counts)


METHODS["repeat"], TENSOR_METHODS["repeat"] = _repeat_unless_ambiguous, repeat


@method
def repeat_interleave(x: Any, repeats: Any, dim: Any = None) -> Any:
    """Repeat each element, along an axis or of the flattened array; ``repeats`` is a number or one for each.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.repeat_interleave(ft.tensor([1, 2]), [1, 3])
    tensor([1, 2, 2, 2])
    """
    return np.repeat(x, repeats, axis=dim)


def unpacked(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments of ``f(x, 2, 3)`` and of ``f(x, (2, 3))`` alike, as a tuple."""
    if len(args) == 1 and isinstance(args[0], tuple | list):
        return tuple(args[0])
    return args


methods_of_functions(
    {
        "swapdims": np.swapaxes,
        "moveaxis": np.moveaxis,
        "reshape_as": view_as,
    }
)
