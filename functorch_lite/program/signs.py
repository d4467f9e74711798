"""Signs: what is negated element by element and then summed is negated once, after the sum."""

from __future__ import annotations

import operator

import numpy as np

from functorch_lite.core.primitive import PRIMITIVES
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable

__all__ = ["NEGATIONS", "negated_sums"]

#: What computes -x.
NEGATIONS = frozenset({operator.neg, np.negative})


def negated_sums(program: Program) -> Program:
    """Write ``np.sum(-x)`` as ``0 - np.sum(x)``, where ``-x`` is only summed.

    Rounding is symmetric, so each partial sum keeps its size. The difference from zero, rather than the sum negated,
    keeps the sign of terms that cancel: their sum is +0 with either sign. Whole numbers stay as they are, for the least
    of a type has no negative.
    """
    readers: dict[Atom, list[Equation]] = {}
    for equation in program.equations:
        for atom in equation.operands:
            readers.setdefault(atom, []).append(equation)
    negated = {
        e.outputs[0]: e.operands[0]
        for e in program.equations
        if e.primitive.function in NEGATIONS
        and isinstance(e.operands[0], Variable)
        and e.outputs[0] not in program.outputs
        and all(_is_sum(reader) for reader in readers.get(e.outputs[0], ()))
    }
    equations: list[Equation] = []
    for equation in program.equations:
        x = negated.get(equation.operands[0]) if _is_sum(equation) else None  # type: ignore[arg-type]
        if x is not None:
            output = equation.outputs[0]
            total = Variable(output.shape, output.dtype)
            equations.append(Equation(equation.primitive, (x,), equation.params, (total,), equation.line))
            equation = Equation(PRIMITIVES[operator.sub], (Literal(0.0), total), (), (output,), equation.line)
        equations.append(equation)
    return program.with_equations(equations)


def _is_sum(equation: Equation) -> bool:
    if equation.primitive.word != "sum":
        return False
    (operand,), (output,) = equation.operands, equation.outputs
    return isinstance(operand, Variable) and np.dtype(output.dtype).kind in "fc" and operand.dtype == output.dtype
