"""Samples of the elementwise functions: ufuncs, Python's operators, complex parts, and what is composed of them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.pointwise import of_parts
from tests.samples.sample import Sample, random

# The differentiable ufuncs of one argument, with an interval within their domain and away from their kinks.
ANALYTIC: list[tuple[Callable[..., Any], float, float]] = [
    (np.negative, -1, 1),
    (np.positive, -1, 1),
    (np.square, -2, 2),
    (np.sqrt, 0.2, 3),
    (np.reciprocal, 0.5, 2),
    (np.exp, -2, 2),
    (np.exp2, -2, 2),
    (np.expm1, -2, 2),
    (np.log, 0.2, 3),
    (np.log2, 0.2, 3),
    (np.log10, 0.2, 3),
    (np.log1p, -0.5, 2),
    (np.sin, -2, 2),
    (np.cos, -2, 2),
    (np.tan, -1, 1),
    (np.arcsin, -0.8, 0.8),
    (np.arccos, -0.8, 0.8),
    (np.arctan, -2, 2),
    (np.sinh, -2, 2),
    (np.cosh, -2, 2),
    (np.tanh, -2, 2),
    (np.arcsinh, -2, 2),
    (np.arccosh, 1.3, 3),
    (np.arctanh, -0.8, 0.8),
    (np.absolute, -2, 2),
    (np.sign, -2, 2),
    (np.conjugate, -1, 1),
    (np.sinc, -2, 2),
    (np.real, -1, 1),
    (np.imag, -1, 1),
    (np.angle, 0.2, 1),
]
REAL: list[tuple[Callable[..., Any], float, float]] = [
    (np.cbrt, 0.2, 3),
    (np.fabs, -2, 2),
    (np.degrees, -2, 2),
    (np.rad2deg, -2, 2),
    (np.radians, -2, 2),
    (np.deg2rad, -2, 2),
]

# The differentiable ufuncs of two arguments, with an interval for each; the second flag: also for complex numbers.
BINARY: list[tuple[Callable[..., Any], tuple[float, float], tuple[float, float], bool]] = [
    (np.add, (-1, 1), (-1, 1), True),
    (np.subtract, (-1, 1), (-1, 1), True),
    (np.multiply, (-1, 1), (-1, 1), True),
    (np.divide, (-1, 1), (0.5, 2), True),
    (np.power, (0.5, 2), (-2, 2), True),
    (np.float_power, (0.5, 2), (-2, 2), True),
    (np.remainder, (2.1, 2.4), (0.9, 1.0), False),
    (np.fmod, (-2.4, -2.1), (0.9, 1.0), False),
    (np.logaddexp, (-2, 2), (-2, 2), False),
    (np.logaddexp2, (-2, 2), (-2, 2), False),
    (np.arctan2, (-1, 1), (0.3, 1), False),
    (np.hypot, (-1, 1), (0.3, 1), False),
    (np.copysign, (-1, 1), (-1, 1), False),
    (np.heaviside, (-1, 1), (0, 1), False),
    (np.maximum, (-1, 1), (-1, 1), False),
    (np.minimum, (-1, 1), (-1, 1), False),
    (np.fmax, (-1, 1), (-1, 1), False),
    (np.fmin, (-1, 1), (-1, 1), False),
]

SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((3,), (3,)),
    ((3,), (2, 1, 3)),
    ((2, 1, 1), (1, 2)),
    ((), (3,)),
    ((3,), ()),
]

OPERATORS: list[tuple[str, Callable[..., Any], tuple[tuple[float, float], ...], bool]] = [
    ("-x", operator.neg, ((-1, 1),), True),
    ("+x", operator.pos, ((-1, 1),), True),
    ("abs(x)", abs, ((-1, 1),), True),
    ("x + y", operator.add, ((-1, 1), (-1, 1)), True),
    ("x - y", operator.sub, ((-1, 1), (-1, 1)), True),
    ("x * y", operator.mul, ((-1, 1), (-1, 1)), True),
    ("x / y", operator.truediv, ((-1, 1), (0.5, 2)), True),
    ("x ** y", operator.pow, ((0.5, 2), (-2, 2)), True),
    ("x % y", operator.mod, ((2.1, 2.4), (0.9, 1.0)), False),
    ("x // y", operator.floordiv, ((2.1, 2.4), (0.9, 1.0)), False),
    ("x + 2", lambda x: x + 2, ((-1, 1),), True),
    ("2 + x", lambda x: 2 + x, ((-1, 1),), True),
    ("x - 2.5", lambda x: x - 2.5, ((-1, 1),), True),
    ("2.5 - x", lambda x: 2.5 - x, ((-1, 1),), True),
    ("x * 3", lambda x: x * 3, ((-1, 1),), True),
    ("3.0 * x", lambda x: 3.0 * x, ((-1, 1),), True),
    ("x / 4", lambda x: x / 4, ((-1, 1),), True),
    ("4 / x", lambda x: 4 / x, ((0.5, 2),), True),
    ("x ** 0", lambda x: x**0, ((0.5, 2),), True),
    ("x ** 1", lambda x: x**1, ((-1, 1),), True),
    ("x ** 2", lambda x: x**2, ((-1, 1),), True),
    ("x ** 3", lambda x: x**3, ((-1, 1),), True),
    ("x ** -1", lambda x: x**-1, ((0.5, 2),), True),
    ("x ** 0.5", lambda x: x**0.5, ((0.5, 2),), True),
    ("x ** 2.5", lambda x: x**2.5, ((0.5, 2),), True),
    ("2.0 ** x", lambda x: 2.0**x, ((-1, 1),), True),
    ("2 ** x", lambda x: 2**x, ((-1, 1),), True),
    ("x % 0.7", lambda x: x % 0.7, ((0.8, 1.3),), False),
    ("2.0 % x", lambda x: 2.0 % x, ((0.7, 0.95),), False),
    ("divmod", lambda x, y: divmod(x, y), ((2.1, 2.4), (0.9, 1.0)), False),
    ("x.real", lambda x: x.real * x, ((-1, 1),), True),
    ("x.imag", lambda x: x.imag + x, ((-1, 1),), True),
    ("x.conjugate()", lambda x: x.conjugate() * x, ((-1, 1),), True),
    ("x + x * x", lambda x: x + x * x, ((-1, 1),), True),
]

_LEFT = np.array([0.6, 1.1, 1.7])


def _name(function: Callable[..., Any]) -> str:
    return function.__name__


def _unary() -> list[Sample]:
    samples = []
    for table, is_complex in ((ANALYTIC, True), (REAL, False)):
        for function, low, high in table:
            name = _name(function)
            samples.append(Sample(name, function, (random(2, 3, low=low, high=high),), complex=is_complex))
            samples.append(Sample(f"{name} of a scalar", function, (float(random(low=low, high=high)),)))
            samples.append(Sample(f"{name} 0-d", function, (np.array(random(seed=1, low=low, high=high)),)))
    return samples


def _binary() -> list[Sample]:
    samples = []
    for function, (low, high), (other_low, other_high), is_complex in BINARY:
        name = _name(function)
        float32 = function is not np.float_power  # which computes in double precision at least
        for shape, other_shape in SHAPES:
            x = np.asarray(random(*shape, low=low, high=high))
            y = np.asarray(random(*other_shape, seed=1, low=other_low, high=other_high))
            samples.append(
                Sample(f"{name} {shape} {other_shape}", function, (x, y), complex=is_complex, float32=float32)
            )
        x, y = random(3, low=low, high=high), random(3, seed=1, low=other_low, high=other_high)
        left, right = float(x[0]), float(y[0])
        if function is not np.heaviside:  # constant in x but for the jump
            samples.append(
                Sample(
                    f"{name} scalar right", lambda x, f=function, c=right: f(x, c), (x,), is_complex, float32=float32
                )
            )
        if function is not np.copysign:
            samples.append(
                Sample(f"{name} scalar left", lambda y, f=function, c=left: f(c, y), (y,), is_complex, float32=float32)
            )
        samples.append(Sample(f"{name} of scalars", function, (left, right)))
        samples.append(
            Sample(f"{name} x x", lambda x, f=function: f(x, 1.0 * x + 0.1), (x,), is_complex, float32=float32)
        )
    return samples


def _operators() -> list[Sample]:
    samples = []
    for name, function, intervals, is_complex in OPERATORS:
        args = tuple(random(2, 3, seed=i, low=low, high=high) for i, (low, high) in enumerate(intervals))
        samples.append(Sample(name, function, args, complex=is_complex))
        scalars = tuple(float(a[0, 0]) for a in args)
        samples.append(Sample(f"{name} of scalars", function, scalars))
    return samples


def _accumulated(x: Any, y: Any) -> Any:
    total = np.zeros((2, 3))
    total += x
    total *= y
    total -= 2.0
    total /= y
    return total


SAMPLES: list[Sample] = [
    *_unary(),
    *_binary(),
    *_operators(),
    Sample("ldexp", lambda x: np.ldexp(x, np.array([1, -2, 3])), (random(3),)),
    Sample("frexp", lambda x: np.frexp(x)[0], (random(3, low=0.5, high=3),)),
    Sample("modf", np.modf, (random(3, low=1.1, high=1.8),)),
    Sample("modf negative", np.modf, (random(3, low=-1.8, high=-1.1) - 0.1,)),
    Sample("divmod ufunc", np.divmod, (random(3, low=2.1, high=2.4), random(3, low=0.9, high=1.0))),
    Sample("nextafter", lambda x: np.nextafter(x, 2.0), (random(3),)),
    Sample(
        "float_power constant base", lambda y: np.float_power(_LEFT, y), (random(2, 3),), complex=True, float32=False
    ),
    Sample("power array exponent", lambda x: x ** np.array([0.0, 1.0, 2.0]), (random(2, 3),), float32=False),
    Sample("power integer exponent", lambda x: x ** np.array([0, 1, 3]), (random(2, 3),), float32=False),
    Sample("power integer base", lambda y: np.array([1, 2, 3]) ** y, (random(2, 3),), float32=False),
    Sample("square of negative", lambda x: (x - 5.0) ** 2.0, (random(3),)),
    Sample("angle in degrees", lambda x: np.angle(x, deg=True), (random(3, low=0.2, high=1),), complex=True),
    Sample("angle of parts", lambda x, y: np.angle(x + 1j * y), (random(3), random(3, seed=1))),
    Sample("complex from parts", lambda x, y: x + 1j * y, (random(3), random(3, seed=1))),
    Sample("complex of its parts", lambda x, y: of_parts(x, y) * (1 + 2j), (random(3), random(2, 3, seed=1))),
    Sample("real of product", lambda x, y: np.real((x + 1j * y) * (1 + 2j)), (random(3), random(3, seed=1))),
    Sample("imag of exp", lambda x, y: np.imag(np.exp(x + 1j * y)), (random(3), random(3, seed=1))),
    Sample("real power of a complex base", lambda y: (1.0 + 2.0j) ** y, (random(3),)),
    Sample("complex power of a real base", lambda x: x ** (1.0 + 2.0j), (random(3, low=0.5, high=2),)),
    Sample("complex power of a negative base", lambda y: (-2.0) ** (y + 0.5j), (random(3),)),
    Sample("in place on a name", _accumulated, (random(2, 3), random(3, seed=1, low=0.5, high=2)), float32=False),
    Sample("methods", lambda x: (-x).clip(-5, 5) + x.conj(), (random(2, 3),)),
    Sample("comparison as a mask", lambda x: (x > 0) * x + (x <= 0.1) * np.sin(x), (random(2, 3),)),
    Sample("sinc far and near", lambda x: np.sinc(x), (np.array([1e-3, 0.2, 0.26, 1.7, -3.3]),), complex=True),
    Sample("expm1 far below", lambda x: np.expm1(x), (np.array([-40.0, -1e-10, 1.0]),)),
]
