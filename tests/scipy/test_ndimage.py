"""Filters of images: SciPy's values, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.ndimage

from functorch_lite.scipy import ndimage
from tests.samples.sample import random

X, IMAGE, BLOCK = random(6), random(5, 4), random(3, 4, 2)
MODES = ["reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "call",
    [
        lambda m, mode: m.correlate1d(X, [1.0, 2.0, -1.0], mode=mode, cval=0.4),
        lambda m, mode: m.correlate1d(IMAGE, [1.0, 2.0], 0, mode=mode, cval=0.4, origin=-1),
        lambda m, mode: m.correlate1d(IMAGE, np.arange(15.0), 1, mode=mode, origin=3),
        lambda m, mode: m.convolve1d(IMAGE, [1.0, 2.0, 5.0, 3.0], mode=mode, cval=0.4),
        lambda m, mode: m.convolve1d(IMAGE, [1.0, 2.0, 5.0], mode=mode, origin=1),
        lambda m, mode: m.correlate(IMAGE, IMAGE[:2, :3], mode=mode, cval=0.4),
        lambda m, mode: m.correlate(BLOCK, BLOCK, mode=mode, origin=(0, 1, 0)),
        lambda m, mode: m.convolve(IMAGE, IMAGE[:2, :3], mode=mode, cval=0.4),
        lambda m, mode: m.convolve(IMAGE, IMAGE[:3, :3], mode=mode, origin=-1),
        lambda m, mode: m.uniform_filter1d(IMAGE, 4, 0, mode=mode, cval=0.4),
        lambda m, mode: m.uniform_filter(IMAGE, (2, 3), mode=mode, cval=0.4, origin=(0, 1)),
        lambda m, mode: m.uniform_filter(BLOCK, 3, mode=mode, axes=(0, 1)),
        lambda m, mode: m.gaussian_filter1d(IMAGE, 0.9, mode=mode, cval=0.4),
        lambda m, mode: m.gaussian_filter1d(X, 1.3, order=3, mode=mode, truncate=2.5),
        lambda m, mode: m.gaussian_filter(IMAGE, (0.5, 1.5), (0, 1), mode=mode, cval=0.4),
        lambda m, mode: m.gaussian_filter(BLOCK, 0.7, mode=mode, radius=2, axes=(2, 0)),
        lambda m, mode: m.sobel(IMAGE, 0, mode=mode, cval=0.4),
        lambda m, mode: m.prewitt(BLOCK, mode=mode, cval=0.4),
        lambda m, mode: m.laplace(BLOCK, mode=mode, cval=0.4),
        lambda m, mode: m.gaussian_laplace(IMAGE, 0.8, mode=mode, cval=0.4),
        lambda m, mode: m.gaussian_gradient_magnitude(IMAGE, (0.8, 1.1), mode=mode, cval=0.4),
        lambda m, mode: m.gaussian_filter(IMAGE, 0.8, mode=[mode, "nearest"]),
    ],
)
def test_filters_are_scipys(call: Any, mode: str) -> None:
    np.testing.assert_allclose(call(ndimage, mode), call(scipy.ndimage, mode), rtol=1e-11, atol=1e-12, strict=True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ndimage.correlate1d(X, [1.0], mode="edge"), "not 'edge'"),
        (lambda: ndimage.correlate1d(X, [1.0, 1.0], origin=2), "leads out of the window"),
        (lambda: ndimage.correlate1d(X, IMAGE), r"a vector, not of shape \(5, 4\)"),
        (lambda: ndimage.correlate(X, IMAGE), r"weights of shape \(5, 4\) for an image of shape \(6,\)"),
        (lambda: ndimage.uniform_filter1d(X, 0), "incorrect filter size"),
        (lambda: ndimage.gaussian_filter(IMAGE, (1.0, 1.0, 1.0)), "3 values were given for 2 axes"),
        (lambda: ndimage.gaussian_filter1d(X, 1.0, order=-1), "non-negative"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
