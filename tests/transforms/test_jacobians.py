"""Jacobians, Hessians and their products, in either mode, whole or in chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.measuring import Counted, peak

X = np.array([0.3, -0.7, 1.1])
MATRIX = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
JACOBIANS = {"jacfwd": ft.jacfwd, "jacrev": ft.jacrev, "jacobian": ft.jacobian}


def numerical(f: Callable[[Any], Any], x: Any) -> Any:
    """Return the Jacobian by Richardson's extrapolation of central differences."""
    columns = []
    for i in np.ndindex(np.shape(x)):
        e = np.zeros(np.shape(x))
        e[i] = 1.0
        rough, fine = ((f(x + h * e) - f(x - h * e)) / (2 * h) for h in (1e-3, 5e-4))
        columns.append((4 * fine - rough) / 3)
    return np.stack(columns, axis=-1).reshape(np.shape(f(x)) + np.shape(x))


# Functions and points, by the shapes of result and argument.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "vector to vector": (lambda x: np.sin(x) * x[0] + np.cumsum(x), X),
    "vector to scalar": (lambda x: np.sum(np.sin(x) * x[::-1]), X),
    "scalar to vector": (lambda t: np.sin(t * X), np.float64(0.7)),
    "scalar to scalar": (lambda t: np.exp(np.sin(t)), np.float64(0.7)),
    "matrix to matrix": (lambda m: np.sin(m).T * m[0, 0], MATRIX),
    "matrix to vector": (lambda m: np.sum(m * m, axis=1), MATRIX),
    "vector to tensor": (lambda x: x[:, None, None] * MATRIX * x, X),
    "vector to one": (lambda x: np.sum(x**3, keepdims=True), X),
    "wide": (lambda x: np.stack([np.sum(x**2), x[0]]), X),
    "tall": (lambda x: np.concatenate([x**2, x**3, x[:1]]), X),
}


@pytest.mark.parametrize("mode", JACOBIANS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_jacobian_holds_all_partial_derivatives(name: str, mode: str) -> None:
    f, x = FUNCTIONS[name]
    found = JACOBIANS[mode](f)(x)
    assert np.shape(found) == np.shape(f(x)) + np.shape(x)
    np.testing.assert_allclose(found, numerical(f, x), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_modes_agree_to_rounding(name: str) -> None:
    f, x = FUNCTIONS[name]
    forward, reverse, chosen = (jacobian(f)(x) for jacobian in JACOBIANS.values())
    np.testing.assert_allclose(forward, reverse, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(chosen, reverse, rtol=1e-14, atol=1e-15)
    value, jacobian = ft.value_and_jacobian(f)(x)
    np.testing.assert_array_equal(value, f(x))
    np.testing.assert_array_equal(jacobian, chosen)


@pytest.mark.parametrize("mode", [*JACOBIANS.values(), ft.hessian])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("chunk_size", [1, 2, 100])
def test_chunks_give_the_same_matrix(name: str, mode: Callable[..., Any], chunk_size: int) -> None:
    f, x = FUNCTIONS[name]
    whole, chunked = mode(f)(x), mode(f, chunk_size=chunk_size)(x)
    assert np.shape(chunked) == np.shape(whole)
    np.testing.assert_allclose(chunked, whole, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("first", JACOBIANS)
@pytest.mark.parametrize("second", JACOBIANS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_hessians_by_every_pair_of_modes_agree(name: str, first: str, second: str) -> None:
    f, x = FUNCTIONS[name]
    found = JACOBIANS[second](JACOBIANS[first](f))(x)
    assert np.shape(found) == np.shape(f(x)) + 2 * np.shape(x)
    np.testing.assert_allclose(found, ft.hessian(f)(x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hessians_are_symmetric_and_agree_with_differences_of_the_jacobian(name: str) -> None:
    f, x = FUNCTIONS[name]
    h = ft.hessian(f)(x)
    n, rank = np.ndim(f(x)), np.ndim(x)
    axes = (*range(n), *range(n + rank, n + 2 * rank), *range(n, n + rank))
    np.testing.assert_allclose(h, np.transpose(h, axes), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(h, numerical(ft.jacrev(f), x), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_function_runs_once(name: str) -> None:
    f, x = FUNCTIONS[name]
    for transform in (*JACOBIANS.values(), ft.value_and_jacobian, ft.hessian):
        counted = Counted(f)
        transform(counted)(x)
        assert counted.calls == 1
    for transform in (ft.jacrev, ft.jacobian, ft.value_and_jacobian):
        counted = Counted(f)
        transform(counted, chunk_size=1)(x)
        assert counted.calls == 1


@pytest.mark.parametrize(("rows", "columns"), [(600, 2), (2, 600)])
def test_jacobian_chooses_the_mode_that_takes_fewer_passes(rows: int, columns: int) -> None:
    matrix = np.arange(1.0, rows * columns + 1).reshape(rows, columns)

    def f(x: Any) -> Any:
        return np.cumsum(matrix @ np.sin(np.cumsum(x)))  # cumulative sums mix elements: nothing stays sparse

    x = np.zeros(columns)
    expected = np.cumsum(np.cumsum(matrix[:, ::-1], axis=1)[:, ::-1], axis=0)
    np.testing.assert_allclose(ft.jacobian(f)(x), expected)
    # the basis alone of the longer side has 600² numbers
    assert peak(lambda: ft.jacobian(f)(x)) < 600**2 * 8 / 4
    assert peak(lambda: (ft.jacrev if rows > columns else ft.jacfwd)(f)(x)) > 600**2 * 8


def test_chunks_bound_the_memory() -> None:
    weights = np.ones(400)
    x = np.linspace(0.0, 1.0, 50)
    one = weights.nbytes * len(x)  # one intermediate value of f

    def f(x: Any) -> Any:
        return np.sum(np.sin(weights[:, None] * np.cumsum(x)), axis=0)  # mixed, so that no tangent stays sparse

    for transform, function in ((ft.jacfwd, f), (ft.jacrev, f), (ft.hessian, lambda x: np.sum(f(x)))):
        assert peak(lambda transform=transform, function=function: transform(function)(x)) > 45 * one
        assert peak(lambda transform=transform, function=function: transform(function, chunk_size=2)(x)) < 20 * one
    assert peak(lambda: ft.hessian_diag(lambda x: np.sum(f(x)))(x)) > 45 * one
    assert peak(lambda: ft.hessian_diag(lambda x: np.sum(f(x)), chunk_size=2)(x)) < 20 * one


# --- Trees ------------------------------------------------------------------------------------------------------------


def model(p: Any, x: Any) -> Any:
    return {"y": np.sum(p["w"] * x, axis=1) + p["b"], "n": (np.sum(p["w"] ** 2), p["b"] ** 3)}


PARAMETERS = {"w": MATRIX, "b": 0.5}


@pytest.mark.parametrize("mode", JACOBIANS)
@pytest.mark.parametrize("chunk_size", [None, 2])
def test_jacobians_of_trees_are_trees_of_trees(mode: str, chunk_size: int | None) -> None:
    jacobian = JACOBIANS[mode](model, (0, 1), chunk_size=chunk_size)(PARAMETERS, X)
    by_p, by_x = jacobian["y"]
    expected = np.zeros((2, 2, 3))
    expected[0, 0] = expected[1, 1] = X
    np.testing.assert_allclose(by_p["w"], expected)
    np.testing.assert_array_equal(by_p["b"], np.ones(2))
    np.testing.assert_allclose(by_x, MATRIX)
    norm_by_p, norm_by_x = jacobian["n"][0]
    np.testing.assert_allclose(norm_by_p["w"], 2 * MATRIX)
    assert norm_by_p["b"] == 0
    np.testing.assert_array_equal(norm_by_x, np.zeros(3))
    cube_by_p, _ = jacobian["n"][1]
    np.testing.assert_allclose(cube_by_p["b"], 0.75)
    np.testing.assert_array_equal(cube_by_p["w"], np.zeros((2, 3)))


def test_hessians_of_trees_have_all_blocks() -> None:
    def energy(p: Any, x: Any) -> Any:
        return np.sum(np.sin(p["w"] * x)) * p["b"] ** 2

    h = ft.hessian(energy, (0, 1))(PARAMETERS, X)
    s, c = np.sin(MATRIX * X), np.cos(MATRIX * X)
    assert h[0]["b"][0]["b"] == pytest.approx(2 * np.sum(s))
    np.testing.assert_allclose(h[0]["b"][0]["w"], c * X)  # 2b · cos(w x) x with b = 1/2
    np.testing.assert_allclose(h[0]["w"][0]["b"], c * X)
    np.testing.assert_allclose(h[1][1], np.diag(np.sum(-s * MATRIX**2, axis=0) / 4), atol=1e-15)
    cross = np.zeros((2, 3, 3))
    for i, j in np.ndindex(2, 3):
        cross[i, j, j] = (c - s * MATRIX * X)[i, j] / 4
    np.testing.assert_allclose(h[0]["w"][1], cross, atol=1e-15)
    np.testing.assert_allclose(h[1][0]["w"], np.moveaxis(cross, 2, 0), atol=1e-15)


def test_a_result_that_depends_on_nothing_has_zeros_of_the_right_shape() -> None:
    for mode in (*JACOBIANS.values(), lambda f: ft.jacfwd(f, chunk_size=2), lambda f: ft.jacrev(f, chunk_size=1)):
        np.testing.assert_array_equal(mode(lambda x: MATRIX)(X), np.zeros((2, 3, 3)))
        found = mode(lambda x: (x * 2.0, np.ones(2)))(X)
        np.testing.assert_array_equal(found[0], 2 * np.eye(3))
        np.testing.assert_array_equal(found[1], np.zeros((2, 3)))
        assert mode(lambda x: None)(X) is None
        assert mode(lambda x: 1.0)({}) == {}
    np.testing.assert_array_equal(ft.hessian(lambda x: 1.0)(X), np.zeros((3, 3)))


def test_mixed_partial_derivatives_of_a_matrix_function() -> None:
    def f(a: Any, b: Any) -> Any:
        return np.sum(a * b**2) * np.sum(a)

    mixed = ft.jacfwd(ft.jacrev(f, 0), 1)(X, X + 1.0)
    np.testing.assert_allclose(mixed, ft.hessian(f, (0, 1))(X, X + 1.0)[0][1], rtol=1e-14)


# --- Products and diagonals -------------------------------------------------------------------------------------------


def energy(x: Any) -> Any:
    return np.sum(np.sin(x) * x[::-1] ** 2)


def test_products_with_the_hessian() -> None:
    v = np.array([1.0, -2.0, 0.5])
    h = ft.hessian(energy)(X)
    for product in (ft.hvp, ft.vhp):
        g, hv = product(energy, (X,), (v,))
        np.testing.assert_allclose(g, ft.grad(energy)(X), rtol=1e-14)
        np.testing.assert_allclose(hv, np.sum(h * v, axis=1), rtol=1e-13)
        listed = product(energy, [X], [v])
        np.testing.assert_array_equal(listed[1], hv)


def test_products_of_several_arguments_are_tuples_of_trees() -> None:
    def f(x: Any, p: Any) -> Any:
        return energy(x) * p["s"] ** 2

    for product in (ft.hvp, ft.vhp):
        (gx, gp), (hx, hp) = product(f, (X, {"s": 2.0}), (X, {"s": 0.5}))
        np.testing.assert_allclose(gx, 4.0 * ft.grad(energy)(X), rtol=1e-14)
        assert gp["s"] == pytest.approx(4.0 * energy(X))
        np.testing.assert_allclose(
            hx, 4.0 * np.sum(ft.hessian(energy)(X) * X, axis=1) + 2.0 * ft.grad(energy)(X), rtol=1e-12
        )
        assert hp["s"] == pytest.approx(4.0 * np.sum(ft.grad(energy)(X) * X) + 2 * energy(X) * 0.5)


def test_products_run_the_function_once_and_do_not_form_the_matrix() -> None:
    large = np.linspace(0.0, 1.0, 20_000)  # its Hessian would take 3.2 GB
    for product in (ft.hvp, ft.vhp):
        counted = Counted(lambda x: np.sum(np.sin(x) ** 2))
        _, hv = product(counted, (large,), (np.ones_like(large),))
        assert counted.calls == 1
        np.testing.assert_allclose(hv, 2 * np.cos(2 * large), rtol=1e-12, atol=1e-13)


def test_the_diagonal_of_the_hessian() -> None:
    expected = np.diag(ft.hessian(energy)(X))
    for chunk_size in (None, 1, 2, 10):
        np.testing.assert_allclose(ft.hessian_diag(energy, chunk_size=chunk_size)(X), expected, rtol=1e-13)
    tree = ft.hessian_diag(lambda p: energy(p["x"]) * p["s"] ** 3)({"x": X, "s": 2.0})
    np.testing.assert_allclose(tree["x"], 8.0 * expected, rtol=1e-13)
    np.testing.assert_allclose(tree["s"], 12.0 * energy(X), rtol=1e-13)
    second = ft.hessian_diag(lambda s, x, *, k: s * k * energy(x), argnums=1)(2.0, X, k=3.0)
    np.testing.assert_allclose(second, 6.0 * expected, rtol=1e-13)
    matrix = ft.hessian_diag(lambda m: np.sum(m**3) * m[0, 0])(MATRIX)
    h = ft.hessian(lambda m: np.sum(m**3) * m[0, 0])(MATRIX).reshape(6, 6)
    np.testing.assert_allclose(matrix, np.diag(h).reshape(2, 3), rtol=1e-13)


def test_the_diagonal_is_differentiated_and_batched() -> None:
    found = ft.jacrev(ft.hessian_diag(energy))(X)
    np.testing.assert_allclose(found, numerical(ft.hessian_diag(energy), X), rtol=1e-8, atol=1e-10)
    batch = np.stack([X, 2.0 * X])
    np.testing.assert_allclose(
        ft.vmap(ft.hessian_diag(energy))(batch), [ft.hessian_diag(energy)(x) for x in batch], rtol=1e-13
    )


@pytest.mark.parametrize("order", range(7))
def test_derivatives_of_every_order(order: int) -> None:
    t = 0.4
    assert ft.derivative(np.sin, order)(t) == pytest.approx(np.sin(t + order * np.pi / 2), rel=1e-12)
    polynomial = np.polynomial.Polynomial([1.0, -2.0, 0.5, 3.0, -1.0])
    found = ft.derivative(lambda x: 1.0 - 2.0 * x + 0.5 * x**2 + 3.0 * x**3 - x**4, order)(t)
    assert found == pytest.approx(polynomial.deriv(order)(t) if order else polynomial(t), rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(ft.vmap(ft.derivative(np.sin, order))(X), np.sin(X + order * np.pi / 2), rtol=1e-12)


def test_derivatives_by_one_of_several_arguments_with_trees_as_results() -> None:
    found = ft.derivative(lambda a, t, *, b: {"u": a * t**2, "v": np.stack([t, b * t**3])}, 2, 1)(X, 3.0, b=2.0)
    np.testing.assert_allclose(found["u"], 2 * X)
    np.testing.assert_allclose(found["v"], [0.0, 36.0])
    assert ft.derivative(lambda z: z**3)(1 + 2j) == pytest.approx(3 * (1 + 2j) ** 2)
    assert ft.derivative(lambda x: x**3, 2)(np.float32(2)).dtype == np.float32


# --- Wrong use --------------------------------------------------------------------------------------------------------


def test_a_derivative_needs_a_scalar_and_an_order() -> None:
    with pytest.raises(
        TypeError,
        match=r"needs a scalar argument, not ndarray of shape \(3,\).*ft\.vmap\(ft\.derivative\(f\)\).*ft\.jacobian",
    ):
        ft.derivative(np.sin)(X)
    with pytest.raises(TypeError, match="needs a scalar argument, not dict"):
        ft.derivative(lambda p: p["a"])({"a": 1.0})
    with pytest.raises(ValueError, match="order must be zero or more, not -1"):
        ft.derivative(np.sin, -1)
    # the remedies
    np.testing.assert_allclose(ft.vmap(ft.derivative(np.sin))(X), np.cos(X))
    np.testing.assert_allclose(np.diag(ft.jacobian(np.sin)(X)), np.cos(X))


@pytest.mark.parametrize("product", [ft.hvp, ft.vhp])
def test_products_take_tuples(product: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=f"{product.__name__} takes a tuple of primals, not ndarray"):
        product(energy, X, X)
    with pytest.raises(ValueError, match="structure"):
        product(lambda x, y: energy(x) * y, (X, 1.0), (X,))
    with pytest.raises(ValueError, match="shape"):
        product(energy, (X,), (X[:2],))
    with pytest.raises((TypeError, ValueError), match=r"tuple|structure|shape"):
        product(energy, (X,), X)


@pytest.mark.parametrize("mode", JACOBIANS)
def test_wrong_inputs_and_outputs_are_named(mode: str) -> None:
    with pytest.raises(TypeError, match=r"Jacobian of <lambda>: an output is int64, which has no derivative"):
        JACOBIANS[mode](lambda x: np.argmax(x))(X)
    with pytest.raises(TypeError, match="an output is bool"):
        JACOBIANS[mode](lambda x: x > 0)(X)
    with pytest.raises(TypeError, match="<lambda> returned a str, which is no array of numbers"):
        JACOBIANS[mode](lambda x: "text")(X)
    with pytest.raises(ValueError, match="chunk_size must be positive, not 0"):
        JACOBIANS[mode](lambda x: x, chunk_size=0)(X)
