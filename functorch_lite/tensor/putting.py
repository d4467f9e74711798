"""Putting into a copy of an array by positions: what was there is replaced.

PyTorch's `scatter` goes along one axis: the position along it comes from ``index``, that along the others is the place
in ``index``, which may be smaller than the array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.calculus.keys import as_indices
from functorch_lite.calculus.replacing import accumulated, replaced
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.accumulating import scatter_reduce
from functorch_lite.tensor.fitting import positions
from functorch_lite.tensor.method_table import method
from functorch_lite.tensor.places import axis_of_index, axis_of_slices, last_named, part_named, vector_of
from functorch_lite.tensor.selection import at_hand

__all__ = ["index_copy", "index_fill", "index_put", "scatter"]

_REDUCTIONS = {"add": "sum", "multiply": "prod"}


@method
def scatter(x: Any, dim: int, index: Any, src: Any, *, reduce: str | None = None) -> Any:
    """Put ``src[i, j]`` (or a number) at ``x[index[i, j], j]``; of several put at one place the last stays.

    Parameters
    ----------
    x
        An array.
    dim
        The axis along which ``index`` has positions.
    index
        Integers, with as many axes as ``x``; the other axes may be shorter.
    src
        A number, or an array at least as large as ``index``.
    reduce
        ``"add"`` or ``"multiply"`` to combine with what is there, as `scatter_reduce` does, which PyTorch prefers.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.scatter(ft.zeros(3), 0, ft.tensor([2, 0]), ft.tensor([1.0, 5.0]))
    tensor([5., 0., 1.])
    """
    if reduce is not None:
        if reduce not in _REDUCTIONS:
            raise ValueError(f"scatter at {user_line()}: reduce is one of {[*_REDUCTIONS]}, not {reduce!r}")
        return scatter_reduce(x, dim, index, src, _REDUCTIONS[reduce])
    x, index = as_array(x), as_indices(index)
    axis = axis_of_index(x, dim, index, "scatter")
    writer = last_named(index, axis, x.shape)
    src = as_array(src) if isinstance(src, list | tuple) else src
    if shape_of(src):
        within = part_named(src, index, "scatter")
        source = np.maximum(writer[(*within[:axis], slice(None), *within[axis + 1 :])], 0)
        part = np.take_along_axis(src[within], source, axis)
        src = np.pad(part, [(0, n - m) for n, m in zip(x.shape, part.shape, strict=True)])
    return np.where(writer >= 0, src, x)


@method
def index_copy(x: Any, dim: int, index: Any, source: Any) -> Any:
    """Put slices of ``source`` in the place of the slices that ``index`` names along an axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.index_copy(ft.zeros(3), 0, ft.tensor([2, 0]), ft.tensor([1.0, 5.0]))
    tensor([5., 0., 1.])
    """
    x, index, source = as_array(x), vector_of(index, "index_copy"), as_array(source)
    axis = axis_of_slices(x, dim, index, source, "index_copy")
    index = np.reshape(index, (-1, *(1,) * (x.ndim - axis - 1)))
    return scatter(x, axis, np.broadcast_to(index, source.shape), source)


@method
def index_fill(x: Any, dim: int, index: Any, value: Any) -> Any:
    """Put a number in all slices that ``index`` names along an axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.index_fill(ft.zeros(3), 0, ft.tensor([2, 0]), 7.0)
    tensor([7., 0., 7.])
    """
    axis, shape = only_axis(dim, np.ndim(x)), shape_of(x)
    index = positions(index, shape[axis], "index_fill")
    named = np.reshape(np.isin(np.arange(shape[axis]), index), (-1, *(1,) * (len(shape) - axis - 1)))
    return np.where(named, value, x)


@method
def index_put(x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    """Put values, broadcast, at the places that a tuple of index arrays names; ``accumulate`` adds them.

    Of several values put at one place the last stays; all that are added count. None among the indices is all of an
    axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.index_put(ft.zeros(3), (ft.tensor([2, 2]),), ft.tensor([1.0, 5.0]), accumulate=True)
    tensor([0., 0., 6.])
    """
    x, values = as_array(x), as_array(values)
    key = tuple(slice(None) if k is None else at_hand(k) for k in indices)
    if not accumulate:
        return replaced(x, key, values)
    return accumulated(x, key, values)
