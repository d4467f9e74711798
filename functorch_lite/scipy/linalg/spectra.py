"""NumPy's decompositions under SciPy's signatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.matrices import exchange
from functorch_lite.scipy.linalg.factorisations import cholesky, solve_triangular

__all__ = ["eigh", "eigvalsh", "qr", "svd"]


def eigh(a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False) -> Any:
    """Compute eigenvalues and vectors of Hermitian matrices, ``a @ v = w b @ v`` with a positive definite ``b``."""
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
    """Compute the eigenvalues of Hermitian matrices; see `eigh`."""
    return eigh(a, b, lower=lower, eigvals_only=True)


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Compute singular values and vectors."""
    return tuple(np.linalg.svd(a, full_matrices)) if compute_uv else np.linalg.svdvals(a)


def qr(a: Any, mode: str = "full") -> Any:
    """Compute the factors Q and R; the modes are ``"full"``, ``"r"`` and ``"economic"``."""
    if mode not in ("full", "r", "economic"):
        raise ValueError(f"mode must be 'full', 'r' or 'economic', not {mode!r}")
    factors = np.linalg.qr(a, "reduced" if mode == "economic" else "complete")
    return (factors.R,) if mode == "r" else tuple(factors)


def _whole(a: Any, lower: bool) -> Any:
    """Return the Hermitian matrices that one triangle tells."""
    half = np.tril(a, -1) if lower else np.triu(a, 1)
    return half + np.conjugate(exchange(half)) + a * np.eye(a.shape[-1], dtype=bool)
