"""Logarithms of the incomplete gamma and beta functions in their tails, where the functions themselves may underflow.

Each is the logarithm of the density plus that of the function over the density, a ratio of ordinary size: the series
and the continued fraction of `parameter_series` without their first factor. The logarithm r of the ratio has the
derivative ±e^(-r) in x, less that of the density's logarithm; those in parameters are the next orders.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from functorch_lite.calculus.declare import general
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise
from functorch_lite.scipy.special.deviance import log_beta_density, log_gamma_density
from functorch_lite.scipy.special.parameter_series import beta_ratio_derivative, gamma_ratio_derivative

__all__ = ["log_betainc_tail", "log_gammainc_tail", "log_gammaincc_tail"]


def log_gammainc_tail(a: Any, x: Any) -> Any:
    """Compute log P(a, x) for x less than a + 1."""
    return log_gamma_density(a, x) + log_gamma_ratio(a, x, 0, False)


def log_gammaincc_tail(a: Any, x: Any) -> Any:
    """Compute log Q(a, x) for x greater than a + 1."""
    return log_gamma_density(a, x) + log_gamma_ratio(a, x, 0, True)


def log_betainc_tail(a: Any, b: Any, x: Any) -> Any:
    """Compute log I(a, b, x) for x less than the mean a / (a + b)."""
    return log_beta_density(a, b, x) + log_beta_ratio(a, b, x, 0, 0)


# --- The ratios -------------------------------------------------------------------------------------------------------


def _gamma_next(t: Any, x: Any, y: Any, order: int, upper: bool) -> Any:
    return t * log_gamma_ratio(x, y, order + 1, upper)


def _gamma_slope(t: Any, x: Any, y: Any, order: int, upper: bool) -> Any:
    hazard = _exponential(lambda i, j: -log_gamma_ratio(x, y, i, upper), order, 0)
    of_density = (x - 1) / y - 1 if order == 0 else 1 / y if order == 1 else 0.0
    return t * ((-hazard if upper else hazard) - of_density)


@general(Rule(_gamma_next, _gamma_next), Rule(_gamma_slope, _gamma_slope), batch=batch_elementwise)
def log_gamma_ratio(x: Any, y: Any, order: int, upper: bool) -> Any:
    """Return a derivative in the parameter x of log(P / density), or of log(Q / density), of an order."""
    return gamma_ratio_derivative(x, y, order, upper=upper)


def _beta_next_a(t: Any, x: Any, y: Any, z: Any, order_a: int, order_b: int) -> Any:
    return t * log_beta_ratio(x, y, z, order_a + 1, order_b)


def _beta_next_b(t: Any, x: Any, y: Any, z: Any, order_a: int, order_b: int) -> Any:
    return t * log_beta_ratio(x, y, z, order_a, order_b + 1)


def _beta_slope(t: Any, x: Any, y: Any, z: Any, order_a: int, order_b: int) -> Any:
    hazard = _exponential(lambda i, j: -log_beta_ratio(x, y, z, i, j), order_a, order_b)
    if order_a + order_b == 0:
        return t * (hazard - ((x - 1) / z - (y - 1) / (1 - z)))
    if order_a + order_b == 1:
        return t * (hazard - (1 / z if order_a else -1 / (1 - z)))
    return t * hazard


@general(
    Rule(_beta_next_a, _beta_next_a),
    Rule(_beta_next_b, _beta_next_b),
    Rule(_beta_slope, _beta_slope),
    batch=batch_elementwise,
)
def log_beta_ratio(x: Any, y: Any, z: Any, order_a: int, order_b: int) -> Any:
    """Return a derivative in the parameters x and y of log(I / density)."""
    return beta_ratio_derivative(x, y, z, order_a, order_b)


def _exponential(exponent: Any, i: int, j: int) -> Any:
    """Return the derivative of order i, j of exp of what has the derivatives ``exponent(i, j)``."""
    if i:
        return sum(
            comb(i - 1, p) * comb(j, q) * exponent(p + 1, q) * _exponential(exponent, i - 1 - p, j - q)
            for p in range(i)
            for q in range(j + 1)
        )
    if j:
        return sum(comb(j - 1, q) * exponent(0, q + 1) * _exponential(exponent, 0, j - 1 - q) for q in range(j))
    return np.exp(exponent(0, 0))
