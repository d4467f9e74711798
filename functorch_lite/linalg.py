"""Linear algebra: the functions of ``numpy.linalg``, and those for sparse matrices.

NumPy dispatches ``np.linalg.solve(a, b)`` on traced values to this library by itself, so these *are* NumPy's functions.
`sparse_matmul` and `spsolve`, from `functorch_lite.scipy.sparse`, need SciPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.optional import has_scipy

_SPARSE = ("sparse_matmul", "spsolve")

# ``import *`` gives what there is.
__all__ = [*np.linalg.__all__, *(_SPARSE if has_scipy() else ())]  # noqa: PLE0604 - strings all


def __getattr__(name: str) -> Any:
    if name in _SPARSE:
        from functorch_lite.scipy import sparse  # noqa: PLC0415 - optional, slow to import

        return getattr(sparse, name)
    return getattr(np.linalg, name)


def __dir__() -> list[str]:
    return __all__
