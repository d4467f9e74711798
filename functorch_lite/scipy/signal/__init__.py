"""Functions of ``scipy.signal`` for traced values, with SciPy's arguments."""

from __future__ import annotations

from functorch_lite.scipy.signal.convolution import convolve, correlate, fftconvolve, oaconvolve
from functorch_lite.scipy.signal.filtering import detrend, hilbert, lfilter, savgol_filter, sosfilt
from functorch_lite.scipy.signal.images import convolve2d, correlate2d
from functorch_lite.scipy.signal.spectra import csd, periodogram, welch
from functorch_lite.scipy.signal.zero_phase import filtfilt, lfilter_zi, sosfilt_zi, sosfiltfilt

__all__ = [
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "csd",
    "detrend",
    "fftconvolve",
    "filtfilt",
    "hilbert",
    "lfilter",
    "lfilter_zi",
    "oaconvolve",
    "periodogram",
    "savgol_filter",
    "sosfilt",
    "sosfilt_zi",
    "sosfiltfilt",
    "welch",
]
