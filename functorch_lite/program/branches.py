"""Branches: one of several programs of the same inputs, chosen by a number, as one operation.

Its derivative is a choice between derivatives. In reverse the programs hand over what they keep in common places; a
program that keeps less than another fills its places with zeros. Where the number differs between the examples of a
batch, each program that is needed runs once, on the examples that it is for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.core.primitive import Arrays, Params
from functorch_lite.program.derivation import batched as of_batch
from functorch_lite.program.derivation import (
    coerced,
    cut,
    dependents,
    in_batch,
    is_float,
    joint,
    pushed,
    reached,
    staged,
    strong,
    zero,
)
from functorch_lite.program.entries import Entry, ProgramPrimitive
from functorch_lite.program.equations import Variable
from functorch_lite.program.named_axes import combines_along
from functorch_lite.program.program import Program
from functorch_lite.program.signatures import signature
from functorch_lite.program.text import STRUCTURES
from functorch_lite.transforms.axes import Axis, axis_of
from functorch_lite.transforms.batching import Unbatched, vmap
from functorch_lite.transforms.collectives import combined_by_some
from functorch_lite.transforms.masked import of_one

__all__ = ["Conditional"]


class Conditional(ProgramPrimitive):
    """Apply the program of a number (or a truth value, for two programs) to the other operands.

    Parameters
    ----------
    name
        ``cond`` or ``switch``.
    entries
        Programs whose inputs and outputs agree in shape and dtype.
    """

    def run(self, *arrays: Any) -> Arrays:
        return self.entries[int(arrays[0])].run(*arrays[1:])

    def reaches(self, flags: Sequence[bool], differentiably: bool, along: Axis | None = None) -> list[bool]:
        chosen = flags[0] and not differentiably
        each = (reached(e.program, flags[1:], differentiably, along) for e in self.entries)
        return [chosen or any(of_one) for of_one in zip(*each, strict=True)]

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        active = tuple(i for i, t in enumerate(tangents[1:]) if t is not None)
        given = [tangents[i + 1] for i in active]

        def make() -> Conditional:
            parts = [pushed(e.program, values[1:], active, given)[0] for e in self.entries]
            kinds = [strong(a) if isinstance(a, Variable) else None for a in _widest(parts)]
            return Conditional(self.name, [Entry(coerced(part, kinds), shared=0) for part in parts])

        key = ("forward", active, *map(signature, (*values[1:], *given)))
        both = self.entries[0].derive(key, make).bind((*values, *given), ())
        half = len(both) // 2
        smooth = self._smooth(active)
        return both[:half], [t if s else None for t, s in zip(both[half:], smooth, strict=True)]

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        places = tuple(i - 1 for i in active)
        key = ("reverse", places, *map(signature, values[1:]))
        forward, backward, outputs = self.entries[0].derive(key, lambda: self._halves(values[1:], places))
        count = len(self.entries[0].program.outputs)
        results = forward.bind(values, ())

        def pull(g: Arrays) -> Sequence[Any]:
            given = (values[0], *results[count:], *(g[i] for i in outputs))
            return backward.bind(given, ())  # type: ignore[no-any-return]

        return results[:count], pull, ()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        if batched[0]:
            return self._selected(size, arrays, batched)
        axes = tuple(0 if b else None for b in batched[1:])
        axis = axis_of(size)
        each = (reached(e.program, batched[1:], False, axis) for e in self.entries)
        varies = [any(of_one) for of_one in zip(*each, strict=True)]
        out = [0 if v else None for v in varies]

        def make() -> Conditional:
            programs = [of_batch(e.program, arrays[1:], axes, out, size) for e in self.entries]
            kinds = [
                in_batch(a, size) if v else None for a, v in zip(self.entries[0].program.outputs, varies, strict=True)
            ]
            return Conditional(self.name, [Entry(coerced(p, kinds), shared=0) for p in programs])

        key = ("batch", size, axis, batched, *map(signature, arrays[1:]))
        results = self.entries[0].derive(key, make).bind(arrays, ())
        return tuple(y if v else Unbatched(y) for y, v in zip(results, varies, strict=True))

    def _selected(self, size: int, arrays: Arrays, batched: tuple[bool, ...]) -> Arrays:
        """Run each program that an example needs, on the examples that it is for, and select from the results."""
        index, *operands = arrays
        axis = axis_of(size)
        if axis is not None and any(combines_along(e.program, axis) for e in self.entries):
            raise combined_by_some(axis)
        results: Any = None
        for k, entry in enumerate(self.entries):
            mask = np.equal(index, k)
            out = self._masked(size, k, entry, batched[1:], operands).bind((np.any(mask), mask, *operands), ())
            if results is None:
                results = out
                continue
            results = tuple(
                np.where(np.reshape(mask, (size,) + (1,) * (len(y.shape) - 1)), y, before)
                for y, before in zip(out, results, strict=True)
            )
        return results  # type: ignore[no-any-return]

    def _masked(
        self, size: int, k: int, entry: Entry, batched: tuple[bool, ...], operands: Sequence[Any]
    ) -> Conditional:
        """Return the choice whether to run one of the programs at all, on the examples of a mask."""
        axes = tuple(0 if b else None for b in batched)

        def make() -> Conditional:
            def on_valid(mask: Any, *xs: Any) -> Any:
                valid = (np.where(mask, x, of_one(mask, x)) if b else x for x, b in zip(xs, batched, strict=True))
                return entry.program(*valid)

            run = vmap(on_valid, (0, *axes), axis_size=size)
            shapes = [in_batch(a, size) for a in entry.program.outputs]
            needed = staged(run, (np.ones(size, bool), *operands), entry.program.name)
            needed = coerced(needed, list(shapes))
            nothing = staged(lambda *_: [zero(s) for s in shapes], (np.ones(size, bool), *operands), "nothing")
            return Conditional("cond", [Entry(nothing, shared=0), Entry(needed, shared=0)])

        key = ("masked", size, axis_of(size), k, batched, *map(signature, operands))
        return entry.derive(key, make)  # type: ignore[no-any-return]

    def _smooth(self, active: Sequence[int]) -> list[bool]:
        """Say of each output whether it varies smoothly with the active inputs, in one of the programs."""
        smooth = [False] * len(self.entries[0].program.outputs)
        for entry in self.entries:
            program = entry.program
            dependent = dependents(program, [program.inputs[i] for i in active], differentiably=True)
            smooth = [s or (a in dependent and is_float(a)) for s, a in zip(smooth, program.outputs, strict=True)]
        return smooth

    def _halves(
        self, values: Sequence[Any], active: tuple[int, ...]
    ) -> tuple[Conditional, Conditional, tuple[int, ...]]:
        """Return the choice of forward programs, that of backward programs, and the outputs whose cotangents go in."""
        count = len(self.entries[0].program.outputs)
        outputs = tuple(i for i, s in enumerate(self._smooth(active)) if s)
        kinds = [strong(self.entries[0].program.inputs[i]) for i in active]
        halves = []
        for entry in self.entries:
            seeded = tuple(i for i in outputs if isinstance(entry.program.outputs[i], Variable))
            ones = [np.ones(_typed(self.entries, i).shape, np.dtype(_typed(self.entries, i).dtype))[()] for i in seeded]
            both = joint(entry.program, values, active, seeded, ones)
            first, second = cut(both, both.inputs[len(values) :], count)
            seeds = dict(zip(seeded, second.inputs[len(second.inputs) - len(seeded) :], strict=True))
            residuals = second.inputs[: len(second.inputs) - len(seeded)]
            halves.append((first, coerced(second, list(kinds)), residuals, seeds))
        slots: list[Variable] = []
        taken = [_places(residuals, slots) for _, _, residuals, _ in halves]
        forward, backward = [], []
        for (first, second, residuals, seeds), mine in zip(halves, taken, strict=True):
            slot_of = dict(zip(mine, residuals, strict=True))
            constants = dict(first.constants)
            kept = []
            for j, slot in enumerate(slots):
                variable = slot_of.get(j)
                if variable is None:
                    variable = Variable(slot.shape, slot.dtype)
                    constants[variable] = np.zeros(slot.shape, slot.dtype)
                kept.append(variable)
            forward.append(replace(first, outputs=(*first.outputs[:count], *kept), constants=constants))
            given = [slot_of.get(j) or Variable(slot.shape, slot.dtype) for j, slot in enumerate(slots)]
            cotangents = [seeds.get(i) or strong(_typed(self.entries, i)) for i in outputs]
            backward.append(replace(second, inputs=(*given, *cotangents)))
        return (
            Conditional(self.name, [Entry(p, shared=0) for p in forward]),
            Conditional(self.name, [Entry(p, shared=0) for p in backward]),
            outputs,
        )


STRUCTURES["cond"] = lambda programs: Conditional("cond", [Entry(p, shared=0) for p in programs])
STRUCTURES["switch"] = lambda programs: Conditional("switch", [Entry(p, shared=0) for p in programs])


def _places(residuals: Sequence[Variable], slots: list[Variable]) -> list[int]:
    """Give each residual a slot of its shape and dtype; make those that are missing."""
    free = list(range(len(slots)))
    places = []
    for r in residuals:
        found = next((j for j in free if slots[j].shape == r.shape and slots[j].dtype == r.dtype), None)
        if found is None:
            found = len(slots)
            slots.append(r)
        else:
            free.remove(found)
        places.append(found)
    return places


def _widest(programs: Sequence[Program]) -> list[Any]:
    """Return for each output a variable that has its shape and dtype, or None where all programs return numbers."""
    return [
        next((a for a in atoms if isinstance(a, Variable) and isinstance(a.dtype, np.dtype)), None)
        for atoms in zip(*(p.outputs for p in programs), strict=True)
    ]


def _typed(entries: Sequence[Entry], i: int) -> Variable:
    return next(a for e in entries if isinstance(a := e.program.outputs[i], Variable))
