"""`jit` with everything else: under it and around it, in any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp

X = np.array([0.5, -1.5, 2.0])

#: One function, computed in the same steps but for sums: rounding.
ROUNDING = 1e-13


def f(x: Any) -> Any:
    return np.sum(np.sin(x) * x**2)


TRANSFORMATIONS: list[tuple[str, Callable[[Callable[..., Any]], Callable[..., Any]]]] = [
    ("grad", ft.grad),
    ("value_and_grad", ft.value_and_grad),
    ("jacfwd", ft.jacfwd),
    ("jacrev", ft.jacrev),
    ("hessian", ft.hessian),
    ("hessian_diag", ft.hessian_diag),
    ("laplacian", ft.laplacian),
    ("hvp", lambda g: lambda x: ft.hvp(g, (x,), (np.cos(x),))),
    ("jvp", lambda g: lambda x: ft.jvp(g, (x,), (np.cos(x),))),
    ("vjp", lambda g: lambda x: ft.vjp(g, x)[1](2.0)),
    ("vmap", lambda g: lambda x: ft.vmap(g)(np.stack([x, 2.0 * x]))),
    ("linearize", lambda g: lambda x: ft.linearize(g, x)[1](np.cos(x))),
    ("checkpoint", lambda g: ft.grad(ft.checkpoint(g))),
    ("vmap of grad", lambda g: lambda x: ft.vmap(ft.grad(g))(np.stack([x, 2.0 * x]))),
    ("grad of vmap", lambda g: ft.grad(lambda x: np.sum(ft.vmap(g)(np.stack([x, 2.0 * x]))))),
    ("grad of grad", lambda g: ft.grad(lambda x: np.sum(ft.grad(g)(x) ** 2))),
    ("jvp of grad", lambda g: lambda x: ft.jvp(ft.grad(g), (x,), (np.cos(x),))),
    ("grad of jvp", lambda g: ft.grad(lambda x: ft.jvp(g, (x,), (np.cos(x),))[1])),
    ("vmap of vmap", lambda g: lambda x: ft.vmap(ft.vmap(g))(np.stack([x, 2.0 * x])[None])),
    ("jvp of vmap of jvp", lambda g: lambda x: ft.jvp(
        lambda x: ft.vmap(lambda x: ft.jvp(g, (x,), (x,))[1])(np.stack([x, 2.0 * x])), (x,), (x,))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "transform"), TRANSFORMATIONS, ids=[name for name, _ in TRANSFORMATIONS])
def test_in_any_order(name: str, transform: Callable[..., Any]) -> None:
    expected = transform(f)(X)
    compiled = ft.jit(f)
    for way in (
        transform(compiled),
        ft.jit(transform(f)),
        ft.jit(transform(compiled)),
        transform(ft.jit(compiled)),
        ft.jit(lambda x: ft.jit(transform(f))(x)),
    ):
        for _ in range(2):
            for y, wanted in zip(ft.tree.leaves(way(X)), ft.tree.leaves(expected), strict=True):
                assert np.asarray(y).dtype == np.asarray(wanted).dtype
                np.testing.assert_allclose(y, wanted, rtol=ROUNDING, atol=ROUNDING, err_msg=name)


def test_arguments_that_are_not_differentiated() -> None:
    def g(x: Any, n: Any, p: Any) -> Any:
        return {"y": np.sum(x**n) * p["a"], "n": n}

    p = {"a": 2.0, "b": np.arange(3)}
    value, gradient = ft.value_and_grad(lambda x: ft.jit(g)(x, 3, p)["y"])(X)
    np.testing.assert_allclose(value, np.sum(X**3) * 2.0, rtol=ROUNDING)
    np.testing.assert_allclose(gradient, 6.0 * X**2, rtol=ROUNDING)
    with pytest.raises(TypeError, match="floating"):
        ft.grad(lambda n: ft.jit(g)(X, n, p)["y"])(3)


# --- Rules of the user's ----------------------------------------------------------------------------------------------


def _with_reverse_rule() -> Any:
    @ft.custom_vjp
    def g(x: Any) -> Any:
        return np.sin(x)

    g.defvjp(lambda x: (np.sin(x), x), lambda x, t: (t * 100.0 * x,))
    return g


def _with_forward_rule() -> Any:
    @ft.custom_jvp
    def g(x: Any) -> Any:
        return np.sin(x)

    g.defjvp(lambda primals, tangents: (np.sin(primals[0]), 100.0 * primals[0] * tangents[0]))
    return g


@pytest.mark.parametrize("make", [_with_reverse_rule, _with_forward_rule])
def test_rules_of_the_users_are_respected(make: Callable[[], Any]) -> None:
    g = make()
    for way in (
        ft.grad(ft.jit(g)),
        ft.jit(ft.grad(g)),
        ft.jit(ft.grad(ft.jit(g))),
        ft.grad(ft.jit(lambda x: g(x * 1.0) + 0.0)),
        lambda x: ft.jvp(ft.jit(g), (x,), (1.0,))[1],
        ft.jit(lambda x: ft.jvp(g, (x,), (1.0,))[1]),
        lambda x: ft.vmap(ft.grad(ft.jit(g)))(np.array([x]))[0],
        ft.jit(lambda x: ft.vmap(ft.grad(g))(np.stack([x]))[0]),
        ft.grad(lambda x: np.sum(ft.vmap(ft.jit(g))(np.stack([x])))),
    ):
        np.testing.assert_allclose(way(2.0), 200.0, rtol=ROUNDING)
    np.testing.assert_allclose(ft.grad(ft.grad(ft.jit(g)))(2.0), 100.0, rtol=ROUNDING)
    np.testing.assert_allclose(ft.jit(ft.grad(ft.grad(g)))(2.0), 100.0, rtol=ROUNDING)


def test_stop_gradient() -> None:
    def g(x: Any) -> Any:
        return x * ft.stop_gradient(x)

    for way in (ft.grad(ft.jit(g)), ft.jit(ft.grad(g)), ft.jit(ft.grad(ft.jit(g)))):
        assert way(3.0) == 3.0


# --- Closures ---------------------------------------------------------------------------------------------------------


def test_closures_over_traced_values() -> None:
    assert ft.grad(lambda a: ft.jit(lambda x: a * x * x)(3.0))(2.0) == 9.0
    assert ft.jvp(lambda a: ft.jit(lambda x: a * x * x)(3.0), (2.0,), (1.0,)) == (18.0, 9.0)
    np.testing.assert_array_equal(ft.vmap(lambda a: ft.jit(lambda x: a * x * x)(3.0))(X), 9.0 * X)
    assert ft.jit(lambda a: ft.jit(lambda x: a * x * x)(3.0))(2.0) == 18.0
    assert ft.grad(lambda a: ft.grad(lambda x: ft.jit(lambda y: a * x * y * y)(3.0))(1.0))(2.0) == 9.0


def test_a_closure_over_a_traced_value_is_not_kept() -> None:
    holder: dict[str, Any] = {"scale": 1.0}
    compiled = ft.jit(lambda x: holder["scale"] * x)

    def g(scale: Any) -> Any:
        holder["scale"] = scale
        return compiled(3.0)

    for value in (2.0, 5.0):
        assert ft.value_and_grad(g)(value) == (3.0 * value, 3.0)


# --- Buffers, randomness --------------------------------------------------------------------------------


def test_buffers() -> None:
    def g(x: Any) -> Any:
        out = fnp.zeros(4)
        out[0] = x[0]
        for i in range(1, 4):
            out[i] = out[i - 1] * x[i - 1] + 1.0
        out[1:3] += x[:2]
        return out

    compiled = ft.jit(g)
    for x in (X, 2.0 * X):
        np.testing.assert_array_equal(compiled(x), np.asarray(g(x)))
    expected = ft.jacrev(g)(X)
    np.testing.assert_allclose(ft.jacrev(compiled)(X), expected, rtol=ROUNDING, atol=ROUNDING)
    np.testing.assert_allclose(ft.jit(ft.jacrev(g))(X), expected, rtol=ROUNDING, atol=ROUNDING)
    one, two = compiled(X), compiled(X)
    assert not np.shares_memory(one, two)


def test_keys_are_arguments_like_others() -> None:
    def g(key: Any, x: Any) -> Any:
        one, two = ft.random.split(key)
        return x * ft.random.normal(one, (3,)) + ft.random.uniform(two, (3,))

    compiled = ft.jit(g)
    for seed in range(3):
        key = ft.random.key(seed)
        np.testing.assert_allclose(compiled(key, X), g(key, X), rtol=ROUNDING)
        np.testing.assert_allclose(ft.grad(lambda x, key=key: np.sum(compiled(key, x)))(X),
                                   ft.grad(lambda x, key=key: np.sum(g(key, x)))(X), rtol=ROUNDING)  # fmt: skip


def test_named_axes() -> None:
    compiled = ft.jit(lambda x: x - ft.pmean(x, "batch"))
    for x in (X, 2.0 * X):
        np.testing.assert_allclose(ft.vmap(compiled, axis_name="batch")(x), x - np.mean(x), rtol=ROUNDING)
        np.testing.assert_allclose(ft.jit(ft.vmap(compiled, axis_name="batch"))(x), x - np.mean(x), rtol=ROUNDING)
        np.testing.assert_allclose(ft.vmap(ft.jit(compiled), axis_name="batch")(x), x - np.mean(x), rtol=ROUNDING)


def test_matrices_of_a_batch_are_recorded_at_an_example() -> None:
    """At zeros the inverse would not exist."""
    a = np.stack([np.eye(2) * 2.0, np.array([[1.0, 2.0], [0.0, 4.0]])])
    compiled = ft.jit(lambda a: np.sum(np.linalg.inv(a)))

    def eager(a: Any) -> Any:
        return np.sum(np.linalg.inv(a))

    for transform in (
        lambda g: ft.vmap(g)(a),
        lambda g: ft.vmap(ft.grad(g))(a),
        lambda g: ft.jvp(ft.vmap(g), (a,), (a,)),
        lambda g: ft.grad(lambda a: np.sum(ft.vmap(g)(a)))(a),
    ):
        for y, wanted in zip(ft.tree.leaves(transform(compiled)), ft.tree.leaves(transform(eager)), strict=True):
            np.testing.assert_allclose(y, wanted, rtol=ROUNDING, atol=ROUNDING)
    assert ft.vmap(compiled)(np.zeros((0, 2, 2))).shape == (0,)


def test_lists_of_traced_scalars_as_an_array() -> None:
    compiled = ft.jit(lambda v: np.sum(v * v))
    gradient = ft.grad(lambda x: compiled(np.array([x[0], x[1]])))(X)
    np.testing.assert_array_equal(gradient, [1.0, -3.0, 0.0])


# --- Exceptional values -----------------------------------------------------------------------------------------------


def test_numbers_go_where_numpys_go() -> None:
    single = np.ones(2, np.float32)
    for x in (0.0, -0.0, 1e308, -1.0, np.inf, np.nan):
        for g in (
            lambda x: 1.0 / x,
            lambda x: (1.0 / x) * single,
            lambda x: np.log(x),
            lambda x: np.exp(x),
            lambda x: np.sqrt(x) + np.sin(x),
            lambda x: x * 10.0 - x,
            lambda x: (x / x, np.log1p(-x), np.arcsin(x * 2.0)),
        ):
            with np.errstate(all="ignore"):
                actual, expected = ft.jit(g)(np.float64(x)), g(np.float64(x))
            for y, wanted in zip(ft.tree.leaves(actual), ft.tree.leaves(expected), strict=True):
                assert np.asarray(y).dtype == np.asarray(wanted).dtype
                # A function of `math` beside one of NumPy: two units.
                np.testing.assert_allclose(y, wanted, rtol=5e-16)
    with pytest.raises(ZeroDivisionError):  # as Python does with its own numbers
        ft.jit(lambda x: 1.0 / x)(0.0)


def test_a_buffer_that_a_function_closes_over_is_copied_as_an_array_is() -> None:
    table = fnp.zeros(3)
    compiled = ft.jit(lambda x: x + table)
    np.testing.assert_array_equal(np.asarray(compiled(X)), X)
    table[0] = 5.0
    np.testing.assert_array_equal(np.asarray(compiled(X)), X)


# --- Tensors ----------------------------------------------------------------------------------------------------------


def test_compiled_functions_of_tensors() -> None:
    compiled = ft.jit(lambda x: (x * x * x).sum())
    x = ft.tensor(X, requires_grad=True)
    y = compiled(x)
    y.backward()
    assert ft.is_tensor(y)
    np.testing.assert_allclose(np.asarray(x.grad), 3.0 * X**2, rtol=ROUNDING)
    with ft.no_grad():
        assert not compiled(x).requires_grad
    assert not compiled(ft.tensor(X)).requires_grad


def test_tensors_that_a_function_closes_over_are_read_at_each_call() -> None:
    runs = []
    w = ft.tensor(X, requires_grad=True)

    def loss(a: Any) -> Any:
        runs.append(None)
        return ((w - a) ** 2).sum()

    compiled = ft.jit(loss)
    optimiser = ft.optim.SGD([w], lr=0.25)
    expected = X.copy()
    for _ in range(4):
        optimiser.zero_grad()
        value = compiled(1.0)
        np.testing.assert_allclose(value.item(), np.sum((expected - 1.0) ** 2), rtol=ROUNDING)
        value.backward()
        np.testing.assert_allclose(np.asarray(w.grad), 2.0 * (expected - 1.0), rtol=ROUNDING)
        optimiser.step()
        expected -= 0.5 * (expected - 1.0)
    assert len(runs) == 1


def test_a_compiled_function_of_which_nothing_is_batched() -> None:
    f = ft.jit(lambda x, y: (np.sin(y), np.cos(y)))
    x, y = np.ones((2, 3)), np.arange(3.0)
    batch = lambda x, y: ft.vmap(lambda x: f(x, y))(x)
    for run in (batch, ft.jit(batch)):
        for actual, wanted in zip(run(x, y), f(x, y), strict=True):
            np.testing.assert_array_equal(actual, np.stack([wanted, wanted]))


def test_a_compiled_function_without_results() -> None:
    f = ft.jit(lambda x: None)
    g = lambda x: (f(x), 2.0 * x)
    assert ft.jit(g)(1.0) == (None, 2.0)
    assert ft.jit(ft.grad(lambda x: g(x)[1]))(1.0) == 2.0
    nothing, twice = ft.jit(ft.vmap(g))(np.ones(3))
    assert nothing is None
    np.testing.assert_array_equal(twice, [2.0, 2.0, 2.0])


def test_rules_that_push_tangents_through_compiled_functions_are_linear() -> None:
    layer = ft.jit(lambda z, x: np.tanh(0.5 * z + x))
    expected = ft.grad(lambda x: ft.fixed_point(lambda z, x: np.tanh(0.5 * z + x))(0.0, x))(0.3)
    assert ft.grad(lambda x: ft.fixed_point(lambda z, x: layer(z, x))(0.0, x))(0.3) == pytest.approx(expected)

    def loop(x: Any) -> Any:
        return ft.scan(lambda c, _: (np.sin(c) * x, None), x, None, length=3)[0]

    def choice(x: Any) -> Any:
        return ft.cond(x > 0.0, lambda v: np.sin(v) * x, np.cos, x)

    def until(x: Any) -> Any:
        return ft.while_loop(lambda c: c < 4.0, lambda c: c * 2.0 * x, x)

    for inner in (loop, choice, until, ft.jit(loop)):
        f = ft.custom_jvp(lambda x, inner=inner: np.tanh(inner(x)))

        @f.defjvp
        def _(primals: Any, tangents: Any, inner: Any = inner) -> Any:
            y, dy = ft.jvp(inner, primals, tangents)
            return np.tanh(y), (1.0 - np.tanh(y) ** 2) * dy

        expected = ft.grad(lambda x, inner=inner: np.tanh(inner(x)))(1.0)
        for gradient in (ft.grad(f), ft.jit(ft.grad(f)), ft.grad(ft.jit(f)), ft.jit(ft.jacrev(f))):
            assert gradient(1.0) == pytest.approx(expected)

    def product(v: Any) -> Any:
        y, dy = ft.jvp(ft.jit(np.sin), (1.0,), (v,))
        return y * dy

    transposed = ft.linear_transpose(product, 1.0)
    assert transposed(1.0)[0] == pytest.approx(np.sin(1.0) * np.cos(1.0))
    with pytest.raises(ValueError, match="not linear"):
        ft.linear_transpose(lambda v: ft.jit(np.cos)(v), 0.0)


def test_loops_carry_what_does_not_depend_on_a_batched_start() -> None:
    x = np.array([0.3, 0.4])

    def signs(x: Any) -> Any:
        return np.sum(np.tanh(ft.scan(lambda c, _: (np.sign(c), None), x, None, length=2)[0]))

    np.testing.assert_array_equal(ft.jit(lambda x: ft.jvp(ft.hessian(signs), (x,), (x,))[1])(x), np.zeros((2, 2)))

    def differences(first: Any, rows: Any) -> Any:
        return ft.scan(lambda before, row: (row, (row - before) ** 2), first, rows)[1]

    def tangents(first: Any, rows: Any) -> Any:
        return ft.vmap(lambda t: ft.jvp(differences, (first, rows), (t, rows))[1])(np.eye(2))

    rng = np.random.default_rng(0)
    firsts, rows = rng.normal(size=(3, 2)), rng.normal(size=(3, 4, 2))
    np.testing.assert_allclose(ft.jit(ft.vmap(tangents))(firsts, rows), ft.vmap(tangents)(firsts, rows))


def test_a_constant_function_in_a_compiled_one_has_a_zero_hessian() -> None:
    inner = ft.jit(lambda x: np.array([0.3, 0.4]))
    f = ft.jit(lambda x: np.sum(x) * np.sum(inner(x)))
    np.testing.assert_array_equal(ft.hessian(f)(np.ones(2)), np.zeros((2, 2)))
    np.testing.assert_allclose(ft.vmap(lambda t: ft.jvp(f, (np.ones(2),), (t,))[1])(np.eye(2)), [0.7, 0.7])
