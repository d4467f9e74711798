"""What goes into and comes out of functions with derivatives of their own, rightly or wrongly."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])
T = np.array([1.0, 2.0, -0.5])
BATCH = np.stack([X, 2.0 * X, X - 1.0])

# --- Arguments and results --------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Line:
    slope: Any
    offset: Any


def test_trees_of_every_kind_go_in_and_out() -> None:
    @ft.custom_vjp
    def f(line: Any, x: Any) -> Any:
        return Line(line["l"].slope * x, [line["l"].offset, None])

    f.defvjp(
        lambda line, x: (f(line, x), (line["l"].slope, x)),
        lambda r, g: ({"l": Line(np.sum(g.slope * r[1]), g.offset[0]), "unused": None}, r[0] * g.slope),
    )
    line = {"l": Line(2.0, 3.0), "unused": X}
    gl, gx = ft.vjp(f, line, X)[1](Line(T, [5.0, None]))
    assert gl["l"] == Line(pytest.approx(np.sum(T * X)), 5.0)
    np.testing.assert_array_equal(gl["unused"], np.zeros(3))
    np.testing.assert_allclose(gx, 2.0 * T)
    _, tangent = ft.jvp(f, (line, X), (line, T))  # the transpose of `bwd`, the None in it included
    np.testing.assert_allclose(tangent.slope, 2.0 * X + 2.0 * T)
    assert tangent.offset == [3.0, None]


def test_none_is_a_cotangent_of_zero() -> None:
    @ft.custom_vjp
    def f(x: Any, p: Any) -> Any:
        return x * p["a"]

    f.defvjp(lambda x, p: (f(x, p), p["a"]), lambda a, g: (a * g, None))
    gx, gp = ft.grad(lambda x, p: np.sum(f(x, p)), (0, 1))(X, {"a": 2.0, "b": X})
    np.testing.assert_array_equal(gx, [2.0, 2.0, 2.0])
    assert gp["a"] == 0.0
    np.testing.assert_array_equal(gp["b"], np.zeros(3))
    np.testing.assert_array_equal(ft.jvp(lambda p: f(X, p), ({"a": 2.0},), ({"a": 1.0},))[1], np.zeros(3))
    found = ft.vmap(ft.grad(lambda x, p: np.sum(f(x, p)), (0, 1)), (0, None))(BATCH, {"a": 2.0})
    np.testing.assert_array_equal(found[0], np.full((3, 3), 2.0))
    np.testing.assert_array_equal(found[1]["a"], np.zeros(3))


def test_residuals_may_be_options_and_functions_in_every_transformation() -> None:
    f = ft.custom_vjp(lambda x: np.sin(x))

    def backward(residuals: Any, g: Any) -> Any:
        assert residuals["kind"] == "sine"
        return (sum(g * residuals["function"](residuals["x"]) for _ in range(residuals["n"])) / residuals["n"],)

    f.defvjp(lambda x: (f(x), {"x": x, "kind": "sine", "none": None, "n": 3, "function": np.cos}), backward)
    for g in (f, ft.vmap(f), lambda x: ft.vmap(f)(np.stack([x, x]))[0]):
        for transform in (ft.jacrev, ft.jacfwd, ft.hessian):
            np.testing.assert_allclose(transform(g)(X), transform(np.sin)(X), atol=1e-15)


def test_integers_may_be_arguments_and_results() -> None:
    @ft.custom_vjp
    def pick(x: Any, i: Any) -> Any:
        return fold(x, i), i

    def fold(x: Any, i: Any) -> Any:
        return np.sum(np.where(np.arange(3) == i, x, 0.0))

    pick.defvjp(lambda x, i: (pick(x, i), i), lambda i, g: (np.where(np.arange(3) == i, g[0], 0.0), None))
    np.testing.assert_array_equal(ft.grad(lambda x: pick(x, 1)[0])(X), [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(ft.jvp(lambda x: pick(x, 2)[0], (X,), (T,))[1], T[2])
    np.testing.assert_array_equal(
        ft.vmap(lambda x, i: ft.grad(lambda x: pick(x, i)[0])(x))(BATCH, np.arange(3)), np.eye(3)
    )


def test_precision_and_kind_are_those_of_the_primals() -> None:
    @ft.custom_vjp
    def f(x: Any) -> Any:
        return x * x

    f.defvjp(lambda x: (f(x), x), lambda x, g: (np.asarray(2.0) * np.float64(1) * x * g * np.ones(1),))
    g = ft.grad(lambda x: np.sum(f(x)))(X.astype(np.float32))
    assert g.dtype == np.float32
    h = ft.custom_jvp(lambda x: x * x)
    h.defjvp(lambda primals, tangents: (h(*primals), 2.0 * primals[0] * tangents[0] * np.ones(3)))
    value, tangent = ft.jvp(h, (X.astype(np.float32),), (X.astype(np.float32),))
    assert tangent.dtype == value.dtype == np.float32


@pytest.mark.parametrize("position", [0, 1, -1, (0,), (1,)])
def test_arguments_that_are_no_arrays_come_first_in_the_rules(position: Any) -> None:
    place = position[0] if isinstance(position, tuple) else position

    def apply(function: Callable[[Any], Any], x: Any) -> Any:
        return function(x) * 2.0

    def order(function: Any, x: Any) -> tuple[Any, Any]:
        return (function, x) if place == 0 else (x, function)

    def body(a: Any, b: Any) -> Any:
        return apply(*((a, b) if place == 0 else (b, a)))

    f = ft.custom_jvp(body, nondiff_argnums=position)
    f.defjvp(
        lambda function, primals, tangents: (f(*order(function, primals[0])), 2.0 * np.cos(primals[0]) * tangents[0])
    )
    g = ft.custom_vjp(body, nondiff_argnums=position)
    g.defvjp(
        lambda *args: (g(*args), args[1] if place == 0 else args[0]),
        lambda function, x, ct: (2.0 * np.cos(x) * ct,),
    )
    for h in (f, g):
        for transform in (ft.jacfwd, ft.jacrev, ft.hessian):
            found = transform(lambda x, h=h: h(*order(np.sin, x)))(X)
            np.testing.assert_allclose(found, transform(lambda x: 2.0 * np.sin(x))(X), atol=1e-15)
        np.testing.assert_allclose(ft.vmap(lambda x, h=h: h(*order(np.sin, x)))(X), 2 * np.sin(X))


def test_several_arguments_that_are_no_arrays() -> None:
    f = ft.custom_vjp(lambda name, x, power, y: x**power * y, nondiff_argnums=(0, 2))
    f.defvjp(
        lambda name, x, power, y: (f(name, x, power, y), (x, y)),
        lambda name, power, r, g: (power * r[0] ** (power - 1) * r[1] * g, r[0] ** power * g),
    )
    assert ft.grad(f, (1, 3))("cube", 2.0, 3, 5.0) == (60.0, 8.0)
    assert ft.jvp(lambda x, y: f("cube", x, 3, y), (2.0, 5.0), (1.0, 1.0))[1] == 68.0


def test_an_array_among_the_options_is_refused_when_it_is_traced() -> None:
    f = ft.custom_jvp(lambda x, y: x * y, nondiff_argnums=1)
    f.defjvp(lambda y, primals, tangents: (f(primals[0], y), tangents[0] * y))
    assert ft.grad(f)(2.0, 3.0) == 3.0
    with pytest.raises(
        TypeError, match=r"nondiff_argnums is traced by reverse-mode.*Leave arrays out of nondiff_argnums"
    ):
        ft.grad(f, 1)(2.0, 3.0)
    g = ft.custom_jvp(lambda x, y: x * y)  # the remedy
    g.defjvp(lambda primals, tangents: (g(*primals), tangents[0] * primals[1] + primals[0] * tangents[1]))
    assert ft.grad(g, 1)(2.0, 3.0) == 2.0


def test_keywords_and_defaults_are_bound_to_their_positions() -> None:
    @ft.custom_jvp
    def f(x: Any, y: Any = 3.0) -> Any:
        return x * y

    f.defjvp(lambda primals, tangents: (f(*primals), tangents[0] * primals[1] + primals[0] * tangents[1]))
    assert ft.grad(lambda x: f(x, y=x))(2.0) == 4.0
    assert ft.grad(lambda x: f(y=x, x=2.0))(5.0) == 2.0
    assert ft.grad(lambda x: f(x=x))(5.0) == 3.0
    assert ft.grad(f, argnames="y")(2.0, y=3.0) == 2.0
    k = ft.custom_jvp(lambda x, *, scale: x * scale)
    k.defjvp(lambda primals, tangents: (primals[0], tangents[0]))
    with pytest.raises(TypeError, match=r"keyword-only arguments \{'scale'\}; bind them first"):
        ft.grad(lambda x: k(x, scale=2.0))(1.0)


def test_methods_may_have_custom_derivatives() -> None:
    class Model:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        @ft.custom_jvp
        def forward(self, x: Any) -> Any:
            return self.scale * x

        forward = ft.custom_jvp(forward.f, nondiff_argnums=0)

        @forward.defjvp
        def _(self, primals: Any, tangents: Any) -> Any:
            return self.forward(*primals), 10.0 * self.scale * tangents[0]

    model = Model(2.0)
    assert model.forward(3.0) == 6.0
    assert ft.grad(model.forward)(3.0) == 20.0
    assert ft.jvp(model.forward, (3.0,), (1.0,)) == (6.0, 20.0)
    assert Model.forward is Model.__dict__["forward"]


def test_the_function_keeps_its_name_and_documentation() -> None:
    def smooth(x: Any) -> Any:
        """Smooth it."""
        return x

    for custom in (ft.custom_jvp(smooth), ft.custom_vjp(smooth)):
        assert custom.__name__ == "smooth"
        assert custom.__doc__ == "Smooth it."


# --- Wrong use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [ft.custom_jvp, ft.custom_vjp])
def test_a_function_without_a_rule_says_so(make: Any) -> None:
    @make
    def f(x: Any) -> Any:
        return x * 2.0

    with pytest.raises(
        AttributeError, match=r"f has no derivative rule yet: call \.defjvp\(rule\) or \.defvjp\(fwd, bwd\)"
    ):
        ft.grad(f)(1.0)
    f.defjvp(lambda primals, tangents: (f(*primals), 2.0 * tangents[0]))  # the remedy
    assert ft.grad(f)(1.0) == 2.0


@pytest.mark.parametrize("kind", ["custom_jvp", "custom_vjp", "both"])
def test_closing_over_a_traced_value_is_refused(kind: str) -> None:
    def outer(w: Any) -> Any:
        f = ft.custom_jvp(lambda x: x * w) if kind != "custom_vjp" else ft.custom_vjp(lambda x: x * w)
        if kind != "custom_vjp":
            f.defjvp(lambda primals, tangents: (f(*primals), tangents[0] * w))
        if kind != "custom_jvp":
            f.defvjp(lambda x: (f(x), None), lambda r, g: (g * w,))
        return np.sum(f(w * 2.0))

    words = r"<lambda> has custom derivatives and closes over a traced value.*pass the value as an argument"
    for transform in (ft.grad(outer), ft.jacfwd(outer), ft.hessian(outer), lambda w: ft.jvp(outer, (w,), (1.0,))):
        with pytest.raises(TypeError, match=words):
            transform(3.0)


def test_closing_over_a_value_of_an_outer_transformation_works() -> None:
    def outer(w: Any) -> Any:
        f = ft.custom_vjp(lambda x: x * w)
        f.defvjp(lambda x: (f(x), None), lambda r, g: (g * w,))
        return ft.grad(lambda x: f(x) * x)(2.0)  # 2 w x at x = 2

    assert ft.grad(outer)(3.0) == 4.0
    assert ft.jvp(outer, (3.0,), (1.0,)) == (12.0, 4.0)
    np.testing.assert_allclose(ft.vmap(outer)(X), 4.0 * X)


def test_the_remedy_for_closing_over_a_value_works() -> None:
    f = ft.custom_vjp(lambda x, w: x * w)
    f.defvjp(lambda x, w: (f(x, w), (x, w)), lambda r, g: (g * r[1], g * r[0]))
    assert ft.grad(lambda w: f(w * 2.0, w))(3.0) == 12.0


def test_results_of_forward_rules_are_checked() -> None:
    f = ft.custom_jvp(lambda x: (x, x * 2.0))
    wrong: list[tuple[Any, type[Exception], str]] = [
        (lambda p, t: t[0], TypeError, r"forward rule of <lambda> must return a pair \(out, tangent_out\)"),
        (lambda p, t: (1.0, 2.0, 3.0), TypeError, "must return a pair"),
        (
            lambda p, t: ((p[0], p[0]), t[0]),
            TypeError,
            "an output of structure .* and a tangent of structure .*must agree",
        ),
        (
            lambda p, t: ((p[0], p[0]), (t[0], 1.0)),
            ValueError,
            r"an output of shape \(3,\) and a tangent of shape \(\)",
        ),
    ]
    for rule, error, words in wrong:
        f.defjvp(rule)
        for transform in (lambda: ft.jvp(f, (X,), (T,)), lambda: ft.vjp(f, X), lambda: ft.jacfwd(f)(X)):
            with pytest.raises(error, match=words):
                transform()


def test_results_of_reverse_rules_are_checked() -> None:
    f = ft.custom_vjp(lambda x, p: x * p["a"])
    forward = lambda x, p: (x * p["a"], None)
    wrong: list[tuple[Any, Any, type[Exception], str]] = [
        (
            lambda x, p: x,
            lambda r, g: (g, None),
            TypeError,
            r"rule fwd of <lambda> must return a pair \(out, residuals\)",
        ),
        (forward, lambda r, g: g, TypeError, "must return a tuple of 2 cotangents.*it returned"),
        (
            forward,
            lambda r, g: (g,),
            TypeError,
            "a tuple of 2 cotangents, one for each differentiable argument; it returned tuple of length 1",
        ),
        (forward, lambda r, g: (g, {"b": 1.0}), TypeError, "a cotangent of structure .* for an argument of structure"),
        (forward, lambda r, g: ((g, g), None), TypeError, "a cotangent of structure .* for an argument of structure"),
    ]
    for fwd, bwd, error, words in wrong:
        f.defvjp(fwd, bwd)
        for transform in (
            lambda: ft.vjp(f, X, {"a": 2.0})[1](T),
            lambda: ft.jacrev(f)(X, {"a": 2.0}),
            lambda: ft.jvp(lambda x: f(x, {"a": 2.0}), (X,), (T,)),
        ):
            with pytest.raises(error, match=words):
                transform()


@pytest.mark.parametrize("shape", [(2,), (3, 3), (4,)])
def test_a_cotangent_of_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    f = ft.custom_vjp(lambda x: x * 2.0)
    f.defvjp(lambda x: (f(x), None), lambda r, g: (np.ones(shape),))
    with pytest.raises(ValueError, match=r"rule bwd of <lambda>.*shape"):
        ft.vjp(f, X)[1](T)


def test_a_rule_that_is_not_linear_has_no_other_mode() -> None:
    f = ft.custom_jvp(lambda x: x * 2.0)
    f.defjvp(lambda primals, tangents: (f(*primals), np.sin(tangents[0])))
    np.testing.assert_allclose(ft.jvp(f, (X,), (T,))[1], np.sin(T))
    with pytest.raises(
        ValueError, match=r"the forward rule of <lambda> is not linear: sin is applied at test_custom_arguments\.py:\d+"
    ):
        ft.grad(lambda x: np.sum(f(x)))(X)
    g = ft.custom_vjp(lambda x: x * 2.0)
    g.defvjp(lambda x: (g(x), None), lambda r, ct: (ct * ct,))
    with pytest.raises(ValueError, match=r"the reverse rule of <lambda> is not linear: mul is applied"):
        ft.jvp(g, (X,), (T,))


def test_arguments_that_are_left_out_have_their_defaults_in_the_rules() -> None:
    @ft.custom_jvp
    def f(x: Any, y: Any = 4.0) -> Any:
        return np.sin(x) * y

    f.defjvp(lambda p, t: (f(*p), np.cos(p[0]) * p[1] * t[0] + np.sin(p[0]) * t[1]))

    @ft.custom_vjp
    def g(x: Any, y: Any = 4.0, *, scale: float = 1.0) -> Any:
        return np.sin(x) * y * scale

    g.defvjp(lambda x, y: (g(x, y), (x, y)), lambda r, c: (c * np.cos(r[0]) * r[1], c * np.sin(r[0])))
    for h in (f, g):
        assert h(1.0) == np.sin(1.0) * 4.0
        assert ft.grad(h)(1.0) == np.cos(1.0) * 4.0
        assert ft.grad(h)(1.0, y=3.0) == np.cos(1.0) * 3.0
        assert ft.jit(ft.grad(h))(1.0) == np.cos(1.0) * 4.0
        np.testing.assert_array_equal(ft.vmap(ft.grad(h))(np.ones(2)), np.full(2, np.cos(1.0) * 4.0))
    with pytest.raises(TypeError, match=r"keyword-only arguments \{'scale'\}; bind them first"):
        ft.grad(g)(1.0, scale=2.0)


@pytest.mark.parametrize("function", [np.sin, np.exp])
def test_the_options_of_numpys_functions_are_nothing_for_rules(function: Any) -> None:
    f = ft.custom_vjp(function)
    f.defvjp(lambda x: (function(x), None), lambda _, g: (7.0 * g,))
    assert ft.grad(f)(1.0) == 7.0
    norm = ft.custom_jvp(np.linalg.norm)
    norm.defjvp(lambda p, t: (np.linalg.norm(*p), np.sum(t[0])))
    assert ft.jvp(norm, (np.ones(2),), (np.ones(2),))[1] == 2.0


RESIDUALS: dict[str, tuple[Any, Any]] = {
    "a pullback": (lambda x, y: ft.vjp(lambda x, y: np.sin(x) * y, x, y), lambda pull, g: pull(g)),
    "a closure": (
        lambda x, y: (np.sin(x) * y, lambda g: (g * np.cos(x) * y, g * np.sin(x))),
        lambda pull, g: pull(g),
    ),
    "a partial beside an array": (
        lambda x, y: (np.sin(x) * y, (partial(np.multiply, np.cos(x) * y), np.sin(x))),
        lambda r, g: (r[0](g), r[1] * g),
    ),
    "a function without values": (
        lambda x, y: (np.sin(x) * y, (np.cos, x, y)),
        lambda r, g: (g * r[0](r[1]) * r[2], g * np.sin(r[1])),
    ),
}


@pytest.mark.parametrize("name", RESIDUALS)
def test_residuals_may_be_functions(name: str) -> None:
    f = ft.custom_vjp(lambda x, y: np.sin(x) * y)
    f.defvjp(*RESIDUALS[name])
    x, y = np.array([0.3, 0.7, -1.0]), 2.0

    def total(f: Any) -> Any:
        return lambda x, y: np.sum(ft.vmap(f, (0, None))(x, y) ** 2)

    def plain(x: Any, y: Any) -> Any:
        return np.sin(x) * y

    for transform in (
        lambda f: ft.grad(f, (0, 1)),
        lambda f: ft.jit(ft.grad(f, (0, 1))),
        lambda f: ft.grad(ft.jit(f), (0, 1)),
        lambda f: ft.jacrev(ft.grad(f, 0), (0, 1)),
    ):
        for a, b in zip(transform(total(f))(x, y), transform(total(plain))(x, y), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)
    np.testing.assert_allclose(ft.vmap(ft.grad(f), (0, None))(x, y), np.cos(x) * y)


def test_defaults_that_are_no_numbers_stay_with_the_function() -> None:
    def make(inner: Any) -> Any:
        f = ft.custom_jvp(lambda x, y=3.0, inner=inner: inner(x) * y)
        f.defjvp(lambda p, t: (f(*p), np.cos(p[0]) * p[1] * t[0]))
        return f

    f = make(np.sin)
    assert f(1.0) == np.sin(1.0) * 3.0
    assert ft.grad(f)(1.0) == np.cos(1.0) * 3.0
    assert ft.jit(ft.grad(f))(1.0, 2.0) == np.cos(1.0) * 2.0
