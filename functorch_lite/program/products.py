"""Products: sums of products of arrays become products of matrices, few in number and large.

These passes put the terms of sums into another order, as BLAS does too: results agree up to rounding, not to the bit.
They apply to floating-point and complex arrays alone. Sums of whole numbers NumPy computes as fast itself. What a
product replaces becomes dead code, which another pass drops.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from functorch_lite.core.primitive import NAMED, Primitive
from functorch_lite.program.program import Atom, Equation, Program, Variable

__all__ = ["gathered_products", "joined_products", "multiplied"]

#: Sums of fewer products are left as they are: a product of matrices takes as long, by its call alone.
SMALLEST_SUM = 64

#: A sum of products of so many steps at least is gathered, and of matrices with so many rows at most: by then BLAS is
#: as fast on each of them, and to keep them all takes longer than to add.
FEWEST_STEPS, MOST_ROWS = 4, 16

_SUMMED = frozenset(map(np.dtype, ("f4", "f8", "c8", "c16")))
_MULTIPLICATIONS = frozenset({operator.mul, np.multiply})
_ADDITIONS = frozenset({operator.add, np.add})


def multiplied(program: Program) -> Program:
    """Write ``np.sum(a * b, axis)`` as a product of matrices, where ``a * b`` is only summed.

    One of the two at least must be broadcast, as in ``np.sum(a[:, :, None] * b[None], axis=1)``, which is ``a @ b``;
    otherwise there is nothing to gain.
    """
    makers = {y: e for e in program.equations for y in e.outputs}
    uses = _uses(program)
    equations: list[Equation] = []
    for equation in program.equations:
        product = makers.get(equation.operands[0]) if equation.primitive.word == "sum" else None  # type: ignore[arg-type]
        if product is not None and uses[product.outputs[0]] == 1 and product.primitive.function in _MULTIPLICATIONS:
            equations += _contraction(equation, product, makers) or [equation]
        else:
            equations.append(equation)
    return program.with_equations(equations)


def joined_products(program: Program) -> Program:
    """Multiply the slices of an array by one matrix all at once, before the loop that takes them.

    A recurrent network that was unrolled computes ``xs[0] @ u``, ``xs[1] @ u``, …; none of them depends on its state.
    """
    slices: dict[Atom, tuple[Variable, int]] = _slices(program)
    uses: dict[Any, set[int]] = {}
    for equation in program.equations:
        key = _slice_product(equation, slices)
        if key is not None:
            uses.setdefault(key, set()).add(slices[equation.operands[0]][1])
    known = {*program.inputs, *program.constants}
    joined: dict[Any, Variable] = {}
    equations: list[Equation] = []
    for equation in program.equations:
        key = _slice_product(equation, slices)
        if key is not None and len(uses[key]) > max(3, key[0].shape[0] // 2) and {key[0], key[1]} <= known:
            base, matrix, primitive = key
            product = joined.get(key)
            if product is None:
                output = equation.outputs[0]
                product = joined[key] = Variable((base.shape[0], *output.shape), output.dtype)
                equations.append(Equation(primitive, (base, matrix), (), (product,), equation.line))
            i = slices[equation.operands[0]][1]
            equation = Equation(NAMED["index"], (product,), (i,), equation.outputs, equation.line)
        equations.append(equation)
        known.update(equation.outputs)
    return program.with_equations(equations)


def gathered_products(program: Program) -> Program:
    """Write ``a0.T @ b0 + a1.T @ b1 + …`` as one product of the rows of all ``a`` with those of all ``b``.

    That is the derivative by a matrix which each step of a loop multiplies its state by. Outer products, of vectors,
    count as products of matrices with one row.
    """
    makers = {y: e for e in program.equations for y in e.outputs}
    uses = _uses(program)
    slices = _slices(program)
    inner = {a for e in program.equations for a in e.operands if _is_addition(e) and _adds_on(a, e, makers, uses)}
    equations: list[Equation] = []
    for equation in program.equations:
        if _is_addition(equation) and equation.outputs[0] not in inner:
            equations += _gathered(equation, makers, uses, slices) or [equation]
        else:
            equations.append(equation)
    return program.with_equations(equations)


# --- A sum of products ------------------------------------------------------------------------------------------------


def _contraction(total: Equation, product: Equation, makers: dict[Variable, Equation]) -> list[Equation] | None:
    """Return the equations that compute a sum of products as a product of matrices; None if it is none."""
    (output,), whole = total.outputs, product.outputs[0]
    if whole.size < SMALLEST_SUM or output.dtype != whole.dtype or whole.dtype not in _SUMMED:
        return None
    if any(not isinstance(a, Variable) or a.dtype != whole.dtype for a in product.operands):
        return None
    x, of_x = _narrowed(product.operands[0], len(whole.shape), makers)
    y, of_y = _narrowed(product.operands[1], len(whole.shape), makers)
    summed = [axis for axis in total.params[0] if whole.shape[axis] > 1]
    rows = [axis for axis in of_x if axis not in of_y]
    columns = [axis for axis in of_y if axis not in of_x]
    batch = [axis for axis in of_x if axis in of_y and axis not in summed]
    if not summed or not {*summed} <= {*of_x} & {*of_y} or not (rows or columns):
        return None
    if batch and not (rows and columns):  # each product is one of a vector: BLAS does no better
        return None
    writer = _Writer(total.line)
    x, y = (writer.reshaped(a, tuple(n for n in a.shape if n != 1)) for a in (x, y))
    left = [axis for axis in range(len(whole.shape)) if axis in {*rows, *columns, *batch}]
    if max(len(rows), len(columns), len(summed)) == 1 and not batch:
        if rows and columns and left[0] == columns[0]:
            x, of_x, y, of_y = y, of_y, x, of_x
        if len(of_x) < len(of_y):  # a vector and a matrix
            x, y = (x, y) if of_y[0] == summed[0] else (y, x)
        elif len(of_x) > len(of_y):
            x, y = (x, y) if of_x[1] == summed[0] else (y, x)
        else:
            x = x if of_x[1] == summed[0] else writer.transposed(x)
            y = y if of_y[0] == summed[0] else writer.transposed(y)
        result = writer.write("matmul", (x, y), (), tuple(whole.shape[axis] for axis in left))
    else:
        terms = ("".join(chr(ord("a") + axis) for axis in axes) for axes in (of_x, of_y, left))
        result = writer.write("contract", (x, y), ("{},{}->{}".format(*terms),), tuple(whole.shape[i] for i in left))
    axes, keepdims = total.params
    narrow = tuple(n if axis in left else 1 for axis, n in enumerate(whole.shape) if keepdims or axis not in axes)
    if narrow != output.shape:  # both were broadcast along an axis that is not summed
        result = writer.write("broadcast_to", (writer.reshaped(result, narrow),), (output.shape,), output.shape)
    return writer.ended(result, output)


def _narrowed(atom: Any, rank: int, makers: dict[Variable, Equation]) -> tuple[Variable, list[int]]:
    """Return what an operand was broadcast from, and which of the ``rank`` axes each of its longer ones stands for."""
    axes = [rank - len(atom.shape) + i for i, n in enumerate(atom.shape) if n != 1]
    while (maker := makers.get(atom)) is not None and isinstance(source := maker.operands[0], Variable):
        longer = [n for n in source.shape if n != 1]
        if source.dtype != atom.dtype or isinstance(source.dtype, type):
            break
        if maker.primitive.word == "broadcast_to":
            skipped = len(atom.shape) - len(source.shape)
            places = [i for i, n in enumerate(atom.shape) if n != 1]
            axes = [
                axis for i, axis in zip(places, axes, strict=True) if i >= skipped and source.shape[i - skipped] != 1
            ]
        elif not (maker.primitive.word == "reshape" and longer == [n for n in atom.shape if n != 1]):
            break
        atom = source
    return atom, axes


# --- Products of slices, and of steps ---------------------------------------------------------------------------------


def _slices(program: Program) -> dict[Atom, tuple[Variable, int]]:
    """Return which variables are ``base[i]``, of what base and at what place."""
    return {
        e.outputs[0]: (e.operands[0], e.params[0])
        for e in program.equations
        if e.primitive.word == "index" and type(e.params[0]) is int and isinstance(e.operands[0], Variable)
    }


def _slice_product(equation: Equation, slices: dict[Atom, tuple[Variable, int]]) -> Any:
    if equation.primitive.word != "matmul":
        return None
    x, y = equation.operands
    if x not in slices or len(slices[x][0].shape) not in (2, 3) or len(getattr(y, "shape", ())) != 2:
        return None
    return slices[x][0], y, equation.primitive


def _is_addition(equation: Equation) -> bool:
    (*_, output) = equation.outputs
    return (
        equation.primitive.function in _ADDITIONS
        and len(output.shape) == 2
        and output.dtype in _SUMMED
        and all(isinstance(a, Variable) and a.dtype == output.dtype for a in equation.operands)
    )


def _adds_on(atom: Atom, total: Equation, makers: dict[Variable, Equation], uses: Counter[Atom]) -> bool:
    """Say whether an operand of a sum is a sum that nothing else reads, so that the two are one of more terms."""
    maker = makers.get(atom) if uses[atom] == 1 else None  # type: ignore[arg-type]
    return maker is not None and _is_addition(maker) and maker.outputs[0].shape == total.outputs[0].shape


def _gathered(
    total: Equation, makers: dict[Variable, Equation], uses: Counter[Atom], slices: dict[Atom, tuple[Variable, int]]
) -> list[Equation] | None:
    terms: dict[Any, list[tuple[Variable, tuple[Variable, Variable]]]] = {}
    rest: list[Variable] = []
    for leaf in _terms(total, makers, uses):
        pair = _rows_of_factors(makers[leaf], makers) if uses[leaf] == 1 and leaf in makers else None
        if pair is None:
            rest.append(leaf)
        else:
            terms.setdefault(tuple(v.shape for v in pair), []).append((leaf, pair))
    writer = _Writer(total.line)
    output = total.outputs[0]
    for found in terms.values():
        if len(found) < FEWEST_STEPS:
            rest += [leaf for leaf, _ in found]
            continue
        pairs = [pair for _, pair in found]
        for k in (0, 1):
            if len({slices[pair[k]][0] if pair[k] in slices else pair for pair in pairs}) == 1:
                pairs.sort(key=lambda pair, k=k: slices[pair[k]][1])  # type: ignore[misc]
        x, y = (writer.rows([pair[k] for pair in pairs], slices) for k in (0, 1))
        rest.append(writer.write("matmul", (writer.transposed(x), y), (), output.shape))
    if not writer.equations:
        return None
    result = rest.pop()
    while rest:
        result = writer.write(total.primitive, (rest.pop(), result), (), output.shape)
    return writer.ended(result, output)


def _terms(total: Equation, makers: dict[Variable, Equation], uses: Counter[Atom]) -> Iterator[Variable]:
    """Yield what a sum adds up, through the sums that only it reads."""
    waiting = [*total.operands]
    while waiting:
        atom = waiting.pop()
        if _adds_on(atom, total, makers, uses):
            waiting += makers[atom].operands  # type: ignore[index]
        else:
            yield atom  # type: ignore[misc]


def _rows_of_factors(equation: Equation, makers: dict[Variable, Equation]) -> tuple[Variable, Variable] | None:
    """Return a and b of ``a.T @ b``, or of the outer product of two vectors; None if it is neither, or too high."""
    x, y = (*equation.operands, None, None)[:2]
    if (
        not isinstance(x, Variable)
        or not isinstance(y, Variable)
        or not x.dtype == y.dtype == equation.outputs[0].dtype
    ):
        return None
    if equation.primitive.word == "contract" and equation.params == ("a,b->ab",):
        return x, y
    maker = makers.get(x)
    if equation.primitive.word != "matmul" or maker is None or maker.primitive.word != "transpose":
        return None
    x = maker.operands[0]
    is_product = isinstance(x, Variable) and len(x.shape) == len(y.shape) == 2 and y.shape[0] <= MOST_ROWS
    return (x, y) if is_product else None  # type: ignore[return-value]


# --- Writing equations ------------------------------------------------------------------------------------------------


def _uses(program: Program) -> Counter[Atom]:
    return Counter([*(a for e in program.equations for a in e.operands), *program.outputs])


class _Writer:
    """Writes the equations that come in the place of one."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.equations: list[Equation] = []

    def write(
        self, primitive: Primitive | str, operands: Sequence[Variable], params: Any, shape: tuple[int, ...]
    ) -> Variable:
        primitive = NAMED[primitive] if isinstance(primitive, str) else primitive
        output = Variable(shape, operands[0].dtype)
        self.equations.append(Equation(primitive, tuple(operands), params, (output,), self.line))
        return output

    def reshaped(self, x: Variable, shape: tuple[int, ...]) -> Variable:
        return x if x.shape == shape else self.write("reshape", (x,), (shape,), shape)

    def transposed(self, x: Variable) -> Variable:
        return self.write("transpose", (x,), ((1, 0),), x.shape[::-1])

    def rows(self, parts: list[Variable], slices: dict[Atom, tuple[Variable, int]]) -> Variable:
        """Return matrices, or vectors as rows, under each other; of all slices of an array, in order, the array."""
        base, _ = slices.get(parts[0], (parts[0], 0))
        *lengths, columns = parts[0].shape
        height = lengths[0] if lengths else 1
        if [slices.get(part) for part in parts] == [(base, i) for i in range(base.shape[0])]:
            return self.reshaped(base, (len(parts) * height, columns))
        step = height if lengths else columns
        bounds = tuple(range(0, len(parts) * step + 1, step))
        joined = self.write("concatenate", parts, (0, bounds), (bounds[-1], *parts[0].shape[1:]))
        return self.reshaped(joined, (len(parts) * height, columns))

    def ended(self, result: Variable, output: Variable) -> list[Equation]:
        """Return the equations, of which the last defines the output."""
        if result.shape != output.shape:
            result = self.reshaped(result, output.shape)
        last = self.equations[-1]
        self.equations[-1] = Equation(last.primitive, last.operands, last.params, (output,), last.line)
        return self.equations
