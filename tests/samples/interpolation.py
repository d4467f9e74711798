"""Samples of interpolation, of phases, of padding that computes, of loops, of the Bessel function, of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.samples.sample import Sample, random
from tests.samples.sample import eager as sample

AT = np.array([-0.3, 0.2, 1.4, 1.9, 2.6, 3.5])
KNOTS = np.array([0.0, 0.8, 1.7, 3.1])
HEIGHTS = random(4)
PHASES = np.array([0.3, 2.9, 5.8, 9.5, 9.2, 2.0])
V, M = random(4), random(2, 3)
W = np.array([0.0, 2.0, 1.0, 0.5, 3.0, 1.5, 0.25, 1.0, 0.0, 2.5, 0.75, 1.25])


def double(name: str, function: Callable[..., Any], *args: Any) -> Sample:
    """A function that computes in double precision, whatever it is given."""
    return sample(name, function, *args, float32=False)


PADDING = [
    *(sample(f"pad {mode}", lambda x, mode=mode: np.pad(x, ((2, 1), (0, 3)), mode), M)
      for mode in ("mean", "maximum", "minimum", "median", "linear_ramp")),
    *(sample(f"pad {mode} of 2", lambda x, mode=mode: np.pad(x, 1, mode, stat_length=((1, 2),)), V)
      for mode in ("mean", "maximum", "minimum", "median")),
    *(sample(f"pad {mode}, odd, {n}", lambda x, mode=mode, n=n: np.pad(x, n, mode, reflect_type="odd"), V)
      for mode in ("reflect", "symmetric") for n in (2, 5, 9)),
    sample("pad reflect, odd, table", lambda x: np.pad(x, ((1, 2), (3, 1)), "reflect", reflect_type="odd"), M),
    sample("pad linear_ramp, end_values", lambda x: np.pad(x, 2, "linear_ramp", end_values=((1, 2.0), (3, 4))), M),
    sample("pad linear_ramp, traced end", lambda x: np.pad(x, 2, "linear_ramp", end_values=x[1] ** 2), V),
]  # fmt: skip

SAMPLES = [
    double("interp", np.interp, AT, KNOTS, HEIGHTS),
    double("interp at a number", np.interp, np.array(1.1), KNOTS, HEIGHTS),
    double("interp table", np.interp, AT.reshape(2, 3), KNOTS, HEIGHTS),
    double("interp complex values", lambda x, xp, fp: np.interp(x, xp, fp * (1 + 2j)), AT, KNOTS, HEIGHTS),
    double("interp left, right", lambda x, xp, fp: np.interp(x, xp, fp, 0.5, fp[0] ** 2), AT, KNOTS, HEIGHTS),
    double("interp one point", np.interp, AT, KNOTS[1:2], HEIGHTS[:1]),
    double("interp period", lambda x, xp, fp: np.interp(x, xp, fp, period=2.2), AT, KNOTS, HEIGHTS),
    sample("unwrap", np.unwrap, PHASES),
    sample("unwrap axis=0, period", lambda x: np.unwrap(x, axis=0, period=2.0), PHASES.reshape(3, 2)),
    sample("unwrap discont", lambda x: np.unwrap(x, 4.0), PHASES),
    sample("unwrap traced period", lambda x: np.unwrap(x, period=6.0 + 0.2 * x[0]), PHASES),
    *PADDING,
    sample("i0", np.i0, np.array([0.3, -1.2, 2.5, 7.9, -8.4])),
    sample("i0 at zero", np.i0, np.zeros(2)),
    sample("i0 scaled, large", lambda x: np.exp(-x) * np.i0(x), np.array([39.5, 45.0, 300.0]), float32=False),
    sample("apply_along_axis to numbers", lambda x: np.apply_along_axis(lambda r: np.sum(r**2) * r[0], 0, x), M),
    sample(
        "apply_along_axis to tables",
        lambda x: np.apply_along_axis(lambda r, k: np.outer(r, r * k), 1, x, 3.0),
        random(2, 3, 2),
    ),
    sample("apply_over_axes", lambda x: np.apply_over_axes(np.sum, x * x, (0, -1)), random(2, 3, 2)),
    *(
        sample(
            f"{f.__name__} weights, {q}, {weights.shape}, {kw}",
            lambda x, f=f, q=q, w=weights, kw=kw: f(x, q, weights=w, method="inverted_cdf", **kw),
            random(3, 4),
            float32=False,
        )
        for f, q, weights, kw in (
            (np.quantile, 0.4, W.reshape(3, 4), {}),
            (np.quantile, [0.0, 0.3, 1.0], W[:4], {"axis": 1}),
            (np.quantile, 0.7, W.reshape(4, 3), {"axis": (1, 0)}),
            (np.quantile, [0.6], W[3:6], {"axis": 0, "keepdims": True}),
            (np.nanquantile, [0.2, 0.9], W.reshape(3, 4), {"axis": 1}),  # NumPy takes weights of all here
            (np.nanpercentile, 20.0, W.reshape(3, 4), {}),
        )
    ),
    sample("percentile of a table", lambda x: np.percentile(x, [[20.0, 35.0]]), PHASES, float32=False),
    sample("vectorize", np.vectorize(lambda x, y: x * y + np.sin(x)), V, random(4, seed=1), float32=False),
]
