"""Cubic interpolation through points on a line: splines, and curves with slopes of neighbouring points.

Sources: de Boor, *A Practical Guide to Splines* (1978); Fritsch and Butland, "A method for constructing local monotone
piecewise cubic interpolants", SIAM J. Sci. Comput. 5 (1984); Akima, "A new method of interpolation and smooth curve
fitting based on local procedures", J. ACM 17 (1970).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from functorch_lite.calculus.arguments import only_axis
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.scipy.interpolate.piecewise import Extrapolate, PPoly, double, increasing
from functorch_lite.scipy.linalg.banded import banded_solution

__all__ = ["Akima1DInterpolator", "CubicHermiteSpline", "CubicSpline", "PchipInterpolator"]


class CubicHermiteSpline(PPoly):
    """The piecewise cubic polynomial with given values and slopes at points.

    Parameters
    ----------
    x
        The points: numbers that increase.
    y, dydx
        The values and the slopes at them.
    axis
        The axis of ``y`` that belongs to the points.
    extrapolate
        As for `PPoly`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.interpolate import CubicHermiteSpline
    >>> middle = lambda slopes: CubicHermiteSpline([0.0, 1.0], [0.0, 1.0], slopes)(0.5)
    >>> ft.grad(middle)(np.zeros(2))
    array([ 0.125, -0.125])
    """

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Extrapolate = None) -> None:
        x, y, axis = _points(type(self).__name__, x, y, axis)
        dydx = double(dydx)
        if shape_of(dydx) != shape_of(np.moveaxis(y, 0, axis)):
            raise ValueError("The shapes of `y` and `dydx` must be identical.")
        self._go_through(x, y, np.moveaxis(dydx, axis, 0), axis, extrapolate)

    def _go_through(self, x: Any, y: Any, slopes: Any, axis: int, extrapolate: Extrapolate) -> None:
        """Take values and slopes with the axis of the points first."""
        widths = _widths(x, y)
        rise = np.diff(y, axis=0) / widths
        bend = (slopes[:-1] + slopes[1:] - 2.0 * rise) / widths
        c = np.stack([bend / widths, (rise - slopes[:-1]) / widths - bend, slopes[:-1], y[:-1]])
        PPoly.__init__(self, c, x, extrapolate, axis)


class CubicSpline(CubicHermiteSpline):
    """The piecewise cubic polynomial through points whose second derivative is continuous.

    It is linear in the values, and differentiable in the points.

    Parameters
    ----------
    x
        The points: numbers that increase.
    y
        The values at them.
    axis
        The axis of ``y`` that belongs to the points.
    bc_type
        What else holds at the ends: ``"not-a-knot"`` (the outer two pieces are one polynomial), ``"periodic"``,
        ``"clamped"`` (slope 0), ``"natural"`` (second derivative 0); or a pair for both ends, of these words or of
        pairs (order, value) of a first or second derivative.
    extrapolate
        As for `PPoly`; None is ``"periodic"`` if the spline is.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.interpolate import CubicSpline
    >>> x = np.linspace(0.0, 2.0, 5)
    >>> f = CubicSpline(x, x**3)
    >>> f(1.7).round(6), f(1.7, 1).round(6), ft.grad(f)(1.7).round(6)
    (np.float64(4.913), np.float64(8.67), np.float64(8.67))
    >>> weights = ft.grad(lambda y: CubicSpline(x, y, bc_type="natural").integrate(0.0, 2.0))(np.zeros(5))
    >>> weights.round(4)
    array([0.1964, 0.5714, 0.4643, 0.5714, 0.1964])
    """

    def __init__(
        self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Extrapolate = None
    ) -> None:
        x, y, axis = _points(type(self).__name__, x, y, axis)
        first, last = _conditions(bc_type, shape_of(y)[1:])
        if first == "periodic":
            same = np.isclose(y[0], y[-1], rtol=1e-15, atol=1e-15)
            if is_at_hand(same) and not np.all(same):
                raise ValueError(f"CubicSpline at {user_line()}: a periodic one needs the same first and last value")
            slopes = _periodic_slopes(x, y)
            extrapolate = "periodic" if extrapolate is None else extrapolate
        else:
            slopes = _spline_slopes(x, y, first, last)
        self._go_through(x, y, slopes, axis, extrapolate)


class PchipInterpolator(CubicHermiteSpline):
    """The piecewise cubic polynomial through points that is monotone where they are.

    Where the rise changes its sign there is a kink in the values, at which the derivative is that of slope zero.

    Parameters
    ----------
    x
        The points: numbers that increase.
    y
        The values at them, real.
    axis
        The axis of ``y`` that belongs to the points.
    extrapolate
        As for `PPoly`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.interpolate import PchipInterpolator
    >>> f = lambda y: PchipInterpolator([0.0, 1.0, 2.0, 3.0], y)(1.5)
    >>> ft.grad(f)(np.array([0.0, 1.0, 2.0, 3.0])).round(4)
    array([-0.0625,  0.5625,  0.5625, -0.0625])
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Extrapolate = None) -> None:
        x, y, axis = _points(type(self).__name__, x, y, axis, real=True)
        self._go_through(x, y, _monotone_slopes(x, y), axis, extrapolate)


class Akima1DInterpolator(CubicHermiteSpline):
    """The piecewise cubic polynomial through points whose slopes follow the flatter side.

    Parameters
    ----------
    x
        The points: numbers that increase.
    y
        The values at them, real.
    axis
        The axis of ``y`` that belongs to the points.
    method
        ``"akima"``, or ``"makima"``, which overshoots less.
    extrapolate
        As for `PPoly`, but None means False.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.interpolate import Akima1DInterpolator
    >>> f = Akima1DInterpolator(np.arange(5.0), [0.0, 0.0, 0.0, 1.0, 3.0])
    >>> f(0.5).round(6), ft.grad(f)(3.0).round(6)
    (np.float64(0.0), np.float64(1.5))
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        axis: int = 0,
        *,
        method: Literal["akima", "makima"] = "akima",
        extrapolate: Extrapolate = None,
    ) -> None:
        if method not in ("akima", "makima"):
            raise NotImplementedError(f"Akima1DInterpolator has the methods 'akima' and 'makima', not {method!r}")
        x, y, axis = _points(type(self).__name__, x, y, axis, real=True)
        self._go_through(x, y, _akima_slopes(x, y, method), axis, False if extrapolate is None else extrapolate)


# --- Points -----------------------------------------------------------------------------------------------------------


def _points(user: str, x: Any, y: Any, axis: int, real: bool = False) -> tuple[Any, Any, int]:
    """Return points and values, the axis of the points first, and where it was."""
    x, y = increasing(user, x), double(y)
    axis = only_axis(axis, y.ndim)
    if shape_of(y)[axis] != shape_of(x)[0]:
        raise ValueError(f"{user} at {user_line()}: {shape_of(x)[0]} points, and values of shape {shape_of(y)}")
    if real and y.dtype.kind == "c":
        raise ValueError(f"{user} at {user_line()}: the values must be real; interpolate np.real(y) and np.imag(y)")
    return x, np.moveaxis(y, axis, 0), axis


def _widths(x: Any, y: Any) -> Any:
    """Return the lengths of intervals, as a factor for arrays like the differences of ``y``."""
    return np.diff(x).reshape(-1, *(1,) * (y.ndim - 1))


# --- Splines: tridiagonal systems for the slopes ----------------------------------------------------------------------


def _conditions(bc_type: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return what holds at both ends: a word, or the order of a derivative and its value."""
    both = (bc_type, bc_type) if isinstance(bc_type, str) else tuple(bc_type)
    if len(both) != 2:
        raise ValueError("`bc_type` must contain 2 elements to specify start and end conditions.")
    if not isinstance(bc_type, str) and any(isinstance(c, str) and c == "periodic" for c in both):
        raise ValueError("'periodic' holds for both ends and cannot be used with another condition")
    return _condition(both[0], shape), _condition(both[1], shape)


def _condition(condition: Any, shape: tuple[int, ...]) -> Any:
    if isinstance(condition, str):
        if condition in ("not-a-knot", "periodic"):
            return condition
        if condition not in ("clamped", "natural"):
            raise ValueError(f"bc_type={condition} is not allowed.")
        return (1 if condition == "clamped" else 2), np.zeros(shape)
    order, value = condition
    value = double(value)
    if order not in (1, 2):
        raise ValueError("The specified derivative order must be 1 or 2.")
    if shape_of(value) != shape:
        raise ValueError(f"the value of the derivative has shape {shape_of(value)}; a value of y has {shape}")
    return order, value


def _spline_slopes(x: Any, y: Any, first: Any, last: Any) -> Any:
    """Solve for the slopes with which the second derivative is continuous, and the conditions hold."""
    n = shape_of(x)[0]
    widths = _widths(x, y)
    rise = np.diff(y, axis=0) / widths
    if n == 2:
        first = (1, rise[0]) if first == "not-a-knot" else first
        last = (1, rise[0]) if last == "not-a-knot" else last
    if n == 3 and isinstance(first, str) and isinstance(last, str):  # one parabola
        bend = (rise[1] - rise[0]) / (widths[0] + widths[1])
        return np.stack([rise[0] - bend * widths[0], rise[0] + bend * widths[0], rise[1] + bend * widths[1]])
    inner = 3.0 * (widths[1:] * rise[:-1] + widths[:-1] * rise[1:])
    h = np.diff(x)
    own, next_one, start = _end_equation(first, h[0], h[1 if n > 2 else 0], rise[0], rise[1 if n > 2 else 0], 1.0)
    own_last, before, stop = _end_equation(last, h[-1], h[-2 if n > 2 else 0], rise[-1], rise[-2 if n > 2 else 0], -1.0)
    zero = np.zeros(1)
    bands = np.stack(
        [
            np.concatenate([zero, np.stack([next_one]), h[:-1]]),
            np.concatenate([np.stack([own]), 2.0 * (h[:-1] + h[1:]), np.stack([own_last])]),
            np.concatenate([h[1:], np.stack([before]), zero]),
        ]
    )
    return _solved(bands, np.concatenate([start[None], inner, stop[None]]))


def _end_equation(condition: Any, h: Any, inner: Any, rise: Any, inner_rise: Any, sign: float) -> tuple[Any, Any, Any]:
    """Return the factors of the slope at an end and of the one beside it, and what they sum up to."""
    if isinstance(condition, str):
        both = h + inner
        return inner, both, ((h + 2.0 * both) * inner * rise + h**2 * inner_rise) / both
    order, value = condition
    if order == 1:
        return 1.0, 0.0, value
    return 2.0 * h, h, 3.0 * h * rise - sign * 0.5 * value * h**2


def _periodic_slopes(x: Any, y: Any) -> Any:
    """Solve the cyclic system: one unknown is found last, from the solutions without it and for it."""
    widths = _widths(x, y)
    rise = np.diff(y, axis=0) / widths
    n = shape_of(rise)[0]
    if n == 1:
        return np.concatenate([rise, rise])
    if n == 2:
        slope = np.sum(rise / widths, axis=0) / np.sum(1.0 / widths, axis=0)
        return np.stack([slope] * 3)
    h = np.diff(x)
    before = np.roll(h, 1)
    right = 3.0 * (widths * np.roll(rise, 1, axis=0) + np.roll(widths, 1, axis=0) * rise)
    zero = np.zeros(1)
    bands = np.stack(
        [np.concatenate([zero, before[: n - 2]]), 2.0 * (before + h)[: n - 1], np.concatenate([h[1 : n - 1], zero])]
    )
    column = np.concatenate([h[:1], np.zeros(n - 3), before[n - 2 : n - 1]])
    without, by_one = _solved(bands, right[: n - 1]), _solved(bands, column)
    rest = right[n - 1] - h[-1] * without[-1] - before[-1] * without[0]
    last = rest / (2.0 * (before[-1] + h[-1]) - h[-1] * by_one[-1] - before[-1] * by_one[0])
    slopes = without - last * by_one.reshape(-1, *(1,) * (y.ndim - 1))
    return np.concatenate([slopes, last[None], slopes[:1]])


def _solved(bands: Any, right: Any) -> Any:
    shape = shape_of(right)
    return banded_solution(bands, right.reshape(shape[0], -1), 1, 1).reshape(shape)


# --- Slopes of neighbouring points ------------------------------------------------------------------------------------


def _monotone_slopes(x: Any, y: Any) -> Any:
    h = _widths(x, y)
    rise = np.diff(y, axis=0) / h
    if shape_of(rise)[0] == 1:
        return np.concatenate([rise, rise])
    left, right = rise[:-1], rise[1:]
    flat = (np.sign(left) != np.sign(right)) | (left == 0) | (right == 0)
    weight, other = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    mean = (weight + other) / (weight / np.where(flat, 1.0, left) + other / np.where(flat, 1.0, right))
    first, last = _one_sided(h[0], h[1], rise[0], rise[1]), _one_sided(h[-1], h[-2], rise[-1], rise[-2])
    return np.concatenate([first[None], np.where(flat, 0.0, mean), last[None]])


def _one_sided(h: Any, inner: Any, rise: Any, inner_rise: Any) -> Any:
    """Return the slope at an end of the parabola through three points, but so that the curve stays monotone."""
    slope = ((2.0 * h + inner) * rise - h * inner_rise) / (h + inner)
    turns = (np.sign(rise) != np.sign(inner_rise)) & (abs(slope) > 3.0 * abs(rise))
    return np.where(np.sign(slope) != np.sign(rise), 0.0, np.where(turns, 3.0 * rise, slope))


def _akima_slopes(x: Any, y: Any, method: str) -> Any:
    rise = np.diff(y, axis=0) / _widths(x, y)
    if shape_of(rise)[0] == 1:
        return np.concatenate([rise, rise])
    before, after = 2.0 * rise[:1] - rise[1:2], 2.0 * rise[-1:] - rise[-2:-1]
    rise = np.concatenate([2.0 * before - rise[:1], before, rise, after, 2.0 * after - rise[-1:]])
    change = abs(np.diff(rise, axis=0))
    if method == "makima":
        change = change + 0.5 * abs(rise[1:] + rise[:-1])
    ahead, behind = change[2:], change[:-2]
    both = ahead + behind
    defined = both > 1e-9 * np.max(both, initial=0.0)
    weighted = rise[1:-2] + behind / np.where(defined, both, 1.0) * (rise[2:-1] - rise[1:-2])
    return np.where(defined, weighted, 0.5 * (rise[3:] + rise[:-3]))
