"""Calls of functions that see plain arrays only: solvers, random generators. Their derivative is given elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.primitive import Arrays, Params, Primitive, Zero
from functorch_lite.transforms.axes import one_by_one

__all__ = ["plain_call"]


def _one_by_one(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    if not size:
        raise ValueError(f"{params[0].__name__} cannot run on an empty batch: the shapes of its results are not known")
    with one_by_one(size):
        examples = [
            primitive.bind(tuple(a[i] if b else a for a, b in zip(arrays, batched, strict=True)), params)
            for i in range(size)
        ]
    return tuple(map(np.stack, zip(*examples, strict=True)))


#: ``plain_call(arrays, function)`` gives the tuple of arrays ``function(*arrays)``; a batch runs one by one.
plain_call = Zero(
    lambda arrays, function: function(*arrays),
    ["arrays"],
    ["function"],
    name="plain_call",
    variadic=True,
    multiple=True,
    batch=_one_by_one,
)
