"""Hooks on tensors: they see gradients on their way, and may replace them."""

from __future__ import annotations

from typing import Any

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
