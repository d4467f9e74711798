"""The places in an array that PyTorch's index arrays name, after a look that they fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import only_axis
from functorch_lite.calculus.declare import zero_function
from functorch_lite.calculus.keys import as_indices
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.tensor.fitting import refuse_other_shape

__all__ = ["axis_of_index", "axis_of_slices", "key_of", "last_named", "part_named", "places_of", "vector_of"]


def places_of(x: Any, dim: int, index: Any, name: str) -> list[Any]:
    """Return one array of positions for each axis: ``index`` for one, for the others the place in ``index``."""
    rank, axis = x.ndim, axis_of_index(x, dim, index, name)
    places = [np.arange(n).reshape(-1, *(1,) * (rank - 1 - i)) for i, n in enumerate(index.shape)]
    places[axis] = index
    return places


def axis_of_index(x: Any, dim: int, index: Any, name: str) -> int:
    """Return the axis along which ``index`` names positions, after a look that its other axes fit into the array."""
    axis, shape = only_axis(dim, x.ndim), index.shape
    if len(shape) != x.ndim or any(n > m for i, (n, m) in enumerate(zip(shape, x.shape, strict=True)) if i != axis):
        raise ValueError(
            f"{name} at {user_line()}: an index of shape {shape} does not fit an array of shape {x.shape}; it must "
            f"have as many axes, none of them longer but axis {axis}, along which it names positions"
        )
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name} at {user_line()}: positions are integers, not {index.dtype}")
    return axis


def part_named(src: Any, index: Any, name: str) -> tuple[slice, ...]:
    """Return the key of the part of ``src`` that goes with ``index``, after a look that it is there."""
    if len(shape_of(src)) != index.ndim or any(n > m for n, m in zip(index.shape, shape_of(src), strict=True)):
        raise ValueError(
            f"{name} at {user_line()}: src of shape {shape_of(src)} must have an element for each of the index, whose "
            f"shape is {index.shape}"
        )
    return tuple(map(slice, index.shape))


def vector_of(index: Any, name: str) -> Any:
    """Return positions as a vector."""
    index = as_indices(index)
    if index.ndim > 1:
        raise ValueError(f"{name} at {user_line()}: index must be a vector, and has shape {index.shape}")
    return index if index.ndim else np.reshape(index, (1,))


def axis_of_slices(x: Any, dim: int, index: Any, source: Any, name: str) -> int:
    """Return the axis along which a vector names slices, after a look that ``source`` has one for each."""
    axis = only_axis(dim, x.ndim)
    expected = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    why = f"one slice of an array of shape {x.shape} for each of {index.shape[0]} positions"
    refuse_other_shape(name, "source", source.shape, expected, why)
    return axis


def key_of(x: Any) -> tuple[Any, ...]:
    """Return the parameters of `gather` that go with `places_of`."""
    return (0,) * x.ndim, tuple(range(x.ndim)), False


def _batched_writer(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    axis, shape = params
    return primitive.bind(arrays, (axis + 1, (size, *shape)))


@zero_function(batch=_batched_writer)
def last_named(index: Any, axis: int, shape: tuple[int, ...]) -> Any:
    """Find, for each place of an array of the given shape, which place of ``index`` along the axis named it last."""
    found = np.full(shape, -1)
    positions = np.arange(index.shape[axis]).reshape(-1, *(1,) * (index.ndim - axis - 1))
    key = [np.arange(n).reshape(-1, *(1,) * (index.ndim - 1 - i)) for i, n in enumerate(index.shape)]
    key[axis] = index
    found[tuple(key)] = positions
    return found
