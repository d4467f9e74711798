"""Samples of shapes and axes."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.samples.sample import Sample, random

M, T = random(3, 4), random(2, 3, 4)
V, S = random(5), random(4, 4)

# dask reshapes only where whole axes merge or split: 3 x 4 to 12, not to 4 x 3.
SAMPLES = [
    Sample("reshape to a tuple", lambda x: np.reshape(x, (4, 3)), (M,), complex=True, dask=False),
    Sample("reshape with -1", lambda x: np.reshape(x, (2, -1)), (M,), dask=False),
    Sample("reshape to an int", lambda x: np.reshape(x, 12), (M,)),
    Sample("reshape order F", lambda x: np.reshape(x, (4, 3), order="F"), (M,), dask=False),
    Sample("method reshape", lambda x: x.reshape(2, 6), (M,), dask=False),
    Sample("method reshape to a tuple", lambda x: x.reshape((-1,)), (T,)),
    Sample("reshape to 0-d", lambda x: np.reshape(x, ()), (random(1),)),
    Sample("ravel", lambda x: np.ravel(x), (T,)),
    Sample("ravel order F", lambda x: x.ravel("F"), (T,)),
    Sample("flatten", lambda x: x.flatten(), (M,)),
    Sample("squeeze", lambda x: np.squeeze(x), (random(1, 3, 1),)),
    Sample("squeeze axis", lambda x: x.squeeze(-1), (random(1, 3, 1),)),
    Sample("squeeze axes", lambda x: np.squeeze(x, (0, 2)), (random(1, 3, 1),)),
    Sample("expand_dims", lambda x: np.expand_dims(x, 1), (M,)),
    Sample("expand_dims axes", lambda x: np.expand_dims(x, (0, -1)), (M,)),
    Sample("broadcast_to", lambda x: np.broadcast_to(x, (2, 3, 4)), (M,), complex=True),
    Sample("broadcast_to length one", lambda x: np.broadcast_to(x, (3, 5)), (random(3, 1),)),
    Sample("broadcast_to of a scalar", lambda x: np.broadcast_to(x, (2, 2)), (0.7,)),
    Sample("broadcast_arrays", lambda x, y: np.broadcast_arrays(x, y), (random(3, 1), random(4))),
    Sample("transpose", lambda x: np.transpose(x), (T,), complex=True),
    Sample("transpose axes", lambda x: np.transpose(x, (1, -1, 0)), (T,)),
    Sample("transpose of a vector", lambda x: np.transpose(x), (V,)),
    Sample("permute_dims", lambda x: np.permute_dims(x, (2, 0, 1)), (T,)),
    Sample("method transpose", lambda x: x.transpose(2, 0, 1), (T,)),
    Sample("T", lambda x: x.T, (T,)),
    Sample("mT", lambda x: x.mT, (T,), dask=False),  # dask arrays have no mT
    Sample("swapaxes", lambda x: np.swapaxes(x, 0, -1), (T,)),
    Sample("matrix_transpose", lambda x: np.matrix_transpose(x), (T,), dask=False),  # dask has no such function
    Sample("moveaxis", lambda x: np.moveaxis(x, 0, -1), (T,)),
    Sample("moveaxis several", lambda x: np.moveaxis(x, (0, 1), (-1, -2)), (T,)),
    Sample("rollaxis", lambda x: np.rollaxis(x, 2), (T,)),
    Sample("rollaxis start", lambda x: np.rollaxis(x, 0, 2), (T,)),
    Sample("flip", lambda x: np.flip(x), (M,)),
    Sample("flip axis", lambda x: np.flip(x, -1), (M,)),
    Sample("flip axes", lambda x: np.flip(x, (0, 2)), (T,)),
    Sample("flipud", lambda x: np.flipud(x), (M,)),
    Sample("fliplr", lambda x: np.fliplr(x), (M,)),
    *(Sample(f"rot90 k={k}", lambda x, k=k: np.rot90(x, k), (M,)) for k in range(4)),
    Sample("rot90 axes", lambda x: np.rot90(x, 1, (1, 2)), (T,)),
    Sample("roll", lambda x: np.roll(x, 2), (M,)),
    Sample("roll axis", lambda x: np.roll(x, -1, 1), (M,)),
    Sample("roll axes", lambda x: np.roll(x, (1, 2), (0, 1)), (M,)),
    Sample("roll one shift, two axes", lambda x: np.roll(x, 1, (0, 1)), (M,)),
    Sample("tile", lambda x: np.tile(x, 2), (V,)),
    Sample("tile more axes", lambda x: np.tile(x, (2, 1, 3)), (M,)),
    Sample("tile fewer axes", lambda x: np.tile(x, (2,)), (M,)),
    Sample("repeat", lambda x: np.repeat(x, 2), (M,)),
    Sample("repeat axis", lambda x: np.repeat(x, 3, axis=-1), (M,)),
    Sample("repeat by counts", lambda x: np.repeat(x, [1, 0, 2], axis=0), (M,), dask=False),  # dask needs one count
    Sample("resize", lambda x: np.resize(x, (2, 4)), (V,), dask=False),  # dask has no such function
    Sample("pad", lambda x: np.pad(x, 1), (M,), complex=True),
    Sample("pad a number", lambda x: np.pad(x, 2), (0.7,), dask=False),  # dask asks for the length of the widths
    Sample("pad widths", lambda x: np.pad(x, ((1, 0), (2, 3))), (M,)),
    Sample("pad constant", lambda x: np.pad(x, ((1, 2),), constant_values=3.0), (V,)),
    Sample("pad constants", lambda x: np.pad(x, 1, constant_values=((1.0, 2.0), (3.0, 4.0))), (M,)),
    Sample("pad by a traced constant", lambda x: np.pad(x, 1, constant_values=x[0]), (V,), dask=False),
    Sample("pad by axis", lambda x: np.pad(x, {-1: (1, 2)}), (M,), dask=False),  # dask takes no dict
    *(
        Sample(f"pad {mode}", lambda x, mode=mode: np.pad(x, ((2, 1), (1, 2)), mode=mode), (M,), dask=False)
        for mode in ("edge", "reflect", "symmetric", "wrap")
    ),
    Sample("diagonal", lambda x: np.diagonal(x), (M,), dask=False),  # its transpose writes into an array
    Sample("diagonal offset", lambda x: np.diagonal(x, 1), (M,), dask=False),
    Sample("diagonal negative offset", lambda x: np.diagonal(x, -1), (M,), dask=False),
    Sample("diagonal axes", lambda x: np.diagonal(x, 0, 2, 0), (T,), dask=False),
    Sample("method diagonal", lambda x: x.diagonal(), (S,), dask=False),
    Sample("linalg.diagonal", lambda x: np.linalg.diagonal(x, offset=1), (T,), dask=False),
    Sample("diag of a vector", lambda x: np.diag(x), (V,), complex=True, dask=False),
    Sample("diag of a vector, k", lambda x: np.diag(x, -2), (V,), dask=False),
    Sample("diag of a matrix", lambda x: np.diag(x, 1), (M,), dask=False),
    Sample("diagflat", lambda x: np.diagflat(x, 1), (random(2, 2),), dask=False),
    Sample("sliding windows", lambda x: sliding_window_view(x, 3), (V,), complex=True, dask=False),
    Sample("sliding windows of two axes", lambda x: sliding_window_view(x, (2, 3)).mean((-2, -1)), (M,), dask=False),
    Sample("sliding windows along an axis", lambda x: sliding_window_view(x, 2, axis=-2), (T,), dask=False),
    Sample("sliding windows of windows", lambda x: sliding_window_view(x, (2, 2), axis=(0, 0)), (S,), dask=False),
    Sample("tril", lambda x: np.tril(x), (M,)),
    Sample("tril k", lambda x: np.tril(x, -1), (T,)),
    Sample("triu", lambda x: np.triu(x, 1), (S,), complex=True),
]
