"""Hooks on tensors: they see gradients on their way, and may replace them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def leaf(values: Any = 2.0) -> Any:
    return ft.tensor(values, requires_grad=True)


def test_a_hook_sees_the_gradient_of_an_interior_tensor() -> None:
    seen: list[float] = []
    x = leaf()
    y = x * 3.0
    y.register_hook(lambda g: seen.append(g.item()))
    (y * y).backward()
    assert seen == [12.0]
    assert x.grad.item() == 36.0


def test_a_hook_sees_the_gradient_of_a_leaf_before_it_is_gathered() -> None:
    x = leaf()
    seen: list[Any] = []
    x.register_hook(lambda g: seen.append((g.item(), x.grad)))
    (x * x).backward()
    assert seen == [(4.0, None)]
    assert x.grad.item() == 4.0


def test_a_hook_replaces_the_gradient() -> None:
    x = leaf()
    y = x * 3.0
    y.register_hook(lambda g: g * 10.0)
    x.register_hook(lambda g: -g)
    (y * y).backward()
    assert x.grad.item() == -360.0


def test_a_hook_is_called_once_with_the_whole_gradient() -> None:
    x = leaf()
    seen: list[float] = []
    y = x * 3.0
    y.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: seen.append(g.item()))
    (y * 2.0 + y * y + x).backward()
    assert seen == [2.0 + 12.0, 3 * 14.0 + 1.0]


def test_hooks_run_in_the_order_of_their_registration() -> None:
    x = leaf()
    seen: list[Any] = []
    y = x * 1.0
    y.register_hook(lambda g: seen.append(("first", g.item())) or g * 2.0)
    y.register_hook(lambda g: seen.append(("second", g.item())) or g + 1.0)
    y.register_hook(lambda g: seen.append(("third", g.item())))
    y.backward()
    assert seen == [("first", 1.0), ("second", 2.0), ("third", 3.0)]
    assert x.grad.item() == 3.0


def test_a_removed_hook_is_not_called() -> None:
    x = leaf()
    seen: list[str] = []
    first = x.register_hook(lambda g: seen.append("first"))
    x.register_hook(lambda g: seen.append("second"))
    x.clone().backward()
    first.remove()
    first.remove()
    x.clone().backward()
    assert seen == ["first", "second", "second"]


def test_a_handle_is_a_context_manager() -> None:
    x = leaf()
    with x.register_hook(lambda g: g * 10.0):
        x.clone().backward()
    assert x.grad.item() == 10.0
    x.grad = None
    x.clone().backward()
    assert x.grad.item() == 1.0


def test_removal_of_all_hooks_of_an_interior_tensor() -> None:
    x = leaf()
    y = x * 3.0
    handle = y.register_hook(lambda g: g * 0.0)
    handle.remove()
    y.backward()
    assert x.grad.item() == 3.0


def test_a_tensor_without_gradient_takes_no_hook() -> None:
    with pytest.raises(RuntimeError, match="gradient"):
        ft.tensor(2.0).register_hook(lambda g: g)


def test_the_gradient_kept_is_the_one_after_the_hooks() -> None:
    x = leaf()
    y = x * 3.0
    y.retain_grad()
    y.register_hook(lambda g: g * 10.0)
    y.backward()
    assert y.grad.item() == 10.0
    assert x.grad.item() == 30.0


def test_a_hook_does_not_run_when_its_tensor_is_not_reached() -> None:
    x = leaf()
    seen: list[Any] = []
    y = x * 3.0
    y.register_hook(seen.append)
    (x * 2.0).backward()
    assert seen == []


def test_hooks_run_in_autograd_grad_too() -> None:
    x = leaf()
    y = x * 3.0
    y.register_hook(lambda g: g * 10.0)
    x.register_hook(lambda g: g + 1.0)
    assert ft.autograd.grad(y, (x, y))[0].item() == 31.0
    assert ft.autograd.grad(x * 3.0, x)[0].item() == 4.0


def test_a_hook_registered_before_the_operation_belongs_to_the_tensor() -> None:
    x = leaf()
    y = x * 3.0
    y.register_hook(lambda g: g * 10.0)
    a, b = y * 1.0, y * 2.0
    a.backward(retain_graph=True)
    assert x.grad.item() == 30.0
    b.backward()
    assert x.grad.item() == 90.0


def test_a_hook_under_create_graph_is_differentiated() -> None:
    x = leaf()
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = ft.autograd.grad(y * y, x, create_graph=True)
    assert g.item() == 4 * 2.0**4
    (h,) = ft.autograd.grad(g, x)
    # d(2x²·x·2x)/dx, where the part that comes back through y passes the hook again
    assert h.item() == 128.0 + 32.0 + 32.0


def test_a_hook_may_compute_without_recording() -> None:
    x = leaf()
    recorded: list[bool] = []
    y = x * 3.0
    y.register_hook(lambda g: recorded.append((g * x).requires_grad))
    y.backward()
    assert recorded == [False]
    y = x * 3.0
    y.register_hook(lambda g: recorded.append((g * x).requires_grad))
    y.backward(create_graph=True)
    assert recorded == [False, True]


def test_an_error_in_a_hook_comes_out() -> None:
    def refuse(g: Any) -> Any:
        raise KeyError("no")

    x = leaf()
    x.register_hook(refuse)
    with pytest.raises(KeyError):
        (x * 2.0).backward()
    assert x.grad is None


def test_a_replacement_must_fit() -> None:
    for wrong, error in [(ft.ones(3), RuntimeError), ("gradient", TypeError)]:
        y = leaf() * 3.0
        y.register_hook(lambda g, wrong=wrong: wrong)
        with pytest.raises(error):
            y.backward()


def test_a_post_accumulate_hook_sees_the_leaf_with_its_gradient() -> None:
    x = leaf()
    seen: list[float] = []
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.item()))
    (x * 3.0).backward()
    (x * 4.0).backward()
    assert seen == [3.0, 7.0]


def test_an_optimiser_step_in_a_post_accumulate_hook() -> None:
    x = leaf()

    def step(p: Any) -> None:
        with ft.no_grad():
            p.sub_(0.1 * p.grad)
        p.grad = None

    handle = x.register_post_accumulate_grad_hook(step)
    (x * 3.0).backward()
    assert x.item() == pytest.approx(1.7, rel=1e-15)
    assert x.grad is None
    handle.remove()
    (x * 3.0).backward()
    assert x.grad.item() == 3.0


def test_post_accumulate_hooks_belong_to_leaves() -> None:
    with pytest.raises(RuntimeError, match="leaf"):
        (leaf() * 2.0).register_post_accumulate_grad_hook(lambda p: None)


def test_post_accumulate_hooks_do_not_run_in_autograd_grad() -> None:
    x = leaf()
    seen: list[Any] = []
    x.register_post_accumulate_grad_hook(seen.append)
    ft.autograd.grad(x * 2.0, x)
    assert seen == []


def test_post_accumulate_hooks_run_after_tensor_hooks() -> None:
    x = leaf()
    seen: list[Any] = []
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.item()))
    x.register_hook(lambda g: g * 100.0)
    (x * 2.0).backward()
    assert seen == [200.0]


def test_a_backward_pass_inside_a_hook() -> None:
    x, w = leaf(), leaf(3.0)

    def another(g: Any) -> None:
        with ft.enable_grad():
            (w * w).backward()

    y = x * 2.0
    y.register_hook(another)
    y.backward()
    assert (x.grad.item(), w.grad.item()) == (2.0, 6.0)


# --- Memory -----------------------------------------------------------------------------------------------------------


def two() -> tuple[Any, Any]:
    return ft.tensor([1.0, 2.0], requires_grad=True), ft.tensor([1.0, 2.0], requires_grad=True)


def test_a_retained_gradient_is_memory_of_its_own() -> None:
    a, _ = two()
    y = a + 0.0
    y.retain_grad()
    z = (y * 2.0).sum()
    for _ in range(2):
        z.backward(retain_graph=True)
    np.testing.assert_array_equal(a.grad, [4.0, 4.0])
    np.testing.assert_array_equal(y.grad, [4.0, 4.0])
    seed = ft.tensor([1.0, 10.0])
    y = a + 0.0
    y.retain_grad()
    y.backward(seed)
    y.grad.zero_()
    np.testing.assert_array_equal(seed, [1.0, 10.0])


@pytest.mark.parametrize("first", [False, True])
def test_gradients_that_are_equal_do_not_share_memory(first: bool) -> None:
    a, b = two()
    seed = ft.tensor([1.0, 10.0])
    (a + b).backward(seed, create_graph=first)
    (a + b).backward(seed, create_graph=not first)
    (a + b).backward(seed)
    for leaf_ in (a, b):
        np.testing.assert_array_equal(leaf_.grad, [3.0, 30.0])
    np.testing.assert_array_equal(seed, [1.0, 10.0])


def test_what_hooks_see_does_not_change_afterwards() -> None:
    seen: list[Any] = []

    def accumulation(x: Any) -> Any:
        return (x * 1.0).grad_fn.next_functions[0][0]

    def keep(*given: Any) -> None:
        seen.append(given[-1][0])

    for register in (
        lambda x: x.register_hook(seen.append),
        lambda x: accumulation(x).register_prehook(keep),
        lambda x: accumulation(x).register_hook(keep),
        lambda x: ft.autograd.graph.register_multi_grad_hook([x], keep),
    ):
        seen.clear()
        x, _ = two()
        register(x)
        (x * 1.0).sum().backward()
        (x * 2.0).sum().backward()
        np.testing.assert_array_equal(np.stack([g.data for g in seen]), [[1.0, 1.0], [2.0, 2.0]])
    seen.clear()
    x, w = two()
    y = x + w
    y.register_hook(seen.append)
    for factor in (1.0, 2.0):
        (y * factor).sum().backward(retain_graph=True)
    np.testing.assert_array_equal(np.stack([g.data for g in seen]), [[1.0, 1.0], [2.0, 2.0]])


@pytest.mark.parametrize("interior", [False, True])
def test_what_hooks_give_is_not_added_to(interior: bool) -> None:
    a, b = two()
    given = ft.ones(2)
    y, z = (a + 0.0, b + 0.0) if interior else (a, b)
    y.register_hook(lambda g: given)
    z.register_hook(lambda g: given)
    for _ in range(2):
        (y * z).sum().backward(retain_graph=True)
    for tensor, expected in ((a.grad, 2.0), (b.grad, 2.0), (given, 1.0)):
        np.testing.assert_array_equal(tensor, [expected, expected])


@pytest.mark.parametrize("interior", [False, True])
def test_what_a_hook_gives_takes_the_dtype_of_the_tensor(interior: bool) -> None:
    x = ft.tensor(np.ones(2, np.float32), requires_grad=True)
    y = x * 1.0 if interior else x
    y.register_hook(lambda g: np.array([2.0, 3.0]))
    (y * 2.0).sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [2.0, 3.0])


def test_a_node_hook_gives_as_many_gradients_as_there_are() -> None:
    x, _ = two()
    y = np.sin(x * 2.0)
    y.grad_fn.register_hook(lambda given, got: given[0] * 10.0)  # one may stand alone
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 20.0 * np.cos([2.0, 4.0]))
    y = np.sin(x * 2.0)
    y.grad_fn.register_hook(lambda given, got: (*given, *given))
    with pytest.raises(RuntimeError, match="has returned 2 gradients where there are 1"):
        y.sum().backward()


def test_a_write_by_a_hook_concerns_what_is_read_afterwards() -> None:
    def run(hooked: Callable[[Any, Any], Any]) -> Any:
        x, w = two()
        y = x * w
        z = np.sin(y)

        def write(*_: Any) -> None:
            with ft.no_grad():
                w.add_(100.0)

        hooked(y, z).register_hook(write)
        z.sum().backward()
        return x.grad

    for hooked in (lambda y, z: z, lambda y, z: y, lambda y, z: z.grad_fn):
        with pytest.raises(RuntimeError, match=r"mul had kept .* which add_ has changed"):
            run(hooked)
    np.testing.assert_allclose(run(lambda y, z: y.grad_fn), np.cos([1.0, 4.0]) * [1.0, 2.0])  # it was read before


def test_the_hooks_of_a_leaf_that_nobody_holds_are_called() -> None:
    seen: list[Any] = []

    def f() -> Any:
        x = ft.tensor(3.0, requires_grad=True)
        x.register_hook(seen.append)
        return x * 2.0

    y = f()
    gc.collect()
    y.backward()
    assert [g.item() for g in seen] == [2.0]
    node = (ft.tensor(3.0, requires_grad=True) * 2.0).grad_fn.next_functions[0][0]
    with pytest.raises(RuntimeError, match="the leaf tensor of this AccumulateGrad is gone"):
        node.register_hook(lambda *_: None)


def test_batched_gradients_go_through_the_hooks_of_leaves() -> None:
    x, _ = two()
    x.register_hook(lambda g: 10.0 * g)
    y = x**2 * 3.0
    (rows,) = ft.autograd.grad(y, x, ft.eye(2), is_grads_batched=True)
    np.testing.assert_array_equal(rows, np.diag([60.0, 120.0]))


def test_data_may_be_replaced_while_a_leaf_is_frozen() -> None:
    x, _ = two()
    x.requires_grad_(False)
    x.data = np.zeros(3, np.float32)
    x.requires_grad_(True)
    (x * x + x).sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, np.ones(3))
    x.requires_grad_(False)
    x.data = np.arange(3)
    with pytest.raises(RuntimeError, match="only Tensors of floating point"):
        x.requires_grad_(True)
