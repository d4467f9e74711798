"""Selection and comparison: what is not selected does not leak, conventions at bounds, answers that are plain."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1, 0.2])


# --- Selection --------------------------------------------------------------------------------------------------------


def test_nan_and_infinity_in_the_other_branch_do_not_leak() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.where(x > 0, x, y)

    x, y = np.array([1.0, -1.0]), np.array([np.nan, 2.0])
    g = np.array([np.inf, np.nan])
    np.testing.assert_array_equal(ft.vjp(f, x, y)[1](g), [[np.inf, 0.0], [0.0, np.nan]])
    t = np.array([1.0, np.nan]), np.array([np.nan, 1.0])
    np.testing.assert_array_equal(ft.jvp(f, (x, y), t)[1], [1.0, 1.0])
    z = np.array([0.0, 4.0])
    safe = ft.grad(lambda z: np.sum(np.where(z > 0, np.sqrt(np.where(z > 0, z, 1.0)), 0.0)))(z)
    np.testing.assert_array_equal(safe, [0.0, 0.25])


def test_where_of_a_condition_that_is_traced() -> None:
    rows = np.array([[1.0, -2.0], [-3.0, 4.0]])
    np.testing.assert_array_equal(ft.vmap(lambda x: np.where(x > 0, x, 0))(rows), np.where(rows > 0, rows, 0))
    np.testing.assert_array_equal(ft.vmap(lambda c: np.where(c, X[:2], 5.0))(rows > 0), np.where(rows > 0, X[:2], 5.0))
    np.testing.assert_array_equal(ft.vmap(lambda c: np.where(c, 1, 2))(np.array([True, False])), [1, 2])


def test_select_promotes_as_numpy_does() -> None:
    x = X.astype(np.float32)
    for choices, default in [([x, 1.0], 0), ([x, 1], 2.5), ([x, x.astype(np.float64)], 0), ([x, 1j], 0)]:
        conditions = [x > 1, x > 0]
        expected = np.select(conditions, choices, default)
        actual = ft.vjp(lambda x, c=choices, d=default, q=conditions: np.select(q, [x, *c[1:]], d), x)[0]
        np.testing.assert_array_equal(actual, expected, strict=True)
    with pytest.raises(TypeError, match="invalid entry 0 in condlist"):
        ft.vjp(lambda x: np.select([x], [x]), X)
    with pytest.raises(ValueError, match="same length"):
        ft.vjp(lambda x: np.select([X > 0], [x, x]), X)


def test_piecewise_calls_each_function_on_its_own_piece() -> None:
    def f(x: Any) -> Any:
        return np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, np.sqrt])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(ft.grad(lambda x: np.sum(f(x)))(X), np.where(X < 0, -1, 0.5 / np.sqrt(np.abs(X))))
    slope = ft.grad(lambda c: np.sum(np.piecewise(X * c, [X > 0], [c, 0.0])))(2.0)
    assert slope == 3
    with pytest.raises(ValueError, match="either 1 or 2 functions are expected"):
        ft.vjp(lambda x: np.piecewise(x, [X > 0], [1, 2, 3]), X)


@pytest.mark.parametrize("transform", [ft.jit, ft.vmap])
def test_pieces_of_which_no_one_knows_the_elements_are_refused(transform: Any) -> None:
    f = transform(lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, np.sqrt]))
    with pytest.raises(TypeError, match=r"np\.piecewise at test_selection\.py.*Write np\.select"):
        f(np.array([[-1.0, 2.0], [3.0, -4.0]]))


# --- Clipping ---------------------------------------------------------------------------------------------------------


def test_a_bound_that_is_attained_leaves_the_derivative_to_the_clipped() -> None:
    x, low, high = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), -1.0, 1.0
    for f in (
        lambda x, a, b: np.sum(np.clip(x, a, b)),
        lambda x, a, b: np.sum(x.clip(a, b)),
        lambda x, a, b: np.sum(np.clip(x, min=a, max=b)),
    ):
        g, g_low, g_high = ft.grad(f, (0, 1, 2))(x, low, high)
        np.testing.assert_array_equal(g, [0, 1, 1, 1, 0])
        assert (g_low, g_high) == (1, 1)
        assert ft.jvp(lambda x, f=f: f(x, low, high), (x,), (np.arange(5.0),))[1] == 6
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.clip(x, -1.0, None)))(x), [0, 1, 1, 1, 1])
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.clip(x, None, 1.0)))(x), [1, 1, 1, 1, 0])


def test_crossed_bounds_give_the_upper_one_all() -> None:
    g = ft.grad(lambda x, a, b: np.sum(np.clip(x, a, b)), (0, 1, 2))(X, 0.5, -0.5)
    np.testing.assert_array_equal(g[0], np.zeros(4))
    assert g[1:] == (0, 4)


def test_clip_of_a_constant_between_traced_bounds() -> None:
    assert ft.grad(lambda high: np.sum(X.clip(0.0, high)))(0.25) == 2
    np.testing.assert_array_equal(ft.vmap(lambda i: np.clip(i, 1, 3))(np.arange(5)), [1, 1, 2, 3, 3])
    assert ft.vmap(lambda i: np.clip(i, 1, None))(np.arange(3)).dtype == int
    with pytest.raises(TypeError, match="out"):
        ft.vjp(lambda x: np.clip(x, 0, 1, out=np.zeros(4)), X)
    with pytest.raises(ValueError, match="forbidden"):
        ft.vjp(lambda x: np.clip(x, 0, 1, min=0), X)


# --- Special values ---------------------------------------------------------------------------------------------------


def test_replaced_values_have_no_derivative() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 2.0])
    y, pull = ft.vjp(lambda x: np.nan_to_num(x, nan=7.0), x)
    np.testing.assert_array_equal(y, np.nan_to_num(x, nan=7.0))
    np.testing.assert_array_equal(pull(np.ones(4))[0], [0, 0, 0, 1])
    z = np.array([complex(np.nan, 1.0), complex(2.0, -np.inf)])
    y, pull = ft.vjp(lambda z: np.nan_to_num(z, neginf=-3.0), z)
    np.testing.assert_array_equal(y, [1j, 2 - 3j])
    np.testing.assert_array_equal(pull(np.array([1 + 1j, 1 + 1j]))[0], [0 + 1j, 1 + 0j])
    single = ft.vjp(np.nan_to_num, x.astype(np.float32))[0]
    np.testing.assert_array_equal(single, np.nan_to_num(x.astype(np.float32)), strict=True)


def test_real_if_close() -> None:
    z = np.array([1 + 1e-16j, 2.0])
    assert ft.vjp(np.real_if_close, z)[0].dtype == np.float64
    assert ft.vjp(np.real_if_close, z + 1e-3j)[0].dtype == np.complex128


# --- Comparison -------------------------------------------------------------------------------------------------------

COMPARISONS: list[Callable[[Any], Any]] = [
    lambda x: np.isclose(x, X + 1e-9),
    lambda x: np.isclose(X, x, rtol=np.array([0.0, 1.0, 0.0, 1.0]), atol=0.1),
    lambda x: np.isclose(x * np.nan, np.nan, equal_nan=True),
    lambda x: np.allclose(x, X),
    lambda x: np.allclose(x, 0.3),
    lambda x: np.array_equal(x, X),
    lambda x: np.array_equal(x, X[:2]),
    lambda x: np.array_equal(x * np.nan, X * np.nan, equal_nan=True),
    lambda x: np.array_equiv(x, np.stack([X, X])),
    lambda x: np.array_equiv(x, X[:3]),
    lambda x: np.isin(x, [0.3, 0.2]),
    lambda x: np.isin([0.3, 5.0], x, invert=True),
]


@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_are_plain_under_differentiation_and_batched_under_vmap(compare: Any) -> None:
    found = []
    ft.jvp(lambda x: (found.append(compare(x)), x)[1], (X,), (X,))
    expected = compare(X)
    assert type(found[0]) is type(expected)
    np.testing.assert_array_equal(found[0], expected)
    rows = np.stack([X, X + 0.5, X + 1e-12])
    np.testing.assert_array_equal(ft.vmap(compare)(rows), np.stack([compare(row) for row in rows]))


def test_membership_in_sets_that_differ() -> None:
    elements, sets = np.array([[1, 2, 3], [1, 2, 3]]), np.array([[[1], [9]], [[2], [3]]])
    np.testing.assert_array_equal(ft.vmap(np.isin)(elements, sets), [[True, False, False], [False, True, True]])
    np.testing.assert_array_equal(ft.vmap(np.isin, (None, 0))(elements[0], sets), ft.vmap(np.isin)(elements, sets))
    np.testing.assert_array_equal(ft.vmap(np.isin)(np.array([1, 1]), sets), [True, False])
