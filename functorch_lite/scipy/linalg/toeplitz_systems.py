"""Products with matrices that are constant along diagonals, which are convolutions, and linear systems of them.

The matrix is told by the vector of its diagonals, from the highest to the lowest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from functorch_lite.calculus.arguments import as_array, refuse_foreign
from functorch_lite.calculus.batching import on_matrices
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.matrices import conjugate
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.signal.convolution import bilinear_convolution

__all__ = ["matmul_toeplitz", "solve_circulant", "solve_toeplitz"]


def _product(diagonals: Any, x: Any) -> Any:
    """Multiply matrices by the rows of others."""
    return bilinear_convolution(diagonals[..., None, :], x, 1, False, "auto")


def _transposed_solution(g: Any, diagonals: Any) -> Any:
    return toeplitz_solution(diagonals[..., ::-1], g)


def _diagonals_jvp(t: Any, ans: Any, diagonals: Any) -> Any:
    return -toeplitz_solution(diagonals, _product(t, ans))


def _diagonals_vjp(g: Any, ans: Any, diagonals: Any) -> Any:
    """Sum over each diagonal, and the rows, what its entries have: the cotangent of the equation times the solution."""
    back = _transposed_solution(g, diagonals)
    return -np.sum(bilinear_convolution(back, ans[..., ::-1], 1, True, "auto"), axis=-2)


@general(Rule(_diagonals_jvp, _diagonals_vjp), Rule(vjp=_transposed_solution), batch=on_matrices(1, 2))
def toeplitz_solution(diagonals: Any, b: Any) -> Any:
    """Solve linear systems for the rows of matrices, by Levinson's recursion."""
    refuse_foreign("solve_toeplitz", diagonals, b)
    n = b.shape[-1]
    shape = np.broadcast_shapes(diagonals.shape[:-1], b.shape[:-2])
    solved = np.zeros((*shape, *b.shape[-2:]), np.result_type(diagonals, b))
    diagonals = np.broadcast_to(diagonals, (*shape, 2 * n - 1))
    b = np.broadcast_to(b, solved.shape)
    for index in np.ndindex(shape):
        if solved.size:
            values = diagonals[index]
            solved[index] = scipy.linalg.solve_toeplitz((values[n - 1 :], values[n - 1 :: -1]), b[index].T).T
    return solved


def solve_toeplitz(c_or_cr: Any, b: Any) -> Any:
    """Solve ``a @ x = b`` for a matrix that is constant along diagonals, in time proportional to its size.

    Parameters
    ----------
    c_or_cr
        The first column, of a Hermitian matrix; or a pair of the first column and the first row, of which the first
        entry is not read. Its leading submatrices must be regular.
    b
        A vector of length n, or a matrix of n rows.

    Returns
    -------
    array
        Of the shape of ``b``; differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solve_toeplitz
    >>> mean = lambda c: np.sum(solve_toeplitz(c, np.ones(2)))  # 2 / (c₀ + c₁)
    >>> ft.grad(mean)(np.array([2.0, 0.0]))
    array([-0.5, -0.5])
    """
    column, row = _column_and_row("solve_toeplitz", c_or_cr)
    b = as_array(b)
    n = shape_of(column)[0]
    if shape_of(row)[0] != n or b.ndim not in (1, 2) or shape_of(b)[0] != n:
        raise ValueError(
            f"solve_toeplitz at {user_line()}: a column of {n}, a row of {shape_of(row)[0]} and a right-hand side of "
            f"shape {shape_of(b)} do not fit; map over many by ft.vmap"
        )
    diagonals = np.concatenate([row[:0:-1], column])
    if b.ndim == 1:
        return toeplitz_solution(diagonals, b[None])[0]
    return toeplitz_solution(diagonals, b.T).T


def matmul_toeplitz(c_or_cr: Any, x: Any) -> Any:
    """Multiply a matrix that is constant along diagonals by another, without building it.

    Parameters
    ----------
    c_or_cr
        The first column, or a pair of the first column and the first row, as for `solve_toeplitz`.
    x
        A vector, or a matrix, as long as the row.

    Returns
    -------
    array
        The product, as long as the column; differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import matmul_toeplitz
    >>> ft.jacfwd(lambda x: matmul_toeplitz(([1.0, 2.0], [1.0, 3.0, 4.0]), x))(np.zeros(3))
    array([[1., 3., 4.],
           [2., 1., 3.]])
    """
    column, row = _column_and_row("matmul_toeplitz", c_or_cr)
    x = as_array(x)
    if x.ndim not in (1, 2) or shape_of(x)[0] != shape_of(row)[0]:
        raise ValueError(
            f"matmul_toeplitz at {user_line()}: a row of {shape_of(row)[0]} and an array of shape {shape_of(x)}"
        )
    diagonals = np.concatenate([row[:0:-1], column])
    return _product(diagonals, x[None])[0] if x.ndim == 1 else _product(diagonals, x.T).T


def solve_circulant(c: Any, b: Any) -> Any:
    """Solve ``a @ x = b`` for a matrix whose columns are one vector, each turned one further.

    Parameters
    ----------
    c
        The first column; SciPy's further arguments for axes and singular matrices are not here.
    b
        A vector of length n, or a matrix of n rows.

    Returns
    -------
    array
        Of the shape of ``b``; differentiable in both arrays. Of a singular matrix it is not finite.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solve_circulant
    >>> ft.grad(lambda c: np.sum(solve_circulant(c, np.ones(2))))(np.array([2.0, 0.0]))
    array([-0.5, -0.5])
    """
    c, b = as_array(c), as_array(b)
    if c.ndim != 1 or b.ndim not in (1, 2) or shape_of(c)[0] != shape_of(b)[0]:
        raise ValueError(
            f"solve_circulant at {user_line()}: a column of shape {shape_of(c)} and a right-hand side of shape "
            f"{shape_of(b)} do not fit; map over many by ft.vmap"
        )
    solved = np.fft.ifft(np.fft.fft(b, axis=0) / np.fft.fft(c).reshape(-1, *(1,) * (b.ndim - 1)), axis=0)
    return solved if "c" in (c.dtype.kind, b.dtype.kind) else solved.real


def _column_and_row(name: str, c_or_cr: Any) -> tuple[Any, Any]:
    if isinstance(c_or_cr, tuple):
        column, row = map(as_array, c_or_cr)
    else:
        column = as_array(c_or_cr)
        row = conjugate(column)
    if column.ndim != 1 or row.ndim != 1:
        raise ValueError(
            f"{name} at {user_line()} takes vectors for column and row, not arrays of shapes {shape_of(column)} and "
            f"{shape_of(row)}"
        )
    return column, row
