"""Programs that run again and again on operands of which some stay: what depends on these alone is computed once.

A loop whose number of steps is not known may make none, so this is done when the first step is about to run, and not
ahead of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from functorch_lite.core.primitive import Arrays
from functorch_lite.program.derivation import cut
from functorch_lite.program.entries import Entry
from functorch_lite.program.equations import Variable

__all__ = ["Repeated"]


class Repeated:
    """A program that is called again and again.

    Parameters
    ----------
    entry
        The program.
    start, count
        The inputs that stay: from which on, and how many.
    """

    __slots__ = ("_count", "_entry", "_once", "_places", "_start", "_step")

    def __init__(self, entry: Entry, start: int, count: int) -> None:
        self._entry, self._start, self._count = entry, start, count
        self._step: Entry | None = None

    def given(self, values: Arrays) -> tuple[Callable[..., Arrays], Arrays]:
        """Return the function of one step, and what it takes before the operands that change, for those that stay."""
        step = self._step
        if step is None:
            step = self._part()
        places, once = self._places, self._once
        read = values if places is None else tuple(values[i] for i in places)
        return step.run, (read if once is None else (*read, *once.run(*values)))

    def _part(self) -> Entry:
        key = ("repeated", self._start, self._count)
        self._once, self._places, step = self._entry.derive(key, lambda: _parted(*self._sides()))
        self._step = step
        return step  # type: ignore[no-any-return]

    def _sides(self) -> tuple[Entry, Sequence[Variable], Sequence[Variable]]:
        inputs, end = self._entry.program.inputs, self._start + self._count
        return self._entry, inputs[self._start : end], (*inputs[: self._start], *inputs[end:])


def _parted(
    entry: Entry, same: Sequence[Variable], changing: Sequence[Variable]
) -> tuple[Entry | None, tuple[int, ...] | None, Entry]:
    """Return the program that runs once, the operands that the steps read themselves, and the program of a step.

    None stands for no program, and for all operands.
    """
    program = entry.program
    if entry.acts:  # in each step
        return None, None, Entry(replace(program, inputs=(*same, *changing)), shared=0)
    first, second = cut(program, changing, 0)
    read = second.inputs[: len(second.inputs) - len(changing)]
    places = tuple(i for i, v in enumerate(same) if v in read)
    computed = tuple(v for v in read if v not in same)
    step = replace(second, inputs=(*(same[i] for i in places), *computed, *changing), name=program.name)
    once = Entry(replace(first, outputs=computed), shared=0) if computed else None
    return once, None if len(places) == len(same) else places, Entry(step, shared=0)
