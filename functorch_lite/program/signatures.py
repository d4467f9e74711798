"""What of its arguments a program depends on: shapes, dtypes, and static values; the keys of `jit`'s cache."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.trace import Tracer
from functorch_lite.program.staging import representative

__all__ = ["PLAIN", "Static", "positional_names", "signature", "single"]

#: The types of arguments whose signature `single` reads off without looking for tracers.
PLAIN = frozenset({np.ndarray, np.float64, float})


def signature(leaf: Any) -> Any:
    """Return what of an argument a program depends on."""
    if type(leaf) is np.ndarray:
        return leaf.shape, leaf.dtype
    if isinstance(leaf, Tracer):
        return signature(representative(leaf))  # a traced Python number is weak as the number is
    dtype = getattr(leaf, "dtype", None)
    if dtype is None:
        return type(leaf)
    return leaf.shape, dtype, isinstance(leaf, np.ndarray) and type(leaf)  # of which some are refused


class Static:
    """A static argument as a key: 1, 1.0 and True are three, and so are 0.0 and -0.0."""

    __slots__ = ("key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.key = _typed(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _typed(value: Any) -> Any:
    if isinstance(value, tuple):
        return type(value), tuple(map(_typed, value))
    return type(value), repr(value) if isinstance(value, float | complex) else value


def positional_names(f: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters that may be given by position."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (ValueError, TypeError):  # some functions of NumPy have none
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def single(leaf: Any) -> Any:
    """Return the signature of a plain argument that is the only one."""
    return (leaf.shape, leaf.dtype) if type(leaf) is np.ndarray else type(leaf)
