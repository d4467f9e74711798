"""Piecewise polynomials: their values, derivatives and integrals, differentiable in all that defines them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of

__all__ = ["Extrapolate", "PPoly", "double", "increasing", "moved_to_axis", "wrapped"]

Extrapolate = bool | Literal["periodic"] | None


class PPoly:
    """A function that is a polynomial on each of the intervals between breakpoints.

    It is differentiable in the positions where it is asked for, in the breakpoints, and linear in the coefficients. At
    a breakpoint the piece to the right counts, at the last one the last piece.

    Parameters
    ----------
    c
        The coefficients, of shape (k, m, …): of the powers of the distance from the breakpoint to the left, the
        highest first, for each of m intervals.
    x
        The breakpoints: m + 1 numbers that increase.
    extrapolate
        Whether the outermost pieces go on beyond the breakpoints (True, None), the function is not a number there, or
        ``"periodic"``.
    axis
        Where the axes of the positions are put among those of a value.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.interpolate import PPoly
    >>> f = PPoly([[1.0, 0.0], [0.0, 2.0]], [0.0, 1.0, 3.0])  # x, then 2
    >>> f([0.25, 1.0, 2.0]), float(f.integrate(0.0, 2.0))
    (array([0.25, 2.  , 2.  ]), 2.5)
    >>> float(ft.grad(f)(0.25)), float(f.derivative()(0.25))
    (1.0, 1.0)
    """

    def __init__(self, c: Any, x: Any, extrapolate: Extrapolate = None, axis: int = 0) -> None:
        self.c, self.x = double(c), increasing(type(self).__name__, x)
        self.extrapolate: Extrapolate = True if extrapolate is None else extrapolate
        pieces = shape_of(self.x)[0] - 1
        if self.c.ndim < 2 or not shape_of(self.c)[0] or shape_of(self.c)[1] != pieces:
            raise ValueError(
                f"PPoly at {user_line()}: {pieces} intervals have coefficients of shape (k, {pieces}, …), not "
                f"{shape_of(self.c)}"
            )
        if not 0 <= axis < self.c.ndim - 1:
            raise ValueError(f"axis={axis} must be between 0 and {self.c.ndim - 2}")
        self.axis = axis

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
        at = wrapped(x, self.x[0], self.x[-1]) if extrapolate == "periodic" else x
        values = _values(_derived(self.c, nu), self.x, at)
        if not extrapolate:
            outside = (at < self.x[0]) | (at > self.x[-1])
            values = np.where(outside.reshape(shape_of(x) + (1,) * (self.c.ndim - 2)), np.nan, values)
        return moved_to_axis(values, x.ndim, self.axis)

    def derivative(self, nu: int = 1) -> PPoly:
        """Return the derivative, of order ``nu``.

        Parameters
        ----------
        nu
            The order; of a negative one it is the antiderivative.

        Returns
        -------
        PPoly
            A piecewise polynomial of a degree lower by ``nu``.
        """
        if nu < 0:
            return self.antiderivative(-nu)
        c = _derived(self.c, nu) if nu < shape_of(self.c)[0] else 0.0 * self.c[:1]
        return PPoly(c, self.x, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> PPoly:
        """Return the antiderivative that is zero at the first breakpoint, taken ``nu`` times.

        Parameters
        ----------
        nu
            How often; of a negative number it is the derivative.

        Returns
        -------
        PPoly
            A piecewise polynomial of a degree higher by ``nu``. Of a periodic function it is not extrapolated.

        Examples
        --------
        >>> from functorch_lite.scipy.interpolate import PPoly
        >>> PPoly([[1.0, 2.0]], [0.0, 1.0, 3.0]).antiderivative()([0.5, 1.0, 2.0])
        array([0.5, 1. , 3. ])
        """
        if nu < 0:
            return self.derivative(-nu)
        c = self.c
        for _ in range(nu):
            c = _integrated(c, self.x)
        return PPoly(c, self.x, False if self.extrapolate == "periodic" and nu else self.extrapolate, self.axis)

    def integrate(self, a: Any, b: Any, extrapolate: Extrapolate = None) -> Any:
        """Integrate the function between two numbers.

        Parameters
        ----------
        a, b
            The limits.
        extrapolate
            In the place of the function's own.

        Returns
        -------
        array
            The integral, differentiable in the limits too.
        """
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        integral = PPoly(_integrated(self.c, self.x), self.x, bool(extrapolate))
        if extrapolate != "periodic":
            return integral(b) - integral(a)
        period, whole = self.x[-1] - self.x[0], integral(self.x[-1])
        below, above = (np.floor((as_array(end) - self.x[0]) / period) for end in (a, b))
        return integral(b - above * period) - integral(a - below * period) + (above - below) * whole


def _values(c: Any, breakpoints: Any, x: Any) -> Any:
    pieces = shape_of(breakpoints)[0] - 1
    piece = np.clip(np.searchsorted(breakpoints, x, "right") - 1, 0, pieces - 1)
    way = x - take(breakpoints, piece)
    way = way.reshape(shape_of(x) + (1,) * (c.ndim - 2))
    found = take(c, piece, axis=1)
    total: Any = 0.0 * way
    for coefficient in found:
        total = total * way + coefficient
    return total


def _derived(c: Any, nu: int) -> Any:
    """Return the coefficients of a derivative; none at all if it is zero."""
    for _ in range(min(nu, shape_of(c)[0])):
        powers = np.arange(shape_of(c)[0] - 1, 0, -1)
        c = c[:-1] * powers.reshape(-1, *(1,) * (c.ndim - 1))
    return c


def _integrated(c: Any, breakpoints: Any) -> Any:
    """Return the coefficients of the integral from the first breakpoint."""
    powers = np.arange(shape_of(c)[0], 0, -1)
    c = c / powers.reshape(-1, *(1,) * (c.ndim - 1))
    widths = np.diff(breakpoints).reshape(-1, *(1,) * (c.ndim - 2))
    whole: Any = 0.0
    for row in c:
        whole = (whole + row) * widths
    before = np.concatenate([0.0 * whole[:1], np.cumsum(whole[:-1], axis=0)])
    return np.concatenate([c, before[None]])


# --- Parts of other interpolators -------------------------------------------------------------------------------------


def double(x: Any) -> Any:
    """Return an array of real or complex numbers in double precision, which SciPy interpolates in."""
    x = as_array(x)
    return x.astype(complex if x.dtype.kind == "c" else float)


def increasing(user: str, x: Any) -> Any:
    """Return positions as a vector of floating numbers, which increase as far as is known."""
    x = as_array(x)
    if x.dtype.kind == "c":
        raise ValueError(f"{user} at {user_line()}: `x` must contain real values")
    x = x.astype(float)
    if x.ndim != 1 or shape_of(x)[0] < 2:
        raise ValueError(f"{user} at {user_line()}: `x` must be a vector of two numbers at least, not of {shape_of(x)}")
    back = x[1:] <= x[:-1]
    if is_at_hand(back) and np.any(back):
        raise ValueError(f"{user} at {user_line()}: `x` must be a strictly increasing sequence")
    return x


def wrapped(x: Any, first: Any, last: Any) -> Any:
    """Return positions in the one period between the first and the last breakpoint."""
    return first + (x - first) % (last - first)


def moved_to_axis(values: Any, rank: int, axis: int) -> Any:
    """Put the first axes of an array, of the positions, where the axis of interpolation was."""
    if not axis:
        return values
    places = list(range(values.ndim))
    return np.transpose(values, places[rank : rank + axis] + places[:rank] + places[rank + axis :])
