"""A checkpointed function has the same values and derivatives, keeps less and runs again."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.measuring import Counted, peak
from tests.trees import assert_same_tree

X = np.array([0.3, -0.7, 1.1])
T = np.array([1.0, 2.0, -0.5])
BATCH = np.stack([X, 2.0 * X, X - 1.0])


def layer(x: Any, p: Any = None, *, scale: Any = 1.0) -> Any:
    w = 1.5 if p is None else p["w"]
    return {"y": np.sin(x * w) * scale + x[::-1], "n": (np.sum(x * x), None)}


def total(tree: Any) -> Any:
    return sum(np.sum(leaf * leaf) for leaf in ft.tree.leaves(tree))


P = {"w": 0.8, "unused": X}

# Transformations of a function with the signature of `layer`.
TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "value": lambda f: f(X, P, scale=2.0),
    "grad": lambda f: ft.grad(lambda x, p: total(f(x, p)), (0, 1))(X, P),
    "grad by keyword": lambda f: ft.grad(lambda x, s: total(f(x, scale=s)), (0, 1))(X, 2.0),
    "vjp": lambda f: ft.vjp(f, X, P)[1]({"y": T, "n": (2.0, None)}),
    "jvp": lambda f: ft.jvp(f, (X, P), (T, P)),
    "linearize": lambda f: ft.linearize(f, X, P)[1](T, P),
    "jacfwd": lambda f: ft.jacfwd(f, (0, 1))(X, P),
    "jacrev": lambda f: ft.jacrev(f, (0, 1))(X, P),
    "jacobian": lambda f: ft.jacobian(f)(X),
    "hessian": lambda f: ft.hessian(f, (0, 1))(X, P),
    "hessian of a sum": lambda f: ft.hessian(lambda x: total(f(x)))(X),
    "jacfwd of jacfwd": lambda f: ft.jacfwd(ft.jacfwd(f))(X),
    "jacrev of jacrev": lambda f: ft.jacrev(ft.jacrev(f))(X),
    "jacrev of jacfwd": lambda f: ft.jacrev(ft.jacfwd(f))(X),
    "third order": lambda f: ft.jacrev(ft.hessian(lambda x: total(f(x))))(X),
    "hvp": lambda f: ft.hvp(lambda x: total(f(x)), (X,), (T,)),
    "vhp": lambda f: ft.vhp(lambda x: total(f(x)), (X,), (T,)),
    "vmap": lambda f: ft.vmap(f)(BATCH),
    "vmap of x": lambda f: ft.vmap(f, (0, None))(BATCH, P),
    "vmap of p": lambda f: ft.vmap(f, (None, {"w": 0, "unused": None}))(X, {"w": T, "unused": None}),
    "vmap of grad": lambda f: ft.vmap(ft.grad(lambda x, p: total(f(x, p)), (0, 1)), (0, None))(BATCH, P),
    "grad of vmap": lambda f: ft.grad(lambda b, p: total(ft.vmap(f, (0, None))(b, p)), (0, 1))(BATCH, P),
    "vmap of hessian": lambda f: ft.vmap(ft.hessian(lambda x: total(f(x))))(BATCH),
    "hessian of vmap": lambda f: ft.hessian(lambda b: total(ft.vmap(f)(b)))(BATCH),
    "chain": lambda f: ft.grad(lambda x: total(f(f(f(x)["y"])["y"])))(X),
    "hessian of a chain": lambda f: ft.hessian(lambda x: total(f(f(x)["y"])))(X),
    "used twice": lambda f: ft.grad(lambda x: total(f(x)) * total(f(2.0 * x)))(X),
    "as part of more": lambda f: ft.jacrev(lambda x: f(np.exp(x))["y"] * x + f(x)["n"][0])(X),
}


def nested(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with a checkpoint within a checkpoint."""
    inner = ft.checkpoint(f)
    return ft.checkpoint(lambda *args, **kwargs: inner(*args, **kwargs))


@pytest.mark.parametrize(
    "wrap", [ft.checkpoint, nested, lambda f: ft.checkpoint(ft.checkpoint(f))], ids=["one", "nested", "double"]
)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_checkpoint_changes_no_value_and_no_derivative(name: str, wrap: Callable[[Any], Any]) -> None:
    found, expected = TRANSFORMS[name](wrap(layer)), TRANSFORMS[name](layer)
    assert_same_tree(found, expected, rtol=1e-13, atol=1e-14)


# --- Closures ---------------------------------------------------------------------------------------------------------

# Functions of w that checkpoint a function which closes over w, or over something made of it; CHECK stands for the
# checkpoint.
CLOSURES: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "of the input": lambda check, w: np.sum(check(lambda x: np.sin(x * w))(w)),
    "of a constant input": lambda check, w: np.sum(check(lambda x: np.sin(x * w))(X) * w),
    "of something computed": lambda check, w: (lambda v: np.sum(check(lambda x: np.sin(x * v) * v)(w)))(np.exp(w)),
    "returned as it is": lambda check, w: np.sum(check(lambda x: (x * 2.0, w))(w)[1] * X),
    "without arguments": lambda check, w: np.sum(check(lambda: np.sin(w) * w)()),
    "in two calls": lambda check, w: (lambda f: np.sum(f(f(w) * w)))(check(lambda x: np.tanh(x + w))),
    "nested": lambda check, w: np.sum(check(lambda x: check(lambda y: np.sin(y * w) * x)(x * w))(w)),
    "with a derivative inside": lambda check, w: np.sum(
        check(lambda x: ft.grad(lambda y: np.sum(np.sin(y * w) * x))(x))(w)
    ),
    "with vmap inside": lambda check, w: np.sum(check(lambda x: ft.vmap(lambda a: np.sin(a * w))(x))(w)),
    "under vmap": lambda check, w: np.sum(ft.vmap(lambda a: check(lambda x: np.sin(x * w) * a)(w))(X)),
    "batched and common": lambda check, w: np.sum(ft.vmap(lambda a: check(lambda x: np.sin(x * a) * w)(w))(X)),
    "inside a derivative": lambda check, w: np.sum(ft.grad(lambda y: np.sum(check(lambda x: np.sin(x * w) * y)(y)))(w)),
    "inside a tangent": lambda check, w: np.sum(ft.jvp(lambda y: check(lambda x: np.sin(x * w) * y)(y), (w,), (w,))[1]),
    "in a branch": lambda check, w: np.sum(check(lambda x: x * w if x.size > 1 else x)(w)),
}


@pytest.mark.parametrize("name", CLOSURES)
@pytest.mark.parametrize(
    "transform",
    [
        ft.grad,
        lambda f: ft.jacfwd(f),
        lambda f: ft.hessian(f),
        lambda f: ft.jacrev(ft.jacrev(f)),
        lambda f: ft.jacfwd(ft.jacfwd(f)),
        lambda f: lambda w: ft.vmap(f)(np.stack([w, 2.0 * w])),
        lambda f: lambda w: ft.vmap(ft.grad(f))(np.stack([w, 2.0 * w])),
        lambda f: lambda w: ft.grad(lambda b: np.sum(ft.vmap(f)(b)))(np.stack([w, 2.0 * w])),
    ],
    ids=["grad", "jacfwd", "hessian", "jacrev²", "jacfwd²", "vmap", "vmap of grad", "grad of vmap"],
)
def test_closing_over_traced_values(name: str, transform: Callable[[Any], Any]) -> None:
    function = CLOSURES[name]
    found = transform(lambda w: function(ft.checkpoint, w))(X)
    expected = transform(lambda w: function(lambda f: f, w))(X)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


# What the function does is decided by a value of a transformation inside, which is over when the function runs again.
DECISIONS: dict[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "grad": lambda check: ft.grad(
        lambda a: ft.grad(lambda b: b * b * check(lambda t: np.where(b > 0, np.sin(t), t))(a))(1.5)
    ),
    "if": lambda check: ft.grad(
        lambda a: ft.grad(lambda b: b * b * check(lambda t: np.sin(t) if b > 0 else t)(a))(1.5)
    ),
    "jvp": lambda check: ft.grad(
        lambda a: ft.jvp(lambda b: b * b * check(lambda t: np.sin(t) * np.floor(b))(a), (1.5,), (1.0,))[1]
    ),
    "stop_gradient": lambda check: ft.grad(
        ft.grad(lambda a: ft.grad(lambda b: b * b * check(lambda t: np.sin(t) * ft.stop_gradient(b))(a))(1.5 * a))
    ),
    "vmap": lambda check: ft.grad(
        lambda a: np.sum(
            ft.vmap(lambda b: check(lambda t: t * ft.linearize(lambda s: np.sin(b), t)[1](t) + t * t)(a * b))(X)
        )
    ),
    "named batch": lambda check: ft.grad(
        lambda a: np.sum(ft.vmap(lambda b: check(lambda t: (ft.psum(b, "i"), t * t)[1])(a * b), axis_name="i")(X))
    ),
    "transposition": lambda check: ft.grad(
        lambda a: np.sum(ft.linear_transpose(lambda c: c * check(lambda t: (2.0 * c, t * t)[1])(a), X)(T)[0])
    ),
    "checkpoint": lambda check: ft.grad(
        lambda a: ft.grad(lambda b: b * check(lambda t: check(lambda s: s * s if b > 0 else s)(t * t))(a))(1.5)
    ),
}


@pytest.mark.parametrize("name", DECISIONS)
def test_the_second_run_looks_at_values_whose_transformation_is_over(name: str) -> None:
    expected = DECISIONS[name](lambda f: f)(0.3)
    np.testing.assert_allclose(DECISIONS[name](ft.checkpoint)(0.3), expected, rtol=1e-12)
    np.testing.assert_allclose(ft.jit(DECISIONS[name](ft.checkpoint))(0.3), expected, rtol=1e-12)


def test_a_recorded_second_run_looks_at_values_whose_transformation_is_over() -> None:
    def slopes(check: Any) -> Any:
        w = ft.tensor(0.3, requires_grad=True)
        out = ft.grad(lambda b: b * b * check(lambda t: np.where(b > 0, np.sin(t), t))(w))(1.5)
        (slope,) = ft.autograd.grad(out, w, create_graph=True)
        return slope.item(), ft.autograd.grad(slope, w)[0].item()

    np.testing.assert_allclose(slopes(ft.checkpoint), slopes(lambda f: f), rtol=1e-12)


def test_a_scan_in_chunks_looks_at_values_whose_transformation_is_over() -> None:
    def loss(a: Any, checkpoint: Any) -> Any:
        def inner(b: Any) -> Any:
            return (
                b
                * b
                * ft.scan(lambda c, _: (np.where(b > 0, np.sin(c), c), None), a, length=4, checkpoint=checkpoint)[0]
            )

        return ft.grad(inner)(1.5)

    np.testing.assert_allclose(ft.grad(loss)(0.3, "sqrt"), ft.grad(loss)(0.3, None), rtol=1e-12)


def test_parameters_in_a_closure_are_trained() -> None:
    def layer_of(w: Any, b: Any) -> Any:
        return ft.checkpoint(lambda x: np.tanh(w * x + b))

    def loss(params: Any) -> Any:
        x = X
        for w, b in params:
            x = layer_of(w, b)(x)
        return np.sum(x)

    def plain(params: Any) -> Any:
        x = X
        for w, b in params:
            x = np.tanh(w * x + b)
        return np.sum(x)

    params = [(0.5, X), (T, 0.1), (1.5, -0.2)]
    expected = ft.grad(plain)(params)
    for a, b in zip(ft.tree.leaves(ft.grad(loss)(params)), ft.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


@pytest.mark.parametrize("check", [ft.checkpoint, lambda f: f], ids=["checkpoint", "plain"])
def test_the_second_run_sees_the_variables_of_the_first(check: Callable[[Any], Any]) -> None:
    """A loop binds `w`, `scale` and `x` anew before the backward pass runs the functions again."""

    def loss(params: Any) -> Any:
        x = X
        for i, w in enumerate(params):
            scale = 1.0 + i
            x = check(lambda y: np.tanh(w * y * scale))(x)  # noqa: B023 - what is tested
        return np.sum(x)

    def early(params: Any) -> Any:
        x = X
        for i, w in enumerate(params):
            x = np.tanh(w * x * (1.0 + i))
        return np.sum(x)

    params = [0.5, T, 1.5]
    for a, b in zip(ft.grad(loss)(params), ft.grad(early)(params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


# --- What it costs ----------------------------------------------------------------------------------------------------


def test_the_function_runs_once_forward_and_once_for_each_pullback() -> None:
    counted = Counted(np.sin)
    value, pull = ft.vjp(ft.checkpoint(counted), X)
    assert counted.calls == 1
    pull(T)
    assert counted.calls == 2
    pull(T)
    assert counted.calls == 3
    for transform, calls in ((ft.jacrev, 2), (ft.jacfwd, 1)):
        counted.calls = 0
        transform(ft.checkpoint(counted))(X)
        assert counted.calls == calls
    counted.calls = 0
    ft.checkpoint(counted)(X)
    assert counted.calls == 1
    np.testing.assert_array_equal(value, np.sin(X))


def deep(x: Any) -> Any:
    for _ in range(10):
        x = np.sin(x)
    return x


def test_memory_is_that_of_one_segment_and_the_inputs_of_all() -> None:
    large = np.ones(100_000)

    def through(segment: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def f(x: Any) -> Any:
            for _ in range(10):
                x = segment(x)
            return np.sum(x)

        return f

    assert peak(lambda: ft.grad(through(deep))(large)) > 100 * large.nbytes
    assert peak(lambda: ft.grad(through(ft.checkpoint(deep)))(large)) < 30 * large.nbytes
    np.testing.assert_array_equal(ft.grad(through(ft.checkpoint(deep)))(large[:3]), ft.grad(through(deep))(large[:3]))


def test_intermediate_values_die_before_the_backward_pass() -> None:
    references: list[Any] = []
    alive: list[bool] = []

    def body(x: Any) -> Any:
        y = np.exp(np.sin(x))
        value = y
        while ft.is_tracer(value):
            value = value.value
        references.append(weakref.ref(value))
        return np.sum(y * x)

    def f(x: Any) -> Any:
        out = ft.checkpoint(body)(x)
        alive.append(references[0]() is not None)
        return out

    gc.disable()
    try:
        ft.grad(f)(X)
    finally:
        gc.enable()
    assert alive == [False]
    assert len(references) == 2


def test_plain_values_pass_without_a_trace_and_names_are_kept() -> None:
    def block(x: Any) -> Any:
        """A block."""
        return x * 2.0

    wrapped = ft.checkpoint(block)
    assert (wrapped.__name__, wrapped.__doc__) == ("block", "A block.")
    assert wrapped(3.0) == 6.0
    assert ft.grad(lambda x: x * wrapped(3.0))(1.0) == 6.0


def test_an_exception_in_a_checkpointed_function_leaves_the_outer_trace_as_it_was() -> None:
    def fails(x: Any) -> Any:
        raise LookupError

    def f(x: Any) -> Any:
        with pytest.raises(LookupError):
            ft.checkpoint(fails)(x)
        return np.sum(x * x)

    np.testing.assert_array_equal(ft.grad(f)(X), 2 * X)
    np.testing.assert_allclose(ft.hessian(f)(X), 2 * np.eye(3))


def test_an_exception_in_the_second_run_leaves_nothing_behind() -> None:
    counted = Counted(lambda x: np.sin(x) if counted.calls < 2 else 1 / 0)
    _, pull = ft.vjp(ft.checkpoint(counted), X)
    with pytest.raises(ZeroDivisionError):
        pull(T)
    counted.calls = 0
    np.testing.assert_array_equal(pull(T)[0], np.cos(X) * T)


def test_a_pullback_of_a_checkpoint_works_after_the_transformation_has_closed_and_under_others() -> None:
    scale = 2.0
    _, pull = ft.vjp(lambda x: ft.checkpoint(lambda y: np.sin(y * x) * scale)(x), X)
    expected = np.diag(ft.jacrev(lambda x: np.sin(x * x) * scale)(X))
    np.testing.assert_allclose(pull(np.ones(3))[0], expected)
    np.testing.assert_allclose(ft.vmap(lambda g: pull(g)[0])(np.eye(3)), np.diag(expected), atol=1e-15)
    np.testing.assert_allclose(ft.jvp(lambda g: pull(g)[0], (T,), (X,))[1], expected * X)
    np.testing.assert_allclose(ft.grad(lambda g: np.sum(pull(g)[0]))(T), expected)


def test_a_tracer_kept_by_a_checkpointed_function_has_escaped() -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        out = ft.checkpoint(lambda y: kept.append(y) or y * y)(x)  # type: ignore[func-returns-value]
        return np.sum(out)

    ft.jvp(f, (X,), (T,))
    with pytest.raises(RuntimeError, match="already returned"):
        np.sin(kept[-1])
    with pytest.raises(RuntimeError, match="already returned"):
        ft.grad(ft.checkpoint(lambda x: x * np.sign(np.sum(kept[-1]))))(1.0)
