"""Interpolation on grids: SciPy's values, derivatives in positions and values, in every transformation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.interpolate

import functorch_lite as ft
from functorch_lite.scipy.interpolate import RegularGridInterpolator

RNG = np.random.default_rng(0)
GRID = (np.array([0.0, 0.3, 1.0, 2.0]), np.array([-1.0, 0.0, 4.0]), np.array([0.0, 1.0, 2.0, 3.0, 5.0]))
VALUES = RNG.normal(size=(4, 3, 5))
INSIDE = np.stack([RNG.uniform(g[0], g[-1], (6, 2)) for g in GRID], axis=-1)
ELSEWHERE = np.array([[9.0, 0.0, 0.0], [0.3, 0.0, 1.0], [2.0, 4.0, 5.0], [-1.0, -9.0, 7.0], [np.nan, 0.0, 1.0]])


@pytest.mark.parametrize("values", [VALUES, RNG.normal(size=(4, 3, 5, 2)), VALUES + 1j], ids=["real", "two", "complex"])
@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize("fill", [np.nan, None, 7.0])
def test_values_are_scipys(values: Any, method: Any, fill: Any) -> None:
    ours = RegularGridInterpolator(GRID, values, method, False, fill)
    theirs = scipy.interpolate.RegularGridInterpolator(GRID, values, method, False, fill)
    for x in (INSIDE, INSIDE[0], ELSEWHERE, np.array([0.5, 1.0, 2.0]), (INSIDE[..., 0], INSIDE[..., 1], 0.5)):
        expected = theirs(x)
        actual = ours(x)
        assert actual.shape == expected.shape
        np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_derivatives_in_positions_and_values() -> None:
    ft.check_grads(lambda x, v: RegularGridInterpolator(GRID, v)(x), (INSIDE, VALUES), 2)
    f = RegularGridInterpolator(GRID, VALUES)
    slope = ft.grad(lambda x: f(x)[0])
    expected = np.stack([slope(x) for x in INSIDE[0]])
    np.testing.assert_allclose(ft.vmap(slope)(INSIDE[0]), expected, rtol=1e-13)
    np.testing.assert_allclose(ft.jit(ft.vmap(slope))(INSIDE[0]), expected, rtol=1e-12)


def test_at_a_line_the_slope_is_that_of_the_cell_above_and_at_the_end_of_the_last() -> None:
    f = RegularGridInterpolator(([0.0, 1.0, 3.0],), [0.0, 1.0, 9.0])
    slopes = ft.vmap(ft.grad(lambda x: f((x,))))(np.array([0.0, 1.0, 3.0]))
    np.testing.assert_array_equal(slopes, [1.0, 4.0, 4.0])


def test_positions_outside_are_refused_where_they_are_known() -> None:
    f = RegularGridInterpolator(([0.0, 1.0],), [0.0, 1.0])
    with pytest.raises(ValueError, match="out of bounds"):
        f([2.0])
    assert np.isnan(ft.jit(f)(np.array([2.0])))


@pytest.mark.parametrize(
    ("points", "values", "method", "words"),
    [
        (([0.0, 1.0],), [0.0], "linear", "2 points on axis 0"),
        (([1.0, 0.0],), [0.0, 1.0], "linear", "that increase"),
        (([0.0, 1.0], [0.0, 1.0]), [0.0, 1.0], "linear", "2 axes of points"),
        (([0.0, 1.0],), [0.0, 1.0], "cubic", "Method 'cubic' is not defined"),
    ],
)
def test_what_is_no_grid_is_refused(points: Any, values: Any, method: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RegularGridInterpolator(points, values, method)


def test_single_precision_of_positions_and_values_is_kept() -> None:
    f = RegularGridInterpolator(GRID, VALUES.astype(np.float32))
    x = INSIDE[0].astype(np.float32)
    assert f(x).dtype == np.float32
    assert ft.grad(lambda x: np.sum(f(x)))(x).dtype == np.float32
