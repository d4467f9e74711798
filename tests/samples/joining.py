"""Samples of joining and splitting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.samples.sample import Sample, random

A = random(2, 3)
B = random(2, 3, seed=1)
C = random(4, 3, seed=2)
ROW = random(3, seed=3)
CUBE = random(2, 3, 4, seed=4)
S = np.array(0.7)


def _rotation(x: Any) -> Any:
    return np.vstack([np.array([[np.cos(x), -np.sin(x)], [np.sin(x), np.cos(x)]]), np.stack([x, x])])


SAMPLES = [
    Sample("concatenate", lambda x, y: np.concatenate((x, y)), (A, C), complex=True),
    Sample("concatenate axis=1", lambda x, y: np.concatenate([x, y, x], axis=1), (A, B), complex=True),
    Sample("concatenate axis=-1", lambda x, y: np.concatenate([x, y[..., :2]], axis=-1), (CUBE, CUBE), complex=True),
    Sample("concatenate axis=None", lambda x, y: np.concatenate([x, y, [1, 2]], axis=None), (A, ROW), float32=False),
    Sample("concatenate of one", lambda x: np.concatenate([x]), (A,), complex=True),
    Sample("concatenate with a constant", lambda x: np.concatenate([x, np.ones((2, 3), np.float32), x]), (A,)),
    Sample("concatenate with a list", lambda x: np.concatenate([[[1, 2, 3]], x]), (A,), float32=False),
    Sample("concatenate with nothing", lambda x, y: np.concatenate([x, y[:0]]), (A, C), complex=True),
    Sample("concatenate dtype", lambda x: np.concatenate([x, x], dtype=np.float64), (A,), float32=False),
    Sample("concat", lambda x, y: np.concat([x, y]), (A, C), complex=True),
    Sample("stack", lambda x, y: np.stack([x, y]), (A, B), complex=True),
    Sample("stack axis=1", lambda x, y: np.stack((x, y, x * y), axis=1), (A, B), complex=True),
    Sample("stack axis=-1", lambda x, y: np.stack([x, y], axis=-1), (A, B), complex=True),
    Sample("stack of scalars", lambda x, y: np.stack([x, y, x * y]), (S, S + 0.1), complex=True),
    Sample("stack with numbers", lambda x: np.stack([x, 2.0, x * x]), (S,), float32=False),
    Sample("stack of Python scalars", lambda x, y: np.stack([x, y, 1.0]), (0.3, 0.4)),
    Sample("stack with lists", lambda x: np.stack([x, [1, 2, 3]]), (ROW,), float32=False),
    Sample("stack of elements", lambda x: np.stack([x[2], x[0] * x[1]]), (ROW,), complex=True),
    Sample("array of elements", lambda x: np.hstack([np.array([x[2], x[0] * x[1]]), x]), (ROW,), dask=False),
    Sample("array of arrays of elements", _rotation, (S,), dask=False),
    Sample("hstack", lambda x, y: np.hstack([x, y]), (A, B), complex=True),
    Sample("hstack of vectors and scalars", lambda x, s: np.hstack([x, s, 2.0 * s]), (ROW, S), complex=True),
    Sample("vstack", lambda x, y: np.vstack([x, y]), (A, ROW), complex=True),
    Sample("dstack", lambda x, y: np.dstack([x, y]), (A, B), complex=True),
    Sample("dstack of vectors", lambda x: np.dstack([x, x * x]), (ROW,), complex=True),
    Sample("column_stack", lambda x, y: np.column_stack([x, y]), (ROW, A.T.copy()), complex=True),
    Sample("block", lambda x, y: np.block([[x, y], [y, x]]), (A, B), complex=True),
    Sample("block with constants", lambda x, s: np.block([[x, np.ones((2, 1))], [s, s, s, 1]]), (A, S), float32=False),
    Sample("block of vectors", lambda x, s: np.block([x, s, x]), (ROW, S), complex=True),
    Sample("block of one array", lambda x: np.block(x) * 2, (A,), complex=True),
    Sample("append", lambda x, y: np.append(x, y), (A, ROW), complex=True),
    Sample("append axis=0", lambda x, y: np.append(x, y, axis=0), (A, C), complex=True),
    Sample("insert one", lambda x, v: np.insert(x, 1, v), (ROW, S), complex=True, dask=False),
    Sample("insert before each", lambda x, v: np.insert(x, slice(None), v), (ROW, S), dask=False),
    Sample("insert by steps", lambda x, v: np.insert(x, slice(-1, None, -2), v, 1), (A, S), dask=False),
    Sample("insert a row", lambda x, v: np.insert(x, -1, v, axis=0), (A, ROW), complex=True, dask=False),
    Sample("insert a column", lambda x, v: np.insert(x, 2, v, axis=1), (A, random(2)), complex=True, dask=False),
    Sample("insert columns at one place", lambda x, v: np.insert(x, [1], v, 1), (A, random(2, 2)), dask=False),
    Sample("insert at several places", lambda x, v: np.insert(x, [2, 0, 2], v, 1), (A, random(2, 3)), dask=False),
    Sample("insert at a slice", lambda x, v: np.insert(x, slice(0, 3, 2), v), (ROW, random(2)), dask=False),
    Sample("insert at a mask", lambda x, v: np.insert(x, ROW > 0, v), (ROW, ROW[ROW > 0].copy()), dask=False),
    Sample("insert a constant", lambda x: np.insert(x, 0, 5, axis=-1), (A,), complex=True, dask=False),
    Sample("delete one", lambda x: np.delete(x, -1), (A,), complex=True, dask=False),
    Sample("delete several", lambda x: np.delete(x, [0, 2], axis=1), (A,), complex=True, dask=False),
    Sample("delete a slice", lambda x: np.delete(x, slice(None, None, 2), 0), (C,), complex=True, dask=False),
    Sample("delete by a mask", lambda x: np.delete(x, [True, False, True], 1), (A,), complex=True, dask=False),
    Sample("split", lambda x: np.split(x, 2), (C,), complex=True),
    Sample("split axis=1", lambda x: np.split(x, 3, axis=1)[1] * 2, (A,), complex=True),
    Sample("split at places", lambda x: np.split(x, [1, 3], axis=-1), (CUBE,), complex=True),
    Sample("split beyond the end", lambda x: np.split(x, [2, 9]), (C,), complex=True),
    Sample("split with overlap", lambda x: np.split(x, [3, 1]), (C,), complex=True),
    Sample("array_split", lambda x: np.array_split(x, 3), (C,), complex=True),
    Sample("array_split axis=-1", lambda x: np.array_split(x, 3, -1), (CUBE,), complex=True),
    Sample("hsplit", lambda x: np.hsplit(x, 3), (A,), complex=True),
    Sample("hsplit of a vector", lambda x: np.hsplit(x, [1]), (ROW,), complex=True),
    Sample("vsplit", lambda x: np.vsplit(x, 2), (C,), complex=True),
    Sample("dsplit", lambda x: np.dsplit(x, 2), (CUBE,), complex=True),
    Sample("unstack", lambda x: np.unstack(x), (A,), complex=True),
    Sample("unstack axis=-1", lambda x: (lambda a, b, c, d: a * b + c * d)(*np.unstack(x, axis=-1)), (CUBE,)),
    Sample("atleast_1d", lambda x, y: np.atleast_1d(x, y), (S, ROW), complex=True),
    Sample("atleast_2d", lambda x, y, z: np.atleast_2d(x, y, z), (S, ROW, A), complex=True),
    Sample("atleast_3d", lambda x, y, z, u: np.atleast_3d(x, y, z, u), (S, ROW, A, CUBE), complex=True),
    Sample("atleast_3d of one", lambda x: np.atleast_3d(x), (ROW,), complex=True),
]
