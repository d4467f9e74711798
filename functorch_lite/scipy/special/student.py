"""The density of Student's t distribution for all degrees of freedom, to the normal distribution at infinity.

The textbook formula subtracts numbers that grow with the degrees of freedom. With a = v/2 the logarithm of the density
of n dimensions at the squared distance s is

    log Γ(a + n/2) - log Γ(a) - n/2 log a  -  n/2 log 2π  -  (1 + n/v)/2 · v log(1 + s/v),

where the first three terms are `log_gamma_step` and the last function is `stretched_log1p`: both have limits.
"""

from __future__ import annotations

from functools import cache
from math import factorial, log, pi, prod
from typing import Any

import numpy as np
import scipy.special

from functorch_lite.calculus.declare import general
from functorch_lite.core.primitive import Pointwise
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise
from functorch_lite.scipy.special.gamma_functions import polygamma
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["log_student_density"]


def log_student_density(s: Any, df: Any, n: int = 1) -> Any:
    """Compute the logarithm of the standard density in ``n`` dimensions at the squared distance ``s``."""
    factor = log_gamma_step(df / 2, n) - n / 2 * log(2 * pi)
    return factor - (1 + n / df) / 2 * stretched_log1p.bind((df, s), ())


# --- The ratio of gamma functions -------------------------------------------------------------------------------------


def log_gamma_step(a: Any, n: int) -> Any:
    """Compute log Γ(a + n/2) - log Γ(a) - n/2 log a: by Γ(z + 1) = z Γ(z) a sum, and for odd n half a step more."""
    whole = n // 2
    total = half_step(a + whole, 0) if n % 2 else 0.0
    if n % 2 and whole:
        total = total + np.log1p(whole / a) / 2
    if whole > 1:
        total = total + np.sum(np.log1p(np.arange(1.0, whole) / np.expand_dims(a, -1)), axis=-1)
    return total


@cache
def _series(order: int) -> list[float]:
    """Return the factors of 1/a^(2k-1+order) in `half_step` for large a, DLMF 5.11.8, and its derivatives.

    They are (B_2k(1/2) - B_2k) / (2k (2k - 1)). For a > 8 the last term is less than a rounding error.
    """
    factors = [(2.0 ** (1 - 2 * k) - 2) * b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1)]
    return [c * prod(range(1 - 2 * k, 1 - 2 * k - order, -1)) for k, c in enumerate(factors, 1)]


BERNOULLI = scipy.special.bernoulli(24)[2::2].tolist()


def _next(t: Any, a: Any, order: int) -> Any:
    return t * half_step(a, order + 1)


@general(Rule(_next, _next), batch=batch_elementwise)
def half_step(a: Any, order: int) -> Any:
    """Compute log Γ(a + 1/2) - log Γ(a) - ½ log a, or its derivative of an order."""
    large = a > 8
    if not np.any(large):
        return _half_step_apart(a, order)
    series = _half_step_series(np.maximum(a, 8), order)
    return series if np.all(large) else np.where(large, series, _half_step_apart(np.minimum(a, 8), order))


def _half_step_apart(a: Any, order: int) -> Any:
    if order == 0:
        return sp.gammaln(a + 0.5) - sp.gammaln(a) - 0.5 * np.log(a)
    power = (-1) ** order * factorial(order - 1) / a**order
    return polygamma(order - 1, a + 0.5) - polygamma(order - 1, a) + 0.5 * power


def _half_step_series(a: Any, order: int) -> Any:
    w = 1 / a
    square, total = w * w, 0.0
    for c in reversed(_series(order)):
        total = total * square + c
    return total * w ** (order + 1)


# --- The logarithm ----------------------------------------------------------------------------------------------------


def _stretched_log1p(v: Any, s: Any) -> Any:
    limit = np.isinf(v)
    if not np.any(limit):
        return v * np.log1p(s / v)
    finite = np.where(limit, 1, v)
    return np.where(limit, s, finite * np.log1p(s / finite))[()]


def _log1p_rest(u: Any) -> Any:
    """Sum -log(1 - z) - z, z = u/(1+u), as a series where u is small: from 0.1 on the difference has its digits."""
    small = u < 0.1
    apart = np.log1p(u) - 1 / (1 + 1 / np.maximum(u, 0.1))
    if not np.any(small):
        return apart
    z = np.minimum(u, 0.1)
    z = z / (1 + z)
    series = 0.0
    for k in range(18, 1, -1):
        series = series * z + 1 / k
    return np.where(small, z * z * series, apart)[()]


#: log(1 + u) - u / (1 + u), which falls like u² to zero.
log1p_rest = Pointwise(_log1p_rest, (lambda x: x / (1 + x) ** 2,), name="log1p_rest")
#: v log(1 + s/v), which grows to s.
stretched_log1p = Pointwise(
    _stretched_log1p,
    (lambda x, y: log1p_rest.bind((y / x,), ()), lambda x, y: 1 / (1 + y / x)),
    name="stretched_log1p",
)
