"""Results that share memory with a tensor though no rule says how, and those that must not.

NumPy's functions without a rule, such as ``sliding_window_view``, are applied to raw arrays. What they return may share
the memory of an operand, so a write to that must reach its history too. Other functions are composed of reshaping and
broadcasting, and known to copy (``np.tile``, PyTorch's ``flip``): a write to their result reaches nothing else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from functorch_lite.calculus.indexing import scatter
from functorch_lite.core.primitive import Arrays, General, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.tensor.ambient import is_tensor, tensor_of, way_from_base

__all__ = ["alias_of", "elements", "in_own_memory"]


def alias_of(x: Any, value: Any) -> Any:
    """Return a tensor of an array that lies in a tensor's memory: a view of it, or a copy where no view can tell how.

    The view is read-only; `own_memory` makes it writable if no two of its elements are one.
    """
    base, _ = way_from_base(x)
    whole, size = base.value, value.itemsize
    offset = value.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    distances = (offset, *value.strides)
    is_within = whole.flags.c_contiguous and value.dtype == whole.dtype and offset >= 0
    if not is_within or any(distance % size for distance in distances):
        return tensor_of(value.copy(), None)
    part = np.ndarray(value.shape, value.dtype, whole, offset, value.strides)
    part.flags.writeable = False
    out = tensor_of(part, None)
    out._inference = x._inference
    offset, *steps = (d // size for d in distances)
    out._view = base, ((elements, (value.shape, tuple(steps), offset)),)
    base._add_view(out)
    return out


def in_own_memory(result: Any, *operands: Any) -> Any:
    """Return a result, a tensor or a tracer, that shares no memory with the tensors that it was made of."""
    if not is_tensor(result):
        return result
    if any(result is x for x in operands):
        return result.clone()
    if result._view is not None:
        result.value = np.array(result.value)
        result._view = None  # its base lets go of it when it looks for its views
    return result


def _positions(size: int, shape: tuple[int, ...], steps: tuple[int, ...], offset: int) -> Any:
    numbers = np.arange(size)
    return as_strided(numbers[offset:], shape, [numbers.itemsize * step for step in steps], writeable=False)


def _elements_at(x: Any, shape: tuple[int, ...], steps: tuple[int, ...], offset: int) -> Any:
    """Return elements of the array as a vector, in its memory: from an offset on, in a step for each axis."""
    out = np.ndarray(shape, x.dtype, x.reshape(-1), offset * x.itemsize, [step * x.itemsize for step in steps])
    out.flags.writeable = False
    return out


def _into_elements(
    g: Any, x_shape: tuple[int, ...], shape: tuple[int, ...], steps: tuple[int, ...], offset: int
) -> Any:
    size = int(np.prod(x_shape))
    vector = scatter.bind((g, _positions(size, shape, steps, offset)), ((size,), (0,), (0,), False))
    return vector.reshape(x_shape)


def _batch(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    shape, steps, offset = params
    whole = int(np.prod(arrays[0].shape[1:]))
    return primitive.bind(arrays, ((size, *shape), (whole, *steps), offset))


elements = General(
    _elements_at,
    ["x"],
    [Rule(vjp=_into_elements)],
    name="elements",
    parameters=["shape", "steps", "offset"],
    batch=_batch,
)
