"""``y[i] = v``, with every kind of index and value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.arange(12.0).reshape(3, 4) / 4 - 1.0
WEIGHTS = np.arange(1.0, 13.0).reshape(3, 4)

INDICES: dict[str, Any] = {
    "element": (1, 2),
    "row": 1,
    "negative": -1,
    "slice": slice(0, 2),
    "stepped": slice(None, None, 2),
    "column": (slice(None), 1),
    "block": (slice(1, 3), slice(0, 2)),
    "ellipsis": (..., 3),
    "everything": slice(None),
    "new axis": (None, 1),
    "mask": X > 0.3,
    "row mask": np.array([True, False, True]),
    "rows": np.array([2, 0]),
    "pairs": (np.array([0, 2]), np.array([1, 3])),
    "mixed": (slice(None), np.array([3, 0])),
    "list": [0, 2],
    "no rows": np.array([], dtype=np.int64),
    "no mask": np.zeros((3, 4), dtype=bool),
}


def of_tensors(index: Any) -> Any:
    """Return the index with its arrays as tensors."""
    if isinstance(index, tuple):
        return tuple(map(of_tensors, index))
    return (
        ft.tensor(index.tolist(), dtype=ft.int64 if index.dtype.kind == "i" else ft.bool)
        if isinstance(index, np.ndarray)
        else index
    )


@pytest.mark.parametrize("name", INDICES)
def test_a_tensor_is_assigned(name: str) -> None:
    index = INDICES[name]
    x = ft.tensor(X.tolist(), requires_grad=True)
    shape = X[index].shape
    v = ft.tensor((np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape) * 0.5).tolist()).reshape(shape)
    v.requires_grad_()
    y = x * 2.0
    y[of_tensors(index)] = v
    expected = X * 2.0
    expected[index] = v.detach().numpy()
    np.testing.assert_array_equal(y.detach(), expected)
    (y * ft.tensor(WEIGHTS.tolist())).sum().backward()
    remaining = 2.0 * WEIGHTS
    remaining[index] = 0.0
    np.testing.assert_array_equal(x.grad, remaining)
    np.testing.assert_array_equal(v.grad, WEIGHTS[index])


@pytest.mark.parametrize("name", INDICES)
def test_a_number_is_assigned(name: str) -> None:
    index = INDICES[name]
    x = ft.tensor(X.tolist(), requires_grad=True)
    y = x * 2.0
    y[of_tensors(index)] = 100.0
    expected = X * 2.0
    expected[index] = 100.0
    np.testing.assert_array_equal(y.detach(), expected)
    (y * ft.tensor(WEIGHTS.tolist())).sum().backward()
    remaining = 2.0 * WEIGHTS
    remaining[index] = 0.0
    np.testing.assert_array_equal(x.grad, remaining)


@pytest.mark.parametrize("name", INDICES)
def test_augmented_assignment_at_an_index(name: str) -> None:
    index = INDICES[name]
    x = ft.tensor(X.tolist(), requires_grad=True)
    y = x * 2.0
    y[of_tensors(index)] *= 3.0
    expected = X * 2.0
    expected[index] *= 3.0
    np.testing.assert_array_equal(y.detach(), expected)
    (y * ft.tensor(WEIGHTS.tolist())).sum().backward()
    scaled = 2.0 * WEIGHTS
    scaled[index] *= 3.0
    np.testing.assert_array_equal(x.grad, scaled)


def test_the_value_is_broadcast() -> None:
    x, v = ft.tensor(X.tolist(), requires_grad=True), ft.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1.0
    y[:, 1:3] = v
    y.sum().backward()
    assert v.grad.tolist() == [3.0, 3.0]
    assert x.grad.tolist() == [[1.0, 0.0, 0.0, 1.0]] * 3


def test_a_scalar_tensor_under_a_mask() -> None:
    x, s = ft.tensor(X.tolist(), requires_grad=True), ft.tensor(5.0, requires_grad=True)
    y = x.clone()
    y[y > 0.3] = s
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, X <= 0.3)
    assert s.grad.item() == np.sum(X > 0.3)


def test_the_value_may_come_from_the_same_tensor() -> None:
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 1.0
    y[0] = y[1].clone() * y[2].clone()
    y[1:] = y[:2].clone()
    assert y.tolist() == [6.0, 6.0, 2.0]
    (y * ft.tensor([1.0, 10.0, 100.0])).sum().backward()
    # y0 = x1·x2, y1 = y0, y2 = x1
    assert x.grad.tolist() == [0.0, 11 * 3.0 + 100.0, 11 * 2.0]


def test_a_chain_of_assignments_only_the_last_counts() -> None:
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 1.0
    y[0] = x[1] * 5.0
    y[0] = x[2] * 7.0
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 8.0]


def test_a_buffer_of_constants_is_filled() -> None:
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = ft.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            y[i, j] = x[i] * x[j]
    assert y.requires_grad
    y.sum().backward()
    np.testing.assert_allclose(x.grad, [12.0, 12.0, 12.0], rtol=1e-15)


def test_a_constant_assigned_to_a_constant_stays_one() -> None:
    y = ft.zeros(3)
    y[0] = 1.0
    y[ft.tensor([False, True, False])] = 2.0
    assert y.tolist() == [1.0, 2.0, 0.0]
    assert not y.requires_grad


def test_a_value_of_another_dtype_is_cast() -> None:
    x = ft.tensor([1.5, 2.5], dtype=ft.float32, requires_grad=True)
    y = ft.zeros(3)
    y[0:2] = x
    assert y.dtype == ft.float64
    y.sum().backward()
    assert x.grad.dtype == ft.float32
    z = ft.zeros(2, dtype=ft.float32)
    z[0] = ft.tensor(1.25)
    assert z.dtype == ft.float32


def test_a_value_that_does_not_fit_is_refused() -> None:
    y = ft.tensor(X.tolist(), requires_grad=True) * 1.0
    before = y.tolist()
    with pytest.raises((RuntimeError, ValueError)):
        y[0] = ft.ones(3)
    with pytest.raises(IndexError):
        y[3] = 1.0
    with pytest.raises(IndexError):
        y[0, 0, 0] = 1.0
    assert y.tolist() == before


def test_second_derivatives_through_assignment() -> None:
    x = ft.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    y[1] = x[0] ** 3
    (g,) = ft.autograd.grad((y * y).sum(), x, create_graph=True)
    (h,) = ft.autograd.grad(g.sum(), x)
    # f = x0⁴ + x0⁶ + x2⁴
    assert g.tolist() == [10.0, 0.0, 108.0]
    assert h.tolist() == [12.0 + 30.0, 0.0, 108.0]
