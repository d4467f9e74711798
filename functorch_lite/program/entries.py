"""Compiled programs that are kept, and the primitives that consist of them: calls, branches and loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params
from functorch_lite.core.trace import Tracer
from functorch_lite.program.effects import bound, recording, tokens
from functorch_lite.program.keeping import kept
from functorch_lite.program.named_axes import apart_along
from functorch_lite.program.nans import by_equations, checking
from functorch_lite.program.passes import optimized
from functorch_lite.program.program import Program
from functorch_lite.program.source import compiled
from functorch_lite.transforms.axes import Axis, trace_apart
from functorch_lite.transforms.structured import recorder

__all__ = ["LARGEST_DERIVED", "Entry", "ProgramPrimitive"]

#: The programs derived from one that it keeps; the oldest is dropped for another.
LARGEST_DERIVED = 256


class Entry:
    """A program, compiled, with what it makes of its results; and the programs derived from it.

    Parameters
    ----------
    program, captured, structure
        The program, the values that it takes behind its arguments, and the structure of the function's result.
    shared
        The first output that may be an argument, or a view of one; None if the caller is to own them all.
    """

    def __init__(
        self, program: Program, captured: Sequence[Any] = (), structure: Any = None, *, shared: int | None = None
    ) -> None:
        self.shared = shared
        self.program, self.captured, self.structure = program, tuple(captured), structure
        self.is_single = structure is tree.LEAF
        #: Whether the results are a tuple of arrays and nothing more.
        self.is_flat = structure is not None and structure == tree.structure((0,) * structure.num_leaves)
        #: The named axes along which results differ even if the arguments do not.
        self.apart = apart_along(*program.equations)
        #: Whether it has effects.
        self.acts = any(map(tokens, program.equations))
        self.is_plain = not captured and not self.apart
        #: The last outputs that are no results of the function but tokens of effects.
        self.effects = 0
        #: Whether it refers to a value of a transformation that is open now.
        self.serves_once: bool = any(isinstance(c, Tracer) and c._trace.number for c in captured)
        self.derived: dict[Any, Any] = {}
        self._function: Callable[..., tuple[Any, ...]] | None = None
        #: When it was used last: later times are larger numbers.
        self.last_use = 0

    def optimize(self) -> None:
        self.program = replace(optimized(self.program), input_names=self.program.input_names)

    def run(self, *leaves: Any) -> tuple[Any, ...]:
        """Run the compiled program on raw arrays."""
        if checking.get() and not recording.get():
            return by_equations(self.program, leaves)
        function = self._function
        if function is None:
            self._function = function = compiled(self.program, self.shared)
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
        return kept(self, self.derived, key, make, self._put) if found is None else found

    def _put(self, key: Any, made: Any) -> Any:
        made = self.derived.setdefault(key, made)
        if len(self.derived) > LARGEST_DERIVED:
            oldest = [*self.derived][0]  # noqa: RUF015 - an iterator would see what other threads add
            self.derived.pop(oldest, None)
        return made


class ProgramPrimitive(JointPrimitive):
    """An operation that consists of programs, which `run` runs on raw arrays.

    Parameters
    ----------
    name
        The primitive's.
    entries
        Its programs.
    """

    #: Values go in and out raw.
    takes_raw = True

    def __init__(self, name: str, entries: Sequence[Entry]) -> None:
        super().__init__(self._run, ["arrays"], name=name, variadic=True, multiple=True)
        self.word = name
        self.entries = tuple(entries)
        self.apart: frozenset[Axis] = frozenset().union(*(entry.apart for entry in self.entries))
        self.acts = any(entry.acts for entry in self.entries)
        #: Those of them whose outputs are the results, one by one.
        self.results = self.entries

    def settings(self) -> list[tuple[str, Any]]:
        """Return what else tells it from others, by the names under which a text shows it."""
        return []

    def reaches(self, flags: Sequence[bool], differentiably: bool, along: Axis | None = None) -> list[bool]:
        """Say which results depend on some operands, or vary smoothly with them; or differ along an axis as they do."""
        return [True] * len(self.results[0].program.outputs)

    def bind(self, arrays: Arrays, params: Params) -> Any:
        trace = self._least_trace()
        if trace is None:
            return bound(super().bind, arrays, params)
        return bound(partial(self.bind_at, trace), arrays, params, trace)

    def of_raw(self, arrays: Arrays, params: Params) -> Any:
        return self.run(*arrays)

    def run(self, *arrays: Any) -> Arrays:
        """Compute the results from raw arrays."""
        raise NotImplementedError

    def _least_trace(self) -> Any:
        """Return the trace that is to know of the operation even if it watches no operand; None if there is none."""
        if self.apart:
            return max(map(trace_apart, self.apart), key=lambda trace: trace.number)
        return recorder.get() if self.acts else None

    def _run(self, arrays: Arrays) -> Arrays:
        if any(isinstance(a, Tracer) for a in arrays):
            return self.bind(arrays, ())  # type: ignore[no-any-return]
        return self.run(*arrays)
