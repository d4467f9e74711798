"""Samples of taking by position: take and its relatives, and counts with weights."""

from __future__ import annotations

import numpy as np

from tests.samples.sample import Sample, random

X = random(3, 4, 5)
ROW = random(6, seed=2)

_THREE = np.array([2, 0, 2])
_POSITIONS = np.array([0, 2, 2, 1, 4, 2])

SAMPLES = [
    Sample("take of the flattened", lambda x: np.take(x, [[5, 59], [5, -1]]), (X,), complex=True, dask=False),
    Sample("take axis=1", lambda x: np.take(x, _THREE, axis=1), (X,), complex=True, dask=False),
    Sample("take axis=-1 by a column", lambda x: np.take(x, _THREE[:, None], -1), (X,), complex=True, dask=False),
    Sample("take of one", lambda x: np.take(x, 1, axis=2), (X,), complex=True),
    Sample("take of nothing", lambda x: np.take(x, [], axis=0), (X,), complex=True, dask=False),
    Sample("take wrap", lambda x: np.take(x, [7, -7, 0], 0, mode="wrap"), (X,), complex=True, dask=False),
    Sample("take clip", lambda x: np.take(x, [7, -7, 0], 0, mode="clip"), (X,), complex=True, dask=False),
    Sample("take method", lambda x: x.take(_THREE, axis=0), (X,), complex=True, dask=False),
    Sample(
        "take_along_axis", lambda x: np.take_along_axis(x, np.argsort(X, 1), 1), (X,), complex=True, dask=False
    ),
    Sample(
        "take_along_axis with repeats, the last axis",
        lambda x: np.take_along_axis(x, np.array([[[0, 0, -1]]])),
        (X,),
        complex=True,
        dask=False,
    ),
    Sample(
        "take_along_axis that broadcasts",
        lambda x: np.take_along_axis(x[:, :1], np.arange(4)[None, :, None] * 0, 1),
        (X,),
        complex=True,
        dask=False,
    ),
    Sample(
        "take_along_axis of one of each row, which stands for several",
        lambda x: np.take_along_axis(x[:1], np.array([0, 1, 1])[:, None, None], -1),
        (X,),
        complex=True,
        dask=False,
    ),
    Sample(
        "take_along_axis of the flattened",
        lambda x: np.take_along_axis(x, _THREE, None),
        (X,),
        complex=True,
        dask=False,
    ),
    Sample(
        "take_along_axis of its own order",
        lambda x: np.take_along_axis(x, np.argmax(x, axis=-1, keepdims=True), -1) ** 2,
        (X,),
        dask=False,
    ),
    Sample("compress", lambda x: np.compress([True, False, True], x, axis=0), (X,), complex=True, dask=False),
    Sample("compress of the flattened", lambda x: np.compress([0, 1, 1], x), (X,), complex=True, dask=False),
    Sample("compress axis=-1", lambda x: np.compress([True, False, True], x, -1), (X,), complex=True, dask=False),
    Sample("extract", lambda x: np.extract(X > 0, x), (X,), complex=True, dask=False),
    Sample(
        "choose",
        lambda x, y: np.choose([[0, 1, 0, 1, 1], [1, 1, 0, 0, 0]], [x, y]),
        (random(5), random(2, 1)),
        complex=True,
        dask=False,
    ),
    Sample("choose from an array", lambda x: np.choose([2, 0, 1, 2], x[:, :, 0]), (X,), complex=True, dask=False),
    Sample("choose wrap", lambda x: np.choose([5, -1], [x, 2.0 * x], mode="wrap"), (random(2),), dask=False),
    Sample("choose clip", lambda x: np.choose([5, -1], [x, 2.0 * x], mode="clip"), (random(2),), dask=False),
    Sample("bincount", lambda w: np.bincount(_POSITIONS, w), (ROW,), dask=False, float32=False),
    Sample("bincount minlength", lambda w: np.bincount(_POSITIONS, w, 9), (ROW,), dask=False, float32=False),
    Sample("ix_", lambda x: x[np.ix_([0, 2], [3, 3, 1], [True, False, False, True, True])], (X,), dask=False),
    Sample("diag_indices_from", lambda x: x[np.diag_indices_from(x)], (random(4, 4),), complex=True, dask=False),
    Sample("tril_indices_from", lambda x: x[np.tril_indices_from(x, -1)], (random(4, 4),), complex=True, dask=False),
    Sample("triu_indices_from", lambda x: x[np.triu_indices_from(x, 1)], (random(4, 3),), complex=True, dask=False),
    Sample("unravel_index", lambda x: x[np.unravel_index(np.argmax(x), x.shape)] ** 2, (X,), dask=False),
]
