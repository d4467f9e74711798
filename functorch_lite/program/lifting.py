"""Lifting: what a loop over rows computes in each step and need not, computed before or after it, all rows at once.

Before the loop goes what depends on nothing that is carried, after it what nothing carried depends on, and sums of
products that are only added up: a sum over the steps of ``a[t].T @ b[t]`` is one product of the stacked rows. Source:
Appleyard, Kočiský and Blunsom, "Optimizing performance of recurrent neural networks on GPUs" (2016), section 3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.core.primitive import NAMED, PRIMITIVES
from functorch_lite.program.derivation import batched, downstream
from functorch_lite.program.effects import tokens
from functorch_lite.program.equations import HISTORY, Atom, Equation, Literal, Variable
from functorch_lite.program.passes import dead_code
from functorch_lite.program.program import Program
from functorch_lite.program.stacked_products import chunk_of, flattened
from functorch_lite.program.staging import harmless

__all__ = ["Lifting"]

#: Rows of elementwise operations are no larger than this, and all of them together no larger than that: for larger ones
#: the calls of NumPy cost little, and row by row they stay in the cache.
LARGEST_ROW = 1 << 12
LARGEST_STACKED = 1 << 20

_VIEWS = frozenset({"broadcast_to", "index", "reshape", "transpose"})
_PRODUCTS = frozenset({"matmul", "contract"})
_REDUCTIONS = frozenset({"sum", "max", "min", "mean"})


class Lifting:
    """A loop over rows that is taken apart.

    Parameters
    ----------
    body, constants, carried, steps
        Of the loop; see `Scan`.
    operands, outputs
        Of its equation.

    Attributes
    ----------
    before, after
        Equations to go before and behind that of the loop.
    body, constants, carried, operands
        Of the loop that is left.
    stacked
        Variables for its stacked results; behind them those that the equations after it read.
    results
        What stands for the results of the loop.
    known
        Constants that the equations read.
    """

    def __init__(
        self, body: Program, constants: int, carried: int, steps: int, operands: Sequence[Atom], outputs: Sequence[Any]
    ) -> None:
        self.body, self.constants, self.carried, self.steps = body, constants, carried, steps
        self.operands = list(operands)
        self.before: list[Equation] = []
        self.after: list[Equation] = []
        #: For each output of the body: the variable of the loop's result.
        self.stacked: list[Variable] = [Variable(v.shape, v.dtype) for v in outputs]
        self.results: list[Atom] = list(self.stacked)
        #: What the equations before and after may read besides.
        self.known: dict[Variable, Any] = dict(body.constants)
        self.is_changed = False
        self._lift_before()
        self._lift_after()
        self._pass_rows_by()
        if self.is_changed:
            self._drop_unread()

    def _pass_rows_by(self) -> None:
        """Let an operand with rows that the loop stacks again be the result itself."""
        rows = dict(zip(self._inputs()[3], self.operands[self.constants + self.carried :], strict=True))
        kept = [j for j, a in enumerate(self.body.outputs) if j < self.carried or a not in rows]
        if len(kept) == len(self.body.outputs):
            return
        for j, variable in enumerate(self.stacked):
            if j not in kept:
                places = [i for i, a in enumerate(self.results) if a is variable]
                for i in places:
                    self.results[i] = rows[self.body.outputs[j]]  # type: ignore[index]
        self.stacked = [self.stacked[j] for j in kept]
        self.body = self.body.with_equations(self.body.equations, [self.body.outputs[j] for j in kept])
        self.is_changed = True

    def _inputs(self) -> tuple[Variable, tuple[Variable, ...], tuple[Variable, ...], tuple[Variable, ...]]:
        i, *rest = self.body.inputs
        first = self.constants + self.carried
        return i, tuple(rest[: self.constants]), tuple(rest[self.constants : first]), tuple(rest[first:])

    # --- Before -------------------------------------------------------------------------------------------------------

    def _lift_before(self) -> None:
        i, same, carry, rows = self._inputs()
        varying = downstream(self.body, [i, *carry])
        with_rows = downstream(self.body, rows)
        free = [e for e in self.body.equations if not any(a in varying for a in e.operands)]
        free = [e for e in free if not (_reads_number(e) and any(a in with_rows for a in e.operands))]
        free = [e for e in free if _is_liftable(e) or (_is_pure(e) and not any(a in with_rows for a in e.operands))]
        free = _closed(free, {*same, *rows, *self.body.constants})
        fixed = [e for e in free if not any(a in with_rows for a in e.operands)]
        moving = [e for e in free if any(a in with_rows for a in e.operands)]
        wanted = _ancestors([e for e in moving if self._is_worth_it(e)], moving)
        if not any(e.primitive.word not in _VIEWS for e in wanted):
            wanted = []
        if not (fixed or wanted):
            return
        lifted = {id(e) for e in (*fixed, *wanted)}
        rest = [e for e in self.body.equations if id(e) not in lifted]
        read = {a for e in rest for a in e.operands} | set(self.body.outputs)
        new_same = [y for e in fixed for y in e.outputs if y in read]
        new_rows = [y for e in wanted for y in e.outputs if y in read]
        outer: dict[Atom, Atom] = dict(zip((*same, *rows), self._outside(), strict=True))
        self._inline(fixed, outer, self.before)
        if wanted:
            self._inline_batch(wanted, new_rows, {*rows}, outer, self.before)
        first = self.constants + self.carried
        self.operands = [
            *self.operands[: self.constants],
            *(outer[v] for v in new_same),
            *self.operands[self.constants : first],
            *self.operands[first:],
            *(outer[v] for v in new_rows),
        ]
        inputs = (i, *same, *new_same, *carry, *rows, *new_rows)
        self.constants += len(new_same)
        self.body = replace(self.body, inputs=inputs).with_equations(rest)
        self.is_changed = True

    def _is_worth_it(self, equation: Equation) -> bool:
        is_product = equation.primitive.word in _PRODUCTS
        size = equation.outputs[0].size
        return is_product or (size <= LARGEST_ROW and size * self.steps <= LARGEST_STACKED)

    # --- After --------------------------------------------------------------------------------------------------------

    def _lift_after(self) -> None:
        _, same, carry, rows = self._inputs()
        body, n = self.body, self.carried
        makers = {y: e for e in body.equations for y in e.outputs}
        uses = Counter(a for e in body.equations for a in e.operands)
        uses.update(body.outputs)
        sums = {k: found for k in range(n) if (found := self._summand(k, carry[k], makers, uses)) is not None}
        held = {a for k, a in enumerate(body.outputs[:n]) if k not in sums}
        late: set[int] = set()
        read_late = {a for a in body.outputs[n:] if isinstance(a, Variable)} - held
        in_loop: set[Atom] = set(held)
        adding = {id(self._maker_of_output(k, makers)) for k in sums}
        for e in reversed(body.equations):
            if id(e) in adding:
                continue
            y = e.outputs[0]
            if _is_liftable(e) and not _reads_number(e) and y not in in_loop and y in read_late:
                late.add(id(e))
                read_late.update(a for a in e.operands if isinstance(a, Variable))
            else:
                in_loop.update(e.operands)
        products = [e for e in body.equations if id(e) in late and e.primitive.word in _PRODUCTS]
        below = downstream(body, [e.outputs[0] for e in products])
        lifted = [e for e in body.equations if id(e) in late and any(y in below for y in e.outputs)]
        views = [e for e in body.equations if id(e) in late and e.primitive.word in _VIEWS]
        chosen = {id(e) for e in lifted}
        for e in reversed(views):  # views that only what is lifted reads are cheaper behind the loop than in it
            readers = [r for r in body.equations if e.outputs[0] in r.operands]
            if all(id(r) in chosen for r in readers) and e.outputs[0] not in body.outputs:
                chosen.add(id(e))
        lifted = [e for e in body.equations if id(e) in chosen]
        if not (lifted or sums):
            return
        self._rebuild(lifted, sums, makers, same, carry, rows)

    def _summand(self, k: int, old: Variable, makers: dict[Any, Equation], uses: Counter[Any]) -> Equation | None:
        """Return the product or sum that is added to a carried value in each step, where nothing else reads it."""
        output = self.body.outputs[k]
        adding = makers.get(output)
        if adding is None or adding.primitive not in _ADDITIONS or uses[old] != 1 or uses[output] != 1:
            return None
        a, b = adding.operands
        added = b if a is old else a
        maker = makers.get(added)
        if (
            maker is None
            or not isinstance(added, Variable)
            or old not in adding.operands
            or uses[added] != 1
            or added.shape != old.shape
            or added.dtype != old.dtype
        ):
            return None
        if maker.primitive.word == "matmul" and all(
            isinstance(x, Variable) and len(x.shape) == 2 for x in maker.operands
        ):
            return maker
        if maker.primitive.word == "contract" and maker.params == ("a,b->ab",):
            return maker
        if maker.primitive.word == "sum" and not maker.params[1] and isinstance(maker.operands[0], Variable):
            return maker
        return None

    def _maker_of_output(self, k: int, makers: dict[Any, Equation]) -> Equation:
        return makers[self.body.outputs[k]]

    def _rebuild(
        self,
        lifted: list[Equation],
        sums: dict[int, Equation],
        makers: dict[Any, Equation],
        same: tuple[Variable, ...],
        carry: tuple[Variable, ...],
        rows: tuple[Variable, ...],
    ) -> None:
        body, n = self.body, self.carried
        summands = {k: _sources(e, makers) for k, e in sums.items()}
        gone = (
            {id(e) for e in lifted}
            | {id(e) for e in sums.values()}
            | {id(self._maker_of_output(k, makers)) for k in sums}
        )
        rest = [e for e in body.equations if id(e) not in gone]
        made = {y for e in lifted for y in e.outputs}
        read = [a for e in lifted for a in e.operands if isinstance(a, Variable) and a not in made]
        read += [v for sources in summands.values() for v, _ in sources]
        known = {*same, *rows, *body.constants}
        outer: dict[Atom, Atom] = {v: v for v in body.constants}
        outer.update(zip((*same, *rows), self._outside(), strict=True))
        kept_carry = [k for k in range(n) if k not in sums]
        kept_stacked = [j for j in range(n, len(body.outputs)) if body.outputs[j] not in made]
        stacked: dict[Atom, Variable] = {}
        for j in kept_stacked:
            if body.outputs[j] not in known:
                stacked.setdefault(body.outputs[j], self.stacked[j])
        extra: list[Variable] = []
        for v in read:
            if v not in known and v not in stacked:
                stacked[v] = Variable((self.steps, *v.shape), np.dtype(v.dtype))
                extra.append(v)
        outer.update(stacked)
        moving = {*rows, *stacked}
        lifted_outputs = [j for j in range(n, len(body.outputs)) if body.outputs[j] in made]
        wanted = list(dict.fromkeys(body.outputs[j] for j in lifted_outputs))
        if wanted:
            self._inline_batch(lifted, wanted, moving, outer, self.after)  # type: ignore[arg-type]
        for j in lifted_outputs:
            self.results[j] = outer[body.outputs[j]]
        for k, e in sums.items():
            self.results[k] = self._total(e, summands[k], outer, self.operands[self.constants + k])
        for j in (*kept_carry, *kept_stacked):
            self.results[j] = self.stacked[j]
        outputs = (*(body.outputs[j] for j in (*kept_carry, *kept_stacked)), *extra)
        self.stacked = [*(self.stacked[j] for j in (*kept_carry, *kept_stacked)), *(stacked[v] for v in extra)]
        first = self.constants
        self.operands = [
            *self.operands[:first],
            *(self.operands[first + k] for k in kept_carry),
            *self.operands[first + n :],
        ]
        inputs = (body.inputs[0], *same, *(carry[k] for k in kept_carry), *rows)
        self.carried = len(kept_carry)
        self.body = replace(body, inputs=inputs).with_equations(rest, outputs)
        self.is_changed = True

    def _total(
        self, equation: Equation, sources: Sequence[tuple[Variable, bool]], outer: dict[Atom, Atom], start: Atom
    ) -> Variable:
        """Write the sum over all steps of a product or a sum, and return its variable."""
        output = equation.outputs[0]
        if equation.primitive.word == "sum":
            stacked = self._whole(sources[0][0], outer)
            axes = (0, *(axis + 1 for axis in equation.params[0]))
            total = self._write(equation, (stacked,), (axes, False), output)
        else:
            (p, p_flipped), (q, q_flipped) = sources
            left = self._flat(self._whole(p, outer), 0 if p_flipped else 1)
            right = self._flat(self._whole(q, outer), 1 if q_flipped else 0)
            total = self._product(left, right, output)
        return self._write(replace(equation, primitive=PRIMITIVES[np.add]), (start, total), (), output)

    def _product(self, left: Variable, right: Variable, output: Variable) -> Variable:
        """Write ``left.T @ right``, as a sum of products of chunks of the rows where those are faster."""
        rows, chunk = left.shape[0], chunk_of(left.shape[0], left.shape[1] * right.shape[1])
        if chunk == rows:
            left = self._write_named("transpose", (left,), ((1, 0),), Variable(left.shape[::-1], left.dtype))
            return self._write_named("matmul", (left, right), (), Variable(output.shape, output.dtype))
        count = rows // chunk
        shapes = [(count, chunk, x.shape[1]) for x in (left, right)]
        left, right = (
            self._write_named("reshape", (x,), (shape,), Variable(shape, x.dtype))
            for x, shape in zip((left, right), shapes, strict=True)
        )
        flipped = Variable((count, left.shape[2], chunk), left.dtype)
        left = self._write_named("transpose", (left,), ((0, 2, 1),), flipped)
        parts = self._write_named("matmul", (left, right), (), Variable((count, *output.shape), output.dtype))
        return self._write_named("sum", (parts,), ((0,), False), Variable(output.shape, output.dtype))

    def _whole(self, v: Variable, outer: dict[Atom, Atom]) -> Variable:
        """Return the stacked rows of a value; what is the same for all steps is repeated."""
        whole: Any = outer[v]
        shape = (self.steps, *v.shape)
        if whole.shape == shape:
            return whole  # type: ignore[no-any-return]
        return self._write_named("broadcast_to", (whole,), (shape,), Variable(shape, np.dtype(v.dtype)))

    def _flat(self, x: Variable, axis: int) -> Variable:
        """Join the steps with an axis of the rows, which comes first then; rows of one axis stay as they are."""
        steps, *rest = x.shape
        if len(rest) == 1:
            return x
        if axis == 1:
            order = (0, 2, 1)
            x = self._write_named("transpose", (x,), (order,), Variable((steps, rest[1], rest[0]), x.dtype))
            rest = [rest[1], rest[0]]
        shape = (steps * rest[0], rest[1])
        return self._write_named("reshape", (x,), (shape,), Variable(shape, x.dtype))

    def _write_named(self, name: str, operands: Any, params: Any, output: Variable) -> Variable:
        self.after.append(Equation(NAMED[name], operands, params, (output,)))
        return output

    def _write(self, equation: Equation, operands: Any, params: Any, like: Variable) -> Variable:
        output = Variable(like.shape, like.dtype)
        self.after.append(Equation(equation.primitive, operands, params, (output,), equation.line))
        return output

    # --- Parts --------------------------------------------------------------------------------------------------------

    def _outside(self) -> list[Atom]:
        """Return the operands that are the same for all steps, and those with rows."""
        return [*self.operands[: self.constants], *self.operands[self.constants + self.carried :]]

    def _inline(self, equations: Sequence[Equation], outer: dict[Atom, Atom], into: list[Equation]) -> None:
        for e in equations:
            operands = tuple(outer.get(a, a) for a in e.operands)
            outputs = tuple(Variable(y.shape, y.dtype) for y in e.outputs)
            into.append(Equation(e.primitive, operands, e.params, outputs, e.line))
            outer.update(zip(e.outputs, outputs, strict=True))

    def _inline_batch(
        self,
        equations: Sequence[Equation],
        wanted: Sequence[Variable],
        moving: set[Any],
        outer: dict[Atom, Atom],
        into: list[Equation],
    ) -> None:
        """Write what equations compute for all rows at once."""
        made = {y for e in equations for y in e.outputs}
        read = [a for e in equations for a in e.operands if isinstance(a, Variable) and a not in made]
        inputs = tuple(v for v in dict.fromkeys(read) if v not in self.body.constants)
        program = Program(inputs, tuple(equations), tuple(wanted), self.body.constants, "rows")
        axes = [0 if v in moving else None for v in inputs]
        samples = [
            harmless(Variable((self.steps, *v.shape), v.dtype) if axis == 0 else v)
            for v, axis in zip(inputs, axes, strict=True)
        ]
        whole = batched(dead_code(program), samples, axes, [0] * len(wanted), self.steps)
        inner: dict[Atom, Atom] = dict(zip(whole.inputs, (outer[v] for v in inputs), strict=True))
        self.known.update(whole.constants)
        self._inline([part for e in whole.equations for part in flattened(e)], inner, into)
        outer.update(zip(wanted, (inner.get(a, a) for a in whole.outputs), strict=True))

    def _drop_unread(self) -> None:
        """Drop operands that the body no longer reads."""
        self.body = dead_code(self.body)
        i, same, carry, rows = self._inputs()
        read = {a for e in self.body.equations for a in e.operands} | set(self.body.outputs)
        first = self.constants + self.carried
        kept_same = [k for k, v in enumerate(same) if v in read]
        kept_rows = [k for k, v in enumerate(rows) if v in read]
        self.operands = [
            *(self.operands[k] for k in kept_same),
            *self.operands[self.constants : first],
            *(self.operands[first + k] for k in kept_rows),
        ]
        inputs = (i, *(same[k] for k in kept_same), *carry, *(rows[k] for k in kept_rows))
        self.constants = len(kept_same)
        self.body = replace(self.body, inputs=inputs)


def _is_liftable(equation: Equation) -> bool:
    primitive = equation.primitive
    known = primitive.is_pointwise or primitive.word in _VIEWS | _PRODUCTS | _REDUCTIONS
    return known and len(equation.outputs) == 1


def _is_pure(equation: Equation) -> bool:
    """Say whether an operation may be applied once for all steps: it does not act, and gives arrays."""
    return not tokens(equation) and all(y.dtype is not HISTORY for y in equation.outputs)


def _reads_number(equation: Equation) -> bool:
    """Say whether an operation reads a Python number: its rows would be an array, whose dtype others take on."""
    return any(isinstance(a, Variable) and a.is_weak for a in equation.operands)


def _closed(equations: Sequence[Equation], known: set[Any]) -> list[Equation]:
    """Return those equations that read nothing but what is known or computed by one of them."""
    found, known = [], set(known)
    for e in equations:
        if all(isinstance(a, Literal) or a in known for a in e.operands):
            found.append(e)
            known.update(e.outputs)
    return found


def _ancestors(roots: Sequence[Equation], among: Sequence[Equation]) -> list[Equation]:
    """Return some equations with all those among which compute what they read."""
    needed = {y for e in roots for y in e.outputs}
    found = []
    for e in reversed(among):
        if any(y in needed for y in e.outputs):
            found.append(e)
            needed.update(a for a in e.operands if isinstance(a, Variable))
    return found[::-1]


def _sources(equation: Equation, makers: dict[Any, Equation]) -> list[tuple[Variable, bool]]:
    """Return what a product is of, before it was transposed, and whether it was."""
    if equation.primitive.word == "sum":
        return [(equation.operands[0], False)]  # type: ignore[list-item]
    found: list[tuple[Variable, bool]] = []
    for a in equation.operands:
        maker = makers.get(a)
        is_flipped = maker is not None and maker.primitive.word == "transpose" and maker.params[0] == (1, 0)
        found.append((maker.operands[0], True) if is_flipped else (a, False))  # type: ignore[union-attr,arg-type]
    return found


_ADDITIONS = frozenset({PRIMITIVES[np.add]}) | {p for f, p in PRIMITIVES.items() if getattr(f, "__name__", "") == "add"}
