"""Keeping: what is made once for a key, such as the program for some arguments, by whatever thread needs it first.

What asked for the named axes of batches while it was made is kept for the axes that are open then, and for no others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from functorch_lite.program.turns import made_once
from functorch_lite.transforms.axes import asked, note_asked, open_axes

__all__ = ["kept"]


def kept(
    owner: Any,
    table: dict[Any, Any],
    key: Hashable,
    make: Callable[[], Any],
    put: Callable[[Any, Any], Any] | None = None,
) -> Any:
    """Return what a table holds under a key, made if it is not there.

    Parameters
    ----------
    owner, table
        Whose table it is.
    key
        What it is.
    make
        Makes it, from what the key says and the named axes that are open.
    put
        Puts it into the table, as ``put(key, made)``, and returns what is to be used; None: ``table.setdefault``.
    """
    for_axes = (_FOR_AXES, key, open_axes())

    def find() -> Any:
        found = table.get(key)
        if found is None:
            found = table.get(for_axes)
            if found is not None:
                note_asked()
        return found

    def made() -> Any:
        before = asked()
        new = make()
        return (put or table.setdefault)(key if asked() == before else for_axes, new)

    return made_once((owner, for_axes), find, made)


_FOR_AXES = object()
