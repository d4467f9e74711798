"""Samples of conversion and of arrays made in the likeness of others."""

import numpy as np

from tests.samples.sample import Sample, random

V, M = random(4), random(2, 3)

SAMPLES = [
    Sample("astype float64", lambda x: x.astype(np.float64) * x, (V,), float32=False),  # asks for float64
    Sample("astype complex", lambda x: x.astype(complex) * (1 + 2j), (V,), float32=False),
    Sample("astype function", lambda x: np.astype(x, np.float64) * 2, (V,), float32=False, dask=False),  # dask has none
    Sample("copy", lambda x: np.copy(x) * x.copy(), (M,), dask=False),  # NumPy's copy computes a dask array
    Sample("zeros_like", lambda x: x + np.zeros_like(x), (M,)),
    Sample("ones_like", lambda x: x * np.ones_like(x), (M,)),
    Sample("full_like of a number", lambda x: x * np.full_like(x, 3.0), (M,)),
    Sample("full_like of a traced number", lambda x: np.full_like(x, x[0, 1]) * x, (M,), dask=False),
    Sample("linspace", lambda a, b: np.linspace(a, b, 5), (0.3, 1.7), float32=False),  # NumPy's linspace is float64
    Sample("linspace of vectors", lambda a, b: np.linspace(a, b, 3, axis=1), (V, V + 1), float32=False, dask=False),
    Sample("linspace without the end", lambda a, b: np.linspace(a, b, 4, endpoint=False), (0.3, 1.7), float32=False),
    Sample("logspace", lambda a, b: np.logspace(a, b, 4), (0.1, 0.9), float32=False),
    Sample("geomspace", lambda a, b: np.geomspace(a, b, 4), (0.5, 3.0), float32=False),
    Sample("meshgrid", lambda x, y: np.meshgrid(x, y), (random(3), random(2))),
    Sample("meshgrid ij, sparse", lambda x, y: np.meshgrid(x, y, indexing="ij", sparse=True), (random(3), random(2))),
    Sample("round", lambda x: x * np.round(x, 1), (V,)),
    Sample("fix", lambda x: x + np.fix(x), (V,), dask=False),  # NumPy's fix computes a dask array
    Sample("real and imag", lambda x: np.real(x) * 2 + np.imag(x), (V,), complex=True),
    Sample("angle", lambda x, y: np.angle(x + 1j * y), (V, random(4, seed=1))),
    Sample("angle in degrees", lambda z: np.angle(z, deg=True), (V + 1j * random(4, seed=1),)),
]
