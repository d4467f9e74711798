"""Hurwitz's and Riemann's zeta functions: derivatives in the exponent, to any order.

    ζ(s, q) = Σ (q+k)^-s  +  m^(1-s)/(s-1) + m^-s/2 + Σ B_2j/(2j)! (s)_(2j-1) m^(1-s-2j),    m = q + N, k < N

is Euler's and Maclaurin's sum (DLMF 25.11.5 and 25.2.9), which is exact to rounding with few terms. It is summed in
truncated power series of s + ε, whose coefficients are the derivatives over factorials.
"""

from __future__ import annotations

from math import factorial, log, pi
from typing import Any

import numpy as np
import scipy.special

from functorch_lite.calculus.arguments import refuse_foreign
from functorch_lite.calculus.declare import general
from functorch_lite.core.errors import user_line
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise, pointwise
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["zeta_in_s"]

TERMS = 14
BERNOULLI = scipy.special.bernoulli(24)[2::2].tolist()


def _next(t: Any, x: Any, y: Any, order: int) -> Any:
    return t * zeta_in_s(x, y, order + 1)


def _in_q(t: Any, x: Any, y: Any, order: int) -> Any:
    """Differentiate -s ζ(s + 1, q), the slope in q, as often in s."""
    lower = sp.zeta(x + 1, y) if order == 1 else zeta_in_s(x + 1, y, order - 1)
    return t * -(x * zeta_in_s(x + 1, y, order) + order * lower)


@general(Rule(_next, _next), Rule(_in_q, _in_q), batch=batch_elementwise)
def zeta_in_s(x: Any, y: Any, order: int) -> Any:
    """Return the derivative of positive ``order`` of ζ(x, y) in x, for x from -1 on and positive y; else NaN."""
    refuse_foreign("the derivative of a zeta function in its exponent", x, y)
    dtype = np.result_type(x, y)
    s, q = (np.asarray(v, float) for v in np.broadcast_arrays(x, y))
    with np.errstate(all="ignore"):
        value = np.where((s >= -1) & (s != 1) & (q > 0), _summed(s, q, order), np.nan)
    return value.astype(dtype if dtype.kind == "f" else float)[()]


def _summed(s: Any, q: Any, order: int) -> Any:
    total = [sum(terms) for terms in zip(*(_power(q + k, s, order) for k in range(TERMS)), strict=True)]
    m = q + TERMS
    power = _power(m, s, order)
    rest = [m * (-1) ** i / (s - 1) ** (i + 1) for i in range(order + 1)]  # of m/(s - 1 + ε)
    rest[0] = rest[0] + 0.5
    rising = [s, np.ones_like(s)] + [np.zeros_like(s)] * (order - 1)
    for j, b in enumerate(BERNOULLI, 1):
        rest = [r + b / factorial(2 * j) * c * m ** (1.0 - 2 * j) for r, c in zip(rest, rising, strict=True)]
        for k in (2 * j - 1, 2 * j):
            rising = [(s + k) * c + (rising[i - 1] if i else 0.0) for i, c in enumerate(rising)]
    tail = sum(power[i] * rest[order - i] for i in range(order + 1))
    return (total[order] + tail) * factorial(order)


def _power(base: Any, s: Any, order: int) -> list[Any]:
    """Return the series of base^(-s - ε)."""
    logarithm = np.log(base)
    power = base**-s
    return [power * (-logarithm) ** i / factorial(i) for i in range(order + 1)]


def _exponent_slope(x: Any, y: Any) -> Any:
    """Where SciPy's function of two arguments is no number there is no derivative either."""
    return zeta_in_s(np.where(x > 1, x, np.nan), y, 1)


def _riemann_slope(x: Any) -> Any:
    """Reflect what is less than -1 (DLMF 25.4.1): ζ(s) = 2 (2π)^(s-1) sin(πs/2) Γ(1-s) ζ(1-s)."""
    if np.iscomplexobj(x):
        raise NotImplementedError(
            f"the derivative of scipy.special.zeta at complex arguments has no rule; asked for at {user_line()}"
        )
    left = x < -1
    s = np.where(left, x, -2.0)
    factor = 2 * (2 * pi) ** (s - 1) * sp.gamma(1 - s)
    sine, cosine, mirrored = np.sin(pi / 2 * s), np.cos(pi / 2 * s), sp.riemann_zeta(1 - s)
    of_factor = (log(2 * pi) - sp.psi(1 - s)) * sine * mirrored
    reflected = factor * (of_factor + pi / 2 * cosine * mirrored - sine * zeta_in_s(1 - s, np.ones_like(s), 1))
    right = np.where(left, 2.0, x)
    return np.where(left, reflected, zeta_in_s(right, np.ones_like(right), 1))


pointwise(sp.zeta, lambda x, y: _exponent_slope(x, y), lambda x, y: -x * sp.zeta(x + 1, y))
pointwise(sp.riemann_zeta, lambda x: _riemann_slope(x))
pointwise(sp.zetac, lambda x: _riemann_slope(x))
