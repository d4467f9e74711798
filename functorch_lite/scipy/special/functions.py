"""The plain functions of ``scipy.special``, which convert arguments to arrays, composed of what differentiates."""

from __future__ import annotations

from math import comb as binomial_coefficient
from math import log, pi
from typing import Any

import numpy as np
import scipy.special

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.primitive import Pointwise, Primitive
from functorch_lite.core.trace import Tracer
from functorch_lite.scipy.special import bessel, gamma_functions
from functorch_lite.scipy.special.declare import refused
from functorch_lite.scipy.special.ufuncs import sp
from functorch_lite.transforms.custom import stop_gradient

__all__ = [
    "comb",
    "diric",
    "factorial",
    "h1vp",
    "h2vp",
    "ivp",
    "jvp",
    "kvp",
    "log_softmax",
    "logsumexp",
    "multigammaln",
    "perm",
    "polygamma",
    "softmax",
    "softplus",
    "spherical_in",
    "spherical_jn",
    "spherical_kn",
    "spherical_yn",
    "yvp",
]

# --- Sums of exponentials ---------------------------------------------------------------------------------------------


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


# --- Gamma functions and counting -------------------------------------------------------------------------------------


def polygamma(n: Any, x: Any) -> Any:
    """Compute the derivative of order ``n`` of the digamma function.

    Parameters
    ----------
    n
        The order: an int, or an array of ints. Other numbers give NaN; there is no derivative in it.
    x
        Real numbers.

    Returns
    -------
    array
        ``ψ⁽ⁿ⁾(x)``, differentiable in ``x`` by the function of the next order.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import polygamma
    >>> bool(ft.grad(lambda x: polygamma(1, x))(2.5) == polygamma(2, 2.5))
    True
    """
    x = as_array(x)
    if np.ndim(n) == 0 and not isinstance(n, Tracer) and n == int(n):
        return gamma_functions.polygamma(int(n), x)
    n = _order.bind((as_array(n),), ())
    sign = np.where(n == np.floor(n), 1.0 - 2.0 * ((n + 1) % 2), np.nan)
    return np.where(n == 0, sp.psi(x), sign * sp.gamma(n + 1.0) * sp.zeta(np.maximum(n, 1) + 1, x))


#: The order, which has no derivative though the functions of it do.
_order: Primitive = Pointwise(lambda x: +x, (refused("polygamma", "n"),), name="order")


def multigammaln(a: Any, d: int) -> Any:
    """Compute the logarithm of the multivariate gamma function.

    Parameters
    ----------
    a
        Real numbers. Where they are not above ``(d - 1) / 2`` the result is NaN, where SciPy raises.
    d
        The dimension, an int.

    Returns
    -------
    array
        Of the shape of ``a``, differentiable in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import multigammaln
    >>> import scipy.special
    >>> slope = ft.grad(multigammaln)(3.0, 2)
    >>> bool(np.isclose(slope, scipy.special.digamma(3.0) + scipy.special.digamma(2.5)))
    True
    """
    if np.floor(d) != d or d < 1:
        raise ValueError(f"d should be a positive integer (dimension), not {d}")
    a = as_array(a)
    total = d * (d - 1) / 4 * log(pi) + sum(sp.gammaln(a - j / 2) for j in range(int(d)))
    return np.where(a > (d - 1) / 2, total, np.nan)


def factorial(n: Any, exact: bool = False) -> Any:
    """Compute n! = Γ(n + 1), and 0 for negative ``n``.

    Parameters
    ----------
    n
        Numbers, which need not be whole: the function is differentiable.
    exact
        Whether to compute with integers of any size, of plain integers only.

    Returns
    -------
    array
        Of the shape of ``n``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import factorial
    >>> factorial(np.array([0, 3, -1]))
    array([1., 6., 0.])
    >>> float(np.round(ft.grad(factorial)(0.0), 6))  # minus Euler's constant
    -0.577216
    """
    if exact:
        return scipy.special.factorial(n, exact=True)
    n = as_array(n)
    return np.where(n < 0, 0.0, sp.gamma(np.where(n < 0, 0.0, n) + 1))


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """Compute the number of ways to take ``k`` of ``N`` things, continued to real numbers.

    Parameters
    ----------
    N, k
        Numbers; where ``k > N`` or one is negative, the result is 0.
    exact
        Whether to compute with integers of any size, of plain integers only.
    repetition
        Whether a thing may be taken more than once.

    Returns
    -------
    array
        Differentiable in both.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import comb
    >>> comb(4, np.arange(6))
    array([1., 4., 6., 4., 1., 0.])
    >>> float(np.round(ft.grad(comb)(4.0, 2.0), 6))  # of N (N - 1) / 2
    3.5
    """
    if exact:
        return scipy.special.comb(N, k, exact=True, repetition=repetition)
    N, k = as_array(N), as_array(k)
    if repetition:
        return np.where((k == 0) & (N >= 0), 1.0, comb(N + k - 1, k))
    possible = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(possible, sp.binom(np.where(possible, N, 1.0), np.where(possible, k, 1.0)), 0.0)


def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """Compute the number of ways to take ``k`` of ``N`` things in order, continued to real numbers.

    Parameters
    ----------
    N, k
        Numbers; where ``k > N`` or one is negative, the result is 0.
    exact
        Whether to compute with integers of any size, of plain integers only.

    Returns
    -------
    array
        Differentiable in both.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import perm
    >>> float(perm(4.0, 2.0))
    12.0
    >>> float(np.round(ft.grad(perm)(4.0, 2.0), 6))  # of N (N - 1)
    7.0
    """
    if exact:
        return scipy.special.perm(N, k, exact=True)
    N, k = as_array(N), as_array(k)
    possible = (k <= N) & (N >= 0) & (k >= 0)
    return np.where(possible, sp.poch(np.where(possible, N - k + 1, 1.0), np.where(possible, k, 1.0)), 0.0)


# --- Derivatives of Bessel functions ----------------------------------------------------------------------------------


def jvp(v: Any, z: Any, n: int = 1) -> Any:
    """Compute the derivative of order ``n`` of the Bessel function of the first kind `jv`.

    Source: DLMF 10.6.7.

    Parameters
    ----------
    v
        The order of the function, in which there is no derivative.
    z
        Numbers, real or complex.
    n
        How many times to differentiate, an int.

    Returns
    -------
    array
        Differentiable in ``z``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import jvp
    >>> import scipy.special
    >>> bool(np.isclose(jvp(1.5, 2.0), ft.grad(lambda z: scipy.special.jv(1.5, z))(2.0)))
    True
    """
    return _bessel_derivative(sp.jv, v, z, n, -1)


def yvp(v: Any, z: Any, n: int = 1) -> Any:
    """Compute the derivative of order ``n`` of the Bessel function of the second kind `yv`.

    Source: DLMF 10.6.7.

    Parameters
    ----------
    v
        The order of the function, in which there is no derivative.
    z
        Numbers, real or complex.
    n
        How many times to differentiate, an int.

    Returns
    -------
    array
        Differentiable in ``z``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import yvp
    >>> import scipy.special
    >>> bool(np.isclose(yvp(1.5, 2.0), ft.grad(lambda z: scipy.special.yv(1.5, z))(2.0)))
    True
    """
    return _bessel_derivative(sp.yv, v, z, n, -1)


def ivp(v: Any, z: Any, n: int = 1) -> Any:
    """Compute the derivative of order ``n`` of the modified Bessel function of the first kind `iv`.

    Source: DLMF 10.29.5.

    Parameters
    ----------
    v
        The order of the function, in which there is no derivative.
    z
        Numbers, real or complex.
    n
        How many times to differentiate, an int.

    Returns
    -------
    array
        Differentiable in ``z``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import ivp
    >>> import scipy.special
    >>> bool(np.isclose(ivp(1.5, 2.0), ft.grad(lambda z: scipy.special.iv(1.5, z))(2.0)))
    True
    """
    return _bessel_derivative(sp.iv, v, z, n, 1)


def kvp(v: Any, z: Any, n: int = 1) -> Any:
    """Compute the derivative of order ``n`` of the modified Bessel function of the second kind `kv`.

    Source: DLMF 10.29.5.

    Parameters
    ----------
    v
        The order of the function, in which there is no derivative.
    z
        Numbers, real or complex.
    n
        How many times to differentiate, an int.

    Returns
    -------
    array
        Differentiable in ``z``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import kvp
    >>> import scipy.special
    >>> bool(np.isclose(kvp(1.5, 2.0), ft.grad(lambda z: scipy.special.kv(1.5, z))(2.0)))
    True
    """
    return (-1) ** n * _bessel_derivative(sp.kv, v, z, n, 1)


def h1vp(v: Any, z: Any, n: int = 1) -> Any:
    """Compute the derivative of order ``n`` of the Hankel function of the first kind `hankel1`.

    Source: DLMF 10.6.7.

    Parameters
    ----------
    v
        The order of the function, in which there is no derivative.
    z
        Numbers, real or complex.
    n
        How many times to differentiate, an int.

    Returns
    -------
    array
        Differentiable in ``z``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import h1vp
    >>> import scipy.special
    >>> bool(np.isclose(h1vp(1.5, 2.0), ft.jvp(lambda z: scipy.special.hankel1(1.5, z), (2.0,), (1.0,))[1]))
    True
    """
    return _bessel_derivative(sp.hankel1, v, z, n, -1)


def h2vp(v: Any, z: Any, n: int = 1) -> Any:
    """Compute the derivative of order ``n`` of the Hankel function of the second kind `hankel2`.

    Source: DLMF 10.6.7.

    Parameters
    ----------
    v
        The order of the function, in which there is no derivative.
    z
        Numbers, real or complex.
    n
        How many times to differentiate, an int.

    Returns
    -------
    array
        Differentiable in ``z``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import h2vp
    >>> import scipy.special
    >>> bool(np.isclose(h2vp(1.5, 2.0), ft.jvp(lambda z: scipy.special.hankel2(1.5, z), (2.0,), (1.0,))[1]))
    True
    """
    return _bessel_derivative(sp.hankel2, v, z, n, -1)


def _bessel_derivative(function: Any, v: Any, z: Any, n: int, phase: int) -> Any:
    """Source: DLMF 10.6.7 and 10.29.5."""
    terms = (phase**i * binomial_coefficient(n, i) * function(v - n + 2 * i, z) for i in range(n + 1))
    return sum(terms) / 2.0**n


def spherical_jn(n: Any, z: Any, derivative: bool = False) -> Any:
    """Compute the spherical Bessel function of the first kind, or its derivative.

    Parameters
    ----------
    n
        The order, integers that are not negative; there is no derivative in it.
    z
        Numbers, real or complex.
    derivative
        Whether to compute the derivative in ``z``.

    Returns
    -------
    array
        Differentiable in ``z``, with ``derivative`` too.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import spherical_jn
    >>> slope = ft.grad(lambda z: spherical_jn(2, z))(1.5)
    >>> bool(np.isclose(slope, spherical_jn(2, 1.5, derivative=True)))
    True
    """
    return _spherical(bessel.spherical_jn, n, z, derivative)


def spherical_yn(n: Any, z: Any, derivative: bool = False) -> Any:
    """Compute the spherical Bessel function of the second kind, or its derivative.

    Parameters
    ----------
    n
        The order, integers that are not negative; there is no derivative in it.
    z
        Numbers, real or complex.
    derivative
        Whether to compute the derivative in ``z``.

    Returns
    -------
    array
        Differentiable in ``z``, with ``derivative`` too.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import spherical_yn
    >>> slope = ft.grad(lambda z: spherical_yn(2, z))(1.5)
    >>> bool(np.isclose(slope, spherical_yn(2, 1.5, derivative=True)))
    True
    """
    return _spherical(bessel.spherical_yn, n, z, derivative)


def spherical_in(n: Any, z: Any, derivative: bool = False) -> Any:
    """Compute the modified spherical Bessel function of the first kind, or its derivative.

    Parameters
    ----------
    n
        The order, integers that are not negative; there is no derivative in it.
    z
        Numbers, real or complex.
    derivative
        Whether to compute the derivative in ``z``.

    Returns
    -------
    array
        Differentiable in ``z``, with ``derivative`` too.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import spherical_in
    >>> slope = ft.grad(lambda z: spherical_in(2, z))(1.5)
    >>> bool(np.isclose(slope, spherical_in(2, 1.5, derivative=True)))
    True
    """
    return _spherical(bessel.spherical_in, n, z, derivative)


def spherical_kn(n: Any, z: Any, derivative: bool = False) -> Any:
    """Compute the modified spherical Bessel function of the second kind, or its derivative.

    Parameters
    ----------
    n
        The order, integers that are not negative; there is no derivative in it.
    z
        Numbers, real or complex.
    derivative
        Whether to compute the derivative in ``z``.

    Returns
    -------
    array
        Differentiable in ``z``, with ``derivative`` too.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import spherical_kn
    >>> slope = ft.grad(lambda z: spherical_kn(2, z))(1.5)
    >>> bool(np.isclose(slope, spherical_kn(2, 1.5, derivative=True)))
    True
    """
    return _spherical(bessel.spherical_kn, n, z, derivative)


def _spherical(function: Any, n: Any, z: Any, derivative: bool) -> Any:
    n, z = as_array(n), as_array(z)
    return bessel.spherical_slope(function, n, z) if derivative else function(n, z)


# --- Others -----------------------------------------------------------------------------------------------------------


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
