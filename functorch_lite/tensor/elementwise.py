"""Elementwise functions by PyTorch's names, where NumPy has another name, another signature, or none.

A function here takes arrays, traced or not, and numbers; it is composed of NumPy's functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.errors import user_line
from functorch_lite.tensor.method_table import method, methods_of_functions

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "clamp",
    "clamp_max",
    "clamp_min",
    "complex_",
    "div",
    "equal",
    "frac",
    "lerp",
    "logit",
    "nan_to_num",
    "polar",
    "pow_",
    "reciprocal",
    "rsqrt",
    "sub",
    "view_as_complex",
    "view_as_real",
    "xlogy",
]

# --- Arithmetic -------------------------------------------------------------------------------------------------------


@method
def add(x: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Return ``x + alpha * other``, of arrays that broadcast.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.add(ft.tensor([1.0, 2.0]), 10.0, alpha=2)
    tensor([21., 22.])
    """
    return np.add(x, other if alpha == 1 else alpha * other)


@method
def sub(x: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Return ``x - alpha * other``, of arrays that broadcast.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.sub(ft.tensor([1.0, 2.0]), 10.0, alpha=2)
    tensor([-19., -18.])
    """
    return np.subtract(x, other if alpha == 1 else alpha * other)


@method
def div(x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """Divide, elementwise.

    Parameters
    ----------
    x, other
        Arrays that broadcast, or numbers.
    rounding_mode
        None for the quotient, ``"trunc"`` to round it towards zero, ``"floor"`` to round it down.

    Returns
    -------
    array
        The quotient, a fraction for integers too; a rounded one is constant, and has the dtype of the operands.

    Raises
    ------
    ValueError
        If the mode is another.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.div(ft.tensor([-7, 7]), 2, rounding_mode="trunc"), ft.div(ft.tensor([-7, 7]), 2, rounding_mode="floor")
    (tensor([-3,  3]), tensor([-4,  3]))
    >>> ft.grad(lambda x: ft.div(x, 2.0))(ft.tensor(3.0))
    tensor(0.5)
    """
    if rounding_mode is None:
        return np.divide(x, other)
    if rounding_mode == "floor":
        return np.floor_divide(x, other)
    if rounding_mode == "trunc":
        return np.trunc(np.divide(x, other)).astype(np.result_type(x, other))
    raise ValueError(f"div: rounding_mode must be None, 'trunc' or 'floor', not {rounding_mode!r}")


@method
def pow_(x: Any, exponent: Any) -> Any:
    """Raise to a power; either operand may be a number.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad(ft.pow)(ft.tensor(3.0), 2)
    tensor(6.)
    """
    return x**exponent if hasattr(x, "dtype") else np.power(x, exponent)


@method
def reciprocal(x: Any) -> Any:
    """Return ``1 / x``, a fraction for integers too.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.reciprocal(ft.tensor([1, 4]))
    tensor([1.  , 0.25])
    """
    return np.divide(1, x)


@method
def rsqrt(x: Any) -> Any:
    """Return ``1 / sqrt(x)``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.value_and_grad(ft.rsqrt)(ft.tensor(4.0))
    (tensor(0.5), tensor(-0.0625))
    """
    return np.divide(1, np.sqrt(x))


@method
def lerp(x: Any, end: Any, weight: Any) -> Any:
    """Go from ``x`` towards ``end`` by a fraction ``weight`` of the way: ``x + weight * (end - x)``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.lerp(ft.tensor([0.0, 1.0]), 10.0, 0.25)
    tensor([2.5 , 3.25])
    """
    return x + weight * (end - x)


@method
def addcmul(x: Any, first: Any, second: Any, *, value: Any = 1) -> Any:
    """Return ``x + value * first * second``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.addcmul(ft.zeros(2), ft.tensor([1.0, 2.0]), 3.0, value=10)
    tensor([30., 60.])
    """
    return x + value * (first * second)  # a number beside truth values alone would be an int64


@method
def addcdiv(x: Any, first: Any, second: Any, *, value: Any = 1) -> Any:
    """Return ``x + value * first / second``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.addcdiv(ft.zeros(2), ft.tensor([1.0, 2.0]), 4.0, value=10)
    tensor([2.5, 5. ])
    """
    return x + value * (first / second)


# --- Limits and parts -------------------------------------------------------------------------------------------------


@method
def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    """Keep within bounds; at a bound the derivative is 1.

    Parameters
    ----------
    x
        An array.
    min, max
        The bounds: numbers or arrays that broadcast with ``x``, or None for no bound.

    Raises
    ------
    ValueError
        If neither bound is given.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.clamp(ft.tensor([-2.0, 0.5, 2.0]), -1.0, 1.0)
    tensor([-1. ,  0.5,  1. ])
    >>> ft.grad(lambda x: ft.clamp(x, -1.0, 1.0).sum())(np.array([-2.0, -1.0, 0.5]))
    array([0., 1., 1.])
    """
    if min is None and max is None:
        raise ValueError("clamp: give min, max or both")
    return np.clip(x, min, max)


@method
def clamp_min(x: Any, min: Any) -> Any:
    """Keep from falling below a bound, a number or an array.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.clamp_min(ft.tensor([-2.0, 0.5]), 0.0)
    tensor([0. , 0.5])
    """
    return np.clip(x, min, None)


@method
def clamp_max(x: Any, max: Any) -> Any:
    """Keep from rising above a bound, a number or an array.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.clamp_max(ft.tensor([0.5, 2.0]), 1.0)
    tensor([0.5, 1. ])
    """
    return np.clip(x, None, max)


@method
def frac(x: Any) -> Any:
    """Return what is behind the point, with the sign of ``x``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.frac(ft.tensor([1.25, -1.25]))
    tensor([ 0.25, -0.25])
    """
    return x - np.trunc(x)


@method
def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Replace NaN and the infinities; the derivative of what was replaced is 0.

    Parameters
    ----------
    x
        An array.
    nan
        What stands for NaN.
    posinf, neginf
        What stands for the infinities; by default the largest and the smallest number of the dtype.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = np.array([1.0, np.nan, np.inf])
    >>> ft.nan_to_num(x, posinf=9.0)
    array([1., 0., 9.])
    >>> ft.grad(lambda x: ft.nan_to_num(x, posinf=9.0).sum())(x)
    array([1., 0., 0.])
    """
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


# --- Logarithms that meet zero ----------------------------------------------------------------------------------------


@method
def xlogy(x: Any, y: Any) -> Any:
    """Return ``x * log(y)``, which is 0 where ``x`` is 0 and ``y`` is not NaN.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.xlogy(ft.tensor([0.0, 2.0]), ft.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    return x * np.log(np.where((x == 0) & ((y <= 0) | np.isinf(y)), 1, y))


@method
def logit(x: Any, eps: float | None = None) -> Any:
    """Return ``log(x / (1 - x))``, the inverse of `sigmoid`, with ``x`` kept in ``[eps, 1 - eps]`` if ``eps`` is given.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.value_and_grad(ft.logit)(ft.tensor(0.5))
    (tensor(0.), tensor(4.))
    """
    x = x if eps is None else np.clip(x, eps, 1 - eps)
    return np.log(x) - np.log1p(-x)


# --- Complex numbers --------------------------------------------------------------------------------------------------


def complex_(real: Any, imag: Any) -> Any:
    """Make complex numbers of their real and imaginary parts.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.complex(ft.tensor([1.0, 2.0]), ft.tensor([0.0, -1.0]))
    tensor([1.+0.j, 2.-1.j])
    """
    return real + 1j * imag


def polar(abs: Any, angle: Any) -> Any:
    """Make complex numbers of their absolute values and angles.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.polar(ft.tensor(2.0), 0.0)
    tensor(2.+0.j)
    """
    return abs * np.cos(angle) + 1j * (abs * np.sin(angle))


def view_as_real(x: Any) -> Any:
    """Return the real and the imaginary parts along a new last axis: a new array, not a view as in PyTorch.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.view_as_real(ft.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    return np.stack([np.real(x), np.imag(x)], -1)


def view_as_complex(x: Any) -> Any:
    """Make complex numbers of the pairs along the last axis: a new array, not a view as in PyTorch.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.view_as_complex(ft.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    x = as_array(x)
    if x.shape[-1:] != (2,):
        raise ValueError(
            f"view_as_complex at {user_line()}: the last axis must have length 2, for real and imaginary parts, in "
            f"shape {x.shape}"
        )
    return x[..., 0] + 1j * x[..., 1]


# --- Comparison -------------------------------------------------------------------------------------------------------


@method
def equal(x: Any, other: Any) -> Any:
    """Say whether two arrays have the same shape and the same elements; `eq` compares elementwise.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.equal(ft.ones(2), ft.ones(2)), ft.equal(ft.ones(2), ft.ones(3))
    (True, False)
    """
    return np.array_equal(x, other)


methods_of_functions(
    {
        # arithmetic
        "neg": np.negative,
        "multiply": np.multiply,
        "mul": np.multiply,
        "true_divide": div,
        "divide": div,
        "subtract": sub,
        "clip": np.clip,
        # trigonometric functions by their longer names
        "arctan2": np.arctan2,
        "atan2": np.arctan2,
        # parts and signs
        "sgn": np.sign,
        "fix": np.trunc,
        "angle": np.angle,
        "sinc": np.sinc,
        "conj_physical": np.conjugate,
        # comparison
        "eq": np.equal,
        "ne": np.not_equal,
        "lt": np.less,
        "le": np.less_equal,
        "gt": np.greater,
        "ge": np.greater_equal,
        "isclose": np.isclose,
        "allclose": np.allclose,
        "isposinf": np.isposinf,
        "isneginf": np.isneginf,
        "isreal": np.isreal,
    }
)
