"""``track_grad``: a function with its partial derivatives beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.5, 1.0, 2.0])
Y = np.array([3.0, -1.0, 0.25])


def sigmoid_derivative(x: Any) -> Any:
    s = 1.0 / (1.0 + np.exp(-x))
    return (s * (1.0 - s),)


@ft.track_grad(sigmoid_derivative)
def sigmoid(x: Any) -> Any:
    """The logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


def product_derivative(x: Any, y: Any) -> Any:
    return y, x


@ft.track_grad(product_derivative)
def product(x: Any, y: Any) -> Any:
    return x * y


def leaf(values: Any = X) -> Any:
    return ft.tensor(np.asarray(values).tolist(), requires_grad=True)


def slope(x: Any) -> Any:
    s = 1.0 / (1.0 + np.exp(-x))
    return s * (1.0 - s)


def curvature(x: Any) -> Any:
    s = 1.0 / (1.0 + np.exp(-x))
    return s * (1.0 - s) * (1.0 - 2.0 * s)


def test_one_argument() -> None:
    x = ft.tensor(0.0, requires_grad=True)
    y = sigmoid(x)
    assert y.item() == 0.5
    y.backward()
    assert x.grad.item() == 0.25


def test_two_arguments() -> None:
    x, y = ft.tensor(2.0, requires_grad=True), ft.tensor(3.0, requires_grad=True)
    z = product(x, y)
    z.backward()
    assert (z.item(), x.grad.item(), y.grad.item()) == (6.0, 3.0, 2.0)


def test_the_derivative_is_multiplied_by_what_arrives() -> None:
    x = leaf()
    (sigmoid(x * 2.0) * ft.tensor(Y.tolist())).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * slope(2 * X) * Y, rtol=1e-14)


def test_bodies_that_leave_the_trace() -> None:
    """As the seed has it: the raw data is computed with, a new tensor is returned."""

    def derivative(x: Any) -> Any:
        s = 1.0 / (1.0 + np.exp(-x.data))
        return (ft.tensor(s * (1.0 - s)),)

    @ft.track_grad(derivative)
    def raw(x: Any) -> Any:
        return ft.tensor(1.0 / (1.0 + np.exp(-x.data)))

    x = leaf()
    raw(x).sum().backward()
    np.testing.assert_allclose(x.grad, slope(X), rtol=1e-15)


def test_an_argument_without_a_derivative() -> None:
    @ft.track_grad(lambda x, n: (n * x ** (n - 1), None))
    def power(x: Any, n: int) -> Any:
        return x**n

    x = leaf()
    power(x, 3).sum().backward()
    np.testing.assert_allclose(x.grad, 3 * X**2, rtol=1e-15)


def test_only_what_requires_grad_gets_one() -> None:
    x, c = leaf(), ft.tensor(Y.tolist())
    product(x, c).sum().backward()
    np.testing.assert_array_equal(x.grad, Y)
    assert c.grad is None
    assert not product(c, c).requires_grad
    with ft.no_grad():
        assert not product(x, c).requires_grad


def test_broadcasting_is_undone() -> None:
    x, s = leaf(), ft.tensor(2.0, requires_grad=True)
    product(x, s).sum().backward()
    assert s.grad.item() == X.sum()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_second_derivatives() -> None:
    x = leaf()
    (g,) = ft.autograd.grad(sigmoid(x).sum(), x, create_graph=True)
    (h,) = ft.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(h, curvature(X), rtol=1e-13, atol=1e-17)


def test_gradchecks() -> None:
    assert ft.gradcheck(sigmoid, (leaf(),))
    assert ft.gradcheck(product, (leaf(), leaf(Y)))
    assert ft.gradgradcheck(product, (leaf(), leaf(Y)))
    wrong = ft.track_grad(lambda x: (2.0 * x,))(lambda x: x * x * x)
    with pytest.raises(ft.GradcheckError):
        ft.gradcheck(wrong, (leaf(),))


def test_the_name_and_docstring_are_kept() -> None:
    assert sigmoid.__name__ == "sigmoid"
    assert sigmoid.__doc__ == "The logistic function."


def test_the_number_of_derivatives_is_checked() -> None:
    wrong = ft.track_grad(lambda x, y: (y,))(lambda x, y: x * y)
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        wrong(leaf(), leaf()).sum().backward()


@pytest.mark.parametrize("convert", [lambda a: a, lambda a: ft.tensor(a)], ids=["arrays", "tensors"])
def test_under_the_transformations(convert: Any) -> None:
    x = convert(X)
    np.testing.assert_allclose(ft.grad(lambda v: np.sum(sigmoid(v)))(x), slope(X), rtol=1e-14)
    np.testing.assert_allclose(ft.jvp(sigmoid, (x,), (convert(Y),))[1], slope(X) * Y, rtol=1e-14)
    np.testing.assert_allclose(ft.vmap(ft.grad(sigmoid))(x), slope(X), rtol=1e-14)
    np.testing.assert_allclose(
        ft.hessian(lambda v: np.sum(sigmoid(v)))(x), np.diag(curvature(X)), rtol=1e-13, atol=1e-16
    )
    by_x, by_y = ft.grad(lambda a, b: np.sum(product(a, b)), (0, 1))(x, convert(Y))
    np.testing.assert_array_equal(by_x, Y)
    np.testing.assert_array_equal(by_y, X)
