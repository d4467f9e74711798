"""Combining what goes to one place of a copy of an array: sums, products, means and extremes by positions.

Extremes are a primitive, which shares its derivative equally among ties. Products are taken along groups of equal
positions by doubling, which divides by nothing: zeros are as good as other numbers, to every order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus import indexing
from functorch_lite.calculus.arguments import as_array, only_axis, refuse_foreign
from functorch_lite.calculus.batching import broadcast_batch
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.keys import as_indices
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.tensor.fitting import positions
from functorch_lite.tensor.method_table import method
from functorch_lite.tensor.places import axis_of_slices, key_of, last_named, part_named, places_of, vector_of

__all__ = ["index_add", "index_reduce", "scatter_add", "scatter_reduce"]

_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


@method
def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Any:
    """Add ``src[i, j]`` to ``x[index[i, j], j]``, as often as a place is named; the arguments are those of `scatter`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.scatter_add(ft.zeros(3), 0, ft.tensor([2, 2]), ft.tensor([1.0, 5.0]))
    tensor([0., 0., 6.])
    """
    x, index, src = as_array(x), as_indices(index), as_array(src)
    places = places_of(x, dim, index, "scatter_add")
    src = src[part_named(src, index, "scatter_add")] if src.ndim else np.broadcast_to(src, index.shape)
    return x + indexing.scatter.bind((src, *places), (x.shape, *key_of(x)))


@method
def index_add(x: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """Add slices of ``source``, times ``alpha``, to the slices of the array that ``index`` names along an axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.index_add(ft.zeros(3), 0, ft.tensor([2, 2]), ft.tensor([1.0, 5.0]))
    tensor([0., 0., 6.])
    """
    x, index, source = as_array(x), vector_of(index, "index_add"), as_array(source)
    axis = axis_of_slices(x, dim, index, source, "index_add")
    added = indexing.scatter.bind((source, index), (x.shape, (slice(None),) * axis + (0,), (axis,), False))
    return x + (added if alpha == 1 else alpha * added)


@method
def scatter_reduce(x: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """Combine ``src[i, j]`` with ``x[index[i, j], j]`` and all else that goes there.

    Parameters
    ----------
    x
        An array.
    dim
        The axis along which ``index`` has positions.
    index
        Integers, with as many axes as ``x``; the other axes may be shorter.
    src
        An array at least as large as ``index``.
    reduce
        How: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``. Extremes share their derivative equally among
        ties.
    include_self
        Whether the element of ``x`` that is there counts too, where something goes to its place.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x, index, src = ft.ones(3), ft.tensor([2, 2]), ft.tensor([2.0, 5.0])
    >>> ft.scatter_reduce(x, 0, index, src, "amax")
    tensor([1., 1., 5.])
    >>> ft.grad(lambda src: ft.scatter_reduce(x, 0, index, src, "prod").sum())(src)
    tensor([5., 2.])
    """
    if reduce not in _REDUCTIONS:
        raise ValueError(f"scatter_reduce at {user_line()}: reduce is one of {_REDUCTIONS}, not {reduce!r}")
    x, index, src = as_array(x), as_indices(index), as_array(src)
    places = places_of(x, dim, index, "scatter_reduce")
    src = src[part_named(src, index, "scatter_reduce")] if src.ndim else np.broadcast_to(src, index.shape)
    axis = only_axis(dim, x.ndim)
    place: Any = 0
    for n, along in zip(x.shape, places, strict=True):
        place = place * n + (positions(along, n, "scatter_reduce") if along is places[axis] else along)
    flat = (np.ravel(x), np.ravel(src), np.ravel(np.broadcast_to(place, index.shape)))
    combined = _reduced(*flat, reduce, include_self, index.shape[axis] if index.ndim else 1)
    return np.reshape(combined, x.shape).astype(x.dtype)


@method
def index_reduce(x: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    """Combine slices of ``source`` with the slices of the array that ``index`` names along an axis.

    Parameters
    ----------
    x
        An array.
    dim
        The axis.
    index
        A vector of integers.
    source
        An array with a slice for each of them.
    reduce, include_self
        As for `scatter_reduce`, but for ``"sum"``, which is `index_add`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.index_reduce(ft.ones(3), 0, ft.tensor([2, 2]), ft.tensor([2.0, 5.0]), "mean", include_self=False)
    tensor([1. , 1. , 3.5])
    """
    if reduce not in _REDUCTIONS[1:]:
        raise ValueError(f"index_reduce at {user_line()}: reduce is one of {_REDUCTIONS[1:]}, not {reduce!r}")
    x, index, source = as_array(x), vector_of(index, "index_reduce"), as_array(source)
    axis = axis_of_slices(x, dim, index, source, "index_reduce")
    index = np.reshape(index, (-1, *(1,) * (x.ndim - axis - 1)))
    return scatter_reduce(x, axis, np.broadcast_to(index, source.shape), source, reduce, include_self=include_self)


# --- On vectors -------------------------------------------------------------------------------------------------------


def _reduced(x: Any, src: Any, place: Any, reduce: str, include_self: bool, most: int) -> Any:
    """Combine the elements of a vector with those of another that go to their places, ``most`` to one at most."""
    counts = _summed(np.ones(place.shape, np.intp), place, x.shape[0])
    if not include_self and reduce in ("sum", "mean", "prod"):
        x = np.where(counts > 0, reduce == "prod", x)
    if reduce == "prod":
        return x * _products(src, place, x.shape[0], most)
    if reduce in ("sum", "mean"):
        total = x + _summed(src, place, x.shape[0])
        if reduce == "sum":
            return total
        counts = np.maximum(counts + include_self, 1)
        return total // counts if total.dtype.kind in "iu" else total / counts.astype(total.dtype)
    if not include_self:
        limits = np.finfo(x.dtype) if x.dtype.kind == "f" else np.iinfo(x.dtype)
        low, high = (-np.inf, np.inf) if x.dtype.kind == "f" else (limits.min, limits.max)
        x = np.where(counts > 0, low if reduce == "amax" else high, x)
    return _extreme(x, src.astype(x.dtype), place, reduce == "amax")


def _summed(x: Any, place: Any, size: int) -> Any:
    return indexing.scatter.bind((x, place), ((size,), (0,), (0,), False))


def _products(x: Any, place: Any, size: int, most: int) -> Any:
    """Return the products of what goes to each of some places, of ``most`` factors at most; else 1."""
    if not x.shape[0]:
        return np.ones(size, x.dtype)
    order = np.argsort(place, stable=True)
    x, place = take(x, order, 0), take(place, order, 0)
    reach = 1
    while reach < most:  # x[i] is the product of the up to ``reach`` elements of its group that end at i
        joined = np.pad(place[reach:] == place[:-reach], ((min(reach, x.shape[0]), 0),))
        x = np.where(joined, x * np.pad(x[:-reach], ((min(reach, x.shape[0]), 0),), constant_values=1), x)
        reach *= 2
    last = last_named(place, 0, (size,))
    return np.where(last >= 0, take(x, np.maximum(last, 0), 0), 1)


def _batch_of_extremes(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    x, src, place = (a if b else broadcast_batch(size, a) for a, b in zip(arrays, batched, strict=True))
    n = x.shape[1]
    place = place + n * np.arange(size)[:, None]
    return np.reshape(primitive.bind((np.ravel(x), np.ravel(src), np.ravel(place)), params), (size, n))


def _ties(ans: Any, x: Any, src: Any, place: Any) -> tuple[Any, Any, Any]:
    """Say which elements of the two vectors are the extreme, and how many of them there are at each place."""
    of_x, of_src = (x == ans) | (x != x), (src == take(ans, place, 0)) | (src != src)
    return of_x, of_src, np.maximum(of_x + _summed(of_src.astype(np.intp), place, x.shape[0]), 1).astype(ans.dtype)


def _of_x(t: Any, ans: Any, x: Any, src: Any, place: Any, largest: bool) -> Any:
    of_x, _, count = _ties(ans, x, src, place)
    return np.where(of_x, t / count, 0)


def _of_src_jvp(t: Any, ans: Any, x: Any, src: Any, place: Any, largest: bool) -> Any:
    _, of_src, count = _ties(ans, x, src, place)
    return _summed(np.where(of_src, t, 0), place, x.shape[0]) / count


def _of_src_vjp(g: Any, ans: Any, x: Any, src: Any, place: Any, largest: bool) -> Any:
    _, of_src, count = _ties(ans, x, src, place)
    return np.where(of_src, take(g / count, place, 0), 0)


@general(Rule(_of_x, _of_x), Rule(_of_src_jvp, _of_src_vjp), None, batch=_batch_of_extremes)
def _extreme(x: Any, src: Any, place: Any, largest: bool) -> Any:
    """Replace elements of a vector by the extremes of them and of those of another that go to their places."""
    refuse_foreign("scatter_reduce", x, src, place)
    out = np.array(x)
    (np.maximum if largest else np.minimum).at(out, place, src)
    return out
