"""Forward mode of many tangents at once, by which Jacobians are made column by column.

It computes what ``vmap`` of `jvp` over the tangents would: the values are the same for all tangents, so a dual number
carries its value once, and all tangents. Each operation is then performed by one trace, not by two. Tangents of which
each element has few stay sparse until an operation mixes elements. Source: Griewank and Walther, *Evaluating
Derivatives* (2008), section 3.1 (the vector mode).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, JointPrimitive, Linear, Params, Primitive
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.arguments import unshared
from functorch_lite.transforms.batching import Batched, BatchTrace, check_chunk_size
from functorch_lite.transforms.forward import ForwardTrace, called_with_duals, projected
from functorch_lite.transforms.tangent_arrays import DenseTangents, SparseTangents, Tangents, aligned, as_tangents

__all__ = ["ManyTangentsTrace", "columns_of", "push_many", "push_own"]


def push_many(
    f: Callable[[list[Any]], Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
    chunk_size: int | None = None,
    last: bool = True,
) -> tuple[Any, Any, Any]:
    """Compute ``f`` at a point, and its derivatives along many directions.

    Parameters
    ----------
    f
        A function of a list of arrays.
    primals
        The point, a list of arrays.
    tangents
        For each array of the point one with the directions along axis 0, or `SparseTangents`.
    has_aux
        Whether ``f`` returns a pair of which only the first is differentiated.
    chunk_size
        Push at most this many tangents, of arrays, at a time; ``f`` runs once for each chunk.
    last
        Whether the directions are along the last axis of the results, or along the first.

    Returns
    -------
    value, tangents, aux
        The value; a tree like it with the derivatives; and the auxiliary output, None without ``has_aux``.
    """
    check_chunk_size(chunk_size)
    size = _size(tangents)
    if chunk_size is None or size <= chunk_size:
        return _push(f, primals, tangents, has_aux, size, last)
    value: Any = None
    parts = []
    for start in range(0, size, chunk_size):
        chunk = [t[start : start + chunk_size] for t in tangents]
        value, part, aux = _push(f, primals, chunk, has_aux, chunk[0].shape[0], last)
        parts.append(part)
    return value, tree.map(lambda *columns: np.concatenate(columns, -last), *parts), aux


def push_own(f: Callable[[list[Any]], Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Compute the derivative of each element of a function's result by the element of the point in its place.

    The result is a tree like that of ``f``, whose leaves go with the arrays of the point; the arguments are those of
    `push_many`, with the basis as tangents.
    """
    parts, structure, _ = _pushed(f, primals, tangents, False, _size(tangents))
    own, start = [], 0
    for (value, t), x in zip(parts, primals, strict=True):
        zero = np.zeros_like(value)
        own.append(t.own(start) if t is not None else zero if zero.shape else zero[()])
        start += prod(shape_of(x))
    return tree.unflatten(structure, own)


def _push(
    f: Callable[[list[Any]], Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool,
    size: int,
    last: bool,
) -> tuple[Any, Any, Any]:
    parts, structure, aux = _pushed(f, primals, tangents, has_aux, size)
    seen: set[int] = set()
    columns = [columns_of(v, t, size, last, seen) for v, t in parts]
    value = tree.unflatten(structure, [v for v, _ in parts])
    return value, tree.unflatten(structure, columns), aux


def _size(tangents: Sequence[Any]) -> int:
    first = tangents[0]
    return first.space.size if type(first) is SparseTangents else shape_of(first)[0]


def _pushed(
    f: Callable[[list[Any]], Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool, size: int
) -> tuple[list[tuple[Any, Any]], tree.Structure, Any]:
    trace = ManyTangentsTrace(size)
    duals = [trace.dual(x, as_tangents(t)) for x, t in zip(primals, tangents, strict=True)]
    return called_with_duals(f, (duals,), trace, has_aux)


class ManyTangentsTrace(ForwardTrace):
    """Push many tangents through each operation; those of a dual number are `DenseTangents` or `SparseTangents`.

    Rules are written for one tangent. Those of pointwise operations hold for many as they are; others are run on the
    tracers of a `BatchTrace`, which is older than this trace, once an array has all its tangents.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.batch = BatchTrace(size)
        super().__init__()

    def close(self) -> None:
        self.batch.close()
        super().close()

    def fitted(self, t: Any, ans: Any) -> Any:
        if type(t) is SparseTangents:
            return t.fitted(ans)
        return DenseTangents(projected(aligned(t.array, len(shape_of(ans))), ans, (self.size,)))

    def fitting(self, t: Any, ans: Any) -> Any:
        """Do what `fitted` does, at less cost where there is nothing to do."""
        if t.dtype is getattr(ans, "dtype", None) and t.shape == ans.shape:
            return t
        return self.fitted(t, ans)

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if primitive.is_inlined:
            return primitive.function(arrays)
        if primitive.is_simple and isinstance(primitive, Linear):
            (x,) = arrays
            value = x.value
            ans = primitive.bind((value,), params) if isinstance(value, Tracer) else primitive.function(value, *params)
            return self.dual(ans, self.pushed_simple(primitive, ans, value, x.tangent, params))
        values, tangents = self.parted(arrays)
        if isinstance(primitive, JointPrimitive):
            results, pushed = primitive.forward(tuple(values), self._in_batch(tangents))
            return tuple(map(self._dual_of, map(self._common, results), pushed))
        ans = primitive.bind(tuple(values), params)
        if primitive.is_pointwise:
            t = primitive.push(tangents, ans, tuple(values), params)
            return ans if t is None else self.dual(ans, self.fitted(t, ans))
        if isinstance(primitive, Linear):
            t = self._sparse(primitive, tangents, ans, values, params)
            if t is not None:
                return self.dual(ans, self.fitted(t, ans))
        t = primitive.push(self._in_batch(tangents), ans, tuple(values), params)
        if type(ans) is tuple and t is not None:
            return tuple(map(self._dual_of, ans, t))
        return self._dual_of(ans, t)

    def pushed(self, primitive: Primitive, ans: Any, arrays: Arrays, params: Params) -> Any:
        """Return the tangents of a pointwise or simple linear operation."""
        if primitive.is_pointwise:
            values, tangents = self.parted(arrays)
            return self.fitting(primitive.push(tangents, ans, tuple(values), params), ans)
        (x,) = arrays
        return self.pushed_simple(primitive, ans, x.value, x.tangent, params)  # type: ignore[arg-type]

    def pushed_simple(self, primitive: Linear, ans: Any, value: Any, t: Tangents, params: Params) -> Any:
        """Return the tangents of a linear operation on one array with one result."""
        if type(t) is SparseTangents:
            if primitive.moves:
                return t.moved(primitive, params)
            if primitive.elementwise:
                return self.fitted(_of_elements(primitive, (t,), ans, (value,), params), ans)
            if primitive.collects:
                collected = t.collected(*_places(primitive, value, params, ans))
                if collected is not None:
                    return DenseTangents(projected(collected, ans, (self.size,)))
        pushed = primitive.batch(self.size, (t.dense().array,), (True,), params)
        return DenseTangents(projected(pushed, ans, (self.size,)))

    def _sparse(
        self, primitive: Linear, tangents: Sequence[Any], ans: Any, values: Sequence[Any], params: Params
    ) -> Tangents | None:
        """Return the tangents of an operation on several arrays that need not make sparse ones dense; else None."""
        for t in tangents:
            if t is not None and type(t) is not SparseTangents:
                return None
        if primitive.moves:
            parts = [x if t is None else t for x, t in zip(values, tangents, strict=True)]
            return SparseTangents.joined(parts, primitive, params)
        if primitive.elementwise:
            return _of_elements(primitive, tangents, ans, values, params)
        if primitive.columns is None:
            return None
        given = [i for i, t in enumerate(tangents) if t is not None]
        columns = primitive.columns(given[0], values) if len(given) == 1 else None
        return None if columns is None else tangents[given[0]].multiplying(columns)

    def _in_batch(self, tangents: Sequence[Any]) -> list[Any]:
        return [None if t is None else self.batch.batched(t.dense().array) for t in tangents]

    def _common(self, ans: Any) -> Any:
        """Return a value by itself which a rule has computed for each tangent, though it is the same for all."""
        if isinstance(ans, Batched) and ans._trace is self.batch and ans.dtype.kind in "biufc":
            return ans.value[0]
        return ans

    def _dual_of(self, ans: Any, t: Any) -> Any:
        """Return the dual number of a value and of what a rule made of all tangents."""
        if t is None:
            return ans
        if isinstance(t, Batched) and t._trace is self.batch:
            t = aligned(t.value, len(shape_of(ans)))
        return self.dual(ans, DenseTangents(projected(t, ans, (self.size,))))


def _of_elements(
    primitive: Linear, tangents: Sequence[Any], ans: Any, values: Sequence[Any], params: Params
) -> Tangents:
    """Apply a linear operation on elements to each term of each operand, where the others have the tangent zero."""
    total: Any = None
    for i, t in enumerate(tangents):
        if t is None:
            continue
        alone: list[Any] = [None] * len(tangents)
        terms = []
        for directions, numbers in t.terms:
            alone[i] = numbers
            terms.append((directions, primitive.push(alone, ans, tuple(values), params)))
        pushed = SparseTangents(t.space, terms)
        total = pushed if total is None else total + pushed
    return total  # type: ignore[no-any-return]


def _places(primitive: Linear, value: Any, params: Params, ans: Any) -> tuple[Any, tuple[int, ...]]:
    """Return the flat place in the result to which each element of the argument goes, and the result's shape."""
    shape = shape_of(ans)
    if not shape:
        return 0, shape
    rule: Any = primitive.rules[0]
    numbered = np.arange(prod(shape)).reshape(shape)
    return rule.vjp(numbered, *rule.read_vjp(primitive.environment(ans, (value,), params))), shape


def columns_of(value: Any, t: Tangents | None, size: int, last: bool, seen: set[int]) -> Any:
    """Return the tangents of a result as an array."""
    if t is None:
        shape = shape_of(value)
        return np.zeros((*shape, size) if last else (size, *shape), getattr(value, "dtype", type(value)))
    if type(t) is SparseTangents:
        return t.array(last)
    array = unshared(t.array, seen)
    rank = array.ndim
    return np.transpose(array, (*range(1, rank), 0)) if last and rank > 1 else array
