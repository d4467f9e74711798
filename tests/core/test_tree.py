"""Pytrees: nested containers of arrays."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import functorch_lite as ft
from functorch_lite.core import tree


class Point(NamedTuple):
    x: Any
    y: Any


Pair = namedtuple("Pair", "first second")


@dataclasses.dataclass
class Line:
    slope: Any
    offset: Any


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: Any
    rest: Any = ()


class Box:
    """A class that says itself how it is taken apart."""

    def __init__(self, content: Any, label: str) -> None:
        self.content, self.label = content, label


ft.tree.register(Box, lambda box: ((box.content,), box.label), lambda label, children: Box(*children, label))

scalars = st.floats(-1e3, 1e3) | st.integers(-9, 9) | st.just(np.ones(2))
trees = st.recursive(
    scalars | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
        | st.builds(Point, inner, inner)
        | st.builds(Pair, inner, inner)
        | st.builds(Line, inner, inner)
        | st.builds(Frozen, inner)
        | st.builds(Box, inner, st.sampled_from("pq"))
        | st.dictionaries(st.sampled_from("zyx"), inner, max_size=2).map(OrderedDict)
        | st.lists(inner, max_size=2).map(deque)
    ),
    max_leaves=8,
)


def same(a: Any, b: Any) -> bool:
    """Say whether two trees are equal in structure, types and leaves."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Box):
        return a.label == b.label and same(a.content, b.content)
    if dataclasses.is_dataclass(a):
        return all(same(getattr(a, field.name), getattr(b, field.name)) for field in dataclasses.fields(a))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list | deque):
        return len(a) == len(b) and all(map(same, a, b))
    return a is b or bool(np.all(a == b))


@given(trees)
@settings(max_examples=50, deadline=None)
def test_a_tree_is_put_together_as_it_was_taken_apart(value: Any) -> None:
    leaves, structure = tree.flatten(value)
    assert same(tree.unflatten(structure, leaves), value)
    assert structure == tree.structure(value)
    assert len(tree.paths(value)) == len(leaves) == structure.num_leaves
    assert [id(x) for x in tree.leaves(value)] == [id(x) for x in leaves]


@given(trees)
@settings(max_examples=50, deadline=None)
def test_map_keeps_the_structure_and_reduce_sums_the_leaves(value: Any) -> None:
    doubled = tree.map(lambda x: x * 2, value)
    assert tree.structure(doubled) == tree.structure(value)
    total = tree.reduce(lambda a, b: a + np.sum(b), value, 0.0)
    assert tree.reduce(lambda a, b: a + np.sum(b), doubled, 0.0) == pytest.approx(2 * total)
    added = tree.map(lambda a, b: a + b, value, doubled)
    assert tree.reduce(lambda a, b: a + np.sum(b), added, 0.0) == pytest.approx(3 * total)


@given(trees)
@settings(max_examples=50, deadline=None)
def test_a_tree_is_a_prefix_of_itself(value: Any) -> None:
    assert [id(x) for x in tree.broadcast_prefix(value, value)] == [id(x) for x in tree.leaves(value)]
    assert tree.broadcast_prefix(0, value) == [0] * len(tree.leaves(value))


@given(trees)
@settings(max_examples=50, deadline=None)
def test_marking_none_makes_a_leaf_of_each(value: Any) -> None:
    marked = tree.mark_none(value)
    unmarked = [x for x in tree.leaves(marked) if x is not tree.NONE]
    assert [id(x) for x in unmarked] == [id(x) for x in tree.leaves(value)]


def test_trees_of_different_structures_are_not_mapped_together() -> None:
    with pytest.raises(ValueError, match="different structures"):
        tree.map(lambda a, b: a, {"a": 1.0}, {"b": 1.0})
    with pytest.raises(ValueError, match="different structures"):
        tree.map(lambda a, b: a, (1.0, 2.0), [1.0, 2.0])


def test_an_empty_tree_has_no_sum_without_a_start() -> None:
    with pytest.raises(TypeError, match="empty tree with no initial value"):
        tree.reduce(lambda a, b: a + b, {"a": None})
    assert tree.reduce(lambda a, b: a + b, {"a": None}, 3.0) == 3.0


def test_what_is_no_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="key mismatch"):
        tree.broadcast_prefix({"a": 0}, {"b": 1.0})


def test_paths_read_like_python() -> None:
    assert tree.paths({"w": [1.0, {"b": 2.0}], "p": Point(3.0, None)}) == ["['p'].x", "['w'][0]", "['w'][1]['b']"]
    assert tree.paths(1.0) == [""]


def test_containers_are_no_leaves() -> None:
    assert tree.all_leaves([1.0, np.ones(2), "text", object()])
    for container in ([], (), {}, None, Point(1.0, 2.0), Line(1.0, 2.0), Box(1.0, "a"), deque(), defaultdict(list)):
        assert not tree.all_leaves([1.0, container])


def test_a_bare_leaf_is_its_own_tree() -> None:
    leaves, structure = tree.flatten(2.0)
    assert leaves == [2.0]
    assert structure is tree.LEAF
    assert tree.unflatten(tree.structure(np.ones(2)), [5.0]) == 5.0
    assert repr(tree.NONE) == "None"


def test_a_class_first_met_as_a_leaf_can_be_registered_later() -> None:
    class Late:
        def __init__(self, value: Any) -> None:
            self.value = value

    assert tree.all_leaves([Late(1.0)])
    tree.register(Late, lambda late: ((late.value,), None), lambda _, children: Late(*children))
    assert tree.leaves(Late(1.0)) == [1.0]
    assert ft.grad(lambda late: late.value**2)(Late(3.0)).value == 6.0


def test_a_dataclass_is_registered_when_first_met_and_may_be_registered_before() -> None:
    @tree.register
    @dataclasses.dataclass
    class Explicit:
        a: Any

    @dataclasses.dataclass
    class Met:
        a: Any

    assert tree.leaves([Explicit(1.0), Met(2.0)]) == [1.0, 2.0]
    assert tree.map(lambda x: x + 1.0, Met(Explicit(1.0))) == Met(Explicit(2.0))


def test_a_dataclass_is_rebuilt_without_running_its_constructor() -> None:
    @dataclasses.dataclass
    class Checked:
        a: Any

        def __post_init__(self) -> None:
            if not isinstance(self.a, float):
                raise TypeError("a float, please")

    assert ft.grad(lambda p: p.a**2)(Checked(3.0)) == Checked(6.0)


def test_static_fields_of_a_dataclass_belong_to_the_structure() -> None:
    @dataclasses.dataclass(frozen=True)
    class Layer:
        activation: str = dataclasses.field(metadata={"static": True})
        w: Any
        times: int = dataclasses.field(default=3, metadata={"static": True})
        b: Any = 0.5

        def __call__(self, x: Any) -> Any:
            return getattr(np, self.activation)(self.w * x + self.b) * self.times

    layer = Layer("sin", 2.0)
    assert tree.leaves(layer) == [2.0, 0.5]
    assert tree.paths(layer) == [".w", ".b"]
    slope = 3.0 * np.cos(2.5)
    for gradient in (ft.grad(lambda layer: layer(1.0)), ft.jit(ft.grad(lambda layer: layer(1.0)))):
        assert gradient(layer) == Layer("sin", slope, 3, slope)
    compiled = ft.jit(lambda layer: layer(1.0))
    assert [compiled(layer), compiled(Layer("cos", 2.0, 4))] == [3.0 * np.sin(2.5), 4.0 * np.cos(2.5)]
    assert tree.structure(layer) != tree.structure(Layer("sin", 2.0, 4))
    with pytest.raises(TypeError, match=r"argument\.w is a str\. .* the metadata \{'static': True\}"):
        ft.grad(lambda layer: layer(1.0))(Layer("sin", "w"))


def test_a_class_that_is_no_dataclass_needs_both_functions() -> None:
    class Plain:
        pass

    with pytest.raises(TypeError, match="Plain is no dataclass: give the functions flatten and unflatten"):
        tree.register(Plain)
    with pytest.raises(TypeError, match="flatten and unflatten"):
        tree.register(Plain, lambda plain: ((), None))


def test_a_class_may_be_registered_again() -> None:
    @dataclasses.dataclass
    class Model:
        weight: Any
        name: str

    with pytest.raises(TypeError, match=r"ft\.tree\.register"):
        ft.grad(lambda m: m.weight**2)(Model(3.0, "a"))  # the first meeting registers all fields

    def parts(m: Model) -> Any:
        return (m.weight,), m.name

    for _ in range(2):
        assert ft.tree.register(Model, parts, lambda name, parts: Model(*parts, name)) is Model
    assert ft.grad(lambda m: m.weight**2)(Model(3.0, "a")) == Model(6.0, "a")
    assert ft.jit(lambda m: m.weight**2)(Model(3.0, "a")) == 9.0
