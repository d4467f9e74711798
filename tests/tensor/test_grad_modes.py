"""Grad modes: as context managers and decorators, nested, in threads, tasks and generators."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def leaf(values: Any = 2.0) -> Any:
    return ft.tensor(values, requires_grad=True)


def recorded() -> bool:
    """Say whether an operation is recorded here, and check that the library says the same."""
    y = leaf() * 2.0
    assert y.requires_grad == ft.is_grad_enabled() == (y.grad_fn is not None)
    return bool(y.requires_grad)


def test_no_grad_stops_recording() -> None:
    assert recorded()
    with ft.no_grad():
        assert not recorded()
    assert recorded()


def test_modes_nest() -> None:
    with ft.no_grad():
        with ft.enable_grad():
            assert recorded()
            with ft.no_grad():
                assert not recorded()
            assert recorded()
        assert not recorded()
        with ft.set_grad_enabled(True):
            assert recorded()
        assert not recorded()
        with ft.set_grad_enabled(False):
            assert not recorded()
    assert recorded()


def test_the_mode_returns_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), ft.no_grad():
        raise ZeroDivisionError
    assert recorded()


def test_set_grad_enabled_is_a_call_too() -> None:
    try:
        ft.set_grad_enabled(False)
        assert not recorded()
    finally:
        ft.set_grad_enabled(True)
    assert recorded()


def test_one_object_serves_many_times_and_nests_in_itself() -> None:
    off = ft.no_grad()
    for _ in range(2):
        with off:
            assert not recorded()
        assert recorded()


def test_decorators_bare_and_called() -> None:
    @ft.no_grad()
    def called() -> bool:
        return recorded()

    @ft.no_grad
    def bare() -> bool:
        return recorded()

    @ft.set_grad_enabled(False)
    def switched() -> bool:
        return recorded()

    @ft.enable_grad()
    def on() -> bool:
        return recorded()

    assert recorded()
    assert not called()
    assert not bare()
    assert not switched()
    with ft.no_grad():
        assert on()
        assert not recorded()
    assert recorded()


def test_set_grad_enabled_as_a_decorator_does_not_switch_where_it_stands() -> None:
    @ft.set_grad_enabled(False)
    def off() -> bool:
        return recorded()

    assert recorded()
    assert not off()
    assert recorded()


def test_a_decorated_function_keeps_its_name_and_arguments() -> None:
    @ft.no_grad()
    def scaled(x: Any, *, by: float = 2.0) -> Any:
        """Multiply."""
        return x * by

    assert (scaled.__name__, scaled.__doc__) == ("scaled", "Multiply.")
    y = scaled(leaf(), by=5.0)
    assert y.item() == 10.0
    assert not y.requires_grad


def test_a_decorated_method() -> None:
    class Model:
        @ft.no_grad()
        def predict(self, x: Any) -> Any:
            return x * 2.0

    assert not Model().predict(leaf()).requires_grad


def test_a_generator_function_runs_in_its_mode_and_its_caller_in_his() -> None:
    @ft.no_grad()
    def steps() -> Iterator[bool]:
        yield recorded()
        with ft.enable_grad():
            yield recorded()
        yield recorded()

    for expected, inside in zip([False, True, False], steps(), strict=True):
        assert inside is expected
        assert recorded()
    with ft.no_grad():
        generator = steps()
        assert next(generator) is False
    assert recorded()
    assert next(generator) is True
    assert recorded()


def test_a_generator_takes_what_is_sent_and_thrown() -> None:
    seen: list[Any] = []

    @ft.no_grad()
    def conversation() -> Iterator[Any]:
        try:
            seen.append((yield 1))
            yield 2
        except KeyError:
            seen.append(recorded())
            yield 3
        finally:
            seen.append("closed")

    generator: Any = conversation()
    assert next(generator) == 1
    assert generator.send("hello") == 2
    assert generator.throw(KeyError()) == 3
    generator.close()
    assert seen == ["hello", False, "closed"]
    assert recorded()


def test_a_generator_returns_its_value() -> None:
    @ft.no_grad()
    def counted() -> Iterator[int]:
        yield 1
        return 7

    def outer() -> Iterator[Any]:
        result = yield from counted()  # type: ignore[func-returns-value]
        yield ("result", result)

    assert list(outer()) == [1, ("result", 7)]


def test_the_mode_belongs_to_the_thread() -> None:
    results: list[bool] = []
    with ft.no_grad():
        thread = threading.Thread(target=lambda: results.append(recorded()))
        thread.start()
        thread.join()
    assert results == [True]


def test_threads_do_not_meet() -> None:
    inside, outside = threading.Event(), threading.Event()
    results: list[bool] = []

    def off() -> None:
        with ft.no_grad():
            inside.set()
            outside.wait(10.0)
            results.append(recorded())

    thread = threading.Thread(target=off)
    thread.start()
    inside.wait(10.0)
    results.append(recorded())
    outside.set()
    thread.join()
    assert results == [True, False]


def test_leaf_creation_and_requires_grad_do_not_depend_on_the_mode() -> None:
    """The factory exception: what is asked for explicitly is given."""
    with ft.no_grad():
        x = ft.tensor([1.0, 2.0], requires_grad=True)
        z = ft.zeros(2, requires_grad=True)
        y = (x * 2.0).requires_grad_()
        assert x.requires_grad
        assert z.requires_grad
        assert y.requires_grad
        assert y.is_leaf
    (x * y).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert y.grad.tolist() == [1.0, 2.0]


def test_views_and_copies_under_no_grad_are_constants() -> None:
    x = leaf([1.0, 2.0, 3.0])
    with ft.no_grad():
        for y in (x.clone(), x + 0.0, (x * 2.0)[0]):
            assert not y.requires_grad
        views = [x[0], x[1:], x.reshape(3, 1)]
    for y in views:
        assert y.grad_fn is None
        assert y.is_leaf
    (x * views[0]).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_a_graph_goes_on_after_no_grad() -> None:
    x = leaf()
    y = x * x
    with ft.no_grad():
        c = y * 10.0
    (y * c).backward()
    assert x.grad.item() == 4.0 * 40.0


def test_enable_grad_does_not_revive_constants() -> None:
    with ft.no_grad():
        y = leaf() * 2.0
        with ft.enable_grad():
            assert not (y * 2.0).requires_grad


def test_functional_transformations_do_not_ask_for_the_mode() -> None:
    x = np.array([0.3, 1.1])

    def f(x: Any) -> Any:
        with ft.no_grad():
            return np.sum(x * x)

    np.testing.assert_array_equal(ft.grad(f)(x), 2 * x)
    with ft.no_grad():
        np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x**3))(x), 3 * x**2)


def test_the_mode_belongs_to_the_task() -> None:
    async def off(meet: asyncio.Barrier) -> list[bool]:
        with ft.no_grad():
            await meet.wait()
            first = recorded()
            await meet.wait()
        return [first, recorded()]

    async def on(meet: asyncio.Barrier) -> list[bool]:
        await meet.wait()
        first = recorded()
        await meet.wait()
        return [first, recorded()]

    async def both() -> list[list[bool]]:
        meet = asyncio.Barrier(2)
        return list(await asyncio.gather(off(meet), on(meet)))

    assert asyncio.run(both()) == [[False, True], [True, True]]


def test_coroutines_and_async_generators_are_decorated() -> None:
    @ft.no_grad()
    async def coroutine() -> bool:
        await asyncio.sleep(0)
        return recorded()

    @ft.no_grad()
    async def generator() -> AsyncIterator[bool]:
        yield recorded()
        await asyncio.sleep(0)
        yield recorded()

    async def main() -> list[bool]:
        results = [await coroutine(), recorded()]
        async for inside in generator():
            results += [inside, recorded()]
        return results

    assert asyncio.run(main()) == [False, True, False, True, False, True]
