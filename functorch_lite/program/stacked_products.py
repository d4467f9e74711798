"""Products of stacked rows: in which shapes they are computed fastest."""

from __future__ import annotations

from functorch_lite.calculus.matmul import LARGEST_UNPACKED
from functorch_lite.core.primitive import NAMED
from functorch_lite.program.equations import Equation, Variable

__all__ = ["chunk_of", "flattened"]

#: Products of fewer rows are joined into one: a call for each would cost more than it computes.
SMALLEST_PRODUCT = 16


def chunk_of(rows: int, columns: int) -> int:
    """Return the largest part of some rows whose product BLAS computes without copying; all, if that is no gain."""
    most = LARGEST_UNPACKED // max(columns, 1)
    if most >= rows or columns * SMALLEST_PRODUCT > LARGEST_UNPACKED:
        return rows
    return next((n for n in range(most, SMALLEST_PRODUCT - 1, -1) if rows % n == 0), rows)


def flattened(equation: Equation) -> list[Equation]:
    """Return a product of stacked rows with one matrix as one product of two matrices."""
    if equation.primitive.word != "matmul":
        return [equation]
    x, y = equation.operands
    if not (isinstance(x, Variable) and isinstance(y, Variable) and len(x.shape) == 3 and len(y.shape) == 2):
        return [equation]
    if x.shape[1] >= SMALLEST_PRODUCT:
        return [equation]
    (output,) = equation.outputs
    rows = x.shape[0] * x.shape[1]
    flat, product = Variable((rows, x.shape[2]), x.dtype), Variable((rows, y.shape[1]), output.dtype)
    return [
        Equation(NAMED["reshape"], (x,), (flat.shape,), (flat,), equation.line),
        Equation(equation.primitive, (flat, y), (), (product,), equation.line),
        Equation(NAMED["reshape"], (product,), (output.shape,), (output,), equation.line),
    ]
