"""Riccati's equations: the cost of linear control that is optimal for a quadratic loss.

With the gain ``k`` of the optimal control and the closed loop ``c = a - b k``, the derivative of the cost does not see
that of the gain, and solves an equation of Lyapunov: of ``c`` and of the derivatives of the loss along it. Source: Kao
and Hennequin, "Automatic differentiation of Sylvester, Lyapunov, and algebraic Riccati equations" (2020).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from functorch_lite.calculus.arguments import refuse_foreign
from functorch_lite.calculus.batching import on_matrices
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.matrices import adjoint, hermitian_part, matrix, square
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.linalg.equations import solve_discrete_lyapunov, sylvester

__all__ = ["solve_continuous_are", "solve_discrete_are"]


def _twice(x: Any) -> Any:
    return x + adjoint(x)


# --- In continuous time -----------------------------------------------------------------------------------------------


def _closed(x: Any, a: Any, b: Any, r: Any) -> tuple[Any, Any]:
    gain = np.linalg.solve(r, adjoint(b) @ x)
    return gain, a - b @ gain


def _solved(loss: Any, closed: Any) -> Any:
    return -sylvester(adjoint(closed), closed, loss)


def _by_a(t: Any, ans: Any, a: Any, b: Any, r: Any) -> Any:
    return _solved(_twice(ans @ t), _closed(ans, a, b, r)[1])


def _by_b(t: Any, ans: Any, a: Any, b: Any, r: Any) -> Any:
    gain, closed = _closed(ans, a, b, r)
    return _solved(-_twice(ans @ t @ gain), closed)


def _by_q(t: Any, ans: Any, a: Any, b: Any, r: Any) -> Any:
    return _solved(t, _closed(ans, a, b, r)[1])


def _by_r(t: Any, ans: Any, a: Any, b: Any, r: Any) -> Any:
    gain, closed = _closed(ans, a, b, r)
    return _solved(adjoint(gain) @ t @ gain, closed)


@general(Rule(_by_a), Rule(_by_b), Rule(_by_q), Rule(_by_r), batch=on_matrices(2, 2, 2, 2))
def continuous_riccati(a: Any, b: Any, q: Any, r: Any) -> Any:
    """Solve ``aᴴ x + x a - x b r⁻¹ bᴴ x + q = 0``."""
    return _one_by_one("solve_continuous_are", scipy.linalg.solve_continuous_are, a, b, q, r)


def solve_continuous_are(a: Any, b: Any, q: Any, r: Any) -> Any:
    """Solve ``aᴴ @ x + x @ a - x @ b @ r⁻¹ @ bᴴ @ x + q = 0`` for the matrix ``x`` that stabilises.

    Parameters
    ----------
    a, b
        The system ``dy/dt = a y + b u``: matrices of shapes (…, n, n) and (…, n, m).
    q, r
        The loss ``yᴴ q y + uᴴ r u``: Hermitian matrices of shapes (…, n, n) and (…, m, m). SciPy's ``e`` and ``s`` are
        not here.

    Returns
    -------
    array
        Of shape (…, n, n), differentiable in all arguments. The gradients by ``q`` and ``r`` are Hermitian.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solve_continuous_are
    >>> one = np.eye(1)
    >>> cost = lambda q: solve_continuous_are(0 * one, one, q * one, one)[0, 0]  # √q
    >>> float(np.round(ft.grad(cost)(4.0), 6))
    0.25
    """
    return continuous_riccati(*_read("solve_continuous_are", a, b, q, r))


# --- In discrete time -------------------------------------------------------------------------------------------------


def _closed_step(x: Any, a: Any, b: Any, r: Any) -> tuple[Any, Any]:
    weighted = adjoint(b) @ x
    gain = np.linalg.solve(r + weighted @ b, weighted @ a)
    return gain, a - b @ gain


def _by_a_step(t: Any, ans: Any, a: Any, b: Any, r: Any) -> Any:
    closed = _closed_step(ans, a, b, r)[1]
    return solve_discrete_lyapunov(adjoint(closed), _twice(adjoint(closed) @ ans @ t))


def _by_b_step(t: Any, ans: Any, a: Any, b: Any, r: Any) -> Any:
    gain, closed = _closed_step(ans, a, b, r)
    return solve_discrete_lyapunov(adjoint(closed), -_twice(adjoint(closed) @ ans @ t @ gain))


def _by_q_step(t: Any, ans: Any, a: Any, b: Any, r: Any) -> Any:
    return solve_discrete_lyapunov(adjoint(_closed_step(ans, a, b, r)[1]), t)


def _by_r_step(t: Any, ans: Any, a: Any, b: Any, r: Any) -> Any:
    gain, closed = _closed_step(ans, a, b, r)
    return solve_discrete_lyapunov(adjoint(closed), adjoint(gain) @ t @ gain)


@general(Rule(_by_a_step), Rule(_by_b_step), Rule(_by_q_step), Rule(_by_r_step), batch=on_matrices(2, 2, 2, 2))
def discrete_riccati(a: Any, b: Any, q: Any, r: Any) -> Any:
    """Solve ``aᴴ x a - x - aᴴ x b (r + bᴴ x b)⁻¹ bᴴ x a + q = 0``."""
    return _one_by_one("solve_discrete_are", scipy.linalg.solve_discrete_are, a, b, q, r)


def solve_discrete_are(a: Any, b: Any, q: Any, r: Any) -> Any:
    """Solve ``aᴴ @ x @ a - x - aᴴ @ x @ b @ (r + bᴴ @ x @ b)⁻¹ @ bᴴ @ x @ a + q = 0`` for the ``x`` that stabilises.

    Parameters
    ----------
    a, b
        The system ``y[k + 1] = a y[k] + b u[k]``: matrices of shapes (…, n, n) and (…, n, m).
    q, r
        The loss ``yᴴ q y + uᴴ r u``: Hermitian matrices of shapes (…, n, n) and (…, m, m). SciPy's ``e`` and ``s`` are
        not here.

    Returns
    -------
    array
        Of shape (…, n, n), differentiable in all arguments. The gradients by ``q`` and ``r`` are Hermitian.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solve_discrete_are
    >>> one = np.eye(1)
    >>> cost = lambda q: solve_discrete_are(one, one, q * one, one)[0, 0]  # (q + √(q² + 4 q)) / 2
    >>> float(np.round(ft.grad(cost)(0.5), 6))
    1.333333
    """
    return discrete_riccati(*_read("solve_discrete_are", a, b, q, r))


# --- Both -------------------------------------------------------------------------------------------------------------


def _read(name: str, a: Any, b: Any, q: Any, r: Any) -> tuple[Any, Any, Any, Any]:
    a, b, q, r = square(a, name), matrix(b, name), square(q, name), square(r, name)
    n, m = shape_of(b)[-2:]
    if shape_of(a)[-1] != n or shape_of(q)[-1] != n or shape_of(r)[-1] != m:
        raise ValueError(
            f"{name} at {user_line()}: a, b, q and r have shapes {shape_of(a)}, {shape_of(b)}, {shape_of(q)} and "
            f"{shape_of(r)}; with b of shape (…, {n}, {m}) they must be (…, {n}, {n}), (…, {n}, {n}) and (…, {m}, {m})"
        )
    for x in (q, r):
        wrong = abs(x - adjoint(x)) > 1e-4 * np.max(abs(x), initial=0.0)
        if is_at_hand(wrong) and np.any(wrong):
            raise ValueError(f"{name} at {user_line()}: q and r must be Hermitian; write (q + q.T) / 2")
    return a, b, hermitian_part(q), hermitian_part(r)


def _one_by_one(name: str, solve: Any, *arrays: Any) -> Any:
    refuse_foreign(name, *arrays)
    shape = np.broadcast_shapes(*(x.shape[:-2] for x in arrays))
    dtype = np.result_type(*arrays)
    if not shape:
        return solve(*arrays).astype(dtype)
    flat = [np.broadcast_to(x, (*shape, *x.shape[-2:])).reshape(-1, *x.shape[-2:]) for x in arrays]
    solved = [solve(*each) for each in zip(*flat, strict=True)]
    return np.array(solved, dtype).reshape(*shape, *arrays[0].shape[-2:])
