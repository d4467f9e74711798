"""Loops that run while a condition holds, as one operation, and their pullbacks.

Where the condition differs between the examples of a batch, the loop runs until it holds for none; those that are done
keep their values. The number of steps is known only when the loop has run: so the pullback is an operation of its own,
which runs it again and keeps what the way back needs (`lowering` makes one loop of both, where it can). Its rules need
nothing of what was kept: a derivative of a pullback is a pullback of the derivative of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.calculus.batching import broadcast_batch
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import placed
from functorch_lite.core.primitive import Arrays, Params
from functorch_lite.program.derivation import batched as of_batch
from functorch_lite.program.derivation import (
    coerced,
    in_batch,
    pushed,
    reached,
    staged,
    strong,
    varying,
    zero,
)
from functorch_lite.program.effects import silent
from functorch_lite.program.entries import Entry, ProgramPrimitive
from functorch_lite.program.equations import Equation, Variable
from functorch_lite.program.loops import settled
from functorch_lite.program.lowering import unwound
from functorch_lite.program.named_axes import combines_along
from functorch_lite.program.program import Program
from functorch_lite.program.repetition import Repeated
from functorch_lite.program.signatures import signature
from functorch_lite.program.staging import harmless, representative
from functorch_lite.program.text import STRUCTURES
from functorch_lite.program.unwinding import Halves, halves_of
from functorch_lite.transforms.axes import Axis, axis_of
from functorch_lite.transforms.batching import Unbatched, vmap
from functorch_lite.transforms.collectives import combined_by_some
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.masked import of_one
from functorch_lite.transforms.reverse import vjp

__all__ = ["While", "WhilePullback"]


#: Of values of more elements no copies are kept to record with.
LARGEST_KEPT = 4096


class While(ProgramPrimitive):
    """Run a program while another one says so.

    Parameters
    ----------
    condition, body
        From what is the same for all steps, and the carried values, to a truth value and to the next carried values.
    asked, constants
        How many operands are the same for all steps: those of the condition, which come first, and those of the body.
    """

    def __init__(self, condition: Entry, body: Entry, asked: int, constants: int) -> None:
        super().__init__("while", [condition, body])
        self.condition, self.body, self.asked, self.constants = condition, body, asked, constants
        self.first = asked + constants
        self.carried = len(body.program.outputs)
        self.results = (body,)
        self._condition, self._body = Repeated(condition, 0, asked), Repeated(body, 0, constants)

    def settings(self) -> list[tuple[str, Any]]:
        return [("asked", self.asked), ("constants", self.constants)]

    def run(self, *arrays: Any) -> Arrays:
        asked, same, carry = arrays[: self.asked], arrays[self.asked : self.first], arrays[self.first :]
        condition, given = self._condition.given(asked)
        if not condition(*given, *carry)[0]:
            return carry
        body, same = self._body.given(same)
        while True:
            carry = body(*same, *carry)
            if not condition(*given, *carry)[0]:
                return carry

    def reaches(self, flags: Sequence[bool], differentiably: bool, along: Axis | None = None) -> list[bool]:
        active = {i for i, f in enumerate(flags[self.asked :]) if f}
        spread = self.spread(active, differentiably=differentiably, along=along)
        carried = [self.constants + k in spread for k in range(self.carried)]
        condition = self.condition.program
        asked = [*flags[: self.asked], *carried]
        if not differentiably and reached(condition, asked, False, along)[0]:
            return [True] * self.carried
        return carried

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        inputs = self.body.program.inputs
        given = {i - self.asked: t for i, t in enumerate(tangents) if t is not None and i >= self.asked}
        active = self.spread(set(given), differentiably=True)
        seeds = [settled(given[i], inputs[i]) if i in given else zero(strong(inputs[i])) for i in active]
        same = [t for i, t in zip(active, seeds, strict=True) if i < self.constants]
        loop = self.body.derive(
            ("forward", active, *map(signature, seeds)), lambda: self._pushed(values, active, seeds)
        )
        given_values = (*values[: self.first], *same, *values[self.first :], *seeds[len(same) :])
        both = loop.bind(given_values, ())
        found = dict(zip(active[len(same) :], both[self.carried :], strict=True))
        return both[: self.carried], [found.get(self.constants + k) for k in range(self.carried)]

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        inputs = self.body.program.inputs
        wanted = [i - self.asked for i in active]
        spread = self.spread({i for i in wanted if i >= 0}, differentiably=True)
        if not spread:  # what only the condition reads
            return self.bind(values, ()), lambda g: [None] * len(wanted), ()

        def make() -> WhilePullback:
            return WhilePullback(self._silent(), spread, list(map(_sample, values[self.asked :], inputs)))

        pullback = self.body.derive(("pullback", spread), make)

        def pull(g: Arrays) -> Sequence[Any]:
            seeds = [settled(g[k], inputs[self.constants + k]) for k in pullback.varying]
            found = dict(zip(spread, pullback.bind((*values, *seeds), ()), strict=True))
            return [found.get(i) for i in wanted]

        return self.bind(values, ()), pull, ()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        condition = self.condition.program
        axis = axis_of(size)
        spread = self.spread({i for i, b in enumerate(batched[self.asked :]) if b}, differentiably=False, along=axis)
        carried = {i - self.constants + self.asked for i in spread if i >= self.constants}
        moving = [batched[i] if i < self.asked else i in carried for i in range(len(condition.inputs))]
        differs = reached(condition, moving, False, axis)
        if differs[0]:
            return self._until_none(size, arrays, batched)
        arrays = tuple(
            broadcast_batch(size, x) if i - self.asked in spread and not b else x
            for i, (x, b) in enumerate(zip(arrays, batched, strict=True))
        )
        program = self.body.program

        def make() -> While:
            axes = [0 if i in spread else None for i in range(len(program.inputs))]
            kinds = program.inputs[self.constants :]
            out = [0 if self.constants + k in spread else None for k in range(self.carried)]
            body = of_batch(program, arrays[self.asked :], axes, out, size)
            wanted = [in_batch(v, size) if axis == 0 else None for v, axis in zip(kinds, out, strict=True)]
            values = (*arrays[: self.asked], *arrays[self.first :])
            asked_axes, answers = ([0 if d else None for d in flags] for flags in (moving, differs))
            asked = of_batch(condition, values, asked_axes, answers, size)
            return While(
                Entry(asked, shared=0), Entry(coerced(body, wanted), shared=0), self.asked, self.constants
            )

        results = self.body.derive(("batch", size, axis, batched, *map(signature, arrays)), make).bind(arrays, ())
        return tuple(y if self.constants + k in spread else Unbatched(y) for k, y in enumerate(results))

    def _until_none(self, size: int, arrays: Arrays, batched: tuple[bool, ...]) -> Arrays:
        """Run the loop for a batch whose examples end at different times: which go on is carried along."""
        axis = axis_of(size)
        if axis is not None and any(combines_along(e.program, axis) for e in self.entries):
            raise combined_by_some(axis)
        carried = zip(arrays[self.first :], batched[self.first :], strict=True)
        carry = [x if b else broadcast_batch(size, x) for x, b in carried]
        constant_axes = [0 if b else None for b in batched[: self.first]]
        asked_axes = (*constant_axes[: self.asked], *[0] * self.carried)
        condition, program = self.condition.program, self.body.program

        def goes_on(*xs: Any) -> Any:
            return condition(*xs)[0]

        start = vmap(goes_on, asked_axes, axis_size=size)(*arrays[: self.asked], *carry)

        def step(*xs: Any) -> tuple[Any, ...]:
            p = xs[-1]
            same = [np.where(p, x, of_one(p, x)) if b else x for x, b in zip(xs, batched[: self.first], strict=False)]
            old = xs[self.first : -1]
            outputs = program(*same[self.asked :], *(np.where(p, x, of_one(p, x)) for x in old))
            new = [np.where(p, y, x) for y, x in zip(outputs, old, strict=True)]
            return (*new, p & goes_on(*same[: self.asked], *new))

        def make() -> While:
            run = vmap(step, (*constant_axes, *[0] * (self.carried + 1)), axis_size=size)
            body = staged(run, (*arrays[: self.first], *carry, start), program.name)
            kinds = [in_batch(v, size) for v in program.inputs[self.constants :]]
            body = coerced(body, [*kinds, None])
            any_left = staged(lambda *xs: (np.any(xs[-1]),), (*carry, start), "any_left")
            return While(Entry(any_left, shared=0), Entry(body, shared=0), 0, self.first)

        key = ("until none", size, axis, batched, *map(signature, (*arrays, *carry)))
        results = self.body.derive(key, make).bind((*arrays[: self.first], *carry, start), ())
        return results[: self.carried]  # type: ignore[no-any-return]

    def spread(self, active: set[int], *, differentiably: bool, along: Axis | None = None) -> tuple[int, ...]:
        """Return the inputs of the body that vary with some, carried ones that come to do so included."""
        program, carried = self.body.program, range(self.constants, self.constants + self.carried)
        return varying(program, program.inputs, active, carried, differentiably=differentiably, along=along)[0]

    def _silent(self) -> While:
        """Return the loop without effects, which are not to happen again when it runs for its pullback."""
        body = silent(self.body.program)
        if body is self.body.program:
            return self
        return While(self.condition, Entry(body, shared=0), self.asked, self.constants)

    def _pushed(self, values: Arrays, active: tuple[int, ...], seeds: Sequence[Any]) -> While:
        program, n = self.body.program, self.carried
        body, _ = pushed(program, [representative(x) for x in values[self.asked :]], active, seeds)
        inputs, tangents = (
            body.inputs[: len(program.inputs)],
            dict(zip(active, body.inputs[len(program.inputs) :], strict=True)),
        )
        of_same = [tangents[i] for i in active if i < self.constants]
        of_carry = [tangents[i] for i in active if i >= self.constants]
        ordered = (*inputs[: self.constants], *of_same, *inputs[self.constants :], *of_carry)
        moved = [body.outputs[n + i - self.constants] for i in active if i >= self.constants]
        body = replace(body, inputs=ordered, outputs=(*body.outputs[:n], *moved))
        body = coerced(body, [*[None] * n, *map(strong, of_carry)])
        unread = tuple(Variable(v.shape, v.dtype) for v in of_carry)
        condition = replace(self.condition.program, inputs=(*self.condition.program.inputs, *unread))
        constants = self.constants + len(of_same)
        return While(Entry(condition, shared=0), Entry(body, shared=0), self.asked, constants)


class WhilePullback(ProgramPrimitive):
    """Pull cotangents back through a loop: the operands are those of the loop, and the cotangents of what varies.

    Parameters
    ----------
    loop
        The loop.
    active
        The inputs of its body that get cotangents, which all carried ones that vary with them are among.
    samples
        Values of the inputs of the body, to record with.
    """

    def __init__(self, loop: While, active: tuple[int, ...], samples: Sequence[Any]) -> None:
        super().__init__("while_pullback", loop.entries)
        self.loop, self.active, self.samples = loop, active, samples
        self.results = ()
        self.line = user_line()
        #: The carried values that have cotangents, by number.
        self.varying = tuple(i - loop.constants for i in active if i >= loop.constants)
        #: How many cotangents there are among the operands.
        self.seeds = len(self.varying)
        #: The active ones among the operands.
        self.places = tuple(loop.asked + i for i in active)

    def settings(self) -> list[tuple[str, Any]]:
        return [*self.loop.settings(), ("active", self.active)]

    def halves(self) -> Halves:
        """Return the program that goes there and the one that goes back."""
        return self.loop.body.derive(  # type: ignore[no-any-return]
            ("halves", self.active), lambda: halves_of(self.loop, self.active, self.samples, self.line)
        )

    def run(self, *arrays: Any) -> Arrays:
        return self.loop.body.derive(("pulled", self.active), self._alone).run(*arrays)  # type: ignore[no-any-return]

    def reaches(self, flags: Sequence[bool], differentiably: bool, along: Axis | None = None) -> list[bool]:
        return [True] * len(self.active)

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        """Let W be the loop, V(x, t) its values and tangents: the tangents of its pullback are the pullback of V.

        For <h, W(x)> + <g, W'(x) t> has the gradient W'(x)^T g by t, and by x the derivative of that along t and h.
        """
        x, g = self._parted(values)
        t, h = self._parted(tangents)
        moving = sorted({*self.places, *(i for i, v in enumerate(t) if v is not None and i >= self.loop.asked)})
        zeros_x, zeros_g = self._parted([zero(strong(v)) for v in self._kinds()])
        t = [z if s is None else s for z, s in zip(zeros_x, t, strict=True)]
        h = [z if s is None else s for z, s in zip(zeros_g, h, strict=True)]
        n = len(self.places)

        def pushed(*xs: Any) -> tuple[Any, ...]:
            at, along = placed(x, self.places, xs[:n]), placed(t, self.places, xs[n:])
            y, s = jvp(self._of(at, moving), [at[i] for i in moving], [along[i] for i in moving])
            return (*y, *s)

        _, pull = vjp(pushed, *(x[i] for i in self.places), *(t[i] for i in self.places))
        found = pull((*h, *g))
        return found[n:], found[:n]

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        """Let W be the loop: <t, W'(x)^T g> is <g, W'(x) t>, which is linear in g, and whose gradient by x W has."""
        x, g = self._parted(values)
        wanted = [i for i in active if self.loop.asked <= i < len(x)]

        def pull(t: Arrays) -> Sequence[Any]:
            def pushed(*xs: Any) -> Any:
                at = placed(x, wanted, xs)
                return jvp(self._of(at, self.places), [at[i] for i in self.places], t)[1]

            s, back = vjp(pushed, *(x[i] for i in wanted))
            found = dict(zip(wanted, back(tuple(g)), strict=True))
            found.update(enumerate(s, len(x)))
            return [found.get(i) for i in active]

        return self.bind(values, ()), pull, ()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        arrays = tuple(
            broadcast_batch(size, a) if not b and (i in self.places or i >= len(arrays) - self.seeds) else a
            for i, (a, b) in enumerate(zip(arrays, batched, strict=True))
        )
        x, g = self._parted(arrays)
        axes = tuple(0 if b or i in self.places else None for i, b in enumerate(batched[: len(x)]))

        def of_all(*xs: Any) -> Any:
            return vmap(self._of(x, range(len(x))), axes, axis_size=size)(*placed(x, self.places, xs))

        _, pull = vjp(of_all, *(x[i] for i in self.places))
        return pull(tuple(g))

    def _parted(self, arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """Part operands into those of the loop and cotangents."""
        split = len(arrays) - self.seeds
        return list(arrays[:split]), list(arrays[split:])

    def _of(self, x: Sequence[Any], places: Sequence[int]) -> Callable[..., tuple[Any, ...]]:
        """Return the loop as a function of some operands, to what varies."""

        def function(*xs: Any) -> tuple[Any, ...]:
            results = self.loop.bind(tuple(placed(x, places, xs)), ())
            return tuple(results[k] for k in self.varying)

        return function

    def _kinds(self) -> list[Variable]:
        """Return what the operands are like."""
        loop = self.loop
        inputs = loop.body.program.inputs
        of_seeds = [strong(inputs[loop.constants + k]) for k in self.varying]
        return [*loop.condition.program.inputs[: loop.asked], *inputs, *of_seeds]

    def _alone(self) -> Entry:
        """Return the program that consists of the pullback alone, as it is run."""
        inputs = tuple(Variable(v.shape, v.dtype) for v in self._kinds())
        outputs = tuple(strong(self.loop.body.program.inputs[i]) for i in self.active)
        program = Program(inputs, (Equation(self, inputs, (), outputs),), outputs, {}, self.name)
        return Entry(unwound(program), shared=0)


def _sample(x: Any, variable: Variable) -> Any:
    """Return a copy of a value, traced or not, to record with later; of a large one something like it."""
    value = representative(x)
    if variable.size > LARGEST_KEPT:
        return harmless(variable)
    return np.array(value)[()] if hasattr(value, "dtype") else value


def _loop(programs: Sequence[Program], **settings: Any) -> While:
    return While(Entry(programs[0], shared=0), Entry(programs[1], shared=0), **settings)


STRUCTURES["while"] = _loop
def _pullback(programs: Sequence[Program], active: tuple[int, ...], **settings: Any) -> WhilePullback:
    loop = _loop(programs, **settings)
    return WhilePullback(loop, active, list(map(harmless, loop.body.program.inputs)))


STRUCTURES["while_pullback"] = _pullback
