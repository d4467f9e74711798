"""What is handed from the forward to the backward program, and what is computed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.program.derivation import cut
from functorch_lite.program.program import Program, Variable
from functorch_lite.program.recomputation import DEEPEST, SMALLEST, recomputed

RNG = np.random.default_rng(3)
X, Y, W = RNG.normal(size=(40, 30)), RNG.normal(size=(40, 30)), RNG.normal(size=(30, 30))
#: The bytes of X, and of a mask of its shape.
WHOLE, MASK = X.nbytes, X.size


def _halves(f: Callable[..., Any], *args: Any) -> tuple[tuple[Program, Program], tuple[Program, Program]]:
    """Return forward and backward program of a function of one result, without recomputation and with it."""

    def joint(*leaves: Any) -> Any:
        y, pull = ft.vjp(f, *leaves[:-1])
        return (y, *pull(leaves[-1]))

    program = ft.jit(joint).program(*args, np.asarray(f(*args)))
    halves = cut(program, program.inputs[len(args) :], 1)
    return halves, recomputed(*halves, 1)


def _kept(first: Program) -> int:
    return sum(a.nbytes for a in first.outputs[1:] if isinstance(a, Variable))


#: A function, its arguments, the bytes handed over without recomputation and with it.
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], int, int]] = {
    "two masks of a byte an element, not a slope of eight": (
        lambda x: np.maximum(np.sin(x), 0.0),
        (X,),
        2 * WHOLE,
        WHOLE + 2 * MASK,
    ),
    "slopes by the argument alone": (lambda x: np.maximum(x * x + x, 0.0), (X,), 2 * WHOLE, WHOLE),
    "a slope beside its function": (lambda x, y: np.tanh(x) * y, (X, Y), 3 * WHOLE, 2 * WHOLE),
    "an exponential": (lambda x: np.exp(x), (X,), WHOLE, WHOLE),
    "of small arrays everything": (
        lambda x: np.maximum(np.sin(x), 0.0),
        (X[:3],),
        2 * X[:3].nbytes,
        2 * X[:3].nbytes,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_less_is_handed_over_and_the_results_have_the_same_bits(name: str) -> None:
    f, args, before, after = CASES[name]
    halves, better = _halves(f, *args)
    assert (_kept(halves[0]), _kept(better[0])) == (before, after)
    g = RNG.normal(size=np.shape(f(*args)))
    y, *residuals = halves[0](*args)
    z, *others = better[0](*args)
    np.testing.assert_array_equal(y, z)
    for a, b in zip(halves[1](*residuals, g), better[1](*others, g), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def test_the_halves_of_a_compiled_call_hand_over_less() -> None:
    layer = ft.jit(lambda x, w: np.tanh(np.maximum(x @ w, 0.0) @ w))
    _, pull = ft.vjp(layer, X, W)
    (entry,) = layer._entries.values()
    (found,) = (value for key, value in entry.derived.items() if key[0] == "reverse")
    forward, backward = (half.program for half in found[0])
    # x and w, the first product, of which the maximum and its masks are made again, and the slope of tanh.
    assert _kept(forward) == X.nbytes + W.nbytes + 2 * WHOLE
    assert "where" in str(backward)
    assert not {"where", "eq", "greater"} & {e.primitive.name for e in forward.equations}
    for a, b in zip(pull(Y), ft.vjp(layer.f, X, W)[1](Y), strict=True):
        # The same products, of arrays that may lie in memory otherwise: rounding of sums of thirty products.
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_what_is_computed_again_is_no_deeper_than_said() -> None:
    def f(x: Any) -> Any:
        for _ in range(100):
            x = x * x - 0.5
        return x

    halves, better = _halves(f, X / 100)
    kept = len(better[0].outputs)
    assert 200 // (DEEPEST + 1) <= kept < len(halves[0].outputs) // 2
    y, *residuals = halves[0](X / 100)
    _, *others = better[0](X / 100)
    np.testing.assert_array_equal(halves[1](*residuals, y)[0], better[1](*others, y)[0])


def test_a_view_is_made_again_of_what_it_shows() -> None:
    first = Program.parse(
        """
        program f(a: float64[40,30]):
            b: float64[40,30] = exp(a)
            c: float64[30,40] = transpose(b, axes=(1, 0))
            return b, c
        """
    )
    second = Program.parse(
        """
        program g(a: float64[30,40], b: float64[30,40]):
            c: float64[30,40] = mul(a, b)
            return c
        """
    )
    second = Program((first.outputs[1], second.inputs[1]), (), (first.outputs[1],))
    shorter, longer = recomputed(first, second, 1)
    assert [e.primitive.name for e in longer.equations] == ["transpose"]
    assert shorter.outputs == (first.outputs[0], first.outputs[0])
    assert first.outputs[0].nbytes >= SMALLEST
