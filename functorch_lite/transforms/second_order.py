"""Forward over reverse mode in one pass, by which Hessians are made.

A `SecondOrderTrace` records what a reverse trace would whose values are dual numbers of many tangents. It performs each
pointwise or simple linear operation on the values alone; what a rule keeps of them for the way back is a `WaitingDual`,
whose tangents are made when the way back first looks at them. Most operations cost so what they cost a gradient, and
the tangents that a gradient does not ask for, such as those of a loss and of its summands, are never made.

The `SecondOrderWalk` goes back with pairs of a cotangent and its tangents. Source: Griewank and Walther, *Evaluating
Derivatives* (2008), section 5.4 (second-order adjoints). Where tangents are sparse it collects what each operation adds
to the Hessian on the spot, and goes on with the cotangent alone: of ``φ(u)`` with the cotangent ``g`` these are the
tangents of ``u``, times ``g·φ''(u)``, times the tangents of ``u``. It does not go down where all is linear, of which
only a gradient would have use. Source: Gower and Mello, *A new framework for the computation of Hessians* (2012), whose
edges are pushed here all the way to the inputs at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from math import prod
from typing import Any

import numpy as np

from functorch_lite.core.backward import Walk, backward, project
from functorch_lite.core.operands import is_at_hand, is_unready, quotient, shape_of
from functorch_lite.core.primitive import General, Linear, Params, Primitive
from functorch_lite.core.rules import IDENTITY, KEPT, NEGATION, QUOTIENT
from functorch_lite.core.tape import FIRST_PARENT, SHAPE, Node, ReverseTrace, Taped
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.arguments import dtype_of
from functorch_lite.transforms.forward import Dual, ForwardTrace
from functorch_lite.transforms.many_tangents import ManyTangentsTrace, columns_of
from functorch_lite.transforms.pullback import Pullback
from functorch_lite.transforms.tangent_arrays import SparseTangents

__all__ = ["SecondOrderTrace", "SecondOrderWalk", "WaitingDual", "reverse_over"]

_new = object.__new__


def reverse_over(values: Sequence[Any]) -> tuple[ReverseTrace, Walk]:
    """Return a trace that records a function of values, which may be duals of many tangents, and the walk back."""
    trace = values[0]._trace if values and isinstance(values[0], Dual) else None
    if isinstance(trace, ManyTangentsTrace):
        recording = SecondOrderTrace(trace)
        return recording, SecondOrderWalk(trace, recording)
    return ReverseTrace(), Walk()


class WaitingDual(Dual):
    """A dual number that holds the operation that made it in the place of its tangent.

    When the tangent is looked at it is computed, and the number is an ordinary one from then on.
    """

    __slots__ = ()

    @property
    def tangent(self) -> Any:
        """The tangent; those that it depends on are made first, however many they are."""
        waiting: list[Any] = []
        last: Any = self
        while True:
            primitive, arrays, params = _operation_of(last)
            for x in arrays:
                if type(x) is WaitingDual:
                    waiting.append(last)
                    last = x
                    break
            else:
                t = last._trace.pushed(primitive, last.value, arrays, params)
                last.__class__ = Dual
                last.tangent = t
                if not waiting:
                    return t
                last = waiting.pop()


_slot: Any = Dual.__dict__["tangent"]
_operation_of = _slot.__get__
_set_operation = _slot.__set__
_DUALS = frozenset({Dual, WaitingDual})
#: What is kept of an operation that is not linear: dual numbers, or several values.
_VARYING = frozenset({*_DUALS, tuple})


class SecondOrderTrace(ReverseTrace):
    """Record operations on the dual numbers of a trace of many tangents."""

    def __init__(self, tangents: ManyTangentsTrace) -> None:
        self.tangents = tangents
        #: The operands of partials, by the order of their nodes.
        self.operands: dict[int, Dual] = {}
        #: The orders of the nodes that are linear functions of the inputs.
        self.linear: set[int] = set()
        super().__init__()

    def unary(self, primitive: Primitive, x: Any) -> Any:
        dual = x.value
        if not primitive.is_pointwise or type(dual) not in _DUALS or dual._trace is not self.tangents:
            return super().unary(primitive, x)
        ans = primitive.function(dual.value)
        made = self._made(ans, primitive, (dual,), ())
        reader, parent = primitive.readers[0], x.node
        node = self.node_of(ans, primitive)
        if reader is None:
            node += (parent, primitive.partial, None)
            if self.is_linear(parent):
                self.linear.add(node[0])
        else:
            self.operands[parent[0]] = dual
            node += (parent, primitive.partial, reader((made, dual)))
        result = _new(Taped)
        result._trace = self
        result.value = made
        result.node = node
        return result

    def binary(self, primitive: Primitive, x: Any, y: Any) -> Any:
        if not primitive.is_pointwise:
            return super().binary(primitive, x, y)
        x_value, y_value = x_dual, y_dual = x, y  # written out twice: a loop makes a small Hessian 7 % slower
        x_node = y_node = None
        if isinstance(x, Tracer):
            if x._trace is self:
                x_node, x_dual = x.node, x.value  # type: ignore[attr-defined]
                if type(x_dual) not in _DUALS or x_dual._trace is not self.tangents:
                    return super().binary(primitive, x, y)
                x_value = x_dual.value
        elif type(x) is not float and is_unready(x):
            return primitive.bind((x, y), ())
        if isinstance(y, Tracer):
            if y._trace is self:
                y_node, y_dual = y.node, y.value  # type: ignore[attr-defined]
                if type(y_dual) not in _DUALS or y_dual._trace is not self.tangents:
                    return super().binary(primitive, x, y)
                y_value = y_dual.value
        elif type(y) is not float and is_unready(y):
            return primitive.bind((x, y), ())
        ans = primitive.function(x_value, y_value)
        made = self._made(ans, primitive, (x_dual, y_dual), ())
        node = self.node_of(ans, primitive)
        x_partial, y_partial = primitive.partials
        is_linear = True
        if x_node is not None and x_partial is not None:
            reader = primitive.readers[0]
            if reader is None:
                node += (x_node, x_partial, None)
            else:
                self.operands[x_node[0]] = x_dual
                kept = reader((made, x_dual, y_dual))
                is_linear = type(kept) not in _VARYING
                node += (x_node, x_partial, kept)
        if y_node is not None and y_partial is not None:
            reader = primitive.readers[1]
            if reader is None:
                node += (y_node, y_partial, None)
            else:
                self.operands[y_node[0]] = y_dual
                kept = reader((made, x_dual, y_dual))
                is_linear = is_linear and type(kept) not in _VARYING
                node += (y_node, y_partial, kept)
        if len(node) == FIRST_PARENT:
            return ans
        if is_linear and self.is_linear(x_node) and self.is_linear(y_node):
            self.linear.add(node[0])
        result = _new(Taped)
        result._trace = self
        result.value = made
        result.node = node
        return result

    def simple(self, primitive: General, x: Any, params: Params) -> Any:
        dual = x.value
        if not isinstance(primitive, Linear) or type(dual) not in _DUALS or dual._trace is not self.tangents:
            return super().simple(primitive, x, params)
        value, parent = dual.value, x.node
        ans = primitive.bind((value,), params) if isinstance(value, Tracer) else primitive.function(value, *params)
        made = self._made(ans, primitive, (dual,), params)
        rule: Any = primitive.rules[0]
        node = self.node_of(ans, primitive)
        node += (parent, rule, rule.read((made, dual, *params, parent[SHAPE])))
        if self.is_linear(parent):
            self.linear.add(node[0])
        result = _new(Taped)
        result._trace = self
        result.value = made
        result.node = node
        return result

    def is_linear(self, node: Node | None) -> bool:
        """Say whether a value is a linear function of the inputs, and of a constant besides."""
        return node is None or node[1] is None or node[0] in self.linear

    def _made(self, ans: Any, primitive: Primitive, duals: tuple[Any, ...], params: Params) -> WaitingDual:
        """Return the dual number of a value that an operation has given."""
        made = _new(WaitingDual)
        made._trace = self.tangents
        made.value = ans
        _set_operation(made, (primitive, duals, params))
        return made


class SecondOrderWalk(Walk):
    """Walk back over what a `SecondOrderTrace` has recorded.

    A product of dual numbers is one of values and two of tangents here, without the operators in between.
    """

    __slots__ = ("done", "hessian", "operands", "recording", "tangents")

    def __init__(self, tangents: ManyTangentsTrace, recording: SecondOrderTrace) -> None:
        super().__init__()
        self.tangents = tangents
        self.recording = recording
        self.operands = recording.operands
        #: The orders of nodes that nothing is to be learned from, unless they are reached by tangents.
        self.done: set[int] = set()
        #: What has been collected, a flat matrix; None before there is anything.
        self.hessian: Any = None

    def run(self) -> None:
        cotangents, pending, tangents, note = self.cotangents, self.pending, self.tangents, self.note
        along, done = ForwardTrace(), self.done
        while pending:
            node = heappop(pending)
            g = cotangents.pop(node[0])
            if note is not None:
                note(node)
            if node[0] in done and not (type(g) is Dual and g._trace is tangents):
                continue
            if not node[1].is_pointwise:
                self.pull(node, g)
                continue
            g_tangent = None
            if type(g) is Dual and g._trace is tangents:
                g, g_tangent = g.value, g.tangent
            for k in range(4, len(node), 3):
                parent, partial, kept = node[k], node[k + 1], node[k + 2]
                if g_tangent is None and parent[0] in done and kept is None:
                    continue
                if partial is IDENTITY:
                    c, t = g, g_tangent
                elif partial is NEGATION:
                    c, t = -g, None if g_tangent is None else -g_tangent
                elif type(kept) in _DUALS and g_tangent is None and self.is_of_operand(kept, parent[0], g, partial):
                    # The derivative of the partial along the cotangent is what the operand's tangents are weighed with.
                    p, weights = kept.value, g
                    if node[1].function is np.square:  # whose partial is linear, its own derivative
                        p, weights = None, partial(g)
                    elif partial is not KEPT:
                        p, weights = along.parts(partial(along.dual(p, g)))
                    if weights is None or self.collect_square(kept.tangent, weights):
                        if parent[0] in done:
                            continue
                        t = None
                    else:
                        t = kept.tangent * weights
                    c = g * (partial(kept.value) if p is None else p)
                else:
                    if partial is QUOTIENT:  # its precision is that of the cotangent
                        p = quotient(1 if dtype_of(kept) == dtype_of(g) else dtype_of(g.real).type(1), kept)
                    else:
                        p = kept if partial is KEPT else partial(kept)
                    t = None
                    if type(p) in _DUALS and p._trace is tangents:
                        p, t = p.value, p.tangent
                        t = None if g_tangent is None and self.collect(parent[0], t, g) else t * g
                    c = g * p
                    if g_tangent is not None:
                        t = g_tangent * p if t is None else g_tangent * p + t
                try:
                    fits = c.shape == parent[2] and c.dtype is parent[3]
                except AttributeError:  # a Python scalar
                    fits = False
                if t is not None:
                    c = tangents.dual(c, tangents.fitting(t, c))
                if not fits:
                    c = project(c, parent[2], parent[3])
                order = parent[0]
                if order in cotangents:
                    self.accumulate(parent, c)
                else:
                    cotangents[order] = c
                    if parent[1] is not None:
                        heappush(pending, parent)

    def is_of_operand(self, kept: Dual, order: int, g: Any, partial: Any) -> bool:
        """Say whether a partial derivative is a function of its operand alone: of real numbers, as many as in g."""
        if self.operands.get(order) is not kept or partial is QUOTIENT:
            return False
        try:
            value = kept.value
            return g.dtype is value.dtype and g.shape == value.shape and g.dtype.kind == "f"
        except AttributeError:  # a Python scalar
            return False

    def accumulate(self, node: Node, c: Any) -> None:
        total, tangents = self.cotangents.get(node[0]), self.tangents
        if type(total) is Dual is type(c) and total._trace is tangents is c._trace:
            value = total.value + c.value
            self.cotangents[node[0]] = tangents.dual(value, tangents.fitting(total.tangent + c.tangent, value))
        else:
            super().accumulate(node, c)

    def collect(self, order: int, t: Any, g: Any) -> bool:
        """Add to the Hessian what an operand's cotangent with the tangents ``t * g`` does to it.

        Return False, and add nothing, unless all are real numbers at hand, and sparse.
        """
        operand = self.operands.get(order)
        if operand is None or type(t) is not SparseTangents:
            return False
        own = operand.tangent
        if type(own) is not SparseTangents or own.shape != t.shape:
            return False
        if not is_at_hand(g) or shape_of(g) != t.shape or not own.dtype is t.dtype is g.dtype:
            return False
        return self.is_open(own.dtype) and own.add_product(t, g, self.hessian)

    def collect_square(self, own: Any, weights: Any) -> bool:
        """Add to the Hessian the products of an operand's tangents with each other, weighed; else as `collect`."""
        if type(own) is not SparseTangents or own.dtype is not weights.dtype or not is_at_hand(weights):
            return False
        hessian = self.hessian
        if hessian is None:
            hessian = self.hessian = np.zeros(self.tangents.size**2, own.dtype)
        return hessian.dtype is own.dtype and own.add_square(weights, hessian)

    def is_open(self, dtype: np.dtype[Any]) -> bool:
        """Say whether numbers of a dtype can be added to the Hessian, which the first of them begin."""
        if self.hessian is None:
            if dtype.kind != "f":
                return False
            self.hessian = np.zeros(self.tangents.size**2, dtype)
        return self.hessian.dtype is dtype

    def columns(self, pull: Pullback) -> list[Any]:
        """Go back from a recorded scalar; return of the gradient by each leaf the tangents, along a last axis."""
        (y,), (node,), trace = pull.values, pull.nodes, self.tangents
        self.done = self.recording.linear  # of which only a gradient would have use
        found = backward([(node, dtype_of(y).type(1))] if node else [], self)
        size, start, columns = trace.size, 0, []
        seen: set[int] = set()
        for order, x in zip(pull.orders, pull.leaves, strict=True):
            shape = shape_of(x)
            stop = start + prod(shape)
            g, t = trace.parts(found.get(order))
            if self.hessian is None:
                total = np.zeros((*shape, size), dtype_of(x)) if t is None else columns_of(g, t, size, True, seen)
            else:
                total = self.hessian[start * size : stop * size].reshape(*shape, size)
                if t is not None:
                    total = total + columns_of(g, t, size, True, seen)
                if total.dtype != dtype_of(x):
                    total = total.astype(dtype_of(x))
            columns.append(total)
            start = stop
        return columns
