"""Derivatives in x of the modified Bessel functions that are scaled by exponentials, e^(-|x|) I_v and e^x K_v.

By the recurrences of I and K each is a difference of terms of which the n-th derivative is a part of the order of x^-n.
So for large x they are taken from the integrals (DLMF 10.32.4 and 10.32.9) differentiated under their sign,

    (1/π) ∫ (cos θ - 1)ⁿ exp(x (cos θ - 1)) cos(vθ) dθ    and    ∫ (1 - cosh t)ⁿ exp(x (1 - cosh t)) cosh(vt) dt,

where s = √(2x) sin(θ/2), or √(2x) sinh(t/2), makes of the exponential exp(-s²), and the trapezoidal rule is exact to
rounding with few points. What the first leaves out is of the order of e^(-2x).
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb, pi
from typing import Any

import numpy as np

from functorch_lite.calculus.declare import general
from functorch_lite.core.operands import is_at_hand
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.special.declare import batch_elementwise, refused
from functorch_lite.scipy.special.ufuncs import sp

__all__ = ["scaled_i", "scaled_k"]

STEP = 0.3
POINTS = STEP * np.arange(28)
WEIGHTS = STEP * np.where(POINTS == 0, 0.5, 1.0)
#: From here on the points are within the half circle, and e^(-2x) is less than a rounding error.
LARGE = 40.0
#: What cosines of v θ cancel, or hyperbolic ones move out of the points' range, is bounded with v²/x.
WIDE = 4.0


def _refuse(name: str) -> Callable[..., Any]:
    def rule(t: Any, x: Any, y: Any, order: int) -> Any:
        refused(name, "v")()

    return rule


def _next_i(t: Any, x: Any, y: Any, order: int) -> Any:
    return t * scaled_i(x, y, order + 1)


def _next_k(t: Any, x: Any, y: Any, order: int) -> Any:
    return t * scaled_k(x, y, order + 1)


@general(Rule(_refuse("ive"), _refuse("ive")), Rule(_next_i, _next_i), batch=batch_elementwise)
def scaled_i(x: Any, y: Any, order: int) -> Any:
    """Compute a derivative of e^(-|y|) I_x(y); at zero, where it has a kink, of I_x alone."""
    near = sum(
        comb(order, j) * (-np.sign(y)) ** (order - j) * comb(j, k) / 2.0**j * sp.ive(x - j + 2 * k, y)
        for j in range(order + 1)
        for k in range(j + 1)
    )
    return _with_far(near, x, y, lambda v, z: np.where(z < 0, (-1.0) ** (v + order), 1) * _far_i(v, np.abs(z), order))


@general(Rule(_refuse("kve"), _refuse("kve")), Rule(_next_k, _next_k), batch=batch_elementwise)
def scaled_k(x: Any, y: Any, order: int) -> Any:
    """Compute a derivative of e^y K_x(y)."""
    near = sum(
        comb(order, j) * comb(j, k) / (-2.0) ** j * sp.kve(x - j + 2 * k, y)
        for j in range(order + 1)
        for k in range(j + 1)
    )
    return _with_far(near, x, y, lambda v, z: _far_k(v, z, order))


def _with_far(near: Any, v: Any, x: Any, function: Callable[[Any, Any], Any]) -> Any:
    if np.iscomplexobj(x) or not (is_at_hand(x) and is_at_hand(v)):
        return near
    far = (np.abs(x) > LARGE) & (v * v < WIDE * np.abs(x))
    if is_at_hand(far) and not np.any(far):
        return near
    v, z = np.broadcast_arrays(np.asarray(v, float), np.asarray(x, float))
    total = np.array(near)
    with np.errstate(invalid="ignore"):  # orders that are no integers, at negative arguments
        total[far] = function(v[far], z[far])
    return total[()]


def _far_i(v: Any, x: Any, order: int) -> Any:
    root = np.sqrt(2 * x)[:, None]
    sine = POINTS / root
    weights = WEIGHTS * np.exp(-POINTS * POINTS) * (-2 * sine * sine) ** order
    return 2 / pi / root[:, 0] * np.sum(weights * np.cos(2 * v[:, None] * np.arcsin(sine)) / np.sqrt(1 - sine**2), -1)


def _far_k(v: Any, x: Any, order: int) -> Any:
    root = np.sqrt(2 * x)[:, None]
    sine = POINTS / root
    weights = WEIGHTS * np.exp(-POINTS * POINTS) * (-2 * sine * sine) ** order
    return 2 / root[:, 0] * np.sum(weights * np.cosh(2 * v[:, None] * np.arcsinh(sine)) / np.sqrt(1 + sine**2), -1)
