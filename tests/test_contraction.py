"""What the samples cannot say of contractions: refusals, large operands, lengths of 1, the orders of contraction."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.samples.sample import random

X = random(2, 3)


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda x: x @ x, ValueError, "(2,3) and (2,3) not aligned"),
        (lambda x: np.matmul(x, 2.0), ValueError, "does not have enough dimensions"),
        (lambda x: np.matmul(x, x.T, axes=[(0, 1), (0, 1)]), ValueError, "np.matmul"),
        (lambda x: np.matmul(x, x.T, axes=[(0,), (0, 1), (0, 1)]), ValueError, "2 core dimensions"),
        (lambda x: np.vecdot(x, np.ones(1)), ValueError, "(2, 3) and (1,) do not fit"),
        (lambda x: np.dot(x, x.T, out=np.empty((2, 2))), TypeError, "np.dot"),
        (lambda x: np.inner(x, np.ones(2)), ValueError, "shape-mismatch"),
        (lambda x: np.tensordot(x, np.ones((2, 6))), ValueError, "shape-mismatch"),
        (lambda x: np.tensordot(x, x, ((0, 0), (0, 0))), ValueError, "repeated axis"),
        (lambda x: np.tensordot(x, x, ((5,), (0,))), np.exceptions.AxisError, "out of bounds"),
        (lambda x: np.linalg.outer(x, x), ValueError, "one-dimensional"),
        (lambda x: np.linalg.multi_dot([x]), ValueError, "at least two"),
        (lambda x: np.linalg.multi_dot([x, x]), ValueError, "do not fit"),
        (lambda x: np.linalg.multi_dot([x, x[0], x]), np.linalg.LinAlgError, "two-dimensional"),
        (lambda x: np.einsum("ij,jk", x, x), ValueError, "axes of length 3 and 2"),
        (lambda x: np.einsum("ii", x), ValueError, "do not fit"),
        (lambda x: np.einsum("ijk", x), ValueError, "too many subscripts"),
        (lambda x: np.einsum("...j->j", x), ValueError, "ellipsis"),
        (lambda x: np.einsum("ij->k", x), ValueError, "never appeared"),
        (lambda x: np.einsum("ij->i", x, out=np.empty(2)), TypeError, "np.einsum"),
        (lambda x: np.einsum("ij->i", x, dtype=np.float32), TypeError, "casting='safe'"),
        (lambda x: np.trace(x[0]), ValueError, "two dimensions"),
        (lambda x: np.cross(x, np.ones(2)), ValueError, "vectors must have 3 elements"),
        (lambda x: np.cross(x, 1.0), ValueError, "zero dimension"),
    ],
)
def test_wrong_arguments_are_refused(function: Callable[..., Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        ft.vjp(function, X)


def test_product_with_a_scalar_of_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="scalar"):
        ft.vmap(lambda x: np.matmul(x, np.ones(3)))(np.ones(3))


def test_plane_cross_product_can_be_written_as_the_error_says() -> None:
    x, y = random(4, 2), random(4, 2, seed=1)
    _, t = ft.jvp(lambda x: x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0], (x,), (x,))
    np.testing.assert_allclose(t, x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0])


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (random(300, 300), random(3, 300, 5)),
        (random(300, 300), np.swapaxes(random(3, 5, 300), 1, 2)),
        (random(4, 3, 300), random(300, 2)),
        (np.swapaxes(random(3, 4, 30), 0, 1), random(30, 2)),
        (random(4, 30, 1), random(4, 1, 20)),
    ],
)
def test_every_way_to_compute_a_stack_of_products(x: Any, y: Any) -> None:
    out, pull = ft.vjp(np.matmul, x, y)
    np.testing.assert_allclose(out, np.matmul(x, y), atol=1e-12)
    g = random(*out.shape, seed=2)
    of_x, of_y = pull(g)
    np.testing.assert_allclose(np.sum(of_x * x), np.sum(g * out))
    np.testing.assert_allclose(np.sum(of_y * y), np.sum(g * out))


def test_path_of_traced_operands_is_that_of_their_shapes() -> None:
    arrays = random(2, 30), random(30, 40), random(40, 5)
    expected = np.einsum_path("ij,jk,kl", *arrays, optimize="optimal")
    paths = []
    ft.vmap(lambda x: paths.append(np.einsum_path("ij,jk,kl", x, *arrays[1:], optimize="optimal")))(arrays[0][None])
    ft.vmap(lambda x: paths.append(np.einsum_path(x, [0, 1], arrays[1], [1, 2])))(arrays[0][None])
    assert paths[0] == expected
    assert paths[1][0] == ["einsum_path", (0, 1)]


def test_long_chain_of_matrices() -> None:
    chain = [random(3, 3, seed=i) for i in range(60)]
    out, pull = ft.vjp(lambda *xs: np.linalg.multi_dot(xs), *chain)
    expected = np.linalg.multi_dot(chain)
    np.testing.assert_allclose(out, expected, rtol=1e-10)
    for x, c in zip(chain, pull(np.ones((3, 3))), strict=True):
        np.testing.assert_allclose(np.sum(c * x), np.sum(expected), rtol=1e-8)


def test_gradient_of_an_outer_product_by_the_ufunc() -> None:
    x, y, g = random(3), random(2, 2), random(3, 2, 2)
    of_x, of_y = ft.vjp(np.multiply.outer, x, y)[1](g)
    np.testing.assert_allclose(of_x, np.tensordot(g, y))
    np.testing.assert_allclose(of_y, np.tensordot(x, g, 1))
