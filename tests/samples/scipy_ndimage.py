"""Samples of ``functorch_lite.scipy.ndimage``: filters, with every border."""

from __future__ import annotations

from functorch_lite.scipy import ndimage
from tests.samples.sample import eager as sample
from tests.samples.sample import random, with_complex_arguments

IMAGE, PATCH, ROW = random(4, 5), random(2, 3, seed=1), random(3, seed=2)

SAMPLES = [
    *(
        sample(f"{f.__name__} {mode}", lambda x, w, f=f, mode=mode: f(x, w, mode=mode, cval=0.3), IMAGE, w)
        for f, w in (
            (ndimage.correlate1d, ROW),
            (ndimage.convolve1d, ROW[:2]),
            (ndimage.correlate, PATCH),
            (ndimage.convolve, PATCH),
        )
        for mode in ("reflect", "constant", "nearest", "mirror", "wrap")
    ),
    sample("correlate1d axis, origin", lambda x, w: ndimage.correlate1d(x, w, 0, origin=1), IMAGE, ROW),
    sample("uniform_filter", lambda x: ndimage.uniform_filter(x, (2, 3), origin=(0, 1)), IMAGE),
    sample("gaussian_filter", lambda x: ndimage.gaussian_filter(x, (0.7, 0.0)), IMAGE),
    *(
        sample(
            f"gaussian_filter1d order={order}",
            lambda x, sigma, order=order: ndimage.gaussian_filter1d(x, sigma, 0, order, radius=3),
            IMAGE,
            0.8,
        )
        for order in (0, 1, 2, 3)
    ),
    sample("sobel", lambda x: ndimage.sobel(x, 0), IMAGE),
    sample("prewitt", ndimage.prewitt, IMAGE),
    sample("laplace", lambda x: ndimage.laplace(x, ["wrap", "reflect"]), IMAGE),
    sample("gaussian_laplace", lambda x: ndimage.gaussian_laplace(x, 0.6), IMAGE),
]
SAMPLES += [with_complex_arguments(row) for row in SAMPLES if not row.name.startswith("gaussian_filter1d")]
SAMPLES += [
    sample("gaussian_gradient_magnitude", lambda x: ndimage.gaussian_gradient_magnitude(x, 0.6), IMAGE),
]
