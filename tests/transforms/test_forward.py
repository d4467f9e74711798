"""Forward mode: the value and the derivative along a direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])
T = np.array([1.0, 2.0, -0.5])
MATRIX = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


def f(x: Any) -> Any:
    return np.sin(x) * np.sum(x * x) + x[::-1] / (2.0 + x)


def central(f: Callable[[Any], Any], x: Any, t: Any) -> Any:
    """Return the derivative along ``t`` by Richardson's extrapolation of central differences."""

    def difference(step: float) -> Any:
        return (f(x + step * t) - f(x - step * t)) / (2 * step)

    return (4 * difference(5e-4) - difference(1e-3)) / 3


def test_a_tangent_is_the_derivative_along_a_direction() -> None:
    value, tangent = ft.jvp(f, (X,), (T,))
    np.testing.assert_array_equal(value, f(X))
    np.testing.assert_allclose(tangent, central(f, X, T), rtol=1e-9)


def test_a_tangent_is_linear_in_the_direction() -> None:
    def push(t: Any) -> Any:
        return ft.jvp(f, (X,), (t,))[1]

    np.testing.assert_allclose(push(2.0 * T - 3.0 * X), 2.0 * push(T) - 3.0 * push(X), rtol=1e-13)
    np.testing.assert_array_equal(push(np.zeros(3)), np.zeros(3))


def test_a_tangent_is_the_product_with_the_jacobian() -> None:
    np.testing.assert_allclose(ft.jvp(f, (X,), (T,))[1], np.sum(ft.jacrev(f)(X) * T, axis=1), rtol=1e-13)


def test_several_arguments_move_together() -> None:
    def g(x: Any, p: Any) -> Any:
        return {"a": x * p["s"], "b": np.sum(p["v"] * x)}

    p, q = {"s": 2.0, "v": MATRIX}, {"s": 0.5, "v": MATRIX * 2.0}
    value, tangent = ft.jvp(g, (X, p), (T, q))
    np.testing.assert_allclose(value["a"], 2 * X)
    np.testing.assert_allclose(tangent["a"], 2 * T + 0.5 * X)
    assert tangent["b"] == pytest.approx(np.sum(MATRIX * T) + 2.0 * np.sum(MATRIX * X))
    lists = ft.jvp(g, [X, p], [T, q])
    np.testing.assert_array_equal(lists[1]["a"], tangent["a"])


def test_what_does_not_depend_on_the_input_has_a_zero_tangent() -> None:
    value, tangent = ft.jvp(lambda x: (MATRIX, 3.0, np.float32(2), x > 0, ft.stop_gradient(x)), (X,), (T,))
    for v, t in zip(value, tangent, strict=True):
        assert np.shape(t) == np.shape(v)
        assert not np.any(t)
    assert np.asarray(tangent[2]).dtype == np.float32
    tangent[0][0] = 1.0  # its own memory
    assert MATRIX[0, 0] == 0.5


def test_tangents_have_the_shape_and_kind_of_their_values() -> None:
    for g in (
        lambda x: x + MATRIX,
        lambda x: MATRIX * x[0],
        lambda x: np.broadcast_to(x, (2, 3)),
        lambda x: np.abs(x * 1j),
    ):
        value, tangent = ft.jvp(g, (X,), (T,))
        assert value.shape == tangent.shape
        assert value.dtype == tangent.dtype


def test_jvp_and_vjp_agree_by_the_inner_product() -> None:
    value, tangent = ft.jvp(f, (X,), (T,))
    g = np.cos(value)
    assert np.sum(g * tangent) == pytest.approx(np.sum(ft.vjp(f, X)[1](g)[0] * T), rel=1e-13)


def test_nested_forward_mode_gives_mixed_second_derivatives() -> None:
    u, v = T, X[::-1].copy()

    def second(a: Any, b: Any) -> Any:
        return ft.jvp(lambda x: ft.jvp(f, (x,), (a,))[1], (X,), (b,))[1]

    np.testing.assert_allclose(second(u, v), second(v, u), rtol=1e-12)
    np.testing.assert_allclose(second(u, v), np.einsum("ijk,j,k->i", ft.hessian(f)(X), u, v), rtol=1e-12)


def test_the_tangent_may_depend_on_the_outer_variable() -> None:
    # d/dx (f'(x) x) = f''(x) x + f'(x)
    found = ft.grad(lambda x: ft.jvp(np.sin, (x,), (x,))[1])(0.4)
    assert found == pytest.approx(-np.sin(0.4) * 0.4 + np.cos(0.4), rel=1e-14)


# --- Wrong use --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", [(X, T), ((X,), T), (X, (T,)), ({"x": X}, {"x": T}), (None, None)])
def test_primals_and_tangents_come_in_tuples(pair: Any) -> None:
    with pytest.raises(TypeError, match="jvp takes tuples of primals and tangents, not"):
        ft.jvp(np.sin, *pair)


def test_structures_must_agree() -> None:
    for tangents in (({"b": T},), ({"a": T}, T), ()):
        with pytest.raises(ValueError, match="primals and tangents differ in structure"):
            ft.jvp(lambda p: p["a"], ({"a": X},), tangents)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"the tangent has shape \(2,\) where its primal has \(3,\)"):
        ft.jvp(np.sin, (X,), (T[:2],))
    with pytest.raises(ValueError, match=r"the tangent has shape \(\) where its primal has \(3,\)"):
        ft.jvp(np.sin, (X,), (1.0,))


@pytest.mark.parametrize(
    ("tangent", "kind"), [(T * 1j, "complex128"), (T > 0, "bool"), (np.array(["a", "b", "c"]), "<U1")]
)
def test_kinds_must_agree(tangent: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=f"the tangent is {kind} where its primal is float64"):
        ft.jvp(np.sin, (X,), (tangent,))


def test_a_complex_tangent_of_a_python_float_is_refused() -> None:
    with pytest.raises(TypeError, match="the tangent is complex128 where its primal is float64"):
        ft.jvp(np.sin, (1.0,), (1j,))
