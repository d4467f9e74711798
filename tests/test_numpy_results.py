"""What a traced function returns has NumPy's values, its dtype, and is a scalar or an array as NumPy's is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.tables import FUNCTIONS as TABLE_OF_FUNCTIONS

ROW = np.array([3.0, 7.0, -9.0, 1.0, 2.5])
TABLE = np.array([[3.0, 7.0, -9.0, 1.0, 2.5], [0.5, 4.0, 1.0, 1.5, 8.0]])
TOLERANCE = {"e": 1e-2, "f": 1e-5, "d": 1e-12, "g": 1e-12, "F": 1e-5, "D": 1e-12}


def _agrees(f: Callable[[Any], Any], x: Any) -> None:
    """Hold the value that differentiation sees against NumPy's, or the error against NumPy's."""
    try:
        expected = f(x)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        with pytest.raises(type(error)):
            ft.vjp(f, x)
        return
    for value in (ft.vjp(f, x)[0], ft.jvp(f, (x,), (np.zeros_like(x),))[0]):
        parts = zip(expected, value, strict=True) if isinstance(expected, tuple) else [(expected, value)]
        for ours, numpys in ((b, a) for a, b in parts):
            assert np.result_type(ours) == np.result_type(numpys)
            assert isinstance(ours, np.ndarray) == isinstance(numpys, np.ndarray)
            tolerance = TOLERANCE[x.dtype.char]
            np.testing.assert_allclose(ours, numpys, rtol=tolerance, atol=tolerance)


SCALARS: dict[str, Callable[[Any], Any]] = {
    "nanmax": lambda x: np.nanmax(x),
    "nanmin": lambda x: np.nanmin(x),
    "nanstd": lambda x: np.nanstd(x),
    "std where": lambda x: np.std(x, where=[True, False, True, True, True]),
    "percentile": lambda x: np.percentile(x, 30),
    "nanquantile": lambda x: np.nanquantile(x, 0.3),
    "weighted quantile": lambda x: np.quantile(x, 0.3, weights=[1, 2, 3, 4, 5], method="inverted_cdf"),
    "nan_to_num": lambda x: np.nan_to_num(x[0]),
    "interp": lambda x: np.interp(x[0], [0.0, 4.0], [1.0, 2.0]),
    "cond": lambda x: np.linalg.cond(np.stack([x[:2], x[1:3]]).astype(float)),
    "choose": lambda x: np.choose(1, x),
    "index by nothing": lambda x: x[0][()],
    "average": lambda x: np.average(x, weights=[1, 2, 3, 4, 5], returned=True),
}


@pytest.mark.parametrize("dtype", ["e", "f", "d", "g"])
@pytest.mark.parametrize("name", SCALARS)
def test_scalars(name: str, dtype: str) -> None:
    _agrees(SCALARS[name], ROW.astype(dtype))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sort_complex": lambda x: np.sort_complex(x),
    "average by float32": lambda x: np.average(x, weights=np.arange(5, dtype="f4"), returned=True),
    "average by integers": lambda x: np.average(x, weights=np.arange(5), returned=True),
    "average by zeros": lambda x: np.average(x, weights=[1.0, -1.0, 0.0, 0.0, 0.0]),
    "average of a row by zeros": lambda x: np.average(np.stack([x, x]), 1, [[1.0, 1, 1, 1, 1], [1, -1, 0, 0, 0]]),
    "cov in float32": lambda x: np.cov(x, x[::-1], dtype="f4"),
    "cov in float32, weights": lambda x: np.cov(x, x[::-1], dtype="f4", aweights=[1.0, 2.0, 3.0, 4.0, 5.0]),
    "cov of no variables": lambda x: np.cov(x[None][:0]),
    "bincount": lambda x: np.bincount([0, 1, 1, 2, 0], weights=x),
    "bincount of complex weights": lambda x: np.bincount([0, 1, 1, 2, 0], weights=x * 1j),
    "astype, safely": lambda x: x.astype("f4", casting="safe"),
    "astype, of one kind": lambda x: x.astype(int, casting="same_kind"),
    "histogram in a range": lambda x: np.histogram(x, 4, (0, 8)),
    "histogram": lambda x: np.histogram(x, 4),
    "edges": lambda x: np.histogram_bin_edges(x, 4, (np.float64(0.0), 8.0)),
    "histogramdd": lambda x: np.histogramdd(np.stack([x, x * x], 1), 2)[0],
}


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_dtypes_and_refusals(name: str, dtype: str) -> None:
    _agrees(FUNCTIONS[name], ROW.astype(dtype))


@pytest.mark.parametrize("dtype", ["e", "f", "d", "g"])
@pytest.mark.parametrize("method", ["linear", "hazen", "lower", "midpoint", "inverted_cdf", "averaged_inverted_cdf"])
@pytest.mark.parametrize(
    "q", [0.3, 1, 0, [0.2, 0.75], np.float64(0.3), np.float32(0.25), np.array([0.25, 0.5], "f4"), [0, 1]], ids=repr
)
def test_quantiles(q: Any, method: str, dtype: str) -> None:
    if dtype in "ef" and np.lib.NumpyVersion(np.__version__) < "2.4.2":
        pytest.skip("NumPy 2.4.0 and 2.4.1 give quantiles of short floats other dtypes than those before and after")
    x = TABLE.astype(dtype)
    percent = [100 * p for p in q] if isinstance(q, list) else q * 100
    for axis in (None, 0, 1):
        _agrees(lambda x, axis=axis: np.quantile(x, q, axis, method=method), x)  # type: ignore[misc]
        _agrees(lambda x, axis=axis: np.percentile(x, percent, axis, method=method), x)  # type: ignore[misc]
        _agrees(lambda x, axis=axis: np.nanquantile(x, q, axis, method=method), x)  # type: ignore[misc]


RANGES: dict[str, Callable[..., Any]] = {
    "linspace": lambda x, n, **how: np.linspace(x[:2], x[2:4], n, **how),
    "linspace of numbers": lambda x, n, **how: np.linspace(x[0], 2, n, **how),
    "linspace from a list": lambda x, n, **how: np.linspace([0.0, 1], x[:2], n, **how),
    "logspace": lambda x, n, **how: np.logspace(x[:2] / 5, x[2:4] / 5, n, **how),
    "logspace of bases": lambda x, n, **how: np.logspace(0, 1, n, base=abs(x[:2]), **how),
    "geomspace": lambda x, n, **how: np.geomspace(abs(x[:2]), abs(x[2:4]), n, **how),
    "geomspace of numbers": lambda x, n, **how: np.geomspace(x[0], 2, n, **how),
}


@pytest.mark.parametrize("dtype", ["e", "f", "d", "F", "D"])
@pytest.mark.parametrize("wanted", [None, int, np.float64, complex])
@pytest.mark.parametrize("name", RANGES)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")  # NumPy's too: it drops imaginary parts
def test_ranges(name: str, wanted: Any, dtype: str) -> None:
    for n in (0, 1, 2, 5):
        for endpoint in (True, False):
            how = {"endpoint": endpoint, "dtype": wanted}
            _agrees(lambda x, n=n, how=how: RANGES[name](x, n, **how), ROW.astype(dtype))  # type: ignore[misc]


def test_a_range_of_integers_goes_down_to_the_floor() -> None:
    values = ft.vjp(lambda x: np.linspace(0, x, 4, dtype=int), -1.4)[0]
    assert values.tolist() == [0, -1, -1, -2]
    step = ft.grad(lambda x: np.linspace(0.0, x, 5, retstep=True)[1])(2.0)
    assert step == 0.25
    assert np.isnan(ft.vjp(lambda x: np.linspace(0.0, x, 1, retstep=True)[1], 2.0)[0])


@pytest.mark.parametrize("make", [np.array2string, np.array_repr, np.array_str])
def test_the_text_of_what_stands_for_many_values_shows_none_of_them(make: Any) -> None:
    seen: list[str] = []
    ft.jit(lambda x: (seen.append(make(x)), x)[1])(np.array([0.25, 0.5]))
    assert seen == ["Staged(float64[2])"]


@pytest.mark.parametrize("make", [np.array2string, np.array_repr, np.array_str])
def test_text_is_that_of_the_value(make: Callable[..., str]) -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(make(x, precision=1))
        return np.sum(x)

    x = np.array([1.23, 4.5])
    ft.grad(ft.grad(lambda x: f(np.stack([x, x]))))(1.23)
    ft.jvp(f, (x,), (x,))
    assert seen == [make(np.full(2, 1.23), precision=1), make(x, precision=1)]


def test_the_rank_of_least_squares_is_the_integer_that_numpy_gives() -> None:
    a = np.array([[[1.0, 2.0], [3.0, 5.0]], [[2.0, 1.0], [0.0, 1.0]]])
    rank = ft.vmap(lambda a: np.linalg.lstsq(a, np.ones(2))[2])(a)
    assert rank.dtype == np.asarray(np.linalg.lstsq(a[0], np.ones(2))[2]).dtype


ORDERS: list[Callable[[Any], Any]] = [
    lambda x: x.ravel(order="K"),
    lambda x: x.reshape(x.size, order="A"),
    lambda x: x.flatten("A"),
]


@pytest.mark.parametrize("read", ORDERS)
def test_an_order_in_memory_is_numpys_or_refused(read: Callable[[Any], Any]) -> None:
    x = np.arange(6.0).reshape(2, 3)
    for known in (x, x[1:], np.asfortranarray(x)[:, :1]):
        np.testing.assert_array_equal(ft.vjp(read, known)[0], read(known))
        np.testing.assert_array_equal(ft.vmap(read)(np.stack([known, known]))[1], read(known))
    for transform in (lambda f: ft.vjp(f, np.asfortranarray(x)), lambda f: ft.jit(f)(x)):
        with pytest.raises(ValueError, match="write order='C'"):
            transform(read)


AXES: dict[str, Callable[[Any], Any]] = {
    "median": lambda x: np.median(x, axis=[0]),
    "nanmedian": lambda x: np.nanmedian(x, axis=[-1, 0]),
    "percentile": lambda x: np.percentile(x, 50, axis=[0]),
    "nanquantile": lambda x: np.nanquantile(x, 0.3, axis=[1]),
}


@pytest.mark.parametrize("name", AXES)
def test_axes_may_be_a_list_where_numpy_takes_one(name: str) -> None:
    _agrees(AXES[name], TABLE)


NUMBERS: dict[str, Callable[[Any], Any]] = {
    "std": lambda x: np.std(x, axis=-1, where=np.True_),
    "take": lambda x: np.take(x, 0, axis=-1),
    "take one": lambda x: np.take(x, [0], axis=0),
    "gradient": lambda x: np.gradient(x, axis=0),
    "gradient along all axes": lambda x: np.gradient(x),
    "coordinates": lambda x: np.unravel_index(np.argmax(x), np.shape(x)),
    "view": lambda x: x.view(),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_arrays_of_no_axes(name: str) -> None:
    _agrees(NUMBERS[name], np.array(2.0))


def test_coordinates_in_examples_of_no_axes() -> None:
    assert ft.vmap(lambda x: x[np.unravel_index(np.argmax(x), x.shape)] * 2.0)(np.ones(3)).tolist() == [2.0] * 3


@pytest.mark.parametrize(
    ("shape", "how"), [(6, {"axis": 1}), (2, {}), ((2, -1), {}), (2, {"axis": 5}), ((2, 2), {"axis": 0})]
)
def test_windows_that_do_not_fit_are_refused(shape: Any, how: dict[str, Any]) -> None:
    _agrees(lambda x: np.lib.stride_tricks.sliding_window_view(x, shape, **how), TABLE)


def test_windows_that_are_written_to_are_refused() -> None:
    with pytest.raises(TypeError, match="does not reach it"):
        ft.vjp(lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, 0, writeable=True), TABLE)


#: What NumPy does not hand on (``like``), or takes by position in any use that is known.
NOT_HANDED_ON = {(np.sinc, "x"), *((make, "like") for make in (np.zeros, np.ones, np.full))}


def test_every_argument_of_numpys_is_taken_by_its_name() -> None:
    for function, implementation in list(TABLE_OF_FUNCTIONS.items()):
        if isinstance(function, np.ufunc) or not str(getattr(function, "__module__", "")).startswith("numpy"):
            continue
        try:
            wanted = inspect.signature(function).parameters
        except ValueError:  # a built-in function that does not tell
            continue
        taken = inspect.signature(implementation).parameters
        if any(p.kind is p.VAR_KEYWORD for p in taken.values()):
            continue
        named = {n for n, p in wanted.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        assert {n for n in named - set(taken) if (function, n) not in NOT_HANDED_ON} == set(), function
