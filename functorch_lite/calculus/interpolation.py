"""Linear interpolation, in positions and values; and phases without jumps.

At a sample point the slope is that of the piece to the right, at the last one that of the last piece; outside it is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.calculus.cumulative import along
from functorch_lite.calculus.indexing import gather
from functorch_lite.calculus.pointwise import of_parts
from functorch_lite.calculus.selection import as_scalar
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Pointwise
from functorch_lite.core.tables import implements


@implements(np.interp)
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    x, xp, fp = (as_array(a) for a in (x, xp, fp))
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("Data points must be 1-D sequences")
    if xp.shape != fp.shape:
        raise ValueError("fp and xp are not of the same length.")
    if not xp.size:
        raise ValueError("array of sample points is empty")
    if x.dtype.kind == "c" or xp.dtype.kind == "c":
        raise TypeError(f"np.interp interpolates at real positions between real ones, not {x.dtype} and {xp.dtype}")
    x, xp, fp = x.astype(float), xp.astype(float), fp.astype(complex if fp.dtype.kind == "c" else float)
    if period is not None:
        x, xp, fp = _unrolled(x, xp, fp, period)
        left = right = None
    # At NaN NumPy gives NaN, + 0j if the values are complex; a single complex value it gives there too.
    unknown = np.isnan(x)
    if fp.dtype.kind != "c":
        result = _interpolated(x, xp, fp, left, right)
        return as_scalar(np.where(unknown, x, result) if len(xp) == 1 else result)
    real, imaginary = (
        _interpolated(x, xp, part(fp), _end(part, left), _end(part, right), of_part=True)
        for part in (np.real, np.imag)
    )
    return of_parts(real, imaginary if len(xp) == 1 else np.where(unknown, 0.0, imaginary))


def _end(part: Any, value: Any) -> Any:
    return None if value is None else part(value)


def _interpolated(x: Any, xp: Any, fp: Any, left: Any, right: Any, of_part: bool = False) -> Any:
    """Interpolate real values, or a part of complex ones."""
    first, last = fp[0], fp[-1]
    below, above = (first if left is None else left), (last if right is None else right)
    if len(xp) == 1:
        inside = first
    else:
        piece = np.clip(np.searchsorted(xp, x, "right") - 1, 0, len(xp) - 2)
        start, stop = _taken(xp, piece), _taken(xp, piece + 1)
        value, next_value = _taken(fp, piece), _taken(fp, piece + 1)
        width = stop - start
        width = np.where(width == 0, 1.0, width)
        # NumPy multiplies complex differences by the inverse width, which rounds otherwise.
        slope = (next_value - value) * (1.0 / width) if of_part else (next_value - value) / width
        is_last = x == xp[-1]
        origin, height = np.where(is_last, xp[-1], start), np.where(is_last, last, value)
        inside = np.where(np.isinf(x), height, _rise(x - origin, slope) + height)
        # Where a sample is infinite the other end may tell, as in NumPy; that both are the same is the last resort.
        unknown = np.isnan(inside)
        inside = np.where(unknown, _rise(np.where(unknown, x - stop, 0), slope) + next_value, inside)
        inside = np.where(np.isnan(inside) & (value == next_value) & ~np.isnan(x), value, inside)
    return np.where(x < xp[0], below, np.where(x > xp[-1], above, inside))


def _product_from_zero(offset: Any, slope: Any) -> Any:
    return np.where(offset == 0, 0, slope * offset)


#: The slope times the way from a sample point: at the point nothing, even if the slope is not finite.
_rise = Pointwise(_product_from_zero, [lambda y: y, lambda x: x], name="rise")


def _unrolled(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """Bring all positions into one period, sort them, and repeat the outer ones on the other side."""
    if np.ndim(period) or period == 0:
        raise ValueError("period must be a non-zero value")
    period = np.abs(period)
    x, xp = x % period, xp % period
    order = np.argsort(xp)
    xp, fp = np.take_along_axis(xp, order, 0), np.take_along_axis(fp, order, 0)
    return (
        x,
        np.concatenate((xp[-1:] - period, xp, xp[:1] + period)),
        np.concatenate((fp[-1:], fp, fp[:1])),
    )


def _taken(x: Any, positions: Any) -> Any:
    return gather.bind((x, positions), ((0,), (0,), False))


@implements(np.unwrap)
def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    p = as_array(p)
    axis = only_axis(axis, p.ndim)
    step = np.diff(p, axis=axis)
    discont = period / 2 if discont is None else discont
    if np.broadcast_shapes(shape_of(step), np.shape(discont)) != shape_of(step):
        raise ValueError(f"discont of shape {np.shape(discont)} does not fit differences of shape {shape_of(step)}")
    if np.issubdtype(np.result_type(step, period), np.integer):
        high, remainder = divmod(period, 2)
        ambiguous = remainder == 0
    else:
        high, ambiguous = period / 2, True
    wrapped = np.mod(step + high, period) - high
    if ambiguous:
        wrapped = np.where((wrapped == -high) & (step > 0), high, wrapped)
    correction = np.where(np.abs(step) < discont, 0, wrapped - step)
    rest = p[along(axis, slice(1, None))] + np.cumsum(correction, axis)
    kept = p[along(axis, slice(min(1, shape_of(p)[axis])))].astype(rest.dtype)
    return np.concatenate([kept, rest], axis)
