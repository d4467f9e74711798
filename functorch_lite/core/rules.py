"""Rules of differentiation: how a derivative is given, and how what it reads by name is kept and found.

See `core.primitive` for the convention. The names are resolved once, when a primitive is declared; an operation then
keeps one value or one tuple for each traced argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.core.operands import quotient

__all__ = [
    "IDENTITY",
    "KEEP_ANS",
    "KEEP_NOTHING",
    "KEEP_SEVERAL",
    "KEEP_X",
    "KEEP_Y",
    "KEPT",
    "NEGATION",
    "QUOTIENT",
    "Function",
    "Rule",
    "carried",
    "parameter_names",
    "reader_of",
]

Function: TypeAlias = Callable[..., Any]


class _Partial(Enum):
    """The partials that need no function call, by what they make of a cotangent or tangent.

    That itself, its negative, its product with what was kept, its quotient by what was kept. The last is more accurate
    than a product with the reciprocal, whose precision would be that of what was kept.
    """

    IDENTITY = 1
    NEGATION = -1
    KEPT = 0
    QUOTIENT = 2


IDENTITY, NEGATION, KEPT, QUOTIENT = _Partial

# What the partial of a pointwise argument keeps. The hot paths of the traces compare these codes instead of calling.
KEEP_NOTHING, KEEP_ANS, KEEP_X, KEEP_Y, KEEP_SEVERAL = range(5)


class Rule:
    """The derivative with respect to one array argument, in both directions.

    Parameters
    ----------
    jvp
        ``jvp(t, …) → tangent of the result``, linear in ``t``. None when the primitive is linear in the argument: the
        forward rule is then the primitive itself.
    vjp
        ``vjp(g, …) → cotangent of the argument``. None: derived, by transposing ``jvp``. Where the primitive returns
        several arrays, ``g`` is a tuple with None for each of which no cotangent arrived.
    add_to
        ``add_to(total, g, …)`` adds the cotangent into an array that the walk owns, where this is cheaper than making
        it whole (indexing). It reads what ``vjp`` reads, and may decline by returning NotImplemented.
    """

    __slots__ = ("add_to", "jvp", "linear", "read", "read_jvp", "read_vjp", "reads_jvp", "reads_vjp", "vjp")

    def __init__(
        self, jvp: Function | None = None, vjp: Function | None = None, add_to: Function | None = None
    ) -> None:
        self.linear = jvp is None
        self.jvp = jvp
        self.vjp = vjp
        self.add_to = add_to
        self.read_jvp: Function = _nothing
        self.read_vjp: Function = _nothing
        #: Reads what the tape keeps: for the reverse rule, or for the forward rule that it is derived from.
        self.read: Function = _nothing
        self.reads_jvp: tuple[str, ...] = ()
        self.reads_vjp: tuple[str, ...] = ()

    def attach(self, arguments: tuple[str, ...], parameters: tuple[str, ...], variadic: bool) -> None:
        """Resolve the names that the rules read, for the primitive that they belong to."""
        shapes = ["shapes"] if variadic else [f"{name}_shape" for name in arguments]
        slots = ("ans", *arguments, *parameters, *shapes)
        skip = 2 if variadic else 1
        if self.jvp is not None:
            self.reads_jvp = parameter_names(self.jvp)[skip:]
            self.read_jvp = _tuple_reader(self.reads_jvp, slots)
        if self.vjp is not None:
            self.reads_vjp = parameter_names(self.vjp)[skip:]
            self.read_vjp = _tuple_reader(self.reads_vjp, slots)


def carried(t: Any, partial: Any, kept: Any) -> Any:
    """Return what a partial makes of a cotangent or a tangent; the traces' hot paths have it written out."""
    if partial is IDENTITY:
        return t
    if partial is NEGATION:
        return -t
    if partial is QUOTIENT:
        return quotient(t, kept)
    return t * (kept if partial is KEPT else partial(kept))


def parameter_names(rule: Any) -> tuple[str, ...]:
    """Return what a rule reads, in the order of its parameters; one that is no function reads nothing."""
    if not callable(rule):
        return ()
    if isinstance(rule, np.ufunc):
        return ("x",)
    code = rule.__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names


def reader_of(partial: Any, uses: tuple[str, ...], slots: tuple[str, ...]) -> tuple[int, Function | None, Any]:
    """Return what a partial keeps (code and reader), and the partial as a function of it."""
    if not callable(partial):
        return KEEP_NOTHING, None, partial and _Partial(partial)
    if not uses:
        return KEEP_NOTHING, None, lambda kept: partial()
    indices = [slots.index(name) for name in uses]
    if len(indices) > 1:
        return KEEP_SEVERAL, itemgetter(*indices), lambda kept: partial(*kept)
    known = None if isinstance(partial, np.ufunc) else _KNOWN.get(_text(partial))
    return (KEEP_ANS, KEEP_X, KEEP_Y, KEEP_SEVERAL)[indices[0]], itemgetter(indices[0]), known or partial


def _nothing(environment: tuple[Any, ...]) -> tuple[Any, ...]:
    return ()


def _tuple_reader(names: Sequence[str], slots: Sequence[str]) -> Function:
    indices = [slots.index(name) for name in names]
    if not indices:
        return _nothing
    if len(indices) == 1:
        index = indices[0]
        return lambda environment: (environment[index],)
    return itemgetter(*indices)


def _text(function: Any) -> tuple[bytes, tuple[Any, ...]]:
    """Return what tells a function of one argument from others: what it computes, whatever its names."""
    return function.__code__.co_code, function.__code__.co_consts


_KNOWN = {_text(lambda x: x): KEPT, _text(lambda x: 1 / x): QUOTIENT}
