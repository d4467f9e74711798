"""Numbers: what programs compute of values without axes goes through `math`, which takes a tenth of NumPy's time."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.program.equations import Atom, Equation, Literal, Variable
from functorch_lite.program.operators import INFIX
from functorch_lite.program.phrases import literal
from functorch_lite.program.program import Program

__all__ = ["by_equations", "number_expression"]

#: The functions of `math` that agree with NumPy's to two units in the last place, most of them to the last bit.
_MATH = {
    np.sin: "sin",
    np.cos: "cos",
    np.tan: "tan",
    np.exp: "exp",
    np.log: "log",
    np.log1p: "log1p",
    np.expm1: "expm1",
    np.sqrt: "sqrt",
    np.tanh: "tanh",
    np.sinh: "sinh",
    np.cosh: "cosh",
    np.arctan: "atan",
    np.arcsin: "asin",
    np.arccos: "acos",
    np.hypot: "hypot",
    np.arctan2: "atan2",
}


def number_expression(writer: Any, function: Any, operands: tuple[Atom, ...]) -> str | None:
    """Return what an elementwise function makes of numbers as an expression; None if only NumPy has it."""
    texts = [literal(a.value) if isinstance(a, Literal) else writer.names[a] for a in operands]
    if any(isinstance(a, Literal) and not isinstance(a.value, int | float) for a in operands):
        return None
    infix = INFIX.get(function)
    if infix in {"+", "-", "*", "/"}:
        return f"{texts[0]} {infix} {texts[1]}"
    if function in (operator.neg, np.negative):
        return f"-{texts[0]}"
    if function in (np.positive,):
        return texts[0]
    if function is np.square:
        return f"{texts[0]} * {texts[0]}"
    name = _MATH.get(function)
    if name is None:
        return None
    writer.namespace[f"math_{name}"] = getattr(math, name)
    return f"math_{name}({', '.join(texts)})"


def by_equations(
    equations: Sequence[Equation],
) -> tuple[tuple[Variable, ...], tuple[Variable, ...], Callable[..., tuple[float, ...]]]:
    """Return what equations of numbers read and give, and a function that computes it by NumPy, as Python numbers."""
    outputs = tuple(y for equation in equations for y in equation.outputs)
    read = dict.fromkeys(a for equation in equations for a in equation.operands if isinstance(a, Variable))
    made = set(outputs)
    program = Program(tuple(v for v in read if v not in made), tuple(equations), outputs)
    return program.inputs, outputs, lambda *numbers: tuple(map(float, program(*numbers)))
