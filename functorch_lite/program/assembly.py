"""Assembly: the parts of an array that a program joins are computed where they will stand in it.

A recurrent network that was unrolled joins its hundred states, so that one product takes the place of a hundred.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from functorch_lite.program.fusion import is_elementwise
from functorch_lite.program.program import Equation, Program, Variable

__all__ = ["Place", "is_assembly", "places_of", "places_of_parts"]


class Place(NamedTuple):
    """Where a part stands in a joined array: at an index of its first axis, or in a slice of it if that has an end."""

    whole: Variable
    start: int
    stop: int | None = None

    @property
    def key(self) -> int | slice:
        """What the array is indexed with."""
        return self.start if self.stop is None else slice(self.start, self.stop)


def is_assembly(equation: Equation) -> bool:
    """Say whether an equation puts arrays under each other."""
    word = equation.primitive.word
    return word in {"concatenate", "stack"} and equation.params[0] == 0 and bool(equation.operands[0].shape)  # type: ignore[union-attr]


def places_of(equation: Equation) -> list[Place]:
    """Return the places of the operands of an assembly."""
    (whole,) = equation.outputs
    if equation.primitive.word == "stack":
        return [Place(whole, i) for i in range(len(equation.operands))]
    _, bounds = equation.params
    return [Place(whole, start, stop) for start, stop in pairwise(bounds)]


def places_of_parts(program: Program) -> dict[Variable, Place]:
    """Return where the results of elementwise operations and of products may be computed, because they are joined.

    What is a part of several arrays, or several times of one, is computed in the place that is found first.
    """
    computed = {y for e in program.equations if is_elementwise(e) or e.primitive.word == "matmul" for y in e.outputs}
    found: dict[Variable, Place] = {}
    for equation in program.equations:
        if is_assembly(equation):
            for part, place in zip(equation.operands, places_of(equation), strict=True):
                if isinstance(part, Variable) and part in computed and part.dtype == place.whole.dtype:
                    found.setdefault(part, place)
    return found
