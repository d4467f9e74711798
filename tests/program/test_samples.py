"""Compiled and eager agree at every sample: the function, its derivatives, its batches, in either order with `jit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite import tree
from tests.cases import Case, all_cases, directions

#: What is computed in the same steps may be summed in another order, and functions of numbers go through `math`, which
#: is within two units of NumPy: a few units in the last place of the largest element, times a few steps.
SAME_STEPS = 64

#: Primitives that move elements and compute nothing.
MOVING = frozenset(
    {"broadcast_to", "concatenate", "convert", "diagonal", "gather", "index", "reshape", "stack", "transpose", "where"}
)

CASES = all_cases()

Form = tuple[str, Callable[..., Any], tuple[Any, ...]]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_compiled_and_eager_agree(case: Case) -> None:
    for name, f, args in _forms(case, case):
        compiled = ft.jit(f)
        expected, actual = f(*args), compiled(*args)
        assert tree.structure(actual) == tree.structure(expected)
        exact = _moves_or_is_elementwise(ft.make_program(f)(*args))
        _assert_agree(actual, expected, 0 if exact else SAME_STEPS, f"jit of {name}")
        again = compiled(*args)
        _assert_agree(again, actual, 0, f"the second call of jit of {name}")


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_transformations_of_compiled_functions_agree_with_those_of_eager_ones(case: Case) -> None:
    forms = zip(_forms(ft.jit(case), case), _forms(case, case), strict=True)
    for (name, of_compiled, args), (_, f, _) in forms:
        _assert_agree(of_compiled(*args), f(*args), SAME_STEPS, f"{name} of jit")


def _forms(f: Callable[..., Any], case: Case) -> Iterator[Form]:
    """Yield a function, its pullback, its derivative along a direction and its batch of two, each with arguments."""
    args, n = case.args, len(case.args)
    t = directions(args, 1)
    g = directions(case(*args), 3)

    def pullback(*values: Any) -> Any:
        return ft.vjp(f, *values[:n])[1](tuple(values[n:]))

    def along(*values: Any) -> Any:
        return ft.jvp(f, values[:n], values[n:])

    yield "f", f, args
    yield "vjp", pullback, (*args, *g)
    yield "jvp", along, (*args, *t)
    yield "vmap", ft.vmap(f), tuple(np.stack([np.asarray(x), 0.99 * np.asarray(x)]) for x in args)


def _moves_or_is_elementwise(program: ft.Program) -> bool:
    """Say whether a program is of elementwise and moving operations on arrays alone, which leave nothing to round."""
    return all(v.shape for v in program.variables()) and all(
        (e.primitive.is_pointwise or e.primitive.name in MOVING) for e in program.equations
    )


def _assert_agree(actual: Any, expected: Any, units: int, what: str) -> None:
    leaves = zip(tree.leaves(actual), tree.leaves(expected), strict=True)
    for i, (y, wanted) in enumerate((np.asarray(a), np.asarray(b)) for a, b in leaves):
        assert (y.dtype, y.shape) == (wanted.dtype, wanted.shape), f"{what} [{i}]"
        if units == 0 or wanted.dtype.kind not in "fc":
            np.testing.assert_array_equal(y, wanted, err_msg=f"{what} [{i}]")
            continue
        allowed = units * float(np.finfo(wanted.dtype).eps) * float(np.max(np.abs(wanted), initial=0.0))
        np.testing.assert_allclose(y, wanted, rtol=0, atol=allowed, err_msg=f"{what} [{i}]")
