"""Pullbacks: a function is recorded, and what goes from cotangents of its results to those of its primals is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.backward import Walk, backward
from functorch_lite.core.operands import placed, zeros_like
from functorch_lite.core.tape import Node, ReverseTrace, Taped, leaf
from functorch_lite.transforms.arguments import (
    call,
    check_callable,
    check_like,
    differentiable,
    like_primal,
    returned,
    returned_leaves,
    split_aux,
    unshared,
)

__all__ = ["Pullback", "parts_of", "recorded", "traced", "vjp_with", "zeros_for"]

_new = object.__new__


def vjp_with(
    trace: ReverseTrace,
    f: Callable[..., Any],
    primals: tuple[Any, ...],
    *,
    has_aux: bool = False,
    name: str = "vjp",
    own: bool = False,
) -> Any:
    """Compute what `vjp` does for the transformation of a name, recording on a trace, which is closed afterwards.

    With ``own`` the results are the caller's to write into: no arrays that the tape keeps.
    """
    check_callable(f, name, "(f, x)")
    leaves, structure = tree.flatten(primals)
    leaves = differentiable(leaves, primals, name)
    pullback, aux = recorded(trace, f, lambda xs: f(*tree.unflatten(structure, xs)), leaves, structure, has_aux, own)
    return (pullback.value, pullback, aux) if has_aux else (pullback.value, pullback)


def recorded(
    trace: ReverseTrace,
    f: Callable[..., Any],
    of_leaves: Callable[[list[Any]], Any],
    leaves: Sequence[Any],
    structure: tree.Structure,
    has_aux: bool = False,
    own: bool = False,
) -> tuple[Pullback, Any]:
    """Record a call of ``f`` as a function of a list of arrays on a trace, which is closed afterwards.

    With ``own`` the results share no memory with what the tape keeps.

    Returns
    -------
    pullback, aux
        The `Pullback`, to the leaves in a structure; the auxiliary output, or None.
    """
    parts = _own_parts_of if own else parts_of
    tracers = [traced(trace, x) for x in leaves]
    out = call(of_leaves, (tracers,), {}, trace)
    aux = None
    if has_aux:
        out, aux = split_aux(out, f)
        aux = tree.map(lambda a: parts(trace, returned(a, trace))[0], aux)
    out_leaves, out_structure = returned_leaves(out, trace, f)
    results = [parts(trace, y) for y in out_leaves]
    trace.close()
    return Pullback(results, out_structure, leaves, [x.node[0] for x in tracers], structure), aux


class Pullback:
    """The function from cotangents of what a recorded function has returned to those of its primals.

    Parameters
    ----------
    parts
        The value and the node of each leaf of the result; the node is None if it does not depend on the primals.
    out_structure
        The structure of the result.
    leaves, orders, structure
        The leaves of the primals, the orders of their nodes, and the structure of the tuple of primals.
    """

    __slots__ = ("leaves", "nodes", "orders", "out_structure", "structure", "value", "values")

    def __init__(
        self,
        parts: Sequence[tuple[Any, Node | None]],
        out_structure: tree.Structure,
        leaves: Sequence[Any],
        orders: Sequence[int],
        structure: tree.Structure,
    ) -> None:
        self.values = [value for value, _ in parts]
        self.nodes = [node for _, node in parts]
        self.out_structure = out_structure
        self.value = tree.unflatten(out_structure, self.values)
        self.leaves, self.orders, self.structure = leaves, orders, structure

    def __call__(self, cotangent: Any) -> tuple[Any, ...]:
        given, structure = tree.flatten(cotangent)
        present = list(range(len(self.values)))
        if structure != self.out_structure:
            given, present = _given_in_part(cotangent, self.value)
        given = check_like(given, [self.values[i] for i in present], "cotangent", "the output")
        cotangents = placed([None] * len(self.values), present, given)
        result: tuple[Any, ...] = tree.unflatten(self.structure, self.of_leaves(cotangents))
        return result

    def of_leaves(self, cotangents: Sequence[Any], walk: Walk | None = None) -> list[Any]:
        """Pull back a cotangent for each leaf of the result, of its shape and dtype, or None for zero, by a walk."""
        given = [(node, g) for node, g in zip(self.nodes, cotangents, strict=True) if g is not None]
        found = backward(((node, g) for node, g in given if node is not None), walk)
        seen = {id(g) for _, g in given}
        return [
            like_primal(unshared(found[order], seen) if order in found else zeros_for(x), x)
            for order, x in zip(self.orders, self.leaves, strict=True)
        ]


def _given_in_part(cotangent: Any, value: Any) -> tuple[list[Any], list[int]]:
    """Return the cotangents that a tree with None in some places gives, and the positions of their outputs."""
    marked = tree.mark_none(cotangent)
    entries: list[Any] = []
    if any(g is tree.NONE for g in tree.leaves(marked)):
        with suppress(ValueError):
            entries = tree.broadcast_prefix(marked, value)
    present = [i for i, g in enumerate(entries) if g is not tree.NONE]
    if not present or len(present) != sum(g is not tree.NONE for g in tree.leaves(marked)):
        raise ValueError(
            f"the cotangent has structure {tree.structure(cotangent)} where the output has {tree.structure(value)}; it "
            f"needs one array for each output, or None for some"
        )
    return [entries[i] for i in present], present


def traced(trace: ReverseTrace, value: Any) -> Taped:
    """Return a tracer of a value to differentiate with respect to."""
    result = _new(Taped)
    result._trace = trace
    result.value = value
    result.node = leaf(value)
    return result


def parts_of(trace: ReverseTrace, value: Any) -> tuple[Any, Node | None]:
    """Return the value and the node of a result; the node is None if it does not depend on the trace's inputs."""
    if isinstance(value, Taped) and value._trace is trace:
        return value.value, value.node
    return value, None


def _own_parts_of(trace: ReverseTrace, value: Any) -> tuple[Any, Node | None]:
    """Return the parts of a result; its value is a copy, where the tape may have kept the array itself."""
    value, node = parts_of(trace, value)
    return value.copy("K") if node is not None and type(value) is np.ndarray else value, node


def zeros_for(x: Any) -> Any:
    """Return the gradient zero of a primal."""
    if not hasattr(x, "dtype"):
        return 0.0 if not isinstance(x, complex) else 0j
    return zeros_like(x) if x.dtype.kind in "fc" else np.zeros(x.shape)[()]
