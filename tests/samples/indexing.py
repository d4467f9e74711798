"""Samples of indexing: keys of every sort, take and its relatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.samples.sample import Sample, random

X = random(3, 4, 5)
SQUARE = random(4, 4, seed=1)
ROW = random(6, seed=2)

_ALL = slice(None)
_THREE = np.array([2, 0, 2])
_TWO = np.array([[1], [-1]])
_MASK = random(3, 4, 5, seed=4) > 0.2
_FLAGS = np.array([True, False, True, True])

# Integers, slices, None and Ellipsis: what foreign arrays can do lazily.
BASIC: list[tuple[str, Any]] = [
    ("integer", 1),
    ("negative integer", -1),
    ("NumPy integer", np.int64(2)),
    ("0-d array", np.array(2)),
    ("slice", slice(1, 3)),
    ("slice with a step", slice(None, None, 2)),
    ("backwards", slice(None, None, -1)),
    ("backwards with a step", slice(3, 0, -2)),
    ("empty slice", slice(2, 2)),
    ("everything", _ALL),
    ("Ellipsis", ...),
    ("empty tuple", ()),
    ("None", None),
    ("integers on all axes", (1, -2, 3)),
    ("integers and slices", (0, _ALL, slice(1, None, 3))),
    ("slices with steps on all axes", (slice(None, None, -2), slice(1, None, 2), slice(None, None, 3))),
    ("Ellipsis first", (..., 2)),
    ("Ellipsis between", (1, ..., slice(None, 2))),
    ("Ellipsis of no axes", (1, ..., 2, slice(None, 2))),
    ("None among slices", (_ALL, None, slice(1, 3), None)),
    ("None and integers", (None, 1, None, ..., -1)),
    ("None in the middle", (_ALL, None)),
    ("None at the end", (..., None)),
]

# Index arrays, alone and among the others: NumPy's rules of where their axes go.
ADVANCED: list[tuple[str, Any]] = [
    ("list", [0, 2, 0]),
    ("array with repeats", _THREE),
    ("array of two axes", np.array([[0, 1], [2, -3]])),
    ("array of no elements", np.zeros((2, 0), int)),
    ("empty list", []),
    ("list of one", [1]),
    ("nested list", [[0, 1], [1, 1]]),
    ("range", range(0, 3, 2)),
    ("on the second axis", (_ALL, _THREE)),
    ("on the last axis", (..., _THREE)),
    ("on the axis before the last", (..., _THREE, _ALL)),
    ("two arrays", (_THREE, _THREE)),
    ("two arrays that broadcast", (_TWO, _THREE)),
    ("two arrays behind a slice", (slice(None, 2), _TWO, _THREE)),
    ("two arrays apart", (_THREE, _ALL, _THREE)),
    ("two arrays apart by None", (_THREE, None, _THREE)),
    ("two arrays apart by an Ellipsis of no axes", (_ALL, _THREE, ..., _THREE)),
    ("two arrays apart and None", (None, _TWO, slice(1, 4), _THREE)),
    ("three arrays", (_THREE, _TWO, _THREE)),
    ("integer and array", (0, _THREE)),
    ("integer and array apart", (0, _ALL, _THREE)),
    ("array and integer behind a slice", (_ALL, _THREE, -1)),
    ("lists in a tuple", ([0, 1], [[1], [2]])),
    ("0-d array and array", (np.array(1), _THREE)),
    ("outer product of indices", np.ix_([0, 2], [1, 3, 3])),
]

MASKS: list[tuple[str, Any]] = [
    ("mask", _MASK),
    ("mask of all", np.ones((3, 4, 5), bool)),
    ("mask of nothing", np.zeros((3, 4, 5), bool)),
    ("mask of the first axes", _MASK[:, :, 0]),
    ("mask of one axis", np.array([True, False, True])),
    ("list of booleans", [True, False, True]),
    ("mask of the second axis", (_ALL, _FLAGS)),
    ("mask of the last axes", (_ALL, _MASK[0])),
    ("mask behind an Ellipsis", (..., _MASK[0])),
    ("mask and array", (np.array([True, False, True]), [1, 2])),
    ("mask and array apart", (np.array([True, False, True]), _ALL, [0, 4])),
    ("mask and array that repeats", (_ALL, _FLAGS, [2, 2, 0])),
    ("mask and integer", (1, _FLAGS)),
    ("mask and slice", (_ALL, _FLAGS, slice(None, None, -2))),
    ("two masks", (np.array([True, False, True]), np.array([False, True, True, False]))),
    ("True", True),
    ("False", False),
    ("NumPy's True among slices", (_ALL, np.True_, slice(1, 2))),
    ("True and an array", (True, _THREE)),
]


def _at(key: Any) -> Callable[[Any], Any]:
    return lambda x: x[key]


def _elements(x: Any) -> Any:
    return sum(x[i] * x[i + 1] for i in range(len(x) - 1))


def _in_order(x: Any) -> Any:
    return x[np.argsort(np.real(x))] * np.arange(1.0, 7.0, dtype=np.float32)


SAMPLES = [
    *(Sample(name, _at(key), (X,), complex=True) for name, key in BASIC),
    *(Sample(name, _at(key), (X,), complex=True, dask=False) for name, key in [*ADVANCED, *MASKS]),
    Sample("0-d by an empty tuple", lambda x: x[()] * 2, (np.array(0.3),), complex=True),
    Sample("0-d by None", lambda x: x[None, ..., None], (np.array(0.3),), complex=True),
    Sample("0-d by True", lambda x: x[True, ..., None], (np.array(0.3),), complex=True, dask=False),
    Sample("each element in a loop", _elements, (ROW,), complex=True),
    Sample("iteration", lambda x: sum(a * a for a in x), (SQUARE,), complex=True),
    Sample("unpacking", lambda x: (lambda a, b, c: a * b + c)(*x), (ROW[:3],), complex=True),
    Sample("slices and arrays of one array", lambda x: x[1:] * x[:-1] + x[[2]], (ROW,), complex=True, dask=False),
    Sample("by the positions of sorting", _in_order, (ROW,), dask=False),
    Sample("by the position of the largest", lambda x: x[np.argmax(x)] ** 2, (ROW,), dask=False),
    Sample("index of an index", lambda x: x[1:, ::2][_THREE % 2, 1], (SQUARE,), complex=True, dask=False),
]
