"""Phrases: how a program's source writes primitives that need no call of a function of ours, and literals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.program.program import Equation, Variable

__all__ = ["PHRASES", "is_plain", "literal"]


def literal(value: Any) -> str:
    """Return a Python number as an expression."""
    text = {"inf": "inf_", "-inf": "-inf_", "nan": "nan_"}.get(repr(value), repr(value))
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


def _reduction(name: str) -> Any:
    def template(writer: Any, equation: Equation) -> str | None:
        axes, keepdims = equation.params
        operand = equation.operands[0]
        if not isinstance(operand, Variable) or not operand.shape or not axes:
            return None
        writer.namespace[f"np_{name}_reduce"] = getattr(np, name).reduce
        axis = "None" if len(axes) == len(operand.shape) else repr(axes if len(axes) > 1 else axes[0])
        return f"np_{name}_reduce({writer.operand(operand)}, {axis}{', None, None, True' if keepdims else ''})"

    return template


def _product(writer: Any, equation: Equation) -> str | None:
    x, y = equation.operands
    if not (isinstance(x, Variable) and isinstance(y, Variable) and 1 <= len(x.shape) <= 2 and 1 <= len(y.shape) <= 2):
        return None
    writer.namespace["np_dot"] = np.dot
    return f"np_dot({writer.operand(x)}, {writer.operand(y)})"


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
    """Write a contraction that sums over nothing as a product of broadcast arrays."""
    (subscripts,) = equation.params
    inputs, _, result = subscripts.partition("->")
    texts = []
    for atom, letters in zip(equation.operands, inputs.split(","), strict=True):
        in_order = [c for c in result if c in letters]
        if not isinstance(atom, Variable) or in_order != list(letters):
            return None
        keys = ", ".join(":" if c in letters else "None" for c in result)
        texts.append(f"{writer.operand(atom)}[{keys}]")
    return " * ".join(texts) if set(result) == set(inputs) - {","} else None


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
