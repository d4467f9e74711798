"""Forward mode of many tangents at once, by which Jacobians are made column by column.

It computes what ``vmap`` of `jvp` over the tangents would: the values are the same for all tangents, so a dual number
carries its value once and the tangents along a new axis 0. Each operation is then performed by one trace, not by two.
Source: Griewank and Walther, *Evaluating Derivatives* (2008), section 3.1 (the vector mode).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, JointPrimitive, Linear, Params, Primitive
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.arguments import unshared
from functorch_lite.transforms.batching import Batched, BatchTrace, check_chunk_size
from functorch_lite.transforms.forward import Dual, ForwardTrace, called_with_duals, projected

__all__ = ["ManyTangentsTrace", "push_many"]


def push_many(
    f: Callable[..., Any],
    primals: Any,
    tangents: Sequence[Any],
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> tuple[Any, Any, Any]:
    """Compute ``f`` at a point, and its derivatives along many directions.

    Parameters
    ----------
    f
        A function of one pytree of arrays.
    primals
        The point, a pytree.
    tangents
        One array for each leaf of the point, with the directions along axis 0.
    has_aux
        Whether ``f`` returns a pair of which only the first is differentiated.
    chunk_size
        Push at most this many tangents at a time; ``f`` runs once for each chunk.

    Returns
    -------
    value, tangents, aux
        The value; a tree like it with the derivatives, the directions along the last axis; and the auxiliary output,
        None without ``has_aux``.
    """
    check_chunk_size(chunk_size)
    size = shape_of(tangents[0])[0]
    if chunk_size is None or size <= chunk_size:
        return _push(f, primals, tangents, has_aux)
    value: Any = None
    parts = []
    for start in range(0, size, chunk_size):
        value, part, aux = _push(f, primals, [t[start : start + chunk_size] for t in tangents], has_aux)
        parts.append(part)
    return value, tree.map(lambda *columns: np.concatenate(columns, -1), *parts), aux


def _push(f: Callable[..., Any], primals: Any, tangents: Sequence[Any], has_aux: bool) -> tuple[Any, Any, Any]:
    leaves, structure = tree.flatten(primals)
    size = shape_of(tangents[0])[0]
    trace = ManyTangentsTrace(size)
    duals = [trace.dual(x, t) for x, t in zip(leaves, tangents, strict=True)]
    parts, out_structure, aux = called_with_duals(f, (tree.unflatten(structure, duals),), trace, has_aux)
    seen: set[int] = set()
    columns = [
        np.zeros((*shape_of(v), size), getattr(v, "dtype", type(v))) if t is None else _last(unshared(t, seen))
        for v, t in parts
    ]
    value = tree.unflatten(out_structure, [v for v, _ in parts])
    return value, tree.unflatten(out_structure, columns), aux


class ManyTangentsTrace(ForwardTrace):
    """Push many tangents through each operation; a dual number's tangents lie along axis 0.

    Rules are written for one tangent. Those of pointwise operations hold for many as they are, where the ranks agree;
    others are run on the tracers of a `BatchTrace`, which is older than this trace.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.batch = BatchTrace(size)
        super().__init__()

    def close(self) -> None:
        self.batch.close()
        super().close()

    def fitted(self, t: Any, ans: Any) -> Any:
        if getattr(t, "dtype", 0) is getattr(ans, "dtype", None) and t.shape == (self.size, *ans.shape):
            return t
        return projected(t, ans, (self.size,))

    def binary(self, primitive: Primitive, x: Any, y: Any) -> Any:
        if not primitive.is_pointwise:
            return primitive.bind((x, y), ())
        x_is_dual, y_is_dual = type(x) is Dual and x._trace is self, type(y) is Dual and y._trace is self
        x_rank = x.tangent.ndim - 1 if x_is_dual else 0 if type(x) is float else len(shape_of(x))
        y_rank = y.tangent.ndim - 1 if y_is_dual else 0 if type(y) is float else len(shape_of(y))
        if (x_is_dual and x_rank < y_rank) or (y_is_dual and y_rank < x_rank):
            return primitive.bind((x, y), ())
        return super().binary(primitive, x, y)

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if isinstance(primitive, JointPrimitive) and primitive.is_inlined:
            return primitive.function(arrays)
        if primitive.is_simple and isinstance(primitive, Linear):
            (x,) = arrays
            ans = primitive.bind((x.value,), params)
            return self.dual(ans, self.fitted(primitive.batch(self.size, (x.tangent,), (True,), params), ans))
        values: list[Any] = []
        tangents: list[Any] = []
        for a in arrays:
            if isinstance(a, Tracer) and a._trace is self:
                values.append(a.value)
                tangents.append(self.batch.batched(a.tangent))  # type: ignore[attr-defined]
            else:
                values.append(a)
                tangents.append(None)
        if isinstance(primitive, JointPrimitive):
            results, pushed = primitive.forward(tuple(values), tangents)
            return tuple(map(self._with, map(self._alone, results), pushed))
        ans = primitive.bind(tuple(values), params)
        t = primitive.push(tangents, ans, tuple(values), params)
        if type(ans) is tuple and t is not None:
            return tuple(map(self._with, ans, t))
        return self._with(ans, t)

    def _alone(self, ans: Any) -> Any:
        """Return a value by itself which a rule has computed for each tangent, though it is the same for all."""
        if isinstance(ans, Batched) and ans._trace is self.batch and ans.dtype.kind in "biufc":
            return ans.value[0]
        return ans

    def _with(self, ans: Any, t: Any) -> Any:
        """Return the dual number of a value and of what a rule made of the batch of tangents."""
        if t is None:
            return ans
        if isinstance(t, Batched) and t._trace is self.batch:
            return self.dual(ans, self.fitted(_aligned(t.value, ans), ans))
        return self.dual(ans, self.fitted(t, ans))


def _aligned(t: Any, ans: Any) -> Any:
    """Give tangents, of a lower rank than their value's, axes of length one behind axis 0."""
    shape, rank = shape_of(t), len(shape_of(ans))
    return t if len(shape) > rank else np.reshape(t, (shape[0], *(1,) * (rank + 1 - len(shape)), *shape[1:]))


def _last(t: Any) -> Any:
    rank = len(shape_of(t))
    return t if rank == 1 else np.transpose(t, (*range(1, rank), 0))
