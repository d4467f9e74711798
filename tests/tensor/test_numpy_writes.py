"""NumPy's functions that write into an argument: ``out=``, ``ufunc.at``, ``np.copyto`` and their kin."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import functorch_lite as ft

X = np.array([[0.3, 0.7, 1.1], [0.9, 0.4, 0.2]])


def leaf(values: Any) -> Any:
    return ft.tensor(values, requires_grad=True)


# --- out= and where= of ufuncs ----------------------------------------------------------------------------------------


def test_where_leaves_the_other_elements_of_out() -> None:
    out = ft.tensor([100.0] * 3)
    assert np.add(np.ones(3), np.ones(3), out=out, where=[True, False, True]) is out
    assert out.tolist() == [2.0, 100.0, 2.0]


def test_where_leaves_the_history_of_the_other_elements_of_out() -> None:
    x, a = leaf([1.0, 2.0, 3.0]), leaf([5.0, 6.0, 7.0])
    out = x * 1.0
    np.multiply(a, a, out=out, where=ft.tensor([True, False, True]))
    out.sum().backward()
    assert out.tolist() == [25.0, 2.0, 49.0]
    assert x.grad.tolist() == [0.0, 1.0, 0.0]
    assert a.grad.tolist() == [10.0, 0.0, 14.0]


def test_a_quotient_is_taken_where_it_exists_and_nowhere_else() -> None:
    a, b = leaf([1.0, 2.0, 3.0]), leaf([1.0, 0.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ratio = np.divide(a, b, out=np.zeros_like(a), where=b != 0)
        ratio.sum().backward()
    assert ratio.tolist() == [1.0, 0.0, 1.5]
    assert a.grad.tolist() == [1.0, 0.0, 0.5]
    assert b.grad.tolist() == [-1.0, 0.0, -0.75]


def test_where_broadcasts_mask_and_operands() -> None:
    x, out = leaf([1.0, 2.0]), ft.zeros((2, 2))
    np.multiply(x, 3.0, out=out, where=np.array([[True], [False]]))
    out.sum().backward()
    assert out.tolist() == [[3.0, 6.0], [0.0, 0.0]]
    assert x.grad.tolist() == [3.0, 3.0]


def test_where_with_out_among_the_operands() -> None:
    for values in (3.0, [3.0, 4.0]):
        x = leaf(values)
        y = x * 1.0
        np.multiply(y, y, out=y, where=np.ones(y.shape, bool))
        y.sum().backward()
        np.testing.assert_array_equal(x.grad, 2 * np.array(values))


def test_a_python_number_stays_weak_with_where() -> None:
    out = ft.ones(2, dtype=ft.float32)
    assert np.multiply(ft.ones(2, dtype=ft.float32), 0.1, out=out, where=[True, False]).tolist() == [np.float32(0.1), 1]
    count = ft.tensor([1, 2])
    assert np.multiply(count, 3, out=count, where=[True, False]).tolist() == [3, 2]
    with pytest.raises(RuntimeError, match="cast"):
        np.multiply(count, 0.5, out=count, where=[True, False])


def test_a_mask_that_is_a_tensor_serves_a_raw_out() -> None:
    out = np.full(3, 100.0)
    for operand in (np.ones(3), ft.ones(3)):
        assert np.add(operand, np.ones(3), out=out, where=ft.tensor([True, False, True])) is out
    assert out.tolist() == [2.0, 100.0, 2.0]


def test_a_ufunc_of_two_results_writes_both() -> None:
    x = leaf([1.5, -2.25])
    fraction, whole = ft.zeros(2), ft.zeros(2)
    results = np.modf(x, out=(fraction, whole))
    assert results[0] is fraction
    assert results[1] is whole
    assert fraction.tolist() == [0.5, -0.25]
    assert whole.tolist() == [1.0, -2.0]
    fraction.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    remainder = ft.zeros(2)
    quotient, _ = np.divmod(ft.tensor([5.5, 7.0]), 2.0, out=(None, remainder))
    assert quotient.tolist() == [2.0, 3.0]
    assert remainder.tolist() == [1.5, 1.0]


BY_POSITION: list[tuple[Callable[..., Any], Callable[..., Any], tuple[int, ...]]] = [
    (np.dot, lambda f, x, out: f(x, x.T, out), (2, 2)),
    (np.outer, lambda f, x, out: f(x[0], x[1], out), (3, 3)),
    (np.sum, lambda f, x, out: f(x, 0, None, out), (3,)),
    (np.sum, lambda f, x, out: f(x, 0, None, out, True), (1, 3)),
    (np.cumsum, lambda f, x, out: f(x, 1, None, out), (2, 3)),
    (np.clip, lambda f, x, out: f(x, 0.3, 0.8, out), (2, 3)),
    (np.take, lambda f, x, out: f(x, [0, 4], 1, out, "wrap"), (2, 2)),
    (np.max, lambda f, x, out: f(x, 1, out), (2,)),
    (np.concatenate, lambda f, x, out: f([x, x], 1, out), (2, 6)),
]


@pytest.mark.parametrize(("function", "call", "shape"), BY_POSITION, ids=[row[0].__name__ for row in BY_POSITION])
def test_functions_are_given_out_by_position(
    function: Callable[..., Any], call: Callable[..., Any], shape: tuple[int, ...]
) -> None:
    expected = call(function, X, None)
    x, out = leaf(X), ft.zeros(shape)
    assert call(function, x, out) is out
    np.testing.assert_array_equal(out.detach(), expected)
    out.sum().backward()
    np.testing.assert_array_equal(x.grad, ft.grad(lambda x: call(function, x, None).sum())(X))
    raw = np.zeros(shape)
    assert call(function, ft.tensor(X), raw) is raw
    np.testing.assert_array_equal(raw, expected)
    with pytest.raises(TypeError, match="cannot hold a derivative"):
        call(function, x, np.zeros(shape))


def test_a_result_is_broadcast_to_out_and_cast_as_numpy_would() -> None:
    out = ft.zeros((2, 3), dtype=ft.float32)
    np.add(leaf([1.0, 2.0, 3.0]), 1.0, out=out)
    assert out.tolist() == [[2.0, 3.0, 4.0]] * 2
    assert out.dtype == np.float32
    with pytest.raises(RuntimeError, match="cast"):
        np.add(ft.ones(2), 1.0, out=ft.tensor([1, 2]))


def test_a_leaf_is_no_out() -> None:
    x = leaf([1.0, 2.0])
    for write in (
        lambda: np.add(1.0, 2.0, out=x),
        lambda: np.add([1.0, 2.0], 2.0, out=x, where=[True, False]),
        lambda: np.cumsum([1.0, 2.0], out=x),
        lambda: np.copyto(x, 1.0),
        lambda: np.add.at(x, 0, 1.0),
    ):
        with pytest.raises(RuntimeError, match="leaf"):
            write()
    assert x.tolist() == [1.0, 2.0]


# --- out= of other functions ------------------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "mean": lambda x, **out: np.mean(x, axis=1, **out),
    "sum": lambda x, **out: np.sum(x, axis=1, **out),
    "method sum": lambda x, **out: x.sum(axis=1, **out),
    "dot": lambda x, **out: np.dot(x, X[0], **out),
    "cumsum": lambda x, **out: np.cumsum(x[0, :2], **out),
    "take": lambda x, **out: np.take(x[0], [2, 0], **out),
    "einsum": lambda x, **out: np.einsum("ij,ij->i", x, x, **out),
    "concatenate": lambda x, **out: np.concatenate([x[0, :1], x[1, :1]], **out),
    "add.reduce": lambda x, **out: np.add.reduce(x, axis=1, **out),
    "add.reduce of a part": lambda x, **out: np.add.reduce(x, axis=1, where=X > 0.35, **out),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_out_takes_result_and_history(name: str) -> None:
    f, x = FUNCTIONS[name], leaf(X)
    out = ft.zeros(2)
    assert f(x, out=out) is out
    np.testing.assert_allclose(out.detach(), f(X), rtol=1e-15)
    (out * [1.0, 10.0]).sum().backward()
    np.testing.assert_allclose(x.grad, ft.grad(lambda a: np.sum(f(a) * np.array([1.0, 10.0])))(X), rtol=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_raw_out_is_written_where_nothing_is_recorded(name: str) -> None:
    f, x, out = FUNCTIONS[name], leaf(X), np.zeros(2)
    assert f(ft.tensor(X), out=out) is out
    np.testing.assert_allclose(out, f(X), rtol=1e-15)
    with pytest.raises(TypeError, match="out"):
        f(x, out=out)
    with ft.no_grad():
        f(x * 2.0, out=out)
    np.testing.assert_allclose(out, f(2 * X), rtol=1e-15)


def test_a_ufunc_writes_a_raw_out_under_no_grad() -> None:
    x, out = leaf(X), np.zeros((2, 3))
    with ft.no_grad():
        assert np.multiply(x, 2.0, out=out) is out
    np.testing.assert_array_equal(out, 2 * X)
    with pytest.raises(TypeError, match="out"):
        np.multiply(x, 2.0, out=out)
    with pytest.raises(TypeError, match="out"):
        np.modf(x, out=(out, ft.zeros((2, 3))))


# --- Functions that write ---------------------------------------------------------------------------------------------

WRITERS: dict[str, Callable[[Any, Any], Any]] = {
    "copyto": lambda y, v: np.copyto(y, v[:3]),
    "copyto by a mask": lambda y, v: np.copyto(y, v[0], where=[True, False, True]),
    "copyto by keywords": lambda y, v: np.copyto(dst=y, src=v[:3], where=X > 0.5),
    "put": lambda y, v: np.put(y, [0, 4, -1, 0], v),
    "put, repeating": lambda y, v: np.put(y, [0, 1, 2, 3, 5], v[:2]),
    "putmask": lambda y, v: np.putmask(y, X > 0.5, v[:3]),
    "place": lambda y, v: np.place(y, X > 0.35, v[:2]),
    "put_along_axis": lambda y, v: np.put_along_axis(y, np.array([[2, 0], [1, 2]]), v.reshape(2, 2), axis=1),
    "fill_diagonal": lambda y, v: np.fill_diagonal(y, v[:2]),
    "fill_diagonal by a number": lambda y, v: np.fill_diagonal(y, 7.0),
    "add.at": lambda y, v: np.add.at(y, (np.array([0, 0, 1, 0]), np.array([1, 1, 2, 0])), v),
    "subtract.at": lambda y, v: np.subtract.at(y, [0, 0], v[:3]),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_written_has_its_history(name: str) -> None:
    write, values = WRITERS[name], np.array([2.0, 3.0, 5.0, 7.0])
    expected = X * 1.0
    write(expected, values)
    for requires_grad in (True, False):
        x, v = ft.tensor(X, requires_grad=requires_grad), ft.tensor(values, requires_grad=requires_grad)
        y = x * 1.0
        write(y, v)
        np.testing.assert_allclose(y.detach(), expected, rtol=1e-15)
        assert y._version == 1
    x, v = leaf(X), leaf(values)
    y = x * 1.0
    write(y, v)
    weights = 10.0 ** np.arange(6.0).reshape(2, 3)
    found = ft.autograd.grad((y * weights).sum(), (x, v), materialize_grads=True)

    def loss(a: Any, b: Any) -> float:
        a = a.copy()
        write(a, b)
        return float(np.sum(a * weights))

    for k, argument in enumerate((X, values)):
        unit = np.eye(argument.size).reshape(argument.size, *argument.shape)
        by_differences = [
            loss(*(a + e if i == k else a for i, a in enumerate((X, values)))) - loss(X, values) for e in unit
        ]
        np.testing.assert_allclose(found[k].numpy().ravel(), by_differences, rtol=1e-9, atol=1e-9)


def test_ufuncs_at_positions_of_constants() -> None:
    y = ft.ones(3)
    np.multiply.at(y, [0, 0], ft.tensor([2.0, 3.0]))
    np.negative.at(y, [1])
    assert y.tolist() == [6.0, -1.0, 1.0]
    with pytest.raises(NotImplementedError, match=r"multiply\.at"):
        np.multiply.at(y, [0, 0], leaf([2.0, 3.0]))


def test_writing_tensors_into_arrays() -> None:
    raw = np.zeros(3)
    np.copyto(raw, ft.tensor([1.0, 2.0, 3.0]))
    np.put(raw, [0], ft.tensor([7.0]))
    np.add.at(raw, ft.tensor([1, 1]), ft.tensor([1.0, 1.0]))
    assert raw.tolist() == [7.0, 4.0, 3.0]
    for function in (lambda: np.copyto(raw, leaf([1.0] * 3)), lambda: np.put(raw, [0], leaf([1.0]))):
        with pytest.raises(TypeError, match="tensor"):
            function()
    with ft.no_grad():
        np.copyto(raw, leaf([1.0] * 3))
    assert raw.tolist() == [1.0] * 3


# --- Functions without a rule -----------------------------------------------------------------------------------------


def test_tensors_by_keyword() -> None:
    x, file = ft.tensor([3.0, 1.0, 3.0]), BytesIO()
    np.savez(file, x=x)
    file.seek(0)
    assert np.load(file)["x"].tolist() == [3.0, 1.0, 3.0]
    np.save(BytesIO(), arr=x)
    assert np.unique(ar=x).tolist() == [1.0, 3.0]
    assert np.setdiff1d([1.0, 2.0], ar2=x).tolist() == [2.0]
    with pytest.raises(NotImplementedError, match="unique"):
        np.unique(ar=leaf([1.0]))


def test_all_arrays_come_back_as_tensors() -> None:
    x = ft.tensor([3.0, 1.0, 3.0])
    values, counts = np.unique(x, return_counts=True)
    assert type(values) is type(counts) is type(np.unique(x)) is ft.Tensor
    named = np.unique_all(x)
    assert type(named.inverse_indices) is ft.Tensor
    with ft.no_grad():
        assert np.unique(leaf([2.0, 2.0])).tolist() == [2.0]


def test_windows_of_a_constant_are_views() -> None:
    x, buffer = leaf([1.0, 2.0, 3.0, 4.0]), ft.zeros(4)
    windows = sliding_window_view(x=buffer, window_shape=2)
    buffer.copy_(x * 2.0)
    assert windows.tolist() == [[2.0, 4.0], [4.0, 6.0], [6.0, 8.0]]
    (windows * windows).sum().backward()
    assert x.grad.tolist() == [8.0, 32.0, 48.0, 32.0]
    for overlapping in (windows, sliding_window_view(ft.zeros(4), 2, writeable=True)):
        with pytest.raises(RuntimeError, match="one in memory"):
            overlapping.mul_(2.0)


def test_windows_that_do_not_overlap_are_written() -> None:
    x, buffer = leaf([[5.0], [6.0]]), ft.zeros((2, 3))
    windows = sliding_window_view(buffer[:, 1], 1)
    windows.copy_(x)
    assert buffer.tolist() == [[0.0, 5.0, 0.0], [0.0, 6.0, 0.0]]
    (buffer * X).sum().backward()
    np.testing.assert_array_equal(x.grad, X[:, 1:2])


def test_windows_of_an_array_in_another_order_are_a_copy() -> None:
    buffer = ft.from_numpy(np.zeros((2, 3)).T)
    windows = sliding_window_view(buffer, 2, 0)
    buffer.copy_(leaf(X.T))
    assert not windows.any()


def test_constants_are_exported_by_dlpack() -> None:
    x = ft.tensor([1.0, 2.0])
    array = np.from_dlpack(x)
    assert array.tolist() == [1.0, 2.0]
    x.add_(1.0)
    assert array.tolist() == [2.0, 3.0]
    with pytest.raises(BufferError, match="detach"):
        np.from_dlpack(leaf([1.0]))


# --- Indices that are tensors -----------------------------------------------------------------------------------------


def test_a_tensor_that_is_one_whole_number_indexes_as_an_int() -> None:
    m = ft.zeros((2, 3))
    one = ft.tensor(1)
    m[one].add_(1.0)
    m[0, one].add_(5.0)
    m[one, 2] = 7.0
    assert m.tolist() == [[0.0, 5.0, 0.0], [1.0, 1.0, 7.0]]
    assert m[one]._base is m
    assert m[ft.tensor([1])]._base is None
    x = leaf(X)
    y = x * 1.0
    y[y[:, 0].argmax()].mul_(3.0)
    y.sum().backward()
    assert x.grad.tolist() == [[1.0] * 3, [3.0] * 3]
