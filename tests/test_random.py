"""Random numbers from keys: right distributions, right derivatives, and one example a key under vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats

import functorch_lite as ft
from functorch_lite import random
from functorch_lite.random.gamma_family import _count

KEY = random.key(0)
COUNT = 20_000

# What is drawn, and the distribution that SciPy gives it.
DISTRIBUTIONS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "uniform": (lambda k: random.uniform(k, (COUNT,), minval=1.0, maxval=3.0), scipy.stats.uniform(1, 2)),
    "normal": (lambda k: random.normal(k, (COUNT,), loc=1.0, scale=2.0), scipy.stats.norm(1, 2)),
    "exponential": (lambda k: random.exponential(k, (COUNT,), scale=2.0), scipy.stats.expon(0, 2)),
    "laplace": (lambda k: random.laplace(k, (COUNT,), loc=1.0, scale=2.0), scipy.stats.laplace(1, 2)),
    "cauchy": (lambda k: random.cauchy(k, (COUNT,), loc=1.0, scale=2.0), scipy.stats.cauchy(1, 2)),
    "logistic": (lambda k: random.logistic(k, (COUNT,), loc=1.0, scale=2.0), scipy.stats.logistic(1, 2)),
    "gumbel": (lambda k: random.gumbel(k, (COUNT,), loc=1.0, scale=2.0), scipy.stats.gumbel_r(1, 2)),
    "lognormal": (lambda k: random.lognormal(k, (COUNT,), loc=1.0, scale=0.5), scipy.stats.lognorm(0.5, scale=np.e)),
    "rayleigh": (lambda k: random.rayleigh(k, (COUNT,), scale=2.0), scipy.stats.rayleigh(0, 2)),
    "weibull": (lambda k: random.weibull(k, 1.5, (COUNT,), scale=2.0), scipy.stats.weibull_min(1.5, scale=2)),
    "pareto": (lambda k: random.pareto(k, 1.5, (COUNT,), scale=2.0), scipy.stats.pareto(1.5, scale=2)),
    "truncated": (lambda k: random.truncated_normal(k, -0.5, 2.0, (COUNT,)), scipy.stats.truncnorm(-0.5, 2)),
    "left tail": (lambda k: random.truncated_normal(k, -np.inf, -3.0, (COUNT,)), scipy.stats.truncnorm(-np.inf, -3)),
    "right tail": (lambda k: random.truncated_normal(k, 9.0, np.inf, (COUNT,)), scipy.stats.truncnorm(9, np.inf)),
    "gamma": (lambda k: random.gamma(k, 1.5, (COUNT,), scale=2.0), scipy.stats.gamma(1.5, scale=2)),
    "small gamma": (lambda k: random.gamma(k, 0.3, (COUNT,)), scipy.stats.gamma(0.3)),
    "beta": (lambda k: random.beta(k, 1.5, 0.5, (COUNT,)), scipy.stats.beta(1.5, 0.5)),
    "chisquare": (lambda k: random.chisquare(k, 3.0, (COUNT,)), scipy.stats.chi2(3)),
    "t": (lambda k: random.t(k, 3.0, (COUNT,), loc=1.0), scipy.stats.t(3, loc=1)),
    "dirichlet": (lambda k: random.dirichlet(k, np.array([1.0, 2.0, 3.0]), (COUNT,))[:, 1], scipy.stats.beta(2, 4)),
    "sphere": (lambda k: random.sphere(k, 3, (COUNT,))[:, 0], scipy.stats.uniform(-1, 2)),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_samples_have_the_distribution(name: str) -> None:
    draw, distribution = DISTRIBUTIONS[name]
    sample = draw(KEY)
    assert sample.shape == (COUNT,)
    # The key is fixed, so the test is too; one in ten thousand keys would fail it.
    assert scipy.stats.kstest(sample, distribution.cdf).pvalue > 1e-4


DISCRETE: dict[str, tuple[Callable[[Any], Any], dict[int, float]]] = {
    "bernoulli": (lambda k: random.bernoulli(k, 0.3, (COUNT,)), {0: 0.7, 1: 0.3}),
    "randint": (lambda k: random.randint(k, (COUNT,), 2, 5), {2: 1 / 3, 3: 1 / 3, 4: 1 / 3}),
    "categorical": (
        lambda k: random.categorical(k, np.log(np.array([0.2, 0.3, 0.5])), shape=(COUNT,)),
        {0: 0.2, 1: 0.3, 2: 0.5},
    ),
    "choice": (lambda k: random.choice(k, 3, (COUNT,), p=np.array([0.2, 0.3, 0.5])), {0: 0.2, 1: 0.3, 2: 0.5}),
    "binomial": (lambda k: random.binomial(k, 2, 0.5, (COUNT,)), {0: 0.25, 1: 0.5, 2: 0.25}),
    "poisson": (lambda k: random.poisson(k, 1.0, (COUNT,)), {0: np.exp(-1.0), 1: np.exp(-1.0), 2: np.exp(-1.0) / 2}),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_samples_have_their_frequencies(name: str) -> None:
    draw, frequencies = DISCRETE[name]
    sample = draw(KEY)
    assert sample.shape == (COUNT,)
    for value, frequency in frequencies.items():
        # Four standard deviations, for a fixed key.
        assert abs(np.mean(sample == value) - frequency) < 4 * np.sqrt(frequency / COUNT)


# Samplers as functions of parameters, at which they are differentiable.
SAMPLERS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "uniform": (lambda k, a, b: random.uniform(k, (3,), minval=a, maxval=b), (1.0, 3.0)),
    "normal": (lambda k, m, s: random.normal(k, (3,), loc=m, scale=s), (np.array([1.0, 2.0, 3.0]), 2.0)),
    "exponential": (lambda k, s: random.exponential(k, (3,), scale=s), (2.0,)),
    "laplace": (lambda k, m, s: random.laplace(k, (3,), loc=m, scale=s), (1.0, 2.0)),
    "cauchy": (lambda k, m, s: random.cauchy(k, (3,), loc=m, scale=s), (1.0, 2.0)),
    "logistic": (lambda k, m, s: random.logistic(k, (3,), loc=m, scale=s), (1.0, 2.0)),
    "gumbel": (lambda k, m, s: random.gumbel(k, (3,), loc=m, scale=s), (1.0, 2.0)),
    "lognormal": (lambda k, m, s: random.lognormal(k, (3,), loc=m, scale=s), (0.5, 0.3)),
    "rayleigh": (lambda k, s: random.rayleigh(k, (3,), scale=s), (2.0,)),
    "weibull": (lambda k, c, s: random.weibull(k, c, (3,), scale=s), (1.5, 2.0)),
    "pareto": (lambda k, b, s: random.pareto(k, b, (3,), scale=s), (2.5, 2.0)),
    "truncated": (lambda k, a, b, m: random.truncated_normal(k, a, b, (3,), loc=m), (-0.5, 0.7, 0.2)),
    "tail": (lambda k, a: random.truncated_normal(k, a, np.inf, (3,)), (2.5,)),
    "multivariate": (
        lambda k, m, a: random.multivariate_normal(k, m, a @ a.T + np.eye(2), (3,)),
        (np.array([1.0, 2.0]), np.array([[0.5, 0.1], [0.3, -0.4]])),
    ),
    "permutation": (lambda k, x: random.permutation(k, x), (np.array([1.0, 2.0, 3.0]),)),
    "choice": (lambda k, x: random.choice(k, x, (2, 2), axis=1), (np.ones((2, 3)) * [1.0, 2.0, 3.0],)),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_differentiate_by_their_parameters(name: str) -> None:
    sampler, parameters = SAMPLERS[name]
    ft.check_grads(lambda *p: sampler(KEY, *p), parameters, 2)


@pytest.mark.parametrize("name", [*SAMPLERS, "gamma", "beta", "t", "dirichlet"])
def test_a_batch_of_keys_gives_one_example_a_key(name: str) -> None:
    others: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
        "gamma": (lambda k, a: random.gamma(k, a, (3,)), (1.5,)),
        "beta": (lambda k, a: random.beta(k, a, 2.0, (3,)), (1.5,)),
        "t": (lambda k, df: random.t(k, df, (3,)), (4.5,)),
        "dirichlet": (lambda k, a: random.dirichlet(k, a), (np.array([1.5, 2.0, 0.5]),)),
    }
    sampler, parameters = (SAMPLERS | others)[name]
    keys = random.split(KEY, 3)
    jac = lambda k, *p: ft.jacrev(sampler, tuple(range(1, len(p) + 1)))(k, *p)
    batch = ft.vmap(jac, (0, *(None,) * len(parameters)))(keys, *parameters)
    moved = ft.vmap(sampler)(keys, *(np.stack([np.asarray(p) * s for s in (1.0, 1.1, 1.2)]) for p in parameters))
    for i, key in enumerate(keys):
        one = ft.jacfwd(sampler, tuple(range(1, len(parameters) + 1)))(key, *parameters)
        for a, b in zip(ft.tree.leaves(batch), ft.tree.leaves(one), strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-10, atol=1e-12)
        expected = sampler(key, *(np.asarray(p) * (1.0, 1.1, 1.2)[i] for p in parameters))
        np.testing.assert_allclose(moved[i], expected, rtol=1e-12)


# --- The gamma family -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [0.05, 0.3, 1.0, 2.5, 10.0, 100.0, 3000.0])
def test_the_derivative_of_a_gamma_sample_is_that_at_a_fixed_probability(a: float) -> None:
    value, slope = ft.jvp(lambda a: random.gamma(KEY, a, (50,)), (a,), (1.0,))
    u = scipy.special.gammainc(a, value)
    inside = (u > 1e-3) & (u < 1 - 1e-3)  # where SciPy's inverse can be differenced
    h = 1e-4 * min(a, a * a)
    inverse = scipy.special.gammaincinv
    expected = (inverse(a + h, u) - inverse(a - h, u)) / (2 * h)
    # The differences err by h² and by their rounding.
    np.testing.assert_allclose(slope[inside], expected[inside], rtol=1e-5)


def test_second_derivatives_of_a_gamma_sample() -> None:
    a, h = 2.5, 1e-3
    value = random.gamma(KEY, a, (5,))
    u = scipy.special.gammainc(a, value)
    inverse = scipy.special.gammaincinv
    expected = (inverse(a + h, u) - 2 * value + inverse(a - h, u)) / h**2
    for actual in (
        ft.jacfwd(ft.jacfwd(lambda a: random.gamma(KEY, a, (5,))))(a),
        ft.jacrev(ft.jacrev(lambda a: random.gamma(KEY, a, (5,))))(a),
    ):
        np.testing.assert_allclose(actual, expected, atol=1e-6)  # the differences err by h²


def test_expectations_have_the_right_gradients() -> None:
    # By the mean of many samples; the tolerances are four standard deviations or more.
    mean = ft.grad(lambda a: np.mean(random.gamma(KEY, a, (COUNT,))))(0.7)
    assert abs(mean - 1.0) < 0.05
    by_a, by_b = ft.grad(lambda a, b: np.mean(random.beta(KEY, a, b, (COUNT,))), (0, 1))(2.0, 3.0)
    assert abs(by_a - 3.0 / 25) < 0.01
    assert abs(by_b + 2.0 / 25) < 0.01
    jac = ft.jacrev(lambda a: np.mean(random.dirichlet(KEY, a, (COUNT,)), axis=0))(np.array([1.0, 2.0, 3.0]))
    expected = np.eye(3) / 6 - np.array([1.0, 2.0, 3.0])[:, None] / 36
    np.testing.assert_allclose(jac, expected, atol=0.01)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("x", [np.nan, np.inf])
def test_a_parameter_that_is_no_number_has_the_derivative_nan(x: float) -> None:
    a = np.array([2.0, x, 0.5])
    gradient = ft.grad(lambda a: np.sum(ft.random.gamma(ft.random.key(0), a)))(a)
    plain = ft.grad(lambda a: np.sum(ft.random.gamma(ft.random.key(0), a, (3,))[:1]))(2.0)
    assert np.isnan(gradient[1])
    assert np.isfinite(gradient[2])
    np.testing.assert_allclose(gradient[0], plain, rtol=1e-14)
    for sampler in (ft.random.gamma, ft.random.chisquare, lambda key, a: ft.random.beta(key, a, 2.0)):
        assert np.isnan(ft.grad(lambda a, f=sampler: f(ft.random.key(1), a))(np.nan))


@pytest.mark.parametrize("a", [[1.0, 3e5], [3e5, 1.0], [1e-3, 1e6], [3e5]])
def test_small_parameters_beside_large_ones_cost_no_more_terms(a: list[float]) -> None:
    f = lambda a, key: random.gamma(key, a)
    keys, parameters = random.split(KEY, len(a)), np.array(a)
    samples = ft.vmap(f)(parameters, keys)
    needed = [int(_count(x, y)) for x, y in zip(samples, parameters, strict=True)]
    assert int(_count(samples, parameters)) == max(needed) < 12 * np.sqrt(max(a)) + 100
    alone = [ft.grad(f)(y, k) for y, k in zip(parameters, keys, strict=True)]
    np.testing.assert_allclose(ft.vmap(ft.grad(f))(parameters, keys), alone, rtol=1e-13)
    np.testing.assert_allclose(ft.jit(ft.vmap(ft.grad(f)))(parameters, keys), alone, rtol=1e-13)


def test_samples_that_underflow_have_no_derivative() -> None:
    value, slope = ft.jvp(lambda a: random.gamma(KEY, a, (200,)), (1e-3,), (1.0,))
    assert (value == 0).any()
    assert np.all(slope[value == 0] == 0)
    assert np.all(np.isfinite(slope))


def test_parts_of_a_whole_are_numbers_where_gamma_samples_underflow() -> None:
    parts = random.dirichlet(KEY, np.full(3, 1e-3), (COUNT,))
    np.testing.assert_allclose(parts.sum(-1), 1.0)
    np.testing.assert_allclose(parts.mean(0), 1 / 3, atol=0.02)
    share = random.beta(KEY, 1e-3, 2e-3, (COUNT,))
    assert abs(share.mean() - 1 / 3) < 0.02
    assert np.all(np.isfinite(ft.jacobian(lambda a: random.dirichlet(KEY, a, (COUNT,)))(np.full(3, 1e-3))))


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_keys_are_pure_and_distinct() -> None:
    assert np.array_equal(random.normal(KEY, (3,)), random.normal(random.key(0), (3,)))
    keys = [*random.split(KEY, 100), *random.split(random.fold_in(KEY, 1), 100), KEY]
    keys += [random.fold_in(KEY, i) for i in range(-50, 50)]
    assert len(np.unique(np.stack(keys), axis=0)) == len(keys)
    first, second = random.split(KEY)
    assert abs(np.corrcoef(random.normal(first, (COUNT,)), random.normal(second, (COUNT,)))[0, 1]) < 0.05


def test_keys_under_vmap() -> None:
    keys = random.split(KEY, 3)
    np.testing.assert_array_equal(ft.vmap(random.split)(keys)[1], random.split(keys[1]))
    np.testing.assert_array_equal(ft.vmap(lambda i: random.fold_in(KEY, i))(np.arange(3))[2], random.fold_in(KEY, 2))
    nested = ft.vmap(ft.vmap(lambda k: random.normal(k, (2,))))(np.stack([keys, keys]))
    np.testing.assert_array_equal(nested[1, 2], random.normal(keys[2], (2,)))
    same = ft.vmap(lambda x: x + random.normal(KEY))(np.zeros(3))
    assert np.all(same == same[0])


def test_a_checkpointed_sample_is_drawn_again_the_same() -> None:
    f = lambda s: np.sum(random.normal(KEY, (3,), scale=s) ** 2)
    assert ft.grad(ft.checkpoint(f))(2.0) == ft.grad(f)(2.0)


def test_shapes_and_dtypes() -> None:
    assert random.normal(KEY).shape == ()
    assert random.normal(KEY, 3).shape == (3,)
    assert random.normal(KEY, loc=np.zeros((2, 1)), scale=np.ones(3)).shape == (2, 3)
    assert random.gamma(KEY, np.ones(3), (2, 3)).shape == (2, 3)
    assert random.categorical(KEY, np.zeros((4, 3)), axis=0).shape == (3,)
    assert random.dirichlet(KEY, np.ones((2, 3))).shape == (2, 3)
    assert random.multivariate_normal(KEY, np.zeros((5, 2)), np.eye(2)).shape == (5, 2)
    np.testing.assert_allclose(
        np.swapaxes(random.orthogonal(KEY, 3, 2), -1, -2) @ random.orthogonal(KEY, 3, 2),
        np.stack([np.eye(3)] * 2),
        atol=1e-12,
    )
    for sampler in (random.uniform, random.normal, random.exponential, random.laplace, random.cauchy, random.logistic,
                    random.gumbel, random.lognormal, random.rayleigh):
        assert sampler(KEY, (2,), np.float32).dtype == np.float32
    assert random.gamma(KEY, np.float32(2.0)).dtype == np.float32
    assert random.randint(KEY, (2,), 0, 9, np.int8).dtype == np.int8
    assert sorted(random.permutation(KEY, 5)) == list(range(5))
    assert sorted(random.choice(KEY, 5, (5,), replace=False)) == list(range(5))


def test_parameters_of_single_precision_give_samples_of_single_precision() -> None:
    three = np.float32(3.0)
    mean, cov = np.zeros(2, np.float32), np.eye(2, dtype=np.float32)
    assert random.t(KEY, three).dtype == random.t(KEY, np.ones(3, np.float32)).dtype == np.float32
    assert random.multivariate_normal(KEY, mean, cov).dtype == np.float32
    assert random.multivariate_normal(KEY, mean, np.eye(2)).dtype == np.float64
    assert random.t(KEY, 3).dtype == random.multivariate_normal(KEY, [0, 0], [[1, 0], [0, 1]]).dtype == np.float64


def test_a_uniform_sample_does_not_reach_the_upper_end() -> None:
    """Of one in 2²⁴ numbers of single precision the product with the length is rounded up to it."""
    f = lambda low, high: random.uniform(KEY, (10**7,), np.float32, low, high)
    sample = f(1.0, 2.0)
    assert sample.dtype == np.float32
    assert sample.min() >= 1.0
    assert sample.max() == np.nextafter(np.float32(2.0), np.float32(0.0))
    last = int(np.argmax(sample))
    slopes = ft.jvp(lambda low, high: f(low, high)[last], (1.0, 2.0), (1.0, 1.0))[1]
    np.testing.assert_allclose(slopes, 1.0, rtol=1e-6)
    np.testing.assert_array_equal(ft.jit(f)(1.0, 2.0)[last - 3 : last + 3], sample[last - 3 : last + 3])


@pytest.mark.parametrize(
    ("lower", "upper", "by_lower", "by_upper"),
    [
        (1e8, np.inf, 1.0, 0.0),
        (-np.inf, -1e8, 0.0, 1.0),
        (1e8, 1e8 + 1, 1.0, 0.0),
        (-1e8 - 1, -1e8, 0.0, 1.0),
    ],
)
def test_a_truncated_sample_far_from_zero_moves_with_the_nearer_bound(
    lower: float, upper: float, by_lower: float, by_upper: float
) -> None:
    for k in random.split(KEY, 5):
        slopes = ft.grad(lambda a, b, k=k: random.truncated_normal(k, a, b), (0, 1))(lower, upper)
        np.testing.assert_allclose(slopes, (by_lower, by_upper), rtol=1e-14)


@pytest.mark.parametrize(("lower", "upper"), [(1.0, 2.0), (-2.0, -1.0), (5.0, 5.0001), (30.0, 31.0), (-3.0, 1.0)])
def test_a_truncated_sample_has_the_implicit_derivative(lower: float, upper: float) -> None:
    for k in random.split(KEY, 5):
        f = lambda a, b, k=k: random.truncated_normal(k, a, b)
        x, u = f(lower, upper), random.uniform(k)
        expected = (1 - u) * np.exp((x**2 - lower**2) / 2), u * np.exp((x**2 - upper**2) / 2)
        np.testing.assert_allclose(ft.grad(f, (0, 1))(lower, upper), expected, rtol=1e-12)
        h = 1e-4 * (upper - lower)
        by_lower = ft.grad(f)
        second = (by_lower(lower + h, upper) - by_lower(lower - h, upper)) / (2 * h)
        np.testing.assert_allclose(ft.grad(by_lower)(lower, upper), second, rtol=1e-5)


def test_errors() -> None:
    for f in (ft.jit(random.key), ft.vmap(random.key), ft.jit(ft.vmap(random.key))):
        with pytest.raises(TypeError, match=r"test_random.*outside and pass it on.*split\(key, n\).*fold_in\(key, i\)"):
            f(np.arange(3))
    assert np.array_equal(random.key(ft.tensor(3)), random.key(3))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"random key was expected.*int"):
        random.normal(0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"uint64\[3, 2\].*map over them"):
        random.normal(random.split(KEY, 3))
    with pytest.raises(ValueError, match="shape mismatch"):
        random.normal(KEY, (2,), loc=np.zeros(3))
    with pytest.raises(ValueError, match=r"sample of shape \(1,\) was asked"):
        random.normal(KEY, (1,), loc=np.zeros(3))
    with pytest.raises(TypeError, match="float64 or float32"):
        random.uniform(KEY, (2,), int)
    with pytest.raises(TypeError, match="an array or an integer"):
        random.permutation(KEY, 2.5)
    with pytest.raises(TypeError, match="takes an integer"):
        random.fold_in(KEY, 2.5)
    with pytest.raises(ValueError, match="not negative"):
        random.split(KEY, -1)
    with pytest.raises(ValueError, match=r"\(…, n\) and \(…, n, n\)"):
        random.multivariate_normal(KEY, np.zeros(2), np.eye(3))
    with pytest.raises(np.linalg.LinAlgError):
        random.multivariate_normal(KEY, np.zeros(2), -np.eye(2))
    with pytest.raises(ValueError, match="larger sample"):
        random.choice(KEY, 2, (5,), replace=False)
