"""The methods of ufuncs: reduce, accumulate, outer and reduceat."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, kept_shape, only_axis, reduced_axes, refuse_foreign
from functorch_lite.calculus.batching import shifted_axes
from functorch_lite.calculus.cumulative import cumlogaddexp, cummax, cummin, cumprod, cumsum
from functorch_lite.calculus.declare import general, linear, zero_function
from functorch_lite.calculus.reductions import expanded
from functorch_lite.core.errors import user_line
from functorch_lite.core.primitive import PRIMITIVES, Zero
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import FUNCTIONS, UFUNC_METHODS

# --- Primitives -------------------------------------------------------------------------------------------------------


@zero_function(batch=shifted_axes(1))
def combine(x: Any, ufunc: np.ufunc, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Reduce by a ufunc whose derivative is zero by nature."""
    refuse_foreign(f"np.{ufunc.__name__}.reduce", x)
    return ufunc.reduce(x, axes, keepdims=keepdims)


def _logaddexp_jvp(t: Any, ans: Any, x: Any, x_shape: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return (t * np.exp(x - expanded(ans, x_shape, axes, keepdims))).sum(axes, keepdims=keepdims)


def _logaddexp_vjp(g: Any, ans: Any, x: Any, x_shape: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return expanded(g, x_shape, axes, keepdims) * np.exp(x - expanded(ans, x_shape, axes, keepdims))


@general(Rule(_logaddexp_jvp, _logaddexp_vjp), batch=shifted_axes(0))
def logaddexp_reduce(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Take the logarithm of the sum of exponentials over axes."""
    refuse_foreign("np.logaddexp.reduce", x)
    return np.logaddexp.reduce(x, axes, keepdims=keepdims)  # type: ignore[call-overload]


def _spread_segments(g: Any, x_shape: tuple[int, ...], starts: tuple[int, ...], axis: int) -> Any:
    lengths = np.diff([*starts, x_shape[axis]])
    repeated = np.repeat(g, lengths, axis)
    if not starts[0]:
        return repeated
    before = np.zeros((*x_shape[:axis], starts[0], *x_shape[axis + 1 :]), g.dtype)
    return np.concatenate([before, repeated], axis)


@linear(_spread_segments, batch=shifted_axes(1))
def segment_sums(x: Any, starts: tuple[int, ...], axis: int) -> Any:
    """Sum the segments of an axis that begin at ``starts``, which increase; each ends where the next begins."""
    refuse_foreign("np.add.reduceat", x)
    return np.add.reduceat(x, starts, axis)


# --- reduce -----------------------------------------------------------------------------------------------------------


def _reduce_by(function: Any) -> Any:
    def implementation(ufunc: np.ufunc, a: Any, *, axis: Any = 0, dtype: Any = None, **kwargs: Any) -> Any:
        a = as_array(a)
        return FUNCTIONS[function](a if dtype is None else a.astype(dtype), axis=axis, **kwargs)

    return implementation


def _reduce_logaddexp(
    ufunc: np.ufunc,
    a: Any,
    *,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    a = as_array(a)
    axes = reduced_axes(axis, a.ndim)
    if len(axes) > 1:
        raise ValueError("reduction operation 'logaddexp' is not reorderable, so at most one axis may be specified")
    a = a if dtype is None else a.astype(dtype)
    a = a if where is True else np.where(where, a, -np.inf)
    if initial is not None and axes:
        first = np.broadcast_to(as_array(initial).astype(a.dtype), kept_shape(a.shape, axes))
        a = np.concatenate([first, a], axes[0])
    return logaddexp_reduce(a, axes, bool(keepdims))


def _reduce_any(ufunc: np.ufunc, a: Any, *, axis: Any = 0, keepdims: Any = False, **kwargs: Any) -> Any:
    if not isinstance(PRIMITIVES.get(ufunc), Zero) or any(value is not None for value in kwargs.values()):
        options = f" with {', '.join(kwargs)}" if kwargs else ""
        raise NotImplementedError(
            f"np.{ufunc.__name__}.reduce{options} has no derivative rule; at "
            f"{user_line()}. Apply np.{ufunc.__name__} to the parts in a loop."
        )
    a = as_array(a)
    return combine(a, ufunc, reduced_axes(axis, a.ndim), bool(keepdims))


for _ufunc, _function in (
    (np.add, np.sum),
    (np.multiply, np.prod),
    (np.maximum, np.max),
    (np.minimum, np.min),
    (np.logical_and, np.all),
    (np.logical_or, np.any),
):
    UFUNC_METHODS[_ufunc, "reduce"] = _reduce_by(_function)
UFUNC_METHODS[np.logaddexp, "reduce"] = _reduce_logaddexp
UFUNC_METHODS[None, "reduce"] = _reduce_any

# --- accumulate -------------------------------------------------------------------------------------------------------

_ACCUMULATED: dict[np.ufunc, Callable[[Any, int], Any]] = {
    np.add: lambda x, axis: cumsum(x, axis, False),
    np.multiply: lambda x, axis: cumprod(x, axis, False),
    np.maximum: cummax,
    np.minimum: cummin,
    np.logaddexp: cumlogaddexp,
}


def _accumulate(ufunc: np.ufunc, array: Any, *, axis: int = 0, dtype: Any = None) -> Any:
    if ufunc not in _ACCUMULATED:
        raise NotImplementedError(
            f"np.{ufunc.__name__}.accumulate has no derivative rule; at {user_line()}. Apply np.{ufunc.__name__} to "
            f"the parts in a loop."
        )
    array = as_array(array)
    array = array if dtype is None else array.astype(dtype)
    return _ACCUMULATED[ufunc](array, only_axis(axis, array.ndim))


UFUNC_METHODS[None, "accumulate"] = _accumulate

# --- outer and reduceat -----------------------------------------------------------------------------------------------


def _outer(ufunc: np.ufunc, a: Any, b: Any, /, **kwargs: Any) -> Any:
    a, b = as_array(a), as_array(b)
    return ufunc(np.reshape(a, (*a.shape, *(1,) * b.ndim)), b, **kwargs)


def _reduceat(ufunc: np.ufunc, array: Any, indices: Any, *, axis: int = 0, dtype: Any = None) -> Any:
    if ufunc is not np.add:
        raise NotImplementedError(
            f"np.{ufunc.__name__}.reduceat has no derivative rule; at {user_line()}. Apply np.{ufunc.__name__}.reduce "
            f"to the slices and np.stack the results."
        )
    array = as_array(array)
    array = array if dtype is None else array.astype(dtype)
    axis = only_axis(axis, array.ndim)
    starts = tuple(int(i) for i in indices)
    bounds = (*starts, array.shape[axis])
    if not starts or starts[0] < 0 or any(b <= a for a, b in pairwise(bounds)):
        raise NotImplementedError(
            f"np.add.reduceat at {user_line()} has a derivative rule for indices that increase within the axis of "
            f"length {array.shape[axis]} only, not for {list(starts)}. Sum the slices and np.stack the sums."
        )
    return segment_sums(array, starts, axis)


UFUNC_METHODS[None, "outer"] = _outer
UFUNC_METHODS[None, "reduceat"] = _reduceat
