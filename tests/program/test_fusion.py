"""Fused groups compute what their equations compute one by one, with any size of block and any number of threads."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import functorch_lite as ft
from functorch_lite.core.cache_lines import CACHE_LINE
from functorch_lite.program import blocks, execution, fusion, joint_products

N, M = 37, 5
RNG = np.random.default_rng(7)
MATRIX, OTHER = RNG.normal(size=(N, M)), RNG.normal(size=(N, M))
ROW, SQUARE, VECTOR = RNG.normal(size=M), RNG.normal(size=(M, M)), RNG.normal(size=N)

#: The sums over rows are added up block by block: another order, some units in the last place.
SUMMED = {"rtol": 1e-12, "atol": 1e-12}

#: Eight steps may amplify that by cancellation; what a wrong group gives is off by the size of the values.
AMPLIFIED = {"rtol": 1e-8, "atol": 1e-8}

PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "elementwise": (lambda x, y: np.exp(np.sin(x) * y - x) / (1 + y * y), (MATRIX, OTHER)),
    "a row for all": (lambda x, v: np.tanh(x * v + v) - v, (MATRIX, ROW)),
    "a row of its own": (lambda x: np.exp(x - np.max(x, axis=1, keepdims=True)), (MATRIX,)),
    "a table for all": (lambda x, y: np.tanh(x[:, None] * y[:3] - y[:3]) * y[1:4], (MATRIX, OTHER)),
    "rows of columns": (lambda x, y: np.tanh(x.T[:, :, None] - y[:3, 0]), (MATRIX, OTHER)),
    "differences of strided rows": (
        lambda x, y: np.sum((x.T[::-1].T[:, None, :] - y[:3]) ** 2, axis=2, keepdims=True),
        (MATRIX, OTHER),
    ),
    "read by rows and as a whole": (lambda x, v: (np.exp(x[:, :, None] * x[:5]), np.exp(x) - v), (SQUARE, ROW)),
    "a column for rows and for all": (
        lambda x, v: (np.tanh(x[:, None, None] * x[:, None]), np.tanh(x[:, None] * v)),
        (VECTOR, ROW),
    ),
    "a closing sum that keeps its axis": (lambda v: np.exp(np.sum(np.tanh(v) * v, keepdims=True)), (VECTOR,)),
    "sums within rows": (lambda x: np.log(np.sum(np.exp(x), axis=1)) * 2.0, (MATRIX,)),
    "smallest within rows": (lambda x: np.min(x * x, axis=-1) + np.max(x, 1), (MATRIX,)),
    "a closing sum": (lambda x, y: np.sum(np.sin(x) * y), (MATRIX, OTHER)),
    "a closing sum of columns": (lambda x, y: np.sum(np.sin(x) * y, axis=0), (MATRIX, OTHER)),
    "differences of all pairs of rows": (lambda x, y: np.sum((x[:, None, :] - y[:3]) ** 2, axis=2), (MATRIX, OTHER)),
    "a closing sum of tables": (lambda x, y: np.sum(np.exp(x[:, None, :] - y[:3]), axis=0), (MATRIX, OTHER)),
    "a closing sum of a row's numbers": (lambda x, v: np.sum(np.exp(x @ v)), (MATRIX, ROW)),
    "a closing mean": (lambda x: np.mean(np.exp(x), axis=0), (MATRIX,)),
    "closing twice": (lambda x: (np.sum(np.exp(x)), np.sum(np.exp(x) * x, axis=0)), (MATRIX,)),
    "what reads a closing sum": (lambda x: np.exp(x) / np.sum(np.exp(x)), (MATRIX,)),
    "matrix and vector": (lambda x, v: np.tanh(x @ v) * 2.0 + 1.0, (MATRIX, ROW)),
    "products of a matrix": (
        lambda x, u, v: (x @ u, np.tanh(x @ v) * (x @ u), *(np.exp(x @ (u * c)) for c in (0.5, 1.5, 2.5))),
        (MATRIX, ROW, OTHER[0]),
    ),
    "products of a matrix that is computed": (
        lambda x, u, v: np.tanh(np.sin(x) @ u) * (np.sin(x) @ v),
        (MATRIX, ROW, OTHER[0]),
    ),
    "products and sums of a matrix": (
        lambda x, u, v: (np.tanh(x @ u) @ x, np.cos(x @ v) @ x, (x @ u) @ x, (x @ v + 1.0) @ x, np.sin(x @ v) @ x),
        (MATRIX, ROW, OTHER[0]),
    ),
    "products of two dtypes": (
        lambda x, u, v: np.tanh(x @ u) * (x @ v) + np.sin(x @ (u * 2.0)),
        (MATRIX.astype("f4"), ROW.astype("f4"), OTHER[0]),
    ),
    "vector and matrix": (lambda x, v: np.tanh(v) @ x, (MATRIX, VECTOR)),
    "reshaped": (lambda x: np.sin(x.reshape(N, M, 1) * 2.0).reshape(N, M) + x, (MATRIX,)),
    "broadcast within rows": (
        lambda x: np.broadcast_to(np.sum(x * x, axis=1, keepdims=True), (N, M)) * x,
        (MATRIX,),
    ),
    "a square matrix": (lambda x, v: np.sum(np.exp(x) * v, axis=1) + v, (SQUARE, ROW)),
    "comparisons": (lambda x, y: np.where((x > y) & (x > 0), x, y * 2.0), (MATRIX, OTHER)),
    "float32": (lambda x, y: np.mean(np.exp(x) * y + 1), (MATRIX.astype("f4"), OTHER.astype("f4"))),
    "float16": (lambda x: np.mean(np.exp(x) + 60000, axis=0), (np.zeros((N, M), "f2"),)),
    "whole numbers": (lambda x: np.sum(x * 3 - 1, axis=1) // 2, (np.arange(N * M).reshape(N, M),)),
    "complex numbers": (lambda x: np.sum(np.exp(1j * x) * x, axis=1), (MATRIX,)),
    "two lengths": (lambda x, y: (np.sin(x) * x, np.cos(y) * y, np.sin(x) + np.sum(np.cos(y))), (MATRIX, SQUARE)),
    "an argument returned": (lambda x: (x, x * 2.0 + 1.0), (MATRIX,)),
}


@pytest.fixture(params=[1, 2, 3], ids="threads={}".format)
def small_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is fused, in blocks of a few rows, in so many threads."""
    monkeypatch.setattr(fusion, "SMALLEST_FUSED", 1)
    monkeypatch.setattr(blocks, "BLOCK", 40)
    monkeypatch.setattr(blocks, "LARGE_BLOCK", 60)
    monkeypatch.setattr(blocks, "LARGEST_WHOLE", 0)
    monkeypatch.setattr(joint_products, "has_thin_kernels", lambda: True)
    monkeypatch.setattr(execution, "SMALLEST_SHARED", 1)
    monkeypatch.setattr(execution, "threads", lambda: request.param)
    monkeypatch.setattr(fusion, "blas_threads", lambda: 1)  # so that products of matrices are fused as well


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("form", ["f", "gradient", "batch"])
def test_a_group_computes_what_its_equations_compute(name: str, form: str) -> None:
    f, args = _form(form, *PROGRAMS[name])
    compiled = ft.jit(f)
    program = compiled.program(*args)
    if form == "f" and name != "reshaped":
        assert any(isinstance(step, fusion.Group) for step in fusion.steps(program)), f"nothing is fused in\n{program}"
    wanted = f(*args)
    for _ in range(2):
        _assert_same(compiled(*args), wanted)


def test_a_matrix_of_middle_size_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion, "blas_threads", lambda: 1)
    monkeypatch.setattr(blocks, "threads", lambda: 1)
    x, v = RNG.normal(size=(2000, 300)), RNG.normal(size=300)
    functions = {"products": lambda x, v: np.tanh(x @ v) @ x, "more": lambda x, v: np.tanh(np.sin(x) @ v) @ x}
    sizes = {}
    for name, f in functions.items():
        (group,) = (s for s in fusion.steps(ft.make_program(f)(x, v)) if isinstance(s, fusion.Group))
        sizes[name] = blocks.block_size(group)
        _assert_same(ft.jit(f)(x, v), f(x, v))
    assert sizes == {"products": x.size, "more": blocks.LARGE_BLOCK}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_logistic_function_in_a_group_has_the_bits_of_calculus(dtype: Any) -> None:
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e308, -1e308, 745.0, -745.0, 5e-324, -40.0])

    def slope(x: Any) -> Any:
        return ft.vjp(lambda x: np.logaddexp(0, x * 1.5), x)[1](np.ones_like(x))

    with np.errstate(all="ignore"):
        x = np.append(special, RNG.normal(size=N * M - special.size) * 5).astype(dtype).reshape(N, M)
        assert "logistic" in str(ft.jit(slope).program(x))
        actual, wanted = ft.jit(slope)(x)[0], slope(x)[0]
    np.testing.assert_array_equal(actual, wanted, strict=True)


@pytest.mark.usefixtures("small_blocks")
def test_results_of_one_call_stay_as_they_are_when_another_comes() -> None:
    compiled = ft.jit(lambda x: (np.exp(np.sin(x)), np.sum(np.exp(x) * x, axis=0)))
    first = compiled(MATRIX)
    kept = ft.tree.map(np.copy, first)
    compiled(OTHER)
    _assert_same(first, kept)


def test_standing_memory_begins_with_a_line_of_the_cache() -> None:
    kinds = [((3, 5), np.dtype("f8")), ((7,), np.dtype("f4")), ((0, 2), np.dtype("c16")), ((), np.dtype("?"))]
    frame = execution.Frames(kinds).take()
    assert [(x.shape, x.dtype) for x in frame] == kinds
    memory = execution.block_memory(((11, np.dtype("f8")), (13, np.dtype("?"))))
    assert all(x.ctypes.data % CACHE_LINE == 0 for x in (*frame, *memory) if x.size)


@pytest.mark.parametrize("shape", [(64, 10), (64, 128), (3, 200), (4, 3, 5), (1, 5), (5, 1), (600,)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool, np.complex128])
def test_sums_over_one_axis(shape: tuple[int, ...], dtype: Any) -> None:
    x = (RNG.normal(size=shape) * 3).astype(dtype)
    for axis in range(len(shape)):
        for keepdims in (False, True):
            for f in (lambda x: np.sum(x, axis, keepdims=keepdims), lambda x: np.sum(x + x, axis, keepdims=keepdims)):  # noqa: B023
                _assert_same(ft.jit(f)(x), f(x))
    with np.errstate(all="ignore"):
        special = np.where(RNG.random(shape) < 0.1, np.inf, RNG.normal(size=shape))
        special = np.where(RNG.random(shape) < 0.01, np.nan, special * np.sign(RNG.normal(size=shape)))
        for axis in range(len(shape)):
            _assert_same(ft.jit(lambda x: np.sum(x, axis))(special), np.sum(special, axis))  # noqa: B023


@pytest.mark.parametrize("dtype", ["f8", "f4", "c16", "?"])
@pytest.mark.parametrize("step", [1, -1, 2])
def test_rows_are_spread_as_they_are(dtype: str, step: int) -> None:
    rows = (RNG.normal(size=(4, 1, 6)) > 0.3).astype(dtype)[:, :, ::step]
    for x in (rows, rows[..., :1]):
        out = np.empty((4, 5, rows.shape[-1]), dtype)
        execution.spread(x, out)
        np.testing.assert_array_equal(out, np.broadcast_to(x, out.shape), strict=True)


def test_cancelled_sums_keep_their_sign() -> None:
    """Rounding is symmetric, but -(+0) is not +0: a sum of negated terms that cancel is +0 as well."""
    x = np.array([[1.0, -1.0], [0.25, -0.25]])
    total = ft.jit(lambda x: np.sum(-x, axis=1))(x)
    np.testing.assert_array_equal(np.signbit(total), np.signbit(np.sum(-x, axis=1)))


def test_small_programs_stay_whole() -> None:
    program = ft.jit(lambda x: np.exp(np.sin(x))).program(MATRIX)
    assert not any(isinstance(step, fusion.Group) for step in fusion.steps(program))


def test_a_planted_error_shows() -> None:
    """A group that forgot to add up its blocks would give the sum of the last one."""
    x = np.arange(1.0, 1 << 18)
    total = ft.jit(lambda x: np.sum(np.sqrt(x) * 2.0))(x)
    np.testing.assert_allclose(total, np.sum(np.sqrt(x) * 2.0), rtol=1e-13)
    assert abs(total - np.sum(np.sqrt(x[-(1 << 15) :]) * 2.0)) > 1


STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "sin": lambda x, y: np.sin(x),
    "times": lambda x, y: x * y,
    "minus row": lambda x, y: x - ROW,
    "minus largest": lambda x, y: x - np.max(x, axis=1, keepdims=True),
    "over sum": lambda x, y: x / (1.0 + np.sum(x * x, axis=1))[:, None],
    "minus mean": lambda x, y: x - np.mean(x, axis=0),
    "by total": lambda x, y: x / (1.0 + np.sum(y * y)),
    "along": lambda x, y: np.tanh(x @ ROW)[:, None] * y,
    "across": lambda x, y: x + np.tanh(np.sum(x, axis=1) @ y / N),
    "mixed": lambda x, y: np.tanh(x @ SQUARE) + y,
    "where": lambda x, y: np.where(x > ROW, x, 0.5 * y),
    "turned": lambda x, y: np.cos(x[::-1]) * y,
    "reshaped": lambda x, y: np.sin(x.reshape(N, 1, M))[:, 0] + y,
}


@given(names=st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=8), count=st.integers(1, 3))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_compositions(names: list[str], count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any, y: Any) -> Any:
        for name in names:
            x, y = STEPS[name](x, y), x
        return np.tanh(x), np.sum(x * y)

    with monkeypatch.context() as patch:
        patch.setattr(fusion, "SMALLEST_FUSED", 1)
        patch.setattr(blocks, "BLOCK", 40)
        patch.setattr(blocks, "LARGE_BLOCK", 60)
        patch.setattr(execution, "SMALLEST_SHARED", 1)
        patch.setattr(execution, "threads", lambda: count)
        for form in ("f", "gradient"):
            g, args = _form(form, f, (MATRIX, OTHER))
            _assert_same(ft.jit(g)(*args), g(*args), AMPLIFIED)


def _form(form: str, f: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return a function, its pullback at ones, or its batch of two, with arguments."""
    if form == "batch":
        return ft.vmap(f), tuple(np.stack([x, x]) for x in args)
    if form == "f" or any(x.dtype.kind != "f" for x in args):
        return f, args

    def gradient(*args: Any) -> Any:
        y, pull = ft.vjp(f, *args)
        return pull(ft.tree.map(lambda v: np.ones(np.shape(v), v.dtype), y))

    return gradient, args


def _assert_same(actual: Any, wanted: Any, allowed: dict[str, float] = SUMMED) -> None:
    pairs = [*zip(ft.tree.leaves(actual), ft.tree.leaves(wanted), strict=True)]
    for y, z in pairs:
        assert (np.shape(y), np.asarray(y).dtype) == (np.shape(z), np.asarray(z).dtype)
        tolerances = {"rtol": 1e-4, "atol": 1e-5} if np.asarray(z).dtype.itemsize == 4 else allowed
        np.testing.assert_allclose(y, z, **tolerances)


def _in_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion, "SMALLEST_FUSED", 1)
    monkeypatch.setattr(blocks, "BLOCK", 40)
    monkeypatch.setattr(execution, "SMALLEST_SHARED", 1)
    monkeypatch.setattr(execution, "threads", lambda: 2)


@pytest.mark.parametrize("row", [0, -1])
def test_what_errstate_says_holds_in_all_threads(row: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _in_two_threads(monkeypatch)
    compiled = ft.jit(lambda x: np.log(x) * x + np.sqrt(x))
    x = np.ones((N, M))
    compiled(x)
    x[row] = -1.0
    with np.errstate(all="ignore"):  # warnings are errors here
        assert np.isnan(compiled(x)[row]).all()
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        compiled(x)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # that is what is tested
def test_a_process_that_is_forked_off_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_two_threads(monkeypatch)
    compiled = ft.jit(lambda x: np.exp(np.sin(x)) * 2.0)
    expected = compiled(MATRIX)

    def there(sending: Any) -> None:
        sending.send(np.array_equal(compiled(MATRIX), expected))

    processes = multiprocessing.get_context("fork")
    receiving, sending = processes.Pipe(duplex=False)
    process = processes.Process(target=there, args=(sending,), daemon=True)
    process.start()
    try:
        assert receiving.poll(30.0), "it waits for threads of the process before it"
        assert receiving.recv()
    finally:
        process.kill()
        process.join()
