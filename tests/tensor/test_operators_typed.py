"""Operators that type checkers are told of are those that tensors have; this file is checked by mypy itself."""

from __future__ import annotations

import inspect

import numpy as np

import functorch_lite as ft
from functorch_lite.tensor.declared import Declared


def combined(x: ft.Tensor, y: ft.Tensor) -> ft.Tensor:
    """Use the operators as a program does whose author runs a type checker."""
    x = (2.0 * x + y) / 3.0 - y**2
    x *= 2
    x @= np.eye(2)
    return -abs(x) @ np.eye(2) % 5.0 // 2.0


@ft.no_grad
def bare(x: ft.Tensor) -> ft.Tensor:
    """Be decorated without parentheses, which keeps the types of a function."""
    return 2.0 * x


@ft.no_grad()
def called(x: ft.Tensor) -> ft.Tensor:
    """Be decorated with parentheses."""
    return 2.0 * bare(x)


@ft.inference_mode
@ft.enable_grad
def modes(x: ft.Tensor) -> ft.Tensor:
    """Be decorated by the other modes."""
    with ft.no_grad(), ft.enable_grad(), ft.inference_mode(), ft.inference_mode(False):
        return called(x) + bare(x)


@ft.inference_mode(mode=True)
def inferred(x: ft.Tensor) -> ft.Tensor:
    """Be decorated by a mode that is given."""
    return modes(x)


def test_modes_with_and_without_parentheses() -> None:
    x: ft.Tensor = ft.ones(2, requires_grad=True)
    assert inferred(x).tolist() == [6.0, 6.0]


def test_annotated_programs_run() -> None:
    x: ft.Tensor = ft.tensor([1.0, 2.0]) + ft.zeros(2)
    y: ft.Tensor = ft.full((2,), 3.0)
    assert combined(x, y).shape == (2,)
    chosen: ft.Tensor = (x < y) & ~(x == y)
    np.testing.assert_array_equal(chosen.data, [True, True])


def test_operators_are_declared_as_they_are() -> None:
    source = inspect.getsource(Declared)
    declared = {line.split("(")[0].split()[-1] for line in source.splitlines() if "def __" in line}
    assert declared
    for name in declared:
        assert getattr(ft.Tensor, name) is not getattr(object, name, None)
    operators = {
        name
        for base in ft.Tensor.__mro__[:-1]
        for name, value in vars(base).items()
        if name.startswith("__") and getattr(value, "__qualname__", "").startswith("_operator")
    }
    assert operators <= declared
