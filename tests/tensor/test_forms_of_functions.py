"""Functions that are a form of another: in place, with positions, of an existing tensor, by another name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.autograd.forward_ad as fwAD  # noqa: N812 - PyTorch's name
import functorch_lite.nn.functional as F  # noqa: N812 - PyTorch's name

X = np.array([-2.0, -0.5, 0.25, 3.0])


@pytest.mark.parametrize(
    ("in_place", "function"),
    [
        (F.celu_, F.celu),
        (F.elu_, F.elu),
        (F.hardtanh_, F.hardtanh),
        (F.leaky_relu_, F.leaky_relu),
        (F.relu_, F.relu),
        (F.selu_, F.selu),
        (lambda x: F.threshold_(x, 0.1, -1.0), lambda x: F.threshold(x, 0.1, -1.0)),
        (lambda x: F.rrelu_(x, 0.2, 0.2), lambda x: F.leaky_relu(x, 0.2)),
    ],
)
def test_activations_in_place_give_what_the_others_give(
    in_place: Callable[[Any], Any], function: Callable[[Any], Any]
) -> None:
    x = ft.tensor(X, requires_grad=True)
    y = x * 1.0
    assert in_place(y) is y
    assert np.array_equal(y.numpy(force=True), function(X))
    y.sum().backward()
    assert np.allclose(x.grad.numpy(), ft.grad(lambda x: np.sum(function(x)))(X))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("name", ["max_pool", "adaptive_max_pool"])
def test_pooling_with_indices_is_pooling_that_returns_them(name: str, rank: int) -> None:
    x = np.random.default_rng(rank).normal(size=(2, 3, *(4,) * rank))
    values, positions = getattr(F, f"{name}{rank}d_with_indices")(x, 2)
    expected = getattr(F, f"{name}{rank}d")(x, 2, return_indices=True)
    assert np.array_equal(values, expected[0])
    assert np.array_equal(positions, expected[1])
    flat = np.take_along_axis(x.reshape(2, 3, -1), positions.reshape(2, 3, -1), -1)
    assert np.array_equal(flat.reshape(values.shape), values)


def test_positions_of_triangles_are_those_of_numpy() -> None:
    assert np.array_equal(ft.tril_indices(3, 4, 1), np.stack(np.tril_indices(3, 1, 4)))
    assert np.array_equal(ft.triu_indices(3, 4, -1), np.stack(np.triu_indices(3, -1, 4)))


def test_questions_about_arrays() -> None:
    x = ft.tensor([1.0, np.inf, -np.inf])
    assert ft.isposinf(x).tolist() == [False, True, False]
    assert ft.isneginf(x).tolist() == [False, False, True]
    assert ft.isreal(ft.tensor([1j, 1 + 0j])).tolist() == [False, True]
    assert ft.is_signed(x)
    assert not ft.is_signed(x.bool())
    assert ft.is_same_size(x, ft.zeros(3))
    assert not ft.is_same_size(x, ft.zeros(3, 1))
    assert ft.conj_physical(ft.tensor([1 + 2j])).tolist() == [1 - 2j]


def test_random_tensors_like_others() -> None:
    generator = np.random.default_rng(0)
    x = ft.randn_like(ft.zeros(2, 3, dtype=ft.float32), generator=generator)
    assert x.shape == (2, 3)
    assert x.dtype == np.float32
    assert np.array_equal(x.numpy(), np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32))


def test_a_level_of_dual_numbers_is_opened_and_closed_by_calls() -> None:
    level = fwAD.enter_dual_level()
    try:
        unpacked = fwAD.unpack_dual(fwAD.make_dual(ft.tensor(3.0), ft.tensor(1.0), level=level) ** 2)
    finally:
        fwAD.exit_dual_level(level=level)
    assert isinstance(unpacked, fwAD.UnpackedDualTensor)
    assert (unpacked.primal.item(), unpacked.tangent.item()) == (9.0, 6.0)
    assert fwAD.enter_dual_level() == level
    fwAD.exit_dual_level()


def test_there_is_no_other_device_than_the_cpu() -> None:
    assert ft.cuda.device_count() == 0
