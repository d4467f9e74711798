"""Random programs of loops and branches in each other: compiled they compute what they compute as Python runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

Step = Callable[[Any, Any], Any]


def drawn(rng: np.random.Generator, depth: int = 0) -> Step:
    """Return a random function of two vectors of three numbers, the second of which is the same throughout."""
    steps = [_step(rng, depth) for _ in range(rng.integers(1, 4))]

    def run(x: Any, w: Any) -> Any:
        for step in steps:
            x = step(x, w)
        return x

    return run


def _step(rng: np.random.Generator, depth: int) -> Step:
    kinds = (_sine, _layer, _mixture) if depth == 2 else (_sine, _layer, _mixture, _cond, _fori, _scan, _while, _switch)
    return kinds[rng.integers(len(kinds))](rng, depth)


def _sine(rng: np.random.Generator, depth: int) -> Step:
    a = rng.normal(size=3)
    return lambda x, w: np.sin(x * a + w[0])


def _layer(rng: np.random.Generator, depth: int) -> Step:
    m = 0.4 * rng.normal(size=(3, 3))
    return lambda x, w: np.tanh(x @ (m * w[1])) + 0.3 * x[::-1]


def _mixture(rng: np.random.Generator, depth: int) -> Step:
    a = float(rng.normal())
    return lambda x, w: 0.5 * x + a * np.cos(w * x)


def _cond(rng: np.random.Generator, depth: int) -> Step:
    f, g, c = drawn(rng, depth + 1), drawn(rng, depth + 1), 0.5 * float(rng.normal())
    return lambda x, w: ft.cond(np.sum(x) > c, lambda v: f(v, w), lambda v: g(v, w), x)


def _switch(rng: np.random.Generator, depth: int) -> Step:
    branches = [drawn(rng, depth + 1) for _ in range(3)]

    def step(x: Any, w: Any) -> Any:
        index = np.astype(np.floor(np.abs(np.sum(2.0 * x))) % 3, int)
        return ft.switch(index, [lambda v, f=f: f(v, w) for f in branches], x)

    return step


def _fori(rng: np.random.Generator, depth: int) -> Step:
    f, n = drawn(rng, depth + 1), int(rng.integers(1, 4))
    return lambda x, w: ft.fori_loop(0, n, lambda i, c: f(c, w) + 0.1 * i, x)


def _while(rng: np.random.Generator, depth: int) -> Step:
    f = drawn(rng, depth + 1)

    def step(x: Any, w: Any) -> Any:
        def body(state: Any) -> Any:
            return state[0] + 1, 1.2 * state[1] + 0.3 * f(state[1], w)

        return 0.5 * ft.while_loop(lambda s: (s[0] < 4) & (np.sum(s[1] ** 2) < 3.0), body, (0, x))[1]

    return step


def _scan(rng: np.random.Generator, depth: int) -> Step:
    f, rows = drawn(rng, depth + 1), rng.normal(size=(int(rng.integers(1, 4)), 3))
    reverse, checkpoint, vary = bool(rng.integers(2)), (None, "sqrt")[rng.integers(2)], bool(rng.integers(2))

    def step(x: Any, w: Any) -> Any:
        def one(c: Any, row: Any) -> Any:
            return 0.7 * f(c, w) + row, (c[0] * row, row @ row)

        c, (ys, squares) = ft.scan(one, x, rows * w if vary else rows, reverse=reverse, checkpoint=checkpoint)
        return c + 0.2 * np.sum(ys, 0) + 0.1 * np.sum(squares)

    return step


TRANSFORMATIONS: dict[str, tuple[Callable[[Step], Step], str]] = {
    "value": (lambda f: f, "one"),
    "gradients": (lambda f: ft.grad(f, (0, 1)), "one"),
    "tangent": (lambda f: lambda x, w: ft.jvp(f, (x, w), (w, x)), "one"),
    "hessian": (lambda f: ft.hessian(f), "one"),
    "batch of gradients": (lambda f: ft.vmap(ft.grad(f, (0, 1))), "both"),
    "batch of gradients by what is shared": (lambda f: ft.vmap(ft.grad(f, 1), (0, None)), "first"),
    "gradient of a batch": (lambda f: ft.grad(lambda x, w: np.sum(ft.vmap(f, (0, None))(x, w)), 1), "first"),
    "batch of hessians": (lambda f: ft.vmap(ft.hessian(f, 1)), "both"),
}


@pytest.mark.parametrize("seed", range(12))
def test_every_order_of_jit_and_transformations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    run = drawn(rng)
    points = {
        "one": (rng.normal(size=3), rng.normal(size=3)),
        "both": (rng.normal(size=(4, 3)), rng.normal(size=(4, 3))),
        "first": (rng.normal(size=(4, 3)), rng.normal(size=3)),
    }

    def f(x: Any, w: Any) -> Any:
        return np.sum(np.sin(run(x, w)))

    for name, (transform, kind) in TRANSFORMATIONS.items():
        expected = ft.tree.leaves(transform(f)(*points[kind]))
        for way in (ft.jit(transform(f)), transform(ft.jit(f))):
            for y, wanted in zip(ft.tree.leaves(way(*points[kind])), expected, strict=True):
                # Sums and products are computed in another order, and loops amplify their rounding.
                np.testing.assert_allclose(y, wanted, rtol=1e-8, atol=1e-9, err_msg=f"{name} of program {seed}")
