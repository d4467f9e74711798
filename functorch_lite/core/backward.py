"""The one backward pass of the library: a walk over the tape, and the projection of what flows along it.

The walk takes the youngest node that waits, which no other can reach any more, and hands contributions to its parents.
It owns the sums that it makes and adds to them in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any

import numpy as np

from functorch_lite.core.memory import check_unmodified, last_write
from functorch_lite.core.operands import quotient, shape_of
from functorch_lite.core.primitive import JointPrimitive
from functorch_lite.core.rules import IDENTITY, KEPT, NEGATION, QUOTIENT, Rule
from functorch_lite.core.tape import (
    DTYPE,
    FIRST_PARENT,
    ORDER,
    PRIMITIVE,
    SHAPE,
    LinearTrace,
    Node,
    PartialCotangents,
    Taped,
    dtype_or_type,
    leaf,
)

__all__ = ["Walk", "backward", "project", "transposed", "unbroadcast"]

_new = object.__new__

#: The type of cotangents that the walk may add to in place, once it has made them itself.
_WRITABLE = np.ndarray
_ARRAYS = (np.ndarray, np.generic)

#: Rows of at most so many elements are added up by a product with ones, where so many elements are to be: NumPy's own
#: sum begins anew with each row, which takes up to ten times as long.
_SHORT, _MANY = 64, 1000


def backward(seeds: Iterable[tuple[Node, Any]], walk: Walk | None = None) -> dict[int, Any]:
    """Walk the tape from the seeds back to the leaves: the one backward pass.

    Parameters
    ----------
    seeds
        Pairs of a node and its cotangent.
    walk
        What goes, a new `Walk` if it is not given.

    Returns
    -------
    dict
        The accumulated cotangent of each leaf that was reached, by the leaf's ``order``.

    Raises
    ------
    RuntimeError
        If something that a node keeps was a tensor's, which has been written to since.
    """
    walk = walk or Walk()
    for node, g in seeds:
        walk.accumulate(node, project(g, node[SHAPE], node[DTYPE]))
    last = last_write()
    if last is None:
        walk.run()
    else:
        done: list[Node] = []
        walk.note = done.append
        walk.run()
        check_unmodified(done, last)
    return walk.cotangents


class Walk:
    """One backward pass: the nodes that wait, the youngest first, and the cotangents that have reached them."""

    __slots__ = ("cotangents", "note", "owned", "pending")

    def __init__(self, note: Callable[[Node], None] | None = None) -> None:
        #: Called with each node that is processed.
        self.note = note
        self.cotangents: dict[int, Any] = {}
        #: The orders of the nodes whose cotangent is an array that nobody else refers to.
        self.owned: set[int] = set()
        self.pending: list[Node] = []

    def run(self) -> None:
        """Process nodes until only leaves have cotangents."""
        cotangents, pending, note = self.cotangents, self.pending, self.note
        while pending:
            node = heappop(pending)
            g = cotangents.pop(node[0])
            if note is not None:
                note(node)
            while node[1].is_pointwise:
                if len(node) == 7:  # one traced argument: most nodes of most programs
                    parent, partial, kept = node[4], node[5], node[6]
                    if partial is KEPT:
                        c = g * kept
                    elif partial is IDENTITY:
                        c = g
                    elif partial is NEGATION:
                        c = -g
                    elif partial is QUOTIENT:
                        c = quotient(g, kept)
                    else:
                        c = g * partial(kept)
                    try:
                        if parent[2] != node[2] or c.dtype is not parent[3]:
                            c = project(c, parent[2], parent[3])
                    except AttributeError:  # a Python scalar
                        c = project(c, parent[2], parent[3])
                    if not pending and parent[1] is not None:  # nothing else can reach the parent: go on with it
                        node, g = parent, c
                        if note is not None:
                            note(node)
                        continue
                    self.accumulate(parent, c)
                    break
                for k in range(4, len(node), 3):
                    parent, partial = node[k], node[k + 1]
                    if partial is KEPT:
                        c = g * node[k + 2]
                    elif partial is QUOTIENT:
                        c = quotient(g, node[k + 2])
                    else:
                        c = g if partial is IDENTITY else -g if partial is NEGATION else g * partial(node[k + 2])
                    try:
                        if c.shape != parent[2] or c.dtype is not parent[3]:
                            c = project(c, parent[2], parent[3])
                    except AttributeError:  # a Python scalar
                        c = project(c, parent[2], parent[3])
                    order = parent[0]
                    if order in cotangents:
                        self.accumulate(parent, c)
                    else:
                        cotangents[order] = c
                        if parent[1] is not None:
                            heappush(pending, parent)
                break
            else:
                self.pull(node, g)

    def youngest(self) -> tuple[Node, Any]:
        """Take the youngest node that waits, and its cotangent."""
        node = heappop(self.pending)
        return node, self.cotangents.pop(node[ORDER])

    def accumulate(self, node: Node, c: Any) -> None:
        """Add a contribution to the cotangent of a node; the node waits from the first one on."""
        order = node[0]
        cotangents = self.cotangents
        if order not in cotangents:
            cotangents[order] = c
            if node[1] is not None:
                heappush(self.pending, node)
            return
        total = cotangents[order]
        if order in self.owned and type(total) is _WRITABLE is type(c) and total.dtype == c.dtype:
            total += c
            return
        cotangents[order] = total + c
        self.owned.add(order)

    def pull(self, node: Node, g: Any) -> None:
        """Process a node of a primitive that is not pointwise."""
        primitive = node[PRIMITIVE]
        if isinstance(primitive, JointPrimitive):
            g = g.filled(node) if primitive.fills else g.known(node)
            for parent, c in zip(node[4], node[5](g), strict=True):
                if c is not None:
                    self.accumulate(parent, project(c, parent[SHAPE], parent[DTYPE]))
            return
        if type(g) is PartialCotangents:
            g = g.known(node)
        cotangents = self.cotangents
        for k in range(FIRST_PARENT, len(node), 3):
            parent, rule, kept = node[k], node[k + 1], node[k + 2]
            order = parent[0]
            if rule.add_to is not None and isinstance(g, _ARRAYS):
                total = cotangents.get(order)
                if total is None:
                    self.owned.add(order)  # what the rule is about to make is the walk's own
                elif (
                    order in self.owned
                    and type(total) is _WRITABLE
                    and total.dtype == g.dtype
                    and rule.add_to(total, g, *kept) is not NotImplemented
                ):
                    continue
            if rule.vjp is not None:
                c = rule.vjp(g, *kept)
            else:
                c = transposed(rule, kept, primitive.name, parent[2], parent[3])(g)
            try:
                if c.shape != parent[2] or c.dtype is not parent[3]:
                    c = project(c, parent[2], parent[3])
            except AttributeError:  # a Python scalar, or cotangents of some of several outputs
                if type(c) is not PartialCotangents:
                    c = project(c, parent[2], parent[3])
            if order in cotangents:
                self.accumulate(parent, c)
            else:
                cotangents[order] = c
                if parent[1] is not None:
                    heappush(self.pending, parent)


def transposed(
    rule: Rule, kept: tuple[Any, ...], name: str, shape: tuple[int, ...], dtype: Any
) -> Callable[[Any], Any]:
    """Derive the reverse rule of an argument by transposing its forward rule, which must be linear in the tangent.

    Parameters
    ----------
    rule, kept
        The rule, and what its forward rule read.
    name
        The primitive's name, for errors.
    shape, dtype
        Those of the argument.

    Returns
    -------
    callable
        From the cotangent of the result to that of the argument.
    """
    assert rule.jvp is not None

    def pull(g: Any) -> Any:
        trace = LinearTrace(f"the forward rule of {name}")
        t = _new(Taped)
        t._trace = trace
        t.value = np.zeros(shape, dtype)
        t.node = leaf(t.value)
        outputs = rule.jvp(t, *kept)  # type: ignore[misc]
        trace.close()
        pairs = zip(outputs, g, strict=True) if type(g) is tuple else [(outputs, g)]
        seeds = [
            (out.node, c) for out, c in pairs if c is not None and isinstance(out, Taped) and out._trace is trace
        ]
        return backward(seeds).get(t.node[0], t.value)

    return pull


def project(c: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Project a cotangent to the shape and dtype of its primal.

    Broadcast axes are summed; a real primal takes the real part; the precision is the primal's. Only the kind, not the
    precision, of a Python scalar counts: its type stands in the place of the dtype.
    """
    if shape_of(c) != shape:
        c = unbroadcast(c, shape)
    own = dtype_or_type(c)
    if own is dtype:
        return c
    if isinstance(dtype, type):
        complex_given = own is complex if isinstance(own, type) else own.kind == "c"
        return c.real if complex_given and dtype is not complex else c
    if isinstance(own, type):
        return np.multiply(c, np.ones((), dtype)) if own is not complex or dtype.kind == "c" else dtype.type(c.real)
    if own.kind == "c" and dtype.kind != "c":
        c = c.real
    return c if c.dtype == dtype else c.astype(dtype)


def unbroadcast(c: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which ``shape`` was broadcast to the shape of ``c``."""
    own = shape_of(c)
    extra = len(own) - len(shape)
    axes = tuple(range(extra))
    if own[extra:] == shape and extra > 0:
        return np.add.reduce(c, axes) if type(c) is _WRITABLE else c.sum(axes)
    for i, length in enumerate(shape, extra):
        if i < 0 or own[i] != length != 1:
            return np.broadcast_to(c, shape)
        if own[i] != length:
            axes += (i,)
    if extra:
        return c.sum(axes).reshape(shape)
    if type(c) is not _WRITABLE:
        return c.sum(axes, keepdims=True)
    if axes == (len(own) - 1,) and own[-1] <= _SHORT and c.size >= _MANY and c.dtype.char in "fd":
        flags = c.flags
        if flags.c_contiguous and flags.aligned:
            return (c.reshape(-1, own[-1]) @ np.ones(own[-1], c.dtype)).reshape(shape)
    return np.add.reduce(c, axes, keepdims=True)
