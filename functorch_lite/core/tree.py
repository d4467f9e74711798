"""Pytrees: nested containers of arrays, through optree, with a fast path for a bare array.

Containers are tuple, list, dict, OrderedDict, defaultdict, deque, namedtuple, None (an empty container), dataclasses
and whatever `register` names. Everything else is a leaf.

Examples
--------
>>> from functorch_lite import tree
>>> tree.map(lambda a, b: a + b, {"w": 1.0, "b": [2.0]}, {"w": 10.0, "b": [20.0]})
{'w': 11.0, 'b': [22.0]}
>>> tree.leaves((1.0, {"a": 2.0}, None))
[1.0, 2.0]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import optree

__all__ = [
    "LEAF",
    "NONE",
    "Structure",
    "all_leaves",
    "broadcast_prefix",
    "flatten",
    "leaves",
    "map",
    "mark_none",
    "paths",
    "reduce",
    "register",
    "structure",
    "unflatten",
]

Structure = optree.PyTreeSpec
T = TypeVar("T", bound=type)

_NAMESPACE = "functorch_lite"

#: The structure of a bare leaf.
LEAF: Structure = optree.tree_structure(0)  # type: ignore[arg-type]

# Types that optree has found to be leaves; a bare array is recognised by a set look-up.
_leaf_types: set[type] = {float, int, complex}

#: The classes that were registered here.
_registered: set[type] = set()


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """Return the leaves of a tree and its structure.

    Parameters
    ----------
    tree
        A pytree: nested containers of whatever. None is an empty container.

    Returns
    -------
    leaves
        A list, in the order of the containers; dicts in that of their sorted keys.
    structure
        What is left without the leaves. Structures compare equal where trees are alike.

    Examples
    --------
    >>> from functorch_lite import tree
    >>> leaves, structure = tree.flatten({"a": 1.0, "b": (2.0, 3.0)})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> tree.unflatten(structure, [10.0, 20.0, 30.0])
    {'a': 10.0, 'b': (20.0, 30.0)}
    """
    if type(tree) in _leaf_types:
        return [tree], LEAF
    leaves, structure = optree.tree_flatten(tree, namespace=_NAMESPACE)
    for leaf in leaves:
        if type(leaf) not in _leaf_types:
            if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type):
                register(type(leaf))
                return flatten(tree)
            _leaf_types.add(type(leaf))
    return leaves, structure


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """Build the tree of a structure from its leaves; the inverse of `flatten`.

    Parameters
    ----------
    structure
        As `flatten` or `structure` gives it.
    leaves
        As many as the structure has, in its order.

    Returns
    -------
    tree
        The containers with the new leaves.

    Raises
    ------
    ValueError
        If there are more or fewer leaves.

    Examples
    --------
    >>> from functorch_lite import tree
    >>> tree.unflatten(tree.structure({"w": 0, "b": [0, 0]}), "xyz")
    {'w': 'z', 'b': ['x', 'y']}
    """
    if structure is LEAF:
        (leaf,) = leaves
        return leaf
    return optree.tree_unflatten(structure, leaves)


def leaves(tree: Any) -> list[Any]:
    """Return the leaves of a tree in order; see `flatten`.

    Parameters
    ----------
    tree
        A pytree.

    Returns
    -------
    list
        The leaves.

    Examples
    --------
    >>> from functorch_lite import tree
    >>> tree.leaves({"b": [2.0, None], "a": 1.0})
    [1.0, 2.0]
    """
    return flatten(tree)[0]


def structure(tree: Any) -> Structure:
    """Return the structure of a tree; see `flatten`.

    Parameters
    ----------
    tree
        A pytree.

    Returns
    -------
    Structure
        Its attribute ``num_leaves`` counts the leaves.

    Examples
    --------
    >>> from functorch_lite import tree
    >>> tree.structure({"w": 1.0, "b": [2.0]}) == tree.structure({"w": "one", "b": ["two"]})
    True
    >>> tree.structure((1.0, [2.0, 3.0])).num_leaves
    3
    """
    return flatten(tree)[1]


def map(function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply a function to corresponding leaves of trees of one structure.

    Parameters
    ----------
    function
        Of as many arguments as there are trees.
    tree, rest
        Pytrees.

    Returns
    -------
    tree
        The results, in the structure of the trees.

    Raises
    ------
    ValueError
        If the structures differ.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> p = {"w": 3.0, "b": 1.0}
    >>> g = ft.grad(lambda p: p["w"] ** 2 + p["b"])(p)
    >>> ft.tree.map(lambda x, s: x - 0.5 * s, p, g)
    {'w': 0.0, 'b': 0.5}
    """
    first, spec = flatten(tree)
    others = []
    for other in rest:
        values, other_spec = flatten(other)
        if other_spec != spec:
            raise ValueError(f"trees of different structures: {spec} and {other_spec}")
        others.append(values)
    return unflatten(spec, [function(*group) for group in zip(first, *others, strict=True)])


def reduce(function: Callable[[Any, Any], Any], tree: Any, *initial: Any) -> Any:
    """Combine the leaves from left to right, as `functools.reduce` does.

    Parameters
    ----------
    function
        ``function(total, leaf) → total``.
    tree
        A pytree.
    initial
        The total to begin with; if it is not given, the first leaf.

    Returns
    -------
    object
        The last total.

    Raises
    ------
    TypeError
        If the tree is empty and there is no total to begin with.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.tree.reduce(lambda n, x: n + x.size, {"w": np.ones((3, 2)), "b": np.ones(2)}, 0)
    8
    """
    values = [*initial, *leaves(tree)]
    if not values:
        raise TypeError("reduce() of an empty tree with no initial value")
    total = values[0]
    for value in values[1:]:
        total = function(total, value)
    return total


def paths(tree: Any) -> list[str]:
    """Return a readable path to each leaf.

    Parameters
    ----------
    tree
        A pytree.

    Returns
    -------
    list of str
        What to write behind the tree's name to get each leaf; the empty string for a bare leaf.

    Examples
    --------
    >>> from functorch_lite import tree
    >>> tree.paths({"layers": [1.0, 2.0], "scale": 3.0})
    ["['layers'][0]", "['layers'][1]", "['scale']"]
    """
    if type(tree) in _leaf_types:
        return [""]
    return [accessor.codify("") for accessor in optree.tree_accessors(tree, namespace=_NAMESPACE)]


def all_leaves(values: Sequence[Any]) -> bool:
    """Say whether none of some values is a container.

    Parameters
    ----------
    values
        A sequence.

    Returns
    -------
    bool
        True for an empty sequence too.

    Examples
    --------
    >>> from functorch_lite import tree
    >>> tree.all_leaves([1.0, 2.0]), tree.all_leaves([1.0, (2.0, 3.0)])
    (True, False)
    """
    return all(structure(value) == LEAF for value in values)


class _NoneLeaf:
    """A leaf that stands for None, which as a pytree is an empty container."""

    def __repr__(self) -> str:
        return "None"


NONE = _NoneLeaf()


def mark_none(tree: Any) -> Any:
    """Return the tree with the leaf `NONE` in the place of each None.

    Parameters
    ----------
    tree
        A pytree, in which None would be an empty container.

    Returns
    -------
    tree
        One in which the places of None count as leaves.

    Examples
    --------
    >>> from functorch_lite import tree
    >>> len(tree.leaves((0, None))), len(tree.leaves(tree.mark_none((0, None))))
    (1, 2)
    """
    if type(tree) in _leaf_types:
        return tree
    flatten(tree)  # registers dataclasses
    return optree.tree_map(lambda x: NONE if x is None else x, tree, none_is_leaf=True, namespace=_NAMESPACE)


def broadcast_prefix(prefix: Any, tree: Any) -> list[Any]:
    """Return one entry of the prefix tree for each leaf of the tree below it.

    Parameters
    ----------
    prefix
        A tree that ends, on each way down, where ``tree`` does or earlier.
    tree
        A pytree.

    Returns
    -------
    list
        The leaf of ``prefix`` above each leaf of ``tree``, in order.

    Raises
    ------
    ValueError
        If ``prefix`` is no prefix of the tree.

    Examples
    --------
    >>> from functorch_lite import tree
    >>> tree.broadcast_prefix({"w": 0, "b": 1}, {"w": [2.0, 3.0], "b": 4.0})
    [1, 0, 0]
    """
    flatten(tree)  # registers dataclasses
    return optree.broadcast_prefix(prefix, tree, namespace=_NAMESPACE)


def register(cls: T, flatten: Callable[[Any], Any] | None = None, unflatten: Callable[..., Any] | None = None) -> T:
    """Register a class as a container; once more, in the place of what was said of it before.

    Parameters
    ----------
    cls
        The class. A dataclass needs no functions: its fields are the children, but for those with the metadata
        ``{"static": True}``, which are metadata of the tree. Dataclasses are also registered when first met; call this
        as a decorator to be explicit.
    flatten
        From an instance to ``(children, metadata)``; the metadata must be hashable and comparable.
    unflatten
        From ``(metadata, children)`` to an instance.

    Returns
    -------
    type
        The class itself.

    Examples
    --------
    >>> import dataclasses, functorch_lite as ft
    >>> @ft.tree.register
    ... @dataclasses.dataclass
    ... class Line:
    ...     slope: float
    ...     offset: float
    >>> ft.grad(lambda line: line.slope * 3.0 + line.offset)(Line(2.0, 1.0))
    Line(slope=3.0, offset=1.0)
    """
    if flatten is None or unflatten is None:
        if not dataclasses.is_dataclass(cls):
            raise TypeError(f"{cls.__name__} is no dataclass: give the functions flatten and unflatten")
        fields = dataclasses.fields(cls)
        names = tuple(field.name for field in fields if not field.metadata.get("static"))
        static = tuple(field.name for field in fields if field.metadata.get("static"))

        def flatten(instance: Any) -> Any:
            children = tuple(getattr(instance, name) for name in names)
            return children, tuple(getattr(instance, name) for name in static), names

        def unflatten(metadata: Any, children: Iterable[Any]) -> Any:
            instance = object.__new__(cls)
            for name, value in zip((*names, *static), (*children, *metadata), strict=True):
                object.__setattr__(instance, name, value)
            return instance

    if cls in _registered:
        optree.unregister_pytree_node(cls, namespace=_NAMESPACE)
    optree.register_pytree_node(cls, flatten, unflatten, namespace=_NAMESPACE)
    _registered.add(cls)
    _leaf_types.discard(cls)
    return cls
