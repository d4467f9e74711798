"""Derivatives of Faddeeva's function, of erfcx and Dawson's integral that are made of it, and of log_ndtr.

By their differential equations, as w' = -2zw + 2i/√π, each derivative is a difference of terms that grow with z while
it falls. So far from zero they are summed from the integral

    w(z) = i/π ∫ exp(-t²) / (z - t) dt,    Im z > 0    (DLMF 7.7.2)

differentiated under its sign and taken by Gauss's and Hermite's rule. One primitive a function has all orders.
"""

from __future__ import annotations

from math import comb, factorial, pi, sqrt
from typing import Any

import numpy as np

from functorch_lite.calculus.declare import general
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["dawson", "erfcx", "faddeeva", "log_ndtr"]

# --- The families: derivatives of positive order ----------------------------------------------------------------------


def _next_faddeeva(t: Any, z: Any, order: int) -> Any:
    return t * faddeeva(z, order + 1)


@general(Rule(_next_faddeeva, _next_faddeeva), batch=batch_elementwise)
def faddeeva(z: Any, order: int) -> Any:
    """Compute a derivative of ``wofz``."""
    slopes = _by_recurrence(sp.wofz(z), z, 2j / sqrt(pi), -1, order)
    return _with_far(slopes, z, 1, lambda z: _faddeeva_far(z, order))


def _next_erfcx(t: Any, x: Any, order: int) -> Any:
    return t * erfcx(x, order + 1)


@general(Rule(_next_erfcx, _next_erfcx), batch=batch_elementwise)
def erfcx(x: Any, order: int) -> Any:
    """Compute a derivative of ``erfcx``, which is w(ix)."""
    near = x if np.iscomplexobj(x) else np.minimum(x, 5)  # beyond, what is discarded would overflow
    slopes = _by_recurrence(sp.erfcx(near), near, -2 / sqrt(pi), 1, order)
    return _with_far(slopes, _finite(x), 1j, lambda z: 1j**order * _faddeeva_far(z, order))


def _next_dawson(t: Any, x: Any, order: int) -> Any:
    return t * dawson(x, order + 1)


@general(Rule(_next_dawson, _next_dawson), batch=batch_elementwise)
def dawson(x: Any, order: int) -> Any:
    """Compute a derivative of ``dawsn``, which is i √π/2 (exp(-x²) - w(x))."""
    if np.iscomplexobj(x):
        slopes = _by_recurrence(sp.dawsn(x), x, 1, -1, order)
        return _with_far(slopes, x, 1, lambda z: 0.5j * sqrt(pi) * (_gaussian(z, order) - _faddeeva_far(z, order)))
    near = np.clip(x, -8, 8)
    slopes = _by_recurrence(sp.dawsn(near), near, 1, -1, order)
    return _with_far(slopes, _finite(x), 1, lambda z: -0.5j * sqrt(pi) * _faddeeva_far(z, order))


def _next_log_ndtr(t: Any, x: Any, order: int) -> Any:
    return t * log_ndtr(x, order + 1)


@general(Rule(_next_log_ndtr, _next_log_ndtr), batch=batch_elementwise)
def log_ndtr(x: Any, order: int) -> Any:
    """Compute a derivative of ``log_ndtr``; the first is h = φ/Φ."""
    if order == 1:
        return _density_over_distribution(x)
    if np.iscomplexobj(x) or not np.any(left := x < -4 * sqrt(2)):
        return _log_ndtr_near(x, order)
    slopes = _log_ndtr_near(np.where(left, 0, x), order)
    return np.where(left, _log_ndtr_left(np.where(left, x, -6), order), slopes).astype(slopes.dtype)[()]


# --- Near zero --------------------------------------------------------------------------------------------------------


def _by_recurrence(f: Any, x: Any, constant: complex, sign: int, order: int) -> Any:
    """Differentiate f' = ± 2xf + constant: f'' = ± (2xf' + 2f), and so on."""
    before, slope = f, sign * 2 * x * f + constant
    for n in range(1, order):
        before, slope = slope, sign * 2 * (x * slope + n * before)
    return slope


def _density_over_distribution(x: Any) -> Any:
    """Compute φ/Φ, where φ is not yet zero by exp(log φ - log Φ), for on that side erfcx overflows."""
    if np.iscomplexobj(x):
        return sqrt(2 / pi) / sp.erfcx(-x / sqrt(2))
    left = sqrt(2 / pi) / sp.erfcx(np.maximum(-x, 0) / sqrt(2))
    right = np.maximum(x, 0)
    return np.where(x > 0, np.exp(-0.5 * right * right - sp.log_ndtr(right)) / sqrt(2 * pi), left)[()]


def _log_ndtr_near(x: Any, order: int) -> Any:
    """From h' = -h (x + h)."""
    x = x if np.iscomplexobj(x) else np.minimum(x, 1e3)  # h is zero there, and would be multiplied by infinity
    h = [_density_over_distribution(x)]
    rest = [x + h[0]]
    for n in range(order - 1):
        h.append(-sum(comb(n, j) * h[j] * rest[n - j] for j in range(n + 1)))
        rest.append(h[-1] + (n == 0))
    return h[-1]


# --- Far from zero ----------------------------------------------------------------------------------------------------

#: With these nodes, all less than 6.1, the rule is exact to rounding from |z| = 7 or Im z = 4 on.
NODES, WEIGHTS = np.polynomial.hermite.hermgauss(24)


def _finite(x: Any) -> Any:
    """Replace real infinities by numbers that have the same derivatives, zero: a product of infinity and i is NaN."""
    if np.iscomplexobj(x):
        return x
    large = 1e37 if getattr(x, "dtype", None) == np.float32 else 1e300
    return np.clip(x, -large, large)


def _is_far(x: Any, unit: complex) -> Any:
    """Say where the rule is exact to rounding for ``unit`` times a number."""
    if np.iscomplexobj(x):
        z = unit * x
        return (np.abs(z) > 7) | (np.imag(z) > 4)
    return np.abs(x) > 7 if unit == 1 else x > 4  # on the left exp(x²) is all of erfcx


def _with_far(near: Any, x: Any, unit: complex, function: Any) -> Any:
    """Return ``near``, and far from zero a function of ``unit`` times the points."""
    far = _is_far(x, unit)
    if isinstance(x, np.ndarray):
        if not np.any(far):
            return near
        values, total = function(unit * x[far] + 0j), near.copy()
        total[far] = values if np.iscomplexobj(near) else values.real
        return total
    if isinstance(far, bool | np.bool) and not far:
        return near
    values = function(unit * np.where(far, x, 8.0) + 0j)
    return np.where(far, values if np.iscomplexobj(near) else np.real(values), near).astype(near.dtype)[()]


def _faddeeva_far(z: Any, order: int) -> Any:
    """Sum the integral; in the lower half-plane by w(z) = 2 exp(-z²) - conj(w(conj z)) (DLMF 7.4.3)."""
    below = np.imag(z) < 0
    upper = np.where(below, np.conj(z), z)
    total = sum(w * (1 / (upper - t)) ** (order + 1) for t, w in zip(NODES.tolist(), WEIGHTS.tolist(), strict=True))
    values = (1j / pi) * (-1) ** order * factorial(order) * total
    return np.where(below, 2 * _gaussian(np.where(below, z, 0), order) - np.conj(values), values)


def _gaussian(z: Any, order: int) -> Any:
    """Compute a derivative of exp(-z²)."""
    return _by_recurrence(np.exp(-z * z), z, 0, -1, order)


def _log_ndtr_left(x: Any, order: int) -> Any:
    """Compute from h = -x - q/√2, with q = e'/e of e = erfcx at -x/√2: the derivatives of qe = e' give those of q."""
    u = np.minimum(-np.asarray(x, float), 1e100) / sqrt(2)
    e = [sp.erfcx(u), *(erfcx.function(u, n) for n in range(1, order + 1))]
    q: list[Any] = []
    for k in range(order):
        q.append((e[k + 1] - sum(comb(k, j) * q[j] * e[k - j] for j in range(k))) / e[0])
    return -((-1 / sqrt(2)) ** (order - 1)) * q[-1] / sqrt(2) - (order == 2)
