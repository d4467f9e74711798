"""Forward mode by levels: ``autograd.forward_ad``."""

from __future__ import annotations

from threading import Thread
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.autograd.forward_ad as fwAD  # noqa: N812 - PyTorch's name
import functorch_lite.numpy as fnp

X, T = np.array([0.5, -1.5]), np.array([1.0, 2.0])


def f(x: Any) -> Any:
    return (x.sin() * x).cumsum(0) / x.exp().sum()


def test_tangents_are_those_of_jvp() -> None:
    expected = ft.jvp(f, (ft.tensor(X),), (ft.tensor(T),))
    for make in (ft.tensor, np.asarray):
        with fwAD.dual_level():
            y = f(fwAD.make_dual(make(X), make(T)))
            value, tangent = fwAD.unpack_dual(y)
        np.testing.assert_array_equal(value, expected[0])
        np.testing.assert_array_equal(tangent, expected[1])
        assert type(value) is type(tangent) is type(make(X))


def test_what_does_not_depend_on_a_dual_number_has_no_tangent() -> None:
    x = ft.tensor(X)
    with fwAD.dual_level():
        fwAD.make_dual(x, T)
        for value in (x, x * 2.0, X, 3.0):
            primal, tangent = fwAD.unpack_dual(value)
            assert primal is value
            assert tangent is None
    assert fwAD.unpack_dual(x) == (x, None)


def test_tangents_of_tensors_that_require_grad_are_differentiated_by_backward() -> None:
    x = ft.tensor(X, requires_grad=True)
    with fwAD.dual_level():
        value, tangent = fwAD.unpack_dual((fwAD.make_dual(x, ft.tensor(T)) ** 3).sum())
    assert value.requires_grad
    tangent.backward()
    np.testing.assert_allclose(x.grad, 6 * X * T)


def test_levels_nest() -> None:
    with fwAD.dual_level() as outer:
        x = fwAD.make_dual(2.0, 1.0)
        with fwAD.dual_level() as inner:
            y = fwAD.make_dual(x, 1.0) ** 3 * x
            first = fwAD.unpack_dual(y).tangent  # 3 y^2 x at y = x
            assert fwAD.unpack_dual(first, level=outer) == (24.0, 36.0)
        assert fwAD.unpack_dual(first).tangent == 36.0
    assert (outer, inner) == (0, 1)
    assert ft.jvp(lambda a: ft.jvp(lambda b: b**3 * a, (a,), (1.0,))[1], (2.0,), (1.0,)) == (24.0, 36.0)


def test_transformations_inside_of_a_level_and_around_it() -> None:
    with fwAD.dual_level():
        x = fwAD.make_dual(X, T)
        gradient = fwAD.unpack_dual(ft.grad(lambda y: (y**3).sum())(x))
    np.testing.assert_allclose(gradient.tangent, 6 * X * T)

    def pushed(x: Any, t: Any) -> Any:
        with fwAD.dual_level():
            return fwAD.unpack_dual(fwAD.make_dual(x, t) ** 3).tangent

    np.testing.assert_allclose(ft.vmap(pushed, in_axes=(None, 0))(X, np.diag(T)), np.diag(3 * X**2 * T))
    np.testing.assert_allclose(ft.jit(pushed)(X, T), 3 * X**2 * T)
    np.testing.assert_allclose(ft.grad(lambda x: pushed(x, T).sum())(X), 6 * X * T)


def test_arrays_made_inside_of_a_level_can_hold_dual_numbers() -> None:
    with fwAD.dual_level():
        y = fnp.zeros(2)
        y[0] = fwAD.make_dual(3.0, 1.0) ** 2
        assert fwAD.unpack_dual(y).tangent.tolist() == [6.0, 0.0]
        assert fwAD.unpack_dual(np.array([y[0], 1.0])).tangent.tolist() == [6.0, 0.0]
    assert isinstance(fnp.zeros(2), np.ndarray)


def test_levels_belong_to_a_thread() -> None:
    found: list[Any] = []

    def run() -> None:
        with fwAD.dual_level() as level:
            found.append((level, fwAD.unpack_dual(fwAD.make_dual(3.0, 1.0) ** 2)))

    with fwAD.dual_level():
        thread = Thread(target=run)
        thread.start()
        thread.join()
    assert found == [(0, (9.0, 6.0))]


def test_a_dual_number_ends_with_its_level_also_by_an_error() -> None:
    duals = []

    def fail() -> None:
        with fwAD.dual_level():
            duals.append(fwAD.make_dual(ft.tensor(X), T))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(ft.EscapedTracerError, match=r"traced by a block of forward_ad\.dual_level"):
        _ = duals[0] * 2.0
    with pytest.raises(RuntimeError, match="no level is open"):
        fwAD.make_dual(X, T)


def test_wrong_uses() -> None:
    with fwAD.dual_level():
        dual = fwAD.make_dual(X, T)
        for error, message, call in [
            (ValueError, r"tangent has shape \(3,\) where", lambda: fwAD.make_dual(X, np.ones(3))),
            (TypeError, "floating or complex inputs; the argument is int64", lambda: fwAD.make_dual(np.arange(2), T)),
            (TypeError, "tangent is complex128", lambda: fwAD.make_dual(X, 1j * T)),
            (RuntimeError, "a dual number of this level already", lambda: fwAD.make_dual(dual, T)),
            (RuntimeError, "level 1 is not open; 1 are, from 0 on", lambda: fwAD.make_dual(X, T, level=1)),
            (RuntimeError, "level 3 is not the last one", lambda: fwAD.exit_dual_level(level=3)),
        ]:
            with pytest.raises(error, match=message):
                call()
    with pytest.raises(RuntimeError, match="no level is open"):
        fwAD.exit_dual_level()
