"""Samples of running sums, products and extremes, of differences, and of the trapezoidal rule."""

from __future__ import annotations

import numpy as np

from tests.samples.sample import Sample, random

V = random(5)
X = random(3, 4)
STACK = random(2, 3, 4)
LONG = random(100, low=0.8, high=1.2)
POSITIVE = random(5, low=0.5, high=1.5)
WITH_ZEROS = np.array([[0.0, 1.5, -2.0, 0.7], [0.0, 1.2, 0.0, 3.0], [1.1, -0.4, 2.0, 0.6]])
LONG_WITH_ZEROS = np.where(np.arange(100) % 37 == 30, 0.0, LONG)
GRID = np.cumsum(random(5, seed=3, low=0.5, high=1.5))
HOLES = np.array([[False, True, False, False], [False, False, True, False], [True, False, False, True]])

RUNNING = [
    Sample("cumsum", np.cumsum, (V,), complex=True),
    Sample("cumsum of a matrix", np.cumsum, (X,), complex=True),
    Sample("cumsum axis=0", lambda x: np.cumsum(x, axis=0), (X,), complex=True),
    Sample("cumsum axis=-1", lambda x: np.cumsum(x, axis=-1), (STACK,)),
    Sample("cumsum of a scalar", np.cumsum, (1.3,)),
    Sample("cumsum of nothing", lambda x: np.cumsum(x, axis=0), (np.zeros((0, 3)),)),
    Sample("cumsum dtype", lambda x: np.cumsum(x, dtype=complex), (V,), float32=False),
    Sample("cumsum method", lambda x: x.cumsum(1), (X,)),
    Sample("cumulative_sum", np.cumulative_sum, (V,), complex=True),
    Sample("cumulative_sum include_initial", lambda x: np.cumulative_sum(x, axis=1, include_initial=True), (X,)),
    Sample("add.accumulate", np.add.accumulate, (X,)),
    Sample("nancumsum", lambda x: np.nancumsum(np.where(HOLES, np.nan, x), axis=1), (X,)),
    Sample("cumprod", np.cumprod, (V,), complex=True, dask=False),
    Sample("cumprod axis=0", lambda x: np.cumprod(x, axis=0), (X,), complex=True, dask=False),
    Sample("cumprod axis=-2", lambda x: np.cumprod(x, axis=-2), (STACK,), dask=False),
    Sample("cumprod of all", np.cumprod, (X,), dask=False),
    Sample("cumprod of a scalar", np.cumprod, (1.3,)),
    Sample("cumprod of one element", lambda x: np.cumprod(x, axis=1), (random(3, 1),), dask=False),
    Sample("cumprod with zeros", lambda x: np.cumprod(x, axis=1), (WITH_ZEROS,), complex=True, dask=False),
    Sample("cumprod long", np.cumprod, (LONG,), complex=True, dask=False),
    Sample("cumprod long with zeros", np.cumprod, (LONG_WITH_ZEROS,), dask=False),
    Sample("cumprod method", lambda x: x.cumprod(0), (X,), dask=False),
    Sample("cumulative_prod", lambda x: np.cumulative_prod(x, axis=0), (X,), dask=False),
    Sample("cumulative_prod include_initial", lambda x: np.cumulative_prod(x, include_initial=True), (V,), dask=False),
    Sample("multiply.accumulate", lambda x: np.multiply.accumulate(x, axis=1), (X,), dask=False),
    Sample("nancumprod", lambda x: np.nancumprod(np.where(HOLES, np.nan, x), axis=1), (X,), dask=False),
    Sample("maximum.accumulate", np.maximum.accumulate, (X,), dask=False),
    Sample("maximum.accumulate axis=-1", lambda x: np.maximum.accumulate(x, -1), (STACK,), dask=False),
    Sample("minimum.accumulate axis=1", lambda x: np.minimum.accumulate(x * x, axis=1), (X,), dask=False),
    Sample("logaddexp.accumulate", np.logaddexp.accumulate, (X,), dask=False),
    Sample("logaddexp.accumulate axis=1", lambda x: np.logaddexp.accumulate(x, axis=1), (X,), dask=False),
]

DIFFERENCES = [
    Sample("diff", np.diff, (V,), complex=True),
    Sample("diff axis=0", lambda x: np.diff(x, axis=0), (X,), complex=True),
    Sample("diff n=2", lambda x: np.diff(x, 2), (STACK,)),
    Sample("diff n=3, axis=-2", lambda x: np.diff(x, 3, axis=-2), (random(5, 2),)),
    Sample("diff n=0", lambda x: np.diff(x * x, 0), (V,)),
    Sample("diff n beyond the length", lambda x: np.diff(x, 7, axis=0), (random(3, 2),)),
    Sample(
        "diff prepend, append", lambda x, p, a: np.diff(x, prepend=p, append=a), (X, 0.5, random(3, 2)), float32=False
    ),
    Sample("ediff1d", np.ediff1d, (X,), complex=True),
    Sample("ediff1d ends", lambda x, b: np.ediff1d(x, to_begin=b, to_end=[1.0, 2.0]), (V, 0.5)),
    Sample("trapezoid", np.trapezoid, (V,), complex=True),
    Sample("trapezoid dx, axis=0", lambda y, h: np.trapezoid(y, dx=h, axis=0), (X, 0.3)),
    Sample("trapezoid x", np.trapezoid, (V, GRID)),
    Sample("trapezoid x, axis=0", lambda y, x: np.trapezoid(y, x, axis=0), (random(5, 2), GRID)),
    Sample("trapezoid of arrays x", lambda y, x: np.trapezoid(y, x), (X, random(3, 4, seed=1))),
    Sample("gradient", np.gradient, (V,), complex=True),
    Sample("gradient of a matrix", np.gradient, (X,)),
    Sample("gradient axis=1", lambda x: np.gradient(x, axis=1), (X,)),
    Sample("gradient axis=(1, 0)", lambda x: np.gradient(x, 0.5, 0.3, axis=(1, 0)), (X,)),
    Sample("gradient edge_order=2", lambda x: np.gradient(x, edge_order=2), (V,)),
    Sample("gradient spacing", np.gradient, (V, 0.3)),
    Sample("gradient spacing, edge_order=2", lambda x, h: np.gradient(x, h, edge_order=2), (V, 0.3)),
    Sample("gradient coordinates", np.gradient, (V, GRID)),
    Sample(
        "gradient coordinates, edge_order=2", lambda x, g: np.gradient(x, g, axis=0, edge_order=2), (random(5, 2), GRID)
    ),
    Sample("gradient mixed spacings", lambda x, g: np.gradient(x, 0.5, g), (random(3, 5), GRID)),
]

SAMPLES = RUNNING + DIFFERENCES
