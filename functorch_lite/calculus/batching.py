"""How primitives batch, for those whose rule is one of a few patterns. The batch axis is axis 0, always."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.operands import aligned, shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive

__all__ = ["broadcast_batch", "on_matrices", "same_axes", "shifted_axes"]


def same_axes(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    """For an elementwise operation of one array with parameters: the batch is just more elements."""
    return primitive.bind(arrays, params)


def shifted_axes(*which: int) -> Any:
    """Return the rule of an operation of one array whose parameters at these positions are axes, all non-negative."""

    def rule(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        moved = tuple(_shift(p) if i in which else p for i, p in enumerate(params))
        return primitive.bind(arrays, moved)

    return rule


def broadcast_batch(size: int, array: Any) -> Any:
    """Return the array repeated along a new batch axis, as a view where arrays are NumPy's."""
    return np.broadcast_to(array, (size, *shape_of(array)))


def on_matrices(*ranks: int) -> Any:
    """Return the rule of an operation that works on the last axes of its arrays and broadcasts the others.

    ``ranks`` says on how many. The leading axes of each example are lined up behind the batch axis.
    """

    def rule(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        return primitive.bind(aligned(arrays, batched, ranks), params)

    return rule


def _shift(axes: Any) -> Any:
    return axes + 1 if isinstance(axes, int) else tuple(a + 1 for a in axes)
