"""Operations across a named batch are what the same operations on the whole array are, with the same derivatives."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from tests.trees import assert_same_tree

BATCH = np.array([[0.3, -0.7], [1.1, 0.4], [-0.2, 2.0], [0.9, 0.1]])
ROWS = np.array([0.3, -0.4, 0.8, 1.2])
#: The same sums in another order.
SAME = 1e-13
assert_same = partial(assert_same_tree, rtol=SAME, atol=SAME)

# A function of one example, and what it does to the whole batch.
PAIRS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "psum": (lambda x: np.sin(x) * ft.psum(x * x, "i"), lambda b: np.sin(b) * np.sum(b * b, 0)),
    "pmean": (lambda x: np.exp(x) * ft.pmean(x, "i"), lambda b: np.exp(b) * np.mean(b, 0)),
    "pmax": (lambda x: x * ft.pmax(np.sin(x), "i"), lambda b: b * np.max(np.sin(b), 0)),
    "pmin": (lambda x: x * ft.pmin(np.sin(x), "i"), lambda b: b * np.min(np.sin(b), 0)),
    "all_gather": (
        lambda x: x * np.sum(ft.all_gather(x, "i") ** 2, 0) + ft.all_gather(x[0], "i")[1],
        lambda b: b * np.sum(b**2, 0) + b[1, 0],
    ),
    "all_gather along the last axis": (
        lambda x: ft.all_gather(x, "i", axis=-1) @ np.arange(4.0) * x,
        lambda b: (b.T @ np.arange(4.0)) * b,
    ),
    "all_gather tiled": (
        lambda x: x * (ft.all_gather(x, "i", tiled=True) ** 2 @ np.arange(8.0)),
        lambda b: b * (b.reshape(-1) ** 2 @ np.arange(8.0)),
    ),
    "axis_index": (lambda x: x ** (1 + ft.axis_index("i")), lambda b: b ** np.arange(1, 5)[:, None]),
    "axis_size": (lambda x: x / ft.axis_size("i"), lambda b: b / 4),
    "batch normalisation": (
        lambda x: (x - ft.pmean(x, "i")) / np.sqrt(ft.pmean((x - ft.pmean(x, "i")) ** 2, "i") + 1e-3),
        lambda b: (b - b.mean(0)) / np.sqrt(b.var(0) + 1e-3),
    ),
    "softmax": (
        lambda x: np.exp(x - ft.pmax(x, "i")) / ft.psum(np.exp(x - ft.pmax(x, "i")), "i"),
        lambda b: np.exp(b) / np.sum(np.exp(b), 0),
    ),
}

TRANSFORMS: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "value": lambda f: f(BATCH),
    "jvp": lambda f: ft.jvp(f, (BATCH,), (np.cos(BATCH),)),
    "grad": lambda f: ft.grad(lambda b: np.sum(f(b) ** 2))(BATCH),
    "jacrev": lambda f: ft.jacrev(f)(BATCH),
    "hessian": lambda f: ft.hessian(lambda b: np.sum(f(b) ** 2))(BATCH),
    "jet": lambda f: ft.jet(f, (BATCH,), ([np.cos(BATCH), BATCH],)),
    "another batch": lambda f: ft.vmap(f)(np.stack([BATCH, 0.5 - BATCH])),
    "gradients of another batch": lambda f: ft.vmap(ft.grad(lambda b: np.sum(f(b) ** 2)))(np.stack([BATCH, -BATCH])),
}


def by_checkpoint(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return ft.checkpoint(f)


def by_scan(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: ft.scan(lambda c, _: (f(c), None), x, length=1, checkpoint=1)[0]


def by_custom_jvp(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    g = ft.custom_jvp(f)
    g.defjvp(lambda primals, tangents: ft.jvp(f, primals, tangents))
    return g


def by_custom_vjp(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    g = ft.custom_vjp(f)
    g.defvjp(lambda x: (f(x), x), lambda x, g: ft.vjp(f, x)[1](g))
    return g


@pytest.mark.parametrize(
    "wrapped", [lambda f: f, by_checkpoint, by_scan, by_custom_jvp, by_custom_vjp], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", PAIRS)
def test_a_named_batch_is_the_whole_array(name: str, transform: str, wrapped: Callable[[Any], Any]) -> None:
    of_example, of_batch = PAIRS[name]
    found = TRANSFORMS[transform](ft.vmap(wrapped(of_example), axis_name="i"))
    assert_same(found, TRANSFORMS[transform](of_batch))


def small(x: Any) -> Any:
    """Return a truth value that is the same for all examples, and depends on each."""
    return ft.psum(np.sum(x), "i") < 1e9


def chosen(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: ft.cond(small(x), f, np.negative, x)


def by_number(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: ft.switch(np.where(small(x), 1, 0), [np.negative, f, np.cos], x)


def counted(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: ft.while_loop(lambda s: s[0] < 1, lambda s: (s[0] + 1, f(s[1])), (0, x))[1]


def awaited(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def run(x: Any) -> Any:
        start = (0.0 * np.sum(x), x)
        return ft.while_loop(lambda s: ft.pmean(s[0], "i") < 1.0, lambda s: (s[0] + 1.0, f(s[1])), start)[1]

    return run


@pytest.mark.parametrize("construct", [lambda f: f, by_scan, chosen, by_number, counted, awaited])
@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", PAIRS)
def test_compiled_functions_combine_examples(name: str, transform: str, construct: Callable[..., Any]) -> None:
    of_example, of_batch = PAIRS[name]
    f = construct(of_example)
    expected = TRANSFORMS[transform](of_batch)
    assert_same(TRANSFORMS[transform](ft.vmap(ft.jit(f), axis_name="i")), expected)
    assert_same(TRANSFORMS[transform](ft.jit(ft.vmap(f, axis_name="i"))), expected)


def test_a_compiled_function_is_kept_for_the_axes_that_it_asks_for() -> None:
    runs = 0

    def f(x: Any) -> Any:
        nonlocal runs
        runs += 1
        return x * ft.axis_size("i") + ft.psum(1, "i")

    for compiled in (ft.jit(f), ft.jit(lambda x: ft.jit(f)(x))):
        runs = 0
        for _ in range(2):
            for size in (2, 3, 4):
                np.testing.assert_array_equal(ft.vmap(compiled, axis_name="i")(np.ones(size)), np.full(size, 2 * size))
                shared = ft.vmap(compiled, None, None, axis_size=size, axis_name="i")
                assert shared(1.0) == 2 * size
        assert runs == 6
        with pytest.raises(NameError, match="named are: none"):
            compiled(1.0)

    # The inner of two axes of one name, of the same size, is another one.
    cube = np.arange(4.0).reshape(2, 2)
    total = ft.jit(lambda x: ft.psum(x, "i"))
    both = ft.vmap(lambda r: ft.vmap(total, axis_name="i")(r) + total(r), axis_name="i")
    for _ in range(2):
        np.testing.assert_array_equal(ft.vmap(total, axis_name="i")(cube), [[2.0, 4.0]] * 2)
        np.testing.assert_array_equal(both(cube), [[3.0, 5.0], [7.0, 9.0]])


#: Functions whose results differ between the examples even if their argument does not.
APART: dict[str, Callable[[Any], Any]] = {
    "number": lambda x: x * ft.axis_index("i"),
    "number alone": lambda x: ft.axis_index("i"),
    "branch": lambda x: ft.switch(ft.axis_index("i"), [lambda x: x, lambda x: -x, lambda x: x * ft.axis_index("i")], x),
    "number in a branch": lambda x: ft.cond(x < 9.0, lambda x: x + ft.axis_index("i"), lambda x: x, x),
    "loop": lambda x: ft.scan(lambda c, _: (c * x + ft.axis_index("i"), c), x, None, length=3),
    "as many steps": lambda x: ft.while_loop(
        lambda s: s[0] < ft.axis_index("i"), lambda s: (s[0] + 1, s[1] * x), (0, x)
    ),
    "part of a sum": ft.grad(lambda x: np.sum(ft.all_gather(x, "i") ** 2 * np.arange(3.0))),
}


@pytest.mark.parametrize("axes", [0, None])
@pytest.mark.parametrize("name", APART)
def test_what_differs_between_the_examples_is_recorded_once(name: str, axes: int | None) -> None:
    runs = 0

    def f(x: Any) -> Any:
        nonlocal runs
        runs += 1
        return APART[name](x)

    x = np.array([0.5, -1.5, 2.0]) if axes == 0 else np.float64(1.5)
    expected = ft.vmap(APART[name], axes, axis_size=3, axis_name="i")(x)
    of_one = ft.jit(lambda x: ft.vmap(ft.jit(f), None, axis_size=1)(x))
    for compiled in (ft.jit(f), ft.jit(lambda x: ft.jit(f)(x)), of_one):
        runs = 0
        for _ in range(2):
            found = ft.vmap(compiled, axes, axis_size=3, axis_name="i")(x)
            assert_same(ft.tree.map(lambda y, e: np.reshape(y, np.shape(e)), found, expected), expected)
        assert runs == 1


def test_numbers_along_two_axes() -> None:
    number = ft.jit(lambda: 10 * ft.axis_index("a") + ft.axis_index("b"))
    inner = ft.vmap(number, (), axis_size=3, axis_name="b")
    for f in (inner, ft.jit(inner), ft.jit(lambda: ft.jit(inner)())):
        for _ in range(2):
            found = ft.vmap(f, (), axis_size=2, axis_name="a")()
            np.testing.assert_array_equal(found, [[0, 1, 2], [10, 11, 12]])
    # The unnamed batch of a loop that ends at different times is not a named one of the same size.
    loop = ft.jit(lambda x: ft.while_loop(lambda s: s < 9.0 + ft.axis_index("a"), lambda s: 2.0 * s, x))
    rows = np.array([[1.0, 3.0], [5.0, 7.0]])
    for _ in range(2):
        np.testing.assert_array_equal(ft.vmap(ft.vmap(loop), axis_name="a")(rows), [[16.0, 12.0], [10.0, 14.0]])
        np.testing.assert_array_equal(ft.vmap(ft.vmap(loop, axis_name="a"))(rows), [[16.0, 12.0], [10.0, 14.0]])


def test_a_rule_that_asks_for_its_number() -> None:
    @ft.custom_vjp
    def f(x: Any) -> Any:
        return x

    f.defvjp(lambda x: (x, None), lambda _, g: (g * ft.axis_index("i"),))
    for gradient in (ft.grad(f), ft.grad(ft.jit(f)), ft.jit(ft.grad(f))):
        np.testing.assert_array_equal(ft.vmap(gradient, axis_name="i")(np.ones(3)), [0.0, 1.0, 2.0])


def test_a_loop_that_prints_its_number_prints_when_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    def step(c: Any, _: Any) -> Any:
        ft.debug.print("{}", ft.axis_index("i"))
        return c + 1.0, None

    loop = ft.jit(lambda: ft.scan(step, np.zeros(()), None, length=2)[0])
    for _ in range(2):
        ft.vmap(loop, (), axis_size=2, axis_name="i")()
        assert capsys.readouterr().out == "[0 1]\n[0 1]\n"


def test_a_rule_that_asks_for_an_axis_is_kept_for_it() -> None:
    @ft.custom_vjp
    def f(x: Any) -> Any:
        return x

    f.defvjp(lambda x: (x, None), lambda _, g: (g * ft.axis_size("i"),))
    gradient = ft.grad(ft.jit(f))
    for size in (2, 3, 2):
        np.testing.assert_array_equal(ft.vmap(gradient, axis_name="i")(np.ones(size)), np.full(size, float(size)))


def test_a_sum_over_all_examples_is_the_same_for_all_of_them() -> None:
    total = ft.jit(lambda x: ft.cond(True, lambda x: ft.psum(x, "i"), lambda x: x, x))
    assert ft.vmap(total, out_axes=None, axis_name="i")(ROWS) == pytest.approx(ROWS.sum())
    traced = ft.jit(lambda p, x: ft.cond(p, lambda x: ft.psum(x, "i"), lambda x: 2.0 * ft.pmax(x, "i"), x))
    for p, expected in ((True, ROWS.sum()), (False, 2.0 * ROWS.max())):
        found = ft.vmap(traced, (None, 0), out_axes=None, axis_name="i")(np.bool_(p), ROWS)
        assert found == pytest.approx(expected)


def test_a_program_that_combines_examples_is_shown_and_read_back() -> None:
    programs = []

    def f(x: Any) -> Any:
        programs.append(ft.make_program(lambda x: np.sin(x) * ft.psum(x, "i"))(x))
        found = ft.Program.parse(str(programs[0]))
        assert found == programs[0]
        return found(x)[0]

    np.testing.assert_allclose(ft.vmap(f, axis_name="i")(ROWS), np.sin(ROWS) * ROWS.sum())
    assert "psum(a, axis=Axis(name='i', size=4, depth=0))" in str(programs[0])

    def g(x: Any) -> Any:
        program = ft.make_program(lambda x: x * ft.axis_index("i"))(x)
        assert "axis_index(axis=Axis(name='i', size=4, depth=0))" in str(program)
        assert ft.Program.parse(str(program)) == program
        return program(x)[0]

    np.testing.assert_allclose(ft.vmap(g, axis_name="i")(ROWS), ROWS * np.arange(4))
    with pytest.raises(ft.EscapedTracerError, match="along the axis 'i' of a batch, whose vmap has already returned"):
        programs[0](1.0)


def test_the_derivative_of_an_example_goes_through_all() -> None:
    # Within the batch a sum is a function of all examples: each one's loss depends on x in every other.
    found = ft.vmap(ft.grad(lambda x: ft.psum(x, "i") ** 2), axis_name="i")(ROWS)
    np.testing.assert_allclose(found, np.full(4, 4 * 2 * ROWS.sum()))
    push = ft.vmap(lambda x, t: ft.jvp(lambda x: ft.psum(x, "i") * x, (x,), (t,))[1], axis_name="i")
    np.testing.assert_allclose(push(ROWS, np.ones(4)), 4 * ROWS + ROWS.sum())


def test_gradients_of_shared_parameters_are_averaged() -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.sum((w * x - 1.0) ** 2)

    def step(w: Any, x: Any) -> Any:
        return w - 0.1 * ft.pmean(ft.grad(loss)(w, x), "data")

    found = ft.vmap(step, (None, 0), out_axes=None, axis_name="data")(BATCH[0], BATCH)
    expected = BATCH[0] - 0.1 * ft.grad(lambda w: np.mean(np.stack([loss(w, x) for x in BATCH])))(BATCH[0])
    np.testing.assert_allclose(found, expected, rtol=SAME)


def test_names_nest() -> None:
    cube = np.arange(24.0).reshape(2, 3, 4) / 10

    def f(x: Any) -> Any:
        return {
            "outer": ft.psum(x, "a"),
            "inner": ft.pmean(x, "b"),
            "both": ft.psum(x, ("a", "b")),
            "largest": ft.pmax(x, ("b", "a")),
            "numbers": 10 * ft.axis_index("a") + ft.axis_index("b") + 0 * x,
        }

    found = ft.vmap(ft.vmap(f, axis_name="b"), axis_name="a")(cube)
    whole = np.broadcast_to
    np.testing.assert_allclose(found["outer"], whole(cube.sum(0), cube.shape))
    np.testing.assert_allclose(found["inner"], whole(cube.mean(1, keepdims=True), cube.shape))
    np.testing.assert_allclose(found["both"], whole(cube.sum((0, 1)), cube.shape))
    np.testing.assert_array_equal(found["largest"], whole(cube.max((0, 1)), cube.shape))
    np.testing.assert_array_equal(found["numbers"][..., 0], [[0, 1, 2], [10, 11, 12]])
    assert ft.vmap(ft.vmap(lambda x: ft.axis_size(("a", "b")), axis_name="b"), axis_name="a")(cube).max() == 6
    # The inner of two with the same name, and an unnamed batch between.
    inner = ft.vmap(ft.vmap(lambda x: ft.psum(x, "a"), axis_name="a"), axis_name="a")(cube)
    np.testing.assert_allclose(inner, whole(cube.sum(1, keepdims=True), cube.shape))
    between = ft.vmap(ft.vmap(lambda x: ft.psum(x, "a")), axis_name="a")(cube)
    np.testing.assert_allclose(between, found["outer"])


def test_trees_and_what_is_the_same_for_all() -> None:
    def f(x: Any) -> Any:
        return ft.psum({"x": x, "one": 1, "c": (BATCH[0],)}, "i")

    found = ft.vmap(f, out_axes=None, axis_name="i")(ROWS)
    assert found["x"] == pytest.approx(ROWS.sum())
    assert found["one"] == 4
    np.testing.assert_array_equal(found["c"][0], 4 * BATCH[0])
    gathered = ft.vmap(lambda x: ft.all_gather({"x": x, "c": 2.0}, "i"), out_axes=None, axis_name="i")(ROWS)
    np.testing.assert_array_equal(gathered["x"], ROWS)
    np.testing.assert_array_equal(gathered["c"], np.full(4, 2.0))
    np.testing.assert_array_equal(ft.vmap(lambda: ft.axis_index("i"), (), axis_size=3, axis_name="i")(), [0, 1, 2])


def test_ties_share() -> None:
    found = ft.grad(lambda b: np.sum(ft.vmap(lambda x: ft.pmax(x, "i"), axis_name="i")(b)))(np.array([1.0, 2.0, 2.0]))
    np.testing.assert_array_equal(found, [0.0, 1.5, 1.5])


def test_the_precision_stays() -> None:
    for f in (ft.psum, ft.pmean, ft.pmax, ft.all_gather):
        out = ft.grad(lambda b, f=f: np.sum(ft.vmap(lambda x: f(x, "i") * x, axis_name="i")(b)))(
            ROWS.astype(np.float32)
        )
        assert out.dtype == np.float32


def test_unknown_names() -> None:
    for f in (ft.psum, ft.pmean, ft.pmax, ft.pmin, ft.all_gather):
        with pytest.raises(
            NameError, match=r"no batch is named 'j' \(named are: 'i'\); give ft.vmap\(f, axis_name='j'\)"
        ):
            ft.vmap(lambda x, f=f: f(x, "j"), axis_name="i")(ROWS)
    with pytest.raises(NameError, match=r"named are: none"):
        ft.axis_index("i")
    with pytest.raises(NameError, match="named are: none"):  # the name ends with its batch
        ft.vmap(lambda x: x, axis_name="i")(ROWS) + ft.axis_size("i")
    with pytest.raises(NameError, match="in the same thread"), ThreadPoolExecutor() as pool:
        ft.vmap(lambda x: pool.submit(ft.psum, x, "i").result(), axis_name="i")(ROWS)


def test_a_named_batch_is_not_cut_into_chunks() -> None:
    with pytest.raises(ValueError, match="named axis 'i' in chunks: a sum over the axis needs it whole"):
        ft.vmap(np.sin, axis_name="i", chunk_size=2)


def test_a_pullback_that_outlives_the_batch_is_refused() -> None:
    pulls = []

    def f(x: Any) -> Any:
        y, pull = ft.vjp(lambda z: ft.psum(z, "i"), 1.0 + 0.0 * x)
        pulls.append(pull)
        return y

    ft.vmap(f, axis_name="i")(ROWS)
    with pytest.raises(ft.EscapedTracerError, match="a collective operation was applied"):
        pulls[0](1.0)


def test_an_axis_named_twice() -> None:
    with pytest.raises(ValueError, match="name one axis twice"):
        ft.vmap(lambda x: ft.psum(x, ("i", "i")), axis_name="i")(np.ones(3))


SOME = {
    "cond": lambda x: ft.cond(x > 0.0, lambda v: ft.psum(v * v, "i") * v, lambda v: 2.0 * v, x),
    "gradient in cond": lambda x: ft.cond(x > 0.0, ft.grad(lambda v: ft.pmean(v * v, "i") * v), lambda v: 2.0 * v, x),
    "switch": lambda x: ft.switch(
        np.astype(np.floor(np.abs(x)), int) % 2, [lambda v: np.sum(ft.all_gather(v, "i")), lambda v: 2.0 * v], x
    ),
    "while_loop": lambda x: ft.while_loop(lambda v: v < 2.0, lambda v: v + 1.0 + ft.pmax(v, "i") ** 2, x),
    "cond in cond": lambda x: ft.cond(
        x > 0.0, lambda v: ft.cond(v > 100.0, lambda u: u, lambda u: ft.pmin(u, "i"), v), lambda v: 2.0 * v, x
    ),
}


@pytest.mark.parametrize("name", SOME)
def test_where_only_some_of_the_examples_take_part(name: str) -> None:
    """The values of the others there stand for nothing, so their sum would be a wrong number."""
    x = np.array([1.0, -2.0, 3.0])
    with pytest.raises(ValueError, match=r"test_collectives\.py.*'i' are combined in a branch or a loop that.*where"):
        ft.vmap(SOME[name], axis_name="i")(x)
    for compiled in (ft.jit(ft.vmap(SOME[name], axis_name="i")), ft.vmap(ft.jit(SOME[name]), axis_name="i")):
        with pytest.raises(ValueError, match=r"'i' are combined in a branch or a loop that.*where"):
            compiled(x)


def test_a_compiled_function_that_some_of_the_examples_run() -> None:
    total = ft.jit(lambda v: ft.psum(v, "i"))
    np.testing.assert_array_equal(ft.vmap(total, axis_name="i")(np.ones(3)), np.full(3, 3.0))
    with pytest.raises(ValueError, match="'i' are combined in a branch or a loop that"):
        ft.vmap(lambda x: ft.cond(x > 0.0, total, np.negative, x), axis_name="i")(np.array([1.0, -2.0, 3.0]))


def test_where_all_of_them_take_part() -> None:
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(ft.vmap(SOME["cond"], axis_name="i")(x), 14.0 * x)
    shared = ft.vmap(lambda v: ft.cond(ft.psum(v, "i") > 0.0, lambda v: ft.psum(v, "i"), lambda v: v, v), axis_name="i")
    np.testing.assert_array_equal(shared(x), [6.0, 6.0, 6.0])
    # The branch is run by some of the outer batch only, but by all examples of the inner one.
    inner = ft.vmap(lambda v: ft.psum(v, "i"), axis_name="i")
    rows = np.array([[1.0, 2.0], [-1.0, 5.0]])
    both = ft.vmap(lambda r: ft.cond(r[0] > 0.0, inner, lambda r: 0.0 * r, r))(rows)
    np.testing.assert_array_equal(both, [[3.0, 3.0], [0.0, 0.0]])


SOLVED: dict[str, Callable[[Any], Any]] = {
    "fixed_point": lambda x: ft.fixed_point(lambda y, x: x / ft.psum(x, "i") + 0.0 * y)(0.0, x),
    "implicit_root": lambda x: ft.implicit_root(lambda y, x: y - ft.pmax(x, "i"), lambda f, y: y - f(y))(0.0, x),
}


@pytest.mark.parametrize("name", SOLVED)
def test_what_runs_for_one_example_at_a_time_does_not_combine_them(name: str) -> None:
    for mapped in (
        ft.vmap(SOLVED[name], axis_name="i"),
        ft.jit(ft.vmap(SOLVED[name], axis_name="i")),
        ft.vmap(ft.jit(SOLVED[name]), axis_name="i"),
        ft.vmap(ft.grad(SOLVED[name]), axis_name="i"),
    ):
        with pytest.raises(ValueError, match="batch 'i' are combined in a function that runs for one at a"):
            mapped(ROWS)


@pytest.mark.parametrize("collective", [ft.psum, ft.pmean, ft.pmax, ft.pmin, lambda w, i: np.sum(ft.all_gather(w, i))])
def test_what_is_the_same_for_all_examples_is_differentiated_outside(collective: Callable[[Any, str], Any]) -> None:
    def f(w: Any) -> Any:
        return np.sum(ft.vmap(lambda x: x * collective(w, "i") ** 2, axis_name="i")(ROWS))

    whole = f(1.0)
    for gradient in (ft.grad(f), ft.jacfwd(f), ft.jit(ft.grad(f)), ft.grad(ft.jit(f))):
        assert gradient(2.0) == pytest.approx(4.0 * whole)
    assert ft.linearize(f, 2.0)[1](1.0) == pytest.approx(4.0 * whole)
    assert ft.jit(f)(2.0) == pytest.approx(4.0 * whole)
    assert ft.hessian(f)(2.0) == pytest.approx(2.0 * whole)
    w = ft.tensor(2.0, requires_grad=True)
    f(w).backward()
    assert w.grad.item() == pytest.approx(4.0 * whole)
    inside = ft.vmap(lambda x: ft.jacfwd(lambda v: v * collective(v, "i"))(x), axis_name="i")
    slopes = ft.grad(lambda b: np.sum(inside(b)))
    np.testing.assert_allclose(slopes(ROWS), ft.jit(slopes)(ROWS))
