"""Dropout and its kin; and the generator they draw from under checkpoint and jit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.nn.functional as F  # noqa: N812 - PyTorch's name
from functorch_lite.core import generator

X = np.random.default_rng(3).normal(size=(200, 50))
KEY = ft.random.key(0)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_drops_with_probability_p_and_scales_the_rest(p: float) -> None:
    y = F.dropout(X, p, generator=KEY)
    dropped = y == 0
    assert abs(dropped.mean() - p) < 0.02
    np.testing.assert_allclose(y[~dropped], X[~dropped] / (1 - p))


def test_dropout_at_the_bounds_of_p_and_outside_of_training() -> None:
    x = ft.tensor(X, requires_grad=True)
    assert F.dropout(x, training=False) is x
    assert F.dropout(x, 0.0) is x
    y = F.dropout(x, 1.0)
    y.sum().backward()
    assert not y.any()
    assert not x.grad.any()


def test_the_derivative_of_dropout_is_its_mask() -> None:
    x = ft.tensor(X, requires_grad=True)
    y = F.dropout(x, 0.3, generator=np.random.default_rng(1))
    y.sum().backward()
    np.testing.assert_allclose(x.grad * X, y.detach())


def test_dropout_keeps_dtypes() -> None:
    for dtype in (np.float32, np.float64, np.complex64):
        for dropped in (F.dropout(X.astype(dtype), generator=KEY), F.dropout(ft.tensor(X, dtype=dtype))):
            assert dropped.dtype == dtype
    assert F.alpha_dropout(X.astype(np.float32), 0.2, True).dtype == np.float32
    assert F.gumbel_softmax(X.astype(np.float32)).dtype == np.float32


SOURCES: list[Callable[[], Any]] = [
    lambda: KEY,
    lambda: np.random.default_rng(5),
    lambda: ft.manual_seed(5) and None,
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("function", [F.dropout, partial(F.alpha_dropout, training=True), F.gumbel_softmax])
def test_the_same_source_gives_the_same_numbers(function: Callable[..., Any], source: Callable[[], Any]) -> None:
    first, second = (function(X, generator=source()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, function(X, generator=ft.random.key(9)))


def test_keys_are_batched_recorded_and_differentiated() -> None:
    keys, rows = ft.random.split(KEY, len(X)), X
    loss = lambda x, key: (F.dropout(x, 0.4, generator=key) ** 2).sum()
    expected = np.stack([ft.grad(loss)(x, key) for x, key in zip(rows, keys, strict=True)])
    np.testing.assert_allclose(ft.vmap(ft.grad(loss))(rows, keys), expected)
    np.testing.assert_allclose(ft.jit(ft.vmap(ft.grad(loss)))(rows, keys), expected)
    assert len({tuple(row) for row in (expected == 0).tolist()}) > len(X) // 2


def test_alpha_dropout_keeps_mean_and_variance_and_the_values_of_pytorch() -> None:
    y = F.alpha_dropout(X, 0.25, training=True, generator=KEY)
    assert abs(y.mean()) < 0.05
    assert abs(y.std() - 1) < 0.05
    # torch.nn.functional.alpha_dropout(torch.ones(…), 0.25, True).unique()
    found, counts = np.unique(F.alpha_dropout(np.ones_like(X), 0.25, True, generator=KEY), return_counts=True)
    np.testing.assert_allclose(found, [-1.143544188209, 1.248439319928])
    np.testing.assert_allclose(counts / X.size, [0.25, 0.75], atol=0.02)
    assert F.alpha_dropout(X) is X
    assert not F.alpha_dropout(X, 1.0, True).any()


def test_gumbel_softmax_draws_by_the_softmax() -> None:
    logits = np.log([0.1, 0.6, 0.3])
    drawn = F.gumbel_softmax(np.tile(logits, (20_000, 1)), hard=True, generator=KEY)
    np.testing.assert_allclose(drawn.sum(1), 1.0)
    np.testing.assert_allclose(drawn.mean(0), [0.1, 0.6, 0.3], atol=0.02)


def test_a_hard_sample_has_the_derivative_of_the_relaxed_one() -> None:
    weights = np.random.default_rng(0).normal(size=(3, 4, 5))
    for dim in (0, 1, -1):

        def loss(x: Any, hard: bool, dim: int = dim) -> Any:
            return (weights * F.gumbel_softmax(x, 0.7, hard, dim=dim, generator=KEY)).sum()

        np.testing.assert_allclose(ft.grad(loss)(weights, True), ft.grad(loss)(weights, False))


def test_what_cannot_be_drawn_from_and_what_is_no_probability() -> None:
    with pytest.raises(TypeError, match=r"generator is None, a generator of NumPy's.*not a int"):
        F.dropout(X, generator=3)
    with pytest.raises(ValueError, match=r"between 0 and 1, and was given as 1\.5"):
        F.dropout(X, 1.5)


# --- The generator of ft.rand and its kin -----------------------------------------------------------------------------


def _noisy(x: Any) -> Any:
    return F.dropout(x * x, 0.5) * ft.rand(4)


@pytest.mark.parametrize("seeded", [True, False])
def test_a_checkpoint_draws_again_what_it_drew(seeded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if seeded:
        ft.manual_seed(1)
    else:  # the first that is drawn makes the generator
        monkeypatch.setattr(generator._Shared, "generator", None)
    x = ft.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = ft.checkpoint(_noisy)(x)
    after = ft.rand(3)  # numbers drawn in between are others
    y.sum().backward(create_graph=True)
    np.testing.assert_allclose((x.grad * x / 2.0).detach(), y.detach())
    (second,) = ft.autograd.grad(x.grad.sum(), x)
    np.testing.assert_allclose((second * x * x / 2.0).detach(), y.detach())
    value, pull = ft.vjp(ft.checkpoint(_noisy), np.arange(4.0))
    np.testing.assert_allclose(pull(np.ones(4))[0] * np.arange(4.0) / 2, value)
    if seeded:
        ft.manual_seed(1)
        _noisy(x)
        np.testing.assert_array_equal(ft.rand(3), after)


def test_the_second_run_of_a_checkpoint_leaves_the_generator_where_it_was() -> None:
    ft.manual_seed(2)
    x = ft.ones(4, requires_grad=True)
    ft.checkpoint(_noisy)(x).sum().backward()
    found = ft.rand(3)
    ft.manual_seed(2)
    _noisy(x)
    np.testing.assert_array_equal(found, ft.rand(3))


def test_nested_checkpoints_draw_again_what_they_drew() -> None:
    inner = ft.checkpoint(_noisy)
    outer = ft.checkpoint(lambda x: inner(x) * ft.rand(4))
    x = ft.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    y = outer(x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad * x.detach() / 2.0, y.detach())



def test_the_state_of_the_generator_is_taken_and_given_back() -> None:
    state = ft.get_rng_state()
    first = ft.rand(3), ft.randperm(5)
    ft.set_rng_state(state)
    assert ft.equal(ft.rand(3), first[0])
    assert ft.equal(ft.randperm(5), first[1])


def test_jit_refuses_to_record_random_tensors() -> None:
    for f in (lambda x: x + ft.rand_like(x), F.dropout, lambda x: x * ft.randperm(50)):
        with pytest.raises(RuntimeError, match=r"global random state.*ft\.rand"):
            ft.jit(f)(X)
