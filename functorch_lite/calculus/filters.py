"""Convolution as neural networks have it: products of windows with filters, summed over channels and windows' elements.

Inputs, filters and results are the three operands of one trilinear form. Each primitive gives one of them for the two
others, so that each is the transpose of the others in one operand or the other, and they are closed under derivatives
of all orders. Shapes begin with an axis of groups, which all three share:

- inputs (groups, examples, channels, …),
- filters (groups, outputs, channels, …),
- results (groups, examples, outputs, …).

Window i of an axis has its element k at ``i * stride + k * step - before``, and zeros beyond the input.

The products are BLAS's. What it multiplies are windows as columns; to write all of them costs more than to multiply
them. So windows are spread out along all axes but the first, whose elements then lie one behind the other: those of
row k of all windows are one piece of memory, from another place on for each k. This is done for so few examples at once
that the columns stay in the cache, and again on the way back rather than kept.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.declare import linear
from functorch_lite.calculus.windows import meetings, padded_windows
from functorch_lite.core.numbering import Shape
from functorch_lite.core.operands import is_foreign
from functorch_lite.core.primitive import Arrays, Params, Primitive

__all__ = ["convolution", "filter_sums", "transposed_convolution"]

#: The bytes of columns that are made at once: they are read several times, from the second-level cache.
LARGEST_COLUMNS = 1 << 19


def _in_batches(axes: tuple[int, int], places: tuple[int, int]) -> Callable[..., Any]:
    """Return the rule by which a batch of both operands is more groups, and one of a single operand a longer axis.

    For each operand that axis is given, which the other does not have, and its place in the result.
    """

    def rule(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        if all(batched):
            groups = arrays[0].shape[1]
            z = primitive.bind(tuple(a.reshape((size * groups, *a.shape[2:])) for a in arrays), params)
            return z.reshape((size, groups, *z.shape[1:]))
        i = batched.index(True)
        axis, place, n = axes[i], places[i], arrays[i].shape[axes[i] + 1]
        moved = np.moveaxis(arrays[i], 0, axis)
        merged = moved.reshape((*moved.shape[:axis], size * n, *moved.shape[axis + 2 :]))
        z = primitive.bind((merged, arrays[1]) if i == 0 else (arrays[0], merged), params)
        return np.moveaxis(z.reshape((*z.shape[:place], size, n, *z.shape[place + 1 :])), place, 0)

    return rule


# --- The three of them ------------------------------------------------------------------------------------------------


def _input_of_convolution(g: Any, w: Any, x_shape: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    return transposed_convolution(g, w, x_shape[3:], before, strides, steps)


def _filters_of_convolution(g: Any, x: Any, w_shape: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    return filter_sums(x, g, w_shape[3:], before, strides, steps)


@linear(_input_of_convolution, _filters_of_convolution, batch=_in_batches((1, 1), (1, 2)))
def convolution(x: Any, w: Any, counts: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    """Return the results for inputs and filters: so many windows along each axis."""
    if is_foreign(x) or is_foreign(w):
        letters, places = "hijkl"[: len(counts)], "HIJKL"[: len(counts)]
        seen = padded_windows(x, 0, counts, w.shape[3:], before, strides, steps)
        return np.einsum(f"gnc{letters}{places},goc{places}->gno{letters}", seen, w)
    groups, examples, channels, *lengths = x.shape
    outputs, sizes = w.shape[1], w.shape[3:]
    dtype = np.result_type(x, w)
    layout = _layout(tuple(lengths), counts, sizes, before, strides, steps)
    filters = _rows_of_filters(w, dtype)
    parts, columns = _parts(groups, examples, channels, layout, dtype)
    out = np.empty((examples, groups, outputs, prod(counts)), dtype).swapaxes(0, 1)
    for part in parts:
        matrices = _fill(columns, x[part], layout)
        total = out[part]
        for k, row in enumerate(_pieces(matrices, layout)):
            if k:
                total += np.matmul(filters[k][part[0]], row)
            else:
                np.matmul(filters[k][part[0]], row, out=total)
    return out.reshape((groups, examples, outputs, *counts))


def _results_of_transposed(g: Any, w: Any, x_shape: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    return convolution(g, w, x_shape[3:], before, strides, steps)


def _filters_of_transposed(g: Any, x: Any, w_shape: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    return filter_sums(g, x, w_shape[3:], before, strides, steps)


@linear(_results_of_transposed, _filters_of_transposed, batch=_in_batches((1, 2), (1, 2)))
def transposed_convolution(x: Any, w: Any, lengths: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    """Return the inputs of given lengths for results and filters: filters that are added up where windows are."""
    groups, examples, outputs, *counts = x.shape
    channels, sizes = w.shape[2], w.shape[3:]
    if all(stride == 1 for stride in strides):  # that is a convolution with the filters turned round
        turned = np.flip(np.swapaxes(w, 1, 2), tuple(range(3, w.ndim)))
        around = tuple((n - 1) * step - b for n, step, b in zip(sizes, steps, before, strict=True))
        return convolution(x, turned, lengths, around, strides, steps)
    dtype = np.result_type(x, w)
    layout = _layout(lengths, tuple(counts), sizes, before, strides, steps)
    filters = [np.swapaxes(row, -1, -2) for row in _rows_of_filters(w, dtype)]
    parts, columns = _parts(groups, examples, channels, layout, dtype)
    x = x.reshape((groups, examples, outputs, prod(counts)))
    out = np.zeros((examples, groups, channels, *lengths), dtype).swapaxes(0, 1)
    for part in parts:
        taken, total = x[part], out[part]
        matrices = columns[: taken.shape[0], : taken.shape[1]]
        matrices[...] = 0
        for k, row in enumerate(_pieces(matrices, layout)):
            row += np.matmul(filters[k][part[0]], taken)
        windows = _as_windows(matrices, channels, layout)
        for place, elements in layout[2]:
            total[elements] += windows[place]
    return out


def _input_of_sums(g: Any, y: Any, x_shape: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    return transposed_convolution(y, g, x_shape[3:], before, strides, steps)


def _results_of_sums(g: Any, x: Any, y_shape: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    return convolution(x, g, y_shape[3:], before, strides, steps)


@linear(_input_of_sums, _results_of_sums, batch=_in_batches((2, 2), (2, 1)))
def filter_sums(x: Any, y: Any, sizes: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    """Return the filters of given lengths for inputs and results: sums over all windows."""
    groups, examples, channels, *lengths = x.shape
    outputs, counts = y.shape[2], y.shape[3:]
    dtype = np.result_type(x, y)
    layout = _layout(tuple(lengths), counts, sizes, before, strides, steps)
    parts, columns = _parts(groups, examples, channels, layout, dtype, outputs)
    y = y.reshape((groups, examples, outputs, prod(counts)))
    out = np.zeros((sizes[0], groups, outputs, channels * prod(sizes[1:])), dtype)
    for part in parts:
        matrices, taken = _fill(columns, x[part], layout), y[part]
        for k, row in enumerate(_pieces(matrices, layout)):
            out[k][part[0]] += np.matmul(taken, np.swapaxes(row, -1, -2)).sum(1)
    return np.moveaxis(out.reshape((sizes[0], groups, outputs, channels, *sizes[1:])), 0, 3)


# --- Columns ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _layout(lengths: Shape, counts: Shape, sizes: Shape, before: Shape, strides: Shape, steps: Shape) -> Any:
    """Return how columns lie.

    Returns
    -------
    shape
        What an element of all windows becomes: the places within them along all axes but the first; along that one the
        remainders of places by the stride, and the quotients; then the windows along the others.
    starts, length
        Where the pieces that belong to each row of a window begin, and how long they are.
    meetings
        Pairs of keys: of columns, and of the input's elements that stand there.
    """
    offsets = [k * steps[0] for k in range(sizes[0])]
    remainders = max(offset % strides[0] for offset in offsets) + 1
    quotients = counts[0] + offsets[-1] // strides[0]
    beside = prod(counts[1:])
    spread = meetings(lengths, (quotients, *counts[1:]), (remainders, *sizes[1:]), before, strides, (1, *steps[1:]))
    pairs = [((..., *place[1:], place[0], *windows), (..., *elements)) for place, windows, elements in spread]
    shape = (*sizes[1:], remainders, quotients, *counts[1:])
    starts = [(offset % strides[0] * quotients + offset // strides[0]) * beside for offset in offsets]
    return shape, (starts, counts[0] * beside), pairs


def _parts(groups: int, examples: int, channels: int, layout: Any, dtype: Any, outputs: int = 0) -> Any:
    """Return keys of as many groups and examples as are to be done at once, and memory for the columns of one part."""
    rest = len(layout[0]) // 2 - 1
    rows, length = channels * prod(layout[0][:rest]), prod(layout[0][rest:])
    most = LARGEST_COLUMNS // max(rows * max(length, outputs) * dtype.itemsize, 1)
    some = max(min(most, examples), 1)
    several = max(min(most // some, groups), 1)
    parts = [
        (slice(i, i + several), slice(j, j + some))
        for i in range(0, groups, several)
        for j in range(0, examples, some)
    ]
    return parts, np.zeros((min(several, groups), min(some, examples), rows, length), dtype)


def _fill(columns: Any, x: Any, layout: Any) -> Any:
    """Write the windows of a part of the inputs; where zeros stand none is written."""
    matrices = columns[: x.shape[0], : x.shape[1]]
    windows = _as_windows(matrices, x.shape[2], layout)
    for place, elements in layout[2]:
        windows[place] = x[elements]
    return matrices


def _as_windows(matrices: Any, channels: int, layout: Any) -> Any:
    return matrices.reshape((*matrices.shape[:2], channels, *layout[0]))


def _pieces(matrices: Any, layout: Any) -> list[Any]:
    """Return what belongs to each row of a window."""
    starts, length = layout[1]
    return [matrices[..., start : start + length] for start in starts]


def _rows_of_filters(w: Any, dtype: Any) -> Any:
    """Return the filters row by row, as matrices for all examples of a group: (rows, groups, 1, outputs, the rest)."""
    groups, outputs, channels, size, *others = w.shape
    rows = np.ascontiguousarray(np.moveaxis(w, 3, 0), dtype)
    return rows.reshape((size, groups, 1, outputs, channels * prod(others)))
