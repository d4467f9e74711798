"""Convolutions over the last axes, and their transposes, in PyTorch's signatures.

An input has shape (N, C, …) or, of one example, (C, …).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.filters import convolution, transposed_convolution
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Primitive
from functorch_lite.tensor.windows import each, last_axes, positive, spans_of

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
        outputs, own = shape_of(weight)[:2]
        sizes = positive(shape_of(weight)[2:], rank, name)
        channels = shape_of(input)[-rank - 1]
        if own * groups != channels or outputs % groups:
            raise ValueError(
                f"{name} at {user_line()}: a weight of shape {shape_of(weight)} (outputs, inputs a group, …) does not "
                f"fit {channels} channels of the input of shape {shape_of(input)} in {groups} groups"
            )
        steps = positive(dilation, rank, name)
        if padding == "same":
            pairs = [((n - 1) // 2, n // 2) for n in spans_of(sizes, steps)]
        else:
            pairs = [(n, n) for n in each(0 if padding == "valid" else padding, rank, name)]
        before, after = zip(*pairs, strict=True)
        strides, lengths = positive(stride, rank, name), shape_of(input)[-rank:]
        counts = _counts(lengths, before, after, sizes, strides, steps, name)
        y = _applied(convolution, input, weight, outputs, groups, counts, (counts, before, strides, steps))
        return y if bias is None else y + np.reshape(bias, (-1, *(1,) * rank))

    conv.__name__ = conv.__qualname__ = f"conv{rank}d"
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
        inputs, own = shape_of(weight)[:2]
        sizes = positive(shape_of(weight)[2:], rank, name)
        channels = shape_of(input)[-rank - 1]
        counts = shape_of(input)[-rank:]
        if inputs != channels or inputs % groups:
            raise ValueError(
                f"{name} at {user_line()}: a weight of shape {shape_of(weight)} (inputs, outputs a group, …) does not "
                f"fit {channels} channels of the input of shape {shape_of(input)} in {groups} groups"
            )
        strides, steps = (positive(n, rank, name) for n in (stride, dilation))
        widths, added = (each(n, rank, name) for n in (padding, output_padding))
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
        found = tuple(n - 2 * w for n, w in zip(whole, widths, strict=True))
        how = (found, widths, strides, steps)
        y = _applied(transposed_convolution, input, weight, own * groups, groups, counts, how)
        return y if bias is None else y + np.reshape(bias, (-1, *(1,) * rank))

    conv_transpose.__name__ = conv_transpose.__qualname__ = f"conv_transpose{rank}d"
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

# --- Between PyTorch's shapes and those of the primitives -------------------------------------------------------------


def _counts(
    lengths: Any, before: Any, after: Any, sizes: Any, strides: Any, steps: Any, name: str
) -> tuple[int, ...]:
    """Return how many windows there are along each axis, after a look that there is one."""
    spans = spans_of(sizes, steps)
    padded = tuple(map(sum, zip(lengths, before, after, strict=True)))
    if any(span > n for span, n in zip(spans, padded, strict=True)):
        raise ValueError(f"{name} at {user_line()}: windows of {spans} do not fit into the padded {padded}")
    return tuple((n - span) // stride + 1 for n, span, stride in zip(padded, spans, strides, strict=True))


#: Where each example has fewer windows, the windows of all examples stand in one matrix: to multiply so few columns by
#: the filters takes longer than to bring the examples side by side, and back.
FEWEST_WINDOWS = 40


def _applied(
    primitive: Primitive, x: Any, weight: Any, outputs: int, groups: int, counts: Any, how: tuple[Any, ...]
) -> Any:
    """Apply a primitive to an input and filters of PyTorch's shapes; ``counts`` says how many windows there are.

    The primitive gets two axes at least, so a single one becomes the second: in the first it adds products up.
    """
    rank, lengths = len(counts), how[0]
    lead, (channels, *own) = shape_of(x)[: -rank - 1], shape_of(x)[-rank - 1 :]
    first, second, *sizes = shape_of(weight)
    if rank == 1:
        own, sizes = [1, *own], [1, *sizes]
        how = tuple((n, *given) for n, given in zip((1, 0, 1, 1), how, strict=True))
    examples = prod(lead)
    x = np.reshape(x, (examples, groups, channels // groups, *own))
    w = np.reshape(weight, (groups, first // groups, second, *sizes))
    if examples > 1 and prod(counts) < FEWEST_WINDOWS:  # they are windows along an axis of their own
        x, w = np.expand_dims(np.moveaxis(x, 0, 3), 1), np.expand_dims(w, 4)
        how = tuple((given[0], n, *given[1:]) for n, given in zip((examples, 0, 1, 1), how, strict=True))
        y = np.moveaxis(np.squeeze(primitive(x, w, *how), 1), 3, 0)
    else:
        y = np.swapaxes(primitive(np.swapaxes(x, 0, 1), w, *how), 0, 1)
    return np.reshape(y, (*lead, outputs, *lengths))
