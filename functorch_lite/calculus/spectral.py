"""Eigenvalues of Hermitian matrices, and singular values.

Eigenvalues alone have primitives of their own, whose derivatives are exact also where eigenvalues repeat. Eigenvectors
have no derivative there: NaN with a warning, see `matrices.over_gaps`. A rule of several results takes None for the
cotangent of a result that was not used, and then divides by no gap.

A complex vector is determined up to its phase; the tangents here leave out the part along the vector (eigenvectors) or
share it evenly (singular vectors). Functions that do not depend on the phase have the same derivative in any choice.

Sources: Magnus, "On differentiating eigenvalues and eigenvectors", Econometric Theory 1 (1985); Townsend,
"Differentiating the Singular Value Decomposition" (2016); for complex matrices Wan and Zhang, "Automatic
differentiation for complex valued SVD" (2019).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.batching import same_axes
from functorch_lite.calculus.declare import general, zero_function
from functorch_lite.calculus.matrices import (
    adjoint,
    conjugate,
    diagonal_matrix,
    exchange,
    hermitian_part,
    matrix,
    over_gaps,
    over_values,
    skew_part,
    square,
)
from functorch_lite.core.errors import user_line
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

EighResult: Any = type(np.linalg.eigh(np.eye(1)))
SVDResult: Any = type(np.linalg.svd(np.eye(1)))

REPEATED_EIGENVALUES = (
    "eigenvectors of repeated eigenvalues (equal up to rounding) have no derivative, it is set to NaN; if only the "
    "eigenvalues matter, use np.linalg.eigvalsh, whose derivative is exact there"
)
REPEATED_SINGULAR_VALUES = (
    "singular vectors of repeated singular values (equal up to rounding) have no derivative, it is set to NaN; if only "
    "the singular values matter, use np.linalg.svdvals, whose derivative is exact there"
)
SINGULAR_VALUES_OF_ZERO = (
    "singular vectors of singular values that are zero (up to rounding) have no derivative, it is set to NaN; if only "
    "the singular values matter, use np.linalg.svdvals, whose derivative is exact there"
)

# --- Hermitian eigenvalues --------------------------------------------------------------------------------------------


def _eigh_jvp(t: Any, ans: Any) -> tuple[Any, Any]:
    w, v = ans
    inner = hermitian_part(adjoint(v) @ t @ v)
    return np.real(_diagonal(inner)), v @ over_gaps(inner, w, REPEATED_EIGENVALUES)


def _eigh_vjp(g: Any, ans: Any) -> Any:
    (g_w, g_v), (w, v) = g, ans
    if g_v is None:
        return conjugate((v * g_w[..., None, :]) @ adjoint(v))
    inner = over_gaps(adjoint(v) @ conjugate(g_v), w, REPEATED_EIGENVALUES)
    if g_w is not None:
        inner = inner + diagonal_matrix(g_w)
    return conjugate(v @ hermitian_part(inner) @ adjoint(v))


@general(Rule(_eigh_jvp, _eigh_vjp), multiple=True, batch=same_axes)
def eigh(a: Any, uplo: str) -> Any:
    """Decompose Hermitian matrices. One triangle is read; the derivative is that along the Hermitian part."""
    return tuple(np.linalg.eigh(a, uplo))  # type: ignore[call-overload]


def _eigvalsh_jvp(t: Any, a: Any, uplo: str) -> Any:
    v = eigh(a, uplo)[1]
    return np.real((conjugate(v) * (hermitian_part(t) @ v)).sum(-2))


def _eigvalsh_vjp(g: Any, a: Any, uplo: str) -> Any:
    v = eigh(a, uplo)[1]
    return conjugate((v * g[..., None, :]) @ adjoint(v))


@general(Rule(_eigvalsh_jvp, _eigvalsh_vjp), batch=same_axes)
def eigvalsh(a: Any, uplo: str) -> Any:
    """Return the eigenvalues of Hermitian matrices, ascending."""
    return np.linalg.eigvalsh(a, uplo)  # type: ignore[call-overload]


@implements(np.linalg.eigh)
def _eigh(a: Any, UPLO: str = "L") -> Any:
    return EighResult(*eigh(square(a, "eigh"), UPLO))


@implements(np.linalg.eigvalsh)
def _eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return eigvalsh(square(a, "eigvalsh"), UPLO)


# --- Singular values --------------------------------------------------------------------------------------------------


def _svd_jvp(t: Any, ans: Any) -> tuple[Any, Any, Any]:
    u, s, vh = ans
    v, uh = adjoint(vh), adjoint(u)
    inner = uh @ t @ v
    stretch = over_gaps(hermitian_part(inner), s, REPEATED_SINGULAR_VALUES)
    turn = over_values(skew_part(inner), _sums(s, inner), SINGULAR_VALUES_OF_ZERO)
    t_u, t_v = u @ (stretch + turn), v @ (stretch - turn)
    row = s[..., None, :]
    if u.shape[-2] > s.shape[-1]:
        tv = t @ v
        t_u = t_u + over_values(tv - u @ (uh @ tv), row, SINGULAR_VALUES_OF_ZERO)
    if vh.shape[-1] > s.shape[-1]:
        tu = adjoint(t) @ u
        t_v = t_v + over_values(tu - v @ (vh @ tu), row, SINGULAR_VALUES_OF_ZERO)
    return t_u, np.real(_diagonal(inner)), adjoint(t_v)


def _svd_vjp(g: Any, ans: Any) -> Any:
    (g_u, g_s, g_vh), (u, s, vh) = g, ans
    if g_u is None and g_vh is None:
        return conjugate((u * g_s[..., None, :]) @ vh)
    g_u, g_v = conjugate(g_u), None if g_vh is None else exchange(g_vh)
    v, uh = adjoint(vh), adjoint(u)
    along_u, along_v = None if g_u is None else uh @ g_u, None if g_v is None else vh @ g_v
    both = along_u if along_v is None else along_v if along_u is None else along_u + along_v
    apart = along_u if along_v is None else -along_v if along_u is None else along_u - along_v
    inner = hermitian_part(over_gaps(both, s, REPEATED_SINGULAR_VALUES)) + skew_part(
        over_values(apart, _sums(s, apart), SINGULAR_VALUES_OF_ZERO)
    )
    if g_s is not None:
        inner = inner + diagonal_matrix(g_s)
    result = u @ inner @ vh
    row = s[..., None, :]
    if g_u is not None and u.shape[-2] > s.shape[-1]:
        result = result + over_values(g_u - u @ along_u, row, SINGULAR_VALUES_OF_ZERO) @ vh
    if g_v is not None and vh.shape[-1] > s.shape[-1]:
        result = result + u @ adjoint(over_values(g_v - v @ along_v, row, SINGULAR_VALUES_OF_ZERO))
    return conjugate(result)


@general(Rule(_svd_jvp, _svd_vjp), multiple=True, batch=same_axes)
def svd(a: Any) -> Any:
    """Return reduced singular value decompositions."""
    return tuple(np.linalg.svd(a, full_matrices=False))


def _refuse_full() -> Any:
    raise NotImplementedError(
        f"np.linalg.svd of matrices that are not square has no derivative with full_matrices=True (NumPy's default): "
        f"the additional singular vectors are any basis of a complement. Pass full_matrices=False, or use "
        f"np.linalg.svdvals(a) for the singular values only; at {user_line()}"
    )


def _full_svd_vjp(g: Any, ans: Any) -> Any:
    (g_u, _, g_vh), (u, s, vh) = g, ans
    k = s.shape[-1]
    if (g_u is not None and u.shape[-1] > k) or (g_vh is not None and vh.shape[-2] > k):
        _refuse_full()
    return _svd_vjp(g, (u[..., :k], s, vh[..., :k, :]))


@general(Rule(lambda t: _refuse_full(), _full_svd_vjp), multiple=True, batch=same_axes)
def full_svd(a: Any) -> Any:
    """Return singular value decompositions with square U and Vᴴ of matrices that are not square."""
    return tuple(np.linalg.svd(a))


def _svdvals_jvp(t: Any, ans: Any, a: Any) -> Any:
    u, _, vh = svd(a)
    return np.sign(ans) * np.real((conjugate(u) * (t @ adjoint(vh))).sum(-2))


def _svdvals_vjp(g: Any, ans: Any, a: Any) -> Any:
    u, _, vh = svd(a)
    return conjugate((u * (np.sign(ans) * g)[..., None, :]) @ vh)


@general(Rule(_svdvals_jvp, _svdvals_vjp), batch=same_axes)
def svdvals(a: Any) -> Any:
    """Return singular values, descending. At zero they have a kink, like the absolute value; the derivative is 0."""
    return np.linalg.svd(a, compute_uv=False)


@implements(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if hermitian:
        return _hermitian_svd(square(a, "svd"), compute_uv)
    a = matrix(a, "svd")
    if not compute_uv:
        return svdvals(a)
    if full_matrices and a.shape[-1] != a.shape[-2]:
        return SVDResult(*full_svd(a))
    return SVDResult(*svd(a))


@implements(np.linalg.svdvals)
def _svdvals(x: Any, /) -> Any:
    return svdvals(matrix(x, "svdvals"))


@zero_function(batch=same_axes)
def matrix_rank(a: Any, tolerance: Any, hermitian: bool, rtol: Any) -> Any:
    """Return the ranks of matrices, which do not change under small changes of full rank."""
    return np.linalg.matrix_rank(a, tolerance, hermitian, rtol=rtol)


@implements(np.linalg.matrix_rank)
def _matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    if np.ndim(A) < 2:
        return 1 * np.any(A != 0)
    return matrix_rank(A, tol, hermitian, rtol)


# --- Parts of rules ---------------------------------------------------------------------------------------------------


def _hermitian_svd(a: Any, compute_uv: bool) -> Any:
    """Compose the singular value decomposition of Hermitian matrices of their eigenvalues, as NumPy does."""
    if not compute_uv:
        return np.flip(np.sort(np.abs(np.linalg.eigvalsh(a))), -1)
    w, v = np.linalg.eigh(a)
    order = np.flip(np.argsort(np.abs(w)), -1)
    w, v = np.take_along_axis(w, order, -1), np.take_along_axis(v, order[..., None, :], -1)
    return SVDResult(v, np.abs(w), adjoint(v * np.sign(w)[..., None, :]))


def _diagonal(x: Any) -> Any:
    return np.diagonal(x, axis1=-2, axis2=-1)


def _sums(s: Any, x: Any) -> Any:
    """Return the matrix of sums of singular values, by which nothing divides the zero diagonal of a real matrix."""
    sums = s[..., None, :] + s[..., :, None]
    return sums if x.dtype.kind == "c" else np.where(np.eye(s.shape[-1], dtype=bool), np.inf, sums)
