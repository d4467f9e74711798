"""Samples of ``functorch_lite.scipy.interpolate``: in positions, points and values, off the points."""

from __future__ import annotations

from functools import partial

import numpy as np

from functorch_lite.scipy import interpolate
from tests.samples.sample import eager, random, with_complex_arguments

sample = partial(eager, float32=False)  # SciPy interpolates in double precision

X = np.cumsum(random(6, low=0.4, high=1.0))
Y = random(6)
TABLE = random(2, 6)
#: Inside and outside of the points, in two rows.
AT = np.array([[0.1, 1.35, 2.2], [X[0] + 0.1, 2.9, 5.1]])
RISING = np.cumsum(random(6, low=0.2, high=1.0))
TURNING = np.array([0.3, 0.9, 1.4, 1.1, 0.2, 0.1])

SAMPLES = [
    *(
        sample(
            f"CubicSpline {bc}",
            lambda q, x, y, bc=bc: interpolate.CubicSpline(x, y, bc_type=bc)(q),
            AT,
            X,
            Y,
        )
        for bc in ("not-a-knot", "clamped", "natural", ("natural", "not-a-knot"))
    ),
    *(
        sample(f"CubicSpline of {n}", lambda q, x, y: interpolate.CubicSpline(x, y)(q), AT, X[:n], Y[:n])
        for n in (2, 3, 4)
    ),
    *(
        sample(
            f"CubicSpline periodic of {n}",
            lambda q, x, y: interpolate.CubicSpline(x, np.concatenate([y, y[:1]]), bc_type="periodic")(q),
            AT,
            X[:n],
            Y[: n - 1],
        )
        for n in (3, 4, 6)
    ),
    sample(
        "CubicSpline given derivatives",
        lambda q, y, u, v: interpolate.CubicSpline(X, y, 1, ((1, u), (2, v)))(q),
        AT,
        TABLE,
        random(2, seed=1),
        random(2, seed=2),
    ),
    *(
        with_complex_arguments(sample(f"{f.__name__} of values", lambda y, f=f: f(X, y)(AT), Y))
        for f in (interpolate.CubicSpline, interpolate.make_interp_spline)
    ),
    *(
        sample(f"CubicSpline derivative {nu}", lambda q, x, y, nu=nu: interpolate.CubicSpline(x, y)(q, nu), AT, X, Y)
        for nu in (1, 2)
    ),
    sample(
        "CubicSpline antiderivative", lambda q, x, y: interpolate.CubicSpline(x, y).antiderivative(2)(q), AT, X, Y
    ),
    *(
        sample(
            f"CubicSpline integrate, extrapolate={extrapolate}",
            lambda a, b, x, y, e=extrapolate: interpolate.CubicSpline(x, y).integrate(a, b, e),
            0.8,
            9.3,
            X,
            Y,
        )
        for extrapolate in (True, "periodic")
    ),
    sample("PchipInterpolator rising", lambda q, x, y: interpolate.PchipInterpolator(x, y)(q), AT, X, RISING),
    sample("PchipInterpolator turning", lambda q, x, y: interpolate.PchipInterpolator(x, y)(q), AT, X, TURNING),
    *(
        sample(
            f"Akima1DInterpolator {method}",
            lambda q, x, y, m=method: interpolate.Akima1DInterpolator(x, y, method=m, extrapolate=True)(q),
            AT,
            X,
            Y,
        )
        for method in ("akima", "makima")
    ),
    sample(
        "CubicHermiteSpline", lambda q, x, y, s: interpolate.CubicHermiteSpline(x, y, s, 1)(q), AT, X, TABLE, TABLE**2
    ),
    sample("PPoly", lambda q, x, c: interpolate.PPoly(c, x)(q), AT, X[:3], random(3, 2, 2)),
    *(
        sample(f"make_interp_spline k={k}", lambda q, x, y, k=k: interpolate.make_interp_spline(x, y, k)(q), AT, X, Y)
        for k in (1, 2, 3, 5)
    ),
    *(
        sample(
            f"make_interp_spline {bc}", lambda q, x, y, bc=bc: interpolate.make_interp_spline(x, y, 3, bc_type=bc)(q),
            AT, X, Y,
        )
        for bc in ("natural", ([(1, 0.5)], "clamped"))
    ),
    sample("make_interp_spline axis=1", lambda q, y: interpolate.make_interp_spline(X, y, axis=1)(q), AT, TABLE),
    sample("BSpline", lambda q, t, c: interpolate.BSpline(t, c, 2)(q), AT, X, random(3, 2)),
    sample("BSpline derivative", lambda q, t, c: interpolate.BSpline(t, c, 2)(q, 1), AT, X, random(3)),
    sample("BSpline integrate", lambda b, t, c: interpolate.BSpline(t, c, 2).integrate(0.0, b), 2.9, X, random(3)),
]  # fmt: skip
