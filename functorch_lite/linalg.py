"""Linear algebra: the functions of ``numpy.linalg``, what PyTorch has besides, and those for sparse matrices.

NumPy dispatches ``np.linalg.solve(a, b)`` on traced values to this library by itself, so these *are* NumPy's functions;
but for norms and products of vectors, which take ``dim`` and ``keepdim`` too. `sparse_matmul` and `spsolve`, from
`functorch_lite.scipy.sparse`, need SciPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.optional import has_scipy
from functorch_lite.tensor.failing import cholesky_ex, inv_ex, solve_ex  # noqa: F401
from functorch_lite.tensor.linalg_words import (  # noqa: F401 - in the list of _OWN
    cross,
    lu,
    lu_factor,
    lu_solve,
    matrix_norm,
    norm,
    solve_triangular,
    vander,
    vecdot,
    vector_norm,
)
from functorch_lite.tensor.matrices import matrix_exp  # noqa: F401

_OWN = (
    *("cholesky_ex", "cross", "inv_ex", "lu", "lu_factor", "lu_solve", "matrix_exp", "matrix_norm", "norm", "solve_ex"),
    *("solve_triangular", "vander", "vecdot", "vector_norm"),
)
_SPARSE = ("sparse_matmul", "spsolve")

# ``import *`` gives what there is.
__all__ = sorted({*np.linalg.__all__, *_OWN, *(_SPARSE if has_scipy() else ())})  # noqa: PLE0605 - strings all


def __getattr__(name: str) -> Any:
    if name in _SPARSE:
        from functorch_lite.scipy import sparse  # noqa: PLC0415 - optional, slow to import

        return getattr(sparse, name)
    return getattr(np.linalg, name)


def __dir__() -> list[str]:
    return __all__
