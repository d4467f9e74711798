"""Finite differences along an axis, and the trapezoidal rule."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, averaged_axes, only_axis
from functorch_lite.calculus.batching import shifted_axes
from functorch_lite.calculus.cumulative import along
from functorch_lite.calculus.declare import linear
from functorch_lite.core.operands import shape_of
from functorch_lite.core.tables import implements

__all__ = ["difference"]


def _difference_transpose(g: Any, n: int, axis: int) -> Any:
    return (-1) ** n * difference(_padded(g, n, axis), n, axis)


@linear(_difference_transpose, batch=shifted_axes(1))
def difference(x: Any, n: int, axis: int) -> Any:
    """Subtract each element from the next, ``n`` times over."""
    return np.diff(x, n, axis)


def _padded(g: Any, n: int, axis: int) -> Any:
    shape = shape_of(g)
    zeros = np.zeros((*shape[:axis], n, *shape[axis + 1 :]), g.dtype)
    return np.concatenate([zeros, g, zeros], axis)


@implements(np.diff)
def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    n = operator.index(n)
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    a = as_array(a)
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = only_axis(axis, a.ndim)
    parts = [a]
    if prepend is not None:
        parts.insert(0, _edge(prepend, a.shape, axis))
    if append is not None:
        parts.append(_edge(append, a.shape, axis))
    if len(parts) > 1:
        a = np.concatenate(parts, axis)
    return difference(a, min(n, a.shape[axis]), axis)


@implements(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = np.ravel(as_array(ary))
    middle = difference(flat, min(1, flat.size), 0)
    if to_end is None and to_begin is None:
        return middle
    parts = [middle]
    if to_begin is not None:
        parts.insert(0, np.ravel(as_array(to_begin)))
    if to_end is not None:
        parts.append(np.ravel(as_array(to_end)))
    return np.concatenate(parts).astype(flat.dtype)


@implements(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = as_array(y)
    place = only_axis(axis, y.ndim)
    if x is None:
        widths = dx
    else:
        x = as_array(x)
        widths = np.diff(x, axis=0 if x.ndim == 1 else axis)
        if x.ndim == 1:
            widths = np.reshape(widths, (-1, *(1,) * (y.ndim - place - 1)))
    heights = y[along(place, slice(1, None))] + y[along(place, slice(None, -1))]
    return np.sum(widths * heights / 2.0, axis=axis)


@implements(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = as_array(f)
    if f.dtype.kind in "biu":
        f = f.astype(float)
    axes = averaged_axes(axis, f.ndim)
    spacings = _spacings(f.shape, varargs, axes)
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    for i in axes:
        if f.shape[i] < edge_order + 1:
            raise ValueError(
                f"np.gradient needs {edge_order + 1} elements along an axis at least for edge_order={edge_order}; axis "
                f"{i} of the array of shape {f.shape} has fewer"
            )
    slopes = tuple(_slope(f, h, i, edge_order) for i, h in zip(axes, spacings, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _spacings(shape: tuple[int, ...], given: tuple[Any, ...], axes: tuple[int, ...]) -> list[Any]:
    """Return, for each axis, its one spacing or the array of its spacings."""
    if not given:
        return [1.0] * len(axes)
    if len(given) == 1 and not np.ndim(given[0]):
        return [given[0]] * len(axes)
    if len(given) != len(axes):
        raise TypeError("invalid number of arguments")
    spacings = []
    for i, h in zip(axes, given, strict=True):
        if np.ndim(h) == 0:
            spacings.append(h)
            continue
        h = as_array(h)
        if h.ndim != 1:
            raise ValueError("distances must be either scalars or 1d")
        if h.shape[0] != shape[i]:
            raise ValueError("when 1d, distances must match the length of the corresponding dimension")
        spacings.append(np.diff(h if h.dtype.kind not in "biu" else h.astype(float)))
    return spacings


def _slope(f: Any, h: Any, axis: int, edge_order: int) -> Any:
    """Return the second-order central differences along one axis, one-sided at its ends."""

    def at(start: int | None, stop: int | None) -> Any:
        return f[along(axis, slice(start, stop))]

    if np.ndim(h) == 0:
        middle = (at(2, None) - at(None, -2)) / (2.0 * h)
        if edge_order == 1:
            first, last = (at(1, 2) - at(0, 1)) / h, (at(-1, None) - at(-2, -1)) / h
        else:
            first = -1.5 / h * at(0, 1) + 2.0 / h * at(1, 2) + -0.5 / h * at(2, 3)
            last = 0.5 / h * at(-3, -2) + -2.0 / h * at(-2, -1) + 1.5 / h * at(-1, None)
        return np.concatenate([first, middle, last], axis)
    h = np.reshape(h, (-1, *(1,) * (f.ndim - axis - 1)))
    left, right = h[:-1], h[1:]
    middle = (
        -right / (left * (left + right)) * at(None, -2)
        + (right - left) / (left * right) * at(1, -1)
        + left / (right * (left + right)) * at(2, None)
    )
    if edge_order == 1:
        first, last = (at(1, 2) - at(0, 1)) / h[:1], (at(-1, None) - at(-2, -1)) / h[-1:]
    else:
        p, q = h[:1], h[1:2]
        first = -(2.0 * p + q) / (p * (p + q)) * at(0, 1) + (p + q) / (p * q) * at(1, 2) + -p / (q * (p + q)) * at(2, 3)
        p, q = h[-2:-1], h[-1:]
        last = (
            q / (p * (p + q)) * at(-3, -2)
            + -(q + p) / (p * q) * at(-2, -1)
            + (2.0 * q + p) / (q * (p + q)) * at(-1, None)
        )
    return np.concatenate([first, middle, last], axis)


def _edge(value: Any, shape: tuple[int, ...], axis: int) -> Any:
    value = as_array(value)
    return value if value.ndim else np.broadcast_to(value, (*shape[:axis], 1, *shape[axis + 1 :]))
