"""A guide to a PyTorch-like library on NumPy, first part: gradients, grad modes, copies, in-place operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def test_tensors_do_not_require_grad_unless_asked() -> None:
    """Gradient Tracking Switch."""
    assert ft.tensor([1.0, 2.0, 3.0]).requires_grad is False
    assert ft.tensor([1.0, 2.0, 3.0], requires_grad=True).requires_grad is True


def test_requires_grad_is_switched_on_and_off_in_place() -> None:
    """Gradient Tracking Switch."""
    x = ft.tensor([1.0, 2.0, 3.0])
    assert x.requires_grad is False
    assert x.requires_grad_(True) is x
    assert x.requires_grad is True
    x.requires_grad_(False)
    assert x.requires_grad is False


def test_leaf_and_intermediate_tensors() -> None:
    """Core Concepts: created by the user is a leaf, the result of an operation is not."""
    x = ft.tensor(2.0, requires_grad=True)
    y = x * 3
    assert x.is_leaf
    assert x.grad_fn is None
    assert not y.is_leaf
    assert y.grad_fn is not None


def test_backward_of_a_scalar_output() -> None:
    """Using the backward() Method, example 1."""
    x = ft.tensor(2.0, requires_grad=True)
    y = ft.tensor(3.0, requires_grad=True)
    z = x * y + x**2.0
    z.backward()
    assert x.grad.item() == 7.0
    assert y.grad.item() == 2.0


def test_backward_of_a_non_scalar_output() -> None:
    """Using the backward() Method, example 2."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2.0
    gradient = ft.tensor([1.0, 1.0, 1.0])
    y.backward(gradient)
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_retain_grad_keeps_the_gradient_of_an_intermediate() -> None:
    """Using the backward() Method, example 3."""
    x = ft.tensor(2.0, requires_grad=True)
    y = x * 3
    z = y**2
    y.retain_grad()
    z.backward()
    assert x.grad.item() == 36.0
    assert y.grad.item() == 12.0


# Reading .grad of an intermediate that does not retain it may warn, as PyTorch's does.
@pytest.mark.filterwarnings("ignore:.*grad:UserWarning")
def test_intermediates_and_tensors_without_requires_grad_get_none() -> None:
    """Using the backward() Method, important notes."""
    x, constant = ft.tensor(2.0, requires_grad=True), ft.tensor(5.0)
    y = x * constant
    (y**2).backward()
    assert x.grad.item() == 100.0
    assert constant.grad is None
    assert y.grad is None


def test_the_graph_is_released_unless_retained() -> None:
    """Using the backward() Method, parameter retain_graph."""
    x = ft.tensor(2.0, requires_grad=True)
    y = x**2
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8.0
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_grad_of_chosen_tensors() -> None:
    """Using the grad() Function, example 1."""
    x = ft.tensor(2.0, requires_grad=True)
    y = ft.tensor(3.0, requires_grad=True)
    z = ft.tensor(4.0, requires_grad=True)
    w = x * y + z
    grads = ft.autograd.grad(w, (x, y))
    assert isinstance(grads, tuple)
    assert str(grads) == "(tensor(3.), tensor(2.))"
    assert x.grad is None
    assert z.grad is None


def test_grad_of_a_non_scalar_output() -> None:
    """Using the grad() Function, example 2."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    grad_outputs = ft.tensor([1.0, 1.0, 1.0])
    grads = ft.autograd.grad(y, x, grad_outputs=grad_outputs)
    assert str(grads) == "(tensor([2., 2., 2.]),)"


def test_grad_refuses_a_non_scalar_output_without_grad_outputs() -> None:
    """Using the grad() Function, example 2: for non-scalar outputs, grad_outputs must be provided."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="scalar"):
        ft.autograd.grad(x * 2, x)


def test_grad_leaves_retained_intermediates_alone() -> None:
    """Using the grad() Function, important notes: intermediate nodes must be explicitly specified."""
    x = ft.tensor(2.0, requires_grad=True)
    y = x * 3
    y.retain_grad()
    z = y**2
    (dx,) = ft.autograd.grad(z, x, retain_graph=True)
    assert dx.item() == 36.0
    assert y.grad is None
    (dy,) = ft.autograd.grad(z, y)
    assert dy.item() == 12.0
    assert y.grad is None


def test_grad_of_an_unused_input() -> None:
    """Using the grad() Function, parameter allow_unused: False by default."""
    x, unused = ft.tensor(2.0, requires_grad=True), ft.tensor(1.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="allow_unused"):
        ft.autograd.grad(x * x, (x, unused))
    dx, nothing = ft.autograd.grad(x * x, (x, unused), allow_unused=True)
    assert dx.item() == 4.0
    assert nothing is None


def test_gradients_accumulate_until_they_are_zeroed() -> None:
    """Gradient Accumulation."""
    x = ft.tensor(1.0, requires_grad=True)
    y = x * 2.0
    y.backward()
    assert x.grad.item() == 2.0
    y = x * 3.0
    y.backward()
    assert x.grad.item() == 5.0
    x.grad.zero_()
    assert x.grad.item() == 0.0


def test_is_grad_enabled() -> None:
    """is_grad_enabled() Function."""
    assert ft.is_grad_enabled() is True
    with ft.no_grad():
        assert ft.is_grad_enabled() is False
    assert ft.is_grad_enabled() is True


def test_no_grad_as_a_context_manager() -> None:
    """no_grad() Context Manager/Decorator."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with ft.no_grad():
        y = x * 2.0
    assert y.requires_grad is False
    assert y.grad_fn is None
    assert y.tolist() == [2.0, 4.0, 6.0]


# Calling set_grad_enabled sets the mode, so the decorators are made inside the tests.
@pytest.mark.parametrize(
    "decorator",
    [lambda: ft.no_grad, lambda: ft.no_grad(), lambda: ft.set_grad_enabled(False)],
    ids=["bare", "called", "set_grad_enabled"],
)
def test_no_grad_as_a_decorator(decorator: Callable[[], Any]) -> None:
    """no_grad() Context Manager/Decorator; set_grad_enabled() Context Manager/Decorator."""

    @decorator()
    def inference(model: Callable[[Any], Any], x: Any) -> Any:
        return model(x)

    weight = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    assert inference.__name__ == "inference"
    assert inference(lambda x: x * weight, ft.ones(3)).requires_grad is False
    assert ft.is_grad_enabled()
    assert (weight * 2.0).requires_grad is True


def test_enable_grad_as_a_context_manager() -> None:
    """enable_grad() Context Manager/Decorator."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with ft.no_grad():
        assert ft.is_grad_enabled() is False
        with ft.enable_grad():
            y = x * 2.0
            assert y.requires_grad is True
        assert ft.is_grad_enabled() is False


@pytest.mark.parametrize(
    "decorator",
    [lambda: ft.enable_grad, lambda: ft.enable_grad(), lambda: ft.set_grad_enabled(True)],
    ids=["bare", "called", "set_grad_enabled"],
)
def test_enable_grad_as_a_decorator(decorator: Callable[[], Any]) -> None:
    """enable_grad() Context Manager/Decorator; set_grad_enabled() Context Manager/Decorator."""

    @decorator()
    def train_step(model: Callable[[Any], Any], x: Any, target: Any, loss_fn: Callable[[Any, Any], Any]) -> Any:
        pred = model(x)
        loss = loss_fn(pred, target)
        loss.backward()
        return loss

    weight = ft.tensor(2.0, requires_grad=True)
    with ft.no_grad():
        loss = train_step(
            lambda x: weight * x, ft.tensor([1.0, 3.0]), ft.zeros(2), lambda pred, target: ((pred - target) ** 2).sum()
        )
        assert not ft.is_grad_enabled()
    assert loss.item() == 40.0
    assert weight.grad.item() == 40.0


def test_set_grad_enabled_as_a_context_manager() -> None:
    """set_grad_enabled() Context Manager/Decorator."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with ft.set_grad_enabled(False):
        y = x * 2.0
        assert y.requires_grad is False
    with ft.set_grad_enabled(True):
        y = x * 2.0
        assert y.requires_grad is True


def test_nested_context_managers() -> None:
    """Nested Context Managers."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with ft.no_grad():
        y1 = x * 2.0
        with ft.enable_grad():
            y2 = x * 3.0
        y3 = x * 4.0
    assert (y1.requires_grad, y2.requires_grad, y3.requires_grad) == (False, True, False)


def test_detach_shares_memory() -> None:
    """detach(): Create a new tensor that shares data with the original but is detached from the computation graph."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2.0
    detached_y = y.detach()
    assert f"{detached_y}" == "tensor([2., 4., 6.])"
    assert detached_y.requires_grad is False
    assert id(detached_y.data) == id(y.data)
    detached_y[0] = 100.0
    assert y.tolist() == [100.0, 4.0, 6.0]


def test_no_gradient_flows_through_a_detached_tensor() -> None:
    """detach(): no gradients will be backpropagated through the detached tensor."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2.0
    (y * y.detach()).sum().backward()
    assert x.grad.tolist() == [4.0, 8.0, 12.0]


def test_detach_in_place() -> None:
    """detach_(): In-place operation that detaches the current tensor from the computation graph."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2.0
    memory = y.data
    assert y.requires_grad is True
    assert y.detach_() is y
    assert y.requires_grad is False
    assert y.grad_fn is None
    assert y.data is memory


def test_clone_copies_data_and_keeps_the_graph() -> None:
    """clone(): Create a new tensor with copied data that maintains computation graph dependencies."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2.0
    cloned_y = y.clone()
    assert cloned_y.tolist() == [2.0, 4.0, 6.0]
    assert cloned_y.requires_grad is True
    assert id(cloned_y.data) != id(y.data)
    loss = cloned_y.sum()
    loss.backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_copy_copies_data_and_leaves_the_graph() -> None:
    """copy(): Create a new tensor with copied data that is detached from the computation graph."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2.0
    copied_y = y.copy()
    assert f"{copied_y}" == f"{y.clone().detach_()}" == "tensor([2., 4., 6.])"
    assert copied_y.requires_grad is False
    assert copied_y.is_leaf
    assert id(copied_y.data) != id(y.data)


@pytest.mark.parametrize(
    ("method", "is_new", "shares_memory", "tracks"),
    [
        ("detach", True, True, False),
        ("detach_", False, True, False),
        ("clone", True, False, True),
        ("copy", True, False, False),
    ],
)
@pytest.mark.parametrize("of_a_leaf", [True, False], ids=["leaf", "intermediate"])
def test_differences_between_the_methods(
    method: str, is_new: bool, shares_memory: bool, tracks: bool, of_a_leaf: bool
) -> None:
    """Key Differences Between Methods: the table, and the snippet below it on leaves."""
    leaf = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x = leaf if of_a_leaf else leaf * 1.0
    result = getattr(x, method)()
    assert (result is not x) == is_new
    assert np.shares_memory(result.data, x.data) == shares_memory
    assert result.requires_grad == tracks
    assert result.tolist() == [1.0, 2.0, 3.0]
    result.data[0] = 9.0
    assert x.tolist()[0] == (9.0 if shares_memory else 1.0)


def test_an_in_place_operation_on_a_leaf_is_refused() -> None:
    """In-place Operations and Gradients, example 1."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        x.add_(1.0)
    assert x.tolist() == [1.0, 2.0, 3.0]


def test_an_in_place_operation_on_an_intermediate() -> None:
    """In-place Operations and Gradients, example 2."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2.0
    y.add_(3.0)
    assert y.tolist() == [5.0, 7.0, 9.0]
    z = y.sum()
    z.backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_an_assignment_to_an_index_of_an_intermediate() -> None:
    """In-place Operations and Gradients, example 3."""
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2.0
    y[0] = 100.0
    assert y.tolist() == [100.0, 4.0, 6.0]
    z = y.sum()
    z.backward()
    assert x.grad.tolist() == [0.0, 2.0, 2.0]


def test_an_in_place_product_inside_a_graph() -> None:
    """In-place Operations and Gradients, example 4."""
    x = ft.tensor(2.0, requires_grad=True)
    y = ft.tensor(3.0, requires_grad=True)
    a = x * y
    a.mul_(2.0)
    b = a + x
    b.backward()
    assert b.item() == 14.0
    assert x.grad.item() == 7.0
    assert y.grad.item() == 4.0


def test_a_detached_tensor_cannot_go_backward() -> None:
    """Common Pitfalls: Detaching Tensors from Computational Graph."""
    x = ft.tensor(2.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="grad"):
        (x * x).detach().backward()


def test_backward_of_a_non_scalar_output_wants_a_gradient() -> None:
    """Common Pitfalls: Non-scalar Outputs."""
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="scalar"):
        (x * x).backward()
