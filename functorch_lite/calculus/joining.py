"""Joining and splitting: concatenate, stack, split, unstack, and what NumPy composes of them.

The four primitives are two pairs of transposes. Several parts come out of one operation, so that their cotangents are
joined once instead of being spread over zeros part by part.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any, NoReturn

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from functorch_lite.calculus.arguments import as_array, refuse_out
from functorch_lite.calculus.batching import broadcast_batch, shifted_axes
from functorch_lite.calculus.declare import general, linear
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, known, shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements
from functorch_lite.core.trace import Tracer

__all__ = ["concatenate", "keys_of_parts", "keys_of_slices", "split", "stack", "unstack"]

# --- Primitives -------------------------------------------------------------------------------------------------------


def _batch_all(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    everywhere = tuple(a if b else broadcast_batch(size, a) for a, b in zip(arrays, batched, strict=True))
    return primitive.bind(everywhere, (params[0] + 1, *params[1:]))


@linear(
    lambda g, i, axis, bounds: g[(slice(None),) * axis + (slice(bounds[i], bounds[i + 1]),)],
    jointly=True,
    moves=True,
    variadic=True,
    batch=_batch_all,
)
def concatenate(arrays: Arrays, axis: int, bounds: tuple[int, ...]) -> Any:
    """Join along an axis; the array at position ``i`` comes to stand at ``bounds[i]:bounds[i + 1]``."""
    return np.concatenate(arrays, axis)


@linear(
    lambda g, i, axis: g[(slice(None),) * axis + (i,)], jointly=True, moves=True, variadic=True, batch=_batch_all
)
def stack(arrays: Arrays, axis: int) -> Any:
    """Join along a new axis."""
    if all(isinstance(a, _SCALARS) or (is_at_hand(a) and not np.ndim(a)) for a in arrays):
        return np.array(arrays)  # ten times as fast as np.stack
    return np.stack(arrays, axis)


def _split_vjp(g: tuple[Any, ...], x_shape: tuple[int, ...], axis: int, bounds: tuple[int, ...]) -> Any:
    lengths = [stop - start for start, stop in pairwise(bounds)]
    return np.concatenate(
        _completed(g, [(*x_shape[:axis], n, *x_shape[axis + 1 :]) for n in lengths]), axis
    )


def _unstack_vjp(g: tuple[Any, ...], x_shape: tuple[int, ...], axis: int) -> Any:
    return np.stack(_completed(g, [(*x_shape[:axis], *x_shape[axis + 1 :])] * len(g)), axis)


def _completed(parts: tuple[Any, ...], shapes: list[tuple[int, ...]]) -> list[Any]:
    """Put zeros in the place of the parts of which no cotangent arrived."""
    like = next(part for part in parts if part is not None)
    return [
        np.zeros_like(like, shape=shape) if part is None else part for part, shape in zip(parts, shapes, strict=True)
    ]


@general(Rule(vjp=_split_vjp), multiple=True, batch=shifted_axes(0))
def split(x: Any, axis: int, bounds: tuple[int, ...]) -> tuple[Any, ...]:
    """Return the parts of an array along an axis that stand between successive bounds, which span it."""
    return tuple(x[key] for key in keys_of_parts(x.shape, axis, bounds))


@general(Rule(vjp=_unstack_vjp), multiple=True, batch=shifted_axes(0))
def unstack(x: Any, axis: int) -> tuple[Any, ...]:
    """Return the parts of an array at each position along an axis."""
    return tuple(x[key] for key in keys_of_slices(x.shape, axis))


def keys_of_parts(shape: tuple[int, ...], axis: int, bounds: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """Return the keys by which the parts that `split` gives of an array are got one by one."""
    before = (slice(None),) * axis
    return [(*before, slice(start, stop)) for start, stop in pairwise(bounds)]


def keys_of_slices(shape: tuple[int, ...], axis: int) -> list[tuple[Any, ...]]:
    """Return the keys by which the parts that `unstack` gives of an array are got one by one."""
    before = (slice(None),) * axis
    return [(*before, i) for i in range(shape[axis])]


_SCALARS = (np.generic, float, int, complex)

# --- Joining ----------------------------------------------------------------------------------------------------------


@implements(np.concatenate)
def _concatenate(
    arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    refuse_out("concatenate", out)
    parts = tuple(map(as_array, arrays))
    if axis is None:
        parts, axis = tuple(map(np.ravel, parts)), 0
    shapes = tuple(map(shape_of, parts))
    if not shapes:
        raise ValueError("need at least one array to concatenate")
    rank = len(shapes[0])
    if not rank:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    axis = normalize_axis_index(axis, rank)
    first = shapes[0]
    for i, shape in enumerate(shapes):
        if len(shape) != rank or shape[:axis] != first[:axis] or shape[axis + 1 :] != first[axis + 1 :]:
            raise ValueError(
                f"all the input arrays of np.concatenate must have the same shape except along axis {axis}, but the "
                f"array at index 0 has shape {first} and the one at index {i} has {shape}"
            )
    bounds = tuple(accumulate((shape[axis] for shape in shapes), initial=0))
    return _cast(concatenate.bind(parts, (axis, bounds)), parts, dtype, casting)


@implements(np.stack)
def _stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    refuse_out("stack", out)
    parts = tuple(a if isinstance(a, _SCALARS) else as_array(a) for a in arrays)
    if not parts:
        raise ValueError("need at least one array to stack")
    shape = shape_of(parts[0])
    for i, part in enumerate(parts):
        if shape_of(part) != shape:
            raise ValueError(
                f"all input arrays of np.stack must have the same shape, but the array at index 0 has shape {shape} "
                f"and the one at index {i} has {shape_of(part)}"
            )
    return _cast(stack.bind(parts, (normalize_axis_index(axis, len(shape) + 1),)), parts, dtype, casting)


@implements(np.vstack)
def _vstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    return np.concatenate([_atleast_2d(a) for a in tup], 0, dtype=dtype, casting=casting)


@implements(np.hstack)
def _hstack(tup: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    parts = [_atleast_1d(a) for a in tup]
    return np.concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1, dtype=dtype, casting=casting)


@implements(np.dstack)
def _dstack(tup: Any) -> Any:
    return np.concatenate([_atleast_3d(a) for a in tup], 2)


@implements(np.column_stack)
def _column_stack(tup: Any) -> Any:
    parts = [as_array(a) for a in tup]
    return np.concatenate([a if len(shape_of(a)) > 1 else np.reshape(a, (-1, 1)) for a in parts], 1)


@implements(np.block)
def _block(arrays: Any) -> Any:
    depths = set(_depths(arrays))
    if len(depths) > 1:
        raise ValueError(f"np.block was given lists nested {min(depths)} deep here and {max(depths)} deep there")
    (depth,) = depths
    blocks = _map_blocks(as_array, arrays, depth)
    rank = max(depth, *(len(shape_of(a)) for a in _blocks(blocks, depth)))
    blocks = _map_blocks(lambda a: np.reshape(a, (1,) * (rank - len(shape_of(a))) + shape_of(a)), blocks, depth)
    return _joined_blocks(blocks, depth)


@implements(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate((as_array(arr), as_array(values)), axis)


@implements(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    arr, values = as_array(arr), as_array(values)
    arr, axis = (np.ravel(arr), 0) if axis is None else (arr, normalize_axis_index(axis, arr.ndim))
    length = arr.shape[axis]
    places = np.arange(*obj.indices(length)) if isinstance(obj, slice) else np.array(_position("insert", obj))
    values = np.reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
    if places.ndim == 0:
        values = np.moveaxis(values, 0, axis)
    if places.dtype == bool:
        places = np.flatnonzero(places)
    count = values.shape[axis] if places.size == 1 else places.size
    values = np.broadcast_to(values, (*arr.shape[:axis], count, *arr.shape[axis + 1 :])).astype(arr.dtype)
    # NumPy itself says where each element goes: the positions of the new ones are inserted among those of the old.
    order = np.insert(np.arange(length), places, np.arange(length, length + count))
    return np.take(np.concatenate((arr, values), axis), order, axis)


@implements(np.delete)
def _delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    arr = as_array(arr)
    arr, axis = (np.ravel(arr), 0) if axis is None else (arr, normalize_axis_index(axis, arr.ndim))
    kept = np.delete(np.arange(arr.shape[axis]), _position("delete", obj))
    return np.take(arr, kept, axis)


# --- Splitting --------------------------------------------------------------------------------------------------------


@implements(np.array_split)
def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    ary = as_array(ary)
    axis = normalize_axis_index(axis, ary.ndim)
    length = ary.shape[axis]
    parts = np.array_split(np.arange(length), _position("array_split", indices_or_sections))
    bounds = tuple(accumulate(map(len, parts), initial=0))
    in_order = all(not len(part) or part[0] == start for part, start in zip(parts, bounds, strict=False))
    if in_order and bounds[-1] == length:
        return list(split(ary, axis, bounds))
    before = (slice(None),) * axis  # the parts overlap or leave gaps
    return [ary[(*before, slice(part[0], part[-1] + 1) if len(part) else slice(0, 0))] for part in parts]


@implements(np.split)
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    ary = as_array(ary)
    axis = normalize_axis_index(axis, ary.ndim)
    if np.ndim(_position("split", indices_or_sections)) == 0 and ary.shape[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return _array_split(ary, indices_or_sections, axis)


@implements(np.hsplit)
def _hsplit(ary: Any, indices_or_sections: Any) -> Any:
    if np.ndim(ary) == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return _split(ary, indices_or_sections, 1 if np.ndim(ary) > 1 else 0)


@implements(np.vsplit)
def _vsplit(ary: Any, indices_or_sections: Any) -> Any:
    if np.ndim(ary) < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return _split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def _dsplit(ary: Any, indices_or_sections: Any) -> Any:
    if np.ndim(ary) < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return _split(ary, indices_or_sections, 2)


@implements(np.unstack)
def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    x = as_array(x)
    if not x.ndim:
        raise ValueError("Input array must be at least 1-d.")
    parts: tuple[Any, ...] = unstack(x, normalize_axis_index(axis, x.ndim))
    return parts


# --- Axes at least ----------------------------------------------------------------------------------------------------


def _atleast_1d(a: Any) -> Any:
    a = as_array(a)
    return a if a.ndim else a.reshape(1)


def _atleast_2d(a: Any) -> Any:
    a = as_array(a)
    return a if a.ndim > 1 else a.reshape(1, a.size)


def _atleast_3d(a: Any) -> Any:
    a = as_array(a)
    return a if a.ndim > 2 else a.reshape((*a.shape, 1) if a.ndim == 2 else (1, a.size, 1))


def _for_each(function: Any) -> Any:
    def at_least(*arys: Any) -> Any:
        return function(arys[0]) if len(arys) == 1 else tuple(map(function, arys))

    return at_least


implements(np.atleast_1d)(_for_each(_atleast_1d))
implements(np.atleast_2d)(_for_each(_atleast_2d))
implements(np.atleast_3d)(_for_each(_atleast_3d))

# --- Parts of the above -----------------------------------------------------------------------------------------------


def _cast(joined: Any, parts: Arrays, dtype: Any, casting: str) -> Any:
    """Convert to the dtype that was asked for, if the parts may be cast to it."""
    if dtype is None:
        return joined
    for part in parts:
        own = np.dtype(getattr(part, "dtype", type(part)))
        if not np.can_cast(own, dtype, casting):  # type: ignore[arg-type]
            raise TypeError(f"cannot cast array data from {own} to {np.dtype(dtype)} according to the rule {casting!r}")
    return joined.astype(dtype)


def _position(name: str, position: Any) -> Any:
    """Return positions as plain numbers: they decide the shapes of the results, so they must be known."""
    if not isinstance(position, Tracer):
        return position
    plain = known(position)
    if plain is None or np.result_type(plain).kind not in "biu":
        _refuse_traced(name)
    return plain


def _refuse_traced(name: str) -> NoReturn:
    raise TypeError(
        f"np.{name} at {user_line()} was given traced positions, but they decide the shape of the result; give it "
        f"plain integers, or select with np.where(mask, a, b)"
    )


def _depths(arrays: Any) -> Any:
    """Yield how deep in lists each block stands."""
    if not isinstance(arrays, list):
        if isinstance(arrays, tuple):
            raise TypeError("np.block takes nested lists of arrays, not tuples")
        yield 0
    elif not arrays:
        raise ValueError("np.block cannot join an empty list")
    else:
        for part in arrays:
            for depth in _depths(part):
                yield depth + 1


def _map_blocks(function: Any, blocks: Any, depth: int) -> Any:
    return [_map_blocks(function, b, depth - 1) for b in blocks] if depth else function(blocks)


def _blocks(blocks: Any, depth: int) -> list[Any]:
    return [a for b in blocks for a in _blocks(b, depth - 1)] if depth else [blocks]


def _joined_blocks(blocks: Any, depth: int) -> Any:
    return np.concatenate([_joined_blocks(b, depth - 1) for b in blocks], -depth) if depth else blocks
