"""Covariances and correlation coefficients of variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, kept_inexact
from functorch_lite.core.tables import implements


@implements(np.cov)
def _cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    if ddof is None:
        ddof = 0 if bias else 1
    elif ddof != int(ddof):
        raise ValueError("ddof must be integer")
    m = as_array(m)
    x = _variables(m, rowvar or m.ndim < 2)
    if y is not None:
        y = as_array(y)
        y = _variables(y, rowvar or y.ndim < 2 or y.shape[0] == 1)
    if not x.shape[0]:
        return np.empty((0, 0))  # to NumPy too, whatever is in y
    x = x if y is None else np.concatenate((x, y))
    x = kept_inexact("cov", x, np.result_type(x.dtype, np.float64) if dtype is None else dtype)
    weights = _weights(fweights, aweights, x.shape[1])
    mean, total = np.average(x, axis=1, weights=weights, returned=True)
    total = total[0]
    if weights is None:
        freedom: Any = x.shape[1] - ddof
    elif ddof == 0 or aweights is None:
        freedom = total - ddof
    else:
        freedom = total - ddof * np.sum(weights * as_array(aweights)) / total
    x = np.astype(x - np.reshape(mean, (-1, 1)), x.dtype)
    transposed = np.transpose(x if weights is None else x * weights)
    if x.dtype.kind == "c":
        transposed = np.conjugate(transposed)
    products = np.dot(x, transposed)
    return np.squeeze(np.astype(products * np.true_divide(1, np.maximum(freedom, 0)), products.dtype))


@implements(np.corrcoef)
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.real(np.diagonal(c)))
    c = c / deviation[:, None] / deviation[None, :]
    # Rounding must not take a coefficient out of the unit interval (or square).
    real = np.clip(np.real(c), -1, 1)
    return real if c.dtype.kind != "c" else real + 1j * np.clip(np.imag(c), -1, 1)


def _variables(m: Any, in_rows: bool) -> Any:
    """Return an array with one variable a row."""
    if m.ndim > 2:
        raise ValueError(f"np.cov and np.corrcoef take one or two axes; an argument has shape {m.shape}")
    if m.ndim < 2:
        return np.reshape(m, (1, -1))
    return m if in_rows else np.transpose(m)


def _weights(fweights: Any, aweights: Any, count: int) -> Any:
    """Return the weights of the observations, or None."""
    product = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        weights = as_array(given)
        if weights.shape != (count,):
            raise ValueError(f"{name} of shape {weights.shape} do not weigh {count} observations")
        if name == "fweights" and weights.dtype.kind not in "iu":
            raise TypeError(f"fweights must be integers, for they count; they are {weights.dtype}")
        weights = weights.astype(float)
        product = weights if product is None else product * weights
    return product
