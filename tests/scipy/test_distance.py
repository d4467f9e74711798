"""Distances: SciPy's values, slopes at distance zero, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.spatial.distance

import functorch_lite as ft
from functorch_lite.scipy.spatial import distance
from tests.samples.sample import random

A, B, W = random(5, 3), random(4, 3, seed=1), random(3, low=0.2, high=1.0)
METRICS = ["braycurtis", "canberra", "chebyshev", "cityblock", "correlation", "cosine", "euclidean", "sqeuclidean"]


@pytest.mark.parametrize("metric", [*METRICS, "minkowski", "seuclidean", "mahalanobis", "jensenshannon"])
def test_distances_of_all_pairs_are_scipys(metric: str) -> None:
    a, b = (A**2, B**2) if metric == "jensenshannon" else (A, B)
    options: list[dict[str, Any]] = [{}]
    if metric in METRICS:
        options += [{"w": W}]
    if metric == "minkowski":
        options += [{"p": 1}, {"p": 3.5}, {"p": np.inf}, {"p": 1.5, "w": W}]
    if metric == "seuclidean":
        options += [{"V": W}]
    if metric == "mahalanobis":
        options += [{"VI": np.diag(W)}]
    for option in options:
        for name, args in (("cdist", (a, b)), ("pdist", (a,))):
            found, expected = (getattr(m, name)(*args, metric, **option) for m in (distance, scipy.spatial.distance))
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12, strict=True)


@pytest.mark.parametrize("metric", METRICS)
def test_distances_of_two_vectors_are_scipys(metric: str) -> None:
    for weights in ((), (W,)):
        found, expected = (getattr(m, metric)(A[0], B[0], *weights) for m in (distance, scipy.spatial.distance))
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert getattr(distance, metric)([1, 2, 3], [3, 2, 2]) == getattr(distance, metric)([1.0, 2, 3], [3.0, 2, 2])


def test_other_distances_of_two_vectors_are_scipys() -> None:
    for name, args in (
        ("minkowski", (3, W)),
        ("minkowski", (np.inf, [0.0, 2.0, 1.0])),
        ("seuclidean", (W,)),
        ("mahalanobis", (np.diag(W),)),
    ):
        found, expected = (getattr(m, name)(A[0], B[0], *args) for m in (distance, scipy.spatial.distance))
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    for options in ({}, {"axis": 1}, {"axis": 1, "keepdims": True}, {"base": 2.0}):
        found, expected = (m.jensenshannon(A[:4] ** 2, B**2, **options) for m in (distance, scipy.spatial.distance))
        np.testing.assert_allclose(found, expected, rtol=1e-11)
    np.testing.assert_allclose(
        distance.correlation(A[0], B[0], centered=False), scipy.spatial.distance.correlation(A[0], B[0], centered=False)
    )


@pytest.mark.parametrize("n", [1, 2, 5])
def test_square_form_is_scipys(n: int) -> None:
    vector = random(n * (n - 1) // 2)
    matrix = distance.squareform(vector)
    np.testing.assert_array_equal(matrix, scipy.spatial.distance.squareform(vector), strict=True)
    np.testing.assert_array_equal(distance.squareform(matrix), vector, strict=True)


@pytest.mark.parametrize(
    "metric",
    ["euclidean", "sqeuclidean", "cityblock", "chebyshev", "minkowski", "canberra", "seuclidean", "mahalanobis"],
)
def test_the_slope_at_distance_zero_is_zero(metric: str) -> None:
    a = np.stack([*A, A[0]])
    gradient = ft.grad(lambda a: distance.cdist(a, a, metric)[0, -1])(a)
    np.testing.assert_array_equal(gradient, np.zeros_like(a))
    assert np.isfinite(ft.grad(lambda a: np.sum(distance.cdist(a, a, metric)))(a)).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: distance.cdist(A, B[:, :2]), "rows of 3 and of 2 numbers"),
        (lambda: distance.cdist(A[0], B), r"not of shape \(3,\)"),
        (lambda: distance.cdist(A, B, "hamming"), "or a function; not 'hamming'"),
        (lambda: distance.pdist(A + 1j), "real vectors"),
        (lambda: distance.minkowski(A, A, 0), "p must be greater than 0"),
        (lambda: distance.euclidean(A, A, -W), "non-negative"),
        (lambda: distance.squareform(W[:2]), "2 distances are not those of all pairs"),
        (lambda: distance.squareform(A), r"square, not \(5, 3\)"),
        (lambda: distance.squareform(A[:3]), "not symmetric"),
        (lambda: distance.squareform(W, "tovector"), "force='tovector'"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
