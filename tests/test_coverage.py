"""Every function of NumPy is differentiable, zero by nature, or refused; each claim of the table is tried."""

from __future__ import annotations

import inspect
import io
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.calculus.zero_by_nature import ZERO_BY_NATURE
from functorch_lite.core import tracer
from functorch_lite.core.tables import FUNCTIONS, REFUSED
from functorch_lite.numpy.buffers import present
from tests.cases import all_cases, directions
from tools.coverage import DIFFERENTIABLE, PAGE, PASSED_BY, REFUSED_BY_NAME, ZERO, entries, page, rows_of

TABLE = entries()
X = np.array([0.3, -0.7, 1.2])
M = np.array([[0.3, -0.7], [1.2, 0.4]])


# --- The table --------------------------------------------------------------------------------------------------------


def test_no_function_is_unaccounted_for() -> None:
    assert [entry.qualified for entry in TABLE if entry.kind is None] == []


def test_at_least_three_hundred_functions_are_differentiable_or_zero() -> None:
    assert sum(entry.kind in (DIFFERENTIABLE, ZERO) for entry in TABLE) >= 300


def test_the_page_is_up_to_date() -> None:
    """Another NumPy than the page's may have other functions; those that both have must be classified alike."""
    text = PAGE.read_text()
    ours, written = rows_of(page(TABLE)), rows_of(text)
    assert {name: kind for name, kind in written.items() if name in ours and ours[name] != kind} == {}
    version = text.partition("from NumPy ")[2].partition(";")[0]
    assert version != ".".join(np.__version__.split(".")[:2]) or text == page(TABLE), "run python tools/coverage.py"


def test_the_table_of_functions_that_numpy_passes_by_has_no_others() -> None:
    interceptable = {entry.name for entry in TABLE if entry.function in FUNCTIONS or entry.function in REFUSED}
    assert interceptable.isdisjoint(PASSED_BY)


def test_what_is_zero_by_nature_has_an_implementation() -> None:
    assert {f.__name__ for f in ZERO_BY_NATURE if f not in FUNCTIONS} == set()
    assert {f.__name__ for f in ZERO_BY_NATURE if f in REFUSED} == set()


def test_what_is_refused_has_no_implementation() -> None:
    assert {f.__name__ for f in REFUSED if f in FUNCTIONS} == set()


# --- Differentiable ---------------------------------------------------------------------------------------------------


class _Recorded:
    """A table that notes what is looked up for a call that stands in the tests, not inside the package."""

    def __init__(self, table: dict[Any, Any], seen: set[Any]) -> None:
        self.table, self.seen = table, seen

    def get(self, key: Any) -> Any:
        frame: Any = sys._getframe(2)
        while frame.f_code.co_filename.startswith(_NUMPY):
            frame = frame.f_back
        if frame.f_code.co_filename.startswith(_TESTS):
            self.seen.add(key)
        return self.table.get(key)

    def __getitem__(self, key: Any) -> Any:
        return self.table[key]


_NUMPY = np.__file__.rpartition("__init__")[0]
_TESTS = __file__.rpartition("test_coverage")[0]


def test_every_differentiable_function_has_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[Any] = set()
    monkeypatch.setattr(tracer, "FUNCTIONS", _Recorded(tracer.FUNCTIONS, seen))
    monkeypatch.setattr(tracer, "PRIMITIVES", _Recorded(tracer.PRIMITIVES, seen))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for case in all_cases():
            if not case.is_complex:
                ft.jvp(case, case.args, directions(case.args, 0))
    # Into buffers: tests/transforms/test_mutation.py.
    writing = ("copyto", "fill_diagonal", "place", "put", "put_along_axis", "putmask")
    apart = (*PASSED_BY, *writing, "trim_zeros")
    claimed = [entry for entry in TABLE if entry.kind == DIFFERENTIABLE and entry.name not in apart]
    assert [entry.qualified for entry in claimed if entry.function not in seen] == []


def test_trim_zeros_where_the_values_are_known() -> None:
    """It has no sample: the shape of its result depends on the values, so that `vmap` refuses it."""
    padded = np.array([0.0, 0.0, 1.5, 0.0, -2.0, 0.0])
    for trim, kept in (("fb", slice(2, 5)), ("f", slice(2, 6)), ("b", slice(0, 5))):
        value, tangent = ft.jvp(lambda x, trim=trim: np.trim_zeros(x, trim), (padded,), (np.arange(6.0),))
        np.testing.assert_array_equal(value, padded[kept])
        np.testing.assert_array_equal(tangent, np.arange(6.0)[kept])
    table = np.pad(M, ((1, 2), (0, 1)))
    np.testing.assert_array_equal(ft.jvp(np.trim_zeros, (table,), (table,))[1], M)
    with pytest.raises(TypeError, match="vmap"):
        ft.vmap(np.trim_zeros)(table)


@pytest.mark.parametrize("function", [np.kaiser, np.fft.fftfreq, np.fft.rfftfreq])
def test_functions_that_numpy_passes_by_are_differentiable_where_they_say_so(function: Callable[..., Any]) -> None:
    tangent = ft.jvp(lambda d: function(6, d), (1.3,), (1.0,))[1]
    difference = (function(6, 1.3 + 1e-6) - function(6, 1.3 - 1e-6)) / 2e-6
    # Central differences of step 1e-6: rounding 1e-10.
    np.testing.assert_allclose(np.array(tangent, float), difference, atol=1e-8)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("function", [np.asarray_chkfinite, np.asmatrix, lambda x: np.bmat([[x]])])
def test_functions_that_numpy_passes_by_give_arrays_of_traced_numbers(function: Callable[..., Any]) -> None:
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(function(x) * 2.0))(M), np.full((2, 2), 2.0))


TYPES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "vectorize": (lambda x: np.vectorize(lambda t: t * t)(x), 2 * X),
    "vectorize with a signature": (lambda x: np.vectorize(lambda r: r * r, signature="(n)->(n)")(x), 2 * X),
    "r_": (lambda x: np.r_[x[0], x], [2.0, 1.0, 1.0]),
    "c_": (lambda x: np.c_[x, 2.0 * x], [3.0, 3.0, 3.0]),
    "poly1d": (lambda x: np.poly1d(x)(2.0), [4.0, 2.0, 1.0]),
    "Polynomial": (lambda x: np.polynomial.Polynomial(x)(2.0), [1.0, 2.0, 4.0]),
}


@pytest.mark.parametrize("name", TYPES)
def test_numpys_types_hold_traced_numbers(name: str) -> None:
    f, slope = TYPES[name]
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(f(x)))(X), slope)


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {name: p for name, p in inspect.signature(function).parameters.items() if name != "like"}


def _tells_its_signature(function: Callable[..., Any]) -> bool:
    try:
        return not isinstance(function, np.ufunc) and bool(inspect.signature(function))
    except ValueError:
        return False


#: Parameters that older versions of NumPy still have, to warn of their use.
OUTDATED = {
    *((np.corrcoef, name) for name in ("bias", "ddof")),
    *((f, "interpolation") for f in (np.quantile, np.nanquantile, np.percentile, np.nanpercentile)),
    (np.reshape, "newshape"),
}
COMPOSED = [e for e in TABLE if FUNCTIONS.get(e.function, e.function) is not e.function]


@pytest.mark.parametrize(
    "entry", [e for e in COMPOSED if _tells_its_signature(e.function)], ids=lambda e: e.qualified
)
def test_an_implementation_takes_the_arguments_that_numpy_takes(entry: Any) -> None:
    theirs, own = _parameters(entry.function), _parameters(FUNCTIONS[entry.function])
    if any(p.kind is p.VAR_KEYWORD for p in own.values()):
        return
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in own.values())
    theirs = {n: p for n, p in theirs.items() if (entry.function, n) not in OUTDATED}
    by_name = [n for n, p in theirs.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    assert takes_any or [n for n in by_name if n not in own] == []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    order = [n for n, p in own.items() if p.kind in positional]
    expected = [n for n, p in theirs.items() if p.kind in positional]
    assert takes_any or len(order) >= len(expected)
    named = [n for n in order if n in expected]
    assert named == [n for n in expected if n in named]


# --- Zero by nature ---------------------------------------------------------------------------------------------------

#: A call of each function that is zero by nature and takes an array, on a traced one.
ZERO_CALLS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.isin: lambda x: np.isin(x, [0.3]),
    np.allclose: lambda x: np.allclose(x, 0.3),
    np.isclose: lambda x: np.isclose(x, 0.3),
    np.array_equal: lambda x: np.array_equal(x, X),
    np.array_equiv: lambda x: np.array_equiv(x, X),
    np.argpartition: lambda x: np.argpartition(x, 1),
    np.digitize: lambda x: np.digitize(x, [0.0, 1.0]),
    np.searchsorted: lambda x: np.searchsorted(np.sort(x), X),
    np.lexsort: lambda x: np.lexsort((x, x)),
    np.ravel_multi_index: lambda x: np.ravel_multi_index(np.nonzero(x), (3,)),
    np.unravel_index: lambda x: np.unravel_index(np.argmax(x), (3,)),
    np.einsum_path: lambda x: np.einsum_path("i,i", x, x)[0],
    np.diag_indices_from: lambda x: np.diag_indices_from(np.outer(x, x)),
    np.tril_indices_from: lambda x: np.tril_indices_from(np.outer(x, x)),
    np.triu_indices_from: lambda x: np.triu_indices_from(np.outer(x, x)),
    np.linalg.matrix_rank: lambda x: np.linalg.matrix_rank(np.outer(x, x)),
    np.packbits: lambda x: np.packbits(x > 0),
    np.unpackbits: lambda x: np.unpackbits(np.astype(x > 0, np.uint8)),
    np.can_cast: lambda x: np.can_cast(x.dtype, complex),
    np.shares_memory: lambda x: np.shares_memory(x, x),
    np.may_share_memory: lambda x: np.may_share_memory(x, x),
    np.arange: lambda x: np.arange(3, like=x),
    np.empty: lambda x: 0 * np.empty(3, like=x),
    np.empty_like: lambda x: 0 * np.empty_like(x),
    np.eye: lambda x: np.eye(3, like=x),
    np.identity: lambda x: np.identity(3, like=x),
    np.ones: lambda x: np.ones(3, like=x),
    np.tri: lambda x: np.tri(3, like=x),
    np.zeros: lambda x: np.zeros(3, like=x),
    np.frombuffer: lambda x: np.frombuffer(b"ab", np.uint8, like=x),
    np.fromfunction: lambda x: np.fromfunction(lambda i: i + 1, (3,), like=x),
    np.fromiter: lambda x: np.fromiter([1, 2], int, like=x),
    np.fromstring: lambda x: np.fromstring("1 2", sep=" ", like=x),
    np.genfromtxt: lambda x: np.genfromtxt(io.StringIO("1 2"), like=x),
    np.loadtxt: lambda x: np.loadtxt(io.StringIO("1 2"), like=x),
}


@pytest.mark.parametrize("function", sorted(ZERO_BY_NATURE - {np.fromfile}, key=lambda f: f.__name__))
def test_what_is_zero_by_nature_gives_plain_values_and_numpys_own(function: Callable[..., Any]) -> None:
    call = ZERO_CALLS.get(function, function)
    seen = []

    def f(x: Any) -> Any:
        seen.append(call(x))
        return np.sum(x)

    ft.grad(f)(X)
    out = ft.tree.map(present, seen[0])  # new arrays are buffers, of plain values
    assert not any(map(ft.is_tracer, ft.tree.leaves(out)))
    if function not in (np.array2string, np.array_repr, np.array_str):  # a tracer shows itself as one
        np.testing.assert_equal(out, call(X))


def test_constants_from_a_file(tmp_path: Any) -> None:
    X.tofile(tmp_path / "x")
    value, slope = ft.value_and_grad(lambda x: np.sum(x * np.fromfile(tmp_path / "x", like=x)))(X)
    assert value == np.sum(X * X)
    np.testing.assert_array_equal(slope, X)


# --- Refused ----------------------------------------------------------------------------------------------------------

REFUSED_CALLS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.copyto: lambda x: np.copyto(X.copy(), x),
    np.putmask: lambda x: np.putmask(X.copy(), X > 0, x),
    np.place: lambda x: np.place(X.copy(), X > 0, x),
    np.put: lambda x: np.put(X.copy(), [0], x[:1]),
    np.put_along_axis: lambda x: np.put_along_axis(X.copy(), np.array([0]), x[:1], 0),
    np.fill_diagonal: lambda x: np.fill_diagonal(np.outer(x, x), 0),
    getattr(np, "in1d", None): lambda x: getattr(np, "in1d", np.isin)(x, X),
    np.intersect1d: lambda x: np.intersect1d(x, X),
    np.setdiff1d: lambda x: np.setdiff1d(x, X),
    np.setxor1d: lambda x: np.setxor1d(x, X),
    np.union1d: lambda x: np.union1d(x, X),
    np.save: lambda x: np.save(io.BytesIO(), x),
    np.savetxt: lambda x: np.savetxt(io.StringIO(), x),
    np.savez: lambda x: np.savez(io.BytesIO(), x),
    np.savez_compressed: lambda x: np.savez_compressed(io.BytesIO(), x),
    np.busday_count: lambda x: np.busday_count(x, X),
    np.busday_offset: lambda x: np.busday_offset(x, 1),
}


@pytest.mark.parametrize("entry", [e for e in TABLE if e.function in REFUSED], ids=lambda e: e.qualified)
def test_a_refusal_names_the_function_the_line_and_the_remedy(entry: Any) -> None:
    call = REFUSED_CALLS.get(entry.function, entry.function)
    with pytest.raises(NotImplementedError) as caught:
        ft.grad(lambda x: np.sum(call(x)))(X)
    message = str(caught.value)
    assert f".{entry.function.__name__} " in message
    assert "test_coverage.py:" in message
    assert REFUSED[entry.function] in message


PASSED_BY_CALLS: dict[str, Callable[..., Any]] = {
    "nested_iters": lambda x: np.nested_iters(x, [[0]]),
    "format_float_positional": lambda x: np.format_float_positional(x[0]),
    "format_float_scientific": lambda x: np.format_float_scientific(x[0]),
}


@pytest.mark.parametrize("name", [n for n, (kind, _) in PASSED_BY.items() if kind == REFUSED_BY_NAME])
def test_functions_that_numpy_passes_by_never_drop_a_derivative(name: str) -> None:
    function = getattr(np, name)
    with pytest.raises((TypeError, ValueError, AttributeError, BufferError)):
        ft.grad(lambda x: np.sum(PASSED_BY_CALLS.get(name, function)(x)))(X)
