"""``gradcheck`` and ``gradgradcheck`` on tensors: what passes, what is found, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

gradcheck, gradgradcheck = ft.gradcheck, ft.gradgradcheck
X = np.array([[0.3, -0.7, 1.1], [0.9, 0.4, -0.2]])


def leaf(values: Any = X, dtype: Any = None) -> Any:
    return ft.tensor(np.asarray(values).tolist(), dtype=dtype, requires_grad=True)


def planted(forward: Callable[..., Any], backward: Callable[..., Any], jvp: Callable[..., Any] | None = None) -> Any:
    """Make a function of one tensor with a given, perhaps wrong, derivative."""

    class Planted(ft.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            return forward(x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return backward(g, *ctx.saved_tensors)

    if jvp is not None:
        Planted.jvp = staticmethod(lambda ctx, t: jvp(t, *ctx.saved_tensors))  # type: ignore[attr-defined]
    return Planted.apply


RIGHT: dict[str, tuple[Callable[..., Any], Callable[[], tuple[Any, ...]]]] = {
    "one input": (lambda x: x.sin() * x, lambda: (leaf(),)),
    "two inputs": (lambda x, y: x * y + y.exp(), lambda: (leaf(), leaf(X[0]))),
    "a constant beside": (lambda x, y: x * y, lambda: (leaf(), ft.tensor(X.tolist()))),
    "several results": (lambda x: (x * 2.0, x.sum()), lambda: (leaf(),)),
    "a scalar": (lambda x: x**3, lambda: (leaf(0.7),)),
    "a matrix product": (lambda x, y: x @ y, lambda: (leaf(), leaf(X.T))),
    "views and in-place": (lambda x: _mutating(x), lambda: (leaf(),)),
    "complex": (lambda z: z * z, lambda: (leaf(X + 1j * X[::-1]),)),
    "complex to real": (lambda z: z.abs(), lambda: (leaf(X + 1j * X[::-1]),)),
    "real to complex": (lambda x: x * (1.0 + 2.0j), lambda: (leaf(),)),
    "not holomorphic": (lambda z: z.conj() * z.real, lambda: (leaf(X + 1j * X[::-1]),)),
}


def _mutating(x: Any) -> Any:
    y = x * 2.0
    y[0].mul_(3.0)
    y[:, 1] = x[:, 0] ** 2
    return y


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name: str, fast_mode: bool) -> None:
    f, inputs = RIGHT[name]
    assert gradcheck(f, inputs(), fast_mode=fast_mode) is True
    assert gradgradcheck(f, inputs(), fast_mode=fast_mode) is True


@pytest.mark.parametrize("name", ["one input", "two inputs", "several results", "a matrix product"])
def test_forward_mode_and_batches_pass(name: str) -> None:
    f, inputs = RIGHT[name]
    assert gradcheck(f, inputs(), check_forward_ad=True, check_batched_grad=True)
    assert gradcheck(f, inputs(), check_forward_ad=True, check_backward_ad=False)
    assert gradgradcheck(f, inputs(), check_batched_grad=True)


def test_one_tensor_need_not_be_in_a_tuple() -> None:
    assert gradcheck(lambda x: x.sin(), leaf())


def test_inputs_keep_their_gradients() -> None:
    x = leaf()
    gradcheck(lambda x: x.sin(), (x,))
    gradgradcheck(lambda x: x.sin(), (x,))
    assert x.grad is None


WRONG: dict[str, Any] = {
    "factor": planted(lambda x: x * x, lambda g, x: 3 * x * g),
    "sign": planted(lambda x: x.sin(), lambda g, x: -x.cos() * g),
    "zero": planted(lambda x: x.sin(), lambda g, x: g * 0.0),
    "one element": planted(lambda x: x * 2.0, lambda g, x: g * 2.0 + ft.tensor([[0.0, 0.0, 0.1], [0.0] * 3]) * g),
    "none": planted(lambda x: x * 2.0, lambda g, x: None),
}


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("name", WRONG)
def test_wrong_derivatives_are_found(name: str, fast_mode: bool) -> None:
    with pytest.raises(ft.GradcheckError):
        gradcheck(WRONG[name], (leaf(),), fast_mode=fast_mode)
    assert gradcheck(WRONG[name], (leaf(),), fast_mode=fast_mode, raise_exception=False) is False


def test_the_message_shows_both_jacobians() -> None:
    with pytest.raises(ft.GradcheckError, match=r"(?is)output.*input.*(numerical.*analytical|analytical.*numerical)"):
        gradcheck(WRONG["factor"], (leaf([2.0]),))


def test_a_wrong_second_derivative_is_found() -> None:
    class Stuck(ft.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return 3 * x.detach() * x * g

    assert gradcheck(Stuck.apply, (leaf(),))
    with pytest.raises(ft.GradcheckError):
        gradgradcheck(Stuck.apply, (leaf(),))


def test_a_wrong_forward_rule_is_found() -> None:
    f = planted(lambda x: x * x, lambda g, x: 2 * x * g, lambda t, x: 3 * x * t)
    assert gradcheck(f, (leaf(),))
    with pytest.raises(ft.GradcheckError, match=r"(?i)forward"):
        gradcheck(f, (leaf(),), check_forward_ad=True)


def test_a_derivative_that_wavers_is_found_unless_tolerated() -> None:
    calls = [0]

    def backward(g: Any, x: Any) -> Any:
        calls[0] += 1
        return 2 * x * g * (1.0 + 1e-9 * calls[0])

    f = planted(lambda x: x * x, backward)
    with pytest.raises(ft.GradcheckError, match=r"(?i)reentrant|determin|differ"):
        gradcheck(f, (leaf(),))
    assert gradcheck(f, (leaf(),), nondet_tol=1e-5)


def test_a_gradient_that_does_not_vanish_with_what_arrives_is_found() -> None:
    f = planted(lambda x: x * 2.0, lambda g, x: g * 2.0 + 1e-9)
    with pytest.raises(ft.GradcheckError):
        gradcheck(f, (leaf(),))


def test_tolerances() -> None:
    nearly = planted(lambda x: x * x, lambda g, x: 2.0001 * x * g)
    assert gradcheck(nearly, (leaf(),))
    with pytest.raises(ft.GradcheckError):
        gradcheck(nearly, (leaf(),), rtol=1e-6, atol=1e-7)
    assert gradcheck(WRONG["one element"], (leaf(),), atol=0.2)


def test_single_precision_needs_loose_tolerances() -> None:
    x = leaf(dtype=ft.float32)
    with pytest.warns(UserWarning, match=r"(?i)precision"):
        assert gradcheck(lambda x: x * x, (x,), eps=1e-2, atol=1e-2, rtol=1e-2)


def test_an_input_must_require_grad() -> None:
    with pytest.raises(ValueError, match=r"(?i)require"):
        gradcheck(lambda x: x * 2.0, (ft.tensor(X.tolist()),))


def test_a_function_that_loses_its_history_is_found() -> None:
    with pytest.raises((ft.GradcheckError, RuntimeError)):
        gradcheck(lambda x: x.detach() * 2.0 + x * 0.0, (leaf(),))


def test_gradients_of_a_second_order_check_may_be_given() -> None:
    assert gradgradcheck(lambda x: x**3, (leaf(),), (leaf(X * 2.0),))
