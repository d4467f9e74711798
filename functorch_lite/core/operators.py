"""Python's operators on traced arrays: each is a primitive applied at the youngest trace among the operands."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.primitive import PRIMITIVES, Primitive
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.core.trace import Tracer

__all__ = ["SIMPLE_POWERS", "ArrayOperators", "apply_binary", "apply_unary"]

#: What NumPy computes in the place of a power of an array of real numbers, one with axes, by the exponent.
SIMPLE_POWERS = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}


class ArrayOperators(Tracer):
    """A tracer with the operators of `numpy.ndarray`."""

    __slots__ = ()

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(self == item))

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return FUNCTIONS[np.divmod](self, other)  # type: ignore[no-any-return]

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return FUNCTIONS[np.divmod](other, self)  # type: ignore[no-any-return]


def apply_unary(primitive: Primitive, x: Any) -> Any:
    """Apply a primitive of one array, which may be traced; a pointwise one at the price of a ufunc's."""
    return x._trace.unary(primitive, x) if isinstance(x, Tracer) else primitive.bind((x,), ())


def apply_binary(primitive: Primitive, x: Any, y: Any) -> Any:
    """Apply a primitive of two arrays, one of which at least is traced, at the younger of their traces."""
    if isinstance(x, Tracer):
        trace = x._trace
        if isinstance(y, Tracer) and y._trace is not trace and y._trace.number > trace.number:
            trace = y._trace
        return trace.binary(primitive, x, y)
    if isinstance(y, Tracer):
        return y._trace.binary(primitive, x, y)
    return primitive.bind((x, y), ())


def _operator(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        trace = self._trace
        if isinstance(other, Tracer) and other._trace is not trace and other._trace.number > trace.number:
            trace = other._trace
        return trace.binary(PRIMITIVES[function], self, other)

    return method


def _power(self: Any, other: Any) -> Any:
    """Return ``self ** other``: a square, root or reciprocal where NumPy's own operator computes one."""
    is_literal = type(other) is int or type(other) is float
    if is_literal and other in SIMPLE_POWERS and self.shape and self.dtype.kind == "f":
        return self._trace.unary(PRIMITIVES[SIMPLE_POWERS[other]], self)
    return _general_power(self, other)


def _reflected_operator(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return apply_binary(PRIMITIVES[function], other, self)

    return method


def _unary_operator(function: Callable[..., Any]) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        return self._trace.unary(PRIMITIVES[function], self)

    return method


_general_power = _operator(operator.pow)

# fmt: off
_BINARY_OPERATORS = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift",
)
_COMPARISONS = ("lt", "le", "eq", "ne", "gt", "ge")
_UNARY_OPERATORS = ("neg", "pos", "abs", "invert")
# fmt: on


def _install_operators() -> None:
    for name in _BINARY_OPERATORS:
        function = getattr(operator, f"__{name}__")
        setattr(ArrayOperators, f"__{name}__", _power if name == "pow" else _operator(function))
        setattr(ArrayOperators, f"__r{name}__", _reflected_operator(function))
    for name in _COMPARISONS:
        setattr(ArrayOperators, f"__{name}__", _operator(getattr(operator, name)))
    for name in _UNARY_OPERATORS:
        setattr(ArrayOperators, f"__{name}__", _unary_operator(getattr(operator, name)))


_install_operators()
