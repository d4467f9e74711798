"""Cholesky and QR: the triangular decompositions.

Sources: Murray, "Differentiation of the Cholesky decomposition" (2016), after Smith (1995); Walter, Lehmann and Lamour,
"On evaluating higher-order derivatives of the QR decomposition of tall matrices with full column rank in forward and
reverse mode algorithmic differentiation" (2012); for wide matrices Roberts and Roberts, "QR and LQ Decomposition Matrix
Backpropagation Algorithms for Square, Wide, and Deep Matrices and Their Software Implementation" (2020).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.batching import same_axes
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.linalg_solve import INVERSE, solve
from functorch_lite.calculus.matrices import adjoint, conjugate, exchange, hermitian_part, matrix, real_dtype, square
from functorch_lite.core.errors import user_line
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

QRResult: Any = type(np.linalg.qr(np.eye(1)))

# --- Cholesky ---------------------------------------------------------------------------------------------------------


def _cholesky_jvp(t: Any, ans: Any, upper: bool) -> Any:
    factor = adjoint(ans) if upper else ans
    inverse = inverse_of_lower(factor)
    tangent = factor @ _half_lower(inverse @ hermitian_part(t) @ adjoint(inverse))
    return adjoint(tangent) if upper else tangent


def _cholesky_vjp(g: Any, ans: Any, upper: bool) -> Any:
    factor, g = (adjoint(ans), exchange(g)) if upper else (ans, conjugate(g))
    inverse = inverse_of_lower(factor)
    return conjugate(hermitian_part(adjoint(inverse) @ _half_lower(adjoint(factor) @ g) @ inverse))


@general(Rule(_cholesky_jvp, _cholesky_vjp), batch=same_axes)
def cholesky(a: Any, upper: bool) -> Any:
    """Return Cholesky factors. One triangle is read; the derivative is that of the function of the Hermitian part."""
    return np.linalg.cholesky(a, upper=upper)


@implements(np.linalg.cholesky)
def _cholesky(a: Any, /, *, upper: bool = False) -> Any:
    return cholesky(square(a, "cholesky"), bool(upper))


_DIRECT = 48


def _inverse_by_blocks(x: Any) -> Any:
    n = x.shape[-1]
    if n <= _DIRECT:
        return np.linalg.inv(x)
    half = n // 2
    first, last = _inverse_by_blocks(x[..., :half, :half]), _inverse_by_blocks(x[..., half:, half:])
    inverse = np.zeros_like(x)
    inverse[..., :half, :half] = first
    inverse[..., half:, half:] = last
    inverse[..., half:, :half] = -last @ x[..., half:, :half] @ first
    return inverse


@general(INVERSE, batch=same_axes)
def inverse_of_lower(x: Any) -> Any:
    """Invert lower triangular matrices, large ones by blocks: most of the work is products."""
    return _inverse_by_blocks(x)


def _half_lower(x: Any) -> Any:
    """Return the lower triangle with half the diagonal."""
    n, dtype = x.shape[-1], real_dtype(x)
    return x * (np.tri(n, dtype=dtype) - 0.5 * np.eye(n, dtype=dtype))


# --- QR ---------------------------------------------------------------------------------------------------------------


def _qr_jvp(t: Any, ans: Any) -> tuple[Any, Any]:
    q, r = ans
    k = q.shape[-1]
    # For a wide matrix the first columns alone determine Q.
    ratio = _over(t[..., :k], r[..., :k])
    along = adjoint(q) @ ratio
    rotation = _rotation(along)
    tangent = q @ rotation
    if q.shape[-2] > k:
        tangent = tangent + ratio - q @ along
    return tangent, _upper(adjoint(q) @ t - rotation @ r)


def _qr_vjp(g: Any, ans: Any) -> Any:
    q, r = ans
    k = q.shape[-1]
    g_q, g_r = conjugate(g[0]), conjugate(g[1])
    along = None if g_q is None else adjoint(q) @ g_q
    if g_r is not None:
        g_r = _upper(g_r)
        turned = -g_r @ adjoint(r) if along is None else along - g_r @ adjoint(r)
    else:
        turned = along
    result = q @ _rotation_adjoint(turned)
    if g_q is not None and q.shape[-2] > k:
        result = result + g_q - q @ along
    result = _over_adjoint(result, r[..., :k])
    if r.shape[-1] > k:
        result = np.concatenate([result, np.zeros((*r.shape[:-1], r.shape[-1] - k), r.dtype)], -1)
    return conjugate(result if g_r is None else result + q @ g_r)


@general(Rule(_qr_jvp, _qr_vjp), multiple=True, batch=same_axes)
def qr(a: Any) -> Any:
    """Return reduced QR decompositions."""
    return tuple(np.linalg.qr(a))


def _refuse_complete(t: Any) -> Any:
    raise NotImplementedError(
        f"np.linalg.qr(a, mode='complete') of matrices with more rows than columns has no derivative: the last columns "
        f"of Q are any basis of a complement. Use mode='reduced' (or 'r' for R only); at {user_line()}"
    )


@general(Rule(_refuse_complete, _refuse_complete), multiple=True, batch=same_axes)
def complete_qr(a: Any) -> Any:
    """Return QR decompositions with square Q of matrices with more rows than columns."""
    return tuple(np.linalg.qr(a, "complete"))


@implements(np.linalg.qr)
def _qr(a: Any, mode: str = "reduced") -> Any:
    a = matrix(a, "qr")
    if mode == "r":
        return qr(a)[1]
    if mode == "complete" and a.shape[-2] > a.shape[-1]:
        return QRResult(*complete_qr(a))
    if mode in ("reduced", "complete"):
        return QRResult(*qr(a))
    if mode == "raw":
        raise NotImplementedError(
            f"np.linalg.qr(a, mode='raw') gives LAPACK's reflectors, which have no derivative here; use "
            f"mode='reduced'; at {user_line()}"
        )
    raise ValueError(f"Unrecognized mode '{mode}'")


def _rotation(x: Any) -> Any:
    """Return the skew-Hermitian matrix Ω of dQ = QΩ + …: R keeps zeros below and a real diagonal."""
    below = _below(x)
    rotation = below - adjoint(below)
    return rotation + 1j * _diagonal_part(np.imag(x)) if x.dtype.kind == "c" else rotation


def _rotation_adjoint(x: Any) -> Any:
    skew = _below(x - adjoint(x))
    return skew + 1j * _diagonal_part(np.imag(x)) if x.dtype.kind == "c" else skew


def _over(x: Any, r: Any) -> Any:
    """Return ``x @ inv(r)``."""
    return exchange(solve(exchange(r), exchange(x)))


def _over_adjoint(x: Any, r: Any) -> Any:
    """Return ``x @ inv(rᴴ)``."""
    return exchange(solve(conjugate(r), exchange(x)))


def _below(x: Any) -> Any:
    return np.where(_is_below(x), x, 0)


def _upper(x: Any) -> Any:
    return np.where(_is_below(x), 0, x)


def _is_below(x: Any) -> Any:
    rows, columns = x.shape[-2:]
    return np.tri(rows, columns, -1, dtype=bool)


def _diagonal_part(x: Any) -> Any:
    return np.where(np.eye(x.shape[-1], dtype=bool), x, 0)
