"""Distances between vectors, by one at a time and by all pairs; at distance zero the slope is zero.

Each metric is one function of two arrays of vectors that broadcast; all pairs are rows that are lined up for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.norms import over_norm
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of

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

# --- All pairs --------------------------------------------------------------------------------------------------------


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


# --- Metrics ----------------------------------------------------------------------------------------------------------


def euclidean(u: Any, v: Any, w: Any = None) -> Any:
    """Compute the length of the difference of two vectors.

    Parameters
    ----------
    u, v
        Vectors; leading axes broadcast.
    w
        Weights of the entries.

    Returns
    -------
    array
        The distance, differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import euclidean
    >>> ft.grad(euclidean)(np.array([3.0, 4.0]), np.zeros(2))
    array([0.6, 0.8])
    """
    return minkowski(u, v, 2, w)


def sqeuclidean(u: Any, v: Any, w: Any = None) -> Any:
    """Compute the square of the length of the difference of two vectors.

    Parameters
    ----------
    u, v, w
        As for `euclidean`.

    Returns
    -------
    array
        The distance, differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import sqeuclidean
    >>> ft.grad(sqeuclidean)(np.array([3.0, 4.0]), np.zeros(2))
    array([6., 8.])
    """
    return _sum((_floating(u) - _floating(v)) ** 2, w)


def minkowski(u: Any, v: Any, p: float = 2, w: Any = None) -> Any:
    """Compute the p-norm of the difference of two vectors.

    Parameters
    ----------
    u, v, w
        As for `euclidean`.
    p
        The order of the norm, positive.

    Returns
    -------
    array
        The distance, differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import minkowski
    >>> ft.grad(minkowski)(np.array([3.0, 4.0]), np.zeros(2), 1)
    array([1., 1.])
    """
    if not p > 0:
        raise ValueError("p must be greater than 0")
    difference = _floating(u) - _floating(v)
    if w is not None:
        w = _weights(w)
        difference = np.where(w != 0, difference, 0.0) if np.isinf(p) else difference * w ** (1 / p)
    return np.linalg.vector_norm(difference, axis=-1, ord=p)


def cityblock(u: Any, v: Any, w: Any = None) -> Any:
    """Compute the sum of the absolute differences of two vectors.

    Parameters
    ----------
    u, v, w
        As for `euclidean`.

    Returns
    -------
    array
        The distance, differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import cityblock
    >>> ft.grad(cityblock)(np.array([3.0, -4.0]), np.zeros(2))
    array([ 1., -1.])
    """
    return _sum(abs(_floating(u) - _floating(v)), w)


def chebyshev(u: Any, v: Any, w: Any = None) -> Any:
    """Compute the largest absolute difference of two vectors.

    Parameters
    ----------
    u, v, w
        As for `euclidean`; entries of weight zero do not count, and the others do as without weights.

    Returns
    -------
    array
        The distance, differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import chebyshev
    >>> ft.grad(chebyshev)(np.array([3.0, -4.0]), np.zeros(2))
    array([ 0., -1.])
    """
    size = abs(_floating(u) - _floating(v))
    return np.max(size if w is None else np.where(_weights(w) > 0, size, 0.0), axis=-1)


def cosine(u: Any, v: Any, w: Any = None) -> Any:
    """Compute one minus the cosine of the angle between two vectors.

    Parameters
    ----------
    u, v, w
        As for `euclidean`.

    Returns
    -------
    array
        The distance, differentiable in all arrays; NaN for a vector of zeros.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import cosine
    >>> ft.grad(cosine)(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    array([ 0., -1.])
    """
    return _turned(_floating(u), _floating(v), w)


def correlation(u: Any, v: Any, w: Any = None, centered: bool = True) -> Any:
    """Compute one minus the correlation of the entries of two vectors.

    Parameters
    ----------
    u, v, w
        As for `euclidean`.
    centered
        Whether their means are subtracted.

    Returns
    -------
    array
        The distance, differentiable in all arrays; NaN for a vector of equal entries.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import correlation
    >>> float(np.round(correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 1.0, 3.0])), 6))
    0.5
    """
    u, v = _floating(u), _floating(v)
    if centered:
        share = None if w is None else _weights(w) / np.sum(as_array(w))
        u, v = (x - (np.mean(x, -1, keepdims=True) if share is None else _sum(x, share)[..., None]) for x in (u, v))
    return _turned(u, v, w)


def _turned(u: Any, v: Any, w: Any) -> Any:
    return 1.0 - _sum(u * v, w) / np.sqrt(_sum(u * u, w) * _sum(v * v, w))


def canberra(u: Any, v: Any, w: Any = None) -> Any:
    """Compute the sum of the relative differences of two vectors.

    Parameters
    ----------
    u, v, w
        As for `euclidean`.

    Returns
    -------
    array
        The sum of ``|u - v| / (|u| + |v|)``, in which 0 / 0 is 0; differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import canberra
    >>> ft.grad(canberra)(np.array([3.0, 0.0]), np.array([1.0, 0.0]))
    array([0.125, 0.   ])
    """
    u, v = _floating(u), _floating(v)
    return _sum(over_norm(abs(u - v), abs(u) + abs(v)), w)


def braycurtis(u: Any, v: Any, w: Any = None) -> Any:
    """Compute the sum of the absolute differences of two vectors over that of their sums.

    Parameters
    ----------
    u, v, w
        As for `euclidean`.

    Returns
    -------
    array
        The distance, differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import braycurtis
    >>> ft.grad(braycurtis)(np.array([3.0, 1.0]), np.array([1.0, 1.0])).round(6)
    array([ 0.111111, -0.055556])
    """
    u, v = _floating(u), _floating(v)
    return _sum(abs(u - v), w) / _sum(abs(u + v), w)


def seuclidean(u: Any, v: Any, V: Any) -> Any:
    """Compute the length of the difference of two vectors whose entries have variances.

    Parameters
    ----------
    u, v
        As for `euclidean`.
    V
        The variances. Of `cdist` and `pdist` they are by default those of all rows.

    Returns
    -------
    array
        The distance, differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import seuclidean
    >>> ft.grad(seuclidean)(np.array([2.0, 0.0]), np.zeros(2), np.array([4.0, 1.0]))
    array([0.5, 0. ])
    """
    return np.linalg.vector_norm((_floating(u) - _floating(v)) / np.sqrt(_floating(V)), axis=-1)


def mahalanobis(u: Any, v: Any, VI: Any) -> Any:
    """Compute the length of the difference of two vectors by a quadratic form.

    Parameters
    ----------
    u, v
        As for `euclidean`.
    VI
        The matrix of the form: an inverse covariance matrix. Of `cdist` and `pdist` it is by default that of all rows.

    Returns
    -------
    array
        The distance, differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import mahalanobis
    >>> ft.grad(mahalanobis)(np.array([2.0, 0.0]), np.zeros(2), np.diag([0.25, 1.0]))
    array([0.5, 0. ])
    """
    difference = _floating(u) - _floating(v)
    return _root(np.sum((difference @ _floating(VI)) * difference, axis=-1))


def jensenshannon(p: Any, q: Any, base: float | None = None, *, axis: int = 0, keepdims: bool = False) -> Any:
    """Compute the root of the divergence of Jensen and Shannon of two distributions.

    Parameters
    ----------
    p, q
        Probabilities, or numbers in their proportion.
    base
        The base of the logarithm; None: natural.
    axis
        The axis along which the outcomes run.
    keepdims
        Whether the result keeps it, with length one.

    Returns
    -------
    array
        The distance, differentiable in both.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.spatial.distance import jensenshannon
    >>> float(np.round(jensenshannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 2.0), 6))
    1.0
    """
    p, q = (x / np.sum(x, axis=axis, keepdims=True) for x in (_floating(p), _floating(q)))
    middle = (p + q) / 2.0
    total = sum(np.sum(_relative_entropy(x, middle), axis=axis, keepdims=keepdims) for x in (p, q))
    if base is not None:
        total = total / float(np.log(base))
    return _root(total / 2.0)


def _relative_entropy(x: Any, y: Any) -> Any:
    none = x == 0
    return np.where(none, 0.0, x * np.log(np.where(none, 1.0, x) / np.where(none, 1.0, y)))


# --- Parts ------------------------------------------------------------------------------------------------------------


def _root(square: Any) -> Any:
    """Return the square root of what is not negative but for rounding; at zero its slope is zero."""
    none = square <= 0
    return np.where(none, 0.0, np.sqrt(np.where(none, 1.0, square)))


def _sum(terms: Any, w: Any) -> Any:
    return np.sum(terms if w is None else terms * _weights(w), axis=-1)


def _weights(w: Any) -> Any:
    w = _floating(w)
    negative = w < 0
    if is_at_hand(negative) and np.any(negative):
        raise ValueError("Input weights should be all non-negative")
    return w


def _floating(x: Any) -> Any:
    x = as_array(x)
    if x.dtype.kind == "c":
        raise ValueError(f"distances at {user_line()} are of real vectors, not of {x.dtype}")
    return x if x.dtype.kind == "f" else x.astype(float)


def _table(name: str, X: Any) -> Any:
    X = _floating(X)
    if X.ndim != 2:
        raise ValueError(f"{name} at {user_line()} takes matrices whose rows are vectors, not of shape {shape_of(X)}")
    return X


def _take_scale(metric: str, kwargs: dict[str, Any], rows: Callable[[], Any]) -> None:
    """Put in variances or an inverse covariance matrix of all rows where they are needed and not given."""
    name = metric.lower()
    if name in ("seuclidean", "se") and kwargs.get("V") is None:
        kwargs["V"] = np.var(rows(), axis=0, ddof=1)
    if name in ("mahalanobis", "mahal") and kwargs.get("VI") is None:
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
