"""The way back along a loop whose number of steps only its run has told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.primitive import Arrays, Params
from functorch_lite.program.derivation import coerced, harmless, in_batch, pushed, staged, strong, zero
from functorch_lite.program.entries import Entry, ProgramPrimitive
from functorch_lite.program.equations import HISTORY, Variable
from functorch_lite.program.loops import repeated
from functorch_lite.program.signatures import signature
from functorch_lite.program.staging import representative
from functorch_lite.program.text import READABLE, STRUCTURES
from functorch_lite.transforms.batching import vmap

__all__ = ["History", "InBatch", "Unwinding", "WithTangents", "refuse_again"]


class History:
    """What the steps of a loop have kept: to programs one value, or one for each example of a batch.

    Attributes
    ----------
    steps
        For each step the residuals.
    layers
        What was made of the loop after it had begun to keep residuals, each of which the way back has to follow: an
        `InBatch` or a `WithTangents`.
    """

    dtype = HISTORY

    def __init__(self, layers: tuple[Any, ...]) -> None:
        self.steps: list[Arrays] = []
        self.layers = layers
        self.shape = tuple(layer.size for layer in reversed(layers) if isinstance(layer, InBatch))
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, i: int) -> History:
        """Return the history of an example, of which only the layers are known."""
        last = max(k for k, layer in enumerate(self.layers) if isinstance(layer, InBatch))
        return History(self.layers[:last])


@dataclass(frozen=True)
class InBatch:
    """The residuals are of a batch; if it is masked, the flags of the examples that were not done are behind them."""

    size: int
    is_masked: bool


@dataclass(frozen=True)
class WithTangents:
    """Behind the residuals are the tangents of those at some positions."""

    positions: tuple[int, ...]


class Unwinding(ProgramPrimitive):
    """Run a program for each step of a history, the last one first.

    The operands are the history, what is the same for all steps, and the carried values.

    Parameters
    ----------
    body
        From the residuals of a step, what is the same for all, and the carried values, to the next carried values.
    constants
        How many operands are the same for all steps.
    level
        How many layers of the history the body follows.
    """

    def __init__(self, body: Entry, constants: int, level: int = 0) -> None:
        super().__init__("unwind", [body])
        self.body, self.constants, self.level = body, constants, level
        self.carried = len(body.program.outputs)
        self.kept = len(body.program.inputs) - constants - self.carried

    def settings(self) -> list[tuple[str, Any]]:
        return [("constants", self.constants), ("level", self.level)]

    def run(self, *arrays: Any) -> Arrays:
        history, same, carry = arrays[0], arrays[1 : 1 + self.constants], arrays[1 + self.constants :]
        body = self.body.run
        for kept in reversed(history.steps):
            carry = body(*kept, *same, *carry)
        return carry

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        inputs, first = self.body.program.inputs, self.kept + self.constants
        layer = representative(values[0]).layers[self.level] if tangents[0] is not None else WithTangents(())
        same = [self.kept + i for i, t in enumerate(tangents[1 : 1 + self.constants]) if t is not None]
        carried = range(first, len(inputs))
        seeds = [tangents[1 + i - self.kept] for i in (*same, *carried)]
        seeds = [zero(strong(inputs[i])) if t is None else t for i, t in zip((*same, *carried), seeds, strict=True)]

        def make() -> Unwinding:
            samples = [*map(harmless, inputs[: self.kept]), *map(representative, values[1:])]
            moved = [harmless(inputs[i]) for i in layer.positions]
            body, _ = pushed(self.body.program, samples, (*layer.positions, *same, *carried), (*moved, *seeds))
            given, rest = body.inputs[: len(inputs)], body.inputs[len(inputs) :]
            of_kept, of_same = rest[: len(moved)], rest[len(moved) : len(moved) + len(same)]
            of_carried = rest[len(moved) + len(same) :]
            ordered = (*given[: self.kept], *of_kept, *given[self.kept : first], *of_same, *given[first:], *of_carried)
            kinds = [*map(strong, given[first:]), *map(strong, of_carried)]
            body = coerced(replace(body, inputs=ordered), list(kinds))
            return Unwinding(Entry(body, shared=0), self.constants + len(same), self.level + bool(moved))

        key = ("forward", layer, tuple(same), *map(signature, seeds))
        loop = self.body.derive(key, make)
        split = 1 + self.constants
        both = loop.bind((*values[:split], *seeds[: len(same)], *values[split:], *seeds[len(same) :]), ())
        return both[: self.carried], both[self.carried :]

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        refuse_again()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        layer = representative(arrays[0]).layers[self.level] if batched[0] else None
        is_masked = layer is not None and layer.is_masked
        split = 1 + self.constants
        carry = [x if b else repeated(x, size) for x, b in zip(arrays[split:], batched[split:], strict=True)]
        arrays = (*arrays[:split], *carry)
        program, n = self.body.program, self.kept

        def masked(*values: Any) -> list[Any]:
            p, kept = values[n], (*values[:n], *values[n + 1 :])
            old = values[len(values) - self.carried :]
            return [np.where(p, new, before) for new, before in zip(program(*kept), old, strict=True)]

        def make() -> Unwinding:
            of_kept = [0 if batched[0] else None] * n + [0] * is_masked
            axes = (*of_kept, *(0 if b else None for b in batched[1:split]), *[0] * self.carried)
            flags = [Variable((), np.dtype(bool))] * is_masked
            samples = [harmless(in_batch(v, size) if batched[0] else v) for v in (*program.inputs[:n], *flags)]
            run = masked if is_masked else program.__call__
            body = staged(vmap(lambda *xs: run(*xs), axes, axis_size=size), (*samples, *arrays[1:]), "back")
            kinds = [in_batch(v, size) for v in program.inputs[len(program.inputs) - self.carried :]]
            return Unwinding(Entry(coerced(body, list(kinds)), shared=0), self.constants, self.level + batched[0])

        key = ("batch", int(size), batched, is_masked, *map(signature, arrays[1:]))
        return self.body.derive(key, make).bind(arrays, ())


STRUCTURES["unwind"] = lambda programs, **settings: Unwinding(Entry(programs[0], shared=0), **settings)
READABLE.update({"InBatch": InBatch, "WithTangents": WithTangents})


def refuse_again() -> NoReturn:
    """Raise: a loop that has a history is to be differentiated in reverse once more."""
    raise NotImplementedError(
        f"at {user_line()} the derivative of a while_loop under jit was differentiated in reverse mode once more, "
        f"which it cannot be, as the number of its steps is not known. Use forward mode over reverse mode (ft.hessian, "
        f"ft.jacfwd of ft.grad), fori_loop or scan with a fixed number of steps, or leave this function out of jit"
    )
