"""Optimisations: each is a function from programs to programs that computes the same numbers."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.core.primitive import JointPrimitive
from functorch_lite.program.contraction_order import ordered_products
from functorch_lite.program.effects import tokens
from functorch_lite.program.factors import factored
from functorch_lite.program.lowering import spliced
from functorch_lite.program.named_axes import apart_along
from functorch_lite.program.products import gathered_products, joined_products, multiplied
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable
from functorch_lite.program.renaming import Renaming
from functorch_lite.program.signs import negated_sums
from functorch_lite.program.simplification import is_uniform, simplification

__all__ = [
    "common_subexpressions",
    "constant_folding",
    "dead_code",
    "inlined",
    "narrow_broadcasts",
    "optimized",
    "scalar_constants",
]

#: Folded constants are no larger than this; larger ones are computed at each call.
LARGEST_FOLDED = 4096


def optimized(program: Program) -> Program:
    """Apply all passes until nothing changes any more."""
    program = _shortened(dead_code(program))
    program = _shortened_if_changed(lifted(program), program)
    program = simpler = narrow_broadcasts(scalar_constants(program))
    for rewrite in (negated_sums, multiplied, factored, joined_products, gathered_products, ordered_products):
        rewritten = rewrite(program)
        program = program if rewritten.equations == program.equations else dead_code(rewritten)
    return _shortened_if_changed(program, simpler)


def _shortened_if_changed(program: Program, before: Program) -> Program:
    return before if program.equations == before.equations else _shortened(program)


def _shortened(program: Program) -> Program:
    while True:
        size = len(program)
        program = dead_code(common_subexpressions(simplification(constant_folding(program))))
        if len(program) == size:
            return program


def lifted(program: Program) -> Program:
    """Take out of loops what each step computes and need not: products of all rows at once, and their sums."""
    constants = dict(program.constants)
    renamed = Renaming()
    equations: list[Equation] = []
    for equation in program.equations:
        equation = renamed.equation(equation)
        lift = getattr(equation.primitive, "lifted", None)
        if lift is None:
            equations.append(equation)
            continue
        parts, results, known = lift(equation)
        equations += parts
        constants |= known
        renamed.update(equation.outputs, tuple(results))
    return replace(program, constants=constants).with_equations(equations, renamed.atoms(program.outputs))


def dead_code(program: Program) -> Program:
    """Drop equations that no output depends on."""
    needed = {a for a in program.outputs if isinstance(a, Variable)}
    kept = []
    for equation in reversed(program.equations):
        if any(y in needed for y in equation.outputs):
            kept.append(equation)
            needed.update(a for a in equation.operands if isinstance(a, Variable))
    return program.with_equations(kept[::-1])


def common_subexpressions(program: Program) -> Program:
    """Compute once what is computed twice in the same way."""
    seen: dict[Any, tuple[Variable, ...]] = {}
    renamed = Renaming()
    equations = []
    for equation in program.equations:
        equation = renamed.equation(equation)
        if tokens(equation):  # what acts twice is there twice
            equations.append(equation)
            continue
        try:
            key = (id(equation.primitive), equation.operands, _hashable(equation.params))
            known = seen.get(key)
        except TypeError:  # a parameter that is not hashable
            equations.append(equation)
            continue
        if known is None:
            seen[key] = equation.outputs
            equations.append(equation)
        else:
            renamed.update(equation.outputs, known)
    return program.with_equations(equations, renamed.atoms(program.outputs))


def constant_folding(program: Program) -> Program:
    """Compute now what depends on constants only."""
    constants = dict(program.constants)
    renamed = Renaming()
    equations = []
    for equation in program.equations:
        equation = renamed.equation(equation)
        fixed = all(isinstance(a, Literal) or a in constants for a in equation.operands)
        small = all(y.size <= LARGEST_FOLDED for y in equation.outputs)
        if not (fixed and small) or isinstance(equation.primitive, JointPrimitive) or _is_bound(equation):
            equations.append(equation)
            continue
        read = [a.value if isinstance(a, Literal) else constants[a] for a in equation.operands]
        with np.errstate(all="ignore"):  # the recording has warned
            values = equation.apply(read)
        for variable, value in zip(equation.outputs, values, strict=True):
            if hasattr(value, "dtype"):
                constants[variable] = np.array(value)
            else:
                renamed.update((variable,), (Literal(value),))
    whole = Program(program.inputs, program.equations, program.outputs, constants, program.name)
    return whole.with_equations(equations, renamed.atoms(program.outputs))


def inlined(program: Program) -> Program:
    """Put the equations of compiled programs in the place of their calls."""
    constants = dict(program.constants)
    renamed = Renaming()
    equations = []
    for equation in program.equations:
        equation = renamed.equation(equation)
        entry = getattr(equation.primitive, "entry", None)
        if entry is None:
            equations.append(equation)
            continue
        called = inlined(entry.program)
        constants |= called.constants
        renamed.update(equation.outputs, spliced(called, equation.operands, equations))
    return replace(program, constants=constants).with_equations(equations, renamed.atoms(program.outputs))


def scalar_constants(program: Program) -> Program:
    """Let a constant array whose elements are all one number be that number, where broadcasting gives the same."""
    constants = dict(program.constants)
    scalars: dict[Variable, Variable] = {}
    for variable, value in program.constants.items():
        if value.ndim and is_uniform(value):
            scalar = Variable((), value.dtype)
            scalars[variable], constants[scalar] = scalar, value.reshape(-1)[0].copy()
    equations = []
    for equation in program.equations:
        if _is_broadcasting(equation) and any(a in scalars for a in equation.operands):
            shape = equation.outputs[0].shape
            rest = [a for a in equation.operands if isinstance(a, Variable) and a not in scalars]
            if any(a.shape == shape for a in rest):
                operands = tuple(scalars.get(a, a) for a in equation.operands)  # type: ignore[arg-type]
                equation = equation.reading(operands)
        equations.append(equation)
    whole = Program(program.inputs, program.equations, program.outputs, constants, program.name)
    return whole.with_equations(equations)


def narrow_broadcasts(program: Program) -> Program:
    """Let elementwise equations read what was broadcast for them only: NumPy broadcasts by itself."""
    narrow: dict[Variable, Atom] = {}
    equations = []
    for equation in program.equations:
        operand = equation.operands[0] if equation.primitive.word == "broadcast_to" else None
        if isinstance(operand, Variable) and not isinstance(operand.dtype, type):  # a Python number would be weak
            narrow[equation.outputs[0]] = operand
        elif _is_broadcasting(equation) and any(a in narrow for a in equation.operands):
            equation = _narrowed(equation, narrow)
        equations.append(equation)
    return dead_code(program.with_equations(equations))


def _narrowed(equation: Equation, narrow: dict[Variable, Atom]) -> Equation:
    """Let an equation read operands as they were before they were broadcast, as long as another has the shape."""
    shape = equation.outputs[0].shape
    operands = list(equation.operands)
    for i, a in enumerate(operands):
        others = [b for k, b in enumerate(operands) if k != i and isinstance(b, Variable)]
        if a in narrow and any(b.shape == shape for b in others):
            operands[i] = narrow[a]  # type: ignore[index]
    return equation.reading(tuple(operands))


def _is_bound(equation: Equation) -> bool:
    """Say whether an equation of constants is not one: it acts, or differs between the examples of a batch."""
    return bool(tokens(equation) or apart_along(equation))


def _is_broadcasting(equation: Equation) -> bool:
    """Say whether an operand may be broadcast by the operation as well; a power of one number is not computed so."""
    return equation.primitive.is_pointwise and equation.primitive.function not in _POWERS


_POWERS = frozenset({operator.pow, np.power})


def _hashable(value: Any) -> Any:
    """Return a parameter as what tells it from others: slices become tuples, numbers keep their types."""
    if type(value) is tuple:
        return tuple(map(_hashable, value))
    if type(value) is slice:
        return (slice, value.start, value.stop, value.step)
    return (type(value), repr(value) if isinstance(value, float | complex) else value)  # 0.0 and -0.0 are two
