"""Vectorisation: run a function written for one example on a whole batch at once.

A `Batched` value carries the batch on axis 0 and shows its user the shape of one example. Moving an axis is a view in
NumPy, so batching rules know one position only.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Sequence
from functools import wraps
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import bottom, is_unready, shape_of, stacked
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.trace import Trace, Tracer
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.transforms.arguments import (
    call,
    check_callable,
    check_count,
    check_value,
    is_inexact,
    is_number,
    name_of,
    returned,
)
from functorch_lite.transforms.axes import Axis, NamedSize, axis_named, axis_of, opened

__all__ = ["ACROSS", "BatchTrace", "Batched", "NamedBatchTrace", "Unbatched", "check_chunk_size", "vmap"]

_new = object.__new__

#: What a collective operation does with a whole batch, by its primitive: ``ACROSS[primitive](trace, *arrays)``.
ACROSS: dict[Primitive, Callable[..., Any]] = {}


def vmap(
    f: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_size: int | None = None,
    axis_name: Hashable | None = None,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that applies ``f`` to every example of a batch, in one pass.

    Parameters
    ----------
    f
        A function of pytrees of arrays, written for one example.
    in_axes
        Which axis of each positional argument is the batch: an int, None (the argument is the same for all examples),
        or a tuple of them, one an argument; each may be a pytree that is a prefix of its argument. Keyword arguments
        are mapped over axis 0.
    out_axes
        Where the batch axis of each result goes: an int, None (the result must be the same for all), or a pytree prefix
        of the result.
    axis_size
        The size of the batch; needed only when no argument is mapped.
    axis_name
        A name for the batch, by which ``f`` can ask for sums over all examples and the like; see `psum`.
    chunk_size
        Process at most this many examples at a time, which bounds memory; not together with a name.

    Returns
    -------
    callable
        With the arguments of ``f``, each with its batch axis.

    Raises
    ------
    ValueError
        If the sizes of the mapped axes differ, an axis is out of range, or nothing is mapped.
    TypeError
        Inside, where Python asks for the truth or the number of a batched value (``if``, indexing a raw array).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.vmap(np.dot)(np.eye(3), np.arange(9.0).reshape(3, 3))
    array([0., 4., 8.])
    >>> ft.vmap(lambda x, a: a * x, in_axes=(0, None), out_axes=1)(np.ones((2, 3)), 2.0).shape
    (3, 2)
    >>> ft.vmap(ft.grad(lambda x: x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    check_callable(f, "vmap")
    check_chunk_size(chunk_size)
    if axis_size is not None:
        check_count(axis_size, "axis_size", 0)
    known = None if axis_size is None else axis_of(axis_size)
    if axis_name is not None and chunk_size is not None:
        raise ValueError(f"vmap over the named axis {axis_name!r} in chunks: a sum over the axis needs it whole")
    axes_in = tree.mark_none(tuple(in_axes) if isinstance(in_axes, list) else in_axes)
    axes_out = tree.mark_none(tuple(out_axes) if isinstance(out_axes, list) else out_axes)

    @wraps(f, updated=())
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        leaves = [x._trace.settled(x) if isinstance(x, Tracer) else stacked(x) if is_unready(x) else x for x in leaves]
        axes = _axes_of_leaves(f, axes_in, args, kwargs, len(leaves))
        size = _batch_size(f, leaves, axes, args, kwargs, axis_size)
        batches = [x if a is tree.NONE else _to_front(x, a) for x, a in zip(leaves, axes, strict=True)]
        if chunk_size is None or size <= chunk_size:
            axis = known if axis_name is None else axis_named(axis_name, size)
            trace = BatchTrace(size) if axis is None else NamedBatchTrace(axis)
            outputs, out_structure = _run(f, batches, axes, structure, trace)
            places = _places_of_leaves(f, axes_out, out_structure)
        else:
            parts, sizes, out_structure = _run_in_chunks(f, batches, axes, structure, size, chunk_size)
            places = _places_of_leaves(f, axes_out, out_structure)
            groups = zip(*parts, strict=True)
            outputs = [_joined(group, sizes, place) for group, place in zip(groups, places, strict=True)]
        return tree.unflatten(
            out_structure, [_to_place(f, y, place, size) for y, place in zip(outputs, places, strict=True)]
        )

    return mapped


def check_chunk_size(chunk_size: int | None) -> None:
    """Raise if a ``chunk_size`` is no positive integer."""
    if chunk_size is not None:
        check_count(chunk_size, "chunk_size")


class Batched(ArrayTracer):
    """A value of a batch: one example to the program, all of them in ``value``, along axis 0."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.value.shape[1:]  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """The dtype of the array."""
        return self.value.dtype

    def __bool__(self) -> bool:  # noqa: PLE0304 - it always raises
        self._refuse_decision("the truth of", "np.where(condition, a, b)")

    def __index__(self) -> int:  # noqa: PLE0305 - it always raises
        self._refuse_decision("an index from", "fnp.take(table, i) (import functorch_lite.numpy as fnp)")

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if dtype is None and not np.issubdtype(self.dtype, np.inexact):
            self._refuse_decision("an index or a mask from", "fnp.take(table, i), or np.where(mask, a, b)")
        return super().__array__(dtype, copy)

    def _refuse_decision(self, what: str, remedy: str) -> NoReturn:
        self._trace.touch(f"Python asked for {what.rsplit(maxsplit=1)[0]}")
        raise TypeError(
            f"at {user_line()} Python asked for {what} a {self._described()} under vmap; it differs between the "
            f"{self.value.shape[0]} examples of the batch. Write {remedy}."
        )


class BatchTrace(Trace):
    """Apply each operation to all examples at once."""

    transformation = "vmap"
    is_concrete = False

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def batched(self, value: Any) -> Batched:
        """Return a batched value of this trace; the batch is on axis 0."""
        result = _new(Batched)
        result._trace = self
        result.value = value
        return result

    def unary(self, primitive: Primitive, x: Any) -> Any:
        if primitive.is_pointwise:
            return self.batched(primitive.function(x.value))
        return self.process(primitive, (x,), ())

    def binary(self, primitive: Primitive, x: Any, y: Any) -> Any:
        if not primitive.is_pointwise:
            return primitive.bind((x, y), ())
        if isinstance(y, Tracer) and y._trace is self:
            value = y.value
            if isinstance(x, Tracer) and x._trace is self:
                if x.value.ndim == value.ndim:
                    return self.batched(primitive.function(x.value, value))
            elif len(shape_of(x)) < value.ndim and not is_unready(x):
                # The same for all examples, and of no higher rank: broadcasting aligns it.
                return self.batched(primitive.function(x, value))
        elif len(shape_of(y)) < x.value.ndim and not is_unready(y):
            return self.batched(primitive.function(x.value, y))
        return primitive.bind((x, y), ())

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        flags = tuple(isinstance(a, Tracer) and a._trace is self for a in arrays)
        values = tuple(a.value if b else a for a, b in zip(arrays, flags, strict=True))
        out = primitive.batch(self.size, values, flags, params)
        if type(out) is tuple:
            return tuple(y.value if type(y) is Unbatched else self.batched(y) for y in out)
        return self.batched(out)


class NamedBatchTrace(BatchTrace):
    """Apply each operation to all examples at once, and let collective operations combine them.

    A collective operation has the axis that it combines as its first parameter.
    """

    size: NamedSize

    def __init__(self, axis: Axis) -> None:
        super().__init__(NamedSize(axis))

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if primitive in ACROSS and params[0] == self.size.axis:
            return ACROSS[primitive](self, *arrays)
        return BatchTrace.process(self, primitive, arrays, params)  # not super(): if closed it has another class


class Unbatched:
    """What a batching rule returns, among several results, for one that is the same for all examples."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _axes_of_leaves(
    f: Callable[..., Any], axes_in: Any, args: tuple[Any, ...], kwargs: dict[str, Any], count: int
) -> list[Any]:
    if type(axes_in) is int and not kwargs:  # most calls
        return [axes_in] * count
    if isinstance(axes_in, tuple) and len(axes_in) != len(args):
        raise ValueError(
            f"vmap was given {len(axes_in)} in_axes for the {len(args)} positional arguments of {name_of(f)}"
        )
    try:
        axes = tree.broadcast_prefix(axes_in, args)
    except (ValueError, TypeError):
        raise ValueError(
            f"in_axes={axes_in} is no prefix of the arguments of {name_of(f)}, which have structure "
            f"{tree.structure(args)}: it is one axis for all of them, or a tuple of one entry for each"
        ) from None
    for axis in axes:
        if axis is not tree.NONE and not hasattr(axis, "__index__"):
            raise TypeError(f"in_axes of vmap are ints, None or trees of them; {axis!r} is a {type(axis).__name__}")
    return [a if a is tree.NONE else operator.index(a) for a in axes] + [0] * len(tree.leaves(kwargs))


def _places_of_leaves(f: Callable[..., Any], axes_out: Any, out_structure: tree.Structure) -> list[Any]:
    if type(axes_out) is int:
        return [axes_out] * out_structure.num_leaves
    try:
        places = tree.broadcast_prefix(axes_out, tree.unflatten(out_structure, range(out_structure.num_leaves)))
    except (ValueError, TypeError):
        raise ValueError(
            f"out_axes={axes_out} is no prefix of the result of {name_of(f)}, which has structure {out_structure}"
        ) from None
    for place in places:
        if place is not tree.NONE and not hasattr(place, "__index__"):
            raise TypeError(f"out_axes of vmap are ints, None or trees of them; {place!r} is a {type(place).__name__}")
    return places


def _batch_size(
    f: Callable[..., Any], leaves: list[Any], axes: list[Any], args: Any, kwargs: Any, axis_size: int | None
) -> int:
    sizes = set() if axis_size is None else {axis_size}
    for i, (x, axis) in enumerate(zip(leaves, axes, strict=True)):
        if axis is tree.NONE:
            continue
        shape = shape_of(x)
        if not -len(shape) <= axis < len(shape):
            path = tree.paths((args, kwargs))[i]
            raise ValueError(
                f"vmap of {name_of(f)} maps axis {axis} of an argument of shape {shape} (leaf {path} of (args, "
                f"kwargs)), which has no such axis; use None in in_axes for what is the same for all examples"
            )
        sizes.add(shape[axis])
    if len(sizes) == 1:
        return int(sizes.pop())
    if not sizes:
        raise ValueError(f"vmap of {name_of(f)} maps no argument: give an axis in in_axes, or axis_size")
    lines = [
        f"  leaf {path} of (args, kwargs): {getattr(x, 'dtype', type(x).__name__)}{list(shape_of(x))}, axis {axis}"
        for x, axis, path in zip(leaves, axes, tree.paths((args, kwargs)), strict=True)
        if axis is not tree.NONE
    ]
    expected = "" if axis_size is None else f" (axis_size={axis_size})"
    raise ValueError(f"vmap of {name_of(f)} maps axes of different sizes{expected}:\n" + "\n".join(lines))


def _run(
    f: Callable[..., Any], batches: list[Any], axes: list[Any], structure: tree.Structure, trace: BatchTrace
) -> tuple[list[Any], tree.Structure]:
    """Run the function on one batch; the leaves of the result are `_Whole` where they carry the batch on axis 0."""
    traced = [x if a is tree.NONE else trace.batched(x) for x, a in zip(batches, axes, strict=True)]
    args, kwargs = tree.unflatten(structure, traced)
    if isinstance(trace, NamedBatchTrace):
        with opened(trace):
            out = call(f, args, kwargs, trace)
    else:
        out = call(f, args, kwargs, trace)
    leaves, out_structure = tree.flatten(out)
    leaves = [returned(y, trace) for y in leaves]
    trace.close()
    return [_Whole(y.value) if isinstance(y, Tracer) and y._trace is trace else y for y in leaves], out_structure


def _run_in_chunks(
    f: Callable[..., Any], batches: list[Any], axes: list[Any], structure: tree.Structure, size: int, chunk_size: int
) -> tuple[list[list[Any]], list[int], tree.Structure]:
    """Run the function on parts of a batch; return the results of each (see `_run`), their sizes, and the structure."""
    parts, sizes = [], []
    for start in range(0, size, chunk_size):
        stop = min(start + chunk_size, size)
        chunk = [x if a is tree.NONE else x[start:stop] for x, a in zip(batches, axes, strict=True)]
        part, out_structure = _run(f, chunk, axes, structure, BatchTrace(stop - start))
        parts.append(part)
        sizes.append(stop - start)
    return parts, sizes, out_structure


class _Whole:
    """A result with the batch on axis 0, told from one that is the same for all examples."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _joined(parts: tuple[Any, ...], sizes: Sequence[int], place: Any) -> Any:
    """Join the results of the chunks; one may be the same for all examples of its chunk and differ in the next."""
    if place is tree.NONE and not any(isinstance(part, _Whole) for part in parts):
        first, *others = map(bottom, parts)
        if all(np.array_equal(first, other, equal_nan=is_inexact(first)) for other in others):
            return parts[0]
    return _Whole(np.concatenate([_with_batch(part, size) for part, size in zip(parts, sizes, strict=True)]))


def _with_batch(y: Any, size: int) -> Any:
    """Return a result with the batch on axis 0, in memory of its own if it is the same for all examples."""
    return y.value if isinstance(y, _Whole) else np.repeat(np.reshape(y, (1, *shape_of(y))), size, 0)


def _to_front(x: Any, axis: int) -> Any:
    return x if axis == 0 else np.moveaxis(x, axis, 0)


def _to_place(f: Callable[..., Any], y: Any, place: Any, size: int) -> Any:
    if place is tree.NONE:
        if isinstance(y, _Whole):
            raise ValueError(
                f"out_axes=None, but a result of {name_of(f)} of shape {shape_of(y.value)[1:]} differs between "
                f"examples; give it an axis"
            )
        return y
    if not isinstance(y, _Whole) and not is_number(y):
        check_value(y, f"{name_of(f)} returned", "Return arrays, numbers or trees of them, or set out_axes=None")
    value = _with_batch(y, size)
    rank = len(shape_of(value))
    if not -rank <= place < rank:
        raise ValueError(
            f"out_axes={place} is out of range for a result of {name_of(f)} of shape {shape_of(value)[1:]}"
        )
    return value if place == 0 else np.moveaxis(value, 0, place)
