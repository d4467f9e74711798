"""Splitting and joining by PyTorch's names."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import only_axis
from functorch_lite.calculus.cumulative import along
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.fitting import part_of_axis
from functorch_lite.tensor.method_table import method, methods_of_functions
from functorch_lite.tensor.shaping import unpacked

__all__ = [
    "cat",
    "chunk",
    "column_stack",
    "dstack",
    "hstack",
    "meshgrid",
    "narrow",
    "select",
    "split",
    "stack",
    "tensor_split",
    "unbind",
    "unfold",
    "vstack",
]

# --- Splitting --------------------------------------------------------------------------------------------------------


@method
def split(x: Any, sizes: Any, dim: int = 0) -> tuple[Any, ...]:
    """Split along an axis into parts of one size (the last may be smaller) or of given sizes.

    Parameters
    ----------
    x
        An array with at least one axis.
    sizes
        The size of each part, as in PyTorch (NumPy has their number there); or the sizes of all.
    dim
        The axis.

    Raises
    ------
    ValueError
        If the sizes do not add up to the length of the axis, or the size is not positive.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.split(ft.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    n = shape_of(x)[dim]
    if not isinstance(sizes, int | np.integer):
        if sum(sizes) != n:
            raise ValueError(f"split: sizes {list(sizes)} do not add up to the {n} elements along axis {dim}")
        return tuple(np.split(x, list(accumulate(sizes))[:-1], axis=dim))
    if sizes < 1:
        raise ValueError(f"split: the size of a part must be positive, not {sizes}")
    return tuple(np.split(x, range(sizes, n, sizes), axis=dim))


@method
def chunk(x: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Split along an axis into at most ``chunks`` parts of one size, the last of which may be smaller.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.chunk(ft.arange(5), 3)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if chunks < 1:
        raise ValueError(f"chunk: the number of parts must be positive, not {chunks}")
    parts: tuple[Any, ...] = split(x, max(1, -(-shape_of(x)[dim] // chunks)), dim)
    return parts


@method
def tensor_split(x: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Split along an axis at positions, or into a number of parts whose sizes differ by one at most.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tensor_split(ft.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    return tuple(np.array_split(x, indices_or_sections, axis=dim))


@method
def unbind(x: Any, dim: int = 0) -> tuple[Any, ...]:
    """Return the slices along an axis, which falls away, as a tuple.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.unbind(ft.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    return tuple(select(x, dim, i) for i in range(shape_of(x)[dim]))


@method
def select(x: Any, dim: int, index: int) -> Any:
    """Take the slice at ``index`` along an axis, which falls away.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.select(ft.tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    return x[along(only_axis(dim, np.ndim(x)), index)]


@method
def narrow(x: Any, dim: int, start: int, length: int) -> Any:
    """Take ``length`` slices along an axis from ``start`` on.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.narrow(ft.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    axis = only_axis(dim, np.ndim(x))
    return x[along(axis, part_of_axis(start, length, shape_of(x)[axis], "narrow"))]


@method
def unfold(x: Any, dimension: int, size: int, step: int) -> Any:
    """Take all windows of a size along an axis, ``step`` apart; the elements of each lie along a new last axis.

    Parameters
    ----------
    dimension
        The axis, which counts the windows afterwards.
    size
        The length of a window.
    step
        How far one window begins behind the one before.

    Returns
    -------
    array
        A copy, where PyTorch gives a view.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> x.unfold(0, 2, 1).sum().backward()
    >>> x.grad
    tensor([1., 2., 1.])
    """
    axis = only_axis(dimension, np.ndim(x))
    length = shape_of(x)[axis]
    if not 0 <= size <= length or step < 1:
        raise ValueError(
            f"unfold: windows of {size} elements, {step} apart, along axis {axis} of length {length}: the size must be "
            f"from 0 to {length}, and the step positive"
        )
    starts = np.arange(0, length - size + 1, step)
    return np.moveaxis(x[along(axis, starts[:, None] + np.arange(size))], axis + 1, -1)


# --- Joining ----------------------------------------------------------------------------------------------------------


def cat(tensors: Any, dim: int = 0, *, axis: int | None = None) -> Any:
    """Join arrays along an axis that they have; their other axes have the same lengths.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cat([ft.zeros(1, 2), ft.ones(1, 2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    return np.concatenate(tensors, axis=_number(dim if axis is None else axis, "cat"))


def stack(tensors: Any, dim: int = 0, *, axis: int | None = None) -> Any:
    """Join arrays of one shape along a new axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.stack([ft.zeros(2), ft.ones(2)], dim=1)
    tensor([[0., 1.],
            [0., 1.]])
    """
    return np.stack(tensors, axis=_number(dim if axis is None else axis, "stack"))


def _number(axis: Any, name: str) -> Any:
    """Return an axis after a look that it is not the second of some arrays that were not put into a list."""
    if not isinstance(axis, int | np.integer):
        raise TypeError(
            f"{name} at {user_line()} takes a sequence of tensors, then an axis: {name}((a, b), dim=0); the axis it "
            f"was given is a {type(axis).__name__}"
        )
    return axis


def hstack(tensors: Any) -> Any:
    """Join arrays along the second axis, vectors along their only one.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.hstack([ft.zeros(1), ft.ones(2)])
    tensor([0., 1., 1.])
    """
    return np.hstack(tensors)


def vstack(tensors: Any) -> Any:
    """Join arrays along the first axis, vectors as rows.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.vstack([ft.zeros(2), ft.ones(2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    return np.vstack(tensors)


def dstack(tensors: Any) -> Any:
    """Join arrays along the third axis, which vectors and matrices are given.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.dstack([ft.zeros(2), ft.ones(2)])
    tensor([[[0., 1.],
             [0., 1.]]])
    """
    return np.dstack(tensors)


def column_stack(tensors: Any) -> Any:
    """Join vectors as the columns of a matrix, and matrices side by side.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.column_stack([ft.zeros(2), ft.ones(2)])
    tensor([[0., 1.],
            [0., 1.]])
    """
    return np.column_stack(tensors)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """Return the coordinates of a grid, one array for each of the vectors, of as many axes as there are vectors.

    The first varies along the first axis, as in PyTorch; with NumPy's ``indexing="xy"`` along the second.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> rows, columns = ft.meshgrid(ft.arange(2), ft.arange(3))
    >>> rows
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    return tuple(np.meshgrid(*unpacked(tensors), indexing=indexing))  # type: ignore[call-overload]


methods_of_functions({"dsplit": np.dsplit, "hsplit": np.hsplit, "split_with_sizes": split, "vsplit": np.vsplit})
