"""What Riemann has beyond PyTorch: ``d``, ``higher_order_grad``, ``derivative``, and sources of zero gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def leaf(values: Any) -> Any:
    return ft.tensor(values, requires_grad=True)


def test_mixed_partial_derivatives() -> None:
    x, y = leaf(2.0), leaf(3.0)
    f = x**3 * y**2
    assert f.d(x).item() == 12.0 * 9.0
    assert f.d(x, y).item() == 72.0
    assert f.d(y, x).item() == 72.0
    assert f.d(x, x, y).item() == 72.0
    assert f.d(x, x, x, y, y).item() == 12.0


def test_a_derivative_that_is_zero() -> None:
    x, y = leaf(2.0), leaf(3.0)
    f = x**2 + y**2
    assert f.d(x, y).item() == 0.0
    assert f.d(x, x, x).item() == 0.0
    assert f.d(x, x, x, x).item() == 0.0


def test_d_gathers_nothing_and_frees_nothing() -> None:
    x = leaf(2.0)
    f = x**4
    assert f.d(x, x).item() == 48.0
    assert x.grad is None
    assert f.d(x, x).item() == 48.0
    f.backward()
    assert x.grad.item() == 32.0


def test_d_is_for_scalars() -> None:
    x = leaf([1.0, 2.0])
    with pytest.raises((RuntimeError, ValueError), match=r"(?i)scalar"):
        (x**2).d(x)


def test_derivatives_of_one_order_by_several_inputs() -> None:
    x = leaf(2.0)
    y = x**3
    assert ft.autograd.higher_order_grad(y, x, 1)[0].item() == 12.0
    assert ft.autograd.higher_order_grad(y, x, 2)[0].item() == 12.0
    assert ft.autograd.higher_order_grad(y, x, 3)[0].item() == 6.0
    assert ft.autograd.higher_order_grad(y, x, 4)[0].item() == 0.0
    x1, x2 = leaf(1.0), leaf(2.0)
    gradients = ft.autograd.higher_order_grad(x1**2 + x2**3, [x1, x2], 2)
    assert isinstance(gradients, tuple)
    assert [g.item() for g in gradients] == [2.0, 12.0]
    assert x1.grad is None


def test_the_order_must_be_positive() -> None:
    x = leaf(2.0)
    with pytest.raises(ValueError, match=r"(?i)order|\bn\b"):
        ft.autograd.higher_order_grad(x**3, x, 0)


def test_a_derivative_as_a_function() -> None:
    df = ft.autograd.functional.derivative(lambda x: x**2.0)
    assert df(leaf(2.0)).item() == 4.0
    assert df(leaf(5.0)).item() == 10.0
    dg = ft.autograd.functional.derivative(lambda x, y: x * y + x**2.0)
    by_x, by_y = dg(leaf(2.0), leaf(3.0))
    assert (by_x.item(), by_y.item()) == (7.0, 2.0)


def test_derivatives_as_functions_nest() -> None:
    derivative = ft.autograd.functional.derivative
    third = derivative(derivative(derivative(lambda x: x**4)))
    assert third(leaf(2.0)).item() == 48.0
    x = leaf(2.0)
    y = derivative(lambda a: a**3)(x)
    y.backward()
    assert x.grad.item() == 12.0


def test_a_source_of_zeros() -> None:
    x, y = leaf([1.0, 2.0]), leaf(3.0)
    z = ft.fwbw_all_zero(x)
    assert z.shape == ()
    assert z.item() == 0.0
    (y * 2.0 + z).backward()
    assert y.grad.item() == 2.0
    assert x.grad.tolist() == [0.0, 0.0]


def test_a_source_of_zeros_hides_nan_and_infinity() -> None:
    x, y = leaf([np.nan, np.inf]), leaf(3.0)
    (y * 2.0 + ft.fwbw_all_zero(x)).backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_a_source_of_zeros_keeps_the_dtype() -> None:
    x = ft.tensor([1.0, 2.0], dtype=ft.float32, requires_grad=True)
    (ft.ones(2, dtype=ft.float32) + ft.fwbw_all_zero(x)).sum().backward()
    assert x.grad.dtype == ft.float32


def test_attached_sources_get_zeros_instead_of_nothing() -> None:
    x, a, b = leaf([1.0, 2.0]), leaf([[1.0, 2.0, 3.0]]), leaf(5.0)
    y = x * 2.0
    z = y.attach_zero_grad_sources([a, b])
    assert z.tolist() == [2.0, 4.0]
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    assert a.grad.tolist() == [[0.0, 0.0, 0.0]]
    assert b.grad.item() == 0.0


def test_attached_sources_are_allowed_as_inputs() -> None:
    x, a = leaf([1.0, 2.0]), leaf([3.0])
    y = (x * 2.0).attach_zero_grad_sources((a,))
    by_x, by_a = ft.autograd.grad(y.sum(), (x, a))
    assert (by_x.tolist(), by_a.tolist()) == ([2.0, 2.0], [0.0])


def test_sources_that_need_no_gradient_are_passed_over() -> None:
    x, c = leaf([1.0, 2.0]), ft.tensor([3.0])
    y = x * 2.0
    y.attach_zero_grad_sources([c, y]).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    assert c.grad is None
