"""The parts of joined arrays are computed in their places: results are those of the equations one by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.program.source import written

RNG = np.random.default_rng(3)
X, Y, W = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))


def _states(x: Any, w: Any) -> list[Any]:
    states = []
    for _ in range(5):
        x = np.tanh(x @ w) * 2.0
        states.append(x)
    return states


#: By name: a program, its arguments, and how many parts are computed in their places.
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]] = {
    "stacked states": (lambda x, w: np.sum(np.stack(_states(x, w)) ** 2, axis=0), (X, W), 5),
    "concatenated states": (lambda x, w: np.concatenate(_states(x, w)) @ w, (X, W), 5),
    "products": (lambda x, w: np.exp(np.stack([x @ w, x @ w.T, x @ (w @ w)])), (X, W), 3),
    "arguments and constants": (lambda x, y: np.exp(np.stack([x, np.sin(x), y, np.ones_like(x), x * y])), (X, Y), 2),
    "views": (lambda x, y: np.exp(np.stack([(x * y).T, np.sin(x).T, (x + y).T])), (X, Y), 0),
    "sums": (lambda x, y: np.exp(np.stack([x * y, np.sum(x[None] * y[None], axis=0), x - y])), (X, Y), 2),
    "a part twice": (lambda x, y: (lambda z: np.exp(np.stack([z, x, z, y])))(x * y), (X, Y), 1),
    "a part of two": (
        lambda x, y: (lambda z: np.exp(np.stack([z, x + y])) * np.sin(np.stack([x - y, z])))(x * y),
        (X, Y),
        3,
    ),
    "a part that is returned": (lambda x, y: (lambda z: (z, np.exp(np.stack([z, x + y]))))(x * y), (X, Y), 1),
    "a part that is read again": (lambda x, y: (lambda z: (np.exp(np.stack([z, x + y])), z - y))(x * y), (X, Y), 2),
    "the joined array": (lambda x, y: np.stack([x * y, x + y]), (X, Y), 0),
    "a view of the joined array": (lambda x, y: np.stack([x * y, x + y])[1:].T, (X, Y), 0),
    "an assembly of assemblies": (
        lambda x, y: np.exp(np.concatenate([np.stack([x * y, x + y]), np.stack([x - y, y * y])])),
        (X, Y),
        4,
    ),
    "another axis": (lambda x, y: np.exp(np.stack([x * y, x + y], axis=1)), (X, Y), 0),
    "two dtypes": (lambda x, y: np.exp(np.stack([x * y, np.float32(2.0) * y.astype("f4")])), (X, Y), 1),
    "numbers": (lambda x: np.exp(np.stack([np.sin(x[0, 0]), np.cos(x[1, 1])])), (X,), 0),
    "rows of no elements": (lambda x, y: np.exp(np.stack([x[:0] * y[:0], x[:0] + y[:0]])), (X, Y), 2),
    "steps of a loop": (
        lambda x, y: ft.scan(lambda c, r: (np.sum(np.exp(np.stack([c * r, c + r])), axis=0) / 9.0, c), x[0], y),
        (X, Y),
        0,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_parts_in_their_places(name: str) -> None:
    f, args, count = PROGRAMS[name]
    compiled = ft.jit(f)
    text, _ = written(compiled.program(*args))
    assert len(set(re.findall(r"\bq\d+", text))) - len(re.findall(r"np_copyto\(q\d+", text)) == count
    wanted = f(*args)
    kept = []
    for again in range(3):
        results = compiled(*args)
        kept.append((results, ft.tree.map(np.copy, results)))
        ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, strict=True), results, wanted)
        compiled(*(a * (1 - again / 8) for a in args))
    for results, copies in kept:  # no later call has written into them
        ft.tree.map(np.testing.assert_array_equal, results, copies)


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_of_parts_in_their_places(name: str) -> None:
    f, args, _ = PROGRAMS[name]

    def total(*args: Any) -> Any:
        return sum(np.sum(np.sin(leaf)) for leaf in ft.tree.leaves(f(*args)))

    places = tuple(range(len(args)))
    wanted = ft.grad(total, places)(*args)
    for g, of in zip(ft.jit(ft.grad(total, places))(*args), wanted, strict=True):
        np.testing.assert_allclose(g, of, rtol=1e-10, atol=1e-12)
