"""Samples of ``functorch_lite.scipy.stats``: the logarithms, quantiles and probabilities of every distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.scipy import stats
from tests.samples.sample import Sample, random
from tests.samples.sample import eager as plain

#: Shape parameters, and the interval of the points.
CONTINUOUS: dict[str, tuple[tuple[float, ...], float, float]] = {
    "norm": ((), -2, 2),
    "halfnorm": ((), 0.2, 2),
    "lognorm": ((0.8,), 0.3, 2),
    "uniform": ((), 0.1, 0.7),
    "expon": ((), 0.2, 2),
    "gamma": ((1.7,), 0.3, 3),
    "invgamma": ((1.7,), 0.3, 3),
    "chi2": ((3.3,), 0.3, 3),
    "beta": ((1.7, 2.3), 0.1, 0.7),
    "f": ((3.3, 4.1), 0.3, 2),
    "t": ((3.3,), -2, -0.1),
    "gennorm": ((1.7,), 0.3, 2),
    "truncnorm": ((-4.0, 2.6), -0.8, 2),
    "wrapcauchy": ((0.4,), 0.3, 5),
    "cauchy": ((), -2, 2),
    "laplace": ((), 0.1, 2),
    "logistic": ((), -2, 2),
    "pareto": ((1.7,), 1.8, 3),
    "weibull_min": ((1.7,), 0.3, 2),
    "rayleigh": ((), 0.3, 2),
    "gumbel_r": ((), -1, 2),
    "gumbel_l": ((), -2, 1),
}
DISCRETE: dict[str, tuple[tuple[float, ...], Any]] = {
    "bernoulli": ((0.3,), np.array([0, 1, 0])),
    "binom": ((6.0, 0.3), np.array([0, 2, 5])),
    "geom": ((0.3,), np.array([1, 2, 5])),
    "nbinom": ((2.5, 0.3), np.array([0, 2, 5])),
    "poisson": ((1.7,), np.array([0, 2, 5])),
}


def moved_and_scaled(name: str, method: str) -> Sample:
    shapes, low, high = CONTINUOUS[name]
    x = random(3, low=0, high=1) * (high - low) + low
    function = getattr(getattr(stats, name), method)
    return plain(f"{name}.{method}", function, x, *shapes, 0.05, 1.1)


SAMPLES = [moved_and_scaled(name, method) for name in CONTINUOUS for method in ("logpdf", "cdf", "logcdf", "logsf")]
SAMPLES += [
    plain(f"{name}.{method}", getattr(getattr(stats, name), method), random(3, low=0.1, high=0.9), *shapes, 0.5, 2.0)
    for name, (shapes, _, _) in CONTINUOUS.items()
    for method in ("ppf", "isf")
]
SAMPLES += [
    plain(
        f"{name}.{method}",
        lambda *args, name=name, method=method, k=k: getattr(getattr(stats, name), method)(k, *args),
        *shapes,
        float32=False,
    )
    for name, (shapes, k) in DISCRETE.items()
    for method in ("logpmf", "cdf", "sf")
    if (name, method) not in {("binom", "cdf"), ("binom", "sf")}
]
SAMPLES += [
    plain("vonmises.logpdf", stats.vonmises.logpdf, random(3), 1.7, 0.05, 1.1),
    plain(
        "betabinom.logpmf",
        lambda n, a, b: stats.betabinom.logpmf(np.array([0, 2, 5]), n, a, b),
        6.0,
        1.7,
        2.3,
        float32=False,
    ),
]
K = np.array([0, 2, 4])
SAMPLES += [
    plain(f"binom.{method}", lambda n, p, method=method: getattr(stats.binom, method)(K, n, p), 5.0, 0.3, float32=False)
    for method in ("cdf", "sf")
]

SPREAD = np.array([[2.0, 0.3, -0.2], [0.3, 1.5, 0.4], [-0.2, 0.4, 1.0]])


def symmetric(x: Any) -> Any:
    return (x + np.swapaxes(x, -1, -2)) / 2


P = np.array([0.2, 0.5, 0.3])
SAMPLES += [
    plain(
        "multivariate_normal.logpdf",
        lambda x, m, s: stats.multivariate_normal.logpdf(x, m, symmetric(s)),
        random(2, 3),
        random(3),
        SPREAD,
    ),
    plain("multivariate_normal.logpdf diagonal", stats.multivariate_normal.logpdf, random(3), random(3), P),
    plain(
        "multivariate_normal.pdf of numbers",
        lambda x, v: stats.multivariate_normal.pdf(x, cov=v),
        random(4),
        1.5,
        float32=False,
    ),
    plain(
        "multivariate_t.logpdf",
        lambda x, m, s, df: stats.multivariate_t.logpdf(x, m, symmetric(s), df),
        random(2, 3),
        random(3),
        SPREAD,
        3.3,
        float32=False,
    ),
    plain("dirichlet.logpdf", stats.dirichlet.logpdf, P, P + 1),
    plain("dirichlet.logpdf of many", stats.dirichlet.logpdf, np.stack([P, P[::-1]], axis=1), P + 1),
    plain("dirichlet.pdf without the last", stats.dirichlet.pdf, np.array([0.15, 0.6]), P + 1),
    plain("multinomial.logpmf", lambda p: stats.multinomial.logpmf([[2, 1, 1], [0, 4, 0]], 4, p), P, float32=False),
]
