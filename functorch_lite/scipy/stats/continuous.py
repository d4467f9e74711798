"""The continuous distributions: a table of their standard densities, distribution functions and quantiles.

``y`` is the standard variable and ``q`` a probability; the other names are SciPy's for the shape parameters.
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from functorch_lite.core.primitive import Primitive
from functorch_lite.scipy.special.declare import elementwise, inverse
from functorch_lite.scipy.special.deviance import log_beta_density, log_f_density, log_gamma_density
from functorch_lite.scipy.special.incomplete import beta_density, gamma_density, gammainc_in_a
from functorch_lite.scipy.special.log_incomplete import log_betainc_tail, log_gammainc_tail, log_gammaincc_tail
from functorch_lite.scipy.special.student import log_student_density
from functorch_lite.scipy.special.ufuncs import sp
from functorch_lite.scipy.stats.continuous_distribution import Continuous

__all__ = [
    "beta",
    "cauchy",
    "chi2",
    "expon",
    "f",
    "gamma",
    "gennorm",
    "gumbel_l",
    "gumbel_r",
    "halfnorm",
    "invgamma",
    "laplace",
    "logistic",
    "lognorm",
    "norm",
    "pareto",
    "rayleigh",
    "t",
    "uniform",
    "weibull_min",
]

POSITIVE = (0.0, np.inf)
LOG_ROOT_TWO_PI = 0.5 * log(2 * pi)

norm = Continuous(
    "norm",
    logpdf=lambda y: -0.5 * y * y - LOG_ROOT_TWO_PI,
    cdf=lambda y: sp.ndtr(y),
    sf=lambda y: sp.ndtr(-y),
    logcdf=lambda y: sp.log_ndtr(y),
    logsf=lambda y: sp.log_ndtr(-y),
    ppf=lambda q: sp.ndtri(q),
    isf=lambda q: -sp.ndtri(q),
)
halfnorm = Continuous(
    "halfnorm",
    logpdf=lambda y: -0.5 * y * y + 0.5 * log(2 / pi),
    cdf=lambda y: sp.erf(y / 2**0.5),
    sf=lambda y: sp.erfc(y / 2**0.5),
    upper_tail=lambda y: sp.log_ndtr(-y) + log(2),
    ppf=lambda q: 2**0.5 * sp.erfinv(q),
    isf=lambda q: 2**0.5 * sp.erfcinv(q),
    support=POSITIVE,
    inside=1.0,
)
lognorm = Continuous(
    "lognorm",
    "s",
    logpdf=lambda y, s: -0.5 * (np.log(y) / s) ** 2 - np.log(y) - np.log(s) - LOG_ROOT_TWO_PI,
    cdf=lambda y, s: sp.ndtr(np.log(y) / s),
    sf=lambda y, s: sp.ndtr(-np.log(y) / s),
    logcdf=lambda y, s: sp.log_ndtr(np.log(y) / s),
    logsf=lambda y, s: sp.log_ndtr(-np.log(y) / s),
    ppf=lambda q, s: np.exp(s * sp.ndtri(q)),
    isf=lambda q, s: np.exp(-s * sp.ndtri(q)),
    support=(np.nextafter(0.0, 1.0), np.inf),
    inside=1.0,
)
uniform = Continuous(
    "uniform",
    logpdf=lambda y: 0.0 * y,
    cdf=lambda y: y,
    sf=lambda y: 1 - y,
    ppf=lambda q: q,
    isf=lambda q: 1 - q,
    support=(0.0, 1.0),
    inside=0.5,
)
expon = Continuous(
    "expon",
    logpdf=lambda y: -y,
    cdf=lambda y: -np.expm1(-y),
    logcdf=lambda y: _log_of_rest(y, np.log(y)),
    logsf=lambda y: -y,
    ppf=lambda q: -np.log1p(-q),
    isf=lambda q: -np.log(q),
    support=POSITIVE,
    inside=1.0,
)
gamma = Continuous(
    "gamma",
    "a",
    logpdf=lambda y, a: log_gamma_density(a, y),
    pdf=lambda y, a: gamma_density(a, y),
    cdf=lambda y, a: sp.gammainc(a, y),
    sf=lambda y, a: sp.gammaincc(a, y),
    lower_tail=lambda y, a: log_gammainc_tail(a, y),
    upper_tail=lambda y, a: log_gammaincc_tail(a, y),
    ppf=lambda q, a: sp.gammaincinv(a, q),
    isf=lambda q, a: sp.gammainccinv(a, q),
    support=POSITIVE,
    inside=1.0,
)
invgamma = Continuous(
    "invgamma",
    "a",
    logpdf=lambda y, a: log_gamma_density(a, 1 / y) - 2 * np.log(y),
    cdf=lambda y, a: sp.gammaincc(a, 1 / y),
    sf=lambda y, a: sp.gammainc(a, 1 / y),
    lower_tail=lambda y, a: log_gammaincc_tail(a, 1 / y),
    upper_tail=lambda y, a: log_gammainc_tail(a, 1 / y),
    ppf=lambda q, a: 1 / sp.gammainccinv(a, q),
    isf=lambda q, a: 1 / sp.gammaincinv(a, q),
    support=(np.nextafter(0.0, 1.0), np.inf),
    inside=1.0,
)
chi2 = Continuous(
    "chi2",
    "df",
    logpdf=lambda y, df: log_gamma_density(df / 2, y / 2) - log(2),
    pdf=lambda y, df: 0.5 * gamma_density(0.5 * df, 0.5 * y),
    cdf=lambda y, df: sp.chdtr(df, y),
    sf=lambda y, df: sp.chdtrc(df, y),
    lower_tail=lambda y, df: log_gammainc_tail(df / 2, y / 2),
    upper_tail=lambda y, df: log_gammaincc_tail(df / 2, y / 2),
    ppf=lambda q, df: 2 * sp.gammaincinv(df / 2, q),
    isf=lambda q, df: sp.chdtri(df, q),
    support=POSITIVE,
    inside=1.0,
)
beta = Continuous(
    "beta",
    "a b",
    logpdf=lambda y, a, b: log_beta_density(a, b, y),
    pdf=lambda y, a, b: beta_density(a, b, y),
    cdf=lambda y, a, b: sp.betainc(a, b, y),
    sf=lambda y, a, b: sp.betaincc(a, b, y),
    lower_tail=lambda y, a, b: log_betainc_tail(a, b, y),
    upper_tail=lambda y, a, b: log_betainc_tail(b, a, 1 - y),
    ppf=lambda q, a, b: sp.betaincinv(a, b, q),
    isf=lambda q, a, b: sp.betainccinv(a, b, q),
    support=(0.0, 1.0),
    inside=0.5,
)
f = Continuous(
    "f",
    "dfn dfd",
    logpdf=lambda y, dfn, dfd: log_f_density(dfn / 2, dfd / 2, y),
    cdf=lambda y, dfn, dfd: sp.fdtr(dfn, dfd, y),
    sf=lambda y, dfn, dfd: sp.fdtrc(dfn, dfd, y),
    lower_tail=lambda y, dfn, dfd: log_betainc_tail(dfn / 2, dfd / 2, 1 / (1 + dfd / (dfn * y))),
    upper_tail=lambda y, dfn, dfd: log_betainc_tail(dfd / 2, dfn / 2, 1 / (1 + dfn * y / dfd)),
    ppf=lambda q, dfn, dfd: sp.fdtri(dfn, dfd, q),
    isf=lambda q, dfn, dfd: 1 / sp.fdtri(dfd, dfn, q),
    support=POSITIVE,
    inside=1.0,
)
t = Continuous(
    "t",
    "df",
    logpdf=lambda y, df: log_student_density(y * y, df),
    cdf=lambda y, df: sp.stdtr(df, y),
    sf=lambda y, df: sp.stdtr(df, -y),
    lower_tail=lambda y, df: _t_tail(y, df),
    upper_tail=lambda y, df: _t_tail(y, df),
    ppf=lambda q, df: _t_quantile(q, df),
    isf=lambda q, df: -_t_quantile(q, df),
    inside=1.0,
)
gennorm = Continuous(
    "gennorm",
    "beta",
    logpdf=lambda y, beta: np.log(beta / 2) - sp.gammaln(1 / beta) - np.abs(y) ** beta,
    cdf=lambda y, beta: _gennorm_cdf.bind((y, beta), ()),
    sf=lambda y, beta: _gennorm_cdf.bind((-y, beta), ()),
    lower_tail=lambda y, beta: _gennorm_tail(y, beta),
    upper_tail=lambda y, beta: _gennorm_tail(y, beta),
    ppf=lambda q, beta: _gennorm_ppf.bind((q, beta), ()),
    isf=lambda q, beta: -_gennorm_ppf.bind((q, beta), ()),
    inside=1.0,
)
cauchy = Continuous(
    "cauchy",
    logpdf=lambda y: -2 * np.log(np.hypot(1, y)) - log(pi),
    cdf=lambda y: np.arctan2(1.0, -y) / pi,
    sf=lambda y: np.arctan2(1.0, y) / pi,
    ppf=lambda q: _cauchy_quantile(q),
    isf=lambda q: -_cauchy_quantile(q),
)
laplace = Continuous(
    "laplace",
    logpdf=lambda y: -np.abs(y) - log(2),
    cdf=lambda y: _laplace_cdf(y),
    sf=lambda y: _laplace_cdf(-y),
    logcdf=lambda y: _laplace_logcdf(y),
    logsf=lambda y: _laplace_logcdf(-y),
    ppf=lambda q: _laplace_quantile(q),
    isf=lambda q: -_laplace_quantile(q),
)
logistic = Continuous(
    "logistic",
    logpdf=lambda y: sp.log_expit(y) + sp.log_expit(-y),
    cdf=lambda y: sp.expit(y),
    sf=lambda y: sp.expit(-y),
    logcdf=lambda y: sp.log_expit(y),
    logsf=lambda y: sp.log_expit(-y),
    ppf=lambda q: sp.logit(q),
    isf=lambda q: -sp.logit(q),
)
pareto = Continuous(
    "pareto",
    "b",
    logpdf=lambda y, b: np.log(b) - (b + 1) * np.log(y),
    cdf=lambda y, b: -np.expm1(-b * np.log(y)),
    logcdf=lambda y, b: _log_of_rest(b * np.log(y), np.log(b) + np.log(np.log(y))),
    logsf=lambda y, b: -b * np.log(y),
    ppf=lambda q, b: np.exp(-np.log1p(-q) / b),
    isf=lambda q, b: np.exp(-np.log(q) / b),
    support=(1.0, np.inf),
    inside=2.0,
)
weibull_min = Continuous(
    "weibull_min",
    "c",
    logpdf=lambda y, c: np.log(c) + sp.xlogy(c - 1, y) - y**c,
    pdf=lambda y, c: c * y ** (c - 1) * np.exp(-(y**c)),
    cdf=lambda y, c: -np.expm1(-(y**c)),
    logcdf=lambda y, c: _log_of_rest(y**c, c * np.log(y)),
    logsf=lambda y, c: -(y**c),
    ppf=lambda q, c: (-np.log1p(-q)) ** (1 / c),
    isf=lambda q, c: (-np.log(q)) ** (1 / c),
    support=POSITIVE,
    inside=1.0,
)
rayleigh = Continuous(
    "rayleigh",
    logpdf=lambda y: np.log(y) - 0.5 * y * y,
    pdf=lambda y: y * np.exp(-0.5 * y * y),
    cdf=lambda y: -np.expm1(-0.5 * y * y),
    logcdf=lambda y: _log_of_rest(0.5 * y * y, 2 * np.log(y) - log(2)),
    logsf=lambda y: -0.5 * y * y,
    ppf=lambda q: np.sqrt(-2 * np.log1p(-q)),
    isf=lambda q: np.sqrt(-2 * np.log(q)),
    support=POSITIVE,
    inside=1.0,
)
gumbel_r = Continuous(
    "gumbel_r",
    logpdf=lambda y: -y - np.exp(-y),
    logcdf=lambda y: -np.exp(-y),
    sf=lambda y: -np.expm1(-np.exp(-y)),
    logsf=lambda y: _log_of_rest(np.exp(-y), -y),
    ppf=lambda q: -np.log(-np.log(q)),
    isf=lambda q: -np.log(-np.log1p(-q)),
)
gumbel_l = Continuous(
    "gumbel_l",
    logpdf=lambda y: y - np.exp(y),
    cdf=lambda y: -np.expm1(-np.exp(y)),
    logcdf=lambda y: _log_of_rest(np.exp(y), y),
    logsf=lambda y: -np.exp(y),
    ppf=lambda q: np.log(-np.log1p(-q)),
    isf=lambda q: np.log(-np.log(q)),
)


def _gennorm_value(y: Any, beta: Any) -> Any:
    part = np.abs(y) ** beta
    upper = 0.5 * sp.gammaincc(1 / beta, part)
    return np.where(y < 0, upper, 0.5 + 0.5 * sp.gammainc(1 / beta, part))[()]


def _gennorm_quantile(q: Any, beta: Any) -> Any:
    lower = q < 0.5
    size = sp.gammainccinv(1 / beta, 2 * np.where(lower, q, 1 - q)) ** (1 / beta)
    return np.where(lower, -size, size)[()]


def _gennorm_density(y: Any, beta: Any) -> Any:
    return 0.5 * beta * sp.rgamma(1 / beta) * np.exp(-(np.abs(y) ** beta))


def _gennorm_in_beta(y: Any, beta: Any) -> Any:
    """Differentiate ½ P(1/β, |y|^β), in a form without the density of zero."""
    size = np.abs(y)
    part = size**beta
    moved = sp.xlogy(size, size) * sp.rgamma(1 / beta) * np.exp(-part)
    return 0.5 * np.sign(y) * (moved - gammainc_in_a(1 / beta, part, 1) / beta**2)


def _gennorm_tail(y: Any, beta: Any) -> Any:
    return log_gammaincc_tail(1 / beta, np.abs(y) ** beta) - log(2)


#: Primitives, as at zero the power that they are made of may have no slope.
_gennorm_cdf: Primitive = elementwise(
    _gennorm_value,
    lambda ans, y, beta: _gennorm_density(y, beta),
    lambda ans, y, beta: _gennorm_in_beta(y, beta),
    name="gennorm_cdf",
)
_gennorm_ppf: Primitive = inverse(_gennorm_quantile, 0, _gennorm_density, _gennorm_in_beta)


def _t_quantile(q: Any, df: Any) -> Any:
    """Give SciPy's quantile, whose infinity for a probability near zero has the wrong sign."""
    quantile = sp.stdtrit(df, q)
    return np.where((q < 0.5) & (quantile > 0), -np.inf, quantile)


def _t_tail(y: Any, df: Any) -> Any:
    """Compute the logarithm of the smaller of the probabilities on both sides."""
    return log_betainc_tail(df / 2, 0.5, (1 / np.hypot(1, y / np.sqrt(df))) ** 2) - log(2)


def _cauchy_quantile(q: Any) -> Any:
    """Compute -cot(πq) by the distance to the nearer end of [0, 1], in the middle as a tangent, which is 0 at 0.5."""
    outer = np.abs(q - 0.5) > 0.25
    distance = np.where(outer, np.where(q < 0.5, q, -(1 - q)), 0.25)
    return np.where(outer, -1 / np.tan(pi * distance), np.tan(pi * (np.where(outer, 0.5, q) - 0.5)))


def _log_of_rest(t: Any, logarithm: Any) -> Any:
    """Compute log(1 - e^-t), where t is small by its ``logarithm``, which is a number also where t is not."""
    small = t < 1
    near = logarithm + np.log(sp.exprel(-np.where(small, t, 0.5)))
    return np.where(small, near, np.log1p(-np.exp(-np.where(small, 2.0, t))))


def _laplace_cdf(y: Any) -> Any:
    tail = 0.5 * np.exp(-np.abs(y))
    return np.where(y > 0, 1 - tail, tail)


def _laplace_logcdf(y: Any) -> Any:
    above = np.where(y > 0, y, 1.0)
    return np.where(y > 0, np.log1p(-0.5 * np.exp(-above)), y - log(2))


def _laplace_quantile(q: Any) -> Any:
    upper = np.where(q > 0.5, q, 0.75)
    lower = np.where(q > 0.5, 0.25, q)
    return np.where(q > 0.5, -np.log(2 * (1 - upper)), np.log(2 * lower))
