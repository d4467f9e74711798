"""Matrices of a structure, built from their parts: Toeplitz, Hankel, circulant, block diagonal, companion."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.matrices import conjugate
from functorch_lite.core.operands import shape_of

__all__ = ["block_diag", "circulant", "companion", "hankel", "toeplitz"]


def toeplitz(c: Any, r: Any = None) -> Any:
    """Build the matrix with first column ``c`` and first row ``r`` that is constant along diagonals.

    Without ``r`` the row is the conjugate of the column; otherwise ``r[0]`` is not read.
    """
    c = _vector("toeplitz", c)
    r = conjugate(c) if r is None else _vector("toeplitz", r)
    values = np.concatenate([c[::-1], r[1:]])
    return values[np.arange(c.size - 1, -1, -1)[:, None] + np.arange(r.size)]


def hankel(c: Any, r: Any = None) -> Any:
    """Build the matrix with first column ``c`` and last row ``r`` that is constant along antidiagonals.

    Without ``r`` it is zero below the antidiagonal; otherwise ``r[0]`` is not read.
    """
    c = _vector("hankel", c)
    r = np.zeros_like(c) if r is None else _vector("hankel", r)
    return np.concatenate([c, r[1:]])[np.arange(c.size)[:, None] + np.arange(r.size)]


def circulant(c: Any) -> Any:
    """Build the matrices whose columns are the vectors ``c`` (the last axis), each turned one further."""
    c = as_array(c)
    n = c.shape[-1]
    return c[..., (np.arange(n)[:, None] - np.arange(n)) % n]


def companion(a: Any) -> Any:
    """Build the companion matrix of a polynomial with coefficients ``a``, the highest first."""
    a = as_array(a)
    if a.ndim != 1 or a.shape[0] < 2:
        raise ValueError(f"companion takes a vector of two coefficients at least, not an array of shape {a.shape}")
    row = -a[1:] / a[0]
    return np.concatenate([row[None], np.eye(a.shape[0] - 2, a.shape[0] - 1, dtype=a.dtype)])


def block_diag(*arrs: Any) -> Any:
    """Build the matrix that has the given ones along its diagonal and zeros elsewhere; vectors count as rows."""
    blocks = [np.atleast_2d(as_array(a)) for a in arrs]
    wrong = [shape_of(a) for a in blocks if len(shape_of(a)) > 2]
    if wrong:
        raise ValueError(f"block_diag takes matrices; an argument has shape {wrong[0]}")
    dtype = np.result_type(*(a.dtype for a in blocks)) if blocks else float
    width = sum(shape_of(a)[1] for a in blocks)
    rows, before = [], 0
    for a in blocks:
        height, own = shape_of(a)
        left = np.zeros((height, before), dtype)
        rows.append(np.concatenate([left, a, np.zeros((height, width - before - own), dtype)], axis=1))
        before += own
    return np.concatenate(rows) if rows else np.zeros((1, 0))


def _vector(name: str, x: Any) -> Any:
    """Return a vector, a number being one of length one; SciPy's versions differ in what more axes mean."""
    x = as_array(x)
    if len(shape_of(x)) > 1:
        raise ValueError(f"{name} takes vectors, not an array of shape {shape_of(x)}; map over many by ft.vmap")
    return np.ravel(x)
