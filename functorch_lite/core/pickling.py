"""Functions that are objects of ours are pickled, copied and shown as Python's functions are: by name."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["NamedFunction"]


class NamedFunction:
    """A wrapper around a function, with its name, that stands in the function's place.

    A subclass says in `_parts` what it is made of.
    """

    def _parts(self) -> tuple[Any, ...]:
        """Return the arguments from which the class makes such a wrapper again."""
        raise NotImplementedError

    def __reduce__(self) -> str | tuple[Any, ...]:
        # A decorated function is what its name leads to. Others are made again, if their parts can be pickled.
        name = str(getattr(self, "__qualname__", ""))
        found: Any = sys.modules.get(getattr(self, "__module__", ""))
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (type(self), self._parts())

    def _forget(self) -> None:
        """Drop what was kept of calls, which other parts than these may have had a hand in."""

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self
