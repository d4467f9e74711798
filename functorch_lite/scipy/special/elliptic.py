"""Elliptic integrals and functions, and the arithmetic-geometric mean: the table of their derivatives.

All are Carlson's symmetric integrals, so that no formula divides by the parameter m or by 1 - m, which may be zero, nor
subtracts E from F. Sources: DLMF 19.18 (derivatives), 19.25 (Legendre's integrals by Carlson's), 22.16 (the amplitude).
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from functorch_lite.calculus.declare import general
from functorch_lite.core.operands import is_at_hand
from functorch_lite.core.primitive import Pointwise
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise, elementwise, pointwise, several
from functorch_lite.scipy.special.symmetric_integrals import symmetric_integral
from functorch_lite.scipy.special.ufuncs import sp

#: √(1 - m sin²φ)
_delta = Pointwise(
    lambda x, y: _delta_of(x, y),
    (lambda ans, x, y: -y * np.sin(x) * np.cos(x) / ans, lambda ans, x: np.sin(x) ** 2 / ans / -2),
    name="delta",
)

# --- Legendre's integrals: K = R_F(0, 1-m, 1) and E = 2 R_G(0, 1-m, 1) ------------------------------------------------

pointwise(sp.ellipk, lambda x: sp.elliprd(0, 1, 1 - x) / 6)
pointwise(sp.ellipkm1, lambda x: sp.elliprd(0, 1, x) / -6)
pointwise(sp.ellipe, lambda x: sp.elliprd(0, 1 - x, 1) / -6)
pointwise(sp.ellipkinc, lambda x, y: 1 / _delta(x, y), lambda x, y: _legendre(x, y, 1, 1) / 2)
pointwise(sp.ellipeinc, lambda x, y: _delta(x, y), lambda x, y: _legendre(x, y, 1, 0) / -2)

# --- Jacobi's functions: with am the amplitude, F(am, m) = u ----------------------------------------------------------

several(
    sp.ellipj,
    lambda ans, u, m: (ans[1] * ans[2], -ans[0] * ans[2], -m * ans[0] * ans[1], ans[2]),
    lambda ans, u, m: _jacobi_in_m(ans, m),
)

# --- Carlson's integrals ----------------------------------------------------------------------------------------------

pointwise(sp.elliprc, lambda ans, x, y: _elliprc_in_x(ans, x, y), lambda ans, x, y: _elliprc_in_y(ans, x, y))
pointwise(
    sp.elliprf,
    lambda x, y, z: sp.elliprd(y, z, x) / -6,
    lambda x, y, z: sp.elliprd(x, z, y) / -6,
    lambda x, y, z: sp.elliprd(x, y, z) / -6,
)
pointwise(
    sp.elliprg,
    lambda x, y, z: _elliprg_in_x(x, y, z),
    lambda x, y, z: _elliprg_in_x(y, x, z),
    lambda x, y, z: _elliprg_in_x(z, x, y),
)
pointwise(
    sp.elliprd,
    lambda x, y, z: -0.75 * symmetric_integral(x, y, z, 1.0, (1.5, 0.5, 1.5, 0.0)),
    lambda x, y, z: -0.75 * symmetric_integral(x, y, z, 1.0, (0.5, 1.5, 1.5, 0.0)),
    lambda x, y, z: -2.25 * symmetric_integral(x, y, z, 1.0, (0.5, 0.5, 2.5, 0.0)),
)
elementwise(
    sp.elliprj,
    lambda ans, x, y, z, p: -0.75 * symmetric_integral(x, y, z, p, (1.5, 0.5, 0.5, 1.0)),
    lambda ans, x, y, z, p: -0.75 * symmetric_integral(x, y, z, p, (0.5, 1.5, 0.5, 1.0)),
    lambda ans, x, y, z, p: -0.75 * symmetric_integral(x, y, z, p, (0.5, 0.5, 1.5, 1.0)),
    lambda ans, x, y, z, p: -1.5 * symmetric_integral(x, y, z, p, (0.5, 0.5, 0.5, 2.0)),
)

# --- The arithmetic-geometric mean: π/2 / R_F(0, x², y²) --------------------------------------------------------------

pointwise(sp.agm, lambda ans, x, y: _agm_in_x(ans, x, y), lambda ans, x, y: _agm_in_x(ans, y, x))

# --- Parts of rules ---------------------------------------------------------------------------------------------------


def _delta_of(phi: Any, m: Any) -> Any:
    """Compute the root of 1 - m sin²φ, as one of positive terms wherever m <= 1."""
    return np.sqrt(np.cos(phi) ** 2 + (1 - m) * np.sin(phi) ** 2)


def _legendre(phi: Any, m: Any, n: int, k: int) -> Any:
    return legendre(phi, m, n, k)


def _legendre_in_phi(t: Any, x: Any, y: Any, n: int, k: int) -> Any:
    return t * (np.sin(x) ** (2 * n) * _delta(x, y) ** (-2 * k - 1))


def _legendre_in_m(t: Any, x: Any, y: Any, n: int, k: int) -> Any:
    return t * ((k + 0.5) * legendre(x, y, n + 1, k + 1))


@general(
    Rule(_legendre_in_phi, _legendre_in_phi), Rule(_legendre_in_m, _legendre_in_m), batch=batch_elementwise
)
def legendre(x: Any, y: Any, n: int, k: int) -> Any:
    """Compute ∫₀^φ sin²ⁿθ Δ^(-2k-1) dθ with Δ² = 1 - m sin²θ: for all n and k the derivatives of F and E in m.

    With sin²θ = sin²φ / (1 + t) it is sin²ⁿ⁺¹φ / 2 · S(cos²φ, Δ², 1; ½, k + ½, n - k + ½), for φ less whole π.
    """
    turns = np.rint(x / pi)
    sine = np.sin(x) * (1 - 2 * (turns % 2))
    part = sine ** (2 * n + 1) * _legendre_over_sine(np.cos(x) ** 2, _delta(x, y) ** 2, n, k)
    if is_at_hand(turns) and not np.any(turns):
        return part
    none = turns == 0
    complete = _legendre_over_sine(0.0, np.where(none, 1, 1 - y), n, k)
    return part + np.where(none, 0, 2 * turns * complete)


def _legendre_over_sine(cosine_squared: Any, delta_squared: Any, n: int, k: int) -> Any:
    if (n, k) == (1, 1):
        return sp.elliprd(cosine_squared, 1, delta_squared) / 3
    if (n, k) == (1, 0):
        return sp.elliprd(cosine_squared, delta_squared, 1) / 3
    return 0.5 * symmetric_integral(cosine_squared, delta_squared, 1.0, 1.0, (0.5, k + 0.5, n - k + 0.5, 0.0))


def _jacobi_in_m(ans: Any, m: Any) -> tuple[Any, Any, Any, Any]:
    """DLMF 22.16: am' = -dn ∂F/∂m at the amplitude, whose sine, cosine and Δ are at hand."""
    sn, cn, dn, amplitude = ans
    turned = -dn * legendre(amplitude, m, 1, 1) / 2
    return cn * turned, -sn * turned, -(sn * sn / 2 + m * sn * cn * turned) / dn, turned


def _elliprg_in_x(x: Any, y: Any, z: Any) -> Any:
    """Differentiate R_G: R_F - x R_D / 3 is ½ ∫ t (t+x)^-1.5 (t+y)^-.5 (t+z)^-.5 dt, where t is the power of a zero."""
    return 0.125 * symmetric_integral(x, y, z, 0.0, (1.5, 0.5, 0.5, -1.0))


def _elliprc_in_x(ans: Any, x: Any, y: Any) -> Any:
    return _elliprc_slope(x, y, lambda y: symmetric_integral(x, y, 1.0, 1.0, (1.5, 1.0, 0.0, 0.0)) / -4, ans, 0)


def _elliprc_in_y(ans: Any, x: Any, y: Any) -> Any:
    return _elliprc_slope(x, y, lambda y: symmetric_integral(x, y, 1.0, 1.0, (0.5, 2.0, 0.0, 0.0)) / -2, ans, 1)


def _elliprc_slope(x: Any, y: Any, integral: Any, ans: Any, i: int) -> Any:
    """Differentiate R_C by an integral, or where y is negative, which is never near x, as an elementary function.

    By DLMF 19.2.17 and 19.2.18, (y - x) ∂R_C/∂x = (R_C - 1/√x) / 2, and it is homogeneous of degree -1/2.
    """
    if np.iscomplexobj(y):
        return integral(y)
    negative = y < 0
    if is_at_hand(negative) and not np.any(negative):
        return integral(y)
    left, x = np.where(negative, y, -1.0), np.where(negative, x, 1.0)
    if i:
        slope = -(ans / 2 + (x * ans - np.sqrt(x)) / (2 * (left - x))) / left
    else:
        slope = (ans - 1 / np.sqrt(x)) / (2 * (left - x))
    return np.where(negative, slope, integral(np.where(negative, 1.0, y)))


def _agm_in_x(ans: Any, x: Any, y: Any) -> Any:
    """M²/x³ · 2/(3π) R_D(0, (y/x)², 1), in a form that is homogeneous.

    From zero the mean rises like 1/log, with infinite slopes: there stand functions that have them, and the value.
    """
    zero = (x == 0) != (y == 0)
    if is_at_hand(zero) and not np.any(zero):
        return _agm_slope(ans, x, y)
    first, second = np.where(zero, 1.0, x), np.where(zero, 1.0, y)
    inner = _agm_slope(sp.agm(first, second), first, second)
    own, other = np.where(zero, x, 1.0), np.where(zero, y, 1.0)
    return np.where(zero, np.where(x == 0, other / own, np.sqrt(other)), inner)


def _agm_slope(ans: Any, x: Any, y: Any) -> Any:
    a, b = x / (x + y), y / (x + y)
    mean = ans / (x + y)
    return 2 / (3 * pi) * mean * mean * a * sp.elliprd(0, b * b, a * a)
