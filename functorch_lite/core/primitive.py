"""Primitives: the operations that have a derivative of their own. All others are composed of them.

There are three kinds, and a fourth for what has no derivative to speak of:

`Pointwise`
    given by its partial derivatives; forward, reverse and batching follow.
`Linear`
    linear in each of its array arguments, or in all of them jointly; given by its transposes. Forward is the operation
    itself on the tangent.
`General`
    given by a forward rule for each argument; the reverse rule is its transpose, derived or given beside it.
`Zero`
    the derivative is zero by nature: comparisons, rounding, positions.

A rule is a function of what it needs, **by name**. ``lambda x: -np.sin(x)`` reads the argument ``x``; ``lambda ans:
ans`` the result; ``lambda y: y`` the other argument; ``x_shape`` a shape only. The tape keeps exactly what the names
say, so a derivative and its memory are declared in one line. The transpose and the forward rule of an argument take the
cotangent (the tangent) first: ``lambda g, x_shape, axes: …``.

A primitive is data: a name, a function, the names of its array arguments and of its parameters. Parameters are plain
positional values behind the arrays, so that a program can hold and print an application of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import OBJECT, SEQUENCES, aligned, shape_of, stacked
from functorch_lite.core.rules import NEGATION, Function, Rule, carried, parameter_names, reader_of
from functorch_lite.core.trace import Tracer

__all__ = [
    "NAMED",
    "PRIMITIVES",
    "General",
    "JointPrimitive",
    "Linear",
    "Pointwise",
    "Primitive",
    "Zero",
    "add_tangents",
]

Arrays: TypeAlias = tuple[Any, ...]
Params: TypeAlias = tuple[Any, ...]

#: The primitive that stands for a callable of NumPy or of Python's ``operator``, by that callable.
PRIMITIVES: dict[Any, Primitive] = {}

#: The primitives by name, for programs that are read from text; of several with one name the first.
NAMED: dict[str, Primitive] = {}


class Primitive:
    """An operation that every transformation knows how to treat.

    Parameters
    ----------
    function
        What computes it, called as ``function(*arrays, *params)``, or ``function(arrays, *params)`` when variadic.
    arguments
        Names of the array arguments. A variadic primitive has one name, for the tuple of its arrays.
    parameters
        Names of the parameters that follow.
    variadic
        Whether the primitive takes one tuple of arrays of any length.
    multiple
        Whether it returns a tuple of arrays.
    batch
        How it batches: called as ``batch(primitive, size, arrays, batched, params)`` where batched arrays carry the
        batch on axis 0; returns the result (or results) with the batch on axis 0.
    """

    #: Whether the primitive is given by partial derivatives, which the traces handle on paths of their own.
    is_pointwise = False
    #: Whether it is a `General` one of one array with a derivative and of one result, likewise.
    is_simple = False
    #: Whether results are worth tracing by the modes of differentiation.
    differentiable = True
    #: Whether traces that keep nothing for the way back just run the function on their tracers.
    is_inlined = False
    #: The library's own word for the operation, by which tables know it; the name is for people to read. What users
    #: define may be called ``sum`` as well: it has a name, and no word.
    word = ""

    # What a primitive has that `is_pointwise`; `Pointwise` says what each is. They are declared here because the traces
    # ask for the flag, which costs less than the class, on the paths of every operation.
    keep: int
    partial: Any
    second_keep: int
    second_partial: Any
    partials: tuple[Any, ...]
    readers: tuple[Any, ...]

    def __init__(
        self,
        function: Function,
        arguments: Sequence[str],
        parameters: Sequence[str] = (),
        *,
        name: str | None = None,
        variadic: bool = False,
        multiple: bool = False,
        batch: Function | None = None,
    ) -> None:
        self.name = name or function.__name__
        self.function = function
        self.arguments = tuple(arguments)
        self.parameters = tuple(parameters)
        self.arity = None if variadic else len(self.arguments)
        self.multiple = multiple
        self.batch_rule = batch
        if not isinstance(self, JointPrimitive):
            self.word = self.name
            NAMED.setdefault(self.word, self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} primitive {self.name}>"

    def __call__(self, *args: Any) -> Any:
        """Apply the primitive: array arguments first (one tuple of them if variadic), then the parameters."""
        if self.arity is None:
            return self.bind(args[0], args[1:])
        return self.bind(args[: self.arity], args[self.arity :])

    def bind(self, arrays: Arrays, params: Params) -> Any:
        """Apply the primitive to arrays and parameters, each a tuple, at the youngest trace among the arrays."""
        trace = None
        for array in arrays:
            if isinstance(array, Tracer):
                if trace is None or array._trace.number > trace.number:
                    trace = array._trace
            elif type(array) in SEQUENCES or getattr(array, "dtype", None) is OBJECT:
                return self.bind(tuple(map(stacked, arrays)), params)
        if trace is not None:
            return trace.process(self, arrays, params)
        if self.arity is None:
            return self.function(arrays, *params)
        return self.function(*arrays, *params)

    def bind_at(self, trace: Any, arrays: Arrays, params: Params) -> Any:
        """Apply the primitive at a trace, even if it watches none of the arrays, or at a younger one that does."""
        if any(isinstance(a, Tracer) and a._trace.number > trace.number for a in arrays):
            return Primitive.bind(self, arrays, params)
        return trace.process(self, arrays, params)

    def of_raw(self, arrays: Arrays, params: Params) -> Any:
        """Apply the primitive to raw arrays, in the place of those of a program: it shows what results are like."""
        return self.bind(arrays, params)

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        """Compute a whole batch at once; see the class's parameter ``batch``."""
        if self.batch_rule is None:
            raise NotImplementedError(f"{self.name} has no batching rule; at {user_line()} under vmap")
        return self.batch_rule(self, size, arrays, batched, params)

    def push(self, tangents: Sequence[Any], ans: Any, arrays: Arrays, params: Params) -> Any:
        """Return the tangent of the result; None among the tangents, or returned, is a structural zero."""
        raise NotImplementedError

    def is_linear_in(self, active: Sequence[int]) -> bool:
        """Say whether the result is linear in the arrays at these positions, taken together."""
        raise NotImplementedError


class Pointwise(Primitive):
    """An elementwise function of broadcast arrays, given by its partial derivatives.

    Each partial is ``1`` (the identity), ``-1``, ``None`` (no derivative), a function whose parameters name what it
    reads among ``ans``, ``x``, ``y``, ``z``, or a ufunc of ``x``. Where it is ``lambda y: 1 / y`` the engine divides by
    ``y``. For a real-valued function of a complex argument the partial ``p`` means ``dans = Re(p · dx)``; the engine
    takes the real part when it projects to the result's dtype.
    """

    is_pointwise = True

    def __init__(self, function: Function, partials: Sequence[Any], *, name: str | None = None) -> None:
        names = "xyz"[: len(partials)]
        super().__init__(function, names, name=name)
        slots = ("ans", *names)
        self.uses = tuple(parameter_names(partial) for partial in partials)
        keeps, readers, rules = zip(
            *(reader_of(partial, uses, slots) for partial, uses in zip(partials, self.uses, strict=True)), strict=True
        )
        # For each argument: the code of what to keep, how to read it from ``(ans, *arrays)``, and the partial as a
        # function of what was kept.
        self.keeps: tuple[int, ...] = keeps
        self.readers = readers
        self.partials = rules
        # The same of the first two arguments, for the paths where every look-up counts.
        self.keep, self.partial = keeps[0], rules[0]
        self.second_keep, self.second_partial = keeps[-1], rules[-1]

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        return self.bind(aligned(arrays, batched), params)

    def push(self, tangents: Sequence[Any], ans: Any, arrays: Arrays, params: Params) -> Any:
        total = None
        for i, t in enumerate(tangents):
            partial = self.partials[i]
            if t is None or partial is None:
                continue
            if partial is NEGATION and total is not None:
                total = total - t
                continue
            reader = self.readers[i]
            t = carried(t, partial, reader and reader((ans, *arrays)))
            total = t if total is None else total + t
        return total

    def is_linear_in(self, active: Sequence[int]) -> bool:
        forbidden = {"ans", *(self.arguments[i] for i in active)}
        return all(forbidden.isdisjoint(self.uses[i]) for i in active)


class General(Primitive):
    """An operation given by one `Rule` an argument; None where an argument has no derivative.

    The rules of a variadic primitive are one, which takes the argument's position after the cotangent (the tangent).
    A rule may apply its own primitive only through arguments in which it is linear.
    """

    def __init__(
        self, function: Function, arguments: Sequence[str], rules: Sequence[Rule | None], **kwargs: Any
    ) -> None:
        super().__init__(function, arguments, **kwargs)
        self.rules = tuple(rules)
        self.is_simple = self.arity == 1 and not self.multiple and rules[0] is not None
        for rule in self.rules:
            if rule is not None:
                rule.attach(self.arguments, self.parameters, self.arity is None)
                rule.read = rule.read_jvp if rule.vjp is None else rule.read_vjp

    def rule(self, i: int) -> Rule | None:
        """Return the rule of the array at position ``i``."""
        return self.rules[i if self.arity is not None or (len(self.rules) > 1 and i < len(self.rules)) else -1]

    def environment(self, ans: Any, arrays: Sequence[Any], params: Params) -> tuple[Any, ...]:
        """Return all that rules may read, in the order in which `Rule.attach` numbered it."""
        if self.arity is None:
            return (ans, tuple(arrays), *params, tuple(map(shape_of, arrays)))
        return (ans, *arrays, *params, *map(shape_of, arrays))

    def push(self, tangents: Sequence[Any], ans: Any, arrays: Arrays, params: Params) -> Any:
        total = None
        for i, t in enumerate(tangents):
            rule = None if t is None else self.rule(i)
            if rule is None:
                continue
            if rule.linear:
                t = self.bind((*arrays[:i], t, *arrays[i + 1 :]), params)
            else:
                read = rule.read_jvp(self.environment(ans, arrays, params))
                t = rule.jvp(t, i, *read) if self.arity is None else rule.jvp(t, *read)  # type: ignore[misc]
            total = add_tangents(total, t)
        return total

    def is_linear_in(self, active: Sequence[int]) -> bool:
        if len(active) > 1:
            return False
        rule = self.rule(active[0])
        return rule is not None and rule.linear


class Linear(General):
    """An operation that is linear in each array argument, given by its transposes; `jointly` when in all together.

    An argument in which it is not linear has a forward rule.

    One that is ``elementwise`` treats broadcast arrays element by element. One that ``moves`` elements gives results of
    which each is an element of the argument, or zero; it may give a function in the place of True, which says where
    they go: ``moves(numbers, x_shape, *params)`` returns the numbering of the result that goes with one of the
    argument (`core.numbering`; what is not moved may have any number), or None. One that ``collects`` them adds each to
    one element of the result. One that multiplies a vector by a matrix may say what its ``columns`` are: ``columns(i,
    arrays)`` gives them as rows for the array at position ``i``, or None where this is no vector.
    """

    def __init__(
        self,
        function: Function,
        arguments: Sequence[str],
        transposes: Sequence[Function | Rule | None],
        *,
        jointly: bool = False,
        elementwise: bool = False,
        moves: bool | Function = False,
        collects: bool = False,
        columns: Function | None = None,
        **kwargs: Any,
    ) -> None:
        rules = [t if t is None or isinstance(t, Rule) else Rule(vjp=t) for t in transposes]
        super().__init__(function, arguments, rules, **kwargs)
        self.jointly = jointly
        self.elementwise = elementwise
        self.moves = bool(moves)
        self.renumber: Function | None = moves if callable(moves) else None
        self.collects = collects
        self.columns = columns

    def push(self, tangents: Sequence[Any], ans: Any, arrays: Arrays, params: Params) -> Any:
        if self.arity == 1:
            return self.bind((tangents[0],), params)
        if not self.jointly:
            return super().push(tangents, ans, arrays, params)
        filled = tuple(
            a if self.rule(i) is None else np.zeros_like(a) if t is None else t
            for i, (a, t) in enumerate(zip(arrays, tangents, strict=True))
        )
        return self.bind(filled, params)

    def is_linear_in(self, active: Sequence[int]) -> bool:
        rules = [self.rule(i) for i in active]
        return (self.jointly or len(active) == 1) and all(rule is not None and rule.linear for rule in rules)


class JointPrimitive(Primitive):
    """An operation of any number of arrays that is differentiated as a whole; it returns a tuple of arrays.

    These are what users define by rules of their own, and recomputation.
    """

    #: Whether the function is to see raw arrays where the object style would show it tensors.
    takes_raw = False
    #: Whether the pullback gets zeros, not None, for results of which no cotangent arrived.
    fills = True
    #: Whether the pullback says by itself that what it has kept was written to; it does not read the arrays then.
    checks_kept = False
    #: The positions of results that are operands, written to in place.
    written_results: Sequence[int] = ()

    def reaches(self, flags: Sequence[bool], differentiably: bool, along: Any = None) -> list[bool] | None:
        """Say which results depend on flagged arrays, vary smoothly with them, or differ as they do along a named axis.

        None says that all may.
        """
        return None

    def again(self, values: Arrays) -> Arrays:
        """Run the function again, on the way back."""
        return self.function(values)  # type: ignore[no-any-return]

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        """Return the results and their tangents; None among the tangents is a structural zero."""
        raise NotImplementedError

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        """Return the results, their pullback, and captured tracers.

        The pullback takes the cotangents of the results to those of the arrays at the active positions (None for zero),
        followed by those of the tracers of this trace that the operation captured otherwise.
        """
        raise NotImplementedError

    def is_linear_in(self, active: Sequence[int]) -> bool:
        return False


class Zero(Primitive):
    """An operation whose derivative is zero by nature; its results are not traced by the modes of differentiation."""

    differentiable = False

    def __init__(
        self, function: Function, arguments: Sequence[str], parameters: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(function, arguments, parameters, **kwargs)
        self.elementwise = not self.parameters and self.batch_rule is None

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        if self.elementwise:
            return self.bind(aligned(arrays, batched), params)
        return super().batch(size, arrays, batched, params)

    def push(self, tangents: Sequence[Any], ans: Any, arrays: Arrays, params: Params) -> None:
        return None

    def is_linear_in(self, active: Sequence[int]) -> bool:
        return False


def add_tangents(total: Any, t: Any) -> Any:
    """Add two tangents or two cotangents, where None is zero and a tuple is a tuple of them."""
    if total is None:
        return t
    if t is None:
        return total
    if type(t) is tuple:
        return tuple(add_tangents(a, b) for a, b in zip(total, t, strict=True))
    return total + t
