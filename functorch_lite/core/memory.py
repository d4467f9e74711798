"""Memory that arrays share: who owns an array's memory, and when it was last written to.

A write in place is a fact about memory, not about one tensor: views and detached aliases see it too. So the version of
a tensor is the number of writes to the array that owns its memory. A value that the tape has kept is stale if its
memory was written to after its node was made; nodes and writes are numbered by the same clock. Programs that never
write in place pay nothing for any of this.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import RLock
from typing import Any
from weakref import ref

import numpy as np

from functorch_lite.core.operands import bottom
from functorch_lite.core.tape import FIRST_PARENT, ORDER, PRIMITIVE, Node, next_order

__all__ = ["check_kept", "check_unmodified", "last_write", "owner", "record_write", "version", "written_since"]


class _Writes:
    """The writes to an array's memory: how many, and when and by what the last was."""

    __slots__ = ("action", "memory", "number", "order")

    def __init__(self, memory: Any, order: int, action: str) -> None:
        self.memory = memory  # a weak reference, whose death removes the entry
        self.number, self.order, self.action = 1, order, action


#: By the identity of the array that owns the memory.
_writes: dict[int, _Writes] = {}
_latest = 0
#: Held while a write is numbered, so that no later one is forgotten for an earlier.
_numbering = RLock()


def owner(value: Any) -> Any:
    """Return the array that owns the memory of an array."""
    while True:
        base = value.base if type(value) is np.ndarray else None
        if type(base) is not np.ndarray:
            base = getattr(base, "base", None)  # what as_strided puts between
            if type(base) is not np.ndarray:
                return value
        value = base


def record_write(value: Any, action: str) -> None:
    """Note that an array's memory has been written to just now."""
    global _latest
    memory = owner(value)
    key = id(memory)
    with _numbering:
        _latest = order = next_order()
        before = _writes.get(key)
        if before is None:
            weak = ref(memory, lambda _: _writes.pop(key, None))
            _writes[key] = _Writes(weak, order, action)
        else:
            before.number += 1
            before.order, before.action = order, action


def version(value: Any) -> int:
    """Return how many times an array's memory has been written to in place."""
    write = _writes.get(id(owner(value)))
    return 0 if write is None else write.number


def last_write() -> int | None:
    """Return the order of the last write; None if no memory that was written to is still alive."""
    return _latest if _writes else None


def written_since(time: int) -> bool:
    """Say whether some memory that is still alive may have been written to since a time."""
    return bool(_writes) and _latest < time


def check_unmodified(nodes: Iterable[Node], last: int) -> None:
    """Raise if something that nodes keep was written to since, the last write having been at a time."""
    for node in nodes:
        if node[ORDER] > last:
            for kept in node[FIRST_PARENT + 2 :: 3]:
                check_kept(kept, node[ORDER], node[PRIMITIVE].name)


def check_kept(kept: Any, since: int, name: str) -> None:
    """Raise if a value, or one of a tuple of values, that an operation has kept was written to since a time."""
    action = _stale(kept, since)
    if action is not None:
        raise RuntimeError(
            f"one of the variables needed for gradient computation has been modified by an inplace operation: {name} "
            f"had kept {action} since. Write to a clone, or use the operation that makes a new tensor."
        )


def _stale(kept: Any, since: int) -> str | None:
    """Say which value, of those kept, was written to by what since a time; None if none was."""
    for value in kept if type(kept) is tuple else (kept,):
        value = bottom(value)
        if type(value) is np.ndarray:
            write = _writes.get(id(owner(value)))
            if write is not None and write.order < since:
                return (
                    f"a value of shape {value.shape}, which {write.action} has changed; it is at version {write.number}"
                )
        elif type(value) is tuple:
            found = _stale(value, since)
            if found is not None:
                return found
    return None
