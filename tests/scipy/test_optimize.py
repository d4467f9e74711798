"""`root` and `minimize` differentiate by the implicit function theorem, whatever the method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize

import functorch_lite as ft
from functorch_lite.scipy.optimize import minimize, root

A = np.array([1.0, 8.0])


def cubic(x: Any, a: Any) -> Any:
    return x**3 + 0.1 * np.roll(x, 1) - a


def valley(x: Any, a: Any, b: Any) -> Any:
    return np.sum((x - a) ** 2 + x**4) + b * x[0] * x[1]


@pytest.mark.parametrize("method", ["hybr", "lm", "krylov", "broyden1"])
def test_root(method: str) -> None:
    options = {"fatol": 1e-11} if method in ("krylov", "broyden1") else {"xtol": 1e-12}
    f = lambda a: root(cubic, np.ones(2), (a,), method, options=options).x
    x = f(A)
    np.testing.assert_allclose(cubic(x, A), 0.0, atol=1e-8)
    expected = np.linalg.inv(np.diag(3 * x**2) + 0.1 * np.eye(2)[::-1])
    np.testing.assert_allclose(ft.jacfwd(f)(A), expected, rtol=1e-6)
    np.testing.assert_allclose(ft.jacrev(f)(A), expected, rtol=1e-6)


def test_root_to_the_second_order_in_batches_and_of_trees() -> None:
    ft.check_grads(lambda p: root(lambda x, p: cubic(x, p["a"]), np.ones(2), p).x, ({"a": A},), 2)
    jac = lambda a: ft.jacrev(lambda a: root(cubic, np.ones(2), a).x)(a)
    batch = ft.vmap(jac)(np.stack([A, 2.0 * A]))
    np.testing.assert_allclose(batch[1], jac(2.0 * A))


def test_untraced_calls_give_scipys_own_result() -> None:
    ours, theirs = root(cubic, [1.0, 1.0], A), scipy.optimize.root(cubic, [1.0, 1.0], A)
    np.testing.assert_allclose(ours.x, theirs.x)
    assert ours.keys() >= theirs.keys()
    failed = root(lambda x: x**2 + 1.0, np.ones(1))
    assert not failed.success
    assert root(cubic, np.ones(2), A, jac=False).nfev >= theirs.nfev
    assert minimize(lambda x: np.sum(x**2), 1).x.shape == (1,)


@pytest.mark.parametrize(
    "method",
    [None, "BFGS", "CG", "Newton-CG", "trust-ncg", "trust-exact", "trust-constr", "L-BFGS-B", "Nelder-Mead", "Powell"],
)
def test_minimize(method: str | None) -> None:
    f = lambda a, b: minimize(valley, np.zeros(2), (a, b), method, tol=1e-10).x
    jac = ft.jacfwd(f, (0, 1))(A, 0.3)
    x = f(A, 0.3)
    hess = ft.hessian(valley)(x, A, 0.3)
    np.testing.assert_allclose(jac[0], np.linalg.solve(hess, 2.0 * np.eye(2)), rtol=1e-4)  # of the search's accuracy
    np.testing.assert_allclose(jac[1], -np.linalg.solve(hess, x[::-1]), rtol=1e-4)


def test_the_minimum_itself_differentiates() -> None:
    def lowest(b: Any) -> Any:
        return minimize(valley, np.zeros(2), (A, b), tol=1e-10).fun

    x = minimize(valley, np.zeros(2), (A, 0.3), tol=1e-10).x
    assert np.isclose(ft.grad(lowest)(0.3), x[0] * x[1])
    ft.check_grads(lowest, (0.3,), 2, atol=1e-5, rtol=1e-5)  # the search's accuracy


def test_a_variable_at_its_bound_does_not_move() -> None:
    for bounds in ([(None, None), (0, 1)], scipy.optimize.Bounds([-np.inf, 0.0], [np.inf, 1.0])):
        jac = ft.jacrev(lambda a, b=bounds: minimize(valley, np.zeros(2), (a, 0.3), bounds=b, tol=1e-12).x)(A)
        x = minimize(valley, np.zeros(2), (A, 0.3), bounds=bounds, tol=1e-12).x
        assert x[1] == 1.0
        np.testing.assert_allclose(jac, [[2.0 / (2.0 + 12.0 * x[0] ** 2), 0.0], [0.0, 0.0]], rtol=1e-6)


def test_given_derivatives_are_used() -> None:
    calls = []

    def pair(x: Any, a: Any) -> Any:
        calls.append(1)
        return valley(x, a, 0.3), ft.grad(valley)(x, a, 0.3)

    jac = ft.jacfwd(lambda a: minimize(pair, np.zeros(2), (a,), "BFGS", jac=True, tol=1e-10).x)(A)
    expected = ft.jacfwd(lambda a: minimize(valley, np.zeros(2), (a, 0.3), tol=1e-10).x)(A)
    np.testing.assert_allclose(jac, expected, rtol=1e-6)
    assert calls


def test_errors() -> None:
    with pytest.raises(TypeError, match="closes over a value traced"):
        ft.grad(lambda a: root(lambda x, c: cubic(x, c) * a, np.ones(2), (a * A,)).x[0])(1.0)
    with pytest.raises(TypeError, match="closes over a value traced"):
        ft.grad(lambda a: minimize(lambda x, c: np.sum((x - a) ** 2) * c, np.zeros(2), (a,)).x[0])(1.0)
    with pytest.raises(RuntimeError, match="did not find a solution"):
        ft.grad(lambda a: root(lambda x, a: x**2 + a, np.ones(2), (a,)).x[0])(1.0)
    constraint = {"type": "eq", "fun": np.sum}
    with pytest.raises(NotImplementedError, match="implicit_root"):
        ft.grad(lambda a: minimize(valley, np.zeros(2), (A, a), constraints=constraint).x[0])(1.0)
