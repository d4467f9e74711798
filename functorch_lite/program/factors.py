"""Factors: what multiplies all terms of a sum alike is multiplied once, after the sum.

As the passes of `products.py` and `contraction_order.py` do, this puts products and sums into another order: results
agree up to rounding, as long as what is now added or multiplied first stays in the range of its dtype.
"""

from __future__ import annotations

import operator
from collections import Counter

import numpy as np

from functorch_lite.core.primitive import NAMED, PRIMITIVES
from functorch_lite.program.program import Equation, Program, Variable

__all__ = ["factored"]

#: Products of fewer elements are left as they are.
SMALLEST_PRODUCT = 64

_MULTIPLICATIONS = frozenset({operator.mul, np.multiply})
_ADDITIONS = frozenset({operator.add, np.add})
_SUMMED = frozenset(map(np.dtype, ("f4", "f8", "c8", "c16")))


def factored(program: Program) -> Program:
    """Write ``np.sum(x * y, axis)`` as ``np.sum(x, axis) * y``, where ``y`` is the same all along the axis.

    So is ``x * y + x * y``, the derivative of a square, ``x * (y + y)`` where ``y`` has fewer elements than ``x``.
    """
    makers = {y: e for e in program.equations for y in e.outputs}
    uses = Counter([*(a for e in program.equations for a in e.operands), *program.outputs])
    equations: list[Equation] = []
    for equation in program.equations:
        product = makers.get(equation.operands[0]) if equation.operands else None  # type: ignore[arg-type]
        if product is None or uses[product.outputs[0]] != len(equation.operands) or not _is_product(product):
            equations.append(equation)
        elif equation.primitive.word == "sum":
            equations += _sum_times_factor(equation, product) or [equation]
        elif equation.primitive.function in _ADDITIONS and equation.operands[0] is equation.operands[1]:
            equations += _doubled_factor(equation, product) or [equation]
        else:
            equations.append(equation)
    return program.with_equations(equations)


def _is_product(equation: Equation) -> bool:
    """Say whether an equation multiplies two arrays, one of which has all elements of the product."""
    output = equation.outputs[0]
    return (
        equation.primitive.function in _MULTIPLICATIONS
        and output.size >= SMALLEST_PRODUCT
        and output.dtype in _SUMMED
        and all(isinstance(a, Variable) and a.dtype == output.dtype and a.shape for a in equation.operands)
        and any(a.shape == output.shape for a in equation.operands)  # type: ignore[union-attr]
    )


def _in_order(product: Equation) -> tuple[Variable, Variable]:
    """Return the operands of a product, the one with fewer elements last."""
    x, y = product.operands
    return (x, y) if x.size >= y.size else (y, x)  # type: ignore[return-value, union-attr]


def _sum_times_factor(total: Equation, product: Equation) -> list[Equation] | None:
    (output,), (axes, _) = total.outputs, total.params
    x, y = _in_order(product)
    missing = len(x.shape) - len(y.shape)
    if output.dtype != x.dtype or any(axis >= missing and y.shape[axis - missing] != 1 for axis in axes):
        return None
    shape = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
    summed, multiplied = Variable(shape, x.dtype), Variable(shape, x.dtype)
    return [
        Equation(total.primitive, (x,), (axes, True), (summed,), total.line),
        Equation(product.primitive, (summed, y), (), (multiplied,), product.line),
        Equation(NAMED["reshape"], (multiplied,), (output.shape,), (output,), total.line),
    ]


def _doubled_factor(total: Equation, product: Equation) -> list[Equation] | None:
    x, y = _in_order(product)
    if y.size * 2 > x.size:
        return None
    doubled = Variable(y.shape, y.dtype)
    return [
        Equation(PRIMITIVES[operator.add], (y, y), (), (doubled,), total.line),
        Equation(product.primitive, (x, doubled), (), total.outputs, total.line),
    ]
