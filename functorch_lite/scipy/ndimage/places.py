"""The values of an image between its points, by splines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import scipy.ndimage

from functorch_lite.calculus.arguments import as_array, only_axis, refuse_foreign
from functorch_lite.calculus.batching import shifted_axes
from functorch_lite.calculus.declare import linear
from functorch_lite.calculus.indexing import getitem
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of

__all__ = ["map_coordinates", "nodes", "prepared", "refuse_unknown", "spline_filter", "spline_filter1d"]

# --- The coefficients of splines --------------------------------------------------------------------------------------


def _ends(g: Any, axis: int, mode: str) -> Any:
    """Return how often points at the ends stand beside themselves, as a factor: in a mirror image once, else twice."""
    n = shape_of(g)[axis]
    weights = np.ones(n, g.real.dtype)
    if mode == "mirror" and n > 1:
        weights[[0, -1]] = 0.5
    return weights.reshape(-1, *(1,) * (g.ndim - axis - 1))


#: On shorter axes SciPy's coefficients of reflected images are approximate, and no symmetric function of the values.
SHORT = 32


def _transpose(g: Any, order: int, axis: int, mode: str) -> Any:
    """The matrix of the values by the coefficients is symmetric but for the weights of the ends."""
    n = shape_of(g)[axis]
    if mode == "reflect" and n < SHORT:
        matrix = scipy.ndimage.spline_filter1d(np.eye(n), order, 0, mode=mode).astype(g.real.dtype)
        return np.moveaxis(np.moveaxis(g, axis, -1) @ matrix, -1, axis)
    ends = _ends(g, axis, mode)
    return spline_coefficients(g / ends, order, axis, mode) * ends


@linear(_transpose, batch=shifted_axes(1))
def spline_coefficients(x: Any, order: int, axis: int, mode: str) -> Any:
    """Return the coefficients of the spline along an axis that has given values at the points."""
    refuse_foreign("spline_filter1d", x)
    if not x.size:
        return x
    double = complex if x.dtype.kind == "c" else float
    return scipy.ndimage.spline_filter1d(x, order, axis, double, mode).astype(x.dtype, copy=False)


#: How coefficients go on beyond the borders, by the mode of the image.
_OF_COEFFICIENTS = {"reflect": "reflect", "grid-mirror": "reflect", "nearest": "reflect", "grid-wrap": "grid-wrap"}


def spline_filter1d(input: Any, order: int = 3, axis: int = -1, mode: str = "mirror") -> Any:
    """Compute the coefficients of the spline through the values of an image, along an axis.

    Parameters
    ----------
    input
        The image, an array of any rank.
    order
        The degree of the spline, 0 to 5.
    axis
        The axis.
    mode
        What is beyond the edges, as for `map_coordinates`.

    Returns
    -------
    array
        Of the shape of the image, and linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import spline_filter1d
    >>> ft.jacrev(spline_filter1d)(np.zeros(2)).round(6)
    array([[ 2., -1.],
           [-1.,  2.]])
    """
    refuse_unknown("spline_filter1d", order, mode)
    x = as_array(input)
    x = x if x.dtype.kind in "fc" else x.astype(float)
    axis = only_axis(axis, x.ndim)
    return x if order < 2 else spline_coefficients(x, order, axis, _OF_COEFFICIENTS.get(mode, "mirror"))


def spline_filter(input: Any, order: int = 3, mode: str = "mirror") -> Any:
    """Compute the coefficients of the spline through the values of an image.

    Parameters
    ----------
    input, order, mode
        As for `spline_filter1d`.

    Returns
    -------
    array
        Of the shape of the image, and linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import map_coordinates, spline_filter
    >>> image = np.arange(6.0).reshape(2, 3) ** 2
    >>> at = [[0.3], [1.2]]
    >>> bool(np.isclose(map_coordinates(spline_filter(image), at, prefilter=False), map_coordinates(image, at))[0])
    True
    """
    x = as_array(input)
    for axis in range(x.ndim):
        x = spline_filter1d(x, order, axis, mode)
    return x


def prepared(x: Any, order: int, mode: str, cval: float, prefilter: bool) -> tuple[Any, int]:
    """Return the coefficients of an image, and how many points of what is beyond its borders were put before it."""
    if order < 2 or not prefilter:
        return x, 0
    around = 12 if mode in ("nearest", "grid-constant") else 0
    if mode == "nearest":
        x = np.pad(x, around, "edge")
    elif around:
        x = np.pad(x, around, constant_values=cval)
    return spline_filter(x, order, mode), around


def refuse_unknown(user: str, order: int, mode: str) -> None:
    """Raise for orders and modes that are not SciPy's."""
    if order not in range(6):
        raise ValueError(f"{user} at {user_line()} takes splines of order 0 to 5, not {order}")
    if mode not in _FOLDED and mode not in ("constant", "grid-constant", "wrap"):
        known = ", ".join(sorted({*_FOLDED, "constant", "grid-constant", "wrap"}))
        raise ValueError(f"{user} at {user_line()}: mode must be one of {known}, not {mode!r}")


# --- Values at places -------------------------------------------------------------------------------------------------


def map_coordinates(
    input: Any, coordinates: Any, order: int = 3, mode: str = "constant", cval: float = 0.0, prefilter: bool = True
) -> Any:
    """Return the values of an image at places between its points.

    Parameters
    ----------
    input
        The image, an array of any rank.
    coordinates
        The places: for each axis of the image an array of positions along it, all of one shape.
    order
        The degree of the splines: 0 for the value of the nearest point, 1 for linear interpolation between neighbours,
        up to 5.
    mode
        What is beyond the edges, by SciPy's words: ``"constant"``, ``"grid-constant"``, ``"nearest"``, ``"mirror"``,
        ``"reflect"`` (``"grid-mirror"``), ``"wrap"`` or ``"grid-wrap"``.
    cval
        The constant.
    prefilter
        False if the image is of coefficients already, those of `spline_filter`.

    Returns
    -------
    array
        Of the shape of the positions; differentiable in the image and, but for order 0, in the positions.

    Raises
    ------
    ValueError
        If there are not as many arrays of positions as axes, or the order or the mode is none of SciPy's.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.ndimage import map_coordinates
    >>> image = np.array([[0.0, 1.0], [10.0, 13.0]])
    >>> map_coordinates(image, [[0.5], [0.5]], order=1)
    array([6.])
    >>> ft.grad(lambda place: map_coordinates(image, place, order=1))(np.array([0.5, 0.5]))  # down, and to the right
    array([11.,  2.])
    """
    image = as_array(input)
    places = [as_array(c) for c in coordinates]
    shape = shape_of(image)
    refuse_unknown("map_coordinates", order, mode)
    if len(places) != len(shape) or 0 in shape:
        raise ValueError(
            f"map_coordinates at {user_line()}: an image of shape {shape} takes positions along each of its "
            f"{len(shape)} axes; given {len(places)}"
        )
    coefficients, before = prepared(image, order, mode, cval, prefilter)
    found = [nodes(p + before, n, order, mode) for p, n in zip(places, shape_of(coefficients), strict=True)]
    total: Any = None
    for corner in product(*found):
        value = getitem(coefficients, tuple(index for index, _, _ in corner))
        if mode == "grid-constant":
            value = np.where(_all([inside for _, _, inside in corner]), value, cval)
        for _, weight, _ in corner:
            value = value if weight is None else value * weight
        total = value if total is None else total + value
    if mode == "constant":
        within = [(place >= 0) & (place <= n - 1) for place, n in zip(places, shape, strict=True)]
        total = np.where(_all(within), total, cval)
    return total


def nodes(place: Any, n: int, order: int, mode: str) -> list[tuple[Any, Any, Any]]:
    """Return the points of an axis to be looked at: where they are, their weight, and whether the axis has them."""
    if mode == "wrap":  # SciPy's period ends on the last point, which stands for the first
        period = max(n - 1, 1)
        turns = np.where(place < 0, np.floor(-place / period) + 1, -np.floor(place / period))
        place = np.where((place < 0) | (place > n - 1), place + turns * period, place)
    if mode == "nearest" and order > 1:
        place = np.clip(place, 0, n - 1)
    first = np.floor(place) if order % 2 else np.floor(place + 0.5)
    index = first.astype(np.intp)
    fold = _FOLDED.get(mode, _FOLDED["nearest" if order < 2 else "mirror"])
    weights = _spline_weights(place - first if order % 2 else place + 0.5 - first, order) if order else [None]
    found = [(index - order // 2 + k, weight) for k, weight in enumerate(weights)]
    return [(fold(i, n), weight, (i >= 0) & (i < n)) for i, weight in found]


def _spline_weights(after: Any, order: int) -> list[Any]:
    """Return the splines of even knots that are not zero between two of them, at the part of the way to the next."""
    if order == 1:
        return [1 - after, after]
    values = [1.0 + 0.0 * after]
    for degree in range(1, order + 1):
        parts = [value / degree for value in values]
        rising = [(after + degree - i) * part for i, part in enumerate(parts, 1)]
        falling = [(i - after) * part for i, part in enumerate(parts, 1)]
        inner = [a + b for a, b in zip(rising[:-1], falling[1:], strict=True)]
        values = [falling[0], *inner, rising[-1]]
    return values


def _all(conditions: Sequence[Any]) -> Any:
    whole = conditions[0]
    for condition in conditions[1:]:
        whole = whole & condition
    return whole


#: Which point of an axis of length n stands for the one at any position, by the mode.
_FOLDED: dict[str, Callable[[Any, int], Any]] = {
    "nearest": lambda i, n: np.minimum(np.maximum(i, 0), n - 1),
    "mirror": lambda i, n: n - 1 - abs(n - 1 - i % max(2 * n - 2, 1)),
    "reflect": lambda i, n: np.minimum(i % (2 * n), 2 * n - 1 - i % (2 * n)),
    "grid-mirror": lambda i, n: np.minimum(i % (2 * n), 2 * n - 1 - i % (2 * n)),
    "grid-wrap": lambda i, n: i % n,
}
