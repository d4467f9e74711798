"""Random programs that mutate, and two interpreters of them: one of tensors, one of pure functions of arrays.

A program is a list of instructions over registers. Some registers are views of others. The interpreter of tensors does
what it is told: in-place operations, views, ``no_grad`` blocks. The pure one knows nothing of views: each buffer is a
flat array that is replaced as a whole, and each register a buffer with the positions that it sees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import functorch_lite as ft

__all__ = ["Program", "random_program", "run_pure", "run_tensors"]

#: Elementwise functions whose derivative needs no result that a register holds.
UNARY: dict[str, Callable[[Any], Any]] = {
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "tanh": lambda x: x.tanh() * 1.0,
    "half": lambda x: x * 0.5,
    "minus": lambda x: 1.0 - x,
    "bell": lambda x: 1.0 / (1.0 + x * x) + 0.0,
    "root": lambda x: (2.0 + x.cos()) ** 0.5 * 1.0,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: 0.5 * (x * y),
    "divide": lambda x, y: x / (1.5 + y.cos()),
}
#: In-place operations on a tensor, and what they mean.
IN_PLACE: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "add_": (lambda y, v: y.add_(v), lambda y, v: y + v),
    "sub_": (lambda y, v: y.sub_(v), lambda y, v: y - v),
    "mul_": (lambda y, v: y.mul_(v), lambda y, v: y * v),
    "copy_": (lambda y, v: y.copy_(v), lambda y, v: y * 0.0 + v),
    "+=": (lambda y, v: y.__iadd__(v), lambda y, v: y + v),
    "sin_": (lambda y, v: y.sin_(), lambda y, v: np.sin(y)),
    "zero_": (lambda y, v: y.zero_(), lambda y, v: y * 0.0),
}
VIEWS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda x: x.T if x.ndim == 2 else x,
    "flat": lambda x: x.reshape(-1),
    "column": lambda x: x.reshape(-1, 1),
    "first": lambda x: x[0],
    "last": lambda x: x[-1],
    "tail": lambda x: x[1:],
    "every other": lambda x: x[::2],
    "inner": lambda x: x[..., 1:],
    "element": lambda x: x[(0,) * x.ndim],
    "new axis": lambda x: x[None],
}


@dataclass
class Program:
    """Instructions, the shapes of the leaves, and the positions that each register sees in its buffer."""

    leaves: list[tuple[int, ...]]
    instructions: list[tuple[Any, ...]] = field(default_factory=list)
    positions: list[Any] = field(default_factory=list)
    buffers: list[int] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(f"  {i}: {instruction}" for i, instruction in enumerate(self.instructions))

    def loss(self, registers: Sequence[Any], convert: Callable[[Any], Any]) -> Any:
        """Return the weighted sum over all registers."""
        return sum((r * convert(w)).sum() for r, w in zip(registers, self.weights, strict=True))


def random_program(seed: int, length: int = 14) -> Program:
    """Make a program whose every instruction fits the shapes at hand."""
    rng = np.random.default_rng((seed, 2024))
    program = Program([(3, 4), (4, 3), (4,)])
    maker = _Maker(program, rng)
    for i, shape in enumerate(program.leaves):
        maker.emit(("clone of leaf", i), np.arange(np.prod(shape)).reshape(shape))
    maker.emit(("zeros", (3, 4)), np.arange(12).reshape(3, 4))
    steps = [maker.unary, maker.binary, maker.matmul, maker.view, maker.view, maker.gather, maker.in_place,
             maker.in_place, maker.assign, maker.assign, maker.untracked, maker.detached, maker.leaf]  # fmt: skip
    while len(program.instructions) < length + 4:
        steps[rng.integers(len(steps))]()
    program.weights = [rng.uniform(0.5, 1.5, p.shape) for p in program.positions]
    return program


class _Maker:
    """Draws instructions and follows what each register sees."""

    def __init__(self, program: Program, rng: np.random.Generator) -> None:
        self.program, self.rng = program, rng

    def emit(self, instruction: tuple[Any, ...], positions: Any = None, buffer: int | None = None) -> None:
        """Add an instruction, and the register that it makes if any: in a buffer of its own unless it is a view."""
        program = self.program
        program.instructions.append(instruction)
        if positions is not None:
            if buffer is None:
                buffer = max(program.buffers, default=-1) + 1
                positions = np.arange(positions.size).reshape(positions.shape)
            program.positions.append(positions)
            program.buffers.append(buffer)

    def pick(self, fits: Callable[[Any], bool] = lambda p: True) -> int | None:
        """Choose a register that is not empty and fits, later ones rather than earlier."""
        found = [i for i, p in enumerate(self.program.positions) if p.size and fits(p)]
        return found[min(int(len(found) * self.rng.uniform() ** 0.6), len(found) - 1)] if found else None

    def choose(self, table: dict[str, Any]) -> str:
        """Choose a key."""
        return list(table)[self.rng.integers(len(table))]

    def unary(self) -> None:
        """f(a)."""
        i = self.pick()
        self.emit(("unary", self.choose(UNARY), i), self.program.positions[i])

    def binary(self) -> None:
        """f(a, b) of one shape, or broadcast."""
        i = self.pick()
        shape = self.program.positions[i].shape
        j = self.pick(lambda p: _broadcasts(p.shape, shape))
        self.emit(("binary", self.choose(BINARY), i, j), self.program.positions[i])

    def matmul(self) -> None:
        """a @ b."""
        i = self.pick(lambda p: p.ndim == 2)
        n = self.program.positions[i].shape[1]
        j = self.pick(lambda p: 0 < p.ndim <= 2 and p.shape[0] == n)
        if j is not None:
            self.emit(
                ("matmul", i, j), np.empty(self.program.positions[i].shape[:1] + self.program.positions[j].shape[1:])
            )

    def view(self) -> None:
        """A view, or a copy where NumPy makes one."""
        name = self.choose(VIEWS)
        i = self.pick(lambda p: p.ndim > 0 and p.shape[0] > 1 and p.ndim < 4)
        if i is not None:
            positions = self.program.positions[i]
            seen = VIEWS[name](positions)
            shared = seen.ndim == 0 or np.shares_memory(seen, positions)
            self.emit(("view", name, i), np.asarray(seen), self.program.buffers[i] if shared else None)

    def gather(self) -> None:
        """a[indices], with repetitions."""
        i = self.pick(lambda p: p.ndim > 0)
        rows = self.rng.integers(self.program.positions[i].shape[0], size=3)
        self.emit(("gather", rows, i), self.program.positions[i][rows])

    def in_place(self) -> None:
        """a.f_(b) with a register or a number."""
        i = self.pick()
        shape = self.program.positions[i].shape
        j = self.pick(lambda p: _broadcasts(p.shape, shape)) if self.rng.uniform() < 0.7 else None
        self.emit(("in place", self.choose(IN_PLACE), i, self.rng.uniform(0.5, 1.2) if j is None else None, j))

    def assign(self) -> None:
        """a[key] = b with a register or a number."""
        i = self.pick(lambda p: p.ndim > 0)
        positions = self.program.positions[i]
        n = positions.shape[0]
        keys = [int(self.rng.integers(n)), slice(0, 2), slice(None, None, 2), (..., -1),
                self.rng.permutation(n)[:2], self.rng.uniform(size=positions.shape) < 0.5]  # fmt: skip
        key = keys[self.rng.integers(len(keys))]
        shape = positions[key].shape
        j = self.pick(lambda p: _broadcasts(p.shape, shape)) if self.rng.uniform() < 0.7 else None
        self.emit(("assign", key, i, self.rng.uniform(-1.0, 1.0) if j is None else None, j))

    def untracked(self) -> None:
        """A change that the history does not see."""
        kind = ["no_grad", "detach"][self.rng.integers(2)]
        self.emit(("untracked", kind, self.pick(), self.rng.uniform(0.6, 1.2)))

    def detached(self) -> None:
        """A copy without a history."""
        kind = ["no_grad", "detach"][self.rng.integers(2)]
        i = self.pick()
        self.emit(("detached", kind, i), self.program.positions[i])

    def leaf(self) -> None:
        """A leaf again: another branch of the graph, of shape one example or a view of it."""
        i = int(self.rng.integers(len(self.program.leaves)))
        self.emit(("clone of leaf", i), np.empty(self.program.leaves[i]))


def run_tensors(program: Program, leaves: Sequence[Any]) -> Any:
    """Run a program on tensors, with mutation, and return its loss.

    New buffers are laid out in C's order: whether a reshape is a view depends on that.
    """
    registers: list[Any] = []

    def other(i: int, number: float | None, j: int | None) -> Any:
        if j is None:
            return number
        return registers[j].clone() if program.buffers[i] == program.buffers[j] else registers[j]

    for name, *args in program.instructions:
        if name == "clone of leaf":
            registers.append(leaves[args[0]].clone())
        elif name == "zeros":
            registers.append(ft.zeros(args[0]))
        elif name == "unary":
            registers.append(_in_c_order(UNARY[args[0]](registers[args[1]].clone())))
        elif name == "binary":
            registers.append(_in_c_order(BINARY[args[0]](registers[args[1]].clone(), registers[args[2]].clone())))
        elif name == "matmul":
            registers.append(_in_c_order(registers[args[0]].clone() @ registers[args[1]].clone()))
        elif name == "view":
            seen = VIEWS[args[0]](registers[args[1]])
            shared = program.buffers[len(registers)] == program.buffers[args[1]]
            registers.append(seen if shared else _in_c_order(seen))
        elif name == "gather":
            registers.append(_in_c_order(registers[args[1]][ft.tensor(args[0].tolist())]))
        elif name == "in place":
            operation, i, number, j = args
            value = other(i, number, j)
            if operation == "mul_" and j is not None:
                value = value.clone()  # it is saved
            IN_PLACE[operation][0](registers[i], ft.tensor(value) if operation == "copy_" and j is None else value)
        elif name == "assign":
            key, i, number, j = args
            registers[i][ft.tensor(key.tolist()) if isinstance(key, np.ndarray) else key] = other(i, number, j)
        elif name == "untracked":
            kind, i, number = args
            if kind == "detach":
                registers[i].detach().mul_(number)
            else:
                with ft.no_grad():
                    registers[i].mul_(number)
        else:
            kind, i = args
            if kind == "detach":
                registers.append(_in_c_order(registers[i].detach()))
            else:
                with ft.no_grad():
                    registers.append(_in_c_order(registers[i] * 1.0))
    return program.loss(registers, lambda w: ft.tensor(w.tolist()))


def _in_c_order(x: Any) -> Any:
    return x.reshape(-1).reshape(x.shape).clone()


def run_pure(program: Program, leaves: Sequence[Any], stop: Callable[[Any], Any]) -> Any:
    """Run a program on arrays without mutation, and return its loss; ``stop`` ends a derivative."""
    buffers: list[Any] = []
    made: list[int] = []  # the registers so far

    def read(i: int) -> Any:
        return buffers[program.buffers[i]][program.positions[i]]

    def write(i: int, positions: Any, value: Any) -> None:
        n = len(buffers[program.buffers[i]])
        source, hit = np.zeros(n, int), np.zeros(n, bool)
        source[positions.reshape(-1)], hit[positions.reshape(-1)] = np.arange(positions.size), True
        flat = np.broadcast_to(value, positions.shape).reshape(-1)
        if positions.size:
            buffers[program.buffers[i]] = np.where(hit, flat[source], buffers[program.buffers[i]])

    def make(value: Any) -> None:
        buffers.append(value.reshape(-1))
        made.append(len(made))

    for name, *args in program.instructions:
        if name == "clone of leaf":
            make(leaves[args[0]])
        elif name == "zeros":
            make(np.zeros(args[0]))
        elif name == "unary":
            make(_on_array(UNARY[args[0]], read(args[1])))
        elif name == "binary":
            make(_on_array(BINARY[args[0]], read(args[1]), read(args[2])))
        elif name == "matmul":
            make(read(args[0]) @ read(args[1]))
        elif name == "view":
            if program.buffers[len(made)] == program.buffers[args[1]]:
                made.append(len(made))
            else:
                make(VIEWS[args[0]](read(args[1])))
        elif name == "gather":
            make(read(args[1])[args[0]])
        elif name == "in place":
            operation, i, number, j = args
            write(i, program.positions[i], IN_PLACE[operation][1](read(i), number if j is None else read(j)))
        elif name == "assign":
            key, i, number, j = args
            write(i, program.positions[i][key], number if j is None else read(j))
        elif name == "untracked":
            _, i, number = args
            old = read(i)
            write(i, program.positions[i], old + stop(number * old - old))
        else:
            make(stop(read(args[1])))
    return program.loss([read(i) for i in made], lambda w: w)


def _on_array(function: Callable[..., Any], *arrays: Any) -> Any:
    """Apply a function written with a tensor's methods to arrays or tracers."""
    return function(*(_Methods(a) if isinstance(a, np.ndarray | np.generic) else a for a in arrays)) + 0.0


class _Methods(np.lib.mixins.NDArrayOperatorsMixin):
    """An array with ufuncs as methods, as tensors and tracers have them."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __getattr__(self, name: str) -> Callable[[], Any]:
        return lambda: getattr(np, name)(self.value)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*(x.value if isinstance(x, _Methods) else x for x in inputs), **kwargs)


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
