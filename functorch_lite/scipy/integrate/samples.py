"""Integrals of functions given by samples: the rules of trapezia and of Simpson, in all and cumulatively.

They are linear in the samples, and differentiable in the positions. Source of the formulae for uneven intervals:
Cartwright, "Simpson's Rule Cumulative Integration with MS Excel and Irregularly-spaced Data", J. Math. Sci. Math. Educ.
12 (2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.core.operands import is_at_hand, shape_of

__all__ = ["cumulative_simpson", "cumulative_trapezoid", "simpson", "trapezoid"]


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate samples by the rule of trapezia.

    Parameters
    ----------
    y
        The samples.
    x
        The positions: a vector, or an array like ``y``; None: even ones.
    dx
        The interval of even positions.
    axis
        The axis along which the samples run.

    Returns
    -------
    array
        The integral, without the axis; differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.integrate import trapezoid
    >>> ft.grad(lambda y: trapezoid(y, np.array([0.0, 1.0, 3.0])))(np.ones(3))
    array([0.5, 1.5, 1. ])
    """
    return np.trapezoid(as_array(y), None if x is None else as_array(x), dx, axis)


def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """Integrate samples up to each of them, by the rule of trapezia.

    Parameters
    ----------
    y, x, dx, axis
        As for `trapezoid`.
    initial
        0 to put a zero first; None: the integral up to the first sample is left out.

    Returns
    -------
    array
        The integrals along the axis: one less than samples, or as many.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.integrate import cumulative_trapezoid
    >>> ft.jacfwd(lambda y: cumulative_trapezoid(y, dx=2.0, initial=0))(np.ones(3))
    array([[0., 0., 0.],
           [1., 1., 0.],
           [1., 2., 1.]])
    """
    if initial is not None and not (np.isscalar(initial) and initial == 0):
        raise ValueError("`initial` must be `None` or `0`; add another value to the result")
    y, axis, widths, scale = _read(y, x, dx, axis)
    integrals = np.cumsum(_trapezia(y, widths), axis=-1) * scale
    if initial is not None:
        integrals = np.concatenate([np.zeros((*shape_of(integrals)[:-1], 1), integrals.dtype), integrals], axis=-1)
    return np.moveaxis(integrals, -1, axis)


def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integrate samples by Simpson's rule.

    Of an even number of samples the last interval is integrated along the parabola through the last three.

    Parameters
    ----------
    y, x, dx, axis
        As for `trapezoid`.

    Returns
    -------
    array
        The integral, without the axis; differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.integrate import simpson
    >>> np.round(ft.grad(lambda y: simpson(y, dx=3.0))(np.ones(5)), 6)
    array([1., 4., 2., 4., 1.])
    >>> t = np.array([0.0, 1.0, 3.0])
    >>> float(np.round(ft.grad(lambda end: simpson((end * t) ** 2, x=end * t))(1.0), 6))  # of end³ 9
    27.0
    """
    if np.ndim(dx):
        raise ValueError(f"simpson takes a number for dx, not an array of shape {np.shape(dx)}; multiply the result")
    y, _, widths, scale = _read(y, x, dx, axis)
    return _by_parabolas(y, widths) * scale


def cumulative_simpson(y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """Integrate samples up to each of them, by Simpson's rule.

    Each interval is integrated along the parabola through its ends and one sample beside it: the next for the first
    interval, the third and so on, and for the last one and the others the sample before. Two samples have a trapezium.

    Parameters
    ----------
    y, dx, axis
        As for `trapezoid`.
    x
        The positions, strictly increasing.
    initial
        A value to put first, and to add to the others; None: the integral up to the first sample is left out.

    Returns
    -------
    array
        The integrals along the axis: one less than samples, or as many.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.integrate import cumulative_simpson
    >>> t = np.arange(4.0)
    >>> np.round(cumulative_simpson(3 * t**2, initial=0.0), 6)
    array([ 0.,  1.,  8., 27.])
    >>> np.round(ft.grad(lambda y: cumulative_simpson(y)[1])(t), 6)
    array([0.333333, 1.333333, 0.333333, 0.      ])
    """
    y, axis, widths, scale = _read(y, x, dx, axis)
    n = shape_of(y)[-1]
    backward = x is not None and widths <= 0
    if is_at_hand(backward) and np.any(backward):
        raise ValueError("the positions must be strictly increasing")
    if n < 3:
        parts = _trapezia(y, widths)
    else:
        ahead = _second_parts(y[..., ::-1], widths[..., ::-1])[..., ::-1]
        behind = _second_parts(y, widths)
        is_ahead = np.arange(n - 2) % 2 == 0
        before = np.concatenate([ahead[..., :1], behind[..., :-1]], axis=-1)
        parts = np.concatenate([np.where(is_ahead, ahead, before), behind[..., -1:]], axis=-1)
    integrals = np.cumsum(parts, axis=-1) * scale
    if initial is not None:
        first = as_array(initial)
        kept = tuple(1 if i == axis else n for i, n in enumerate(np.moveaxis(integrals, -1, axis).shape))
        if first.ndim and first.shape != kept:
            raise ValueError(f"initial must be a number or have shape {kept}, not {first.shape}")
        first = np.moveaxis(np.broadcast_to(first, kept), axis, -1).astype(np.result_type(first, integrals))
        integrals = np.concatenate([first, integrals + first], axis=-1)
    return np.moveaxis(integrals, -1, axis)


def _trapezia(y: Any, widths: Any) -> Any:
    return widths * (y[..., 1:] + y[..., :-1]) / 2.0


def _by_parabolas(y: Any, widths: Any) -> Any:
    n = shape_of(y)[-1]
    if n < 3:
        return np.sum(_trapezia(y, widths), axis=-1)
    pairs = (n - 1) // 2 * 2
    first, second = widths[..., 0:pairs:2], widths[..., 1:pairs:2]
    whole, product = first + second, first * second
    parts = whole / 6.0 * (
        y[..., 0:pairs:2] * (2.0 - _ratio(second, first))
        + y[..., 1:pairs:2] * (whole * _ratio(whole, product))
        + y[..., 2 : pairs + 1 : 2] * (2.0 - _ratio(first, second))
    )
    integral = np.sum(parts, axis=-1)
    if n % 2:
        return integral
    before, own = widths[..., -2], widths[..., -1]
    last = (
        y[..., -1] * _ratio(2.0 * own**2 + 3.0 * before * own, 6.0 * (before + own))
        + y[..., -2] * _ratio(own**2 + 3.0 * before * own, 6.0 * before)
        - y[..., -3] * _ratio(own**3, 6.0 * before * (before + own))
    )
    return integral + last


def _second_parts(y: Any, widths: Any) -> Any:
    """Integrate the second of each two intervals along the parabola through their ends."""
    before, own = widths[..., :-1], widths[..., 1:]
    part = own / (before + own)
    excess = part * own / before
    return own / 6.0 * ((3.0 - part) * y[..., 2:] + (3.0 + excess + part) * y[..., 1:-1] - excess * y[..., :-2])


def _ratio(x: Any, y: Any) -> Any:
    """Return a quotient, or zero where a position stands twice, as SciPy does."""
    nothing = y == 0
    return np.where(nothing, 0.0, x / np.where(nothing, 1.0, y))


def _read(y: Any, x: Any, dx: Any, axis: int) -> tuple[Any, int, Any, Any]:
    """Return the samples with their axis last, which axis it was, the widths of the intervals, and their unit."""
    y = as_array(y)
    axis = only_axis(axis, y.ndim)
    y = np.moveaxis(y if y.dtype.kind in "fc" else y.astype(float), axis, -1)
    n = shape_of(y)[-1]
    if not n:
        raise ValueError("at least one sample is required along the axis")
    if x is None:
        unit = np.moveaxis(as_array(dx), axis, -1) if np.ndim(dx) else dx
        if shape_of(unit) and shape_of(unit)[-1] != 1:
            raise ValueError(f"dx must be a number, or have one element along the axis; it has shape {np.shape(dx)}")
        return y, axis, np.ones(n - 1, y.real.dtype), unit
    x = as_array(x)
    x = x if x.dtype.kind == "f" else x.astype(float)
    if x.ndim not in (1, y.ndim):
        raise ValueError(f"the positions must be a vector, or of the rank of y; they have shape {x.shape}")
    x = x if x.ndim == 1 else np.moveaxis(x, axis, -1)
    if shape_of(x)[-1] != n:
        raise ValueError(f"there are {n} samples along the axis, and {shape_of(x)[-1]} positions")
    return y, axis, np.diff(x, axis=-1), 1.0
