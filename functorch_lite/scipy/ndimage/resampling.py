"""Images moved, stretched and turned: their values at places between their points.

Where each axis has places of its own the axes are gone through one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import functorch_lite.scipy.special  # the rules of cosdg and sindg
from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.scipy.ndimage.places import map_coordinates, nodes, prepared, refuse_unknown

__all__ = ["affine_transform", "rotate", "shift", "zoom"]

_cosine, _sine = functorch_lite.scipy.special.cosdg, functorch_lite.scipy.special.sindg


def shift(
    input: Any, shift: Any, order: int = 3, mode: str = "constant", cval: float = 0.0, prefilter: bool = True
) -> Any:
    """Move an image.

    Parameters
    ----------
    input
        The image, an array of any rank.
    shift
        By how many points, along all axes or along each.
    order, mode, cval, prefilter
        As for `map_coordinates`.

    Returns
    -------
    array
        Of the shape of the image; differentiable in the image and, but for order 0, in the shift.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import shift
    >>> ft.jacfwd(lambda s: shift(np.array([0.0, 1.0, 4.0, 9.0]), s, order=1, mode="nearest"))(0.5)
    array([ 0., -1., -3., -5.])
    """
    x = _floating(input)
    by = list(as_array(shift)) if np.ndim(shift) else [shift] * x.ndim
    if len(by) != x.ndim:
        raise ValueError(f"shift at {user_line()}: {len(by)} numbers for an image of {x.ndim} axes")
    places = [_numbers(n, x) - s for n, s in zip(shape_of(x), by, strict=True)]
    return _along_axes("shift", x, places, order, mode, cval, prefilter)


def zoom(
    input: Any,
    zoom: Any,
    order: int = 3,
    mode: str = "constant",
    cval: float = 0.0,
    prefilter: bool = True,
    *,
    grid_mode: bool = False,
) -> Any:
    """Stretch an image to another number of points.

    Parameters
    ----------
    input
        The image, an array of any rank.
    zoom
        By which factor, along all axes or along each: plain numbers, as they decide about the shape.
    order, mode, cval, prefilter
        As for `map_coordinates`.
    grid_mode
        Whether the borders of the outer pixels fall on each other, not their centres.

    Returns
    -------
    array
        The stretched image, linear in the image.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import zoom
    >>> ft.jacrev(lambda x: zoom(x, 1.5, order=1))(np.zeros(2))
    array([[1. , 0. ],
           [0.5, 0.5],
           [0. , 1. ]])
    """
    x = _floating(input)
    factors = [zoom] * x.ndim if not hasattr(zoom, "__len__") else list(zoom)
    if len(factors) != x.ndim:
        raise ValueError(f"zoom at {user_line()}: {len(factors)} numbers for an image of {x.ndim} axes")
    shape = [round(n * float(factor)) for n, factor in zip(shape_of(x), factors, strict=True)]
    if prefilter and all(factor == 1 for factor in factors):
        refuse_unknown("zoom", order, mode)
        return +x
    places = []
    for own, new in zip(shape_of(x), shape, strict=True):
        place = _numbers(new, x)
        if grid_mode:
            places.append((place + 0.5) * (own / max(new, 1)) - 0.5)
        else:
            places.append(place * ((own - 1) / (new - 1) if new > 1 else 1.0))
    return _along_axes("zoom", x, places, order, mode, cval, prefilter)


def affine_transform(
    input: Any,
    matrix: Any,
    offset: Any = 0.0,
    output_shape: Sequence[int] | None = None,
    order: int = 3,
    mode: str = "constant",
    cval: float = 0.0,
    prefilter: bool = True,
) -> Any:
    """Transform an image: its point at ``o`` becomes the value at ``matrix @ o + offset``.

    Parameters
    ----------
    input
        The image, an array of any rank n.
    matrix
        Of shape (n, n); or (n,), of a diagonal matrix; or (n, n + 1) or (n + 1, n + 1), with the offset in the last
        column.
    offset
        A number, or one for each axis.
    output_shape
        The shape of the result; None: that of the image.
    order, mode, cval, prefilter
        As for `map_coordinates`.

    Returns
    -------
    array
        The transformed image; differentiable in the image and, but for order 0, in matrix and offset.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import affine_transform
    >>> image = np.outer(np.arange(3.0), np.ones(3))
    >>> centre = lambda matrix: affine_transform(image, matrix, order=1, mode="nearest")[1, 1]
    >>> ft.grad(centre)(np.array([[0.5, 0.0], [0.0, 0.5]]))
    array([[1., 1.],
           [0., 0.]])
    """
    x, matrix = _floating(input), as_array(matrix)
    rank = x.ndim
    if matrix.ndim == 2 and shape_of(matrix) in ((rank, rank + 1), (rank + 1, rank + 1)):
        matrix, offset = matrix[:rank, :rank], matrix[:rank, rank]
    if shape_of(matrix) not in ((rank,), (rank, rank)):
        raise ValueError(
            f"affine_transform at {user_line()}: a matrix of shape {shape_of(matrix)} for an image of {rank} axes"
        )
    moved = list(as_array(offset)) if np.ndim(offset) else [offset] * rank
    if len(moved) != rank:
        raise ValueError(f"affine_transform at {user_line()}: {len(moved)} offsets for an image of {rank} axes")
    shape = shape_of(x) if output_shape is None else tuple(output_shape)
    if len(shape) != rank:
        raise ValueError(f"affine_transform at {user_line()}: output_shape {shape} of an image of {rank} axes")
    axes = [_numbers(n, x) for n in shape]
    if matrix.ndim == 1:
        places = [matrix[i] * axis + moved[i] for i, axis in enumerate(axes)]
        return _along_axes("affine_transform", x, places, order, mode, cval, prefilter)
    whole = np.tensordot(matrix, np.stack(np.meshgrid(*axes, indexing="ij")), 1)
    places = [place + offset for place, offset in zip(whole, moved, strict=True)]
    return map_coordinates(x, places, order, mode, cval, prefilter)


def rotate(
    input: Any,
    angle: Any,
    axes: tuple[int, int] = (1, 0),
    reshape: bool = True,
    order: int = 3,
    mode: str = "constant",
    cval: float = 0.0,
    prefilter: bool = True,
) -> Any:
    """Turn an image in the plane of two axes.

    Parameters
    ----------
    input
        The image, an array of rank two at least.
    angle
        In degrees. With ``reshape`` it decides about the shape, and must be a plain number.
    axes
        The two axes.
    reshape
        Whether the result is so large that the whole image is in it.
    order, mode, cval, prefilter
        As for `map_coordinates`.

    Returns
    -------
    array
        The turned image; differentiable in the image and, without ``reshape`` and but for order 0, in the angle.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import rotate
    >>> image = np.outer(np.ones(3), np.arange(3.0))
    >>> turn = lambda angle: rotate(image, angle, reshape=False, order=1, mode="nearest")[0, 1]
    >>> float(np.round(ft.grad(turn)(0.0) * 180 / np.pi, 6))  # in radians: the point above the centre
    1.0
    """
    x = _floating(input)
    if x.ndim < 2 or len(axes) != 2:
        raise ValueError(f"rotate at {user_line()}: an image of rank two at least is turned along two axes")
    first, second = sorted(only_axis(axis, x.ndim) for axis in axes)
    if first == second:
        raise ValueError(f"rotate at {user_line()}: the axes {axes} are the same")
    cosine, sine = _cosine(angle), _sine(angle)
    turn = np.stack([np.stack([cosine, sine]), np.stack([-sine, cosine])])
    own = np.array([shape_of(x)[first], shape_of(x)[second]])
    new = own
    if reshape:
        new = (np.abs(np.array(turn, float)) @ own + 0.5).astype(int)
    moved = (own - 1) / 2 - turn @ ((new - 1) / 2)
    places = np.tensordot(turn, np.stack(np.meshgrid(*map(np.arange, new), indexing="ij")), 1) + moved[:, None, None]
    planes = np.moveaxis(x, (first, second), (-2, -1))
    shape = shape_of(planes)[:-2]
    turned = [
        map_coordinates(plane, places.astype(x.real.dtype), order, mode, cval, prefilter)
        for plane in planes.reshape(-1, *own)
    ]
    return np.moveaxis(np.stack(turned).reshape(*shape, *new), (-2, -1), (first, second))


def _floating(x: Any) -> Any:
    x = as_array(x)
    x = x if x.dtype.kind in "fc" else x.astype(float)
    if not x.ndim:
        raise ValueError(f"an image at {user_line()} must have axes")
    return x


def _numbers(n: int, x: Any) -> Any:
    return np.arange(n).astype(x.real.dtype)


def _along_axes(
    user: str, x: Any, places: Sequence[Any], order: int, mode: str, cval: float, prefilter: bool
) -> Any:
    """Return the values of an image at all combinations of the places along its axes."""
    refuse_unknown(user, order, mode)
    within: Any = True
    for axis, (place, n) in enumerate(zip(places, shape_of(x), strict=True)):
        inside = (place >= 0) & (place <= n - 1)
        within = within & inside.reshape(-1, *(1,) * (x.ndim - axis - 1))
    x, before = prepared(x, order, mode, cval, prefilter)
    for axis, place in enumerate(places):
        trailing = (-1, *(1,) * (x.ndim - axis - 1))
        total: Any = None
        for index, weight, inside in nodes(place + before, shape_of(x)[axis], order, mode):
            value = take(x, index, axis)
            if mode == "grid-constant":
                value = np.where(inside.reshape(trailing), value, cval)
            value = value if weight is None else value * weight.reshape(trailing)
            total = value if total is None else total + value
        x = total
    return np.where(within, x, cval) if mode == "constant" else x
