"""Clipping gradients, the norm of all of them, and parameters as one vector; numbers recorded from PyTorch 2.15."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.nn.parameters import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
    parameters_to_vector,
    vector_to_parameters,
)


def parameters() -> list[Any]:
    """Return three parameters, of which two have gradients, (0.5, -1.5) and ((2, 0.25))."""
    a, b, c = (ft.zeros(n, requires_grad=True) for n in (2, (1, 2), 3))
    (a * np.array([0.5, -1.5])).sum().backward()
    (b * np.array([2.0, 0.25])).sum().backward()
    return [a, b, c]


# By the norm: its value before, and the first gradient after clipping to 1.
CLIPPED = {
    1.0: (4.25, [0.11764703114187502, -0.3529410934256251]),
    2.0: (2.5617376914898995, [0.19517993839926018, -0.5855398151977805]),
    3.0: (2.2582005280702035, [0.22141513668502658, -0.6642454100550798]),
    inf: (2.0, [0.2499998750000625, -0.7499996250001875]),
}


@pytest.mark.parametrize("norm_type", CLIPPED)
def test_gradients_are_scaled_to_a_norm(norm_type: float) -> None:
    ps = parameters()
    given = [p.grad for p in ps]
    norm, expected = CLIPPED[norm_type]
    total = clip_grad_norm_(ps, 1.0, norm_type)
    assert isinstance(total, ft.Tensor)
    assert not total.requires_grad
    np.testing.assert_allclose(total, norm, rtol=1e-14)
    np.testing.assert_allclose(ps[0].grad, expected, rtol=1e-14)
    np.testing.assert_allclose(get_total_norm([p.grad for p in ps[:2]], norm_type), 1.0, rtol=1e-5)
    assert [p.grad for p in ps] == given  # the same tensors, written to
    assert ps[2].grad is None


def test_gradients_within_the_bound_stay() -> None:
    ps = parameters()
    clip_grad_norm_((p for p in ps), 100.0)
    assert ps[0].grad.tolist() == [0.5, -1.5]


def test_gradients_are_clamped() -> None:
    ps = parameters()
    clip_grad_value_(ps, 1)
    assert [p.grad.tolist() for p in ps[:2]] == [[0.5, -1.0], [[1.0, 0.25]]]
    clip_grad_value_(ps[0], 0.25)
    assert ps[0].grad.tolist() == [0.25, -0.25]


def test_no_gradients_at_all() -> None:
    assert clip_grad_norm_(ft.zeros(2, requires_grad=True), 1.0).item() == 0.0
    assert clip_grad_norm_([], 1.0).item() == 0.0


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_norm_that_is_not_finite() -> None:
    a, b = parameters()[:2]
    a.grad[0] = inf
    with pytest.raises(RuntimeError, match=r"non-finite.*error_if_nonfinite=False"):
        clip_grad_norm_([a, b], 1.0, error_if_nonfinite=True)
    assert clip_grad_norm_([a, b], 1.0).item() == inf
    assert b.grad.tolist() == [[0.0, 0.0]]
    a.grad[0] = nan
    clip_grad_norm_([a, b], 1.0)
    assert np.isnan(b.grad.data).all()


def test_dtypes_stay() -> None:
    for dtype in (ft.float32, ft.complex64):
        x = ft.ones(2, dtype=dtype, requires_grad=True)
        x.grad = ft.full((2,), 3, dtype=dtype)
        assert clip_grad_norm_(x, 1.0).dtype == np.float32
        assert x.grad.dtype == dtype


def test_one_norm_serves_several_calls() -> None:
    a, b, _ = parameters()
    total = get_total_norm([a.grad, b.grad])
    clip_grads_with_norm_([a], 1.0, total)
    clip_grads_with_norm_([b], 1.0, float(total))
    np.testing.assert_allclose(get_total_norm([a.grad, b.grad]), 1.0, rtol=1e-5)


def test_the_norm_is_differentiable() -> None:
    xs = [np.array([3.0, 0.0]), np.array(4.0)]
    gradients = ft.grad(get_total_norm)(xs)
    np.testing.assert_allclose(gradients[0], [0.6, 0.0])
    np.testing.assert_allclose(gradients[1], 0.8)


def test_parameters_as_one_vector_and_back() -> None:
    a, b = ft.tensor([1.0, 2.0], requires_grad=True), ft.tensor([[3.0], [4.0]], requires_grad=True)
    vector = parameters_to_vector([a, b])
    (vector * np.arange(4.0)).sum().backward()
    assert (vector.tolist(), b.grad.tolist()) == ([1.0, 2.0, 3.0, 4.0], [[2.0], [3.0]])
    vector_to_parameters(vector * 10.0, [a, b])
    assert (a.tolist(), b.tolist()) == ([10.0, 20.0], [[30.0], [40.0]])
    assert a.is_leaf
    assert a.requires_grad
    with pytest.raises(ValueError, match=r"have 4 elements together, and the vector has shape \(3,\)"):
        vector_to_parameters(ft.zeros(3), [a, b])


def test_what_is_no_tensor() -> None:
    with pytest.raises(TypeError, match=r"one of the parameters is a ndarray; .* get_total_norm\(gradients\)"):
        clip_grad_norm_([np.ones(2)], 1.0)
    with pytest.raises(TypeError, match="takes a Tensor, not a ndarray"):
        vector_to_parameters(np.ones(2), [])
