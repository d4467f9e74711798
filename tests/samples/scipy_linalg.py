"""Samples of ``functorch_lite.scipy.linalg``."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.scipy import linalg
from tests.samples.linalg import definite, hermitian, well_conditioned
from tests.samples.sample import eager as sample
from tests.samples.sample import random, with_complex_arguments

A3, B3 = well_conditioned(3, 3), well_conditioned(3, 3, seed=1)
A2 = well_conditioned(2, 2)
BATCH = well_conditioned(2, 3, 3)
TALL = well_conditioned(4, 3)
ROW = random(3)
X = random(3, 2)
DOMINANT = ROW + np.array([4.0, 0.0, 0.0])


def near_one(x: Any) -> Any:
    """Return matrices near the identity, where the principal logarithm and root of real matrices are real."""
    return np.eye(x.shape[-1], dtype=x.dtype) + 0.1 * x


def lu_solved(a: Any, b: Any, trans: int = 0) -> Any:
    return linalg.lu_solve(linalg.lu_factor(a), b, trans)


SAMPLES = [
    sample("expm", linalg.expm, A3),
    sample("expm batch", linalg.expm, BATCH),
    sample("expm_frechet", linalg.expm_frechet, A3, B3),
    sample("logm", lambda x: linalg.logm(near_one(x)), A3, float32=False),
    sample("logm batch", lambda x: linalg.logm(near_one(x)), BATCH, float32=False),
    sample("sqrtm", lambda x: linalg.sqrtm(near_one(x)), A3),
    sample("sqrtm batch", lambda x: linalg.sqrtm(near_one(x)), BATCH),
    sample("fractional_matrix_power", lambda x: linalg.fractional_matrix_power(near_one(x), 0.3), A2, float32=False),
    sample("cosm", linalg.cosm, A3),
    sample("sinm", linalg.sinm, A3),
    *(
        sample(
            f"solve_triangular {trans}, lower={lower}, unit_diagonal={unit}",
            lambda a, b, trans=trans, lower=lower, unit=unit: linalg.solve_triangular(a, b, trans, lower, unit),
            A3 + 2 * np.eye(3),
            X,
        )
        for trans in ("N", "T", "C")
        for lower in (False, True)
        for unit in (False, True)
    ),
    sample("solve_triangular vector", linalg.solve_triangular, A3 + 2 * np.eye(3), ROW),
    sample("solve_triangular batch", linalg.solve_triangular, BATCH + 2 * np.eye(3), X),
    sample("cholesky", lambda x: linalg.cholesky(definite(x)), A3),
    *(
        sample(
            f"cho_solve lower={lower}",
            lambda a, b, lower=lower: linalg.cho_solve(linalg.cho_factor(definite(a), lower), b),
            A3,
            X,
        )
        for lower in (False, True)
    ),
    sample("lu", lambda a: linalg.lu(a)[1:], A3),
    sample("lu permute_l", lambda a: linalg.lu(a, permute_l=True), A3),
    sample("lu batch", lambda a: linalg.lu(a, p_indices=True), BATCH),
    *(sample(f"lu_solve trans={t}", lambda a, b, t=t: lu_solved(a, b, t), A3, X) for t in (0, 1, 2)),
    sample("lu_solve vector", lu_solved, A3, ROW),
    *(
        sample(
            f"solve assume_a={kind}",
            lambda a, b, kind=kind: linalg.solve(definite(a), b, assume_a=kind),
            A3,
            ROW,
        )
        for kind in ("gen", "pos", "sym", "her", "upper triangular", "lower triangular")
    ),
    sample("solve transposed", lambda a, b: linalg.solve(a, b, transposed=True), A3, X),
    *(
        sample(
            f"solve_banded {below}, {above}",
            lambda ab, b, below=below, above=above: linalg.solve_banded((below, above), ab, b),
            random(below + above + 1, 4) + 6.0 * (np.arange(below + above + 1)[:, None] == above),
            random(4, 2, seed=1),
            complex=True,
        )
        for below, above in [(1, 1), (0, 0), (2, 1), (0, 2)]
    ),
    sample("solve_banded vector", lambda ab, b: linalg.solve_banded((1, 0), ab, b), random(2, 4) + 1.0, random(4)),
    sample("solve_sylvester", linalg.solve_sylvester, A3 + 4 * np.eye(3), A2 + 4 * np.eye(2), X),
    sample("solve_continuous_lyapunov", linalg.solve_continuous_lyapunov, A3 + 4 * np.eye(3), B3),
    sample("solve_discrete_lyapunov", linalg.solve_discrete_lyapunov, A3 / 5, B3),
    *(
        sample(f.__name__, lambda a, b, q, r, f=f: f(a, b, definite(q), definite(r)), 0.4 * A3, X, B3, A2)
        for f in (linalg.solve_continuous_are, linalg.solve_discrete_are)
    ),
    sample(
        "solve_continuous_are batch",
        lambda a, q: linalg.solve_continuous_are(a, np.eye(3), definite(q), np.eye(3)),
        0.4 * A3,
        BATCH,
        float32=False,
    ),
    sample("solve_toeplitz", linalg.solve_toeplitz, DOMINANT, X),
    sample(
        "solve_toeplitz column and row",
        lambda c, r, b: linalg.solve_toeplitz((c, r), b),
        DOMINANT,
        random(3, seed=1),
        random(3, seed=2),
    ),
    sample("matmul_toeplitz", linalg.matmul_toeplitz, ROW, X),
    sample("matmul_toeplitz column and row", lambda c, r, x: linalg.matmul_toeplitz((c, r), x), ROW, *random(2, 4)),
    sample("solve_circulant", linalg.solve_circulant, DOMINANT, X),
    *(
        sample(
            f"solveh_banded lower={lower}",
            lambda ab, b, lower=lower: linalg.solveh_banded(ab, b, lower),
            random(3, 5) + 6.0 * (np.arange(3)[:, None] == (0 if lower else 2)),
            random(5, 2, seed=1),
        )
        for lower in (False, True)
    ),
    *(sample(f.__name__, f, A3) for f in (linalg.coshm, linalg.sinhm, linalg.tanhm)),
    sample("tanm", lambda a: linalg.tanm(0.5 * a), A3),
    sample("lstsq", lambda a, b: linalg.lstsq(a, b)[0], TALL, random(4, 2)),
    sample("orthogonal_procrustes", linalg.orthogonal_procrustes, TALL, well_conditioned(4, 3, seed=1)),
    *(
        sample(f"convolution_matrix {mode}", lambda a, mode=mode: linalg.convolution_matrix(a, 4, mode), ROW)
        for mode in ("full", "same", "valid")
    ),
    sample("khatri_rao", linalg.khatri_rao, A3, TALL),
    sample("polar", linalg.polar, TALL),
    sample("polar of square matrices", linalg.polar, BATCH),
    sample("polar of complex matrices", linalg.polar, TALL + 1j * TALL[::-1] ** 2),
    sample("polar left", lambda a: linalg.polar(a, "left"), TALL.T),
    sample("eigh of two matrices", lambda a, b: linalg.eigh(hermitian(a), definite(b))[0], A3, B3),
    sample("toeplitz", linalg.toeplitz, ROW),
    sample("toeplitz column and row", linalg.toeplitz, ROW, random(4)),
    sample("hankel", linalg.hankel, ROW),
    sample("hankel column and row", linalg.hankel, ROW, random(4)),
    sample("circulant", linalg.circulant, random(2, 3)),
    sample("companion", linalg.companion, random(4)),
    sample("block_diag", linalg.block_diag, A3, X, ROW, np.array(1.5)),
]
SAMPLES += list(map(with_complex_arguments, SAMPLES))
