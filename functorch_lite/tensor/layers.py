"""Layers of neural networks as functions of the weights that they are given, and what goes in and out of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.standardising import standardised
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.fitting import positions

__all__ = ["cosine_similarity", "layer_norm", "linear", "normalize", "one_hot", "scaled"]


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """Return ``x @ weight.T + bias``, of the shapes (…, in), (out, in) and (out,); the bias may be None.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> weight, bias = np.array([[1.0, 2.0]]), np.array([10.0])
    >>> ft.grad(lambda w: F.linear(np.array([3.0, 4.0]), w, bias).sum())(weight)
    array([[3., 4.]])
    """
    out = np.matmul(x, np.transpose(weight))
    return out if bias is None else out + bias


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Bring the last axes to mean 0 and variance 1; then scale and shift.

    Parameters
    ----------
    x
        An array whose shape ends with ``normalized_shape``.
    normalized_shape
        The lengths of the axes over which mean and variance are taken: a tuple, or an int for the last one.
    weight, bias
        Arrays of that shape, or None.
    eps
        What is added to the variance.

    Raises
    ------
    ValueError
        If the shape of ``x`` ends otherwise.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.layer_norm(np.array([[1.0, 3.0], [5.0, 5.0]]), 2).round(3)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    sizes = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    if shape_of(x)[-len(sizes) :] != sizes:
        raise ValueError(f"layer_norm: the last axes of shape {shape_of(x)} are not normalized_shape = {sizes}")
    x = as_array(x)
    y, _, _ = standardised(x, tuple(range(x.ndim - len(sizes), x.ndim)), eps)
    return scaled(y, weight, bias)


def scaled(x: Any, weight: Any, bias: Any) -> Any:
    """Return ``x * weight + bias``, where either may be None."""
    if weight is None or bias is None:
        x = x if weight is None else x * weight
        return x if bias is None else x + bias
    return x * weight + bias  # in one expression: NumPy then adds in the memory of the product


def normalize(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """Divide by the p-norm along an axis, or by ``eps`` where that is larger.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    return x / np.clip(np.linalg.vector_norm(x, ord=p, axis=dim, keepdims=True), eps, None)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """Return the cosine of the angle between the vectors along an axis, whose lengths are taken as ``eps`` at least.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.cosine_similarity(np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([[2.0, 2.0], [0.0, 3.0]])).round(3)
    array([1., 0.])
    """
    lengths = (np.clip(np.linalg.vector_norm(x, axis=dim, keepdims=True), eps, None) for x in (x1, x2))
    return np.sum(np.multiply(*(x / n for x, n in zip((x1, x2), lengths, strict=True))), axis=dim)


def one_hot(labels: Any, num_classes: int = -1) -> Any:
    """Return 1 at the position that each integer names along a new last axis, else 0.

    That axis has length ``num_classes``; by default as long as the largest integer needs.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.one_hot(np.array([0, 2]))
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    labels = as_array(labels)
    n = int(np.max(labels)) + 1 if num_classes == -1 else num_classes
    labels = positions(labels, n, "one_hot", negative=False)
    return (np.expand_dims(labels, -1) == np.arange(n)).astype(np.int64)
