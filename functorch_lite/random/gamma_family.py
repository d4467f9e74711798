"""The gamma distribution and those that are made of it.

A gamma sample is drawn by rejection, so it is no formula in uniform numbers. Its derivative by the parameter of shape
is *implicit*: at a fixed value of the distribution function ``P(a, x)``, ``dx/da = -(∂P/∂a) / (∂P/∂x)``. Source:
Figurnov, Mohamed and Mnih, "Implicit Reparameterization Gradients", NeurIPS 2018. With the series

    P(a, x) = xᵃ e⁻ˣ / Γ(a + 1) · S,    S = Σ xⁿ / ((a + 1) … (a + n)),

it is ``dx/da = -x/a · (S (log x - ψ(a + 1)) + ∂S/∂a)``. All terms of the series have one sign; what is lost by
cancellation grows as the sample becomes improbable, so that it is rounding on average.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.declare import general
from functorch_lite.core.operands import aligned
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.trace import Tracer
from functorch_lite.random.continuous import normal, uniform
from functorch_lite.random.keys import Shape, draw, shape_like, split
from functorch_lite.transforms.control_flow import fori_loop
from functorch_lite.transforms.custom import stop_gradient

__all__ = ["beta", "chisquare", "dirichlet", "gamma", "t"]


def gamma(key: Any, a: Any, shape: Shape | None = None, scale: Any = 1.0) -> Any:
    """Draw from the gamma distribution with the density ``∝ x^(a-1) exp(-x / scale)``.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    a
        The parameter of shape, positive.
    shape
        The shape of the sample; None: that to which the parameters broadcast.
    scale
        The parameter of scale.

    Returns
    -------
    array
        The sample, of the dtype of ``a``; differentiable in ``a`` (implicitly) and ``scale``, to any order.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> mean = lambda a: np.mean(ft.random.gamma(ft.random.key(0), a, (20000,)))
    >>> value, slope = ft.value_and_grad(mean)(3.0)
    >>> bool(abs(value - 3.0) < 0.05 and abs(slope - 1.0) < 0.05)  # the mean is a
    True
    """
    shape = shape_like(shape, a, scale)
    a = np.broadcast_to(a, shape) if shape else a
    plain = draw(key, lambda generator, a: np.asarray(generator.standard_gamma(a)).astype(_dtype(a))[()], a)
    return scale * _with_derivative.bind((a, plain), ())


def chisquare(key: Any, df: Any, shape: Shape | None = None) -> Any:
    """Draw from the chi-squared distribution.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    df
        The degrees of freedom, positive.
    shape
        The shape of the sample; None: that to which the parameters broadcast.

    Returns
    -------
    array
        The sample; differentiable in ``df``, implicitly as that of `gamma`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> mean = lambda df: np.mean(ft.random.chisquare(ft.random.key(0), df, (20000,)))
    >>> value, slope = ft.value_and_grad(mean)(3.0)
    >>> bool(abs(value - 3.0) < 0.1 and abs(slope - 1.0) < 0.1)  # the mean is df
    True
    """
    return 2 * gamma(key, df / 2, shape)


def t(key: Any, df: Any, shape: Shape | None = None, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Draw from Student's t distribution.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    df
        The degrees of freedom, positive.
    shape
        The shape of the sample; None: that to which the parameters broadcast.
    loc, scale
        What the standard number is shifted by, and before that multiplied by.

    Returns
    -------
    array
        The sample, differentiable in all parameters.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> variance = lambda df: np.mean(ft.random.t(ft.random.key(0), df, (100000,)) ** 2)
    >>> value, slope = ft.value_and_grad(variance)(10.0)
    >>> bool(abs(value - 10 / 8) < 0.03 and abs(slope + 2 / 8**2) < 0.01)  # the variance is df / (df - 2)
    True
    """
    first, second = split(key)
    shape = shape_like(shape, df, loc, scale)
    return loc + scale * (normal(first, shape, _single_or_double(df)) * np.sqrt(df / chisquare(second, df, shape)))


def beta(key: Any, a: Any, b: Any, shape: Shape | None = None) -> Any:
    """Draw from the beta distribution with the density ``∝ x^(a-1) (1-x)^(b-1)``.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    a, b
        The parameters of shape, positive.
    shape
        The shape of the sample; None: that to which the parameters broadcast.

    Returns
    -------
    array
        The sample, of numbers between 0 and 1; differentiable in ``a`` and ``b``, implicitly as that of `gamma`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> mean = lambda a, b: np.mean(ft.random.beta(ft.random.key(0), a, b, (20000,)))
    >>> slopes = ft.grad(mean, argnums=(0, 1))(1.0, 3.0)
    >>> bool(np.allclose(slopes, (3 / 16, -1 / 16), atol=0.01))  # the mean is a / (a + b)
    True
    """
    first, second = split(key)
    shape = shape_like(shape, a, b)
    x, y = _logarithm(first, a, shape), _logarithm(second, b, shape)
    return np.exp(x - np.logaddexp(x, y))


def dirichlet(key: Any, alpha: Any, shape: Shape | None = None) -> Any:
    """Draw from the Dirichlet distribution of the parameters ``alpha``, along its last axis.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    alpha
        Positive numbers, of shape (…, k).
    shape
        The shape of the sample without the last axis; None: that of ``alpha`` without it.

    Returns
    -------
    array
        Of shape ``(*shape, k)``; it sums to one along the last axis and is differentiable in ``alpha``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> p = ft.random.dirichlet(ft.random.key(0), np.array([1.0, 2.0, 5.0]), (20000,))
    >>> bool(np.allclose(p.sum(axis=-1), 1.0) and np.allclose(p.mean(axis=0), [1 / 8, 2 / 8, 5 / 8], atol=0.01))
    True
    """
    alpha = as_array(alpha)
    leading = shape_like(shape, alpha[..., 0])
    x = _logarithm(key, alpha, (*leading, alpha.shape[-1]))
    x = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return x / np.sum(x, axis=-1, keepdims=True)


def _logarithm(key: Any, a: Any, shape: Shape) -> Any:
    """Return the logarithm of a gamma sample, which exists where the sample itself, for small ``a``, is zero.

    A sample for ``a`` is one for ``a + 1`` times ``U^(1/a)``: Marsaglia and Tsang, "A Simple Method for Generating
    Gamma Variables", ACM TOMS 26 (2000), section 6.
    """
    first, second = split(key)
    u = uniform(second, shape, _dtype(a))
    return np.log(gamma(first, a + 1, shape)) + np.log1p(-u) / a


_TINY = float(np.finfo(np.float32).tiny)

# --- The derivative by the parameter of shape -------------------------------------------------------------------------


def _slope(x: Any, a: Any) -> Any:
    """Return ``dx/da`` of a gamma sample, of functions that have derivatives themselves."""

    def add_term(n: Any, sums: tuple[Any, ...]) -> tuple[Any, ...]:
        term, total, by_a, logarithmic = sums
        term = term * (x / (a + n))
        logarithmic = logarithmic - 1 / (a + n)
        return term, total + term, by_a + term * logarithmic, logarithmic

    count = _count(x, a)
    one, nothing = np.ones_like(x / a), np.zeros_like(x / a)
    sums = (one, one, nothing, nothing)
    if isinstance(count, Tracer):
        sums = fori_loop(1, count, add_term, sums)
    else:
        for n in range(1, int(count)):
            sums = add_term(n, sums)
    _, total, by_a, _ = sums
    # A sample that underflowed to zero stays there.
    return -(x / a) * (total * (np.log(np.maximum(x, _TINY)) - _digamma(a + 1)) + by_a)


def _digamma(z: Any) -> Any:
    """Return ψ(z) for positive z: recurrence to z + 10, then Stirling's series (Abramowitz and Stegun, 6.3.18)."""
    below = sum(1 / (z + k) for k in range(10))
    w = z + 10.0
    v = 1 / (w * w)
    series = v * (1 / 12 - v * (1 / 120 - v * (1 / 252 - v * (1 / 240 - v * (1 / 132 - v * (691 / 32760))))))
    return np.log(w) - 0.5 / w - series - below


def _count(x: Any, a: Any) -> Any:
    """Return how many terms the series needs for all of some samples.

    With d = x - a the terms change as exp(-(n² - 2dn) / 2x) at first, for small x they fall as the factorial: of their
    largest, at n = d or at zero, the last one is less than a rounding error. NaN and infinity need no terms: they make
    the slope NaN by themselves.
    """
    x, a = stop_gradient(x), stop_gradient(a)
    size, excess = np.abs(x), np.abs(x) - a
    terms = excess + np.sqrt(np.minimum(excess, 0) ** 2 + 81 * size)
    largest = np.max(_known(np.where(np.isfinite(terms), terms, 0.0)), initial=0.0)
    return np.astype(np.floor(largest) + 40, np.dtype(int))


def _known(x: Any) -> Any:
    """Return the values of all examples, as numbers or, where a program is recorded, as its variable."""
    while isinstance(x, Tracer) and x._trace.transformation != "jit":
        x._trace.touch("the number of terms was to be chosen by the size")
        x = x.value
    return x


def _dtype(a: Any) -> Any:
    dtype = np.dtype(getattr(a, "dtype", type(a)))
    return dtype if dtype.kind == "f" else np.dtype(float)


def _single_or_double(a: Any) -> Any:
    return np.float32 if _dtype(a) == np.float32 else float


def _batch(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return primitive.bind(aligned(arrays, batched), params)


@general(Rule(lambda t, ans, a: t * _slope(ans, a), lambda g, ans, a: g * _slope(ans, a)), None, batch=_batch)
def _with_derivative(a: Any, sample: Any) -> Any:
    """Return the sample; its derivative by ``a`` is that of a gamma sample."""
    return sample
