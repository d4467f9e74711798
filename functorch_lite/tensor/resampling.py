"""Arrays at other resolutions: each axis in turn is a product with a matrix of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line

__all__ = ["interpolate", "resampled", "upsample", "weights_of_cubic", "weights_of_means"]

#: The modes that weigh elements, with the number of axes besides N and C that they are for.
_WEIGHING = {"linear": (1,), "bilinear": (2,), "trilinear": (3,), "bicubic": (2,), "area": (1, 2, 3)}
_MODES = {"nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), **_WEIGHING}


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Bring the last axes of an array to other lengths.

    Parameters
    ----------
    input
        An array of shape (N, C, …), with one to three axes behind C.
    size
        The lengths of the result: an int, or one an axis.
    scale_factor
        In the place of ``size``: how many times as long the axes become, a number, or one an axis.
    mode
        ``"nearest"``, ``"nearest-exact"``, ``"area"``; for one axis ``"linear"``, for two ``"bilinear"`` and
        ``"bicubic"``, for three ``"trilinear"``.
    align_corners
        Whether the first and the last element stay where they are, and not the borders of the first and of the last; of
        the linear modes and the cubic one.
    recompute_scale_factor
        Whether the ratio of the lengths takes the place of ``scale_factor``, which may not lead to whole lengths.
    antialias
        Whether ``"bilinear"`` and ``"bicubic"`` take means over wider windows where lengths shrink.

    Returns
    -------
    array
        Of shape (N, C, …).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> x = np.array([[[1.0, 2.0, 4.0]]])
    >>> F.interpolate(x, scale_factor=2)
    array([[[1., 1., 2., 2., 4., 4.]]])
    >>> F.interpolate(x, size=5, mode="linear", align_corners=True)
    array([[[1. , 1.5, 2. , 3. , 4. ]]])
    >>> ft.grad(lambda x: F.interpolate(x, size=5, mode="linear", align_corners=True).sum())(x)
    array([[[1.5, 2. , 1.5]]])
    """
    x = as_array(input)
    rank = x.ndim - 2
    if rank not in _MODES.get(mode, ()):
        raise ValueError(
            f"interpolate at {user_line()}: an input of shape (N, C, …) takes the modes "
            f"{[name for name, ranks in _MODES.items() if rank in ranks]}; given shape {x.shape} and {mode!r}"
        )
    if (size is None) == (scale_factor is None):
        raise ValueError(f"interpolate at {user_line()}: give size or scale_factor, one of the two")
    if align_corners is not None and (mode == "area" or mode not in _WEIGHING):
        raise ValueError(f"interpolate at {user_line()}: align_corners is an option of the linear modes and bicubic")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(f"interpolate at {user_line()}: antialias is an option of bilinear and bicubic")
    lengths = x.shape[2:]
    given = size if scale_factor is None else scale_factor
    given = tuple(given) if isinstance(given, tuple | list) else (given,) * rank
    if len(given) != rank:
        raise ValueError(f"interpolate at {user_line()}: {given} should be one number, or one for each of {rank} axes")
    sizes = given if scale_factor is None else tuple(int(n * factor) for n, factor in zip(lengths, given, strict=True))
    if min(sizes) < 1 or min(lengths) < 1:
        raise ValueError(f"interpolate at {user_line()}: lengths are 1 at least; asked are {sizes} of {lengths}")
    is_given = scale_factor is not None and not recompute_scale_factor and mode != "area"
    for i, (n, m) in enumerate(zip(lengths, sizes, strict=True)):
        step = 1 / given[i] if is_given else n / m
        if align_corners:
            step = (n - 1) / (m - 1) if m > 1 else 0.0
        if mode.startswith("nearest"):
            x = take(x, _nearest(n, m, step, mode == "nearest-exact"), 2 + i)
        elif mode == "area":
            x = resampled(x, weights_of_means(n, m), i - rank)
        elif antialias:
            x = resampled(x, _smooth_weights(n, m, step, mode == "bicubic"), i - rank)
        else:
            weights = _cubic_weights if mode == "bicubic" else _linear_weights
            x = resampled(x, weights(n, m, step, bool(align_corners)), i - rank)
    return x


def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """Return what `interpolate`, which PyTorch prefers, gives.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.upsample(np.array([[[1.0, 2.0]]]), scale_factor=2)
    array([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def resampled(x: Any, weights: Any, axis: int) -> Any:
    """Return the products of a matrix with the vectors along an axis, which is counted from the last."""
    if x.dtype.kind not in "fc":
        raise TypeError(f"at {user_line()} elements are weighed, and {x.dtype} cannot hold the result; write x.float()")
    weights = weights.astype(np.finfo(x.dtype).dtype)
    if axis == -1:
        return np.matmul(x, weights.T)
    if axis == -2:
        return np.matmul(weights, x)
    return np.moveaxis(np.matmul(weights, np.moveaxis(x, axis, -2)), -2, axis)


# --- Weights: a row for each element of the result --------------------------------------------------------------------


def weights_of_means(n: int, size: int) -> Any:
    """Return the means of so many windows that an axis is cut into, which overlap where it cannot be cut evenly."""
    number, places = np.arange(size)[:, None], np.arange(n)
    inside = (places >= number * n // size) & (places < -(-(number + 1) * n // size))
    return inside / inside.sum(axis=1, keepdims=True)


def weights_of_cubic(t: Any, sharpness: float = -0.75) -> list[Any]:
    """Return the weights of the four neighbours of a point ``t`` behind the second of them."""
    return [_cubic(1 + t, sharpness), _cubic(t, sharpness), _cubic(1 - t, sharpness), _cubic(2 - t, sharpness)]


def _cubic(x: Any, sharpness: float) -> Any:
    """Return the piecewise cubic kernel of Keys (1981) at a distance from 0 to 2."""
    near = ((sharpness + 2) * x - (sharpness + 3)) * x * x + 1
    far = sharpness * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def _nearest(n: int, m: int, step: float, exact: bool) -> Any:
    """Return the positions that are taken, computed in single precision as PyTorch's are."""
    places = np.arange(m) + (0.5 if exact else 0)
    return np.minimum((places.astype(np.float32) * np.float32(step)).astype(np.intp), n - 1)


def _sources(m: int, step: float, align_corners: bool) -> Any:
    return np.arange(m) * step if align_corners else (np.arange(m) + 0.5) * step - 0.5


def _linear_weights(n: int, m: int, step: float, align_corners: bool) -> Any:
    source = np.clip(_sources(m, step, align_corners), 0, n - 1)
    return np.maximum(1 - np.abs(source[:, None] - np.arange(n)), 0)


def _cubic_weights(n: int, m: int, step: float, align_corners: bool) -> Any:
    source = _sources(m, step, align_corners)
    first = np.floor(source).astype(np.intp)
    weights = np.zeros((m, n))
    for offset, weight in zip(range(-1, 3), weights_of_cubic(source - first), strict=True):
        weights[np.arange(m), np.clip(first + offset, 0, n - 1)] += weight  # no place twice in one turn
    return weights


def _smooth_weights(n: int, m: int, step: float, is_cubic: bool) -> Any:
    """Return weights by a kernel that is widened to a step, so that no element is passed over."""
    kernel: Callable[[Any], Any] = (lambda x: _cubic(x, -0.5)) if is_cubic else (lambda x: np.maximum(1 - x, 0))
    width = max(step, 1.0)
    centre, reach = (np.arange(m)[:, None] + 0.5) * step, width * (2 if is_cubic else 1)
    places = np.arange(n)
    first = np.maximum((centre - reach + 0.5).astype(np.intp), 0)
    stop = np.minimum((centre + reach + 0.5).astype(np.intp), n)
    weights = np.where((places >= first) & (places < stop), kernel(np.abs(places - centre + 0.5) / width), 0)
    return weights / weights.sum(axis=1, keepdims=True)
