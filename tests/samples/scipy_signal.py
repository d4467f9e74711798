"""Samples of ``functorch_lite.scipy.signal``."""

from __future__ import annotations

import numpy as np

from functorch_lite.scipy import signal
from tests.samples.sample import eager as sample
from tests.samples.sample import random, with_complex_arguments

SIGNAL, KERNEL = random(7), random(3, seed=1)
IMAGE, PATCH = random(4, 5), random(2, 3, seed=1)
SECTIONS = np.stack([np.concatenate([random(3, seed=2), [1.3, -0.4, 0.2]]), [0.4, 0.2, 0.1, 1.0, 0.3, -0.2]])
B, A = random(3, seed=2), np.array([1.3, -0.4, 0.2])


SAMPLES = [
    sample(f"{f.__name__} {mode} {name}", lambda x, y, f=f, mode=mode: f(x, y, mode), x, y)
    for f in (signal.convolve, signal.correlate, signal.fftconvolve)
    for mode in ("full", "same", "valid")
    for name, x, y in (
        ("of vectors", SIGNAL, KERNEL),
        ("with a longer one", KERNEL, SIGNAL),
        ("of images", IMAGE, PATCH),
    )
]
SAMPLES += [
    sample("convolve direct", lambda x, y: signal.convolve(x, y, method="direct"), IMAGE, PATCH),
    sample("fftconvolve axes", lambda x, y: signal.fftconvolve(x, y, "same", axes=0), IMAGE, PATCH[:, :1]),
    sample("lfilter", signal.lfilter, B, A, SIGNAL),
    sample("lfilter of order one and three", signal.lfilter, B[:2], np.array([1.3, -0.4, 0.2, 0.1]), IMAGE),
    sample("lfilter axis=0", lambda b, a, x: signal.lfilter(b, a, x, axis=0), B, A, IMAGE),
    sample("lfilter longer than the signal", signal.lfilter, B, A, SIGNAL[:2]),
    sample("lfilter zi", lambda b, a, x, z: signal.lfilter(b, a, x, zi=z), B, A, SIGNAL, random(2)),
    sample("lfilter zi of a short signal", lambda b, a, x, z: signal.lfilter(b, a, x, zi=z), B, A, SIGNAL[:1], B[:2]),
    sample("sosfilt", signal.sosfilt, np.stack([np.concatenate([B, A]), np.concatenate([A, A])]), SIGNAL),
    sample("detrend", signal.detrend, SIGNAL),
    sample("detrend constant", lambda x: signal.detrend(x, 0, "constant"), IMAGE),
    sample("detrend breaks", lambda x: signal.detrend(x, bp=[3]), SIGNAL),
    *(
        sample(f"savgol_filter {mode}", lambda x, mode=mode: signal.savgol_filter(x, 5, 2, mode=mode), SIGNAL)
        for mode in ("interp", "mirror", "nearest", "wrap")
    ),
    sample("savgol_filter deriv", lambda x: signal.savgol_filter(x, 3, 2, 1, 0.5, axis=0), IMAGE),
]
SAMPLES += [
    sample(f"{f.__name__} {mode} {edge}", lambda x, y, f=f, m=mode, e=edge: f(x, y, m, e, 0.5), IMAGE, PATCH)
    for f in (signal.convolve2d, signal.correlate2d)
    for mode, edge in (("full", "fill"), ("full", "wrap"), ("same", "symm"), ("same", "wrap"), ("valid", "fill"))
]
SAMPLES += [
    sample("lfilter_zi", signal.lfilter_zi, B, A[:2]),
    sample("sosfilt_zi", signal.sosfilt_zi, SECTIONS),
    sample("filtfilt", lambda b, a, x: signal.filtfilt(b, a, x, padlen=4), B, A, SIGNAL),
    sample("filtfilt even axis=0", lambda b, a, x: signal.filtfilt(b, a, x, 0, "even", 2), B, A, IMAGE),
    sample("filtfilt constant", lambda b, a, x: signal.filtfilt(b, a, x, padtype="constant", padlen=2), B, A, IMAGE),
    sample("sosfiltfilt", lambda s, x: signal.sosfiltfilt(s, x, padtype=None), SECTIONS, SIGNAL),
]
SAMPLES += list(map(with_complex_arguments, SAMPLES))
SAMPLES += [
    sample("hilbert", signal.hilbert, SIGNAL),
    sample("hilbert N, axis", lambda x: signal.hilbert(x, 6, 0), IMAGE),
    sample("periodogram", lambda x: signal.periodogram(x)[1], SIGNAL),
    sample("periodogram nfft", lambda x: signal.periodogram(x, nfft=4, scaling="spectrum", axis=0)[1], IMAGE),
    sample("welch", lambda x: signal.welch(x, nperseg=4, detrend="linear")[1], SIGNAL),
    sample("welch median", lambda x: signal.welch(x, nperseg=3, average="median")[1], SIGNAL),
    sample("csd", lambda x, y: signal.csd(x, y, nperseg=4, nfft=5, return_onesided=False)[1], SIGNAL, SIGNAL**2),
]
