"""Derivatives given by the user, under every transformation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])
T = np.array([1.0, 2.0, -0.5])
BATCH = np.stack([X, 2.0 * X, X - 1.0])


def plain(x: Any, y: Any) -> Any:
    """The function whose derivatives the custom ones below restate."""
    return {"p": np.sin(x) * y, "q": np.sum(x) * y}


def make_jvp(scale: float = 1.0) -> Any:
    """Return `plain` with a forward rule, scaled so that it can be told from the true one."""

    @ft.custom_jvp
    def f(x: Any, y: Any) -> Any:
        return plain(x, y)

    @f.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        (x, y), (dx, dy) = primals, tangents
        tangent = {"p": np.cos(x) * y * dx + np.sin(x) * dy, "q": np.sum(dx) * y + np.sum(x) * dy}
        return f(x, y), ft.tree.map(lambda t: scale * t, tangent)

    return f


def make_vjp(scale: float = 1.0) -> Any:
    """Return `plain` with a reverse rule, scaled so that it can be told from the true one."""

    @ft.custom_vjp
    def f(x: Any, y: Any) -> Any:
        return plain(x, y)

    def forward(x: Any, y: Any) -> Any:
        return f(x, y), (x, y)

    def backward(residuals: Any, g: Any) -> Any:
        x, y = residuals
        dx = np.cos(x) * y * g["p"] + np.ones_like(x) * (g["q"] * y)
        dy = np.sum(np.sin(x) * g["p"]) + np.sum(x) * g["q"]
        return scale * dx, scale * dy

    f.defvjp(forward, backward)
    return f


def make_both(scale: float = 1.0) -> Any:
    """Return `plain` with both rules."""
    f, g = make_jvp(scale), make_vjp(scale)
    f.defvjp(g.fwd, g.bwd)
    return f


MAKERS = {"custom_jvp": make_jvp, "custom_vjp": make_vjp, "both": make_both}

# Transformations of a function f(x, y) of an array and a scalar with the results of `plain`.
TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "value": lambda f: f(X, 2.0),
    "keywords": lambda f: f(y=2.0, x=X),
    "jvp": lambda f: ft.jvp(f, (X, 2.0), (T, 0.5)),
    "jvp by x": lambda f: ft.jvp(lambda x: f(x, 2.0), (X,), (T,)),
    "vjp": lambda f: ft.vjp(f, X, 2.0)[1]({"p": T, "q": 3.0}),
    "vjp by y": lambda f: ft.vjp(lambda y: f(X, y), 2.0)[1]({"p": T, "q": 3.0}),
    "vjp of one result": lambda f: ft.vjp(lambda x, y: f(x, y)["p"], X, 2.0)[1](T),
    "linearize": lambda f: ft.linearize(f, X, 2.0)[1](T, 0.5),
    "linear_transpose of the tangent": lambda f: ft.linear_transpose(ft.linearize(f, X, 2.0)[1], X, 2.0)(
        {"p": T, "q": 3.0}
    ),
    "jacfwd": lambda f: ft.jacfwd(f, (0, 1))(X, 2.0),
    "jacrev": lambda f: ft.jacrev(f, (0, 1))(X, 2.0),
    "jacobian": lambda f: ft.jacobian(f, (0, 1))(X, 2.0),
    "jacfwd in chunks": lambda f: ft.jacfwd(f, (0, 1), chunk_size=2)(X, 2.0),
    "jacrev in chunks": lambda f: ft.jacrev(f, (0, 1), chunk_size=2)(X, 2.0),
    "vmap of both": lambda f: ft.vmap(f)(BATCH, T),
    "vmap of x": lambda f: ft.vmap(f, (0, None))(BATCH, 2.0),
    "vmap of y": lambda f: ft.vmap(f, (None, 0))(X, T),
    "vmap of axis 1": lambda f: ft.vmap(f, (1, 0), {"p": 1, "q": 0})(BATCH, T),
    "vmap of vmap": lambda f: ft.vmap(ft.vmap(f, (0, None)), (None, 0))(BATCH, T),
    "vmap of jvp": lambda f: ft.vmap(lambda x, y: ft.jvp(f, (x, y), (T, 0.5)))(BATCH, T),
    "vmap of grad": lambda f: ft.vmap(ft.grad(lambda x, y: total(f(x, y)), (0, 1)))(BATCH, T),
    "vmap of grad by a common y": lambda f: ft.vmap(ft.grad(lambda x, y: total(f(x, y)), (0, 1)), (0, None))(
        BATCH, 2.0
    ),
    "grad of vmap": lambda f: ft.grad(lambda b, t: total(ft.vmap(f)(b, t)), (0, 1))(BATCH, T),
    "grad of vmap with a common x": lambda f: ft.grad(lambda x, t: total(ft.vmap(f, (None, 0))(x, t)), (0, 1))(X, T),
    "grad of vmap with a common y": lambda f: ft.grad(lambda b, y: total(ft.vmap(f, (0, None))(b, y)), (0, 1))(
        BATCH, 2.0
    ),
    "jvp of vmap": lambda f: ft.jvp(ft.vmap(f, (0, None)), (BATCH, 2.0), (BATCH, 1.0)),
    "jacfwd of vmap": lambda f: ft.jacfwd(ft.vmap(f, (0, None)), (0, 1))(BATCH, 2.0),
    "checkpoint": lambda f: ft.grad(lambda x, y: total(ft.checkpoint(f)(x, y)), (0, 1))(X, 2.0),
    "inside another function": lambda f: ft.jacrev(lambda x: f(np.exp(x), np.sum(x))["p"] * x)(X),
}

# Transformations of second order, where only rules that state the truth can be compared.
SECOND: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "hessian": lambda f: ft.hessian(f, (0, 1))(X, 2.0),
    "hessian of a sum": lambda f: ft.hessian(lambda x, y: total(f(x, y)), (0, 1))(X, 2.0),
    "jacfwd of jacfwd": lambda f: ft.jacfwd(ft.jacfwd(f, (0, 1)), (0, 1))(X, 2.0),
    "jacrev of jacfwd": lambda f: ft.jacrev(ft.jacfwd(f, (0, 1)), (0, 1))(X, 2.0),
    "jacrev of jacrev": lambda f: ft.jacrev(ft.jacrev(f, (0, 1)), (0, 1))(X, 2.0),
    "hvp": lambda f: ft.hvp(lambda x, y: total(f(x, y)), (X, 2.0), (T, 0.5)),
    "vhp": lambda f: ft.vhp(lambda x, y: total(f(x, y)), (X, 2.0), (T, 0.5)),
    "vmap of hessian": lambda f: ft.vmap(ft.hessian(lambda x, y: total(f(x, y)), (0, 1)))(BATCH, T),
    "hessian of vmap": lambda f: ft.hessian(lambda b: total(ft.vmap(f, (0, None))(b, 2.0)))(BATCH),
    "third order": lambda f: ft.jacfwd(ft.hessian(lambda x: total(f(x, 2.0))))(X),
    "third order in reverse": lambda f: ft.jacrev(ft.jacrev(ft.jacrev(lambda x: total(f(x, 2.0)))))(X),
    "hessian of checkpoint": lambda f: ft.hessian(lambda x: total(ft.checkpoint(f)(x, 2.0)))(X),
    "gradient of the tangent": lambda f: ft.grad(lambda x: total(ft.jvp(f, (x, 2.0), (x, 0.5))[1]))(X),
    "tangent of the pullback": lambda f: ft.jvp(lambda x: ft.vjp(f, x, 2.0)[1]({"p": x, "q": 3.0}), (X,), (T,)),
}


def total(tree: Any) -> Any:
    return sum(np.sum(leaf * leaf) for leaf in ft.tree.leaves(tree))


def assert_trees_close(a: Any, b: Any, rtol: float = 1e-12) -> None:
    assert ft.tree.structure(a) == ft.tree.structure(b)
    for x, y in zip(ft.tree.leaves(a), ft.tree.leaves(b), strict=True):
        assert np.shape(x) == np.shape(y)
        np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-13)


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", [*TRANSFORMS, *SECOND])
def test_a_rule_that_states_the_truth_changes_nothing(name: str, maker: str) -> None:
    transform = {**TRANSFORMS, **SECOND}[name]
    assert_trees_close(transform(MAKERS[maker]()), transform(plain))


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(
    "name",
    [
        "jvp",
        "vjp",
        "linearize",
        "jacfwd",
        "jacrev",
        "jacobian",
        "vmap of grad",
        "grad of vmap",
        "checkpoint",
        "jacfwd of vmap",
    ],
)
def test_every_transformation_uses_the_rule(name: str, maker: str) -> None:
    truth, scaled = TRANSFORMS[name](plain), TRANSFORMS[name](MAKERS[maker](3.0))
    if name == "jvp":
        truth, scaled = truth[1], scaled[1]
    assert_trees_close(scaled, ft.tree.map(lambda x: 3.0 * x, truth))


def test_of_two_rules_each_mode_uses_its_own() -> None:
    f = make_jvp(2.0)
    g = make_vjp(5.0)
    f.defvjp(g.fwd, g.bwd)
    assert_trees_close(ft.jacfwd(f)(X, 2.0), ft.tree.map(lambda x: 2.0 * x, ft.jacfwd(plain)(X, 2.0)))
    assert_trees_close(ft.jacrev(f)(X, 2.0), ft.tree.map(lambda x: 5.0 * x, ft.jacrev(plain)(X, 2.0)))


def test_without_a_transformation_the_function_itself_runs() -> None:
    def rule(*args: Any) -> Any:
        raise AssertionError

    f = ft.custom_jvp(lambda x: x * 2.0)
    f.defjvp(rule)
    g = ft.custom_vjp(lambda x: x * 2.0)
    g.defvjp(rule, rule)
    for h in (f, g):
        assert h(3.0) == 6.0
        np.testing.assert_array_equal(ft.vmap(h)(X), 2 * X)
        # nor where the argument does not depend on what is differentiated
        assert ft.grad(lambda x, h=h: x * h(3.0))(2.0) == 6.0


def test_the_number_of_calls_of_the_rules() -> None:
    calls: list[str] = []

    @ft.custom_vjp
    def f(x: Any) -> Any:
        calls.append("f")
        return x * x

    def forward(x: Any) -> Any:
        calls.append("fwd")
        return x * x, x

    def backward(x: Any, g: Any) -> Any:
        calls.append("bwd")
        return (2.0 * x * g,)

    f.defvjp(forward, backward)
    _, pull = ft.vjp(f, X)
    assert calls == ["fwd"]
    pull(T)
    pull(T)
    assert calls == ["fwd", "bwd", "bwd"]
    calls.clear()
    ft.jacrev(f)(X)
    assert calls == ["fwd", "bwd"]


# --- Rules made of other rules ----------------------------------------------------------------------------------------


def solve(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b)


def make_solver() -> Any:
    """Return a solver whose reverse rule calls the solver itself."""

    @ft.custom_vjp
    def solver(a: Any, b: Any) -> Any:
        return np.linalg.solve(a, b)

    def backward(residuals: Any, g: Any) -> Any:
        a, x = residuals
        db = solver(a.T, g)
        return -db[:, None] * x, db

    def forward(a: Any, b: Any) -> Any:
        x = solver(a, b)
        return x, (a, x)

    solver.defvjp(forward, backward)
    return solver


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: ft.jacrev(f, (0, 1)),
        lambda f: ft.jacfwd(f, (0, 1)),
        lambda f: ft.hessian(lambda a, b: np.sum(f(a, b) ** 2), (0, 1)),
        lambda f: ft.jacfwd(ft.jacfwd(f, (0, 1)), (0, 1)),
        lambda f: ft.jacrev(ft.jacrev(f, (0, 1)), (0, 1)),
        lambda f: ft.jacrev(ft.jacfwd(f, (0, 1)), (0, 1)),
        lambda f: (
            lambda a, b: ft.vmap(ft.grad(lambda a, b: np.sum(f(a, b) ** 2), (0, 1)), (None, 0))(a, np.stack([b, 2 * b]))
        ),
    ],
)
def test_a_rule_may_call_its_own_function(transform: Callable[[Any], Any]) -> None:
    a, b = np.array([[2.0, 0.5], [-0.3, 1.5]]), np.array([1.0, -2.0])
    assert_trees_close(transform(make_solver())(a, b), transform(solve)(a, b), rtol=1e-11)


def test_a_reverse_rule_may_use_checkpoints_and_other_custom_functions_in_forward_mode() -> None:
    scale = ft.custom_jvp(lambda x: 3.0 * x)
    scale.defjvp(lambda primals, tangents: (scale(*primals), 3.0 * tangents[0]))

    for helper in (scale, ft.checkpoint(lambda g: 3.0 * g), lambda g: ft.vmap(lambda a: 3.0 * a)(g)):
        f = ft.custom_vjp(lambda x: 3.0 * x)
        f.defvjp(lambda x: (3.0 * x, None), lambda r, g, helper=helper: (helper(g),))
        np.testing.assert_array_equal(ft.jvp(f, (X,), (T,))[1], 3.0 * T)
        np.testing.assert_array_equal(ft.jacfwd(f)(X), 3.0 * np.eye(3))
        np.testing.assert_array_equal(ft.jacrev(f)(X), 3.0 * np.eye(3))


def test_custom_functions_nest() -> None:
    inner, outer = make_jvp(), ft.custom_vjp(lambda x: total(inner(x, 2.0)))
    outer.defvjp(lambda x: (outer(x), x), lambda x, g: (g * ft.grad(lambda y: total(inner(y, 2.0)))(x),))
    truth = lambda x: total(plain(x, 2.0))
    for transform in (ft.grad, ft.jacfwd, ft.hessian, lambda f: ft.vmap(ft.grad(f))):
        x = BATCH if transform not in (ft.grad, ft.jacfwd, ft.hessian) else X
        np.testing.assert_allclose(transform(outer)(x), transform(truth)(x), rtol=1e-12, atol=1e-13)


def test_residuals_may_hold_anything() -> None:
    f = ft.custom_vjp(lambda x: np.sin(x))
    f.defvjp(
        lambda x: (f(x), {"x": x, "kind": "sine", "none": None, "n": 3}),
        lambda r, g: (g * np.cos(r["x"]) * (r["n"] // 3),),
    )
    for transform in (ft.jacrev, ft.jacfwd, ft.hessian):
        np.testing.assert_allclose(transform(f)(X), transform(np.sin)(X), atol=1e-15)
    np.testing.assert_allclose(ft.vmap(ft.grad(f))(X), np.cos(X))


def test_a_classic_of_numerical_stability() -> None:
    @ft.custom_jvp
    def log1pexp(x: Any) -> Any:
        return np.log(1.0 + np.exp(x))

    log1pexp.defjvp(lambda p, t: (log1pexp(*p), t[0] * (1.0 - 1.0 / (1.0 + np.exp(p[0])))))
    assert ft.grad(log1pexp)(100.0) == 1.0
    with np.errstate(over="ignore"):
        assert ft.grad(ft.grad(log1pexp))(0.0) == pytest.approx(0.25)
    np.testing.assert_allclose(ft.vmap(ft.grad(log1pexp))(np.array([0.0, 100.0])), [0.5, 1.0])


def test_clipping_a_gradient_on_its_way_back() -> None:
    clip = ft.custom_vjp(lambda x: x)
    clip.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(clip(x) * np.array([0.5, 5.0, -7.0])))(X), [0.5, 1.0, -1.0])
    # which is not linear, so has no forward mode
    with pytest.raises(
        ValueError, match=r"reverse rule of <lambda> is not linear: (clip|\w+) is applied at test_custom\.py:\d+"
    ):
        ft.jvp(clip, (X,), (T,))
