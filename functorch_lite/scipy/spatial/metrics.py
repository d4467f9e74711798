"""Metrics: functions of two arrays of vectors that broadcast; at distance zero the slope is zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.norms import over_norm
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand

__all__ = [
    "braycurtis",
    "canberra",
    "chebyshev",
    "cityblock",
    "correlation",
    "cosine",
    "euclidean",
    "floating",
    "jensenshannon",
    "mahalanobis",
    "minkowski",
    "seuclidean",
    "sqeuclidean",
]


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
    return _sum((floating(u) - floating(v)) ** 2, w)


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
    difference = floating(u) - floating(v)
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
    return _sum(abs(floating(u) - floating(v)), w)


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
    size = abs(floating(u) - floating(v))
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
    return _turned(floating(u), floating(v), w)


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
    u, v = floating(u), floating(v)
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
    u, v = floating(u), floating(v)
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
    u, v = floating(u), floating(v)
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
    return np.linalg.vector_norm((floating(u) - floating(v)) / np.sqrt(floating(V)), axis=-1)


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
    difference = floating(u) - floating(v)
    return _root(np.sum((difference @ floating(VI)) * difference, axis=-1))


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
    p, q = (x / np.sum(x, axis=axis, keepdims=True) for x in (floating(p), floating(q)))
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
    w = floating(w)
    negative = w < 0
    if is_at_hand(negative) and np.any(negative):
        raise ValueError("Input weights should be all non-negative")
    return w


def floating(x: Any) -> Any:
    """Return vectors as an array of real floating-point numbers."""
    x = as_array(x)
    if x.dtype.kind == "c":
        raise ValueError(f"distances at {user_line()} are of real vectors, not of {x.dtype}")
    return x if x.dtype.kind == "f" else x.astype(float)
