"""What every rule must satisfy, at every sample: its derivatives, its batches, its dtypes, its memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.primitive import PRIMITIVES, Pointwise
from tests import duck
from tests.cases import (
    COMPLEX_STEP,
    DIFFERENCE,
    SAME_SUM,
    Case,
    all_cases,
    alone,
    assert_close,
    assert_same_pairing,
    directions,
    dtype_of,
    moved,
    noise,
    pairing,
    size_of,
    with_imaginary_parts,
)

#: Second derivatives go through first ones: the rounding of those is differentiated, times a condition number or two.
SAME_SECOND = 1e-10
#: A batch computes what a loop does, by other routines (a matrix product for many products of vectors).
SAME_VALUE = 1e-12

BATCH = 3

CASES = all_cases()


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases])


# --- Values -----------------------------------------------------------------------------------------------------------


@each(CASES)
def test_primal_output_is_numpys_own_to_the_bit(case: Case) -> None:
    expected = case(*case.args)
    under_forward = ft.jvp(case, case.args, directions(case.args, 0))[0]
    under_reverse = ft.vjp(case, *case.args)[0]
    for out in (under_forward, under_reverse):
        assert len(out) == len(expected)
        for y, plain in zip(out, expected, strict=True):
            assert dtype_of(y) == dtype_of(plain)
            np.testing.assert_array_equal(np.asarray(y), np.asarray(plain), strict=True)


# --- First derivatives ------------------------------------------------------------------------------------------------


@each(CASES)
def test_forward_mode_against_differences(case: Case) -> None:
    t = directions(case.args, 1)
    values, tangents = ft.jvp(case, case.args, t)
    if _is_analytic(case):
        step = 1e-30
        ahead = case(*moved(case.args, 1j * step, t))
        assert_close(tangents, [np.imag(y) / step for y in ahead], COMPLEX_STEP * _scale(values), "complex step")
    else:
        assert_close(tangents, _extrapolated(case, t), DIFFERENCE * _scale(values), "difference")


@each(CASES)
def test_reverse_mode_against_forward_mode(case: Case) -> None:
    t = directions(case.args, 2)
    values, tangents = ft.jvp(case, case.args, t)
    g = directions(values, 3)
    pulled = ft.vjp(case, *case.args)[1](g)
    for c, x in zip(pulled, case.args, strict=True):
        assert np.shape(c) == np.shape(x)
    assert_same_pairing(pairing(g, tangents), pairing(pulled, t), SAME_SUM, "all arguments")
    if len(case.args) == 1:
        return
    for i, (x, t_x) in enumerate(zip(case.args, t, strict=True)):
        f = alone(case, case.args, i)
        tangents_alone = ft.jvp(f, (x,), (t_x,))[1]
        (pulled_alone,) = ft.vjp(f, x)[1](g)
        assert_same_pairing(pairing(g, tangents_alone), pairing([pulled_alone], [t_x]), SAME_SUM, f"argument {i} alone")
        assert_close([pulled_alone], [pulled[i]], SAME_SUM, f"argument {i} alone and with the others")


# --- Second derivatives -----------------------------------------------------------------------------------------------


@each(CASES)
def test_second_derivatives_of_all_modes_agree(case: Case) -> None:
    t, w = directions(case.args, 4), directions(case.args, 5)
    values, tangents = ft.jvp(case, case.args, t)
    g = directions(values, 6)

    def gradient(*args: Any) -> Any:
        return ft.vjp(case, *args)[1](g)

    def along_t(*args: Any) -> Any:
        return ft.jvp(case, args, t)[1]

    gradients, forward_over_reverse = ft.jvp(gradient, case.args, t)
    reverse_over_reverse = ft.vjp(gradient, *case.args)[1](w)
    forward_over_forward = ft.jvp(along_t, case.args, w)[1]
    reverse_over_forward = ft.vjp(along_t, *case.args)[1](g)
    # Where second derivatives vanish, what is left is the rounding of first ones.
    floor = pairing(g, tangents)[1] + pairing(gradients, w)[1]
    first, scale = pairing(w, forward_over_reverse)
    expected = first, scale + floor * SAME_SECOND
    assert_same_pairing(
        expected, pairing(reverse_over_reverse, t), SAME_SECOND, "forward over reverse, reverse over reverse"
    )
    assert_same_pairing(
        expected, pairing(g, forward_over_forward), SAME_SECOND, "forward over reverse, forward over forward"
    )
    assert_same_pairing(
        expected, pairing(reverse_over_forward, w), SAME_SECOND, "forward over reverse, reverse over forward"
    )


@each(CASES)
def test_second_derivatives_against_differences(case: Case) -> None:
    t = directions(case.args, 4)
    g = directions(case(*case.args), 6)

    def gradient(*args: Any) -> Any:
        return ft.vjp(case, *args)[1](g)

    gradients, changes = ft.jvp(gradient, case.args, t)
    assert_close(
        changes, _extrapolated(gradient, t, case.args), DIFFERENCE * 10 * _scale(gradients), "second difference"
    )


# --- Batches ----------------------------------------------------------------------------------------------------------


@each(CASES)
def test_vmap_against_a_loop(case: Case) -> None:
    batches = _batches(case.args)
    n = len(case.args)
    for mapped in [tuple(range(n)), *((i,) for i in range(n) if n > 1)]:
        axes = tuple(0 if i in mapped else None for i in range(n))
        args = tuple(batches[i] if i in mapped else case.args[i] for i in range(n))
        actual = ft.vmap(case, axes)(*args)
        examples = [case(*(args[i][k] if i in mapped else args[i] for i in range(n))) for k in range(BATCH)]
        assert_close(actual, _stacked(examples), SAME_VALUE, f"arguments {mapped} batched")


@each(CASES)
def test_vmap_of_derivatives_against_a_loop(case: Case) -> None:
    batches = _batches(case.args)
    tangents = _batches(directions(case.args, 8))
    weights = directions(case(*case.args), 9)

    def push(args: Any, t: Any) -> Any:
        return ft.jvp(case, args, t)[1]

    def gradient(args: Any) -> Any:
        return ft.vjp(case, *args)[1](weights)

    examples = [tuple(b[k] for b in batches) for k in range(BATCH)]
    along = [tuple(t[k] for t in tangents) for k in range(BATCH)]
    pushed = ft.vmap(push)(batches, tangents)
    assert_close(
        pushed, _stacked([push(x, t) for x, t in zip(examples, along, strict=True)]), SAME_VALUE, "vmap of jvp"
    )
    assert_close(ft.vmap(gradient)(batches), _stacked([gradient(x) for x in examples]), SAME_VALUE, "vmap of vjp")


@each(CASES)
def test_derivatives_of_vmap_against_a_loop(case: Case) -> None:
    batches = _batches(case.args)
    weights = [np.stack(ws) for ws in zip(*(directions(case(*case.args), 40 + k) for k in range(BATCH)), strict=True)]
    pulled = ft.vjp(ft.vmap(case), *batches)[1](tuple(weights))
    examples = [ft.vjp(case, *(b[k] for b in batches))[1](tuple(w[k] for w in weights)) for k in range(BATCH)]
    assert_close(pulled, _stacked(examples), SAME_VALUE, "vjp of vmap")


@each(CASES)
def test_nested_vmap_against_loops(case: Case) -> None:
    inner = _batches(case.args)
    outer = tuple(np.stack([b, b + 1e-3 * noise(b, 50 + i)]) for i, b in enumerate(inner))
    actual = ft.vmap(ft.vmap(case))(*outer)
    loops = [_stacked([case(*(b[j, k] for b in outer)) for k in range(BATCH)]) for j in range(2)]
    assert_close(actual, _stacked(loops), SAME_VALUE, "two levels, all arguments in both")
    first = (outer[0], *inner[1:])
    actual = ft.vmap(ft.vmap(case), (0, *(None,) * (len(inner) - 1)))(*first)
    loops = [_stacked([case(outer[0][j, k], *(b[k] for b in inner[1:])) for k in range(BATCH)]) for j in range(2)]
    assert_close(actual, _stacked(loops), SAME_VALUE, "two levels, the first argument only in the outer")


@each(CASES)
def test_empty_batch(case: Case) -> None:
    batches = tuple(np.empty((0, *np.shape(x)), dtype_of(x)) for x in case.args)
    for y, plain in zip(ft.vmap(case)(*batches), case(*case.args), strict=True):
        assert y.shape == (0, *np.shape(plain))
        assert y.dtype == dtype_of(plain)


# --- Dtypes and memory ------------------------------------------------------------------------------------------------


@each([case for case in CASES if case.sample.float32])
def test_single_precision_is_kept(case: Case) -> None:
    args = tuple(_single(x) for x in case.args)
    values, tangents = ft.jvp(case, args, directions(args, 10))
    pulled = ft.vjp(case, *args)[1](directions(values, 11))
    single = any(hasattr(x, "dtype") for x in args)
    for y, t in zip(values, tangents, strict=True):
        assert dtype_of(y) in (np.float32, np.complex64) or not single
        assert dtype_of(t) == dtype_of(y)
        assert np.shape(t) == np.shape(y)
    for x, c in zip(args, pulled, strict=True):
        assert dtype_of(c) == dtype_of(x) if hasattr(x, "dtype") else dtype_of(c).kind == dtype_of(x).kind


@each([case for case in CASES if case.sample.float32 and len(case.args) > 1])
def test_short_operands_leave_the_derivatives_by_others_their_digits(case: Case) -> None:
    for i, x in enumerate(case.args):
        short = [_single(other) for other in case.args]
        values, *found = _derivatives_by_one(case, x, i, short)
        same_values, *expected = _derivatives_by_one(case, x, i, [_double(other) for other in short])
        # Some functions compute in the short numbers themselves, or have results whose length hangs on digits.
        if _agree(values, same_values):
            for c, d in zip(found, expected, strict=True):
                assert_close(c, d, SAME_SECOND, f"argument {i}")


def _agree(values: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return all(
        np.shape(y) == np.shape(z) and np.allclose(y, z, rtol=SAME_VALUE, atol=SAME_VALUE)
        for y, z in zip(values, others, strict=True)
    )


def _derivatives_by_one(case: Case, x: Any, i: int, others: list[Any]) -> tuple[Any, Any, Any]:
    def f(x: Any) -> tuple[Any, ...]:
        return case(*others[:i], x, *others[i + 1 :])

    values, pull = ft.vjp(f, x)
    return values, ft.jvp(f, (x,), directions((x,), 14))[1], pull(directions(values, 15))


@each(CASES)
def test_memory_layout_does_not_matter_and_inputs_are_not_written(case: Case) -> None:
    values, pull = ft.vjp(case, *case.args)
    g = directions(values, 12)
    expected = pull(g)
    for layout in (_fortran, _reversed, _every_second):
        args = tuple(_frozen(layout(x)) for x in case.args)
        frozen = tuple(_frozen(layout(c)) for c in g)
        values_again, pull_again = ft.vjp(case, *args)
        assert_close(values_again, values, SAME_VALUE, layout.__name__)
        pulled = pull_again(frozen)
        assert_close(pulled, expected, SAME_SUM, layout.__name__)
        for k, c in enumerate(pulled):
            if isinstance(c, np.ndarray):
                assert c.flags.writeable
                others = (*args, *frozen, *pulled[:k])
                assert not any(isinstance(x, np.ndarray) and np.may_share_memory(c, x) and c.size for x in others)


@each([case for case in CASES if case.sample.dask and any(np.ndim(x) for x in case.args)])
def test_duck_arrays_stay_what_they_are(case: Case) -> None:
    t = directions(case.args, 13)
    values, tangents = ft.jvp(case, case.args, t)
    g = directions(values, 14)
    pulled = ft.vjp(case, *case.args)[1](g)
    with duck.nothing_computed(), warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        args = tuple(map(duck.delayed, case.args))
        lazy_values, lazy_tangents = ft.jvp(case, args, tuple(map(duck.delayed, t)))
        lazy_pulled = ft.vjp(case, *args)[1](tuple(map(duck.delayed, map(np.asarray, g))))
        for c, x in zip(lazy_pulled, args, strict=True):
            assert duck.is_delayed(c) or not duck.is_delayed(x), "a gradient left the kind of its argument"
    assert_close(duck.computed(lazy_values), values, SAME_VALUE, "values")
    assert_close(duck.computed(lazy_tangents), tangents, SAME_VALUE, "tangents")
    assert_close(duck.computed(lazy_pulled), pulled, SAME_VALUE, "gradients")


# --- The table itself -------------------------------------------------------------------------------------------------


def test_names_of_samples_are_unique() -> None:
    names = [case.id for case in CASES]
    assert sorted(set(names)) == sorted(names)


def test_every_pointwise_ufunc_has_a_sample() -> None:
    first_words = {case.sample.name.split()[0] for case in CASES}
    ufuncs = [f for f, primitive in PRIMITIVES.items() if isinstance(primitive, Pointwise) and isinstance(f, np.ufunc)]
    assert {f.__name__ for f in ufuncs} <= first_words


# --- Helpers ----------------------------------------------------------------------------------------------------------


def _scale(values: Any) -> float:
    """Differences lose digits in proportion to the value itself."""
    return max(1.0, size_of(values))


def _extrapolated(f: Callable[..., Any], t: Any, args: Any = None, step: float = 1e-4) -> list[Any]:
    args = f.args if args is None else args  # type: ignore[attr-defined]

    def central(h: float) -> list[Any]:
        ahead, behind = f(*moved(args, h, t)), f(*moved(args, -h, t))
        return [(a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True)]

    return [(4 * fine - coarse) / 3 for fine, coarse in zip(central(step / 2), central(step), strict=True)]


def _is_analytic(case: Case) -> bool:
    """Say whether the equations of Cauchy and Riemann hold, so that a complex step differentiates the function."""
    if not case.sample.complex or case.is_complex or any(dtype_of(y).kind == "c" for y in case(*case.args)):
        return False
    args, t = with_imaginary_parts(case.args), directions(case.args, 15)
    along = _extrapolated(case, t, args)
    across = _extrapolated(case, moved((0.0,) * len(t), 1j, t), args)
    return all(np.allclose(1j * a, b, rtol=0, atol=1e-5 * _scale(along)) for a, b in zip(along, across, strict=True))


def _batches(args: Any) -> tuple[Any, ...]:
    return tuple(
        np.stack([np.asarray(x + 1e-3 * k * noise(x, 20 + i + k)) for k in range(BATCH)]) for i, x in enumerate(args)
    )


def _stacked(examples: list[Any]) -> list[Any]:
    return [np.stack(group) for group in zip(*examples, strict=True)]


def _single(x: Any) -> Any:
    if not hasattr(x, "dtype"):
        return x
    return x.astype(np.complex64 if x.dtype.kind == "c" else np.float32)


def _double(x: Any) -> Any:
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64) if hasattr(x, "dtype") else x


def _fortran(x: Any) -> Any:
    return np.asfortranarray(x) if np.ndim(x) else x


def _reversed(x: Any) -> Any:
    if not np.ndim(x):
        return x
    backwards = (slice(None, None, -1),) * x.ndim
    return x[backwards].copy()[backwards]


def _every_second(x: Any) -> Any:
    return np.repeat(x, 2, axis=-1)[..., ::2] if np.ndim(x) else x


def _frozen(x: Any) -> Any:
    if isinstance(x, np.ndarray):
        x = x.view()
        x.flags.writeable = False
    return x
