"""A compiled program with what derives from it, and the primitive that calls it.

The derivative of a call is a call of a program again: forward, the program of the tangents; reverse, a joint program
cut in two by dependence on the cotangents; batched, the program of the batch. Each is staged once and kept.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import active_count
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.primitive import Arrays, Params
from functorch_lite.core.trace import Tracer
from functorch_lite.program.derivation import cut, is_float, joint, pushed, reached, staged
from functorch_lite.program.effects import tokens
from functorch_lite.program.entries import Entry, ProgramPrimitive
from functorch_lite.program.lowering import unwound
from functorch_lite.program.named_axes import combines_along
from functorch_lite.program.naming import input_names
from functorch_lite.program.passes import inlined
from functorch_lite.program.program import Program, Variable
from functorch_lite.program.recomputation import recomputed
from functorch_lite.program.signatures import signature
from functorch_lite.program.staging import representative, stage
from functorch_lite.program.text import STRUCTURES
from functorch_lite.program.unwinding import Winding
from functorch_lite.transforms.arguments import name_of
from functorch_lite.transforms.axes import Axis, axis_of
from functorch_lite.transforms.batching import Batched, Unbatched, vmap
from functorch_lite.transforms.collectives import combined_by_some
from functorch_lite.transforms.masked import is_run_by_some
from functorch_lite.transforms.random_states import RandomStates, generators_of

__all__ = ["CompiledCall", "recorded"]


#: How often a function is recorded that seems to draw from the global random state, which another thread may do.
MOST_RECORDINGS = 4


def recorded(f: Callable[..., Any], leaves: Sequence[Any], structure: Any, static: Any) -> Entry:
    """Return the program of a function, not yet optimised, for the leaves of its arguments and its static ones."""
    found: list[Any] = []

    def run(*values: Any) -> list[Any]:
        args, kwargs = tree.unflatten(structure, values)
        args = list(args)
        for place, value in static:
            if isinstance(place, int):
                args.insert(place, value.value)
            else:
                kwargs = {**kwargs, place: value.value}
        out, out_structure = tree.flatten(f(*args, **kwargs))
        found[:] = [out_structure]
        return out

    name = name_of(f) if name_of(f).isidentifier() and not keyword.iskeyword(name_of(f)) else "f"
    generators = generators_of(f, [value.value for _, value in static])
    for _ in range(MOST_RECORDINGS if active_count() > 1 else 1):
        before = RandomStates(generators)
        program, captured = stage(run, [representative(x) for x in leaves], name)
        moved = before.moved()
        if moved is None or _draws(program, [*map(representative, (*leaves, *captured))], generators):
            break
    else:
        raise RuntimeError(
            f"{name_of(f)} drew from {moved} while jit recorded it; the program would give the same numbers at each "
            "call. Pass a key (ft.random.key) or the random numbers as an argument."
        )
    args, kwargs = tree.unflatten(structure, leaves)
    names = input_names(f, args, kwargs, [place for place, _ in static if isinstance(place, int)])
    effects = tuple(y for equation in program.equations for y in tokens(equation))
    program = replace(program, outputs=(*program.outputs, *effects), input_names=names)
    entry = Entry(program, captured, found[0])
    entry.effects = len(effects)
    return entry


class CompiledCall(ProgramPrimitive):
    """One call of a compiled program: derivatives and batches of it are compiled programs too."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.program.name, [entry])
        self.word = "call"  # in a text the program's own name follows
        self.entry = entry
        self.run = entry.run  # type: ignore[method-assign]

    def reaches(self, flags: Sequence[bool], differentiably: bool, along: Axis | None = None) -> list[bool]:
        return reached(self.entry.program, flags, differentiably, along)

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        active = tuple(i for i, t in enumerate(tangents) if t is not None)
        given = [tangents[i] for i in active]
        key = ("forward", active, *map(signature, (*values, *given)))

        def make() -> tuple[Entry, list[bool]]:
            program, flags = pushed(self.entry.program, values, active, given)
            return Entry(program), flags

        entry, flags = self.entry.derive(key, make)
        both = CompiledCall(entry).bind((*values, *given), ())
        half = len(both) // 2
        return both[:half], [t if has_one else None for t, has_one in zip(both[half:], flags, strict=True)]

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        active = tuple(active)
        key = ("reverse", active, *map(signature, values))
        plain, winding, places = self.entry.derive(key, lambda: self._cut(values, active))
        count = len(self.entry.program.outputs)
        # What a loop has kept is handed over from one half to the other if no transformation is to follow it.
        halves = plain if winding is None or any(isinstance(x, Tracer) for x in values) else winding
        results = CompiledCall(halves[0]).bind(values, ())
        outputs, residuals = results[:count], results[count:]

        def pull(g: Arrays) -> Sequence[Any]:
            given = tuple(g[i] for i in places)
            if halves is winding and not all(map(_is_only_batched, given)):
                again = CompiledCall(plain[0]).bind(values, ())
                return CompiledCall(plain[1]).bind((*again[count:], *given), ())  # type: ignore[no-any-return]
            return CompiledCall(halves[1]).bind((*residuals, *given), ())  # type: ignore[no-any-return]

        return outputs, pull, ()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        axis = axis_of(size)
        if axis is not None and is_run_by_some(axis) and combines_along(self.entry.program, axis):
            raise combined_by_some(axis)
        program = self.entry.derive("inlined", lambda: inlined(self.entry.program))
        late_inputs = tuple(v for v, b in zip(program.inputs, batched, strict=True) if b)
        first, second = self.entry.derive(("cut", batched, axis), lambda: cut(program, late_inputs, along=axis))
        late = [isinstance(a, Variable) and a not in first.outputs for a in program.outputs]
        alone = [x for x, b in zip(arrays, batched, strict=True) if not b]
        results = CompiledCall(self.entry.derive(("alone", batched, axis), lambda: Entry(first))).bind(tuple(alone), ())
        if not any(late):
            return tuple(map(Unbatched, results[: len(late)]))
        residuals = results[late.count(False) :]
        leaves = (*residuals, *(x for x, b in zip(arrays, batched, strict=True) if b))
        axes = (*(None for _ in residuals), *(0 for b in batched if b))
        varies = self.entry.derive(
            ("varies", batched, axis), lambda: reached(second, [a == 0 for a in axes], False, axis)
        )
        out_axes = tuple(0 if v else None for v in varies)
        run = vmap(lambda *leaves: tuple(second(*leaves)), axes, out_axes, axis_size=size)
        key = ("batch", size, axis, batched, *map(signature, leaves))
        entry = self.entry.derive(key, lambda: Entry(staged(run, leaves, f"{self.name}_batch")))
        found = CompiledCall(entry).bind(leaves, ())
        together = (y if v else Unbatched(y) for y, v in zip(found, varies, strict=True))
        apart = iter(results)
        return tuple(next(together) if is_late else Unbatched(next(apart)) for is_late in late)

    def _cut(
        self, values: Arrays, active: tuple[int, ...]
    ) -> tuple[tuple[Entry, Entry], tuple[Entry, Entry] | None, tuple[int, ...]]:
        """Return forward and backward program: one joint program, cut by dependence on the cotangents.

        Behind them are those in which loops on the way there keep what the way back needs, if all loops can, and the
        outputs that have cotangents.
        """
        outputs = self.entry.program.outputs
        places = tuple(i for i, a in enumerate(outputs) if isinstance(a, Variable) and is_float(a))
        seeds = [_one(outputs[i]) for i in places]
        both = joint(self.entry.program, values, active, places, seeds)

        def halves(both: Program) -> tuple[Entry, Entry]:
            parts = cut(both, both.inputs[len(values) :], len(outputs))
            forward, backward = recomputed(*parts, len(outputs))
            return Entry(forward), Entry(backward)

        plain, winding = halves(both), None
        if (kept := unwound(both)) is not both:
            winding = halves(kept)
            if any(isinstance(e.primitive, Winding) for e in winding[1].program.equations):
                winding = None  # a loop on the way back may be one of a batch
        return plain, winding, places


STRUCTURES["call"] = lambda programs: CompiledCall(Entry(*programs))


def _draws(program: Program, values: Sequence[Any], generators: Sequence[Any]) -> bool:
    """Say whether an operation of a program draws, which is no fault of the function: SciPy estimates norms so."""
    before = RandomStates(generators)
    program(*values)
    return before.moved() is not None


def _is_only_batched(x: Any) -> bool:
    """Say whether no transformation but batches watches a value."""
    while isinstance(x, Batched):
        x = x.value
    return not isinstance(x, Tracer)


def _one(variable: Any) -> Any:
    return 1.0 if variable.dtype is float else np.ones(variable.shape, variable.dtype)
