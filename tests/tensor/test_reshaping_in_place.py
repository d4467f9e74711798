"""Methods that change the shape of a tensor in place, and ``index_put_``: values, views, histories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.arange(1.0, 7.0).reshape(2, 3)
G = np.array([1.0, 10.0, 100.0, 1e3, 1e4, 1e5])

#: In place and not, on a tensor of shape (2, 3).
RESHAPING: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "t_": (lambda y: y.t_(), lambda y: y.T),
    "transpose_": (lambda y: y.transpose_(0, -1), lambda y: y.T),
    "swapaxes_": (lambda y: y.swapaxes_(0, 1), lambda y: y.T),
    "swapdims_": (lambda y: y.swapdims_(1, 0), lambda y: y.T),
    "unsqueeze_": (lambda y: y.unsqueeze_(1), lambda y: y.reshape(2, 1, 3)),
    "squeeze_ of nothing": (lambda y: y.squeeze_(), lambda y: y.reshape(2, 3)),
    "there and back": (lambda y: y.unsqueeze_(-1).squeeze_(-1), lambda y: y.reshape(2, 3)),
    "two steps": (lambda y: y.t_().unsqueeze_(0), lambda y: y.T.reshape(1, 3, 2)),
    "squeeze_ of one": (lambda y: y.unsqueeze_(0).unsqueeze_(0).squeeze_(dim=1), lambda y: y.reshape(1, 2, 3)),
}


def leaf(values: Any = X) -> Any:
    return ft.tensor(values, requires_grad=True)


def weighted(y: Any) -> Any:
    return (y * ft.tensor(G[: y.numel()]).reshape(y.shape)).sum()


@pytest.mark.parametrize("name", RESHAPING)
def test_the_tensor_itself_changes_its_shape_with_its_history(name: str) -> None:
    in_place, plain = RESHAPING[name]
    x, other = leaf(), leaf()
    y, z = x * 2.0, plain(other * 2.0)
    same = in_place(y)
    assert same is y
    assert y.shape == z.shape
    assert y.tolist() == z.tolist()
    weighted(y * y).backward()
    weighted(z * z).backward()
    assert x.grad.tolist() == other.grad.tolist()


@pytest.mark.parametrize("name", RESHAPING)
def test_views_taken_before_and_writes_after(name: str) -> None:
    in_place, plain = RESHAPING[name]
    x = leaf()
    y = x * 1.0
    row, whole = y[0], y.reshape(6)
    in_place(y)
    y.mul_(3.0)
    whole[0] = 0.0
    assert row.tolist() == [0.0, 6.0, 9.0]
    expected = np.array([0.0, 6.0, 9.0, 12.0, 15.0, 18.0])
    assert y.tolist() == plain(expected.reshape(2, 3)).tolist()
    assert whole.tolist() == expected.tolist()
    weighted(whole).backward()
    np.testing.assert_array_equal(x.grad.data.reshape(6), 3.0 * G * (np.arange(6) > 0))


@pytest.mark.parametrize("name", RESHAPING)
def test_a_tensor_without_a_history(name: str) -> None:
    in_place, plain = RESHAPING[name]
    table = ft.tensor(X)
    alias = table.detach()
    in_place(table)
    assert table.is_leaf
    assert not table._is_view()
    table.add_(1.0)
    assert table.tolist() == plain(X + 1.0).tolist()
    assert alias.tolist() == (X + 1.0).tolist()


@pytest.mark.parametrize("name", RESHAPING)
def test_a_view_changes_its_shape_and_stays_a_view(name: str) -> None:
    in_place, plain = RESHAPING[name]
    x = leaf(np.stack([X, X]))
    y = x * 1.0
    part = y[1]
    in_place(part)
    assert part._base is y
    part.mul_(2.0)
    assert y.tolist() == [X.tolist(), (2.0 * X).tolist()]
    assert part.tolist() == plain(2.0 * X).tolist()
    weighted(part).backward()
    assert x.grad.tolist()[0] == np.zeros((2, 3)).tolist()


def test_a_retained_gradient_has_the_new_shape() -> None:
    y = leaf() * 1.0
    y.retain_grad()
    y.t_()
    weighted(y).backward()
    assert y.grad.tolist() == G.reshape(3, 2).tolist()


@pytest.mark.parametrize("name", RESHAPING)
def test_a_leaf_that_requires_grad_is_refused(name: str) -> None:
    x = leaf()
    with pytest.raises(RuntimeError, match="leaf tensor that requires grad is being used in an in-place operation"):
        RESHAPING[name][0](x)
    assert x.shape == (2, 3)


def test_a_parameter_changes_its_shape_where_nothing_is_recorded() -> None:
    x = leaf()
    with ft.no_grad():
        x.t_()
    assert x.is_leaf
    assert x.requires_grad
    weighted(x).backward()
    assert x.grad.tolist() == G.reshape(3, 2).tolist()


def test_a_result_is_refused_where_nothing_is_recorded() -> None:
    y = leaf() * 1.0
    with ft.no_grad(), pytest.raises(RuntimeError, match="its history could not follow its shape"):
        y.t_()
    assert y.shape == (2, 3)


def test_t_of_more_than_two_axes_is_refused_and_changes_nothing() -> None:
    y = ft.zeros(2, 3, 4)
    with pytest.raises(ValueError, match="at most two axes"):
        y.t_()
    assert y.shape == (2, 3, 4)


INDICES: dict[str, tuple[tuple[Any, ...], Any]] = {
    "rows": ((ft.tensor([1, 0]),), X[:2] * 10.0),
    "a row twice": ((ft.tensor([1, 1]),), X[:2] * 10.0),
    "elements": ((ft.tensor([0, 1, 1]), ft.tensor([2, 0, 0])), np.array([5.0, 6.0, 7.0])),
    "columns": ((None, ft.tensor([0, 2])), X[:, :2] * 10.0),
    "a number": ((ft.tensor([0, 1]), ft.tensor([0, 1])), np.float64(8.0)),
    "a mask": ((ft.tensor(X > 2.0),), np.array([1.0, 2.0, 3.0, 4.0])),
}


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("name", INDICES)
def test_index_put(name: str, accumulate: bool) -> None:
    indices, values = INDICES[name]
    key = tuple(slice(None) if k is None else k.numpy() for k in indices)
    expected = X.copy()
    if accumulate:
        np.add.at(expected, key, values)
    else:
        expected[key] = values
    x, v = leaf(), leaf(values)
    y = x * 1.0
    assert y.index_put_(indices, v, accumulate) is y
    assert y.tolist() == expected.tolist()
    assert x.index_put(indices, v, accumulate).tolist() == expected.tolist()
    weighted(y).backward()
    weights = G.reshape(2, 3)
    kept = weights.copy()
    if not accumulate:
        kept[key] = 0.0
    assert x.grad.tolist() == kept.tolist()
    numbers = np.zeros((2, 3))
    numbers[key] = np.arange(np.size(expected[key])).reshape(expected[key].shape)
    last = numbers[key] == np.arange(np.size(expected[key])).reshape(expected[key].shape)
    pulled = weights[key] * (1.0 if accumulate else last)
    np.testing.assert_array_equal(v.grad.data, pulled if pulled.shape == v.shape else np.sum(pulled))


def test_index_put_under_transformations() -> None:
    def f(x: Any, v: Any) -> Any:
        return (x.index_put((np.array([0, 0, 1]),), v, accumulate=True) ** 2).sum()

    v = np.ones((3, 3))
    by_x, by_v = ft.grad(f, (0, 1))(X, v)
    total = X + np.array([[2.0], [1.0]])
    np.testing.assert_array_equal(by_x, 2.0 * total)
    np.testing.assert_array_equal(by_v, 2.0 * total[[0, 0, 1]])
    np.testing.assert_array_equal(ft.vmap(ft.grad(f), (0, None))(np.stack([X, -X]), v)[0], by_x)


def test_index_put_of_a_leaf_that_requires_grad_is_refused() -> None:
    with pytest.raises(RuntimeError, match="index_put_"):
        leaf().index_put_((ft.tensor([0]),), ft.tensor(1.0))
