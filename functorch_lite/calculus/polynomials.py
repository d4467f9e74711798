"""Polynomials given by their coefficients, the highest power first: values, arithmetic, roots, fits.

NumPy drops leading coefficients that are zero. Under `vmap`, where each example may have others, none are dropped.
Roots are differentiated by the implicit function theorem: p(r) = 0 gives ``dr = -dp(r) / p'(r)``.
"""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np
from numpy.exceptions import RankWarning

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.batching import same_axes
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.least_squares import lstsq
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import known, shape_of
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

__all__ = ["roots_of"]

# --- Values and arithmetic --------------------------------------------------------------------------------------------


@implements(np.polyval)
def _polyval(p: Any, x: Any) -> Any:
    p, x = as_array(p), as_array(x)
    value = np.zeros_like(x)
    for i in range(shape_of(p)[0]):
        value = value * x + p[i]
    return value


@implements(np.polyadd)
def _polyadd(a1: Any, a2: Any) -> Any:
    a1, a2 = _of_one_length(a1, a2)
    return a1 + a2


@implements(np.polysub)
def _polysub(a1: Any, a2: Any) -> Any:
    a1, a2 = _of_one_length(a1, a2)
    return a1 - a2


@implements(np.polymul)
def _polymul(a1: Any, a2: Any) -> Any:
    return np.convolve(_without_leading_zeros(a1), _without_leading_zeros(a2))


@implements(np.polydiv)
def _polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    u, v = np.atleast_1d(as_array(u)) + 0.0, np.atleast_1d(as_array(v)) + 0.0
    if not len(u) or not len(v):
        raise IndexError("np.polydiv divides polynomials with one coefficient at least; one has none")
    steps, width = len(u) - len(v) + 1, len(v)
    if steps > 0:
        u, v = _coefficients(u), _coefficients(v)
    np.broadcast_shapes(u.shape[1:], v.shape[1:])  # NumPy gives back a table that has fewer rows, if its rows fit
    scale = 1.0 / v[0]
    remainder, quotient = u.astype(np.result_type(u.dtype, v.dtype)), []
    for k in range(steps):
        factor = scale * remainder[k]
        quotient.append(factor)
        reduced = remainder[k : k + width] - factor * v
        remainder = np.concatenate([remainder[:k], reduced, remainder[k + width :]])
    whole = np.stack(quotient) if quotient else np.zeros_like(remainder, shape=(1,))
    while remainder.shape[-1] > 1:
        leading = known(remainder[0])
        # What the division has cancelled is dropped in any case, more only where it is known.
        if not (steps > 0 if leading is None else np.allclose(leading, 0, rtol=1e-14)):
            break
        remainder, steps = remainder[1:], steps - 1
    return whole, remainder


@implements(np.polyder)
def _polyder(p: Any, m: Any = 1) -> Any:
    p, m = _vector(p), int(m)
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@implements(np.polyint)
def _polyint(p: Any, m: Any = 1, k: Any = None) -> Any:
    p, m = _vector(p), int(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = np.zeros(m) if k is None else np.ravel(as_array(k))
    if len(constants) == 1 and m > 1:
        constants = np.broadcast_to(constants, (m,))
    if len(constants) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for i in range(m):
        p = np.concatenate((p / np.arange(len(p), 0, -1), constants[i : i + 1]))
    return p


@implements(np.vander)
def _vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = as_array(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    columns = len(x) if N is None else operator.index(N)
    if columns < 0:
        raise ValueError("negative dimensions are not allowed")
    ones = np.ones((len(x), min(columns, 1)), np.result_type(x.dtype, int))
    repeated = np.broadcast_to(x[:, None], (len(x), max(columns - 1, 0)))
    powers = np.concatenate([ones, np.cumprod(repeated, 1)], 1)
    return powers if increasing else powers[:, ::-1]


# --- Roots ------------------------------------------------------------------------------------------------------------


def _powers_at_roots(roots: Any, length: int) -> Any:
    """Return the Vandermonde matrices of roots: one row a root, the highest power first."""
    repeated = np.broadcast_to(roots[..., None], (*shape_of(roots), length - 1))
    ones = np.ones((*shape_of(roots), 1), roots.dtype)
    return np.concatenate([ones, np.cumprod(repeated, -1)], -1)[..., ::-1]


def _slopes_at_roots(powers: Any, p: Any) -> Any:
    degree = shape_of(p)[-1] - 1
    return ((p[..., :-1] * np.arange(degree, 0, -1))[..., None, :] * powers[..., 1:]).sum(-1)


def _roots_jvp(t: Any, ans: Any, p: Any) -> Any:
    powers = _powers_at_roots(ans, shape_of(p)[-1])
    return -(powers * t[..., None, :]).sum(-1) / _slopes_at_roots(powers, p)


def _roots_vjp(g: Any, ans: Any, p: Any) -> Any:
    powers = _powers_at_roots(ans, shape_of(p)[-1])
    return -(powers * (g / _slopes_at_roots(powers, p))[..., None]).sum(-2)


@general(Rule(_roots_jvp, _roots_vjp), batch=same_axes)
def roots_of(p: Any, first: int, last: int) -> Any:
    """Return the roots of polynomials along the last axis: the eigenvalues of their companion matrices, as NumPy's.

    The coefficients before the first and behind the last one are known to be zero. They lower the degree, and give
    roots of zero, but the roots move with them as with all others.
    """
    inner, zeros = p[..., first : last + 1], p.shape[-1] - last - 1
    degree = last - first
    if not np.all(inner[..., 0]):
        raise np.linalg.LinAlgError(
            f"np.roots at {user_line()} of a polynomial whose first coefficient is 0: under jit and vmap leading zeros "
            f"are not dropped, as the number of roots would depend on values. Pass the coefficients without them."
        )
    if not degree:  # NumPy's roots are real then, unless they are to have complex derivatives
        return np.zeros((*p.shape[:-1], zeros), complex if p.dtype.kind == "c" else float)
    companion = np.zeros((*p.shape[:-1], degree, degree), p.dtype)
    companion[..., np.arange(1, degree), np.arange(degree - 1)] = 1
    companion[..., 0, :] = -inner[..., 1:] / inner[..., :1]
    roots = np.linalg.eigvals(companion)
    # From NumPy 2.5 on, eigenvalues are always complex; roots are real still where they can be.
    is_real = roots.dtype.kind == "c" != p.dtype.kind and not np.any(roots.imag)
    roots = roots.real.copy() if is_real else roots
    return np.concatenate([roots, np.zeros((*p.shape[:-1], zeros), roots.dtype)], -1) if zeros else roots


@implements(np.roots)
def _roots(p: Any) -> Any:
    p = _coefficients(p)
    p = p if p.dtype.kind in "fc" else p.astype(float)
    (present,) = _known_nonzero(p)
    if not len(present):
        return np.array([])
    return roots_of(p, int(present[0]), int(present[-1])) if len(p) > 1 else np.array([])


@implements(np.poly)
def _poly(seq_of_zeros: Any) -> Any:
    zeros = as_array(seq_of_zeros)
    zeros = zeros if zeros.ndim else np.reshape(zeros, (1,))
    is_real_matrix = zeros.ndim == 2 and zeros.dtype.kind != "c"  # the eigenvalues come in conjugate pairs
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        zeros = np.linalg.eigvals(zeros)
    elif zeros.ndim != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    if not len(zeros):
        return 1.0
    product = np.ones((1,), zeros.dtype)
    for i in range(len(zeros)):
        product = np.convolve(product, np.stack([np.ones((), zeros.dtype), -zeros[i]]))
    if product.dtype.kind != "c":
        return product
    if is_real_matrix:
        return np.real(product)
    plain = known(zeros)
    paired = plain is not None and np.all(np.sort(plain) == np.sort(np.conjugate(plain)))
    return np.real(product) if paired else product


# --- Fits -------------------------------------------------------------------------------------------------------------


@implements(np.polyfit)
def _polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    order = int(deg) + 1
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    if order < 1:
        raise ValueError("expected deg >= 0")
    if x.ndim != 1:
        raise TypeError("expected 1D vector for x")
    if not x.size:
        raise TypeError("expected non-empty vector for x")
    if y.ndim not in (1, 2):
        raise TypeError("expected 1D or 2D array for y")
    if x.shape[0] != y.shape[0]:
        raise TypeError("expected x and y to have same length")
    if rcond is None:
        rcond = len(x) * float(np.finfo(x.dtype).eps)
    matrix, values = np.vander(x, order), y
    if w is not None:
        w = as_array(w) + 0.0
        if w.shape != (y.shape[0],):
            raise TypeError(f"expected a 1-d array of {y.shape[0]} weights, one a point; w has shape {w.shape}")
        matrix = matrix * w[:, None]
        values = values * (w[:, None] if y.ndim == 2 else w)
    scale = np.sqrt((matrix * matrix).sum(axis=0))
    matrix = matrix / scale
    solution, residuals, rank, singular = lstsq(matrix, values, rcond)
    coefficients = np.transpose(np.transpose(solution) / scale)
    if full:
        return coefficients, residuals, rank, singular, rcond
    if known(rank) not in (None, order):
        warnings.warn("Polyfit may be poorly conditioned", RankWarning, stacklevel=4)
    if not cov:
        return coefficients
    base = np.linalg.inv(np.transpose(matrix) @ matrix) / np.outer(scale, scale)
    if cov == "unscaled":
        factor: Any = 1
    elif len(x) <= order:
        raise ValueError("the number of data points must exceed order to scale the covariance matrix")
    else:
        factor = residuals / (len(x) - order)
    return coefficients, (base if y.ndim == 1 else base[:, :, None]) * factor


# --- Coefficients -----------------------------------------------------------------------------------------------------


def _coefficients(p: Any) -> Any:
    p = as_array(p)
    p = p if p.ndim else np.reshape(p, (1,))
    if p.ndim != 1:
        raise ValueError(f"a polynomial is a 1-d array of coefficients; this one has shape {p.shape}")
    return p


def _vector(p: Any) -> Any:
    p = as_array(p)
    if not p.ndim:
        raise TypeError("len() of unsized object")
    return _coefficients(p)


def _of_one_length(p: Any, q: Any) -> tuple[Any, Any]:
    p, q = _coefficients(p), _coefficients(q)
    length = max(len(p), len(q))
    return tuple(  # type: ignore[return-value]
        a if len(a) == length else np.concatenate([np.zeros(length - len(a), a.dtype), a]) for a in (p, q)
    )


def _known_nonzero(p: Any) -> Any:
    """Return the positions of coefficients that are not zero; where they are not known, all positions."""
    plain = known(p)
    return (range(len(p)),) if plain is None else np.nonzero(plain)


def _without_leading_zeros(p: Any) -> Any:
    p = _coefficients(p)
    if not len(p):
        return np.zeros_like(p, shape=(1,))
    (present,) = _known_nonzero(p)
    return p[int(present[0]) :] if len(present) else p[-1:]
