"""Samples of linear algebra: solving, determinants, decompositions, spectra, norms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests.samples.sample import Sample, eager, random


def well_conditioned(*shape: int, seed: int = 0) -> Any:
    """Return matrices whose singular values are far from zero and from each other."""
    x = random(*shape, seed=seed)
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    return (u * (np.arange(s.shape[-1], 0, -1) + 0.1 * s)[..., None, :]) @ vh


def hermitian(x: Any) -> Any:
    return x + np.conjugate(np.swapaxes(x, -1, -2))


def definite(x: Any) -> Any:
    return x @ np.conjugate(np.swapaxes(x, -1, -2)) + 2.0 * np.eye(x.shape[-1], dtype=x.dtype)


def squared(x: Any) -> Any:
    """Return what is left of vectors without their sign or phase."""
    return np.real(x * np.conjugate(x))


A2, A3, A4 = well_conditioned(2, 2), well_conditioned(3, 3), well_conditioned(4, 4)
B3 = well_conditioned(3, 3, seed=1)
BATCH = well_conditioned(2, 3, 3)
TALL, WIDE = well_conditioned(4, 3), well_conditioned(3, 4)
TALLS, WIDES = well_conditioned(2, 4, 2), well_conditioned(2, 2, 4)
ROW = random(3)
X = random(3, 4)
STACK = random(2, 3, 4)

sample = partial(eager, complex=True)


SOLVING = [
    sample("solve vector", np.linalg.solve, A3, ROW),
    sample("solve matrix", np.linalg.solve, A3, X),
    sample("solve batch", np.linalg.solve, BATCH, random(2, 3, 2)),
    sample("solve batch, vector", np.linalg.solve, BATCH, ROW),
    sample("solve one matrix, many right-hand sides", np.linalg.solve, A3, random(2, 2, 3, 2)),
    sample("solve many matrices, one right-hand side", np.linalg.solve, BATCH, X),
    sample("solve broadcast both ways", np.linalg.solve, BATCH[:, None], random(4, 3, 1)),
    sample("solve order 1", np.linalg.solve, random(1, 1, low=1, high=2), random(1)),
    sample("inv", np.linalg.inv, A3),
    sample("inv batch", np.linalg.inv, BATCH),
    sample("pinv square", np.linalg.pinv, A3),
    sample("pinv tall", np.linalg.pinv, TALL),
    sample("pinv wide", np.linalg.pinv, WIDE),
    sample("pinv batch", lambda x: np.linalg.pinv(x, 1e-10), WIDES),
    sample("pinv rtol", lambda x: np.linalg.pinv(x, rtol=None), TALLS),
    sample("pinv of constant rank", lambda x, y: np.linalg.pinv(x @ y, 1e-10), TALLS[0], WIDES[0]),
    sample("pinv hermitian", lambda x: np.linalg.pinv(hermitian(x), hermitian=True), B3),
    sample("tensorsolve", np.linalg.tensorsolve, well_conditioned(6, 6).reshape(2, 3, 2, 3), random(2, 3)),
    sample(
        "tensorsolve axes",
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0, 2)),
        well_conditioned(6, 6).reshape(2, 3, 2, 3).transpose(2, 0, 3, 1),
        random(2, 3),
    ),
    sample("tensorinv", np.linalg.tensorinv, well_conditioned(6, 6).reshape(2, 3, 6)),
    sample("tensorinv ind", lambda a: np.linalg.tensorinv(a, ind=1), well_conditioned(6, 6).reshape(6, 2, 3)),
    *(sample(f"matrix_power {n}", lambda x, n=n: np.linalg.matrix_power(x, n), BATCH) for n in (-3, -1, 1, 2, 3, 5)),
    sample("matrix_power 0", lambda x: x + np.linalg.matrix_power(x, 0), BATCH),
    sample("matrix_transpose", np.linalg.matrix_transpose, STACK),
    sample("linalg.diagonal", np.linalg.diagonal, STACK),
    sample("linalg.diagonal offset", lambda x: np.linalg.diagonal(x, offset=-1), STACK),
    sample("linalg.trace", np.linalg.trace, STACK),
    sample("linalg.trace offset", lambda x: np.linalg.trace(x, offset=1), STACK),
]

DETERMINANTS = [
    *(sample(f"det order {n}", np.linalg.det, well_conditioned(n, n)) for n in (1, 2, 3, 4, 5)),
    sample("det batch, order 2", np.linalg.det, well_conditioned(3, 2, 2)),
    sample("det batch, order 3", np.linalg.det, BATCH),
    sample("det batch, order 4", np.linalg.det, well_conditioned(2, 4, 4)),
    sample("slogdet", lambda x: tuple(np.linalg.slogdet(x)), A3),
    sample("slogdet batch", lambda x: tuple(np.linalg.slogdet(x)), BATCH),
    sample("slogdet logabsdet", lambda x: np.linalg.slogdet(x).logabsdet, A4),
    sample("slogdet sign", lambda x: np.sum(x) + np.linalg.slogdet(x).sign, A4),
]

DECOMPOSITIONS = [
    sample("cholesky", lambda x: np.linalg.cholesky(definite(x)), B3),
    sample("cholesky upper", lambda x: np.linalg.cholesky(definite(x), upper=True), B3),
    sample("cholesky batch", lambda x: np.linalg.cholesky(definite(x)), BATCH),
    sample("cholesky order 1", lambda x: np.linalg.cholesky(definite(x)), random(1, 1)),
    *(
        sample(f"qr {mode} {name}", lambda x, mode=mode: tuple(np.linalg.qr(x, mode)), x)
        for name, x in (("square", A3), ("tall", TALL), ("wide", WIDE), ("batch", BATCH))
        for mode in ("reduced", "complete")
        if (mode, name) != ("complete", "tall")
    ),
    sample("qr tall batch", lambda x: tuple(np.linalg.qr(x)), TALLS),
    sample("qr wide batch", lambda x: tuple(np.linalg.qr(x)), WIDES),
    sample("qr column", lambda x: tuple(np.linalg.qr(x)), random(3, 1)),
    sample("qr row", lambda x: tuple(np.linalg.qr(x)), random(1, 3)),
    sample("qr Q only", lambda x: np.linalg.qr(x).Q, TALL),
    sample("qr R only", lambda x: np.linalg.qr(x).R, WIDE),
    sample("qr r tall", lambda x: np.linalg.qr(x, mode="r"), TALL),
    sample("qr r wide", lambda x: np.linalg.qr(x, mode="r"), WIDE),
]


def eigen(x: Any, UPLO: str = "L") -> Any:
    w, v = np.linalg.eigh(hermitian(x), UPLO)
    return w, squared(v), v[..., :1] * np.conjugate(np.swapaxes(v, -1, -2))[..., :1, :]


def singular(x: Any, **options: Any) -> Any:
    u, s, vh = np.linalg.svd(x, **options)
    return squared(u), s, squared(vh), u[..., :, :1] * vh[..., :1, :]


def low_rank(x: Any) -> Any:
    u, s, vh = np.linalg.svd(x)
    return (u[:, :2] * s[:2]) @ vh[:2]


SPECTRA = [
    sample("eigh", eigen, B3),
    sample("eigh upper", lambda x: eigen(x, "U"), B3),
    sample("eigh batch", eigen, BATCH),
    sample("eigh order 1", eigen, random(1, 1)),
    sample("eigh vectors with their signs", lambda x: np.linalg.eigh(hermitian(x)).eigenvectors, B3, complex=False),
    sample("eigh eigenvalues only", lambda x: np.linalg.eigh(hermitian(x)).eigenvalues, B3),
    sample("eigvalsh", lambda x: np.linalg.eigvalsh(hermitian(x)), B3),
    sample("eigvalsh upper", lambda x: np.linalg.eigvalsh(hermitian(x), "U"), BATCH),
    *(
        sample(f"svd {name}", lambda x: singular(x, full_matrices=False), x)
        for name, x in (("square", A3), ("tall", TALL), ("wide", WIDE), ("tall batch", TALLS), ("wide batch", WIDES))
    ),
    sample("svd full_matrices square", singular, BATCH),
    sample("svd row", lambda x: singular(x, full_matrices=False), random(1, 3)),
    sample("svd column", lambda x: singular(x, full_matrices=False), random(3, 1)),
    sample("svd vectors with their signs", lambda x: tuple(np.linalg.svd(x, full_matrices=False)), TALL, complex=False),
    sample("svd low rank", low_rank, A4),
    sample("svd compute_uv=False", lambda x: np.linalg.svd(x, compute_uv=False), WIDE),
    sample("svd hermitian", lambda x: singular(hermitian(x), hermitian=True), B3),
    sample(
        "svd hermitian, compute_uv=False",
        lambda x: np.linalg.svd(hermitian(x), hermitian=True, compute_uv=False),
        BATCH,
    ),
    sample("svdvals tall", np.linalg.svdvals, TALL),
    sample("svdvals wide batch", np.linalg.svdvals, WIDES),
    sample("matrix_rank", lambda x: x * np.linalg.matrix_rank(x), A3, float32=False),
    sample("matrix_rank vector", lambda x: x * np.linalg.matrix_rank(x), ROW, float32=False),
]

VECTOR_ORDERS = (None, 0, 1, 2, 3, 2.5, 0.5, -1, -2, np.inf, -np.inf)
MATRIX_ORDERS = (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)

BY_SVD = ("nuc", 2, -2)


def norm(name: str, function: Callable[..., Any], *args: Any, dask: bool = True) -> Sample:
    return sample(name, function, *args, dask=dask)


NORMS = [
    norm("norm", np.linalg.norm, X),
    norm("norm of three axes", np.linalg.norm, STACK),
    norm("norm of a number", np.linalg.norm, 1.5),
    norm("norm keepdims", lambda x: np.linalg.norm(x, keepdims=True), X),
    norm("norm axis=0", lambda x: np.linalg.norm(x, axis=0), X),
    norm("norm axis=-1, keepdims", lambda x: np.linalg.norm(x, axis=-1, keepdims=True), STACK),
    norm("norm axis=(0, 2)", lambda x: np.linalg.norm(x, axis=(0, 2)), STACK),
    *(norm(f"norm vector, ord={p}", lambda x, p=p: np.linalg.norm(x, p), ROW) for p in VECTOR_ORDERS),
    *(norm(f"norm axis, ord={p}", lambda x, p=p: np.linalg.norm(x, p, 1, True), STACK) for p in VECTOR_ORDERS),
    *(
        norm(f"norm matrix, ord={p}", lambda x, p=p: np.linalg.norm(x, p), TALL, dask=p not in BY_SVD)
        for p in MATRIX_ORDERS
    ),
    *(
        norm(
            f"norm axes (2, 0), ord={p}",
            lambda x, p=p: np.linalg.norm(x, p, (2, 0), keepdims=True),
            STACK,
            dask=p not in BY_SVD,
        )
        for p in MATRIX_ORDERS
    ),
    *(norm(f"vector_norm, ord={p}", lambda x, p=p: np.linalg.vector_norm(x, ord=p), X) for p in VECTOR_ORDERS[2:]),
    norm("vector_norm axis=(2, 0)", lambda x: np.linalg.vector_norm(x, axis=(2, 0), ord=3), STACK),
    norm("vector_norm axis=-1, keepdims", lambda x: np.linalg.vector_norm(x, axis=-1, keepdims=True), STACK),
    norm("vector_norm keepdims", lambda x: np.linalg.vector_norm(x, keepdims=True), STACK),
    *(
        norm(f"matrix_norm, {p}", lambda x, p=p: np.linalg.matrix_norm(x, ord=p), STACK, dask=p not in BY_SVD)
        for p in MATRIX_ORDERS[1:]
    ),
    norm("matrix_norm keepdims", lambda x: np.linalg.matrix_norm(x, keepdims=True), STACK),
    *(sample(f"cond, p={p}", lambda x, p=p: np.linalg.cond(x, p), A3) for p in MATRIX_ORDERS),
    sample("cond tall", np.linalg.cond, TALL),
    sample("cond batch", lambda x: np.linalg.cond(x, 1), BATCH),
]

SAMPLES = [*SOLVING, *DETERMINANTS, *DECOMPOSITIONS, *SPECTRA, *NORMS]
