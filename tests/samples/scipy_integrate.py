"""Samples of ``functorch_lite.scipy.integrate``: integrals of samples, of odd and even numbers of them."""

from __future__ import annotations

import numpy as np

from functorch_lite.scipy import integrate
from tests.samples.sample import eager as sample
from tests.samples.sample import random, with_complex_arguments

Y = random(6)
TABLE = random(3, 5)
X = np.cumsum(random(6, low=0.3, high=1.0))

SAMPLES = [
    *(
        row
        for f in (integrate.simpson, integrate.cumulative_simpson, integrate.cumulative_trapezoid, integrate.trapezoid)
        for name in [f.__name__]
        for row in (
            *(sample(f"{name} of {n}", lambda y, x, f=f: f(y, x=x), Y[:n], X[:n]) for n in (2, 3, 4, 5, 6)),
            sample(f"{name} dx", lambda y, dx, f=f: f(y, dx=dx), Y, 0.7),
            sample(f"{name} axis=0", lambda y, x, f=f: f(y, x=x, axis=0), TABLE, X[:3]),
            sample(f"{name} positions like samples", lambda y, x, f=f: f(y, x=x), TABLE, np.sort(TABLE)),
            with_complex_arguments(sample(f"{name} of numbers", lambda y, f=f: f(y, dx=0.5), Y)),
        )
    ),
    sample("cumulative_trapezoid initial", lambda y: integrate.cumulative_trapezoid(y, initial=0), TABLE),
    sample("cumulative_simpson initial", lambda y, c: integrate.cumulative_simpson(y, initial=c), TABLE, random(3, 1)),
    sample("fixed_quad", lambda a, b, c: integrate.fixed_quad(lambda t: np.sin(c * t), a, b)[0], 0.2, 1.5, 0.7),
]
