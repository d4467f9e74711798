"""Hooks that say how what the graph keeps is stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

graph = ft.autograd.graph
X = [0.5, 1.0, 2.0]


def leaf(values: Any = X) -> Any:
    return ft.tensor(values, requires_grad=True)


def test_pack_and_unpack_are_called_once_each() -> None:
    packed, unpacked = [], []

    def pack(t: Any) -> Any:
        packed.append(t.tolist())
        return t

    def unpack(t: Any) -> Any:
        unpacked.append(t.tolist())
        return t

    x = leaf()
    with graph.saved_tensors_hooks(pack, unpack):
        y = x.exp()
    assert len(packed) == 1
    np.testing.assert_allclose(packed[0], np.exp(X), rtol=1e-15)
    assert unpacked == []
    y.sum().backward()
    assert unpacked == packed
    np.testing.assert_allclose(x.grad, np.exp(X), rtol=1e-15)


def test_what_is_packed_may_be_anything() -> None:
    x = leaf()
    with graph.saved_tensors_hooks(lambda t: t.tolist(), lambda values: ft.tensor(values)):
        y = x.sin() * x
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.sin(X) + X * np.cos(X), rtol=1e-15)


def test_what_is_unpacked_is_what_the_derivative_uses() -> None:
    x = leaf()
    with graph.saved_tensors_hooks(lambda t: None, lambda nothing: ft.tensor([10.0, 20.0, 30.0])):
        y = x * ft.tensor([1.0, 2.0, 3.0])
    y.sum().backward()
    assert x.grad.tolist() == [10.0, 20.0, 30.0]


def test_values_on_disc(tmp_path: Any) -> None:
    def pack(t: Any) -> Any:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
        np.save(path, t.detach().numpy())
        return path

    x = leaf()
    with graph.saved_tensors_hooks(pack, lambda path: ft.tensor(np.load(path))):
        y = (x.exp() * x).sin()
    assert len(list(tmp_path.iterdir())) >= 3
    y.sum().backward()
    expected = ft.grad(lambda a: np.sum(np.sin(np.exp(a) * a)))(np.array(X))
    np.testing.assert_allclose(x.grad, expected, rtol=1e-14)


def test_hooks_reach_as_far_as_their_block() -> None:
    packed: list[Any] = []
    x = leaf()
    y = x.exp()
    with graph.saved_tensors_hooks(lambda t: packed.append(1) or t, lambda t: t):
        pass
    z = y.exp()
    z.sum().backward()
    assert packed == []


def test_the_inner_hooks_count() -> None:
    calls: list[str] = []
    x = leaf([0.1, 0.2, 0.3])
    with graph.saved_tensors_hooks(lambda t: calls.append("outer") or t, lambda t: t):
        y = x.exp()
        with graph.saved_tensors_hooks(lambda t: calls.append("inner") or t, lambda t: t):
            z = y.exp()
        w = z.exp()
    assert calls == ["outer", "inner", "outer"]
    w.sum().backward()


def test_nothing_is_packed_when_nothing_is_recorded() -> None:
    packed: list[Any] = []
    with graph.saved_tensors_hooks(lambda t: packed.append(1) or t, lambda t: t):
        ft.tensor(X).exp()
        with ft.no_grad():
            leaf().exp()
        leaf() + 1.0
    assert packed == []


def test_changing_a_packed_value_in_place_is_refused() -> None:
    def pack(t: Any) -> Any:
        t.mul_(2.0)
        return t

    x = leaf()
    with graph.saved_tensors_hooks(pack, lambda t: t), pytest.raises(RuntimeError, match=r"(?i)in-?place"):
        x.clone() * ft.tensor(X)


def test_an_error_in_a_hook_comes_out() -> None:
    def refuse(t: Any) -> Any:
        raise KeyError("no")

    x = leaf()
    with graph.saved_tensors_hooks(refuse, lambda t: t), pytest.raises(KeyError):
        x.exp()
    with graph.saved_tensors_hooks(lambda t: t, refuse):
        y = x.exp()
    with pytest.raises(KeyError):
        y.sum().backward()


def test_retained_graphs_unpack_again() -> None:
    unpacked: list[int] = []
    x = leaf()
    with graph.saved_tensors_hooks(lambda t: t, lambda t: unpacked.append(1) or t):
        y = x.exp().sum()
    y.backward(retain_graph=True)
    y.backward()
    assert len(unpacked) == 2
    np.testing.assert_allclose(x.grad, 2 * np.exp(X), rtol=1e-15)


def test_hooks_and_a_custom_function() -> None:
    class Square(ft.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 2 * x * g

    packed: list[Any] = []
    x = leaf()
    with graph.saved_tensors_hooks(lambda t: packed.append(t.tolist()) or t, lambda t: t):
        y = Square.apply(x)
    y.sum().backward()
    assert packed == [X]
    assert x.grad.tolist() == [1.0, 2.0, 4.0]


def test_double_backward_through_hooks() -> None:
    x = leaf()
    with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        y = (x.exp() * x).sum()
        (g,) = ft.autograd.grad(y, x, create_graph=True)
    (h,) = ft.autograd.grad(g.sum(), x)
    values = np.array(X)
    np.testing.assert_allclose(h, np.exp(values) * (2 + values), rtol=1e-14)


def test_save_on_cpu_changes_nothing_in_the_result() -> None:
    x = leaf()
    with graph.save_on_cpu():
        y = (x.exp() * x.sin()).sum()
    y.backward()
    values = np.array(X)
    np.testing.assert_allclose(x.grad, np.exp(values) * (np.sin(values) + np.cos(values)), rtol=1e-14)
    with graph.save_on_cpu(pin_memory=False):
        assert x.exp().requires_grad
