"""Optimisations: each is a function from programs to programs that computes the same numbers."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.core.operators import SIMPLE_POWERS
from functorch_lite.core.primitive import PRIMITIVES, JointPrimitive
from functorch_lite.program.contraction_order import ordered_products
from functorch_lite.program.effects import tokens
from functorch_lite.program.factors import factored
from functorch_lite.program.lowering import spliced
from functorch_lite.program.named_axes import apart_along
from functorch_lite.program.products import gathered_products, joined_products, multiplied
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable
from functorch_lite.program.signs import NEGATIONS, negated_sums

__all__ = [
    "common_subexpressions",
    "constant_folding",
    "dead_code",
    "inlined",
    "narrow_broadcasts",
    "optimized",
    "scalar_constants",
    "simplification",
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
    renamed = _Renaming()
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
    renamed = _Renaming()
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
    renamed = _Renaming()
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


def simplification(program: Program) -> Program:
    """Replace equations by simpler ones that give the same bits: ``x * 1``, ``--x``, a transpose undone.

    Nothing is reassociated, and ``x + 0`` stays: it turns -0 into 0.
    """
    renamed = _Renaming()
    makers: dict[Variable, Equation] = {}
    uniform = {variable: value.flat[0] for variable, value in program.constants.items() if _is_uniform(value)}
    equations = []
    for equation in program.equations:
        equation = renamed.equation(equation)
        simpler = _simpler(equation, makers, uniform)
        if isinstance(simpler, Equation):
            equations.append(simpler)
            makers.update(dict.fromkeys(simpler.outputs, simpler))
            number = _only_value(simpler, makers, uniform)
            if number is not None:
                uniform[simpler.outputs[0]] = number
        else:
            renamed.update(equation.outputs, (simpler,))
    return program.with_equations(equations, renamed.atoms(program.outputs))


def inlined(program: Program) -> Program:
    """Put the equations of compiled programs in the place of their calls."""
    constants = dict(program.constants)
    renamed = _Renaming()
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
        if value.ndim and _is_uniform(value):
            scalar = Variable((), value.dtype)
            scalars[variable], constants[scalar] = scalar, value.reshape(-1)[0].copy()
    equations = []
    for equation in program.equations:
        if _is_broadcasting(equation) and any(a in scalars for a in equation.operands):
            shape = equation.outputs[0].shape
            rest = [a for a in equation.operands if isinstance(a, Variable) and a not in scalars]
            if any(a.shape == shape for a in rest):
                operands = tuple(scalars.get(a, a) for a in equation.operands)  # type: ignore[arg-type]
                equation = Equation(equation.primitive, operands, equation.params, equation.outputs, equation.line)
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
    return Equation(equation.primitive, tuple(operands), equation.params, equation.outputs, equation.line)


def _is_bound(equation: Equation) -> bool:
    """Say whether an equation of constants is not one: it acts, or differs between the examples of a batch."""
    return bool(tokens(equation) or apart_along(equation))


def _simpler(equation: Equation, makers: dict[Variable, Equation], uniform: dict[Variable, Any]) -> Equation | Atom:
    function, word = equation.primitive.function, equation.primitive.word
    output, operands = equation.outputs[0], equation.operands
    for i, neutral in _NEUTRAL.get(function, ()):
        other = operands[1 - i]
        # One complex product by 1 is four real products and two sums, which do not keep infinities and signs.
        exact = output.dtype not in _COMPLEX or function in _DIFFERENCES
        if (
            exact
            and isinstance(other, Variable)
            and _alike(other, output)
            and _is_number(operands[i], neutral, uniform)
        ):
            return other
    first = operands[0] if operands else None
    if not isinstance(first, Variable):
        return equation
    if word == "where" and first in uniform:
        chosen = operands[1 if uniform[first] else 2]
        return chosen if isinstance(chosen, Variable) and _alike(chosen, output) else equation
    if function is operator.pow and first.shape and first.dtype.kind == "f" and isinstance(operands[1], Literal):
        # What NumPy itself computes for an array of real numbers.
        root = SIMPLE_POWERS.get(operands[1].value) if isinstance(operands[1].value, int | float) else None
        return equation if root is None else Equation(PRIMITIVES[root], (first,), (), equation.outputs, equation.line)
    unchanged = _alike(first, output)
    maker = makers.get(first)
    if function in _MULTIPLICATIONS and maker is not None and maker.primitive.function in NEGATIONS:
        (positive,), factor = maker.operands, operands[1]
        if isinstance(factor, Literal) and type(factor.value) is float and isinstance(positive, Variable):
            opposite = Literal(-factor.value)
            return Equation(equation.primitive, (positive, opposite), (), equation.outputs, equation.line)
    if function in NEGATIONS:
        before = maker.operands[0] if maker is not None and maker.primitive.function in NEGATIONS else None
        return before if isinstance(before, Variable) and _alike(before, output) else equation
    if unchanged and (word in {"reshape", "broadcast_to", "convert"} or function is np.positive):
        return first
    if unchanged and word in _REDUCTIONS and equation.params[0] == ():
        if word in {"max", "min", "prod"}:
            return first
        if first.dtype.kind == "f":  # sums begin with 0, in which -0 is lost
            return Equation(PRIMITIVES[operator.add], (first, Literal(0.0)), (), equation.outputs, equation.line)
    if word == "transpose":
        (axes,) = equation.params
        if axes == tuple(range(len(axes))) and unchanged:
            return first
        if maker is not None and maker.primitive is equation.primitive:
            (before,) = maker.params
            both = tuple(before[axis] for axis in axes)
            if both == tuple(range(len(both))):
                return maker.operands[0]
            return Equation(equation.primitive, maker.operands, (both,), equation.outputs, equation.line)
    if word == "reshape" and maker is not None and maker.primitive is equation.primitive:
        return Equation(equation.primitive, maker.operands, equation.params, equation.outputs, equation.line)
    return equation


def _only_value(equation: Equation, makers: dict[Variable, Equation], uniform: dict[Variable, Any]) -> Any:
    """Return the number that all elements of a result are, whatever the operands; None if they need not be one."""
    operands = equation.operands
    if equation.primitive.word == "where":
        if operands[0] in uniform:
            return _number(operands[1 if uniform[operands[0]] else 2], uniform)  # type: ignore[index]
        if isinstance(operands[1], Literal) and operands[1] == operands[2]:
            return operands[1].value
    if equation.primitive.function in _CONJUNCTIONS:
        if any(uniform.get(a) is np.False_ for a in operands):  # type: ignore[arg-type]
            return np.False_
        for one, other in (operands, operands[::-1]):
            infinite, same = makers.get(one), makers.get(other)  # type: ignore[arg-type]
            if infinite is None or same is None or infinite.primitive.function is not np.isinf:
                continue
            beside = [a for a in same.operands if a not in infinite.operands]
            if same.primitive.function in _EQUALITIES and len(beside) == 1 and _is_finite(beside[0], uniform):
                return np.False_  # infinite, and equal to a finite number
    return None


def _number(atom: Atom, uniform: dict[Variable, Any]) -> Any:
    return atom.value if isinstance(atom, Literal) else uniform.get(atom)


def _is_finite(atom: Atom, uniform: dict[Variable, Any]) -> bool:
    value = _number(atom, uniform)
    return isinstance(value, int | float | np.number) and bool(np.isfinite(value))


def _is_broadcasting(equation: Equation) -> bool:
    """Say whether an operand may be broadcast by the operation as well; a power of one number is not computed so."""
    return equation.primitive.is_pointwise and equation.primitive.function not in _OF_POWERS


def _alike(one: Variable, other: Variable) -> bool:
    """Say whether two variables agree in shape and dtype; the weak float of Python is not float64."""
    return one.shape == other.shape and type(one.dtype) is type(other.dtype) and bool(one.dtype == other.dtype)


def _is_number(atom: Atom, number: Any, uniform: dict[Variable, Any]) -> bool:
    if isinstance(atom, Literal):
        return atom == Literal(number)
    value = uniform.get(atom)
    return value is not None and value == number and bool(np.signbit(value) == np.signbit(number))


def _is_uniform(value: Any) -> bool:
    if not value.size or value.dtype.kind not in "iufb":
        return False
    same = value == value.flat[0]
    return bool(same.all() and (value.dtype.kind != "f" or len(np.unique(np.signbit(value))) == 1))


_COMPLEX = (complex, np.dtype(np.complex64), np.dtype(np.complex128), np.dtype(np.clongdouble))
_DIFFERENCES = frozenset({operator.sub, np.subtract})
_OF_POWERS = frozenset({operator.pow, np.power})
_MULTIPLICATIONS = frozenset({operator.mul, np.multiply})
_REDUCTIONS = frozenset({"sum", "mean", "max", "min", "prod"})
_CONJUNCTIONS = frozenset({operator.and_, np.logical_and, np.bitwise_and})
_EQUALITIES = frozenset({operator.eq, np.equal})

#: By function: where an operand may stand that changes nothing, and which.
_NEUTRAL: dict[Any, tuple[tuple[int, Any], ...]] = {
    **dict.fromkeys((operator.mul, np.multiply), ((0, 1.0), (1, 1.0), (0, 1), (1, 1))),
    **dict.fromkeys((operator.truediv, np.divide), ((1, 1.0), (1, 1))),
    **dict.fromkeys((operator.sub, np.subtract), ((1, 0.0), (1, 0))),
    **dict.fromkeys((operator.add, np.add), ((1, -0.0), (0, -0.0))),
    **dict.fromkeys((operator.pow, np.power), ((1, 1.0), (1, 1))),
}


class _Renaming:
    """Which atoms stand for variables whose equations were dropped."""

    def __init__(self) -> None:
        self.new: dict[Atom, Atom] = {}

    def update(self, old: tuple[Atom, ...], new: tuple[Atom, ...]) -> None:
        self.new.update(zip(old, new, strict=True))

    def atoms(self, atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
        return tuple(self.new.get(a, a) for a in atoms)

    def equation(self, equation: Equation) -> Equation:
        operands = self.atoms(equation.operands)
        if operands == equation.operands:
            return equation
        return Equation(equation.primitive, operands, equation.params, equation.outputs, equation.line)


def _hashable(value: Any) -> Any:
    """Return a parameter as what tells it from others: slices become tuples, numbers keep their types."""
    if type(value) is tuple:
        return tuple(map(_hashable, value))
    if type(value) is slice:
        return (slice, value.start, value.stop, value.step)
    return (type(value), repr(value) if isinstance(value, float | complex) else value)  # 0.0 and -0.0 are two
