"""Quantiles: interpolation between sorted elements, with all the methods of NumPy. The derivative reaches ``q`` too.

Reference: Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50 (1996).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, averaged_axes, kept_shape, merged_axes, refuse_out
from functorch_lite.calculus.selection import as_scalar
from functorch_lite.calculus.sorting import argpartition, argsort, sort
from functorch_lite.core.operands import bottom, known, shape_of
from functorch_lite.core.tables import FUNCTIONS, implements
from functorch_lite.core.trace import Tracer


def _declare(function: Callable[..., Any], whole: int, skips_nan: bool) -> None:
    """Say what one of NumPy's functions means: the whole is 1 for quantiles and 100 for percentiles."""

    @implements(function)
    def meaning(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = False,
        *,
        weights: Any = None,
    ) -> Any:
        return _quantiles(function.__name__, a, q, whole, axis, out, method, keepdims, weights, skips_nan)


_declare(np.quantile, 1, skips_nan=False)
_declare(np.percentile, 100, skips_nan=False)
_declare(np.nanquantile, 1, skips_nan=True)
_declare(np.nanpercentile, 100, skips_nan=True)


# --- Where a quantile stands among n sorted elements ------------------------------------------------------------------

#: The methods that interpolate at n·q + α + q·(1 - α - β) - 1, by (α, β).
_CONTINUOUS: dict[str, tuple[float, float]] = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}


def _even_below(n: Any, q: Any) -> Any:
    place = n * q - 1.5
    below = np.floor(place)
    return np.where((place == below) & (below % 2 == 1), below, below + 1)


#: The methods that take one element, by where it stands.
_DISCRETE: dict[str, Callable[[Any, Any], Any]] = {
    "inverted_cdf": lambda n, q: np.ceil(n * q - 1),
    "closest_observation": _even_below,
    "lower": lambda n, q: np.floor((n - 1) * q),
    "higher": lambda n, q: np.ceil((n - 1) * q),
    "nearest": lambda n, q: np.round((n - 1) * q),
}


def _interpolation(method: str, n: Any, q: Any) -> tuple[Any, Any]:
    """Return the position below the quantile, and the weight of the element above it."""
    if method in _CONTINUOUS:
        alpha, beta = _CONTINUOUS[method]
        place = n * q + (alpha + q * (1 - alpha - beta)) - 1
    elif method == "averaged_inverted_cdf":
        place = n * q - 1
    else:
        place = (n - 1) * q
    below = np.floor(place)
    if method == "averaged_inverted_cdf":
        return below, np.where(place == below, 0.5, 1.0).astype(place.dtype)
    if method == "midpoint":
        return below, np.where(place == below, 0.0, 0.5).astype(place.dtype)
    return below, place - below


_METHODS = {"linear", "averaged_inverted_cdf", "midpoint", *_CONTINUOUS, *_DISCRETE}


def _quantiles(
    name: str,
    a: Any,
    q: Any,
    whole: int,
    axis: Any,
    out: Any,
    method: str,
    keepdims: Any,
    weights: Any,
    ignore_nan: bool,
) -> Any:
    refuse_out(name, out)
    if weights is not None and method != "inverted_cdf":
        raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
    if method not in _METHODS:
        raise ValueError(f"{method!r} is not a valid method. Use one of: {', '.join(sorted(_METHODS))}")
    is_weak = _is_weak(q)
    a, q = as_array(a), as_array(q)
    if a.dtype.kind == "c":
        raise TypeError("a must be an array of real numbers")
    if q.ndim > 2:
        raise ValueError(f"q must be a scalar, 1d or 2d; it has shape {q.shape}")
    if q.ndim == 2:
        flat = _quantiles(name, a, np.ravel(q), whole, axis, out, method, keepdims, weights, ignore_nan)
        return np.reshape(flat, (*q.shape, *flat.shape[1:]))
    if whole != 1:
        q = np.true_divide(q, whole)
    elif q.dtype.kind != "f":
        method = "lower" if method == "linear" else method  # the first or the last element, as it is
    fraction = known(q)
    if fraction is not None and not np.all((fraction >= 0) & (fraction <= 1)):
        raise ValueError(f"{'Quantiles' if whole == 1 else 'Percentiles'} must be in the range [0, {whole}]")
    axis = tuple(axis) if isinstance(axis, list) else axis
    axes = averaged_axes(axis, a.ndim)
    x = merged_axes(a, axes)
    if weights is not None:
        weights = _weights_of_all(as_array(weights), a.shape, axis, axes)
        quantiles = _among_weighted(x, merged_axes(weights, axes), q, ignore_nan and a.dtype.kind == "f")
    elif ignore_nan and a.dtype.kind == "f":
        quantiles = as_scalar(_among_numbers(sort(x, x.ndim - 1, None), q, method, is_weak))
    else:
        quantiles = as_scalar(_among_all(x, q, method, is_weak))
    return np.reshape(quantiles, (*q.shape, *kept_shape(a.shape, axes))) if keepdims else quantiles


def _is_weak(q: Any) -> bool:
    """Say whether ``q`` is a Python number, which leaves the dtype of the elements as it is."""
    return type(bottom(q)) in (int, float)


def _among_all(x: Any, q: Any, method: str, is_weak: bool) -> Any:
    n = x.shape[-1]
    if method in _DISCRETE:
        (elements,), last = _elements(x, _clipped(_DISCRETE[method](n, q), n))
        quantiles = elements
    else:
        below, weight = _interpolation(method, n, q)
        (low, high), last = _elements(x, _clipped(below, n), _clipped(below + 1, n))
        quantiles = _between(low, high, np.reshape(weight, (*q.shape, *(1,) * (x.ndim - 1))), is_weak)
    return quantiles if x.dtype.kind != "f" else _lost_where(np.isnan(last), x, quantiles)


def _elements(x: Any, *positions: Any) -> tuple[list[Any], Any]:
    """Return the elements that sorting along the last axis would put at some positions, and at the last."""
    if any(isinstance(k, Tracer) for k in positions):
        ordered = np.moveaxis(sort(x, x.ndim - 1, None), -1, 0)
        # Through the table, since NumPy would not hand us an index that is traced into an array that is not.
        return [FUNCTIONS[np.take](ordered, k, 0) for k in positions], ordered[-1]
    wanted, places = np.unique(
        np.concatenate([*(np.ravel(k) for k in positions), [x.shape[-1] - 1]]), return_inverse=True
    )
    order = argpartition(x, tuple(wanted.tolist()), x.ndim - 1)
    points = np.moveaxis(np.take_along_axis(x, np.take(order, wanted, -1), -1), -1, 0)
    size = positions[0].size
    taken = [
        np.take(points, np.reshape(places[i * size : (i + 1) * size], np.shape(k)), 0) for i, k in enumerate(positions)
    ]
    return taken, points[-1]


def _among_numbers(ordered: Any, q: Any, method: str, is_weak: bool) -> Any:
    if not ordered.shape[-1]:
        return np.full((*q.shape, *ordered.shape[:-1]), np.nan, ordered.dtype)
    n = np.sum(np.logical_not(np.isnan(ordered)), axis=-1, dtype=q.dtype)
    q = np.reshape(q, (*q.shape, *(1,) * (ordered.ndim - 1)))
    if method in _DISCRETE:
        return _taken(ordered, _clipped(_DISCRETE[method](n, q), n))
    below, weight = _interpolation(method, n, q)
    low, high = (_taken(ordered, _clipped(position, n)) for position in (below, below + 1))
    return _between(low, high, weight, is_weak)


def _taken(ordered: Any, positions: Any) -> Any:
    """Take elements of the last axis, one or, by a leading axis of the positions, several."""
    if positions.ndim < ordered.ndim:
        return np.take_along_axis(ordered, positions[..., None], -1)[..., 0]
    return np.moveaxis(np.take_along_axis(ordered, np.moveaxis(positions, 0, -1), -1), -1, 0)


# --- With weights -----------------------------------------------------------------------------------------------------


def _weights_of_all(weights: Any, shape: tuple[int, ...], axis: Any, axes: tuple[int, ...]) -> Any:
    """Return one weight an element; weights may be given for the reduced axes alone."""
    if known(np.any(weights < 0)):
        raise ValueError("Weights must be non-negative.")
    if weights.shape != shape:
        if axis is None:
            raise TypeError("Axis must be specified when shapes of a and weights differ.")
        if weights.shape != tuple(shape[i] for i in axes):
            raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
        weights = np.transpose(weights, tuple(np.argsort(axes).tolist()))
        weights = np.reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(shape)))
    return np.broadcast_to(weights, shape).astype(float)


def _among_weighted(x: Any, weights: Any, q: Any, ignore_nan: bool) -> Any:
    """Take the first of the sorted elements with which the share of the weights reaches the quantile."""
    order = argsort(x, x.ndim - 1, None)
    ordered, weights = np.take_along_axis(x, order, -1), np.take_along_axis(weights, order, -1)
    if ignore_nan:
        weights = np.where(np.isnan(ordered), 0, weights)
    share = np.cumsum(weights, -1)
    share = (share / share[..., -1:]).astype(q.dtype)
    without = np.isnan(share[..., -1])
    if known(np.any(without & ~np.isnan(ordered[..., 0]))):
        raise ValueError("Weights included NaN, inf or were all zero.")
    share = np.where(share == 0, -1, share)
    q = np.reshape(q, (*q.shape, *(1,) * x.ndim))
    below = np.sum(share < q, axis=-1)
    quantiles = _taken(ordered, _clipped(below, shape_of(x)[-1]))
    if x.dtype.kind != "f":
        return quantiles
    quantiles = np.where(without, np.nan, quantiles)
    return quantiles if ignore_nan else _lost_where(np.isnan(ordered[..., -1]), x, quantiles)


def _lost_where(lost: Any, x: Any, quantiles: Any) -> Any:
    """Make quantiles NaN, and their derivatives with them, where an element is NaN: then the largest of all is, too."""
    plain = known(lost)
    if plain is not None and not plain.any():
        return quantiles
    return quantiles * np.where(lost, np.max(x, -1), 1)


def _clipped(position: Any, n: Any) -> Any:
    return np.maximum(np.minimum(position, n - 1), 0).astype(np.intp)


def _between(low: Any, high: Any, weight: Any, is_weak: bool) -> Any:
    """Interpolate from the nearer side, which is exact at both."""
    step = high - low
    weights = weight, 1 - weight
    up, down = (w.astype(low.dtype) for w in weights) if is_weak and low.dtype.kind == "f" else weights
    return np.where(weight >= 0.5, high - step * down, low + step * up)
