"""The pass by which Hessians are made gives what one trace over the other does, and makes no tangent unasked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.transforms.many_tangents import ManyTangentsTrace
from tests.cases import Case, all_cases, alone, assert_close

#: Both ways perform the same operations; only products of matrices may be summed in another order, and a
#: decomposition's rule amplifies that by its condition number, once for each derivative.
SAME = 1e-10

X = np.array([0.3, -0.7, 1.1, 0.4])


def real_arguments() -> list[Any]:
    """Return each case with each of its arguments by itself that has real numbers, up to as many as a test can bear."""
    return [
        pytest.param(case, i, id=f"{case.id} {i}")
        for case in all_cases()
        for i, x in enumerate(case.args)
        if np.asarray(x).dtype.kind == "f" and 0 < np.size(x) <= 30
    ]


@pytest.mark.parametrize(("case", "i"), real_arguments())
def test_every_rule_has_the_hessian_that_two_traces_give(case: Case, i: int) -> None:
    f = alone(case, case.args, i)

    def loss(x: Any) -> Any:
        return sum(np.sum(np.real(y) ** 2 + np.imag(y)) for y in f(x))

    x = case.args[i]
    assert_close([ft.hessian(loss)(x)], [ft.jacfwd(ft.grad(loss))(x)], SAME, "Hessian")


#: Functions of which some operands have sparse tangents, in all the ways in which their directions may lie.
SPARSE: dict[str, Any] = {
    "neighbours": lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2),
    "backwards": lambda x: np.sum(np.sin(x * x[::-1]) * x[::-1] ** 3),
    "backwards by itself": lambda x: np.sum(x[::-1] ** 4),
    "every second": lambda x: np.sum(np.exp(x[::2] * x[1::2])),
    "one element": lambda x: x[2] ** 3 * x[0] + np.sin(x[1]),
    "one element with all": lambda x: np.sum(np.cos(x * x[1])) + np.sum(x[3:] ** 2 * x),
    "columns": lambda x: np.sum(np.sin(x.reshape(2, 2)[:, 0] * x.reshape(2, 2)[:, 1]) ** 2),
    "turned": lambda x: np.sum((x.reshape(2, 2).T * x.reshape(2, 2)) ** 3),
    "taken": lambda x: np.sum(x[np.array([0, 2, 2])] ** 3 * x[np.array([1, 1, 3])]),
    "joined": lambda x: np.sum(np.concatenate([x, [2.0, 1.0], x[:2]]) ** 3),
    "joined with a point of infinite slope": lambda x: np.sum(np.sqrt(np.concatenate([[0.0], x**2]))),
    "padded": lambda x: np.sum(np.exp(np.pad(x, 2)) * np.pad(x, (1, 3))),
    "sparse and dense": lambda x: np.sum(np.tanh(np.cumsum(x) * x) * x[:1] ** 2) + np.sum(x**3),
    "dense in between": lambda x: np.sum(np.cumsum(np.sin(x) ** 2) ** 2 * np.exp(x)),
    "linear within": lambda x: np.sum((3.0 * x[1:] - x[:-1] / 2.0 + 1.0) ** 2 * np.arange(3.0)),
    "linear, and read again": lambda x: (lambda y: np.sum(np.sin(y) * y) + np.sum(y))(5.0 * -x[::-1]),
    "linear and dense": lambda x: np.sum(np.cumsum(2.0 * x[1:]) ** 2) + np.sum(x[1:] ** 2) + np.sum(x),
    "linear throughout": lambda x: np.sum(2.0 * (x[1:] - x[:-1])) + x[0],
    "by themselves": lambda x: np.sum(x * x) + np.sum(x[1:] * x[1:]) + np.sum(np.square(x) * np.sin(x)),
    "one for all": lambda x: np.sum(x[:1] ** 2 * np.arange(3.0)) + np.sum((x[1] * np.ones(3)) ** 2 * x[1:]),
    "quotients": lambda x: np.sum(1.0 / x) + np.sum(x[1:] / 3.0 / x[:-1]) + np.sum((x / x[0]) ** 2),
    "a constant and a number": lambda x: 2.0 + 0.0 * np.sum(x),
}


@pytest.mark.parametrize("f", SPARSE.values(), ids=SPARSE.keys())
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_collected_is_what_two_traces_give(f: Any, dtype: Any) -> None:
    x = X.astype(dtype)
    with np.errstate(divide="ignore", invalid="ignore"):
        found, expected = ft.hessian(f)(x), ft.jacfwd(ft.grad(f))(x)
    assert found.dtype == expected.dtype == dtype
    assert_close([found], [expected], 1e-13 if dtype is np.float64 else 1e-5, "Hessian")


def test_what_is_collected_of_several_arrays() -> None:
    def f(p: Any) -> Any:
        return np.sum(np.exp(p["a"][1:] * p["b"][0]) * p["c"] ** 2 * np.sin(p["a"][:-1])) + p["c"] ** 3

    p = {"a": X, "b": X.reshape(2, 2)[:, :1] * np.ones((2, 3)), "c": np.float64(0.7)}
    found, expected = ft.hessian(f)(p), ft.jacfwd(ft.grad(f))(p)
    ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15), found, expected)
    mixed = {"a": X.astype(np.float32), "b": p["b"], "c": 0.7}
    found, expected = ft.hessian(f)(mixed), ft.jacfwd(ft.grad(f))(mixed)
    for a, b in zip(ft.tree.leaves(found), ft.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_nothing_is_pulled_back_but_the_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ManyTangentsTrace, "process", None)
    x = np.linspace(-1.0, 1.0, 50)
    found = ft.hessian(lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))(x)
    diagonal = np.append(1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0, 0.0) + np.append(0.0, np.full(49, 200.0))
    beside = np.diag(-400.0 * x[:-1], 1)
    np.testing.assert_allclose(found, np.diag(diagonal) + beside + beside.T, rtol=1e-12, atol=1e-13)


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the recorded operations whose tangents are made, in order."""
    names: list[str] = []
    original = ManyTangentsTrace.pushed

    def push(self: Any, primitive: Any, *args: Any) -> Any:
        names.append(primitive.name)
        return original(self, primitive, *args)

    monkeypatch.setattr(ManyTangentsTrace, "pushed", push)
    return names


def test_tangents_that_the_gradient_does_not_read_are_not_made(pushed: list[str]) -> None:
    found = ft.hessian(lambda x: np.sum(3.0 * np.exp(x[1:]) ** 2 + 1.0))(X)
    np.testing.assert_allclose(found, np.diag([0.0, *(12.0 * np.exp(2.0 * X[1:]))]), rtol=1e-14)
    assert pushed == ["index", "exp"]


def test_tangents_are_made_once(pushed: list[str]) -> None:
    def f(x: Any) -> Any:
        y = np.exp(x)
        return np.sum(y * y * y) + np.sum(np.sin(y))

    ft.hessian(f)(X)
    assert sorted(pushed) == ["exp", "mul"]


def test_a_long_way_to_what_was_made_first_needs_no_recursion() -> None:
    def f(x: Any) -> Any:
        y = x
        for _ in range(20_000):
            y = y * 1.0001 - 0.0001
        return np.sum(y**2)

    np.testing.assert_allclose(ft.hessian(f)(X), 2.0 * 1.0001**40_000 * np.eye(4), rtol=1e-9)


def test_what_nobody_asks_for_dies_without_recursion() -> None:
    def f(x: Any) -> Any:
        y = np.sum(x**2)
        for _ in range(200_000):
            y = y + 1.0
        return y

    np.testing.assert_array_equal(ft.hessian(f)(X), 2.0 * np.eye(4))


def test_values_of_both_sorts_of_number() -> None:
    def f(x: Any, s: float, p: dict[str, Any]) -> Any:
        y = s * x + p["a"] / (1.0 + x**2) - s**2
        return np.sum(np.maximum(y, x) * p["b"]) * s

    args = (X, 0.5, {"a": X - 1.0, "b": 2.0})
    found = ft.hessian(f, (0, 1, 2))(*args)
    expected = ft.jacfwd(ft.grad(f, (0, 1, 2)), (0, 1, 2))(*args)
    ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15), found, expected)


def test_float32_stays_float32() -> None:
    x = X.astype(np.float32)
    found = ft.hessian(lambda x: np.sum(np.exp(x) * x[::-1] / 3.0))(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, ft.hessian(lambda x: np.sum(np.exp(x) * x[::-1] / 3.0))(X), rtol=1e-5, atol=1e-6)


def test_lists_of_traced_numbers_are_stacked() -> None:
    found = ft.hessian(lambda x: np.sum(np.add([x[0], x[1]], x[2:]) * np.array([x[3], x[0]])))(X)
    expected = ft.jacfwd(ft.grad(lambda x: (x[0] + x[2]) * x[3] + (x[1] + x[3]) * x[0]))(X)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("chunk_size", [None, 3])
def test_under_and_over_other_transformations(chunk_size: int | None) -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(x[1:] * x[:-1]) ** 2) + np.prod(x)

    def hessian(x: Any) -> Any:
        return ft.hessian(f, chunk_size=chunk_size)(x)

    third = ft.jacfwd(ft.jacfwd(ft.grad(f)))(X)
    for transform in (ft.jacfwd, ft.jacrev):
        np.testing.assert_allclose(transform(hessian)(X), third, rtol=1e-12, atol=1e-13)
    batch = np.stack([X, X[::-1]])
    np.testing.assert_allclose(ft.vmap(hessian)(batch), [hessian(x) for x in batch], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(ft.jit(hessian)(X), hessian(X), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(ft.hessian(ft.jit(f))(X), hessian(X), rtol=1e-13, atol=1e-15)
    fourth = ft.jacrev(ft.jacfwd(lambda x: ft.jacfwd(ft.grad(f))(x)))(X)
    np.testing.assert_allclose(ft.hessian(lambda x: np.sum(hessian(x)))(X), fourth.sum((0, 1)), rtol=1e-11, atol=1e-12)


def test_functions_of_several_outputs() -> None:
    def f(x: Any) -> Any:
        return {"a": x[1:] * x[:-1] ** 2, "b": np.sum(np.exp(x)), "c": np.max(x)}

    found, expected = ft.hessian(f)(X), ft.jacfwd(ft.jacrev(f))(X)
    ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), found, expected)


def test_rules_of_the_user_and_what_runs_again() -> None:
    @ft.custom_jvp
    def cube(x: Any) -> Any:
        return x**3

    cube.defjvp(lambda primals, tangents: (cube(primals[0]), 3.0 * primals[0] ** 2 * tangents[0]))

    def f(x: Any) -> Any:
        y = cube(np.sin(x))
        return np.sum(ft.checkpoint(lambda z: z * np.exp(z))(y) * ft.stop_gradient(x))

    np.testing.assert_allclose(ft.hessian(f)(X), ft.jacfwd(ft.grad(f))(X), rtol=1e-13, atol=1e-15)
