"""Replacing a part of an array, as an operation: what ``x[key] = values`` means where arrays do not change."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.batching import broadcast_batch
from functorch_lite.calculus.declare import linear
from functorch_lite.calculus.indexing import gather, index, scatter, unindex
from functorch_lite.calculus.keys import filled, key_of_batch, normalised
from functorch_lite.core.errors import user_line
from functorch_lite.core.numbering import Shape
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.trace import Tracer

__all__ = ["accumulated", "replace", "replaced", "write_part"]


def replaced(x: Any, key: Any, values: Any) -> Any:
    """Return a copy of an array in which the elements at a key are replaced by values, broadcast and converted."""
    key = key if type(key) is tuple else (key,)
    if len(key) == 1 and isinstance(key[0], Tracer) and key[0].dtype == bool:  # type: ignore[attr-defined]
        selected = _where_traced(x, key[0], values)
        if selected is not None:
            return selected
    whole, template, places, indices, unique = normalised(x, key)
    part = _shape_of_part(shape_of(whole), template, places, indices)
    values = _fitted(values, part, x.dtype)
    return _as_before(replace.bind((whole, values, *indices), (template, places, unique)), x)


def accumulated(x: Any, key: tuple[Any, ...], values: Any) -> Any:
    """Return a copy of an array with values, broadcast and converted, added at a key, as often as it names a place."""
    whole, template, places, indices, unique = normalised(x, key)
    shape = shape_of(whole)
    values = _fitted(values, _shape_of_part(shape, template, places, indices), x.dtype)
    if not places:
        return x + unindex(values, shape, template)
    return x + _as_before(scatter.bind((values, *indices), (shape, template, places, unique)), x)


def _as_before(whole: Any, x: Any) -> Any:
    """Drop the axes of length one that booleans of rank 0 in the key have given the array."""
    shape = shape_of(x)
    return whole if shape_of(whole) == shape else np.reshape(whole, shape)


class _ReplacingRule(Rule):
    """A rule that keeps the index arrays and the shapes, and neither of the arrays themselves."""

    def attach(self, arguments: tuple[str, ...], parameters: tuple[str, ...], variadic: bool) -> None:
        """Read the index arrays, the parameters and the shapes."""
        self.read_vjp = lambda environment: (environment[1][2:], environment[2:-1], environment[-1])


def _cotangent_of_array(g: Any, i: int, indices: Arrays, params: Params, shapes: tuple[Shape, ...]) -> Any:
    return replace.bind((g, np.zeros(shapes[1], g.dtype), *indices), params)


def _cotangent_of_values(g: Any, i: int, indices: Arrays, params: Params, shapes: tuple[Shape, ...]) -> Any:
    template, places, unique = params
    if not places:
        return index(g, template)
    part = gather.bind((g, *indices), (template, places, False))
    return part if unique else part * _came_last(shapes[0], shapes[1], indices, template, places)


def _came_last(shape: Shape, part: Shape, indices: Arrays, template: Any, places: Any) -> Any:
    """Say for each value whether no later one went to its place."""
    if any(isinstance(array, Tracer) for array in indices):
        raise NotImplementedError(
            f"at {user_line()} values were assigned at traced positions, of which several may be one; which value came "
            f"last cannot be told. Assign them one by one, or use np.where."
        )
    key = filled(template, places, indices)
    numbers = np.arange(np.prod(part, dtype=int)).reshape(part)
    written = np.zeros(shape, int)
    written[key] = numbers
    return written[key] == numbers


def _batched(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    template, places, unique = params
    x, values = (a if b else broadcast_batch(size, a) for a, b in zip(arrays[:2], batched[:2], strict=True))
    if not places:
        return replace.bind((x, values), ((slice(None), *template), (), unique))
    rank = len(shape_of(x)) - 1
    key, where, indices, moved, back = key_of_batch(size, arrays[2:], (True, *batched[2:]), template, places, rank)
    values = np.moveaxis(values, back, moved) if moved else values
    return replace.bind((x, values, *indices), (key, tuple(where), unique))


@linear(
    _ReplacingRule(vjp=_cotangent_of_array),
    _ReplacingRule(vjp=_cotangent_of_values),
    None,
    jointly=True,
    variadic=True,
    batch=_batched,
)
def replace(arrays: Arrays, template: Any, places: Any, unique: bool) -> Any:
    """Return the first array with the second in the place of its elements at a key, as `gather` takes it."""
    x, values, *indices = arrays
    if not is_at_hand(x):
        raise NotImplementedError(
            f"assignment to elements of a {type(x).__module__}.{type(x).__name__} at {user_line()} cannot be done "
            f"lazily; use np.where or np.concatenate"
        )
    return write_part((np.array(x), values, *indices), template, places)


def write_part(arrays: Arrays, template: Any, places: Any) -> Any:
    """Do what `replace` does in the first array itself, and return it."""
    whole, values, *indices = arrays
    whole[filled(template, places, indices)] = values
    return whole


def _shape_of_part(shape: Shape, template: Any, places: Any, indices: list[Any]) -> Shape:
    """Return the shape of what a key names, which NumPy works out on an array without memory of its own."""
    stand_ins = [np.zeros(shape_of(k), np.intp) if isinstance(k, Tracer) else k for k in indices]
    blank = np.broadcast_to(np.zeros((), bool), shape)
    part: Shape = np.shape(blank[filled(template, places, stand_ins)])
    return part


def _where_traced(x: Any, mask: Any, values: Any) -> Any:
    """Return ``x`` with the values where a mask holds, by np.where; None if each selected place has a value of its own.

    How many places a traced mask selects may be unknown.
    """
    shape, masked, own = shape_of(x), shape_of(mask), shape_of(values)
    rest = shape[len(masked) :]
    if masked != shape[: len(masked)]:
        return None
    if len(own) == len(rest) + 1 and own[0] == 1:
        values, own = np.reshape(values, own[1:]), own[1:]
    if len(own) > len(rest):
        return None
    return np.where(np.reshape(mask, (*masked, *(1 for _ in rest))), _fitted(values, rest, x.dtype), x)


def _fitted(values: Any, shape: Shape, dtype: Any) -> Any:
    own = getattr(values, "dtype", None)
    if own is None:
        values = np.array(values)
        own = values.dtype
    if own.kind == "c" and dtype.kind != "c":
        raise TypeError(f"complex values were assigned at {user_line()} to elements of an array of {dtype}")
    extra = len(shape_of(values)) - len(shape)
    if extra > 0 and shape_of(values)[:extra] == (1,) * extra:
        values = np.reshape(values, shape_of(values)[extra:])
    values = values if own == dtype else values.astype(dtype)
    return values if shape_of(values) == shape else np.broadcast_to(values, shape)
