"""Turns: what several threads ask for at once is made by one of them, while the others wait for it.

Nobody holds a lock while something is made, as that calls the user's functions: two functions that call each other,
each recorded first by another thread, would wait for each other forever. A thread whose waiting would close such a
circle makes the thing itself, a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Condition, get_ident
from typing import Any

__all__ = ["made_once"]

_changed = Condition()
#: Which thread makes a thing, and for which a thread waits.
_makers: dict[Hashable, int] = {}
_awaited: dict[int, Hashable] = {}


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
    with _changed:
        while True:
            found = find()
            if found is not None:
                return found
            is_first = key not in _makers
            if is_first or _waits_for(_makers[key], me):
                break
            _awaited[me] = key
            try:
                _changed.wait()
            finally:
                del _awaited[me]
        if is_first:
            _makers[key] = me
    try:
        return make()
    finally:
        if is_first:
            with _changed:
                del _makers[key]
                _changed.notify_all()


def _waits_for(thread: int, me: int) -> bool:
    """Say whether a thread is this one, or waits for one that is, at whatever distance."""
    while thread != me:
        key = _awaited.get(thread)
        if key is None or key not in _makers:
            return False
        thread = _makers[key]
    return True
