"""Effects: equations that are there for what they do, such as printing, and not for what they return.

Each returns a token, which the program returns too, behind its own outputs. So no pass and no cut loses an effect. What
computes once what is there twice, or ahead of all calls what depends on constants, leaves effects as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite.core.primitive import Arrays, Params, Zero
from functorch_lite.core.trace import Tracer
from functorch_lite.program.equations import Equation, Variable
from functorch_lite.program.text import STRUCTURES
from functorch_lite.transforms.structured import recorder

if TYPE_CHECKING:
    from functorch_lite.program.program import Program

__all__ = ["Effect", "bound", "recording", "silent", "tokens"]

#: Whether effects are only recorded: staging applies each primitive once, to know what it returns.
recording: ContextVar[bool] = ContextVar("recording", default=False)


class Effect(Zero):
    """A primitive that acts on the values of its arrays and returns a token: always True.

    Parameters
    ----------
    act
        Called as ``act(arrays, *params)``; what it returns is dropped.
    parameters, name, batch
        See `Primitive`.
    """

    def __init__(
        self, act: Callable[..., Any], parameters: Sequence[str], *, name: str, batch: Callable[..., Any]
    ) -> None:
        def run(arrays: Arrays, *params: Any) -> Any:
            if not recording.get():
                act(arrays, *params)
            return np.True_

        super().__init__(run, ["arrays"], parameters, name=name, variadic=True, batch=batch)

    def bind(self, arrays: Arrays, params: Params) -> Any:
        trace = recorder.get()
        if trace is None:
            return super().bind(arrays, params)
        return bound(partial(self.bind_at, trace), arrays, params, trace)

    def of_raw(self, arrays: Arrays, params: Params) -> Any:
        return self.function(arrays, *params)


def bound(bind: Callable[[Arrays, Params], Any], arrays: Arrays, params: Params, *traces: Any) -> Any:
    """Bind a primitive that has effects, or contains some: where it is recorded it does not act."""
    traces = (*traces, *(a._trace for a in arrays if isinstance(a, Tracer)))
    if not traces or max(traces, key=lambda trace: trace.number).transformation != "jit":
        return bind(arrays, params)
    before = recording.set(True)
    try:
        return bind(arrays, params)
    finally:
        recording.reset(before)


def tokens(equation: Equation) -> tuple[Variable, ...]:
    """Return the tokens among the outputs of an equation; one that consists of programs has those of its programs."""
    if isinstance(equation.primitive, Effect):
        return equation.outputs
    found: set[Variable] = set()
    for entry in getattr(equation.primitive, "results", ()):
        inner = entry.program
        of_inner = {y for e in inner.equations for y in tokens(e)}
        found.update(y for y, a in zip(equation.outputs, inner.outputs, strict=True) if a in of_inner)
    return tuple(y for y in equation.outputs if y in found)


def silent(program: Program) -> Program:
    """Return the program without its effects, whose tokens become constants; without any, the program itself."""
    constants = dict(program.constants)
    equations = []
    for equation in program.equations:
        acting = tokens(equation)
        constants.update((y, np.ones(y.shape, bool)) for y in acting)
        if acting and not isinstance(equation.primitive, Effect):
            outputs = tuple(Variable(y.shape, y.dtype) if y in acting else y for y in equation.outputs)
            equations.append(replace(equation, primitive=_silenced(equation.primitive), outputs=outputs))
        elif not acting:
            equations.append(equation)
    if len(constants) == len(program.constants):
        return program
    return replace(program, constants=constants).with_equations(equations)


def _silenced(primitive: Any) -> Any:
    """Return an operation that consists of programs without their effects."""
    programs = [silent(entry.program) for entry in primitive.entries]
    return STRUCTURES[primitive.word](programs, **dict(primitive.settings()))
