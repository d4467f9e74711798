"""Eigenvalues and eigenvectors of general square matrices.

With ``a = V diag(w) V⁻¹`` the change of ``a`` by ``t``, seen from the eigenvectors, is ``V⁻¹ t V``: its diagonal
changes the eigenvalues, the rest over the gaps between them turns the eigenvectors. What is free in an eigenvector is
its length and phase; LAPACK makes the length 1 and one component, the largest, real, and so do the derivatives here.

Where eigenvalues repeat, eigenvectors have no derivative: NaN with a warning, see `matrices.over_gaps`. Eigenvalues
have one as long as the matrix can be diagonalised, in the sense that symmetric functions of them (their sum, their
product) have the right derivative. A matrix that cannot be diagonalised has eigenvalues of infinite slope: NaN with a
warning.

Sources: Boeddeker, Hanebrink, Drude, Heymann and Haeb-Umbach, "On the computation of complex-valued gradients with
application to statistically optimum beamforming" (2017); Magnus, "On differentiating eigenvalues and eigenvectors",
Econometric Theory 1 (1985).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functorch_lite.calculus.batching import same_axes
from functorch_lite.calculus.declare import general, zero_function
from functorch_lite.calculus.matrices import UNRESOLVED, conjugate, diagonal_matrix, exchange, over_gaps, square
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

__all__ = ["eig", "eigvals"]

EigResult: Any = type(np.linalg.eig(np.eye(1)))

REPEATED = (
    "eigenvectors of repeated eigenvalues (equal up to rounding) have no derivative, it is set to NaN; if only the "
    "eigenvalues matter, use np.linalg.eigvals"
)
DEFECTIVE = (
    "a matrix that cannot be diagonalised has eigenvalues of infinite slope; their derivative is set to NaN. A sum or "
    "product of all eigenvalues is np.trace or np.linalg.det, which have a derivative everywhere"
)

# --- Parts of rules ---------------------------------------------------------------------------------------------------


@general(Rule(lambda t, ans: -ans @ t @ ans, lambda g, ans: -exchange(ans) @ g @ exchange(ans)), batch=same_axes)
def _left_eigenvectors(v: Any) -> Any:
    """Invert matrices of eigenvectors; a row too large to have a meaning is NaN, with a warning.

    A row's size is the condition number of its eigenvalue; beyond the precision it says that the matrix of which
    these are the eigenvectors cannot be told from one that has too few.
    """
    try:
        left = np.linalg.inv(v)
    except np.linalg.LinAlgError:
        left = np.full_like(v, np.inf)
    defective = ~(np.max(np.abs(left), -1, initial=0) * np.finfo(v.dtype).eps * UNRESOLVED < 1)
    if defective.any():
        warnings.warn(f"{DEFECTIVE}; at {user_line()}", RuntimeWarning, stacklevel=2)
        left = np.where(defective[..., None], np.nan, left)
    return left


@zero_function(batch=same_axes)
def _real_components(v: Any) -> Any:
    """Return which component of each eigenvector was made real: the largest of those that are. Shape (…, 1, n)."""
    return np.argmax(np.where(np.imag(v) == 0, np.abs(v), -1.0), -2, keepdims=True)


def _eig_jvp(t: Any, ans: Any) -> tuple[Any, Any]:
    w, v = ans
    inner = _left_eigenvectors(v) @ t @ v
    turned = v @ over_gaps(inner, w, REPEATED)
    length = np.real((conjugate(v) * turned).sum(-2, keepdims=True))
    if turned.dtype.kind == "c":
        place = _real_components(v)
        along, component = np.take_along_axis(turned, place, -2), np.take_along_axis(v, place, -2)
        length = length + 1j * np.imag(along) / np.real(component)
    return np.diagonal(inner, axis1=-2, axis2=-1), turned - v * length


def _eig_vjp(g: Any, ans: Any) -> Any:
    (g_w, g_v), (w, v) = g, ans
    inner = None
    if g_v is not None:
        lost = (g_v * v).sum(-2, keepdims=True)
        g_v = g_v - np.real(lost) * conjugate(v)
        if v.dtype.kind == "c":
            place = _real_components(v)
            is_real_one = np.expand_dims(np.arange(shape_of(v)[-1]), -1) == place
            g_v = g_v - is_real_one * (1j * np.imag(lost) / np.real(np.take_along_axis(v, place, -2)))
        inner = over_gaps(exchange(v) @ g_v, w, REPEATED)
    if g_w is not None:
        diagonal = diagonal_matrix(g_w)
        inner = diagonal if inner is None else inner + diagonal
    return exchange(_left_eigenvectors(v)) @ inner @ exchange(v)


# --- Primitives -------------------------------------------------------------------------------------------------------


@general(Rule(_eig_jvp, _eig_vjp), multiple=True, batch=same_axes)
def eig(a: Any) -> Any:
    """Return eigenvalues and, in columns, eigenvectors of length one."""
    return tuple(np.linalg.eig(a))


def _batch_of_matching(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    return primitive.bind(tuple(np.broadcast_arrays(*arrays)), params)


@zero_function(2, batch=_batch_of_matching)
def _positions_among(wanted: Any, values: Any) -> Any:
    """Return where each wanted eigenvalue stands among the same ones, computed otherwise and in another order."""
    if not wanted.shape[-1]:
        return np.zeros(wanted.shape, np.intp)
    nearest = np.argmin(np.abs(wanted[..., :, None] - values[..., None, :]), -1)
    # Equal eigenvalues have the same nearest: then the one order is matched with the other.
    order, other = (np.argsort(np.argsort(x, -1), -1) for x in (wanted, values))
    in_order = np.take_along_axis(np.argsort(other, -1), order, -1)
    one_to_one = (np.sort(nearest, -1) == np.arange(wanted.shape[-1])).all(-1, keepdims=True)
    return np.where(one_to_one, nearest, in_order)


def _vectors(ans: Any, a: Any) -> Any:
    """Return the eigenvectors that belong to eigenvalues; LAPACK's order is another where it makes none."""
    w, v = eig(a)
    return np.take_along_axis(v, np.expand_dims(_positions_among(ans, w), -2), -1)


def _eigvals_jvp(t: Any, ans: Any, a: Any) -> Any:
    v = _vectors(ans, a)
    return (exchange(_left_eigenvectors(v)) * (t @ v)).sum(-2)


def _eigvals_vjp(g: Any, ans: Any, a: Any) -> Any:
    v = _vectors(ans, a)
    return exchange((v * g[..., None, :]) @ _left_eigenvectors(v))


@general(Rule(_eigvals_jvp, _eigvals_vjp), batch=same_axes)
def eigvals(a: Any) -> Any:
    """Return eigenvalues."""
    return np.linalg.eigvals(a)


@implements(np.linalg.eig)
def _eig(a: Any) -> Any:
    return EigResult(*eig(square(a, "eig")))


@implements(np.linalg.eigvals)
def _eigvals(a: Any) -> Any:
    return eigvals(square(a, "eigvals"))
