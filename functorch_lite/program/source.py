"""Source: a program as one straight-line Python function.

Operators and NumPy's ufuncs are written as a person would write them; other primitives are called by name. A value that
is not needed again lends its memory to the next result of its shape and dtype. Numbers of no axes go through `math`,
which takes a tenth of NumPy's time for them.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from functorch_lite.calculus.matmul import parts_of_rows, parts_on_lines
from functorch_lite.calculus.replacing import write_part
from functorch_lite.core.cache_lines import read_on_line
from functorch_lite.core.primitive import JointPrimitive
from functorch_lite.program.assembly import is_assembly
from functorch_lite.program.blocks import write_group
from functorch_lite.program.equations import HISTORY
from functorch_lite.program.execution import Frames, identities, own_result
from functorch_lite.program.expansion import expanded
from functorch_lite.program.fusion import Group, steps
from functorch_lite.program.lowering import unwound
from functorch_lite.program.memory import Memory
from functorch_lite.program.namespace import Namespace
from functorch_lite.program.numbers import by_equations, number_expression
from functorch_lite.program.operators import INFIX, UFUNC_OF
from functorch_lite.program.phrases import PHRASES, literal
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable, names_of

__all__ = ["SMALLEST_COPIED", "Writer", "compiled", "written"]

#: Functions that convert a Python number to the dtype of the array beside it.
_OF_ONE_DTYPE = frozenset({*INFIX, np.maximum, np.minimum}) - {operator.pow}
_AUGMENTED = frozenset({"+", "-", "*", "/"})
_COMMUTATIVE = frozenset({"+", "*"})

#: The products from which on it pays to copy a transposed matrix that they share.
SMALLEST_COPIED = 8


def compiled(program: Program, shared: int | None = None, into: tuple[int, ...] = ()) -> Callable[..., tuple[Any, ...]]:
    """Return a function that computes a program: its source, compiled.

    Parameters
    ----------
    program
        The program.
    shared
        The first output that may share memory with an argument; None: all are in memory of their own.
    into
        The positions of outputs that are not returned but written into arrays, which are further arguments.
    """
    text, namespace = written(program, shared, into)
    exec(compile(text, f"<program {program.name}>", "exec"), namespace)
    function: Callable[..., tuple[Any, ...]] = namespace["program_"]
    function.__name__ = function.__qualname__ = program.name
    return function


def written(program: Program, shared: int | None = None, into: tuple[int, ...] = ()) -> tuple[str, dict[str, Any]]:
    """Return the source of a program, and the namespace in which it runs; see `compiled`."""
    return Writer(program, shared, into).result()


class Writer:
    """Writes one program; for the arguments see `compiled`."""

    def __init__(self, program: Program, shared: int | None, into: tuple[int, ...]) -> None:
        self.program = program = expanded(unwound(program))
        self.shared = len(program.outputs) if shared is None else shared
        #: The arrays that outputs are written into, by position.
        self.into = {i: f"d{i}" for i in into}
        self.names = names_of(program)
        self.namespace = Namespace()
        self.lines: list[str] = []
        self.steps = steps(program)
        self.memory = Memory(program, self.steps, self.names, self.into)
        #: Variables held as Python floats.
        self.numbers: set[Variable] = set()
        #: The outputs written so far, of which none may be given twice.
        self.given: set[Atom] = set()
        #: The equations that are written by `math`, by the number of the line.
        self.by_math: dict[int, Equation] = {}
        self.groups = 0
        #: The matrices that are transposed views.
        self.transposed = {
            e.outputs[0] for e in program.equations if e.primitive.word == "transpose" and e.params[0] == (1, 0)
        }
        factors = Counter(e.operands[1] for e in program.equations if e.primitive.word == "matmul")
        #: Those that many products read, which each would copy them.
        self.copied = {v for v in self.transposed if factors[v] >= SMALLEST_COPIED}

    def result(self) -> tuple[str, dict[str, Any]]:
        program = self.program
        body, outputs = self.statements()
        body.append(f"return {_tuple(outputs)}")
        arguments = ", ".join([*(self.names[v] for v in program.inputs), *self.into.values()])
        if self.memory.slots:
            returned = body.pop()
            body = [
                *self.frame(),
                *body,
                returned.replace("return ", "result_ = ", 1),
                "frames.give(frame_)",
                "return result_",
            ]
        text = "\n".join([f"def program_({arguments}):", *(f"    {line}" for line in body)])
        return text + "\n", dict(self.namespace)

    def frame(self) -> list[str]:
        """Return the lines that take the standing memory, which is given back by ``frames.give(frame_)``."""
        names, kinds, views = self.memory.frame
        self.namespace["frames"] = Frames(kinds, views)
        return ["frame_ = frames.take()", f"{', '.join(names)}, = frame_"]

    def statements(self) -> tuple[list[str], list[str]]:
        """Return the lines that compute the program, and expressions of the outputs that are to be returned."""
        program = self.program
        for variable, value in program.constants.items():
            self.namespace[self.names[variable]] = value
        for variable in program.inputs:
            if _is_number(variable):
                self.numbers.add(variable)
                if variable.dtype is not float:
                    self.lines.append(f"{self.names[variable]} = float({self.names[variable]})")
        for i, step in enumerate(self.steps):
            if isinstance(step, Group):
                write_group(self, i, step)
            else:
                self._equation(i, step)
            dead = self.memory.bury(i, step)
            if dead:
                self.lines.append(f"del {', '.join(dead)}")
        for i, name in self.into.items():
            if self.names.get(program.outputs[i]) != name:  # type: ignore[arg-type]
                self.lines.append(f"{name}[...] = {self.operand(program.outputs[i])}")
        outputs = self._results()
        self._guard()
        return self.lines, outputs

    def _guard(self) -> None:
        """Put lines of `math` into guards, each with the equations that NumPy computes where `math` raises."""
        lines: list[str] = []
        for has_math, numbers in groupby(range(len(self.lines)), self.by_math.__contains__):
            run = [*numbers]
            written = [self.lines[k] for k in run]
            if has_math:
                name = f"by_equations_{len(lines)}"
                inputs, outputs, self.namespace[name] = by_equations([self.by_math[k] for k in run])
                targets = "".join(f"{self.names[y]}, " for y in outputs)
                written = [
                    "try:",
                    *(f"    {line}" for line in written),
                    "except (ValueError, OverflowError, ZeroDivisionError):  # where NumPy gives inf or nan",
                    f"    {targets}= {name}({', '.join(map(self.operand, inputs))})",
                ]
            lines += written
        self.lines = lines

    def _equation(self, i: int, equation: Equation) -> None:
        elementwise = equation.primitive.is_pointwise or not equation.primitive.differentiable
        if elementwise and self._pointwise(i, equation):
            return
        if equation.outputs[0] in self.copied:
            self.namespace["np_contiguous"] = np.ascontiguousarray
            name, operand = self.names[equation.outputs[0]], self.operand(equation.operands[0])
            self.lines.append(f"{name} = np_contiguous({operand}.T)")
            return
        if equation.primitive.word == "where" and self._filled_in(i, equation):
            return
        if equation.primitive.word == "replace" and self._written_in_place(i, equation):
            return
        if is_assembly(equation) and self._assembled(equation):
            return
        template = PHRASES.get(equation.primitive.word)
        expression = template and template(self, equation)
        if expression is not None:
            slot = self.memory.slot(i, equation.outputs[0]) if equation.primitive.word == "matmul" else None
            if self._in_parts(equation, slot):
                return
            if slot is not None:
                self.lines.append(f"{expression[:-1]}, {slot})")
                return
            self.lines.append(f"{self.names[equation.outputs[0]]} = {expression}")
            self.memory.settle(equation)
            return
        name = self.namespace.function(equation.primitive)
        arguments = [self.operand(a) for a in equation.operands]
        if hasattr(equation.primitive, "entries"):  # it consists of programs
            arguments += self.memory.buffers(i, equation)
        elif equation.primitive.arity is None and not isinstance(equation.primitive, JointPrimitive):
            arguments = [_tuple(arguments)]
        elif isinstance(equation.primitive, JointPrimitive):
            arguments = [_tuple(arguments), "()"]
        if not isinstance(equation.primitive, JointPrimitive):
            arguments += [self.namespace.parameter(value) for value in equation.params]
        targets = ", ".join(self.names[v] for v in equation.outputs)
        comma = "," if equation.primitive.multiple and len(equation.outputs) == 1 else ""
        self.lines.append(f"{targets}{comma} = {name}({', '.join(arguments)})")
        self.memory.settle(equation)

    def _in_parts(self, equation: Equation, slot: str | None) -> bool:
        """Write a large product of matrices by parts of its rows; return whether that pays."""
        if equation.primitive.word != "matmul":
            return False
        (x, y), (output,) = equation.operands, equation.outputs
        if not isinstance(x, Variable) or not isinstance(y, Variable) or x.dtype != y.dtype:
            return False
        if not len(x.shape) == len(y.shape) == 2 or isinstance(x.dtype, type):
            return False
        (rows, depth), columns = x.shape, y.shape[1]
        if x in self.transposed:
            count = parts_of_rows(rows, depth, columns)
        else:
            count = parts_on_lines(rows, depth, columns, np.dtype(x.dtype))
        if count == 1:
            return False
        target = slot or self.new(output)
        self.namespace |= {"np_matmul": np.matmul, "read_on_line": read_on_line}
        right = self.operand(y) if y in self.memory.residents else f"read_on_line({self.operand(y)})"
        operands = f"{self.operand(x)}.reshape({(count, rows // count, depth)}), {right}"
        self.lines.append(f"np_matmul({operands}, {target}.reshape({(count, rows // count, columns)}))")
        return True

    def _pointwise(self, i: int, equation: Equation) -> bool:
        function, output = equation.primitive.function, equation.outputs[0]
        if len(equation.outputs) != 1 or equation.params:
            return False
        target = self.names[output]
        operands = equation.operands
        if _is_number(output) and all(isinstance(a, Literal) or a in self.numbers for a in operands):
            expression = number_expression(self, function, operands)
            if expression is not None:
                self.numbers.add(output)
                self.by_math[len(self.lines)] = equation
                self.lines.append(f"{target} = {expression}")
                return True
        texts = [self.constant(a, equation) or self.operand(a) for a in operands]
        infix = INFIX.get(function)
        ufunc = UFUNC_OF.get(function, function)
        if isinstance(ufunc, np.ufunc):
            slot = self.memory.slot(i, output, operands)
            if slot is not None:
                self.lines.append(self.namespace.call_into(ufunc, texts, slot))
                return True
        mine = [self.memory.lends(i, a, output) for a in operands]
        # Of Python numbers alone a ufunc makes a NumPy scalar, and an operator does not.
        is_strong = any(isinstance(a, Variable) and not isinstance(a.dtype, type) for a in operands)
        if infix is not None and len(operands) == 2 and (is_strong or not isinstance(function, np.ufunc)):
            if infix in _AUGMENTED and mine[0]:
                self._reuse(operands[0], output, f"{texts[0]} {infix}= {texts[1]}")
            elif infix in _COMMUTATIVE and mine[1]:
                self._reuse(operands[1], output, f"{texts[1]} {infix}= {texts[0]}")
            else:
                self.lines.append(f"{target} = {texts[0]} {infix} {texts[1]}")
        elif function is operator.neg or (function is np.negative and is_strong):
            self.lines.append(f"{target} = -{texts[0]}")
        elif isinstance(function, np.ufunc):
            name = self.namespace.ufunc(function)
            for operand, lends in zip(operands, mine, strict=True):
                if lends:
                    self._reuse(operand, output, self.namespace.call_into(function, texts, self.names[operand]))  # type: ignore[index]
                    break
            else:
                self.lines.append(f"{target} = {name}({', '.join(texts)})")
        else:
            self.lines.append(f"{target} = {self.namespace.function(equation.primitive)}({', '.join(texts)})")
        if isinstance(ufunc, np.ufunc):  # np.real and the like may give a view
            self.memory.owned.add(output)
        return True

    def _assembled(self, equation: Equation) -> bool:
        """Write the parts of a joined array that were not computed in their places into these, if others were."""
        missing = self.memory.assembled(equation)
        if missing is None:
            return False
        self.namespace["np_copyto"] = np.copyto
        self.lines += [f"np_copyto({place}, {self.operand(part)})" for place, part in missing]
        return True

    def _filled_in(self, i: int, equation: Equation) -> bool:
        """Write a choice between a number and truth values, which are copied as numbers: half the time of np.where."""
        (condition, number, flags), output = equation.operands, equation.outputs[0]
        if not (isinstance(condition, Variable) and isinstance(flags, Variable)):
            return False
        if isinstance(number, Variable) and number.shape:
            return False
        if flags.dtype != np.dtype(bool) or not condition.shape == flags.shape == output.shape or not output.shape:
            return False
        target = self.memory.slot(i, output) or self.new(output)
        self.namespace["np_copyto"] = np.copyto
        self.lines.append(f"np_copyto({target}, {self.operand(flags)})")
        self.lines.append(f"np_copyto({target}, {self.operand(number)}, where={self.operand(condition)})")
        return True

    def _written_in_place(self, i: int, equation: Equation) -> bool:
        """Write a replacement of elements into the array itself, if that is not needed again."""
        (x, *_), output = equation.operands, equation.outputs[0]
        if not self.memory.lends(i, x, output):
            return False
        self.namespace["write_part"] = write_part
        arrays = ", ".join(map(self.operand, equation.operands))
        parameters = ", ".join(map(self.namespace.parameter, equation.params[:2]))
        self._reuse(x, output, f"write_part(({arrays},), {parameters})")
        self.memory.owned.add(output)
        return True

    def constant(self, atom: Atom, equation: Equation) -> str | None:
        """Return the name of a 0-d array for a Python number beside an array, which saves NumPy a conversion.

        Powers stay as they are: NumPy computes x ** 2 for a number as x * x.
        """
        if not (isinstance(atom, Literal) and type(atom.value) in (int, float) and equation.outputs[0].shape):
            return None
        if equation.primitive.function not in _OF_ONE_DTYPE:
            return None
        dtypes = {a.dtype for a in equation.operands if isinstance(a, Variable)}
        if len(dtypes) != 1 or isinstance(dtype := dtypes.pop(), type) or dtype.kind not in "fc":
            return None
        return self.namespace.scalar(atom.value, dtype)

    def new(self, output: Variable) -> str:
        """Write the line that makes memory for a result, and return its name."""
        self.namespace["np_empty"] = np.empty
        name, dtype = self.names[output], self.namespace.parameter(np.dtype(output.dtype))
        self.lines.append(f"{name} = np_empty({output.shape!r}, {dtype})")
        self.memory.owned.add(output)
        return name

    def _reuse(self, operand: Any, output: Variable, line: str) -> None:
        self.lines.append(line)
        self.memory.take_over(operand, output)

    def operand(self, atom: Atom) -> str:
        """Return what stands for a value in an expression."""
        if isinstance(atom, Literal):
            return literal(atom.value)
        name = self.names[atom]
        return f"float64({name})" if atom in self.numbers and atom.dtype is not float else name

    def _results(self) -> list[str]:
        """Return expressions of the outputs that are to be returned, of which those that need it own their memory."""
        program = self.program
        results = [(i, a) for i, a in enumerate(program.outputs) if i not in self.into]
        standing = {*program.inputs, *program.constants}
        mine = dict.fromkeys(a for i, a in results if i < self.shared and isinstance(a, Variable) and self._is_array(a))
        unsure = {a for a in mine if a not in self.memory.owned and a not in standing}
        if unsure:
            others = [self.names[v] for v in (*program.inputs, *program.constants, *mine) if v not in unsure]
            may_be = {self.names[v] for v in self.memory.lenders(unsure)}
            taken = ", ".join(name for name in dict.fromkeys(others) if name in may_be)
            self.namespace |= {"own_result": own_result, "identities": identities}
            self.lines.append(f"taken_ = identities({taken})")
        return [self._result(i, a, standing, unsure) for i, a in results]

    def _is_array(self, variable: Variable) -> bool:
        """Say whether a value may be an array; one of no axes may also be a number of NumPy's."""
        return not variable.is_weak and variable.dtype is not HISTORY and variable not in self.numbers

    def _result(self, i: int, atom: Atom, standing: set[Variable], unsure: set[Variable]) -> str:
        if isinstance(atom, Literal):
            return literal(atom.value)
        name = self.operand(atom)
        if atom in self.program.constants and not atom.shape:
            return f"{name}[()]"  # a number, as an operation gives it
        if i >= self.shared or not self._is_array(atom):
            return name
        if atom in self.given or atom in standing:
            return f"np_array({name})" if atom.shape else f"{name}.copy()"
        self.given.add(atom)
        return f"own_result({name}, taken_)" if atom in unsure else name


def _is_number(variable: Variable) -> bool:
    return variable.shape == () and (variable.dtype is float or variable.dtype == np.float64)


def _tuple(texts: Sequence[str]) -> str:
    return f"({', '.join(texts)},)" if texts else "()"
