"""Factorials, binomial coefficients and multivariate gamma functions: what is composed of gamma functions.

SciPy's functions convert their arguments to arrays; these are composed of its ufuncs, which differentiate.
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np
import scipy.special

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.primitive import Pointwise, Primitive
from functorch_lite.core.trace import Tracer
from functorch_lite.scipy.special import gamma_functions
from functorch_lite.scipy.special.declare import refused
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["comb", "factorial", "multigammaln", "perm", "polygamma"]


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
