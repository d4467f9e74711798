"""Samples of reductions: sums, products, extremes, statistics, and the methods of ufuncs."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.samples.sample import Sample, random

V = random(5)
X = random(3, 4)
STACK = random(2, 3, 4)
POSITIVE = random(3, 4, low=0.5, high=2.0)
NEAR_ONE = random(2, 3, 2, low=0.5, high=1.5)
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, True, False]])
WITH_ZEROS = np.array([[0.0, 1.5, -2.0, 0.7], [0.0, 1.2, 0.0, 3.0], [1.1, -0.4, 2.0, 0.6]])


def holed(function: Any, **options: Any) -> Any:
    """Return the function of an array with NaN put where the mask is false."""
    return lambda x: function(np.where(MASK, x, np.nan), **options)


def extremes(x: Any) -> Any:
    return np.max(x, axis=0), np.max(x, axis=1, keepdims=True), np.min(x), np.ptp(x, axis=-1)


SUMS = [
    Sample("sum", np.sum, (V,), complex=True),
    Sample("sum of 0-d", np.sum, (np.array(1.3),), complex=True),
    Sample("sum of a scalar", np.sum, (1.3,)),
    Sample("sum of a matrix", np.sum, (X,), complex=True),
    Sample("sum axis=0", lambda x: np.sum(x, axis=0), (X,), complex=True),
    Sample("sum axis=-1", lambda x: np.sum(x, axis=-1), (X,), complex=True),
    Sample("sum axis=(0, -1)", lambda x: np.sum(x, axis=(0, -1)), (STACK,), complex=True),
    Sample("sum axis=()", lambda x: np.sum(x, axis=()), (X,), complex=True),
    Sample("sum axis=1, keepdims", lambda x: np.sum(x, axis=1, keepdims=True), (STACK,), complex=True),
    Sample("sum keepdims", lambda x: np.sum(x, keepdims=True), (X,), complex=True),
    Sample("sum of nothing", lambda x: np.sum(x, axis=0), (np.zeros((0, 3)),)),
    Sample("sum large", lambda x: np.sum(np.sin(x), axis=1), (random(3, 2000),)),
    Sample("sum where", lambda x: np.sum(x, axis=1, where=MASK), (X,), complex=True),
    Sample("sum where, initial", lambda x: np.sum(x, axis=0, where=MASK[:, :1], initial=2.0), (X,)),
    Sample("sum initial differentiated", lambda x, c: np.add.reduce(x, initial=2.0) * c, (V, 1.5)),
    Sample("sum dtype", lambda x: np.sum(x, axis=0, dtype=complex), (X,), float32=False),
    Sample("sum method", lambda x: x.sum(1) * x.sum(), (X,), complex=True),
    Sample("sum squared", lambda x: np.sum(x * x, axis=0) ** 2, (X,), complex=True),
    Sample("add.reduce", np.add.reduce, (X,), complex=True),
    Sample("add.reduce axis=(0, 2), keepdims", lambda x: np.add.reduce(x, (0, 2), keepdims=True), (STACK,)),
    Sample("add.reduce axis=None", lambda x: np.add.reduce(x, axis=None), (STACK,)),
    Sample("nansum", holed(np.nansum), (X,), complex=True),
    Sample("nansum axis, keepdims", holed(np.nansum, axis=0, keepdims=True), (X,)),
]

PRODUCTS = [
    Sample("prod", np.prod, (V,), complex=True),
    Sample("prod of 0-d", np.prod, (np.array(1.3),)),
    Sample("prod of a scalar", np.prod, (1.3,)),
    Sample("prod axis=0", lambda x: np.prod(x, axis=0), (X,), complex=True),
    Sample("prod axis=-1, keepdims", lambda x: np.prod(x, axis=-1, keepdims=True), (X,)),
    Sample("prod axis=(2, 0)", lambda x: np.prod(x, axis=(2, 0)), (NEAR_ONE,), complex=True),
    Sample("prod axis=(0, 1), keepdims", lambda x: np.prod(x, axis=(0, 1), keepdims=True), (NEAR_ONE,)),
    Sample("prod axis=()", lambda x: np.prod(x, axis=()), (X,)),
    Sample("prod of all", np.prod, (NEAR_ONE,)),
    Sample("prod with zeros", lambda x: np.prod(x, axis=1), (WITH_ZEROS,), complex=True),
    Sample("prod with zeros, axis=None", np.prod, (WITH_ZEROS[0],)),
    Sample("prod of one element", lambda x: np.prod(x, axis=1), (random(3, 1),)),
    Sample("prod of nothing", lambda x: np.prod(x, axis=0), (np.zeros((0, 3)),)),
    Sample("prod where, initial", lambda x: np.prod(x, axis=1, where=MASK, initial=1.5), (X,)),
    Sample("prod dtype", lambda x: np.prod(x, axis=0, dtype=complex), (X,), float32=False),
    Sample("prod method", lambda x: x.prod(axis=0), (X,)),
    Sample("multiply.reduce", np.multiply.reduce, (X,)),
    Sample("nanprod", holed(np.nanprod, axis=1), (X,)),
]

EXTREMES = [
    Sample("max", np.max, (X,)),
    Sample("max of 0-d", np.max, (np.array(1.3),)),
    Sample("max of a scalar", np.max, (1.3,)),
    Sample("max axis=0", lambda x: np.max(x, axis=0), (X,)),
    Sample("max axis=(0, 2), keepdims", lambda x: np.max(x, axis=(0, 2), keepdims=True), (STACK,)),
    Sample("max axis=()", lambda x: np.max(x, axis=()), (X,)),
    Sample("max where, initial", lambda x: np.max(x, axis=1, where=MASK, initial=-0.3), (X,)),
    Sample("max initial", lambda x: np.max(x, axis=1, initial=0.1), (X,), dask=False),
    Sample(
        "max of nothing, initial", lambda x: np.max(x, axis=0, initial=0.1) + np.sum(x), (np.zeros((0, 3)),), dask=False
    ),
    Sample("max method", lambda x: x.max(-1) * x.max(), (X,)),
    Sample("amax", lambda x: np.amax(x, axis=-1), (X,)),
    Sample("amin", lambda x: np.amin(x, axis=-1), (X,)),
    Sample("min", np.min, (X,)),
    Sample("min axis=-1, keepdims", lambda x: np.min(x, axis=-1, keepdims=True), (X,)),
    Sample("min method", lambda x: x.min(axis=0), (X,)),
    Sample("max, min, ptp of squares", lambda x: extremes(x * x), (X,)),
    Sample("ptp", np.ptp, (X,)),
    Sample("ptp axis=0, keepdims", lambda x: np.ptp(x, axis=0, keepdims=True), (X,)),
    Sample("maximum.reduce", np.maximum.reduce, (X,)),
    Sample("minimum.reduce axis=None", lambda x: np.minimum.reduce(x, axis=None), (X,)),
    Sample("nanmax", holed(np.nanmax, axis=1), (X,)),
    Sample("nanmin", holed(np.nanmin), (X,)),
    Sample("logaddexp.reduce", np.logaddexp.reduce, (X,), dask=False),
    Sample(
        "logaddexp.reduce axis=1, keepdims", lambda x: np.logaddexp.reduce(x, axis=1, keepdims=True), (X,), dask=False
    ),
    Sample("logaddexp.reduce initial", lambda x: np.logaddexp.reduce(x, axis=-1, initial=0.5), (V,), dask=False),
]

STATISTICS = [
    Sample("mean", np.mean, (V,), complex=True),
    Sample("mean of a scalar", np.mean, (1.3,)),
    Sample("mean axis=0", lambda x: np.mean(x, axis=0), (X,), complex=True),
    Sample("mean axis=(0, -1), keepdims", lambda x: np.mean(x, axis=(0, -1), keepdims=True), (STACK,)),
    Sample("mean axis=()", lambda x: np.mean(x, axis=()), (X,)),
    Sample("mean where", lambda x: np.mean(x, axis=1, where=MASK), (X,), complex=True),
    Sample("mean dtype", lambda x: np.mean(x, axis=1, dtype=complex), (X,), float32=False),
    Sample("mean method", lambda x: x.mean(0), (X,)),
    Sample("var", np.var, (V,), complex=True),
    Sample("var of a scalar", np.var, (1.3,)),
    Sample("var axis=0", lambda x: np.var(x, axis=0), (X,), complex=True),
    Sample(
        "var axis=(0, 2), ddof=1, keepdims",
        lambda x: np.var(x, axis=(0, 2), ddof=1, keepdims=True),
        (STACK,),
        complex=True,
    ),
    Sample("var correction", lambda x: np.var(x, axis=-1, correction=1), (X,)),
    Sample("var where", lambda x: np.var(x, axis=1, where=MASK), (X,), complex=True),
    Sample("var mean", lambda x: np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), (X,)),
    Sample("var method", lambda x: x.var(1, ddof=1), (X,)),
    Sample("std", np.std, (V,), complex=True),
    Sample("std axis=0", lambda x: np.std(x, axis=0), (X,), complex=True),
    Sample("std axis=(1, 0), keepdims", lambda x: np.std(x, axis=(1, 0), keepdims=True), (STACK,)),
    Sample("std ddof=1", lambda x: np.std(x, axis=-1, ddof=1), (X,)),
    Sample("std where", lambda x: np.std(x, axis=1, where=MASK, ddof=0.5), (X,)),
    Sample("std method", lambda x: x.std(), (X,)),
    Sample("average", np.average, (X,), complex=True),
    Sample("average axis=0, returned", lambda x: np.average(x, axis=0, returned=True)[0], (X,)),
    Sample("average weights", lambda x, w: np.average(x, weights=w), (X, POSITIVE), complex=True),
    Sample("average weights, axis=1", lambda x, w: np.average(x, axis=1, weights=w, keepdims=True), (X, POSITIVE[0])),
    Sample(
        "average weights, axis=(2, 0)",
        lambda x, w: np.average(x, axis=(2, 0), weights=w),
        (STACK, POSITIVE.T[:, :2].copy()),
    ),
    Sample("average weights returned", lambda x, w: np.average(x, axis=0, weights=w, returned=True), (X, POSITIVE)),
    Sample("average of constants", lambda w: np.average(X, weights=w), (POSITIVE,), float32=False),
    Sample("nanmean", holed(np.nanmean, axis=0), (X,), complex=True),
    Sample("nanmean keepdims", holed(np.nanmean, keepdims=True), (X,)),
    Sample("nanvar", holed(np.nanvar, axis=1), (X,), complex=True),
    Sample("nanstd", holed(np.nanstd, ddof=0.5), (X,)),
    Sample("median odd", np.median, (V,), dask=False),
    Sample("median even", np.median, (X,), dask=False),
    Sample("median axis=0, keepdims", lambda x: np.median(x, axis=0, keepdims=True), (X,), dask=False),
    Sample("median axis=(0, -1)", lambda x: np.median(x, axis=(0, -1)), (STACK,), dask=False),
    Sample("nanmedian", holed(np.nanmedian, axis=1), (X,), dask=False),
    Sample("nanmedian of all", holed(np.nanmedian), (X,), dask=False),
]

UFUNC_METHODS = [
    Sample("add.outer", np.add.outer, (X, V), complex=True),
    Sample("multiply.outer", np.multiply.outer, (V, X), complex=True),
    Sample("subtract.outer scalar", lambda x, y: np.subtract.outer(x, y), (V, 1.5)),
    Sample("divide.outer constant", lambda x: np.divide.outer(V, x), (POSITIVE,), float32=False),
    Sample("add.reduceat", lambda x: np.add.reduceat(x, [0, 2, 3]), (V,), complex=True, dask=False),
    Sample("add.reduceat axis=1", lambda x: np.add.reduceat(x, [1, 3], axis=1), (X,), dask=False),
]

COVARIANCES = [
    Sample("cov", np.cov, (X,), complex=True, float32=False),
    Sample("cov of a vector", np.cov, (V,), float32=False),
    Sample("cov of two", lambda x, y: np.cov(x, y, ddof=0), (V, random(5, seed=1)), float32=False),
    Sample("cov rowvar=False, bias", lambda x: np.cov(x, rowvar=False, bias=True), (X,), float32=False),
    Sample("cov weights", lambda x, w: np.cov(x, fweights=[1, 2, 1, 3], aweights=w), (X, POSITIVE[0]), float32=False),
    Sample("corrcoef", np.corrcoef, (X,), float32=False, dask=False),
    Sample("corrcoef of two", np.corrcoef, (V, random(5, seed=1)), float32=False, dask=False),
]

SAMPLES = SUMS + PRODUCTS + EXTREMES + STATISTICS + UFUNC_METHODS + COVARIANCES
