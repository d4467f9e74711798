"""Samples of sorting, partitioning and quantiles."""

from __future__ import annotations

import numpy as np

from tests.samples.sample import eager as sample
from tests.samples.sample import random

V = random(5)
X = random(3, 4)
STACK = random(2, 3, 4)
HOLES = np.array([[False, True, False, False], [False, False, False, False], [True, False, False, True]])
#: Between elements NumPy interpolates in the precision of an array of fractions, which is double.
FRACTIONS = np.array([0.1, 0.37, 0.8])
METHODS = [
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "interpolated_inverted_cdf",
    "hazen",
    "weibull",
    "linear",
    "median_unbiased",
    "normal_unbiased",
    "lower",
    "higher",
    "midpoint",
    "nearest",
]
ELEMENTS = {"inverted_cdf", "closest_observation", "lower", "higher", "nearest"}


ORDER = [
    sample("sort", np.sort, V, complex=True),
    sample("sort axis=0", lambda x: np.sort(x, axis=0), X, complex=True),
    sample("sort axis=None", lambda x: np.sort(x, axis=None), X),
    sample("sort axis=-2, stable", lambda x: np.sort(x, axis=-2, stable=True), STACK),
    sample("sort kind", lambda x: np.sort(x * x, kind="heapsort"), X),
    sample("sort of nothing", lambda x: np.sort(x, axis=0), np.zeros((0, 3))),
    sample("argsort", lambda x: np.take_along_axis(x, np.argsort(x * x, axis=0), 0), X),
    sample("argsort method", lambda x: np.take_along_axis(x, x.argsort(), -1), X),
    sample("partition", lambda x: np.partition(x, 2), V),
    sample("partition axis=0, several", lambda x: np.partition(x, (0, 2), axis=0), X),
    sample("partition axis=None", lambda x: np.partition(x, -3, axis=None), X),
    sample("argpartition", lambda x: np.take_along_axis(x, np.argpartition(x, 1, axis=1), 1), X),
    sample("lexsort", lambda x, y: np.take_along_axis(x, np.lexsort((x, np.floor(3 * y))), 0), V, random(5, seed=1)),
]

if np.lib.NumpyVersion(np.__version__) >= "2.5.0":  # older ones have no such argument
    ORDER += [
        sample("sort descending", lambda x: np.sort(x * x, axis=0, descending=True), X, complex=True),
        sample("argsort descending", lambda x: np.take_along_axis(x, np.argsort(x, descending=True), 1), X),
    ]

QUANTILES = [
    *(
        sample(
            f"quantile {m}", lambda x, m=m: np.quantile(x, FRACTIONS, axis=1, method=m), X, float32=m in ELEMENTS
        )
        for m in METHODS
    ),
    *(
        sample(f"nanquantile {m}", lambda x, m=m: np.nanquantile(np.where(HOLES, np.nan, x), 0.37, axis=1, method=m), X)
        for m in METHODS
    ),
    sample("quantile of all", lambda x: np.quantile(x, 0.3), X),
    sample("quantile q=0, 1", lambda x: np.quantile(x, [0.0, 1.0], axis=0, method="weibull"), X, float32=False),
    sample(
        "quantile axis=(0, 2), keepdims",
        lambda x: np.quantile(x, FRACTIONS, axis=(0, 2), keepdims=True),
        STACK,
        float32=False,
    ),
    sample("quantile q differentiated", lambda x, q: np.quantile(x, q, axis=0), X, FRACTIONS),
    sample("quantile q differentiated, hazen", lambda x, q: np.quantile(x, q, method="hazen"), X, 0.37),
    sample("percentile", lambda x: np.percentile(x, 37.0), V),
    sample(
        "percentile axis=-1, keepdims",
        lambda x: np.percentile(x, [20, 70], axis=-1, keepdims=True),
        X,
        float32=False,
    ),
    sample(
        "nanpercentile", lambda x: np.nanpercentile(np.where(HOLES, np.nan, x), [20, 70], axis=0), X, float32=False
    ),
    sample("nanpercentile of all", lambda x: np.nanpercentile(np.where(HOLES, np.nan, x), 45.0, keepdims=True), X),
]

SAMPLES = ORDER + QUANTILES
