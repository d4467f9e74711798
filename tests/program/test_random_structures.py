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
    kinds = PLAIN if depth == 2 else PLAIN + STRUCTURES
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


def _rows_that_are_viewed(rng: np.random.Generator, depth: int) -> Step:
    """Carry views of the rows that an inner loop stacks, and those of the step before."""
    f, rows = drawn(rng, depth + 1), rng.normal(size=(2, 3))
    part = ([2, 1, 0], slice(None, None, -1), slice(None))[rng.integers(3)]
    is_while, late = bool(rng.integers(2)), bool(rng.integers(2))

    def inner(c: Any, row: Any) -> Any:
        y = f(c[0], c[2]) + row
        return (y[part], c[1] if late else y, c[2]), y

    def outer(new: Any, w: Any) -> Any:
        (new, other, _), ys = ft.scan(inner, (new, new, w), rows)
        return new, other, np.sum(ys)

    def in_scan(x: Any, w: Any) -> Any:
        def one(c: Any, _: Any) -> Any:
            new, other, total = outer(c[0], w)
            return (new, other, c[0], c[1]), total

        (new, *older), totals = ft.scan(one, (x, x, x, x), length=3)
        return new + 0.3 * sum(older) + 0.1 * np.sum(totals)

    def in_while(x: Any, w: Any) -> Any:
        def one(c: Any) -> Any:
            new, other, total = outer(c[0], w)
            return new, other, c[0], c[1], c[4] + total, c[5] + 1

        new, *older, total, _ = ft.while_loop(lambda c: c[5] < 3, one, (x, x, x, x, 0.0, 0))
        return new + 0.3 * sum(older) + 0.1 * total

    return in_while if is_while else in_scan


def _scaled_products(rng: np.random.Generator, depth: int) -> Step:
    """Stack products scaled by a carried Python number or the counter, beside the rows that they are of."""
    f, m, rows = drawn(rng, depth + 1), 0.4 * rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    with_rows, with_number, by_count = (bool(b) for b in rng.integers(2, size=3))

    def step(x: Any, w: Any) -> Any:
        def one(c: Any, row: Any) -> Any:
            h, rate, total = c
            product = np.outer(row, h) @ (m * w) if with_rows else h @ m
            y = (product * rate if with_number else product, row, np.sin(rate) * row @ m)
            return (f(h, w) + row, rate * 0.5 + 0.1, total + np.outer(row, h) @ m), y

        (h, _, total), ys = ft.scan(one, (x, 1 if by_count else 1.0, m), rows)
        _, summed = ft.fori_loop(0, 3, lambda i, c: (np.tanh(c[0] + w), c[1] + (c[0] @ m) * i), (h, x))
        return h + 0.1 * summed + 0.1 * np.sum(total, 0) + 0.1 * sum(np.sum(y) for y in ys)

    return step


def _alike_in_the_end(rng: np.random.Generator, depth: int) -> Step:
    """Carry what becomes the same for all examples of a batch."""
    f, n, is_alone = drawn(rng, depth + 1), int(rng.integers(1, 4)), bool(rng.integers(2))

    def step(x: Any, w: Any) -> Any:
        def one(c: Any, _: Any) -> Any:
            return (f(w, w), c[0]), np.max(c[1]) * f(c[0], w)

        (last, before), ys = ft.scan(one, (x, x), length=n)
        return last if is_alone else 0.5 * last + 0.5 * before + 0.1 * np.sum(ys, 0)

    return step


PLAIN = (_sine, _layer, _mixture)
#: What a loop keeps, or a pass over it moves, is read elsewhere.
SPECIAL = (_rows_that_are_viewed, _scaled_products, _alike_in_the_end)
STRUCTURES = (_cond, _fori, _scan, _while, _switch, *SPECIAL)

TRANSFORMATIONS: dict[str, tuple[Callable[[Step], Step], str]] = {
    "value": (lambda f: f, "one"),
    "batch of values": (lambda f: ft.vmap(f, (0, None)), "first"),
    "gradients": (lambda f: ft.grad(f, (0, 1)), "one"),
    "tangent": (lambda f: lambda x, w: ft.jvp(f, (x, w), (w, x)), "one"),
    "hessian": (lambda f: ft.hessian(f), "one"),
    "batch of gradients": (lambda f: ft.vmap(ft.grad(f, (0, 1))), "both"),
    "batch of gradients by what is shared": (lambda f: ft.vmap(ft.grad(f, 1), (0, None)), "first"),
    "gradient of a batch": (lambda f: ft.grad(lambda x, w: np.sum(ft.vmap(f, (0, None))(x, w)), 1), "first"),
    "batch of hessians": (lambda f: ft.vmap(ft.hessian(f, 1)), "both"),
}


@pytest.mark.parametrize(
    ("draw", "seed"), [*((drawn, seed) for seed in range(12)), *((f, seed) for f in SPECIAL for seed in range(6))]
)
def test_every_order_of_jit_and_transformations(draw: Callable[..., Step], seed: int) -> None:
    rng = np.random.default_rng(seed)
    run = draw(rng, 0 if draw is drawn else 1)
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
