"""Which arguments a transformation acts on: by position, by name, or neither."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

X = np.array([0.3, -0.7, 1.1])


def f(a: Any, b: Any, *, scale: Any = 1.0) -> Any:
    """A function whose derivatives by a, b and scale at (2, 3, scale=5) are 45, 60 and 18."""
    return scale * a * b**2


# Ways to select arguments of f, and the derivatives that they give.
SELECTIONS: dict[str, tuple[dict[str, Any], Any]] = {
    "default": ({}, 45.0),
    "int": ({"argnums": 1}, 60.0),
    "NumPy int": ({"argnums": np.int64(1)}, 60.0),
    "negative": ({"argnums": -1}, 60.0),
    "negative first": ({"argnums": -2}, 45.0),
    "tuple": ({"argnums": (0, 1)}, (45.0, 60.0)),
    "reversed": ({"argnums": (1, 0)}, (60.0, 45.0)),
    "tuple of one": ({"argnums": (1,)}, (60.0,)),
    "list": ({"argnums": [0, 1]}, (45.0, 60.0)),
    "negative tuple": ({"argnums": (-1, 0)}, (60.0, 45.0)),
    "empty": ({"argnums": ()}, ()),
    "name": ({"argnames": "scale"}, 18.0),
    "names": ({"argnames": ("scale",)}, (18.0,)),
    "list of names": ({"argnames": ["scale", "a"]}, (18.0, 45.0)),
    "positional by name": ({"argnames": "b"}, 60.0),
    "names and positions mixed": ({"argnames": ("b", "scale", "a")}, (60.0, 18.0, 45.0)),
}

# Transformations that take argnums and argnames, reduced to the derivative that they contain.
SELECTING: dict[str, Callable[..., Callable[..., Any]]] = {
    "grad": ft.grad,
    "value_and_grad": lambda f, **kw: lambda *a, **k: ft.value_and_grad(f, **kw)(*a, **k)[1],
    "grad_and_value": lambda f, **kw: lambda *a, **k: ft.grad_and_value(f, **kw)(*a, **k)[0],
    "jacfwd": ft.jacfwd,
    "jacrev": ft.jacrev,
    "jacobian": ft.jacobian,
    "value_and_jacobian": lambda f, **kw: lambda *a, **k: ft.value_and_jacobian(f, **kw)(*a, **k)[1],
}


@pytest.mark.parametrize("transform", SELECTING)
@pytest.mark.parametrize("name", SELECTIONS)
def test_arguments_are_selected_by_position_and_by_name(name: str, transform: str) -> None:
    selection, expected = SELECTIONS[name]
    found = SELECTING[transform](f, **selection)(2.0, 3.0, scale=5.0)
    assert ft.tree.structure(found) == ft.tree.structure(expected)
    np.testing.assert_allclose(np.array(ft.tree.leaves(found)), ft.tree.leaves(expected), rtol=1e-14)


@pytest.mark.parametrize("name", SELECTIONS)
def test_a_hessian_has_a_block_for_each_pair_of_selected_arguments(name: str) -> None:
    selection, expected = SELECTIONS[name]
    blocks = ft.hessian(f, **selection)(2.0, 3.0, scale=5.0)
    nested = ft.jacrev(ft.grad(f, **selection), **selection)(2.0, 3.0, scale=5.0)
    assert ft.tree.structure(blocks) == ft.tree.structure(nested)
    assert len(ft.tree.leaves(blocks)) == len(ft.tree.leaves(expected)) ** 2
    np.testing.assert_allclose(np.array(ft.tree.leaves(blocks)), ft.tree.leaves(nested), rtol=1e-13)


def test_names_reach_arguments_taken_by_star() -> None:
    assert ft.grad(lambda a, **rest: a * rest["b"] ** 2, argnames="b")(2.0, b=3.0) == 12.0
    assert ft.grad(lambda *args: args[0] * args[2], argnums=(2, 0))(2.0, 3.0, 4.0) == (2.0, 4.0)


def test_a_name_selects_an_argument_of_a_method_and_of_a_ufunc() -> None:
    class Model:
        def loss(self, w: Any, x: Any) -> Any:
            return w * w * x

    assert ft.grad(Model().loss, argnames="w")(3.0, 2.0) == 12.0
    assert ft.grad(Model().loss, argnames="w")(w=3.0, x=2.0) == 12.0


@pytest.mark.parametrize("selection", [{"argnums": (0, 0)}, {"argnums": (0, -2)}, {"argnames": ("a", "a")}])
def test_an_argument_selected_twice_is_refused(selection: dict[str, Any]) -> None:
    # one of the two would silently have a gradient of zero
    with pytest.raises(ValueError, match=r"f.*twice"):
        ft.grad(f, **selection)(2.0, 3.0)


@pytest.mark.parametrize("transform", SELECTING)
@pytest.mark.parametrize("argnums", [2, -3, (0, 5)])
def test_a_position_out_of_range_is_named(transform: str, argnums: Any) -> None:
    with pytest.raises(
        ValueError, match=r"argnums=(2|-3|5) is out of range: f was called with 2 positional arguments.*argnames"
    ):
        SELECTING[transform](f, argnums=argnums)(2.0, 3.0)
    assert SELECTING[transform](f, argnames="scale")(2.0, 3.0, scale=1.0) == 18.0  # the remedy


@pytest.mark.parametrize("transform", SELECTING)
def test_a_name_that_was_not_passed_is_named(transform: str) -> None:
    for name in ("scale", "unknown"):
        with pytest.raises(ValueError, match=f"f was called without an argument named '{name}'"):
            SELECTING[transform](f, argnames=name)(2.0, 3.0)


@pytest.mark.parametrize("argnums", [1.0, "a", "ab", (0, "b"), None, 1.5])
def test_argnums_that_are_no_positions_are_refused(argnums: Any) -> None:
    with pytest.raises(TypeError, match="argnums"):
        ft.grad(f, argnums)(2.0, 3.0)


@pytest.mark.parametrize("argnames", [0, (0,), ("a", 1)])
def test_argnames_that_are_no_names_are_refused(argnames: Any) -> None:
    with pytest.raises(TypeError, match="argnames"):
        ft.grad(f, argnames=argnames)(2.0, 3.0)


def test_transformations_keep_the_name_and_the_documentation_of_the_function() -> None:
    for transform in (*SELECTING.values(), ft.hessian, ft.vmap, ft.checkpoint, ft.hessian_diag, ft.derivative):
        if transform in (SELECTING["value_and_grad"], SELECTING["grad_and_value"], SELECTING["value_and_jacobian"]):
            continue
        assert transform(f).__name__ == "f"
        assert transform(f).__doc__ == f.__doc__


def test_callables_without_a_name_are_transformed_and_named_by_their_class() -> None:
    class Energy:
        def __call__(self, x: Any) -> Any:
            return x * x

    assert ft.grad(Energy())(3.0) == 6.0
    assert ft.vmap(ft.jacfwd(Energy()))(X) is not None
    with pytest.raises(TypeError, match=r"Energy returned shape \(3,\)"):
        ft.grad(Energy())(X)
