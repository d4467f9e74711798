"""``inference_mode``: nothing is recorded in it, and what is made in it stays out of graphs."""

from __future__ import annotations

from typing import Any

import pytest

import functorch_lite as ft


def leaf(values: Any = 2.0) -> Any:
    return ft.tensor(values, requires_grad=True)


def test_nothing_is_recorded() -> None:
    x = leaf()
    with ft.inference_mode():
        assert not ft.is_grad_enabled()
        assert ft.is_inference_mode_enabled()
        y = x * 2.0
        assert not y.requires_grad
        assert y.is_inference()
    assert ft.is_grad_enabled()
    assert not ft.is_inference_mode_enabled()
    assert not (x * 2.0).is_inference()


def test_it_can_be_switched_off() -> None:
    x = leaf()
    with ft.inference_mode(), ft.inference_mode(False):
        assert not ft.is_inference_mode_enabled()
        assert (x * 2.0).requires_grad
    with ft.inference_mode(mode=False):
        assert (x * 2.0).requires_grad


def test_decorators_bare_and_called() -> None:
    @ft.inference_mode()
    def called(x: Any) -> Any:
        return x * 2.0

    @ft.inference_mode
    def bare(x: Any) -> Any:
        return x * 2.0

    for f in (called, bare):
        assert f(leaf()).is_inference()
        assert not f(leaf()).requires_grad
    assert ft.is_grad_enabled()


def test_enable_grad_inside_does_not_make_a_graph() -> None:
    x = leaf()
    with ft.inference_mode(), ft.enable_grad():
        assert not (x * 2.0).requires_grad or not (x * 2.0).is_inference()


def test_an_inference_tensor_takes_part_as_long_as_it_is_not_saved() -> None:
    x = leaf()
    with ft.inference_mode():
        c = ft.tensor(3.0)
    (x + c).backward()
    assert x.grad.item() == 1.0
    with pytest.raises(RuntimeError, match=r"(?i)inference"):
        x * c
    (x * c.clone()).backward()
    assert x.grad.item() == 4.0


def test_an_inference_tensor_never_requires_grad() -> None:
    with ft.inference_mode():
        y = ft.tensor(3.0)
    with pytest.raises(RuntimeError, match=r"(?i)inference"):
        y.requires_grad_()


def test_in_place_changes_belong_inside() -> None:
    with ft.inference_mode():
        y = ft.tensor([1.0, 2.0])
        y.add_(1.0)
    assert y.tolist() == [2.0, 3.0]
    with pytest.raises(RuntimeError, match=r"(?i)inference"):
        y.add_(1.0)


def test_an_inference_tensor_has_no_version() -> None:
    with ft.inference_mode():
        y = ft.tensor([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"(?i)version"):
        _ = y._version


def test_an_ordinary_tensor_may_be_changed_inside() -> None:
    x = ft.tensor([1.0, 2.0])
    with ft.inference_mode():
        x.mul_(2.0)
        assert not x.is_inference()
    assert x.tolist() == [2.0, 4.0]


def test_a_view_of_an_ordinary_tensor_is_ordinary() -> None:
    x = ft.tensor([1.0, 2.0])
    with ft.inference_mode():
        assert not x[0].is_inference()
        assert (x[0] * 2.0).is_inference()


def test_the_mode_returns_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), ft.inference_mode():
        raise ZeroDivisionError
    assert not ft.is_inference_mode_enabled()
    assert ft.is_grad_enabled()
