"""NumPy's decompositions under SciPy's signatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.matrices import exchange
from functorch_lite.scipy.linalg.factorisations import cholesky, solve_triangular

__all__ = ["eigh", "eigvalsh", "qr", "svd"]


def eigh(a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False) -> Any:
    """Compute eigenvalues and vectors of Hermitian matrices, ``a @ v = w b @ v``.

    Parameters
    ----------
    a
        Hermitian matrices, of shape (…, n, n), of which one triangle is read.
    b
        Positive definite ones; None: the identity.
    lower
        Which triangle is read.
    eigvals_only
        Whether to return the eigenvalues alone, which have derivatives at ties too.

    Returns
    -------
    w, or (w, v)
        The eigenvalues in ascending order, of shape (…, n), and the vectors in the columns of ``v``, normalised by
        ``vᴴ b v = 1``. Those of repeated eigenvalues have no derivative: NaN, with a warning. Gradients are Hermitian,
        as of `cholesky`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import eigh
    >>> b = np.diag([1.0, 2.0])
    >>> np.round(ft.jacfwd(lambda s: eigh(np.diag([1.0, 6.0]), s * b, eigvals_only=True))(1.0), 6)
    array([-1., -3.])
    """
    side: Any = "L" if lower else "U"
    if b is None:
        return np.linalg.eigvalsh(a, side) if eigvals_only else tuple(np.linalg.eigh(a, side))
    # With b = RᴴR the vectors y = R v belong to R⁻ᴴ a R⁻¹.
    root = cholesky(b if not lower else np.conjugate(exchange(b)))
    left = solve_triangular(root, _whole(a, lower), trans="C")
    reduced = np.conjugate(exchange(solve_triangular(root, np.conjugate(exchange(left)), trans="C")))
    if eigvals_only:
        return np.linalg.eigvalsh(reduced)
    w, y = np.linalg.eigh(reduced)
    return w, solve_triangular(root, y)


def eigvalsh(a: Any, b: Any = None, *, lower: bool = True) -> Any:
    """Compute the eigenvalues of Hermitian matrices, ``a @ v = w b @ v``.

    Parameters
    ----------
    a, b, lower
        As for `eigh`.

    Returns
    -------
    array
        The eigenvalues in ascending order, of shape (…, n).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import eigvalsh
    >>> ft.grad(lambda a: eigvalsh(a)[1])(np.array([[0.0, 0.0], [1.0, 0.0]]))  # of vvᴴ
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    return eigh(a, b, lower=lower, eigvals_only=True)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Compute singular values and vectors, ``a = u @ diag(s) @ vh``.

    Parameters
    ----------
    a
        Matrices, of shape (…, m, n).
    full_matrices
        Whether ``u`` and ``vh`` are square.
    compute_uv
        Whether to return the vectors too.

    Returns
    -------
    s, or (u, s, vh)
        The singular values in descending order, of shape (…, min(m, n)). The vectors of repeated ones have no
        derivative: NaN, with a warning.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import svd
    >>> slope = ft.grad(lambda a: svd(a, compute_uv=False)[0])(np.array([[3.0, 0.0], [0.0, 4.0]]))
    >>> bool(np.allclose(slope, [[0.0, 0.0], [0.0, 1.0]]))  # of the largest
    True
    """
    return tuple(np.linalg.svd(a, full_matrices)) if compute_uv else np.linalg.svdvals(a)


def qr(a: Any, mode: str = "full") -> Any:
    """Compute the factors of ``a = q @ r``.

    Parameters
    ----------
    a
        Matrices, of shape (…, m, n).
    mode
        ``"full"``: ``q`` is square; ``"economic"``: it has min(m, n) columns; ``"r"``: ``r`` alone.
        SciPy's ``pivoting`` is not taken.

    Returns
    -------
    tuple
        ``(q, r)`` or ``(r,)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import qr
    >>> slope = ft.grad(lambda a: np.abs(qr(a, "r")[0][0, 0]))(np.array([[3.0, 1.0], [4.0, 1.0]]))
    >>> bool(np.allclose(slope, [[0.6, 0.0], [0.8, 0.0]]))  # of the length of the first column
    True
    """
    if mode not in ("full", "r", "economic"):
        raise ValueError(f"mode must be 'full', 'r' or 'economic', not {mode!r}")
    factors = np.linalg.qr(a, "reduced" if mode == "economic" else "complete")
    return (factors.R,) if mode == "r" else tuple(factors)


def _whole(a: Any, lower: bool) -> Any:
    """Return the Hermitian matrices that one triangle tells."""
    half = np.tril(a, -1) if lower else np.triu(a, 1)
    return half + np.conjugate(exchange(half)) + a * np.eye(a.shape[-1], dtype=bool)
