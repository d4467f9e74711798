"""Loops over the rows of arrays: scan, map and the scan of an associative operation.

Reverse mode through a checkpointed scan keeps the carried value at the chunks' borders only and runs each chunk again.
Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 12; of the parallel scan: Blelloch, "Prefix Sums
and Their Applications" (1990).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from math import isqrt
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core import tree
from functorch_lite.core.operands import shape_of
from functorch_lite.core.trace import is_tracer
from functorch_lite.transforms.arguments import (
    check_callable,
    check_count,
    dtype_of,
    name_of,
    named_like,
    returned_leaves,
)
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.checkpointing import checkpoint as recomputed
from functorch_lite.transforms.checkpointing import with_its_variables
from functorch_lite.transforms.control_flow import checked_carry
from functorch_lite.transforms.structured import structured_or

__all__ = ["associative_scan", "map", "scan"]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    *,
    checkpoint: str | int | None = None,
) -> tuple[Any, Any]:
    """Apply a function to the rows of arrays one after another, carrying a value along.

    Parameters
    ----------
    f
        ``f(carry, x) → (carry, y)``. The carried value keeps its structure, shapes and dtypes.
    init
        The first carried value, a pytree.
    xs
        A pytree of arrays with a common first axis; each ``x`` is a tree of their rows. None: there are none.
    length
        The number of steps; needed only when ``xs`` has no leaves.
    reverse
        Whether to go from the last row to the first. Each ``y`` is put at the position of its ``x`` either way.
    unroll
        Without effect: it is a hint to compilers, taken for the sake of JAX programs.
    checkpoint
        What reverse mode keeps: None, everything; an integer k, the carried value at every k-th step, the others being
        computed again; ``"sqrt"``, k is the square root of the length, so that memory grows with the square root.

    Returns
    -------
    carry, ys
        The last carried value, and the tree of the ``y``, stacked along a new first axis.

    Raises
    ------
    TypeError
        If ``f`` does not return a pair, or the carried value changes its structure, shape or dtype.
    ValueError
        If the lengths of the arrays differ, or differ from ``length``, or there is nothing that tells the length.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.scan(lambda total, x: (total + x, total), 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(6.0), array([0., 1., 3.]))
    >>> step = lambda s, _: (np.sin(s), None)
    >>> float(ft.grad(lambda s: ft.scan(step, s, length=100, checkpoint="sqrt")[0])(0.0))
    1.0
    """
    check_callable(f, "scan", "(f, init, xs)")
    leaves, structure = tree.flatten(xs)
    leaves = [as_array(x) for x in leaves]
    n = _length("scan", leaves, xs, length)
    chunk = _chunk(checkpoint, n)
    if n == 0:
        row = tree.unflatten(structure, [np.zeros(shape_of(x)[1:], dtype_of(x)) for x in leaves])
        _, y = _pair(f, init, row)  # only to learn what a y would be
        return init, tree.map(lambda a: np.zeros((0, *shape_of(a)), dtype_of(a)), y)
    if chunk is None:
        carry, ys, y_structure = _steps(f, init, leaves, structure, n, reverse)
        return carry, tree.unflatten(y_structure, ys)
    f = with_its_variables(f)
    y_structure = tree.LEAF

    def part(carry: Any, rows: Sequence[Any], count: int) -> tuple[Any, Any]:
        nonlocal y_structure
        carry, ys, y_structure = _steps(f, carry, rows, structure, count, reverse)
        return carry, ys

    # The count is closed over: an argument would be a leaf to differentiate with respect to.
    carry, parts = init, []
    starts = range(0, n, chunk)
    for start in reversed(starts) if reverse else starts:
        stop = min(start + chunk, n)
        run = recomputed(_with_count(part, stop - start))
        carry, ys = run(carry, [x[start:stop] for x in leaves])
        parts.append(ys)
    if reverse:
        parts.reverse()
    return carry, tree.unflatten(y_structure, [np.concatenate(pieces) for pieces in zip(*parts, strict=True)])


def map(f: Callable[[Any], Any], xs: Any, *, batch_size: int | None = None) -> Any:
    """Apply a function to the rows of arrays, one after another, and stack the results.

    Parameters
    ----------
    f
        A function of a tree of rows.
    xs
        A pytree of arrays with a common first axis.
    batch_size
        Process so many rows at a time, by `vmap`.

    Returns
    -------
    tree
        The results, stacked along a new first axis. Unlike in `vmap`, ``f`` may branch on its values.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.map(lambda x: x**2 if x > 0 else 0.0, np.array([-1.0, 2.0, 3.0]))
    array([0., 4., 9.])
    """
    check_callable(f, "map", "(f, xs)")
    _length("map", [as_array(x) for x in tree.leaves(xs)], xs, None)
    if batch_size is not None:
        check_count(batch_size, "map: batch_size")
        return vmap(f, chunk_size=batch_size)(xs)
    return scan(named_like(f, lambda carry, x: (carry, f(x))), (), xs)[1]


def associative_scan(fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Combine the elements up to each one by an associative operation, in a logarithmic number of steps.

    Parameters
    ----------
    fn
        The operation, from two trees like ``elems`` to a third. It is called on many pairs of elements at once, lined
        up along the axis.
    elems
        A pytree of arrays with a common axis.
    reverse
        Whether to combine from each element to the end, starting there.
    axis
        The common axis.

    Returns
    -------
    tree
        Like ``elems``: at each position ``fn(fn(e[0], e[1]), …)`` up to that element.

    Raises
    ------
    ValueError
        If ``elems`` has no leaves, or their lengths along the axis differ.
    TypeError
        If ``fn`` returns another structure.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.associative_scan(np.multiply, np.array([1.0, 2.0, 3.0, 4.0]))
    array([ 1.,  2.,  6., 24.])
    >>> then = lambda f, g: (g[0] * f[0], g[0] * f[1] + g[1])  # compose x → a x + b
    >>> ft.associative_scan(then, (np.array([2.0, 2.0, 2.0]), np.ones(3)))[1]
    array([1., 3., 7.])
    """
    check_callable(fn, "associative_scan", "(fn, elems)")
    leaves, structure = tree.flatten(elems)
    if not leaves:
        raise ValueError("associative_scan needs one array at least")
    leaves = [as_array(x) for x in leaves]
    rows = [np.moveaxis(x, normalize_axis_index(axis, len(shape_of(x))), 0) for x in leaves]
    if len({shape_of(x)[0] for x in rows}) > 1:
        raise ValueError(
            f"associative_scan: the lengths along axis {axis} differ: the arrays have shapes "
            f"{', '.join(str(shape_of(x)) for x in leaves)}"
        )

    def combine(a: list[Any], b: list[Any]) -> list[Any]:
        if not shape_of(a[0])[0]:
            return a
        first, second = (tree.unflatten(structure, [np.moveaxis(x, 0, axis) for x in part]) for part in (a, b))
        out, out_structure = returned_leaves(fn(first, second), None, fn)
        if out_structure != structure:
            raise TypeError(
                f"associative_scan: {name_of(fn)} was given trees of structure {structure} and returned "
                f"{out_structure}; they must agree"
            )
        given, found = [shape_of(x) for x in tree.leaves(first)], [shape_of(x) for x in out]
        if found != given:
            raise ValueError(
                f"associative_scan: {name_of(fn)} was given arrays of shapes {given} and returned shapes {found}; "
                f"they must agree"
            )
        return [np.moveaxis(x, axis, 0) for x in out]

    if reverse:
        rows = [x[::-1] for x in rows]
    rows = _prefixes(combine, rows)
    if reverse:
        rows = [x[::-1] for x in rows]
    return tree.unflatten(structure, [np.moveaxis(x, 0, axis) for x in rows])


# --- Parts of a scan --------------------------------------------------------------------------------------------------


def _steps(
    f: Callable[..., Any], carry: Any, leaves: Sequence[Any], structure: tree.Structure, n: int, reverse: bool
) -> tuple[Any, list[Any], tree.Structure]:
    """Run some steps; return the carried value, the leaves of the stacked ``ys``, and the structure of a ``y``."""

    def step(i: Any, carry: Any, x: Any) -> tuple[Any, Any]:
        new, y = _pair(f, carry, x)
        return checked_carry("scan", f, carry, new), y

    return structured_or(  # type: ignore[no-any-return]
        lambda structures: structures.scan(step, carry, leaves, structure, range(n), reverse),
        lambda: _run(f, step, carry, leaves, structure, n, reverse),
    )


def _run(
    f: Callable[..., Any],
    step: Callable[..., tuple[Any, Any]],
    carry: Any,
    leaves: Sequence[Any],
    structure: tree.Structure,
    n: int,
    reverse: bool,
) -> tuple[Any, list[Any], tree.Structure]:
    rows = [np.unstack(x) if is_tracer(x) else x for x in leaves]  # one operation on the tape, not n
    collected: list[list[Any]] = []
    y_structure: tree.Structure | None = None
    order: Iterable[int] = reversed(range(n)) if reverse else range(n)
    for i in order:
        carry, y = step(i, carry, tree.unflatten(structure, [x[i] for x in rows]))
        values, own = returned_leaves(y, None, f)
        if y_structure is not None and own != y_structure:
            raise TypeError(
                f"{name_of(f)} returned a tree of structure {y_structure} for one row, then one of {own}; results are "
                f"stacked, so they must agree"
            )
        y_structure = own
        collected.append(values)
    if reverse:
        collected.reverse()
    assert y_structure is not None
    return carry, [_stacked(column) for column in zip(*collected, strict=True)], y_structure


def _stacked(column: Sequence[Any]) -> Any:
    """Stack the results of all steps; Python numbers among them take on the precision of the others."""
    kinds = {getattr(y, "dtype", None) for y in column}
    if None not in kinds or len(kinds) == 1:
        return np.stack(column)
    dtype = np.result_type(*(kinds - {None}), *(y for y in column if not hasattr(y, "dtype")))
    return np.stack([y if hasattr(y, "dtype") else dtype.type(y) for y in column])


def _pair(f: Callable[..., Any], carry: Any, x: Any) -> tuple[Any, Any]:
    result = f(carry, x)
    if not (isinstance(result, tuple | list) and len(result) == 2):
        raise TypeError(f"scan: {name_of(f)} must return a pair (carry, y); it returned a {type(result).__name__}")
    return result[0], result[1]


def _length(construct: str, leaves: Sequence[Any], xs: Any, length: int | None) -> int:
    for x, path in zip(leaves, tree.paths(xs), strict=True):
        if not shape_of(x):
            raise ValueError(
                f"{construct}: xs{path} is a scalar and has no rows; close over what is the same for all steps"
            )
    lengths = {shape_of(x)[0] for x in leaves}
    if length is not None:
        check_count(length, f"{construct}: length", 0)
        lengths.add(operator.index(length))
    if len(lengths) == 1:
        return lengths.pop()
    if not lengths:
        raise ValueError(f"{construct} needs arrays with rows{', or a length' if construct == 'scan' else ''}")
    given = "" if length is None else f" (length={length})"
    raise ValueError(
        f"{construct}: lengths differ{given}: the arrays have shapes {', '.join(str(shape_of(x)) for x in leaves)}"
    )


def _chunk(checkpoint: str | int | None, n: int) -> int | None:
    if checkpoint is None:
        return None
    if checkpoint == "sqrt":
        return max(isqrt(n), 1)
    if isinstance(checkpoint, int) and not isinstance(checkpoint, bool) and checkpoint > 0:
        return checkpoint
    raise ValueError(f"checkpoint must be 'sqrt', a positive number of steps or None, not {checkpoint!r}")


def _with_count(part: Callable[..., Any], count: int) -> Callable[[Any, Any], Any]:
    return lambda carry, rows: part(carry, rows, count)


def _prefixes(combine: Callable[[list[Any], list[Any]], list[Any]], rows: list[Any]) -> list[Any]:
    """Combine neighbours, take the prefixes of the pairs, and fill in those that end between."""
    n = shape_of(rows[0])[0]
    if n < 2:
        return rows
    odd = _prefixes(combine, combine([x[: n - 1 : 2] for x in rows], [x[1::2] for x in rows]))
    even = combine([x[: (n - 1) // 2] for x in odd], [x[2::2] for x in rows])
    return [_interleaved(np.concatenate([x[:1], e]), o) for x, e, o in zip(rows, even, odd, strict=True)]


def _interleaved(even: Any, odd: Any) -> Any:
    n, m = shape_of(even)[0], shape_of(odd)[0]
    pairs = np.stack([even[:m], odd], 1)
    merged = pairs.reshape((2 * m, *shape_of(odd)[1:]))
    return merged if n == m else np.concatenate([merged, even[m:]])
