"""Traces keep nested transformations apart, in every thread and task, and end when their transformation does."""

from __future__ import annotations

import asyncio
import operator
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.errors import EscapedTracerError
from functorch_lite.core.trace import ClosedTrace, Trace

X = np.array([0.3, -0.7, 1.1])


def along(f: Callable[[Any], Any], x: Any, t: Any = 1.0) -> Any:
    """Return the derivative of ``f`` at ``x`` along ``t``, in forward mode."""
    return ft.jvp(f, (x,), (t,))[1]


# --- Perturbation confusion -------------------------------------------------------------------------------------------

# Derivatives of one variable by each of the transformations that differentiate; all of them are interchangeable.
DERIVATIVES: dict[str, Callable[[Callable[[Any], Any]], Callable[[Any], Any]]] = {
    "grad": ft.grad,
    "jvp": lambda f: lambda x: along(f, x),
    "vjp": lambda f: lambda x: ft.vjp(f, x)[1](1.0)[0],
    "jacfwd": ft.jacfwd,
    "jacrev": ft.jacrev,
    "linearize": lambda f: lambda x: ft.linearize(f, x)[1](1.0),
    "derivative": ft.derivative,
    "vmap of grad": lambda f: lambda x: ft.vmap(ft.grad(f), axis_size=2, in_axes=None)(x)[1],
}

# Functions of x that differentiate inside, closing over x, by D; with the derivative at x = 3 by hand.
CONFUSING: dict[str, tuple[Callable[[Any, Any], Any], float]] = {
    # d/dx (x · d/dy (x + y)) = d/dx x = 1; confusing the perturbations gives 2
    "x * D(x + y)": (lambda D, x: x * D(lambda y: x + y)(1.0), 1.0),
    "x * D(x * y)": (lambda D, x: x * D(lambda y: x * y)(2.0), 6.0),
    # d/dy at y = x: D(x y²)(x) = 2x², derivative 4x
    "D(x y²) at y = x": (lambda D, x: D(lambda y: x * y * y)(x), 12.0),
    "D(x y²) at y = 2x": (lambda D, x: D(lambda y: x * y * y)(2.0 * x), 24.0),
    # D_y D_z (x y z²) at z = y, y = x: D_y (2 x y²) = 4 x y = 4x², derivative 8x
    "D(D(x y z²))": (lambda D, x: D(lambda y: D(lambda z: x * y * z * z)(y))(x), 24.0),
    "D of what does not depend on y": (lambda D, x: x * x + D(lambda y: x * x)(5.0), 6.0),
    "constant in x inside": (lambda D, x: x * D(lambda y: y * y * y)(2.0), 12.0),
    "the inner argument is not the outer one": (lambda D, x: D(lambda y: (lambda z: z * z * z)(y))(x), 18.0),
    # the inner function ignores its argument for x in one factor: d/dx (D(x² y)(1)) = 2x
    "power": (lambda D, x: D(lambda y: x**2 * y)(1.0), 6.0),
}


@pytest.mark.parametrize("inner", DERIVATIVES)
@pytest.mark.parametrize("outer", DERIVATIVES)
@pytest.mark.parametrize("name", CONFUSING)
def test_inner_and_outer_derivatives_are_told_apart(name: str, outer: str, inner: str) -> None:
    function, expected = CONFUSING[name]
    found = DERIVATIVES[outer](lambda x: function(DERIVATIVES[inner], x))(3.0)
    assert float(found) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("inner", DERIVATIVES)
@pytest.mark.parametrize("outer", DERIVATIVES)
def test_derivatives_are_told_apart_beside_each_other(outer: str, inner: str) -> None:
    D = DERIVATIVES[inner]

    def f(x: Any) -> Any:
        first = D(lambda y: np.sin(x * y))(2.0)  # x cos 2x
        second = D(lambda y: np.cos(x + y))(x)  # -sin 2x
        return first * second

    x = 0.4
    expected = (np.cos(2 * x) - 2 * x * np.sin(2 * x)) * -np.sin(2 * x) + x * np.cos(2 * x) * -2 * np.cos(2 * x)
    assert float(DERIVATIVES[outer](f)(x)) == pytest.approx(expected, rel=1e-13)


def test_vmap_inside_grad_closes_over_what_is_differentiated() -> None:
    found = ft.grad(lambda x: np.sum(ft.vmap(lambda i: np.sin(x * i) * x)(X)))(0.8)
    assert found == pytest.approx(np.sum(np.sin(0.8 * X) + 0.8 * X * np.cos(0.8 * X)), rel=1e-14)


def test_grad_inside_vmap_closes_over_the_batched_value() -> None:
    found = ft.vmap(lambda i: ft.grad(lambda x: np.sin(x * i) * i)(0.8))(X)
    np.testing.assert_allclose(found, X * X * np.cos(0.8 * X), rtol=1e-14)


def test_vmaps_of_two_levels_are_told_apart() -> None:
    found = ft.vmap(lambda a: ft.vmap(lambda b: a * b - ft.vmap(lambda c: c * a)(X)[0])(X))(X)
    np.testing.assert_allclose(found, np.outer(X, X) - X[:, None] * X[0], rtol=1e-15)


def test_grad_through_a_pullback_made_outside_of_it() -> None:
    # pull closes over x of the outer grad and is used inside the inner one
    def f(x: Any) -> Any:
        _, pull = ft.vjp(lambda y: np.sin(x * y), x)
        return ft.grad(lambda t: pull(t * t)[0])(3.0)  # 6 x cos x²

    assert ft.grad(f)(0.5) == pytest.approx(6 * np.cos(0.25) - 12 * 0.25 * np.sin(0.25), rel=1e-14)


def test_control_flow_on_values_inside_nested_derivatives() -> None:
    def f(x: Any) -> Any:
        return x * x * x if x > 0 else -x

    assert ft.grad(ft.grad(f))(2.0) == 12.0
    assert ft.grad(ft.grad(f))(-2.0) == 0.0
    assert along(ft.grad(f), 2.0) == 12.0


# --- Leaving a transformation -----------------------------------------------------------------------------------------


def run_grad(f: Callable[[Any], Any]) -> Any:
    return ft.grad(lambda x: np.sum(f(x)))(X)


# Ways to run a function of an array under one transformation.
RUNS: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "grad": run_grad,
    "vjp": lambda f: ft.vjp(f, X),
    "jvp": lambda f: ft.jvp(f, (X,), (X,)),
    "vmap": lambda f: ft.vmap(f)(np.stack([X, X])),
    "jacfwd": lambda f: ft.jacfwd(f)(X),
    "jacrev": lambda f: ft.jacrev(f)(X),
    "jacobian": lambda f: ft.jacobian(f)(X),
    "hessian": lambda f: ft.hessian(lambda x: np.sum(f(x)))(X),
    "linearize": lambda f: ft.linearize(f, X),
    "linear_transpose": lambda f: ft.linear_transpose(f, X),
}

# Ways to keep a traced value beyond the call, each as (store, recover).
LEAKS: dict[str, tuple[Callable[[SimpleNamespace, Any], None], Callable[[SimpleNamespace], Any]]] = {
    "attribute": (lambda s, x: setattr(s, "kept", x), lambda s: s.kept),
    "result of an operation": (lambda s, x: setattr(s, "kept", x * 2.0), lambda s: s.kept),
    "list": (lambda s, x: s.items.append(x), lambda s: s.items[0]),
    "closure": (lambda s, x: setattr(s, "get", lambda: x + 0.0), lambda s: s.get()),
    "generator": (lambda s, x: setattr(s, "rows", (x * i for i in range(3))), lambda s: next(s.rows)),
    "bound method": (lambda s, x: setattr(s, "get", x.sum), lambda s: s.get()),
    "object array": (lambda s, x: setattr(s, "kept", np.array([x[0], x[1]])), lambda s: s.kept[0]),
    "iterator": (lambda s, x: setattr(s, "rows", iter(x)), lambda s: next(s.rows)),
}

# What may then be done with it; all of it must raise.
USES: dict[str, Callable[[Any], Any]] = {
    "operator": lambda x: x + 1.0,
    "reflected operator": lambda x: 1.0 - x,
    "ufunc": np.sin,
    "ufunc with an array": lambda x: np.add(X, x) if x.shape else np.add(1.0, x),
    "function": lambda x: np.sum(x),
    "method": lambda x: x.sum(),
    "comparison": lambda x: x > 0,
    "returned": lambda x: ft.grad(lambda y: x)(1.0),
    "returned by vmap": lambda x: ft.vmap(lambda y: x)(X),
    "returned by jvp": lambda x: ft.jvp(lambda y: (y, x), (1.0,), (1.0,)),
    "returned by vjp": lambda x: ft.vjp(lambda y: {"a": x}, 1.0),
    "returned as auxiliary output": lambda x: ft.grad(lambda y: (y, x), has_aux=True)(1.0),
    "used in another transformation": lambda x: ft.grad(lambda y: np.sum(y * x))(1.0),
    "differentiated": lambda x: ft.grad(lambda y: np.sum(y * y))(x),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("run", RUNS)
def test_an_escaped_tracer_cannot_be_used(run: str, leak: str, use: str) -> None:
    store, recover = LEAKS[leak]
    scope = SimpleNamespace(items=[])

    def f(x: Any) -> Any:
        if not (scope.items or vars(scope).keys() - {"items"}):
            store(scope, x)
        return x * 2.0

    RUNS[run](f)
    with pytest.raises(EscapedTracerError):
        USES[use](recover(scope))


def leaked(run: str, value: Callable[[Any], Any]) -> Any:
    """Return a tracer that escaped from a transformation."""
    kept: list[Any] = []
    RUNS[run](lambda x: kept.append(value(x)) or x * 2.0)  # type: ignore[func-returns-value]
    return kept[0]


@pytest.mark.parametrize("run", ["grad", "jvp", "vmap"])
@pytest.mark.parametrize("ask", [bool, float, int, complex, np.asarray, np.array, operator.methodcaller("item")])
def test_an_escaped_tracer_has_neither_truth_nor_number(run: str, ask: Callable[[Any], Any]) -> None:
    with pytest.raises(EscapedTracerError):
        ask(leaked(run, lambda x: x[0]))


@pytest.mark.parametrize("run", ["grad", "jvp"])
def test_an_escaped_position_is_no_index(run: str) -> None:
    # Positions have no derivative and leave the modes of differentiation as plain numbers.
    assert operator.index(leaked(run, np.argmax)) == 2


def test_an_escaped_position_of_a_batch_is_no_index() -> None:
    with pytest.raises(EscapedTracerError):
        operator.index(leaked("vmap", np.argmax))


@pytest.mark.parametrize("run", RUNS)
def test_an_escaped_tracer_can_still_be_looked_at(run: str) -> None:
    assert "0.3" in repr(leaked(run, lambda x: x * 1.0))


def test_the_error_names_operation_line_and_transformation() -> None:
    x = leaked("grad", lambda x: x)
    with pytest.raises(EscapedTracerError, match=r"sin was applied at test_trace\.py:\d+.*reverse-mode.*has_aux=True"):
        np.sin(x)
    _, seen = ft.grad(lambda x: (np.sum(x * x), x), has_aux=True)(X)  # the remedy
    np.testing.assert_array_equal(seen, X)


def test_a_tracer_of_an_inner_transformation_escapes_into_the_outer_one() -> None:
    kept: list[Any] = []

    def outer(x: Any) -> Any:
        ft.grad(lambda y: kept.append(x * y) or x * y)(x)  # type: ignore[func-returns-value]
        return kept[0]

    with pytest.raises(EscapedTracerError):
        ft.grad(outer)(2.0)


def test_a_pullback_outlives_its_transformation_but_not_what_it_closes_over() -> None:
    pulls: list[Any] = []

    def f(x: Any) -> Any:
        pulls.append(ft.vjp(lambda y: x * y, 2.0)[1])
        (inside,) = pulls[0](1.0)
        return inside

    assert ft.grad(f)(3.0) == 1.0
    with pytest.raises(EscapedTracerError):
        np.sin(pulls[0](1.0)[0])
    _, pull = ft.vjp(lambda y: 3.0 * y, 2.0)
    assert pull(1.0) == (3.0,)


def test_a_custom_rule_may_not_return_an_escaped_tracer() -> None:
    x = leaked("grad", lambda x: x[0])

    @ft.custom_jvp
    def f(y: Any) -> Any:
        return y

    f.defjvp(lambda primals, tangents: (primals[0], x))
    with pytest.raises(EscapedTracerError):
        ft.jvp(f, (1.0,), (1.0,))


# --- Exceptions -------------------------------------------------------------------------------------------------------


class Interruption(Exception):
    """What the user's function raises in these tests."""


@pytest.mark.parametrize("run", RUNS)
def test_an_exception_passes_through_and_leaves_nothing_behind(run: str) -> None:
    def f(x: Any) -> Any:
        raise Interruption(x * 2.0)

    with pytest.raises(Interruption):
        RUNS[run](f)
    with pytest.raises(Interruption):
        ft.grad(lambda y: np.sum(y) * RUNS[run](lambda x: f(x * y)))(X)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * x))(X), 2 * X)


@pytest.mark.parametrize("run", RUNS)
def test_an_exception_ends_the_transformation(run: str) -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x)
        raise Interruption

    with pytest.raises(Interruption):
        RUNS[run](f)
    with pytest.raises(EscapedTracerError):
        np.sin(kept[0])


def test_an_exception_caught_inside_an_outer_transformation_does_not_disturb_it() -> None:
    def f(x: Any) -> Any:
        for run in RUNS.values():
            with pytest.raises(Interruption):
                run(lambda y: (_ for _ in ()).throw(Interruption(y * x)))
        return np.sum(np.sin(x) * X)

    np.testing.assert_allclose(ft.grad(f)(X), np.cos(X) * X, rtol=1e-15)


def test_an_exception_in_a_rule_leaves_nothing_behind() -> None:
    @ft.custom_vjp
    def f(x: Any) -> Any:
        return x * 2.0

    def backward(residuals: Any, g: Any) -> Any:
        raise Interruption

    f.defvjp(lambda x: (f(x), None), backward)
    for run in ("grad", "jvp", "jacfwd", "jacrev", "hessian"):
        with pytest.raises(Interruption):
            RUNS[run](f)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * x))(X), 2 * X)


# --- Threads and tasks ------------------------------------------------------------------------------------------------


def programs(x: Any) -> list[Callable[[], Any]]:
    """Return eight computations that nest transformations and close over ``x``, a traced value perhaps."""
    return [
        lambda: ft.grad(lambda y: np.sum(np.sin(x * y)))(X).sum(),
        lambda: ft.jvp(lambda y: np.sum(x * y * y), (X,), (X,))[1],
        lambda: ft.vmap(lambda y: ft.grad(lambda z: np.sin(z * np.sum(x)) * z)(y))(X).sum(),
        lambda: ft.hessian(lambda y: np.sum(x * y) ** 3)(X).sum(),
        lambda: ft.grad(lambda y: np.sum(ft.jvp(np.sin, (x * y,), (x,))[1]))(X).sum(),
        lambda: np.sum(ft.jacfwd(lambda y: ft.vmap(lambda a: a * x)(y))(X)),
        lambda: ft.grad(lambda y: np.sum(ft.checkpoint(lambda z: np.exp(z) * z)(x * y)))(X).sum(),
        lambda: np.sum(ft.jacrev(ft.jacfwd(lambda y: np.sum(np.cos(y * x))))(X)),
    ]


def repeated_in_threads(work: list[Callable[[], Any]], rounds: int = 5) -> list[list[Any]]:
    """Run the computations at the same time, one a thread, each several times over."""
    barrier = threading.Barrier(len(work))

    def one(compute: Callable[[], Any]) -> list[Any]:
        barrier.wait()
        return [compute() for _ in range(rounds)]

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(one, work))


def test_eight_threads_give_what_one_gives() -> None:
    expected = [compute() for compute in programs(X)]
    for results, single in zip(repeated_in_threads(programs(X)), expected, strict=True):
        assert all(result == single for result in results)


@pytest.mark.parametrize(
    "outer",
    [
        ft.grad,
        lambda f: lambda x: ft.jvp(f, (x,), (X,))[1],
        lambda f: lambda x: ft.vmap(f)(np.stack([x, 2.0 * x])),
        ft.hessian,
        lambda f: ft.vmap(ft.grad(lambda x: f(x * X))),
    ],
    ids=["grad", "jvp", "vmap", "hessian", "vmap of grad"],
)
def test_threads_inside_a_transformation_give_what_one_gives(outer: Callable[[Any], Any]) -> None:
    def serial(x: Any) -> Any:
        return sum(compute() for compute in programs(x))

    def threaded(x: Any) -> Any:
        return sum(results[0] for results in repeated_in_threads(programs(x), rounds=1))

    # Contributions to one cotangent are added youngest first, so the last digit depends on which thread came first.
    np.testing.assert_allclose(outer(threaded)(X), outer(serial)(X), rtol=1e-13)


def test_a_thread_sees_the_outer_derivative() -> None:
    # a depth that starts again in a worker thread gave 0 here
    with ThreadPoolExecutor(1) as pool:

        def f(x: Any) -> Any:
            return pool.submit(lambda: ft.grad(lambda y: x * x * y * y)(x)).result()

        assert ft.grad(f)(2.0) == 24.0  # d/dx 2x³
        assert ft.grad(ft.grad(f))(2.0) == 24.0


def test_checkpointed_functions_run_at_the_same_time() -> None:
    """While one thread is inside a checkpointed function, another goes on taping on the same trace."""
    inside, go_on = threading.Event(), threading.Event()

    @ft.checkpoint
    def slow(x: Any) -> Any:
        inside.set()
        go_on.wait(10)
        return np.sin(x)

    def f(x: Any) -> Any:
        inside.clear()
        go_on.clear()
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(slow, x)
            inside.wait(10)
            mine = np.cos(x) * x  # while `slow` runs
            go_on.set()
            return np.sum(mine + other.result())

    go_on.set()
    found = ft.grad(f)(X)
    np.testing.assert_allclose(found, np.cos(X) - X * np.sin(X) + np.cos(X), rtol=1e-14)


def test_tasks_that_take_turns_give_what_one_gives() -> None:
    async def step(x: Any, i: int) -> Any:
        await asyncio.sleep(0)
        y = np.sin(x * i)
        await asyncio.sleep(0)
        g = ft.grad(lambda z: np.sum(z * y * z))(x)
        await asyncio.sleep(0)
        return np.sum(g * y)

    async def total(x: Any) -> Any:
        return sum(await asyncio.gather(*(step(x, i) for i in range(8))))

    def plain(x: Any) -> Any:
        return sum(np.sum(2.0 * x * np.sin(x * i) ** 2) for i in range(8))

    for transform in (ft.grad, ft.hessian, lambda f: lambda x: ft.jvp(f, (x,), (X,))[1]):
        found = transform(lambda x: asyncio.run(total(x)))(X)
        np.testing.assert_allclose(found, transform(plain)(X), rtol=1e-13)


def test_generators_that_take_turns_keep_their_transformations_apart() -> None:
    def walk(x: Any) -> Iterator[Any]:
        value = x
        for i in range(4):
            value = value * x + ft.grad(lambda y: y * y * x)(value) * i
            yield value

    def f(x: Any) -> Any:
        return sum(a - 2.0 * b for a, b in zip(walk(x), walk(x * 2.0), strict=True))

    step = 1e-6
    numerical = (f(0.7 + step) - f(0.7 - step)) / (2 * step)
    assert ft.grad(f)(0.7) == pytest.approx(numerical, rel=1e-7)
    assert along(f, 0.7) == pytest.approx(ft.grad(f)(0.7), rel=1e-14)


# --- The trace itself -------------------------------------------------------------------------------------------------


def test_the_younger_trace_has_the_larger_number() -> None:
    numbers: list[int] = []

    def note(x: Any) -> Any:
        numbers.append(x._trace.number)
        return x

    ft.grad(lambda x: note(x) * ft.grad(lambda y: note(y) * ft.vmap(note, axis_size=1)(np.ones(1) * y)[0])(x))(1.0)
    assert numbers == sorted(set(numbers))


def test_a_closed_trace_names_what_it_was() -> None:
    trace = Trace()
    trace.transformation = "a test"
    trace.close()
    assert isinstance(trace, ClosedTrace)
    with pytest.raises(EscapedTracerError, match="traced by a test"):
        trace.process(SimpleNamespace(name="sin"), (), ())  # type: ignore[arg-type]


def test_a_bare_trace_defines_no_operation() -> None:
    for apply in (
        lambda trace: trace.process(None, (), ()),
        lambda trace: trace.unary(None, 1.0),
    ):
        with pytest.raises(NotImplementedError):
            apply(Trace())


def test_is_tracer_tells_what_is_watched() -> None:
    seen: list[bool] = []

    def f(x: Any) -> Any:
        seen.extend([ft.is_tracer(x), ft.is_tracer(x * 2.0), ft.is_tracer(X), ft.is_tracer(ft.stop_gradient(x))])
        return x * 2.0

    ft.jvp(f, (1.0,), (1.0,))
    assert seen == [True, True, False, False]
