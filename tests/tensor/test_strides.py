"""Views by steps: they share memory and history with the tensor, and stay within it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def test_a_write_into_the_view_reaches_the_tensor_and_its_history() -> None:
    x = ft.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    z = x * 2
    z.as_strided((2,), (3,)).mul_(5)
    (z**2).sum().backward()
    np.testing.assert_array_equal(x.grad, [[0.0, 8.0, 16.0], [600.0, 32.0, 40.0]])  # PyTorch 2.15


def test_a_write_into_the_tensor_reaches_the_view() -> None:
    x = ft.zeros(4)
    view = x[1:].as_strided((2,), (2,), 1)  # the offset is one into the memory, as in PyTorch
    x[3] = 7.0
    np.testing.assert_array_equal(view, [0.0, 7.0])


def test_elements_that_are_one_are_not_written_to() -> None:
    with pytest.raises(RuntimeError, match="read-only tensor"):
        ft.zeros(3).as_strided((2, 2), (1, 1)).add_(1)


def test_all_modes_agree() -> None:
    f = lambda x: ft.as_strided(x, (3, 2), (1, 1)) ** 2
    x = np.arange(4.0)
    np.testing.assert_array_equal(f(x)[:, 1], x[1:] ** 2)
    ft.check_grads(f, (x,), 2)
    np.testing.assert_array_equal(ft.jit(ft.vmap(f))(np.stack([x, x + 1])), [f(x), f(x + 1)])
    np.testing.assert_array_equal(ft.vmap(ft.jacrev(f))(np.stack([x, x + 1]))[1], ft.jacfwd(f)(x + 1))


@pytest.mark.parametrize(
    "arguments", [((4,), (2,)), ((2, 2), (1,)), ((2,), (-1,), 3), ((1,), (1,), 6), ((1,), (1,), -1)]
)
def test_places_outside_of_the_memory_are_refused(arguments: Any) -> None:
    for x in (ft.zeros(2, 3), np.zeros((2, 3))):
        with pytest.raises(ValueError, match="in a memory of 6 elements"):
            ft.as_strided(x, *arguments)
    assert ft.as_strided(ft.zeros(6), (0, 9), (5, 5)).shape == (0, 9)


def test_memory_in_another_order_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="Clone the tensor first"):
        ft.from_numpy(np.asfortranarray(np.ones((2, 3)))).as_strided((2,), (1,))
