"""How reductions and their relatives read their arguments: axes become non-negative, ``out=`` is refused."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import SEQUENCES, is_at_hand, shape_of, stacked
from functorch_lite.core.trace import Tracer

__all__ = [
    "as_array",
    "averaged_axes",
    "kept_inexact",
    "kept_shape",
    "merged_axes",
    "only_axis",
    "reduced_axes",
    "refuse_foreign",
    "refuse_out",
]


def reduced_axes(axis: Any, rank: int) -> tuple[int, ...]:
    """Return what ``axis`` means to a reduction, as a tuple of non-negative ints: None is all of them.

    Examples
    --------
    >>> from functorch_lite.calculus.arguments import reduced_axes
    >>> reduced_axes(None, 2), reduced_axes(-1, 2), reduced_axes((), 2)
    ((0, 1), (1,), ())
    """
    if rank == 0 and axis in (0, -1):  # NumPy reduces a scalar along its axis 0 or -1
        return ()
    return averaged_axes(axis, rank)


def averaged_axes(axis: Any, rank: int) -> tuple[int, ...]:
    """Return what ``axis`` means to an average, as `reduced_axes` does: a scalar has no axis to average along."""
    if axis is None:
        return tuple(range(rank))
    if type(axis) is int and -rank <= axis < rank:
        return (axis if axis >= 0 else axis + rank,)
    axes: tuple[int, ...] = normalize_axis_tuple(axis if isinstance(axis, tuple) else operator.index(axis), rank)
    return axes


def only_axis(axis: Any, rank: int) -> int:
    """Return one axis as a non-negative int."""
    index: int = normalize_axis_index(axis, rank)
    return index


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a reduction with ``keepdims=True``."""
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])


def merged_axes(x: Any, axes: tuple[int, ...]) -> Any:
    """Return the array with some of its axes joined into one, the last."""
    shape = shape_of(x)
    others = tuple(i for i in range(len(shape)) if i not in axes)
    size = 1
    for i in axes:
        size *= shape[i]
    joined = (*(shape[i] for i in others), size)
    order = (*others, *axes)
    return np.reshape(x if order == tuple(range(len(shape))) else np.transpose(x, order), joined)


def as_array(x: Any) -> Any:
    """Return an array, traced or not, as it is; a scalar, a list or an object array of tracers as a proper array."""
    return stacked(x if hasattr(x, "ndim") or type(x) in SEQUENCES else np.array(x))


def kept_inexact(name: str, a: Any, dtype: Any) -> Any:
    """Return an array in the dtype that a function was told to compute in; no integers for what are none."""
    if dtype is None:
        return a
    if np.dtype(dtype).kind not in "fc":
        raise TypeError(
            f"np.{name}(…, dtype={np.dtype(dtype)}) at {user_line()} of {a.dtype} values would cut off fractions, and "
            f"with them a derivative; leave dtype out, and convert the result: np.{name}(x).astype({np.dtype(dtype)})"
        )
    return a.astype(dtype)


def refuse_foreign(name: str, *arrays: Any) -> None:
    """Raise for arrays of another library, where an operation looks at all elements, which a lazy array cannot."""
    for x in arrays:
        if not is_at_hand(x):
            library = type(x).__module__.split(".")[0]
            raise NotImplementedError(
                f"{name} at {user_line()} needs all elements at hand; a {library} array of shape {shape_of(x)} would "
                f"have to be computed at once. Apply it to NumPy arrays, block by block."
            )


def refuse_out(name: str, out: Any) -> None:
    """Raise if ``out`` was given: an array of numbers cannot hold a derivative. Buffers never come to this."""
    if out is not None:
        if isinstance(out, Tracer):
            raise TypeError(
                f"np.{name} at {user_line()} was told to write its result into a traced array by `out`. Assign to its "
                f"elements if it can be written to: y[...] = np.{name}(…); or use the result: y = np.{name}(…)."
            )
        raise TypeError(
            f"np.{name} at {user_line()} was told to write a traced result into `out`, which cannot hold a "
            f"derivative. Assign the result instead: y = np.{name}(…)."
        )
