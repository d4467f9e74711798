"""Backward passes in several threads at once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


@pytest.fixture(autouse=True)
def _eager_switching() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(work: Callable[[], Any], count: int = 8) -> list[Any]:
    """Call a function in several threads; return what they returned, or raise what one of them raised."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised below
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def test_gradients_of_a_shared_leaf_gather_whole() -> None:
    x = ft.tensor([1.0, 2.0], requires_grad=True)

    def work() -> None:
        for _ in range(100):
            (x * 3.0).sum().backward()

    in_threads(work)
    assert x.grad.tolist() == [2400.0, 2400.0]


def test_a_first_gradient_is_not_lost() -> None:
    for _ in range(50):
        x = ft.tensor([1.0, 2.0], requires_grad=True)
        in_threads(lambda x=x: (x * 3.0).sum().backward(), count=4)
        assert x.grad.tolist() == [12.0, 12.0]


def test_a_shared_graph_that_is_retained() -> None:
    x = ft.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp().sum()
    for g in in_threads(lambda: ft.autograd.grad(y, x, retain_graph=True)[0]):
        np.testing.assert_allclose(g, np.exp([1.0, 2.0]), rtol=1e-15)


def test_graphs_of_their_own_do_not_meet() -> None:
    def work() -> Any:
        x = ft.tensor([0.5, 1.5], requires_grad=True)
        for _ in range(20):
            y = (x * x).exp() * 1.0
            y[0].mul_(2.0)
            x.grad = None
            y.sum().backward()
        return x.grad.tolist()

    expected = np.array([2.0, 1.0]) * 2 * np.array([0.5, 1.5]) * np.exp([0.25, 2.25])
    for g in in_threads(work):
        np.testing.assert_allclose(g, expected, rtol=1e-15)


def test_hooks_run_in_the_thread_that_goes_backward() -> None:
    x = ft.tensor(2.0, requires_grad=True)
    seen: list[Any] = []
    x.register_hook(lambda g: seen.append(threading.get_ident()))
    idents = in_threads(lambda: ((x * 2.0).backward(), threading.get_ident())[1], count=4)
    assert sorted(seen) == sorted(idents)
