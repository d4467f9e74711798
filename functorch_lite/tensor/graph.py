"""The graph that users see: ``grad_fn``, its neighbours, and the hooks on nodes and tensors.

What is to happen at a node beside its derivative is said by an `Observed` in the place of its primitive. Other nodes
know nothing of hooks, and the walk does not ask for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any
from weakref import WeakValueDictionary, ref

from functorch_lite.core.primitive import JointPrimitive, Pointwise
from functorch_lite.core.tape import FIRST_PARENT, ORDER, SELECT, Node
from functorch_lite.tensor.ambient import LEAVES

__all__ = [
    "Freed",
    "GraphNode",
    "Observed",
    "Packed",
    "RemovableHandle",
    "argument_position",
    "freed",
    "hook_table",
    "hooks_of_lost_leaf",
    "move_retained",
    "observed",
    "output_number",
    "parents_of",
    "register",
    "retain",
    "retains",
]

_next_hook = count(1).__next__


class Observed:
    """The primitive of a node at which something else happens too.

    Attributes
    ----------
    primitive
        The node's own.
    hooks
        By number: functions of the cotangent that may replace it.
    before, after
        Hooks of the node: ``before(outputs' cotangents)``, ``after(inputs' cotangents, outputs' cotangents)``.
    retained
        A weak reference to the tensor that wants the cotangent as its ``grad``.
    unpack
        Turns what the saved-tensor hooks made of the kept arrays back into them.
    line
        Where the operation was applied, in anomaly mode.
    """

    is_pointwise = False
    differentiable = True

    def __init__(self, primitive: Any) -> None:
        self.primitive = primitive
        self.name: str = getattr(primitive, "name", "AccumulateGrad")
        self.word: str = getattr(primitive, "word", "")
        self.hooks: dict[int, Callable[[Any], Any]] = {}
        self.before: dict[int, Callable[..., Any]] = {}
        self.after: dict[int, Callable[..., Any]] = {}
        self.retained: Any = None
        self.unpack: Callable[[Any], Any] | None = None
        self.line: str | None = None


class Packed:
    """What a saved-tensor hook made of an array that a node keeps."""

    __slots__ = ("content",)

    def __init__(self, content: Any) -> None:
        self.content = content


class Freed:
    """The primitive of a node whose kept values a backward pass has freed."""

    is_pointwise = False

    def __init__(self, name: str, word: str) -> None:
        self.name, self.word = name, word


@cache
def freed(name: str, word: str) -> Freed:
    """Return the primitive of the nodes of an operation that have been freed."""
    return Freed(name, word)


class RemovableHandle:
    """What registering a hook gives: `remove` takes the hook away. A context manager, too."""

    def __init__(self, hooks: dict[int, Any], number: int) -> None:
        self._hooks, self.id = hooks, number

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def register(hooks: dict[int, Any], hook: Callable[..., Any]) -> RemovableHandle:
    """Add a hook to a table; return its handle."""
    number = _next_hook()
    hooks[number] = hook
    return RemovableHandle(hooks, number)


class HookTable(dict[int, Any]):
    """The hooks of a leaf."""

    __slots__ = ("__weakref__",)


#: The hooks of leaves, by the order of their nodes.
_HOOKED: WeakValueDictionary[int, HookTable] = WeakValueDictionary()


def observed(node: Node) -> Observed:
    """Return what observes a node, made if there is nothing yet."""
    primitive = node[1]
    if type(primitive) is not Observed:
        node[1] = primitive = Observed(primitive)
    return primitive


def retain(x: Any) -> None:
    """Let the cotangent of a result become its ``grad``."""
    observed(x.node).retained = ref(x)


def hook_table(leaf: Any) -> HookTable:
    """Return the table of a leaf's hooks, which its node holds: they are called if nobody holds the leaf any more."""
    if leaf._hooks is None:
        leaf._hooks = table = HookTable()
        leaf.node.append(table)
        _HOOKED[leaf.node[ORDER]] = table
    return leaf._hooks  # type: ignore[no-any-return]


def hooks_of_lost_leaf(order: int) -> dict[int, Any]:
    """Return the hooks of a leaf that nobody holds any more, by the order of its node."""
    return _HOOKED.get(order) or {}


def move_retained(x: Any, before: Node) -> None:
    """Let a tensor whose history was replaced get the ``grad`` of its new node in the place of the old one's."""
    if retains(x, before):
        before[1].retained = None
        retain(x)


def retains(x: Any, node: Node) -> bool:
    """Say whether a tensor wants the cotangent of a node as its ``grad``."""
    primitive = node[1]
    return type(primitive) is Observed and primitive.retained is not None and primitive.retained() is x


def parents_of(node: Node) -> list[Node]:
    """Return the nodes of the traced arguments of a node's operation."""
    if node[1] is None:
        return []
    if len(node) > FIRST_PARENT and type(node[FIRST_PARENT]) is tuple:
        return list(node[FIRST_PARENT])
    return node[FIRST_PARENT::3]


class GraphNode:
    """A node of the graph, as ``grad_fn`` shows it.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor(2.0, requires_grad=True)
    >>> (x * x.sin()).grad_fn.next_functions
    ((<AccumulateGrad>, 0), (<SinBackward>, 0))
    """

    __slots__ = ("__weakref__", "_node")

    _node: Node

    def __new__(cls, node: Node) -> GraphNode:
        """Return the one object that shows a node; of a result among several it is the operation's node."""
        node = node[FIRST_PARENT] if _is_selection(node) else node
        shown = _SHOWN.get(node[0])
        if shown is None:
            _SHOWN[node[0]] = shown = super().__new__(cls)
            shown._node = node
        return shown

    def __repr__(self) -> str:
        return f"<{self.name()}>"

    def name(self) -> str:
        """Return the name: that of the operation, and ``Backward``.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> ft.ones(2, requires_grad=True).sin().grad_fn.name()
        'SinBackward'
        """
        primitive = self._node[1]
        if primitive is None:
            return "AccumulateGrad"
        words = _NAMES.get(primitive.word) or primitive.name.replace("-", "_").split("_")
        if isinstance(words, list):
            words = "".join(word[:1].upper() + word[1:] for word in words)
        return f"{words}Backward"

    @property
    def next_functions(self) -> tuple[tuple[GraphNode, int], ...]:
        """For each argument: its node with the number of the output that it was; ``(None, 0)`` for a constant.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> (ft.tensor(2.0, requires_grad=True) * 3.0).grad_fn.next_functions
        ((<AccumulateGrad>, 0), (None, 0))
        """
        node = self._node
        parents = parents_of(node)
        edges: list[tuple[Any, int]] = [(GraphNode(parent), output_number(parent)) for parent in parents]
        primitive = node[1].primitive if type(node[1]) is Observed else node[1]
        arity = getattr(primitive, "arity", None)
        if arity and arity > len(edges) and not isinstance(primitive, JointPrimitive) and primitive.word != "update":
            places = [argument_position(primitive, node, k) for k in range(FIRST_PARENT, len(node), 3)]
            by_place = dict(zip(places, edges, strict=True))
            edges = [by_place.get(i, (None, 0)) for i in range(arity)]
        return tuple(edges)

    @property
    def variable(self) -> Any:
        """The leaf tensor into whose ``grad`` an ``AccumulateGrad`` adds.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.tensor(2.0, requires_grad=True)
        >>> x.sin().grad_fn.next_functions[0][0].variable is x
        True
        """
        if self._node[1] is not None:
            raise AttributeError(f"{self!r} has no variable; only AccumulateGrad has")
        return LEAVES.get(self._node[0])

    @property
    def metadata(self) -> dict[str, Any]:
        """What anomaly mode noted about the operation: under ``"line"``, where it was applied.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> with ft.autograd.detect_anomaly():
        ...     y = ft.ones(2, requires_grad=True).sin()
        >>> list(y.grad_fn.metadata)
        ['line']
        """
        primitive = self._node[1]
        return {"line": primitive.line} if type(primitive) is Observed and primitive.line else {}

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_inputs, grad_outputs)`` after the derivative; what it returns replaces ``grad_inputs``.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> y = ft.tensor(0.0, requires_grad=True).sin()
        >>> handle = y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: print(grad_inputs))
        >>> y.backward()
        (tensor(1.),)
        """
        if self._node[1] is None:
            return register(self._accumulation().after, hook)
        return register(observed(self._node).after, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(grad_outputs)`` before the node's derivative; what it returns replaces ``grad_outputs``.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> x = ft.tensor(0.0, requires_grad=True)
        >>> y = x.sin()
        >>> handle = y.grad_fn.register_prehook(lambda grad_outputs: (10.0 * grad_outputs[0],))
        >>> y.backward()
        >>> x.grad
        tensor(10.)
        """
        if self._node[1] is None:
            return register(self._accumulation().before, hook)
        return register(observed(self._node).before, hook)

    def _accumulation(self) -> Observed:
        """Return what observes the accumulation into a leaf's ``grad``."""
        leaf: Any = LEAVES.get(self._node[0])
        if leaf is None:
            raise RuntimeError(
                "the leaf tensor of this AccumulateGrad is gone, and nothing is accumulated; keep a reference to it"
            )
        if leaf._accumulation is None:
            leaf._accumulation = Observed(None)
        return leaf._accumulation  # type: ignore[no-any-return]


#: The objects that show nodes, by the nodes' order.
_SHOWN: WeakValueDictionary[int, GraphNode] = WeakValueDictionary()


def argument_position(primitive: Any, node: Node, k: int) -> int:
    """Return which argument of the primitive the entry that starts at ``k`` belongs to."""
    rules = primitive.partials if isinstance(primitive, Pointwise) else primitive.rules
    if len(node) - FIRST_PARENT == 3 * len(rules):
        return (k - FIRST_PARENT) // 3
    return next(i for i, rule in enumerate(rules) if rule is node[k + 1])


def output_number(node: Node) -> int:
    """Return which result of its operation a node is of."""
    number: int = node[FIRST_PARENT + 2][0] if _is_selection(node) else 0
    return number


def _is_selection(node: Node) -> bool:
    primitive = node[1].primitive if type(node[1]) is Observed else node[1]
    return primitive is SELECT


#: Where PyTorch's name of an operation is not ours.
_NAMES = {
    "multiply": "Mul",
    "truediv": "Div",
    "divide": "Div",
    "subtract": "Sub",
    "negative": "Neg",
    "power": "Pow",
    "square": "Pow",
    "update": "CopySlices",
    "absolute": "Abs",
    "positive": "Clone",
}
