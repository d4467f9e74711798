"""What `jit` and its kin make of functions behaves as functions do: it has their names, and is pickled by name."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.program import functions

BY_NAME = [
    functions.compiled, functions.square, functions.cube, functions.Model.compiled, functions.Model.custom,
]


@pytest.mark.parametrize("function", BY_NAME, ids=repr)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_decorated_function_of_a_module_is_pickled_by_its_name(function: Any, protocol: int) -> None:
    # Protocols before 4 know names of a module alone, not those of a class: so it is with Python's functions.
    if protocol < 4 and "." in function.__qualname__:
        protocol = 4
    assert pickle.loads(pickle.dumps(function, protocol)) is function


def test_what_its_name_does_not_lead_to_is_made_again_of_its_parts() -> None:
    fast = pickle.loads(pickle.dumps(functions.fast))
    assert fast is not functions.fast
    assert fast(3.0, n=3) == 27.0
    assert fast.static_argnames == functions.fast.static_argnames
    other = pickle.loads(pickle.dumps(functions.other_square))
    assert other(3.0, 2) == 9.0
    assert ft.grad(other)(3.0, 2) == 7.0


@pytest.mark.parametrize("wrap", [ft.jit, ft.custom_jvp, ft.custom_vjp])
def test_a_local_function_is_pickled_no_more_than_it_would_be_alone(wrap: Any) -> None:
    def local(x: Any) -> Any:
        return x

    for function in (local, lambda x: x):
        with pytest.raises((pickle.PicklingError, AttributeError), match=r"local|lambda"):
            pickle.dumps(wrap(function))


def test_functions_go_to_other_processes() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(functions.compiled, 0.5).result() == functions.compiled(0.5)
        assert pool.submit(_slope, functions.square, 2.0).result() == 6.0
        assert pool.submit(_slope, functions.cube, 2.0).result() == 5.0


def _slope(f: Any, x: float) -> Any:
    return ft.grad(f)(x)


@pytest.mark.parametrize("function", BY_NAME, ids=repr)
def test_copies_of_a_function_are_itself(function: Any) -> None:
    assert copy.copy(function) is function
    assert copy.deepcopy({"f": function})["f"] is function


def test_functions_are_shown_with_their_names() -> None:
    assert repr(functions.compiled) == "<jit of compiled>"
    assert repr(functions.square) == "<custom_vjp of square>"
    assert repr(functions.cube) == "<custom_jvp of cube>"
    assert repr(ft.jit(np.sin)) == "<jit of sin>"


def test_make_program_keeps_the_name_and_the_documentation() -> None:
    def model(x: Any) -> Any:
        """The model."""
        return x

    assert ft.make_program(model).__name__ == "model"
    assert ft.make_program(model).__doc__ == "The model."
