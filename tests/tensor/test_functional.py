"""``autograd.functional``: Jacobians, Hessians and their products as functions of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

functional = ft.autograd.functional
X = np.array([0.5, 1.0, 2.0])
Y = np.array([3.0, -1.0, 0.25])
V = np.array([1.0, -2.0, 0.25])


def tensor(values: Any = X) -> Any:
    return ft.tensor(np.asarray(values).tolist())


def cube(x: Any) -> Any:
    return x**3


def energy(x: Any) -> Any:
    return (x**3).sum()


def coupled(x: Any, y: Any) -> Any:
    return (x**2 * y).sum()


def test_a_jacobian() -> None:
    j = functional.jacobian(cube, tensor())
    np.testing.assert_allclose(j, np.diag(3 * X**2), rtol=1e-15)
    assert not j.requires_grad


def test_the_shape_of_a_jacobian_is_that_of_the_output_then_that_of_the_input() -> None:
    x = ft.ones((2, 3))
    assert functional.jacobian(lambda x: x.sum(0), x).shape == (3, 2, 3)
    assert functional.jacobian(lambda x: x.sum(), x).shape == (2, 3)
    assert functional.jacobian(cube, ft.tensor(2.0)).shape == ()


def test_a_jacobian_of_several_inputs_and_outputs() -> None:
    by_x, by_y = functional.jacobian(lambda x, y: x * y, (tensor(), tensor(Y)))
    np.testing.assert_allclose(by_x, np.diag(Y), rtol=1e-15)
    np.testing.assert_allclose(by_y, np.diag(X), rtol=1e-15)
    rows = functional.jacobian(lambda x, y: (x * y, x.sum()), (tensor(), tensor(Y)))
    assert isinstance(rows, tuple)
    np.testing.assert_allclose(rows[0][1], np.diag(X), rtol=1e-15)
    np.testing.assert_allclose(rows[1][0], np.ones(3))
    np.testing.assert_allclose(rows[1][1], np.zeros(3))


@pytest.mark.parametrize("options", [{"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"}])
def test_a_vectorised_jacobian(options: dict[str, Any]) -> None:
    j = functional.jacobian(cube, tensor(), **options)
    np.testing.assert_allclose(j, np.diag(3 * X**2), rtol=1e-15)
    _, by_y = functional.jacobian(lambda x, y: x * y, (tensor(), tensor(Y)), **options)
    np.testing.assert_allclose(by_y, np.diag(X), rtol=1e-15)


def test_the_strategy_is_one_of_two() -> None:
    with pytest.raises((AssertionError, ValueError), match="strategy"):
        functional.jacobian(cube, tensor(), strategy="sideways", vectorize=True)


def test_a_jacobian_with_a_graph() -> None:
    x = tensor().requires_grad_()
    functional.jacobian(cube, x, create_graph=True).sum().backward()
    np.testing.assert_allclose(x.grad, 6 * X, rtol=1e-15)


def test_strict_refuses_independence() -> None:
    with pytest.raises(RuntimeError, match="independent"):
        functional.jacobian(lambda x, y: x * 2.0, (tensor(), tensor(Y)), strict=True)
    with pytest.raises(RuntimeError):
        functional.jacobian(lambda x: ft.ones(3), tensor(), strict=True)
    _, by_y = functional.jacobian(lambda x, y: x * 2.0, (tensor(), tensor(Y)))
    np.testing.assert_array_equal(by_y, np.zeros((3, 3)))
    np.testing.assert_array_equal(functional.jacobian(lambda x: ft.ones(3), tensor()), np.zeros((3, 3)))


@pytest.mark.parametrize(
    "options", [{}, {"vectorize": True}, {"vectorize": True, "outer_jacobian_strategy": "forward-mode"}]
)
def test_a_hessian(options: dict[str, Any]) -> None:
    h = functional.hessian(energy, tensor(), **options)
    np.testing.assert_allclose(h.detach(), np.diag(6 * X), rtol=1e-14)


def test_a_hessian_of_several_inputs() -> None:
    (xx, xy), (yx, yy) = functional.hessian(coupled, (tensor(), tensor(Y)))
    np.testing.assert_allclose(xx, np.diag(2 * Y), rtol=1e-14)
    np.testing.assert_allclose(xy, np.diag(2 * X), rtol=1e-14)
    np.testing.assert_allclose(yx, np.diag(2 * X), rtol=1e-14)
    np.testing.assert_array_equal(yy, np.zeros((3, 3)))


def test_a_hessian_with_a_graph() -> None:
    x = tensor().requires_grad_()
    functional.hessian(lambda a: (a**4).sum(), x, create_graph=True).sum().backward()
    np.testing.assert_allclose(x.grad, 24 * X, rtol=1e-14)


def test_a_hessian_needs_a_scalar() -> None:
    with pytest.raises(RuntimeError, match=r"(?i)single|scalar|one element"):
        functional.hessian(cube, tensor())


def test_a_vector_jacobian_product() -> None:
    y, g = functional.vjp(cube, tensor(), tensor(V))
    np.testing.assert_allclose(y, X**3, rtol=1e-15)
    np.testing.assert_allclose(g, 3 * X**2 * V, rtol=1e-15)
    assert not y.requires_grad
    assert not g.requires_grad
    y, g = functional.vjp(energy, tensor())
    np.testing.assert_allclose(g, 3 * X**2, rtol=1e-15)
    _, (g, h) = functional.vjp(lambda a, b: a * b, (tensor(), tensor(Y)), tensor(V))
    np.testing.assert_allclose(g, Y * V, rtol=1e-15)
    np.testing.assert_allclose(h, X * V, rtol=1e-15)


def test_a_jacobian_vector_product() -> None:
    y, t = functional.jvp(cube, tensor(), tensor(V))
    np.testing.assert_allclose(y, X**3, rtol=1e-15)
    np.testing.assert_allclose(t, 3 * X**2 * V, rtol=1e-15)
    _, t = functional.jvp(lambda a, b: a * b, (tensor(), tensor(Y)), (tensor(V), tensor(X)))
    np.testing.assert_allclose(t, V * Y + X * X, rtol=1e-15)
    _, t = functional.jvp(cube, ft.tensor(2.0))
    assert t.item() == 12.0


def test_a_vector_is_needed_where_it_is_not_evident() -> None:
    with pytest.raises(RuntimeError, match=r"(?i)\bv\b|vector"):
        functional.vjp(cube, tensor())
    with pytest.raises(RuntimeError, match=r"(?i)\bv\b|vector"):
        functional.jvp(cube, tensor())
    with pytest.raises(RuntimeError):
        functional.vjp(cube, tensor(), ft.ones(2))


def test_hessian_vector_products() -> None:
    for product in (functional.hvp, functional.vhp):
        value, h = product(energy, tensor(), tensor(V))
        assert value.item() == pytest.approx((X**3).sum())
        np.testing.assert_allclose(h, 6 * X * V, rtol=1e-14)
        _, (h, k) = product(coupled, (tensor(), tensor(Y)), (tensor(V), tensor(X)))
        np.testing.assert_allclose(h, 2 * Y * V + 2 * X * X, rtol=1e-14)
        np.testing.assert_allclose(k, 2 * X * V, rtol=1e-14)


@pytest.mark.parametrize("name", ["vjp", "jvp", "hvp", "vhp"])
def test_products_with_a_graph(name: str) -> None:
    x, v = tensor().requires_grad_(), tensor(V).requires_grad_()
    f = cube if name in ("vjp", "jvp") else energy
    y, product = getattr(functional, name)(f, x, v, create_graph=True)
    product.sum().backward()
    if name in ("vjp", "jvp"):
        np.testing.assert_allclose(x.grad, 6 * X * V, rtol=1e-14)
        np.testing.assert_allclose(v.grad, 3 * X**2, rtol=1e-14)
    else:
        np.testing.assert_allclose(x.grad, 6 * V, rtol=1e-14)
        np.testing.assert_allclose(v.grad, 6 * X, rtol=1e-14)
    assert y.requires_grad


@pytest.mark.parametrize("name", ["vjp", "jvp", "hvp", "vhp"])
def test_products_refuse_independence_when_strict(name: str) -> None:
    constant = (lambda x: ft.ones(3)) if name in ("vjp", "jvp") else (lambda x: ft.tensor(1.0))
    with pytest.raises(RuntimeError):
        getattr(functional, name)(constant, tensor(), tensor(V), strict=True)
    _, product = getattr(functional, name)(constant, tensor(), tensor(V))
    np.testing.assert_array_equal(product, np.zeros(3))


def test_a_linear_function_has_no_hessian_to_speak_of() -> None:
    _, h = functional.hvp(lambda x: (x * 2.0).sum(), tensor(), tensor(V))
    np.testing.assert_array_equal(h, np.zeros(3))
    with pytest.raises(RuntimeError):
        functional.hvp(lambda x: (x * 2.0).sum(), tensor(), tensor(V), strict=True)


def test_inputs_are_left_alone() -> None:
    x = tensor().requires_grad_()
    functional.jacobian(cube, x)
    functional.hvp(energy, x, tensor(V))
    assert x.grad is None
    with ft.no_grad():
        np.testing.assert_allclose(functional.jacobian(cube, tensor()), np.diag(3 * X**2), rtol=1e-15)


def test_outputs_must_be_tensors() -> None:
    with pytest.raises(TypeError):
        functional.jacobian(lambda x: 2.0, tensor())
