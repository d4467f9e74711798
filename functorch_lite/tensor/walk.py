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
from functorch_lite.core.operands import placed
from functorch_lite.core.primitive import General, JointPrimitive, Pointwise
from functorch_lite.core.rules import carried
from functorch_lite.core.tape import DTYPE, FIRST_PARENT, PRIMITIVE, SHAPE, Node, PartialCotangents, selection
from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.ambient import constant, is_tensor, tensor_of
from functorch_lite.tensor.grad_mode import restore, switch
from functorch_lite.tensor.graph import Freed, Observed, Packed, argument_position, freed, parents_of
from functorch_lite.transforms.reverse import vjp

__all__ = ["conjugated", "hidden_as", "results_of", "shown", "through_hooks", "walked"]


def walked(
    seeds: Iterable[tuple[Node, Any]],
    wanted: Iterable[int],
    *,
    record: bool,
    free: bool,
    anomaly: bool = False,
    only: Iterable[int] | None = None,
    held: set[int],
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
    held
        The identities of arrays that others hold, such as the seeds; those that hooks see and give are added.
    """
    seeds = list(seeds)
    needed, crossed = (None, None) if only is None else _needed([node for node, _ in seeds], set(only))
    walk = _TensorWalk(wanted, record, anomaly, only is None, needed, crossed, held)
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
    walk.check()
    if free:
        _free(walk.done)
    if walk.captured:
        walk.cotangents.update(walk.captured)
    return walk.cotangents


class _TensorWalk(Walk):
    """A walk that minds what is to happen at nodes."""

    __slots__ = (
        "anomaly",
        "captured",
        "checked",
        "crossed",
        "done",
        "held",
        "last",
        "needed",
        "record",
        "retain",
        "wanted",
    )

    def __init__(
        self,
        wanted: Iterable[int],
        record: bool,
        anomaly: bool,
        retain: bool,
        needed: set[int] | None,
        crossed: set[int] | None,
        held: set[int],
    ) -> None:
        self.held = held
        #: The nodes that were processed; so many of them are known to have read what they had kept.
        self.done: list[Node] = []
        self.checked, self.last = 0, last_write()
        super().__init__(self.done.append)
        self.wanted, self.record, self.anomaly = frozenset(wanted), record, anomaly
        self.retain, self.needed, self.crossed = retain, needed, crossed
        self.captured: dict[int, Any] = {}

    def check(self, unread: int = 0) -> None:
        """Raise if what nodes had kept was written to before they read it; the last ``unread`` have not done so yet.

        A hook may write: that concerns the nodes alone that are processed later.
        """
        if self.last is not None:
            done = self.done[self.checked :]
            check_unmodified(done if self.record else [node for node in done if not _checks_kept(node)], self.last)
        self.checked, self.last = len(self.done) - unread, last_write()

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
            self.done.append(node)
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
            cotangents = g.known(node) if several else (g,)
            given = results_of(hook, len(cotangents), hook(tuple(map(self._shown, cotangents))))
            if given is not None:
                hidden = [hidden_as(c, self.record, self.held) for c in given]
                g = PartialCotangents(dict(enumerate(hidden))) if several else hidden[0]
        if observed.hooks or observed.before:
            self.check(unread=1)
        kept = node[FIRST_PARENT + 2 :: 3]
        if observed.unpack is not None:
            kept = list(map(observed.unpack, kept))
        found = list(contributions(node, observed.primitive, kept, g, self))
        for after in list(observed.after.values()):
            cotangents = g.known(node) if several else (g,)
            given = after(tuple(self._shown(c) for _, c in found), tuple(map(self._shown, cotangents)))
            given = results_of(after, len(found), given)
            if given is not None:
                hidden = [hidden_as(c, self.record, self.held) for c in given]
                found = [(parent, c) for (parent, _), c in zip(found, hidden, strict=True)]
        if observed.after:
            self.check()
        for parent, c in found:
            self.accumulate(parent, self._checked(c, observed.name, observed.line))

    def _arrive(self, node: Node, observed: Observed, g: Any) -> Any:
        """Let the hooks of a tensor see its cotangent; return what they make of it."""
        g = through_hooks(observed.hooks, g, self.record, self.held)
        tensor = observed.retained() if observed.retained is not None and self.retain else None
        if tensor is not None:
            tensor._accumulate(g, self.record, {id(g)})
        if node[0] in self.wanted:
            self.captured[node[0]] = g
        return g

    def _shown(self, g: Any) -> Any:
        return shown(g, self.held)

    def _checked(self, c: Any, name: str, line: str | None) -> Any:
        """Return a cotangent; in anomaly mode, raise if it holds a NaN."""
        value = c.value if is_tensor(c) else c
        if self.anomaly and isinstance(value, np.ndarray | np.generic) and np.isnan(value).any():
            where = "before anomaly mode was on" if line is None else f"at {line}"
            raise RuntimeError(f"{name}Backward returned nan values; the operation was applied {where}")
        return c


def _checks_kept(node: Node) -> bool:
    primitive = node[PRIMITIVE]
    return getattr(primitive.primitive if type(primitive) is Observed else primitive, "checks_kept", False)


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
            c = carried(g, rule, value)
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
        return primitive.bind(tuple(placed(values, active, xs)), params)

    if primitive.is_inlined:  # recomputed with its operations recorded, from which the walk goes on
        for out, c in zip(primitive.again(tuple(placed(values, active, tensors))), g, strict=True):
            if is_tensor(out) and out.node is not None:
                yield out.node, c
        return
    _, pull = vjp(again, *tensors)
    for parent, c in zip(parents, pull(tuple(g)), strict=True):
        yield parent, project(c, parent[SHAPE], parent[DTYPE])


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


def through_hooks(
    hooks: dict[int, Callable[[Any], Any]], g: Any, record: bool, held: set[int]
) -> Any:
    """Let the hooks of a tensor see its cotangent; return what they make of it, of the same shape and dtype."""
    for hook in list(hooks.values()):
        given = hook(shown(g, held))
        if given is None:
            continue
        if np.shape(given) != g.shape:
            raise RuntimeError(f"hook '{hook}' has changed the size of value: {g.shape} became {np.shape(given)}")
        g = project(hidden_as(given, record, held), g.shape, g.dtype)
    return g


def results_of(hook: Callable[..., Any], count: int, given: Any) -> Any:
    """Return what the hook of a node gave, as a tuple of cotangents; None where it gave nothing."""
    if given is None:
        return None
    given = tuple(given) if isinstance(given, tuple | list) else (given,)
    if len(given) != count:
        raise RuntimeError(f"hook '{hook}' has returned {len(given)} gradients where there are {count}; return a tuple")
    return given


def shown(g: Any, held: set[int]) -> Any:
    """Return a cotangent as hooks see it: a tensor, in PyTorch's convention for complex numbers; they may keep it."""
    held.add(id(g))
    return None if g is None else constant(conjugated(g)) if not isinstance(g, Tracer) else conjugated(g)


def hidden_as(g: Any, record: bool, held: set[int]) -> Any:
    """Return a cotangent as a walk has it, recorded or not, from one as hooks have it."""
    if is_tensor(g) and not record:
        g = g.value
        held.add(id(g))
    elif not isinstance(g, Tracer) and g is not None:
        value = np.array(g)
        if value.dtype.kind not in "biufc":
            raise TypeError(f"a hook returned a {type(g).__name__}; return a tensor, or None to leave the gradient")
        g = constant(value) if record else value
    return conjugated(g)


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
                node[1], node[6] = freed(node[1].name, node[1].word), None
                if type(node[4]) is tuple:  # a joint primitive's, whose pullback has kept them
                    node[5] = None
            continue
        for k in range(FIRST_PARENT + 2, len(node), 3):
            kept = node[k]
            if kept is not None and type(kept) is not float and _holds_arrays(kept):
                node[PRIMITIVE] = freed(node[PRIMITIVE].name, node[PRIMITIVE].word)
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
