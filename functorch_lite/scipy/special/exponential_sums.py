"""Sums of exponentials, without overflow: their logarithms, the shares in them, and Dirichlet's kernel.

SciPy's functions convert their arguments to arrays; these are composed of functions that differentiate.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.transforms.custom import stop_gradient

__all__ = ["diric", "log_softmax", "logsumexp", "softmax", "softplus"]


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """Compute ``log(sum(b * exp(a)))`` without overflow.

    Parameters
    ----------
    a
        An array, real or complex.
    axis
        The axis or axes to sum over; None is all.
    b
        Factors of the exponentials.
    keepdims
        Whether the axes stay, with length one.
    return_sign
        Whether to return the logarithm of the absolute value of the sum, and the sum's sign.

    Returns
    -------
    array, or a pair of arrays
        Without ``return_sign``, NaN where a real sum is negative. The derivative is NaN where all exponentials are
        zero: its weights, those of ``softmax``, are 0/0 there.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import logsumexp
    >>> ft.grad(logsumexp)(np.array([1000.0, 1000.0, -np.inf]))
    array([0.5, 0.5, 0. ])
    """
    a = as_array(a)
    if b is None:
        top = _finite_top(a, axis)
        terms = np.exp(a - top)
    else:
        b = as_array(b)
        top = _finite_top(np.where(b == 0, -np.inf, a), axis)
        terms = b * _weighted_exponentials(a - top, b, axis)
    total = np.sum(terms, axis=axis, keepdims=keepdims)
    shift = top if keepdims else np.squeeze(top, axis)
    if return_sign:
        return np.log(np.abs(total)) + shift, np.sign(total)
    if np.iscomplexobj(total) or b is None:
        return np.log(total) + shift
    return np.log(np.where(total < 0, np.nan, total)) + shift


def softmax(x: Any, axis: Any = None) -> Any:
    """Compute ``exp(x) / sum(exp(x))`` without overflow.

    Parameters
    ----------
    x
        An array, real or complex.
    axis
        The axis or axes to sum over; None is all.

    Returns
    -------
    array
        Of the shape of ``x``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import softmax
    >>> ft.jacobian(softmax)(np.array([0.0, 0.0]))
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    x = as_array(x)
    terms = np.exp(x - _finite_top(x, axis))
    return terms / np.sum(terms, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """Compute the logarithm of `softmax`, without overflow or underflow.

    Parameters
    ----------
    x, axis
        As for `softmax`.

    Returns
    -------
    array
        Of the shape of ``x``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import log_softmax
    >>> ft.jacobian(log_softmax)(np.array([0.0, 1000.0]))
    array([[ 1., -1.],
           [ 0.,  0.]])
    """
    x = as_array(x)
    shifted = x - _finite_top(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def softplus(x: Any) -> Any:
    """Compute ``log(1 + exp(x))`` without overflow. Its derivative is `scipy.special.expit`.

    Parameters
    ----------
    x
        An array.

    Returns
    -------
    array
        Of the shape of ``x``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import softplus
    >>> ft.vmap(ft.grad(softplus))(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return np.logaddexp(0, x)


def diric(x: Any, n: int) -> Any:
    """Compute Dirichlet's kernel ``sin(n x / 2) / (n sin(x / 2))``.

    At multiples of 2π, where the quotient has a limit, the sum of cosines that it stands for is not needed: the kernel
    is even there and its slope 0.

    Parameters
    ----------
    x
        Real numbers.
    n
        A positive int, in which there is no derivative; the result is NaN for another number.

    Returns
    -------
    array
        Of the shape of ``x``, differentiable in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import diric
    >>> x = 2 * np.pi * np.arange(3) / 3
    >>> bool(np.allclose(ft.vmap(ft.grad(lambda x: diric(x, 3)))(x), -2 / 3 * np.sin(x)))  # (1 + 2 cos x) / 3
    True
    """
    if n <= 0 or n != int(n):
        return np.full_like(x, np.nan)
    turns = np.rint(x / (2 * pi))
    half = (x - 2 * pi * turns) / 2
    quotient = np.sinc(n * half / pi) / np.sinc(half / pi)
    return quotient * (-1.0) ** (turns * (n - 1))


def _weighted_exponentials(x: Any, b: Any, axis: Any) -> Any:
    """Compute exp(x), which is the derivative by its weight where that is zero and leaves it out of the sum.

    There it may be infinite or NaN, and is replaced by a number near the largest. A sum of zero weights alone is a
    constant in ``x``.
    """
    largest = np.floor(np.log(np.finfo(x.dtype).max))
    possible = np.where((b != 0) | (np.real(x) < largest), x, largest)
    return np.exp(np.where(np.all(b == 0, axis=axis, keepdims=True), -np.inf, possible))


def _finite_top(x: Any, axis: Any) -> Any:
    """Return the largest real part along axes, which are kept, as a constant; 0 where it is infinite."""
    top = np.max(np.real(stop_gradient(x)), axis=axis, keepdims=True)
    return np.where(np.isfinite(top), top, 0)
