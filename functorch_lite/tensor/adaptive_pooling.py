"""Pooling to given lengths: the input is cut into so many windows, which overlap where it cannot be cut evenly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.tensor.pooling import largest_of, max_pool1d, max_pool2d, max_pool3d
from functorch_lite.tensor.resampling import resampled, weights_of_means
from functorch_lite.tensor.windows import last_axes

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
]


def _avg_pool(rank: int) -> Callable[..., Any]:
    def avg_pool(input: Any, output_size: Any) -> Any:
        x = as_array(input)
        sizes = _sizes(x, output_size, rank, f"adaptive_avg_pool{rank}d")
        for axis, n in zip(range(-rank, 0), sizes, strict=True):
            x = resampled(x, weights_of_means(x.shape[axis], n), axis)
        return x

    avg_pool.__name__ = avg_pool.__qualname__ = f"adaptive_avg_pool{rank}d"
    axes = last_axes(rank)
    avg_pool.__doc__ = f"""Take the means of so many windows of {axes} as are asked for.

    Parameters
    ----------
    input
        An array of shape (N, C, …), or (C, …) for one example.
    output_size
        The lengths of the result: an int, or one an axis; None for the length of the input.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.adaptive_avg_pool1d(np.array([[1.0, 2.0, 6.0]]), 2)
    array([[1.5, 4. ]])
    """
    return avg_pool


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = map(_avg_pool, (1, 2, 3))


def _max_pool(rank: int, pool: Callable[..., Any]) -> Callable[..., Any]:
    def max_pool(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        x = as_array(input)
        sizes = _sizes(x, output_size, rank, f"adaptive_max_pool{rank}d")
        lengths = x.shape[-rank:]
        if all(size and n % size == 0 for n, size in zip(lengths, sizes, strict=True)):
            windows = tuple(n // size for n, size in zip(lengths, sizes, strict=True))
            return pool(x, windows, return_indices=return_indices)
        seen, inside, positions = x, np.ones((), np.bool_), np.zeros((), np.intp)
        for i, (n, size) in enumerate(zip(lengths, sizes, strict=True)):
            places, counts = _places(n, size)
            # (…, windows, within, …) of each axis in turn; the axes before are pairs already
            seen = take(seen, places, i - rank)
            inside = np.expand_dims(inside, (-2, -1)) & counts
            positions = np.expand_dims(positions * n, (-2, -1)) + places
        order = (*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))
        lead = seen.ndim - 2 * rank
        seen = np.transpose(seen, (*range(lead), *(lead + a for a in order)))
        seen, inside, positions = (
            np.reshape(a, (*np.shape(a)[:-rank], -1))
            for a in (seen, inside.transpose(order), positions.transpose(order))
        )
        least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        largest, where = largest_of(np.where(inside, seen, least), inside, positions if return_indices else None)
        return (largest, where) if return_indices else largest

    max_pool.__name__ = max_pool.__qualname__ = f"adaptive_max_pool{rank}d"
    axes = last_axes(rank)
    max_pool.__doc__ = f"""Take the largest of so many windows of {axes} as are asked for.

    Parameters
    ----------
    input
        A real array of shape (N, C, …), or (C, …) for one example. Of equal elements the first has the derivative.
    output_size
        The lengths of the result: an int, or one an axis; None for the length of the input.
    return_indices
        Whether the result is a pair, with the positions of the largest in the flattened last axes of the input.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.adaptive_max_pool1d(np.array([[1.0, 2.0, 6.0]]), 2)
    array([[2., 6.]])
    """
    return max_pool


adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = map(
    _max_pool, (1, 2, 3), (max_pool1d, max_pool2d, max_pool3d)
)


def _max_pool_with_indices(rank: int, max_pool: Callable[..., Any]) -> Callable[..., Any]:
    def with_indices(input: Any, output_size: Any) -> Any:
        return max_pool(input, output_size, return_indices=True)

    with_indices.__name__ = with_indices.__qualname__ = f"adaptive_max_pool{rank}d_with_indices"
    with_indices.__doc__ = f"""Return what `adaptive_max_pool{rank}d` gives with ``return_indices=True``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.adaptive_max_pool1d_with_indices(np.array([[1.0, 2.0, 6.0]]), 2)
    (array([[2., 6.]]), array([[1, 2]]))
    """
    return with_indices


adaptive_max_pool1d_with_indices, adaptive_max_pool2d_with_indices, adaptive_max_pool3d_with_indices = map(
    _max_pool_with_indices, (1, 2, 3), (adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d)
)


def _sizes(x: Any, output_size: Any, rank: int, name: str) -> list[int]:
    asked = list(output_size) if isinstance(output_size, tuple | list) else [output_size]
    asked = asked * rank if len(asked) == 1 else asked
    if len(asked) != rank or x.ndim not in (rank + 1, rank + 2):
        raise ValueError(
            f"{name} at {user_line()} takes an input with {rank + 1} or {rank + 2} axes and {rank} lengths (or one), "
            f"not shape {x.shape} and {output_size}"
        )
    return [n if size is None else int(size) for n, size in zip(x.shape[-rank:], asked, strict=True)]


def _places(n: int, size: int) -> tuple[Any, Any]:
    """Return the places of windows of an axis, filled up to the longest, and which of them count."""
    number = np.arange(size)
    first, stop = number * n // size, -(-(number + 1) * n // size)
    places = first[:, None] + np.arange((stop - first).max(initial=0))
    return np.minimum(places, n - 1), places < stop[:, None]
