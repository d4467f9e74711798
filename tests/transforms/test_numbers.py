"""Integers, reals and complex numbers of every precision: which are differentiated, and as what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])

# --- Kinds of numbers -------------------------------------------------------------------------------------------------

# What differentiates f at x, by the name that its messages should have.
DIFFERENTIATING: dict[str, Callable[[Callable[[Any], Any], Any], Any]] = {
    "grad": lambda f, x: ft.grad(f)(x),
    "vjp": lambda f, x: ft.vjp(f, x),
    "jvp": lambda f, x: ft.jvp(f, (x,), (x,)),
    "jacfwd": lambda f, x: ft.jacfwd(f)(x),
    "jacrev": lambda f, x: ft.jacrev(f)(x),
    "jacobian": lambda f, x: ft.jacobian(f)(x),
    "hessian": lambda f, x: ft.hessian(f)(x),
    "hessian_diag": lambda f, x: ft.hessian_diag(f)(x),
    "linearize": lambda f, x: ft.linearize(f, x),
    "linear_transpose": lambda f, x: ft.linear_transpose(f, x),
    "hvp": lambda f, x: ft.hvp(f, (x,), (x,)),
    "vhp": lambda f, x: ft.vhp(f, (x,), (x,)),
}


@pytest.mark.parametrize("transform", DIFFERENTIATING)
@pytest.mark.parametrize(
    ("x", "words"),
    [
        (3, r"int64 of shape \(\)"),
        (True, r"bool of shape \(\)"),
        (np.arange(3), r"int64 of shape \(3,\)"),
        (np.int32(3), r"int32 of shape \(\)"),
        (np.array([True]), r"bool of shape \(1,\)"),
        ({"w": [X, np.arange(2)]}, r"\['w'\]\[1\] is int64 of shape \(2,\)"),
    ],
)
def test_integers_are_refused_with_their_path_and_the_remedy(transform: str, x: Any, words: str) -> None:
    def total(p: Any) -> Any:
        return sum(np.sum(leaf) for leaf in ft.tree.leaves(p))

    with pytest.raises(TypeError, match=rf"needs floating or complex inputs; the argument.*{words}.*[Cc]onvert it"):
        DIFFERENTIATING[transform](total, x)
    # the remedy
    DIFFERENTIATING[transform](total, ft.tree.map(lambda leaf: np.asarray(leaf).astype(float), x))


@pytest.mark.parametrize("transform", DIFFERENTIATING)
def test_a_message_names_the_transformation_that_was_called(transform: str) -> None:
    with pytest.raises(TypeError, match=f"^{transform} needs floating"):
        DIFFERENTIATING[transform](lambda x: x * x, 3)


@pytest.mark.parametrize("transform", DIFFERENTIATING)
@pytest.mark.parametrize("x", ["text", object(), b"", lambda: None])
def test_what_is_no_number_is_refused_by_its_type(transform: str, x: Any) -> None:
    remedy = "(Leave it out of argnums|Close over it), or register"
    with pytest.raises(
        TypeError, match=rf"needs arrays or numbers; the argument.* is a {type(x).__name__}\. {remedy}"
    ):
        DIFFERENTIATING[transform](lambda y: 1.0, x)


def test_the_remedies_for_what_is_no_number_work() -> None:
    class Scale:
        def __init__(self, factor: Any) -> None:
            self.factor = factor

    with pytest.raises(TypeError, match="is a Scale"):
        ft.grad(lambda s, x: s.factor * x)(Scale(2.0), 3.0)
    assert ft.grad(lambda s, x: s.factor * x, argnums=1)(Scale(2.0), 3.0) == 2.0
    ft.tree.register(Scale, lambda s: ((s.factor,), None), lambda _, children: Scale(*children))
    assert ft.grad(lambda s, x: s.factor * x)(Scale(2.0), 3.0).factor == 3.0


def test_integers_may_be_allowed_and_have_zeros() -> None:
    p = {"i": np.arange(3), "b": True, "n": 2, "x": X, "f": 1.5}
    g = ft.grad(lambda p: np.sum(p["x"] * p["i"]) * p["n"] * p["f"] * p["b"], allow_int=True)(p)
    np.testing.assert_allclose(g["x"], 3.0 * np.arange(3))
    assert g["f"] == pytest.approx(2 * np.sum(X * np.arange(3)))
    np.testing.assert_array_equal(g["i"], np.zeros(3))
    assert g["i"].dtype == float
    assert g["n"] == g["b"] == 0.0
    value, g = ft.value_and_grad(lambda n: 2.0 * n, allow_int=True)(3)
    assert (value, g) == (6.0, 0.0)
    g, value = ft.grad_and_value(lambda n: 2.0 * n, allow_int=True)(3)
    assert (value, g) == (6.0, 0.0)


def test_a_gradient_needs_a_scalar_and_says_what_to_use_instead() -> None:
    with pytest.raises(
        TypeError, match=r"grad needs a scalar result; cube returned shape \(3,\).*ft\.jacobian.*ft\.vjp.*ft\.vmap"
    ):
        ft.grad(cube)(X)
    with pytest.raises(TypeError, match=r"cube returned shape \(1,\)"):
        ft.grad(cube)(X[:1])
    with pytest.raises(TypeError, match=r"returned a tuple.*has_aux=True.*ft\.jacobian or ft\.vjp"):
        ft.grad(lambda x: (np.sum(x), 1.0))(X)
    with pytest.raises(TypeError, match=r"returned a NoneType"):
        ft.grad(lambda x: None)(X)
    # the remedies
    expected = 3 * X**2
    np.testing.assert_allclose(ft.grad(lambda x: np.sum(cube(x)))(X), expected)
    np.testing.assert_allclose(np.diag(ft.jacobian(cube)(X)), expected)
    np.testing.assert_allclose(ft.vjp(cube, X)[1](np.ones(3))[0], expected)
    np.testing.assert_allclose(ft.vmap(ft.grad(cube))(X), expected)
    np.testing.assert_allclose(ft.grad(lambda x: (np.sum(x**3), 1.0), has_aux=True)(X)[0], expected)


def cube(x: Any) -> Any:
    return x**3


@pytest.mark.parametrize("f", [lambda x: np.argmax(x), lambda x: np.sum(x > 0), lambda x: (x > 0).any(), lambda x: 3])
def test_a_result_that_is_no_real_number_has_no_gradient(f: Callable[[Any], Any]) -> None:
    for transform in (ft.grad(f), ft.jacfwd(f), ft.jacrev(f), ft.jacobian(f), ft.hessian(f)):
        with pytest.raises(TypeError, match=r"int64|bool"):
            transform(X)
    np.testing.assert_array_equal(ft.grad(lambda x: f(x) * 1.0)(X), np.zeros(3))


Z = np.array([0.5 + 0.2j, -0.3 + 0.7j])


def test_holomorphic_functions_have_complex_derivatives() -> None:
    assert ft.grad(lambda z: z**3, holomorphic=True)(1 + 2j) == pytest.approx(3 * (1 + 2j) ** 2)
    value, g = ft.value_and_grad(np.sin, holomorphic=True)(1 + 2j)
    assert value == np.sin(1 + 2j)
    assert g == pytest.approx(np.cos(1 + 2j))
    for jacobian in (ft.jacfwd, ft.jacrev, ft.jacobian):
        np.testing.assert_allclose(jacobian(np.exp, holomorphic=True)(Z), np.diag(np.exp(Z)))
    h = ft.hessian(lambda z: np.sum(z**3), holomorphic=True)(Z)
    np.testing.assert_allclose(h, np.diag(6 * Z))


def test_the_gradient_of_a_real_function_of_complex_numbers_is_its_conjugate_direction() -> None:
    # ∂f/∂x - i ∂f/∂y for f = |z|² = x² + y²
    np.testing.assert_allclose(ft.grad(lambda z: np.sum(np.abs(z) ** 2))(Z), 2 * np.conj(Z))
    np.testing.assert_allclose(ft.grad(lambda z: np.sum((z * np.conj(z)).real))(Z), 2 * np.conj(Z))
    np.testing.assert_allclose(ft.grad(lambda z: np.sum(z.real))(Z), np.ones(2))
    np.testing.assert_allclose(ft.grad(lambda z: np.sum(z.imag))(Z), -1j * np.ones(2))


def test_real_arguments_keep_real_gradients_through_complex_numbers() -> None:
    g = ft.grad(lambda x: np.sum(np.abs(np.exp(1j * x) + x) ** 2))(X)
    assert g.dtype == float
    np.testing.assert_allclose(g, 2 * X + 2 * np.cos(X) - 2 * X * np.sin(X), rtol=1e-13)
    g = ft.grad(lambda x: (x * 1j * x * 1j).real)(2.0)
    assert g == -4.0
    assert ft.vjp(lambda x: x * 1j, 2.0)[1](1.0 + 1j) == (-1.0,)
    assert ft.grad(lambda x: abs(x * 1j + 1.0))(0.75) == pytest.approx(0.6)


def test_complex_inputs_and_results_are_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match=r"grad needs a real result.*complex128.*np\.abs or np\.real.*holomorphic=True"):
        ft.grad(lambda z: z**3)(1 + 2j)
    with pytest.raises(TypeError, match=r"holomorphic=True needs complex inputs; an argument is float64"):
        ft.grad(lambda z: z**3, holomorphic=True)(1.0)
    with pytest.raises(TypeError, match=r"holomorphic=True needs a complex result; <lambda> returned float64"):
        ft.grad(lambda z: np.abs(z), holomorphic=True)(1 + 2j)
    for jacobian, said in (
        (ft.jacfwd, "exp: an input is complex128, but holomorphic=False.*holomorphic=True"),
        (ft.hessian, "exp: an input is complex128, but holomorphic=False.*holomorphic=True"),
        (ft.jacrev, r"exp in reverse mode: the output is complex128.*holomorphic=True.*np\.real and np\.imag"),
        (ft.jacobian, r"exp in reverse mode: the output is complex128.*holomorphic=True.*np\.real and np\.imag"),
    ):
        with pytest.raises(TypeError, match=said):
            jacobian(np.exp)(Z)
        with pytest.raises(TypeError, match=r"an input is float64, but holomorphic=True"):
            jacobian(np.exp, holomorphic=True)(X)
    for jacobian in (ft.jacrev, ft.jacobian):
        with pytest.raises(TypeError, match=r"the output is complex128.*Use jacfwd"):
            jacobian(lambda x: x * 1j)(X)
    np.testing.assert_array_equal(ft.jacfwd(lambda x: x * 1j)(X), 1j * np.eye(3))  # the remedy


@pytest.mark.parametrize("rows", [0, 1, 5, 100])
@pytest.mark.parametrize("jacobian", [ft.jacrev, ft.jacobian, ft.value_and_jacobian])
def test_rows_of_the_jacobian_of_a_real_function_of_complex_inputs_are_gradients(jacobian: Any, rows: int) -> None:
    """Also where there are more rows than columns, and forward mode would be the cheaper one for real inputs."""
    factors = np.random.default_rng(0).normal(size=(rows, 2))

    def f(z: Any) -> Any:
        return np.abs(factors @ np.sin(z)) ** 2 + np.real(z[0])

    found = jacobian(f)(Z)
    if jacobian is ft.value_and_jacobian:
        value, found = found
        np.testing.assert_array_equal(value, f(Z))
    expected = [ft.grad(lambda z, i=i: f(z)[i])(Z) for i in range(rows)]
    np.testing.assert_allclose(found, np.reshape(expected, (rows, 2)), rtol=1e-13)
    assert found.dtype == Z.dtype
    if jacobian is ft.jacrev:
        np.testing.assert_allclose(ft.jacrev(f, chunk_size=2)(Z), found, rtol=1e-13)
        np.testing.assert_allclose(ft.jit(ft.jacrev(f))(Z), found, rtol=1e-13)


# --- Precision --------------------------------------------------------------------------------------------------------

PRECISIONS = [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128]


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_derivatives_have_the_dtype_of_their_primals(dtype: Any) -> None:
    x = np.array([0.25, 0.5, 0.75], dtype)
    scale = np.float64(2.0)  # widens every product: NumPy 2 gives float64 (complex128)

    def energy(x: Any) -> Any:
        return np.sum(np.real(np.sin(x) * scale * np.array([1.0, 2.0, 3.0]) + x))

    def vector(x: Any) -> Any:
        return np.sin(x) * x

    assert ft.grad(energy)(x).dtype == dtype
    assert ft.grad(energy)(x[0]).dtype == dtype
    assert ft.grad(lambda x: np.sum(np.real(ft.checkpoint(vector)(x) * scale)))(x).dtype == dtype
    assert ft.vmap(ft.grad(lambda x: np.real(np.sin(x) * scale)))(x).dtype == dtype
    value, pull = ft.vjp(vector, x)
    assert value.dtype == pull(value)[0].dtype == dtype
    value, tangent = ft.jvp(vector, (x,), (x,))
    assert value.dtype == tangent.dtype == dtype
    assert ft.linearize(vector, x)[1](x).dtype == dtype
    holomorphic = np.dtype(dtype).kind == "c"
    for jacobian in (ft.jacfwd, ft.jacrev, ft.jacobian, ft.hessian):
        assert jacobian(vector, holomorphic=holomorphic)(x).dtype == dtype


def test_gradients_of_mixed_precisions_each_have_their_own() -> None:
    p = {"half": np.ones(2, np.float16), "single": np.ones(2, np.float32), "double": np.ones(2), "weak": 1.5}
    g = ft.grad(lambda p: np.sum(p["half"] * p["single"] * p["double"] * p["weak"]))(p)
    assert [g[k].dtype for k in ("half", "single", "double")] == [np.float16, np.float32, np.float64]
    np.testing.assert_array_equal(g["half"], [1.5, 1.5])


@pytest.mark.parametrize("x", [1.5, np.float64(1.5), np.array(1.5), np.float32(1.5)])
def test_scalars_of_every_kind_have_scalar_gradients(x: Any) -> None:
    for g in (
        ft.grad(lambda x: x * x)(x),
        ft.vjp(lambda x: x * x, x)[1](x * 1.0)[0],
        ft.jvp(lambda x: x * x, (x,), (1.0,))[1],
    ):
        assert np.shape(g) == ()
        assert g == pytest.approx(3.0) or g == pytest.approx(4.5)
        assert np.asarray(g).dtype == np.asarray(x).dtype


def test_tangents_and_cotangents_take_the_precision_of_their_primals() -> None:
    x = np.ones(3, np.float32)
    assert ft.jvp(np.sin, (x,), (np.ones(3),))[1].dtype == np.float32
    assert ft.jvp(np.sin, (x,), (np.array([1, 2, 3]),))[1].dtype == np.float32
    assert ft.vjp(np.sin, x)[1](np.ones(3))[0].dtype == np.float32
    assert ft.vjp(np.sin, x)[1](np.array([1, 2, 3]))[0].dtype == np.float32
    assert ft.jvp(np.sin, (np.float32(1),), (1.0,))[1].dtype == np.float32


@pytest.mark.parametrize("size", [0, 1])
def test_empty_and_single_arrays_have_derivatives(size: int) -> None:
    x = np.full(size, 0.5)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * x))(x), 2 * x)
    for jacobian in (
        ft.jacfwd,
        ft.jacrev,
        ft.jacobian,
        lambda f, **kw: ft.jacrev(ft.jacfwd(lambda x: np.sum(f(x) ** 2) / 2)),
    ):
        assert jacobian(lambda x: 2.0 * x)(x).shape == (size, size)
        assert jacobian(lambda x: 2.0 * x, chunk_size=1)(x).shape == (size, size)
    np.testing.assert_allclose(ft.hessian(lambda x: np.sum(x**2))(x), 2 * np.eye(size))
    assert ft.jacobian(lambda x: x[:0])(X).shape == (0, 3)
    assert ft.jacfwd(lambda x: x[:0])(X).shape == (0, 3)
    assert ft.hessian_diag(lambda x: np.sum(x**2))(x).shape == (size,)
