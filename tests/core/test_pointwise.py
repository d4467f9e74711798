"""Pointwise primitives: everything follows from their partial derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.primitive import Pointwise, Primitive
from functorch_lite.core.rules import IDENTITY, NEGATION

X = np.array([0.3, -0.7, 1.1])
Y = np.array([1.5, 0.4, -0.6])
Z = np.array([0.9, -0.2, 0.5])
T = np.array([1.0, 2.0, -0.5])

# Pointwise primitives with partials of every form.
POINTWISE: dict[str, Pointwise] = {
    "x": Pointwise(lambda x: np.sin(x), [lambda x: np.cos(x)], name="sine"),
    "ans": Pointwise(lambda x: np.exp(x), [lambda ans: ans], name="exponential"),
    "ans and x": Pointwise(lambda x: x * np.exp(x), [lambda ans, x: ans + np.exp(x)], name="x exp x"),
    "nothing": Pointwise(lambda x: 2.5 * x, [lambda: 2.5], name="scaled"),
    "identity": Pointwise(lambda x: x + 1.0, [IDENTITY], name="shifted"),
    "one": Pointwise(lambda x: x + 1.0, [1], name="shifted"),
    "negation": Pointwise(lambda x: 1.0 - x, [NEGATION], name="reversed"),
    "minus one": Pointwise(lambda x: 1.0 - x, [-1], name="reversed"),
    "no derivative": Pointwise(lambda x: np.floor(x), [None], name="floor"),
    "y and x": Pointwise(lambda x, y: x * y, [lambda y: y, lambda x: x], name="product"),
    "both": Pointwise(lambda x, y: np.sin(x * y), [lambda x, y: y * np.cos(x * y), lambda x, y: x * np.cos(x * y)]),
    "ans and y": Pointwise(lambda x, y: x / y, [lambda y: 1.0 / y, lambda ans, y: -ans / y], name="quotient"),
    "first only": Pointwise(lambda x, y: x * np.sign(y), [lambda y: np.sign(y), None], name="first"),
    "second only": Pointwise(lambda x, y: np.sign(x) * y, [None, lambda x: np.sign(x)], name="second"),
    "difference": Pointwise(lambda x, y: x - y, [1, -1], name="difference"),
    "three": Pointwise(lambda x, y, z: x * y - z, [lambda y: y, lambda x: x, -1], name="fused"),
    "three with all": Pointwise(
        lambda x, y, z: np.sin(x * y) * z,
        [lambda x, y, z: y * z * np.cos(x * y), lambda x, y, z: x * z * np.cos(x * y), lambda x, y: np.sin(x * y)],
        name="wave",
    ),
}
ARGUMENTS = (X, Y, Z)


def arguments(primitive: Primitive) -> tuple[Any, ...]:
    return ARGUMENTS[: primitive.arity]


def central(f: Callable[..., Any], args: tuple[Any, ...], directions: tuple[Any, ...]) -> Any:
    step = 1e-6
    ahead, behind = (f(*(a + s * t for a, t in zip(args, directions, strict=True))) for s in (step, -step))
    return (ahead - behind) / (2 * step)


@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_primitives_have_both_modes_from_their_partials(name: str) -> None:
    primitive = POINTWISE[name]
    args = arguments(primitive)
    directions = (T, Y - 1.0, X + 0.5)[: len(args)]
    _, tangent = ft.jvp(primitive, args, directions)
    np.testing.assert_allclose(tangent, central(primitive, args, directions), rtol=1e-8, atol=1e-9)
    cotangents = ft.vjp(primitive, *args)[1](Z)
    assert sum(np.sum(c * t) for c, t in zip(cotangents, directions, strict=True)) == pytest.approx(
        np.sum(Z * tangent), rel=1e-13
    )


@pytest.mark.parametrize("name", POINTWISE)
@pytest.mark.parametrize("active", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)])
def test_pointwise_primitives_of_some_traced_arguments(name: str, active: tuple[int, ...]) -> None:
    primitive = POINTWISE[name]
    args = arguments(primitive)
    if max(active) >= len(args):
        active = tuple(i for i in active if i < len(args)) or (0,)

    def partial(*chosen: Any) -> Any:
        new = list(args)
        for i, x in zip(active, chosen, strict=True):
            new[i] = x
        return primitive(*new)

    chosen = tuple(args[i] for i in active)
    ones = tuple(np.ones(3) for _ in active)
    _, tangent = ft.jvp(partial, chosen, ones)
    np.testing.assert_allclose(tangent, central(partial, chosen, ones), rtol=1e-8, atol=1e-9)
    gradient = ft.grad(lambda *a: np.sum(partial(*a) * Z), tuple(range(len(active))))(*chosen)
    assert sum(map(np.sum, gradient)) == pytest.approx(np.sum(Z * tangent), rel=1e-12, abs=1e-14)
    batch = tuple(np.stack([a, 2.0 * a, a + 0.1]) for a in chosen)
    np.testing.assert_allclose(
        ft.vmap(partial)(*batch), [partial(*rows) for rows in zip(*batch, strict=True)], rtol=1e-14
    )


@pytest.mark.parametrize("name", [name for name in POINTWISE if POINTWISE[name].arity == 2])
@pytest.mark.parametrize(
    ("left", "right"), [((3,), ()), ((), (3,)), ((2, 3), (3,)), ((3, 1), (1, 2)), ((0, 3), (3,)), ((1,), (3,))]
)
def test_pointwise_primitives_broadcast_in_every_transformation(
    name: str, left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.5, 1.5, left), rng.uniform(0.5, 1.5, right)
    primitive = POINTWISE[name]
    value, pull = ft.vjp(primitive, x, y)
    g = rng.normal(size=value.shape)
    cx, cy = pull(g)
    assert (cx.shape, cy.shape) == (left, right)
    s, t = rng.normal(size=left), rng.normal(size=right)
    _, tangent = ft.jvp(primitive, (x, y), (s, t))
    assert tangent.shape == value.shape
    assert np.sum(cx * s) + np.sum(cy * t) == pytest.approx(np.sum(g * tangent), rel=1e-12, abs=1e-13)
    batched = ft.vmap(primitive)(np.stack([x, x + 1]), np.stack([y, y + 1]))
    np.testing.assert_allclose(batched, np.stack([primitive(x, y), primitive(x + 1, y + 1)]), rtol=1e-15)
    batched = ft.vmap(primitive, (None, 0))(x, np.stack([y, y + 1]))
    np.testing.assert_allclose(batched, np.stack([primitive(x, y), primitive(x, y + 1)]), rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "linear_in"),
    [
        ("x", []), ("ans", []), ("nothing", [(0,)]), ("identity", [(0,)]), ("negation", [(0,)]),
        ("y and x", [(0,), (1,)]), ("difference", [(0,), (1,), (0, 1)]), ("ans and y", [(0,)]),
        ("three", [(0,), (1,), (2,), (0, 2), (1, 2)]), ("three with all", [(2,)]),
    ],
)  # fmt: skip
def test_linearity_is_read_off_the_names_of_the_partials(name: str, linear_in: list[tuple[int, ...]]) -> None:
    primitive = POINTWISE[name]
    subsets = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    found = [s for s in subsets if max(s) < len(primitive.arguments) and primitive.is_linear_in(s)]
    assert found == linear_in
