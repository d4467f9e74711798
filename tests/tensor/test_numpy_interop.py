"""NumPy on tensors and tensors in NumPy: every function of NumPy takes a tensor and gives one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([[0.3, 0.7, 1.1], [0.9, 0.4, 0.2]])
V = np.array([1.0, -2.0, 0.5])

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sin": np.sin,
    "exp": np.exp,
    "array times tensor": lambda x: V * x,
    "array plus tensor": lambda x: V + x,
    "array minus tensor": lambda x: V - x,
    "array by tensor": lambda x: V / x,
    "matrix times tensor": lambda x: np.ones((4, 2)) @ x,
    "tensor times vector": lambda x: x @ V,
    "scalar times tensor": lambda x: np.float64(2.0) * x,
    "maximum": lambda x: np.maximum(x, 0.5),
    "sum": lambda x: np.sum(x, axis=0),
    "mean": np.mean,
    "concatenate": lambda x: np.concatenate([x, X]),
    "concatenate, array first": lambda x: np.concatenate([X, x], axis=1),
    "stack": lambda x: np.stack([X, x, 2 * x]),
    "where": lambda x: np.where(X > 0.5, x, -x),
    "where of a tensor": lambda x: np.where(x > 0.5, x, V),
    "reshape": lambda x: np.reshape(x, 6),
    "transpose": np.transpose,
    "dot": lambda x: np.dot(x, V),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, X),
    "linalg.norm": np.linalg.norm,
    "linalg.solve": lambda x: np.linalg.solve(np.eye(3) * 2, x.T),
    "sort": lambda x: np.sort(x, axis=1),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "logaddexp": lambda x: np.logaddexp(x, V),
    "clip": lambda x: np.clip(x, 0.35, 0.8),
    "array of elements": lambda x: np.array([x[0, 0], x[1, 2]]) * x[1, :2],
    "outer": lambda x: np.outer(x[0], V),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_functions_give_tensors_with_a_history(name: str) -> None:
    f = FUNCTIONS[name]
    x = ft.tensor(X, requires_grad=True)
    y = f(x)
    assert type(y) is ft.Tensor
    assert y.requires_grad
    np.testing.assert_allclose(y.detach().numpy(), np.asarray(f(X), float), rtol=1e-14)
    weights = np.cos(np.arange(float(y.size))).reshape(y.shape)
    (y * weights).sum().backward()
    expected = ft.grad(lambda a: np.sum(f(a) * weights))(X)
    np.testing.assert_allclose(x.grad, expected, rtol=1e-14, atol=1e-16)


def test_numpy_functions_of_constants_give_constants() -> None:
    x = ft.tensor(X)
    for y in (np.sin(x), V * x, np.sum(x), np.concatenate([x, X])):
        assert type(y) is ft.Tensor
        assert not y.requires_grad


def test_comparisons_give_tensors_of_booleans() -> None:
    x = ft.tensor(X, requires_grad=True)
    for y in (x > 0.5, x > V, np.isfinite(x)):
        assert type(y) is ft.Tensor
        assert y.dtype == bool


def test_an_array_of_a_constant_shares_its_memory() -> None:
    x = ft.tensor(X)
    a = np.asarray(x)
    assert type(a) is np.ndarray
    a[0, 0] = 7.0
    assert x[0, 0].item() == 7.0
    assert np.array(x) is not a
    assert np.array(x).base is not a
    copied = np.array(x)
    copied[0, 0] = 1.0
    assert x[0, 0].item() == 7.0


def test_an_array_of_another_dtype() -> None:
    assert np.asarray(ft.tensor(X), dtype=np.float32).dtype == np.float32
    assert np.asarray(ft.tensor(X, dtype=ft.float32)).dtype == np.float32


def test_an_array_of_a_tensor_that_requires_grad_is_refused_with_the_remedy() -> None:
    x = ft.tensor(X, requires_grad=True)
    for convert in (np.asarray, np.array, lambda t: np.asarray(t, float)):
        with pytest.raises((RuntimeError, TypeError), match="detach"):
            convert(x)
        with pytest.raises((RuntimeError, TypeError), match="detach"):
            convert(x * 2.0)
    with pytest.raises(RuntimeError, match="detach"):
        x.numpy()
    np.testing.assert_array_equal(x.detach().numpy(), X)


def test_numpy_shares_memory() -> None:
    x = ft.tensor(X)
    x.numpy()[0, 0] = 7.0
    assert x[0, 0].item() == 7.0
    y = x * 2.0
    y.detach().numpy()[:] = 0.0
    assert not y.any()


def test_a_tensor_copies_the_array_it_is_made_of() -> None:
    a = X.copy()
    x = ft.tensor(a)
    a[0, 0] = 100.0
    assert x[0, 0].item() == X[0, 0]


def test_from_numpy_shares_memory() -> None:
    a = X.copy()
    x = ft.from_numpy(a)
    a[0, 0] = 100.0
    assert x[0, 0].item() == 100.0
    x[0, 1] = 200.0
    assert a[0, 1] == 200.0


def test_writing_a_tensor_into_an_array() -> None:
    a = np.zeros((2, 3))
    a[:] = ft.tensor(X)
    np.testing.assert_array_equal(a, X)
    with pytest.raises((RuntimeError, TypeError)):
        a[:] = ft.tensor(X, requires_grad=True)
    np.testing.assert_array_equal(a, X)


def test_in_place_with_an_array_on_the_left_makes_a_tensor() -> None:
    x = ft.tensor(V, requires_grad=True)
    a: Any = np.ones(3)
    a = a * x
    a += x
    assert type(a) is ft.Tensor
    a.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_indexing_an_array_by_a_tensor() -> None:
    assert V[ft.tensor([2, 0])].tolist() == [0.5, 1.0]
    assert V[ft.tensor(1)] == -2.0
    assert V[ft.tensor([True, False, True])].tolist() == [1.0, 0.5]


def test_a_ufunc_with_out() -> None:
    x = ft.tensor(X)
    out = ft.zeros((2, 3))
    np.multiply(x, 2.0, out=out)
    np.testing.assert_array_equal(out, 2 * X)


def test_one_line_works_on_arrays_tensors_and_tracers() -> None:
    def energy(x: Any) -> Any:
        return np.sum(np.tanh(x @ np.ones(3)) ** 2)

    x = ft.tensor(X, requires_grad=True)
    y = energy(x)
    y.backward()
    assert y.item() == pytest.approx(energy(X), rel=1e-15)
    np.testing.assert_allclose(x.grad, ft.grad(energy)(X), rtol=1e-14)


def test_a_function_without_a_rule_is_refused_by_name() -> None:
    with pytest.raises((NotImplementedError, TypeError), match="unique"):
        np.unique(ft.tensor(V, requires_grad=True))


def test_an_array_is_not_changed_in_place_by_a_tensor_that_requires_grad() -> None:
    x = ft.tensor(V, requires_grad=True)
    a: Any = np.ones(3)
    b = a
    try:
        a += x
    except (RuntimeError, TypeError):
        return
    a.sum().backward()  # if it is allowed, the derivative is not lost
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
    assert b.tolist() == [1.0, 1.0, 1.0]
