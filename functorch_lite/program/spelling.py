"""Spelling: how a program's text names primitives."""

from __future__ import annotations

import operator
import sys

from functorch_lite.core.primitive import NAMED, PRIMITIVES, Primitive

__all__ = ["primitive_named", "shown_name"]

#: What stands before the name of a function of which another has the name already, and its module.
_MODULES = {"np": "numpy", "scipy.special": "scipy.special"}


def shown_name(primitive: Primitive) -> str:
    """Return the name of a primitive in a program's text: ``add`` for the operator +, ``np.add`` for the ufunc.

    The two are told apart, as the ufunc makes NumPy's scalars of Python numbers, which are not weak. So is what a user
    has called like a primitive: ``custom.sum``, which no text can define.
    """
    name = primitive.name
    if not primitive.word:
        return name if primitive_named(name) is None else f"custom.{name}"
    if _of_short_name(name) is not primitive:
        for prefix, module in _MODULES.items():
            if getattr(sys.modules.get(module), name, None) is primitive.function:
                return f"{prefix}.{name}"
    return name


def primitive_named(name: str) -> Primitive | None:
    """Return the primitive that a text calls so; None if there is none."""
    prefix, _, last = name.rpartition(".")
    if prefix in _MODULES:
        return PRIMITIVES.get(getattr(sys.modules.get(_MODULES[prefix]), last, None))
    return _of_short_name(name)


def _of_short_name(name: str) -> Primitive | None:
    of_operator = PRIMITIVES.get(getattr(operator, name, None))
    return of_operator if of_operator is not None and of_operator.name == name else NAMED.get(name)
