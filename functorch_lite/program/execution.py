"""What compiled programs call when they run: memory for blocks, and threads to run them in."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import cache
from itertools import pairwise
from threading import Lock, local
from typing import Any

import numpy as np

from functorch_lite.core.cache_lines import empty_on_line

__all__ = ["Frames", "block_memory", "identities", "own_result", "run_blocks", "spread", "threads"]

#: The elements that make a thread worth its start.
SMALLEST_SHARED = 1 << 18

#: The frames that a program keeps for calls to come.
LARGEST_IDLE = 4

_memory = local()


def threads() -> int:
    """Return how many threads large elementwise groups use: the cores at hand, or what ``OMP_NUM_THREADS`` says."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdigit() and int(said):
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Frames:
    """The standing memory of a program: a frame of arrays, and of views of them, for each call that runs at once."""

    def __init__(
        self, kinds: Sequence[tuple[tuple[int, ...], Any]], views: Sequence[tuple[int, int | slice]] = ()
    ) -> None:
        self.kinds, self.views = kinds, views
        self._idle: list[list[Any]] = []

    def take(self) -> list[Any]:
        """Return a frame that no other call uses."""
        try:
            return self._idle.pop()
        except IndexError:
            arrays = [empty_on_line(shape, dtype) for shape, dtype in self.kinds]
            return arrays + [arrays[of][key] for of, key in self.views]

    def give(self, frame: list[Any]) -> None:
        """Take a frame back for the next call; few are kept."""
        if len(self._idle) < LARGEST_IDLE:
            self._idle.append(frame)


def identities(*arrays: Any) -> set[int]:
    """Return the identities of arrays that stay alive."""
    return set(map(id, arrays))


def own_result(value: Any, taken: set[int]) -> Any:
    """Return a result in memory of its own: a copy if it is a view, or one of the arrays that are taken; it is now."""
    if type(value) is not np.ndarray:
        return value
    if value.base is not None or id(value) in taken:
        value = value.copy()
    taken.add(id(value))
    return value


def block_memory(kinds: tuple[tuple[int, Any], ...]) -> list[Any]:
    """Return an array for each size and dtype, which this thread's next call for them will get again."""
    kept: OrderedDict[Any, list[Any]] = _memory.__dict__.setdefault("arrays", OrderedDict())
    found = kept.pop(kinds, None)
    if found is None:
        found = [empty_on_line((size,), dtype) for size, dtype in kinds]
        while len(kept) >= LARGEST_IDLE:
            kept.popitem(last=False)
    kept[kinds] = found
    return found


def run_blocks(run: Callable[[int, int], Any], rows: int, block: int, row_size: int) -> list[Any]:
    """Run ``run(first, last)`` over all rows, in several threads where that pays; return the results in order."""
    blocks = -(-rows // block)
    count = min(threads(), blocks, rows * row_size // SMALLEST_SHARED)
    if count < 2:
        return [run(0, rows)]
    bounds = [block * (blocks * i // count) for i in range(count)] + [rows]
    pool = _workers.pool()
    # What np.errstate says is said in a context, which each thread gets a copy of.
    futures = [pool.submit(copy_context().run, run, a, b) for a, b in pairwise(bounds[1:])]
    first = run(bounds[0], bounds[1])
    return [first, *(future.result() for future in futures)]


class _Workers:
    """The threads that run blocks, which start when they are first needed."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: in a process that was forked off there are no threads, and a lock may be held for ever."""
        self._lock = Lock()
        self._pool: Any = None

    def pool(self) -> Any:
        """Return the executor."""
        if self._pool is None:
            with self._lock:
                if self._pool is None:
                    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - it takes long to load

                    self._pool = ThreadPoolExecutor(threads(), thread_name_prefix="functorch_lite")
        return self._pool


_workers = _Workers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.forget)


def spread(x: Any, out: Any) -> None:
    """Broadcast an array into another of equal rank and dtype; a row is copied as one element: half the time."""
    if x.shape[-1] == out.shape[-1] and x.strides[-1] == x.itemsize:
        row = _row(out.dtype, out.shape[-1])
        x, out = x.view(row), out.view(row)
    np.copyto(out, x)


@cache
def _row(dtype: Any, length: int) -> Any:
    return np.dtype((np.void, dtype.itemsize * length))
