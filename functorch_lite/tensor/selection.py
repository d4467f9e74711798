"""Taking and putting by positions and masks, by PyTorch's names.

PyTorch's `gather` goes along one axis: the position along it comes from ``index``, that along the others is the place
in ``index``, which may be smaller than the array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus import indexing, taking
from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.calculus.keys import as_indices
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.ambient import constant, is_tensor
from functorch_lite.tensor.fitting import checked_index, mask_of
from functorch_lite.tensor.method_table import METHODS, method, methods_of_functions
from functorch_lite.tensor.places import key_of, places_of

__all__ = [
    "at_hand",
    "bincount",
    "bucketize",
    "gather",
    "index_select",
    "like",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "searchsorted",
    "take_along_dim",
    "unique",
    "where",
]

# --- By masks ---------------------------------------------------------------------------------------------------------


def where(condition: Any, *args: Any) -> Any:
    """Take from the first array where the condition holds, else from the second; alone, find where it holds.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.where(ft.tensor([True, False]), 1.0, ft.tensor([8.0, 9.0]))
    tensor([1., 9.])
    """
    if len(args) not in (0, 2):
        raise TypeError(
            f"where at {user_line()}: give two arrays beside the condition, where(condition, x, y), or none, to find "
            f"where it holds; given {len(args)}"
        )
    return np.where(condition, *args)


@method
def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """Put a number where a mask, which broadcasts, is true.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.masked_fill(ft.tensor([1.0, 2.0]), ft.tensor([True, False]), 0.0)
    tensor([0., 2.])
    """
    return np.where(mask_of(mask, "masked_fill"), value, x)


@method
def masked_select(x: Any, mask: Any) -> Any:
    """Take the elements where a mask, which broadcasts, is true, as a vector.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad(lambda x: ft.masked_select(x, x > 1.0).sum())(ft.tensor([1.0, 2.0]))
    tensor([0., 1.])
    """
    mask = mask_of(mask, "masked_select")
    shape = np.broadcast_shapes(shape_of(x), shape_of(mask))
    return indexing.getitem(np.broadcast_to(x, shape), np.broadcast_to(mask, shape))


@method
def masked_scatter(x: Any, mask: Any, source: Any) -> Any:
    """Put the elements of ``source``, one after the other, where a mask is true.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.masked_scatter(ft.zeros(3), ft.tensor([True, False, True]), ft.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    mask, source = np.broadcast_to(mask_of(mask, "masked_scatter"), shape_of(x)), np.ravel(source)
    count = np.reshape(np.cumsum(np.ravel(mask)), shape_of(x))
    size = shape_of(source)[0]
    count = checked_index(count, size + 1, 0, f"masked_scatter: the mask has {{}} places for {size} elements of source")
    return np.where(mask, taking.take(source, np.maximum(count - 1, 0)), x) if size else x


def _where_method(x: Any, condition: Any, other: Any) -> Any:
    """Keep the elements where a condition holds; take those of the other array elsewhere.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([-1.0, 2.0])
    >>> x.where(x > 0, 0.0)
    tensor([0., 2.])
    """
    return np.where(condition, x, other)


METHODS["where"] = _where_method


@method
def nonzero(x: Any, *, as_tuple: bool = True) -> Any:
    """Find the elements that are not zero: one array of positions an axis, or one row of positions an element.

    The first is the default, NumPy's; ``as_tuple=False`` (PyTorch's default) gives the rows.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.nonzero(ft.tensor([0.0, 3.0, 5.0]), as_tuple=False)
    tensor([[1],
            [2]])
    """
    return np.nonzero(x) if as_tuple else np.argwhere(x)


# --- Taking by positions ----------------------------------------------------------------------------------------------


@method
def gather(x: Any, dim: int, index: Any) -> Any:
    """Take ``x[index[i, j], j]`` (for ``dim=0`` of a matrix) at each place ``i, j`` of ``index``.

    Parameters
    ----------
    x
        An array.
    dim
        The axis along which ``index`` has positions.
    index
        Integers, with as many axes as ``x``; the other axes may be shorter.

    Returns
    -------
    array
        Of the shape of ``index``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.gather(ft.tensor([[1, 2], [3, 4]]), 1, ft.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    x, index = as_array(x), as_indices(index)
    return indexing.gather.bind((x, *places_of(x, dim, index, "gather")), key_of(x))


@method
def index_select(x: Any, dim: int, index: Any) -> Any:
    """Take the slices along an axis that a vector of integers names.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad(lambda x: ft.index_select(x, 0, ft.tensor([0, 0])).sum())(ft.ones(2))
    tensor([2., 0.])
    """
    return taking.take(x, index, dim)


@method
def take_along_dim(x: Any, indices: Any, dim: int | None = None) -> Any:
    """Take along an axis at positions whose other axes repeat as needed; from the flattened array without an axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([[3, 1], [2, 4]])
    >>> ft.take_along_dim(x, x.argmax(1, keepdims=True), 1)
    tensor([[3],
            [4]])
    """
    if dim is None:
        return np.take_along_axis(np.ravel(x), np.ravel(indices), 0)
    axis = only_axis(dim, np.ndim(x))
    shapes = [(*s[:axis], 1, *s[axis + 1 :]) for s in (shape_of(x), shape_of(indices))]
    other = np.broadcast_shapes(*shapes)
    x, indices = (np.broadcast_to(a, (*other[:axis], shape_of(a)[axis], *other[axis + 1 :])) for a in (x, indices))
    return np.take_along_axis(x, indices, axis)


def searchsorted(sorted_sequence: Any, values: Any, *, right: bool = False, side: Any = None) -> Any:
    """Find where values would be put into a sorted vector to keep it sorted, before or (``right``) behind equal ones.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.searchsorted(ft.tensor([1.0, 3.0]), ft.tensor([0.0, 3.0, 9.0]))
    tensor([0, 1, 2])
    """
    return np.searchsorted(sorted_sequence, values, side=side or ("right" if right else "left"))


def bucketize(x: Any, boundaries: Any, *, right: bool = False) -> Any:
    """Find between which boundaries each element lies: how many boundaries are below it, or (``right``) not above it.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.bucketize(ft.tensor([0.0, 3.0, 9.0]), ft.tensor([1.0, 3.0]))
    tensor([0, 1, 2])
    """
    return searchsorted(boundaries, x, right=right)


methods_of_functions({"argwhere": np.argwhere})


@method
def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Count how often each number from 0 on occurs in a vector, or sum the weights that stand with it.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.bincount(ft.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    return like(x, np.bincount(at_hand(x), weights, minlength))


@method
def unique(
    x: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Take the distinct elements (or slices along an axis), sorted; on request where they went and how many they are.

    The derivative of each belongs to its first occurrence.

    Parameters
    ----------
    x
        An array; where transformed, one whose values are at hand.
    sorted
        Accepted for PyTorch's sake: they are always sorted.
    return_inverse, return_counts
        Whether the result is a tuple, with the positions that give ``x`` back, or the numbers.
    dim
        The axis; None for the elements of the flattened array.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.unique(ft.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    _, first, inverse, counts = np.unique(at_hand(x), True, True, True, axis=dim)
    values = taking.take(np.ravel(x), first, 0) if dim is None else taking.take(x, first, dim)
    extra = tuple(like(x, a) for a, asked in ((inverse, return_inverse), (counts, return_counts)) if asked)
    return (values, *extra) if extra else values


def at_hand(x: Any) -> Any:
    """Return the array of a tensor, whose elements may be looked at; those of other traced arrays NumPy will refuse."""
    return x.data if is_tensor(x) else x


def like(x: Any, found: Any) -> Any:
    """Return what was found of a tensor's array as a tensor."""
    return constant(found) if is_tensor(x) else found
