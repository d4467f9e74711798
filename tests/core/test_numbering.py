"""Numberings are moved as the arrays are that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from functorch_lite.calculus.indexing import index, unindex
from functorch_lite.calculus.shaping import broadcast_to, flip, reshape, transpose
from functorch_lite.core.numbering import Numbers, Shape, in_one_step, in_order
from functorch_lite.transforms.directions import Scattered, Space, interval


def array(numbers: Numbers, shape: Shape) -> Any:
    first, *steps = numbers
    grid = np.indices(shape)[len(shape) - len(steps) :]
    return first + sum((step * places for step, places in zip(steps, grid, strict=True)), start=np.zeros(shape, int))


def numbering(rng: np.random.Generator, shape: Shape) -> Numbers:
    if rng.random() < 0.5:
        return in_order(shape, int(rng.integers(5)), int(rng.integers(-2, 4)))
    return (int(rng.integers(50)), *(int(rng.integers(-9, 9)) * (n != 1) for n in shape))


def key(rng: np.random.Generator, shape: Shape) -> Any:
    entries: list[Any] = []
    for n in shape[: rng.integers(len(shape) + 1)]:
        if rng.random() < 0.4 and n:
            entries.append(int(rng.integers(-n, n)))
        else:
            entries.append(slice(*(None if rng.random() < 0.4 else int(rng.integers(-n - 1, n + 2)) for _ in range(2))))
            if rng.random() < 0.4:
                entries[-1] = slice(entries[-1].start, entries[-1].stop, int(rng.choice([-2, -1, 1, 2, 3])))
    if rng.random() < 0.2:
        entries.insert(rng.integers(len(entries) + 1), None)
    return entries[0] if len(entries) == 1 and rng.random() < 0.7 else tuple(entries)


def random_shape(rng: np.random.Generator) -> Shape:
    return tuple(int(n) for n in rng.choice([0, 1, 1, 2, 3, 4, 5], rng.integers(1, 4)))


@pytest.mark.parametrize("seed", range(300))
def test_what_is_said_of_a_part_and_of_a_whole_is_what_the_arrays_show(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = random_shape(rng)
    numbers, k = numbering(rng, shape), key(rng, shape)
    whole = array(numbers, shape)
    found = index.renumber(numbers, shape, k)
    part = index.function(whole, k)
    assert (found is None) == (None in (k if type(k) is tuple else (k,)))
    if found is not None:
        np.testing.assert_array_equal(array(found, part.shape), part)
        assert all(step == 0 for step, n in zip(found[1:], part.shape, strict=True) if n == 1)
    numbers = numbering(rng, part.shape)
    found = unindex.renumber(numbers, part.shape, shape, k)
    if found is not None:
        np.testing.assert_array_equal(array(found, shape)[k], array(numbers, part.shape))
        assert all(step == 0 for step, n in zip(found[1:], shape, strict=True) if n == 1)


@pytest.mark.parametrize("seed", range(100))
def test_an_element_or_a_part_put_back_has_the_numbering_of_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 4)))
    numbers, k = in_order(shape), key(rng, shape)
    part = index.renumber(numbers, shape, k)
    if part is not None and 0 not in np.empty(shape)[k].shape:
        assert unindex.renumber(part, np.empty(shape)[k].shape, shape, k) == numbers


@pytest.mark.parametrize("seed", range(200))
def test_shapes_and_axes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = random_shape(rng)
    numbers = numbering(rng, shape)
    x = array(numbers, shape)
    axes = tuple(int(a) for a in rng.permutation(len(shape)))
    for primitive, params in (
        (transpose, (axes,)),
        (flip, (axes[: rng.integers(len(axes) + 1)],)),
        (broadcast_to, ((2, *(3 if n == 1 else n for n in shape)),)),
        (reshape, ((*shape[::-1], 1),)),
    ):
        found = primitive.renumber(numbers, shape, *params)
        moved = primitive.function(x, *params)
        if found is None:
            assert primitive is reshape
            assert not x.size or np.unique(np.diff(x.reshape(-1))).size > 1
        else:
            np.testing.assert_array_equal(array(found, moved.shape), moved)
    line = in_one_step(numbers, shape)
    if line is not None:
        np.testing.assert_array_equal(x.reshape(-1), line[0] + line[1] * np.arange(x.size))


@pytest.mark.parametrize("seed", range(100))
def test_directions_outside_of_the_space_are_left_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, step, count, size = (int(rng.integers(*bounds)) for bounds in ((-20, 20), (-4, 5), (0, 12), (1, 15)))
    inside = [0 <= first + step * i < size for i in range(count)]
    start, stop = interval(first, step, count, size)
    assert [start <= i < stop for i in range(count)] == inside
    space = Space(size)
    expected = np.where(inside, first + step * np.arange(count), 0)
    np.testing.assert_array_equal(space.array((first, step), (count,)), expected)
    np.testing.assert_array_equal(space.array(Scattered(expected), (2, count)), np.stack([expected] * 2))
