"""What operations are written as when a program is to run: loops that keep a history, and the ways back along it.

Transformations never see these. A program holds the pullback of a loop as one operation, which has rules of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from functorch_lite.program.equations import Atom, Equation, Variable

if TYPE_CHECKING:
    from functorch_lite.program.program import Program

__all__ = ["spliced", "unwound"]


def unwound(program: Program) -> Program:
    """Let the loops whose pullbacks are taken keep what these need, in the place of running them again.

    A pullback becomes two operations, the loop that keeps a history and the way back along it. The first takes the
    place of the loop itself, if that runs on the same operands.
    """
    pullbacks = [e for e in program.equations if hasattr(e.primitive, "halves")]
    if not pullbacks:
        return program
    waiting = {(e.primitive.loop, _given(e)): e.primitive for e in reversed(pullbacks)}  # type: ignore[attr-defined]
    constants = dict(program.constants)
    equations: list[Equation] = []
    new: dict[Atom, Atom] = {}
    kept: dict[Any, tuple[Atom, ...]] = {}

    def wind(pullback: Any, operands: tuple[Atom, ...]) -> tuple[Atom, ...]:
        """Run the loop; return its results."""
        first, _ = pullback.halves()
        constants.update(first.constants)
        outputs = spliced(first, tuple(new.get(a, a) for a in operands), equations)
        kept[pullback.loop, pullback.active, operands] = outputs[pullback.loop.carried :]
        return outputs[: pullback.loop.carried]

    for equation in program.equations:
        primitive: Any = equation.primitive
        if (primitive, equation.operands) in waiting:
            results = wind(waiting[primitive, equation.operands], equation.operands)
            new.update(zip(equation.outputs, results, strict=True))
        elif hasattr(primitive, "halves"):
            operands = _given(equation)
            if (primitive.loop, primitive.active, operands) not in kept:
                wind(primitive, operands)
            _, second = primitive.halves()
            constants.update(second.constants)
            read = (*kept[primitive.loop, primitive.active, operands], *equation.operands)
            results = spliced(second, tuple(new.get(a, a) for a in read), equations)
            new.update(zip(equation.outputs, results, strict=True))
        else:
            atoms = tuple(new.get(a, a) for a in equation.operands)
            equations.append(replace(equation, operands=atoms))
    return replace(program, constants=constants).with_equations(equations, [new.get(a, a) for a in program.outputs])


def spliced(called: Program, operands: Sequence[Atom], equations: list[Equation]) -> tuple[Atom, ...]:
    """Append the equations of a program that is given operands to others, and return what stands for its outputs."""
    new: dict[Atom, Atom] = dict(zip(called.inputs, operands, strict=True))
    for e in called.equations:
        outputs = tuple(Variable(y.shape, y.dtype) for y in e.outputs)  # a program may be called twice
        equations.append(Equation(e.primitive, tuple(new.get(a, a) for a in e.operands), e.params, outputs, e.line))
        new.update(zip(e.outputs, outputs, strict=True))
    return tuple(new.get(a, a) for a in called.outputs)


def _given(equation: Equation) -> tuple[Atom, ...]:
    """Return the operands of the loop whose pullback an equation is."""
    return equation.operands[: len(equation.operands) - equation.primitive.seeds]  # type: ignore[attr-defined]
