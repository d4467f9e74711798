"""Loops and branches of standalone modules: what a person would write for them in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.program.equations import Equation

__all__ = ["WRITTEN"]


def _choice(equation: Equation, names: Sequence[str], texts: Sequence[str], targets: Sequence[str]) -> list[str]:
    index, *given = texts
    arguments = ", ".join(given)
    left = ", ".join(targets)
    if equation.primitive.word == "cond":
        no, yes = names
        return [f"{left} = {yes}({arguments}) if {index} else {no}({arguments})"]
    return [f"{left} = ({', '.join(names)})[{index}]({arguments})"]


def _rows(equation: Equation, names: Sequence[str], texts: Sequence[str], targets: Sequence[str]) -> list[str]:
    loop: Any = equation.primitive
    same, first = loop.constants, loop.first_row
    carry, stacked = list(targets[: loop.carried]), list(targets[loop.carried :])
    lines = [f"{name} = {text}" for name, text in zip(carry, texts[same:first], strict=True)]
    lines += [f"{name} = []" for name in stacked]
    start = loop.steps[0]
    counter = "i" if not start else f"i + {start}"
    over = f"range({len(loop.steps)})"
    given = [counter, *texts[:same], *carry, *(f"{x}[i]" for x in texts[first:])]
    parts = [*carry, *(f"{name}_i" for name in stacked)]
    lines.append(f"for i in {f'reversed({over})' if loop.reversed else over}:")
    lines.append(f"    {', '.join(parts)} = {names[0]}({', '.join(given)})")
    lines += [f"    {name}.append({name}_i)" for name in stacked]
    flip = "[::-1]" if loop.reversed else ""
    return lines + [f"{name} = np.stack({name}{flip})" for name in stacked]


def _while(equation: Equation, names: Sequence[str], texts: Sequence[str], targets: Sequence[str]) -> list[str]:
    head, given = _loop(equation, names, texts, targets)
    return [*head, f"    {', '.join(targets)} = {given}"]


def _winding(equation: Equation, names: Sequence[str], texts: Sequence[str], targets: Sequence[str]) -> list[str]:
    *carry, history = targets
    head, given = _loop(equation, names, texts, carry)
    lines = [f"{history} = []", *head]
    if len(equation.primitive.body.program.outputs) == 1:  # type: ignore[attr-defined]  # it returns no tuple
        return [*lines, f"    {carry[0]} = {given}", f"    {history}.append(())"]
    return [*lines, f"    {', '.join([*carry, f'*{history}_i'])}, = {given}", f"    {history}.append({history}_i)"]


def _loop(
    equation: Equation, names: Sequence[str], texts: Sequence[str], carry: Sequence[str]
) -> tuple[list[str], str]:
    """Return the lines before the body of a loop, and the call of the body."""
    loop: Any = equation.primitive
    first = loop.asked + loop.constants
    lines = [f"{name} = {text}" for name, text in zip(carry, texts[first:], strict=True)]
    asked = ", ".join([*texts[: loop.asked], *carry])
    given = ", ".join([*texts[loop.asked : first], *carry])
    return [*lines, f"while {names[0]}({asked}):"], f"{names[1]}({given})"


def _unwinding(equation: Equation, names: Sequence[str], texts: Sequence[str], targets: Sequence[str]) -> list[str]:
    loop: Any = equation.primitive
    history, *rest = texts
    same, start = rest[: loop.constants], rest[loop.constants :]
    lines = [f"{name} = {text}" for name, text in zip(targets, start, strict=True)]
    given = ", ".join([f"*{targets[0]}_i", *same, *targets])
    return [
        *lines,
        f"for {targets[0]}_i in reversed({history}):",
        f"    {', '.join(targets)} = {names[0]}({given})",
    ]


#: By the word of a text: what writes the lines of an equation, given the names of its functions, the operands and the
#: names of the results.
WRITTEN: dict[str, Callable[[Equation, Sequence[str], Sequence[str], Sequence[str]], list[str]]] = {
    "cond": _choice,
    "scan": _rows,
    "switch": _choice,
    "unwind": _unwinding,
    "while": _while,
    "wind": _winding,
}
