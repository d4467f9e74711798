"""Distributions of angles."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from functorch_lite.scipy.special.ufuncs import sp
from functorch_lite.scipy.stats.continuous_distribution import Continuous

__all__ = ["vonmises", "wrapcauchy"]

vonmises = Continuous(
    "vonmises",
    "kappa",
    logpdf=lambda y, kappa: _log_vonmises(y, kappa),
    valid=lambda kappa: kappa >= 0,
)
wrapcauchy = Continuous(
    "wrapcauchy",
    "c",
    logpdf=lambda y, c: np.log1p(-c) + np.log1p(c) - log(2 * pi) - np.log((1 - c) ** 2 + 4 * c * np.sin(y / 2) ** 2),
    cdf=lambda y, c: np.arctan2((1 + c) * np.sin(y / 2), (1 - c) * np.cos(y / 2)) / pi,
    sf=lambda y, c: np.arctan2((1 + c) * np.sin(y / 2), -(1 - c) * np.cos(y / 2)) / pi,
    ppf=lambda q, c: _quantile(q, c),
    isf=lambda q, c: 2 * pi - _quantile(q, c),
    support=(0.0, 2 * pi),
    inside=1.0,
    valid=lambda c: (c > 0) & (c < 1),
)


def _log_vonmises(y: Any, kappa: Any) -> Any:
    """Scale the Bessel function by its exponential, but near zero, where that has a kink."""
    small = kappa < 1
    near, far = np.where(small, kappa, 0.0), np.where(small, 1.0, kappa)
    value = np.where(small, near * np.cos(y) - np.log(sp.i0(near)), far * sp.cosm1(y) - np.log(sp.i0e(far)))
    return value - log(2 * pi)


def _quantile(q: Any, c: Any) -> Any:
    return 2 * np.arctan2((1 - c) * np.sin(pi * q), (1 + c) * np.cos(pi * q))
