"""What `jit` records, when, and for how long it keeps it."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.program import entries
from functorch_lite.program import jit as jit_module
from functorch_lite.program.turns import made_once


class Counted:
    """A function that counts how often Python runs it."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, x: Any, scale: Any = 2.0) -> Any:
        self.runs += 1
        return np.sin(x) * scale


@pytest.mark.parametrize(
    ("first", "second", "runs"),
    [
        (np.zeros(3), np.ones(3), 1),
        (1.0, 2.0, 1),
        (np.zeros(3), np.zeros(4), 2),
        (np.zeros(3), np.zeros((3, 1)), 2),
        (np.zeros(3), np.zeros(3, np.float32), 2),
        (1.0, np.float64(1.0), 2),
        (1.0, 1, 2),
        (1, True, 2),
        (np.float64(1.0), np.float32(1.0), 2),
    ],
)
def test_one_recording_for_each_shape_dtype_and_weak_kind(first: Any, second: Any, runs: int) -> None:
    f = Counted()
    compiled = ft.jit(f)
    for x in (first, second, first, second):
        y, plain = compiled(x), Counted()(x)
        assert np.asarray(y).dtype == np.asarray(plain).dtype
        # math.sin and np.sin are both within one unit of the sine.
        np.testing.assert_allclose(y, plain, rtol=1e-6 if np.asarray(plain).dtype == np.float32 else 1e-15)
    assert f.runs == runs


def test_the_tree_of_the_arguments_and_keywords_matter() -> None:
    runs = []

    def f(p: Any, *, c: Any = 1.0) -> Any:
        runs.append(None)
        return ft.tree.map(lambda x: x * c, p)

    compiled = ft.jit(f)
    for _ in range(2):
        assert compiled({"a": 1.0}) == {"a": 1.0}
        assert compiled([1.0, 2.0]) == [1.0, 2.0]
        assert compiled((1.0, 2.0)) == (1.0, 2.0)
        assert compiled([1.0, 2.0], c=3.0) == [3.0, 6.0]
    assert len(runs) == 4


def test_the_program_that_is_shown_is_the_one_that_runs() -> None:
    f = Counted()
    compiled = ft.jit(f)
    program = compiled.program(np.zeros(3))
    compiled(np.ones(3))
    assert f.runs == 1
    assert compiled.program(np.ones(3)) is program


def test_transformations_do_not_record_again() -> None:
    f = Counted()
    compiled = ft.jit(f)
    x = np.arange(3.0)
    compiled(x)
    for _ in range(3):
        ft.vjp(compiled, x)[1](x)
        ft.jvp(compiled, (x,), (x,))
        ft.vmap(compiled)(np.stack([x, x]))
        ft.jacrev(compiled)(x)
    assert f.runs == 1
    (entry,) = compiled._entries.values()
    derived = len(entry.derived)
    ft.vjp(compiled, x)[1](x)
    ft.jvp(compiled, (x,), (x,))
    ft.jacrev(compiled)(x)
    assert len(entry.derived) == derived


def test_a_traced_python_number_is_as_weak_as_the_number() -> None:
    single = np.ones(3, np.float32)
    compiled = ft.jit(lambda s, x: s * x)
    assert ft.grad(lambda s: compiled(s, single).sum())(3.0) == 3.0
    assert compiled(np.float64(3.0), single).dtype == np.float64
    assert compiled(3.0, single).dtype == np.float32


def test_static_arguments() -> None:
    runs = []

    def f(x: Any, n: int, kind: str = "sum") -> Any:
        runs.append((n, kind))
        return np.sum(x) if kind == "sum" else sum(x[i] for i in range(n))

    x = np.arange(3.0)
    for compiled in (
        ft.jit(f, static_argnums=(1, 2)),
        ft.jit(f, static_argnums=(1, -1)),
        ft.jit(f, static_argnames=("n", "kind")),
        ft.jit(f, static_argnums=1, static_argnames="kind"),
    ):
        runs.clear()
        for _ in range(2):
            assert compiled(x, 2, "parts") == 1.0
            assert compiled(x, 3, "parts") == 3.0
            assert compiled(x, 1, "sum") == 3.0
        assert runs == [(2, "parts"), (3, "parts"), (1, "sum")]
    named = ft.jit(f, static_argnums=1)
    assert named(x, n=2) == 3.0


def test_static_numbers_of_different_kinds_are_different() -> None:
    x = np.array([2])
    compiled = ft.jit(lambda x, s: x * s, static_argnums=1)
    for s in (1, 1.0, True, 0.0, -0.0):
        y = compiled(x, s)
        assert y.dtype == (x * s).dtype
        assert np.signbit(y) == np.signbit(x * s)
    nested = ft.jit(lambda x, s: x * s[0], static_argnums=1)
    assert nested(x, (1,)).dtype == np.int64
    assert nested(x, (1.0,)).dtype == np.float64


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit_module, "LARGEST_CACHE", 4)
    f = Counted()
    compiled = ft.jit(f)
    for n in range(10):
        compiled(np.zeros(n))
    assert len(compiled._entries) == 4
    compiled(np.zeros(9))
    assert f.runs == 10
    compiled(np.zeros(0))
    assert f.runs == 11


def test_the_program_that_was_not_used_for_the_longest_time_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit_module, "LARGEST_CACHE", 3)
    f = Counted()
    compiled = ft.jit(f)
    for n in (1, 2, 3):
        compiled(np.zeros(n))
    compiled(np.zeros(1))
    compiled(np.zeros(1), scale=3.0)  # drops the program of two numbers
    assert f.runs == 4
    compiled(np.zeros(1))
    compiled(np.zeros(3))
    assert f.runs == 4
    compiled(np.zeros(2))  # drops that with a scale
    compiled(np.zeros(1))
    compiled(np.zeros(3))
    assert f.runs == 5
    assert len(compiled._entries) == len(compiled._singles) == 3


def test_functions_that_call_each_other_first_called_from_two_threads() -> None:
    barrier = Barrier(2)
    results: list[Any] = []

    def one(x: Any, n: int) -> Any:
        return x + 1.0 if n == 0 else np.sin(jitted_two(x, n - 1))

    def two(x: Any, n: int) -> Any:
        return x * 2.0 if n == 0 else np.cos(jitted_one(x, n - 1))

    for _ in range(10):
        jitted_one, jitted_two = ft.jit(one, static_argnums=1), ft.jit(two, static_argnums=1)

        def run(f: Any) -> None:
            barrier.wait()
            results.append((f, f(1.5, 6)))

        threads = [Thread(target=run, args=(f,), daemon=True) for f in (jitted_one, jitted_two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        for f, y in results:
            assert y == f(1.5, 6)
        results.clear()


def test_threads_that_would_wait_for_each_other_make_a_thing_twice() -> None:
    made: dict[str, int] = {}
    both_started = Barrier(2)
    values = []

    def make(name: str, other: str) -> int:
        if len(made) < 2 and not both_started.broken:
            both_started.wait()
        made_once(other, lambda: made.get(other), lambda: made.setdefault(other, 1))
        return made.setdefault(name, 0)

    def run(name: str, other: str) -> None:
        values.append(made_once(name, lambda: made.get(name), lambda: make(name, other)))

    threads = [Thread(target=run, args=names, daemon=True) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert {*made} == {"a", "b"}
    assert sorted(values) == sorted(made.values())


def test_eight_threads_that_call_first_record_once() -> None:
    f = Counted()
    compiled = ft.jit(f)
    barrier = Barrier(8)
    x = np.linspace(0.0, 1.0, 50_000)
    results: list[Any] = []

    def run(i: int) -> None:
        barrier.wait()
        for k in range(20):
            results.append((i + k, compiled(x + (i + k))))

    threads = [Thread(target=run, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert f.runs == 1
    assert len(results) == 160
    for shift, y in results:
        np.testing.assert_array_equal(y, np.sin(x + shift) * 2.0)


def test_threads_that_differentiate_first() -> None:
    f = Counted()
    gradient = ft.grad(lambda x: np.sum(compiled(x)))
    compiled = ft.jit(f)
    x = np.linspace(0.0, 1.0, 100)
    barrier = Barrier(8)
    results: list[Any] = []

    def run() -> None:
        barrier.wait()
        results.append(gradient(x))

    threads = [Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert f.runs == 1
    assert len(results) == 8
    for g in results:
        np.testing.assert_array_equal(g, np.cos(x) * 2.0)


def test_a_compiled_function_dies_with_its_last_user() -> None:
    f: Any = Counted()
    compiled: Any = ft.jit(f)
    ft.vjp(compiled, np.zeros(3))[1](np.ones(3))
    ft.vmap(compiled)(np.zeros((2, 3)))
    dead = weakref.ref(f)
    f = compiled = None
    gc.collect()
    assert dead() is None


def test_arrays_that_a_function_closes_over_are_copied_when_it_is_recorded() -> None:
    table = np.array([1.0, 2.0, 3.0])
    positions = np.array([0, 1])
    compiled = ft.jit(lambda x: x * table + table[1:][positions[:1]])
    before = compiled(1.0)
    table[:] = 100.0
    positions[:] = 5
    np.testing.assert_array_equal(compiled(1.0), before)


def test_index_arrays_are_copied_too() -> None:
    positions = np.array([0, 1])
    compiled = ft.jit(lambda x: x[positions])
    x = np.array([1.0, 2.0, 3.0])
    before = compiled(x)
    positions[:] = 2
    np.testing.assert_array_equal(compiled(x), before)


def test_an_array_that_the_function_writes_into_between_two_uses() -> None:
    def f(x: Any) -> Any:
        offset = np.zeros(3)
        for i in range(3):
            offset[:] = i
            x = x + offset
        return x

    x = np.arange(3.0)
    np.testing.assert_array_equal(ft.jit(f)(x), f(x))


def test_methods() -> None:
    class Model:
        def __init__(self, weight: float) -> None:
            self.weight = weight

        @ft.jit(static_argnums=0)
        def static(self, x: Any) -> Any:
            return self.weight * x

        def bound(self, x: Any) -> Any:
            return self.weight * x

    one, two = Model(2.0), Model(3.0)
    assert (one.static(4.0), two.static(4.0)) == (8.0, 12.0)
    assert ft.jit(one.bound)(4.0) == 8.0


def test_derived_programs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "LARGEST_DERIVED", 8)
    compiled = ft.jit(np.sin)
    gradient = ft.grad(compiled)
    assert gradient(1.0) == np.cos(1.0)
    (entry,) = compiled._entries.values()
    for n in range(1, 30):
        x = np.arange(float(n))
        np.testing.assert_array_equal(ft.vmap(compiled)(x), np.sin(x))
        assert len(entry.derived) <= 8
    assert gradient(1.0) == np.cos(1.0)


def test_arrays_that_are_closed_over_are_held_as_they_were_at_each_use() -> None:
    """Bits count: -0 is not 0, and a NaN is what it was."""
    for dtype in (float, np.float32, np.float16, complex, np.complex64, np.longdouble, np.clongdouble, int, ">f8"):
        buffer = np.zeros((3, 4), dtype)[:, ::2]
        buffer[0] = np.nan if buffer.dtype.kind in "fc" else 7

        def f(x: Any, buffer: Any = buffer) -> Any:
            first = x + buffer, x - buffer
            buffer[1] = -0.0 if buffer.dtype.kind in "fc" else 1
            second = np.copysign(x, np.real(buffer)), x + buffer
            return *first, *second, x * buffer

        x = np.ones((3, 2))
        program = ft.make_program(f)(x)
        assert len(program.constants) <= 3
        before = buffer.copy()
        buffer[...] = 5
        results = program(x)
        np.testing.assert_array_equal(results[0][1:], np.ones((2, 2)))
        np.testing.assert_array_equal(results[-1], x * before)
        if buffer.dtype.kind in "fc":
            np.testing.assert_array_equal(results[2][1], [-1.0, -1.0])
            np.testing.assert_array_equal(results[2][2], [1.0, 1.0])
        else:
            np.testing.assert_array_equal(results[3][1:], [[2.0, 2.0], [1.0, 1.0]])


def test_an_array_that_is_closed_over_is_copied_once() -> None:
    matrix = np.eye(300)

    def f(x: Any) -> Any:
        for _ in range(50):
            x = x + matrix
        return x

    tracemalloc.start()
    try:
        program = ft.make_program(f)(matrix[0])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(program.constants) == 1
    # The copy, the values that are recorded with, and what tells whether the array has changed, of a byte an element.
    assert peak < 60 * matrix.nbytes
