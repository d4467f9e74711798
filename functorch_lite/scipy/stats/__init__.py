"""Distributions of ``scipy.stats`` for traced values: densities, distribution functions and quantiles.

They take SciPy's arguments and are differentiated in all of them, shape parameters among them.
"""

from __future__ import annotations

from functorch_lite.scipy.stats.circular import vonmises, wrapcauchy
from functorch_lite.scipy.stats.continuous import (
    beta,
    cauchy,
    chi2,
    expon,
    f,
    gamma,
    gennorm,
    gumbel_l,
    gumbel_r,
    halfnorm,
    invgamma,
    laplace,
    logistic,
    lognorm,
    norm,
    pareto,
    rayleigh,
    t,
    uniform,
    weibull_min,
)
from functorch_lite.scipy.stats.continuous_distribution import Continuous
from functorch_lite.scipy.stats.discrete import bernoulli, betabinom, binom, geom, nbinom, poisson
from functorch_lite.scipy.stats.discrete_distribution import Discrete
from functorch_lite.scipy.stats.multivariate import dirichlet, multinomial, multivariate_normal, multivariate_t
from functorch_lite.scipy.stats.truncated import truncnorm

__all__ = [
    "Continuous",
    "Discrete",
    "bernoulli",
    "beta",
    "betabinom",
    "binom",
    "cauchy",
    "chi2",
    "dirichlet",
    "expon",
    "f",
    "gamma",
    "gennorm",
    "geom",
    "gumbel_l",
    "gumbel_r",
    "halfnorm",
    "invgamma",
    "laplace",
    "logistic",
    "lognorm",
    "multinomial",
    "multivariate_normal",
    "multivariate_t",
    "nbinom",
    "norm",
    "pareto",
    "poisson",
    "rayleigh",
    "t",
    "truncnorm",
    "uniform",
    "vonmises",
    "weibull_min",
    "wrapcauchy",
]
