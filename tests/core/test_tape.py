"""The walk along the tape is linear in its length; what comes out of it is the caller's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.backward import backward, project, unbroadcast
from functorch_lite.core.tape import Taped, leaf

X = np.array([0.3, -0.7, 1.1])

# --- Depth and time ---------------------------------------------------------------------------------------------------


def chain(length: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        for _ in range(length // 2):
            x = np.sin(x) * 1.0001
        return x

    return f


def seconds(compute: Callable[[], Any]) -> float:
    start = time.perf_counter()
    compute()
    return time.perf_counter() - start


@pytest.mark.slow
def test_a_million_operations_take_ten_times_as_long_as_a_hundred_thousand() -> None:
    ft.grad(chain(1_000))(0.5)
    short = min(seconds(lambda: ft.grad(chain(100_000))(0.5)) for _ in range(2))
    long = seconds(lambda: ft.grad(chain(1_000_000))(0.5))
    assert long < 60 * short  # ten, and room for a busy machine: quadratic growth would give a hundred


@pytest.mark.slow
def test_a_long_chain_has_derivatives_in_every_mode() -> None:
    f = chain(50_000)
    expected = ft.jvp(f, (0.5,), (1.0,))[1]
    assert expected != 0
    for found in (ft.grad(f)(0.5), ft.vjp(f, 0.5)[1](1.0)[0], ft.linearize(f, 0.5)[1](1.0), ft.jacfwd(f)(0.5)):
        assert float(found) == pytest.approx(float(expected), rel=1e-9)


def test_a_wide_and_deep_graph_is_walked_once_for_each_node() -> None:
    # x ← x + x doubles the number of paths: 2^60 of them, 60 nodes
    def f(x: Any) -> Any:
        for _ in range(60):
            x = x + x
        return x

    assert ft.grad(f)(1.0) == 2.0**60
    assert ft.grad(ft.grad(lambda x: f(x) * x))(1.0) == 2.0**61


def test_second_order_of_a_shared_graph_is_linear_too() -> None:
    def f(x: Any) -> Any:
        y = x
        for _ in range(100):
            y = np.sin(y) + y
        return np.sum(y)

    h = ft.hessian(f)(X)
    np.testing.assert_allclose(h, np.diag(np.diag(h)), atol=1e-12 * np.max(np.abs(h)))
    np.testing.assert_allclose(h, ft.jacrev(ft.jacrev(f))(X), rtol=1e-9)


# --- What comes out ---------------------------------------------------------------------------------------------------

# Programs of x whose cotangent is a view, is shared, or is the seed itself.
ALIASING: dict[str, Callable[[Any], Any]] = {
    "identity": lambda x: x,
    "sum": np.sum,
    "sum along an axis": lambda x: np.sum(x, axis=0),
    "add": lambda x: x + 1.0,
    "reshape": lambda x: x.reshape(-1),
    "transpose": lambda x: x.T,
    "broadcast": lambda x: np.broadcast_to(x, (4, 2, 3)),
    "concatenate": lambda x: np.concatenate([x, x]),
    "index": lambda x: x[1:, ::2],
    "two halves": lambda x: (x[:1], x[1:]),
    "twice": lambda x: (x, x),
    "constant": lambda x: 1.0,
    "mean": np.mean,
    "square": np.square,
}
MATRIX = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("name", ALIASING)
def test_gradients_are_writable_and_share_no_memory(name: str) -> None:
    f = ALIASING[name]
    x, y = MATRIX.copy(), MATRIX.copy()
    out, pull = ft.vjp(lambda x, y: (f(x), f(y), ft.tree.map(lambda a, b: a + b, f(x), f(y))), x, y)
    seeds = ft.tree.map(np.ones_like, out)
    gradients = [*pull(seeds), *pull(seeds)]
    others = [x, y, *ft.tree.leaves(seeds), *ft.tree.leaves(out)]
    for i, g in enumerate(gradients):
        assert g.flags.writeable
        assert g.shape == x.shape
        assert not any(
            np.shares_memory(g, other) for other in (*gradients[:i], *others) if isinstance(other, np.ndarray)
        )
        g[...] = -1.0
    np.testing.assert_array_equal(x, MATRIX)


# What gives derivatives of a function at an array, besides `vjp`.
DERIVATIVES: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "grad": lambda f, x: ft.grad(lambda x: np.sum(f(x)))(x),
    "grad of several": lambda f, x: ft.grad(lambda a, b: np.sum(f(a)) + np.sum(f(b)), argnums=(0, 1))(x, x),
    "grad of grad": lambda f, x: ft.grad(lambda y: np.sum(ft.grad(lambda x: np.sum(f(x)))(y)))(x),
    "jvp": lambda f, x: ft.jvp(f, (MATRIX,), (x,))[1],
    "linearize": lambda f, x: ft.linearize(f, MATRIX)[1](x),
    "jacrev": lambda f, x: ft.jacrev(f)(x),
    "jacfwd": lambda f, x: ft.jacfwd(f)(x),
    "jacobian": lambda f, x: ft.jacobian(f)(x),
    "hessian": lambda f, x: ft.hessian(lambda x: np.sum(f(x)))(x),
    "hessian_diag": lambda f, x: ft.hessian_diag(lambda x: np.sum(f(x)))(x),
    "hvp": lambda f, x: ft.hvp(lambda x: np.sum(f(x)), (x,), (x,)),
    "vhp": lambda f, x: ft.vhp(lambda x: np.sum(f(x)), (x,), (x,)),
    "vmap of grad": lambda f, x: ft.vmap(ft.grad(lambda x: np.sum(f(x))))(np.stack([x, x])),
}


@pytest.mark.parametrize("transform", DERIVATIVES)
@pytest.mark.parametrize("name", [name for name in ALIASING if name not in ("twice", "two halves")])
def test_derivatives_may_be_written_into(name: str, transform: str) -> None:
    x = MATRIX.copy()
    results = [r for r in ft.tree.leaves(DERIVATIVES[transform](ALIASING[name], x)) if isinstance(r, np.ndarray)]
    for i, result in enumerate(results):
        assert not any(np.shares_memory(result, other) for other in (x, MATRIX, *results[:i]))
        result[...] = 7.0


def test_the_gradient_of_an_argument_given_twice_is_not_shared() -> None:
    a, b = ft.grad(lambda a, b: np.sum(a + b), argnums=(0, 1))(X, X)
    a[0] = 5.0
    np.testing.assert_array_equal(b, np.ones(3))


def test_what_the_result_does_not_depend_on_has_zeros() -> None:
    tree = {"a": X, "b": 2.0, "c": np.ones((2, 2), np.float32), "d": 1j}
    g = ft.grad(lambda p, q: q * 3.0)(tree, 1.0)
    assert ft.tree.structure(g) == ft.tree.structure(tree)
    np.testing.assert_array_equal(g["a"], np.zeros(3))
    assert g["b"] == 0.0
    assert g["c"].dtype == np.float32
    assert g["d"] == 0j
    g["a"][0] = 1.0
    (h,) = ft.vjp(lambda x: (1.0, 2 * X), X)[1]((1.0, X))
    np.testing.assert_array_equal(h, np.zeros(3))


def test_the_gradient_of_a_gradient_that_is_constant_is_zero() -> None:
    np.testing.assert_array_equal(ft.hessian(lambda x: np.sum(3.0 * x))(X), np.zeros((3, 3)))
    assert ft.grad(ft.grad(lambda x: 2.0 * x))(1.0) == 0.0


# --- The walk itself --------------------------------------------------------------------------------------------------


def test_the_walk_returns_leaves_only_and_seeds_accumulate() -> None:
    node = leaf(X)
    found = backward([(node, X), (node, 2 * X)])
    assert list(found) == [node[0]]
    np.testing.assert_allclose(found[node[0]], 3 * X)
    assert backward([]) == {}


def test_the_walk_does_not_write_into_its_seeds() -> None:
    seed = np.ones(3)
    _, pull = ft.vjp(lambda x: (x, x, x), X)
    pull((seed, seed, seed))
    np.testing.assert_array_equal(seed, np.ones(3))


@pytest.mark.parametrize(
    ("shape", "to"),
    [
        ((2, 3), ()),
        ((2, 3), (3,)),
        ((2, 3), (1, 3)),
        ((2, 3), (2, 1)),
        ((2, 3), (1, 1)),
        ((4, 2, 3), (2, 1)),
        ((0, 3), (3,)),
    ],
)
def test_unbroadcasting_is_the_transpose_of_broadcasting(shape: tuple[int, ...], to: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    c, x = rng.normal(size=shape), rng.normal(size=to)
    back = unbroadcast(c, to)
    assert back.shape == to
    assert np.sum(back * x) == pytest.approx(np.sum(c * np.broadcast_to(x, shape)), rel=1e-13)


def test_unbroadcasting_repeats_what_is_too_small() -> None:
    np.testing.assert_array_equal(unbroadcast(np.array(2.0), (2,)), [2.0, 2.0])
    np.testing.assert_array_equal(unbroadcast(np.ones((1, 3)), (2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize("c", [2.0, 2 + 3j, np.float64(2), np.float32(2), np.complex128(2 + 3j), np.array(2.0)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_a_cotangent_is_projected_to_the_dtype_of_its_primal(c: Any, dtype: Any) -> None:
    projected = project(c, (), np.dtype(dtype))
    assert np.asarray(projected).dtype == dtype
    assert projected == (c if np.dtype(dtype).kind == "c" else np.real(c))


@pytest.mark.parametrize("c", [2.0, 2 + 3j, np.float32(2), np.complex64(2 + 3j)])
def test_the_precision_of_a_python_scalar_is_weak(c: Any) -> None:
    assert project(c, (), complex) == c
    real = project(c, (), float)
    assert real == np.real(c)
    assert np.asarray(real).dtype == np.real(np.asarray(c)).dtype


def test_a_tracer_of_reverse_mode_knows_shape_and_dtype_of_a_python_scalar() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        assert isinstance(x, Taped)
        seen.extend([x.shape, x.dtype])
        return x

    ft.grad(f)(1.0)
    assert seen == [(), np.dtype(float)]
