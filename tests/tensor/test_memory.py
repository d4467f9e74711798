"""A graph dies with its last tensor, by reference counting alone; backward frees what the graph has kept."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import functorch_lite as ft


@pytest.fixture(autouse=True)
def _without_the_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(values: Any = (1.0, 2.0)) -> Any:
    return ft.tensor(list(values), requires_grad=True)


def array_of(y: Any) -> weakref.ref[Any]:
    """Refer weakly to the memory of a tensor."""
    return weakref.ref(y.data)


def test_a_leaf_dies() -> None:
    x = leaf()
    alive = weakref.ref(x)
    del x
    assert alive() is None


def test_a_graph_dies_with_its_last_tensor() -> None:
    x = leaf()
    y = x.sin()
    z = (y * y).exp()
    tensors = [weakref.ref(t) for t in (x, y, z)]
    arrays = [array_of(t) for t in (x, y, z)]
    result = z.sum()
    del y, z
    assert arrays[1]() is not None  # the product's derivative needs it
    del result
    assert [a() is None for a in arrays] == [False, True, True]
    del x
    assert all(t() is None for t in tensors)
    assert all(a() is None for a in arrays)


def test_a_leaf_lives_as_long_as_a_graph_needs_it() -> None:
    x = leaf()
    alive = weakref.ref(x)
    y = x * 2.0
    del x
    node = y.grad_fn.next_functions[0][0]
    y.sum().backward()
    assert node.variable is None or node.variable.grad.tolist() == [2.0, 2.0]
    del node, y
    assert alive() is None


def test_a_dead_branch_dies_at_once() -> None:
    x = leaf()
    kept = array_of(x.exp())
    assert kept() is None
    y = x.exp()
    kept = array_of(y)
    unused = y * y
    del y, unused
    assert kept() is None


def test_backward_frees_what_was_kept() -> None:
    x = leaf()
    y = x.exp()
    kept = array_of(y)
    z = y.sum()
    del y
    assert kept() is not None
    z.backward()
    assert kept() is None


def test_retain_graph_keeps_it() -> None:
    x = leaf()
    y = x.exp()
    kept = array_of(y)
    z = y.sum()
    del y
    z.backward(retain_graph=True)
    assert kept() is not None
    z.backward()
    assert kept() is None


def test_autograd_grad_frees_too() -> None:
    x = leaf()
    y = x.exp()
    kept = array_of(y)
    z = y.sum()
    del y
    ft.autograd.grad(z, x)
    assert kept() is None


def test_a_graph_of_gradients_dies() -> None:
    x = leaf()
    (g,) = ft.autograd.grad((x**3).sum(), x, create_graph=True)
    (h,) = ft.autograd.grad(g.sum(), x, create_graph=True)
    alive = [weakref.ref(x), weakref.ref(g), weakref.ref(h)]
    del x, g, h
    assert all(a() is None for a in alive)


def test_tensors_with_gradients_die() -> None:
    x = leaf()
    y = x * 2.0
    y.retain_grad()
    (y * y).sum().backward()
    alive = [weakref.ref(x), weakref.ref(y), weakref.ref(x.grad), weakref.ref(y.grad)]
    del x, y
    assert all(a() is None for a in alive)


def test_hooks_make_no_cycle() -> None:
    x = leaf()
    y = x * 2.0
    y.register_hook(lambda g: g * 2.0)
    handle = x.register_hook(lambda g: g)
    x.register_post_accumulate_grad_hook(lambda p: None)
    y.grad_fn.register_hook(lambda i, o: None)
    y.sum().backward()
    alive = [weakref.ref(x), weakref.ref(y)]
    del x, y
    assert all(a() is None for a in alive)
    handle.remove()


def test_grad_fn_makes_no_cycle() -> None:
    x = leaf()
    y = (x * x).exp()
    node = y.grad_fn
    first = node.next_functions[0][0].next_functions[0][0]
    assert first.variable is x
    alive = [weakref.ref(x), weakref.ref(y)]
    del node, first, x, y
    assert all(a() is None for a in alive)


def test_views_and_in_place_operations_make_no_cycle() -> None:
    x = leaf()
    y = x * 2.0
    v = y[0:1]
    v.mul_(3.0)
    y.add_(1.0)
    y[1] = 5.0
    w = v.reshape(1, 1)
    (y.sum() + v.sum() + w.sum()).backward()
    alive = [weakref.ref(t) for t in (x, y, v, w)]
    memory = weakref.ref(y.data)
    del x, y, v, w
    assert all(a() is None for a in alive)
    assert memory() is None


def test_a_view_dies_before_its_base() -> None:
    y = leaf() * 2.0
    v = y[0:1]
    alive = weakref.ref(v)
    del v
    assert alive() is None


def test_custom_functions_make_no_cycle() -> None:
    class Cube(ft.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            y = x**3
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            x, _ = ctx.saved_tensors
            return 3 * x * x * g

    x = leaf()
    y = Cube.apply(x)
    alive, kept = [weakref.ref(x), weakref.ref(y)], array_of(y)
    y.sum().backward()
    del x, y
    assert all(a() is None for a in alive)
    assert kept() is None


def test_an_error_in_backward_leaves_nothing_behind() -> None:
    x = leaf()
    y = x.exp()
    kept = array_of(y)

    def refuse(g: Any) -> Any:
        raise KeyError("no")

    y.register_hook(refuse)
    with pytest.raises(KeyError):
        y.sum().backward()
    del y
    assert kept() is None


def test_no_grad_keeps_nothing() -> None:
    x = leaf()
    with ft.no_grad():
        y = x.exp()
        kept = array_of(y)
        z = y.sum()
    del y
    assert kept() is None
    assert not z.requires_grad


def test_a_training_loop_leaves_no_garbage() -> None:
    w = ft.ones((3, 3), requires_grad=True)

    def step() -> None:
        h = (ft.ones((2, 3)) @ w).tanh() * 1.0
        h[0] = h[1] * 2.0
        h.pow(2).sum().backward()
        with ft.no_grad():
            w.sub_(0.1 * w.grad)
        w.grad = None

    step()
    gc.collect()
    for _ in range(5):
        step()
    assert gc.collect() == 0


def test_a_long_chain_dies_without_recursion() -> None:
    x = leaf()
    y = x
    for _ in range(100_000):
        y = y * 1.0
    alive = weakref.ref(y)
    del y
    assert alive() is None
