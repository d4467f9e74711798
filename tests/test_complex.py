"""Complex numbers at every sample: Cauchy–Riemann, holomorphic derivatives, gradients of real functions, complex steps.

The convention is that of the documents: rules are complex-linear, cotangents pair with tangents by ``Re(g · t)``, and
the gradient of a real function of ``z = x + iy`` is ``∂f/∂x - i ∂f/∂y``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
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
    pairing,
    size_of,
    with_imaginary_parts,
)
from tests.samples import all_samples

#: Differences decide whether the equations hold; where they do not, they fail by far more than the error of these.
DECISION = 1e-5

#: What has no derivative at complex arguments, as it says, though SciPy has values.
REFUSED = ("psi", "polygamma 0", "jve", "yve", "ive", "airye", "_riemann_zeta (zeta)")
#: NumPy takes an object array to be its own real part, so complex tracers are not put into one.
OF_OBJECTS = ("array of elements", "array of arrays of elements", "vectorize")
#: The phases of complex vectors are LAPACK's choice, which no rule can know; functions that do not depend on them are
#: among the samples.
OF_UNKNOWN_PHASE = ("eigh vectors with their signs", "svd vectors with their signs")

#: Not analytic though it looks so: the order among the parts of a partition is another at complex arguments, and
#: `real_if_close` drops small imaginary parts.
OTHERWISE_AT_REALS = ("partition", "partition axis=None", "argpartition", "real_if_close")


def _evaluated(case: Case) -> tuple[Any, ...] | None:
    """Return the values at complex arguments; None if NumPy refuses them, or drops imaginary parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            return case(*case.args)
        except (TypeError, ValueError, np.exceptions.ComplexWarning):
            return None


def _complex_cases() -> list[Case]:
    """Return the cases at complex arguments, with all samples whose plain functions take them, marked so or not."""
    cases = [case for case in all_cases() if case.is_complex]
    for family, sample in all_samples():
        if sample.complex or any(dtype_of(x).kind == "c" for x in sample.args) or sample.name in OF_UNKNOWN_PHASE:
            continue
        cases.append(Case(f"{family}-{sample.name} [complex]", sample, with_imaginary_parts(sample.args), True))
    return [case for case in cases if _evaluated(case)]


def complex_directions(args: tuple[Any, ...], seed: int) -> tuple[Any, ...]:
    """Return random tangents of complex arguments, and zeros of real ones, which cannot turn by i."""
    return tuple(t if dtype_of(t).kind == "c" else 0 * t for t in directions(args, seed))


def difference(f: Callable[..., Any], args: tuple[Any, ...], t: Any, step: float = 1e-4) -> list[Any]:
    """Return the derivative of a function of arrays to a tuple along ``t``, by extrapolated central differences."""

    def central(h: float) -> list[Any]:
        pairs = zip(f(*moved(args, h, t)), f(*moved(args, -h, t)), strict=True)
        return [(ahead - behind) / (2 * h) for ahead, behind in pairs]

    return [(4 * fine - coarse) / 3 for fine, coarse in zip(central(step / 2), central(step), strict=True)]


def turned(t: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return tangents times i, of complex arguments."""
    return tuple(1j * x if dtype_of(x).kind == "c" else x for x in t)


def obeys_cauchy_and_riemann(along: list[Any], across: list[Any]) -> bool:
    """Say whether derivatives along ``t`` and ``i t`` differ by the factor i, as far as differences can tell."""
    allowed = DECISION * max(1.0, size_of(along), size_of(across))
    return all(np.allclose(1j * a, b, rtol=0, atol=allowed) for a, b in zip(along, across, strict=True))


def _is_holomorphic(case: Case) -> bool:
    if any(dtype_of(v).kind != "c" for v in (*case.args, *case(*case.args))):
        return False
    t = complex_directions(case.args, 61)
    return obeys_cauchy_and_riemann(difference(case, case.args, t), difference(case, case.args, turned(t)))


def _analytic_cases() -> list[Case]:
    """Return the cases at real arguments of real functions that go on into the complex numbers as analytic ones."""
    found = []
    for case in all_cases():
        if case.is_complex or case.sample.name in OTHERWISE_AT_REALS:
            continue
        if any(dtype_of(y).kind != "f" for y in case(*case.args)):
            continue
        t = directions(case.args, 62)
        beside = Case(case.id, case.sample, moved(case.args, 1e-3j, t), True)
        if _evaluated(beside):
            with np.errstate(all="ignore"):
                along = difference(case, beside.args, t)
                across = difference(case, beside.args, tuple(1j * x for x in t))
            if obeys_cauchy_and_riemann(along, across):
                found.append(case)
    return found


COMPLEX = [case for case in _complex_cases() if case.sample.name not in (*REFUSED, *OF_OBJECTS)]
HOLOMORPHIC = [case for case in COMPLEX if _is_holomorphic(case)]
ANALYTIC = _analytic_cases()


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases])


def scale(*values: Any) -> float:
    """Differences lose digits in proportion to the values themselves."""
    return max(1.0, *(size_of(v) for v in values))


# --- Both kinds of functions ------------------------------------------------------------------------------------------


@each(COMPLEX)
def test_forward_mode_is_complex_linear_exactly_where_the_function_is_holomorphic(case: Case) -> None:
    t = complex_directions(case.args, 63)
    values, along = ft.jvp(case, case.args, t)
    across = ft.jvp(case, case.args, turned(t))[1]
    assert_close(along, difference(case, case.args, t), DIFFERENCE * scale(values), "along t")
    assert_close(across, difference(case, case.args, turned(t)), DIFFERENCE * scale(values), "along i t")
    if _is_holomorphic(case):
        assert_close(across, [1j * a for a in along], SAME_SUM * scale(along), "the equations of Cauchy and Riemann")


@each(COMPLEX)
def test_reverse_mode_pairs_with_forward_mode_by_the_real_part(case: Case) -> None:
    t = complex_directions(case.args, 64)
    values, pull = ft.vjp(case, *case.args)
    for g in (directions(values, 65), turned(directions(values, 66))):
        pulled = pull(g)
        for c, x in zip(pulled, case.args, strict=True):
            assert dtype_of(c).kind == dtype_of(x).kind or not hasattr(x, "dtype")  # a Python scalar is weak
        for tangent in (t, turned(t)):
            pushed = ft.jvp(case, case.args, tangent)[1]
            assert_same_pairing(pairing(g, pushed), pairing(pulled, tangent), SAME_SUM)


@each(COMPLEX)
def test_the_gradient_of_a_real_function_is_its_slope_along_x_minus_i_times_that_along_y(case: Case) -> None:
    weights = directions(case(*case.args), 67)

    def loss(*args: Any) -> Any:
        return sum(np.sum(np.real(w * y)) for w, y in zip(weights, case(*args), strict=True))

    gradients = ft.grad(loss, argnums=tuple(range(len(case.args))))(*case.args)
    size = scale(case(*case.args)) * scale(gradients)
    for i, (x, g) in enumerate(zip(case.args, gradients, strict=True)):
        assert np.shape(g) == np.shape(x)
        for place in list(np.ndindex(np.shape(x)))[:6]:
            unit = np.zeros(np.shape(x))
            unit[place] = 1.0
            factors = (1.0, 1j) if dtype_of(x).kind == "c" else (1.0,)
            one = alone(lambda *args: (loss(*args),), case.args, i)
            slopes = [difference(one, (x,), (factor * unit[()],))[0] for factor in factors]
            expected = slopes[0] - 1j * slopes[1] if len(slopes) == 2 else slopes[0]
            np.testing.assert_allclose(np.asarray(g)[place], expected, rtol=0, atol=DIFFERENCE * size)


# --- Holomorphic functions --------------------------------------------------------------------------------------------


@each(HOLOMORPHIC)
def test_holomorphic_gradients_and_jacobians_are_the_complex_derivative(case: Case) -> None:
    weights = directions(case(*case.args), 68)
    t = directions(case.args, 69)
    everything = tuple(range(len(case.args)))

    def total(*args: Any) -> Any:
        return sum(np.sum(w * y) for w, y in zip(weights, case(*args), strict=True))

    def products(derivatives: Any, tangents: Any) -> Any:
        return sum(np.tensordot(d, x, np.ndim(x)) for d, x in zip(derivatives, tangents, strict=True))

    values, pushed = ft.jvp(case, case.args, t)
    gradients = ft.grad(total, argnums=everything, holomorphic=True)(*case.args)
    along = sum(np.sum(w * p) for w, p in zip(weights, pushed, strict=True))
    size = scale(values) * scale(gradients)
    assert_close([products(gradients, t)], [along], SAME_SUM * size * max(1, sum(map(np.size, t))), "jvp")
    slope = difference(lambda *args: (total(*args),), case.args, t)
    assert_close([products(gradients, t)], slope, DIFFERENCE * size, "difference")
    for jacobian in (ft.jacfwd, ft.jacrev, ft.jacobian):
        for matrices, p in zip(jacobian(case, argnums=everything, holomorphic=True)(*case.args), pushed, strict=True):
            assert_close([products(matrices, t)], [p], SAME_SUM * scale(matrices), jacobian.__name__)


def test_which_functions_are_holomorphic() -> None:
    holomorphic = {case.sample.name.split()[0] for case in HOLOMORPHIC}
    others = {case.sample.name.split()[0] for case in COMPLEX} - holomorphic
    assert {"exp", "power", "log", "fft", "solve", "det", "cumprod", "einsum"} <= holomorphic
    assert {"conjugate", "absolute", "angle", "vdot"} <= others
    assert len(HOLOMORPHIC) > 500
    assert len(ANALYTIC) > 500


# --- Real arguments ---------------------------------------------------------------------------------------------------


@each(ANALYTIC)
def test_derivatives_at_real_arguments_against_a_complex_step(case: Case) -> None:
    t = directions(case.args, 70)
    # NumPy keeps real and imaginary parts of any size apart. SciPy's series and transforms mix their rounding: the step
    # must be larger than that, and its square is the error.
    step, tolerance = (1e-5, DIFFERENCE) if case.id.startswith(("special", "scipy")) else (1e-200, COMPLEX_STEP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of overflow in branches that are not taken
        expected = [np.imag(y) / step for y in case(*moved(case.args, 1j * step, t))]
    values, pushed = ft.jvp(case, case.args, t)
    assert_close(pushed, expected, tolerance * scale(values), "forward")
    g = directions(values, 71)
    assert_same_pairing(pairing(ft.vjp(case, *case.args)[1](g), t), pairing(g, expected), tolerance * scale(values))


# --- What is refused --------------------------------------------------------------------------------------------------


@each([case for case in _complex_cases() if case.sample.name in REFUSED])
def test_what_has_no_derivative_at_complex_arguments_says_so(case: Case) -> None:
    with pytest.raises(NotImplementedError, match="complex arguments"):
        ft.jvp(case, case.args, directions(case.args, 72))
    with pytest.raises(NotImplementedError, match="complex arguments"):
        ft.vjp(case, *case.args)[1](directions(case(*case.args), 73))


@each([case for case in _complex_cases() if case.sample.name in OF_OBJECTS])
def test_complex_tracers_are_not_put_into_object_arrays(case: Case) -> None:
    with pytest.raises(ft.TracerConversionError, match="imaginary part to be zero"):
        ft.jvp(case, case.args, directions(case.args, 74))
