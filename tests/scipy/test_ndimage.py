"""Filters of images: SciPy's values, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.ndimage

import functorch_lite as ft
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


@pytest.mark.parametrize("order", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "call",
    [
        lambda m, o: m.shift(IMAGE, (0.7, -1.3), **o),
        lambda m, o: m.shift(IMAGE, 1, **o),
        lambda m, o: m.shift(X, -9.3, **o),
        lambda m, o: m.shift(IMAGE + 1j * IMAGE**2, 0.3, **o),
        lambda m, o: m.zoom(IMAGE, 1.7, **o),
        lambda m, o: m.zoom(BLOCK, (0.3, 2, 1), **o),
        lambda m, o: m.zoom(IMAGE, 1, **o),
        lambda m, o: m.affine_transform(IMAGE, np.array([[0.83, 0.31], [-0.21, 1.13]]), [0.2, -0.4], (3, 6), **o),
        lambda m, o: m.affine_transform(IMAGE, np.array([[0.83, 0.31, 1.0], [-0.21, 1.13, 0.3], [0, 0, 1]]), **o),
        lambda m, o: m.affine_transform(IMAGE, [0.8, 1.3], 0.4, **o),
        lambda m, o: m.rotate(IMAGE, 33.0, **o),
        lambda m, o: m.rotate(IMAGE, 90, **o),
        lambda m, o: m.rotate(BLOCK, -12.0, (2, 0), False, **o),
        lambda m, o: m.spline_filter(IMAGE, max(o["order"], 2), mode=o["mode"]),
        lambda m, o: m.spline_filter1d(BLOCK, o["order"], 0, mode=o["mode"]),
        lambda m, o: m.map_coordinates(IMAGE, [[0.3], [1.2]], **o, prefilter=False),
    ],
)
def test_images_at_other_places_are_scipys(call: Any, mode: str, order: int) -> None:
    options = {"order": order, "mode": mode}
    found, expected = call(ndimage, options), call(scipy.ndimage, options)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11, strict=True)


@pytest.mark.parametrize("mode", ["grid-wrap", "reflect", "grid-constant"])
def test_pixels_are_stretched_as_scipys(mode: str) -> None:
    for order in (1, 3):
        options: dict[str, Any] = {"order": order, "mode": mode, "grid_mode": True, "cval": 0.4}
        found, expected = ndimage.zoom(IMAGE, (2, 0.6), **options), scipy.ndimage.zoom(IMAGE, (2, 0.6), **options)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


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
        (lambda: ndimage.shift(X, (1, 2)), "2 numbers for an image of 1 axes"),
        (lambda: ndimage.zoom(X, 2, 7), "order 0 to 5, not 7"),
        (lambda: ndimage.zoom(X, (2, 3)), "2 numbers for an image of 1 axes"),
        (lambda: ndimage.affine_transform(IMAGE, X), r"a matrix of shape \(6,\) for an image of 2 axes"),
        (lambda: ndimage.affine_transform(IMAGE, [1, 1], output_shape=(3,)), r"output_shape \(3,\)"),
        (lambda: ndimage.affine_transform(IMAGE, [1, 1], X), "6 offsets"),
        (lambda: ndimage.rotate(X, 3.0), "rank two at least"),
        (lambda: ndimage.rotate(IMAGE, 3.0, (0, -2)), "are the same"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("order", [2, 3, 4, 5])
@pytest.mark.parametrize("mode", ["reflect", "mirror", "grid-wrap"])
@pytest.mark.parametrize("n", [1, 2, 5, 31, 32, 60])
def test_the_transpose_of_the_coefficients_is_that_of_their_matrix(n: int, mode: str, order: int) -> None:
    matrix = scipy.ndimage.spline_filter1d(np.eye(n), order, 0, mode=mode)
    found = ft.jacrev(lambda x: ndimage.spline_filter1d(x, order, mode=mode))(np.zeros(n))
    np.testing.assert_allclose(found, matrix, rtol=0, atol=1e-14 * np.max(np.abs(matrix)))
