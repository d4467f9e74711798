"""The search for the first NaN in a compiled function: its program is run equation by equation."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from functorch_lite.program.equations import Literal

if TYPE_CHECKING:
    from functorch_lite.program.program import Program

__all__ = ["CURE", "by_equations", "checking", "has_nan"]

#: Whether compiled functions run equation by equation; see ``functorch_lite.debug.nans``.
checking: ContextVar[bool] = ContextVar("checking", default=False)

CURE = (
    "Where the function has a branch for such values, give the operation harmless ones first, as a derivative goes "
    "through both branches of np.where: safe = np.where(x > 0, x, 1.0); y = np.where(x > 0, np.log(safe), 0.0)"
)


def by_equations(program: Program, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Evaluate a program on raw arrays; raise FloatingPointError at the first equation that makes NaN of numbers."""
    values: dict[Any, Any] = dict(zip(program.inputs, arrays, strict=True)) | program.constants
    for i, equation in enumerate(program.equations):
        read = [a.value if isinstance(a, Literal) else values[a] for a in equation.operands]
        with np.errstate(all="ignore"):
            results = equation.apply(read)
        if any(map(has_nan, results)) and not any(map(has_nan, read)):
            _refuse(program, i, read)
        values.update(zip(equation.outputs, results, strict=True))
    return tuple(a.value if isinstance(a, Literal) else values[a] for a in program.outputs)


def has_nan(value: Any) -> bool:
    """Say whether a raw value is or contains NaN."""
    return getattr(value, "dtype", np.dtype(type(value))).kind in "fc" and bool(np.isnan(value).any())


def _refuse(program: Program, i: int, read: Sequence[Any]) -> NoReturn:
    equation = program.equations[i]
    shapes = ", ".join(f"{np.asarray(x).dtype}{list(np.shape(x))}" for x in read)
    raise FloatingPointError(
        f"{equation.primitive.name} of {shapes}, applied at {equation.line or 'an unknown line'} (equation {i} of the "
        f"program {program.name}), made the first NaN. {CURE}"
    )
