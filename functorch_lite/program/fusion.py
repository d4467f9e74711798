"""Fusion: which elementwise equations run together, block by block, so that what lies between them stays in cache.

A group holds equations of one shape, and sums of their results over all axes. Nothing outside of a group that reads one of
its results may come before its last equation; what is independent of it is computed first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from functorch_lite.program.program import Equation, Literal, Program, Variable

__all__ = ["Group", "Step", "is_elementwise", "steps"]

#: Arrays of fewer elements are left whole: their blocks would be too few.
SMALLEST_FUSED = 1 << 16


@dataclass(eq=False)
class Group:
    """Equations that run together.

    Attributes
    ----------
    shape
        That of all results but the sums.
    equations
        In order.
    outputs
        The results that are read outside of the group.
    """

    shape: tuple[int, ...]
    equations: list[Equation] = field(default_factory=list)
    defined: set[Variable] = field(default_factory=set)
    outputs: list[Variable] = field(default_factory=list)

    def add(self, equation: Equation) -> None:
        """Take an equation in."""
        self.equations.append(equation)
        self.defined.update(equation.outputs)


Step: TypeAlias = Equation | Group


def steps(program: Program) -> list[Step]:
    """Return the equations of a program, in an order in which they can run, some of them in groups."""
    ordered = [_settled(step) for step in _ordered(program)]
    _mark_outputs(program, ordered)
    return ordered


def is_elementwise(equation: Equation) -> bool:
    """Say whether an equation computes each element of its result from the elements in that place."""
    primitive = equation.primitive
    elementwise = primitive.is_pointwise or getattr(primitive, "elementwise", False) or primitive.name == "where"
    return elementwise and not equation.params and len(equation.outputs) == 1


def is_whole_sum(equation: Equation) -> bool:
    """Say whether an equation sums all elements of an array of floating numbers."""
    operand = equation.operands[0] if equation.operands else None
    return (
        equation.primitive.name == "sum"
        and isinstance(operand, Variable)
        and equation.params == (tuple(range(len(operand.shape))), False)
        and np.dtype(operand.dtype).kind == "f"
    )


def _ordered(program: Program) -> Iterator[Step]:
    pending: dict[tuple[int, ...], Group] = {}
    for equation in program.equations:
        shape = _shape_for_fusion(equation)
        for other, group in list(pending.items()):
            joins = other == shape and not any(a in _sums(group) for a in equation.operands)
            if not joins and any(a in group.defined for a in equation.operands):
                yield pending.pop(other)
        if shape is None:
            yield equation
            continue
        if is_whole_sum(equation) and shape not in pending:
            yield equation  # alone it gains nothing
            continue
        pending.setdefault(shape, Group(shape)).add(equation)
    yield from pending.values()


def _sums(group: Group) -> set[Variable]:
    return {y for e in group.equations if is_whole_sum(e) for y in e.outputs}


def _shape_for_fusion(equation: Equation) -> tuple[int, ...] | None:
    if is_whole_sum(equation):
        shape = equation.operands[0].shape  # type: ignore[union-attr]
    elif is_elementwise(equation):
        shape = equation.outputs[0].shape
    else:
        return None
    size = int(np.prod(shape, dtype=np.int64))
    fits = all(isinstance(a, Literal) or a.shape in (shape, ()) for a in equation.operands)
    return shape if fits and shape and size >= SMALLEST_FUSED else None


def _settled(step: Step) -> Step:
    """Return a group of one equation as the equation."""
    return step.equations[0] if isinstance(step, Group) and len(step.equations) == 1 else step


def _mark_outputs(program: Program, ordered: list[Step]) -> None:
    needed = {a for a in program.outputs if isinstance(a, Variable)}
    for step in reversed(ordered):
        equations = step.equations if isinstance(step, Group) else [step]
        if isinstance(step, Group):
            step.outputs = [y for e in equations for y in e.outputs if y in needed]
        for equation in equations:
            needed.update(a for a in equation.operands if isinstance(a, Variable))
