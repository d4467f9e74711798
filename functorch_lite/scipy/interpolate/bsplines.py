"""Splines as sums of basis functions, of any degree, and those that go through points.

Source: de Boor, *A Practical Guide to Splines* (1978), chapters IX, X and XIII.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.scipy.interpolate.piecewise import Extrapolate, double, increasing, moved_to_axis, wrapped
from functorch_lite.scipy.linalg.banded import banded_solution, shifted_rows

__all__ = ["BSpline", "make_interp_spline"]


class BSpline:
    """A function that is a sum of the basis functions of splines.

    It is differentiable in the positions where it is asked for, in the knots, and linear in the coefficients. At a knot
    the piece to the right counts, at the last one the last piece.

    Parameters
    ----------
    t
        The knots, in ascending order; k + 1 more than basis functions.
    c
        The coefficients; axis ``axis`` belongs to the basis functions.
    k
        The degree.
    extrapolate
        Whether the outermost pieces go on (True), the function is not a number outside of them, or ``"periodic"``.
    axis
        Where the axes of the positions are put among those of a value.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.interpolate import BSpline
    >>> f = BSpline([0.0, 0.0, 1.0, 2.0, 2.0], [1.0, 3.0, 0.0], 1)  # straight from 1 to 3, and to 0
    >>> f([0.0, 0.5, 1.0, 1.5]), float(ft.grad(f)(0.5))
    (array([1. , 2. , 3. , 1.5]), 2.0)
    >>> float(f.derivative()(1.5)), float(f.integrate(0.0, 2.0))
    (-3.0, 3.5)
    """

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Extrapolate = True, axis: int = 0) -> None:
        self.k, self.t, self.extrapolate = operator.index(k), as_array(t).astype(float), extrapolate
        c = double(c)
        self.axis = only_axis(axis, c.ndim)
        self.c = np.moveaxis(c, self.axis, 0)
        if self.k < 0 or self.t.ndim != 1:
            raise ValueError(f"BSpline at {user_line()}: the degree is {k}, and knots have shape {shape_of(self.t)}")
        n = shape_of(self.t)[0] - self.k - 1
        if n < self.k + 1 or shape_of(self.c)[0] < n:
            raise ValueError(
                f"BSpline at {user_line()}: {shape_of(self.t)[0]} knots of degree {k} have {n} basis functions, and "
                f"the coefficients shape {shape_of(c)}"
            )
        back = self.t[1:] < self.t[:-1]
        if is_at_hand(back) and np.any(back):
            raise ValueError(f"BSpline at {user_line()}: knots must be in a non-decreasing order")
        self.c = self.c[:n]

    def __call__(self, x: Any, nu: int = 0, extrapolate: Extrapolate = None) -> Any:
        """Compute the function, or a derivative of it.

        Parameters
        ----------
        x
            The positions.
        nu
            The order of the derivative.
        extrapolate
            In the place of the function's own.

        Returns
        -------
        array
            One value for each position.
        """
        if nu < 0:
            raise ValueError("Order of derivative cannot be negative")
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        x = as_array(x).astype(float)
        first, last = self._ends()
        at = wrapped(x, first, last) if extrapolate == "periodic" else x
        spline = self.derivative(nu) if nu else self
        values = _values(spline.t, spline.c, spline.k, at)
        if not extrapolate:
            outside = (at < first) | (at > last)
            values = np.where(outside.reshape(shape_of(x) + (1,) * (self.c.ndim - 1)), np.nan, values)
        return moved_to_axis(values, x.ndim, self.axis)

    def _ends(self) -> tuple[Any, Any]:
        return self.t[self.k], self.t[-self.k - 1]

    def derivative(self, nu: int = 1) -> BSpline:
        """Return the derivative, of order ``nu``.

        Parameters
        ----------
        nu
            The order; of a negative one it is the antiderivative.

        Returns
        -------
        BSpline
            A spline of a degree lower by ``nu``; SciPy's has some coefficients more, which are zero.
        """
        if nu < 0:
            return self.antiderivative(-nu)
        t, c, k = self.t, self.c, self.k
        for _ in range(min(nu, k)):
            t, k = t[1:-1], k - 1
            spans = (t[k + 1 :] - t[: -k - 1]).reshape(-1, *(1,) * (c.ndim - 1))
            none = spans == 0
            c = np.where(none, 0.0, (k + 1) * np.diff(c, axis=0) / np.where(none, 1.0, spans))
        return self._alike(t, c if nu <= self.k else 0.0 * c, k, self.extrapolate)

    def antiderivative(self, nu: int = 1) -> BSpline:
        """Return the antiderivative that is zero at the first knot, taken ``nu`` times.

        Parameters
        ----------
        nu
            How often; of a negative number it is the derivative.

        Returns
        -------
        BSpline
            A spline of a degree higher by ``nu``. Of a periodic function it is not extrapolated.

        Examples
        --------
        >>> from functorch_lite.scipy.interpolate import BSpline
        >>> BSpline([0.0, 0.0, 2.0, 2.0], [0.0, 2.0], 1).antiderivative()([1.0, 2.0])
        array([0.5, 2. ])
        """
        if nu < 0:
            return self.derivative(-nu)
        t, c, k = self.t, self.c, self.k
        for _ in range(nu):
            spans = (t[k + 1 :] - t[: -k - 1]).reshape(-1, *(1,) * (c.ndim - 1))
            sums = np.cumsum(c * spans, axis=0) / (k + 1)
            c = np.concatenate([0.0 * sums[:1], sums])
            t, k = np.concatenate([t[:1], t, t[-1:]]), k + 1
        return self._alike(t, c, k, False if self.extrapolate == "periodic" and nu else self.extrapolate)

    def _alike(self, t: Any, c: Any, k: int, extrapolate: Extrapolate) -> BSpline:
        return BSpline(t, np.moveaxis(c, 0, self.axis), k, extrapolate, self.axis)

    def integrate(self, a: Any, b: Any, extrapolate: Extrapolate = None) -> Any:
        """Integrate the function between two numbers.

        Parameters
        ----------
        a, b
            The limits.
        extrapolate
            In the place of the function's own; if False there is nothing to integrate outside of the outer knots.

        Returns
        -------
        array
            The integral, differentiable in the limits too.
        """
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        integral = BSpline(self.t, self.c, self.k).antiderivative()
        first, last = self._ends()
        if not extrapolate:
            a, b = (np.minimum(np.maximum(as_array(end), first), last) for end in (a, b))
        if extrapolate != "periodic":
            return integral(b) - integral(a)
        period = last - first
        below, above = (np.floor((as_array(end) - first) / period) for end in (a, b))
        whole = integral(last) - integral(first)
        return integral(b - above * period) - integral(a - below * period) + (above - below) * whole


def _pieces(t: Any, k: int, x: Any) -> Any:
    """Return the number of the knot to the left of each position, that of the outermost pieces beyond the ends."""
    return np.clip(np.searchsorted(t, x, "right") - 1, k, shape_of(t)[0] - k - 2)


def _basis(t: Any, k: int, piece: Any, x: Any) -> list[Any]:
    """Return the values of those k + 1 basis functions that are not zero on the pieces."""
    knots = {i: take(t, piece + i) for i in range(1 - k, k + 1)}
    values = [0.0 * x + 1.0]
    for degree in range(1, k + 1):
        raised, carried = [], None
        for i, value in enumerate(values):
            right, left = knots[i + 1], knots[i + 1 - degree]
            none = right == left
            part = np.where(none, 0.0, value / np.where(none, 1.0, right - left))
            raised.append((right - x) * part if carried is None else carried + (right - x) * part)
            carried = (x - left) * part
        values = [*raised, carried]
    return values


def _values(t: Any, c: Any, k: int, x: Any) -> Any:
    piece = _pieces(t, k, x)
    total: Any = 0.0
    for i, value in enumerate(_basis(t, k, piece, x)):
        total = total + value.reshape(shape_of(x) + (1,) * (c.ndim - 1)) * take(c, piece - k + i, axis=0)
    return total


# --- Splines through points -------------------------------------------------------------------------------------------


def make_interp_spline(x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0) -> BSpline:
    """Make the spline of a degree that goes through points.

    Parameters
    ----------
    x
        The points: numbers that increase.
    y
        The values at them.
    k
        The degree.
    t
        The knots; None: the points, without those near the ends unless conditions hold there.
    bc_type
        What else holds at the ends: None or ``"not-a-knot"``, ``"clamped"``, ``"natural"``; or a pair for both ends, of
        these words or of lists of pairs (order, value) of derivatives. There is no ``"periodic"`` here; `CubicSpline`
        has it.
    axis
        The axis of ``y`` that belongs to the points.

    Returns
    -------
    BSpline
        Linear in the values, and differentiable in points and knots.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.interpolate import make_interp_spline
    >>> x = np.arange(7.0)
    >>> quintic = make_interp_spline(x, x**5, k=5)
    >>> quintic(2.5).round(6), ft.grad(quintic)(2.5).round(6)
    (np.float64(97.65625), np.float64(195.3125))
    """
    if isinstance(bc_type, str) and bc_type == "periodic":
        raise NotImplementedError(
            f"make_interp_spline at {user_line()} makes no periodic splines; CubicSpline(x, y, bc_type='periodic') does"
        )
    k, x, y = operator.index(k), increasing("make_interp_spline", x), double(y)
    axis = only_axis(axis, y.ndim)
    y = np.moveaxis(y, axis, 0)
    n, shape = shape_of(x)[0], shape_of(y)[1:]
    if shape_of(y)[0] != n:
        raise ValueError(f"make_interp_spline at {user_line()}: {n} points, and {shape_of(y)[0]} values")
    both = (bc_type, bc_type) if bc_type is None or isinstance(bc_type, str) else tuple(bc_type)
    first, last = (_conditions(condition, shape) for condition in both)
    knots = _knots(x, k, bool(first or last)) if t is None else as_array(t).astype(float)
    count = shape_of(knots)[0] - k - 1
    if k < 0 or count - n != len(first) + len(last):
        raise ValueError(
            f"make_interp_spline at {user_line()}: {n} points, {len(first)} conditions at the first and {len(last)} at "
            f"the last cannot determine {count} coefficients of a spline of degree {k}"
        )
    ends = [
        (knots[: 2 * k + 2], x[0], first, np.zeros(len(first), int)),
        (knots[-2 * k - 2 :], x[-1], last, np.full(len(last), count - k - 1)),
    ]
    left, right = (
        [BSpline(near, np.eye(k + 1), k)(at, order) for order, _ in conditions]
        for near, at, conditions, _ in ends
    )
    piece = _pieces(knots, k, x)
    middle = np.stack(_basis(knots, k, piece, x), axis=-1)
    rows = np.concatenate([*(row[None] for row in left), middle, *(row[None] for row in right)])
    starts = np.concatenate([ends[0][3], piece - k, ends[1][3]])
    values = np.concatenate([*(v[None] for _, v in first), y, *(v[None] for _, v in last)])
    c = banded_solution(_banded(rows, starts, k), values.reshape(count, -1), k, k).reshape(count, *shape)
    return BSpline(knots, np.moveaxis(c, 0, axis), k, axis=axis)


def _conditions(condition: Any, shape: tuple[int, ...]) -> list[tuple[int, Any]]:
    """Return the orders and the values of derivatives at an end."""
    if condition is None or (isinstance(condition, str) and condition == "not-a-knot"):
        return []
    if isinstance(condition, str):
        if condition not in ("clamped", "natural"):
            raise ValueError(f"Unknown boundary condition: {condition}")
        return [(1 if condition == "clamped" else 2, np.zeros(shape))]
    return [(operator.index(order), np.broadcast_to(double(value), shape)) for order, value in condition]


def _knots(x: Any, k: int, has_conditions: bool) -> Any:
    first, last = x[:1], x[-1:]
    if has_conditions:
        return np.concatenate([*[first] * k, x, *[last] * k])
    if k == 0:
        return np.concatenate([x, last])
    inner = x if k % 2 else (x[1:] + x[:-1]) / 2.0
    cut = (k + 1) // 2
    return np.concatenate([*[first] * (k + 1), inner[cut:-cut], *[last] * (k + 1)])


def _banded(rows: Any, starts: Any, k: int) -> Any:
    """Return the diagonals of the matrix of which row i has k + 1 entries that begin in a column."""
    away = np.arange(-k, k + 1)
    places = np.arange(shape_of(rows)[0]) - away[:, None] - starts
    found = np.take_along_axis(np.swapaxes(rows, 0, 1), np.clip(places, 0, k), 0)
    return shifted_rows(np.where((places >= 0) & (places <= k), found, 0.0), -away)
