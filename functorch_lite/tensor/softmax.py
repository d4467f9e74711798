"""Shares of a whole: softmax, its logarithm, and the logarithm of a sum of exponentials.

They are primitives: one step of the tape instead of five, and exact where exponentials overflow or vanish.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis, reduced_axes
from functorch_lite.calculus.batching import shifted_axes
from functorch_lite.calculus.declare import general
from functorch_lite.calculus.reductions import expanded
from functorch_lite.core.rules import Rule
from functorch_lite.tensor.method_table import method

__all__ = ["log_softmax", "logsumexp", "softmax", "softmax_", "softmin"]

# --- Primitives -------------------------------------------------------------------------------------------------------


def _softmax_rule(t: Any, ans: Any, axis: int) -> Any:
    """Return ``ans * (t - sum(ans * t))``, which is its own transpose."""
    return ans * (t - np.sum(ans * t, axis=axis, keepdims=True))


@general(Rule(_softmax_rule, _softmax_rule), batch=shifted_axes(0))
def softmax_(x: Any, axis: int) -> Any:
    """Divide exponentials by their sum along an axis, counted from the first."""
    weights = np.exp(x - x.max(axis, keepdims=True))
    return weights / weights.sum(axis, keepdims=True)


def _log_softmax_jvp(t: Any, ans: Any, axis: int) -> Any:
    return t - np.sum(np.exp(ans) * t, axis=axis, keepdims=True)


def _log_softmax_vjp(g: Any, ans: Any, axis: int) -> Any:
    return g - np.exp(ans) * np.sum(g, axis=axis, keepdims=True)


@general(Rule(_log_softmax_jvp, _log_softmax_vjp), batch=shifted_axes(0))
def _log_softmax(x: Any, axis: int) -> Any:
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def _shares(ans: Any, x: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.exp(x - expanded(ans, x_shape, axes, keepdims))


def _logsumexp_jvp(t: Any, ans: Any, x: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.sum(t * _shares(ans, x, x_shape, axes, keepdims), axis=axes, keepdims=keepdims)


def _logsumexp_vjp(g: Any, ans: Any, x: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    return expanded(g, x_shape, axes, keepdims) * _shares(ans, x, x_shape, axes, keepdims)


@general(Rule(_logsumexp_jvp, _logsumexp_vjp), batch=shifted_axes(0))
def _logsumexp(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    top = x.max(axes, keepdims=True)
    top = np.where(np.isinf(top), 0, top)
    total = np.log(np.exp(x - top).sum(axes, keepdims=True)) + top
    return total if keepdims else total.reshape([n for i, n in enumerate(total.shape) if i not in axes])


# --- Methods and functions --------------------------------------------------------------------------------------------


@method
def softmax(x: Any, dim: int = -1, dtype: Any = None) -> Any:
    """Return exponentials divided by their sum along an axis, which neither overflow nor vanish together.

    Parameters
    ----------
    x
        A real array.
    dim
        The axis, by default the last.
    dtype
        What to convert ``x`` to before, if not None.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.softmax(np.array([1000.0, 1000.0]), dim=0)
    array([0.5, 0.5])
    >>> ft.jacobian(ft.softmax)(np.zeros(2))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    x = as_array(x) if dtype is None else as_array(x).astype(dtype)
    return softmax_(x, only_axis(dim, x.ndim))


@method
def log_softmax(x: Any, dim: int = -1, dtype: Any = None) -> Any:
    """Return the logarithm of `softmax`, which never underflows; the arguments are the same.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    x = as_array(x) if dtype is None else as_array(x).astype(dtype)
    return _log_softmax(x, only_axis(dim, x.ndim))


def softmin(x: Any, dim: int = -1, dtype: Any = None) -> Any:
    """Return `softmax` of ``-x``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.softmin(np.array([0.0, 1000.0]))
    array([1., 0.])
    """
    return softmax(-x, dim, dtype)


@method
def logsumexp(x: Any, dim: Any, keepdim: bool = False) -> Any:
    """Return the logarithm of the sum of exponentials over axes, which neither overflows nor underflows.

    Parameters
    ----------
    x
        A real array.
    dim
        An axis, or a tuple of them.
    keepdim
        Whether the axes stay, with length one.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([1000.0, 1000.0])
    >>> ft.logsumexp(x, 0) - 1000.0
    tensor(0.69314718)
    >>> ft.grad(ft.logsumexp)(x, 0)
    tensor([0.5, 0.5])
    """
    x = as_array(x)
    return _logsumexp(x, reduced_axes(dim, x.ndim), bool(keepdim))
