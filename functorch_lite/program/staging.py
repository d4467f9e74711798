"""Staging: a function runs once on real values, and every operation on staged ones is written down as an equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params, Primitive
from functorch_lite.core.tape import dtype_or_type
from functorch_lite.core.trace import Trace, Tracer
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable
from functorch_lite.transforms.arguments import call, returned

__all__ = ["Staged", "StagingTrace", "representative", "stage"]

_new = object.__new__

#: Operations whose results have shapes that depend on values.
_SHAPED_BY_VALUE = frozenset({"nonzero", "argwhere", "flatnonzero", "unique", "count"})


class Staged(ArrayTracer):
    """A value of the program that is being recorded."""

    __slots__ = ("variable",)

    variable: Variable

    def __bool__(self) -> NoReturn:  # noqa: PLE0304 - it always raises
        self._refuse("the truth", "np.where(condition, a, b), or ft.cond")

    def __index__(self) -> NoReturn:  # noqa: PLE0305 - it always raises
        self._refuse("an index", "fnp.take(table, i) (import functorch_lite.numpy as fnp)")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if dtype is None and self.dtype.kind not in "fc":
            self._refuse("an index or a mask", "fnp.take(table, i), or np.where(mask, a, b)")
        return super().__array__(dtype, copy)

    def __repr__(self) -> str:
        return f"Staged({self._described()})"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def _refuse(self, what: str, remedy: str) -> NoReturn:
        self._trace.touch(f"Python asked for {what}")
        raise TypeError(
            f"at {user_line()} Python asked for {what} of a {self._described()} under jit, which records the function "
            f"once for all values. Write {remedy}; or make the argument static (static_argnums)."
        )


class StagingTrace(Trace):
    """Record equations."""

    transformation = "jit"

    def __init__(self) -> None:
        super().__init__()
        self.equations: list[Equation] = []
        #: Arrays that the function closes over, with what holds them: by identity.
        self.constants: dict[int, tuple[Any, Variable]] = {}
        #: Values traced by older traces (and tensors) that it closes over.
        self.captured: dict[int, tuple[Any, Variable]] = {}

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if isinstance(primitive, JointPrimitive) and primitive.is_inlined:
            return primitive.function(arrays, *params)
        if primitive.name in _SHAPED_BY_VALUE:
            raise TypeError(
                f"np.{primitive.name} at {user_line()} under jit: the shape of its result depends on values, and a "
                f"program is recorded once for all values. Use np.where(mask, x, 0), or call it outside of jit."
            )
        values = tuple(a.value if type(a) is Staged and a._trace is self else representative(a) for a in arrays)
        ans = primitive.bind(values, params)
        outputs = ans if type(ans) is tuple else (ans,)
        variables = tuple(Variable(np.shape(y), dtype_or_type(y)) for y in outputs)
        self.equations.append(Equation(primitive, tuple(map(self.atom, arrays)), params, variables, user_line()))
        staged = tuple(map(self.staged, outputs, variables))
        return staged if type(ans) is tuple else staged[0]

    def staged(self, value: Any, variable: Variable) -> Staged:
        """Return a value of the program."""
        result = _new(Staged)
        result._trace = self
        result.value = value
        result.variable = variable
        return result

    def atom(self, operand: Any) -> Atom:
        """Return what stands for an operand in the program."""
        if type(operand) is Staged and operand._trace is self:
            return operand.variable
        if isinstance(operand, Tracer):
            return self._held(self.captured, operand, operand)
        if not hasattr(operand, "dtype"):
            return Literal(operand)
        return self._held(self.constants, operand, np.array(operand))

    def _held(self, table: dict[int, tuple[Any, Variable]], operand: Any, kept: Any) -> Variable:
        entry = table.get(id(operand))
        if entry is None:
            variable = Variable(np.shape(operand), operand.dtype)
            # The operand itself is held too, so that its identity is not given to another.
            table[id(operand)] = entry = ((operand, kept), variable)
        return entry[1]


def stage(function: Callable[..., Sequence[Any]], values: Sequence[Any], name: str = "f") -> tuple[Program, list[Any]]:
    """Record a function of leaves that returns leaves.

    Parameters
    ----------
    function
        Called as ``function(*leaves)``.
    values
        Real arrays and Python numbers, of which only shapes and dtypes enter the program.
    name
        The program's.

    Returns
    -------
    program, captured
        The program takes the leaves, and behind them the captured values: tracers and tensors that the function closed
        over.
    """
    trace = StagingTrace()
    inputs = [Variable(np.shape(v), dtype_or_type(v)) for v in values]
    staged = [trace.staged(v, variable) for v, variable in zip(values, inputs, strict=True)]
    leaves = [returned(y, trace) for y in call(function, staged, {}, trace)]
    outputs = tuple(map(trace.atom, leaves))
    trace.close()
    captured = [kept for (_, kept), _ in trace.captured.values()]
    inputs += [variable for _, variable in trace.captured.values()]
    constants = {variable: kept for (_, kept), variable in trace.constants.values()}
    return Program(tuple(inputs), tuple(trace.equations), outputs, constants, name), captured


def representative(x: Any) -> Any:
    """Return a raw value of a traced value's shape and dtype, to record with."""
    while isinstance(x, Tracer):
        shape, dtype = x.shape, x.dtype  # type: ignore[attr-defined]
        x = x.value
        if not isinstance(x, Tracer) and np.shape(x) != shape:  # a batch: any example does
            return x[0] if len(x) else np.zeros(shape, dtype)
        if isinstance(x, Tracer) and x.shape != shape:  # type: ignore[attr-defined]
            return np.zeros(shape, dtype)
    return x
