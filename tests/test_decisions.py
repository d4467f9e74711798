"""What NumPy decides by values is decided alike where they are known: for tensors, and under differentiation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

ALIKE: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("roots, leading zero", np.roots, ([0.0, 1.0, -2.0],)),
    ("roots, last zero", np.roots, ([1.0, -2.0, 0.0],)),
    ("polymul, leading zeros", np.polymul, ([0.0, 1.0], [0.0, 2.0])),
    ("polydiv without a remainder", np.polydiv, ([1.0, 3.0, 2.0], [1.0, 1.0])),
    ("poly of a conjugate pair", np.poly, ([1j, -1j],)),
    ("bincount", np.bincount, ([0, 1, 1],)),
    ("bincount, minlength", lambda x: np.bincount(x, minlength=4), ([0, 1, 1],)),
    ("bincount, weights", np.bincount, ([0, 1, 1], [1.0, 2.0, 3.0])),
    ("delete", np.delete, ([1.0, 2.0, 3.0], 1)),
    ("delete several", np.delete, ([1.0, 2.0, 3.0], [0, 2])),
    ("delete by a mask", np.delete, ([1.0, 2.0, 3.0], [True, False, True])),
    ("insert", np.insert, ([1.0, 2.0, 3.0], 1, 5.0)),
    ("split", np.split, ([1.0, 2.0, 3.0], [1, 2])),
    ("split in equal parts", np.split, ([1.0, 2.0, 3.0], 3)),
    ("array_split", np.array_split, ([1.0, 2.0, 3.0], 2)),
]

#: What NumPy refuses because of values, each with the arguments that are floating.
REFUSED: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("quantile", np.quantile, ([0.0, 1.0, 2.0], 1.5)),
    ("percentile", np.percentile, ([0.0, 1.0, 2.0], -1.0)),
    (
        "negative weights",
        lambda x, w: np.quantile(x, 0.5, weights=w, method="inverted_cdf"),
        ([0.0, 1.0], [1.0, -1.0]),
    ),
    ("geomspace from zero", lambda x, y: np.geomspace(x, y, 3), (0.0, 1.0)),
    ("histogram of an infinity", np.histogram, ([0.0, np.inf],)),
    ("histogram, descending edges", np.histogram, ([0.0, 1.0], [1.0, 0.0])),
    ("average, weights of sum zero", lambda x, w: np.average(x, weights=w), ([0.0, 1.0], [1.0, -1.0])),
]


@pytest.mark.parametrize(("function", "args"), [pytest.param(*row[1:], id=row[0]) for row in ALIKE])
def test_tensors_are_decided_on_as_arrays_are(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    arrays = tuple(map(np.array, args))
    expected = function(*arrays)
    expected = expected if isinstance(expected, list | tuple) else [expected]
    # All of them tensors, and each of them one alone.
    choices = [range(len(args)), *([i] for i in range(len(args)))]
    for chosen in choices:
        found = function(*(ft.tensor(a) if i in chosen else a for i, a in enumerate(arrays)))
        found = found if isinstance(found, list | tuple) else [found]
        assert len(found) == len(expected)
        for y, e in zip(found, expected, strict=True):
            np.testing.assert_array_equal(np.asarray(y.detach() if isinstance(y, ft.Tensor) else y), e)


@pytest.mark.filterwarnings("ignore:invalid value")  # of an infinity, before it is seen
@pytest.mark.parametrize(("function", "args"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_what_values_rule_out_is_refused(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    arrays = tuple(map(np.array, args))
    with pytest.raises((ValueError, ZeroDivisionError)) as numpys:
        function(*arrays)
    attempts = [
        lambda: function(*map(ft.tensor, arrays)),
        lambda: ft.vjp(function, *arrays),
        lambda: ft.jvp(function, arrays, arrays),
        lambda: ft.jvp(lambda *x: ft.vjp(function, *x)[0], arrays, arrays),
        lambda: function(*(ft.tensor(x, requires_grad=True) for x in arrays)),
    ]
    for attempt in attempts:
        with pytest.raises(numpys.type):
            attempt()


def test_positions_that_differ_between_examples_or_are_recorded_are_refused() -> None:
    x, i = np.arange(3.0), np.array([0, 1])
    for function in (lambda i: np.delete(x, i), lambda i: np.insert(x, i, 5.0), lambda i: np.split(x, i)):
        for transformed in (ft.jit(function), ft.vmap(function)):
            with pytest.raises(TypeError, match="traced positions"):
                transformed(i)
    with pytest.raises(TypeError, match="traced positions"):
        ft.jit(np.bincount)(i)
    with pytest.raises(TypeError, match="traced positions"):
        ft.grad(lambda i: np.delete(x, i)[0])(1.0)


def test_a_linear_function_is_transposed_for_all_values() -> None:
    """It is run at zero, where NumPy would drop every coefficient."""
    q, g = np.array([1.0, 2.0]), np.arange(4.0)
    (found,) = ft.linear_transpose(lambda p: np.polymul(p, q), np.ones(3))(g)
    np.testing.assert_array_equal(found, np.correlate(g, q))
