"""Standalone modules compute what the program does, with NumPy and without functorch_lite."""

from __future__ import annotations

import ast
import builtins
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.program.program import Program
from functorch_lite.program.templates import BUILTINS
from tests.cases import Case, all_cases, assert_close, dtype_of

CASES = all_cases()

#: Of all programs of the sample table (values, and values with derivatives) so many can be written with NumPy alone.
LEAST_FRACTION = 0.9


def function_of(program: Program) -> Callable[..., Any]:
    """Return the function that the program's source defines, in a namespace of its own."""
    text = program.as_source()
    imported = re.findall(r"^(?:import|from) .*", text, re.MULTILINE)
    assert set(imported) <= {"import numpy as np", "import math"}
    namespace: dict[str, Any] = {}
    if "np.load" in text:
        program.save(f"{program.name}.npz")
    exec(compile(text, "<standalone>", "exec"), namespace)
    function: Callable[..., Any] = namespace[program.name]
    return function


def results_of(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
    results = function(*args)
    return results if isinstance(results, tuple) else (results,)


def builtins_of(program: Program) -> set[str]:
    """Return the builtins that the program's function reads, which none of its names may hide."""
    tree = ast.parse(program.as_source())
    (function,) = (f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == program.name)
    known = set(dir(builtins)) - {"_"}  # where prompts, and so doctests in the same process, put the last value
    return {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} & known


def value_program(case: Case) -> Program:
    program: Program = ft.jit(lambda *args: case(*args)).program(*case.args)
    return program


def gradient_program(case: Case) -> Program:
    def value_and_pullback(*args: Any) -> Any:
        values, pull = ft.vjp(lambda *xs: case(*xs), *args)
        return values, pull(tuple(np.ones(np.shape(y), dtype_of(y))[()] for y in values))

    program: Program = ft.jit(value_and_pullback).program(*case.args)
    return program


#: Whose samples are functions of SciPy: most need more than NumPy.
SCIPY = ("scipy_", "special")
#: Of the rows of NumPy all are written, and of those of SciPy so much: what is composed of NumPy's functions.
LEAST_FRACTION_OF_SCIPY = 0.1


@pytest.mark.parametrize("make", [value_program, gradient_program])
def test_the_source_of_the_samples_computes_what_their_programs_do(
    make: Callable[[Case], Program], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where constants are saved that are too large for the text
    written, of_scipy = 0, {case.id for case in CASES if case.id.startswith(SCIPY)}
    for case in CASES:
        program = make(case)
        try:
            function = function_of(program)
        except NotImplementedError as error:
            refused = str(error)
        else:
            written += case.id in of_scipy
            assert builtins_of(program) <= BUILTINS, case.id
            # NumPy's own functions sum in another order than the primitives: a few roundings of what is summed.
            assert_close(results_of(function, case.args), program(*case.args), 1e-11, case.id)
            continue
        assert case.id in of_scipy, f"{case.id}: {refused}"
    assert written >= LEAST_FRACTION_OF_SCIPY * len(of_scipy), f"{written} of {len(of_scipy)}"


def loss(params: dict[str, Any], X: Any, y: Any) -> Any:
    z = np.tanh(X @ params["w"] + params["b"])
    return np.mean((z - y) ** 2) + 0.5 * np.sum(params["w"] ** 2)


DATA = np.random.default_rng(0).normal(size=(20, 4))
PARAMS: dict[str, Any] = {"b": 0.3, "w": np.arange(4.0)}


def test_it_runs_where_functorch_lite_cannot_be_imported(tmp_path: Path) -> None:
    y = DATA[:, 0]
    gradient = ft.jit(ft.value_and_grad(loss))
    (tmp_path / "written.py").write_text(gradient.as_source(PARAMS, DATA, y))
    np.savez(tmp_path / "arguments.npz", w=PARAMS["w"], X=DATA, y=y)
    script = """
import sys
sys.modules["functorch_lite"] = sys.modules["scipy"] = None
import numpy as np
from written import loss
given = np.load("arguments.npz")
value, b, w = loss(0.3, given["w"], given["X"], given["y"])
print(repr([float(value), float(b), *map(float, w)]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    value, slope = gradient(PARAMS, DATA, y)
    # BLAS may sum in another order in another process.
    np.testing.assert_allclose(eval(done.stdout), [value, slope["b"], *slope["w"]], rtol=1e-13)


def test_inputs_have_the_names_of_the_functions_parameters() -> None:
    source = ft.jit(ft.grad(loss)).as_source(PARAMS, DATA, DATA[:, 0])
    assert "def loss(params_b, params_w, X, y):" in source
    assert "def f(x_0, x_1, scale):" in ft.jit(named).as_source((1.0, 2.0), scale=3.0)


def named(x: Any, *, scale: float) -> Any:
    return x[0] * x[1] * scale


named.__name__ = "f"


def test_static_arguments_are_no_inputs() -> None:
    source = ft.jit(lambda n, x: x**n, static_argnums=0).as_source(3, 2.0)
    assert "def f(x):" in source
    assert "x ** 3" in source


@pytest.mark.parametrize("base", ["np", "print", "constants", "f", "lambda_"])
def test_no_name_hides_another(base: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def f({base}): return {base} * {base} + sin({base})", {"sin": np.sin}, namespace)
    assert function_of(ft.jit(namespace["f"]).program(2.0))(2.0) == 4.0 + np.sin(2.0)


def _loops(a: Any, xs: Any) -> Any:
    """Return what takes a counter, several rows, functions of the module's own, builtins and NumPy to write."""
    c, ys = ft.scan(lambda c, x: (c * a + np.sin(x), (c, np.logaddexp(c, x))), 0.0 * a, xs, reverse=True)
    d = ft.while_loop(lambda d: d < 5.0, lambda d: d + np.absolute(d) + a * a, 1.0)
    return c, ys, d, np.astype(np.floor(xs), int), abs(a)


MODULES_OWN = [*sorted(BUILTINS), "np", "math", "constants", "constant", "_step", "_step_2", "_body"]
LOCAL = ["i", "carried", "carried_i", "history_i"]


@pytest.mark.parametrize(
    ("function", "name"),
    [*(("f", name) for name in [*LOCAL, *MODULES_OWN]), *((name, "x") for name in MODULES_OWN), ("np", "np")],
)
def test_no_parameter_and_no_function_hides_what_the_module_uses(function: str, name: str) -> None:
    namespace: dict[str, Any] = {"loops": _loops}
    exec(f"def {function}({name}, xs): return loops({name}, xs)", namespace)
    defined, xs = namespace[function], np.array([1.0, 2.0, 3.0])

    def slope(a: Any, xs: Any) -> Any:
        return ft.jacrev(lambda a: defined(a, xs)[:3])(a)

    slope.__name__ = function
    for f in (defined, slope):
        program = ft.jit(f).program(2.0, xs)
        assert_close(results_of(function_of(program), (2.0, xs)), program(2.0, xs), 1e-13, name)


def test_what_a_loop_reads_is_computed_before_it() -> None:
    def f(a: Any, xs: Any) -> Any:
        c, ys = ft.scan(lambda c, x: (np.tanh(c * np.exp(a)) + x, c), 0.5 * a, np.sin(xs))
        return ft.while_loop(lambda d: d < np.cosh(a), lambda d: d + np.absolute(c * np.sum(np.cbrt(ys))), c)

    for g in (f, ft.grad(f)):
        tree = ast.parse(ft.jit(g).as_source(2.0, DATA[0]))
        # In their place are calls of the functions of the module, of names and rows.
        for node in ast.walk(tree):
            if isinstance(node, ast.For | ast.While):
                called = {ast.unparse(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
                assert not [name for name in called if name.startswith("np.")]
    assert function_of(ft.jit(f).program(2.0, DATA[0]))(2.0, DATA[0]) == pytest.approx(f(2.0, DATA[0]), rel=1e-13)


def test_shared_values_are_computed_once_and_named() -> None:
    def f(x: Any) -> Any:
        wave = np.sin(x)
        return wave * wave + wave

    source = ft.jit(f).as_source(1.0)
    assert source.count("np.sin") == 1
    assert "sine = np.sin(x)" in source


def test_compiled_functions_that_are_called_become_functions() -> None:
    inner = ft.jit(loss)
    program = ft.jit(lambda X, y: inner(PARAMS, X, y) * 2.0).program(DATA, DATA[:, 0])
    assert "def _loss(" in program.as_source()
    y = DATA[:, 0]
    # As above.
    np.testing.assert_allclose(function_of(program)(DATA, y), program(DATA, y)[0], rtol=1e-13)


def test_the_constants_of_functions_that_are_called_stand_in_the_text() -> None:
    large = np.arange(100.0)
    inner = ft.jit(lambda x: x * large)
    program = ft.jit(lambda x: inner(x) + 1.0).program(2.0)
    assert "np.load" not in program.as_source()
    np.testing.assert_array_equal(function_of(program)(2.0), 2.0 * large + 1.0)


def test_small_constants_stand_in_the_text_and_large_ones_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small, large = np.array([1.0, np.nan, -np.inf]), np.arange(100.0)
    program = ft.jit(lambda x: (x + small, x + large)).program(1.0)
    source = program.as_source()
    assert "np.array([1.0, np.nan, -np.inf])" in source
    assert "# program.save('f.npz') writes this file.\nwith np.load('f.npz') as constants:" in source
    for ours, theirs in zip(results_of(function_of(program), (2.0,)), (2.0 + small, 2.0 + large), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_dtypes_are_kept(dtype: Any) -> None:
    def f(x: Any) -> Any:
        return np.sum(x * 0.1 + np.ones(3, dtype)), x[::2], np.zeros_like(x), np.where(x == 1, x, 2)

    x = np.arange(3).astype(dtype)
    program = ft.jit(f).program(x)
    for ours, theirs in zip(function_of(program)(x), program(x), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_gradients_of_columns_at_computed_positions_are_written() -> None:
    f = lambda x, at: np.sum(np.take(x, np.minimum(at, 2), axis=1) ** 2)
    x, at = np.arange(6.0).reshape(2, 3), np.array([0, 5, 0])
    program = ft.jit(ft.grad(f)).program(x, at)
    np.testing.assert_array_equal(function_of(program)(x, at), ft.grad(f)(x, at))


def test_what_needs_more_than_numpy_is_named() -> None:
    from_elsewhere = ft.custom_jvp(lambda x: float(x) * 2)
    from_elsewhere.defjvp(lambda primals, tangents: (primals[0] * 2, tangents[0] * 2))
    with pytest.raises(NotImplementedError, match=r"applied at test_standalone\.py:\d+, .* with NumPy alone"):
        ft.jit(lambda x: from_elsewhere(x)).as_source(1.0)


# --- What programs show: the derivative, and whether shared work is done twice ----------------------------------------


def count(program: Program, name: str) -> int:
    return program.cost().operations.get(name, 0)


def test_the_derivative_of_sine_computes_no_sine() -> None:
    program = ft.jit(ft.grad(np.sin)).program(1.0)
    assert count(program, "sin") == 0
    assert "return np.cos(x)" in program.as_source()


def test_a_jacobian_computes_once_what_two_outputs_share() -> None:
    """As in seeds/004: main returns z = helper_1(p1) and y = helper_2(z, p2), and both are differentiated by both."""

    def helper_1(p: Any) -> Any:
        return np.tanh(np.outer(np.arange(5.0), p).sum(1))

    def helper_2(z: Any, q: Any) -> Any:
        return np.exp(z) * np.sin(q[0]) + q[1]

    def main(p: Any, q: Any) -> Any:
        z = helper_1(p)
        return z, helper_2(z, q)

    both = ft.jit(ft.jacfwd(main, (0, 1))).program(np.ones(2), np.ones(2))
    first = ft.jit(ft.jacfwd(helper_1)).program(np.ones(2))
    assert count(both, "tanh") == count(first, "tanh") == 1
    assert count(both, "exp") == 1
    assert count(both, "contract") == count(first, "contract")
