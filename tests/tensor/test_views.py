"""Views: they share memory and history with their base, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.tensor import tensor as tensor_module
from functorch_lite.tensor.in_place import derive_history

X = [1.0, 2.0, 3.0, 4.0]
G = [1.0, 10.0, 100.0, 1000.0]


def leaf(values: Any = X) -> Any:
    return ft.tensor(values, requires_grad=True)


def weighted(y: Any) -> Any:
    return (y * ft.tensor(G).reshape(y.shape)).sum()


def test_a_change_of_a_view_reaches_the_base_and_its_gradient() -> None:
    x = leaf()
    y = x * 1.0
    y[0:2].mul_(3.0)
    assert y.tolist() == [3.0, 6.0, 3.0, 4.0]
    weighted(y).backward()
    assert x.grad.tolist() == [3.0, 30.0, 100.0, 1000.0]


def test_a_change_of_the_base_reaches_a_view_taken_before() -> None:
    x = leaf()
    y = x * 1.0
    v = y[1:3]
    y.mul_(5.0)
    assert v.tolist() == [10.0, 15.0]
    (v * ft.tensor([1.0, 2.0])).sum().backward()
    assert x.grad.tolist() == [0.0, 5.0, 10.0, 0.0]


def test_backward_through_base_and_view_after_a_change_of_the_view() -> None:
    x = leaf()
    y = x * 1.0
    v = y[1:3]
    v.mul_(3.0)
    (weighted(y) + v.sum()).backward()
    assert x.grad.tolist() == [1.0, 3 * 11.0, 3 * 101.0, 1000.0]


def test_overlapping_views() -> None:
    x = leaf()
    y = x * 1.0
    a, b = y[0:3], y[1:4]
    a.mul_(2.0)
    b.mul_(3.0)
    assert y.tolist() == [2.0, 12.0, 18.0, 12.0]
    assert a.tolist() == [2.0, 12.0, 18.0]
    weighted(y).backward()
    assert x.grad.tolist() == [2.0, 60.0, 600.0, 3000.0]


def test_views_of_views() -> None:
    x = leaf()
    y = x * 1.0
    y.reshape(2, 2)[1][0:1].mul_(7.0)
    assert y.tolist() == [1.0, 2.0, 21.0, 4.0]
    weighted(y).backward()
    assert x.grad.tolist() == [1.0, 10.0, 700.0, 1000.0]


def test_a_scalar_view() -> None:
    x = leaf()
    y = x * 1.0
    s = y[2]
    assert s.shape == ()
    s.mul_(7.0)
    assert y.tolist() == [1.0, 2.0, 21.0, 4.0]
    y.add_(1.0)
    assert s.item() == 22.0
    (weighted(y) + s).backward()
    assert x.grad.tolist() == [1.0, 10.0, 707.0, 1000.0]


VIEWS: dict[str, Callable[[Any], Any]] = {
    "reshape": lambda y: y.reshape(2, 2),
    "view": lambda y: y.view(2, 2),
    "flatten": lambda y: y.reshape(2, 2).flatten(),
    "transpose": lambda y: y.reshape(2, 2).T,
    "swapaxes": lambda y: y.reshape(2, 2).swapaxes(0, 1),
    "permute": lambda y: y.reshape(1, 2, 2).permute(2, 0, 1),
    "mT": lambda y: y.reshape(2, 2).mT,
    "squeeze": lambda y: y.reshape(1, 4).squeeze(0),
    "unsqueeze": lambda y: y.unsqueeze(0),
    "new axis": lambda y: y[:, None],
    "ellipsis": lambda y: y.reshape(2, 2)[..., 0],
    "every other": lambda y: y[::2],
    "row": lambda y: y.reshape(2, 2)[1],
    "column": lambda y: y.reshape(2, 2)[:, 1],
    "element": lambda y: y.reshape(2, 2)[1, 0],
    "diagonal": lambda y: y.reshape(2, 2).diagonal(),
    "all": lambda y: y[:],
    "detour": lambda y: y.reshape(2, 2).T.reshape(2, 2, 1)[1:, :, 0],
}


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_writes_through(name: str) -> None:
    x = leaf()
    y = x * 1.0
    expected = np.array(X)
    view = VIEWS[name](y)
    hit = np.isin(np.arange(4), VIEWS[name](ft.arange(4)).numpy())
    view.mul_(3.0)
    expected[hit] *= 3.0
    assert y.tolist() == expected.tolist()
    (weighted(y) + view.sum()).backward()
    np.testing.assert_array_equal(x.grad, np.where(hit, 3.0 * (np.array(G) + 1.0), G))


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_sees_a_change_of_its_base(name: str) -> None:
    x = leaf()
    y = x * 1.0
    view = VIEWS[name](y)
    hit = np.isin(np.arange(4), VIEWS[name](ft.arange(4)).numpy())
    y.mul_(3.0)
    view.sum().backward()
    np.testing.assert_array_equal(x.grad, np.where(hit, 3.0, 0.0))


def test_a_view_of_a_leaf_is_refused() -> None:
    x = leaf()
    for v in (x[0:2], x.reshape(2, 2), x[0], x[:].T):
        with pytest.raises(RuntimeError, match=r"(?i)view of a leaf"):
            v.mul_(2.0)
    assert x.tolist() == X


def test_a_view_of_a_leaf_changes_under_no_grad() -> None:
    x = leaf()
    with ft.no_grad():
        x[0:2].zero_()
        x[3].add_(1.0)
    assert x.tolist() == [0.0, 0.0, 3.0, 5.0]
    x.sum().backward()
    assert x.grad.tolist() == [1.0] * 4


def test_a_view_of_a_constant_that_takes_in_a_traced_value() -> None:
    x, y = leaf(), ft.zeros(4)
    v = y[1:3]
    v.copy_(x[0:2])
    assert y.requires_grad
    assert y.tolist() == [0.0, 1.0, 2.0, 0.0]
    weighted(y).backward()
    assert x.grad.tolist() == [10.0, 100.0, 0.0, 0.0]


def test_a_constant_base_that_takes_in_a_traced_value_reaches_its_views() -> None:
    x, y = leaf(), ft.zeros(4)
    v = y[1:3]
    y.add_(x)
    assert v.requires_grad
    v.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_a_copy_is_no_view() -> None:
    x = leaf()
    y = x * 1.0
    c = y[ft.tensor([0, 1])]
    c.mul_(3.0)
    assert y.tolist() == X
    (weighted(y) + c.sum()).backward()
    assert x.grad.tolist() == [4.0, 13.0, 100.0, 1000.0]


def test_a_view_keeps_its_base_alive_and_right() -> None:
    x = leaf()
    y = x * 2.0
    v = y[1:3]
    del y
    v.mul_(3.0)
    v.sum().backward()
    assert x.grad.tolist() == [0.0, 6.0, 6.0, 0.0]


def test_many_changes_through_many_views() -> None:
    x = leaf()
    y = x * 1.0
    for i in range(4):
        y[i].mul_(float(i + 1))
        y[i : i + 1].add_(x[i])
    assert y.tolist() == [2.0, 6.0, 12.0, 20.0]
    weighted(y).backward()
    assert x.grad.tolist() == [2.0, 30.0, 400.0, 5000.0]


def test_fibonacci_by_views() -> None:
    x = leaf([1.0, 1.0])
    y = ft.zeros(8)
    y[0:2] = x
    for i in range(2, 8):
        y[i] = y[i - 1] + y[i - 2]
    assert y.tolist() == [1.0, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0]
    y[7].backward()
    assert x.grad.tolist() == [8.0, 13.0]


def test_base_says_whose_view_it_is() -> None:
    y = leaf() * 1.0
    v = y[1:3][0:1]
    assert v._base is y
    assert y._base is None


def test_row_after_row() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    y = x * 1.0
    for i in range(2):
        y[i].mul_(10.0**i)
    assert y.tolist() == [[1.0, 2.0], [30.0, 40.0]]
    y.sum().backward()
    assert x.grad.tolist() == [[1.0, 1.0], [10.0, 10.0]]


def test_an_expanded_view_is_not_written() -> None:
    y = leaf([1.0]) * 1.0
    with pytest.raises(RuntimeError):
        y.expand(3).mul_(2.0)


def test_a_contiguous_tensor_is_laid_out_in_c_order() -> None:
    x = leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for y in (x * 1.0).T, (x.T * 1.0):
        c = y.contiguous()
        assert c.is_contiguous()
        assert c.view(-1).tolist() == [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
    y = (x * 1.0).T
    c = y.contiguous()
    c.mul_(3.0)
    assert y.tolist() == x.T.tolist()
    z = x * 1.0
    z.contiguous().mul_(3.0)
    assert z.tolist() == [[3.0, 6.0, 9.0], [12.0, 15.0, 18.0]]


def test_view_refuses_to_copy() -> None:
    y = ft.zeros((2, 3))
    with pytest.raises((RuntimeError, ValueError)):
        y.T.view(-1)
    y.T.reshape(-1).add_(1.0)
    assert not y.any()


# --- When views learn of a write --------------------------------------------------------------------------------------


def test_views_that_are_not_used_cost_a_write_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    derived = []

    def counting(view: Any) -> None:
        derived.append(view)
        derive_history(view)

    monkeypatch.setattr(tensor_module, "derive_history", counting)
    y = ft.ones(50, requires_grad=True) * 1.0
    rows = [y[i] for i in range(50)]
    for row in rows:
        row.mul_(2.0)
    assert len(derived) <= 2 * len(rows)
    assert y.tolist() == [2.0] * 50
    derived.clear()
    assert all(row.requires_grad for row in rows)
    assert all(row.requires_grad for row in rows)
    assert len(derived) <= len(rows)


def test_a_view_learns_of_each_write() -> None:
    x = leaf()
    y = x * 1.0
    v, w = y[0:2], y[1:3]
    for k in range(1, 4):
        y.mul_(2.0)
        (g,) = ft.autograd.grad(v.sum(), x, retain_graph=True)
        assert g.tolist() == [2.0**k, 2.0**k, 0.0, 0.0]
    v.mul_(10.0)
    (g,) = ft.autograd.grad(w.sum(), x)
    assert g.tolist() == [0.0, 80.0, 8.0, 0.0]


def test_a_view_that_is_first_used_under_no_grad_has_its_history_after() -> None:
    x = leaf()
    y = x * 1.0
    v = y[0:2]
    y.mul_(3.0)
    with ft.no_grad():
        assert v.requires_grad
        assert not (v * 2.0).requires_grad
    v.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0, 0.0, 0.0]


def test_a_view_retains_the_gradient_of_its_new_value() -> None:
    x = leaf()
    y = x * 1.0
    v = y[0:2]
    v.retain_grad()
    y.mul_(3.0)
    y.mul_(2.0)
    (v * 5.0).sum().backward()
    assert v.grad.tolist() == [5.0, 5.0]
    assert x.grad.tolist() == [30.0, 30.0, 0.0, 0.0]


def test_views_taken_before_a_change_of_shape_learn_of_later_writes() -> None:
    x = leaf()
    y = x.reshape(2, 2) * 1.0
    row = y[0]
    y.mul_(2.0)
    y.t_()
    y.mul_(3.0)
    row.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0, 0.0, 0.0]


# What NumPy or PyTorch copies, though it could be a view.
COPIES: dict[str, Callable[[Any], Any]] = {
    "flip": lambda x: x.flip(0),
    "fliplr": lambda x: x.fliplr(),
    "flipud": lambda x: ft.flipud(x),
    "rot90": lambda x: x.rot90(2),
    "rot90 by nothing": lambda x: x.rot90(0),
    "diag": lambda x: ft.diag(x),
    "tile": lambda x: x.tile(1),
    "np.tile": lambda x: np.tile(x, (1, 1)),
    "tile of a column": lambda x: x[:, :1].tile(1, 3),
    "repeat": lambda x: x.repeat(1, 1),
    "repeat of a column": lambda x: x[:, :1].repeat(1, 3),
    "np.repeat": lambda x: np.repeat(x, 1, axis=0),
    "repeat_interleave": lambda x: x[:, :1].repeat_interleave(3, dim=1),
    "matrix_power": lambda x: x.matrix_power(1),
    "diff": lambda x: x.diff(n=0),
    "block": lambda x: np.block(x),
    "full_like": lambda x: np.full_like(x, x),
    "clip": lambda x: np.clip(x, None, None),
    "astype": lambda x: x.astype(float),
    "np.astype": lambda x: np.astype(x, float),
}


@pytest.mark.parametrize("is_recorded", [True, False])
@pytest.mark.parametrize("name", COPIES)
def test_a_write_to_a_copy_reaches_nothing_else(name: str, is_recorded: bool) -> None:
    x = ft.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=is_recorded)
    y = x * 1.0 if is_recorded else x
    copied = COPIES[name](y)
    expected = COPIES[name](y.detach().clone())
    assert not np.shares_memory(copied.data, y.data)
    copied.mul_(10.0)
    y.add_(1.0)
    assert copied.tolist() == (10.0 * expected).tolist()
    assert y.tolist() == [[2.0, 3.0], [4.0, 5.0]]
    if is_recorded:
        copied.sum().backward()
        assert x.grad.sum() == 10.0 * copied.numel()


def test_the_flipped_view_of_numpy_is_one_still() -> None:
    y = ft.tensor([1.0, 2.0])
    np.flip(y).mul_(2.0)
    assert y.tolist() == [2.0, 4.0]


def test_astype_may_be_told_not_to_copy() -> None:
    y = ft.tensor([1.0, 2.0])
    assert y.astype(float, copy=False) is y
    assert y.to(float) is y
