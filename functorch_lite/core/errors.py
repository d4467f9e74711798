"""The errors of the house, and where in the user's program they happened."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, TypeVar

__all__ = ["EscapedTracerError", "TracerConversionError", "stands_in", "user_line"]


class EscapedTracerError(RuntimeError):
    """A tracer was used after the transformation that made it had finished.

    Return it from the function instead of keeping it elsewhere; what is only looked at, through ``has_aux=True``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> kept = []
    >>> ft.grad(lambda x: kept.append(x) or x * x)(3.0)
    6.0
    >>> kept[0] + 1.0
    Traceback (most recent call last):
        ...
    functorch_lite.core.errors.EscapedTracerError: ...
    """


class TracerConversionError(TypeError):
    """A traced value was asked for its number, which would lose its derivative.

    The message says by what, and what to write instead.

    Examples
    --------
    >>> import math, functorch_lite as ft
    >>> ft.grad(lambda x: math.sin(x))(1.0)
    Traceback (most recent call last):
        ...
    functorch_lite.core.errors.TracerConversionError: float() of a traced float64[] ...
    """


F = TypeVar("F", bound=Callable[..., Any])

_LIBRARIES = ("/numpy/", "site-packages/scipy/")
_PACKAGE = os.path.dirname(os.path.dirname(__file__))
#: The code of what has gone through `stands_in`.
_stand_ins: set[CodeType] = set()


def stands_in(function: F) -> F:
    """Let a function that repeats what a user's program did say where that was, by its variable ``line``."""
    _stand_ins.add(function.__code__)
    return function


def user_line() -> str:
    """Say where the innermost frame outside this package, NumPy and SciPy stands.

    Returns
    -------
    str
        ``"model.py:41, in residual"``, or ``"an unknown line"`` when no such frame exists.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code in _stand_ins and (line := frame.f_locals["line"]):
            return str(line)
        filename = frame.f_code.co_filename
        if not filename.startswith((_PACKAGE, "<")) and not any(library in filename for library in _LIBRARIES):
            return f"{os.path.basename(filename)}:{frame.f_lineno}, in {frame.f_code.co_name}"
        frame = frame.f_back
    return "an unknown line"
