"""Expansion: functions of several ufuncs are written step by step, so that no step needs new memory."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.core.primitive import PRIMITIVES
from functorch_lite.program.passes import dead_code
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable
from functorch_lite.program.signs import NEGATIONS

__all__ = ["expanded"]

_REAL = frozenset({np.dtype("f4"), np.dtype("f8")})
_PRODUCTS = frozenset({operator.mul, np.multiply})


def expanded(program: Program) -> Program:
    """Write the logistic functions of arrays as calculus computes them; those of ``x`` and ``-x`` share their steps.

    Of the two one numerator is 1, so their product, which is the derivative, needs neither. For programs that are only
    to be run: the derivative of a step is not that of the function at every point.
    """
    if not any(map(_is_expanded, program.equations)):
        return program
    negated = {e.outputs[0]: e.operands[0] for e in program.equations if e.primitive.function in NEGATIONS}
    uses = Counter(a for e in program.equations for a in e.operands) + Counter(program.outputs)
    equations: list[Equation] = []
    known: dict[Atom, tuple[Variable, Variable]] = {}
    sizes: dict[Atom, tuple[Atom, bool]] = {}
    for equation in program.equations:
        if equation.primitive.function in _PRODUCTS and (size := _size_of_slope(equation, sizes, uses)) is not None:
            (output,) = equation.outputs
            small, total = known[size]
            steps = _Steps(equations, output, equation.line)
            parts = steps.add(np.divide, Literal(1.0), total), steps.add(np.divide, small, total)
            steps.add(np.multiply, *parts, output=output)
            continue
        if not _is_expanded(equation):
            equations.append(equation)
            continue
        (x,), (output,) = equation.operands, equation.outputs
        steps = _Steps(equations, output, equation.line)
        size = negated.get(x, x)  # type: ignore[arg-type]
        if size not in known:
            small = steps.add(np.exp, steps.add(np.negative, steps.add(np.absolute, size)))
            known[size] = small, steps.add(np.add, Literal(1.0), small)
        small, total = known[size]
        sizes[output] = size, x is size
        # The numerator is 1 where the argument is positive.
        is_positive = steps.add(np.greater if x is size else np.less, size, Literal(0), dtype=np.dtype(bool))
        steps.add(np.divide, steps.add(np.maximum, small, is_positive), total, output=output)
    return dead_code(program.with_equations(equations))


class _Steps:
    """Appends equations of arrays like one."""

    def __init__(self, equations: list[Equation], like: Variable, line: Any) -> None:
        self.equations, self.like, self.line = equations, like, line

    def add(self, function: np.ufunc, *operands: Atom, dtype: Any = None, output: Variable | None = None) -> Variable:
        """Append one, and return its result."""
        result = output or Variable(self.like.shape, dtype or self.like.dtype)
        self.equations.append(Equation(PRIMITIVES[function], operands, (), (result,), self.line))
        return result


def _size_of_slope(equation: Equation, sizes: dict[Atom, tuple[Atom, bool]], uses: Counter[Atom]) -> Atom | None:
    """Return ``x`` if an equation multiplies the logistic functions of ``x`` and ``-x``, one of which it alone uses."""
    first, second = (sizes.get(a) for a in equation.operands)
    if first is None or second is None or first[0] is not second[0] or first[1] is second[1]:
        return None
    return first[0] if min(uses[a] for a in equation.operands) == 1 else None


def _is_expanded(equation: Equation) -> bool:
    if equation.primitive.word != "logistic":
        return False
    operands: Sequence[Any] = equation.operands
    output = equation.outputs[0]
    return bool(output.shape) and output.dtype in _REAL and operands[0].dtype == output.dtype
