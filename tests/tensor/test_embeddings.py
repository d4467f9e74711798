"""Embeddings, losses of sequences, and activations that write into their argument.

Values and gradients of the usual cases are in the table of `pytorch_rows`; numbers here are PyTorch's (2.15).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.nn.functional as F  # noqa: N812 - PyTorch's name

IDS = np.array([[0, 2], [2, 1]])
WEIGHT = np.arange(6.0).reshape(3, 2)
MATRIX = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.5]])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"padding_idx": 2}, [[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]]),
        ({"padding_idx": -3}, [[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]]),
        ({"scale_grad_by_freq": True}, [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]),
    ],
)
def test_rows_may_have_another_derivative(how: dict[str, Any], expected: Any) -> None:
    found, gradient = ft.value_and_grad(lambda w: (F.embedding(IDS, w, **how) * [1.0, 2.0]).sum())(WEIGHT)
    assert gradient.tolist() == expected
    assert found == (WEIGHT[IDS] * [1.0, 2.0]).sum()
    w = ft.tensor(WEIGHT, requires_grad=True)
    (F.embedding(ft.tensor(IDS), w, **how) * [1.0, 2.0]).sum().backward()
    assert w.grad.tolist() == expected


def test_a_bag_may_scale_by_frequency() -> None:
    bag = lambda w: F.embedding_bag(IDS, w, mode="sum", scale_grad_by_freq=True)
    np.testing.assert_array_equal(bag(WEIGHT), WEIGHT[IDS].sum(1))
    assert ft.grad(lambda w: bag(w).sum())(WEIGHT).tolist() == [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("kind", [np.array, lambda x: ft.tensor(x, requires_grad=True)], ids=["array", "tensor"])
def test_norms_of_named_rows_are_brought_down_in_the_weight(kind: Callable[[Any], Any]) -> None:
    w = kind(MATRIX)
    y = F.embedding(np.array([0, 0, 2]), w, max_norm=2.0)
    expected = [[1.2, 1.6], [1.2, 1.6], [0.0, 0.5]]
    np.testing.assert_allclose(np.asarray(getattr(y, "data", y)), expected, atol=1e-6)
    np.testing.assert_allclose(np.asarray(getattr(w, "data", w)), [[1.2, 1.6], [1.0, 0.0], [0.0, 0.5]], atol=1e-6)
    if ft.is_tensor(y):
        y.sum().backward()
        assert w.grad.tolist() == [[2.0, 2.0], [0.0, 0.0], [1.0, 1.0]]
    w = kind(MATRIX)
    y = F.embedding_bag(np.array([[0, 1]]), w, max_norm=2.0, norm_type=1.0)
    np.testing.assert_allclose(np.asarray(getattr(y, "data", y)), [[0.92857143, 0.57142857]], atol=1e-6)


def test_bags_may_be_empty_batched_and_compiled() -> None:
    flat, offsets = np.array([0, 2, 2, 1]), np.array([0, 2, 2])
    for mode in ("sum", "mean", "max"):
        bag = lambda w, mode=mode: F.embedding_bag(flat, w, offsets, mode=mode)
        assert bag(WEIGHT)[1].tolist() == [0.0, 0.0]
        gradient = ft.grad(lambda w, bag=bag: (bag(w) ** 2).sum())
        np.testing.assert_allclose(ft.jit(gradient)(WEIGHT), gradient(WEIGHT))
        np.testing.assert_allclose(ft.vmap(gradient)(np.stack([WEIGHT, 2 * WEIGHT]))[1], gradient(2 * WEIGHT))


# --- Connectionist temporal classification ----------------------------------------------------------------------------

SCORES = np.array([[[0.1, 0.7, -0.3]], [[0.5, -0.2, 0.3]], [[0.1, 0.2, 0.4]]])


def _by_all_paths(log_probs: Any, labels: list[int]) -> float:
    """Return the loss of one example as a sum over all paths."""
    total = 0.0
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        merged = [c for c, _ in itertools.groupby(path) if c != 0]
        if merged == labels:
            total += np.exp(sum(log_probs[t, c] for t, c in enumerate(path)))
    return -np.log(total)


@pytest.mark.parametrize("labels", [[1], [2, 1], [1, 1], [1, 2, 1], []])
def test_ctc_sums_over_all_paths(labels: list[int]) -> None:
    log_probs = ft.nn.functional.log_softmax(np.random.default_rng(0).normal(size=(5, 3)), -1)
    targets = np.array([*labels, 0, 0, 0][:3])
    found = F.ctc_loss(log_probs, targets, [5], [len(labels)], reduction="none")
    np.testing.assert_allclose(found, _by_all_paths(log_probs, labels), rtol=1e-12)
    assert ft.gradcheck(lambda x: F.ctc_loss(x, targets, [5], [len(labels)]), (log_probs,), check_forward_ad=True)


def test_ctc_behind_softmax_has_pytorchs_derivatives() -> None:
    loss = lambda z: F.ctc_loss(F.log_softmax(z, -1), np.array([[1, 2]]), [3], [2])
    expected = [
        [0.10050839883577863, -0.19647572647010283, 0.09596732763432422],
        [0.059428268347966814, -0.013146826004365432, -0.04628144234360138],
        [0.04977936195487971, 0.15993652816795983, -0.20971589012283953],
    ]
    np.testing.assert_allclose(ft.grad(loss)(SCORES)[:, 0], expected, rtol=1e-12)
    np.testing.assert_allclose(ft.jit(ft.grad(loss))(SCORES)[:, 0], expected, rtol=1e-12)
    assert ft.gradgradcheck(loss, (SCORES,))
    assert ft.grad(loss)(SCORES.astype(np.float32)).dtype == np.float32


def test_ctc_of_what_does_not_fit() -> None:
    loss = lambda z, **how: F.ctc_loss(F.log_softmax(z, -1), np.array([[1, 1]]), [2], [2], **how)
    with np.errstate(all="ignore"):
        assert loss(SCORES) == np.inf
        value, gradient = ft.value_and_grad(lambda z: loss(z, zero_infinity=True))(SCORES)
    assert value == 0.0
    assert not gradient.any()


def test_ctc_of_differing_lengths_in_each_form() -> None:
    x = F.log_softmax(np.random.default_rng(1).normal(size=(6, 2, 4)), -1)
    padded = F.ctc_loss(x, np.array([[1, 2, 3], [3, 0, 0]]), [6, 4], [3, 1], reduction="none")
    joined = F.ctc_loss(x, np.array([1, 2, 3, 3]), [6, 4], [3, 1], reduction="none")
    np.testing.assert_array_equal(padded, joined)
    alone = F.ctc_loss(x[:4, 1], np.array([3]), np.array(4), np.array(1), reduction="none")
    np.testing.assert_allclose(alone, padded[1])
    assert alone.shape == ()
    each = ft.vmap(lambda x, t, n, m: F.ctc_loss(x, t, n, m, reduction="none"), in_axes=(1, 0, 0, 0))
    batch = each(x, np.array([[1, 2, 3], [3, 0, 0]]), np.array([6, 4]), np.array([3, 1]))
    np.testing.assert_allclose(batch, padded)


# --- In place ---------------------------------------------------------------------------------------------------------

IN_PLACE: dict[str, Callable[..., Any]] = {
    "relu": F.relu,
    "relu6": F.relu6,
    "elu": lambda x, **how: F.elu(x, 0.7, **how),
    "celu": lambda x, **how: F.celu(x, 0.7, **how),
    "selu": F.selu,
    "leaky_relu": lambda x, **how: F.leaky_relu(x, 0.2, **how),
    "hardtanh": lambda x, **how: F.hardtanh(x, -0.3, 0.4, **how),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "silu": F.silu,
    "mish": F.mish,
    "threshold": lambda x, **how: F.threshold(x, 0.2, 0.7, **how),
    "rrelu": F.rrelu,
    "rrelu in training": lambda x, **how: F.rrelu(x, training=True, generator=ft.random.key(2), **how),
    "dropout": lambda x, **how: F.dropout(x, generator=ft.random.key(2), **how),
    "dropout1d": lambda x, **how: F.dropout1d(x[None], generator=ft.random.key(2), **how)[0],
    "alpha_dropout": lambda x, **how: F.alpha_dropout(x, training=True, generator=ft.random.key(2), **how),
    "dropout of all": lambda x, **how: F.alpha_dropout(x, 1.0, training=True, **how),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_the_argument_has_the_result(name: str) -> None:
    function, values = IN_PLACE[name], np.array([[-3.5, -0.25, 0.1], [0.3, 2.0, 7.0]])
    array = values.copy()
    function(array, inplace=True)
    np.testing.assert_array_equal(array, function(values))
    x = ft.tensor(values, requires_grad=True)
    y = x * 2.0
    part = y[1]
    function(y, inplace=True)
    np.testing.assert_array_equal(part.detach(), function(2.0 * values)[1])
    (part**2).sum().backward()
    expected = ft.grad(lambda x: (function(2.0 * x)[1] ** 2).sum())(values)
    np.testing.assert_array_equal(x.grad, expected)


def test_in_place_by_position_and_by_name() -> None:
    x = ft.tensor([[-1.0, 0.0, 2.0]] * 2, requires_grad=True)
    y = x * 1.0
    first = y[0]
    assert F.relu(first, True) is first
    assert y.tolist() == [[0.0, 0.0, 2.0], [-1.0, 0.0, 2.0]]
    y.sum().backward()
    assert x.grad.tolist() == [[0.0, 0.0, 1.0], [1.0, 1.0, 1.0]]
    y = ft.tensor([-1.0, 1.0])
    assert F.leaky_relu_(y, 0.5) is y
    assert y.tolist() == [-0.5, 1.0]


def test_channels_are_dropped_whole() -> None:
    for function, shape, lead in (
        (F.dropout1d, (4, 5, 6), 2),
        (F.dropout1d, (5, 6), 1),
        (F.dropout2d, (4, 5, 3, 2), 2),
        (F.dropout2d, (4, 5, 6), 2),  # to PyTorch a batch of lines, unlike what the others take
        (F.dropout3d, (4, 5, 3, 2, 2), 2),
        (F.dropout3d, (5, 3, 2, 2), 1),
        (F.feature_alpha_dropout, (4, 5, 3), 2),
    ):
        y = function(np.ones(shape), 0.5, True, generator=ft.random.key(3)).reshape(*shape[:lead], -1)
        assert (y == y[..., :1]).all()
        assert len(np.unique(y)) == 2
    assert F.dropout1d(IDS, training=False) is IDS


REFUSED: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (
        TypeError,
        "relu_ at .* traced by reverse-mode",
        lambda: ft.grad(lambda x: F.relu(x, inplace=True).sum())(np.ones(2)),
    ),
    (TypeError, "nothing can be written into a float", lambda: F.relu(1.0, inplace=True)),
    (RuntimeError, "a leaf .* in-place operation .relu_.", lambda: F.relu(ft.ones(2, requires_grad=True), True)),
    (ValueError, "dropout2d at .* takes an input with 3 or 4 axes", lambda: F.dropout2d(np.ones(3))),
    (ValueError, "padding_idx 3 is none of 3 rows", lambda: F.embedding(IDS, WEIGHT, padding_idx=3)),
    (TypeError, "max_norm writes into the weight", lambda: ft.jit(lambda w: F.embedding(IDS, w, None, 1.0))(WEIGHT)),
    (IndexError, "position 3 is out of bounds", lambda: F.embedding_bag(IDS + 1, WEIGHT)),
    (ValueError, "mode is one of", lambda: F.embedding_bag(IDS, WEIGHT, per_sample_weights=IDS)),
    (ValueError, "a vector and offsets, not shape .2,. and no offsets", lambda: F.embedding_bag(IDS[0], WEIGHT)),
    (ValueError, "offsets begin with 0", lambda: F.embedding_bag(IDS[0], WEIGHT, np.array([1]))),
    (ValueError, "must be the end, 2", lambda: F.embedding_bag(IDS[0], WEIGHT, [0, 1], include_last_offset=True)),
    (ValueError, "takes log_probs of shape", lambda: F.ctc_loss(np.ones(3), IDS, [1], [1])),
    (ValueError, "one length for each of 1", lambda: F.ctc_loss(SCORES, IDS[:1], [3, 3], [2])),
    (ValueError, "add up to 3; there are 2", lambda: F.ctc_loss(np.ones((3, 2, 3)), IDS[0], [3, 3], [1, 2])),
    (IndexError, "input length 4 for 3 steps", lambda: F.ctc_loss(SCORES, IDS[:1], [4], [2])),
    (IndexError, "target length 3 for 2 labels", lambda: F.ctc_loss(SCORES, IDS[:1], [3], [3])),
    (IndexError, "label 4 is none of 3 classes", lambda: F.ctc_loss(SCORES, IDS[:1] * 2, [3], [2])),
    (ValueError, "target has shape", lambda: F.multilabel_margin_loss(WEIGHT, IDS)),
]


@pytest.mark.parametrize(("error", "message", "call"), REFUSED)
def test_errors_teach(error: type[Exception], message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error, match=message):
        call()
