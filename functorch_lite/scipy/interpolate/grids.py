"""Interpolation on a rectangular grid: the counterpart of ``scipy.interpolate.RegularGridInterpolator``."""

from __future__ import annotations

from itertools import product
from typing import Any, Literal

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.core.trace import Tracer

__all__ = ["RegularGridInterpolator"]

Method = Literal["linear", "nearest"]


class RegularGridInterpolator:
    """A function that is given by its values on a rectangular grid, which need not be even.

    It is differentiable in the positions, where it is asked for, and in the values. At a line of the grid the slope is
    that of the cell above, at the last one that of the last cell.

    Parameters
    ----------
    points
        The coordinates of the grid's lines, a plain increasing array for each axis.
    values
        The values on the grid; axes behind those of the grid belong to each value.
    method
        ``"linear"``, or ``"nearest"``, which is constant about each point of the grid.
    bounds_error
        Whether positions outside are an error. If the positions are not known, as under ``jit``, they are filled.
    fill_value
        What stands for values outside; None extrapolates by the outermost cells.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.interpolate import RegularGridInterpolator
    >>> x, y = np.linspace(0.0, 1.0, 3), np.linspace(0.0, 2.0, 5)
    >>> f = RegularGridInterpolator((x, y), x[:, None] * y)
    >>> f([0.25, 0.7]).round(6), ft.grad(lambda p: f(p)[0])(np.array([0.25, 0.7])).round(6)
    (array([0.175]), array([0.7 , 0.25]))
    """

    def __init__(
        self, points: Any, values: Any, method: Method = "linear", bounds_error: bool = True, fill_value: Any = np.nan
    ) -> None:
        if any(isinstance(p, Tracer) for p in points):
            raise TypeError(
                f"RegularGridInterpolator at {user_line()}: the lines of the grid are constants, and one is traced. "
                f"Scale the positions instead."
            )
        self.grid = tuple(np.asarray(p, float) for p in points)
        self.values = as_array(values)
        if self.values.dtype.kind not in "fc":
            self.values = self.values.astype(float)
        self.method, self.bounds_error, self.fill_value = _checked(method), bounds_error, fill_value
        if self.values.ndim < len(self.grid):
            raise ValueError(f"there are {len(self.grid)} axes of points, and values of shape {self.values.shape}")
        for axis, line in enumerate(self.grid):
            if line.ndim != 1 or len(line) < 2 or not np.all(np.diff(line) > 0):
                raise ValueError(f"the points of axis {axis} must be two numbers or more that increase")
            if len(line) != self.values.shape[axis]:
                raise ValueError(
                    f"there are {len(line)} points on axis {axis}, and values of shape {self.values.shape}"
                )

    def __call__(self, xi: Any, method: Method | None = None) -> Any:
        """Compute the function at positions.

        Parameters
        ----------
        xi
            Positions along the last axis, or a tuple of coordinates, which are broadcast.
        method
            ``"linear"`` or ``"nearest"``, in the place of the interpolator's own.

        Returns
        -------
        array
            One value for each position; as SciPy has it, a single position counts as a row of one.

        Examples
        --------
        >>> import numpy as np
        >>> from functorch_lite.scipy.interpolate import RegularGridInterpolator
        >>> f = RegularGridInterpolator(([0.0, 1.0, 3.0],), [0.0, 1.0, 9.0])
        >>> f(np.array([[0.5], [2.0]])), f(np.array([[0.4]]), "nearest")
        (array([0.5, 5. ]), array([0.]))
        """
        x = _coordinates(xi, len(self.grid))
        outside: Any = False
        unknown: Any = False
        for c, g in zip(x, self.grid, strict=True):
            outside = outside | (c < g[0]) | (c > g[-1])
            unknown = unknown | np.isnan(c)
        if self.bounds_error and is_at_hand(outside) and np.any(outside):
            raise ValueError("One of the requested xi is out of bounds; pass bounds_error=False to fill or extrapolate")
        linear = _checked(self.method if method is None else method) == "linear"
        value = self._linear(x) if linear else self._nearest(x)
        trailing = (1,) * (self.values.ndim - len(self.grid))
        value = np.where(unknown.reshape(shape_of(unknown) + trailing), np.nan, value)
        if self.fill_value is None:
            return value
        return np.where(outside.reshape(shape_of(outside) + trailing), self.fill_value, value)

    def _cells(self, x: Any) -> list[tuple[Any, Any]]:
        """Return, for each axis, the line below the positions and how far they are towards the next."""
        cells = []
        for c, g in zip(x, self.grid, strict=True):
            below = np.clip(np.searchsorted(g, c, "right") - 1, 0, len(g) - 2)
            lines, widths = g.astype(c.dtype), np.diff(g).astype(c.dtype)
            cells.append((below, (c - take(lines, below)) / take(widths, below)))
        return cells

    def _linear(self, x: Any) -> Any:
        cells = self._cells(x)
        trailing = (1,) * (self.values.ndim - len(self.grid))
        total: Any = 0.0
        for corner in product((0, 1), repeat=len(cells)):
            weight: Any = 1.0
            for (_, part), side in zip(cells, corner, strict=True):
                weight = weight * (part if side else 1 - part)
            at = self._take([below + side for (below, _), side in zip(cells, corner, strict=True)])
            total = total + weight.reshape(shape_of(weight) + trailing) * at
        return total

    def _nearest(self, x: Any) -> Any:
        return self._take([np.where(part <= 0.5, below, below + 1) for below, part in self._cells(x)])

    def _take(self, indices: list[Any]) -> Any:
        """Take values by the numbers of lines."""
        shape = self.values.shape[: len(self.grid)]
        flat: Any = 0
        for index, length in zip(indices, shape, strict=True):
            flat = flat * length + index
        return take(self.values.reshape(-1, *self.values.shape[len(self.grid) :]), flat, axis=0)


def _checked(method: str) -> Method:
    if method == "linear":
        return "linear"
    if method == "nearest":
        return "nearest"
    raise ValueError(f"Method {method!r} is not defined: it is 'linear' or 'nearest'")


def _coordinates(xi: Any, count: int) -> list[Any]:
    if isinstance(xi, tuple):
        parts = [as_array(c) for c in xi]
        shape = np.broadcast_shapes(*map(shape_of, parts))
        parts = [np.broadcast_to(c, shape) for c in parts]
    else:
        xi = as_array(xi)
        if xi.ndim == 1:  # one position, or of one coordinate each
            xi = xi[:, None] if count == 1 else xi[None]
        parts = [xi[..., i] for i in range(xi.shape[-1] if xi.ndim else 0)]
    if len(parts) != count:
        raise ValueError(f"the positions have {len(parts)} coordinates, and the grid {count} axes")
    return [c if c.dtype.kind == "f" else c.astype(float) for c in parts]
