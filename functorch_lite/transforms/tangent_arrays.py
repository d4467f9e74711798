"""Many tangents of one value, with the operators that the rules of elementwise operations apply to a tangent.

`DenseTangents` are an array with the tangents along a new axis 0. `SparseTangents` hold, for each element, the few in
which it is not zero: those of an input are the basis, where each element has one. Elementwise operations scale what an
element has, and indexing, reshaping and the like move it about; so the Jacobian of a function made of these takes time
in proportion to its entries, and nothing is multiplied by a zero. Source: Griewank and Walther, *Evaluating
Derivatives* (2008), chapter 7 (sparse derivative vectors).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.core.primitive import Params, Primitive
from functorch_lite.transforms.arguments import dtype_of
from functorch_lite.transforms.forward import projected

__all__ = ["DenseTangents", "Moves", "SparseTangents", "Tangents", "aligned"]

#: With so many terms an array is sparse even if it is small, and with no more than so many even if it is large.
FEW_TERMS, MOST_TERMS = 6, 64
#: An operation on so many numbers takes as long as one on each term of a small array.
NUMBERS_OF_A_TERM = 1024


class DenseTangents:
    """Tangents along axis 0 of an array; ``shape`` and ``dtype`` are those of the value."""

    __slots__ = ("array", "dtype", "shape")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = array.shape[1:]
        self.dtype = array.dtype

    def __mul__(self, factor: Any) -> DenseTangents:
        return DenseTangents(aligned(self.array, getattr(factor, "ndim", 0)) * factor)

    def __neg__(self) -> DenseTangents:
        return DenseTangents(-self.array)

    def __add__(self, other: Tangents) -> DenseTangents:
        other = other.dense()
        return DenseTangents(aligned(self.array, len(other.shape)) + aligned(other.array, len(self.shape)))

    def __sub__(self, other: Tangents) -> DenseTangents:
        other = other.dense()
        return DenseTangents(aligned(self.array, len(other.shape)) - aligned(other.array, len(self.shape)))

    def dense(self) -> DenseTangents:
        """Return the tangents themselves."""
        return self

    def own(self, start: int) -> Any:
        """Return of each element the tangent of its own number, counted from ``start``."""
        if not self.shape:
            return self.array[start]
        elements = np.arange(prod(self.shape))
        return self.array.reshape((self.array.shape[0], elements.size))[elements + start, elements].reshape(self.shape)


class SparseTangents:
    """The sum of terms ``(directions, numbers)``: element ``i`` of tangent ``directions[i]`` is ``numbers[i]``, else 0.

    Terms of which the directions are the same object are added up; what else they may have in common is not looked at.

    Parameters
    ----------
    size
        The number of tangents.
    terms
        Arrays of integers, which broadcast to the value's shape, each with an array of that shape.
    """

    __slots__ = ("dtype", "shape", "size", "terms")

    def __init__(self, size: int, terms: Sequence[tuple[Any, Any]]) -> None:
        self.size = size
        self.terms = terms
        first = terms[0][1]
        self.shape = first.shape
        self.dtype = first.dtype

    @classmethod
    def basis(cls, x: Any, start: int, total: int) -> SparseTangents:
        """Return an array's part of the standard basis of a space of which it is the elements from ``start`` on."""
        shape = shape_of(x)
        directions = np.arange(start, start + prod(shape)).reshape(shape)
        return cls(total, [(directions, np.ones(shape, dtype_of(x)))])

    def __mul__(self, factor: Any) -> SparseTangents:
        terms = []
        for directions, numbers in self.terms:
            terms.append((directions, numbers * factor))
        return SparseTangents(self.size, terms)

    def __neg__(self) -> SparseTangents:
        return SparseTangents(self.size, [(d, -numbers) for d, numbers in self.terms])

    def __sub__(self, other: Tangents) -> Tangents:
        return self + -other

    def __add__(self, other: Tangents) -> Tangents:
        if isinstance(other, DenseTangents):
            return self.dense() + other
        if self.shape != other.shape:
            shape = np.broadcast_shapes(self.shape, other.shape)
            return self._broadcast(shape) + other._broadcast(shape)
        terms = [*self.terms]
        for directions, numbers in other.terms:
            for k, (own, term) in enumerate(terms):
                if own is directions:
                    terms[k] = own, term + numbers
                    break
            else:
                terms.append((directions, numbers))
        result = SparseTangents(self.size, terms)
        return result if len(terms) <= FEW_TERMS or result._is_worth_it() else result.dense()

    def fitted(self, ans: Any) -> SparseTangents:
        """Return the tangents in the shape and dtype that go with a value."""
        return SparseTangents(self.size, [(d, projected(numbers, ans)) for d, numbers in self.terms])

    def moved(self, primitive: Primitive, params: Params, moves: Moves) -> SparseTangents:
        """Apply a primitive that moves elements."""
        shape = self.shape
        terms = []
        for directions, numbers in self.terms:
            if directions.shape != shape:
                directions = np.broadcast_to(directions, shape)
            if type(numbers) is np.ndarray:
                numbers = primitive.function(numbers, *params)
            else:
                numbers = primitive.bind((numbers,), params)
            terms.append((moves(primitive, directions, params), numbers))
        return SparseTangents(self.size, terms)

    @staticmethod
    def joined(parts: Sequence[Any], primitive: Primitive, params: Params) -> SparseTangents:
        """Apply a primitive that joins arrays: each part is `SparseTangents`, or an array whose tangents are zero."""
        tangents = [part for part in parts if type(part) is SparseTangents]
        terms = []
        for k in range(max(len(t.terms) for t in tangents)):
            directions, numbers = [], []
            for part in parts:
                if type(part) is SparseTangents and k < len(part.terms):
                    d, n = part.terms[k]
                    directions.append(d if d.shape == part.shape else np.broadcast_to(d, part.shape))
                    numbers.append(n)
                else:
                    shape = shape_of(part)
                    directions.append(np.zeros(shape, int))
                    numbers.append(np.zeros(shape, tangents[0].dtype))
            terms.append((primitive.bind(tuple(directions), params), primitive.bind(tuple(numbers), params)))
        return SparseTangents(tangents[0].size, terms)

    def collected(self, places: Any, shape: tuple[int, ...]) -> DenseTangents | None:
        """Return the tangents of sums: each element goes to a flat place, or all to one, in a result of a shape.

        They are None where the numbers are no plain arrays.
        """
        count = prod(shape)
        whole = np.zeros(self.size * count, self.dtype)
        for directions, numbers in self.terms:
            if not is_at_hand(numbers):
                return None
            if directions.shape != self.shape:
                directions = np.broadcast_to(directions, self.shape)
            places_of_all = directions if count == 1 else directions * count + places
            np.add.at(whole, places_of_all.reshape(-1), numbers.reshape(-1))
        return DenseTangents(whole.reshape((self.size, *shape)))

    def multiplying(self, columns: Any) -> DenseTangents | None:
        """Return the tangents of the product of a matrix and the value, a vector, if each element has one of its own.

        ``columns`` are those of the matrix as rows, each of which an element's number multiplies: there is nothing to
        sum. Where elements share directions the result is None.
        """
        (directions, numbers), *others = self.terms
        n = self.shape[0]
        if others or not n or directions.shape != (n,):
            return None
        first = int(directions[0])
        if not np.array_equal(directions, np.arange(first, first + n)):
            return None
        rows = columns * numbers.reshape((n, *(1,) * (columns.ndim - 1)))
        if n < self.size:
            rows = np.pad(rows, ((first, self.size - first - n), *((0, 0),) * (rows.ndim - 1)))
        return DenseTangents(rows)

    def dense(self) -> DenseTangents:
        """Return the same tangents with all their zeros."""
        return DenseTangents(self.array())

    def own(self, start: int) -> Any:
        """Return of each element the tangent of its own number, counted from ``start``."""
        elements = np.arange(start, start + prod(self.shape)).reshape(self.shape)
        parts = [np.where(directions == elements, numbers, 0)[()] for directions, numbers in self.terms]
        return sum(parts[1:], start=parts[0])

    def array(self, last: bool = False) -> Any:
        """Return all tangents, along a new first axis, or along a new last one."""
        shape, size = self.shape, self.size
        for _, numbers in self.terms:
            if not is_at_hand(numbers):
                parts = [_where_heard(d, numbers, size, last) for d, numbers in self.terms]
                return sum(parts[1:], start=parts[0])
        count = prod(shape)
        whole = np.zeros(size * count, self.dtype)
        elements = np.arange(0, size * count, size) if last else np.arange(count)
        empty = True
        for directions, numbers in self.terms:
            if directions.shape != shape:
                directions = np.broadcast_to(directions, shape)
            directions = directions.reshape(-1)
            places = elements + (directions if last else directions * count)
            if empty:
                whole[places] = numbers.reshape(-1)
            else:
                whole[places] += numbers.reshape(-1)
            empty = False
        return whole.reshape((*shape, size) if last else (size, *shape))

    def _is_worth_it(self) -> bool:
        """Say whether operations on all terms take less time than on all tangents as one array."""
        numbers: int = self.size * prod(self.shape)
        return len(self.terms) <= min(MOST_TERMS, numbers // NUMBERS_OF_A_TERM)

    def _broadcast(self, shape: tuple[int, ...]) -> SparseTangents:
        return SparseTangents(self.size, [(d, np.broadcast_to(numbers, shape)) for d, numbers in self.terms])


Tangents: TypeAlias = DenseTangents | SparseTangents


class Moves:
    """Remembers how directions were moved, so that the same operation on the same directions gives the same object."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, str], tuple[Any, Any]] = {}

    def __call__(self, primitive: Primitive, directions: Any, params: Params) -> Any:
        """Apply a primitive that moves elements to directions."""
        key = id(primitive), id(directions), repr(params)  # a slice has no hash
        found = self._known.get(key)
        if found is None:
            moved = primitive.function(directions, *params)
            found = self._known[key] = moved, directions  # with the directions, whose id must stay theirs
        return found[0]


def aligned(t: Any, rank: int) -> Any:
    """Give an array of tangents of a value of a lower rank axes of length one behind axis 0."""
    missing = rank + 1 - t.ndim
    return t if missing <= 0 else np.reshape(t, (t.shape[0], *(1,) * missing, *t.shape[1:]))


def _where_heard(directions: Any, numbers: Any, size: int, last: bool) -> Any:
    """Return the tangents of one term of an array that cannot be assigned to, such as a tracer."""
    directions = np.broadcast_to(directions, shape_of(numbers))
    every = np.arange(size)
    if last:
        return np.where(directions[..., None] == every, numbers[..., None], 0)
    return np.where(directions == every.reshape(size, *(1,) * directions.ndim), numbers, 0)
