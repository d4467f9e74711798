"""The gamma function and its relatives: the table of their derivatives."""

from __future__ import annotations

from functools import cache
from math import factorial, pi, prod
from typing import Any

import numpy as np
import scipy.special

from functorch_lite.calculus.declare import general, zero
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise, pointwise
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["polygamma", "psi_difference"]

pointwise(sp.gamma, lambda ans, x: ans * sp.psi(x))
pointwise(sp.gammaln, lambda x: sp.psi(x))
pointwise(sp.loggamma, lambda x: sp.psi(x))
pointwise(sp.psi, lambda x: _trigamma(x))
pointwise(sp.rgamma, lambda x: _rgamma_slope(x))
pointwise(sp.beta, lambda ans, x, y: ans * _psi_difference(x, y), lambda ans, x, y: ans * _psi_difference(y, x))
pointwise(sp.betaln, lambda x, y: _psi_difference(x, y), lambda x, y: _psi_difference(y, x))
pointwise(sp.binom, lambda ans, x, y: _binom_in_n(ans, x, y), lambda ans, x, y: _binom_in_k(ans, x, y))
pointwise(sp.poch, lambda ans, x, y: _poch_in_x(ans, x, y), lambda ans, x, y: ans * sp.psi(x + y))
zero(sp.gammasgn)


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of the digamma function, for an int n."""
    if n == 0:
        return sp.psi(x)
    factorial = float(np.prod(np.arange(1.0, n + 1)))
    return (-1) ** (n + 1) * factorial * sp.zeta(n + 1, x)


def _trigamma(x: Any) -> Any:
    if np.iscomplexobj(x):
        raise NotImplementedError(
            f"the derivative of scipy.special.digamma at complex arguments has no rule, as SciPy has no trigamma "
            f"function of them; asked for at {user_line()}"
        )
    return sp.zeta(2, x)


@cache
def _psi_series(order: int) -> list[float]:
    """Return the factors of 1/x^(2k+order) in a derivative of ψ(x) - log x + 1/2x, DLMF 5.11.2."""
    bernoulli = scipy.special.bernoulli(24)[2::2].tolist()
    return [-b / (2 * k) * prod(range(-2 * k, -2 * k - order, -1)) for k, b in enumerate(bernoulli, 1)]


def _psi_difference(x: Any, y: Any) -> Any:
    """Return ψ(x) - ψ(x + y)."""
    return psi_difference(x, y, 0)


def _next_in_x(t: Any, x: Any, y: Any, order: int) -> Any:
    return t * psi_difference(x, y, order + 1)


def _next_in_y(t: Any, x: Any, y: Any, order: int) -> Any:
    return t * -polygamma(order + 1, x + y)


@general(Rule(_next_in_x, _next_in_x), Rule(_next_in_y, _next_in_y), batch=batch_elementwise)
def psi_difference(x: Any, y: Any, order: int) -> Any:
    """Return the derivative of an order of ψ(x) - ψ(x + y) by x, term by term where y is not much greater than x.

    There the functions can be nearly equal. Of ψ(x) = ψ(x + n) - Σ 1/(x + k) (DLMF 5.5.2), which brings x beyond 8, the
    series ψ is log x - 1/2x + Σ c_k/x^2k, and of each term the difference is found by log1p and expm1, as
    x^-n - (x + y)^-n = -x^-n expm1(-n log(1 + y/x)).
    """
    close = (x > 0) & (y > x / -2) & (np.abs(y) < (x + SHIFT) / 2)
    if is_at_hand(close) and not np.any(close):
        return polygamma(order, x) - polygamma(order, x + y)
    near, step = np.where(close, x, 10.0), np.where(close, y, 1.0)
    small = near <= 8
    series = _psi_difference_series(np.where(small, near + SHIFT, near), step, order)
    if not is_at_hand(small) or np.any(small):
        low = np.where(small, near, 1.0)
        shifts = sum(_difference_of_powers(low + k, step, 1 + order) for k in range(SHIFT))
        series = series - np.where(small, (-1) ** order * factorial(order) * shifts, 0.0)
    if is_at_hand(close) and np.all(close):
        return series
    x, y = np.where(close, 1.0, x), np.where(close, 10.0, y)
    return np.where(close, series, polygamma(order, x) - polygamma(order, x + y))


SHIFT = 9


def _difference_of_powers(x: Any, y: Any, n: int) -> Any:
    """Return x^-n - (x + y)^-n."""
    return -(x ** -float(n)) * np.expm1(-n * np.log1p(y / x))


def _psi_difference_series(x: Any, y: Any, order: int) -> Any:
    sign = (-1) ** order
    powers = [(-0.5 * sign * factorial(order), 1 + order)]
    powers += [(c, 2 * k + order) for k, c in enumerate(_psi_series(order), 1)]
    if order:
        powers.append((-sign * factorial(order - 1), order))
    total = sum(c * _difference_of_powers(x, y, n) for c, n in reversed(powers))
    return total if order else total - np.log1p(y / x)


def _rgamma_slope(x: Any) -> Any:
    """-ψ(x)/Γ(x), by reflection where Γ has poles: 1/Γ(x) = Γ(1-x) sin(πx) / π."""
    left = np.real(x) < 0.5
    low, high = np.where(left, x, 0.25), np.where(left, 0.75, x)
    reflected = sp.gamma(1 - low) * (np.cos(pi * low) - np.sin(pi * low) / pi * sp.psi(1 - low))
    return np.where(left, reflected, -sp.rgamma(high) * sp.psi(high))


# At poles of Γ in a denominator the function is zero and the derivative of its logarithm infinite: there the product is
# differentiated as it stands, by the derivative of 1/Γ.


def _is_pole(x: Any) -> Any:
    return (x <= 0) & (x == np.floor(x))


def _binom_in_n(ans: Any, n: Any, k: Any) -> Any:
    pole = _is_pole(n - k + 1)
    slope = -_psi_difference(np.where(pole, 1.0, n - k + 1), k)
    if is_at_hand(pole) and not np.any(pole):
        return ans * slope
    # The second term is zero, and its derivative is not.
    at_pole = _rgamma_slope(n - k + 1) + sp.psi(n + 1) * sp.rgamma(n - k + 1)
    return np.where(pole, sp.gamma(n + 1) * sp.rgamma(k + 1) * at_pole, ans * slope)


def _binom_in_k(ans: Any, n: Any, k: Any) -> Any:
    right, left = _is_pole(n - k + 1), _is_pole(k + 1)
    slope = sp.psi(np.where(right, 1.0, n - k + 1)) - sp.psi(np.where(left, 1.0, k + 1))
    pole = right | left
    if is_at_hand(pole) and not np.any(pole):
        return ans * slope
    product = _rgamma_slope(k + 1) * sp.rgamma(n - k + 1) - sp.rgamma(k + 1) * _rgamma_slope(n - k + 1)
    return np.where(pole, sp.gamma(n + 1) * product, ans * slope)


def _poch_in_x(ans: Any, x: Any, m: Any) -> Any:
    pole = _is_pole(x)
    if is_at_hand(pole) and not np.any(pole):
        return ans * -_psi_difference(x, m)
    apart = np.where(pole, 1.0, x)
    slope = np.where(pole, 0.0, ans) * -_psi_difference(apart, m)
    # Where Γ(x + m) has a pole too it is a polynomial, (-1)^m poch(1 - x - m, m).
    both = pole & _is_pole(x + m)
    mirrored = np.where(both, 1 - x - m, 1.0)
    polynomial = ans * _psi_difference(mirrored, m)
    at_pole = sp.gamma(x + m) * (_rgamma_slope(x) + sp.psi(x + m) * sp.rgamma(x))
    return np.where(both, polynomial, np.where(pole, at_pole, slope))
