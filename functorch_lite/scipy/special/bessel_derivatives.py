"""Derivatives of Bessel functions of any order, and spherical Bessel functions: those that are no ufuncs of SciPy's.

SciPy's functions convert their arguments to arrays; these are composed of ufuncs and primitives, which differentiate.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

from functorch_lite.calculus.arguments import as_array
from functorch_lite.scipy.special import bessel
from functorch_lite.scipy.special.ufuncs import sp

__all__ = [
    "h1vp",
    "h2vp",
    "ivp",
    "jvp",
    "kvp",
    "spherical_in",
    "spherical_jn",
    "spherical_kn",
    "spherical_yn",
    "yvp",
]


def _derivative(name: str, word: str, title: str, source: str, below: int, above: int) -> Callable[..., Any]:
    """Make the derivatives of a function whose first is half the sum, up to signs, of its neighbours in the order."""
    function = getattr(sp, word)

    def derivative(v: Any, z: Any, n: int = 1) -> Any:
        factors = (comb(n, i) * below ** (n - i) * above**i for i in range(n + 1))
        return sum(factor * function(v - n + 2 * i, z) for i, factor in enumerate(factors)) / 2.0**n

    derivative.__name__ = derivative.__qualname__ = name
    derivative.__doc__ = f"""Compute the derivative of order ``n`` of the {title} `{word}`.

    Source: DLMF {source}.

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
    >>> import scipy.special
    >>> from functorch_lite.scipy.special import {name}
    >>> bool(np.isclose({name}(1.5, 2.0), ft.jvp(lambda z: scipy.special.{word}(1.5, z), (2.0,), (1.0,))[1]))
    True
    """
    return derivative


jvp = _derivative("jvp", "jv", "Bessel function of the first kind", "10.6.7", 1, -1)
yvp = _derivative("yvp", "yv", "Bessel function of the second kind", "10.6.7", 1, -1)
ivp = _derivative("ivp", "iv", "modified Bessel function of the first kind", "10.29.5", 1, 1)
kvp = _derivative("kvp", "kv", "modified Bessel function of the second kind", "10.29.5", -1, -1)
h1vp = _derivative("h1vp", "hankel1", "Hankel function of the first kind", "10.6.7", 1, -1)
h2vp = _derivative("h2vp", "hankel2", "Hankel function of the second kind", "10.6.7", 1, -1)


def _spherical(name: str, title: str) -> Callable[..., Any]:
    function = getattr(bessel, name)

    def spherical(n: Any, z: Any, derivative: bool = False) -> Any:
        n, z = as_array(n), as_array(z)
        return bessel.spherical_slope(function, n, z) if derivative else function(n, z)

    spherical.__name__ = spherical.__qualname__ = name
    spherical.__doc__ = f"""Compute the {title}, or its derivative.

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
    >>> from functorch_lite.scipy.special import {name}
    >>> slope = ft.grad(lambda z: {name}(2, z))(1.5)
    >>> bool(np.isclose(slope, {name}(2, 1.5, derivative=True)))
    True
    """
    return spherical


spherical_jn = _spherical("spherical_jn", "spherical Bessel function of the first kind")
spherical_yn = _spherical("spherical_yn", "spherical Bessel function of the second kind")
spherical_in = _spherical("spherical_in", "modified spherical Bessel function of the first kind")
spherical_kn = _spherical("spherical_kn", "modified spherical Bessel function of the second kind")
