"""Matrices of a structure, built from their parts: Toeplitz, Hankel, circulant, block diagonal, companion."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.matrices import conjugate, matrix
from functorch_lite.core.operands import shape_of

__all__ = ["block_diag", "circulant", "companion", "convolution_matrix", "hankel", "khatri_rao", "toeplitz"]


def toeplitz(c: Any, r: Any = None) -> Any:
    """Build the matrix that is constant along diagonals.

    Parameters
    ----------
    c
        Its first column.
    r
        Its first row, of which ``r[0]`` is not read; None: the conjugate of the column.

    Returns
    -------
    array
        Of shape ``(len(c), len(r))``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import toeplitz
    >>> toeplitz(np.array([1.0, 2.0]), np.array([1.0, 5.0, 6.0]))
    array([[1., 5., 6.],
           [2., 1., 5.]])
    >>> ft.grad(lambda c: np.sum(toeplitz(c)))(np.arange(3.0))
    array([3., 4., 2.])
    """
    c = _vector("toeplitz", c)
    r = conjugate(c) if r is None else _vector("toeplitz", r)
    values = np.concatenate([c[::-1], r[1:]])
    return values[np.arange(c.size - 1, -1, -1)[:, None] + np.arange(r.size)]


def hankel(c: Any, r: Any = None) -> Any:
    """Build the matrix that is constant along antidiagonals.

    Parameters
    ----------
    c
        Its first column.
    r
        Its last row, of which ``r[0]`` is not read; None: zeros.

    Returns
    -------
    array
        Of shape ``(len(c), len(r))``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import hankel
    >>> hankel(np.array([1.0, 2.0]), np.array([2.0, 5.0, 6.0]))
    array([[1., 2., 5.],
           [2., 5., 6.]])
    >>> ft.grad(lambda c: np.sum(hankel(c)))(np.arange(3.0))
    array([1., 2., 3.])
    """
    c = _vector("hankel", c)
    r = np.zeros_like(c) if r is None else _vector("hankel", r)
    return np.concatenate([c, r[1:]])[np.arange(c.size)[:, None] + np.arange(r.size)]


def circulant(c: Any) -> Any:
    """Build the matrices whose columns are vectors, each turned one further.

    Parameters
    ----------
    c
        The vectors, along the last axis: of shape (…, n).

    Returns
    -------
    array
        Of shape (…, n, n).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import circulant
    >>> circulant(np.array([1.0, 2.0, 3.0]))
    array([[1., 3., 2.],
           [2., 1., 3.],
           [3., 2., 1.]])
    >>> ft.grad(lambda c: np.linalg.det(circulant(c)))(np.array([2.0, 1.0]))  # of c₀² - c₁²
    array([ 4., -2.])
    """
    c = as_array(c)
    n = c.shape[-1]
    return c[..., (np.arange(n)[:, None] - np.arange(n)) % n]


def companion(a: Any) -> Any:
    """Build the companion matrix of a polynomial, whose eigenvalues are its roots.

    Parameters
    ----------
    a
        Its coefficients, the highest first: a vector of two at least.

    Returns
    -------
    array
        Of shape (n - 1, n - 1) for n coefficients.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import companion
    >>> largest = lambda a: np.max(np.linalg.eigvals(companion(a)).real)
    >>> np.round(ft.grad(largest)(np.array([1.0, -3.0, 2.0])), 6)  # of the root 2 of (x - 1)(x - 2)
    array([-4., -2., -1.])
    """
    a = as_array(a)
    if a.ndim != 1 or a.shape[0] < 2:
        raise ValueError(f"companion takes a vector of two coefficients at least, not an array of shape {a.shape}")
    row = -a[1:] / a[0]
    return np.concatenate([row[None], np.eye(a.shape[0] - 2, a.shape[0] - 1, dtype=a.dtype)])


def block_diag(*arrs: Any) -> Any:
    """Build the matrix that has the given ones along its diagonal and zeros elsewhere.

    Parameters
    ----------
    arrs
        Matrices; vectors count as rows, numbers as matrices of one entry.

    Returns
    -------
    array
        Of as many rows and columns as the matrices have together.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import block_diag
    >>> ft.jacfwd(lambda x: block_diag(x, [[1.0, x]]))(2.0)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
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


def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    """Build the matrix by which a convolution with a vector multiplies vectors.

    Parameters
    ----------
    a
        The vector.
    n
        The length of the vectors that are multiplied.
    mode
        ``"full"``, ``"same"`` or ``"valid"``, as for ``np.convolve``.

    Returns
    -------
    array
        Of n columns.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import convolution_matrix
    >>> convolution_matrix(np.array([1.0, 2.0]), 2)
    array([[1., 0.],
           [2., 1.],
           [0., 2.]])
    >>> ft.grad(lambda a: np.sum(convolution_matrix(a, 2, "valid")))(np.array([1.0, 2.0, 3.0]))
    array([1., 2., 1.])
    """
    a = _vector("convolution_matrix", a)
    length = shape_of(a)[0]
    if n <= 0 or not length:
        raise ValueError(f"convolution_matrix takes a vector that is not empty and n > 0, not {length} entries and {n}")
    rows = {
        "full": (0, length + n - 1),
        "same": (min(length, n) // 2 - (1 - min(length, n) % 2), max(length, n)),
        "valid": (min(length, n) - 1, max(length, n) - min(length, n) + 1),
    }
    if mode not in rows:
        raise ValueError(f"mode must be 'full', 'same' or 'valid', not {mode!r}")
    first, count = rows[mode]
    padded = np.concatenate([np.zeros(n - 1, a.dtype), a, np.zeros(n - 1, a.dtype)])
    return padded[first + n - 1 + np.arange(count)[:, None] - np.arange(n)]


def khatri_rao(a: Any, b: Any) -> Any:
    """Compute the products of Kronecker of the columns of matrices.

    Parameters
    ----------
    a, b
        Matrices, of shapes (…, m, k) and (…, n, k).

    Returns
    -------
    array
        Of shape (…, m n, k).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import khatri_rao
    >>> ft.grad(lambda a: np.sum(khatri_rao(a, [[1.0, 2.0], [3.0, 4.0]])))(np.ones((1, 2)))
    array([[4., 6.]])
    """
    a, b = matrix(a, "khatri_rao"), matrix(b, "khatri_rao")
    if shape_of(a)[-1] != shape_of(b)[-1]:
        raise ValueError(f"khatri_rao takes matrices of as many columns, not {shape_of(a)} and {shape_of(b)}")
    products = a[..., :, None, :] * b[..., None, :, :]
    return products.reshape(*shape_of(products)[:-3], -1, shape_of(a)[-1])


def _vector(name: str, x: Any) -> Any:
    """Return a vector, a number being one of length one; SciPy's versions differ in what more axes mean."""
    x = as_array(x)
    if len(shape_of(x)) > 1:
        raise ValueError(f"{name} takes vectors, not an array of shape {shape_of(x)}; map over many by ft.vmap")
    return np.ravel(x)
