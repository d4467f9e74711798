"""Contractions of any number of arrays: einsum and chains of matrix products.

They are cut into pairs, in the order that opt_einsum finds cheapest. What concerns one operand only is done before:
repeated letters take diagonals, axes of length 1 that broadcast are dropped, letters that nobody else names are summed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from functorch_lite.calculus.arguments import as_array, refuse_out
from functorch_lite.calculus.contraction import contract, permutation
from functorch_lite.core.errors import user_line
from functorch_lite.core.numbering import Shape
from functorch_lite.core.primitive import Arrays
from functorch_lite.core.tables import implements

__all__ = ["contraction_library"]


#: Up to this many operands, the subscripts are checked by NumPy itself.
MOST_OPERANDS_OF_NUMPY = 30

# --- NumPy's functions ------------------------------------------------------------------------------------------------


@implements(np.einsum)
def _einsum(
    *operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None, order: str = "K", casting: str = "safe"
) -> Any:
    refuse_out("einsum", out)  # `order` is about memory, of which a traced value says nothing
    if len(operands) < 2:
        raise ValueError("must provide at least an operand and a subscripts list to einsum")
    if not isinstance(operands[0], str):
        subscripts, operands = contraction_library().parser.convert_interleaved_input(operands)
    else:
        subscripts, *operands = operands  # type: ignore[assignment]
    arrays = tuple([as_array(x) for x in operands])
    if dtype is not None:
        arrays = tuple([_cast(x, dtype, casting) for x in arrays])
    return _run(_steps_of(subscripts, tuple([x.shape for x in arrays]), _hashable(optimize)), arrays)


@implements(np.einsum_path)
def _einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: Any = False) -> Any:
    shaped = list(operands)
    if len(shaped) < 2:
        raise ValueError("must provide at least an operand and a subscripts list to einsum")
    positions = range(1, len(shaped)) if isinstance(shaped[0], str) else range(0, len(shaped) - 1, 2)
    for i in positions:
        shaped[i] = np.broadcast_to(0.0, as_array(shaped[i]).shape)
    return np.einsum_path(*shaped, optimize=optimize, einsum_call=einsum_call)


@implements(np.linalg.multi_dot)
def _multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    refuse_out("linalg.multi_dot", out)
    operands = tuple([as_array(x) for x in arrays])
    if len(operands) < 2:
        raise ValueError("Expecting at least two arrays.")
    for i, x in enumerate(operands):
        if x.ndim != 2 and not (x.ndim == 1 and i in (0, len(operands) - 1)):
            raise np.linalg.LinAlgError(f"{x.ndim}-dimensional array given. Array must be two-dimensional")
    symbol = contraction_library().get_symbol
    terms = [symbol(i) + symbol(i + 1) for i in range(len(operands))]
    output = terms[0][0] + terms[-1][1]
    if operands[0].ndim == 1:
        terms[0], output = terms[0][1:], output[1:]
    if operands[-1].ndim == 1:
        terms[-1], output = terms[-1][:1], output[:-1]
    return _run(_steps(tuple(terms), output, tuple([x.shape for x in operands]), "dp", False), operands)


# --- The steps --------------------------------------------------------------------------------------------------------


class _Preparation(NamedTuple):
    """What is done to one operand: diagonals, a reshape that drops the axes which broadcast, axes to sum."""

    operand: int
    diagonals: tuple[tuple[int, int], ...]
    shape: Shape | None
    summed: Shape


class _Steps(NamedTuple):
    """How an einsum is computed: preparations, pairs to contract by position, a permutation at the end."""

    preparations: tuple[_Preparation, ...]
    pairs: tuple[tuple[int, int, str], ...]
    axes: Shape | None


def _run(steps: _Steps, arrays: Arrays) -> Any:
    operands = list(arrays)
    for i, diagonals, shape, summed in steps.preparations:
        x = operands[i]
        for first, second in diagonals:
            x = np.diagonal(x, 0, first, second)
        if shape is not None:
            x = x.reshape(shape)
        operands[i] = x.sum(summed) if summed else x
    for i, j, subscripts in steps.pairs:
        y, x = operands.pop(j), operands.pop(i)
        operands.append(contract(x, y, subscripts))
    return operands[0] if steps.axes is None else np.transpose(operands[0], steps.axes)


@lru_cache(4096)
def _steps_of(subscripts: str, shapes: tuple[Shape, ...], optimize: Any) -> _Steps:
    if len(shapes) <= MOST_OPERANDS_OF_NUMPY:  # on arrays of one element: its errors are what users know
        np.einsum(subscripts, *(np.ones((1,) * len(shape)) for shape in shapes))
    inputs, output, _ = contraction_library().parser.parse_einsum_input((subscripts, *shapes), shapes=True)
    return _steps(tuple(inputs.split(",")), output, shapes, optimize, True)


@lru_cache(4096)
def _steps(terms: tuple[str, ...], output: str, shapes: tuple[Shape, ...], optimize: Any, broadcasts: bool) -> _Steps:
    lengths = _lengths(terms, shapes, broadcasts)
    own = [[a for a, n in zip(*each, strict=True) if n == lengths[a]] for each in zip(terms, shapes, strict=True)]
    preparations, remaining = [], []
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        needed = set(output).union(*own[:i], *own[i + 1 :])
        preparation, left = _prepared(i, term, shape, lengths, needed)
        if preparation != (i, (), None, ()):
            preparations.append(preparation)
        remaining.append(left)
    pairs = []
    for positions in _order(remaining, output, lengths, optimize):
        picked = sorted(positions)
        while len(picked) > 1:
            i, j, *others = picked
            y, x = remaining.pop(j), remaining.pop(i)
            out = _intermediate(x, y, set(output).union(*remaining)) if remaining else output
            pairs.append((i, j, contraction_library().parser.alpha_canonicalize(f"{x},{y}->{out}")))
            remaining.append(out)
            picked = [*(k - 2 for k in others), len(remaining) - 1]
    return _Steps(tuple(preparations), tuple(pairs), permutation(remaining[0], output))


def _prepared(
    operand: int, term: str, shape: Shape, lengths: dict[str, int], needed: set[str]
) -> tuple[_Preparation, str]:
    """Return the preparation of an operand, and the letters that it leaves."""
    axes, diagonals = list(zip(term, shape, strict=True)), []
    for axis in dict.fromkeys(axes):
        while axes.count(axis) > 1:
            first = axes.index(axis)
            second = axes.index(axis, first + 1)
            diagonals.append((first, second))
            del axes[second], axes[first]
            axes.append(axis)  # NumPy puts the diagonal last
    own = [(a, n) for a, n in axes if n == lengths[a]]
    own_shape = tuple(n for _, n in own) if len(own) < len(axes) else None
    summed = tuple(i for i, (a, _) in enumerate(own) if a not in needed)
    return _Preparation(operand, tuple(diagonals), own_shape, summed), "".join(a for a, _ in own if a in needed)


def contraction_library() -> Any:
    """Return opt_einsum, imported at first use: it would be a fifth of the time that importing this package takes."""
    import opt_einsum  # noqa: PLC0415

    return opt_einsum


def _intermediate(x: str, y: str, needed: set[str]) -> str:
    """Return the letters of an intermediate result, in the order in which a matrix product yields them."""
    batch = [a for a in x if a in y and a in needed]
    return "".join([*batch, *(a for a in x if a not in y), *(a for a in y if a not in x)])


def _order(terms: Sequence[str], output: str, lengths: dict[str, int], optimize: Any) -> list[Shape]:
    """Return the positions to contract, step by step; the result of each step goes to the end."""
    if len(terms) < 3:
        return [tuple(range(len(terms)))]
    limit = None
    if isinstance(optimize, tuple):
        if optimize[0] == "einsum_path":
            left = len(terms) - sum(len(step) - 1 for step in optimize[1:])
            return [*optimize[1:], tuple(range(left))]
        optimize, limit = optimize
    if isinstance(optimize, bool):  # NumPy's default, all at once, is never better
        optimize = "auto"
    shapes = [tuple(lengths[a] for a in term) for term in terms]
    path, _ = contraction_library().contract_path(
        f"{','.join(terms)}->{output}", *shapes, shapes=True, optimize=optimize, memory_limit=limit
    )
    return list(path)


def _lengths(terms: Sequence[str], shapes: Sequence[Shape], broadcasts: bool) -> dict[str, int]:
    """Return the length that each letter stands for, or raise if operands do not fit."""
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        own: dict[str, int] = {}
        for a, n in zip(term, shape, strict=True):
            m = lengths.setdefault(a, n)
            if own.setdefault(a, n) != n or (m != n and not (broadcasts and 1 in (m, n))):
                raise ValueError(
                    f"at {user_line()} operands of shapes {', '.join(map(str, shapes))} do not fit the subscripts "
                    f"{','.join(terms)}: {a!r} stands for axes of length {own[a] if own[a] != n else m} and {n}"
                )
            if m == 1:
                lengths[a] = n
    return lengths


def _hashable(optimize: Any) -> Any:
    if isinstance(optimize, list | tuple):
        return tuple(tuple(step) if isinstance(step, list) else step for step in optimize)
    return optimize


def _cast(x: Any, dtype: Any, casting: Any) -> Any:
    if not np.can_cast(x.dtype, dtype, casting):
        raise TypeError(f"np.einsum at {user_line()} cannot cast {x.dtype} to {np.dtype(dtype)} by {casting=}")
    return np.astype(x, dtype)
