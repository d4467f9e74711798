"""Divergence, curl and Laplacian agree with Jacobian and Hessian, and obey the identities of vector calculus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.measuring import peak

X = np.array([0.3, -0.7, 1.1])
POINTS = np.array([[0.3, -0.7, 1.1], [-0.2, 0.4, 2.0], [1.3, 0.1, -0.6]])
#: Sums of the same products in another order.
SAME = 1e-12


def field(x: Any) -> Any:
    return np.stack([np.sin(x[0] * x[1]), np.exp(x[2]) * x[0], x[1] ** 3 / (2.0 + x[0])])


def scalar(x: Any) -> Any:
    return np.tanh(x[0]) * np.sum(np.sin(x) ** 2) + np.linalg.norm(x) * x[2] ** 3


def test_the_divergence_is_the_trace_of_the_jacobian() -> None:
    np.testing.assert_allclose(ft.divergence(field)(X), np.trace(ft.jacrev(field)(X)), rtol=SAME)
    tree = {"a": X, "b": (np.float64(0.4), X[:2].reshape(1, 2))}

    def of_tree(t: Any) -> Any:
        return {"a": t["a"] ** 2 * t["b"][0], "b": (np.sin(t["b"][0]) * t["a"][1], t["b"][1] ** 3)}

    expected = 2 * X.sum() * 0.4 + np.cos(0.4) * X[1] + np.sum(3 * X[:2] ** 2)
    assert ft.divergence(of_tree)(tree) == pytest.approx(expected, rel=SAME)
    assert ft.divergence(of_tree, chunk_size=2)(tree) == pytest.approx(expected, rel=SAME)


def test_the_curl_by_its_definition() -> None:
    J = ft.jacrev(field)(X)
    np.testing.assert_allclose(ft.curl(field)(X), [J[2, 1] - J[1, 2], J[0, 2] - J[2, 0], J[1, 0] - J[0, 1]], rtol=SAME)
    assert ft.curl(lambda x: np.stack([-x[1], x[0]]) * x[0])(np.array([0.5, 2.0])) == pytest.approx(1.5)


@pytest.mark.parametrize(
    "f", [scalar, lambda x: np.stack([scalar(x), x[0] * x[1] ** 2]), lambda x: {"f": (scalar(x),)}]
)
def test_the_laplacian_is_the_trace_of_the_hessian(f: Callable[[Any], Any]) -> None:
    expected = ft.tree.map(lambda H: np.trace(H, axis1=-2, axis2=-1), ft.hessian(f)(X))
    for chunk_size in (None, 1, 2):
        found = ft.laplacian(f, chunk_size=chunk_size)(X)
        assert ft.tree.structure(found) == ft.tree.structure(expected)
        for a, b in zip(ft.tree.leaves(found), ft.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=SAME)


def test_identities() -> None:
    for x in POINTS:
        np.testing.assert_allclose(ft.curl(ft.grad(scalar))(x), 0.0, atol=1e-14)
        assert ft.divergence(ft.curl(field))(x) == pytest.approx(0.0, abs=1e-14)
        assert ft.divergence(ft.grad(scalar))(x) == pytest.approx(ft.laplacian(scalar)(x), rel=SAME)
        twice = ft.grad(ft.divergence(field))(x) - ft.curl(ft.curl(field))(x)
        np.testing.assert_allclose(ft.laplacian(field)(x), twice, rtol=1e-11)


def test_under_other_transformations() -> None:
    for operator, f in [(ft.divergence, field), (ft.curl, field), (ft.laplacian, scalar)]:
        g = operator(f)
        np.testing.assert_allclose(ft.vmap(g)(POINTS), np.stack([g(x) for x in POINTS]), rtol=SAME)
        np.testing.assert_allclose(ft.jacrev(g)(X), ft.jacfwd(g)(X), rtol=1e-11)
    biharmonic = ft.laplacian(ft.laplacian(lambda x: np.sum(x**2) ** 2))
    assert biharmonic(X) == pytest.approx(8 * 3 * (3 + 2), rel=SAME)  # Δ² r⁴ = 8 n (n + 2)


def test_the_other_arguments() -> None:
    def f(a: Any, x: Any, *, b: Any = 1.0) -> Any:
        return a * np.sum(x**2) * b

    assert ft.laplacian(f, 1)(2.0, X, b=3.0) == pytest.approx(36.0)
    assert ft.laplacian(f, 1)(np.arange(2.0), X).tolist() == pytest.approx([0.0, 6.0])
    assert ft.divergence(lambda a, x: a * x, 1)(2.0, X) == pytest.approx(6.0)
    assert ft.laplacian(lambda x: 3.0)(X) == 0.0
    out = ft.laplacian(lambda x: np.sum(x**2))(X.astype(np.float32))
    assert out.dtype == np.float32


def test_the_laplacian_makes_no_hessian() -> None:
    n = 1500
    x = np.linspace(-1.0, 1.0, n)
    laplacian = ft.laplacian(lambda x: np.sum(np.sin(x)), chunk_size=10)
    # A few arrays of ten directions, and not one of n.
    assert peak(lambda: laplacian(x)) < 100 * 8 * n
    assert laplacian(x) == pytest.approx(-np.sum(np.sin(x)), abs=1e-10)


def test_wrong_use() -> None:
    with pytest.raises(ValueError, match=r"needs a result like the argument, .* shapes \[\(3,\)\]; .*\[\(2,\)\]"):
        ft.divergence(lambda x: x[:2])(X)
    with pytest.raises(ValueError, match=r"points of shape \(3,\) or \(2,\), not at \(4,\); use ft.vmap"):
        ft.curl(lambda x: x)(np.ones(4))
    with pytest.raises(ValueError, match=r"needs a result of shape \(3,\) like its argument, not \[\(2,\)\]"):
        ft.curl(lambda x: x[:2])(X)
    for operator in (ft.divergence, ft.curl, ft.laplacian):
        with pytest.raises(TypeError, match="needs floating or complex inputs"):
            operator(lambda x: x)(np.arange(3))
        with pytest.raises(TypeError, match="complex128; coordinates are real"):
            operator(lambda x: x)(1j * X)
