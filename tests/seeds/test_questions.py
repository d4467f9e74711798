"""Questions about automatic differentiation, and their answers: each snippet in the style that fits it, or in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

# Float32 rounds to half a unit, 6e-8, at each of the few operations on either side of a comparison.
FEW_ROUNDINGS = 1e-6


@pytest.mark.parametrize("value", [1.0, 1.1, -3.7, 1e100, 1e-100])
def test_the_derivative_of_a_square_is_exact(value: float) -> None:
    """What happens at the leaf nodes: y' = 2x is evaluated, not a finite difference."""
    x = ft.tensor([value], requires_grad=True)
    y = x**2
    y.backward()
    assert x.grad.tolist() == [2 * value]
    assert ft.grad(lambda x: x**2)(value) == 2 * value


def test_forward_mode_jacobian_of_helpers() -> None:
    """Does JAX recompute dz/dparams1: jacfwd of main(params1, params2) runs each helper once."""
    calls: Counter[str] = Counter()
    tall, wide = np.arange(10.0).reshape(5, 2), np.arange(15.0).reshape(5, 3)

    def helper_1(params1: Any) -> Any:
        calls["helper_1"] += 1
        return np.sin(tall @ params1)

    def helper_2(z: Any, params2: Any) -> Any:
        calls["helper_2"] += 1
        return z * (wide @ params2)

    def main(params1: Any, params2: Any) -> tuple[Any, Any]:
        z = helper_1(params1)
        y = helper_2(z, params2)
        return z, y

    params1, params2 = np.array([0.1, -0.2]), np.array([0.3, 0.5, -0.4])
    (dz_1, dz_2), (dy_1, dy_2) = ft.jacfwd(main, (0, 1))(params1, params2)
    assert calls == {"helper_1": 1, "helper_2": 1}

    z, factor = np.sin(tall @ params1), wide @ params2
    expected_dz = np.cos(tall @ params1)[:, None] * tall
    # Sums of two and three products in double precision, in whatever order BLAS takes.
    assert np.allclose(dz_1, expected_dz, rtol=1e-13, atol=1e-14)
    assert np.array_equal(dz_2, np.zeros((5, 3)))
    assert np.allclose(dy_1, factor[:, None] * expected_dz, rtol=1e-13, atol=1e-14)
    assert np.allclose(dy_2, z[:, None] * wide, rtol=1e-13, atol=1e-14)


SYMMETRIC_X = np.array([[2.0, 1.0], [1.0, 3.0]])
SYMMETRIC_Y = np.array([[1.0, -1.0], [-1.0, 2.0]])


def test_second_derivative_of_a_squared_norm_by_trace() -> None:
    """Gradient of a matrix function: df/dX = 2X, and the derivative of its trace is 2I."""

    def f(X: Any) -> Any:
        return np.linalg.norm(X, ord="fro") ** 2

    gradient = ft.grad(f)(SYMMETRIC_X)
    second = ft.grad(lambda X: np.trace(ft.grad(f)(X)))(SYMMETRIC_X)
    # A square root, squared again: a few units in the last place.
    assert np.allclose(gradient, 2 * SYMMETRIC_X, rtol=1e-14)
    assert np.allclose(second, 2 * np.eye(2), rtol=1e-14, atol=1e-14)


def test_mixed_partials_of_a_matrix_function_by_trace() -> None:
    """Gradient of a matrix function, the code in JAX: d/dY of df/dX is 2X for Z = X X Y with X, Y symmetric."""

    def f(X: Any, Y: Any) -> Any:
        return np.trace(X @ X @ Y)

    def scalarized_dy(X: Any, Y: Any) -> Any:
        dY = ft.grad(f, argnums=1)(X, Y)
        return np.trace(dY)

    dYX = ft.grad(scalarized_dy, argnums=0)(SYMMETRIC_X, SYMMETRIC_Y)
    dYY = ft.grad(scalarized_dy, argnums=1)(SYMMETRIC_X, SYMMETRIC_Y)
    assert np.array_equal(dYX, 2 * SYMMETRIC_X)
    assert np.array_equal(dYY, np.zeros((2, 2)))


def test_mixed_partials_of_a_matrix_function_by_backward() -> None:
    """Gradient of a matrix function, the code in PyTorch: backward of the trace of X.grad."""
    X = ft.tensor(SYMMETRIC_X, requires_grad=True)
    Y = ft.tensor(SYMMETRIC_Y, requires_grad=True)
    loss = ft.trace(ft.mm(X.mm(X), Y))
    loss.backward(create_graph=True)
    dX = ft.trace(X.grad)
    X.grad = Y.grad = None
    dX.backward()
    dXX, dXY = X.grad, Y.grad
    assert dXX.tolist() == (2 * SYMMETRIC_Y).tolist()
    assert dXY.tolist() == (2 * SYMMETRIC_X).tolist()


def test_mixed_partials_of_a_norm_of_a_formula() -> None:
    """Gradient of a matrix function: loss = norm(my_formula(X, Y), ord="fro"), in both styles."""

    def loss(X: Any, Y: Any) -> Any:
        return np.linalg.norm(X @ X @ Y, ord="fro")

    X = ft.tensor(SYMMETRIC_X, requires_grad=True)
    Y = ft.tensor(SYMMETRIC_Y, requires_grad=True)
    (dX,) = ft.autograd.grad(ft.linalg.norm(ft.mm(X.mm(X), Y), ord="fro"), X, create_graph=True)
    dXX, dXY = ft.autograd.grad(ft.trace(dX), (X, Y))
    hessian = ft.hessian(loss, argnums=(0, 1))(SYMMETRIC_X, SYMMETRIC_Y)
    # Both are exact but for rounding; the numbers are of order one.
    assert np.allclose(dX.data, ft.grad(loss)(SYMMETRIC_X, SYMMETRIC_Y), rtol=1e-12, atol=1e-13)
    assert np.allclose(dXX.data, np.einsum("iikl->kl", hessian[0][0]), rtol=1e-12, atol=1e-13)
    assert np.allclose(dXY.data, np.einsum("iikl->kl", hessian[0][1]), rtol=1e-12, atol=1e-13)


def get_gradient(f: Any, x: Any) -> Any:
    """Compute the gradient of tensor f with respect to tensor x, by a backward pass for each element."""
    assert x.requires_grad
    x_shape = x.shape
    f_shape = f.shape
    f = f.view(-1)
    x_grads = []
    for f_val in f:
        if x.grad is not None:
            x.grad.zero_()
        f_val.backward(retain_graph=True)
        if x.grad is not None:
            x_grads.append(deepcopy(x.grad))
        else:
            # in case f isn't a function of x
            x_grads.append(ft.zeros_like(x))
    output_shape = list(f_shape) + list(x_shape)
    return ft.cat(x_grads).view(output_shape)


def test_jacobian_by_repeated_backward() -> None:
    """Partial derivatives of an arbitrary tensor: get_gradient."""
    x = ft.tensor((1.0, 2.0, 3.0))
    x.requires_grad_(True)
    f = ft.stack((x[0] * x[1] * x[2], x[1] ** 2, x[0] + x[2]))
    df_dx = get_gradient(f, x)
    assert str(df_dx) == "tensor([[6., 3., 2.],\n        [0., 4., 0.],\n        [1., 0., 1.]])"


def test_repeated_backward_of_what_is_no_function_of_x() -> None:
    """Partial derivatives of an arbitrary tensor: get_gradient, in case f isn't a function of x."""
    x = ft.tensor((1.0, 2.0, 3.0), requires_grad=True)
    other = ft.tensor([1.0, 2.0], requires_grad=True)
    assert get_gradient(other * other, x).tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_gradient_at_many_points_at_once() -> None:
    """Partial derivatives of an arbitrary tensor: the vector-Jacobian product against numpy.gradient."""
    dx = 0.1
    x = ft.arange(1, 1.8, dx, requires_grad=True)
    f = x**2 + ft.sqrt(x)
    f.backward(ft.ones_like(x))
    x_grad = x.grad
    assert [f"{value:.4f}" for value in x_grad.tolist()] == [
        *("2.5000", "2.6767", "2.8564", "3.0385", "3.2226", "3.4082", "3.5953", "3.7835")
    ]

    x_np = np.arange(1, 1.8, dx)
    f_np = x_np**2 + np.sqrt(x_np)
    x_grad_np = [2.58808848, 2.67722558, 2.85683288, 3.03885421, 3.22284723, 3.40847554, 3.59547805, 3.68929417]
    # The answer prints eight decimals.
    assert np.allclose(np.gradient(f_np, dx), x_grad_np, rtol=0.0, atol=5e-9)
    # Central differences err by f'''/6 · dx², at most 1e-3 here, and the one-sided ones at the ends by f''/2 · dx.
    assert np.allclose(x_grad.data[1:-1], x_grad_np[1:-1], rtol=0.0, atol=1e-3)
    assert np.allclose(x_grad.data, x_grad_np, rtol=0.0, atol=0.11)


def test_numpy_gradient_of_a_tensor() -> None:
    """Partial derivatives of an arbitrary tensor: a tensor-compatible version of numpy.gradient."""
    x = ft.arange(1, 1.8, 0.1, requires_grad=True)
    f = x**2 + ft.sqrt(x)
    slopes = np.gradient(f, 0.1)
    assert isinstance(slopes, ft.Tensor)
    assert np.array_equal(slopes.data, np.gradient(f.data, 0.1))
    (df,) = ft.autograd.grad(slopes[3], f)
    assert np.allclose(df.data, [0.0, 0.0, -5.0, 0.0, 5.0, 0.0, 0.0, 0.0], rtol=1e-15)  # 1 / (2 dx), rounded once


def test_differences_along_an_axis() -> None:
    """Partial derivatives of an arbitrary tensor: dx = x[:, :, 1:] - x[:, :, :-1]."""
    x = ft.tensor(np.arange(24.0).reshape(2, 3, 4) ** 2, requires_grad=True)
    dx = x[:, :, 1:] - x[:, :, :-1]
    assert np.array_equal(dx.data, np.diff(x.data))
    dx.sum().backward()
    assert np.array_equal(x.grad.data, np.broadcast_to([-1.0, 0.0, 0.0, 1.0], (2, 3, 4)))


BLOCK = np.array([[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]])


def test_derivative_of_a_reciprocal_on_an_array() -> None:
    """Symbolic matrix differentiation: -1/x**2 at each element of an array of shape (2, 2, 3)."""

    def func(x: Any) -> Any:
        return 1 / x

    y_ary = ft.vmap(ft.vmap(ft.vmap(ft.grad(func))))(BLOCK)
    x = ft.tensor(BLOCK, requires_grad=True)
    func(x).backward(ft.ones_like(x))
    assert y_ary.shape == (2, 2, 3)
    # The answer prints eight decimals.
    assert np.allclose(y_ary, np.broadcast_to([-1.0, -0.25, -0.11111111], (2, 2, 3)), rtol=0.0, atol=5e-9)
    assert np.array_equal(x.grad.data, y_ary)


def test_derivative_of_a_quadratic_form() -> None:
    """Symbolic matrix differentiation: diff(x.T A x, x) = x.T A + A x."""
    A, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, -6.0])
    assert np.array_equal(ft.grad(lambda x: x.T @ A @ x)(x), x.T @ A + A @ x)
    t = ft.tensor(x, requires_grad=True)
    (t.T @ ft.tensor(A) @ t).backward()
    assert np.array_equal(t.grad.data, x.T @ A + A @ x)


def test_an_overloaded_sine_carries_its_derivative() -> None:
    """Symbolic matrix differentiation: sin(x) = [sin(x[0]), x[1] * cos(x[0])], which is forward mode."""
    assert ft.jvp(np.sin, (0.5,), (2.0,)) == (np.sin(0.5), 2.0 * np.cos(0.5))


def negative_ratio(a: Any, b: Any) -> Any:
    """Return f = -a / b, whose derivative by b is (a / b) / b; b ** 2 underflows below 1e-20 and overflows above."""
    return -a / b


SMALL_AND_LARGE = [(1e-21, 1e-21), (1e-25, 1e-25), (1e-37, 1e-37), (3e-30, 1e-22), (1e25, 1e25), (1e37, 1e37)]


@pytest.mark.parametrize(("a", "b"), SMALL_AND_LARGE)
@pytest.mark.parametrize("transform", [ft.grad, ft.jacfwd, ft.jacrev])
def test_stable_derivative_of_a_ratio_of_small_numbers(transform: Callable[..., Any], a: float, b: float) -> None:
    """Derivatives of a ratio in a numerically stable fashion: both problematic domains, functional style."""
    da, db = transform(negative_ratio, (0, 1))(np.float32(a), np.float32(b))
    assert da.dtype == db.dtype == np.float32
    assert np.allclose(da, -1 / b, rtol=FEW_ROUNDINGS, atol=0.0)
    assert np.allclose(db, a / b / b, rtol=FEW_ROUNDINGS, atol=0.0)


@pytest.mark.parametrize(("a", "b"), SMALL_AND_LARGE)
def test_stable_derivative_of_a_ratio_of_small_tensors(a: float, b: float) -> None:
    """Derivatives of a ratio in a numerically stable fashion: both problematic domains, object style."""
    x = ft.tensor(a, dtype=ft.float32, requires_grad=True)
    y = ft.tensor(b, dtype=ft.float32, requires_grad=True)
    negative_ratio(x, y).backward()
    assert x.grad.dtype == y.grad.dtype == np.float32
    assert np.allclose(x.grad.item(), -1 / b, rtol=FEW_ROUNDINGS, atol=0.0)
    assert np.allclose(y.grad.item(), a / b / b, rtol=FEW_ROUNDINGS, atol=0.0)


def test_stable_second_derivative_of_a_ratio() -> None:
    """Derivatives of a ratio in a numerically stable fashion: a higher-order derivative; b ** 3 underflows wholly."""
    a, b = 1e-30, 1e-22
    expected = -2 * a / b / b / b
    second = ft.grad(ft.grad(negative_ratio, 1), 1)(np.float32(a), np.float32(b))
    assert np.allclose(second, expected, rtol=FEW_ROUNDINGS, atol=0.0)
    y = ft.tensor(b, dtype=ft.float32, requires_grad=True)
    (first,) = ft.autograd.grad(negative_ratio(ft.tensor(a, dtype=ft.float32), y), y, create_graph=True)
    first.backward()
    assert np.allclose(y.grad.item(), expected, rtol=FEW_ROUNDINGS, atol=0.0)


def test_a_ratio_by_logarithms() -> None:
    """Derivatives of a ratio in a numerically stable fashion: the hack exp(log(a) - log(b))."""
    a = b = np.float32(1e-25)
    da, db = ft.grad(lambda a, b: np.exp(np.log(a) - np.log(b)), (0, 1))(a, b)
    assert np.allclose((da, db), (1e25, -1e25), rtol=FEW_ROUNDINGS)


@ft.custom_vjp
def new_div(x: Any, y: Any) -> Any:
    """Divide, with a gradient of its own."""
    return x / y


new_div.defvjp(lambda x, y: (x / y, (x, y)), lambda kept, g: (1 / kept[1] * g, -((kept[0] / kept[1]) / kept[1]) * g))


class NewDiv(ft.autograd.Function):
    """Divide, with a gradient of its own."""

    @staticmethod
    def forward(ctx: Any, x: Any, y: Any) -> Any:
        ctx.save_for_backward(x, y)
        return x / y

    @staticmethod
    def backward(ctx: Any, grad: Any) -> tuple[Any, Any]:
        x, y = ctx.saved_tensors
        return 1 / y * grad, -((x / y) / y) * grad


def test_a_division_with_a_gradient_of_its_own() -> None:
    """Derivatives of a ratio in a numerically stable fashion: newDiv and newDivGrad."""
    for_both = ft.grad(lambda a, b: -new_div(a, b), (0, 1))(np.float32(1e-25), np.float32(1e-25))
    assert np.allclose(for_both, (-1e25, 1e25), rtol=FEW_ROUNDINGS)
    x, y = (ft.tensor(1e-25, dtype=ft.float32, requires_grad=True) for _ in range(2))
    (-NewDiv.apply(x, y)).backward()
    assert np.allclose((x.grad.item(), y.grad.item()), (-1e25, 1e25), rtol=FEW_ROUNDINGS)
    assert x.grad.dtype == y.grad.dtype == np.float32
