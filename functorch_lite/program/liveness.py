"""Liveness: how long the values of a program are needed, by themselves or through views."""

from __future__ import annotations

import numpy as np

from functorch_lite.program.equations import Equation, Variable
from functorch_lite.program.fusion import Group, Step, is_elementwise
from functorch_lite.program.operators import UFUNC_OF
from functorch_lite.program.program import Program

__all__ = ["FRESH", "is_fresh", "last_uses"]

#: Primitives whose result never shares memory with an operand.
FRESH = frozenset(
    {
        "concatenate",
        "contract",
        "cumprod",
        "cumsum",
        "gather",
        "matmul",
        "max",
        "mean",
        "min",
        "prod",
        "replace",
        "scatter",
        "stack",
        "sum",
        "unindex",
        "where",
    }
)


def last_uses(program: Program, ordered: list[Step]) -> dict[Variable, int]:
    """Return the number of the step that uses each variable, or a view of it, last; outputs are used beyond them."""
    uses: dict[Variable, int] = {a: len(ordered) for a in program.outputs if isinstance(a, Variable)}
    for i, step in reversed([*enumerate(ordered)]):
        for equation in reversed(step.equations if isinstance(step, Group) else (step,)):
            last = i
            if not is_fresh(equation):  # the result may be a view
                last = max((uses.get(y, i) for y in equation.outputs), default=i)
            for a in equation.operands:
                if isinstance(a, Variable):
                    uses[a] = max(uses.get(a, last), last)
    return uses


def is_fresh(equation: Equation) -> bool:
    """Say whether the result never shares memory with an operand; that of np.real, say, does."""
    if equation.primitive.word == "index" and not equation.outputs[0].shape:
        key = equation.params[0]
        return Ellipsis not in (key if type(key) is tuple else (key,))  # an element is no view
    function = equation.primitive.function
    computed = is_elementwise(equation) and isinstance(UFUNC_OF.get(function, function), np.ufunc)
    return computed or equation.primitive.word in FRESH
