"""The distributions of integers: a table of their probabilities and distribution functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.scipy.special.deviance import log_beta_density, log_gamma_density
from functorch_lite.scipy.special.incomplete import beta_density, gamma_density
from functorch_lite.scipy.special.log_incomplete import log_betainc_tail, log_gammainc_tail, log_gammaincc_tail
from functorch_lite.scipy.special.ufuncs import sp
from functorch_lite.scipy.stats.discrete_distribution import Discrete

__all__ = ["bernoulli", "betabinom", "binom", "geom", "nbinom", "poisson"]

bernoulli = Discrete(
    "bernoulli",
    "p",
    logpmf=lambda k, p: sp.xlogy(k, p) + sp.xlog1py(1 - k, -p),
    cdf=lambda k, p: 1 - p,  # of 0; at 1 the support ends
    sf=lambda k, p: p,
    support=(0.0, 1.0),
    inside=0.0,
)
binom = Discrete(
    "binom",
    "n p",
    pmf=lambda k, n, p: beta_density(k + 1, n - k + 1, p) / (n + 1),
    logpmf=lambda k, n, p: log_beta_density(k + 1, n - k + 1, p) - np.log1p(n),
    cdf=lambda k, n, p: sp.betainc(n - k, k + 1, 1 - p),
    sf=lambda k, n, p: sp.betainc(k + 1, n - k, p),
    lower_tail=lambda k, n, p: log_betainc_tail(n - k, k + 1, 1 - p),
    upper_tail=lambda k, n, p: log_betainc_tail(k + 1, n - k, p),
    support=(0.0, lambda n, p: n),
    inside=0.0,
)
betabinom = Discrete(
    "betabinom",
    "n a b",
    logpmf=lambda k, n, a, b: (
        sp.betaln(k + a, n - k + b) - sp.betaln(a, b) - sp.betaln(k + 1, n - k + 1) - np.log1p(n)
    ),
    support=(0.0, lambda n, a, b: n),
    inside=0.0,
    valid=lambda n, a, b: (n >= 0) & (a > 0) & (b > 0),
)
geom = Discrete(
    "geom",
    "p",
    logpmf=lambda k, p: sp.xlog1py(k - 1, -p) + np.log(p),
    cdf=lambda k, p: -np.expm1(k * np.log1p(-p)),
    logsf=lambda k, p: k * np.log1p(-p),
    support=(1.0, np.inf),
    inside=1.0,
)
nbinom = Discrete(
    "nbinom",
    "n p",
    pmf=lambda k, n, p: beta_density(n, k + 1, p) * p / (n + k),
    logpmf=lambda k, n, p: _log_negative_binomial(k, n, p),
    cdf=lambda k, n, p: sp.betainc(n, k + 1, p),
    sf=lambda k, n, p: sp.betaincc(n, k + 1, p),
    lower_tail=lambda k, n, p: log_betainc_tail(n, k + 1, p),
    upper_tail=lambda k, n, p: log_betainc_tail(k + 1, n, 1 - p),
    support=(0.0, np.inf),
    inside=0.0,
)
poisson = Discrete(
    "poisson",
    "mu",
    pmf=lambda k, mu: gamma_density(k + 1, mu),
    logpmf=lambda k, mu: log_gamma_density(k + 1, mu),
    cdf=lambda k, mu: sp.gammaincc(k + 1, mu),
    sf=lambda k, mu: sp.gammainc(k + 1, mu),
    lower_tail=lambda k, mu: log_gammaincc_tail(k + 1, mu),
    upper_tail=lambda k, mu: log_gammainc_tail(k + 1, mu),
    support=(0.0, np.inf),
    inside=0.0,
)


def _log_negative_binomial(k: Any, n: Any, p: Any) -> Any:
    """By the density of p in the beta distribution of n and k + 1, times p / (n + k)."""
    return log_beta_density(n, k + 1, p) + np.log(p) - np.log(n + k)
