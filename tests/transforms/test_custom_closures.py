"""Functions with rules of their own that close over traced values: of batches and of programs these are operands."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X, W = np.array([1.0, 2.0]), np.array([3.0, 5.0])


def by_vjp(x: Any, w: Any) -> Any:
    @ft.custom_vjp
    def f(x: Any) -> Any:
        return w * x

    f.defvjp(lambda x: (w * x, None), lambda _, g: (w * g,))
    return f(x)


def by_rules_that_call_it(x: Any, w: Any) -> Any:
    @ft.custom_vjp
    def f(x: Any) -> Any:
        return w * x

    f.defvjp(lambda x: (f(x), {"x": x}), lambda r, g: (w * g + 0.0 * r["x"],))
    return f(x)


def by_jvp(x: Any, w: Any) -> Any:
    @ft.custom_jvp
    def f(x: Any) -> Any:
        return w * x

    f.defjvp(lambda p, t: (f(p[0]), w * t[0]))
    return f(x)


def in_containers(x: Any, w: Any) -> Any:
    held = {"all": [w, None]}

    @ft.custom_jvp
    def f(x: Any) -> Any:
        return held["all"][0] * x

    f.defjvp(lambda p, t: (f(p[0]), held["all"][0] * t[0]))
    f.defvjp(lambda x: (f(x), None), lambda _, g: (held["all"][0] * g,))
    return f(x)


def by_an_option(x: Any, w: Any) -> Any:
    @partial(ft.custom_vjp, nondiff_argnums=(0,))
    def f(h: Any, x: Any) -> Any:
        return h(x)

    f.defvjp(lambda h, x: (h(x), None), lambda h, _, g: (h(g),))
    return f(lambda x: w * x, x)


CALLS = [by_vjp, by_rules_that_call_it, by_jvp, in_containers, by_an_option]


def cases(c: Callable[[Any, Any], Any]) -> list[tuple[Any, Any]]:
    def scanned(x: Any, w: Any) -> Any:
        return ft.scan(lambda h, _: (c(h, w), None), x, length=3)[0]

    def looped(x: Any, w: Any) -> Any:
        return ft.while_loop(lambda h: h < 100.0, lambda h: 2.0 * c(h, w), x)

    def chosen(x: Any, w: Any) -> Any:
        return ft.cond(x > 0, lambda x: c(x, w), lambda x: x, x)

    return [
        (ft.jit(c)(2.0, 3.0), 6.0),
        (ft.jit(ft.grad(c))(2.0, 3.0), 3.0),
        (ft.grad(ft.jit(c))(2.0, 3.0), 3.0),
        (ft.jvp(ft.jit(lambda x: c(x, 3.0)), (2.0,), (1.0,)), (6.0, 3.0)),
        (ft.vmap(c)(X, W), X * W),
        (ft.vmap(c, (None, 0))(2.0, W), 2.0 * W),
        (ft.vmap(lambda x: ft.vmap(lambda w: c(x, w))(W))(X), np.outer(X, W)),
        (ft.vmap(ft.grad(c))(X, W), W),
        (ft.grad(lambda x: ft.vmap(c)(x, W).sum())(X), W),
        (ft.jvp(lambda x: ft.vmap(c)(x, W), (X,), (X,)), (X * W, X * W)),
        (ft.hessian(lambda x: np.sum(ft.vmap(c)(x, W) ** 2))(X), np.diag(2.0 * W**2)),
        (ft.jit(ft.vmap(ft.grad(c)))(X, W), W),
        (ft.vmap(ft.grad(ft.jit(c)))(X, W), W),
        (ft.jit(ft.grad(lambda x, w: ft.vmap(c)(x, w).sum()))(X, W), W),
        (ft.grad(ft.jit(scanned))(2.0, 3.0), 27.0),
        (ft.grad(ft.jit(looped))(2.0, 3.0), 216.0),
        (ft.grad(ft.jit(chosen))(2.0, 3.0), 3.0),
        (ft.vmap(ft.grad(ft.jit(chosen)))(np.array([2.0, -1.0]), W), [3.0, 1.0]),
        (ft.grad(lambda w: ft.vmap(lambda x, w: c(x, ft.stop_gradient(w)))(X, w).sum())(W), [0.0, 0.0]),
    ]


@pytest.mark.parametrize("c", CALLS)
def test_values_and_derivatives_by_the_argument(c: Callable[[Any, Any], Any]) -> None:
    for k, (found, expected) in enumerate(cases(c)):
        assert np.allclose(found, expected), k


@pytest.mark.parametrize("c", CALLS)
def test_derivatives_by_what_it_closes_over_are_refused(c: Callable[[Any, Any], Any]) -> None:
    for f in (
        lambda: ft.grad(c, (0, 1))(2.0, 3.0),
        lambda: ft.grad(ft.jit(c), (0, 1))(2.0, 3.0),
        lambda: ft.grad(ft.jit(c), 1)(2.0, 3.0),
        lambda: ft.grad(lambda w: ft.vmap(c)(X, w).sum())(W),
        lambda: ft.jvp(lambda w: ft.vmap(c)(X, w), (W,), (W,)),
        lambda: ft.jvp(ft.jit(lambda w: c(2.0 * w, w)), (2.0,), (1.0,)),
    ):
        with pytest.raises(TypeError, match="pass the value as an argument"):
            f()


@pytest.mark.parametrize("c", CALLS)
@pytest.mark.parametrize("policy", [None, {"mul"}, lambda name: True])
def test_in_a_checkpoint(c: Callable[[Any, Any], Any], policy: Any) -> None:
    def f(x: Any, w: Any) -> Any:
        return ft.checkpoint(lambda x: np.sin(c(x, w)) * c(x, w), policy=policy)(x)

    expected = W * (np.cos(X * W) * X * W + np.sin(X * W))
    for transformed in (ft.vmap(ft.grad(f)), ft.jit(ft.vmap(ft.grad(f))), ft.vmap(ft.grad(ft.jit(f)))):
        assert np.allclose(transformed(X, W), expected)


def test_a_compiled_function_that_a_branch_closes_over_sees_the_values_of_the_branch() -> None:
    def f(x: Any) -> Any:
        root = ft.jit(lambda: np.sqrt(x))
        return ft.cond(x > 0, lambda: root(), lambda: 0.0 * x)

    with np.errstate(all="raise"):
        assert np.array_equal(ft.vmap(f)(np.array([4.0, -1.0])), [2.0, 0.0])
    assert np.array_equal(ft.vmap(ft.grad(f))(np.array([4.0, 0.0])), [0.25, 0.0])


def test_a_branch_sees_its_values_in_a_function_with_rules() -> None:
    def f(x: Any) -> Any:
        @ft.custom_jvp
        def root(y: Any) -> Any:
            return y * np.sqrt(x)

        root.defjvp(lambda p, t: (root(p[0]), t[0] * np.sqrt(x)))
        return ft.cond(x > 0, lambda: root(np.ones(2)).sum(), lambda: 0.0 * x)

    with np.errstate(all="raise"):
        assert np.array_equal(ft.vmap(f)(np.array([4.0, -1.0])), [4.0, 0.0])


class Layer:
    """Holds a weight that the function with rules does not use."""

    def __init__(self, weight: Any) -> None:
        self.weight, self.scale = weight, 2.0

    def __call__(self, x: Any) -> Any:
        @ft.custom_vjp
        def scaled(x: Any) -> Any:
            return self.scale * x

        scaled.defvjp(lambda x: (scaled(x), None), lambda _, g: (self.scale * g,))
        return scaled(x * self.weight) * self.weight


def test_a_differentiated_value_that_it_holds_and_does_not_use_is_no_obstacle() -> None:
    def f(x: Any, w: Any) -> Any:
        return Layer(w)(x)

    expected = [2.0 * W**2, 4.0 * X * W]
    for g in (ft.grad(f, (0, 1)), ft.jit(ft.grad(f, (0, 1))), ft.grad(ft.jit(f), (0, 1))):
        assert np.allclose(ft.vmap(g)(X, W), expected)
        assert np.allclose([g(x, w) for x, w in zip(X, W, strict=True)], np.transpose(expected))
    assert np.allclose(ft.grad(lambda x, w: ft.vmap(f)(x, w).sum(), (0, 1))(X, W), expected)
    assert np.allclose(ft.jvp(ft.vmap(ft.jit(f)), (X, W), (X, W))[1], 6.0 * X * W**2)


@pytest.mark.parametrize("c", CALLS)
def test_beside_substituted_values(c: Callable[[Any, Any], Any]) -> None:
    def f(x: Any, w: Any) -> Any:
        return ft.checkpoint(lambda: ft.cond(x > 0, lambda: c(x, ft.stop_gradient(w)) * x, lambda: x))()

    def g(x: Any, w: Any) -> Any:
        return ft.checkpoint(lambda y: ft.jvp(lambda z: c(x, w) * z, (y,), (1.0,))[1], policy={"mul"})(x)

    for transformed in (ft.vmap(ft.grad(f)), ft.jit(ft.vmap(ft.grad(f))), ft.vmap(ft.jit(ft.grad(f)))):
        assert np.allclose(transformed(X, W), 2.0 * X * W)
    for transformed in (ft.vmap(ft.grad(g)), ft.jit(ft.vmap(ft.grad(g))), ft.vmap(ft.jit(ft.grad(g)))):
        assert np.allclose(transformed(X, W), W)
