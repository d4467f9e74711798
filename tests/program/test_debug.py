"""Printing, calling back and the search for NaN, under every transformation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.debug import print as debug_print

X = np.array([1.0, 2.0])


def told(x: Any) -> Any:
    ft.debug.print("x = {}, twice {twice}", x, twice=2 * x)
    return np.sum(x * x)


def silent(x: Any) -> Any:
    return np.sum(x * x)


TRANSFORMED: dict[str, Callable[[Any], Any]] = {
    "eager": lambda f: f,
    "grad": ft.grad,
    "jvp": lambda f: lambda x: ft.jvp(f, (x,), (x,)),
    "vjp": lambda f: lambda x: ft.vjp(f, x)[0],
    "jacrev": ft.jacrev,
    "jacfwd": ft.jacfwd,
    "hessian": ft.hessian,
}


@pytest.mark.parametrize("name", TRANSFORMED)
@pytest.mark.parametrize("where", ["eager", "outside", "inside", "both"])
def test_primal_values_are_printed_once_a_call(name: str, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    transform = TRANSFORMED[name]

    def made(f: Any) -> Any:
        inner = ft.jit(f) if where in ("inside", "both") else f
        return ft.jit(transform(inner)) if where in ("outside", "both") else transform(inner)

    f, plain = made(told), made(silent)
    for scale in (1.0, 3.0, 5.0):
        x = scale * X
        np.testing.assert_allclose(f(x), plain(x), rtol=1e-15)
        assert capsys.readouterr().out == f"x = {x}, twice {2 * x}\n"


@pytest.mark.parametrize("compiled", [False, True])
def test_a_batch_is_printed_whole(compiled: bool, capsys: pytest.CaptureFixture[str]) -> None:
    f = ft.vmap(told)
    f = ft.jit(f) if compiled else f
    batch = np.arange(6.0).reshape(3, 2)
    for _ in range(2):
        f(batch)
        assert capsys.readouterr().out == f"x = {batch}, twice {2 * batch}\n"


@pytest.mark.parametrize("compiled", [False, True])
def test_a_batch_of_a_compiled_function_is_printed_at_each_call(
    compiled: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    f = ft.vmap(ft.jit(told))
    f = ft.jit(f) if compiled else f
    batch = np.arange(6.0).reshape(3, 2)
    for _ in range(2):
        f(batch)
        assert capsys.readouterr().out == f"x = {batch}, twice {2 * batch}\n"


def test_equal_prints_are_not_one(capsys: pytest.CaptureFixture[str]) -> None:
    @ft.jit
    def f(x: Any) -> Any:
        for _ in range(3):
            ft.debug.print("{:.0f}", x)
        return x

    f(1.0)
    f(2.0)
    assert capsys.readouterr().out == "1\n1\n1\n2\n2\n2\n"


def test_effects_do_not_change_the_result_of_a_compiled_function() -> None:
    seen: list[Any] = []

    @ft.jit
    def f(x: Any) -> Any:
        ft.debug.callback(seen.append, x)
        return {"twice": 2 * x, "same": x}, (x + 1,)

    out = f(3.0)
    assert out == ({"twice": 6.0, "same": 3.0}, (4.0,))
    assert seen == [3.0]


def test_a_callback_sees_each_example_and_may_keep_it() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        y = np.sin(x) * 2
        ft.debug.callback(seen.append, y)
        return y.sum()

    batch = np.arange(8.0).reshape(4, 2)
    for function in (ft.vmap(f), ft.jit(ft.vmap(f)), ft.vmap(ft.jit(f)), ft.vmap(ft.grad(f))):
        seen.clear()
        function(batch)
        function(np.zeros((4, 2)))
        np.testing.assert_array_equal(np.stack(seen[:4]), 2 * np.sin(batch))
        assert len(seen) == 8
        assert all(type(x) is np.ndarray for x in seen)


def test_tensors_print_their_values(capsys: pytest.CaptureFixture[str]) -> None:
    t = ft.tensor([1.0, 2.0], requires_grad=True)
    told(t).backward()
    assert capsys.readouterr().out == "x = [1. 2.], twice [2. 4.]\n"
    np.testing.assert_array_equal(t.grad.numpy(), [2.0, 4.0])


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(TypeError, match=r"test_debug\.py.*was given a str"):
        debug_print("{}", "name")


def test_a_program_with_prints_reads_back_and_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    program = ft.jit(told).program(X)
    assert ft.Program.parse(str(program)) == program
    namespace: dict[str, Any] = {}
    exec(program.as_source(), namespace)
    assert namespace["told"](X) == 5.0
    assert capsys.readouterr().out == f"x = {X}, twice {2 * X}\n"


# --- NaN --------------------------------------------------------------------------------------------------------------


def root_of_difference(x: Any) -> Any:
    y = x * 2.0
    return np.sum(np.sqrt(y - 3.0))  # the line that is named


def slope_at_zero(x: Any) -> Any:
    return np.sum(np.sqrt(x) * x)


LINE = root_of_difference.__code__.co_firstlineno + 2


@pytest.mark.parametrize("transform", ["eager", "grad", "jvp", "jacrev", "jacfwd", "hessian"])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_operation_and_the_line_of_the_first_nan_are_named(transform: str, compiled: bool) -> None:
    f = TRANSFORMED[transform](root_of_difference)
    f = ft.jit(f) if compiled else f
    f(2 * X)  # all are numbers here
    named = r"sqrt of float64\[2\], " if compiled or transform != "eager" else ""
    message = rf"{named}applied at test_debug\.py:{LINE}, in root_of_difference"
    with ft.debug.nans(), pytest.raises(FloatingPointError, match=message):
        f(X)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_nan_that_a_derivative_makes_is_found_and_where_cures_it(compiled: bool) -> None:
    made = ft.jit if compiled else lambda f: f
    x = np.array([0.0, 1.0])
    with np.errstate(divide="ignore"), ft.debug.nans():
        with pytest.raises(FloatingPointError, match=r"np\.where\(x > 0, x, 1\.0\)"):
            made(ft.grad(slope_at_zero))(x)

        def cured(x: Any) -> Any:
            safe = np.where(x > 0, x, 1.0)
            return np.sum(np.where(x > 0, np.sqrt(safe) * safe, 0.0))

        np.testing.assert_allclose(made(ft.grad(cured))(x), [0.0, 1.5], rtol=1e-15)


def test_the_primitive_is_named_whose_derivative_makes_nan() -> None:
    f = ft.grad(lambda x: np.sum(np.sqrt(x * 0.0) * 0.0))
    with np.errstate(divide="ignore"), ft.debug.nans(), pytest.raises(FloatingPointError, match="derivative of sqrt"):
        f(X)


def test_tensors_are_watched_forward_and_backward() -> None:
    with ft.debug.nans():
        t = ft.tensor([-1.0, 2.0], requires_grad=True)
        with pytest.raises(FloatingPointError, match=r"sqrt of float64\[2\], applied at test_debug"):
            ft.sqrt(t)
        zero = ft.tensor(0.0, requires_grad=True)
        with np.errstate(divide="ignore"), pytest.raises(FloatingPointError, match="the derivative of sqrt"):
            (ft.sqrt(zero) * 0.0).backward()


def test_a_compiled_function_is_looked_at_wholly() -> None:
    """Also at what NumPy does not see: the arithmetic of Python's own numbers."""

    @ft.jit
    def f(x: Any) -> Any:
        return (x - x) * 2.0

    with ft.debug.nans(), pytest.raises(FloatingPointError, match="sub of float64"):
        f(np.inf)


def in_a_loop(x: Any) -> Any:
    def step(c: Any) -> Any:
        i, v = c
        return i + 1, v - np.sqrt(v - 1.0)

    return np.sum(ft.while_loop(lambda c: c[0] < 3, step, (0, x))[1])


@pytest.mark.parametrize(
    "transform",
    [lambda f: f, ft.vmap, lambda f: lambda x: ft.jvp(f, (x,), (x,)), ft.grad, ft.value_and_grad, ft.hessian],
    ids=["value", "vmap", "jvp", "grad", "value_and_grad", "hessian"],
)
@pytest.mark.parametrize(("f", "where"), [(root_of_difference, "root_of_difference"), (in_a_loop, "step")])
def test_programs_derived_of_a_compiled_function_know_its_lines(f: Any, where: str, transform: Any) -> None:
    """They are made when nothing of the function runs any more."""
    compiled = ft.jit(f if transform is not ft.vmap else lambda x: f(x))
    x = np.array([-2.0, -3.0]) if transform is not ft.vmap else np.array([[-2.0, -3.0]])
    message = rf"sqrt of float64.*applied at test_debug\.py:\d+, in {where}"
    with np.errstate(invalid="ignore"), ft.debug.nans(), pytest.raises(FloatingPointError, match=message):
        transform(compiled)(x)


def test_nan_that_comes_in_is_nobodys_fault() -> None:
    with ft.debug.nans():
        assert np.isnan(ft.jit(root_of_difference)(np.array([np.nan, 4.0])))
        assert np.isnan(ft.grad(root_of_difference)(np.array([np.nan, 4.0]))[0])


def test_recording_on_values_that_stand_for_others_raises_nothing() -> None:
    inner = ft.jit(lambda x: np.sum(1.0 / x * x))
    with np.errstate(divide="ignore"), ft.debug.nans():
        for f in (ft.vmap(inner), ft.jit(ft.vmap(inner)), ft.jit(ft.vmap(ft.jit(ft.grad(inner))))):
            f(np.array([[1.0, 2.0]]))


def test_it_ends_with_the_block() -> None:
    with ft.debug.nans():
        pass
    with np.errstate(invalid="ignore"):
        assert np.isnan(ft.jit(root_of_difference)(X))


def test_effects_happen_once_where_math_raises(capsys: pytest.CaptureFixture[str]) -> None:
    @ft.jit
    def f(x: Any) -> Any:
        ft.debug.print("x = {}", x)
        return np.log(x)

    with np.errstate(invalid="ignore"):
        for x in (1.0, -1.0):
            f(x)
            assert capsys.readouterr().out == f"x = {x}\n"


@pytest.mark.parametrize("error", [ValueError, OverflowError, ZeroDivisionError])
def test_a_callback_that_raises_is_called_once(error: type[Exception]) -> None:
    calls = []

    def refuse(x: Any) -> None:
        calls.append(x)
        if len(calls) > 1:  # as the function is recorded it does not act
            raise error("no")

    @ft.jit
    def f(x: Any) -> Any:
        ft.debug.callback(refuse, np.sin(x))
        return np.log(x)

    f(1.0)
    with pytest.raises(error, match="no"):
        f(1.0)
    assert len(calls) == 2


def test_effects_on_constants_happen_at_each_call(capsys: pytest.CaptureFixture[str]) -> None:
    @ft.jit
    def f(x: Any) -> Any:
        ft.debug.print("{}", np.where(np.array([True]), np.array([1.0]), x))
        return x * 2

    for _ in range(3):
        f(np.ones(1))
        assert capsys.readouterr().out == "[1.]\n"


def test_effects_that_read_no_argument_happen_at_each_call(capsys: pytest.CaptureFixture[str]) -> None:
    def said() -> str:
        return capsys.readouterr().out

    def branch(x: Any) -> Any:
        return ft.cond(x > 0.0, lambda: (ft.debug.print("up"), 1.0)[1], lambda: (ft.debug.print("down"), -1.0)[1])

    def loop() -> Any:
        return ft.scan(lambda c, _: (ft.debug.print("{}", c) or c + 1.0, None), np.zeros(()), None, length=2)[0]

    plain = ft.jit(lambda x: (ft.debug.print("here"), x)[1])
    said()
    for _ in range(2):
        plain(1.0)
        assert said() == "here\n"
        ft.grad(plain)(1.0)
        assert said() == "here\n"
        ft.vmap(plain)(np.ones(3))
        assert said() == "here\n"
        assert [ft.jit(branch)(x) for x in (1.0, -1.0)] == [1.0, -1.0]
        assert said() == "up\ndown\n"
        assert ft.jit(loop)() == 2.0
        assert said() == "0.0\n1.0\n"
    assert "print('here'.format())" in plain.as_source(1.0)


def test_the_same_effect_twice_happens_twice(capsys: pytest.CaptureFixture[str]) -> None:
    @ft.jit
    def f(x: Any) -> Any:
        ft.debug.print("here {}", x)
        ft.debug.print("here {}", x)
        return x * 2

    f(1.0)
    assert capsys.readouterr().out == "here 1.0\n" * 2
