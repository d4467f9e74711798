"""Loops and branches under `jit` stay what they are, and agree with Python's in every transformation."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.program.program import Program

W = np.random.default_rng(0).normal(size=(3, 3)) * 0.5
ROWS = np.random.default_rng(1).normal(size=(5, 3))
X = np.array([0.3, -0.2, 0.7])
BATCH = np.stack([X, -X, 0.5 * X, 2.0 * X])


def recurrent(x: Any) -> Any:
    def step(h: Any, row: Any) -> tuple[Any, Any]:
        h = np.tanh(h @ (W * x[0]) + row)
        return h, h * 2.0

    h, ys = ft.scan(step, x, ROWS)
    return np.sum(h**2) + np.sum(np.sin(ys))


def backwards(x: Any) -> Any:
    c, ys = ft.scan(lambda c, a: (c * 0.5 + a * x[1], c * a), np.float64(1.0), x, reverse=True)
    return c + np.sum(np.sin(ys))


def counted(x: Any) -> Any:
    return np.sum(ft.fori_loop(1, 5, lambda i, c: np.sin(c) * x + i, x * 1.0))


def indexed(x: Any) -> Any:
    return ft.fori_loop(0, 3, lambda i, c: c * x[i] + np.cos(x[2 - i]), 1.0)


def branched(x: Any) -> Any:
    return np.sum(ft.cond(np.sum(x) > 0.1, lambda v: np.sin(v) * x[0], lambda v: np.sqrt(np.abs(v)) * x[1], x))


def switched(x: Any) -> Any:
    i = np.astype(np.floor(np.abs(np.sum(x)) * 2), int)
    return np.sum(ft.switch(i, [np.sin, np.cos, lambda v: v**2], x))


def repeated(x: Any) -> Any:
    def grow(c: Any) -> Any:
        return c[0] + 1, c[1] * 1.3 + np.sin(c[1]) * x

    return np.sum(ft.while_loop(lambda c: np.sum(c[1] ** 2) < 20.0, grow, (0, x))[1])


def nested(x: Any) -> Any:
    def step(c: Any, a: Any) -> tuple[Any, Any]:
        c = ft.cond(a > 0.0, lambda c: c * a, lambda c: ft.fori_loop(0, 2, lambda i, d: np.sin(d) + a, c), c)
        return c, ft.while_loop(lambda d: np.abs(d) < 3.0, lambda d: 2.0 * d + x[0], c + 1.0)

    c, ys = ft.scan(step, 1.0, x)
    return c + np.sum(ys**2)


FUNCTIONS = {f.__name__: f for f in (recurrent, backwards, counted, indexed, branched, switched, repeated, nested)}


def squared_slope(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: np.sum(ft.grad(f)(x) ** 2)


TRANSFORMED: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "value": (lambda f: f, X),
    "gradient": (ft.grad, X),
    "jvp": (lambda f: lambda x: ft.jvp(f, (x,), (BATCH[2],)), X),
    "hessian": (ft.hessian, X),
    "batch": (ft.vmap, BATCH),
    "batch of gradients": (lambda f: ft.vmap(ft.grad(f)), BATCH),
    "gradient of a batch": (lambda f: ft.grad(lambda x: np.sum(ft.vmap(f)(x))), BATCH),
    "batch of hessians": (lambda f: ft.vmap(ft.hessian(f)), BATCH),
    "jacobian of a batch": (lambda f: ft.jacfwd(ft.vmap(f)), BATCH),
}
SECOND_REVERSE: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "gradient of a gradient": (lambda f: ft.grad(squared_slope(f)), X),
    "batch of those": (lambda f: ft.vmap(ft.grad(squared_slope(f))), BATCH),
}


def assert_same(actual: Any, expected: Any) -> None:
    for a, b in zip(ft.tree.leaves(actual), ft.tree.leaves(expected), strict=True):
        assert np.shape(a) == np.shape(b)
        # Products of matrices and sums of them are computed in another order.
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("transformed", TRANSFORMED)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_order_of_jit_and_a_transformation(name: str, transformed: str) -> None:
    f, (transform, x) = FUNCTIONS[name], TRANSFORMED[transformed]
    for point in (x, -x):
        expected = transform(f)(point)
        assert_same(ft.jit(transform(f))(point), expected)
        assert_same(transform(ft.jit(f))(point), expected)


@pytest.mark.parametrize("transformed", SECOND_REVERSE)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_reverse_over_reverse(name: str, transformed: str) -> None:
    f, (transform, x) = FUNCTIONS[name], SECOND_REVERSE[transformed]
    expected = transform(f)(x)
    assert_same(ft.jit(transform(f))(x), expected)
    assert_same(transform(ft.jit(f))(x), expected)


def test_the_diagonal_of_the_hessian_of_a_while_loop_that_is_linear() -> None:
    """Its history has no tangents, but went through a batch of them: nothing of that may leave the transformation."""
    f = ft.jit(lambda x: np.sum(ft.while_loop(lambda c: np.sum(c) < 20.0, lambda c: 1.3 * c + 0.1 * x, x)))
    np.testing.assert_array_equal(ft.hessian_diag(f)(X), np.zeros(X.shape))
    np.testing.assert_array_equal(ft.jacfwd(lambda x: ft.grad(f)(x) * x)(X), np.diag(ft.grad(f)(X)))


# --- What stays ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "word"),
    [("recurrent", "scan"), ("counted", "scan"), ("branched", "cond"), ("switched", "switch"), ("repeated", "while")],
)
def test_one_equation_each(name: str, word: str) -> None:
    assert [e.primitive.name for e in ft.jit(FUNCTIONS[name]).program(X).equations].count(word) == 1


def test_a_program_serves_all_values() -> None:
    for f in (branched, switched, repeated):
        compiled, gradient = ft.jit(f), ft.jit(ft.grad(f))
        for x in (X, -X, 0.1 * X, 3.0 * X):
            assert_same(compiled(x), f(x))
            assert_same(gradient(x), ft.grad(f)(x))


def test_a_program_does_not_grow_with_the_number_of_steps() -> None:
    def steps(n: int) -> int:
        return len(ft.jit(ft.grad(lambda x: ft.fori_loop(0, n, lambda i, c: np.sin(c) * x, x))).program(0.5))

    assert steps(5) == steps(500)


def test_a_condition_that_is_known_takes_its_branch() -> None:
    program = ft.jit(lambda x: ft.cond(True, np.sin, np.cos, x)).program(1.0)
    assert [e.primitive.name for e in program.equations] == ["sin"]


def test_a_loop_whose_counter_is_needed_as_a_number_unrolls() -> None:
    table = [1.0, 2.0, 3.0]
    assert ft.jit(lambda x: ft.fori_loop(0, 3, lambda i, c: c + table[i] * x, 0.0))(2.0) == 12.0


@pytest.mark.parametrize("transformed", ["value", "gradient", "batch of gradients"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_text_source_and_file(name: str, transformed: str) -> None:
    transform, x = TRANSFORMED[transformed]
    program = ft.jit(transform(FUNCTIONS[name])).program(x)
    assert Program.parse(str(program)) == program
    file = io.BytesIO()
    program.save(file)
    file.seek(0)
    loaded = Program.load(file)
    assert loaded == program
    assert_same(loaded(x), program(x))
    namespace: dict[str, Any] = {}
    exec(program.as_source(), namespace)
    assert_same(namespace[program.name](x), program(x)[0])
    assert "functorch_lite" not in program.as_source()
    assert program.cost().flops > 0
    assert program.as_dot().startswith("digraph")
    assert program._repr_html_().count("<table>") > 1


def test_cost_counts_each_step() -> None:
    def flops(n: int) -> int:
        return ft.jit(lambda x: ft.fori_loop(0, n, lambda i, c: np.sin(c), x)).program(X).cost().flops

    assert flops(10) == 2 * flops(5)


# --- Dtypes ---------------------------------------------------------------------------------------------------------


SINGLE = np.array([0.1, 0.2, 0.3], np.float32)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: ft.fori_loop(0, 3, lambda i, c: c * x[0], 1.0),
        lambda x: ft.fori_loop(0, 3, lambda i, c: c * x[0], 1),
        lambda x: ft.fori_loop(0, 3, lambda i, c: c * 2.0, 1.0) * x,
        lambda x: ft.scan(lambda t, v: (t + v, t * 2.0), 0.0, x),
        lambda x: ft.cond(x[0] > 0.0, lambda: x[0], lambda: 0.0),
        lambda x: ft.while_loop(lambda c: c < 1.0, lambda c: c + x[1], 0.0),
        lambda x: ft.grad(lambda x: ft.scan(lambda t, v: (t + v * v, t * 2.0), 0.0, x)[0])(x),
    ],
)
def test_python_numbers_take_on_the_precision_of_arrays(f: Callable[[Any], Any]) -> None:
    for actual, expected in zip(ft.tree.leaves(ft.jit(f)(SINGLE)), ft.tree.leaves(f(SINGLE)), strict=True):
        assert actual.dtype == expected.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


# --- Operations that are taken out of a loop --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "start"),
    [
        (lambda h, row, m: (np.tanh(h), (row, row @ h)), W),
        (lambda h, row, m: (np.tanh(h + row), (row, m, 2.0, row @ h, h)), W),
        (lambda c, row, m: ((np.tanh(c[0] + row), 0.5 * c[1]), ((c[0] @ m) * c[1], c[1])), (W, 1.0)),
        (lambda c, row, m: ((np.tanh(c[0] + row), 0.5 * c[1]), (c[0] @ m) * (2 * c[1] + 1.0)), (X, 1.0)),
        (lambda c, row, m: ((np.tanh(c[0] + row), c[1] + 1), (c[0] @ m) * c[1]), (X, 0)),
        (lambda c, row, m: ((np.tanh(c[0] + row), c[1] + m @ c[0]), row), (W, W)),
        (lambda c, row, m: ((np.tanh(c[0] + row), c[1] + c[0].T @ m.T), row), (W, W)),
    ],
    ids=["rows", "all kinds", "number", "of a number", "integer", "sum by a constant", "sum by a transposed constant"],
)
@pytest.mark.parametrize("dtype", [float, np.float32])
def test_products_beside_rows_numbers_and_constants(step: Any, start: Any, dtype: Any) -> None:
    def f(rows: Any) -> Any:
        first = ft.tree.map(lambda x: x if np.ndim(x) == 0 else x.astype(dtype), start)
        return ft.scan(lambda c, row: step(c, row, W.astype(dtype)), first, rows)

    rows = np.broadcast_to(ROWS[:, None, :] if np.ndim(ft.tree.leaves(start)[0]) == 2 else ROWS, (5, *_shape(start)))
    rows = rows.astype(dtype)
    compiled = ft.jit(f)(rows)
    for y, expected in zip(ft.tree.leaves(compiled), ft.tree.leaves(f(rows)), strict=True):
        assert np.asarray(y).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(y, expected, rtol=1e-5 if dtype is np.float32 else 1e-12)

    def total(rows: Any) -> Any:
        return sum(np.sum(np.sin(y)) for y in ft.tree.leaves(f(rows)))

    slope = ft.grad(total)(rows)
    for way in (ft.jit(ft.grad(total)), ft.grad(ft.jit(total))):
        np.testing.assert_allclose(way(rows), slope, rtol=1e-4 if dtype is np.float32 else 1e-10, atol=1e-6)
        assert way(rows).dtype == slope.dtype


def _shape(start: Any) -> tuple[int, ...]:
    return np.shape(ft.tree.leaves(start)[0])


def test_products_scaled_by_the_counter() -> None:
    def f(x: Any) -> Any:
        return ft.fori_loop(0, 3, lambda i, c: (np.tanh(c[0] + x), c[1] + (c[0] @ W) * i), (x, x))

    assert_same(ft.jit(f)(X), f(X))


# --- Batches whose examples differ ------------------------------------------------------------------------------------


def test_no_invalid_value_reaches_a_branch() -> None:
    f = ft.grad(lambda x: ft.cond(x > 0.0, np.sqrt, lambda x: 0.0 * x, x))
    with np.errstate(all="raise"):
        compiled = ft.jit(ft.vmap(f))
        np.testing.assert_array_equal(compiled(np.array([4.0, -1.0, 0.0])), [0.25, 0.0, 0.0])
        np.testing.assert_array_equal(compiled(np.array([-4.0, -1.0, 0.0])), [0.0, 0.0, 0.0])


def test_a_branch_that_is_not_taken_does_nothing_to_what_it_closes_over() -> None:
    def root(x: Any) -> Any:
        return ft.cond(x > 0.0, lambda: np.sqrt(x), lambda: 0.0 * x)

    for x in (0.0, -1.0, 4.0):
        expected = 0.25 if x > 0.0 else 0.0
        for f in (ft.grad(ft.jit(root)), ft.jit(ft.grad(root)), ft.grad(ft.jit(ft.jit(root))), ft.jacfwd(ft.jit(root))):
            assert f(x) == expected
        # The traced value may lie below others: the derivative is taken inside of what is recorded.
        assert ft.jit(lambda x: ft.grad(lambda y: ft.cond(x > 0.0, lambda: np.sqrt(y * x), lambda: 0.0 * y))(x))(
            x
        ) == pytest.approx(0.5 if x > 0.0 else 0.0)

    class Model:
        def __init__(self, matrix: Any) -> None:
            self.parts = {"matrix": [matrix]}

        def inverse(self) -> Any:
            return np.linalg.inv(self.parts["matrix"][0])

    def inverse(a: Any) -> Any:
        return ft.cond(np.linalg.det(a) != 0.0, Model(a).inverse, lambda a=a: np.zeros_like(a))

    compiled = ft.jit(inverse)
    np.testing.assert_array_equal(compiled(2.0 * np.eye(2)), 0.5 * np.eye(2))
    np.testing.assert_array_equal(compiled(np.zeros((2, 2))), np.zeros((2, 2)))


def test_what_does_not_let_itself_be_copied_stays_as_it_is() -> None:
    class Sealed:
        def __init__(self, value: Any) -> None:
            self.value = value

        def __reduce_ex__(self, protocol: Any) -> Any:
            raise TypeError("sealed")

    def f(x: Any) -> Any:
        sealed = Sealed(x)
        return ft.cond(x > 0.0, lambda: 3.0 * sealed.value, lambda: x)

    for x in (2.0, -2.0):
        assert ft.jit(f)(x) == f(x)
        assert ft.grad(ft.jit(f))(x) == ft.grad(f)(x)
    np.testing.assert_array_equal(ft.vmap(f)(np.array([2.0, -2.0])), [6.0, -2.0])


def test_effects_of_what_is_closed_over_happen_where_they_stand(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x: Any) -> Any:
        def noted(c: Any, _: Any) -> Any:
            ft.debug.print("step {}", x)
            return c + x, None

        def loud() -> Any:
            ft.debug.print("taken {}", x)
            return x

        return ft.scan(noted, 0.0, None, length=2)[0] + ft.cond(x > 0.0, loud, lambda: 0.0 * x)

    compiled = ft.jit(f)
    assert compiled(1.0) == 3.0
    capsys.readouterr()
    assert compiled(2.0) == 6.0
    assert capsys.readouterr().out == "step 2.0\nstep 2.0\ntaken 2.0\n"
    assert compiled(-2.0) == -4.0
    assert capsys.readouterr().out == "step -2.0\nstep -2.0\n"


def test_what_a_body_computes_of_what_it_closes_over_is_computed_once() -> None:
    def f(a: Any, x: Any) -> Any:
        return ft.scan(lambda c, _: (np.linalg.inv(a) @ c + np.tanh(a)[0], None), x, None, length=5)[0]

    (loop,) = (e for e in ft.jit(f).program(np.eye(3), np.ones(3)).equations if e.primitive.word == "scan")
    words = {e.primitive.word for e in loop.primitive.entries[0].program.equations}
    assert not words & {"inv", "tanh"}


def test_what_a_body_assigns_to_outer_variables_is_not_lost() -> None:
    """It belongs to the body alone, so that to use it outside raises; it must not be the value from before."""

    def by_variable(x: Any) -> Any:
        total = 0.0 * x

        def step(c: Any, _: Any) -> Any:
            nonlocal total
            total = total + c
            return c, None

        ft.scan(step, x, None, length=2)
        return total

    def by_list(x: Any) -> Any:
        seen = [x]
        ft.scan(lambda c, _: (seen.append(c + seen[0]), (c, None))[1], x, None, length=2)
        return seen[-1]

    def by_attribute(x: Any) -> Any:
        state = type("State", (), {})()
        state.total = 0.0 * x

        def step(c: Any, _: Any) -> Any:
            state.total = state.total + c
            return c, None

        ft.scan(step, x, None, length=2)
        return state.total

    for f in (by_variable, by_list, by_attribute):
        with pytest.raises(ft.EscapedTracerError, match=r"a branch or the body of a loop.*Return it: from"):
            ft.jit(f)(1.0)


def test_a_branch_that_no_example_needs_does_not_run() -> None:
    seen: list[float] = []

    def noted(x: Any) -> Any:
        ft.debug.callback(lambda a: seen.append(float(a)), x)
        return 2.0 * x

    compiled = ft.jit(ft.vmap(lambda x: ft.cond(x > 0.0, noted, lambda x: x, x)))
    compiled(np.array([-1.0, -2.0]))
    assert not seen
    np.testing.assert_array_equal(compiled(np.array([-1.0, 3.0])), [-1.0, 6.0])
    assert 3.0 in seen


def last_alike(a: Any, b: Any) -> Any:
    return ft.scan(lambda c, _: (b, np.max(c) * c), a, None, length=2)


@pytest.mark.parametrize("size", [0, 1, 2, 3])
@pytest.mark.parametrize("out_axes", [0, (None, 0), (1, 2)])
def test_what_is_the_same_for_all_examples_behind_the_last_step_is_so_behind_the_loop(size: int, out_axes: Any) -> None:
    a, b = BATCH[:size, :2], X[:2]
    expected = ft.vmap(last_alike, (0, None), out_axes)(a, b)
    assert_same(ft.vmap(ft.jit(last_alike), (0, None), out_axes)(a, b), expected)
    assert_same(ft.jit(ft.vmap(last_alike, (0, None), out_axes))(a, b), expected)


def test_derivatives_of_a_batch_whose_carried_value_becomes_the_same_for_all_examples() -> None:
    def total(a: Any, b: Any) -> Any:
        c, ys = last_alike(a, b)
        return np.sum(np.sin(c)) + np.sum(ys**2)

    of_batch = (lambda f: ft.vmap(ft.grad(f, (0, 1)), (0, None))), (lambda f: ft.jacrev(ft.vmap(f, (0, None)), (0, 1)))
    for transform in (*of_batch, lambda f: ft.vmap(ft.hessian(f, (0, 1)), (0, None))):
        expected = transform(total)(BATCH, X)
        assert_same(transform(ft.jit(total))(BATCH, X), expected)
        assert_same(ft.jit(transform(total))(BATCH, X), expected)


# --- Loops in loops ---------------------------------------------------------------------------------------------------


def _next(c: Any, rows: Any) -> tuple[Any, Any]:
    """Return a view of the last row that a loop stacks, and the sum of the rows."""

    def step(c: Any, row: Any) -> tuple[Any, Any]:
        y = c + row
        return y[::-1], y

    new, ys = ft.scan(step, c, rows)
    return new, np.sum(ys)


def test_a_view_of_what_an_inner_loop_stacks_outlives_the_step_of_the_outer() -> None:
    def in_scan(c: Any, rows: Any) -> Any:
        def step(pair: Any, _: Any) -> tuple[Any, Any]:
            new, total = _next(pair[0], rows)
            return (new, pair[0]), total

        return ft.scan(step, (c, c), length=3)[0]

    def in_while(c: Any, rows: Any) -> Any:
        def step(state: Any) -> Any:
            new, total = _next(state[0], rows)
            return new, state[0], state[2] + total

        return ft.while_loop(lambda state: state[2] < 50.0, step, (c, c, 0.0))

    c, rows = np.array([1.0, 2.0]), np.ones((2, 2))
    for f in (in_scan, in_while):
        expected = ft.tree.leaves(f(c, rows))
        np.testing.assert_array_equal(expected[1], [5.0, 6.0])
        assert_same(ft.jit(f)(c, rows), expected)

        def squares(c: Any, f: Any = f) -> Any:
            return np.sum(f(c, rows)[1] ** 2)

        assert_same(ft.jit(ft.grad(squares))(c), ft.grad(squares)(c))
        assert_same(ft.grad(ft.jit(squares))(c), ft.grad(squares)(c))


# --- What is in them --------------------------------------------------------------------------------------------------


def test_effects_happen_in_each_step() -> None:
    seen: list[float] = []

    def note(a: Any) -> None:
        ft.debug.callback(lambda a: seen.append(float(a)), a)

    def scanned(x: Any) -> Any:
        return ft.scan(lambda c, v: (note(c), (c + v, None))[1], 0.0, x)[0]

    def doubled(x: Any) -> Any:
        return ft.while_loop(lambda c: c < 5.0, lambda c: (note(c), c * 2.0)[1], x)

    compiled = ft.jit(scanned)
    assert compiled(np.arange(4.0)) == 6.0
    assert seen == [0.0, 0.0, 1.0, 3.0]
    seen.clear()
    loop = ft.jit(doubled)
    assert (loop(1.0), loop(3.0)) == (8.0, 6.0)
    assert seen == [1.0, 2.0, 4.0, 3.0]


def test_keys_are_carried() -> None:
    def f(x: Any) -> Any:
        def step(key: Any, v: Any) -> tuple[Any, Any]:
            key, now = ft.random.split(key, 2)
            return key, v + ft.random.normal(now, ())

        return ft.scan(step, ft.random.key(0), x)[1]

    np.testing.assert_array_equal(ft.jit(f)(np.arange(4.0)), f(np.arange(4.0)))


def test_tensors_that_a_body_closes_over_get_gradients() -> None:
    def f(x: Any) -> Any:
        return np.sum(ft.scan(lambda c, v: (c * t + v, None), np.zeros(2), x)[0])

    gradients = []
    for g in (f, ft.jit(f)):
        t = ft.tensor([1.0, 2.0], requires_grad=True)
        g(np.ones((3, 2))).backward()
        gradients.append(t.grad.numpy())
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_pullback_keeps_nothing_of_the_callers(name: str) -> None:
    f = FUNCTIONS[name]
    x = X.copy()
    _, pull = ft.vjp(ft.jit(f), x)
    x += 1.0
    assert_same(pull(1.0), ft.grad(f)(X))


def test_rules_of_ones_own_are_kept() -> None:
    @ft.custom_vjp
    def f(x: Any) -> Any:
        return np.sin(x)

    f.defvjp(lambda x: (np.sin(x), x), lambda x, g: (10.0 * g * np.cos(x),))

    def g(x: Any) -> Any:
        return ft.scan(lambda c, v: (f(c) + v, None), 0.1, x)[0]

    assert_same(ft.jit(ft.grad(g))(X), ft.grad(g)(X))


def test_checkpoints_and_taylor_mode() -> None:
    def f(x: Any, checkpoint: Any = None) -> Any:
        return ft.scan(lambda c, _: (np.sin(c), None), x, length=17, checkpoint=checkpoint)[0]

    assert_same(ft.jit(ft.grad(lambda x: f(x, "sqrt")))(0.3), ft.grad(f)(0.3))
    assert_same(ft.jit(ft.derivative(f, order=3))(0.3), ft.derivative(f, order=3)(0.3))


def test_the_equation_in_a_loop_that_made_the_first_nan_is_found() -> None:
    f = ft.jit(lambda x: ft.scan(lambda c, v: (np.log(c - v), None), 5.0, x)[0])
    with ft.debug.nans(), pytest.raises(FloatingPointError, match=r"log of float64\[\].*test_structures\.py"):
        f(np.ones(6))


def test_loops_and_branches_that_combine_the_examples_of_a_batch_stay() -> None:
    def f(x: Any) -> Any:
        return ft.scan(lambda c, v: (c + ft.psum(v, "i") * c, c), x[0], x)[0]

    x = np.arange(6.0).reshape(2, 3)
    mapped = ft.vmap(f, axis_name="i")
    assert_same(ft.jit(mapped)(x), mapped(x))
    assert_same(ft.vmap(ft.jit(f), axis_name="i")(x), mapped(x))
    assert "= scan(" in str(ft.jit(mapped).program(x))
    gradient = ft.grad(lambda x: np.sum(mapped(x) ** 2))
    assert_same(ft.jit(gradient)(x), gradient(x))

    def branch(x: Any) -> Any:
        return ft.cond(x[0] > 0.0, lambda v: ft.psum(v, "i"), lambda v: 2.0 * v, x)

    for g in (ft.jit(ft.vmap(branch, axis_name="i")), ft.vmap(ft.jit(branch), axis_name="i")):
        with pytest.raises(ValueError, match=r"examples of the batch 'i' are combined in a branch .* np\.where"):
            g(x)

    def until(x: Any) -> Any:
        return ft.while_loop(lambda v: v[0] < 5.0, lambda v: v + 1.0 + ft.psum(v, "i") ** 2, x)

    for g in (ft.jit(ft.vmap(until, axis_name="i")), ft.vmap(ft.jit(until), axis_name="i")):
        with pytest.raises(ValueError, match=r"examples of the batch 'i' are combined in a branch .* np\.where"):
            g(x)


# --- Refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: ft.cond(x[0] > 0, lambda x: (x, x), lambda x: x, x), "cond: the branches .* must agree"),
        (lambda x: ft.scan(lambda c, v: (np.stack([c, v]), None), 0.0, x), r"scan: .*carried value of float64\[\]"),
        (lambda x: ft.while_loop(lambda c: c, lambda c: c, x[0]), "must return a boolean scalar"),
        (
            lambda x: ft.while_loop(lambda c: c > 0, lambda c: float(c), x[0]),
            r"asked for float\(\).*\(static_argnums\)",
        ),
        (lambda x: ft.fori_loop(0, 2, lambda i, c: c if c > 0 else -c, x[0]), r"asked for the truth.*np\.where"),
    ],
)
def test_errors_are_those_without_jit_or_name_what_was_asked(f: Callable[..., Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ft.jit(f)(X)


def test_a_matrix_without_an_inverse_in_a_branch_that_is_not_taken() -> None:
    """Both branches are recorded with the values at hand, for which one of them may be singular."""

    def f(x: Any) -> Any:
        def solved(x: Any) -> Any:
            return np.sum(np.linalg.solve(np.stack([x, x[::-1], x**2]), x))

        return ft.cond(np.abs(x[0] - x[2]) > 1e-6, solved, lambda x: np.sum(x**2), x)

    same, other = np.array([0.5, 0.2, 0.5]), np.array([0.5, 0.2, 0.7])
    for transform in (lambda f: f, ft.grad, ft.hessian):
        for way in (ft.jit(transform(f)), transform(ft.jit(f))):
            for x in (same, other):
                np.testing.assert_allclose(way(x), transform(f)(x), rtol=1e-9)
    singular = ft.jit(lambda x: np.linalg.inv(np.stack([x, x, x])))
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
            singular(other)
