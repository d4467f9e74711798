"""Taking by position: take, take_along_axis, compress, choose; putting, into a new array; writing, which is refused."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from functorch_lite.calculus.arguments import as_array, reduced_axes, refuse_out
from functorch_lite.calculus.batching import same_axes, shifted_axes
from functorch_lite.calculus.declare import zero_function
from functorch_lite.calculus.indexing import gather, getitem
from functorch_lite.calculus.keys import as_indices
from functorch_lite.calculus.selection import as_scalar
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.tables import UFUNC_METHODS, implements

__all__ = ["put_along_axis", "take"]

# --- Taking -----------------------------------------------------------------------------------------------------------


@implements(np.take)
def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> Any:
    """Take elements along an axis, where NumPy's own function does not look whether ``indices`` are traced.

    Parameters
    ----------
    a
        The table.
    indices
        Integers.
    axis
        The axis; None: of the table with one axis.
    out
        None, or something that is refused: nothing is written to.
    mode
        What is done with positions out of range: ``"raise"``, ``"wrap"`` or ``"clip"``.

    Returns
    -------
    array
        Differentiable in the table. The axis is replaced by the axes of ``indices``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.take(ft.tensor([[4.0, 3.0], [2.0, 1.0]]), ft.tensor([0, 2]))
    tensor([4., 2.])
    >>> ft.grad(lambda x: np.sum(ft.take(x, np.array([0, 5]), mode="wrap")))(np.zeros(3))
    array([1., 0., 1.])
    """
    refuse_out("take", out)
    a = as_array(a)
    a = a if a.ndim else np.ravel(a)
    a, axis = (np.ravel(a), 0) if axis is None else (a, normalize_axis_index(axis, a.ndim))
    indices = indices if hasattr(indices, "dtype") else as_indices(indices)
    if not np.can_cast(indices.dtype, np.intp):
        raise TypeError(f"np.take needs integer indices, not {indices.dtype}")
    if indices.dtype == bool:
        indices = indices.astype(np.intp)
    if mode == "raise" and 0 in a.shape[:axis]:  # NumPy then takes nothing, and looks at no index
        mode = "clip"
    return getitem(a, (slice(None),) * axis + (_in_range(indices, a.shape[axis], mode),))


@implements(np.take_along_axis)
def _take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    arr, indices = as_array(arr), as_array(indices)
    if indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        arr, axis = np.ravel(arr), 0
    if arr.ndim != indices.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    rank = arr.ndim
    axis = normalize_axis_index(axis, rank)
    entries = [np.arange(n).reshape((1,) * i + (n,) + (1,) * (rank - 1 - i)) for i, n in enumerate(arr.shape)]
    entries[axis] = indices
    # One element of each row is none twice, unless a row stands for several.
    unique = indices.shape[axis] <= 1 and all(n >= m for n, m in zip(arr.shape, indices.shape, strict=True))
    return gather.bind((arr, *entries), ((0,) * rank, tuple(range(rank)), unique))


@implements(np.compress)
def _compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    refuse_out("compress", out)
    condition, a = as_array(condition), as_array(a)
    if condition.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    a = a if a.ndim else np.ravel(a)
    a, axis = (np.ravel(a), 0) if axis is None else (a, normalize_axis_index(axis, a.ndim))
    (chosen,) = np.nonzero(condition)
    return gather.bind((a, chosen), ((slice(None),) * axis + (0,), (axis,), True))


@implements(np.extract)
def _extract(condition: Any, arr: Any) -> Any:
    return _compress(np.ravel(as_array(condition)), np.ravel(as_array(arr)))


@implements(np.trim_zeros)
def _trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    filt, trim = as_array(filt), trim.lower()
    if trim not in ("f", "b", "fb", "bf"):
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    axes = reduced_axes(axis, filt.ndim)
    if not axes:
        return filt
    positions = np.nonzero(filt)
    key = [slice(None)] * filt.ndim
    for i in axes:
        if not len(positions[i]):
            key[i] = slice(0)
            continue
        start, stop = int(positions[i].min()), int(positions[i].max()) + 1
        key[i] = slice(start if "f" in trim else None, stop if "b" in trim else None)
    return filt[tuple(key)]


@zero_function(batch=same_axes)
def _choice(a: Any, count: int) -> Any:
    """Return which of so many choices to take, after a look that there are so many."""
    if ((a < 0) | (a >= count)).any():
        raise ValueError("invalid entry in choice array")
    return a


@implements(np.choose)
def _choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    refuse_out("choose", out)
    a = as_array(a)
    table = choices if hasattr(choices, "ndim") else np.stack(np.broadcast_arrays(*map(as_array, choices)))
    count, *rest = shape_of(table)
    shape = np.broadcast_shapes(shape_of(a), tuple(rest))
    table = np.reshape(table, (count, *(1,) * (len(shape) - len(rest)), *rest))
    chosen = _choice(a, count) if mode == "raise" else _in_range(a, count, mode)
    chosen = np.broadcast_to(chosen, shape)
    table = np.broadcast_to(table, (count, *shape))
    return as_scalar(np.squeeze(np.take_along_axis(table, np.expand_dims(chosen, 0), 0), 0))


def _in_range(indices: Any, length: int, mode: str) -> Any:
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    if mode == "raise" or not length:  # of nothing no mode can take anything
        return indices
    indices = indices.astype(np.intp)  # the length may be no number of a short integer
    return indices % length if mode == "wrap" else np.minimum(np.maximum(indices, 0), length - 1)


# --- Putting into a new array -----------------------------------------------------------------------------------------


@zero_function(batch=shifted_axes(1))
def _latest(indices: Any, length: int, axis: int) -> Any:
    """Say for each place along an axis which of the values put there stays: the last one, or -1 where none is put."""
    found = np.full((*indices.shape[:axis], length, *indices.shape[axis + 1 :]), -1)
    order = np.arange(indices.shape[axis]).reshape(-1, *(1,) * (indices.ndim - axis - 1))
    np.put_along_axis(found, indices, np.broadcast_to(order, indices.shape), axis)
    return found


def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None = -1) -> Any:
    """Return a copy of an array with values put at positions along an axis; of several at one place, the last stays.

    `numpy.put_along_axis` does this in place, which under a transformation of a pure function a buffer alone can.

    Parameters
    ----------
    arr
        The array, of any shape.
    indices
        Integers, with the axes of ``arr``; they broadcast against it except along ``axis``.
    values
        What to put there; they broadcast against the indices.
    axis
        The axis, or None for the flattened array.

    Returns
    -------
    array
        Of the shape and dtype of ``arr``; differentiable in ``arr`` and ``values``.

    Raises
    ------
    TypeError
        If the values have not the kind of the array.
    ValueError
        If indices and array differ in their number of axes.
    IndexError
        If an index is out of bounds.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.calculus.taking import put_along_axis
    >>> x, i = np.array([1.0, 2.0, 3.0]), np.array([2])
    >>> put_along_axis(x, i, 9.0)
    array([1., 2., 9.])
    >>> ft.grad(lambda x: np.sum(put_along_axis(x, i, x[:1] ** 2) * np.arange(3.0)))(x)
    array([4., 1., 0.])
    """
    arr, indices, values = as_array(arr), as_indices(indices), as_array(values)
    if axis is None:
        return np.reshape(put_along_axis(np.ravel(arr), indices, values, 0), arr.shape)
    axis = normalize_axis_index(axis, arr.ndim)
    if indices.dtype.kind not in "iu":
        raise IndexError(f"`indices` must be an integer array, not one of {indices.dtype}")
    if indices.ndim != arr.ndim:
        raise ValueError(f"`indices` of shape {indices.shape} and `arr` of shape {arr.shape} must have as many axes")
    if not np.can_cast(values.dtype, arr.dtype, "same_kind"):
        raise TypeError(f"values of {values.dtype} cannot be put into an array of {arr.dtype}; convert one of them")
    count = indices.shape[axis]
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    indices, values = np.broadcast_to(indices, shape), np.broadcast_to(values, shape)
    if not count:
        return arr
    latest = _latest(indices, arr.shape[axis], axis)
    put = np.take_along_axis(values, np.maximum(latest, 0), axis)
    return np.where(latest < 0, arr, put).astype(arr.dtype)


# --- Writing into arrays, which is refused ----------------------------------------------------------------------------


def _refuse_at(ufunc: np.ufunc, a: Any, indices: Any, *values: Any) -> NoReturn:
    raise TypeError(
        f"np.{ufunc.__name__}.at at {user_line()} was to write into an array, which cannot hold a derivative. Make a "
        f"new array: a + np.bincount(positions, values, len(a)) for sums at positions, else np.where(mask, new, a)."
    )


UFUNC_METHODS[None, "at"] = _refuse_at
