"""What compiled programs call when they run: memory for blocks, and threads to run them in."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, local
from typing import Any

import numpy as np

__all__ = ["BLOCK", "Frames", "block_memory", "own_result", "run_blocks", "threads"]

#: The elements of a block: those of a few arrays together fit into the second-level cache.
BLOCK = 1 << 15

#: The blocks that make a second thread worth its start.
SMALLEST_SHARED = 16

#: The frames that a program keeps for calls to come.
LARGEST_IDLE = 4

_memory = local()
_lock = Lock()
_pool: list[Any] = []


def threads() -> int:
    """Return how many threads large elementwise groups use: the cores at hand, or what ``OMP_NUM_THREADS`` says."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdigit() and int(said) else len(os.sched_getaffinity(0))


class Frames:
    """The standing memory of a program: a frame of arrays for each call that runs at once."""

    def __init__(self, kinds: list[tuple[tuple[int, ...], Any]]) -> None:
        self.kinds = kinds
        self._idle: list[list[Any]] = []

    def take(self) -> list[Any]:
        """Return a frame that no other call uses."""
        try:
            return self._idle.pop()
        except IndexError:
            return [np.empty(shape, dtype) for shape, dtype in self.kinds]

    def give(self, frame: list[Any]) -> None:
        """Take a frame back for the next call; few are kept."""
        if len(self._idle) < LARGEST_IDLE:
            self._idle.append(frame)


def own_result(value: Any, others: tuple[Any, ...]) -> Any:
    """Return a result in memory of its own: a copy if it is a view, or one of the program's inputs or constants."""
    if type(value) is not np.ndarray or (value.base is None and not any(value is other for other in others)):
        return value
    return value.copy()


def block_memory(dtypes: tuple[Any, ...]) -> list[Any]:
    """Return one array of a block's size for each dtype, which this thread's next call will get again."""
    kept: dict[Any, list[Any]] = _memory.__dict__
    found: list[Any] = []
    taken: dict[Any, int] = {}
    for dtype in dtypes:
        arrays = kept.setdefault(f"d{np.dtype(dtype).str}", [])
        i = taken[dtype] = taken.get(dtype, -1) + 1
        if i == len(arrays):
            arrays.append(np.empty(BLOCK, dtype))
        found.append(arrays[i])
    return found


def run_blocks(run: Callable[[int, int], Any], size: int) -> list[Any]:
    """Run ``run(start, stop)`` over a range, in several threads where that pays; return the results in order."""
    count = min(threads(), -(-size // (BLOCK * SMALLEST_SHARED)))
    if count < 2:
        return [run(0, size)]
    if not _pool:
        with _lock:
            if not _pool:
                _pool.append(ThreadPoolExecutor(threads(), thread_name_prefix="functorch_lite"))
    blocks = -(-size // BLOCK)
    bounds = [min(size, BLOCK * (blocks * i // count)) for i in range(count)] + [size]
    futures = [_pool[0].submit(run, a, b) for a, b in zip(bounds[1:-1], bounds[2:], strict=True)]
    first = run(bounds[0], bounds[1])
    return [first, *(future.result() for future in futures)]
