"""Pytrees go in and come out of every transformation, and auxiliary output beside them."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])

# --- Pytrees ----------------------------------------------------------------------------------------------------------

Pair = namedtuple("Pair", "first second")


@dataclasses.dataclass
class Parameters:
    weight: Any
    bias: Any


class Box:
    """A registered class."""

    def __init__(self, content: Any) -> None:
        self.content = content


ft.tree.register(Box, lambda box: ((box.content,), None), lambda _, children: Box(*children))

# Trees of the numbers 2 and X, by the kind of their container.
TREES: dict[str, Any] = {
    "bare": X,
    "list": [2.0, X],
    "tuple": (2.0, X),
    "dict": {"b": 2.0, "a": X},
    "OrderedDict": OrderedDict([("z", X), ("a", 2.0)]),
    "namedtuple": Pair(2.0, X),
    "dataclass": Parameters(X, 2.0),
    "registered": Box(X),
    "with None": {"a": X, "b": None, "c": (None, 2.0)},
    "nested": {"layers": [Parameters(X, Pair(2.0, None)), Box({"k": X * 2})]},
    "empty": {},
}


def energy(p: Any) -> Any:
    """The sum of cubes of all leaves."""
    return sum((np.sum(x**3) for x in ft.tree.leaves(p)), 0.0)


@pytest.mark.parametrize("name", TREES)
def test_gradients_have_the_structure_of_their_argument(name: str) -> None:
    p = TREES[name]
    expected = ft.tree.map(lambda x: 3.0 * x**2, p)
    found = [
        ft.grad(energy)(p),
        ft.vjp(energy, p)[1](1.0)[0],
        ft.jacrev(energy)(p),
        ft.jacfwd(energy)(p),
        ft.jacobian(energy)(p),
        ft.hvp(energy, (p,), (p,))[0],
        ft.grad(lambda s, p: s * energy(p), argnums=1)(1.0, p),
        ft.grad(lambda s, p: s * energy(p), argnames=("p", "s"))(1.0, p=p)[0],
        ft.linear_transpose(lambda t: ft.jvp(energy, (p,), (t,))[1], p)(1.0)[0],
    ]
    for g in found:
        assert type(g) is type(p)
        assert ft.tree.structure(g) == ft.tree.structure(p)
        ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), g, expected)


@pytest.mark.parametrize("name", TREES)
def test_results_of_every_structure_are_differentiated(name: str) -> None:
    def g(t: Any) -> Any:
        return ft.tree.map(lambda x: x * t**2, TREES[name])

    t = 1.5
    expected = ft.tree.map(lambda x: x * 2 * t, TREES[name])
    for found in (
        ft.jvp(g, (t,), (1.0,))[1],
        ft.linearize(g, t)[1](1.0),
        ft.jacfwd(g)(t),
        ft.jacrev(g)(t),
        ft.jacobian(g)(t),
        ft.derivative(g)(t),
        ft.value_and_jacobian(g)(t)[1],
        ft.tree.map(lambda x: x[0], ft.vmap(ft.derivative(g))(np.array([t, 2.0]))),
        ft.jvp(ft.checkpoint(g), (t,), (1.0,))[1],
    ):
        assert ft.tree.structure(found) == ft.tree.structure(expected)
        ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), found, expected)
    value, pull = ft.vjp(g, t)
    assert ft.tree.structure(value) == ft.tree.structure(expected)
    (back,) = pull(TREES[name])
    assert back == pytest.approx(2 * t * sum(np.sum(x * x) for x in ft.tree.leaves(TREES[name])))


@pytest.mark.parametrize("name", TREES)
def test_a_jacobian_is_a_tree_of_the_result_of_trees_of_the_argument(name: str) -> None:
    p = TREES[name]

    def g(p: Any) -> Any:
        return {"energy": energy(p), "squares": ft.tree.map(lambda x: x * x, p)}

    for jacobian in (ft.jacfwd(g)(p), ft.jacrev(g)(p), ft.jacobian(g)(p)):
        assert ft.tree.structure(jacobian["energy"]) == ft.tree.structure(p)
        blocks = ft.tree.leaves(jacobian["squares"])
        leaves = ft.tree.leaves(p)
        assert len(blocks) == len(leaves) ** 2
        for i, y in enumerate(leaves):
            for j, x in enumerate(leaves):
                block = blocks[i * len(leaves) + j]
                assert block.shape == np.shape(y) + np.shape(x)
                expected = np.diag(2 * np.atleast_1d(x)).reshape(block.shape) if i == j else np.zeros(block.shape)
                np.testing.assert_allclose(block, expected)


# --- Auxiliary output -------------------------------------------------------------------------------------------------


def with_aux(x: Any) -> Any:
    return np.sum(x**3), {"doubled": 2.0 * x, "note": "text", "nothing": None, "array": np.array([x[0], x[1]])}


def test_auxiliary_output_leaves_as_plain_values() -> None:
    g = 3 * X**2
    pairs = {
        "grad": ft.grad(with_aux, has_aux=True)(X),
        "jacfwd": ft.jacfwd(with_aux, has_aux=True)(X),
        "jacrev": ft.jacrev(with_aux, has_aux=True)(X),
        "jacobian": ft.jacobian(with_aux, has_aux=True)(X),
        "value_and_grad": ft.value_and_grad(with_aux, has_aux=True)(X)[::-1],
        "grad_and_value": ft.grad_and_value(with_aux, has_aux=True)(X),
        "value_and_jacobian": ft.value_and_jacobian(with_aux, has_aux=True)(X)[::-1],
        "jvp": (g, ft.jvp(with_aux, (X,), (X,), has_aux=True)[2]),
        "vjp": (g, ft.vjp(with_aux, X, has_aux=True)[2]),
        "linearize": (g, ft.linearize(with_aux, X, has_aux=True)[2]),
        "hessian": (g, ft.hessian(with_aux, has_aux=True)(X)[1]),
    }
    for name, (derivative, aux) in pairs.items():
        np.testing.assert_allclose(derivative, g, rtol=1e-14, err_msg=name)
        if isinstance(aux, tuple):  # (value, aux)
            assert aux[0] == pytest.approx(np.sum(X**3))
            aux = aux[1]
        np.testing.assert_array_equal(aux["doubled"], 2 * X, err_msg=name)
        assert aux["note"] == "text"
        assert aux["nothing"] is None
        assert aux["array"].dtype == float
        assert not any(map(ft.is_tracer, ft.tree.leaves(aux)))


def test_auxiliary_output_of_an_inner_transformation_is_differentiated_by_the_outer_one() -> None:
    def outer(x: Any) -> Any:
        g, aux = ft.grad(lambda y: (x * y * y, x * y), has_aux=True)(x)
        return g * aux  # 2x² · x²

    assert ft.grad(outer)(2.0) == 8 * 2.0**3
    assert ft.jvp(outer, (2.0,), (1.0,))[1] == 8 * 2.0**3
    np.testing.assert_allclose(ft.vmap(outer)(X), 2 * X**4)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: ft.grad(f, has_aux=True)(X),
        lambda f: ft.vjp(f, X, has_aux=True),
        lambda f: ft.jvp(f, (X,), (X,), has_aux=True),
        lambda f: ft.jacfwd(f, has_aux=True)(X),
        lambda f: ft.jacrev(f, has_aux=True)(X),
        lambda f: ft.hessian(f, has_aux=True)(X),
        lambda f: ft.linearize(f, X, has_aux=True),
    ],
)
def test_auxiliary_output_is_the_second_of_a_pair(transform: Callable[[Any], Any]) -> None:
    for wrong in (np.sum, lambda x: [np.sum(x), 1], lambda x: (np.sum(x), 1, 2)):
        with pytest.raises(TypeError, match=r"has_aux=True.*pair \(output, aux\); it returned a \w+"):
            transform(wrong)
    transform(lambda x: (np.sum(x), [1, 2]))  # the remedy
