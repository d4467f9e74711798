"""Arrays that begin with a line of the cache: a vector instruction takes twice as long across two lines."""

from __future__ import annotations

from math import prod
from threading import local
from typing import Any

import numpy as np

__all__ = ["CACHE_LINE", "empty_on_line", "on_line", "read_on_line"]

#: The bytes of a line of the cache, which is also the longest vector register.
CACHE_LINE = 64


def empty_on_line(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return an empty array that begins with a line of the cache."""
    dtype = np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def on_line(x: Any) -> Any:
    """Return a raw array if it is contiguous and its rows begin with lines of the cache, else a copy that is.

    Where rows are not so long that they can all begin with a line, the array is returned as it is.
    """
    return x if _is_good(x) else _filled(empty_on_line(x.shape, x.dtype), x)


def read_on_line(x: Any) -> Any:
    """Return what `on_line` does, but in standing memory of this thread, which the next call overwrites.

    An operand that is copied for one product only would else cost as much again for memory that is new each time.
    """
    if _is_good(x):
        return x
    memory = getattr(_standing, "memory", None)
    if memory is None or memory.size < x.nbytes:
        memory = _standing.memory = empty_on_line((x.nbytes,), np.uint8)
    return _filled(memory[: x.nbytes].view(x.dtype).reshape(x.shape), x)


def _is_good(x: Any) -> bool:
    if (x.shape[-1] * x.itemsize) % CACHE_LINE:
        return True
    return bool(x.flags.c_contiguous and not x.__array_interface__["data"][0] % CACHE_LINE)


def _filled(copy: Any, x: Any) -> Any:
    copy[...] = x
    return copy


_standing = local()
