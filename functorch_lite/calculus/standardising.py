"""Bringing numbers to mean 0 and variance 1, as layers that normalise do: one operation, with one formula for each way.

Composed of means, squares and quotients it would go over the array more often, and keep more of its size.
"""

from __future__ import annotations

from math import prod
from string import ascii_letters
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import kept_shape
from functorch_lite.calculus.batching import shifted_axes
from functorch_lite.calculus.declare import general
from functorch_lite.core.rules import Rule

__all__ = ["standardised"]


def _jvp(t: Any, ans: Any, axes: tuple[int, ...], eps: float) -> Any:
    y, _, variance = ans
    root = np.sqrt(variance + eps)
    shift, along = _mean_of_products(axes, t), _mean_of_products(axes, y, t)
    return (y * -along + t - shift) * (1 / root), shift, 2 * along * root


def _vjp(g: Any, ans: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], eps: float) -> Any:
    y, _, variance = ans
    g_y, g_mean, g_variance = g
    root = np.sqrt(variance + eps)
    total: Any = 0
    if g_y is not None:  # the first product is a new array, in whose memory NumPy does the rest
        shift, along = _mean_of_products(axes, g_y), _mean_of_products(axes, y, g_y)
        total = (y * -along + g_y - shift) * (1 / root)
    count = prod(x_shape[axis] for axis in axes)
    if g_mean is not None:
        total = total + g_mean / count
    return total if g_variance is None else total + y * (g_variance * root * (2 / count))


@general(Rule(_jvp, _vjp), multiple=True, batch=shifted_axes(0))
def standardised(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    """Subtract the mean over axes, and divide by the root of the variance plus ``eps``; return mean and variance too.

    Means and variances keep the axes, with length one.
    """
    x = x if x.dtype.kind in "fc" else x.astype(np.float64)
    mean = _mean_of_products(axes, x)
    y = x - mean
    variance = _mean_of_products(axes, y, y)
    y *= 1 / np.sqrt(variance + eps)
    return y, mean, variance


def _mean_of_products(axes: tuple[int, ...], *factors: Any) -> Any:
    """Return the means of products of arrays of one shape over axes, which keep length one.

    Sums by `numpy.einsum` take a third of the time of those by `numpy.mean`, and need no array of products.
    """
    shape = factors[0].shape
    if factors[0].dtype == np.float16:  # in which numpy.einsum would add up
        return np.mean(prod(factors), axis=axes, keepdims=True)
    letters = ascii_letters[: len(shape)]
    kept = "".join(letter for axis, letter in enumerate(letters) if axis not in axes)
    sums = np.einsum(f"{','.join([letters] * len(factors))}->{kept}", *factors)
    return np.reshape(sums, kept_shape(shape, axes)) / prod(shape[axis] for axis in axes)
