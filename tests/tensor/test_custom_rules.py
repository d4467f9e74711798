"""What has rules of its own gives tensors their gradients, eager and compiled, of first and second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.program.test_custom_rules import CLOSE, FUNCTIONS, X, loss


@pytest.mark.parametrize("transform", [lambda f: f, ft.jit], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_tensors(name: str, transform: Callable[..., Any]) -> None:
    f = loss(FUNCTIONS[name])
    x = ft.tensor(X.copy(), requires_grad=True)
    y = transform(f)(x)
    (first,) = ft.autograd.grad(y, x, create_graph=True)
    first.sum().backward()
    value, gradient = ft.value_and_grad(f)(X)
    np.testing.assert_allclose(y.detach().numpy(), value, rtol=1e-13)
    np.testing.assert_allclose(first.detach().numpy(), gradient, rtol=CLOSE, atol=CLOSE)
    np.testing.assert_allclose(x.grad.numpy(), ft.hessian(f)(X).sum(0), rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_checkpoint_around_them(name: str) -> None:
    """What runs again on the way back sees tensors without a history, which are no values that it closes over."""
    f = loss(FUNCTIONS[name])
    x = ft.tensor(X.copy(), requires_grad=True)
    ft.checkpoint(f)(x).backward()
    np.testing.assert_allclose(x.grad.numpy(), ft.grad(f)(X), rtol=CLOSE, atol=CLOSE)
