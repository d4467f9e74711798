"""The conventions at kinks, each in forward and in reverse mode and under vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.scipy.special import logsumexp

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

THIRD = 1 / 3
WEIGHTS = np.array([10.0, 20.0, 30.0])
NOTHING = np.zeros(3)

# What it is, a function with a scalar result, its arguments, and the gradient by each of them.
KINKS: list[tuple[str, Callable[..., Any], tuple[Any, ...], tuple[Any, ...]]] = [
    # Absolute values and norms at 0: 0.
    ("abs", np.abs, (0.0,), (0.0,)),
    ("abs of an array", lambda x: np.sum(np.abs(x)), ([-1.0, 0.0, 2.0],), ([-1.0, 0.0, 1.0],)),
    ("abs of complex", lambda z: np.sum(np.abs(z)), ([0j, 3 + 4j],), ([0j, 0.6 - 0.8j],)),
    ("operator abs", lambda x: abs(x), (0.0,), (0.0,)),
    ("fabs", np.fabs, (0.0,), (0.0,)),
    ("hypot", np.hypot, (0.0, 0.0), (0.0, 0.0)),
    ("hypot on an axis", np.hypot, (0.0, -2.0), (0.0, -1.0)),
    ("copysign", lambda x: np.copysign(x, -1.0), (0.0,), (0.0,)),
    ("norm", np.linalg.norm, (NOTHING,), (NOTHING,)),
    ("norm 1", lambda x: np.linalg.norm(x, 1), ([0.0, -2.0, 3.0],), ([0.0, -1.0, 1.0],)),
    ("norm 2", lambda x: np.linalg.norm(x, 2), (NOTHING,), (NOTHING,)),
    ("norm 3", lambda x: np.linalg.norm(x, 3), (NOTHING,), (NOTHING,)),
    ("norm inf", lambda x: np.linalg.norm(x, np.inf), (NOTHING,), (NOTHING,)),
    ("norm inf ties", lambda x: np.linalg.norm(x, np.inf), ([2.0, -2.0, 1.0],), ([0.5, -0.5, 0.0],)),
    (
        "norm of rows",
        lambda x: np.sum(np.linalg.norm(x, axis=1)),
        ([[0.0, 0.0], [3.0, 4.0]],),
        ([[0.0, 0.0], [0.6, 0.8]],),
    ),
    ("norm of a matrix", np.linalg.norm, (np.zeros((2, 2)),), (np.zeros((2, 2)),)),
    ("standard deviation", np.std, ([2.0, 2.0, 2.0],), (NOTHING,)),
    # Extremes share equally among ties.
    ("max", np.max, ([1.0, 3.0, 3.0],), ([0.0, 0.5, 0.5],)),
    ("max of all alike", np.max, ([3.0, 3.0, 3.0],), ([THIRD, THIRD, THIRD],)),
    ("max method", lambda x: x.max(), ([3.0, 1.0, 3.0],), ([0.5, 0.0, 0.5],)),
    ("max of rows", lambda x: np.sum(np.max(x, axis=1)), ([[1.0, 1.0], [2.0, 3.0]],), ([[0.5, 0.5], [0.0, 1.0]],)),
    ("min", np.min, ([1.0, 3.0, 1.0],), ([0.5, 0.0, 0.5],)),
    ("min of columns", lambda x: np.sum(np.min(x, axis=0)), ([[1.0, 1.0], [1.0, 3.0]],), ([[0.5, 1.0], [0.5, 0.0]],)),
    ("ptp", np.ptp, ([1.0, 3.0, 3.0],), ([-1.0, 0.5, 0.5],)),
    ("median", np.median, ([2.0, 2.0, 1.0],), ([0.5, 0.5, 0.0],)),
    ("median of three ties", np.median, ([1.0, 2.0, 2.0, 2.0, 3.0],), ([0.0, THIRD, THIRD, THIRD, 0.0],)),
    ("median of rows", lambda x: np.sum(np.median(x, axis=1)), ([[1.0, 1.0, 0.0]],), ([[0.5, 0.5, 0.0]],)),
    ("nanmax", np.nanmax, ([np.nan, 3.0, 3.0],), ([0.0, 0.5, 0.5],)),
    # Elementwise extremes: half each; fmax and fmin, which prefer a number to a NaN, prefer the first.
    ("maximum", np.maximum, (1.0, 1.0), (0.5, 0.5)),
    ("maximum with a constant", lambda x: np.maximum(x, 0.0), (0.0,), (0.5,)),
    ("maximum with itself", lambda x: np.maximum(x, x), (1.0,), (1.0,)),
    ("minimum", np.minimum, (1.0, 1.0), (0.5, 0.5)),
    ("minimum of arrays", lambda x, y: np.sum(np.minimum(x, y)), ([1.0, 2.0], [1.0, 1.0]), ([0.5, 0.0], [0.5, 1.0])),
    ("fmax", np.fmax, (1.0, 1.0), (1.0, 0.0)),
    ("fmin", np.fmin, (1.0, 1.0), (1.0, 0.0)),
    ("fmax of a NaN", np.fmax, (np.nan, 1.0), (0.0, 1.0)),
    ("fmin of a NaN", np.fmin, (1.0, np.nan), (1.0, 0.0)),
    # What sorts goes by the order that it returns.
    ("sort", lambda x: np.sum(np.sort(x) * WEIGHTS), ([2.0, 1.0, 1.0],), ([30.0, 10.0, 20.0],)),
    ("sort of all alike", lambda x: np.sum(np.sort(x) * WEIGHTS), ([1.0, 1.0, 1.0],), (WEIGHTS,)),
    ("unique values", lambda x: np.sum(np.sort(x)[:2]), ([3.0, 1.0, 2.0],), ([0.0, 1.0, 1.0],)),
    # Clipping passes the derivative at its bounds.
    ("clip at the lower bound", lambda x: np.clip(x, 0.0, 1.0), (0.0,), (1.0,)),
    ("clip at the upper bound", lambda x: np.clip(x, 0.0, 1.0), (1.0,), (1.0,)),
    (
        "clip outside",
        lambda x: np.sum(np.clip(x, 0.0, 1.0)),
        ([-1.0, 0.0, 0.5, 1.0, 2.0],),
        ([0.0, 1.0, 1.0, 1.0, 0.0],),
    ),
    ("clip method", lambda x: np.sum(x.clip(0.0, 1.0)), ([-1.0, 0.0, 1.0],), ([0.0, 1.0, 1.0],)),
    # A sample of an interpolation has the slope to its right, the last one that to its left.
    ("interp at a sample", lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0]), (1.0,), (4.0,)),
    ("interp at the last sample", lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 5.0]), (2.0,), (4.0,)),
    # Sums of exponentials that are all zero.
    ("logaddexp", np.logaddexp, (-np.inf, -np.inf), (0.5, 0.5)),
    ("logaddexp of all", np.logaddexp.reduce, ([-np.inf, -np.inf],), ([np.nan, np.nan],)),
    ("logsumexp of all", logsumexp, ([-np.inf, -np.inf],), ([np.nan, np.nan],)),
    # Constant but for jumps: 0.
    ("sign", np.sign, (0.0,), (0.0,)),
    ("floor", np.floor, (1.0,), (0.0,)),
    ("ceil", np.ceil, (1.0,), (0.0,)),
    ("trunc", np.trunc, (0.0,), (0.0,)),
    ("rint", np.rint, (0.5,), (0.0,)),
    ("round", lambda x: np.round(x, 1), (0.05,), (0.0,)),
    ("floor division", lambda x, y: x // y, (2.0, 1.0), (0.0, 0.0)),
    ("comparison", lambda x: 1.0 * (x > 0), (0.0,), (0.0,)),
    ("heaviside", np.heaviside, (0.0, 0.5), (0.0, 1.0)),
    ("remainder at a jump", np.remainder, (2.0, 1.0), (1.0, -2.0)),
    ("argmax", lambda x: 1.0 * np.argmax(x), ([1.0, 1.0],), ([0.0, 0.0],)),
    # Products through zeros are no kinks; they must not divide.
    ("prod with a zero", np.prod, ([2.0, 0.0, 3.0],), ([0.0, 6.0, 0.0],)),
    ("prod with two zeros", np.prod, ([2.0, 0.0, 0.0],), (NOTHING,)),
    ("cumprod with a zero", lambda x: np.sum(np.cumprod(x)), ([2.0, 0.0, 3.0],), ([1.0, 8.0, 0.0],)),
]


def _arguments(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(np.asarray(x, complex if np.iscomplexobj(x) else float) for x in args)


@pytest.mark.parametrize(("function", "args", "expected"), [pytest.param(*row[1:], id=row[0]) for row in KINKS])
def test_convention(function: Callable[..., Any], args: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    args, expected = _arguments(args), _arguments(expected)
    argnums = tuple(range(len(args)))
    for g, e in zip(ft.grad(function, argnums)(*args), expected, strict=True):
        np.testing.assert_allclose(g, e, atol=1e-15, err_msg="reverse mode")
    for i in argnums:
        np.testing.assert_allclose(_forward(function, args, i), expected[i], atol=1e-15, err_msg="forward mode")
    batches = tuple(np.stack([x, x]) for x in args)
    for g, e in zip(ft.vmap(ft.grad(function, argnums))(*batches), expected, strict=True):
        np.testing.assert_allclose(g, [e, e], atol=1e-15, err_msg="vmap of reverse mode")


def _forward(function: Callable[..., Any], args: tuple[Any, ...], i: int) -> Any:
    """Return the gradient by argument ``i`` from one forward pass for each coordinate."""
    gradient = np.zeros_like(args[i])
    for part in (1.0, 1j) if args[i].dtype.kind == "c" else (1.0,):
        for index in np.ndindex(*args[i].shape):
            tangents = [np.zeros_like(x) for x in args]
            tangents[i][index] = part
            gradient[index] += ft.jvp(function, args, tuple(tangents))[1] * np.conjugate(part)
    return gradient


def test_zero_times_infinity_stays_nan_and_the_cure_works() -> None:
    assert np.isnan(ft.grad(lambda x: np.sqrt(x * x))(0.0))
    assert np.isnan(ft.grad(lambda x: np.where(x > 0, np.sqrt(x), 0.0))(0.0))
    cured = lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0)
    for x, expected in ((0.0, 0.0), (-1.0, 0.0), (4.0, 0.25)):
        assert ft.grad(cured)(x) == expected
        assert ft.jvp(cured, (x,), (1.0,))[1] == expected


@pytest.mark.parametrize("function", [lambda A: np.linalg.eigh(A)[1], lambda A: np.linalg.svd(A)[0]])
def test_vectors_at_repeated_values_are_nan_with_a_warning(function: Callable[..., Any]) -> None:
    A = np.diag([1.0, 1.0, 2.0])
    with pytest.warns(Warning, match="repeated|degenerate|equal|coincide"):
        _, pushed = ft.jvp(function, (A,), (np.ones((3, 3)),))
    assert np.isnan(pushed).any()
    _, pull = ft.vjp(function, A)
    with pytest.warns(Warning, match="repeated|degenerate|equal|coincide"):
        (pulled,) = pull(np.arange(9.0).reshape(3, 3))
    assert np.isnan(pulled).any()


def test_values_at_repeated_values_are_exact() -> None:
    A = np.diag([1.0, 1.0, 2.0])
    np.testing.assert_allclose(ft.grad(lambda A: np.sum(np.linalg.eigvalsh(A)))(A), np.eye(3), atol=1e-14)


SINGLE = [
    *(np.maximum, np.minimum, np.fmax, np.fmin, np.heaviside),
    *(np.logaddexp, np.logaddexp2, np.copysign, np.power, np.hypot),
]


@pytest.mark.parametrize("function", SINGLE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", [np.float32([0.5, 2.0, 1.0]), 1.0], ids=["an array", "a number"])
def test_nothing_is_computed_in_double_precision_for_single(function: Any, other: Any) -> None:
    x, g = np.float32([1.0, 2.0, -1.0]), np.float32([1.0, 2.0, 3.0])
    for f in (lambda x: function(x, other), lambda x: function(other, x)):
        pulled = lambda x, f=f: ft.vjp(f, x)[1](g)
        assert "float64" not in str(ft.jit(pulled).program(x))
        assert pulled(x)[0].dtype == np.float32
