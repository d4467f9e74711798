"""Transformations in many threads, tasks and generators at a time do not meet."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])


def along(f: Callable[[Any], Any], x: Any, t: Any = 1.0) -> Any:
    """Return the derivative of ``f`` at ``x`` along ``t``, in forward mode."""
    return ft.jvp(f, (x,), (t,))[1]


# --- Threads and tasks ------------------------------------------------------------------------------------------------


def programs(x: Any) -> list[Callable[[], Any]]:
    """Return eight computations that nest transformations and close over ``x``, a traced value perhaps."""
    return [
        lambda: ft.grad(lambda y: np.sum(np.sin(x * y)))(X).sum(),
        lambda: ft.jvp(lambda y: np.sum(x * y * y), (X,), (X,))[1],
        lambda: ft.vmap(lambda y: ft.grad(lambda z: np.sin(z * np.sum(x)) * z)(y))(X).sum(),
        lambda: ft.hessian(lambda y: np.sum(x * y) ** 3)(X).sum(),
        lambda: ft.grad(lambda y: np.sum(ft.jvp(np.sin, (x * y,), (x,))[1]))(X).sum(),
        lambda: np.sum(ft.jacfwd(lambda y: ft.vmap(lambda a: a * x)(y))(X)),
        lambda: ft.grad(lambda y: np.sum(ft.checkpoint(lambda z: np.exp(z) * z)(x * y)))(X).sum(),
        lambda: np.sum(ft.jacrev(ft.jacfwd(lambda y: np.sum(np.cos(y * x))))(X)),
    ]


def repeated_in_threads(work: list[Callable[[], Any]], rounds: int = 5) -> list[list[Any]]:
    """Run the computations at the same time, one a thread, each several times over."""
    barrier = threading.Barrier(len(work))

    def one(compute: Callable[[], Any]) -> list[Any]:
        barrier.wait()
        return [compute() for _ in range(rounds)]

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(one, work))


def test_eight_threads_give_what_one_gives() -> None:
    expected = [compute() for compute in programs(X)]
    for results, single in zip(repeated_in_threads(programs(X)), expected, strict=True):
        assert all(result == single for result in results)


@pytest.mark.parametrize(
    "outer",
    [
        ft.grad,
        lambda f: lambda x: ft.jvp(f, (x,), (X,))[1],
        lambda f: lambda x: ft.vmap(f)(np.stack([x, 2.0 * x])),
        ft.hessian,
        lambda f: ft.vmap(ft.grad(lambda x: f(x * X))),
    ],
    ids=["grad", "jvp", "vmap", "hessian", "vmap of grad"],
)
def test_threads_inside_a_transformation_give_what_one_gives(outer: Callable[[Any], Any]) -> None:
    def serial(x: Any) -> Any:
        return sum(compute() for compute in programs(x))

    def threaded(x: Any) -> Any:
        return sum(results[0] for results in repeated_in_threads(programs(x), rounds=1))

    # Contributions to one cotangent are added youngest first, so the last digit depends on which thread came first.
    np.testing.assert_allclose(outer(threaded)(X), outer(serial)(X), rtol=1e-13)


def test_a_thread_sees_the_outer_derivative() -> None:
    # a depth that starts again in a worker thread gave 0 here
    with ThreadPoolExecutor(1) as pool:

        def f(x: Any) -> Any:
            return pool.submit(lambda: ft.grad(lambda y: x * x * y * y)(x)).result()

        assert ft.grad(f)(2.0) == 24.0  # d/dx 2x³
        assert ft.grad(ft.grad(f))(2.0) == 24.0


def test_checkpointed_functions_run_at_the_same_time() -> None:
    """While one thread is inside a checkpointed function, another goes on taping on the same trace."""
    inside, go_on = threading.Event(), threading.Event()

    @ft.checkpoint
    def slow(x: Any) -> Any:
        inside.set()
        go_on.wait(10)
        return np.sin(x)

    def f(x: Any) -> Any:
        inside.clear()
        go_on.clear()
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(slow, x)
            inside.wait(10)
            mine = np.cos(x) * x  # while `slow` runs
            go_on.set()
            return np.sum(mine + other.result())

    go_on.set()
    found = ft.grad(f)(X)
    np.testing.assert_allclose(found, np.cos(X) - X * np.sin(X) + np.cos(X), rtol=1e-14)


def test_a_trace_is_used_by_many_threads_while_some_are_inside_checkpoints() -> None:
    def work(x: Any, i: int) -> Any:
        total = 0.0
        for _ in range(20):
            if i % 2:
                total = total + np.sum(ft.checkpoint(lambda y: np.sin(y * x))(x))
            else:
                total = total + np.sum(np.cos(x) * x) + np.sum(ft.grad(lambda y: np.sum(y * y * x))(x))
        return total

    def threaded(x: Any) -> Any:
        with ThreadPoolExecutor(6) as pool:
            return sum(pool.map(lambda i: work(x, i), range(6)))

    expected = ft.grad(lambda x: sum(work(x, i) for i in range(6)))(X)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(10):
            np.testing.assert_allclose(ft.grad(threaded)(X), expected, rtol=1e-12)
    finally:
        sys.setswitchinterval(interval)


def test_tasks_that_take_turns_give_what_one_gives() -> None:
    async def step(x: Any, i: int) -> Any:
        await asyncio.sleep(0)
        y = np.sin(x * i)
        await asyncio.sleep(0)
        g = ft.grad(lambda z: np.sum(z * y * z))(x)
        await asyncio.sleep(0)
        return np.sum(g * y)

    async def total(x: Any) -> Any:
        return sum(await asyncio.gather(*(step(x, i) for i in range(8))))

    def plain(x: Any) -> Any:
        return sum(np.sum(2.0 * x * np.sin(x * i) ** 2) for i in range(8))

    for transform in (ft.grad, ft.hessian, lambda f: lambda x: ft.jvp(f, (x,), (X,))[1]):
        found = transform(lambda x: asyncio.run(total(x)))(X)
        np.testing.assert_allclose(found, transform(plain)(X), rtol=1e-13)


def test_generators_that_take_turns_keep_their_transformations_apart() -> None:
    def walk(x: Any) -> Iterator[Any]:
        value = x
        for i in range(4):
            value = value * x + ft.grad(lambda y: y * y * x)(value) * i
            yield value

    def f(x: Any) -> Any:
        return sum(a - 2.0 * b for a, b in zip(walk(x), walk(x * 2.0), strict=True))

    step = 1e-6
    numerical = (f(0.7 + step) - f(0.7 - step)) / (2 * step)
    assert ft.grad(f)(0.7) == pytest.approx(numerical, rel=1e-7)
    assert along(f, 0.7) == pytest.approx(ft.grad(f)(0.7), rel=1e-14)
