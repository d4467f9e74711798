"""Positions, parts, shapes and masks that do not fit raise, in both styles; negative positions count from the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.nn import functional

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
P = A / 7
i = np.array

# What is wrong, the error, and what it says.
MISFITS: list[tuple[str, Callable[[Any], Any], type[Exception], str]] = [
    ("index_fill", lambda x: x.index_fill(1, i([0, 3]), 0.0), IndexError, "position 3 .* from -3 to 2"),
    ("index_fill, negative", lambda x: x.index_fill(0, i([-3]), 0.0), IndexError, "position -3 .* from -2 to 1"),
    ("index_fill of fractions", lambda x: x.index_fill(0, i([0.5]), 0.0), TypeError, "integers, not float64"),
    ("index_select", lambda x: x.index_select(0, i([2])), IndexError, "index 2 is out of bounds"),
    ("select", lambda x: x.select(1, 3), IndexError, "index 3 is out of bounds"),
    ("narrow", lambda x: x.narrow(1, 2, 2), IndexError, "2 elements from position 2 .* length 3"),
    ("narrow, negative", lambda x: x.narrow(1, -4, 1), IndexError, "1 elements from position -4"),
    ("narrow by a negative length", lambda x: x.narrow(1, 0, -1), ValueError, "negative, and is -1"),
    ("index_copy", lambda x: x.index_copy(1, i([0, 1]), A[:, :1]), ValueError, r"\(2, 1\), and must have .*\(2, 2\)"),
    ("index_copy out of range", lambda x: x.index_copy(1, i([3]), A[:, :1]), IndexError, "index 3 is out of bounds"),
    ("index_add", lambda x: x.index_add(1, i([0, 1]), A[:, :1]), ValueError, r"\(2, 1\), and must have .*\(2, 2\)"),
    ("index_add by a matrix", lambda x: x.index_add(1, i([[0]]), A[:, :1]), ValueError, "must be a vector"),
    ("gather of another rank", lambda x: x.gather(0, i([0, 1])), ValueError, r"\(2,\) does not fit .*\(2, 3\)"),
    ("gather beyond", lambda x: x.gather(0, i([[0, 1, 0, 1]])), ValueError, r"\(1, 4\) does not fit"),
    ("gather out of range", lambda x: x.gather(0, i([[2]])), IndexError, "index 2 is out of bounds"),
    ("gather by fractions", lambda x: x.gather(0, i([[0.5]])), TypeError, "integers, not float64"),
    ("scatter of another rank", lambda x: x.scatter(0, i([0]), 1.0), ValueError, r"\(1,\) does not fit"),
    ("scatter of too few", lambda x: x.scatter(0, i([[0, 1]]), A[:1, :1]), ValueError, "an element for each"),
    ("scatter out of range", lambda x: x.scatter(0, i([[2]]), A), IndexError, "index 2 is out of bounds"),
    ("scatter_add of too few", lambda x: x.scatter_add(0, i([[0, 1]]), A[:, :1]), ValueError, "an element for each"),
    ("scatter_add of a vector", lambda x: x.scatter_add(0, i([[0, 1]]), A[0]), ValueError, "an element for each"),
    ("masked_scatter", lambda x: x.masked_scatter(x > 3, i([7.0, 8.0])), IndexError, "3 places for 2 elements"),
    ("masked_scatter of nothing", lambda x: x.masked_scatter(x > 3, i([])), IndexError, "1 places for 0 elements"),
    ("masked_fill by numbers", lambda x: x.masked_fill(i([1, 0, 1]), 0.0), TypeError, "boolean, not int64"),
    ("masked_select by numbers", lambda x: x.masked_select(i([1, 0, 1])), TypeError, "boolean, not int64"),
    ("unfold", lambda x: x.unfold(1, 4, 1), ValueError, "4 elements, 1 apart, along axis 1 of length 3"),
    ("unfold by no step", lambda x: x.unfold(1, 2, 0), ValueError, "2 elements, 0 apart"),
    ("chunk", lambda x: x.chunk(0), ValueError, "must be positive, not 0"),
    ("flatten", lambda x: x.flatten(3), IndexError, "axis 3 is out of bounds"),
    ("flatten of a vector", lambda x: x[0].flatten(3), IndexError, "axis 3 is out of bounds"),
    ("diag_embed", lambda x: x[0, 0].diag_embed(), ValueError, "has no axis"),
    ("expand", lambda x: x.expand(3), ValueError, r"a size for each axis of shape \(2, 3\)"),
    ("where", lambda x: ft.where(x > 0, x), TypeError, "two arrays beside the condition"),
    ("cat", lambda x: ft.cat(x, x), TypeError, "a sequence of tensors"),
    ("stack", lambda x: ft.stack(x, x), TypeError, "a sequence of tensors"),
    ("view_as_complex", lambda x: ft.view_as_complex(x), ValueError, r"length 2, .* in shape \(2, 3\)"),
    ("embedding", lambda x: functional.embedding(i([0, 2]), x), IndexError, "position 2 .* from 0 to 1"),
    ("embedding, negative", lambda x: functional.embedding(i([0, -1]), x), IndexError, "position -1 .* from 0 to 1"),
    ("one_hot", lambda x: functional.one_hot(i([0, 2]), 2) * x[:, :2], IndexError, "position 2 .* from 0 to 1"),
    ("one_hot, negative", lambda x: functional.one_hot(i([1, -1])) * x[:, :2], IndexError, "position -1 "),
    ("cross_entropy", lambda x: functional.cross_entropy(x, i([0, 3])), IndexError, "target 3 .* from 0 to 2"),
    ("cross_entropy, negative", lambda x: functional.cross_entropy(x, i([0, -1])), IndexError, "target -1 .* = -100"),
    (
        "cross_entropy with weights",
        lambda x: functional.cross_entropy(x, i([0, -1]), i([1.0, 2.0, 3.0])),
        IndexError,
        "target -1",
    ),
    (
        "cross_entropy, smooth",
        lambda x: functional.cross_entropy(x, i([0, 3]), label_smoothing=0.1),
        IndexError,
        "target 3",
    ),
    ("cross_entropy of a vector", lambda x: functional.cross_entropy(x[0], i(-2)), IndexError, "target -2 "),
    ("nll_loss", lambda x: functional.nll_loss(x, i([0, 3])), IndexError, "target 3 .* from 0 to 2"),
    ("nll_loss, negative", lambda x: functional.nll_loss(x, i([-3, 0]), ignore_index=-1), IndexError, "target -3"),
    ("bce", lambda x: functional.binary_cross_entropy(x / 7, P[0]), ValueError, r"\(3,\) do not fit .*\(2, 3\)"),
    ("bce of logits", lambda x: functional.binary_cross_entropy_with_logits(x, P[:, :1]), ValueError, "do not fit"),
]


@pytest.mark.parametrize(("f", "error", "words"), [row[1:] for row in MISFITS], ids=[row[0] for row in MISFITS])
def test_what_does_not_fit_raises(f: Callable[[Any], Any], error: type[Exception], words: str) -> None:
    tensor = ft.tensor(A, requires_grad=True)
    for run in (
        lambda: f(tensor),
        lambda: ft.vjp(f, A),
        lambda: ft.jit(f)(A),
        lambda: ft.vmap(f)(np.stack([A, A])),
    ):
        with pytest.raises(error, match=words):
            run()


# Positions that are arguments of a transformation are looked at when the program runs.

TRACED: list[tuple[str, Callable[[Any, Any], Any], Any, Any]] = [
    ("index_fill", lambda x, k: x.index_fill(1, k, 0.0), i([0, -1]), i([0, 3])),
    ("embedding", lambda x, k: functional.embedding(k, x), i([0, 1]), i([0, -1])),
    ("one_hot", lambda x, k: functional.one_hot(k, 2) * x[:, :2], i([0, 1]), i([0, 2])),
    ("cross_entropy", functional.cross_entropy, i([-100, 1]), i([0, -1])),
    ("nll_loss", functional.nll_loss, i([-100, 2]), i([0, 3])),
    ("masked_scatter", lambda x, k: x.masked_scatter(x > k, A[0]), i([[3.0], [3.0]]), i([[0.0], [0.0]])),
]


@pytest.mark.parametrize(("f", "good", "bad"), [row[1:] for row in TRACED], ids=[row[0] for row in TRACED])
def test_traced_positions_are_looked_at(f: Callable[[Any, Any], Any], good: Any, bad: Any) -> None:
    expected = f(ft.tensor(A), good).data
    np.testing.assert_allclose(ft.jit(f)(A, good), expected, rtol=1e-15)
    both = ft.vmap(f)(np.stack([A, A]), np.stack([good, good]))
    np.testing.assert_allclose(both, np.stack([expected, expected]), rtol=1e-14)
    for run in (lambda: ft.jit(f)(A, bad), lambda: ft.vmap(f)(np.stack([A, A]), np.stack([good, bad]))):
        with pytest.raises(IndexError, match="it must be from"):
            run()


# Negative positions are NumPy's.

NEGATIVE: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = [
    ("index_fill", lambda x: x.index_fill(1, i([-1]), 0.0), lambda x: x.index_fill(1, i([2]), 0.0)),
    ("index_select", lambda x: x.index_select(1, i([-1])), lambda x: x.index_select(1, i([2]))),
    ("index_copy", lambda x: x.index_copy(1, i([-1]), x[:, :1]), lambda x: x.index_copy(1, i([2]), x[:, :1])),
    ("index_add", lambda x: x.index_add(1, i([-1]), x[:, :1]), lambda x: x.index_add(1, i([2]), x[:, :1])),
    ("gather", lambda x: x.gather(1, i([[-1], [-2]])), lambda x: x.gather(1, i([[2], [1]]))),
    ("scatter", lambda x: x.scatter(1, i([[-1], [-2]]), x), lambda x: x.scatter(1, i([[2], [1]]), x)),
    ("scatter_add", lambda x: x.scatter_add(1, i([[-1], [-2]]), x), lambda x: x.scatter_add(1, i([[2], [1]]), x)),
    ("narrow", lambda x: x.narrow(1, -2, 2), lambda x: x[:, 1:]),
    ("select", lambda x: x.select(1, -1), lambda x: x[:, 2]),
]


@pytest.mark.parametrize(("f", "same"), [row[1:] for row in NEGATIVE], ids=[row[0] for row in NEGATIVE])
def test_negative_positions_count_from_the_end(f: Callable[[Any], Any], same: Callable[[Any], Any]) -> None:
    results = []
    for g in (f, same):
        x = ft.tensor(A, requires_grad=True)
        y = g(x)
        (y * y).sum().backward()
        results.append((y.tolist(), x.grad.tolist()))
    assert results[0] == results[1]


def test_what_fits_just_so() -> None:
    x = ft.tensor(A)
    assert x.narrow(1, 3, 0).shape == (2, 0)
    assert x.unfold(1, 3, 5).shape == (2, 1, 3)
    assert x.masked_scatter(x > 9, i([])).tolist() == A.tolist()
    assert x.masked_scatter(x > 4, i([7.0, 8.0])).tolist() == [[1.0, 2.0, 3.0], [4.0, 7.0, 8.0]]
    assert x.index_copy(1, -1, A[:, :1]).tolist() == [[1.0, 2.0, 1.0], [4.0, 5.0, 4.0]]
    assert x[0, 0].flatten(0, -1).shape == (1,)
    assert functional.binary_cross_entropy([0.5, 0.5], [1.0, 0.0]) == np.log(2)
    for dtype in (np.uint8, bool, float):
        loss = functional.binary_cross_entropy(i([0.5, 0.25]), i([0, 1], dtype), reduction="sum")
        assert np.isclose(loss, 3 * np.log(2))
    assert functional.one_hot(i([], int), 2).shape == (0, 2)


def test_kin_of_the_wrong_kind() -> None:
    x = ft.tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match="with respect to tensors, and was given 'a'"):
        x.d("a")
    for give in (lambda: x.attach_zero_grad_sources(3), lambda: ft.fwbw_all_zero("a")):
        with pytest.raises(TypeError, match="it is no tensor"):
            give()
