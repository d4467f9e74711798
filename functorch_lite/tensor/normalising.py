"""Layers that normalise, and attention, by PyTorch's names: functions of the weights that they are given."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.standardising import standardised
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.ambient import is_tensor
from functorch_lite.tensor.grad_mode import no_grad
from functorch_lite.tensor.layers import scaled
from functorch_lite.tensor.noise import dropout
from functorch_lite.tensor.softmax import softmax

__all__ = ["batch_norm", "bilinear", "group_norm", "instance_norm", "rms_norm", "scaled_dot_product_attention"]


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """Divide by the root of the mean square over the last axes, whose lengths are given; then scale.

    Parameters
    ----------
    x
        An array whose shape ends with ``normalized_shape``.
    normalized_shape
        A tuple, or an int for the last axis.
    weight
        An array of that shape, or None.
    eps
        What is added to the mean square; None for the smallest step of the dtype at 1.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.rms_norm(np.array([[3.0, 3.0], [0.0, 0.0]]), 2).round(3)
    array([[1., 1.],
           [0., 0.]])
    """
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if shape_of(x)[-len(sizes) :] != sizes:
        raise ValueError(
            f"rms_norm at {user_line()}: the last axes of shape {shape_of(x)} are not normalized_shape = {sizes}"
        )
    x = as_array(x)
    squares = np.mean(np.square(x), axis=tuple(range(-len(sizes), 0)), keepdims=True)
    out = x / np.sqrt(squares + (np.finfo(x.dtype).eps if eps is None else eps))
    return out if weight is None else out * weight


def group_norm(x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Bring groups of channels, of axis 1, to mean 0 and variance 1; then scale and shift each channel.

    Parameters
    ----------
    x
        An array of shape (N, C, …).
    num_groups
        How many groups, all of one size.
    weight, bias
        Vectors of length C, or None.
    eps
        What is added to the variance.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.group_norm(np.array([[1.0, 3.0, 5.0, 5.0]]), 2).round(3)
    array([[-1.,  1.,  0.,  0.]])
    """
    n, channels, *rest = shape_of(x)
    if channels % num_groups:
        raise ValueError(
            f"group_norm at {user_line()}: {channels} channels of shape {shape_of(x)} do not make {num_groups} groups"
        )
    grouped = np.reshape(x, (n, num_groups, channels // num_groups, *rest))
    y, _, _ = standardised(grouped, tuple(range(2, len(shape_of(grouped)))), eps)
    return _affine(np.reshape(y, shape_of(x)), weight, bias)


def instance_norm(
    x: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Bring each channel of each example, all but axes 0 and 1, to mean 0 and variance 1; then scale and shift.

    Parameters
    ----------
    x
        An array of shape (N, C, …).
    running_mean, running_var
        As for `batch_norm`; what is mixed in is the mean over the examples.
    weight, bias, eps
        As for `group_norm`.
    use_input_stats
        Whether means and variances are those of the input, and not the running ones.
    momentum
        The share of the input in the new running values.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.instance_norm(np.array([[[1.0, 3.0], [5.0, 5.0]]])).round(3)
    array([[[-1.,  1.],
            [ 0.,  0.]]])
    """
    if not use_input_stats:
        return _by_known("instance_norm", x, running_mean, running_var, weight, bias, eps)
    x = as_array(x)
    axes = tuple(range(2, x.ndim))
    y, mean, variance = standardised(x, axes, eps)
    count = prod(x.shape[2:])
    for running, value in ((running_mean, mean), (running_var, variance * (count / max(count - 1, 1)))):
        if running is not None:
            _mix("instance_norm", running, np.mean(np.reshape(value, x.shape[:2]), axis=0), momentum)
    return _affine(y, weight, bias)


def batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Bring channels, of axis 1, to mean 0 and variance 1 over the batch, or by known means and variances.

    Parameters
    ----------
    x
        An array of shape (N, C, …).
    running_mean, running_var
        Vectors of length C that are used where ``training`` is False. Else Tensors, into which the means and
        (unbiased) variances of the batch are mixed in place; or None.
    weight, bias, eps
        As for `group_norm`.
    training
        Whether the means and variances are those of the batch.
    momentum
        The share of the batch in the new running values.

    Raises
    ------
    TypeError
        If running values that are no Tensors would have to be written to.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> means, variances = ft.zeros(1), ft.ones(1)
    >>> F.batch_norm(ft.tensor([[1.0], [3.0]]), means, variances, training=True).round(3)
    tensor([[-1.],
            [ 1.]])
    >>> means, variances
    (tensor([0.2]), tensor([1.1]))
    """
    if not training:
        return _by_known("batch_norm", x, running_mean, running_var, weight, bias, eps)
    x = as_array(x)
    axes = (0, *range(2, x.ndim))
    y, mean, variance = standardised(x, axes, eps)
    count = prod(x.shape[i] for i in axes)
    for running, value in ((running_mean, mean), (running_var, variance * (count / max(count - 1, 1)))):
        if running is not None:
            _mix("batch_norm", running, np.reshape(value, -1), momentum)
    return _affine(y, weight, bias)


def _by_known(name: str, x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    if mean is None or variance is None:
        raise ValueError(f"{name} at {user_line()}: without training it needs running_mean and running_var")
    columns = (-1, *(1,) * (len(shape_of(x)) - 2))
    scale = 1 / np.sqrt(variance + eps)
    return _affine(x - np.reshape(mean, columns), scale if weight is None else scale * weight, bias)


@no_grad
def _mix(name: str, running: Any, value: Any, momentum: float) -> None:
    if not is_tensor(running):
        raise TypeError(
            f"{name} at {user_line()} writes what it finds into running_mean and running_var, which are to be "
            f"Tensors and not {type(running).__name__}; pass None, and compute them as functions of the batch"
        )
    running.mul_(1 - momentum).add_(value * momentum)


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    weight, bias = (
        None if a is None else np.reshape(a, (-1, *(1,) * (len(shape_of(x)) - 2))) for a in (weight, bias)
    )
    return scaled(x, weight, bias)


def bilinear(x1: Any, x2: Any, weight: Any, bias: Any = None) -> Any:
    """Return ``x1 @ weight[o] @ x2 + bias[o]`` for each output ``o``, along a new last axis.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.bilinear(np.array([1.0, 2.0]), np.array([3.0]), np.ones((1, 2, 1)))
    array([9.])
    """
    out = np.einsum("...i,oij,...j->...o", x1, weight, x2)
    return out if bias is None else out + bias


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    generator: Any = None,
) -> Any:
    """Return the means of values, weighted by the softmax of the products of queries and keys.

    Parameters
    ----------
    query, key, value
        Arrays of shapes (…, L, E), (…, S, E) and (…, S, V).
    attn_mask
        Booleans that say which keys a query sees, or numbers that are added to the products; of shape (…, L, S). A
        query that sees none has the result zero.
    dropout_p
        The probability with which weights are dropped.
    is_causal
        Whether query i sees the keys up to i only.
    scale
        What products are multiplied by; None for ``1 / sqrt(E)``.
    enable_gqa
        Whether keys and values may have fewer heads, on the third axis from the last, each of which serves several of
        the query's, one after the other.
    generator
        As for `dropout`.

    Returns
    -------
    array
        Of shape (…, L, V).

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> x = np.eye(2)
    >>> F.scaled_dot_product_attention(x, x, x, is_causal=True).round(3)
    array([[1.  , 0.  ],
           [0.33, 0.67]])
    """
    if attn_mask is not None and is_causal:
        raise ValueError(f"scaled_dot_product_attention at {user_line()}: give attn_mask or is_causal, not both")
    if enable_gqa:
        heads = shape_of(query)[-3]
        key, value = (np.repeat(x, heads // shape_of(x)[-3], axis=-3) for x in (key, value))
    scores = np.matmul(query, np.swapaxes(key, -1, -2)) * (1 / sqrt(shape_of(query)[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = np.tri(*shape_of(scores)[-2:], dtype=np.bool_)
    if attn_mask is not None:
        attn_mask = as_array(attn_mask)
        masked = attn_mask.dtype.kind == "b"
        scores = np.where(attn_mask, scores, -np.inf) if masked else scores + attn_mask
        blind = np.all(scores == -np.inf, axis=-1, keepdims=True)
        weights = np.where(blind, 0, softmax(np.where(blind, 0, scores), -1))
    else:
        weights = softmax(scores, -1)
    return np.matmul(dropout(weights, dropout_p, generator=generator), value)
