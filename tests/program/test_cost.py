"""Costs are what a person counts by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.nn.functional as F  # noqa: N812 - PyTorch's name
from tests.cases import Case, all_cases

A, B, V = np.ones((3, 4)), np.ones((4, 5)), np.ones(4)
IMAGES, FILTERS, OF_CONVOLUTION = np.ones((2, 3, 9, 9)), np.ones((5, 3, 3, 4)), 2 * (2 * 5 * 7 * 6) * (3 * 3 * 4)


@pytest.mark.parametrize(
    ("f", "args", "flops"),
    [
        (lambda x: np.sin(x) * 2.0 + x, (V,), 3 * 4),
        (lambda x: np.sum(x), (A,), 12),
        (lambda x, y: x @ y, (A, B), 2 * 3 * 4 * 5),
        (lambda x, y: x @ y, (A, V), 2 * 3 * 4),
        (lambda x, y: x @ y, (np.ones((7, 3, 4)), B), 2 * 7 * 3 * 4 * 5),
        (lambda x, y: np.einsum("bij,bjk->bik", x, y), (np.ones((2, 3, 4)), np.ones((2, 4, 5))), 2 * 2 * 3 * 4 * 5),
        (lambda x, y: np.outer(x, y), (V, V), 16),
        (lambda x: np.linalg.inv(x), (np.eye(6),), 2 * 6**3),
        (lambda a, b: np.linalg.solve(a, b), (np.eye(6), np.ones((6, 2))), 2 * 6**3 // 3 + 2 * 36 * 2),
        (lambda x: x.T.reshape(2, 6)[:, 1:], (A,), 0),
        (lambda x: np.concatenate([x, x]), (V,), 0),
        (lambda x: np.var(x), (V,), 16),
        (F.conv2d, (IMAGES, FILTERS), OF_CONVOLUTION),
        (lambda x, w: F.conv_transpose2d(x, w), (np.ones((2, 5, 7, 6)), FILTERS), OF_CONVOLUTION),
        # The value and its derivative by the filters.
        (lambda x: ft.grad(lambda w: F.conv2d(x, w).sum())(FILTERS), (IMAGES,), 2 * OF_CONVOLUTION + 2 * 5 * 7 * 6),
    ],
)
def test_floating_point_operations(f: Callable[..., Any], args: tuple[Any, ...], flops: int) -> None:
    assert ft.make_program(f)(*args).cost().flops == flops


def test_bytes_are_those_of_operands_and_results_and_views_are_free() -> None:
    cost = ft.make_program(lambda x: (x.T + 1.0)[0])(A).cost()
    assert (cost.bytes_read, cost.bytes_written) == (96, 96)
    assert cost.operations == {"transpose": 1, "add": 1, "index": 1}


def test_the_peak_is_what_is_alive_at_one_time() -> None:
    x = np.ones(100)
    assert ft.make_program(np.sin)(x).cost().peak_bytes == 1600
    chain = ft.make_program(lambda x: np.sin(np.cos(np.exp(x))))(x).cost()
    assert chain.peak_bytes == 2400  # the argument, an operand, a result
    kept = ft.make_program(lambda x: (np.sin(x), np.cos(x), np.exp(x)))(x).cost()
    assert kept.peak_bytes == 3200
    viewed = ft.make_program(lambda x: np.exp(np.sin(x).reshape(10, 10).T) + 1.0)(x).cost()
    assert viewed.peak_bytes == 2400  # the view keeps the sine alive, and takes nothing itself


def test_reverse_mode_keeps_what_forward_mode_does_not() -> None:
    def f(x: Any) -> Any:
        for _ in range(20):
            x = np.sin(x)
        return np.sum(x)

    x = np.ones(1000)
    forward = ft.jit(lambda x: ft.jvp(f, (x,), (x,))).program(x).cost()
    reverse = ft.jit(ft.grad(f)).program(x).cost()
    assert forward.peak_bytes < 10 * x.nbytes
    assert reverse.peak_bytes > 20 * x.nbytes


def test_compiled_functions_that_are_called_count() -> None:
    inner = ft.jit(lambda x: np.sum(np.sin(x) * x))
    alone = inner.program(V).cost()
    program = ft.make_program(lambda x: inner(x) + inner(2.0 * x))(V)
    cost = program.cost()
    assert cost.operations["sin"] == 2
    assert cost.flops == 2 * alone.flops + 4 + 1
    assert cost.peak_bytes >= alone.peak_bytes


def test_it_prints_well() -> None:
    assert str(ft.make_program(lambda x: np.sum(np.sin(x) * np.sin(x)))(np.ones(1000)).cost()).splitlines() == [
        "operations    4 (2 sin, 1 mul, 1 sum)",
        "flops         4,000",
        "bytes read    40,000",
        "bytes written 24,008",
        "peak bytes    32,000",
    ]


def test_every_sample_has_a_cost() -> None:
    def checked(case: Case) -> None:
        program = ft.make_program(lambda *args: case(*args))(*case.args)
        cost = program.cost()
        assert cost.flops >= 0
        assert cost.peak_bytes >= sum(v.nbytes for v in program.inputs), case.id
        assert sum(cost.operations.values()) >= len(program)

    for case in all_cases():
        checked(case)
