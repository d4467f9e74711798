"""Numberings: arrays of whole numbers that grow evenly along each axis, without the array.

A numbering ``(first, *steps)`` gives element ``(i, j, …)`` of an array the number ``first + steps[0]·i + steps[1]·j +
…``. The step along an axis of length one is 0, so a numbering broadcasts as its array would, with steps of 0 in front.
A primitive that moves elements may say which numbering of its result goes with one of its argument: the one rule tells
where each element goes.
"""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["Numbers", "Shape", "in_one_step", "in_order"]

Numbers: TypeAlias = tuple[int, ...]
Shape: TypeAlias = tuple[int, ...]


def in_order(shape: Shape, first: int = 0, step: int = 1) -> Numbers:
    """Return the numbering of an array's elements in C order.

    Examples
    --------
    >>> from functorch_lite.core.numbering import in_order
    >>> in_order((2, 3))
    (0, 3, 1)
    """
    if len(shape) == 1:
        return (first, step) if shape[0] != 1 else (first, 0)
    steps = []
    for n in reversed(shape):
        steps.append(step if n != 1 else 0)
        step *= n
    return (first, *reversed(steps))


def in_one_step(numbers: Numbers, shape: Shape) -> tuple[int, int] | None:
    """Return the first number of an array in C order and the step from each to the next, if there is one.

    Examples
    --------
    >>> from functorch_lite.core.numbering import in_one_step
    >>> in_one_step((5, 6, 2), (4, 3))
    (5, 2)
    """
    if len(numbers) == 2 and len(shape) == 1:
        return numbers
    missing = 1 + len(shape) - len(numbers)
    step, count = 0, 1
    for k in range(len(shape) - 1, -1, -1):
        n = shape[k]
        if n == 1:
            continue
        own = numbers[1 + k - missing] if k >= missing else 0
        if count == 1:
            step = own
        elif own != step * count:
            return None
        count *= n
    return numbers[0], step
