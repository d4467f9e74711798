"""Effects: equations that are there for what they do, such as printing, and not for what they return.

Each returns a token, which the program returns too, behind its own outputs. So no pass and no cut loses an effect, and none
has to know of effects.
"""

from __future__ import annotations

from functorch_lite.core.primitive import Zero
from functorch_lite.program.equations import Equation, Variable

__all__ = ["Effect", "tokens"]


class Effect(Zero):
    """A primitive that acts on the values of its arrays and returns a token: always True."""


def tokens(equation: Equation) -> tuple[Variable, ...]:
    """Return the tokens among the outputs of an equation; a compiled call has those of its program, which come last."""
    if isinstance(equation.primitive, Effect):
        return equation.outputs
    count = getattr(equation.primitive, "effects", 0)
    return equation.outputs[len(equation.outputs) - count :] if count else ()
