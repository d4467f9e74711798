"""Random programs of tensors that mutate, against finite differences and against the same programs without mutation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.tensor.random_programs import Program, random_program, run_pure, run_tensors

SEEDS = range(120)


def leaf_values(program: Program, seed: int) -> list[Any]:
    rng = np.random.default_rng((seed, 11))
    return [rng.uniform(-1.0, 1.0, shape) for shape in program.leaves]


def gradients(program: Program, values: list[Any]) -> tuple[float, list[Any]]:
    """Return the value and the gradients by `backward` of the program with mutation."""
    leaves = [ft.tensor(v.tolist(), requires_grad=True) for v in values]
    loss = run_tensors(program, leaves)
    loss.backward()
    return loss.item(), [x.grad.numpy() for x in leaves]


def frozen(program: Program, values: list[Any]) -> Callable[[], Callable[[Any], Any]]:
    """Record what the program stops the derivative of; return a maker of stops that replay it elsewhere."""
    recorded: list[Any] = []

    def record(x: Any) -> Any:
        recorded.append(np.array(x))
        return x

    run_pure(program, values, record)

    def replay() -> Callable[[Any], Any]:
        again: Iterator[Any] = iter(recorded)
        return lambda x: next(again)

    return replay


@pytest.mark.parametrize("seed", SEEDS)
def test_finite_differences(seed: int) -> None:
    program = random_program(seed)
    values = leaf_values(program, seed)
    value, computed = gradients(program, values)
    replay = frozen(program, values)
    assert value == pytest.approx(run_pure(program, values, replay()), rel=1e-12, abs=1e-12), str(program)
    rng = np.random.default_rng((seed, 5))
    for _ in range(2):
        directions = [rng.uniform(-1.0, 1.0, v.shape) for v in values]
        step = 1e-5
        up, down = (
            run_pure(program, [v + s * d for v, d in zip(values, directions, strict=True)], replay())
            for s in (step, -step)
        )
        slope = sum(float(np.sum(g * d)) for g, d in zip(computed, directions, strict=True))
        scale = max(1.0, abs(value), max(float(np.max(np.abs(g))) for g in computed))
        # central differences: h² f''' / 6 and ε f / h, both near 1e-10 of the scale, with room for large f'''
        assert slope == pytest.approx((up - down) / (2 * step), abs=1e-6 * scale), str(program)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_program_without_mutation(seed: int) -> None:
    program = random_program(seed)
    values = leaf_values(program, seed)
    _, computed = gradients(program, values)
    pure = ft.grad(lambda v: run_pure(program, v, ft.stop_gradient))(values)
    for actual, expected in zip(computed, pure, strict=True):
        scale = max(1.0, float(np.max(np.abs(expected))))
        # the sums are taken in another order
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12 * scale, err_msg=str(program))


@pytest.mark.parametrize("seed", range(40))
def test_hessian_vector_products(seed: int) -> None:
    program = random_program(seed)
    values = leaf_values(program, seed)
    rng = np.random.default_rng((seed, 6))
    directions = [rng.uniform(-1.0, 1.0, v.shape) for v in values]
    leaves = [ft.tensor(v.tolist(), requires_grad=True) for v in values]
    first = ft.autograd.grad(run_tensors(program, leaves), leaves, create_graph=True, materialize_grads=True)
    product = sum((g * ft.tensor(d.tolist())).sum() for g, d in zip(first, directions, strict=True))
    second = [np.zeros(v.shape) for v in values]
    if product.requires_grad:
        found = ft.autograd.grad(product, leaves, materialize_grads=True)
        second = [h.numpy() for h in found]
    _, expected = ft.jvp(ft.grad(lambda v: run_pure(program, v, ft.stop_gradient)), (values,), (directions,))
    for actual, wanted in zip(second, expected, strict=True):
        scale = max(1.0, float(np.max(np.abs(wanted))))
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-11 * scale, err_msg=str(program))


def test_programs_mutate() -> None:
    """The programs are not harmless: all instructions occur, often on views."""
    names: dict[str, int] = {}
    views = 0
    for seed in SEEDS:
        program = random_program(seed)
        for name, *args in program.instructions:
            names[name] = names.get(name, 0) + 1
            if name in ("in place", "assign"):
                views += program.buffers.count(program.buffers[args[1]]) > 1
    assert min(names.values()) >= 40
    assert views >= 100
