"""Losses with margins, normalisation, windows: kinks, what is written to, and what is refused.

Their values and gradients are in the table of `pytorch_rows`; numbers here are recorded from PyTorch 2.15.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.nn.functional as F  # noqa: N812 - PyTorch's name

X = np.arange(12.0).reshape(2, 2, 3) ** 2 / 10

KINKS: dict[str, tuple[Callable[[Any], Any], Any, Any]] = {
    "max_pool1d": (lambda x: F.max_pool1d(x, 2, 1), [[[2.0, 2.0, 1.0, 3.0, 3.0]]], [[[1.0, 1.0, 0.0, 2.0, 0.0]]]),
    "hinge_embedding": (lambda x: F.hinge_embedding_loss(x, -np.ones(2)), [1.0, 0.5], [0.0, -0.5]),
    "margin_ranking": (lambda x: F.margin_ranking_loss(x, np.zeros(2), np.ones(2)), [0.0, 1.0], [0.0, 0.0]),
    "margin_ranking with a margin": (
        lambda x: F.margin_ranking_loss(x, np.array([0.0, 2.0]), np.ones(2), 1.0, "sum"),
        [1.0, 2.0],
        [0.0, -1.0],
    ),
    "hinge_embedding with a margin": (
        lambda x: F.hinge_embedding_loss(x, -np.ones(2), 0.5, "sum"),
        [0.5, 0.25],
        [0.0, -1.0],
    ),
    "multilabel_margin": (
        lambda x: F.multilabel_margin_loss(x, np.array([[1, -1, 0]])),
        [[0.0, 1.0, 0.0]],
        [[0.0, 0.0, 0.0]],
    ),
    "triplet": (
        lambda x: F.triplet_margin_loss(x, np.array([[0.0, 1.0]]), np.array([[2.0, 0.0]]), eps=0.0),
        [[0.0, 0.0]],
        [[0.0, 0.0]],
    ),
    "triplet at the positive": (
        lambda x: F.triplet_margin_loss(x, np.zeros((1, 2)), np.array([[1.0, 0.0]]), 5.0, eps=0.0),
        [[0.0, 0.0]],
        [[1.0, 0.0]],
    ),
    "triplet with two equal distances": (
        lambda x: F.triplet_margin_loss(np.zeros((1, 2)), np.array([[1.0, 1.0]]), x, 5.0, eps=0.0, swap=True),
        [[1.0, 0.0]],
        [[-0.5, 0.5]],
    ),
    "cosine_embedding": (
        lambda x: F.cosine_embedding_loss(x, np.array([[0.0, 1.0]]), -np.ones(1)),
        [[1.0, 0.0]],
        [[0.0, 0.0]],
    ),
    "rrelu": (F.rrelu, [0.0], [11 / 48]),
    "relu6": (F.relu6, [0.0, 6.0], [0.0, 0.0]),
    "hardswish": (F.hardswish, [-3.0, 3.0], [0.0, 1.0]),
    "hardsigmoid": (F.hardsigmoid, [-3.0, 3.0], [0.0, 0.0]),
    "multi_margin": (lambda x: F.multi_margin_loss(x, np.array([1])), [[0.0, 1.0, 0.0]], [[0.0, 0.0, 0.0]]),
    "hardshrink": (F.hardshrink, [0.5, -0.5], [0.0, 0.0]),
    "softshrink": (F.softshrink, [0.5, -0.5], [0.0, 0.0]),
    "threshold": (lambda x: F.threshold(x, 0.5, 0.0), [0.5, 0.6], [0.0, 1.0]),
}


@pytest.mark.parametrize("name", KINKS)
def test_derivatives_at_kinks(name: str) -> None:
    f, x, expected = KINKS[name]
    np.testing.assert_array_equal(ft.grad(lambda x: f(x).sum())(np.array(x)), expected)
    tangents = ft.jacfwd(lambda x: f(x).sum())(np.array(x))
    np.testing.assert_array_equal(tangents, expected)


def test_a_variance_below_eps_is_replaced_and_keeps_a_derivative() -> None:
    loss, gradients = ft.value_and_grad(lambda x, var: F.gaussian_nll_loss(x, 3.0, var, eps=0.5), (0, 1))(1.0, 0.1)
    np.testing.assert_allclose([loss, *gradients], [3.6534264097200273, -4.0, -7.0], rtol=1e-14)


def test_batch_norm_mixes_the_batch_into_running_values() -> None:
    mean, var, x = ft.tensor([0.0, 1.0]), ft.tensor([1.0, 2.0]), ft.tensor(X, requires_grad=True)
    y = F.batch_norm(x, mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(mean, [0.6416666666666667, 2.216666666666667], rtol=1e-14)
    np.testing.assert_allclose(var, [2.678666666666667, 7.256666666666667], rtol=1e-14)
    np.testing.assert_allclose(y[0, 0].detach(), [-1.0123, -0.9728, -0.8545], atol=1e-4)
    assert not mean.requires_grad
    fixed = F.batch_norm(X, mean.data, var.data)
    np.testing.assert_allclose(fixed[:, 0], (X[:, 0] - mean.data[0]) / np.sqrt(var.data[0] + 1e-5))


def test_attention_drops_weights_by_a_key() -> None:
    x, key = np.eye(3), ft.random.key(0)
    full = F.scaled_dot_product_attention(x, x, x)
    dropped = F.scaled_dot_product_attention(x, x, x, dropout_p=0.5, generator=key)
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], 2 * full[kept])
    assert 0 < kept.sum() < 9


@pytest.mark.parametrize("mask", [[[True, False], [False, False]], [[0.0, -np.inf], [-np.inf, -np.inf]]])
def test_a_query_that_sees_nothing_has_the_result_zero(mask: Any) -> None:
    seen, gradient = ft.value_and_grad(
        lambda x: (F.scaled_dot_product_attention(x, x, x, np.array(mask)) * np.array([[1.0, 2.0]])).sum()
    )(np.eye(2))
    assert seen == 1.0
    np.testing.assert_array_equal(gradient, [[1.0, 2.0], [0.0, 0.0]])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
def test_a_convolution_is_a_sum_over_windows(stride: int, padding: int) -> None:
    random = np.random.default_rng(0)
    x, weight = random.normal(size=(2, 3, 7, 6)), random.normal(size=(4, 3, 3, 2))
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    found = F.conv2d(x, weight, stride=stride, padding=padding)
    for i in range(found.shape[2]):
        for j in range(found.shape[3]):
            part = padded[:, :, stride * i : stride * i + 3, stride * j : stride * j + 2]
            np.testing.assert_allclose(found[:, :, i, j], np.einsum("ncij,ocij->no", part, weight))


# Lengths of windows, steps between them, zeros around, and steps within: beside and across each other, and with gaps.
WINDOWS = [(2, None, 0, 1), ((3, 2), None, 0, 1), (3, 2, 1, 1), (2, 3, 0, 1), (2, 2, 0, 2), ((2, 1), (1, 2), 0, (2, 1))]


@pytest.mark.parametrize(("size", "stride", "padding", "dilation"), WINDOWS)
def test_pooling_looks_at_windows(size: Any, stride: Any, padding: int, dilation: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 7, 6))
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=-np.inf)
    sizes, steps, dilations = (
        n if isinstance(n, tuple) else (n, n) for n in (size, size if stride is None else stride, dilation)
    )
    found = F.max_pool2d(x, size, stride, padding, dilation)
    for (i, j), value in np.ndenumerate(found[0, 0]):
        corner = steps[0] * i, steps[1] * j
        rows, columns = (slice(c, c + (n - 1) * d + 1, d) for c, n, d in zip(corner, sizes, dilations, strict=True))
        assert padded[0, 0, rows, columns].shape == sizes
        assert value == padded[0, 0, rows, columns].max()
    pooled = lambda x: F.max_pool2d(x, size, stride, padding, dilation) ** 2
    assert ft.gradcheck(pooled, x[:1, :1], check_forward_ad=True, check_batched_grad=True)
    np.testing.assert_array_equal(ft.vmap(pooled)(x), pooled(x))
    np.testing.assert_allclose(ft.jacrev(pooled)(x[0]), ft.jacfwd(pooled)(x[0]))
    if dilation == 1:
        mean = lambda x: F.avg_pool2d(x, size, stride, padding) ** 2
        assert ft.gradcheck(mean, x[:1, :1], check_forward_ad=True, check_batched_grad=True)
        np.testing.assert_array_equal(ft.jit(ft.grad(lambda x: mean(x).sum()))(x), ft.grad(lambda x: mean(x).sum())(x))


def test_windows_under_transformations() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 2, 2))

    def loss(x: Any, weight: Any) -> Any:
        return (F.max_pool1d(F.relu(F.conv1d(x, weight, padding="same")), 2) ** 2).sum()

    gradients = ft.grad(loss, (0, 1))(X, weight)
    for one, other in zip(gradients, ft.jit(ft.grad(loss, (0, 1)))(X, weight), strict=True):
        np.testing.assert_allclose(one, other)
    each = ft.vmap(ft.grad(loss, 1), in_axes=(0, None))(X, weight)
    np.testing.assert_allclose(each.sum(0), gradients[1])


REFUSED: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (ValueError, r"pad at .* takes up to 3 pairs", lambda: F.pad(X, (1,))),
    (ValueError, r"a mode of \['constant', 'reflect'", lambda: F.pad(X, (1, 1), mode="symmetric")),
    (ValueError, "conv1d at .* 2 or 3 axes and a weight with 3", lambda: F.conv1d(X[0, 0], X)),
    (ValueError, "does not fit 2 channels .* in 1 groups", lambda: F.conv1d(X, np.ones((2, 3, 1)))),
    (ValueError, r"windows of \(4,\) do not fit into the padded \(2, 2, 3\)", lambda: F.max_pool1d(X, 4)),
    (ValueError, "one number, or one for each of 2 axes", lambda: F.avg_pool2d(X, (1, 2, 3))),
    (ValueError, "2 channels .* do not make 3 groups", lambda: F.group_norm(X, 3)),
    (ValueError, "not normalized_shape", lambda: F.rms_norm(X, 2)),
    (ValueError, "without training it needs running_mean", lambda: F.batch_norm(X, None, None)),
    (TypeError, "to be Tensors and not ndarray", lambda: F.batch_norm(X, np.zeros(2), np.ones(2), training=True)),
    (
        ValueError,
        "give attn_mask or is_causal, not both",
        lambda: F.scaled_dot_product_attention(X, X, X, np.ones((2, 2), bool), is_causal=True),
    ),
    (ValueError, "pdist at .* takes a matrix", lambda: F.pdist(X)),
    (ValueError, "p must be 1 or 2, not 3", lambda: F.multi_margin_loss(X[0], np.array([0, 1]), p=3)),
    (IndexError, "position 5 is out of bounds", lambda: F.multi_margin_loss(X[0], np.array([0, 5]))),
]


@pytest.mark.parametrize(("error", "message", "call"), REFUSED)
def test_errors_teach(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message):
        call()
