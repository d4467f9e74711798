"""Equations: what a program consists of, and the names under which it is shown."""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from functorch_lite.core.primitive import Primitive

if TYPE_CHECKING:
    from functorch_lite.program.program import Program

__all__ = ["HISTORY", "Atom", "Equation", "Literal", "Variable", "names_of", "type_name"]

_next_number = count().__next__

#: The dtype of a value that is no array of numbers but what the steps of a loop have kept.
HISTORY = np.dtype([("history", "V8")])


@dataclass(frozen=True, eq=False, slots=True)
class Variable:
    """A value of a program, told from others by identity.

    Attributes
    ----------
    shape
        The lengths of its axes.
    dtype
        Its dtype; for a Python scalar, whose precision is weak, the type itself.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> program = ft.make_program(lambda x, y: x * y)(np.zeros((3, 4)), 2.0)
    >>> [(v.shape, v.size, v.nbytes, v.is_weak) for v in program.variables()]
    [((3, 4), 12, 96, False), ((), 1, 8, True), ((3, 4), 12, 96, False)]
    """

    shape: tuple[int, ...]
    dtype: Any
    number: int = field(default_factory=_next_number)

    @property
    def is_weak(self) -> bool:
        """Whether it is a Python number."""
        return isinstance(self.dtype, type) and not issubclass(self.dtype, np.generic)

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes that the elements take."""
        return self.size * int(np.dtype(self.dtype).itemsize)


@dataclass(frozen=True, slots=True)
class Literal:
    """A Python number (or None) that stands in the program as it is.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.make_program(lambda x: x + 1.0)(3.0).equations[0].operands[1]
    Literal(value=1.0)
    """

    value: Any

    def __eq__(self, other: object) -> bool:
        # 0.0 and -0.0, 1 and 1.0 and True are different numbers to a program.
        return isinstance(other, Literal) and type(other.value) is type(self.value) and repr(other) == repr(self)

    def __hash__(self) -> int:
        return hash((type(self.value), repr(self.value)))


Atom: TypeAlias = Variable | Literal


@dataclass(frozen=True, eq=False, slots=True)
class Equation:
    """The application of a primitive.

    Attributes
    ----------
    primitive, operands, params
        What is applied to what.
    outputs
        The variables that it defines.
    line
        The user's line, for messages.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> (equation,) = ft.make_program(lambda x: x + 1.0)(3.0).equations
    >>> equation.primitive.name, equation.apply([5.0, 1.0])
    ('add', (6.0,))
    """

    primitive: Primitive
    operands: tuple[Atom, ...]
    params: tuple[Any, ...]
    outputs: tuple[Variable, ...]
    line: str = ""

    def apply(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """Compute the outputs from the values of the operands, in a tuple."""
        ans = self.primitive.bind(tuple(arrays), self.params)
        return ans if type(ans) is tuple else (ans,)

    def reading(self, operands: tuple[Atom, ...]) -> Equation:
        """Return the same application to other operands, for the same outputs.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> (equation,) = ft.make_program(lambda x: x + 1.0)(3.0).equations
        >>> equation.reading(equation.operands[::-1]).operands[0]
        Literal(value=1.0)
        """
        return Equation(self.primitive, operands, self.params, self.outputs, self.line)


def type_name(variable: Variable) -> str:
    """Return the type of a variable as programs print it.

    Parameters
    ----------
    variable
        A variable.

    Returns
    -------
    str
        ``float64[3,4]``; of a Python number ``float``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.program.program import type_name
    >>> program = ft.make_program(lambda x, y: x * y)(np.zeros((3, 4)), 2.0)
    >>> [type_name(variable) for variable in program.variables()]
    ['float64[3,4]', 'float', 'float64[3,4]']
    """
    if variable.dtype is HISTORY:
        return "history"
    if variable.is_weak:
        return variable.dtype.__name__  # type: ignore[no-any-return]
    return f"{np.dtype(variable.dtype)}[{','.join(map(str, variable.shape))}]"


def names_of(program: Program) -> dict[Variable, str]:
    """Return the names under which a program prints its variables.

    Parameters
    ----------
    program
        A program.

    Returns
    -------
    dict
        By variable a, b, …, z, aa, ab, …; constants are k0, k1, ….

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.program.program import names_of
    >>> list(names_of(ft.make_program(lambda x: x * x + 1.0)(3.0)).values())
    ['a', 'b', 'c']
    """
    names = {variable: f"k{i}" for i, variable in enumerate(program.constants)}
    letters = map(_letters, count())
    for variable in program.variables():
        if variable not in names:
            names[variable] = next(letters)
    return names


def _letters(n: int) -> str:
    text = ""
    n += 1
    while n:
        n, rest = divmod(n - 1, 26)
        text = chr(ord("a") + rest) + text
    # What a number or a parameter in the text is written with is no variable's name.
    return f"{text}_" if keyword.iskeyword(text) or text in {"inf", "nan", "dtype", "slice", "complex"} else text
