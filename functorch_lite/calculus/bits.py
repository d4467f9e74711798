"""Booleans packed into the bits of bytes, and taken out again; zero by nature."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.calculus.batching import shifted_axes
from functorch_lite.calculus.declare import zero_function
from functorch_lite.core.tables import implements


@zero_function(batch=shifted_axes(0))
def _packed(a: Any, axis: int, bitorder: str) -> Any:
    return np.packbits(a, axis, bitorder)  # type: ignore[call-overload]


@zero_function(batch=shifted_axes(0))
def _unpacked(a: Any, axis: int, count: Any, bitorder: str) -> Any:
    return np.unpackbits(a, axis, count, bitorder)  # type: ignore[call-overload]


@implements(np.packbits)
def _packbits(a: Any, /, axis: Any = None, bitorder: str = "big") -> Any:
    a, axis = _along(a, axis)
    return _packed(a, axis, bitorder)


@implements(np.unpackbits)
def _unpackbits(a: Any, /, axis: Any = None, count: Any = None, bitorder: str = "big") -> Any:
    a, axis = _along(a, axis)
    return _unpacked(a, axis, count, bitorder)


def _along(a: Any, axis: Any) -> tuple[Any, int]:
    a = as_array(a)
    return (np.ravel(a), 0) if axis is None else (a, only_axis(axis, a.ndim))
