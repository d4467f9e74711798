"""Optimisations: each is a function from programs to programs that computes the same numbers."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

import numpy as np

from functorch_lite.core.operators import SIMPLE_POWERS
from functorch_lite.core.primitive import PRIMITIVES, JointPrimitive, Primitive
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


def _simpler(equation: Equation, makers: dict[Variable, Equation], uniform: dict[Variable, Any]) -> Equation | Atom:
    """Return what gives the same bits as an equation: a simpler one, something that it reads, or itself."""
    function, word = equation.primitive.function, equation.primitive.word
    other = _beside_neutral(equation, uniform)
    if other is not None:
        return other
    first = equation.operands[0] if equation.operands else None
    if not isinstance(first, Variable):
        return equation
    simpler: Equation | Atom | None = None
    if word == "where":
        simpler = _chosen(equation, first, uniform)
    elif function is operator.pow:
        simpler = _as_root(equation, first)
    elif function in _MULTIPLICATIONS:
        simpler = _of_negated(equation, makers.get(first))
    elif function in NEGATIONS:
        simpler = _negated_twice(equation, makers.get(first))
    elif word in _REDUCTIONS:
        simpler = _over_no_axes(equation, first)
    elif word in _REARRANGEMENTS or function is np.positive:
        simpler = _rearranged(equation, first, makers.get(first))
    return equation if simpler is None else simpler


def _beside_neutral(equation: Equation, uniform: dict[Variable, Any]) -> Atom | None:
    """Return the one operand if the other changes nothing: ``x`` of ``x * 1``."""
    function, output, operands = equation.primitive.function, equation.outputs[0], equation.operands
    # One complex product by 1 is four real products and two sums, which do not keep infinities and signs.
    sides = _NEUTRAL.get(function, ())
    if sides and output.dtype in _COMPLEX and function not in _DIFFERENCES:
        return None
    for i, neutral in sides:
        other = operands[1 - i]
        if isinstance(other, Variable) and _alike(other, output) and _is_number(operands[i], neutral, uniform):
            return other
    return None


def _chosen(equation: Equation, condition: Variable, uniform: dict[Variable, Any]) -> Atom | None:
    """Return what ``where`` gives if its condition is the same everywhere."""
    if condition not in uniform:
        return None
    chosen = equation.operands[1 if uniform[condition] else 2]
    return chosen if isinstance(chosen, Variable) and _alike(chosen, equation.outputs[0]) else None


def _as_root(equation: Equation, base: Variable) -> Equation | None:
    """Return what NumPy itself computes for an array of real numbers to the power of 2, of 1/2 or the like."""
    exponent = equation.operands[1]
    if not (base.shape and base.dtype.kind == "f" and isinstance(exponent, Literal)):
        return None
    root = SIMPLE_POWERS.get(exponent.value) if isinstance(exponent.value, int | float) else None
    return None if root is None else _instead(equation, PRIMITIVES[root], (base,), ())


def _of_negated(equation: Equation, maker: Equation | None) -> Equation | None:
    """Return what is multiplied by a number after it was negated, multiplied by the opposite number."""
    if maker is None or maker.primitive.function not in NEGATIONS:
        return None
    (positive,), factor = maker.operands, equation.operands[1]
    if not (isinstance(factor, Literal) and type(factor.value) is float and isinstance(positive, Variable)):
        return None
    return equation.reading((positive, Literal(-factor.value)))


def _negated_twice(equation: Equation, maker: Equation | None) -> Atom | None:
    before = maker.operands[0] if maker is not None and maker.primitive.function in NEGATIONS else None
    return before if isinstance(before, Variable) and _alike(before, equation.outputs[0]) else None


def _over_no_axes(equation: Equation, x: Variable) -> Equation | Atom | None:
    """Return what a reduction over no axes is: its operand, of which a sum, which begins with 0, loses -0."""
    if equation.params[0] != () or not _alike(x, equation.outputs[0]):
        return None
    if equation.primitive.word in {"max", "min", "prod"}:
        return x
    return _instead(equation, PRIMITIVES[operator.add], (x, Literal(0.0)), ()) if x.dtype.kind == "f" else None


def _rearranged(equation: Equation, x: Variable, maker: Equation | None) -> Equation | Atom | None:
    """Return the operand of what moves nothing, or one rearrangement for two of the same sort."""
    word, unchanged = equation.primitive.word, _alike(x, equation.outputs[0])
    if maker is not None and maker.primitive is not equation.primitive:
        maker = None
    if word != "transpose":
        if unchanged:
            return x
        return equation.reading(maker.operands) if maker is not None and word == "reshape" else None
    (axes,) = equation.params
    unmoved = tuple(range(len(axes)))
    if axes == unmoved and unchanged:
        return x
    if maker is None:
        return None
    (before,) = maker.params
    both = tuple(before[axis] for axis in axes)
    return maker.operands[0] if both == unmoved else _instead(equation, equation.primitive, maker.operands, (both,))


def _instead(equation: Equation, primitive: Primitive, operands: tuple[Atom, ...], params: tuple[Any, ...]) -> Equation:
    """Return another equation for the same outputs, of the same line of the user's program."""
    return Equation(primitive, operands, params, equation.outputs, equation.line)


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
_REARRANGEMENTS = frozenset({"reshape", "broadcast_to", "convert", "transpose"})
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
        return equation.reading(operands)


def _hashable(value: Any) -> Any:
    """Return a parameter as what tells it from others: slices become tuples, numbers keep their types."""
    if type(value) is tuple:
        return tuple(map(_hashable, value))
    if type(value) is slice:
        return (slice, value.start, value.stop, value.step)
    return (type(value), repr(value) if isinstance(value, float | complex) else value)  # 0.0 and -0.0 are two
