"""Functions of ``scipy.ndimage`` for traced values: filters of images, and their values between points."""

from __future__ import annotations

from functorch_lite.scipy.ndimage.edges import gaussian_gradient_magnitude, gaussian_laplace, laplace, prewitt, sobel
from functorch_lite.scipy.ndimage.filters import (
    convolve,
    convolve1d,
    correlate,
    correlate1d,
    gaussian_filter,
    gaussian_filter1d,
    uniform_filter,
    uniform_filter1d,
)
from functorch_lite.scipy.ndimage.places import map_coordinates, spline_filter, spline_filter1d
from functorch_lite.scipy.ndimage.resampling import affine_transform, rotate, shift, zoom

__all__ = [
    "affine_transform",
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "laplace",
    "map_coordinates",
    "prewitt",
    "rotate",
    "shift",
    "sobel",
    "spline_filter",
    "spline_filter1d",
    "uniform_filter",
    "uniform_filter1d",
    "zoom",
]
