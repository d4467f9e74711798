"""Bessel functions and their relatives: the table of their derivatives.

Source: DLMF chapters 9 to 12; the recurrences of derivatives are 10.6.1, 10.29.1, 10.51 and 11.4. Derivatives in the
order have no closed form and are refused.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np
import scipy.special

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand
from functorch_lite.core.primitive import Primitive
from functorch_lite.scipy.special.declare import elementwise, pointwise, refused, several
from functorch_lite.scipy.special.scaled_bessel import scaled_i, scaled_k
from functorch_lite.scipy.special.ufuncs import sp
from functorch_lite.transforms.custom import stop_gradient

__all__ = ["spherical_in", "spherical_jn", "spherical_kn", "spherical_slope", "spherical_yn"]

# --- Of real or complex argument, any order ---------------------------------------------------------------------------

pointwise(sp.jv, refused("jv", "v"), lambda x, y: (sp.jv(x - 1, y) - sp.jv(x + 1, y)) / 2)
pointwise(sp.yv, refused("yv", "v"), lambda x, y: (sp.yv(x - 1, y) - sp.yv(x + 1, y)) / 2)
pointwise(sp.iv, refused("iv", "v"), lambda x, y: (sp.iv(x - 1, y) + sp.iv(x + 1, y)) / 2)
pointwise(sp.kv, refused("kv", "v"), lambda x, y: -(sp.kv(x - 1, y) + sp.kv(x + 1, y)) / 2)
pointwise(sp.yn, refused("yn", "n"), lambda x, y: (sp.yv(x - 1.0, y) - sp.yv(x + 1.0, y)) / 2)
pointwise(sp.kn, refused("kn", "n"), lambda x, y: -(sp.kv(x - 1.0, y) + sp.kv(x + 1.0, y)) / 2)
pointwise(sp.hankel1, refused("hankel1", "v"), lambda x, y: (sp.hankel1(x - 1, y) - sp.hankel1(x + 1, y)) / 2)
pointwise(sp.hankel2, refused("hankel2", "v"), lambda x, y: (sp.hankel2(x - 1, y) - sp.hankel2(x + 1, y)) / 2)

# Scaled by e^(-|Im z|) (jve, yve), e^(-|Re z|) (ive), e^z (kve), e^(-iz) and e^(iz) (hankel).
pointwise(
    sp.jve, refused("jve", "v"), lambda x, y: (sp.jve(x - 1, _real("jve", y)) - sp.jve(x + 1, _real("jve", y))) / 2
)
pointwise(
    sp.yve, refused("yve", "v"), lambda x, y: (sp.yve(x - 1, _real("yve", y)) - sp.yve(x + 1, _real("yve", y))) / 2
)
pointwise(sp.ive, refused("ive", "v"), lambda x, y: scaled_i(x, _real("ive", y), 1))
pointwise(sp.kve, refused("kve", "v"), lambda x, y: scaled_k(x, y, 1))
pointwise(
    sp.hankel1e,
    refused("hankel1e", "v"),
    lambda ans, x, y: (sp.hankel1e(x - 1, y) - sp.hankel1e(x + 1, y)) / 2 - 1j * ans,
)
pointwise(
    sp.hankel2e,
    refused("hankel2e", "v"),
    lambda ans, x, y: (sp.hankel2e(x - 1, y) - sp.hankel2e(x + 1, y)) / 2 + 1j * ans,
)

# --- Orders zero and one ----------------------------------------------------------------------------------------------

pointwise(sp.j0, lambda x: -sp.j1(x))
pointwise(sp.j1, lambda x: (sp.j0(x) - sp.jv(2, x)) / 2)
pointwise(sp.y0, lambda x: -sp.y1(x))
pointwise(sp.y1, lambda ans, x: sp.y0(x) - ans / x)
pointwise(sp.i0, lambda x: sp.i1(x))
pointwise(sp.i1, lambda x: (sp.i0(x) + sp.iv(2, x)) / 2)
pointwise(sp.k0, lambda x: -sp.k1(x))
pointwise(sp.k1, lambda ans, x: -sp.k0(x) - ans / x)
pointwise(sp.i0e, lambda x: scaled_i(0.0, x, 1))
pointwise(sp.i1e, lambda x: scaled_i(1.0, x, 1))
pointwise(sp.k0e, lambda x: scaled_k(0.0, x, 1))
pointwise(sp.k1e, lambda x: scaled_k(1.0, x, 1))

# --- Spherical --------------------------------------------------------------------------------------------------------

# SciPy's functions are no ufuncs; these primitives stand for them.
spherical_jn: Primitive = elementwise(
    scipy.special.spherical_jn, None, lambda ans, n, z: spherical_slope(spherical_jn, n, z)
)
spherical_yn: Primitive = elementwise(
    scipy.special.spherical_yn, None, lambda ans, n, z: spherical_slope(spherical_yn, n, z)
)
spherical_in: Primitive = elementwise(
    scipy.special.spherical_in, None, lambda ans, n, z: spherical_slope(spherical_in, n, z)
)
spherical_kn: Primitive = elementwise(
    scipy.special.spherical_kn, None, lambda ans, n, z: spherical_slope(spherical_kn, n, z)
)


def spherical_slope(f: Primitive, n: Any, z: Any) -> Any:
    """±(n f(n-1) ± (n+1) f(n+1)) / (2n + 1); at n = 0 the first term is zero, whatever f(-1) may be.

    The order is a whole number, and has no derivative.
    """
    n = stop_gradient(n)
    outer = -1 if f is spherical_kn else 1
    inner = -1 if f is spherical_jn or f is spherical_yn else 1
    return outer * (n * f(np.maximum(n - 1, 0), z) + inner * (n + 1) * f(n + 1, z)) / (2 * n + 1)


# --- Struve, Kelvin, Airy, parabolic cylinder -------------------------------------------------------------------------

pointwise(
    sp.struve,
    refused("struve", "v"),
    lambda x, y: (sp.struve(x - 1, y) - sp.struve(x + 1, y) + _struve_term(x, y)) / 2,
)
pointwise(
    sp.modstruve,
    refused("modstruve", "v"),
    lambda x, y: (sp.modstruve(x - 1, y) + sp.modstruve(x + 1, y) + _struve_term(x, y)) / 2,
)
pointwise(sp.itstruve0, lambda x: sp.struve(0, x))
pointwise(sp.it2struve0, lambda x: -sp.struve(0, x) / x)
pointwise(sp.itmodstruve0, lambda x: sp.modstruve(0, x))

pointwise(sp.ber, lambda x: sp.berp(x))
pointwise(sp.bei, lambda x: sp.beip(x))
pointwise(sp.ker, lambda x: sp.kerp(x))
pointwise(sp.kei, lambda x: sp.keip(x))
pointwise(sp.berp, lambda ans, x: -sp.bei(x) - _over(ans, x, 0.0))
pointwise(sp.beip, lambda ans, x: sp.ber(x) - _over(ans, x, 0.5))
pointwise(sp.kerp, lambda ans, x: -sp.kei(x) - ans / x)
pointwise(sp.keip, lambda ans, x: sp.ker(x) - ans / x)
several(sp.kelvin, lambda ans, x: (ans[2], ans[3], 1j * ans[0] - ans[2] / x, 1j * ans[1] - ans[3] / x))

several(sp.airy, lambda ans, x: (ans[1], x * ans[0], ans[3], x * ans[2]))
several(sp.airye, lambda ans, x: _scaled_airy_slopes(ans, _real("airye", x)))
several(sp.itairy, lambda ans, x: (sp.airy(x)[0], sp.airy(x)[2], sp.airy(-x)[0], sp.airy(-x)[2]))
several(sp.iti0k0, lambda ans, x: (sp.i0(x), sp.k0(x)))
several(sp.itj0y0, lambda ans, x: (sp.j0(x), sp.y0(x)))
several(sp.it2i0k0, lambda ans, x: ((sp.i0(x) - 1) / x, -sp.k0(x) / x))
several(sp.it2j0y0, lambda ans, x: ((1 - sp.j0(x)) / x, -sp.y0(x) / x))

several(sp.pbdv, refused("pbdv", "v"), lambda ans, v, x: (ans[1], (x * x / 4 - v - 0.5) * ans[0]))
several(sp.pbvv, refused("pbvv", "v"), lambda ans, v, x: (ans[1], (x * x / 4 - v - 0.5) * ans[0]))
several(sp.pbwa, refused("pbwa", "a"), lambda ans, a, x: (ans[1], (a - x * x / 4) * ans[0]))

elementwise(
    sp.besselpoly,
    lambda ans, a, lam, nu: sp.besselpoly(a, lam + 1, nu - 1) - sp.besselpoly(a, lam + 1, nu + 1),
    refused("besselpoly", "lmb"),
    refused("besselpoly", "nu"),
)
elementwise(
    sp.wright_bessel,
    refused("wright_bessel", "a"),
    refused("wright_bessel", "b"),
    lambda ans, a, b, x: sp.wright_bessel(a, a + b, x),
)
elementwise(
    sp.log_wright_bessel,
    refused("log_wright_bessel", "a"),
    refused("log_wright_bessel", "b"),
    lambda ans, a, b, x: np.exp(sp.log_wright_bessel(a, a + b, x) - ans),
)

# --- Parts of rules ---------------------------------------------------------------------------------------------------


def _real(name: str, x: Any) -> Any:
    """Return a real argument; the scaling by |Re z| or |Im z| makes the function of a complex one not holomorphic."""
    if np.iscomplexobj(x):
        raise NotImplementedError(
            f"the derivative of scipy.special.{name} at complex arguments has no rule, as its scaling is not "
            f"holomorphic; asked for at {user_line()}. Scale the unscaled function by a factor of your own."
        )
    return x


def _struve_term(v: Any, x: Any) -> Any:
    return (x / 2) ** v * sp.rgamma(v + 1.5) / sqrt(pi)


def _over(ans: Any, x: Any, limit: float) -> Any:
    """Return ans / x, and its limit at zero."""
    return np.where(x == 0, limit, ans / np.where(x == 0, 1.0, x))


#: From here on the scaled Bessel functions are taken far out, where they keep their digits.
FAR = 16.0


def _scaled_airy_slopes(ans: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """Of Ai and Ai' scaled by exp(⅔ x^1.5), Bi and Bi' by exp(-⅔ x^1.5) where x is positive and by 1 elsewhere."""
    root = np.sqrt(np.where(x > 0, x, 0.0))
    near = ans[1] + root * ans[0], x * ans[0] + root * ans[1], ans[3] - root * ans[2], x * ans[2] - root * ans[3]
    far = x > FAR
    if is_at_hand(far) and not np.any(far):
        return near
    slopes = _far_airy_slopes(ans, np.where(far, x, FAR))
    return tuple(np.where(far, f, n) for f, n in zip(slopes, near, strict=True))


def _far_airy_slopes(ans: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """Differentiate K and I of the orders ⅓ and ⅔ at ⅔ x^1.5 (DLMF 9.6), of which nothing is cancelled by the scale."""
    root = np.sqrt(x)
    zeta, factor = x * root / 1.5, x / sqrt(3)
    return (
        ans[0] / (2 * x) + factor / pi * scaled_k(1 / 3, zeta, 1),
        ans[1] / x - factor / pi * root * scaled_k(2 / 3, zeta, 1),
        ans[2] / (2 * x) + 2 * factor * scaled_i(1 / 3, zeta, 1),
        ans[3] / x + 2 * factor * root * scaled_i(2 / 3, zeta, 1),
    )
