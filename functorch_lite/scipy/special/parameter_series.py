"""Derivatives of the incomplete gamma and beta functions in their parameters, to any order.

A parameter ``a`` becomes ``a + ε`` and the functions' classical expansions are summed in truncated power series of ε
(of ε and δ, for two parameters), whose coefficients are the derivatives over factorials: no differences, no
cancellation beyond that of the expansions. Coefficient (i, j) of εⁱ δʲ is at index (i, j) of an array's first two axes.
Everything here works on plain arrays in double precision.

Sources: DLMF 8.7.1 and 8.11(i) (series of the lower incomplete gamma function), 8.9.2 (continued fraction of the upper
one), 8.17.8 (series of the incomplete beta function).
"""

from __future__ import annotations

from math import comb, factorial
from typing import Any

import numpy as np
import scipy.special

from functorch_lite.calculus.arguments import refuse_foreign
from functorch_lite.scipy.special.deviance import (
    log_beta_density,
    log_beta_density_in_a,
    log_gamma_density,
    log_gamma_density_in_a,
)
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["beta_derivative", "beta_ratio_derivative", "gamma_derivative", "gamma_ratio_derivative"]

EPSILON = float(np.finfo(float).eps)
#: A series that has not converged after so many terms gives NaN: its arguments are out of all reasonable range.
MOST_TERMS = 200_000


def gamma_derivative(a: Any, x: Any, order: int) -> Any:
    """Return the derivative of positive ``order`` of the regularised lower incomplete gamma function P(a, x) in a."""
    refuse_foreign("the derivative of an incomplete gamma function in its parameter", a, x)
    dtype = _floating(a, x)
    a, x = (np.asarray(v, float) for v in np.broadcast_arrays(a, x))
    result = np.full(a.shape, np.nan)
    inside = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    result[(a > 0) & ((x == 0) | np.isposinf(x))] = 0.0
    low = inside & (x < a + 1)
    high = inside & ~low
    result[low] = _lower_gamma(a[low], x[low], order)
    result[high] = -_upper_gamma(a[high], x[high], order)
    return result.astype(dtype)[()]


def beta_derivative(a: Any, b: Any, x: Any, order_a: int, order_b: int) -> Any:
    """Return a derivative of the regularised incomplete beta function I(a, b, x) in a and b, not of order (0, 0)."""
    refuse_foreign("the derivative of an incomplete beta function in its parameters", a, b, x)
    dtype = _floating(a, b, x)
    a, b, x = (np.asarray(v, float) for v in np.broadcast_arrays(a, b, x))
    result = np.full(a.shape, np.nan)
    positive = (a > 0) & (b > 0) & np.isfinite(a) & np.isfinite(b)
    result[positive & ((x == 0) | (x == 1))] = 0.0
    inside = positive & (x > 0) & (x < 1)
    low = inside & (x <= (a + 1) / (a + b + 2))
    high = inside & ~low  # I(a, b, x) = 1 - I(b, a, 1 - x)
    result[low] = _lower_beta(a[low], b[low], x[low], 1 - x[low], order_a, order_b)
    result[high] = -_lower_beta(b[high], a[high], 1 - x[high], x[high], order_b, order_a)
    return result.astype(dtype)[()]


def gamma_ratio_derivative(a: Any, x: Any, order: int, *, upper: bool) -> Any:
    """Return a derivative in a, of order zero too, of the logarithm of P, or Q, over the density x^(a-1) e^(-x) / Γ(a).

    It is found in the tail, to rounding however small the function is: for P where x < a + 1, for Q elsewhere. It is
    zero where the function is no tail.
    """
    refuse_foreign("the logarithm of an incomplete gamma function", a, x)
    dtype = _floating(a, x)
    a, x = (np.asarray(v, float) for v in np.broadcast_arrays(a, x))
    result = np.where(np.isnan(a) | np.isnan(x), np.nan, 0.0)
    inside = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    tail = inside & ((x < a + 1) != upper)
    if not np.any(tail):
        return result.astype(dtype)[()]
    a, x = a[tail], x[tail]
    if upper:
        series = -_logarithm(_upper_gamma_fraction(a, x, order))
        series[0, 0] += np.log(x)
    else:
        series = _logarithm(_lower_gamma_sum(a, x, order)) - _logarithm(_linear(a, 1.0, order))
        series[0, 0] += np.log(x)
    result[tail] = series[order, 0] * factorial(order)
    return result.astype(dtype)[()]


def beta_ratio_derivative(a: Any, b: Any, x: Any, order_a: int, order_b: int) -> Any:
    """Return a derivative in a and b of the logarithm of I(a, b, x) over the density of x.

    As in `gamma_ratio_derivative` it is found in the lower tail, and zero elsewhere.
    """
    refuse_foreign("the logarithm of an incomplete beta function", a, b, x)
    dtype = _floating(a, b, x)
    a, b, x = (np.asarray(v, float) for v in np.broadcast_arrays(a, b, x))
    result = np.where(np.isnan(a) | np.isnan(b) | np.isnan(x), np.nan, 0.0)
    inside = (a > 0) & (b > 0) & (x > 0) & np.isfinite(a) & np.isfinite(b)
    tail = inside & (x <= (a + 1) / (a + b + 2))
    if not np.any(tail):
        return result.astype(dtype)[()]
    a, b, x = a[tail], b[tail], x[tail]
    series = _logarithm(_lower_beta_sum(a, b, x, order_a, order_b))
    series[:, :1] -= _logarithm(_linear(a, 1.0, order_a))
    series[0, 0] += np.log(x) + np.log1p(-x)
    result[tail] = series[order_a, order_b] * factorial(order_a) * factorial(order_b)
    return result.astype(dtype)[()]


def _floating(*arrays: Any) -> np.dtype[Any]:
    dtype = np.result_type(*arrays)
    return dtype if dtype.kind == "f" else np.dtype(float)


# --- The expansions ---------------------------------------------------------------------------------------------------


def _lower_gamma(a: Any, x: Any, order: int) -> Any:
    """P = x^a e^(-x) / Γ(a + 1) · Σ xⁿ / ((a + 1) … (a + n))."""
    logarithm = _series_of_log_gamma(a + 1, order, 0, sign=-1)
    logarithm[0, 0] = log_gamma_density(a, x) + np.log(x / a)
    logarithm[1, 0] = log_gamma_density_in_a(a, x) - 1 / a
    return _product(_exp(logarithm), _lower_gamma_sum(a, x, order))[order, 0] * factorial(order)


def _lower_gamma_sum(a: Any, x: Any, order: int) -> Any:
    term = _one(a, order, 0)
    total = term.copy()
    for n in range(1, MOST_TERMS):
        term = _over(x * term, a + n)
        total += term
        if _negligible(term, total):
            break
    else:
        total[:] = np.nan
    return total


def _upper_gamma(a: Any, x: Any, order: int) -> Any:
    """Q = x^a e^(-x) / Γ(a) / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - …)))."""
    if not a.size:
        return a
    logarithm = _series_of_log_gamma(a, order, 0, sign=-1)
    logarithm[0, 0] = log_gamma_density(a, x) + np.log(x)
    logarithm[1, 0] = log_gamma_density_in_a(a, x)
    return _quotient(_exp(logarithm), _upper_gamma_fraction(a, x, order))[order, 0] * factorial(order)


def _upper_gamma_fraction(a: Any, x: Any, order: int) -> Any:
    # Two neighbouring convergents agree after some hundred levels, a few √a when x is near a.
    levels = 200 + 6 * int(np.sqrt(np.max(a)))
    fraction = _linear(x + 2 * levels + 1 - a, -1.0, order)
    for n in range(levels, 0, -1):
        numerator = _linear(n * (n - a), -float(n), order)
        fraction = _linear(x + 2 * n - 1 - a, -1.0, order) - _quotient(numerator, fraction)
    return fraction


def _lower_beta(a: Any, b: Any, x: Any, rest: Any, order_a: int, order_b: int) -> Any:
    """I = x^a (1 - x)^b / (a B(a, b)) · Σ xⁿ (a + b)ₙ / (a + 1)ₙ."""
    logarithm = _series_of_log_gamma(a + b, order_a, order_b, sign=1, both=True)
    logarithm[:, :1] += _series_of_log_gamma(a + 1, order_a, 0, sign=-1)
    of_b = _series_of_log_gamma(b, order_b, 0, sign=-1)
    logarithm[0] += of_b[:, 0]
    logarithm[0, 0] = log_beta_density(a, b, x) + np.log(x * rest / a)
    if order_a:
        logarithm[1, 0] = log_beta_density_in_a(a, b, x, _log(x, rest)) - 1 / a
    if order_b:
        logarithm[0, 1] = log_beta_density_in_a(b, a, rest, _log(rest, x))
    product = _product(_exp(logarithm), _lower_beta_sum(a, b, x, order_a, order_b))
    return product[order_a, order_b] * factorial(order_a) * factorial(order_b)


def _lower_beta_sum(a: Any, b: Any, x: Any, order_a: int, order_b: int) -> Any:
    term = _one(a, order_a, order_b)
    total = term.copy()
    for n in range(1, MOST_TERMS):
        term = _over(x * _times_sum(term, a + b + n - 1), a + n)
        total += term
        if _negligible(term, total):
            break
    else:
        total[:] = np.nan
    return total


# --- Truncated power series -------------------------------------------------------------------------------------------


def _log(x: Any, rest: Any) -> Any:
    """Return log x, of 1 - x where this is the smaller number."""
    return np.where(x < 0.5, np.log(x), np.log1p(-np.where(x < 0.5, 0, rest)))


def _one(like: Any, order_a: int, order_b: int) -> Any:
    series = np.zeros((order_a + 1, order_b + 1, *like.shape))
    series[0, 0] = 1.0
    return series


def _linear(value: Any, slope: float, order: int) -> Any:
    """Return value + slope · ε."""
    series = np.zeros((order + 1, 1, *value.shape))
    series[0, 0] = value
    if order:
        series[1, 0] = slope
    return series


def _series_of_log_gamma(z: Any, order_a: int, order_b: int, *, sign: int, both: bool = False) -> Any:
    """Return ± log Γ(z + ε), or with ``both`` log Γ(z + ε + δ)."""
    series = np.zeros((order_a + 1, order_b + 1, *z.shape))
    for i in range(order_a + 1):
        for j in range(order_b + 1 if both else 1):
            n = i + j
            value = sp.gammaln(z) if n == 0 else scipy.special.polygamma(n - 1, z) / factorial(n)
            series[i, j] = sign * comb(n, i) * value
    return series


def _times_sum(c: Any, s: Any) -> Any:
    """Multiply by s + ε + δ."""
    result = s * c
    result[1:] += c[:-1]
    result[:, 1:] += c[:, :-1]
    return result


def _over(c: Any, s: Any) -> Any:
    """Divide by s + ε."""
    result = c / s
    for i in range(1, len(c)):
        result[i] = (c[i] - result[i - 1]) / s
    return result


def _product(p: Any, q: Any) -> Any:
    result = np.zeros_like(p)
    for i in range(p.shape[0]):
        for j in range(p.shape[1]):
            result[i:, j:] += p[i, j] * q[: p.shape[0] - i, : p.shape[1] - j]
    return result


def _quotient(p: Any, q: Any) -> Any:
    """Divide series of ε alone."""
    result = np.empty_like(p)
    for i in range(len(p)):
        result[i] = (p[i] - sum(result[k] * q[i - k] for k in range(i))) / q[0]
    return result


def _exp(c: Any) -> Any:
    """Return the exponential: from e' = c' e, coefficient by coefficient."""
    e = np.zeros_like(c)
    e[0, 0] = np.exp(c[0, 0])
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            if i:
                e[i, j] = sum(p * c[p, q] * e[i - p, j - q] for p in range(1, i + 1) for q in range(j + 1)) / i
            elif j:
                e[0, j] = sum(q * c[0, q] * e[0, j - q] for q in range(1, j + 1)) / j
    return e


def _logarithm(c: Any) -> Any:
    """Return the logarithm, by the same equation as the exponential."""
    s = np.zeros_like(c)
    s[0, 0] = np.log(c[0, 0])
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            if i:
                known = sum(
                    p * s[p, q] * c[i - p, j - q]
                    for p in range(1, i + 1)
                    for q in range(j + 1)
                    if (p, q) != (i, j)
                )
                s[i, j] = (c[i, j] - known / i) / c[0, 0]
            elif j:
                s[0, j] = (c[0, j] - sum(q * s[0, q] * c[0, j - q] for q in range(1, j)) / j) / c[0, 0]
    return s


def _negligible(term: Any, total: Any) -> bool:
    return bool(np.all(np.abs(term) <= 0.1 * EPSILON * np.abs(total)))
