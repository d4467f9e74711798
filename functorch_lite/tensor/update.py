"""The update: the node of an array of which a part was replaced, and the ways that lead from arrays to their parts."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite.calculus.pointwise import imaginary_part, real_part
from functorch_lite.core.memory import owner
from functorch_lite.core.primitive import General, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.core.tape import Node, next_order
from functorch_lite.core.trace import Tracer

__all__ = ["Chain", "part_of", "update_node"]

#: A way from an array to a part of it: primitives of one array with their parameters; or one key, of any sort.
Chain = tuple[tuple[Any, tuple[Any, ...]], ...]
#: The steps that select no elements, but one of the two numbers of which each consists.
_COMPONENTS = (real_part, imaginary_part)


def update_node(base: Node | None, value: Node | None, chain: Chain, x: Any) -> Node | None:
    """Return the node of an array of which a part was replaced."""
    if base is None and value is None:
        return None
    node: Node = [next_order(), UPDATE, x.shape, x.dtype]
    if base is not None:
        node += (base, _OF_BASE, (chain, x.shape))
    if value is not None:
        node += (value, _OF_VALUE, (chain, x.shape))
    return node


def _cotangent_of_base(g: Any, chain: Chain, shape: tuple[int, ...]) -> Any:
    """The cotangent, zero where elements (of complex numbers: their real or imaginary parts) were replaced."""
    moves, component = _divided(chain)
    if type(g) is np.ndarray:
        kept = g.copy()
        _fill(kept if component is None else getattr(kept, component), moves, 0)
        return kept
    replaced = np.zeros(shape, bool)
    _fill(replaced, moves, True)
    return np.where(replaced, 0 if component is None else 1j * np.imag(g) if component == "real" else np.real(g), g)


def _cotangent_of_value(g: Any, chain: Chain, shape: tuple[int, ...]) -> Any:
    """The cotangent of the replaced elements; where several values went to one place, the last one's."""
    moves, component = _divided(chain)
    part = part_of(g, moves)
    if component is not None:
        return np.real(part) if component == "real" else -np.imag(part)
    key = _single_key(moves)
    if key is None or not _may_repeat(key):
        return part
    numbers = np.arange(part.size).reshape(part.shape)
    written = np.zeros(shape, int)
    written[key] = numbers
    return part * (written[key] == numbers)


def _divided(chain: Chain) -> tuple[Chain, str | None]:
    """Return the steps that only select elements, and which part of complex numbers is taken on the way, if any."""
    components = [step[0].name for step in chain if step[0] in _COMPONENTS]
    if not components:
        return chain, None
    return tuple(step for step in chain if step[0] not in _COMPONENTS), components[0]


def _single_key(chain: Chain) -> Any:
    """Return the key that the chain consists of; None if it consists of primitives."""
    return chain[0][1][0] if chain and chain[0][0] == "key" else None


def part_of(value: Any, chain: Chain) -> Any:
    """Go a way from an array to its part."""
    for primitive, params in chain:
        if primitive == "key":
            value = _at_key(value, *params)
        elif isinstance(value, Tracer):
            value = primitive.bind((value,), params)
        else:
            value = _whole(primitive.function(value, *params), value, primitive, params)
    return value


def _whole(part: Any, value: Any, primitive: Primitive, params: tuple[Any, ...]) -> Any:
    """Return the part as an array in the same memory where indexing gave a scalar."""
    if type(part) is np.ndarray or type(value) is not np.ndarray or primitive.word != "index":
        return part
    key = params[0] if type(params[0]) is tuple else (params[0],)
    return value[(*key, ...)] if Ellipsis not in key else part


def _fill(value: Any, chain: Chain, filler: Any) -> None:
    """Write a number over the elements that a chain leads to."""
    key = _single_key(chain)
    if key is not None:
        value[key] = filler
        return
    part = part_of(value, chain)
    if owner(part) is owner(value):
        part.flags.writeable = True  # np.diagonal gives read-only views
        part[...] = filler
    else:  # a change of shape that copies this array, which lies otherwise in memory than the tensor
        value.flat[part_of(np.arange(value.size).reshape(value.shape), chain)] = filler


def _at_key(value: Any, key: Any) -> Any:
    """Return ``value[key]`` for any sort of array."""
    return FUNCTIONS[operator.getitem](value, key) if isinstance(value, Tracer) else value[key]


def _may_repeat(key: Any) -> bool:
    return any(
        getattr(k, "dtype", None) is not None and k.dtype.kind in "iu" for k in (key if type(key) is tuple else (key,))
    )


UPDATE = General(lambda base, value: value, ["base", "value"], [None, None], name="update", parameters=["chain"])
_OF_BASE = Rule(vjp=_cotangent_of_base)
_OF_VALUE = Rule(vjp=_cotangent_of_value)
