"""Functions of ``scipy.signal`` for traced values, with SciPy's arguments."""

from __future__ import annotations

from functorch_lite.scipy.signal.convolution import convolve, correlate, fftconvolve, oaconvolve
from functorch_lite.scipy.signal.filtering import detrend, hilbert, lfilter, savgol_filter, sosfilt

__all__ = [
    "convolve",
    "correlate",
    "detrend",
    "fftconvolve",
    "hilbert",
    "lfilter",
    "oaconvolve",
    "savgol_filter",
    "sosfilt",
]
