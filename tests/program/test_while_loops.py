"""Loops of an unknown number of steps under jit, differentiated to any order, in any nesting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.program.lowering import unwound

X = np.array([0.7, -0.3, 0.5])
POINTS = np.array([[0.7, -0.3, 0.5], [0.1, 0.2, -0.4], [1.5, 0.9, -0.2], [-3.0, 2.0, 3.0]])
W = np.array([[0.3, -0.2, 0.1], [0.4, 0.1, -0.3], [-0.1, 0.2, 0.5]])


def grown(x: Any) -> Any:
    """A loop whose number of steps depends on what it is differentiated by; one carried value is an integer."""
    _, c = ft.while_loop(
        lambda c: np.sum(c[1] ** 2) < 9.0, lambda c: (c[0] + 1, 1.3 * c[1] + np.sin(W @ c[1]) * x + 0.1 * c[0]), (0, x)
    )
    return np.sum(np.sin(c))


def inverted(x: Any) -> Any:
    """Matrices, residuals of several shapes, and some that are the same for all steps."""
    slope = np.exp(np.outer(x, x))

    def step(c: Any) -> Any:
        m, v = c
        return np.linalg.inv(m + np.eye(3)) * slope, np.tanh(m @ v) + 0.5 * np.sum(slope) * v

    return np.sum(ft.while_loop(lambda c: c[1] @ c[1] < 400.0, step, (W + np.diag(x), x))[1] ** 2)


def root(x: Any) -> Any:
    """Newton's iteration, of a loop in a loop."""

    def newton(a: Any) -> Any:
        return ft.while_loop(lambda y: np.abs(y * y - a) > 1e-10, lambda y: (y + a / y) / 2, 1.0 + a)

    return ft.while_loop(lambda c: c < 5.0, lambda c: c + newton(c * c + x @ x), x[0] ** 2)


def untouched(x: Any) -> Any:
    """A loop that runs no step for some points."""
    return np.sum(ft.while_loop(lambda c: np.sum(c) < 0.0, lambda c: c + x**2 + 0.5, x) * x)


FUNCTIONS = {f.__name__: f for f in (grown, inverted, root, untouched)}


def squares(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: np.sum(f(x) ** 2)


def pulled_twice(f: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any) -> Any:
        y, pull = ft.vjp(f, x)
        return pull(np.sin(y))[0] + pull(x[0])[0]

    return run


def linearized(f: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any) -> Any:
        y, push = ft.linearize(f, x)
        return y * push(x) + push(np.cos(x))

    return run


TRANSFORMATIONS: dict[str, Callable[[Any], Any]] = {
    "gradient of a gradient": lambda f: ft.grad(squares(ft.grad(f))),
    "Hessian, reverse over reverse": lambda f: ft.jacrev(ft.grad(f)),
    "Hessian, reverse over forward": lambda f: ft.jacrev(ft.jacfwd(f)),
    "gradient of the Hessian": lambda f: ft.grad(lambda x: np.sum(ft.hessian(f)(x) ** 2)),
    "three in reverse": lambda f: ft.grad(squares(ft.grad(squares(ft.grad(f))))),
    "gradient of a product with the Hessian": lambda f: ft.grad(
        lambda x: np.sum(ft.hvp(f, (x,), (np.cos(x),))[1] ** 2)
    ),
    "vhp": lambda f: lambda x: ft.vhp(f, (x,), (x,)),
    "pulled twice": lambda f: ft.jacrev(pulled_twice(f)),
    "linearized": linearized,
    "derivative of what is linearized": lambda f: ft.jacfwd(linearized(f)),
    "Laplacian": lambda f: ft.grad(ft.laplacian(f)),
}


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_of_derivatives(name: str, transformation: str) -> None:
    f, transform = FUNCTIONS[name], TRANSFORMATIONS[transformation]
    expected = transform(f)(X)
    for way in (ft.jit(transform(f)), transform(ft.jit(f)), ft.jit(transform(ft.jit(f)))):
        np.testing.assert_allclose(way(X), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_batches_of_second_derivatives_whose_loops_end_at_different_times(name: str) -> None:
    f = FUNCTIONS[name]
    slope = ft.grad(squares(ft.grad(f)))
    expected = np.stack([slope(x) for x in POINTS])
    compiled = ft.grad(squares(ft.grad(ft.jit(f))))
    for way in (ft.vmap(compiled), ft.jit(ft.vmap(slope)), ft.vmap(ft.jit(slope))):
        np.testing.assert_allclose(way(POINTS), expected, rtol=1e-9, atol=1e-10)
    of_all = ft.grad(squares(ft.grad(lambda points: np.sum(ft.vmap(ft.jit(f))(points)))))
    np.testing.assert_allclose(of_all(POINTS), expected, rtol=1e-9, atol=1e-10)


def test_by_several_arguments_and_in_single_precision() -> None:
    def f(x: Any, a: Any) -> Any:
        return np.sum(ft.while_loop(lambda c: np.sum(c * c) < 9.0, lambda c: 1.3 * c + np.sin(c) * a * x, x))

    def mixed(f: Callable[..., Any]) -> Callable[..., Any]:
        return ft.grad(lambda x, a: np.sum(ft.grad(f)(x, a) ** 2) + ft.grad(f, 1)(x, a), (0, 1))

    for x, a, tolerance in ((X, 0.7, 1e-10), (X.astype(np.float32), np.float32(0.7), 1e-3)):
        expected = mixed(f)(x, a)
        for way in (mixed(ft.jit(f)), ft.jit(mixed(f))):
            for y, wanted in zip(way(x, a), expected, strict=True):
                assert np.asarray(y).dtype == np.asarray(wanted).dtype
                np.testing.assert_allclose(y, wanted, rtol=tolerance)


def test_a_body_that_solves_systems_of_what_it_is_given() -> None:
    """Derivatives are recorded with values of no meaning, for which the matrix must have an inverse too."""

    def f(x: Any) -> Any:
        def step(c: Any) -> Any:
            return c + 0.3 * np.linalg.solve(np.stack([x, c, np.cos(c)]), x + c)

        return np.sum(ft.while_loop(lambda c: np.sum(c * c) < 9.0, step, np.sin(x) + x[::-1] ** 2))

    for transform in (ft.grad, ft.hessian, lambda f: ft.jacrev(ft.grad(f))):
        np.testing.assert_allclose(ft.jit(transform(f))(X), transform(f)(X), rtol=1e-7)


def test_checked_against_differences() -> None:
    for f in (grown, inverted, root):
        ft.check_grads(ft.jit(f), (X,), order=3, modes=("fwd", "rev"), rtol=1e-3, atol=1e-3)


# --- What runs ----------------------------------------------------------------------------------------------------


def test_the_loop_and_its_pullback_run_once_together() -> None:
    for transform in (ft.value_and_grad, lambda f: lambda x: ft.vjp(f, x)[1](1.0)):
        program = ft.jit(transform(grown)).program(X)
        assert "while_pullback" in [e.primitive.name for e in program.equations]
        run = [e.primitive.name for e in unwound(program).equations]
        assert (run.count("while"), run.count("wind"), run.count("unwind")) == (0, 1, 1)
        assert program.as_source().count("while ") == 1


def test_a_program_without_loops_is_left_as_it_is() -> None:
    program = ft.jit(np.sin).program(X)
    assert unwound(program) is program


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_text_and_the_standalone_source_of_derivatives(name: str) -> None:
    for transform in (ft.value_and_grad, lambda f: ft.grad(squares(ft.grad(f)))):
        program = ft.jit(transform(FUNCTIONS[name])).program(X)
        expected = program(X)
        again = type(program).parse(str(program))
        assert again == program
        namespace: dict[str, Any] = {}
        exec(program.as_source(), namespace)
        for results in (again(X), namespace[program.name](X)):
            for y, wanted in zip(ft.tree.leaves(results), expected, strict=True):
                np.testing.assert_allclose(y, wanted, rtol=1e-10, atol=1e-12)
        lowered = unwound(program)
        for y, wanted in zip(type(program).parse(str(lowered))(X), expected, strict=True):
            np.testing.assert_allclose(y, wanted, rtol=1e-10, atol=1e-12)


def test_large_constants_of_a_standalone_derivative_come_from_the_saved_file(tmp_path: Any, monkeypatch: Any) -> None:
    big = np.linspace(-1.0, 1.0, 300).reshape(100, 3)

    def f(x: Any) -> Any:
        return np.sum(np.tanh(big @ ft.while_loop(lambda c: c @ c < 9.0, lambda c: 1.3 * c + 0.1 * x, x)))

    program = ft.jit(ft.value_and_grad(f)).program(X)
    monkeypatch.chdir(tmp_path)
    program.save(f"{program.name}.npz")
    source = program.as_source()
    assert "np.load('f.npz')" in source
    assert len(source) < 3000
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    for y, wanted in zip(namespace["f"](X), ft.value_and_grad(f)(X), strict=True):
        np.testing.assert_allclose(y, wanted, rtol=1e-12)


def test_what_is_printed_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A loop that runs again for its pullback is silent, and so is what is in it."""

    def f(x: Any) -> Any:
        def body(c: Any) -> Any:
            ft.debug.print("at {}", c)
            return ft.scan(lambda d, a: (ft.debug.print("in {}", a), (d * a, None))[1], c, np.array([1.0, 2.0]))[0]

        return ft.while_loop(lambda c: c < 5.0, body, x) ** 2

    expected = ["at 1.0", "in 1.0", "in 2.0", "at 2.0", "in 1.0", "in 2.0", "at 4.0", "in 1.0", "in 2.0"]
    for transform in (lambda f: f, ft.grad, ft.value_and_grad, ft.jacrev, lambda f: ft.grad(ft.grad(f))):
        for way in (ft.jit(transform(f)), transform(ft.jit(f))):
            way(1.0)
            assert capsys.readouterr().out.split("\n") == [*expected, ""]
    source = ft.jit(ft.value_and_grad(f)).program(1.0).as_source()
    assert "returns: float64[], float64[]\n" in source
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    np.testing.assert_allclose(namespace["f"](1.0), (64.0, 128.0))


def test_what_the_caller_writes_into_its_array_meanwhile_does_not_change_the_way_back() -> None:
    x = X.copy()
    expected = ft.grad(grown)(x)
    _, pull = ft.vjp(ft.jit(grown), x)
    x[:] = 5.0
    np.testing.assert_allclose(pull(1.0)[0], expected)


def test_a_batch_of_cotangents_goes_back_along_one_history() -> None:
    def last(x: Any) -> Any:
        return ft.while_loop(lambda c: np.sum(c**2) < 9.0, lambda c: 1.3 * c + np.sin(W @ c) * x, x)

    np.testing.assert_allclose(ft.jacrev(ft.jit(last))(X), ft.jacrev(last)(X), rtol=1e-12)
    np.testing.assert_allclose(ft.jacfwd(ft.jacrev(ft.jit(last)))(X), ft.jacfwd(ft.jacrev(last))(X), rtol=1e-10)
    np.testing.assert_allclose(ft.jacrev(ft.jacrev(ft.jit(last)))(X), ft.jacrev(ft.jacrev(last))(X), rtol=1e-10)


def test_what_depends_on_nothing_carried_is_computed_once_if_there_is_a_step() -> None:
    calls: list[str] = []

    def counted(name: str) -> Any:
        @ft.custom_jvp
        def f(a: Any) -> Any:
            calls.append(name)
            return np.linalg.inv(a)

        f.defjvp(lambda p, t: (f(*p), -f(*p) @ t[0] @ f(*p)))
        return f

    of_body, of_condition = counted("body"), counted("condition")

    def f(a: Any, x: Any) -> Any:
        return ft.while_loop(
            lambda x: np.sum(of_condition(a + np.eye(2)) @ x) < 20.0, lambda x: x + of_body(a) @ np.exp(a[0]), x
        )

    a, x = np.array([[2.0, 0.5], [0.25, 1.0]]), np.ones(2)
    compiled, gradient = ft.jit(f), ft.jit(ft.grad(lambda a, x: np.sum(f(a, x) ** 2)))
    expected = ft.grad(lambda a, x: np.sum(f(a, x) ** 2))(a, x)
    assert np.allclose(compiled(a, x), f(a, x))
    assert np.allclose(gradient(a, x), expected)
    calls.clear()
    compiled(a, x)
    assert calls == ["condition", "body"]
    calls.clear()
    gradient(a, x)
    assert calls.count("condition") == 1
    assert calls.count("body") <= 4  # there and back, in the function and in its rule
    # Without a step the body's inverse, which does not exist here, is not asked for.
    singular = np.array([[0.0, 0.0], [0.0, 0.0]])
    assert np.array_equal(compiled(singular, 50.0 * x), 50.0 * x)


def test_an_effect_of_what_stays_happens_in_each_step(capsys: Any) -> None:
    def body(x: Any, a: Any) -> Any:
        ft.debug.print("a = {}", a)
        return x + np.exp(a)

    f = ft.jit(lambda a, x: ft.while_loop(lambda x: x < 3.0, lambda x: body(x, a), x))
    f(0.0, 0.0)
    capsys.readouterr()
    assert f(0.0, 0.0) == 3.0
    assert capsys.readouterr().out == "a = 0.0\n" * 3


def test_what_only_the_condition_reads_has_the_derivative_zero() -> None:
    def f(x: Any, bound: Any) -> Any:
        return ft.while_loop(lambda c: c < bound, lambda c: 2.0 * c, x)

    for argnums, expected in ((1, 0.0), ((0, 1), (16.0, 0.0))):
        for g in (ft.grad(f, argnums), ft.grad(ft.jit(f), argnums), ft.jit(ft.grad(f, argnums))):
            assert g(1.0, 9.0) == expected
        found = ft.vmap(ft.grad(ft.jit(f), argnums))(np.ones(2), np.array([9.0, 3.0]))
        assert np.array_equal(np.array(found), [0.0, 0.0] if argnums == 1 else [[16.0, 4.0], [0.0, 0.0]])
    assert ft.grad(ft.jit(lambda w: f(1.0, w) * w))(9.0) == 16.0
    assert ft.hessian(ft.jit(lambda w: f(1.0, w) * w**2))(9.0) == 32.0
    assert ft.jvp(ft.jit(lambda w: f(1.0, w)), (9.0,), (1.0,)) == (16.0, 0.0)
