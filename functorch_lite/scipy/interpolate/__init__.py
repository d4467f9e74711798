"""Interpolation: splines and other piecewise polynomials through points, and values on rectangular grids."""

from __future__ import annotations

from functorch_lite.scipy.interpolate.bsplines import BSpline, make_interp_spline
from functorch_lite.scipy.interpolate.cubic import (
    Akima1DInterpolator,
    CubicHermiteSpline,
    CubicSpline,
    PchipInterpolator,
)
from functorch_lite.scipy.interpolate.grids import RegularGridInterpolator
from functorch_lite.scipy.interpolate.piecewise import PPoly

__all__ = [
    "Akima1DInterpolator",
    "BSpline",
    "CubicHermiteSpline",
    "CubicSpline",
    "PPoly",
    "PchipInterpolator",
    "RegularGridInterpolator",
    "make_interp_spline",
]
