"""Random numbers for pure functions: keys that are passed on and split, instead of a hidden state.

A key is an array of two ``uint64``. The same key gives the same numbers, so a function that draws from a key is pure:
it can be differentiated, batched over keys by `vmap`, and run again by `checkpoint`. The bits are those of
`numpy.random.Philox`; a sampler is differentiable in the parameters of its distribution wherever the sample is a
continuous function of them (reparameterisation).

Examples
--------
>>> import numpy as np, functorch_lite as ft
>>> key = ft.random.key(0)
>>> key, step = ft.random.split(key)
>>> slope = ft.grad(lambda s: np.sum(ft.random.normal(step, (2,), scale=s)))(1.0)
>>> bool(np.isclose(slope, np.sum(ft.random.normal(step, (2,)))))
True
"""

from functorch_lite.random.continuous import (
    cauchy,
    exponential,
    gumbel,
    laplace,
    logistic,
    lognormal,
    normal,
    pareto,
    rayleigh,
    truncated_normal,
    uniform,
    weibull,
)
from functorch_lite.random.discrete import bernoulli, binomial, categorical, choice, permutation, poisson, randint
from functorch_lite.random.gamma_family import beta, chisquare, dirichlet, gamma, t
from functorch_lite.random.keys import fold_in, key, split
from functorch_lite.random.vectors import multivariate_normal, orthogonal, sphere

__all__ = [
    "bernoulli",
    "beta",
    "binomial",
    "categorical",
    "cauchy",
    "chisquare",
    "choice",
    "dirichlet",
    "exponential",
    "fold_in",
    "gamma",
    "gumbel",
    "key",
    "laplace",
    "logistic",
    "lognormal",
    "multivariate_normal",
    "normal",
    "orthogonal",
    "pareto",
    "permutation",
    "poisson",
    "randint",
    "rayleigh",
    "sphere",
    "split",
    "t",
    "truncated_normal",
    "uniform",
    "weibull",
]
