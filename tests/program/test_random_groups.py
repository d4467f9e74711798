"""Random programs of arrays that are broadcast in every way, fused in small blocks, beside what NumPy gives."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.program import blocks, execution, fusion, joint_products

#: Two arrays of a program to a third; ValueError where they do not fit each other.
STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / (1.0 + y * y),
    "negative": lambda x, y: -x,
    "tanh": lambda x, y: np.tanh(x),
    "square": lambda x, y: x * x,
    "softplus": lambda x, y: np.logaddexp(0.0, x),
    "where": lambda x, y: np.where(x > y, x, 0.5 * y),
    "maximum": lambda x, y: np.maximum(x, y),
    "sum of rows": lambda x, y: x.sum(-1),
    "sum of rows, kept": lambda x, y: x.sum(-1, keepdims=True),
    "sum in the middle": lambda x, y: x.sum(1, keepdims=True),
    "sum of all": lambda x, y: np.sum(np.tanh(x), keepdims=True),
    "sum over rows": lambda x, y: np.tanh(x).sum(0),
    "sum of negatives": lambda x, y: (-x).sum(0),
    "mean over rows": lambda x, y: (x * 2.0).mean(0),
    "minus largest": lambda x, y: x - x.max(-1, keepdims=True),
    "product with a vector": lambda x, y: x @ y,
    "sum by a vector": lambda x, y: y @ x,
    "new axis": lambda x, y: x[:, None],
    "reshaped": lambda x, y: x.reshape(len(x), -1),
    "broadcast": lambda x, y: np.broadcast_to(x, np.broadcast_shapes(x.shape, y.shape)),
}

#: Larger results are left out, so that programs stay small.
LARGEST = 4000


def random_program(chosen: random.Random, arrays: list[Any]) -> Callable[..., Any]:
    """Return a function of some arrays, those steps of a random plan that NumPy can take with them."""
    steps: list[tuple[Callable[[Any, Any], Any], int, int]] = []
    values = list(arrays)
    for _ in range(chosen.randint(3, 9)):
        step = STEPS[chosen.choice(sorted(STEPS))]
        i, j = chosen.randrange(len(values)), chosen.randrange(len(values))
        try:
            value = step(values[i], values[j])
        except (ValueError, IndexError, TypeError):  # shapes that do not fit, or no axis of that number
            continue
        if value.size <= LARGEST:
            steps.append((step, i, j))
            values.append(value)

    def f(*arrays: Any) -> Any:
        values = [*arrays]
        for step, i, j in steps:
            values.append(step(values[i], values[j]))
        return tuple(values[len(arrays) :]) or (values[0] * 1.0,)

    return f


def random_arrays(chosen: random.Random) -> list[Any]:
    """Return arrays of shapes that can be broadcast in one way or another; some are not contiguous."""
    numbers = np.random.default_rng(chosen.getrandbits(32))
    n, k, d = chosen.choice([7, 23, 40]), chosen.choice([1, 3, 5, 7]), chosen.choice([1, 2, 4, 8, 7])
    shapes = [(n, k, d), (n, 1, d), (1, k, d), (k, d), (n, k, 1), (d,), (1, 1, d), (k, 1), (n, 1, 1), (n,), (n, k)]
    dtype = chosen.choice(["f8", "f4"])
    arrays = [numbers.normal(size=chosen.choice(shapes)).astype(dtype) for _ in range(chosen.randint(2, 4))]
    if chosen.random() < 0.3:
        i = chosen.randrange(len(arrays))
        of_columns, strided = np.asfortranarray(arrays[i]), np.repeat(arrays[i], 2, axis=-1)[..., ::2]
        arrays[i] = of_columns if chosen.random() < 0.5 else strided
    return arrays


def _pulled(f: Callable[..., Any]) -> Callable[..., Any]:
    def gradients(*arrays: Any) -> Any:
        results, pull = ft.vjp(f, *arrays)
        return pull(tuple(np.ones_like(result) for result in results))

    return gradients


def _pushed(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arrays: ft.jvp(f, arrays, tuple(np.full_like(x, 0.5) for x in arrays))[1]


def _batched(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arrays: ft.vmap(f)(*(np.stack([x, -0.5 * x]) for x in arrays))


def _batched_in_one(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, *rest: ft.vmap(lambda x: f(x, *rest))(np.stack([x, -0.5 * x]))


FORMS: dict[str, Callable[..., Any]] = {
    "values": lambda f: f,
    "cotangents": _pulled,
    "tangents": _pushed,
    "a batch": _batched,
    "a batch of one argument": _batched_in_one,
    "cotangents of a batch": lambda f: _pulled(_batched(f)),
    "a batch of cotangents": lambda f: _batched(_pulled(f)),
    "tangents of cotangents": lambda f: _pushed(_pulled(f)),
}


@pytest.fixture
def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """Random choices, among them that of how small blocks are, and of how many threads."""
    chosen = random.Random(request.param)
    count = chosen.choice([1, 2, 3])
    monkeypatch.setattr(fusion, "SMALLEST_FUSED", 1)
    monkeypatch.setattr(fusion, "blas_threads", lambda: 1)
    monkeypatch.setattr(blocks, "BLOCK", chosen.choice([10, 40, 100, 300]))
    monkeypatch.setattr(blocks, "LARGE_BLOCK", chosen.choice([20, 60]))
    monkeypatch.setattr(blocks, "LARGEST_WHOLE", chosen.choice([0, 1 << 20]))
    together = chosen.choice([False, True])
    monkeypatch.setattr(joint_products, "has_thin_kernels", lambda: together)
    monkeypatch.setattr(execution, "SMALLEST_SHARED", 1)
    monkeypatch.setattr(execution, "threads", lambda: count)
    return chosen


@pytest.mark.parametrize("chosen", range(200), indirect=True)
@pytest.mark.parametrize("form", ["values", "cotangents"])
def test_random_groups(form: str, chosen: random.Random) -> None:
    with np.errstate(all="ignore"):  # products of products overflow now and then
        arrays = random_arrays(chosen)
        f = FORMS[form](random_program(chosen, arrays))
        wanted, compiled = f(*arrays), ft.jit(f)
        for _ in range(2):
            _assert_close(compiled(*arrays), wanted)


@pytest.mark.parametrize("chosen", range(1000, 1025), indirect=True)
@pytest.mark.parametrize("form", FORMS)
def test_random_groups_in_every_order_of_transformations(form: str, chosen: random.Random) -> None:
    with np.errstate(all="ignore"):
        arrays = [0.5 * x for x in random_arrays(chosen)]
        f, transformed = random_program(chosen, arrays), FORMS[form]
        wanted = transformed(f)(*arrays)
        for compiled in (ft.jit(transformed(f)), transformed(ft.jit(f)), ft.jit(transformed(ft.jit(f)))):
            _assert_close(compiled(*arrays), wanted)


def _assert_close(results: Any, wanted: Any) -> None:
    for actual, value in zip(results, wanted, strict=True):
        assert actual.dtype == value.dtype
        # Sums in another order, some steps on: a few thousand units in the last place of the largest.
        finite = np.abs(value[np.isfinite(value)])
        rounding = (1e-11 if value.dtype == np.float64 else 2e-3) * (1 + np.max(finite, initial=0))
        np.testing.assert_allclose(actual, value, rtol=0, atol=rounding, strict=True)
