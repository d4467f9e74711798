"""A tracer behaves as the array it stands for, and refuses what would lose a derivative, with a remedy that works."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp
from functorch_lite.core.errors import TracerConversionError

X = np.array([0.3, -0.7, 1.1])
MATRIX = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])

# Ways to compute the value of a function of an array while one or two transformations watch it.
WATCHED: dict[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "reverse": lambda f: lambda x: ft.vjp(f, x)[0],
    "forward": lambda f: lambda x: ft.jvp(f, (x,), (np.ones_like(x),))[0],
    "batched": lambda f: lambda x: ft.tree.map(lambda y: y[1], ft.vmap(f)(np.stack([1.5 * x, x]))),
    "forward over reverse": lambda f: WATCHED["forward"](WATCHED["reverse"](f)),
    "batched over forward": lambda f: WATCHED["batched"](WATCHED["forward"](f)),
}

# --- What works as on an array ----------------------------------------------------------------------------------------

# Functions of a matrix of shape (2, 3) that return an array.
SAME: dict[str, Callable[[Any], Any]] = {
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "real": lambda x: x.real,
    "imag": lambda x: x.imag,
    "conj": lambda x: x.conj(),
    "flat": lambda x: np.stack(list(x.flat)),
    "reshape to a tuple": lambda x: x.reshape((3, 2)),
    "reshape to arguments": lambda x: x.reshape(3, -1),
    "reshape to one": lambda x: x.reshape(-1),
    "reshape in Fortran's order": lambda x: x.reshape(3, 2, order="F"),
    "transpose": lambda x: x.transpose(),
    "transpose None": lambda x: x.transpose(None),
    "transpose of axes": lambda x: x.transpose(1, 0),
    "transpose of a tuple": lambda x: x.transpose((1, 0)),
    "flatten": lambda x: x.flatten(),
    "flatten in Fortran's order": lambda x: x.flatten("F"),
    "ravel": lambda x: x.ravel(),
    "copy": lambda x: x.copy(),
    "astype": lambda x: x.astype(np.float64),
    "squeeze": lambda x: x[:, :1].squeeze(1),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "sum": lambda x: x.sum(1),
    "sum keepdims": lambda x: x.sum(axis=0, keepdims=True),
    "mean": lambda x: x.mean(axis=-1),
    "prod": lambda x: x.prod(),
    "max": lambda x: x.max(0),
    "min": lambda x: x.min(),
    "cumsum": lambda x: x.cumsum(1),
    "clip": lambda x: x.clip(-0.5, 0.5),
    "round": lambda x: x.round(1),
    "iteration": lambda x: sum(row * i for i, row in enumerate(x)),
    "unpacking": lambda x: (lambda a, b: a * b)(*x),
    "reversed": lambda x: np.stack(list(reversed(x))),
    "sum()": lambda x: sum(x),
    "sum() of scalars": lambda x: sum([x[0, 0], x[0, 1]]),
    "negative": lambda x: -x,
    "positive": lambda x: +x,
    "abs()": lambda x: abs(x),
    "add": lambda x: x + 1 + (2.5 + x) + np.float64(3) + (np.float64(1) + x) + MATRIX + (MATRIX + x),
    "subtract": lambda x: (x - 1) - (2 - x) - MATRIX - (MATRIX - x),
    "multiply": lambda x: x * 2 * (3 * x) * MATRIX * (MATRIX * x),
    "divide": lambda x: (x / 2) + (2 / x) + (MATRIX / x) + x / MATRIX,
    "floor divide": lambda x: x // 0.3 + 2 // x,
    "remainder": lambda x: x % 0.3 + 2 % x,
    "divmod": lambda x: operator.add(*divmod(x, 0.3)) + operator.add(*divmod(2.0, x)),
    "power": lambda x: x**2 + 2**x + x**-1,
    "fraction": lambda x: x * float(Fraction(1, 3)),
    "comparisons": lambda x: 1.0 * (x > 0) + 2.0 * (x >= 0.5) + 4.0 * (x < 0) + 8.0 * (x <= 0.5) + (x == 0.5) + (x != 0.5),
    "reflected comparisons": lambda x: 1.0 * (0 < x) + 2.0 * (np.float64(0.5) <= x) + 4.0 * (MATRIX > x),
    "logic": lambda x: 1.0 * ((x > 0) & (x < 1)) + 2.0 * ((x > 0) | (x < -0.8)) + 4.0 * ((x > 0) ^ (x > 1)) + (~(x > 0)),
    "in-place operators": lambda x: in_place(x),
    "any and all": lambda x: 1.0 * (x > 0).any(1) + 2.0 * (x > -2).all(1),
    "argmax": lambda x: 1.0 * x.argmax(1),
    "full of Ellipsis": lambda x: x[..., None, 1],
    "zeros_like": lambda x: np.zeros_like(x) + np.ones_like(x) * 2 + np.full_like(MATRIX, 3.0),
    "__array_namespace__": lambda x: x.__array_namespace__().sin(x),
}


def in_place(x: Any) -> Any:
    y = x + 1.0
    y += 1.0
    y -= 0.5 * x
    y *= 2.0
    y /= 3.0
    y **= 2
    y -= y // 0.7
    y %= 0.9
    return y


@pytest.mark.parametrize("watch", WATCHED)
@pytest.mark.parametrize("name", SAME)
def test_a_tracer_gives_what_the_array_gives(name: str, watch: str) -> None:
    expected = SAME[name](MATRIX.copy())
    found = WATCHED[watch](SAME[name])(MATRIX)
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=1e-16)
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    assert np.shape(found) == np.shape(expected)


# What has no derivative: it is asked inside and gives a plain Python value.
ASKED: dict[str, Callable[[Any], Any]] = {
    "shape": lambda x: x.shape,
    "ndim": lambda x: x.ndim,
    "size": lambda x: x.size,
    "dtype": lambda x: x.dtype,
    "nbytes": lambda x: x.nbytes,
    "itemsize": lambda x: x.itemsize,
    "len": len,
    "np.shape": np.shape,
    "np.ndim": np.ndim,
    "np.size": np.size,
    "shape of a row": lambda x: x[0].shape,
    "size of an empty part": lambda x: x[:0].size,
    "iterable": np.iterable,
    "isscalar": np.isscalar,
    "result_type": lambda x: np.result_type(x, np.float32),
    "result_type with a Python scalar": lambda x: np.result_type(x, 1.0),
}


@pytest.mark.parametrize("watch", WATCHED)
@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_describes_a_tracer_describes_the_array(name: str, watch: str, dtype: Any) -> None:
    answers = []

    def f(x: Any) -> Any:
        answers.append(ASKED[name](x))
        return x

    x = MATRIX.astype(dtype)
    WATCHED[watch](f)(x)
    assert answers == [ASKED[name](x)]


@pytest.mark.parametrize("watch", WATCHED)
def test_a_tracer_has_what_only_scalars_and_tracers_have(watch: str) -> None:
    found = WATCHED[watch](lambda x: (round(x, 1), round(x), x.sin() + x.arctan2(x)))(MATRIX)
    np.testing.assert_array_equal(found[0], np.round(MATRIX, 1))
    np.testing.assert_array_equal(found[1], np.round(MATRIX))
    np.testing.assert_allclose(found[2], np.sin(MATRIX) + np.arctan2(MATRIX, MATRIX), rtol=1e-15)


@pytest.mark.parametrize("watch", WATCHED)
def test_a_traced_scalar_has_no_length(watch: str) -> None:
    def f(x: Any) -> Any:
        for ask in (len, iter, list):
            with pytest.raises(TypeError, match="unsized|iteration over a 0-d array"):
                ask(x[0])
        with pytest.raises(ValueError, match=r"two axes at least.*shape \(3,\)"):
            _ = x.mT
        return x

    WATCHED[watch](f)(X)


@pytest.mark.parametrize("watch", ["reverse", "forward", "forward over reverse"])
def test_concrete_values_may_decide(watch: str) -> None:
    def f(x: Any) -> Any:
        if x[0] > 0 and x[1] < 0.0 and bool(x.any()) and 1.1 in x and 7.0 not in x and not (x > 5).any():
            best = [x[0], x[1], x[2]][np.argmax(x)]
            ordered = sorted([x[0], x[1], x[2]])
            large = X[x > 0]  # a comparison is a plain mask
            return best * max(x[0], x[1]) * min(x[1], 2.0) + ordered[0] * large.sum() + sum(range(np.argmin(x)))
        return x[0]

    assert WATCHED[watch](f)(X) == f(X)


@pytest.mark.parametrize("f", [lambda x: x if x > 0 else -x, lambda x: x * x if x < 1 else np.exp(x)])
@pytest.mark.parametrize("x", [-2.0, 0.5, 3.0])
def test_branches_are_differentiated_where_the_value_is(f: Callable[[Any], Any], x: float) -> None:
    step = 1e-6
    numerical = (f(x + step) - f(x - step)) / (2 * step)
    assert ft.grad(f)(x) == pytest.approx(numerical, rel=1e-8)
    assert ft.jvp(f, (x,), (1.0,))[1] == pytest.approx(numerical, rel=1e-8)


def test_formatting_prints_the_number() -> None:
    printed = []

    def f(x: Any) -> Any:
        printed.append(f"{x:.3f}|{x:8.2e}")
        printed.append(format(x, ".1f"))
        return x * x

    assert ft.grad(f)(1.25) == 2.5
    assert printed == ["1.250|1.25e+00", "1.2"]
    ft.grad(ft.grad(f))(1.25)
    ft.jvp(f, (1.25,), (1.0,))
    assert printed[2:] == ["1.250|1.25e+00", "1.2"] * 2


@pytest.mark.parametrize("watch", WATCHED)
def test_str_repr_and_format_never_raise(watch: str) -> None:
    def f(x: Any) -> Any:
        for text in (str(x), repr(x), f"{x}", f"{x!r}", f"{x[0]}", "%s" % x, f"{x[0]:.2f}"):
            assert text
        return x

    WATCHED[watch](f)(X)


def test_python_scalars_stay_weak() -> None:
    types = []

    def f(x: Any) -> Any:
        types.extend([(x * np.float32(2)).dtype, (x + np.ones(2, np.float32)).dtype, (2**-1 * x).dtype])
        return x**2 * np.float32(2.0) * 2**-1

    assert ft.grad(f)(3.0) == 6.0
    assert types == [np.float32, np.float32, np.float64]
    assert isinstance(ft.grad(lambda x: x * 2**-1 + 2**x)(-1.0), float)  # np.power(2, -1) would raise
    value, tangent = ft.jvp(f, (3.0,), (1.0,))
    assert value.dtype == tangent.dtype == np.float32
    assert ft.grad(lambda x: np.sum(np.ones(3, np.float32) * x))(3.0).dtype == np.float32


def test_operators_and_functions_agree_with_raw_arrays_on_the_left() -> None:
    raw = np.array([2.0, 3.0, 4.0])
    expected = ft.jacfwd(lambda x: x * 1.0 + 0.0)(X) * raw[:, None]
    for f in (lambda x: raw * x, lambda x: np.multiply(raw, x), lambda x: x * raw, lambda x: list(raw) * x):
        np.testing.assert_array_equal(ft.jacfwd(f)(X), expected)
        np.testing.assert_array_equal(ft.jacrev(f)(X), expected)


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
    "where": (lambda x: np.where([True, False], np.array([x[0], x[1]]), 2.0), lambda x: np.stack([x[0], 2.0 + 0 * x[0]])),
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


@pytest.mark.parametrize("transform", [ft.jacfwd, ft.jacrev, ft.jacobian, ft.hessian, lambda f: ft.jacrev(ft.jacrev(f))])
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


@pytest.mark.parametrize("content", [lambda x: "text", lambda x: None, lambda x: np.stack([x, x])], ids=["str", "None", "array"])
def test_an_object_array_of_other_things_is_refused(content: Callable[[Any], Any]) -> None:
    def f(x: Any) -> Any:
        b = np.empty(2, dtype=object)
        b[0], b[1] = x[0], content(x[0])
        return np.sum(np.concatenate([x, b]))

    with pytest.raises(TypeError, match=r"object array at test_tracer\.py:\d+.*no number.*pytree"):
        ft.grad(f)(X)


def test_a_large_array_is_not_taken_apart() -> None:
    large = np.arange(300.0)
    for convert in (np.asarray, np.array, lambda x: np.array([x, x])):
        with pytest.raises(TracerConversionError, match=r"float64\[300\].*300 separate scalars, more than 256.*fnp\.asarray"):
            ft.grad(lambda x, convert=convert: np.sum(convert(x) ** 2))(large)
    for remedy in (fnp.asarray, lambda x: np.stack([x, x])[0]):
        np.testing.assert_array_equal(ft.grad(lambda x, remedy=remedy: np.sum(remedy(x) ** 2))(large), 2 * large)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.asarray(x) ** 2))(large[:256]), 2 * large[:256])


# --- Writing into raw arrays ------------------------------------------------------------------------------------------


def test_an_in_place_operator_binds_the_name_anew() -> None:
    def f(x: Any) -> Any:
        b = np.ones(3)
        alias = b
        b += x
        b *= x
        b -= x / 2.0
        b /= 2.0
        b **= 2
        assert (alias == 1.0).all()
        return np.sum(b)

    def plain(x: Any) -> Any:
        return np.sum((((1.0 + x) * x - x / 2.0) / 2.0) ** 2)

    np.testing.assert_allclose(ft.grad(f)(X), ft.grad(plain)(X), rtol=1e-14)
    np.testing.assert_allclose(ft.hessian(f)(X), ft.hessian(plain)(X), rtol=1e-14)
    np.testing.assert_allclose(ft.vmap(f)(np.stack([X, X])), [plain(X), plain(X)], rtol=1e-14)


def test_an_in_place_operator_works_on_attributes_and_items() -> None:
    def f(x: Any) -> Any:
        table = {"b": np.zeros(3)}
        table["b"] += x * x
        return np.sum(table["b"])

    np.testing.assert_array_equal(ft.grad(f)(X), 2 * X)


def write_whole(b: Any, x: Any) -> None:
    b[:] = x


def write_slice(b: Any, x: Any) -> None:
    b[0:1] = x[0]


def write_element(b: Any, x: Any) -> None:
    b[0] = x[0]


def write_masked(b: Any, x: Any) -> None:
    b[X > 0] = x[X > 0]


# Statements that would lose the derivative: each with words of its error, and what to write instead of it.
LOSING: dict[str, tuple[Callable[[Any], Any], str, Callable[[Any], Any]]] = {
    "b[0] = x[0]": (lambda x: write_element(np.zeros(3), x), r"float\(\).*b\[0\] = x.*np\.stack", lambda x: np.stack([x[0], 0.0])),
    "b[0:1] = x[0]": (lambda x: write_slice(np.zeros(3), x), r"float|plain array", lambda x: np.array([x[0], 0.0]) * 1.0),
    "b[:] = x": (
        lambda x: write_whole(np.zeros(3), x),
        r"plain array of float64.*Writing into a raw ndarray.*np\.stack",
        lambda x: np.concatenate([x, x]),
    ),
    "b[mask] = x[mask]": (
        lambda x: write_masked(np.zeros(3), x),
        r"Writing into a raw ndarray.*np\.where",
        lambda x: np.where(X > 0, x, 0.0),
    ),
    "math.sin": (lambda x: math.sin(x[0]), r"float\(\).*math\.sin\(x\).*Write np\.sin\(x\)", lambda x: np.sin(x[0])),
    "float": (lambda x: float(x[0]), r"float\(\) of a traced float64\[\]", lambda x: ft.stop_gradient(x[0]) * x[0]),
    "int": (lambda x: int(x[0]), r"int\(\) of a traced", lambda x: int(ft.stop_gradient(x[2])) * x[0]),
    "complex": (lambda x: complex(x[0]), r"complex\(\) of a traced", lambda x: complex(ft.stop_gradient(x[0])).real * x[0]),
    "'%f' % x": (lambda x: "%f" % x[0], r"float\(\).*'%f' % x", lambda x: np.sum(x) * len(f"{x[0]:.3f}")),
    "item": (lambda x: x[0].item(), r"item\(\) of a traced", lambda x: ft.stop_gradient(x[0]).item() * x[0]),
    "tolist": (lambda x: x.tolist(), r"tolist\(\) of a traced float64\[3\]", lambda x: np.sum(ft.stop_gradient(x).tolist()) * x[0]),
    "np.float64": (lambda x: np.float64(x[0]), "traced float64", lambda x: x[0].astype(np.float64)),
    "np.array of a dtype": (lambda x: np.array([x[0]], dtype=float), "plain array of float64", lambda x: np.stack([x[0]])),
    "np.asarray of a dtype": (lambda x: np.asarray(x, float), "plain array of float64", lambda x: x.astype(float)),
    "np.fromiter": (lambda x: np.fromiter(x, float), r"float\(\)", lambda x: np.stack(list(x))),
    "fill": (lambda x: np.zeros(3).fill(x[0]), r"float\(\)|object", lambda x: np.zeros(3) + x[0]),
}


@pytest.mark.parametrize("name", LOSING)
def test_what_would_lose_the_derivative_raises_in_every_mode(name: str) -> None:
    losing, words, _ = LOSING[name]
    for transform in (
        lambda f: ft.grad(lambda x: np.sum(f(x)))(X),
        lambda f: ft.vjp(f, X),
        lambda f: ft.jvp(f, (X,), (X,)),
        lambda f: ft.jacfwd(f)(X),
        lambda f: ft.hessian(f)(X),
        lambda f: ft.linearize(f, X),
        lambda f: ft.vmap(f)(np.stack([X, X])),
    ):
        with pytest.raises(TracerConversionError, match=f"(?s){words}") as caught:
            transform(losing)
        assert re.search(r"at test_tracer\.py:\d+, in \S+ ", str(caught.value))


@pytest.mark.parametrize("name", LOSING)
def test_the_remedy_for_what_loses_the_derivative_works(name: str) -> None:
    remedy = LOSING[name][2]
    assert np.any(ft.jacrev(remedy)(X) != 0)
    np.testing.assert_allclose(ft.jacfwd(remedy)(X), ft.jacrev(remedy)(X), rtol=1e-14)


def test_the_error_names_the_users_line() -> None:
    with pytest.raises(TracerConversionError, match=r"at test_tracer\.py:\d+, in write_whole"):
        ft.grad(lambda x: write_whole(np.zeros(3), x))(X)


def test_an_element_of_a_tracer_is_not_assigned() -> None:
    def f(x: Any) -> Any:
        x[0] = 1.0
        return np.sum(x)

    for transform in (lambda: ft.grad(f)(X), lambda: ft.jvp(f, (X,), (X,)), lambda: ft.vmap(f)(np.stack([X, X]))):
        with pytest.raises(TypeError, match=r"element of a traced float64\[3\] was assigned.*np\.where\(mask, new, x\)"):
            transform()
    mask = np.array([True, False, False])
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.where(mask, 1.0, x)))(X), [0.0, 1.0, 1.0])


def test_out_is_refused_and_the_value_can_be_assigned() -> None:
    def dropped(x: Any) -> Any:
        b = np.zeros(3)
        np.add(b, x, out=b)
        return np.sum(b)

    def positional(x: Any) -> Any:
        b = np.zeros(3)
        np.add(b, x, b)
        return np.sum(b)

    def other(x: Any) -> Any:
        b = np.zeros(3)
        np.multiply(x, 2.0, out=b)
        return np.sum(b)

    def kept(x: Any) -> Any:
        b = np.zeros(3)
        return np.sum(np.add(b, x, out=b))

    for f in (dropped, positional, other, kept):
        for transform in (lambda: ft.grad(f)(X), lambda: ft.jvp(f, (X,), (X,)), lambda: ft.vmap(f)(np.stack([X, X]))):  # noqa: B023
            with pytest.raises(TypeError, match=r"np\.(add|multiply) at test_tracer\.py:\d+.*`out`.*y = np\.(add|multiply)\("):
                transform()

    def remedied(x: Any) -> Any:
        b = np.zeros(3)
        y = np.add(b, x)
        return np.sum(y)

    np.testing.assert_array_equal(ft.grad(remedied)(X), [1.0, 1.0, 1.0])


def test_a_traced_out_is_refused() -> None:
    with pytest.raises(TypeError, match="`out`"):
        ft.grad(lambda x: np.sum(np.add(X, 1.0, out=x)))(X)


def test_a_mask_of_a_ufunc_is_refused_and_where_does_it() -> None:
    with pytest.raises(TypeError, match=r"np\.log\(…, where=mask\).*np\.where\(mask, np\.log\(…\), otherwise\)"):
        ft.grad(lambda x: np.sum(np.log(x, where=X > 0)))(X)
    np.testing.assert_allclose(
        ft.grad(lambda x: np.sum(np.where(X > 0, np.log(np.where(X > 0, x, 1.0)), 0.0)))(X), np.where(X > 0, 1 / X, 0.0)
    )


def test_a_ufunc_casts_to_the_dtype_asked_for() -> None:
    value, pull = ft.vjp(lambda x: np.exp(x, dtype=np.float32), X)
    assert value.dtype == np.float32
    (g,) = pull(np.ones(3, np.float32))
    assert g.dtype == np.float64
    np.testing.assert_allclose(g, np.exp(X), rtol=1e-6)


def test_an_unknown_keyword_of_a_ufunc_is_refused_by_name() -> None:
    with pytest.raises(NotImplementedError, match=r"np\.\w+ with .*signature.*at test_tracer\.py"):
        ft.grad(lambda x: np.sum(np.add(x, x, signature="dd->d")))(X)


# --- Functions without a rule -----------------------------------------------------------------------------------------

# Functions without a derivative rule, with words of the error, and what computes the like.
WITHOUT_RULE: dict[str, tuple[Callable[[Any], Any], str, Callable[[Any], Any]]] = {
    "np.linalg.lstsq": (
        lambda x: np.linalg.lstsq(MATRIX.T, x)[0],
        r"np\.linalg\.lstsq has no derivative rule.*np\.linalg\.solve",
        lambda x: np.linalg.solve(MATRIX @ MATRIX.T, np.dot(MATRIX, x)),
    ),
    "np.histogram": (lambda x: np.histogram(x)[0], r"np\.histogram has no derivative rule.*Remedy: ", np.tanh),
    "np.unique": (lambda x: np.unique(x), r"np\.unique has no derivative rule.*Remedy: ", np.tanh),
}


@pytest.mark.parametrize("name", WITHOUT_RULE)
def test_a_function_without_a_rule_is_refused_by_name(name: str) -> None:
    f, words, _ = WITHOUT_RULE[name]
    for transform in (lambda: ft.grad(f)(X), lambda: ft.jvp(f, (X,), (X,)), lambda: ft.vmap(f)(np.stack([X, X]))):
        with pytest.raises(NotImplementedError, match=rf"(?s){words}") as caught:
            transform()
        assert re.search(r"at test_tracer\.py:\d+", str(caught.value))


def test_the_remedy_for_least_squares_works() -> None:
    solved = WITHOUT_RULE["np.linalg.lstsq"][2]
    np.testing.assert_allclose(solved(X), np.linalg.lstsq(MATRIX.T, X)[0], rtol=1e-13)
    np.testing.assert_allclose(ft.jacrev(solved)(X), np.linalg.pinv(MATRIX.T), rtol=1e-12)


def test_the_remedy_of_a_derivative_of_ones_own_works() -> None:
    @ft.custom_jvp
    def number_of_distinct(x: Any) -> Any:
        return np.unique(x).size * 1.0

    number_of_distinct.defjvp(lambda primals, tangents: (number_of_distinct(*primals), 0.0 * np.sum(tangents[0])))
    np.testing.assert_array_equal(ft.grad(lambda x: number_of_distinct(x) * np.sum(x))(X), [3.0, 3.0, 3.0])


def test_a_foreign_ufunc_without_a_rule_is_refused_by_name() -> None:
    cube = np.frompyfunc(lambda t: t**3, 1, 1)
    with pytest.raises(NotImplementedError, match=r"no derivative rule.*ft\.custom_jvp"):
        ft.grad(lambda x: np.sum(cube(x)))(X)


@pytest.mark.parametrize("method", ["reduceat", "at"])
def test_a_ufunc_method_without_a_rule_is_refused_by_name(method: str) -> None:
    def f(x: Any) -> Any:
        if method == "at":
            np.hypot.at(np.zeros(3), [0, 1, 2], x)
            return x
        return np.hypot.reduceat(x, [0, 1])

    with pytest.raises((NotImplementedError, TypeError), match=rf"np\.hypot\.{method}.*at test_tracer\.py:\d+"):
        ft.grad(lambda x: np.sum(f(x)))(X)


# --- Batched values decide nothing ------------------------------------------------------------------------------------

BATCH = np.stack([X, -X])

# What asks a batched value for a decision: with words of the error, and the remedy.
DECIDING: dict[str, tuple[Callable[[Any], Any], str, Callable[[Any], Any]]] = {
    "if": (
        lambda x: x[0] if x[0] > 0 else -x[0],
        r"the truth of a bool\[\].*differs between the 2 examples.*np\.where\(condition, a, b\)",
        lambda x: np.where(x[0] > 0, x[0], -x[0]),
    ),
    "if of an array": (
        lambda x: x[0] if (x > 0).any() else -x[0],
        r"the truth of",
        lambda x: np.where((x > 0).any(), x[0], -x[0]),
    ),
    "max": (lambda x: max(x[0], x[1]), r"the truth of", lambda x: np.where(x[0] > x[1], x[0], x[1])),
    "while": (lambda x: [0 for _ in iter(lambda: bool(x[0] > 0), False)], "the truth of", lambda x: np.where(x > 0, x, 0.0)),
    "index of a list": (
        lambda x: [1.0, 2.0, 3.0][np.argmax(x)],
        r"an index from a int64\[\].*take\(table, i\)",
        lambda x: fnp.take(np.array([1.0, 2.0, 3.0]), np.argmax(x)),
    ),
    "range": (lambda x: list(range(np.argmax(x))), "an index from", lambda x: np.argmax(x) * 1.0),
    "index of a raw array": (
        lambda x: MATRIX[np.argmax(x[:2])],
        r"an index or a mask.*take\(table, i\)",
        lambda x: fnp.take(MATRIX, np.argmax(x[:2]), axis=0),
    ),
    "mask of a raw array": (
        lambda x: X[x > 0],
        r"an index or a mask.*np\.where\(mask, a, b\)",
        lambda x: np.where(x > 0, X, 0.0),
    ),
    "membership": (lambda x: 0.3 in x, "the truth of", lambda x: 1.0 * (x == 0.3).any()),
}


@pytest.mark.parametrize("name", DECIDING)
def test_a_batched_value_decides_nothing(name: str) -> None:
    f, words, remedy = DECIDING[name]
    for transform in (
        lambda: ft.vmap(f)(BATCH),
        lambda: ft.grad(lambda x: np.sum(ft.vmap(f)(x)))(BATCH),
        lambda: ft.vmap(lambda x: ft.vjp(f, x)[0])(BATCH),
    ):
        with pytest.raises(TypeError, match=rf"test_tracer\.py:\d+.*{words}"):
            transform()
    np.testing.assert_array_equal(ft.vmap(remedy)(BATCH), np.stack([remedy(BATCH[0]), remedy(BATCH[1])]))


def test_what_is_the_same_for_all_examples_may_decide() -> None:
    def f(x: Any) -> Any:
        if x.shape[0] == 3 and x.ndim == 1 and not (x[:0] > 0):
            return x * X[x.shape[0] - 1]
        return x

    np.testing.assert_array_equal(ft.vmap(f)(BATCH), BATCH * 1.1)
