"""Carlson's symmetric integrals and their derivatives of all orders: one primitive.

    S(x, y, z, w; a, b, c, d) = ∫₀^∞ (t + x)^-a (t + y)^-b (t + z)^-c (t + w)^-d dt

holds R_F, R_D, R_J, R_C and the derivatives of these and of R_G (DLMF 19.16, 19.18), as those of S are -a S with a + 1
in the place of a, and so on: nothing is subtracted, nothing divided by what may be zero. With t = exp(u) the integrand
is analytic in a strip about the real line and falls exponentially, where the trapezoidal rule is exact to rounding
(Trefethen and Weideman, "The Exponentially Convergent Trapezoidal Rule", SIAM Review 56, 2014); for positive
arguments all its terms are positive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import refuse_foreign
from functorch_lite.calculus.declare import general
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["symmetric_integral"]

Exponents = tuple[float, ...]

#: Logarithm of what may be neglected, and of the rule's error.
DIGITS = 40.0
#: Arguments that lie almost opposite each other in the complex plane would take ever smaller steps.
SMALLEST_STEP = 0.01
#: Of an argument, the greatest of which is one.
SMALLEST_LOGARITHM = -700.0
#: How many elements are computed at a time; each takes some hundred numbers of memory.
BLOCK = 1024


def _next(i: int) -> Callable[..., Any]:
    def rule(t: Any, x: Any, y: Any, z: Any, w: Any, exponents: Exponents) -> Any:
        raised = (*exponents[:i], exponents[i] + 1, *exponents[i + 1 :])
        return t * (-exponents[i] * symmetric_integral(x, y, z, w, raised))

    return rule


@general(*(Rule(_next(i), _next(i)) for i in range(4)), batch=batch_elementwise)
def symmetric_integral(x: Any, y: Any, z: Any, w: Any, exponents: Exponents) -> Any:
    """Compute S for exponents of sum greater than one; an argument of exponent zero may be anything.

    It is NaN for arguments on the negative real axis, and infinite where the integral diverges at zero. With the
    exponent -1, for derivatives of R_G, the last argument is zero.
    """
    if exponents in BY_SCIPY:
        return BY_SCIPY[exponents](x, y, z)
    refuse_foreign("a derivative of an elliptic integral", x, y, z, w)
    dtype = np.result_type(x, y, z, w)
    given = [(v, a) for v, a in zip((x, y, z, w), exponents, strict=True) if a]
    arrays = np.broadcast_arrays(*(np.asarray(v, complex if dtype.kind == "c" else float) for v, _ in given))
    shape = arrays[0].shape
    points = np.stack([v.reshape(-1) for v in arrays])
    powers = np.array([a for _, a in given])
    with np.errstate(all="ignore"):
        blocks = [_integrate(points[:, i : i + BLOCK], powers) for i in range(0, points.shape[1], BLOCK)]
    values = np.concatenate(blocks) if blocks else points[0]
    return values.reshape(shape).astype(dtype if dtype.kind in "fc" else float)[()]


#: What SciPy has, or what is made of it without a loss of more than a logarithm's digits.
BY_SCIPY: dict[Exponents, Callable[..., Any]] = {
    (1.5, 0.5, 0.5, -1.0): lambda x, y, z: 2 * sp.elliprf(x, y, z) - _times_rd(x, y, z) / 1.5,
    (1.5, 1.0, 0.0, 0.0): lambda x, y, z: sp.elliprd(y, y, x) / 1.5,
}


def _times_rd(x: Any, y: Any, z: Any) -> Any:
    """Compute x R_D(y, z, x), which is zero at zero, where R_D is infinite."""
    return x * sp.elliprd(y, z, np.where(x == 0, 1, x))


def _integrate(points: Any, powers: Any) -> Any:
    """Integrate for each column of points."""
    size = np.abs(points)
    scale = np.exp2(np.rint(np.log2(np.max(size, axis=0))))
    total = np.sum(powers)
    at_zero = np.sum(np.where(points == 0, powers[:, None], 0.0), axis=0)
    angle = np.where(points == 0, np.nan, np.angle(points))
    low, high = np.fmin.reduce(angle), np.fmax.reduce(angle)
    turn = (low + high) / 2  # the ray of integration is in the middle of the arguments
    margin = np.pi - (high - low) / 2
    valid = np.isfinite(scale) & (scale > 0) & (at_zero < 1) & (high < np.pi) & (low > -np.pi)
    scale, turn = np.where(valid, scale, 1.0), np.where(valid, turn, 0.0)
    step = max(2 * np.pi * np.min(np.where(valid, margin, np.pi)) / (DIGITS + 5), SMALLEST_STEP)
    points = np.where(valid, points, 1.0) / (scale * np.exp(1j * turn) if np.iscomplexobj(points) else scale)
    least = np.min(np.where(points == 0, 1.0, np.abs(points)), axis=0)
    left = np.maximum(np.log(least) - DIGITS / np.where(valid, 1 - at_zero, 1), SMALLEST_LOGARITHM)
    right = DIGITS / (total - 1)
    u = left + step * np.arange(int((right - np.min(left)) / step) + 1)[:, None]
    t = np.exp(u)
    exponent = u - sum(a * np.log(t + z) for a, z in zip(powers, points, strict=True))
    values = step * np.sum(np.exp(exponent), axis=0)
    root = (scale * np.exp(1j * turn) if np.iscomplexobj(points) else scale) ** ((1 - total) / 2)
    edge: Any = np.where(np.isinf(size).any(axis=0), 0.0, np.where(at_zero >= 1, np.inf, np.nan))
    edge = np.where(np.isnan(size).any(axis=0) | ~((high < np.pi) & (low > -np.pi)), np.nan, edge)
    return np.where(valid, values * root * root, edge)
