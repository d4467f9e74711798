"""The door through which `jit` keeps loops and branches as such.

While a function is staged, its loops and branches are handed to the trace that `recorder` holds, which makes one
operation of each. Elsewhere it holds None, and they are Python's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Protocol

from functorch_lite.core import tree
from functorch_lite.core.errors import TracerConversionError
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.trace import Tracer

__all__ = ["Recorder", "Structures", "is_staged", "recorded_by", "recorder", "structured_or", "surroundings"]


class Recorder(Protocol):
    """The trace of a program that is being recorded."""

    number: int
    structures: ClassVar[Structures]
    #: The tensors that were made while it is recorded, by identity: they are constants of it, others may change.
    made: dict[int, Any]

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        """Record an operation."""


class Structures(Protocol):
    """What records loops and branches."""

    def switch(
        self, construct: str, index: Any, branches: Sequence[Callable[..., Any]], operands: tuple[Any, ...]
    ) -> Any:
        """Record one of several functions of the operands, chosen by a traced number or truth value."""

    def scan(
        self,
        step: Callable[[Any, Any, Any], tuple[Any, Any]],
        init: Any,
        rows: Sequence[Any],
        structure: tree.Structure,
        steps: range,
        reverse: bool,
    ) -> tuple[Any, list[Any], tree.Structure]:
        """Record ``step(i, carry, x) → (carry, y)`` for all rows; return what `scan` makes its results of."""

    def while_loop(self, condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
        """Record a loop that runs while a condition holds."""


recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


#: What else is to know that a program is being recorded: each is entered for the time.
surroundings: list[Callable[[], AbstractContextManager[None]]] = []


@contextmanager
def recorded_by(trace: Recorder) -> Iterator[None]:
    """Let a trace record what is done."""
    token = recorder.set(trace)
    try:
        with ExitStack() as stack:
            for surrounding in surroundings:
                stack.enter_context(surrounding())
            yield
    finally:
        recorder.reset(token)


def is_staged(x: Any) -> bool:
    """Say whether a value is, below all transformations, one of a program that is being recorded."""
    while isinstance(x, Tracer):
        if x._trace.transformation == "jit":
            return True
        x = x.value
    return False


def structured_or(record: Callable[[Structures], Any], run: Callable[[], Any]) -> Any:
    """Record a loop if a program is being recorded, else run it.

    A loop whose body needs numbers that only running it gives, such as its counter as a Python integer, is unrolled.
    """
    trace = recorder.get()
    if trace is None:
        return run()
    try:
        return record(trace.structures)
    except TracerConversionError as error:
        try:
            return run()
        except TracerConversionError:
            raise error from None
