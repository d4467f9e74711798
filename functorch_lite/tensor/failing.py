"""Functions of ``torch.linalg`` that tell of a failure by a number instead of an error: those that end in ``_ex``.

Of a matrix that has no result NaN is returned, and the others of a batch have theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.batching import same_axes
from functorch_lite.calculus.declare import zero_function
from functorch_lite.core.operands import shape_of

__all__ = ["cholesky_ex", "inv_ex", "solve_ex"]


class CholeskyEx(NamedTuple):
    """A factor of Cholesky, and the order of the first leading minor that is not positive definite, or zero."""

    L: Any
    info: Any


class InvEx(NamedTuple):
    """An inverse, and which pivot is zero, or zero."""

    inverse: Any
    info: Any


class SolveEx(NamedTuple):
    """A solution, and which pivot of the matrix is zero, or zero."""

    result: Any
    info: Any


def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> CholeskyEx:
    """Factorise positive definite matrices, and tell by numbers where that fails.

    Parameters
    ----------
    A
        Matrices, of shape (…, n, n).
    upper
        Whether the factor is upper triangular.
    check_errors
        Whether a failure is an error after all.

    Returns
    -------
    L, info
        The factors, and 0, or the order of the first leading minor that is not positive definite.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.linalg.cholesky_ex(ft.tensor([[4.0, 0.0], [0.0, -1.0]])).info
    tensor(2)
    """
    A = as_array(A)
    if check_errors:
        return CholeskyEx(np.linalg.cholesky(A, upper=upper), np.zeros(shape_of(A)[:-2], np.int32))
    info = _minor_that_fails(A)
    return CholeskyEx(_where_regular(info, lambda x: np.linalg.cholesky(x, upper=upper), A), info)


def inv_ex(A: Any, *, check_errors: bool = False) -> InvEx:
    """Invert matrices, and tell by numbers which are singular.

    Parameters
    ----------
    A
        Matrices, of shape (…, n, n).
    check_errors
        Whether a failure is an error after all.

    Returns
    -------
    inverse, info
        The inverses, and 0, or which pivot is zero.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> inverse, info = ft.linalg.inv_ex(ft.tensor([[[2.0]], [[0.0]]]))
    >>> inverse.ravel(), info
    (tensor([0.5, nan]), tensor([0, 1]))
    """
    A = as_array(A)
    if check_errors:
        return InvEx(np.linalg.inv(A), np.zeros(shape_of(A)[:-2], np.int32))
    info = _pivot_that_fails(A)
    return InvEx(_where_regular(info, np.linalg.inv, A), info)


def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> SolveEx:
    """Solve linear systems, and tell by numbers which matrices are singular.

    Parameters
    ----------
    A
        Matrices, of shape (…, n, n).
    B
        The right-hand sides: a vector, or the columns (the rows, if not ``left``) of matrices.
    left
        Whether ``A`` stands on the left: ``A @ X = B``.
    check_errors
        Whether a failure is an error after all.

    Returns
    -------
    result, info
        The solutions, and 0, or which pivot is zero.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.linalg.solve_ex(ft.tensor([[2.0]]), ft.tensor([4.0]))
    SolveEx(result=tensor([2.]), info=tensor(0))
    """
    A, B = as_array(A), as_array(B)

    def solved(A: Any) -> Any:
        if left or B.ndim == 1:
            return np.linalg.solve(A if left else np.swapaxes(A, -1, -2), B)
        return np.swapaxes(np.linalg.solve(np.swapaxes(A, -1, -2), np.swapaxes(B, -1, -2)), -1, -2)

    if check_errors:
        return SolveEx(solved(A), np.zeros(shape_of(A)[:-2], np.int32))
    info = _pivot_that_fails(A)
    return SolveEx(_where_regular(info, solved, A, rank=1 if B.ndim == 1 else 2), info)


def _where_regular(info: Any, function: Callable[[Any], Any], A: Any, rank: int = 2) -> Any:
    """Apply a function to the matrices that are not marked; of the others the result is NaN."""
    regular = info == 0
    safe = np.where(regular[..., None, None], A, np.eye(shape_of(A)[-1], dtype=A.dtype))
    return np.where(regular.reshape(shape_of(regular) + (1,) * rank), function(safe), np.nan)


def _each(a: Any, try_all: Callable[[Any], Any], failure: Callable[[Any], int]) -> Any:
    try:
        try_all(a)
        return np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        found = [failure(x) for x in a.reshape(-1, *a.shape[-2:])]
        return np.array(found, np.int32).reshape(a.shape[:-2])


@zero_function(batch=same_axes)
def _minor_that_fails(a: Any) -> Any:
    """Return the order of the first leading minor that is not positive definite, or zero."""
    return _each(a, np.linalg.cholesky, _first_minor)


def _first_minor(a: Any) -> int:
    for order in range(1, len(a) + 1):
        try:
            np.linalg.cholesky(a[:order, :order])
        except np.linalg.LinAlgError:
            return order
    return 0


@zero_function(batch=same_axes)
def _pivot_that_fails(a: Any) -> Any:
    """Return the first pivot that is zero when rows are eliminated, or zero."""
    return _each(a, np.linalg.inv, _first_pivot)


def _first_pivot(a: Any) -> int:
    rest = np.array(a)
    for step in range(len(rest)):
        row = step + int(np.argmax(np.abs(rest[step:, step])))
        if rest[row, step] == 0:
            return step + 1
        rest[[step, row]] = rest[[row, step]]
        rest[step + 1 :] -= np.outer(rest[step + 1 :, step] / rest[step, step], rest[step])
    return 0
