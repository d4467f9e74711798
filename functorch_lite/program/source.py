"""Source: a program as one straight-line Python function.

Operators and NumPy's ufuncs are written as a person would write them; other primitives are called by name. A value that
is not needed again lends its memory to the next result of its shape and dtype. Numbers of no axes go through `math`,
which takes a tenth of NumPy's time for them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.primitive import JointPrimitive
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable, names_of

__all__ = ["compiled", "written"]

_INFIX = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.pow: "**",
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
    operator.eq: "==",
    operator.ne: "!=",
    np.add: "+",
    np.subtract: "-",
    np.multiply: "*",
    np.divide: "/",
    np.less: "<",
    np.less_equal: "<=",
    np.greater: ">",
    np.greater_equal: ">=",
}
_AUGMENTED = frozenset({"+", "-", "*", "/"})
_COMMUTATIVE = frozenset({"+", "*"})

#: The functions of `math` that agree with NumPy's to the last bit or nearly so.
_MATH = {
    np.sin: "sin",
    np.cos: "cos",
    np.tan: "tan",
    np.exp: "exp",
    np.log: "log",
    np.log1p: "log1p",
    np.expm1: "expm1",
    np.sqrt: "sqrt",
    np.tanh: "tanh",
    np.sinh: "sinh",
    np.cosh: "cosh",
    np.arctan: "atan",
    np.arcsin: "asin",
    np.arccos: "acos",
    np.hypot: "hypot",
    np.arctan2: "atan2",
}

#: Below so many bytes new memory is cheaper than NumPy's check whether an operand overlaps the result.
SMALLEST_REUSED = 1 << 14

#: Primitives whose result never shares memory with an operand.
_FRESH = frozenset({"concatenate", "cumprod", "cumsum", "gather", "matmul", "max", "mean", "min", "prod", "stack", "sum"})


def compiled(program: Program) -> Callable[..., tuple[Any, ...]]:
    """Return a function that computes a program: its source, compiled."""
    text, namespace = written(program)
    exec(compile(text, f"<program {program.name}>", "exec"), namespace)
    function: Callable[..., tuple[Any, ...]] = namespace[program.name]
    return function


def written(program: Program) -> tuple[str, dict[str, Any]]:
    """Return the source of a program, and the namespace in which it runs."""
    return _Writer(program).result()


class _Writer:
    """Writes one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.names = names_of(program)
        self.namespace: dict[str, Any] = {"np": np, "math": math, "float64": np.float64}
        self.functions: dict[Any, str] = {}
        self.scalars: dict[Any, str] = {}
        self.lines: list[str] = []
        self.uses = _last_uses(program)
        #: Variables held as Python floats.
        self.numbers: set[Variable] = set()
        #: Variables whose memory this function has allocated and nobody else sees.
        self.owned: set[Variable] = set()
        #: Variables that may share memory with an input or a constant.
        self.foreign: set[Variable] = {*program.inputs, *program.constants}
        self.has_math = False

    def result(self) -> tuple[str, dict[str, Any]]:
        program = self.program
        for variable, value in program.constants.items():
            self.namespace[self.names[variable]] = value
        for variable in program.inputs:
            if _is_number(variable):
                self.numbers.add(variable)
                if variable.dtype is not float:
                    self.lines.append(f"{self.names[variable]} = float({self.names[variable]})")
        for i, equation in enumerate(program.equations):
            self._equation(i, equation)
        outputs = ", ".join(map(self._output, program.outputs))
        self.lines.append(f"return ({outputs},)" if program.outputs else "return ()")
        arguments = ", ".join(self.names[v] for v in program.inputs)
        body = self.lines
        if self.has_math:
            self.namespace["by_equations"] = program
            body = [
                "try:",
                *(f"    {line}" for line in body),
                "except (ValueError, OverflowError, ZeroDivisionError):  # where NumPy gives inf or nan",
                f"    return by_equations({arguments})",
            ]
        text = "\n".join([f"def {program.name}({arguments}):", *(f"    {line}" for line in body)])
        return text + "\n", self.namespace

    def _equation(self, i: int, equation: Equation) -> None:
        elementwise = equation.primitive.is_pointwise or not equation.primitive.differentiable
        if elementwise and self._pointwise(i, equation):
            return
        name = self._function(equation.primitive)
        arguments = [self._operand(a) for a in equation.operands]
        if equation.primitive.arity is None and not isinstance(equation.primitive, JointPrimitive):
            arguments = [f"({', '.join(arguments)},)"]
        elif isinstance(equation.primitive, JointPrimitive):
            arguments = [f"({', '.join(arguments)},)", "()"]
        if not isinstance(equation.primitive, JointPrimitive):
            arguments += [self._parameter(value) for value in equation.params]
        targets = ", ".join(self.names[v] for v in equation.outputs)
        comma = "," if equation.primitive.multiple and len(equation.outputs) == 1 else ""
        self.lines.append(f"{targets}{comma} = {name}({', '.join(arguments)})")
        fresh = equation.primitive.name in _FRESH
        if not fresh:
            read = [a for a in equation.operands if isinstance(a, Variable)]
            self.owned.difference_update(read)
            if any(a in self.foreign for a in read):
                self.foreign.update(equation.outputs)
        else:
            self.owned.update(v for v in equation.outputs if v.shape)

    def _pointwise(self, i: int, equation: Equation) -> bool:
        function, output = equation.primitive.function, equation.outputs[0]
        if len(equation.outputs) != 1 or equation.params:
            return False
        target = self.names[output]
        operands = equation.operands
        if _is_number(output) and all(isinstance(a, Literal) or a in self.numbers for a in operands):
            expression = self._number(function, operands)
            if expression is not None:
                self.has_math = True
                self.numbers.add(output)
                self.lines.append(f"{target} = {expression}")
                return True
        texts = [self._constant(a, output, operands) or self._operand(a) for a in operands]
        infix = _INFIX.get(function)
        mine = [self._lends(i, a, output) for a in operands]
        if infix is not None and len(operands) == 2:
            if infix in _AUGMENTED and mine[0]:
                self._reuse(operands[0], output, f"{texts[0]} {infix}= {texts[1]}")
            elif infix in _COMMUTATIVE and mine[1]:
                self._reuse(operands[1], output, f"{texts[1]} {infix}= {texts[0]}")
            else:
                self.lines.append(f"{target} = {texts[0]} {infix} {texts[1]}")
        elif function is operator.neg or function is np.negative:
            self.lines.append(f"{target} = -{texts[0]}")
        elif isinstance(function, np.ufunc):
            name = self._ufunc(function)
            for operand, lends in zip(operands, mine, strict=True):
                if lends:
                    self._reuse(operand, output, f"{name}({', '.join(texts)}, {self.names[operand]})")  # type: ignore[index]
                    break
            else:
                self.lines.append(f"{target} = {name}({', '.join(texts)})")
        else:
            self.lines.append(f"{target} = {self._function(equation.primitive)}({', '.join(texts)})")
        if output.shape:
            self.owned.add(output)
        return True

    def _number(self, function: Any, operands: tuple[Atom, ...]) -> str | None:
        texts = [repr(a.value) if isinstance(a, Literal) else self.names[a] for a in operands]
        if any(isinstance(a, Literal) and not isinstance(a.value, int | float) for a in operands):
            return None
        infix = _INFIX.get(function)
        if infix in {"+", "-", "*", "/"}:
            return f"{texts[0]} {infix} {texts[1]}"
        if function in (operator.neg, np.negative):
            return f"-{texts[0]}"
        if function in (np.positive,):
            return texts[0]
        if function is np.square:
            return f"{texts[0]} * {texts[0]}"
        name = _MATH.get(function)
        if name is None:
            return None
        self.namespace[name] = getattr(math, name)
        return f"{name}({', '.join(texts)})"

    def _lends(self, i: int, atom: Atom, output: Variable) -> bool:
        """Say whether an operand's memory may take the result."""
        return (
            isinstance(atom, Variable)
            and atom in self.owned
            and self.uses[atom] == i
            and (atom.shape, atom.dtype) == (output.shape, output.dtype)
            and output.nbytes >= SMALLEST_REUSED
        )

    def _ufunc(self, function: np.ufunc) -> str:
        name = function.__name__
        if self.namespace.setdefault(name, function) is not function:
            name = f"{name}_{len(self.namespace)}"
            self.namespace[name] = function
        return name

    def _constant(self, atom: Atom, output: Variable, operands: tuple[Atom, ...]) -> str | None:
        """Return the name of a 0-d array for a Python number beside an array, which NumPy would convert at each call."""
        if not (isinstance(atom, Literal) and type(atom.value) in (int, float) and output.shape):
            return None
        dtypes = {a.dtype for a in operands if isinstance(a, Variable)}
        if len(dtypes) != 1 or isinstance(dtype := dtypes.pop(), type) or dtype.kind not in "fc":
            return None
        key = (repr(atom.value), dtype)
        if key not in self.scalars:
            self.scalars[key] = f"c{len(self.scalars)}"
            self.namespace[self.scalars[key]] = np.array(atom.value, dtype)
        return self.scalars[key]

    def _reuse(self, operand: Any, output: Variable, line: str) -> None:
        self.lines.append(line)
        self.owned.discard(operand)
        self.names[output] = self.names[operand]

    def _operand(self, atom: Atom) -> str:
        if isinstance(atom, Literal):
            return _literal(atom.value)
        name = self.names[atom]
        return f"float64({name})" if atom in self.numbers and atom.dtype is not float else name

    def _output(self, atom: Atom) -> str:
        if isinstance(atom, Literal):
            return _literal(atom.value)
        name = self._operand(atom)
        return f"np.array({name})" if atom in self.foreign and atom.shape else name

    def _function(self, primitive: Any) -> str:
        name = self.functions.get(id(primitive))
        if name is None:
            base = "".join(c if c.isalnum() else "_" for c in primitive.name)
            name = f"{base}_{len(self.functions)}"
            self.functions[id(primitive)] = name
            self.namespace[name] = primitive.bind if isinstance(primitive, JointPrimitive) else primitive.function
        return name

    def _parameter(self, value: Any) -> str:
        text = repr(value)
        if _is_plain(value):
            return text
        name = f"p{len(self.namespace)}"
        self.namespace[name] = value
        return name


def _literal(value: Any) -> str:
    text = repr(value)
    return f"({text})" if text.startswith("-") else {"inf": "math.inf", "nan": "math.nan"}.get(text, text)


def _is_plain(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_plain, value))
    return value is None or value is Ellipsis or type(value) in (int, bool, str) or (
        type(value) is float and math.isfinite(value)
    ) or (type(value) is slice and all(map(_is_plain, (value.start, value.stop, value.step))))


def _is_number(variable: Variable) -> bool:
    return variable.shape == () and (variable.dtype is float or variable.dtype == np.float64)


def _last_uses(program: Program) -> dict[Variable, int]:
    """Return the number of the equation that uses each variable last; that of outputs is beyond the last."""
    uses: dict[Variable, int] = {}
    for i, equation in enumerate(program.equations):
        uses.update(dict.fromkeys((a for a in equation.operands if isinstance(a, Variable)), i))
    uses.update(dict.fromkeys((a for a in program.outputs if isinstance(a, Variable)), len(program.equations)))
    return uses
