"""Taylor mode gives what nested forward mode gives, to any order, at a cost that grows like a power of the order."""

from __future__ import annotations

import gc
from collections.abc import Callable
from math import factorial
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.calculus.matrices import over_gaps, over_values
from functorch_lite.calculus.norms import over_norm
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.series import Series, TaylorTrace
from tests.cases import Case, all_cases, assert_close, directions, dtype_of

#: The rounding of a fourth derivative: that of the first, times the condition number of what comes between.
SAME_FOURTH = 1e-8

X = np.array([0.3, -0.7, 1.1])
T = np.array([1.0, 2.0, -0.5])


def nested(f: Callable[..., Any], args: Any, series: Any, order: int) -> list[Any]:
    """Return the derivatives of ``s ↦ f(x(s))`` at 0 by nested forward mode."""

    def curve(s: Any) -> Any:
        moved = [
            x + sum(t[k] * s ** (k + 1) / factorial(k + 1) for k in range(order))
            for x, t in zip(args, series, strict=True)
        ]
        return tuple(f(*moved))

    found = []
    for _ in range(order):
        curve = along(curve)
        found.append(curve(0.0))
    return found


def along(g: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda s: ft.jvp(g, (s,), (1.0,))[1]


def curves(case: Case, order: int) -> list[list[Any]]:
    """Return the derivatives of a curve through the case's arguments."""
    by_order = [directions(case.args, 60 + k) for k in range(order)]
    return [[0.3 * by_order[k][i] for k in range(order)] for i in range(len(case.args))]


CASES = all_cases()


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_every_rule_expands_as_nested_forward_mode_does(case: Case) -> None:
    series = curves(case, 4)
    values, derivatives = ft.jet(case, case.args, series)
    expected = nested(case, case.args, series, 4)
    for y, plain in zip(values, case(*case.args), strict=True):
        np.testing.assert_array_equal(np.asarray(y), np.asarray(plain), strict=True)
    for k in range(4):
        found = [d[k] for d in derivatives]
        assert_close(found, expected[k], SAME_FOURTH, f"order {k + 1}")
        for d, y in zip(found, values, strict=True):
            assert dtype_of(d) == dtype_of(y)


# --- Cost -------------------------------------------------------------------------------------------------------------


#: The rules of the determinant of large matrices, and of some functions of SciPy, call two of their kind or double the
#: size of their matrices.
EXPONENTIAL = ("linalg-det ", "special-", "scipy_")


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.id) for case in CASES if not case.id.startswith(EXPONENTIAL)]
)
def test_the_operations_of_the_trace_grow_like_a_power_of_the_order(case: Case, monkeypatch: Any) -> None:
    calls = 0
    counts: list[int] = []
    process = TaylorTrace.process

    def counted(self: TaylorTrace, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        nonlocal calls
        calls += 1
        # Twice the order: an operation of the trace is seen at most so often for each order below (a rule that calls
        # its own kind once). Nested forward mode would multiply by sixteen.
        assert not counts or calls <= 4 * counts[0]
        return process(self, primitive, arrays, params)

    monkeypatch.setattr(TaylorTrace, "process", counted)
    for order in (4, 8):
        calls = 0
        ft.jet(case, case.args, [[0.1 * t] + [0.0 * t] * (order - 1) for t in directions(case.args, 3)])
        counts.append(calls)


def test_no_operation_is_applied_exponentially_often(monkeypatch: Any) -> None:
    def f(x: Any) -> Any:
        return np.sin(np.exp(np.tanh(x))) / (1.0 + x**2.5) + np.logaddexp(x, np.arctan(x * x)) ** x

    applied = 0
    bind = Primitive.bind

    def counted(self: Primitive, arrays: Arrays, params: Params) -> Any:
        nonlocal applied
        applied += not any(isinstance(a, Tracer) for a in arrays)
        return bind(self, arrays, params)

    monkeypatch.setattr(Primitive, "bind", counted)
    counts = []
    for order in (5, 10, 20):
        applied = 0
        ft.derivative(f, order)(0.7)
        counts.append(applied)
    assert counts[2] <= 16 * counts[1] <= 256 * counts[0]


def test_series_are_freed_without_the_collector() -> None:
    def f(x: Any) -> Any:
        w, v = np.linalg.eigh(np.multiply.outer(x, x) + np.diag(np.arange(3.0)))
        return np.tanh(v @ np.sin(w)) + np.cumprod(x) / (1.0 + x**2.5)

    gc.collect()
    gc.disable()
    try:
        ft.jet(f, (np.abs(X),), ([T, X, T],))
        alive = [x for x in gc.get_objects() if isinstance(x, Series)]
    finally:
        gc.enable()
    assert not alive


# --- Closed forms -----------------------------------------------------------------------------------------------------

TENTH: dict[str, tuple[Callable[[Any], Any], Callable[[float, int], float]]] = {
    "exp": (np.exp, lambda x, n: np.exp(x)),
    "exp of a multiple": (lambda x: np.exp(-0.5 * x), lambda x, n: (-0.5) ** n * np.exp(-0.5 * x)),
    "exp2": (np.exp2, lambda x, n: np.log(2.0) ** n * 2.0**x),
    "log": (np.log, lambda x, n: (-1) ** (n - 1) * factorial(n - 1) / x**n if n else np.log(x)),
    "log1p": (np.log1p, lambda x, n: (-1) ** (n - 1) * factorial(n - 1) / (1 + x) ** n if n else np.log1p(x)),
    "sin": (np.sin, lambda x, n: np.sin(x + n * np.pi / 2)),
    "cos": (np.cos, lambda x, n: np.cos(x + n * np.pi / 2)),
    "sinh": (np.sinh, lambda x, n: np.sinh(x) if n % 2 == 0 else np.cosh(x)),
    "cosh": (np.cosh, lambda x, n: np.cosh(x) if n % 2 == 0 else np.sinh(x)),
    "reciprocal": (np.reciprocal, lambda x, n: (-1) ** n * factorial(n) / x ** (n + 1)),
    "quotient": (
        lambda x: x / (1.0 + x),
        lambda x, n: x / (1 + x) if n == 0 else -((-1) ** n) * factorial(n) / (1 + x) ** (n + 1),
    ),
    "square": (np.square, lambda x, n: (x * x, 2 * x, 2.0)[n] if n < 3 else 0.0),
    "power": (lambda x: x**7, lambda x, n: float(np.prod(range(8 - n, 8))) * x ** (7 - n) if n < 8 else 0.0),
    "root": (np.sqrt, lambda x, n: float(np.prod(0.5 - np.arange(n))) * x ** (0.5 - n)),
    "cube root": (np.cbrt, lambda x, n: float(np.prod(1 / 3 - np.arange(n))) * x ** (1 / 3 - n)),
    "fractional power": (lambda x: x**2.5, lambda x, n: float(np.prod(2.5 - np.arange(n))) * x ** (2.5 - n)),
    "arctan": (np.arctan, lambda x, n: np.arctan(x) if n == 0 else _arctan(x, n)),
    "arctanh": (
        lambda x: np.arctanh(x / 2),
        lambda x, n: (
            np.arctanh(x / 2) if n == 0 else factorial(n - 1) * ((-1) ** (n - 1) / (2 + x) ** n + 1 / (2 - x) ** n) / 2
        ),
    ),
    "x sin x": (lambda x: x * np.sin(x), lambda x, n: x * np.sin(x + n * np.pi / 2) - n * np.cos(x + n * np.pi / 2)),
    "Gaussian": (lambda x: np.exp(-x * x / 2), lambda x, n: (-1) ** n * _hermite(x, n) * np.exp(-x * x / 2)),
    "matrix product": (
        lambda x: np.sum(np.stack([x, x * x]) @ np.stack([np.stack([x, x]), np.stack([x, x**3])])),
        lambda x, n: _polynomial([0, 0, 2, 1, 0, 1], x, n),
    ),
    "inverse": (lambda x: np.linalg.inv(x * np.eye(2))[0, 0], lambda x, n: (-1) ** n * factorial(n) / x ** (n + 1)),
    "determinant": (lambda x: np.linalg.det(x * np.eye(3) + 1.0), lambda x, n: _polynomial([0, 0, 3, 1], x, n)),
}


def _arctan(x: float, n: int) -> float:
    """Return Im of the n-th derivative of log(1 + ix)."""
    return float(np.imag((-1) ** (n - 1) * factorial(n - 1) * 1j**n / (1 + 1j * x) ** n))


def _hermite(x: float, n: int) -> float:
    return float(np.polynomial.hermite_e.hermeval(x, [0] * n + [1]))


def _polynomial(coefficients: list[float], x: float, n: int) -> float:
    return (
        float(np.polynomial.Polynomial(coefficients).deriv(n)(x))
        if n
        else float(np.polynomial.Polynomial(coefficients)(x))
    )


@pytest.mark.parametrize("name", TENTH)
def test_closed_forms_to_the_tenth_order(name: str) -> None:
    f, expected = TENTH[name]
    x = 0.7
    _, found = ft.jet(f, (x,), ([1.0] + [0.0] * 9,))
    for n in range(11):
        # The rounding of ten sums of ten products each, relative to the size of derivatives around this order.
        size = max(abs(expected(x, k)) for k in range(max(n - 2, 0), n + 1))
        value = f(x) if n == 0 else found[n - 1]
        assert value == pytest.approx(expected(x, n), abs=1e-12 * max(size, 1.0))
        assert ft.derivative(f, n)(x) == pytest.approx(expected(x, n), abs=1e-12 * max(size, 1.0))


# --- Conventions ------------------------------------------------------------------------------------------------------


def test_the_series_are_derivatives_and_not_coefficients() -> None:
    x, first, second = 0.5, 1.3, 0.7
    y, (found_first, found_second) = ft.jet(np.sin, (x,), ((first, second),))
    assert y == np.sin(x)
    assert found_first == pytest.approx(np.cos(x) * first)
    assert found_second == pytest.approx(-np.sin(x) * first**2 + np.cos(x) * second)


def test_trees_in_and_out() -> None:
    def f(p: Any, s: Any) -> Any:
        return {"u": p["a"] * s, "v": (np.sum(p["a"] ** 2), 3.0)}

    value, series = ft.jet(f, ({"a": X}, 2.0), ([{"a": T}, {"a": 0 * T}], [1.0, 0.0]))
    np.testing.assert_array_equal(value["u"], 2 * X)
    np.testing.assert_allclose(series["u"][0], 2 * T + X)
    np.testing.assert_allclose(series["u"][1], 2 * T)
    assert series["v"][0][1] == pytest.approx(2 * np.sum(T * T))
    assert series["v"][1] == [0.0, 0.0]
    assert ft.jet(np.sin, (X,), ([],))[1] == []


def test_dtypes_and_python_numbers() -> None:
    for dtype in (np.float32, np.complex64):
        x = X.astype(dtype)
        for f in (np.sin, np.exp, lambda x: x**3 / (2 + x), lambda x: np.sqrt(x * x + 1), np.cumprod):
            y, terms = ft.jet(f, (x,), ([T.astype(dtype)] * 3,))
            assert {y.dtype, *(t.dtype for t in terms)} == {np.dtype(dtype)}
    assert ft.jet(lambda x: np.abs(x), (1 + 2j,), ([1j],))[1][0].dtype == np.float64
    assert type(ft.derivative(lambda x: x**4, 3)(2.0)) is float


def test_what_is_given_out_may_be_written_into() -> None:
    t = T.copy()
    _, terms = ft.jet(lambda x: (x, x[:2], 2.0 * x), (X,), ([t, t],))
    for term in ft.tree.leaves(terms):
        term += 1.0
    np.testing.assert_array_equal(t, T)


# --- Nesting ----------------------------------------------------------------------------------------------------------


def composition(x: Any) -> Any:
    return np.tanh(x) * np.sum(np.exp(x) / (2.0 + np.sin(x)))


def second(x: Any) -> Any:
    return ft.jet(composition, (x,), ([T, X],))[1][1]


def second_by_jvp(x: Any) -> Any:
    return nested(lambda x: (composition(x),), (x,), ([T, X],), 2)[1][0]


@pytest.mark.parametrize(
    "transform", [ft.jacfwd, ft.jacrev, lambda f: ft.hessian(lambda x: np.sum(f(x))), ft.checkpoint]
)
def test_under_other_transformations(transform: Callable[..., Any]) -> None:
    np.testing.assert_allclose(transform(second)(X), transform(second_by_jvp)(X), rtol=1e-11)


def test_batches_of_series_and_series_of_batches() -> None:
    batch = np.stack([X, -X, 2 * X])
    np.testing.assert_allclose(ft.vmap(second)(batch), np.stack([second(x) for x in batch]), rtol=1e-13)
    out = ft.jet(ft.vmap(composition), (batch,), ([np.stack([T] * 3), np.stack([X] * 3)],))[1][1]
    np.testing.assert_allclose(out, np.stack([second(x) for x in batch]), rtol=1e-13)


def test_over_gradients_and_itself() -> None:
    def gradient(x: Any) -> Any:
        return ft.grad(lambda x: np.sum(composition(x) ** 2))(x)

    found = ft.jet(gradient, (X,), ([T, X, T],))[1]
    expected = nested(lambda x: (gradient(x),), (X,), ([T, X, T],), 3)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b[0], rtol=1e-11)
    assert ft.derivative(ft.derivative(np.sin, 2), 3)(0.4) == pytest.approx(np.cos(0.4))
    mixed = ft.derivative(lambda a: ft.derivative(lambda x: np.sin(a * x), 2)(0.4), 2)(1.5)
    s, c = np.sin(0.6), np.cos(0.6)  # ∂²/∂a² of -a² sin(a x)
    assert mixed == pytest.approx(-2 * s - 4 * 1.5 * 0.4 * c + 1.5**2 * 0.16 * s)


def test_custom_derivatives_to_high_order() -> None:
    @ft.custom_jvp
    def by_jvp(x: Any) -> Any:
        return np.exp(np.array(x))

    by_jvp.defjvp(lambda primals, tangents: (by_jvp(*primals), tangents[0] * by_jvp(*primals)))

    @ft.custom_vjp
    def by_vjp(x: Any) -> Any:
        return np.sin(x)

    by_vjp.defvjp(lambda x: (by_vjp(x), x), lambda x, g: (g * np.cos(x),))
    assert ft.derivative(lambda x: by_jvp(2 * x), 8)(0.3) == pytest.approx(2**8 * np.exp(0.6), rel=1e-12)
    assert ft.derivative(lambda x: by_vjp(2 * x), 8)(0.3) == pytest.approx(2**8 * np.sin(0.6), rel=1e-12)


def test_branches_and_indices_see_values() -> None:
    def f(x: Any) -> Any:
        table = np.array([1.0, 2.0, 3.0])
        return x**3 * table[np.argmax([0.0, 1.0])] if x > 0 else x

    assert ft.derivative(f, 3)(0.5) == pytest.approx(12.0)
    assert ft.derivative(lambda x: np.where(x > 1, np.log(x), x**2), 2)(0.5) == pytest.approx(2.0)
    assert ft.derivative(lambda x: ft.stop_gradient(x) * x**2, 2)(0.5) == pytest.approx(1.0)


# --- Wrong use --------------------------------------------------------------------------------------------------------


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="a tuple of primals and a tuple of as many lists of derivatives"):
        ft.jet(np.sin, X, (T,))
    with pytest.raises(TypeError, match="a tuple of primals and a tuple of as many lists"):
        ft.jet(np.sin, (X,), ())
    with pytest.raises(TypeError, match="each entry of series is the list of the derivatives of one primal"):
        ft.jet(np.sin, (X,), (T,))
    with pytest.raises(ValueError, match=r"go to different orders, \[1, 2\]"):
        ft.jet(np.multiply, (X, X), ([T], [T, T]))
    with pytest.raises(ValueError, match="the derivatives of order 2"):
        ft.jet(lambda p: p["a"], ({"a": X},), ([{"a": T}, T],))
    with pytest.raises(ValueError, match=r"the derivative of order 1 has shape \(2,\) where its primal has \(3,\)"):
        ft.jet(np.sin, (X,), ([T[:2]],))
    with pytest.raises(TypeError, match="jet needs floating or complex inputs"):
        ft.jet(np.sin, (np.arange(3),), ([T],))
    escaped = []
    ft.jet(lambda x: escaped.append(x) or x, (X,), ([T],))
    with pytest.raises(ft.EscapedTracerError, match="Taylor mode"):
        np.sin(escaped[0])


@pytest.mark.parametrize(
    ("divide", "constant"),
    [
        (over_norm, np.array([0.0, 2.0])),
        (lambda x, y: over_values(x, y[None], ""), np.array([[1.0, 2.0], [3.0, 4.0]])),
        (lambda x, y: over_gaps(x, y, ""), np.array([[0.0, 2.0], [3.0, 0.0]])),
    ],
)
def test_what_is_linear_in_its_first_argument_is_not_so_in_the_second(divide: Any, constant: Any) -> None:
    def f(t: Any) -> Any:
        return divide(constant, np.array([1.0, 2.5]) + t * np.array([1.0, 3.0]))

    def slope(t: Any) -> Any:
        return ft.jvp(f, (t,), (1.0,))[1]

    for order in (2, 3):
        found = ft.derivative(f, order=order)(0.3)
        assert np.any(found)
        np.testing.assert_allclose(found, ft.derivative(slope, order=order - 1)(0.3), rtol=1e-12)
    with pytest.raises(ValueError, match="is not linear"):
        ft.linear_transpose(f, 0.3)(f(0.3))
