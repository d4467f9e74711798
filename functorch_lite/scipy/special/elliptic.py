"""Elliptic integrals and functions, and the arithmetic-geometric mean: the table of their derivatives.

Where the textbook formulas divide by the parameter m, which may be zero, they are rewritten by Carlson's symmetric
integral D(φ, m) = (F - E) / m. Sources: DLMF 19.4, 19.18, 19.25 and 22.16; Carlson, *Special Functions of Applied
Mathematics* (1977), on the derivatives of R.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from functorch_lite.calculus.declare import pointwise
from functorch_lite.scipy.special.declare import refuse_wholly, several
from functorch_lite.scipy.special.ufuncs import sp

# --- Legendre's integrals ---------------------------------------------------------------------------------------------

pointwise(sp.ellipk, lambda x: pi / 8 * sp.hyp2f1(1.5, 1.5, 2, x))
pointwise(sp.ellipkm1, lambda x: _ellipkm1_slope(x))
pointwise(sp.ellipe, lambda x: -pi / 8 * sp.hyp2f1(0.5, 1.5, 2, x))
pointwise(sp.ellipkinc, lambda x, y: 1 / _delta(x, y), lambda ans, x, y: _ellipkinc_in_m(ans, x, y))
pointwise(sp.ellipeinc, lambda x, y: _delta(x, y), lambda x, y: -_d(x, y) / 2)

# --- Jacobi's functions: with am the amplitude, F(am, m) = u ----------------------------------------------------------

several(
    sp.ellipj,
    lambda ans, u, m: (ans[1] * ans[2], -ans[0] * ans[2], -m * ans[0] * ans[1], ans[2]),
    lambda ans, u, m: _jacobi_in_m(ans, u, m),
)

# --- Carlson's integrals ----------------------------------------------------------------------------------------------

pointwise(
    sp.elliprc, lambda x, y: -sp.elliprd(y, y, x) / 6, lambda ans, x, y: (x * sp.elliprd(y, y, x) / 6 - ans / 2) / y
)
pointwise(
    sp.elliprf,
    lambda x, y, z: -sp.elliprd(y, z, x) / 6,
    lambda x, y, z: -sp.elliprd(x, z, y) / 6,
    lambda x, y, z: -sp.elliprd(x, y, z) / 6,
)
pointwise(
    sp.elliprg,
    lambda x, y, z: (sp.elliprf(x, y, z) - x * sp.elliprd(y, z, x) / 3) / 4,
    lambda x, y, z: (sp.elliprf(x, y, z) - y * sp.elliprd(x, z, y) / 3) / 4,
    lambda x, y, z: (sp.elliprf(x, y, z) - z * sp.elliprd(x, y, z) / 3) / 4,
)
# By Euler and Poisson's equations; in z by homogeneity of degree -3/2. Undetermined (NaN) where x = z or y = z.
pointwise(
    sp.elliprd,
    lambda ans, x, y, z: _elliprd_in_x(ans, x, y, z),
    lambda ans, x, y, z: _elliprd_in_x(ans, y, x, z),
    lambda ans, x, y, z: -(1.5 * ans + x * _elliprd_in_x(ans, x, y, z) + y * _elliprd_in_x(ans, y, x, z)) / z,
)
refuse_wholly("Carlson's R_J has no rule", sp.elliprj)

# --- The arithmetic-geometric mean ------------------------------------------------------------------------------------

pointwise(sp.agm, lambda ans, x, y: _agm_in_x(ans, x, y), lambda ans, x, y: _agm_in_x(ans, y, x))

# --- Parts of rules ---------------------------------------------------------------------------------------------------


def _delta(phi: Any, m: Any) -> Any:
    return np.sqrt(1 - m * np.sin(phi) ** 2)


def _d(phi: Any, m: Any) -> Any:
    """(F - E) / m = sin³φ R_D(cos²φ, 1 - m sin²φ, 1) / 3, and 2 D(π/2, m) for each π that φ is reduced by."""
    turns = np.rint(phi / pi)
    sine = np.sin(phi - turns * pi)
    part = sine**3 * sp.elliprd(np.cos(phi) ** 2, 1 - m * sine * sine, 1)
    complete = pi / 4 * sp.hyp2f1(0.5, 1.5, 2, m)
    return part / 3 + 2 * turns * complete


def _ellipkinc_in_m(ans: Any, phi: Any, m: Any) -> Any:
    return (ans - _d(phi, m) - np.sin(phi) * np.cos(phi) / _delta(phi, m)) / (2 * (1 - m))


def _ellipkm1_slope(p: Any) -> Any:
    """-K'(m) at m = 1 - p: near m = 1 from E and K at p itself, which 1 - p would round away."""
    small = np.where(p < 0.5, p, 0.25)
    m = 1 - small
    near_one = -(sp.ellipe(m) - small * sp.ellipkm1(small)) / (2 * m * small)
    return np.where(p < 0.5, near_one, -pi / 8 * sp.hyp2f1(1.5, 1.5, 2, 1 - np.where(p < 0.5, 0.5, p)))


def _jacobi_in_m(ans: Any, u: Any, m: Any) -> tuple[Any, Any, Any, Any]:
    sn, cn, dn, amplitude = ans
    turned = -dn * _ellipkinc_in_m(u, amplitude, m)
    return cn * turned, -sn * turned, -(sn * sn / 2 + m * sn * cn * turned) / dn, turned


def _elliprd_in_x(ans: Any, x: Any, y: Any, z: Any) -> Any:
    return (sp.elliprd(y, z, x) - ans) / (2 * (x - z))


def _agm_in_x(ans: Any, x: Any, y: Any) -> Any:
    """From M = π/4 (x + y) / K(m), m = ((x - y) / (x + y))²."""
    m = ((x - y) / (x + y)) ** 2
    k = sp.ellipk(m)
    k_slope = pi / 8 * sp.hyp2f1(1.5, 1.5, 2, m)
    return ans / (x + y) - ans * k_slope / k * 4 * y * (x - y) / (x + y) ** 3
