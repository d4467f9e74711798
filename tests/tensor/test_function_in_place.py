"""``mark_dirty``: what `forward` wrote in place takes its history to the base and to the views of what was written."""

from __future__ import annotations

from typing import Any

import functorch_lite as ft


class Increment(ft.autograd.Function):
    """Adds one in place; its derivative, 5, tells that it was asked."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        x += 1
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 5.0


def test_a_dirty_view_gives_its_base_the_history() -> None:
    x = ft.ones(3, requires_grad=True)
    y = x * 2.0
    v = y[:2]
    assert Increment.apply(v) is v
    assert y.tolist() == [3.0, 3.0, 2.0]
    (y.sum() + v.sum()).backward()
    assert x.grad.tolist() == [20.0, 20.0, 2.0]


def test_a_dirty_base_gives_its_views_the_history() -> None:
    x = ft.ones(3, requires_grad=True)
    y = x * 2.0
    v = y[:2]
    Increment.apply(y)
    v.sum().backward()
    assert x.grad.tolist() == [10.0, 10.0, 0.0]


def test_a_dirty_tensor_retains_the_gradient_of_its_new_value() -> None:
    x = ft.ones(3, requires_grad=True)
    y = x * 2.0
    y.retain_grad()
    Increment.apply(y)
    (y * 3.0).sum().backward()
    assert y.grad.tolist() == [3.0] * 3
    assert x.grad.tolist() == [30.0] * 3


def test_a_dirty_view_of_a_buffer_lets_the_buffer_join_the_graph() -> None:
    class Assign(ft.autograd.Function):
        @staticmethod
        def forward(ctx: Any, target: Any, source: Any) -> Any:
            target.copy_(source)
            ctx.mark_dirty(target)
            return target

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return None, g

    buffer, w = ft.zeros(4), ft.tensor([1.0, 2.0], requires_grad=True)
    Assign.apply(buffer[1:3], w)
    assert buffer.tolist() == [0.0, 1.0, 2.0, 0.0]
    (buffer * ft.tensor([1.0, 10.0, 100.0, 1000.0])).sum().backward()
    assert w.grad.tolist() == [10.0, 100.0]


def test_a_dirty_scalar_is_written() -> None:
    x = ft.tensor(1.0, requires_grad=True)
    y = x * 2.0
    assert Increment.apply(y) is y
    assert y.item() == 3.0
    y.backward()
    assert x.grad.item() == 10.0


def test_a_dirty_leaf_stays_one_under_no_grad() -> None:
    x = ft.ones(2, requires_grad=True)
    with ft.no_grad():
        Increment.apply(x)
    assert x.requires_grad
    assert x.is_leaf
    assert x.tolist() == [2.0, 2.0]
