"""Contractions of two arrays: the primitive behind einsum, and the functions that are cases of it.

`contract` is bilinear, and its transposes are contractions again, with the letters exchanged. It computes by one
(batched) matrix product wherever there is anything to sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import zip_longest
from math import prod
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from functorch_lite.calculus.arguments import as_array, refuse_out
from functorch_lite.calculus.declare import linear
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.tables import UFUNC_METHODS, implements

__all__ = ["contract", "exchanged", "permutation"]

# --- The primitive ----------------------------------------------------------------------------------------------------


def _batched_contraction(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    return primitive.bind(arrays, (_with_batch_letter(params[0], batched),))


def _transpose_of_first(g: Any, y: Any, subscripts: str) -> Any:
    return contract(g, y, exchanged(subscripts)[0])


def _transpose_of_second(g: Any, x: Any, subscripts: str) -> Any:
    return contract(g, x, exchanged(subscripts)[1])


@linear(_transpose_of_first, _transpose_of_second, batch=_batched_contraction)
def contract(x: Any, y: Any, subscripts: str) -> Any:
    """Contract two arrays: ``contract(x, y, "ab,bc->ac")``.

    No letter occurs twice in one term, each occurs in two terms at least, and axes with the same letter have the same
    length. Who calls it sees to that; the transposes keep it.
    """
    return _kernel(subscripts)(x, y)


# --- NumPy's functions ------------------------------------------------------------------------------------------------


@implements(np.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = as_array(a), as_array(b)
    if hasattr(axes, "__len__"):
        of_a, of_b = (tuple(np.atleast_1d(each).tolist()) for each in axes)
    else:
        of_a, of_b = tuple(range(-axes, 0)), tuple(range(axes))
    of_a, of_b = normalize_axis_tuple(of_a, a.ndim), normalize_axis_tuple(of_b, b.ndim)
    if [a.shape[i] for i in of_a] != [b.shape[i] for i in of_b]:
        raise ValueError(f"shape-mismatch for sum: shapes {a.shape} and {b.shape} over axes {of_a} and {of_b}")
    return contract(a, b, _subscripts_of_axes(a.ndim, b.ndim, of_a, of_b))


@implements(np.linalg.tensordot)
def _array_api_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return _tensordot(x1, x2, axes)


@implements(np.inner)
def _inner(a: Any, b: Any, /) -> Any:
    a, b = as_array(a), as_array(b)
    return _tensordot(a, b, (-1, -1) if a.ndim and b.ndim else 0)


@implements(np.outer)
def _outer(a: Any, b: Any, out: Any = None) -> Any:
    refuse_out("outer", out)
    return contract(np.ravel(as_array(a)), np.ravel(as_array(b)), "a,b->ab")


@implements(np.linalg.outer)
def _array_api_outer(x1: Any, x2: Any, /) -> Any:
    x1, x2 = as_array(x1), as_array(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(f"Input arrays must be one-dimensional, but they are {x1.ndim=} and {x2.ndim=}.")
    return contract(x1, x2, "a,b->ab")


def _multiply_outer(ufunc: np.ufunc, a: Any, b: Any, /, **kwargs: Any) -> Any:
    a, b = as_array(a), as_array(b)
    if kwargs or "c" in (a.dtype.kind, b.dtype.kind):  # einsum rounds complex products in another way
        return UFUNC_METHODS[None, "outer"](ufunc, a, b, **kwargs)
    return contract(a, b, _subscripts_of_axes(a.ndim, b.ndim, (), ()))


UFUNC_METHODS[np.multiply, "outer"] = _multiply_outer


@implements(np.kron)
def _kron(a: Any, b: Any) -> Any:
    a, b = as_array(a), as_array(b)
    lengths = [n * m for n, m in zip_longest(reversed(a.shape), reversed(b.shape), fillvalue=1)]
    return contract(a, b, _subscripts_of_kron(a.ndim, b.ndim)).reshape(tuple(reversed(lengths)))


# --- How a pair is computed -------------------------------------------------------------------------------------------


class _MatrixProduct:
    """A contraction as a matrix product, batched over the letters that both operands share with the result.

    The axes of ``x`` are put in the order batch, rows, summed and those of ``y`` in the order batch, summed, columns;
    the axes of a group are merged, which copies only if memory has them in another order; and the product is split and
    permuted as the result asks. The operands change places if the result wants columns before rows.
    """

    def __init__(self, subscripts: str, x: str, y: str, out: str) -> None:
        batch = [a for a in out if a in x and a in y]
        free = [a for a in out if a not in batch]
        self.exchanged = bool(free) and free[0] in y
        if self.exchanged:
            x, y = y, x
        longer = x if len(x) >= len(y) else y  # the larger operand decides the order in which letters are merged
        summed = [a for a in longer if a in x and a in y and a not in out]
        rows = [a for a in x if a not in y]
        columns = [a for a in y if a not in x]
        self.subscripts = subscripts
        self.x_axes = permutation(x, [*batch, *rows, *summed])
        self.y_axes = permutation(y, [*batch, *summed, *columns])
        self.out_axes = permutation([*batch, *rows, *columns], out)
        self.split = len(batch), len(batch) + len(rows), len(batch) + len(summed)
        self.merges = max(len(rows), len(summed), len(columns)) > 1 or (bool(batch) and not (rows and columns))
        self.product = np.matmul if batch else np.dot

    def __call__(self, x: Any, y: Any) -> Any:
        if not (hasattr(x, "flags") and hasattr(y, "flags")):  # foreign arrays know best how to go about it
            return np.einsum(self.subscripts, x, y)
        if self.exchanged:
            x, y = y, x
        if self.x_axes is not None:
            x = x.transpose(self.x_axes)
        if self.y_axes is not None:
            y = y.transpose(self.y_axes)
        if self.merges:
            batch, rows, summed = self.split
            lead, above, beside = x.shape[:batch], x.shape[batch:rows], y.shape[summed:]
            length = prod(x.shape[rows:])
            x = x.reshape((*lead, prod(above), length))
            y = y.reshape((*lead, length, prod(beside)))
            z = self.product(x, y).reshape(lead + above + beside)
        else:
            z = self.product(x, y)
        return z if self.out_axes is None else z.transpose(self.out_axes)


@lru_cache(4096)
def _kernel(subscripts: str) -> Callable[[Any, Any], Any]:
    """Return what computes the contraction."""
    x, y, out = _terms(subscripts)
    if set(x) & set(y) <= set(out):  # nothing is summed; einsum is up to twice as fast at outer products as multiply
        return np.multiply if out.endswith(x) and out.endswith(y) else partial(np.einsum, subscripts)
    if out and set(x) == set(y):  # many small dot products, where BLAS gains nothing
        return partial(np.einsum, subscripts)
    return _MatrixProduct(subscripts, x, y, out)


@lru_cache(4096)
def exchanged(subscripts: str) -> tuple[str, str]:
    """Return the subscripts of the two transposes, which take the cotangent and the other operand."""
    x, y, out = _terms(subscripts)
    return f"{out},{y}->{x}", f"{out},{x}->{y}"


@lru_cache(4096)
def _with_batch_letter(subscripts: str, batched: tuple[bool, ...]) -> str:
    x, y, out = _terms(subscripts)
    letter = next(a for a in ascii_letters if a not in subscripts)
    return f"{letter * batched[0]}{x},{letter * batched[1]}{y}->{letter}{out}"


def _terms(subscripts: str) -> tuple[str, str, str]:
    inputs, out = subscripts.split("->")
    x, y = inputs.split(",")
    return x, y, out


def permutation(letters: Sequence[str], wanted: Sequence[str]) -> tuple[int, ...] | None:
    """Return the axes that bring letters into the wanted order; None if they are in it."""
    axes = tuple(letters.index(a) for a in wanted)
    return None if axes == tuple(range(len(axes))) else axes


@lru_cache(4096)
def _subscripts_of_axes(x_rank: int, y_rank: int, x_axes: tuple[int, ...], y_axes: tuple[int, ...]) -> str:
    letters = list(ascii_letters[: x_rank + y_rank])
    x, y = letters[:x_rank], letters[x_rank:]
    for i, j in zip(x_axes, y_axes, strict=True):
        y[j] = x[i]
    out = [a for a in x if a not in y] + [b for b in y if b not in x]
    return f"{''.join(x)},{''.join(y)}->{''.join(out)}"


@lru_cache
def _subscripts_of_kron(x_rank: int, y_rank: int) -> str:
    letters = list(ascii_letters[: x_rank + y_rank])
    x, y = letters[:x_rank], letters[x_rank:]
    pairs = [a + b for a, b in zip_longest(reversed(x), reversed(y), fillvalue="")]
    return f"{''.join(x)},{''.join(y)}->{''.join(reversed(pairs))}"
