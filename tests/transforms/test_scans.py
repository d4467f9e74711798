"""scan, map and associative_scan give what a Python loop gives, under every transformation, checkpointed or not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.measuring import peak
from tests.trees import assert_same_tree

X = np.array([0.3, -0.7, 1.1])
T = np.array([1.0, 2.0, -0.5])
ROWS = np.array([[0.3, -0.7, 1.1], [-0.2, 0.4, 2.0], [1.3, 0.1, -0.6], [0.9, 0.8, 0.7], [0.2, -0.1, 0.5]])
#: The same operations; cotangents are summed in another order.
SAME = 1e-12
assert_same = partial(assert_same_tree, rtol=SAME, atol=SAME)


def step(carry: Any, x: Any) -> Any:
    state, count = carry
    state = np.sin(state * x["a"]) + x["b"]
    return (state, count + 1), {"y": state * state, "n": (np.sum(x["a"]), count)}


def looped(carry: Any, xs: Any, reverse: bool) -> Any:
    ys = []
    n = len(xs["b"])
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = step(carry, {"a": xs["a"][i], "b": xs["b"][i]})
        ys.append(y)
    ys = ys[::-1] if reverse else ys
    return carry, ft.tree.map(lambda *rows: np.stack(rows), *ys)


def of_scan(**options: Any) -> Callable[[Any, Any, Any], Any]:
    def f(state: Any, a: Any, b: Any) -> Any:
        (state, _), ys = ft.scan(step, (state, 0), {"a": a, "b": b}, **options)
        return state, ys["y"], ys["n"][0]

    return f


def of_loop(reverse: bool) -> Callable[[Any, Any, Any], Any]:
    def f(state: Any, a: Any, b: Any) -> Any:
        (state, _), ys = looped((state, 0), {"a": a, "b": b}, reverse)
        return state, ys["y"], ys["n"][0]

    return f


ARGS = (X, ROWS, ROWS[:, 0] * 2.0)
BATCHES = tuple(np.stack([x, 0.9 * x, 1.0 - x]) for x in ARGS)


def total(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: sum(np.sum(leaf * leaf) for leaf in f(*args))


TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "value": lambda f: f(*ARGS),
    "grad": lambda f: ft.grad(total(f), (0, 1, 2))(*ARGS),
    "grad by the rows": lambda f: ft.grad(total(f), 1)(*ARGS),
    "jvp": lambda f: ft.jvp(f, ARGS, tuple(np.cos(x) for x in ARGS)),
    "jacfwd": lambda f: ft.jacfwd(f)(*ARGS),
    "jacrev": lambda f: ft.jacrev(f, (0, 2))(*ARGS),
    "hessian": lambda f: ft.hessian(total(f))(*ARGS),
    "jacrev of jacrev": lambda f: ft.jacrev(ft.jacrev(total(f)))(*ARGS),
    "jet": lambda f: ft.jet(lambda x: f(x, *ARGS[1:]), (X,), ([T, X, T],)),
    "vmap": lambda f: ft.vmap(f)(*BATCHES),
    "vmap of the carry": lambda f: ft.vmap(f, (0, None, None))(BATCHES[0], *ARGS[1:]),
    "vmap of the rows": lambda f: ft.vmap(f, (None, 0, None))(X, BATCHES[1], ARGS[2]),
    "vmap of grad": lambda f: ft.vmap(ft.grad(total(f), (0, 1, 2)))(*BATCHES),
    "grad of vmap": lambda f: ft.grad(total(ft.vmap(f)), (0, 1, 2))(*BATCHES),
    "closure": lambda f: ft.grad(lambda w: total(f)(X * w, ROWS, w * ARGS[2]))(0.7),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("checkpoint", [None, "sqrt", 1, 2, 5, 9])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_scan_is_a_loop(name: str, checkpoint: Any, reverse: bool) -> None:
    found = TRANSFORMS[name](of_scan(checkpoint=checkpoint, reverse=reverse))
    assert_same(found, TRANSFORMS[name](of_loop(reverse)))


def test_a_scan_within_a_scan() -> None:
    def product(m: Any, checkpoint: Any) -> Any:
        def row(carry: Any, x: Any) -> Any:
            return ft.scan(lambda c, v: (np.sin(c) * v, c), carry, x, checkpoint=checkpoint)

        return ft.scan(row, 1.0, m, checkpoint=checkpoint)

    def plain(m: Any) -> Any:
        c, ys = 1.0, []
        for x in m:
            for v in x:
                ys.append(c)
                c = np.sin(c) * v
        return c, np.stack(ys).reshape(m.shape)

    for checkpoint in (None, "sqrt"):
        assert_same(product(ROWS, checkpoint), plain(ROWS))
        found = ft.jacrev(product)(ROWS, checkpoint)
        assert_same(found, ft.jacrev(plain)(ROWS))
        assert_same(ft.hessian(lambda m, c=checkpoint: product(m, c)[0])(ROWS), ft.hessian(lambda m: plain(m)[0])(ROWS))


@pytest.mark.parametrize("checkpoint", [None, "sqrt"])
def test_values_that_the_function_closes_over_are_differentiated(checkpoint: Any) -> None:
    def f(ws: Any) -> Any:
        y = 1.0
        for i in range(2):  # the variable that the function closes over is bound anew
            w = ws[i]
            y, _ = ft.scan(lambda c, x: (np.tanh(c * w + x), None), y, ROWS[:, i], checkpoint=checkpoint)  # noqa: B023
        return y

    def plain(ws: Any) -> Any:
        y = 1.0
        for i in range(2):
            for x in ROWS[:, i]:
                y = np.tanh(y * ws[i] + x)
        return y

    w = np.array([0.7, -0.4])
    assert_same(ft.grad(f)(w), ft.grad(plain)(w))
    assert_same(ft.hessian(f)(w), ft.hessian(plain)(w))
    assert_same(ft.vmap(ft.grad(f))(np.stack([w, 2 * w])), np.stack([ft.grad(plain)(w), ft.grad(plain)(2 * w)]))


def test_a_checkpointed_scan_keeps_the_square_root() -> None:
    n, size = 400, 10_000

    def loss(x: Any, checkpoint: Any) -> Any:
        return np.sum(ft.scan(lambda c, _: (np.sin(c), None), x, length=n, checkpoint=checkpoint)[0])

    one = 8 * size
    assert peak(lambda: ft.grad(loss)(np.ones(size), None)) > n * one
    # 20 borders, the 20 steps of one chunk, and a few arrays that are at work.
    assert peak(lambda: ft.grad(loss)(np.ones(size), "sqrt")) < 50 * one


def test_lengths() -> None:
    assert_same(ft.scan(lambda c, x: (c + 1, c * x), 1.0, X, 3), (4.0, np.array([1.0, 2.0, 3.0]) * X))
    assert_same(ft.scan(lambda c, _: (2 * c, c), 1, length=3), (8, np.array([1, 2, 4])))
    carry, ys = ft.scan(lambda c, x: (c, (x, c)), 1.0, np.zeros((0, 2), np.float32))
    assert carry == 1.0
    assert [y.shape for y in ys] == [(0, 2), (0,)]
    assert ys[0].dtype == np.float32
    for wrong, message in [
        (lambda: ft.scan(step, 0.0), "needs arrays with rows, or a length"),
        (lambda: ft.scan(step, 0.0, X, 4), r"lengths differ \(length=4\): the arrays have shapes \(3,\)"),
        (lambda: ft.scan(step, 0.0, (X, ROWS)), r"lengths differ: the arrays have shapes \(3,\), \(5, 3\)"),
        (lambda: ft.scan(step, 0.0, (X, 1.0)), r"xs\[1\] is a scalar and has no rows"),
        (lambda: ft.scan(step, 0.0, X, checkpoint=0), "must be 'sqrt', a positive number of steps or None, not 0"),
        (lambda: ft.scan(step, 0.0, X, checkpoint="log"), "'log'"),
    ]:
        with pytest.raises(ValueError, match=message):
            wrong()  # type: ignore[no-untyped-call]


def test_what_a_step_must_return() -> None:
    with pytest.raises(TypeError, match=r"scan: <lambda> must return a pair \(carry, y\); it returned a float64"):
        ft.scan(lambda c, x: c + x, 0.0, X)
    with pytest.raises(TypeError, match=r"scan: <lambda> was given a carried value of structure .* structure .*\*, \*"):
        ft.scan(lambda c, x: ((c, c), x), 0.0, X)
    with pytest.raises(TypeError, match=r"a carried value of a Python float and returned float64\[2\]"):
        ft.scan(lambda c, x: (x, x), 0.0, ROWS[:, :2])
    with pytest.raises(TypeError, match=r"returned a tree of structure .* for one row, then one of"):
        ft.scan(lambda c, x: (c + 1, x if c else (x,)), 0, X)


# --- map --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 1, 2, 8])
def test_map_is_a_loop_or_a_batch(batch_size: Any) -> None:
    def f(row: Any) -> Any:
        return {"s": np.sum(row["x"]) * row["k"], "x": np.sin(row["x"])}

    xs = {"x": ROWS, "k": np.arange(5.0)}
    found = ft.map(f, xs, batch_size=batch_size)
    assert_same(found, {"s": ROWS.sum(1) * np.arange(5.0), "x": np.sin(ROWS)})
    gradient = ft.grad(lambda x: np.sum(ft.map(f, {"x": x, "k": xs["k"]}, batch_size=batch_size)["s"] ** 2))(ROWS)
    assert_same(gradient, 2.0 * (ROWS.sum(1) * np.arange(5.0) ** 2)[:, None] * np.ones(3))


# --- associative_scan -------------------------------------------------------------------------------------------------


def then(f: Any, g: Any) -> Any:
    """Compose affine maps x → A x + b, given as pairs, the first one first."""
    return g[0] @ f[0], np.squeeze(g[0] @ f[1][..., None], -1) + g[1]


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_an_associative_scan_combines_in_order(n: int, reverse: bool) -> None:
    generator = np.random.default_rng(n)
    a, b = generator.normal(size=(n, 2, 2)), generator.normal(size=(n, 2))
    rows = [(x, y) for x, y in zip(a, b, strict=True)]
    expected = [rows[-1] if reverse else rows[0]]
    for row in rows[-2::-1] if reverse else rows[1:]:
        expected.append(then(expected[-1], row))
    expected = expected[::-1] if reverse else expected
    found = ft.associative_scan(then, (a, b), reverse=reverse)
    assert_same(found, (np.stack([x for x, _ in expected]), np.stack([y for _, y in expected])))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_an_associative_scan_along_an_axis_and_its_derivatives(axis: int) -> None:
    def f(x: Any) -> Any:
        return ft.associative_scan(np.multiply, x, axis=axis)

    def plain(x: Any) -> Any:
        return np.cumprod(x, axis)

    assert_same(f(ROWS), plain(ROWS))
    assert_same(ft.jacrev(f)(ROWS), ft.jacrev(plain)(ROWS))
    assert_same(ft.jacfwd(f)(ROWS), ft.jacrev(plain)(ROWS))
    assert_same(ft.hessian(f)(ROWS[:3]), ft.hessian(plain)(ROWS[:3]))
    assert_same(ft.vmap(f)(np.stack([ROWS, -ROWS])), np.stack([plain(ROWS), plain(-ROWS)]))


def test_an_associative_scan_takes_a_logarithmic_number_of_steps() -> None:
    calls = []

    def counted(a: Any, b: Any) -> Any:
        calls.append(len(a))
        return a + b

    np.testing.assert_array_equal(ft.associative_scan(counted, np.ones(1024)), np.arange(1.0, 1025.0))
    assert len(calls) <= 2 * 10
    assert ft.associative_scan(counted, np.ones((0, 2))).shape == (0, 2)


def test_wrong_elements_of_an_associative_scan() -> None:
    with pytest.raises(ValueError, match=r"the lengths along axis 0 differ: the arrays have shapes \(3,\), \(5, 3\)"):
        ft.associative_scan(then, (X, ROWS))
    with pytest.raises(ValueError, match="needs one array at least"):
        ft.associative_scan(then, ())
    with pytest.raises(np.exceptions.AxisError):
        ft.associative_scan(np.add, X, axis=1)
    with pytest.raises(TypeError, match="was given trees of structure"):
        ft.associative_scan(lambda a, b: (a, b), X)
