"""Standalone modules: a program written as a person would who has NumPy and nothing else.

This is for reading, keeping and shipping; what runs a compiled function is in ``source.py``. A value that is used once
stands where it is used, as long as lines stay short and no loop computes it again in each step; the others have names
that say what they are.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite.core.primitive import Primitive
from functorch_lite.program.bundling import Bundle, expression, literal, public_name
from functorch_lite.program.effects import Effect, tokens
from functorch_lite.program.equations import HISTORY, Atom, Equation, Literal, Variable, type_name
from functorch_lite.program.lowering import unwound
from functorch_lite.program.naming import Names
from functorch_lite.program.operators import INFIX
from functorch_lite.program.standalone_structures import WRITTEN, read_in_each_step
from functorch_lite.program.templates import BUILTINS, PREFIX, TEMPLATES, fields, parameter

if TYPE_CHECKING:
    from functorch_lite.program.program import Program

__all__ = ["standalone"]

#: Constants of so many elements stand in the text; larger ones are read from the file that `Program.save` writes.
LARGEST_INLINE = 64
#: An expression longer than this gets a name.
LONGEST_EXPRESSION = 60

#: What a result is called, where its primitive's name is no noun.
_NOUNS = {
    "absolute": "magnitude",
    "abs": "magnitude",
    "add": "total",
    "all": "all_true",
    "any": "any_true",
    "contract": "contraction",
    "convert": "converted",
    "cos": "cosine",
    "divide": "quotient",
    "exp": "exponential",
    "gather": "taken",
    "index": "part",
    "inv": "inverse",
    "log": "logarithm",
    "matmul": "product",
    "max": "largest",
    "min": "smallest",
    "mul": "product",
    "multiply": "product",
    "neg": "negative",
    "pow": "power",
    "cond": "chosen",
    "reshape": "reshaped",
    "scan": "carried",
    "switch": "chosen",
    "scatter": "scattered",
    "sin": "sine",
    "solve": "solution",
    "sqrt": "root",
    "sub": "difference",
    "subtract": "difference",
    "sum": "total",
    "transpose": "transposed",
    "truediv": "quotient",
    "unindex": "padded",
    "unwind": "cotangent",
    "while": "carried",
    "wind": "carried",
    "where": "selected",
}


def standalone(program: Program) -> str:
    """Return the text of a module that computes a program and imports NumPy only; see `Program.as_source`."""
    names = Names({"np", "math", "constants", program.name, *BUILTINS})
    bundle = Bundle(names)
    functions: list[str] = []
    head: list[str] = []
    writer = _Writer(program, program.name, names, bundle, head, functions, saved=program)
    arguments = writer.write()
    functions = [*bundle.definitions, *functions]
    if any(_loads(text, program.name) for text in functions):  # the function is called like a builtin that it needs
        alias = names.fresh(f"_{program.name}")
        head.append(f"{alias} = {program.name}")
        functions = [_renamed(text, program.name, alias) for text in functions]
    imports = ["import math\n\nimport numpy as np"] if bundle.uses_math else ["import numpy as np"]
    top = "\n".join([_title(program, arguments, writer.outputs), "", *imports, *_apart(head)])
    return "\n\n\n".join([top, *functions]) + "\n"


class _Writer:
    """Writes one program as one function."""

    def __init__(
        self,
        program: Program,
        name: str,
        names: Names,
        bundle: Bundle,
        head: list[str],
        functions: list[str],
        saved: Program,
    ) -> None:
        whole, program = program, unwound(program)
        self.program, self.name, self.names, self.bundle = program, name, names, bundle
        #: The program whose constants `Program.save` writes; those of functions that it calls stand in the text.
        self.saved = saved
        self.head, self.functions = head, functions
        self.local = names.scope()
        self.lines: list[str] = []
        self.texts: dict[Variable, str] = {}
        self.outputs = list(program.outputs)
        if saved is whole:  # a loop or a branch takes the tokens of its effects as results
            acting = {y for equation in program.equations for y in tokens(equation)}
            self.outputs = [a for a in program.outputs if a not in acting]
        self.uses = Counter(a for e in program.equations for a in e.operands)
        self.uses.update(self.outputs)
        self.uses.update(a for e in program.equations for a in read_in_each_step(e))

    def write(self) -> list[str]:
        """Write the function, and return the names of its arguments."""
        program = self.program
        uses = ((a, e) for e in program.equations for a in e.operands if a in program.constants)
        named = {a for a, e in uses if not self._as_number(a, e)}
        for variable, value in program.constants.items():
            if variable in named or variable in self.outputs:
                self._constant(variable, value)
        given = (*program.input_names, *("" for _ in program.inputs[len(program.input_names) :]))
        for variable, name in zip(program.inputs, given, strict=True):
            self.texts[variable] = self.local.fresh(name or "x")
        arguments = ", ".join(self.texts[v] for v in program.inputs)
        for equation in program.equations:
            self._equation(equation)
        results = ", ".join(map(self._atom, self.outputs))
        body = [*self.lines, f"return {results}" if self.outputs else "return ()"]
        text = "\n".join([f"def {self.name}({arguments}):", *(f"    {line}" for line in body)])
        self.functions.append(ast.unparse(ast.parse(text)))
        return [self.texts[v] for v in program.inputs]

    def _constant(self, variable: Variable, value: Any) -> None:
        name = self.texts[variable] = self.names.fresh("constant")
        if value.size <= LARGEST_INLINE or variable not in self.saved.constants:
            self.head.append(f"{name} = {_array(value)}")
            return
        entry = f"constant{list(self.saved.constants).index(variable)}"
        file = f"{self.program.name}.npz"
        if not any(line.startswith("with") for line in self.head):
            self.head[:0] = [f"# program.save({file!r}) writes this file.", f"with np.load({file!r}) as constants:"]
        place = next(i for i, line in enumerate(self.head) if line.startswith("with"))
        self.head.insert(place + 1, f"    {name} = constants[{entry!r}]")

    def _equation(self, equation: Equation) -> None:
        primitive = equation.primitive
        texts = [self._operand(a, equation) for a in equation.operands]
        structure = WRITTEN.get(primitive.word)
        if structure is not None:
            functions = [self._defined(entry.program) for entry in primitive.entries]  # type: ignore[attr-defined]
            targets = [self._named(y, primitive) for y in equation.outputs]
            self.lines += structure(equation, functions, texts, targets, self.local.fresh)
            return
        template = _template(equation)
        if isinstance(template, tuple):
            if isinstance(primitive, Effect):
                self.texts[equation.outputs[0]] = target = "True"
            else:
                target = self._named(equation.outputs[0], primitive)
            for line in template:
                self.lines.append(line.format(**fields(equation, texts, target)))
            return
        expression = self._expression(equation, template, texts)
        if primitive.multiple or len(equation.outputs) > 1:
            targets = [self._named(y, primitive) for y in equation.outputs]
            self.lines.append(f"{', '.join(targets)}, = {expression}")
            return
        (output,) = equation.outputs
        if self.uses[output] == 1 and len(expression) <= LONGEST_EXPRESSION:
            self.texts[output] = f"({expression})"
        else:
            self.lines.append(f"{self._named(output, primitive)} = {expression}")

    def _expression(self, equation: Equation, template: str | None, texts: list[str]) -> str:
        primitive, function = equation.primitive, equation.primitive.function
        if template is not None:
            return template.format(**fields(equation, texts, ""))
        if function in INFIX and len(texts) == 2 and self._has_dtype(equation, function):
            return f"{texts[0]} {INFIX[function]} {texts[1]}"
        if function in PREFIX and self._has_dtype(equation, function):
            return f"{PREFIX[function]}{texts[0]}"
        if primitive.word == "abs":
            return f"abs({texts[0]})"
        inner = getattr(getattr(primitive, "entry", None), "program", None)
        if inner is not None:  # a compiled function that this one calls
            name = self._defined(inner)
            return f"{name}({', '.join(texts)})" if len(inner.outputs) > 1 else f"({name}({', '.join(texts)}),)"
        if primitive.arity is None:
            texts = [f"({', '.join(texts)},)" if texts else "()"]
        try:
            if isinstance(function, partial):  # its arguments come first
                texts, function = [*map(parameter, function.args), *texts], function.func
            arguments = ", ".join([*texts, *map(parameter, equation.params)])
            return f"{public_name(function) or self.bundle.function(function)}({arguments})"
        except NotImplementedError as error:
            raise NotImplementedError(
                f"the primitive {primitive.name} (applied at {equation.line or 'an unknown line'}) cannot be written "
                f"with NumPy alone: {error}"
            ) from error

    def _defined(self, program: Program) -> str:
        """Define a function for a program in this one, and return its name."""
        name = self.names.fresh(f"_{program.name}")
        _Writer(program, name, self.names, self.bundle, self.head, self.functions, self.saved).write()
        return name

    def _has_dtype(self, equation: Equation, function: Any) -> bool:
        """Say whether an operator gives what a function does: of Python numbers a ufunc makes NumPy's."""
        return not isinstance(function, np.ufunc) or any(
            isinstance(a, Variable) and not a.is_weak for a in equation.operands
        )

    def _operand(self, atom: Atom, equation: Equation) -> str:
        return self._as_number(atom, equation) or self._atom(atom)

    def _as_number(self, atom: Atom, equation: Equation) -> str | None:
        """Return a constant as a Python number, which beside an array of its dtype gives the same."""
        value = self.program.constants.get(atom) if isinstance(atom, Variable) else None
        if value is None or value.shape or value.dtype.char not in "dD?l" or not equation.primitive.is_pointwise:
            return None
        others = [a for a in equation.operands if isinstance(a, Variable) and a not in self.program.constants]
        return literal(value.item()) if any(a.dtype == value.dtype and not a.is_weak for a in others) else None

    def _atom(self, atom: Atom) -> str:
        return literal(atom.value) if isinstance(atom, Literal) else self.texts[atom]

    def _named(self, variable: Variable, primitive: Primitive) -> str:
        is_read = self.uses[variable] or hasattr(primitive, "entries")  # a loop reads what it carries
        noun = "history" if variable.dtype is HISTORY else _NOUNS.get(primitive.word, primitive.name)
        base = noun if is_read else "_"
        self.texts[variable] = name = self.local.fresh("".join(c if c.isalnum() else "_" for c in base))
        return name


def _template(equation: Equation) -> str | tuple[str, ...] | None:
    primitive, params = equation.primitive, equation.params
    for flag in ("reverse", "inverse", "unique"):
        if flag in primitive.parameters and params[primitive.parameters.index(flag)]:
            variant = TEMPLATES.get(f"{primitive.word} {flag}")
            if variant is not None:
                return variant
    if primitive.word == "median" and not params[0]:
        return "np.median({x}, axis=-1)"
    if primitive.word == "convolve" and all(isinstance(a, Variable) and len(a.shape) == 1 for a in equation.operands):
        return f"np.convolve({{x}}, {{y}}, {'full' if params[0] else 'valid'!r})"
    return TEMPLATES.get(primitive.word)


def _array(value: Any) -> str:
    """Return an array as an expression."""
    if value.dtype in (np.dtype(float), np.dtype(np.int64), np.dtype(bool), np.dtype(complex)) and value.size:
        return f"np.array({_elements(value.tolist())})"
    kind = f".reshape({value.shape})"
    if value.dtype.char == "G":  # a complex number of more digits than Python's cannot be written
        value, kind = np.stack([value.real, value.imag], -1), f".view(np.clongdouble){kind}"
    return f"np.array({_elements(value.ravel().tolist())}, {parameter(value.dtype)}){kind}"


def _elements(value: Any) -> str:
    return f"[{', '.join(map(_elements, value))}]" if type(value) is list else expression(value)


def _loads(text: str, name: str) -> bool:
    """Say whether a function reads a name that is not its own."""
    nodes = [*ast.walk(ast.parse(text))]
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return name not in own and any(isinstance(node, ast.Name) and node.id == name for node in nodes)


def _renamed(text: str, name: str, alias: str) -> str:
    """Return a function that reads one name where it read another that is not its own."""
    if not _loads(text, name):
        return text
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name:
            node.id = alias
    return ast.unparse(tree)


def _title(program: Program, arguments: Sequence[str], outputs: Sequence[Atom]) -> str:
    kinds = [f"{name}: {type_name(v)}" for name, v in zip(arguments, program.inputs, strict=True)]
    results = ", ".join(type_name(a) if isinstance(a, Variable) else repr(a.value) for a in outputs)
    return "\n".join([f'"""The function {program.name}.', "", *kinds, f"returns: {results}", '"""'])


def _apart(head: Sequence[str]) -> list[str]:
    return ["", *head] if head else []
