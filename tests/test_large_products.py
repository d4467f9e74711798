"""Large products are computed in parts, of operands that begin with lines of the cache; they agree up to rounding."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.calculus import matmul
from functorch_lite.core.cache_lines import CACHE_LINE, empty_on_line, on_line, read_on_line
from functorch_lite.program import source

RNG = np.random.default_rng(3)

#: Rows, depth, columns: in parts with a small right operand, with a larger one on lines of the cache, and as a whole
#: for want of rows, of rows that can all begin with a line, of a number of rows that can be split.
SHAPES = [(1000, 20, 80), (64, 784, 128), (256, 128, 64), (20, 784, 128), (64, 300, 100), (61, 784, 128)]

LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "every other row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "off the line": lambda x: _off_line(x),
}


def _off_line(x: Any) -> Any:
    memory = np.empty(x.nbytes + CACHE_LINE + 16, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE + 16
    moved = memory[start : start + x.nbytes].view(x.dtype).reshape(x.shape)
    moved[...] = x
    return moved


@pytest.fixture(params=[1, 2], ids="threads={}".format, autouse=True)
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if BLAS had so many threads; with several, products stay whole."""
    monkeypatch.setattr(matmul, "blas_threads", lambda: request.param)
    monkeypatch.setattr(matmul, "parts_of_rows", matmul.parts_of_rows.__wrapped__)
    monkeypatch.setattr(matmul, "parts_on_lines", matmul.parts_on_lines.__wrapped__)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16", "i8"])
@pytest.mark.parametrize(("of_x", "of_y"), [("rows", name) for name in LAYOUTS] + [(name, "rows") for name in LAYOUTS])
def test_products_agree_with_numpy(shape: tuple[int, int, int], dtype: str, of_x: str, of_y: str) -> None:
    rows, depth, columns = shape
    x = LAYOUTS[of_x]((RNG.normal(size=(rows, depth)) * 3).astype(dtype))
    y = LAYOUTS[of_y]((RNG.normal(size=(depth, columns)) * 3).astype(dtype))
    before = x.copy(), y.copy()
    product = matmul.matmul(x, y)
    rounding = 1e-3 if dtype == "f4" else 1e-10  # some hundred terms of size 10, in units of the last place
    np.testing.assert_allclose(product, x @ y, rtol=rounding, atol=rounding, strict=True)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_gradients_of_large_products(shape: tuple[int, int, int], dtype: str) -> None:
    rows, depth, columns = shape
    x, y, g = (RNG.normal(size=s).astype(dtype) for s in ((rows, depth), (depth, columns), (rows, columns)))
    of_x, of_y = ft.vjp(np.matmul, x, y)[1](g)
    rounding = 1e-3 if dtype == "f4" else 1e-11
    np.testing.assert_allclose(of_x, g @ y.T, rtol=rounding, atol=rounding, strict=True)
    np.testing.assert_allclose(of_y, x.T @ g, rtol=rounding, atol=rounding, strict=True)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_compiled_products(shape: tuple[int, int, int], layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "parts_of_rows", matmul.parts_of_rows)
    monkeypatch.setattr(source, "parts_on_lines", matmul.parts_on_lines)
    rows, depth, columns = shape
    x, y = RNG.normal(size=(rows, depth)), RNG.normal(size=(depth, columns))
    compiled = ft.jit(ft.value_and_grad(lambda x, y: np.sum(np.tanh(x @ y)), (0, 1)))
    wanted = ft.value_and_grad(lambda x, y: np.sum(np.tanh(x @ y)), (0, 1))(x, y)
    actual = compiled(LAYOUTS[layout](x), LAYOUTS[layout](y))
    np.testing.assert_allclose(actual[0], wanted[0], rtol=1e-10)
    for one, other in zip(actual[1], wanted[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_infinities_and_nans_stay_in_their_rows_and_columns() -> None:
    x, y = RNG.normal(size=(64, 784)), RNG.normal(size=(784, 128))
    x[3, 5], y[7, 9], x[60, 0] = np.inf, np.nan, -np.inf
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.isfinite(matmul.matmul(x, y)), np.isfinite(np.dot(x, y)))


@pytest.mark.parametrize("dtype", ["f4", "f8", "c16", "?"])
def test_rows_begin_with_lines_of_the_cache(dtype: str) -> None:
    for shape in ((3, 64), (5, 7, 128), (64,)):
        made = empty_on_line(shape, dtype)
        assert made.shape == shape
        assert made.dtype == np.dtype(dtype)
        assert made.ctypes.data % CACHE_LINE == 0
        x = RNG.normal(size=shape).astype(dtype)
        for given in (x, _off_line(x), np.asfortranarray(x)):
            for moved in (on_line(given), read_on_line(given)):
                assert moved.ctypes.data % CACHE_LINE == 0
                assert moved.flags.c_contiguous
                np.testing.assert_array_equal(moved, x, strict=True)
    odd = _off_line(RNG.normal(size=(3, 5)))
    assert on_line(odd) is read_on_line(odd) is odd


def test_what_is_read_on_a_line_lies_in_memory_of_its_thread() -> None:
    x, y = (_off_line(RNG.normal(size=(8, 16))) for _ in range(2))
    here = read_on_line(x)
    assert np.shares_memory(here, read_on_line(y))
    with ThreadPoolExecutor(1) as pool:
        there = pool.submit(read_on_line, x).result()
    assert not np.shares_memory(here, there)
    np.testing.assert_array_equal(there, x)
    assert not np.shares_memory(on_line(x), here)


def test_matrices_of_tensors_begin_with_lines_of_the_cache_unless_they_share_memory() -> None:
    array = _off_line(RNG.normal(size=(784, 128)))
    for made in (ft.tensor(array, requires_grad=True), ft.randn(784, 128), ft.zeros(784, 128), ft.ones_like(array)):
        assert made.data.ctypes.data % CACHE_LINE == 0
        assert not np.shares_memory(made.data, array)
    for shared in (ft.from_numpy(array), ft.as_tensor(array)):
        assert shared.data is array
    columns = np.asfortranarray(array)
    assert ft.tensor(columns).data.flags.f_contiguous


def test_writes_reach_the_memory_of_a_tensor_that_begins_with_a_line() -> None:
    x = ft.tensor(RNG.normal(size=(784, 128)), requires_grad=True)
    y = (x * 2.0).sum()
    with ft.no_grad():
        x.mul_(0.0)
    x[0:2].detach().add_(1.0)
    assert float(x.sum()) == 256.0
    y.backward()
    np.testing.assert_array_equal(x.grad, np.full((784, 128), 2.0))


def test_which_products_are_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmul, "blas_threads", lambda: 1)
    on_lines, double = matmul.parts_on_lines, np.dtype(np.float64)
    assert [on_lines(*shape, double) for shape in SHAPES] == [2, 8, 4, 1, 1, 1]
    assert [matmul.parts_of_rows(*shape) for shape in SHAPES] == [2, 1, 4, 1, 1, 1]
    monkeypatch.setattr(matmul, "blas_threads", lambda: 2)
    assert {on_lines(*shape, double) for shape in SHAPES} == {1}


@pytest.mark.parametrize("rows", [0, 1, 7, 20, 21, 60, 61])
@pytest.mark.parametrize("columns", [2, 3])
def test_thin_products(rows: int, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmul, "LARGEST_UNPACKED", 20 * 5 * columns)
    x, y = RNG.normal(size=(rows, 9))[:, :5], RNG.normal(size=(5, columns))
    out = np.empty((rows, columns))
    matmul.thin_product(x, y, out)
    np.testing.assert_allclose(out, x @ y, rtol=1e-12, atol=1e-12)


def test_thin_kernels_are_known_by_library_and_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(library: str, found: list[str]) -> bool:
        config = {"Build Dependencies": {"blas": {"name": library}}, "SIMD Extensions": {"found": found}}
        monkeypatch.setattr(np, "show_config", lambda mode: config)
        return matmul.has_thin_kernels.__wrapped__()

    assert said("scipy-openblas", ["X86_V3", "X86_V4"])
    assert said("openblas", ["AVX2", "AVX512F"])
    assert not said("scipy-openblas", ["X86_V3"])
    assert not said("accelerate", ["X86_V4"])
    monkeypatch.setattr(np, "show_config", lambda mode: {})
    assert not matmul.has_thin_kernels.__wrapped__()
