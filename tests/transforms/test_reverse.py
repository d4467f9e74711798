"""Reverse mode: gradients, pullbacks, linear maps and their transposes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.measuring import Counted

X = np.array([0.3, -0.7, 1.1])
G = np.array([1.0, 2.0, -0.5])
MATRIX = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def f(x: Any) -> Any:
    return np.sin(x) * np.sum(x * x) + x[::-1] / (2.0 + x)


def test_value_and_gradient_come_from_one_run() -> None:
    energy = Counted(lambda x: np.sum(f(x)))
    value, g = ft.value_and_grad(energy)(X)
    assert energy.calls == 1
    assert value == np.sum(f(X))
    np.testing.assert_allclose(g, np.sum(ft.jacfwd(f)(X), axis=0), rtol=1e-13)
    again, same = ft.grad_and_value(energy)(X)
    assert same == value
    np.testing.assert_array_equal(again, g)


def test_a_pullback_is_the_product_with_the_transposed_jacobian() -> None:
    value, pull = ft.vjp(f, X)
    np.testing.assert_array_equal(value, f(X))
    np.testing.assert_allclose(pull(G)[0], np.sum(ft.jacfwd(f)(X) * G[:, None], axis=0), rtol=1e-13)


def test_a_pullback_may_be_called_many_times_and_under_other_transformations() -> None:
    counted = Counted(f)
    _, pull = ft.vjp(counted, X)
    jacobian = ft.jacfwd(f)(X)
    for i in range(3):
        np.testing.assert_allclose(pull(np.eye(3)[i])[0], jacobian[i], rtol=1e-13)
    np.testing.assert_allclose(ft.vmap(pull)(np.eye(3))[0], jacobian, rtol=1e-13)
    np.testing.assert_allclose(ft.vmap(lambda g: pull(g)[0], out_axes=1)(np.eye(3)), jacobian.T, rtol=1e-13)
    np.testing.assert_allclose(ft.jvp(pull, (X,), (G,))[1][0], pull(G)[0], rtol=1e-14)
    np.testing.assert_allclose(ft.jacrev(lambda g: pull(g)[0])(G), jacobian.T, rtol=1e-13)
    np.testing.assert_allclose(
        ft.grad(lambda g: np.sum(pull(g * g)[0]))(G), 2 * G * np.sum(jacobian, axis=1), rtol=1e-13
    )
    assert counted.calls == 1


def test_a_pullback_is_linear() -> None:
    _, pull = ft.vjp(f, X)
    np.testing.assert_allclose(pull(2.0 * G - X)[0], 2.0 * pull(G)[0] - pull(X)[0], rtol=1e-13)
    np.testing.assert_array_equal(pull(np.zeros(3))[0], np.zeros(3))


def test_pullbacks_of_several_arguments_and_results() -> None:
    def g(x: Any, p: Any) -> Any:
        return {"a": x * p["s"], "b": (np.sum(p["v"] * x), None)}

    value, pull = ft.vjp(g, X, {"s": 2.0, "v": MATRIX})
    dx, dp = pull({"a": G, "b": (3.0, None)})
    np.testing.assert_allclose(dx, 2.0 * G + 3.0 * np.sum(MATRIX, axis=0))
    assert dp["s"] == pytest.approx(np.sum(G * X))
    np.testing.assert_allclose(dp["v"], 3.0 * np.broadcast_to(X, (2, 3)))
    assert value["b"][1] is None


def test_a_pullback_without_primals_is_empty() -> None:
    value, pull = ft.vjp(lambda: 2.0)
    assert (value, pull(1.0)) == (2.0, ())


def test_positions_among_the_results_take_cotangents_and_ignore_them() -> None:
    (i, _), pull = ft.vjp(lambda x: (np.argmax(x), np.sum(x)), X)
    assert i == 2
    np.testing.assert_array_equal(pull((np.zeros(()), 1.0))[0], np.ones(3))
    np.testing.assert_array_equal(pull((7, 2.0))[0], 2 * np.ones(3))


def test_the_derivative_of_an_argument_that_moves_through_kinds() -> None:
    g = ft.grad(lambda x: np.sum(np.where(x > 0, x, 0.0) * (x > 0).astype(float) + np.floor(x)))(X)
    np.testing.assert_array_equal(g, [1.0, 0.0, 1.0])


# --- Stopping derivatives ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "transform", [ft.grad, ft.jacfwd, ft.jacrev, ft.derivative, lambda f: lambda x: ft.vmap(ft.grad(f))(x[None])[0]]
)
def test_stop_gradient_is_the_identity_with_derivative_zero(transform: Callable[[Any], Any]) -> None:
    x = np.float64(3.0)
    assert transform(lambda x: x * ft.stop_gradient(x))(x) == 3.0
    assert transform(lambda x: ft.stop_gradient(x * x))(x) == 0.0
    assert transform(lambda x: x**2 * ft.stop_gradient({"a": x, "b": [2.0 * x, None]})["b"][0])(x) == 36.0


def test_stop_gradient_stops_every_order_and_every_level() -> None:
    assert ft.grad(ft.grad(lambda x: x**2 * ft.stop_gradient(x)))(3.0) == 6.0
    assert ft.hessian(lambda x: x**2 * ft.stop_gradient(x))(3.0) == 6.0
    # also what an outer transformation watches
    assert ft.grad(lambda x: ft.grad(lambda y: y * ft.stop_gradient(x * y))(x))(3.0) == 0.0
    assert ft.jvp(lambda x: ft.grad(lambda y: y * ft.stop_gradient(x))(2.0), (3.0,), (1.0,)) == (3.0, 0.0)


def test_stop_gradient_leaves_everything_else_alone() -> None:
    tree = {"a": X, "b": "text", "c": None, "d": 2}
    assert ft.stop_gradient(tree) == tree or ft.stop_gradient(tree)["a"] is X
    np.testing.assert_array_equal(ft.vmap(ft.stop_gradient)(MATRIX), MATRIX)


def test_stop_gradient_stops_arrays_of_traced_scalars() -> None:
    g = ft.grad(lambda x: np.sum(ft.stop_gradient(np.array([x[0], x[1]])) * x[:2]))(X)
    np.testing.assert_array_equal(g, [X[0], X[1], 0.0])


def test_a_fixed_target_as_in_practice() -> None:
    def loss(x: Any) -> Any:
        return np.sum((x - ft.stop_gradient(np.tanh(x))) ** 2)

    np.testing.assert_allclose(ft.grad(loss)(X), 2 * (X - np.tanh(X)))


# --- Linearisation ----------------------------------------------------------------------------------------------------


def test_linearize_runs_the_function_once() -> None:
    counted = Counted(f)
    value, push = ft.linearize(counted, X)
    assert counted.calls == 1
    np.testing.assert_array_equal(value, f(X))
    for t in (G, X, np.zeros(3)):
        np.testing.assert_allclose(push(t), ft.jvp(f, (X,), (t,))[1], rtol=1e-13)
    np.testing.assert_allclose(ft.vmap(push, out_axes=1)(np.eye(3)), ft.jacrev(f)(X), rtol=1e-13)
    np.testing.assert_allclose(ft.jacrev(push)(G), ft.jacrev(f)(X), rtol=1e-13)
    np.testing.assert_allclose(ft.linear_transpose(push, X)(G)[0], ft.vjp(f, X)[1](G)[0], rtol=1e-13)
    assert counted.calls == 1


def test_linearize_takes_and_gives_trees() -> None:
    def g(p: Any, y: Any) -> Any:
        return {"u": p["a"] * y, "v": (np.sin(p["b"]), np.sum(y), np.argmax(y))}

    primals = ({"a": 2.0, "b": X}, G)
    tangents = ({"a": 0.5, "b": G}, X)
    value, push = ft.linearize(g, *primals)
    expected_value, expected = ft.jvp(g, primals, tangents)
    found = push(*tangents)
    for a, b in zip(ft.tree.leaves((value, found)), ft.tree.leaves((expected_value, expected)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    with pytest.raises(ValueError, match="primals and tangents differ in structure"):
        push(tangents[0])
    with pytest.raises(ValueError, match=r"the tangent has shape \(2,\) where its primal has \(3,\)"):
        push(tangents[0], X[:2])


def test_linearize_inside_other_transformations() -> None:
    def directional(x: Any) -> Any:
        return ft.linearize(lambda y: np.sum(np.sin(x * y)), x)[1](x)  # x² cos x²

    np.testing.assert_allclose(
        ft.grad(lambda x: directional(x))(X[0]),
        2 * X[0] * np.cos(X[0] ** 2) - 2 * X[0] ** 3 * np.sin(X[0] ** 2),
        rtol=1e-13,
    )
    np.testing.assert_allclose(ft.vmap(directional)(X), X**2 * np.cos(X**2), rtol=1e-13)


# Functions that are linear in their argument.
LINEAR: dict[str, Callable[[Any], Any]] = {
    "scale": lambda x: 3.0 * x,
    "divide": lambda x: x / 4.0 - x,
    "negative": lambda x: -x,
    "sum": lambda x: np.sum(x, axis=0),
    "weighted": lambda x: np.sum(MATRIX * x, axis=1),
    "index": lambda x: x[::-1][1:],
    "gather": lambda x: x[np.array([0, 0, 2])],
    "reshape": lambda x: x.reshape(3, 1) * MATRIX[0],
    "concatenate": lambda x: np.concatenate([x, 2.0 * x[:1]]),
    "where": lambda x: np.where(X > 0, x, 0.0),
    "cumsum": lambda x: np.cumsum(x),
    "tree": lambda x: {"a": x * 2.0, "b": [x[0], np.sum(x)]},
    "tangent": lambda x: ft.jvp(f, (X,), (x,))[1],
    "pullback": lambda x: ft.vjp(f, X)[1](x),
    "vmap": lambda x: ft.vmap(lambda a: a * G)(x),
    "complex": lambda x: np.real((1 + 2j) * x),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_transpose_is_adjoint(name: str) -> None:
    function = LINEAR[name]
    out = function(X)
    g = ft.tree.map(lambda y: np.cos(np.arange(np.size(y), dtype=float)).reshape(np.shape(y)), out)
    (t,) = ft.linear_transpose(function, X)(g)
    left = sum(np.sum(a * b) for a, b in zip(ft.tree.leaves(out), ft.tree.leaves(g), strict=True))
    assert np.sum(t * X) == pytest.approx(left, rel=1e-13)
    assert t.shape == X.shape


@pytest.mark.parametrize("name", LINEAR)
def test_a_transpose_of_a_transpose_is_the_function(name: str) -> None:
    function = LINEAR[name]
    transpose = ft.linear_transpose(function, X)
    back = ft.linear_transpose(lambda g: transpose(g)[0], ft.tree.map(np.zeros_like, function(X)))
    for a, b in zip(ft.tree.leaves(back(X)[0]), ft.tree.leaves(function(X)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


def test_a_linear_function_may_be_checkpointed_or_have_rules_of_its_own() -> None:
    by_jvp, by_vjp = ft.custom_jvp(lambda x: 2.0 * x), ft.custom_vjp(lambda x: 2.0 * x)
    by_jvp.defjvp(lambda primals, tangents: (by_jvp(*primals), 2.0 * tangents[0]))
    by_vjp.defvjp(lambda x: (2.0 * x, None), lambda residuals, g: (2.0 * g,))
    for function in (by_jvp, by_vjp, ft.checkpoint(lambda x: 2.0 * x)):
        for f in (function, ft.vmap(function), lambda x, function=function: function(function(x)) / 2.0):
            for x in (X, np.zeros(3)):  # the values do not matter
                np.testing.assert_array_equal(ft.linear_transpose(f, x)(G)[0], 2.0 * G)


@pytest.mark.parametrize("x", [X, np.zeros(3)])
def test_a_checkpoint_does_not_hide_what_is_not_linear(x: Any) -> None:
    with pytest.raises(ValueError, match="is not linear"):
        ft.linear_transpose(ft.checkpoint(lambda x: x * x), x)


def test_a_transpose_has_one_cotangent_for_each_argument() -> None:
    transpose = ft.linear_transpose(lambda x, p: x * 2.0 + p["a"], X, {"a": X})
    dx, dp = transpose(G)
    np.testing.assert_array_equal(dx, 2 * G)
    np.testing.assert_array_equal(dp["a"], G)


# Functions that are not linear: with the operation at fault and a linear one in its place.
NONLINEAR: dict[str, tuple[Callable[[Any], Any], str]] = {
    "sine": (lambda x: np.sin(x), "sin"),
    "square": (lambda x: np.square(x), "square"),
    "power": (lambda x: x**3, "pow"),
    "second power": (lambda x: x**2, "square"),
    "product": (lambda x: x * x, "mul"),
    "product of functions": (lambda x: np.sum(x) * x, "mul"),
    "quotient": (lambda x: 1.0 / x, "truediv"),
    "maximum": (lambda x: np.maximum(x, 0.0), "maximum"),
    "absolute": (lambda x: np.abs(x), "absolute"),
    "sort": (lambda x: np.sort(x), "sort"),
    "product of elements": (lambda x: np.prod(x), "prod"),
}


@pytest.mark.parametrize("name", NONLINEAR)
def test_what_is_not_linear_is_refused_with_the_operation_and_the_line(name: str) -> None:
    function, operation = NONLINEAR[name]
    with pytest.raises(
        ValueError, match=rf"<lambda> is not linear: .*{operation}.* is applied at test_reverse\.py:\d+"
    ):
        ft.linear_transpose(function, X)
    # the remedy: transpose the tangent map
    (t,) = ft.linear_transpose(ft.linearize(function, X)[1], X)(np.ones_like(function(X)))
    np.testing.assert_allclose(t, ft.vjp(function, X)[1](np.ones_like(function(X)))[0])


# Functions of linear operations that are not zero at zero.
AFFINE: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: x + 1.0,
    "one of two results": lambda x: {"a": 2.0 * x, "b": [x[0], 3.0]},
    "constant": lambda x: np.ones(3),
    "complex": lambda x: x + 1j,
    "infinite": lambda x: x + np.inf,
    "compiled": ft.jit(lambda x: x + 1.0),
    "checkpointed": ft.checkpoint(lambda x: x + 1.0),
    "jit": lambda x: ft.jit(lambda x: x + 1.0)(x) * 2.0,
}


@pytest.mark.parametrize("x", [X, np.zeros(3)])
@pytest.mark.parametrize("name", AFFINE)
def test_an_affine_function_has_no_transpose(name: str, x: Any) -> None:
    with pytest.raises(ValueError, match="is not linear"):
        ft.linear_transpose(AFFINE[name], x)
    with pytest.raises(ValueError, match="is not linear"):
        ft.vmap(lambda x: ft.linear_transpose(AFFINE[name], x)(x))(np.stack([x, x]))
    with pytest.raises(ValueError, match="is not linear"):
        ft.jit(lambda x: ft.linear_transpose(AFFINE[name], x)(x))(x)
    with pytest.raises(ValueError, match="is not linear"):
        ft.linear_transpose(lambda v: AFFINE[name](v), ft.tensor(x))


def test_the_message_of_an_affine_function_names_it_and_the_remedy() -> None:
    def model(x: Any) -> Any:
        return 2.0 * x + 1.0

    with pytest.raises(ValueError, match=r"^model is not linear: at zero it gives a float64\[3\] that is not zero"):
        ft.linear_transpose(model, X)
    np.testing.assert_array_equal(ft.linear_transpose(ft.linearize(model, X)[1], X)(G)[0], 2.0 * G)  # the remedy


@pytest.mark.filterwarnings("error")
def test_a_linear_function_with_infinite_or_missing_coefficients_has_a_transpose() -> None:
    c = np.array([np.inf, np.nan, 2.0])
    np.testing.assert_array_equal(ft.linear_transpose(lambda x: c * x, X)(np.ones(3))[0], c)
    np.testing.assert_array_equal(ft.linear_transpose(lambda x: x / c, X)(np.ones(3))[0], 1.0 / c)


def test_the_values_of_the_primals_of_a_transpose_do_not_matter() -> None:
    for x in (X, 0.0 * X, np.full(3, np.nan), np.full(3, np.inf)):
        np.testing.assert_array_equal(ft.linear_transpose(lambda x: (2.0 * x, 3), x)((G, None))[0], 2.0 * G)
    for number, kind in ((2.0, float), (2j, complex), (np.float32(2), np.float32), (np.float64(2), np.float64)):
        seen: list[Any] = []
        ft.linear_transpose(lambda x, seen=seen: seen.append(x.value) or 3.0 * x, number)
        assert type(seen[0]) is kind
    single = np.ones(3, np.float32)
    y, t = ft.jvp(lambda s: ft.linear_transpose(lambda s: s * single, s)(single)[0], (2.0,), (1.0,))
    assert y == 3.0
    assert t == 0.0


@pytest.mark.parametrize("function", [np.exp, np.tanh, lambda x: x, lambda x: np.sqrt(x).reshape(3, 1), ft.jit(np.exp)])
def test_results_may_be_written_to_before_the_pullback(function: Any) -> None:
    x = np.array([0.5, 2.0, 3.0])
    expected = ft.jacobian(function)(x)
    for name, transform in (("vjp", ft.vjp), ("linearize", ft.linearize)):
        y, apply = transform(function, x)
        y -= 10.0
        found = apply(np.ones(y.shape) if name == "vjp" else np.ones(3))
        total = expected.reshape(3, 3).sum(0 if name == "vjp" else 1)
        np.testing.assert_allclose(np.ravel(found), total, rtol=1e-15)
    np.testing.assert_array_equal(x, [0.5, 2.0, 3.0])


def test_auxiliary_results_may_be_written_to_before_the_pullback() -> None:
    def f(x: Any) -> Any:
        h = np.exp(x)
        return h * h, {"hidden": h, "data": DATA}

    _, pull, aux = ft.vjp(f, X, has_aux=True)
    aux["hidden"] *= 10.0
    np.testing.assert_allclose(pull(np.ones(3))[0], 2.0 * np.exp(X) ** 2)
    assert aux["data"] is DATA


DATA = np.arange(3.0)


# --- Wrong use --------------------------------------------------------------------------------------------------------


def test_a_cotangent_must_have_the_structure_of_the_result() -> None:
    _, pull = ft.vjp(lambda x: {"a": x, "b": np.sum(x)}, X)
    for wrong in ((G, 1.0), {"a": G}, {"a": G, "c": 1.0}, G, None):
        with pytest.raises(
            ValueError, match=r"the cotangent has structure .* where the output has .*one array for each output"
        ):
            pull(wrong)
    pull({"a": G, "b": 1.0})


def test_a_cotangent_must_have_the_shape_and_kind_of_the_result() -> None:
    _, pull = ft.vjp(np.sin, X)
    with pytest.raises(ValueError, match=r"the cotangent has shape \(\) where the output has \(3,\)"):
        pull(1.0)
    with pytest.raises(ValueError, match=r"the cotangent has shape \(3, 1\) where the output has \(3,\)"):
        pull(G[:, None])
    with pytest.raises(TypeError, match="the cotangent is complex128 where the output is float64"):
        pull(G * 1j)
    np.testing.assert_allclose(pull(np.array([1, 1, 1]))[0], np.cos(X))
