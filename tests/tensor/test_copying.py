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


def test_deep_copies_share_memory_where_the_originals_do() -> None:
    base = ft.arange(6.0)
    model = {"base": base, "part": base[1:4:2], "matrix": base.reshape(2, 3).T, "other": ft.zeros(6)}
    copied = copy.deepcopy(model)
    copied["base"][3] = 9.0
    assert copied["part"].tolist() == [1.0, 9.0]
    assert copied["matrix"].tolist() == [[0.0, 9.0], [1.0, 4.0], [2.0, 5.0]]
    copied["matrix"][0, 0] = 7.0
    assert copied["base"].tolist() == [7.0, 1.0, 2.0, 9.0, 4.0, 5.0]
    assert base.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert not any(np.shares_memory(a.data, b.data) for a in copied.values() for b in model.values())
    assert not np.shares_memory(copied["base"].data, copied["other"].data)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
        np.arange(6.0)[::-1],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((2, 0, 3)),
        np.array(3.0),
        np.frombuffer(np.arange(3.0).tobytes()),
        np.broadcast_to(np.arange(3.0), (2, 3)),
        np.lib.stride_tricks.sliding_window_view(np.arange(5.0), 3),
        np.arange(12, dtype=np.int16)[1::3],
    ],
)
def test_a_deep_copy_of_any_array(array: Any) -> None:
    x = ft.from_numpy(array)
    y, z = copy.deepcopy([x, x.detach()])
    np.testing.assert_array_equal(y.data, array)
    assert (y.dtype, y.data.strides) == (array.dtype, array.strides)
    assert np.shares_memory(y.data, z.data) == bool(array.size)
    assert not np.shares_memory(y.data, array)


def test_a_large_matrix_is_copied_to_where_a_line_of_the_cache_begins() -> None:
    x = ft.zeros(64, 64)
    y = copy.deepcopy(x)
    for a in (x, y):
        assert a.data.__array_interface__["data"][0] % 64 == 0


def test_a_leaf_and_what_shares_its_memory_are_deeply_copied_together() -> None:
    x = leaf()
    (x * x).sum().backward()
    parameter, gradient, values, alias = copy.deepcopy([x, x.grad, x.detach(), x.data])
    assert parameter.grad is gradient
    with ft.no_grad():
        parameter[0] = 7.0
    assert values.tolist() == alias.tolist() == [7.0, 2.0]
    assert x.tolist() == [1.0, 2.0]


def test_a_deep_copy_has_copies_of_the_users_attributes() -> None:
    x = leaf()
    x.tags = ["weight"]
    x.partner = x
    y = copy.deepcopy(x)
    assert y.tags == ["weight"]
    assert y.tags is not x.tags
    assert y.partner is y


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
