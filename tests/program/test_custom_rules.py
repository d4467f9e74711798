"""`jit` around what has rules of its own: one operation of the program, and its rules are kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.scipy.integrate import odeint
from tests.program.test_nesting import TRANSFORMATIONS

X = np.array([0.7, 1.3])
TIMES = np.array([0.0, 0.5, 1.0])

#: One function, computed in the same steps but for sums; solvers stop at this distance.
CLOSE = 1e-7


@ft.custom_vjp
def product_and_sum(x: Any, y: Any) -> Any:
    return x * y, {"sum": x + y}


def _product_and_sum_bwd(residuals: Any, g: Any) -> Any:
    (x, y), (by_product, by_sum) = residuals, g
    return by_product * y + by_sum["sum"], by_product * x + by_sum["sum"]


product_and_sum.defvjp(lambda x, y: (product_and_sum(x, y), (x, y)), _product_and_sum_bwd)


@ft.custom_jvp
def scaled_sine(x: Any, p: dict[str, Any]) -> Any:
    return np.sin(x) * p["scale"]


@scaled_sine.defjvp
def _scaled_sine_jvp(primals: Any, tangents: Any) -> Any:
    (x, p), (dx, dp) = primals, tangents
    return scaled_sine(x, p), np.cos(x) * dx * p["scale"] + np.sin(x) * dp["scale"]


@partial(ft.custom_vjp, nondiff_argnums=(0,))
def applied(f: Callable[..., Any], x: Any, y: Any) -> Any:
    return f(x, y)


applied.defvjp(lambda f, x, y: (f(x, y), (x, y)), lambda f, r, g: (g * r[1], g * r[0]))


def newton(g: Callable[[Any], Any], x: Any) -> Any:
    for _ in range(30):
        x = x - np.linalg.solve(ft.jacobian(g)(x), g(x))
    return x


cube_root = ft.implicit_root(lambda z, a: z**3 + 0.1 * np.sum(z) - a, newton)
cosine = ft.fixed_point(lambda z, a: np.cos(z) * a)


def solution(x: Any) -> Any:
    def solve(product: Callable[[Any], Any], b: Any) -> Any:
        return np.linalg.solve(np.stack([product(e) for e in np.eye(2)], -1), b)

    return ft.custom_linear_solve(lambda v: v * x + 0.1 * np.sum(v), x**2, solve)


def oscillation(x: Any) -> Any:
    def rate(y: dict[str, Any], t: Any, p: dict[str, Any]) -> Any:
        return {"u": y["v"], "v": -p["stiffness"] * y["u"]}

    return odeint(rate, {"u": x, "v": 0.5 * x}, TIMES, {"stiffness": x}, method="adjoint")


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "reverse rule, two arguments, a tree of results": lambda x: product_and_sum(x, X + x),
    "reverse rule, one argument is a constant": lambda x: product_and_sum(X, x),
    "forward rule, a tree": lambda x: scaled_sine(x, {"scale": x**2}),
    "an argument that is not differentiated": lambda x: applied(np.multiply, x, X),
    "implicit_root": lambda x: cube_root(np.ones(2), x),
    "fixed_point": lambda x: cosine(np.full(2, 0.5), 0.3 * x),
    "custom_linear_solve": solution,
    "odeint, adjoint": oscillation,
}


def loss(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: sum(np.sum(np.sin(y)) for y in ft.tree.leaves(f(x)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values(name: str) -> None:
    f = FUNCTIONS[name]
    compiled = ft.jit(f)
    for x in (X, X[::-1], X + 1.0):
        ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), compiled(x), f(x))


@pytest.mark.parametrize(("way", "transform"), TRANSFORMATIONS, ids=[name for name, _ in TRANSFORMATIONS])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_in_any_order(name: str, way: str, transform: Callable[..., Any]) -> None:
    f = loss(FUNCTIONS[name])
    expected = transform(f)(X)
    for found in (transform(ft.jit(f))(X), ft.jit(transform(f))(X), ft.jit(transform(ft.jit(f)))(X)):
        ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=CLOSE, atol=CLOSE), found, expected)


def _sine_times(t: Any, forward: bool) -> Callable[[Any], Any]:
    """Return a sine whose rule closes over a factor."""
    if forward:
        f = ft.custom_jvp(lambda x: np.sin(x))
        f.defjvp(lambda primals, tangents: (f(*primals), tangents[0] * t))
        return f
    g = ft.custom_vjp(lambda x: np.sin(x))
    g.defvjp(lambda x: (np.sin(x), None), lambda _, c: (c * t,))
    return g


@pytest.mark.parametrize("forward", [True, False], ids=["custom_jvp", "custom_vjp"])
@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (lambda rule: ft.grad(ft.jit(lambda x, t: rule(t)(x))), 0.7),
        (lambda rule: ft.jit(ft.grad(lambda x, t: ft.scan(lambda c, _: (rule(t)(c), None), x, length=2)[0])), 0.49),
        (lambda rule: ft.jit(ft.grad(lambda x, t: ft.scan(lambda c, s: (rule(s)(c), None), x, t * X)[0])), "product"),
        (lambda rule: lambda x, t: ft.grad(lambda t: ft.grad(ft.jit(lambda x: rule(t)(x)))(x))(t), 1.0),
    ],
    ids=["grad of jit", "closure of a loop", "row of a loop", "outside"],
)
def test_a_rule_may_close_over_a_traced_value(transform: Any, expected: Any, forward: bool) -> None:
    found = transform(lambda t: _sine_times(t, forward))(0.4, 0.7)
    assert np.isclose(found, np.prod(0.7 * X) if expected == "product" else expected)


@pytest.mark.parametrize("forward", [True, False], ids=["custom_jvp", "custom_vjp"])
def test_a_rule_that_closes_over_a_tensor_is_refused_in_a_program(forward: bool) -> None:
    f = ft.grad(ft.jit(lambda x: _sine_times(ft.tensor(0.7), forward)(x)))
    with pytest.raises(TypeError, match=r"closes over a value traced by the object style.*as an argument"):
        f(0.4)
