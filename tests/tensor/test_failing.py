"""What `torch.linalg` tells by a number instead of an error, and cells of recurrent networks: batches, errors.

Their values and gradients are in the table of `pytorch_rows`.
"""

from __future__ import annotations

import numpy as np
import pytest

import functorch_lite as ft

SINGULAR = np.array([[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
REGULAR = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 4.0]])
BATCH = np.stack([REGULAR, SINGULAR])


def test_a_singular_matrix_of_a_batch_leaves_the_others_their_results() -> None:
    inverse, info = ft.linalg.inv_ex(BATCH)
    np.testing.assert_array_equal(info, [0, 2])  # as PyTorch 2.15 says
    np.testing.assert_array_equal(inverse[0], np.linalg.inv(REGULAR))
    assert np.isnan(inverse[1]).all()
    result, info = ft.linalg.solve_ex(BATCH, np.ones(3))
    np.testing.assert_array_equal(info, [0, 2])
    np.testing.assert_array_equal(result[0], np.linalg.solve(REGULAR, np.ones(3)))
    factor, info = ft.linalg.cholesky_ex(np.stack([REGULAR @ REGULAR.T, SINGULAR]))
    np.testing.assert_array_equal(info, [0, 2])
    np.testing.assert_array_equal(factor[0], np.linalg.cholesky(REGULAR @ REGULAR.T))
    assert np.isnan(factor[1]).all()


def test_gradients_of_the_regular_ones_stay_finite() -> None:
    gradient = ft.grad(lambda a: np.sum(ft.linalg.inv_ex(a).inverse[0]))(BATCH)
    np.testing.assert_allclose(gradient[0], ft.grad(lambda a: np.sum(np.linalg.inv(a)))(REGULAR))
    np.testing.assert_array_equal(gradient[1], np.zeros((3, 3)))
    inverses, info = ft.jit(ft.vmap(lambda a: tuple(ft.linalg.inv_ex(a))))(BATCH)
    np.testing.assert_array_equal(info, [0, 2])
    np.testing.assert_allclose(inverses[0], np.linalg.inv(REGULAR))


def test_failures_are_errors_if_that_is_asked_for() -> None:
    assert ft.linalg.inv_ex(REGULAR, check_errors=True).info == 0
    assert ft.linalg.solve_ex(REGULAR, REGULAR, check_errors=True).info == 0
    for call in (ft.linalg.inv_ex, ft.linalg.cholesky_ex, lambda a, **k: ft.linalg.solve_ex(a, np.ones(3), **k)):
        with pytest.raises(np.linalg.LinAlgError):
            call(SINGULAR, check_errors=True)


def test_factors_without_pivots_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="leave pivot out"):
        ft.linalg.lu_factor(REGULAR, pivot=False)


def test_cells_without_a_batch_run_in_a_scan() -> None:
    w, u = np.random.default_rng(0).normal(size=(2, 8, 2))
    states = np.zeros(2), np.ones(2)
    inputs = np.random.default_rng(1).normal(size=(5, 2))
    (h, c), _ = ft.scan(lambda s, x: (ft.lstm_cell(x, s, w, u), None), states, inputs)
    for x in inputs:
        states = ft.lstm_cell(x, states, w, u)
    np.testing.assert_allclose([h, c], states)


def test_weights_of_another_number_of_rows_are_refused() -> None:
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"gru_cell .* weights of 9 rows, not of shapes \(8, 3\) and \(9, 3\)"):
        ft.gru_cell(x, x, np.ones((8, 3)), np.ones((9, 3)))
    with pytest.raises(ValueError, match="takes weights of 12 rows"):
        ft.lstm_cell(x, (x, x), np.ones((12, 3)), np.ones((9, 3)))
