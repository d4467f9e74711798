"""Samples of ``functorch_lite.scipy.signal``."""

from __future__ import annotations

import numpy as np

from functorch_lite.scipy import signal
from tests.samples.sample import eager as sample
from tests.samples.sample import random, with_complex_arguments

SIGNAL, KERNEL = random(7), random(3, seed=1)
IMAGE, PATCH = random(4, 5), random(2, 3, seed=1)
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
SAMPLES += list(map(with_complex_arguments, SAMPLES))
SAMPLES += [
    sample("hilbert", signal.hilbert, SIGNAL),
    sample("hilbert N, axis", lambda x: signal.hilbert(x, 6, 0), IMAGE),
]
