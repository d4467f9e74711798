"""What programs do along the named axes of batches: combine the examples, or tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functorch_lite.program.equations import Equation
from functorch_lite.transforms.axes import Axis
from functorch_lite.transforms.collectives import APART, COMBINING

if TYPE_CHECKING:
    from functorch_lite.program.program import Program

__all__ = ["apart_along", "combines_along"]


def combines_along(program: Program, axis: Axis) -> bool:
    """Say whether a program combines the examples of a batch along an axis."""
    return any(
        (e.primitive in COMBINING and e.params[0] == axis)
        or any(combines_along(part.program, axis) for part in getattr(e.primitive, "entries", ()))
        for e in program.equations
    )


def apart_along(*equations: Equation) -> frozenset[Axis]:
    """Return the axes along which results of equations differ even if the operands do not."""
    found: set[Axis] = set()
    for equation in equations:
        found.update(getattr(equation.primitive, "apart", ()))
        if equation.primitive in APART:
            found.add(equation.params[0])
    return frozenset(found)
