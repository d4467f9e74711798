"""Jacobians of functions that leave tangents sparse: the same numbers as one tangent at a time, in less memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.calculus.indexing import index
from functorch_lite.transforms.directions import Space
from functorch_lite.transforms.tangent_arrays import FEW_TERMS, DenseTangents, SparseTangents
from tests.measuring import peak

N = 12
X = np.random.default_rng(0).uniform(0.5, 1.5, N)
W = np.random.default_rng(1).normal(size=(5, N))
MASK = np.arange(N) % 3 == 0


def neighbours(x: Any) -> Any:
    """Add up more shifted copies than an element keeps terms."""
    return sum((np.roll(x, k) * np.sin((k + 1) * x) for k in range(FEW_TERMS + 3)), start=0.0)


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "elementwise": lambda x: np.sin(x) * x / (1.0 + x**2) - np.exp(-x),
    "the identity": lambda x: x,
    "a constant": lambda x: np.ones(3),
    "slices": lambda x: x[1:] * x[:-1] - x[1:] / x[:-1],
    "strides": lambda x: x[::2] * x[1::2] ** 2 + x[::-2],
    "a part with new axes": lambda x: x[:3, None] * x[3:5] + x[None, 4:1:-1, None][0] - x[..., 2:4],
    "places in axes": lambda x: x.reshape(2, 3, 2)[1, ::-2] * x.reshape(3, 4)[2:, 1:3] + x.reshape(4, 3)[-1, 1],
    "parts of length one and none": lambda x: x[3:4] * x[7:1:-1] + np.sum(x[5:5]) + x.reshape(1, N)[:, 1:7],
    "one element": lambda x: x[3] * x[-1] + x[0],
    "shapes": lambda x: (x.reshape(3, 4).T * x.reshape(4, 3)).ravel()[2:7],
    "broadcast": lambda x: np.sin(x[:, None]) * x[:4] + x[:, None],
    "broadcast of a sum": lambda x: x[:, None] + x[:4],
    "rows and a column": lambda x: x.reshape(3, 4) - x[:3][:, None] * x[:4],
    "new axes": lambda x: np.expand_dims(x, (0, 2)) * x[:3],
    "broadcast_to": lambda x: np.broadcast_to(x, (2, N)) * x,
    "where": lambda x: np.where(MASK, x * x, np.cos(x)) + np.where(x > 1.0, x, 2.0 * x),
    "where of one": lambda x: np.where(MASK, 0.0, x)[1:] + np.where(x[1:] > 1.0, x[:-1], 0.5),
    "where in three ranks": lambda x: np.where(MASK[:, None], x[:3] * 2.0, x[:, None]),
    "conversions": lambda x: np.real(np.conjugate(x.astype(complex) * (1.0 + 2.0j)) * 1j) * x,
    "extremes": lambda x: np.maximum(x, 1.0) * np.minimum(x[::-1], x) + np.clip(x, 0.7, 1.2),
    "stack": lambda x: np.stack([x[0] * x[1], np.sin(x[2]), 1.0 * x[3] * x[3]]),
    "array of scalars": lambda x: np.array([x[0] * x[1], x[5] - x[2]]),
    "concatenate": lambda x: np.concatenate([x[:2] * x[1:3], np.zeros(2), x[5:] ** 2]),
    "padding": lambda x: np.pad(x[3:5] * x[1:3], (2, 1)) + np.pad(x, 1)[:5],
    "diagonal": lambda x: np.diag(x * x) + np.diagonal(np.outer(x, x) * np.eye(N)),
    "flip and roll": lambda x: np.flip(x) * np.roll(x, 3),
    "fancy indexing": lambda x: (x * x)[[3, 1, 1]] * x[MASK][:3],
    "sum": lambda x: np.sum(x * x),
    "sum over an axis": lambda x: np.sum((x * x).reshape(3, 4) * x[:4], axis=1),
    "sum with keepdims": lambda x: x / np.sum(x[1:] * x[:-1], keepdims=True),
    "mean and more": lambda x: (x - x.mean()) / x.std(),
    "a matrix times it": lambda x: np.tanh(W @ np.tanh(x)),
    "it times a matrix": lambda x: (x * x) @ W.T,
    "an inner product": lambda x: np.sin(x) @ np.arange(N * 1.0) + x @ x,
    "a matrix times slices": lambda x: W[:, 1:] @ (x[1:] * x[:-1]),
    "a matrix times one element, repeated": lambda x: W @ (np.ones(N) * x[3]) + W @ (x[2:3] * np.ones(N)),
    "a matrix times nothing": lambda x: W[:, :0] @ x[:0] + W[:, :1] @ x[4:5],
    "a matrix times the same in another order": lambda x: W @ x[::-1] + W @ np.roll(x, 1),
    "a matrix times a part": lambda x: W[:, :4] @ np.exp(x[:4]),
    "mixed": lambda x: np.cumsum(x) * x + np.cumsum(x)[:, None][:, 0] * x[::-1],
    "many terms": neighbours,
    "many terms, then moves": lambda x: neighbours(x)[1:] * x[:-1],
    "an inner gradient": lambda x: ft.grad(lambda y: np.sum((y[1:] * y[:-1]) ** 2 * x[1:]))(x) * x,
    "checkpoint": lambda x: ft.checkpoint(lambda y: np.sin(y) * x)(x * x),
    "a loop": lambda x: ft.fori_loop(0, 3, lambda i, y: np.sin(y) * x, x),
}


def columns(f: Callable[[Any], Any], x: Any) -> Any:
    """Return the Jacobian by one tangent at a time."""
    basis = np.eye(x.size, dtype=x.dtype).reshape(x.size, *x.shape)
    return np.stack([ft.jvp(f, (x,), (e,))[1] for e in basis], axis=-1).reshape(*np.shape(f(x)), *x.shape)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobians_are_those_of_single_tangents(name: str) -> None:
    f = FUNCTIONS[name]
    expected = columns(f, X)
    np.testing.assert_allclose(ft.jacfwd(f)(X), expected, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(ft.jit(ft.jacfwd(f))(X), expected, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(ft.jacrev(f)(X), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_order_and_batches(name: str) -> None:
    f = FUNCTIONS[name]
    loss = lambda x: np.sum(np.sin(f(x)))
    expected = columns(ft.grad(loss), X)
    np.testing.assert_allclose(ft.hessian(loss)(X), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(ft.jacfwd(ft.jacfwd(loss))(X), expected, rtol=1e-12, atol=1e-13)
    batch = np.stack([X, X[::-1], X + 0.01])
    found = ft.vmap(ft.jacfwd(f))(batch)
    np.testing.assert_allclose(found, [columns(f, x) for x in batch], rtol=1e-12, atol=1e-13)
    gradient = ft.grad(lambda x: np.sum(ft.jacfwd(f)(x) ** 2))(X)
    expected = columns(lambda x: np.stack([ft.jvp(f, (x,), (e,))[1] for e in np.eye(N)], axis=-1), X)
    expected = np.tensordot(2.0 * columns(f, X), expected, np.ndim(expected) - 1)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_precision_and_shape_are_those_of_dense_tangents(name: str) -> None:
    f, x = FUNCTIONS[name], X.astype(np.float32)
    found, dense = ft.jacfwd(f)(x), ft.jacfwd(f, chunk_size=N)(x)  # chunks are dense
    assert (found.shape, found.dtype) == (dense.shape, dense.dtype)
    np.testing.assert_allclose(found, dense, rtol=2e-5, atol=2e-5)


def test_complex_inputs() -> None:
    z = X + 1j * X[::-1]
    for name in ("elementwise", "slices", "broadcast", "stack", "sum over an axis", "a matrix times it", "many terms"):
        f = FUNCTIONS[name]
        found, dense = ft.jacfwd(f, holomorphic=True)(z), ft.jacfwd(f, holomorphic=True, chunk_size=N)(z)
        np.testing.assert_allclose(found, dense, rtol=1e-12, atol=1e-12)


def test_several_leaves_of_several_kinds() -> None:
    tree = {"a": X[:5], "b": X[5:].reshape(1, 7), "c": 0.5, "d": np.float64(2.0), "e": np.array(3.0)}

    def f(p: Any) -> Any:
        return {"y": p["a"][:, None] * p["b"] * p["c"], "z": W[:, :5] @ p["a"] * p["d"] ** p["e"], "c": p["c"] * 2.0}

    found, dense = ft.jacfwd(f)(tree), ft.jacfwd(f, chunk_size=15)(tree)
    assert ft.tree.structure(found) == ft.tree.structure(dense)
    for a, b in zip(ft.tree.leaves(found), ft.tree.leaves(dense), strict=True):
        assert (np.shape(a), type(a)) == (np.shape(b), type(b))
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_a_pullback_of_many_outputs_keeps_the_rows_sparse() -> None:
    x = np.linspace(0.5, 1.5, 300)
    for f in (lambda x: np.sin(x) * x, lambda x: x[1:] * x[:-1], lambda x: np.tanh(np.ones((200, 300)) @ x / 300)):
        np.testing.assert_allclose(ft.jacrev(f)(x), ft.jacfwd(f, chunk_size=300)(x), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(ft.jit(ft.jacrev(f))(x), ft.jacrev(f)(x), rtol=1e-12, atol=1e-14)


def test_tangents_along_the_tape_stay_sparse() -> None:
    x = np.linspace(0.5, 1.5, 80)

    def wide(p: Any) -> Any:
        return {"y": np.stack([np.sin(p["x"]) * p["s"], p["x"] ** 2]), "z": p["x"][1:] * p["x"][:-1]}

    point = {"x": x, "s": 2.0}
    cases = (wide, point), (lambda x: np.outer(x, x[:3]), x), (lambda x: np.tanh(np.ones((200, 80)) @ x / 80), x)
    for f, at in cases:
        found, expected = ft.jacobian(f)(at), ft.jacfwd(f, chunk_size=81)(at)
        for a, b in zip(ft.tree.leaves(found), ft.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14, strict=True)


def test_a_rule_that_is_not_linear_in_the_cotangent_gets_each_row() -> None:
    @ft.custom_vjp
    def clipped(x: Any) -> Any:
        return x

    clipped.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
    found = ft.jacrev(lambda x: 5.0 * clipped(x))(np.ones(100))
    np.testing.assert_array_equal(found, np.eye(100))


def test_nothing_is_multiplied_by_a_zero() -> None:
    for n in (3, 100):
        x = np.zeros(n)
        with np.errstate(divide="ignore"):
            found = ft.jacfwd(np.sqrt)(x)
        np.testing.assert_array_equal(found, np.where(np.eye(n) > 0, np.inf, 0.0))


def test_memory_is_that_of_the_result() -> None:
    n = 2000
    x = np.linspace(0.5, 1.5, n)
    result = 8 * n * n
    rows = x.reshape(50, 40)
    calls = [
        (lambda transform=transform: transform(lambda x: np.sin(x) * np.exp(x) / x)(x), 1.1 * result)
        for transform in (ft.jacfwd, ft.jacrev, ft.jacobian)
    ]
    calls.append((lambda: ft.jacfwd(lambda x: np.sum(x * np.sin(x), axis=1))(rows), 3 * 8 * n * 50))
    for call, allowed in calls:
        call()  # what is made once is made now
        assert peak(call) < allowed


def test_directions_moved_twice_in_the_same_way_are_the_same_object() -> None:
    t = SparseTangents.basis(X, 0, Space(N))
    behind = (slice(1, None),)
    a, b = t.moved(index, behind), (t * 2.0).moved(index, behind)
    assert a.terms[0][0] == b.terms[0][0] == (1, 1)
    assert len((a + b).terms) == 1
    np.testing.assert_array_equal((a + b).array(), 3.0 * np.eye(N)[:, 1:])
    c = t.moved(index, (slice(None, -1),))
    assert len((a - c).terms) == 2
    np.testing.assert_array_equal((a - c).array(), np.eye(N)[:, 1:] - np.eye(N)[:, :-1])
    np.testing.assert_array_equal((a - c).array(last=True), (np.eye(N)[:, 1:] - np.eye(N)[:, :-1]).T)


@pytest.mark.parametrize(
    ("n", "count", "form"),
    [
        (12, 9, DenseTangents),
        (100, 9, SparseTangents),
        (100, 20, DenseTangents),
        (300, 60, SparseTangents),
        (300, 80, DenseTangents),
    ],
)
def test_the_more_tangents_the_more_terms_are_kept(n: int, count: int, form: type) -> None:
    x = np.linspace(0.5, 1.5, n)

    def f(x: Any, forms: set[type]) -> Any:
        y = sum(np.roll(x, k) * (k + 1.0) for k in range(count))
        forms.add(type(y.tangent))
        return np.sin(y)

    forms: set[type] = set()
    found = ft.jacfwd(f)(x, forms)
    assert forms == {form}
    np.testing.assert_allclose(found, ft.jacfwd(f, chunk_size=n)(x, forms), rtol=1e-12, atol=1e-13)


def test_both_forms_can_be_added() -> None:
    sparse = SparseTangents.basis(X, 0, Space(N))
    dense = DenseTangents(np.full((N, N), 2.0))
    for found, expected in (
        (sparse + dense, np.eye(N) + 2.0),
        (dense + sparse, np.eye(N) + 2.0),
        (sparse - dense, np.eye(N) - 2.0),
        (dense - sparse, 2.0 - np.eye(N)),
    ):
        assert type(found) is DenseTangents
        np.testing.assert_array_equal(found.array, expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_diagonal_of_the_hessian_is_its_diagonal(name: str) -> None:
    f = FUNCTIONS[name]
    loss = lambda x: np.sum(np.sin(f(x)))
    expected = np.diag(columns(ft.grad(loss), X))
    np.testing.assert_allclose(ft.hessian_diag(loss)(X), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(ft.hessian_diag(loss, chunk_size=5)(X), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(ft.jit(ft.hessian_diag(loss))(X), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(ft.vmap(ft.hessian_diag(loss))(X[None])[0], expected, rtol=1e-12, atol=1e-13)
    assert ft.hessian_diag(loss)(X.astype(np.float32)).dtype == np.float32


def test_the_diagonal_for_leaves_of_several_kinds() -> None:
    def f(p: Any) -> Any:
        return p["c"] ** 3 * np.sum(p["a"] ** 2) * np.sum(p["b"] ** 3) + p["d"] ** 4 + p["e"] ** 2

    tree = {"a": X[:3], "b": X[3:7].reshape(2, 2), "c": 0.5, "d": np.float64(2.0), "e": np.array(3.0)}
    found, expected = ft.hessian_diag(f)(tree), ft.hessian_diag(f, chunk_size=4)(tree)
    for a, b in zip(ft.tree.leaves(found), ft.tree.leaves(expected), strict=True):
        assert (np.shape(a), type(a)) == (np.shape(b), type(b))
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_the_diagonal_for_a_function_of_neighbours_takes_linear_memory() -> None:
    x = np.linspace(0.0, 1.0, 50_000)
    diagonal = ft.hessian_diag(lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2 + x[1:] ** 4))(x)
    np.testing.assert_allclose(diagonal[1:-1], 12 * x[1:-1] ** 2 - 4 * x[2:] + 12 * x[1:-1] ** 2 + 2.0, rtol=1e-12)


@pytest.mark.parametrize("name", [name for name, f in FUNCTIONS.items() if np.shape(f(X)) == (N,)])
def test_the_divergence_is_the_trace(name: str) -> None:
    f = FUNCTIONS[name]
    expected = np.trace(columns(f, X))
    np.testing.assert_allclose(ft.divergence(f)(X), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ft.divergence(f, chunk_size=5)(X), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ft.jit(ft.divergence(f))(X), expected, rtol=1e-12, atol=1e-12)
    slope = ft.jacfwd(lambda x: np.trace(columns(f, x)))(X)
    np.testing.assert_allclose(ft.grad(ft.divergence(f))(X), slope, rtol=1e-11, atol=1e-11)


def test_the_divergence_of_a_local_field_takes_linear_memory() -> None:
    x = np.linspace(0.0, 1.0, 50_000)
    found = ft.divergence(lambda x: np.sin(x) * x - np.roll(x, 1) * x)(x)
    np.testing.assert_allclose(found, np.sum(np.cos(x) * x + np.sin(x) - np.roll(x, 1)), rtol=1e-12)


def test_the_tangents_of_a_sum_are_made_when_they_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    collected = SparseTangents.collected
    monkeypatch.setattr(SparseTangents, "collected", lambda *args: made.append(args) or collected(*args))
    ft.hessian(lambda x: np.sum(x**3))(X)
    assert not made  # the gradient is differentiated, not the loss
    np.testing.assert_allclose(ft.jacfwd(lambda x: np.sum(x**3))(X), 3.0 * X**2, rtol=1e-14)
    assert len(made) == 1
    np.testing.assert_allclose(ft.jacfwd(lambda x: np.sum(x) * np.ones(2) + np.sum(x))(X), np.full((2, N), 2.0))
    assert len(made) == 3
