"""Least squares: the solution, the residuals and the singular values of ``a @ x ≈ b``.

The derivative of the solution is that of the pseudo-inverse along matrices of the same rank; source: Golub and Pereyra,
as in `linalg_solve`. The residual at the solution is orthogonal to the columns of ``a``, so that the change of the
solution does not change its square to first order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.linalg_solve import pinv
from functorch_lite.calculus.matrices import adjoint, conjugate, exchange, matrix, tolerance
from functorch_lite.calculus.spectral import svd
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

__all__ = ["least_squares", "lstsq"]

# --- Derivatives ------------------------------------------------------------------------------------------------------
# With P the pseudo-inverse and r = b - a x:  dx = P (db - da x) + P Pᴴ daᴴ r + (I - P a) daᴴ Pᴴ x.


def _a_jvp(t: Any, ans: Any, a: Any, b: Any, rcond: Any) -> tuple[Any, ...]:
    x, p = ans[0], _pinv(a, rcond)
    th, ph, r = adjoint(t), adjoint(p), b - a @ x
    back = th @ (ph @ x)
    t_x = p @ (ph @ (th @ r) - t @ x) + back - p @ (a @ back)
    u, _, vh = svd(a)
    t_s = np.real((conjugate(u) * (t @ adjoint(vh))).sum(-2))
    return t_x, _residual_change(ans[1], r, -(t @ x)), None, t_s


def _b_jvp(t: Any, ans: Any, a: Any, b: Any, rcond: Any) -> tuple[Any, ...]:
    return _pinv(a, rcond) @ t, _residual_change(ans[1], b - a @ ans[0], t), None, None


def _residual_change(residuals: Any, r: Any, change: Any) -> Any:
    """Return the change of ``Σ |r|²`` over rows, of which NumPy gives none where ``a`` has not more rows than rank."""
    return 2 * np.real((conjugate(r) * change).sum(-2)) if shape_of(residuals)[-1] else None


def _a_vjp(g: Any, ans: Any, a: Any, b: Any, rcond: Any) -> Any:
    g_x, g_residuals, _, g_s = g
    x, total = ans[0], None
    if g_x is not None:
        p = _pinv(a, rcond)
        g_x, ph, r = conjugate(g_x), adjoint(p), b - a @ x
        along, back = ph @ g_x, ph @ x
        total = -(along @ adjoint(x)) + r @ adjoint(p @ along) + back @ adjoint(g_x - adjoint(a) @ along)
    if g_residuals is not None and shape_of(ans[1])[-1]:
        r = b - a @ x
        part = -2 * (r * g_residuals[..., None, :]) @ adjoint(x)
        total = part if total is None else total + part
    if g_s is not None:
        u, _, vh = svd(a)
        part = (u * g_s[..., None, :]) @ vh
        total = part if total is None else total + part
    return np.zeros_like(a) if total is None else conjugate(total)


def _b_vjp(g: Any, ans: Any, a: Any, b: Any, rcond: Any) -> Any:
    g_x, g_residuals = g[:2]
    total = None if g_x is None else exchange(_pinv(a, rcond)) @ g_x
    if g_residuals is not None and shape_of(ans[1])[-1]:
        part = 2 * conjugate(b - a @ ans[0]) * g_residuals[..., None, :]
        total = part if total is None else total + part
    return np.zeros_like(b) if total is None else total


def _pinv(a: Any, rcond: Any) -> Any:
    return pinv(a, max(rcond, max(shape_of(a)[-2:]) * float(np.finfo(a.dtype).eps)), False)


# --- The primitive ----------------------------------------------------------------------------------------------------


def _batch_of_problems(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    a, b = arrays
    if batched[0]:
        return primitive(a, b if batched[1] else np.broadcast_to(b, (size, *shape_of(b))), *params)
    # One matrix for the whole batch: the examples are right-hand sides of one problem.
    rows, columns = shape_of(b)[-2:]
    x, residuals, rank, s = primitive(a, np.reshape(np.moveaxis(b, 0, 1), (rows, size * columns)), *params)
    x = np.moveaxis(np.reshape(x, (shape_of(a)[-1], size, columns)), 1, 0)
    residuals = np.reshape(residuals, (size, columns if shape_of(residuals)[0] else 0))
    return x, residuals, np.full(size, rank), np.broadcast_to(s, (size, *shape_of(s)))


@general(Rule(_a_jvp, _a_vjp), Rule(_b_jvp, _b_vjp), multiple=True, batch=_batch_of_problems)
def least_squares(a: Any, b: Any, rcond: Any) -> Any:
    """Return NumPy's four results for matrices ``a`` and ``b``: solution, squared residuals, rank, singular values."""
    if a.ndim == b.ndim == 2:
        return tuple(np.linalg.lstsq(a, b, rcond))
    s = np.linalg.svdvals(a)
    rank = (s > rcond * s[..., :1]).sum(-1, dtype=np.intc)
    x = np.linalg.pinv(a, rcond) @ b
    rows, columns = a.shape[-2:]
    full = (rank == columns) & (rows > columns)
    if full.any() and not full.all():
        raise ValueError(
            f"np.linalg.lstsq at {user_line()} under vmap: some matrices of the batch are of full rank and some are "
            f"not, so that only some have residuals. Use np.linalg.pinv(a) @ b, which has the solution alone."
        )
    squares = np.abs(b - a @ x) ** 2
    residuals = squares.sum(-2) if full.all() and rows > columns else squares.sum(-2)[..., :0]
    return x, residuals, rank, s


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """Solve in the sense of least squares, as `numpy.linalg.lstsq` does."""
    a, b = matrix(a, "lstsq"), as_array(b)
    if a.dtype != b.dtype:  # the derivatives are computed in the precision of the solution
        both = np.result_type(a, b)
        a, b = a.astype(both), b.astype(both)
    is_vector = b.ndim == 1
    b = np.reshape(b, (-1, 1)) if is_vector else matrix(b, "lstsq")
    if a.ndim != 2 or b.ndim != 2:
        raise np.linalg.LinAlgError(f"lstsq takes one matrix and one or two axes of values, not {a.shape}, {b.shape}")
    if a.shape[0] != b.shape[0]:
        raise np.linalg.LinAlgError("Incompatible dimensions")
    rcond = tolerance(rcond, "lstsq")
    precision = float(np.finfo(float).eps)  # NumPy solves in double precision, whatever it is given
    rcond = precision * max(a.shape) if rcond is None else precision if rcond == -1 else rcond
    x, residuals, rank, s = least_squares(a, b, rcond)
    return (x[:, 0] if is_vector else x), residuals, rank, s
