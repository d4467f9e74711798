"""Reductions that pass over NaN: each is the plain one of an array with the NaN replaced by what does not count."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, kept_inexact, reduced_axes, refuse_out
from functorch_lite.calculus.reductions import as_mask
from functorch_lite.calculus.selection import as_scalar
from functorch_lite.calculus.statistics import masked_dispersion, masked_mean
from functorch_lite.core.tables import implements


@implements(np.nansum)
def _nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    refuse_out("nansum", out)
    return np.sum(_replaced(a, 0), axis=axis, dtype=dtype, keepdims=keepdims, **_given(initial=initial, where=where))


@implements(np.nanprod)
def _nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    refuse_out("nanprod", out)
    return np.prod(_replaced(a, 1), axis=axis, dtype=dtype, keepdims=keepdims, **_given(initial=initial, where=where))


@implements(np.nanmax)
def _nanmax(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
) -> Any:
    refuse_out("nanmax", out)
    return _nan_extreme(np.max, -np.inf, a, axis, keepdims, initial, where)


@implements(np.nanmin)
def _nanmin(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
) -> Any:
    refuse_out("nanmin", out)
    return _nan_extreme(np.min, np.inf, a, axis, keepdims, initial, where)


@implements(np.nanmean)
def _nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    refuse_out("nanmean", out)
    a = as_array(a)
    if a.dtype.kind not in "fc":
        return np.mean(a, axis=axis, dtype=dtype, keepdims=keepdims, **_given(where=where))
    a = kept_inexact("nanmean", a, dtype)
    where = True if where is True else as_mask(where, a)
    return masked_mean(_replaced(a, 0), _numbers(a), where, reduced_axes(axis, a.ndim), bool(keepdims))


@implements(np.nanvar)
def _nanvar(
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
    refuse_out("nanvar", out)
    return _nan_dispersion("var", a, axis, dtype, ddof, keepdims, where, mean, correction)


@implements(np.nanstd)
def _nanstd(
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
    refuse_out("nanstd", out)
    return _nan_dispersion("std", a, axis, dtype, ddof, keepdims, where, mean, correction)


def _replaced(a: Any, value: float) -> Any:
    a = as_array(a)
    return np.where(np.isnan(a), value, a) if a.dtype.kind in "fc" else a


def _numbers(a: Any) -> Any:
    return np.logical_not(np.isnan(a))


def _given(**kwargs: Any) -> dict[str, Any]:
    """Return the keyword arguments that were given; None and a mask of True are what NumPy calls no value."""
    return {name: value for name, value in kwargs.items() if value is not None and value is not True}


def _nan_extreme(function: Any, replacement: float, a: Any, axis: Any, keepdims: Any, initial: Any, where: Any) -> Any:
    a = as_array(a)
    given = _given(initial=initial, where=where)
    extreme = function(_replaced(a, replacement), axis=axis, keepdims=keepdims, **given)
    if a.dtype.kind not in "fc" or initial is not None:
        return extreme
    nothing = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return as_scalar(np.where(nothing, np.nan, extreme))


def _nan_dispersion(
    name: str,
    a: Any,
    axis: Any,
    dtype: Any,
    ddof: float,
    keepdims: Any,
    where: Any,
    mean: Any,
    correction: float | None,
) -> Any:
    a = as_array(a)
    if a.dtype.kind not in "fc":
        given = _given(where=where, mean=mean, correction=correction)
        return getattr(np, name)(a, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims, **given)
    if correction is not None:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    a = kept_inexact(f"nan{name}", a, dtype)
    where = True if where is True else as_mask(where, a)
    axes = reduced_axes(axis, a.ndim)
    return masked_dispersion(name, _replaced(a, 0), _numbers(a), where, axes, ddof, bool(keepdims), mean)
