"""Calculus by `autograd.grad` and chosen vectors: gradients, divergences, Jacobians, all exact: ``== 0``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def test_derivatives_of_sin_are_exact() -> None:
    """Example: real-valued function of a real variable."""
    x = ft.zeros(1, requires_grad=True)
    sinx = ft.sin(x)
    dsinx = ft.autograd.grad([sinx], [x], None, True, True)[0]
    dsinx_e = ft.cos(x)
    dsinx_error = ft.abs(dsinx_e - dsinx).item()
    assert dsinx_error == 0

    ddsinx = ft.autograd.grad([dsinx], [x])[0]
    ddsinx_e = -ft.sin(x)
    ddsinx_error = ft.abs(ddsinx_e - ddsinx).item()
    assert ddsinx_error == 0


def test_partial_derivatives() -> None:
    """Example: real-valued function of a real variable, f(x, y) = (x + y) (y + 3)."""
    x = ft.ones(1, requires_grad=True)
    y = ft.full_like(x, 2.0, requires_grad=True)
    f = (x + y) * (y + 3)
    partial_x_f = ft.autograd.grad([f], [x], None, True, True)[0]
    assert partial_x_f.item() == 5
    partial_y_f = ft.autograd.grad([f], [y])[0]
    assert partial_y_f.item() == 8


def test_the_first_call_must_retain_the_graph() -> None:
    """Example: real-valued function of a real variable, the note on retain_graph and create_graph."""
    x = ft.ones(1, requires_grad=True)
    y = ft.full_like(x, 2.0, requires_grad=True)
    f = (x + y) * (y + 3)
    ft.autograd.grad([f], [x])
    with pytest.raises(RuntimeError, match="retain_graph"):
        ft.autograd.grad([f], [y])


def test_gradient_of_a_dot_product() -> None:
    """Example: real-valued function of a vector variable."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = ft.tensor([4.0, 5.0, 6.0], requires_grad=True)
    grads = ft.autograd.grad([ft.dot(x, y)], [x, y])
    assert [grad.tolist() for grad in grads] == [[4.0, 5.0, 6.0], [1.0, 2.0, 3.0]]


def test_divergence_of_a_gradient_by_ones() -> None:
    """Example: real-valued function of a vector variable; the ones do because the Jacobian is diagonal."""
    x = ft.ones(3, requires_grad=True)
    f = ft.dot(x, x)
    grad_f_x = ft.autograd.grad([f], [x], None, True, True)
    assert grad_f_x[0].tolist() == [2.0, 2.0, 2.0]
    div_grad_f_x_v = ft.autograd.grad(grad_f_x, [x], [ft.ones(3)], True, True)
    assert div_grad_f_x_v[0].sum().item() == 6.0


def test_divergence_of_a_gradient_by_the_identity() -> None:
    """Example: real-valued function of a vector variable; a row of the identity at a time, in one batch."""
    x = ft.ones(3, requires_grad=True)
    f = ft.dot(x, x)
    grad_f_x = ft.autograd.grad([f], [x], None, True, True)
    diag_grad2_f_x = ft.autograd.grad(grad_f_x, [x], [ft.eye(3)], is_grads_batched=True)
    assert diag_grad2_f_x[0].tolist() == [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]]
    div_grad_f_x = diag_grad2_f_x[0].sum()
    assert div_grad_f_x.item() == 6.0


def test_a_matrix_for_a_vector_is_refused_unless_batched() -> None:
    """Example: real-valued function of a vector variable; v has the shape of the output."""
    x = ft.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="shape"):
        ft.autograd.grad([x * x], [x], [ft.eye(3)])


def field(x: Any) -> Any:
    """Return a vector field whose Jacobian is not diagonal: [[x1, x0, 0], [0, x2, x1], [x2, 0, x0]]."""
    return ft.stack((x[0] * x[1], x[1] * x[2], x[2] * x[0]))


def test_ones_pick_up_the_whole_jacobian_unless_it_is_diagonal() -> None:
    """Example: real-valued function of a vector variable, the second "Important"."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    g = field(x)
    by_ones = ft.autograd.grad([g], [x], [ft.ones(3)], retain_graph=True)[0].sum()
    assert by_ones.item() == 12.0
    jacobian = ft.autograd.grad([g], [x], [ft.eye(3)], is_grads_batched=True)[0]
    assert ft.trace(jacobian).item() == 6.0


def test_divergence_and_curl_are_selected_by_vectors() -> None:
    """Summary: the contents of v determine whether ∇, ∇· or ∇× is computed."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    g = field(x)
    (d0, d1, d2) = (ft.autograd.grad([g], [x], [v], retain_graph=True)[0] for v in ft.eye(3))
    assert [row.tolist() for row in (d0, d1, d2)] == [[2.0, 1.0, 0.0], [0.0, 3.0, 2.0], [3.0, 0.0, 1.0]]
    assert (d0[0] + d1[1] + d2[2]).item() == 6.0
    assert ft.stack((d2[1] - d1[2], d0[2] - d2[0], d1[0] - d0[1])).tolist() == [-2.0, -3.0, -1.0]


def test_derivatives_of_each_element_by_ones() -> None:
    """Example: vector-valued function of a vector variable, by a vector of ones."""
    x = ft.linspace(0.0, 1.0, 1001, requires_grad=True)
    y = ft.sin(x)
    (dy,) = ft.autograd.grad([y], [x], [ft.ones(1001)], True, True)
    assert ft.abs(dy - ft.cos(x)).sum().item() == 0
    (ddy,) = ft.autograd.grad([dy], [x], [ft.ones(1001)])
    assert ft.abs(ddy + ft.sin(x)).sum().item() == 0


def test_derivatives_of_each_element_by_the_identity() -> None:
    """Example: vector-valued function of a vector variable, by the identity matrix."""
    x = ft.linspace(0.0, 1.0, 11, requires_grad=True)
    y = ft.sin(x)
    (jacobian,) = ft.autograd.grad([y], [x], [ft.eye(11)], is_grads_batched=True)
    assert np.array_equal(jacobian.data, np.diag(np.cos(x.data)))
