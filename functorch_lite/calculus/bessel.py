"""The modified Bessel function of order zero, `numpy.i0`, and its derivatives of every order.

The n-th derivative is ``(1/π) ∫₀^π cos(θ)ⁿ exp(x cos θ) dθ``. The trapezoidal rule takes such integrals of smooth
periodic functions to rounding error with few points (Trefethen and Weideman, "The Exponentially Convergent Trapezoidal
Rule", SIAM Review 56, 2014). For large ``x``, where the integrand is narrow, the substitution ``s = √(2x) sin(θ/2)``
makes it ``exp(-s²)`` times a smooth function, of which the same rule takes 14 points.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.primitive import Pointwise
from functorch_lite.core.tables import implements

#: Up to this argument 33 points of the first form reach double precision; from it on the second does.
_LARGE = 40.0
_ANGLES = np.pi * np.arange(33) / 32
_WEIGHTS = np.where((_ANGLES == 0) | (np.arange(33) == 32), 0.5, 1.0) / 32
_STEP = 0.48
_POINTS = _STEP * np.arange(14)
_GAUSSIAN = np.where(_POINTS == 0, 1.0, 2.0) * np.exp(-(_POINTS**2)) * _STEP


def _derivative_of(n: int, x: Any) -> Any:
    """Return the n-th derivative of I₀ at an array of real numbers."""
    size = np.abs(x).astype(float)[..., None]
    cosines = np.cos(_ANGLES)
    small = np.minimum(size, _LARGE)
    # The nodes lie symmetrically about π/2: the part of the exponential that cancels is left out beforehand.
    part = np.sinh if n % 2 else np.cosh
    by_angle = (_WEIGHTS * cosines**n * part(small * cosines)).sum(-1)
    large = np.maximum(size, _LARGE)
    narrow = _GAUSSIAN * (1 - _POINTS**2 / large) ** n / np.sqrt(1 - _POINTS**2 / (2 * large))
    large = large[..., 0]
    by_width = np.exp(large) / (np.pi * np.sqrt(2 * large)) * narrow.sum(-1)
    value = np.where(size[..., 0] < _LARGE, by_angle, by_width)
    return (np.where(x < 0, -value, value) if n % 2 else value).astype(getattr(x, "dtype", float))[()]


@cache
def _derivative(n: int) -> Pointwise:
    """Return the primitive of the n-th derivative, whose partial is that of the next."""
    return Pointwise(
        np.i0 if n == 0 else partial(_derivative_of, n), [lambda x: _derivative(n + 1)(x)], name=f"i0_order_{n}"
    )


@implements(np.i0)
def _i0(x: Any) -> Any:
    x = as_array(x)
    if x.dtype.kind == "c":
        raise TypeError("i0 not supported for complex values")
    return _derivative(0)(x if x.dtype.kind == "f" else x.astype(float))
