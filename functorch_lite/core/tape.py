"""The tape: how operations are recorded for reverse mode. `functorch_lite.core.backward` walks it.

A **node** is one flat list::

    [order, primitive, shape, dtype,   parent, rule, kept,   parent, rule, kept, …]

``order`` falls with time, so a heap yields the youngest node first. ``shape`` and ``dtype`` are those of the node's own
value: whatever cotangent flows into it is projected to them, which undoes broadcasting and keeps real real and float32
float32. Then follow three entries for each traced argument: its node, its derivative rule and what that rule kept. A
leaf has no primitive and no parents; a `JointPrimitive` has all parents in one tuple and one function that gives all
their cotangents. A Python scalar has its type in the place of the dtype, since its precision is weak. The places have
names (`ORDER`, `PRIMITIVE`, …); where every look-up counts, here and in the walks, they are written as numbers.

Nodes refer to their parents and to nothing else. A branch that led nowhere dies with its last tracer; the walk meets
what the result depends on and nothing more, in order, without recursion; and cotangents live in the walk, never on
nodes.
"""

from __future__ import annotations

from itertools import count
from typing import Any, NoReturn, TypeAlias

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_unready, shape_of
from functorch_lite.core.primitive import Arrays, General, JointPrimitive, Params, Pointwise, Primitive
from functorch_lite.core.rules import KEEP_ANS, KEEP_NOTHING, KEEP_X, KEEP_Y, Rule
from functorch_lite.core.trace import Trace, Tracer
from functorch_lite.core.tracer import ArrayTracer

__all__ = [
    "LinearTrace",
    "Node",
    "PartialCotangents",
    "ReverseTrace",
    "Taped",
    "dtype_or_type",
    "leaf",
    "next_order",
    "selection",
]

Node: TypeAlias = list[Any]

ORDER, PRIMITIVE, SHAPE, DTYPE, FIRST_PARENT = range(5)

#: The clock of the tape: the order of the next node, which falls with time.
next_order = count(0, -1).__next__
_new = object.__new__


class Taped(ArrayTracer):
    """A value of reverse mode, with the tape node that made it."""

    __slots__ = ("node",)

    node: Node

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array that the tracer stands for."""
        return self.node[2]  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """The dtype of the array that the tracer stands for."""
        dtype = self.node[3]
        return np.dtype(dtype) if isinstance(dtype, type) else dtype


class ReverseTrace(Trace):
    """Record operations on the tape."""

    transformation = "reverse-mode differentiation (grad, vjp, jacrev)"
    tracer = Taped
    #: Whether the way back is linear in the cotangent for certain: users' own rules need not be.
    is_linear_back = True

    def close(self) -> None:
        self.is_linear_back = self.is_linear_back
        super().close()

    def unary(self, primitive: Primitive, x: Any) -> Any:
        if not primitive.is_pointwise:
            return self.process(primitive, (x,), ())
        value = x.value
        ans = primitive.function(value)
        keep = primitive.keep
        if keep == KEEP_X:
            kept = value
        elif keep == KEEP_ANS:
            kept = ans
        elif keep == KEEP_NOTHING:
            kept = None
        else:
            kept = primitive.readers[0]((ans, value))
        result = _new(self.tracer)
        result._trace = self
        result.value = ans
        try:
            result.node = [next_order(), primitive, ans.shape, ans.dtype, x.node, primitive.partial, kept]
        except AttributeError:
            result.node = [next_order(), primitive, (), type(ans), x.node, primitive.partial, kept]
        return result

    def binary(self, primitive: Primitive, x: Any, y: Any) -> Any:
        if not primitive.is_pointwise:
            for operand in (x, y):
                if not isinstance(operand, Tracer) and is_unready(operand):
                    return primitive.bind((x, y), ())
            return self.process(primitive, (x, y), ())
        if not isinstance(y, Tracer):  # x belongs to this trace: the common case
            if type(y) is not float and is_unready(y):
                return primitive.bind((x, y), ())
            partial = primitive.partial
            value = x.value
            ans = primitive.function(value, y)
            keep = primitive.keep
            if keep == KEEP_Y:
                kept = y
            elif keep == KEEP_NOTHING:
                kept = None
            else:
                kept = primitive.readers[0]((ans, value, y))
            try:
                shape, dtype = ans.shape, ans.dtype
            except AttributeError:
                shape, dtype = (), type(ans)
            if partial is None:
                return ans
            result = _new(self.tracer)
            result._trace = self
            result.value = ans
            result.node = [next_order(), primitive, shape, dtype, x.node, partial, kept]
            return result
        x_node = y_node = None
        x_value, y_value = x, y
        if y._trace is self:
            y_value, y_node = y.value, y.node  # type: ignore[attr-defined]
        if isinstance(x, Tracer):
            if x._trace is self:
                x_value, x_node = x.value, x.node  # type: ignore[attr-defined]
        elif type(x) is not float and is_unready(x):
            return primitive.bind((x, y), ())
        ans = primitive.function(x_value, y_value)
        try:
            shape, dtype = ans.shape, ans.dtype
        except AttributeError:
            shape, dtype = (), type(ans)
        node = [next_order(), primitive, shape, dtype]
        if x_node is not None and primitive.partial is not None:
            keep = primitive.keep
            if keep == KEEP_Y:
                kept = y_value
            elif keep == KEEP_NOTHING:
                kept = None
            else:
                kept = primitive.readers[0]((ans, x_value, y_value))
            node += (x_node, primitive.partial, kept)
        if y_node is not None and primitive.second_partial is not None:
            keep = primitive.second_keep
            if keep == KEEP_X:
                kept = x_value
            elif keep == KEEP_NOTHING:
                kept = None
            else:
                kept = primitive.readers[1]((ans, x_value, y_value))
            node += (y_node, primitive.second_partial, kept)
        if len(node) == FIRST_PARENT:
            return ans
        result = _new(self.tracer)
        result._trace = self
        result.value = ans
        result.node = node
        return result

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if primitive.is_simple:
            return self.simple(primitive, arrays[0], params)  # type: ignore[arg-type]
        values, active = [], []
        for i, array in enumerate(arrays):
            if isinstance(array, Tracer) and array._trace is self:
                active.append(i)
                values.append(array.value)
            else:
                values.append(array)
        return self.record(primitive, arrays, values, active, params)

    def record(
        self, primitive: Primitive, arrays: Arrays, values: list[Any], active: list[int], params: Params
    ) -> Any:
        """Apply a primitive to values, and record what the arrays at the active positions contribute."""
        if isinstance(primitive, General):
            ans = self.performed(primitive, values, params)
            node = self.node_of(ans, primitive)
            environment = primitive.environment(ans, values, params)
            if primitive.arity is None:
                for i in active:
                    rule = primitive.rule(i)
                    if rule is not None:
                        node += (arrays[i].node, rule, (i, *rule.read(environment)))
            else:
                for i in active:
                    rule = primitive.rules[i]
                    if rule is not None:
                        node += (arrays[i].node, rule, rule.read(environment))
            return self.wrapped(ans, node) if len(node) > FIRST_PARENT else ans
        if isinstance(primitive, JointPrimitive):
            self.is_linear_back = False
            ans, pullback, captured = primitive.reverse(self, tuple(values), active)
            node = self.node_of(ans, primitive)
            node += ((*(arrays[i].node for i in active), *(tracer.node for tracer in captured)), pullback)
            return self.wrapped(ans, node)
        ans = self.performed(primitive, values, params)
        if not isinstance(primitive, Pointwise):
            return ans
        node = self.node_of(ans, primitive)
        for i in active:
            partial, reader = primitive.partials[i], primitive.readers[i]
            if partial is not None:
                node += (arrays[i].node, partial, reader and reader((ans, *values)))
        return self.wrapped(ans, node) if len(node) > FIRST_PARENT else ans

    def performed(self, primitive: Primitive, values: list[Any], params: Params) -> Any:
        """Apply a primitive to the values below, which may be tracers of older traces."""
        for value in values:
            if isinstance(value, Tracer):
                return primitive.bind(tuple(values), params)
        if primitive.arity is None:
            return primitive.function(tuple(values), *params)
        return primitive.function(*values, *params)

    def simple(self, primitive: General, x: Any, params: Params) -> Any:
        """Apply a primitive of one array and one result: a reduction, a change of shape, a basic index."""
        value, parent = x.value, x.node
        ans = primitive.bind((value,), params) if isinstance(value, Tracer) else primitive.function(value, *params)
        rule: Any = primitive.rules[0]
        kept = rule.read((ans, value, *params, parent[SHAPE]))
        result = _new(self.tracer)
        result._trace = self
        result.value = ans
        result.node = node = self.node_of(ans, primitive)
        node += (parent, rule, kept)
        return result

    def node_of(self, ans: Any, primitive: Primitive) -> Node:
        """Start the node of a result; one that is a tuple of arrays has tuples of shapes and dtypes."""
        try:
            return [next_order(), primitive, ans.shape, ans.dtype]
        except AttributeError:  # a Python scalar, or several results
            if type(ans) is tuple:
                return [next_order(), primitive, tuple(map(shape_of, ans)), tuple(map(dtype_or_type, ans))]
            return [next_order(), primitive, (), type(ans)]

    def wrapped(self, ans: Any, node: Node) -> Any:
        """Return the tracer (or the tuple of tracers) of a result with its node."""
        if type(ans) is tuple:
            outputs = []
            for i, a in enumerate(ans):
                outputs.append(self.wrapped(a, selection(node, i)) if _is_inexact(node[DTYPE][i]) else a)
            return tuple(outputs)
        result = _new(self.tracer)
        result._trace = self
        result.value = ans
        result.node = node
        return result


class LinearTrace(ReverseTrace):
    """Record a linear function, and refuse what is not linear in the traced values."""

    transformation = "transposition of a linear function"
    is_concrete = False

    def __init__(self, subject: str = "the function to be transposed") -> None:
        super().__init__()
        self.subject = subject

    def unary(self, primitive: Primitive, x: Any) -> Any:
        self._check(primitive, (x,))
        return super().unary(primitive, x)

    def binary(self, primitive: Primitive, x: Any, y: Any) -> Any:
        self._check(primitive, (x, y))
        return super().binary(primitive, x, y)

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if not isinstance(primitive, JointPrimitive):
            self._check(primitive, arrays)
            return ReverseTrace.process(self, primitive, arrays, params)  # not super(): if closed it has another class
        if primitive.is_inlined:
            return primitive.function(arrays)
        # A function with rules of its own may be linear (a solver that its own reverse rule calls). What can be seen of
        # it from outside is that it is zero at zero, where derived rules are run.
        result = ReverseTrace.process(self, primitive, arrays, params)
        flags = [isinstance(a, Tracer) and a._trace is self for a in arrays]
        reached = primitive.reaches(flags, True)
        if reached is not None:  # the others, such as the values that a program of tangents gives too, are constant
            result = tuple(
                y.value if isinstance(y, Taped) and y._trace is self and not varies else y
                for y, varies in zip(result, reached, strict=True)
            )
        if not any(map(_is_not_zero, arrays)) and any(map(_is_not_zero, result)):
            self._refuse(primitive, [i for i, flag in enumerate(flags) if flag])
        return result

    def _check(self, primitive: Primitive, arrays: Arrays) -> None:
        active, _ = self.unwrapped(arrays)
        if primitive.differentiable and not primitive.is_linear_in(active):
            self._refuse(primitive, active)

    def _refuse(self, primitive: Primitive, active: list[int]) -> NoReturn:
        raise ValueError(
            f"{self.subject} is not linear: {primitive.name} is applied at {user_line()} to traced arguments {active} "
            f"in which it is not linear. Forward rules must be linear in the tangent."
        )


def _is_not_zero(x: Any) -> bool:
    """Say whether a value of a linear trace is known not to be zero; one that an outer trace watches is not known."""
    return isinstance(x, Taped) and not isinstance(x.value, Tracer) and bool(np.any(x.value))


class PartialCotangents:
    """Cotangents of some outputs of a primitive that returns several."""

    __slots__ = ("by_output",)

    def __init__(self, by_output: dict[int, Any]) -> None:
        self.by_output = by_output

    def __add__(self, other: PartialCotangents) -> PartialCotangents:
        # The walk made both and refers to neither any more: adding in place keeps many outputs linear.
        mine = self.by_output
        for i, g in other.by_output.items():
            mine[i] = mine[i] + g if i in mine else g
        return self

    def known(self, node: Node) -> tuple[Any, ...]:
        """Return one cotangent an output, None where none arrived."""
        return tuple(map(self.by_output.get, range(len(node[SHAPE]))))

    def filled(self, node: Node) -> tuple[Any, ...]:
        """Return one cotangent an output, zeros where none arrived."""
        return tuple(
            np.zeros(shape, dtype) if g is None else g
            for g, shape, dtype in zip(self.known(node), node[SHAPE], node[DTYPE], strict=True)
        )


SELECT = General(lambda outputs, i: outputs[i], ["outputs"], [None], name="select", parameters=["i"])
_SELECTION = Rule(vjp=lambda g, i: PartialCotangents({i: g}))


def selection(node: Node, i: int) -> Node:
    """Return the node of one of the results of a primitive that returns several."""
    return [next_order(), SELECT, node[SHAPE][i], node[DTYPE][i], node, _SELECTION, (i,)]


def leaf(value: Any) -> Node:
    """Return the node of a value to differentiate with respect to."""
    return [next_order(), None, shape_of(value), dtype_or_type(value)]


def dtype_or_type(value: Any) -> Any:
    """Return the dtype of an array, or the type of a Python scalar, as nodes hold it."""
    try:
        return value.dtype
    except AttributeError:
        return type(value)


def _is_inexact(dtype: Any) -> bool:
    return dtype in (float, complex) if isinstance(dtype, type) else dtype.kind in "fc"
