"""Samples of histograms: counts as constants, sums of weights, densities, edges that move with the extremes.

The weights are multiples of 1/64, which sum up without rounding in any order.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from tests.samples.sample import eager, random

X = np.array([0.31, -0.92, 0.55, 0.12, -0.43, 0.97, -0.08])
Y = random(7, seed=3)
EDGES = np.array([-0.7, -0.1, 0.2, 0.8])
WEIGHTS = np.round(64 * random(7, seed=1)) / 64

sample = partial(eager, float32=False)


SAMPLES = [
    sample("histogram counts", lambda x: x[:4] * np.histogram(x, 4, (-1, 1))[0], X),
    sample("histogram edges from the extremes", lambda x: np.histogram(x, 4)[1], X),
    sample("histogram estimated bins", lambda x: np.histogram(x[:-1], 3)[1] * np.sum(x), X),
    sample("histogram weights", lambda w: np.histogram(X, 3, weights=w)[0], WEIGHTS),
    sample("histogram weights, edges", lambda w: np.histogram(X, EDGES, weights=w * (1 + 2j))[0], WEIGHTS),
    sample("histogram density", lambda x: np.histogram(x, 3, density=True), X),
    sample("histogram density, edges", lambda x, e: np.histogram(x, e, density=True), X, EDGES),
    sample("histogram density, weights", lambda w: np.histogram(X, EDGES, None, True, w)[0], np.abs(WEIGHTS)),
    sample("histogram_bin_edges", lambda x: np.histogram_bin_edges(x, 5), X),
    sample("histogram_bin_edges range", lambda x: x[:6] * np.histogram_bin_edges(x, 5, (-1, 2)), X),
    sample("histogram2d", lambda x, y: np.histogram2d(x, y, 2)[1:], X, Y),
    sample("histogram2d density", lambda x, y: np.histogram2d(x, y, (2, 3), density=True), X, Y),
    sample("histogram2d numbers", lambda x, w: np.histogram2d(x, Y, np.array([2, 3]), weights=w), X, WEIGHTS),
    sample("histogram2d edges", lambda x, w: np.histogram2d(x, Y, EDGES, weights=w)[0], X, WEIGHTS),
    sample("histogramdd", lambda x: np.histogramdd(x, 2, density=True), np.stack([X, Y, X * Y], 1)),
    sample("histogramdd weights", lambda w: np.histogramdd([X, Y], [EDGES, 2], weights=w)[0], WEIGHTS),
]
