"""Histograms: counts, whose derivative is zero by nature; sums of weights, linear in them; edges between extremes.

In which bin an element lies does not change under small changes of it, so counts and sums of weights have no derivative
in the elements and in the edges. A density does in the edges, by whose distances it is divided. Edges that are made
from the extremes of the elements move with these.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.declare import zero_function
from functorch_lite.calculus.indexing import scatter
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import known, shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.tables import implements

# --- Edges ------------------------------------------------------------------------------------------------------------


def _no_batch_of_estimates(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    raise TypeError(
        f"at {user_line()} under vmap the number of bins was left to {params[0]!r}, which may choose another one for "
        f"each of the {size} examples, so that the results would differ in shape; give a number of bins"
    )


@zero_function(batch=_no_batch_of_estimates)
def _estimated_count(a: Any, bins: str, limits: Any) -> int:
    """Return how many bins an estimator wants."""
    return len(np.histogram_bin_edges(a, bins, limits)) - 1


def _edges(a: Any, bins: Any, limits: Any, dtype: Any = None) -> Any:
    """Return the edges of the bins: given, or so many of one width between the limits or the extremes."""
    if np.ndim(bins) == 1:
        edges = as_array(bins)
        if known(np.any(edges[:-1] > edges[1:])):
            raise ValueError("`bins` must increase monotonically, when an array")
        return edges
    if np.ndim(bins):
        raise ValueError("`bins` must be 1d, when an array")
    try:
        count = operator.index(bins)
    except TypeError as error:
        raise TypeError("`bins` must be an integer, a string, or an array") from error
    if count < 1:
        raise ValueError("`bins` must be positive, when an integer")
    first, last = _limits(a, limits)
    return np.linspace(first, last, count + 1, dtype=dtype)


def _limits(a: Any, limits: Any) -> tuple[Any, Any]:
    if limits is not None:
        first, last = limits
        if first > last:
            raise ValueError("max must be larger than min in range parameter.")
    elif not a.size:
        first, last = 0, 1
    else:
        first, last = np.min(a), np.max(a)
    if known(np.logical_not(np.isfinite(first) & np.isfinite(last))):
        raise ValueError(f"range of [{first}, {last}] is not finite")
    same = first == last
    return np.where(same, first - 0.5, first), np.where(same, last + 0.5, last)


# --- Sums in bins -----------------------------------------------------------------------------------------------------


def _places(a: Any, edges: Any) -> tuple[Any, Any]:
    """Return the bin of each element, and whether it lies in one; the last bin has its right edge."""
    place = np.searchsorted(edges, a, "right") - 1
    place = np.where(a == edges[-1], len(edges) - 2, place)
    return place, (a >= edges[0]) & (a <= edges[-1])


def _sums(values: Any, places: Any, inside: Any, count: int) -> Any:
    places = np.where(inside, places, count)
    return scatter.bind((values, places), ((count + 1,), (0,), (0,), False))[:count]


@implements(np.histogram_bin_edges)
def _histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    if weights is not None and shape_of(as_array(weights)) != shape_of(as_array(a)):
        raise ValueError("weights should have the same shape as a.")
    a = _elements(a)
    if isinstance(bins, str):
        if weights is not None:
            raise TypeError("Automated estimation of the number of bins is not supported for weighted data")
        bins = _estimated_count(a, bins, range)
    dtype = a.dtype if range is None else np.result_type(a.dtype, *(getattr(end, "dtype", end) for end in range))
    return _edges(a, bins, range, dtype if dtype.kind in "fc" else float)


@implements(np.histogram)
def _histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    edges = _histogram_bin_edges(a, bins, range, weights)
    a = _elements(a)
    values = np.ones(a.shape, np.intp) if weights is None else np.ravel(as_array(weights))
    sums = _sums(values, *_places(a, edges), len(edges) - 1)
    return (sums / np.diff(edges).astype(float) / np.sum(sums) if density else sums), edges


def _elements(a: Any) -> Any:
    a = np.ravel(as_array(a))
    return a.astype(np.uint8) if a.dtype == bool else a


@implements(np.histogramdd)
def _histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    if len(shape_of(sample)) != 2:
        sample = np.transpose(np.atleast_2d(as_array(sample)))
    count, rank = sample.shape
    bins = list(bins) if isinstance(bins, list | tuple) or shape_of(bins) else [bins] * rank
    if len(bins) != rank:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    limits = [None] * rank if range is None else list(range)
    if len(limits) != rank:
        raise ValueError("range argument must have one entry per dimension")
    columns = list(np.transpose(sample))
    edges = [_edges(column, b, limit) for column, b, limit in zip(columns, bins, limits, strict=True)]
    shape = tuple(len(e) - 1 for e in edges)
    flat: Any = 0
    inside: Any = True
    for column, e, n in zip(columns, edges, shape, strict=True):
        place, is_inside = _places(column, e)
        flat, inside = flat * n + place, inside & is_inside
    values = np.ones(count) if weights is None else as_array(weights).astype(float)
    if shape_of(values) != (count,):
        raise ValueError("The weights and list don't have the same length.")
    sums = np.reshape(_sums(values, flat, inside, int(np.prod(shape))), shape)
    if not density:
        return sums, edges
    total = np.sum(sums)
    for i, e in enumerate(edges):
        sums = sums / np.reshape(np.diff(e), (-1, *(1,) * (rank - i - 1)))
    return sums / total, edges


@implements(np.histogram2d)
def _histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[Any, Any, Any]:
    x, y = as_array(x), as_array(y)
    if len(x) != len(y):
        raise ValueError("x and y must have the same length.")
    if (isinstance(bins, list | tuple) or shape_of(bins)) and len(bins) not in (1, 2):
        bins = [as_array(bins)] * 2
    sums, edges = _histogramdd(np.stack([x, y], 1), bins, range, density, weights)
    return sums, edges[0], edges[1]
