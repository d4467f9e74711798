"""Pooling: the largest, the mean or a norm of each window of the last axes, in PyTorch's signatures.

An input has shape (N, C, …) or, of one example, (C, …).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.keys import as_indices
from functorch_lite.calculus.pooling import largest, positions_of_largest, window_sums
from functorch_lite.calculus.windows import meetings
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.fitting import checked_index, refuse_other_shape
from functorch_lite.tensor.putting import scatter
from functorch_lite.tensor.windows import each, last_axes, positive, spans_of

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "largest_of",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]

# --- The largest ------------------------------------------------------------------------------------------------------


def _max_pool(rank: int) -> Callable[..., Any]:
    def max_pool(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        name = f"max_pool{rank}d"
        x, sizes, steps = as_array(input), positive(kernel_size, rank, name), positive(dilation, rank, name)
        strides = sizes if stride is None else positive(stride, rank, name)
        widths = _widths(padding, sizes, rank, name)
        counts = _counts(x, sizes, widths, strides, steps, ceil_mode, name)
        values = largest(x, counts, sizes, widths, strides, steps)
        return (values, positions_of_largest(x, values, sizes, widths, strides, steps)) if return_indices else values

    max_pool.__name__ = max_pool.__qualname__ = f"max_pool{rank}d"
    axes = last_axes(rank)
    max_pool.__doc__ = f"""Take the largest of each window of {axes}.

    Parameters
    ----------
    input
        A real array of shape (N, C, …), or (C, …) for one example.
    kernel_size
        The lengths of windows: an int, or one an axis.
    stride
        The steps between windows; None for their lengths.
    padding, dilation
        As for `conv{rank}d`; nothing that is put around is the largest. Of equal elements the first has the derivative.
    ceil_mode
        Whether a window that begins within the input, or before it, may end behind it.
    return_indices
        Whether the result is a pair, with the positions of the largest in the flattened last axes of the input.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(lambda x: F.max_pool1d(x, 2).sum())(np.array([[1.0, 3.0, 2.0, 2.0]]))
    array([[0., 1., 1., 0.]])
    """
    return max_pool


max_pool1d, max_pool2d, max_pool3d = map(_max_pool, (1, 2, 3))


def _max_pool_with_indices(rank: int, max_pool: Callable[..., Any]) -> Callable[..., Any]:
    def with_indices(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> Any:
        return max_pool(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices=True)

    with_indices.__name__ = with_indices.__qualname__ = f"max_pool{rank}d_with_indices"
    with_indices.__doc__ = f"""Return what `max_pool{rank}d` gives with ``return_indices=True``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.max_pool1d_with_indices(np.array([[1.0, 3.0, 2.0, 2.0]]), 2)
    (array([[3., 2.]]), array([[1, 2]]))
    """
    return with_indices


max_pool1d_with_indices, max_pool2d_with_indices, max_pool3d_with_indices = map(
    _max_pool_with_indices, (1, 2, 3), (max_pool1d, max_pool2d, max_pool3d)
)


def largest_of(seen: Any, inside: Any, positions: Any = None) -> tuple[Any, Any]:
    """Return the largest along the last axis, and where the first of them is.

    Parameters
    ----------
    seen
        Windows, along the last axis.
    inside
        Which of their elements count: of those that do not, which are the least there can be, none is the largest.
        None if all count.
    positions
        Where the elements are; of the shape of ``inside``. None if nobody asks.
    """
    first = np.expand_dims(np.argmax(seen, axis=-1), -1)
    if inside is not None:
        counts = np.take_along_axis(np.broadcast_to(inside, shape_of(seen)), first, axis=-1)
        first = np.where(counts, first, np.expand_dims(np.argmax(inside, axis=-1), -1))
    largest = np.take_along_axis(seen, first, axis=-1)[..., 0]
    if positions is None:
        return largest, None
    return largest, np.take_along_axis(np.broadcast_to(positions, shape_of(seen)), first, axis=-1)[..., 0]


def _max_unpool(rank: int) -> Callable[..., Any]:
    def max_unpool(
        input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
    ) -> Any:
        name = f"max_unpool{rank}d"
        x, indices = as_array(input), as_indices(indices)
        sizes = each(kernel_size, rank, name)
        strides = sizes if stride is None else each(stride, rank, name)
        widths = each(padding, rank, name)
        refuse_other_shape(name, "indices", shape_of(indices), x.shape, "that of the input")
        of_axes = zip(x.shape[-rank:], strides, widths, sizes, strict=True)
        lengths = tuple((n - 1) * stride - 2 * width + size for n, stride, width, size in of_axes)
        if output_size is not None:
            output_size = (output_size,) if isinstance(output_size, int) else tuple(output_size)
            asked = output_size[-rank:]
            near = zip(asked, lengths, strides, strict=True)
            if len(asked) != rank or any(abs(n - m) >= stride for n, m, stride in near):
                raise ValueError(
                    f"{name} at {user_line()}: output_size {output_size} is not within a stride of {lengths}"
                )
            lengths = asked
        lead = x.shape[:-rank]
        flat = np.reshape(indices, (*lead, -1))
        flat = checked_index(flat, prod(lengths), 0, f"{name}: position {{}} is not in the result")
        zeros = np.zeros((*lead, prod(lengths)), x.dtype)
        return np.reshape(scatter(zeros, -1, flat, np.reshape(x, (*lead, -1))), (*lead, *lengths))

    max_unpool.__name__ = max_unpool.__qualname__ = f"max_unpool{rank}d"
    max_unpool.__doc__ = f"""Put the largest of windows back where `max_pool{rank}d` found them, and zeros elsewhere.

    Parameters
    ----------
    input, indices
        What `max_pool{rank}d` gave with ``return_indices=True``.
    kernel_size, stride, padding
        What it was given.
    output_size
        The shape of its input, or the last lengths of that, where several give the same result.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.max_unpool1d(*F.max_pool1d(np.array([[1.0, 3.0, 2.0, 2.0]]), 2, return_indices=True), 2)
    array([[0., 3., 2., 0.]])
    """
    return max_unpool


max_unpool1d, max_unpool2d, max_unpool3d = map(_max_unpool, (1, 2, 3))

# --- Means and norms --------------------------------------------------------------------------------------------------


def _avg_pool(rank: int) -> Callable[..., Any]:
    def avg_pool(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        name = f"avg_pool{rank}d"
        x, sizes = as_array(input), positive(kernel_size, rank, name)
        strides = sizes if stride is None else positive(stride, rank, name)
        widths = _widths(padding, sizes, rank, name)
        counts = _counts(x, sizes, widths, strides, (1,) * rank, ceil_mode, name)
        if x.dtype == np.float16:  # the sums may be beyond the range that the means are in
            how = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
            return avg_pool(x.astype(np.float32), *how).astype(np.float16)
        sums = x if x.dtype.kind in "fc" else x.astype(np.float64)
        numbers = np.ones((), np.intp)
        for axis, of_axis in enumerate(zip(counts, sizes, widths, strides, strict=True), x.ndim - rank):
            numbers = np.expand_dims(numbers, -1) * _counted(count_include_pad, x.shape[axis], *of_axis)
            sums = window_sums(sums, axis, *of_axis)
        if divisor_override is not None:
            return sums / divisor_override
        return sums / (prod(sizes) if np.all(numbers == prod(sizes)) else numbers.astype(sums.dtype))

    avg_pool.__name__ = avg_pool.__qualname__ = f"avg_pool{rank}d"
    axes = last_axes(rank)
    avg_pool.__doc__ = f"""Take the mean of each window of {axes}.

    Parameters
    ----------
    input, kernel_size, stride, padding, ceil_mode
        As for `max_pool{rank}d`; zeros are put around.
    count_include_pad
        Whether these zeros count. Those behind them, which ``ceil_mode`` may see, never do.
    divisor_override
        What sums are divided by, in the place of the number of elements.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.avg_pool1d(np.array([[1.0, 3.0, 2.0, 6.0]]), 2)
    array([[2., 4.]])
    """
    return avg_pool


avg_pool1d, avg_pool2d, avg_pool3d = map(_avg_pool, (1, 2, 3))


def _lp_pool(rank: int, avg_pool: Callable[..., Any]) -> Callable[..., Any]:
    def lp_pool(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
        means = avg_pool(as_array(input) ** norm_type, kernel_size, stride, 0, ceil_mode)
        sums = means * prod(each(kernel_size, rank, f"lp_pool{rank}d"))
        return np.where(sums == 0, 0, np.where(sums == 0, 1, sums) ** (1 / norm_type))

    lp_pool.__name__ = lp_pool.__qualname__ = f"lp_pool{rank}d"
    axes = last_axes(rank)
    lp_pool.__doc__ = f"""Take the norm of each window of {axes}: the root of a sum of powers.

    Parameters
    ----------
    input
        A real array of shape (N, C, …), or (C, …) for one example.
    norm_type
        The power. Powers are of the elements, not of their absolute values. Where their sum is zero the derivative is.
    kernel_size, stride, ceil_mode
        As for `max_pool{rank}d`.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.lp_pool1d(np.array([[3.0, 4.0, 0.0, 2.0]]), 2, 2)
    array([[5., 2.]])
    """
    return lp_pool


lp_pool1d, lp_pool2d, lp_pool3d = map(_lp_pool, (1, 2, 3), (avg_pool1d, avg_pool2d, avg_pool3d))

# --- Where windows are ------------------------------------------------------------------------------------------------


def _widths(padding: Any, sizes: tuple[int, ...], rank: int, name: str) -> tuple[int, ...]:
    """Return how much is put before each axis, after a look that no window consists of it alone."""
    widths = each(padding, rank, name)
    if any(2 * width > size for width, size in zip(widths, sizes, strict=True)):
        raise ValueError(f"{name} at {user_line()}: padding {widths} must be at most half of the windows {sizes}")
    return widths


def _counts(
    x: Any, sizes: Any, widths: Any, strides: Any, steps: Any, ceil_mode: bool, name: str
) -> tuple[int, ...]:
    """Return how many windows there are along each axis, after a look that each has an element of the input."""
    rank, spans = len(widths), spans_of(sizes, steps)
    if x.ndim < rank + 1:
        raise ValueError(f"{name} at {user_line()} takes an input of shape (N, C, …) or (C, …), not {x.shape}")
    counts = []
    for n, size, width, stride, step, span in zip(x.shape[-rank:], sizes, widths, strides, steps, spans, strict=True):
        beyond = n + 2 * width - span
        count = (beyond + (stride - 1) * ceil_mode) // stride + 1
        if ceil_mode and (count - 1) * stride >= n + width:  # it would begin behind the input
            count -= 1
        if count < 1:
            padded = (*x.shape[:-rank], *(m + 2 * w for m, w in zip(x.shape[-rank:], widths, strict=True)))
            raise ValueError(f"{name} at {user_line()}: windows of {spans} do not fit into the padded {padded}")
        if step > 1 and width and not _all_meet(n, count, size, width, stride, step):
            raise ValueError(
                f"{name} at {user_line()}: a window whose elements are {steps} apart has none within the input of "
                f"shape {x.shape}, padded by {widths}"
            )
        counts.append(count)
    return tuple(counts)


def _all_meet(n: int, count: int, size: int, width: int, stride: int, step: int) -> bool:
    """Say whether each window of an axis has an element that was not put around it."""
    is_met = np.zeros(count, np.bool_)
    for _, (windows,), _ in meetings((n,), (count,), (size,), (width,), (stride,), (step,)):
        is_met[windows] = True
    return bool(is_met.all())


def _counted(with_padding: bool, n: int, count: int, size: int, width: int, stride: int) -> Any:
    """Return how many elements of each window of an axis count in its mean."""
    around = width if with_padding else 0
    first = np.arange(count) * stride - width
    return np.minimum(first + size, n + around) - np.maximum(first, -around)
