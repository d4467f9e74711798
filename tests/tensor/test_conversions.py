"""A tensor as Python sees it: numbers, truth, length, iteration, text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft


def leaf(values: Any) -> Any:
    return ft.tensor(values, requires_grad=True)


def test_item_gives_a_python_number() -> None:
    assert type(leaf(2.5).item()) is float
    assert leaf([[2.5]]).item() == 2.5
    assert type(ft.tensor(3).item()) is int
    assert type(ft.tensor(True).item()) is bool
    assert type(ft.tensor(1 + 2j).item()) is complex
    with pytest.raises((RuntimeError, ValueError)):
        leaf([1.0, 2.0]).item()


def test_tolist() -> None:
    assert leaf([[1.0, 2.0], [3.0, 4.0]]).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert leaf(2.5).tolist() == 2.5
    assert ft.tensor([1, 2]).tolist() == [1, 2]


def test_numbers() -> None:
    assert float(ft.tensor(2.5)) == 2.5
    assert int(ft.tensor(2.5)) == 2
    assert complex(ft.tensor(2.5)) == 2.5
    assert float(ft.tensor([2.5])) == 2.5
    assert math.sqrt(ft.tensor(4.0)) == 2.0
    for convert in (float, int, complex):
        with pytest.raises((RuntimeError, TypeError, ValueError)):
            convert(ft.tensor([1.0, 2.0]))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_numbers_of_a_tensor_that_requires_grad() -> None:
    assert float(leaf(2.5)) == 2.5
    assert float(leaf(2.5) * 2.0) == 5.0


def test_an_integer_is_an_index() -> None:
    assert [10, 20, 30][ft.tensor(1)] == 20
    assert list(range(ft.tensor(3))) == [0, 1, 2]
    with pytest.raises(TypeError):
        [10, 20, 30][ft.tensor(1.0)]


def test_truth() -> None:
    assert ft.tensor(1.0)
    assert not ft.tensor([0.0])
    assert leaf(2.0) > 1.0
    for values in ([1.0, 2.0], [0.0, 0.0]):
        with pytest.raises((RuntimeError, ValueError), match=r"(?i)ambiguous"):
            bool(ft.tensor(values))


def test_length_and_iteration() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    rows = list(x)
    assert [r.tolist() for r in rows] == [[1.0, 2.0], [3.0, 4.0]]
    (rows[0] * rows[1]).sum().backward()
    assert x.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    a, b = leaf([1.0, 2.0])
    assert (a + b).item() == 3.0
    with pytest.raises(TypeError):
        len(leaf(1.0))
    with pytest.raises(TypeError):
        iter(leaf(1.0))


def test_membership() -> None:
    assert 2.0 in ft.tensor([1.0, 2.0])
    assert 3.0 not in ft.tensor([1.0, 2.0])


def test_tensors_are_told_apart_by_identity() -> None:
    x, y = ft.tensor([1.0]), ft.tensor([1.0])
    assert hash(x) != hash(y)
    assert len({x, y, x}) == 2
    assert {x: "x", y: "y"}[y] == "y"


def test_text() -> None:
    assert "tensor(" in repr(ft.tensor([1.0, 2.0])).lower()
    assert "requires_grad=True" in repr(leaf([1.0, 2.0]))
    assert "MulBackward" in repr(leaf([1.0, 2.0]) * 2.0)
    assert "requires_grad" not in repr(ft.tensor([1.0, 2.0]))
    assert f"{leaf(2.5).item():.2f}" == "2.50"
    assert f"{ft.tensor(2.5):.2f}" == "2.50"
    assert str(ft.tensor([1.0])) == repr(ft.tensor([1.0]))


def test_shape_and_size() -> None:
    x = leaf([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
    assert x.shape == (2, 3)
    assert x.ndim == 2
    assert x.dim() == 2
    assert x.size() == (2, 3)
    assert x.size(1) == 3
    assert x.numel() == 6
    assert x.T.shape == (3, 2)


@pytest.mark.parametrize("function", [np.mean, np.std, np.var, np.average])
def test_numpy_is_given_no_number_for_a_tensor_that_requires_grad(function: Any) -> None:
    x = ft.tensor([1.0, 3.0], requires_grad=True)
    with pytest.raises(RuntimeError, match=r"requires grad.*np\.stack"):
        function([x[0], x[1]])
    with ft.no_grad():
        assert function([x.detach()[0], 3.0]) == function([1.0, 3.0])
    assert float(x[0]) == np.float64(x[0]) == 1.0  # the user's own wish
