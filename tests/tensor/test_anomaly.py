"""Anomaly mode: the error names the forward line that made the NaN."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def leaf(values: Any) -> Any:
    return ft.tensor(values, requires_grad=True)


def here(offset: int = 0) -> str:
    """Return the caller's place as messages give it."""
    frame = sys._getframe(1)
    return f"test_anomaly.py:{frame.f_lineno + offset}"


def test_a_nan_in_backward_raises_and_names_operation_and_line() -> None:
    x = leaf([0.0, 4.0])
    with ft.autograd.detect_anomaly():
        place = here(1)
        y = x.sqrt()
        z = (y * ft.tensor([0.0, 1.0])).sum()
        with pytest.raises(RuntimeError, match=r"(?i)nan") as caught:
            z.backward()
    assert "sqrt" in str(caught.value).lower()
    assert place in str(caught.value)


def test_without_it_the_nan_passes() -> None:
    x = leaf([0.0, 4.0])
    (x.sqrt() * ft.tensor([0.0, 1.0])).sum().backward()
    assert np.isnan(x.grad.numpy()).tolist() == [True, False]


def test_healthy_programs_are_left_alone() -> None:
    x = leaf([1.0, 4.0])
    with ft.autograd.detect_anomaly():
        y = (x.sqrt() * 3.0).sum()
        y.backward()
    assert x.grad.tolist() == [1.5, 0.75]


def test_infinities_are_no_anomaly() -> None:
    x = leaf([0.0, 4.0])
    with ft.autograd.detect_anomaly():
        x.sqrt().sum().backward()
    assert x.grad.tolist() == [np.inf, 0.25]


def test_the_check_can_be_turned_off() -> None:
    x = leaf([0.0, 4.0])
    with ft.autograd.detect_anomaly(check_nan=False):
        (x.sqrt() * ft.tensor([0.0, 1.0])).sum().backward()
    assert np.isnan(x.grad.numpy()).tolist() == [True, False]


def test_the_mode_ends_with_its_block() -> None:
    assert not ft.is_anomaly_enabled()
    with ft.autograd.detect_anomaly():
        assert ft.is_anomaly_enabled()
    assert not ft.is_anomaly_enabled()
    with pytest.raises(ZeroDivisionError), ft.autograd.detect_anomaly():
        raise ZeroDivisionError
    assert not ft.is_anomaly_enabled()


def test_set_detect_anomaly_as_a_call_and_as_a_block() -> None:
    ft.autograd.set_detect_anomaly(True)
    try:
        assert ft.is_anomaly_enabled()
        with ft.autograd.set_detect_anomaly(False):
            assert not ft.is_anomaly_enabled()
        assert ft.is_anomaly_enabled()
    finally:
        ft.autograd.set_detect_anomaly(False)
    assert not ft.is_anomaly_enabled()


def test_an_operation_recorded_outside_is_named_without_its_line() -> None:
    x = leaf([0.0, 4.0])
    y = x.sqrt()
    with ft.autograd.detect_anomaly(), pytest.raises(RuntimeError, match=r"(?i)sqrt.*nan|nan.*sqrt"):
        (y * ft.tensor([0.0, 1.0])).sum().backward()


def test_an_error_of_a_custom_backward_tells_its_forward_line(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(ft.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * np.nan

    x = leaf([1.0, 2.0])
    with ft.autograd.detect_anomaly():
        y = Broken.apply(x)
        with pytest.raises(RuntimeError, match=r"(?i)Broken"):
            y.sum().backward()


def test_the_line_of_a_second_order_nan() -> None:
    x = leaf([0.0, 4.0])
    with ft.autograd.detect_anomaly():
        y = (x**1.5).sum()
        (g,) = ft.autograd.grad(y, x, create_graph=True)
        with pytest.raises(RuntimeError, match=r"(?i)nan"):
            (g * ft.tensor([0.0, 1.0])).sum().backward()
