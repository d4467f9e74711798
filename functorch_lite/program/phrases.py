"""Phrases: how a program's source writes primitives that need no call of a function of ours, and literals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.matmul import LARGEST_BY_DOT
from functorch_lite.program.program import Equation, Variable

__all__ = ["LONGEST_SHORT_ROW", "PHRASES", "is_plain", "literal", "sum_by_product"]

#: Rows no longer than this are summed by a product with ones, which for rows of ten takes a fifth of the time.
LONGEST_SHORT_ROW = 128

#: So long may rows be of which many are added up.
LONGEST_ADDED_ROW = 512

#: Outer products of so many elements take einsum half the time that a multiplication of broadcast arrays takes.
LEAST_BY_EINSUM = 1 << 12

#: The longest vector of ones that a program keeps.
MOST_ONES = 1 << 12


def literal(value: Any) -> str:
    """Return a Python number as an expression."""
    if type(value) is complex:  # a sum of two parts loses the signs of zeros, and makes nan of infinities
        return f"complex({literal(value.real)}, {literal(value.imag)})"
    text = {"inf": "np_inf", "-inf": "-np_inf", "nan": "np_nan"}.get(repr(value), repr(value))
    return f"({text})" if text.startswith("-") else text


def is_plain(value: Any) -> bool:
    """Say whether the text of a parameter means the parameter."""
    if type(value) is tuple:
        return all(map(is_plain, value))
    return (
        value is None
        or value is Ellipsis
        or type(value) in (int, bool, str)
        or (type(value) is float and math.isfinite(value))
        or (type(value) is slice and all(map(is_plain, (value.start, value.stop, value.step))))
    )


def sum_by_product(
    writer: Any, x: str, shape: Sequence[Any], dtype: Any, axes: tuple[int, ...], rows: str = ""
) -> str | None:
    """Return the sum over the last or the first axis of an array with short rows as a product with ones.

    Parameters
    ----------
    writer
        Whose namespace gets the ones.
    x, shape, dtype
        The array as an expression; one of more than two axes must be contiguous.
    axes
        What is summed over.
    rows
        How many of the ``shape[0]`` rows are there, as an expression; all if it is empty.

    Returns
    -------
    str or None
        An expression for the sum, flattened to one axis; None where NumPy's own is as fast.
    """
    rank, over_last = len(shape), axes != (0,)
    if rank == 1:  # part of a longer one
        shape, rank = (*shape, 1), 2
    count, width = (prod(shape[:-1]), shape[-1]) if over_last else (shape[0], prod(shape[1:]))
    longest = LONGEST_SHORT_ROW if over_last else LONGEST_ADDED_ROW
    least = 1 if rows else 2
    if rank < 2 or axes not in ((rank - 1,), (0,)) or dtype not in _OF_BLAS or not least <= width <= longest:
        return None
    length = width if over_last else count
    if count < 2 or length > MOST_ONES:
        return None
    ones = f"ones_{length}_{dtype.char}"
    writer.namespace |= {"np_dot": np.dot, ones: np.ones(length, dtype)}
    matrix = x if rank == 2 else f"{x}.reshape((-1, {width}))"
    return f"np_dot({matrix}, {ones})" if over_last else f"np_dot({ones}{f'[:{rows}]' if rows else ''}, {matrix})"


def _reduction(name: str) -> Any:
    def template(writer: Any, equation: Equation) -> str | None:
        axes, keepdims = equation.params
        operand = equation.operands[0]
        if not isinstance(operand, Variable) or not operand.shape or not axes:
            return None
        x = writer.operand(operand)
        if name == "add" and not keepdims and (len(operand.shape) == 2 or operand in writer.memory.residents):
            product = sum_by_product(writer, x, operand.shape, operand.dtype, axes)
            if product is not None:
                shape = equation.outputs[0].shape
                return product if len(shape) == 1 else f"{product}.reshape({shape!r})"
        writer.namespace[f"np_{name}_reduce"] = getattr(np, name).reduce
        axis = "None" if len(axes) == len(operand.shape) else repr(axes if len(axes) > 1 else axes[0])
        return f"np_{name}_reduce({x}, {axis}{', None, None, True' if keepdims else ''})"

    return template


def _product(writer: Any, equation: Equation) -> str | None:
    x, y = equation.operands
    if not (isinstance(x, Variable) and isinstance(y, Variable) and x.shape and y.shape):
        return None
    # Of many matrices the product is np.matmul's; of two, np.dot is called faster.
    is_transposed = x in writer.transposed or y in writer.transposed
    is_large = is_transposed and x.size * y.shape[-1] > LARGEST_BY_DOT
    name, product = ("np_matmul", np.matmul) if max(len(x.shape), len(y.shape)) > 2 or is_large else ("np_dot", np.dot)
    writer.namespace[name] = product
    return f"{name}({writer.operand(x)}, {writer.operand(y)})"


def _method(written: Callable[[str, Equation], str | None]) -> Any:
    def template(writer: Any, equation: Equation) -> str | None:
        operand = equation.operands[0]
        if not isinstance(operand, Variable) or not operand.shape:
            return None
        return written(writer.operand(operand), equation)

    return template


def _transpose(x: str, equation: Equation) -> str:
    (axes,) = equation.params
    return f"{x}.T" if axes == tuple(range(len(axes)))[::-1] else f"{x}.transpose({axes!r})"


def _index(x: str, equation: Equation) -> str | None:
    (key,) = equation.params
    return f"{x}[{_key(key)}]" if is_plain(key) else None


def _key(key: Any) -> str:
    if type(key) is tuple:
        return ", ".join(map(_key, key)) + ("," if len(key) == 1 else "") if key else "()"
    if type(key) is slice:
        parts = ["" if part is None else repr(part) for part in (key.start, key.stop, key.step)]
        return ":".join(parts if parts[2] else parts[:2])
    return "..." if key is Ellipsis else repr(key)


def _outer(writer: Any, equation: Equation) -> str | None:
    """Write a contraction that sums over nothing as a product of broadcast arrays, or a large one by einsum."""
    (subscripts,) = equation.params
    inputs, _, result = subscripts.partition("->")
    if set(result) != set(inputs) - {","}:
        return None
    texts = []
    for atom, letters in zip(equation.operands, inputs.split(","), strict=True):
        in_order = [c for c in result if c in letters]
        if not isinstance(atom, Variable) or in_order != list(letters):
            return None
        keys = ", ".join(":" if c in letters else "None" for c in result)
        texts.append(f"{writer.operand(atom)}[{keys}]" if keys else writer.operand(atom))
    output = equation.outputs[0]
    if output.size >= LEAST_BY_EINSUM and output.dtype in _OF_BLAS:
        writer.namespace["np_einsum"] = np.einsum
        return f"np_einsum({subscripts!r}, {', '.join(map(writer.operand, equation.operands))})"
    return " * ".join(texts)


_OF_BLAS = frozenset({np.dtype("f4"), np.dtype("f8")})

#: How primitives are written that need no call of a function of ours.
PHRASES: dict[str, Callable[[Any, Equation], str | None]] = {
    "sum": _reduction("add"),
    "max": _reduction("maximum"),
    "min": _reduction("minimum"),
    "prod": _reduction("multiply"),
    "matmul": _product,
    "contract": _outer,
    "reshape": _method(lambda x, equation: f"{x}.reshape({equation.params[0]!r})"),
    "transpose": _method(_transpose),
    "index": _method(_index),
}
