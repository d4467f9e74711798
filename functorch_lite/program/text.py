"""Programs as text, one line for each equation, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from functorch_lite.program.bundling import is_sum
from functorch_lite.program.equations import HISTORY, Atom, Equation, Literal, Variable, names_of, type_name
from functorch_lite.program.spelling import primitive_named, shown_name
from functorch_lite.transforms.axes import Axis

if TYPE_CHECKING:
    from functorch_lite.program.program import Program

__all__ = ["READABLE", "STRUCTURES", "constants_of", "parsed", "printed"]

#: By the word for it in a text: what makes an operation of its programs and its settings.
STRUCTURES: dict[str, Callable[..., Any]] = {}

#: What parameters and literals in a text may name.
READABLE: dict[str, Any] = {"__builtins__": {}, "slice": slice, "range": range, "dtype": np.dtype, "complex": complex}
READABLE |= {"inf": np.inf, "nan": np.nan, "Axis": Axis}


def _complex_of(dtype: Any) -> Callable[[Any, Any], Any]:
    """Return what makes a complex number of NumPy's of its parts, which a sum would round or change the signs of."""
    return lambda real, imag: np.array([real, imag], dtype.type(0).real.dtype).view(dtype)[0]


_NUMBERS = [np.dtype(c) for c in f"?{np.typecodes['AllInteger']}{np.typecodes['AllFloat']}"]
READABLE |= {dtype.name: _complex_of(dtype) if dtype.kind == "c" else dtype.type for dtype in _NUMBERS}

_INDENT = "    "
_EQUATION = re.compile(r"(?P<outputs>.*?) = (?P<name>[\w. ]+)\((?P<arguments>.*)\)$")
_CONSTANT = re.compile(r"([^=]*) = constant (.*)")
_LARGEST_SHOWN = 100


def printed(program: Program, constants: bool = True) -> str:
    """Return the text of a program; large constants, or all of them, stand in it as three dots."""
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
        parts = [entry.program for entry in getattr(primitive, "entries", ())]
        settings = primitive.settings() if parts else zip(primitive.parameters, equation.params, strict=True)  # type: ignore[attr-defined]
        arguments = [*map(shown, equation.operands), *(f"{name}={_shown_value(value)}" for name, value in settings)]
        word = primitive.word if parts else shown_name(primitive)
        outputs = ", ".join(map(defined, equation.outputs))
        line = f"{_INDENT}{outputs} = {word}({', '.join(arguments)})"
        lines.append(f"{line}:" if parts else line)
        for part in parts:
            lines += [f"{_INDENT * 2}{inner}" for inner in printed(part, constants).splitlines()]
    lines.append(f"{_INDENT}return {', '.join(map(shown, program.outputs))}".rstrip())
    return "\n".join(lines)


def constants_of(program: Program) -> Iterator[Any]:
    """Yield the constants of a program and of those in it, in the order in which they stand in the text."""
    yield from program.constants.values()
    for equation in program.equations:
        for entry in getattr(equation.primitive, "entries", ()):
            yield from constants_of(entry.program)


def _shown_value(value: Any) -> str:
    if isinstance(value, np.dtype):
        return f"dtype({str(value)!r})"
    if isinstance(value, np.number | np.bool):
        name = value.dtype.name
        if isinstance(value, np.complexfloating):
            return f"{name}({_shown_value(value.real)}, {_shown_value(value.imag)})"
        shown = value.item()
        return f"{name}({(str(value) if isinstance(shown, np.generic) else shown)!r})"
    if type(value) is slice:
        return f"slice({', '.join(map(_shown_value, (value.start, value.stop, value.step)))})"
    if type(value) is tuple:
        return f"({', '.join(map(_shown_value, value))}{',' if len(value) == 1 else ''})"
    if type(value) is list:
        return f"[{', '.join(map(_shown_value, value))}]"
    if type(value) is complex and not is_sum(value):
        return f"complex({value.real!r}, {value.imag!r})"
    return "..." if value is Ellipsis else repr(value)


def parsed(make: Callable[..., Program], text: str, constants: Sequence[Any] | None = None) -> Program:
    """Return the program that a text shows; constants that do not stand in it are given."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    given = None if constants is None else iter(constants)
    return _parsed(make, lines, given)


def _parsed(make: Callable[..., Program], lines: Sequence[str], constants: Iterator[Any] | None) -> Program:
    header = lines[0].strip()
    found = re.fullmatch(r"program (.*?)\((.*)\):", header)
    if found is None:
        raise ValueError(f"a program begins with 'program name(a: float64[3], …):', not {header!r}")
    variables: dict[str, Variable] = {}
    inputs = tuple(_defined(part, variables) for part in _parts(found[2]))
    held: dict[Variable, Any] = {}
    equations = []
    for line, inner in _blocks(lines[1:-1]):
        constant = _CONSTANT.fullmatch(line)
        if constant is not None:
            left, right = constant.groups()
            variable = _defined(left, variables)
            if right == "..." and constants is None:
                raise ValueError(f"{line!r}: the array is too large to stand in the text; use save and load")
            value = next(constants) if constants is not None else _read(right)
            held[variable] = np.array(value, variable.dtype).reshape(variable.shape)
            continue
        programs = [_parsed(make, [start, *rest], constants) for start, rest in _blocks(inner)]
        equations.append(_equation(line, variables, programs))
    last = lines[-1].strip()
    if not last.startswith("return"):
        raise ValueError(f"a program ends with 'return …', not {last!r}")
    outputs = tuple(_atom(part, variables) for part in _parts(last.removeprefix("return")))
    return make(inputs, tuple(equations), outputs, held, found[1])


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield lines, each with the lines below it that are indented more."""
    i = 0
    while i < len(lines):
        depth = _depth(lines[i])
        end = i + 1
        while end < len(lines) and _depth(lines[end]) > depth:
            end += 1
        yield lines[i].strip(), list(lines[i + 1 : end])
        i = end


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _equation(line: str, variables: dict[str, Variable], programs: Sequence[Program]) -> Equation:
    found = _EQUATION.fullmatch(line.removesuffix(":") if programs else line)
    if found is None:
        raise ValueError(f"{line!r} is no equation; one looks like 'c: float64[3] = mul(a, b)'")
    word = found["name"]
    primitive = None if programs else primitive_named(word)
    if primitive is None and not (programs and word in STRUCTURES):
        raise ValueError(f"{line!r}: there is no primitive {word!r}")
    operands, params = [], {}
    for part in _parts(found["arguments"]):
        name, equals, value = part.partition("=")
        if equals and name.isidentifier():
            params[name] = _read(value)
        else:
            operands.append(_atom(part, variables))
    outputs = tuple(_defined(part, variables) for part in _parts(found["outputs"]))
    if primitive is None:
        return Equation(STRUCTURES[word](programs, **params), tuple(operands), (), outputs)
    return Equation(primitive, tuple(operands), tuple(params[name] for name in primitive.parameters), outputs)


def _parts(text: str) -> list[str]:
    """Split at the commas outside of brackets and quotes."""
    parts, depth, start, quote, is_escaped = [], 0, 0, "", False
    for i, character in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif quote and character == "\\":
            is_escaped = True
        elif quote:
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
    if kind == "history":
        variables[name] = variable = Variable((), HISTORY)
        return variable
    found = re.fullmatch(r"([<>]?\w+)(?:\[([\d,]*)\])?", kind)
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
        return eval(text, dict(READABLE))
    except (NameError, SyntaxError) as error:
        raise ValueError(f"{text!r} is no variable, number or parameter of the program: {error}") from None
