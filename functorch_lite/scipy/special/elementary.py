"""Functions composed of logarithms, exponentials, powers and angles: the table of their derivatives."""

from __future__ import annotations

from math import factorial, log, pi
from typing import Any

import numpy as np

from functorch_lite.calculus.declare import zero
from functorch_lite.core.operands import is_at_hand
from functorch_lite.core.primitive import Pointwise, Primitive
from functorch_lite.scipy.special.declare import pointwise, refuse_wholly, refused, several
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["exprel_slope", "quotient"]

# --- Powers and exponentials ------------------------------------------------------------------------------------------

pointwise(sp.cbrt, lambda ans: 1 / (3 * ans * ans))
pointwise(sp.exp2, lambda ans: ans * log(2))
pointwise(sp.exp10, lambda ans: ans * log(10))
pointwise(sp.expm1, lambda x: np.exp(x))
pointwise(sp.log1p, lambda x: 1 / (1 + x))
pointwise(sp.exprel, lambda x: exprel_slope(x))
pointwise(sp.powm1, lambda x, y: y * x ** (y - 1), lambda ans, x: (ans + 1) * np.log(x))
zero(sp.round)

# --- Angles in degrees ------------------------------------------------------------------------------------------------

pointwise(sp.sindg, lambda x: sp.cosdg(x) * (pi / 180))
pointwise(sp.cosdg, lambda x: sp.sindg(x) * (-pi / 180))
pointwise(sp.tandg, lambda ans: (1 + ans * ans) * (pi / 180))
pointwise(sp.cotdg, lambda ans: (1 + ans * ans) * (-pi / 180))
pointwise(sp.cosm1, lambda x: -np.sin(x))
pointwise(sp.radian, lambda: pi / 180, lambda: pi / 180 / 60, lambda: pi / 180 / 3600)

# --- The logistic function and information ----------------------------------------------------------------------------

pointwise(sp.expit, lambda ans, x: ans * sp.expit(-x))
pointwise(sp.logit, lambda x: 1 / (x * (1 - x)))
pointwise(sp.log_expit, lambda x: sp.expit(-x))
pointwise(sp.entr, lambda x: -np.log(x) - 1)
pointwise(sp.rel_entr, lambda x, y: _log_of_quotient(x, y) + 1, lambda x, y: -(x / y))
pointwise(sp.kl_div, lambda x, y: _log_of_quotient(x, y), lambda x, y: 1 - x / y)
# What multiplies a logarithm is read for its precision.
pointwise(sp.xlogy, lambda x, y: np.log(y), lambda x, y: quotient(x, y))
pointwise(sp.xlog1py, lambda x, y: np.log1p(y), lambda x, y: quotient(x, 1 + y))

# --- Losses and transformations of data -------------------------------------------------------------------------------

pointwise(
    sp.huber,
    lambda x, y: np.where(np.abs(y) > x, np.abs(y) - x, 0.0),
    lambda x, y: np.where(np.abs(y) > x, x * np.sign(y), y),
)
pointwise(sp.pseudo_huber, lambda x, y: _pseudo_huber_in_delta(x, y), lambda x, y: x * _softened(y / x))
# With L = log x: (x^λ - 1)/λ = L exprel(λL).
pointwise(sp.boxcox, lambda x, y: x ** (y - 1), lambda x, y: _boxcox_in_lambda(np.log(x), y))
pointwise(sp.boxcox1p, lambda x, y: (1 + x) ** (y - 1), lambda x, y: _boxcox_in_lambda(np.log1p(x), y))
pointwise(
    sp.inv_boxcox,
    lambda ans, y: ans ** (1 - y),
    lambda ans, y: -_boxcox_in_lambda(np.log(ans), y) * ans ** (1 - y),
)
pointwise(
    sp.inv_boxcox1p,
    lambda ans, y: (1 + ans) ** (1 - y),
    lambda ans, y: -_boxcox_in_lambda(np.log1p(ans), y) * (1 + ans) ** (1 - y),
)
# Tukey's lambda distribution: its quantile function is boxcox(p, λ) - boxcox(1 - p, λ).
pointwise(
    sp.tklmbda,
    lambda ans, y: _tukey_density(ans, y),
    lambda ans, y: _tukey_density(ans, y)
    * (_boxcox_in_lambda(np.log1p(-ans), y) - _boxcox_in_lambda(np.log(ans), y)),
)

# --- Integrals of elementary functions --------------------------------------------------------------------------------

pointwise(sp.exp1, lambda x: -np.exp(-x) / x)
pointwise(sp.expi, lambda x: np.exp(x) / x)
pointwise(sp.expn, refused("expn", "n"), lambda ans, x, y: _expn_slope(ans, x, y))
pointwise(sp.spence, lambda x: _log_over(x))
several(sp.sici, lambda ans, x: (np.sinc(x / pi), np.cos(x) / x))
several(sp.shichi, lambda ans, x: (_sinh_over(x), np.cosh(x) / x))

# --- Lambert's W, for each branch -------------------------------------------------------------------------------------

pointwise(sp.lambertw, lambda ans: np.exp(-ans) / (1 + ans), None, None)
pointwise(sp.wrightomega, lambda ans: -np.expm1(-np.log1p(ans)))  # ω / (1 + ω), whose slope is not a difference

# --- Kolmogorov's and Smirnov's distributions -------------------------------------------------------------------------

pointwise(sp.kolmogorov, lambda x: -_kolmogorov_density(x))
pointwise(sp.kolmogi, lambda ans: -1 / _kolmogorov_density(ans))
refuse_wholly("Smirnov's distribution is a polynomial of another form on each interval", sp.smirnov, sp.smirnovi)

# --- Parts of rules ---------------------------------------------------------------------------------------------------


def exprel_slope(x: Any) -> Any:
    """(eˣ - exprel(x)) / x; near zero by the power series, which stays exact to every order.

    Of large x it is exprel(x) (1 - 1/x) + 1/x, of which no infinities are subtracted.
    """
    near = np.abs(x) < 1
    small = np.where(near, x, 0.0)
    series = 0.0 * small
    for k in range(20, 0, -1):
        series = series * small + k / factorial(k + 1)
    right, left = np.where(x < 1, 1.0, x), np.where(x > -1, -1.0, x)
    rising = sp.exprel(right) * (1 - 1 / right) + 1 / right
    falling = (np.exp(left) - sp.exprel(left)) / left
    return np.where(near, series, np.where(x > 0, rising, falling))


def _log_of_quotient(x: Any, y: Any) -> Any:
    """Return log(x/y), by the difference of the logarithms where the quotient is not an ordinary number."""
    with np.errstate(over="ignore", under="ignore"):
        quotient = np.divide(x, y)
    ordinary = (quotient > 1e-30) & (quotient < 1e30)
    if is_at_hand(ordinary) and np.all(ordinary):
        return np.log(quotient)
    return np.where(ordinary, np.log(np.where(ordinary, quotient, 1.0)), np.log(x) - np.log(y))


def quotient(x: Any, y: Any) -> Any:
    """x / y, and 0 where both are 0; there the derivative of the quotient does not exist and is NaN."""
    both = (x == 0) & (y == 0)
    return np.where(both, 0.0, x / np.where(both, np.nan, y))


def _pseudo_huber_in_delta(delta: Any, r: Any) -> Any:
    """∂/∂δ of δ² (s - 1) with s = √(1 + q²), q = r/δ: δ q⁴ / (s (1 + s)²), without cancellation."""
    q = r / delta
    s = np.hypot(1, q)
    return delta * q**4 / (s * (1 + s) ** 2)


#: q / √(1 + q²), whose slope is not a difference of what is nearly equal for large q.
_softened: Primitive = Pointwise(
    lambda x: x / np.hypot(1, x), (lambda x: (1 / np.hypot(1, x)) ** 3,), name="softened"
)


def _boxcox_in_lambda(logarithm: Any, exponent: Any) -> Any:
    return logarithm * logarithm * exprel_slope(exponent * logarithm)


def _tukey_density(p: Any, exponent: Any) -> Any:
    return 1 / (p ** (exponent - 1) + (1 - p) ** (exponent - 1))


def _expn_slope(ans: Any, n: Any, x: Any) -> Any:
    """-E(n-1, x), which SciPy has for non-negative orders; below, -(e^(-x) + (1 - n) E(n, x)) / x."""
    below = (np.exp(-x) + (1 - n) * ans) / x
    return -np.where(n < 1, below, sp.expn(np.maximum(n - 1, 0), x))


def _log_over(x: Any) -> Any:
    """log(x) / (1 - x), by exprel(log x) = (x - 1) / log x, which knows the limit at 1."""
    return np.log(x) / (1 - x) if np.iscomplexobj(x) else -1 / sp.exprel(np.log(x))


def _sinh_over(x: Any) -> Any:
    return np.sinh(x) / x if np.iscomplexobj(x) else (sp.exprel(x) + sp.exprel(-x)) / 2


def _kolmogorov_density(x: Any) -> Any:
    """Two series, each to rounding where it is used: 8x Σ ±k² exp(-2k²x²), and Jacobi's transform of it.

    Source: Marsaglia, Tsang and Wang, "Evaluating Kolmogorov's Distribution", J. Stat. Softw. 8 (2003), section 2.
    """
    large = np.where(x > 1, x, 1.0)
    upper = sum((-1) ** (k - 1) * k * k * np.exp(-2.0 * k * k * large * large) for k in range(1, 6))
    small = np.where(x > 1, 1.0, np.where(x > 0.05, x, 0.05))  # below, the density is less than the smallest number
    lower: Any = 0.0
    for k in range(1, 6):
        c = ((2 * k - 1) * pi) ** 2 / 8
        lower = lower + np.exp(-c / small**2) * (2 * c / small**2 - 1)
    density = np.where(x > 1, 8 * large * upper, (2 * pi) ** 0.5 / small**2 * lower)
    return np.where(x > 0.05, density, 0.0)
