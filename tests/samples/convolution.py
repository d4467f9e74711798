"""Samples of convolution and correlation."""

from __future__ import annotations

from functools import partial

import numpy as np

from tests.samples.sample import eager, random

SIGNAL, KERNEL, PAIR = random(6), random(3, seed=1), random(2, seed=2)

sample = partial(eager, complex=True)


SAMPLES = [
    sample(f"{f.__name__} {mode}, {x.size} with {y.size}", lambda a, v, f=f, mode=mode: f(a, v, mode), x, y)
    for f in (np.convolve, np.correlate)
    for mode in ("full", "same", "valid")
    for x, y in ((SIGNAL, KERNEL), (KERNEL, SIGNAL), (SIGNAL, PAIR), (PAIR, SIGNAL))
]
SAMPLES += [
    sample("convolve", np.convolve, SIGNAL, KERNEL),
    sample("correlate", np.correlate, SIGNAL, KERNEL),
    sample("convolve of one array with itself", lambda x: np.convolve(x, x, "same"), SIGNAL),
    sample("convolve scalar", np.convolve, SIGNAL, np.array(1.3)),
]
