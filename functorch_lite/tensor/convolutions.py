"""Convolutions over the last axes, and their transposes, in PyTorch's signatures.

An input has shape (N, C, …) or, of one example, (C, …).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.windows import put_together
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.windows import each, last_axes, padded_patches, spans_of

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


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
        steps = each(dilation, rank, name)
        if padding == "same":
            pairs = [((n - 1) // 2, n // 2) for n in spans_of(tuple(sizes), steps)]
        else:
            pairs = [(n, n) for n in each(0 if padding == "valid" else padding, rank, name)]
        seen = padded_patches(input, pairs, 0, tuple(sizes), each(stride, rank, name), steps, name)
        lead, after = seen.shape[: -2 * rank - 1], seen.shape[-2 * rank :]
        seen = np.reshape(seen, (*lead, groups, own, *after))
        seen = np.moveaxis(seen, range(-2 * rank, -rank), range(len(lead), len(lead) + rank))  # (…, *out, G, own, *K)
        out = seen.shape[: len(lead) + rank]
        rows = np.moveaxis(np.reshape(seen, (-1, groups, own * prod(sizes))), 1, 0)
        columns = np.swapaxes(np.reshape(weight, (groups, outputs // groups, -1)), 1, 2)
        result = np.reshape(np.moveaxis(np.matmul(rows, columns), 0, 1), (*out, outputs))
        result = np.moveaxis(result, -1, -rank - 1)
        return result if bias is None else result + np.reshape(bias, (-1, *(1,) * rank))

    conv.__name__ = f"conv{rank}d"
    axes = last_axes(rank)
    conv.__doc__ = f"""Slide filters over {axes}, and sum products.

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


def _transposed_convolution(rank: int, example: str) -> Callable[..., Any]:
    def conv_transpose(
        input: Any,
        weight: Any,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Any:
        name = f"conv_transpose{rank}d"
        if len(shape_of(input)) not in (rank + 1, rank + 2) or len(shape_of(weight)) != rank + 2:
            raise ValueError(
                f"{name} at {user_line()} takes an input with {rank + 1} or {rank + 2} axes and a weight with "
                f"{rank + 2}, not shapes {shape_of(input)} and {shape_of(weight)}"
            )
        inputs, own, *lengths = shape_of(weight)
        sizes = tuple(lengths)
        *lead, channels = shape_of(input)[:-rank]
        counts = shape_of(input)[-rank:]
        if inputs != channels or inputs % groups:
            raise ValueError(
                f"{name} at {user_line()}: a weight of shape {shape_of(weight)} (inputs, outputs a group, …) does not "
                f"fit {channels} channels of the input of shape {shape_of(input)} in {groups} groups"
            )
        given = (each(n, rank, name) for n in (stride, padding, output_padding, dilation))
        strides, widths, added, steps = given
        if any(n >= max(stride, step) for n, stride, step in zip(added, strides, steps, strict=True)):
            raise ValueError(
                f"{name} at {user_line()}: output_padding {added} must be smaller than stride {strides} or dilation "
                f"{steps}"
            )
        spans = spans_of(sizes, steps)
        of_axes = zip(counts, strides, spans, added, strict=True)
        whole = tuple((n - 1) * stride + span + more for n, stride, span, more in of_axes)
        if any(n <= 2 * w for n, w in zip(whole, widths, strict=True)):
            raise ValueError(f"{name} at {user_line()}: padding {widths} leaves nothing of the lengths {whole}")
        columns = np.swapaxes(np.reshape(weight, (groups, inputs // groups, -1)), 1, 2)
        products = np.matmul(columns, np.reshape(input, (*lead, groups, inputs // groups, prod(counts))))
        products = np.reshape(products, (*lead, own * groups, *sizes, *counts))
        seen = np.moveaxis(products, range(-2 * rank, -rank), range(-rank, 0))
        total = put_together(seen, whole, sizes, strides, steps)
        result = total[(..., *(slice(w, n - w) for n, w in zip(whole, widths, strict=True)))]
        return result if bias is None else result + np.reshape(bias, (-1, *(1,) * rank))

    conv_transpose.__name__ = f"conv_transpose{rank}d"
    conv_transpose.__doc__ = f"""Add up filters that overlap along {last_axes(rank)}: `conv{rank}d` transposed.

    Parameters
    ----------
    input
        An array of shape (N, C, …), or (C, …) for one example.
    weight
        The filters, of shape (C, outputs / groups, …).
    bias
        One number an output, or None.
    stride, dilation
        The steps between filters, and within a filter: an int, or one an axis.
    padding
        How much is taken away before and behind: what `conv{rank}d` of this padding would have put there.
    output_padding
        How much more there is behind: of the lengths from which a convolution makes those of the input, which.
    groups
        Into how many parts channels are split, each with outputs of its own.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    {example}
    """
    return conv_transpose


conv_transpose1d = _transposed_convolution(
    1,
    ">>> F.conv_transpose1d(np.array([[1.0, 2.0]]), np.array([[[1.0, 1.0, 1.0]]]))\n    array([[1., 3., 3., 2.]])",
)
conv_transpose2d = _transposed_convolution(
    2,
    ">>> F.conv_transpose2d(np.ones((1, 3, 4, 4)), np.ones((3, 5, 2, 2)), stride=2).shape\n    (1, 5, 8, 8)",
)
conv_transpose3d = _transposed_convolution(
    3,
    ">>> F.conv_transpose3d(np.ones((2, 3, 3, 3)), np.ones((2, 5, 2, 2, 2))).shape\n    (5, 4, 4, 4)",
)
