"""Windows that slide over an array, as a view of it; their transpose adds what overlaps.

`windows` are NumPy's, along any axes and each one element behind the one before; `patches` are those of convolution and
pooling, over the last axes and with steps between windows and within them, whose transpose touches no others.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from functorch_lite.calculus.arguments import as_array, refuse_foreign
from functorch_lite.calculus.batching import same_axes, shifted_axes
from functorch_lite.calculus.declare import linear
from functorch_lite.core.errors import user_line
from functorch_lite.core.numbering import Shape
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.tables import implements

__all__ = ["meetings", "overlaid", "padded_windows", "patches", "put_together", "windows"]

Key: TypeAlias = tuple[slice, ...]

# --- Where they are ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def meetings(
    lengths: Shape, counts: Shape, sizes: Shape, before: Shape, strides: Shape, steps: Shape
) -> list[tuple[Shape, Key, Key]]:
    """Return for each place within windows which of them have an element of the array there, and which elements.

    There are ``counts`` windows along each axis, the first of which begins ``before`` the array; windows are
    ``strides`` apart and their elements ``steps``.
    """
    found = []
    for place in np.ndindex(*sizes):
        axes = zip(place, lengths, counts, before, strides, steps, strict=True)
        pairs = [_meeting(k * step - b, n, count, stride) for k, n, count, b, stride, step in axes]
        if all(elements.stop > elements.start for _, elements in pairs):
            found.append((place, tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)))
    return found


def _meeting(offset: int, length: int, count: int, stride: int) -> tuple[slice, slice]:
    """Return which windows have an element within an axis, and these elements; that of the first is at the offset."""
    first, stop = max(-(offset // stride), 0), min((length - 1 - offset) // stride + 1, count)
    start = offset + first * stride
    return slice(first, stop), slice(start, start + (stop - first - 1) * stride + 1, stride)


# --- NumPy's ----------------------------------------------------------------------------------------------------------


def _batch_of_windows(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    whole, shape, axes = params
    return primitive.bind(arrays, ((size, *whole), shape, tuple(a + 1 for a in axes)))


def _added_up(g: Any, x_shape: Shape, shape: Shape, axes: Shape) -> Any:
    return overlaid(g, x_shape, shape, axes)


@linear(_added_up, moves=True, batch=shifted_axes(1))
def windows(x: Any, shape: Shape, axes: Shape) -> Any:
    """Return all windows of a shape along axes; those of the windows come last."""
    refuse_foreign("sliding_window_view", x)
    return np.lib.stride_tricks.sliding_window_view(x, shape, axes)


@linear(lambda g, shape, axes: windows(g, shape, axes), collects=True, batch=_batch_of_windows)
def overlaid(x: Any, whole: Shape, shape: Shape, axes: Shape) -> Any:
    """Add windows up where they stand in zeros of the shape of the whole."""
    refuse_foreign("the transpose of sliding_window_view", x)
    total = np.zeros(whole, x.dtype)
    places = np.lib.stride_tricks.sliding_window_view(total, shape, axes, writeable=True)
    for offset in np.ndindex(*shape):  # what stands at one place of all windows does not overlap
        places[(..., *offset)] += x[(..., *offset)]
    return total


@implements(sliding_window_view)
def _sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    x = as_array(x)
    if writeable:
        raise TypeError(
            f"sliding_window_view(…, writeable=True) at {user_line()}: what is written to windows of a traced array "
            f"does not reach it; write to the array, or take the windows to be read only"
        )
    sliding_window_view(np.broadcast_to(False, x.shape), window_shape, axis)  # NumPy's own errors
    shape = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    axes = range(x.ndim) if axis is None else normalize_axis_tuple(axis, x.ndim, allow_duplicate=True)
    return windows(x, shape, tuple(axes))


# --- With steps -------------------------------------------------------------------------------------------------------


def _put_back(g: Any, x_shape: Shape, sizes: Shape, strides: Shape, steps: Shape) -> Any:
    return put_together(g, x_shape[-len(sizes) :], sizes, strides, steps)


@linear(_put_back, moves=True, batch=same_axes)
def patches(x: Any, sizes: Shape, strides: Shape, steps: Shape) -> Any:
    """Return windows of the last axes, ``strides`` apart, of elements ``steps`` apart; their own axes come last."""
    spans = tuple((n - 1) * step + 1 for n, step in zip(sizes, steps, strict=True))
    seen: Any = np.lib.stride_tricks.sliding_window_view(x, spans, tuple(range(-len(sizes), 0)))
    key = tuple(slice(None, None, n) for n in (*strides, *steps))
    return seen if all(k.step == 1 for k in key) else seen[(..., *key)]


def _taken_apart(g: Any, lengths: Shape, sizes: Shape, strides: Shape, steps: Shape) -> Any:
    return patches(g, sizes, strides, steps)


@linear(_taken_apart, collects=True, batch=same_axes)
def put_together(x: Any, lengths: Shape, sizes: Shape, strides: Shape, steps: Shape) -> Any:
    """Add windows up where `patches` finds them in zeros whose last axes have the given lengths."""
    refuse_foreign("the transpose of windows", x)
    rank = len(sizes)
    total: Any = np.zeros((*x.shape[: -2 * rank], *lengths), x.dtype)
    counts = x.shape[-2 * rank : -rank]
    for place in np.ndindex(*sizes):  # what stands at one place of all windows does not overlap
        within = zip(place, steps, counts, strides, strict=True)
        key = (slice(k * step, k * step + (n - 1) * stride + 1, stride) for k, step, n, stride in within)
        total[(..., *key)] += x[(..., *place)]
    return total


def padded_windows(
    x: Any, value: float, counts: Shape, sizes: Shape, before: Shape, strides: Shape, steps: Shape
) -> Any:
    """Return what `meetings` is about as an array: so many windows, whose elements beyond the array have a value.

    This is for arrays of other libraries, which may be lazy and into which nothing is written.
    """
    lengths = x.shape[-len(sizes) :]
    axes = zip(counts, sizes, before, strides, steps, strict=True)
    ends = [(m - 1) * stride + (n - 1) * step + 1 - b for m, n, b, stride, step in axes]
    widths = [(max(b, 0), max(end - n, 0)) for b, end, n in zip(before, ends, lengths, strict=True)]
    padded: Any = np.pad(x, [(0, 0)] * (x.ndim - len(sizes)) + widths, constant_values=value)
    key = (..., *(slice(max(-b, 0), end + max(b, 0)) for b, end in zip(before, ends, strict=True)))
    return patches.function(padded[key], sizes, strides, steps)
