"""Programs made of programs: of the tangents, of the cotangents, of a batch; and what they are put together with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.core.operands import placed, zeros_like
from functorch_lite.core.primitive import NAMED, PRIMITIVES, JointPrimitive
from functorch_lite.program.equations import Atom, Equation, Literal, Variable
from functorch_lite.program.named_axes import apart_along
from functorch_lite.program.passes import dead_code, optimized
from functorch_lite.program.program import Program
from functorch_lite.program.staging import representative, stage
from functorch_lite.transforms.arguments import call, is_inexact, returned
from functorch_lite.transforms.axes import Axis, axis_of
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.collectives import SHARED
from functorch_lite.transforms.forward import ForwardTrace
from functorch_lite.transforms.reverse import vjp

__all__ = [
    "accumulated",
    "batched",
    "coerced",
    "cut",
    "dependents",
    "downstream",
    "in_batch",
    "is_float",
    "joint",
    "pushed",
    "reached",
    "staged",
    "strong",
    "varying",
    "zero",
]


def staged(function: Callable[..., Any], values: Sequence[Any], name: str) -> Program:
    """Return the optimised program of a function that closes over no traced value.

    Raises
    ------
    TypeError
        If a user's rule, which the function applies, does so.
    """
    with np.errstate(all="ignore"):  # the function has warned when it was recorded itself, if there was reason
        program, captured = stage(function, [representative(v) for v in values], name)
    if captured:
        variable = program.inputs[-len(captured)]
        line = next((e.line for e in program.equations if variable in e.operands), "an unknown line")
        raise TypeError(
            f"at {line} a rule that a user gave closes over a value traced by {captured[0]._trace.transformation}. "
            f"Under jit rules are recorded apart from the function that is compiled; pass the value as an argument of "
            f"the function that has the rule"
        )
    return optimized(program)


def pushed(
    program: Program, values: Sequence[Any], active: Sequence[int], tangents: Sequence[Any]
) -> tuple[Program, list[bool]]:
    """Return the program that takes a program's inputs and tangents of the active ones to its outputs and theirs.

    The flags say which outputs have a tangent; the others have zeros in its place.
    """
    n = len(values)
    flags: list[bool] = []

    def both(*leaves: Any) -> Sequence[Any]:
        trace = ForwardTrace()
        duals = [trace.dual(leaves[i], t) for i, t in zip(active, leaves[n:], strict=True)]
        parts = [trace.parts(returned(y, trace)) for y in call(program, placed(leaves[:n], active, duals), {}, trace)]
        trace.close()
        flags[:] = [t is not None for _, t in parts]
        out_tangents = [(zeros_like(v) if is_inexact(v) else False) if t is None else t for v, t in parts]
        return (*(v for v, _ in parts), *out_tangents)

    return staged(both, (*values, *tangents), f"{program.name}_forward"), flags


def joint(
    program: Program, values: Sequence[Any], active: Sequence[int], places: Sequence[int], seeds: Sequence[Any]
) -> Program:
    """Return the program that takes inputs and cotangents of some outputs to all outputs and the active cotangents.

    The seeds are examples of these cotangents.
    """
    n = len(values)

    def both(*leaves: Any) -> Sequence[Any]:
        def along(*xs: Any) -> Any:
            return program(*placed(leaves[:n], active, xs))

        results, pull = vjp(along, *(leaves[i] for i in active))
        return (*results, *pull.of_leaves(placed([None] * len(results), places, leaves[n:])))

    return staged(both, (*values, *seeds), program.name)


def batched(
    program: Program, values: Sequence[Any], axes: Sequence[Any], out_axes: Sequence[Any], size: int
) -> Program:
    """Return the program of a batch, from values of the batch; axes are 0, or None for what is the same for all."""
    if all(axis is None for axis in axes) and axis_of(size) not in apart_along(*program.equations):
        return program
    run = vmap(lambda *leaves: program(*leaves), tuple(axes), tuple(out_axes), axis_size=size)
    return staged(run, values, f"{program.name}_batch")


def cut(
    program: Program, late_inputs: Sequence[Variable], count: int | None = None, along: Axis | None = None
) -> tuple[Program, Program]:
    """Cut a program in two: what depends on some inputs goes into the second, with what it reads of the first.

    Parameters
    ----------
    program
        The program.
    late_inputs
        The inputs of the second.
    count
        How many outputs belong to the first; None: those that do not depend on the late inputs.
    along
        A named axis: what differs along it by itself goes into the second, too.

    Returns
    -------
    first, second
        The first gives its outputs, then what the second reads; the second takes that, then the late inputs.
    """
    dependent = downstream(program, late_inputs, along)
    equations: tuple[list[Equation], list[Equation]] = ([], [])
    for equation in program.equations:
        equations[any(y in dependent for y in equation.outputs)].append(equation)
    if count is None:
        early = tuple(a for a in program.outputs if a not in dependent)
        late_outputs = tuple(a for a in program.outputs if a in dependent)
    else:
        early, late_outputs = program.outputs[:count], program.outputs[count:]
    early_inputs = tuple(v for v in program.inputs if v not in set(late_inputs))
    known = {*early_inputs, *(y for e in equations[0] for y in e.outputs)}
    read = [a for e in equations[1] for a in e.operands] + list(late_outputs)
    residuals = tuple(dict.fromkeys(a for a in read if isinstance(a, Variable) and a in known))
    first = Program(early_inputs, tuple(equations[0]), (*early, *residuals), program.constants, program.name)
    second = Program(
        (*residuals, *late_inputs), tuple(equations[1]), late_outputs, program.constants, f"{program.name}_rest"
    )
    return dead_code(first), dead_code(second)


def downstream(program: Program, inputs: Iterable[Variable], along: Axis | None = None) -> set[Any]:
    """Return some inputs, and all results of equations that read one of them or of what these compute.

    With an axis, also of those that differ along it by themselves.
    """
    found = set(inputs)
    for equation in program.equations:
        if any(a in found for a in equation.operands) or (along is not None and along in apart_along(equation)):
            found.update(equation.outputs)
    return found


def dependents(
    program: Program, inputs: Iterable[Variable], *, differentiably: bool = False, along: Axis | None = None
) -> set[Any]:
    """Return the variables that depend on some inputs, these included.

    If asked, those alone that vary smoothly; or that differ along an axis, over whose examples sums are the same.
    """
    found = set(inputs)
    for equation in program.equations:
        if differentiably and not equation.primitive.differentiable:
            continue
        if along is not None and equation.primitive in SHARED and equation.params[0] == along:
            continue
        flags = [a in found for a in equation.operands]
        if not any(flags) and (along is None or along not in apart_along(equation)):
            continue
        primitive = equation.primitive
        reached = primitive.reaches(flags, differentiably, along) if isinstance(primitive, JointPrimitive) else None
        if reached is None:
            reached = [True] * len(equation.outputs)
        found.update(
            y
            for y, is_reached in zip(equation.outputs, reached, strict=True)
            if is_reached and (not differentiably or is_float(y))
        )
    return found


def reached(program: Program, flags: Sequence[bool], differentiably: bool, along: Axis | None = None) -> list[bool]:
    """Say which outputs of a program depend on some of its inputs, or vary smoothly with them; see `dependents`."""
    inputs = [v for v, is_one in zip(program.inputs, flags, strict=True) if is_one]
    found = dependents(program, inputs, differentiably=differentiably, along=along)
    return [a in found for a in program.outputs]


def varying(
    program: Program,
    inputs: Sequence[Variable],
    active: set[int],
    carried: range,
    *,
    differentiably: bool,
    along: Axis | None = None,
) -> tuple[tuple[int, ...], set[Any]]:
    """Return which inputs of a loop's body vary with some, and the variables that depend on them; see `dependents`.

    The first outputs are carried: they come back as the inputs at the positions ``carried``, which vary from the step
    after the one in which these do.
    """
    while True:
        dependent = dependents(program, [inputs[i] for i in active], differentiably=differentiably, along=along)
        more = {i for i, a in zip(carried, program.outputs, strict=False) if a in dependent} - active
        if not more:
            return tuple(sorted(active)), dependent
        active = active | more


def coerced(program: Program, kinds: Sequence[Variable | None]) -> Program:
    """Return the program with outputs converted to the dtypes of some variables, and broadcast; None: as it is."""
    equations, outputs = list(program.equations), list(program.outputs)
    for i, (output, kind) in enumerate(zip(program.outputs, kinds, strict=True)):
        if kind is None:
            continue
        atom: Atom = output
        dtype = np.dtype(kind.dtype)
        if _dtype(atom) is not kind.dtype and not _same(_dtype(atom), kind.dtype):
            name = "convert" if dtype.kind in "fc" else "discretize"
            atom = _applied(equations, NAMED[name], (atom,), (dtype,), Variable(_shape(atom), dtype))
        if _shape(atom) != kind.shape:
            atom = _applied(equations, NAMED["broadcast_to"], (atom,), (kind.shape,), Variable(kind.shape, dtype))
        outputs[i] = atom
    return program.with_equations(equations, outputs)


def accumulated(program: Program, places: Sequence[int], totals: Sequence[Variable]) -> Program:
    """Return the program that adds some of its outputs to what it is given as further inputs."""
    equations, outputs = list(program.equations), list(program.outputs)
    for i, total in zip(places, totals, strict=True):
        added = Variable(total.shape, total.dtype)
        outputs[i] = _applied(equations, PRIMITIVES[np.add], (total, outputs[i]), (), added)
    return replace(program, inputs=(*program.inputs, *totals)).with_equations(equations, outputs)


def in_batch(atom: Any, size: int) -> Variable:
    """Return a new variable for a batch of what an atom stands for, of a dtype of NumPy's."""
    if isinstance(atom, Variable):
        return Variable((size, *atom.shape), np.dtype(atom.dtype))
    return Variable((size,), np.dtype(type(atom.value)))


def strong(variable: Variable) -> Variable:
    """Return a new variable of the same shape and dtype; of a Python number's type the dtype is made."""
    return Variable(variable.shape, np.dtype(variable.dtype))


def zero(variable: Variable) -> Any:
    """Return zeros of a variable's shape and dtype."""
    return np.zeros(variable.shape, variable.dtype)[()]


def is_float(variable: Any) -> bool:
    """Say whether a variable is real or complex, and not an integer, a boolean or something else."""
    return np.dtype(variable.dtype).kind in "fc" if isinstance(variable, Variable) else is_inexact(variable.value)


def _applied(equations: list[Equation], primitive: Any, operands: Any, params: Any, output: Variable) -> Variable:
    equations.append(Equation(primitive, operands, params, (output,)))
    return output


def _shape(atom: Atom) -> tuple[int, ...]:
    return () if isinstance(atom, Literal) else atom.shape


def _dtype(atom: Atom) -> Any:
    return type(atom.value) if isinstance(atom, Literal) else atom.dtype


def _same(one: Any, other: Any) -> bool:
    """Say whether two dtypes are one; Python's float is not float64."""
    return isinstance(one, np.dtype) and isinstance(other, np.dtype) and one == other
