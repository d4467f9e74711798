"""Loops and branches of standalone modules: what a person would write for them in Python.

Each function writes the lines of an equation, given the names of its functions, the operands, the names of the results,
and what makes further names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from functorch_lite.program.equations import Atom, Equation

__all__ = ["WRITTEN", "read_in_each_step"]

#: What makes a name that is not given yet.
Fresh = Callable[[str], str]


def read_in_each_step(equation: Equation) -> Sequence[Atom]:
    """Return the operands that stand in the body of a loop, where an expression would be computed again and again."""
    loop: Any = equation.primitive
    word, operands = getattr(loop, "word", ""), equation.operands
    if word == "scan":
        return (*operands[: loop.constants], *operands[loop.first_row :])
    if word in ("while", "wind"):
        return operands[: loop.asked + loop.constants]
    return operands[1 : 1 + loop.constants] if word == "unwind" else ()


def _choice(
    equation: Equation, names: Sequence[str], texts: Sequence[str], targets: Sequence[str], fresh: Fresh
) -> list[str]:
    index, *given = texts
    arguments = ", ".join(given)
    left = ", ".join(targets)
    if equation.primitive.word == "cond":
        no, yes = names
        return [f"{left} = {yes}({arguments}) if {index} else {no}({arguments})"]
    return [f"{left} = ({', '.join(names)})[{index}]({arguments})"]


def _rows(
    equation: Equation, names: Sequence[str], texts: Sequence[str], targets: Sequence[str], fresh: Fresh
) -> list[str]:
    loop: Any = equation.primitive
    same, first = loop.constants, loop.first_row
    carry, stacked = list(targets[: loop.carried]), list(targets[loop.carried :])
    lines = [f"{name} = {text}" for name, text in zip(carry, texts[same:first], strict=True)]
    lines += [f"{name} = []" for name in stacked]
    start = loop.steps[0]
    i, of_step = fresh("i"), [fresh(f"{name}_i") for name in stacked]
    counter = i if not start else f"{i} + {start}"
    over = f"range({len(loop.steps)})"
    given = [counter, *texts[:same], *carry, *(f"{x}[{i}]" for x in texts[first:])]
    parts = [*carry, *of_step]
    lines.append(f"for {i} in {f'reversed({over})' if loop.reversed else over}:")
    lines.append(f"    {', '.join(parts)} = {names[0]}({', '.join(given)})")
    lines += [f"    {name}.append({part})" for name, part in zip(stacked, of_step, strict=True)]
    flip = "[::-1]" if loop.reversed else ""
    return lines + [f"{name} = np.stack({name}{flip})" for name in stacked]


def _while(
    equation: Equation, names: Sequence[str], texts: Sequence[str], targets: Sequence[str], fresh: Fresh
) -> list[str]:
    head, given = _loop(equation, names, texts, targets)
    return [*head, f"    {', '.join(targets)} = {given}"]


def _winding(
    equation: Equation, names: Sequence[str], texts: Sequence[str], targets: Sequence[str], fresh: Fresh
) -> list[str]:
    *carry, history = targets
    head, given = _loop(equation, names, texts, carry)
    lines = [f"{history} = []", *head]
    if len(equation.primitive.body.program.outputs) == 1:  # type: ignore[attr-defined]  # it returns no tuple
        return [*lines, f"    {carry[0]} = {given}", f"    {history}.append(())"]
    kept = fresh(f"{history}_i")
    return [*lines, f"    {', '.join([*carry, f'*{kept}'])}, = {given}", f"    {history}.append({kept})"]


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


def _unwinding(
    equation: Equation, names: Sequence[str], texts: Sequence[str], targets: Sequence[str], fresh: Fresh
) -> list[str]:
    loop: Any = equation.primitive
    history, *rest = texts
    same, start = rest[: loop.constants], rest[loop.constants :]
    lines = [f"{name} = {text}" for name, text in zip(targets, start, strict=True)]
    kept = fresh(f"{targets[0]}_i")
    given = ", ".join([f"*{kept}", *same, *targets])
    return [
        *lines,
        f"for {kept} in reversed({history}):",
        f"    {', '.join(targets)} = {names[0]}({given})",
    ]


#: By the word of a text: what writes the lines of an equation.
WRITTEN: dict[str, Callable[[Equation, Sequence[str], Sequence[str], Sequence[str], Fresh], list[str]]] = {
    "cond": _choice,
    "scan": _rows,
    "switch": _choice,
    "unwind": _unwinding,
    "while": _while,
    "wind": _winding,
}
