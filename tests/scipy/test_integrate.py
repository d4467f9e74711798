"""Initial value problems, which both methods differentiate in every mode; integrals of samples: SciPy's values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import scipy.integrate
from scipy.integrate import solve_ivp

import functorch_lite as ft
from functorch_lite.scipy import integrate
from functorch_lite.scipy.integrate import odeint

Method = Literal["direct", "adjoint"]
methods = pytest.mark.parametrize("method", ["direct", "adjoint"])

TIMES = np.array([0.0, 0.5, 1.3])
Y0 = {"a": np.array([1.0, 1.2]), "b": np.array([0.5, 0.4])}
P = {"r": 1.1, "s": np.array([0.9, 1.0])}


def hunters(y: Any, t: Any, p: Any) -> Any:
    return {"a": y["a"] * (p["r"] - y["b"]), "b": y["b"] * (y["a"] - 1.0) * p["s"] + 0.1 * np.sin(t)}


def oscillator(y: Any, t: Any, mu: Any) -> Any:
    return np.stack([y[1], mu * (1.0 - y[0] ** 2) * y[1] - y[0]])


def decay(y: Any, t: Any, r: Any) -> Any:
    return -r * y + np.sin(r * t)


def test_the_solution_is_scipys() -> None:
    theirs = solve_ivp(lambda t, y: oscillator(y, t, 2.0), (0, 5), [1.0, 0.0], rtol=1e-11, atol=1e-11).y[:, -1]
    ours = odeint(oscillator, np.array([1.0, 0.0]), np.array([0.0, 5.0]), 2.0, rtol=1e-10, atol=1e-10)
    assert ours.shape == (2, 2)
    np.testing.assert_allclose(ours[-1], theirs, atol=1e-7)  # errors of steps grow along the way


def test_times_may_descend_and_be_a_list() -> None:
    y = odeint(lambda y, t: -y, np.ones(2), [0.0, -1.0, -2.0])
    np.testing.assert_allclose(y[:, 0], np.exp([0.0, 1.0, 2.0]), rtol=1e-7)


@methods
def test_all_arguments_differentiate(method: Method) -> None:
    f = lambda y0, t, p: odeint(hunters, y0, t, p, method=method, rtol=1e-10, atol=1e-10)
    ft.check_grads(f, (Y0, TIMES, P), 1)
    forward, reverse = (jac(f, (0, 1, 2))(Y0, TIMES, P) for jac in (ft.jacfwd, ft.jacrev))
    direct = ft.jacfwd(lambda *args: odeint(hunters, *args, rtol=1e-10, atol=1e-10), (0, 1, 2))(Y0, TIMES, P)
    for a, b, c in zip(*map(ft.tree.leaves, (forward, reverse, direct)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)  # solved by different steps
        np.testing.assert_allclose(a, c, atol=1e-8)


@methods
def test_second_derivatives(method: Method) -> None:
    f = lambda r, w: odeint(decay, 1.0, TIMES, r, method=method)[-1] * w
    ft.check_grads(f, (0.7, 1.3), 2)
    expected = ft.hessian(lambda r: odeint(decay, 1.0, TIMES, r, rtol=1e-11, atol=1e-11)[-1])(0.7)
    for second in (ft.hessian, lambda g: ft.jacrev(ft.jacrev(g)), lambda g: ft.jacfwd(ft.jacfwd(g))):
        np.testing.assert_allclose(second(lambda r: f(r, 1.0))(0.7), expected, atol=1e-6)


@methods
def test_batches(method: Method) -> None:
    gradient = ft.grad(lambda y0, r: odeint(decay, y0, TIMES, r, method=method)[-1], (0, 1))
    y0, r = np.array([1.0, 2.0, 3.0]), np.array([0.7, 0.9, 1.5])
    for axes, args in (((0, 0), (y0, r)), ((None, 0), (1.0, r)), ((0, None), (y0, 0.7))):
        batch = ft.vmap(gradient, axes)(*args)
        for i in range(3):
            one = gradient(*(a[i] if axis == 0 else a for a, axis in zip(args, axes, strict=True)))
            np.testing.assert_allclose([b[i] for b in batch], one, atol=1e-7)  # the batch shares its steps


@methods
def test_integers_options_and_complex_values(method: Method) -> None:
    f = lambda k: odeint(lambda y, t, k, n: 1j * k * y * n, 1.0 + 0j, TIMES, k, 2, method=method)[-1]
    np.testing.assert_allclose(f(0.5), np.exp(1.3j), rtol=1e-7)
    np.testing.assert_allclose(ft.grad(lambda k: f(k).real)(0.5), -2.6 * np.sin(1.3), rtol=1e-6)
    np.testing.assert_allclose(ft.jvp(f, (0.5,), (1.0,))[1], 2.6j * np.exp(1.3j), rtol=1e-6)


def test_float32_stays_float32() -> None:
    y0 = np.ones(2, np.float32)
    y, pull = ft.vjp(lambda y: odeint(lambda y, t: -y, y, TIMES, rtol=1e-5, atol=1e-5), y0)
    assert y.dtype == pull(np.ones_like(y))[0].dtype == np.float32


def test_the_value_does_not_depend_on_what_is_differentiated() -> None:
    y = odeint(hunters, Y0, TIMES, P, method="adjoint")
    value, _ = ft.jvp(lambda p: odeint(hunters, Y0, TIMES, p, method="adjoint"), (P,), (P,))
    for a, b in zip(ft.tree.leaves(y), ft.tree.leaves(value), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("method", "keeps_stages"), [("direct", True), ("adjoint", False)])
def test_what_reverse_mode_keeps(method: Method, keeps_stages: bool) -> None:
    traced = []

    def rate(y: Any, t: Any, r: Any) -> Any:
        traced.append(ft.is_tracer(y))
        return -r * y

    value, pull = ft.vjp(lambda y, r: odeint(rate, y, TIMES, r, method=method), 1.0, 0.7)
    assert any(traced) == keeps_stages
    np.testing.assert_array_equal(value, odeint(rate, 1.0, TIMES, 0.7))
    calls = len(traced)
    by_y, by_r = pull(np.array([0.0, 0.0, 1.0]))
    assert (len(traced) > calls) == (not keeps_stages)  # the adjoint solves its own equation on the way back
    np.testing.assert_allclose((by_y, by_r), (np.exp(-0.91), -1.3 * np.exp(-0.91)), rtol=1e-6)


@methods
def test_each_result_has_its_own_cotangent_whichever_way_the_times_go(method: Method) -> None:
    f = lambda y, t, r: odeint(decay, y, t, r, method=method, rtol=1e-10, atol=1e-10)
    for times in (np.array([0.0, 0.4, 1.3]), np.array([1.0, 0.2, -0.5]), np.array([0.3])):
        forward, reverse = (jac(f, (0, 1, 2))(1.2, times, 0.7) for jac in (ft.jacfwd, ft.jacrev))
        for a, b in zip(forward, reverse, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-8)  # solved by different steps
        np.testing.assert_allclose(reverse[1][0], 0.0, atol=1e-12)  # the first result is y0, at whatever time
    slopes = [-0.7 * y + np.sin(0.7 * t) for y, t in zip(f(1.2, TIMES, 0.7), TIMES, strict=True)]
    np.testing.assert_allclose(np.diagonal(ft.jacrev(f, 1)(1.2, TIMES, 0.7))[1:], slopes[1:], rtol=1e-7)


def test_errors() -> None:
    with pytest.raises(RuntimeError, match="singularity"):
        odeint(lambda y, t: y**2, 1.0, [0.0, 2.0])
    with pytest.raises(RuntimeError, match="after 3 steps"):
        odeint(decay, 1.0, [0.0, 9.0], 1.0, max_steps=3)
    with pytest.raises(ValueError, match="strictly"):
        odeint(decay, 1.0, [0.0, 1.0, 0.5], 1.0)
    with pytest.raises(ValueError, match="one axis"):
        odeint(decay, 1.0, np.zeros((2, 2)), 1.0)
    with pytest.raises(ValueError, match="func returned structure"):
        odeint(lambda y, t: (y, y), 1.0, [0.0, 1.0])
    with pytest.raises(ValueError, match="methods"):
        odeint(decay, 1.0, [0.0, 1.0], 1.0, method="euler")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="odeint needs floating"):
        odeint(lambda y, t: y, np.array([1, 2]), [0.0, 1.0])
    with pytest.raises(TypeError, match="closes over a traced value"):
        ft.grad(lambda r: odeint(lambda y, t: -r * y, r, TIMES, method="adjoint")[-1])(1.0)
    with pytest.raises(TypeError, match=r"complex values where y is real; start from y0 \+ 0j"):
        odeint(lambda y, t: 1j * y, 1.0, [0.0, 1.0])


@pytest.mark.parametrize(
    "solution",
    [
        lambda k: odeint(lambda y, t, k: -k * y, 1.0, [0.0, 1.0], k),
        lambda k: odeint(lambda y, t: -k * y, 1.0, [0.0, 1.0]),
        lambda k: odeint(lambda y, t: -k * y, 1.0, [0.0, 1.0], method="adjoint"),
    ],
)
def test_what_cannot_be_recorded_says_what_can(solution: Callable[[Any], Any]) -> None:
    with pytest.raises(ft.TracerConversionError, match=r'under jit.*method="adjoint".*by args'):
        ft.jit(solution)(0.5)


def test_compiled_solutions_look_at_their_times() -> None:
    solve = ft.jit(lambda t: odeint(lambda y, t: -t * y, 1.0, t, method="adjoint"))
    np.testing.assert_allclose(solve(np.array([0.0, 1.0, 2.0])), np.exp([0.0, -0.5, -2.0]), rtol=1e-6)
    with pytest.raises(ValueError, match="ascend or descend strictly"):
        solve(np.array([0.0, 2.0, 2.0]))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("name", ["trapezoid", "simpson", "cumulative_trapezoid", "cumulative_simpson"])
def test_integrals_of_samples_are_scipys(name: str, n: int, axis: int) -> None:
    ours, theirs = getattr(integrate, name), getattr(scipy.integrate, name)
    rng = np.random.default_rng(n)
    y = rng.normal(size=(n, 4) if axis == 0 else (4, n))
    x = np.cumsum(rng.uniform(0.1, 1.0, n))
    every = np.sort(rng.normal(size=y.shape), axis=axis)
    many: list[Any] = [{}, {"dx": 0.3}, {"x": x}, {"x": every}]
    if name.startswith("cumulative"):
        many += [{"initial": 0, "x": x}, {"dx": np.sum(y, axis, keepdims=True)}]
    for options in many:
        found, expected = ours(y, **options, axis=axis), theirs(y, **options, axis=axis)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13, strict=True)
    np.testing.assert_allclose(ours([1, 5, 2]), theirs([1, 5, 2]))
    assert ours(y.astype(np.float32), x=x.astype(np.float32), axis=axis).dtype == np.float32


def test_where_a_position_stands_twice_there_is_nothing_to_integrate() -> None:
    x, y = np.array([0.0, 1.0, 1.0, 2.0, 2.5]), np.array([1.0, 2.0, 5.0, 1.0, 3.0])
    np.testing.assert_allclose(integrate.simpson(y, x), scipy.integrate.simpson(y, x))
    np.testing.assert_allclose(integrate.simpson(y[:4], x[:4]), scipy.integrate.simpson(y[:4], x[:4]))
    assert np.isfinite(ft.grad(lambda y: integrate.simpson(y, x))(y)).all()


def test_arguments_of_integrals_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 samples along the axis, and 2 positions"):
        integrate.simpson(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match=r"a vector, or of the rank of y; they have shape \(3, 3\)"):
        integrate.cumulative_simpson(np.ones(3), x=np.ones((3, 3)))
    with pytest.raises(ValueError, match="at least one sample"):
        integrate.simpson(np.ones((2, 0)))
    with pytest.raises(ValueError, match="`initial` must be"):
        integrate.cumulative_trapezoid(np.ones(3), initial=1.0)
    with pytest.raises(ValueError, match=r"a number or have shape \(2, 1\)"):
        integrate.cumulative_simpson(np.ones((2, 3)), initial=np.ones(2))
    with pytest.raises(ValueError, match="simpson takes a number for dx"):
        integrate.simpson(np.ones(3), dx=np.ones(3))
    with pytest.raises(ValueError, match="dx must be a number, or have one element"):
        integrate.cumulative_simpson(np.ones(3), dx=np.ones(3))
    with pytest.raises(ValueError, match="strictly increasing"):
        ft.grad(lambda x: integrate.cumulative_simpson(np.ones(3), x=x)[0])(np.array([0.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match="numbers for limits"):
        integrate.fixed_quad(np.sin, np.zeros(2), 1.0)
    assert np.isclose(integrate.fixed_quad(np.sin, 0, 1, n=4)[0], scipy.integrate.fixed_quad(np.sin, 0, 1, n=4)[0])
