"""Loops of a fixed number of steps over the rows of arrays, as one operation.

Forward mode carries the tangents along. Reverse mode is a loop in the other direction, over what the steps forward have
kept; the cotangents of what is the same for all steps are summed up on the way. Source of the construction: Paszke,
Johnson, Frostig and Maclaurin, "Parallelism-preserving automatic differentiation for second-order array languages"
(2021), section 4, and the scan of JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.calculus.batching import broadcast_batch
from functorch_lite.core.operands import bottom, shape_of
from functorch_lite.core.primitive import NAMED, Arrays, Params
from functorch_lite.core.tape import dtype_or_type
from functorch_lite.program.derivation import (
    accumulated,
    coerced,
    cut,
    downstream,
    in_batch,
    is_float,
    joint,
    pushed,
    strong,
    varying,
    zero,
)
from functorch_lite.program.derivation import (
    batched as of_batch,
)
from functorch_lite.program.entries import Entry, ProgramPrimitive
from functorch_lite.program.equations import Equation, Variable
from functorch_lite.program.lifting import Lifting
from functorch_lite.program.looping import buffers, looping
from functorch_lite.program.nans import checking
from functorch_lite.program.passes import dead_code, optimized
from functorch_lite.program.program import Program
from functorch_lite.program.recomputation import recomputed
from functorch_lite.program.signatures import signature
from functorch_lite.program.staging import representative
from functorch_lite.program.text import STRUCTURES
from functorch_lite.transforms.axes import Axis, axis_of
from functorch_lite.transforms.batching import Unbatched

__all__ = ["Scan", "row", "settled"]


class Scan(ProgramPrimitive):
    """Run a program for each row: the carried values go from step to step, the other results are stacked.

    Parameters
    ----------
    body
        From the number of the step, what is the same for all steps, the carried values and a row of each array, to the
        next carried values and what is stacked.
    steps
        The numbers of the steps.
    constants, carried
        How many inputs of the body are the same for all steps, and how many are carried.
    reverse
        Whether to go from the last row to the first.
    """

    def __init__(self, body: Entry, steps: range, constants: int, carried: int, reverse: bool) -> None:
        super().__init__("scan", [body])
        self.body, self.steps, self.constants, self.carried, self.reversed = body, steps, constants, carried, reverse
        self._loop: Callable[..., Arrays] | None = None
        #: Where, among the inputs of the body and the operands, the carried values and the rows begin.
        self.first_row = constants + carried

    def buffers(self) -> list[tuple[tuple[int, ...], Any, tuple[int, ...]]]:
        """Return shape and dtype of what `run` takes as further arguments, and which results lie in it."""
        return buffers(self.body.program, len(self.steps), self.constants, self.carried)

    def settings(self) -> list[tuple[str, Any]]:
        return [
            ("steps", self.steps),
            ("constants", self.constants),
            ("carried", self.carried),
            ("reverse", self.reversed),
        ]

    def run(self, *arrays: Any) -> Arrays:
        """Compute the results; arrays for what is stacked may be given behind the operands, or None."""
        if checking.get():
            return self._stepwise(*arrays[: len(self.body.program.inputs) - 1])
        loop = self._loop
        if loop is None:
            self._loop = loop = looping(self.body.program, self.steps, self.constants, self.carried, self.reversed)
        return loop(*arrays)

    def _stepwise(self, *arrays: Any) -> Arrays:
        """Run the body's program for each step, so that the equation that makes a NaN is found."""
        constants, rows = arrays[: self.constants], arrays[self.first_row :]
        carry = arrays[self.constants : self.first_row]
        columns: list[Any] = []
        order = range(len(self.steps))
        for i in reversed(order) if self.reversed else order:
            outputs = self.body.run(self.steps[i], *constants, *carry, *(x[i] for x in rows))
            carry = outputs[: self.carried]
            columns.append(outputs[self.carried :])
        if self.reversed:
            columns.reverse()
        return (*carry, *(np.stack(column) for column in zip(*columns, strict=True)))

    def reaches(self, flags: Sequence[bool], differentiably: bool, along: Axis | None = None) -> list[bool]:
        active = {i for i, f in enumerate(flags) if f}
        _, dependent = self._spread(active, differentiably=differentiably, along=along)
        return [a in dependent for a in self.body.program.outputs]

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        program = self.body.program
        active, dependent = self._spread({i for i, t in enumerate(tangents) if t is not None}, differentiably=True)
        given = [zero(strong(program.inputs[i + 1])) if tangents[i] is None else tangents[i] for i in active]
        given = [
            settled(t, program.inputs[i + 1]) if i < self.first_row else t for i, t in zip(active, given, strict=True)
        ]
        places = [j for j, a in enumerate(program.outputs) if self._varies(j, a, active, dependent)]
        key = ("forward", active, self.steps, self.reversed, *map(signature, given))
        loop = self.body.derive(key, lambda: self._pushed(values, active, given, places))
        parts = self._parted(active)
        groups = [[given[active.index(i)] for i in part] for part in parts]
        both = loop.bind(self._joined(values, groups), ())
        carried, count = self.carried, len(program.outputs)
        moved = len(parts[1])
        results = (*both[:carried], *both[carried + moved : count + moved])
        pushed_ = dict(zip(places, (*both[carried : carried + moved], *both[count + moved :]), strict=True))
        return results, [pushed_.get(j) for j in range(count)]

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        program = self.body.program
        spread, dependent = self._spread(set(active), differentiably=True)
        places = tuple(j for j, a in enumerate(program.outputs) if self._varies(j, a, spread, dependent))
        key = ("reverse", spread, self.steps, self.reversed)
        halves = self.body.derive(key, lambda: _Halves(self, values, spread, places))
        count = len(program.outputs)
        results = halves.forward.bind(values, ())
        fixed = halves.invariants(*values[: self.constants])

        kinds = self._carried_kinds()

        def pull(g: Arrays) -> Sequence[Any]:
            cotangents = [settled(g[j], kinds[j]) if j < self.carried else g[j] for j in places]
            found = halves.pull(self, values, fixed, results[count:], cotangents)
            return [found[i] for i in active]

        return results[:count], pull, ()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        program, first = self.body.program, self.first_row
        axis = axis_of(size)
        spread, dependent = self._spread({i for i, b in enumerate(batched) if b}, differentiably=False, along=axis)
        moved = tuple(
            (np.moveaxis(x, 0, 1) if i >= first else x)
            if batched[i]
            else (broadcast_batch(size, x) if i in spread else x)
            for i, x in enumerate(arrays)
        )
        # A carried value may differ between the examples in all steps but the last: what it is then is carried apart.
        of_carry = range(self.carried)
        apart = [j for j in of_carry if self.constants + j in spread and program.outputs[j] not in dependent]
        kinds = self._carried_kinds()

        def make() -> Scan:
            axes = [None, *(0 if i in spread else None for i in range(len(arrays)))]
            firsts = [self.steps[0], *moved[:first], *map(row, moved[first:])]
            body = of_batch(program, firsts, axes, [0 if a in dependent else None for a in program.outputs], size)
            unread = [Variable(kinds[j].shape, kinds[j].dtype) for j in apart]
            inputs = (*body.inputs[: 1 + first], *unread, *body.inputs[1 + first :])
            carried = (*body.outputs[: self.carried], *(body.outputs[j] for j in apart))
            stacked = body.outputs[self.carried :]
            wanted = [in_batch(kinds[j], size) if self.constants + j in spread else None for j in of_carry]
            body = replace(body, inputs=inputs, outputs=(*carried, *stacked))
            return self._like(coerced(body, [*wanted, *[None] * (len(apart) + len(stacked))]), carried=len(carried))

        key = ("batch", size, axis, batched, self.steps, self.reversed, *map(signature, moved))
        starts = [kinds[j].dtype() if kinds[j].is_weak else zero(kinds[j]) for j in apart]
        results = list(self.body.derive(key, make).bind((*moved[:first], *starts, *moved[first:]), ()))
        for j, y in zip(apart, results[self.carried :], strict=False):
            results[j] = y
        del results[self.carried : self.carried + len(apart)]
        return tuple(
            Unbatched(y) if a not in dependent else y if j < self.carried else np.moveaxis(y, 1, 0)
            for j, (y, a) in enumerate(zip(results, program.outputs, strict=True))
        )

    def lifted(self, equation: Equation) -> tuple[list[Equation], Sequence[Any], dict[Variable, Any]]:
        """Return equations that compute what one of this loop does, what stands for its outputs, and constants."""
        apart = Lifting(
            self.body.program, self.constants, self.carried, len(self.steps), equation.operands, equation.outputs
        )
        if not apart.is_changed:
            return [equation], equation.outputs, {}
        if not apart.stacked:  # nothing is left to do step by step
            return [*apart.before, *apart.after], apart.results, apart.known
        loop = Scan(Entry(apart.body, shared=0), self.steps, apart.constants, apart.carried, self.reversed)
        left = Equation(loop, tuple(apart.operands), (), tuple(apart.stacked), equation.line)
        return [*apart.before, left, *apart.after], apart.results, apart.known

    def _carried_kinds(self) -> list[Any]:
        """Return what the outputs are like; the carried ones like the inputs that they become."""
        program = self.body.program
        return [*program.inputs[1 + self.constants : 1 + self.first_row], *program.outputs[self.carried :]]

    def _like(self, body: Program, constants: int | None = None, carried: int | None = None) -> Scan:
        return Scan(
            Entry(body, shared=0),
            self.steps,
            self.constants if constants is None else constants,
            self.carried if carried is None else carried,
            self.reversed,
        )

    def _spread(
        self, active: set[int], *, differentiably: bool, along: Axis | None = None
    ) -> tuple[tuple[int, ...], set[Any]]:
        """Return the operands that vary with some, carried ones that come to do so included; and what depends."""
        program, carried = self.body.program, range(self.constants, self.first_row)
        return varying(program, program.inputs[1:], active, carried, differentiably=differentiably, along=along)

    def _varies(self, j: int, a: Any, active: Sequence[int], dependent: set[Any]) -> bool:
        """Say whether an output has a tangent."""
        if j < self.carried:
            return self.constants + j in active
        return a in dependent and is_float(a)

    def _parted(self, active: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
        """Part operands into what is the same for all steps, what is carried, and what has rows."""
        first, second = self.constants, self.first_row
        return (
            [i for i in active if i < first],
            [i for i in active if first <= i < second],
            [i for i in active if i >= second],
        )

    def _joined(self, operands: Sequence[Any], groups: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
        """Put further operands, parted as `_parted` does, behind those of their sort."""
        first, second = self.constants, self.first_row
        return (*operands[:first], *groups[0], *operands[first:second], *groups[1], *operands[second:], *groups[2])

    def _pushed(self, values: Arrays, active: tuple[int, ...], given: Sequence[Any], places: Sequence[int]) -> Scan:
        firsts = [row(t) if i >= self.first_row else t for i, t in zip(active, given, strict=True)]
        body, _ = pushed(self.body.program, self.samples(values), [i + 1 for i in active], firsts)
        n, count, carried = len(self.body.program.inputs), len(self.body.program.outputs), self.carried
        step, *inputs = body.inputs[:n]
        tangent_of = dict(zip(active, body.inputs[n:], strict=True))
        parts = self._parted(active)
        tangents = [[tangent_of[i] for i in part] for part in parts]
        of_carry = [body.outputs[count + j] for j in places if j < carried]
        of_stacked = [body.outputs[count + j] for j in places if j >= carried]
        outputs = (*body.outputs[:carried], *of_carry, *body.outputs[carried:count], *of_stacked)
        kinds = [strong(v) for v in tangents[1]]
        body = replace(body, inputs=(step, *self._joined(inputs, tangents)), outputs=outputs)
        body = coerced(body, [*[None] * carried, *kinds, *[None] * (len(outputs) - carried - len(kinds))])
        return self._like(body, self.constants + len(parts[0]), carried + len(parts[1]))

    def samples(self, values: Arrays) -> list[Any]:
        """Return raw values of the inputs of the body, to record with."""
        return [self.steps[0], *map(representative, values[: self.first_row]), *map(row, values[self.first_row :])]


STRUCTURES["scan"] = lambda programs, **settings: Scan(Entry(programs[0], shared=0), **settings)


class _Halves:
    """The loop forward that keeps what the loop backward needs, and the loop backward."""

    def __init__(self, loop: Scan, values: Arrays, active: tuple[int, ...], places: tuple[int, ...]) -> None:
        constants, program = loop.constants, loop.body.program
        n, count = len(program.inputs), len(program.outputs)
        kinds = loop._carried_kinds()
        seeds = [np.ones(kinds[j].shape, np.dtype(kinds[j].dtype))[()] for j in places]
        both = joint(program, loop.samples(values), [i + 1 for i in active], places, seeds)
        first, second = cut(both, both.inputs[n:], count)
        step, *inputs = first.inputs
        # What is the same for all steps and what has rows is there, and so are the carried values after each step.
        at_hand = (step, *inputs[:constants], *inputs[loop.first_row :], *first.outputs[: loop.carried])
        first, second = recomputed(first, second, count, at_hand)
        residuals = second.inputs[: len(second.inputs) - len(places)]
        varying = downstream(both, [step, *inputs[constants:]])
        self.position = {v: k for k, v in enumerate(inputs)}
        #: The residuals: operands that are the same for all steps, values computed of these, operands with rows, and
        #: what each step forward keeps for its own step backward.
        self.same = [v for v in residuals if v in self.position and self.position[v] < constants]
        self.fixed = [v for v in residuals if v not in self.position and v not in varying]
        self.rows = [v for v in residuals if v in self.position and self.position[v] >= loop.first_row]
        known = {step, *self.same, *self.fixed, *self.rows}
        self.stacked = [v for v in residuals if v not in known]
        self.invariants = dead_code(replace(first, inputs=tuple(inputs[:constants]), outputs=tuple(self.fixed)))
        self.forward = loop._like(optimized(replace(first, outputs=(*first.outputs[:count], *self.stacked))))
        #: The operands that get cotangents: the same for all steps, carried, with rows.
        self.parts = loop._parted(active)
        #: The sums over the steps of the cotangents of the first of these.
        self.totals = [strong(program.inputs[i + 1]) for i in self.parts[0]]
        second = coerced(second, [strong(program.inputs[i + 1]) for i in active])
        self.backward = self._backward(loop, second, step, places)

    def _backward(self, loop: Scan, pull: Program, step: Variable, places: tuple[int, ...]) -> Scan:
        """Return the loop in the other direction, from the program that pulls cotangents back through one step.

        It carries the cotangents of the carried values, and the totals.
        """
        cotangents = pull.inputs[len(pull.inputs) - len(places) :]
        of_carry = [g for g, j in zip(cotangents, places, strict=True) if j < loop.carried]
        of_stacked = [g for g, j in zip(cotangents, places, strict=True) if j >= loop.carried]
        summed, moved = len(self.parts[0]), len(self.parts[1])
        pull = accumulated(pull, range(summed), self.totals)
        inputs = (step, *self.same, *self.fixed, *of_carry, *self.totals, *self.rows, *self.stacked, *of_stacked)
        totals, carry, rows = pull.outputs[:summed], pull.outputs[summed:][:moved], pull.outputs[summed + moved :]
        body = optimized(replace(pull, inputs=inputs, outputs=(*carry, *totals, *rows)))
        constants = len(self.same) + len(self.fixed)
        return Scan(Entry(body, shared=0), loop.steps, constants, moved + summed, not loop.reversed)

    def pull(
        self, loop: Scan, values: Arrays, fixed: Arrays, stacked: Arrays, cotangents: Sequence[Any]
    ) -> dict[int, Any]:
        """Return the cotangents of the operands by their positions."""
        moved = len(self.parts[1])
        given = (
            *(values[self.position[v]] for v in self.same),
            *fixed,
            *cotangents[:moved],
            *map(zero, self.totals),
            *(values[self.position[v]] for v in self.rows),
            *stacked,
            *cotangents[moved:],
        )
        results = self.backward.bind(given, ())
        order = (*self.parts[1], *self.parts[0], *self.parts[2])
        return dict(zip(order, results, strict=True))


def row(x: Any, i: int = 0) -> Any:
    """Return a raw row of an array, traced or not."""
    return representative(x)[i]


def settled(x: Any, kind: Any) -> Any:
    """Return a value of exactly the shape and dtype that a loop carries."""
    dtype = np.dtype(kind.dtype)
    own = dtype_or_type(bottom(x))
    if isinstance(own, type) or own != dtype:
        x = NAMED["convert"](x, dtype)
    return x if shape_of(x) == kind.shape else np.broadcast_to(x, kind.shape)
