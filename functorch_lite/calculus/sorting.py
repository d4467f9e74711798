"""Sorting and partitioning. Derivatives go by the order that is returned."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis, refuse_foreign
from functorch_lite.calculus.batching import broadcast_batch, shifted_axes
from functorch_lite.calculus.cumulative import along
from functorch_lite.calculus.declare import general, zero_function
from functorch_lite.core.primitive import Arrays, Params, Primitive, Zero
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

__all__ = ["argpartition", "argsort", "lexsort", "ranks", "sort", "stable_order"]

# --- Primitives -------------------------------------------------------------------------------------------------------


def _sort_jvp(t: Any, x: Any, axis: int) -> Any:
    return np.take_along_axis(t, stable_order(x, axis), axis)


def _sort_vjp(g: Any, x: Any, axis: int) -> Any:
    return np.take_along_axis(g, ranks(x, axis), axis)


@general(Rule(_sort_jvp, _sort_vjp), batch=shifted_axes(0))
def sort(x: Any, axis: int, kind: Any) -> Any:
    """Sort along an axis. Equal elements keep their order, in the eyes of the derivative."""
    refuse_foreign("np.sort", x)
    return np.sort(x, axis=axis, kind=kind)


@zero_function(batch=shifted_axes(0))
def argsort(x: Any, axis: int, kind: Any) -> Any:
    """Find the positions of the elements in sorted order."""
    refuse_foreign("np.argsort", x)
    return np.argsort(x, axis=axis, kind=kind)


@zero_function(batch=shifted_axes(0))
def stable_order(x: Any, axis: int) -> Any:
    """Find the positions of the elements in sorted order, equal ones in the order in which they stand."""
    refuse_foreign("np.sort", x)
    if x.shape[axis] < 64:
        return np.argsort(x, axis=axis, kind="stable")
    # The stable algorithm costs three to five times the other, whose order is the same where no elements are equal.
    order = np.argsort(x, axis=axis)
    ordered = np.take_along_axis(x, order, axis)
    if np.any(ordered[along(axis, slice(1, None))] == ordered[along(axis, slice(None, -1))]):
        order = np.argsort(x, axis=axis, kind="stable")
    return order


@zero_function(batch=shifted_axes(0))
def ranks(x: Any, axis: int) -> Any:
    """Find where each element comes to stand by sorting: the inverse of the permutation that sorts."""
    order = stable_order.function(x, axis)
    found = np.empty_like(order)
    positions = np.arange(x.shape[axis]).reshape(-1, *(1,) * (x.ndim - axis - 1))
    np.put_along_axis(found, order, np.broadcast_to(positions, order.shape), axis)
    return found


@zero_function(batch=shifted_axes(1))
def argpartition(x: Any, kth: Any, axis: int) -> Any:
    """Find positions of the elements such that those at ``kth`` stand where sorting would put them."""
    refuse_foreign("np.partition", x)
    return np.argpartition(x, kth, axis=axis)


def _batched_lexsort(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    everywhere = tuple(x if b else broadcast_batch(size, x) for x, b in zip(arrays, batched, strict=True))
    return primitive.bind(everywhere, (params[0] + 1,))


def _lexsort_keys(keys: Arrays, axis: int) -> Any:
    refuse_foreign("np.lexsort", *keys)
    return np.lexsort(keys, axis)


lexsort = Zero(_lexsort_keys, ["keys"], ["axis"], name="lexsort", variadic=True, batch=_batched_lexsort)


# --- Functions of NumPy -----------------------------------------------------------------------------------------------


@implements(np.sort)
def _sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None, descending: Any = None
) -> Any:
    a, axis, kind = _sorted_along("sort", a, axis, kind, order, stable)
    return _turned(sort(_turned(a), axis, kind)) if descending else sort(a, axis, kind)


@implements(np.argsort)
def _argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None, descending: Any = None
) -> Any:
    a = a if a.ndim else np.ravel(a)
    a, axis, kind = _sorted_along("argsort", a, axis, kind, order, stable)
    return argsort(_turned(a) if descending else a, axis, kind)


@implements(np.partition)
def _partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    a, axis, _ = _sorted_along("partition", a, axis, None, order, None)
    return np.take_along_axis(a, argpartition(a, _plain(kth), axis), axis)


@implements(np.argpartition)
def _argpartition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    a = a if a.ndim else np.ravel(a)
    a, axis, _ = _sorted_along("argpartition", a, axis, None, order, None)
    return argpartition(a, _plain(kth), axis)


@implements(np.lexsort)
def _lexsort(keys: Any, axis: Any = -1) -> Any:
    parts = tuple(map(as_array, keys))
    return lexsort.bind(parts, (only_axis(axis, parts[0].ndim),))


@implements(np.sort_complex)
def _sort_complex(a: Any) -> Any:
    ordered = np.sort(as_array(a))
    if ordered.dtype.kind == "c":
        return ordered
    return ordered.astype({"b": "F", "h": "F", "B": "F", "H": "F", "g": "G"}.get(ordered.dtype.char, "D"))


def _sorted_along(name: str, a: Any, axis: Any, kind: Any, order: Any, stable: Any) -> tuple[Any, int, Any]:
    if order is not None:
        raise ValueError(f"np.{name}(…, order=…) sorts records by their fields; a traced array of numbers has none")
    if stable is not None:
        if kind is not None:
            raise ValueError("`kind` and `stable` keywords can't be provided at the same time. Use only one of them.")
        kind = "stable" if stable else None
    if axis is None:
        a, axis = np.ravel(a), 0
    return a, only_axis(axis, a.ndim), kind


def _turned(x: Any) -> Any:
    """Return numbers whose ascending order is the descending one of ``x``, NaN last; turned twice, they are ``x``."""
    return -x if x.dtype.kind in "fc" else ~x


def _plain(kth: Any) -> Any:
    if np.any([isinstance(k, bool | np.bool) for k in np.ravel(kth)]):
        raise ValueError("Booleans unacceptable as partition index")
    return tuple(map(operator.index, kth)) if np.ndim(kth) else operator.index(kth)
