"""Spherical harmonics, whose slopes are harmonics of the neighbouring orders, also at the poles (DLMF 14.10.4)."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.primitive import Primitive
from functorch_lite.scipy.special.declare import elementwise

__all__ = ["sph_harm_y"]


def sph_harm_y(n: Any, m: Any, theta: Any, phi: Any, *, diff_n: int = 0) -> Any:
    """Compute a spherical harmonic ``Y(n, m; θ, φ)``.

    Parameters
    ----------
    n, m
        The degree and the order, integers with ``n >= abs(m)``; there is no derivative in them.
    theta, phi
        The polar angle, which is 0 at the north pole, and the azimuth.
    diff_n
        SciPy's count of derivatives, of plain arrays only; transformations differentiate to any order.

    Returns
    -------
    array
        Complex, of all arguments broadcast; differentiable in both angles.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.special import sph_harm_y
    >>> slope = ft.grad(lambda theta: np.real(sph_harm_y(1, 0, theta, 0.0)))(0.5)
    >>> bool(np.isclose(slope, -np.sqrt(3 / (4 * np.pi)) * np.sin(0.5)))  # of √(3/4π) cos θ
    True
    """
    if diff_n:
        return scipy.special.sph_harm_y(n, m, theta, phi, diff_n=diff_n)
    theta, phi = (x if x.dtype.kind == "f" else x.astype(float) for x in (as_array(theta), as_array(phi)))
    return _harmonic.bind((as_array(n), as_array(m), theta, phi), ())


def _in_theta(n: Any, m: Any, theta: Any, phi: Any) -> Any:
    """½ (√((n-m)(n+m+1)) e^(-iφ) Y(m+1) - √((n+m)(n-m+1)) e^(iφ) Y(m-1)); beyond the poles SciPy's values are even."""
    turn = np.exp(1j * phi)
    above, below = np.maximum((n - m) * (n + m + 1.0), 0.0), np.maximum((n + m) * (n - m + 1.0), 0.0)
    raised = np.sqrt(above) * _harmonic.bind((n, m + 1, theta, phi), ()) / turn
    lowered = np.sqrt(below) * _harmonic.bind((n, m - 1, theta, phi), ()) * turn
    slope = 0.5 * (raised - lowered)
    return np.where(np.sin(theta) < 0, -slope, slope)


# SciPy's function is no ufunc; this primitive stands for it.
_harmonic: Primitive = elementwise(
    scipy.special.sph_harm_y,
    None,
    None,
    lambda ans, n, m, theta, phi: _in_theta(n, m, theta, phi),
    lambda ans, n, m, theta, phi: 1j * m * ans,
    name="sph_harm_y",
)
