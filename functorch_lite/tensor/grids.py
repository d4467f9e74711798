"""Arrays at the points of a grid: values between elements, differentiable in where the points are."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.errors import user_line
from functorch_lite.tensor.activations import hardtanh
from functorch_lite.tensor.resampling import weights_of_cubic

__all__ = ["affine_grid", "grid_sample"]

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Any:
    """Return the points at which `grid_sample` has to look to apply affine maps.

    Parameters
    ----------
    theta
        A matrix for each example, of shape (N, 2, 3), or (N, 3, 4) for three axes: coordinates of the input are it
        times coordinates of the result and 1.
    size
        The shape of the result, (N, C, H, W) or (N, C, D, H, W).
    align_corners
        Whether coordinates -1 and 1 are the centres of the first and last element, and not their borders.

    Returns
    -------
    array
        Of shape (N, H, W, 2) or (N, D, H, W, 3): x first, along the last axis of images.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> mirror = np.array([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> F.grid_sample(np.array([[[[1.0, 2.0, 4.0]]]]), F.affine_grid(mirror, (1, 1, 1, 3)))
    array([[[[4., 2., 1.]]]])
    """
    theta, lengths = as_array(theta), tuple(size)[2:]
    rank = len(lengths)
    if rank not in (2, 3) or theta.shape != (size[0], rank, rank + 1) or min(size) < 1:
        raise ValueError(
            f"affine_grid at {user_line()} takes theta of shape (N, 2, 3) and a size (N, C, H, W), or (N, 3, 4) and "
            f"(N, C, D, H, W), not {theta.shape} and {tuple(size)}"
        )
    ends = [(n - 1) / n if not align_corners else min(n - 1, 1) for n in lengths]
    lines = [np.linspace(-end, end, n) for n, end in zip(lengths, ends, strict=True)]
    points = np.stack([*np.meshgrid(*lines, indexing="ij")[::-1], np.ones(lengths)], axis=-1)
    flat = np.reshape(points, (-1, rank + 1)).astype(np.finfo(theta.dtype).dtype)
    return np.reshape(np.matmul(flat, np.swapaxes(theta, 1, 2)), (size[0], *lengths, rank))


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Any:
    """Return the values of arrays at the points of a grid.

    Parameters
    ----------
    input
        An array of shape (N, C, H, W) or (N, C, D, H, W).
    grid
        Points, of shape (N, H_out, W_out, 2) or (N, D_out, H_out, W_out, 3): x first, along the last axis of the input,
        and -1 and 1 at its ends.
    mode
        How values between elements come about: ``"bilinear"`` (of three axes trilinear), ``"nearest"``, and of two axes
        ``"bicubic"``.
    padding_mode
        What lies around the input: ``"zeros"``, ``"border"`` (its outer elements) or ``"reflection"``.
    align_corners
        Whether -1 and 1 are the centres of the first and last element, and not their borders.

    Returns
    -------
    array
        Of shape (N, C, H_out, W_out) or (N, C, D_out, H_out, W_out).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> image = np.array([[[[1.0, 2.0], [3.0, 8.0]]]])
    >>> middle = np.zeros((1, 1, 1, 2))
    >>> F.grid_sample(image, middle)
    array([[[[3.5]]]])
    >>> ft.grad(lambda grid: F.grid_sample(image, grid).sum())(middle)
    array([[[[3., 4.]]]])
    """
    x, grid = as_array(input), as_array(grid)
    rank = x.ndim - 2
    if rank not in (2, 3) or grid.ndim != x.ndim or (grid.shape[0], grid.shape[-1]) != (x.shape[0], rank):
        raise ValueError(
            f"grid_sample at {user_line()} takes an input of shape (N, C, H, W) and a grid of (N, H_out, W_out, 2), or "
            f"(N, C, D, H, W) and (N, D_out, H_out, W_out, 3), not {x.shape} and {grid.shape}"
        )
    if mode not in _MODES or padding_mode not in _PADDINGS or (mode == "bicubic" and rank != 2):
        raise ValueError(
            f"grid_sample at {user_line()}: mode is one of {_MODES} (bicubic of two axes only) and padding_mode one of "
            f"{_PADDINGS}, not {mode!r} and {padding_mode!r}"
        )
    lengths = x.shape[2:]
    if not prod(lengths):
        raise ValueError(f"grid_sample at {user_line()}: there is nothing in an input of shape {x.shape}")
    align = bool(align_corners)
    taps = []
    for i, n in enumerate(lengths):
        point = grid[..., rank - 1 - i]
        point = (point + 1) / 2 * (n - 1) if align else ((point + 1) * n - 1) / 2
        taps.append(_taps(point, n, mode, padding_mode, align))
    examples = np.arange(x.shape[0]).reshape(-1, *(1,) * rank)
    channels_last = np.moveaxis(x, 1, -1)
    total: Any = 0
    for corner in product(*taps):
        places, weights = zip(*corner, strict=True)
        value = channels_last[(examples, *places)]
        for weight in weights:
            value = value if weight is None else value * weight[..., None]
        total = total + value
    return np.moveaxis(total, -1, 1)


def _taps(point: Any, n: int, mode: str, padding_mode: str, align: bool) -> list[tuple[Any, Any]]:
    """Return the positions along an axis that a point looks at, and the weight of each, None for 1."""
    if mode != "bicubic":
        point = _brought_inside(point, n, padding_mode, align)
    if mode == "nearest":
        first, weights = np.round(point), [None]
    else:
        first = np.floor(point)
        t = point - first
        weights = [1 - t, t] if mode == "bilinear" else weights_of_cubic(t)
        first = first - (mode == "bicubic")
    taps = []
    for offset, weight in enumerate(weights):
        place = first + offset
        if mode == "bicubic":
            place = _brought_inside(place, n, padding_mode, align)
        inside = (place >= 0) & (place <= n - 1)
        weight = inside.astype(point.dtype) if weight is None else np.where(inside, weight, 0)
        taps.append((np.where(inside, place, 0).astype(np.intp), weight))
    return taps


def _brought_inside(point: Any, n: int, padding_mode: str, align: bool) -> Any:
    """Return a point within an axis of length ``n`` that what lies around has its values from; at the ends it rests."""
    if padding_mode == "zeros":
        return point
    if padding_mode == "reflection":
        low, span = (0.0, n - 1) if align else (-0.5, n)
        if not span:
            return np.zeros_like(point)
        distance = np.abs(point - low)
        extra, turns = np.fmod(distance, span), np.floor(distance / span)
        point = np.where(turns % 2 == 0, extra, span - extra) + low
    return hardtanh(point, 0, n - 1)
