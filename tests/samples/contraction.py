"""Samples of matrix products, einsum and their relatives.

Their numbers are multiples of a sixteenth, so that every sum of products is exact: values must not depend on the order
in which a contraction is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.samples.sample import Sample, random


def _exact(*shape: int, seed: int = 0) -> Any:
    return np.ceil(16 * random(*shape, seed=seed)) / 16


def _complex(x: Any, seed: int) -> Any:
    return x + 1j * _exact(*x.shape, seed=seed)


def _samples(name: str, function: Callable[..., Any], *shapes: tuple[int, ...], **kwargs: Any) -> list[Sample]:
    """Return a sample at real and one at complex arguments of these shapes."""
    args = tuple(_exact(*shape, seed=i) for i, shape in enumerate(shapes))
    complex_args = tuple(_complex(x, 10 + i) for i, x in enumerate(args))
    return [Sample(name, function, args, **kwargs), Sample(f"{name}, complex", function, complex_args, **kwargs)]


def _named(prefix: str, function: Callable[..., Any], *cases: tuple[tuple[int, ...], ...]) -> list[Sample]:
    """Return the samples of a function of two arrays at pairs of shapes."""
    return [
        sample
        for shapes in cases
        for sample in _samples(
            f"{prefix} {shapes[0]} {shapes[1]}", function, *shapes, dask=0 not in shapes[0]
        )  # dask cannot reshape what is empty
    ]


def _einsum(subscripts: str, *shapes: tuple[int, ...], name: str = "", **kwargs: Any) -> list[Sample]:
    """Return the samples of an einsum of arrays of these shapes."""
    title = f"einsum {subscripts}{name} {' '.join(map(str, shapes))}".replace("...", "~")
    terms = subscripts.replace(".", "").split("->")[0].split(",")
    dask = all(len(set(term)) == len(term) for term in terms)  # the transpose of a diagonal writes into an array
    return _samples(title, lambda *arrays: np.einsum(subscripts, *arrays, **kwargs), *shapes, dask=dask)


_RANKS = (
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((3,), (4, 3, 2)),
    ((2, 3), (3,)),
    ((4, 2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((2, 3), (5, 3, 1)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (4, 3, 2)),
    ((1, 2, 3), (4, 3, 2)),
    ((4, 2, 1), (4, 1, 3)),
    ((2, 0), (0, 3)),
    ((0, 2, 3), (3, 4)),
)

_MATMUL = [
    *_named("matmul", np.matmul, *_RANKS),
    *_named("operator @", lambda x, y: x @ y, ((3,), (3,)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4))),
    Sample("matmul raw left", lambda x: _exact(4, 2, seed=9) @ x, (_exact(2, 3),), float32=False),
    Sample("matmul raw right", lambda x: x @ _exact(3, 4, seed=9), (_exact(2, 3),), float32=False),
    Sample("matmul with itself", lambda x: x @ x.T @ x, (_exact(2, 3),)),
    Sample(
        "matmul axes", lambda x, y: np.matmul(x, y, axes=[(0, 1), (1, 0), (1, 2)]), (_exact(2, 3, 5), _exact(4, 3, 5))
    ),
    Sample("matmul axes vector", lambda x, y: np.matmul(x, y, axes=[(0,), (0, 2), (0,)]), (_exact(3), _exact(3, 5, 4))),
    Sample("matmul swapped stack", lambda x, y: x @ np.swapaxes(y, 1, 2), (_exact(2, 3), _exact(5, 4, 3))),
    *_named("linalg.matmul", np.linalg.matmul, ((2, 3), (3, 4)), ((5, 2, 3), (3, 4))),
]

_DOT = [
    *_named(
        "dot", np.dot, *_RANKS[:2], *_RANKS[3:7], ((2, 3), (5, 3, 4)), ((6, 2, 3), (5, 3, 4)), ((), (3,)), ((3,), ())
    ),
    *_named("vdot", np.vdot, ((3,), (3,)), ((2, 3), (2, 3)), ((), ())),
    *_named(
        "inner",
        np.inner,
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (2, 3)),
        ((2, 3), (4, 3)),
        ((5, 2, 3), (4, 3)),
        ((), (3,)),
    ),
    *_named("outer", np.outer, ((3,), (4,)), ((2, 3), (2, 2)), ((), (3,))),
    *_named("multiply.outer", np.multiply.outer, ((3,), (4,)), ((2, 3), (4,)), ((2,), (3, 4)), ((), (3,))),
    *_named("linalg.outer", np.linalg.outer, ((3,), (4,))),
    *_named("kron", np.kron, ((2, 3), (4, 2)), ((3,), (2,)), ((3,), (2, 2)), ((2, 1, 2), (3, 2)), ((), (3,))),
    *_named("vecdot", np.vecdot, ((3,), (3,)), ((4, 3), (3,)), ((4, 1, 3), (2, 3)), ((4, 3), (4, 3))),
    Sample("method dot", lambda x, y: x.dot(y), (_exact(2, 3), _exact(3, 2))),
    Sample("dot of a Python scalar", lambda x: np.dot(2.0, x), (_exact(3),), float32=False),
    Sample("vecdot axis", lambda x, y: np.vecdot(x, y, axis=0), (_exact(3, 4), _exact(3, 4, seed=1))),
    Sample("vecdot axes", lambda x, y: np.vecdot(x, y, axes=[0, -1]), (_exact(3, 4), _exact(4, 3, seed=1))),
    Sample(
        "vecdot keepdims", lambda x, y: np.vecdot(x, y, axis=0, keepdims=True), (_exact(3, 4), _exact(3, 4, seed=1))
    ),
    Sample("linalg.vecdot axis", lambda x, y: np.linalg.vecdot(x, y, axis=-2), (_exact(3, 4), _exact(3, 4, seed=1))),
    *_named("matvec", np.matvec, ((2, 3), (3,)), ((5, 2, 3), (3,)), ((2, 3), (4, 3)), ((5, 1, 2, 3), (4, 3))),
    *_named("vecmat", np.vecmat, ((2,), (2, 3)), ((2,), (5, 2, 3)), ((4, 2), (2, 3)), ((4, 2), (5, 1, 2, 3))),
    Sample("matvec axes", lambda x, y: np.matvec(x, y, axes=[(0, 1), 0, 0]), (_exact(2, 3, 4), _exact(3, 4))),
    Sample("vecmat axes", lambda x, y: np.vecmat(x, y, axes=[0, (1, 0), 0]), (_exact(3, 4), _exact(2, 3, 4))),
]

_TENSORDOT = [
    *_named("tensordot", np.tensordot, ((2, 3, 4), (3, 4, 5)), ((3, 4), (3, 4))),
    *_named(
        "tensordot axes=1", lambda x, y: np.tensordot(x, y, 1), ((2, 3), (3, 4)), ((3,), (3,)), ((2, 4, 3), (3, 2))
    ),
    *_named("tensordot axes=0", lambda x, y: np.tensordot(x, y, 0), ((2, 3), (4,)), ((), (3,))),
    *_named("tensordot pairs", lambda x, y: np.tensordot(x, y, ([0, 2], [1, -2])), ((2, 3, 4), (5, 2, 4, 2))),
    *_named("tensordot crossed", lambda x, y: np.tensordot(x, y, ((-1, 0), (0, 1))), ((2, 3, 4), (4, 2, 5))),
    *_named("tensordot ints", lambda x, y: np.tensordot(x, y, (0, -1)), ((2, 3), (4, 2))),
    *_named("tensordot none", lambda x, y: np.tensordot(x, y, ([], [])), ((2, 3), (4,))),
    *_named("linalg.tensordot", lambda x, y: np.linalg.tensordot(x, y, axes=1), ((2, 3), (3, 4))),
]

_EINSUM = [
    *_einsum("ij,jk->ik", (2, 3), (3, 4)),
    *_einsum("ij,jk->ki", (2, 3), (3, 4)),
    *_einsum("ji,kj", (3, 2), (4, 3)),
    *_einsum("ij,jk", (2, 3), (3, 4)),
    *_einsum("ba", (2, 3)),
    *_einsum("ij->", (2, 3)),
    *_einsum("ij->j", (2, 3)),
    *_einsum("ij->ij", (2, 3)),
    *_einsum("ii", (3, 3)),
    *_einsum("ii->i", (3, 3)),
    *_einsum("iji->j", (3, 2, 3)),
    *_einsum("iijj->ij", (3, 3, 2, 2)),
    *_einsum("iijkk->kj", (2, 2, 3, 4, 4)),
    *_einsum("iii->i", (3, 3, 3)),
    *_einsum("i,i", (3,), (3,)),
    *_einsum("i,j->ji", (3,), (4,)),
    *_einsum("i,i->i", (3,), (3,)),
    *_einsum("ij,j->ij", (2, 3), (3,)),
    *_einsum("ij,i->ij", (2, 3), (2,)),
    *_einsum(",ij->ji", (), (2, 3)),
    *_einsum("ii,i->i", (3, 3), (3,)),
    *_einsum("ij,kl->il", (2, 3), (4, 5)),
    *_einsum("bij,bjk->bik", (4, 2, 3), (4, 3, 2)),
    *_einsum("bij,bj->bi", (4, 2, 3), (4, 3)),
    *_einsum("bi,bi->b", (4, 3), (4, 3)),
    *_einsum("bi,bj->bij", (4, 3), (4, 2)),
    *_einsum("ijkl,lkm->mji", (2, 3, 4, 5), (5, 4, 2)),
    *_einsum("kib,kjb->jib", (3, 2, 4), (3, 2, 4)),
    *_einsum("...ij,...jk->...ik", (4, 2, 3), (3, 2)),
    *_einsum("...ij,...jk->...ik", (4, 1, 2, 3), (5, 3, 2)),
    *_einsum("...i,i...", (4, 3), (3, 4)),
    *_einsum("i...->...", (2, 3)),
    *_einsum("i...i->i...", (3, 2, 3)),
    *_einsum("...,...", (2, 3), (3,)),
    *_einsum("ij,jk->ik", (2, 1), (3, 4)),
    *_einsum("ij,ij->ij", (2, 1), (1, 3)),
    *_einsum("ij,ij->", (2, 1), (2, 3)),
    *_einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    *_einsum("ij,jk,kl,lm->mi", (2, 3), (3, 4), (4, 2), (2, 3), name=" optimized", optimize=True),
    *_einsum("i,i,i->i", (3,), (3,), (3,)),
    *_einsum("ij,i,j->", (2, 3), (2,), (3,), name=" greedy", optimize="greedy"),
    *_einsum("ab,bc,cd->ad", (2, 3), (3, 4), (4, 2), name=" path", optimize=["einsum_path", (1, 2), (0, 1)]),
    *_einsum("ab,bc,cd->ad", (2, 3), (3, 4), (4, 2), name=" all", optimize=["einsum_path", (0, 1, 2)]),
    *_einsum("ab,bc,cd->ad", (2, 3), (3, 4), (4, 2), name=" limit", optimize=("greedy", 100)),
    *_samples("einsum sublists", lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), (2, 3), (3, 4)),
    *_samples("einsum sublists implicit", lambda x, y: np.einsum(x, [1, 0], y, [1, 2]), (3, 2), (3, 4)),
    *_samples("einsum sublists ellipsis", lambda x: np.einsum(x, [..., 0, 0], [..., 0]), (2, 3, 3), dask=False),
    Sample(
        "einsum with raw", lambda x: np.einsum("ij,jk", [[1.0, 2.0], [3.0, 4.0]], x), (_exact(2, 3),), float32=False
    ),
    Sample("einsum with a scalar", lambda x: np.einsum(",i", 2.0, x), (_exact(3),), float32=False),
    Sample("einsum dtype", lambda x: np.einsum("ij->i", x, dtype=np.float64), (_exact(2, 3),), float32=False),
]

_OTHERS = [
    *_samples("trace", np.trace, (3, 3), dask=False),
    *_samples("trace offset=1", lambda x: np.trace(x, 1), (3, 4), dask=False),
    *_samples("trace offset=-1, axes", lambda x: np.trace(x, offset=-1, axis1=2, axis2=0), (3, 2, 4), dask=False),
    Sample("trace dtype", lambda x: np.trace(x, dtype=np.float64), (_exact(3, 3),), float32=False, dask=False),
    Sample("method trace", lambda x: x.trace(), (_exact(3, 3),), dask=False),
    *_samples("linalg.trace offset=1", lambda x: np.linalg.trace(x, offset=1), (2, 3, 3), dask=False),
    *_samples("multi_dot 2", lambda *xs: np.linalg.multi_dot(xs), (2, 3), (3, 4)),
    *_samples("multi_dot 3", lambda *xs: np.linalg.multi_dot(xs), (2, 3), (3, 4), (4, 2)),
    *_samples("multi_dot 4", lambda *xs: np.linalg.multi_dot(xs), (2, 3), (3, 4), (4, 2), (2, 5)),
    *_samples("multi_dot vectors", lambda *xs: np.linalg.multi_dot(xs), (3,), (3, 4), (4,)),
    *_samples("multi_dot left vector", lambda *xs: np.linalg.multi_dot(xs), (3,), (3, 4), (4, 2)),
    *_samples("multi_dot right vector", lambda *xs: np.linalg.multi_dot(xs), (2, 3), (3, 4), (4,)),
    *_named("cross", np.cross, ((3,), (3,)), ((4, 3), (3,)), ((4, 1, 3), (2, 3))),
    *_samples("cross axis=0", lambda x, y: np.cross(x, y, axis=0), (3, 4), (3, 4)),
    *_samples("cross axisa, axisb, axisc", lambda x, y: np.cross(x, y, 0, 1, 0), (3, 2, 4), (2, 3, 4)),
    *_samples("linalg.cross axis=0", lambda x, y: np.linalg.cross(x, y, axis=0), (3, 4), (3, 4)),
]

SAMPLES: list[Sample] = [*_MATMUL, *_DOT, *_TENSORDOT, *_EINSUM, *_OTHERS]
