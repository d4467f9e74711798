"""Reductions, running results, sorting where generic samples do not go: options, masks, zeros, long axes, refusals."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from math import prod
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.calculus.cumulative import recurrence
from functorch_lite.calculus.sorting import stable_order
from tests import duck
from tests.samples.sample import random

X = random(3, 4)
INTEGERS = np.arange(24).reshape(2, 3, 4) * 7 % 11
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, True, False]])

# --- Under vmap, what has no derivative too, in all its options ------------------------------------------------------

FOR_INTEGERS: list[tuple[str, Callable[[Any], Any]]] = [
    ("any", np.any),
    ("any axis, keepdims", lambda x: np.any(x > 5, axis=0, keepdims=True)),
    ("any where", lambda x: np.any(x > 5, axis=1, where=MASK)),
    ("all axis=-1", lambda x: np.all(x > 1, axis=-1)),
    ("all where", lambda x: np.all(x, where=MASK)),
    ("logical_and.reduce", np.logical_and.reduce),
    ("logical_or.reduce axis=None", lambda x: np.logical_or.reduce(x, axis=None)),
    ("logical_xor.reduce", lambda x: np.logical_xor.reduce(x, axis=1, keepdims=True)),
    ("bitwise_or.reduce", np.bitwise_or.reduce),
    ("count_nonzero", np.count_nonzero),
    ("count_nonzero axis", lambda x: np.count_nonzero(x, axis=1, keepdims=True)),
    ("argmax", np.argmax),
    ("argmax axis=0", lambda x: np.argmax(x, axis=0)),
    ("argmax axis=-1, keepdims", lambda x: np.argmax(x, axis=-1, keepdims=True)),
    ("argmax of all, keepdims", lambda x: np.argmax(x, keepdims=True)),
    ("argmax method", lambda x: x.argmax(1)),
    ("argmin", np.argmin),
    ("argmin axis=-1", lambda x: np.argmin(x, axis=-1)),
    ("nanargmax", lambda x: np.nanargmax(np.where(MASK, x, np.nan), axis=1)),
    ("nanargmin", lambda x: np.nanargmin(np.where(MASK, x, np.nan))),
    ("sum", lambda x: np.sum(x, axis=(0, 1))),
    ("sum of bools", lambda x: np.sum(x > 5)),
    ("sum dtype", lambda x: np.sum(x, dtype=np.float32)),
    ("sum where, initial", lambda x: np.sum(x, axis=0, where=MASK, initial=3)),
    ("prod", lambda x: np.prod(x, axis=1)),
    ("max where, initial", lambda x: np.max(x, axis=1, where=MASK, initial=2)),
    ("min where, initial", lambda x: np.min(x, axis=0, where=MASK, initial=9, keepdims=True)),
    ("max of bools, initial", lambda x: np.max(x > 5, axis=0, where=MASK, initial=False)),
    ("ptp", lambda x: np.ptp(x, axis=0)),
    ("mean", np.mean),
    ("mean where", lambda x: np.mean(x, axis=1, where=MASK)),
    ("var", lambda x: np.var(x, axis=0, ddof=1)),
    ("nanvar of integers", lambda x: np.nanvar(x, axis=0)),
    ("nanmean of integers", np.nanmean),
    ("nansum of integers", np.nansum),
    ("average", lambda x: np.average(x, axis=1, weights=[1, 2, 3, 4])),
    ("median", lambda x: np.median(x, axis=0)),
    ("percentile", lambda x: np.percentile(x, [10, 60], axis=1)),
    ("cumsum", np.cumsum),
    ("cumprod dtype", lambda x: np.cumprod(x, axis=1, dtype=float)),
    ("maximum.accumulate", lambda x: np.maximum.accumulate(x, axis=1)),
    ("diff", np.diff),
    ("gradient", lambda x: np.gradient(x)[1]),
    ("sort", lambda x: np.sort(x, axis=None)),
    ("argsort", lambda x: np.argsort(x, axis=0, kind="stable")),
    ("partition", lambda x: np.partition(x, 1, axis=1)[:, 1]),
    ("lexsort", lambda x: np.lexsort((x[0], x[1]))),
    ("add.outer", lambda x: np.add.outer(x[0], x[1])),
    ("add.reduceat", lambda x: np.add.reduceat(x, [0, 2], axis=1)),
]


@pytest.mark.parametrize(("name", "f"), FOR_INTEGERS, ids=[name for name, _ in FOR_INTEGERS])
def test_integers_under_vmap_are_as_in_a_loop(name: str, f: Callable[[Any], Any]) -> None:
    actual = ft.vmap(f)(INTEGERS)
    expected = np.stack([f(x) for x in INTEGERS])
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


def test_masks_that_differ_between_examples() -> None:
    x, masks = random(2, 3, 4), random(2, 3, 4, seed=1) > -0.3
    masks[:, 0] = True
    for f in (np.sum, np.prod, np.mean, np.std, np.nansum):
        f_of_mask = lambda x, m, f=f: f(x, axis=0, where=m)
        for axes in ((0, 0), (None, 0), (0, None)):
            args = [a if axis == 0 else a[0] for a, axis in zip((x, masks), axes, strict=True)]
            loop = np.stack(
                [f_of_mask(*(a[k] if i == 0 else a for a, i in zip(args, axes, strict=True))) for k in range(2)]
            )
            np.testing.assert_allclose(ft.vmap(f_of_mask, axes)(*args), loop, rtol=1e-14)


def test_nan_where_the_mask_is_false_does_not_reach_derivatives() -> None:
    holed = np.where(MASK, X, np.nan)
    for f in (np.sum, np.prod, np.mean, np.var, np.std):
        g = ft.grad(lambda x, f=f: np.sum(f(x, axis=1, where=MASK)))
        np.testing.assert_allclose(g(holed), g(X), rtol=1e-14)
        np.testing.assert_array_equal(g(holed)[~MASK], 0.0)


def test_initial_value_that_is_traced() -> None:
    assert ft.grad(lambda c: np.sum(0.0 * c * X, initial=c))(2.0) == 1.0
    np.testing.assert_allclose(ft.grad(lambda c: np.prod(X * c, initial=c))(0.9), 13 * 0.9**12 * np.prod(X))
    assert ft.grad(lambda c: np.max(X * 0.0 + c, initial=3.0))(2.0) == 0.0


def test_slices_of_nan_only() -> None:
    x = np.array([[1.0, 2.0], [np.nan, np.nan]])
    for f in (np.nanmax, np.nanmin, np.nanmedian):
        np.testing.assert_array_equal(np.isnan(ft.vmap(f)(x)), [False, True])


# --- Products with zeros, to the third order --------------------------------------------------------------------------


def product_of_others(x: Any, *left_out: int) -> Any:
    return 0.0 if len(set(left_out)) < len(left_out) else np.prod(np.delete(x, left_out))


@pytest.mark.parametrize("zeros", [(), (1,), (1, 2), (0, 2, 3)])
def test_derivatives_of_a_product_with_zeros(zeros: tuple[int, ...]) -> None:
    x = random(4, low=0.5, high=2.0)
    x[list(zeros)] = 0.0
    n = range(4)
    np.testing.assert_allclose(ft.grad(np.prod)(x), [product_of_others(x, i) for i in n], rtol=1e-14)
    second = [[product_of_others(x, i, j) for j in n] for i in n]
    np.testing.assert_allclose(ft.hessian(np.prod)(x), second, rtol=1e-14)
    third = [[[product_of_others(x, i, j, k) for k in n] for j in n] for i in n]
    np.testing.assert_allclose(ft.jacfwd(ft.hessian(np.prod))(x), third, rtol=1e-14)
    np.testing.assert_allclose(ft.hessian(lambda x: np.cumprod(x)[-1])(x), second, rtol=1e-14)


# --- The linear recurrence --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (63,), (64,), (65,), (1000,), (70, 3), (2, 200), (5, 600), (0, 3)])
@pytest.mark.parametrize("reverse", [False, True])
def test_recurrence_against_a_loop(shape: tuple[int, ...], reverse: bool) -> None:
    for axis in range(len(shape)):
        a, b = random(*shape, low=-1.2, high=1.2), random(*shape, seed=1)
        a[random(*shape, seed=2) > 0.95] = 0.0
        expected = np.empty(shape)
        last: Any = 0.0
        for k in range(shape[axis])[:: -1 if reverse else 1]:
            key = (slice(None),) * axis + (k,)
            expected[key] = last = a[key] * last + b[key]
        np.testing.assert_allclose(recurrence(a, b, axis, reverse), expected, rtol=1e-12, atol=1e-12)


def test_running_products_that_overflow_after_a_zero() -> None:
    x = np.full(400, 1e10)
    x[0] = x[1] = 0.0
    first = np.eye(400)[0]
    np.testing.assert_array_equal(ft.jvp(np.cumprod, (x,), (np.ones(400),))[1], first)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.cumprod(x)[:2]))(x), first)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.complex64])
@pytest.mark.parametrize("shape", [(1024,), (1024, 2)])
def test_recurrence_whose_factors_leave_the_range_together(dtype: Any, shape: tuple[int, ...]) -> None:
    """What comes into a block is small where its factor is large, and the other way."""
    decades = 12 if np.dtype(dtype).char in "dD" else 1.8
    for sign in (1, -1):
        a, b = np.ones(shape, dtype), np.zeros(shape, dtype)
        for i, power in enumerate((-1, 1, 1, -1)):
            a[20 * i : 20 * i + 20] = 10.0 ** (sign * power * decades)
        b[0] = 3
        expected = np.empty_like(b)
        last = np.zeros(shape[1:], dtype)
        for k in range(len(a)):
            expected[k] = last = a[k] * last + b[k]
        assert np.all(np.isfinite(expected))
        np.testing.assert_allclose(recurrence(a, b, 0, False), expected, rtol=1e3 * np.finfo(dtype).eps)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_forward_derivative_of_a_long_product_that_is_tiny_on_its_way() -> None:
    x = np.r_[np.full(32, 1e-9), np.full(32, 1e10), np.ones(960)]
    first = np.zeros_like(x)
    first[0] = 1.0
    np.testing.assert_allclose(ft.jvp(lambda x: np.cumprod(x)[-1], (x,), (first,))[1], 1e41, rtol=1e-12)


@pytest.mark.parametrize("f", [lambda x: np.cumprod(x)[-1], np.prod, lambda x: np.prod(x, axis=(0,))])
@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([1e-200, 2.0, 1e200, 1e200], [np.inf, 1e200, 2.0, 2.0]),
        ([1e300, 2.0, 1e-200, 1e-200], [0.0, 1e-100, 2e100, 2e100]),
        ([1e-200, 1e-200, 1e200, 1e200, 3.0], [3e200, 3e200, 3e-200, 3e-200, 1.0]),
        ([1e200, 1e200, 1e-200, 1e-200, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]),
        (np.float32([1e-30, 2, 1e30, 1e30]), [np.inf, 1e30, 2, 2]),
    ],
)
def test_products_of_others_where_those_before_or_behind_leave_the_range(f: Any, x: Any, expected: Any) -> None:
    x = np.array(x)
    with np.errstate(over="ignore", invalid="ignore"):  # the product itself, on its way
        compiled, batched = ft.jit(ft.grad(f))(x), ft.vmap(ft.grad(f))(x[None])[0]
        for gradient in (ft.grad(f)(x), compiled, batched):
            np.testing.assert_allclose(gradient, np.array(expected, x.dtype), rtol=4 * np.finfo(x.dtype).eps)


def test_products_of_complex_others_where_those_behind_leave_the_range() -> None:
    z = np.array([1e-200 + 1e-200j, 2j, 1e200, 1e200j])
    gradient = ft.grad(lambda z: np.cumprod(z)[-1], holomorphic=True)(z)[1:]
    np.testing.assert_allclose(gradient, [1e200 * (1 + 1j) * 1j, -2 * (1 + 1j), 2j * (1 + 1j)], rtol=1e-15)


def derivatives_of_a_product(x: Any, order: int) -> Any:
    """Return them in exact arithmetic, rounded at the end."""
    exact = [Fraction(float(value)) for value in x]
    found = np.zeros((len(x),) * order)
    for places in permutations(range(len(x)), order):
        value = prod((v for i, v in enumerate(exact) if i not in places), start=Fraction(1))
        largest = np.finfo(x.dtype).max.item()
        found[places] = value if abs(value) <= largest else np.inf if value > 0 else -np.inf
    return found.astype(x.dtype)


@pytest.mark.parametrize(
    "x",
    [
        [1e-200, 1e-200, 1e300, 2.0],
        [1e200, 1e-280, 1e200, 3.0, 1e-200],  # running products stay in range, but not without the second
        [1e300, -1e300, 1e-300, 1e-300, 0.0, 5.0],
        [0.0, 0.0, 1e300, 1e300, 1e-300],
        [1e-300, 1e-300, 1e-300],
        [1e-300, 1e300],
        [1e-200],
        np.float32([1e-30, 1e-30, 1e38, 2.0, 5.0]),
    ],
)
def test_higher_derivatives_of_a_product_whose_parts_leave_the_range(x: Any) -> None:
    x = np.array(x)
    again = (ft.jacfwd(ft.hessian(np.prod)), ft.jacrev(ft.jacrev(ft.jacrev(np.prod))))
    for order, functions in ((2, (ft.hessian(np.prod), ft.jacrev(ft.jacrev(np.prod)))), (3, again)):
        expected = derivatives_of_a_product(x, order)
        for f in functions:
            with np.errstate(over="ignore", invalid="ignore"):
                for found in (f(x), ft.jit(f)(x), ft.vmap(f)(x[None])[0]):
                    np.testing.assert_allclose(found, expected, rtol=8 * np.finfo(x.dtype).eps)


def test_second_derivative_along_an_axis_of_complex_products_that_leave_the_range() -> None:
    z = np.array([[1e-200 + 1e-200j, 1e-200j, 1e300, 2j], [1.0, 2.0, 3.0, 4.0]]).T
    along = np.array([[0, 1e-10j], [0, 1.0], [2.0, 0], [3.0, 0]])
    slopes = ft.grad(lambda z: np.sum(np.prod(z, axis=0)), holomorphic=True)
    found = ft.jvp(slopes, (z,), (along,))[1][:, 0]
    first, second, third, fourth = z[:, 0]
    expected = [
        second * (2 * fourth + 3 * third),
        first * (2 * fourth + 3 * third),
        0,  # the product of the first two, times 3, underflows
        first * second * 2,
    ]
    np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-15)
    np.testing.assert_array_equal(found[2:], [0, 0])
    np.testing.assert_allclose(ft.jvp(slopes, (z,), (along,))[1][:, 1], [12, 12e-10j, 4 + 8e-10j, 3 + 6e-10j])


# --- Running sums of exponentials -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([-np.inf, 0.0, 0.0], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]]),
        ([-np.inf, -np.inf, 0.0], [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]),
        ([0.0, -np.inf, 0.0], [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.0, 0.5]]),
        ([0.0, np.inf, 0.0], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]),
    ],
)
def test_running_logaddexp_of_infinities_is_logaddexp_one_by_one(x: list[float], expected: list[list[float]]) -> None:
    def one_by_one(x: Any) -> Any:
        totals = [x[0]]
        for k in range(1, 3):
            totals.append(np.logaddexp(totals[-1], x[k]))
        return np.stack(totals)

    for f in (np.logaddexp.accumulate, one_by_one):
        for jacobian in (ft.jacfwd, ft.jacrev):
            np.testing.assert_array_equal(jacobian(f)(np.array(x)), expected)



# --- Sorting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [3, 10**6])
def test_stable_order_of_long_axes(values: int) -> None:
    x = np.random.default_rng(0).integers(values, size=(2, 300)).astype(float)
    np.testing.assert_array_equal(stable_order(x, 1), np.argsort(x, axis=1, kind="stable"))
    weights = random(300)
    order = np.argsort(x[0], kind="stable")
    expected = np.empty(300)
    expected[order] = weights
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.sort(x) * weights))(x[0]), expected)


def test_quantile_is_nan_where_numpy_says_so() -> None:
    x = np.array([[1.0, np.nan, 3.0], [4.0, 5.0, 6.0]])
    actual = ft.vmap(lambda x: np.quantile(x, [0.2, 0.5]))(x)
    np.testing.assert_array_equal(actual, np.quantile(x, [0.2, 0.5], axis=1).T)


def test_median_of_several_axes_is_not_disturbed_by_their_order() -> None:
    x = random(2, 3, 4)
    for axes in ((0, 2), (2, 0), None):
        value, pull = ft.vjp(lambda x, axes=axes: np.median(x, axis=axes), x)
        np.testing.assert_array_equal(value, np.median(x, axis=axes))
        assert np.count_nonzero(pull(np.ones_like(value))[0]) == 2 * np.size(value)


# --- Refusals ---------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[str, Callable[[Any], Any], type[Exception], str]] = [
    ("sum out", lambda x: np.sum(x, out=np.zeros(())), TypeError, r"y = np\.sum"),
    ("max out", lambda x: np.max(x, axis=0, out=np.zeros(4)), TypeError, r"y = np\.max"),
    ("cumsum out", lambda x: np.cumsum(x, out=np.zeros(12)), TypeError, r"y = np\.cumsum"),
    ("axis", lambda x: np.sum(x, axis=2), np.exceptions.AxisError, "out of bounds"),
    ("repeated axis", lambda x: np.sum(x, axis=(0, -2)), ValueError, "repeated axis"),
    ("cumsum axis", lambda x: np.cumsum(x, axis=2), np.exceptions.AxisError, "out of bounds"),
    ("where without initial", lambda x: np.max(x, where=MASK), ValueError, "initial"),
    ("mask too large", lambda x: np.sum(x[0], where=MASK), ValueError, r"\(3, 4\)"),
    ("max of nothing", lambda x: np.max(x[:0]), ValueError, "no identity"),
    ("ddof and correction", lambda x: np.var(x, ddof=1, correction=1), ValueError, "correction"),
    ("weights without axis", lambda x: np.average(x, weights=[1, 2, 3]), TypeError, "Axis must be specified"),
    ("weights of another shape", lambda x: np.average(x, axis=1, weights=[1, 2]), ValueError, "consistent"),
    ("cumulative_sum without axis", np.cumulative_sum, ValueError, "axis"),
    ("diff of negative order", lambda x: np.diff(x, -1), ValueError, "non-negative"),
    ("gradient too small", lambda x: np.gradient(x[:1]), ValueError, "2 elements"),
    ("gradient spacings", lambda x: np.gradient(x, 1.0, 2.0, 3.0), TypeError, "invalid number"),
    ("gradient edge_order", lambda x: np.gradient(x, edge_order=3), ValueError, "edge_order"),
    ("sort order", lambda x: np.sort(x, order="a"), ValueError, "fields"),
    ("quantile range", lambda x: np.quantile(x, 1.2), ValueError, "range"),
    ("percentile range", lambda x: np.percentile(x, -3), ValueError, "100"),
    ("quantile method", lambda x: np.quantile(x, 0.2, method="mean"), ValueError, "median_unbiased"),
    ("quantile q of rank 3", lambda x: np.quantile(x, [[[0.2]]]), ValueError, "2d"),
    ("quantile weights", lambda x: np.quantile(x, 0.2, weights=X), ValueError, "inverted_cdf"),
    ("power.reduce", np.power.reduce, NotImplementedError, r"np\.power to the parts"),
    ("hypot.accumulate", np.hypot.accumulate, NotImplementedError, r"np\.hypot to the parts"),
    ("multiply.reduceat", lambda x: np.multiply.reduceat(x, [0, 1]), NotImplementedError, r"np\.stack"),
    ("add.reduceat decreasing", lambda x: np.add.reduceat(x, [1, 0]), NotImplementedError, r"np\.stack"),
    ("logaddexp.reduce of two axes", lambda x: np.logaddexp.reduce(x, axis=None), ValueError, "one axis"),
    ("unique", np.unique, NotImplementedError, "return_index=True"),
]


@pytest.mark.parametrize(("name", "f", "error", "words"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refusals_name_the_function_or_the_remedy(
    name: str, f: Callable[[Any], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ft.grad(f)(X)


def test_remedies_work() -> None:
    x = np.array([3.0, 1.0, 3.0, 2.0])

    def distinct(x: Any) -> Any:
        i = np.unique(ft.stop_gradient(x), return_index=True)[1]
        return np.sum(x[i] ** 2)

    np.testing.assert_array_equal(ft.grad(distinct)(x), [6.0, 2.0, 0.0, 4.0])
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(np.real(np.sort(x.astype(complex)))))(x), np.ones(4))
    g = ft.grad(lambda x: np.sum(np.stack([np.multiply.reduce(x[:2]), np.multiply.reduce(x[2:])])))(x)
    np.testing.assert_array_equal(g, [1.0, 3.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "f",
    [
        np.sort,
        np.median,
        np.nanmedian,
        lambda x: np.partition(x, 1),
        lambda x: np.quantile(x, 0.3),
        lambda x: np.cumprod(x, axis=0),
        np.maximum.accumulate,
        np.logaddexp.reduce,
    ],
)
def test_lazy_arrays_are_refused_where_all_elements_are_looked_at(f: Callable[[Any], Any]) -> None:
    with duck.nothing_computed(), pytest.raises(NotImplementedError, match="dask"):
        ft.grad(lambda x: np.sum(f(x)))(duck.delayed(X))


# --- Values that are shared -------------------------------------------------------------------------------------------


def test_gradients_of_sums_may_be_written_and_are_not_shared() -> None:
    for shape in ((), (3,), (100, 100)):
        x = np.ones(shape)
        g, h = ft.grad(lambda x, y: np.sum(x) + np.sum(y), (0, 1))(x, x)
        assert g.flags.writeable
        assert not np.may_share_memory(g, h)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "bool", "float32"])
@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod", "nansum", "nanprod", "nancumsum", "trace"])
def test_a_dtype_is_that_of_the_result_and_short_integers_wrap_around(name: str, dtype: str) -> None:
    f = getattr(np, name)
    x = np.array([[100, 27], [3, 5]])
    for kind in (np.int8, np.int64, bool):
        expected = f(x.astype(kind), dtype=dtype)
        actual = ft.vmap(lambda x: f(x, dtype=dtype))(np.stack([x, x]).astype(kind))
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual[1], expected)


@pytest.mark.parametrize("name", ["mean", "var", "std", "nanmean", "nanvar", "nanstd"])
def test_a_mean_in_integers_is_refused_as_it_would_cut_off_fractions(name: str) -> None:
    words = rf"np\.(nan)?{name.removeprefix('nan')}"
    for x in (INTEGERS, X):
        with pytest.raises(TypeError, match=rf"{words}.*dtype=int32.*{words}\(x\)\.astype\(int32\)"):
            ft.vmap(lambda x: getattr(np, name)(x, dtype=np.int32))(x)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.5.0", reason="older versions sort in ascending order only")
@pytest.mark.parametrize(
    "x",
    [
        np.array([[1.0, np.nan, 3.0, 1.0, 3.0], [0.5, -np.inf, np.inf, 2.0, np.nan]]),
        np.array([[3, 1, 3, 0], [-128, 127, 0, 1]], np.int8),
        np.array([[3, 1, 3, 0], [255, 0, 1, 255]], np.uint8),
        np.array([[True, False, True]]),
    ],
    ids=lambda x: x.dtype.name,
)
def test_descending_order_is_numpys(x: Any) -> None:
    for axis in (0, -1, None):
        found = ft.vmap(lambda y, axis=axis: np.sort(y, axis=axis, descending=True))(x[None])[0]
        np.testing.assert_array_equal(found, np.sort(x, axis=axis, descending=True))
        found = ft.vmap(lambda y, axis=axis: np.argsort(y, axis=axis, descending=True, stable=True))(x[None])[0]
        np.testing.assert_array_equal(found, np.argsort(x, axis=axis, descending=True, stable=True))


# --- NaN among elements of which one is taken -------------------------------------------------------------------------

PICKED: list[tuple[str, Callable[[Any], Any]]] = [
    ("max", lambda x: np.max(x, axis=-1)),
    ("median", lambda x: np.median(x, axis=-1)),
    ("quantile", lambda x: np.quantile(x, 0.3, axis=-1)),
    ("quantile, lower", lambda x: np.quantile(x, 0.3, axis=-1, method="lower")),
    ("quantiles", lambda x: np.quantile(x, [0.3, 0.6], axis=-1)),
    ("percentile", lambda x: np.percentile(x, 30.0, axis=-1)),
    (
        "weighted quantile",
        lambda x: np.quantile(x, 0.3, axis=-1, weights=np.array([1.0, 2.0, 1.0]), method="inverted_cdf"),
    ),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("function", [pytest.param(f, id=name) for name, f in PICKED])
def test_where_the_value_is_nan_the_derivative_is_and_other_rows_are_right(function: Callable[[Any], Any]) -> None:
    x = np.array([[1.0, np.nan, 3.0], [3.0, 1.0, 2.0]])
    alone = ft.grad(lambda x: np.sum(function(x)))(x[1])
    assert np.all(np.isfinite(alone))
    assert np.any(alone != 0)
    total = lambda x: np.sum(function(x))
    for gradient in (ft.grad(total)(x), ft.vmap(ft.grad(total))(x), ft.jit(ft.grad(total))(x)):
        assert np.isnan(gradient[0]).all()
        np.testing.assert_allclose(gradient[1], alone, rtol=1e-14)
    value, change = ft.jvp(function, (x,), (np.ones_like(x),))
    np.testing.assert_array_equal(value, function(x))
    assert np.isnan(change[..., 0]).all()
    np.testing.assert_allclose(change[..., 1], 1.0, rtol=1e-14)


def test_the_derivative_by_the_place_of_a_quantile_that_is_nan_is_nan() -> None:
    for x, expected in (([1.0, np.nan, 3.0], np.nan), ([1.0, 2.0, 4.0], 2.0)):
        np.testing.assert_allclose(ft.grad(lambda q, x=x: np.quantile(np.array(x), q))(0.3), expected)


# --- Half precision, whose largest number is 65504 --------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"where": np.ones(100_000, bool)}, {"keepdims": True}])
def test_means_of_many_numbers_of_half_precision(options: dict[str, Any]) -> None:
    x = np.ones(100_000, np.float16)
    f = lambda x: np.mean(x, **options)
    value, change = ft.jvp(f, (x,), (x,))
    np.testing.assert_array_equal(value, np.mean(x, **options))
    np.testing.assert_array_equal(change, 1.0)
    (gradient,) = ft.vjp(f, x)[1](np.ones_like(value))
    assert value.dtype == change.dtype == gradient.dtype == np.float16
    np.testing.assert_array_equal(gradient, np.float16(1e-5))
