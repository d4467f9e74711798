"""Samples of ``functorch_lite.scipy.fft``: every type and scale, lengths cropped and filled up."""

from __future__ import annotations

import numpy as np

from functorch_lite.scipy import fft
from tests.samples.sample import eager as sample
from tests.samples.sample import random

ROW, TABLE, BLOCK = random(5), random(3, 4), random(2, 3, 4)

SAMPLES = [
    *(
        sample(
            f"{f.__name__} type={type}, norm={norm}, orthogonalize={orthogonal}",
            lambda x, f=f, type=type, norm=norm, o=orthogonal: f(x, type, norm=norm, orthogonalize=o),
            ROW,
            complex=True,
        )
        for f in (fft.dct, fft.dst)
        for type in (1, 2, 3, 4)
        for norm, orthogonal in (("backward", None), ("ortho", None), ("forward", True), ("ortho", False))
    ),
    *(
        sample(f"{f.__name__} n={n}", lambda x, f=f, n=n: f(x, n=n), ROW)
        for f in (fft.dct, fft.idct, fft.dst, fft.idst)
        for n in (3, 6)
    ),
    *(
        sample(f"{f.__name__} type={type}", lambda x, f=f, type=type: f(x, type), ROW)
        for f in (fft.idct, fft.idst)
        for type in (1, 3, 4)
    ),
    sample("dct axis=0", lambda x: fft.dct(x, axis=0), TABLE),
    *(
        sample(f"{f.__name__} s, axes", lambda x, f=f: f(x, 3, (4, 5), (2, 0)), BLOCK)
        for f in (fft.dctn, fft.idctn, fft.dstn, fft.idstn)
    ),
    sample("dctn ortho", lambda x: fft.dctn(x, norm="ortho"), TABLE),
    sample("rfft", lambda x: fft.rfft(x, 6), ROW),
    sample("fftn s", lambda x: fft.fftn(x, (2, 5)), BLOCK, complex=True),
    sample("hfft2", lambda x: fft.hfft2(x, (3, 4), norm="ortho"), TABLE + 1j * TABLE[::-1]),
    sample("ihfftn", lambda x: fft.ihfftn(x, axes=(1, 0)), BLOCK),
    sample("square in the frequency domain", lambda x: np.abs(fft.ifft(fft.fft(x) ** 2)) ** 2, ROW),
]
