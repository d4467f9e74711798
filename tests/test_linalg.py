"""Linear algebra where generic samples do not go: singular matrices, repeated eigenvalues, refusals."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.calculus import determinants, linalg_decompositions, spectral
from tests.samples.linalg import definite, hermitian, well_conditioned
from tests.samples.sample import random

ROTATION = np.linalg.qr(random(4, 4))[0]
REPEATED = ROTATION * [1.0, 1.0, 2.0, 3.0] @ ROTATION.T


def differences(f: Callable[[Any], Any], x: Any, t: Any, step: float = 1e-4) -> Any:
    def central(h: float) -> Any:
        return (f(x + h * t) - f(x - h * t)) / (2 * h)

    return (4 * central(step / 2) - central(step)) / 3


# --- Determinants of singular matrices --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("lacking", [1, 2, 3])
def test_det_of_a_singular_matrix_in_every_mode_to_second_order(order: int, lacking: int) -> None:
    if lacking > order:
        return
    u, s, vh = np.linalg.svd(random(order, order))
    x = (u * np.where(np.arange(order) < order - lacking, s, 0)) @ vh
    t, w = random(order, order, seed=1), random(order, order, seed=2)
    derivative = differences(np.linalg.det, x, t)
    assert np.allclose(ft.jvp(np.linalg.det, (x,), (t,))[1], derivative, rtol=0, atol=1e-10)
    assert np.allclose(np.sum(ft.grad(np.linalg.det)(x) * t), derivative, rtol=0, atol=1e-10)
    along = ft.jvp(ft.grad(np.linalg.det), (x,), (t,))[1]
    assert np.allclose(along, differences(ft.grad(np.linalg.det), x, t), rtol=0, atol=1e-9)
    again = ft.vjp(ft.grad(np.linalg.det), x)[1](w)[0]
    assert np.isclose(np.sum(along * w), np.sum(again * t), rtol=0, atol=1e-12)


def test_det_of_zeros_and_of_integers_that_are_singular() -> None:
    assert np.array_equal(ft.grad(np.linalg.det)(np.zeros((2, 2))), np.zeros((2, 2)))
    assert np.array_equal(ft.grad(np.linalg.det)(np.zeros((5, 5))), np.zeros((5, 5)))
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])
    assert np.allclose(ft.grad(np.linalg.det)(x), [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]])
    block = np.zeros((4, 4))
    block[:3, :3] = x
    block[3, 3] = 2.0
    assert np.allclose(ft.grad(np.linalg.det)(block)[:3, :3], 2 * ft.grad(np.linalg.det)(x))


def test_third_derivative_of_det() -> None:
    x, t, w = well_conditioned(4, 4), random(4, 4, seed=1), random(4, 4, seed=2)

    def second(x: Any) -> Any:
        return ft.jvp(ft.grad(np.linalg.det), (x,), (t,))[1]

    along = ft.jvp(second, (x,), (w,))[1]
    assert np.allclose(along, differences(second, x, w), atol=1e-8)
    g = random(4, 4, seed=3)
    assert np.isclose(np.sum(along * g), np.sum(ft.vjp(second, x)[1](g)[0] * w))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        ft.jvp(second, (np.zeros((4, 4)),), (w,))


def test_det_where_a_product_of_singular_values_overflows_on_the_way() -> None:
    diagonal = np.repeat([1e80, 1e-80], 8)
    assert np.allclose(np.diagonal(ft.grad(np.linalg.det)(np.diag(diagonal))), 1 / diagonal)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_cofactors_of_matrices_that_are_not_finite_are_nan_and_the_others_are_right(bad: float) -> None:
    a = np.stack([np.diag([0.0, 1.0, 2.0, 3.0]), np.diag([bad, 1.0, 1.0, 1.0]), np.eye(4)])
    total = lambda a: np.sum(np.linalg.det(a))
    with np.errstate(all="ignore"):
        gradient, change = ft.jvp(ft.grad(total), (a,), (a,))
    np.testing.assert_allclose(gradient[[0, 2]], [np.diag([6.0, 0.0, 0.0, 0.0]), np.eye(4)], atol=1e-14)
    np.testing.assert_allclose(change[[0, 2]], 3 * gradient[[0, 2]], atol=1e-13)  # homogeneous of degree three
    assert np.isnan(gradient[1]).all()
    assert np.isnan(change[1]).all()


def test_slogdet_is_stable_for_large_matrices_and_raises_at_singular_ones() -> None:
    x = 10 * np.eye(400)
    with np.errstate(over="ignore"):
        assert not np.isfinite(np.linalg.det(x))
    g = ft.grad(lambda x: np.linalg.slogdet(x)[1])(x)
    assert np.allclose(g, np.eye(400) / 10)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        ft.grad(lambda x: np.linalg.slogdet(x)[1])(np.zeros((2, 2)))


@pytest.mark.parametrize("f", [np.linalg.inv, lambda x: np.linalg.solve(x, x), np.linalg.cholesky])
def test_numpys_own_error_passes_through(f: Callable[[Any], Any]) -> None:
    for run in (lambda: ft.vjp(f, -np.ones((2, 2))), lambda: ft.vmap(f)(-np.ones((3, 2, 2)))):
        with pytest.raises(np.linalg.LinAlgError):
            run()


# --- Repeated eigenvalues and singular values -------------------------------------------------------------------------

TIES = [np.eye(3), np.zeros((3, 3)), np.diag([1.0, 1.0, 2.0]), REPEATED]


@pytest.mark.parametrize("x", TIES)
def test_eigenvectors_at_repeated_eigenvalues_are_nan_with_a_warning(x: Any) -> None:
    def projection(x: Any) -> Any:
        return np.sum(np.linalg.eigh(x).eigenvectors[:, 0] ** 4)

    with pytest.warns(RuntimeWarning, match="repeated eigenvalues"):
        assert np.isnan(ft.grad(projection)(x)).any()
    with pytest.warns(RuntimeWarning, match="test_linalg.py.*"):
        _, (w_t, v_t) = ft.jvp(np.linalg.eigh, (x,), (hermitian(random(*x.shape)),))
    assert np.isnan(v_t).any()
    assert np.isfinite(w_t).all()


@pytest.mark.parametrize("x", TIES)
def test_a_smooth_function_of_eigenvectors_is_nan_there_rather_than_wrong(x: Any) -> None:
    def logarithm(x: Any) -> Any:
        w, v = np.linalg.eigh(x)
        return np.sum((v * (w - 1.0)) @ v.T)

    with pytest.warns(RuntimeWarning, match="repeated eigenvalues"):
        assert np.isnan(ft.grad(logarithm)(x)).any()


@pytest.mark.parametrize("x", TIES)
def test_singular_vectors_at_repeated_singular_values_are_nan_with_a_warning(x: Any) -> None:
    with pytest.warns(RuntimeWarning, match="singular values"):
        assert np.isnan(ft.grad(lambda x: np.sum(np.linalg.svd(x).U[:, -1] ** 4))(x)).any()


@pytest.mark.parametrize("x", TIES)
def test_eigenvalues_alone_are_exact_there(x: Any) -> None:
    t = hermitian(random(*x.shape))
    weights = np.arange(1.0, 1 + len(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.allclose(ft.grad(lambda x: np.sum(np.exp(np.linalg.eigvalsh(x))))(x), _exponential(x))
        g = ft.grad(lambda x: np.sum(np.linalg.eigvalsh(x)) + np.sum(np.linalg.svdvals(x + 3 * np.eye(len(x)))))(x)
        assert np.allclose(g, 2 * np.eye(len(x)))
        pushed = ft.jvp(np.linalg.eigvalsh, (x,), (t,))[1]
        pulled = ft.vjp(np.linalg.eigvalsh, x)[1](weights)[0]
        assert np.isclose(np.sum(pushed * weights), np.sum(pulled * t))
        assert np.isclose(np.sum(ft.jvp(np.linalg.svdvals, (x,), (t,))[1]), np.sum(ft.grad(_nuclear)(x) * t))


@pytest.mark.parametrize("x", TIES)
def test_a_rule_divides_by_no_gap_when_the_vectors_were_not_used(x: Any) -> None:
    w, v = np.linalg.eigh(x)
    u, s, vh = np.linalg.svd(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.allclose(spectral.eigh.rules[0].vjp((np.ones_like(w), None), (w, v)), np.eye(len(x)))
        assert np.allclose(spectral.svd.rules[0].vjp((None, np.ones_like(s), None), (u, s, vh)), u @ vh)


def test_rules_take_none_for_results_that_were_not_used() -> None:
    x = well_conditioned(4, 3) + 0.1j * random(4, 3, seed=5)
    h = hermitian(x[:3])
    for primitive, ans in [
        (spectral.eigh, tuple(np.linalg.eigh(h))),
        (spectral.svd, tuple(np.linalg.svd(x, full_matrices=False))),
        (linalg_decompositions.qr, tuple(np.linalg.qr(x))),
        (linalg_decompositions.qr, tuple(np.linalg.qr(x.T))),
        (determinants.slogdet, tuple(np.linalg.slogdet(h))),
    ]:
        names = {"ans": ans, "a": h}
        for i in range(len(ans)):
            given = tuple(a if k == i else None for k, a in enumerate(ans))
            filled = tuple(a if k == i else np.zeros_like(a) for k, a in enumerate(ans))
            vjp = primitive.rules[0].vjp
            kept = [names[n] for n in vjp.__code__.co_varnames[1 : vjp.__code__.co_argcount]]
            assert np.allclose(vjp(given, *kept), vjp(filled, *kept), atol=1e-12)


def test_full_svd_needs_only_what_has_a_derivative() -> None:
    x = well_conditioned(4, 3)
    u, s, vh = np.linalg.svd(x)
    rule = spectral.full_svd.rules[0].vjp
    thin = spectral.svd.rules[0].vjp
    assert np.allclose(rule((None, s, vh), (u, s, vh)), thin((None, s, vh), (u[:, :3], s, vh)))
    with pytest.raises(NotImplementedError, match="full_matrices=False"):
        rule((u, None, None), (u, s, vh))


def test_low_rank_leaves_the_leading_vectors_their_derivative() -> None:
    x = well_conditioned(5, 2) @ well_conditioned(2, 5)  # the other three eigenvalues differ by rounding only

    def leading(x: Any) -> Any:
        v = np.linalg.eigh(x @ x.T).eigenvectors[:, -2:]
        return np.sum((v @ v.T) ** 2 * np.arange(5.0))

    t = random(5, 5)
    assert np.isclose(np.sum(ft.grad(leading)(x) * t), differences(leading, x, t), rtol=0, atol=1e-7)


def test_rank_deficient_square_matrix_has_singular_vectors_with_derivatives() -> None:
    u, _, vh = np.linalg.svd(random(3, 3))
    x = (u * [2.0, 1.0, 0.0]) @ vh
    t = random(3, 3, seed=1)

    def leading(x: Any) -> Any:
        u, s, vh = np.linalg.svd(x)
        return np.sum(((u[:, :2] * s[:2] ** 2) @ vh[:2]) ** 2)

    assert np.isclose(np.sum(ft.grad(leading)(x) * t), differences(leading, x, t), atol=1e-7)


# --- Norms at zero and at ties ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ord", [None, 0, 1, 2, 3, 1.5, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [float, complex])
def test_derivative_of_a_vector_norm_at_zero_is_zero(ord: Any, kind: Any) -> None:
    x, t = np.zeros(3, kind), np.ones(3, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(ft.grad(lambda x: np.linalg.norm(x, ord))(x), np.zeros(3))
        assert ft.jvp(lambda x: np.linalg.norm(x, ord), (x,), (t,))[1] == 0
        rows = np.stack([x, x + 1])
        g = ft.grad(lambda x: np.sum(np.linalg.norm(x, ord, axis=-1)))(rows)
    assert np.array_equal(g[0], np.zeros(3))
    assert np.isfinite(g).all()


@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_derivative_of_a_matrix_norm_at_zero_is_zero(ord: Any) -> None:
    x = np.zeros((3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(ft.grad(lambda x: np.linalg.norm(x, ord))(x), x)
        assert ft.jvp(lambda x: np.linalg.norm(x, ord), (x,), (x + 1,))[1] == 0


def test_second_derivative_of_the_norm_at_zero_is_finite() -> None:
    hessian = ft.jacfwd(ft.grad(np.linalg.norm))(np.zeros(2))
    assert np.array_equal(hessian, np.zeros((2, 2)))


def test_nuclear_norm_at_low_rank_takes_the_least_subgradient() -> None:
    x = np.diag([2.0, 1.0, 0.0])
    assert np.allclose(ft.grad(_nuclear)(x), np.diag([1.0, 1.0, 0.0]))


def test_spectral_norm_shares_among_ties() -> None:
    assert np.allclose(ft.grad(lambda x: np.linalg.norm(x, 2))(np.eye(2)), np.eye(2) / 2)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("p", [None, 2, -2, 1, -1, np.inf, -np.inf, "fro"])
def test_condition_of_singular_matrices_is_infinite_and_of_the_others_unharmed(p: Any) -> None:
    cond = lambda a: np.linalg.cond(a, p)
    regular = np.array([[1.0, 2.0], [3.0, 5.0]])
    singular = np.diag([1.0, 0.0])
    matrices = [singular, np.zeros((2, 2)), regular]
    if p not in (None, 2, -2):  # LAPACK has no singular values of what is not a number
        matrices.append(np.array([[np.nan, 1.0], [0.0, 1.0]]))
    a = np.stack(matrices)
    expected = np.linalg.cond(a, p)
    value, change = ft.jvp(cond, (a,), (np.ones_like(a),))
    for found in (value, ft.vjp(cond, a)[0], ft.vmap(cond)(a), ft.jit(cond)(a)):
        np.testing.assert_array_equal(found, expected)
    for x in a:
        np.testing.assert_array_equal(ft.vjp(cond, x)[0], np.linalg.cond(x, p))
    gradient = ft.grad(lambda a: np.sum(cond(a)))(a)
    np.testing.assert_allclose(gradient[2], ft.grad(cond)(regular), rtol=1e-12)
    np.testing.assert_allclose(change[2], np.sum(gradient[2]), rtol=1e-10)
    if p != -2:  # which is the reciprocal
        assert not np.isfinite(change[:2]).any()
    assert np.isnan(gradient[1]).any()


def test_the_tolerance_of_a_pseudo_inverse_decides_by_its_value() -> None:
    a, tolerance = np.diag([2.0, 1e-3, 1.0]), np.float64(1e-2)

    def f(a: Any, tolerance: Any) -> Any:
        return np.sum(np.linalg.pinv(a, rtol=tolerance) ** 2)

    np.testing.assert_allclose(ft.grad(f)(a, tolerance), np.diag([-0.25, 0.0, -2.0]), atol=1e-15)
    with_tolerance = ft.grad(f, (0, 1))(a, tolerance)
    np.testing.assert_array_equal(with_tolerance[0], ft.grad(f)(a, tolerance))
    assert with_tolerance[1] == 0.0
    np.testing.assert_array_equal(ft.vmap(lambda a: f(a, tolerance))(np.stack([a, a])), [f(a, tolerance)] * 2)
    b = np.ones(3)
    solution = ft.grad(lambda a, tolerance: np.sum(np.linalg.lstsq(a, b, tolerance)[0]), (0, 1))(a, tolerance)
    np.testing.assert_allclose(solution[0][np.arange(3), np.arange(3)], [-0.25, 0.0, -1.0], atol=1e-15)
    for call in (f, lambda a, tolerance: np.linalg.lstsq(a, b, tolerance)[0]):
        with pytest.raises(TypeError, match="its value must be known"):
            ft.jit(call)(a, tolerance)
        with pytest.raises(TypeError, match="its value must be known"):
            ft.vmap(call)(a[None], np.array([tolerance]))


def test_order_of_a_norm_cannot_be_traced() -> None:
    with pytest.raises(TypeError, match="order of a norm"):
        ft.grad(lambda p: np.linalg.norm(p * np.ones(2), p))(3.0)


# --- Results, shapes, refusals ----------------------------------------------------------------------------------------


def test_results_are_numpys_named_tuples() -> None:
    x = definite(random(3, 3))
    for function in (np.linalg.eigh, np.linalg.qr, np.linalg.slogdet, np.linalg.svd):
        expected = function(x)
        seen = []
        ft.vjp(lambda x, f=function, seen=seen: seen.append(f(x)) or x, x)
        assert type(seen[0]) is type(expected)
        value, tangent = ft.jvp(function, (x,), (x,))
        assert type(value) is type(tangent) is type(expected)


@pytest.mark.parametrize(
    "f",
    [np.linalg.inv, np.linalg.det, np.linalg.eigvalsh, np.linalg.svdvals, np.linalg.cholesky, np.linalg.pinv],
)
def test_a_vector_is_no_matrix_under_vmap(f: Callable[[Any], Any]) -> None:
    with pytest.raises(np.linalg.LinAlgError, match="two-dimensional"):
        ft.vmap(f)(np.eye(3))


def test_derivatives_of_an_empty_batch() -> None:
    x = np.empty((0, 4, 3))
    assert ft.vmap(ft.grad(lambda x: np.sum(np.linalg.svd(x, full_matrices=False).U)))(x).shape == x.shape
    assert ft.vmap(ft.grad(lambda x: np.sum(np.linalg.eigh(x[:3]).eigenvectors)))(x).shape == x.shape
    assert ft.vmap(ft.grad(lambda x: np.linalg.det(x @ x.T) + np.linalg.norm(x)))(x).shape == x.shape


def test_matrices_that_are_not_square_are_refused_under_vmap() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="square"):
        ft.vmap(np.linalg.inv)(np.ones((3, 3, 2)))
    with pytest.raises(ValueError, match="right-hand sides"):
        ft.vmap(np.linalg.solve)(np.ones((2, 2, 2)), np.ones((2, 3)))


def test_a_batch_of_right_hand_sides_needs_one_factorisation(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []
    plain = np.linalg.solve

    def counted(a: Any, b: Any) -> Any:
        shapes.append((a.shape, b.shape))
        return plain(a, b)

    a, b = well_conditioned(3, 3), random(5, 3)
    monkeypatch.setattr(np.linalg, "solve", counted)
    vectors = ft.vmap(lambda b: plain(a, b))(b)
    assert shapes == [((3, 3), (3, 5))]
    assert np.allclose(vectors, plain(a, b.T).T)
    shapes.clear()
    ft.jacrev(lambda b: plain(a, b))(b[0])
    assert {s[0] for s in shapes} == {(3, 3)}


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda x: np.linalg.qr(x, "complete"), "mode='reduced'"),
        (lambda x: np.linalg.qr(x, "raw"), "mode='reduced'"),
    ],
)
def test_what_has_no_derivative_is_refused_with_a_remedy(call: Callable[[Any], Any], remedy: str) -> None:
    with pytest.raises(NotImplementedError, match=remedy):
        ft.jvp(call, (random(3, 2),), (random(3, 2),))


def test_full_svd_has_no_forward_derivative() -> None:
    with pytest.raises(NotImplementedError, match="full_matrices=False"):
        ft.jvp(np.linalg.svd, (random(3, 2),), (random(3, 2),))


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_one_triangle_is_read_and_the_gradient_is_symmetric(uplo: str) -> None:
    x = random(3, 3)
    whole = np.tril(x) + np.tril(x, -1).T if uplo == "L" else np.triu(x) + np.triu(x, 1).T
    weights = np.arange(3.0)
    value, g = ft.value_and_grad(lambda x: np.sum(np.linalg.eigvalsh(x, uplo) * weights))(x)
    assert np.isclose(value, np.sum(np.linalg.eigvalsh(whole) * weights))
    assert np.allclose(g, ft.grad(lambda x: np.sum(np.linalg.eigvalsh(x) * weights))(whole))
    assert np.allclose(g, g.T)


def _nuclear(x: Any) -> Any:
    return np.linalg.norm(x, "nuc")


def _exponential(x: Any) -> Any:
    w, v = np.linalg.eigh(x)
    return (v * np.exp(w)) @ v.T
