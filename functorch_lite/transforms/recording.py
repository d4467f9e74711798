"""Recording: a linear function run once as a list of operations, the traced values that it closes over made explicit.

What a user gives as a linear operator may close over values that outer transformations watch. Run again from the
record, the function takes these as arguments, so that they can be differentiated and batched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from functorch_lite.core.errors import user_line
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params, Primitive
from functorch_lite.core.trace import Trace, Tracer
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.transforms.arguments import call, returned

__all__ = ["Record", "record"]

#: Where an operand comes from: the list of variables, that of captured values, or the record itself.
_VARIABLE, _CAPTURED, _LITERAL = range(3)
_Place: TypeAlias = tuple[int, Any]

_new = object.__new__


class Record:
    """The operations of one run of a function of leaves.

    Parameters
    ----------
    steps
        One ``(primitive, operands, params)`` an operation; its results are the next variables.
    results
        Where the results of the function are.
    captured
        The traced values that the function closes over.
    """

    def __init__(
        self, steps: list[tuple[Primitive, list[_Place], Params]], results: list[_Place], captured: list[Any]
    ) -> None:
        self.steps, self.results, self.captured = steps, results, tuple(captured)

    def __call__(self, captured: Sequence[Any], leaves: Sequence[Any]) -> Arrays:
        """Run the operations again, on other captured values and other arguments."""
        variables = list(leaves)

        def found(place: _Place) -> Any:
            source, key = place
            return variables[key] if source == _VARIABLE else captured[key] if source == _CAPTURED else key

        for primitive, operands, params in self.steps:
            ans = primitive.bind(tuple(map(found, operands)), params)
            variables.extend(ans if type(ans) is tuple else (ans,))
        return tuple(map(found, self.results))


def record(f: Callable[..., Sequence[Any]], leaves: Sequence[Any], name: str) -> Record:
    """Run a linear function of leaves, which returns leaves, and record it under a name for errors.

    What it does not do on its arguments runs once.

    Raises
    ------
    ValueError
        If an operation is not linear in what depends on the arguments.
    """
    trace = _RecordTrace(name)
    out = call(f, [trace.variable(x) for x in leaves], {}, trace)
    results = [trace.place(returned(y, trace)) for y in out]
    trace.close()
    return Record(trace.steps, results, trace.captured)


class _Variable(ArrayTracer):
    """A value of the recorded run, with its number among the variables."""

    __slots__ = ("index",)

    index: int


class _RecordTrace(Trace):
    transformation = "the recording of a linear function"
    is_concrete = False

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.count = 0
        self.steps: list[tuple[Primitive, list[_Place], Params]] = []
        self.captured: list[Any] = []
        self.positions: dict[int, int] = {}

    def variable(self, value: Any) -> _Variable:
        result = _new(_Variable)
        result._trace = self
        result.value = value
        result.index = self.count
        self.count += 1
        return result

    def place(self, value: Any) -> _Place:
        if not isinstance(value, Tracer):
            return _LITERAL, value
        if value._trace is self:
            return _VARIABLE, value.index  # type: ignore[attr-defined]
        if id(value) not in self.positions:
            self.positions[id(value)] = len(self.captured)
            self.captured.append(value)
        return _CAPTURED, self.positions[id(value)]

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if primitive.is_inlined:
            return primitive.function(arrays)
        active, values = self.unwrapped(arrays)
        ans = primitive.bind(values, params)
        if not primitive.differentiable:
            return ans
        if not isinstance(primitive, JointPrimitive) and not primitive.is_linear_in(active):
            raise ValueError(
                f"{self.name} is not linear: {primitive.name} is applied at {user_line()} to what depends on the "
                f"argument, in which it is not linear"
            )
        self.steps.append((primitive, list(map(self.place, arrays)), params))
        return tuple(map(self.variable, ans)) if type(ans) is tuple else self.variable(ans)
