"""Distances between vectors, by one at a time (`metrics`) and by all pairs: rows that are lined up for the metric."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.scipy.spatial.metrics import (
    braycurtis,
    canberra,
    chebyshev,
    cityblock,
    correlation,
    cosine,
    euclidean,
    floating,
    jensenshannon,
    mahalanobis,
    minkowski,
    seuclidean,
    sqeuclidean,
)

__all__ = [
    "braycurtis",
    "canberra",
    "cdist",
    "chebyshev",
    "cityblock",
    "correlation",
    "cosine",
    "euclidean",
    "jensenshannon",
    "mahalanobis",
    "minkowski",
    "pdist",
    "seuclidean",
    "sqeuclidean",
    "squareform",
]


def cdist(XA: Any, XB: Any, metric: str | Callable[..., Any] = "euclidean", **kwargs: Any) -> Any:
    """Compute the distances between the rows of one matrix and those of another.

    Parameters
    ----------
    XA, XB
        Matrices, of shapes (m, k) and (n, k).
    metric
        The name of a function of this module (not of the binary ones, which count), or a function of two vectors.
    kwargs
        What the metric takes: ``p`` and ``w`` of ``"minkowski"``, ``V`` of ``"seuclidean"``, ``VI`` of
        ``"mahalanobis"``, ``w`` of the others.

    Returns
    -------
    array
        Of shape (m, n), differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import cdist
    >>> a, b = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 0.0]])
    >>> cdist(a, b), ft.grad(lambda a: np.sum(cdist(a, b)))(a)
    (array([[5., 0.]]), array([[-0.6, -0.8]]))
    """
    XA, XB = _table("cdist", XA), _table("cdist", XB)
    if shape_of(XA)[1] != shape_of(XB)[1]:
        raise ValueError(f"cdist at {user_line()}: rows of {shape_of(XA)[1]} and of {shape_of(XB)[1]} numbers")
    if callable(metric):
        rows = [np.stack([metric(a, b, **kwargs) for b in XB]) for a in XA]
        return np.stack(rows) if rows else np.zeros((0, shape_of(XB)[0]))
    _take_scale(metric, kwargs, lambda: np.concatenate([XA, XB]))
    return _metric(metric)(XA[:, None], XB[None], **kwargs)


def pdist(X: Any, metric: str | Callable[..., Any] = "euclidean", **kwargs: Any) -> Any:
    """Compute the distances between any two rows of a matrix.

    Parameters
    ----------
    X
        A matrix, of shape (m, k).
    metric, kwargs
        As for `cdist`.

    Returns
    -------
    array
        Of length m (m - 1) / 2: of the first row and the others, of the second and those behind it, and so on. See
        `squareform`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import pdist
    >>> x = np.array([[0.0], [1.0], [3.0]])
    >>> pdist(x), ft.grad(lambda x: np.sum(pdist(x, "sqeuclidean")))(x).T
    (array([1., 3., 2.]), array([[-8., -2., 10.]]))
    """
    X = _table("pdist", X)
    first, second = np.triu_indices(shape_of(X)[0], 1)
    if callable(metric):
        found = [metric(X[i], X[j], **kwargs) for i, j in zip(first, second, strict=True)]
        return np.stack(found) if found else np.zeros(0)
    _take_scale(metric, kwargs, lambda: X)
    return _metric(metric)(X[first], X[second], **kwargs)


def squareform(X: Any, force: str = "no", checks: bool = True) -> Any:
    """Turn the vector of distances of `pdist` into a symmetric matrix, or such a matrix into the vector.

    Parameters
    ----------
    X
        A vector of length n (n - 1) / 2, or a symmetric matrix with zeros on the diagonal.
    force
        ``"tovector"`` or ``"tomatrix"`` to say which, where it must be.
    checks
        Whether a matrix is asked for symmetry, if its values are known.

    Returns
    -------
    array
        The matrix or the vector. The vector is read above the diagonal.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import squareform
    >>> squareform(np.array([1.0, 2.0, 3.0]))
    array([[0., 1., 2.],
           [1., 0., 3.],
           [2., 3., 0.]])
    >>> ft.grad(lambda d: np.sum(squareform(d)))(np.ones(3))
    array([2., 2., 2.])
    """
    X = as_array(X)
    rank = X.ndim
    if rank not in (1, 2) or (force == "tomatrix" and rank == 2) or (force == "tovector" and rank == 1):
        raise ValueError(f"squareform at {user_line()} with force={force!r}, of an array of shape {shape_of(X)}")
    if rank == 2:
        n = shape_of(X)[0]
        if shape_of(X)[1] != n:
            raise ValueError(f"squareform at {user_line()}: the matrix must be square, not {shape_of(X)}")
        wrong = abs(X - X.T) > 1e-8 + 1e-5 * abs(X)
        if checks and is_at_hand(wrong) and (np.any(wrong) or np.any(np.diagonal(X) != 0)):
            raise ValueError(f"squareform at {user_line()}: the matrix is not symmetric with zeros on the diagonal")
        return X[np.triu_indices(n, 1)]
    n = int(np.ceil(np.sqrt(2 * shape_of(X)[0])))
    if n * (n - 1) != 2 * shape_of(X)[0]:
        raise ValueError(f"squareform at {user_line()}: {shape_of(X)[0]} distances are not those of all pairs")
    n = max(n, 1)
    rows, columns = np.triu_indices(n, 1)
    places = np.zeros((n, n), int)
    places[rows, columns] = places[columns, rows] = 1 + np.arange(len(rows))
    return np.concatenate([np.zeros(1, X.dtype), X])[places]


# --- Rows, and the metrics by their names -----------------------------------------------------------------------------


def _table(name: str, X: Any) -> Any:
    X = floating(X)
    if X.ndim != 2:
        raise ValueError(f"{name} at {user_line()} takes matrices whose rows are vectors, not of shape {shape_of(X)}")
    return X


def _take_scale(metric: str, kwargs: dict[str, Any], rows: Callable[[], Any]) -> None:
    """Put in variances or an inverse covariance matrix of all rows where they are needed and not given."""
    name = metric.lower()
    if name == "seuclidean" and kwargs.get("V") is None:
        kwargs["V"] = np.var(rows(), axis=0, ddof=1)
    if name == "mahalanobis" and kwargs.get("VI") is None:
        both = rows()
        away = both - np.mean(both, axis=0)
        kwargs["VI"] = np.linalg.inv(away.T @ away / (shape_of(both)[0] - 1)).T


def _jensenshannon_of_rows(u: Any, v: Any, base: float | None = None) -> Any:
    u, v = np.broadcast_arrays(u, v)
    return jensenshannon(u, v, base, axis=-1)


_METRICS: dict[str, Callable[..., Any]] = {
    "braycurtis": braycurtis,
    "canberra": canberra,
    "chebyshev": chebyshev,
    "cityblock": cityblock,
    "correlation": correlation,
    "cosine": cosine,
    "euclidean": euclidean,
    "jensenshannon": _jensenshannon_of_rows,
    "mahalanobis": mahalanobis,
    "minkowski": minkowski,
    "seuclidean": seuclidean,
    "sqeuclidean": sqeuclidean,
}


def _metric(name: str) -> Callable[..., Any]:
    if name.lower() not in _METRICS:
        known = ", ".join(_METRICS)
        raise ValueError(f"the metric at {user_line()} must be one of {known}, or a function; not {name!r}")
    return _METRICS[name.lower()]
