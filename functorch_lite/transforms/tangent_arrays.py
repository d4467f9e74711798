"""Many tangents of one value, with the operators that the rules of elementwise operations apply to a tangent.

`DenseTangents` are an array with the tangents along a new axis 0. `SparseTangents` hold, for each element, the few in
which it is not zero: those of an input are the basis, where each element has one. Elementwise operations scale what an
element has, and indexing, reshaping and the like move it about; so the Jacobian of a function made of these takes time
in proportion to its entries, and nothing is multiplied by a zero. Source: Griewank and Walther, *Evaluating
Derivatives* (2008), chapter 7 (sparse derivative vectors).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.core.numbering import in_order
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.core.primitive import Linear, Params, Primitive
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.arguments import dtype_of
from functorch_lite.transforms.directions import Directions, Scattered, Space
from functorch_lite.transforms.forward import projected

__all__ = ["DenseTangents", "SparseTangents", "Tangents", "aligned", "as_tangents"]

#: With so many terms an array is sparse even if it is small, and with no more than so many even if it is large.
FEW_TERMS, MOST_TERMS = 6, 64
#: An operation on so many numbers takes as long as one on each term of a small array.
NUMBERS_OF_A_TERM = 1024


#: A term of which the directions are in one line: their first one and the step, from which of the numbers to which they
#: are in the space, and the numbers.
Line: TypeAlias = tuple[int, int, int, int, Any]


class DenseTangents:
    """Tangents along axis 0 of an array; ``shape`` and ``dtype`` are those of the value."""

    __slots__ = ("array", "dtype", "shape")

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = array.shape[1:]
        self.dtype = array.dtype

    def __mul__(self, factor: Any) -> DenseTangents:
        return DenseTangents(aligned(self.array, getattr(factor, "ndim", 0)) * factor)

    def __truediv__(self, divisor: Any) -> DenseTangents:
        return DenseTangents(aligned(self.array, getattr(divisor, "ndim", 0)) / divisor)

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

    Terms of equal directions are added up; what else they may have in common is not looked at.

    Parameters
    ----------
    space
        The space of the directions.
    terms
        `Directions`, each with an array of the value's shape.
    """

    __slots__ = ("dtype", "shape", "space", "terms")

    def __init__(self, space: Space, terms: Sequence[tuple[Directions, Any]]) -> None:
        self.space = space
        self.terms = terms
        first = terms[0][1]
        self.shape = first.shape
        self.dtype = first.dtype

    @classmethod
    def basis(cls, x: Any, start: int, space: Space) -> SparseTangents:
        """Return an array's part of the standard basis of a space of which it is the elements from ``start`` on."""
        shape = shape_of(x)
        ones = np.empty(shape, dtype_of(x))
        ones.fill(1)
        return cls(space, [(in_order(shape, start), ones)])

    def __mul__(self, factor: Any) -> SparseTangents:
        terms = []
        for directions, numbers in self.terms:
            terms.append((directions, numbers * factor))
        return SparseTangents(self.space, terms)

    def __truediv__(self, divisor: Any) -> SparseTangents:
        return SparseTangents(self.space, [(d, numbers / divisor) for d, numbers in self.terms])

    def __neg__(self) -> SparseTangents:
        return SparseTangents(self.space, [(d, -numbers) for d, numbers in self.terms])

    def __sub__(self, other: Tangents) -> Tangents:
        return self._combined(other, operator.sub, operator.neg)

    def __add__(self, other: Tangents) -> Tangents:
        return self._combined(other, operator.add, None)

    def _combined(
        self, other: Tangents, combine: Callable[[Any, Any], Any], alone: Callable[[Any], Any] | None
    ) -> Tangents:
        """Return the sum or the difference with other tangents; ``alone`` is applied to terms of theirs only."""
        if isinstance(other, DenseTangents):
            return combine(self.dense(), other)  # type: ignore[no-any-return]
        if self.shape != other.shape:
            shape = np.broadcast_shapes(self.shape, other.shape)
            return self._broadcast(shape)._combined(other._broadcast(shape), combine, alone)
        terms = [*self.terms]
        for directions, numbers in other.terms:
            for k, (own, term) in enumerate(terms):
                if own == directions:
                    terms[k] = own, combine(term, numbers)
                    break
            else:
                terms.append((directions, numbers if alone is None else alone(numbers)))
        result = SparseTangents(self.space, terms)
        return result if len(terms) <= FEW_TERMS or result._is_worth_it() else result.dense()

    def fitted(self, ans: Any) -> SparseTangents:
        """Return the tangents in the shape and dtype that go with a value."""
        return SparseTangents(self.space, [(d, projected(numbers, ans)) for d, numbers in self.terms])

    def moved(self, primitive: Linear, params: Params) -> SparseTangents:
        """Apply a primitive that moves elements."""
        moved, shape, function = self.space.moved, self.shape, primitive.function
        terms = []
        for directions, numbers in self.terms:
            ahead = moved(directions, shape, primitive, params)
            if isinstance(numbers, Tracer):
                terms.append((ahead, primitive.bind((numbers,), params)))
            else:
                terms.append((ahead, function(numbers, *params)))
        return SparseTangents(self.space, terms)

    @staticmethod
    def joined(parts: Sequence[Any], primitive: Primitive, params: Params) -> SparseTangents:
        """Apply a primitive that joins arrays: each part is `SparseTangents`, or an array whose tangents are zero."""
        tangents = [part for part in parts if type(part) is SparseTangents]
        space = tangents[0].space
        terms = []
        for k in range(max(len(t.terms) for t in tangents)):
            directions, numbers = [], []
            for part in parts:
                if type(part) is SparseTangents and k < len(part.terms):
                    d, n = part.terms[k]
                    directions.append(space.array(d, part.shape))
                    numbers.append(n)
                else:
                    shape = shape_of(part)
                    directions.append(np.zeros(shape, int))
                    numbers.append(np.zeros(shape, tangents[0].dtype))
            joined = Scattered(primitive.bind(tuple(directions), params))
            terms.append((joined, primitive.bind(tuple(numbers), params)))
        return SparseTangents(space, terms)

    def collected(self, places: Any, shape: tuple[int, ...]) -> Any:
        """Return all tangents of sums: each element goes to a flat place, or all to one, in a result of a shape.

        They are None where the numbers are no plain arrays.
        """
        count, space = prod(shape), self.space
        whole = np.zeros(space.size * count, self.dtype)
        for directions, numbers in self.terms:
            if not is_at_hand(numbers):
                return None
            numbers = numbers.reshape(-1)
            line = space.in_line(directions, self.shape) if count == 1 else None
            if line is not None and line[1] > 0:
                first, step, start, stop = line
                whole[first + step * start : first + step * stop : step] += numbers[start:stop]
                continue
            array = space.array(directions, self.shape)
            np.add.at(whole, (array if count == 1 else array * count + places).reshape(-1), numbers)
        return whole.reshape((space.size, *shape))

    def add_product(self, other: SparseTangents, factor: Any, whole: Any) -> bool:
        """Add to a flat matrix the products of these tangents with others, times a factor, summed over the elements.

        The rows are the directions of these. If a number is not at hand, or directions are not in one line, nothing is
        added and False returned.
        """
        lines, other_lines = self._in_lines(), other._in_lines()
        if lines is None or other_lines is None:
            return False
        for other_line in other_lines:
            weighed = other_line[4] * factor
            for line in lines:
                self._add_line(line, other_line, line[4] * weighed, whole)
        return True

    def add_square(self, weights: Any, whole: Any) -> bool:
        """Do what `add_product` does with these tangents themselves, of which the products are symmetric."""
        lines = self._in_lines()
        if lines is None:
            return False
        add = self._add_line
        for k, line in enumerate(lines):
            weighed = line[4] * weights
            add(line, line, line[4] * weighed, whole)
            for other in lines[:k]:
                product = other[4] * weighed
                add(line, other, product, whole)
                add(other, line, product, whole)
        return True

    def _add_line(self, line: Line, other: Line, product: Any, whole: Any) -> None:
        """Add the products of two terms' numbers to a flat matrix, whose rows are the first one's directions."""
        first, step, low, high, _ = line
        column, other_step, start, stop, _ = other
        if low < start:
            low = start
        if high > stop:
            high = stop
        if product.ndim != 1:
            product = product.reshape(-1)
        if high - low != product.size:
            product = product[low:high]
        size = self.space.size
        step = step * size + other_step
        first = first * size + column + step * low
        if step > 0:
            part = whole[first : first + step * product.size : step]
            part += product
        elif step < 0:
            last = first + step * (product.size - 1)
            part = whole[last : first + 1 : -step]
            part += product[::-1]
        elif low < high:
            whole[first] += np.add.reduce(product)

    def _in_lines(self) -> list[Line] | None:
        """Return the terms with their directions as lines; None if a number is not at hand or there is no line."""
        in_line, shape = self.space.in_line, self.shape
        lines = []
        for directions, numbers in self.terms:
            line = in_line(directions, shape)
            if line is None or not is_at_hand(numbers):
                return None
            lines.append((*line, numbers))
        return lines

    def multiplying(self, columns: Any) -> DenseTangents | None:
        """Return the tangents of the product of a matrix and the value, a vector, if each element has one of its own.

        ``columns`` are those of the matrix as rows, each of which an element's number multiplies: there is nothing to
        sum. Where elements share directions the result is None.
        """
        (directions, numbers), *others = self.terms
        (n,), size = self.shape, self.space.size
        line = None if others or not n else self.space.in_line(directions, self.shape)
        if line is None or line[1] != 1 != n or line[2:] != (0, n):
            return None
        first = line[0]
        rows = columns * numbers.reshape((n, *(1,) * (columns.ndim - 1)))
        if n < size:
            rows = np.pad(rows, ((first, size - first - n), *((0, 0),) * (rows.ndim - 1)))
        return DenseTangents(rows)

    def dense(self) -> DenseTangents:
        """Return the same tangents with all their zeros."""
        return DenseTangents(self.array())

    def own(self, start: int) -> Any:
        """Return of each element the tangent of its own number, counted from ``start``."""
        own = in_order(self.shape, start)
        numbered = self.space.array(own, self.shape)
        parts = [
            numbers if d == own else np.where(self.space.array(d, self.shape) == numbered, numbers, 0)[()]
            for d, numbers in self.terms
        ]
        return sum(parts[1:], start=parts[0])

    def array(self, last: bool = False) -> Any:
        """Return all tangents, along a new first axis, or along a new last one."""
        shape, space = self.shape, self.space
        size = space.size
        for _, numbers in self.terms:
            if not is_at_hand(numbers):
                parts = [_spread_out(space.array(d, shape), numbers, size, last) for d, numbers in self.terms]
                return sum(parts[1:], start=parts[0])
        count = prod(shape)
        whole = np.zeros(size * count, self.dtype)
        element, direction = (size, 1) if last else (1, count)  # what one of each is in the flat whole
        for directions, numbers in self.terms:
            if len(shape) != 1:
                numbers = numbers.reshape(-1)
            line = space.in_line(directions, shape)
            if line is not None and (step := element + line[1] * direction) > 0:
                first, _, start, stop = line
                origin = first * direction
                part = whole[origin + step * start : origin + step * stop : step]
                part += numbers if stop - start == count else numbers[start:stop]
            else:
                places = direction * space.array(directions, shape).reshape(-1)
                places += np.arange(0, element * count, element)
                whole[places] += numbers
        return whole.reshape((*shape, size) if last else (size, *shape))

    def _is_worth_it(self) -> bool:
        """Say whether operations on all terms take less time than on all tangents as one array."""
        numbers: int = self.space.size * prod(self.shape)
        return len(self.terms) <= min(MOST_TERMS, numbers // NUMBERS_OF_A_TERM)

    def _broadcast(self, shape: tuple[int, ...]) -> SparseTangents:
        return SparseTangents(self.space, [(d, np.broadcast_to(numbers, shape)) for d, numbers in self.terms])


Tangents: TypeAlias = DenseTangents | SparseTangents


def as_tangents(t: Any) -> Tangents:
    """Return `SparseTangents` as they are, and an array with the tangents along axis 0 as `DenseTangents`."""
    return t if type(t) is SparseTangents else DenseTangents(t)


def aligned(t: Any, rank: int) -> Any:
    """Give an array of tangents of a value of a lower rank axes of length one behind axis 0."""
    missing = rank + 1 - t.ndim
    return t if missing <= 0 else np.reshape(t, (t.shape[0], *(1,) * missing, *t.shape[1:]))


def _spread_out(directions: Any, numbers: Any, size: int, last: bool) -> Any:
    """Return the tangents of one term of an array that cannot be assigned to, such as a tracer."""
    every = np.arange(size)
    if last:
        return np.where(directions[..., None] == every, numbers[..., None], 0)
    return np.where(directions == every.reshape(size, *(1,) * directions.ndim), numbers, 0)
