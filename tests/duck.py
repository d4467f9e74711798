"""Dask arrays that must not be computed before they are asked for: the house's foreign arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import dask
import dask.array
import numpy as np


@contextmanager
def nothing_computed() -> Iterator[None]:
    """Inside, any computation by dask raises: what is computed early does not scale beyond memory."""
    with dask.config.set(scheduler=_refuse):
        yield


def delayed(x: Any) -> Any:
    """Return a NumPy array as a dask array, the last axis in two chunks; anything else as it is."""
    if not isinstance(x, np.ndarray):
        return x
    chunks = (*x.shape[:-1], -(-x.shape[-1] // 2)) if x.ndim else ()
    return dask.array.from_array(x, chunks=chunks)


def computed(tree: Any) -> Any:
    """Return the values of dask arrays, in one thread."""
    return dask.compute(tree, scheduler="synchronous")[0]


def is_delayed(x: Any) -> bool:
    """Say whether a value is a dask array."""
    return isinstance(x, dask.array.Array)


def _refuse(*args: Any, **kwargs: Any) -> NoReturn:
    raise AssertionError("dask was asked to compute while the function was being traced")
