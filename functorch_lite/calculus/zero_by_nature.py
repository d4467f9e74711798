"""Which of NumPy's functions are zero by nature: piecewise constant, or questions about shape, dtype and order.

Ufuncs say so where they are declared, as primitives. This is the list of the others, all of which are in `FUNCTIONS`
too: they accept traced values and give plain ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["ZERO_BY_NATURE"]

# fmt: off
ZERO_BY_NATURE: frozenset[Callable[..., Any]] = frozenset({
    # constants in the likeness of an array, or with `like=`
    np.arange, np.empty, np.empty_like, np.eye, np.frombuffer, np.fromfile, np.fromfunction, np.fromiter,
    np.fromstring, np.genfromtxt, np.identity, np.loadtxt, np.ones, np.ones_like, np.tri, np.zeros, np.zeros_like,
    # positions and grids of positions
    np.argmax, np.argmin, np.argpartition, np.argsort, np.argwhere, np.count_nonzero, np.diag_indices_from,
    np.digitize, np.flatnonzero, np.lexsort, np.nanargmax, np.nanargmin, np.nonzero, np.ravel_multi_index,
    np.searchsorted, np.tril_indices_from, np.triu_indices_from, np.unravel_index,
    # truth and comparison
    np.all, np.allclose, np.any, np.array_equal, np.array_equiv, np.isclose, np.iscomplex, np.iscomplexobj, np.isin,
    np.isneginf, np.isposinf, np.isreal, np.isrealobj, np.may_share_memory, np.shares_memory,
    # rounding and bits
    np.around, np.fix, np.packbits, np.round, np.unpackbits,
    # shape, dtype, text
    np.array2string, np.array_repr, np.array_str, np.can_cast, np.common_type, np.einsum_path, np.linalg.matrix_rank,
    np.ndim, np.result_type, np.shape, np.size,
})
# fmt: on
