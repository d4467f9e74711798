"""The derivatives of Student's distribution function in the degrees of freedom, to any order.

They are integrals of the derivatives of the density f(v, s), from 0 to t or from t on, whichever is the shorter way:
the first of these changes its sign at about s = 1.5, so that little is lost where they cancel. With the energy
e = v/2 · log(1 + s²/v), which is s²/2 in the normal limit, and y = 2e/v,

    f ds = C e^(-e) de / √(v (1 - e^(-y))),    C = Γ(v/2 + 1/2) / Γ(v/2) / √(πv),

and derivatives of log f in v are polynomials of e^(-y), but for that of order one. Near zero Gauss's rule is applied in
√(2e), and from t on the trapezoidal rule in the logarithm of e - e(t).
"""

from __future__ import annotations

from math import comb, factorial, log, pi
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import refuse_foreign
from functorch_lite.calculus.declare import general
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise
from functorch_lite.scipy.special.student import half_step, log1p_rest, log_student_density
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["stdtr_in_v"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)
STEP = 0.25
#: Of the logarithm of e - e(t): below the integrand is constant, above it is zero.
LOGARITHMS = STEP * np.arange(-152, 18)
#: How many elements are computed at a time.
BLOCK = 1024


def _next(t: Any, x: Any, y: Any, order: int) -> Any:
    return t * stdtr_in_v(x, y, order + 1)


def _slope(t: Any, x: Any, y: Any, order: int) -> Any:
    ratio = y * y / x
    logarithm = np.log1p(ratio)
    rest = log1p_rest.bind((ratio,), ())
    slopes = _log_slopes(x, rest, np.exp(-logarithm), -np.expm1(-logarithm), order)
    return t * (np.exp(log_student_density(y * y, x)) * _bell(slopes, order))


@general(Rule(_next, _next), Rule(_slope, _slope), batch=batch_elementwise)
def stdtr_in_v(x: Any, y: Any, order: int) -> Any:
    """Return the derivative of positive ``order`` of the distribution function at ``y`` in the parameter ``x``."""
    refuse_foreign("the derivative of Student's distribution function in its parameter", x, y)
    dtype = np.result_type(x, y)
    v, t = (np.asarray(a, float) for a in np.broadcast_arrays(x, y))
    shape, v, t = v.shape, v.reshape(-1), t.reshape(-1)
    with np.errstate(all="ignore"):
        blocks = [_integrate(v[i : i + BLOCK], t[i : i + BLOCK], order) for i in range(0, v.size, BLOCK)]
    values = np.concatenate(blocks) if blocks else v
    return values.reshape(shape).astype(dtype if dtype.kind == "f" else float)[()]


def _integrate(v: Any, t: Any, order: int) -> Any:
    valid = (v > 0) & ~np.isnan(t)
    limit = np.isinf(v) | np.isinf(t)  # there are no changes there
    inside = valid & ~limit
    v, t = np.where(inside, v, 1.0), np.where(inside, t, 1.0)
    energy = np.where(np.abs(t) < 1e150, v / 2 * np.log1p(t * t / v), v * (np.log(np.abs(t)) - np.log(v) / 2))
    # Towards zero degrees of freedom the density falls on the scale of √v, whatever its energy is.
    near = (energy < 1.2) & (energy < 1.5 * v)
    middle = _from_zero(v, np.where(near, energy, 0.5 * v), order)
    value = np.sign(t) * np.where(near, middle, -_to_infinity(v, np.where(near, 1.0, energy), order))
    return np.where(inside, value, np.where(valid, 0.0, np.nan))


def _from_zero(v: Any, energy: Any, order: int) -> Any:
    half = np.sqrt(energy / 2)
    x = half * (NODES[:, None] + 1)
    y = x * x / v
    density = np.exp(-0.5 * x * x) / np.sqrt(sp.exprel(-y))
    return half * np.sum(WEIGHTS[:, None] * density * _relative(v, y, order), axis=0)


def _to_infinity(v: Any, energy: Any, order: int) -> Any:
    step = np.exp(LOGARITHMS)[:, None]
    e = energy + step
    y = 2 * e / v
    density = step * np.exp(-e) / np.sqrt(-v * np.expm1(-y))
    return STEP * np.sum(density * _relative(v, y, order), axis=0)


def _relative(v: Any, y: Any, order: int) -> Any:
    """Return the derivative of the density over its exponential of the energy."""
    small = np.minimum(y, 1)
    rest = np.where(y < 1, log1p_rest.function(np.expm1(small)), y + np.expm1(-y))
    constant = np.exp(half_step.function(v / 2, 0) - 0.5 * log(2 * pi))
    return constant * _bell(_log_slopes(v, rest, np.exp(-y), -np.expm1(-y), order), order)


def _log_slopes(v: Any, rest: Any, q: Any, p: Any, order: int) -> list[Any]:
    """Return the derivatives of log f in v, for q = 1/(1 + s²/v) and p = 1 - q, and the ``rest`` -log q - p.

    Those of (v + 1)/2 · log(1 + s²/v) are sums of powers of q, from which the factor p, or p², is taken out.
    """
    slopes = [half_step(v / 2, 1) / 2 - (rest - p / v) / 2]
    for k in range(2, order + 1):
        of_v = factorial(k - 2) * v ** (1.0 - k) * p * p * sum(j * q ** (j - 1) for j in range(1, k))
        of_one = factorial(k - 1) * v ** (-float(k)) * p * sum(q**j for j in range(k))
        slopes.append(half_step(v / 2, k) / 2**k + (-1) ** k * (of_v - of_one) / 2)
    return slopes


def _bell(slopes: list[Any], order: int) -> Any:
    """Return the complete Bell polynomial: the derivative of a function over it, by those of its logarithm."""
    values: list[Any] = [1.0]
    for k in range(1, order + 1):
        values.append(sum(comb(k - 1, j) * slopes[j] * values[k - 1 - j] for j in range(k)))
    return values[order]
