"""Sparse products and systems have the derivatives of the dense ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import functorch_lite as ft
from functorch_lite.scipy import sparse

RANDOM = np.random.default_rng(0)
RECTANGLE = scipy.sparse.random_array((4, 5), density=0.4, rng=RANDOM).tocsr()
SQUARE = (scipy.sparse.random_array((5, 5), density=0.4, rng=RANDOM) + 3.0 * scipy.sparse.eye_array(5)).tocsr()
OPERANDS = {"vector": RANDOM.normal(size=5), "columns": RANDOM.normal(size=(5, 3))}
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[[Any, Any], Any], Any]] = {
    "product": (sparse.sparse_matmul, np.matmul, RECTANGLE),
    "solution": (sparse.spsolve, np.linalg.solve, SQUARE),
}
cases = pytest.mark.parametrize(
    ("name", "operand"), [(name, operand) for name in FUNCTIONS for operand in OPERANDS]
)


def dense(matrix: Any, data: Any) -> Any:
    """Return the dense matrix with these entries, traced or not."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    flat = np.zeros((len(data), matrix.shape[0] * matrix.shape[1]))
    flat[np.arange(len(data)), rows * matrix.shape[1] + matrix.indices] = 1.0
    return (data @ flat).reshape(matrix.shape)


@cases
def test_values_and_derivatives(name: str, operand: str) -> None:
    function, reference, matrix = FUNCTIONS[name]
    x = OPERANDS[operand]
    np.testing.assert_allclose(function(matrix, x), reference(matrix.toarray(), x), rtol=1e-10)
    f = lambda data, x: function(matrix, x, data)
    g = lambda data, x: reference(dense(matrix, data), x)
    ft.check_grads(f, (matrix.data, x), 2)
    total = lambda f: lambda data, x: np.sum(f(data, x) ** 3)
    for transform in (
        lambda h: ft.jacrev(h, (0, 1)),
        lambda h: ft.jacfwd(h, (0, 1)),
        lambda h: ft.hessian(total(h), (0, 1)),
        lambda h: ft.jacrev(ft.jacrev(total(h), (0, 1)), (0, 1)),
    ):
        ours, theirs = (ft.tree.leaves(transform(h)(matrix.data, x)) for h in (f, g))
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-10)


@cases
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_batches(name: str, operand: str, axes: tuple[Any, Any]) -> None:
    function, _, matrix = FUNCTIONS[name]
    x = OPERANDS[operand]
    gradient = lambda data, x: ft.grad(lambda d, x: np.sum(function(matrix, x, d) ** 2), (0, 1))(data, x)
    args = [np.stack([a, 2.0 * a]) if axis == 0 else a for a, axis in zip((matrix.data, x), axes, strict=True)]
    batch = ft.vmap(gradient, axes)(*args)
    for i in range(2):
        one = gradient(*(a[i] if axis == 0 else a for a, axis in zip(args, axes, strict=True)))
        for a, b in zip(batch, one, strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-10, atol=1e-12)


def test_complex_and_single_precision() -> None:
    x = OPERANDS["vector"]
    ft.check_grads(lambda x: sparse.spsolve(SQUARE, x), (x + 1j,), 2)
    ft.check_grads(lambda d, x: sparse.spsolve(SQUARE, x, d), (SQUARE.data + 0.1j, x + 1j), 1)
    single = SQUARE.astype(np.float32)
    for function in (sparse.sparse_matmul, sparse.spsolve):
        assert ft.grad(lambda x, f=function: np.sum(f(single, x)))(x.astype(np.float32)).dtype == np.float32


def test_the_matrix_is_factorised_once_for_all_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = sparse.splu
    monkeypatch.setattr(sparse, "splu", lambda matrix: (calls.append(1), original(matrix))[1])
    x = OPERANDS["vector"]
    ft.grad(lambda x: np.sum(sparse.spsolve(SQUARE, x) ** 2))(x)
    assert len(calls) == 1
    ft.jacrev(lambda x: sparse.spsolve(SQUARE, x))(x)
    assert len(calls) == 2


def test_other_formats_and_integers() -> None:
    x = OPERANDS["vector"]
    for form in ("csc", "coo", "lil", "bsr"):
        np.testing.assert_allclose(sparse.sparse_matmul(RECTANGLE.asformat(form), x), RECTANGLE @ x)
    counts = scipy.sparse.csr_array(np.array([[1, 2], [0, 3]]))
    np.testing.assert_allclose(ft.jacobian(lambda x: sparse.sparse_matmul(counts, x))(np.ones(2)), counts.toarray())


def test_sparse_products_keep_jacobians_sparse() -> None:
    x = OPERANDS["vector"]
    jac = ft.sparse_jacobian(lambda x: sparse.sparse_matmul(RECTANGLE, x))(x)
    assert jac.nnz == RECTANGLE.nnz
    np.testing.assert_allclose(jac.toarray(), RECTANGLE.toarray())
    by_data = lambda data: sparse.sparse_matmul(RECTANGLE, x, data)
    jac = ft.sparse_jacobian(by_data)(RECTANGLE.data)
    np.testing.assert_allclose(jac.toarray(), ft.jacobian(by_data)(RECTANGLE.data))


def test_the_namespace_has_them() -> None:
    assert ft.linalg.spsolve is sparse.spsolve
    assert ft.linalg.solve is np.linalg.solve
    assert set(dir(ft.linalg)) >= {"solve", "sparse_matmul", "spsolve"}
    with pytest.raises(AttributeError):
        _ = ft.linalg.nothing


def test_errors() -> None:
    with pytest.raises(TypeError, match=r"needs a scipy\.sparse array, not a ndarray"):
        sparse.sparse_matmul(np.eye(2), np.ones(2))
    with pytest.raises(TypeError, match="not a traced value"):
        ft.grad(lambda a: sparse.sparse_matmul(a, np.ones(2))[0])(np.eye(2))
    with pytest.raises(ValueError, match=r"shape \(4, 5\) does not fit an array of shape \(4,\)"):
        sparse.sparse_matmul(RECTANGLE, np.ones(4))
    with pytest.raises(ValueError, match="must be square"):
        sparse.spsolve(RECTANGLE, np.ones(4))
    with pytest.raises(ValueError, match="does not fit a right-hand side"):
        sparse.spsolve(SQUARE, np.ones((5, 1, 1)))
    with pytest.raises(ValueError, match="data has shape"):
        sparse.spsolve(SQUARE, np.ones(5), np.ones(3))
    with pytest.raises(RuntimeError, match="singular"):
        sparse.spsolve(scipy.sparse.csr_array((2, 2)), np.ones(2))
