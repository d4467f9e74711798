"""Sums of products become products of matrices where that pays, and nowhere else; the numbers agree up to rounding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.program.contraction_order import LEAST_SAVED
from functorch_lite.program.factors import factored
from functorch_lite.program.products import FEWEST_STEPS, MOST_ROWS

RNG = np.random.default_rng(11)
A, B, C = RNG.normal(size=(12, 7)), RNG.normal(size=(7, 9)), RNG.normal(size=(12, 9))
V, U = RNG.normal(size=7), RNG.normal(size=12)
Q, K = RNG.normal(size=(3, 6, 5)), RNG.normal(size=(3, 8, 5))

#: Another order of some ten terms of size one: ten units in the last place of one.
ROUNDING = {"rtol": 1e-13, "atol": 1e-13}


def _operations(f: Callable[..., Any], *args: Any) -> Counter[str]:
    return Counter(e.primitive.name for e in ft.jit(f).program(*args).equations)


SUMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, int]]] = {
    "a @ b": (lambda a, b: np.sum(a[:, :, None] * b[None], axis=1), (A, B), {"matmul": 1}),
    "the last axis": (lambda a, b: np.sum(a[:, None, :] * b.T[None], axis=-1), (A, B), {"matmul": 1}),
    "columns before rows": (lambda a, b: np.sum(a[None] * b.T[:, None], axis=2), (A, B), {"matmul": 1}),
    "axes kept": (
        lambda a, b: np.sum(a[:, :, None] * b, axis=1, keepdims=True),
        (A, B),
        {"matmul": 1},
    ),
    "np.multiply": (lambda a, b: np.multiply(a[:, :, None], b).sum(axis=1), (A, B), {"matmul": 1}),
    "a matrix and a vector": (lambda a, v: np.sum(a * v, axis=1), (A, V), {"matmul": 1}),
    "a vector and a matrix": (lambda a, u: np.sum(u[:, None] * a, axis=0), (A, U), {"matmul": 1}),
    "a vector as a column": (lambda b, v: np.sum(b * v[:, None], axis=0), (A.T, V), {"matmul": 1}),
    "a batch": (lambda q, k: np.sum(q[:, :, None] * k[:, None], axis=-1), (Q, K), {"contract": 1}),
    "two summed axes": (lambda q, w: np.sum(q[:, None] * w, axis=(0, 2, 3))[None], (Q, K[:, :1]), {}),
    "two summed axes, and one": (
        lambda q, w: np.sum(q[:, :, None] * w[None, :, :, None], axis=(1,)),
        (Q, RNG.normal(size=(6, 4))),
        {"contract": 1},
    ),
    "broadcast by name": (
        lambda a, b: np.sum(np.broadcast_to(a[:, :, None], (12, 7, 9)) * np.broadcast_to(b, (12, 7, 9)), axis=1),
        (A, B),
        {"matmul": 1},
    ),
    "single precision": (
        lambda a, b: np.sum(a[:, :, None] * b, axis=1),
        (A.astype("f4"), B.astype("f4")),
        {"matmul": 1},
    ),
    "complex": (lambda a, b: np.sum(a[:, :, None] * b, axis=1), (A * 1j + A, B * 1j), {"matmul": 1}),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_of_products(name: str) -> None:
    f, args, wanted = SUMS[name]
    operations = _operations(f, *args)
    assert {name: operations[name] for name in ("matmul", "contract") if operations[name]} == wanted
    assert bool(wanted) == ("sum" not in operations)
    y, expected = ft.jit(f)(*args), f(*args)
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(y, expected, **({"rtol": 1e-5, "atol": 1e-5} if y.dtype == "f4" else ROUNDING))


@pytest.mark.parametrize("of_x", [*product((1, 0), repeat=3)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_sums_of_products_that_are_broadcast_along_any_axes(of_x: tuple[int, ...], keepdims: bool) -> None:
    whole = (4, 6, 5)
    for of_y in product((1, 0), repeat=3):
        x, y = (RNG.normal(size=[n if o else 1 for n, o in zip(whole, of, strict=True)]) for of in (of_x, of_y))
        for axes in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2)):

            def f(x: Any, y: Any, axes: tuple[int, ...] = axes) -> Any:
                return np.sum(np.broadcast_to(x, whole) * y, axis=axes, keepdims=keepdims)

            found, expected = ft.jit(f)(x, y), f(x, y)
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, **ROUNDING)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda a, b: (lambda p: (np.sum(p, axis=1), p))(a[:, :, None] * b), (A, B)),  # the product is a result
        (lambda a, b: (lambda p: np.sum(p, axis=1) + np.max(p))(a[:, :, None] * b), (A, B)),  # it is read elsewhere
        (lambda a, c: np.sum(a * c, axis=0), (A, A + 1.0)),  # nothing is broadcast
        (lambda a, u: np.sum(u[:, None] * a, axis=1), (A, U)),  # the vector is no part of the sum
        (lambda a, b: np.sum(a[:, :, None] * b, axis=1), (A.astype(int), B.astype(int))),
        (lambda a, b: np.sum(a[:, :, None] * b, axis=1), (A > 0, B > 0)),
        (lambda a, b: np.sum(a[:, :, None] * b, axis=1), (A > 0, B)),
        (lambda a, b: np.sum(a[:, :, None] * b, axis=1), (A.astype("f4"), B)),
        (lambda a, b: np.sum(a[:, :, None] * b, axis=1), (A[:2, :2], B[:2, :2])),  # small
        (lambda a, b: np.sum(a[:, :, None] * b, axis=1), (A[:, :0], B[:0])),
        (lambda a, b: np.sum(a[:, :, None] * b, axis=1), (A[:0], B)),
    ],
)
def test_sums_that_stay_sums(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    operations = _operations(f, *args)
    assert operations["sum"] == 1
    assert not operations["matmul"] + operations["contract"]
    for y, expected in zip(ft.tree.leaves(ft.jit(f)(*args)), ft.tree.leaves(f(*args)), strict=True):
        assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(y, expected, **ROUNDING)  # BLAS sums short rows, too


def test_infinities_and_nans_are_where_they_were() -> None:
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -2.0])
    a, b = (np.where(RNG.random(x.shape) < 0.2, special[RNG.integers(special.size, size=x.shape)], 1.0) for x in (A, B))

    def f(a: Any, b: Any) -> Any:
        return np.sum(a[:, :, None] * b, axis=1)

    with np.errstate(all="ignore"):
        assert _operations(f, a, b)["matmul"] == 1
        expected = f(a, b)
        assert {*np.unique(expected.astype(str))} >= {"nan", "inf", "-inf"}
        np.testing.assert_array_equal(ft.jit(f)(a, b), expected)


def test_gradients_of_sums_of_products_are_products_of_matrices() -> None:
    def f(a: Any, b: Any) -> Any:
        return np.sum(np.sum(a[:, :, None] * b[None], axis=1) ** 2)

    gradient = ft.grad(f, (0, 1))
    assert _operations(gradient, A, B)["matmul"] == 3
    for y, expected in zip(ft.jit(gradient)(A, B), gradient(A, B), strict=True):
        np.testing.assert_allclose(y, expected, **ROUNDING)


# --- The steps of a loop ----------------------------------------------------------------------------------------------


def _recurrent(w: Any, u: Any, h: Any, xs: Any) -> Any:
    for i in range(len(xs)):
        h = np.tanh(h @ w + xs[i] @ u)
    return np.sum(h * h)


@pytest.mark.parametrize("rows", [(), (1,), (2,), (MOST_ROWS,), (MOST_ROWS + 1,)])
@pytest.mark.parametrize("steps", [FEWEST_STEPS - 1, FEWEST_STEPS, 10])
def test_derivatives_by_the_matrices_of_a_loop(rows: tuple[int, ...], steps: int) -> None:
    w, u = RNG.normal(size=(6, 6)) / 3, RNG.normal(size=(4, 6))
    args = w, u, RNG.normal(size=(*rows, 6)), RNG.normal(size=(steps, *rows, 4))
    gradient = ft.grad(_recurrent, (0, 1, 2, 3))
    operations = _operations(gradient, *args)
    gathered = steps >= FEWEST_STEPS and (not rows or rows[0] <= MOST_ROWS)
    if gathered:
        assert operations["contract"] == 0
        assert operations["matmul"] <= 3 * steps + 3
    else:
        assert operations["matmul"] + operations["contract"] >= 5 * steps - 3
    for y, expected in zip(ft.jit(gradient)(*args), gradient(*args), strict=True):
        np.testing.assert_allclose(y, expected, **ROUNDING)


def test_what_else_is_added_stays_and_what_is_read_elsewhere_too() -> None:
    def f(xs: Any, ys: Any, c: Any) -> Any:
        first = np.outer(xs[0], ys[0])
        total = first
        for i in range(1, 6):
            total = total + np.outer(xs[i], ys[i])
        return total + c, first

    xs, ys, c = RNG.normal(size=(6, 5)), RNG.normal(size=(6, 4)), RNG.normal(size=(5, 4))
    operations = _operations(f, xs, ys, c)
    assert (operations["contract"], operations["matmul"], operations["add"]) == (1, 1, 2)
    for y, expected in zip(ft.jit(f)(xs, ys, c), f(xs, ys, c), strict=True):
        np.testing.assert_allclose(y, expected, **ROUNDING)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 0, 3, 1, 4), (0, 1, 2, 3)])
def test_slices_in_any_order(order: tuple[int, ...]) -> None:
    def f(xs: Any, ys: Any) -> Any:
        total = np.zeros((5, 4))
        for i in order:
            total = total + xs[i].T @ ys[i]
        return total

    xs, ys = RNG.normal(size=(5, 2, 5)), RNG.normal(size=(5, 2, 4))
    operations = _operations(f, xs, ys)
    assert operations["matmul"] == 1
    assert (operations["concatenate"] == 0) == (len({*order}) == 5)
    np.testing.assert_allclose(ft.jit(f)(xs, ys), f(xs, ys), **ROUNDING)


# --- The order of products --------------------------------------------------------------------------------------------

LEFT, MIDDLE, RIGHT, LAST = (RNG.normal(size=shape) for shape in ((40, 30), (30, 50), (50,), (50, 2)))


@pytest.mark.parametrize(
    ("f", "args", "flops"),
    [
        (lambda a, b, v: a @ b @ v, (LEFT, MIDDLE, RIGHT), 2 * (30 * 50 + 40 * 30)),
        (lambda a, b, c: a @ b @ c, (LEFT, MIDDLE, LAST), 2 * (30 * 50 * 2 + 40 * 30 * 2)),
        (lambda a, b, u: u @ (a @ b), (LEFT, MIDDLE, RNG.normal(size=40)), 2 * (40 * 30 + 30 * 50)),
        (lambda a, v: v @ (a.T @ (a @ v)), (LEFT, LEFT[0]), 2 * (2 * 40 * 30 + 30)),
        (lambda a, v: v @ (a.T @ a) @ v, (LEFT, LEFT[0]), 2 * (2 * 40 * 30 + 30)),
        (lambda a, b, v: a @ (b @ v), (LEFT, MIDDLE, RIGHT), 2 * (30 * 50 + 40 * 30)),
        (lambda a, b: a @ b @ a @ b, (LEFT[:30], LEFT[:30]), 2 * 3 * 30**3),  # square: no order is better
        (lambda a, b, v: (lambda p: (p, p @ v))(a @ b), (LEFT, MIDDLE, RIGHT), 2 * (40 * 30 * 50 + 40 * 50)),
        (lambda a, b, v: a @ b @ v, (LEFT[:3, :3], MIDDLE[:3, :3], RIGHT[:3]), 2 * (27 + 9)),  # small
        (lambda a, b, v: a @ b @ v, (LEFT.astype(int), MIDDLE.astype(int), RIGHT.astype(int)), None),
    ],
)
def test_the_order_of_products(f: Callable[..., Any], args: tuple[Any, ...], flops: int | None) -> None:
    program = ft.jit(f).program(*args)
    assert LEAST_SAVED > 27
    assert flops is None or program.cost().flops == flops
    for y, expected in zip(ft.tree.leaves(ft.jit(f)(*args)), ft.tree.leaves(f(*args)), strict=True):
        assert (np.shape(y), y.dtype) == (np.shape(expected), expected.dtype)
        # Sums of fifty terms of size ten, of such again.
        np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-10)


# --- What is not rewritten ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "c"),
    [
        (np.ones(100_000, np.float16), np.float16(1e-3)),
        (np.full(8, 3e38, np.float32), np.float32(0.1)),
        (np.full(8, 1e308), np.float64(0.1)),
        (np.full(2, 1e308), np.float64(0.0)),
    ],
)
def test_a_factor_that_keeps_a_sum_finite_stays_in_it(x: Any, c: Any) -> None:
    with np.errstate(all="raise"):
        for f in (lambda x, c: np.sum(x * c), lambda x, c: np.sum(-(c * x), axis=0, keepdims=True)):
            np.testing.assert_allclose(ft.jit(f)(x, c), f(x, c), rtol=1e-2 if x.dtype == np.float16 else 1e-6)


def test_outer_products_of_numbers_and_arrays() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.multiply.outer(x, y), np.multiply.outer(x, V), np.multiply.outer(V, y), np.tensordot(x, y, 0)

    for actual, wanted in zip(ft.jit(f)(np.float64(2.0), np.float64(3.0)), f(2.0, 3.0), strict=True):
        np.testing.assert_array_equal(actual, wanted)


@pytest.mark.parametrize("shapes", [((64,), (100,)), ((40, 16), (40, 8)), ((3, 64), (64,))])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
def test_large_outer_products(shapes: tuple[tuple[int, ...], ...], dtype: str) -> None:
    x, y = ((RNG.normal(size=shape) * 3).astype(dtype) for shape in shapes)
    f = lambda x, y: np.multiply.outer(x, y)
    batch = ft.vmap(f) if x.shape[0] == y.shape[0] else f
    np.testing.assert_array_equal(ft.jit(batch)(x, y), batch(x, y), strict=True)


# --- Factors ----------------------------------------------------------------------------------------------------------

#: By name: a program, and what it is once factors are taken out of its sums.
FACTORS: dict[str, tuple[str, str]] = {
    "taken out": (
        """
        program f(a: float64[40,3], b: float64[3], c: float64[40,1], d: float64[1,3]):
            e: float64[40,3] = mul(a, b)
            g: float64[3] = sum(e, axes=(0,), keepdims=False)
            h: float64[40,3] = mul(c, a)
            i: float64[40,1] = sum(h, axes=(1,), keepdims=True)
            j: float64[40,3] = mul(a, d)
            k: float64[1,3] = sum(j, axes=(0,), keepdims=True)
            l: float64[40,3] = mul(c, a)
            m: float64[40,3] = add(l, l)
            return g, i, k, m
        """,
        """
        program f(a: float64[40,3], b: float64[3], c: float64[40,1], d: float64[1,3]):
            e: float64[40,3] = mul(a, b)
            g: float64[1,3] = sum(a, axes=(0,), keepdims=True)
            h: float64[1,3] = mul(g, b)
            i: float64[3] = reshape(h, shape=(3,))
            j: float64[40,3] = mul(c, a)
            k: float64[40,1] = sum(a, axes=(1,), keepdims=True)
            l: float64[40,1] = mul(k, c)
            m: float64[40,1] = reshape(l, shape=(40, 1))
            n: float64[40,3] = mul(a, d)
            o: float64[1,3] = sum(a, axes=(0,), keepdims=True)
            p: float64[1,3] = mul(o, d)
            q: float64[1,3] = reshape(p, shape=(1, 3))
            r: float64[40,3] = mul(c, a)
            s: float64[40,1] = add(c, c)
            t: float64[40,3] = mul(a, s)
            return i, m, q, t
        """,
    ),
    "read elsewhere, different along the axes, whole numbers, a number, few elements": (
        """
        program f(a: float64[40,3], b: float64[3], c: int64[40,3], d: int64[3]):
            e: float64[40,3] = mul(a, b)
            g: float64[3] = sum(e, axes=(0,), keepdims=False)
            h: float64[40,3] = mul(a, b)
            i: float64[40] = sum(h, axes=(1,), keepdims=False)
            j: int64[40,3] = mul(c, d)
            k: int64[3] = sum(j, axes=(0,), keepdims=False)
            l: float64[40,3] = mul(a, 0.5)
            m: float64[3] = sum(l, axes=(0,), keepdims=False)
            n: float64[3] = mul(b, b)
            o: float64[3] = add(n, n)
            p: float64[40,3] = mul(a, a)
            q: float64[40,3] = add(p, p)
            return e, g, i, k, m, o, q
        """,
        """
        program f(a: float64[40,3], b: float64[3], c: int64[40,3], d: int64[3]):
            e: float64[40,3] = mul(a, b)
            g: float64[3] = sum(e, axes=(0,), keepdims=False)
            h: float64[40,3] = mul(a, b)
            i: float64[40] = sum(h, axes=(1,), keepdims=False)
            j: int64[40,3] = mul(c, d)
            k: int64[3] = sum(j, axes=(0,), keepdims=False)
            l: float64[40,3] = mul(a, 0.5)
            m: float64[3] = sum(l, axes=(0,), keepdims=False)
            n: float64[3] = mul(b, b)
            o: float64[3] = add(n, n)
            p: float64[40,3] = mul(a, a)
            q: float64[40,3] = add(p, p)
            return e, g, i, k, m, o, q
        """,
    ),
}


@pytest.mark.parametrize("name", FACTORS)
def test_factors_are_taken_out_of_sums(name: str) -> None:
    before, after = map(ft.Program.parse, FACTORS[name])
    found = factored(before)
    assert str(found) == str(after)
    arrays = [(RNG.normal(size=v.shape) * 5).astype(v.dtype) for v in before.inputs]
    for actual, wanted in zip(found(*arrays), before(*arrays), strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-12, atol=1e-12, strict=True)


def test_the_square_of_a_difference_has_a_gradient_without_needless_products() -> None:
    def f(x: Any, y: Any) -> Any:
        d = x[:, None, :] - y
        return np.sum(np.sin(np.sum(d * d, axis=2)))

    x, y = RNG.normal(size=(9, 4)), RNG.normal(size=(8, 4))
    compiled = ft.jit(ft.grad(f, 1))
    np.testing.assert_allclose(compiled(x, y), ft.grad(f, 1)(x, y), rtol=1e-12)
    large = [e for e in compiled.program(x, y).equations if e.outputs[0].size == 9 * 8 * 4]
    assert [e.primitive.name for e in large] == ["sub", "mul", "mul"], "the difference, its square, the cotangent"
