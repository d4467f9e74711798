"""Programs as data: their text, equality, files, and evaluation on traced values."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.program.program import Equation, Program, names_of
from functorch_lite.program.spelling import primitive_named, shown_name
from tests.cases import Case, all_cases, directions


def _is_text(program: Program) -> bool:
    """Say whether all of a program can stand in its text: its primitives, its parameters, its constants."""
    equations = program.equations
    return all(
        primitive_named(shown_name(e.primitive)) is e.primitive and all(map(_is_literal, e.params)) for e in equations
    )


def _is_literal(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_literal, value))
    if type(value) is slice:
        return all(map(_is_literal, (value.start, value.stop, value.step)))
    return value is None or value is Ellipsis or type(value) in (int, float, complex, bool, str) or _is_dtype(value)


def _is_dtype(value: Any) -> bool:
    return isinstance(value, np.dtype)


CASES = all_cases()


@pytest.mark.parametrize("family", sorted({case.id.partition("-")[0] for case in CASES}))
def test_programs_read_back_what_they_print_and_save(family: str) -> None:
    seen = 0
    for case in CASES:
        if case.id.partition("-")[0] != family:
            continue
        for program, args in _programs(case):
            if not _is_text(program):
                continue
            seen += 1
            file = io.BytesIO()
            program.save(file)
            file.seek(0)
            again = [Program.load(file)]
            if all(value.size <= 100 for value in program.constants.values()):
                again.append(Program.parse(str(program)))
                assert str(again[-1]) == str(program), case.id
            for other in again:
                assert other == program, case.id
                assert hash(other) == hash(program)
                with np.errstate(all="ignore"):
                    for y, expected in zip(other(*args), program(*args), strict=True):
                        np.testing.assert_array_equal(y, expected, strict=True, err_msg=case.id)
    assert seen, family


def _programs(case: Case) -> list[tuple[Program, tuple[Any, ...]]]:
    args = case.args
    g = directions(case(*args), 3)

    def pullback(*values: Any) -> Any:
        return ft.vjp(case, *values[: len(args)])[1](tuple(values[len(args) :]))

    return [(ft.make_program(case)(*args), args), (ft.jit(pullback).program(*args, *g), (*args, *g))]


def test_the_text_of_all_kinds_of_values() -> None:
    program = Program.parse(
        """
        program f(a: float64[2,3], b: float, c: int64[], d: bool[2]):
            k0: float64[4] = constant [nan, inf, -inf, -0.0]
            k1: complex128[] = constant (1+2j)
            k2: int64[0] = constant []
            k3: bool[2] = constant [True, False]
            e: float64[2] = index(a, key=(slice(None, None, None), 0))
            g: float64[2,1] = index(a, key=(Ellipsis, slice(0, 1, None)))
            h: float32[2,3] = convert(a, dtype=dtype('float32'))
            i: float64[2,3] = mul(a, -0.0)
            j: float64[2,3] = mul(i, inf)
            l: float64[2,3] = mul(j, nan)
            m: complex128[2,3] = mul(l, (1-2j))
            n: float = mul(b, b)
            return e, g, h, m, n, k0, k1, k2, k3, 1.5, True, None
        """.replace("key=(Ellipsis", "key=(...")
    )
    assert Program.parse(str(program)) == program
    assert str(Program.parse(str(program))) == str(program)
    outputs = program(np.ones((2, 3)), 3.0, np.int64(1), np.ones(2, bool))
    assert outputs[4] == 9.0
    assert outputs[-3:] == (1.5, True, None)
    np.testing.assert_array_equal(outputs[5], [np.nan, np.inf, -np.inf, -0.0])
    assert np.signbit(outputs[5][-1])


THIRDS = np.array([1, -2, 3], np.longdouble) / 3
SIGNED = [complex(np.inf, 1.0), complex(-0.0, 1.0), complex(1.0, -0.0), complex(0.0, -2.0), complex(np.nan, -np.inf)]


def _printing(format: str) -> Any:
    def f(x: Any) -> Any:
        ft.debug.print(format, x)
        return 2.0 * x

    return f


def _bits(x: Any) -> list[Any]:
    """Return the parts of numbers with the signs of zeros; long doubles have bytes that mean nothing."""
    return [str(np.asarray(x).dtype), *map(repr, np.ravel(np.real(x)).tolist() + np.ravel(np.imag(x)).tolist())]


ODD: dict[str, tuple[Any, Any]] = {
    "both kinds of quotes": (_printing("it's \"x\", {}"), 1.5),
    "a constant's line": (_printing("a = constant {} b"), 1.5),
    "escapes and brackets": (_printing("tab\t\\ \"{}\" ,' ) = (\n return program f("), 1.5),
    "an integer of NumPy's": (lambda x: np.round(x, np.int64(1)), np.ones(3)),
    "an end of a slice": (lambda x: x[np.int8(1) :: np.uint16(2)], np.ones(3)),
    "an initial value": (lambda x: np.sum(x, initial=np.float64(3.1), where=np.array([True, False, True])), THIRDS),
    "one in single precision": (lambda x: np.max(x, initial=np.float32(-0.0)), np.zeros(3, np.float32)),
    "a complex one": (
        lambda x: np.sum(x, initial=np.complex64(SIGNED[1]), where=np.array([True, False, True])),
        np.ones(3, complex),
    ),
    "long doubles": (lambda x: x * THIRDS, np.ones(3)),
    "a long double": (lambda x: x * np.longdouble(0.1), np.ones(3)),
    "long complex numbers": (lambda x: x + (THIRDS - 1j * THIRDS), np.ones(3)),
    "other bytes' order": (lambda x: x * np.arange(3, dtype=">f4"), np.ones(3, ">f8")),
    "a dtype of other bytes' order": (lambda x: np.astype(x, ">f4"), np.ones(3)),
    "signs of zeros": (lambda x: x + np.array([-0.0, 0.0, -np.inf]), np.full(3, -0.0)),
    "complex numbers": (lambda x: x * np.array(SIGNED), np.ones(5)),
    "complex numbers in single precision": (lambda x: x * np.array(SIGNED, np.complex64), np.ones(5, np.float32)),
    "complex numbers of Python's": (lambda x: [x * z for z in SIGNED], np.ones(2)),
}


@pytest.mark.parametrize("name", ODD)
@np.errstate(invalid="ignore")
def test_odd_constants_and_parameters(name: str) -> None:
    f, x = ODD[name]
    program = ft.jit(f).program(x)
    again = Program.parse(str(program))
    assert str(again) == str(program)
    file = io.BytesIO()
    program.save(file)
    file.seek(0)
    namespace: dict[str, Any] = {}
    exec(program.as_source(), namespace)
    results = namespace[program.name](x)
    expected = program(x)
    for other in (again, Program.load(file), pickle.loads(pickle.dumps(program))):
        assert other == program
        assert list(map(_bits, other(x))) == list(map(_bits, expected))
    results = results if isinstance(results, tuple) else (results,)  # without tokens of effects
    assert list(map(_bits, results)) == list(map(_bits, expected[: len(results)]))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("b: float64[3] = no_such_thing(a)", "no primitive 'no_such_thing'"),
        ("b = sin(a)", "defined as"),
        ("what is this", "is no equation"),
    ],
)
def test_text_that_is_no_program(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Program.parse(f"program f(a: float64[3]):\n    {line}\n    return a")


def test_text_without_a_head_or_an_end() -> None:
    with pytest.raises(ValueError, match="begins with"):
        Program.parse("def f(a):\n    return a")
    with pytest.raises(ValueError, match="ends with"):
        Program.parse("program f(a: float64[3]):\n    b: float64[3] = sin(a)")


def test_programs_are_pickled_and_copied() -> None:
    def loop(x: Any) -> Any:
        return np.sum(ft.while_loop(lambda c: np.sum(c) < 5.0, lambda c: 2.0 * c + np.arange(300.0)[:3], x))

    for f in (lambda x: np.sum(np.sin(x) * np.arange(300.0)[:3]), loop, ft.grad(loop)):
        program = ft.jit(f).program(np.ones(3))
        for other in (pickle.loads(pickle.dumps(program)), copy.copy(program), copy.deepcopy(program)):
            assert other == program
            assert str(other) == str(program)
            assert other.input_names == program.input_names
            np.testing.assert_array_equal(other(np.ones(3))[0], program(np.ones(3))[0])


def test_a_program_takes_arrays_of_the_shapes_that_it_was_recorded_for() -> None:
    program = ft.make_program(lambda x: np.sum(x) / len(x))(np.ones(2))
    assert program(np.ones(2, np.float32)) == (1.0,)
    with pytest.raises(ValueError, match=r"recorded for float64\[2\] as input 0; it was given .* shape \(4,\)"):
        program(np.ones(4))


def test_equality_is_up_to_the_names_of_variables_and_nothing_else() -> None:
    lines = "program f(a: float64[3]):", "k0: float64[3] = constant [0.0, 1.0, 2.0]", "b: float64[3] = {}", "return b"
    text = "\n".join(lines)
    program = Program.parse(text.format("mul(a, 2.0)"))
    assert program == Program.parse(text.format("mul(a, 2.0)").replace("b", "zz"))
    others = ("mul(a, 2)", "mul(a, -2.0)", "mul(2.0, a)", "add(a, 2.0)", "mul(a, k0)", "mul(a, a)")
    for other in others:
        assert program != Program.parse(text.format(other))
    with_constant = text.format("mul(a, k0)")
    assert Program.parse(with_constant) != Program.parse(with_constant.replace("[0.0,", "[-0.0,"))
    assert Program.parse(with_constant) != Program.parse(with_constant.replace("float64", "float32"))
    assert program != "program"


@pytest.mark.parametrize("suffix", ["", ".npz", ".program"])
def test_files(tmp_path: Path, suffix: str) -> None:
    table = np.arange(1000.0)
    program = ft.make_program(lambda x: np.sum(table * x) + x[0] * 2)(np.zeros(1000))
    path = tmp_path / f"f{suffix}"
    program.save(path)
    again = Program.load(path)
    assert again == program
    assert again(np.ones(1000)) == program(np.ones(1000))


def test_files_hold_the_names_of_inputs() -> None:
    program = ft.jit(lambda weight, x: weight * x).program(np.ones(3), np.ones(3))
    file = io.BytesIO()
    program.save(file)
    file.seek(0)
    again = Program.load(file)
    assert again.input_names == program.input_names == ("weight", "x")
    assert again.as_source() == program.as_source()


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda s, x: (s + 2) * x, 3.0),
        (lambda s, x: np.add(s, 2) * x, 3.0),
        (lambda s, x: np.where(~s, x, 2 * x), np.True_),
        (lambda s, x: np.where(np.invert(s), x, 2 * x), np.True_),
    ],
)
def test_operators_and_ufuncs_of_one_name_are_two(f: Any, x: Any) -> None:
    single = np.ones(3, np.float32)
    program = ft.make_program(f)(x, single)
    again = Program.parse(str(program))
    assert again == program
    assert [e.primitive for e in again.equations] == [e.primitive for e in program.equations]
    np.testing.assert_array_equal(again(x, single)[0], f(x, single), strict=True)


def test_programs_of_operators_and_of_ufuncs_differ() -> None:
    assert ft.make_program(lambda s: s + 2)(3.0) != ft.make_program(lambda s: np.add(s, 2))(3.0)


def test_large_constants_do_not_stand_in_the_text() -> None:
    table = np.arange(1000.0)
    program = ft.make_program(lambda x: table * x)(1.0)
    assert len(str(program)) < 500
    with pytest.raises(ValueError, match="save and load"):
        Program.parse(str(program))


def test_programs_run_on_traced_values() -> None:
    def f(x: Any, p: Any) -> Any:
        return np.sum(np.tanh(x @ p["w"]) ** 2)

    rng = np.random.default_rng(0)
    x, w = rng.normal(size=3), rng.normal(size=(3, 2))
    program = ft.make_program(f)(x, {"w": w})
    np.testing.assert_array_equal(program(x, w)[0], f(x, {"w": w}))
    gradient = ft.grad(lambda w: program(x, w)[0])(w)
    np.testing.assert_array_equal(gradient, ft.grad(lambda w: f(x, {"w": w}))(w))
    xs = rng.normal(size=(5, 3))
    # A product of matrices for five of vectors: rounding.
    np.testing.assert_allclose(ft.vmap(lambda x: program(x, w)[0])(xs), [f(x, {"w": w}) for x in xs], rtol=1e-14)
    again = ft.make_program(lambda x: program(x, w))(x)
    np.testing.assert_array_equal(again(x)[0], program(x, w)[0])


def test_the_number_of_arrays_is_checked() -> None:
    program = ft.make_program(lambda x: x)(1.0)
    with pytest.raises(TypeError, match="takes 1 arrays; it was given 2"):
        program(1.0, 2.0)


def test_with_equations_drops_unused_constants() -> None:
    table = np.arange(3.0)
    program = ft.make_program(lambda x: (np.sin(x), x * table))(np.ones(3))
    shorter = program.with_equations(program.equations[:1], program.outputs[:1])
    assert (len(shorter), len(shorter.outputs), shorter.constants) == (1, 1, {})
    assert len(program.constants) == 1
    np.testing.assert_array_equal(shorter(np.ones(3))[0], np.sin(np.ones(3)))


def test_equations_know_the_users_line() -> None:
    program = ft.make_program(lambda x: np.sin(x) + 1.0)(1.0)
    assert all("test_program.py" in e.line for e in program.equations)
    assert isinstance(program.equations[0], Equation)


# --- What derivatives compute -----------------------------------------------------------------------------------------


def names(program: Program) -> list[str]:
    """Return the names of a program's operations."""
    return [e.primitive.name for e in program.equations]


def test_the_gradient_of_the_sine_holds_no_sine() -> None:
    for x in (1.0, np.float64(1.0)):
        assert names(ft.jit(ft.grad(np.sin)).program(x)) == ["cos"]


def test_jacfwd_computes_what_two_helpers_share_once() -> None:
    def helper_1(params: Any) -> Any:
        return np.tanh(np.exp(params) * 3.0)

    def helper_2(z: Any, params: Any) -> Any:
        return np.log1p(z * z) * params

    def main(one: Any, two: Any) -> Any:
        z = helper_1(one)
        return z, helper_2(z, two)

    args = (np.array([0.1, 0.2]), np.array([0.3, 0.4]))
    program = ft.jit(ft.jacfwd(main, (0, 1))).program(*args)
    for name in ("tanh", "exp"):
        assert names(program).count(name) == 1, str(program)
    assert "log1p" in names(program)  # the derivative with respect to the second parameters
    assert names(program).count("log1p") == 1
    from_eager = ft.tree.leaves(ft.jacfwd(main, (0, 1))(*args))
    for y, expected in zip(program(*args), from_eager, strict=True):
        # The same derivative from fewer products: a few units.
        np.testing.assert_allclose(y, expected, rtol=1e-14, atol=1e-16)


# --- Numbers ----------------------------------------------------------------------------------------------------------

NUMBERS = (np.inf, -np.inf, np.nan, 0.0, -0.0, 2, -2, True, 1e300)
COMPLEX = tuple(complex(a, b) for a in (0.0, -0.0, 1.0, np.inf, np.nan) for b in (0.0, -0.0, -2.0, -np.inf))


@pytest.mark.parametrize("number", [*NUMBERS, *COMPLEX], ids=repr)
@pytest.mark.parametrize("x", [1.5, np.float64(-1.5), np.array([1.0, -0.0])], ids=repr)
def test_numbers_in_a_program_keep_their_bits(x: Any, number: Any) -> None:
    def f(x: Any) -> Any:
        return x - number, number * x, np.maximum(number, x) if not isinstance(number, complex) else x, number

    with np.errstate(all="ignore"):
        expected = f(x)
        actual = ft.jit(f)(x)
    for y, z in zip(actual, expected, strict=True):
        assert type(y) is type(z)
        for part in (np.real, np.imag):
            np.testing.assert_array_equal(part(y), part(z))
            known = ~np.isnan(part(z))
            np.testing.assert_array_equal(np.signbit(part(y))[known], np.signbit(part(z))[known])


def test_where_math_raises_numpy_goes_on() -> None:
    def f(x: Any, y: Any) -> Any:
        a = np.log(x) + 1.0
        b = np.sum(y) * a
        return np.exp(b) / x, np.sin(1.0 / np.sum(y[:1])), np.sqrt(a - 3.0)

    y = np.array([0.0, 1.0])
    with np.errstate(all="ignore"):
        for x in (1.0, 0.0, -1.0, 1e300, np.inf, np.nan):
            for given in (x, np.float64(x)):
                for z, wanted in zip(ft.jit(f)(given, y), f(given, y), strict=True):
                    assert type(z) is type(wanted)
                    np.testing.assert_allclose(z, wanted, rtol=1e-14)
    with pytest.raises(ZeroDivisionError):  # as Python's division of its numbers does
        ft.jit(lambda x: 1.0 / x)(0.0)
    with pytest.warns(RuntimeWarning, match="invalid value encountered in log"):
        ft.jit(np.log)(-1.0)


def test_where_math_raises_in_a_loop_numpy_goes_on() -> None:
    def f(c: float, xs: Any) -> Any:
        return ft.scan(lambda c, x: (np.sqrt(np.log(c) + x), c), c, xs)

    with np.errstate(all="ignore"):
        for c in (3.0, 0.0, -1.0):
            (last, all_), (wanted, steps) = ft.jit(f)(c, np.arange(5.0)), f(c, np.arange(5.0))
            np.testing.assert_allclose(last, wanted, rtol=1e-14)
            np.testing.assert_allclose(all_, steps, rtol=1e-14)


# --- Length -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [5_000, 50_000])
def test_long_programs_are_recorded_optimised_and_compiled_without_recursion(count: int) -> None:
    def f(x: Any) -> Any:
        for _ in range(count // 2):
            x = np.sin(x * 0.9)
        return x

    program = ft.make_program(f)(1.0)
    assert len(program) == count // 2 * 2
    compiled = ft.jit(f)
    assert len(compiled.program(1.0)) == len(program)
    # Each step is within a unit of NumPy's and shrinks the error of the ones before.
    np.testing.assert_allclose(compiled(1.0), f(1.0), rtol=1e-12)
    assert len(set(names_of(program).values())) == len(program) + 1
    ending = ft.make_program(lambda x: f(x) * np.inf * np.nan)(1.0)
    assert Program.parse(str(ending)) == ending


def test_long_gradients() -> None:
    def f(x: Any) -> Any:
        for _ in range(5_000):
            x = np.sin(x * 0.9)
        return np.sum(x)

    x = np.linspace(0.1, 1.0, 4)
    compiled = ft.jit(ft.grad(f))
    np.testing.assert_allclose(compiled(x), ft.grad(f)(x), rtol=1e-12)
    # Forward: a product and a sine; back: a cosine and two products, and the sum at the end.
    assert len(compiled.program(x)) <= 5 * 5_000 + 3
    np.testing.assert_allclose(ft.grad(ft.jit(f))(x), ft.grad(f)(x), rtol=1e-12)


def test_the_work_of_the_passes_grows_with_the_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the equations that all passes together look at: a fixed number for each equation of the program."""
    counts = {}
    whole = Program.with_equations
    for count in (200, 2_000):
        looked = [0]

        def counting(self: Program, equations: Any, outputs: Any = None, looked: list[int] = looked) -> Program:
            looked[0] += len(equations) + 1
            return whole(self, equations, outputs)

        def f(x: Any, count: int = count) -> Any:
            for _ in range(count):
                x = np.negative(-np.sin(x.reshape(2, 2).T.T).reshape(4) * 1.0) + (x - x)
            return x

        monkeypatch.setattr(Program, "with_equations", counting)
        ft.jit(f).program(np.ones(4))
        monkeypatch.undo()
        counts[count] = looked[0] / count
    assert counts[2_000] <= 1.5 * counts[200]
