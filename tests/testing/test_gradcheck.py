"""What the checks accept: right derivatives of functions of all kinds, and their options."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.testing import check_grads, gradcheck, gradgradcheck, numerical_jacobian, numerical_jvp

X = np.array([[0.3, -0.7, 1.1], [0.9, 0.4, -0.2]])
Z = X[0] + 1j * X[1]


class Pair(NamedTuple):
    slope: Any
    offset: Any


def line(x: Any, p: Pair) -> dict[str, Any]:
    return {"y": x * p.slope + p.offset, "total": (np.sum(x), np.sum(x * x) * p.slope)}


FUNCTIONS = {
    "one array": (np.sin, X),
    "a tuple of one array": (np.sin, (X,)),
    "a Python scalar": (lambda x: x**3, 2.0),
    "a NumPy scalar": (np.exp, np.float64(0.3)),
    "a 0-d array": (np.exp, np.array(0.3)),
    "a complex scalar": (lambda z: z * z, 1.0 + 2.0j),
    "several arguments": (lambda x, y, z: x * y + np.sin(z), (X, X[0], 2.0)),
    "trees in and out": (line, (X, Pair(2.0, X[0]))),
    "a list as the argument": (lambda xs: xs[0] * xs[1], ([X, X[0]],)),
    "integers beside": (lambda x, n, i: (x**n, i), (X, 3, np.array([1, 2]))),
    "constant": (lambda x: np.ones(3), X),
    "no dependence on one input": (lambda x, y: x * 2.0, (X, X)),
    "an empty array": (lambda x, y: x * y, (np.zeros((0, 2)), X[0, :2])),
    "a Fortran array": (np.sin, np.asfortranarray(X)),
    "a read-only view": (np.sin, np.broadcast_to(X[0], (2, 3))),
    "holomorphic": (lambda z: np.exp(z) * z, Z),
    "not holomorphic": (lambda z: np.abs(z) + np.conjugate(z) * z, Z),
    "complex to real": (lambda z: np.abs(z), Z),
    "real to complex": (lambda x: x * (1 + 2j), X),
    "real and complex": (lambda x, z: (x * z, np.real(z)), (X, Z)),
}


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_derivatives_pass(name: str, fast_mode: bool) -> None:
    f, inputs = FUNCTIONS[name]
    assert gradcheck(f, inputs, check_forward_ad=True, check_batched_grad=True, fast_mode=fast_mode) is True
    assert gradgradcheck(f, inputs, check_forward_ad=True, check_batched_grad=True, fast_mode=fast_mode) is True


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_derivatives_pass_check_grads(name: str) -> None:
    f, inputs = FUNCTIONS[name]
    check_grads(f, inputs if type(inputs) is tuple else (inputs,), order=3)


def test_cotangents_may_be_given() -> None:
    assert gradgradcheck(line, (X, Pair(2.0, X[0])), {"y": X, "total": (1.0, 2.0)})
    assert gradgradcheck(np.sin, X, np.zeros((2, 3)))
    with pytest.raises(ValueError, match="grad_outputs has 1 arrays where func has 2"):
        gradgradcheck(lambda x: (x, x), X, X)


def test_second_derivatives_are_checked_in_the_cotangent_too() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(x)
        return np.sin(x)

    assert gradgradcheck(f, np.array([1.0, 2.0]))
    assert len(seen) > 2 * 4  # two evaluations for each of two inputs and two cotangents


def test_fast_mode_takes_two_evaluations_an_input() -> None:
    counts = {}
    for fast_mode in (False, True):
        plain = []

        def f(x: Any, y: Any, plain: list[Any] = plain) -> Any:
            if not ft.is_tracer(x):
                plain.append(x)
            return x * y

        gradcheck(f, (np.ones(50), np.ones(50)), fast_mode=fast_mode)
        counts[fast_mode] = len(plain)
    assert counts[True] == 2 + 2 * 2
    assert counts[False] == 2 + 2 * 100


def test_inputs_are_left_alone() -> None:
    x = X.copy()
    x.flags.writeable = False
    gradcheck(np.sin, x, check_forward_ad=True)
    check_grads(np.sin, (x,), 2)
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.float16])
def test_single_precision_is_warned_of(dtype: Any) -> None:
    with pytest.warns(UserWarning, match="input is .* differences are inexact") as record:
        gradcheck(lambda x: x * x, np.ones(2, dtype), eps=0.03, atol=0.1, rtol=0.1)
    assert record[0].filename == __file__
    with pytest.warns(UserWarning, match=r"input\[1\] is"):
        gradgradcheck(lambda x, y: x * y, (X[0], np.ones(3, dtype)), eps=0.03, atol=0.1, rtol=0.1)


def test_check_grads_knows_single_precision() -> None:
    check_grads(lambda x, y: np.sin(x) * np.exp(y), (X.astype(np.float32), np.float32(0.5)), 2)
    check_grads(lambda x: np.sin(x), (X.astype(np.complex64),), 2)


def test_nothing_to_check_is_an_error() -> None:
    with pytest.raises(ValueError, match="no input is a floating"):
        gradcheck(lambda x: x, np.array([1, 2]))
    with pytest.raises(ValueError, match="no output is a floating"):
        gradcheck(lambda x: x > 0, X)
    with pytest.raises(ValueError, match="both False"):
        gradcheck(np.sin, X, check_backward_ad=False)
    with pytest.raises(ValueError, match="check_backward_ad=True"):
        gradcheck(np.sin, X, check_backward_ad=False, check_forward_ad=True, check_batched_grad=True)
    with pytest.raises(ValueError, match="'fwd' and 'rev'"):
        check_grads(np.sin, (X,), 1, modes=("forward",))
    with pytest.raises(ValueError, match="'fwd' and 'rev'"):
        check_grads(np.sin, (X,), 1, modes=())
    with pytest.raises(ValueError, match="counts from 1"):
        check_grads(np.sin, (X,), 0)
    with pytest.raises(TypeError, match="tuple of the function's arguments"):
        check_grads(np.sin, X, 1)


def test_function_whose_output_changes_shape() -> None:
    with pytest.raises(ValueError, match="changes its shape"):
        gradcheck(lambda x: np.zeros(3 if float(ft.stop_gradient(np.sum(x)).sum()) > 3 else 2) + np.sum(x), np.ones(3))


def test_errors_of_the_function_are_not_swallowed() -> None:
    def f(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        gradcheck(f, X, raise_exception=False)


def test_tolerances() -> None:
    f = ft.custom_jvp(np.sin)
    f.defjvp(lambda p, t: (np.sin(p[0]), t[0] * np.cos(p[0]) * 1.01))
    assert not gradcheck(f, X, raise_exception=False)
    assert gradcheck(f, X, rtol=0.02)
    assert gradcheck(f, X, atol=0.02)
    assert gradcheck(f, X, rtol=0.02, fast_mode=True)
    check_grads(f, (X,), 1, rtol=0.02)
    with pytest.raises(RuntimeError):
        check_grads(f, (X,), 1)
    coarse = lambda x: x**3
    assert not gradcheck(coarse, np.array([1.0]), eps=0.1, raise_exception=False)  # truncation: 0.1**2
    with pytest.raises(RuntimeError):
        check_grads(coarse, (np.array([1.0]),), 1, eps=0.1)


def test_numerical_jvp() -> None:
    out = numerical_jvp(line, (X, Pair(2.0, X[0])), (X, Pair(1.0, X[0])))
    expected = ft.jvp(line, (X, Pair(2.0, X[0])), (X, Pair(1.0, X[0])))[1]
    assert ft.tree.structure(out) == ft.tree.structure(expected)
    for a, b in zip(ft.tree.leaves(out), ft.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-8)


def test_numerical_jacobian() -> None:
    A = np.arange(6.0).reshape(2, 3)
    ((by_matrix, by_vector),) = numerical_jacobian(lambda A, x: np.sum(A * x, axis=1), A, X[0])
    np.testing.assert_allclose(by_vector, A, atol=1e-8)
    np.testing.assert_allclose(by_matrix, np.kron(np.eye(2), X[0]), atol=1e-8)
    ((jacobian,),) = numerical_jacobian(lambda z: z * z, 1.0 + 2.0j)
    np.testing.assert_allclose(jacobian, [[2.0, -4.0], [4.0, 2.0]], atol=1e-8)
    ((jacobian,),) = numerical_jacobian(np.conjugate, np.array([1.0 + 2.0j]))
    np.testing.assert_allclose(jacobian, [[1.0, 0.0], [0.0, -1.0]], atol=1e-8)
