"""Samples of ``functorch_lite.scipy.ndimage``: filters, with every border, and images at other places."""

from __future__ import annotations

import numpy as np

from functorch_lite.scipy import ndimage
from tests.samples.sample import eager as sample
from tests.samples.sample import random, with_complex_arguments

IMAGE, PATCH, ROW = random(4, 5), random(2, 3, seed=1), random(3, seed=2)
#: Inside of the image and outside, off its points.
PLACES = np.array([[0.3, 2.9, -1.6, 6.3], [1.2, 3.7, 2.2, 7.9]])

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
    *(
        sample(
            f"map_coordinates order={order}, {mode}",
            lambda x, at, order=order, mode=mode: ndimage.map_coordinates(x, at, order, mode, 0.3),
            IMAGE,
            PLACES,
        )
        for order, mode in enumerate(("nearest", "reflect", "constant", "mirror", "wrap", "grid-wrap"))
        if order
    ),
    *(
        sample(f"spline_filter {order} {mode}", lambda x, o=order, m=mode: ndimage.spline_filter(x, o, m), IMAGE)
        for order in (2, 3, 5)
        for mode in ("mirror", "reflect", "grid-wrap")
    ),
    sample("shift", lambda x, s: ndimage.shift(x, s, mode="nearest"), IMAGE, np.array([0.4, -1.3])),
    sample("shift by a number", lambda x, s: ndimage.shift(x, s, 1, "grid-constant", 0.3), IMAGE, 0.4),
    sample("zoom", lambda x: ndimage.zoom(x, (1.5, 0.6), mode="mirror"), IMAGE),
    sample("zoom grid_mode", lambda x: ndimage.zoom(x, 2, 1, "grid-wrap", grid_mode=True), IMAGE),
    sample(
        "affine_transform",
        lambda x, m, t: ndimage.affine_transform(x, m, t, (3, 4), mode="reflect"),
        IMAGE,
        np.array([[0.8, 0.3], [-0.2, 1.1]]),
        np.array([0.23, -0.41]),
    ),
    sample("affine_transform of a diagonal", lambda x, m: ndimage.affine_transform(x, m, 0.3), IMAGE, PLACES[:, 0]),
    sample("rotate", lambda x, a: ndimage.rotate(x, a, reshape=False, mode="nearest"), IMAGE, 33.0),
    sample("rotate reshape", lambda x: ndimage.rotate(x, 33.0, (0, 2)), random(3, 2, 4)),
    with_complex_arguments(sample("shift of complex images", lambda x: ndimage.shift(x, 0.3, 3, "wrap"), IMAGE)),
]
