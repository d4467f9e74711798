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
    """Return ``x + alpha * other``."""
    return np.add(x, other if alpha == 1 else alpha * other)


@method
def sub(x: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Return ``x - alpha * other``."""
    return np.subtract(x, other if alpha == 1 else alpha * other)


@method
def div(x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """Divide; ``rounding_mode`` is None, ``"trunc"`` (towards zero) or ``"floor"``; a rounded quotient is constant."""
    if rounding_mode is None:
        return np.divide(x, other)
    if rounding_mode == "floor":
        return np.floor_divide(x, other)
    if rounding_mode == "trunc":
        return np.trunc(np.divide(x, other)).astype(np.result_type(x, other))
    raise ValueError(f"div: rounding_mode must be None, 'trunc' or 'floor', not {rounding_mode!r}")


@method
def pow_(x: Any, exponent: Any) -> Any:
    """Raise to a power; either may be a number."""
    return x**exponent if hasattr(x, "dtype") else np.power(x, exponent)


@method
def reciprocal(x: Any) -> Any:
    """Return ``1 / x``, a fraction for integers too."""
    return np.divide(1, x)


@method
def rsqrt(x: Any) -> Any:
    """Return ``1 / sqrt(x)``."""
    return np.divide(1, np.sqrt(x))


@method
def lerp(x: Any, end: Any, weight: Any) -> Any:
    """Go from ``x`` towards ``end`` by a fraction ``weight`` of the way."""
    return x + weight * (end - x)


@method
def addcmul(x: Any, first: Any, second: Any, *, value: Any = 1) -> Any:
    """Return ``x + value * first * second``."""
    return x + value * first * second


@method
def addcdiv(x: Any, first: Any, second: Any, *, value: Any = 1) -> Any:
    """Return ``x + value * first / second``."""
    return x + value * (first / second)


# --- Limits and parts -------------------------------------------------------------------------------------------------


@method
def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    """Keep within bounds, either of which may be an array or missing. At a bound the derivative is 1."""
    if min is None and max is None:
        raise ValueError("clamp: give min, max or both")
    return np.clip(x, min, max)


@method
def clamp_min(x: Any, min: Any) -> Any:
    """Keep from falling below a bound."""
    return np.clip(x, min, None)


@method
def clamp_max(x: Any, max: Any) -> Any:
    """Keep from rising above a bound."""
    return np.clip(x, None, max)


@method
def frac(x: Any) -> Any:
    """Return what is behind the point, with the sign of ``x``."""
    return x - np.trunc(x)


@method
def nan_to_num(x: Any, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Replace NaN and the infinities, by zero and the dtype's extremes unless told otherwise."""
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


# --- Logarithms that meet zero ----------------------------------------------------------------------------------------


@method
def xlogy(x: Any, y: Any) -> Any:
    """Return ``x * log(y)``, which is 0 where ``x`` is 0 and ``y`` is not NaN."""
    return x * np.log(np.where((x == 0) & ((y <= 0) | np.isinf(y)), 1, y))


@method
def logit(x: Any, eps: float | None = None) -> Any:
    """Return ``log(x / (1 - x))``, with ``x`` kept in ``[eps, 1 - eps]`` if ``eps`` is given."""
    x = x if eps is None else np.clip(x, eps, 1 - eps)
    return np.log(x) - np.log1p(-x)


# --- Complex numbers --------------------------------------------------------------------------------------------------


def complex_(real: Any, imag: Any) -> Any:
    """Make complex numbers of their real and imaginary parts."""
    return real + 1j * imag


def polar(abs: Any, angle: Any) -> Any:
    """Make complex numbers of their absolute values and angles."""
    return abs * np.cos(angle) + 1j * (abs * np.sin(angle))


def view_as_real(x: Any) -> Any:
    """Return the real and the imaginary parts along a new last axis."""
    return np.stack([np.real(x), np.imag(x)], -1)


def view_as_complex(x: Any) -> Any:
    """Make complex numbers of pairs along the last axis."""
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
    """Say whether two arrays have the same shape and the same elements; `eq` compares elementwise."""
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
