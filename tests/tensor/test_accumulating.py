"""What several values at one place come to: ties, zeros, positions that differ between examples, what is refused.

Values and gradients of the usual cases are in the table of `pytorch_rows`; numbers here are PyTorch's (2.15).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([1.0, 2.0, 3.0])
REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def test_ties_share_equally() -> None:
    index, src = np.array([0, 0, 1]), np.array([1.0, 1.0, 2.0])
    gradients = ft.grad(lambda x, src: ft.scatter_reduce(x, 0, index, src, "amax").sum(), (0, 1))(X, src)
    np.testing.assert_array_equal(gradients[0], [1 / 3, 0.5, 1.0])
    np.testing.assert_array_equal(gradients[1], [1 / 3, 1 / 3, 0.5])
    others = ft.grad(lambda src: ft.scatter_reduce(X, 0, index, src, "amin", include_self=False).sum())(src)
    np.testing.assert_array_equal(others, [0.5, 0.5, 1.0])
    assert ft.jacfwd(lambda x: ft.scatter_reduce(x, 0, index, src, "amax").sum())(X).tolist() == gradients[0].tolist()


def test_products_with_zeros_have_all_derivatives() -> None:
    """PyTorch refuses the second derivative where a group has more than one zero."""
    index, src = np.array([0, 0, 0, 1, 1]), np.array([0.0, 5.0, 0.0, 0.0, 4.0])
    product = lambda src: ft.scatter_reduce(X, 0, index, src, "prod").sum()
    np.testing.assert_array_equal(ft.grad(product)(src), [0.0, 0.0, 0.0, 8.0, 0.0])
    expected = np.zeros((5, 5))
    expected[0, 2] = expected[2, 0] = 5.0
    expected[3, 4] = expected[4, 3] = 2.0
    np.testing.assert_array_equal(ft.hessian(product)(src), expected)
    np.testing.assert_array_equal(ft.jit(ft.hessian(product))(src), expected)


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("include_self", [True, False])
def test_positions_may_differ_between_examples(reduce: str, include_self: bool) -> None:
    index = np.array([[0, 2, 2, 0], [1, 1, 1, 1], [2, 1, 0, 1]])
    src = np.random.default_rng(0).normal(size=(3, 4))

    def loss(x: Any, index: Any, src: Any) -> Any:
        return (ft.scatter_reduce(x, 0, index, src, reduce, include_self=include_self) ** 2).sum()

    gradient = ft.value_and_grad(loss, (0, 2))
    for axes, args in (((None, 0, 0), (X, index, src)), ((0, None, None), (np.stack([X, X, X]), index[0], src[0]))):
        value, batch = ft.vmap(gradient, axes)(*args)
        for k in range(3):
            one, each = gradient(*(a if axis is None else a[k] for a, axis in zip(args, axes, strict=True)))
            np.testing.assert_allclose(value[k], one)
            for b, e in zip(batch, each, strict=True):
                np.testing.assert_allclose(b[k], e)
    compiled = ft.jit(gradient)(X, index[0], src[0])
    np.testing.assert_allclose(compiled[1][1], gradient(X, index[0], src[0])[1][1])
    assert ft.gradgradcheck(lambda x, src: loss(x, index[0], src), (X, src[0]))


def test_types_stay() -> None:
    whole = ft.tensor([4, 7, 2])
    index = ft.tensor([0, 0, 1])
    assert whole.scatter_reduce(0, index, ft.tensor([1, 1, 2]), "mean").tolist() == [2, 4, 2]
    least = whole.scatter_reduce(0, index, ft.tensor([1, 1, 2]), "amin", include_self=False)
    assert (least.tolist(), least.dtype) == ([1, 2, 2], np.int64)
    for reduce in REDUCTIONS:
        single = ft.tensor([1.0, 2.0, 3.0], dtype=ft.float32, requires_grad=True)
        out = single.scatter_reduce(0, index, single, reduce, include_self=False)
        out.sum().backward()
        assert out.dtype == single.grad.dtype == np.float32


def test_forms_in_place_and_scatter_that_reduces() -> None:
    x = ft.tensor(X, requires_grad=True)
    y = x * 1.0
    y.scatter_reduce_(0, ft.tensor([0, 0]), x[1:], "prod").index_reduce_(0, ft.tensor([1]), x[:1], "amax")
    assert y.tolist() == [6.0, 2.0, 3.0]
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 4.0, 3.0]
    assert ft.tensor(X).scatter_(0, ft.tensor([0, 0]), 5.0, reduce="multiply").tolist() == [25.0, 2.0, 3.0]
    assert ft.scatter(X, 0, np.array([0, 0]), np.array([5.0, 1.0]), reduce="add").tolist() == [7.0, 2.0, 3.0]


def test_nothing_goes_anywhere() -> None:
    empty = np.zeros(0, int)
    for reduce in REDUCTIONS:
        assert ft.scatter_reduce(X, 0, empty, np.zeros(0), reduce, include_self=False).tolist() == X.tolist()


REFUSED: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (ValueError, "reduce is one of .* not 'median'", lambda: ft.scatter_reduce(X, 0, np.array([0]), X, "median")),
    (ValueError, "reduce is one of .* not 'sum'", lambda: ft.index_reduce(X, 0, np.array([0]), X[:1], "sum")),
    (ValueError, "reduce is one of .'add', 'multiply'.", lambda: ft.scatter(X, 0, np.array([0]), X, reduce="sum")),
    (IndexError, "position 3 is out of bounds", lambda: ft.scatter_reduce(X, 0, np.array([3]), X, "sum")),
    (ValueError, "source has shape", lambda: ft.index_reduce(X, 0, np.array([0]), X, "amax")),
]


@pytest.mark.parametrize(("error", "message", "call"), REFUSED)
def test_errors_teach(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message):
        call()
