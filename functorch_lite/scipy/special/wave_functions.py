"""Mathieu and spheroidal wave functions, and what is refused.

The functions come with their own slopes, and the second derivative is in the differential equation that defines them
(DLMF 28.2.1, 28.20.1 and 30.2.1). Parameters and characteristic values are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np

from functorch_lite.scipy.special.declare import refuse_wholly, refused, several
from functorch_lite.scipy.special.ufuncs import sp

# --- Mathieu functions; the angle is in degrees, the slope per radian -------------------------------------------------


def _mathieu(characteristic: Any) -> Callable[..., Any]:
    def slopes(ans: Any, m: Any, q: Any, x: Any) -> tuple[Any, Any]:
        bending = 2 * q * np.cos(2 * x * (pi / 180)) - characteristic(m, q)
        return ans[1] * (pi / 180), bending * ans[0] * (pi / 180)

    return slopes


def _modified_mathieu(characteristic: Any) -> Callable[..., Any]:
    def slopes(ans: Any, m: Any, q: Any, x: Any) -> tuple[Any, Any]:
        return ans[1], (characteristic(m, q) - 2 * q * np.cosh(2 * x)) * ans[0]

    return slopes


for _name, _characteristic in (("cem", sp.mathieu_a), ("sem", sp.mathieu_b)):
    several(
        getattr(sp, f"mathieu_{_name}"), None, refused(f"mathieu_{_name}", "q"), _mathieu(_characteristic)
    )
    for _kind in (1, 2):
        several(
            getattr(sp, f"mathieu_mod{_name}{_kind}"),
            None,
            refused(f"mathieu_mod{_name}{_kind}", "q"),
            _modified_mathieu(_characteristic),
        )

# --- Spheroidal wave functions: ((1 - x²) y')' + (λ - c²x² - m²/(1 - x²)) y = 0; oblate with i c and i x --------------


def _prolate(ans: Any, m: Any, c: Any, characteristic: Any, x: Any) -> tuple[Any, Any]:
    around = 1 - x * x
    return ans[1], (2 * x * ans[1] - (characteristic - (c * x) ** 2 - m * m / around) * ans[0]) / around


def _oblate_angular(ans: Any, m: Any, c: Any, characteristic: Any, x: Any) -> tuple[Any, Any]:
    around = 1 - x * x
    return ans[1], (2 * x * ans[1] - (characteristic + (c * x) ** 2 - m * m / around) * ans[0]) / around


def _oblate_radial(ans: Any, m: Any, c: Any, characteristic: Any, x: Any) -> tuple[Any, Any]:
    around = 1 + x * x
    return ans[1], (-2 * x * ans[1] + (characteristic - (c * x) ** 2 - m * m / around) * ans[0]) / around


def _with_own_characteristic(slopes: Callable[..., Any], characteristic: Any) -> Callable[..., Any]:
    return lambda ans, m, n, c, x: slopes(ans, m, c, characteristic(m, n, c), x)


def _with_given_characteristic(slopes: Callable[..., Any]) -> Callable[..., Any]:
    return lambda ans, m, n, c, cv, x: slopes(ans, m, c, cv, x)


for _name, _slopes, _characteristic in (
    ("pro_ang1", _prolate, sp.pro_cv),
    ("pro_rad1", _prolate, sp.pro_cv),
    ("obl_ang1", _oblate_angular, sp.obl_cv),
    ("obl_rad1", _oblate_radial, sp.obl_cv),
):
    several(
        getattr(sp, _name), None, None, refused(_name, "c"), _with_own_characteristic(_slopes, _characteristic)
    )
    several(
        getattr(sp, f"{_name}_cv"),
        None,
        None,
        refused(f"{_name}_cv", "c"),
        refused(f"{_name}_cv", "cv"),
        _with_given_characteristic(_slopes),
    )

# --- Refused ----------------------------------------------------------------------------------------------------------

refuse_wholly(
    "characteristic values of differential equations have no closed derivative in their parameters",
    sp.mathieu_a,
    sp.mathieu_b,
    sp.pro_cv,
    sp.obl_cv,
)
refuse_wholly(
    "the density of a non-central F or t distribution has no closed form among SciPy's functions",
    sp.ncfdtr,
    sp.ncfdtri,
    sp.ncfdtridfd,
    sp.ncfdtridfn,
    sp.ncfdtrinc,
    sp.nctdtr,
    sp.nctdtridf,
    sp.nctdtrinc,
    sp.nctdtrit,
)
refuse_wholly(
    "SciPy's values do not satisfy the differential equation to working accuracy",
    sp.pro_rad2,
    sp.pro_rad2_cv,
    sp.obl_rad2,
    sp.obl_rad2_cv,
)
refuse_wholly("the derivative in the degrees of freedom has no closed form", sp.chndtridf)
