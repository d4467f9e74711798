"""Derivatives by differences, which know nothing of the rules and so can judge them.

Source: Nocedal and Wright, *Numerical Optimization* (2006), section 8.1: the central difference
``(f(x + εt) - f(x - εt)) / 2ε`` has an error of order ``ε²`` from truncation and of order ``u / ε`` from rounding,
where ``u`` is the unit roundoff.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.testing.subject import Subject

__all__ = ["central_difference", "difference_columns", "directional_difference", "numerical_jacobian", "numerical_jvp"]


def numerical_jvp(
    f: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], *, eps: float = 1e-6
) -> Any:
    """Approximate the directional derivative of a function of pytrees by a central difference.

    Parameters
    ----------
    f
        A function of pytrees of arrays.
    primals
        A tuple of its arguments.
    tangents
        A tuple of the same structure: the direction.
    eps
        How far to go along the direction, to either side.

    Returns
    -------
    tree
        The derivative in the structure of the output.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> round(float(ft.testing.numerical_jvp(np.sin, (0.0,), (2.0,))), 6)
    2.0
    """
    ahead = f(*tree.map(lambda x, t: _moved(x, t, eps), primals, tangents))
    behind = f(*tree.map(lambda x, t: _moved(x, t, -eps), primals, tangents))
    return tree.map(lambda a, b: (a - b) / (2 * eps), ahead, behind)


def numerical_jacobian(f: Callable[..., Any], *inputs: Any, eps: float = 1e-6) -> list[list[Any]]:
    """Approximate the Jacobian of a function of pytrees by central differences, one column an input coordinate.

    Parameters
    ----------
    f
        A function of pytrees of arrays.
    inputs
        Its positional arguments.
    eps
        How far to go along each coordinate, to either side.

    Returns
    -------
    list of list of arrays
        For each leaf of the output and each leaf of the inputs a real matrix. The coordinates of a complex array are
        all its real parts, then all its imaginary parts.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ((jacobian,),) = ft.testing.numerical_jacobian(lambda x: x * x[::-1], np.array([2.0, 3.0]))
    >>> jacobian.round(6)
    array([[3., 2.],
           [3., 2.]])
    """
    subject = Subject(f, inputs)
    columns = [difference_columns(subject, i, eps) for i in range(len(subject.inputs))]
    return [[columns[i][k] for i in range(len(subject.inputs))] for k in range(len(subject.outputs))]


def difference_columns(subject: Subject, i: int, eps: float) -> list[Any]:
    """Return the Jacobian of each output with respect to input ``i``, column by column."""
    source = subject.inputs[i]
    jacobians = [np.empty((out.size, source.size)) for out in subject.outputs]
    for j in range(source.size):
        for jacobian, column in zip(jacobians, central_difference(subject, i, source.basis(j), eps), strict=True):
            jacobian[:, j] = column
    return jacobians


def central_difference(subject: Subject, i: int, direction: Any, eps: float) -> list[Any]:
    """Return the coordinates of the derivative of each output along a direction of input ``i``."""
    return _difference(subject, {i: direction}, eps)


def directional_difference(subject: Subject, directions: Sequence[Any], eps: float) -> list[Any]:
    """Return the coordinates of the derivative of each output along a direction of all inputs."""
    return _difference(subject, dict(enumerate(directions)), eps)


def _difference(subject: Subject, directions: dict[int, Any], eps: float) -> list[Any]:
    ends = []
    for step in (eps, -eps):
        point = list(subject.point)
        for i, direction in directions.items():
            point[i] = _moved(point[i], subject.inputs[i].write(direction), step)
        ends.append(subject.evaluate(point))
    return [
        (out.read(a) - out.read(b)) / (2 * eps)
        for out, a, b in zip(subject.outputs, *_checked(subject, ends), strict=True)
    ]


def _moved(x: Any, t: Any, step: float) -> Any:
    moved = x + step * t
    return np.asarray(moved) if isinstance(x, np.ndarray) else moved  # NumPy turns 0-d arrays into scalars


def _checked(subject: Subject, ends: Sequence[list[Any]]) -> Sequence[list[Any]]:
    """Refuse a function whose output changes its shape where its input moves: it has no derivative to compare."""
    for values in ends:
        for out, value in zip(subject.outputs, values, strict=True):
            if np.shape(value) != out.shape:
                raise ValueError(
                    f"{out.name} has shape {out.shape} at the inputs but {np.shape(value)} beside them: the function's "
                    f"output changes its shape, so that it has no derivative to check"
                )
    return ends
