"""Named axes of batches: which are open, and whether a function asks for them.

A collective operation has an `Axis` as its parameter, not the trace of one run of `vmap`: a program that holds one can
be kept, and means the same in every later run that opens the axis again. What a function computes may depend on an open
axis without an operation that says so, as by `axis_size`; so whoever keeps what a function gave asks `asked` whether
there is reason to keep it for the open axes alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from functorch_lite.core.errors import EscapedTracerError, user_line
from functorch_lite.transforms.structured import recorder

if TYPE_CHECKING:
    from functorch_lite.transforms.batching import NamedBatchTrace

__all__ = [
    "Axis",
    "NamedSize",
    "asked",
    "axis_named",
    "axis_of",
    "is_one_by_one",
    "note_asked",
    "one_by_one",
    "open_axes",
    "opened",
    "trace_apart",
    "trace_named",
    "trace_of",
]


class Axis(NamedTuple):
    """The named axis of a batch; of those that are open at once no two are equal."""

    name: Hashable
    size: int
    #: How many open axes of the same name it hides.
    depth: int


class NamedSize(int):
    """The size of a named axis. Who batches a function by it, now or later, batches it along that axis."""

    axis: Axis

    def __new__(cls, axis: Axis) -> NamedSize:
        size = super().__new__(cls, axis.size)
        size.axis = axis
        return size


def axis_of(size: int) -> Axis | None:
    """Return the named axis that has a size; None if it is a number alone."""
    return size.axis if isinstance(size, NamedSize) else None


#: The traces of the named axes that are open, the innermost last.
_open: ContextVar[tuple[NamedBatchTrace, ...]] = ContextVar("open", default=())

#: The axes whose examples a function runs for one by one.
_apart: ContextVar[frozenset[Axis]] = ContextVar("apart", default=frozenset())

#: How often functions have asked for a named axis.
_asked: ContextVar[int] = ContextVar("asked", default=0)


@contextmanager
def opened(trace: NamedBatchTrace) -> Iterator[None]:
    """Open the named axis of a trace."""
    token = _open.set((*_open.get(), trace))
    try:
        yield
    finally:
        _open.reset(token)


@contextmanager
def one_by_one(size: int) -> Iterator[None]:
    """Let a function run for the examples of a batch one by one: if its axis is named, they cannot be combined."""
    axis = axis_of(size)
    token = _apart.set(_apart.get() if axis is None else _apart.get() | {axis})
    try:
        yield
    finally:
        _apart.reset(token)


def is_one_by_one(axis: Axis) -> bool:
    """Say whether a function runs for the examples of a batch one by one."""
    return axis in _apart.get()


def open_axes() -> tuple[Axis, ...]:
    """Return the named axes that are open, the innermost last."""
    return tuple(trace.size.axis for trace in _open.get())


def axis_named(name: Hashable, size: int) -> Axis:
    """Return a new axis, to be opened now."""
    return Axis(name, size, sum(axis.name == name for axis in set(open_axes())))


def asked() -> int:
    """Return how often functions have asked for a named axis: a number to compare with an earlier one."""
    return _asked.get()


def note_asked() -> None:
    """Count that a function has asked for a named axis."""
    _asked.set(_asked.get() + 1)


def trace_named(name: Hashable) -> NamedBatchTrace:
    """Return the trace of the innermost open axis of a name; raise if there is none."""
    note_asked()
    for trace in reversed(_open.get()):
        if trace.size.axis.name == name:
            return trace
    known = ", ".join(dict.fromkeys(repr(axis.name) for axis in open_axes())) or "none"
    raise NameError(
        f"at {user_line()} no batch is named {name!r} (named are: {known}); give ft.vmap(f, axis_name={name!r}) "
        f"around the function, in the same thread"
    )


def trace_apart(axis: Axis) -> Any:
    """Return the trace at which examples become different: that of the axis, or of a program recorded within it."""
    batch, recorded = trace_of(axis), recorder.get()
    return batch if recorded is None or recorded.number < batch.number else recorded


def trace_of(axis: Axis) -> NamedBatchTrace:
    """Return the innermost trace of an axis; raise if it is not open."""
    for trace in reversed(_open.get()):
        if trace.size.axis == axis:
            return trace
    raise EscapedTracerError(
        f"a collective operation was applied at {user_line()} along the axis {axis.name!r} of a batch, whose vmap has "
        f"already returned. The function escaped, for instance a pullback into a list that outlives the call. Call it "
        f"within the function that vmap was given."
    )
