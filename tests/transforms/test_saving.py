"""A checkpoint's policy decides what is computed again, and changes no value and no derivative."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.primitive import PRIMITIVES
from tests.transforms.test_checkpointing import TRANSFORMS, layer
from tests.trees import assert_same_tree

POLICIES: dict[str, Any] = {
    "everything": lambda name: True,
    "nothing": lambda name: False,
    "by name": {"sin", "mul"},
    "none of these": ["matmul"],
    "by predicate": lambda name: name.startswith("s"),
}

X = np.array([0.3, -0.7, 1.1])
W = np.linspace(-1.0, 1.0, 9).reshape(3, 3)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_policy_changes_no_value_and_no_derivative(name: str, policy: str) -> None:
    found, expected = TRANSFORMS[name](ft.checkpoint(layer, POLICIES[policy])), TRANSFORMS[name](layer)
    assert_same_tree(found, expected, rtol=1e-13, atol=1e-14)  # cotangents are summed in another order


def program(x: Any, w: Any) -> Any:
    """Apply matrix products, decompositions with several results, branches, positions and inner derivatives."""
    y = np.tanh(w @ x)
    u, s = np.linalg.eigh(w + w.T + np.diag(y))
    y = y * u if y[0] > 0 else s @ y
    slope = ft.grad(lambda v: np.sum(np.sin(v * y)))(x)
    return np.sort(slope) + np.max(s) * y[np.argmax(y)] + ft.checkpoint(np.cumsum)(y) + 2.0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("closure", [False, True])
def test_a_longer_program(policy: str, closure: bool) -> None:
    def loss(x: Any, w: Any, f: Callable[..., Any]) -> Any:
        return np.sum(f(x, w) ** 2)

    def checked(x: Any, w: Any) -> Any:
        if closure:
            return ft.checkpoint(lambda v: program(v, w), POLICIES[policy])(x)
        return ft.checkpoint(program, POLICIES[policy])(x, w)

    for transform in (
        lambda f: ft.grad(loss, (0, 1))(X, W, f),
        lambda f: ft.hessian(loss, (0, 1))(X, W, f),
        lambda f: ft.jacrev(ft.jacrev(f))(X, W),
        lambda f: ft.jacrev(f, (0, 1))(X, W),
    ):
        for a, b in zip(ft.tree.leaves(transform(checked)), ft.tree.leaves(transform(program)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)  # through eigenvectors, twice


def test_what_is_kept_is_not_computed_again(monkeypatch: Any) -> None:
    calls = {"sin": 0, "matmul": 0}

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            calls[name] += 1
            return function(*args)

        return counted

    for name, ufunc in (("sin", np.sin), ("matmul", np.matmul)):
        primitive = PRIMITIVES[ufunc]
        monkeypatch.setattr(primitive, "function", counting(name, primitive.function))

    def f(x: Any) -> Any:
        return np.sum(np.sin(W @ np.sin(x)))

    for policy, expected in [
        (POLICIES["nothing"], {"sin": 4, "matmul": 2}),
        ({"matmul"}, {"sin": 4, "matmul": 1}),
        ({"sin"}, {"sin": 2, "matmul": 2}),
        (POLICIES["everything"], {"sin": 2, "matmul": 1}),
    ]:
        calls.update(sin=0, matmul=0)
        g = ft.grad(ft.checkpoint(f, policy))(X)
        assert calls == expected, policy
        np.testing.assert_allclose(g, (W.T @ np.cos(W @ np.sin(X))) * np.cos(X), rtol=1e-14)


def test_memory_is_what_the_policy_keeps() -> None:
    n, size = 20, 50_000

    def f(x: Any) -> Any:
        for _ in range(n):
            x = np.sin(np.exp(-x))
        return x

    def kept(policy: Any) -> int:
        tracemalloc.start()
        _, pull = ft.vjp(ft.checkpoint(f, policy), np.ones(size))
        found = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        del pull
        return found

    one = 8 * size
    assert kept(None) < 3 * one  # the input and the result
    assert n * one < kept({"sin"}) < (n + 3) * one


def test_one_name_is_not_a_collection() -> None:
    with pytest.raises(TypeError, match=r"for one name write \{'matmul'\}"):
        ft.checkpoint(np.sin, "matmul")
