"""Arrays put together of others, and parts put back into them, by PyTorch's names. All return new arrays."""

from __future__ import annotations

from itertools import combinations as choices
from itertools import combinations_with_replacement as choices_with_replacement
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.calculus.replacing import replaced
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.fitting import refuse_other_shape
from functorch_lite.tensor.method_table import method
from functorch_lite.tensor.selection import at_hand, like

__all__ = [
    "block_diag",
    "broadcast_tensors",
    "cartesian_prod",
    "combinations",
    "diagonal_scatter",
    "select_scatter",
    "slice_scatter",
    "unique_consecutive",
]

# --- Of others --------------------------------------------------------------------------------------------------------


def block_diag(*tensors: Any) -> Any:
    """Build the matrix with the given ones along its diagonal and zeros elsewhere; vectors count as rows.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.block_diag(ft.tensor([[1.0], [2.0]]), ft.tensor([3.0, 4.0]))
    tensor([[1., 0., 0.],
            [2., 0., 0.],
            [0., 3., 4.]])
    """
    blocks = [np.atleast_2d(as_array(a)) for a in tensors]
    for block in blocks:
        if len(shape_of(block)) > 2:
            raise ValueError(f"block_diag at {user_line()} takes matrices; an argument has shape {shape_of(block)}")
    width, before, rows = sum(shape_of(a)[1] for a in blocks), 0, []
    for a in blocks:
        own = shape_of(a)[1]
        rows.append(np.pad(a, ((0, 0), (before, width - before - own))))
        before += own
    return np.concatenate(rows)


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Repeat arrays to the shape that they have together.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> [a.shape for a in ft.broadcast_tensors(ft.zeros(3), ft.zeros(2, 1))]
    [(2, 3), (2, 3)]
    """
    shape = np.broadcast_shapes(*map(shape_of, tensors))
    return tuple(np.broadcast_to(a, shape) for a in tensors)


def cartesian_prod(*tensors: Any) -> Any:
    """Return all tuples of an element of each vector, one a row; of one vector, the vector.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cartesian_prod(ft.tensor([1, 2]), ft.tensor([5, 6]))
    tensor([[1, 5],
            [1, 6],
            [2, 5],
            [2, 6]])
    """
    for x in tensors:
        if len(shape_of(x)) != 1:
            raise ValueError(f"cartesian_prod at {user_line()} takes vectors; an argument has shape {shape_of(x)}")
    if len(tensors) == 1:
        return tensors[0]
    return np.stack([np.ravel(a) for a in np.meshgrid(*tensors, indexing="ij")], axis=1)


def combinations(x: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """Return all choices of ``r`` elements of a vector, one a row, in the order of the vector.

    Parameters
    ----------
    x
        A vector.
    r
        How many are chosen.
    with_replacement
        Whether an element can be chosen again.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.combinations(ft.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 2.],
            [1., 3.],
            [2., 3.]])
    """
    if len(shape_of(x)) != 1:
        raise ValueError(f"combinations at {user_line()} takes a vector, not shape {shape_of(x)}")
    chosen = (choices_with_replacement if with_replacement else choices)(range(shape_of(x)[0]), r)
    return take(x, np.array(list(chosen), dtype=np.int64).reshape(-1, r))


@method
def unique_consecutive(
    x: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Take the first of each run of equal elements (or slices along an axis); on request where they went, and how many.

    Parameters
    ----------
    x
        An array; where transformed, one whose values are at hand.
    return_inverse, return_counts
        Whether the result is a tuple, with the number of the run that each belongs to, or the lengths of the runs.
    dim
        The axis; None for the elements of the flattened array.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.unique_consecutive(ft.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    values = np.asarray(at_hand(x))
    axis = 0 if dim is None else only_axis(dim, values.ndim)
    rows = np.moveaxis(values.reshape(-1) if dim is None else values, axis, 0)
    rows = rows.reshape(len(rows), prod(rows.shape[1:]))
    starts = np.append(np.ones(min(len(rows), 1), bool), (rows[1:] != rows[:-1]).any(1))
    first = np.flatnonzero(starts)
    kept = take(np.ravel(x) if dim is None else x, first, axis)
    run = np.cumsum(starts) - 1
    inverse = like(x, run.reshape(values.shape) if dim is None else run)
    counts = like(x, np.diff(np.append(first, len(rows))))
    extra = tuple(a for a, asked in ((inverse, return_inverse), (counts, return_counts)) if asked)
    return (kept, *extra) if extra else kept


# --- Parts put back ---------------------------------------------------------------------------------------------------


@method
def select_scatter(x: Any, src: Any, dim: int, index: int) -> Any:
    """Put ``src`` in the place of the slice that ``x.select(dim, index)`` gives.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.select_scatter(ft.zeros(2, 2), ft.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    axis = only_axis(dim, len(shape_of(x)))
    return _put(x, (slice(None),) * axis + (index,), src, "select_scatter")


@method
def slice_scatter(
    x: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """Put ``src`` in the place of the slice ``start:end:step`` along an axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.slice_scatter(ft.zeros(4), ft.ones(2), start=1, step=2)
    tensor([0., 1., 0., 1.])
    """
    axis = only_axis(dim, len(shape_of(x)))
    return _put(x, (slice(None),) * axis + (slice(start, end, step),), src, "slice_scatter")


@method
def diagonal_scatter(x: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """Put ``src`` in the place of the diagonal that ``x.diagonal(offset, dim1, dim2)`` gives.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.diagonal_scatter(ft.zeros(2, 2), ft.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    last = np.moveaxis(x, (dim1, dim2), (-2, -1))
    n = shape_of(np.diagonal(last, offset, -2, -1))[-1]
    places = np.arange(n)
    key = (..., places + max(-offset, 0), places + max(offset, 0))
    return np.moveaxis(_put(last, key, src, "diagonal_scatter"), (-2, -1), (dim1, dim2))


def _put(x: Any, key: tuple[Any, ...], src: Any, name: str) -> Any:
    x = as_array(x)
    shape = np.empty(x.shape, np.bool_)[key].shape
    refuse_other_shape(name, "src", shape_of(src), shape, f"that of the part of an array of shape {x.shape}")
    return replaced(x, key, src)
