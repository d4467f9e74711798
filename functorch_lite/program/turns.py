"""Turns: what several threads ask for at once is made by one of them, while the others wait for it.

Nobody holds a lock while something is made, as that calls the user's functions: two functions that call each other,
each recorded first by another thread, would wait for each other forever. A thread whose waiting would close such a
circle makes the thing itself, a second time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from threading import Condition, get_ident
from typing import Any

__all__ = ["made_once"]


def made_once(key: Hashable, find: Callable[[], Any], make: Callable[[], Any]) -> Any:
    """Return what ``find`` finds, if that is not None; else what ``make`` makes, and puts where it is found.

    Parameters
    ----------
    key
        What it is, for threads that ask at the same time.
    find, make
        Functions without arguments. ``make`` may be called by two threads at once, where one of them waits for the
        other already; what the second puts in its place should be as good as the first.
    """
    me = get_ident()
    with _turns.changed:
        while True:
            found = find()
            if found is not None:
                return found
            is_first = key not in _turns.makers
            if is_first or _waits_for(_turns.makers[key], me):
                break
            _turns.awaited[me] = key
            try:
                _turns.changed.wait()
            finally:
                del _turns.awaited[me]
        if is_first:
            _turns.makers[key] = me
    try:
        return make()
    finally:
        if is_first:
            with _turns.changed:
                del _turns.makers[key]
                _turns.changed.notify_all()


def _waits_for(thread: int, me: int) -> bool:
    """Say whether a thread is this one, or waits for one that is, at whatever distance."""
    while thread != me:
        key = _turns.awaited.get(thread)
        if key is None or key not in _turns.makers:
            return False
        thread = _turns.makers[key]
    return True


class _Turns:
    """Who makes what, and who waits for it."""

    def __init__(self) -> None:
        self.changed = Condition()
        #: Which thread makes a thing, and for which a thread waits.
        self.makers: dict[Hashable, int] = {}
        self.awaited: dict[int, Hashable] = {}

    def keep_own(self) -> None:
        """Forget the other threads: in a process that was forked off there is this one only."""
        mine = {key: thread for key, thread in self.makers.items() if thread == get_ident()}
        self.changed, self.makers, self.awaited = Condition(), mine, {}


_turns = _Turns()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_turns.keep_own)
