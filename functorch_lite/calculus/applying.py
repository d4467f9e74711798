"""Functions of NumPy that call a function of the user's: along an axis, or over one axis after another."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.core.operands import shape_of
from functorch_lite.core.tables import implements


@implements(np.apply_along_axis)
def _apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    arr = as_array(arr)
    axis = only_axis(axis, arr.ndim)
    others = (*arr.shape[:axis], *arr.shape[axis + 1 :])
    if not prod(others):
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    rows = np.reshape(np.moveaxis(arr, axis, -1), (prod(others), arr.shape[axis]))
    results = np.stack([as_array(func1d(rows[i], *args, **kwargs)) for i in range(prod(others))])
    inner = shape_of(results)[1:]
    results = np.reshape(results, (*others, *inner))
    made = tuple(range(len(others), len(others) + len(inner)))
    return np.moveaxis(results, made, tuple(range(axis, axis + len(inner))))


@implements(np.apply_over_axes)
def _apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    value = as_array(a)
    rank = value.ndim
    for axis in axes if np.ndim(axes) else (axes,):
        axis = only_axis(int(axis), rank)
        result = func(value, axis)
        if result.ndim == rank - 1:
            result = np.expand_dims(result, axis)
        if result.ndim != rank:
            raise ValueError("function is not returning an array of the correct shape")
        value = result
    return value
