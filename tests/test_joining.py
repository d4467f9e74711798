"""Joining and splitting: NumPy's promotion and errors, parts of all sorts, and arrays made of traced elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])
MATRIX = np.arange(6.0).reshape(2, 3)


def traced(f: Callable[[Any], Any], x: Any) -> Any:
    """Return what ``f`` gives under reverse mode."""
    return ft.vjp(f, x)[0]


# --- Dtypes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [np.ones(3), np.ones(3, np.float32), np.ones(3, int), np.ones(3) * 1j, [1, 2, 3]])
@pytest.mark.parametrize(
    "join", [np.concatenate, np.stack, np.hstack, np.vstack, np.dstack, np.column_stack, lambda a: np.append(*a)]
)
def test_parts_are_promoted_as_by_numpy(join: Any, other: Any) -> None:
    x = X.astype(np.float32)
    y, pull = ft.vjp(lambda x: join([x, other]), x)
    np.testing.assert_array_equal(y, join([x, other]), strict=True)
    assert pull(np.ones_like(y))[0].dtype == np.float32


def test_dtype_and_casting() -> None:
    for join in (np.concatenate, np.stack, np.hstack, np.vstack):
        y, pull = ft.vjp(lambda x, join=join: join([x, [1, 2, 3]], dtype=np.float32), X)
        np.testing.assert_array_equal(y, join([X, [1, 2, 3]], dtype=np.float32), strict=True)
        assert pull(np.ones_like(y))[0].dtype == np.float64
        with pytest.raises(TypeError, match="'same_kind'"):
            traced(lambda x, join=join: join([x, x], dtype=int), X)
        with pytest.raises(TypeError, match="'safe'"):
            traced(lambda x, join=join: join([x, x], dtype=np.float32, casting="safe"), X)
        counts = ft.vmap(lambda x, join=join: join([x, x], dtype=int, casting="unsafe"))(MATRIX)
        assert counts.dtype == int


def test_inserted_values_take_the_dtype_of_the_array() -> None:
    y = traced(lambda v: np.insert(np.ones(3, np.float32), 1, v), np.array(0.1))
    np.testing.assert_array_equal(y, np.insert(np.ones(3, np.float32), 1, 0.1), strict=True)


# --- Arrays of traced elements ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 256])
def test_an_array_of_elements_is_one_stack(n: int) -> None:
    x = np.linspace(0.1, 1.0, n)
    g = ft.grad(lambda x: np.sum(np.concatenate([np.array([x[i] ** 2 for i in range(n)]), x])))(x)
    np.testing.assert_allclose(g, 2 * x + 1)
    y, pull = ft.vjp(lambda x: np.array([x[i] for i in reversed(range(n))]), x)
    np.testing.assert_array_equal(y, x[::-1], strict=True)
    np.testing.assert_array_equal(pull(x)[0], x[::-1])
    rows = np.stack([x, 2 * x])
    np.testing.assert_array_equal(ft.vmap(lambda x: np.array([x[0], 3.0, x[-1]]))(rows)[:, 1], [3.0, 3.0])


def test_parts_of_all_sorts() -> None:
    def f(x: Any, s: Any) -> Any:
        return np.concatenate([x, [s, 1.0], np.array([s, x[0]]), [[2.0, 3.0][0]], np.atleast_1d(s)])

    y, pull = ft.vjp(f, X, 5.0)
    np.testing.assert_array_equal(y, f(X, 5.0))
    g_x, g_s = pull(np.arange(9.0))
    np.testing.assert_array_equal(g_x, [6.0, 1.0, 2.0])
    assert g_s == 3 + 5 + 8


def test_joining_along_the_first_axis_of_one_array() -> None:
    np.testing.assert_array_equal(traced(np.concatenate, MATRIX), np.concatenate(MATRIX))
    np.testing.assert_array_equal(traced(lambda x: np.stack(x, 1), MATRIX), np.stack(MATRIX, 1))


def test_a_part_that_is_the_same_for_all_examples() -> None:
    joined = ft.vmap(lambda x: np.concatenate([X, x, [1.0]]))(MATRIX)
    np.testing.assert_array_equal(joined, np.stack([np.concatenate([X, row, [1.0]]) for row in MATRIX]))
    stacked = ft.vmap(lambda x: np.stack([x[0], 2.0, x[1]], -1))(MATRIX)
    np.testing.assert_array_equal(stacked, np.stack([[row[0], 2.0, row[1]] for row in MATRIX]))


# --- Errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda x: np.concatenate([x, MATRIX]), ValueError, "at index 1 has \\(2, 3\\)"),
        (lambda x: np.concatenate([MATRIX, x[None, :2]], axis=0), ValueError, "except along axis 0"),
        (lambda x: np.concatenate([x, 1.0]), ValueError, "zero-dimensional|at index 1 has \\(\\)"),
        (lambda x: np.concatenate([x[0], x]), ValueError, "zero-dimensional"),
        (lambda x: np.concatenate([x, x], axis=1), np.exceptions.AxisError, "out of bounds"),
        (lambda x: np.stack([x, x], axis=3), np.exceptions.AxisError, "out of bounds"),
        (lambda x: np.stack([x, x[:1]]), ValueError, "at index 1 has \\(1,\\)"),
        (lambda x: np.concatenate(x[:0]), ValueError, "need at least one array"),
        (lambda x: np.stack(x[:0]), ValueError, "need at least one array"),
        (lambda x: np.concatenate([x, x], out=np.zeros(6)), TypeError, "out"),
        (lambda x: np.stack([x, x], out=np.zeros((2, 3))), TypeError, "out"),
        (lambda x: np.block([[x], x]), ValueError, "nested"),
        (lambda x: np.block([[x, ()]]), TypeError, "not tuples"),
        (lambda x: np.block([[x], []]), ValueError, "empty list"),
        (lambda x: np.split(x, 2), ValueError, "equal division"),
        (lambda x: np.array_split(x, 0), ValueError, "number sections must be larger than 0"),
        (lambda x: np.split(x, 3, axis=1), np.exceptions.AxisError, "out of bounds"),
        (lambda x: np.hsplit(x[0], 1), ValueError, "1 or more dimensions"),
        (lambda x: np.vsplit(x, 1), ValueError, "2 or more dimensions"),
        (lambda x: np.dsplit(x, 1), ValueError, "3 or more dimensions"),
        (lambda x: np.unstack(x[0]), ValueError, "at least 1-d"),
        (lambda x: np.insert(x, 9, 1.0), IndexError, "out of bounds"),
        (lambda x: np.delete(x, 9), IndexError, "out of bounds"),
        (lambda x: np.insert(x, [0, 1], [1.0, 2.0, 3.0]), ValueError, "broadcast"),
    ],
)
def test_wrong_calls_raise_as_numpy_does(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        traced(wrong, X)


@pytest.mark.parametrize("name", ["insert", "delete", "array_split"])
def test_traced_positions_that_decide_a_shape_are_refused(name: str) -> None:
    function = {"insert": lambda x, i: np.insert(x, i, 0.0), "delete": np.delete, "array_split": np.array_split}[name]
    with pytest.raises(TypeError, match=f"np.{name} .* decide the shape"):
        ft.vmap(function)(MATRIX, np.array([0, 1]))
