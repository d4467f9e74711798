"""The truncated normal distribution, by the logarithm of what a normal distribution has between two points."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from functorch_lite.core.primitive import Pointwise
from functorch_lite.scipy.special.ufuncs import sp
from functorch_lite.scipy.stats.continuous_distribution import Continuous

__all__ = ["truncnorm"]


def _log_mass(a: Any, b: Any) -> Any:
    """Compute log(Φ(b) - Φ(a)), as a sum about zero and by logarithms in the tail; -inf unless a < b."""
    right = a > 0
    low, high = np.where(right, -b, a), np.where(right, -a, b)
    near, far = sp.log_ndtr(high), sp.log_ndtr(low)
    ratio = np.where(far < near, far - np.where(np.isinf(near), 0.0, near), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        in_tail = near + np.log(-np.expm1(ratio))
        outside = sp.ndtr(low) + sp.ndtr(-high)
        sides = sp.erf(high / 2**0.5) - sp.erf(low / 2**0.5)
        across = np.where(outside < 0.5, np.log1p(-np.minimum(outside, 0.5)), np.log(0.5 * sides))
    value = np.where(high > -1, across, in_tail)
    return np.where(a < b, value, np.where(a >= b, -np.inf, a + b))[()]


def _log_mass_slope(ans: Any, a: Any, b: Any, at: Any) -> Any:
    some = a < b
    return np.where(some, np.exp(-0.5 * at * at - 0.5 * log(2 * pi) - np.where(some, ans, 0.0)), 0.0)


log_mass = Pointwise(
    _log_mass,
    (lambda ans, x, y: -_log_mass_slope(ans, x, y, x), lambda ans, x, y: _log_mass_slope(ans, x, y, y)),
    name="log_normal_mass",
)


def _quantile(q: Any, a: Any, b: Any) -> Any:
    """Compute it from the side on which the distribution ends nearer to zero."""
    mass = log_mass(a, b)
    left = np.logaddexp(sp.log_ndtr(a), np.log(q) + mass)
    right = np.logaddexp(sp.log_ndtr(-b), np.log1p(-q) + mass)
    return np.where(a < 0, sp.ndtri_exp(np.where(a < 0, left, -1.0)), -sp.ndtri_exp(np.where(a < 0, -1.0, right)))


def _bounded_quantile(q: Any, a: Any, b: Any) -> Any:
    none, all_ = q <= 0, q >= 1
    inner = _quantile(np.where(none | all_, 0.5, q), a, b)
    return np.where(none, a, np.where(all_, b, inner))


truncnorm = Continuous(
    "truncnorm",
    "a b",
    logpdf=lambda y, a, b: -0.5 * y * y - 0.5 * log(2 * pi) - log_mass(a, b),
    cdf=lambda y, a, b: np.exp(log_mass(a, y) - log_mass(a, b)),
    sf=lambda y, a, b: np.exp(log_mass(y, b) - log_mass(a, b)),
    lower_tail=lambda y, a, b: log_mass(a, y) - log_mass(a, b),
    upper_tail=lambda y, a, b: log_mass(y, b) - log_mass(a, b),
    ppf=_bounded_quantile,
    isf=lambda q, a, b: -_bounded_quantile(q, -b, -a),
    support=(lambda a, b: a, lambda a, b: b),
    valid=lambda a, b: a < b,
)
