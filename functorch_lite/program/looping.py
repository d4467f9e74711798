"""Source of a loop: the body of a Python loop is that of the compiled program.

It writes what is stacked straight into its row. A carried value that is kept at each step stands in an array with
one more row than there are steps: a row is what one step returns and what the next is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.program.equations import Variable
from functorch_lite.program.liveness import last_uses
from functorch_lite.program.program import Program
from functorch_lite.program.source import SMALLEST_COPIED, Writer

__all__ = ["buffers", "looping"]


def looping(body: Program, steps: range, constants: int, carried: int, reverse: bool) -> Callable[..., Any]:
    """Return a function that runs a loop; see `Scan` for the arguments."""
    writer = _LoopWriter(body, steps, constants, carried, reverse)
    text = writer.write()
    namespace: dict[str, Any] = dict(writer.namespace)
    exec(compile(text, f"<loop of {body.name}>", "exec"), namespace)
    loop: Callable[..., Any] = namespace["loop"]
    return loop


def buffers(body: Program, n: int, constants: int, carried: int) -> list[tuple[tuple[int, ...], Any, tuple[int, ...]]]:
    """Return shape and dtype of the arrays that a loop fills, and the results that lie in each of them, or may."""
    olds = body.inputs[1 + constants : 1 + constants + carried]
    history = _Histories(body, olds, carried)
    viewed = _viewed(body, olds)

    def views_of(*values: Any) -> tuple[int, ...]:
        return tuple(k for k, of in enumerate(viewed) if not of.isdisjoint(values))

    found = []
    for k in history.kept:
        places = tuple(j for j, (of, _) in history.shared.items() if of == k)
        views = views_of(olds[k], body.outputs[k])
        found.append(((n + 1, *olds[k].shape), np.dtype(olds[k].dtype), (*views, *places)))
    for j, y in enumerate(body.outputs[carried:], carried):
        if j not in history.shared:
            is_variable = isinstance(y, Variable)
            dtype = np.dtype(y.dtype if is_variable else type(y.value))  # type: ignore[union-attr]
            views = views_of(y) if is_variable else ()
            found.append(((n, *(y.shape if is_variable else ())), dtype, (j, *views)))  # type: ignore[union-attr]
    return found


def _viewed(body: Program, olds: tuple[Variable, ...]) -> list[set[Any]]:
    """Return for each carried value the variables in whose memory it may lie, in one step or over several."""
    count = len(body.equations)
    found = []
    for y in body.outputs[: len(olds)]:
        last = last_uses(replace(body, outputs=(y,)), list(body.equations))
        found.append({v for v, step in last.items() if step == count})  # used as long as the result is: by views of it
    sizes: list[int] = []
    while sizes != (sizes := list(map(len, found))):  # a view of a carried value is one of what that was a view of
        for of in found:
            of.update(*(found[k] for k, old in enumerate(olds) if old in of))
    return found


class _LoopWriter:
    """Writes the function that runs a loop."""

    def __init__(self, body: Program, steps: range, constants: int, carried: int, reverse: bool) -> None:
        self.body, self.steps, self.carried, self.reverse = body, steps, carried, reverse
        self.history = history = _Histories(body, body.inputs[1 + constants : 1 + constants + carried], carried)
        own = [j for j in range(len(body.outputs)) if j not in history.shared]
        stacked = [j for j in own if j >= carried]
        is_array = [isinstance(y, Variable) and bool(y.shape) for y in body.outputs]
        #: The outputs that the body writes straight into their rows.
        self.into = [j for j in own if j in history.written or (j in stacked and is_array[j])]
        places = tuple(map(own.index, self.into))
        #: The name of the row that each of them is written into.
        self.targets = {j: f"d{place}" for j, place in zip(self.into, places, strict=True)}
        step = body.with_equations(body.equations, [body.outputs[j] for j in own])
        self.writer = writer = Writer(step, 0, places)
        self.namespace = writer.namespace
        count, *inputs = body.inputs
        self.constants = tuple(inputs[:constants])
        self.count, *given = (writer.names[v] for v in (count, *inputs))
        #: The names of what is the same for all steps, of the carried values and of the rows.
        self.same, self.carry, self.rows = (
            given[:constants],
            given[constants : constants + carried],
            given[constants + carried :],
        )
        self.inner, self.returned = writer.statements()
        self.namespace |= {"np_empty": np.empty, "zip_": zip}
        self.standing = buffers(body, len(steps), constants, carried)
        #: The lines before the loop, and what it goes over: the names of rows, each with an expression of the array.
        self.lines: list[str] = []
        self.columns = [(name, f"x{i}") for i, name in enumerate(self.rows)]

    def write(self) -> str:
        """Return the text."""
        self._copy_matrices()
        self._make_buffers()
        self._begin_histories()
        stacked, numbers = self._stack()
        self._end_step(numbers)
        results = [*self.carry, *stacked]
        has_frame = bool(self.writer.memory.slots)
        lines = [
            *self.lines,
            *(self.writer.frame() if has_frame else []),
            self._head(bool(numbers)),
            *(f"    {line}" for line in self.inner),
            *(["frames.give(frame_)"] if has_frame else []),
            f"return ({', '.join(results)},)" if results else "return ()",
        ]
        starts = [f"a{k}" if k in self.history.kept else name for k, name in enumerate(self.carry)]
        arguments = [
            *self.same,
            *starts,
            *(f"x{i}" for i in range(len(self.rows))),
            *(f"b{b}=None" for b in range(len(self.standing))),
        ]
        return "\n".join([f"def loop({', '.join(arguments)}):", *(f"    {line}" for line in lines)]) + "\n"

    def _copy_matrices(self) -> None:
        if len(self.steps) < SMALLEST_COPIED:
            return
        for i in _matrices(self.body, self.constants):
            self.namespace["np_contiguous"] = np.ascontiguousarray
            self.lines.append(f"{self.same[i]} = np_contiguous({self.same[i]})")

    def _make_buffers(self) -> None:
        for b, (shape, dtype, _) in enumerate(self.standing):
            self.namespace[f"t{b}"] = dtype
            self.lines.append(f"b{b} = np_empty({shape}, t{b}) if b{b} is None else b{b}")

    def _begin_histories(self) -> None:
        """Put the first of each carried value that is kept into its row, from which the loop goes on."""
        first = len(self.steps) if self.reverse else 0
        for b, k in enumerate(self.history.kept):
            before, after = (f"b{b}[1:]", f"b{b}[:-1]") if self.reverse else (f"b{b}[:-1]", f"b{b}[1:]")
            self.lines += [f"{self.carry[k]} = b{b}[{first}]", f"{self.carry[k]}[...] = a{k}"]
            self.columns.append((self.targets[k], after))
            self.history.names[k] = before, after

    def _stack(self) -> tuple[list[str], list[str]]:
        """Return expressions of the stacked results, and of the places of those that are numbers in each step."""
        stacked, numbers = [], []
        for j in range(self.carried, len(self.body.outputs)):
            shared = self.history.shared.get(j)
            if shared is not None:
                k, is_after = shared
                stacked.append(self.history.names[k][is_after])
                continue
            b = next(b for b, (_, _, of) in enumerate(self.standing) if of[0] == j)
            stacked.append(f"b{b}")
            if j in self.into:
                self.columns.append((self.targets[j], f"b{b}"))
            else:
                numbers.append(f"b{b}[p_]")
        return stacked, numbers

    def _end_step(self, numbers: list[str]) -> None:
        """Write what a step returns where the next one, or the results, find it."""
        values = iter(self.returned)
        news = [self.targets[k] if k in self.into else next(values) for k in range(self.carried)]
        self.inner += [f"{place} = {next(values)}" for place in numbers]
        if self.carried:
            self.inner.append(f"{', '.join(self.carry)} = {', '.join(news)}")

    def _head(self, has_numbers: bool) -> str:
        step = -1 if self.reverse else 1
        counters = [(self.count, repr(self.steps[::step]))]
        if has_numbers:
            counters.append(("p_", repr(range(len(self.steps))[::step])))
        pairs = counters + [(name, f"{array}[::-1]" if self.reverse else array) for name, array in self.columns]
        over = ", ".join(array for _, array in pairs)
        return f"for {', '.join(name for name, _ in pairs)} in {f'zip_({over})' if len(pairs) > 1 else over}:"


def _matrices(body: Program, same: tuple[Variable, ...]) -> list[int]:
    """Return which of some inputs are matrices of products: a transposed one would be copied by BLAS in each step."""
    read = {a for e in body.equations if e.primitive.word == "matmul" for a in e.operands}
    return [i for i, v in enumerate(same) if v in read and len(v.shape) == 2]


class _Histories:
    """Which carried values are stacked as they are before each step, and perhaps after it as well."""

    def __init__(self, body: Program, olds: tuple[Variable, ...], carried: int) -> None:
        made = {y for e in body.equations for y in e.outputs}
        outputs = body.outputs
        stacked = outputs[carried:]
        #: The carried values with a history.
        self.kept = [
            k
            for k, old in enumerate(olds)
            if old.shape and old in stacked and outputs[k] in made and outputs[:carried].count(outputs[k]) == 1
        ]
        #: The outputs that are histories: of which value, and whether from after the first step on.
        self.shared: dict[int, tuple[int, bool]] = {}
        for j, y in enumerate(stacked, carried):
            for k in self.kept:
                if y is olds[k] or y is outputs[k]:
                    self.shared.setdefault(j, (k, y is outputs[k]))
        #: The carried outputs that the body writes into their rows.
        self.written = frozenset(self.kept)
        #: By carried value: expressions of its history before and after the steps.
        self.names: dict[int, tuple[str, str]] = {}
