"""A tracer is of no use after its transformation, which ends with the call, or with an exception."""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.errors import EscapedTracerError

X = np.array([0.3, -0.7, 1.1])

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
    assert "array(" in repr(leaked(run, lambda x: x * 1.0))


def test_the_error_names_operation_line_and_transformation() -> None:
    x = leaked("grad", lambda x: x)
    with pytest.raises(EscapedTracerError, match=r"sin was applied at test_escape\.py:\d+.*reverse-mode.*has_aux=True"):
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


class InterruptionError(Exception):
    """What the user's function raises in these tests."""


@pytest.mark.parametrize("run", RUNS)
def test_an_exception_passes_through_and_leaves_nothing_behind(run: str) -> None:
    def f(x: Any) -> Any:
        raise InterruptionError(x * 2.0)

    with pytest.raises(InterruptionError):
        RUNS[run](f)
    with pytest.raises(InterruptionError):
        ft.grad(lambda y: np.sum(y) * RUNS[run](lambda x: f(x * y)))(X)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * x))(X), 2 * X)


@pytest.mark.parametrize("run", RUNS)
def test_an_exception_ends_the_transformation(run: str) -> None:
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x)
        raise InterruptionError

    with pytest.raises(InterruptionError):
        RUNS[run](f)
    with pytest.raises(EscapedTracerError):
        np.sin(kept[0])


def test_an_exception_caught_inside_an_outer_transformation_does_not_disturb_it() -> None:
    def f(x: Any) -> Any:
        for run in RUNS.values():
            with pytest.raises(InterruptionError):
                run(lambda y: (_ for _ in ()).throw(InterruptionError(y * x)))
        return np.sum(np.sin(x) * X)

    np.testing.assert_allclose(ft.grad(f)(X), np.cos(X) * X, rtol=1e-15)


def test_an_exception_in_a_rule_leaves_nothing_behind() -> None:
    @ft.custom_vjp
    def f(x: Any) -> Any:
        return x * 2.0

    def backward(residuals: Any, g: Any) -> Any:
        raise InterruptionError

    f.defvjp(lambda x: (f(x), None), backward)
    for run in ("grad", "jvp", "jacfwd", "jacrev", "hessian"):
        with pytest.raises(InterruptionError):
            RUNS[run](f)
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(x * x))(X), 2 * X)
