"""`numpy.pad`: constants, elements of the array, statistics of its border, ramps, reflections.

Axes are padded one after another, each with what those before it have added, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis, refuse_foreign
from functorch_lite.calculus.cumulative import along
from functorch_lite.calculus.declare import general, linear
from functorch_lite.calculus.shaping import pad_with_zeros
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements
from functorch_lite.core.trace import Tracer

Widths = tuple[tuple[int, int], ...]

_STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max,
    "mean": np.mean,
    "median": np.median,
    "minimum": np.min,
}

#: The modes, and the one keyword that each takes.
_KEYWORDS = {
    "constant": "constant_values",
    "edge": None,
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    "wrap": None,
    **dict.fromkeys(_STATISTICS, "stat_length"),
}


@implements(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    array = as_array(array)
    widths = _widths(pad_width, array.ndim)
    if callable(mode) or mode == "empty":
        reason = "leaves what it adds undefined" if mode == "empty" else "writes into the array, which is not changed"
        raise NotImplementedError(
            f"np.pad with mode={mode!r} at {user_line()} {reason} under a transformation. Pad with another mode, or "
            f"write np.concatenate([before, x, after], axis)."
        )
    if mode not in _KEYWORDS:
        raise ValueError(f"mode '{mode}' is not supported")
    if not kwargs.keys() <= {_KEYWORDS[mode]}:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {set(kwargs)}")
    if not array.ndim:
        return array  # a number has no sides
    if mode == "constant":
        return _pad_constant(array, widths, kwargs.get("constant_values", 0))
    for axis, width in enumerate(widths):
        if not array.shape[axis] and any(width):
            raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
    if mode in _STATISTICS:
        return _pad_by_statistic(array, widths, mode, kwargs.get("stat_length"))
    if mode == "linear_ramp":
        ends = np.broadcast_to(kwargs.get("end_values", 0), (array.ndim, 2))
        if isinstance(ends, Tracer):
            return _with_ramp(array, widths, ends)
        return _padded(array, widths, mode, tuple(map(tuple, ends.tolist())))
    if kwargs.get("reflect_type", "even") != "even":
        return _padded(array, widths, mode, ((0, 0),) * array.ndim)
    return pad_with_copies(array, widths, mode)


def _widths(pad_width: Any, rank: int) -> Widths:
    if isinstance(pad_width, dict):
        by_axis = {only_axis(axis, rank): width for axis, width in pad_width.items()}
        pad_width = [by_axis.get(axis, (0, 0)) for axis in range(rank)]
        pad_width = [(w, w) if isinstance(w, int) else tuple(w) for w in pad_width]
    pairs = np.array(pad_width)
    if pairs.size and pairs.dtype.kind != "i":
        raise TypeError("`pad_width` must be of integral type.")
    if (pairs < 0).any():
        raise ValueError("index can't contain negative values")
    return tuple((int(before), int(after)) for before, after in np.broadcast_to(pairs, (rank, 2)))


def _pad_constant(array: Any, widths: Widths, values: Any) -> Any:
    padded = pad_with_zeros(array, widths)
    if type(values) is int and values == 0:
        return padded
    if not np.ndim(values):
        inside = np.pad(np.ones(array.shape, bool), widths)
        return np.where(inside, padded, values).astype(array.dtype)
    pairs = np.broadcast_to(values, (array.ndim, 2))
    for axis, (width, pair) in enumerate(zip(widths, pairs, strict=True)):
        position = np.arange(padded.shape[axis]).reshape(-1, *(1,) * (array.ndim - axis - 1))
        padded = np.where(position < width[0], pair[0], padded)
        padded = np.where(position >= width[0] + array.shape[axis], pair[1], padded)
    return padded.astype(array.dtype)


def _pad_by_statistic(x: Any, widths: Widths, mode: str, stat_length: Any) -> Any:
    """Pad each axis with a statistic of so many elements at its border, of all if ``stat_length`` is None."""
    lengths = np.broadcast_to(np.array(stat_length, object), (x.ndim, 2))
    for axis, (width, pair) in enumerate(zip(widths, lengths, strict=True)):
        n = shape_of(x)[axis]
        before, after = (n if length is None else min(int(length), n) for length in pair)
        if min(before, after) < 0:
            raise ValueError("index can't contain negative values")
        edges = []
        for part in (slice(before), slice(n - after, None)):
            edge = _STATISTICS[mode](x[along(axis, part)], axis=axis, keepdims=True)
            edges.append((np.round(edge) if x.dtype.kind in "iu" else edge).astype(x.dtype))
        x = np.concatenate([_repeated(edges[0], width[0], axis), x, _repeated(edges[1], width[1], axis)], axis)
    return x


# --- Copies of the array's own elements, which the transpose adds up --------------------------------------------------


def _batch_of_copies(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    widths, mode = params
    return primitive.bind(arrays, (((0, 0), *widths), mode))


def _transposed_copies(g: Any, widths: Widths, mode: str) -> Any:
    return folded(g, widths, mode)


@linear(_transposed_copies, moves=True, batch=_batch_of_copies)
def pad_with_copies(x: Any, widths: Widths, mode: str) -> Any:
    """Pad with the elements at the border, those reflected in it, or those at the other side."""
    return np.pad(x, widths, mode)  # type: ignore[call-overload]


@linear(lambda g, widths, mode: pad_with_copies(g, widths, mode), batch=_batch_of_copies)
def folded(x: Any, widths: Widths, mode: str) -> Any:
    """Add what stands in the padding to the elements that it was copied from."""
    refuse_foreign(f"the transpose of np.pad with mode={mode!r}", x)
    for axis, (before, after) in enumerate(widths):
        if not before and not after:
            continue
        stop = shape_of(x)[axis] - after
        origins = np.pad(np.arange(stop - before), (before, after), mode)  # type: ignore[call-overload]
        inside = x[along(axis, slice(before, stop))].copy()
        for part in (slice(before), slice(stop, None)):
            _add_along(inside, axis, origins[part], x[along(axis, part)])
        x = inside
    return x


def _add_along(total: Any, axis: int, places: Any, x: Any) -> None:
    """Add in place, at places along an axis."""
    if not len(places):
        return
    if (places == places[0]).all():
        total[along(axis, slice(places[0], places[0] + 1))] += x.sum(axis, keepdims=True)
    elif len(np.unique(places)) == len(places):
        total[along(axis, places)] += x
    else:
        np.add.at(total, along(axis, places), x)


# --- Ramps and point reflections: NumPy's own, whose change is the same padding of the tangent ------------------------


def _batched_padding(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    widths, mode, ends = params
    return primitive.bind(arrays, (((0, 0), *widths), mode, ((0, 0), *ends)))


def _padded_tangent(t: Any, widths: Widths, mode: str) -> Any:
    if mode == "linear_ramp":
        return _with_ramp(t, widths, np.zeros((len(widths), 2), t.dtype))
    return _oddly(t, widths, mode)


@general(Rule(_padded_tangent), batch=_batched_padding)
def _padded(x: Any, widths: Widths, mode: str, ends: Any) -> Any:
    if mode == "linear_ramp":
        return np.pad(x, widths, mode, end_values=ends)  # type: ignore[call-overload]
    return np.pad(x, widths, mode, reflect_type="odd")  # type: ignore[call-overload]


def _with_ramp(x: Any, widths: Widths, ends: Any) -> Any:
    """Pad each axis with straight lines from its border to the end values."""
    for axis, (before, after) in enumerate(widths):
        first, last = (np.squeeze(x[along(axis, part)], axis) for part in (slice(1), slice(-1, None)))
        up = np.linspace(ends[axis, 0], first, before, endpoint=False, axis=axis).astype(x.dtype)
        down = np.linspace(ends[axis, 1], last, after, endpoint=False, axis=axis).astype(x.dtype)
        x = np.concatenate([up, x, np.flip(down, axis)], axis)
    return x


def _oddly(x: Any, widths: Widths, mode: str) -> Any:
    """Pad each axis with its point reflections in its borders; "symmetric" repeats the borders."""
    for axis, width in enumerate(widths):
        n = shape_of(x)[axis]
        if width == (0, 0):
            continue
        if n == 1:  # nothing to reflect: NumPy repeats the element
            x = np.concatenate([_repeated(x, width[0], axis), x, _repeated(x, width[1], axis)], axis)
            continue
        # Two reflections are a shift: element k + period is element k plus twice the difference of the borders.
        period = 2 * (n - 1) if mode == "reflect" else 2 * n
        turns, place = np.divmod(np.arange(-width[0], n + width[1]), period)
        mirrored = place >= n
        place = np.where(mirrored, period - place - (mode == "symmetric"), place)
        column = (-1, *(1,) * (x.ndim - axis - 1))
        sign, last_share, shifts = (
            np.reshape(a, column).astype(x.dtype) for a in (np.where(mirrored, -1, 1), 2 * mirrored, 2 * turns)
        )
        first, last = x[along(axis, slice(1))], x[along(axis, slice(-1, None))]
        x = sign * np.take(x, place, axis) + last_share * last + shifts * (last - first)
    return x


def _repeated(edge: Any, count: int, axis: int) -> Any:
    shape = shape_of(edge)
    return np.broadcast_to(edge, (*shape[:axis], count, *shape[axis + 1 :]))
