"""Norms of vectors and matrices, and the condition number. Any norm has derivative 0 at 0.

The derivative of a p-norm is ``sign(x) (|x| / ‖x‖)^(p-1)``, in which no power overflows. Among equal absolute values
the norms of order ±∞ share equally, as ``max`` does; so do the matrix norms that are a largest or smallest of several.
"""

from __future__ import annotations

import operator
from math import inf, prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from functorch_lite.calculus.arguments import as_array, kept_shape, reduced_axes
from functorch_lite.calculus.batching import on_matrices, shifted_axes
from functorch_lite.calculus.declare import general, linear
from functorch_lite.calculus.linalg_solve import inv_or_nan
from functorch_lite.calculus.matrices import conjugate, matrix, square
from functorch_lite.calculus.selection import as_scalar
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand
from functorch_lite.core.primitive import Pointwise
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements
from functorch_lite.core.trace import Tracer

# --- Primitives -------------------------------------------------------------------------------------------------------


def _over_norm(g: Any, norm: Any) -> Any:
    return over_norm(g, norm)


def _over_norm_jvp(t: Any, ans: Any, norm: Any) -> Any:
    return -over_norm(ans * t, norm)


def _over_norm_vjp(g: Any, ans: Any, norm: Any) -> Any:
    return -over_norm(np.real(g * ans), norm)


@linear(_over_norm, Rule(_over_norm_jvp, _over_norm_vjp), batch=on_matrices(0, 0))
def over_norm(x: Any, norm: Any) -> Any:
    """Divide by norms; where the norm is zero the quotient, and its derivative, is zero."""
    if is_at_hand(norm) and np.all(norm):  # most norms; a lazy one is not computed to know
        return x / norm
    zero = norm == 0
    return np.where(zero, 0, x) / np.where(zero, 1, norm)


def _norm_jvp(t: Any, ans: Any, x: Any, x_shape: tuple[int, ...], p: float | None, axes: tuple[int, ...]) -> Any:
    return np.real(_direction(ans, x, x_shape, p, axes) * t).sum(axes)


def _norm_vjp(g: Any, ans: Any, x: Any, x_shape: tuple[int, ...], p: float | None, axes: tuple[int, ...]) -> Any:
    return _spread(g, x_shape, axes) * _direction(ans, x, x_shape, p, axes)


@general(Rule(_norm_jvp, _norm_vjp), batch=shifted_axes(1))
def p_norm(x: Any, p: float | None, axes: tuple[int, ...]) -> Any:
    """Return the p-norms along one axis (p neither 0, 1 nor infinite) or along several, with p = 2.

    None is the 2-norm too, which NumPy sums in another order when it is that of the whole array.
    """
    if p is None and len(axes) == np.ndim(x) and is_at_hand(x):
        return np.linalg.norm(x)
    if len(axes) == 1:
        return np.linalg.norm(x, p, axes[0])
    return np.sqrt((np.conjugate(x) * x).real.sum(axes))


def _direction(ans: Any, x: Any, x_shape: tuple[int, ...], p: float | None, axes: tuple[int, ...]) -> Any:
    """Return the derivative of the p-norm; the real part of its product with a tangent is meant."""
    norm = _spread(ans, x_shape, axes)
    if p is None or p == 2:
        return conjugate(over_norm(x, norm))
    zero = norm == 0
    ratio = np.where(zero, 1, np.abs(x)) / np.where(zero, 1, norm)
    return conjugate(np.sign(x) * np.where(zero, 0, ratio ** (p - 1)))


def _spread(value: Any, x_shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """Give the value back the axes that the norm took away, with length one."""
    return value if len(axes) == len(x_shape) else value.reshape(kept_shape(x_shape, axes))


# --- NumPy's functions ------------------------------------------------------------------------------------------------


@implements(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = as_array(x)
    if x.dtype.kind not in "fc":
        x = x.astype(float)
    if axis is None:
        axes = tuple(range(x.ndim))
        if ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1):
            return _kept(p_norm(x, None, axes), x, axes, keepdims)
    else:
        try:
            axes = axis if isinstance(axis, tuple) else (operator.index(axis),)
        except TypeError as error:
            raise TypeError("'axis' must be None, an integer or a tuple of integers") from error
        axes = tuple(normalize_axis_index(a, x.ndim) for a in axes)
    if len(axes) == 1:
        return _vector_norm_along(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) != 2:
        raise ValueError("Improper number of dimensions to norm.")
    if axes[0] == axes[1]:
        raise ValueError("Duplicate axes given.")
    return _matrix_norm_along(x, ord, axes, keepdims)


@implements(np.linalg.vector_norm)
def _vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    x = as_array(x)
    axes = reduced_axes(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm_along(x, ord, axes, keepdims)
    others = tuple(i for i in range(x.ndim) if i not in axes)
    merged = x.transpose((*axes, *others)).reshape((prod(x.shape[i] for i in axes), *(x.shape[i] for i in others)))
    return _kept(_vector_norm_along(merged, ord, (0,), False), x, axes, keepdims)


@implements(np.linalg.matrix_norm)
def _matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    x = matrix(x, "matrix_norm")
    return _matrix_norm_along(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)


@implements(np.linalg.cond)
def _cond(x: Any, p: Any = None) -> Any:
    x = matrix(x, "cond")
    if 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError("cond is not defined on empty arrays")
    if p is None or p in (2, -2):
        s = np.linalg.svdvals(x)
        ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    else:
        x = square(x, "cond")
        ratio = np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(inv_or_nan(x), p, (-2, -1))
    return as_scalar(_infinite_where(ratio, np.isnan(ratio) & ~np.isnan(x).any((-2, -1))))


def _infinite_where_of(x: Any, where: Any) -> Any:
    return np.where(where, np.inf, x)


#: Infinity in the place of some numbers, which keep their derivatives: those of what is not a number are none either.
_infinite_where = Pointwise(_infinite_where_of, [1, None], name="infinite_where")


def _vector_norm_along(x: Any, p: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if isinstance(p, str):
        raise ValueError(f"Invalid norm order '{p}' for vectors")
    if p == inf:
        return _largest(np.abs(x), axes, keepdims)
    if p == -inf:
        return np.min(np.abs(x), axis=axes, keepdims=keepdims)
    if p == 1:
        return np.sum(np.abs(x), axis=axes, keepdims=keepdims)
    if p == 0:
        return np.sum((x != 0).astype(np.real(x).dtype), axis=axes, keepdims=keepdims)
    if isinstance(p, Tracer):
        raise TypeError(f"the order of a norm at {user_line()} is traced, but has no derivative; use ft.stop_gradient")
    return _kept(p_norm(x, p.item() if isinstance(p, np.generic) else p, axes), x, axes, keepdims)


def _matrix_norm_along(x: Any, p: Any, axes: tuple[int, int], keepdims: bool) -> Any:
    rows, columns = axes
    if p is None or p in ("fro", "f"):
        result = p_norm(x, 2, axes)
    elif p in (2, -2, "nuc"):
        s = np.linalg.svdvals(np.moveaxis(x, axes, (-2, -1)))
        result = np.sum(s, -1) if p == "nuc" else _largest(s, -1) if p == 2 else np.min(s, -1)
    elif p in (1, -1, inf, -inf):
        summed, other = axes if abs(p) == 1 else (columns, rows)
        sums = np.sum(np.abs(x), summed)
        other -= other > summed
        result = _largest(sums, other) if p > 0 else np.min(sums, other)
    else:
        raise ValueError("Invalid norm order for matrices.")
    return _kept(result, x, axes, keepdims)


def _kept(result: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return result.reshape(kept_shape(x.shape, axes)) if keepdims else result


def _largest(x: Any, axes: Any, keepdims: bool = False) -> Any:
    """Return the maximum of nonnegative numbers, 0 of none."""
    if 0 in x.shape:
        return np.max(x, axis=axes, keepdims=keepdims, initial=0)
    return np.max(x, axis=axes, keepdims=keepdims)
