"""Sums of products with one factor: the factor is taken out, and so is the sign of negatives."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.core.primitive import NAMED
from functorch_lite.program.equations import Atom, Equation, Literal, Variable
from functorch_lite.program.program import Program

__all__ = ["factored_sums"]

_PRODUCTS = frozenset({operator.mul, np.multiply})
_NEGATIVES = frozenset({operator.neg, np.negative})


def factored_sums(program: Program) -> Program:
    """Multiply, or negate, a sum instead of all that is summed up.

    ``sum(x * c)`` becomes ``sum(x) * c`` where ``c`` is the same for all summands and nothing else reads the products.
    The sum is rounded otherwise, as sums are; of real and complex numbers only, as integers have dtypes of their own.
    """
    makers = {y: e for e in program.equations for y in e.outputs}
    uses = Counter(a for e in program.equations for a in e.operands)
    uses.update(program.outputs)
    equations: list[Equation] = []
    for equation in program.equations:
        equations += _factored(equation, makers, uses) if equation.primitive.name == "sum" else [equation]
    return program.with_equations(equations)


def _factored(equation: Equation, makers: dict[Any, Equation], uses: Counter[Any]) -> list[Equation]:
    """Return equations for a sum, those behind it first to last."""
    (output,) = equation.outputs
    operand = equation.operands[0]
    behind: list[tuple[Any, Atom | None]] = []
    while isinstance(operand, Variable) and uses[operand] == 1 and operand.dtype == output.dtype:
        maker = makers.get(operand)
        found = None if maker is None or output.dtype.kind not in "fc" else _taken_out(maker, equation.params)
        if found is None:
            break
        primitive, operand, factor = found
        behind.append((primitive, factor))
    if not behind:
        return [equation]
    total = Variable(output.shape, output.dtype)
    equations = [Equation(equation.primitive, (operand,), equation.params, (total,), equation.line)]
    axes, keepdims = equation.params
    rank = len(equation.operands[0].shape)  # type: ignore[union-attr]
    for i, (primitive, factor) in enumerate(reversed(behind)):
        target = output if i == len(behind) - 1 else Variable(output.shape, output.dtype)
        operands: tuple[Atom, ...] = (total,)
        if factor is not None:
            operands = (total, _reduced(factor, rank, axes, keepdims, equations))
        equations.append(Equation(primitive, operands, (), (target,), equation.line))
        total = target
    return equations


def _taken_out(maker: Equation, params: Sequence[Any]) -> tuple[Any, Variable, Atom | None] | None:
    """Return what is applied to a sum instead of to its summands, what is summed then, and the factor."""
    function, output = maker.primitive.function, maker.outputs[0]
    if function in _NEGATIVES:
        (x,) = maker.operands
        return (maker.primitive, x, None) if isinstance(x, Variable) and _alike(x, output) else None
    if function not in _PRODUCTS:
        return None
    for x, factor in (maker.operands, maker.operands[::-1]):
        if isinstance(x, Variable) and _alike(x, output) and _is_same_along(factor, len(x.shape), params[0], x.dtype):
            return maker.primitive, x, factor
    return None


def _alike(x: Variable, y: Variable) -> bool:
    return x.shape == y.shape and isinstance(x.dtype, np.dtype) and x.dtype == y.dtype


def _is_same_along(factor: Atom, rank: int, axes: Sequence[int], dtype: Any) -> bool:
    """Say whether a factor does not vary along some axes of what it multiplies."""
    if isinstance(factor, Literal):
        return isinstance(factor.value, int | float)
    missing = rank - len(factor.shape)
    same_kind = not isinstance(factor.dtype, np.dtype) or factor.dtype == dtype
    return same_kind and all(axis < missing or factor.shape[axis - missing] == 1 for axis in axes)


def _reduced(factor: Atom, rank: int, axes: Sequence[int], keepdims: bool, equations: list[Equation]) -> Atom:
    """Return a factor without the axes that the sum drops."""
    if isinstance(factor, Literal) or keepdims or not factor.shape:
        return factor
    missing = rank - len(factor.shape)
    shape = tuple(n for i, n in enumerate(factor.shape) if i + missing not in axes)
    if shape == factor.shape:
        return factor
    reduced = Variable(shape, factor.dtype)
    equations.append(Equation(NAMED["reshape"], (factor,), (shape,), (reduced,)))
    return reduced
