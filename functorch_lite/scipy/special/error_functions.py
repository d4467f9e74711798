"""The error function and its relatives, and the normal distribution: the table of their derivatives."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from functorch_lite.calculus.declare import general
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise, elementwise, inverse, pointwise, several
from functorch_lite.scipy.special.faddeeva import dawson, erfcx, faddeeva, log_ndtr
from functorch_lite.scipy.special.ufuncs import sp

pointwise(sp.erf, lambda x: 2 / sqrt(pi) * np.exp(-x * x))
pointwise(sp.erfc, lambda x: -2 / sqrt(pi) * np.exp(-x * x))
pointwise(sp.erfcx, lambda x: erfcx(x, 1))
pointwise(sp.erfi, lambda x: 2 / sqrt(pi) * np.exp(x * x))
pointwise(sp.erfinv, lambda ans: sqrt(pi) / 2 * np.exp(ans * ans))
pointwise(sp.erfcinv, lambda ans: -sqrt(pi) / 2 * np.exp(ans * ans))
pointwise(sp.dawsn, lambda x: dawson(x, 1))
pointwise(sp.wofz, lambda x: faddeeva(x, 1))

pointwise(sp.ndtr, lambda x: _normal_density(x))
pointwise(sp.log_ndtr, lambda x: log_ndtr(x, 1))
pointwise(sp.ndtri, lambda ans: sqrt(2 * pi) * np.exp(0.5 * ans * ans))
pointwise(sp.ndtri_exp, lambda ans: sqrt(pi / 2) * sp.erfcx(-ans / sqrt(2)))
pointwise(
    sp.owens_t,
    lambda x, y: -0.5 * _normal_density(x) * sp.erf(x * y / sqrt(2)),
    lambda x, y: np.exp(-0.5 * x * x * (1 + y * y)) / (2 * pi * (1 + y * y)),
)

several(sp.fresnel, lambda ans, x: (np.sin(0.5 * pi * x * x), np.cos(0.5 * pi * x * x)))
several(sp.modfresnelp, lambda ans, x: (-np.exp(1j * x * x), -2j * x * ans[1] - np.exp(-0.25j * pi) / sqrt(pi)))
several(sp.modfresnelm, lambda ans, x: (-np.exp(-1j * x * x), 2j * x * ans[1] - np.exp(0.25j * pi) / sqrt(pi)))

# Voigt's profile is Re w(z) / (σ √(2π)) with z = (x + iγ) / (σ √2). As a normal density spread by Cauchy's, it solves
# the equation of heat: ∂/∂σ = σ ∂²/∂x².

elementwise(
    sp.voigt_profile,
    lambda ans, x, sigma, gamma: np.real(_voigt_slope(x, sigma, gamma, 1)),
    lambda ans, x, sigma, gamma: sigma * np.real(_voigt_slope(x, sigma, gamma, 2)),
    lambda ans, x, sigma, gamma: -np.imag(_voigt_slope(x, sigma, gamma, 1)),
)

# The mean and the standard deviation of a normal distribution of which a probability is known: ndtr((x - m) / s) = p.


def _normal_partials(mean: Any, deviation: Any, x: Any) -> tuple[Any, Any, Any]:
    z = (x - mean) / deviation
    density = _normal_density(z) / deviation
    return -density, -z * density, density


_NORMAL = (
    lambda m, s, x: _normal_partials(m, s, x)[0],
    lambda m, s, x: _normal_partials(m, s, x)[1],
    lambda m, s, x: _normal_partials(m, s, x)[2],
)
inverse(sp.nrdtrimn, 0, *_NORMAL)
inverse(sp.nrdtrisd, 1, *_NORMAL)


def _normal_density(x: Any) -> Any:
    return np.exp(-0.5 * x * x) / sqrt(2 * pi)


def _voigt_slope(x: Any, sigma: Any, gamma: Any, order: int) -> Any:
    return voigt(x, sigma, gamma, order)


def _voigt_in_x(t: Any, x: Any, y: Any, z: Any, order: int) -> Any:
    return t * voigt(x, y, z, order + 1)


def _voigt_in_sigma(t: Any, x: Any, y: Any, z: Any, order: int) -> Any:
    return t * (y * voigt(x, y, z, order + 2))


def _voigt_in_gamma(t: Any, x: Any, y: Any, z: Any, order: int) -> Any:
    return t * (1j * voigt(x, y, z, order + 1))


@general(
    Rule(_voigt_in_x, _voigt_in_x),
    Rule(_voigt_in_sigma, _voigt_in_sigma),
    Rule(_voigt_in_gamma, _voigt_in_gamma),
    batch=batch_elementwise,
)
def voigt(x: Any, y: Any, z: Any, order: int) -> Any:
    """Compute a derivative in x of w(z) / (σ √(2π)); by the equation of heat those in σ are of a higher order."""
    width = y * sqrt(2)
    return faddeeva((x + 1j * z) / width, order) / (sqrt(pi) * width ** (order + 1))
