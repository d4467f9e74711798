"""Indexing, taking and positions: NumPy's rules for any key, cost that does not grow, and refusals that teach."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functorch_lite as ft
from functorch_lite.calculus import indexing
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import TracerConversionError

X = np.array([0.3, -0.7, 1.1, 0.2])
TABLE = np.arange(12.0).reshape(4, 3)
BATCH = 3


def traced(f: Callable[[Any], Any], x: Any) -> Any:
    """Return what ``f`` gives under reverse mode."""
    return ft.vjp(f, x)[0]


# --- Random keys, held against NumPy itself ---------------------------------------------------------------------------


def random_key(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], list[int]]:
    """Return a key for an array of this shape, and the places of its integer arrays, whose axes broadcast."""
    broadcast = [(), (2,), (3, 1), (1, 2), (3, 2), (1,)][: 1 + rng.integers(6)]
    axes, key, places = list(shape), [], []
    ellipsis = rng.integers(len(shape) + 1) if rng.random() < 0.4 else None
    position = 0
    while position < len(axes) and rng.random() < 0.85:
        if ellipsis == position:
            key.append(...)
            ellipsis, position = None, position + int(rng.integers(len(axes) - position + 1))
            axes = axes[:position] + axes[len(axes) - (len(axes) - position) :]
            continue
        n = axes[position]
        kind = rng.choice(["int", "slice", "none", "array", "mask", "all"], p=[0.15, 0.2, 0.1, 0.3, 0.1, 0.15])
        if kind == "none":
            key.append(None)
            continue
        if kind == "array":
            places.append(len(key))
            key.append(rng.integers(-n, n, broadcast[rng.integers(len(broadcast))]))
        elif kind == "mask":
            mask = np.zeros(n, bool)  # of one or two elements, so that it broadcasts with the arrays
            mask[rng.choice(n, 1 + (() not in broadcast and n > 1), replace=False)] = True
            key.append(mask)
        elif kind == "int":
            key.append(int(rng.integers(-n, n)))
        else:
            whole = kind == "all"
            key.append(slice(None) if whole else slice(*sorted(rng.integers(0, n + 1, 2)), int(rng.integers(1, 3))))
            if not whole and rng.random() < 0.5:
                key[-1] = slice(None, None, -int(rng.integers(1, 3)))
        position += 1
    if ellipsis is not None and rng.random() < 0.5:
        key.append(...)
    return tuple(key), places


@pytest.mark.parametrize("seed", range(200))
def test_a_random_key_does_what_numpy_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(2, 5, rng.integers(1, 5)))
    x = rng.normal(size=shape)
    key, places = random_key(rng, shape)
    try:
        expected = x[key]
    except IndexError:
        with pytest.raises(IndexError):
            traced(lambda x: x[key], x)
        return
    y, pull = ft.vjp(lambda x: x[key], x)
    np.testing.assert_array_equal(y, expected, strict=True)
    g = rng.normal(size=np.shape(expected))
    scattered = np.zeros(shape)
    np.add.at(scattered, key, g)
    np.testing.assert_allclose(pull(g)[0], scattered, atol=1e-14)

    batch = rng.normal(size=(BATCH, *shape))
    np.testing.assert_array_equal(ft.vmap(lambda x: x[key])(batch), np.stack([one[key] for one in batch]))

    arrays = [rng.integers(-1, 2, (BATCH, *np.shape(key[p]))) for p in places]
    batched = [k for k, p in enumerate(places) if p % 2 == seed % 2]  # some of the arrays differ between examples

    def at(x: Any, *chosen: Any) -> Any:
        filled = list(key)
        for k, index in zip(batched, chosen, strict=True):
            filled[places[k]] = index
        return x[tuple(filled)]

    chosen = [arrays[k] for k in batched]
    for in_axis in (0, None) if batched else (0,):
        xs = batch if in_axis == 0 else x
        examples = [at(batch[i] if in_axis == 0 else x, *(c[i] for c in chosen)) for i in range(BATCH)]
        axes = (in_axis, *(0,) * len(chosen))
        values, pull = ft.vjp(lambda xs, axes=axes: ft.vmap(at, axes)(xs, *chosen), xs)
        np.testing.assert_array_equal(values, np.stack(examples))
        g = rng.normal(size=values.shape)
        each = [
            ft.vjp(lambda x, i=i: at(x, *(c[i] for c in chosen)), x)[1](g[i])[0] for i in range(BATCH)
        ]
        np.testing.assert_allclose(pull(g)[0], np.stack(each) if in_axis == 0 else sum(each), atol=1e-13)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 2)])
def test_empty_arrays(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape)
    for key in (slice(None), None, ..., [], np.zeros((0, 2), int), x > 0):
        y, pull = ft.vjp(lambda x, key=key: x[key], x)
        assert y.shape == x[key].shape
        assert pull(y)[0].shape == shape


# --- Cost and memory --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("access", [lambda x, i: x[i], lambda x, i: x[i, ...], lambda x, i: np.sum(x[i : i + 1])])
def test_a_loop_over_elements_makes_one_whole_cotangent(access: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = []
    monkeypatch.setattr(indexing.unindex, "function", _counting(indexing.unindex.function, whole))
    x = np.linspace(0.1, 1.0, 50)
    g = ft.grad(lambda x: sum(access(x, i) * access(x, i + 1) for i in range(49)))(x)
    np.testing.assert_allclose(g, np.r_[x[1:], 0] + np.r_[0, x[:-1]])
    assert len(whole) == 1


def test_a_loop_over_rows_makes_one_whole_cotangent(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = []
    monkeypatch.setattr(indexing.scatter, "function", _counting(indexing.scatter.function, whole))
    rows = [np.array([k, 0, k]) for k in range(4)]
    g = ft.grad(lambda x: sum(np.sum(x[row]) for row in rows))(TABLE)
    np.testing.assert_array_equal(g, np.repeat([[6.0], [2.0], [2.0], [2.0]], 3, axis=1))
    assert len(whole) == 1


def test_adding_in_place_gives_way_to_batched_positions() -> None:
    def f(x: Any, i: Any) -> Any:
        return np.sum(x[np.stack([i, i])]) + np.sum(x[1:])  # the walk meets the last first

    actual = ft.vmap(ft.grad(f), (None, 0))(X, np.array([0, 2, 3]))
    np.testing.assert_allclose(actual, np.stack([ft.grad(f)(X, i) for i in (0, 2, 3)]))


def test_adding_in_place_leaves_the_cotangents_of_others_alone() -> None:
    y, pull = ft.vjp(lambda x: (x, x[1:], x[...], x[[0, 0]]), X)
    g = tuple(np.ones_like(part) for part in y)
    for _ in range(2):
        np.testing.assert_array_equal(pull(g)[0], [4.0, 3.0, 3.0, 3.0])
    assert all(np.all(part == 1) for part in g)


def test_the_tape_keeps_positions_but_not_what_they_index() -> None:
    kept = []

    def f(x: Any) -> Any:
        y = x * 2
        kept.append(weakref.ref(y.value))
        z = y[[0, 2]] + y[1:3] + np.take(y, 1)
        del y
        assert kept[0]() is None
        return np.sum(z)

    ft.grad(f)(X)


def _counting(function: Any, calls: list[Any]) -> Any:
    def counted(*args: Any) -> Any:
        calls.append(args)
        return function(*args)

    return counted


# --- Positions that are traced, and positions of values ---------------------------------------------------------------


def test_table_look_up_by_a_batched_position() -> None:
    i = np.array([3, 0, -1])
    np.testing.assert_array_equal(ft.vmap(lambda i: take(TABLE, i, axis=0))(i), TABLE[i])
    np.testing.assert_array_equal(ft.vmap(lambda i: take(TABLE, [i, 0]))(i), [[3.0, 0.0], [0.0, 0.0], [11.0, 0.0]])
    np.testing.assert_array_equal(ft.vmap(lambda i: np.choose(i, TABLE[:, 1], mode="wrap"))(i), TABLE[i, 1])
    np.testing.assert_array_equal(ft.vmap(lambda i: np.take_along_axis(TABLE, i[None, None], 0)[0])(i), TABLE[i])


def test_vmap_of_positions_found_in_each_example() -> None:
    rows = np.array([[3.0, 1.0, 2.0], [0.5, 9.0, -1.0]])
    np.testing.assert_array_equal(ft.vmap(lambda x: x[np.argsort(x)])(rows), np.sort(rows, 1))
    np.testing.assert_array_equal(ft.vmap(lambda x: x[np.argmax(x)])(rows), rows.max(1))
    np.testing.assert_array_equal(
        ft.vmap(lambda x: np.take_along_axis(x, np.argsort(x), 0))(rows), np.sort(rows, 1)
    )


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_in_rows_that_differ(side: Any) -> None:
    rng = np.random.default_rng(0)
    a = np.sort(rng.integers(0, 6, (5, 7)), 1).astype(float)
    a[1, -2:] = np.nan
    v = rng.integers(-1, 8, (5, 2, 3)).astype(float)
    v[1, 0, 0] = np.nan
    expected = np.stack([np.searchsorted(row, x, side) for row, x in zip(a, v, strict=True)])
    np.testing.assert_array_equal(ft.vmap(lambda a, v: np.searchsorted(a, v, side))(a, v), expected)
    expected = np.stack([np.searchsorted(row, v[0], side) for row in a])
    np.testing.assert_array_equal(ft.vmap(lambda a: np.searchsorted(a, v[0], side))(a), expected)
    expected = np.stack([np.searchsorted(a[0], x, side) for x in v])
    np.testing.assert_array_equal(ft.vmap(lambda v: np.searchsorted(a[0], v, side))(v), expected)
    shuffled, order = a[0][::-1].copy(), np.arange(7)[::-1]
    np.testing.assert_array_equal(
        ft.vmap(lambda v: np.searchsorted(shuffled, v, side, sorter=order))(v), expected
    )


def test_positions_are_plain_under_differentiation() -> None:
    functions: list[Callable[[Any], Any]] = [
        np.nonzero,
        np.flatnonzero,
        np.argwhere,
        lambda x: np.where(x > 0),
        lambda x: np.searchsorted([0.0, 0.5], x),
        lambda x: np.digitize(x, [0.0, 0.5], right=True),
        lambda x: np.digitize(x, [0.5, 0.0]),
        lambda x: np.bincount([0, 1, 1], minlength=len(x)),
        lambda x: np.diag_indices_from(np.stack([x] * len(x))),
        lambda x: np.tril_indices_from(np.stack([x, x])),
        lambda x: np.triu_indices_from(np.stack([x, x]), 1),
        lambda x: np.unravel_index(np.argmax(x), (2, 2)),
        lambda x: np.ravel_multi_index((np.argmax(x) % 2, np.argmin(x)), (2, 4)),
    ]
    for function in functions:
        found = []
        traced(lambda x, function=function, found=found: (found.append(function(x)), x)[1], X)
        expected = function(X)
        assert not any(ft.is_tracer(part) for part in ft.tree.leaves(found[0]))
        for a, b in zip(ft.tree.leaves(found[0]), ft.tree.leaves(expected), strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


def test_coordinates_under_vmap() -> None:
    flat = np.array([[0, 5], [3, 2]])
    for actual, expected in zip(
        ft.vmap(lambda i: np.unravel_index(i, (2, 3)))(flat), np.unravel_index(flat, (2, 3)), strict=True
    ):
        np.testing.assert_array_equal(actual, expected)
    rows = np.array([0, 1])
    np.testing.assert_array_equal(
        ft.vmap(lambda r: np.ravel_multi_index((r, np.array([2, 0])), (2, 3)))(rows), [[2, 0], [5, 3]]
    )
    np.testing.assert_array_equal(
        ft.vmap(lambda x: np.digitize(x, [0.0, 0.5]))(TABLE[:2] / 6), np.digitize(TABLE[:2] / 6, [0.0, 0.5])
    )


def test_weights_of_a_count_are_differentiable() -> None:
    g = ft.grad(lambda w: np.sum(np.bincount([2, 0, 2, 1], w) ** 2))(X)
    np.testing.assert_allclose(g, 2 * np.array([X[0] + X[2], X[1], X[0] + X[2], X[3]]))


# --- Refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (1.0, "only integers, slices"),
        (np.array([0.0]), "only integers, slices"),
        ("a", "only integers, slices"),
        (4, "out of bounds"),
        ([0, 4], "out of bounds"),
        ((0, 0), "too many indices"),
        (([0], 0), "too many indices"),
        ((..., ...), "single ellipsis"),
        ((..., ..., [0]), "single ellipsis"),
        (np.array([True, False]), "boolean index did not match"),
        ((np.array([True, False]), None), "boolean index did not match"),
        (([0, 1], [True, False]), "too many indices"),
        (([0, 1], [0, 1, 2]), "too many indices"),
    ],
)
def test_wrong_keys_raise_what_numpy_raises(key: Any, message: str) -> None:
    with pytest.raises(IndexError):
        X[key]
    with pytest.raises(IndexError, match=message):
        traced(lambda x: x[key], X)


def test_a_traced_number_is_no_index() -> None:
    with pytest.raises(IndexError, match="only integers"):
        traced(lambda x: x[x[0]], X)


@pytest.mark.parametrize(
    "select",
    [
        lambda x: x[x > 0],
        lambda x: x[np.nonzero(x)],
        lambda x: x[:, None][x > 0, 0],
        lambda x: np.extract(x > 0, x),
        lambda x: np.compress(x > 0, x),
        np.flatnonzero,
        np.argwhere,
        lambda x: np.where(x > 0)[0],
    ],
)
def test_a_selection_by_value_under_vmap_names_where(select: Any) -> None:
    with pytest.raises(TypeError, match=r"np\.where\(mask, x, 0\)"):
        ft.vmap(select)(TABLE)


def test_the_remedies_of_refused_writes_work() -> None:
    raw = np.zeros(4)
    writes: dict[str, Callable[[Any], Any]] = {
        r"np\.copyto.*fnp\.zeros": lambda x: np.copyto(raw, x),
        r"np\.putmask.*fnp\.zeros": lambda x: np.putmask(raw, raw == 0, x),
        r"np\.place.*fnp\.zeros": lambda x: np.place(raw, raw == 0, x),
        r"np\.put.*fnp\.zeros": lambda x: np.put(raw, [0], x),
        r"np\.put_along_axis.*fnp\.zeros": lambda x: np.put_along_axis(raw, np.array([0]), x, 0),
        r"np\.fill_diagonal.*fnp\.zeros": lambda x: np.fill_diagonal(x, 0.0),
    }
    for message, write in writes.items():
        with pytest.raises((NotImplementedError, TypeError), match=message):
            ft.jvp(write, (X,), (X,))
    assert np.all(raw == 0)


def test_ufunc_at_is_refused_and_its_remedy_works() -> None:
    raw, positions = np.zeros(3), [0, 2, 0, 0]
    with pytest.raises(TypeError, match=r"np\.add\.at .* np\.bincount\(positions, values, len\(a\)\)"):
        traced(lambda x: np.add.at(raw, positions, x), X)
    np.add.at(raw, positions, X)
    np.testing.assert_allclose(traced(lambda x: np.zeros(3) + np.bincount(positions, x, 3), X), raw)


def test_writing_into_a_raw_array_at_a_traced_value_is_refused() -> None:
    raw = np.zeros(4)
    with pytest.raises(TracerConversionError):
        traced(lambda x: raw.__setitem__(slice(None), x), X)


def test_other_refusals_name_a_remedy() -> None:
    bins = np.array([[0.0, 1.0], [0.0, 2.0]])
    with pytest.raises(NotImplementedError, match=r"np\.searchsorted\(bins, x, side='right'\)"):
        ft.vmap(lambda b: np.digitize(0.5, b))(bins)
    np.testing.assert_array_equal(ft.vmap(lambda b: np.searchsorted(b, 0.5, side="right"))(bins), [1, 1])
    with pytest.raises(TypeError, match=r"x == np\.arange\(n\)\[:, None\]"):
        ft.vmap(np.bincount)(np.array([[0, 1], [1, 1]]))
    for function in (np.take, np.choose, np.compress):
        with pytest.raises(TypeError, match="out"):
            traced(lambda x, function=function: function(x, [0], out=np.zeros(1)), X)
    with pytest.raises(ValueError, match="mode must be"):
        traced(lambda x: np.take(x, 0, mode="other"), X)
    with pytest.raises(ValueError, match="invalid entry in choice array"):
        traced(lambda x: np.choose([0, 2], [x, x]), X[:2])
    with pytest.raises(ValueError, match="same number of dimensions"):
        traced(lambda x: np.take_along_axis(x, np.zeros((1, 1), int), 0), X)
    with pytest.raises(TypeError, match="integer indices"):
        traced(lambda x: np.take(x, [0.5]), X)


@pytest.mark.parametrize("shape", [(2, 0), (0,), (0, 3), (0, 0)])
def test_a_mask_with_an_axis_of_no_entries_selects_nothing(shape: tuple[int, ...]) -> None:
    x, mask = np.ones((2, 3)), np.zeros(shape, bool)
    value, pull = ft.vjp(lambda x: x[mask], x)
    np.testing.assert_array_equal(value, x[mask])
    np.testing.assert_array_equal(pull(value)[0], np.zeros_like(x))
    assert ft.jvp(lambda x: x[mask], (x,), (x,))[1].shape == ft.vmap(lambda x: x[mask])(x[None])[0].shape == value.shape
    with pytest.raises(IndexError, match="boolean index did not match"):
        ft.grad(lambda x: np.sum(x[np.ones((2, 2), bool)]))(x)


@pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
@pytest.mark.parametrize(
    ("shape", "axis"), [((0,), 0), ((0, 3), 0), ((0, 3), 1), ((3, 0), 0), ((2, 3), 1), ((300,), 0)]
)
@pytest.mark.parametrize("index", [0, -1, 7, -9, [7, -9, 0], [], np.zeros((0, 2), int), np.array([1, 200], np.uint8)])
@pytest.mark.filterwarnings("error")
def test_take_does_what_numpy_does_with_indices_out_of_range(
    mode: Any, shape: tuple[int, ...], axis: int, index: Any
) -> None:
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    f = lambda x: np.take(x, index, axis, mode=mode)
    try:
        expected = f(x)
    except IndexError:
        for transform in (ft.jacrev, ft.jacfwd, ft.jit):
            with pytest.raises(IndexError):
                transform(f)(x)
        return
    np.testing.assert_array_equal(ft.jit(f)(x), expected)
    np.testing.assert_array_equal(ft.vmap(f)(np.stack([x, x]))[1], expected)
    places = f(np.arange(x.size).reshape(shape))
    one_hot = (places[..., None] == np.arange(x.size)).astype(float).reshape(*expected.shape, *shape)
    for jacobian in (ft.jacrev(f)(x), ft.jacfwd(f)(x)):
        np.testing.assert_array_equal(jacobian, one_hot)
