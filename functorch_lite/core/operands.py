"""What may stand as an operand: arrays, tracers, Python numbers, and lists and object arrays that hold tracers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.trace import Tracer

__all__ = [
    "OBJECT",
    "SEQUENCES",
    "aligned",
    "bottom",
    "is_at_hand",
    "is_foreign",
    "is_unready",
    "known",
    "placed",
    "quotient",
    "shape_of",
    "stacked",
    "zeros_like",
]

OBJECT = np.dtype(object)
#: Types of operands of which `stacked` makes arrays, or which it refuses: ``*`` is another product for a matrix.
SEQUENCES = frozenset({list, tuple, np.matrix})
_SCALARS = frozenset({float, int, complex})
_ELEMENTS = (Tracer, np.number, np.bool_, np.ndarray, int, float, complex)
_AT_HAND = (np.ndarray, np.generic, int, float, complex)


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of an array, a tracer or a Python scalar, without converting it."""
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return shape


def is_at_hand(value: Any) -> bool:
    """Say whether all elements can be looked at for the asking: NumPy's values and Python's; others may be lazy."""
    return isinstance(value, _AT_HAND)


def is_foreign(value: Any) -> bool:
    """Say whether an array is not NumPy's own: one that may be lazy, or unable to assign."""
    return type(value) is not np.ndarray and not isinstance(value, np.generic | float | int | complex)


def known(value: Any) -> Any:
    """Return what a value is without its derivatives, to decide by; None of what stands for many."""
    while isinstance(value, Tracer):
        if not value._trace.is_concrete:
            return None
        value._trace.touch("a decision was to be made by the value")
        value = value.value
    return value


def bottom(value: Any) -> Any:
    """Return the raw value below all tracers, whose batch axes it has."""
    while isinstance(value, Tracer):
        value = value.value
    return value


def placed(values: Sequence[Any], places: Sequence[int], others: Sequence[Any]) -> list[Any]:
    """Return values with others in some places."""
    result = list(values)
    for i, other in zip(places, others, strict=True):
        result[i] = other
    return result


def quotient(x: Any, y: Any) -> Any:
    """Return x / y as NumPy has it, infinite where Python's floats raise; Python scalars stay such, and so weak."""
    try:
        return x / y
    except ZeroDivisionError:
        return np.divide(x, y)


def zeros_like(value: Any) -> Any:
    """Return zeros of a value's shape and dtype; a number, as NumPy's functions do, for what has no axes."""
    zeros = np.zeros(value.shape, value.dtype) if isinstance(value, Tracer) else np.zeros_like(value)  # type: ignore[attr-defined]
    return zeros if shape_of(value) else zeros[()]


def aligned(
    arrays: tuple[Any, ...], batched: tuple[bool, ...], cores: Sequence[int] | None = None
) -> tuple[Any, ...]:
    """Reshape batched arrays so that broadcasting aligns the axes of one example, behind the batch axis.

    ``cores`` says of how many of the last axes there is no broadcasting, for each array; None: of none.
    """
    leading = [len(shape_of(a)) - b for a, b in zip(arrays, batched, strict=True)]
    if cores is not None:
        leading = [n - core for n, core in zip(leading, cores, strict=True)]
    most = max(leading)
    return tuple(
        a.reshape(a.shape[0], *(1,) * (most - n), *a.shape[1:]) if b and n < most else a
        for a, b, n in zip(arrays, batched, leading, strict=True)
    )


def is_unready(value: Any) -> bool:
    """Say whether an operand is a list, a tuple, an object array or a matrix, which is for `stacked` to look at."""
    kind = type(value)
    return kind in SEQUENCES or (kind not in _SCALARS and getattr(value, "dtype", None) is OBJECT)


def stacked(value: Any) -> Any:
    """Turn a list, or an object array of tracers such as ``np.array([x[0], x[1]])`` gives, into a proper array."""
    if isinstance(value, np.matrix):
        raise TypeError(
            f"at {user_line()} an operand is an np.matrix of shape {value.shape}, for which * and ** mean products of "
            f"matrices. Write np.array(m), and @ for products of matrices."
        )
    if type(value) in SEQUENCES:
        value = np.stack(list(map(stacked, value))) if _holds_tracers(value) else np.array(value)
    if getattr(value, "dtype", None) is not OBJECT:
        return value
    return _stack(list(value.flat)).reshape(value.shape) if value.size else value.astype(float)


def _stack(values: list[Any]) -> Any:
    for value in values:
        if shape_of(value) != () or not isinstance(value, _ELEMENTS):
            raise TypeError(
                f"an object array at {user_line()} holds {type(value).__name__}, which is no number; "
                f"use np.stack for arrays of one shape, a tuple or a list (a pytree) for others"
            )
    array = np.stack(values)
    if getattr(array, "dtype", None) is OBJECT:
        raise TypeError(f"an object array at {user_line()} holds numbers that fit into no dtype of NumPy's")
    return array


def _holds_tracers(values: Any) -> bool:
    return any(isinstance(v, Tracer) or (type(v) in SEQUENCES and _holds_tracers(v)) for v in values)
