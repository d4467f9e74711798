"""A reference of `backward` and `no_grad`: its example, and each statement of its prose."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import functorch_lite as ft


def test_backward_accumulates_in_the_leaves() -> None:
    """autodiff.backward: the sum of gradients of given variables with respect to graph leaves."""
    x = ft.tensor(2.0, requires_grad=True)
    y = ft.tensor(3.0, requires_grad=True)
    ft.autograd.backward([x * y, x**2])
    assert x.grad.item() == 7.0
    assert y.grad.item() == 2.0
    ft.autograd.backward(x * y)
    assert x.grad.item() == 10.0
    assert y.grad.item() == 4.0
    x.grad = None
    y.grad.zero_()
    ft.autograd.backward(x * y)
    assert x.grad.item() == 3.0
    assert y.grad.item() == 2.0


def test_non_scalar_variables_require_grad_variables() -> None:
    """autodiff.backward: if any of variables are non-scalar, the vectors must be specified."""
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="scalar"):
        ft.autograd.backward([x * 2])
    ft.autograd.backward([x * x], [ft.tensor([1.0, 10.0])])
    assert x.grad.tolist() == [2.0, 40.0]
    ft.autograd.backward(x * x, ft.tensor([1.0, 0.0]))
    assert x.grad.tolist() == [4.0, 40.0]


def test_grad_variables_match_the_variables_in_length() -> None:
    """autodiff.backward: a sequence of matching length."""
    x = ft.tensor(2.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="2 tensors and 1 grad"):
        ft.autograd.backward([x * x, x * 3], [None])


def test_none_is_acceptable_for_scalars() -> None:
    """autodiff.backward, parameter grad_variables: None values can be specified for scalar Variables."""
    x = ft.tensor(2.0, requires_grad=True)
    v = ft.tensor([1.0, 2.0], requires_grad=True)
    ft.autograd.backward([x * x, v * 3], [None, ft.tensor([1.0, 10.0])])
    assert x.grad.item() == 4.0
    assert v.grad.tolist() == [3.0, 30.0]
    with pytest.raises(RuntimeError, match="scalar"):
        ft.autograd.backward([x * x, v * 3], [ft.tensor(1.0), None])


def test_a_variable_that_does_not_require_grad_is_refused() -> None:
    """autodiff.backward: variables of which the derivative will be computed."""
    with pytest.raises(RuntimeError, match="does not require grad"):
        ft.autograd.backward(ft.tensor(1.0))


def test_retain_graph_false_frees_the_graph() -> None:
    """autodiff.backward, parameter retain_graph: additional backward calls, as for several losses."""
    x = ft.tensor(2.0, requires_grad=True)
    shared = x**2
    first, second = shared * 3, shared**2
    ft.autograd.backward(first, retain_graph=True)
    ft.autograd.backward(second)
    assert x.grad.item() == 12.0 + 32.0
    with pytest.raises(RuntimeError, match="retain_graph"):
        ft.autograd.backward(second)


def test_retain_graph_defaults_to_create_graph() -> None:
    """autodiff.backward, parameter retain_graph: defaults to the value of create_graph."""
    x = ft.tensor(2.0, requires_grad=True)
    y = x**3
    ft.autograd.backward(y, create_graph=True)
    ft.autograd.backward(y)
    assert x.grad.item() == 24.0
    with pytest.raises(RuntimeError, match="retain_graph"):
        ft.autograd.backward(y)


def test_create_graph_allows_higher_order_products() -> None:
    """autodiff.backward, parameter create_graph."""
    x = ft.tensor(2.0, requires_grad=True)
    ft.autograd.backward(x**3, create_graph=True)
    assert x.grad.requires_grad
    assert ft.autograd.grad(x.grad, x)[0].item() == 12.0
    y = ft.tensor(2.0, requires_grad=True)
    ft.autograd.backward(y**3)
    assert not y.grad.requires_grad


def test_resetting_grad_breaks_the_cycle_of_create_graph() -> None:
    """autodiff.backward, first note: reset the .grad fields to None after use."""
    x = ft.tensor(2.0, requires_grad=True)
    ft.autograd.backward(x**3, create_graph=True)
    gone = weakref.ref(x)
    gc.disable()
    try:
        x.grad = None
        del x
        assert gone() is None
    finally:
        gc.enable()


def test_inputs_choose_where_gradients_accumulate() -> None:
    """autodiff.backward, parameter inputs: all other Variables will be ignored."""
    x = ft.tensor(2.0, requires_grad=True)
    y = ft.tensor(3.0, requires_grad=True)
    ft.autograd.backward([x * y], inputs=[x])
    assert x.grad.item() == 3.0
    assert y.grad is None
    ft.autograd.backward([x * y], inputs=y)
    assert x.grad.item() == 3.0
    assert y.grad.item() == 2.0


def test_an_input_that_is_not_a_leaf_is_refused() -> None:
    """autodiff.backward, second note: each input must be a leaf, else a RuntimeError is raised."""
    x = ft.tensor(2.0, requires_grad=True)
    y = x * 3
    with pytest.raises(RuntimeError, match="leaf"):
        ft.autograd.backward([y * y], inputs=[y])
    with pytest.raises(RuntimeError, match="leaf"):
        (y * y).backward(inputs=[x, y])
    assert x.grad is None


def test_no_grad_as_a_context_manager() -> None:
    """autodiff.no_grad, example."""
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    with ft.no_grad():
        y = x + x
    assert y.requires_grad is False


@pytest.mark.parametrize("decorator", [ft.no_grad(), ft.no_grad], ids=["doubler, called", "tripler, bare"])
def test_no_grad_as_a_decorator(decorator: Callable[..., Any]) -> None:
    """autodiff.no_grad, example: also functions as a decorator."""

    @decorator
    def tripler(x: Any) -> Any:
        return x + x + x

    x = ft.tensor([1.0, 2.0], requires_grad=True)
    z = tripler(x)
    assert z.requires_grad is False
    assert z.tolist() == [3.0, 6.0]
    assert ft.is_grad_enabled()


@pytest.mark.parametrize(
    "factory",
    [
        lambda: ft.tensor([1.0, 2.0], requires_grad=True),
        lambda: ft.zeros(2, requires_grad=True),
        lambda: ft.ones(2, requires_grad=True),
        lambda: ft.full((2,), 3.0, requires_grad=True),
        lambda: ft.eye(2, requires_grad=True),
        lambda: ft.arange(2.0, requires_grad=True),
        lambda: ft.linspace(0.0, 1.0, 3, requires_grad=True),
        lambda: ft.rand(2, requires_grad=True),
        lambda: ft.randn(2, requires_grad=True),
        lambda: ft.zeros_like(ft.ones(2), requires_grad=True),
    ],
    ids=["tensor", "zeros", "ones", "full", "eye", "arange", "linspace", "rand", "randn", "zeros_like"],
)
def test_factories_are_not_affected_by_no_grad(factory: Callable[[], Any]) -> None:
    """autodiff.no_grad, example: factory function exception."""
    with ft.no_grad():
        a = factory()
    assert a.requires_grad is True
    assert a.is_leaf
    a.sum().backward()
    assert (a.grad.data == 1.0).all()


def test_no_grad_is_thread_local() -> None:
    """autodiff.no_grad: it will not affect computation in other threads."""
    x = ft.tensor(2.0, requires_grad=True)
    inside, outside = threading.Event(), threading.Event()
    seen: list[bool] = []

    def compute() -> None:
        with ft.no_grad():
            inside.set()
            outside.wait(timeout=60.0)
            seen.append((x * x).requires_grad)

    def look() -> None:
        seen.append((x * x).requires_grad)

    with ft.no_grad():
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert seen.pop() is True
    other = threading.Thread(target=compute)
    other.start()
    inside.wait(timeout=60.0)
    assert (x * x).requires_grad is True
    outside.set()
    other.join()
    assert seen.pop() is False
