"""Functions of ``scipy.ndimage`` for traced values: the values of an image between its points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.indexing import getitem
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of

__all__ = ["map_coordinates"]


def map_coordinates(input: Any, coordinates: Any, order: int, mode: str = "constant", cval: float = 0.0) -> Any:
    """Return the values of an image at places between its points.

    Parameters
    ----------
    input
        The image, an array of any rank.
    coordinates
        The places: for each axis of the image an array of positions along it, all of one shape.
    order
        0 for the value of the nearest point, 1 for linear interpolation between neighbours. SciPy's splines of higher
        orders are not here.
    mode
        What is beyond the edges, by SciPy's words: ``"constant"``, ``"grid-constant"``, ``"nearest"``, ``"mirror"``,
        ``"reflect"`` (``"grid-mirror"``), ``"wrap"`` or ``"grid-wrap"``.
    cval
        The constant.

    Returns
    -------
    array
        Of the shape of the positions; differentiable in the image and, with order 1, in the positions.

    Raises
    ------
    NotImplementedError
        If the order is not 0 or 1.
    ValueError
        If there are not as many arrays of positions as axes, or the mode is none of the words.

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
    if order not in (0, 1):
        raise NotImplementedError(
            f"map_coordinates at {user_line()} takes order 0 (the nearest point) or 1 (linear), not {order}; splines "
            f"of higher orders have no rule"
        )
    if mode not in _FOLDED and mode not in ("constant", "grid-constant", "wrap"):
        known = ", ".join(sorted({*_FOLDED, "constant", "grid-constant", "wrap"}))
        raise ValueError(f"map_coordinates at {user_line()}: mode must be one of {known}, not {mode!r}")
    if len(places) != len(shape) or 0 in shape:
        raise ValueError(
            f"map_coordinates at {user_line()}: an image of shape {shape} takes positions along each of its "
            f"{len(shape)} axes; given {len(places)}"
        )
    nodes = [_nodes(place, n, order, mode) for place, n in zip(places, shape, strict=True)]
    total: Any = None
    for corner in product(*nodes):
        value = getitem(image, tuple(index for index, _, _ in corner))
        if mode == "grid-constant":
            value = np.where(_all([inside for _, _, inside in corner]), value, cval)
        for _, weight, _ in corner:
            value = value if weight is None else value * weight
        total = value if total is None else total + value
    if mode == "constant":
        within = [(place >= 0) & (place <= n - 1) for place, n in zip(places, shape, strict=True)]
        total = np.where(_all(within), total, cval)
    return total


def _nodes(place: Any, n: int, order: int, mode: str) -> list[tuple[Any, Any, Any]]:
    """Return the points of an axis to be looked at: where they are, their weight, and whether the axis has them."""
    if mode == "wrap":  # SciPy's period ends on the last point, which stands for the first
        period = max(n - 1, 1)
        turns = np.where(place < 0, np.floor(-place / period) + 1, -np.floor(place / period))
        place = np.where((place < 0) | (place > n - 1), place + turns * period, place)
    first = np.floor(place + 0.5) if order == 0 else np.floor(place)
    index = first.astype(np.intp)
    fold = _FOLDED.get(mode, _FOLDED["nearest"])
    if order == 0:
        return [(fold(index, n), None, (index >= 0) & (index < n))]
    after = place - first
    return [(fold(i, n), w, (i >= 0) & (i < n)) for i, w in ((index, 1 - after), (index + 1, after))]


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
