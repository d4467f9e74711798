"""Pictures: a program as a graph in Graphviz's language, as SVG, and as a table for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from functorch_lite.program.equations import Atom, Equation, Literal, Variable, names_of, type_name

if TYPE_CHECKING:
    from functorch_lite.program.program import Program

__all__ = ["dot", "svg", "table"]


def dot(program: Program) -> str:
    """Return a program as a graph in Graphviz's language; see `Program.as_dot`."""
    names = names_of(program)
    lines = [
        f"digraph {_quoted(program.name)} {{",
        '    node [fontname="Helvetica", fontsize=11];',
        '    edge [fontname="Helvetica", fontsize=9];',
    ]

    def node(name: str, label: str, style: str) -> None:
        lines.append(f"    {_quoted(name)} [label={_quoted(label)}, {style}];")

    makers: dict[Atom, str] = {}
    shown = dict(zip(program.inputs, program.input_names, strict=False))
    for variable in program.inputs:
        makers[variable] = names[variable]
        label = f"{shown.get(variable) or names[variable]}\n{type_name(variable)}"
        node(names[variable], label, 'shape=box, style="rounded,filled", fillcolor="#dbe9f6"')
    for variable in program.constants:
        makers[variable] = names[variable]
        node(names[variable], f"{names[variable]}\n{type_name(variable)}", "shape=box, style=dashed")
    for i, equation in enumerate(program.equations):
        makers.update(dict.fromkeys(equation.outputs, f"equation {i}"))
        node(f"equation {i}", _label(equation), "shape=ellipse")
        lines += [
            f"    {_quoted(makers[a])} -> {_quoted(f'equation {i}')} [label={_quoted(type_name(a))}];"
            for a in equation.operands
            if isinstance(a, Variable)
        ]
    for i, atom in enumerate(program.outputs):
        label = type_name(atom) if isinstance(atom, Variable) else repr(atom.value)
        node(f"output {i}", label, 'shape=box, style="rounded,filled", fillcolor="#fde5cd"')
        if isinstance(atom, Variable):
            lines.append(f"    {_quoted(makers[atom])} -> {_quoted(f'output {i}')};")
    return "\n".join([*lines, "}"]) + "\n"


def svg(program: Program) -> str:
    """Return the graph as SVG; see `Program.as_svg`."""
    try:
        import graphviz  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ImportError(
            "as_svg draws with the package graphviz and Graphviz's own program dot: pip install graphviz, and install "
            "Graphviz from your system's packages. as_dot() gives the text that they draw, and needs neither"
        ) from error
    try:
        return str(graphviz.Source(dot(program)).pipe(format="svg", encoding="utf-8"))
    except graphviz.ExecutableNotFound as error:
        raise ImportError(
            "the package graphviz is here, but not the program dot that draws: install Graphviz from your system's "
            "packages (apt install graphviz, brew install graphviz)"
        ) from error


def table(program: Program) -> str:
    """Return a program as an HTML table, one equation a row."""
    names = names_of(program)
    inputs = ", ".join(f"{names[v]}: {type_name(v)}" for v in program.inputs)
    rows: list[tuple[Any, ...]] = [(names[v], type_name(v), "constant", "") for v in program.constants]
    for equation in program.equations:
        left = ", ".join(names[y] for y in equation.outputs)
        kinds = ", ".join(map(type_name, equation.outputs))
        operands = ", ".join(repr(a.value) if isinstance(a, Literal) else names[a] for a in equation.operands)
        rows.append((left, kinds, f"{_label(equation, ', ')} of {operands}", equation.line))
        rows += [(entry.program,) for entry in getattr(equation.primitive, "entries", ())]
    results = ", ".join(repr(a.value) if isinstance(a, Literal) else names[a] for a in program.outputs)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return (
        f"<table><caption>program {escape(program.name)}({escape(inputs)}), returns {escape(results)}</caption>"
        f"<tr><th>name</th><th>type</th><th>operation</th><th>line</th></tr>{body}</table>"
    )


def _cells(row: tuple[Any, ...]) -> str:
    if len(row) == 1:  # a program in this one
        return f'<td></td><td colspan="3">{table(row[0])}</td>'
    return "".join(f"<td>{escape(text)}</td>" for text in row)


def _label(equation: Equation, separator: str = "\n") -> str:
    named = [*zip(equation.primitive.parameters, equation.params, strict=False)]
    named += getattr(equation.primitive, "settings", list)()
    literals = [repr(a.value) for a in equation.operands if isinstance(a, Literal)] if separator == "\n" else []
    return separator.join([equation.primitive.name, *literals, *(f"{name}={value!r}" for name, value in named)])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
