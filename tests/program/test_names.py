"""What a user's function is called decides about nothing: it may have the name of any primitive, or any other."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
import functorch_lite.scipy.fft
import functorch_lite.scipy.linalg
import functorch_lite.scipy.ndimage
import functorch_lite.scipy.signal
import functorch_lite.scipy.special  # their primitives have names too
from functorch_lite.core.primitive import NAMED
from functorch_lite.program.program import Program

X = np.array([[1.0, 2.0], [3.0, 4.5]])

#: The words for operations that consist of programs, which are no primitives of the table.
STRUCTURES = ("call", "cond", "scan", "switch", "unwind", "while", "while_pullback", "wind")

Wrapper = Callable[[Callable[..., Any]], Callable[..., Any]]


def _with_jvp(f: Callable[..., Any]) -> Callable[..., Any]:
    custom = ft.custom_jvp(f)
    custom.defjvp(lambda primals, tangents: (f(*primals), ft.jvp(f, primals, tangents)[1]))
    return custom


def _with_vjp(f: Callable[..., Any]) -> Callable[..., Any]:
    custom = ft.custom_vjp(f)
    custom.defvjp(lambda *args: (f(*args), args), lambda args, g: ft.vjp(f, *args)[1](g))
    return custom


WRAPPERS: dict[str, Wrapper] = {"jit": ft.jit, "custom_jvp": _with_jvp, "custom_vjp": _with_vjp}


def _one(a: Any) -> Any:
    return np.sin(a) * 2.54 + 1.0


def _two(a: Any, b: Any) -> Any:
    return a @ b + 1.0


def _three(a: Any, b: Any, c: Any) -> Any:
    return a * b - c


BODIES = {1: _one, 2: _two, 3: _three}


def _calling(name: str, arity: int, wrap: Wrapper) -> Callable[..., Any]:
    """Return a function that calls one of a name."""
    body = BODIES[arity]

    def named(*args: Any) -> Any:
        return body(*args)

    named.__name__ = named.__qualname__ = name
    inner = wrap(named)

    def outer(*args: Any) -> Any:
        return np.sum(inner(*args) * 2.0, axis=0)

    return outer


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", [*sorted(filter(str.isidentifier, NAMED)), *STRUCTURES])
def test_a_function_may_be_called_like_a_primitive(name: str, wrapper: str) -> None:
    arity = NAMED[name].arity if name in NAMED else 1
    for n in {1, arity if arity in BODIES else 1}:
        f, args = _calling(name, n, WRAPPERS[wrapper]), (X, X + 1.0, X * X)[:n]
        compiled = ft.jit(f)
        expected = f(*args)
        np.testing.assert_allclose(compiled(*args), expected, rtol=1e-14)
        program = compiled.program(*args)
        assert name in str(program) or keyword.iskeyword(name)
        program.cost()
        if wrapper == "jit":
            assert Program.parse(str(program)) == program
            module: dict[str, Any] = {}
            exec(program.as_source(), module)
            np.testing.assert_allclose(module["outer"](*args), expected, rtol=1e-14)


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", ["convert", "index", "matmul", "mul", "reshape", "sum", "transpose", "where"])
def test_transformations_of_a_function_that_is_called_like_a_primitive(name: str, wrapper: str) -> None:
    f = _calling(name, 1, WRAPPERS[wrapper])
    compiled = ft.jit(f)
    cotangent = np.ones(2)
    expected = ft.vjp(f, X)[1](cotangent)[0]
    np.testing.assert_allclose(ft.vjp(compiled, X)[1](cotangent)[0], expected, rtol=1e-14)
    np.testing.assert_allclose(ft.jit(lambda x: ft.vjp(f, x)[1](cotangent)[0])(X), expected, rtol=1e-14)
    batch = np.stack([X, X + 1.0])
    np.testing.assert_allclose(ft.vmap(compiled)(batch), np.stack([f(x) for x in batch]), rtol=1e-14)
    steps = ft.jit(lambda x: ft.scan(lambda c, _: (c + f(c), None), x, None, length=3)[0])
    wanted = X
    for _ in range(3):
        wanted = wanted + f(wanted)
    np.testing.assert_allclose(steps(X), wanted, rtol=1e-14)


@pytest.mark.parametrize("name", ["convert", "matmul", "sum", "add"])
def test_a_text_does_not_take_a_user_s_rules_for_those_of_a_primitive(name: str) -> None:
    program = ft.jit(_calling(name, 1, _with_jvp)).program(X)
    assert f"custom.{name}" in str(program)
    with pytest.raises(ValueError, match=f"there is no primitive 'custom.{name}'"):
        Program.parse(str(program))


#: Names that the source of a program has for what it calls, and some that look like them.
WRITTEN = (
    *("k0", "c0", "p3", "s0", "t0", "a", "b", "id", "map", "float64", "frames", "own_result", "identities", "spread"),
    *("run_blocks", "sum_of", "program_", "taken_", "np_array", "np_sin", "np_dot", "np_inf", "math_sin", "cumsum_0"),
    *("f0_cumsum", "ones_3_d", "np_add_reduce", "by_equations_0", "result_", "float", "range", "loop", "zip_"),
)

#: Functions whose sources call what has these names.
CALLING: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "numbers": (lambda x: np.sin(x) * x + 2.0, 1.5),
    "constants": (lambda x: np.sum(np.sin(x) * np.array([1.0, 2.0, 3.0]) * 2.0 + x), np.arange(3.0)),
    "the input": (lambda x: x, np.arange(3.0)),
    "a view": (lambda x: np.cumsum(x)[::-1], np.arange(3.0)),
    "blocks": (lambda x: np.sum(np.sin(np.cos(x) * 2.0) + x, axis=0), np.ones((300, 300))),
    "a loop": (lambda x: ft.scan(lambda c, y: (np.sin(c) * y, c), 1.0, x), np.arange(3.0)),
}


@pytest.mark.parametrize("kind", CALLING)
@pytest.mark.parametrize("name", WRITTEN)
def test_a_function_may_be_called_like_what_its_source_calls(name: str, kind: str) -> None:
    body, x = CALLING[kind]

    def named(x: Any) -> Any:
        return body(x)

    named.__name__ = named.__qualname__ = name
    compiled = ft.jit(named)
    for f in (compiled, ft.jit(lambda x: compiled(x))):
        ft.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-13), f(x), body(x))
    assert str(compiled.program(x)).startswith(f"program {name}(")
