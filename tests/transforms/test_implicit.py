"""Solutions of equations and linear systems: the derivative does not depend on how they were found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse.linalg

import functorch_lite as ft

RANDOM = np.random.default_rng(0)
A = RANDOM.normal(size=(3, 3)) + 4.0 * np.eye(3)
B = RANDOM.normal(size=3)
P = {"A": A, "b": B, "s": 0.7}


def residual(x: Any, p: Any) -> Any:
    return p["A"] @ x + 0.1 * np.sin(x) * p["s"] - p["b"]


def newton(g: Callable[[Any], Any], x: Any) -> Any:
    """A solver that differentiates the function that it is given."""
    for _ in range(20):
        x = x - np.linalg.solve(ft.jacobian(g)(x), g(x))
    return x


def unrolled(p: Any) -> Any:
    """The same solution, differentiated through the solver's steps."""
    return newton(lambda x: residual(x, p), np.zeros(3))


def by_columns(matvec: Callable[[Any], Any], b: Any) -> Any:
    return np.linalg.solve(np.stack([matvec(e) for e in np.eye(len(b))], axis=1), b)


def by_gmres(matvec: Callable[[Any], Any], b: Any) -> Any:
    n = len(b)
    operator = scipy.sparse.linalg.LinearOperator((n, n), matvec=matvec, dtype=b.dtype)
    return scipy.sparse.linalg.gmres(operator, b, rtol=1e-14, atol=0.0)[0]


ROOTS = {
    "fsolve": ft.implicit_root(residual, lambda g, x: scipy.optimize.fsolve(g, x, xtol=1e-12)),
    "root": ft.implicit_root(residual, lambda g, x: scipy.optimize.root(g, x, tol=1e-12)),
    "own": ft.implicit_root(residual, newton),
    "own linear solver": ft.implicit_root(residual, newton, linear_solve=by_columns),
    "SciPy's linear solver": ft.implicit_root(residual, newton, linear_solve=by_gmres),
}

TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "value": lambda f: f(P),
    "jacfwd": lambda f: ft.jacfwd(f)(P),
    "jacrev": lambda f: ft.jacrev(f)(P),
    "hessian": lambda f: ft.hessian(lambda p: np.sum(f(p) ** 2))(P),
    "jacrev of jacrev": lambda f: ft.jacrev(ft.jacrev(lambda b: f({**P, "b": b})))(B),
    "jacfwd of jacfwd": lambda f: ft.jacfwd(ft.jacfwd(lambda s: f({**P, "s": s})))(0.7),
    "third order": lambda f: ft.jacrev(ft.jacfwd(ft.jacrev(lambda s: f({**P, "s": s}))))(0.7),
    "linearize": lambda f: ft.linearize(f, P)[1](P),
    "vmap": lambda f: ft.vmap(lambda b: f({**P, "b": b}))(np.stack([B, 2.0 * B])),
    "vmap of jacrev": lambda f: ft.vmap(lambda a: ft.jacrev(f)({**P, "A": a}))(np.stack([A, 2.0 * A])),
    "vmap of hessian": lambda f: ft.vmap(lambda b: ft.hessian(lambda s: np.sum(f({**P, "b": b, "s": s})))(0.7))(
        np.stack([B, 2.0 * B])
    ),
    "grad of vmap": lambda f: ft.grad(lambda s: np.sum(ft.vmap(lambda b: f({"A": A, "b": b, "s": s}))(np.eye(3))))(0.7),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ROOTS)
def test_a_root_has_the_derivatives_of_the_unrolled_solver(name: str, transform: str) -> None:
    root = ROOTS[name]
    actual = TRANSFORMS[transform](lambda p: root(np.zeros(3), p))
    expected = TRANSFORMS[transform](unrolled)
    for a, b in zip(ft.tree.leaves(actual), ft.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)  # GMRES and fsolve stop at about 1e-12


def test_the_unknown_may_be_a_tree() -> None:
    def f(x: Any, a: float) -> Any:
        return {"u": x["u"] - 0.3 * np.cos(x["v"][0]) * a, "v": (x["v"][0] - 0.2 * x["u"] - a**2,)}

    root = ft.implicit_root(f, scipy_on_trees)
    ft.check_grads(lambda a: root({"u": 0.0, "v": (0.0,)}, a), (0.6,), 2)


def scipy_on_trees(g: Callable[[Any], Any], x: Any) -> Any:
    """Solve for a tree of two scalars by SciPy."""
    _, structure = ft.tree.flatten(x)

    def flat(v: Any) -> Any:
        return np.array(ft.tree.leaves(g(ft.tree.unflatten(structure, list(v)))))

    return ft.tree.unflatten(structure, list(scipy.optimize.fsolve(flat, np.array(ft.tree.leaves(x)), xtol=1e-12)))


def test_the_derivative_by_the_guess_is_zero() -> None:
    root = ROOTS["fsolve"]
    assert np.array_equal(ft.jacrev(root)(np.zeros(3), P), np.zeros((3, 3)))


def test_the_solver_sees_plain_arrays_and_runs_once_for_many_tangents() -> None:
    seen = []

    def solver(g: Callable[[Any], Any], x: Any) -> Any:
        seen.append((ft.is_tracer(x), ft.is_tracer(g(x))))
        return newton(g, x)

    root = ft.implicit_root(residual, solver)
    ft.jacfwd(lambda b: root(np.zeros(3), {**P, "b": b}))(B)
    assert seen == [(False, False)]


def test_integer_arguments_are_constants() -> None:
    root = ft.implicit_root(lambda x, n, a: x**n - a, scipy.optimize.newton)
    assert np.isclose(ft.grad(root, 2)(1.0, 3, 8.0), 1 / 12)


def test_float32_stays_float32() -> None:
    root = ft.implicit_root(lambda x, a: x * x - a, newton_of_scalars)
    gradient = ft.grad(root, 1)(np.float32(1.0), np.float32(4.0))
    assert gradient.dtype == np.float32
    assert np.isclose(gradient, 0.25)


def newton_of_scalars(g: Callable[[Any], Any], x: Any) -> Any:
    for _ in range(20):
        x = x - g(x) / ft.grad(g)(x)
    return x


def test_fixed_points() -> None:
    square_root = ft.fixed_point(lambda x, a: 0.5 * (x + a / x))
    ft.check_grads(lambda a: square_root(1.0, a), (4.0,), 3)
    batch = ft.vmap(ft.grad(square_root, 1), (None, 0))(1.0, np.array([1.0, 4.0, 9.0]))
    np.testing.assert_allclose(batch, [0.5, 0.25, 1 / 6])

    trees = ft.fixed_point(lambda x, a: {"u": 0.3 * np.cos(x["v"]) * a, "v": 0.2 * x["u"] + a**2})
    ft.check_grads(lambda a: trees({"u": 0.0, "v": 0.0}, a), (0.6,), 2)

    by_scipy = ft.fixed_point(lambda x, a: np.cos(a * x), scipy.optimize.fixed_point)
    ft.check_grads(lambda a: by_scipy(np.float64(0.5), a), (0.8,), 2)


def test_linear_systems_of_trees() -> None:
    def solve(matvec: Callable[[Any], Any], b: Any) -> Any:
        leaves, structure = ft.tree.flatten(b)
        n = len(leaves[0])

        def joined(v: Any) -> Any:
            return np.concatenate(ft.tree.leaves(matvec(ft.tree.unflatten(structure, [v[:n], v[n:]]))))

        x = by_columns(joined, np.concatenate(leaves))
        return ft.tree.unflatten(structure, [x[:n], x[n:]])

    def solution(t: Any, b: Any, **options: Any) -> Any:
        def matvec(v: Any) -> Any:
            return {"x": t * v["x"] + 0.1 * v["y"], "y": v["y"] * 2.0 + np.sin(t) * v["x"]}

        return ft.custom_linear_solve(matvec, b, solve, **options)

    t, b = np.array([3.0, 4.0]), {"x": np.ones(2), "y": np.array([1.0, 2.0])}
    ft.check_grads(solution, (t, b), 2)
    ft.check_grads(lambda t, b: solution(t, b, transpose_solve=solve), (t, b), 2)
    gradient = ft.grad(lambda t, b: np.sum(solution(t, b)["x"] ** 2), (0, 1))
    batch = ft.vmap(gradient, (0, None))(np.stack([t, 2.0 * t]), b)
    for i, scale in enumerate((1.0, 2.0)):
        for whole, one in zip(ft.tree.leaves(batch), ft.tree.leaves(gradient(scale * t, b)), strict=True):
            np.testing.assert_allclose(whole[i], one, rtol=1e-12)


def test_a_symmetric_system_never_forms_its_transpose() -> None:
    matrix = A + A.T
    seen = []

    def solve(matvec: Callable[[Any], Any], b: Any) -> Any:
        seen.append(matvec(np.arange(3.0)))
        return by_columns(matvec, b)

    def f(s: Any, b: Any) -> Any:
        return np.sum(ft.custom_linear_solve(lambda v: s * (matrix @ v), b, solve, symmetric=True) ** 2)

    ft.check_grads(f, (1.3, B), 2)
    gradient = ft.grad(f)(1.0, B)
    assert np.isclose(gradient, -2.0 * np.sum(np.linalg.solve(matrix, B) ** 2))
    expected = matrix @ np.arange(3.0)
    assert all(np.allclose(product / product[0], expected / expected[0]) for product in seen)


def test_complex_systems() -> None:
    matrix = A + 1j * RANDOM.normal(size=(3, 3))

    def f(s: Any, b: Any) -> Any:
        return ft.custom_linear_solve(lambda v: matrix @ v * s, b, by_columns_of_complex)

    ft.check_grads(f, (1.3 + 0.2j, B + 1j), 2)


def by_columns_of_complex(matvec: Callable[[Any], Any], b: Any) -> Any:
    return np.linalg.solve(np.stack([matvec(e) for e in np.eye(len(b), dtype=complex)], axis=1), b)


def test_the_matrix_may_contain_a_root_and_a_system() -> None:
    cube_root = ft.implicit_root(lambda x, a: x**3 - a, newton_of_scalars)

    def f(a: Any) -> Any:
        inner = lambda v: ft.custom_linear_solve(lambda w: (w + cube_root(1.0, a) * np.roll(w, 1)), v, by_columns)
        return ft.custom_linear_solve(lambda v: 4.0 * v + inner(v), B, by_columns)

    def directly(a: Any) -> Any:
        shift = np.roll(np.eye(3), 1, axis=0)
        return np.linalg.solve(4.0 * np.eye(3) + np.linalg.inv(np.eye(3) + a ** (1 / 3) * shift), B)

    np.testing.assert_allclose(f(5.0), directly(5.0), rtol=1e-9)
    np.testing.assert_allclose(ft.jacfwd(f)(5.0), ft.jacfwd(directly)(5.0), rtol=1e-9)
    np.testing.assert_allclose(ft.jacrev(f)(5.0), ft.jacfwd(directly)(5.0), rtol=1e-9)
    np.testing.assert_allclose(
        ft.hessian(lambda a: np.sum(f(a)))(5.0), ft.hessian(lambda a: np.sum(directly(a)))(5.0), rtol=1e-8
    )


# --- Errors -----------------------------------------------------------------------------------------------------------


def test_a_function_that_closes_over_a_traced_value_is_refused() -> None:
    for solver in (scipy.optimize.newton, newton_of_scalars):
        with pytest.raises(TypeError, match=r"closes over a value traced by reverse-mode.*as an argument"):
            ft.grad(lambda a, s=solver: ft.implicit_root(lambda x: x**3 - a, s)(1.0))(8.0)
    with pytest.raises(TypeError, match="closes over a value traced"):
        ft.grad(lambda a: ft.implicit_root(lambda x, b: x**3 - a * b, newton_of_scalars)(1.0, a))(8.0)


def test_a_solver_that_failed_is_an_error() -> None:
    root = ft.implicit_root(lambda x, a: x * x + a, lambda g, x: scipy.optimize.root(g, x))
    with pytest.raises(RuntimeError, match="did not find a solution"):
        ft.grad(lambda a: root(np.ones(1), a)[0])(1.0)
    with pytest.raises(RuntimeError, match="did not settle"):
        ft.fixed_point(lambda x, a: a * x + 1.0)(0.0, -1.0)


def test_a_singular_jacobian_is_numpys_error() -> None:
    root = ft.implicit_root(lambda x, a: a * x**2, lambda g, x: 0.0 * x)
    assert root(np.zeros(1), 1.0) == 0.0
    with pytest.raises(np.linalg.LinAlgError):
        ft.jacfwd(lambda a: root(np.zeros(1), a))(1.0)


def test_wrong_shapes_and_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="solution that implicit_root was given has structure"):
        ft.implicit_root(lambda x, a: x - a, lambda g, x: np.zeros(3))(np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match="the residual of"):
        ft.jacfwd(lambda a: ft.implicit_root(lambda x, a: np.sum(x) - a, lambda g, x: x)(np.zeros(2), a))(1.0)
    with pytest.raises(TypeError, match="real floating"):
        ft.jacfwd(lambda a: ft.implicit_root(lambda x, a: x - a, lambda g, x: x)(np.ones(2, complex), a))(1.0)
    with pytest.raises(ValueError, match=r"the product matvec\(x\)"):
        ft.custom_linear_solve(lambda v: v[:2], np.ones(3), by_columns)
    with pytest.raises(ValueError, match="the solution"):
        ft.custom_linear_solve(lambda v: v, np.ones(3), lambda matvec, b: b[:2])
    with pytest.raises(TypeError, match="custom_linear_solve needs floating"):
        ft.custom_linear_solve(lambda v: v, np.ones(3, int), by_columns)
    with pytest.raises(ValueError, match="not linear"):
        ft.custom_linear_solve(lambda v: v * v, np.ones(3), by_columns)
    with pytest.raises(TypeError, match="closes over one"):
        ft.grad(lambda s: ft.custom_linear_solve(lambda v: v, B, lambda matvec, b: b * s)[0])(1.0)
    with pytest.raises(ValueError, match="empty batch"):
        ft.vmap(lambda b: ROOTS["own"](np.zeros(3), {**P, "b": b}))(np.zeros((0, 3)))
