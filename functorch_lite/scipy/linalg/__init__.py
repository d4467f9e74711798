"""Functions of ``scipy.linalg`` for traced values, with SciPy's arguments.

What NumPy has as well (`inv`, `det`, `norm`, `pinv`, `svdvals`, …) is NumPy's.
"""

from __future__ import annotations

from numpy.linalg import det, eigvals, inv, norm, pinv, svdvals

from functorch_lite.scipy.linalg.banded import solve_banded
from functorch_lite.scipy.linalg.equations import (
    polar,
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
    solve_sylvester,
)
from functorch_lite.scipy.linalg.factorisations import (
    cho_factor,
    cho_solve,
    cholesky,
    lu,
    lu_factor,
    lu_solve,
    solve,
    solve_triangular,
)
from functorch_lite.scipy.linalg.matrix_functions import (
    cosm,
    expm,
    expm_frechet,
    fractional_matrix_power,
    logm,
    sinm,
    sqrtm,
)
from functorch_lite.scipy.linalg.spectra import eigh, eigvalsh, qr, svd
from functorch_lite.scipy.linalg.structured import block_diag, circulant, companion, hankel, toeplitz

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "circulant",
    "companion",
    "cosm",
    "det",
    "eigh",
    "eigvals",
    "eigvalsh",
    "expm",
    "expm_frechet",
    "fractional_matrix_power",
    "hankel",
    "inv",
    "logm",
    "lu",
    "lu_factor",
    "lu_solve",
    "norm",
    "pinv",
    "polar",
    "qr",
    "sinm",
    "solve",
    "solve_banded",
    "solve_continuous_lyapunov",
    "solve_discrete_lyapunov",
    "solve_sylvester",
    "solve_triangular",
    "sqrtm",
    "svd",
    "svdvals",
    "toeplitz",
]
