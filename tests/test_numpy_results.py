"""What a traced function returns has NumPy's values, its dtype, and is a scalar or an array as NumPy's is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

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
