"""Many tangents at once are what ``vmap`` of `jvp` gives: for every rule, and under other transformations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.transforms.many_tangents import push_many
from tests.cases import Case, all_cases, assert_close, directions, dtype_of

#: The two perform the same operations on the same numbers, but for products of matrices, whose order of summation may
#: depend on their shapes; a decomposition's rule amplifies that by its condition number.
SAME = 1e-11

X = np.array([0.3, -0.7, 1.1])
MATRIX = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [0.3, 1.0, -1.25]])


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in all_cases()])
def test_every_rule_pushes_many_tangents_as_it_pushes_each(case: Case) -> None:
    tangents = [np.stack(ts) for ts in zip(*(directions(case.args, 70 + k) for k in range(3)), strict=True)]
    values, columns, _ = push_many(lambda args: case(*args), case.args, tangents)
    plain = case(*case.args)
    expected = ft.vmap(lambda *ts: ft.jvp(case, case.args, ts)[1], out_axes=-1)(*tangents)
    for y, value, column in zip(plain, values, columns, strict=True):
        np.testing.assert_array_equal(np.asarray(value), np.asarray(y))
        assert np.shape(column) == (*np.shape(y), 3)
        assert dtype_of(column) == dtype_of(y)
    assert_close(columns, expected, SAME, "tangents")


def test_operands_of_different_ranks() -> None:
    def f(x: Any, t: Any) -> Any:
        return (t * MATRIX + x) * x - x / t + np.maximum(t, MATRIX) ** x

    for argnums in (0, 1, (0, 1)):
        forward, reverse = ft.jacfwd(f, argnums)(X, 2.5), ft.jacrev(f, argnums)(X, 2.5)
        ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13), forward, reverse)


def test_chunks_give_what_all_at_once_do() -> None:
    whole = ft.jacfwd(lambda x: {"a": np.outer(x, x), "b": np.sum(x**3)})(X)
    for size in (1, 2, 3, 4):
        parts = ft.jacfwd(lambda x: {"a": np.outer(x, x), "b": np.sum(x**3)}, chunk_size=size)(X)
        ft.tree.map(np.testing.assert_array_equal, parts, whole)


def test_under_other_transformations() -> None:
    def f(x: Any) -> Any:
        return np.sin(MATRIX @ x) * x[0] + np.cumsum(x)

    def total(jacobian: Any) -> Any:
        return lambda x: np.sum(jacobian(f)(x) ** 2)

    forward, reverse = total(ft.jacfwd), total(ft.jacrev)
    np.testing.assert_allclose(ft.grad(forward)(X), ft.grad(reverse)(X), rtol=1e-13)
    np.testing.assert_allclose(ft.jacfwd(ft.jacfwd(f))(X), ft.jacrev(ft.jacrev(f))(X), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(ft.vmap(ft.jacfwd(f))(MATRIX), np.stack([ft.jacrev(f)(x) for x in MATRIX]), rtol=1e-13)
    np.testing.assert_allclose(ft.jit(ft.jacfwd(f))(X), ft.jacrev(f)(X), rtol=1e-13)
    np.testing.assert_allclose(ft.jacfwd(ft.vmap(f))(MATRIX), ft.jacrev(ft.vmap(f))(MATRIX), rtol=1e-13, atol=1e-15)


def test_the_function_runs_once_and_sees_its_values() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(bool(x[0] > 0))  # the values are the same for all tangents, so Python may ask
        return x * x if seen[-1] else x

    np.testing.assert_array_equal(ft.jacfwd(f)(X), np.diag(2 * X))
    assert seen == [True]


def test_results_share_no_memory() -> None:
    first, second = ft.jacfwd(lambda x: (x, x))(X)
    assert not np.shares_memory(first, second)
    first[0, 0] = 7.0
    np.testing.assert_array_equal(second, np.eye(3))


def test_a_tangent_that_escapes_is_refused() -> None:
    kept: list[Any] = []

    @ft.custom_jvp
    def f(x: Any) -> Any:
        return np.sin(x)

    @f.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        kept.append(tangents[0])
        return f(*primals), np.cos(primals[0]) * tangents[0]

    ft.jacfwd(f)(X)
    with pytest.raises(ft.EscapedTracerError, match="which has already returned"):
        kept[0] + 1.0
