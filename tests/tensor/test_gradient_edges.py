"""Gradient edges, and what else ``autograd.graph`` has."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.autograd.graph import (
    GradientEdge,
    disable_saved_tensors_hooks,
    get_gradient_edge,
    increment_version,
    save_on_cpu,
    saved_tensors_hooks,
)


@pytest.fixture
def x() -> Any:
    return ft.tensor([1.0, 2.0], requires_grad=True)


def test_an_edge_names_a_result_and_a_leaf(x: Any) -> None:
    y = x * x
    edge = get_gradient_edge(y)
    assert edge.node is y.grad_fn
    assert (edge.output_nr, edge._fields) == (0, ("node", "output_nr", "ownership_token"))
    assert repr(get_gradient_edge(x)) == "GradientEdge(node=<AccumulateGrad>, output_nr=0)"
    z = y.sin().sum()
    of_result, of_leaf = ft.autograd.grad(z, [edge, get_gradient_edge(x)])
    np.testing.assert_allclose(of_result, np.cos([1.0, 4.0]))
    np.testing.assert_allclose(of_leaf, np.cos([1.0, 4.0]) * [2.0, 4.0])


def test_an_edge_keeps_a_place_and_not_the_tensor(x: Any) -> None:
    y = x * x
    edge, weak = get_gradient_edge(y), weakref.ref(y)
    z = (3.0 * y).sum()
    del y
    gc.collect()
    assert weak() is None
    assert ft.autograd.grad(z, edge)[0].tolist() == [3.0, 3.0]


def test_an_edge_of_a_leaf_keeps_the_leaf(x: Any) -> None:
    y = (x * x).sum()
    edge = get_gradient_edge(x)
    del x
    gc.collect()
    y.backward(inputs=[edge])
    assert edge.node.variable.grad.tolist() == [2.0, 4.0]


def test_an_edge_is_a_root(x: Any) -> None:
    y = x * x
    ft.autograd.backward([get_gradient_edge(y.sum()), get_gradient_edge(y)], [ft.tensor(2.0), np.array([0.0, 1.0])])
    assert x.grad.tolist() == [4.0, 12.0]
    assert ft.autograd.grad(get_gradient_edge((x * x).sum()), x)[0].tolist() == [2.0, 4.0]
    with pytest.raises(RuntimeError, match="implicitly created only for scalar outputs"):
        ft.autograd.backward(get_gradient_edge(x * x))
    with pytest.raises(RuntimeError, match=r"grad_output\[0\] has a shape of \(3,\)"):
        ft.autograd.grad(get_gradient_edge(x * x), x, ft.ones(3))


def test_an_edge_of_one_of_several_results(x: Any) -> None:
    first, second = x.split(1)
    assert (first.output_nr, second.output_nr, x.output_nr, ft.ones(1).output_nr) == (0, 1, 0, 0)
    edge = get_gradient_edge(second)
    assert (edge.node, edge.output_nr) == (second.grad_fn, 1)
    assert ft.autograd.grad((first * second).sum(), edge)[0].tolist() == [1.0]
    root = GradientEdge(second.grad_fn, 1)
    assert ft.autograd.grad(root, x, ft.ones(1))[0].tolist() == [0.0, 1.0]
    with pytest.raises(TypeError, match=r"one of 2 results.*get_gradient_edge\(tensor\)"):
        ft.autograd.grad(second.sum(), root)
    with pytest.raises(IndexError, match="has 2 results"):
        ft.autograd.grad(GradientEdge(second.grad_fn, 2), x, ft.ones(1))


def test_edges_made_of_next_functions(x: Any) -> None:
    y = (x * x).sin()
    assert ft.autograd.grad(y.sum(), GradientEdge(*y.grad_fn.next_functions[0]))[0].tolist() == np.cos([1, 4]).tolist()
    leaf = GradientEdge(*(x * x).grad_fn.next_functions[0])
    (x * x).sum().backward(inputs=leaf)
    assert x.grad.tolist() == [2.0, 4.0]


def test_an_edge_stays_where_it_was_when_the_tensor_is_written_to(x: Any) -> None:
    y = x * 1.0
    edge = get_gradient_edge(y)
    y.mul_(3.0)
    assert ft.autograd.grad((y * y).sum(), edge)[0].tolist() == [18.0, 36.0]


def test_edges_with_create_graph_hooks_and_unused_inputs(x: Any) -> None:
    y = x**3
    edge = get_gradient_edge(y)
    (g,) = ft.autograd.grad((y * y).sum(), edge, create_graph=True)
    assert ft.autograd.grad(g.sum(), x)[0].tolist() == [6.0, 24.0]
    other = get_gradient_edge(ft.ones(2, requires_grad=True))
    assert ft.autograd.grad(y.sum(), other, allow_unused=True, retain_graph=True) == (None,)
    assert ft.autograd.grad(y.sum(), other, materialize_grads=True, retain_graph=True)[0].tolist() == [0.0, 0.0]
    y.register_hook(lambda g: 10.0 * g)
    assert ft.autograd.grad(y.sum(), edge)[0].tolist() == [10.0, 10.0]


def test_what_has_no_edge(x: Any) -> None:
    with pytest.raises(RuntimeError, match="does not require gradients"):
        get_gradient_edge(ft.ones(2))
    with pytest.raises(TypeError, match="takes a Tensor, not a ndarray"):
        get_gradient_edge(np.ones(2))
    with pytest.raises(RuntimeError, match=r"is not a leaf; use ft\.autograd\.grad"):
        (x * x).sum().backward(inputs=get_gradient_edge(x * x))


def test_a_write_that_is_told_of_is_noticed(x: Any) -> None:
    y, other = x * 1.0, ft.ones(2)
    z = (y * y).sum()
    y.data[0] = 3.0
    increment_version([y, other])
    assert (y._version, other._version) == (1, 1)
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation.*increment_version"):
        z.backward()
    with pytest.raises(TypeError, match="takes tensors, not a ndarray"):
        increment_version(y.data)


def test_hooks_of_saved_tensors_are_disabled(x: Any) -> None:
    with disable_saved_tensors_hooks("not here"):
        (x * x).sum().backward()
        with pytest.raises(RuntimeError, match="not here"), save_on_cpu():
            pass
    with save_on_cpu(), pytest.raises(RuntimeError, match="not here"), disable_saved_tensors_hooks("not here"):
        pass
    with saved_tensors_hooks(lambda t: t, lambda t: t):
        (x * x).sum().backward()
