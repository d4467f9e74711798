"""Truncated power series in the place of numbers: the engine of Taylor mode.

A `Series` carries a value and the coefficients of its Taylor polynomial. Each operation finds the k-th coefficient of
its result from coefficients up to the k-th of its arguments, so order n costs O(n²) operations, or O(n³) where a rule
calls its own kind, and not 2ⁿ as n nested derivatives do. What makes one mechanism of all operations is that
coefficients are computed when they are asked for: an operation without a formula of its own obeys the differential
equation ``y' = J(x, y) x'`` that its forward rule states, and the rule is evaluated once, on series of which ``y`` is
not known yet.

Sources: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 13; McIlroy, "Power Series, Power Serious", J.
Functional Programming 9 (1999), for the laziness.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.calculus.cumulative import recurrence
from functorch_lite.calculus.linalg_solve import solve, solve_all
from functorch_lite.calculus.matrices import over_gaps, over_values
from functorch_lite.calculus.norms import over_norm
from functorch_lite.core.primitive import PRIMITIVES, Arrays, General, JointPrimitive, Params, Primitive
from functorch_lite.core.trace import Trace
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.transforms.arguments import is_inexact
from functorch_lite.transforms.forward import projected

__all__ = ["Series", "TaylorTrace"]

#: From an order to a coefficient.
Function: TypeAlias = Callable[[int], Any]

#: From a trace, the arguments, the parameters and the list that will hold the result.
Special: TypeAlias = Callable[["TaylorTrace", Arrays, Params, list[Any]], Function]

_new = object.__new__


class Series(ArrayTracer):
    """A value of Taylor mode: the coefficient of order zero, and those of higher orders as far as they are known."""

    __slots__ = ("coefficient", "known")

    #: The coefficients from the first on, divided by factorials; None is a structural zero.
    known: list[Any]
    #: Gives the coefficient of an order, when all lower ones are known; None when all that will be asked for are.
    coefficient: Function | None

    def term(self, k: int) -> Any:
        """Return the coefficient of order ``k``, in the shape and dtype of the value; None if it is zero."""
        if k == 0:
            return self.value
        known = self.known
        while len(known) < k:
            assert self.coefficient is not None
            c = self.coefficient(len(known) + 1)
            known.append(c if c is None else projected(c, self.value))
        return known[k - 1]


class TaylorTrace(Trace):
    """Propagate truncated power series through each operation."""

    transformation = "Taylor mode (jet, derivative, laplacian)"

    def __init__(self, order: int) -> None:
        super().__init__()
        self.order = order
        #: Positive while a forward rule runs on series whose coefficients cannot be asked for yet.
        self.deferring = 0
        #: The series of those rules. They refer to what refers to them, until they are told to forget it.
        self.deferred: list[Series] = []

    def series(self, value: Any, coefficient: Function | None) -> Series:
        """Return a series of this trace, given how to find each coefficient."""
        result = _new(Series)
        result._trace = self
        result.value = value
        result.known = []
        result.coefficient = coefficient
        if self.deferring:
            self.deferred.append(result)
        return result

    def settle(self, results: Sequence[Any]) -> None:
        """Compute all coefficients of results, unless it is too early; then what they came from can be forgotten."""
        if self.deferring:
            return
        mine = [y for y in results if isinstance(y, Series) and y._trace is self]
        for series in mine:
            series.term(self.order)
        for series in (*mine, *self.deferred):
            series.coefficient = None
        self.deferred.clear()

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if primitive.is_inlined:
            return primitive.function(arrays)
        active, values = self.unwrapped(arrays)
        ans = primitive.bind(values, params)
        if not primitive.differentiable:
            return ans
        results: list[Any] = []
        special = SPECIAL.get(primitive)
        if primitive.is_linear_in(active):
            coefficient = _linear(primitive, arrays, active, ans, values, params)
        elif special is not None:
            coefficient = special(self, arrays, params, results)
        elif _is_multilinear(primitive, active):
            coefficient = _product(primitive, arrays, active, params)
        else:
            coefficient = self._by_its_slope(primitive, arrays, active, params, results, type(ans) is tuple)
        if type(ans) is not tuple:
            results.append(self.series(ans, coefficient))
            self.settle(results)
            return results[0]
        together = _remembered(coefficient)

        def of_output(i: int) -> Function:
            return lambda k: None if (c := together(k)) is None else c[i]

        results += [self.series(y, of_output(i)) if is_inexact(y) else y for i, y in enumerate(ans)]
        self.settle(results)
        return tuple(results)

    def slope(self, x: Series) -> Series:
        """Return the derivative of a series with respect to its variable."""
        first = x.term(1)

        def coefficient(k: int) -> Any:
            c = x.term(k + 1)
            return None if c is None else (k + 1) * c

        return self.series(np.zeros_like(x.value) if first is None else first, coefficient)

    def term(self, x: Any, k: int) -> Any:
        """Return a coefficient of a value that is a series of this trace or a constant."""
        if isinstance(x, Series) and x._trace is self:
            return x.term(k)
        return None if k else x

    def _by_its_slope(
        self,
        primitive: Primitive,
        arrays: Arrays,
        active: Sequence[int],
        params: Params,
        results: list[Any],
        multiple: bool,
    ) -> Function:
        """Find coefficients by the differential equation that the forward rule states for the result."""
        pushed: list[Any] = []

        def coefficient(k: int) -> Any:
            if not pushed:
                self.deferring += 1
                try:
                    slopes = [self.slope(a) if i in active else None for i, a in enumerate(arrays)]
                    if isinstance(primitive, JointPrimitive):
                        pushed.append(primitive.forward(arrays, slopes)[1])
                    else:
                        pushed.append(
                            primitive.push(slopes, tuple(results) if multiple else results[0], arrays, params)
                        )
                finally:
                    self.deferring -= 1
            parts = pushed[0] if multiple else (pushed[0],)
            terms = [None if (c := self.term(part, k - 1)) is None else c / k for part in parts]
            return terms if multiple else terms[0]

        return coefficient


# --- Operations with a formula of their own ---------------------------------------------------------------------------


def _linear(
    primitive: Primitive, arrays: Arrays, active: Sequence[int], ans: Any, values: Arrays, params: Params
) -> Function:
    """A linear operation applies to each coefficient."""

    def coefficient(k: int) -> Any:
        terms = [a.term(k) if i in active else None for i, a in enumerate(arrays)]
        return None if all(t is None for t in terms) else primitive.push(terms, ans, values, params)

    return coefficient


def _is_multilinear(primitive: Primitive, active: Sequence[int]) -> bool:
    if not isinstance(primitive, General):
        return primitive in _MULTIPLICATIONS
    return all((rule := primitive.rule(i)) is not None and rule.linear for i in active)


def _product(primitive: Primitive, arrays: Arrays, active: Sequence[int], params: Params) -> Function:
    """An operation that is linear in each argument alone: Cauchy's product."""

    def coefficient(k: int) -> Any:
        total = None
        for orders in _compositions(k, len(active)):
            factors = list(arrays)
            for i, order in zip(active, orders, strict=True):
                factors[i] = arrays[i].term(order)
            if all(factors[i] is not None for i in active):
                total = _sum(total, primitive.bind(tuple(factors), params))
        return total

    return coefficient


def _compositions(k: int, count: int) -> Iterator[tuple[int, ...]]:
    """Give the ways to write ``k`` as the sum of ``count`` numbers in order."""
    if count == 1:
        yield (k,)
        return
    for first in range(k + 1):
        for rest in _compositions(k - first, count - 1):
            yield (first, *rest)


def _quotient(divide: Callable[..., Any], times: Callable[..., Any], first: int = 0) -> Special:
    """Operations that undo a product, from ``b y = a``: ``y[k] = (a[k] - Σ b[j] y[k-j]) / b[0]``, the sum over j > 0.

    ``divide(total, b, *params)`` is the operation itself, ``times(b, y, *params)`` the product, ``first`` the position
    of ``a``.
    """

    def rule(trace: TaylorTrace, arrays: Arrays, params: Params, results: list[Any]) -> Function:
        a, b = arrays[first], arrays[1 - first]

        def coefficient(k: int) -> Any:
            total = trace.term(a, k)
            for j in range(1, k + 1):
                factor, y = b.term(j), results[0].term(k - j)
                if factor is not None and y is not None:
                    product = times(factor, y, *params)
                    total = -product if total is None else total - product
            return None if total is None else divide(total, b.value, *params)

        return coefficient

    return rule


def _times(factor: Any, y: Any, *params: Any) -> Any:
    return factor * y


def _times_gaps(values: Any, y: Any, cause: str) -> Any:
    return (values[..., None, :] - values[..., :, None]) * y


def _times_previous(a: Any, y: Any, axis: int, reverse: bool) -> Any:
    """Return the product that `recurrence` undoes, as far as it depends on the coefficients ``a``."""
    y = np.moveaxis(y, axis, 0)
    edge = np.zeros_like(y[:1])
    previous = np.concatenate([y[1:], edge] if reverse else [edge, y[:-1]])
    return -a * np.moveaxis(previous, 0, axis)


def _paired(partner: np.ufunc, own: int, others: int) -> Special:
    """y' = ± z x' and z' = ± y x', for the sine with the cosine and their hyperbolic relatives."""

    def rule(trace: TaylorTrace, arrays: Arrays, params: Params, results: list[Any]) -> Function:
        (x,) = arrays
        z = trace.series(partner(x.value), lambda k: _integrated_product(x, results[0], k, others))
        return lambda k: _integrated_product(x, z, k, own)

    return rule


def _integrated_product(x: Series, z: Series, k: int, sign: int) -> Any:
    """Return the coefficient of order ``k`` of the integral of ``± z x'``."""
    total = None
    for j in range(1, k + 1):
        slope, factor = x.term(j), z.term(k - j)
        if slope is not None and factor is not None:
            total = _sum(total, j * (slope * factor))
    return None if total is None else total / (sign * k)


def _sum(total: Any, term: Any) -> Any:
    return term if total is None else total + term


def _remembered(coefficient: Function) -> Function:
    """Return a function of the order that computes each coefficient once."""
    return lru_cache(maxsize=None)(coefficient)


_MULTIPLICATIONS = {PRIMITIVES[np.multiply], PRIMITIVES[operator.mul]}

#: The operations with a formula of their own, where they are not linear in what is traced.
SPECIAL: dict[Primitive, Special] = {
    PRIMITIVES[np.divide]: _quotient(operator.truediv, _times),
    PRIMITIVES[operator.truediv]: _quotient(operator.truediv, _times),
    PRIMITIVES[np.sin]: _paired(np.cos, 1, -1),
    PRIMITIVES[np.cos]: _paired(np.sin, -1, 1),
    PRIMITIVES[np.sinh]: _paired(np.cosh, 1, 1),
    PRIMITIVES[np.cosh]: _paired(np.sinh, 1, 1),
    solve: _quotient(lambda total, a: solve_all(a, total), operator.matmul, first=1),
    over_gaps: _quotient(over_gaps, _times_gaps),
    over_values: _quotient(over_values, _times),
    over_norm: _quotient(over_norm, _times),
    recurrence: _quotient(lambda total, a, *params: recurrence(a, total, *params), _times_previous, first=1),
}
