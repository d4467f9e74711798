"""Leaves: what they are, what may be asked of them, and how gradients gather in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def test_a_tensor_asks_for_no_gradient_unless_told() -> None:
    x = ft.tensor([1.0, 2.0, 3.0])
    assert not x.requires_grad
    assert x.is_leaf
    assert x.grad is None
    assert x.grad_fn is None
    assert not (x * 2.0).requires_grad
    assert (x * 2.0).is_leaf
    assert (x * 2.0).grad_fn is None


def test_requires_grad_can_be_turned_on_and_off_at_leaves() -> None:
    x = ft.tensor([1.0, 2.0])
    assert x.requires_grad_() is x
    assert x.requires_grad
    x.requires_grad_(False)
    assert not x.requires_grad
    x.requires_grad = True
    (x * 3.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_an_operation_before_requires_grad_is_not_recorded() -> None:
    x = ft.tensor([1.0, 2.0])
    y = x * 2.0
    x.requires_grad_()
    assert not y.requires_grad
    z = y + x
    z.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_result_requires_grad_when_an_operand_does() -> None:
    x, c = ft.tensor([1.0, 2.0], requires_grad=True), ft.tensor([3.0, 4.0])
    y = c * x
    assert y.requires_grad
    assert not y.is_leaf
    assert not (c + 1.0).requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]
    assert c.grad is None


def test_the_flag_of_an_interior_tensor_cannot_be_cleared() -> None:
    y = ft.tensor([1.0, 2.0], requires_grad=True) * 2.0
    with pytest.raises(RuntimeError, match="leaf"):
        y.requires_grad_(False)
    with pytest.raises(RuntimeError, match="leaf"):
        y.requires_grad = False
    y.requires_grad_(True)
    assert not y.is_leaf


def test_comparisons_and_positions_never_require_grad() -> None:
    x = ft.tensor([1.0, 3.0, 2.0], requires_grad=True)
    for y in (x > 1.5, x == 1.0, x.argmax(), x.argsort()):
        assert not y.requires_grad
        assert y.is_leaf
    assert (x > 1.5).tolist() == [False, True, True]
    assert x.argmax().item() == 1


def test_gradients_gather_over_backward_calls() -> None:
    x = ft.tensor(1.0, requires_grad=True)
    (x * 2.0).backward()
    assert x.grad.item() == 2.0
    (x * 3.0).backward()
    assert x.grad.item() == 5.0
    x.grad.zero_()
    assert x.grad.item() == 0.0
    x.grad = None
    (x * x).backward()
    assert x.grad.item() == 2.0


def test_a_leaf_used_many_times_gets_the_sum() -> None:
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    (x * x + x * 3.0 - x.sin()).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * np.array([1.0, 2.0]) + 3.0 - np.cos([1.0, 2.0]), rtol=1e-15)


def test_accumulation_is_in_place_and_aliases_see_it() -> None:
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    (x * 2.0).sum().backward()
    first = x.grad
    (x * 5.0).sum().backward()
    assert x.grad is first
    assert first.tolist() == [7.0, 7.0]


def test_accumulation_under_create_graph_makes_a_new_gradient() -> None:
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward(create_graph=True)
    first = x.grad
    (x * x).sum().backward(create_graph=True)
    assert first.tolist() == [2.0, 4.0]
    assert x.grad.tolist() == [4.0, 8.0]


def test_two_leaves_do_not_share_a_gradient() -> None:
    x, y = ft.tensor([1.0, 2.0], requires_grad=True), ft.tensor([3.0, 4.0], requires_grad=True)
    (x + y).sum().backward()
    x.grad.mul_(10.0)
    assert y.grad.tolist() == [1.0, 1.0]


def test_the_gradient_does_not_share_memory_with_what_was_given() -> None:
    x, g = ft.tensor([1.0, 2.0], requires_grad=True), ft.tensor([1.0, 1.0])
    x.clone().backward(g)
    x.grad.add_(1.0)
    assert g.tolist() == [1.0, 1.0]


def test_a_gradient_can_be_assigned() -> None:
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    x.grad = ft.tensor([10.0, 20.0])
    (x * 2.0).sum().backward()
    assert x.grad.tolist() == [12.0, 22.0]


@pytest.mark.parametrize(
    ("wrong", "error"), [(ft.zeros(3), RuntimeError), (2.0, TypeError), (ft.zeros(2, dtype=ft.float32), RuntimeError)]
)
def test_a_gradient_of_another_kind_cannot_be_assigned(wrong: Any, error: type[Exception]) -> None:
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(error):
        x.grad = wrong
    assert x.grad is None


def test_a_leaf_that_was_not_reached_keeps_no_gradient() -> None:
    x, y = ft.tensor(1.0, requires_grad=True), ft.tensor(2.0, requires_grad=True)
    (x * 2.0).backward()
    assert y.grad is None


def test_an_interior_tensor_keeps_its_gradient_on_demand() -> None:
    x = ft.tensor(2.0, requires_grad=True)
    y = x * 3.0
    assert not y.retains_grad
    y.retain_grad()
    assert y.retains_grad
    y.retain_grad()
    z = y**2
    z.backward()
    assert (x.grad.item(), y.grad.item()) == (36.0, 12.0)


def test_retained_gradients_gather_too() -> None:
    x = ft.tensor(2.0, requires_grad=True)
    y = x * 3.0
    y.retain_grad()
    (y * 2.0).backward(retain_graph=True)
    (y * 5.0).backward()
    assert (y.grad.item(), x.grad.item()) == (7.0, 21.0)


def test_retain_grad_does_nothing_at_a_leaf_and_is_refused_without_grad() -> None:
    x = ft.tensor(2.0, requires_grad=True)
    x.retain_grad()
    assert not x.retains_grad
    with pytest.raises(RuntimeError, match="requires_grad"):
        ft.tensor(2.0).retain_grad()


def test_the_gradient_of_an_interior_tensor_that_does_not_keep_it_is_none_with_a_warning() -> None:
    x = ft.tensor(2.0, requires_grad=True)
    y = x * 3.0
    (y * y).backward()
    with pytest.warns(UserWarning, match="retain_grad"):
        assert y.grad is None


def test_a_leaf_can_be_the_root() -> None:
    x = ft.tensor(2.0, requires_grad=True)
    x.backward()
    x.backward()
    assert x.grad.item() == 2.0


def test_zero_size_and_scalar_leaves() -> None:
    x = ft.zeros((0, 3), requires_grad=True)
    (x * 2.0).sum().backward()
    assert x.grad.shape == (0, 3)
    s = ft.tensor(2.0, requires_grad=True)
    (s * ft.ones((2, 3))).sum().backward()
    assert s.grad.shape == ()
    assert s.grad.item() == 6.0


def test_a_leaf_frozen_after_recording_gathers_no_gradient() -> None:
    x, y = ft.tensor(2.0, requires_grad=True), ft.tensor(3.0, requires_grad=True)
    z = x * y
    y.requires_grad_(False)
    z.backward()
    assert x.grad.item() == 3.0
    assert y.grad is None


def test_a_gradient_can_be_deleted() -> None:
    x = ft.tensor(2.0, requires_grad=True)
    (x * 2.0).backward()
    del x.grad
    assert x.grad is None


def test_a_tensor_is_not_its_own_gradient() -> None:
    x = ft.tensor(2.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="own"):
        x.grad = x
