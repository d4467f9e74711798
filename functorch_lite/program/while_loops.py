"""Loops that run while a condition holds, as one operation.

Their number of steps is known only when they have run. So reverse mode keeps what the steps need in a `History`, a list
that grows, and goes back along it. Where the condition differs between the examples of a batch, the loop runs until it
holds for none; those that are done keep their values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.core.primitive import Arrays, Params
from functorch_lite.program.derivation import (
    accumulated,
    coerced,
    cut,
    dependents,
    downstream,
    in_batch,
    joint,
    pushed,
    reached,
    staged,
    strong,
    varying,
    without_histories,
    zero,
)
from functorch_lite.program.derivation import batched as of_batch
from functorch_lite.program.entries import Entry, ProgramPrimitive
from functorch_lite.program.equations import Variable
from functorch_lite.program.loops import repeated, settled
from functorch_lite.program.passes import dead_code, optimized
from functorch_lite.program.program import Program
from functorch_lite.program.signatures import signature
from functorch_lite.program.staging import representative
from functorch_lite.program.text import STRUCTURES
from functorch_lite.program.unwinding import History, InBatch, Unwinding, WithTangents, refuse_again
from functorch_lite.transforms.batching import Unbatched, vmap
from functorch_lite.transforms.masked import of_one

__all__ = ["While"]

_ARRAY = np.ndarray


class While(ProgramPrimitive):
    """Run a program while another one says so.

    Parameters
    ----------
    condition, body
        From what is the same for all steps, and the carried values, to a truth value and to the next carried values.
    asked, constants
        How many operands are the same for all steps: those of the condition, which come first, and those of the body.
    kept
        How many outputs of the body, behind the carried values, go into a history, which is then the last result.
    layers
        What the history is to tell; see there. None: there is none.
    """

    def __init__(
        self,
        condition: Entry,
        body: Entry,
        asked: int,
        constants: int,
        kept: int = 0,
        layers: tuple[Any, ...] | None = None,
    ) -> None:
        super().__init__("while", [condition, body])
        self.condition, self.body, self.asked, self.constants = condition, body, asked, constants
        self.kept, self.layers = kept, layers
        self.first = asked + constants
        self.carried = len(body.program.outputs) - kept
        self.results = (body,) if layers is None else ()

    def settings(self) -> list[tuple[str, Any]]:
        given = [("asked", self.asked), ("constants", self.constants)]
        return given if self.layers is None else [*given, ("kept", self.kept), ("layers", self.layers)]

    def run(self, *arrays: Any) -> Arrays:
        if self.layers is not None:  # what is kept must not be the caller's
            arrays = tuple(x.copy() if type(x) is _ARRAY else x for x in arrays)
        asked, same, carry = arrays[: self.asked], arrays[self.asked : self.first], arrays[self.first :]
        condition, body, n = self.condition.run, self.body.run, self.carried
        if self.layers is None:
            while condition(*asked, *carry)[0]:
                carry = body(*same, *carry)
            return carry
        history = History(self.layers)
        while condition(*asked, *carry)[0]:
            outputs = body(*same, *carry)
            carry = outputs[:n]
            history.steps.append(outputs[n:])
        return (*carry, history)

    def reaches(self, flags: Sequence[bool], differentiably: bool) -> list[bool]:
        active = {i for i, f in enumerate(flags[self.asked :]) if f}
        spread, dependent = self._spread(active, differentiably=differentiably)
        carried = [self.constants + k in spread for k in range(self.carried)]
        kept = any(a in dependent for a in self.body.program.outputs[self.carried :])
        condition = self.condition.program
        asked = [*flags[: self.asked], *carried]
        if not differentiably and reached(condition, asked, False)[0]:
            carried, kept = [True] * self.carried, True
        return carried if self.layers is None else [*carried, kept]

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        inputs = self.body.program.inputs
        given = {i - self.asked: t for i, t in enumerate(tangents) if t is not None and i >= self.asked}
        active, dependent = self._spread(set(given), differentiably=True)
        seeds = [settled(given[i], inputs[i]) if i in given else zero(strong(inputs[i])) for i in active]
        same = [t for i, t in zip(active, seeds, strict=True) if i < self.constants]
        kept = self.body.program.outputs[self.carried :]
        positions = tuple(j for j, a in enumerate(kept) if a in dependent)
        key = ("forward", active, self.layers, *map(signature, seeds))
        loop = self.body.derive(key, lambda: self._pushed(values, active, seeds, positions))
        given_values = (*values[: self.first], *same, *values[self.first :], *seeds[len(same) :])
        both = loop.bind(given_values, ())
        found = dict(zip(active[len(same) :], both[self.carried :], strict=False))
        out_tangents = [found.get(self.constants + k) for k in range(self.carried)]
        if self.layers is None:
            return both[: self.carried], out_tangents
        # The history holds the tangents too, and stands for its own.
        return (*both[: self.carried], both[-1]), [*out_tangents, both[-1] if positions else None]

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        if self.layers is not None:
            refuse_again()
        wanted = [i - self.asked for i in active]
        spread, _ = self._spread({i for i in wanted if i >= 0}, differentiably=True)
        halves = self.body.derive(("reverse", spread), lambda: _Halves(self, values, spread))
        *results, history = halves.forward.bind(values, ())

        def pull(g: Arrays) -> Sequence[Any]:
            found = halves.pull(values[self.asked :], history, g)
            return [found.get(i) for i in wanted]

        return tuple(results), pull, ()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        condition = self.condition.program
        spread, dependent = self._spread({i for i, b in enumerate(batched[self.asked :]) if b}, differentiably=False)
        carried = [i - self.constants + self.asked for i in spread if i >= self.constants]
        moving = [i for i in range(self.asked) if batched[i]] + carried
        if condition.outputs[0] in dependents(condition, [condition.inputs[i] for i in moving]):
            return self._until_none(size, arrays, batched)
        arrays = tuple(
            repeated(x, size) if i - self.asked in spread and not b else x
            for i, (x, b) in enumerate(zip(arrays, batched, strict=True))
        )
        program = self.body.program
        differs = any(a in dependent for a in program.outputs[self.carried :])  # of what the history keeps

        def make() -> While:
            axes = [0 if i in spread else None for i in range(len(program.inputs))]
            kinds = program.inputs[self.constants :]
            out = [0 if self.constants + k in spread else None for k in range(self.carried)]
            out += [0 if differs else None] * self.kept
            body = of_batch(program, arrays[self.asked :], axes, out, size)
            wanted = [in_batch(v, size) if axis == 0 else None for v, axis in zip(kinds, out, strict=False)]
            unread = {condition.inputs[i] for i in moving}  # what differs between the examples does not count
            inputs = tuple(in_batch(v, size) if v in unread else v for v in condition.inputs)
            asked = Entry(replace(condition, inputs=inputs), shared=0)
            layers = (InBatch(size, False),) if differs else ()
            return self._like(asked, coerced(body, [*wanted, *[None] * self.kept]), layers)

        key = ("batch", int(size), batched, self.layers, *map(signature, arrays))
        results = self.body.derive(key, make).bind(arrays, ())
        return tuple(
            y if self.constants + k in spread or (k >= self.carried and differs) else Unbatched(y)
            for k, y in enumerate(results)
        )

    def _until_none(self, size: int, arrays: Arrays, batched: tuple[bool, ...]) -> Arrays:
        """Run the loop for a batch whose examples end at different times: which go on is carried along."""
        carry = [
            x if b else repeated(x, size) for x, b in zip(arrays[self.first :], batched[self.first :], strict=True)
        ]
        constant_axes = [0 if b else None for b in batched[: self.first]]
        asked_axes = (*constant_axes[: self.asked], *[0] * self.carried)
        condition, program, n = self.condition.program, self.body.program, self.carried

        def goes_on(*xs: Any) -> Any:
            return condition(*xs)[0]

        start = vmap(goes_on, asked_axes, axis_size=size)(*arrays[: self.asked], *carry)

        def step(*xs: Any) -> tuple[Any, ...]:
            p = xs[-1]
            same = [np.where(p, x, of_one(p, x)) if b else x for x, b in zip(xs, batched[: self.first], strict=False)]
            old = xs[self.first : -1]
            outputs = program(*same[self.asked :], *(np.where(p, x, of_one(p, x)) for x in old))
            new = [np.where(p, y, x) for y, x in zip(outputs[:n], old, strict=True)]
            return (*new, p & goes_on(*same[: self.asked], *new), *outputs[n:], *[p] * (self.layers is not None))

        def make() -> While:
            run = vmap(step, (*constant_axes, *[0] * (n + 1)), axis_size=size)
            body = staged(run, (*arrays[: self.first], *carry, start), program.name)
            kinds = [in_batch(v, size) for v in program.inputs[self.constants :]]
            body = coerced(body, [*kinds, *[None] * (len(body.outputs) - n)])
            any_left = staged(lambda *xs: (np.any(xs[-1]),), (*carry, start), "any_left")
            layers = None if self.layers is None else (*self.layers, InBatch(size, True))
            kept = 0 if layers is None else self.kept + 1
            return While(Entry(any_left, shared=0), Entry(body, shared=0), 0, self.first, kept, layers)

        key = ("until none", int(size), batched, self.layers, *map(signature, (*arrays, *carry)))
        results = self.body.derive(key, make).bind((*arrays[: self.first], *carry, start), ())
        return (*results[:n], *results[n + 1 :])

    def _spread(self, active: set[int], *, differentiably: bool) -> tuple[tuple[int, ...], set[Any]]:
        """Return the inputs of the body that vary with some, carried ones that come to do so included; what depends."""
        program, carried = self.body.program, range(self.constants, self.constants + self.carried)
        return varying(program, program.inputs, active, carried, differentiably=differentiably)

    def _like(self, condition: Entry, body: Program, added: tuple[Any, ...]) -> While:
        layers = None if self.layers is None else (*self.layers, *added)
        return While(condition, Entry(body, shared=0), self.asked, self.constants, self.kept, layers)

    def _pushed(
        self, values: Arrays, active: tuple[int, ...], seeds: Sequence[Any], positions: tuple[int, ...]
    ) -> While:
        program, n = self.body.program, self.carried
        body, _ = pushed(program, [representative(x) for x in values[self.asked :]], active, seeds)
        inputs, tangents = (
            body.inputs[: len(program.inputs)],
            dict(zip(active, body.inputs[len(program.inputs) :], strict=True)),
        )
        of_same = [tangents[i] for i in active if i < self.constants]
        of_carry = [tangents[i] for i in active if i >= self.constants]
        ordered = (*inputs[: self.constants], *of_same, *inputs[self.constants :], *of_carry)
        count = len(program.outputs)
        moved = [body.outputs[count + i - self.constants] for i in active if i >= self.constants]
        kept = (*body.outputs[n:count], *(body.outputs[count + n + j] for j in positions))
        body = replace(body, inputs=ordered, outputs=(*body.outputs[:n], *moved, *kept))
        kinds = [strong(v) for v in of_carry]
        body = coerced(body, [*[None] * n, *kinds, *[None] * len(kept)])
        unread = tuple(Variable(v.shape, v.dtype) for v in of_carry)
        condition = replace(self.condition.program, inputs=(*self.condition.program.inputs, *unread))
        layers = None if self.layers is None else (*self.layers, WithTangents(positions)) if positions else self.layers
        constants = self.constants + len(of_same)
        return While(Entry(condition, shared=0), Entry(body, shared=0), self.asked, constants, len(kept), layers)


STRUCTURES["while"] = lambda programs, **settings: While(
    Entry(programs[0], shared=0), Entry(programs[1], shared=0), **settings
)


class _Halves:
    """The loop that keeps a history, and the way back."""

    def __init__(self, loop: While, values: Arrays, active: tuple[int, ...]) -> None:
        program, constants = loop.body.program, loop.constants
        count = len(program.outputs)
        kinds = program.inputs[constants:]
        #: The carried values that have cotangents, by number.
        self.carried = tuple(i - constants for i in active if i >= constants)
        self.same = tuple(i for i in active if i < constants)
        seeds = [np.ones(kinds[k].shape, np.dtype(kinds[k].dtype))[()] for k in self.carried]
        both = joint(program, [representative(x) for x in values[loop.asked :]], active, self.carried, seeds)
        first, second = without_histories(*cut(both, both.inputs[len(program.inputs) :], count), count)
        residuals = second.inputs[: len(second.inputs) - len(seeds)]
        cotangents = second.inputs[len(residuals) :]
        position = {v: i for i, v in enumerate(first.inputs) if i < constants}
        varying = downstream(both, first.inputs[constants:])
        #: Residuals that are the same for all steps: operands, and values computed of these.
        self.operands = [position[v] for v in residuals if v in position]
        fixed = [v for v in residuals if v not in position and v not in varying]
        kept = [v for v in residuals if v not in position and v in varying]
        self.invariants = dead_code(replace(first, inputs=first.inputs[:constants], outputs=tuple(fixed)))
        forward = optimized(replace(first, outputs=(*first.outputs[:count], *kept)))
        self.forward = While(loop.condition, Entry(forward, shared=0), loop.asked, constants, len(kept), ())
        self.totals = [strong(program.inputs[i]) for i in self.same]
        second = coerced(second, [strong(program.inputs[i]) for i in active])
        second = accumulated(second, range(len(self.same)), self.totals)
        operands = [v for v in residuals if v in position]
        ordered = (*kept, *operands, *fixed, *self.totals, *cotangents)
        backward = optimized(replace(second, inputs=ordered))
        self.backward = Unwinding(Entry(backward, shared=0), len(operands) + len(fixed))

    def pull(self, values: Sequence[Any], history: Any, g: Arrays) -> dict[int, Any]:
        """Return the cotangents of the inputs of the body by their positions."""
        constants = len(self.invariants.inputs)
        fixed = self.invariants(*values[:constants])
        kinds = self.forward.body.program.inputs[constants:]
        seeds = [settled(g[k], kinds[k]) for k in self.carried]
        given = (history, *(values[i] for i in self.operands), *fixed, *map(zero, self.totals), *seeds)
        results = self.backward.bind(given, ())
        return dict(zip((*self.same, *(constants + k for k in self.carried)), results, strict=True))
