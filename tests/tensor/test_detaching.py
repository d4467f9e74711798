"""Leaving the graph: ``detach``, ``detach_``, ``clone``, ``copy``, ``data`` and ``set_``, and the memory they share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.errors import TracerConversionError


def leaf(values: Any = (1.0, 2.0, 3.0)) -> Any:
    return ft.tensor(list(values), requires_grad=True)


def test_detach_leaves_the_graph_and_shares_memory() -> None:
    y = leaf() * 2.0
    d = y.detach()
    assert not d.requires_grad
    assert d.is_leaf
    assert d.grad_fn is None
    assert y.requires_grad
    d[0] = 100.0
    assert y.tolist() == [100.0, 4.0, 6.0]
    y.detach().add_(1.0)
    assert d.tolist() == [101.0, 5.0, 7.0]


def test_no_gradient_flows_through_detach() -> None:
    x = leaf()
    (x * x.detach()).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 3.0]


def test_a_detached_tensor_may_require_grad_by_itself() -> None:
    x = leaf()
    d = (x * 2.0).detach().requires_grad_()
    (d * d).sum().backward()
    assert d.grad.tolist() == [4.0, 8.0, 12.0]
    assert x.grad is None


def test_detach_in_place() -> None:
    x = leaf()
    y = x * 2.0
    assert y.detach_() is y
    assert not y.requires_grad
    assert y.is_leaf
    assert y.grad_fn is None
    (x + y).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_detach_in_place_leaves_earlier_results_alone() -> None:
    x = leaf()
    y = x * 2.0
    z = y * 3.0
    y.detach_()
    z.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0, 6.0]


def test_detach_in_place_of_a_leaf() -> None:
    x = leaf()
    x.detach_()
    assert not x.requires_grad


def test_a_view_cannot_be_detached_in_place() -> None:
    y = leaf() * 2.0
    with pytest.raises(RuntimeError, match="view"):
        y[0:2].detach_()


def test_clone_copies_and_stays_in_the_graph() -> None:
    x = leaf()
    y = x.clone()
    assert y.requires_grad
    assert not y.is_leaf
    y.add_(10.0)
    assert x.tolist() == [1.0, 2.0, 3.0]
    (y * 2.0).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_clone_of_a_constant_is_a_constant_of_its_own() -> None:
    x = ft.tensor([1.0, 2.0])
    y = x.clone()
    y.zero_()
    assert x.tolist() == [1.0, 2.0]
    assert not y.requires_grad


@pytest.mark.parametrize("value", [[True, False], [[True], [False]], True])
def test_copies_of_truth_values(value: Any) -> None:
    mask = ft.tensor(value)
    for y in (mask.clone(), np.copy(mask)):
        assert y.dtype == bool
        assert not (y ^ mask).any()
        y.logical_not_()
        assert (y ^ mask).all()
    batch = np.array([[True, False], [False, True]])
    for copied in (ft.vmap(lambda m: m.clone())(batch), ft.vmap(np.copy)(batch), ft.jit(lambda m: m.clone())(batch)):
        assert copied.tolist() == batch.tolist()


def test_writing_into_truth_values() -> None:
    y = ft.zeros(2, dtype=bool)
    y |= ft.tensor([True, False])
    assert y.tolist() == [True, False]
    assert y.clone().fill_(True).tolist() == [True, True]
    assert y.clone().zero_().tolist() == [False, False]
    assert y.clone().copy_(ft.tensor([False, True])).tolist() == [False, True]
    y[1] = True
    assert y.bitwise_not_().tolist() == [False, False]


def test_detach_then_clone_is_a_snapshot() -> None:
    y = leaf() * 2.0
    snapshot = y.detach().clone()
    y.mul_(0.0)
    assert snapshot.tolist() == [2.0, 4.0, 6.0]
    assert not snapshot.requires_grad


def test_requires_grad_of_the_original_is_not_that_of_the_alias() -> None:
    x = ft.tensor([1.0, 2.0])
    d = x.detach()
    x.requires_grad_()
    assert not d.requires_grad


def test_detach_of_a_constant_shares_memory_too() -> None:
    x = ft.tensor([1.0, 2.0])
    x.detach().mul_(2.0)
    assert x.tolist() == [2.0, 4.0]


def test_set_replaces_the_value() -> None:
    x = ft.tensor([1.0, 2.0])
    y = ft.tensor([3.0, 4.0, 5.0])
    x.set_(y)
    assert x.tolist() == [3.0, 4.0, 5.0]
    y[0] = 30.0
    assert x.tolist() == [30.0, 4.0, 5.0]


# --- What PyTorch's ``data`` is not: here it is the raw array ---------------------------------------------------------


def test_copy_leaves_the_graph_and_shares_nothing() -> None:
    y = leaf() * 2.0
    c = y.copy()
    assert not c.requires_grad
    assert c.is_leaf
    c[0] = 100.0
    assert y.tolist() == [2.0, 4.0, 6.0]


def test_data_is_the_raw_array() -> None:
    x = leaf()
    assert type(x.data) is np.ndarray
    np.testing.assert_array_equal(x.data, [1.0, 2.0, 3.0])
    y = x * 2.0
    assert y.detach().data is y.data
    assert y.clone().data is not y.data


def test_writing_into_data_is_not_tracked() -> None:
    x = leaf()
    x.data[0] = 10.0
    assert x.tolist() == [10.0, 2.0, 3.0]
    assert x.is_leaf
    (x * x).sum().backward()
    assert x.grad.tolist() == [20.0, 4.0, 6.0]
    x.data -= 0.5 * x.grad.data
    assert x.tolist() == [0.0, 0.0, 0.0]
    assert x.requires_grad


def test_assigning_data_replaces_the_value_of_a_leaf() -> None:
    x = leaf()
    x.data = np.array([4.0, 5.0, 6.0])
    assert x.requires_grad
    (x * x).sum().backward()
    assert x.grad.tolist() == [8.0, 10.0, 12.0]
    x.data = x.data - 0.1 * x.grad.data
    np.testing.assert_allclose(x.tolist(), [3.2, 4.0, 4.8], rtol=1e-15)


def test_assigning_data_may_change_the_shape() -> None:
    x = leaf()
    x.data = np.ones((2, 2))
    assert x.shape == (2, 2)
    x.sum().backward()
    assert x.grad.shape == (2, 2)


def test_assigning_data_leaves_earlier_results_alone() -> None:
    x = leaf()
    y = x * x
    x.data = np.zeros(3)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_a_tensor_may_be_assigned_to_data() -> None:
    x = leaf()
    x.data = ft.tensor([4.0, 5.0, 6.0])
    assert type(x.data) is np.ndarray
    assert x.tolist() == [4.0, 5.0, 6.0]


@pytest.mark.parametrize("transform", [ft.jit, lambda f: ft.jit(ft.grad(f))])
def test_the_raw_array_of_a_tensor_that_a_program_reads_is_refused_with_the_remedy(transform: Any) -> None:
    w = ft.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TracerConversionError, match=r"numpy\(\) of a traced float64\[2\] at test_detaching.*leave"):
        transform(lambda x: x * w.detach().numpy().sum())(2.0)
    assert transform(lambda x: x * w.detach().sum())(2.0) in (6.0, 3.0)
