"""Derivatives of images: differences along axes, and those of images that a Gaussian has smoothed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import only_axis
from functorch_lite.scipy.ndimage.filters import correlate1d, each, floating, gaussian_filter

__all__ = ["gaussian_gradient_magnitude", "gaussian_laplace", "laplace", "prewitt", "sobel"]


def sobel(input: Any, axis: int = -1, mode: Any = "reflect", cval: float = 0.0) -> Any:
    """Take differences along an axis, and means with the weights 1, 2, 1 along the others.

    Parameters
    ----------
    input, axis, cval
        As for `correlate1d`.
    mode
        As for `correlate1d`, for all axes or for each.

    Returns
    -------
    array
        Of the shape of the image, and linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import sobel
    >>> ft.grad(lambda x: sobel(x)[1, 1])(np.zeros((3, 3)))
    array([[-1.,  0.,  1.],
           [-2.,  0.,  2.],
           [-1.,  0.,  1.]])
    """
    return _edges(input, axis, mode, cval, [1.0, 2.0, 1.0])


def prewitt(input: Any, axis: int = -1, mode: Any = "reflect", cval: float = 0.0) -> Any:
    """Take differences along an axis, and sums of three along the others.

    Parameters
    ----------
    input, axis, mode, cval
        As for `sobel`.

    Returns
    -------
    array
        Of the shape of the image, and linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import prewitt
    >>> ft.grad(lambda x: prewitt(x)[1, 1])(np.zeros((3, 3)))
    array([[-1.,  0.,  1.],
           [-1.,  0.,  1.],
           [-1.,  0.,  1.]])
    """
    return _edges(input, axis, mode, cval, [1.0, 1.0, 1.0])


def _edges(input: Any, axis: int, mode: Any, cval: float, across: list[float]) -> Any:
    x = floating(input)
    axis, modes = only_axis(axis, x.ndim), each(mode, x.ndim)
    found = correlate1d(x, np.array([-1.0, 0.0, 1.0], x.real.dtype), axis, modes[axis], cval)
    for other in range(x.ndim):
        if other != axis:
            found = correlate1d(found, np.array(across, x.real.dtype), other, modes[other], cval)
    return found


def laplace(input: Any, mode: Any = "reflect", cval: float = 0.0) -> Any:
    """Add up the second differences of an image along all axes.

    Parameters
    ----------
    input, mode, cval
        As for `sobel`.

    Returns
    -------
    array
        Of the shape of the image, and linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import laplace
    >>> ft.grad(lambda x: laplace(x)[1, 1])(np.zeros((3, 3)))
    array([[ 0.,  1.,  0.],
           [ 1., -4.,  1.],
           [ 0.,  1.,  0.]])
    """
    x = floating(input)
    weights = np.array([1.0, -2.0, 1.0], x.real.dtype)
    return _sum(x, mode, lambda axis, beyond: correlate1d(x, weights, axis, beyond, cval))


def gaussian_laplace(input: Any, sigma: Any, mode: Any = "reflect", cval: float = 0.0, **kwargs: Any) -> Any:
    """Add up the second derivatives of a smooth image along all axes.

    Parameters
    ----------
    input, sigma, cval
        As for `gaussian_filter`.
    mode
        As for `gaussian_filter`.
    kwargs
        ``truncate`` and ``radius`` of `gaussian_filter`.

    Returns
    -------
    array
        Of the shape of the image, and linear in it.

    Examples
    --------
    >>> import numpy as np
    >>> from functorch_lite.scipy.ndimage import gaussian_laplace
    >>> bool(gaussian_laplace(np.eye(5)[2:3] * 9.0, 1.0)[0, 2] < 0)
    True
    """
    x = floating(input)
    return _sum(x, mode, lambda axis, _: _derivative(x, sigma, 2, axis, mode, cval, kwargs))


def gaussian_gradient_magnitude(
    input: Any, sigma: Any, mode: Any = "reflect", cval: float = 0.0, **kwargs: Any
) -> Any:
    """Return the length of the gradient of a smooth image; where it is zero so is its slope.

    Parameters
    ----------
    input, sigma, mode, cval, kwargs
        As for `gaussian_laplace`.

    Returns
    -------
    array
        Of the shape of the image.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import gaussian_gradient_magnitude
    >>> ft.grad(lambda x: np.sum(gaussian_gradient_magnitude(x, 1.0)))(np.zeros((2, 2)))
    array([[0., 0.],
           [0., 0.]])
    """
    x = floating(input)
    parts = [_derivative(x, sigma, 1, axis, mode, cval, kwargs) for axis in range(x.ndim)]
    return np.linalg.vector_norm(np.stack(parts), axis=0)


def _derivative(x: Any, sigma: Any, order: int, axis: int, mode: Any, cval: float, kwargs: dict[str, Any]) -> Any:
    orders = [order if other == axis else 0 for other in range(x.ndim)]
    return gaussian_filter(x, sigma, orders, mode, cval, **kwargs)


def _sum(x: Any, mode: Any, part: Callable[[int, Any], Any]) -> Any:
    total: Any = None
    for axis, beyond in enumerate(each(mode, x.ndim)):
        total = part(axis, beyond) if total is None else total + part(axis, beyond)
    return x * 0.0 if total is None else total
