"""The way back along a loop whose number of steps only its run has told.

These operations stand in programs that are about to run, and nowhere else (see `lowering`): they have no derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from functorch_lite.calculus.batching import broadcast_batch
from functorch_lite.core.errors import stands_in
from functorch_lite.core.primitive import Arrays, Params
from functorch_lite.program.derivation import (
    accumulated,
    coerced,
    cut,
    downstream,
    in_batch,
    joint,
    strong,
    zero,
)
from functorch_lite.program.derivation import batched as of_batch
from functorch_lite.program.entries import Entry, ProgramPrimitive
from functorch_lite.program.equations import HISTORY, Equation, Variable
from functorch_lite.program.lowering import spliced
from functorch_lite.program.passes import optimized
from functorch_lite.program.program import Program
from functorch_lite.program.repetition import Repeated
from functorch_lite.program.signatures import signature
from functorch_lite.program.staging import harmless
from functorch_lite.program.text import STRUCTURES
from functorch_lite.transforms.axes import axis_of

__all__ = ["Halves", "History", "Unwinding", "Winding", "halves_of"]


class History(list[Arrays]):
    """What each step of a loop has kept: to programs one value, which no operation takes for an array of numbers."""

    shape, dtype = (), HISTORY


class Winding(ProgramPrimitive):
    """Run a program while another one says so, and keep what the steps need on the way back.

    Parameters
    ----------
    condition, body, asked, constants
        As those of a `While`. The outputs of the body behind the carried values go into the history.
    carried
        How many values are carried.
    """

    def __init__(self, condition: Entry, body: Entry, asked: int, constants: int, carried: int) -> None:
        super().__init__("wind", [condition, body])
        self.condition, self.body = condition, body
        self.asked, self.constants, self.carried = asked, constants, carried
        self.results = ()
        self._condition, self._body = Repeated(condition, 0, asked), Repeated(body, 0, constants)

    def settings(self) -> list[tuple[str, Any]]:
        return [("asked", self.asked), ("constants", self.constants), ("carried", self.carried)]

    def run(self, *arrays: Any) -> Arrays:
        """Compute the carried values and the history."""
        arrays = tuple(x.copy() if type(x) is np.ndarray else x for x in arrays)  # the caller's may change meanwhile
        first, n = self.asked + self.constants, self.carried
        asked, same, carry = arrays[: self.asked], arrays[self.asked : first], arrays[first:]
        history = History()
        condition, given = self._condition.given(asked)
        if not condition(*given, *carry)[0]:
            return (*carry, history)
        body, same = self._body.given(same)
        while True:
            outputs = body(*same, *carry)
            carry = outputs[:n]
            history.append(outputs[n:])
            if not condition(*given, *carry)[0]:
                # What is returned may be written to, and may be in the history.
                return (*(x.copy() if type(x) is np.ndarray else x for x in carry), history)


class Unwinding(ProgramPrimitive):
    """Run a program for each step of a history, the last one first.

    The operands are the history, what is the same for all steps, and the carried values.

    Parameters
    ----------
    body
        From the residuals of a step, what is the same for all, and the carried values, to the next carried values.
    constants
        How many operands are the same for all steps.
    """

    def __init__(self, body: Entry, constants: int) -> None:
        super().__init__("unwind", [body])
        self.body, self.constants = body, constants
        kept = len(body.program.inputs) - constants - len(body.program.outputs)
        self._body = Repeated(body, kept, constants)

    def settings(self) -> list[tuple[str, Any]]:
        return [("constants", self.constants)]

    def run(self, *arrays: Any) -> Arrays:
        history, same, carry = arrays[0], arrays[1 : 1 + self.constants], arrays[1 + self.constants :]
        if history:
            body, same = self._body.given(same)
            for kept in reversed(history):
                carry = body(*same, *kept, *carry)
        return carry

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        """Go back once for a batch of cotangents; the history is of one loop."""
        split = 1 + self.constants
        carry = [x if b else broadcast_batch(size, x) for x, b in zip(arrays[split:], batched[split:], strict=True)]
        program = self.body.program
        kept = program.inputs[: len(program.inputs) - self.constants - len(carry)]

        def make() -> Unwinding:
            axes = [*[None] * len(kept), *(0 if b else None for b in batched[1:split]), *[0] * len(carry)]
            samples = [*map(harmless, kept), *arrays[1:split], *carry]
            body = of_batch(program, samples, axes, [0] * len(carry), size)
            kinds = [in_batch(v, size) for v in program.inputs[len(program.inputs) - len(carry) :]]
            return Unwinding(Entry(coerced(body, list(kinds)), shared=0), self.constants)

        key = ("batch", size, axis_of(size), batched, *map(signature, (*arrays[1:split], *carry)))
        return self.body.derive(key, make).bind((*arrays[:split], *carry), ())


STRUCTURES["wind"] = lambda programs, **settings: Winding(
    Entry(programs[0], shared=0), Entry(programs[1], shared=0), **settings
)
STRUCTURES["unwind"] = lambda programs, **settings: Unwinding(Entry(programs[0], shared=0), **settings)


class Halves(NamedTuple):
    """The two programs of the pullback of a loop.

    Attributes
    ----------
    first
        From the operands of the loop to its results, and what the second reads: the history, and residuals that are the
        same for all steps.
    second
        From what it reads of the first, the operands of the loop, and the cotangents of its results, to cotangents.
    """

    first: Program
    second: Program


@stands_in
def halves_of(loop: Any, active: tuple[int, ...], samples: Sequence[Any], line: str) -> Halves:
    """Return the programs of the pullback of a `While`, which stands in a line of the user's.

    The other arguments are those of `WhilePullback`.
    """
    program, constants = loop.body.program, loop.constants
    count = len(program.outputs)
    carried = [i - constants for i in active if i >= constants]
    same = [i for i in active if i < constants]
    seeds = [strong(program.inputs[constants + k]) for k in carried]
    ones = [np.ones(v.shape, v.dtype)[()] for v in seeds]
    both = joint(program, samples, active, carried, ones)
    step, back = cut(both, both.inputs[len(program.inputs) :], count)
    first_seed = len(back.inputs) - len(seeds)
    residuals, cotangents = back.inputs[:first_seed], back.inputs[first_seed:]
    position = {v: i for i, v in enumerate(step.inputs) if i < constants}
    varying = downstream(both, step.inputs[constants:])
    # Residuals that are the same for all steps: operands, and values computed of these.
    operands = [v for v in residuals if v in position]
    fixed = [v for v in residuals if v not in position and v not in varying]
    kept = [v for v in residuals if v not in position and v in varying]

    invariants = optimized(replace(step, inputs=step.inputs[:constants], outputs=tuple(fixed)))
    step = optimized(replace(step, outputs=(*step.outputs[:count], *kept)))
    winding = Winding(loop.condition, Entry(step, shared=0), loop.asked, constants, count)
    asked, given = _like(loop.condition.program.inputs[: loop.asked]), _like(program.inputs)
    equations: list[Equation] = []
    values = spliced(invariants, given[:constants], equations)
    results = (*_like(program.inputs[constants:]), Variable((), HISTORY))
    equations.append(Equation(winding, (*asked, *given), (), results))
    there = Program((*asked, *given), tuple(equations), (*results, *values), invariants.constants, program.name)

    kinds = [strong(program.inputs[i]) for i in active]
    totals = kinds[: len(same)]
    back = accumulated(coerced(back, kinds), range(len(same)), totals)
    back = optimized(replace(back, inputs=(*kept, *operands, *fixed, *totals, *cotangents)))
    unwinding = Unwinding(Entry(back, shared=0), len(operands) + len(fixed))
    history, values = Variable((), HISTORY), _like(fixed)
    asked, given = _like(asked), _like(given)
    zeros = {strong(v): np.array(zero(v)) for v in totals}
    read = (history, *(given[position[v]] for v in operands), *values, *zeros, *seeds)
    found = tuple(map(strong, kinds))
    inputs = (history, *values, *asked, *given, *seeds)
    return Halves(there, Program(inputs, (Equation(unwinding, read, (), found),), found, zeros, f"{program.name}_back"))


def _like(variables: Sequence[Variable]) -> tuple[Variable, ...]:
    return tuple(Variable(v.shape, v.dtype) for v in variables)
