"""NumPy arrays of traced scalars, such as ``np.array([x[0], x[1]])`` gives, keep the derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp
from functorch_lite.core.errors import TracerConversionError

X = np.array([0.3, -0.7, 1.1])
MATRIX = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])

# --- Object arrays of scalar tracers ----------------------------------------------------------------------------------

# Functions of a vector of three that put traced scalars into NumPy arrays, beside the same without.
COLLECTED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "returned": (lambda x: np.array([x[0] * x[1], x[2]]), lambda x: np.stack([x[0] * x[1], x[2]])),
    "with constants": (lambda x: np.array([x[0], 1.0, 2]) * x, lambda x: np.stack([x[0], 1.0, 2.0]) * x),
    "matrix": (
        lambda x: np.array([[x[0], 1.0], [0.0, x[1]]]) * x[2],
        lambda x: np.stack([x[0], 1.0, 0.0, x[1]]).reshape(2, 2) * x[2],
    ),
    "arithmetic among themselves": (
        lambda x: np.array([x[0], x[1]]) ** 2 / np.array([x[2], x[1]]) - 1.0,
        lambda x: x[:2] ** 2 / np.stack([x[2], x[1]]) - 1.0,
    ),
    "ufuncs": (lambda x: np.exp(np.sin(np.array([x[0], x[1]]))), lambda x: np.exp(np.sin(x[:2]))),
    "ufunc of two": (
        lambda x: np.arctan2(np.array([x[0], x[1]]), np.array([x[2], x[2]])),
        lambda x: np.arctan2(x[:2], x[2]),
    ),
    "ufunc of a list": (lambda x: np.sin([x[0], x[1]]), lambda x: np.sin(x[:2])),
    "meets a tracer on the right": (lambda x: np.array([x[2], x[1], x[0]]) * x, lambda x: x[::-1] * x),
    "meets a tracer on the left": (lambda x: x - np.array([x[2], x[1], x[0]]), lambda x: x - x[::-1]),
    "function with a tracer": (
        lambda x: np.concatenate([np.array([x[0], x[2]]), x]),
        lambda x: np.concatenate([x[::2], x]),
    ),
    "sum": (lambda x: np.sum(np.array([x[0], x[1] * x[0]])), lambda x: x[0] + x[1] * x[0]),
    "prod": (lambda x: np.prod(np.array([x[0], x[1]])), lambda x: x[0] * x[1]),
    "cumsum": (lambda x: np.cumsum(np.array([x[0], x[1]])), lambda x: np.cumsum(x[:2])),
    "where": (
        lambda x: np.where([True, False], np.array([x[0], x[1]]), 2.0),
        lambda x: np.stack([x[0], 2.0 + 0 * x[0]]),
    ),
    "indexing": (lambda x: np.array([x[0], x[1]])[1], lambda x: x[1]),
    "reshape": (lambda x: np.array([x[0], x[1]]).reshape(2, 1) + x, lambda x: x[:2].reshape(2, 1) + x),
    "dot": (lambda x: np.dot(MATRIX, np.array([x[2], x[0], x[1]])), lambda x: np.sum(MATRIX * np.roll(x, 1), axis=1)),
    "dot by the method": (lambda x: MATRIX.dot(x), lambda x: np.sum(MATRIX * x, axis=1)),
    "norm": (lambda x: np.linalg.norm(np.array([x[0], x[1]])), lambda x: np.sqrt(x[0] ** 2 + x[1] ** 2)),
    "full": (lambda x: np.full(3, x[0]) * x, lambda x: x[0] * x),
    "r_": (lambda x: np.r_[x[0], x, 1.0] * 2.0, lambda x: np.concatenate([x[:1], x, [1.0]]) * 2.0),
    "c_": (lambda x: np.c_[x, x] * 2.0, lambda x: np.stack([x, x], axis=1) * 2.0),
    "whole arrays": (lambda x: np.array([x, x * x]), lambda x: np.stack([x, x * x])),
    "asarray": (lambda x: np.asarray(x) * 2.0, lambda x: x * 2.0),
    "asarray of a scalar": (lambda x: np.asarray(x[0]) * x, lambda x: x[0] * x),
    "vectorize": (lambda x: np.vectorize(lambda a: a * a)(x), lambda x: x * x),
    "assigned to an object array": (lambda x: assigned(x), lambda x: np.stack([x[1], 0.0, x[2]]) * x),
    "tree of them": (
        lambda x: {"a": np.array([x[0], x[1]]), "b": [np.array(x[2])]},
        lambda x: {"a": x[:2], "b": [x[2]]},
    ),
    "empty": (lambda x: np.array([x[0], x[1]])[:0] * x[0], lambda x: x[:0] * x[0]),
}


def assigned(x: Any) -> Any:
    b = np.zeros(3, dtype=object)
    b[0], b[2] = x[1], x[2]
    return b * x


@pytest.mark.parametrize(
    "transform", [ft.jacfwd, ft.jacrev, ft.jacobian, ft.hessian, lambda f: ft.jacrev(ft.jacrev(f))]
)
@pytest.mark.parametrize("name", COLLECTED)
def test_arrays_of_traced_scalars_keep_the_derivative(name: str, transform: Callable[[Any], Any]) -> None:
    collected, plain = COLLECTED[name]
    found, expected = transform(collected)(X), transform(plain)(X)
    for a, b in zip(ft.tree.leaves(found), ft.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)
        assert a.dtype == float


@pytest.mark.parametrize("name", COLLECTED)
def test_arrays_of_batched_scalars_keep_the_values(name: str) -> None:
    collected, plain = COLLECTED[name]
    batch = np.stack([X, X**2, X + 2.0])
    for a, b in zip(*(ft.tree.leaves(ft.vmap(f)(batch)) for f in (collected, plain)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


@ft.custom_jvp
def square(x: Any) -> Any:
    return x * x


square.defjvp(lambda primals, tangents: (square(*primals), 2.0 * primals[0] * tangents[0]))

# Boundaries of transformations that an array of traced scalars may cross.
CROSSED: dict[str, Callable[[Any, Any], Any]] = {
    "argument of grad": lambda x, z: ft.grad(lambda y: np.sum(y * y))(z),
    "argument of vjp": lambda x, z: ft.vjp(lambda y: y * y, z)[0],
    "cotangent": lambda x, z: ft.vjp(lambda y: y * y * y, x[:2])[1](z)[0],
    "primal of jvp": lambda x, z: ft.jvp(lambda y: y * y, (z,), (np.ones(2),))[1],
    "tangent of jvp": lambda x, z: ft.jvp(lambda y: y * y, (x[:2],), (z,))[1],
    "argument of vmap": lambda x, z: ft.vmap(lambda y: y * y)(z),
    "argument of jacrev": lambda x, z: ft.jacrev(lambda y: y * y)(z),
    "argument of jacfwd": lambda x, z: ft.jacfwd(lambda y: y * y)(z),
    "argument of a custom function": lambda x, z: square(z),
    "argument of a checkpointed function": lambda x, z: ft.checkpoint(lambda y: y * y)(z),
    "stop_gradient": lambda x, z: ft.stop_gradient(z) * x[:2],
    "auxiliary output": lambda x, z: ft.vjp(lambda y: (y, z * z), x, has_aux=True)[2],
}


@pytest.mark.parametrize("name", CROSSED)
def test_arrays_of_traced_scalars_cross_every_boundary(name: str) -> None:
    cross = CROSSED[name]
    found = ft.jacrev(lambda x: cross(x, np.array([x[0], x[1]])))(X)
    np.testing.assert_allclose(found, ft.jacrev(lambda x: cross(x, x[:2]))(X), rtol=1e-14)
    found = ft.jacfwd(lambda x: cross(x, np.array([x[0], x[1]])))(X)
    np.testing.assert_allclose(found, ft.jacfwd(lambda x: cross(x, x[:2]))(X), rtol=1e-14)


@pytest.mark.parametrize("function", [np.linalg.inv, np.linalg.det])
def test_what_cannot_take_an_array_of_traced_scalars_refuses_it(function: Callable[[Any], Any]) -> None:
    # NumPy asks no one before it refuses objects
    with pytest.raises(TypeError):
        ft.grad(lambda x: np.sum(function(np.array([[x[0], 1.0], [0.0, x[1]]]))))(X)
    found = ft.grad(lambda x: np.sum(function(fnp.array([[x[0], 1.0], [0.0, x[1]]]))))(X)  # the remedy
    expected = ft.grad(lambda x: np.sum(function(np.stack([x[0], 1.0, 0.0, x[1]]).reshape(2, 2))))(X)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_an_array_of_traced_scalars_has_no_mean_but_a_stacked_one_has() -> None:
    with pytest.raises(TracerConversionError, match=r"np\.stack"):
        ft.grad(lambda x: np.array([x[0], x[1]]).mean())(X)
    np.testing.assert_allclose(ft.grad(lambda x: np.stack([x[0], x[1]]).mean())(X), [0.5, 0.5, 0.0])


@pytest.mark.parametrize(
    "content", [lambda x: "text", lambda x: None, lambda x: np.stack([x, x])], ids=["str", "None", "array"]
)
def test_an_object_array_of_other_things_is_refused(content: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        b = np.empty(2, dtype=object)
        b[0], b[1] = x[0], content(x[0])
        return np.sum(np.concatenate([x, b]))

    with pytest.raises(TypeError, match=r"object array at test_object_arrays\.py:\d+.*no number.*pytree"):
        ft.grad(f)(X)


def test_a_large_array_is_not_taken_apart() -> None:
    large = np.arange(300.0)
    for convert in (np.asarray, np.array, lambda x: np.array([x, x])):
        with pytest.raises(
            TracerConversionError, match=r"float64\[300\].*300 separate scalars, more than 256.*fnp\.asarray"
        ):
            ft.grad(lambda x, convert=convert: np.sum(convert(x) ** 2))(large)
    for remedy in (fnp.asarray, lambda x: np.stack([x, x])[0]):
        np.testing.assert_array_equal(ft.grad(lambda x, remedy=remedy: np.sum(remedy(x) ** 2))(large), 2 * large)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.asarray(x) ** 2))(large[:256]), 2 * large[:256])


def test_complex_scalars_are_refused_as_numpy_would_lose_their_imaginary_parts() -> None:
    z = np.array([1.0 + 2.0j, 3.0j])
    for convert in (np.array, np.asarray):
        with pytest.raises(TracerConversionError, match=r"complex128\[\].*imaginary part to be zero.*fnp\.array"):
            ft.grad(lambda z, convert=convert: np.sum(np.imag(convert([z[0], z[1]]))))(z)
    for remedy in (fnp.array, fnp.asarray, np.stack):
        g = ft.grad(lambda z, remedy=remedy: np.sum(np.imag(remedy([z[0] * z[0], z[1]]))))(z)
        np.testing.assert_allclose(g, [-2j * z[0], -1j], rtol=1e-15)


def test_fnp_asarray_makes_an_object_array_whole() -> None:
    def f(x: Any) -> Any:
        y = fnp.asarray(np.array([x[0], x[1] * x[1]]))
        assert ft.is_tracer(y)
        return np.sum(y)

    np.testing.assert_allclose(ft.grad(f)(X), [1.0, 2 * X[1], 0.0], rtol=1e-15)


def test_a_list_is_an_array_of_its_rank_to_each_example_of_a_batch() -> None:
    def over(f: Callable[..., Any]) -> Callable[[Any], Any]:
        return lambda x: f(x, [1.0, 2.0, 3.0])

    for f in (np.add, np.multiply, np.arctan2, np.power, np.maximum, np.logaddexp, lambda x, y: y - x):
        found, expected = ft.vmap(over(f))(X), np.stack([f(x, np.array([1.0, 2.0, 3.0])) for x in X])
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_allclose(ft.jit(ft.vmap(over(f)))(X), expected, rtol=1e-15, equal_nan=True)
    assert ft.vmap(lambda v: np.add(v, [[1, 2, 3], [4, 5, 6]]))(MATRIX).shape == (2, 2, 3)


MATRIX_OPERANDS: dict[str, Callable[[Any, Any], Any]] = {
    "on the right": lambda x, m: ft.vjp(lambda x: x * m, x),
    "on the left": lambda x, m: ft.jvp(lambda x: m * x, (x,), (x,)),
    "of a batch": lambda x, m: ft.vmap(lambda x: x + m)(x),
    "of a function": lambda x, m: ft.grad(lambda x: np.sum(np.dot(x, m)))(x),
    "of a tensor": lambda x, m: ft.tensor(x, requires_grad=True) @ m,
    "differentiated": lambda x, m: ft.grad(lambda x: np.sum(x**2))(m),
    "pushed": lambda x, m: ft.jvp(lambda x: x**2, (m,), (m,)),
    "mapped": lambda x, m: ft.vmap(lambda x: x)(m),
    "compiled": lambda x, m: ft.jit(lambda x: x * x)(m),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("name", MATRIX_OPERANDS)
def test_a_matrix_is_refused_as_its_products_are_others(name: str) -> None:
    square = MATRIX[:, :2]
    with pytest.raises(TypeError, match=r"test_object_arrays\.py.*np\.matrix of shape \(2, 2\).*np\.array\(m\)"):
        MATRIX_OPERANDS[name](square, np.matrix(square))


@pytest.mark.parametrize("content", [{1, 2}, 10**30, None, "a"])
def test_objects_that_are_no_numbers_do_not_recurse(content: Any) -> None:
    with pytest.raises(TypeError, match=r"an object array at .* holds"):
        ft.vjp(lambda x: x * np.array([content, 1.0, 1.0], object), X)
    with pytest.raises(TypeError, match=r"an object array at .* holds"):
        ft.vjp(lambda x: np.isin(x, {1, 2}), X)


def test_complex_tensors_are_refused_as_traced_numbers_are() -> None:
    z = ft.tensor(1.0 + 2.0j, requires_grad=True)
    with pytest.raises(TracerConversionError, match=r"imaginary part to be zero\. Use fnp\.array"):
        np.array([z, z])
