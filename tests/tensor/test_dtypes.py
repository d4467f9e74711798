"""Data types: NumPy's promotion, and gradients of their tensor's own type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "scaled": lambda x: x * 2.5,
    "scaled from the left": lambda x: 2.5 * x,
    "shifted": lambda x: 1 - x,
    "halved": lambda x: x / 2,
    "inverse": lambda x: 1.0 / x,
    "squared": lambda x: x**2,
    "root": lambda x: x**0.5,
    "exponential": lambda x: x.exp(),
    "logarithm": lambda x: x.log(),
    "sine": lambda x: x.sin(),
    "mean": lambda x: x.mean(),
    "product": lambda x: x.reshape(2, 2) @ x.reshape(2, 2),
    "index": lambda x: x[1:],
    "clamped": lambda x: x.clamp(0.5, 1.0),
    "absolute": lambda x: abs(x),
    "product with truth values": lambda x: x.addcmul(ft.tensor([True, False, True, True]), x),
    "cumulative": lambda x: x.cumsum(0),
}


@pytest.mark.parametrize("dtype", [ft.float16, ft.float32, ft.float64])
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_precision_is_kept(name: str, dtype: Any) -> None:
    x = ft.tensor([0.3, 0.7, 1.1, 2.0], dtype=dtype, requires_grad=True)
    y = OPERATIONS[name](x)
    assert y.dtype == dtype
    y.sum().backward()
    assert x.grad.dtype == dtype
    (g,) = ft.autograd.grad(OPERATIONS[name](x).sum(), x, create_graph=True)
    assert g.dtype == dtype


def test_python_numbers_make_float64() -> None:
    assert ft.tensor(1.0).dtype == ft.float64
    assert ft.tensor([1.0, 2]).dtype == ft.float64
    assert ft.tensor(1).dtype == ft.int64
    assert ft.tensor([True]).dtype == ft.bool
    assert ft.tensor(1j).dtype == ft.complex128
    assert ft.zeros(2).dtype == ft.float64
    assert ft.arange(3).dtype == ft.int64


def test_the_default_type_can_be_changed() -> None:
    before = ft.get_default_dtype()
    try:
        ft.set_default_dtype(ft.float32)
        assert ft.tensor(1.0).dtype == ft.float32
        assert ft.zeros(2).dtype == ft.float32
        assert ft.tensor(np.array([1.0])).dtype == ft.float64
        assert ft.tensor(1).dtype == ft.int64
    finally:
        ft.set_default_dtype(before)
    assert ft.tensor(1.0).dtype == before


def test_arrays_keep_their_type() -> None:
    for dtype in (np.float32, np.float64, np.int32, np.complex64, np.bool_):
        assert ft.tensor(np.ones(2, dtype)).dtype == dtype
    assert ft.tensor(np.ones(2, np.float32), dtype=ft.float64).dtype == ft.float64


@pytest.mark.parametrize("values", [[1, 2], [True, False]])
def test_only_floats_require_grad(values: Any) -> None:
    with pytest.raises(RuntimeError, match=r"(?i)float"):
        ft.tensor(values, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"(?i)float"):
        ft.tensor(values).requires_grad_()
    ft.tensor(values).requires_grad_(False)


def test_promotion_is_numpys() -> None:
    single, double = ft.ones(2, dtype=ft.float32), ft.ones(2, dtype=ft.float64)
    assert (single * double).dtype == ft.float64
    assert (single * 2.0).dtype == ft.float32
    assert (single * np.float64(2.0)).dtype == ft.float64
    assert (single * np.ones(2)).dtype == ft.float64
    assert (single * ft.tensor(2.0)).dtype == ft.float64  # a 0-d array is not weak in NumPy
    assert (ft.tensor([1, 2]) * 2.5).dtype == ft.float64
    assert (ft.tensor([1, 2]) / ft.tensor([1, 2])).dtype == ft.float64
    assert (ft.tensor([1, 2]) * single).dtype == ft.float64  # int64 and float32
    assert (single * 1j).dtype == ft.complex64


def test_gradients_of_mixed_precision() -> None:
    x = ft.tensor([1.0, 2.0], dtype=ft.float32, requires_grad=True)
    w = ft.tensor([3.0, 4.0], dtype=ft.float64, requires_grad=True)
    y = x * w
    assert y.dtype == ft.float64
    y.sum().backward()
    assert (x.grad.dtype, w.grad.dtype) == (ft.float32, ft.float64)
    assert (x.grad.tolist(), w.grad.tolist()) == ([3.0, 4.0], [1.0, 2.0])


def test_an_integer_tensor_takes_part_as_a_constant() -> None:
    x, n = ft.tensor([1.5, 2.5], requires_grad=True), ft.tensor([2, 3])
    (x**n).sum().backward()
    np.testing.assert_allclose(x.grad, [3.0, 3 * 2.5**2], rtol=1e-15)
    assert n.grad is None


def test_conversions_are_differentiable() -> None:
    x = ft.tensor([1.5, 2.5], dtype=ft.float32, requires_grad=True)
    for convert in (lambda t: t.double(), lambda t: t.to(ft.float64), lambda t: t.type(ft.float64)):
        x.grad = None
        y = convert(x)
        assert y.dtype == ft.float64
        (y * y).sum().backward()
        assert x.grad.dtype == ft.float32
        assert x.grad.tolist() == [3.0, 5.0]
    assert x.to(ft.float32) is x
    assert x.float() is x


def test_conversion_to_integers_leaves_the_graph() -> None:
    x = ft.tensor([1.5, 2.5], requires_grad=True)
    n = x.long()
    assert n.dtype == ft.int64
    assert not n.requires_grad


def test_the_gradient_given_is_cast_to_the_result() -> None:
    x = ft.tensor([1.5, 2.5], dtype=ft.float32, requires_grad=True)
    (x * 2.0).backward(ft.ones(2, dtype=ft.float32))
    assert x.grad.dtype == ft.float32


def test_a_float32_chain_equals_numpys_to_the_bit() -> None:
    values = np.linspace(0.1, 2.0, 7, dtype=np.float32)
    x = ft.tensor(values, requires_grad=True)
    y = (x.sin() * 3.0 + 1.0) / 7.0
    expected = (np.sin(values) * 3.0 + 1.0) / 7.0
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(y.detach().numpy(), expected)


def test_reductions_of_integers_and_booleans() -> None:
    assert ft.tensor([True, True]).sum().item() == 2
    assert ft.tensor([1, 2]).sum().dtype == ft.int64
