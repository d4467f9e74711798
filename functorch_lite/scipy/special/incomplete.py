"""The incomplete gamma and beta functions, their inverses, and the distribution functions that are made of them.

Their derivatives in parameters are primitives of their own, one a family for all orders (see `parameter_series`), whose
derivatives in turn are the next order and, in ``x``, derivatives of the density, which are elementary.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np

from functorch_lite.calculus.declare import general
from functorch_lite.core.operands import is_at_hand
from functorch_lite.core.primitive import Pointwise
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise, elementwise, inverse, refused, takes_arguments
from functorch_lite.scipy.special.deviance import (
    log_beta_density,
    log_beta_density_in_a,
    log_f_density,
    log_gamma_density,
    log_gamma_density_in_a,
)
from functorch_lite.scipy.special.gamma_functions import polygamma, psi_difference
from functorch_lite.scipy.special.parameter_series import beta_derivative, gamma_derivative
from functorch_lite.scipy.special.student import log_student_density
from functorch_lite.scipy.special.student_distribution import stdtr_in_v
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["beta_density", "gamma_density", "gammainc_in_a"]

# --- Densities and their derivatives in parameters --------------------------------------------------------------------


def _gamma_density(a: Any, x: Any) -> Any:
    none = a == 0
    if is_at_hand(none) and not np.any(none):
        return np.exp(log_gamma_density(a, x))
    return np.where(none, 0.0, np.exp(log_gamma_density(np.where(none, 1, a), x)))[()]


def _gamma_density_in_x(ans: Any, a: Any, x: Any) -> Any:
    """At zero by the density of a - 1, as the quotient is 0/0 there; elsewhere that would lose digits."""
    zero = (a == 0) | ((x == 0) & (a >= 1))
    if is_at_hand(zero) and not np.any(zero):
        return ans * (a - 1) / x - ans
    at_zero = gamma_density(np.where(zero, np.maximum(a - 1, 0), 1.0), x)
    return np.where(zero, at_zero, ans * (a - 1) / np.where(zero, 1.0, x)) - ans


#: ∂P(a, x)/∂x = x^(a-1) e^(-x) / Γ(a), and of a = 0 zero.
gamma_density = Pointwise(
    _gamma_density,
    (lambda ans, x, y: ans * log_gamma_density_in_a(x, y), lambda ans, x, y: _gamma_density_in_x(ans, x, y)),
    name="gamma_density",
)


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    none = (a == 0) | (b == 0)
    if is_at_hand(none) and not np.any(none):
        return np.exp(log_beta_density(a, b, x))
    return np.where(none, 0.0, np.exp(log_beta_density(np.where(none, 1, a), np.where(none, 1, b), x)))[()]


def _beta_density_in_x(ans: Any, a: Any, b: Any, x: Any) -> Any:
    """At zero and one by the densities of a - 1 and b - 1, as in `_gamma_density_in_x`."""
    none = (a == 0) | (b == 0)
    zero, one = none | ((x == 0) & (a >= 1)), none | ((x == 1) & (b >= 1))
    end = zero | one
    if is_at_hand(end) and not np.any(end):
        return ans * (a - 1) / x - ans * (b - 1) / (1 - x)
    at_zero = (a + b - 1) * beta_density(np.where(zero, np.maximum(a - 1, 0), 1.0), b, x)
    at_one = (a + b - 1) * beta_density(a, np.where(one, np.maximum(b - 1, 0), 1.0), x)
    rising = np.where(zero, at_zero, ans * (a - 1) / np.where(zero, 1.0, x))
    return rising - np.where(one, at_one, ans * (b - 1) / np.where(one, 1.0, 1 - x))


#: ∂I(a, b, x)/∂x = x^(a-1) (1-x)^(b-1) / B(a, b), and zero if a or b is.
beta_density = Pointwise(
    _beta_density,
    (
        lambda ans, x, y, z: ans * log_beta_density_in_a(x, y, z, np.log(z)),
        lambda ans, x, y, z: ans * log_beta_density_in_a(y, x, 1 - z, np.log1p(-z)),
        lambda ans, x, y, z: _beta_density_in_x(ans, x, y, z),
    ),
    name="beta_density",
)


def _gamma_density_in_a(a: Any, x: Any, order: int) -> Any:
    """The density times the complete Bell polynomial of the derivatives of its logarithm in a."""
    density = [gamma_density(a, x)]
    slopes = [log_gamma_density_in_a(a, x), *(-polygamma(m, a) for m in range(1, order))]
    for k in range(1, order + 1):
        density.append(sum(comb(k - 1, j) * slopes[j] * density[k - 1 - j] for j in range(k)))
    return density[order]


def _beta_density_in_ab(a: Any, b: Any, x: Any, order_a: int, order_b: int) -> Any:
    def slope(i: int, j: int) -> Any:
        """The derivative of the density's logarithm of order i in a and j in b."""
        if (i, j) == (1, 0):
            return log_beta_density_in_a(a, b, x, np.log(x))
        if (i, j) == (0, 1):
            return log_beta_density_in_a(b, a, 1 - x, np.log1p(-x))
        if i and j:
            return polygamma(i + j - 1, a + b)
        return -psi_difference(a, b, i - 1) if i else -psi_difference(b, a, j - 1)

    def density(i: int, j: int) -> Any:
        if i:
            return sum(
                comb(i - 1, p) * comb(j, q) * slope(p + 1, q) * density(i - 1 - p, j - q)
                for p in range(i)
                for q in range(j + 1)
            )
        if j:
            return sum(comb(j - 1, q) * slope(0, q + 1) * density(0, j - 1 - q) for q in range(j))
        return beta_density(a, b, x)

    return density(order_a, order_b)


# --- The families of derivatives --------------------------------------------------------------------------------------


def _gamma_next(t: Any, x: Any, y: Any, order: int) -> Any:
    return t * gammainc_in_a(x, y, order + 1)


def _gamma_slope(t: Any, x: Any, y: Any, order: int) -> Any:
    return t * _gamma_density_in_a(x, y, order)


@general(Rule(_gamma_next, _gamma_next), Rule(_gamma_slope, _gamma_slope), batch=batch_elementwise)
def gammainc_in_a(x: Any, y: Any, order: int) -> Any:
    """Return the derivative of P(x, y) of an order in its first argument, the parameter."""
    return gamma_derivative(x, y, order)


def _beta_next_a(t: Any, x: Any, y: Any, z: Any, order_a: int, order_b: int) -> Any:
    return t * betainc_in_ab(x, y, z, order_a + 1, order_b)


def _beta_next_b(t: Any, x: Any, y: Any, z: Any, order_a: int, order_b: int) -> Any:
    return t * betainc_in_ab(x, y, z, order_a, order_b + 1)


def _beta_slope(t: Any, x: Any, y: Any, z: Any, order_a: int, order_b: int) -> Any:
    return t * _beta_density_in_ab(x, y, z, order_a, order_b)


@general(
    Rule(_beta_next_a, _beta_next_a),
    Rule(_beta_next_b, _beta_next_b),
    Rule(_beta_slope, _beta_slope),
    batch=batch_elementwise,
)
def betainc_in_ab(x: Any, y: Any, z: Any, order_a: int, order_b: int) -> Any:
    """Return the derivative of I(x, y, z) of an order in each of its parameters, the first two arguments."""
    return beta_derivative(x, y, z, order_a, order_b)


def _in_a(a: Any, x: Any) -> Any:
    return gammainc_in_a(a, x, 1)


def _beta_in_a(a: Any, b: Any, x: Any) -> Any:
    return betainc_in_ab(a, b, x, 1, 0)


def _beta_in_b(a: Any, b: Any, x: Any) -> Any:
    return betainc_in_ab(a, b, x, 0, 1)


def _plain(*partials: Any, sign: int = 1) -> tuple[Any, ...]:
    """Return partials of a function of its arguments alone as `elementwise` calls them, with the result first."""
    return tuple(_signed(p, sign) if takes_arguments(p) else p for p in partials)


def _signed(partial: Any, sign: int) -> Any:
    return lambda ans, *arrays: sign * partial(*arrays)


# --- The functions themselves -----------------------------------------------------------------------------------------

elementwise(sp.gammainc, *_plain(_in_a, gamma_density))
elementwise(sp.gammaincc, *_plain(_in_a, gamma_density, sign=-1))
inverse(sp.gammaincinv, 1, _in_a, gamma_density)
inverse(sp.gammainccinv, 1, _in_a, gamma_density, sign=-1)

_BETA = (_beta_in_a, _beta_in_b, beta_density)
elementwise(sp.betainc, *_plain(*_BETA))
elementwise(sp.betaincc, *_plain(*_BETA, sign=-1))
inverse(sp.betaincinv, 2, *_BETA)
inverse(sp.betainccinv, 2, *_BETA, sign=-1)
inverse(sp.btdtria, 0, *_BETA)
inverse(sp.btdtrib, 1, *_BETA)

# Chi-squared: P(v/2, x/2)

_CHI2 = (lambda v, x: 0.5 * _in_a(0.5 * v, 0.5 * x), lambda v, x: 0.5 * gamma_density(0.5 * v, 0.5 * x))
elementwise(sp.chdtr, *_plain(*_CHI2))
elementwise(sp.chdtrc, *_plain(*_CHI2, sign=-1))
inverse(sp.chdtri, 1, *_CHI2, sign=-1)
inverse(sp.chdtriv, 0, *_CHI2)

# Gamma, with rate a and shape b: P(b, a x)

_GAMMA = (
    lambda a, b, x: x * gamma_density(b, a * x),
    lambda a, b, x: _in_a(b, a * x),
    lambda a, b, x: a * gamma_density(b, a * x),
)
elementwise(sp.gdtr, *_plain(*_GAMMA))
elementwise(sp.gdtrc, *_plain(*_GAMMA, sign=-1))
inverse(sp.gdtria, 0, *_GAMMA)
inverse(sp.gdtrib, 1, *_GAMMA)
inverse(sp.gdtrix, 2, *_GAMMA)

# F: I(m/2, n/2, w) with w = m x / (m x + n)


def _f_in_m(m: Any, n: Any, x: Any) -> Any:
    total, a, b = m * x + n, 0.5 * m, 0.5 * n
    return 0.5 * _beta_in_a(a, b, m * x / total) + n * x / total**2 * beta_density(a, b, m * x / total)


def _f_in_n(m: Any, n: Any, x: Any) -> Any:
    total, a, b = m * x + n, 0.5 * m, 0.5 * n
    return 0.5 * _beta_in_b(a, b, m * x / total) - m * x / total**2 * beta_density(a, b, m * x / total)


def _f_density(m: Any, n: Any, x: Any) -> Any:
    """By w where it is small, so that zero has a slope too; else by x itself, as 1 - w loses its digits."""
    large = m * x > n
    if is_at_hand(large) and not np.any(large):
        return _f_density_by_w(m, n, x)
    near = _f_density_by_w(m, n, np.where(large, 0.5, x))
    return np.where(large, np.exp(log_f_density(0.5 * m, 0.5 * n, np.where(large, x, 1.0))), near)[()]


def _f_density_by_w(m: Any, n: Any, x: Any) -> Any:
    total = m * x + n
    return m * n / total**2 * beta_density(0.5 * m, 0.5 * n, m * x / total)


_F = (_f_in_m, _f_in_n, _f_density)
elementwise(sp.fdtr, *_plain(*_F))
elementwise(sp.fdtrc, *_plain(*_F, sign=-1))
inverse(sp.fdtri, 2, *_F)
inverse(sp.fdtridfd, 1, *_F)

# Student's t


def _t_in_v(v: Any, t: Any) -> Any:
    return stdtr_in_v(v, t, 1)


def _t_density(v: Any, t: Any) -> Any:
    return np.exp(log_student_density(t * t, v))


_T = (_t_in_v, _t_density)
elementwise(sp.stdtr, *_plain(*_T))
inverse(sp.stdtrit, 1, *_T)
inverse(sp.stdtridf, 0, *_T)

# Counts. Functions of a count k take its integer part, so their derivative in it is zero by nature; the inverses that
# solve for k or n continue it to real numbers.

_INTEGER = "is not defined, as it is an integer"


def _poisson_mass(k: Any, m: Any) -> Any:
    return gamma_density(np.floor(k) + 1, m)


def _binomial_slope(k: Any, n: Any, p: Any) -> Any:
    return beta_density(np.floor(k) + 1, n - np.floor(k), p)


def _negative_binomial_slope(k: Any, n: Any, p: Any) -> Any:
    return beta_density(n, np.floor(k) + 1, p)


elementwise(sp.pdtr, None, lambda ans, k, m: -_poisson_mass(k, m))
elementwise(sp.pdtrc, None, lambda ans, k, m: _poisson_mass(k, m))
elementwise(sp.pdtri, None, lambda ans, k, y: -1 / _poisson_mass(k, ans))
inverse(sp.pdtrik, 0, lambda k, m: -_in_a(k + 1, m), lambda k, m: -gamma_density(k + 1, m), clipped=True)

elementwise(sp.bdtr, None, refused("bdtr", "n", _INTEGER), lambda ans, *args: -_binomial_slope(*args))
elementwise(sp.bdtrc, None, refused("bdtrc", "n", _INTEGER), lambda ans, *args: _binomial_slope(*args))
elementwise(sp.bdtri, None, refused("bdtri", "n", _INTEGER), lambda ans, k, n, y: -1 / _binomial_slope(k, n, ans))
_BINOMIAL = (  # I(n - k, k + 1, 1 - p)
    lambda k, n, p: _beta_in_b(n - k, k + 1, 1 - p) - _beta_in_a(n - k, k + 1, 1 - p),
    lambda k, n, p: _beta_in_a(n - k, k + 1, 1 - p),
    lambda k, n, p: -beta_density(k + 1, n - k, p),
)
inverse(sp.bdtrik, 0, *_BINOMIAL, clipped=True)
inverse(sp.bdtrin, 1, *_BINOMIAL)

elementwise(sp.nbdtr, None, refused("nbdtr", "n", _INTEGER), lambda ans, *args: _negative_binomial_slope(*args))
elementwise(sp.nbdtrc, None, refused("nbdtrc", "n", _INTEGER), lambda ans, *args: -_negative_binomial_slope(*args))
elementwise(
    sp.nbdtri, None, refused("nbdtri", "n", _INTEGER), lambda ans, k, n, y: 1 / _negative_binomial_slope(k, n, ans)
)
_NEGATIVE_BINOMIAL = (  # I(n, k + 1, p)
    lambda k, n, p: _beta_in_b(n, k + 1, p),
    lambda k, n, p: _beta_in_a(n, k + 1, p),
    lambda k, n, p: beta_density(n, k + 1, p),
)
inverse(sp.nbdtrik, 0, *_NEGATIVE_BINOMIAL, clipped=True)
inverse(sp.nbdtrin, 1, *_NEGATIVE_BINOMIAL)

# Non-central chi-squared


def _noncentral_density(x: Any, df: Any, nc: Any) -> Any:
    """½ e^(-(x+nc)/2) (x/nc)^(df/4-1/2) I_(df/2-1)(√(nc x)), the exponential of the scaled I taken out.

    Near nc = 0 it is the central density times a power series, ₀F₁.
    """
    small = nc * x < 1
    if is_at_hand(small) and np.all(small):
        return _noncentral_density_by_series(x, df, nc)
    apart = np.where(small, 1 / x, nc)
    root = np.sqrt(apart * x)
    power = (0.25 * df - 0.5) * np.log(x / apart)
    large = 0.5 * np.exp(power - 0.5 * (np.sqrt(x) - np.sqrt(apart)) ** 2) * sp.ive(0.5 * df - 1, root)
    return np.where(small, _noncentral_density_by_series(x, df, np.where(small, nc, 0.0)), large)


def _noncentral_density_by_series(x: Any, df: Any, nc: Any) -> Any:
    return 0.5 * gamma_density(0.5 * df, 0.5 * x) * np.exp(-0.5 * nc) * sp.hyp0f1(0.5 * df, 0.25 * nc * x)


def _in_noncentrality(x: Any, df: Any, nc: Any) -> Any:
    return 0.5 * (sp.chndtr(x, df + 2, nc) - sp.chndtr(x, df, nc))


elementwise(sp.chndtr, *_plain(_noncentral_density, refused("chndtr", "df"), _in_noncentrality))
inverse(sp.chndtrix, 0, _noncentral_density, refused("chndtrix", "df"), _in_noncentrality)
inverse(sp.chndtrinc, 2, _noncentral_density, refused("chndtrinc", "df"), _in_noncentrality)
