"""Fusion: which equations run together, block of rows by block of rows, so that what lies between them stays in cache.

A group belongs to one length n of the first axis. Its equations treat rows alone: elementwise operations, reductions
over other axes, reshapes within a row, products of a matrix with a vector. What sums over the rows closes a group: its
parts are added up over the blocks. What is independent of a group runs before it, so that the group may read it; what
reads its sums, or its results otherwise than row by row, runs after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import TypeAlias

import numpy as np

from functorch_lite.calculus.matmul import blas_threads
from functorch_lite.program.effects import tokens
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable

__all__ = ["Group", "Step", "is_closing", "is_elementwise", "steps"]

#: Groups whose largest array has fewer elements are left whole: their blocks would be too few.
SMALLEST_FUSED = 1 << 16

#: How many equations between its own a group looks past.
WINDOW = 64

_REDUCTIONS = frozenset({"sum", "max", "min"})

#: The dtypes whose sums may be put together of parts: NumPy sums shorter ones in longer ones.
_SUMMED = frozenset({np.dtype("f4"), np.dtype("f8")})


@dataclass(eq=False)
class Group:
    """Equations that run together.

    Attributes
    ----------
    rows
        The length of the first axis.
    equations
        In order.
    defined
        Their results.
    outputs
        The results that are read outside of the group.
    """

    rows: int
    equations: list[Equation] = field(default_factory=list)
    defined: set[Variable] = field(default_factory=set)
    closed: set[Variable] = field(default_factory=set)
    outputs: list[Variable] = field(default_factory=list)

    def add(self, equation: Equation) -> None:
        """Take an equation in."""
        self.equations.append(equation)
        self.defined.update(equation.outputs)
        if is_closing(equation, self.rows):
            self.closed.update(equation.outputs)

    @property
    def row_size(self) -> int:
        """The elements of the longest row."""
        return max(prod(v.shape[1:]) for e in self.equations for v in _row_variables(e, self.rows))


Step: TypeAlias = Equation | Group


def steps(program: Program) -> list[Step]:
    """Return the equations of a program, in an order in which they can run, some of them in groups."""
    ordered = [step for found in _ordered(program.equations) for step in _worth_it(found)]
    _mark_outputs(program, ordered)
    return ordered


def is_elementwise(equation: Equation) -> bool:
    """Say whether an equation computes each element of its result from the elements in that place."""
    primitive = equation.primitive
    elementwise = primitive.is_pointwise or getattr(primitive, "elementwise", False)
    return elementwise and not equation.params and len(equation.outputs) == 1


def is_closing(equation: Equation, rows: int) -> bool:
    """Say whether an equation sums over the rows."""
    word, operands = equation.primitive.word, equation.operands
    if word in {"sum", "mean"} and isinstance(operands[0], Variable) and _is_row(operands[0], rows):
        return 0 in equation.params[0] and operands[0].dtype in _SUMMED
    if word == "matmul" and blas_threads() == 1:
        x, y = operands
        return _is_row(x, rows) and _is_row(y, rows) and len(x.shape) == 1 and len(y.shape) == 2  # type: ignore[union-attr]
    return False


def _ordered(equations: Iterable[Equation]) -> Iterator[Step]:
    rest = deque(equations)
    while rest:
        equation = rest.popleft()
        rows = next((n for n in _lengths(equation) if _fits(equation, n, None) and _is_large(equation, n)), None)
        if rows is None:
            yield equation
            continue
        group = Group(rows)
        group.add(equation)
        before, later = _gathered(group, rest)
        yield from _ordered(before)
        yield group
        rest.extendleft(reversed(later))


def _gathered(group: Group, rest: deque[Equation]) -> tuple[list[Equation], list[Equation]]:
    """Move the equations that belong to a group from the next ones; return those to run before it, and after."""
    before: list[Equation] = []
    later: list[Equation] = []
    waiting: set[Variable] = set()
    effects_wait = False
    while rest and len(before) + len(later) < WINDOW:
        equation = rest.popleft()
        reads = {a for a in equation.operands if isinstance(a, Variable)}
        waits = not reads.isdisjoint(waiting) or not reads.isdisjoint(group.closed)
        if not waits and _fits(equation, group.rows, group):
            group.add(equation)
            continue
        acts = bool(tokens(equation))
        if waits or not reads.isdisjoint(group.defined) or (acts and effects_wait):
            later.append(equation)
            waiting.update(equation.outputs)
            effects_wait |= acts
        else:
            before.append(equation)
    return before, later


def _lengths(equation: Equation) -> list[int]:
    """Return the lengths of first axes that a group with this equation might have."""
    shapes = [v.shape for v in (*equation.outputs, *equation.operands) if isinstance(v, Variable) and v.shape]
    return [n for n in dict.fromkeys(shape[0] for shape in shapes) if n > 1]


def _fits(equation: Equation, n: int, group: Group | None) -> bool:
    """Say whether an equation treats rows alone, or closes the group by summing over them."""
    if len(equation.outputs) != 1:
        return False
    if is_closing(equation, n):
        return group is not None
    output, operands = equation.outputs[0], equation.operands
    if not _is_row(output, n):
        return False
    inside = group.defined if group is not None else set()
    word = equation.primitive.word
    if is_elementwise(equation):
        return all(_is_aligned(a, output, n, inside) for a in operands)
    first = operands[0]
    if not _is_row(first, n):
        return False
    if word in _REDUCTIONS:
        return 0 not in equation.params[0]
    if word in {"reshape", "broadcast_to"}:
        return word == "reshape" or len(first.shape) == len(output.shape)  # type: ignore[union-attr]
    if word == "matmul" and blas_threads() == 1:  # else BLAS shares the whole product between its threads
        vector = operands[1]
        return isinstance(vector, Variable) and len(vector.shape) == 1 and vector not in inside
    return False


def _is_aligned(atom: Atom, output: Variable, n: int, inside: set[Variable]) -> bool:
    """Say whether an operand of an elementwise equation has its rows where the result has them, or none."""
    if isinstance(atom, Literal) or atom.shape == ():
        return True
    if len(atom.shape) == len(output.shape):
        return atom.shape[0] in (1, n) and (atom.shape[0] == n or atom not in inside)
    return atom not in inside


def _is_row(atom: Atom, n: int) -> bool:
    return isinstance(atom, Variable) and atom.shape[:1] == (n,)


def _row_variables(equation: Equation, rows: int) -> list[Variable]:
    return [v for v in (*equation.outputs, *equation.operands) if isinstance(v, Variable) and _is_row(v, rows)]


def _is_large(equation: Equation, rows: int) -> bool:
    return any(v.size >= SMALLEST_FUSED for v in _row_variables(equation, rows))


def _worth_it(step: Step) -> list[Step]:
    """Return a group as it is, or its equation if it has only one."""
    return [*step.equations] if isinstance(step, Group) and len(step.equations) == 1 else [step]


def _mark_outputs(program: Program, ordered: list[Step]) -> None:
    needed = {a for a in program.outputs if isinstance(a, Variable)}
    for step in reversed(ordered):
        equations = step.equations if isinstance(step, Group) else [step]
        if isinstance(step, Group):
            step.outputs = [y for e in equations for y in e.outputs if y in needed]
        for equation in equations:
            needed.update(a for a in equation.operands if isinstance(a, Variable))
