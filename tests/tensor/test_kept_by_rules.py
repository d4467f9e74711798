"""What functions with rules of their own keep, and writes in place to it before the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

MODIFIED = r"modified by an inplace operation: \w+ had kept a value of shape \(2,\), which iadd has changed"


def leaf() -> Any:
    return ft.tensor([1.0, 2.0], requires_grad=True)


class Exp(ft.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.saved_tensors[0]


class ExpByAttribute(ft.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.y = x.exp()
        return ctx.y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.y


@ft.custom_vjp
def exponential(x: Any) -> Any:
    return np.exp(x)


exponential.defvjp(lambda x: (y := np.exp(x), y), lambda y, g: (g * y,))


def quotient(x: Any) -> Any:
    """Return ``1 / x``, the solution of ``x s = 1``."""
    return ft.custom_linear_solve(lambda s: s * x, np.ones(2), lambda product, b: b / product(np.ones(2)))


FUNCTIONS = [Exp.apply, ExpByAttribute.apply, exponential, quotient]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_result_that_was_kept_may_not_change(function: Callable[..., Any]) -> None:
    y = function(leaf())
    y += 1.0
    with pytest.raises(RuntimeError, match=MODIFIED):
        y.sum().backward()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_recorded_pass_computes_it_again(function: Callable[..., Any]) -> None:
    x = leaf()
    expected = ft.autograd.grad(function(x).sum(), x)[0]
    y = function(x)
    y += 1.0
    y.sum().backward(create_graph=True)
    np.testing.assert_array_equal(x.grad.detach(), expected)


@pytest.mark.parametrize("function", [Exp.apply, exponential, quotient])
def test_a_result_that_was_kept_may_change_after_the_pass(function: Callable[..., Any]) -> None:
    x = leaf()
    y = function(x)
    y.sum().backward(retain_graph=True)
    before = x.grad.clone()
    z = y.clone()
    z += 1.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 2.0 * before)


class Double(ft.autograd.Function):
    """Keeps nothing."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return 2.0 * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 2.0 * g


@ft.custom_vjp
def doubled(x: Any) -> Any:
    return 2.0 * x


doubled.defvjp(lambda x: (2.0 * x, None), lambda _, g: (2.0 * g,))


@pytest.mark.parametrize("function", [Double.apply, doubled])
def test_an_argument_that_was_not_kept_may_change(function: Callable[..., Any]) -> None:
    x = leaf()
    h = x * 1.0
    y = function(h)
    h += 1.0
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("function", [Double.apply, doubled])
def test_a_recorded_pass_needs_the_argument(function: Callable[..., Any]) -> None:
    h = leaf() * 1.0
    y = function(h)
    h += 1.0
    with pytest.raises(RuntimeError, match=MODIFIED):
        y.sum().backward(create_graph=True)


class Smoothed(ft.autograd.Function):
    """Keeps a buffer as an attribute, which every call changes."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.buffer = BUFFER
        BUFFER.mul_(0.5)
        return x * 3.0

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 3.0 * g


BUFFER = ft.ones(2)


def test_an_attribute_that_is_no_argument_may_change() -> None:
    x = leaf()
    (Smoothed.apply(x) + Smoothed.apply(x)).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_the_carried_values_of_a_compiled_loop_are_the_callers() -> None:
    x = leaf()
    run = ft.jit(lambda x: ft.while_loop(lambda c: c[0] < 5.0, lambda c: np.exp(c / 2.0), x))
    y = run(x)
    expected = ft.autograd.grad(y.sum(), x)[0]
    y = run(x)
    y += 1.0
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, expected)
