"""Random tensors of several distributions: their means, their dtypes, what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

N = 20_000

#: By name: what draws, and the mean and the standard deviation of what it draws.
DRAWN: dict[str, tuple[Callable[[Any], Any], float, float]] = {
    "normal": (lambda g: ft.normal(2.0, 3.0, (N,), generator=g), 2.0, 3.0),
    "normal of arrays": (lambda g: ft.normal(ft.full((N,), 2.0), 3.0, generator=g), 2.0, 3.0),
    "bernoulli": (lambda g: ft.bernoulli(ft.full((N,), 0.2), generator=g), 0.2, 0.4),
    "bernoulli of one p": (lambda g: ft.zeros(N).bernoulli(0.2, generator=g), 0.2, 0.4),
    "poisson": (lambda g: ft.poisson(ft.full((N,), 4.0), generator=g), 4.0, 2.0),
    "bernoulli_": (lambda g: ft.zeros(N).bernoulli_(0.2, generator=g), 0.2, 0.4),
    "bernoulli_ of an array": (lambda g: ft.zeros(N).bernoulli_(ft.full((N,), 0.2), generator=g), 0.2, 0.4),
    "random_": (lambda g: ft.zeros(N).random_(0, 4, generator=g), 1.5, np.sqrt(1.25)),
    "exponential_": (lambda g: ft.zeros(N).exponential_(0.5, generator=g), 2.0, 2.0),
    "log_normal_": (lambda g: ft.zeros(N).log_normal_(0.0, 0.5, generator=g).log(), 0.0, 0.5),
    "geometric_": (lambda g: ft.zeros(N).geometric_(0.5, generator=g), 2.0, np.sqrt(2.0)),
    "cauchy_": (lambda g: ft.zeros(N).cauchy_(0.0, 1.0, generator=g).atan(), 0.0, np.pi / np.sqrt(12)),
    "multinomial": (lambda g: ft.multinomial(ft.tensor([1.0, 2.0, 1.0]), N, True, generator=g), 1.0, np.sqrt(0.5)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_samples_have_the_mean_and_the_deviation(name: str) -> None:
    draw, mean, deviation = DRAWN[name]
    x = draw(np.random.default_rng(0))
    assert isinstance(x, ft.Tensor)
    assert x.shape == (N,)
    assert abs(np.mean(x.data) - mean) < 4 * deviation / np.sqrt(N)
    assert abs(np.std(x.data) - deviation) < 0.05 * deviation + 0.02
    np.testing.assert_array_equal(x, draw(np.random.default_rng(0)))
    first, second = (ft.manual_seed(1) and draw(None) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_draws_without_replacement_are_all_different_and_follow_the_weights() -> None:
    weights = ft.tensor([[0.0, 1.0, 1.0, 2.0]]).expand(N, 4)
    drawn = ft.multinomial(weights, 3, generator=np.random.default_rng(0)).data
    assert drawn.shape == (N, 3)
    np.testing.assert_array_equal(np.sort(drawn, axis=1), [[1, 2, 3]] * N)
    np.testing.assert_allclose(np.bincount(drawn[:, 0], minlength=4) / N, [0.0, 0.25, 0.25, 0.5], atol=0.02)
    assert weights[0].multinomial(2).shape == (2,)


def test_dtypes_follow_what_is_given() -> None:
    half = ft.full((3,), 0.5, dtype=ft.float32)
    assert ft.normal(half, 1.0).dtype == ft.bernoulli(half).dtype == ft.poisson(half).dtype == np.float32
    assert ft.normal(0.0, half).dtype == np.float32
    assert ft.normal(size=(2,)).dtype == np.float64
    assert ft.normal(size=(2,), dtype=ft.float32).dtype == np.float32
    assert ft.zeros(3, dtype=ft.int32).random_(5).dtype == np.int32


def test_what_is_filled_is_written_to() -> None:
    x = ft.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        x.exponential_()
    y = x * 2.0
    z = (y * y).sum()
    y.bernoulli_(0.5)
    with pytest.raises(RuntimeError, match="which bernoulli_ has changed"):
        z.backward()
    (y * x).sum().backward()
    assert x.grad.tolist() == y.tolist()  # what was there before has no share in it


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="only 1 have a weight"):
        ft.multinomial(ft.tensor([0.0, 1.0]), 2)
    with pytest.raises(ValueError, match="not negative and not all zero"):
        ft.multinomial(ft.tensor([-1.0, 2.0]), 1)
    with pytest.raises(TypeError, match=r"traced by reverse-mode.*ft\.random\.normal\(key"):
        ft.grad(lambda mean: ft.normal(mean, 1.0).sum())(0.0)


def test_small_questions_by_their_names() -> None:
    x = ft.tensor([[1.0 + 1j, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(x.H, x.data.conj().T)
    np.testing.assert_array_equal(ft.stack([x, x]).mH, np.stack([x.data.conj().T] * 2))
    with pytest.raises(ValueError, match="is of matrices, not of shape"):
        _ = x[0].H
    assert (x.is_cuda, x.is_cpu, x.is_sparse) == (False, True, False)
    assert (x.stride(), x.stride(0), x.T.stride()) == ((2, 1), 2, (1, 2))
    assert x.data_ptr() == x[0].data_ptr() != x[1].data_ptr()
    with pytest.raises(ValueError, match=r"asks one element, not those of shape \(2, 2\)"):
        ft.is_nonzero(x)
    assert ft.detach(x.data) is x.data
    np.testing.assert_array_equal(ft.grad(lambda a: (ft.clone(a) * ft.detach(a)).sum())(np.ones(2)), [1.0, 1.0])
    assert ft.promote_types(ft.float32, ft.int64) == ft.result_type(ft.zeros(1), ft.zeros(1)) == np.float64
    assert ft.finfo(ft.float32).eps == np.finfo(np.float32).eps
