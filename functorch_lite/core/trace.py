"""Traces keep nested transformations apart.

Each open transformation owns one `Trace`. A trace is born with a number from one counter that the whole process shares
and that is never reset, so of two traces the younger is always the inner transformation, in every thread and task. An
operation is handled by the youngest trace among its arguments; that trace unwraps its own tracers and performs the
rest below. A tracer's value may itself be a tracer of an older trace: that is all that composing transformations is.
"""

from __future__ import annotations

from contextvars import ContextVar
from itertools import count
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from functorch_lite.core.errors import EscapedTracerError, user_line

if TYPE_CHECKING:
    from functorch_lite.core.primitive import Primitive

__all__ = ["ClosedTrace", "Trace", "Tracer", "attribute_of_class", "is_tracer", "next_birth", "repeated", "running"]

#: Whether a function runs under a transformation.
running: ContextVar[bool] = ContextVar("running", default=False)

#: Gives the number of the next trace; the young have the larger ones.
next_birth = count(1).__next__

#: When the functions that are being repeated ran for the first time. Traces that were open then serve them once more.
repeated: ContextVar[tuple[int, ...]] = ContextVar("repeated", default=())


class Trace:
    """One run of one transformation: it decides what each operation on its tracers means.

    A subclass defines `process`. It may override `unary` and `binary`, which serve pointwise operations without
    parameters, where a specialised path is worth having: they are most of what a program does.
    """

    #: The transformation's name, as error messages say it.
    transformation = "a transformation"
    #: Whether the value of a tracer is what the program computes with: not so of all examples of a batch, nor where a
    #: function is recorded for other values too.
    is_concrete = True
    #: What of a function it traces, if not the whole.
    part = ""

    def __init__(self) -> None:
        self.number = next_birth()

    def unary(self, primitive: Primitive, x: Any) -> Any:
        """Apply a primitive of one array and no parameters."""
        return self.process(primitive, (x,), ())

    def binary(self, primitive: Primitive, x: Any, y: Any) -> Any:
        """Apply a primitive of two arrays and no parameters; one of them at least belongs to this trace.

        The other may be an array of tracers that is still to be stacked, which `Primitive.bind` does.
        """
        return primitive.bind((x, y), ())

    def process(self, primitive: Primitive, arrays: tuple[Any, ...], params: tuple[Any, ...]) -> Any:
        """Apply any primitive: unwrap the tracers of this trace, perform the operation below, wrap the result."""
        raise NotImplementedError

    def unwrapped(self, arrays: tuple[Any, ...]) -> tuple[list[int], tuple[Any, ...]]:
        """Return where among arrays this trace's tracers are, and the arrays with their values in their place."""
        active = [i for i, a in enumerate(arrays) if isinstance(a, Tracer) and a._trace is self]
        return active, tuple(a.value if i in active else a for i, a in enumerate(arrays))

    def shown(self, value: Any) -> Any:
        """Return the value of one of this trace's tracers as a function is to see it that runs on the values below."""
        return value

    def settled(self, tracer: Any) -> Any:
        """Return what leaves or enters a transformation in the place of a tracer of this trace."""
        return tracer

    def touch(self, action: str, preposition: str = "of") -> None:
        """Say what is done with a tracer of this trace: an open trace allows it, a closed one raises."""

    def close(self) -> None:
        """End the trace. Its tracers raise `EscapedTracerError` from now on.

        Changing the class costs the open trace nothing: no operation has to ask whether its trace still lives.
        """
        self.transformation, self.is_concrete = self.transformation, self.is_concrete
        self.open_class = type(self)
        self.closed = next_birth()
        self.__class__ = ClosedTrace


class ClosedTrace(Trace):
    """What a trace becomes when its transformation has returned.

    A function that is repeated may close over its tracers. Its results do not depend on them, as it ran first below
    the trace; but it may look at their signs, or make an array of their shape. For such a function, in its thread, the
    trace is what it was.
    """

    #: What the trace was, and when it was closed.
    open_class: type[Trace] = Trace
    closed: int

    @property
    def _serves(self) -> bool:
        return any(self.number < first_run < self.closed for first_run in repeated.get())

    def process(self, primitive: Primitive, arrays: tuple[Any, ...], params: tuple[Any, ...]) -> Any:
        if self._serves:
            return self.open_class.process(self, primitive, arrays, params)
        self.touch(f"{primitive.name} was applied", "to")

    def shown(self, value: Any) -> Any:
        return self.open_class.shown(self, value) if self._serves else value

    def settled(self, tracer: Any) -> Any:
        return self.open_class.settled(self, tracer) if self._serves else tracer

    def __getattr__(self, name: str) -> Any:
        # For functions that are repeated.
        return attribute_of_class(self, self.open_class, name)

    def touch(self, action: str, preposition: str = "of") -> None:
        if self._serves:
            return self.open_class.touch(self, action, preposition)
        if self.part:
            raise EscapedTracerError(
                f"{action} at {user_line()} {preposition} a value of {self.part}, which {self.transformation} has "
                f"recorded as a program of its own. It was kept in an attribute, a list, a variable or an array of "
                f"outside. Return it: from every branch, in the carried value, or among the rows of scan; an array to "
                f"be filled is carried too (y = y.copy(); y[i] = x; return y)."
            )
        raise EscapedTracerError(
            f"{action} at {user_line()} {preposition} a value traced by {self.transformation}, which has already "
            f"returned. The value escaped, for instance into a global, an attribute or a list that outlives the call, "
            f"or a rule (of custom_jvp, custom_vjp) closes over it. Return it from the function (has_aux=True if it is "
            f"not part of the result), or pass it as an argument of the function that has the rule."
        )


def attribute_of_class(trace: Trace, former: type[Trace], name: str) -> Any:
    """Return an attribute that a trace had when it was of another class, bound to the trace if it is a method."""
    attribute = getattr(former, name)
    return MethodType(attribute, trace) if isinstance(attribute, FunctionType) else attribute


class Tracer:
    """A value that a transformation watches: the trace that made it, and the value one level below."""

    __slots__ = ("_trace", "value")

    _trace: Trace
    value: Any


def is_tracer(x: Any) -> bool:
    """Say whether a transformation is watching ``x``.

    Parameters
    ----------
    x
        Any value. Containers are not looked into.

    Returns
    -------
    bool
        True for a `Tensor` too.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.is_tracer(1.0)
    False
    >>> seen = []
    >>> ft.grad(lambda x: seen.append(ft.is_tracer(x)) or x * x)(1.0)
    2.0
    >>> seen
    [True]
    """
    return isinstance(x, Tracer)
