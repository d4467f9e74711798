"""Triangles and diagonals of matrices, by PyTorch's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.aliases import in_own_memory
from functorch_lite.tensor.method_table import method

__all__ = ["diag", "diag_embed", "diagflat", "diagonal", "tril", "tril_indices", "triu", "triu_indices"]


@method
def tril(x: Any, diagonal: int = 0) -> Any:
    """Keep what is on and below a diagonal of matrices, 0 being the main one and -1 the next below.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tril(ft.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return np.tril(x, diagonal)


@method
def triu(x: Any, diagonal: int = 0) -> Any:
    """Keep what is on and above a diagonal of matrices, 0 being the main one and 1 the next above.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.triu(ft.ones(2, 2), 1)
    tensor([[0., 1.],
            [0., 0.]])
    """
    return np.triu(x, diagonal)


@method
def diagonal(
    x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, *, dim1: int | None = None, dim2: int | None = None
) -> Any:
    """Take a diagonal of the matrices that two axes span (in PyTorch ``dim1`` and ``dim2``), as a new last axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.diagonal(ft.arange(4).reshape(2, 2))
    tensor([0, 3])
    """
    return np.diagonal(x, offset, axis1 if dim1 is None else dim1, axis2 if dim2 is None else dim2)


@method
def diag(x: Any, diagonal: int = 0) -> Any:
    """Take a diagonal of a matrix, a copy (`diagonal` takes views), or make a matrix of a vector on its diagonal.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.diag(ft.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    return in_own_memory(np.diag(x, diagonal))


@method
def diagflat(x: Any, offset: int = 0) -> Any:
    """Make a matrix that has the flattened array on a diagonal.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.diagflat(ft.tensor([1]), 1)
    tensor([[0, 1],
            [0, 0]])
    """
    return np.diagflat(x, offset)


@method
def diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Make matrices, in the plane of two axes of the result, that have the last axis of the array on a diagonal.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.diag_embed(ft.ones(5, 2), offset=1).shape
    (5, 3, 3)
    """
    if not shape_of(x):
        raise ValueError(f"diag_embed at {user_line()}: a number has no axis for a diagonal; write x.unsqueeze(0)")
    n = shape_of(x)[-1] + abs(offset)
    padding = [(0, 0)] * (np.ndim(x) - 1) + [(0, offset) if offset >= 0 else (-offset, 0)]
    rows = np.expand_dims(np.pad(x, padding) if offset else x, -1)
    return np.moveaxis(np.where(np.eye(n, k=offset, dtype=bool), rows, 0), (-2, -1), (dim1, dim2))


def tril_indices(row: int, col: int, offset: int = 0) -> Any:
    """Return the positions on and below a diagonal of a matrix of given lengths, as in PyTorch: one row for each axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tril_indices(2, 2)
    array([[0, 1, 1],
           [0, 0, 1]])
    """
    return np.stack(np.tril_indices(row, offset, col))


def triu_indices(row: int, col: int, offset: int = 0) -> Any:
    """Return the positions on and above a diagonal of a matrix of given lengths, as in PyTorch: one row for each axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.triu_indices(2, 2)
    array([[0, 0, 1],
           [0, 1, 1]])
    """
    return np.stack(np.triu_indices(row, offset, col))
