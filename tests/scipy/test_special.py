"""Special functions: every ufunc is accounted for, derivatives have the digits, what has none is refused by name."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.special

import functorch_lite as ft
import functorch_lite.scipy.special as fs
from functorch_lite.core.primitive import PRIMITIVES
from functorch_lite.core.tables import FUNCTIONS, REFUSED
from tests.samples.special import TABLE
from tests.scipy.reference import HIGHER, PARTIALS, REFERENCE, ZETA

UFUNCS = {name: f for name, f in vars(scipy.special).items() if isinstance(f, np.ufunc)}

#: Derivatives go through two or three functions of SciPy, each right to some units in the last place, and at large
#: parameters through differences of logarithms of the gamma function, whose size (thousands) the error is relative to.
DIGITS = 1e-12


# --- The table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UFUNCS)
def test_every_ufunc_is_differentiable_zero_or_refused_with_a_reason(name: str) -> None:
    ufunc = UFUNCS[name]
    primitive = PRIMITIVES.get(ufunc)
    if primitive is None:
        assert ufunc not in FUNCTIONS
        assert len(REFUSED[ufunc]) > 20
    elif primitive.differentiable:
        assert name in TABLE or any(UFUNCS[other] is ufunc for other in TABLE), "a rule without a sample"


def test_most_ufuncs_are_differentiable() -> None:
    differentiable = [name for name, f in UFUNCS.items() if f in PRIMITIVES and PRIMITIVES[f].differentiable]
    assert len(UFUNCS) >= 230
    assert len(differentiable) >= 205


# --- Digits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "args", "i", "expected"), REFERENCE)
def test_derivative_has_the_digits(name: str, args: tuple[float, ...], i: int, expected: float) -> None:
    def f(*args: Any) -> Any:
        y = getattr(scipy.special, name)(*args)
        return np.real(y[0] if isinstance(y, tuple) else y)

    derivative = ft.grad(f, argnums=i)(*args)
    assert abs(derivative - expected) <= DIGITS * abs(expected)
    tangents = tuple(float(k == i) for k in range(len(args)))
    alone = ft.jvp(lambda x: f(*args[:i], x, *args[i + 1 :]), (args[i],), (tangents[i],))[1]
    assert abs(alone - expected) <= DIGITS * abs(expected)


@pytest.mark.parametrize("name", ["erfcx", "dawsn"])
def test_derivatives_at_infinity_are_zero(name: str) -> None:
    f = getattr(scipy.special, name)
    for _ in range(3):
        f = ft.grad(f)
        np.testing.assert_array_equal([f(1e200), f(np.inf), *ft.vmap(f)(np.array([np.inf, 1e300]))], 0.0)


@pytest.mark.parametrize(("name", "x", "order", "expected"), HIGHER)
def test_higher_derivative_has_the_digits(name: str, x: float, order: int, expected: float) -> None:
    f = getattr(scipy.special, name)
    for _ in range(order):
        f = ft.grad(f)
    # Up to |x| = 7 recurrences lose the digits of about |x|^(2 order) / order!.
    tolerance = 1e-14 * max(1.0, abs(x) ** (2 * order) / math.factorial(order)) if abs(x) < 7 else 1e-14
    np.testing.assert_allclose(f(x), expected, rtol=tolerance, atol=1e-300)


@pytest.mark.parametrize(("name", "args", "orders", "expected"), PARTIALS)
def test_partial_derivative_has_the_digits(
    name: str, args: tuple[float, ...], orders: tuple[int, ...], expected: float
) -> None:
    function = getattr(scipy.special, name)
    f = (lambda *args: function(*args)[0]) if function.nout > 1 else function
    for i, order in enumerate(orders):
        for _ in range(order):
            f = ft.grad(f, argnums=i)
    np.testing.assert_allclose(f(*args), expected, rtol=DIGITS)


@pytest.mark.parametrize(
    ("f", "x", "first", "second"),
    [
        (scipy.special.ellipk, 1.0, np.inf, np.inf),
        (scipy.special.ellipe, 1.0, -np.inf, -np.inf),
        (scipy.special.ellipkm1, 0.0, -np.inf, np.inf),
        (lambda x: scipy.special.elliprf(x, 1.0, 1.0), 0.0, -np.inf, np.inf),
        (lambda x: scipy.special.elliprg(x, 1.0, 1.0), 0.0, np.pi / 8, -np.inf),
        (lambda x: scipy.special.elliprc(1.0, x), 0.0, -np.inf, np.inf),
        (lambda x: scipy.special.elliprc(0.0, x), 1.0, -np.pi / 4, 3 * np.pi / 8),
        (lambda x: scipy.special.elliprf(x, x, x), np.inf, 0.0, 0.0),
    ],
)
def test_derivatives_of_elliptic_integrals_at_singularities(f: Any, x: float, first: float, second: float) -> None:
    np.testing.assert_allclose([ft.grad(f)(x), ft.grad(ft.grad(f))(x)], [first, second], rtol=1e-14)


def test_derivatives_of_elliptic_integrals_of_many_elements() -> None:
    x = np.geomspace(1e-8, 1e8, 3000).reshape(3, 1000)
    f = ft.vmap(ft.vmap(ft.grad(lambda x: scipy.special.elliprj(x, 2.0, 1.0, 3.0))))
    few = np.stack([f(row[None, ::37])[0] for row in x])
    np.testing.assert_allclose(f(x)[:, ::37], few, rtol=1e-13)
    assert f(x[:, :0]).shape == (3, 0)


def test_second_derivatives_of_betaln_of_a_large_parameter() -> None:
    second = ft.grad(ft.grad(scipy.special.betaln))
    for a, b, expected in ((1e10, 1.0, 1e-20), (1e10, 1e8, 9.900990099995098e-13), (50.0, 3.0, 0.0011542899977022947)):
        np.testing.assert_allclose(second(a, b), expected, rtol=1e-14)  # by mpmath
    batch = ft.vmap(second)(np.array([1e10, 0.1]), np.array([1.0, 0.2]))
    np.testing.assert_allclose(batch, [1e-20, 89.18793460468501], rtol=1e-14)


def test_derivatives_of_log_ndtr_vanish_on_the_right() -> None:
    for f in (ft.grad(scipy.special.log_ndtr), ft.grad(ft.grad(scipy.special.log_ndtr))):
        np.testing.assert_array_equal(ft.vmap(f)(np.array([39.0, 50.0, 1e5, np.inf])), 0.0)
    assert ft.grad(ft.grad(scipy.special.log_ndtr))(-1e200) == -1.0
    assert ft.grad(scipy.special.log_ndtr)(-1e200) == 1e200


WOFZ = [  # -2zw + 2i/√π, by mpmath with 50 digits
    ((8+0.5j), (-0.0011471753020340456-0.008919308177303267j)),
    ((-20+0.001j), (1.4211528538979982e-07-0.0014157965760429989j)),
    ((1+5j), (-0.007554589649288249+0.019193605685490358j)),
    ((30-0.1j), (4.193077405281874e-06-0.0006279040118419838j)),
    ((-6-5j), (-0.009653347306790811-0.0016467741709315716j)),
    ((0.5-8j), (-1.5232334643755271e+29-3.2217783738800683e+28j)),
    ((1000+1000j), (-2.820947917736137e-07+2.115710938299458e-13j)),
    ((2+1j), (-0.11653144510531357-0.040953756356639726j)),
]


@pytest.mark.parametrize(("z", "expected"), WOFZ)
def test_derivatives_of_complex_arguments_have_the_digits(z: complex, expected: complex) -> None:
    np.testing.assert_allclose(ft.grad(scipy.special.wofz, holomorphic=True)(z), expected, rtol=1e-14)
    erfcx = ft.grad(lambda x: scipy.special.erfcx(x), holomorphic=True)(-1j * z)  # erfcx(x) = w(ix)
    np.testing.assert_allclose(erfcx, 1j * expected, rtol=1e-14)
    gaussian = 1j * np.sqrt(np.pi) * z * np.exp(-z * z)
    dawsn = ft.grad(scipy.special.dawsn, holomorphic=True)(z)
    np.testing.assert_allclose(dawsn, -0.5j * np.sqrt(np.pi) * expected - gaussian, rtol=1e-12)


def test_slopes_of_voigts_profile_far_from_the_line() -> None:
    """They are those of Cauchy's density γ/(π(x² + γ²)), and 3 σ γ / (π x⁴) · 2 in σ, to the order (σ/x)²."""
    x, sigma, gamma = 1e8, 1.3, 0.7
    slopes = ft.grad(scipy.special.voigt_profile, argnums=(0, 1, 2))(x, sigma, gamma)
    expected = (-2 * gamma / (np.pi * x**3), 6 * sigma * gamma / (np.pi * x**4), 1 / (np.pi * x**2))
    np.testing.assert_allclose(slopes, expected, rtol=1e-13)


PLAIN = ("legendre", "sh_legendre", "chebyt", "chebyu", "chebyc", "chebys", "sh_chebyt", "sh_chebyu", "laguerre")
ORTHOGONAL = dict.fromkeys((*PLAIN, "hermite", "hermitenorm"), ()) | {
    "genlaguerre": (0.7,),
    "gegenbauer": (0.7,),
    "jacobi": (0.7, 0.4),
    "sh_jacobi": (2.2, 1.4),
}
DEGREES: tuple[type, ...] = (int, float)
NOT_REAL = {("hermite", float), ("hermitenorm", float)}  # SciPy has them of integer degree only


@pytest.mark.parametrize(("name", "dtype"), [(n, d) for n in ORTHOGONAL for d in DEGREES if (n, d) not in NOT_REAL])
def test_derivatives_of_polynomials_of_low_degree(name: str, dtype: type) -> None:
    """SciPy's polynomials of degree -1 may be NaN; at -1 and 1 nothing but the coefficients is sure."""
    parameters, degrees = ORTHOGONAL[name], np.arange(5).astype(dtype)
    f = lambda x: getattr(scipy.special, f"eval_{name}")(degrees, *parameters, x)
    for order in (1, 2, 3):
        f = ft.jacfwd(f)
        for x in (-1.0, 0.0, 0.3, 1.0):
            polynomials = [getattr(scipy.special, name)(n, *parameters) for n in range(5)]
            expected = [np.polyder(p, order)(x) for p in polynomials]
            np.testing.assert_allclose(f(x), expected, rtol=1e-11, atol=1e-11, err_msg=f"{order} {x}")


SINGULAR_FORMULAS: dict[str, tuple[Any, float, tuple[float, ...]]] = {  # a function, a point, the first derivatives
    "lpmv 0": (lambda x: scipy.special.lpmv(0, 3, x), 1.0, (6.0, 15.0, 15.0)),
    "lpmv 0 at -1": (lambda x: scipy.special.lpmv(0, 3, x), -1.0, (6.0, -15.0, 15.0)),
    "lpmv 1": (lambda x: scipy.special.lpmv(1, 3, x), 1.0, (np.inf,)),
    "lpmv 2": (lambda x: scipy.special.lpmv(2, 3, x), 1.0, (-30.0, -90.0)),  # 15x(1 - x²)
    "lpmv 4": (lambda x: scipy.special.lpmv(4, 4, x), 1.0, (0.0, 840.0)),  # 105(1 - x²)²
    "poch": (lambda x: scipy.special.poch(x, 3.0), 0.0, (2.0,)),
    "poch at -1": (lambda x: scipy.special.poch(x, 3.0), -1.0, (-1.0,)),
    "poch at -2": (lambda x: scipy.special.poch(x, 1.0), -2.0, (1.0,)),
    "poch at -3": (lambda x: scipy.special.poch(x, 2.0), -3.0, (-5.0,)),
    "binom": (lambda n: scipy.special.binom(n, 2.0), 1.0, (0.5,)),
    "binom at 0": (lambda n: scipy.special.binom(n, 2.0), 0.0, (-0.5,)),
    "binom in k": (lambda k: scipy.special.binom(1.0, k), 2.0, (-0.5,)),
    "binom in k at -1": (lambda k: scipy.special.binom(3.0, k), -1.0, (0.25,)),
    "gammainc": (lambda x: scipy.special.gammainc(2.0, x), 0.0, (0.0, 1.0, -2.0, 3.0)),
    "gammainc of 1": (lambda x: scipy.special.gammainc(1.0, x), 0.0, (1.0, -1.0, 1.0)),
    "gammainc of 1/2": (lambda x: scipy.special.gammainc(0.5, x), 0.0, (np.inf, -np.inf)),
    "betainc": (lambda x: scipy.special.betainc(2.0, 3.0, x), 0.0, (0.0, 12.0, -48.0, 72.0)),
    "betainc at 1": (lambda x: scipy.special.betainc(3.0, 2.0, x), 1.0, (0.0, -12.0, -48.0, -72.0)),
    "betainc of 1/2": (lambda x: scipy.special.betainc(2.0, 0.5, x), 0.0, (0.0, 0.75)),
    "chndtr": (lambda x: scipy.special.chndtr(x, 3.0, 0.0), 2.0, (0.20755374871029736, -0.05188843717757434)),
    "chndtr in nc": (lambda nc: scipy.special.chndtr(2.0, 3.0, nc), 0.0, (-0.13836916580686487,)),
}


@pytest.mark.parametrize("name", SINGULAR_FORMULAS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of infinite derivatives
def test_derivative_where_a_formula_is_singular_and_the_function_is_not(name: str) -> None:
    f, x, derivatives = SINGULAR_FORMULAS[name]
    for expected in derivatives:
        forward = ft.jvp(f, (x,), (1.0,))[1]
        f = ft.grad(f)
        np.testing.assert_allclose([f(x), forward, ft.jit(f)(x)], expected, rtol=1e-13, atol=1e-13)


def test_the_mixed_derivative_of_a_noncentral_density_at_no_noncentrality() -> None:
    """∂/∂nc of the density p_k is (p_{k+2} - p_k) / 2, where it is central and where it is not."""
    for x, df, nc in ((2.0, 3.0, 0.0), (2.0, 3.0, 0.3), (2.0, 3.0, 0.7), (4.0, 2.5, 6.0)):
        density = ft.grad(scipy.special.chndtr)
        slope = ft.grad(density, argnums=2)(x, df, nc)
        np.testing.assert_allclose(slope, (density(x, df + 2, nc) - density(x, df, nc)) / 2, rtol=1e-12)


# --- Values at edges --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: scipy.special.gammainc(x, 0.0), 2.0, 0.0),
        (lambda x: scipy.special.gammainc(2.0, x), 0.0, 0.0),
        (lambda x: scipy.special.betainc(x, 2.0, 1.0), 2.0, 0.0),
        (lambda x: scipy.special.xlogy(0.0, x), 0.0, 0.0),
        (lambda x: scipy.special.xlog1py(0.0, x), -1.0, 0.0),
        (lambda x: scipy.special.i0e(x), 0.0, 0.0),
        (lambda x: scipy.special.j1(x), 0.0, 0.5),
        (lambda x: scipy.special.i1(x), 0.0, 0.5),
        (lambda x: scipy.special.beip(x), 0.0, 0.5),
        (lambda x: scipy.special.exprel(x), 0.0, 0.5),
        (lambda x: scipy.special.boxcox(2.0, x), 0.0, np.log(2.0) ** 2 / 2),
        (lambda x: scipy.special.sici(x)[0], 0.0, 1.0),
        (lambda x: scipy.special.spence(x), 1.0, -1.0),
        (lambda x: scipy.special.expit(x), 800.0, 0.0),
        (lambda x: scipy.special.log_expit(x), -800.0, 1.0),
        (lambda x: scipy.special.huber(1.0, x), 1.0, 1.0),
        (lambda x: scipy.special.ellipj(0.7, x)[3], 0.0, -(0.7 - np.sin(0.7) * np.cos(0.7)) / 4),
        (lambda x: scipy.special.stdtr(x, 0.0), 3.0, 0.0),
        (lambda x: scipy.special.eval_legendre(0, x), 0.3, 0.0),
        (lambda x: scipy.special.eval_chebyu(0, x), 0.3, 0.0),
        (lambda x: scipy.special.eval_hermite(0, x), 0.3, 0.0),
        (lambda x: scipy.special.eval_laguerre(0, x), 0.3, 0.0),
        (lambda x: scipy.special.eval_legendre(5, x), 1.0, 15.0),
        (lambda x: fs.spherical_jn(0, x), 0.0, 0.0),
        (lambda x: fs.diric(x, 3), 0.0, 0.0),
        (lambda x: fs.logsumexp(np.stack([x, -np.inf])), 3.0, 1.0),
        (lambda x: fs.logsumexp(np.stack([x, 0.0]), b=[0.0, 1.0]), np.inf, 0.0),
        (lambda x: fs.comb(x, 5.0), 3.0, 0.0),
    ],
)
def test_edge(f: Any, x: float, expected: float) -> None:
    for derivative in (ft.grad(f)(x), ft.jvp(f, (x,), (1.0,))[1]):
        np.testing.assert_allclose(derivative, expected, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: scipy.special.gamma(x), -1.0),
        (lambda x: scipy.special.gammainc(x, 1.0), -1.0),
        (lambda x: scipy.special.betainc(2.0, x, 0.5), np.inf),
        (lambda x: scipy.special.xlogy(x, np.nan), 1.0),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of the value
def test_outside_the_domain_the_derivative_is_no_number(f: Any, x: float) -> None:
    assert np.isnan(ft.grad(f)(x))


POLES = {
    "log1p": (lambda x: scipy.special.log1p(x), -1.0, (np.inf, -np.inf)),
    "exp1": (lambda x: scipy.special.exp1(x), 0.0, (-np.inf, np.inf)),
    "k1": (lambda x: scipy.special.k1(x), 0.0, (-np.inf, np.inf)),
    "boxcox": (lambda x: scipy.special.boxcox(x, 0.5), 0.0, (np.inf, -np.inf)),
    "powm1": (lambda x: scipy.special.powm1(x, 0.5), 0.0, (np.inf, -np.inf)),
    "rel_entr": (lambda y: scipy.special.rel_entr(1.0, y), 0.0, (-np.inf, np.inf)),
    "logit": (lambda x: scipy.special.logit(x), 1.0, (np.inf,)),
    "sici": (lambda x: scipy.special.sici(x)[1], 0.0, (np.inf,)),
    "cbrt": (lambda x: scipy.special.cbrt(x), 0.0, (np.inf,)),
    "hyp1f1": (lambda z: scipy.special.hyp1f1(1.0, 0.0, z), 1.0, (np.inf,)),
    "voigt_profile": (lambda s: scipy.special.voigt_profile(1.0, s, 0.5), 0.0, (np.nan,)),
}


@pytest.mark.parametrize("name", POLES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the poles
def test_at_poles_derivatives_at_pythons_numbers_are_those_at_numpys(name: str) -> None:
    f, x, derivatives = POLES[name]
    for expected in derivatives:
        forward = ft.jvp(f, (x,), (1.0,))[1]
        f = ft.grad(f)
        of_numpy, of_array = f(np.float64(x)), ft.vmap(f)(np.array([x]))
        np.testing.assert_array_equal([f(x), forward, ft.jit(f)(x), of_numpy, *of_array], expected)


# --- Plain functions against SciPy's ----------------------------------------------------------------------------------

X = np.array([[0.3, 1.2, 2.5], [0.7, 4.0, 1.1]])


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("logsumexp", (X,), {}),
        ("logsumexp", (1000 * X,), {"axis": 1, "keepdims": True}),
        ("logsumexp", (X,), {"axis": (0, 1), "b": X - 1}),
        ("logsumexp", (X + 1j,), {"axis": 0}),
        ("logsumexp", ([-np.inf, -np.inf],), {}),
        ("softmax", (X,), {"axis": 1}),
        ("log_softmax", (1000 * X,), {}),
        ("softplus", (1000 * X,), {}),
        ("polygamma", (2, X), {}),
        ("polygamma", ([[0], [1]], X), {}),
        ("multigammaln", (X + 2, 3), {}),
        ("factorial", ([-1, 0, 4, 2.5],), {}),
        ("comb", (5, [0, 2, 5, 6]), {}),
        ("comb", (5, 2), {"repetition": True}),
        ("comb", (50, 20), {"exact": True}),
        ("perm", (5, [0, 2, 5, 6]), {}),
        ("jvp", (1.3, X, 2), {}),
        ("yvp", (1.3, X), {}),
        ("ivp", (1.3, X), {}),
        ("kvp", (1.3, X, 3), {}),
        ("h1vp", (1.3, X), {}),
        ("h2vp", (1.3, X), {}),
        ("spherical_jn", (2, X), {"derivative": True}),
        ("spherical_yn", (0, X), {"derivative": True}),
        ("spherical_in", (2, X), {"derivative": True}),
        ("spherical_kn", (2, X), {"derivative": True}),
        ("spherical_jn", (3, -X), {}),
        ("diric", (4 * X - 2 * np.pi, 4), {}),
        ("diric", (np.array([0.0, 2 * np.pi, -4 * np.pi]), 4), {}),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # SciPy's or ours of log(0)
def test_plain_function_has_scipys_values(name: str, args: Any, kwargs: Any) -> None:
    expected = getattr(scipy.special, name)(*args, **kwargs)
    np.testing.assert_allclose(getattr(fs, name)(*args, **kwargs), expected, rtol=1e-12, atol=1e-14)


def test_the_derivative_of_logsumexp_by_a_zero_weight() -> None:
    f = ft.grad(lambda a, b: fs.logsumexp(a, b=b), argnums=(0, 1))
    a, b = np.array([0.5, 0.0]), np.array([0.0, 2.0])
    for ours, expected in zip(f(a, b), ([0.0, 1.0], [np.exp(0.5) / 2, 0.5]), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-15)
    by_a_and_b = ft.jacobian(ft.grad(lambda a, b: fs.logsumexp(a, b=b)), argnums=1)(a, b)
    np.testing.assert_allclose(by_a_and_b, np.exp(0.5) * np.array([[0.5, 0.0], [-0.5, 0.0]]), atol=1e-15)


@pytest.mark.parametrize("left_out", [1000.0, np.inf, np.nan])
def test_an_exponential_of_weight_zero_is_left_out_whatever_it_is(left_out: float) -> None:
    a, b = np.array([left_out, 1.0]), np.array([0.0, 1.0])
    value, (by_a, by_b) = ft.value_and_grad(lambda a, b: fs.logsumexp(a, b=b), argnums=(0, 1))(a, b)
    assert value == 1.0
    np.testing.assert_array_equal(by_a, [0.0, 1.0])
    assert by_b[0] > 1e307
    assert by_b[1] == 1.0


def test_logsumexp_returns_the_sign() -> None:
    expected = scipy.special.logsumexp(X, axis=1, b=-X, return_sign=True)
    for ours, theirs in zip(fs.logsumexp(X, axis=1, b=-X, return_sign=True), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)


def test_the_namespace_holds_scipys_other_names() -> None:
    assert fs.gammaln is scipy.special.gammaln
    assert fs.roots_legendre is scipy.special.roots_legendre
    assert "erf" in dir(fs)
    with pytest.raises(AttributeError):
        fs.no_such_function  # noqa: B018


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: scipy.special.jv(x, 1.0), r"scipy\.special\.jv with respect to 'v' has no closed form"),
        (lambda x: scipy.special.hyp2f1(x, 1.0, 2.0, 0.3), r"hyp2f1 with respect to 'a'"),
        (lambda x: scipy.special.bdtr(1, x, 0.3), r"bdtr with respect to 'n' is not defined, as it is an integer"),
        (lambda x: scipy.special.mathieu_a(1, x), r"mathieu_a has no derivative rule.*characteristic values"),
        (lambda x: scipy.special.nctdtr(3.0, 1.0, x), r"nctdtr has no derivative rule.*closed form"),
        (lambda x: np.real(scipy.special.jve(1, x + 0j)), r"jve at complex arguments has no rule"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # bdtr of a float n
def test_what_has_no_rule_is_refused_by_name(f: Any, words: str) -> None:
    for transform in (ft.grad(f), lambda x: ft.jvp(f, (x,), (1.0,))):
        with pytest.raises(NotImplementedError, match=words) as caught:
            transform(2.0)
        assert "test_special.py" in str(caught.value)


@pytest.mark.parametrize(("args", "orders", "expected"), ZETA)
def test_the_zeta_functions_have_derivatives_in_the_exponent(
    args: tuple[float, ...], orders: tuple[int, ...], expected: float
) -> None:
    f = scipy.special.zeta
    for i, order in enumerate(orders):
        for _ in range(order):
            f = ft.grad(f, argnums=i)
    np.testing.assert_allclose(f(*args), expected, rtol=1e-13)


def test_the_zeta_functions_are_refused_at_complex_arguments_and_polygamma_in_its_order() -> None:
    with pytest.raises(NotImplementedError, match="zeta at complex arguments has no rule"):
        ft.grad(scipy.special.zeta, holomorphic=True)(2.0 + 1.0j)
    with pytest.raises(NotImplementedError, match="polygamma with respect to 'n'"):
        ft.grad(lambda n: np.sum(fs.polygamma(n, 2.0)))(np.array([1.0, 2.0]))


def test_outside_its_domain_the_zeta_function_has_no_derivative() -> None:
    for args in ((1.0,), (1.0, 2.0), (0.5, 2.0), (2.0, -1.5)):
        assert np.isnan(ft.grad(scipy.special.zeta)(*args))


def test_a_second_trigamma_of_complex_numbers_is_refused() -> None:
    z = 1.5 + 0.5j
    assert np.isclose(ft.grad(scipy.special.loggamma, holomorphic=True)(z), scipy.special.psi(z))
    with pytest.raises(NotImplementedError, match="complex arguments"):
        ft.grad(ft.grad(scipy.special.loggamma, holomorphic=True), holomorphic=True)(z)


def test_the_derivative_that_is_not_asked_for_is_not_refused() -> None:
    assert np.isclose(ft.grad(lambda v, x: scipy.special.jv(v, x), argnums=1)(0.0, 1.0), -scipy.special.j1(1.0))
    batch = ft.vmap(scipy.special.jv)(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    np.testing.assert_array_equal(batch, scipy.special.jv([0.0, 1.0], [1.0, 2.0]))


# --- Loading ----------------------------------------------------------------------------------------------------------


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_rules_are_loaded_when_a_ufunc_of_scipy_is_met() -> None:
    program = """
import sys
import functorch_lite as ft
assert not [name for name in sys.modules if name.startswith(("scipy", "functorch_lite.scipy"))]
import scipy.special
value = ft.grad(lambda x: scipy.special.gammaln(x))(2.5)
assert value == scipy.special.psi(2.5)
assert ft.vmap(scipy.special.erf, in_axes=0)(__import__("numpy").ones(3)).shape == (3,)
print("loaded", "functorch_lite.scipy.special" in sys.modules)
"""
    assert run(program) == "loaded True\n"


def test_rules_are_loaded_once_by_threads_that_meet_them_together() -> None:
    program = """
import threading
import functorch_lite as ft
import scipy.special
barrier = threading.Barrier(8)
values = []
def work():
    barrier.wait()
    values.append(ft.grad(ft.grad(scipy.special.gammaln))(2.5))
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(values), len(set(values)))
"""
    assert run(program) == "8 1\n"


def test_without_scipy_the_package_works_and_says_what_is_missing() -> None:
    program = """
import sys
from importlib.abc import MetaPathFinder
class NoSciPy(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] == "scipy":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoSciPy())
import numpy as np
import functorch_lite as ft
assert ft.grad(np.sin)(0.0) == 1.0
try:
    ft.grad(np.frompyfunc(abs, 1, 1))(1.0)
except NotImplementedError:
    pass
try:
    import functorch_lite.scipy.special
except ImportError as error:
    print(error)
"""
    assert "pip install 'functorch_lite[scipy]'" in run(program)


def test_an_unknown_submodule_is_an_attribute_error() -> None:
    import functorch_lite.scipy  # noqa: PLC0415 - the subject

    assert functorch_lite.scipy.linalg.expm
    with pytest.raises(AttributeError, match="no_such_module"):
        functorch_lite.scipy.no_such_module  # noqa: B018


def test_polygamma_of_no_integer_order_is_nan() -> None:
    assert np.isnan(fs.polygamma(1.5, 2.0))
    np.testing.assert_allclose(fs.polygamma(np.array([1.0, 1.5]), 2.0), [scipy.special.polygamma(1, 2.0), np.nan])


@pytest.mark.parametrize("name", ["spherical_jn", "spherical_yn", "spherical_in", "spherical_kn"])
def test_the_order_of_spherical_functions_has_no_derivative(name: str) -> None:
    f = getattr(fs, name)
    for derivative in (False, True):
        assert ft.grad(lambda n, d=derivative: f(n, 2.0, d))(2.0) == 0.0
        assert ft.grad(ft.grad(lambda n, z, d=derivative: f(n, z, d), 1), 0)(2.0, 2.0) == 0.0


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64, bool])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: scipy.special.jv(c, x),
        lambda x, c: scipy.special.kve(c, x),
        lambda x, c: scipy.special.zeta(c + 2, x),
        lambda x, c: scipy.special.boxcox(x, c),
        lambda x, c: scipy.special.ellipkinc(c, x),
        lambda x, c: scipy.special.ellipj(x, c)[0],
        lambda x, c: scipy.special.xlogy(c, x),
    ],
)
def test_derivatives_do_not_compute_in_short_integers_of_an_operand(f: Any, dtype: Any) -> None:
    """One less than an unsigned 0 is 255, and the sine of an int8 is of half precision."""
    x, c = np.array([0.6, 0.7]), np.array([0, 1], dtype)
    found, expected = (ft.grad(lambda x, c=c: np.sum(f(x, c)))(x) for c in (c, c.astype(float)))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_the_arithmetic_geometric_mean_with_zero() -> None:
    gradient = ft.grad(scipy.special.agm, argnums=(0, 1))
    assert gradient(0.0, 2.0) == (np.inf, 0.0)
    assert gradient(2.0, 0.0) == (0.0, np.inf)
    zero, two = np.array(0.0), np.array(2.0)
    assert ft.hessian(scipy.special.agm, argnums=(0, 1))(zero, two) == ((-np.inf, np.inf), (np.inf, 0.0))
    together = ft.vmap(ft.grad(scipy.special.agm), (0, None))(np.array([0.0, 1.0]), 2.0)
    np.testing.assert_array_equal(together, [np.inf, ft.grad(scipy.special.agm)(1.0, 2.0)])


@pytest.mark.filterwarnings("ignore:overflow")
def test_the_slope_of_exprel_grows_to_infinity() -> None:
    assert ft.grad(scipy.special.exprel)(np.float32(700.0)) == np.inf
    assert ft.grad(scipy.special.exprel)(720.0) == np.inf
    np.testing.assert_allclose(ft.grad(scipy.special.exprel)(700.0), 1.4468330739995269e301, rtol=1e-13)


def test_counts_that_are_zero_for_all_small_probabilities_have_no_slopes() -> None:
    """SciPy clips them: a probability less than that of zero belongs to no count."""
    assert ft.grad(scipy.special.pdtrik, argnums=(0, 1))(0.3, 0.4) == (0.0, 0.0)
    assert ft.grad(scipy.special.bdtrik, argnums=(0, 1, 2))(0.3, 0.4, 0.5) == (0.0, 0.0, 0.0)
    assert ft.grad(scipy.special.nbdtrik, argnums=(0, 1, 2))(0.3, 0.4, 0.5) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("theta", [0.0, 0.7, np.pi, -0.3])
def test_spherical_harmonics_have_scipys_derivatives(theta: float) -> None:
    n = np.array([0, 1, 1, 1, 2, 2, 3, 3, 5])
    m = np.array([0, -1, 0, 1, -2, 2, 3, -3, 1])
    _, first, second = scipy.special.sph_harm_y(n, m, theta, 0.4, diff_n=2)

    def along(f: Any, i: int) -> Any:
        return lambda *angles: ft.jvp(f, angles, (float(i == 0), float(i == 1)))[1]

    def harmonic(theta: Any, phi: Any) -> Any:
        return fs.sph_harm_y(n, m, theta, phi)

    for i in range(2):
        slope = along(harmonic, i)
        np.testing.assert_allclose(slope(theta, 0.4), first[..., i], rtol=1e-12, atol=1e-14)
        for j in range(2):
            np.testing.assert_allclose(along(slope, j)(theta, 0.4), second[..., i, j], rtol=1e-12, atol=1e-14)


@pytest.mark.filterwarnings("ignore:divide by zero")
def test_the_degenerate_elliptic_integral_of_zero_and_a_negative_number() -> None:
    """It is zero there, whatever the number is."""
    assert ft.grad(scipy.special.elliprc, argnums=(0, 1))(0.0, -3.0) == (np.inf, 0.0)


def test_scaled_airy_functions_of_many_elements() -> None:
    x = np.array([0.5, 9.0, 17.0, 1e4])
    for i in range(4):
        slope = ft.grad(lambda x, i=i: scipy.special.airye(x)[i])
        expected = np.stack([slope(v) for v in x])
        np.testing.assert_allclose(ft.vmap(slope)(x), expected, rtol=1e-13)
        np.testing.assert_allclose(ft.jit(ft.vmap(slope))(x), expected, rtol=1e-12)
