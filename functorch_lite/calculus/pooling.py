"""Pooling: the largest element of each window of the last axes, and their sums.

Window i of an axis has its element k at ``i * stride + k * step - before``; what is beyond the array does not count.
Windows are never written out: what stands at one place of all of them is a slice of the array; places are few.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import refuse_foreign
from functorch_lite.calculus.batching import broadcast_batch, same_axes, shifted_axes
from functorch_lite.calculus.declare import general, linear, zero_function
from functorch_lite.calculus.windows import meetings, padded_windows
from functorch_lite.core.numbering import Shape
from functorch_lite.core.operands import is_foreign
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule

__all__ = ["largest", "meetings_along", "positions_of_largest", "put_at", "spread_sums", "taken_at", "window_sums"]

# --- The largest ------------------------------------------------------------------------------------------------------


def _largest_jvp(
    t: Any, ans: Any, x: Any, counts: Shape, sizes: Shape, before: Shape, strides: Shape, steps: Shape
) -> Any:
    return taken_at(t, positions_of_largest(x, ans, sizes, before, strides, steps), len(sizes))


def _largest_vjp(g: Any, ans: Any, x: Any, sizes: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    return put_at(g, positions_of_largest(x, ans, sizes, before, strides, steps), x.shape[-len(sizes) :])


@general(Rule(_largest_jvp, _largest_vjp), batch=same_axes)
def largest(x: Any, counts: Shape, sizes: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    """Return the largest element of so many windows along each axis; the first of equal ones has the derivative."""
    rank = len(sizes)
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    if is_foreign(x):
        return np.max(padded_windows(x, least, counts, sizes, before, strides, steps), tuple(range(-rank, 0)))
    out = np.full((*x.shape[:-rank], *counts), least, x.dtype)
    for _, windows, elements in meetings(x.shape[-rank:], counts, sizes, before, strides, steps):
        here: Any = (..., *windows)
        np.maximum(out[here], x[(..., *elements)], out=out[here])
    return out


def _both_batched(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return primitive.bind(
        tuple(a if b else broadcast_batch(size, a) for a, b in zip(arrays, batched, strict=True)), params
    )


@zero_function(2, batch=_both_batched)
def positions_of_largest(x: Any, ans: Any, sizes: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    """Return where the first of the largest elements of each window is, in the flattened last axes of the array."""
    refuse_foreign("max_pool", x, ans)
    rank = len(sizes)
    lengths, counts = x.shape[-rank:], ans.shape[-rank:]
    found = meetings(lengths, counts, sizes, before, strides, steps)
    # How many places come before the first at which the largest stands: one more for each at which it has not been met.
    number = np.zeros(ans.shape, np.uint8 if len(found) < 256 else np.intp)
    is_awaited = np.ones(ans.shape, np.bool_)
    has_nan = bool((ans != ans).any())
    for _, windows, elements in found[:-1]:
        here: Any = (..., *windows)
        element, value = x[(..., *elements)], ans[here]
        differs = element != value
        if has_nan:
            differs &= (element == element) | (value == value)
        is_awaited[here] &= differs
        number += is_awaited
    steps_of_axes = [prod(lengths[a + 1 :]) for a in range(rank)]
    offsets = [
        sum((k * step - b) * n for k, step, b, n in zip(place, steps, before, steps_of_axes, strict=True))
        for place, _, _ in found
    ]
    positions = np.array(offsets, np.intp).take(number)
    for count, stride, n, axis in zip(counts, strides, steps_of_axes, range(-rank, 0), strict=True):
        positions += (np.arange(count) * (stride * n)).reshape((-1, *(1,) * (-axis - 1)))
    return positions


# --- Taking and putting -----------------------------------------------------------------------------------------------


def _put_back(g: Any, positions: Any, x_shape: Shape, rank: int) -> Any:
    return put_at(g, positions, x_shape[-rank:])


def _taken_back(g: Any, positions: Any, lengths: Shape) -> Any:
    return taken_at(g, positions, len(lengths))


@linear(_put_back, None, batch=_both_batched)
def taken_at(x: Any, positions: Any, rank: int) -> Any:
    """Take elements by their positions in so many flattened last axes; the axes before are those of the positions."""
    refuse_foreign("max_pool", x, positions)
    places, _ = _flat(positions, x.shape[-rank:])
    return x.reshape(-1).take(places).reshape(positions.shape)


@linear(_taken_back, None, batch=_both_batched)
def put_at(x: Any, positions: Any, lengths: Shape) -> Any:
    """Add elements up where `taken_at` takes them from, in zeros whose last axes have the given lengths."""
    refuse_foreign("the transpose of max_pool", x, positions)
    places, lead = _flat(positions, lengths)
    out = np.zeros(prod(lead) * prod(lengths), x.dtype)
    np.add.at(out, places, x.reshape(-1))
    return out.reshape((*lead, *lengths))


def _flat(positions: Any, lengths: Shape) -> tuple[Any, Shape]:
    """Return positions in the whole flattened array, and its first axes."""
    lead = positions.shape[: positions.ndim - len(lengths)]
    rows = positions.reshape((prod(lead), prod(positions.shape[len(lead) :])))
    return (rows + np.arange(len(rows))[:, None] * prod(lengths)).reshape(-1), lead


# --- Sums -------------------------------------------------------------------------------------------------------------


def _spread_over_windows(g: Any, x_shape: Shape, axis: int, size: int, before: int, stride: int) -> Any:
    return spread_sums(g, axis, x_shape[axis], size, before, stride)


@linear(_spread_over_windows, batch=shifted_axes(0))
def window_sums(x: Any, axis: int, count: int, size: int, before: int, stride: int) -> Any:
    """Return the sums of so many windows along an axis; those along several are sums of sums."""
    if is_foreign(x):
        moved = padded_windows(np.moveaxis(x, axis, -1), 0, (count,), (size,), (before,), (stride,), (1,))
        return np.moveaxis(np.sum(moved, axis=-1), -1, axis)
    sums = np.zeros((*x.shape[:axis], count, *x.shape[axis + 1 :]), x.dtype)
    for windows, elements in meetings_along(axis, x.shape[axis], count, size, before, stride):
        sums[windows] += x[elements]
    return sums


def _sums_of_spread(g: Any, x_shape: Shape, axis: int, size: int, before: int, stride: int) -> Any:
    return window_sums(g, axis, x_shape[axis], size, before, stride)


@linear(_sums_of_spread, batch=shifted_axes(0))
def spread_sums(x: Any, axis: int, length: int, size: int, before: int, stride: int) -> Any:
    """Add each element to all elements of its window, in zeros whose axis has the given length."""
    refuse_foreign("the transpose of avg_pool", x)
    whole = np.zeros((*x.shape[:axis], length, *x.shape[axis + 1 :]), x.dtype)
    for windows, elements in meetings_along(axis, length, x.shape[axis], size, before, stride):
        whole[elements] += x[windows]
    return whole


def meetings_along(axis: int, length: int, count: int, size: int, before: int, stride: int) -> list[tuple[Any, Any]]:
    """Return what `meetings` does for one axis, without the places: keys that leave the axes before as they are."""
    others = (slice(None),) * axis
    found = meetings((length,), (count,), (size,), (before,), (stride,), (1,))
    return [((*others, *windows), (*others, *elements)) for _, windows, elements in found]
