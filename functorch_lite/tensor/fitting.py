"""What has to fit where NumPy would cut off, wrap round or broadcast: positions, parts of an axis, shapes, masks.

Positions are looked at when they are used: under `vmap` those of all examples at once, under `jit` those of each call.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.batching import same_axes
from functorch_lite.calculus.declare import zero_function
from functorch_lite.calculus.keys import as_indices
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of

__all__ = ["checked_index", "mask_of", "part_of_axis", "positions", "refuse_other_shape"]


def positions(index: Any, length: int, name: str, *, negative: bool = True) -> Any:
    """Return positions along an axis as integers from 0 on; those that are negative count from its end, if they may.

    Raises
    ------
    IndexError
        If one lies outside of the axis.
    TypeError
        If they are no integers.
    """
    index = as_indices(index)
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name} at {user_line()}: positions are integers, not {index.dtype}")
    return checked_index(index, length, -length if negative else 0, f"{name}: position {{}} is out of bounds")


@zero_function(batch=same_axes)
def checked_index(index: Any, length: int, least: int, complaint: str) -> Any:
    """Return integers after a look that they are ``least`` at least and less than ``length``; count negative ones on.

    The complaint has a place for the first number that is not.
    """
    if not is_at_hand(index):  # a lazy array cannot be looked at
        return np.where(index < 0, index + length, index)
    if not index.size or (index.max() < length and (least_there := index.min()) >= 0):
        return index
    outside = (index < least) | (index >= length)
    if outside.any():
        found = complaint.format(index[outside].ravel()[0])
        raise IndexError(f"{found}, at {user_line()}: it must be from {least} to {length - 1}")
    return np.where(index < 0, index + length, index) if least_there < 0 else index


def part_of_axis(start: Any, length: Any, axis_length: int, name: str) -> slice:
    """Return the slice of ``length`` elements from ``start`` on, which if negative counts from the end.

    Raises
    ------
    IndexError
        If the part sticks out of the axis.
    """
    start, length = operator.index(start), operator.index(length)
    first = start + axis_length if start < 0 else start
    if length < 0:
        raise ValueError(f"{name} at {user_line()}: the length must not be negative, and is {length}")
    if first < 0 or first + length > axis_length:
        raise IndexError(
            f"{name} at {user_line()}: {length} elements from position {start} on do not lie within an axis of length "
            f"{axis_length}"
        )
    return slice(first, first + length)


def refuse_other_shape(name: str, what: str, shape: tuple[int, ...], expected: tuple[int, ...], why: str) -> None:
    """Raise if something has not the shape that it has to have."""
    if shape != expected:
        raise ValueError(f"{name} at {user_line()}: {what} has shape {shape}, and must have shape {expected}: {why}")


def mask_of(mask: Any, name: str) -> Any:
    """Return a mask as an array after a look that it is boolean; NumPy takes other numbers as true or as positions."""
    mask = as_array(mask)
    if mask.dtype != np.bool_:
        raise TypeError(
            f"{name} at {user_line()}: a mask is boolean, not {mask.dtype} (shape {shape_of(mask)}); write mask != 0"
        )
    return mask
