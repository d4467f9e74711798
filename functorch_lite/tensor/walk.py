"""The backward passes of the object style: the engine's walk, which also observes, frees, and can be recorded.

Three things are added to the walk of `functorch_lite.core.backward`: what happens at an `Observed` node; freeing what
the nodes have kept; and, for ``create_graph``, a walk whose cotangents are tensors, so that the ambient trace records
it. There the kept values are made tensors again, with the nodes that they came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from functorch_lite.core.backward import Walk, project, transposed
from functorch_lite.core.memory import check_unmodified, last_write
from functorch_lite.core.primitive import General, JointPrimitive, Pointwise
from functorch_lite.core.rules import IDENTITY, KEPT, NEGATION
from functorch_lite.core.tape import DTYPE, FIRST_PARENT, PRIMITIVE, SHAPE, Node, PartialCotangents, selection
from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.ambient import constant, is_tensor, tensor_of
from functorch_lite.tensor.grad_mode import restore, switch
from functorch_lite.tensor.graph import Freed, Observed, Packed, argument_position, freed, parents_of
from functorch_lite.transforms.reverse import vjp

__all__ = ["conjugated", "walked"]


def walked(
    seeds: Iterable[tuple[Node, Any]],
    wanted: Iterable[int],
    *,
    record: bool,
    free: bool,
    anomaly: bool = False,
    only: Iterable[int] | None = None,
) -> dict[int, Any]:
    """Walk back from the seeds; return the cotangents of the leaves reached and of the wanted nodes, by order.

    Parameters
    ----------
    seeds
        Nodes and their cotangents: raw arrays (or tracers of an inner ``vmap``), tensors when recording.
    wanted
        The orders of interior nodes whose cotangent is to be returned too; they must be `Observed`.
    record
        Whether the walk itself is recorded, for derivatives of the result.
    free
        Whether the values that the nodes have kept are let go.
    anomaly
        Whether a NaN in a cotangent raises.
    only
        The orders of the nodes whose cotangents are asked, and nothing else is to be computed. None: all leaves, and
        tensors that retain theirs.
    """
    seeds = list(seeds)
    needed, crossed = (None, None) if only is None else _needed([node for node, _ in seeds], set(only))
    last = last_write()
    done: list[Node] = []
    walk = _TensorWalk(wanted, record, anomaly, only is None, needed, crossed, done.append)
    for node, g in seeds:
        walk.accumulate(node, project(g, node[SHAPE], node[DTYPE]))
    before = switch(record)
    try:
        if record or anomaly or needed is not None:
            walk.run_watched()
        else:
            walk.run()
    finally:
        restore(before)
    if last is not None:
        check_unmodified(done, last)
    if free:
        _free(done)
    if walk.captured:
        walk.cotangents.update(walk.captured)
    return walk.cotangents


class _TensorWalk(Walk):
    """A walk that minds what is to happen at nodes."""

    __slots__ = ("anomaly", "captured", "crossed", "needed", "record", "retain", "wanted")

    def __init__(
        self,
        wanted: Iterable[int],
        record: bool,
        anomaly: bool,
        retain: bool,
        needed: set[int] | None,
        crossed: set[int] | None,
        note: Callable[[Node], None] | None,
    ) -> None:
        super().__init__(note)
        self.wanted, self.record, self.anomaly = frozenset(wanted), record, anomaly
        self.retain, self.needed, self.crossed = retain, needed, crossed
        self.captured: dict[int, Any] = {}

    def run_watched(self) -> None:
        """Process all nodes by their rules, without the shortcuts of `run`."""
        needed, crossed = self.needed, self.crossed
        while self.pending:
            node, g = self.youngest()
            if needed is not None and node[0] not in needed:
                continue
            if crossed is not None and node[0] not in crossed:  # what is asked for, and nothing below it
                self._arrive(node, node[1], g)
                continue
            if self.note is not None:
                self.note(node)
            self.pull(node, g)

    def pull(self, node: Node, g: Any) -> None:
        primitive = node[1]
        if type(primitive) is Freed:
            raise RuntimeError(
                f"Trying to backward through the graph a second time: what {primitive.name} had kept was freed by the "
                f"first. Pass retain_graph=True to the first backward (or autograd.grad) to go through it again."
            )
        if type(primitive) is Observed:
            self._pull_observed(node, primitive, g)
        elif self.record or self.anomaly or self.needed is not None:
            for parent, c in contributions(node, primitive, node[FIRST_PARENT + 2 :: 3], g, self):
                self.accumulate(parent, self._checked(c, primitive.name, None))
        else:
            super().pull(node, g)

    def _pull_observed(self, node: Node, observed: Observed, g: Any) -> None:
        several = type(g) is PartialCotangents
        if not several:
            g = self._arrive(node, observed, g)
        for hook in list(observed.before.values()):
            given = hook(tuple(map(_shown, g.known(node) if several else (g,))))
            if given is not None:
                g = PartialCotangents(dict(enumerate(map(self._hidden, given)))) if several else self._hidden(given[0])
        kept = node[FIRST_PARENT + 2 :: 3]
        if observed.unpack is not None:
            kept = list(map(observed.unpack, kept))
        found = list(contributions(node, observed.primitive, kept, g, self))
        for after in list(observed.after.values()):
            given = after(
                tuple(_shown(c) for _, c in found), tuple(map(_shown, g.known(node) if several else (g,)))
            )
            if given is not None:
                found = [(parent, self._hidden(c)) for (parent, _), c in zip(found, given, strict=True)]
        for parent, c in found:
            self.accumulate(parent, self._checked(c, observed.name, observed.line))

    def _arrive(self, node: Node, observed: Observed, g: Any) -> Any:
        """Let the hooks of a tensor see its cotangent; return what they make of it."""
        for hook in list(observed.hooks.values()):
            g = self._called(hook, g, node)
        tensor = observed.retained() if observed.retained is not None and self.retain else None
        if tensor is not None:
            tensor._accumulate(g, self.record, set())
        if node[0] in self.wanted:
            self.captured[node[0]] = g
        return g

    def _checked(self, c: Any, name: str, line: str | None) -> Any:
        """Return a cotangent; in anomaly mode, raise if it holds a NaN."""
        value = c.value if is_tensor(c) else c
        if self.anomaly and isinstance(value, np.ndarray | np.generic) and np.isnan(value).any():
            where = "before anomaly mode was on" if line is None else f"at {line}"
            raise RuntimeError(f"{name}Backward returned nan values; the operation was applied {where}")
        return c

    def _called(self, hook: Callable[[Any], Any], g: Any, node: Node) -> Any:
        """Return the cotangent, or what a hook put in its place."""
        given = hook(_shown(g))
        if given is None:
            return g
        given = self._hidden(given)
        if np.shape(given) != node[SHAPE]:
            raise RuntimeError(f"hook '{hook}' has changed the size of value: {node[SHAPE]} became {np.shape(given)}")
        return given

    def _hidden(self, g: Any) -> Any:
        """Return a cotangent as the walk has it from one as hooks have it."""
        if is_tensor(g):
            g = conjugated(g) if self.record else conjugated(g.value)
        return g


def contributions(node: Node, primitive: Any, kept: list[Any], g: Any, walk: Any) -> Iterator[tuple[Node, Any]]:
    """Yield the parents of a node and what its cotangent contributes to theirs, by the primitive's rules."""
    record = walk.record
    if isinstance(primitive, JointPrimitive):
        yield from _joint_contributions(node, primitive, g, walk)
        return
    if type(g) is PartialCotangents:
        g = g.known(node)
    for k, value in zip(range(FIRST_PARENT, len(node), 3), kept, strict=True):
        parent, rule = node[k], node[k + 1]
        if isinstance(primitive, Pointwise):
            if record:
                value = _as_recorded(value, _names_of_partial(primitive, node, k), node, primitive)
            c = g * value if rule is KEPT else g if rule is IDENTITY else -g if rule is NEGATION else g * rule(value)
        else:
            if record:
                value = _as_recorded(value, rule.reads_vjp if rule.vjp is not None else rule.reads_jvp, node, primitive)
            if rule.vjp is not None:
                c = rule.vjp(g, *value)
            else:
                c = transposed(rule, value, primitive.name, parent[SHAPE], parent[DTYPE])(g)
        yield parent, c if type(c) is PartialCotangents else project(c, parent[SHAPE], parent[DTYPE])


def _joint_contributions(
    node: Node, primitive: JointPrimitive, g: Any, walk: Any
) -> Iterator[tuple[Node, Any]]:
    parents, pullback = node[FIRST_PARENT], node[FIRST_PARENT + 1]
    if not walk.record:
        for parent, c in zip(parents, pullback(g.filled(node) if primitive.fills else g.known(node)), strict=True):
            if c is not None:
                yield parent, project(c, parent[SHAPE], parent[DTYPE])
        return
    g = g.filled(node)
    values, params, active = node[FIRST_PARENT + 2]
    tensors = [tensor_of(values[i], parent) for i, parent in zip(active, parents, strict=False)]

    def again(*xs: Any) -> Any:
        arrays = list(values)
        for i, x in zip(active, xs, strict=True):
            arrays[i] = x
        return primitive.bind(tuple(arrays), params)

    if primitive.is_inlined:  # recomputed with its operations recorded, from which the walk goes on
        for out, c in zip(primitive.function(_substituted(values, active, tensors)), g, strict=True):
            if is_tensor(out) and out.node is not None:
                yield out.node, c
        return
    _, pull = vjp(again, *tensors)
    for parent, c in zip(parents, pull(tuple(g)), strict=True):
        yield parent, project(c, parent[SHAPE], parent[DTYPE])


def _substituted(values: tuple[Any, ...], positions: list[int], new: list[Any]) -> tuple[Any, ...]:
    result = list(values)
    for i, x in zip(positions, new, strict=True):
        result[i] = x
    return tuple(result)


def _names_of_partial(primitive: Pointwise, node: Node, k: int) -> tuple[str, ...]:
    """Return what the partial of the argument whose entry starts at ``k`` reads."""
    return primitive.uses[argument_position(primitive, node, k)]


def _as_recorded(kept: Any, names: tuple[str, ...], node: Node, primitive: Any) -> Any:
    """Return what an entry has kept with tensors, that have their nodes, for the arrays that were tensors."""
    if isinstance(primitive, General) and primitive.arity is None:
        if "arrays" not in names:
            return kept
        nodes = {node[k + 2][0]: node[k] for k in range(FIRST_PARENT, len(node), 3)}
        i = names.index("arrays") + 1
        arrays = tuple(tensor_of(x, nodes[j]) if j in nodes else x for j, x in enumerate(kept[i]))
        return (*kept[:i], arrays, *kept[i + 1 :])
    if not names:
        return kept
    entries = range(FIRST_PARENT, len(node), 3)
    nodes = {primitive.arguments[argument_position(primitive, node, k)]: node[k] for k in entries}
    single = isinstance(primitive, Pointwise) and len(names) == 1
    tensors = []
    for name, value in zip(names, (kept,) if single else kept, strict=True):
        if name == "ans":
            value = _outputs(value, node) if type(value) is tuple else tensor_of(value, node)
        elif name in nodes and hasattr(value, "dtype"):
            value = tensor_of(value, nodes[name])
        tensors.append(value)
    return tensors[0] if single else tuple(tensors)


def _outputs(ans: tuple[Any, ...], node: Node) -> tuple[Any, ...]:
    return tuple(tensor_of(a, selection(node, i)) if a.dtype.kind in "fc" else a for i, a in enumerate(ans))


def _shown(g: Any) -> Any:
    """Return a cotangent as hooks and users see it: a tensor, in PyTorch's convention for complex numbers."""
    return None if g is None else constant(conjugated(g)) if not isinstance(g, Tracer) else conjugated(g)


def conjugated(g: Any) -> Any:
    """Translate between the convention of the transformations for complex cotangents and PyTorch's."""
    return np.conjugate(g) if getattr(getattr(g, "dtype", None), "kind", "") == "c" else g


def _needed(roots: list[Node], targets: set[int]) -> tuple[set[int] | None, set[int] | None]:
    """Return the orders of the nodes from roots to targets, and of those among them that a target lies below.

    None for both if these are all nodes, and the targets leaves.
    """
    reachable: dict[int, Node] = {}
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node[0] not in reachable:
            reachable[node[0]] = node
            waiting.extend(parents_of(node))
    needed, crossed = set(), set()
    for order in sorted(reachable, reverse=True):  # the oldest first
        if any(parent[0] in needed for parent in parents_of(reachable[order])):
            crossed.add(order)
        if order in crossed or order in targets:
            needed.add(order)
    interior = any(reachable[order][1] is not None for order in targets if order in reachable)
    return (None, None) if len(needed) == len(reachable) and not interior else (needed, crossed)


def _free(nodes: list[Node]) -> None:
    """Let go of what nodes have kept, where arrays are among it."""
    for node in nodes:
        if len(node) == 7:  # most nodes of most programs
            kept = node[6]
            if type(kept) is _ARRAY or (kept is not None and type(kept) is not float and _holds_arrays(kept)):
                node[1], node[6] = freed(node[1].name), None
                if type(node[4]) is tuple:  # a joint primitive's, whose pullback has kept them
                    node[5] = None
            continue
        for k in range(FIRST_PARENT + 2, len(node), 3):
            kept = node[k]
            if kept is not None and type(kept) is not float and _holds_arrays(kept):
                node[PRIMITIVE] = freed(node[PRIMITIVE].name)
                for i in range(k, len(node), 3):
                    node[i] = None
                break


def _holds_arrays(kept: Any) -> bool:
    if type(kept) is not tuple:
        return isinstance(kept, _ARRAYS)
    for entry in kept:
        kind = type(entry)
        if kind is _ARRAY:
            return True
        if kind is int or kind is bool:
            continue
        if _holds_arrays(entry):
            return True
    return False


_ARRAY = np.ndarray
_ARRAYS = (np.ndarray, np.generic, Packed)
