"""The logistic function, of several ufuncs, is written step by step in compiled programs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.primitive import PRIMITIVES
from functorch_lite.program.source import written

EXTREMES = [0.0, -0.0, 1e-300, -1e-300, 30.0, -30.0, 710.0, -745.0, 1e30, -1e30, np.inf, -np.inf, np.nan]


def softplus(x: Any) -> Any:
    return np.logaddexp(0.0, x)


def curvature(x: Any) -> Any:
    """Return the second derivative, which has the logistic functions of ``x`` and ``-x``."""
    return ft.vmap(ft.grad(ft.grad(softplus)))(x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [13, 1 << 17])
@pytest.mark.parametrize("function", [ft.vmap(ft.grad(softplus)), curvature])
def test_the_bits_are_those_of_eager_execution(function: Any, size: int, dtype: Any) -> None:
    with np.errstate(all="ignore"):
        x = np.resize(np.array(EXTREMES, dtype), size)
        x[len(EXTREMES) :] = np.linspace(-50.0, 50.0, size - len(EXTREMES))
        found, expected = ft.jit(function)(x), function(x)
    assert found.dtype == expected.dtype == dtype
    np.testing.assert_array_equal(found.view(f"u{found.itemsize}"), expected.view(f"u{found.itemsize}"))


@pytest.mark.parametrize("size", [13, 1 << 17])
def test_the_steps_are_shared_and_need_no_new_memory(size: int) -> None:
    program = ft.make_program(curvature)(np.ones(size))
    assert sum(e.primitive.name == "logistic" for e in program.equations) == 2  # and stay so for derivatives
    source = written(program)[0]
    assert "logistic" not in source
    assert source.count("np_exp(") == source.count("np_absolute(") == 1
    assert source.count("np_divide(") == 2
    assert "np_negative(a" not in source  # nothing reads the argument of the second one
    assert "np_maximum" not in source  # one of the two numerators is 1


def test_two_logistic_functions_that_are_needed_besides_are_multiplied_as_they_are() -> None:
    def both(x: Any) -> Any:
        up, down = (ft.vmap(ft.grad(softplus))(z) for z in (x, -x))
        return up, down, up * down

    x = np.linspace(-3.0, 3.0, 13)
    source = written(ft.make_program(both)(x))[0]
    assert source.count("np_divide(") == source.count("np_maximum(") == 2
    for found, expected in zip(ft.jit(both)(x), both(x), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_numbers_and_results_of_another_dtype_stay_whole() -> None:
    logistic = ft.grad(softplus)
    assert ft.jit(logistic)(0.3) == logistic(0.3)
    assert ft.jit(logistic)(np.float32(0.3)) == logistic(np.float32(0.3))
    program = ft.make_program(ft.vmap(logistic))(np.ones(3, np.float16))
    assert "logistic" in written(program)[0]
    assert PRIMITIVES[np.exp] not in [e.primitive for e in program.equations]
