"""Random programs under random transformations.

A program is a list of steps; each step takes one or two values made before (or a constant) and gives another. All steps
are smooth, bounded and defined everywhere, so that programs of any length have derivatives of moderate size.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import functorch_lite as ft

#: Programs are random already: a few of them a run, and no deadline for the first, which fills caches.
modest = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Function: TypeAlias = Callable[[Any], Any]

X = np.array([0.4, -0.8, 1.2])
U = np.array([1.0, -0.5, 0.3])
V = np.array([-0.2, 0.7, 0.9])
MATRIX = np.array([[0.5, -0.3, 0.2], [0.1, 0.8, -0.6], [-0.4, 0.2, 0.7]])

# Steps of one value of any shape.
UNARY: dict[str, Function] = {
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "arctan": np.arctan,
    "negative": lambda x: -x,
    "half": lambda x: 0.5 * x,
    "shift": lambda x: x + 0.3,
    "gauss": lambda x: np.exp(-x * x),
    "root": lambda x: np.sqrt(x * x + 1.0),
    "log": lambda x: np.log(1.0 + x * x),
    "rational": lambda x: x / (1.0 + x**2),
    "log1p of exp": lambda x: np.logaddexp(x, 0.0) - 0.7,
    "sum": lambda x: np.tanh(np.sum(x)),
    "mean": lambda x: np.mean(x),
    "weighted norm": lambda x: np.sqrt(1.0 + np.sum(x * x)) - 1.0,
    "flip": lambda x: np.flip(x),
    "transpose": lambda x: x.T,
    "ravel": lambda x: x.ravel(),
    "cumsum": lambda x: np.tanh(np.cumsum(x)),
    "first": lambda x: x.ravel()[:1],
    "element": lambda x: x.ravel()[-1],
    "every other": lambda x: x.ravel()[::2],
    "gather": lambda x: x.ravel()[np.array([0, -1, 0])],
    "column": lambda x: x.ravel()[:, None],
    "repeat": lambda x: np.concatenate([x.ravel(), 0.5 * x.ravel()])[:4],
    "collect": lambda x: np.array([x.ravel()[0], 0.25, x.ravel()[-1]]) * np.cos(x.ravel()[0]),
    "where": lambda x: np.where(x > 0.1, np.sin(x), -np.sin(-x)),
    "clip of nothing": lambda x: np.clip(x, -1e3, 1e3),
    "in place": lambda x: raised(x),
    "solve": lambda x: np.linalg.solve(MATRIX + 2.0 * np.eye(3), three(x)),
    "weights": lambda x: np.sum(MATRIX * three(x), axis=1),
    "checkpoint": ft.checkpoint(lambda x: np.sin(x) * x / (1.0 + x * x)),
    "derivative": lambda x: ft.grad(lambda y: np.sum(np.sin(y) * np.cos(x)))(x),
    "tangent": lambda x: ft.jvp(np.tanh, (x,), (np.cos(x),))[1],
    "pullback": lambda x: ft.vjp(np.arctan, x)[1](np.sin(x))[0],
    "batch": lambda x: ft.vmap(lambda a: np.sin(a) * np.mean(x))(x.ravel()),
}


def raised(x: Any) -> Any:
    y = np.zeros(np.shape(x))
    y += x
    y *= 0.5
    return y


def three(x: Any) -> Any:
    """Return three numbers made of an array of any shape."""
    return np.stack([np.mean(x), x.ravel()[0], x.ravel()[-1]])


@ft.custom_jvp
def wave(x: Any) -> Any:
    return np.sin(2.0 * x)


wave.defjvp(lambda primals, tangents: (wave(*primals), 2.0 * np.cos(2.0 * primals[0]) * tangents[0]))


@ft.custom_vjp
def bell(x: Any) -> Any:
    return np.exp(-x * x / 2.0)


bell.defvjp(lambda x: (bell(x), x), lambda x, g: (-x * bell(x) * g,))
UNARY |= {"custom_jvp": wave, "custom_vjp": bell}

# Steps of two values whose shapes broadcast.
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: np.tanh(x) * y,
    "divide": lambda x, y: x / (1.5 + np.sin(y)),
    "power": lambda x, y: (1.0 + x * x) ** np.tanh(y) - 1.0,
    "arctan2": lambda x, y: np.arctan2(x, 2.0 + np.tanh(y)),
    "hypot": lambda x, y: np.hypot(x, 1.0 + y * y) - 1.0,
    "choose": lambda x, y: np.where(np.arange(np.shape(y + x)[-1]) % 2 if np.ndim(x + y) else True, x * 0.9, y),
    "logaddexp": lambda x, y: np.logaddexp(x, y) - 0.6,
}

# What a step reads: a value made before by its distance, or a constant.
CONSTANTS = (0.7, np.float64(-0.4), np.array([0.2, -0.6, 0.9]), np.ones((2, 1)) * 0.3)


@dataclass(frozen=True)
class Step:
    """One application; ``sources`` are distances back (from 0), negative ones constants."""

    name: str
    sources: tuple[int, ...]


unary = st.builds(lambda name, i: Step(name, (i,)), st.sampled_from(sorted(UNARY)), st.integers(0, 2))
binary = st.builds(
    lambda name, i, j: Step(name, (i, j)), st.sampled_from(sorted(BINARY)), st.integers(0, 2), st.integers(-4, 3)
)
programs = st.lists(unary | binary, min_size=3, max_size=12).map(tuple)


def run(program: tuple[Step, ...], x: Any) -> Any:
    """Run a program; a binary step whose operands do not broadcast (or grow beyond 50 elements) is left out."""
    values = [x]
    for step in program:
        operands = [values[-1 - i % len(values)] if i >= 0 else CONSTANTS[i] for i in step.sources]
        if len(operands) == 1:
            values.append(UNARY[step.name](operands[0]))
            continue
        try:
            shape = np.broadcast_shapes(*map(np.shape, operands))
        except ValueError:
            continue
        if np.prod(shape) <= 50:
            values.append(BINARY[step.name](*operands))
    return values[-1]


def scalar(program: tuple[Step, ...]) -> Function:
    """Return the program with a weighted sum behind it."""

    def f(x: Any) -> Any:
        y = run(program, x)
        weights = np.cos(np.arange(np.size(y), dtype=float)).reshape(np.shape(y))
        return np.sum(y * weights)

    return f


def close(a: Any, b: Any, tolerance: float = 1e-10) -> None:
    scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale)


@given(programs)
@modest
def test_forward_mode_agrees_with_differences(program: tuple[Step, ...]) -> None:
    f = scalar(program)
    rough, fine = ((f(X + h * U) - f(X - h * U)) / (2 * h) for h in (2e-3, 1e-3))
    # Richardson's error is of the order of h⁴ times the fifth derivative, which long programs make large
    close(ft.jvp(f, (X,), (U,))[1], (4 * fine - rough) / 3, 1e-5)


@given(programs)
@modest
def test_forward_and_reverse_mode_agree(program: tuple[Step, ...]) -> None:
    f = lambda x: run(program, x)
    value, tangent = ft.jvp(f, (X,), (U,))
    out, pull = ft.vjp(f, X)
    np.testing.assert_array_equal(out, value)
    g = np.sin(1.0 + np.arange(np.size(out), dtype=float)).reshape(np.shape(out))
    close(np.sum(g * tangent), np.sum(pull(g)[0] * U))
    _, push = ft.linearize(f, X)
    close(push(U), tangent)
    close(ft.jacfwd(f)(X), ft.jacrev(f)(X))


@given(programs)
@modest
def test_a_batch_agrees_with_a_loop(program: tuple[Step, ...]) -> None:
    f = lambda x: run(program, x)
    batch = np.stack([X, V, X * U, -X])
    close(ft.vmap(f)(batch), np.stack([f(x) for x in batch]), 1e-12)
    close(ft.vmap(ft.grad(scalar(program)))(batch), np.stack([ft.grad(scalar(program))(x) for x in batch]))
    close(ft.vmap(f, chunk_size=3)(batch), np.stack([f(x) for x in batch]), 1e-12)


@given(programs)
@modest
def test_hessians_are_symmetric_and_the_same_by_all_pairs_of_modes(program: tuple[Step, ...]) -> None:
    f = scalar(program)
    h = ft.hessian(f)(X)
    close(h, h.T, 1e-9)
    for outer, inner in itertools.product((ft.jacfwd, ft.jacrev), repeat=2):
        close(outer(inner(f))(X), h, 1e-9)
    close(ft.hvp(f, (X,), (U,))[1], np.sum(h * U, axis=1), 1e-9)
    close(ft.vhp(f, (X,), (U,))[1], np.sum(h * U, axis=1), 1e-9)
    close(ft.hessian_diag(f)(X), np.diag(h), 1e-9)


@given(programs)
@modest
def test_nested_tangents_are_symmetric_and_agree_with_the_hessian(program: tuple[Step, ...]) -> None:
    f = scalar(program)

    def second(u: Any, v: Any) -> Any:
        return ft.jvp(lambda x: ft.jvp(f, (x,), (u,))[1], (X,), (v,))[1]

    close(second(U, V), second(V, U), 1e-9)
    close(second(U, V), np.sum(ft.hvp(f, (X,), (U,))[1] * V), 1e-9)


@given(programs)
@modest
def test_checkpoints_and_custom_rules_change_nothing(program: tuple[Step, ...]) -> None:
    f = scalar(program)
    by_jvp, by_vjp = ft.custom_jvp(f), ft.custom_vjp(f)
    by_jvp.defjvp(lambda primals, tangents: ft.jvp(f, primals, tangents))
    by_vjp.defvjp(lambda x: (f(x), x), lambda x, g: ft.vjp(f, x)[1](g))
    expected = ft.grad(f)(X), ft.hessian(f)(X)
    for g in (ft.checkpoint(f), by_jvp, by_vjp):
        close(ft.grad(g)(X), expected[0])
        close(ft.jacfwd(g)(X), expected[0])
        close(ft.hessian(g)(X), expected[1], 1e-9)
        close(ft.vmap(ft.grad(g))(np.stack([X, V]))[0], expected[0])


# Transformations of a scalar function of a vector into another: random nests of them act on a random program.
NESTED: dict[str, Callable[[Function], Function]] = {
    "grad": lambda f: lambda x: np.sum(ft.grad(f)(x) * V),
    "jvp": lambda f: lambda x: ft.jvp(f, (x,), (V,))[1],
    "jacfwd": lambda f: lambda x: np.sum(ft.jacfwd(f)(x) * V),
    "jacrev": lambda f: lambda x: np.sum(ft.jacrev(f)(x) * V),
    "linearize": lambda f: lambda x: ft.linearize(f, x)[1](V),
    "vmap of jvp": lambda f: lambda x: ft.vmap(lambda v: ft.jvp(f, (x,), (v,))[1])(np.stack([U, V]))[1],
    "grad of vmap": lambda f: (
        lambda x: np.sum(ft.grad(lambda b: np.sum(ft.vmap(f)(b) * U[:2]))(np.stack([U, x]))[1] * V) / U[1]
    ),
    "checkpointed grad": lambda f: lambda x: np.sum(ft.grad(ft.checkpoint(f))(x) * V),
    "transpose": lambda f: lambda x: np.sum(ft.linear_transpose(lambda t: ft.jvp(f, (x,), (t,))[1], x)(1.0)[0] * V),
}


@given(
    st.lists(unary | binary, min_size=3, max_size=6).map(tuple),
    st.lists(st.sampled_from(sorted(NESTED)), min_size=1, max_size=3),
)
@modest
def test_random_nests_of_derivatives_agree_with_forward_mode(program: tuple[Step, ...], nest: list[str]) -> None:
    found = expected = scalar(program)
    for name in nest:
        found, expected = NESTED[name](found), NESTED["jvp"](expected)
    close(found(X), expected(X), 1e-8)
