"""A line search for the strong Wolfe conditions.

Nocedal and Wright, Numerical Optimization, 2nd edition, algorithms 3.5 and 3.6, with the safeguards of Mark Schmidt's
minFunc, which PyTorch uses too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Point", "strong_wolfe"]

#: Armijo's condition asks for this part of the descent that the first slope promises.
SUFFICIENT_DECREASE = 1e-4
#: The curvature condition asks for a slope smaller than this part of the first.
CURVATURE = 0.9
#: A bracket in which the point moves less than this is not divided further.
SMALLEST_MOVE = 1e-9


class Point(NamedTuple):
    """A point on the line: the step that leads there, the value, the gradient, and the slope along the line."""

    t: Any
    value: Any
    gradient: Any
    slope: Any


def strong_wolfe(
    at: Callable[[Any], Point], origin: Point, t: Any, direction: Any, max_evaluations: int
) -> tuple[Point, int]:
    """Find a point that satisfies the strong Wolfe conditions, or the best one seen.

    Parameters
    ----------
    at
        Evaluates the point at a step.
    origin
        The point at step 0; its slope is negative.
    t
        The first step to try.
    direction
        The direction of the line.
    max_evaluations
        How many points to try after the first.

    Returns
    -------
    tuple
        The point, and how many points were evaluated.
    """
    wanted = -CURVATURE * origin.slope

    def is_too_high(point: Point) -> bool:
        return bool(point.value > origin.value + SUFFICIENT_DECREASE * point.t * origin.slope)

    previous, point, tried = origin, at(t), 0
    while tried < max_evaluations:
        if is_too_high(point) or (tried > 1 and point.value >= previous.value):
            break
        if abs(point.slope) <= wanted:
            return point, tried + 1
        if point.slope >= 0:
            break
        bounds = (point.t + 0.01 * (point.t - previous.t), point.t * 10)
        previous, point = point, at(_cubic_minimum(previous, point, bounds))
        tried += 1
    else:
        previous = origin
    bracket = [previous, point]
    low, high = (0, 1) if previous.value <= point.value else (1, 0)

    size = np.max(np.abs(direction))
    is_stuck = False
    while tried < max_evaluations and abs(bracket[1].t - bracket[0].t) * size >= SMALLEST_MOVE:
        t = _cubic_minimum(bracket[0], bracket[1])
        left, right = sorted((bracket[0].t, bracket[1].t))
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:  # twice in turn, or at the very edge: step inside
            is_stuck = not (is_stuck or t >= right or t <= left)
            if not is_stuck:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
        else:
            is_stuck = False
        point = at(t)
        tried += 1
        if is_too_high(point) or point.value >= bracket[low].value:
            bracket[high] = point
            low, high = (0, 1) if bracket[0].value <= bracket[1].value else (1, 0)
            continue
        is_found = abs(point.slope) <= wanted
        if not is_found and point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
        if is_found:
            break
    return bracket[low], tried + 1


def _cubic_minimum(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Return the minimum, within bounds, of the cubic with the values and slopes of two points."""
    lowest, highest = bounds or ((a.t, b.t) if a.t <= b.t else (b.t, a.t))
    middle = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t)
    square = middle**2 - a.slope * b.slope
    if not square >= 0:
        return (lowest + highest) / 2.0
    if a.t > b.t:
        a, b = b, a
    spread = np.sqrt(square)
    t = b.t - (b.t - a.t) * ((b.slope + spread - middle) / (b.slope - a.slope + 2 * spread))
    return min(max(t, lowest), highest)
