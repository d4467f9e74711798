"""Hooks on the gradients of several tensors."""

from __future__ import annotations

from typing import Any

import pytest

import functorch_lite as ft
from functorch_lite.autograd.graph import register_multi_grad_hook


def leaves() -> tuple[Any, Any, Any]:
    return tuple(ft.tensor(v, requires_grad=True) for v in (2.0, 3.0, 4.0))  # type: ignore[return-value]


def numbers(gradients: Any) -> list[float | None]:
    return [g if g is None else g.item() for g in gradients]


def test_all_is_called_once_a_pass_with_all_gradients() -> None:
    x, y, _ = leaves()
    z = x * y
    seen: list[Any] = []
    register_multi_grad_hook((x, z, y), lambda gs: seen.append(numbers(gs)))
    (z * z).backward()
    assert seen == [[36.0, 12.0, 24.0]]
    (x * y).backward()
    assert seen[1:] == [[3.0, None, 2.0]]


def test_all_is_not_called_by_a_pass_that_reaches_none() -> None:
    x, y, z = leaves()
    register_multi_grad_hook((x, y), lambda _: pytest.fail("called"))
    (z * z).backward()


def test_all_sees_what_autograd_grad_reaches() -> None:
    x, y, _ = leaves()
    seen: list[Any] = []
    register_multi_grad_hook((x, y), lambda gs: seen.append(numbers(gs)))
    ft.autograd.grad(x * y, x)
    assert seen == [[3.0, None]]


def test_any_is_called_with_the_first_gradient_of_each_pass() -> None:
    x, y, _ = leaves()
    z = x * y
    seen: list[float] = []
    register_multi_grad_hook((x, z, y), lambda g: seen.append(g.item()), mode="any")
    for _ in range(2):
        (z * z).backward(retain_graph=True)
    assert seen == [12.0, 12.0]


def test_the_gradients_of_all_leaves_are_in_place_when_all_is_called() -> None:
    x, y, _ = leaves()
    seen: list[Any] = []
    register_multi_grad_hook((x, y), lambda _: seen.append((x.grad.item(), y.grad.item())))
    (x * y).backward()
    assert seen == [(3.0, 2.0)]


def test_a_pass_within_a_hook_is_a_pass_of_its_own() -> None:
    x, y, _ = leaves()
    seen: list[Any] = []
    register_multi_grad_hook((x, y), lambda gs: seen.append(numbers(gs)))
    z, square = x * y, x * x
    z.register_hook(lambda _: square.backward())
    (z * 1.0).backward()
    assert seen == [[4.0, None], [3.0, 2.0]]


def test_a_pass_that_fails_leaves_nothing_behind() -> None:
    x, y, _ = leaves()
    seen: list[Any] = []
    register_multi_grad_hook((x, y), lambda gs: seen.append(numbers(gs)))

    def fail(_: Any) -> None:
        raise ZeroDivisionError

    with y.register_hook(fail), pytest.raises(ZeroDivisionError):
        (x * y).backward()
    (x * x).backward()
    assert seen == [[4.0, None]]


@pytest.mark.parametrize("mode", ["all", "any"])
def test_remove(mode: str) -> None:
    x, y, _ = leaves()
    seen: list[Any] = []
    with register_multi_grad_hook((x, y), seen.append, mode=mode) as handle:
        (x * y).backward()
    assert len(seen) == 1
    (x * y).backward()
    handle.remove()
    assert len(seen) == 1


def test_wrong_uses_are_named() -> None:
    x, y, _ = leaves()
    with pytest.raises(ValueError, match="mode must be 'all' or 'any', not 'some'"):
        register_multi_grad_hook((x, y), print, mode="some")
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        register_multi_grad_hook((x, ft.tensor(1.0)), print)
