"""Splines and other piecewise polynomials: SciPy's values, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.interpolate

import functorch_lite as ft
from functorch_lite.scipy import interpolate

RNG = np.random.default_rng(0)
EXTRAPOLATE = (None, True, False, "periodic")


def values(n: int) -> list[tuple[Any, int]]:
    """Return values at n points, with the axis of the points."""
    return [(RNG.normal(size=n), 0), (RNG.normal(size=(n, 2)), 0), (RNG.normal(size=(2, n, 3)), 1)]


def points(n: int) -> tuple[Any, Any]:
    """Return n points, and positions at them, between, and beyond."""
    x = np.cumsum(RNG.uniform(0.2, 1.0, n))
    return x, np.concatenate([RNG.uniform(x[0] - 1, x[-1] + 1, 11), [np.nan], x])[: (n + 12) // 2 * 2].reshape(2, -1)


def assert_same(ours: Any, theirs: Any, x: Any, at: Any, degree: int = 3, k: Any = EXTRAPOLATE) -> None:
    for extrapolate in k:
        for nu in range(degree + 1):
            expected = theirs(at, nu, extrapolate)
            scale = np.nanmax(np.abs(expected), initial=1.0)
            np.testing.assert_allclose(ours(at, nu, extrapolate), expected, rtol=0, atol=1e-11 * scale, strict=True)
    if degree > 1:
        np.testing.assert_allclose(ours.derivative(2)(at), theirs.derivative(2)(at), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.antiderivative(2)(at), theirs.antiderivative(2)(at), rtol=1e-11, atol=1e-11)
    for extrapolate in (True, "periodic"):
        limits = (x[0] - 0.7, x[-1] + 9.3, extrapolate)
        np.testing.assert_allclose(ours.integrate(*limits), theirs.integrate(*limits), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("bc", ["not-a-knot", "natural", "clamped", ("clamped", "not-a-knot"), "values", "periodic"])
def test_cubic_splines_are_scipys(bc: Any, n: int) -> None:
    for y, axis in values(n):
        x, at = points(n)
        if bc == "periodic":
            y = np.swapaxes(y, 0, axis)
            y[-1] = y[0]
            y = np.swapaxes(y, 0, axis)
        shape = tuple(np.delete(y.shape, axis))
        condition = ((1, np.ones(shape)), (2, RNG.normal(size=shape))) if bc == "values" else bc
        ours, theirs = (m.CubicSpline(x, y, axis, condition) for m in (interpolate, scipy.interpolate))
        assert_same(ours, theirs, x, at, k=(None,) if axis and bc == "periodic" else EXTRAPOLATE)


@pytest.mark.parametrize("n", [2, 3, 4, 8])
@pytest.mark.parametrize("name", ["PchipInterpolator", "Akima1DInterpolator", "makima", "CubicHermiteSpline"])
def test_interpolators_with_slopes_of_neighbours_are_scipys(name: str, n: int) -> None:
    for y, axis in values(n):
        x, at = points(n)
        for z in (y, np.round(y)):  # with flat parts
            if name == "makima":
                make = lambda m, z=z, x=x, axis=axis: m.Akima1DInterpolator(x, z, axis, method="makima")
            elif name == "CubicHermiteSpline":
                make = lambda m, z=z, x=x, axis=axis: m.CubicHermiteSpline(x, z, z**2, axis)
            else:
                make = lambda m, z=z, x=x, axis=axis: getattr(m, name)(x, z, axis)
            assert_same(make(interpolate), make(scipy.interpolate), x, at)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_splines_of_any_degree_are_scipys(k: int) -> None:
    for y, axis in values(8):
        x, at = points(8)
        shape = tuple(np.delete(y.shape, axis))
        conditions: list[Any] = [None]
        if k == 3:
            conditions += ["natural", "clamped", ([(1, RNG.normal(size=shape))], "natural")]
        if k == 5:
            conditions += [[[(1, np.ones(shape)), (2, np.zeros(shape))], [(3, np.ones(shape)), (4, np.ones(shape))]]]
        for bc in conditions:
            ours, theirs = (m.make_interp_spline(x, y, k, None, bc, axis) for m in (interpolate, scipy.interpolate))
            np.testing.assert_array_equal(ours.t, theirs.t)
            assert_same(ours, theirs, x, at, k)
            np.testing.assert_allclose(ours.integrate(-9.0, 2.0, False), theirs.integrate(-9.0, 2.0, False), atol=1e-9)


def test_knots_may_be_given() -> None:
    x, at = points(6)
    t = np.concatenate([[x[0]] * 3, [(x[2] + x[3]) / 2] * 2, x[4:5], [x[-1]] * 3])
    y = np.sin(x)
    ours, theirs = (m.make_interp_spline(x, y, 2, t) for m in (interpolate, scipy.interpolate))
    np.testing.assert_allclose(ours(at), theirs(at), rtol=1e-11)


def test_slopes_by_autodiff_are_the_derivatives() -> None:
    x, _ = points(8)
    for f in (interpolate.CubicSpline(x, np.sin(x)), interpolate.make_interp_spline(x, np.sin(x), 5)):
        for at in (*x, x[0] - 0.5, x[-1] + 0.5, 0.5 * (x[2] + x[3])):
            np.testing.assert_allclose(ft.grad(f)(at), f(at, 1), rtol=1e-9)
            np.testing.assert_allclose(ft.grad(ft.grad(f))(at), f(at, 2), rtol=1e-8, atol=1e-8)


def test_interpolators_stand_in_compiled_functions_and_batches() -> None:
    x, at = points(7)
    y = np.stack([np.sin(x), np.cos(x)])
    for make in (interpolate.CubicSpline, interpolate.PchipInterpolator, interpolate.make_interp_spline):
        f = lambda x, y, at, make=make: make(x, y)(at)
        expected = np.stack([f(x, row, at) for row in y])
        np.testing.assert_allclose(ft.vmap(f, in_axes=(None, 0, None))(x, y, at), expected, rtol=1e-12)
        found = ft.jit(ft.vmap(f, in_axes=(0, 0, None)))(np.stack([x, x]), y, at)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


X, Y = np.arange(5.0), np.ones(5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.CubicSpline(X[::-1], Y), "strictly increasing"),
        (lambda m: m.CubicSpline(X[:1], Y[:1]), "two numbers at least"),
        (lambda m: m.CubicSpline(X, Y[:4]), "5 points, and values of shape"),
        (lambda m: m.CubicSpline(X + 0j, Y), "must contain real values"),
        (lambda m: m.CubicSpline(X, X, bc_type="periodic"), "the same first and last value"),
        (lambda m: m.CubicSpline(X, X, bc_type="free"), "bc_type=free is not allowed"),
        (lambda m: m.CubicSpline(X, X, bc_type=("periodic", "natural")), "holds for both ends"),
        (lambda m: m.CubicSpline(X, X, bc_type=((3, 0.0), "natural")), "must be 1 or 2"),
        (lambda m: m.CubicSpline(X, X, bc_type=((1, Y), "natural")), r"has shape \(5,\); a value of y has \(\)"),
        (lambda m: m.CubicSpline(X, Y)(0.5, -1), "cannot be negative"),
        (lambda m: m.PchipInterpolator(X, Y + 0j), "must be real"),
        (lambda m: m.CubicHermiteSpline(X, Y, Y[:4]), "shapes of `y` and `dydx`"),
        (lambda m: m.Akima1DInterpolator(X, Y, method="other"), "not 'other'"),
        (lambda m: m.PPoly(np.ones((2, 3)), X), r"4 intervals have coefficients of shape \(k, 4, …\), not \(2, 3\)"),
        (lambda m: m.PPoly(np.ones((2, 4)), X, axis=1), "axis=1 must be between 0 and 0"),
        (lambda m: m.BSpline(X[::-1], Y, 1), "non-decreasing"),
        (lambda m: m.BSpline(X, Y[:2], 1), "5 knots of degree 1 have 3 basis functions"),
        (lambda m: m.make_interp_spline(X, Y, bc_type="periodic"), "CubicSpline"),
        (lambda m: m.make_interp_spline(X, Y, bc_type="free"), "Unknown boundary condition: free"),
        (lambda m: m.make_interp_spline(X, Y, 5, bc_type="natural"), "cannot determine 9 coefficients"),
        (lambda m: m.make_interp_spline(X, Y[:3]), "5 points, and 3 values"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, words: str) -> None:
    with pytest.raises((ValueError, NotImplementedError), match=words):
        call(interpolate)
