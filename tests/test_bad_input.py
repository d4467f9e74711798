"""Bad input gives NumPy's own error or one of ours, never a silent number: every function, every transformation."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.calculus.taking import put_along_axis
from functorch_lite.core.primitive import PRIMITIVES
from functorch_lite.core.tables import FUNCTIONS
from tools.coverage import DIFFERENTIABLE, ZERO, Entry, entries

# --- All functions, with the same bad arguments -----------------------------------------------------------------------

SHAPES: tuple[tuple[int, ...], ...] = ((), (3,), (2, 3), (0, 3), (2, 2, 2))

#: Values that no axis, no mode and no count can be, by the parameter's name.
BAD_KEYWORDS: dict[str, tuple[Any, ...]] = {
    "axis": (5, -6, 1.5, "first", (0, 0), (0, 7)),
    "axes": (5, (0, 9), "first"),
    "axis1": (7,),
    "axis2": (7,),
    "bins": (0, -3, [2.0, 1.0], 1.5),
    "deg": (-1,),
    "edge_order": (3,),
    "indexing": ("ji",),
    "k": (1.5,),
    "method": ("guess",),
    "mode": ("guess",),
    "n": (-1, 1.5),
    "norm": ("guess",),
    "num": (-1,),
    "offset": (1.5,),
    "ord": ("guess",),
    "p": ("guess",),
    "pad_width": (-1, 0.5),
    "period": (0,),
    "q": (1.5e3, -2),
    "range": ((1, -1),),
    "reps": (1.5,),
    "repeats": (-1, 1.5),
    "shape": ((7, 7),),
    "trim": ("x",),
    "UPLO": ("X",),
    "weights": ([1.0],),
}

#: Functions are tried with a second array of these shapes, which may not fit, except where the second argument is
#: about memory or text, of which a traced value has none.
SECOND_SHAPES: tuple[tuple[int, ...], ...] = ((4,), (5, 4), (0,), (3, 2, 2, 2))
NO_OPERANDS = {"copy", "max_line_width", "order"}

OURS = (TypeError, ValueError, IndexError, NotImplementedError, ZeroDivisionError)

TEXT = {np.array2string, np.array_repr, np.array_str}
TABLE = [
    entry
    for entry in entries()
    if entry.kind in (DIFFERENTIABLE, ZERO)
    and (entry.function in FUNCTIONS or entry.function in PRIMITIVES)
    and entry.function not in TEXT
]


def _bad_calls(function: Callable[..., Any]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    yield "alone", function
    names = _parameters(function)
    if names[1:2] not in [[name] for name in NO_OPERANDS]:
        for shape in SECOND_SHAPES:
            yield f"with an array of shape {shape}", lambda x, s=shape: function(x, np.full(s, 0.5))
    for name, values in BAD_KEYWORDS.items():
        if name in names:
            for value in values:
                yield f"{name}={value!r}", lambda x, n=name, v=value: function(x, **{n: v})


def _parameters(function: Callable[..., Any]) -> list[str]:
    """Return the names of the parameters of a function of NumPy that is no ufunc and tells them."""
    try:
        return [] if isinstance(function, np.ufunc) else list(inspect.signature(function).parameters)
    except ValueError:
        return []


def _outcome(call: Callable[..., Any], *args: Any) -> Exception | None:
    try:
        call(*args)
    except Exception as error:  # noqa: BLE001  whatever NumPy raises
        return error
    return None


def _transformed(call: Callable[[Any], Any], x: Any) -> Iterator[tuple[str, Exception | None]]:
    def called(x: Any) -> Any:
        call(x)
        return np.sum(x)

    yield "jvp", _outcome(ft.jvp, called, (x,), (x,))
    yield "grad", _outcome(ft.grad(called), x)
    yield "vmap", _outcome(ft.vmap(called), np.stack([x, x]))


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.qualified)
def test_what_numpy_refuses_is_refused_under_every_transformation(entry: Entry) -> None:
    silent = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for shape in SHAPES:
            x = np.linspace(0.2, 0.8, int(np.prod(shape))).reshape(shape)
            x = x[()] if shape == () else x
            for label, call in _bad_calls(entry.function):
                expected = _outcome(call, x)
                if expected is None:
                    continue
                for mode, error in _transformed(call, x):
                    if not isinstance(error, (*OURS, type(expected))):
                        silent.append(f"{mode} at shape {shape}, {label}: {error!r}, not {expected!r}")
    assert silent == []


# --- Matrices without an inverse, a factor, or a derivative -----------------------------------------------------------

SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
INDEFINITE = np.array([[1.0, 2.0], [2.0, 1.0]])
DEFECTIVE = np.array([[2.0, 1.0], [0.0, 2.0]])
WITH_NAN = np.array([[1.0, np.nan], [0.0, 1.0]])

NO_RESULT: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "inv": (np.linalg.inv, SINGULAR),
    "solve": (lambda a: np.linalg.solve(a, np.ones(2)), SINGULAR),
    "tensorinv": (lambda a: np.linalg.tensorinv(a, 1), SINGULAR),
    "tensorsolve": (lambda a: np.linalg.tensorsolve(a, np.ones(2)), SINGULAR),
    "matrix_power": (lambda a: np.linalg.matrix_power(a, -2), SINGULAR),
    "cholesky": (np.linalg.cholesky, INDEFINITE),
    "eig": (np.linalg.eig, WITH_NAN),
    "eigvals": (np.linalg.eigvals, WITH_NAN),
    "eig of a row": (np.linalg.eig, np.ones((1, 2))),
    "lstsq of unequal lengths": (lambda a: np.linalg.lstsq(a, np.ones(3)), SINGULAR),
    "lstsq of a vector": (lambda a: np.linalg.lstsq(a[0], np.ones(2)), SINGULAR),
    "polyfit of unequal lengths": (lambda a: np.polyfit(a[0], np.ones(3), 1), SINGULAR),
    "roots of a table": (np.roots, SINGULAR),
    "interp of unequal lengths": (lambda a: np.interp(0.5, a[0], np.append(a[1], 1.0)), SINGULAR),
    "interp in nothing": (lambda a: np.interp(a, [], []), SINGULAR),
    "interp at complex positions": (lambda a: np.interp(a + 1j, [0.0, 1.0], [0.0, 1.0]), SINGULAR),
    "fft of no points": (lambda a: np.fft.fft(a, 0), SINGULAR),
    "fft of a number": (lambda a: np.fft.fft(a[0, 0]), SINGULAR),
    "rfft of complex values": (lambda a: np.fft.rfft(a * 1j), SINGULAR),
    "irfft of one element": (lambda a: np.fft.irfft(a[:, :1]), SINGULAR),
    "fftn lengths and axes": (lambda a: np.fft.fftn(a, (2, 2), (0,)), SINGULAR),
    "i0 of complex values": (lambda a: np.i0(a * 1j), SINGULAR),
    "pad beyond nothing": (lambda a: np.pad(a[:0], 1, "mean"), SINGULAR),
    "pad keyword of another mode": (lambda a: np.pad(a, 1, "mean", end_values=1), SINGULAR),
    "histogram weights": (lambda a: np.histogram(a, 2, weights=np.ones(3)), SINGULAR),
    "histogram of nan": (np.histogram, WITH_NAN),
    "histogramdd bins": (lambda a: np.histogramdd(a, [2, 2, 2]), SINGULAR),
    "histogram2d lengths": (lambda a: np.histogram2d(a[0], np.ones(3)), SINGULAR),
    "geomspace from zero": (lambda a: np.geomspace(0.0 * a, 1.0), SINGULAR),
    "apply_along_axis of nothing": (lambda a: np.apply_along_axis(np.sum, 0, a[:, :0]), SINGULAR),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", NO_RESULT)
def test_what_has_no_result_has_no_derivative(name: str) -> None:
    call, x = NO_RESULT[name]
    expected = _outcome(call, x)
    assert expected is not None
    decided_by_values = {"histogram of nan", "geomspace from zero"}
    for mode, error in _transformed(call, x):
        # Whether an element is NaN or zero differs between examples: `vmap` computes, and the result has the NaN.
        if not (mode == "vmap" and name in decided_by_values):
            assert isinstance(error, (*OURS, type(expected))), mode


@pytest.mark.parametrize("matrix", [DEFECTIVE, np.array([[0.0, 1.0], [0.0, 0.0]])])
def test_eigenvalues_of_a_defective_matrix_have_a_slope_of_nan_and_a_warning(matrix: Any) -> None:
    values = lambda a: np.real(np.linalg.eigvals(a))  # complex from NumPy 2.5 on
    for jacobian in (ft.jacrev, ft.jacfwd):
        with pytest.warns(RuntimeWarning, match="cannot be diagonalised"):
            assert np.isnan(jacobian(values)(matrix)).any()


def test_repeated_eigenvalues_of_a_matrix_that_can_be_diagonalised() -> None:
    """Their sum and product have derivatives, those of the trace and the determinant; eigenvectors have none."""
    inverse = np.linalg.inv(INDEFINITE)
    matrix = INDEFINITE @ np.diag([3.0, 3.0]) @ inverse
    np.testing.assert_allclose(ft.grad(lambda a: np.sum(np.linalg.eigvals(a)).real)(matrix), np.eye(2), atol=1e-12)
    product = ft.grad(lambda a: np.prod(np.linalg.eigvals(a)).real)(matrix)
    np.testing.assert_allclose(product, ft.grad(np.linalg.det)(matrix), atol=1e-12)
    with pytest.warns(RuntimeWarning, match="repeated eigenvalues"):
        slopes = ft.grad(lambda a: np.sum(np.abs(np.linalg.eig(a).eigenvectors[0]) ** 2))(3.0 * np.eye(2))
    assert np.isnan(slopes).any()


def test_batches_of_least_squares_of_different_rank() -> None:
    tall = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]])
    deficient = np.outer([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="pinv"):
        ft.vmap(lambda a: np.linalg.lstsq(a, np.ones(3))[0])(np.stack([tall, deficient]))
    batch = np.stack([tall, tall + 0.1])
    for got, a in zip(ft.vmap(lambda a: np.linalg.lstsq(a, np.ones(3))[0])(batch), batch, strict=True):
        # Two routines of LAPACK; the condition number is about 10.
        np.testing.assert_allclose(got, np.linalg.lstsq(a, np.ones(3))[0], rtol=1e-12)


def test_the_number_of_bins_is_not_left_to_the_data_of_a_batch() -> None:
    with pytest.raises(TypeError, match="give a number of bins"):
        ft.vmap(lambda x: np.histogram(x, "auto")[0])(np.random.default_rng(0).normal(size=(2, 9)))
    x = np.random.default_rng(0).normal(size=9)
    edges = ft.jvp(lambda x: np.histogram(x, "auto")[1], (x,), (x,))[0]
    np.testing.assert_array_equal(edges, np.histogram(x, "auto")[1])


@pytest.mark.parametrize(
    ("indices", "values", "error"),
    [
        (np.array([0]), 1.0, ValueError),
        (np.array([[0.5]]), 1.0, IndexError),
        (np.array([[7]]), 1.0, IndexError),
        (np.array([[0]]), 1j, TypeError),
        (np.array([[0]]), np.ones((3, 3)), ValueError),
    ],
)
def test_what_cannot_be_put_is_refused(indices: Any, values: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        ft.grad(lambda x: np.sum(put_along_axis(x, indices, values, 1)))(SINGULAR)


AVERAGES = [np.mean, np.var, np.std, np.median, np.nanmedian, np.average]


@pytest.mark.parametrize("average", AVERAGES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("axis", [0, -1])
def test_a_number_is_summed_along_an_axis_but_not_averaged(average: Any, axis: int) -> None:
    number = np.float64(2.0)
    for f in (lambda x: average(x, axis=axis), lambda x: np.quantile(x, 0.5, axis=axis)):
        with pytest.raises(np.exceptions.AxisError):
            f(number)
        with pytest.raises(np.exceptions.AxisError):
            ft.grad(f)(number)
    assert ft.grad(lambda x: np.sum(x, axis=axis) + np.max(x, axis=axis) + np.nanmean(x, axis=axis))(number) == 3.0


@pytest.mark.parametrize("mode", ["empty", lambda *args: None])
def test_padding_that_leaves_or_writes_elements_is_refused(mode: Any) -> None:
    with pytest.raises(NotImplementedError, match=r"np\.concatenate\(\[before, x, after\], axis\)"):
        ft.grad(lambda x: np.sum(np.pad(x, 1, mode)))(SINGULAR)


def test_vectorize_refuses_what_it_would_convert() -> None:
    """Up to 256 numbers it calls the function on each, traced; told an output dtype it would lose the derivative."""
    x = np.linspace(0.0, 1.0, 300)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.vectorize(lambda t: t * t)(x)))(x[:9]), 2 * x[:9])
    with pytest.raises(TypeError, match="more than 256"):
        ft.grad(lambda x: np.sum(np.vectorize(lambda t: t * t)(x)))(x)
    with pytest.raises((TypeError, ValueError)):
        ft.grad(lambda x: np.sum(np.vectorize(lambda t: t * t, otypes=[float])(x)))(x[:9])


def test_integers_have_no_derivative_and_batches_of_them_give_numpys_own() -> None:
    counts = np.arange(12).reshape(3, 4)
    for f in (np.fft.fft, np.fft.rfft, np.i0, np.unwrap, np.polyder, lambda x: np.pad(x, 1, "mean"), np.vander):
        with pytest.raises(TypeError):
            ft.jvp(f, (counts[0],), (counts[0],))
        for got, row in zip(ft.vmap(f)(counts), counts, strict=True):
            np.testing.assert_allclose(got, f(row), rtol=1e-12, strict=True)
