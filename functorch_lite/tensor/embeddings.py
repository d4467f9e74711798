"""Rows of a matrix by integers: embeddings, and what bags of them come to."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.keys import as_indices
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.accumulating import index_add, index_reduce
from functorch_lite.tensor.ambient import is_tensor
from functorch_lite.tensor.fitting import positions
from functorch_lite.tensor.grad_mode import no_grad
from functorch_lite.tensor.selection import at_hand
from functorch_lite.transforms.custom import stop_gradient

__all__ = ["embedding", "embedding_bag"]

_MODES = ("sum", "mean", "max")


def embedding(
    x: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Take rows of a matrix, ``weight``, by integers ``x``; the result has shape ``(*x.shape, columns)``.

    Parameters
    ----------
    x
        Integers.
    weight
        A matrix.
    padding_idx
        The number of a row that gets no derivative.
    max_norm
        What the norms of the rows that are named are brought down to, in ``weight`` itself, without a derivative.
    norm_type
        Which norm that is.
    scale_grad_by_freq
        Whether the derivative of a row is divided by how often it is named.
    sparse
        Accepted for PyTorch's sake: gradients are arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(lambda w: F.embedding(np.array([0, 2, 2]), w).sum())(np.ones((3, 2)))
    array([[1., 1.],
           [0., 0.],
           [2., 2.]])
    """
    rows = shape_of(weight)[0]
    x = positions(x, rows, "embedding", negative=False)
    if max_norm is not None:
        _bring_down(weight, x, max_norm, norm_type, "embedding")
    found = take(weight, x, 0)
    if padding_idx is not None:
        found = np.where(np.expand_dims(x == _row(padding_idx, rows, "embedding"), -1), stop_gradient(found), found)
    return _weighed_by_frequency(found, x, rows) if scale_grad_by_freq else found


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Return the sum, the mean or the largest elements of the rows of a matrix that each bag names.

    Parameters
    ----------
    input
        Integers: a matrix, of which each row is a bag, or a vector with one bag after the other.
    weight
        A matrix.
    offsets
        Where in a vector the bags begin.
    max_norm, norm_type, scale_grad_by_freq, sparse
        As for `embedding`.
    mode
        ``"mean"``, ``"sum"`` or ``"max"``. An empty bag gives zeros.
    per_sample_weights
        What rows are multiplied by, of the shape of ``input``; with ``mode="sum"``.
    include_last_offset
        Whether the last of the offsets is not where a bag begins, but where the last one ends.
    padding_idx
        The number of a row that counts nothing.

    Returns
    -------
    array
        One row a bag.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> weight = np.array([[1.0, 1.0], [2.0, 4.0], [3.0, 9.0]])
    >>> F.embedding_bag(np.array([0, 2, 1]), weight, np.array([0, 2]))
    array([[2., 5.],
           [2., 4.]])
    """
    name, weight = "embedding_bag", as_array(weight) if isinstance(weight, list) else weight
    numbers, rows = positions(input, shape_of(weight)[0], name, negative=False), shape_of(weight)[0]
    if mode not in _MODES or (per_sample_weights is not None and mode != "sum"):
        raise ValueError(
            f"{name} at {user_line()}: mode is one of {_MODES}, and 'sum' with per_sample_weights; given {mode!r}"
        )
    if numbers.ndim not in (1, 2) or (offsets is None) != (numbers.ndim == 2):
        raise ValueError(
            f"{name} at {user_line()} takes a matrix, or a vector and offsets, not shape {numbers.shape} and "
            f"{'no offsets' if offsets is None else 'offsets'}"
        )
    if offsets is None:
        bags, width = numbers.shape
        bag = np.repeat(np.arange(bags), width)
        numbers = np.ravel(numbers)
    else:
        offsets = as_indices(offsets)
        begins = offsets[:-1] if include_last_offset else offsets
        bags = begins.shape[0]
        _refuse_other_offsets(at_hand(offsets), numbers.shape[0], include_last_offset, name)
        bag = np.searchsorted(begins, np.arange(numbers.shape[0]), side="right") - 1
    if max_norm is not None:
        _bring_down(weight, numbers, max_norm, norm_type, name)
    found = take(weight, numbers, 0)
    counts = np.ones(numbers.shape[0], np.bool_)
    if padding_idx is not None:
        counts = numbers != _row(padding_idx, rows, name)
    if scale_grad_by_freq:
        found = _weighed_by_frequency(found, numbers, rows)
    zeros = np.zeros((bags, shape_of(weight)[1]), found.dtype)
    if mode == "max":
        least = np.where(np.expand_dims(counts, -1), found, -np.inf)
        largest = index_reduce(zeros, 0, bag, least, "amax", include_self=False)
        return np.where(largest == -np.inf, 0, largest)
    shares = counts.astype(found.dtype)
    if per_sample_weights is not None:
        shares = shares * np.ravel(per_sample_weights)
    if mode == "mean":
        shares = shares / take(np.maximum(index_add(zeros[:, 0], 0, bag, shares), 1), bag, 0)
    return index_add(zeros, 0, bag, found * np.expand_dims(shares, -1))


def _row(number: int, rows: int, name: str) -> int:
    if not -rows <= number < rows:
        raise ValueError(f"{name} at {user_line()}: padding_idx {number} is none of {rows} rows")
    return number % rows


def _refuse_other_offsets(offsets: Any, size: int, include_last: bool, name: str) -> None:
    if isinstance(offsets, Tracer) or not offsets.shape[0]:
        return
    if offsets[0] != 0 or (offsets[1:] < offsets[:-1]).any() or offsets[-1] > size:
        raise ValueError(f"{name} at {user_line()}: offsets begin with 0 and grow up to {size}; given {offsets}")
    if include_last and offsets[-1] != size:
        raise ValueError(f"{name} at {user_line()}: the last offset, {offsets[-1]}, must be the end, {size}")


def _weighed_by_frequency(found: Any, numbers: Any, rows: int) -> Any:
    """Return what was found, with a derivative that is divided by how often its row was named."""
    flat = np.ravel(numbers)
    often = index_add(np.zeros(rows, found.dtype), 0, flat, np.ones(shape_of(flat)[0], found.dtype))
    share = np.expand_dims(1 / take(often, numbers, 0), -1)
    fixed = stop_gradient(found)
    return fixed + (found - fixed) * share


def _bring_down(weight: Any, numbers: Any, max_norm: float, norm_type: float, name: str) -> None:
    """Divide named rows of a matrix, in its memory, so that no norm is larger than ``max_norm``."""
    if not is_tensor(weight) and type(weight) is not np.ndarray:
        raise TypeError(
            f"{name} at {user_line()}: max_norm writes into the weight, which no transformation lets it do to a traced "
            f"value; write weight = ft.renorm(weight, {norm_type}, 0, {max_norm}) before"
        )
    with no_grad():
        named = np.unique(at_hand(numbers))
        part = weight[named]
        norms = np.linalg.vector_norm(part, ord=norm_type, axis=1, keepdims=True)
        weight[named] = np.where(norms > max_norm, part * (max_norm / (norms + 1e-7)), part)
