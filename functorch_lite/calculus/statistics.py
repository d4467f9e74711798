"""Means, variances and medians.

The derivative of a standard deviation of equal values, where it has a kink, is zero. Where several elements are the
median they share its derivative equally.
"""

from __future__ import annotations

from math import nan
from math import prod as product
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import (
    as_array,
    averaged_axes,
    kept_inexact,
    kept_shape,
    merged_axes,
    reduced_axes,
    refuse_foreign,
    refuse_out,
)
from functorch_lite.calculus.batching import same_axes, shifted_axes
from functorch_lite.calculus.declare import general, linear, zero_function
from functorch_lite.calculus.norms import over_norm
from functorch_lite.calculus.reductions import as_mask, expanded, spread
from functorch_lite.calculus.selection import as_scalar
from functorch_lite.core.operands import is_at_hand, known
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

__all__ = ["masked_dispersion", "masked_mean", "mean", "median", "std", "var"]

# --- Primitives -------------------------------------------------------------------------------------------------------

_FAST = frozenset("fdFD")
#: The largest number of half precision.
_HALF_RANGE = 65504


def _mean_transpose(g: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    count: Any = _count(x_shape, axes)
    if count > _HALF_RANGE and np.result_type(g) == np.float16:
        count = np.float32(count)
    return spread(g / count, x_shape, axes, keepdims)


@linear(_mean_transpose, batch=shifted_axes(0))
def mean(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Take the mean over axes."""
    if type(x) is np.ndarray and x.dtype.char in _FAST and x.size:  # what x.mean does, at a third of its price
        return np.add.reduce(x, axes, None, None, keepdims) / _count(x.shape, axes)
    return x.mean(axes, keepdims=keepdims) if hasattr(x, "mean") else np.mean(x)


def _var_jvp(t: Any, x: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], ddof: float, keepdims: bool) -> Any:
    return (t * _deviation(x, axes)).sum(axes, keepdims=keepdims) * _reciprocal(x_shape, axes, ddof, 2.0)


def _var_vjp(g: Any, x: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], ddof: float, keepdims: bool) -> Any:
    return expanded(g * _reciprocal(x_shape, axes, ddof, 2.0), x_shape, axes, keepdims) * _deviation(x, axes)


@general(Rule(_var_jvp, _var_vjp), batch=shifted_axes(0))
def var(x: Any, axes: tuple[int, ...], ddof: float, keepdims: bool) -> Any:
    """Take the variance over axes, with ``ddof`` subtracted from the number of elements."""
    return x.var(axis=axes, ddof=ddof, keepdims=keepdims) if hasattr(x, "var") else np.var(x, ddof=ddof)


def _std_jvp(
    t: Any, ans: Any, x: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], ddof: float, keepdims: bool
) -> Any:
    change = (t * _centred_deviation(x, axes)).sum(axes, keepdims=keepdims)
    return over_norm(change * _reciprocal(x_shape, axes, ddof, 1.0), ans)


def _std_vjp(
    g: Any, ans: Any, x: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], ddof: float, keepdims: bool
) -> Any:
    slope = over_norm(g * _reciprocal(x_shape, axes, ddof, 1.0), ans)
    return expanded(slope, x_shape, axes, keepdims) * _centred_deviation(x, axes)


@general(Rule(_std_jvp, _std_vjp), batch=shifted_axes(0))
def std(x: Any, axes: tuple[int, ...], ddof: float, keepdims: bool) -> Any:
    """Take the standard deviation over axes, with ``ddof`` subtracted from the number of elements."""
    return x.std(axis=axes, ddof=ddof, keepdims=keepdims) if hasattr(x, "std") else np.std(x, ddof=ddof)


@zero_function(batch=shifted_axes(0))
def first_along(x: Any, axes: tuple[int, ...]) -> Any:
    """Return the first element along axes, as a constant."""
    return x[tuple(slice(1) if i in axes else slice(None) for i in range(x.ndim))] if axes else x


def _median_jvp(t: Any, x: Any, ignore_nan: bool) -> Any:
    return (t * median_weights(x, ignore_nan)).sum(-1)


def _median_vjp(g: Any, x: Any, ignore_nan: bool) -> Any:
    return np.expand_dims(g, -1) * median_weights(x, ignore_nan)


@general(Rule(_median_jvp, _median_vjp), batch=same_axes)
def median(x: Any, ignore_nan: bool) -> Any:
    """Take the median over the last axis."""
    if not ignore_nan:
        return np.median(x, axis=-1)
    low, high = _middle(x, True)
    return np.mean(np.stack([low, high]), 0)


@zero_function(batch=same_axes)
def median_weights(x: Any, ignore_nan: bool) -> Any:
    """Return the derivative of the median over the last axis: it is shared by the elements that equal a middle one."""
    low, high = _middle(x, ignore_nan)
    weights = _shares(x, low) if low is high else 0.5 * (_shares(x, low) + _shares(x, high))
    lost = np.isnan(low if ignore_nan or not x.shape[-1] else x.max(-1))  # the largest of all is NaN if one is
    if lost.any():
        weights = np.where(lost[..., None], nan, weights)
    return weights.astype(x.dtype, copy=False)


def _shares(x: Any, value: Any) -> Any:
    equal = x == value[..., None]
    return equal / np.maximum(equal.sum(-1, keepdims=True), 1)


def _middle(x: Any, ignore_nan: bool) -> tuple[Any, Any]:
    """Return the two middle elements of the last axis, which are one for an odd number of elements."""
    refuse_foreign("np.median", x)
    n = x.shape[-1]
    if not n:
        nothing = np.full(x.shape[:-1], np.nan, x.dtype)
        return nothing, nothing
    if not ignore_nan:
        positions = (n - 1) // 2, n // 2
        ordered = np.partition(x, positions, -1)
        low, high = (ordered[..., k] for k in positions)
        return low, high if n % 2 == 0 else low
    ordered = np.sort(x, -1)  # NaN comes last
    count = n - np.isnan(x).sum(-1, keepdims=True)
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, n - 1)
    return np.take_along_axis(ordered, low, -1)[..., 0], np.take_along_axis(ordered, high, -1)[..., 0]


# --- Parts of rules ---------------------------------------------------------------------------------------------------


def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    return product([shape[i] for i in axes])


def _reciprocal(shape: tuple[int, ...], axes: tuple[int, ...], ddof: float, numerator: float) -> float:
    freedom = _count(shape, axes) - ddof
    return numerator / freedom if freedom > 0 else nan


def _deviation(x: Any, axes: tuple[int, ...]) -> Any:
    deviation = x - np.mean(x, axis=axes, keepdims=True)
    return np.conjugate(deviation) if np.iscomplexobj(deviation) else deviation


def _centred_deviation(x: Any, axes: tuple[int, ...]) -> Any:
    """Return the deviation from the mean, which is exactly zero where all values are equal."""
    return _deviation(x - first_along(x, axes), axes)


# --- Functions of NumPy -----------------------------------------------------------------------------------------------


@implements(np.mean)
def _mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    if dtype is None and out is None and where is True:
        return a._trace.process(mean, (a,), (averaged_axes(axis, a.ndim), bool(keepdims)))
    refuse_out("mean", out)
    a = kept_inexact("mean", as_array(a), dtype)
    if where is True:
        return mean(a, averaged_axes(axis, a.ndim), bool(keepdims))
    total = a.astype(np.float32) if a.dtype == np.float16 else a  # in which NumPy adds up numbers of half precision
    average = masked_mean(total, True, as_mask(where, a), reduced_axes(axis, a.ndim), bool(keepdims))
    return average.astype(a.dtype) if total is not a else average


@implements(np.var)
def _var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: float | None = None,
) -> Any:
    return _dispersion("var", var, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@implements(np.std)
def _std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: float | None = None,
) -> Any:
    return _dispersion("std", std, a, axis, dtype, out, ddof, keepdims, where, mean, correction)


@implements(np.average)
def _average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    a = as_array(a)
    axes = averaged_axes(axis, a.ndim)
    keepdims = bool(keepdims)
    if weights is None:
        average = mean(a, axes, keepdims)
        scale = np.full(average.shape, _count(a.shape, axes), average.dtype)[()]
        return (average, scale) if returned else average
    weights = as_array(weights)
    if weights.shape != a.shape:
        if axis is None:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        if weights.shape != tuple(a.shape[i] for i in axes):
            raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
        weights = np.transpose(weights, tuple(int(i) for i in np.argsort(axes)))
        weights = np.reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))
    kind = np.result_type(a.dtype, weights.dtype, *([float] if a.dtype.kind in "biu" else []))
    a, weights = (x if x.dtype == kind else x.astype(kind) for x in (a, weights))
    scale = np.sum(weights, axis=axes, keepdims=keepdims)
    lost = known(np.any(scale == 0))
    if is_at_hand(lost) and lost:
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    average = np.sum(a * weights, axis=axes, keepdims=keepdims) / scale
    return (average, as_scalar(np.broadcast_to(scale, average.shape))) if returned else average


@implements(np.median)
def _median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    return _median_over("median", a, axis, out, keepdims, False)


@implements(np.nanmedian)
def _nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
    return _median_over("nanmedian", a, axis, out, keepdims, a.dtype.kind in "fc")


def _median_over(name: str, a: Any, axis: Any, out: Any, keepdims: Any, ignore_nan: bool) -> Any:
    refuse_out(name, out)
    axes = averaged_axes(tuple(axis) if isinstance(axis, list) else axis, a.ndim)
    middle = median(merged_axes(a, axes), ignore_nan)
    return np.reshape(middle, kept_shape(a.shape, axes)) if keepdims else middle


# --- With masks -------------------------------------------------------------------------------------------------------


def masked_mean(a: Any, valid: Any, where: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Return the mean over axes where both masks are true; elements that are not valid must be zero already."""
    total = np.sum(a, axis=axes, keepdims=keepdims, **_restricted(where))
    total = total if total.dtype.kind in "fc" else total.astype(float)
    return (total / _number(valid, a, where, axes, keepdims)).astype(total.dtype)


def masked_dispersion(
    name: str, a: Any, valid: Any, where: Any, axes: tuple[int, ...], ddof: float, keepdims: bool, centre: Any
) -> Any:
    """Return the variance (or standard deviation) over axes where both masks are true; see `masked_mean`."""
    if centre is None:
        centre = masked_mean(a, valid, where, axes, True)
    deviation = np.where(np.logical_and(valid, where), a - centre, 0)
    square = np.real(deviation * np.conjugate(deviation)) if np.iscomplexobj(deviation) else deviation * deviation
    freedom = np.maximum(_number(valid, a, where, axes, keepdims) - ddof, 0)
    variance = np.sum(square, axis=axes, keepdims=keepdims, **_restricted(where))
    variance = (variance / freedom).astype(variance.dtype)
    if name == "var":
        return variance
    return as_scalar(np.where(variance == 0, 0, np.sqrt(np.where(variance == 0, 1, variance))))


def _number(valid: Any, a: Any, where: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.sum(np.broadcast_to(np.logical_and(valid, where), a.shape), axis=axes, keepdims=keepdims)


def _restricted(where: Any) -> dict[str, Any]:
    return {} if where is True else {"where": where}


def _dispersion(
    name: str,
    primitive: Any,
    a: Any,
    axis: Any,
    dtype: Any,
    out: Any,
    ddof: float,
    keepdims: Any,
    where: Any,
    centre: Any,
    correction: float | None,
) -> Any:
    refuse_out(name, out)
    if correction is not None:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    a = kept_inexact(name, as_array(a), dtype)
    if where is True and centre is None:
        return primitive(a, averaged_axes(axis, a.ndim), ddof, bool(keepdims))
    axes = (averaged_axes if where is True else reduced_axes)(axis, a.ndim)
    where = True if where is True else as_mask(where, a)
    return masked_dispersion(name, a, True, where, axes, ddof, bool(keepdims), centre)
