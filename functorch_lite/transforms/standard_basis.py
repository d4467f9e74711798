"""The standard basis of the space of some arrays: its vectors, and their images under a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functorch_lite.core.operands import shape_of
from functorch_lite.transforms.arguments import dtype_of, like_primal
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.directions import Space
from functorch_lite.transforms.many_tangents import push_many
from functorch_lite.transforms.tangent_arrays import SparseTangents

__all__ = ["basis", "dimension", "images", "size_of", "split"]

#: From so many vectors on, a pass that also computes the image of zero costs less than keeping zeros.
FEWEST_PUSHED = 64


def basis(leaves: Sequence[Any], sparse: bool = False) -> list[Any]:
    """Return the standard basis of the space of the leaves: for each leaf, its part of all vectors.

    They are stacked, or `SparseTangents` except for Python's numbers.
    """
    total, start = dimension(leaves), 0
    space = Space(total)
    parts: list[Any] = []
    for x in leaves:
        n = size_of(x)
        if sparse and hasattr(x, "dtype"):
            parts.append(SparseTangents.basis(x, start, space))
            start += n
            continue
        part = np.zeros((total, n), dtype_of(x))
        part.reshape(-1)[start * n : (start + n) * n : n + 1] = 1
        parts.append(part.reshape(total, *shape_of(x)))
        start += n
    return parts


def images(
    f: Callable[[list[Any]], list[Any]], leaves: list[Any], chunk_size: int | None, is_linear: bool, last: bool = False
) -> list[Any]:
    """Apply a function of leaves to each vector of their basis; the vectors are on the first axis, or on the last.

    One that ``is_linear`` is its own derivative: pushing the basis along it keeps sparse what is.
    """
    if is_linear and chunk_size is None and dimension(leaves) >= FEWEST_PUSHED:
        zeros = [np.zeros_like(x) if hasattr(x, "dtype") else 0.0 for x in leaves]
        found: list[Any] = push_many(f, zeros, basis(leaves, sparse=True), last=last)[1]
        return found
    found = vmap(f, out_axes=-1 if last else 0, chunk_size=chunk_size)(basis(leaves))
    return found


def split(x: Any, leaves: Sequence[Any], axis: int) -> list[Any]:
    """Split an axis that runs over all elements of the leaves, and give each part its leaf's shape there."""
    start, parts, shape = 0, [], shape_of(x)
    for leaf in leaves:
        stop = start + size_of(leaf)
        if axis == 0:
            part = x if len(leaves) == 1 else x[start:stop]
            part = part.reshape((*shape_of(leaf), *shape[1:]))
        else:
            part = x if len(leaves) == 1 else x[..., start:stop]
            part = part.reshape((*shape[:-1], *shape_of(leaf)))
        parts.append(like_primal(_writable(part), leaf))
        start = stop
    return parts


def dimension(leaves: Sequence[Any]) -> int:
    """Return how many elements the leaves have together: so many vectors are in the basis."""
    total = 0
    for x in leaves:
        total += prod(shape_of(x))
    return total


def size_of(x: Any) -> int:
    """Return how many elements an array, a tracer or a Python number has."""
    return prod(shape_of(x))


def _writable(x: Any) -> Any:
    """Return the array as one that the caller may write to; of no axes, as the scalar that NumPy would give."""
    if type(x) is not np.ndarray:
        return x
    return x[()] if x.ndim == 0 else x if x.flags.writeable else x.copy()
