"""Equations replaced by simpler ones that give the same bits: a pass, and what it knows of each operation."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from functorch_lite.core.operators import SIMPLE_POWERS
from functorch_lite.core.primitive import PRIMITIVES, Primitive
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable
from functorch_lite.program.renaming import Renaming
from functorch_lite.program.signs import NEGATIONS

__all__ = ["is_uniform", "simplification"]


def simplification(program: Program) -> Program:
    """Replace equations by simpler ones that give the same bits: ``x * 1``, ``--x``, a transpose undone.

    Nothing is reassociated, and ``x + 0`` stays: it turns -0 into 0.
    """
    renamed = Renaming()
    makers: dict[Variable, Equation] = {}
    uniform = {variable: value.flat[0] for variable, value in program.constants.items() if is_uniform(value)}
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


def is_uniform(value: Any) -> bool:
    """Say whether all elements of an array are one number, with one sign."""
    if not value.size or value.dtype.kind not in "iufb":
        return False
    same = value == value.flat[0]
    return bool(same.all() and (value.dtype.kind != "f" or len(np.unique(np.signbit(value))) == 1))


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


def _alike(one: Variable, other: Variable) -> bool:
    """Say whether two variables agree in shape and dtype; the weak float of Python is not float64."""
    return one.shape == other.shape and type(one.dtype) is type(other.dtype) and bool(one.dtype == other.dtype)


def _is_number(atom: Atom, number: Any, uniform: dict[Variable, Any]) -> bool:
    if isinstance(atom, Literal):
        return atom == Literal(number)
    value = uniform.get(atom)
    return value is not None and value == number and bool(np.signbit(value) == np.signbit(number))


_COMPLEX = (complex, np.dtype(np.complex64), np.dtype(np.complex128), np.dtype(np.clongdouble))
_DIFFERENCES = frozenset({operator.sub, np.subtract})
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
