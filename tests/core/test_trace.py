"""Traces keep nested transformations apart: perturbations are not confused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.errors import EscapedTracerError
from functorch_lite.core.trace import ClosedTrace, Trace

X = np.array([0.3, -0.7, 1.1])


def along(f: Callable[[Any], Any], x: Any, t: Any = 1.0) -> Any:
    """Return the derivative of ``f`` at ``x`` along ``t``, in forward mode."""
    return ft.jvp(f, (x,), (t,))[1]


# --- Perturbation confusion -------------------------------------------------------------------------------------------

# Derivatives of one variable by each of the transformations that differentiate; all of them are interchangeable.
DERIVATIVES: dict[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "grad": ft.grad,
    "jvp": lambda f: lambda x: along(f, x),
    "vjp": lambda f: lambda x: ft.vjp(f, x)[1](1.0)[0],
    "jacfwd": ft.jacfwd,
    "jacrev": ft.jacrev,
    "linearize": lambda f: lambda x: ft.linearize(f, x)[1](1.0),
    "derivative": ft.derivative,
    "vmap of grad": lambda f: lambda x: ft.vmap(ft.grad(f), axis_size=2, in_axes=None)(x)[1],
}

# Functions of x that differentiate inside, closing over x, by D; with the derivative at x = 3 by hand.
CONFUSING: dict[str, tuple[Callable[[Any, Any], Any], float]] = {
    # d/dx (x · d/dy (x + y)) = d/dx x = 1; confusing the perturbations gives 2
    "x * D(x + y)": (lambda D, x: x * D(lambda y: x + y)(1.0), 1.0),
    "x * D(x * y)": (lambda D, x: x * D(lambda y: x * y)(2.0), 6.0),
    # d/dy at y = x: D(x y²)(x) = 2x², derivative 4x
    "D(x y²) at y = x": (lambda D, x: D(lambda y: x * y * y)(x), 12.0),
    "D(x y²) at y = 2x": (lambda D, x: D(lambda y: x * y * y)(2.0 * x), 24.0),
    # D_y D_z (x y z²) at z = y, y = x: D_y (2 x y²) = 4 x y = 4x², derivative 8x
    "D(D(x y z²))": (lambda D, x: D(lambda y: D(lambda z: x * y * z * z)(y))(x), 24.0),
    "D of what does not depend on y": (lambda D, x: x * x + D(lambda y: x * x)(5.0), 6.0),
    "constant in x inside": (lambda D, x: x * D(lambda y: y * y * y)(2.0), 12.0),
    "the inner argument is not the outer one": (lambda D, x: D(lambda y: (lambda z: z * z * z)(y))(x), 18.0),
    # the inner function ignores its argument for x in one factor: d/dx (D(x² y)(1)) = 2x
    "power": (lambda D, x: D(lambda y: x**2 * y)(1.0), 6.0),
}


@pytest.mark.parametrize("inner", DERIVATIVES)
@pytest.mark.parametrize("outer", DERIVATIVES)
@pytest.mark.parametrize("name", CONFUSING)
def test_inner_and_outer_derivatives_are_told_apart(name: str, outer: str, inner: str) -> None:
    function, expected = CONFUSING[name]
    found = DERIVATIVES[outer](lambda x: function(DERIVATIVES[inner], x))(3.0)
    assert float(found) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("inner", DERIVATIVES)
@pytest.mark.parametrize("outer", DERIVATIVES)
def test_derivatives_are_told_apart_beside_each_other(outer: str, inner: str) -> None:
    D = DERIVATIVES[inner]

    def f(x: Any) -> Any:
        first = D(lambda y: np.sin(x * y))(2.0)  # x cos 2x
        second = D(lambda y: np.cos(x + y))(x)  # -sin 2x
        return first * second

    x = 0.4
    expected = (np.cos(2 * x) - 2 * x * np.sin(2 * x)) * -np.sin(2 * x) + x * np.cos(2 * x) * -2 * np.cos(2 * x)
    assert float(DERIVATIVES[outer](f)(x)) == pytest.approx(expected, rel=1e-13)


def test_vmap_inside_grad_closes_over_what_is_differentiated() -> None:
    found = ft.grad(lambda x: np.sum(ft.vmap(lambda i: np.sin(x * i) * x)(X)))(0.8)
    assert found == pytest.approx(np.sum(np.sin(0.8 * X) + 0.8 * X * np.cos(0.8 * X)), rel=1e-14)


def test_grad_inside_vmap_closes_over_the_batched_value() -> None:
    found = ft.vmap(lambda i: ft.grad(lambda x: np.sin(x * i) * i)(0.8))(X)
    np.testing.assert_allclose(found, X * X * np.cos(0.8 * X), rtol=1e-14)


def test_vmaps_of_two_levels_are_told_apart() -> None:
    found = ft.vmap(lambda a: ft.vmap(lambda b: a * b - ft.vmap(lambda c: c * a)(X)[0])(X))(X)
    np.testing.assert_allclose(found, np.outer(X, X) - X[:, None] * X[0], rtol=1e-15)


def test_grad_through_a_pullback_made_outside_of_it() -> None:
    # pull closes over x of the outer grad and is used inside the inner one
    def f(x: Any) -> Any:
        _, pull = ft.vjp(lambda y: np.sin(x * y), x)
        return ft.grad(lambda t: pull(t * t)[0])(3.0)  # 6 x cos x²

    assert ft.grad(f)(0.5) == pytest.approx(6 * np.cos(0.25) - 12 * 0.25 * np.sin(0.25), rel=1e-14)


def test_ufuncs_of_values_of_two_transformations_are_handled_by_the_younger() -> None:
    for f in (lambda a, b: np.multiply(a, b), lambda a, b: np.multiply(b, a), lambda a, b: a * b, lambda a, b: b * a):
        for inner, outer in itertools.product(DERIVATIVES.values(), repeat=2):
            # d/dx d/dy (x y)² at y = x² gives d/dx 2 x⁴ = 8 x³
            found = outer(lambda x, f=f, inner=inner: inner(lambda y: np.square(f(x, y)))(x * x))(1.5)
            assert float(found) == pytest.approx(8 * 1.5**3, rel=1e-14)


def test_control_flow_on_values_inside_nested_derivatives() -> None:
    def f(x: Any) -> Any:
        return x * x * x if x > 0 else -x

    assert ft.grad(ft.grad(f))(2.0) == 12.0
    assert ft.grad(ft.grad(f))(-2.0) == 0.0
    assert along(ft.grad(f), 2.0) == 12.0


# --- The trace itself -------------------------------------------------------------------------------------------------


def test_the_younger_trace_has_the_larger_number() -> None:
    numbers: list[int] = []

    def note(x: Any) -> Any:
        numbers.append(x._trace.number)
        return x

    ft.grad(lambda x: note(x) * ft.grad(lambda y: note(y) * ft.vmap(note, axis_size=1)(np.ones(1) * y)[0])(x))(1.0)
    assert numbers == sorted(set(numbers))


def test_a_closed_trace_names_what_it_was() -> None:
    trace = Trace()
    trace.transformation = "a test"
    trace.close()
    assert isinstance(trace, ClosedTrace)
    with pytest.raises(EscapedTracerError, match="traced by a test"):
        trace.process(SimpleNamespace(name="sin"), (), ())  # type: ignore[arg-type]


def test_a_bare_trace_defines_no_operation() -> None:
    for apply in (
        lambda trace: trace.process(None, (), ()),
        lambda trace: trace.unary(None, 1.0),
    ):
        with pytest.raises(NotImplementedError):
            apply(Trace())


def test_is_tracer_tells_what_is_watched() -> None:
    seen: list[bool] = []

    def f(x: Any) -> Any:
        seen.extend([ft.is_tracer(x), ft.is_tracer(x * 2.0), ft.is_tracer(X), ft.is_tracer(ft.stop_gradient(x))])
        return x * 2.0

    ft.jvp(f, (1.0,), (1.0,))
    assert seen == [True, True, False, False]
