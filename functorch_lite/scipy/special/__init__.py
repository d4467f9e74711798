"""``scipy.special`` for traced values.

The ufuncs are SciPy's own. Its plain functions, which convert their arguments to arrays, are replaced; one without a
replacement works on plain arrays only.
"""

from __future__ import annotations

import sys
from typing import Any

import scipy.special as _scipy_special

import functorch_lite.numpy as _fnp
from functorch_lite.scipy.special import (  # noqa: F401 - importing them declares the rules
    bessel,
    elementary,
    elliptic,
    error_functions,
    gamma_functions,
    hypergeometric,
    incomplete,
    wave_functions,
    zeta_functions,
)
from functorch_lite.scipy.special.bessel_derivatives import (
    h1vp,
    h2vp,
    ivp,
    jvp,
    kvp,
    spherical_in,
    spherical_jn,
    spherical_kn,
    spherical_yn,
    yvp,
)
from functorch_lite.scipy.special.exponential_sums import diric, log_softmax, logsumexp, softmax, softplus
from functorch_lite.scipy.special.factorials import comb, factorial, multigammaln, perm, polygamma
from functorch_lite.scipy.special.spherical_harmonics import sph_harm_y
from functorch_lite.scipy.special.ufuncs import sp as _ufuncs

__all__ = [
    "comb",
    "diric",
    "factorial",
    "h1vp",
    "h2vp",
    "ivp",
    "jvp",
    "kvp",
    "log_softmax",
    "logsumexp",
    "multigammaln",
    "perm",
    "polygamma",
    "softmax",
    "softplus",
    "sph_harm_y",
    "spherical_in",
    "spherical_jn",
    "spherical_kn",
    "spherical_yn",
    "yvp",
]

#: With ``SCIPY_ARRAY_API=1`` SciPy looks for special functions in the namespace of its arguments.
vars(_fnp)["special"] = sys.modules[__name__]


def __getattr__(name: str) -> Any:
    return getattr(_ufuncs if hasattr(_ufuncs, name) else _scipy_special, name)


def __dir__() -> list[str]:
    return sorted({*__all__, *vars(_ufuncs), *dir(_scipy_special)})
