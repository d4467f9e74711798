"""Source: a program as one straight-line Python function.

Operators and NumPy's ufuncs are written as a person would write them; other primitives are called by name. A value that
is not needed again lends its memory to the next result of its shape and dtype. Numbers of no axes go through `math`,
which takes a tenth of NumPy's time for them.
"""

from __future__ import annotations

import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from functorch_lite.calculus.matmul import parts_of_rows, parts_on_lines
from functorch_lite.calculus.replacing import write_part
from functorch_lite.core.cache_lines import read_on_line
from functorch_lite.core.primitive import JointPrimitive
from functorch_lite.program.blocks import write_group
from functorch_lite.program.execution import Frames, identities, own_result
from functorch_lite.program.expansion import expanded
from functorch_lite.program.fusion import Group, Step, steps
from functorch_lite.program.liveness import FRESH, is_fresh, last_uses
from functorch_lite.program.lowering import unwound
from functorch_lite.program.numbers import by_equations, number_expression
from functorch_lite.program.operators import INFIX, UFUNC_OF
from functorch_lite.program.phrases import PHRASES, is_plain, literal
from functorch_lite.program.program import Atom, Equation, Literal, Program, Variable, names_of

__all__ = ["SMALLEST_COPIED", "Writer", "compiled", "written"]

#: Functions that convert a Python number to the dtype of the array beside it.
_OF_ONE_DTYPE = frozenset({*INFIX, np.maximum, np.minimum}) - {operator.pow}
_AUGMENTED = frozenset({"+", "-", "*", "/"})
_COMMUTATIVE = frozenset({"+", "*"})

#: The products from which on it pays to copy a transposed matrix that they share.
SMALLEST_COPIED = 8

#: Below so many bytes new memory is cheaper than NumPy's check whether an operand overlaps the result.
SMALLEST_REUSED = 1 << 14

def compiled(
    program: Program, shared: int | None = None, into: tuple[int, ...] = ()
) -> Callable[..., tuple[Any, ...]]:
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


def written(
    program: Program, shared: int | None = None, into: tuple[int, ...] = ()
) -> tuple[str, dict[str, Any]]:
    """Return the source of a program, and the namespace in which it runs; see `compiled`."""
    return Writer(program, shared, into).result()


class Writer:
    """Writes one program; for the arguments see `compiled`."""

    def __init__(self, program: Program, shared: int | None, into: tuple[int, ...]) -> None:
        self.program = program = expanded(unwound(program))
        self.shared = len(program.outputs) if shared is None else shared
        #: The arrays that outputs are written into, by position; and by variable those that a result may go to at once.
        self.into = {i: f"d{i}" for i in into}
        made = {y for equation in program.equations for y in equation.outputs}
        self.destinations = {program.outputs[i]: name for i, name in self.into.items() if program.outputs[i] in made}
        self.names = names_of(program)
        # Variables are named by letters only: what has a digit or an underscore in its name cannot be hidden by one.
        self.namespace: dict[str, Any] = {
            "np_array": np.array,
            "float64": np.float64,
            "np_inf": math.inf,
            "np_nan": math.nan,
        }
        self.functions: dict[Any, str] = {}
        self.scalars: dict[Any, str] = {}
        self.lines: list[str] = []
        self.steps = steps(program)
        self.uses = last_uses(program, self.steps)
        #: Variables held as Python floats.
        self.numbers: set[Variable] = set()
        #: Variables in memory of their own, which nothing but the program refers to.
        self.owned: set[Variable] = set()
        #: The standing memory of large results: which slots there are, which are free, and who is where.
        self.slots: list[Variable] = []
        self.free: dict[Any, list[int]] = {}
        self.residents: dict[Variable, int] = {}
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
        if self.slots:
            returned = body.pop()
            body = [
                *self.frame(),
                *body,
                returned.replace("return ", "result_ = ", 1),
                "frames.give(frame_)",
                "return result_",
            ]
        text = "\n".join([f"def program_({arguments}):", *(f"    {line}" for line in body)])
        return text + "\n", self.namespace

    def frame(self) -> list[str]:
        """Return the lines that take the standing memory, which is given back by ``frames.give(frame_)``."""
        self.namespace["frames"] = Frames([(v.shape, v.dtype) for v in self.slots])
        return ["frame_ = frames.take()", f"{', '.join(f's{k}' for k in range(len(self.slots)))}, = frame_"]

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
            self._bury(i, step)
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
        template = PHRASES.get(equation.primitive.word)
        expression = template and template(self, equation)
        if expression is not None:
            slot = self._slot(i, equation.outputs[0]) if equation.primitive.word == "matmul" else None
            if self._in_parts(equation, slot):
                return
            if slot is not None:
                self.lines.append(f"{expression[:-1]}, {slot})")
                return
            self.lines.append(f"{self.names[equation.outputs[0]]} = {expression}")
            self._settle(equation)
            return
        name = self._function(equation.primitive)
        arguments = [self.operand(a) for a in equation.operands]
        if hasattr(equation.primitive, "entries"):  # it consists of programs
            arguments += self._buffers(i, equation)
        elif equation.primitive.arity is None and not isinstance(equation.primitive, JointPrimitive):
            arguments = [_tuple(arguments)]
        elif isinstance(equation.primitive, JointPrimitive):
            arguments = [_tuple(arguments), "()"]
        if not isinstance(equation.primitive, JointPrimitive):
            arguments += [self._parameter(value) for value in equation.params]
        targets = ", ".join(self.names[v] for v in equation.outputs)
        comma = "," if equation.primitive.multiple and len(equation.outputs) == 1 else ""
        self.lines.append(f"{targets}{comma} = {name}({', '.join(arguments)})")
        self._settle(equation)

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
        target = slot or self.names[output]
        self.namespace |= {"np_matmul": np.matmul, "np_empty": np.empty, "read_on_line": read_on_line}
        if slot is None:
            self.lines.append(f"{target} = np_empty({output.shape}, {self._parameter(np.dtype(output.dtype))})")
            self.owned.add(output)
        right = self.operand(y) if y in self.residents else f"read_on_line({self.operand(y)})"
        operands = f"{self.operand(x)}.reshape({(count, rows // count, depth)}), {right}"
        self.lines.append(f"np_matmul({operands}, {target}.reshape({(count, rows // count, columns)}))")
        return True

    def _buffers(self, i: int, equation: Equation) -> list[str]:
        """Return the names of standing memory for what a loop fills; None for what leaves the program."""
        names = []
        for shape, dtype, places in getattr(equation.primitive, "buffers", tuple)():
            if any(self.uses.get(equation.outputs[j], i) >= len(self.steps) for j in places):
                names.append("None")
            else:
                names.append(f"s{len(self.slots)}")
                self.slots.append(Variable(shape, dtype))
        return names

    def _settle(self, equation: Equation) -> None:
        """Note whether the results of an equation are in memory of their own."""
        if equation.primitive.word in FRESH:
            self.owned.update(v for v in equation.outputs if v.shape)

    def _bury(self, i: int, step: Step) -> None:
        """Let go of what is not needed after a step."""
        equations = step.equations if isinstance(step, Group) else (step,)
        seen = dict.fromkeys(v for e in equations for v in (*e.operands, *e.outputs) if isinstance(v, Variable))
        dead = [v for v in seen if self.uses.get(v, i) == i and v.shape]
        names = []
        for variable in dead:
            slot = self.residents.pop(variable, None)
            if slot is not None:
                self.free.setdefault(_kind(variable), []).append(slot)
            elif variable in self.owned and variable.nbytes >= SMALLEST_REUSED:
                names.append(self.names[variable])
            self.owned.discard(variable)
        if names:
            self.lines.append(f"del {', '.join(names)}")

    def _slot(self, i: int, output: Variable, operands: tuple[Atom, ...] = ()) -> str | None:
        """Return the name of memory for a result; None if it has no axes, or leaves the program."""
        if output in self.destinations:
            self.names[output] = name = self.destinations[output]
            return name
        if self.uses.get(output, i) >= len(self.steps) or not output.shape:
            return None
        kind = _kind(output)
        dying = [a for a in operands if isinstance(a, Variable) and a in self.residents and self.uses[a] == i]
        lenders = [a for a in dying if _kind(a) == kind and output.nbytes >= SMALLEST_REUSED]
        if lenders:
            slot = self.residents.pop(lenders[0])
        elif self.free.setdefault(kind, []):
            slot = self.free[kind].pop()
        else:
            slot = len(self.slots)
            self.slots.append(output)
        self.residents[output] = slot
        self.names[output] = f"s{slot}"
        return f"s{slot}"

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
        texts = [self._constant(a, equation) or self.operand(a) for a in operands]
        infix = INFIX.get(function)
        ufunc = UFUNC_OF.get(function, function)
        if isinstance(ufunc, np.ufunc):
            slot = self._slot(i, output, operands)
            if slot is not None:
                self.lines.append(self._call_into(ufunc, texts, slot))
                return True
        mine = [self._lends(i, a, output) for a in operands]
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
            name = self._ufunc(function)
            for operand, lends in zip(operands, mine, strict=True):
                if lends:
                    self._reuse(operand, output, self._call_into(function, texts, self.names[operand]))  # type: ignore[index]
                    break
            else:
                self.lines.append(f"{target} = {name}({', '.join(texts)})")
        else:
            self.lines.append(f"{target} = {self._function(equation.primitive)}({', '.join(texts)})")
        if output.shape and isinstance(ufunc, np.ufunc):  # np.real and the like may give a view
            self.owned.add(output)
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
        target = self._slot(i, output)
        if target is None:
            target = self.names[output]
            self.namespace["np_empty"] = np.empty
            self.lines.append(f"{target} = np_empty({output.shape}, {self._parameter(np.dtype(output.dtype))})")
            self.owned.add(output)
        self.namespace["np_copyto"] = np.copyto
        self.lines.append(f"np_copyto({target}, {self.operand(flags)})")
        self.lines.append(f"np_copyto({target}, {self.operand(number)}, where={self.operand(condition)})")
        return True

    def _written_in_place(self, i: int, equation: Equation) -> bool:
        """Write a replacement of elements into the array itself, if that is not needed again."""
        (x, *_), output = equation.operands, equation.outputs[0]
        if not self._lends(i, x, output):
            return False
        self.namespace["write_part"] = write_part
        arrays = ", ".join(map(self.operand, equation.operands))
        parameters = ", ".join(map(self._parameter, equation.params[:2]))
        self._reuse(x, output, f"write_part(({arrays},), {parameters})")
        self.owned.add(output)
        return True

    def _lends(self, i: int, atom: Atom, output: Variable) -> bool:
        """Say whether an operand's memory may take the result."""
        return (
            isinstance(atom, Variable)
            and atom in self.owned
            and atom not in self.residents
            and self.uses[atom] == i
            and (atom.shape, atom.dtype) == (output.shape, output.dtype)
            and output.nbytes >= SMALLEST_REUSED
        )

    def _call_into(self, function: np.ufunc, texts: list[str], target: str) -> str:
        """Return a call that puts its result into memory at hand."""
        out = "out=" if function in (np.maximum, np.minimum) else ""  # a third positional argument is deprecated there
        return f"{self._ufunc(function)}({', '.join(texts)}, {out}{target})"

    def _ufunc(self, function: np.ufunc) -> str:
        name = f"np_{function.__name__}"
        if self.namespace.setdefault(name, function) is not function:
            name = f"{name}_{len(self.namespace)}"
            self.namespace[name] = function
        return name

    def _constant(self, atom: Atom, equation: Equation) -> str | None:
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
        key = (repr(atom.value), dtype)
        if key not in self.scalars:
            self.scalars[key] = f"c{len(self.scalars)}"
            self.namespace[self.scalars[key]] = np.array(atom.value, dtype)
        return self.scalars[key]

    def _reuse(self, operand: Any, output: Variable, line: str) -> None:
        self.lines.append(line)
        self.owned.discard(operand)
        self.names[output] = self.names[operand]

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
        mine = dict.fromkeys(a for i, a in results if i < self.shared and isinstance(a, Variable) and a.shape)
        unsure = {a for a in mine if a not in self.owned and a not in standing}
        if unsure:
            others = [self.names[v] for v in (*program.inputs, *program.constants, *mine) if v not in unsure]
            may_be = {self.names[v] for v in self._may_be(unsure)}
            taken = ", ".join(name for name in dict.fromkeys(others) if name in may_be)
            self.namespace |= {"own_result": own_result, "identities": identities}
            self.lines.append(f"taken_ = identities({taken})")
        return [self._result(i, a, standing, unsure) for i, a in results]

    def _result(self, i: int, atom: Atom, standing: set[Variable], unsure: set[Variable]) -> str:
        if isinstance(atom, Literal):
            return literal(atom.value)
        name = self.operand(atom)
        if atom in self.program.constants and not atom.shape:
            return f"{name}[()]"  # a number, as an operation gives it
        if i >= self.shared or not atom.shape:
            return name
        if atom in self.given or atom in standing:
            return f"np_array({name})"
        self.given.add(atom)
        return f"own_result({name}, taken_)" if atom in unsure else name

    def _may_be(self, variables: set[Variable]) -> set[Variable]:
        """Return what may be the same array as one of some variables, or lend it its memory."""
        found = set(variables)
        for equation in reversed(self.program.equations):
            if not found.isdisjoint(equation.outputs) and not is_fresh(equation):
                found.update(a for a in equation.operands if isinstance(a, Variable))
        return found

    def _function(self, primitive: Any) -> str:
        name = self.functions.get(id(primitive))
        if name is None:
            base = re.sub(r"\W", "_", primitive.name)
            name = f"f{len(self.functions)}_{base}"
            self.functions[id(primitive)] = name
            joint = primitive.bind if isinstance(primitive, JointPrimitive) else primitive.function
            self.namespace[name] = primitive.run if hasattr(primitive, "entries") else joint
        return name

    def _parameter(self, value: Any) -> str:
        text = repr(value)
        if is_plain(value):
            return text
        name = f"p{len(self.namespace)}"
        self.namespace[name] = value
        return name


def _is_number(variable: Variable) -> bool:
    return variable.shape == () and (variable.dtype is float or variable.dtype == np.float64)


def _kind(variable: Variable) -> Any:
    return variable.shape, np.dtype(variable.dtype)


def _tuple(texts: Sequence[str]) -> str:
    return f"({', '.join(texts)},)" if texts else "()"
