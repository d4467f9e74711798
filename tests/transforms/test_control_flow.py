"""Loops and branches give what Python's give, under every transformation, and examples may differ."""

from __future__ import annotations

import dataclasses
import warnings
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import functorch_lite as ft
from tests.trees import assert_same_tree

X = np.array([0.3, -0.7, 1.1])
T = np.array([1.0, 2.0, -0.5])
BATCH = np.array([[0.3, -0.7, 1.1], [-0.2, 0.4, 2.0], [1.3, 0.1, -0.6], [0.9, 0.8, 0.7]])
#: The same operations in the same order, but sums over a batch in another.
SAME = 1e-13
assert_same = partial(assert_same_tree, rtol=SAME, atol=SAME)


# --- A program with each construct, and the same in plain Python ------------------------------------------------------


def with_cond(x: Any) -> Any:
    return ft.cond(x[0] > 0, lambda x: np.sqrt(np.abs(x)) * x[0], lambda x: np.exp(x), x)


def plain_cond(x: Any) -> Any:
    return np.sqrt(np.abs(x)) * x[0] if x[0] > 0 else np.exp(x)


def with_switch(x: Any) -> Any:
    return ft.switch(np.floor(2 * x[0]).astype(int), [np.sin, lambda x: x * x[1], np.tanh], x)


def plain_switch(x: Any) -> Any:
    i = min(max(int(np.floor(2 * x[0])), 0), 2)
    return [np.sin, lambda x: x * x[1], np.tanh][i](x)


def with_while(x: Any) -> Any:
    def body(carry: Any) -> Any:
        n, y = carry
        return n + 1, np.sin(y) * 1.5 + 0.1 * x

    return ft.while_loop(lambda c: (np.sum(c[1] ** 2) < 4.0) & (c[0] < 7), body, (0, x))[1]


def plain_while(x: Any) -> Any:
    n, y = 0, x
    while np.sum(y**2) < 4.0 and n < 7:
        n, y = n + 1, np.sin(y) * 1.5 + 0.1 * x
    return y


def with_fori(x: Any) -> Any:
    return ft.fori_loop(1, 4, lambda i, y: np.sin(i * y) + x, x)


def plain_fori(x: Any) -> Any:
    y = x
    for i in range(1, 4):
        y = np.sin(i * y) + x
    return y


PAIRS = {
    "cond": (with_cond, plain_cond),
    "switch": (with_switch, plain_switch),
    "while_loop": (with_while, plain_while),
    "fori_loop": (with_fori, plain_fori),
}

TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Callable[[Any], Any]]] = {
    "value": lambda f: f,
    "grad": lambda f: ft.grad(lambda x: np.sum(f(x) ** 2)),
    "jvp": lambda f: lambda x: ft.jvp(f, (x,), (T,))[1],
    "jacfwd": ft.jacfwd,
    "jacrev": ft.jacrev,
    "hessian": lambda f: ft.hessian(lambda x: np.sum(f(x) ** 2)),
    "jacrev of jacrev": lambda f: ft.jacrev(ft.jacrev(f)),
    "jet": lambda f: lambda x: ft.jet(f, (x,), ([T, X, T],)),
    "checkpoint": lambda f: ft.jacrev(ft.checkpoint(f)),
    "linearize": lambda f: lambda x: ft.linearize(f, x)[1](T),
}


def stacked(results: list[Any]) -> Any:
    return ft.tree.map(lambda *leaves: np.stack(leaves), *results)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_construct_is_what_python_does(name: str, transform: str) -> None:
    structured, plain = (TRANSFORMS[transform](f) for f in PAIRS[name])
    for x in BATCH:
        assert_same(structured(x), plain(x))


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_examples_of_a_batch_may_differ(name: str, transform: str) -> None:
    structured, plain = (TRANSFORMS[transform](f) for f in PAIRS[name])
    expected = stacked([plain(x) for x in BATCH])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no overflow, no NaN on the way either
        assert_same(ft.vmap(structured)(BATCH), expected)


@pytest.mark.parametrize("name", PAIRS)
def test_the_derivative_of_a_batch(name: str) -> None:
    structured, plain = PAIRS[name]
    found = ft.grad(lambda b: np.sum(ft.vmap(structured)(b) ** 2))(BATCH)
    assert_same(found, np.stack([ft.grad(lambda x: np.sum(plain(x) ** 2))(x) for x in BATCH]))


@pytest.mark.parametrize("name", PAIRS)
def test_batches_of_batches(name: str) -> None:
    structured, plain = PAIRS[name]
    batches = np.stack([BATCH, BATCH[::-1] * 0.9])
    expected = np.stack([np.stack([plain(x) for x in b]) for b in batches])
    assert_same(ft.vmap(ft.vmap(structured))(batches), expected)
    # The condition differs in one level only, the other value in the other.
    shifts = np.array([0.5, -0.5])[:, None] * np.ones(3)

    def pair(f: Callable[..., Any]) -> Callable[[Any, Any], Any]:
        return lambda x, s: f(x) * s + f(s + x)

    found = ft.vmap(ft.vmap(pair(structured), (0, None)), (None, 0))(BATCH, shifts)
    assert_same(found, np.stack([np.stack([pair(plain)(x, s) for x in BATCH]) for s in shifts]))


@pytest.mark.parametrize("name", PAIRS)
def test_an_empty_batch(name: str) -> None:
    assert ft.vmap(PAIRS[name][0])(np.zeros((0, 3))).shape == (0, 3)


# --- NaN does not leak ------------------------------------------------------------------------------------------------


def assert_no_nan(f: Callable[[Any, Any], Any]) -> None:
    """Assert that the branch of x > 0, ``sqrt(x) * log(w * x)``, leaves no NaN where ``w * x`` is taken."""
    x, w = np.array([4.0, -1.0, 0.0]), 2.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for_x, for_w = ft.grad(lambda x, w: np.sum(ft.vmap(f, (0, None))(x, w)), (0, 1))(x, w)
        each = ft.vmap(ft.grad(f, (0, 1)), (0, None))(x, w)
    np.testing.assert_allclose(for_x, [0.25 * np.log(8.0) + 0.5, 2.0, 2.0], rtol=1e-15)
    assert for_w == pytest.approx(2.0 / 2.0 - 1.0 + 0.0)
    np.testing.assert_allclose(each, [for_x, [1.0, -1.0, 0.0]], rtol=1e-15)


def test_the_branch_that_is_not_taken_leaves_no_nan() -> None:
    def f(x: Any, w: Any) -> Any:
        return ft.cond(x > 0, lambda x, w: np.sqrt(x) * np.log(w * x), lambda x, w: w * x, x, w)

    x, w = np.array([4.0, -1.0, 0.0]), 2.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for_x, for_w = ft.grad(lambda x, w: np.sum(ft.vmap(f, (0, None))(x, w)), (0, 1))(x, w)
        np.testing.assert_allclose(for_x, [0.25 * np.log(8.0) + 0.5, 2.0, 2.0], rtol=1e-15)
        assert for_w == pytest.approx(2.0 / 2.0 - 1.0 + 0.0)
        second = ft.hessian(lambda x: np.sum(ft.vmap(f, (0, None))(x, w)))(x)
    assert np.all(np.isfinite(second))


def test_what_a_branch_closes_over_leaves_no_nan() -> None:
    def f(x: Any, w: Any) -> Any:
        pair = (x, w)

        def root(scale: Any) -> Any:
            return np.sqrt(x) * scale

        def recursive(n: int) -> Any:
            return root(np.log(pair[0] * pair[1])) if n == 0 else recursive(n - 1)

        return ft.cond(x > 0, lambda: recursive(2), lambda: w * x)

    assert_no_nan(f)


class _Line:
    """An object that a branch reaches, with attributes, a method, and a way back to itself."""

    def __init__(self, x: Any, w: Any) -> None:
        self.parts = {"x": x, "w": [w]}
        self.itself = self

    def __call__(self) -> Any:
        return np.sqrt(self.itself.parts["x"]) * np.log(self.parts["w"][0] * self.parts["x"])

    def value(self, factor: Any) -> Any:
        return factor * self()


@dataclasses.dataclass
class _Pair:
    x: Any
    w: Any


class _Named(NamedTuple):
    x: Any
    pair: Any


def _root(x: Any, w: Any) -> Any:
    return np.sqrt(x) * np.log(w * x)


def _with_default(x: Any, w: Any) -> Callable[[], Any]:
    def f(x: Any = x, *, w: Any = w) -> Any:
        return _root(x, w)

    return f


def _with_object(x: Any, w: Any) -> Callable[[], Any]:
    line = _Line(x, w)
    return lambda: line.value(1.0)


def _with_list(x: Any, w: Any) -> Callable[[], Any]:
    both = [x, {"w": (w, None)}]
    return lambda: _root(both[0], both[1]["w"][0])


def _with_table_of_functions(x: Any, w: Any) -> Callable[[], Any]:
    table: dict[str, Any] = {"x": lambda: x, "root": lambda: _root(table["x"](), w)}
    return lambda: table["root"]()


def _with_containers(x: Any, w: Any) -> Callable[[], Any]:
    named, waiting = _Named(x, _Pair(x, w)), deque([w])
    return lambda: _root(named.pair.x, waiting[0]) + 0.0 * np.log(named.x)


def _with_a_transformed_function(x: Any, w: Any) -> Callable[[], Any]:
    def primitive(s: Any) -> Any:
        return s * _root(x, w)

    return lambda: ft.grad(primitive)(1.0)


@pytest.mark.parametrize(
    "branch",
    [
        lambda x, w: partial(_root, x, w=w),
        lambda x, w: partial(lambda f, w: f(w), lambda w: _root(x, w), w),
        lambda x, w: _Line(x, w),
        lambda x, w: _Line(x, w).__call__,
        lambda x, w: partial(_Line(x, w).value, 1.0),
        _with_object,
        _with_default,
        _with_list,
        _with_table_of_functions,
        _with_containers,
        _with_a_transformed_function,
    ],
)
def test_what_a_branch_holds_leaves_no_nan(branch: Callable[[Any, Any], Callable[[], Any]]) -> None:
    def f(x: Any, w: Any) -> Any:
        return ft.cond(x > 0, branch(x, w), lambda: w * x)

    assert_no_nan(f)


def test_what_the_body_of_a_loop_holds_leaves_no_nan() -> None:
    def f(x: Any) -> Any:
        held = {"limit": [x]}
        return ft.while_loop(lambda y: y < held["limit"][0], lambda y: y + np.sqrt(held["limit"][0] - y), 0.0 * x)

    x = np.array([4.0, -1.0, 0.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        slopes = ft.vmap(ft.grad(f))(x)
    np.testing.assert_allclose(slopes, [ft.grad(f)(v) for v in x], rtol=1e-14)


def test_variables_that_hold_no_tracer_are_shared() -> None:
    count = 0

    def f(x: Any) -> Any:
        def branch() -> Any:
            nonlocal count
            count += 1
            return 2.0 * x

        return ft.cond(x > 0, branch, lambda: 0.0 * x)

    np.testing.assert_array_equal(ft.vmap(f)(np.array([1.0, -1.0])), [2.0, 0.0])
    assert count == 1


def test_an_index_is_in_range_in_the_examples_that_do_not_take_the_branch() -> None:
    table = np.array([1.0, 2.0])

    def f(i: Any) -> Any:
        return ft.cond(i < 2, lambda i: np.sum(np.where(np.arange(2) == i, table, 0.0)) / (2 - i), lambda i: 0.0, i)

    np.testing.assert_array_equal(ft.vmap(f)(np.array([0, 1, 2, 5])), [0.5, 2.0, 0.0, 0.0])


def test_a_loop_that_is_over_leaves_no_nan() -> None:
    def f(x: Any) -> Any:  # 1/x → ∞ if it went on where x has reached 0
        return ft.while_loop(lambda c: c[0] > 0.5, lambda c: (c[0] - 1.0, c[1] / c[0]), (x, x))[1]

    x = np.array([3.0, 1.0, 0.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ft.vmap(ft.value_and_grad(f))(x)
    expected = [ft.value_and_grad(f)(v) for v in x]
    assert_same(found, tuple(np.array(part) for part in zip(*expected, strict=True)))


# --- Bounds, indices, weak numbers ------------------------------------------------------------------------------------


def test_bounds_may_differ_between_examples() -> None:
    def power(x: Any, n: Any) -> Any:
        return ft.fori_loop(0, n, lambda i, y: y * x, 1.0)

    x, n = np.array([2.0, 3.0, 5.0]), np.array([3, 0, 2])
    np.testing.assert_array_equal(ft.vmap(power)(x, n), x**n)
    np.testing.assert_array_equal(ft.vmap(ft.grad(power))(x, n), n * x ** np.maximum(n - 1, 0))


def test_an_index_out_of_range_is_clamped() -> None:
    branches = [lambda x: x + 1, lambda x: x + 2]
    assert [ft.switch(i, branches, 0) for i in (-3, 0, 1, 9)] == [1, 1, 2, 2]
    np.testing.assert_array_equal(ft.vmap(lambda i: ft.switch(i, branches, 0))(np.array([-3, 0, 1, 9])), [1, 1, 2, 2])


def test_a_number_as_a_condition_is_true_unless_zero() -> None:
    assert ft.cond(2, lambda: "yes", lambda: "no") == "yes"
    assert ft.cond(np.float64(0.0), lambda: "yes", lambda: "no") == "no"
    assert ft.grad(lambda x: ft.cond(x, np.sin, np.cos, x))(0.0) == 0.0
    np.testing.assert_array_equal(ft.vmap(lambda x: ft.cond(x, np.exp, np.cos, x))(np.array([0.0, 0.0])), [1.0, 1.0])


def test_python_numbers_take_the_precision_of_the_arrays_that_they_meet() -> None:
    x = np.float32(0.5)
    out = ft.fori_loop(0, 2, lambda i, y: y + x, 0)
    assert out == 1.0
    assert out.dtype == np.float32
    derivative = ft.grad(lambda s, x: ft.fori_loop(0, 2, lambda i, y: y * x, s), (0, 1))(1.0, x)
    assert derivative[1].dtype == np.float32


# --- Wrong use --------------------------------------------------------------------------------------------------------


def test_a_carried_value_keeps_its_structure_shape_and_dtype() -> None:
    with pytest.raises(TypeError, match=r"fori_loop: .* of structure .*\*, \*.* and returned one of structure .*'a'"):
        ft.fori_loop(0, 1, lambda i, c: {"a": c[0]}, (1.0, 2.0))
    with pytest.raises(TypeError, match=r"a carried value of float64\[3\] and returned float64\[2\].*float64\[3\].*"):
        ft.while_loop(lambda c: True, lambda c: c[:2], X)
    with pytest.raises(TypeError, match=r"int64\[3\] and returned float64\[3\] at \['n'\]; shape and dtype must"):
        ft.fori_loop(0, 1, lambda i, c: {"n": c["n"] * 0.5}, {"n": np.arange(3)})
    with pytest.raises(TypeError, match="given a carried value of a Python float and returned a Python int"):
        ft.fori_loop(0, 1, lambda i, c: 1, 1.0)


def test_branches_return_the_same_structure() -> None:
    def f(x: Any) -> Any:
        return ft.cond(x > 0, lambda x: (x, x), lambda x: x, x)

    assert f(1.0) == (1.0, 1.0)
    with pytest.raises(TypeError, match=r"cond: the branches <lambda> and <lambda> return .*float64\[\].* must agree"):
        ft.vmap(f)(np.array([1.0, -1.0]))
    with pytest.raises(TypeError, match=r"switch: the branches .*float64\[\] and float32\[\]; structure, shapes"):
        ft.vmap(lambda i, x: ft.switch(i, [np.sin, lambda x: x.astype(np.float32)], x), (0, None))(
            np.array([0, 1]), np.float64(1.0)
        )


@pytest.mark.parametrize("pred", [X > 0, "yes", (True,), 1j, None])
def test_a_condition_is_a_boolean_scalar(pred: Any) -> None:
    with pytest.raises(TypeError, match="cond needs a boolean scalar as its condition, not"):
        ft.cond(pred, lambda: 1, lambda: 2)


def test_other_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="must return a boolean scalar, not a Python float; compare it"):
        ft.while_loop(lambda x: x, lambda x: x, 1.0)
    with pytest.raises(TypeError, match=r"while_loop needs a boolean scalar as its condition, not bool\[3\]"):
        ft.while_loop(lambda x: x > 0, lambda x: x, X)
    with pytest.raises(TypeError, match="fori_loop needs integer scalars as its bounds, not a Python float"):
        ft.fori_loop(0, 2.0, lambda i, x: x, 1.0)
    with pytest.raises(TypeError, match="switch needs an integer scalar as its index, not a Python bool"):
        ft.switch(True, [np.sin], 1.0)
    with pytest.raises(ValueError, match="switch needs one branch at least"):
        ft.switch(0, [], 1.0)
