"""Windows that slide over the last axes of an array: padding, and windows as columns of a matrix.

An input has shape (N, C, …) or, of one example, (C, …).
"""

from __future__ import annotations

import operator
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.creation import copied
from functorch_lite.calculus.windows import patches, put_together
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of

__all__ = ["each", "fold", "last_axes", "pad", "padded_patches", "positive", "spans_of", "unfold"]

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    """Put elements before and behind axes, or take some away.

    Parameters
    ----------
    input
        An array.
    pad
        How many before and behind the last axis, then the one before it, and so on; negative numbers take away.
    mode
        ``"constant"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
    value
        The constant, by default zero.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.pad(np.array([[1.0, 2.0, 3.0]]), (2, -1))
    array([[0., 0., 1., 2.]])
    >>> F.pad(np.array([[1.0, 2.0, 3.0]]), (1, 1), mode="reflect")
    array([[2., 1., 2., 3., 2.]])
    """
    x, widths = as_array(input), [operator.index(n) for n in pad]
    if mode not in _MODES or len(widths) % 2 or len(widths) > 2 * x.ndim:
        raise ValueError(
            f"pad at {user_line()}: an array of shape {x.shape} takes up to {x.ndim} pairs, the last axis first, and a "
            f"mode of {list(_MODES)}; given {tuple(widths)} and {mode!r}"
        )
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2) + list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    key = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape, strict=True))
    x = x[key] if min(widths, default=0) < 0 else x
    added = [(max(a, 0), max(b, 0)) for a, b in pairs]
    if mode == "constant":
        return np.pad(x, added, constant_values=0 if value is None else value)
    return np.pad(x, added, mode=_MODES[mode])  # type: ignore[call-overload]


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Take all windows of images, and write each as a column of a matrix.

    Parameters
    ----------
    input
        An array of shape (N, C, H, W), or (C, H, W) for one example.
    kernel_size
        The lengths of windows: an int, or one an axis.
    dilation, stride
        The steps within a window, and between windows: an int, or one an axis.
    padding
        The zeros before and behind: an int, or one an axis.

    Returns
    -------
    array
        Of shape (N, C * elements of a window, number of windows).

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.unfold(np.arange(6.0).reshape(1, 2, 3), 2)
    array([[0., 1.],
           [1., 2.],
           [3., 4.],
           [4., 5.]])
    """
    _refuse_other_rank("unfold", input, 3, "(N, C, H, W) or (C, H, W)")
    sizes, steps, widths, strides = (each(n, 2, "unfold") for n in (kernel_size, dilation, padding, stride))
    seen = padded_patches(input, [(n, n) for n in widths], 0, sizes, strides, steps, "unfold")
    columns = copied(np.moveaxis(seen, (-2, -1), (-4, -3)))  # not a view of the input, whatever the sizes are
    *lead, channels, _, _, rows, across = shape_of(columns)
    return np.reshape(columns, (*lead, channels * prod(sizes), rows * across))


def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Add up images from columns as `unfold` gives them: elements of several windows are sums.

    Parameters
    ----------
    input
        An array of shape (N, C * elements of a window, number of windows), or without N for one example.
    output_size
        The height and width of the images: an int, or a pair.
    kernel_size, dilation, padding, stride
        As for `unfold`.

    Returns
    -------
    array
        Of shape (N, C, H, W).

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.fold(np.ones((4, 2)), (2, 3), 2)
    array([[[1., 2., 1.],
            [1., 2., 1.]]])
    """
    _refuse_other_rank("fold", input, 2, "(N, C * elements of a window, windows), or without N")
    given = (each(n, 2, "fold") for n in (output_size, kernel_size, dilation, padding, stride))
    lengths, sizes, steps, widths, strides = given
    whole = tuple(n + 2 * w for n, w in zip(lengths, widths, strict=True))
    spans = spans_of(sizes, steps)
    counts = [(n - span) // stride + 1 for n, span, stride in zip(whole, spans, strides, strict=True)]
    *lead, rows, columns = shape_of(input)
    if rows % prod(sizes) or min(counts) < 1 or columns != prod(counts):
        raise ValueError(
            f"fold at {user_line()}: windows of {sizes} in images of {lengths} are {max(counts[0], 0)} x "
            f"{max(counts[1], 0)} columns of a multiple of {prod(sizes)} elements; given shape {shape_of(input)}"
        )
    seen = np.reshape(input, (*lead, rows // prod(sizes), *sizes, *counts))
    total = put_together(np.moveaxis(seen, (-4, -3), (-2, -1)), whole, sizes, strides, steps)
    return total[(..., *(slice(w, n + w) for n, w in zip(lengths, widths, strict=True)))]


# --- What convolution and pooling share -------------------------------------------------------------------------------


def padded_patches(x: Any, pairs: Any, value: float, sizes: Any, strides: Any, steps: Any, name: str) -> Any:
    """Return the windows of the last axes of an array, padded by a value; they follow the axes of their positions."""
    x, rank, spans = as_array(x), len(sizes), spans_of(sizes, steps)
    if any(map(any, pairs)):
        x = np.pad(x, [(0, 0)] * (x.ndim - rank) + list(pairs), constant_values=value)
    if any(n > m for n, m in zip(spans, x.shape[-rank:], strict=True)):
        raise ValueError(f"{name} at {user_line()}: windows of {spans} do not fit into the padded {x.shape}")
    return patches(x, sizes, strides, steps)


def spans_of(sizes: tuple[int, ...], steps: tuple[int, ...]) -> tuple[int, ...]:
    """Return how far windows reach whose elements are some steps apart."""
    return tuple((n - 1) * step + 1 for n, step in zip(sizes, steps, strict=True))


def each(n: Any, rank: int, name: str) -> tuple[int, ...]:
    """Return one number an axis."""
    found = tuple(map(operator.index, n)) if isinstance(n, tuple | list) else (operator.index(n),)
    found = found * rank if len(found) == 1 else found
    if len(found) != rank:
        raise ValueError(f"{name} at {user_line()}: {found} should be one number, or one for each of {rank} axes")
    return found


def positive(n: Any, rank: int, name: str) -> tuple[int, ...]:
    """Return one positive number an axis: lengths of windows, and steps."""
    found = each(n, rank, name)
    if min(found) < 1:
        raise ValueError(f"{name} at {user_line()}: lengths of windows, strides and dilations are 1 at least; {found}")
    return found


def last_axes(rank: int) -> str:
    """Return what docstrings say of a function of so many axes."""
    return "the last axis" if rank == 1 else f"the last {rank} axes"


def _refuse_other_rank(name: str, x: Any, rank: int, expected: str) -> None:
    if len(shape_of(x)) not in (rank, rank + 1):
        raise ValueError(f"{name} at {user_line()} takes an input of shape {expected}, not {shape_of(x)}")
