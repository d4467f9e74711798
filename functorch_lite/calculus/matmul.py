"""The matrix product in all its ranks, and what is built on it: dot products, traces, cross products."""

from __future__ import annotations

import operator
import os
from functools import cache, lru_cache
from math import prod
from string import ascii_lowercase
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from functorch_lite.calculus.arguments import as_array, refuse_out
from functorch_lite.calculus.batching import on_matrices
from functorch_lite.calculus.contraction import contract, exchanged
from functorch_lite.calculus.declare import linear
from functorch_lite.calculus.shaping import diagonal
from functorch_lite.core.cache_lines import CACHE_LINE, read_on_line
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import PRIMITIVES, Arrays, Params, Primitive
from functorch_lite.core.tables import implements

__all__ = [
    "LARGEST_BY_DOT",
    "LARGEST_UNPACKED",
    "blas_threads",
    "cross",
    "has_thin_kernels",
    "matmul",
    "parts_of_rows",
    "parts_on_lines",
    "thin_product",
]

#: The multiplications in one product of matrices that OpenBLAS does without copying its operands into another order
#: first (``interface/gemm.c``, its path for small matrices). Other libraries lose nothing by parts of this size.
LARGEST_UNPACKED = 1_000_000
#: From so many multiplications on np.matmul is faster for a transposed matrix than np.dot, which is called faster.
LARGEST_BY_DOT = 1 << 18
#: A right operand of more elements is better read once than once for each part; parts of fewer rows do not pay.
LARGEST_REPEATED = 1 << 13
SMALLEST_PART = 32
#: The bytes of a right operand that may be read once for each part from the second-level cache, if its rows begin with
#: lines of the cache; to copy it so pays from so many rows on.
LARGEST_ON_LINES, FEWEST_ROWS = 1 << 20, 48
_OF_BLAS = frozenset(map(np.dtype, ("f4", "f8")))

#: A matrix of so many elements (512 KB) is better read once for all that it multiplies than once for each.
LARGE_MATRIX = 65536

# --- The matrix product -----------------------------------------------------------------------------------------------


def _transpose_of_first(g: Any, y: Any, x_shape: tuple[int, ...]) -> Any:
    """g yᵀ."""
    x_rank, y_rank = len(x_shape), y.ndim
    if x_rank == 2 == y_rank:
        return np.dot(g, y.T)
    if y_rank == 1:
        return g * y if x_rank == 1 else np.multiply.outer(g, y)
    if x_rank == 1 and y_rank == 2:
        return np.dot(y, g)
    if x_rank <= 2:  # shared by all matrices of y: the product itself sums over them
        return contract(g, y, exchanged(_subscripts(x_rank, y_rank))[0])
    return matmul(g, np.swapaxes(y, -1, -2))


def _transpose_of_second(g: Any, x: Any, y_shape: tuple[int, ...]) -> Any:
    """xᵀ g."""
    x_rank, y_rank = x.ndim, len(y_shape)
    if x_rank == 2 == y_rank:
        return _product_of_transpose(x, g)
    if x_rank == 1 and y_rank <= 2:
        return g * x if y_rank == 1 else np.multiply.outer(x, g)
    if x_rank == 2 and y_rank == 1:
        return np.dot(g, x)
    if y_rank == 2:  # shared by all matrices of x, which are but more rows
        rows = prod(x.shape[:-1])
        return _product_of_transpose(x.reshape((rows, x.shape[-1])), g.reshape((rows, y_shape[-1])))
    if x_rank == 1 or y_rank == 1:
        return contract(g, x, exchanged(_subscripts(x_rank, y_rank))[1])
    return matmul(np.swapaxes(x, -1, -2), g)


def _product_of_transpose(x: Any, g: Any) -> Any:
    """xᵀ g for two matrices."""
    if not (hasattr(x, "flags") and hasattr(g, "flags")):
        return np.dot(x.T, g)
    (depth, rows), columns = x.shape, g.shape[1]
    count = parts_of_rows(rows, depth, columns)
    if count == 1:
        return np.matmul(x.T, g) if rows * depth * columns > LARGEST_BY_DOT else np.dot(x.T, g)
    return _in_parts(x.T, read_on_line(g), count)


def _in_parts(x: Any, y: Any, count: int) -> Any:
    """x y for two matrices, in so many parts of the rows of x."""
    (rows, depth), columns = x.shape, y.shape[1]
    out = np.empty((rows, columns), np.result_type(x, y))
    np.matmul(x.reshape((count, rows // count, depth)), y, out.reshape((count, rows // count, columns)))
    return out


@cache
def blas_threads() -> int:
    """Return how many threads BLAS uses for a large product, as far as its environment variables say."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        said = os.environ.get(name, "")
        if said.isdigit() and int(said):
            return int(said)
    return os.cpu_count() or 1


@cache
def has_thin_kernels() -> bool:
    """Say whether BLAS multiplies a matrix by a few vectors faster at once than one by one, as far as NumPy knows.

    OpenBLAS has kernels for small matrices where the processor has AVX-512: two vectors at once take 0.65 of the time,
    four 0.45. Elsewhere it copies the matrix first, and two at once take twice the time.
    """
    config: Any = np.show_config(mode="dicts")
    library = config.get("Build Dependencies", {}).get("blas", {}).get("name", "")
    features = config.get("SIMD Extensions", {}).get("found", ())
    return "openblas" in library and any(name == "X86_V4" or name.startswith("AVX512") for name in features)


def thin_product(x: Any, y: Any, out: Any) -> None:
    """Multiply a matrix by a thin one, into a third, in parts for which BLAS has its kernels for small matrices."""
    (rows, depth), columns = x.shape, y.shape[1]
    part = LARGEST_UNPACKED // max(depth * columns, 1)
    if rows <= part:
        np.dot(x, y, out)
        return
    count = rows // part
    whole = count * part
    np.matmul(x[:whole].reshape((count, part, depth)), y, out[:whole].reshape((count, part, columns)))
    if whole < rows:
        np.dot(x[whole:], y, out[whole:])


@lru_cache(maxsize=1024)
def parts_of_rows(rows: int, depth: int, columns: int) -> int:
    """Return in how many parts of its rows a product with a transposed matrix is computed fastest; 1 is the whole.

    The matrices are rows×depth and depth×columns. Many rows in parts take 70 to 80 % of the time: what BLAS multiplies
    at once it first copies, and from a transposed matrix slowly. Where BLAS has several threads, the whole is theirs.
    """
    if blas_threads() > 1 or depth * columns > LARGEST_REPEATED or rows * depth * columns <= LARGEST_UNPACKED:
        return 1
    most = LARGEST_UNPACKED // (depth * columns)
    return next((rows // n for n in range(most, SMALLEST_PART - 1, -1) if rows % n == 0), 1)


def _of_matrices(x: Any, y: Any) -> Any:
    """x y for two matrices."""
    if type(x) is type(y) is np.ndarray and x.shape[0] * y.size > LARGEST_UNPACKED and x.dtype == y.dtype:
        count = parts_on_lines(x.shape[0], *y.shape, y.dtype) if x.flags.c_contiguous else 1
        if count > 1:
            return _in_parts(x, read_on_line(y), count)
    return np.dot(x, y)


@lru_cache(maxsize=1024)
def parts_on_lines(rows: int, depth: int, columns: int, dtype: Any) -> int:
    """Return in how many parts of its rows a product is computed fastest, the right operand being `read_on_line`.

    BLAS then reads that as fast where it lies as it would read a copy of its own, which takes 10 to 40 % of the time.
    """
    if dtype not in _OF_BLAS or rows * depth * columns <= LARGEST_UNPACKED:
        return 1
    count = parts_of_rows(rows, depth, columns)
    bytes_of_row = columns * dtype.itemsize
    if count > 1 or blas_threads() > 1 or rows < FEWEST_ROWS:
        return count
    if bytes_of_row % CACHE_LINE or bytes_of_row * depth > LARGEST_ON_LINES:
        return 1
    part = LARGEST_UNPACKED // (depth * columns) // 4 * 4
    return next((rows // n for n in range(part, 0, -4) if rows % n == 0), 1)


def _batched_matmul(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    x, y = arrays
    x_rank, y_rank = len(shape_of(x)) - batched[0], len(shape_of(y)) - batched[1]
    if not x_rank or not y_rank:
        raise ValueError(f"matmul at {user_line()} of a scalar; write x * y")
    if not batched[1] and y_rank <= 2:  # the batch is more rows
        return matmul(x, y)
    if not batched[0] and x_rank <= 2:  # more columns
        return matmul(x, y) if y_rank > 1 else matmul(y, x.T)
    if x_rank == 1 or y_rank == 1:
        return contract(x, y, _batched_subscripts(x_rank, y_rank, batched))
    if not batched[1] and x_rank == 2:  # more rows for each matrix of y
        n = x.shape[1]
        z = matmul(x.reshape((size * n, x.shape[2])), y)
        return np.moveaxis(z.reshape((*z.shape[:-2], size, n, z.shape[-1])), -3, 0)
    if not batched[0] and y_rank == 2:  # many rows for each example
        z = matmul(x.reshape((prod(x.shape[:-1]), x.shape[-1])), y)
        return z.reshape((size, *x.shape[:-1], z.shape[-1]))
    return on_matrices(2, 2)(primitive, size, arrays, batched, params)


def _columns(i: int, arrays: Arrays) -> Any:
    vector, matrix = arrays[i], arrays[1 - i]
    if vector.ndim != 1 or matrix.ndim > 2:
        return None
    return matrix.T if i else matrix


@linear(_transpose_of_first, _transpose_of_second, columns=_columns, batch=_batched_matmul)
def matmul(x: Any, y: Any) -> Any:
    """Multiply as ``np.matmul`` does, but a stack of matrices by a single one as one product where memory allows it."""
    try:
        x_rank, y_rank = x.ndim, y.ndim
    except AttributeError:  # Python scalars: NumPy's own error
        return np.matmul(x, y)
    if x_rank == 2 == y_rank:
        return _of_matrices(x, y)
    if x_rank > 2 and 0 < y_rank <= 2 and _is_contiguous(x):
        rows = x.reshape((prod(x.shape[:-1]), x.shape[-1]))
        return np.dot(rows, y).reshape((*x.shape[:-1], *y.shape[1:]))
    if x_rank == 2 and y_rank > 2 and hasattr(y, "flags"):
        transposed = np.swapaxes(y, -1, -2)
        if y.shape[-1] == 1 or _is_contiguous(transposed) or x.size >= LARGE_MATRIX:  # y xᵀ instead of x y
            rows = transposed.reshape((prod(transposed.shape[:-1]), y.shape[-2]))
            return np.swapaxes(np.dot(rows, x.T).reshape((*transposed.shape[:-1], x.shape[0])), -1, -2)
    if x_rank > 2 and y_rank > 2 and x.shape[-1] == 1 == y.shape[-2]:  # outer products, at twice the speed of BLAS
        return np.einsum("...ij,...jk->...ik", x, y)
    return np.matmul(x, y)


PRIMITIVES[np.matmul] = PRIMITIVES[operator.matmul] = matmul

# --- Its relatives ----------------------------------------------------------------------------------------------------


@implements(np.dot)
def _dot(a: Any, b: Any, out: Any = None) -> Any:
    refuse_out("dot", out)
    a, b = as_array(a), as_array(b)
    if not a.ndim or not b.ndim:
        return a * b
    return matmul(a, b) if b.ndim <= 2 else np.tensordot(a, b, (-1, -2))


@implements(np.vdot)
def _vdot(a: Any, b: Any, /) -> Any:
    return matmul(_conjugate(np.ravel(as_array(a))), np.ravel(as_array(b)))


@implements(np.linalg.matmul)
def _linalg_matmul(x1: Any, x2: Any, /) -> Any:
    return np.matmul(x1, x2)


@implements(np.linalg.vecdot)
def _linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return _vecdot(x1, x2, axis=axis)


@implements(np.matmul)
def _matmul(x1: Any, x2: Any, /, *, axes: Any) -> Any:
    x1, x2 = as_array(x1), as_array(x2)
    ranks = min(x1.ndim, 2), min(x2.ndim, 2)
    return _along("matmul", axes, (x1, x2), (*ranks, sum(ranks) - 2))


@implements(np.vecdot)
def _vecdot(x1: Any, x2: Any, /, *, axis: int | None = None, axes: Any = None, keepdims: bool = False) -> Any:
    if axis is not None:
        axes = [axis, axis]
    elif keepdims and axes is not None and len(axes) > 2:
        *axes, place = axes
        return np.expand_dims(_vecdot(x1, x2, axes=axes), place)
    z = _along("vecdot", axes, (as_array(x1), as_array(x2)), (1, 1, 0))
    return np.expand_dims(z, -1 if axis is None else axis) if keepdims else z


@implements(np.matvec)
def _matvec(x1: Any, x2: Any, /, *, axes: Any = None) -> Any:
    return _along("matvec", axes, (as_array(x1), as_array(x2)), (2, 1, 1))


@implements(np.vecmat)
def _vecmat(x1: Any, x2: Any, /, *, axes: Any = None) -> Any:
    return _along("vecmat", axes, (as_array(x1), as_array(x2)), (1, 2, 1))


_PRODUCTS: dict[str, Any] = {
    "matmul": np.matmul,
    "vecdot": lambda x, y: np.einsum("...a,...a->...", _conjugate(x), y),
    "matvec": lambda x, y: np.einsum("...ab,...b->...a", x, y),
    "vecmat": lambda x, y: np.einsum("...a,...ab->...b", _conjugate(x), y),
}


def _along(name: str, axes: Any, operands: tuple[Any, Any], ranks: tuple[int, int, int]) -> Any:
    """Apply one of the products with its core axes where ``axes`` says; their numbers are the ranks."""
    x, y = operands
    if axes is not None:
        if len(axes) != 3 and (ranks[2] or len(axes) != 2):
            raise ValueError(f"np.{name} at {user_line()}: axes must name those of both operands and of the result")
        x, y = _core_last(name, x, axes[0], ranks[0]), _core_last(name, y, axes[1], ranks[1])
    if name != "matmul" and (x.ndim < ranks[0] or y.ndim < ranks[1] or x.shape[-1] != y.shape[-min(ranks[1], 2)]):
        raise ValueError(f"np.{name} at {user_line()}: shapes {x.shape} and {y.shape} do not fit")
    z = _PRODUCTS[name](x, y)
    if axes is None or not ranks[2]:
        return z
    place = (axes[2],) if isinstance(axes[2], int) else tuple(axes[2])
    return np.moveaxis(z, range(-ranks[2], 0), place)


def _core_last(name: str, x: Any, axes: Any, rank: int) -> Any:
    axes = (axes,) if isinstance(axes, int) else tuple(axes)
    if len(axes) != rank:
        raise ValueError(f"np.{name} at {user_line()}: {axes=} given for an operand with {rank} core dimensions")
    return np.moveaxis(x, axes, range(-rank, 0))


@implements(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    refuse_out("trace", out)
    a = as_array(a)
    if a.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    axes = normalize_axis_index(axis1, a.ndim), normalize_axis_index(axis2, a.ndim)
    matrices = a if axes == (a.ndim - 2, a.ndim - 1) else np.moveaxis(a, axes, (-2, -1))
    return np.sum(diagonal(matrices, offset), -1, dtype=dtype)


@implements(np.linalg.trace)
def _linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return _trace(x, offset, -2, -1, dtype)


# --- The cross product ------------------------------------------------------------------------------------------------


def _cross_of_first(g: Any, y: Any) -> Any:
    return cross(y, g)  # g·(x×y) = x·(y×g)


def _cross_of_second(g: Any, x: Any) -> Any:
    return cross(g, x)  # g·(x×y) = y·(g×x)


@linear(_cross_of_first, _cross_of_second, batch=on_matrices(1, 1))
def cross(x: Any, y: Any) -> Any:
    """Return the vector product along the last axis, which has three elements."""
    if x.ndim == 1 == y.ndim:
        return x[_NEXT] * y[_LAST] - x[_LAST] * y[_NEXT]
    x0, x1, x2 = x[..., 0], x[..., 1], x[..., 2]
    y0, y1, y2 = y[..., 0], y[..., 1], y[..., 2]
    return np.stack((x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0), -1)


_NEXT, _LAST = np.array([1, 2, 0]), np.array([2, 0, 1])


@implements(np.cross)
def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = as_array(a), as_array(b)
    if not a.ndim or not b.ndim:
        raise ValueError("At least one array has zero dimension")
    axisa, axisb = normalize_axis_index(axisa, a.ndim, "axisa"), normalize_axis_index(axisb, b.ndim, "axisb")
    lengths = a.shape[axisa], b.shape[axisb]
    if lengths != (3, 3):
        raise ValueError(
            f"incompatible dimensions for cross product: vectors must have 3 elements, at {user_line()} they have "
            f"{lengths}. In two dimensions write x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]"
        )
    return np.moveaxis(cross(_last(a, axisa), _last(b, axisb)), -1, axisc)


@implements(np.linalg.cross)
def _linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return _cross(x1, x2, axis=axis)


# --- Helpers ----------------------------------------------------------------------------------------------------------


def _last(x: Any, axis: int) -> Any:
    return x if axis == x.ndim - 1 else np.moveaxis(x, axis, -1)


def _conjugate(x: Any) -> Any:
    return np.conjugate(x) if x.dtype.kind == "c" else x


def _is_contiguous(x: Any) -> bool:
    """Say whether axes can be merged without a copy; False for foreign arrays."""
    flags = getattr(x, "flags", None)
    return flags is not None and bool(flags.c_contiguous)


@lru_cache
def _subscripts(x_rank: int, y_rank: int) -> str:
    """Return the matrix product, of which one operand at least has no leading axes, in letters."""
    x, y = _letters(x_rank, y_rank)
    return f"{x},{y}->{_product_of(x, y)}"


@lru_cache
def _batched_subscripts(x_rank: int, y_rank: int, batched: tuple[bool, ...]) -> str:
    x, y = _letters(x_rank, y_rank)
    return f"{'z' * batched[0]}{x},{'z' * batched[1]}{y}->z{_product_of(x, y)}"


def _letters(x_rank: int, y_rank: int) -> tuple[str, str]:
    leading = ascii_lowercase[: max(x_rank, y_rank, 2) - 2]
    x = "K" if x_rank == 1 else leading[len(leading) - x_rank + 2 :] + "NK"
    y = "K" if y_rank == 1 else leading[len(leading) - y_rank + 2 :] + "KM"
    return x, y


def _product_of(x: str, y: str) -> str:
    leading = max(x[:-2], y[:-2], key=len)
    return leading + "N" * ("N" in x) + "M" * ("M" in y)
