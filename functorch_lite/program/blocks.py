"""The source of a group: a function that computes blocks of rows one after the other, and its call.

Within a block results go into a few standing arrays that fit into cache together, or into their rows of an output. What
sums over the rows is added up from block to block.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.matmul import thin_product
from functorch_lite.program.execution import block_memory, run_blocks, spread, threads
from functorch_lite.program.fusion import Group, is_closing, is_elementwise
from functorch_lite.program.joint_products import JointProduct, joint_products
from functorch_lite.program.operators import UFUNC_OF
from functorch_lite.program.phrases import LONGEST_SHORT_ROW, sum_by_product
from functorch_lite.program.program import Atom, Equation, Literal, Variable

__all__ = ["block_size", "write_group"]

#: The elements of a block: a few such arrays fit into the second-level cache.
BLOCK = 3 << 14

#: The elements of a block where a matrix takes part in products, which read it once and gain by length.
LARGE_BLOCK = 1 << 18

#: A matrix of so many elements (8 MB) at most, of which there are only products, is not taken in blocks: processors
#: multiply it from their third-level cache about as fast as from the second, and the calls of each block take time.
LARGEST_WHOLE = 1 << 20

#: So many times shorter at least than rows of the matrix are those of its products then.
FEWEST_COLUMNS = 16

#: So many operands at most are repeated for the rows of a block, which is to stay in cache, and of so many blocks at
#: least.
MOST_REPEATED, FEWEST_REPEATING = 3, 3


def write_group(writer: Any, i: int, group: Group) -> None:
    """Write the lines of a group, the step number ``i``, by a program's writer."""
    _GroupWriter(writer, group).write(i)


def block_size(group: Group) -> int:
    """Return how many elements of the longest rows a block has."""
    products = [e for e in group.equations if e.primitive.word == "matmul"]
    if not products:
        return BLOCK
    size = group.rows * group.row_size
    others = [e for e in group.equations if e not in products]
    rows = [a.shape[1:] for e in others for a in (*e.operands, *e.outputs) if isinstance(a, Variable)]
    if size <= LARGEST_WHOLE and all(prod(row) * FEWEST_COLUMNS <= group.row_size for row in rows):
        return -(-size // threads())
    return LARGE_BLOCK


class _GroupWriter:
    """Writes one group."""

    def __init__(self, writer: Any, group: Group) -> None:
        self.writer, self.group = writer, group
        self.names: dict[Variable, str] = writer.names
        self.last = _last_uses(group)
        #: What holds each value of the group within a block: the expression.
        self.held: dict[Variable, str] = {}
        #: The standing array that a value lies in.
        self.slots: dict[Variable, int] = {}
        self.kinds: list[tuple[int, Any]] = []
        self.free: dict[tuple[int, Any], list[int]] = {}
        #: How many rows a block has, but for the last one.
        self.block = 1
        #: The shaped views of standing arrays that a block makes.
        self.views: dict[str, str] = {}
        #: What is the same for all rows and was repeated for those of a block.
        self.repeated: dict[tuple[Atom, tuple[int, ...]], str] = {}
        self.repeating: list[str] = []
        #: The products that are computed with others.
        self.joint = joint_products(group)
        #: The lines that put the vectors beside each other by which a matrix is multiplied.
        self.gathering: list[str] = []

    def write(self, i: int) -> None:
        group, names, lines = self.group, self.names, self.writer.lines
        number = self.writer.groups = self.writer.groups + 1
        self.writer.namespace |= {"run_blocks": run_blocks, "block_memory": block_memory}
        block = self.block = max(1, block_size(group) // group.row_size)
        read = {a for e in group.equations for a in e.operands if isinstance(a, Variable)} - group.defined
        arrays = sorted((v for v in read if self._is_read_by_rows(v)), key=lambda v: v.number)
        whole = [v for v in group.outputs if v not in group.closed]
        for v in whole:
            if self.writer.memory.slot(i, v) is None:
                self.writer.new(v)
        for v in (*arrays, *whole):
            self.held[v] = f"{names[v]}_b"
        body = [self._line(k, equation, set(whole)) for k, equation in enumerate(group.equations)]
        closed = [e for e in group.equations if is_closing(e, group.rows)]
        sums = [names[e.outputs[0]] for e in closed]
        start = [f"{name} = 0.0" for name in sums]
        if self.kinds:
            sizes = tuple((block * size, np.dtype(dtype)) for size, dtype in self.kinds)
            kinds = self.writer.namespace.parameter(sizes)
            start.append(f"{', '.join(f'm{k}' for k in range(len(self.kinds)))}, = block_memory({kinds})")
            start += self.repeating + self.gathering
        lines += [
            f"def group{number}(first_, last_):",
            *(f"    {line}" for line in start),
            f"    for i0 in range(first_, last_, {block}):",
            f"        i1 = i0 + {block} if i0 + {block} < last_ else last_",
            "        r_ = i1 - i0",
            *(f"        {names[v]}_b = {names[v]}[i0:i1]" for v in (*arrays, *whole)),
            *(f"        {view} = {made}" for view, made in self.views.items()),
            *(f"        {line}" for line in body if line),
            f"    return ({', '.join(sums)},)" if sums else "    return None",
        ]
        call = f"run_blocks(group{number}, {group.rows}, {block}, {group.row_size})"
        lines.append(f"parts = {call}" if sums else call)
        for k, equation in enumerate(closed):
            output = equation.outputs[0]
            self.writer.namespace["sum_of"] = sum
            lines.append(f"{names[output]} = sum_of([part[{k}] for part in parts])")
            if equation.primitive.word == "mean":
                count = equation.operands[0].size // max(1, output.size)  # type: ignore[union-attr]
                lines.append(f"{names[output]} = {names[output]} / {float(count)!r}")
            self.writer.memory.owned.add(output)

    def _is_read_by_rows(self, v: Variable) -> bool:
        """Say whether a block reads its rows of an array from outside; it may read the whole of it besides."""
        return any(
            a is v and self._by_rows(equation, position)
            for equation in self.group.equations
            for position, a in enumerate(equation.operands)
        )

    def _by_rows(self, equation: Equation, position: int) -> bool:
        """Say whether an equation reads an operand row by row."""
        operand, output = equation.operands[position], equation.outputs[0]
        if not isinstance(operand, Variable) or operand.shape[:1] != (self.group.rows,):
            return False
        if equation.primitive.word == "matmul":
            return position == 0 or is_closing(equation, self.group.rows)
        return not is_elementwise(equation) or len(operand.shape) == len(output.shape)

    def _line(self, k: int, equation: Equation, whole: set[Variable]) -> str | None:
        writer, output, word = self.writer, equation.outputs[0], equation.primitive.word
        texts = [self._text(equation, i) for i in range(len(equation.operands))]
        joint = self.joint.get(output)
        if joint is not None:
            place = joint.place(equation)
            self._release(k, equation)
            return self._joint_sums(joint, place, texts) if joint.sums else self._joint_rows(joint, place, texts, whole)
        if is_closing(equation, self.group.rows):
            partial = self._partial(equation, texts)
            self._release(k, equation)
            return f"{self.names[output]} = {partial} + {self.names[output]}"
        if word in {"reshape", "broadcast_to"}:
            view = f"{self.names[output]}_v"
            rest = "".join(f", {n}" for n in output.shape[1:])
            if word == "reshape":
                made = f"{texts[0]}.reshape((r_{rest},))"
            else:
                writer.namespace["np_broadcast_to"] = np.broadcast_to
                made = f"np_broadcast_to({texts[0]}, (r_{rest},))"
            if output in whole:
                return f"{self.names[output]}_b[...] = {made}"
            self.held[output] = view
            return f"{view} = {made}"
        if word in {"sum", "max", "min"}:
            target = self._target(output, whole)
            reducing = {"sum": "add", "max": "maximum", "min": "minimum"}[word]
            writer.namespace[f"np_{reducing}_reduce"] = getattr(np, reducing).reduce
            axes, keepdims = equation.params
            product = self._product_with_ones(equation, texts[0]) if word == "sum" else None
            self._release(k, equation)
            if product is not None:
                return f"{product[:-1]}, {target}{'' if len(output.shape) == 1 else '.reshape(-1)'})"
            return f"np_{reducing}_reduce({texts[0]}, {axes!r}, None, {target}, {keepdims})"
        if word == "matmul":
            target = self._target(output, whole)
            writer.namespace["np_dot"] = np.dot
            self._release(k, equation)
            return f"np_dot({', '.join(texts)}, {target})"
        texts = [self._repeated(equation, i) or text for i, text in enumerate(texts)]
        self._release(k, equation)
        target = self._target(output, whole)
        ufunc = UFUNC_OF.get(equation.primitive.function, equation.primitive.function)
        if isinstance(ufunc, np.ufunc):
            if not _is_outer(equation):
                return writer.namespace.call_into(ufunc, texts, target)  # type: ignore[no-any-return]
            writer.namespace["spread"] = spread
            return f"spread({texts[0]}, {target}); {writer.namespace.call_into(ufunc, [target, texts[1]], target)}"
        return f"{target}[...] = {writer.namespace.function(equation.primitive)}({', '.join(texts)})"

    def _joint_rows(self, joint: JointProduct, place: int, texts: list[str], whole: set[Variable]) -> str | None:
        """Multiply the rows of a block by several vectors, where the first of the products stands."""
        if place:
            return None
        self.writer.namespace |= {"thin_product": thin_product, "np_empty": np.empty, "np_copyto": np.copyto}
        product, vectors = f"j{joint.number}", f"v{joint.number}"
        shape, dtype = (joint.length, joint.count), self.writer.namespace.parameter(joint.dtype)
        self.gathering.append(f"{vectors} = np_empty({shape!r}, {dtype})")
        memory = self._standing(joint.count, joint.dtype)
        self.views[product] = f"{memory}[: r_ * {joint.count}].reshape((r_, {joint.count}))"
        lines = [f"thin_product({texts[0]}, {vectors}, {product})"]
        for i, e in enumerate(joint.equations):
            self.gathering.append(f"{vectors}[:, {i}] = {self._text(e, 1)}")
            column, output = f"{product}_{i}", e.outputs[0]
            self.views[column] = f"{product}[:, {i}]"
            if output in whole:
                lines.append(f"np_copyto({self.held[output]}, {column})")
            else:
                self.held[output] = column
        return "; ".join(lines)

    def _joint_sums(self, joint: JointProduct, place: int, texts: list[str]) -> str:
        """Keep the rows by which a matrix is multiplied until all are there, where the last of the products stands."""
        self.writer.namespace |= {"np_dot": np.dot, "np_copyto": np.copyto}
        product = f"j{joint.number}"
        if place == 0:
            memory = self._standing(joint.count, joint.dtype)
            self.views[product] = f"{memory}.reshape(({joint.count}, {self.block}))[:, :r_]"
        lines = [f"np_copyto({product}[{place}], {texts[0]})"]
        if place == joint.count - 1:
            lines.append(f"{product}_sums = np_dot({product}, {texts[1]})")
            names = [self.names[e.outputs[0]] for e in joint.equations]
            lines += [f"{name} = {product}_sums[{i}] + {name}" for i, name in enumerate(names)]
        return "; ".join(lines)

    def _standing(self, size: int, dtype: Any) -> str:
        """Return the name of a standing array with so many elements for each row of a block."""
        self.kinds.append((size, dtype))
        return f"m{len(self.kinds) - 1}"

    def _partial(self, equation: Equation, texts: list[str]) -> str:
        if equation.primitive.word == "matmul":
            self.writer.namespace["np_dot"] = np.dot
            return f"np_dot({', '.join(texts)})"
        product = self._product_with_ones(equation, texts[0])
        if product is not None:
            shape, rank = equation.outputs[0].shape, len(equation.operands[0].shape)  # type: ignore[union-attr]
            return product if len(shape) == min(rank - 1, 1) else f"{product}.reshape({shape!r})"
        self.writer.namespace["np_add_reduce"] = np.add.reduce
        axes, keepdims = equation.params
        rank = len(equation.operands[0].shape)  # type: ignore[union-attr]
        kept = ", None, None, True" if keepdims else ""
        return f"np_add_reduce({texts[0]}, {'None' if len(axes) == rank else repr(axes)}{kept})"

    def _product_with_ones(self, equation: Equation, text: str) -> str | None:
        """Return a sum over short rows, or of them, as a product; see `sum_by_product`."""
        operand = equation.operands[0]
        assert isinstance(operand, Variable)
        if len(operand.shape) > 2 and operand not in self.slots:
            return None
        shape = (self.block, *operand.shape[1:])
        return sum_by_product(self.writer, text, shape, operand.dtype, equation.params[0], "r_")

    def _text(self, equation: Equation, position: int) -> str:
        atom = equation.operands[position]
        if isinstance(atom, Literal) or not atom.shape:
            constant = self.writer.constant(atom, equation)
            return constant or self.writer.operand(atom)  # type: ignore[no-any-return]
        is_whole = atom not in self.group.defined and not self._by_rows(equation, position)
        return self.names[atom] if is_whole else self.held.get(atom) or self.names[atom]

    def _repeated(self, equation: Equation, position: int) -> str | None:
        """Return an operand that is the same for all rows, repeated for those of a block; None if it is another.

        A loop over two arrays of one shape takes two thirds of the time of one that begins again at each row.
        """
        atom, row = equation.operands[position], equation.outputs[0].shape[1:]
        if not isinstance(atom, Variable) or atom in self.group.defined or self._by_rows(equation, position):
            return None
        if not row or atom.shape not in (row, (1, *row)) or not 1 < self.block <= self.group.rows // FEWEST_REPEATING:
            return None
        view = self.repeated.get((atom, row))
        if view is None and len(self.repeated) < MOST_REPEATED:
            self.writer.namespace["np_copyto"] = np.copyto
            slot, size = len(self.kinds), prod(row)
            self.kinds.append((size, atom.dtype))
            view = self.repeated[atom, row] = f"m{slot}_{'_'.join(map(str, row))}"
            rest = "".join(f", {n}" for n in row)
            self.views[view] = f"m{slot}[: r_ * {size}].reshape((r_{rest},))"
            self.repeating.append(f"np_copyto(m{slot}.reshape((-1{rest},)), {self.names[atom]})")
        return view

    def _target(self, output: Variable, whole: set[Variable]) -> str:
        if output in whole:
            return self.held[output]
        kind = (prod(output.shape[1:]), output.dtype)
        free = self.free.setdefault(kind, [])
        if free:
            slot = free.pop()
        else:
            slot = len(self.kinds)
            self.kinds.append(kind)
        self.slots[output] = slot
        rest = "_".join(map(str, output.shape[1:]))
        view = f"m{slot}_{rest}"
        shape = "".join(f", {n}" for n in output.shape[1:])
        self.views[view] = f"m{slot}[: r_ * {kind[0]}].reshape((r_{shape},))" if shape else f"m{slot}[:r_]"
        self.held[output] = view
        return view

    def _release(self, k: int, equation: Equation) -> None:
        for atom in [v for v in self.slots if self.last.get(v, k) == k]:
            slot = self.slots.pop(atom)
            self.free.setdefault(self.kinds[slot], []).append(slot)


def _is_outer(equation: Equation) -> bool:
    """Say whether both operands are broadcast within short rows: to copy one of them first makes for longer loops."""
    output, operands = equation.outputs[0], equation.operands
    return (
        len(operands) == 2
        and len(output.shape) > 2
        and output.shape[-1] <= LONGEST_SHORT_ROW
        and all(isinstance(a, Variable) and a.shape != output.shape and a.dtype == output.dtype for a in operands)
        and all(len(a.shape) == len(output.shape) for a in operands)  # type: ignore[union-attr]
        and operands[0].shape[0] == output.shape[0]  # type: ignore[union-attr]
    )


def _last_uses(group: Group) -> dict[Variable, int]:
    """Return the number of the equation that reads each value, or a view of it, last."""
    last: dict[Variable, int] = {}
    for k, equation in reversed([*enumerate(group.equations)]):
        is_view = equation.primitive.word in {"reshape", "broadcast_to"}
        end = max([k, *(last.get(y, k) for y in equation.outputs)]) if is_view else k
        for a in equation.operands:
            if isinstance(a, Variable):
                last[a] = max(last.get(a, end), end)
    return last
