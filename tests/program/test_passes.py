"""Each pass does what it says, and none changes a bit of the numbers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.program import passes
from functorch_lite.program.passes import (
    common_subexpressions,
    constant_folding,
    dead_code,
    narrow_broadcasts,
    optimized,
    scalar_constants,
)
from functorch_lite.program.program import Pass
from functorch_lite.program.signs import negated_sums
from functorch_lite.program.simplification import simplification
from functorch_lite.program.source import compiled

#: The pass, what it is given, what it makes of it.
REWRITTEN: list[tuple[Pass, str, str]] = [
    (
        dead_code,
        """
        program f(a: float64[3], b: float64[3]):
            c: float64[3] = sin(a)
            d: float64[3] = cos(b)
            e: float64[3] = mul(d, d)
            return c
        """,
        """
        program f(a: float64[3], b: float64[3]):
            c: float64[3] = sin(a)
            return c
        """,
    ),
    (
        dead_code,  # one of several results keeps the equation
        """
        program f(a: float64[3,3]):
            b: float64[3], c: float64[3,3] = eigh(a, uplo='L')
            return c
        """,
        """
        program f(a: float64[3,3]):
            b: float64[3], c: float64[3,3] = eigh(a, uplo='L')
            return c
        """,
    ),
    (
        common_subexpressions,
        """
        program f(a: float64[3]):
            b: float64[3] = sin(a)
            c: float64[3] = sin(a)
            d: float64[3] = mul(b, 2.0)
            e: float64[3] = mul(c, 2.0)
            f: float64[3] = add(d, e)
            return f, e
        """,
        """
        program f(a: float64[3]):
            b: float64[3] = sin(a)
            c: float64[3] = mul(b, 2.0)
            d: float64[3] = add(c, c)
            return d, c
        """,
    ),
    (
        common_subexpressions,  # 1 and 1.0, 0.0 and -0.0, other parameters: different things
        """
        program f(a: float64[3,3]):
            b: float64[3,3] = add(a, 0.0)
            c: float64[3,3] = add(a, -0.0)
            d: float64[3,3] = add(a, 0)
            e: float64[3] = sum(a, axes=(0,), keepdims=False)
            g: float64[3] = sum(a, axes=(1,), keepdims=False)
            return b, c, d, e, g
        """,
        "the same",
    ),
    (
        common_subexpressions,  # operands in another order may give another NaN
        """
        program f(a: float64[3], b: float64[3]):
            c: float64[3] = add(a, b)
            d: float64[3] = add(b, a)
            return c, d
        """,
        "the same",
    ),
    (
        constant_folding,
        """
        program f(a: float64[2]):
            k0: float64[2] = constant [1.0, 4.0]
            b: float64[2] = sqrt(k0)
            c: float64[2] = mul(b, 3.0)
            d: float64[2] = add(a, c)
            return d, b
        """,
        """
        program f(a: float64[2]):
            k0: float64[2] = constant [1.0, 2.0]
            k1: float64[2] = constant [3.0, 6.0]
            b: float64[2] = add(a, k1)
            return b, k0
        """,
    ),
    (
        simplification,
        """
        program f(a: float64[2,3]):
            b: float64[2,3] = mul(a, 1.0)
            c: float64[2,3] = truediv(b, 1)
            d: float64[2,3] = sub(c, 0.0)
            e: float64[2,3] = add(d, -0.0)
            f: float64[2,3] = neg(e)
            g: float64[2,3] = neg(f)
            h: float64[3,2] = transpose(g, axes=(1, 0))
            i: float64[2,3] = transpose(h, axes=(1, 0))
            j: float64[3,2] = reshape(i, shape=(3, 2))
            k: float64[6] = reshape(j, shape=(6,))
            l: float64[6] = reshape(k, shape=(6,))
            m: float64[6] = sin(l)
            return m
        """,
        """
        program f(a: float64[2,3]):
            b: float64[2,3] = neg(a)
            c: float64[3,2] = transpose(a, axes=(1, 0))
            d: float64[3,2] = reshape(a, shape=(3, 2))
            e: float64[6] = reshape(a, shape=(6,))
            f: float64[6] = sin(e)
            return f
        """,
    ),
    (
        simplification,  # a sign and a number
        """
        program f(a: float64[2], b: int64[2]):
            c: float64[2] = neg(a)
            d: float64[2] = mul(c, 0.5)
            e: int64[2] = neg(b)
            g: int64[2] = mul(e, 3)
            h: float64[2] = mul(c, a)
            return d, g, h
        """,
        """
        program f(a: float64[2], b: int64[2]):
            c: float64[2] = neg(a)
            d: float64[2] = mul(a, -0.5)
            e: int64[2] = neg(b)
            g: int64[2] = mul(e, 3)
            h: float64[2] = mul(c, a)
            return d, g, h
        """,
    ),
    (
        simplification,  # without axes; sums begin with 0, which makes 0 of -0
        """
        program f(a: float64[], b: int64[], c: bool[]):
            d: float64[] = sum(a, axes=(), keepdims=False)
            e: float64[] = mean(a, axes=(), keepdims=False)
            g: float64[] = max(a, axes=(), keepdims=False)
            h: float64[] = prod(g, axes=(), keepdims=False)
            i: int64[] = min(b, axes=(), keepdims=False)
            j: int64[] = sum(b, axes=(), keepdims=False)
            k: int64[] = sum(c, axes=(), keepdims=False)
            return d, e, h, i, j, k
        """,
        """
        program f(a: float64[], b: int64[], c: bool[]):
            d: float64[] = add(a, 0.0)
            e: float64[] = add(a, 0.0)
            g: int64[] = sum(b, axes=(), keepdims=False)
            h: int64[] = sum(c, axes=(), keepdims=False)
            return d, e, a, b, g, h
        """,
    ),
    (
        simplification,  # none of these gives back its operand's bits, shape and dtype
        """
        program f(a: float64[3], b: complex128[3], c: int64[3], d: float):
            e: float64[3] = add(a, 0.0)
            g: float64[3] = sub(a, -0.0)
            h: float64[3] = sub(0.0, a)
            i: float64[3] = truediv(1.0, a)
            j: complex128[3] = mul(b, 1.0)
            k: complex128[3] = add(b, -0.0)
            l: float64[3] = mul(c, 1.0)
            m: float64[3] = mul(d, a)
            n: float64[] = convert(d, dtype=dtype('float64'))
            o: float64[3] = mul(a, 0.0)
            p: float64[3] = sub(a, a)
            return e, g, h, i, j, k, l, m, n, o, p
        """,
        "the same",
    ),
    (
        simplification,  # as NumPy does for arrays, and for arrays only
        """
        program f(a: float64[3], b: float64[]):
            c: float64[3] = pow(a, 2)
            d: float64[3] = pow(a, 0.5)
            e: float64[3] = pow(a, -1)
            f: float64[3] = pow(a, 3)
            g: float64[] = pow(b, 2)
            return c, d, e, f, g
        """,
        """
        program f(a: float64[3], b: float64[]):
            c: float64[3] = square(a)
            d: float64[3] = sqrt(a)
            e: float64[3] = reciprocal(a)
            f: float64[3] = pow(a, 3)
            g: float64[] = pow(b, 2)
            return c, d, e, f, g
        """,
    ),
    (
        simplification,  # what is infinite is not equal to a number, so the selections select nothing
        """
        program f(a: float64[3]):
            b: bool[3] = eq(a, 0.0)
            c: bool[3] = isinf(a)
            d: bool[3] = and_(b, c)
            e: float64[3] = where(d, 0.0, a)
            f: float64[3] = where(d, 0.0, 0.0)
            g: float64[3] = sub(e, f)
            return g
        """,
        """
        program f(a: float64[3]):
            b: bool[3] = eq(a, 0.0)
            c: bool[3] = isinf(a)
            d: bool[3] = and_(b, c)
            e: float64[3] = where(d, 0.0, 0.0)
            return a
        """,
    ),
    (
        simplification,  # an infinity, or another number, may be equal; a selection of single precision is converted
        """
        program f(a: float64[3], b: float64[3], c: float32[3]):
            d: bool[3] = isinf(a)
            e: bool[3] = eq(a, inf)
            f: bool[3] = and_(d, e)
            g: float64[3] = where(f, 0.0, a)
            h: bool[3] = eq(b, 0.0)
            i: bool[3] = and_(d, h)
            j: float64[3] = where(i, 0.0, a)
            k: bool[3] = eq(a, 0.0)
            l: bool[3] = and_(k, d)
            m: float64[3] = where(l, a, c)
            return g, j, m
        """,
        "the same",
    ),
    (
        scalar_constants,
        """
        program f(a: float64[2]):
            k0: float64[2] = constant [3.0, 3.0]
            k1: float64[2] = constant [0.0, -0.0]
            k2: float64[2,2] = constant [[3.0, 3.0], [3.0, 3.0]]
            b: float64[2] = mul(a, k0)
            c: float64[2] = add(b, k1)
            d: float64[2,2] = add(c, k2)
            return d
        """,
        """
        program f(a: float64[2]):
            k0: float64[2] = constant [0.0, -0.0]
            k1: float64[2,2] = constant [[3.0, 3.0], [3.0, 3.0]]
            k2: float64[] = constant 3.0
            b: float64[2] = mul(a, k2)
            c: float64[2] = add(b, k0)
            d: float64[2,2] = add(c, k1)
            return d
        """,
    ),
    (
        narrow_broadcasts,
        """
        program f(a: float64[3], b: float64[2,3], c: float, d: float32[2,3]):
            e: float64[2,3] = broadcast_to(a, shape=(2, 3))
            g: float64[2,3] = mul(e, b)
            h: float64[2,3] = mul(e, e)
            i: float64[2,3] = broadcast_to(c, shape=(2, 3))
            j: float64[2,3] = mul(i, d)
            return g, h, j
        """,
        """
        program f(a: float64[3], b: float64[2,3], c: float, d: float32[2,3]):
            e: float64[2,3] = broadcast_to(a, shape=(2, 3))
            g: float64[2,3] = mul(a, b)
            h: float64[2,3] = mul(a, e)
            i: float64[2,3] = broadcast_to(c, shape=(2, 3))
            j: float64[2,3] = mul(i, d)
            return g, h, j
        """,
    ),
    (
        negated_sums,
        """
        program f(a: float64[2,3]):
            b: float64[2,3] = neg(a)
            c: float64[2] = sum(b, axes=(1,), keepdims=False)
            d: float64[] = sum(b, axes=(0, 1), keepdims=False)
            return c, d
        """,
        """
        program f(a: float64[2,3]):
            b: float64[2,3] = neg(a)
            c: float64[2] = sum(a, axes=(1,), keepdims=False)
            d: float64[2] = sub(0.0, c)
            e: float64[] = sum(a, axes=(0, 1), keepdims=False)
            f: float64[] = sub(0.0, e)
            return d, f
        """,
    ),
    (
        negated_sums,  # read or returned otherwise; -128, of which there is no negative; sums of booleans
        """
        program f(a: float64[3], b: int8[3], c: float64[3]):
            d: float64[3] = neg(a)
            e: float64[] = sum(d, axes=(0,), keepdims=False)
            f: float64[3] = exp(d)
            g: int8[3] = neg(b)
            h: int64[] = sum(g, axes=(0,), keepdims=False)
            i: float64[3] = neg(c)
            j: float64[] = sum(i, axes=(0,), keepdims=False)
            return e, f, h, i, j
        """,
        "the same",
    ),
]


@pytest.mark.parametrize(("rewrite", "before", "after"), REWRITTEN)
def test_what_a_pass_makes_of_a_program(rewrite: Pass, before: str, after: str) -> None:
    program = ft.Program.parse(before)
    result = rewrite(program)
    assert str(result) == str(ft.Program.parse(before if after == "the same" else after))
    _assert_same_bits(program, result, *(_values_for(v, np.random.default_rng(0)) for v in program.inputs))


def test_passes_leave_their_program_as_it_was() -> None:
    for rewrite, before, _ in REWRITTEN:
        program = ft.Program.parse(before)
        rewrite(program)
        optimized(program)
        assert str(program) == str(ft.Program.parse(before))


def test_large_constants_are_not_folded() -> None:
    table = np.arange(10_000.0)
    program = ft.make_program(lambda x: x + np.sin(table))(1.0)
    text = str(optimized(program))
    assert "sin" not in text  # it was computed by NumPy, on a raw array, when the program was recorded
    program = ft.make_program(lambda x: x + np.broadcast_to(np.float64(2.0) * (x * 0.0 + 1.0), (10_000,)))(1.0)
    assert not any(value.size > 4096 for value in optimized(program).constants.values())


def test_an_optimised_program_is_optimised_already() -> None:
    program = ft.make_program(ft.grad(lambda x: np.sum(np.tanh(x.reshape(2, 3).T @ np.ones((2, 2))) ** 2)))(np.ones(6))
    once = optimized(program)
    assert optimized(once) == once
    assert len(once) < len(program)


# --- Exactness --------------------------------------------------------------------------------------------------------

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e308, 5e-324, -2.5])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.int64])
@pytest.mark.parametrize("operation", [operator.mul, operator.truediv, operator.add, operator.sub, operator.pow])
@pytest.mark.parametrize("constant", [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 0, 1, 2, np.float64(1.0), np.float64(-0.0)])
def test_neutral_operands_are_exact(dtype: Any, operation: Any, constant: Any) -> None:
    with np.errstate(all="ignore"):
        x = np.arange(-3, 7) if dtype is np.int64 else SPECIAL.astype(dtype)
        if np.dtype(dtype).kind == "c":
            x = x + 1j * SPECIAL[::-1]
    for f in (lambda x: operation(x, constant), lambda x: operation(x, np.full(x.shape, constant))):
        with np.errstate(all="ignore"):
            _assert_bits((ft.jit(f)(x),), (f(x),))


@pytest.mark.parametrize("power", [operator.pow, np.power, np.float_power])
@pytest.mark.parametrize("exponent", [2.0, 3.0, 0.5, -1.0])
def test_powers_whose_exponents_are_all_one_number_are_exact(power: Any, exponent: float) -> None:
    """NumPy computes a power of one number in another way, if it is small and whole."""
    x = np.linspace(0.1, 3.0, 1001)
    for f in (
        lambda x: power(x, np.full(x.shape, exponent)),
        lambda x: power(x, np.broadcast_to(np.sum(x[:1]) * 0.0 + exponent, x.shape)),
        lambda x: power(x, exponent),
    ):
        _assert_bits((ft.jit(f)(x),), (f(x),))


def test_weak_numbers_stay_weak_and_strong_ones_strong() -> None:
    single = np.ones(3, np.float32)
    for scalar in (3.0, np.float64(3.0), np.float32(3.0), 3):
        for f in (
            lambda s, x: s * x,
            lambda s, x: (s * 1.0) * x,
            lambda s, x: np.multiply(s, 1.0) * x,
            lambda s, x: np.where(~np.less(s, 4.0), x, np.add(s, 2) * x),
            lambda s, x: np.negative(-s) * x,
            lambda s, x: (s + np.float64(0.0)) * x,
            lambda s, x: (s * np.float64(1.0)) * x,
            lambda s, x: np.sqrt(s) * x,
            lambda s, x: np.broadcast_to(s, (3,)) * x,
            lambda s, x: np.where(x > 0, s, x),
        ):
            assert ft.jit(f)(scalar, single).dtype == f(scalar, single).dtype


# --- Random programs --------------------------------------------------------------------------------------------------

UNARY = ("neg", "square", "sqrt", "tanh", "absolute", "exp", "positive")
BINARY = ("add", "sub", "mul", "truediv", "maximum")


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_give_the_same_bits_after_all_passes_and_compiled(seed: int) -> None:
    random = np.random.default_rng(seed)
    program = ft.Program.parse(_random_text(random))
    arrays = [_values_for(v, random) for v in program.inputs]
    if seed % 3 == 0:
        arrays[0].flat[: SPECIAL.size] = SPECIAL[: arrays[0].size]
    better = optimized(program)
    assert len(better) <= len(program)
    with np.errstate(all="ignore"):
        _assert_same_bits(program, better, *arrays)
        _assert_bits(compiled(better)(*arrays), program(*arrays))


def _random_text(random: Any) -> str:
    """Return a program of forty operations on two inputs and a constant, with repetitions."""
    shapes = {"a": (2, 3), "b": (2, 3)}
    lines = [
        "program f(a: float64[2,3], b: float64[2,3]):",
        "k0: float64[2,3] = constant [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]",
    ]
    shapes["k0"] = (2, 3)
    for n in range(40):
        name, x = f"v{n}", str(random.choice([*shapes]))
        shape = shapes[x]
        kind = random.integers(4)
        if kind == 0:
            text = f"{random.choice(UNARY)}({x})"
        elif kind == 1:
            same = [y for y in shapes if shapes[y] == shape]
            operands = [x, random.choice([*same, "1.0", "0.0", "-0.0", "2"])]
            random.shuffle(operands)
            text = f"{random.choice(BINARY)}({', '.join(map(str, operands))})"
        elif kind == 2 and len(shape) == 2:
            text, shape = f"transpose({x}, axes=(1, 0))", shape[::-1]
        elif shape:
            size = int(np.prod(shape))
            shape = (size,) if len(shape) == 2 else (2, size // 2)
            text = f"reshape({x}, shape={shape})"
        lines.append(f"{name}: float64[{','.join(map(str, shape))}] = {text}")
        shapes[name] = shape
    outputs = random.choice([*shapes], 4, replace=False)
    return "\n    ".join(lines) + f"\n    return {', '.join(outputs)}"


def _values_for(variable: Any, random: Any) -> Any:
    if variable.dtype is float:
        return 1.5
    x = random.normal(size=variable.shape)
    if len(variable.shape) == 2 and variable.shape[0] == variable.shape[1]:
        x = x + x.T
    return (x * 3).astype(variable.dtype) if variable.shape else np.dtype(variable.dtype).type(x)


def _assert_same_bits(one: ft.Program, other: ft.Program, *arrays: Any) -> None:
    with np.errstate(all="ignore"):
        _assert_bits(other(*arrays), one(*arrays))


def _assert_bits(actual: Any, expected: Any) -> None:
    """Assert that arrays agree in dtype, shape and bits; one NaN is as good as another."""
    assert len(actual) == len(expected)
    for y, wanted in zip(map(np.asarray, actual), map(np.asarray, expected), strict=True):
        assert (y.dtype, y.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_array_equal(y, wanted)
        for part in ("real", "imag"):
            a, b = getattr(y, part), getattr(wanted, part)
            known = ~np.isnan(b)
            np.testing.assert_array_equal(np.signbit(a)[known], np.signbit(b)[known])


# --- Loops ------------------------------------------------------------------------------------------------------------


def _last_state(w: Any, u: Any, xs: Any) -> Any:
    h, _ = ft.scan(lambda h, x: (np.tanh(h @ w + x @ u), None), np.zeros((16, 4)), xs)
    return np.sum(h)


def test_products_leave_loops() -> None:
    rng = np.random.default_rng(0)
    arguments = rng.normal(size=(4, 4)), rng.normal(size=(3, 4)), rng.normal(size=(7, 16, 3))
    for f in (_last_state, ft.grad(_last_state, (0, 1, 2))):
        program = ft.make_program(f)(*arguments)
        lifted = passes.lifted(program)
        before, after = (
            [inner.name for e in p.equations for part in getattr(e.primitive, "entries", ()) for inner in _inner(part)]
            for p in (program, lifted)
        )
        assert after.count("matmul") < before.count("matmul")
        assert "contract" not in after
        for y, expected in zip(lifted(*arguments), program(*arguments), strict=True):
            np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
    # What is carried stays: one product forward, one back.
    assert after.count("matmul") == 2


def test_a_loop_without_a_carried_value_is_no_loop() -> None:
    program = ft.make_program(lambda x: ft.map(lambda row: np.sin(row) * 2.0, x))(np.ones((5, 3)))
    lifted = passes.lifted(program)
    assert [e.primitive.name for e in lifted.equations] == ["sin", "mul"]
    np.testing.assert_array_equal(lifted(np.ones((5, 3)))[0], program(np.ones((5, 3)))[0])


def test_large_rows_stay_in_the_loop() -> None:
    program = ft.make_program(lambda x: ft.map(np.sin, x))(np.ones((3, 5000)))
    assert passes.lifted(program) == program


def _inner(part: Any) -> list[Any]:
    return [e.primitive for e in part.program.equations]
