"""Random generators that a function holds or names: `jit` refuses draws, a checkpoint draws the same numbers again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.transforms.random_states import MOST_OBJECTS, generators_of

RNG = np.random.default_rng(0)
LEGACY = np.random.RandomState(0)
PYTHON = random.Random(0)


class Noisy:
    """Holds a generator in an attribute."""

    def __init__(self) -> None:
        self.generators = {"noise": [np.random.default_rng(1)]}

    def __call__(self, x: Any) -> Any:
        return np.sum(x * self.generators["noise"][0].normal(size=3))

    def by_a_global(self, x: Any) -> Any:
        return np.sum(x * RNG.normal(size=3))


class Slotted:
    """Holds a generator in a slot."""

    __slots__ = ("rng",)

    def __init__(self) -> None:
        self.rng = np.random.default_rng(2)

    def __call__(self, x: Any) -> Any:
        return np.sum(x * self.rng.normal(size=3))


def noise() -> Any:
    return RNG.normal(size=3)


def closure() -> Callable[[Any], Any]:
    rng = np.random.default_rng(3)
    return lambda x: np.sum(x * rng.random(3))


def with_default(x: Any, rng: np.random.Generator = np.random.default_rng(4)) -> Any:  # noqa: B008 - it is the point
    return np.sum(x * rng.random(3))


MODEL = Noisy()
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "global name": lambda x: np.sum(x * RNG.normal(size=3)),
    "RandomState": lambda x: np.sum(x * LEGACY.rand(3)),
    "Random": lambda x: np.sum(x * PYTHON.random()),
    "np.random": lambda x: np.sum(x * np.random.rand(3)),  # noqa: NPY002 - the global state
    "random": lambda x: np.sum(x * random.gauss(0.0, 1.0)),
    "function that it calls": lambda x: np.sum(x * noise()),
    "variable": closure(),
    "default": with_default,
    "attribute": MODEL,
    "method": MODEL.by_a_global,
    "method of a global object": lambda x: MODEL(x),
    "slot": Slotted(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jit_refuses_to_record_a_draw(name: str) -> None:
    f = FUNCTIONS[name]
    for transformed in (ft.jit(f), ft.jit(ft.grad(f)), ft.jit(ft.grad(ft.checkpoint(f)))):
        with pytest.raises(RuntimeError, match=r"drew from a g.*Pass a key"):
            transformed(np.ones(3))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_checkpoint_draws_the_same_numbers_again(name: str) -> None:
    f = FUNCTIONS[name]
    values = []
    for _ in range(2):
        value, gradient = ft.value_and_grad(ft.checkpoint(f))(np.ones(3))
        assert np.isclose(value, np.sum(gradient))
        values.append(value)
    assert values[0] != values[1]  # afterwards generators go on where they stood


def test_checkpoints_in_a_row_and_in_each_other_draw_alike() -> None:
    rng = np.random.default_rng(0)

    def layer(x: Any) -> Any:
        return x * rng.normal(size=3)

    def run(layer: Callable[[Any], Any], x: Any) -> Any:
        return np.sum(layer(layer(layer(x))))

    rng = np.random.default_rng(7)
    expected = ft.grad(lambda x: run(layer, x))(np.ones(3))
    after = rng.normal()
    losses = (
        lambda x: run(ft.checkpoint(layer), x),
        lambda x: ft.checkpoint(lambda x: run(ft.checkpoint(layer), x))(x),
    )
    for loss in losses:
        rng = np.random.default_rng(7)
        assert np.allclose(ft.grad(loss)(np.ones(3)), expected)
        assert rng.normal() == after


def test_a_generator_that_the_function_makes_itself_is_its_own() -> None:
    def f(x: Any) -> Any:
        return np.sum(x * np.random.default_rng(0).random(3))

    assert ft.jit(f)(np.ones(3)) == f(np.ones(3))
    assert np.array_equal(ft.grad(ft.checkpoint(f))(np.ones(3)), np.random.default_rng(0).random(3))


def test_what_holds_a_generator_and_does_not_draw_is_recorded() -> None:
    assert ft.jit(lambda x, model=MODEL: x * 2.0 if model else RNG)(1.5) == 3.0


def test_a_custom_function_may_draw_when_its_turn_comes() -> None:
    rng = np.random.default_rng(0)

    @ft.custom_jvp
    def dithered(x: Any) -> Any:
        return x + rng.normal()

    dithered.defjvp(lambda p, t: (dithered(*p), t[0]))
    f = ft.jit(lambda x: dithered(x) * 1.0)
    assert f(1.0) != f(1.0)


def test_only_what_is_near_is_looked_at() -> None:
    rng = np.random.default_rng(0)
    assert generators_of([0.5] * (MOST_OBJECTS // 2), rng) == [rng]
    assert generators_of([[0.5] * (2 * MOST_OBJECTS), [[rng]]]) == []
