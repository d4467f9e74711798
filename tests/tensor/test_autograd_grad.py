"""``autograd.grad``: gradients handed out, none gathered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])


def leaf(values: Any = X) -> Any:
    return ft.tensor(np.array(values).tolist(), requires_grad=True)


def test_gradients_come_as_a_tuple_and_do_not_gather() -> None:
    x, y, z = leaf(2.0), leaf(3.0), leaf(4.0)
    gradients = ft.autograd.grad(x * y + z, (x, y))
    assert isinstance(gradients, tuple)
    assert [g.item() for g in gradients] == [3.0, 2.0]
    assert (x.grad, y.grad, z.grad) == (None, None, None)
    assert not gradients[0].requires_grad
    (only,) = ft.autograd.grad(x * y, x)
    assert only.item() == 3.0


def test_inputs_come_as_a_list_as_well() -> None:
    x, y = leaf(2.0), leaf(3.0)
    assert [g.item() for g in ft.autograd.grad([x * y], [y, x])] == [2.0, 3.0]


def test_an_input_asked_for_twice() -> None:
    x = leaf(2.0)
    assert [g.item() for g in ft.autograd.grad(x * x, [x, x])] == [4.0, 4.0]


def test_interior_inputs() -> None:
    x = leaf(2.0)
    y = x * 3.0
    z = y * y + x
    dy, dx = ft.autograd.grad(z, (y, x))
    assert (dy.item(), dx.item()) == (12.0, 37.0)
    assert not y.retains_grad


def test_the_output_as_its_own_input() -> None:
    x = leaf(2.0)
    y = x * 3.0
    assert ft.autograd.grad(y, y)[0].item() == 1.0
    assert ft.autograd.grad(x, x)[0].item() == 1.0


def test_several_outputs_add_up() -> None:
    x = leaf()
    a, b = (x * 2.0).sum(), x * x
    (g,) = ft.autograd.grad([a, b], x, grad_outputs=[None, ft.tensor([1.0, 2.0, 3.0])])
    np.testing.assert_allclose(g, 2.0 + 2 * X * [1, 2, 3], rtol=1e-15)


def test_grad_outputs() -> None:
    x = leaf()
    y = x * x
    (g,) = ft.autograd.grad(y, x, grad_outputs=ft.tensor([1.0, 0.0, -1.0]), retain_graph=True)
    np.testing.assert_allclose(g, 2 * X * [1, 0, -1], rtol=1e-15)
    (g,) = ft.autograd.grad(y, x, ft.ones(3))
    np.testing.assert_allclose(g, 2 * X, rtol=1e-15)
    with pytest.raises(RuntimeError, match="scalar"):
        ft.autograd.grad(x * x, x)
    with pytest.raises(RuntimeError, match=r"(?i)shape"):
        ft.autograd.grad(x * x, x, ft.ones(2))


def test_an_unused_input_is_an_error_unless_allowed() -> None:
    x, y = leaf(2.0), leaf(3.0)
    with pytest.raises(RuntimeError, match="allow_unused"):
        ft.autograd.grad(x * 2.0, (x, y))
    dx, dy = ft.autograd.grad(x * 2.0, (x, y), allow_unused=True)
    assert dx.item() == 2.0
    assert dy is None


def test_materialize_grads_gives_zeros() -> None:
    x, y = leaf(2.0), leaf()
    dx, dy = ft.autograd.grad(x * 2.0, (x, y), materialize_grads=True)
    assert dx.item() == 2.0
    assert dy.tolist() == [0.0, 0.0, 0.0]
    dx, dy = ft.autograd.grad(x * 2.0, (x, y), allow_unused=True, materialize_grads=True)
    assert dy.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="allow_unused"):
        ft.autograd.grad(x * 2.0, (x, y), allow_unused=False, materialize_grads=True)


def test_an_input_that_needs_no_gradient_is_refused() -> None:
    x, c = leaf(2.0), ft.tensor(3.0)
    with pytest.raises(RuntimeError, match="grad"):
        ft.autograd.grad(x * c, (x, c))


def test_an_output_that_needs_no_gradient_is_refused() -> None:
    with pytest.raises(RuntimeError, match="grad"):
        ft.autograd.grad(ft.tensor(2.0), leaf(2.0))


def test_the_graph_is_freed_unless_retained() -> None:
    x = leaf(2.0)
    y = x.exp()
    ft.autograd.grad(y, x, retain_graph=True)
    ft.autograd.grad(y, x)
    with pytest.raises(RuntimeError, match="retain_graph"):
        ft.autograd.grad(y, x)


def test_only_what_lies_between_outputs_and_inputs_is_freed() -> None:
    x, w = leaf(2.0), leaf(3.0)
    y = x.exp()
    z = y * w
    ft.autograd.grad(z, y, retain_graph=False)
    y.backward()
    np.testing.assert_allclose(x.grad, np.exp(2.0), rtol=1e-15)


def test_derivatives_of_higher_order() -> None:
    x = leaf(2.0)
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0):
        (y,) = ft.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected, rel=1e-15)


def test_mixed_second_derivatives() -> None:
    x, y = leaf(2.0), leaf(3.0)
    dx, dy = ft.autograd.grad(x**3 * y**2, (x, y), create_graph=True)
    dxx, dxy = ft.autograd.grad(dx, (x, y), retain_graph=True)
    dyx, dyy = ft.autograd.grad(dy, (x, y))
    assert [g.item() for g in (dxx, dxy, dyx, dyy)] == [108.0, 72.0, 72.0, 16.0]


def test_a_gradient_that_is_constant_needs_no_graph() -> None:
    x = leaf(2.0)
    (g,) = ft.autograd.grad(x * 3.0, x, create_graph=True)
    assert not g.requires_grad
    with pytest.raises(RuntimeError, match="grad"):
        g.backward()


def test_a_second_derivative_that_is_zero_is_unused() -> None:
    x, y = leaf(2.0), leaf(3.0)
    (dx,) = ft.autograd.grad(x * x + y, x, create_graph=True)
    assert ft.autograd.grad(dx, y, allow_unused=True) == (None,)


def test_derivatives_by_grad_outputs() -> None:
    """The forward-mode trick: the transpose of the transpose."""
    x, v = leaf(), ft.zeros(3, requires_grad=True)
    (g,) = ft.autograd.grad(x.sin(), x, v, create_graph=True)
    (t,) = ft.autograd.grad(g, v, ft.tensor([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(t, np.cos(X) * [1, 2, 3], rtol=1e-15)


def test_batched_gradients() -> None:
    x = leaf()
    y = x.sin() * x.sum()
    basis = ft.eye(3)
    (jacobian,) = ft.autograd.grad(y, x, basis, is_grads_batched=True, retain_graph=True)
    rows = [ft.autograd.grad(y, x, basis[i], retain_graph=True)[0].tolist() for i in range(3)]
    np.testing.assert_allclose(jacobian, rows, rtol=1e-14)
    assert jacobian.shape == (3, 3)


def test_batched_gradients_of_several_outputs_and_inputs() -> None:
    x, w = leaf(), leaf(2.0)
    outputs = [x * w, (x * x).sum()]
    dx, dw = ft.autograd.grad(
        outputs, [x, w], [ft.ones((5, 3)), ft.tensor([0.0, 1.0, 2.0, 3.0, 4.0])], is_grads_batched=True
    )
    np.testing.assert_allclose(dx, 2.0 + 2 * X * np.arange(5.0)[:, None], rtol=1e-14)
    np.testing.assert_allclose(dw, np.full(5, X.sum()), rtol=1e-14)


def test_batched_gradients_carry_a_graph() -> None:
    x = leaf()
    (jacobian,) = ft.autograd.grad(x**3, x, ft.eye(3), is_grads_batched=True, create_graph=True)
    (g,) = ft.autograd.grad(jacobian.sum(), x)
    np.testing.assert_allclose(g, 6 * X, rtol=1e-14)


def test_batched_gradients_must_agree_in_their_batch() -> None:
    x = leaf()
    with pytest.raises((RuntimeError, ValueError)):
        ft.autograd.grad([x * 2.0, x * 3.0], x, [ft.ones((4, 3)), ft.ones((5, 3))], is_grads_batched=True)


def test_no_outputs_or_inputs() -> None:
    x = leaf(2.0)
    with pytest.raises((RuntimeError, ValueError)):
        ft.autograd.grad(x * 2.0, [])


def test_only_inputs_is_taken_as_scripts_give_it() -> None:
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    y = (x**2).sum()
    (g,) = ft.autograd.grad(outputs=y, inputs=x, create_graph=True, retain_graph=True, only_inputs=True)
    np.testing.assert_array_equal(g.detach(), [2.0, 4.0])
    with pytest.raises(ValueError, match="only_inputs=False means nothing"):
        ft.autograd.grad(y, x, only_inputs=False)
