"""Linear systems whose matrix is zero but for a few diagonals."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg

from functorch_lite.calculus.arguments import as_array, refuse_foreign
from functorch_lite.calculus.batching import on_matrices
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.matrices import conjugate, matrix
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.rules import Rule

__all__ = ["banded_solution", "shifted_rows", "solve_banded", "solveh_banded"]


def shifted_rows(rows: Any, shifts: Any) -> Any:
    """Shift each row to the right, by a number of its own; zeros come in."""
    n = rows.shape[-1]
    places = np.arange(n) - shifts[:, None]
    shifted = rows[..., np.arange(len(shifts))[:, None], np.clip(places, 0, n - 1)]
    return np.where((places >= 0) & (places < n), shifted, 0.0)


def _shifts(below: int, above: int) -> Any:
    """Return by how much the row of a diagonal is shifted: it stands in the columns, and acts on the rows."""
    return np.arange(-above, below + 1)


def _product(ab: Any, x: Any, below: int, above: int) -> Any:
    """Multiply banded matrices by the columns of others."""
    terms = ab[..., None, :, :] * np.swapaxes(x, -1, -2)[..., :, None, :]  # a column, a diagonal, a place
    return np.swapaxes(np.sum(shifted_rows(terms, _shifts(below, above)), axis=-2), -1, -2)


def _transposed(ab: Any, below: int, above: int) -> Any:
    """Return the diagonals of the transposed matrices, of which as many are above as were below."""
    return shifted_rows(ab, _shifts(below, above))[..., ::-1, :]


def _adjoint_solution(g: Any, ab: Any, below: int, above: int) -> Any:
    return banded_solution(_transposed(ab, below, above), g, above, below)


def _bands_jvp(t: Any, ans: Any, ab: Any, below: int, above: int) -> Any:
    return -banded_solution(ab, _product(t, ans, below, above), below, above)


def _bands_vjp(g: Any, ans: Any, ab: Any, below: int, above: int) -> Any:
    """Each entry multiplies the solution at its column, and its product adds to the equation of its row."""
    w = np.swapaxes(_adjoint_solution(g, ab, below, above), -1, -2)[..., :, None, :]
    rows = shifted_rows(np.broadcast_to(w, (*w.shape[:-2], below + above + 1, w.shape[-1])), -_shifts(below, above))
    return -np.sum(rows * np.swapaxes(ans, -1, -2)[..., :, None, :], axis=-3)


@general(Rule(_bands_jvp, _bands_vjp), Rule(vjp=_adjoint_solution), batch=on_matrices(2, 2))
def banded_solution(ab: Any, b: Any, below: int, above: int) -> Any:
    """Solve linear systems for the columns of matrices."""
    refuse_foreign("solve_banded", ab, b)
    leading = np.broadcast_shapes(ab.shape[:-2], b.shape[:-2])
    if not leading:
        return scipy.linalg.solve_banded((below, above), ab, b, check_finite=False)
    flat = [np.broadcast_to(x, (*leading, *x.shape[-2:])).reshape(-1, *x.shape[-2:]) for x in (ab, b)]
    solved = [scipy.linalg.solve_banded((below, above), *pair, check_finite=False) for pair in zip(*flat, strict=True)]
    dtype = np.result_type(ab, b)
    return np.array(solved, None if solved else dtype).reshape(*leading, *b.shape[-2:])


def solve_banded(l_and_u: Sequence[int], ab: Any, b: Any) -> Any:
    """Solve ``a @ x = b`` for a matrix that is zero but for some diagonals, in time proportional to its size.

    Parameters
    ----------
    l_and_u
        How many diagonals are below the main one, and above it.
    ab
        The diagonals as rows, the highest first: ``ab[u + i - j, j] == a[i, j]``, of shape (l + u + 1, n). What is
        outside of the matrix is not read.
    b
        A vector of length n, or a matrix of n rows.

    Returns
    -------
    array
        Of the shape of ``b``; differentiable in the diagonals and in ``b``.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solve_banded
    >>> def heat(conductivity):  # in a wall whose sides are kept at 0, with a source at each place
    ...     diagonals = np.stack([0.0 * conductivity, 2.0 + 0.0 * conductivity, 0.0 * conductivity])
    ...     return np.sum(solve_banded((1, 1), diagonals, 1.0 / conductivity))
    >>> ft.grad(heat)(np.array([1.0, 2.0]))
    array([-0.5  , -0.125])
    """
    below, above = map(operator.index, l_and_u)
    ab, b = matrix(ab, "solve_banded"), as_array(b)
    n = shape_of(ab)[-1]
    if below < 0 or above < 0 or shape_of(ab)[-2] != below + above + 1:
        raise ValueError(
            f"solve_banded at {user_line()}: {below} diagonals below and {above} above the main one are "
            f"{below + above + 1} rows, and ab has shape {shape_of(ab)}"
        )
    if b.ndim not in (1, 2) or shape_of(b)[0] != n:
        raise ValueError(
            f"solve_banded at {user_line()}: a matrix of {n} columns takes a vector of length {n} or a matrix of as "
            f"many rows, not an array of shape {shape_of(b)}; map over many by ft.vmap"
        )
    if b.ndim == 1:
        return banded_solution(ab, b[:, None], below, above)[:, 0]
    return banded_solution(ab, b, below, above)


def solveh_banded(ab: Any, b: Any, lower: bool = False) -> Any:
    """Solve ``a @ x = b`` for a Hermitian matrix that is zero but for some diagonals.

    It is solved as `solve_banded` does; a matrix that is not positive definite, which SciPy refuses, is no error.

    Parameters
    ----------
    ab
        The main diagonal and those above it as rows, the highest first: ``ab[u + i - j, j] == a[i, j]``, of shape
        (u + 1, n). What is outside of the matrix is not read.
    b
        A vector of length n, or a matrix of n rows.
    lower
        Whether the rows are the main diagonal and those below it: ``ab[i - j, j] == a[i, j]``.

    Returns
    -------
    array
        Of the shape of ``b``; differentiable in the diagonals and in ``b``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solveh_banded
    >>> ft.grad(lambda ab: np.sum(solveh_banded(ab, np.ones(2))))(np.array([[0.0, 0.0], [1.0, 2.0]]))
    array([[ 0.  , -1.  ],
           [-1.  , -0.25]])
    """
    ab = matrix(ab, "solveh_banded")
    reach = shape_of(ab)[-2] - 1
    other = conjugate(shifted_rows(ab, _shifts(reach, 0) if lower else _shifts(0, reach)))[..., ::-1, :]
    whole = [other[..., :-1, :], ab] if lower else [ab, other[..., 1:, :]]
    return solve_banded((reach, reach), np.concatenate(whole, axis=-2), b)
