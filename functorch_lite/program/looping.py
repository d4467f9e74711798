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
    text, namespace = _written(body, steps, constants, carried, reverse)
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


def _written(body: Program, steps: range, constants: int, carried: int, reverse: bool) -> tuple[str, dict[str, Any]]:
    n = len(steps)
    count, *inputs = body.inputs
    olds = body.inputs[1 + constants : 1 + constants + carried]
    history = _Histories(body, olds, carried)
    into = [
        j
        for j, y in enumerate(body.outputs)
        if j in history.written or (j >= carried and j not in history.shared and isinstance(y, Variable) and y.shape)
    ]
    own = [j for j in range(len(body.outputs)) if j not in history.shared]
    places = tuple(map(own.index, into))
    step = body.with_equations(body.equations, [body.outputs[j] for j in own])
    writer = Writer(step, 0, places)
    names, namespace = writer.names, writer.namespace
    given = [names[v] for v in inputs]
    same, carry, rows = given[:constants], given[constants : constants + carried], given[constants + carried :]
    inner, returned = writer.statements()
    targets = {j: f"d{place}" for j, place in zip(into, places, strict=True)}
    namespace |= {"np_empty": np.empty, "zip_": zip}

    lines, columns = [], [(name, f"x{i}") for i, name in enumerate(rows)]
    if n >= SMALLEST_COPIED:
        for i in _matrices(body, tuple(inputs[:constants])):
            namespace["np_contiguous"] = np.ascontiguousarray
            lines.append(f"{same[i]} = np_contiguous({same[i]})")
    standing = buffers(body, n, constants, carried)
    for b, (shape, dtype, _) in enumerate(standing):
        namespace[f"t{b}"] = dtype
        lines.append(f"b{b} = np_empty({shape}, t{b}) if b{b} is None else b{b}")
    for b, k in enumerate(history.kept):
        before, after = (f"b{b}[1:]", f"b{b}[:-1]") if reverse else (f"b{b}[:-1]", f"b{b}[1:]")
        lines += [f"{carry[k]} = b{b}[{n if reverse else 0}]", f"{carry[k]}[...] = a{k}"]
        columns.append((targets[k], after))
        history.names[k] = before, after
    numbers, stacked = [], []
    for j in range(carried, len(body.outputs)):
        shared = history.shared.get(j)
        if shared is not None:
            k, is_after = shared
            stacked.append(history.names[k][is_after])
            continue
        b = next(b for b, (_, _, of) in enumerate(standing) if of[0] == j)
        stacked.append(f"b{b}")
        if j in into:
            columns.append((targets[j], f"b{b}"))
        else:
            numbers.append(f"b{b}[p_]")

    values = iter(returned)
    news = [targets[k] if k in into else next(values) for k in range(carried)]
    inner += [f"{place} = {next(values)}" for place in numbers]
    if carried:
        inner.append(f"{', '.join(carry)} = {', '.join(news)}")
    counters = [(names[count], repr(steps[::-1] if reverse else steps))]
    if numbers:
        counters.append(("p_", repr(range(n)[::-1] if reverse else range(n))))
    pairs = counters + [(name, f"{array}[::-1]" if reverse else array) for name, array in columns]
    over = ", ".join(array for _, array in pairs)
    head = f"for {', '.join(name for name, _ in pairs)} in {f'zip_({over})' if len(pairs) > 1 else over}:"
    framed = bool(writer.memory.slots)
    results = [*carry, *stacked]
    lines += [
        *(writer.frame() if framed else []),
        head,
        *(f"    {line}" for line in inner),
        *(["frames.give(frame_)"] if framed else []),
        f"return ({', '.join(results)},)" if results else "return ()",
    ]
    starts = [f"a{k}" if k in history.kept else name for k, name in enumerate(carry)]
    arguments = [*same, *starts, *(f"x{i}" for i in range(len(rows))), *(f"b{b}=None" for b in range(len(standing)))]
    text = "\n".join([f"def loop({', '.join(arguments)}):", *(f"    {line}" for line in lines)])
    return text + "\n", dict(namespace)


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
