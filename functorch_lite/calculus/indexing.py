"""Indexing: ``x[key]`` in all of NumPy's forms, and its transposes.

A key of integers, slices, ``None`` and ``…`` is plain data: `index` takes it as a parameter. A key with arrays in it is
split into a template, in which a 0 holds the place of each index array, and the arrays, which may be traced: `gather`.
The transposes are `unindex` and `scatter`, which put values into zeros. Where the backward walk owns the total,
`Rule.add_to` adds at the one place instead, so that the gradient of a loop over ``x[i]`` takes linear time.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.calculus.batching import broadcast_batch
from functorch_lite.calculus.declare import general, linear
from functorch_lite.calculus.keys import BASIC, WHOLE, Key, filled, key_of_batch, normalised
from functorch_lite.calculus.shaping import reshape
from functorch_lite.core.numbering import Numbers, Shape, in_order
from functorch_lite.core.operands import is_foreign, shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements
from functorch_lite.core.trace import Tracer

__all__ = ["gather", "getitem", "index", "scatter", "unindex"]

_PLACES = frozenset({int, slice})

# --- Primitives: keys of integers, slices, None and Ellipsis ----------------------------------------------------------


def _batch_of_basic(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    *shape, key = params
    key = (slice(None), *key) if type(key) is tuple else (slice(None), key)
    return primitive.bind(arrays, (*((size, *s) for s in shape), key))


def _index_vjp(g: Any, x_shape: Shape, key: Any) -> Any:
    return unindex.bind((g,), (x_shape, key))


def _add_at_key(total: Any, g: Any, x_shape: Shape, key: Any) -> None:
    total[key] += g


def _numbers_of_part(numbers: Numbers, x_shape: Shape, key: Any) -> Numbers | None:
    if len(x_shape) == 1 and type(key) is int:  # the common cases, without loops
        first, step = numbers
        return (first + step * (key + x_shape[0] if key < 0 else key),)
    if len(x_shape) == 1 and type(key) is slice:
        first, step = numbers
        places = range(x_shape[0])[key]
        return first + step * places.start, step * places.step if len(places) != 1 else 0
    first, *steps = numbers
    key = key if type(key) is tuple else (key,)
    if not _PLACES.issuperset(map(type, key)):
        return None
    kept = []
    for n, step, k in zip(x_shape, steps, key, strict=False):
        if type(k) is int:
            first += step * (k + n if k < 0 else k)
        else:
            places = range(n)[k]
            first += step * places.start
            kept.append(step * places.step if len(places) != 1 else 0)
    return (first, *kept, *steps[len(key) :])


def _numbers_of_whole(numbers: Numbers, x_shape: Shape, shape: Shape, key: Any) -> Numbers | None:
    if type(key) is slice and key.step is None and len(shape) == 1 and x_shape[0] > 1:  # the common case
        first, step = numbers
        return first - step * key.indices(shape[0])[0], step
    first, *steps = numbers
    key = key if type(key) is tuple else (key,)
    if not _PLACES.issuperset(map(type, key)):
        return None
    own = iter(steps)
    whole = list(in_order(shape)[1:])  # where no two elements tell a step, this is the likely one
    for axis, (n, k) in enumerate(zip(shape, key, strict=False)):
        if type(k) is int:
            first -= whole[axis] * (k + n if k < 0 else k)
            continue
        places, step = range(n)[k], next(own)
        if len(places) > 1:
            if step % places.step:
                return None
            whole[axis] = step // places.step
        first -= whole[axis] * places.start
    return (first, *whole[: len(key)], *own)


@linear(Rule(vjp=_index_vjp, add_to=_add_at_key), moves=_numbers_of_part, batch=_batch_of_basic)
def index(x: Any, key: Any) -> Any:
    """Take the part of an array that a basic key names."""
    try:
        return x[key]
    except TypeError:
        if key != () or hasattr(x, "shape"):
            raise
        return x  # a Python number


@linear(lambda g, key: index(g, key), moves=_numbers_of_whole, batch=_batch_of_basic)
def unindex(x: Any, shape: Shape, key: Any) -> Any:
    """Put an array at a basic key into zeros of a shape."""
    if is_foreign(x):
        return _padded(x, shape, key)
    whole = np.zeros(shape, x.dtype) if type(x) is np.ndarray else _zeros(x, shape)
    whole[key] = x
    return whole


# --- Primitives: keys with index arrays -------------------------------------------------------------------------------


class _IndexedRule(Rule):
    """The rule of the first of several arrays, which the others index: it keeps the others but not the first."""

    def attach(self, arguments: tuple[str, ...], parameters: tuple[str, ...], variadic: bool) -> None:
        """Read the index arrays, the parameters and the shape of the indexed array."""
        self.read_vjp = lambda environment: (environment[1][1:], environment[2:-1], environment[-1][0])


def _gather_vjp(g: Any, i: int, indices: Arrays, params: Params, shape: Shape) -> Any:
    return scatter.bind((g, *indices), (shape, *params))


def _scatter_vjp(g: Any, i: int, indices: Arrays, params: Params, shape: Shape) -> Any:
    return gather.bind((g, *indices), params[1:])


def _add_at_indices(total: Any, g: Any, i: int, indices: Arrays, params: Params, shape: Shape) -> Any:
    if any(isinstance(array, Tracer) for array in indices):
        return NotImplemented
    return _add_at(total, g, indices, *params)


def _batch_of_gather(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    x, (key, places, unique) = arrays[0], params
    rank = len(shape_of(x)) - batched[0]
    key, places, indices, moved, back = key_of_batch(size, arrays[1:], batched, key, places, rank)
    result = primitive.bind((x, *indices), (key, places, unique and batched[0]))
    return np.moveaxis(result, moved, back) if moved else result


def _batch_of_scatter(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    shape, key, places, unique = params
    x = arrays[0] if batched[0] else broadcast_batch(size, arrays[0])
    in_batch = (True, *batched[1:])
    key, places, indices, moved, back = key_of_batch(size, arrays[1:], in_batch, key, places, len(shape))
    x = np.moveaxis(x, back, moved) if moved else x
    return primitive.bind((x, *indices), ((size, *shape), key, places, unique))


@general(_IndexedRule(vjp=_gather_vjp, add_to=_add_at_indices), None, variadic=True, batch=_batch_of_gather)
def gather(arrays: Arrays, key: Key, places: Sequence[int], unique: bool) -> Any:
    """Index the first array by a key with the others at some places; ``unique`` says that nothing is taken twice."""
    return _taken(arrays[0], key, places, arrays[1:])


@general(_IndexedRule(vjp=_scatter_vjp), None, variadic=True, batch=_batch_of_scatter)
def scatter(arrays: Arrays, shape: Shape, key: Key, places: Sequence[int], unique: bool) -> Any:
    """Add the elements of the first array into zeros of a shape, at a key as in `gather`."""
    x, *indices = arrays
    if is_foreign(x):
        raise NotImplementedError(
            f"the transpose of indexing by arrays puts values at given positions, which {type(x).__module__}."
            f"{type(x).__name__} cannot do lazily; select by slices, or by np.where(mask, a, b)"
        )
    whole = _zeros(x, shape)
    if unique:
        whole[filled(key, places, indices)] = x
    else:
        _add_at(whole, x, indices, key, places, unique)
    return whole


# --- x[key] -----------------------------------------------------------------------------------------------------------


@implements(operator.getitem)
def getitem(x: Any, key: Any) -> Any:
    """Index an array, traced or not, by any key."""
    kind = type(key)
    if kind is int or kind is slice:
        return x._trace.process(index, (x,), (key,)) if isinstance(x, Tracer) else index.bind((x,), (key,))
    if kind is np.int64:
        return index(x, int(key))
    if kind is not tuple:
        key = (key,)
    if not BASIC.issuperset(map(type, key)):
        for k in key:
            if not (type(k) is np.ndarray and k.ndim and k.dtype.kind == "i"):
                return _getitem_by_arrays(x, key)
        return gather.bind((x, *key), ((0,) * len(key), tuple(range(len(key))), False))  # plain positions only
    if not key:
        return index(x, key)  # of no axes a scalar, not an array
    for k in key:
        if k is not None and k is not Ellipsis and k != WHOLE:
            return index(x, key)
    return _with_new_axes(x, key)


def _with_new_axes(x: Any, key: Key) -> Any:
    """Index by ``None``, ``…`` and whole slices, which only reshapes."""
    shape = shape_of(x)
    used = sum(k == WHOLE for k in key)
    if used > len(shape) or sum(k is Ellipsis for k in key) > 1:
        return index(x, key)  # NumPy's own error
    new_shape: list[int] = []
    start = 0
    for k in key:
        stop = start + (0 if k is None else len(shape) - used if k is Ellipsis else 1)
        new_shape += [1] if k is None else shape[start:stop]
        start = stop
    return reshape.bind((x,), ((*new_shape, *shape[start:]),))


def _getitem_by_arrays(x: Any, key: Key) -> Any:
    x, template, places, indices, unique = normalised(x, key)
    if not places:
        return index(x, template)
    return gather.bind((x, *indices), (template, places, unique))


# --- Adding and assigning at a key ------------------------------------------------------------------------------------


def _zeros(x: Any, shape: Shape) -> Any:
    return np.zeros(shape, getattr(x, "dtype", type(x)))


def _taken(x: Any, key: Key, places: Sequence[int], indices: Sequence[Any]) -> Any:
    """Index an array by a key with the index arrays in their places."""
    if len(places) == 1 and places[0] and type(x) is np.ndarray and key == (*(WHOLE,) * places[0], 0):
        (positions,) = indices
        if type(positions) is np.ndarray and positions.dtype.kind in "iu":
            return x.take(positions, places[0])  # up to five times as fast behind other axes, and its result in order
    return x[filled(key, places, indices)]


def _add_at(total: Any, g: Any, indices: Sequence[Any], key: Key, places: Sequence[int], unique: bool) -> None:
    """Add in place, at each element as often as the key names it."""
    if unique:
        total[filled(key, places, indices)] += g
    elif total.ndim > 1 and 8 * g.size > total.size and total.flags.c_contiguous:
        # np.add.at is three times as fast on one axis; the positions cost less when most elements are touched.
        positions = _taken(np.arange(total.size).reshape(total.shape), key, places, indices)
        np.add.at(total.reshape(-1), positions.reshape(-1), g.reshape(-1))
    else:
        np.add.at(total, filled(key, places, indices), g)


def _padded(x: Any, shape: Shape, key: Any) -> Any:
    """Put an array at a basic key into zeros by operations that every array library has: flip, pad, reshape."""
    key = key if type(key) is tuple else (key,)
    used = sum(k is not None and k is not Ellipsis for k in key)
    rest = [WHOLE] * (len(shape) - used)
    if Ellipsis in key:
        place = key.index(Ellipsis)
        key = (*key[:place], *rest, *key[place + 1 :])
    else:
        key = (*key, *rest)
    ranges = [range(n)[k] for n, k in zip(shape, (k for k in key if k is not None), strict=True)]
    ranges = [range(r, r + 1) if isinstance(r, int) else r for r in ranges]
    lengths = tuple(map(len, ranges))
    if 0 in lengths:
        return np.zeros_like(x, shape=shape)
    x = x.reshape(lengths)
    backwards = tuple(i for i, r in enumerate(ranges) if r.step < 0)
    if backwards:
        x = np.flip(x, backwards)
        ranges = [r[::-1] if r.step < 0 else r for r in ranges]
    for i, r in enumerate(ranges):
        if r.step > 1 and len(r) > 1:  # put step - 1 zeros behind each element, and drop those behind the last
            x = x.reshape(*x.shape[: i + 1], 1, *x.shape[i + 1 :])
            x = np.pad(x, [(0, r.step - 1 if axis == i + 1 else 0) for axis in range(x.ndim)])
            x = x.reshape(*x.shape[:i], len(r) * r.step, *x.shape[i + 2 :])
            x = x[(WHOLE,) * i + (slice(0, r[-1] - r[0] + 1),)]
    widths = [(r[0], n - 1 - r[-1]) for r, n in zip(ranges, shape, strict=True)]
    return np.pad(x, widths) if any(w != (0, 0) for w in widths) else x
