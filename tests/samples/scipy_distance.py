"""Samples of ``functorch_lite.scipy.spatial.distance``."""

from __future__ import annotations

import numpy as np

from functorch_lite.scipy.spatial import distance
from tests.samples.sample import eager as sample
from tests.samples.sample import random

A, B, W = random(3, 4), random(2, 4, seed=1), random(4, low=0.2, high=1.0)
TALL = random(7, 2)
WEIGHTED = ("euclidean", "sqeuclidean", "cityblock", "chebyshev", "cosine", "correlation", "canberra", "braycurtis")

SAMPLES = [
    *(sample(f"cdist {name}", lambda a, b, name=name: distance.cdist(a, b, name), A, B) for name in WEIGHTED),
    *(
        sample(f"{name} with weights", lambda a, b, w, name=name: distance.cdist(a, b, name, w=w), A, B, W)
        for name in WEIGHTED
    ),
    *(sample(f"minkowski p={p}", lambda a, b, p=p: distance.minkowski(a, b, p), A[0], B) for p in (1, 1.5, 3, np.inf)),
    sample("minkowski with weights", lambda a, b, w: distance.minkowski(a, b, 3, w), A[0], B, W),
    sample("cdist seuclidean", lambda a, b: distance.cdist(a, b, "seuclidean"), A, B),
    sample("seuclidean", distance.seuclidean, A[0], B, W),
    sample("pdist mahalanobis", lambda a: distance.pdist(a, "mahalanobis"), TALL),
    sample("mahalanobis", lambda u, v, s: distance.mahalanobis(u, v, s @ s.T + np.eye(4, dtype=s.dtype)), A[0], B, A.T),
    sample("jensenshannon", lambda p, q: distance.jensenshannon(p**2, q**2, 2.0), A[0], B[0]),
    sample("pdist jensenshannon", lambda a: distance.pdist(a**2, "jensenshannon"), A),
    sample("pdist", distance.pdist, A),
    sample("pdist of a function", lambda a: distance.pdist(a, lambda u, v: np.sum(u * v)), A),
    sample("cdist of a function", lambda a, b: distance.cdist(a, b, lambda u, v: np.sum(u * v**2)), A, B),
    sample("squareform to matrix", distance.squareform, random(6)),
    sample("squareform to vector", lambda x: distance.squareform(x, checks=False), random(4, 4)),
]
