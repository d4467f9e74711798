"""How an analytical derivative is held against a numerical one, and what is said when they differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.testing.subject import Coordinates

__all__ = ["GradcheckError", "compare_arrays", "compare_matrices", "compare_numbers", "compare_tangents"]

#: Jacobians up to this size are printed whole.
_LARGEST_PRINTED = 64


class GradcheckError(RuntimeError):
    """A derivative is wrong, or cannot be relied on: the message says where, by how much and in which mode.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.gradcheck(lambda x: x * ft.stop_gradient(x), (2.0,))
    Traceback (most recent call last):
        ...
    functorch_lite.testing.comparison.GradcheckError: reverse mode (vjp) is wrong for output with respect to input:
        analytical 2, numerical 4, difference 2 where 0.00401 is allowed
        1 of 1 entries of this Jacobian are wrong; ...
    """


def compare_matrices(
    analytical: Any, numerical: Any, source: Coordinates, out: Coordinates, what: str, atol: float, rtol: float
) -> None:
    """Raise unless two Jacobians of one output with respect to one input agree entry by entry.

    Parameters
    ----------
    analytical, numerical
        Real matrices, one row an output coordinate and one column an input coordinate.
    source, out
        The input and the output.
    what
        Whose Jacobian the analytical one is: ``reverse mode (vjp)``.
    atol, rtol
        The tolerance, ``atol + rtol * abs(numerical)``.
    """
    wrong = _wrong(analytical, numerical, atol, rtol)
    if not wrong.any():
        return
    row, column = divmod(_worst(analytical, numerical, wrong), source.size)
    where = f"{out.describe(row)} with respect to {source.describe(column)}"
    lines = [
        _difference(
            analytical[row, column], numerical[row, column], where, what, atol + rtol * abs(numerical[row, column])
        ),
        f"    {wrong.sum()} of {wrong.size} entries of this Jacobian are wrong; {source}; {out}",
    ]
    if wrong.size <= _LARGEST_PRINTED:
        lines += [
            "analytical Jacobian (a row an output, a column an input):",
            str(analytical),
            "numerical:",
            str(numerical),
        ]
    raise GradcheckError("\n".join(lines))


def compare_tangents(analytical: Any, numerical: Any, out: Coordinates, what: str, atol: float, rtol: float) -> None:
    """Raise unless the coordinates of two tangents of an output along one random direction agree entry by entry."""
    wrong = _wrong(analytical, numerical, atol, rtol)
    if wrong.any():
        i = _worst(analytical, numerical, wrong)
        where = f"{out.describe(i)} along a random direction"
        raise GradcheckError(_difference(analytical[i], numerical[i], where, what, atol + rtol * abs(numerical[i])))


def compare_numbers(analytical: float, numerical: float, where: str, what: str, tolerance: float) -> None:
    """Raise unless two numbers agree; ``where`` names what they are."""
    if _wrong(np.asarray(analytical), np.asarray(numerical), tolerance, 0.0):
        raise GradcheckError(_difference(analytical, numerical, where, what, tolerance))


def compare_arrays(one: Any, other: Any, of: Coordinates, complaint: str, atol: float, rtol: float = 0.0) -> None:
    """Raise unless two versions of one array agree in shape and in values; the complaint starts the message."""
    if np.shape(one) != np.shape(other):
        raise GradcheckError(f"{complaint}: {of.name} has shape {np.shape(one)} and {np.shape(other)}")
    first, second = of.read(one), of.read(other)
    wrong = _wrong(first, second, atol, rtol) & ~(np.isnan(first) & np.isnan(second))
    if wrong.any():
        i = _worst(first, second, wrong)
        raise GradcheckError(
            f"{complaint}: {of.describe(i)} is {float(first[i])!r} and {float(second[i])!r}; {of}, "
            f"{wrong.sum()} of {wrong.size} entries differ by more than {atol:.3g} + {rtol:.3g} * |value|"
        )


def _wrong(analytical: Any, numerical: Any, atol: float, rtol: float) -> Any:
    with np.errstate(invalid="ignore"):
        return ~np.isclose(analytical, numerical, rtol=rtol, atol=atol)


def _worst(analytical: Any, numerical: Any, wrong: Any) -> int:
    with np.errstate(invalid="ignore"):
        error = np.nan_to_num(np.abs(analytical - numerical), nan=np.inf)
    return int(np.argmax(np.where(wrong, error, -1.0)))


def _difference(analytical: float, numerical: float, where: str, what: str, tolerance: float) -> str:
    with np.errstate(invalid="ignore"):
        error = abs(analytical - numerical)
    return (
        f"{what} is wrong for {where}:\n    analytical {_number(analytical)}, numerical {_number(numerical)}, "
        f"difference {error:.3g} where {tolerance:.3g} is allowed"
    )


def _number(x: Any) -> str:
    return f"{float(x):.8g}"  # a difference is not known more precisely
