"""Samples of selection: where, select, piecewise, clip, and values in the place of special ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.samples.sample import Sample, random

A = random(3, 4)
B = random(3, 4, seed=1)
ROW = random(4, seed=2)
COLUMN = random(3, 1, seed=3)

_MASK = random(3, 4, seed=4) > 0
_OTHER = random(3, 4, seed=5) > 0


def _safe_log(x: Any) -> Any:
    return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), x)


def _pieces(x: Any) -> Any:
    return np.piecewise(x, [A < -0.3, A > 0.3], [lambda v: v * v, np.sin, lambda v: 3 * v])


SAMPLES = [
    Sample("where", lambda x, y: np.where(_MASK, x, y), (A, B), complex=True),
    Sample("where that broadcasts", lambda x, y: np.where(_MASK, x, y), (ROW, COLUMN), complex=True),
    Sample("where of scalars", lambda x, y: np.where(_MASK, x, y), (np.array(0.3), np.array(-0.4)), complex=True),
    Sample("where of Python scalars", lambda x, y: np.where(_MASK, x, y) * x, (0.3, -0.4)),
    Sample("where with a constant", lambda x: np.where(_MASK, x, 0.5) * 2, (A,), complex=True),
    Sample("where with a constant first", lambda x: np.where(_MASK, 1, x), (A,), complex=True),
    Sample("where with a condition of one row", lambda x, y: np.where(_MASK[0], x, y), (A, B), complex=True),
    Sample("where with a scalar condition", lambda x, y: np.where(np.True_, x, y), (A, ROW), complex=True),
    Sample("where with a condition of numbers", lambda x, y: np.where(ROW * _MASK, x, y), (A, B), complex=True),
    Sample("where with a list", lambda x: np.where(_MASK, x, [1, 2, 3, 4]), (A,), float32=False),
    Sample("where with its own condition", lambda x: np.where(x > 0, np.sin(x), x * x), (A,)),
    Sample("where that keeps a logarithm safe", _safe_log, (A,)),
    Sample("where of one argument", lambda x: x[np.where(_MASK)], (A,), complex=True, dask=False),
    Sample("select", lambda x, y: np.select([_MASK, _OTHER], [x, y], 0.5), (A, ROW), complex=True),
    Sample("select with a traced default", lambda x, y: np.select([x > 0.5, x < -0.5], [x, x * y], y), (A, B)),
    Sample("select of scalars", lambda x: np.select([_MASK, _OTHER], [x, 1.0]), (A,)),
    Sample("piecewise", _pieces, (A,), dask=False),
    Sample(
        "piecewise with constants and overlap",
        lambda x: np.piecewise(x, [A > 0, A > 0.5], [lambda v, k: np.sqrt(v) * k, lambda v, k: v[0] * k, -1], 2.0),
        (A,),
        dask=False,
    ),
    Sample("piecewise with one condition", lambda x: np.piecewise(x, ROW > 0, [np.exp, 2]), (ROW,), dask=False),
    Sample("clip", lambda x: np.clip(x, -0.4, 0.5), (A,)),
    Sample("clip by arrays", lambda x, low, high: np.clip(x, low, high), (A, ROW * 0.3 - 0.2, COLUMN * 0.1 + 0.3)),
    Sample("clip from below", lambda x, low: np.clip(x, low, None), (A, ROW)),
    Sample("clip from above", lambda x: np.clip(x, None, 0.2), (A,)),
    Sample("clip by keywords", lambda x: np.clip(x, min=-0.3, max=0.3), (A,)),
    Sample("clip by nothing", lambda x: np.clip(x, None, None) * 2, (A,), complex=True),
    Sample("clip with its bounds crossed", lambda x, a, b: np.clip(x, a, b), (A, np.array(0.5), np.array(-0.5))),
    Sample("clip method", lambda x: x.clip(-0.3, 0.3), (A,)),
    Sample("clip method of a constant", lambda high: B.astype(high.dtype).clip(-0.1, high), (ROW,), dask=False),
    Sample("clip of a Python scalar", lambda x: np.clip(x, 0.0, 1.0) * x, (0.3,), dask=False),
    Sample("nan_to_num", lambda x: np.nan_to_num(np.where(_MASK, x, np.inf), posinf=3.0), (A,)),
    Sample("nan_to_num by an array", lambda x: np.nan_to_num(np.where(_MASK, x, np.nan), nan=ROW), (A,)),
    Sample("nan_to_num of complex numbers", lambda x: np.nan_to_num(x * x), (A + 1j * B,)),
    Sample("real_if_close", lambda x: np.real_if_close(x * x), (A,)),
]
