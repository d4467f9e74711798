"""Densities of the gamma and the beta family, written so that no large numbers are subtracted.

The logarithm of x^a e^(-x) / Γ(a) is a difference of terms that grow like a log a, while it is itself of the order of
log a near its mode. Loader ("Fast and Accurate Computation of Binomial Probabilities", 2000) writes it by the deviance

    D(a, m) = a log(a/m) + m - a >= 0,

which is small near a = m and has a series there, and by what Stirling's formula leaves of log Γ (DLMF 5.11.1):

    log Γ(a) = (a - ½) log a - a + ½ log 2π + δ(a).
"""

from __future__ import annotations

from functools import cache
from math import factorial, log, pi, prod
from typing import Any

import numpy as np

from functorch_lite.calculus.declare import general
from functorch_lite.core.operands import is_at_hand
from functorch_lite.core.primitive import Pointwise, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise
from functorch_lite.scipy.special.elementary import quotient
from functorch_lite.scipy.special.gamma_functions import polygamma
from functorch_lite.scipy.special.student import BERNOULLI
from functorch_lite.scipy.special.ufuncs import sp

__all__ = [
    "log_beta_density",
    "log_beta_density_in_a",
    "log_f_density",
    "log_gamma_density",
    "log_gamma_density_in_a",
    "log_gamma_slope",
]


# --- The densities ----------------------------------------------------------------------------------------------------

#: Parameters below are no large numbers, and the textbook formulas as good; they are exact where a power is zero.
LARGE = 8


def _log_gamma_density(a: Any, x: Any) -> Any:
    apart = sp.xlogy(a - 1, x) - x - sp.gammaln(a)
    large = (a > LARGE) & (x > 0)
    if is_at_hand(large) and not np.any(large):
        return apart
    a, x = np.where(large, a, 1), np.where(large, x, 1)
    kernel = 0.5 * (np.log(a) - log(2 * pi)) - stirling_rest(a, 0) - deviance(a, x)
    return np.where(large, kernel - np.log(x), apart)[()]


def _log_beta_density(a: Any, b: Any, x: Any) -> Any:
    apart = sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b)
    large = (a + b > LARGE) & (x > 0) & (x < 1)
    if is_at_hand(large) and not np.any(large):
        return apart
    a, b, x = np.where(large, a, 1), np.where(large, b, 1), np.where(large, x, 0.5)
    return np.where(large, _log_beta_kernel(a, b, x, 1 - x) - np.log(x) - np.log1p(-x), apart)[()]


def _log_f_density(a: Any, b: Any, y: Any) -> Any:
    r = a * y / b
    apart = np.log(a / b) + sp.xlogy(a - 1, r) - (a + b) * np.log1p(r) - sp.betaln(a, b)
    large = (a + b > LARGE) & (r > 0) & (r < np.inf)
    if is_at_hand(large) and not np.any(large):
        return apart
    a, b, y = np.where(large, a, 1), np.where(large, b, 1), np.where(large, y, 1)
    total = a * y + b
    return np.where(large, _log_beta_kernel(a, b, a * y / total, b / total) - np.log(y), apart)[()]


def _log_beta_kernel(a: Any, b: Any, x: Any, rest: Any) -> Any:
    """Compute the logarithm of x^a (1 - x)^b / B(a, b)."""
    n = a + b
    factor = 0.5 * (np.log(a) + np.log(b / n) - log(2 * pi)) + stirling_rest(n, 0)
    return factor - stirling_rest(a, 0) - stirling_rest(b, 0) - deviance(a, n * x) - deviance(b, n * rest)


def log_gamma_density_in_a(a: Any, x: Any) -> Any:
    """Compute log x - ψ(a)."""
    return -log_quotient(a, x) - log_gamma_slope(a)


def log_beta_density_in_a(a: Any, b: Any, x: Any, log_x: Any) -> Any:
    """Compute log x - ψ(a) + ψ(a + b), without subtracting a logarithm from itself where a is much less than b."""
    quotient = np.where(b < a, log_x + np.log1p(b / a), -log_quotient(a, (a + b) * x))
    return quotient + log_gamma_slope(a + b) - log_gamma_slope(a)


def log_gamma_slope(a: Any) -> Any:
    """Compute ψ(a) - log a, which falls to zero."""
    return stirling_rest(a, 1) - 0.5 / a


#: log x^(a-1) e^(-x) / Γ(a).
log_gamma_density: Primitive = Pointwise(
    _log_gamma_density,
    (lambda x, y: log_gamma_density_in_a(x, y), lambda x, y: quotient(x - 1, y) - 1),
    name="log_gamma_density",
)
#: log x^(a-1) (1-x)^(b-1) / B(a, b).
log_beta_density: Primitive = Pointwise(
    _log_beta_density,
    (
        lambda x, y, z: log_beta_density_in_a(x, y, z, np.log(z)),
        lambda x, y, z: log_beta_density_in_a(y, x, 1 - z, np.log1p(-z)),
        lambda x, y, z: quotient(x - 1, z) - quotient(y - 1, 1 - z),
    ),
    name="log_beta_density",
)
#: The logarithm of the density of the quotient of two gamma variables over their parameters a and b.
log_f_density: Primitive = Pointwise(
    _log_f_density,
    (
        lambda x, y, z: log_gamma_slope(x + y) - log_gamma_slope(x) - deviance(1.0, (x + y) * z / (x * z + y)),
        lambda x, y, z: log_gamma_slope(x + y) - log_gamma_slope(y) - deviance(1.0, (x + y) / (x * z + y)),
        lambda x, y, z: quotient(x - 1, z) - (x + y) * x / (x * z + y),
    ),
    name="log_f_density",
)

# --- The deviance -----------------------------------------------------------------------------------------------------


def _deviance(x: Any, m: Any) -> Any:
    """Sum the series of the area's hyperbolic tangent where x and m are near (Loader's bd0)."""
    v = (x - m) / (x + m)
    near = np.abs(v) < 0.1
    apart = sp.xlogy(x, x / np.where(m == 0, 1, m)) + m - x
    apart = np.where(((m == 0) & (x > 0)) | np.isinf(m), np.inf, apart)
    if is_at_hand(near) and not np.any(near):
        return apart[()]
    v = np.where(near, v, 0)
    square: Any = v * v
    series: Any = 0.0
    for k in range(10, 0, -1):
        series = (series + 1 / (2 * k + 1)) * square
    return np.where(near, (x - m) * v + 2 * x * v * series, apart)[()]


def _log_quotient(x: Any, m: Any) -> Any:
    near = np.abs(x - m) < 0.5 * m
    if is_at_hand(near) and not np.any(near):
        return np.log(x / m)
    return np.where(near, np.log1p(np.where(near, (x - m) / m, 0)), np.log(x / m))[()]


#: log(x/m), to rounding also where it is small.
log_quotient: Primitive = Pointwise(_log_quotient, (lambda x: 1 / x, lambda y: -1 / y), name="log_quotient")
#: 1 - x/m, to rounding also where it is small.
gap: Primitive = Pointwise(lambda x, y: (y - x) / y, (lambda y: -1 / y, lambda x, y: x / y / y), name="gap")
deviance: Primitive = Pointwise(_deviance, (lambda x, y: log_quotient(x, y), lambda x, y: gap(x, y)), name="deviance")

# --- The rest of Stirling's formula -----------------------------------------------------------------------------------


@cache
def _series(order: int) -> list[float]:
    """Return the factors of 1/a^(2k-1+order): B_2k / (2k (2k - 1)), and those of a derivative."""
    factors = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1)]
    return [c * prod(range(1 - 2 * k, 1 - 2 * k - order, -1)) for k, c in enumerate(factors, 1)]


def _next(t: Any, a: Any, order: int) -> Any:
    return t * stirling_rest(a, order + 1)


@general(Rule(_next, _next), batch=batch_elementwise)
def stirling_rest(a: Any, order: int) -> Any:
    """Compute δ(a), or its derivative of an order."""
    large = a > 8
    if is_at_hand(large) and not np.any(large):
        return _rest_apart(a, order)
    w = 1 / np.maximum(a, 8)
    square, series = w * w, 0.0
    for c in reversed(_series(order)):
        series = series * square + c
    series = series * w ** (order + 1)
    if is_at_hand(large) and np.all(large):
        return series
    return np.where(large, series, _rest_apart(np.minimum(a, 8), order))


def _rest_apart(a: Any, order: int) -> Any:
    if order == 0:
        return sp.gammaln(a) - (a - 0.5) * np.log(a) + a - 0.5 * log(2 * pi)
    leading = np.log(a) if order == 1 else (-1) ** order * factorial(order - 2) / a ** (order - 1)
    return polygamma(order - 1, a) - leading - (-1) ** order * factorial(order - 1) / 2 / a**order
