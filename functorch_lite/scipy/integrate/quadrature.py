"""Integrals of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array

__all__ = ["fixed_quad"]


def fixed_quad(func: Callable[..., Any], a: Any, b: Any, args: tuple[Any, ...] = (), n: int = 5) -> tuple[Any, None]:
    """Integrate a function from ``a`` to ``b`` by Gauss and Legendre's formula.

    Parameters
    ----------
    func
        ``func(x, *args)`` takes a vector of ``n`` positions; the last axis of its result belongs to them.
    a, b
        The limits.
    args
        Further arguments of ``func``.
    n
        The number of positions: polynomials of degree ``2 n - 1`` are integrated exactly.

    Returns
    -------
    value, None
        The integral, differentiable in the limits and in what ``func`` depends on; SciPy has the None there too.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.integrate import fixed_quad
    >>> decay = lambda rate, end: fixed_quad(lambda t: np.exp(-rate * t), 0.0, end)[0]
    >>> np.round(ft.grad(decay, (0, 1))(1.0, 2.0), 4)  # (3 exp(-2) - 1, exp(-2))
    array([-0.594 ,  0.1353])
    """
    a, b = as_array(a), as_array(b)
    if a.ndim or b.ndim:
        raise ValueError(f"fixed_quad takes numbers for limits, not arrays of shapes {a.shape} and {b.shape}")
    nodes, weights = np.polynomial.legendre.leggauss(n)
    half = (b - a) / 2
    return half * np.sum(weights * func(half * (nodes + 1) + a, *args), axis=-1), None
