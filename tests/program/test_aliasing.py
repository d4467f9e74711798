"""Results are the caller's own: they share memory with no argument, no constant, no other result and no later call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite import tree
from functorch_lite.program.source import written

#: Large enough that compiled programs reuse memory and keep it from call to call, and run in blocks.
SIZES = (6, 20_000, 200_000)

TABLE = {n: np.linspace(0.5, 1.5, n) for n in SIZES}

FUNCTIONS: list[tuple[str, Callable[[Any], Any]]] = [
    ("the input", lambda x: x),
    ("the input twice", lambda x: (x, x)),
    ("views of the input", lambda x: (x[1:], x[::2], x.reshape(2, -1), x.reshape(2, -1).T, np.flip(x), x[None])),
    ("a constant", lambda x: (TABLE[len(x)], x + TABLE[len(x)])),
    ("views of a constant", lambda x: (x * 1.0, TABLE[len(x)][1:], np.reshape(TABLE[len(x)], (2, -1)))),
    ("a constant array computed from nothing", lambda x: (np.ones(x.shape) * 2.0, x)),
    ("copies", lambda x: (x.copy(), +x, np.positive(x), x * 1.0, x - 0.0, x.astype(float), np.real(x))),
    ("without a derivative", lambda x: (ft.stop_gradient(x), ft.stop_gradient(x) + 1.0, np.sin(ft.stop_gradient(x)))),
    ("the real part", lambda x: (np.real(x) * 2.0, np.real(x) + np.imag(x))),
    ("parts of complex numbers", lambda x: (lambda z: (np.real(z), np.imag(z), z.real * 2.0, z * z))(x + 1j * x)),
    ("a part of what is overwritten", lambda x: (lambda z: np.real(z) + np.real(z * z) * z)((1.0 + 2.0j) * x)),
    ("broadcast", lambda x: (np.broadcast_to(x, (3, *x.shape)), np.broadcast_to(x * 2.0, (2, *x.shape)))),
    ("an intermediate and its views", lambda x: (lambda y: (y, y[1:], y.reshape(2, -1), y + 1.0))(x * 2.0)),
    ("an intermediate and what follows", lambda x: (lambda y: (y * 3.0 + 1.0, y))(np.exp(-x) + 1.0)),
    ("a view read after its base", lambda x: (lambda y: y.reshape(2, -1).sum(0) + (y * 3.0 - 2.0)[0])(np.exp(-x) + 1)),
    ("a diagonal", lambda x: np.diagonal(np.tile(x[:2], (2, 1)) * 2.0)),
    ("sorted", lambda x: (np.sort(x), np.sort(x)[::-1])),
    ("sorted twice", lambda x: (lambda y: (y, y, np.real(y), np.real(y) + 1.0))(np.sort(x))),
    ("parts of one that are the same", lambda x: (lambda y: (np.real(y), np.real(y), y))(np.sort(x))),
    ("the same under two names", lambda x: (lambda y: (np.real(y), y, np.real(x)))(x * 2.0)),
    ("selected", lambda x: (np.where(x > 1.0, x, x), np.where(x > 0.0, x, 0.0), np.clip(x, -9.0, 9.0))),
    ("equal results", lambda x: (np.sin(x), np.sin(x), np.sin(x) * 1.0)),
    ("a gradient that is its cotangent", lambda x: ft.vjp(lambda a, b: a + b, x, x)[1](x)),
    ("two gradients that are one", lambda x: ft.grad(lambda a, b: np.sum(a * 2.0 + b * 2.0), (0, 1))(x, x)),
    ("a scaled gradient", ft.grad(lambda x: np.sum(x * x) / 2 + np.sum(np.exp(-x)))),
    ("a long chain", lambda x: (np.tanh(np.sin(x * 2.0) + 1.0) * 3.0 - x) * (np.cos(x) + 2.0)),
    ("sums and what they are of", lambda x: (lambda y: (np.sum(y), y, np.sum(y * y)))(np.sin(x) * 2.0)),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "f"), FUNCTIONS, ids=[name for name, _ in FUNCTIONS])
def test_results_are_the_callers_own(name: str, f: Callable[[Any], Any], size: int) -> None:
    x = np.linspace(0.1, 2.0, size)
    before, table = x.copy(), TABLE[size].copy()
    # Sums run in blocks, in another order; everything else is the same operation.
    expected = [np.array(y) for y in tree.leaves(f(x))]
    compiled = ft.jit(f)
    first = tree.leaves(compiled(x))
    _assert_equal(first, expected, name)
    second = tree.leaves(compiled(x))
    _assert_equal(first, expected, f"{name}: the first results after a second call")
    _assert_equal(second, expected, f"{name}: the second results")
    _assert_nothing_shared([x, TABLE[size], *first, *second])
    for y in (*first, *second):
        if isinstance(y, np.ndarray):
            assert y.flags.writeable
            y[...] = 7.0
    _assert_equal(tree.leaves(compiled(x)), expected, f"{name}: after writing into results")
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(TABLE[size], table)


@pytest.mark.parametrize("size", SIZES)
def test_derivatives_and_batches_of_compiled_functions_are_the_callers_own(size: int) -> None:
    x = np.linspace(0.1, 2.0, size)
    before = x.copy()
    for name, f in FUNCTIONS[:8]:
        compiled = ft.jit(f)
        for transformed in (
            lambda x, g=compiled: ft.jvp(g, (x,), (x,)),
            lambda x, g=compiled: ft.vmap(g)(x[None]),
            lambda x, g=compiled: ft.vjp(lambda x: tree.leaves(g(x))[0], x)[1](tree.leaves(g(x))[0]),
        ):
            first = tree.leaves(transformed(x))
            kept = [np.array(y) for y in first]
            second = tree.leaves(transformed(x))
            _assert_equal(first, kept, name)
            _assert_equal(second, kept, name)
            np.testing.assert_array_equal(x, before)


def test_read_only_and_strided_arguments() -> None:
    f = ft.jit(lambda x: np.exp(-x) * 2.0 + x.T)
    x = np.linspace(0.0, 1.0, 40_000).reshape(200, 200)
    expected = np.exp(-x) * 2.0 + x.T
    frozen = x.copy()
    frozen.flags.writeable = False
    for given in (x, frozen, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1][::-1]):
        np.testing.assert_array_equal(f(given), expected)


def _assert_nothing_shared(values: list[Any]) -> None:
    arrays = [y for y in values if isinstance(y, np.ndarray) and y.size]
    for i, a in enumerate(arrays):
        for b in arrays[max(i + 1, 2) :]:
            assert not np.shares_memory(a, b)


def _assert_equal(actual: list[Any], expected: list[Any], what: str) -> None:
    for y, wanted in zip(actual, expected, strict=True):
        assert np.asarray(y).dtype == wanted.dtype, what
        if wanted.ndim:
            np.testing.assert_array_equal(y, wanted, err_msg=what)
        else:
            np.testing.assert_allclose(y, wanted, rtol=1e-13, err_msg=what)


def test_assignments_are_done_in_place_where_nobody_needs_the_array_any_more() -> None:
    def f(x: Any) -> Any:
        y = x.copy()
        first = y[0]
        for i in range(1, 20):
            y[i] = np.sin(y[i - 1]) + first
        kept = y[::-1]
        before = y.copy()
        y[5:10] = y[4:9]
        y[np.array([3, 3, 7])] = y[np.array([0, 1, 2])]
        return y, kept, before

    x = np.linspace(0.0, 1.0, 5000)
    given = x.copy()
    expected = ft.vjp(f, x)[0]
    compiled = ft.jit(f)
    for _ in range(2):
        found = compiled(x)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)
        for i, a in enumerate(found):
            assert not any(np.shares_memory(a, b) for b in (x, *found[:i]))
        np.testing.assert_array_equal(x, given)
    text, _ = written(compiled.program(x))
    assert text.count("write_part(") >= 19
    slope = ft.grad(lambda x: sum(np.sum(y**2) for y in f(x)))
    np.testing.assert_allclose(ft.jit(slope)(x), slope(x), rtol=1e-14)


NO_AXES: list[tuple[str, Callable[[Any], Any]]] = [
    ("the input", lambda x: x),
    ("the input twice", lambda x: (x, x)),
    ("views of it", lambda x: (np.reshape(x, ()), np.squeeze(x[None]), x[...], np.real(x), x[()])),
    ("an intermediate twice", lambda x: (lambda y: (y, y))(np.reshape(x * 2, (1,)).reshape(()))),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128", "int64", "bool"])
@pytest.mark.parametrize(("name", "f"), NO_AXES, ids=[name for name, _ in NO_AXES])
def test_arrays_of_no_axes_are_the_callers_own_as_well(name: str, f: Callable[[Any], Any], dtype: str) -> None:
    x = np.array(1, dtype)
    compiled = ft.jit(f)
    expected = [np.array(y) for y in tree.leaves(f(x))]
    for _ in range(2):
        found = [y for y in tree.leaves(compiled(x)) if isinstance(y, np.ndarray)]
        for y in found:
            y[...] = 0
        assert x == 1
        for y, e in zip(tree.leaves(compiled(x)), expected, strict=True):
            np.testing.assert_array_equal(y, e)
            assert y.dtype == e.dtype
    assert type(compiled(x.astype(dtype)[()])) in (tuple, x.dtype.type)
