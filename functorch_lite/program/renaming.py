"""Other names for the variables of equations that a pass has dropped."""

from __future__ import annotations

from functorch_lite.program.program import Atom, Equation

__all__ = ["Renaming"]


class Renaming:
    """Which atoms stand for variables whose equations were dropped."""

    def __init__(self) -> None:
        self.new: dict[Atom, Atom] = {}

    def update(self, old: tuple[Atom, ...], new: tuple[Atom, ...]) -> None:
        """Let new atoms stand for old ones, one for each."""
        self.new.update(zip(old, new, strict=True))

    def atoms(self, atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
        """Return what stands for atoms; most stand for themselves."""
        return tuple(self.new.get(a, a) for a in atoms)

    def equation(self, equation: Equation) -> Equation:
        """Return an equation that reads what stands for its operands."""
        operands = self.atoms(equation.operands)
        return equation if operands == equation.operands else equation.reading(operands)
