"""Samples of eigenvalues of general matrices, of least squares and of what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests.samples.linalg import A3, BATCH, TALL, TALLS, WIDE, WIDES, X, well_conditioned
from tests.samples.sample import eager, random

#: Real matrices with real eigenvalues, apart by one half at least, and not normal.
REAL = well_conditioned(3, 3) @ np.diag([1.0, 2.5, -1.5]) @ np.linalg.inv(well_conditioned(3, 3))
REALS = np.stack([REAL, REAL.T + 0.1 * random(3, 3)])
#: A real matrix with one real eigenvalue and two that are conjugate.
TURNING = np.array([[0.5, -1.1, 0.3], [1.2, 0.4, -0.2], [0.1, 0.3, -1.5]])

sample = partial(eager, complex=True)


def as_complex(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make results complex; those of a real matrix are complex only if an eigenvalue is."""
    return lambda x: function(x + 0j)


EIGENVALUES = [
    sample("eig", lambda x: tuple(np.linalg.eig(x)), REAL),
    sample("eig batch", lambda x: tuple(np.linalg.eig(x)), REALS),
    sample("eig order 1", lambda x: tuple(np.linalg.eig(x)), random(1, 1)),
    sample("eig conjugate pair", as_complex(lambda x: tuple(np.linalg.eig(x))), TURNING),
    sample("eig eigenvalues only", lambda x: np.linalg.eig(x).eigenvalues, REAL),
    sample("eig eigenvectors only", lambda x: np.linalg.eig(x).eigenvectors, REAL),
    sample("eigvals", np.linalg.eigvals, REAL),
    sample("eigvals batch", np.linalg.eigvals, REALS),
    sample("eigvals conjugate pair", as_complex(np.linalg.eigvals), TURNING),
    sample("eigvals largest modulus", lambda x: np.max(np.abs(np.linalg.eigvals(x))), REAL),
]


def without_rank(results: Any) -> Any:
    x, residuals, _, s = results
    return x, residuals, s


LEAST_SQUARES = [
    *(
        sample(f"lstsq {name}", lambda a, b: without_rank(np.linalg.lstsq(a, b)), a, b)
        for name, a, b in (
            ("tall, vector", TALL, random(4)),
            ("tall, matrix", TALL, random(4, 2)),
            ("square", A3, X),
            ("wide, vector", WIDE, random(3)),
            ("wide, matrix", WIDE, random(3, 2)),
        )
    ),
    sample("lstsq solution only", lambda a, b: np.linalg.lstsq(a, b)[0], TALL, random(4)),
    sample("lstsq residuals only", lambda a, b: np.linalg.lstsq(a, b)[1], TALL, random(4)),
    sample("lstsq singular values only", lambda a, b: np.linalg.lstsq(a, b)[2:], TALL, random(4)),
    sample(
        "lstsq of constant rank",
        lambda x, y, b: np.linalg.lstsq(x @ y, b, 1e-10)[0],
        TALLS[0],
        WIDES[0],
        random(4),
    ),
    sample("lstsq loop over a batch", lambda a: np.stack([np.linalg.lstsq(m, m[:, 0] ** 2)[0] for m in a]), BATCH),
]

SAMPLES = [*EIGENVALUES, *LEAST_SQUARES]
