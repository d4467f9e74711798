"""Samples of arrays made from arrays: copies of a kind, filled, put into, crossed as keys."""

from __future__ import annotations

import numpy as np

from functorch_lite.calculus.taking import put_along_axis
from tests.samples.sample import Sample, random

V, M = random(4), random(2, 3)

SAMPLES = [
    *(
        Sample(f"{f.__name__} like", lambda x, f=f: f(x * 2.0, like=x) * x, (M,), dask=False)
        for f in (np.array, np.asanyarray, np.asarray, np.ascontiguousarray, np.asfortranarray, np.require)
    ),
    Sample("array of a list", lambda x: np.array([x, 2.0 * x], like=x), (M,), dask=False),
    Sample("full like", lambda x: np.full((2, 4), x[0], like=x) * x, (V,), dask=False),
    Sample("full of a constant, like", lambda x: np.full(4, 3.0, like=x) * x, (V,), dask=False, float32=False),
    Sample("sort_complex", lambda x: np.sort_complex(x), (V,), complex=True, dask=False, float32=False),
    Sample("ix_", lambda x, y: np.multiply(*np.ix_(x, y)), (V, random(3)), dask=False),
    *(
        Sample(f"put_along_axis {name}", lambda x, v, i=i, axis=axis: put_along_axis(x, i, v, axis), (M, v), dask=False)
        for name, i, axis, v in (
            ("axis 1", np.array([[2], [0]]), 1, random(2, 1, seed=1)),
            ("axis 0, one row for all columns", np.array([[1]]), 0, random(1, 3, seed=1)),
            ("a number at several places", np.array([[2, 0], [1, 2]]), -1, np.array(0.7)),
            ("flat, twice at one place", np.array([1, 5, 1]), None, random(3, seed=1)),
        )
    ),
    Sample("kaiser", lambda b: np.kaiser(5, b), (1.7,), dask=False, float32=False),
]
