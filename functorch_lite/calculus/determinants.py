"""Determinants, with derivatives that need no inverse.

The derivative of the determinant is the matrix of cofactors, a polynomial: it exists at every matrix. Up to order 3 it
is written out. Beyond, where the inverse is no good, it comes from the singular value decomposition A = U S Vᴴ as
``det(U Vᴴ) · conj(U) diag(∏_{j≠i} sⱼ) conj(V)ᵀ`` without a division, and its own derivative likewise: first and second
derivatives are exact at singular matrices of any rank. The third and higher ones of order 4 and up need the inverse,
and raise NumPy's error at a singular matrix.

Source: Stewart, "On the adjugate matrix", Linear Algebra Appl. 283 (1998).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.batching import on_matrices, same_axes
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.matrices import exchange, one_by_one, square
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))

# --- Primitives -------------------------------------------------------------------------------------------------------


@general(
    Rule(
        lambda t, a: (cofactors(a) * t).sum((-2, -1)),
        lambda g, a: one_by_one(g) * cofactors(a),
    ),
    batch=same_axes,
)
def det(a: Any) -> Any:
    """Return determinants."""
    return np.linalg.det(a)


def _slogdet_jvp(t: Any, ans: Any, a: Any) -> Any:
    z = (exchange(np.linalg.inv(a)) * t).sum((-2, -1))
    return (ans[0] * (1j * np.imag(z)), np.real(z)) if z.dtype.kind == "c" else (None, z)


def _slogdet_vjp(g: Any, ans: Any, a: Any) -> Any:
    g_sign, g_log = g
    if a.dtype.kind == "c" and g_sign is not None:
        turn = 1j * np.imag(g_sign * ans[0])
        g_log = turn if g_log is None else g_log + turn
    inverse = exchange(np.linalg.inv(a))
    return 0 * inverse if g_log is None else one_by_one(g_log) * inverse


@general(Rule(_slogdet_jvp, _slogdet_vjp), multiple=True, batch=same_axes)
def slogdet(a: Any) -> Any:
    """Return signs and logarithms of the absolute values of determinants."""
    return tuple(np.linalg.slogdet(a))


def _cofactors_derivative(t: Any, a: Any) -> Any:
    return cofactors_along(a, t)


@general(
    Rule(_cofactors_derivative, _cofactors_derivative),
    batch=same_axes,
)
def cofactor_matrix(a: Any) -> Any:
    """Return the matrices of cofactors: the derivative of the determinant."""
    well_conditioned = _determinant_and_inverse(a)
    if well_conditioned is not None:
        determinant, inverse = well_conditioned
        return determinant * exchange(inverse)
    u, s, vh, phase = _svd_and_phase(a)
    products = _products_without_one(s)
    return phase * np.conjugate(u) @ (products[..., None] * np.conjugate(vh))


@general(
    Rule(lambda s, a, t: _third_derivative(a, s, t), lambda g, a, t: _third_derivative(a, g, t)),
    Rule(vjp=_cofactors_derivative),
    batch=on_matrices(2, 2),
)
def cofactors_along(a: Any, t: Any) -> Any:
    """Return the derivative of the matrices of cofactors in the direction ``t``."""
    well_conditioned = _determinant_and_inverse(a)
    if well_conditioned is not None:
        determinant, inverse = well_conditioned
        ratio = inverse @ t
        return determinant * exchange(_trace(ratio) * inverse - ratio @ inverse)
    u, s, vh, phase = _svd_and_phase(a)
    x = np.conjugate(exchange(u)) @ t @ np.conjugate(exchange(vh))
    eye = np.eye(s.shape[-1], dtype=bool)
    # products[i, j] is the product of all singular values but the i-th and the j-th; 0 on the diagonal.
    products = np.where(eye, 0, _products_without_one(np.where(eye, 1, s[..., None, :])))
    diagonal = (products @ np.diagonal(x, axis1=-2, axis2=-1)[..., None])[..., 0]
    inner = np.where(eye, diagonal[..., None], -exchange(products * x))
    return phase * np.conjugate(u) @ inner @ np.conjugate(vh)


# --- NumPy's functions ------------------------------------------------------------------------------------------------


@implements(np.linalg.det)
def _det(a: Any) -> Any:
    return det(square(a, "det"))


@implements(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    return SlogdetResult(*slogdet(square(a, "slogdet")))


# --- Parts of rules ---------------------------------------------------------------------------------------------------


def cofactors(a: Any) -> Any:
    """Return the matrices of cofactors: up to order 3 by their polynomials, else by the primitive."""
    n = a.shape[-1]
    if n == 1:
        return np.ones(a.shape, a.dtype)
    if n == 2:
        return a[..., ::-1, ::-1] * np.array([[1, -1], [-1, 1]], a.dtype)
    if n == 3:
        x, y = np.take(a, (1, 2, 0), -2), np.take(a, (2, 0, 1), -2)
        one, other = np.take(x, (1, 2, 0), -1), np.take(x, (2, 0, 1), -1)
        return one * np.take(y, (2, 0, 1), -1) - other * np.take(y, (1, 2, 0), -1)
    return cofactor_matrix(a)


def _third_derivative(a: Any, s: Any, t: Any) -> Any:
    """Return the derivative of the determinant along ``s`` and ``t``, as a matrix; it needs the inverse."""
    inverse = np.linalg.inv(a)
    transposed = exchange(inverse)
    along_s = cofactors_along(a, s)
    along_t = transposed @ exchange(t)
    trace_t = _trace(inverse @ t)
    return (
        trace_t * along_s
        - _trace(inverse @ s @ inverse @ t) * cofactor_matrix(a)
        + (transposed @ exchange(s)) @ along_t @ cofactor_matrix(a)
        - along_t @ along_s
    )


def _trace(x: Any) -> Any:
    return one_by_one(np.trace(x, axis1=-2, axis2=-1))


def _determinant_and_inverse(a: Any) -> tuple[Any, Any] | None:
    """Return both if all the plain matrices are so far from singular that they keep most of their digits."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return None
    condition = np.linalg.norm(a, 1, (-2, -1)) * np.linalg.norm(inverse, 1, (-2, -1))
    determinant = np.linalg.det(a)
    number = np.finfo(inverse.dtype)
    size = np.abs(determinant)
    safe = (condition < number.eps ** (-1 / 3)) & (size > number.tiny / number.eps) & (size < number.max)
    return (one_by_one(determinant), inverse) if np.all(safe) else None


def _svd_and_phase(a: Any) -> tuple[Any, Any, Any, Any]:
    finite = np.isfinite(a).all((-2, -1))  # LAPACK does not return from a decomposition of infinities
    u, s, vh = np.linalg.svd(np.where(one_by_one(finite), a, 0))
    return u, np.where(finite[..., None], s, np.nan), vh, one_by_one(np.linalg.det(u) * np.linalg.det(vh))


def _products_without_one(s: Any) -> Any:
    """Return for each of the nonnegative numbers the product of the others, by logarithms as NumPy's determinant."""
    with np.errstate(divide="ignore"):
        logarithms = np.log(s)
    zero = np.zeros_like(s[..., :1])
    before = np.cumsum(np.concatenate([zero, logarithms[..., :-1]], -1), -1)
    after = np.cumsum(np.concatenate([zero, logarithms[..., :0:-1]], -1), -1)[..., ::-1]
    with np.errstate(over="ignore"):
        return np.exp(before + after)
