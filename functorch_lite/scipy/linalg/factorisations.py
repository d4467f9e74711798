"""Triangular systems, and the factorisations of Cholesky and Gauss with their solvers.

Source of the derivative of the LU factors: de Hoog, Anderssen and Lukas, "Differentiation of matrix functionals using
triangular factorization", Math. Comp. 80 (2011).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from functorch_lite.calculus.arguments import as_array, refuse_foreign
from functorch_lite.calculus.batching import on_matrices, same_axes
from functorch_lite.calculus.declare import general, zero_function
from functorch_lite.calculus.matrices import adjoint, exchange, square
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.rules import Rule

__all__ = ["cho_factor", "cho_solve", "cholesky", "lu", "lu_factor", "lu_solve", "solve", "solve_triangular"]

# --- Triangular systems -----------------------------------------------------------------------------------------------


def _triangle(a: Any, lower: bool, unit: bool) -> Any:
    """Return the part of matrices that a triangular system reads."""
    return np.tril(a, -1 if unit else 0) if lower else np.triu(a, 1 if unit else 0)


def _triangular_jvp(t: Any, ans: Any, a: Any, lower: bool, unit: bool) -> Any:
    return -triangular_solve(a, _triangle(t, lower, unit) @ ans, lower, unit)


def _triangular_vjp(g: Any, ans: Any, a: Any, lower: bool, unit: bool) -> Any:
    return -_triangle(triangular_solve(exchange(a), g, not lower, unit) @ exchange(ans), lower, unit)


def _triangular_transpose(g: Any, a: Any, lower: bool, unit: bool) -> Any:
    return triangular_solve(exchange(a), g, not lower, unit)


@general(Rule(_triangular_jvp, _triangular_vjp), Rule(vjp=_triangular_transpose), batch=on_matrices(2, 2))
def triangular_solve(a: Any, b: Any, lower: bool, unit: bool) -> Any:
    """Solve ``a @ x = b`` for matrices ``b``, with a triangle of ``a``; leading axes broadcast."""
    refuse_foreign("solve_triangular", a, b)
    if not (a.size and b.size):
        return np.linalg.solve(a, b)
    return scipy.linalg.solve_triangular(a, b, lower=lower, unit_diagonal=unit)


def solve_triangular(a: Any, b: Any, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    """Solve ``a @ x = b`` with one triangle of square matrices ``a``.

    Parameters
    ----------
    a
        Matrices of which the upper (or ``lower``) triangle is read.
    b
        A vector, or matrices.
    trans
        0 or ``"N"`` for ``a``, 1 or ``"T"`` for its transpose, 2 or ``"C"`` for its adjoint.
    lower
        Which triangle is read.
    unit_diagonal
        Whether the diagonal is ones, and not read.

    Returns
    -------
    array
        Of the shape of ``b``, differentiable in both; the derivative in what is not read is zero.

    Raises
    ------
    numpy.linalg.LinAlgError
        If ``a`` is singular, or no square matrix.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solve_triangular
    >>> a = np.array([[2.0, 0.0], [1.0, 4.0]])
    >>> ft.jacrev(lambda b: solve_triangular(a, b, lower=True))(np.ones(2))
    array([[ 0.5  ,  0.   ],
           [-0.125,  0.25 ]])
    """
    a, b = square(a, "solve_triangular"), as_array(b)
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"trans must be 0, 1, 2, 'N', 'T' or 'C', not {trans!r}")
    if trans not in (0, "N"):
        a, lower = (exchange(a) if trans in (1, "T") else adjoint(a)), not lower
    _check_fit("solve_triangular", a, b)
    if b.ndim == 1:
        return triangular_solve(a, b[:, None], bool(lower), bool(unit_diagonal))[..., 0]
    return triangular_solve(a, b, bool(lower), bool(unit_diagonal))


# --- Cholesky ---------------------------------------------------------------------------------------------------------


def cholesky(a: Any, lower: bool = False) -> Any:
    """Compute the factor R of positive definite matrices RᴴR, or L of LLᴴ.

    Parameters
    ----------
    a
        Hermitian matrices, of shape (…, n, n), of which one triangle is read.
    lower
        Whether to read the lower triangle and return L.

    Returns
    -------
    array
        Of the shape of ``a``, with zeros in the other triangle. The gradient in ``a`` is Hermitian: that among such
        matrices, not in the entries that are read.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is not positive definite.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import cholesky
    >>> log_determinant = lambda a: 2 * np.sum(np.log(np.diag(cholesky(a))))
    >>> ft.grad(log_determinant)(np.diag([2.0, 4.0]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return np.linalg.cholesky(a, upper=not lower)


def cho_factor(a: Any, lower: bool = False) -> tuple[Any, bool]:
    """Compute the factor of positive definite matrices for `cho_solve`.

    Parameters
    ----------
    a, lower
        As for `cholesky`.

    Returns
    -------
    c, lower
        The factor, with zeros in the other triangle, where SciPy leaves what was there; and which side it is.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is not positive definite.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import cho_factor, cho_solve
    >>> a = np.array([[4.0, 2.0], [2.0, 3.0]])
    >>> ft.grad(lambda b: b @ cho_solve(cho_factor(a), b))(np.ones(2))
    array([0.25, 0.5 ])
    """
    return cholesky(a, lower), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Any:
    """Solve ``a @ x = b``, given the factor of ``a``.

    Parameters
    ----------
    c_and_lower
        The result of `cho_factor`.
    b
        A vector, or matrices.

    Returns
    -------
    array
        Of the shape of ``b``, differentiable in ``b`` and in the factor.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import cho_factor, cho_solve
    >>> x = lambda s: cho_solve(cho_factor(np.array([[2.0, 0.0], [0.0, 4.0]]) * s), np.ones(2))
    >>> ft.jacfwd(x)(1.0)
    array([-0.5 , -0.25])
    """
    c, lower = c_and_lower
    if lower:
        return solve_triangular(c, solve_triangular(c, b, lower=True), trans="C", lower=True)
    return solve_triangular(c, solve_triangular(c, b, trans="C"))


# --- Gauss ------------------------------------------------------------------------------------------------------------


@zero_function(batch=same_axes)
def _row_order(a: Any) -> Any:
    """Return the order of rows that partial pivoting gives: piecewise constant."""
    refuse_foreign("lu", a)
    if not a.size:
        return np.zeros(a.shape[:-1], int)
    order, _, _ = scipy.linalg.lu(a, p_indices=True)
    return np.argsort(order, axis=-1)


def _regular(upper: Any) -> Any:
    """Put 1 for the last pivot, which may be zero: L⁻¹ dL, of which it is asked, does not depend on it."""
    is_last = np.arange(shape_of(upper)[-1]) == shape_of(upper)[-1] - 1
    return np.where(is_last & is_last[:, None], 1, upper)


def _lu_jvp(t: Any, ans: Any) -> tuple[Any, Any]:
    """With F the strict lower part of L⁻¹ dA U⁻¹: dL = L F, dU = L⁻¹ dA - F U."""
    lower, upper = ans
    left = triangular_solve(lower, t, True, True)
    middle = exchange(triangular_solve(exchange(_regular(upper)), exchange(left), True, False))
    strict = np.tril(middle, -1)
    return lower @ strict, np.triu(left - strict @ upper)


def _lu_vjp(g: Any, ans: Any) -> Any:
    lower, upper = ans
    by_strict, by_left = 0.0, 0.0
    if g[0] is not None:
        by_strict = exchange(lower) @ g[0]
    if g[1] is not None:
        by_left = np.triu(g[1])
        by_strict = by_strict - by_left @ exchange(upper)
    right = exchange(triangular_solve(_regular(upper), exchange(np.tril(by_strict, -1)), False, False))
    return triangular_solve(exchange(lower), right + by_left, False, True)


@general(Rule(_lu_jvp, _lu_vjp), multiple=True, batch=same_axes)
def _lu_of_ordered(a: Any) -> Any:
    """Return the factors L and U of matrices whose rows are in the order of the pivots."""
    if not a.size:
        return a.copy(), a.copy()
    _, lower, upper = scipy.linalg.lu(a)
    return lower, upper


def lu(a: Any, permute_l: bool = False, p_indices: bool = False) -> tuple[Any, ...]:
    """Compute the factors of square matrices, ``a = P @ L @ U``, by Gaussian elimination with partial pivoting.

    Parameters
    ----------
    a
        Square matrices. (Factors of rectangular ones are not differentiated.)
    permute_l
        Whether to return ``P @ L`` and ``U`` only.
    p_indices
        Whether to return, in place of P, the row indices ``p`` with ``a = L[p] @ U``.

    Returns
    -------
    tuple
        ``(P, L, U)``, ``(p, L, U)`` or ``(P @ L, U)``.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the derivative is asked of a matrix with a zero pivot before the last, whose L is not unique: one of rank
        less than n - 1 has such a pivot, one of rank n - 1 may. The last pivot may be zero.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import lu
    >>> pivots = lambda a: np.diag(lu(a)[2])
    >>> ft.jacfwd(pivots)(np.array([[4.0, 2.0], [2.0, 3.0]]))[1]  # of a₁₁ - a₁₀ a₀₁ / a₀₀
    array([[ 0.25, -0.5 ],
           [-0.5 ,  1.  ]])
    """
    a = square(a, "lu")
    order = _row_order(a)
    lower, upper = _lu_of_ordered(np.take_along_axis(a, order[..., None], -2))
    indices = np.argsort(order, axis=-1)
    if permute_l:
        return np.take_along_axis(lower, indices[..., None], -2), upper
    if p_indices:
        return indices, lower, upper
    return (indices[..., None] == np.arange(a.shape[-1])).astype(a.real.dtype), lower, upper


def lu_factor(a: Any) -> tuple[Any, Any]:
    """Compute the factors of square matrices for `lu_solve`.

    Parameters
    ----------
    a
        Square matrices, of shape (…, n, n).

    Returns
    -------
    factors
        L below the diagonal, and U: of the shape of ``a``.
    order
        The order in which elimination takes the rows, of shape (…, n); SciPy's is LAPACK's list of exchanges.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import lu_factor
    >>> log_determinant = lambda a: np.sum(np.log(np.abs(np.diag(lu_factor(a)[0]))))
    >>> ft.grad(log_determinant)(np.array([[0.0, 2.0], [4.0, 0.0]]))
    array([[0.  , 0.5 ],
           [0.25, 0.  ]])
    """
    a = square(a, "lu_factor")
    order = _row_order(a)
    lower, upper = _lu_of_ordered(np.take_along_axis(a, order[..., None], -2))
    return np.tril(lower, -1) + upper, order


def lu_solve(lu_and_order: tuple[Any, Any], b: Any, trans: int = 0) -> Any:
    """Solve ``a @ x = b``, given the factors of ``a``.

    Parameters
    ----------
    lu_and_order
        The result of `lu_factor`, not of SciPy's.
    b
        A vector, or matrices.
    trans
        1 for ``aᵀ @ x = b``, 2 for ``aᴴ @ x = b``.

    Returns
    -------
    array
        Of the shape of ``b``, differentiable in ``b`` and in the factors.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import lu_factor, lu_solve
    >>> a = np.array([[0.0, 2.0], [4.0, 0.0]])
    >>> ft.jacrev(lambda b: lu_solve(lu_factor(a), b))(np.ones(2))
    array([[0.  , 0.25],
           [0.5 , 0.  ]])
    """
    factors, order = lu_and_order
    b = as_array(b)
    _check_fit("lu_solve", factors, b)
    columns = b[:, None] if b.ndim == 1 else b
    order = order[..., None]
    if trans == 0:
        ordered = np.take_along_axis(*_broadcast_rows(columns, order), -2)
        x = solve_triangular(factors, solve_triangular(factors, ordered, lower=True, unit_diagonal=True))
    else:
        inner = solve_triangular(factors, columns, trans=trans)
        ordered = solve_triangular(factors, inner, trans=trans, lower=True, unit_diagonal=True)
        x = np.take_along_axis(*_broadcast_rows(ordered, np.argsort(order, axis=-2)), -2)
    return x[..., 0] if b.ndim == 1 else x


def _broadcast_rows(columns: Any, order: Any) -> tuple[Any, Any]:
    leading = np.broadcast_shapes(columns.shape[:-2], order.shape[:-2])
    return tuple(np.broadcast_to(x, (*leading, *x.shape[-2:])) for x in (columns, order))  # type: ignore[return-value]


# --- Any system -------------------------------------------------------------------------------------------------------


def solve(a: Any, b: Any, lower: bool = False, assume_a: str | None = None, transposed: bool = False) -> Any:
    """Solve ``a @ x = b`` for a vector or matrices ``b``.

    Parameters
    ----------
    a, b
        Square matrices, and a vector or matrices.
    lower
        Which triangle is read where ``assume_a`` says that one suffices.
    assume_a
        ``"gen"`` (as without it), ``"pos"`` (positive definite), ``"sym"``, ``"her"``, ``"upper triangular"`` or
        ``"lower triangular"``.
    transposed
        Whether to solve with the transpose of ``a``.

    Returns
    -------
    array
        Of the shape of ``b``, differentiable in both. The derivative in what is not read is zero; with ``"pos"`` it is
        symmetric, as of `cholesky`.

    Raises
    ------
    numpy.linalg.LinAlgError
        If ``a`` is singular, or is to be positive definite and is not.
    NotImplementedError
        If ``assume_a`` is another of SciPy's words.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solve
    >>> a = np.array([[2.0, 9.0], [1.0, 4.0]])  # 9.0 is not read
    >>> ft.grad(lambda a: np.sum(solve(a, np.ones(2), lower=True, assume_a="sym")))(a)
    array([[-0.18367347,  0.        ],
           [-0.12244898, -0.02040816]])
    """
    a, b = square(a, "solve"), as_array(b)
    _check_fit("solve", a, b)
    if assume_a in ("upper triangular", "lower triangular"):
        return solve_triangular(a, b, trans=int(transposed), lower=assume_a == "lower triangular")
    if assume_a == "pos" and not transposed:
        return cho_solve(cho_factor(a, lower), b)
    if assume_a in ("sym", "her", "pos"):
        half = _triangle(a, lower, True)
        diagonal = a * np.eye(a.shape[-1], dtype=bool)
        a = half + diagonal + (exchange(half) if assume_a == "sym" else adjoint(half))
    elif assume_a not in (None, "gen"):
        raise NotImplementedError(f"assume_a={assume_a!r} at {user_line()} has no rule; leave it out")
    return np.linalg.solve(exchange(a) if transposed else a, b)


def _check_fit(name: str, a: Any, b: Any) -> None:
    rows = b.shape[:1] if b.ndim == 1 else b.shape[-2:-1]
    if rows != (a.shape[-1],):
        raise ValueError(f"{name}: matrices of shape {a.shape} do not fit right-hand sides of shape {b.shape}")
