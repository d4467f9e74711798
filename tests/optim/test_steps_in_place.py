"""Optimisers of Tensors step in the parameters' own memory: large ones in blocks, with the numbers of the pure rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.optim import functional
from functorch_lite.optim.functional.rule import add_multiple

#: Parameters of several blocks, of one, of no axis; contiguous or not.
ARRAYS: dict[str, Callable[[], Any]] = {
    "large": lambda: np.random.default_rng(0).normal(size=(701, 97)),
    "large, float32": lambda: np.random.default_rng(0).normal(size=(701, 97)).astype(np.float32),
    "large, complex": lambda: np.random.default_rng(0).normal(size=(301, 97)) * (1 + 2j),
    "large, transposed": lambda: np.random.default_rng(0).normal(size=(701, 97)).T,
    "small": lambda: np.random.default_rng(0).normal(size=3),
    "a number": lambda: np.array(1.5),
    "empty": lambda: np.zeros((0, 3)),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "ascent": {"maximize": True},
    "a rate of NumPy's": {"lr": np.float64(0.3)},
    "weight decay": {"weight_decay": 0.1},
    "momentum": {"momentum": 0.9},
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ARRAYS)
def test_a_step_of_sgd_has_the_numbers_of_the_pure_rule(name: str, options: str) -> None:
    start = ARRAYS[name]()
    given = {"lr": 0.3, **OPTIONS[options]}
    gradient = np.cos(start)
    pure = functional.SGD(**given)
    x = ft.tensor(start, requires_grad=True)
    memory = x.data
    optimizer = ft.optim.SGD([x], **given)
    expected, state = start, pure.init(start)
    for _ in range(2):
        x.grad = ft.tensor(gradient)
        optimizer.step()
        expected, state = pure.update(gradient, state, expected)
    np.testing.assert_array_equal(x.data, expected, strict=True)
    assert x.data is memory
    assert x._version == 2


@pytest.mark.parametrize("name", ARRAYS)
def test_adding_a_multiple_in_blocks(name: str) -> None:
    total, terms = ARRAYS[name](), ARRAYS[name]()[::-1].copy() if name != "a number" else np.array(0.5)
    expected = total + 0.3 * terms
    add_multiple(total, 0.3, terms)
    np.testing.assert_array_equal(total, expected, strict=True)


def test_a_step_after_a_value_was_kept_is_noticed() -> None:
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    x.grad = ft.tensor([1.0, 1.0])
    loss = (x * x).sum()
    ft.optim.SGD([x], lr=0.1).step()
    with pytest.raises(RuntimeError, match="which the step of an optimizer has changed"):
        loss.backward()
