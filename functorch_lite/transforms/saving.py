"""Intermediate results that a checkpoint saves after all, as its policy says.

On the way forward a `SavingTrace` numbers the operations and keeps the results that the policy names. When the function
runs again, a `ReplayTrace` numbers them in the same way, and an operation whose result was kept is recorded on the tape
without being computed.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from functorch_lite.core.primitive import Arrays, JointPrimitive, Params, Primitive
from functorch_lite.core.trace import Trace, Tracer
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.transforms.arguments import is_inexact, returned

__all__ = ["ReplayTrace", "SavingTrace"]

_new = object.__new__


class Numbered(ArrayTracer):
    """A value of a checkpointed function, whose operations are numbered."""

    __slots__ = ()


class SavingTrace(Trace):
    """Perform each operation below, and keep its result if the policy says so."""

    transformation = "checkpointing (ft.checkpoint with a policy)"

    def __init__(self, policy: Callable[[str], bool]) -> None:
        super().__init__()
        self.policy = policy
        self.count = 0
        #: The results that were kept, by the number of the operation.
        self.saved: dict[int, Any] = {}

    def run(self, function: Callable[[Arrays], Arrays], values: Arrays) -> Arrays:
        """Run a function on values of this trace, and return what its results stand for; the trace ends."""
        try:
            outputs = function(tuple(map(self._numbered, values)))
            return tuple(self._below(returned(y, self)) for y in outputs)
        finally:
            self.close()

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if primitive.is_inlined:
            return primitive.function(arrays)
        values = tuple(map(self._below, arrays))
        if not primitive.differentiable:
            return primitive.bind(values, params)
        ans = self._apply(self.count, primitive, values, params)
        self.count += 1
        return tuple(map(self._numbered, ans)) if type(ans) is tuple else self._numbered(ans)

    def _apply(self, number: int, primitive: Primitive, values: Arrays, params: Params) -> Any:
        ans = primitive.bind(values, params)
        if not isinstance(primitive, JointPrimitive) and self.policy(primitive.name):
            self.saved[number] = ans
        return ans

    def _numbered(self, x: Any) -> Any:
        if not is_inexact(x):
            return x
        result = _new(Numbered)
        result._trace = self
        result.value = x
        return result

    def _below(self, x: Any) -> Any:
        return x.value if isinstance(x, Tracer) and x._trace is self else x


class ReplayTrace(SavingTrace):
    """Perform each operation below, except those whose results were kept.

    Parameters
    ----------
    saved
        The results, by the number of the operation.
    oldest
        The number from which on traces are those of the inner differentiation; older ones have seen the results made.
    """

    def __init__(self, saved: dict[int, Any], oldest: int) -> None:
        super().__init__(lambda name: False)
        self.saved = saved
        self.oldest = oldest

    def _apply(self, number: int, primitive: Primitive, values: Arrays, params: Params) -> Any:
        if number not in self.saved:
            return primitive.bind(values, params)
        return _known(primitive, self.saved[number], self.oldest).bind(values, params)


def _known(primitive: Primitive, ans: Any, oldest: int) -> Primitive:
    """Return the primitive for one application of which the result is known; only young traces take notice of it."""

    def function(*args: Any) -> Any:
        return ans

    def bind(arrays: Arrays, params: Params) -> Any:
        traces = [a._trace for a in arrays if isinstance(a, Tracer) and a._trace.number >= oldest]
        if not traces:
            return ans
        return max(traces, key=lambda trace: trace.number).process(known, arrays, params)

    known: Any = copy(primitive)
    known.function, known.bind = function, bind
    return known  # type: ignore[no-any-return]
