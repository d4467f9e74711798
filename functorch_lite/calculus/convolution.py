"""Convolution and correlation of vectors, bilinear both: their transposes are correlations again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from functorch_lite.calculus.arguments import as_array, refuse_foreign
from functorch_lite.calculus.batching import on_matrices
from functorch_lite.calculus.declare import linear
from functorch_lite.core.operands import shape_of
from functorch_lite.core.tables import implements

__all__ = ["convolve"]

# --- The primitive ----------------------------------------------------------------------------------------------------


def _reversed(x: Any) -> Any:
    return x[..., ::-1]


def _transpose_in_x(g: Any, y: Any, full: bool) -> Any:
    return convolve(g, _reversed(y), not full)


def _transpose_in_y(g: Any, x: Any, full: bool) -> Any:
    return convolve(g, _reversed(x), False) if full else _reversed(convolve(x, _reversed(g), False))


@linear(_transpose_in_x, _transpose_in_y, batch=on_matrices(1, 1))
def convolve(x: Any, y: Any, full: bool) -> Any:
    """Convolve along the last axes: all sums, or those alone in which every element of ``y`` meets one of ``x``.

    In the second case ``y`` is the shorter.
    """
    refuse_foreign("np.convolve", x, y)
    if x.ndim == y.ndim == 1:
        return np.convolve(x, y, "full" if full else "valid")
    if full:
        if x.shape[-1] < y.shape[-1]:
            x, y = y, x
        around = y.shape[-1] - 1
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(around, around)])
    windows = sliding_window_view(x, y.shape[-1], -1)
    return np.matmul(windows, _reversed(y)[..., None])[..., 0]


# --- Functions of NumPy -----------------------------------------------------------------------------------------------


@implements(np.convolve)
def _convolve(a: Any, v: Any, mode: str = "full") -> Any:
    a, v = (x if x.ndim else np.reshape(x, (1,)) for x in map(as_array, (a, v)))
    _check_vectors("convolve", a, v)
    if a.shape[0] < v.shape[0]:
        a, v = v, a
    return _part(a, v, mode)


@implements(np.correlate)
def _correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    a, v = as_array(a), as_array(v)
    _check_vectors("correlate", a, v)
    v = np.conjugate(v) if v.dtype.kind == "c" else v
    if a.shape[0] < v.shape[0]:
        return _reversed(_part(v, _reversed(a), mode))
    return _part(a, _reversed(v), mode)


def _part(longer: Any, shorter: Any, mode: str) -> Any:
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")
    sums = convolve(longer, shorter, mode != "valid")
    if mode != "same":
        return sums
    first = (shape_of(shorter)[0] - 1) // 2
    return sums[first : first + shape_of(longer)[0]]


def _check_vectors(name: str, *arrays: Any) -> None:
    for x in arrays:
        if x.ndim != 1 or not x.shape[0]:
            raise ValueError(f"np.{name} takes vectors that are not empty; an argument has shape {x.shape}")
