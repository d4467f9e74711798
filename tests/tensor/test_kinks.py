"""Subgradients at ties and edges: the table of the house, in the object style."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

THIRD = 1 / 3

# A scalar function, its argument, and its gradient.
KINKS: list[tuple[str, Callable[[Any], Any], Any, Any]] = [
    ("abs", lambda x: x.abs().sum(), [-1.0, 0.0, 2.0], [-1.0, 0.0, 1.0]),
    ("abs operator", lambda x: abs(x).sum(), [0.0], [0.0]),
    ("relu", lambda x: ft.relu(x).sum(), [-1.0, 0.0, 2.0], [0.0, 0.0, 1.0]),
    ("norm", lambda x: x.norm(), [0.0, 0.0], [0.0, 0.0]),
    ("norm away from 0", lambda x: x.norm(), [3.0, 4.0], [0.6, 0.8]),
    ("max", lambda x: x.max(), [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
    ("max of all alike", lambda x: x.max(), [3.0, 3.0, 3.0], [THIRD, THIRD, THIRD]),
    ("min", lambda x: x.min(), [1.0, 3.0, 1.0], [0.5, 0.0, 0.5]),
    ("amax", lambda x: ft.amax(x, 0), [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
    ("amin", lambda x: ft.amin(x, 0), [1.0, 3.0, 1.0], [0.5, 0.0, 0.5]),
    ("maximum", lambda x: ft.maximum(x, ft.tensor([1.0, 0.0])).sum(), [1.0, 2.0], [0.5, 1.0]),
    ("minimum", lambda x: ft.minimum(x, ft.tensor([1.0, 0.0])).sum(), [1.0, 2.0], [0.5, 0.0]),
    ("maximum with itself", lambda x: ft.maximum(x, x).sum(), [1.0, 2.0], [1.0, 1.0]),
    ("clamp", lambda x: x.clamp(0.0, 1.0).sum(), [-1.0, 0.0, 0.5, 1.0, 2.0], [0.0, 1.0, 1.0, 1.0, 0.0]),
    ("sign", lambda x: x.sign().sum(), [-1.0, 0.0, 2.0], [0.0, 0.0, 0.0]),
    ("floor", lambda x: (x * x.floor()).sum(), [1.5, 2.0], [1.0, 2.0]),
    ("round", lambda x: (x * x.round()).sum(), [1.4, 2.0], [1.0, 2.0]),
    ("sqrt", lambda x: x.sqrt().sum(), [0.0, 4.0], [np.inf, 0.25]),
    ("log", lambda x: x.log().sum(), [0.0, 4.0], [np.inf, 0.25]),
    ("power 0", lambda x: (x**0).sum(), [0.0, 2.0], [0.0, 0.0]),
    ("power 1", lambda x: (x**1).sum(), [0.0, 2.0], [1.0, 1.0]),
    ("power 2", lambda x: (x**2).sum(), [0.0, 2.0], [0.0, 4.0]),
    ("power 2.0", lambda x: (x**2.0).sum(), [0.0, -2.0], [0.0, -4.0]),
    ("exponent", lambda x: (ft.tensor([0.0, 2.0]) ** x).sum(), [2.0, 3.0], [0.0, 8 * np.log(2.0)]),
    ("product with zeros", lambda x: x.prod(), [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
    ("product with two zeros", lambda x: x.prod(), [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]),
    ("logsumexp of nothing", lambda x: ft.logsumexp(x, 0), [-np.inf, -np.inf], [np.nan, np.nan]),
    ("logsumexp of infinity", lambda x: ft.logsumexp(x, 0), [0.0, np.inf, -np.inf], [0.0, np.nan, 0.0]),
    ("where", lambda x: ft.where(x > 0, x * 2.0, x * 3.0).sum(), [-1.0, 0.0, 1.0], [3.0, 3.0, 2.0]),
    ("comparison", lambda x: (x * (x > 1.0)).sum(), [0.5, 1.0, 1.5], [0.0, 0.0, 1.0]),
]


@pytest.mark.parametrize(("function", "values", "expected"), [k[1:] for k in KINKS], ids=[k[0] for k in KINKS])
def test_gradients_at_kinks(function: Any, values: Any, expected: Any) -> None:
    x = ft.tensor(values, requires_grad=True)
    result = function(x)
    if result.requires_grad:
        result.backward()
    gradient = np.zeros(len(values)) if x.grad is None else x.grad.numpy()
    np.testing.assert_allclose(gradient, expected, rtol=1e-15)


@pytest.mark.parametrize(("function", "values", "expected"), [k[1:] for k in KINKS], ids=[k[0] for k in KINKS])
def test_gradients_at_kinks_with_a_graph(function: Any, values: Any, expected: Any) -> None:
    x = ft.tensor(values, requires_grad=True)
    result = function(x)
    if not result.requires_grad:
        assert not np.any(expected)
        return
    (g,) = ft.autograd.grad(result, x, create_graph=True, materialize_grads=True)
    np.testing.assert_allclose(g.detach().numpy(), expected, rtol=1e-15)


def test_sorting_goes_by_the_order_returned() -> None:
    x = ft.tensor([2.0, 1.0, 2.0], requires_grad=True)
    y = ft.sort(x)[0]
    (y * ft.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad[1].item() == 1.0
    assert sorted(x.grad.tolist()) == [1.0, 10.0, 100.0]


def test_zero_times_infinity_stays_nan() -> None:
    x = ft.tensor([0.0, 4.0], requires_grad=True)
    ft.where(x > 0, x.sqrt(), ft.zeros(2)).sum().backward()
    assert np.isnan(x.grad.numpy()).tolist() == [True, False]


def test_the_median_shares_among_ties() -> None:
    x = ft.tensor([2.0, 2.0, 1.0], requires_grad=True)
    np.median(x).backward()
    assert x.grad.tolist() == [0.5, 0.5, 0.0]
