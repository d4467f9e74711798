"""Matrix equations of Sylvester and Lyapunov, and the polar decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from functorch_lite.calculus.arguments import refuse_foreign
from functorch_lite.calculus.batching import on_matrices, same_axes
from functorch_lite.calculus.declare import general, zero_function
from functorch_lite.calculus.matrices import adjoint, conjugate, exchange, hermitian_part, matrix, square
from functorch_lite.core.rules import Rule

__all__ = ["polar", "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_sylvester"]


def _adjoint_solution(g: Any, a: Any, b: Any) -> Any:
    return sylvester(exchange(a), exchange(b), g)


def _left_jvp(t: Any, ans: Any, a: Any, b: Any) -> Any:
    return -sylvester(a, b, t @ ans)


def _left_vjp(g: Any, ans: Any, a: Any, b: Any) -> Any:
    return -_adjoint_solution(g, a, b) @ exchange(ans)


def _right_jvp(t: Any, ans: Any, a: Any, b: Any) -> Any:
    return -sylvester(a, b, ans @ t)


def _right_vjp(g: Any, ans: Any, a: Any, b: Any) -> Any:
    return -exchange(ans) @ _adjoint_solution(g, a, b)


@general(
    Rule(_left_jvp, _left_vjp),
    Rule(_right_jvp, _right_vjp),
    Rule(vjp=_adjoint_solution),
    batch=on_matrices(2, 2, 2),
)
def sylvester(a: Any, b: Any, q: Any) -> Any:
    """Solve ``a @ x + x @ b = q``."""
    refuse_foreign("solve_sylvester", a, b, q)
    if not q.size:
        leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2])
        return np.zeros((*leading, *q.shape[-2:]), np.result_type(a, b, q))
    return scipy.linalg.solve_sylvester(a, b, q)


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """Solve ``a @ x + x @ b = q`` for a matrix ``x``.

    Parameters
    ----------
    a, b
        Square matrices, of shapes (…, m, m) and (…, n, n). No eigenvalue of ``a`` is minus one of ``b``.
    q
        Matrices, of shape (…, m, n).

    Returns
    -------
    array
        Of shape (…, m, n), differentiable in all arguments: the derivatives are equations of the same kind.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solve_sylvester
    >>> a, b = np.diag([1.0, 2.0]), np.diag([3.0])
    >>> ft.grad(lambda q: np.sum(solve_sylvester(a, b, q)))(np.ones((2, 1)))
    array([[0.25],
           [0.2 ]])
    """
    return sylvester(square(a, "solve_sylvester"), square(b, "solve_sylvester"), matrix(q, "solve_sylvester"))


def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """Solve ``a @ x + x @ aᴴ = q`` for a matrix ``x``.

    Parameters
    ----------
    a, q
        Square matrices, of shape (…, n, n). No two eigenvalues of ``a`` have λ + conj(μ) = 0.

    Returns
    -------
    array
        Of the shape of ``q``, differentiable in both arguments.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solve_continuous_lyapunov
    >>> variance = lambda rate: solve_continuous_lyapunov(-rate * np.eye(1), -np.eye(1))[0, 0]  # 1 / (2 rate)
    >>> float(np.round(ft.grad(variance)(2.0), 6))
    -0.125
    """
    a = square(a, "solve_continuous_lyapunov")
    return solve_sylvester(a, adjoint(a), q)


def solve_discrete_lyapunov(a: Any, q: Any) -> Any:
    """Solve ``a @ x @ aᴴ - x + q = 0`` for a matrix ``x``.

    It is solved directly, as one linear system of n² equations: SciPy's argument ``method`` is not taken.

    Parameters
    ----------
    a, q
        Square matrices, of shape (…, n, n). No two eigenvalues of ``a`` have λ · conj(μ) = 1.

    Returns
    -------
    array
        Of the shape of ``q``, differentiable in both arguments.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import solve_discrete_lyapunov
    >>> variance = lambda a: solve_discrete_lyapunov(a * np.eye(1), np.eye(1))[0, 0]  # 1 / (1 - a²)
    >>> float(np.round(ft.grad(variance)(0.5), 6))  # 2a / (1 - a²)²
    1.777778
    """
    a, q = square(a, "solve_discrete_lyapunov"), square(q, "solve_discrete_lyapunov")
    n = a.shape[-1]
    products = a[..., :, None, :, None] * conjugate(a)[..., None, :, None, :]
    system = np.eye(n * n, dtype=a.dtype) - products.reshape(*a.shape[:-2], n * n, n * n)
    return np.linalg.solve(system, q.reshape(*q.shape[:-2], n * n, 1)).reshape(q.shape)


# --- The polar decomposition ------------------------------------------------------------------------------------------


@zero_function(batch=same_axes)
def _nan_if_singular(p: Any) -> Any:
    """Return NaN for positive matrices without full rank, where there is no derivative, and else 1."""
    values = np.linalg.eigvalsh(p)
    resolved = np.finfo(values.dtype).eps * p.shape[-1] * values.max(-1, initial=0.0)
    return np.where(values.min(-1, initial=np.inf) > resolved, 1.0, np.nan).astype(values.dtype)[..., None, None]


def _over(x: Any, p: Any) -> Any:
    """Return x p⁻¹."""
    return exchange(np.linalg.solve(exchange(p), exchange(x)))


def _polar_jvp(t: Any, ans: Any) -> tuple[Any, Any]:
    """With Ω = uᴴ du, which is skew: uᴴ da = Ω p + dp, so p Ω + Ω p = uᴴ da - daᴴ u; du is u Ω and what is not in u.

    The equation divides by sums of singular values: it knows no ties. Source: Higham, *Functions of Matrices* (2008),
    section 8.2.
    """
    u, p = ans
    inner = adjoint(u) @ t
    skew = sylvester(p, p, inner - adjoint(inner))
    turned = u @ skew
    if u.shape[-2] > u.shape[-1]:
        turned = turned + _over(t - u @ inner, p)
    valid = _nan_if_singular(p)
    return valid * turned, valid * hermitian_part(inner - skew @ p)


def _polar_vjp(g: Any, ans: Any) -> Any:
    u, p = ans
    by_u, by_p = conjugate(g[0]), conjugate(g[1])
    inner: Any = 0.0
    if by_p is not None:
        inner = by_p
    projected = 0.0 if by_u is None else adjoint(u) @ by_u
    by_skew = projected - (0.0 if by_p is None else by_p @ p)
    by_a = u @ (inner + sylvester(p, p, by_skew - adjoint(by_skew)))
    if by_u is not None and u.shape[-2] > u.shape[-1]:
        by_a = by_a + _over(by_u - u @ projected, p)
    return _nan_if_singular(p) * conjugate(by_a)


@general(Rule(_polar_jvp, _polar_vjp), multiple=True, batch=same_axes)
def _polar(a: Any) -> Any:
    """Return u with orthonormal columns and the positive p of a = u p, by singular values: aᴴa would square a."""
    refuse_foreign("polar", a)
    w, s, vh = np.linalg.svd(a, full_matrices=False)
    return w @ vh, (adjoint(vh) * s[..., None, :]) @ vh


def polar(a: Any, side: str = "right") -> tuple[Any, Any]:
    """Decompose matrices of full rank into a positive definite one and one with orthonormal columns (rows).

    ``p`` is positive definite, the square root of ``aᴴ a`` (``a aᴴ``), whose derivative knows no ties of singular
    values; ``u`` has orthonormal columns (rows). Without full rank there are values, and derivatives are NaN.

    Parameters
    ----------
    a
        Matrices, of shape (…, m, n), of full column rank (row rank for ``"left"``).
    side
        ``"right"``: ``a = u @ p``; ``"left"``: ``a = p @ u``.

    Returns
    -------
    u, p
        The factors; ``u`` has the shape of ``a``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.linalg import polar
    >>> angle = lambda a: np.arctan2(polar(a)[0][1, 0], polar(a)[0][0, 0])  # of the nearest rotation
    >>> bool(np.allclose(ft.grad(angle)(np.eye(2)), [[0.0, -0.5], [0.5, 0.0]]))
    True
    """
    a = matrix(a, "polar")
    if side == "right":
        return tuple(_polar(a))
    if side != "left":
        raise ValueError(f"side must be 'right' or 'left', not {side!r}")
    u, p = _polar(adjoint(a))
    return adjoint(u), p
