"""How much memory a computation takes, and how often a function runs."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any


class Counted:
    """A function that counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return self.function(*args)


def peak(compute: Callable[[], Any]) -> int:
    """Return how many bytes more than before were in use at the worst moment of a computation."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        compute()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
