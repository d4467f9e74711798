"""Which of many tangents each number of a sparse term belongs to: its direction.

The directions of an array are a numbering (`core.numbering`), as those of a basis are and what slices and shapes make
of them, or else an array of them, `Scattered`. Numberings are equal where they are alike, so that the terms of a
function of neighbours meet again on the diagonals of its Jacobian; arrays are equal where they are the same object.
"""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.core.numbering import Numbers, Shape, in_one_step
from functorch_lite.core.primitive import Linear, Params

__all__ = ["Directions", "Scattered", "Space", "interval"]


class Scattered:
    """Directions without an order: an array, which broadcasts to the shape of the numbers; compared by identity."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


Directions: TypeAlias = Numbers | Scattered


class Space:
    """The space of the directions of one push: their number, and how arrays of them were moved.

    The same operation on the same directions gives the same object. A number of a direction that is outside of the
    space is zero.
    """

    __slots__ = ("_lines", "_moved", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self._moved: dict[tuple[Directions, Shape, Linear, str], Scattered] = {}
        self._lines: dict[tuple[Directions, Shape], tuple[int, int, int, int] | None] = {}

    def moved(self, directions: Directions, shape: Shape, primitive: Linear, params: Params) -> Directions:
        """Apply a primitive that moves elements to the directions of an array of a shape."""
        renumber = primitive.renumber
        if renumber is not None and type(directions) is tuple:
            missing = 1 + len(shape) - len(directions)
            if missing:
                directions = (directions[0], *(0,) * missing, *directions[1:])
            numbers: Numbers | None = renumber(directions, shape, *params)
            if numbers is not None:
                return numbers
        key = directions, shape, primitive, repr(params)  # a slice has no hash
        found = self._moved.get(key)
        if found is None:
            found = self._moved[key] = Scattered(primitive.function(self.array(directions, shape), *params))
        return found

    def array(self, directions: Directions, shape: Shape) -> Any:
        """Return the directions of an array of a shape as an array of that shape; outside of the space they are 0."""
        if isinstance(directions, Scattered):
            array = directions.array
            return array if array.shape == shape else np.broadcast_to(array, shape)
        if not shape:
            return np.array(directions[0] if 0 <= directions[0] < self.size else 0)
        first, *steps = directions
        low = high = first
        numbers = np.full(shape, first)
        for step, n, axes in zip(reversed(steps), reversed(shape), range(len(steps)), strict=False):
            numbers += (step * np.arange(n)).reshape(n, *(1,) * axes)
            low, high = min(low, low + step * (n - 1)), max(high, high + step * (n - 1))
        if low < 0 or high >= self.size:
            numbers[(numbers < 0) | (numbers >= self.size)] = 0
        return numbers

    def in_line(self, directions: Directions, shape: Shape) -> tuple[int, int, int, int] | None:
        """Return ``first, step, start, stop`` if the directions have one step from each to the next in C order.

        Those of the elements from ``start`` to ``stop`` are in the space.
        """
        key = directions, shape
        if key not in self._lines:
            line = None if isinstance(directions, Scattered) else in_one_step(directions, shape)
            self._lines[key] = line and (*line, *interval(*line, prod(shape), self.size))
        return self._lines[key]


def interval(first: int, step: int, count: int, size: int) -> tuple[int, int]:
    """Return from where to where, of ``count`` numbers with a step, they lie in ``range(size)``.

    Examples
    --------
    >>> from functorch_lite.transforms.directions import interval
    >>> interval(-2, 1, 10, 5), interval(6, -2, 4, 5)
    ((2, 7), (1, 4))
    """
    if 0 <= first < size and 0 <= first + step * (count - 1) < size:
        return 0, count
    if step == 0:
        return 0, 0
    if step < 0:
        first, step = size - 1 - first, -step
    start = max(0, -(first // step))
    return start, max(start, min(count, (size - 1 - first) // step + 1))
