"""Products of all others: for each element along an axis, the product of the other ones, found without division.

It is the product of those before and of those behind, and is differentiated as such. Where these, or those without
another one, may leave the range of the floats, it is a primitive (`others`), and so are its derivatives of all orders
(`others_along`): the k-th in the directions t₁ … tₖ is the sum, over all choices of k other places, of the products
with the elements of the directions there. It is linear in each direction, its derivative in the elements is the
(k+1)-th, and its transposes are itself, as the sum of g times it is symmetric in g and all directions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.calculus.arguments import refuse_foreign
from functorch_lite.calculus.batching import broadcast_batch, shifted_axes
from functorch_lite.calculus.cumulative import along, cumprod, delayed, in_range, may_leave_range, scaled
from functorch_lite.calculus.declare import general
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule

__all__ = ["products_of_others"]


def products_of_others(x: Any, axis: int) -> Any:
    """Return, for each element, the product of all others along the axis."""
    return others(x, axis) if may_leave_range(x, axis, 2) else _before_and_behind(x, axis)


def _before_and_behind(x: Any, axis: int) -> Any:
    before = cumprod(delayed(x, axis, False, 1), axis, False)
    behind = cumprod(delayed(x, axis, True, 1), axis, True)
    return before * behind


# --- The primitives ---------------------------------------------------------------------------------------------------


def _in_direction(t: Any, x: Any, axis: int) -> Any:
    return others_along((x, t), axis)


@general(Rule(_in_direction, _in_direction), batch=shifted_axes(0))
def others(x: Any, axis: int) -> Any:
    """Return the products of others, with factors divided by powers of two such that nothing leaves the range."""
    x, exponents, total = in_range(x, axis, False)
    return scaled(_before_and_behind(x, axis), total[along(axis, slice(-1, None))] - exponents)


def _batch(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    (axis,) = params
    whole = (x if is_batched else broadcast_batch(size, x) for x, is_batched in zip(arrays, batched, strict=True))
    return primitive(tuple(whole), axis + 1)


def _in_elements(t: Any, i: int, arrays: Arrays, axis: int) -> Any:
    return others_along((*arrays, t), axis)


def _transpose(g: Any, i: int, arrays: Arrays, axis: int) -> Any:
    others = arrays if i == 0 else (*arrays[:i], *arrays[i + 1 :])
    return others_along((*others, g), axis)


@general(Rule(_in_elements, _transpose), Rule(vjp=_transpose), variadic=True, batch=_batch)
def others_along(arrays: Any, axis: int) -> Any:
    """Return the products of others of the first array, differentiated in the directions that follow."""
    refuse_foreign("a higher derivative of a product", *arrays)
    return _along_directions([np.moveaxis(a, axis, 0) for a in arrays], axis)


# --- Sums over choices ------------------------------------------------------------------------------------------------
# A sum of products in which some directions took a place, for each set of directions (bits of a number), as mantissas
# and exponents of two, which know no range. What is beside an element is found from the root of a tree of pairs.

_Number: TypeAlias = tuple[Any, Any]
_Sums: TypeAlias = dict[int, _Number]

#: The exponent of zero, below those of all products; the sum of several is one too.
_NOTHING = -(2**28)


def _along_directions(arrays: list[Any], axis: int) -> Any:
    dtype, count = np.result_type(*arrays), len(arrays[0])
    sums = {1 << i >> 1: _normalised(a.astype(dtype), 0) for i, a in enumerate(arrays)}  # no bit for the elements
    tree = []
    while len(sums[0][0]) > 1:
        sums = _even(sums)
        tree.append(sums)
        sums = _times(*_halves(sums))
    beside = {0: _normalised(np.ones_like(sums[0][0]), 0)}
    for level in reversed(tree):
        left, right = _halves(level)
        beside = _first(beside, len(left[0][0]))
        beside = _interleaved(_times(beside, right), _times(beside, left))
    found = beside.get((1 << len(arrays) >> 1) - 1)
    result = np.zeros_like(arrays[0], dtype) if found is None else scaled(*found)[:count]
    return np.moveaxis(result, 0, axis)


def _times(a: _Sums, b: _Sums) -> _Sums:
    """Multiply sums of products of different elements; a direction takes a place on one side or the other."""
    terms: dict[int, list[_Number]] = {}
    for s, (x, m) in a.items():
        for t, (y, n) in b.items():
            if not s & t:
                terms.setdefault(s | t, []).append(_normalised(x * y, m + n))
    return {s: _sum(parts) for s, parts in terms.items()}


def _sum(terms: list[_Number]) -> _Number:
    if len(terms) == 1:
        return terms[0]
    largest = reduce(np.maximum, (exponent for _, exponent in terms))
    return _normalised(sum(scaled(x, exponent - largest) for x, exponent in terms), largest)


def _normalised(x: Any, exponent: Any) -> _Number:
    size = np.maximum(np.abs(x.real), np.abs(x.imag)) if x.dtype.kind == "c" else np.abs(x)
    shift = np.where(np.isfinite(size), np.frexp(size)[1], 0)
    return scaled(x, -shift), np.where(size == 0, _NOTHING, exponent + shift)


def _each(sums: _Sums, function: Callable[[Any], Any]) -> _Sums:
    return {s: (function(x), function(exponent)) for s, (x, exponent) in sums.items()}


def _halves(sums: _Sums) -> tuple[_Sums, _Sums]:
    return _each(sums, lambda x: x[::2]), _each(sums, lambda x: x[1::2])


def _first(sums: _Sums, count: int) -> _Sums:
    return _each(sums, lambda x: x[:count])


def _interleaved(a: _Sums, b: _Sums) -> _Sums:
    def both(x: Any, y: Any) -> Any:
        return np.stack([x, y], 1).reshape(2 * len(x), *x.shape[1:])

    return {s: (both(x, b[s][0]), both(exponent, b[s][1])) for s, (x, exponent) in a.items()}


def _even(sums: _Sums) -> _Sums:
    """Append an element of one if their number is odd."""
    if len(sums[0][0]) % 2 == 0:
        return sums
    one = {s: _normalised(np.full_like(x[:1], s == 0), 0) for s, (x, _) in sums.items()}
    return {s: (np.append(x, one[s][0], 0), np.append(exponent, one[s][1], 0)) for s, (x, exponent) in sums.items()}
