"""Linear algebra by PyTorch's names, of what NumPy has not or calls otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.method_table import method
from functorch_lite.tensor.products import bmm

__all__ = [
    "addbmm",
    "addr",
    "adjoint",
    "chain_matmul",
    "cholesky_inverse",
    "cholesky_solve",
    "matrix_exp",
    "renorm",
]


@method
def addr(x: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return ``beta * x + alpha * outer(vec1, vec2)``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.addr(ft.zeros(2, 2), ft.tensor([1.0, 2.0]), ft.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    return beta * x + alpha * np.outer(vec1, vec2)


@method
def addbmm(x: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return ``beta * x`` plus ``alpha`` times the sum of the products of two stacks of matrices.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.addbmm(ft.ones(1, 1), ft.ones(5, 1, 3), ft.ones(5, 3, 1))
    tensor([[16.]])
    """
    return beta * x + alpha * np.sum(bmm(batch1, batch2), axis=0)


@method
def adjoint(x: Any) -> Any:
    """Exchange the last two axes and conjugate.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.adjoint(ft.tensor([[1j, 2.0]]))
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    return np.conjugate(np.swapaxes(x, -1, -2))


def chain_matmul(*matrices: Any) -> Any:
    """Multiply matrices in the order that takes the fewest operations.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.chain_matmul(ft.ones(2, 3), ft.ones(3, 4), ft.ones(4, 1))
    tensor([[12.],
            [12.]])
    """
    return matrices[0] if len(matrices) == 1 else np.linalg.multi_dot(matrices)


@method
def matrix_exp(x: Any) -> Any:
    """Return the exponential of square matrices; it needs scipy.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.matrix_exp(ft.tensor([[0.0, 2.0], [0.0, 0.0]]))
    tensor([[1., 2.],
            [0., 1.]])
    """
    from functorch_lite.scipy.linalg import expm  # noqa: PLC0415 - scipy is optional

    return expm(x)


@method
def cholesky_solve(x: Any, L: Any, upper: bool = False) -> Any:
    """Solve ``A @ y = x`` for a matrix A of which the Cholesky factor is given; it needs scipy.

    Parameters
    ----------
    x
        The right-hand sides, the columns of matrices.
    L
        The factor: ``A = L @ L.mH``, or ``A = L.mH @ L`` if it is the upper one.
    upper
        Which of the two.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> factor = ft.cholesky(ft.tensor([[4.0, 2.0], [2.0, 5.0]]))
    >>> ft.cholesky_solve(ft.tensor([[8.0], [12.0]]), factor)
    tensor([[1.],
            [2.]])
    """
    from functorch_lite.scipy.linalg import cho_solve  # noqa: PLC0415 - scipy is optional

    return cho_solve((L, not upper), x)


@method
def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """Return the inverse of the matrix of which the Cholesky factor is given; it needs scipy.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cholesky_inverse(ft.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([[0.25, 0.  ],
            [0.  , 1.  ]])
    """
    return cholesky_solve(np.broadcast_to(np.eye(shape_of(x)[-1], dtype=x.dtype), shape_of(x)), x, upper)


@method
def renorm(x: Any, p: float, dim: int, maxnorm: float) -> Any:
    """Scale the slices along an axis whose p-norm is larger than ``maxnorm`` down to it.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.renorm(ft.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0).round(4)
    tensor([[0.6, 0.8],
            [0.3, 0.4]])
    """
    if maxnorm < 0:
        raise ValueError(f"renorm at {user_line()}: maxnorm must not be negative, and is {maxnorm}")
    others = tuple(i for i in range(len(shape_of(x))) if i != dim % len(shape_of(x)))
    norms = np.linalg.vector_norm(x, ord=p, axis=others, keepdims=True)
    return np.where(norms > maxnorm, x * (maxnorm / (norms + 1e-7)), x)
