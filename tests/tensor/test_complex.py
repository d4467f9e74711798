"""Complex gradients in PyTorch's convention: ``z.grad`` points where a real loss rises fastest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

Z = np.array([1.0 + 2.0j, -0.5 + 0.3j, 3.0 - 4.0j])
W = np.array([0.5 - 1.0j, 2.0 + 0.25j, -1.0 + 1.5j])


def leaf(values: Any = Z) -> Any:
    return ft.tensor(np.asarray(values).tolist(), requires_grad=True)


# A real loss and its gradient ∂L/∂x + i ∂L/∂y.
LOSSES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "abs": (lambda z: z.abs().sum(), Z / np.abs(Z)),
    "squared abs": (lambda z: (z.abs() ** 2).sum(), 2 * Z),
    "real": (lambda z: z.real.sum(), np.ones(3)),
    "imag": (lambda z: z.imag.sum(), np.full(3, 1j)),
    "z conj(z)": (lambda z: (z * z.conj()).real.sum(), 2 * Z),
    "real of the square": (lambda z: (z * z).real.sum(), 2 * np.conj(Z)),
    "imag of the square": (lambda z: (z * z).imag.sum(), 2j * np.conj(Z)),
    "real of exp": (lambda z: z.exp().real.sum(), np.conj(np.exp(Z))),
    "conj": (lambda z: z.conj().imag.sum(), np.full(3, -1j)),
    "angle": (lambda z: z.angle().sum(), 1j * Z / np.abs(Z) ** 2),
    "product with a constant": (lambda z: (z * ft.tensor(W.tolist())).real.sum(), np.conj(W)),
    "quotient": (lambda z: (ft.tensor(W.tolist()) / z).real.sum(), np.conj(-W / Z**2)),
    "sigmoid": (lambda z: ft.sigmoid(z).real.sum(), np.conj(np.exp(-Z) / (1 + np.exp(-Z)) ** 2)),
    "power": (lambda z: (z**3).real.sum(), 3 * np.conj(Z) ** 2),
    "scalar product": (lambda z: (z @ ft.tensor(W.tolist())).real, np.conj(W)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_real_losses(name: str) -> None:
    loss, expected = LOSSES[name]
    z = leaf()
    loss(z).backward()
    assert z.grad.dtype == ft.complex128
    np.testing.assert_allclose(z.grad.numpy(), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_the_direction_of_steepest_ascent(name: str) -> None:
    loss, expected = LOSSES[name]
    step = 1e-7
    for k in range(3):
        for direction in (1.0, 1j):
            moved = [loss(ft.tensor((Z + s * direction * np.eye(3)[k]).tolist())).item() for s in (step, -step)]
            slope = (moved[0] - moved[1]) / (2 * step)
            # a central difference of values up to 100 with this step has errors near 1e-7
            assert slope == pytest.approx((np.conj(expected[k]) * direction).real, abs=3e-6)


def test_both_factors_of_a_product() -> None:
    z, w = leaf(), leaf(W)
    (z * w).real.sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), np.conj(W), rtol=1e-15)
    np.testing.assert_allclose(w.grad.numpy(), np.conj(Z), rtol=1e-15)


def test_complex_losses_are_refused() -> None:
    z = leaf()
    with pytest.raises(RuntimeError, match=r"(?i)complex|real"):
        (z * z).sum().backward()
    with pytest.raises(RuntimeError, match=r"(?i)complex|real"):
        ft.autograd.grad((z * z).sum(), z)


def test_a_complex_result_takes_a_complex_gradient() -> None:
    z = leaf()
    (z * z).backward(ft.tensor(W.tolist()))
    np.testing.assert_allclose(z.grad.numpy(), 2 * np.conj(Z) * W, rtol=1e-15)
    z.grad = None
    (z * z).sum().backward(ft.tensor(1j))
    np.testing.assert_allclose(z.grad.numpy(), 2j * np.conj(Z), rtol=1e-15)


def test_a_holomorphic_function_pulls_back_by_the_conjugate_of_its_derivative() -> None:
    z = leaf()
    (g,) = ft.autograd.grad(z.sin(), z, ft.tensor(W.tolist()))
    np.testing.assert_allclose(g.numpy(), W * np.conj(np.cos(Z)), rtol=1e-14)


def test_a_real_leaf_in_a_complex_computation_has_a_real_gradient() -> None:
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x * ft.tensor(Z.tolist())).abs().sum().backward()
    assert x.grad.dtype == ft.float64
    np.testing.assert_allclose(x.grad, np.abs(Z), rtol=1e-15)
    x.grad = None
    (x * 1j).imag.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_abs_of_zero_has_gradient_zero() -> None:
    z = leaf([0j, 3 + 4j])
    z.abs().sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [0.0, 0.6 + 0.8j], rtol=1e-15)


def test_second_derivatives() -> None:
    z = leaf()
    (g,) = ft.autograd.grad((z.abs() ** 4).sum(), z, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), 4 * np.abs(Z) ** 2 * Z, rtol=1e-14)
    (h,) = ft.autograd.grad((g.abs() ** 2).sum(), z)
    # |g|² = 16 r⁶, whose gradient is 96 r⁴ z
    np.testing.assert_allclose(h.numpy(), 96 * np.abs(Z) ** 4 * Z, rtol=1e-13)


def test_gradient_descent_to_a_complex_target() -> None:
    target = ft.tensor(W.tolist())
    z = leaf()
    for _ in range(200):
        ((z - target).abs() ** 2).sum().backward()
        with ft.no_grad():
            z -= 0.1 * z.grad
        z.grad = None
    np.testing.assert_allclose(z.detach().numpy(), W, atol=1e-12)  # the error shrinks by 0.8 a step: 0.8²⁰⁰ < 1e-19


def test_hooks_see_the_same_convention() -> None:
    z = leaf()
    seen: list[Any] = []
    y = z * 1.0
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g.numpy().copy()))
    (y * ft.tensor(W.tolist())).real.sum().backward()
    np.testing.assert_allclose(seen[0], np.conj(W), rtol=1e-15)
    np.testing.assert_allclose(y.grad.numpy(), np.conj(W), rtol=1e-15)


def test_in_place_and_views_of_complex_tensors() -> None:
    z = leaf()
    y = z * 1.0
    y[0:2].mul_(ft.tensor([1j, 2.0 + 0j]))
    y.real.sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [-1j, 2.0, 1.0], rtol=1e-15)


def test_complex_single_precision() -> None:
    z = ft.tensor(Z.astype(np.complex64), requires_grad=True)
    z.abs().sum().backward()
    assert z.grad.dtype == ft.complex64


def test_the_functional_style_differs_by_a_conjugation() -> None:
    g = ft.grad(lambda z: np.sum((z * z).real))(Z)
    z = leaf()
    (z * z).real.sum().backward()
    np.testing.assert_allclose(np.conj(g), z.grad.numpy(), rtol=1e-15)


def test_sigmoid_of_complex_numbers() -> None:
    np.testing.assert_allclose(ft.sigmoid(Z), 1 / (1 + np.exp(-Z)), rtol=1e-14)
    assert ft.sigmoid(np.array([-800.0 + 1.0j, 800.0 - 1.0j])).tolist() == [0.0, 1.0]
