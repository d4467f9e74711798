"""Products of matrices and linear algebra by PyTorch's names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.aliases import in_own_memory
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
    """Singular vectors and values: the matrix is ``U @ diag(S) @ V.mT.conj()``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> u, s, v = ft.svd(ft.tensor([[3.0, 0.0], [0.0, 2.0]]))
    >>> np.allclose(u @ np.diag(s) @ v.mT, [[3, 0], [0, 2]])
    True
    """

    U: Any
    S: Any
    V: Any


# --- Products ---------------------------------------------------------------------------------------------------------


@method
def mm(x: Any, mat2: Any) -> Any:
    """Multiply two matrices; other shapes raise `ValueError`, as broadcasting is `matmul`'s.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.mm(ft.ones(2, 3), ft.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    _check_ranks("mm", (x, 2), (mat2, 2))
    return np.matmul(x, mat2)


@method
def mv(x: Any, vec: Any) -> Any:
    """Multiply a matrix and a vector; other shapes raise `ValueError`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.mv(ft.ones(2, 3), ft.ones(3))
    tensor([3., 3.])
    """
    _check_ranks("mv", (x, 2), (vec, 1))
    return np.matmul(x, vec)


@method
def bmm(x: Any, mat2: Any) -> Any:
    """Multiply two stacks of matrices, of shapes (N, m, k) and (N, k, n), pair by pair.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.bmm(ft.ones(5, 2, 3), ft.ones(5, 3, 4)).shape
    (5, 2, 4)
    """
    _check_ranks("bmm", (x, 3), (mat2, 3))
    return np.matmul(x, mat2)


@method
def addmm(x: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return ``beta * x + alpha * (mat1 @ mat2)``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.addmm(ft.ones(1), ft.ones(2, 3), ft.ones(3, 1), beta=10)
    tensor([[13.],
            [13.]])
    """
    return beta * x + alpha * mm(mat1, mat2)


@method
def addmv(x: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return ``beta * x + alpha * (mat @ vec)``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.addmv(ft.ones(1), ft.ones(2, 3), ft.ones(3), beta=10)
    tensor([13., 13.])
    """
    return beta * x + alpha * mv(mat, vec)


@method
def baddbmm(x: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return ``beta * x + alpha * (batch1 @ batch2)`` of stacks of matrices.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.baddbmm(ft.ones(1), ft.ones(5, 2, 3), ft.ones(5, 3, 4)).shape
    (5, 2, 4)
    """
    return beta * x + alpha * bmm(batch1, batch2)


def einsum(equation: str, *operands: Any) -> Any:
    """Sum products over the indices that an equation does not name in its result.

    Parameters
    ----------
    equation
        The indices of the operands and of the result, as ``"ij,j->i"``; NumPy's, so letters only and ``...``.
    *operands
        Arrays, or one list of them.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> a, b = ft.ones(2, 3), ft.tensor([1.0, 2.0, 3.0])
    >>> ft.grad(lambda a: ft.einsum("ij,j->", a, b))(a)
    tensor([[1., 2., 3.],
            [1., 2., 3.]])
    """
    if len(operands) == 1 and isinstance(operands[0], tuple | list):
        operands = tuple(operands[0])
    return np.einsum(equation, *operands)


def tensordot(x: Any, y: Any, dims: Any = 2) -> Any:
    """Multiply and sum over axes of two arrays.

    Parameters
    ----------
    x, y
        Arrays.
    dims
        How many of the last axes of ``x`` and the first of ``y``; or a pair of lists of axes, one for each.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tensordot(ft.ones(2, 3, 4), ft.ones(4, 3), dims=([1, 2], [1, 0]))
    tensor([12., 12.])
    """
    return np.tensordot(x, y, axes=dims)


@method
def cross(x: Any, other: Any, dim: int = -1) -> Any:
    """Return the cross products of the vectors along an axis, by default the last (PyTorch: the first of length 3).

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cross(ft.tensor([1.0, 0.0, 0.0]), ft.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    return np.cross(x, other, axis=dim)


@method
def matrix_power(x: Any, n: int) -> Any:
    """Multiply square matrices ``n`` times with themselves; negative powers are those of the inverse.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.matrix_power(ft.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    return in_own_memory(np.linalg.matrix_power(x, n), x)


def cdist(x1: Any, x2: Any, p: float = 2.0) -> Any:
    """Return the p-norm distances between the rows of one matrix and the rows of another; at zero the slope is zero.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cdist(ft.tensor([[0.0, 0.0], [3.0, 4.0]]), ft.zeros(1, 2))
    tensor([[0.],
            [5.]])
    """
    return np.linalg.vector_norm(x1[..., :, None, :] - x2[..., None, :, :], axis=-1, ord=p)


@method
def dist(x: Any, other: Any, p: float = 2.0) -> Any:
    """Return the p-norm of the difference of two arrays that broadcast, over all its elements.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.value_and_grad(ft.dist)(ft.tensor([3.0, 4.0]), 0.0)
    (tensor(5.), tensor([0.6, 0.8]))
    """
    return np.linalg.vector_norm(x - other, ord=p)


# --- Decompositions and determinants ----------------------------------------------------------------------------------


@method
def logdet(x: Any) -> Any:
    """Return the logarithm of the determinant: NaN where that is negative.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad(ft.logdet)(ft.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]])
    """
    sign, logarithm = np.linalg.slogdet(x)
    return logarithm + np.log(sign)


@method
def pinverse(x: Any, rcond: float = 1e-15) -> Any:
    """Return the pseudo-inverse; singular values below ``rcond`` times the largest are taken to be zero.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.pinverse(ft.tensor([[2.0], [0.0]]))
    tensor([[0.5, 0. ]])
    """
    return np.linalg.pinv(x, rcond)


@method
def cholesky(x: Any, upper: bool = False) -> Any:
    """Return the lower (or upper) triangular factor of a positive definite matrix.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cholesky(ft.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    return np.linalg.cholesky(x, upper=upper)


@method
def qr(x: Any, some: bool = True) -> Any:
    """Return the pair (Q, R); with ``some=False`` of a whole orthogonal Q.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> q, r = ft.qr(ft.ones(3, 2), some=False)
    >>> q.shape, r.shape
    ((3, 3), (3, 2))
    """
    return np.linalg.qr(x, "reduced" if some else "complete")


@method
def svd(x: Any, some: bool = True) -> SVD:
    """Return the triple (U, S, V), where ``np.linalg.svd`` gives the adjoint of V; ``some=False`` gives whole U and V.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.svd(ft.tensor([[3.0, 0.0], [0.0, 2.0]])).S
    tensor([3., 2.])
    """
    u, s, vh = np.linalg.svd(x, full_matrices=not some)
    return SVD(u, s, np.conjugate(np.swapaxes(vh, -1, -2)))


# --- Statistics -------------------------------------------------------------------------------------------------------


@method
def cov(x: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """Return the covariance of the variables that are the rows.

    Parameters
    ----------
    x
        A matrix, one column an observation; or the vector of one variable.
    correction
        What is subtracted from the number of observations in the divisor.
    fweights, aweights
        How often each observation counts, and how much.

    Returns
    -------
    array
        Square, of the dtype of ``x``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cov(ft.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    return _of_dtype(np.cov(x, ddof=correction, fweights=fweights, aweights=aweights), x)


@method
def corrcoef(x: Any) -> Any:
    """Return the correlation of the variables that are the rows.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.corrcoef(ft.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
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
