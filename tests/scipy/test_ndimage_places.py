"""Images between their points: SciPy's values, derivatives, errors."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

import functorch_lite as ft
from functorch_lite.scipy.ndimage import map_coordinates

MODES = ["constant", "grid-constant", "nearest", "mirror", "reflect", "grid-mirror", "wrap", "grid-wrap"]
SHAPES = [(4,), (5, 3), (3, 4, 2), (1, 4)]


def places(shape: tuple[int, ...]) -> np.ndarray:
    """Return positions inside and outside of an image, some of them on its points."""
    random = np.random.default_rng(0)
    found = random.uniform(-9.0, 12.0, size=(len(shape), 40))
    found[:, :10] = np.round(found[:, :10])
    found[:, 10:20] = random.uniform(0.0, 1.0, size=(len(shape), 10)) * (np.array(shape)[:, None] - 1)
    return found


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_scipys(shape: tuple[int, ...], mode: str, order: int) -> None:
    image, where = np.random.default_rng(1).normal(size=shape), places(shape)
    found = map_coordinates(image, where, order, mode, -1.5)
    expected = scipy.ndimage.map_coordinates(image, where, order=order, mode=mode, cval=-1.5)
    np.testing.assert_allclose(found, expected, atol=1e-13)


@pytest.mark.parametrize("mode", MODES)
def test_derivatives_by_image_and_positions(mode: str) -> None:
    image = np.random.default_rng(1).normal(size=(4, 5))
    where = places((4, 5)) + 0.0137  # off the points, where there are kinks
    f = lambda image, where: map_coordinates(image, where, 1, mode, 0.5)
    for i in range(0, 40, 8):
        ft.check_grads(f, (image, where[:, i : i + 8]), 1)
    np.testing.assert_allclose(ft.vmap(f, in_axes=(None, 1))(image, where), f(image, where))
    np.testing.assert_allclose(ft.vmap(f, in_axes=(0, None))(np.stack([image, -image]), where)[0], f(image, where))
    np.testing.assert_allclose(ft.jit(f)(image, where), f(image, where))


def test_the_nearest_point_has_the_derivative_of_order_zero() -> None:
    image = np.arange(3.0)
    found = ft.grad(lambda image, where: map_coordinates(image, where, 0)[0], (0, 1))(image, np.array([[1.2]]))
    np.testing.assert_array_equal(found[0], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(found[1], [[0.0]])


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="splines of order 0 to 5, not 6"):
        map_coordinates(np.ones(3), [[0.5]], 6)
    with pytest.raises(ValueError, match=r"positions along each of its 2 axes; given 1"):
        map_coordinates(np.ones((3, 3)), [[0.5]], 1)
    with pytest.raises(ValueError, match=r"mode must be one of constant, .*, not 'edge'"):
        map_coordinates(np.ones(3), [[0.5]], 1, "edge")
