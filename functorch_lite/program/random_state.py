"""The random state that the whole process shares, and whether somebody has drawn from it."""

from __future__ import annotations

import sys
from typing import Any

from functorch_lite.core.generator import shared_state

__all__ = ["global_random_state", "has_drawn"]

#: Where a Mersenne Twister stands before the first number is drawn: Python's, and NumPy's from a seed or from entropy.
_START = 624
_STARTS_OF_NUMPY = (624, 623)


def global_random_state() -> tuple[Any, Any, Any]:
    """Return the states of NumPy's global generator, of Python's and of ours; None for one that is not loaded."""
    ours, python = sys.modules.get("numpy.random"), sys.modules.get("random")
    state = None
    if ours is not None:
        _, keys, *rest = ours.get_state()
        state = (keys.tobytes(), *rest)
    return state, None if python is None else python.getstate(), shared_state()


def has_drawn(before: tuple[Any, Any, Any]) -> bool:
    """Say whether a number was drawn since a state; that of a module loaded meanwhile is compared with its start."""
    (numpy_before, python_before, shared_before), (state, python, shared) = before, global_random_state()
    if shared != shared_before:
        return True
    if numpy_before is None:
        has_numpy = state is not None and (state[1] not in _STARTS_OF_NUMPY or state[2] != 0)
    else:
        has_numpy = state != numpy_before
    if python_before is None:
        return bool(has_numpy or (python is not None and python[1][-1] != _START))
    return bool(has_numpy or python != python_before)
