"""Samples of polynomials: values, arithmetic, roots and fits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests.samples.sample import Sample, eager, random

CUBIC = np.array([1.5, -0.7, 0.4, 1.1])
LINE = np.array([0.8, -1.3])
POINTS = random(5)
VALUES = random(5, seed=1)
#: (x - 1.5) (x + 0.5) (x - 0.2), and one with a conjugate pair of roots.
REAL_ROOTS = np.poly([1.5, -0.5, 0.2])

sample = partial(eager, complex=True)


def double(name: str, function: Callable[..., Any], *args: Any, **options: Any) -> Sample:
    """A function that NumPy itself computes in double precision, whatever it is given."""
    return sample(name, function, *args, float32=False, **options)


def full_fit(x: Any, y: Any) -> Any:
    coefficients, residuals, _, singular_values, _ = np.polyfit(x, y, 2, full=True)
    return coefficients, residuals, singular_values


SAMPLES = [
    sample("polyval", np.polyval, CUBIC, POINTS),
    sample("polyval at a number", np.polyval, CUBIC, np.array(0.7), complex=False),
    sample("polyval of a table", np.polyval, CUBIC, random(2, 3)),
    sample("polyadd", np.polyadd, CUBIC, LINE),
    sample("polyadd of one length", np.polyadd, CUBIC, POINTS[:4]),
    sample("polysub", np.polysub, LINE, CUBIC),
    sample("polymul", np.polymul, CUBIC, LINE),
    sample("polymul with a number", np.polymul, CUBIC, np.array(0.6)),
    sample("polydiv", np.polydiv, CUBIC, LINE),
    sample("polydiv quadratic", np.polydiv, random(6), np.array([0.8, -1.3, 0.5])),
    sample("polydiv by a longer one", np.polydiv, LINE, CUBIC),
    double("polyder", np.polyder, CUBIC),
    double("polyder m=2", lambda p: np.polyder(p, 2), CUBIC),
    sample("polyder m=0", lambda p: p * np.polyder(p, 0), CUBIC),
    double("polyint", np.polyint, CUBIC),
    # NumPy asks p alone for its rule; of a plain p and traced k it makes an object array, which cannot be complex.
    double("polyint m=2, k", lambda p, k: np.polyint(p, 2, k), CUBIC, random(2), complex=False),
    double("polyint m=2, complex k", lambda p: np.polyint(p, 2, np.stack([p[0], p[1] * p[2]])), CUBIC),
    double("polyint m=2, one k", lambda p: np.polyint(p, 2, 3.0), CUBIC),
    double("vander", np.vander, POINTS),
    double("vander N=3, increasing", lambda x: np.vander(x, 3, increasing=True), POINTS),
    double("vander N=1", lambda x: np.vander(x, 1) * x[:, None], POINTS),
    sample("roots", np.roots, REAL_ROOTS),
    sample("roots of a line", np.roots, LINE),
    sample("roots, one of them zero", lambda p: np.sum(np.roots(np.pad(p, (0, 1))) ** 2), REAL_ROOTS),
    sample("roots conjugate pair", lambda p: np.roots(p + 0j), CUBIC),
    sample("poly", np.poly, POINTS),
    sample("poly of a matrix", np.poly, np.array([[1.0, 0.3, 0.1], [0.2, -0.5, 0.4], [0.1, 0.2, 2.0]])),
    double("polyfit", lambda x, y: np.polyfit(x, y, 2), POINTS, VALUES, complex=False),
    double("polyfit line through many", lambda x, y: np.polyfit(x, y, 1), POINTS, random(5, 2), complex=False),
    double(
        "polyfit weights",
        lambda x, y, w: np.polyfit(x, y, 1, w=w),
        POINTS,
        VALUES,
        random(5, low=0.5, high=1.5),
        complex=False,
    ),
    double("polyfit full", full_fit, POINTS, VALUES, complex=False),
    double("polyfit cov", lambda x, y: np.polyfit(x, y, 1, cov=True), POINTS, VALUES, complex=False),
    double("polyfit cov unscaled", lambda x, y: np.polyfit(x, y, 1, cov="unscaled"), POINTS, VALUES, complex=False),
]
