"""What keeps loops and branches as such while a function is staged: their functions become programs of their own.

What these functions close over becomes operands, so that every transformation reaches it.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import bottom, shape_of
from functorch_lite.core.primitive import NAMED
from functorch_lite.core.tape import dtype_or_type
from functorch_lite.program.branches import Conditional
from functorch_lite.program.derivation import coerced
from functorch_lite.program.effects import tokens
from functorch_lite.program.entries import Entry
from functorch_lite.program.equations import Atom, Literal, Variable
from functorch_lite.program.loops import Scan, row
from functorch_lite.program.passes import optimized
from functorch_lite.program.program import Program
from functorch_lite.program.staging import representative, stage
from functorch_lite.program.while_loops import While
from functorch_lite.transforms.arguments import name_of
from functorch_lite.transforms.closures import Replacing
from functorch_lite.transforms.control_flow import check_alike
from functorch_lite.transforms.structured import recorder

__all__ = ["RecordedStructures"]


_PART = "a branch or the body of a loop"


class _Part:
    """The program of one function of a loop or a branch, what it closed over, and the structure of its result."""

    def __init__(self, f: Callable[..., Any], leaves: Sequence[Any], name: str) -> None:
        found: list[Any] = []

        def run(*values: Any) -> list[Any]:
            trace: Any = recorder.get()
            holding = Replacing(trace.enclosed)
            try:
                out, structure = tree.flatten(holding.of(f)(*values))
            finally:
                holding.give_back()
            found[:] = [structure]
            return out

        with np.errstate(all="ignore"):  # a branch is recorded with values of which it may never be run
            program, self.captured = stage(run, [representative(x) for x in leaves], name, _PART)
        self.structure: tree.Structure = found[0]
        #: The number of results; behind them are the tokens of effects.
        self.count = len(program.outputs)
        effects = tuple(y for equation in program.equations for y in tokens(equation))
        self.program = replace(program, outputs=(*program.outputs, *effects))

    def result(self, outputs: Sequence[Any]) -> Any:
        return tree.unflatten(self.structure, outputs[: self.count])


class RecordedStructures:
    """Makes one equation of a loop or a branch."""

    def switch(
        self, construct: str, index: Any, branches: Sequence[Callable[..., Any]], operands: tuple[Any, ...]
    ) -> Any:
        leaves, structure = tree.flatten(operands)
        parts = [_Part(lambda *values, f=f: f(*tree.unflatten(structure, values)), leaves, _name(f)) for f in branches]
        first = parts[0]
        for f, part in zip(branches[1:], parts[1:], strict=True):
            check_alike(construct, branches[0], _example(first), f, _example(part))
        captured = _union(*(part.captured for part in parts))
        kinds = [_common(atoms) for atoms in zip(*(p.program.outputs[: p.count] for p in parts), strict=True)]
        most = max(len(part.program.outputs) for part in parts) - first.count
        entries = []
        for part in parts:
            program = coerced(part.program, [*kinds, *[None] * (len(part.program.outputs) - part.count)])
            missing = most - (len(program.outputs) - part.count)
            program = replace(program, outputs=(*program.outputs, *[Literal(True)] * missing))
            program = _with_captured(program, len(leaves), part.captured, captured)
            entries.append(Entry(optimized(program), shared=0))
        outputs = Conditional(construct, entries).bind((index, *leaves, *captured), ())
        return first.result(outputs)

    def scan(
        self,
        step: Callable[[Any, Any, Any], tuple[Any, Any]],
        init: Any,
        rows: Sequence[Any],
        structure: tree.Structure,
        steps: range,
        reverse: bool,
    ) -> tuple[Any, list[Any], tree.Structure]:
        carry, carry_structure = tree.flatten(init)
        count = len(carry)
        y_structure = tree.LEAF

        def run(i: Any, *values: Any) -> list[Any]:
            nonlocal y_structure
            old = tree.unflatten(carry_structure, values[:count])
            new, y = step(i, old, tree.unflatten(structure, values[count:]))
            ys, y_structure = tree.flatten(y)
            return [*tree.leaves(new), *ys]

        some = steps[-1] if reverse else steps[0]
        firsts = [row(x, -1 if reverse else 0) for x in rows]
        part, carry = _settled(lambda values: _Part(run, (some, *values, *firsts), "step"), carry)
        program = coerced(part.program, [*_kinds(carry), *[None] * (len(part.program.outputs) - count)])
        i, *rest = program.inputs
        old, xs, consts = rest[:count], rest[count : count + len(rows)], rest[count + len(rows) :]
        program = optimized(replace(program, inputs=(i, *consts, *old, *xs)))
        loop = Scan(Entry(program, shared=0), steps, len(consts), count, reverse)
        outputs = loop.bind((*part.captured, *carry, *rows), ())
        return tree.unflatten(carry_structure, outputs[:count]), list(outputs[count : part.count]), y_structure

    def while_loop(self, condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
        carry, structure = tree.flatten(init)
        part, carry = _settled(
            lambda values: _Part(lambda *xs: body(tree.unflatten(structure, xs)), values, "body"), carry
        )
        test = _Part(lambda *xs: condition(tree.unflatten(structure, xs)), carry, "condition")
        count = len(carry)
        extra = part.program.outputs[count:]  # tokens; the loop carries them
        unread = tuple(Variable((), np.dtype(bool)) for _ in extra)
        program = coerced(part.program, [*_kinds(carry), *[None] * len(extra)])
        program = optimized(replace(program, inputs=(*program.inputs[count:], *program.inputs[:count], *unread)))
        inputs = test.program.inputs
        # Where the condition acts, its tokens are dropped: what acts in it is needed for the truth that follows.
        asked = replace(test.program, inputs=(*inputs[count:], *inputs[:count], *unread))
        loop = While(
            Entry(optimized(asked), shared=0), Entry(program, shared=0), len(test.captured), len(part.captured)
        )
        outputs = loop.bind((*test.captured, *part.captured, *carry, *[np.True_] * len(extra)), ())
        return tree.unflatten(structure, outputs[:count])


def _settled(record: Callable[[Sequence[Any]], _Part], carry: Sequence[Any]) -> tuple[_Part, list[Any]]:
    """Record a body, with a first carried value of the dtypes that it returns: a Python number takes on another."""
    carry = list(carry)
    while True:
        part = record(carry)
        changed = False
        for k, x in enumerate(carry):
            atom = part.program.outputs[k]
            kind = type(atom.value) if isinstance(atom, Literal) else atom.dtype
            own = dtype_or_type(bottom(x))
            if isinstance(own, type) and kind is not own:
                carry[k] = NAMED["convert" if np.dtype(kind).kind in "fc" else "discretize"](x, np.dtype(kind))
                changed = True
        if not changed:
            return part, carry


def _kinds(carry: Sequence[Any]) -> list[Variable | None]:
    """Return what the carried values have to stay; None for a Python number that stays one."""
    kinds = [dtype_or_type(bottom(x)) for x in carry]
    return [Variable(shape_of(x), k) if isinstance(k, np.dtype) else None for x, k in zip(carry, kinds, strict=True)]


def _common(atoms: Sequence[Atom]) -> Variable | None:
    """Return what the results of branches have to become; None if they are of one dtype."""
    dtypes = [type(a.value) if isinstance(a, Literal) else a.dtype for a in atoms]
    if all(d is dtypes[0] or (isinstance(d, np.dtype) and d == dtypes[0]) for d in dtypes):
        return None
    arrays = [d for d in dtypes if isinstance(d, np.dtype)]
    dtype = arrays[0] if arrays else np.result_type(*dtypes)
    return Variable(() if isinstance(atoms[0], Literal) else atoms[0].shape, dtype)


def _example(part: _Part) -> Any:
    """Return a tree of raw values as a program returns them."""
    atoms = part.program.outputs[: part.count]
    return tree.unflatten(part.structure, [_value(a) for a in atoms])


def _value(atom: Atom) -> Any:
    if isinstance(atom, Literal):
        return atom.value
    if not isinstance(atom.dtype, np.dtype):
        return atom.dtype(0)
    return np.broadcast_to(np.zeros((), atom.dtype), atom.shape)


def _union(*groups: Sequence[Any]) -> list[Any]:
    return list({id(x): x for group in groups for x in group}.values())


def _with_captured(program: Program, count: int, own: Sequence[Any], all_: Sequence[Any]) -> Program:
    """Return a program that takes what any of several programs captured, in one order."""
    known = dict(zip(map(id, own), program.inputs[count:], strict=True))
    inputs = [known.get(id(x)) or Variable(shape_of(x), dtype_or_type(bottom(x))) for x in all_]
    return replace(program, inputs=(*program.inputs[:count], *inputs))


def _name(f: Callable[..., Any]) -> str:
    name = name_of(f)
    return name if name.isidentifier() and not keyword.iskeyword(name) else "branch"
