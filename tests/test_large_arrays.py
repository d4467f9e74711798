"""What large arrays are worth is done for them: their derivatives are those of their parts, up to rounding.

Of many elements a rule may look at all, to know that a cheaper formula stays in the range of the floats, or choose
without jumps. The parts are too small for any of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft

SIZE, PART = 12_000, 50
RNG = np.random.default_rng(11)
MASK = RNG.random(SIZE) < 0.5


def kept(x: Any, mask: Any) -> Any:
    return np.where(mask, x, 0.0)


def left_out(x: Any, mask: Any) -> Any:
    return np.where(mask, 0.0, x)


def either(x: Any, y: Any, mask: Any) -> Any:
    return np.where(mask, x, y * x)


ELEMENTWISE = [np.arcsinh, np.arctan2, np.hypot, np.absolute, kept, left_out, either]
OF_COMPLEX = [np.absolute, np.angle, np.arctan]


def operands(function: Callable[..., Any], make: Callable[[], Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return arguments to differentiate by, and a mask if there is one."""
    if function in (kept, left_out, either):
        return tuple(make() for _ in range(2 if function is either else 1)), (MASK,)
    return tuple(make() for _ in range(getattr(function, "nin", 1))), ()


def slopes(
    function: Callable[..., Any], xs: tuple[Any, ...], ts: tuple[Any, ...], others: tuple[Any, ...], g: Any
) -> list[Any]:
    """Return the cotangents of the arguments, and how they change along tangents."""

    def pulled(*xs: Any) -> Any:
        return ft.vjp(lambda *xs: function(*xs, *others), *xs)[1](g)

    first, second = ft.jvp(pulled, xs, ts)
    return [*first, *second]


def check(function: Callable[..., Any], make: Callable[[], Any], kind: Any) -> None:
    xs, others = operands(function, make)
    ts, g = tuple(x[::-1].copy() for x in xs), RNG.normal(size=SIZE).astype(kind)
    with np.errstate(all="ignore"):
        whole = slopes(function, xs, ts, others, g)
        parts = []
        for start in range(0, SIZE, PART):
            part = slice(start, start + PART)
            parts.append(slopes(function, *(tuple(a[part] for a in arrays) for arrays in (xs, ts, others)), g[part]))
    for found, wanted in zip(whole, map(np.concatenate, zip(*parts, strict=True)), strict=True):
        scale = np.max(np.abs(wanted), initial=0, where=np.isfinite(wanted))
        np.testing.assert_allclose(found, wanted, 20 * np.finfo(kind).eps, 20 * np.finfo(kind).eps * scale, strict=True)


@pytest.mark.parametrize("function", ELEMENTWISE, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("kind", "size"), [("f8", 1), ("f8", 1e170), ("f8", 1e-170), ("f4", 1), ("f4", 1e25)])
def test_derivatives_of_elementwise_functions_are_those_of_the_parts(function: Any, kind: str, size: float) -> None:
    check(function, lambda: (RNG.normal(size=SIZE) * size).astype(kind), kind)


@pytest.mark.parametrize("function", ELEMENTWISE, ids=lambda f: f.__name__)
def test_elements_that_are_no_numbers_stay_among_themselves(function: Any) -> None:
    def make() -> Any:
        x = RNG.normal(size=SIZE)
        x[:5] = np.nan, np.inf, -np.inf, 0.0, -0.0
        return RNG.permutation(x)

    check(function, make, "f8")


@pytest.mark.parametrize("function", OF_COMPLEX, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", [1, 1e170, 1e-170, 1e-310])
def test_derivatives_at_complex_numbers_are_those_of_the_parts(function: Any, size: float) -> None:
    kind = "f8" if function is not np.arctan else "c16"
    check(function, lambda: (RNG.normal(size=SIZE) + 1j * RNG.normal(size=SIZE)) * size, kind)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "c16"])
@pytest.mark.parametrize("length", [2, 3, 64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_column_beside_short_rows_gets_their_sums(kind: str, length: int, order: Any) -> None:
    g = np.asarray(RNG.integers(-8, 8, (60, 20, length)).astype(kind), order=order)
    _, pull = ft.vjp(lambda column: column + np.zeros((60, 20, length), kind), np.ones((60, 20, 1), kind))
    np.testing.assert_array_equal(pull(g)[0], g.sum(-1, keepdims=True), strict=True)


def test_a_row_that_is_not_finite_has_no_effect_on_others() -> None:
    g = np.ones((500, 3))
    g[7, 1], g[9, 2] = np.nan, np.inf
    _, pull = ft.vjp(lambda column: column + np.zeros((500, 3)), np.ones((500, 1)))
    np.testing.assert_array_equal(pull(g)[0], g.sum(1, keepdims=True))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shape", [(7,), (3, 40)], ids=str)
def test_positions_along_an_axis_are_taken_in_order(axis: int, shape: tuple[int, ...]) -> None:
    x = RNG.normal(size=(5, 6, 8))
    positions = RNG.integers(-5, 5, shape)
    key = (slice(None),) * axis + (positions,)
    y, pull = ft.vjp(lambda x: x[key], x)
    np.testing.assert_array_equal(y, x[key], strict=True)
    assert axis == 0 or y.flags.c_contiguous
    g = RNG.integers(-8, 8, y.shape).astype(float)
    expected = np.zeros_like(x)
    np.add.at(expected, key, g)
    np.testing.assert_array_equal(pull(g)[0], expected, strict=True)


def test_a_position_out_of_range_behind_other_axes_is_refused() -> None:
    with pytest.raises(IndexError, match="out of bounds"):
        ft.grad(lambda x: np.sum(x[:, np.array([0, 9])]))(np.ones((2, 3)))
    with pytest.raises(IndexError, match="out of bounds"):
        ft.grad(lambda x: np.sum(x[:, np.array([-4])]))(np.ones((2, 3)))


def test_the_tangent_of_a_number_whose_partial_is_a_complex_one_is_real() -> None:
    value, tangent = ft.jvp(np.angle, (0.3 + 0.5j,), (1 + 2j,))
    assert isinstance(value, float)
    assert isinstance(tangent, float)
    np.testing.assert_allclose(tangent, ((1 + 2j) / (0.3 + 0.5j)).imag)


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("widths", [((2, 0), (0, 3)), ((0, 1), (9, 8)), ((0, 0), (1, 1))], ids=str)
def test_what_was_copied_into_a_padding_is_added_up_again(mode: Any, widths: Any) -> None:
    x = RNG.normal(size=(4, 3))
    y, pull = ft.vjp(lambda x: np.pad(x, widths, mode), x)
    np.testing.assert_array_equal(y, np.pad(x, widths, mode), strict=True)
    g = RNG.integers(-8, 8, y.shape).astype(float)
    expected = np.zeros(x.size)
    np.add.at(expected, np.pad(np.arange(x.size).reshape(x.shape), widths, mode), g)
    np.testing.assert_array_equal(pull(g)[0], expected.reshape(x.shape), strict=True)
    np.testing.assert_array_equal(
        ft.jacfwd(lambda x: np.pad(x, widths, mode))(x), ft.jacrev(lambda x: np.pad(x, widths, mode))(x)
    )


@pytest.mark.parametrize("kind", ["f8", "c16"])
@pytest.mark.parametrize("size", [49, 130])
def test_cholesky_factors_of_large_matrices_change_as_their_products_do(kind: str, size: int) -> None:
    a, t = (RNG.normal(size=(2, size, size)) + (1j * RNG.normal(size=(2, size, size)) if kind == "c16" else 0)).astype(
        kind
    )
    a, t = a @ a.conj().T + size * np.eye(size), t + t.conj().T
    for upper in (False, True):
        factor, tangent = ft.jvp(lambda a, upper=upper: np.linalg.cholesky(a, upper=upper), (a,), (t,))
        products = factor.conj().T @ tangent if upper else tangent @ factor.conj().T
        np.testing.assert_allclose(products + products.conj().T, t, atol=1e-12 * size)
        _, pull = ft.vjp(lambda a, upper=upper: np.linalg.cholesky(a, upper=upper), a)
        g = RNG.normal(size=(size, size)).astype(kind)
        np.testing.assert_allclose(np.sum(pull(g)[0] * t).real, np.sum(g * tangent).real, rtol=1e-10)


def test_many_positions_are_interpolated_as_numpy_does_it() -> None:
    knots, heights = np.sort(RNG.normal(size=40)), RNG.normal(size=40)
    x = np.concatenate([RNG.normal(size=2000), knots])
    value, pull = ft.vjp(np.interp, x, knots, heights)
    np.testing.assert_array_equal(value, np.interp(x, knots, heights))
    g = RNG.normal(size=x.size)
    parts = np.array_split(np.arange(x.size), 40)
    pieces = [_pulled(x[part], knots, heights, g[part]) for part in parts]
    for found, wanted in zip(pull(g)[1:], map(sum, zip(*((k, h) for _, k, h in pieces), strict=True)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(pull(g)[0], np.concatenate([first for first, _, _ in pieces]))


def _pulled(x: Any, knots: Any, heights: Any, g: Any) -> Any:
    return ft.vjp(np.interp, x, knots, heights)[1](g)
