"""The functions of the Array API standard on drawn arrays: buffers, batches and both modes give what NumPy gives.

The arrays have every dtype that the standard has for the function and up to three axes, some of no length; options are
drawn too, as in the conformance suite of the standard. Where NumPy gives a result, its dtype, its shape and its values
are held against ours: what the suite finds right in NumPy it would find right in traced values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.numpy as fnp
from functorch_lite.core.trace import running
from functorch_lite.numpy.buffers import Buffer
from tests.test_array_api import find

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

DRAWS = 12

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
REAL, INEXACT, NUMERIC = INTEGERS + FLOATS, FLOATS + COMPLEX, INTEGERS + FLOATS + COMPLEX
WHOLE, ALL = ("bool", *INTEGERS), ("bool", *NUMERIC)

Shape = tuple[int, ...]
Drawn = tuple[list[Any], dict[str, Any]]


class Draw:
    """What is drawn: dtypes, shapes, arrays, axes."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def one(self, *choices: Any) -> Any:
        return choices[self.random.integers(len(choices))]

    def whole(self, low: int, high: int) -> int:
        """Return an integer from ``low`` up to and including ``high``."""
        return int(self.random.integers(low, high + 1))

    def truth(self) -> bool:
        return bool(self.random.integers(2))

    def shape(self, least: int = 0, most: int = 3, shortest: int = 0) -> Shape:
        return tuple(self.whole(shortest, 4) for _ in range(self.whole(least, most)))

    def shapes(self, count: int) -> list[Shape]:
        """Return shapes that broadcast."""
        whole = self.shape()
        parts = [whole[self.whole(0, len(whole)) if self.truth() else 0 :] for _ in range(count)]
        return [tuple(self.one(n, n, n, 1) for n in part) for part in parts]

    def array(self, dtypes: tuple[str, ...], shape: Shape, special: bool = True) -> Any:
        dtype = np.dtype(self.one(*dtypes))
        if dtype.kind == "b":
            return self.random.integers(0, 2, shape).astype(bool)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            small = self.random.integers(max(limits.min, -5), 6, shape).astype(dtype)
            edge = self.one(limits.min, limits.max)
            return np.where(self.random.random(shape) < 0.2, edge, small).astype(dtype) if special else small
        if dtype.kind == "c":
            x = np.empty(shape, dtype)
            x.real, x.imag = (self.array((x.real.dtype.name,), shape, special) for _ in range(2))
            return x
        x = self.random.normal(size=shape) * self.one(0.1, 1.0, 10.0)
        if special and self.truth():
            values = self.random.choice([0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 2.0, 0.5, -3.0], shape)
            x = np.where(self.random.random(shape) < 0.4, values, x)
        return np.asarray(x, dtype)

    def pair(self, dtypes: tuple[str, ...]) -> tuple[str, str]:
        """Return two dtypes that the standard promotes to a third of their group."""
        first = self.one(*dtypes)
        group = next(names for names in (("bool",), INTEGERS, INEXACT) if first in names)
        return first, self.one(*(d for d in dtypes if d in group and np.result_type(first, d).name in group))

    def axis(self, x: Any) -> int:
        return self.whole(-x.ndim, x.ndim - 1)

    def axes(self, x: Any) -> Any:
        """Return None, an axis, or several."""
        several = tuple(int(i) for i in self.random.permutation(x.ndim)[: self.whole(0, x.ndim)])
        return self.one(None, several, self.axis(x)) if x.ndim else None

    def matrix(self, dtypes: tuple[str, ...] = INEXACT, square: bool = False, shortest: int = 0) -> Any:
        rows = self.whole(shortest, 4)
        columns = rows if square else self.whole(shortest, 4)
        return self.array(dtypes, (*self.shape(0, 2), rows, columns), special=False)

    def regular(self) -> Any:
        x = self.matrix(square=True)
        return x / 10 + np.eye(x.shape[-1], dtype=x.dtype)


# --- The arguments of each function -----------------------------------------------------------------------------------

Maker = Callable[[Draw], Drawn]
MAKERS: dict[str, Maker] = {}


def arguments(*names: str) -> Callable[[Maker], Maker]:
    """Register how arguments of functions are drawn."""

    def register(maker: Maker) -> Maker:
        MAKERS.update(dict.fromkeys((name for line in names for name in line.split()), maker))
        return maker

    return register


def some(draw: Draw, **options: Callable[[], Any]) -> dict[str, Any]:
    """Draw some of the options, and leave the others out."""
    return {name: option() for name, option in options.items() if draw.truth()}


def _elementwise(names: str, dtypes: tuple[str, ...], count: int) -> None:
    @arguments(names)
    def maker(draw: Draw) -> Drawn:
        kinds = (draw.one(*dtypes),) if count == 1 else draw.pair(dtypes)
        return [draw.array((d,), shape) for d, shape in zip(kinds, draw.shapes(count), strict=True)], {}


_elementwise("acos acosh asin asinh atan atanh conj cos cosh exp expm1 log log10 log1p log2 reciprocal", INEXACT, 1)
_elementwise("sin sinh sqrt tan tanh", INEXACT, 1)
_elementwise("abs isfinite isinf isnan negative positive real round sign square", NUMERIC, 1)
_elementwise("ceil floor trunc", REAL, 1)
_elementwise("imag", COMPLEX, 1)
_elementwise("signbit", FLOATS, 1)
_elementwise("logical_not", ALL, 1)
_elementwise("bitwise_invert", WHOLE, 1)
_elementwise("add multiply subtract", NUMERIC, 2)
_elementwise("divide pow", INEXACT, 2)
_elementwise("atan2 copysign hypot logaddexp nextafter", FLOATS, 2)
_elementwise("floor_divide greater greater_equal less less_equal maximum minimum remainder", REAL, 2)
_elementwise("equal logical_and logical_or logical_xor not_equal", ALL, 2)
_elementwise("bitwise_and bitwise_or bitwise_xor", WHOLE, 2)


@arguments("bitwise_left_shift bitwise_right_shift")
def _shift(draw: Draw) -> Drawn:
    first, second = draw.shapes(2)
    x = draw.array(INTEGERS, first)
    return [x, draw.random.integers(0, 7, second).astype(x.dtype)], {}


@arguments("clip")
def _clip(draw: Draw) -> Drawn:
    x = draw.array(REAL, draw.shape())
    bound = lambda: draw.array((x.dtype.name,), (), special=False)
    return [x], some(draw, min=bound, max=bound)


def _reduction(names: str, dtypes: tuple[str, ...], shortest: int = 0, dtype: bool = False, by: bool = False) -> None:
    @arguments(names)
    def maker(draw: Draw) -> Drawn:
        x = draw.array(dtypes, draw.shape(0, 3, shortest), special=not by)
        options = some(draw, axis=lambda: draw.axes(x), keepdims=draw.truth)
        if dtype:
            others = [d for d in NUMERIC if np.can_cast(x.dtype, d, "same_kind")]
            options |= some(draw, dtype=lambda: np.dtype(draw.one(*others)))
        return [x], options | (some(draw, correction=lambda: draw.one(0, 1, 0.5)) if by else {})


_reduction("prod sum", NUMERIC, dtype=True)
_reduction("max min", REAL, 1)
_reduction("mean", INEXACT)
_reduction("std var", FLOATS, 1, by=True)
_reduction("all any count_nonzero", ALL)


@arguments("cumulative_prod cumulative_sum")
def _running(draw: Draw) -> Drawn:
    x = draw.array(NUMERIC, draw.shape(1))
    others = [d for d in NUMERIC if np.can_cast(x.dtype, d, "same_kind")]
    options = some(draw, dtype=lambda: np.dtype(draw.one(*others)), include_initial=draw.truth)
    return [x], {"axis": draw.axis(x), **options}


@arguments("argmax argmin")
def _position(draw: Draw) -> Drawn:
    x = draw.array(REAL, draw.shape(1))
    return [x], some(draw, axis=lambda: draw.one(None, draw.axis(x)), keepdims=draw.truth)


@arguments("argsort sort")
def _sort(draw: Draw) -> Drawn:
    x = draw.array(REAL, draw.shape(1))
    return [x], {"stable": True, **some(draw, axis=lambda: draw.axis(x))}


@arguments("searchsorted")
def _searchsorted(draw: Draw) -> Drawn:
    x = draw.array(REAL, (draw.whole(1, 5),), special=False)
    values = draw.array((x.dtype.name,), draw.shape(), special=False)
    return [np.sort(x), values], some(draw, side=lambda: draw.one("left", "right"))


@arguments("where")
def _where(draw: Draw) -> Drawn:
    return [draw.array((d,), s) for d, s in zip(("bool", *draw.pair(ALL)), draw.shapes(3), strict=True)], {}


@arguments("concat")
def _concat(draw: Draw) -> Drawn:
    first, second = (draw.array((d,), (2, 3, 1)) for d in draw.pair(ALL))
    axis = draw.one(0, 1, 2, -1, None)
    return [first, second if axis is None else np.repeat(second, draw.whole(0, 2), axis)], {"axis": axis}


@arguments("stack")
def _stack(draw: Draw) -> Drawn:
    shape = draw.shape()
    arrays = [draw.array((d,), shape) for d in draw.pair(ALL)]
    return arrays, some(draw, axis=lambda: draw.whole(-len(shape) - 1, len(shape)))


@arguments("broadcast_arrays")
def _broadcast_arrays(draw: Draw) -> Drawn:
    return [draw.array(ALL, shape) for shape in draw.shapes(3)], {}


#: Functions of one array and of options that depend on it.
OPTIONS: dict[str, tuple[int, Callable[[Draw, Any], dict[str, Any]]]] = {
    "astype": (0, lambda draw, x: {"dtype": np.dtype(draw.one("complex64", "complex128")), "copy": draw.truth()}),
    "broadcast_to": (0, lambda draw, x: {"shape": (*draw.shape(0, 2), *x.shape)}),
    "diff": (1, lambda draw, x: some(draw, axis=lambda: draw.axis(x), n=lambda: draw.whole(0, 2))),
    "expand_dims": (0, lambda draw, x: {"axis": draw.whole(-x.ndim - 1, x.ndim)}),
    "flip": (0, lambda draw, x: some(draw, axis=lambda: draw.axes(x))),
    "matrix_transpose": (2, lambda draw, x: {}),
    "moveaxis": (1, lambda draw, x: {"source": draw.axis(x), "destination": draw.axis(x)}),
    "permute_dims": (0, lambda draw, x: {"axes": tuple(map(int, draw.random.permutation(x.ndim)))}),
    "repeat": (1, lambda draw, x: {"repeats": draw.whole(0, 3), **some(draw, axis=lambda: draw.axis(x))}),
    "reshape": (0, lambda draw, x: {"shape": draw.one(x.shape[::-1], (x.size,), (1, *x.shape))}),
    "roll": (1, lambda draw, x: {"shift": draw.whole(-9, 9), **some(draw, axis=lambda: draw.axis(x))}),
    "squeeze": (3, lambda draw, x: {"axis": int(np.argmin(x.shape))}),
    "tile": (0, lambda draw, x: {"reps": draw.shape(1, 3, 1)}),
    "tril": (2, lambda draw, x: some(draw, k=lambda: draw.whole(-4, 4))),
    "triu": (2, lambda draw, x: some(draw, k=lambda: draw.whole(-4, 4))),
    "unstack": (1, lambda draw, x: some(draw, axis=lambda: draw.axis(x))),
    "linalg.diagonal": (2, lambda draw, x: some(draw, offset=lambda: draw.whole(-4, 4))),
    "linalg.trace": (2, lambda draw, x: some(draw, offset=lambda: draw.whole(-4, 4))),
}


def _with_options(name: str, least: int, options: Callable[[Draw, Any], dict[str, Any]]) -> None:
    @arguments(name)
    def maker(draw: Draw) -> Drawn:
        x = draw.array(NUMERIC if name == "diff" else ALL, draw.shape(least))
        return [x], options(draw, x)


for _name, _row in OPTIONS.items():
    _with_options(_name, *_row)


@arguments("take take_along_axis")
def _take(draw: Draw) -> Drawn:
    x = draw.array(ALL, (2, 3, 4)[: draw.whole(1, 3)])
    return [x], {"axis": draw.axis(x), "indices": None}


# --- Linear algebra and Fourier transforms ----------------------------------------------------------------------------


@arguments("matmul vecdot")
def _product(draw: Draw) -> Drawn:
    n = draw.whole(0, 3)
    leading = draw.shapes(2)
    return [draw.array((d,), (*s, n, n), special=False) for d, s in zip(draw.pair(NUMERIC), leading, strict=True)], {}


@arguments("tensordot")
def _tensordot(draw: Draw) -> Drawn:
    common, (first, second) = draw.shape(2, 2), draw.pair(NUMERIC)
    shapes = (*draw.shape(0, 1), *common), (*common, *draw.shape(0, 1))
    return [draw.array((d,), s, special=False) for d, s in zip((first, second), shapes, strict=True)], {"axes": 2}


@arguments("linalg.outer")
def _outer(draw: Draw) -> Drawn:
    return [draw.array((d,), draw.shape(1, 1)) for d in draw.pair(NUMERIC)], {}


@arguments("linalg.cross")
def _cross(draw: Draw) -> Drawn:
    shape = (*draw.shape(), 3)
    return [draw.array((d,), shape, special=False) for d in draw.pair(NUMERIC)], {}


@arguments("linalg.cholesky linalg.eigvalsh")
def _definite(draw: Draw) -> Drawn:
    x = draw.matrix(square=True)
    return [(x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(x.shape[-1])).astype(x.dtype)], {}


@arguments("linalg.det linalg.inv linalg.slogdet")
def _regular(draw: Draw) -> Drawn:
    return [draw.regular()], {}


@arguments("linalg.matrix_power")
def _matrix_power(draw: Draw) -> Drawn:
    return [draw.regular()], {"n": draw.whole(-3, 4)}


@arguments("linalg.solve")
def _solve(draw: Draw) -> Drawn:
    x = draw.regular()
    return [x, draw.array(INEXACT, (x.shape[-1], 2), special=False)], {}


@arguments("linalg.matrix_rank linalg.pinv linalg.qr linalg.svdvals")
def _rectangular(draw: Draw) -> Drawn:
    return [draw.matrix(shortest=1)], {}


@arguments("linalg.matrix_norm")
def _matrix_norm(draw: Draw) -> Drawn:
    orders = ("fro", "nuc", np.inf, -np.inf, 1, -1, 2, -2)
    return [draw.matrix(shortest=1)], some(draw, ord=lambda: draw.one(*orders), keepdims=draw.truth)


@arguments("linalg.vector_norm")
def _vector_norm(draw: Draw) -> Drawn:
    x = draw.array(INEXACT, draw.shape(0, 3, 1), special=False)
    orders = (np.inf, -np.inf, 0, 1, 2, 3, -1, 0.5)
    return [x], some(draw, axis=lambda: draw.axes(x), keepdims=draw.truth, ord=lambda: draw.one(*orders))


def _fourier(names: str, dtypes: tuple[str, ...], shortest: int, several: bool) -> None:
    @arguments(names)
    def maker(draw: Draw) -> Drawn:
        x = draw.array(dtypes, draw.shape(1, 3, shortest), special=False)
        options = some(draw, norm=lambda: draw.one("backward", "ortho", "forward"))
        if not several:
            return [x], options | some(draw, n=lambda: draw.whole(shortest, 6), axis=lambda: draw.axis(x))
        axes = [int(i) for i in draw.random.permutation(x.ndim)[: draw.whole(1, x.ndim)]]
        return [x], {**options, "axes": axes, **some(draw, s=lambda: [draw.whole(2, 5) for _ in axes])}


_fourier("fft.fft fft.ifft", COMPLEX, 1, several=False)
_fourier("fft.hfft fft.irfft", COMPLEX, 2, several=False)
_fourier("fft.ihfft fft.rfft", FLOATS, 1, several=False)
_fourier("fft.fftn fft.ifftn fft.irfftn", COMPLEX, 2, several=True)
_fourier("fft.rfftn", FLOATS, 2, several=True)


@arguments("fft.fftshift fft.ifftshift")
def _fftshift(draw: Draw) -> Drawn:
    x = draw.array(INEXACT, draw.shape(1))
    return [x], some(draw, axes=lambda: [draw.axis(x)])


# --- The tests --------------------------------------------------------------------------------------------------------

LISTS = ("concat", "stack")  # take one list of arrays


def _applied(name: str, namespace: Any, arrays: Any, options: dict[str, Any]) -> Any:
    function = find(name, namespace)
    if name == "astype":
        return function(arrays[0], options["dtype"], copy=options["copy"])
    if "indices" in options:  # of take, whose indices are drawn to fit
        axis = options["axis"]
        n = arrays[0].shape[axis]
        rows = np.random.default_rng(n).integers(-n, n, 5 if name == "take" else arrays[0].shape)
        return function(arrays[0], rows, axis=axis)
    return function(list(arrays), **options) if name in LISTS else function(*arrays, **options)


def _drawn(name: str) -> Iterator[tuple[list[Any], dict[str, Any], Any]]:
    """Give arguments that NumPy takes, and what it makes of them."""
    found = 0
    for seed in range(4 * DRAWS):
        arrays, options = MAKERS[name](Draw(seed))
        try:
            expected = _applied(name, np, arrays, options)
        except (ValueError, TypeError, IndexError, np.linalg.LinAlgError):
            continue
        yield arrays, options, expected
        found += 1
        if found == DRAWS:
            return
    assert found > DRAWS / 2


def _assert_alike(actual: Any, expected: Any) -> None:
    ours, theirs = ft.tree.leaves(actual), ft.tree.leaves(expected)
    for a, b in zip(ours, theirs, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.shape(a) == np.shape(b)
        # Batches multiply and add in another order than one example; the largest entry sets the rounding.
        tolerance = 1e-4 if np.asarray(b).dtype in (np.float32, np.complex64) else 1e-11
        for part in (np.real, np.imag):
            size = np.max(np.abs(part(b)), initial=1.0, where=np.isfinite(part(b)))
            np.testing.assert_allclose(part(a), part(b), rtol=tolerance, atol=tolerance * size)


@pytest.mark.parametrize("name", MAKERS)
def test_buffers_give_what_numpy_gives(name: str) -> None:
    for arrays, options, expected in _drawn(name):
        token = running.set(True)  # as inside of a transformation
        try:
            out = _applied(name, fnp, [Buffer(x.copy()) for x in arrays], options)
        finally:
            running.reset(token)
        _assert_alike(ft.tree.map(lambda x: x.value if isinstance(x, Buffer) else x, out), expected)


@pytest.mark.parametrize("name", MAKERS)
def test_batches_give_what_numpy_gives(name: str) -> None:
    for arrays, options, expected in _drawn(name):
        for axes in ((0,) * len(arrays), (None,) * (len(arrays) - 1) + (0,)):
            given = [x if axis is None else np.stack([x, x]) for x, axis in zip(arrays, axes, strict=True)]
            out = ft.vmap(lambda *xs, options=options: _applied(name, fnp, xs, options), axes)(*given)
            _assert_alike(ft.tree.map(lambda x: x[1], out), expected)


@pytest.mark.parametrize("name", MAKERS)
def test_both_modes_give_what_numpy_gives(name: str) -> None:
    for arrays, options, expected in _drawn(name):
        places = [i for i, x in enumerate(arrays) if x.dtype.kind in "fc"]
        active = tuple(arrays[i] for i in places)
        if not active:
            continue

        def f(*values: Any, places: Any = places, arrays: Any = arrays, options: Any = options) -> Any:
            whole = dict(enumerate(arrays)) | dict(zip(places, values, strict=True))
            return _applied(name, fnp, list(whole.values()), options)

        value, pull = ft.vjp(f, *active)
        _assert_alike(value, expected)
        value, pushed = ft.jvp(f, active, tuple(map(np.ones_like, active)))
        _assert_alike(value, expected)
        for a, b in zip(ft.tree.leaves(pushed), ft.tree.leaves(value), strict=True):
            assert np.shape(a) == np.shape(b)
        if all(np.asarray(x).dtype.kind in "fc" for x in ft.tree.leaves(value)):
            for cotangent, x in zip(pull(ft.tree.map(np.ones_like, value)), active, strict=True):
                assert (cotangent.dtype, cotangent.shape) == (x.dtype, x.shape)
