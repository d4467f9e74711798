"""Linear algebra of SciPy: its values, derivatives at ties, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg

import functorch_lite as ft
from functorch_lite.scipy import linalg
from tests.samples.linalg import definite, hermitian, well_conditioned
from tests.samples.sample import random

A = well_conditioned(4, 4)
B = well_conditioned(4, 4, seed=1)
TALL = well_conditioned(4, 3)
X = random(4, 2)
ROW = np.array([5.0, -0.4, 0.7, 0.2])
NEAR = np.eye(4) + 0.1 * A


def lu_solved(module: Any, trans: int) -> Any:
    return module.lu_solve(module.lu_factor(A), X, trans)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.expm(A),
        lambda m: m.expm_frechet(A, B),
        lambda m: m.logm(NEAR),
        lambda m: m.sqrtm(NEAR),
        lambda m: m.fractional_matrix_power(NEAR, 0.3),
        lambda m: m.cosm(A),
        lambda m: m.sinm(A + 1j * B),
        lambda m: m.solve_triangular(A, X, trans="T", lower=True),
        lambda m: m.solve_triangular(A, X[:, 0], unit_diagonal=True),
        lambda m: m.cholesky(definite(A)),
        lambda m: m.cho_solve(m.cho_factor(definite(A)), X),
        lambda m: m.cho_solve(m.cho_factor(definite(A), lower=True), X[:, 0]),
        lambda m: m.lu(A),
        lambda m: m.lu(A, permute_l=True),
        lambda m: m.lu(A, p_indices=True),
        lambda m: lu_solved(m, 0),
        lambda m: lu_solved(m, 1),
        lambda m: lu_solved(m, 2),
        lambda m: m.solve(A, X),
        lambda m: m.solve(definite(A), X, assume_a="pos"),
        lambda m: m.solve(A, X, assume_a="sym", lower=True),
        lambda m: m.solve(A, X, transposed=True),
        lambda m: m.solve_sylvester(A + 5 * np.eye(4), B + 5 * np.eye(4), A),
        lambda m: m.solve_continuous_lyapunov(A + 5 * np.eye(4), B),
        lambda m: m.solve_discrete_lyapunov(A / 9, B),
        lambda m: m.solve_continuous_are(A, X, definite(B), definite(A[:2, :2])),
        lambda m: m.solve_discrete_are(A, X, definite(B), definite(A[:2, :2])),
        lambda m: m.solve_toeplitz(ROW, X),
        lambda m: m.solve_toeplitz((ROW, ROW[::-1]), X[:, 0]),
        lambda m: m.solve_toeplitz(ROW + 1j * ROW[::-1] * np.array([0, 1, 1, 1]), X),
        lambda m: m.matmul_toeplitz(ROW, X),
        lambda m: m.matmul_toeplitz((ROW, X[:3, 0]), X[:3]),
        lambda m: m.matmul_toeplitz((ROW + 1j, X[:3, 0]), X[:3, 0]),
        lambda m: m.solve_circulant(ROW, X),
        lambda m: m.solve_circulant(ROW, X[:, 0] + 1j),
        lambda m: m.solveh_banded(np.stack([0.1 * ROW, 0.3 + ROW * 0, 4 + ROW]), X),
        lambda m: m.solveh_banded(np.stack([4 + ROW, 0.3j + ROW * 0, 0.1 * ROW]), X[:, 0], lower=True),
        lambda m: m.coshm(A),
        lambda m: m.sinhm(A + 1j * B),
        lambda m: m.tanhm(A),
        lambda m: m.tanm(A / 3),
        lambda m: m.lstsq(TALL, X),
        lambda m: m.orthogonal_procrustes(TALL, TALL[::-1] ** 2),
        *(
            lambda m, k=k, n=n, mode=mode: m.convolution_matrix(ROW[:k], n, mode)
            for k in (1, 2, 3, 4)
            for n in (1, 2, 3, 6)
            for mode in ("full", "same", "valid")
        ),
        lambda m: m.khatri_rao(A, X.T @ A),
        lambda m: m.polar(TALL),
        lambda m: m.polar(TALL.T, side="left"),
        lambda m: m.eigvalsh(hermitian(A), definite(B)),
        lambda m: m.eigh(hermitian(A), definite(B), lower=False, eigvals_only=True),
        lambda m: np.abs(m.eigh(hermitian(A), definite(B))[1]),
        lambda m: m.svd(A)[1],
        lambda m: np.abs(m.qr(TALL)[1]),
        lambda m: np.abs(m.qr(TALL, mode="economic")[1]),
        lambda m: m.toeplitz(X[:, 0], X[:, 1]),
        lambda m: m.toeplitz(1j * X[:, 0]),
        lambda m: m.hankel(X[:, 0], X[:, 1]),
        lambda m: m.hankel(X[:, 0]),
        lambda m: m.circulant(X[:, 0]),
        lambda m: m.companion(X[:, 0]),
        lambda m: m.block_diag(A, X, [1.0, 2.0], 3.0),
        lambda m: m.det(A),
        lambda m: m.inv(A),
    ],
)
def test_values_are_scipys(call: Any) -> None:
    ours, theirs = call(linalg), call(scipy.linalg)
    if not isinstance(theirs, tuple):
        ours, theirs = (ours,), (theirs,)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        # Condition numbers of a few, and other routes to the same matrix.
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_matrix_functions_are_exact_at_repeated_eigenvalues() -> None:
    """f(A) = Σ B ∘ exp(A) at A = diag(1, 1, 2): the divided differences of exp are e between the equal ones."""
    a = np.diag([1.0, 1.0, 2.0])
    e = np.exp(1.0)
    across = e * (e - 1)
    expected = np.array([[e, e, across], [e, e, across], [across, across, e * e]])
    np.testing.assert_allclose(ft.grad(lambda x: np.sum(linalg.expm(x)))(a), expected, rtol=1e-13)
    root = 1 / (1 + 2**0.5)
    expected = np.array([[0.5, 0.5, root], [0.5, 0.5, root], [root, root, 0.5 / 2**0.5]])
    np.testing.assert_allclose(ft.grad(lambda x: np.sum(linalg.sqrtm(x)))(a), expected, rtol=1e-14)
    log = np.log(2.0)
    expected = np.array([[1, 1, log], [1, 1, log], [log, log, 0.5]])
    np.testing.assert_allclose(ft.grad(lambda x: np.sum(linalg.logm(x)))(a), expected, rtol=1e-13)


def test_third_derivatives_of_the_exponential() -> None:
    def f(t: Any) -> Any:
        return np.sum(linalg.expm(t * A / 4))

    c = A / 4
    expected = np.sum(c @ c @ c @ scipy.linalg.expm(0.7 * c))
    third = ft.grad(ft.grad(ft.grad(f)))(0.7)
    np.testing.assert_allclose(third, expected, rtol=1e-11)
    np.testing.assert_allclose(ft.derivative(f, 3)(0.7), expected, rtol=1e-11)


def test_one_factorisation_serves_vmap() -> None:
    b = random(5, 4)
    factors = linalg.lu_factor(A)
    np.testing.assert_allclose(ft.vmap(lambda x: linalg.lu_solve(factors, x))(b), np.linalg.solve(A, b.T).T, rtol=1e-12)
    batched = np.stack([A, A[::-1], B])
    actual = ft.vmap(lambda a: linalg.lu_solve(linalg.lu_factor(a), X, 1))(batched)
    np.testing.assert_allclose(actual, [np.linalg.solve(a.T, X) for a in batched], rtol=1e-11)


def test_the_log_determinant_by_any_factorisation_has_one_gradient() -> None:
    a = definite(A)
    expected = np.linalg.inv(a).T

    def by_lu(a: Any) -> Any:
        return np.sum(np.log(np.abs(np.diagonal(linalg.lu(a)[2]))))

    def by_cholesky(a: Any) -> Any:
        return 2 * np.sum(np.log(np.diagonal(linalg.cho_factor(a)[0])))

    def by_logarithm(a: Any) -> Any:
        return np.trace(linalg.logm(a))

    np.testing.assert_allclose(ft.grad(by_lu)(a), expected, rtol=1e-11)
    np.testing.assert_allclose(ft.grad(by_logarithm)(a), expected, rtol=1e-9, atol=1e-12)
    gradient = ft.grad(by_cholesky)(a)
    np.testing.assert_allclose((gradient + gradient.T) / 2, expected, rtol=1e-11)


def test_factors_differentiate_where_the_last_pivot_is_zero() -> None:
    singular = A.copy()
    singular[:, 3] = A[:, :3] @ [1.0, -2.0, 0.5]
    f = lambda a: linalg.lu(a)[1:]
    assert abs(f(singular)[1][3, 3]) < 1e-14
    directions = random(4, 4), random(4, 4)
    _, pushed = ft.jvp(f, (singular,), (directions[0],))
    step = 1e-6
    ahead, behind = f(singular + step * directions[0]), f(singular - step * directions[0])
    for slope, a, b in zip(pushed, ahead, behind, strict=True):
        np.testing.assert_allclose(slope, (a - b) / (2 * step), rtol=1e-6, atol=1e-7)  # of central differences
    _, pull = ft.vjp(f, singular)
    inner = np.sum(pushed[0] * directions[1]) + np.sum(pushed[1] * directions[0])
    np.testing.assert_allclose(np.sum(pull((directions[1], directions[0]))[0] * directions[0]), inner, rtol=1e-10)


def test_factors_that_are_not_unique_have_no_derivative() -> None:
    for matrix in (np.ones((3, 3)), np.array([[0.0, 1.0], [0.0, 2.0]])):
        assert linalg.lu(matrix)[2].shape == matrix.shape
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            ft.jvp(lambda a: linalg.lu(a)[2], (matrix,), (matrix,))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: linalg.expm(x[:2]), np.linalg.LinAlgError, "square"),
        (lambda x: linalg.expm(x[0]), np.linalg.LinAlgError, "two-dimensional"),
        (lambda x: linalg.solve_triangular(x, np.ones(3)), ValueError, r"shape \(4, 4\) do not fit"),
        (lambda x: linalg.solve_triangular(0 * x, np.ones(4)), np.linalg.LinAlgError, "singular"),
        (lambda x: linalg.solve_triangular(x, np.ones(4), trans="X"), ValueError, "trans must be"),
        (lambda x: linalg.cho_factor(-definite(x)), np.linalg.LinAlgError, "positive definite"),
        (lambda x: linalg.lu(x[:3]), np.linalg.LinAlgError, "square"),
        (lambda x: linalg.solve(x, np.ones(3)), ValueError, "do not fit"),
        (lambda x: linalg.solve(x, np.ones(4), assume_a="banded"), NotImplementedError, "banded"),
        (lambda x: linalg.polar(x, "both"), ValueError, "side must be"),
        (lambda x: linalg.qr(x, "raw"), ValueError, "mode must be"),
        (lambda x: linalg.companion(x), ValueError, r"shape \(4, 4\)"),
        (lambda x: linalg.toeplitz(x), ValueError, "toeplitz takes vectors"),
        (lambda x: linalg.hankel(x[0], x), ValueError, "hankel takes vectors"),
        (lambda x: linalg.block_diag(x[None]), ValueError, r"shape \(1, 4, 4\)"),
    ],
)
def test_wrong_input_raises(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(A)
    with pytest.raises(error, match=words):
        ft.vjp(call, A)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("least", [1e-4, 1e-9, 1e-14])
def test_the_polar_decomposition_of_nearly_singular_matrices(least: float, side: str) -> None:
    w, v = np.linalg.qr(random(3, 3))[0], np.linalg.qr(random(3, 3, seed=1))[0]
    a = w @ np.diag([1.0, 0.5, least]) @ v
    for ours, theirs in zip(linalg.polar(a, side), scipy.linalg.polar(a, side), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)
    # A rotation of the large singular vectors does not feel the small one.
    turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    tangent = w @ turn @ v
    slope = ft.jvp(lambda a: linalg.polar(a, side)[0], (a,), (tangent,))[1]
    np.testing.assert_allclose(slope, w @ (turn * 2 / 1.5) @ v, atol=1e-15 / least)


def test_the_polar_decomposition_has_derivatives_at_ties() -> None:
    t = random(3, 3)
    u, p = ft.jvp(linalg.polar, (np.eye(3),), (t,))[1]
    np.testing.assert_allclose(u, (t - t.T) / 2, atol=1e-15)
    np.testing.assert_allclose(p, (t + t.T) / 2, atol=1e-15)
    bend = ft.jvp(lambda a: ft.jvp(linalg.polar, (a,), (t,))[1][1], (np.eye(3),), (t,))[1]
    # p² = aᵀa: p p'' + p'' p + 2 p'² = 2 tᵀt.
    np.testing.assert_allclose(bend, t.T @ t - p @ p, atol=1e-14)


@pytest.mark.parametrize("a", [np.zeros((2, 2)), np.ones((2, 2)), random(2, 3), np.diag([1.0, 1e-17])])
def test_the_polar_decomposition_has_no_derivative_without_full_rank(a: Any) -> None:
    for ours, theirs in zip(linalg.polar(a), scipy.linalg.polar(a), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-15)
    assert np.isnan(ft.grad(lambda a: np.sum(linalg.polar(a)[0]))(a)).all()
    assert np.isnan(ft.jvp(linalg.polar, (a,), (np.ones_like(a),))[1][1]).all()


@pytest.mark.parametrize(("below", "above"), [(1, 1), (0, 0), (2, 1), (0, 2), (3, 0)])
def test_a_banded_system_is_that_of_the_whole_matrix(below: int, above: int) -> None:
    rows = np.random.default_rng(0).normal(size=(below + above + 1, 5))
    rows[above] += 6.0
    i, j = np.indices((5, 5))
    inside = (j - i <= above) & (i - j <= below)
    whole = lambda rows: np.where(inside, rows[np.clip(above + i - j, 0, below + above), j], 0.0)
    outside = np.isnan(rows)
    for r in range(below + above + 1):
        outside[r] = (np.arange(5) + r - above < 0) | (np.arange(5) + r - above >= 5)
    unread = np.where(outside, np.nan, rows)  # what lies outside of the matrix is not read, in derivatives neither
    b = np.arange(10.0).reshape(5, 2)
    solution = lambda rows, b: linalg.solve_banded((below, above), rows, b)
    reference = lambda rows, b: np.linalg.solve(whole(rows), b)
    np.testing.assert_allclose(solution(unread, b), reference(rows, b))
    for transformation in (ft.jacrev, ft.jacfwd):
        found = transformation(solution, (0, 1))(unread, b)
        for one, other in zip(found, transformation(reference, (0, 1))(rows, b), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-14)


def test_bands_that_do_not_fit_are_told_apart() -> None:
    with pytest.raises(ValueError, match=r"1 diagonals below and 1 above .* are 3 rows, and ab has shape \(2, 4\)"):
        linalg.solve_banded((1, 1), np.ones((2, 4)), np.ones(4))
    with pytest.raises(ValueError, match=r"a matrix of 4 columns takes a vector of length 4 .* not .* \(3,\)"):
        linalg.solve_banded((1, 0), np.ones((2, 4)), np.ones(3))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: linalg.solve_continuous_are(A, X, A, np.eye(2)), "must be Hermitian"),
        (lambda: linalg.solve_discrete_are(A, X, np.eye(4), np.eye(3)), r"with b of shape \(…, 4, 2\) they must be"),
        (lambda: linalg.solve_toeplitz((ROW, ROW[:3]), X), "a column of 4, a row of 3"),
        (lambda: linalg.solve_toeplitz(A, X), "takes vectors for column and row"),
        (lambda: linalg.matmul_toeplitz(ROW, X[:3]), r"a row of 4 and an array of shape \(3, 2\)"),
        (lambda: linalg.solve_circulant(ROW, X[:3]), "do not fit"),
        (lambda: linalg.orthogonal_procrustes(A, TALL), "shapes of A and B differ"),
        (lambda: linalg.convolution_matrix(ROW, 0), "n > 0"),
        (lambda: linalg.convolution_matrix(ROW, 2, "all"), "not 'all'"),
        (lambda: linalg.khatri_rao(A, TALL), "as many columns"),
    ],
)
def test_arguments_of_structured_systems_that_do_not_fit_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
