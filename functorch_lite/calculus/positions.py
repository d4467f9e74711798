"""Where things stand: positions, counts and grids of indices. Their derivative is zero by nature.

What finds positions by value decides the shape of its result, so it is refused where the values differ from example to
example.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.batching import same_axes
from functorch_lite.calculus.declare import zero_function
from functorch_lite.calculus.indexing import getitem, scatter
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import aligned, known, shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive, Zero
from functorch_lite.core.tables import implements

__all__ = ["nonzero"]

# --- Positions of what is true ----------------------------------------------------------------------------------------


def _no_batch_of_nonzero(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    raise TypeError(
        f"at {user_line()} under vmap elements were selected by a mask that differs between the {size} examples "
        f"(x[mask], np.nonzero, np.extract, …), so the results would differ in shape. Keep the shape: "
        f"np.where(mask, x, 0), or np.sum(np.where(mask, x, 0)) for a sum over the selected."
    )


def _nonzero_of(x: Any) -> tuple[Any, ...]:
    positions: tuple[Any, ...] = np.nonzero(x)
    return positions


#: The positions of the elements that are not zero. Under `jit` and `vmap` their number is unknown.
nonzero = Zero(_nonzero_of, ["x"], name="nonzero", multiple=True, batch=_no_batch_of_nonzero)


@implements(np.nonzero)
def _nonzero(a: Any) -> Any:
    return nonzero(a)


@implements(np.flatnonzero)
def _flatnonzero(a: Any) -> Any:
    return np.nonzero(np.ravel(a))[0]


@implements(np.argwhere)
def _argwhere(a: Any) -> Any:
    if not a.ndim:
        return np.argwhere(np.ravel(a))[:, :0]
    return np.stack(np.nonzero(a), 1)


# --- Positions in sorted arrays ---------------------------------------------------------------------------------------


def _batch_of_searchsorted(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    (a, v), (side,) = arrays, params
    if not batched[0]:
        return primitive(a, v, side)
    # The position of v in the sorted row is its position among the row and all v together, less that among all v.
    if not batched[1]:
        v = np.broadcast_to(v, (size, *shape_of(v)))
    row = v.reshape(size, prod(v.shape[1:]))
    pair, start = ((row, a), 0) if side == "left" else ((a, row), a.shape[1])
    order = np.argsort(np.concatenate(pair, 1), 1, kind="stable")
    among_all = np.argsort(order, 1)[:, start : start + row.shape[1]]
    among_values = np.argsort(np.argsort(row, 1, kind="stable"), 1)
    return (among_all - among_values).reshape(v.shape)


@zero_function(2, batch=_batch_of_searchsorted)
def _position_among(a: Any, v: Any, side: str) -> Any:
    return np.searchsorted(a, v, side)  # type: ignore[call-overload]


@implements(np.searchsorted)
def _searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    a = as_array(a)
    if sorter is not None:
        a = getitem(a, as_array(sorter))
    if a.ndim != 1:
        raise ValueError(f"np.searchsorted looks things up in a 1-d array, not in one of shape {a.shape}")
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got {side!r})")
    return _position_among(a, v if hasattr(v, "dtype") else as_array(v), side)


def _batch_of_bins(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    if batched[1]:
        raise NotImplementedError(
            f"np.digitize at {user_line()} under vmap with bins that differ between examples has no batching rule; "
            f"write np.searchsorted(bins, x, side='right'), which is the same for increasing bins"
        )
    return primitive.bind(arrays, params)


@zero_function(2, batch=_batch_of_bins)
def _bin(x: Any, bins: Any, right: bool) -> Any:
    return np.digitize(x, bins, right)


@implements(np.digitize)
def _digitize(x: Any, bins: Any, right: bool = False) -> Any:
    return _bin(as_array(x), as_array(bins), bool(right))


# --- Counts -----------------------------------------------------------------------------------------------------------


@implements(np.bincount)
def _bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    positions = known(x)
    if positions is None:
        raise TypeError(
            f"np.bincount at {user_line()} was given traced positions, whose largest decides the length of the result; "
            f"write np.sum(np.where(x == np.arange(n)[:, None], weights, 0), axis=1) for n bins"
        )
    if weights is None:
        return _counts(x, minlength)
    length = len(np.bincount(positions, minlength=minlength))
    weights = as_array(weights)
    if shape_of(weights) != shape_of(as_array(x)):
        raise ValueError("The weights and list don't have the same length.")
    if not np.can_cast(weights.dtype, float):
        raise TypeError(
            f"np.bincount at {user_line()} was given weights of {weights.dtype}, which float64 cannot hold; convert "
            f"them by weights.astype(float), or count once with their real and once with their imaginary parts"
        )
    return scatter.bind((weights.astype(float), as_array(x).astype(np.intp)), ((length,), (0,), (0,), False))


@zero_function()
def _counts(x: Any, minlength: int) -> Any:
    return np.bincount(x, minlength=minlength)


# --- Grids and coordinates --------------------------------------------------------------------------------------------


@implements(np.ix_)
def _ix(*args: Any) -> tuple[Any, ...]:
    sequences = [as_array(a) for a in args]
    if any(a.ndim != 1 for a in sequences):
        raise ValueError("Cross index must be 1 dimensional")
    sequences = [np.nonzero(a)[0] if a.dtype == bool else a for a in sequences]
    n = len(sequences)
    return tuple(np.reshape(a, (1,) * i + (a.size,) + (1,) * (n - i - 1)) for i, a in enumerate(sequences))


@implements(np.diag_indices_from)
def _diag_indices_from(arr: Any) -> Any:
    return np.diag_indices_from(np.broadcast_to(0, arr.shape))


@implements(np.tril_indices_from)
def _tril_indices_from(arr: Any, k: int = 0) -> Any:
    return np.tril_indices_from(np.broadcast_to(0, arr.shape), k)


@implements(np.triu_indices_from)
def _triu_indices_from(arr: Any, k: int = 0) -> Any:
    return np.triu_indices_from(np.broadcast_to(0, arr.shape), k)


def _unraveled_of(indices: Any, shape: Any, order: str) -> tuple[Any, ...]:
    coordinates: tuple[Any, ...] = np.unravel_index(indices, shape, order)  # type: ignore[call-overload]
    return coordinates


_unraveled = Zero(_unraveled_of, ["indices"], ["shape", "order"], name="unravel_index", multiple=True, batch=same_axes)


@implements(np.unravel_index)
def _unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    if shape == ():
        return ()  # an array of no axes has one element, which needs no coordinates
    return _unraveled(indices, shape, order)


def _batch_of_raveled(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    return primitive.bind(aligned(arrays, batched), params)


def _raveled_of(arrays: Arrays, dims: Any, mode: Any, order: str) -> Any:
    return np.ravel_multi_index(arrays, dims, mode, order)  # type: ignore[call-overload]


_raveled = Zero(
    _raveled_of, ["arrays"], ["dims", "mode", "order"], name="ravel_multi_index", variadic=True, batch=_batch_of_raveled
)


@implements(np.ravel_multi_index)
def _ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    return _raveled(tuple(multi_index), dims, mode, order)
