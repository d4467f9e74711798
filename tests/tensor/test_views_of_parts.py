"""Views that come several at once, and views of the parts of complex numbers: they share history as all views do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

PARTS: dict[str, Callable[[Any], Any]] = {
    "split": lambda y: y.split(2),
    "split, by sizes": lambda y: y.split([1, 3]),
    "split, along the second axis": lambda y: y.reshape(2, 2).split(1, dim=1),
    "chunk": lambda y: y.chunk(2),
    "tensor_split": lambda y: y.tensor_split(3),
    "unbind": lambda y: y.reshape(2, 2).unbind(),
    "unbind, to scalars": lambda y: y.unbind(),
    "np.split": lambda y: np.split(y, 2),
    "np.hsplit": lambda y: np.hsplit(y.reshape(2, 2), 2),
    "np.vsplit": lambda y: np.vsplit(y.reshape(2, 2), 2),
    "np.dsplit": lambda y: np.dsplit(y.reshape(1, 2, 2), 2),
    "np.array_split": lambda y: np.array_split(y, 3),
    "np.array_split, overlapping": lambda y: np.array_split(y, [3, 2]),
    "np.unstack": lambda y: np.unstack(y.reshape(2, 2), axis=1),
    "np.unstack, to scalars": np.unstack,
    "split of a split": lambda y: y.split(2)[1].split(1),
}
G = np.array([1.0, 10.0, 100.0, 1000.0])


@pytest.mark.parametrize("name", PARTS)
def test_a_write_to_one_of_several_parts_reaches_the_base_and_the_others(name: str) -> None:
    x = ft.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = x * 1.0
    parts = PARTS[name](y)
    hit = np.isin(np.arange(4), np.ravel(PARTS[name](ft.arange(4))[0].numpy()))
    parts[0].mul_(3.0)
    np.testing.assert_array_equal(y.detach(), np.where(hit, 3.0, 1.0) * [1.0, 2.0, 3.0, 4.0])
    ((y * G).sum() + parts[0].sum()).backward()
    np.testing.assert_array_equal(x.grad, np.where(hit, 3.0 * (G + 1.0), G))


@pytest.mark.parametrize("name", PARTS)
def test_a_write_to_the_base_reaches_each_of_several_parts(name: str) -> None:
    x = ft.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = x * 1.0
    parts = PARTS[name](y)
    named = PARTS[name](ft.arange(4))
    y.mul_(3.0)
    for part, numbers in zip(parts, named, strict=True):
        (g,) = ft.autograd.grad(part.sum(), x, retain_graph=True)
        np.testing.assert_array_equal(g, np.where(np.isin(np.arange(4), np.ravel(numbers.numpy())), 3.0, 0.0))


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_a_constant_take_in_a_traced_value(name: str) -> None:
    x, buffer = ft.tensor(2.0, requires_grad=True), ft.zeros(4)
    parts = PARTS[name](buffer)
    hit = np.isin(np.arange(4), np.ravel(PARTS[name](ft.arange(4))[0].numpy()))
    parts[0].copy_(x)
    assert buffer.requires_grad
    (buffer * G).sum().backward()
    assert x.grad.item() == G[hit].sum()


def test_parts_that_no_write_has_reached_give_their_cotangents_to_one_operation() -> None:
    y = ft.ones(4, requires_grad=True) * 1.0
    first, second = y.split(2)
    assert first.grad_fn is second.grad_fn
    assert first._base is y


def test_parts_of_a_leaf_are_refused() -> None:
    x = ft.ones(4, requires_grad=True)
    with pytest.raises(RuntimeError, match="view of a leaf"):
        x.split(2)[0].mul_(2.0)


# --- Functions with rules of their own --------------------------------------------------------------------------------


def test_what_a_checkpoint_returns_of_a_constant_is_a_view_of_it() -> None:
    x, buffer = ft.tensor([[1.0, 2.0]], requires_grad=True), ft.zeros(4)
    rows = ft.checkpoint(lambda b: b.reshape(2, 2))(buffer)
    rows.copy_(x)
    (buffer * G).sum().backward()
    assert x.grad.tolist() == [[101.0, 1010.0]]


def test_what_a_recorded_checkpoint_returns_of_its_operand_is_a_copy() -> None:
    x = ft.ones(4, requires_grad=True)
    y = x * 1.0
    rows, square = ft.checkpoint(lambda y: (y.reshape(2, 2), y * y))(y)
    rows.mul_(5.0)
    assert y.tolist() == [1.0] * 4
    (rows.sum() + square.sum()).backward()
    assert x.grad.tolist() == [7.0] * 4


def test_what_a_function_returns_of_its_operand_is_a_copy() -> None:
    class Identity(ft.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 10.0 * g

    for requires_grad in (True, False):
        x = ft.ones(2, requires_grad=requires_grad)
        y = x * 1.0
        z = Identity.apply(y)
        y.mul_(3.0)
        assert z.tolist() == [1.0, 1.0]
    x = ft.ones(2, requires_grad=True)
    Identity.apply(x).sum().backward()
    assert x.grad.tolist() == [10.0, 10.0]


# --- Real and imaginary parts -----------------------------------------------------------------------------------------

Z = [1.0 + 2.0j, 3.0 - 1.0j]
WRITES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "real, one": (lambda y, w: y.real.__setitem__(0, w[0] * w[1]), lambda y, w: _made(y, w[0] * w[1], None, 0)),
    "imag, one": (lambda y, w: y.imag.__setitem__(0, w[0] * w[1]), lambda y, w: _made(y, None, w[0] * w[1], 0)),
    "real, all": (lambda y, w: y.real.__setitem__(slice(None), w * 2.0), lambda y, w: w * 2.0 + 1j * y.imag),
    "imag, all": (lambda y, w: y.imag.__setitem__(slice(None), w * 2.0), lambda y, w: y.real + 2j * w),
    "real.mul_": (lambda y, w: y.real.mul_(w), lambda y, w: y.real * w + 1j * y.imag),
    "imag.mul_": (lambda y, w: y.imag.mul_(w), lambda y, w: y.real + 1j * y.imag * w),
    "real.copy_": (lambda y, w: y.real.copy_(w), lambda y, w: w + 1j * y.imag),
    "imag.copy_": (lambda y, w: y.imag.copy_(w), lambda y, w: y.real + 1j * w),
    "real.zero_": (lambda y, w: y.real.zero_(), lambda y, w: 1j * y.imag),
    "imag.add_": (lambda y, w: y[1:].imag.add_(w[1:]), lambda y, w: y + 1j * w * np.array([0.0, 1.0])),
    "imag, by a mask": (
        lambda y, w: y.imag.__setitem__(np.array([True, False]), w[:1]), lambda y, w: _made(y, None, w[0], 0)
    ),
    "imag, by positions": (
        lambda y, w: y.imag.__setitem__(np.array([0, 0]), w), lambda y, w: _made(y, None, w[1], 0)
    ),
    "of a reshaped view": (
        lambda y, w: y.reshape(2, 1).imag.copy_(w.reshape(2, 1)), lambda y, w: y.real + 1j * w
    ),
}


def _made(y: Any, real: Any, imag: Any, i: int) -> Any:
    """Return `y` with a part of one of its two elements replaced."""
    element = (y[i].real if real is None else real) + 1j * (y[i].imag if imag is None else imag)
    return np.stack([element, y[1]] if i == 0 else [y[0], element])


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", WRITES)
def test_a_write_to_a_part_of_complex_numbers_has_the_derivative_of_the_same_without_mutation(
    name: str, order: int
) -> None:
    results = []
    for k, change in enumerate(WRITES[name]):
        z = ft.tensor(Z, requires_grad=True)
        w = ft.tensor([2.0, -3.0], requires_grad=True)
        y = z * z
        changed = change(y, w)
        y = y if k == 0 else changed
        loss = (abs(y) ** 2 * ft.tensor([1.0, 2.0])).sum() + (y * y).real.sum()
        found = ft.autograd.grad(loss, (z, w), create_graph=order == 2, materialize_grads=True)
        if order == 2:
            total = (abs(found[0]) ** 2).sum() + (found[1] ** 2).sum()
            found = ft.autograd.grad(total, (z, w), materialize_grads=True)
        results.append([y.tolist(), *(g.tolist() for g in found)])
    for actual, expected in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-13)


def test_a_write_to_a_part_of_a_constant() -> None:
    z, w = ft.tensor([1 + 1j, 2.0]), ft.tensor([1.0, 2.0], requires_grad=True)
    z.imag[0] = w[0] * 2
    (z.imag[0] * 3).backward()
    assert w.grad.tolist() == [6.0, 0.0]


# --- How arrays lie in memory -----------------------------------------------------------------------------------------


def test_a_view_that_only_the_layout_of_its_base_allows() -> None:
    x = ft.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    y = x.T * 1.0
    assert y.data.flags.f_contiguous
    y.T.reshape(-1)[0:2].mul_(5.0)
    assert y.T.tolist() == [[5.0, 10.0, 3.0], [4.0, 5.0, 6.0]]
    (g,) = ft.autograd.grad(y.sum(), x, create_graph=True)
    y.sum().backward()
    assert x.grad.tolist() == g.tolist() == [[5.0, 5.0, 1.0], [1.0, 1.0, 1.0]]


# --- Leaves that are views --------------------------------------------------------------------------------------------


def test_a_leaf_that_is_a_view_of_a_constant_stays_a_leaf() -> None:
    flat = ft.zeros(4)
    leaf = flat[:2].requires_grad_()
    flat.add_(1.0)
    assert leaf.requires_grad
    assert leaf.is_leaf
    (leaf * leaf).sum().backward()
    assert leaf.grad.tolist() == [2.0, 2.0]


def test_a_leaf_that_is_a_view_is_not_written() -> None:
    weights = ft.randn(6).view(2, 3).requires_grad_()
    for change in (
        lambda: weights.mul_(2.0),
        lambda: weights[0].mul_(2.0),
        lambda: weights.__setitem__(0, 1.0),
        lambda: weights.zero_(),
    ):
        with pytest.raises(RuntimeError, match="leaf"):
            change()
    with ft.no_grad():
        weights.zero_()
    assert weights.is_leaf
    assert weights.requires_grad


def test_memory_of_a_leaf_takes_in_no_traced_value() -> None:
    x, flat = ft.ones(4, requires_grad=True), ft.zeros(4)
    leaf = flat[:2].requires_grad_()
    for change in (
        lambda: flat.copy_(x),
        lambda: flat[1:].copy_(x[1:]),
        lambda: flat.__setitem__(np.array([0, 3]), x[:2]),
        lambda: flat.__setitem__(3, x[0]),
    ):
        with pytest.raises(RuntimeError, match="a leaf"):
            change()
    assert flat.tolist() == [0.0] * 4
    del leaf
    flat.copy_(x)
    assert flat.requires_grad


# --- Views taken under no_grad ----------------------------------------------------------------------------------------


def test_a_view_taken_under_no_grad_is_written_there_only() -> None:
    x = ft.ones(2, requires_grad=True)
    y = x * 1.0
    with ft.no_grad():
        view = y[:1]
        view.mul_(3.0)
    for change in (lambda: view.mul_(3.0), lambda: view.__setitem__(0, 1.0), lambda: view.zero_()):
        with pytest.raises(RuntimeError, match="no_grad"):
            change()
    assert y.tolist() == [3.0, 1.0]


def test_a_squeeze_that_drops_no_axis_is_written_through() -> None:
    x = ft.ones(2, requires_grad=True)
    y = x * 1.0
    y.squeeze_().mul_(3.0)
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
