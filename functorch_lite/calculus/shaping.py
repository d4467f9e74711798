"""Shapes and axes: operations that move, repeat or drop elements without looking at them. All are linear."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from functorch_lite.calculus.arguments import reduced_axes
from functorch_lite.calculus.batching import same_axes, shifted_axes
from functorch_lite.calculus.declare import linear
from functorch_lite.core.errors import TracerConversionError, user_line
from functorch_lite.core.numbering import Numbers, Shape, in_one_step, in_order
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.tables import FUNCTIONS, implements
from functorch_lite.core.trace import Tracer

# --- Primitives -------------------------------------------------------------------------------------------------------


def _batched_shape(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return primitive.bind(arrays, ((size, *params[0]),))


def _reshaped_numbers(numbers: Numbers, x_shape: Shape, shape: Shape) -> Numbers | None:
    line = in_one_step(numbers, x_shape)
    return line and in_order(shape, *line)


@linear(lambda g, x_shape: g.reshape(x_shape), moves=_reshaped_numbers, batch=_batched_shape)
def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    """Give the elements, in C order, another shape; no entry of it is -1."""
    return x.reshape(shape) if hasattr(x, "reshape") else np.reshape(x, shape)


def _batched_transpose(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    return primitive.bind(arrays, ((0, *(a + 1 for a in params[0])),))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    inverse = [0] * len(axes)
    for i, a in enumerate(axes):
        inverse[a] = i
    return tuple(inverse)


def _transposed_numbers(numbers: Numbers, x_shape: Shape, axes: tuple[int, ...]) -> Numbers:
    first, *steps = numbers
    return (first, *(steps[a] for a in axes))


@linear(lambda g, axes: g.transpose(_inverse(axes)), moves=_transposed_numbers, batch=_batched_transpose)
def transpose(x: Any, axes: tuple[int, ...]) -> Any:
    """Permute the axes."""
    return x.transpose(axes)


def _batched_broadcast(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    (x,), (shape,) = arrays, params
    example = shape_of(x)[1:]
    return primitive(reshape(x, (size, *(1,) * (len(shape) - len(example)), *example)), (size, *shape))


def _same_numbers(numbers: Numbers, x_shape: Shape, shape: Shape) -> Numbers:
    return numbers


# The engine sums the cotangent over broadcast axes.
@linear(lambda g: g, moves=_same_numbers, batch=_batched_broadcast)
def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Repeat along new axes and along axes of length one, as a read-only view."""
    return np.broadcast_to(x, shape)


def _flipped_numbers(numbers: Numbers, x_shape: Shape, axes: tuple[int, ...]) -> Numbers:
    first, *steps = numbers
    for a in axes:
        first += (x_shape[a] - 1) * steps[a]
        steps[a] = -steps[a]
    return (first, *steps)


@linear(lambda g, axes: np.flip(g, axes), moves=_flipped_numbers, batch=shifted_axes(0))
def flip(x: Any, axes: tuple[int, ...]) -> Any:
    """Reverse the order of the elements along some axes."""
    return np.flip(x, axes)


@linear(lambda g, shifts, axes: np.roll(g, tuple(-s for s in shifts), axes), moves=True, batch=shifted_axes(1))
def roll(x: Any, shifts: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """Shift the elements cyclically along some axes."""
    return np.roll(x, shifts, axes)


def _batched_padding(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return primitive.bind(arrays, (((0, 0), *params[0]),))


def _inner(g: Any, widths: tuple[tuple[int, int], ...], x_shape: tuple[int, ...]) -> Any:
    return g[tuple(slice(before, before + n) for (before, _), n in zip(widths, x_shape, strict=True))]


@linear(_inner, moves=True, batch=_batched_padding)
def pad_with_zeros(x: Any, widths: tuple[tuple[int, int], ...]) -> Any:
    """Put zeros around the array: so many before and after, axis by axis."""
    return np.pad(x, widths)


@linear(lambda g, x_shape, offset: _embedded(g, x_shape[-2:], offset), moves=True, batch=same_axes)
def diagonal(x: Any, offset: int) -> Any:
    """Take the diagonal of the last two axes."""
    return np.diagonal(x, offset, -2, -1)


@linear(lambda g, offset: diagonal(g, offset), moves=True, batch=same_axes)
def embed_diagonal(x: Any, shape: tuple[int, int], offset: int) -> Any:
    """Put the last axis on the diagonal of a matrix of zeros."""
    matrix = np.zeros_like(x, shape=(*shape_of(x)[:-1], *shape))
    n = np.arange(shape_of(x)[-1])
    matrix[..., n + max(-offset, 0), n + max(offset, 0)] = x
    return matrix


def _embedded(g: Any, shape: tuple[int, int], offset: int) -> Any:
    return embed_diagonal(g, shape, offset)


# --- Shapes -----------------------------------------------------------------------------------------------------------


@implements(np.reshape)
def _reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    size = a.size
    shape = tuple(map(operator.index, shape)) if hasattr(shape, "__len__") else (operator.index(shape),)
    if -1 in shape:
        known = 1
        for n in shape:
            known *= n
        if shape.count(-1) > 1 or known == 0 or size % -known:
            raise ValueError(f"cannot reshape array of size {size} and shape {a.shape} into shape {shape}")
        shape = tuple(size // -known if n == -1 else n for n in shape)
    total = 1
    for n in shape:
        total *= n
    if total != size:
        raise ValueError(f"cannot reshape array of size {size} and shape {a.shape} into shape {shape}")
    if copy:
        return FUNCTIONS[np.copy](_reshape(a, shape, order))
    if order == "F":
        return np.transpose(reshape(np.transpose(a), shape[::-1]))
    if order == "A":
        _require_c_order(a, order)
    elif order != "C":
        raise ValueError(f"order must be 'C', 'F' or 'A' for a traced array, not {order!r}")
    return reshape(a, shape)


@implements(np.ravel)
def _ravel(a: Any, order: str = "C") -> Any:
    if order == "K":
        _require_c_order(a, order)
    return _reshape(a, (a.size,), "C" if order == "K" else order)


def _require_c_order(a: Any, order: str) -> None:
    """Raise unless an order that goes by how the elements lie in memory is known to be that of C."""
    if sum(n > 1 for n in a.shape) < 2:
        return
    value, is_recorded = a, False
    while isinstance(value, Tracer):
        try:
            value._trace.touch("the order of elements in memory was asked")
        except TracerConversionError:
            is_recorded = True
        value = value.value
    if is_recorded or not getattr(getattr(value, "flags", None), "c_contiguous", True):
        where = "under jit may be another in each call" if is_recorded else "a traced array does not keep"
        raise ValueError(
            f"order={order!r} at {user_line()} reads the elements of an array of shape {a.shape} in the order in which "
            f"they lie in memory, which {where}; write order='C', or order='F'"
        )


@implements(np.squeeze)
def _squeeze(a: Any, axis: Any = None) -> Any:
    if axis is None:
        return reshape(a, tuple(n for n in a.shape if n != 1))
    axes = reduced_axes(axis, a.ndim)
    if any(a.shape[i] != 1 for i in axes):
        raise ValueError(
            f"cannot select an axis to squeeze out which has size not equal to one: shape {a.shape}, axis {axis}"
        )
    return reshape(a, tuple(n for i, n in enumerate(a.shape) if i not in axes))


@implements(np.expand_dims)
def _expand_dims(a: Any, axis: Any) -> Any:
    axes = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    rank = a.ndim + len(axes)
    axes = normalize_axis_tuple(axes, rank)
    lengths = iter(a.shape)
    return reshape(a, tuple(1 if i in axes else next(lengths) for i in range(rank)))


@implements(np.broadcast_to)
def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    shape = tuple(shape) if hasattr(shape, "__len__") else (shape,)
    if np.broadcast_shapes(array.shape, shape) != shape:
        raise ValueError(f"cannot broadcast shape {array.shape} to shape {shape}")
    return broadcast_to(array, shape)


@implements(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(a, shape) for a in args)


# --- Axes -------------------------------------------------------------------------------------------------------------


@implements(np.transpose)
def _transpose(a: Any, axes: Any = None) -> Any:
    if axes is None:
        return transpose(a, tuple(range(a.ndim))[::-1]) if a.ndim > 1 else a
    axes = normalize_axis_tuple(axes, a.ndim)
    if len(axes) != a.ndim:
        raise ValueError(f"axes {axes} do not match an array of shape {a.shape}")
    return transpose(a, axes)


@implements(np.swapaxes)
def _swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    axes = list(range(a.ndim))
    i, j = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    axes[i], axes[j] = j, i
    return transpose(a, tuple(axes))


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(x: Any, /) -> Any:
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose needs two axes at least; the array has shape {x.shape}")
    return _swapaxes(x, -1, -2)


@implements(np.moveaxis)
def _moveaxis(a: Any, source: Any, destination: Any) -> Any:
    sources, targets = normalize_axis_tuple(source, a.ndim), normalize_axis_tuple(destination, a.ndim)
    if len(sources) != len(targets):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [i for i in range(a.ndim) if i not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return transpose(a, tuple(order))


@implements(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    axis = normalize_axis_index(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


# --- Order ------------------------------------------------------------------------------------------------------------


@implements(np.flip)
def _flip(m: Any, axis: Any = None) -> Any:
    return flip(m, tuple(range(m.ndim)) if axis is None else normalize_axis_tuple(axis, m.ndim))


@implements(np.flipud)
def _flipud(m: Any) -> Any:
    return _flip(m, 0)


@implements(np.fliplr)
def _fliplr(m: Any) -> Any:
    return _flip(m, 1)


@implements(np.rot90)
def _rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    first, second = normalize_axis_tuple(axes, m.ndim)
    k %= 4
    if k == 0:
        return m
    if k == 2:
        return flip(m, (first, second))
    if k == 1:
        return _swapaxes(flip(m, (second,)), first, second)
    return flip(_swapaxes(m, first, second), (second,))


@implements(np.roll)
def _roll(a: Any, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        return reshape(_roll(_ravel(a), shift, 0), a.shape)
    axes = normalize_axis_tuple(axis, a.ndim, allow_duplicate=True)
    if np.ndim(shift) > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    shifts = tuple(shift) if hasattr(shift, "__len__") else (shift,) * len(axes)
    if len(shifts) > len(axes):
        axes *= len(shifts)
    return roll(a, shifts, axes)


# --- Repetition -------------------------------------------------------------------------------------------------------


@implements(np.tile)
def _tile(A: Any, reps: Any) -> Any:
    reps = tuple(reps) if hasattr(reps, "__len__") else (reps,)
    rank = max(len(reps), A.ndim)
    reps = (1,) * (rank - len(reps)) + reps
    shape = (1,) * (rank - A.ndim) + A.shape
    apart = reshape(A, tuple(m for n in shape for m in (1, n)))
    repeated = broadcast_to(apart, tuple(m for r, n in zip(reps, shape, strict=True) for m in (r, n)))
    return reshape(repeated, tuple(r * n for r, n in zip(reps, shape, strict=True)))


@implements(np.repeat)
def _repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    if axis is None:
        a, axis = _ravel(a), 0
    a = a if a.ndim else _ravel(a)
    axis = normalize_axis_index(axis, a.ndim)
    if not np.ndim(repeats):
        before, n, after = a.shape[:axis], a.shape[axis], a.shape[axis + 1 :]
        repeats = operator.index(repeats)
        apart = broadcast_to(reshape(a, (*before, n, 1, *after)), (*before, n, repeats, *after))
        return reshape(apart, (*before, n * repeats, *after))
    return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis)


@implements(np.resize)
def _resize(a: Any, new_shape: Any) -> Any:
    shape = tuple(new_shape) if hasattr(new_shape, "__len__") else (new_shape,)
    size = int(np.prod(shape))
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    if not a.size:
        return np.zeros_like(a, shape=shape)
    return reshape(np.take(_ravel(a), np.arange(size) % max(a.size, 1)), shape)


# --- Diagonals and triangles ------------------------------------------------------------------------------------------


@implements(np.diagonal)
def _diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    if a.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    return diagonal(np.moveaxis(a, (axis1, axis2), (-2, -1)), offset)


@implements(np.linalg.diagonal)
def _linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return _diagonal(x, offset, -2, -1)


@implements(np.diag)
def _diag(v: Any, k: int = 0) -> Any:
    if v.ndim == 1:
        n = v.shape[0] + abs(k)
        return embed_diagonal(v, (n, n), k)
    if v.ndim == 2:
        return diagonal(v, k)
    raise ValueError("Input must be 1- or 2-d.")


@implements(np.diagflat)
def _diagflat(v: Any, k: int = 0) -> Any:
    return _diag(_ravel(v), k)


@implements(np.tril)
def _tril(m: Any, k: int = 0) -> Any:
    return np.where(_triangle(m, k), m, np.zeros((), m.dtype))


@implements(np.triu)
def _triu(m: Any, k: int = 0) -> Any:
    return np.where(_triangle(m, k - 1), np.zeros((), m.dtype), m)


def _triangle(m: Any, k: int) -> Any:
    return np.tri(m.shape[-2:][0], m.shape[-1], k, bool)  # of a vector, a square
