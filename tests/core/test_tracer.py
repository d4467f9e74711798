"""A tracer behaves as the array it stands for."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

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
    "flat, indexed": lambda x: x.flat[::2] * x.T.flat[1] * len(x.flat),
    "flat, reduced": lambda x: np.sum(x.flat),
    "view": lambda x: x.view(),
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
    "comparisons": lambda x: (
        1.0 * (x > 0) + 2.0 * (x >= 0.5) + 4.0 * (x < 0) + 8.0 * (x <= 0.5) + (x == 0.5) + (x != 0.5)
    ),
    "reflected comparisons": lambda x: 1.0 * (x > 0) + 2.0 * (np.float64(0.5) <= x) + 4.0 * (x < MATRIX),
    "logic": lambda x: (
        1.0 * ((x > 0) & (x < 1)) + 2.0 * ((x > 0) | (x < -0.8)) + 4.0 * ((x > 0) ^ (x > 1)) + (~(x > 0))
    ),
    "in-place operators": lambda x: in_place(x),
    "any and all": lambda x: 1.0 * (x > 0).any(1) + 2.0 * (x > -2).all(1),
    "argmax": lambda x: 1.0 * x.argmax(1),
    "compress": lambda x: x.compress([True, False, True], axis=1),
    "compress of all": lambda x: x.compress([True, False, True]),
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
            with pytest.raises(TypeError, match=r"unsized|iteration over a 0-d array"):
                ask(x[0])
        with pytest.raises(ValueError, match=r"two axes at least.*shape \(3,\)"):
            _ = x.mT
        return x

    WATCHED[watch](f)(X)


@pytest.mark.parametrize("watch", WATCHED)
def test_a_copy_of_a_tracer_is_the_tracer(watch: str) -> None:
    # a parameter tree is often copied before it is changed: the copy must not fall out of the derivative
    for duplicate in (copy.copy, copy.deepcopy, lambda x: copy.deepcopy({"w": [x]})["w"][0], lambda x: x.copy()):
        found = WATCHED[watch](lambda x, duplicate=duplicate: duplicate(x) * x)(X)
        np.testing.assert_array_equal(found, X * X)
        np.testing.assert_allclose(ft.jacrev(lambda x, d=duplicate: d(x) * x)(X), np.diag(2 * X))
        np.testing.assert_allclose(ft.jacfwd(lambda x, d=duplicate: d(x) * x)(X), np.diag(2 * X))


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
        for text in (str(x), repr(x), f"{x}", f"{x!r}", f"{x[0]}", f"{x}", f"{x[0]:.2f}"):
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
