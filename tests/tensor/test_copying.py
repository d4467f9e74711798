"""``copy``, ``deepcopy`` and ``pickle`` of tensors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def leaf(values: Any = (1.0, 2.0)) -> Any:
    return ft.tensor(list(values), requires_grad=True)


def test_a_deep_copy_of_a_leaf() -> None:
    x = leaf()
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    assert y is not x
    assert y.requires_grad
    assert y.is_leaf
    assert y.tolist() == [1.0, 2.0]
    assert y.grad.tolist() == [2.0, 4.0]
    y.grad.zero_()
    with ft.no_grad():
        y.zero_()
    assert x.tolist() == [1.0, 2.0]
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_deep_copy_of_a_constant() -> None:
    x = ft.tensor([1.0, 2.0])
    y = copy.deepcopy(x)
    y.zero_()
    assert x.tolist() == [1.0, 2.0]
    assert not y.requires_grad


def test_an_interior_tensor_has_no_deep_copy() -> None:
    with pytest.raises(RuntimeError, match=r"(?i)leaf|leaves|graph|explicitly"):
        copy.deepcopy(leaf() * 2.0)


def test_a_deep_copy_keeps_identities() -> None:
    x = leaf()
    model = {"a": x, "b": [x, ft.tensor(1.0)]}
    copied = copy.deepcopy(model)
    assert copied["a"] is copied["b"][0]
    assert copied["a"] is not x


def test_copies_have_no_hooks_of_the_original_graph() -> None:
    x = leaf()
    y = copy.deepcopy(x)
    (x * 3.0).sum().backward()
    assert y.grad is None
    (y * 2.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_leaves_are_pickled(protocol: int) -> None:
    x = leaf()
    y = pickle.loads(pickle.dumps(x, protocol))
    assert y.tolist() == [1.0, 2.0]
    assert y.requires_grad
    assert y.is_leaf
    (y * 3.0).sum().backward()
    assert y.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize("dtype", [ft.float32, ft.float64, ft.int64, ft.bool, ft.complex128])
def test_dtype_and_shape_survive(dtype: Any) -> None:
    x = ft.ones((2, 0, 3), dtype=dtype)
    y = pickle.loads(pickle.dumps(x))
    assert (y.shape, y.dtype) == ((2, 0, 3), dtype)


def test_pickles_of_many_tensors_keep_identities() -> None:
    x = leaf()
    a, b = pickle.loads(pickle.dumps((x, x)))
    assert a is b


def test_a_pickle_of_a_view_holds_what_is_seen() -> None:
    base = ft.arange(6.0).reshape(2, 3)
    y = pickle.loads(pickle.dumps(base[:, 1]))
    assert y.tolist() == [1.0, 4.0]


def test_a_shallow_copy_shares_memory() -> None:
    x = ft.tensor([1.0, 2.0])
    y = copy.copy(x)
    y[0] = 7.0
    assert x.tolist() == [7.0, 2.0]


def test_state_in_a_dictionary_survives_a_round_trip() -> None:
    state = {"w": leaf().detach(), "step": 3}
    again = pickle.loads(pickle.dumps(state))
    np.testing.assert_array_equal(again["w"], [1.0, 2.0])
    assert again["step"] == 3
