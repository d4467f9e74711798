"""vmap gives what a loop over the examples gives, for every choice of axes."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.core.primitive import General
from functorch_lite.core.rules import Rule
from tests.measuring import peak

X = np.array([0.3, -0.7, 1.1])
BATCH = np.arange(24.0).reshape(4, 3, 2) / 10 - 1.0


def looped(f: Callable[..., Any], axes: Any, out_axis: int, *args: Any) -> Any:
    """Apply a function to each example by a loop; axes are ints or None, one an argument."""
    size = next(np.shape(a)[axis] for a, axis in zip(args, axes, strict=True) if axis is not None)
    examples = [
        f(*(a if axis is None else np.take(a, i, axis=axis) for a, axis in zip(args, axes, strict=True)))
        for i in range(size)
    ]
    return np.stack(examples, axis=out_axis)


# --- Axes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_axis", [0, 1, 2, -1, -2, -3])
@pytest.mark.parametrize("out_axis", [0, 1, 2, -1, -2, -3])
def test_the_batch_may_be_on_any_axis(in_axis: int, out_axis: int) -> None:
    def f(x: Any) -> Any:
        return np.sin(x) * np.sum(x, axis=0)

    found = ft.vmap(f, in_axis, out_axis)(BATCH)
    np.testing.assert_allclose(found, looped(f, (in_axis,), out_axis, BATCH), rtol=1e-15)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (1, -1), (-1, 0), (None, -2)])
def test_every_argument_has_an_axis_of_its_own(axes: tuple[int | None, int | None]) -> None:
    def f(x: Any, y: Any) -> Any:
        return x * np.cos(y) - np.sum(y)

    full = np.arange(9.0).reshape(3, 3)
    args = [X if axis is None else full + i for i, axis in enumerate(axes)]
    np.testing.assert_allclose(ft.vmap(f, axes)(*args), looped(f, axes, 0, *args), rtol=1e-14)
    np.testing.assert_allclose(ft.vmap(f, list(axes))(*args), looped(f, axes, 0, *args), rtol=1e-14)


class State(NamedTuple):
    position: Any
    mass: Any


@dataclasses.dataclass
class Body:
    shape: Any
    weight: Any


def test_axes_may_be_trees_that_are_prefixes_of_the_arguments() -> None:
    def f(p: Any, s: Any, b: Any) -> Any:
        return p["w"][0] * s.position + p["w"][1] - s.mass * b.weight + b.shape[0]

    p = {"w": [BATCH[:, :, 0], np.arange(4.0)], "unused": None}
    s = State(BATCH[:, :, 1].T, 2.0)
    b = Body(X, np.arange(4.0))
    found = ft.vmap(f, ({"w": 0, "unused": None}, State(1, None), Body(None, 0)))(p, s, b)
    expected = [
        f({"w": [p["w"][0][i], p["w"][1][i]]}, State(s.position[:, i], 2.0), Body(b.shape, b.weight[i]))
        for i in range(4)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    np.testing.assert_allclose(
        ft.vmap(lambda p: p["w"][0] * p["w"][1], in_axes=({"w": [0, None], "unused": 0},))(
            {**p, "w": [p["w"][0], 2.0]}
        ),
        2.0 * p["w"][0],
    )


def test_results_may_be_trees_with_axes_of_their_own() -> None:
    def f(x: Any) -> Any:
        return {"a": x, "b": (np.sum(x), x * 2.0), "c": State(x[:, None], 5.0), "d": None}

    x = BATCH[:, :, 0]
    found = ft.vmap(f, out_axes={"a": 1, "b": (0, -1), "c": State(1, None), "d": 0})(x)
    np.testing.assert_array_equal(found["a"], x.T)
    np.testing.assert_allclose(found["b"][0], x.sum(1))
    np.testing.assert_array_equal(found["b"][1], 2.0 * x.T)
    np.testing.assert_array_equal(found["c"].position, x.T[..., None])
    assert found["c"].mass == 5.0
    assert found["d"] is None
    prefix = ft.vmap(f, out_axes={"a": 0, "b": 0, "c": 0, "d": None})(x)
    np.testing.assert_array_equal(prefix["c"].mass, np.full(4, 5.0))


def test_keyword_arguments_are_mapped_over_axis_0() -> None:
    def f(x: Any, *, scale: Any, table: Any = None) -> Any:
        return x * scale + (0.0 if table is None else table["t"])

    np.testing.assert_allclose(ft.vmap(f)(X, scale=X), X * X)
    np.testing.assert_allclose(ft.vmap(f, in_axes=None)(2.0, scale=X), 2.0 * X)
    np.testing.assert_allclose(ft.vmap(f)(X, scale=X, table={"t": X}), X * X + X)
    np.testing.assert_allclose(ft.vmap(lambda *, s: s * 2.0)(s=X), 2.0 * X)


def test_a_result_that_is_the_same_for_all_examples_is_repeated_or_kept() -> None:
    for constant in (3.0, np.float32(2), X, np.arange(3)):
        repeated = ft.vmap(lambda x, constant=constant: constant)(np.zeros(4))
        np.testing.assert_array_equal(repeated, np.stack([constant] * 4))
        assert repeated.dtype == np.asarray(constant).dtype
        repeated[0] = 7  # its own memory
        assert ft.vmap(lambda x, constant=constant: (x, constant), out_axes=(0, None))(np.zeros(4))[1] is constant
        moved = ft.vmap(lambda x, constant=constant: constant, out_axes=-1)(np.zeros(4))
        assert moved.shape == (*np.shape(constant), 4)
    np.testing.assert_array_equal(X, [0.3, -0.7, 1.1])


def test_a_function_without_mapped_arguments_runs_with_axis_size() -> None:
    assert ft.vmap(lambda: 1.5, axis_size=3)().tolist() == [1.5] * 3
    np.testing.assert_array_equal(ft.vmap(lambda x: x, in_axes=None, axis_size=2)(X), [X, X])
    np.testing.assert_array_equal(ft.vmap(lambda x: x, axis_size=3)(X), X)
    assert ft.vmap(lambda x: ft.grad(lambda y: y * y)(x), in_axes=None, axis_size=2)(3.0).tolist() == [6.0, 6.0]


def test_the_function_runs_once_and_sees_one_example() -> None:
    shapes: list[Any] = []
    ft.vmap(lambda x, y: shapes.append((x.shape, y.shape, x.ndim, x.size)) or x, in_axes=(1, None))(BATCH, X)  # type: ignore[func-returns-value]
    assert shapes == [((4, 2), (3,), 2, 8)]


def test_containers_and_other_things_pass_through() -> None:
    np.testing.assert_array_equal(ft.vmap(lambda x, y: x)(X, None), X)
    np.testing.assert_array_equal(ft.vmap(lambda x, kind: x if kind == "same" else -x, in_axes=(0, None))(X, "same"), X)
    found = ft.vmap(lambda x: (x, "note"), out_axes=(0, None))(X)
    assert found[1] == "note"


@pytest.mark.parametrize("dtype", [bool, np.int32, np.uint8, np.float32, np.complex64])
def test_every_dtype_is_batched(dtype: Any) -> None:
    x = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    found = ft.vmap(lambda x: x[::-1] == x)(x)
    np.testing.assert_array_equal(found, x[:, ::-1] == x)
    assert ft.vmap(lambda x: x[1:])(x).dtype == dtype


# --- Against the loop -------------------------------------------------------------------------------------------------

# Functions of a vector of three, of every rank of result, mixing batched and common operands.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "broadcasting against a matrix": lambda x: x + np.arange(6.0).reshape(2, 3),
    "a scalar against a vector": lambda x: x[0] * X,
    "a scalar against a scalar": lambda x: x[0] * x[1] + 2.0,
    "a vector against its scalar": lambda x: x * x[0] - np.float64(2.0),
    "ranks of two values": lambda x: x[:, None] * np.arange(4.0) + x[0],
    "outer product": lambda x: x[:, None] * x,
    "reduction and broadcast": lambda x: x / np.sum(x * x, keepdims=True),
    "mean and variance": lambda x: (x - np.mean(x)) / np.std(x),
    "maximum": lambda x: np.maximum(x, X) + np.max(x),
    "where": lambda x: np.where(x > 0, np.sin(x), X),
    "where of common operands": lambda x: np.where(x[0] > 0, X, -X),
    "gather": lambda x: x[np.array([2, 0, 1, 1])],
    "gather at a batched position": lambda x: x[np.argmax(x)],
    "stack": lambda x: np.stack([x, X, 2.0 * x], axis=1),
    "concatenate": lambda x: np.concatenate([x, X, x[:1]]),
    "cumsum": lambda x: np.cumsum(x),
    "sort": lambda x: np.sort(x),
    "reshape": lambda x: x.reshape(1, 3, 1),
    "transpose": lambda x: (x[:, None] * np.ones(2)).T,
    "comparison": lambda x: (x > 0) & (x < X),
    "positions": lambda x: np.argmax(x),
    "sum of matrix products": lambda x: np.sum(np.arange(6.0).reshape(2, 3) * x, axis=1),
    "solve": lambda x: np.linalg.solve(np.diag(X) + x[:, None] * 0.1, x),
    "gradient": ft.grad(lambda x: np.sum(np.sin(x) * x[0])),
    "hessian": ft.hessian(lambda x: np.sum(np.sin(x) * x[0])),
    "tangent": lambda x: ft.jvp(lambda y: np.sin(y) * x, (x,), (X,))[1],
    "nested vmap": lambda x: ft.vmap(lambda a: a * x)(X),
    "nested vmap of both": lambda x: ft.vmap(lambda a, b: a * b + x[0], in_axes=(0, None))(x, X),
    "iteration": lambda x: sum(a * a for a in x),
    "no operation": lambda x: x,
    "constant": lambda x: X,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vmap_gives_what_a_loop_gives(name: str) -> None:
    f = FUNCTIONS[name]
    batch = BATCH.reshape(8, 3)
    np.testing.assert_allclose(ft.vmap(f)(batch), looped(f, (0,), 0, batch), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vmap_of_vmap_gives_what_two_loops_give(name: str) -> None:
    f = FUNCTIONS[name]
    batch = BATCH.reshape(4, 2, 3)
    found = ft.vmap(ft.vmap(f), in_axes=1, out_axes=1)(batch)
    np.testing.assert_allclose(found, np.stack([looped(f, (0,), 0, x) for x in batch]), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("chunk_size", [1, 3, 8, 100])
def test_chunks_give_what_one_batch_gives(name: str, chunk_size: int) -> None:
    f = FUNCTIONS[name]
    batch = BATCH.reshape(8, 3)
    found = ft.vmap(f, chunk_size=chunk_size)(batch)
    np.testing.assert_allclose(found, ft.vmap(f)(batch), rtol=1e-15)
    assert found.shape == ft.vmap(f)(batch).shape


@pytest.mark.parametrize(
    "name", [name for name in FUNCTIONS if name not in ("positions", "gather at a batched position", "iteration")]
)
def test_a_batch_without_examples_has_the_right_shape(name: str) -> None:
    f = FUNCTIONS[name]
    for chunk_size in (None, 2):
        found = ft.vmap(f, chunk_size=chunk_size)(np.zeros((0, 3)))
        assert found.shape == (0, *np.shape(f(X)))


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ("comparison", "positions")])
def test_the_gradient_of_a_batch_is_the_batch_of_gradients(name: str) -> None:
    def energy(x: Any) -> Any:
        return np.sum(np.cos(FUNCTIONS[name](x)))

    batch = BATCH.reshape(8, 3)
    expected = looped(ft.grad(energy), (0,), 0, batch)
    np.testing.assert_allclose(ft.vmap(ft.grad(energy))(batch), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(ft.grad(lambda b: np.sum(ft.vmap(energy)(b)))(batch), expected, rtol=1e-12, atol=1e-14)
    _, tangent = ft.jvp(ft.vmap(energy), (batch,), (np.ones_like(batch),))
    np.testing.assert_allclose(tangent, expected.sum(1), rtol=1e-11, atol=1e-13)


def test_chunks_keep_trees_axes_and_common_results() -> None:
    def f(x: Any, y: Any, *, z: Any) -> Any:
        return {"a": x * y, "b": (x + z, 3.0)}

    full = np.arange(15.0).reshape(3, 5)
    arguments = {"in_axes": (1, None), "out_axes": {"a": 1, "b": (0, None)}}
    found = ft.vmap(f, **arguments, chunk_size=2)(full, X, z=np.arange(5.0))
    expected = ft.vmap(f, **arguments)(full, X, z=np.arange(5.0))
    np.testing.assert_array_equal(found["a"], expected["a"])
    np.testing.assert_array_equal(found["b"][0], expected["b"][0])
    assert found["b"][1] == 3.0


def test_chunks_see_at_most_so_many_examples() -> None:
    sizes: list[int] = []
    ft.vmap(lambda x: sizes.append(len(x.value)) or x, chunk_size=3)(np.zeros(8))  # type: ignore[func-returns-value]
    assert sizes == [3, 3, 2]


def test_chunks_are_differentiated_and_nested() -> None:
    batch = BATCH.reshape(8, 3)

    def total(b: Any, chunk_size: int | None) -> Any:
        return np.sum(
            ft.vmap(lambda x: ft.vmap(lambda a: np.sin(a * x[0]), chunk_size=chunk_size)(x), chunk_size=chunk_size)(b)
            ** 2
        )

    np.testing.assert_allclose(ft.grad(total)(batch, 3), ft.grad(total)(batch, None), rtol=1e-14)
    np.testing.assert_allclose(
        ft.vmap(lambda b: total(b, 2))(BATCH), ft.vmap(lambda b: total(b, None))(BATCH), rtol=1e-14
    )


def test_chunks_bound_the_memory() -> None:
    x = np.linspace(0.0, 1.0, 200)
    weights = np.ones(10_000)

    def f(a: Any) -> Any:
        return np.sum(np.sin(a * weights))

    assert peak(lambda: ft.vmap(f)(x)) > 200 * weights.nbytes
    assert peak(lambda: ft.vmap(f, chunk_size=10)(x)) < 40 * weights.nbytes


# --- Wrong use --------------------------------------------------------------------------------------------------------


def pair(x: Any, y: Any) -> Any:
    return x


def raises(error: type[Exception], words: str, call: Callable[[], Any]) -> None:
    with pytest.raises(error) as caught:
        call()
    assert re.search(words, str(caught.value), re.DOTALL), caught.value


def test_different_sizes_are_listed_with_their_arguments() -> None:
    raises(
        ValueError,
        r"vmap of pair maps axes of different sizes:\n"
        r".*\[0\]\[0\].*float64\[3\], axis 0\n.*\[0\]\[1\]\['a'\].*float32\[2, 4\], axis 1",
        lambda: ft.vmap(pair, (0, {"a": 1}))(X, {"a": np.zeros((2, 4), np.float32)}),
    )
    raises(
        ValueError, r"\(axis_size=4\):\n.*float64\[3\], axis 0", lambda: ft.vmap(pair, (0, None), axis_size=4)(X, 1.0)
    )


def test_an_axis_out_of_range_is_named_with_the_remedy() -> None:
    raises(
        ValueError,
        r"vmap of pair maps axis 0 of an argument of shape \(\) \(leaf \[0\]\[1\].*use None in in_axes",
        lambda: ft.vmap(pair)(X, 2.0),
    )
    np.testing.assert_array_equal(ft.vmap(pair, in_axes=(0, None))(X, 2.0), X)  # the remedy
    for axis in (1, -2):
        raises(
            ValueError,
            rf"maps axis {axis} of an argument of shape \(3,\)",
            lambda axis=axis: ft.vmap(pair, (axis, None))(X, 2.0),
        )
    raises(ValueError, r"axis 0 of an argument of shape \(\).*None", lambda: ft.vmap(pair)(X, "text"))
    raises(ValueError, r"axis 0 of an argument of shape \(\).*\[1\]\['y'\]", lambda: ft.vmap(pair)(X, y=1.0))


def test_mapping_nothing_needs_axis_size() -> None:
    raises(
        ValueError,
        "vmap of pair maps no argument: give an axis in in_axes, or axis_size",
        lambda: ft.vmap(pair, None)(X, X),
    )
    assert ft.vmap(pair, None, axis_size=2)(X, X).shape == (2, 3)  # the remedy
    assert ft.vmap(pair, (0, None))(X, X).shape == (3,)


def test_as_many_axes_as_arguments() -> None:
    raises(
        ValueError, "vmap was given 1 in_axes for the 2 positional arguments of pair", lambda: ft.vmap(pair, (0,))(X, X)
    )
    raises(
        ValueError,
        "vmap was given 3 in_axes for the 2 positional arguments of pair",
        lambda: ft.vmap(pair, (0, 0, 0))(X, X),
    )


def test_in_axes_must_be_a_prefix() -> None:
    for axes in ((0, {"a": 0}), (0, (0, 0)), ([0, 1], 0)):
        raises(
            ValueError, "in_axes=.* is no prefix of the arguments of pair", lambda axes=axes: ft.vmap(pair, axes)(X, X)
        )
    raises(ValueError, "a tuple of one entry for each", lambda: ft.vmap(lambda p: p["a"], {"a": 0})({"a": X}))
    np.testing.assert_array_equal(ft.vmap(lambda p: p["a"], ({"a": 0},))({"a": X}), X)  # the remedy


@pytest.mark.parametrize("axis", ["a", 1.0, (0, "a"), (0, 0.5)])
def test_in_axes_must_be_integers(axis: Any) -> None:
    raises(
        TypeError,
        r"in_axes of vmap are ints, None or trees of them; .* is a (str|float)",
        lambda: ft.vmap(pair, axis)(X, X),
    )


def test_a_result_that_differs_between_examples_needs_an_axis() -> None:
    raises(
        ValueError,
        r"out_axes=None, but a result of pair of shape \(2,\) differs between examples; give it an axis",
        lambda: ft.vmap(pair, out_axes=None)(np.zeros((3, 2)), X),
    )
    assert ft.vmap(pair, out_axes=1)(np.zeros((3, 2)), X).shape == (2, 3)


@pytest.mark.parametrize("axis", [1, -2, 5])
def test_out_axes_must_be_in_range(axis: int) -> None:
    raises(
        ValueError,
        rf"out_axes={axis} is out of range for a result of pair of shape \(\)",
        lambda: ft.vmap(pair, 0, axis)(X, X),
    )


@pytest.mark.parametrize("axes", [(0, 0), {"a": 0}, [0, 1]])
def test_out_axes_must_be_a_prefix(axes: Any) -> None:
    raises(ValueError, r"out_axes=.* is no prefix of the result of pair", lambda: ft.vmap(pair, 0, axes)(X, X))


@pytest.mark.parametrize("axes", ["a", 1.0, 0.5])
def test_out_axes_must_be_integers(axes: Any) -> None:
    raises(
        TypeError,
        r"out_axes of vmap are ints, None or trees of them; .* is a (str|float)",
        lambda: ft.vmap(pair, 0, axes)(X, X),
    )


@pytest.mark.parametrize("chunk_size", [0, -1])
def test_a_chunk_has_examples(chunk_size: int) -> None:
    raises(ValueError, f"chunk_size must be positive, not {chunk_size}", lambda: ft.vmap(pair, chunk_size=chunk_size))


def test_an_operation_without_a_batching_rule_is_named() -> None:
    primitive = General(lambda x: x * 2.0, ["x"], [Rule(vjp=lambda g: g * 2.0)], name="unbatchable")
    raises(
        NotImplementedError,
        r"unbatchable has no batching rule; at test_batching\.py:\d+.* under vmap",
        lambda: ft.vmap(primitive)(X),
    )


def test_all_pairs_of_axes_of_two_arguments_nest() -> None:
    a, b = BATCH[:, :, 0], BATCH[:3, :, 1]  # (4, 3) and (3, 3)
    for outer, inner in itertools.product([(0, None), (None, 0)], repeat=2):
        f = lambda x, y: np.sum(x) * y if np.ndim(y) else x * y
        found = ft.vmap(ft.vmap(f, inner), outer)(a, b)

        def select(array: Any, axes: list[int | None], i: int, j: int) -> Any:
            for index, axis in zip((i, j), axes, strict=True):
                array = array if axis is None else array[index]
            return array

        sizes = [4 if outer[0] == 0 else 3, (3 if outer[0] == 0 else 4) if inner[0] == 0 else 3]
        expected = [
            [f(select(a, [outer[0], inner[0]], i, j), select(b, [outer[1], inner[1]], i, j)) for j in range(sizes[1])]
            for i in range(sizes[0])
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-14)


CHOSEN: dict[str, Callable[[Any], Any]] = {
    "constants": lambda x: ft.cond(x > 0.0, lambda: 1.0, lambda: -1.0),
    "functions": ft.grad(lambda x: ft.cond(x > 0.0, lambda v: 3.0 * v, lambda v: 5.0 * v, x)),
    "switch": lambda x: ft.switch(np.astype(x > 0.0, int), [lambda: 2.0, lambda: 7.0]),
    "loop": lambda x: ft.while_loop(lambda c: c[0] < 4.0, lambda c: (c[0] * 2.0 + 5.0, c[1] + 1), (x, 0))[1],
}


@pytest.mark.parametrize("name", CHOSEN)
@pytest.mark.parametrize("x", [[1.0, 2.0, -1.0, -2.0], [2.0, -1.0, 2.0, 1.0], [-1.0, 3.0, 5.0, 6.0, 7.0]])
def test_a_chunk_whose_examples_agree_says_nothing_of_the_others(name: str, x: list[float]) -> None:
    f, values = CHOSEN[name], np.array(x)
    expected = np.stack([f(v) for v in values])
    for found in (
        ft.vmap(f, chunk_size=2)(values),
        ft.map(f, values, batch_size=2),
        ft.jit(ft.vmap(f, chunk_size=2))(values),
        ft.func.vmap(f, chunk_size=2)(values),
    ):
        np.testing.assert_array_equal(found, expected)
    slope = ft.grad(lambda w: np.sum(ft.vmap(lambda v: w * f(v), chunk_size=2)(values)))(1.0)
    assert slope == pytest.approx(expected.sum())


def test_what_chunks_do_not_agree_on_has_an_axis() -> None:
    f = ft.vmap(CHOSEN["constants"], chunk_size=2, out_axes=None)
    assert f(np.array([1.0, 2.0, 3.0])) == 1.0
    with pytest.raises(ValueError, match=r"out_axes=None, but a result .* differs between examples"):
        f(np.array([1.0, 2.0, -3.0]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: ft.cond(x > 0.0, np.sin, np.cos, x),
        lambda x: ft.switch(np.astype(x, int), [np.sin, np.cos], x),
        lambda x: ft.while_loop(lambda c: c > 0.0, lambda c: c - 1.0, x),
        lambda x: ft.cond(x > 0.0, lambda: 1.0, lambda: 2.0),
    ],
)
def test_an_empty_batch_takes_no_branch(f: Callable[[Any], Any]) -> None:
    slopes = ft.vmap(ft.grad(f))
    for mapped in (ft.vmap(f), ft.jit(ft.vmap(f)), ft.vmap(ft.jit(f)), slopes, ft.jit(slopes)):
        found = mapped(np.zeros(0))
        assert found.shape == (0,)
        assert found.dtype == np.float64
