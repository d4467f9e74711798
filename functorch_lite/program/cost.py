"""Cost: what a program computes, reads, writes and keeps, counted from its equations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from functorch_lite.program.equations import Equation, Variable
from functorch_lite.program.lowering import unwound

if TYPE_CHECKING:
    from functorch_lite.program.program import Program

__all__ = ["Cost", "cost"]


@dataclass(frozen=True)
class Cost:
    """What one run of a program costs, as its equations say; a compiled program may do better.

    Of the branches of a choice the dearest counts; of a loop whose number of steps is not known, one step.

    Attributes
    ----------
    operations
        How many equations there are of each primitive; those of compiled functions that are called count too.
    flops
        Floating-point operations. An elementwise function counts one for each element, whichever it is; a complex
        operation counts as a real one; decompositions count by the formulas of the textbooks, to the leading order.
    bytes_read, bytes_written
        The bytes of the operands and of the results of all equations but those that only make a view.
    peak_bytes
        The largest sum of the bytes of inputs, constants and results that are alive at one time.
    """

    operations: dict[str, int] = field(default_factory=dict)
    flops: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    peak_bytes: int = 0

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {name}" for name, n in self.operations.items())
        rows = {
            "operations": f"{sum(self.operations.values()):,} ({counts})" if counts else "0",
            "flops": f"{self.flops:,}",
            "bytes read": f"{self.bytes_read:,}",
            "bytes written": f"{self.bytes_written:,}",
            "peak bytes": f"{self.peak_bytes:,}",
        }
        return "\n".join(f"{name:<14}{value}" for name, value in rows.items())


def cost(program: Program) -> Cost:
    """Count what a program costs; see `Program.cost`."""
    program = unwound(program)
    operations: Counter[str] = Counter()
    flops = read = written = within = 0
    live = _Liveness(program)
    peak = live.bytes
    for i, equation in enumerate(program.equations):
        if entries := getattr(equation.primitive, "entries", ()):
            times = len(getattr(equation.primitive, "steps", "1"))
            inner, part = _dearest(equation.primitive.word, [entry.program for entry in entries])
            operations.update({name: n * times for name, n in part.operations.items()})
            flops, read = flops + times * part.flops, read + times * part.bytes_read
            written += times * part.bytes_written
            within = max(0, part.peak_bytes - sum(v.nbytes for v in (*inner.inputs, *inner.constants)))
        else:
            operations[equation.primitive.name] += 1
            flops += _flops(equation)
            within = 0
            if equation.primitive.word not in _VIEWS:
                read += sum(a.nbytes for a in equation.operands if isinstance(a, Variable))
                written += sum(y.nbytes for y in equation.outputs)
        peak = max(peak, live.bytes + within)
        live.run(i, equation)
        peak = max(peak, live.most)
    return Cost(dict(operations.most_common()), flops, read, written, peak)


def _dearest(word: str, programs: Sequence[Program]) -> tuple[Program, Cost]:
    """Return the program that costs most, with its cost; of a loop of unknown length that is its body."""
    costs = [(program, cost(program)) for program in programs]
    return costs[-1] if word in {"while", "wind"} else max(costs, key=lambda pair: pair[1].flops)


#: Primitives whose results share the memory of their first operand (of a contiguous one, for reshape).
_VIEWS = frozenset(
    {"broadcast_to", "diagonal", "flip", "imag", "index", "real", "reshape", "split", "stop_gradient", "transpose"}
    | {"unstack"}
)
#: Primitives that move elements, or look at them, without arithmetic.
_MOVES = _VIEWS | frozenset(
    {"argmax", "argmin", "argpartition", "argsort", "concatenate", "constant_like", "convert", "discretize", "gather"}
    | {"debug_print", "embed_diagonal", "pad_with_zeros", "replace", "roll", "sort", "stack", "unindex", "where"}
)
#: Primitives that go over all elements of their first operand once.
_SWEEPS = frozenset(
    {"cummax", "cummin", "cumprod", "cumsum", "masked_prod", "masked_sum", "max", "mean", "min", "prod", "scatter"}
    | {"sum"}
)


class _Liveness:
    """The memory in use while equations run one after the other."""

    def __init__(self, program: Program) -> None:
        self.owner: dict[Variable, Variable] = {}
        self.bytes = sum(v.nbytes for v in (*program.inputs, *program.constants))
        self.most = self.bytes
        self._ends: dict[Variable, int] = {}
        held = {*program.inputs, *program.constants}
        for i, equation in enumerate(program.equations):
            operands = [a for a in equation.operands if isinstance(a, Variable)]
            for y in equation.outputs:
                is_view = equation.primitive.word in _VIEWS and operands
                self.owner[y] = self.owner.get(operands[0], operands[0]) if is_view else y
                self._ends[self.owner[y]] = max(i, self._ends.get(self.owner[y], 0))
            for a in operands:
                self._ends[self.owner.get(a, a)] = i
        for output in program.outputs:
            if isinstance(output, Variable):
                self._ends[self.owner.get(output, output)] = len(program.equations)
        self._dying: dict[int, list[Variable]] = {}
        for variable, end in self._ends.items():
            if variable not in held:
                self._dying.setdefault(end, []).append(variable)

    def run(self, i: int, equation: Equation) -> None:
        """Take memory for the results of an equation, then release what nobody reads any more."""
        self.bytes += sum(y.nbytes for y in equation.outputs if self.owner[y] is y)
        self.most = max(self.most, self.bytes)
        self.bytes -= sum(v.nbytes for v in self._dying.get(i, ()))


def _flops(equation: Equation) -> int:
    word, outputs = equation.primitive.word, equation.outputs
    shapes = [a.shape if isinstance(a, Variable) else () for a in equation.operands]
    if word in _MOVES:
        return 0
    if word in _SWEEPS:
        return prod(shapes[0])
    if word in ("var", "std", "softmax", "log_softmax", "logsumexp"):
        return 4 * prod(shapes[0])
    if word == "matmul":
        return 2 * outputs[0].size * shapes[0][-1]
    if word == "convolution":
        return 2 * outputs[0].size * prod(shapes[1][2:])
    if word == "transposed_convolution":
        return 2 * prod(shapes[0]) * prod(shapes[1][2:])
    if word == "filter_sums":
        return 2 * prod(shapes[1]) * prod(outputs[0].shape[2:])
    if word == "contract":
        return _flops_of_contraction(equation.params[0], shapes)
    if word in _FACTORISATIONS and shapes and len(shapes[0]) >= 2:
        *batch, m, n = shapes[0]
        return int(prod(batch) * _FACTORISATIONS[word](m, n, shapes[-1][-1]))
    if word in ("complex_transform", "real_transform", "real_inverse"):
        n = equation.params[0]
        return int(2.5 * outputs[0].size * max(1, n.bit_length()))
    return sum(y.size for y in outputs)


def _flops_of_contraction(subscripts: str, shapes: Sequence[Any]) -> int:
    terms, out = subscripts.split("->")
    lengths: dict[str, int] = {}
    for term, shape in zip(terms.split(","), shapes, strict=True):
        lengths |= zip(term, shape, strict=True)
    return prod(lengths.values()) * (2 if set(lengths) - set(out) else 1)


#: Of an m×n matrix (and k right-hand sides): Golub and Van Loan, Matrix Computations, 4th edition.
_FACTORISATIONS: dict[str, Any] = {
    "cholesky": lambda m, n, k: n**3 / 3,
    "det": lambda m, n, k: 2 * n**3 / 3,
    "eig": lambda m, n, k: 25 * n**3,
    "eigh": lambda m, n, k: 9 * n**3,
    "eigvals": lambda m, n, k: 10 * n**3,
    "eigvalsh": lambda m, n, k: 4 * n**3 / 3,
    "inv": lambda m, n, k: 2 * n**3,
    "pinv": lambda m, n, k: 20 * max(m, n) * min(m, n) ** 2,
    "qr": lambda m, n, k: 4 * m * n * min(m, n) - 4 * min(m, n) ** 3 / 3,
    "slogdet": lambda m, n, k: 2 * n**3 / 3,
    "solve": lambda m, n, k: 2 * n**3 / 3 + 2 * n**2 * k,
    "svd": lambda m, n, k: 14 * max(m, n) * min(m, n) ** 2 + 8 * min(m, n) ** 3,
    "svdvals": lambda m, n, k: 4 * max(m, n) * min(m, n) ** 2 - 4 * min(m, n) ** 3 / 3,
}
