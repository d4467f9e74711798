"""Power spectra of signals: periodograms, and averages of those of overlapping segments.

Source: Welch, "The use of the fast Fourier transform for the estimation of power spectra", IEEE Trans. Audio
Electroacoust. 15 (1967).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.calculus.matrices import conjugate
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.scipy.signal.filtering import detrend as without_trend
from functorch_lite.scipy.signal.filtering import floating

__all__ = ["csd", "periodogram", "welch"]


def csd(
    x: Any,
    y: Any,
    fs: float = 1.0,
    window: Any = "hann",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> tuple[Any, Any]:
    """Estimate the cross spectral density of two signals, by Welch's method.

    Parameters
    ----------
    x, y
        The signals, of one length.
    fs
        The number of samples in a unit of time.
    window
        What ``scipy.signal.get_window`` understands, or the weights of the samples of a segment.
    nperseg
        The length of a segment; None: 256, or the length of the signal or of the weights.
    noverlap
        How many samples two segments have in common; None: half of them.
    nfft
        The length to which segments are filled up by zeros; None: their own.
    detrend
        What is subtracted from each segment: ``"constant"``, ``"linear"``, False: nothing; or a function of segments
        along the last axis.
    return_onesided
        Whether of real signals the frequencies are left out that are negative, and the others doubled.
    scaling
        ``"density"``: power in a unit of frequency; ``"spectrum"``: power.
    axis
        The axis along which the signals run.
    average
        ``"mean"`` or ``"median"`` of the segments.

    Returns
    -------
    frequencies, spectrum
        The frequencies, and the spectrum along the axis; differentiable in both signals.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import csd
    >>> x = np.cos(np.pi * np.arange(16) / 2)
    >>> strength = lambda gain: np.sum(csd(x, gain * x, nperseg=8, scaling="spectrum", window="boxcar")[1].real)
    >>> float(np.round(ft.grad(strength)(3.0), 6))
    0.5
    """
    x, y = floating(as_array(x)), floating(as_array(y))
    axis = only_axis(axis, x.ndim)
    first = np.moveaxis(x, axis, -1)
    second = first if y is x else np.moveaxis(y, axis, -1)
    length = shape_of(first)[-1]
    if shape_of(second)[-1] != length:
        raise ValueError(f"csd at {user_line()}: signals of lengths {length} and {shape_of(second)[-1]}; fill one up")
    weights, nperseg = _window(window, nperseg, length)
    nfft = nperseg if nfft is None else nfft
    noverlap = nperseg // 2 if noverlap is None else noverlap
    if nfft < nperseg or not 0 <= noverlap < nperseg:
        raise ValueError(f"csd at {user_line()}: nperseg={nperseg} must be larger than noverlap={noverlap} and at most "
                         f"nfft={nfft}")  # fmt: skip
    if scaling not in ("density", "spectrum") or average not in ("mean", "median"):
        raise ValueError(f"csd at {user_line()}: scaling is 'density' or 'spectrum', average 'mean' or 'median'")
    onesided = return_onesided and x.dtype.kind != "c" and y.dtype.kind != "c"
    transform = np.fft.rfft if onesided else np.fft.fft
    sums = float(fs * np.sum(weights**2) if scaling == "density" else np.sum(weights) ** 2)

    places = np.arange(0, length - nperseg + 1, nperseg - noverlap)[:, None] + np.arange(nperseg)

    def spectra(signal: Any) -> Any:
        segments = np.take(signal, places, axis=-1)
        if detrend:
            segments = detrend(segments) if callable(detrend) else without_trend(segments, -1, detrend)
        return transform(segments * weights.astype(signal.real.dtype), nfft)

    found = spectra(first)
    power = conjugate(found) * (found if second is first else spectra(second)) / sums
    if onesided:
        twice = np.full(nfft // 2 + 1, 2.0, first.dtype)
        twice[0] = 1.0
        if nfft % 2 == 0:
            twice[-1] = 1.0
        power = power * twice
    frequencies = (np.fft.rfftfreq if onesided else np.fft.fftfreq)(nfft, 1 / fs)
    return frequencies, np.moveaxis(_averaged(power, average), -1, axis)


def welch(
    x: Any,
    fs: float = 1.0,
    window: Any = "hann",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> tuple[Any, Any]:
    """Estimate the power spectral density of a signal, by Welch's method.

    Parameters
    ----------
    x
        The signal.
    fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average
        As for `csd`.

    Returns
    -------
    frequencies, spectrum
        The frequencies, and the power along the axis, real; differentiable in the signal.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import welch
    >>> wave = np.sin(np.pi * np.arange(64) / 4)
    >>> loudness = lambda amplitude: np.sum(welch(amplitude * wave, nperseg=16)[1]) / 16  # amplitude² / 2
    >>> float(np.round(ft.grad(loudness)(3.0), 6))
    3.0
    """
    x = as_array(x)
    frequencies, power = csd(
        x, x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average
    )
    return frequencies, power.real


def periodogram(
    x: Any,
    fs: float = 1.0,
    window: Any = "boxcar",
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
) -> tuple[Any, Any]:
    """Estimate the power spectral density of a signal by that of all of it.

    Parameters
    ----------
    x
        The signal.
    fs, window, detrend, return_onesided, scaling, axis
        As for `csd`.
    nfft
        The length to which the signal is cut or filled up by zeros; None: its own.

    Returns
    -------
    frequencies, spectrum
        As of `welch`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import periodogram
    >>> wave = np.sin(np.pi * np.arange(8) / 2)
    >>> ft.jacfwd(lambda amplitude: periodogram(amplitude * wave)[1])(1.0).round(6)
    array([0., 0., 8., 0., 0.])
    """
    x = as_array(x)
    axis = only_axis(axis, x.ndim)
    length = shape_of(x)[axis]
    if nfft is not None and nfft < length:
        x = np.moveaxis(np.moveaxis(x, axis, -1)[..., :nfft], -1, axis)
        length = nfft
    weights = scipy.signal.get_window(window, length) if isinstance(window, str | tuple) else window
    return welch(x, fs, weights, length, 0, nfft, detrend, return_onesided, scaling, axis)


def _window(window: Any, nperseg: int | None, length: int) -> tuple[Any, int]:
    """Return the weights of the samples of a segment, and how many they are."""
    if isinstance(window, str | tuple):
        nperseg = min(256 if nperseg is None else int(nperseg), length)
        return scipy.signal.get_window(window, nperseg), nperseg
    weights = np.asarray(window)
    if weights.ndim != 1 or len(weights) > length or nperseg not in (None, len(weights)):
        raise ValueError(
            f"csd at {user_line()}: weights of shape {weights.shape} for segments of {nperseg} samples of {length}"
        )
    return weights, len(weights)


def _averaged(power: Any, average: str) -> Any:
    """Average over the segments, which are on the axis before the last."""
    if average == "mean":
        return np.mean(power, axis=-2)
    # The median of powers, which are exponentially distributed, is smaller than their mean.
    terms = 2 * np.arange(1, (shape_of(power)[-2] - 1) // 2 + 1)
    bias = 1.0 + float(np.sum(1.0 / (terms + 1) - 1.0 / terms))
    return (np.median(power.real, axis=-2) + 1j * np.median(power.imag, axis=-2)) / bias
