"""The keys of ``x[key]``: split into a template and index arrays, put together again, and made those of a batch."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.errors import user_line
from functorch_lite.core.numbering import Shape
from functorch_lite.core.operands import OBJECT, is_foreign, shape_of, stacked
from functorch_lite.core.trace import Tracer

__all__ = ["BASIC", "WHOLE", "Key", "as_indices", "filled", "key_of_batch", "normalised"]

Key: TypeAlias = tuple[Any, ...]

WHOLE = slice(None)

#: The types of the entries that are plain data.
BASIC = frozenset({int, slice, type(None), type(Ellipsis)})


def normalised(x: Any, key: Key) -> tuple[Any, Key, tuple[int, ...], list[Any], bool]:
    """Split a key with arrays in it.

    Returns
    -------
    x
        The array, with a new axis for each boolean of rank 0 in the key.
    template, places, indices
        The key in the form of `gather`.
    unique
        Whether no element is named twice, as far as that can be told from shapes.
    """
    entries = [_entry(k) for k in key]
    for i, k in enumerate(entries):
        if _is_array(k) and not shape_of(k) and k.dtype == bool:  # a new axis of length one or none
            x = np.expand_dims(x, _axis(entries, i, len(shape_of(x))))
            entries[i] = np.zeros(int(bool(k)), np.intp)
    shape = shape_of(x)
    used = sum(map(_axes_used, entries))
    if used > len(shape):
        raise IndexError(f"too many indices for array: array is {len(shape)}-dimensional, but {used} were indexed")
    alone = sum(_is_array(k) or isinstance(k, int) for k in entries) == 1
    unique = True
    template: list[Any] = []
    places: list[int] = []
    indices: list[Any] = []
    for i, k in enumerate(entries):
        if not _is_array(k):
            template.append(k)
            continue
        arrays: Sequence[Any] = (k,)
        if k.dtype == bool:
            _check_mask(k, shape, _axis(entries, i, len(shape)))
            if not alone or isinstance(k, Tracer):
                arrays = np.nonzero(k)
        elif shape_of(k) and not (len(shape_of(k)) == 1 and k.shape[0] <= 1):
            unique = False
        places += range(len(template), len(template) + len(arrays))
        template += [0] * len(arrays)
        indices += arrays
    return x, tuple(template), tuple(places), indices, unique


def as_indices(k: Any) -> Any:
    """Return the array that a list of indices, traced or not, stands for."""
    has_tracers = isinstance(k, list | tuple) and any(isinstance(part, Tracer) for part in k)
    k = np.stack(k) if has_tracers else as_array(k)
    return k if k.size or isinstance(k, Tracer) else k.astype(np.intp)


def filled(key: Key, places: Sequence[int], indices: Sequence[Any]) -> Key:
    """Return the key of a template with the index arrays in their places."""
    if len(key) == len(indices):
        return tuple(indices)
    whole = list(key)
    for place, array in zip(places, indices, strict=True):
        whole[place] = array
    return tuple(whole)


def key_of_batch(
    size: int, indices: Sequence[Any], batched: tuple[bool, ...], key: Key, places: Sequence[int], rank: int
) -> tuple[Key, Sequence[int], Sequence[Any], Sequence[int], Sequence[int]]:
    """Return the key that indexes a whole batch, and how the axes of what it gives are to be moved.

    NumPy puts the axes of the index arrays in the place of the first, or in front if something stands between them.

    Parameters
    ----------
    indices
        The index arrays.
    batched
        Whether the indexed array is batched, then whether each of the index arrays is.
    rank
        The rank of one example of the indexed array.

    Returns
    -------
    key, places, indices
        The new key, in the form of `gather`.
    moved, back
        The arguments of `np.moveaxis` that bring the batch to the front and the other axes in their order.
    """
    numbers = [i for i, k in enumerate(key) if isinstance(k, int)]
    apart = numbers[-1] - numbers[0] >= len(numbers)
    ranks = [len(shape_of(a)) - b for a, b in zip(indices, batched[1:], strict=True)]
    top = max(ranks)
    if not any(batched[1:]):
        in_front = (top,) if apart and top else ()
        return (WHOLE, *key), [p + 1 for p in places], indices, in_front, (0,) * len(in_front)
    before = 0
    if not apart:
        used = sum(k is not None and k is not Ellipsis for k in key)
        before = sum(rank - used if k is Ellipsis else 1 for k in key[: numbers[0]])
    indices = [
        a.reshape(size, *(1,) * (top - r), *a.shape[1:]) if b and r < top else a
        for a, b, r in zip(indices, batched[1:], ranks, strict=True)
    ]
    if not batched[0]:
        behind = (before,) if before else ()
        return key, places, indices, behind, (0,) * len(behind)
    examples = np.arange(size).reshape(size, *(1,) * top)
    moved = tuple(range(1, 1 + top)) if before else ()
    return (0, *key), [0, *(p + 1 for p in places)], [examples, *indices], moved, tuple(m + before for m in moved)


def _entry(k: Any) -> Any:
    """Return one entry of a key as an int, a slice, ``None``, ``…``, or an integer or boolean array."""
    if type(k) in BASIC:
        return k
    if getattr(k, "dtype", None) is OBJECT:
        k = stacked(k)
    elif not hasattr(k, "dtype"):
        if not isinstance(k, bool) and hasattr(k, "__index__"):
            return operator.index(k)
        k = as_indices(k)
    if k.dtype.kind not in "iub":
        raise IndexError(
            f"at {user_line()} an array was indexed by {k.dtype} values; only integers, slices (`:`), ellipsis "
            f"(`...`), numpy.newaxis (`None`) and integer or boolean arrays are valid indices"
        )
    is_number = k.dtype != bool and not shape_of(k) and not isinstance(k, Tracer) and not is_foreign(k)
    return int(k) if is_number else k


def _is_array(k: Any) -> bool:
    return type(k) not in BASIC


def _axes_used(k: Any) -> int:
    if k is None or k is Ellipsis:
        return 0
    return len(shape_of(k)) if _is_array(k) and k.dtype == bool else 1


def _axis(entries: Sequence[Any], i: int, rank: int) -> int:
    """Return the axis of the indexed array at which the entry at position ``i`` starts."""
    if any(k is Ellipsis for k in entries[:i]):
        return rank - sum(map(_axes_used, entries[i:]))
    return sum(map(_axes_used, entries[:i]))


def _check_mask(mask: Any, shape: Shape, axis: int) -> None:
    for i, n in enumerate(shape_of(mask), axis):
        if n and n != shape[i]:  # to NumPy an axis without entries fits any axis: it selects nothing
            raise IndexError(
                f"boolean index did not match indexed array along axis {i}; size of axis is {shape[i]} but size of "
                f"corresponding boolean axis is {n}"
            )
