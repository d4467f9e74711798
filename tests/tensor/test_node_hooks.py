"""The graph behind ``grad_fn``: nodes, their names and links, and hooks on them."""

from __future__ import annotations

from typing import Any

import pytest

import functorch_lite as ft


def leaf(values: Any = 2.0) -> Any:
    return ft.tensor(values, requires_grad=True)


def name(node: Any) -> str:
    """Return the name of a node without the number that PyTorch adds."""
    return str(node.name()).rstrip("0123456789")


def test_nodes_are_named_after_their_operations() -> None:
    x = leaf([1.0, 2.0])
    assert name((x * x).grad_fn) == "MulBackward"
    assert name((x + 1.0).grad_fn) == "AddBackward"
    assert name((x - 1.0).grad_fn) == "SubBackward"
    assert name((x / 2.0).grad_fn) == "DivBackward"
    assert name((-x).grad_fn) == "NegBackward"
    assert name((x**2).grad_fn) == name((x**3).grad_fn) == name(x.square().grad_fn) == "PowBackward"
    assert name(x.exp().grad_fn) == "ExpBackward"
    assert name(x.sin().grad_fn) == "SinBackward"
    assert name(x.sum().grad_fn) == "SumBackward"
    assert name(x.clone().grad_fn) == "CloneBackward"
    assert repr((x * x).grad_fn).startswith("<MulBackward")


def test_next_functions_lead_to_the_leaves() -> None:
    x, y = leaf(), leaf(3.0)
    z = x * y + x
    (product, i), (first, j) = z.grad_fn.next_functions
    assert (i, j) == (0, 0)
    assert name(product) == "MulBackward"
    assert name(first).endswith("AccumulateGrad")
    assert first.variable is x
    assert [node.variable for node, _ in product.next_functions] == [x, y]
    assert first.next_functions == ()


def test_a_constant_has_no_node_among_the_next_functions() -> None:
    x, c = leaf(), ft.tensor(3.0)
    assert [node is None for node, _ in (x * c).grad_fn.next_functions] == [False, True]
    assert sorted(node is None for node, _ in (c * x).grad_fn.next_functions) == [False, True]


def test_the_node_of_a_leaf_is_one() -> None:
    x = leaf()
    a, b = x * 2.0, x * 3.0
    assert a.grad_fn.next_functions[0][0] == b.grad_fn.next_functions[0][0]
    assert x.grad_fn is None


def test_the_node_of_a_tensor_is_one() -> None:
    y = leaf() * 2.0
    assert y.grad_fn == y.grad_fn
    assert (y * 3.0).grad_fn.next_functions[0][0] == y.grad_fn
    assert y.grad_fn != (y * 3.0).grad_fn
    assert len({y.grad_fn, y.grad_fn, (y * 3.0).grad_fn}) == 2


def test_a_view_and_an_in_place_operation_show_in_the_graph() -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x * 2.0
    before = y.grad_fn
    y.exp_()
    assert name(y.grad_fn) == "ExpBackward"
    assert y.grad_fn.next_functions[0][0] == before


def test_the_whole_graph_can_be_walked() -> None:
    x = leaf([1.0, 2.0])
    y = (x.sin() * x.exp()).sum()
    seen, waiting = set(), [y.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    assert sorted(name(node).replace("torch::autograd::", "") for node in seen) == [
        "AccumulateGrad", "ExpBackward", "MulBackward", "SinBackward", "SumBackward",
    ]  # fmt: skip


def test_a_node_hook_sees_gradients_in_and_out() -> None:
    x, y = leaf(), leaf(3.0)
    seen: list[Any] = []
    z = x * y
    z.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs, outputs)))
    (z * 5.0).backward()
    ((grad_inputs, grad_outputs),) = seen
    assert [g.item() for g in grad_inputs] == [15.0, 10.0]
    assert [g.item() for g in grad_outputs] == [5.0]


def test_a_node_hook_replaces_what_flows_on() -> None:
    x, y = leaf(), leaf(3.0)
    z = x * y
    handle = z.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 10.0, inputs[1]))
    z.backward(retain_graph=True)
    assert (x.grad.item(), y.grad.item()) == (30.0, 2.0)
    handle.remove()
    z.backward()
    assert (x.grad.item(), y.grad.item()) == (33.0, 4.0)


def test_a_node_prehook_replaces_what_arrives() -> None:
    x = leaf()
    seen: list[float] = []
    y = x * 3.0
    y.grad_fn.register_prehook(lambda outputs: seen.append(outputs[0].item()) or (outputs[0] * 10.0,))
    y.grad_fn.register_prehook(lambda outputs: seen.append(outputs[0].item()))
    (y * 2.0).backward()
    assert seen == [2.0, 20.0]
    assert x.grad.item() == 60.0


def test_tensor_hooks_run_before_node_prehooks_registered_later() -> None:
    x = leaf()
    seen: list[str] = []
    y = x * 3.0
    y.register_hook(lambda g: seen.append("tensor"))
    y.grad_fn.register_prehook(lambda g: seen.append("node before"))
    y.grad_fn.register_hook(lambda i, o: seen.append("node after"))
    x.register_hook(lambda g: seen.append("leaf"))
    x.register_post_accumulate_grad_hook(lambda p: seen.append("gathered"))
    y.backward()
    assert seen == ["tensor", "node before", "node after", "leaf", "gathered"]


def test_a_node_outlives_its_tensor() -> None:
    x = leaf()
    y = x * 3.0
    node = y.grad_fn
    z = y * y
    del y
    assert z.grad_fn.next_functions[0][0] == node
    node.register_hook(lambda i, o: (i[0] * 2.0, *i[1:]))
    z.backward()
    assert x.grad.item() == 72.0


def test_a_hook_on_the_accumulation_of_a_leaf() -> None:
    x = leaf()
    y = x * 3.0
    gather = y.grad_fn.next_functions[0][0]
    seen: list[float] = []
    gather.register_prehook(lambda g: seen.append(g[0].item()))
    y.backward()
    assert seen == [3.0]


@pytest.mark.parametrize("count", [0, 3])
def test_a_node_hook_must_return_as_many_gradients(count: int) -> None:
    z = leaf() * leaf(3.0)
    z.grad_fn.register_hook(lambda inputs, outputs: (inputs[0],) * count)
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        z.backward()
