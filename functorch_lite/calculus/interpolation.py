"""Linear interpolation, in positions and values; and phases without jumps.

At a sample point the slope is that of the piece to the right, at the last one that of the last piece; outside it is 0.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.calculus.batching import broadcast_batch
from functorch_lite.calculus.cumulative import along
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.indexing import gather, scatter
from functorch_lite.calculus.pointwise import of_parts
from functorch_lite.calculus.selection import as_scalar
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Pointwise, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

# --- The primitive ----------------------------------------------------------------------------------------------------


def _batch_of_interpolation(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    if batched == (True, False, False, True):
        return primitive.bind(arrays, params)
    x, xp, fp, piece = (a if b else broadcast_batch(size, a) for a, b in zip(arrays, batched, strict=True))
    row = size, prod(x.shape[1:])
    return _composed(x.reshape(row), xp, fp, piece.reshape(row)).reshape(x.shape)


def _slope(x: Any, xp: Any, fp: Any, piece: Any) -> Any:
    rise, width = _taken(fp, piece + 1) - _taken(fp, piece), _taken(xp, piece + 1) - _taken(xp, piece)
    outside = (x < xp[0]) | (x > xp[-1]) | np.isinf(x)
    return np.where(outside, 0, rise / np.where(width == 0, 1, width))


def _shares(x: Any, xp: Any, piece: Any) -> tuple[Any, Any]:
    """Return the shares that the samples at the two ends of its piece have in each element."""
    start, stop = _taken(xp, piece), _taken(xp, piece + 1)
    width = stop - start
    width = np.where(width == 0, 1, width)
    share, rest = (x - start) / width, (x - stop) / width
    share = np.where(np.isnan(share) | (x == xp[-1]), 1 + rest, share)
    share = np.where((x < xp[0]) | (x == -np.inf), 0, np.where((x > xp[-1]) | (x == np.inf), 1, share))
    return 1 - share, share


def _between(t: Any, piece: Any, shares: tuple[Any, Any]) -> Any:
    return shares[0] * _taken(t, piece) + shares[1] * _taken(t, piece + 1)


def _spread(g: Any, shape: tuple[int, ...], piece: Any, shares: tuple[Any, Any]) -> Any:
    where = shape, (0,), (0,), False
    return scatter.bind((shares[0] * g, piece), where) + scatter.bind((shares[1] * g, piece + 1), where)


def _levers(x: Any, xp: Any, fp: Any, piece: Any) -> tuple[Any, Any]:
    """Return how each element changes with the positions of the samples at the ends of its piece."""
    low, high = _shares(x, xp, piece)
    slope = -_slope(x, xp, fp, piece)
    return _rise(low, slope), _rise(high, slope)


@general(
    Rule(
        lambda t, x, xp, fp, piece: t * _slope(x, xp, fp, piece),
        lambda g, x, xp, fp, piece: g * _slope(x, xp, fp, piece),
    ),
    Rule(
        lambda t, x, xp, fp, piece: _between(t, piece, _levers(x, xp, fp, piece)),
        lambda g, x, xp, xp_shape, fp, piece: _spread(g, xp_shape, piece, _levers(x, xp, fp, piece)),
    ),
    Rule(
        lambda t, x, xp, piece: _between(t, piece, _shares(x, xp, piece)),
        lambda g, fp_shape, x, xp, piece: _spread(g, fp_shape, piece, _shares(x, xp, piece)),
    ),
    None,
    batch=_batch_of_interpolation,
)
def interpolated(x: Any, xp: Any, fp: Any, piece: Any) -> Any:
    """Interpolate between real values, two at least; outside of them the first or the last."""
    if shape_of(x) and x.size > 1000:  # NumPy would search again
        return _composed(x, xp, fp, piece)
    return np.interp(x, xp, fp)


# --- numpy.interp -----------------------------------------------------------------------------------------------------


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
    x, xp, fp = _converted(x, float), _converted(xp, float), _converted(fp, complex if fp.dtype.kind == "c" else float)
    if period is not None:
        x, xp, fp = _unrolled(x, xp, fp, period)
        left = right = None
    if fp.dtype.kind != "c":
        inside = interpolated(x, xp, fp, _pieces(x, xp)) if len(xp) > 1 else np.where(np.isnan(x), x, fp[0])
        return as_scalar(_with_ends(inside, x, xp, left, right))
    # At NaN NumPy gives NaN, + 0j if the values are complex; a single complex value it gives there too.
    real, imaginary = (_interpolated_part(x, xp, part(fp), part, left, right) for part in (np.real, np.imag))
    return of_parts(real, imaginary if len(xp) == 1 else np.where(np.isnan(x), 0.0, imaginary))


def _converted(x: Any, kind: type) -> Any:
    return x if x.dtype == kind else x.astype(kind)


def _interpolated_part(x: Any, xp: Any, fp: Any, part: Any, left: Any, right: Any) -> Any:
    if len(xp) == 1:
        inside = np.broadcast_to(fp, (*shape_of(x), 1))[..., 0]
    else:
        inside = _composed(np.ravel(x), xp, fp, _pieces(np.ravel(x), xp), of_part=True).reshape(shape_of(x))
    left, right = (None if end is None else part(end) for end in (left, right))
    return _with_ends(inside, x, xp, left, right)


def _with_ends(inside: Any, x: Any, xp: Any, left: Any, right: Any) -> Any:
    inside = inside if left is None else np.where(x < xp[0], left, inside)
    return inside if right is None else np.where(x > xp[-1], right, inside)


# --- Pieces -----------------------------------------------------------------------------------------------------------


def _pieces(x: Any, xp: Any) -> Any:
    """Return the position of the sample with which the piece begins in which each element lies."""
    return np.minimum(np.maximum(np.searchsorted(xp, x, "right") - 1, 0), shape_of(xp)[0] - 2)


def _taken(x: Any, positions: Any) -> Any:
    if len(shape_of(x)) > 1:
        return np.take_along_axis(x, positions, -1)
    return gather.bind((x, positions), ((0,), (0,), False))


def _composed(x: Any, xp: Any, fp: Any, piece: Any, of_part: bool = False) -> Any:
    """Interpolate along the last axes as NumPy does, real values or a part of complex ones."""
    start, stop = _taken(xp, piece), _taken(xp, piece + 1)
    value, next_value = _taken(fp, piece), _taken(fp, piece + 1)
    width = stop - start
    width = np.where(width == 0, 1.0, width)
    # NumPy multiplies complex differences by the inverse width, which rounds otherwise.
    slope = (next_value - value) * (1.0 / width) if of_part else (next_value - value) / width
    first, last = xp[..., :1], xp[..., -1:]
    is_last = x == last
    origin, height = np.where(is_last, last, start), np.where(is_last, fp[..., -1:], value)
    inside = np.where(np.isinf(x), height, _rise(x - origin, slope) + height)
    # Where a sample is infinite the other end may tell, as in NumPy; that both are the same is the last resort.
    unknown = np.isnan(inside)
    inside = np.where(unknown, _rise(np.where(unknown, x - stop, 0), slope) + next_value, inside)
    inside = np.where(np.isnan(inside) & (value == next_value) & ~np.isnan(x), value, inside)
    return np.where(x < first, fp[..., :1], np.where(x > last, fp[..., -1:], inside))


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
