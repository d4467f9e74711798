"""Convolution, pooling and padding over the last axes, in PyTorch's signatures: sums over sliding windows.

An input has shape (N, C, …) or, of one example, (C, …).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv2d",
    "conv3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "pad",
]

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


def _convolution(rank: int, example: str) -> Callable[..., Any]:
    def conv(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        name = f"conv{rank}d"
        if len(shape_of(input)) not in (rank + 1, rank + 2) or len(shape_of(weight)) != rank + 2:
            raise ValueError(
                f"{name} at {user_line()} takes an input with {rank + 1} or {rank + 2} axes and a weight with "
                f"{rank + 2}, not shapes {shape_of(input)} and {shape_of(weight)}"
            )
        outputs, own, *sizes = shape_of(weight)
        channels = shape_of(input)[-rank - 1]
        if own * groups != channels or outputs % groups:
            raise ValueError(
                f"{name} at {user_line()}: a weight of shape {shape_of(weight)} (outputs, inputs a group, …) does not "
                f"fit {channels} channels of the input of shape {shape_of(input)} in {groups} groups"
            )
        steps = _each(dilation, rank, name)
        spans = [(n - 1) * d + 1 for n, d in zip(sizes, steps, strict=True)]
        if padding == "same":
            pairs = [((n - 1) // 2, n // 2) for n in spans]
        else:
            pairs = [(n, n) for n in _each(0 if padding == "valid" else padding, rank, name)]
        seen = _windows(input, pairs, 0, spans, _each(stride, rank, name), steps, name)
        lead, after = seen.shape[: -2 * rank - 1], seen.shape[-2 * rank :]
        seen = np.reshape(seen, (*lead, groups, own, *after))
        seen = np.moveaxis(seen, range(-2 * rank, -rank), range(len(lead), len(lead) + rank))  # (…, *out, G, own, *K)
        out = seen.shape[: len(lead) + rank]
        rows = np.moveaxis(np.reshape(seen, (-1, groups, own * int(np.prod(sizes)))), 1, 0)
        columns = np.swapaxes(np.reshape(weight, (groups, outputs // groups, -1)), 1, 2)
        result = np.reshape(np.moveaxis(np.matmul(rows, columns), 0, 1), (*out, outputs))
        result = np.moveaxis(result, -1, -rank - 1)
        return result if bias is None else result + np.reshape(bias, (-1, *(1,) * rank))

    conv.__name__ = f"conv{rank}d"
    conv.__doc__ = f"""Slide filters over the last {"axis" if rank == 1 else f"{rank} axes"}, and sum products.

    Parameters
    ----------
    input
        An array of shape (N, C, …), or (C, …) for one example.
    weight
        The filters, of shape (outputs, C / groups, …). As in all such libraries they are not turned round.
    bias
        One number an output, or None.
    stride, dilation
        The steps between windows, and within a window: an int, or one an axis.
    padding
        The zeros before and behind: an int, or one an axis; ``"valid"`` for none, ``"same"`` for as many as keep the
        lengths (with stride 1).
    groups
        Into how many parts channels are split, each with outputs of its own.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    {example}
    """
    return conv


conv1d = _convolution(
    1,
    ">>> F.conv1d(np.array([[1.0, 2.0, 4.0]]), np.array([[[-1.0, 1.0]]]))\n    array([[1., 2.]])",
)
conv2d = _convolution(
    2,
    ">>> F.conv2d(np.ones((1, 3, 8, 8)), np.ones((5, 3, 3, 3)), stride=2, padding=1).shape\n    (1, 5, 4, 4)",
)
conv3d = _convolution(3, ">>> F.conv3d(np.ones((2, 4, 4, 4)), np.ones((5, 2, 3, 3, 3))).shape\n    (5, 2, 2, 2)")


def _max_pool(rank: int) -> Callable[..., Any]:
    def max_pool(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1) -> Any:
        name = f"max_pool{rank}d"
        sizes, steps = _each(kernel_size, rank, name), _each(dilation, rank, name)
        pairs = [(n, n) for n in _each(padding, rank, name)]
        spans = [(n - 1) * d + 1 for n, d in zip(sizes, steps, strict=True)]
        strides = sizes if stride is None else _each(stride, rank, name)
        seen = _windows(input, pairs, -np.inf, spans, strides, steps, name)
        seen = np.reshape(seen, (*seen.shape[:-rank], -1))
        first = np.expand_dims(np.argmax(seen, axis=-1), -1)
        return np.take_along_axis(seen, first, axis=-1)[..., 0]

    max_pool.__name__ = f"max_pool{rank}d"
    max_pool.__doc__ = f"""Take the largest of each window of the last {"axis" if rank == 1 else f"{rank} axes"}.

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

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(lambda x: F.max_pool1d(x, 2).sum())(np.array([[1.0, 3.0, 2.0, 2.0]]))
    array([[0., 1., 1., 0.]])
    """
    return max_pool


def _avg_pool(rank: int) -> Callable[..., Any]:
    def avg_pool(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *, count_include_pad: bool = True
    ) -> Any:
        name = f"avg_pool{rank}d"
        sizes = _each(kernel_size, rank, name)
        pairs = [(n, n) for n in _each(padding, rank, name)]
        strides = sizes if stride is None else _each(stride, rank, name)
        ones, last = (1,) * rank, tuple(range(-rank, 0))
        means = np.mean(_windows(input, pairs, 0, sizes, strides, ones, name), axis=last)
        if count_include_pad or not any(map(any, pairs)):
            return means
        inside = np.ones(shape_of(input)[-rank:], means.dtype)
        return means / np.mean(_windows(inside, pairs, 0, sizes, strides, ones, name), axis=last)

    avg_pool.__name__ = f"avg_pool{rank}d"
    avg_pool.__doc__ = f"""Take the mean of each window of the last {"axis" if rank == 1 else f"{rank} axes"}.

    Parameters
    ----------
    input, kernel_size, stride, padding
        As for `max_pool{rank}d`; zeros are put around.
    count_include_pad
        Whether these zeros count.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.avg_pool1d(np.array([[1.0, 3.0, 2.0, 6.0]]), 2)
    array([[2., 4.]])
    """
    return avg_pool


max_pool1d, max_pool2d, max_pool3d = map(_max_pool, (1, 2, 3))
avg_pool1d, avg_pool2d, avg_pool3d = map(_avg_pool, (1, 2, 3))


def _windows(
    x: Any, pairs: Any, value: float, spans: Any, strides: Any, steps: Any, name: str
) -> Any:
    """Return the windows of the last axes of an array, which follow the axes of their positions."""
    x, rank = as_array(x), len(spans)
    if any(map(any, pairs)):
        x = np.pad(x, [(0, 0)] * (x.ndim - rank) + list(pairs), constant_values=value)
    if any(n > m for n, m in zip(spans, x.shape[-rank:], strict=True)):
        raise ValueError(f"{name} at {user_line()}: windows of {tuple(spans)} do not fit into the padded {x.shape}")
    seen: Any = sliding_window_view(x, tuple(spans), axis=tuple(range(-rank, 0)))
    key: Any = (*(slice(None, None, n) for n in strides), *(slice(None, None, n) for n in steps))
    windows: Any = seen if all(k.step == 1 for k in key) else seen[(..., *key)]
    return windows


def _each(n: Any, rank: int, name: str) -> tuple[int, ...]:
    """Return one number an axis."""
    found = tuple(map(operator.index, n)) if isinstance(n, tuple | list) else (operator.index(n),)
    found = found * rank if len(found) == 1 else found
    if len(found) != rank:
        raise ValueError(f"{name} at {user_line()}: {found} should be one number, or one for each of {rank} axes")
    return found
