"""Distributions: SciPy's values everywhere, derivatives that hold in the tails and at the edges of supports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

import functorch_lite as ft
from functorch_lite.scipy import stats
from tests.samples.scipy_stats import CONTINUOUS, DISCRETE
from tests.scipy.reference import METHODS as REFERENCE

METHODS = ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf")


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of log(0), as SciPy gives them
def test_continuous_distribution_has_scipys_values(name: str) -> None:
    shapes, low, high = CONTINUOUS[name]
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    x = np.concatenate([np.linspace(low, high, 7), [-3.0, 0.0, 0.25, 1.0, 1.3, 40.0, np.inf, -np.inf, np.nan]])
    for method in METHODS:
        for loc, scale in ((0.0, 1.0), (0.25, 1.5)):
            actual = getattr(ours, method)(x, *shapes, loc=loc, scale=scale)
            expected = getattr(theirs, method)(x, *shapes, loc=loc, scale=scale)
            if method.endswith("pdf"):  # SciPy's is NaN at infinity where its formula subtracts infinities
                expected = np.where(np.isinf(x), 0.0 if method == "pdf" else -np.inf, expected)
            if (name, method) == ("halfnorm", "logsf"):  # SciPy's is the logarithm of what underflows
                expected = np.where(x > loc, np.log(2) + scipy.stats.norm.logsf(x, loc, scale), expected)
            np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-15, err_msg=f"{method} {loc}")
    q = np.array([1e-9, 0.1, 0.5, 0.77, 1 - 1e-9])
    for method in ("ppf", "isf"):
        expected = getattr(theirs, method)(q, *shapes, 0.5, 2.0)
        np.testing.assert_allclose(getattr(ours, method)(q, *shapes, 0.5, 2.0), expected, rtol=1e-7, err_msg=method)
        back = (ours.cdf if method == "ppf" else ours.sf)(expected, *shapes, 0.5, 2.0)
        np.testing.assert_allclose(back, q, rtol=1e-7)


@pytest.mark.parametrize("name", DISCRETE)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of log(0), as SciPy gives them
def test_discrete_distribution_has_scipys_values(name: str) -> None:
    shapes, _ = DISCRETE[name]
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    k = np.array([-1, 0, 1, 2, 5, 6, 7, 30, 1.5, -0.5])
    for method in ("pmf", "logpmf", "cdf", "logcdf", "sf", "logsf"):
        for loc in (0, 2):
            expected = getattr(theirs, method)(k, *shapes, loc=loc)
            actual = getattr(ours, method)(k, *shapes, loc=loc)
            np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-15, err_msg=method)


@pytest.mark.parametrize("kappa", [0.0, 0.3, 5.0, 1e4])
def test_vonmises_has_scipys_density(kappa: float) -> None:
    x = np.linspace(-7, 7, 11)
    for method in ("pdf", "logpdf"):
        expected = getattr(scipy.stats.vonmises, method)(x, kappa, 0.1, 2.0)
        actual = getattr(stats.vonmises, method)(x, kappa, 0.1, 2.0)
        np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-14)


def test_vonmises_without_concentration_has_a_slope_in_it() -> None:
    assert ft.grad(stats.vonmises.logpdf, argnums=1)(0.3, 0.0) == pytest.approx(np.cos(0.3))
    assert ft.grad(ft.grad(stats.vonmises.logpdf, argnums=1), argnums=1)(0.3, 0.0) == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("a", "b"), [(-1.0, 2.0), (1.0, 3.0), (-5.0, -2.0), (-np.inf, 1.0), (30.0, 40.0), (-1e-4, 1e-4)]
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of log(0), as SciPy gives them
def test_truncated_normal_distribution_has_scipys_values(a: float, b: float) -> None:
    low, high = max(a, -6.0), b
    x = low + (high - low) * np.array([-0.1, 0.0, 0.1, 0.5, 0.9, 1.0, 1.1])
    for method in METHODS:
        expected = getattr(scipy.stats.truncnorm, method)(x, a, b)
        np.testing.assert_allclose(getattr(stats.truncnorm, method)(x, a, b), expected, rtol=1e-7, err_msg=method)
        slopes = ft.vmap(ft.grad(getattr(stats.truncnorm, method)), (0, None, None))(x, a, b)
        assert np.all(np.isfinite(slopes))
    q = np.array([0.0, 1e-3, 0.3, 0.5, 0.9, 1.0])
    for method in ("ppf", "isf"):
        expected = getattr(scipy.stats.truncnorm, method)(q, a, b)
        np.testing.assert_allclose(getattr(stats.truncnorm, method)(q, a, b), expected, rtol=1e-7, atol=1e-15)


def test_a_truncated_density_is_fitted_through_its_bounds() -> None:
    x = np.array([0.1, 0.5])

    def loss(mean: Any, deviation: Any) -> Any:
        return np.sum(stats.truncnorm.logpdf(x, (0 - mean) / deviation, np.inf, mean, deviation))

    step = 1e-5
    for i, slope in enumerate(ft.grad(loss, argnums=(0, 1))(0.3, 0.7)):
        move = np.array([i == 0, i == 1]) * step
        above, below = loss(0.3 + move[0], 0.7 + move[1]), loss(0.3 - move[0], 0.7 - move[1])
        difference = (above - below) / (2 * step)
        np.testing.assert_allclose(slope, difference, rtol=1e-8)


def test_probabilities_without_a_formula_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="probabilities of vonmises have no closed form"):
        stats.vonmises.logcdf(0.3, 1.0)
    with pytest.raises(NotImplementedError, match="probabilities of betabinom have no closed form"):
        stats.betabinom.sf(3, 10, 1.0, 2.0)


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_beta_binomial_has_scipys_values(n: int) -> None:
    k = np.array([-1, 0, 1, 2.5, n])
    for method in ("pmf", "logpmf"):
        expected = getattr(scipy.stats.betabinom, method)(k, n, 2.3, 0.6)
        np.testing.assert_allclose(getattr(stats.betabinom, method)(k, n, 2.3, 0.6), expected, rtol=1e-11)


def test_the_generalised_normal_distribution_at_its_centre() -> None:
    assert ft.grad(stats.gennorm.cdf)(0.0, 2.0) == pytest.approx(stats.gennorm.pdf(0.0, 2.0))
    assert ft.grad(stats.gennorm.ppf)(0.5, 2.0) == pytest.approx(1 / stats.gennorm.pdf(0.0, 2.0))
    assert ft.grad(stats.gennorm.cdf, argnums=1)(0.0, 2.0) == 0.0


@pytest.mark.parametrize("name", CONTINUOUS)
def test_density_is_the_derivative_of_the_distribution_function(name: str) -> None:
    shapes, low, high = CONTINUOUS[name]
    distribution = getattr(stats, name)
    for x in np.linspace(low, high, 5):
        slope = ft.grad(distribution.cdf)(x, *shapes, 0.05, 1.1)
        np.testing.assert_allclose(slope, distribution.pdf(x, *shapes, 0.05, 1.1), rtol=1e-12)


def test_derivatives_outside_the_support_are_zero_and_not_nan() -> None:
    for name in ("expon", "gamma", "beta", "pareto", "weibull_min", "lognorm", "rayleigh", "uniform"):
        shapes, _, _ = CONTINUOUS[name]
        for method in ("pdf", "cdf", "sf"):
            f = getattr(getattr(stats, name), method)
            gradients = ft.grad(f, argnums=tuple(range(len(shapes) + 3)))(-0.5, *shapes, 0.0, 1.0)
            assert gradients == (0.0,) * (len(shapes) + 3), (name, method)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: stats.gamma.pdf(x, 2.0), 1.0),
        (lambda x: stats.gamma.pdf(x, 1.0), -1.0),
        (lambda x: stats.gamma.pdf(x, 3.0), 0.0),
        (lambda x: stats.gamma.pdf(x, 2.0, scale=2.0), 0.25),
        (lambda x: stats.chi2.pdf(x, 4.0), 0.25),
        (lambda x: stats.beta.pdf(x, 2.0, 3.0), 12.0),
        (lambda x: stats.weibull_min.pdf(x, 2.0), 2.0),
        (stats.rayleigh.pdf, 1.0),
        (lambda mu: stats.poisson.pmf(1, mu), 1.0),
        (lambda mu: stats.poisson.pmf(0, mu), -1.0),
        (lambda p: stats.binom.pmf(1, 5, p), 5.0),
        (lambda p: stats.binom.pmf(4, 5, 1 - p), 5.0),
    ],
)
def test_densities_have_a_slope_at_the_end_of_the_support(f: Any, expected: float) -> None:
    np.testing.assert_allclose([ft.grad(f)(0.0), ft.jvp(f, (0.0,), (1.0,))[1]], expected, rtol=1e-13)


@pytest.mark.parametrize("x", [1e-9, 0.3, 1e155, -1e300])
def test_the_tail_of_cauchy_reaches_as_far_as_numbers(x: float) -> None:
    np.testing.assert_allclose(stats.cauchy.logpdf(x), scipy.stats.cauchy.logpdf(x), rtol=1e-14)
    for slope in (ft.grad(stats.cauchy.logpdf)(x), ft.jvp(stats.cauchy.logpdf, (x,), (1.0,))[1]):
        np.testing.assert_allclose(slope, -2.0 / (1.0 / x + x), rtol=1e-14)


def test_tails_keep_their_digits() -> None:
    np.testing.assert_allclose(ft.grad(stats.norm.logcdf)(-40.0), 40.024968847207264, rtol=1e-13)
    np.testing.assert_allclose(ft.grad(stats.norm.logsf)(40.0), -40.024968847207264, rtol=1e-13)
    np.testing.assert_allclose(ft.grad(stats.logistic.logcdf)(-800.0), 1.0, rtol=1e-15)
    # d/da log Q(a, 60) at a = 2.5, by mpmath.
    np.testing.assert_allclose(ft.grad(lambda a: stats.gamma.logsf(60.0, a))(2.5), 3.407985574672983, rtol=1e-12)


STUDENT = [  # y, df, log density and its derivative by df: mpmath with 60 digits, by differences of relative step 1e-18
    (0.0, 0.3, -1.4726401290566635, 1.158655275216201),
    (1.0, 0.3, -2.425759223772391, 2.0921534074861543),
    (30.0, 0.3, -6.6769956785929026, -0.6787504623990175),
    (0.0, 3.3, -0.9936397152842542, 0.022048079400197124),
    (1.0, 3.3, -1.5627287068724809, 0.041216953801807545),
    (30.0, 3.3, -13.059724065003484, -2.1348830585559133),
    (0.0, 15.9, -0.9346514865989369, 0.0009869443659972965),
    (1.0, 15.9, -1.4500551189379514, 0.001936228895079468),
    (30.0, 15.9, -35.18747075569323, -1.5035864523686793),
    (0.0, 16.1, -0.9344565450557452, 0.0009626226880163839),
    (1.0, 16.1, -1.4496726325363283, 0.0018889275500359726),
    (30.0, 16.1, -35.487625042668625, -1.4979676474505348),
    (0.0, 99.0, -0.9214637427930916, 2.5506300255156678e-05),
    (1.0, 99.0, -1.4239805354681636, 5.0843424009486594e-05),
    (30.0, 99.0, -116.50321016849126, -0.7007915029562717),
    (0.0, 1000.0, -0.9191885331630061, 2.4999987500025e-07),
    (1.0, 1000.0, -1.4194384498713144, 4.998333332336666e-07),
    (30.0, 1000.0, -322.1670585624466, -0.08384774571790134),
    (0.0, 1000000.0, -0.9189387832046727, 2.49999999999875e-13),
    (1.0, 1000000.0, -1.4189390332045895, 4.999998333333333e-13),
    (30.0, 1000000.0, -450.7170099988726, -2.01807400437353e-07),
    (0.0, 100000000.0, -0.9189385357046728, 2.5e-17),
    (1.0, 100000000.0, -1.4189385382046726, 4.999999983333333e-17),
    (30.0, 100000000.0, -450.9169180478343, -2.0204732407456707e-11),
    (0.0, 1000000000000.0, -0.9189385332049227, 2.5e-25),
    (1.0, 1000000000000.0, -1.4189385332051727, 4.999999999998334e-25),
    (30.0, 1000000000000.0, -450.91893833115495, -2.02049749757405e-19),
    (0.0, 1e+20, -0.9189385332046728, 2.5e-41),
    (1.0, 1e+20, -1.4189385332046727, 5e-41),
    (30.0, 1e+20, -450.91893853320465, -2.0204975e-35),
]


@pytest.mark.parametrize(("name", "args", "orders", "expected"), REFERENCE)
def test_distribution_has_the_digits_at_large_parameters_and_in_the_tails(
    name: str, args: tuple[float, ...], orders: tuple[int, ...], expected: float
) -> None:
    distribution, method = name.split(".")
    f = getattr(getattr(stats, distribution), method)
    for i, order in enumerate(orders):
        for _ in range(order):
            f = ft.grad(f, argnums=i)
    # The slope of a density near its mode is a difference of terms that are up to a million times as large.
    np.testing.assert_allclose(f(*args), expected, rtol=1e-12 if sum(orders) == 0 else 2e-10)


@pytest.mark.parametrize("name", ["gamma", "chi2", "invgamma", "t"])
@pytest.mark.parametrize("method", ["logcdf", "logsf"])
def test_logarithms_of_tails_are_the_same_in_arrays_in_programs_and_in_single_precision(name: str, method: str) -> None:
    f = getattr(getattr(stats, name), method)
    x, df = np.array([1e-100, 1e-3, 0.5, 3.0, 40.0, 3e3, 1e100]), 2.5
    gradient = ft.grad(f, argnums=(0, 1))
    expected = np.array([gradient(v, df) for v in x]).T
    assert np.all(np.isfinite(expected))
    np.testing.assert_allclose(ft.vmap(gradient, (0, None))(x, df), expected, rtol=1e-13)
    np.testing.assert_allclose(ft.jit(ft.vmap(gradient, (0, None)))(x, df), expected, rtol=1e-13)
    single = ft.vmap(gradient, (0, None))(x[1:-1].astype(np.float32), np.float32(df))
    assert {g.dtype for g in single} == {np.dtype(np.float32)}
    np.testing.assert_allclose(single, expected[:, 1:-1], rtol=1e-4, atol=1e-30)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of log(0), at the ends of the support
def test_ends_of_the_support_beside_a_tail_have_no_derivative() -> None:
    x = np.array([0.0, 1e-200, np.inf, -1.0])
    slopes = ft.vmap(ft.grad(stats.gamma.logcdf), (0, None))(x, 2.5)
    np.testing.assert_allclose(slopes, [0.0, 2.5e200, 0.0, 0.0])


def test_upper_quantiles_of_f_keep_small_probabilities() -> None:
    x = stats.f.isf(1e-30, 5.0, 20.0)
    np.testing.assert_allclose(stats.f.sf(x, 5.0, 20.0), 1e-30, rtol=1e-9)
    np.testing.assert_allclose(ft.grad(stats.f.isf)(1e-30, 5.0, 20.0), -1 / stats.f.pdf(x, 5.0, 20.0), rtol=1e-9)


def test_negative_binomial_has_slopes_where_success_is_certain() -> None:
    slope = ft.grad(lambda p: stats.nbinom.pmf(1, 10.0, p))
    assert slope(1.0) == pytest.approx(-10.0)
    assert ft.grad(slope)(1.0) == pytest.approx(-200.0)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda df: stats.t.logpdf(1.0, df), 0.0),
        (lambda c: stats.weibull_min.ppf(0.5, c), 0.0),
        (lambda df: stats.f.logpdf(1.0, 1.0, df), 0.0),
        (lambda scale: stats.norm.logpdf(1.0, 0.0, scale), 0.0),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_no_parameter_gives_nan_also_as_a_python_number(f: Any, x: float) -> None:
    np.testing.assert_array_equal([f(x), ft.grad(f)(x), ft.grad(f)(np.float64(x))], np.nan)


@pytest.mark.parametrize(("y", "df", "value", "slope"), STUDENT)
def test_students_density_for_all_degrees_of_freedom(y: float, df: float, value: float, slope: float) -> None:
    np.testing.assert_allclose(stats.t.logpdf(y, df), value, rtol=4e-15)
    np.testing.assert_allclose(ft.grad(lambda df: stats.t.logpdf(y, df))(df), slope, rtol=2e-12)
    np.testing.assert_allclose(ft.grad(lambda y: stats.t.cdf(y, df))(y), np.exp(value), rtol=1e-11)


def test_infinite_degrees_of_freedom_are_the_normal_distribution() -> None:
    x = np.array([-3.0, 0.0, 0.7, 30.0])
    np.testing.assert_array_equal(stats.t.logpdf(x, np.inf), stats.norm.logpdf(x))
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(stats.t.logpdf(x, np.inf)))(x), -x)
    assert ft.grad(lambda df: stats.t.logpdf(0.7, df))(np.inf) == 0.0
    for n in (1, 2, 3, 6, 7):
        point, shape = np.linspace(0.5, 1.5, n), np.eye(n) + 0.2
        expected = stats.multivariate_normal.logpdf(point, np.zeros(n), shape)
        for df in (1e17, np.inf):
            np.testing.assert_allclose(stats.multivariate_t.logpdf(point, np.zeros(n), shape, df), expected, rtol=1e-14)
        for df in (0.3, 5, 60.0):
            theirs = scipy.stats.multivariate_t.logpdf(point, np.zeros(n), shape, df)
            np.testing.assert_allclose(stats.multivariate_t.logpdf(point, np.zeros(n), shape, df), theirs, rtol=1e-13)


def test_derivatives_of_students_density_are_consistent_across_its_pieces() -> None:
    """The half step of log Γ changes its formula at 16 degrees of freedom, the logarithm at s = v/10."""
    for df, y in ((16.0, 0.9), (16.0, 2.0), (20.0, 2.0**0.5), (7.0, 0.7**0.5)):
        third = ft.grad(ft.grad(ft.grad(lambda df, y=y: stats.t.logpdf(y, df))))
        below, above = np.nextafter(df, 0.0), np.nextafter(df, 100.0)
        np.testing.assert_allclose(third(below), third(above), rtol=1e-8)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of divisions by zero
def test_quantiles_of_probabilities_near_zero_and_one() -> None:
    q = np.array([0.0, 1e-300, 1e-16, 0.25, 0.5, 0.75, 1 - 2.0**-53, 1.0])
    expected = [-np.inf, -3.183098861837907e299, -3183098861837906.7, -1.0, 0.0, 1.0, 2867080569611329.6, np.inf]
    np.testing.assert_allclose(stats.cauchy.ppf(q), expected, rtol=1e-15)  # -cot(πq)
    np.testing.assert_allclose(stats.cauchy.isf(q), np.negative(expected), rtol=1e-15)
    np.testing.assert_allclose(ft.grad(stats.cauchy.ppf)(1e-16), np.pi / np.sin(np.pi * 1e-16) ** 2, rtol=1e-15)
    assert stats.t.ppf(np.array([0.0, 1.0]), 3.0).tolist() == [-np.inf, np.inf]
    assert stats.t.isf(np.array([0.0, 1.0]), 3.0).tolist() == [np.inf, -np.inf]


def test_the_logarithm_of_a_probability_near_one_is_that_of_its_complement() -> None:
    np.testing.assert_allclose(stats.expon.logcdf(50.0), -1.9287498479639178e-22, rtol=1e-14)  # -exp(-50)
    np.testing.assert_allclose(ft.grad(stats.expon.logcdf)(50.0), 1.9287498479639178e-22, rtol=1e-14)
    np.testing.assert_allclose(stats.invgamma.logcdf(1e10, 3.0), -1.6666666665416666e-31, rtol=1e-14)
    np.testing.assert_allclose(stats.binom.logcdf(0, 10, 1e-10), -1.00000000005e-09, rtol=1e-14)
    np.testing.assert_allclose(ft.grad(lambda p: stats.binom.logcdf(0, 10, p))(1e-10), -10.000000001, rtol=1e-12)
    np.testing.assert_allclose(stats.poisson.logsf(0, 50.0), -1.9287498479639178e-22, rtol=1e-14)
    np.testing.assert_allclose(stats.geom.logsf(1e5, 0.3), 1e5 * np.log(0.7), rtol=1e-14)
    np.testing.assert_allclose(ft.grad(lambda p: stats.geom.logsf(1e5, p))(0.3), -1e5 / 0.7, rtol=1e-14)


def test_maximum_likelihood_by_newtons_method_agrees_with_the_equations() -> None:
    x = np.array([0.3, 1.7, 0.9, 2.2, 0.6, 1.1])

    def loss(theta: Any) -> Any:
        return -np.sum(stats.gamma.logpdf(x, theta[0], 0.0, theta[1]))

    theta = np.array([2.0, 0.6])
    for _ in range(20):
        theta = theta - np.linalg.solve(ft.hessian(loss)(theta), ft.grad(loss)(theta))
    shape, scale = theta
    assert np.isclose(shape * scale, np.mean(x), rtol=1e-12)
    assert np.isclose(np.log(shape) - ft.grad(stats_log_gamma)(shape), np.log(np.mean(x)) - np.mean(np.log(x)))


def stats_log_gamma(a: Any) -> Any:
    """Return log Γ(a), from the density of the gamma distribution at 1."""
    return -1.0 - stats.gamma.logpdf(1.0, a)


def test_samples_of_a_gamma_distribution_have_the_derivative_of_their_mean() -> None:
    """Reparameterised through its quantiles: the mean of the distribution is its shape parameter."""
    q = (np.arange(2000) + 0.5) / 2000
    slope = ft.grad(lambda a: np.mean(stats.gamma.ppf(q, a)))(3.0)
    # The rule of rectangles on quantiles, which are unbounded at one end, is good to its step times a logarithm.
    assert abs(slope - 1.0) < 1e-3


COVARIANCE = np.array([[2.0, 0.3], [0.3, 1.0]])
POINTS = np.array([[0.3, -1.0], [1.2, 0.4], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("x", "mean", "cov"),
    [
        (POINTS, np.array([0.5, 1.0]), COVARIANCE),
        (POINTS[0], None, COVARIANCE),
        (POINTS, np.zeros(2), np.array([0.5, 2.0])),
        (POINTS, np.zeros(2), 1.7),
        (np.array([0.3, 0.4, 2.0]), None, 1.7),
        (0.3, 0.1, 1.7),
        (POINTS.reshape(1, 3, 2), None, COVARIANCE),
    ],
)
def test_multivariate_normal_has_scipys_values(x: Any, mean: Any, cov: Any) -> None:
    expected = scipy.stats.multivariate_normal.logpdf(x, mean, cov)
    np.testing.assert_allclose(np.squeeze(stats.multivariate_normal.logpdf(x, mean, cov)), expected, rtol=1e-13)
    np.testing.assert_allclose(np.squeeze(stats.multivariate_normal.pdf(x, mean, cov)), np.exp(expected), rtol=1e-13)


def test_other_multivariate_distributions_have_scipys_values() -> None:
    expected = scipy.stats.multivariate_t.logpdf(POINTS, [0.5, 1.0], COVARIANCE, 3.3)
    np.testing.assert_allclose(stats.multivariate_t.logpdf(POINTS, [0.5, 1.0], COVARIANCE, 3.3), expected, rtol=1e-13)
    p, alpha = np.array([0.2, 0.5, 0.3]), np.array([1.5, 2.0, 0.7])
    expected = scipy.stats.dirichlet.logpdf(p, alpha)
    np.testing.assert_allclose(stats.dirichlet.logpdf(p, alpha), expected, rtol=1e-13)
    np.testing.assert_allclose(stats.dirichlet.logpdf(p[:2], alpha), expected, rtol=1e-13)
    counts = np.array([[2, 1, 1], [0, 4, 0], [1, 1, 1], [5, -1, 0]])
    expected = scipy.stats.multinomial.logpmf(counts, 4, p)
    np.testing.assert_allclose(stats.multinomial.logpmf(counts, 4, p), expected, rtol=1e-13)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of what the formulas give there
def test_what_is_no_distribution_or_no_probability_gives_nan() -> None:
    wrong = [
        stats.norm.cdf(1.0, 0.0, -1.0),
        stats.norm.logpdf(1.0, scale=0.0),
        stats.gamma.pdf(1.0, -1.5),
        stats.beta.sf(0.5, 1.0, -2.0),
        stats.weibull_min.ppf(0.5, -1.0),
        stats.uniform.ppf(1.5),
        stats.expon.isf(-1.0),
        stats.bernoulli.cdf(0, 2.0),
        stats.binom.pmf(0, -1.0, 0.5),
        stats.poisson.sf(1, -0.5),
    ]
    assert np.all(np.isnan(wrong))
    scales = np.array([-1.0, 2.0])
    expected = [np.nan, scipy.stats.norm.pdf(0.5, 0.0, 2.0)]
    np.testing.assert_allclose(stats.norm.pdf(0.5, 0.0, scales), expected, rtol=1e-14)
    np.testing.assert_allclose(ft.vmap(lambda s: stats.norm.pdf(0.5, 0.0, s))(scales), expected, rtol=1e-14)
    assert np.isnan(ft.grad(stats.norm.cdf, 2)(1.0, 0.0, -1.0))


def test_wrong_arguments_raise() -> None:
    for function in (stats.norm.logpdf, stats.poisson.pmf, stats.multivariate_normal.logpdf):
        with pytest.raises(TypeError, match=r"real.*complex"):
            function(np.array([1.0 + 2.0j]), 1.0)
    with pytest.raises(ValueError, match=r"do not fit a matrix of shape \(2, 1, 1\)"):
        stats.multivariate_normal.logpdf(np.ones(3), None, np.ones((2, 1, 1)))
    with pytest.raises(ValueError, match=r"mean of shape \(2,\) does not fit vectors of length 1"):
        stats.multivariate_normal.logpdf(1.0, np.zeros(2), np.eye(1))
    with pytest.raises(TypeError, match="gamma misses the shape parameters a"):
        stats.gamma.logpdf(1.0)
    with pytest.raises(TypeError, match="norm takes the parameters loc, scale"):
        stats.norm.logpdf(1.0, 0.0, 1.0, 2.0)
    with pytest.raises(TypeError, match="each once"):
        stats.norm.logpdf(1.0, 0.0, loc=1.0)
    with pytest.raises(np.linalg.LinAlgError):
        stats.multivariate_normal.logpdf(POINTS, None, -COVARIANCE)
    with pytest.raises(ValueError, match=r"shape \(3, 2\) do not fit a matrix of shape \(3, 3\)"):
        stats.multivariate_normal.logpdf(POINTS, None, np.eye(3))
    with pytest.raises(ValueError, match="as many rows as alpha"):
        stats.dirichlet.logpdf(np.ones(5), np.ones(3))
    assert np.isnan(stats.norm.ppf(1.5))
    assert repr(stats.gamma) == "<distribution gamma(a, loc, scale)>"


def test_counts_outside_the_support_have_no_slopes_where_success_is_certain() -> None:
    for f in (stats.binom.logcdf, stats.binom.cdf, stats.binom.logsf):
        assert ft.grad(lambda p, f=f: f(-1.0 if f is stats.binom.logsf else 10.0, 10.0, p))(1.0) == 0.0
    k = np.array([-1.0, 3.0, 10.0])
    slope = ft.grad(lambda p: np.sum(stats.binom.cdf(k, 10.0, p)))(0.3)
    np.testing.assert_allclose(slope, ft.grad(lambda p: stats.binom.cdf(3.0, 10.0, p))(0.3), rtol=1e-14)


@pytest.mark.parametrize(
    ("function", "y", "expected"),
    [
        (stats.f.sf, 1e3, 2.00419744662075e-12),
        (stats.f.logsf, 1e3, 2.490500700837882e-6),
        (stats.f.sf, 1e15, 2.02143615134655e-66),
        (stats.f.logsf, 1e15, 2.49999999999999e-30),
        (stats.f.sf, 1e17, 2.021436151346568e-75),
        (stats.f.logsf, 1e17, 2.5e-34),
        (stats.f.sf, 1e30, 6.392342382859997e-134),
        (stats.f.logsf, 1e30, 2.5e-60),
    ],
)
def test_second_derivatives_of_f_where_the_share_rounds_to_one(function: Any, y: float, expected: float) -> None:
    found = ft.grad(ft.grad(lambda y: function(y, 3.0, 5.0)))(y)
    np.testing.assert_allclose(found, expected, rtol=1e-11)
