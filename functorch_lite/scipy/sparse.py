"""Products and systems with sparse matrices, differentiable by the vectors and by the entries.

SciPy's own operators (``A @ x``) take plain arrays only and raise otherwise. A `scipy.sparse` array cannot hold traced
entries either: where they vary, give them beside the matrix as ``data``, which then stands in the place of
``A.tocsr().data``; the structure of ``A`` is constant.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array, issparse
from scipy.sparse.linalg import splu

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.batching import broadcast_batch
from functorch_lite.calculus.declare import general, linear
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.dependence import declare_pattern

__all__ = ["sparse_matmul", "spsolve"]


def sparse_matmul(A: Any, x: Any, data: Any = None) -> Any:
    """Multiply a sparse matrix by a vector or by the columns of a matrix.

    Parameters
    ----------
    A
        A `scipy.sparse` array or matrix of shape (m, n).
    x
        An array of shape (n,) or (n, k).
    data
        The entries, in the order of ``A.tocsr().data``; None means those.

    Returns
    -------
    array
        Of shape (m,) or (m, k); differentiable by ``x`` and ``data``.

    Raises
    ------
    TypeError
        If ``A`` is not sparse.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np, scipy.sparse, functorch_lite as ft
    >>> A = scipy.sparse.diags_array([[1.0, 2.0], [3.0]], offsets=[0, 1])
    >>> ft.grad(lambda x: np.sum(ft.linalg.sparse_matmul(A, x) ** 2))(np.ones(2))
    array([ 8., 32.])
    >>> ft.grad(lambda d: np.sum(ft.linalg.sparse_matmul(A, np.array([1.0, 10.0]), d)))(A.tocsr().data)
    array([ 1., 10., 10.])
    """
    structure, data = _taken_apart(A, data, "sparse_matmul")
    x = as_array(x)
    if x.ndim not in (1, 2) or shape_of(x)[0] != structure.shape[1]:
        raise ValueError(
            f"sparse_matmul at {user_line()}: a matrix of shape {structure.shape} does not fit an array of shape "
            f"{shape_of(x)}; it must have one or two axes, the first of length {structure.shape[1]}"
        )
    columns = x.reshape(x.shape[0], 1) if x.ndim == 1 else x
    product = _product(data, columns, structure)
    return product[:, 0] if x.ndim == 1 else product


def spsolve(A: Any, b: Any, data: Any = None) -> Any:
    """Solve ``A x = b`` for a sparse matrix, as `scipy.sparse.linalg.spsolve` does.

    The matrix is factorised once, for the solution and for the systems of its derivatives in both modes.

    Parameters
    ----------
    A
        A square `scipy.sparse` array or matrix of shape (n, n).
    b
        An array of shape (n,) or (n, k).
    data
        The entries, in the order of ``A.tocsr().data``; None means those.

    Returns
    -------
    array
        The solution, of the shape of ``b``; differentiable by ``b`` and ``data``.

    Raises
    ------
    TypeError, ValueError
        As `sparse_matmul`.
    RuntimeError
        If the matrix is exactly singular (SciPy's own error).

    Examples
    --------
    >>> import numpy as np, scipy.sparse, functorch_lite as ft
    >>> A = scipy.sparse.diags_array([[2.0, 4.0], [1.0]], offsets=[0, 1])
    >>> ft.jacobian(lambda b: ft.linalg.spsolve(A, b))(np.ones(2))
    array([[ 0.5  , -0.125],
           [ 0.   ,  0.25 ]])
    """
    structure, data = _taken_apart(A, data, "spsolve")
    b = as_array(b)
    n = structure.shape[0]
    if structure.shape != (n, n):
        raise ValueError(f"spsolve at {user_line()}: the matrix has shape {structure.shape}; it must be square")
    if b.ndim not in (1, 2) or shape_of(b)[0] != n:
        raise ValueError(
            f"spsolve at {user_line()}: a matrix of shape {structure.shape} does not fit a right-hand side of shape "
            f"{shape_of(b)}; it must have one or two axes, the first of length {n}"
        )
    columns = b.reshape(n, 1) if b.ndim == 1 else b
    x = _solution(data, columns, _Factors(structure), False)
    return x[:, 0] if b.ndim == 1 else x


class _Structure:
    """Where a sparse matrix has entries: rows compressed, in SciPy's sense."""

    def __init__(self, indices: Any, indptr: Any, shape: tuple[int, int]) -> None:
        self.indices, self.indptr, self.shape = indices, indptr, shape

    def matrix(self, data: Any) -> Any:
        """Return the matrix with these entries."""
        return csr_array((data, self.indices, self.indptr), shape=self.shape)

    @cached_property
    def rows(self) -> Any:
        """The row of each entry."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    @cached_property
    def order(self) -> Any:
        """The positions of the entries of the transpose among those of the matrix."""
        return np.argsort(self.indices, kind="stable")

    @cached_property
    def transpose(self) -> _Structure:
        """The structure of the transpose, whose entries are ``data[order]``."""
        counts = np.bincount(self.indices, minlength=self.shape[1])
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(self.indptr.dtype)
        transpose = _Structure(self.rows[self.order].astype(self.indices.dtype), starts, self.shape[::-1])
        return transpose

    @cached_property
    def sums(self) -> _Structure:
        """The structure of the matrix of ones that sums the entries of each row."""
        return _Structure(np.arange(len(self.indices)), self.indptr, (self.shape[0], len(self.indices)))


class _Factors:
    """The factorisation of a matrix of a given structure; it is made again only for other entries."""

    def __init__(self, structure: _Structure) -> None:
        self.structure = structure
        self.kept: tuple[Any, Any] | None = None

    def solve(self, data: Any, b: Any, transposed: bool) -> Any:
        """Solve for the columns of ``b``."""
        kept = self.kept
        if kept is None or kept[0].dtype != data.dtype or not np.array_equal(kept[0], data):
            self.kept = kept = (np.array(data), splu(self.structure.matrix(data).tocsc()))
        form = "T" if transposed else "N"
        factors = kept[1]
        if np.iscomplexobj(b) and not np.iscomplexobj(data):
            return factors.solve(b.real.copy(), form) + 1j * factors.solve(b.imag.copy(), form)
        return factors.solve(np.asarray(b, np.result_type(b, data)), form)


def _taken_apart(A: Any, data: Any, name: str) -> tuple[_Structure, Any]:
    if not issparse(A):
        kind = "traced value" if isinstance(A, Tracer) else type(A).__name__
        raise TypeError(f"{name} at {user_line()} needs a scipy.sparse array, not a {kind}; else write A @ x")
    rows = csr_array(A)
    if data is None:
        data = rows.data if rows.dtype.kind in "fc" else rows.data.astype(float)
    else:
        data = as_array(data)
        if shape_of(data) != rows.data.shape:
            raise ValueError(
                f"{name} at {user_line()}: data has shape {shape_of(data)}; the matrix has {rows.data.shape[0]} entries"
            )
    return _Structure(rows.indices, rows.indptr, rows.shape), data


def _product_of(data: Any, x: Any, structure: _Structure) -> Any:
    return _product(data, x, structure)


def _solution_of(data: Any, b: Any, factors: _Factors, transposed: bool) -> Any:
    return _solution(data, b, factors, transposed)


# --- Primitives -------------------------------------------------------------------------------------------------------


def _products_at_entries(g: Any, x: Any, structure: _Structure) -> Any:
    """Return for each entry (i, j) the product of row i of ``g`` and row j of ``x``."""
    return np.sum(g[structure.rows] * x[structure.indices], axis=-1)


def _batched_product(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    data, x = arrays
    (structure,) = params
    if batched[0]:  # entries that differ: multiply one by one, then sum each row
        terms = data[..., None] * (x[:, structure.indices] if batched[1] else x[structure.indices])
        return _batched_product(
            primitive, size, (np.ones(data.shape[1:], data.dtype), terms), (False, True), (structure.sums,)
        )
    n, k = x.shape[1:]
    columns = np.moveaxis(x, 0, 1).reshape(n, size * k)
    return np.moveaxis(primitive.bind((data, columns), params).reshape(structure.shape[0], size, k), 1, 0)


@linear(
    _products_at_entries,
    lambda g, data, structure: _product_of(data[structure.order], g, structure.transpose),
    batch=_batched_product,
)
def _product(data: Any, x: Any, structure: _Structure) -> Any:
    """Multiply a sparse matrix, given by its entries, by a matrix."""
    return structure.matrix(data) @ x


def _solution_jvp(t: Any, ans: Any, data: Any, factors: _Factors, transposed: bool) -> Any:
    structure = factors.structure
    if transposed:
        return -_solution_of(data, _product_of(t[structure.order], ans, structure.transpose), factors, True)
    return -_solution_of(data, _product_of(t, ans, structure), factors, False)


def _solution_vjp(g: Any, ans: Any, data: Any, factors: _Factors, transposed: bool) -> Any:
    multiplier = _solution_of(data, g, factors, not transposed)
    if transposed:
        return -_products_at_entries(ans, multiplier, factors.structure)
    return -_products_at_entries(multiplier, ans, factors.structure)


def _batched_solution(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    data, b = arrays
    if batched[0] and size:
        b = b if batched[1] else broadcast_batch(size, b)
        return np.stack([primitive.bind((data[i], b[i]), params) for i in range(size)])
    if batched[0]:
        return b if batched[1] else broadcast_batch(size, b)
    n, k = b.shape[1:]
    columns = np.moveaxis(b, 0, 1).reshape(n, size * k)
    return np.moveaxis(primitive.bind((data, columns), params).reshape(n, size, k), 1, 0)


@general(
    Rule(_solution_jvp, _solution_vjp),
    Rule(vjp=lambda g, data, factors, transposed: _solution_of(data, g, factors, not transposed)),
    batch=_batched_solution,
)
def _solution(data: Any, b: Any, factors: _Factors, transposed: bool) -> Any:
    """Solve a sparse system, or that with the transposed matrix, for the columns of ``b``."""
    return factors.solve(data, b, transposed)


def _pattern_of_product(i: int, values: Arrays, params: Params, out_shape: tuple[int, ...]) -> Any:
    """Entry (i, j) of the matrix links row j of ``x`` to row i of the result, column by column."""
    (structure,) = params
    m, k = out_shape
    column = np.tile(np.arange(k), len(structure.indices))
    rows = np.repeat(structure.rows, k) * k + column
    if i == 1:
        sources, count = np.repeat(structure.indices, k) * k + column, structure.shape[1] * k
    else:
        sources, count = np.repeat(np.arange(len(structure.indices)), k), len(structure.indices)
    return csr_array((np.ones(len(rows), dtype=bool), (rows, sources)), shape=(m * k, count))


declare_pattern(_product, _pattern_of_product)
