"""Programs: a list of equations, each a primitive applied to earlier values, in static single assignment form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.core.primitive import NAMED
from functorch_lite.program.cost import Cost, cost
from functorch_lite.program.equations import Atom, Equation, Literal, Variable, names_of, type_name
from functorch_lite.program.picture import dot, svg, table
from functorch_lite.program.standalone import standalone

__all__ = ["Atom", "Equation", "Literal", "Pass", "Program", "Variable", "names_of", "type_name"]


@dataclass(frozen=True, eq=False)
class Program:
    """A function of arrays as data: inputs, equations, outputs.

    Attributes
    ----------
    inputs
        The variables that a call gives values.
    equations
        In the order in which they are computed.
    outputs
        Variables and literals.
    constants
        The arrays that the function closed over, by variable.
    name
        The function's.
    input_names
        What the function calls its inputs, for texts and pictures; it may be empty, or shorter than the inputs.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> program = ft.make_program(lambda x: np.sum(np.sin(x) * 2.0))(np.zeros(3))
    >>> print(program)
    program f(a: float64[3]):
        b: float64[3] = sin(a)
        c: float64[3] = mul(b, 2.0)
        d: float64[] = sum(c, axes=(0,), keepdims=False)
        return d
    >>> program(np.array([0.0, np.pi / 2, np.pi / 2]))
    (np.float64(4.0),)
    """

    inputs: tuple[Variable, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Atom, ...]
    constants: dict[Variable, Any] = field(default_factory=dict)
    name: str = "f"
    input_names: tuple[str, ...] = ()

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Evaluate the program, equation by equation, on arrays or traced values."""
        if len(arrays) != len(self.inputs):
            raise TypeError(f"program {self.name} takes {len(self.inputs)} arrays; it was given {len(arrays)}")
        values: dict[Variable, Any] = dict(zip(self.inputs, arrays, strict=True))
        values |= self.constants
        for equation in self.equations:
            read = [a.value if type(a) is Literal else values[a] for a in equation.operands]  # type: ignore[index]
            values.update(zip(equation.outputs, equation.apply(read), strict=True))
        return tuple(a.value if isinstance(a, Literal) else values[a] for a in self.outputs)

    def __len__(self) -> int:
        return len(self.equations)

    def __eq__(self, other: object) -> bool:
        """Say whether two programs are the same but for the names of their variables."""
        return isinstance(other, Program) and _canonical(self) == _canonical(other)

    def __hash__(self) -> int:
        return hash((len(self.inputs), len(self.equations), len(self.outputs)))

    def __str__(self) -> str:
        return _printed(self)

    @staticmethod
    def parse(text: str) -> Program:
        """Read a program from what ``print`` shows of it.

        Raises
        ------
        ValueError
            If a line is no equation, or names a primitive that does not exist.
        """
        return _parsed(text)

    def save(self, file: Any) -> None:
        """Write the program to a file, as its text and its constants; `load` reads it."""
        constants = {f"constant{i}": value for i, value in enumerate(self.constants.values())}
        text = np.array(_printed(self, constants=False))
        if hasattr(file, "write"):
            np.savez(file, text=text, **constants)
        else:
            with open(file, "wb") as opened:  # NumPy would add its own suffix to a name
                np.savez(opened, text=text, **constants)

    @staticmethod
    def load(file: Any) -> Program:
        """Read a program that `save` has written."""
        with np.load(file) as saved:
            return _parsed(str(saved["text"]), [saved[f"constant{i}"] for i in range(len(saved.files) - 1)])

    def as_source(self) -> str:
        """Return the text of a module that computes the program with NumPy alone.

        It defines one function of the program's name. Constants of more than 64 elements are read from the file that
        `save` writes. Results agree with the program's up to rounding.

        Raises
        ------
        NotImplementedError
            If a primitive cannot be written with NumPy alone; the message names it.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> def f(x):
        ...     return np.sum(np.sin(x) ** 2)
        >>> print(ft.jit(ft.grad(f)).program(np.zeros(3)).as_source(), end="")
        \"\"\"The function f.
        <BLANKLINE>
        x: float64[3]
        returns: float64[3]
        \"\"\"
        <BLANKLINE>
        import numpy as np
        <BLANKLINE>
        <BLANKLINE>
        def f(x):
            return 2 * np.sin(x) * np.cos(x)
        """
        return standalone(self)

    def cost(self) -> Cost:
        """Count operations, floating-point operations, bytes read and written, and the peak of memory.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> print(ft.make_program(lambda a, x: np.sum(a @ x))(np.ones((3, 4)), np.ones(4)).cost())
        operations    2 (1 matmul, 1 sum)
        flops         27
        bytes read    152
        bytes written 32
        peak bytes    160
        """
        return cost(self)

    def as_dot(self) -> str:
        """Return the program as a graph in Graphviz's language."""
        return dot(self)

    def as_svg(self) -> str:
        """Return the program as a picture.

        Raises
        ------
        ImportError
            If the package graphviz, or Graphviz itself, is not installed.
        """
        return svg(self)

    def _repr_html_(self) -> str:
        return table(self)

    def variables(self) -> Iterator[Variable]:
        """Yield all variables, each once: inputs, constants, results."""
        yield from self.inputs
        yield from self.constants
        for equation in self.equations:
            yield from equation.outputs

    def with_equations(self, equations: Sequence[Equation], outputs: Sequence[Atom] | None = None) -> Program:
        """Return the program with other equations, and other outputs if given; unused constants are dropped."""
        outputs = self.outputs if outputs is None else tuple(outputs)
        used = {a for equation in equations for a in equation.operands} | set(outputs)
        constants = {variable: value for variable, value in self.constants.items() if variable in used}
        return Program(self.inputs, tuple(equations), outputs, constants, self.name, self.input_names)


def _canonical(program: Program) -> tuple[Any, ...]:
    numbers: dict[Variable, int] = {}
    for variable in program.variables():
        numbers[variable] = len(numbers)

    def named(atom: Atom) -> Any:
        return atom if isinstance(atom, Literal) else numbers[atom]

    return (
        tuple((type_name(v), numbers[v]) for v in program.inputs),
        tuple((numbers[v], type_name(v), np.array(value).tobytes()) for v, value in program.constants.items()),
        tuple(
            (e.primitive.name, tuple(map(named, e.operands)), repr(e.params), tuple((type_name(v)) for v in e.outputs))
            for e in program.equations
        ),
        tuple(map(named, program.outputs)),
    )


# --- Text -------------------------------------------------------------------------------------------------------------

_INDENT = "    "
_EQUATION = re.compile(r"(?P<outputs>.*?) = (?P<name>[\w. ]+)\((?P<arguments>.*)\)$")
_LARGEST_SHOWN = 100


def _printed(program: Program, constants: bool = True) -> str:
    names = names_of(program)

    def shown(atom: Atom) -> str:
        return _shown_value(atom.value) if isinstance(atom, Literal) else names[atom]

    def defined(variable: Variable) -> str:
        return f"{names[variable]}: {type_name(variable)}"

    lines = [f"program {program.name}({', '.join(map(defined, program.inputs))}):"]
    for variable, value in program.constants.items():
        text = "..." if not constants or value.size > _LARGEST_SHOWN else _shown_value(value.tolist())
        lines.append(f"{_INDENT}{defined(variable)} = constant {text}")
    for equation in program.equations:
        primitive = equation.primitive
        named = zip(primitive.parameters, equation.params, strict=True)
        arguments = [*map(shown, equation.operands), *(f"{name}={_shown_value(value)}" for name, value in named)]
        outputs = ", ".join(map(defined, equation.outputs))
        lines.append(f"{_INDENT}{outputs} = {primitive.name}({', '.join(arguments)})")
    lines.append(f"{_INDENT}return {', '.join(map(shown, program.outputs))}".rstrip())
    return "\n".join(lines)


def _shown_value(value: Any) -> str:
    if isinstance(value, np.dtype):
        return f"dtype({value.name!r})"
    if type(value) is tuple:
        return f"({', '.join(map(_shown_value, value))}{',' if len(value) == 1 else ''})"
    if type(value) is list:
        return f"[{', '.join(map(_shown_value, value))}]"
    if type(value) is complex and not _is_sum(value):
        return f"complex({value.real!r}, {value.imag!r})"
    return "..." if value is Ellipsis else repr(value)


def _is_sum(z: complex) -> bool:
    """Say whether Python reads back what it prints of a complex number, as a sum of two: it loses signs of zeros."""
    signs = np.signbit([z.real, z.imag])
    return bool(np.isfinite(z) and (z.real or not signs.any()) and (z.imag or not signs[1]))


def _parsed(text: str, constants: Sequence[Any] | None = None) -> Program:
    header, *lines = [line for line in text.strip().splitlines() if line.strip()]
    found = re.fullmatch(r"program (.*)\((.*)\):", header)
    if found is None:
        raise ValueError(f"a program begins with 'program name(a: float64[3], …):', not {header!r}")
    variables: dict[str, Variable] = {}
    inputs = tuple(_defined(part, variables) for part in _parts(found[2]))
    held: dict[Variable, Any] = {}
    equations = []
    given = iter(constants or ())
    for line in map(str.strip, lines[:-1]):
        if " = constant " in line:
            left, right = line.split(" = constant ", 1)
            variable = _defined(left, variables)
            if right == "..." and constants is None:
                raise ValueError(f"{line!r}: the array is too large to stand in the text; use save and load")
            value = next(given) if constants is not None else _read(right)
            held[variable] = np.array(value, variable.dtype).reshape(variable.shape)
            continue
        equations.append(_equation(line, variables))
    last = lines[-1].strip()
    if not last.startswith("return"):
        raise ValueError(f"a program ends with 'return …', not {last!r}")
    outputs = tuple(_atom(part, variables) for part in _parts(last.removeprefix("return")))
    return Program(inputs, tuple(equations), outputs, held, found[1])


def _equation(line: str, variables: dict[str, Variable]) -> Equation:
    found = _EQUATION.fullmatch(line)
    if found is None:
        raise ValueError(f"{line!r} is no equation; one looks like 'c: float64[3] = mul(a, b)'")
    primitive = NAMED.get(found["name"])
    if primitive is None:
        raise ValueError(f"{line!r}: there is no primitive {found['name']!r}")
    operands, params = [], {}
    for part in _parts(found["arguments"]):
        name, equals, value = part.partition("=")
        if equals and name in primitive.parameters:
            params[name] = _read(value)
        else:
            operands.append(_atom(part, variables))
    outputs = tuple(_defined(part, variables) for part in _parts(found["outputs"]))
    return Equation(primitive, tuple(operands), tuple(params[name] for name in primitive.parameters), outputs)


def _parts(text: str) -> list[str]:
    """Split at the commas outside of brackets and quotes."""
    parts, depth, start, quote = [], 0, 0, ""
    for i, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and not depth:
            parts.append(text[start:i].strip())
            start = i + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def _defined(text: str, variables: dict[str, Variable]) -> Variable:
    name, _, kind = map(str.strip, text.partition(":"))
    found = re.fullmatch(r"(\w+)(?:\[([\d,]*)\])?", kind)
    if found is None:
        raise ValueError(f"{text!r} defines no variable; one is defined as 'a: float64[3,4]'")
    if found[2] is None:
        variable = Variable((), {"float": float, "int": int, "complex": complex, "bool": bool}[found[1]])
    else:
        variable = Variable(tuple(map(int, filter(None, found[2].split(",")))), np.dtype(found[1]))
    variables[name] = variable
    return variable


def _atom(text: str, variables: dict[str, Variable]) -> Atom:
    if text in variables:
        return variables[text]
    return Literal(_read(text))


def _read(text: str) -> Any:
    try:
        return eval(text, dict(_READABLE))
    except (NameError, SyntaxError) as error:
        raise ValueError(f"{text!r} is no variable, number or parameter of the program: {error}") from None


#: What parameters and literals in a text may name.
_READABLE = {"__builtins__": {}, "slice": slice, "dtype": np.dtype, "complex": complex, "inf": np.inf, "nan": np.nan}


Pass: TypeAlias = Callable[[Program], Program]
