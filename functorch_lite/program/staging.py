"""Staging: a function runs once on real values, and every operation on staged ones is written down as an equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn

import numpy as np

from functorch_lite.core.errors import TracerConversionError, user_line
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.tape import dtype_or_type
from functorch_lite.core.trace import ClosedTrace, Trace, Tracer
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.numpy.buffers import Buffer
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable
from functorch_lite.transforms.arguments import call, check_value, returned
from functorch_lite.transforms.structured import Structures, recorded_by, recorder

__all__ = ["Staged", "StagingTrace", "harmless", "representative", "stage"]

_new = object.__new__

#: Operations whose results have shapes that depend on values.
_SHAPED_BY_VALUE = frozenset({"nonzero", "argwhere", "flatnonzero", "unique", "count"})


class Staged(ArrayTracer):
    """A value of the program that is being recorded."""

    __slots__ = ("variable",)

    variable: Variable

    def __bool__(self) -> NoReturn:  # noqa: PLE0304 - it always raises
        self._refuse("the truth", "np.where(condition, a, b), ft.cond or ft.while_loop")

    def __index__(self) -> NoReturn:  # noqa: PLE0305 - it always raises
        self._refuse("an index", "fnp.take(table, i) (import functorch_lite.numpy as fnp)")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if dtype is None and self.dtype.kind not in "fc":
            self._refuse("an index or a mask", "fnp.take(table, i), or np.where(mask, a, b)")
        if dtype is not None and np.dtype(dtype) != object:
            self._refuse("the numbers", "np.stack or np.where instead of writing into a raw array")
        return super().__array__(dtype, copy)

    def __repr__(self) -> str:
        return f"Staged({self._described()})"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def _refuse_conversion(self, name: str) -> NoReturn:
        self._refuse(f"{name}()", "np.sin(x) instead of math.sin(x), np.stack instead of writing into a raw array")

    def _refuse(self, what: str, remedy: str) -> NoReturn:
        if isinstance(self._trace, ClosedTrace):
            self._trace.touch(f"Python asked for {what}")
        raise TracerConversionError(
            f"at {user_line()} Python asked for {what} of a {self._described()} under jit, which records the function "
            f"once for all values. Write {remedy}; or make the argument static (static_argnums)."
        )


class StagingTrace(Trace):
    """Record equations."""

    transformation = "jit"
    is_concrete = False

    #: What keeps loops and branches as such.
    structures: ClassVar[Structures]

    def __init__(self) -> None:
        super().__init__()
        outer = recorder.get()
        self.made: dict[int, Any] = {} if outer is None else outer.made
        self.equations: list[Equation] = []
        #: Arrays that the function closes over, with what holds them: by identity.
        self.constants: dict[int, tuple[Any, Variable]] = {}
        #: Values traced by older traces (and tensors) that it closes over.
        self.captured: dict[int, tuple[Any, Variable]] = {}
        self._superseded: list[tuple[Any, Variable]] = []

    def touch(self, action: str, preposition: str = "of") -> NoReturn:
        """Refuse: what depends on a value here would be recorded for all values."""
        raise TracerConversionError(
            f"{action} at {user_line()} {preposition} a value under jit, which records the function once for all "
            f"values. Write np.where(condition, a, b), ft.cond or ft.while_loop; or make the argument static "
            f"(static_argnums)."
        )

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if primitive.is_inlined:
            return primitive.function(arrays, *params)
        if primitive.word in _SHAPED_BY_VALUE:
            raise TypeError(
                f"np.{primitive.word} at {user_line()} under jit: the shape of its result depends on values, and a "
                f"program is recorded once for all values. Use np.where(mask, x, 0), or call it outside of jit."
            )
        values = tuple(a.value if type(a) is Staged and a._trace is self else representative(a) for a in arrays)
        token = recorder.set(None)  # what it does to raw values is no part of the program
        try:
            ans = primitive.of_raw(values, params)
        except np.linalg.LinAlgError:  # of values that may mean nothing, as in a branch not taken
            ans = primitive.of_raw(tuple(map(_regular, values)), params)
        finally:
            recorder.reset(token)
        outputs = tuple(map(representative, ans if type(ans) is tuple else (ans,)))
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
            known = self.captured.get(id(operand))
            return self._held(self.captured, operand, operand) if known is None else known[1]
        if not hasattr(operand, "dtype"):
            return Literal(operand)
        known = self.constants.get(id(operand))
        if known is not None:
            (_, kept), variable = known
            if _has_bits(operand, kept):
                return variable
            # The function has written into an array of its own between two uses.
            self._superseded.append(self.constants.pop(id(operand)))
        _check_mask(operand)
        return self._held(self.constants, operand, np.array(operand))

    def enclosed(self, x: Any) -> Any:
        """Return what stands in the program for a traced value that its function closes over."""
        if isinstance(x, Buffer) or not x._trace.number:  # what may be written to; tensors are
            return x
        variable = self.atom(x)
        assert isinstance(variable, Variable)
        return self.staged(representative(x), variable)

    def values_of_constants(self) -> dict[Variable, Any]:
        """Return the copies of the arrays that the function closes over, by variable."""
        return {variable: kept for (_, kept), variable in (*self._superseded, *self.constants.values())}

    def _held(self, table: dict[int, tuple[Any, Variable]], operand: Any, kept: Any) -> Variable:
        # A traced Python number is weak, as the number is.
        variable = Variable(np.shape(operand), dtype_or_type(representative(operand)))
        # The operand itself is held too, so that its identity is not given to another.
        table[id(operand)] = ((operand, kept), variable)
        return variable


def stage(
    function: Callable[..., Sequence[Any]], values: Sequence[Any], name: str = "f", part: str = ""
) -> tuple[Program, list[Any]]:
    """Record a function of leaves that returns leaves.

    Parameters
    ----------
    function
        Called as ``function(*leaves)``.
    values
        Real arrays and Python numbers, of which only shapes and dtypes enter the program.
    name
        The program's.
    part
        What the function is in a larger one, if it is recorded as a part.

    Returns
    -------
    program, captured
        The program takes the leaves, and behind them the captured values: tracers and tensors that the function closed
        over.
    """
    for v in values:
        _check_mask(v)
    trace = StagingTrace()
    trace.part = part
    inputs = [Variable(np.shape(v), dtype_or_type(v)) for v in values]
    staged = [trace.staged(v, variable) for v, variable in zip(values, inputs, strict=True)]
    try:
        with recorded_by(trace):
            leaves = [returned(y, trace) for y in call(function, staged, {}, trace)]
        remedy = "Under jit programs compute those. Return it from the function that calls the compiled one"
        for y in leaves:
            check_value(y, f"{name} returned", remedy)
        outputs = tuple(map(trace.atom, leaves))
        constants = trace.values_of_constants()
    finally:
        trace.close()
    read = {a for equation in trace.equations for a in equation.operands} | {*outputs}
    enclosed = [(kept, variable) for (_, kept), variable in trace.captured.values() if variable in read]
    captured = [kept for kept, _ in enclosed]
    inputs += [variable for _, variable in enclosed]
    return Program(tuple(inputs), tuple(trace.equations), outputs, constants, name), captured


def _check_mask(x: Any) -> None:
    if type(x) is not np.ndarray and isinstance(x, np.ndarray) and isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"a masked array of {x.dtype} and shape {x.shape} under jit, at {user_line()}: a compiled program would "
            f"lose its mask. Give the function x.data and np.ma.getmaskarray(x), and write np.where(mask, 0.0, data)."
        )


def _has_bits(x: Any, kept: Any) -> bool:
    """Say whether an array has the bits of a copy that was made of it; neither is copied for that."""
    x = np.asarray(x)
    if x.shape != kept.shape or x.dtype != kept.dtype:
        return False
    if x.dtype.kind == "c":
        return _has_bits(x.real, kept.real) and _has_bits(x.imag, kept.imag)
    bits = _WORDS.get(x.itemsize)
    if bits is None:
        return bool(x.tobytes() == kept.tobytes())
    return np.array_equal(x.view(bits), kept.view(bits))


#: By size in bytes: the integers that have the bits of numbers.
_WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def representative(x: Any) -> Any:
    """Return a raw value of a traced value's shape and dtype, to record with; of a batch any example does."""
    if not isinstance(x, Tracer):
        return x
    value, shape = representative(x.value), x.shape  # type: ignore[attr-defined]
    if np.shape(value) == shape:
        return value
    return value[0] if len(value) else np.ones(shape, x.dtype)  # type: ignore[attr-defined]


def harmless(variable: Variable) -> Any:
    """Return a value to record with: ones; of square matrices, which may be inverted, unit matrices."""
    if variable.is_weak:
        return variable.dtype(1)
    dtype, shape = np.dtype(variable.dtype), variable.shape
    if len(shape) > 1 and shape[-1] == shape[-2]:
        return np.broadcast_to(np.eye(shape[-1], dtype=dtype), shape)
    return np.ones(shape, dtype)[()]


def _regular(x: Any) -> Any:
    """Return a value like another one that may be singular; integers, which may be positions, stay."""
    return harmless(Variable(x.shape, x.dtype)) if getattr(x, "dtype", None) is not None and x.dtype.kind in "fc" else x
