"""Products of matrices and linear algebra by PyTorch's names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.method_table import method, methods_of_functions

__all__ = [
    "SVD",
    "addmm",
    "addmv",
    "baddbmm",
    "bmm",
    "cdist",
    "cholesky",
    "corrcoef",
    "cov",
    "cross",
    "dist",
    "einsum",
    "logdet",
    "matrix_power",
    "mm",
    "mv",
    "pinverse",
    "qr",
    "svd",
    "tensordot",
]


class SVD(NamedTuple):
    """Singular vectors and values: the matrix is ``U @ diag(S) @ V.mT.conj()``."""

    U: Any
    S: Any
    V: Any


# --- Products ---------------------------------------------------------------------------------------------------------


@method
def mm(x: Any, mat2: Any) -> Any:
    """Multiply two matrices."""
    _check_ranks("mm", (x, 2), (mat2, 2))
    return np.matmul(x, mat2)


@method
def mv(x: Any, vec: Any) -> Any:
    """Multiply a matrix and a vector."""
    _check_ranks("mv", (x, 2), (vec, 1))
    return np.matmul(x, vec)


@method
def bmm(x: Any, mat2: Any) -> Any:
    """Multiply two stacks of matrices, pair by pair."""
    _check_ranks("bmm", (x, 3), (mat2, 3))
    return np.matmul(x, mat2)


@method
def addmm(x: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return ``beta * x + alpha * (mat1 @ mat2)``."""
    return beta * x + alpha * mm(mat1, mat2)


@method
def addmv(x: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return ``beta * x + alpha * (mat @ vec)``."""
    return beta * x + alpha * mv(mat, vec)


@method
def baddbmm(x: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return ``beta * x + alpha * (batch1 @ batch2)`` of stacks of matrices."""
    return beta * x + alpha * bmm(batch1, batch2)


def einsum(equation: str, *operands: Any) -> Any:
    """Sum products over the indices that an equation does not name in its result."""
    if len(operands) == 1 and isinstance(operands[0], tuple | list):
        operands = tuple(operands[0])
    return np.einsum(equation, *operands)


def tensordot(x: Any, y: Any, dims: Any = 2) -> Any:
    """Multiply and sum over the last axes of one array and the first of the other, or over named ones."""
    return np.tensordot(x, y, axes=dims)


@method
def cross(x: Any, other: Any, dim: int = -1) -> Any:
    """Return the cross products of the vectors along an axis."""
    return np.cross(x, other, axis=dim)


@method
def matrix_power(x: Any, n: int) -> Any:
    """Multiply matrices with themselves."""
    return np.linalg.matrix_power(x, n)


def cdist(x1: Any, x2: Any, p: float = 2.0) -> Any:
    """Return the p-norm distances between the rows of one matrix and the rows of another; at zero the slope is zero."""
    return np.linalg.vector_norm(x1[..., :, None, :] - x2[..., None, :, :], axis=-1, ord=p)


@method
def dist(x: Any, other: Any, p: float = 2.0) -> Any:
    """Return the p-norm of the difference."""
    return np.linalg.vector_norm(x - other, ord=p)


# --- Decompositions and determinants ----------------------------------------------------------------------------------


@method
def logdet(x: Any) -> Any:
    """Return the logarithm of the determinant: NaN where that is negative."""
    sign, logarithm = np.linalg.slogdet(x)
    return logarithm + np.log(sign)


@method
def pinverse(x: Any, rcond: float = 1e-15) -> Any:
    """Return the pseudo-inverse."""
    return np.linalg.pinv(x, rcond)


@method
def cholesky(x: Any, upper: bool = False) -> Any:
    """Return the lower (or upper) triangular factor of a positive definite matrix."""
    return np.linalg.cholesky(x, upper=upper)


@method
def qr(x: Any, some: bool = True) -> Any:
    """Return the pair (Q, R); with ``some=False`` of a whole orthogonal Q."""
    return np.linalg.qr(x, "reduced" if some else "complete")


@method
def svd(x: Any, some: bool = True) -> SVD:
    """Return the triple (U, S, V), where ``np.linalg.svd`` gives the adjoint of V."""
    u, s, vh = np.linalg.svd(x, full_matrices=not some)
    return SVD(u, s, np.conjugate(np.swapaxes(vh, -1, -2)))


# --- Statistics -------------------------------------------------------------------------------------------------------


@method
def cov(x: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """Return the covariance of the variables that are the rows."""
    return _of_dtype(np.cov(x, ddof=correction, fweights=fweights, aweights=aweights), x)


@method
def corrcoef(x: Any) -> Any:
    """Return the correlation of the variables that are the rows."""
    return _of_dtype(np.corrcoef(x), x)


def _of_dtype(result: Any, x: Any) -> Any:
    """Return a result that NumPy computes in float64 at least in the dtype of the numbers it came from."""
    return result.astype(x.dtype) if x.dtype.kind in "fc" and x.dtype != result.dtype else result


def _check_ranks(name: str, *operands: tuple[Any, int]) -> None:
    if any(len(shape_of(x)) != rank for x, rank in operands):
        shapes = " and ".join(str(shape_of(x)) for x, _ in operands)
        ranks = " and ".join(f"{rank}-d" for _, rank in operands)
        raise ValueError(f"{name} at {user_line()} takes {ranks} arrays, not shapes {shapes}; matmul takes all")


methods_of_functions(
    {
        "inner": np.inner,
        "outer": np.outer,
        "ger": np.outer,
        "vdot": np.vdot,
        "kron": np.kron,
        "det": np.linalg.det,
        "slogdet": np.linalg.slogdet,
        "inverse": np.linalg.inv,
    }
)
