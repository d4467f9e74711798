"""Transformations nest to any depth, in any order.

Each transformation here turns an elementwise function into another one, and a polynomial into another one: where the
function computes a polynomial, a nest of transformations computes the polynomial that the nest of operators gives,
which is known exactly. Most of them close over the outer variable, which confused perturbations would show.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from math import factorial
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.polynomial import Polynomial

import functorch_lite as ft

Function: TypeAlias = Callable[[Any], Any]

#: The identity, as a polynomial.
IDENTITY = Polynomial([0.0, 1.0])


@dataclass(frozen=True)
class Level:
    """A transformation of elementwise functions, and what it does to the polynomial that they compute."""

    transform: Callable[[Function], Function]
    operator: Callable[[Polynomial], Polynomial]


def summed(f: Function) -> Function:
    return lambda x: np.sum(f(x))


def last(matrix: Any, x: Any) -> Any:
    """Sum over the axes of the argument: the diagonal of the Jacobian of an elementwise function."""
    return matrix.sum(tuple(range(-np.ndim(x), 0)))


def by_custom_jvp(f: Function) -> Function:
    """f(x) · x, with a forward rule for both factors."""

    @ft.custom_jvp
    def product(y: Any, x: Any) -> Any:
        return f(y) * x

    @product.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        value, pushed = ft.jvp(f, primals[:1], tangents[:1])
        return value * primals[1], pushed * primals[1] + value * tangents[1]

    return lambda x: product(x, x)


def by_custom_vjp(f: Function) -> Function:
    """f(x) · x, with a reverse rule for both factors."""

    @ft.custom_vjp
    def product(y: Any, x: Any) -> Any:
        return f(y) * x

    def backward(residuals: Any, g: Any) -> Any:
        y, x = residuals
        value, pull = ft.vjp(f, y)
        return pull(g * x)[0], g * value

    product.defvjp(lambda y, x: (f(y) * x, (y, x)), backward)
    return lambda x: product(x, x)


def derived(p: Polynomial) -> Polynomial:
    return p.deriv()


def derived_times_x(p: Polynomial) -> Polynomial:
    return p.deriv() * IDENTITY


LEVELS: dict[str, Level] = {
    "grad": Level(lambda f: ft.grad(summed(f)), derived),
    "grad closing": Level(lambda f: lambda x: ft.grad(lambda y: np.sum(f(y) * x))(x), derived_times_x),
    "vjp": Level(lambda f: lambda x: ft.vjp(f, x)[1](x)[0], derived_times_x),
    "jvp": Level(lambda f: lambda x: ft.jvp(f, (x,), (x,))[1], derived_times_x),
    "jvp closing": Level(lambda f: lambda x: ft.jvp(lambda y: f(y) * x, (x,), (np.ones_like(x),))[1], derived_times_x),
    "vmap": Level(lambda f: lambda x: ft.vmap(f)(np.stack([x, 0.5 * x]))[1], lambda p: p(0.5 * IDENTITY)),
    "vmap closing": Level(
        lambda f: lambda x: np.sum(ft.vmap(lambda a: f(a * x), out_axes=-1)(np.array([1.0, 0.5])), axis=-1),
        lambda p: p + p(0.5 * IDENTITY),
    ),
    "jacfwd": Level(lambda f: lambda x: last(ft.jacfwd(f)(x), x), derived),
    "jacrev": Level(lambda f: lambda x: last(ft.jacrev(lambda y: f(y) * x)(x), x), derived_times_x),
    "hessian": Level(lambda f: lambda x: last(ft.hessian(summed(f))(x), x), lambda p: p.deriv(2)),
    "hvp": Level(lambda f: lambda x: ft.hvp(summed(f), (x,), (x,))[1], lambda p: p.deriv(2) * IDENTITY),
    "linearize": Level(lambda f: lambda x: ft.linearize(f, x)[1](x), derived_times_x),
    "transpose": Level(
        lambda f: lambda x: ft.linear_transpose(lambda t: ft.jvp(f, (x,), (t,))[1], x)(x)[0], derived_times_x
    ),
    "checkpoint": Level(lambda f: ft.checkpoint(f), lambda p: p),
    "checkpoint closing": Level(lambda f: lambda x: ft.checkpoint(lambda y: f(y) * x)(x), lambda p: p * IDENTITY),
    "custom_jvp": Level(by_custom_jvp, lambda p: p * IDENTITY),
    "custom_vjp": Level(by_custom_vjp, lambda p: p * IDENTITY),
}

#: One of each kind, for the nests of four.
KINDS = ("grad closing", "jvp", "vmap closing", "jacfwd", "hessian", "checkpoint closing", "custom_jvp", "custom_vjp")

#: Its derivatives of every order are of the same size.
COEFFICIENTS = np.array([(-1.0) ** (k // 2) / factorial(k) for k in range(11)])
POLYNOMIAL = Polynomial(COEFFICIENTS)


def horner(x: Any) -> Any:
    y = COEFFICIENTS[-1]
    for c in COEFFICIENTS[-2::-1]:
        y = y * x + c
    return y


def broadcast(x: Any) -> Any:
    return np.sum(COEFFICIENTS * x[..., None] ** np.arange(11), axis=-1)


def logarithmic(x: Any) -> Any:
    logarithm = np.log(x)
    return COEFFICIENTS[0] + sum(c * np.exp(k * logarithm) for k, c in enumerate(COEFFICIENTS) if k)


def running(x: Any) -> Any:
    """Sum by a cumulative product, a reversal and a concatenation."""
    powers = np.cumprod(np.stack([x] * 10), axis=0)
    terms = np.concatenate([np.ones_like(x)[None], powers])
    return np.sum((terms.T * COEFFICIENTS).T[::-1], axis=0)


PROGRAMS: dict[str, Function] = {
    "horner": horner,
    "broadcast": broadcast,
    "logarithmic": logarithmic,
    "running": running,
}

POINTS: dict[str, Any] = {"scalar": np.float64(0.9), "vector": np.array([0.6, 1.1])}


def disagreement(nest: tuple[str, ...], program: Function, x: Any) -> str | None:
    """Apply a nest of levels, the first outermost; say how the result differs from the polynomial's, if it does."""
    function, polynomial = program, POLYNOMIAL
    for name in reversed(nest):
        function, polynomial = LEVELS[name].transform(function), LEVELS[name].operator(polynomial)
    expected = polynomial(x)
    # Sums of terms of size one cancel, the more so the more derivatives `logarithmic` takes of powers by exp and log.
    scale = max(1.0, float(np.max(np.abs(polynomial.coef))))
    try:
        found = function(x)
    except Exception as error:  # noqa: BLE001 - reported with the nest that raised it
        return f"{' of '.join(nest)}: {type(error).__name__}: {error}"
    if np.shape(found) != np.shape(x):
        return f"{' of '.join(nest)}: shape {np.shape(found)} for {np.shape(x)}"
    if not np.allclose(found, expected, rtol=1e-9, atol=1e-10 * scale):
        return f"{' of '.join(nest)}: {found} for {expected}"
    return None


def all_agree(nests: Any, program: Function, x: Any) -> None:
    wrong = [message for nest in nests if (message := disagreement(nest, program, x)) is not None]
    assert not wrong, f"{len(wrong)} nests, of which:\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_and_single_transformations(program: str, point: str) -> None:
    all_agree([(), *((name,) for name in LEVELS)], PROGRAMS[program], POINTS[point])


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_all_pairs(program: str, point: str) -> None:
    all_agree(itertools.product(LEVELS, repeat=2), PROGRAMS[program], POINTS[point])


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("outermost", KINDS)
def test_triples_of_one_of_each_kind(outermost: str, point: str) -> None:
    nests = [(outermost, *inner) for inner in itertools.product(KINDS, repeat=2)]
    all_agree(nests, horner, POINTS[point])


@pytest.mark.slow
@pytest.mark.parametrize("outermost", LEVELS)
def test_all_triples(outermost: str) -> None:
    nests = [(outermost, *inner) for inner in itertools.product(LEVELS, repeat=2)]
    all_agree(nests, horner, POINTS["scalar"])


def test_a_sample_of_quadruples() -> None:
    choose = np.random.default_rng(0)
    for program, x in itertools.product(PROGRAMS.values(), POINTS.values()):
        all_agree([tuple(choose.choice(list(LEVELS), 4)) for _ in range(10)], program, x)


@pytest.mark.slow
@pytest.mark.parametrize("outermost", KINDS)
def test_all_quadruples_of_one_of_each_kind(outermost: str) -> None:
    nests = [(outermost, *inner) for inner in itertools.product(KINDS, repeat=3)]
    all_agree(nests, horner, POINTS["scalar"])


def test_five_and_six_levels() -> None:
    for name in LEVELS:
        if name not in ("hessian", "hvp", "jacfwd", "jacrev"):  # matrices of matrices of matrices …
            all_agree([(name,) * 5], horner, POINTS["vector"])
    all_agree(
        [tuple(np.random.default_rng(i).permutation(list(KINDS))[:6]) for i in range(10)], horner, POINTS["scalar"]
    )
