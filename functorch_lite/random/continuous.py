"""Continuous distributions whose samples are a formula in standard numbers: differentiable in all parameters.

``loc`` and ``scale`` shift and stretch; others are parameters of shape. All broadcast with the shape of the sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand
from functorch_lite.core.optional import scipy_module
from functorch_lite.core.primitive import Pointwise
from functorch_lite.random.keys import Shape, draw, shape_like
from functorch_lite.transforms.custom import stop_gradient

__all__ = [
    "cauchy",
    "exponential",
    "gumbel",
    "laplace",
    "logistic",
    "lognormal",
    "normal",
    "pareto",
    "rayleigh",
    "truncated_normal",
    "uniform",
    "weibull",
]


def uniform(
    key: Any, shape: Shape | None = None, dtype: Any = float, minval: Any = 0.0, maxval: Any = 1.0
) -> Any:
    """Draw from the uniform distribution on ``[minval, maxval)``.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    shape
        The shape of the sample; None: that to which the parameters broadcast.
    dtype
        float64 or float32.
    minval, maxval
        The bounds.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> u = ft.random.uniform(ft.random.key(0), (1000,), minval=2.0, maxval=3.0)
    >>> bool(2.0 <= u.min() and u.max() < 3.0)
    True
    """
    shape = shape_like(shape, minval, maxval)
    sample = minval + (maxval - minval) * draw(key, lambda generator: generator.random(shape, _floating(dtype)))
    # The product may be rounded up to the upper end, which does not belong to the interval.
    excluded = (sample >= maxval) & (maxval > minval)
    if is_at_hand(excluded) and not np.any(excluded):
        return sample
    plain = stop_gradient(sample)
    return sample + np.where(excluded, np.nextafter(plain, stop_gradient(minval)) - plain, 0.0)


def normal(key: Any, shape: Shape | None = None, dtype: Any = float, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Draw from the normal distribution.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    loc, scale
        Mean and standard deviation.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> key = ft.random.key(0)
    >>> ft.jacfwd(lambda m: ft.random.normal(key, (3,), loc=m))(0.0)
    array([1., 1., 1.])
    """
    shape = shape_like(shape, loc, scale)
    return loc + scale * draw(key, lambda generator: generator.standard_normal(shape, _floating(dtype)))


def exponential(key: Any, shape: Shape | None = None, dtype: Any = float, scale: Any = 1.0) -> Any:
    """Draw from the exponential distribution.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    scale
        The mean.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> mean = lambda s: np.mean(ft.random.exponential(ft.random.key(0), (10000,), scale=s))
    >>> value, slope = ft.value_and_grad(mean)(2.0)
    >>> bool(abs(value - 2.0) < 0.1 and np.isclose(slope, value / 2.0))
    True
    """
    return scale * _exponential(key, shape_like(shape, scale), dtype)


def laplace(key: Any, shape: Shape | None = None, dtype: Any = float, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Draw from the Laplace distribution, with the density ``∝ exp(-|x - loc| / scale)``.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    loc, scale
        What the standard number is shifted by, and before that multiplied by.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.random.laplace(ft.random.key(0), (10000,), loc=1.0, scale=2.0)
    >>> bool(abs(np.median(x) - 1.0) < 0.1 and abs(np.mean(np.abs(x - 1.0)) - 2.0) < 0.1)
    True
    """
    shape = shape_like(shape, loc, scale)

    def sample(generator: Any) -> Any:
        size = generator.standard_exponential(shape, _floating(dtype))
        return np.where(generator.random(shape) < 0.5, -size, size)

    return loc + scale * draw(key, sample)


def cauchy(key: Any, shape: Shape | None = None, dtype: Any = float, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Draw from the Cauchy distribution, which has no mean.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    loc, scale
        The median, and the distance from it to either quartile.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.random.cauchy(ft.random.key(0), (10000,), loc=1.0, scale=2.0)
    >>> bool(np.all(np.abs(np.quantile(x, [0.25, 0.5, 0.75]) - [-1.0, 1.0, 3.0]) < 0.2))
    True
    """
    shape = shape_like(shape, loc, scale)
    return loc + scale * draw(key, lambda generator: generator.standard_cauchy(shape).astype(_floating(dtype))[()])


def logistic(key: Any, shape: Shape | None = None, dtype: Any = float, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Draw from the logistic distribution, whose distribution function is ``1 / (1 + exp(-(x - loc) / scale))``.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    loc, scale
        What the standard number is shifted by, and before that multiplied by.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.random.logistic(ft.random.key(0), (10000,), loc=1.0)
    >>> bool(abs(np.mean(x < 2.0) - 1 / (1 + np.exp(-1.0))) < 0.02)
    True
    """
    shape = shape_like(shape, loc, scale)
    return loc + scale * draw(key, lambda generator: generator.logistic(size=shape).astype(_floating(dtype))[()])


def gumbel(key: Any, shape: Shape | None = None, dtype: Any = float, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Draw from the Gumbel distribution, that of the largest of many numbers.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    loc, scale
        What the standard number is shifted by, and before that multiplied by.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> g = ft.random.gumbel(ft.random.key(0), (10000, 2))
    >>> wins = np.argmax(np.log([0.25, 0.75]) + g, axis=1)  # draws with these probabilities
    >>> bool(abs(np.mean(wins) - 0.75) < 0.02)
    True
    """
    return loc - scale * np.log(_exponential(key, shape_like(shape, loc, scale), dtype))


def lognormal(key: Any, shape: Shape | None = None, dtype: Any = float, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Draw numbers whose logarithm is normal.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    loc, scale
        Mean and standard deviation of the logarithm.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> key = ft.random.key(0)
    >>> x, slope = ft.value_and_grad(lambda m: ft.random.lognormal(key, loc=m))(0.5)
    >>> bool(np.isclose(slope, x))
    True
    """
    return np.exp(normal(key, shape, dtype, loc, scale))


def rayleigh(key: Any, shape: Shape | None = None, dtype: Any = float, scale: Any = 1.0) -> Any:
    """Draw from the Rayleigh distribution, that of the length of a normal vector in the plane.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    scale
        The standard deviation of the vector's components.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.random.rayleigh(ft.random.key(0), (10000,), scale=3.0)
    >>> bool(abs(np.mean(x**2) - 2 * 3.0**2) < 1.0)
    True
    """
    return scale * np.sqrt(2 * _exponential(key, shape_like(shape, scale), dtype))


def weibull(key: Any, concentration: Any, shape: Shape | None = None, dtype: Any = float, scale: Any = 1.0) -> Any:
    """Draw from the Weibull distribution, ``scale · E^(1 / concentration)`` of an exponential ``E``.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    concentration
        The parameter of shape, positive.
    scale
        What the standard number is multiplied by.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> key = ft.random.key(0)
    >>> x, slope = ft.value_and_grad(lambda k: ft.random.weibull(key, k))(2.0)
    >>> bool(np.isclose(slope, -x * np.log(x) / 2.0))
    True
    """
    size = _exponential(key, shape_like(shape, concentration, scale), dtype)
    return scale * np.exp(np.log(size) / concentration)


def pareto(key: Any, b: Any, shape: Shape | None = None, dtype: Any = float, scale: Any = 1.0) -> Any:
    """Draw from the Pareto distribution on ``[scale, ∞)`` with the density ``∝ x^(-b-1)``.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    b
        The exponent, positive.
    scale
        The least value.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.random.pareto(ft.random.key(0), 3.0, (10000,), scale=2.0)
    >>> bool(x.min() >= 2.0 and abs(np.mean(x) - 3.0) < 0.1)  # the mean is scale · b / (b - 1)
    True
    """
    return scale * np.exp(_exponential(key, shape_like(shape, b, scale), dtype) / b)


def truncated_normal(
    key: Any,
    lower: Any,
    upper: Any,
    shape: Shape | None = None,
    dtype: Any = float,
    loc: Any = 0.0,
    scale: Any = 1.0,
) -> Any:
    """Draw from the normal distribution under the condition that the standard number lies in ``[lower, upper]``.

    Parameters
    ----------
    key, shape, dtype
        As for `uniform`.
    lower, upper
        The bounds of ``(sample - loc) / scale``; they may be infinite.
    loc, scale
        Mean and standard deviation before truncation.

    Returns
    -------
    array
        The sample, differentiable in all parameters. Needs SciPy.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.random.truncated_normal(ft.random.key(0), 2.0, 3.0, (1000,))
    >>> bool(2.0 <= x.min() and x.max() <= 3.0)
    True
    """
    shape = shape_like(shape, lower, upper, loc, scale)
    u = draw(key, lambda generator: generator.random(shape, _floating(dtype)))
    return loc + scale * _truncated.bind((u, lower, upper), ())


def _exponential(key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return draw(key, lambda generator: generator.standard_exponential(shape, _floating(dtype)))


def _floating(dtype: Any) -> Any:
    kind = np.dtype(dtype)
    if kind not in (np.float64, np.float32):
        raise TypeError(f"at {user_line()} random numbers of dtype {kind} were asked; they are float64 or float32")
    return kind


def _truncated_quantile(u: Any, lower: Any, upper: Any) -> Any:
    """Return the ``u``-quantile of the standard normal distribution between bounds, accurate in both tails."""
    special = scipy_module("special", "ft.random.truncated_normal")
    # On the right half the mirror image is drawn: there the distribution function is near one, and digits are lost.
    mirrored = np.asarray(lower) > 0
    low, high = np.where(mirrored, -np.asarray(upper), lower), np.where(mirrored, -np.asarray(lower), upper)
    weight = np.where(mirrored, 1 - u, u)
    with np.errstate(divide="ignore"):
        mass = np.logaddexp(np.log1p(-weight) + special.log_ndtr(low), np.log(weight) + special.log_ndtr(high))
    quantile = np.clip(special.ndtri_exp(mass), low, high)
    return np.where(mirrored, -quantile, quantile).astype(u.dtype)[()]


def _bound_slopes(x: Any, u: Any, lower: Any, upper: Any) -> tuple[Any, Any]:
    """Return the derivatives by the bounds at a fixed u = (Φ(x) - Φ(a)) / (Φ(b) - Φ(a)).

    They are (1 - u) φ(a)/φ(x) and u φ(b)/φ(x). Far from zero x - a is less than a rounding error of x and the quotients
    cannot be found from x; for bounds of one sign they are found from Mills's ratio, as `_tail_slopes` does.
    """
    right, left = lower > 0, upper < 0
    middle = (1 - u) * _density_ratio.bind((x, lower), ()), u * _density_ratio.bind((x, upper), ())
    tail = right | left
    if is_at_hand(tail) and not np.any(tail):
        return middle
    nearer = np.where(right, lower, np.where(left, -upper, 1.0))
    farther = np.where(right, upper, np.where(left, -lower, 2.0))
    near, far = _tail_slopes(np.where(tail, np.abs(x), 1.0), np.where(left, 1 - u, u), nearer, farther)
    return np.where(right, near, np.where(left, far, middle[0])), np.where(left, near, np.where(right, far, middle[1]))


def _tail_slopes(x: Any, u: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Return the derivatives for positive bounds, with φ(x) = (1 - Φ(x)) / m(x), m the ratio of Mills, here √(2/π) m.

    1 - Φ(x) = (1 - u) (1 - Φ(a)) + u (1 - Φ(b)) is exact; no term is subtracted.
    """
    erfcx = scipy_module("special", "ft.random.truncated_normal").erfcx
    of_x, of_a, of_b = (erfcx(v / 2**0.5) for v in (x, a, b))
    fall = _density_ratio.bind((a, b), ())
    slope = of_x / ((1 - u) * of_a + u * fall * of_b)
    return (1 - u) * slope, u * fall * slope


#: φ(y) / φ(x) = exp((x² - y²) / 2), which is constant zero where y is infinite.
_density_ratio = Pointwise(
    lambda x, y: np.exp((x - y) * (x + y) / 2),
    (lambda ans, x: ans * x, lambda ans, y: -ans * np.where(ans == 0, 0.0, y)),
    name="ratio_of_normal_densities",
)
_truncated = Pointwise(
    _truncated_quantile,
    (
        None,
        lambda ans, x, y, z: _bound_slopes(ans, x, y, z)[0],
        lambda ans, x, y, z: _bound_slopes(ans, x, y, z)[1],
    ),
    name="truncated_normal",
)
