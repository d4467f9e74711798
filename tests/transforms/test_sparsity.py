"""Sparse Jacobians and Hessians are the dense ones; patterns have no entry too few, and colourings separate entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import functorch_lite as ft
from functorch_lite.transforms.batching import Batched
from functorch_lite.transforms.colouring import column_colours, star_colours

X = np.random.default_rng(0).normal(size=12)
WEIGHTS = np.arange(1.0, 13.0)


@ft.custom_vjp
def tripled(x: Any) -> Any:
    return 3.0 * x


tripled.defvjp(lambda x: (tripled(x), None), lambda residuals, g: (3.0 * g,))


@ft.custom_jvp
def squared(x: Any) -> Any:
    return x * x


squared.defjvp(lambda primals, tangents: (squared(primals[0]), 2.0 * primals[0] * tangents[0]))

# Functions of twelve numbers, and whether the detected pattern is exactly that of the non-zeros at X.
JACOBIANS: dict[str, tuple[Callable[[Any], Any], bool]] = {
    "elementwise": (lambda x: np.sin(x) * x, True),
    "tridiagonal": (lambda x: np.concatenate([x[:1], x[1:-1] ** 2 - x[2:] * x[:-2], x[-1:]]), True),
    "broadcasting": (lambda x: x[:3, None] * x[3:5], True),
    "reversed": (lambda x: x[::-1] ** 2, True),
    "differences": (lambda x: np.diff(np.sin(x), 2), True),
    "differences of rows": (lambda x: np.diff(x.reshape(3, 4), axis=0), True),
    "gradient": (np.gradient, True),
    "sums": (lambda x: (x.reshape(3, 4).T ** 2).sum(0), True),
    "sums of everything": (lambda x: np.sum(x * x) + x[:2], False),
    "means": (lambda x: np.mean(x.reshape(3, 4), 1) * x[:3], True),
    "products": (lambda x: np.prod(x.reshape(3, 4), axis=1), True),
    "maxima": (lambda x: np.max(x.reshape(3, 4), axis=1), False),
    "norms": (lambda x: np.linalg.norm(x.reshape(3, 4), axis=1), True),
    "variances": (lambda x: np.var(x.reshape(3, 4), axis=0), True),
    "cumulative sums": (lambda x: np.cumsum(x.reshape(3, 4), 1), True),
    "sorted": (lambda x: np.sort(x)[:4], True),
    "where": (lambda x: np.where(x > 0, x**2, np.roll(x, 1)), True),
    "indexed twice": (lambda x: x[[0, 0, 3, 5]] * x[1], True),
    "scattered": (lambda x: ft.vjp(lambda y: y[[0, 0, 3, 5]], x)[1](x[:4])[0], True),
    "stacked": (lambda x: np.stack([x[:4], x[4:8] * x[8:]], axis=1), True),
    "split": (lambda x: tuple(np.split(x * x, 3)), True),
    "padded": (lambda x: np.pad(x.reshape(3, 4), 1) * 2.0, True),
    "diagonals": (lambda x: np.diagonal(x.reshape(3, 4)) * np.trace(x.reshape(3, 4)), False),
    "triangle": (lambda x: np.tril(x.reshape(3, 4)), True),
    "matrix times vector": (lambda x: np.diag(WEIGHTS) @ x + np.eye(12)[:, ::-1] @ np.exp(x), True),
    "vector times matrix": (lambda x: x @ np.diag(WEIGHTS), True),
    "matrix times matrix": (lambda x: x.reshape(3, 4) @ np.eye(4)[:, :2], True),
    "matrices times vector": (lambda x: np.stack([np.eye(4), 2.0 * np.eye(4)]) @ x[:4], True),
    "vector times matrices": (lambda x: x[:4] @ np.stack([np.eye(4), 2.0 * np.eye(4)]), True),
    "matrices times matrices": (lambda x: np.eye(2) @ x.reshape(3, 2, 2), True),
    "quadratic": (lambda x: x.reshape(3, 4) @ x.reshape(4, 3), True),
    "einsum": (lambda x: np.einsum("ij,jk->ik", x.reshape(3, 4), np.eye(4)[:, 1:]), True),
    "outer": (lambda x: np.outer(x[:2], x[2:4]), True),
    "convolution": (lambda x: np.convolve(x, [1.0, 0.0, -1.0], "same"), True),
    "valid convolution": (lambda x: np.convolve([1.0, 0.0, -1.0], x, "valid"), True),
    "interpolation": (lambda x: np.interp(np.array([0.5, 3.2]), np.arange(12.0), x), True),
    "Fourier": (lambda x: np.fft.rfft(x.reshape(3, 4), axis=1).real, False),
    "Fourier there and back": (lambda x: np.fft.irfft(1j * np.fft.rfft(x.reshape(3, 4), axis=1), axis=1), False),
    "solution": (lambda x: np.linalg.solve(np.diag(x[:3]) + 1.0, x[3:6]), True),
    "tree": (lambda x: {"a": x[:2] * x[3], "b": [np.outer(x[:2], x[2:4]), x[0]]}, True),
    "scalar": (lambda x: x[0] * x[5], True),
    "constant": (lambda x: np.ones(3) * 2.0, True),
    "vmap inside": (lambda x: ft.vmap(lambda r: np.linalg.norm(r) * r)(x.reshape(4, 3)), True),
    "grad inside": (lambda x: ft.grad(lambda y: np.sum(y[1:] ** 2 * y[:-1]))(x), True),
    "checkpoint inside": (lambda x: ft.checkpoint(lambda y: y[1:] * y[:-1])(x), True),
    "custom_jvp inside": (lambda x: squared(x[:4]), True),
    "custom_vjp inside": (lambda x: tripled(x[:4]), True),
    "stop_gradient": (lambda x: x[:4] * ft.stop_gradient(x[4:8]), True),
    "cumulative product": (lambda x: np.cumprod(x)[:3], True),
}


@pytest.mark.parametrize("name", JACOBIANS)
def test_the_sparse_jacobian_is_the_dense_one(name: str) -> None:
    f, is_exact = JACOBIANS[name]
    dense, sparse = ft.jacfwd(f)(X), ft.sparse_jacobian(f)(X)
    assert ft.tree.structure(dense) == ft.tree.structure(sparse)
    for d, s in zip(ft.tree.leaves(dense), ft.tree.leaves(sparse), strict=True):
        assert isinstance(s, scipy.sparse.csr_array)
        d = np.reshape(d, (-1, X.size))
        np.testing.assert_allclose(s.toarray(), d, rtol=1e-12, atol=1e-12)  # sums in another order
        assert s.nnz == np.count_nonzero(d) or not is_exact


HESSIANS: dict[str, Callable[[Any], Any]] = {
    "Rosenbrock": lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
    "arrow": lambda x: np.sum(x[0] * x**2) + x[0] ** 3,
    "arrow to the end": lambda x: np.sum(np.sin(x[-1] * x)),
    "grid": lambda x: np.sum(np.diff(x.reshape(3, 4), axis=0) ** 4) + np.sum(np.diff(x.reshape(3, 4), axis=1) ** 3),
    "separable": lambda x: np.sum(np.exp(x)),
    "linear": np.sum,
    "groups": lambda x: np.prod(x[:3]) + np.linalg.norm(x[3:6]),
    "dense": lambda x: np.sum(x) ** 3,
    "elements": lambda x: np.sum((x[np.array([[0, 1], [1, 2], [2, 5]])] @ np.array([[2.0, -1.0], [-1.0, 2.0]])) ** 2),
}


@pytest.mark.parametrize("name", HESSIANS)
def test_the_sparse_hessian_is_the_dense_one(name: str) -> None:
    f = HESSIANS[name]
    sparse = ft.sparse_hessian(f)(X)
    np.testing.assert_allclose(sparse.toarray(), ft.hessian(f)(X), rtol=1e-12, atol=1e-10)


def counted(f: Callable[[Any], Any]) -> tuple[Callable[[Any], Any], list[Any]]:
    """Return a function that notes the sizes of the batches of tangents that run through it."""
    sizes: list[Any] = []

    @ft.custom_jvp
    def noted(x: Any) -> Any:
        return x

    @noted.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        if isinstance(tangents[0], Batched):
            sizes.append(tangents[0].value.shape[0])
        return primals[0], tangents[0]

    return lambda x: f(noted(x)), sizes


@pytest.mark.parametrize(("name", "colours"), [("tridiagonal", 3), ("elementwise", 1), ("differences", 3)])
def test_a_banded_jacobian_takes_as_many_products_as_it_has_bands(name: str, colours: int) -> None:
    f, sizes = counted(JACOBIANS[name][0])
    ft.sparse_jacobian(f)(X)
    assert sizes == [colours]


def test_a_wide_jacobian_takes_reverse_mode() -> None:
    n = 300
    f, sizes = counted(lambda x: np.stack([np.sum(x * x), x[0]]))
    jac = ft.sparse_jacobian(f)(np.ones(n))
    assert jac.nnz == n + 1
    assert sizes == []


def test_a_large_tridiagonal_problem() -> None:
    n = 100_000
    x = np.linspace(-1.0, 1.0, n)
    jac = ft.sparse_jacobian(JACOBIANS["tridiagonal"][0])(x)
    assert jac.shape == (n, n)
    np.testing.assert_allclose(jac.diagonal()[1:-1], 2.0 * x[1:-1])
    np.testing.assert_allclose(jac.diagonal(1)[1:], -x[:-2])
    for name, offset in (("Rosenbrock", 1), ("arrow", n - 1)):
        hess = ft.sparse_hessian(HESSIANS[name])(x)
        np.testing.assert_allclose(hess @ np.ones(n), ft.hvp(HESSIANS[name], (x,), (np.ones(n),))[1], rtol=1e-9)
        assert hess.diagonal(offset).any()


def test_arguments_trees_and_chunks() -> None:
    def f(scale: float, p: dict[str, Any], *, shift: float) -> Any:
        return {"y": scale * p["a"] * p["b"][0] + shift, "z": p["a"][1:] - p["a"][:-1]}

    p = {"a": np.arange(3.0), "b": (2.0,)}
    dense = ft.jacfwd(f, 1)(2.0, p, shift=1.0)
    for options in ({}, {"chunk_size": 1}):
        sparse = ft.sparse_jacobian(f, 1, **options)(2.0, p, shift=1.0)
        assert ft.tree.structure(dense) == ft.tree.structure(sparse)
        for d, s in zip(ft.tree.leaves(dense), ft.tree.leaves(sparse), strict=True):
            np.testing.assert_allclose(s.toarray(), np.reshape(d, s.shape))
    both = ft.sparse_jacobian(f, (0, 1))(2.0, p, shift=1.0)
    np.testing.assert_allclose(both["y"][0].toarray()[:, 0], p["a"] * 2.0)

    def energy(q: dict[str, Any]) -> Any:
        return np.sum(q["a"] ** 2 * q["b"][0] ** 2)

    dense, sparse = ft.hessian(energy)(p), ft.sparse_hessian(energy, chunk_size=1)(p)
    for d, s in zip(ft.tree.leaves(dense), ft.tree.leaves(sparse), strict=True):
        np.testing.assert_allclose(s.toarray(), np.reshape(d, s.shape))


def test_a_given_pattern_is_used() -> None:
    f = JACOBIANS["tridiagonal"][0]
    pattern = ft.sparse_jacobian(f)(X)
    for sparsity in (pattern != 0, pattern.toarray() != 0, pattern):
        np.testing.assert_allclose(ft.sparse_jacobian(f, sparsity=sparsity)(2 * X).toarray(), ft.jacfwd(f)(2 * X))
    g = HESSIANS["Rosenbrock"]
    upper = scipy.sparse.triu(ft.sparse_hessian(g)(X)).tocsr()
    np.testing.assert_allclose(ft.sparse_hessian(g, sparsity=upper)(2 * X).toarray(), ft.hessian(g)(2 * X))


def test_float32_and_empty_arguments() -> None:
    f = JACOBIANS["tridiagonal"][0]
    jac = ft.sparse_jacobian(f)(X.astype(np.float32))
    assert jac.dtype == np.float32
    assert ft.sparse_jacobian(lambda x: x * 2.0)(np.zeros(0)).shape == (0, 0)
    assert ft.sparse_jacobian(lambda x: np.sum(x))(np.zeros(0)).shape == (1, 0)
    assert ft.sparse_hessian(lambda x: np.sum(x**2))(np.zeros(0)).shape == (0, 0)


def test_errors() -> None:
    f = JACOBIANS["elementwise"][0]
    with pytest.raises(ValueError, match=r"sparsity has shape \(2, 12\).*\(12, 12\)"):
        ft.sparse_jacobian(f, sparsity=np.ones((2, 12)))(X)
    with pytest.raises(TypeError, match="cannot hold traced values"):
        ft.grad(lambda x: ft.sparse_jacobian(f)(x).sum())(X)
    with pytest.raises(TypeError, match="an output is complex128"):
        ft.sparse_jacobian(lambda x: np.sum(x)[None] * 1j)(np.ones(3))
    with pytest.raises(TypeError, match="an output is int64"):
        ft.sparse_jacobian(np.argsort)(np.ones(3))
    with pytest.raises(TypeError, match="must be real"):
        ft.sparse_jacobian(f)(X + 1j)
    with pytest.raises(TypeError, match="sparse_jacobian needs floating"):
        ft.sparse_jacobian(f)(np.arange(3))
    with pytest.raises(ValueError, match=r"complex_transform at test_sparsity.py.*give its pattern as sparsity="):
        ft.sparse_jacobian(lambda x: np.fft.fft(x).real)(np.ones(100_000))
    with pytest.raises(TypeError, match="scalar"):
        ft.sparse_hessian(f)(X)


# --- Colourings -------------------------------------------------------------------------------------------------------


@st.composite
def patterns(draw: Any, symmetric: bool) -> Any:
    m, n = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    seed, density = draw(st.integers(0, 2**31)), draw(st.floats(0.0, 0.6))
    m = n if symmetric else m
    dense = np.random.default_rng(seed).random((m, n)) < density
    return dense | dense.T if symmetric else dense


@given(patterns(symmetric=False))
@settings(max_examples=100, deadline=None)
def test_columns_of_one_colour_share_no_row(dense: Any) -> None:
    colours = column_colours(scipy.sparse.csr_array(dense))
    for colour in range(colours.max() + 1):
        assert dense[:, colours == colour].sum(axis=1).max() <= 1


@given(patterns(symmetric=True))
@settings(max_examples=100, deadline=None)
def test_a_star_colouring_shows_each_entry_in_its_row_or_its_column(dense: Any) -> None:
    colours = star_colours(scipy.sparse.csr_array(dense))
    full = dense | np.eye(len(dense), dtype=bool)
    for i, j in zip(*np.nonzero(full), strict=True):
        in_row = np.sum(full[i] & (colours == colours[j])) == 1
        in_column = np.sum(full[:, j] & (colours == colours[i])) == 1
        assert in_row or in_column
        assert in_row or i != j


def test_star_colourings_of_known_size() -> None:
    n = 50
    arrow = np.eye(n, dtype=bool)
    arrow[:, -1] = arrow[-1] = True
    band = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= 1
    assert star_colours(scipy.sparse.csr_array(arrow)).max() + 1 == 2
    assert star_colours(scipy.sparse.csr_array(band)).max() + 1 == 3
