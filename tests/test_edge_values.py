"""Elementwise functions at 0, infinity, NaN, the ends of their domains and of the floats, and on empty arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import product
from math import exp, inf, log, nan, pi, sqrt
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.samples.pointwise import ANALYTIC, BINARY, REAL

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

UNARY = [row[0] for row in (*ANALYTIC, *REAL)]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-200, -1e-200, 1e200, inf, -inf, nan]

# A function, a point, and its derivative there.
DERIVATIVES: list[tuple[Callable[..., Any], float, float]] = [
    (np.exp, -inf, 0.0),
    (np.exp, inf, inf),
    (np.exp2, -inf, 0.0),
    (np.expm1, 0.0, 1.0),
    (np.expm1, -40.0, exp(-40.0)),
    (np.expm1, -inf, 0.0),
    (np.log, 0.0, inf),
    (np.log, inf, 0.0),
    (np.log, 1e-300, 1e300),
    (np.log1p, 0.0, 1.0),
    (np.log1p, 1e-300, 1.0),
    (np.log1p, -1.0, inf),
    (np.sqrt, 0.0, inf),
    (np.sqrt, inf, 0.0),
    (np.sqrt, 1e-300, 0.5e150),
    (np.cbrt, 0.0, inf),
    (np.cbrt, -8.0, 1 / 12),
    (np.square, 0.0, 0.0),
    (np.reciprocal, inf, 0.0),
    (np.reciprocal, -inf, 0.0),
    (np.reciprocal, 0.0, -inf),
    (np.sin, 0.0, 1.0),
    (np.cos, 0.0, 0.0),
    (np.tan, 0.0, 1.0),
    (np.arcsin, 1.0, inf),
    (np.arccos, -1.0, -inf),
    (np.arctan, inf, 0.0),
    (np.arctan, 1e200, 0.0),
    (np.tanh, inf, 0.0),
    (np.tanh, 1000.0, 0.0),
    (np.cosh, 0.0, 0.0),
    (np.arcsinh, 1e200, 1e-200),
    (np.arcsinh, -inf, 0.0),
    (np.arccosh, 1.0, inf),
    (np.arccosh, 1e200, 1e-200),
    (np.arctanh, 1.0, inf),
    (np.arctanh, 0.0, 1.0),
    (np.sinc, 0.0, 0.0),
    (np.sinc, 1e-150, -(pi**2) / 3 * 1e-150),
    (np.sinc, 1.0, -1.0),
    (np.abs, inf, 1.0),
    (np.abs, -inf, -1.0),
    (np.abs, nan, nan),
    (np.abs, -0.0, 0.0),
    (lambda x: x**0, 0.0, 0.0),
    (lambda x: x**0, inf, 0.0),
    (lambda x: x**0.0, nan, 0.0),
    (lambda x: x**1, 0.0, 1.0),
    (lambda x: x**1, inf, 1.0),
    (lambda x: x**2, 0.0, 0.0),
    (lambda x: x**3, -2.0, 12.0),
    (lambda x: x**0.5, 0.0, inf),
    (lambda x: x**-1, inf, 0.0),
    (lambda x: x ** np.float64(0), 0.0, 0.0),
    (lambda x: x ** np.float64(2), 0.0, 0.0),
    (lambda x: 2.0**x, -inf, 0.0),
    (lambda x: 0.0**x, 2.0, 0.0),
    (lambda x: 1.0**x, 3.0, 0.0),
    (lambda x: 1.0 / x, inf, 0.0),
    (lambda x: np.modf(x)[0], 1.25, 1.0),
    (lambda x: np.frexp(x)[0], 0.0, 1.0),
    (lambda x: np.where(x > 0, x, nan), 1.0, 1.0),
    (lambda x: np.where(x > 0, nan, 2 * x), -1.0, 2.0),
]

# A function, two points, and its derivatives by the first and by the second argument there.
PARTIALS: list[tuple[Callable[..., Any], float, float, float, float]] = [
    (np.power, 0.0, 0.0, 0.0, 0.0),
    (np.power, 0.0, 1.0, 1.0, 0.0),
    (np.power, 0.0, 2.0, 0.0, 0.0),
    (np.power, 0.0, 0.5, inf, 0.0),
    (np.power, 2.0, 0.0, 0.0, log(2.0)),
    (np.power, inf, 0.0, 0.0, inf),
    (operator.pow, 0.0, 0.0, 0.0, 0.0),
    (operator.pow, 0.0, 3.0, 0.0, 0.0),
    (np.float_power, 0.0, 0.0, 0.0, 0.0),
    (np.divide, 1.0, 0.0, inf, -inf),
    (np.divide, 1.0, 1e-200, 1e200, -inf),
    (np.divide, 1e-200, 1e-200, 1e200, -1e200),
    (np.divide, 0.0, 1e-200, 1e200, 0.0),
    (np.divide, 1.0, inf, 0.0, 0.0),
    (np.divide, 1e200, 1e200, 1e-200, -1e-200),
    (np.logaddexp, -inf, -inf, 0.5, 0.5),
    (np.logaddexp, inf, inf, 0.5, 0.5),
    (np.logaddexp, -inf, 0.0, 0.0, 1.0),
    (np.logaddexp, 0.0, -inf, 1.0, 0.0),
    (np.logaddexp, inf, -inf, 1.0, 0.0),
    (np.logaddexp, inf, 0.0, 1.0, 0.0),
    (np.logaddexp, 1000.0, -1000.0, 1.0, 0.0),
    (np.logaddexp, 1000.0, 1000.0, 0.5, 0.5),
    (np.logaddexp, 1e20, 1e20, 0.5, 0.5),
    (np.logaddexp, nan, 0.0, nan, nan),
    (np.logaddexp2, -inf, -inf, 0.5, 0.5),
    (np.logaddexp2, -inf, 3.0, 0.0, 1.0),
    (np.logaddexp2, 5000.0, 5000.0, 0.5, 0.5),
    (np.hypot, 1e200, 1e200, sqrt(0.5), sqrt(0.5)),
    (np.hypot, 1e-200, 1e-200, sqrt(0.5), sqrt(0.5)),
    (np.hypot, 0.0, 1e-300, 0.0, 1.0),
    (np.arctan2, 1e-200, 1e-200, 0.5e200, -0.5e200),
    (np.arctan2, 1e200, 1e200, 0.5e-200, -0.5e-200),
    (np.arctan2, 0.0, -1.0, -1.0, 0.0),
    (np.arctan2, 0.0, 1.0, 1.0, 0.0),
    (np.arctan2, 1.0, 0.0, 0.0, -1.0),
    (np.maximum, inf, 1.0, 1.0, 0.0),
    (np.minimum, -inf, 1.0, 1.0, 0.0),
    (np.fmax, nan, nan, 1.0, 0.0),
    (np.multiply, 0.0, inf, inf, 0.0),
    (np.subtract, inf, 1.0, 1.0, -1.0),
    (np.copysign, 2.0, -0.0, -1.0, 0.0),
    (np.remainder, 5.0, inf, 1.0, 0.0),
]


def _row_id(row: tuple[Any, ...]) -> str:
    return f"{row[0].__name__}-{'-'.join(map(str, row[1:-1]))}"


def assert_equal(actual: Any, expected: Any, what: str) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-15, atol=0, err_msg=what)


@pytest.mark.parametrize(("function", "x", "expected"), DERIVATIVES, ids=map(_row_id, DERIVATIVES))
def test_derivative_at_an_edge(function: Callable[..., Any], x: float, expected: float) -> None:
    for value in (x, np.float64(x), np.array(x)):
        assert_equal(ft.grad(function)(value), expected, "reverse mode")
        assert_equal(ft.jvp(function, (value,), (1.0,))[1], expected, "forward mode")
    assert_equal(ft.vmap(ft.grad(function))(np.array([x, x])), [expected, expected], "vmap")


@pytest.mark.parametrize(("function", "x", "y", "by_x", "by_y"), PARTIALS, ids=map(_row_id, PARTIALS))
def test_partials_at_an_edge(function: Callable[..., Any], x: float, y: float, by_x: float, by_y: float) -> None:
    for a, b in ((np.float64(x), np.float64(y)), (np.array(x), np.array(y)), (np.float64(x), y)):
        assert_equal(ft.grad(function, (0, 1))(a, b), (by_x, by_y), "reverse mode")
        # One argument at a time: 0 * inf of the other would be NaN.
        assert_equal(ft.jvp(lambda x, b=b: function(x, b), (a,), (1.0,))[1], by_x, "forward mode")
        assert_equal(ft.jvp(lambda y, a=a: function(a, y), (b,), (1.0,))[1], by_y, "forward mode")
        assert_equal(ft.grad(lambda x, b=b: function(x, b))(a), by_x, "reverse mode, alone")
        assert_equal(ft.grad(lambda y, a=a: function(a, y))(b), by_y, "reverse mode, alone")


@pytest.mark.parametrize("function", UNARY)
def test_forward_and_reverse_agree_at_special_values(function: Callable[..., Any]) -> None:
    x = np.array(SPECIAL)
    value, tangent = ft.jvp(function, (x,), (np.ones_like(x),))
    np.testing.assert_array_equal(value, function(x))
    value, pull = ft.vjp(function, x)
    np.testing.assert_array_equal(value, function(x))
    np.testing.assert_array_equal(pull(np.ones_like(value))[0], tangent)


@pytest.mark.parametrize("function", [row[0] for row in BINARY])
def test_forward_and_reverse_agree_at_special_pairs(function: Callable[..., Any]) -> None:
    x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
    for f, point in ((lambda x: function(x, y), x), (lambda y: function(x, y), y)):
        value, tangent = ft.jvp(f, (point,), (np.ones_like(point),))
        np.testing.assert_array_equal(value, function(x, y))
        value, pull = ft.vjp(f, point)
        np.testing.assert_array_equal(value, function(x, y))
        np.testing.assert_array_equal(pull(np.ones_like(value))[0], tangent)


@pytest.mark.parametrize("function", UNARY)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 1)])
def test_empty_arrays(function: Callable[..., Any], shape: tuple[int, ...]) -> None:
    x = np.empty(shape, np.float32)
    value, tangent = ft.jvp(function, (x,), (x,))
    (g,) = ft.vjp(function, x)[1](value)
    assert value.shape == tangent.shape == g.shape == shape
    assert g.dtype == np.float32
    assert ft.grad(lambda x: np.sum(function(x)))(x).shape == shape


@pytest.mark.parametrize("function", [row[0] for row in BINARY])
def test_empty_arrays_broadcast(function: Callable[..., Any]) -> None:
    x, y = np.empty((0, 3)), np.ones(3)
    value, pull = ft.vjp(function, x, y)
    g, h = pull(value)
    assert value.shape == g.shape == (0, 3)
    np.testing.assert_array_equal(h, np.zeros(3))


@pytest.mark.parametrize("function", UNARY)
@pytest.mark.parametrize("make", [float, np.float64, np.float32, np.array, lambda x: np.array(x, np.float32)])
def test_derivatives_of_scalars_have_their_kind(function: Callable[..., Any], make: Callable[[float], Any]) -> None:
    x = make(0.6 if function is not np.arccosh else 1.6)
    (g,) = ft.vjp(function, x)[1](np.asarray(function(x)) * 0 + 1)
    value, tangent = ft.jvp(function, (x,), (make(1.0),))
    assert np.shape(value) == np.shape(tangent) == np.shape(g) == ()
    if hasattr(x, "dtype"):
        assert g.dtype == x.dtype
        assert np.asarray(tangent).dtype == np.asarray(value).dtype == np.asarray(function(x)).dtype


# --- Higher orders ----------------------------------------------------------------------------------------------------


def derivatives(function: Callable[..., Any], x: Any, order: int) -> dict[str, float]:
    """Return the derivative of an order by the modes, each nested in itself, and mixed."""
    by = {"forward": function, "reverse": function, "mixed": function}
    forward = lambda f: lambda x: ft.jvp(f, (x,), (1.0,))[1]
    for i in range(order):
        by = {
            "forward": forward(by["forward"]),
            "reverse": ft.grad(by["reverse"]),
            "mixed": forward(by["mixed"]) if i % 2 else ft.grad(by["mixed"]),
        }
    return {mode: float(f(x)) for mode, f in by.items()}


@pytest.mark.parametrize(
    ("order", "expected"), [(1, 0.0), (2, -(pi**2) / 3), (3, 0.0), (4, pi**4 / 5), (5, 0.0), (6, -(pi**6) / 7)]
)
def test_sinc_at_zero_to_every_order(order: int, expected: float) -> None:
    for mode, found in derivatives(np.sinc, 0.0, order).items():
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13, err_msg=mode)


def test_sinc_is_smooth_where_its_series_ends() -> None:
    for order in (1, 2, 3):
        below, above = (derivatives(np.sinc, x, order)["mixed"] for x in (0.25 - 1e-12, 0.25 + 1e-12))
        np.testing.assert_allclose(below, above, rtol=1e-9)


@pytest.mark.parametrize(
    ("function", "x", "second"),
    [
        (lambda x: x**2, 0.0, 2.0),
        (lambda x: x**3, 0.0, 0.0),
        (lambda x: x**1, 0.0, 0.0),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x * x, 0.0, 2.0),
        (np.square, 0.0, 2.0),
        (lambda x: x ** np.float64(2.0), 0.0, 2.0),
        (lambda x: x ** np.float64(3.0), 0.0, 0.0),
        (np.cosh, 0.0, 1.0),
        (np.expm1, -40.0, exp(-40.0)),
        (np.log, 0.0, -inf),
        (np.log2, 0.0, -inf),
        (np.log10, 0.0, -inf),
        (np.log1p, -1.0, -inf),
        (np.arcsin, 1.0, inf),
        (np.arcsin, -1.0, -inf),
        (np.arccos, 1.0, -inf),
        (np.arccos, -1.0, inf),
        (np.arccosh, 1.0, -inf),
        (np.arctanh, 1.0, inf),
        (np.arctanh, -1.0, -inf),
        (lambda x: np.divide(1.0, x), inf, 0.0),
        (lambda x: np.logaddexp(x, 0.0), 0.0, 0.25),
        (lambda x: np.logaddexp(x, 0.0), 1000.0, 0.0),
        (lambda x: np.logaddexp(x, -inf), 3.0, 0.0),
        (lambda x: np.logaddexp2(x, 0.0), 0.0, log(2.0) / 4),
        (np.abs, 0.0, 0.0),
        (lambda x: np.abs(x) ** 3, -2.0, 12.0),
        (lambda x: np.hypot(x, 0.0), 2.0, 0.0),
        (lambda x: np.hypot(x, 0.0), 0.0, 0.0),
        (lambda x: np.where(x > 0, x * x, nan * x), 3.0, 2.0),
    ],
)
def test_second_derivative_at_an_edge(function: Callable[..., Any], x: float, second: float) -> None:
    for mode, found in derivatives(function, x, 2).items():
        np.testing.assert_allclose(found, second, rtol=1e-14, atol=0, err_msg=mode)


@pytest.mark.parametrize("function", [lambda v: np.hypot(v[0], v[1]), np.std, lambda v: np.std(v, where=True)])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_the_hessian_at_a_kink_of_a_norm_is_zero(function: Callable[..., Any], value: float) -> None:
    x = np.full(2, value)
    if not function(x):
        for hessian in (ft.hessian, lambda f: ft.jacrev(ft.jacrev(f)), lambda f: ft.jacfwd(ft.jacfwd(f))):
            np.testing.assert_array_equal(hessian(function)(x), np.zeros((2, 2)))


def test_mixed_derivative_of_a_power_where_the_exponent_is_zero() -> None:
    x, y = np.float64(2.0), np.float64(0.0)
    for found in (
        ft.grad(lambda y: ft.grad(np.power)(x, y))(y),
        ft.grad(lambda x: ft.grad(np.power, 1)(x, y))(x),
        ft.jvp(lambda y: ft.grad(np.power)(x, y), (y,), (1.0,))[1],
    ):
        assert_equal(found, 0.5, "d/dy (y x^(y-1)) = 1/x")


def test_derivatives_of_complex_sign_and_absolute_value() -> None:
    z, t = 3.0 + 4.0j, 1.0 - 2.0j
    turn = (t - z / 5 * (np.conj(z / 5) * t).real) / 5
    np.testing.assert_allclose(ft.jvp(np.sign, (z,), (t,))[1], turn, rtol=1e-14)
    gradient, change = ft.jvp(ft.grad(np.abs), (z,), (t,))
    np.testing.assert_allclose(gradient, np.conj(z) / 5, rtol=1e-14)
    np.testing.assert_allclose(change, np.conj(turn), rtol=1e-14)
    np.testing.assert_array_equal(ft.jvp(np.sign, (np.array([0j, 1 + 0j]),), (np.array([1j, 1.0]),))[1], [0, 0])


# --- Complex numbers on the cuts of inverse functions, and far away ---------------------------------------------------


@pytest.mark.parametrize("function", [np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh])
def test_on_a_cut_the_derivative_is_that_of_the_side_which_numpy_takes(function: Callable[..., Any]) -> None:
    step = 1e-6
    for size, along, zero in product((2.0, -2.0, 0.3), ("real", "imag"), (0.0, -0.0)):
        point = lambda a, along=along, zero=zero: complex(a, zero) if along == "real" else complex(zero, a)
        z, t = point(size), 1.0 if along == "real" else 1j
        expected = (function(point(size + step)) - function(point(size - step))) / (2 * step)
        for value in (z, np.complex128(z), np.array([z])):
            tangent = np.full_like(value, t) if np.ndim(value) else t
            np.testing.assert_allclose(ft.jvp(function, (value,), (tangent,))[1], expected, rtol=1e-8, atol=1e-10)
            _, pull = ft.vjp(function, value)
            np.testing.assert_allclose(pull(tangent)[0], expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("size", [1e20, 1e160, 1e200])
def test_derivatives_of_inverse_functions_far_away(size: float) -> None:
    z = complex(size, size)
    quotient = 0.5 / size - 0.5j / size  # 1 / z, whose square is that of 1 / z² up to rounding
    for function, expected in (
        (np.arcsin, 1j * quotient),
        (np.arccos, -1j * quotient),
        (np.arcsinh, quotient),
        (np.arccosh, quotient),
        (np.arctan, quotient * quotient),
        (np.arctanh, -quotient * quotient),
    ):
        found = ft.jvp(function, (z,), (1.0 + 0j,))[1]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300, err_msg=function.__name__)


# --- Exponents that are short integers --------------------------------------------------------------------------------

INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32]


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("x", [20.0, np.float32(20.0), np.array([20.0])])
def test_powers_with_short_integers_as_exponents(dtype: Any, x: Any) -> None:
    y = np.array([0, 1, 2, np.iinfo(dtype).min], dtype)
    expected = y.astype(float) * 20.0 ** (y.astype(float) - 1)
    for f in (lambda x: x**y, lambda x: np.power(x, y)):
        np.testing.assert_allclose(ft.jvp(f, (x,), (np.ones_like(x),))[1], expected, rtol=1e-6, atol=1e-38)
        np.testing.assert_allclose(ft.vjp(f, x)[1](np.ones_like(f(x)))[0], np.sum(expected), rtol=1e-6)
    for k in y[:3]:
        np.testing.assert_allclose(ft.grad(lambda x, k=k: np.sum(np.ldexp(x, k)))(x), 2.0 ** float(k))
    assert ft.grad(lambda x: np.ldexp(x, dtype(20)))(1.0) == 2.0**20


# --- Interpolation between samples that are not finite ----------------------------------------------------------------


@pytest.mark.parametrize("heights", list(product([2.0, nan, inf, -inf], repeat=3)))
@pytest.mark.parametrize("knots", [[0.0, 1.0, 2.0], [0.0, 1.0, 1.0], [-inf, 0.0, inf]])
def test_interpolation_between_samples_that_are_not_finite_is_numpys(knots: list[float], heights: list[float]) -> None:
    x, xp, fp = np.array([-1.0, 0.0, 0.5, 1.0, 1.25, 2.0, 3.0, inf, -inf, nan]), np.array(knots), np.array(heights)
    expected = np.interp(x, xp, fp)
    np.testing.assert_array_equal(ft.vmap(lambda fp: np.interp(x, xp, fp))(fp[None])[0], expected)
    np.testing.assert_array_equal(ft.vmap(lambda x: np.interp(x, xp, fp))(x), expected)
    np.testing.assert_array_equal(ft.vjp(lambda x, fp: np.interp(x, xp, fp), x, fp)[0], expected)


@pytest.mark.parametrize("count", [1, 3])
def test_complex_interpolation_is_that_of_both_parts(count: int) -> None:
    x, xp = np.array([-1.0, 0.0, 0.5, 1.0, 1.25, 2.0, 3.0, inf, -inf, nan]), np.array([0.0, 1.0, 2.0][:count])
    values = [1.0 + 2.0j, complex(inf, 1.0), complex(1.0, -inf), complex(nan, 0.0), complex(-inf, inf)]
    for heights in product(values, repeat=count):
        fp = np.array(heights)
        with np.errstate(invalid="ignore"):
            expected = np.interp(x, xp, fp)
            found = ft.vjp(lambda x, fp: np.interp(x, xp, fp), x, fp)[0]
        np.testing.assert_array_equal(found.real, expected.real)
        np.testing.assert_array_equal(found.imag, expected.imag)


def test_the_slope_at_a_sample_is_that_of_the_piece_to_the_right() -> None:
    f = lambda x, fp: np.interp(x, np.array([0.0, 1.0, 2.0]), fp)
    for heights, slope in (([1.0, 3.0, inf], inf), ([nan, 3.0, 5.0], 2.0), ([1.0, 3.0, nan], nan)):
        for gradient in (ft.grad(f, 0), ft.jacfwd(f, 0)):
            np.testing.assert_array_equal(gradient(1.0, np.array(heights)), slope)
        np.testing.assert_array_equal(ft.jacfwd(f, 1)(1.0, np.array([nan, 3.0, 5.0])), [0.0, 1.0, 0.0])


# --- Polynomials without coefficients, and tables in their place ------------------------------------------------------


@pytest.mark.parametrize("shapes", [((0,), (2,)), ((2,), (0,)), ((0,), (0,))])
def test_the_product_with_no_coefficients_is_zero(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    p, q = map(np.ones, shapes)
    expected = np.polymul(p, q)
    for transform in (lambda f: ft.jvp(f, (p, q), (p, q)), lambda f: ft.vjp(f, p, q)):
        value, _ = transform(np.polymul)
        np.testing.assert_array_equal(value, expected)
    _, pull = ft.vjp(np.polymul, p, q)
    for gradient, x in zip(pull(np.ones_like(expected)), (p, q), strict=True):
        np.testing.assert_array_equal(gradient, np.zeros_like(x))


@pytest.mark.parametrize(
    "shapes",
    [((2, 2), (2,)), ((3, 1), (2,)), ((2,), (2, 2)), ((1, 3), (2,)), ((2, 3), (3,)), ((2, 2), (3,)), ((1,), (2, 3))],
)
def test_division_of_a_table_does_what_numpy_does(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    u, v = map(np.ones, shapes)
    try:
        expected = np.polydiv(u, v)
    except ValueError:
        with pytest.raises(ValueError, match=r"a polynomial is a 1-d array|broadcast"):
            ft.jvp(np.polydiv, (u, v), (u, v))
        return
    for ours, theirs in zip(ft.jvp(np.polydiv, (u, v), (u, v))[0], expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("p", "roots"),
    [
        ([1.0, -1.0, 0.0], [1.0, 0.0]),
        ([0.0, 1.0, -2.0], [2.0]),
        ([0.0, 2.0, -6.0, 4.0, 0.0], [2.0, 1.0, 0.0]),
        ([3.0, 0.0], [0.0]),
        ([0.0, 3.0, 0.0], [0.0]),
        ([0.0, 3.0], []),
        ([1j, 0j], [0j]),
        ([1.0, -1j, 0j], [1j, 0j]),
    ],
)
def test_roots_move_with_coefficients_that_are_zero(p: list[complex], roots: list[complex]) -> None:
    """By the implicit function theorem dr / dp[k] = -r^(n-k) / p'(r), for all coefficients."""
    x, r = np.array(p), np.array(roots)
    expected = np.array([-(z ** np.arange(len(p) - 1.0, -1, -1)) / np.polyval(np.polyder(x), z) for z in r])
    np.testing.assert_allclose(ft.vjp(np.roots, x)[0], r, atol=1e-15)
    for jacobian in (ft.jacfwd, ft.jacrev):
        found = jacobian(np.roots, holomorphic=x.dtype.kind == "c")(x)
        np.testing.assert_allclose(found, expected.reshape(len(r), len(p)), rtol=1e-14, atol=1e-14)
    if p[0]:  # under jit nothing is known to be zero, and roots may stand in another order
        total = lambda x: np.sum(np.roots(x) ** 3).real
        np.testing.assert_allclose(ft.grad(total)(x), ft.jit(ft.grad(total))(x), rtol=1e-14, atol=1e-14)


# --- Python's numbers, whose own division raises ----------------------------------------------------------------------


def test_quotients_of_pythons_numbers_are_numpys() -> None:
    assert ft.grad(np.divide, argnums=(0, 1))(1.0, 0.0) == (inf, -inf)
    assert ft.jvp(lambda y: np.divide(1.0, y), (0.0,), (1.0,)) == (inf, -inf)


def test_the_second_derivatives_of_hypot_are_no_differences() -> None:
    hessian = ft.hessian(lambda v: np.hypot(v[0], v[1]))(np.array([1e8, 3.0]))
    np.testing.assert_allclose(hessian, [[9e-24, -3e-16], [-3e-16, 1e-8]], rtol=1e-14)


# --- Operands of short numbers and truth values -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint64, np.int8, bool, np.float16, np.float32])
@pytest.mark.parametrize(
    "function",
    [np.add, np.subtract, np.multiply, np.divide, np.arctan2, np.hypot, np.power, np.maximum, np.fmod, np.logaddexp],
)
def test_derivatives_do_not_compute_in_the_short_dtype_of_an_operand(function: Any, dtype: Any) -> None:
    """Minus an unsigned 3 is 253, an int8 of -128 itself; minus a truth value is refused; 1/3 has few digits."""
    extreme = np.iinfo(dtype).min if dtype is np.int8 else 1
    constant, x = np.array([3, extreme, 1], dtype), np.array([0.25, 0.75, 1.5])
    calls = [lambda x, c: np.sum(function(x, c))]
    if extreme > 0 or function is not np.power:  # a power of a negative number has no derivative by the exponent
        calls.append(lambda x, c: np.sum(function(c, x)))
    for f, derivative in product(calls, (ft.grad, ft.jacfwd, ft.hessian)):
        found, expected = (derivative(f)(x, c) for c in (constant, constant.astype(float)))
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def _by_tensor(f: Any) -> Any:
    def gradient(x: Any, *others: Any) -> Any:
        x = ft.tensor(x, requires_grad=True)
        f(x, *others).backward()
        return x.grad.numpy()

    return gradient


@pytest.mark.parametrize("derivative", [ft.grad, ft.jacfwd, ft.hessian, lambda f: ft.jit(ft.grad(f)), _by_tensor])
def test_a_short_divisor_leaves_the_quotient_its_digits(derivative: Any) -> None:
    x, c = np.array([1.0, 2.0, 3.0]), np.array([3.0, 7.0, 11.0], np.float32)
    found, expected = (derivative(lambda x, d: np.sum((x / d) ** 2))(x, d) for d in (c, c.astype(float)))
    np.testing.assert_allclose(found, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("exponent", "function"), [(2, np.square), (0.5, np.sqrt), (-1, np.reciprocal), (2.0, np.square)]
)
def test_simple_powers_are_computed_as_numpy_computes_them(exponent: float, function: Any) -> None:
    x = np.array([0.25, 0.75, 1.5])
    np.testing.assert_array_equal(ft.vjp(lambda x: x**exponent, x)[0], x**exponent)
    for derivative in (ft.jacrev, ft.jacfwd):
        power, direct = (derivative(f)(x) for f in (lambda x: x**exponent, function))
        np.testing.assert_array_equal(power, direct)
    with np.errstate(divide="ignore"):
        assert ft.grad(lambda x: (x**0.5).sum())(np.zeros(1)) == inf
