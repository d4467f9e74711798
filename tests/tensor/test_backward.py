"""``backward``: its arguments, its errors, and what it does to the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])


def leaf(values: Any = X) -> Any:
    return ft.tensor(np.array(values).tolist(), requires_grad=True)


def test_a_scalar_needs_no_argument() -> None:
    x, y = leaf(2.0), leaf(3.0)
    assert (x * y + x**2).backward() is None
    assert (x.grad.item(), y.grad.item()) == (7.0, 2.0)


def test_a_result_of_one_element_counts_as_a_scalar() -> None:
    x = leaf([2.0])
    (x * x).reshape(1, 1).backward()
    assert x.grad.tolist() == [4.0]


def test_more_elements_need_a_gradient() -> None:
    x = leaf()
    y = x * 2.0
    with pytest.raises(RuntimeError, match="scalar"):
        y.backward()
    y.backward(ft.tensor([1.0, 2.0, 3.0]))
    assert x.grad.tolist() == [2.0, 4.0, 6.0]
    y = x * 2.0
    y.backward(gradient=ft.ones(3))
    assert x.grad.tolist() == [4.0, 6.0, 8.0]


def test_the_gradient_must_have_the_shape_of_the_result() -> None:
    for shape in [(2,), (3, 1), ()]:
        with pytest.raises(RuntimeError, match=r"(?i)shape"):
            (leaf() * 2.0).backward(ft.ones(shape))
    with pytest.raises(RuntimeError, match=r"(?i)shape"):
        (leaf(2.0) * 2.0).backward(ft.ones(3))


def test_a_result_that_needs_no_gradient_is_refused() -> None:
    with pytest.raises(RuntimeError, match="grad"):
        ft.tensor(2.0).backward()
    with pytest.raises(RuntimeError, match="grad"):
        (ft.tensor(2.0) * 3.0).backward()
    with pytest.raises(RuntimeError, match="grad"):
        (leaf(2.0).detach() * 3.0).backward()


def test_a_second_backward_needs_retain_graph() -> None:
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8.0
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward()
    assert x.grad.item() == 8.0


def test_two_results_share_a_part_of_the_graph_that_is_freed() -> None:
    x = leaf(2.0)
    shared = x.exp()
    a, b = shared * 2.0, shared * 3.0
    a.backward()
    with pytest.raises(RuntimeError, match="retain_graph"):
        b.backward()


def test_what_kept_nothing_can_be_walked_twice() -> None:
    x = leaf()
    y = (x + 1.0).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_new_operation_on_a_freed_graph_fails_at_its_backward() -> None:
    x = leaf(2.0)
    y = x.exp()
    y.backward()
    z = y * 2.0
    with pytest.raises(RuntimeError, match="retain_graph"):
        z.backward()


def test_create_graph_keeps_the_graph_too() -> None:
    x = leaf(2.0)
    y = x**3
    y.backward(create_graph=True)
    assert x.grad.requires_grad
    x.grad = None
    y.backward()
    assert x.grad.item() == 12.0
    assert not x.grad.requires_grad


def test_the_gradient_of_a_gradient() -> None:
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    first = x.grad
    x.grad = None
    first.backward()
    assert (first.item(), x.grad.item()) == (12.0, 12.0)


def test_a_gradient_penalty() -> None:
    x = leaf()
    y = (x.sin() * x).sum()
    y.backward(create_graph=True)
    g = x.grad
    x.grad = None
    (g * g).sum().backward()
    first = np.sin(X) + X * np.cos(X)
    np.testing.assert_allclose(x.grad, 2 * first * (2 * np.cos(X) - X * np.sin(X)), rtol=1e-14)


def test_retain_graph_false_with_create_graph_frees() -> None:
    x = leaf(2.0)
    y = x * x * x
    y.backward(create_graph=True, retain_graph=False)
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward()


def test_gradients_need_no_graph_unless_asked() -> None:
    x = leaf()
    (x * x).sum().backward()
    assert not x.grad.requires_grad
    assert x.grad.is_leaf


def test_inputs_say_where_gradients_gather() -> None:
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3.0
    assert y.grad is None
    (x * y).backward(inputs=y)
    assert y.grad.item() == 2.0
    assert x.grad.item() == 3.0


def test_inputs_are_leaves() -> None:
    """PyTorch accepts interior tensors; here the documented rule is kept, and the remedy is named."""
    x = leaf(2.0)
    y = x * 3.0
    with pytest.raises(RuntimeError, match="not a leaf"):
        (y * y).backward(inputs=[y])


def test_inputs_must_not_be_empty() -> None:
    with pytest.raises(RuntimeError, match="inputs"):
        (leaf(2.0) * 2.0).backward(inputs=[])


def test_an_input_that_was_not_reached_keeps_no_gradient() -> None:
    x, y = leaf(2.0), leaf(3.0)
    (x * 2.0).backward(inputs=[x, y])
    assert x.grad.item() == 2.0
    assert y.grad is None


def test_several_roots_in_one_walk() -> None:
    x = leaf(2.0)
    shared = x.exp()
    ft.autograd.backward([shared * 2.0, shared * 3.0, x * 5.0])
    np.testing.assert_allclose(x.grad, 5 * np.exp(2.0) + 5.0, rtol=1e-15)


def test_a_root_may_lie_below_another() -> None:
    x = leaf(2.0)
    y = x * x
    z = y * 3.0
    ft.autograd.backward([y, z])
    assert x.grad.item() == 4.0 + 12.0


def test_a_root_given_twice_counts_twice() -> None:
    x = leaf(2.0)
    y = x * 3.0
    ft.autograd.backward((y, y))
    assert x.grad.item() == 6.0


def test_gradients_of_several_roots() -> None:
    x = leaf()
    a, b = x * 2.0, (x * x).sum()
    ft.autograd.backward([a, b], grad_tensors=[ft.tensor([1.0, 0.0, -1.0]), None])
    np.testing.assert_allclose(x.grad, np.array([2.0, 0.0, -2.0]) + 2 * X, rtol=1e-15)


def test_there_must_be_as_many_gradients_as_roots() -> None:
    x = leaf()
    with pytest.raises(RuntimeError):
        ft.autograd.backward([x * 2.0, x * 3.0], grad_tensors=[ft.ones(3)])
    with pytest.raises(RuntimeError, match="scalar"):
        ft.autograd.backward([x * 2.0, x * 3.0], grad_tensors=[ft.ones(3), None])


def test_the_gradient_given_may_carry_a_graph() -> None:
    x, v = leaf(), ft.ones(3, requires_grad=True)
    (x * x).backward(v, create_graph=True)
    g = x.grad
    x.grad = None
    (g * ft.tensor([1.0, 2.0, 3.0])).sum().backward()
    np.testing.assert_allclose(v.grad, 2 * X * [1, 2, 3], rtol=1e-15)
    np.testing.assert_allclose(x.grad, [2.0, 4.0, 6.0], rtol=1e-15)


def test_a_long_chain_does_not_recurse() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1e-6
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_a_diamond_is_walked_once() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def test_backward_inside_no_grad() -> None:
    x = leaf(2.0)
    y = x * x
    with ft.no_grad():
        y.backward()
    assert x.grad.item() == 4.0


def test_an_input_given_twice_counts_once() -> None:
    x = leaf(2.0)
    (x * 3.0).backward(inputs=[x, x])
    assert x.grad.item() == 3.0
