"""Windows that slide over an array, as a view of it; their transpose adds what overlaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from functorch_lite.calculus.arguments import as_array, refuse_foreign
from functorch_lite.calculus.batching import shifted_axes
from functorch_lite.calculus.declare import linear
from functorch_lite.core.errors import user_line
from functorch_lite.core.numbering import Shape
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.tables import implements


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
