"""Recomputation: what the second half of a program computes again instead of being given.

The two halves are a forward and a backward program; what is handed over, the residuals, is memory that lives from one
to the other. A residual that is a cheap function of less memory is computed again. Which values to keep is a minimum
cut, as in PyTorch's partitioner (Zheng and Vasileva, "Min-cut optimal recomputation", 2022): the graph leads from what
is expensive, through cheap equations, to the residuals; each value weighs its bytes; and of the cuts of least weight
the one nearest to the residuals is taken, which computes least again.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Collection, Hashable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from functorch_lite.program.passes import dead_code
from functorch_lite.program.program import Atom, Equation, Program, Variable

__all__ = ["recomputed"]

#: Residuals of fewer bytes are kept: to hand them over costs less than a call of NumPy.
SMALLEST = 1 << 12

#: The longest way from what is kept to what is computed again, in equations.
DEEPEST = 8

#: Elementwise functions that take about as long as reading their operands from memory. Those that do not, such as exp,
#: are never computed again.
_CHEAP = frozenset(
    {operator.add, operator.sub, operator.mul, operator.truediv, operator.neg, operator.pos, operator.abs}
    | {operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne}
    | {operator.and_, operator.or_, operator.xor, operator.invert}
    | {np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.absolute, np.fabs, np.sign}
    | {np.square, np.sqrt, np.reciprocal, np.maximum, np.minimum, np.fmax, np.fmin, np.copysign, np.conjugate}
    | {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal, np.floor, np.ceil, np.trunc}
    | {np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.isfinite, np.isinf, np.isnan, np.signbit}
    | {np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert}
)

#: Primitives that show parts of an array, or all of it, in another form.
_VIEWS = frozenset({"broadcast_to", "flip", "imag", "index", "real", "reshape", "transpose"})

#: Primitives that select, convert or arrange.
_MOVES = _VIEWS | {"concatenate", "constant_like", "convert", "stack", "where"}


def recomputed(first: Program, second: Program, count: int, free: Collection[Atom] = ()) -> tuple[Program, Program]:
    """Let the second of two programs compute cheap residuals again, where that lowers the bytes that are handed over.

    Cheap are comparisons, arithmetic, roots, selections, conversions and rearrangements. The same equations compute the
    results; only a product of matrices may round otherwise, of a transposed view rather than of its copy.

    Parameters
    ----------
    first, second
        The second takes what the first returns behind its first ``count`` outputs, then inputs of its own.
    count
        How many outputs of the first are no residuals.
    free
        Values that it costs nothing to hand over.

    Returns
    -------
    first, second
        The same two, with other residuals.
    """
    residuals = [a for a in first.outputs[count:] if isinstance(a, Variable)]
    makers = _cheap_makers(first)
    avoidable = {v for v in residuals if v in makers and _is_avoidable(v, makers[v])} - {*free}
    if not avoidable:
        return first, second
    at_hand = {*first.constants, *residuals, *free} - avoidable
    region = _region(avoidable, makers, at_hand)
    again = region - _minimum_cut(region, avoidable, makers, at_hand)
    kept = dict.fromkeys(v for v in residuals if v not in again)
    for v in again:
        read = (a for a in makers[v].operands if isinstance(a, Variable) and a not in first.constants)
        kept.update(dict.fromkeys(a for a in read if a not in again))
    residuals = sorted(kept, key=lambda v: v.number)
    late_inputs = second.inputs[len(first.outputs) - count :]
    equations = _placed([e for e in first.equations if e.outputs[0] in again], second.equations)
    constants = first.constants | second.constants
    first = first.with_equations(first.equations, (*first.outputs[:count], *residuals))
    second = Program((*residuals, *late_inputs), second.equations, second.outputs, constants, second.name)
    return dead_code(first), dead_code(second.with_equations(equations))


def _is_avoidable(residual: Variable, maker: Equation) -> bool:
    return residual.nbytes >= SMALLEST or maker.primitive.word in _VIEWS


def _is_cheap(equation: Equation) -> bool:
    if len(equation.outputs) != 1:
        return False
    return equation.primitive.word in _MOVES or (equation.primitive.function in _CHEAP and not equation.params)


def _cheap_makers(program: Program) -> dict[Variable, Equation]:
    """Return the cheap equations by result, but for one in each long row of them: where a value may be kept."""
    makers: dict[Variable, Equation] = {}
    depths: dict[Variable, int] = {}
    for equation in program.equations:
        if _is_cheap(equation):
            depth = 1 + max((depths.get(a, 0) for a in equation.operands if isinstance(a, Variable)), default=0)
            if depth <= DEEPEST:
                makers[equation.outputs[0]], depths[equation.outputs[0]] = equation, depth
    return makers


def _region(residuals: Iterable[Variable], makers: dict[Variable, Equation], free: set[Any]) -> set[Variable]:
    """Return the values between what is expensive and the residuals, both included; what is free is passed over."""
    region = set(residuals)
    waiting = list(region)
    while waiting:
        equation = makers.get(waiting.pop())
        for a in equation.operands if equation is not None else ():
            if isinstance(a, Variable) and a not in free and a not in region:
                region.add(a)
                waiting.append(a)
    return region


def _minimum_cut(
    region: set[Variable], residuals: set[Variable], makers: dict[Variable, Equation], free: set[Any]
) -> set[Variable]:
    """Return the values of a region to be kept: those of the cut, and those that no cheap equation makes of them."""
    network = _Network()
    for v in region:
        # Of a view and what it shows, the latter is kept: to hand over a view takes a copy in another order.
        is_view = v in makers and makers[v].primitive.word in _VIEWS
        network.connect((v, "in"), (v, "out"), 2 * v.nbytes + is_view)
        if v not in makers:
            network.connect("source", (v, "in"), None)
        elif v in residuals:
            network.connect((v, "out"), "sink", None)
        for a in makers[v].operands if v in makers else ():
            if a in region:
                network.connect((a, "out"), (v, "in"), None)
    before_sink = network.cut_near_sink("source", "sink")
    return {v for v in region if (v, "in") not in before_sink}


class _Network:
    """A flow network whose maximal flow is found by Dinic's algorithm; a capacity of None is infinite."""

    def __init__(self) -> None:
        self.left: dict[Hashable, dict[Hashable, float]] = {}

    def connect(self, a: Hashable, b: Hashable, capacity: int | None) -> None:
        self.left.setdefault(a, {})[b] = float("inf") if capacity is None else float(capacity)
        self.left.setdefault(b, {}).setdefault(a, 0.0)

    def cut_near_sink(self, source: Hashable, sink: Hashable) -> set[Hashable]:
        """Return the nodes from which the sink can be reached when the flow is maximal."""
        while source in (levels := self._levels(sink)):
            self._augment(source, sink, levels)
        return set(levels)

    def _levels(self, sink: Hashable) -> dict[Hashable, int]:
        """Return the distance to the sink of each node that has one."""
        levels = {sink: 0}
        waiting = deque([sink])
        while waiting:
            b = waiting.popleft()
            for a in self.left.get(b, ()):
                if a not in levels and self.left[a][b] > 0:
                    levels[a] = levels[b] + 1
                    waiting.append(a)
        return levels

    def _augment(self, source: Hashable, sink: Hashable, levels: dict[Hashable, int]) -> None:
        """Saturate all shortest paths; an edge that leads nowhere is not tried again."""
        untried = {a: [*neighbours] for a, neighbours in self.left.items()}
        path = [source]
        while path:
            a = path[-1]
            if a == sink:
                edges = [*pairwise(path)]
                flow = min(self.left[a][b] for a, b in edges)
                for a, b in edges:
                    self.left[a][b] -= flow
                    self.left[b][a] += flow
                path = [source]
                continue
            ends = untried[a]
            while ends and not (self.left[a][ends[-1]] > 0 and levels.get(ends[-1], -1) == levels[a] - 1):
                ends.pop()
            if ends:
                path.append(ends[-1])
            else:
                path.pop()
                if path:
                    untried[path[-1]].pop()


def _placed(again: list[Equation], equations: Iterable[Equation]) -> list[Equation]:
    """Put the equations to be computed again among the others, each right before its result is read first."""
    places: dict[Variable, int] = {}
    makers = {e.outputs[0]: e for e in again}
    ordered = [*equations]
    for i in reversed(range(len(ordered))):
        places.update((a, i) for a in ordered[i].operands if a in makers)  # type: ignore[misc]
    for equation in reversed(again):
        place = places.setdefault(equation.outputs[0], len(ordered))
        for a in equation.operands:
            if a in makers:
                places[a] = min(place, places.get(a, place))  # type: ignore[index, arg-type]
    before: dict[int, list[Equation]] = {}
    for equation in again:
        before.setdefault(places[equation.outputs[0]], []).append(equation)
    placed = [e for i, equation in enumerate(ordered) for e in (*before.get(i, ()), equation)]
    return placed + before.get(len(ordered), [])
