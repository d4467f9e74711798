"""Filters of images, which are correlations with weights: linear in the image, and in the weights.

What is beyond the borders is padded first; nothing is computed in the integers of an image, as SciPy does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis, reduced_axes
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.scipy.signal.convolution import bilinear_convolution

__all__ = [
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "each",
    "floating",
    "gaussian_filter",
    "gaussian_filter1d",
    "padded",
    "uniform_filter",
    "uniform_filter1d",
]

#: NumPy's words for what is beyond the borders, by SciPy's.
_PADDINGS = {
    "reflect": "symmetric",
    "grid-mirror": "symmetric",
    "constant": "constant",
    "grid-constant": "constant",
    "nearest": "edge",
    "mirror": "reflect",
    "wrap": "wrap",
    "grid-wrap": "wrap",
}


def padded(user: str, x: Any, around: Sequence[tuple[int, int]], mode: str, cval: float) -> Any:
    """Return an image with what is beyond its borders."""
    if mode not in _PADDINGS:
        raise ValueError(f"{user} at {user_line()}: mode must be one of {', '.join(_PADDINGS)}, not {mode!r}")
    if any(before < 0 or after < 0 for before, after in around):
        raise ValueError(f"{user} at {user_line()}: the origin leads out of the window")
    kind: Any = _PADDINGS[mode]
    return np.pad(x, around, kind, constant_values=cval) if kind == "constant" else np.pad(x, around, kind)


def floating(x: Any) -> Any:
    """Return an image as an array of floating-point numbers."""
    x = as_array(x)
    return x if x.dtype.kind in "fc" else x.astype(float)


# --- Weights of the user ----------------------------------------------------------------------------------------------


def correlate1d(
    input: Any, weights: Any, axis: int = -1, mode: str = "reflect", cval: float = 0.0, origin: int = 0
) -> Any:
    """Correlate an image with weights along an axis.

    Parameters
    ----------
    input
        The image, an array of any rank.
    weights
        A vector.
    axis
        The axis.
    mode
        What is beyond the borders, by SciPy's words: ``"reflect"`` (``"grid-mirror"``), ``"constant"``
        (``"grid-constant"``), ``"nearest"``, ``"mirror"``, ``"wrap"`` (``"grid-wrap"``).
    cval
        The constant.
    origin
        By how much the middle of the weights is moved.

    Returns
    -------
    array
        Of the shape of the image, differentiable in the image and in the weights.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import correlate1d
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> correlate1d(x, [-1.0, 0.0, 1.0]), ft.grad(lambda w: correlate1d(x, w)[0])(np.ones(3))
    (array([1., 3., 2.]), array([1., 1., 2.]))
    """
    x, w = floating(input), floating(weights)
    if w.ndim != 1 or not shape_of(w)[0]:
        raise ValueError(f"correlate1d at {user_line()}: the weights must be a vector, not of shape {shape_of(w)}")
    axis, n = only_axis(axis, x.ndim), shape_of(w)[0]
    around = [(0, 0)] * (x.ndim - 1) + [(n // 2 + origin, n - 1 - n // 2 - origin)]
    lines = padded("correlate1d", np.moveaxis(x, axis, -1), around, mode, cval)
    return np.moveaxis(bilinear_convolution(lines, w[::-1], 1, False, "direct"), -1, axis)


def convolve1d(
    input: Any, weights: Any, axis: int = -1, mode: str = "reflect", cval: float = 0.0, origin: int = 0
) -> Any:
    """Convolve an image with weights along an axis.

    Parameters
    ----------
    input, weights, axis, mode, cval, origin
        As for `correlate1d`.

    Returns
    -------
    array
        Of the shape of the image, differentiable in the image and in the weights.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import convolve1d
    >>> ft.grad(lambda w: convolve1d(np.array([1.0, 2.0, 4.0]), w)[1])(np.ones(3))
    array([4., 2., 1.])
    """
    w = as_array(weights)
    even = 1 - shape_of(w)[0] % 2 if w.ndim == 1 else 0
    return correlate1d(input, w[::-1], axis, mode, cval, -origin - even)


def correlate(input: Any, weights: Any, mode: str = "reflect", cval: float = 0.0, origin: Any = 0) -> Any:
    """Correlate an image with weights of its rank.

    Parameters
    ----------
    input
        The image, an array of any rank.
    weights
        An array of the same rank.
    mode, cval
        As for `correlate1d`.
    origin
        By how much the middle of the weights is moved, along all axes or along each.

    Returns
    -------
    array
        Of the shape of the image, differentiable in the image and in the weights.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import correlate
    >>> image = np.arange(9.0).reshape(3, 3)
    >>> ft.grad(lambda w: correlate(image, w)[1, 1])(np.ones((1, 3)))
    array([[3., 4., 5.]])
    """
    x, w = floating(input), floating(weights)
    if w.ndim != x.ndim or 0 in shape_of(w):
        raise ValueError(
            f"correlate at {user_line()}: weights of shape {shape_of(w)} for an image of shape {shape_of(x)}"
        )
    if not x.ndim:
        return x * w
    origins = each(origin, x.ndim)
    around = [(n // 2 + o, n - 1 - n // 2 - o) for n, o in zip(shape_of(w), origins, strict=True)]
    whole = padded("correlate", x, around, mode, cval)
    return bilinear_convolution(whole, np.flip(w), x.ndim, False, "direct")


def convolve(input: Any, weights: Any, mode: str = "reflect", cval: float = 0.0, origin: Any = 0) -> Any:
    """Convolve an image with weights of its rank.

    Parameters
    ----------
    input, weights, mode, cval, origin
        As for `correlate`.

    Returns
    -------
    array
        Of the shape of the image, differentiable in the image and in the weights.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import convolve
    >>> image = np.arange(9.0).reshape(3, 3)
    >>> ft.grad(lambda w: convolve(image, w)[1, 1])(np.ones((1, 3)))
    array([[5., 4., 3.]])
    """
    w = as_array(weights)
    moved = [-o - (1 - n % 2) for n, o in zip(shape_of(w), each(origin, w.ndim), strict=True)]
    return correlate(input, np.flip(w), mode, cval, moved)


def each(value: Any, count: int) -> list[Any]:
    """Return one value for each axis."""
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{len(value)} values were given for {count} axes, at {user_line()}")
    return list(value)


# --- Means and Gaussians ----------------------------------------------------------------------------------------------


def uniform_filter1d(
    input: Any, size: int, axis: int = -1, mode: str = "reflect", cval: float = 0.0, origin: int = 0
) -> Any:
    """Average an image over windows along an axis.

    Parameters
    ----------
    input, axis, mode, cval, origin
        As for `correlate1d`.
    size
        The length of the windows.

    Returns
    -------
    array
        Of the shape of the image, and linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import uniform_filter1d
    >>> ft.grad(lambda x: uniform_filter1d(x, 2)[0])(np.zeros(3))
    array([1., 0., 0.])
    """
    if size < 1:
        raise ValueError("incorrect filter size")
    x = floating(input)
    return correlate1d(x, np.full(size, 1.0 / size, x.real.dtype), axis, mode, cval, origin)


def uniform_filter(
    input: Any, size: Any = 3, mode: Any = "reflect", cval: float = 0.0, origin: Any = 0, *, axes: Any = None
) -> Any:
    """Average an image over windows.

    Parameters
    ----------
    input, cval
        As for `correlate1d`.
    size, mode, origin
        As for `uniform_filter1d`, for all axes or for each.
    axes
        The axes; None: all.

    Returns
    -------
    array
        Of the shape of the image, and linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import uniform_filter
    >>> ft.grad(lambda x: uniform_filter(x, 2)[1, 1])(np.zeros((2, 2)))
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    x = floating(input)
    axes = reduced_axes(axes, x.ndim)
    settings = (each(value, len(axes)) for value in (size, mode, origin))
    for axis, n, beyond, moved in zip(axes, *settings, strict=True):
        x = uniform_filter1d(x, n, axis, beyond, cval, moved) if n > 1 else x
    return x


def gaussian_filter1d(
    input: Any,
    sigma: Any,
    axis: int = -1,
    order: int = 0,
    mode: str = "reflect",
    cval: float = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
) -> Any:
    """Smooth an image by a Gaussian along an axis, or take a derivative of the smooth one.

    Parameters
    ----------
    input, axis, mode, cval
        As for `correlate1d`.
    sigma
        The standard deviation.
    order
        The order of the derivative.
    truncate
        At how many standard deviations the Gaussian ends.
    radius
        At how many elements it ends, in the place of ``truncate``.

    Returns
    -------
    array
        Of the shape of the image, and linear in it; differentiable in ``sigma`` if ``radius`` is given.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import gaussian_filter1d
    >>> peak = np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    >>> height = lambda sigma: gaussian_filter1d(peak, sigma, radius=2)[2]
    >>> bool(np.isclose(ft.grad(height)(1.0), (height(1.0 + 1e-6) - height(1.0 - 1e-6)) / 2e-6))
    True
    """
    x = floating(input)
    if order < 0:
        raise ValueError("order must be non-negative")
    if radius is None:
        radius = int(truncate * float(sigma) + 0.5)
    weights = _gaussian(sigma, order, radius).astype(x.real.dtype)
    return correlate1d(x, weights[::-1], axis, mode, cval)


def _gaussian(sigma: Any, order: int, radius: int) -> Any:
    """Return the weights of a Gaussian of sum one, or those of its derivative: itself times a polynomial."""
    place = np.arange(-radius, radius + 1)
    precision = 1.0 / (sigma * sigma)
    bell = np.exp(-0.5 * precision * place**2)
    bell = bell / np.sum(bell)
    factors: list[Any] = [1.0]
    for _ in range(order):  # (p g)' = (p' - x p / σ²) g
        slopes = [k * factor for k, factor in enumerate(factors)][1:]
        factors = [0.0] + [-precision * factor for factor in factors]
        factors = [factor + (slopes[k] if k < len(slopes) else 0.0) for k, factor in enumerate(factors)]
    polynomial: Any = 0.0
    for factor in reversed(factors):
        polynomial = polynomial * place + factor
    return bell * polynomial


def gaussian_filter(
    input: Any,
    sigma: Any,
    order: Any = 0,
    mode: Any = "reflect",
    cval: float = 0.0,
    truncate: float = 4.0,
    *,
    radius: Any = None,
    axes: Any = None,
) -> Any:
    """Smooth an image by a Gaussian, or take a derivative of the smooth one.

    Parameters
    ----------
    input, cval, truncate
        As for `gaussian_filter1d`.
    sigma, order, mode, radius
        As for `gaussian_filter1d`, for all axes or for each.
    axes
        The axes; None: all.

    Returns
    -------
    array
        Of the shape of the image, and linear in it; differentiable in ``sigma`` if ``radius`` is given.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import gaussian_filter
    >>> weights = ft.grad(lambda image: gaussian_filter(image, 1.0)[2, 2])(np.zeros((5, 5)))
    >>> bool(np.isclose(np.sum(weights), 1.0)), bool(np.allclose(weights, weights.T))
    (True, True)
    """
    x = floating(input)
    axes = reduced_axes(axes, x.ndim)
    sigmas = [sigma] * len(axes) if not np.ndim(sigma) else [*sigma]
    settings = (each(value, len(axes)) for value in (sigmas, order, mode, radius))
    for axis, deviation, degree, beyond, reach in zip(axes, *settings, strict=True):
        if reach is not None or float(deviation) > 1e-15:
            x = gaussian_filter1d(x, deviation, axis, degree, beyond, cval, truncate, radius=reach)
    return x
