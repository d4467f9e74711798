"""A compiled program with what derives from it, and the primitive that calls it.

The derivative of a call is a call of a program again: forward, the program of the tangents; reverse, a joint program
cut in two by dependence on the cotangents; batched, the program of the batch. Each is staged once and kept.
"""

from __future__ import annotations

import keyword
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import RLock
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params
from functorch_lite.core.trace import Trace, Tracer
from functorch_lite.program.effects import bound, recording, tokens
from functorch_lite.program.naming import input_names
from functorch_lite.program.nans import by_equations, checking
from functorch_lite.program.passes import dead_code, inlined, optimized
from functorch_lite.program.program import Equation, Program, Variable
from functorch_lite.program.signatures import signature
from functorch_lite.program.source import compiled
from functorch_lite.program.staging import representative, stage
from functorch_lite.transforms.arguments import is_inexact, name_of
from functorch_lite.transforms.batching import Unbatched, vmap
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.reverse import vjp

__all__ = ["CompiledCall", "Entry", "cut", "recorded"]


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
    before = _global_random_state()
    program, captured = stage(run, [representative(x) for x in leaves], name)
    if _global_random_state() != before and not _draws(program, [*map(representative, (*leaves, *captured))]):
        raise RuntimeError(
            f"{name_of(f)} drew from the global random state (np.random, random) while jit recorded it; the program "
            "would give the same numbers at each call. Pass a key (ft.random.key) or the random numbers as an argument."
        )
    args, kwargs = tree.unflatten(structure, leaves)
    names = input_names(f, args, kwargs, [place for place, _ in static if isinstance(place, int)])
    effects = tuple(y for equation in program.equations for y in tokens(equation))
    program = replace(program, outputs=(*program.outputs, *effects), input_names=names)
    entry = Entry(program, captured, found[0])
    entry.effects = len(effects)
    return entry


class Entry:
    """A program, compiled, with what it makes of its results; and the programs derived from it."""

    def __init__(self, program: Program, captured: Sequence[Any] = (), structure: Any = None) -> None:
        self.program, self.captured, self.structure = program, tuple(captured), structure
        self.is_single = structure is tree.LEAF
        #: Whether the results are a tuple of arrays and nothing more.
        self.is_flat = structure is not None and structure == tree.structure((0,) * structure.num_leaves)
        self.is_plain = not captured
        #: The last outputs that are no results of the function but tokens of effects.
        self.effects = 0
        #: Whether it refers to a transformation that is open now: to a value that it traces, or to its named axis.
        self.serves_once: bool = any(isinstance(c, Tracer) and c._trace.number for c in captured) or any(
            any(isinstance(p, Trace) for p in e.params)
            or (isinstance(e.primitive, CompiledCall) and e.primitive.entry.serves_once)
            for e in program.equations
        )
        self.derived: dict[Any, Any] = {}
        self._function: Callable[..., tuple[Any, ...]] | None = None
        self.lock = RLock()

    def optimize(self) -> None:
        self.program = replace(optimized(self.program), input_names=self.program.input_names)

    def run(self, *leaves: Any) -> tuple[Any, ...]:
        """Run the compiled program on raw arrays."""
        if checking.get() and not recording.get():
            return by_equations(self.program, leaves)
        function = self._function
        if function is None:
            self._function = function = compiled(self.program)
        return function(*leaves)

    def finished(self, outputs: tuple[Any, ...]) -> Any:
        """Return the results in the form in which the function gives them."""
        if self.is_single:
            return outputs[0]
        if self.effects:
            outputs = outputs[: -self.effects]
        return outputs if self.is_flat else tree.unflatten(self.structure, outputs)

    def derive(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return a program derived from this one, made once."""
        found = self.derived.get(key)
        if found is None:
            with self.lock:
                found = self.derived.get(key)
                if found is None:
                    self.derived[key] = found = make()
        return found


class CompiledCall(JointPrimitive):
    """One call of a compiled program: derivatives and batches of it are compiled programs too."""

    #: Values go in and out raw.
    takes_raw = True

    def __init__(self, entry: Entry) -> None:
        super().__init__(self._run, ["arrays"], name=entry.program.name, variadic=True, multiple=True)
        self.entry = entry

    def bind(self, arrays: Arrays, params: Params) -> Any:
        return bound(super().bind, arrays, params)

    def _run(self, arrays: Arrays) -> Arrays:
        if any(isinstance(a, Tracer) for a in arrays):
            return self.bind(arrays, ())  # type: ignore[no-any-return]
        return self.entry.run(*arrays)

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        active = tuple(i for i, t in enumerate(tangents) if t is not None)
        given = [tangents[i] for i in active]
        n = len(values)

        def pushed(*leaves: Any) -> Sequence[Any]:
            def along(*xs: Any) -> Any:
                return self.entry.program(*_placed(leaves[:n], active, xs))

            outputs, out_tangents = jvp(along, tuple(leaves[i] for i in active), tuple(leaves[n:]))
            return (*outputs, *out_tangents)

        key = ("forward", active, *map(signature, (*values, *given)))
        entry = self.entry.derive(key, lambda: _staged(pushed, (*values, *given), f"{self.name}_forward"))
        both = CompiledCall(entry).bind((*values, *given), ())
        half = len(both) // 2
        return both[:half], both[half:]

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        active = tuple(active)
        key = ("reverse", active, *map(signature, values))
        forward, backward, count, places = self.entry.derive(key, lambda: self._cut(values, active))
        results = CompiledCall(forward).bind(values, ())
        outputs, residuals = results[:count], results[count:]

        def pull(g: Arrays) -> Sequence[Any]:
            given = tuple(g[i] for i in places)
            return CompiledCall(backward).bind((*residuals, *given), ())  # type: ignore[no-any-return]

        return outputs, pull, ()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        program = self.entry.derive("inlined", lambda: inlined(self.entry.program))
        late_inputs = tuple(v for v, b in zip(program.inputs, batched, strict=True) if b)
        first, second = self.entry.derive(("cut", batched), lambda: cut(program, late_inputs))
        late = [isinstance(a, Variable) and a not in first.outputs for a in program.outputs]
        alone = [x for x, b in zip(arrays, batched, strict=True) if not b]
        results = CompiledCall(self.entry.derive(("alone", batched), lambda: Entry(first))).bind(tuple(alone), ())
        residuals = results[late.count(False) :]
        leaves = (*residuals, *(x for x, b in zip(arrays, batched, strict=True) if b))
        axes = (*(None for _ in residuals), *(0 for b in batched if b))
        run = vmap(lambda *leaves: second(*leaves), axes, axis_size=size)
        key = ("batch", int(size), batched, *map(signature, leaves))
        entry = self.entry.derive(key, lambda: _staged(run, leaves, f"{self.name}_batch"))
        together, apart = iter(CompiledCall(entry).bind(leaves, ())), iter(results)
        return tuple(next(together) if is_late else Unbatched(next(apart)) for is_late in late)

    def _cut(self, values: Arrays, active: tuple[int, ...]) -> tuple[Entry, Entry, int, tuple[int, ...]]:
        """Return forward and backward program: one joint program, cut by dependence on the cotangents."""
        outputs = self.entry.program.outputs
        places = tuple(i for i, a in enumerate(outputs) if isinstance(a, Variable) and _is_float(a))
        n = len(values)

        def joint(*leaves: Any) -> Sequence[Any]:
            def along(*xs: Any) -> Any:
                return self.entry.program(*_placed(leaves[:n], active, xs))

            results, pull = vjp(along, *(leaves[i] for i in active))
            cotangents: list[Any] = [None] * len(results)
            for i, g in zip(places, leaves[n:], strict=True):
                cotangents[i] = g
            return (*results, *pull(tuple(cotangents)))

        raw = tuple(map(representative, values))
        seeds = tuple(_one(a) for i, a in enumerate(outputs) if i in places)
        program, _ = stage(joint, (*raw, *seeds), self.name)
        forward, backward = cut(optimized(program), program.inputs[n:], len(outputs))
        return Entry(forward), Entry(backward), len(outputs), places


def cut(program: Program, late_inputs: Sequence[Variable], count: int | None = None) -> tuple[Program, Program]:
    """Cut a program in two: what depends on some inputs goes into the second, with what it reads of the first.

    Parameters
    ----------
    program
        The program.
    late_inputs
        The inputs of the second.
    count
        How many outputs belong to the first; None: those that do not depend on the late inputs.

    Returns
    -------
    first, second
        The first gives its outputs, then what the second reads; the second takes that, then the late inputs.
    """
    dependent = set(late_inputs)
    equations: tuple[list[Equation], list[Equation]] = ([], [])
    for equation in program.equations:
        late = any(a in dependent for a in equation.operands)
        equations[late].append(equation)
        if late:
            dependent.update(equation.outputs)
    if count is None:
        early = tuple(a for a in program.outputs if a not in dependent)
        late_outputs = tuple(a for a in program.outputs if a in dependent)
    else:
        early, late_outputs = program.outputs[:count], program.outputs[count:]
    early_inputs = tuple(v for v in program.inputs if v not in set(late_inputs))
    known = {*early_inputs, *(y for e in equations[0] for y in e.outputs)}
    read = [a for e in equations[1] for a in e.operands] + list(late_outputs)
    residuals = tuple(dict.fromkeys(a for a in read if isinstance(a, Variable) and a in known))
    first = Program(early_inputs, tuple(equations[0]), (*early, *residuals), program.constants, program.name)
    second = Program(
        (*residuals, *late_inputs), tuple(equations[1]), late_outputs, program.constants, f"{program.name}_rest"
    )
    return dead_code(first), dead_code(second)


def _draws(program: Program, values: Sequence[Any]) -> bool:
    """Say whether an operation of a program draws, which is no fault of the function: SciPy estimates norms so."""
    before = _global_random_state()
    program(*values)
    return bool(_global_random_state() != before)


def _global_random_state() -> Any:
    state: Any = np.random.get_state()  # noqa: NPY002  (the legacy state is the one that functions draw from)
    _, keys, *rest = state
    return random.getstate(), keys.tobytes(), rest


def _staged(function: Callable[..., Any], values: Sequence[Any], name: str) -> Entry:
    program, captured = stage(function, [representative(v) for v in values], name)
    assert not captured
    return Entry(optimized(program))


def _placed(leaves: Sequence[Any], places: Sequence[int], xs: Sequence[Any]) -> list[Any]:
    placed = list(leaves)
    for i, x in zip(places, xs, strict=True):
        placed[i] = x
    return placed


def _is_float(variable: Variable) -> bool:
    return is_inexact(np.empty((), variable.dtype))


def _one(variable: Any) -> Any:
    return 1.0 if variable.dtype is float else np.ones(variable.shape, variable.dtype)
