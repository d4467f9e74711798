"""Hypergeometric functions, orthogonal polynomials, Legendre functions: the table of their derivatives.

Derivatives in parameters have no closed form and are refused; the degree of a polynomial is an integer by nature
(where SciPy continues it to real degrees its derivative is refused as well). Source: DLMF 13, 15.5, 18.9, 14.10.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.operands import is_at_hand
from functorch_lite.scipy.special.declare import elementwise, pointwise, refused
from functorch_lite.scipy.special.ufuncs import sp

# --- Hypergeometric functions -----------------------------------------------------------------------------------------

pointwise(sp.hyp0f1, refused("hyp0f1", "v"), lambda x, y: sp.hyp0f1(x + 1, y) / x)
pointwise(
    sp.hyp1f1, refused("hyp1f1", "a"), refused("hyp1f1", "b"), lambda x, y, z: x / y * sp.hyp1f1(x + 1, y + 1, z)
)
pointwise(sp.hyperu, refused("hyperu", "a"), refused("hyperu", "b"), lambda x, y, z: -x * sp.hyperu(x + 1, y + 1, z))
elementwise(
    sp.hyp2f1,
    refused("hyp2f1", "a"),
    refused("hyp2f1", "b"),
    refused("hyp2f1", "c"),
    lambda ans, a, b, c, z: a * b / c * sp.hyp2f1(a + 1, b + 1, c + 1, z),
)

# --- Orthogonal polynomials, of degree x at y -------------------------------------------------------------------------

pointwise(
    sp.eval_legendre, refused("eval_legendre", "n"), lambda x, y: (x + 1) / 2 * _lower(sp.eval_jacobi, x, 1, 1, y)
)
pointwise(
    sp.eval_sh_legendre,
    refused("eval_sh_legendre", "n"),
    lambda x, y: (x + 1) * _lower(sp.eval_jacobi, x, 1, 1, 2 * y - 1),
)
pointwise(sp.eval_chebyt, refused("eval_chebyt", "n"), lambda x, y: x * _lower(sp.eval_chebyu, x, y))
pointwise(sp.eval_chebyu, refused("eval_chebyu", "n"), lambda x, y: 2 * _lower(sp.eval_gegenbauer, x, 2, y))
pointwise(sp.eval_chebyc, refused("eval_chebyc", "n"), lambda x, y: x * _lower(sp.eval_chebyu, x, y / 2))
pointwise(sp.eval_chebys, refused("eval_chebys", "n"), lambda x, y: _lower(sp.eval_gegenbauer, x, 2, y / 2))
pointwise(
    sp.eval_sh_chebyt, refused("eval_sh_chebyt", "n"), lambda x, y: 2 * x * _lower(sp.eval_chebyu, x, 2 * y - 1)
)
pointwise(
    sp.eval_sh_chebyu, refused("eval_sh_chebyu", "n"), lambda x, y: 4 * _lower(sp.eval_gegenbauer, x, 2, 2 * y - 1)
)
pointwise(sp.eval_hermite, refused("eval_hermite", "n"), lambda x, y: 2 * x * _lower(sp.eval_hermite, x, y))
pointwise(sp.eval_hermitenorm, refused("eval_hermitenorm", "n"), lambda x, y: x * _lower(sp.eval_hermitenorm, x, y))
pointwise(sp.eval_laguerre, refused("eval_laguerre", "n"), lambda x, y: -_lower(sp.eval_genlaguerre, x, 1, y))
elementwise(
    sp.eval_genlaguerre,
    refused("eval_genlaguerre", "n"),
    refused("eval_genlaguerre", "alpha"),
    lambda ans, n, alpha, x: -_lower(sp.eval_genlaguerre, n, alpha + 1, x),
)
elementwise(
    sp.eval_gegenbauer,
    refused("eval_gegenbauer", "n"),
    refused("eval_gegenbauer", "alpha"),
    lambda ans, n, alpha, x: 2 * alpha * _lower(sp.eval_gegenbauer, n, alpha + 1, x),
)
elementwise(
    sp.eval_jacobi,
    refused("eval_jacobi", "n"),
    refused("eval_jacobi", "alpha"),
    refused("eval_jacobi", "beta"),
    lambda ans, n, alpha, beta, x: (n + alpha + beta + 1) / 2 * _lower(sp.eval_jacobi, n, alpha + 1, beta + 1, x),
)
elementwise(
    sp.eval_sh_jacobi,
    refused("eval_sh_jacobi", "n"),
    refused("eval_sh_jacobi", "p"),
    refused("eval_sh_jacobi", "q"),
    lambda ans, n, p, q, x: (n + p)
    * _lower(sp.eval_jacobi, n, p - q + 1, q, 2 * x - 1)
    / sp.binom(2 * n + p - 1, n),
)

# --- Associated Legendre functions ------------------------------------------------------------------------------------

elementwise(
    sp.lpmv,
    None,
    refused("lpmv", "v"),
    lambda ans, m, v, x: _lpmv_slope(ans, m, v, x),
)


def _lower(polynomial: Any, n: Any, *arguments: Any) -> Any:
    """Return a polynomial of degree n - 1, which for n = 0 is zero; there SciPy's may be NaN."""
    return np.where(n == 0, 0.0, polynomial(np.where(n == 0, 0, n - 1), *arguments))


def _lpmv_slope(ans: Any, m: Any, v: Any, x: Any) -> Any:
    """DLMF 14.10.5, which is 0/0 at -1 and 1."""
    end = np.abs(x) == 1
    if is_at_hand(end) and not np.any(end):
        return (v * x * ans - (v + m) * sp.lpmv(m, v - 1, x)) / (x * x - 1)
    inner = np.where(end, 0.5, x)
    within = (v * inner * np.where(end, 0.0, ans) - (v + m) * sp.lpmv(m, v - 1, inner)) / (inner * inner - 1)
    return np.where(end, _lpmv_slope_at_end(m, v, np.where(end, x, 0.0)), within)


def _lpmv_slope_at_end(m: Any, v: Any, x: Any) -> Any:
    """Differentiate (-1)^m (1 - x²)^(m/2) times the m-th derivative of Legendre's function (DLMF 14.6.1), m >= 0."""
    around, sign = 1 - x * x, np.where(m < 0, np.nan, 1.0 - 2.0 * (m % 2))
    # With m = 0 and 2 the power has no slope of its own.
    power = np.where(m == 2, 1.0, around ** np.where((m == 0) | (m == 2), 1.0, m / 2 - 1))
    by_power = np.where(m == 0, 0.0, -m * x * power * _legendre_derivative(m, v, x))
    rest = np.where(m == 0, 1.0, around ** np.where(m == 0, 1.0, m / 2)) * _legendre_derivative(m + 1, v, x)
    return sign * (by_power + rest)


def _legendre_derivative(k: Any, v: Any, x: Any) -> Any:
    none = (v < k) & (v == np.floor(v))
    degree = np.where(none, 0.0, v - k)
    return np.where(none, 0.0, sp.poch(v + 1.0, k) / 2.0**k * sp.eval_jacobi(degree, k, k, x))
