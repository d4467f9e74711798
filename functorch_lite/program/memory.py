"""Memory: where the values of a program lie while it runs, and whose memory a result may take.

A result goes into a slot of the program's standing memory, if it does not leave the program, or into the memory of an
operand that is not needed again, if nothing else refers to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from functorch_lite.program.assembly import Place, places_of, places_of_parts
from functorch_lite.program.fusion import Group, Step
from functorch_lite.program.liveness import is_fresh, last_uses
from functorch_lite.program.program import Atom, Equation, Program, Variable

__all__ = ["Memory"]

#: Below so many bytes new memory is cheaper than NumPy's check whether an operand overlaps the result.
SMALLEST_REUSED = 1 << 14


class Memory:
    """What lies where, as the steps of a program are written one after the other.

    Parameters
    ----------
    program, steps
        The program, and its equations and groups in the order in which they run.
    names
        The names of its values; what takes the memory of another takes its name.
    into
        The arrays that outputs are written into, by position.
    """

    def __init__(
        self, program: Program, steps: Sequence[Step], names: dict[Variable, str], into: Mapping[int, str]
    ) -> None:
        self.program, self.names, self.end = program, names, len(steps)
        self.uses = last_uses(program, [*steps])
        made = {y for equation in program.equations for y in equation.outputs}
        #: The arrays that a result may go to at once.
        self.destinations = {program.outputs[i]: name for i, name in into.items() if program.outputs[i] in made}
        #: Variables in memory of their own, which nothing but the program refers to.
        self.owned: set[Variable] = set()
        #: The standing memory of large results: which slots there are, which are free, and who is where.
        self.slots: list[Variable] = []
        self.free: dict[Any, list[int]] = {}
        self.residents: dict[Variable, int] = {}
        #: Where parts of joined arrays stand, the slots of these arrays, and the views of their places by number.
        self.places = places_of_parts(program)
        self.wholes: dict[Variable, int] = {}
        self.views: dict[Place, int] = {}
        #: The parts that are computed in their places.
        self.placed: set[Variable] = set()

    def slot(self, i: int, output: Variable, operands: tuple[Atom, ...] = ()) -> str | None:
        """Return the name of memory for a result of step ``i``; None if it has no axes, or leaves the program."""
        if output in self.destinations:
            self.names[output] = name = self.destinations[output]
            return name
        if self.uses.get(output, i) >= self.end or not output.shape:
            return None
        place = self.places.get(output)
        if place is not None and self.uses[place.whole] < self.end:
            self.placed.add(output)
            self.names[output] = name = self._view(place)
            return name
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

    def assembled(self, equation: Equation) -> list[tuple[str, Atom]] | None:
        """Return the parts of a joined array that are not in their places, after the memory of these.

        It is None if no part is there.
        """
        (whole,) = equation.outputs
        if whole not in self.wholes:
            return None
        self.names[whole] = f"s{self.wholes[whole]}"
        return [
            (self._view(place), part)
            for place, part in zip(places_of(equation), equation.operands, strict=True)
            if part not in self.placed or self.places[part] != place  # type: ignore[index]
        ]

    @property
    def frame(self) -> tuple[list[str], list[tuple[tuple[int, ...], Any]], list[tuple[int, int | slice]]]:
        """The names of the standing memory, the shapes and dtypes of its arrays, and the views of these."""
        names = [f"s{k}" for k in range(len(self.slots))] + [f"q{k}" for k in range(len(self.views))]
        kinds = [(v.shape, v.dtype) for v in self.slots]
        return names, kinds, [(self.wholes[place.whole], place.key) for place in self.views]

    def _view(self, place: Place) -> str:
        """Return the name of the standing memory of a part."""
        if place.whole not in self.wholes:
            self.wholes[place.whole] = len(self.slots)
            self.slots.append(place.whole)
        return f"q{self.views.setdefault(place, len(self.views))}"

    def buffers(self, i: int, equation: Equation) -> list[str]:
        """Return the names of standing memory for what a loop fills; None for what leaves the program."""
        names = []
        for shape, dtype, places in getattr(equation.primitive, "buffers", tuple)():
            if any(self.uses.get(equation.outputs[j], i) >= self.end for j in places):
                names.append("None")
            else:
                names.append(f"s{len(self.slots)}")
                self.slots.append(Variable(shape, dtype))
        return names

    def lends(self, i: int, atom: Atom, output: Variable) -> bool:
        """Say whether an operand's memory may take the result of step ``i``."""
        return (
            isinstance(atom, Variable)
            and atom in self.owned
            and atom not in self.residents
            and self.uses[atom] == i
            and (atom.shape, atom.dtype) == (output.shape, output.dtype)
            and output.nbytes >= SMALLEST_REUSED
        )

    def take_over(self, operand: Any, output: Variable) -> None:
        """Note that a result lies where an operand was."""
        self.owned.discard(operand)
        self.names[output] = self.names[operand]

    def settle(self, equation: Equation) -> None:
        """Note whether the results of an equation are in memory of their own."""
        if is_fresh(equation):
            self.owned.update(equation.outputs)

    def bury(self, i: int, step: Step) -> list[str]:
        """Let go of what is not needed after step ``i``; return the names to be deleted."""
        equations = step.equations if isinstance(step, Group) else (step,)
        seen = dict.fromkeys(v for e in equations for v in (*e.operands, *e.outputs) if isinstance(v, Variable))
        names = []
        for variable in [v for v in seen if self.uses.get(v, i) == i and v.shape]:
            slot = self.residents.pop(variable, None)
            if slot is not None:
                self.free.setdefault(_kind(variable), []).append(slot)
            elif variable in self.owned and variable.nbytes >= SMALLEST_REUSED:
                names.append(self.names[variable])
            self.owned.discard(variable)
        return names

    def lenders(self, variables: set[Variable]) -> set[Variable]:
        """Return what may be the same array as one of some variables, or lend it its memory."""
        found = set(variables)
        for equation in reversed(self.program.equations):
            if not found.isdisjoint(equation.outputs) and not is_fresh(equation):
                found.update(a for a in equation.operands if isinstance(a, Variable))
        return found


def _kind(variable: Variable) -> Any:
    return variable.shape, np.dtype(variable.dtype)
