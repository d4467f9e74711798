"""A guide to a PyTorch-like library on NumPy, second part: higher orders, functional forms, custom functions, Adam."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite import optim


def test_second_derivative_by_create_graph() -> None:
    """Higher-Order Gradients."""
    x = ft.tensor(2.0, requires_grad=True)
    y = x**3.0
    dy_dx = ft.autograd.grad(y, x, create_graph=True)[0]
    assert dy_dx.item() == 12.0
    d2y_dx2 = ft.autograd.grad(dy_dx, x)[0]
    assert d2y_dx2.item() == 12.0


def test_mixed_partial_derivatives() -> None:
    """d() Method."""
    x = ft.tensor(2.0, requires_grad=True)
    y = ft.tensor(3.0, requires_grad=True)
    f = x**3 * y**2
    assert f.d(x, y).item() == 72.0
    assert f.d(x, x, y).item() == 72.0


def test_higher_order_grad() -> None:
    """higher_order_grad() Function."""
    x = ft.tensor(2.0, requires_grad=True)
    y = x**3
    assert ft.autograd.higher_order_grad(y, x, 2)[0].item() == 12.0
    assert ft.autograd.higher_order_grad(y, x, 3)[0].item() == 6.0
    x1 = ft.tensor(1.0, requires_grad=True)
    x2 = ft.tensor(2.0, requires_grad=True)
    z = x1**2 + x2**3
    grads = ft.autograd.higher_order_grad(z, [x1, x2], 2)
    assert isinstance(grads, tuple)
    assert [grad.item() for grad in grads] == [2.0, 12.0]


def test_functional_jacobian() -> None:
    """jacobian() Function."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    jac = ft.autograd.functional.jacobian(lambda x: x**2, x)
    assert jac.shape == (3, 3)
    assert jac.tolist() == [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]]


def test_functional_hessian() -> None:
    """hessian() Function; of a scalar input it has the shape (), as PyTorch's, where the guide's library has (1, 1)."""
    x = ft.tensor(2.0, requires_grad=True)
    hess = ft.autograd.functional.hessian(lambda x: x**3, x)
    assert hess.shape == ()
    assert hess.item() == 12.0


def test_functional_derivative() -> None:
    """derivative() Function."""
    df = ft.autograd.functional.derivative(lambda x: x**2.0)
    x = ft.tensor(2.0, requires_grad=True)
    assert df(x).item() == 4.0
    dg = ft.autograd.functional.derivative(lambda x, y: x * y + x**2.0)
    y = ft.tensor(3.0, requires_grad=True)
    dx, dy = dg(x, y)
    assert (dx.item(), dy.item()) == (7.0, 2.0)


@pytest.mark.parametrize("product", [ft.autograd.functional.jvp, ft.autograd.functional.vjp], ids=["jvp", "vjp"])
def test_functional_jacobian_vector_products(product: Callable[..., Any]) -> None:
    """jvp() (Jacobian-Vector Product) Function; vjp() (Vector-Jacobian Product) Function."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = ft.tensor([1.0, 1.0, 1.0])
    f_x, result = product(lambda x: x**2, x, v)
    assert f_x.tolist() == [1.0, 4.0, 9.0]
    assert result.tolist() == [2.0, 4.0, 6.0]


@pytest.mark.parametrize("product", [ft.autograd.functional.hvp, ft.autograd.functional.vhp], ids=["hvp", "vhp"])
def test_functional_hessian_vector_products(product: Callable[..., Any]) -> None:
    """hvp() (Hessian-Vector Product) and vhp() Functions."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = ft.tensor([1.0, 1.0, 1.0])
    f_x, result = product(lambda x: (x**3).sum(), x, v)
    assert f_x.item() == 36.0
    assert result.tolist() == [6.0, 12.0, 18.0]


def test_a_custom_function_of_tensor_functions() -> None:
    """Custom Gradient Functions 1: Using Riemann Tensor Functions (Automatic Gradients)."""
    x = ft.tensor(1.0, requires_grad=True)
    y = ft.exp(ft.sin(x)) + x**2.0
    y.backward()
    # Three rounded operations on either side, so a few units in the last place.
    assert x.grad.item() == pytest.approx(math.exp(math.sin(1.0)) * math.cos(1.0) + 2.0, rel=1e-15)


def test_track_grad_of_one_input() -> None:
    """Custom Gradient Functions 2: Using track_grad Decorator, single input."""

    def sigmoid_derivative(x: Any) -> tuple[Any, ...]:
        sig = 1.0 / (1.0 + np.exp(-x.data))
        return (ft.tensor(sig * (1.0 - sig)),)

    @ft.track_grad(sigmoid_derivative)
    def custom_sigmoid(x: Any) -> Any:
        return ft.tensor(1.0 / (1.0 + np.exp(-x.data)))

    x = ft.tensor(0.0, requires_grad=True)
    y = custom_sigmoid(x)
    y.backward()
    assert f"{y}" == "0.5"
    assert f"{x.grad}" == "0.25"


def test_track_grad_of_two_inputs() -> None:
    """Custom Gradient Functions 2: Using track_grad Decorator, multiple inputs."""

    def multiply_derivative(x: Any, y: Any) -> tuple[Any, ...]:
        return (y, x)

    @ft.track_grad(multiply_derivative)
    def custom_multiply(x: Any, y: Any) -> Any:
        return x * y

    x = ft.tensor(2.0, requires_grad=True)
    y = ft.tensor(3.0, requires_grad=True)
    z = custom_multiply(x, y)
    z.backward()
    assert f"{z}" == "6.0"
    assert f"{x.grad}" == "3.0"
    assert f"{y.grad}" == "2.0"


def test_track_grad_takes_none_for_what_needs_no_gradient() -> None:
    """Custom Gradient Functions 2: Gradient Function Interface Requirements."""

    @ft.track_grad(lambda x, factor: (factor, None))
    def scale(x: Any, factor: Any) -> Any:
        return x * factor

    x, factor = ft.tensor([1.0, 2.0], requires_grad=True), ft.tensor(3.0)
    scale(x, factor).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert factor.grad is None


class CustomSigmoid(ft.autograd.Function):
    """Custom Gradient Functions 3: Using Function Class."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        sig = 1.0 / (1.0 + np.exp(-x.data))
        ctx.save_for_backward(ft.tensor(sig))
        return ft.tensor(sig)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        (sig,) = ctx.saved_tensors
        return grad_output * sig * (1.0 - sig)


def test_function_class() -> None:
    """Custom Gradient Functions 3: Using Function Class."""
    x = ft.tensor(0.0, requires_grad=True)
    y = CustomSigmoid.apply(x)
    y.backward()
    assert f"{y}" == "0.5"
    assert f"{x.grad}" == "0.25"


def test_function_class_wants_one_gradient_for_each_input() -> None:
    """Custom Gradient Functions 3, key points: one gradient for each input to forward."""

    class Product(ft.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x * y

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            return grad_output

    x, y = ft.tensor(2.0, requires_grad=True), ft.tensor(3.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="gradients"):
        Product.apply(x, y).backward()


def test_function_class_is_not_called_by_instantiating_it() -> None:
    """Custom Gradient Functions 3, key points: ClassName.apply(*inputs)."""
    with pytest.raises((RuntimeError, TypeError)):
        CustomSigmoid()(ft.tensor(0.0, requires_grad=True))


def test_fwbw_all_zero() -> None:
    """fwbw_all_zero Function."""
    a = ft.tensor([1.0, 2.0], requires_grad=True)
    x = ft.tensor([3.0, 4.0, 5.0], requires_grad=True)
    zero = ft.fwbw_all_zero(x)
    assert zero.shape == ()
    assert zero.item() == 0.0
    a = a + zero
    assert a.tolist() == [1.0, 2.0]
    a.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


def test_attach_zero_grad_sources() -> None:
    """attach_zero_grad_sources Method."""
    a = ft.tensor([1.0, 2.0], requires_grad=True)
    b = ft.tensor([3.0, 4.0, 5.0], requires_grad=True)
    c = ft.tensor([6.0, 7.0], requires_grad=True)
    assert c.attach_zero_grad_sources([a, b]) is c
    assert c.tolist() == [6.0, 7.0]
    (c * 2).sum().backward()
    assert a.grad.tolist() == [0.0, 0.0]
    assert b.grad.tolist() == [0.0, 0.0, 0.0]
    assert c.grad.tolist() == [2.0, 2.0]


def test_gradcheck_of_a_custom_function() -> None:
    """Gradient Checking."""
    x = ft.tensor(0.0, requires_grad=True)
    assert ft.gradcheck(lambda x: CustomSigmoid.apply(x), (x,)) is True


def test_gradcheck_finds_a_wrong_derivative() -> None:
    """Gradient Checking: the analytical gradient must match the numerical one."""
    wrong = ft.track_grad(lambda x: (x,))(lambda x: x * x)
    with pytest.raises(ft.GradcheckError):
        ft.gradcheck(wrong, (ft.tensor(3.0, requires_grad=True),))


def test_rosenbrock_by_adam(capsys: pytest.CaptureFixture[str]) -> None:
    """Rosenbrock Function Optimization (Banana Function)."""

    def rosenbrock_2d(x: Any, y: Any) -> Any:
        return 100.0 * (y - x**2.0) ** 2.0 + (1.0 - x) ** 2.0

    x = ft.tensor(-1.2, requires_grad=True)
    y = ft.tensor(1.0, requires_grad=True)
    optimizer = optim.Adam([x, y], lr=0.05)
    print(f"Initial x: {x.item():.4f}, y: {y.item():.4f}")
    print(f"Initial loss: {rosenbrock_2d(x, y).item():.4f}")
    assert capsys.readouterr().out == "Initial x: -1.2000, y: 1.0000\nInitial loss: 24.2000\n"
    progress = []
    for i in range(1000):
        loss = rosenbrock_2d(x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % 200 == 0:
            progress.append((loss.item(), x.item(), y.item()))
    # PyTorch's own values in double precision. Rounding differs by an operation's order and grows over 1000 steps.
    expected = [
        (24.199999999999996, -1.1500000000023192, 1.0499999999943181),
        (2.5876017395456152, -0.6038117186177279, 0.36974597937069276),
        (0.3982916616401144, 0.37247674884873544, 0.13690466081133545),
        (0.06537527209669956, 0.745513646573645, 0.5549219404339618),
        (0.012763780964690078, 0.8875519237090256, 0.7873729124605456),
    ]
    assert np.allclose(progress, expected, rtol=1e-9, atol=0.0)
    assert np.allclose((x.item(), y.item()), (0.9521885139252221, 0.9065059300458014), rtol=1e-9, atol=0.0)
    assert rosenbrock_2d(x, y).item() < 0.0023
