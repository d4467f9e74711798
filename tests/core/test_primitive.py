"""Primitives: every transformation follows from a declaration, which reads what it names."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.operands import aligned, shape_of, stacked
from functorch_lite.core.primitive import PRIMITIVES, General, JointPrimitive, Linear, Primitive, Zero, add_tangents
from functorch_lite.core.rules import Rule

X = np.array([0.3, -0.7, 1.1])
Y = np.array([1.5, 0.4, -0.6])
Z = np.array([0.9, -0.2, 0.5])
T = np.array([1.0, 2.0, -0.5])

# --- Linear and general primitives ------------------------------------------------------------------------------------


def batch_on_next_axis(primitive: Primitive, size: int, arrays: Any, batched: Any, params: Any) -> Any:
    """The batching rule of an operation of arrays of one shape along an axis, its parameter."""
    full = tuple(a if b else np.broadcast_to(a, (size, *a.shape)) for a, b in zip(arrays, batched, strict=True))
    return primitive.bind(full, (params[0] + 1,))


weighted = Linear(
    lambda x, y, axis: np.sum(x * y, axis=axis),
    ["x", "y"],
    [
        lambda g, y, axis: np.expand_dims(g, axis) * y,
        lambda g, x, axis: np.expand_dims(g, axis) * x,
    ],
    parameters=["axis"],
    name="weighted",
    batch=batch_on_next_axis,
)
# The same with the forward rule only: the reverse rule is derived.
derived = General(
    lambda x, y, axis: np.sum(x * np.sin(y), axis=axis),
    ["x", "y"],
    [
        Rule(vjp=lambda g, y, axis: np.expand_dims(g, axis) * np.sin(y)),
        Rule(jvp=lambda t, x, y, axis: np.sum(t * x * np.cos(y), axis=axis)),
    ],
    parameters=["axis"],
    name="derived",
    batch=batch_on_next_axis,
)
joined = Linear(
    lambda arrays, axis: np.concatenate(arrays, axis),
    ["arrays"],
    [lambda g, i, shapes, axis: np.split(g, np.cumsum([s[axis] for s in shapes])[:-1], axis)[i]],
    parameters=["axis"],
    name="joined",
    jointly=True,
    variadic=True,
)
halves = General(
    lambda x: (x[: len(x) // 2], x[len(x) // 2 :]),
    ["x"],
    [
        Rule(
            vjp=lambda g, ans: np.concatenate(
                [np.zeros_like(y) if c is None else c for c, y in zip(g, ans, strict=True)]
            )
        )
    ],
    name="halves",
    multiple=True,
)
# One result floating, one an integer. The cotangent of a result that nothing depends on is None.
largest = General(
    lambda x: (np.max(x), np.argmax(x)),
    ["x"],
    [
        Rule(
            jvp=lambda t, ans: (np.sum(t * (np.arange(3) == ans[1])), None),
            vjp=lambda g, ans: g[0] * (np.arange(3) == ans[1]),
        )
    ],
    name="largest",
    multiple=True,
)


def test_a_linear_primitive_needs_its_transposes_only() -> None:
    f = lambda x, y: weighted(x, y, 0)
    assert ft.jvp(f, (X, Y), (T, Z))[1] == pytest.approx(np.sum(T * Y) + np.sum(X * Z))
    dx, dy = ft.grad(f, (0, 1))(X, Y)
    np.testing.assert_array_equal(dx, Y)
    np.testing.assert_array_equal(dy, X)
    np.testing.assert_array_equal(ft.hessian(f, (0, 1))(X, Y)[0][1], np.eye(3))
    batch = np.stack([X, Z])
    np.testing.assert_allclose(ft.vmap(f, (0, None))(batch, Y), np.sum(batch * Y, axis=1))
    np.testing.assert_allclose(ft.vmap(ft.grad(f), (None, 0))(X, batch), batch)
    assert weighted.is_linear_in((0,))
    assert weighted.is_linear_in((1,))
    assert not weighted.is_linear_in((0, 1))


def test_a_reverse_rule_is_derived_from_the_forward_rule() -> None:
    f = lambda x, y: derived(x, y, 0)
    dx, dy = ft.grad(f, (0, 1))(X, Y)
    np.testing.assert_allclose(dx, np.sin(Y))
    np.testing.assert_allclose(dy, X * np.cos(Y))
    for order in (ft.hessian, lambda f, n: ft.jacrev(ft.jacrev(f, n), n), lambda f, n: ft.jacfwd(ft.jacfwd(f, n), n)):
        h = order(f, (0, 1))(X, Y)
        np.testing.assert_allclose(h[0][1], np.diag(np.cos(Y)), atol=1e-16)
        np.testing.assert_allclose(h[1][1], np.diag(-X * np.sin(Y)), atol=1e-16)
    assert derived.is_linear_in((0,))
    assert not derived.is_linear_in((1,))


def test_a_forward_rule_that_is_not_linear_cannot_be_transposed() -> None:
    wrong = General(lambda x: x * x, ["x"], [Rule(jvp=lambda t, x: t * np.sin(t) * x)], name="wrong")
    with pytest.raises(
        ValueError, match=r"the forward rule of wrong is not linear: sin is applied at .*test_primitive\.py:\d+"
    ):
        ft.grad(lambda x: np.sum(wrong(x)))(X)


def test_a_derived_rule_that_gives_nothing_gives_zeros() -> None:
    constant = General(lambda x: np.ones(2), ["x"], [Rule(jvp=lambda t: np.zeros(2))], name="constant")
    np.testing.assert_array_equal(ft.jacrev(constant)(X), np.zeros((2, 3)))
    np.testing.assert_array_equal(ft.jacfwd(constant)(X), np.zeros((2, 3)))


def test_a_variadic_primitive_that_is_linear_jointly() -> None:
    f = lambda x, y: joined((x, Z[:2], y), 0)
    value, tangent = ft.jvp(f, (X, Y), (T, Z))
    np.testing.assert_array_equal(value, np.concatenate([X, Z[:2], Y]))
    np.testing.assert_array_equal(tangent, np.concatenate([T, np.zeros(2), Z]))
    cx, cy = ft.vjp(f, X, Y)[1](np.arange(8.0))
    np.testing.assert_array_equal(cx, [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(cy, [5.0, 6.0, 7.0])
    np.testing.assert_array_equal(ft.jvp(lambda x: f(x, Y), (X,), (T,))[1][:3], T)
    assert joined.is_linear_in((0, 2))


def test_a_primitive_of_several_results() -> None:
    f = lambda x: halves(x)
    x = np.arange(1.0, 5.0)
    (a, b), (s, t) = ft.jvp(f, (x,), (x * x,))
    np.testing.assert_array_equal(np.concatenate([a, b, s, t]), [1.0, 2.0, 3.0, 4.0, 1.0, 4.0, 9.0, 16.0])
    # both cotangents, the first alone, the second twice
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(f(x)[0] * f(x)[1]))(x), [3.0, 4.0, 1.0, 2.0])
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(f(x)[0]))(x), [1.0, 1.0, 0.0, 0.0])
    np.testing.assert_array_equal(ft.grad(lambda x: (lambda p: np.sum(p[1]) + p[1][0])(f(x)))(x), [0.0, 0.0, 2.0, 1.0])
    _, second = ft.jvp(ft.grad(lambda x: np.sum(f(x)[0] * f(x)[1])), (x,), (x * x,))
    np.testing.assert_array_equal(second, [9.0, 16.0, 1.0, 4.0])


def test_a_result_that_is_no_real_number_is_not_traced() -> None:
    def f(x: Any) -> Any:
        top, position = largest(x)
        assert ft.is_tracer(top)
        assert not ft.is_tracer(position)
        return top * X[position]

    np.testing.assert_array_equal(ft.grad(f)(X), [0.0, 0.0, 1.1])
    assert ft.jvp(f, (X,), (T,))[1] == T[2] * 1.1


def test_contributions_may_be_added_in_place() -> None:
    adds: list[int] = []

    def add_to(total: Any, g: Any, i: int) -> None:
        adds.append(i)
        total[i] += g

    def spread(g: Any, x_shape: Any, i: int) -> Any:
        return (np.arange(x_shape[0]) == i).reshape(-1, *(1,) * (len(x_shape) - 1)) * g

    element = General(
        lambda x, i: x[i],
        ["x"],
        [
            Rule(
                vjp=lambda g, i, x_shape: spread(g, x_shape, i), add_to=lambda total, g, i, x_shape: add_to(total, g, i)
            )
        ],
        parameters=["i"],
        name="element",
    )
    f = lambda x: sum(np.sum(element(x, i)) * (i + 1.0) for i in range(3))
    np.testing.assert_array_equal(ft.grad(f)(X), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(ft.grad(lambda x: f(x) + np.sum(x))(X), [2.0, 3.0, 4.0])
    matrix = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(ft.grad(f)(matrix), np.outer([1.0, 2.0, 3.0], np.ones(4)))
    weights = np.array([1.0, 2.0, 3.0])
    _, second = ft.jvp(ft.grad(lambda x: f(x) ** 2), (X,), (T,))  # cotangents are tracers: nothing is added in place
    np.testing.assert_allclose(second, 2 * weights * np.sum(weights * T))
    seed = np.ones(())
    _, pull = ft.vjp(f, X)
    pull(seed)
    assert seed == 1.0


def test_an_argument_without_a_rule_is_a_constant() -> None:
    chosen = General(
        lambda c, x: np.where(c, x, 0.0), ["c", "x"], [None, Rule(vjp=lambda g, c: np.where(c, g, 0.0))], name="chosen"
    )
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(chosen(x > 0, x)))(X), [1.0, 0.0, 1.0])
    # an argument without a rule that is itself traced
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(chosen(x, x)))(X), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(ft.grad(lambda x: np.sum(chosen(x, Y)) * 1.0)(X), np.zeros(3))


# --- What is kept -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vjp", "keeps"),
    [
        (lambda g: g * 2.0, (False, False)),
        (lambda g, x_shape: g * 2.0 + 0.0 * len(x_shape), (False, False)),
        (lambda g, x: g * 2.0, (True, False)),
        (lambda g, ans: g * 2.0, (False, True)),
        (lambda g, ans, x: g * 2.0, (True, True)),
    ],
)
def test_the_tape_keeps_exactly_what_the_names_say(vjp: Any, keeps: tuple[bool, bool]) -> None:
    double = General(lambda x: x * 2.0, ["x"], [Rule(jvp=lambda t: t * 2.0, vjp=vjp)], name="double")
    alive: list[bool] = []

    def f(x: Any) -> Any:
        argument = x + 1.0
        result = double(argument)
        references = [weakref.ref(argument.value), weakref.ref(result.value)]
        total = np.sum(result)
        del argument, result
        alive.extend(reference() is not None for reference in references)
        return total

    gc.disable()
    try:
        np.testing.assert_array_equal(ft.grad(f)(X), [2.0, 2.0, 2.0])
    finally:
        gc.enable()
    assert tuple(alive) == keeps


# --- Zero -------------------------------------------------------------------------------------------------------------


def test_what_has_no_derivative_by_nature_leaves_the_modes_of_differentiation() -> None:
    rounded = Zero(np.round, ["x"], ["decimals"], name="rounded")
    seen: list[bool] = []

    def f(x: Any) -> Any:
        y = rounded(x, 1)
        seen.append(ft.is_tracer(y))
        return np.sum(x * y)

    np.testing.assert_allclose(ft.grad(f)(X), np.round(X, 1))
    ft.jvp(f, (X,), (T,))
    ft.hessian(f)(X)
    assert not any(seen)
    with pytest.raises(NotImplementedError, match="rounded has no batching rule"):
        ft.vmap(f)(np.stack([X, Y]))
    signs = Zero(np.sign, ["x"], name="signs")
    np.testing.assert_array_equal(ft.vmap(signs)(np.stack([X, Y])), np.sign([X, Y]))
    assert not rounded.is_linear_in((0,))


# --- Small parts ------------------------------------------------------------------------------------------------------


def test_primitives_print_their_kind_and_name() -> None:
    assert repr(PRIMITIVES[np.sin]) == "<pointwise primitive sin>"
    assert repr(weighted) == "<linear primitive weighted>"


def test_the_bare_class_has_no_rules() -> None:
    bare = Primitive(lambda x: x * 2.0, ["x"], name="bare")
    assert bare(2.0) == 4.0
    for call in (lambda: bare.push([1.0], 2.0, (1.0,), ()), lambda: bare.is_linear_in((0,))):
        with pytest.raises(NotImplementedError):
            call()
    joint = JointPrimitive(lambda arrays: arrays, ["arrays"], name="joint", variadic=True)
    assert not joint.is_linear_in((0,))
    for call in (lambda: joint.forward((1.0,), (1.0,)), lambda: joint.reverse(None, (1.0,), (0,))):
        with pytest.raises(NotImplementedError):
            call()


def test_shapes_are_read_without_conversion() -> None:
    assert [shape_of(v) for v in (1.0, X, np.float32(1), [1.0, 2.0], "text")] == [(), (3,), (), (), ()]


def test_batched_arrays_are_aligned_behind_the_batch() -> None:
    a, b, c = np.zeros((5, 3)), np.zeros((4, 3)), np.zeros((5, 2, 4, 3))
    shapes = [x.shape for x in aligned((a, b, c), (True, False, True))]
    assert shapes == [(5, 1, 1, 3), (4, 3), (5, 2, 4, 3)]


def test_lists_and_arrays_of_numbers_are_stacked() -> None:
    assert stacked(X) is X
    assert stacked(2.0) == 2.0
    np.testing.assert_array_equal(stacked([1.0, 2.0]), [1.0, 2.0])
    objects = np.array([[1.0, 2], [np.float32(3), 4.0]], dtype=object)
    found = stacked(objects)
    assert found.dtype == float
    np.testing.assert_array_equal(found, [[1.0, 2.0], [3.0, 4.0]])
    assert stacked(np.empty((0, 3), dtype=object)).shape == (0, 3)
    for wrong in ("text", None, np.ones(2), b"x"):
        objects = np.empty(1, dtype=object)
        objects[0] = wrong
        with pytest.raises(TypeError, match=rf"object array at .* holds {type(wrong).__name__}, which is no number"):
            stacked(objects)


def test_tangents_add_with_none_as_zero() -> None:
    assert add_tangents(None, 1.0) == 1.0
    assert add_tangents(1.0, None) == 1.0
    assert add_tangents(1.0, 2.0) == 3.0
    assert add_tangents((1.0, None), (None, 2.0)) == (1.0, 2.0)
    assert add_tangents(None, None) is None
