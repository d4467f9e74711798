"""Forward mode by levels, in PyTorch's words: dual numbers that a block makes and takes apart.

A level is a trace of forward mode that is open for a block instead of for the call of a function. Dual numbers of an
outer level are constants for an inner one, so levels nest, which PyTorch's do not yet.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

from functorch_lite.core.errors import user_line
from functorch_lite.core.trace import running
from functorch_lite.transforms.arguments import check_like, differentiable, returned
from functorch_lite.transforms.forward import Dual, ForwardTrace

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class _Level(ForwardTrace):
    transformation = "a block of forward_ad.dual_level"


#: The open levels, the outermost first; each with whether a function ran under a transformation before.
_levels: ContextVar[tuple[tuple[_Level, bool], ...]] = ContextVar("levels", default=())


class UnpackedDualTensor(NamedTuple):
    """The parts of a dual number.

    Attributes
    ----------
    primal
        Its value.
    tangent
        Its tangent; None if it has none.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> import functorch_lite.autograd.forward_ad as fwAD
    >>> fwAD.unpack_dual(ft.tensor(2.0))
    UnpackedDualTensor(primal=tensor(2.), tangent=None)
    """

    primal: Any
    tangent: Any


class dual_level:  # noqa: N801 - PyTorch's name
    """A block in which dual numbers are made: their tangents are pushed forward by every operation.

    Take results apart inside the block; a dual number that outlives it raises `EscapedTracerError`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> import functorch_lite.autograd.forward_ad as fwAD
    >>> x, direction = ft.tensor([1.0, 2.0]), ft.tensor([1.0, 0.0])
    >>> with fwAD.dual_level():
    ...     dual = fwAD.make_dual(x, direction)
    ...     value, tangent = fwAD.unpack_dual((dual**3).sum())
    >>> value, tangent
    (tensor(9.), tensor(3.))
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *error: object) -> None:
        exit_dual_level()


def enter_dual_level() -> int:
    """Open a level; return its number. The block `dual_level` does it, and closes it.

    Examples
    --------
    >>> import functorch_lite.autograd.forward_ad as fwAD
    >>> fwAD.enter_dual_level()
    0
    >>> fwAD.exit_dual_level()
    """
    before = _levels.get()
    _levels.set((*before, (_Level(), running.get())))
    running.set(True)
    return len(before)


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the innermost level.

    Parameters
    ----------
    level
        Its number, or None.

    Raises
    ------
    RuntimeError
        If it is not the innermost, or none is open.

    Examples
    --------
    >>> import functorch_lite.autograd.forward_ad as fwAD
    >>> level = fwAD.enter_dual_level()
    >>> fwAD.exit_dual_level(level=level)
    """
    *outer, (trace, was_running) = _open_levels("exit_dual_level")
    if level is not None and level != len(outer):
        raise RuntimeError(
            f"exit_dual_level at {user_line()}: level {level} is not the last one that was opened, {len(outer)}"
        )
    _levels.set(tuple(outer))
    running.set(was_running)
    trace.close()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """Return a dual number of a value and its tangent.

    Parameters
    ----------
    tensor
        A floating or complex tensor, array or number. It may require grad: tangents can then be differentiated by
        `backward`.
    tangent
        The direction, of its shape.
    level
        The number of the level; None for the innermost.

    Returns
    -------
    tracer
        With the methods of tensors, and for all of NumPy's functions.

    Raises
    ------
    RuntimeError
        If no such level is open, or ``tensor`` is a dual number of it already.

    Examples
    --------
    >>> import numpy as np
    >>> import functorch_lite.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     dual = fwAD.make_dual(np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    ...     fwAD.unpack_dual(np.sin(dual)).tangent
    array([1., 0.])
    """
    trace = _level(level, "make_dual")
    if isinstance(tensor, Dual) and tensor._trace is trace:
        raise RuntimeError(
            f"make_dual at {user_line()}: the value is a dual number of this level already; take it apart by "
            f"unpack_dual, or open another level"
        )
    (value,) = differentiable([tensor], tensor, "make_dual", "Convert it to float.")
    (direction,) = check_like([tangent], [value], "tangent")
    return trace.dual(value, direction)


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """Return value and tangent of a dual number; the tangent of anything else is None.

    Parameters
    ----------
    tensor
        A result.
    level
        The number of the level; None for the innermost. Without a level nothing has a tangent.

    Returns
    -------
    UnpackedDualTensor
        A pair ``(primal, tangent)``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> import functorch_lite.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     fwAD.unpack_dual(fwAD.make_dual(ft.tensor(3.0), ft.tensor(1.0)) ** 2)
    UnpackedDualTensor(primal=tensor(9.), tangent=tensor(6.))
    """
    if level is None and not _levels.get():
        return UnpackedDualTensor(tensor, None)
    trace = _level(level, "unpack_dual")
    return UnpackedDualTensor(*trace.parts(returned(tensor, trace)))


def _level(number: int | None, name: str) -> _Level:
    levels = _open_levels(name)
    if number is not None and not 0 <= number < len(levels):
        raise RuntimeError(f"{name} at {user_line()}: level {number} is not open; {len(levels)} are, from 0 on")
    return levels[-1 if number is None else number][0]


def _open_levels(name: str) -> tuple[tuple[_Level, bool], ...]:
    levels = _levels.get()
    if not levels:
        raise RuntimeError(
            f"{name} at {user_line()}: no level is open; write with forward_ad.dual_level(): around it, or use "
            f"ft.jvp(f, (x,), (tangent,))"
        )
    return levels
