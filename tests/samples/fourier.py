"""Samples of Fourier transforms: lengths odd and even, cropped and filled up, every scale, one axis and several."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests.samples.sample import Sample, eager, random

ROW5, ROW6 = random(5), random(6)
TABLE = random(3, 4)
BLOCK = random(2, 3, 4)
NORMS = ("backward", "ortho", "forward")

sample = partial(eager, complex=True)


def one_axis(function: Callable[..., Any], takes_complex: bool) -> list[Sample]:
    name = function.__name__
    return [
        *(
            sample(f"{name} of {x.size}, n={n}", lambda x, n=n: function(x, n), x, complex=takes_complex)
            for x in (ROW5, ROW6)
            for n in (None, 1, 4, 5, 8)
        ),
        *(
            sample(
                f"{name} norm={norm}, n={n}",
                lambda x, n=n, norm=norm: function(x, n, norm=norm),
                ROW6,
                complex=takes_complex,
            )
            for norm in NORMS
            for n in (6, 7)
        ),
        sample(f"{name} axis=0", lambda x: function(x, axis=0), TABLE, complex=takes_complex, dask=True),
        sample(f"{name} axis=-2, n=2", lambda x: function(x, 2, -2), BLOCK, complex=takes_complex),
    ]


def several_axes(function: Callable[..., Any], takes_complex: bool) -> list[Sample]:
    name = function.__name__
    return [
        sample(name, function, TABLE, complex=takes_complex),
        sample(f"{name} axes", lambda x: function(x, axes=(2, 0)), BLOCK, complex=takes_complex),
        sample(f"{name} s, axes", lambda x: function(x, (4, 5), (-1, -2)), BLOCK, complex=takes_complex),
        *(
            sample(f"{name} norm={norm}", lambda x, norm=norm: function(x, norm=norm), BLOCK, complex=takes_complex)
            for norm in NORMS
        ),
    ]


SAMPLES = [
    *one_axis(np.fft.fft, True),
    *one_axis(np.fft.ifft, True),
    *one_axis(np.fft.rfft, False),
    *one_axis(np.fft.irfft, True),
    *one_axis(np.fft.hfft, True),
    *one_axis(np.fft.ihfft, False),
    *several_axes(np.fft.fftn, True),
    *several_axes(np.fft.ifftn, True),
    *several_axes(np.fft.rfftn, False),
    *several_axes(np.fft.irfftn, True),
    *several_axes(np.fft.fft2, True),
    *several_axes(np.fft.ifft2, True),
    *several_axes(np.fft.rfft2, False),
    *several_axes(np.fft.irfft2, True),
    *(
        sample(f"{f.__name__} {name}", lambda x, f=f, axes=axes: f(x, axes), TABLE)
        for f in (np.fft.fftshift, np.fft.ifftshift)
        for name, axes in (("all axes", None), ("axis 1", 1), ("axes (0, -1)", (0, -1)))
    ),
    sample("filter in the frequency domain", lambda x, k: np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(k, 6)), ROW6,
           random(3, seed=1), complex=False),
    sample("power spectrum", lambda x: np.abs(np.fft.fft(x)) ** 2, ROW5),
]  # fmt: skip
