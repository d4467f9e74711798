"""The generator of random tensors, which the whole process shares: NumPy's, made when it is asked for.

NumPy's random numbers take long to load, so nothing here asks for them before somebody draws. A state None is that of
a generator which is not made yet; it is made of the system's entropy, and begins at a state that is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["drawing_from", "seed_generator", "shared_generator", "shared_state"]


class _Shared:
    generator: Any = None
    first: Any = None  # the state at which the generator made of entropy began


def shared_generator() -> Any:
    """Return the generator."""
    if _Shared.generator is None:
        _Shared.generator = np.random.default_rng()
        _Shared.first = _Shared.generator.bit_generator.state
    return _Shared.generator


def seed_generator(seed: int) -> Any:
    """Put a new generator, of a seed, in its place; return it."""
    _Shared.generator = np.random.default_rng(seed)
    return _Shared.generator


def shared_state() -> Any:
    """Return where the generator stands: None if there is none yet."""
    return None if _Shared.generator is None else _Shared.generator.bit_generator.state


@contextmanager
def drawing_from(state: Any) -> Iterator[None]:
    """Draw the numbers again that came after a state; go on afterwards where the generator stood before."""
    now, state = shared_state(), _Shared.first if state is None else state
    if now is None or state is None:
        yield  # nothing has been drawn
        return
    generator = _Shared.generator
    generator.bit_generator.state = state
    try:
        yield
    finally:
        _Shared.generator = generator
        generator.bit_generator.state = now
