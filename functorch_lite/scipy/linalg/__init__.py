"""Functions of ``scipy.linalg`` for traced values, with SciPy's arguments.

What NumPy has as well (`inv`, `det`, `norm`, `pinv`, `svdvals`, …) is NumPy's.
"""

from __future__ import annotations

from numpy.linalg import det, eigvals, inv, norm, pinv, svdvals

from functorch_lite.scipy.linalg.banded import solve_banded, solveh_banded
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
from functorch_lite.scipy.linalg.fitting import lstsq, orthogonal_procrustes
from functorch_lite.scipy.linalg.hyperbolic import coshm, sinhm, tanhm, tanm
from functorch_lite.scipy.linalg.matrix_functions import (
    cosm,
    expm,
    expm_frechet,
    fractional_matrix_power,
    logm,
    sinm,
    sqrtm,
)
from functorch_lite.scipy.linalg.riccati import solve_continuous_are, solve_discrete_are
from functorch_lite.scipy.linalg.spectra import eigh, eigvalsh, qr, svd
from functorch_lite.scipy.linalg.structured import (
    block_diag,
    circulant,
    companion,
    convolution_matrix,
    hankel,
    khatri_rao,
    toeplitz,
)
from functorch_lite.scipy.linalg.toeplitz_systems import matmul_toeplitz, solve_circulant, solve_toeplitz

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "cholesky",
    "circulant",
    "companion",
    "convolution_matrix",
    "coshm",
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
    "khatri_rao",
    "logm",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_solve",
    "matmul_toeplitz",
    "norm",
    "orthogonal_procrustes",
    "pinv",
    "polar",
    "qr",
    "sinhm",
    "sinm",
    "solve",
    "solve_banded",
    "solve_circulant",
    "solve_continuous_are",
    "solve_continuous_lyapunov",
    "solve_discrete_are",
    "solve_discrete_lyapunov",
    "solve_sylvester",
    "solve_toeplitz",
    "solve_triangular",
    "solveh_banded",
    "sqrtm",
    "svd",
    "svdvals",
    "tanhm",
    "tanm",
    "toeplitz",
]
