"""Errors that concern tracers, and where in the user's program they happened."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from importlib.util import find_spec
from types import CodeType, FrameType, TracebackType
from typing import Any, TypeVar

__all__ = [
    "EscapedTracerError",
    "TracerConversionError",
    "by_this_package",
    "called_by_numpy",
    "conversions",
    "note_conversion",
    "note_library",
    "stands_in",
    "user_line",
]

#: How many traced values NumPy and SciPy have taken for arrays of objects, or wanted to take for plain ones.
conversions: ContextVar[int] = ContextVar("conversions", default=0)


def note_conversion() -> None:
    """Note that a traced value becomes, or was to become, what is no traced value."""
    conversions.set(conversions.get() + 1)


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

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        note_conversion()


F = TypeVar("F", bound=Callable[..., Any])

_LIBRARIES = ("/numpy/", "site-packages/scipy/")
#: What NumPy's C code says of an array of objects that it can do nothing with.
_OF_OBJECTS = ("loop of ufunc", "not supported for the input types", "holds references")
_PROPER_ARRAY = (
    "Make an array of them by fnp.array (import functorch_lite.numpy as fnp) or np.stack; np.asarray of a traced "
    "array makes one of objects too."
)
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
        if _is_users(frame):
            return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}, in {frame.f_code.co_name}"
        frame = frame.f_back
    return "an unknown line"


def by_this_package() -> bool:
    """Say whether it is this package that has called the function of NumPy's which its caller stands for."""
    frame = sys._getframe(2)
    while frame.f_code.co_name == "__array_function__" and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(_PACKAGE)


def called_by_numpy() -> bool:
    """Say whether it is Python code of NumPy's that has called the function which asks."""
    return str(sys._getframe(2).f_globals.get("__name__")).startswith("numpy.")


def note_library(error: Any, traceback: TracebackType | None) -> None:
    """Add to an error in NumPy or SciPy, after a conversion, what they were given, and what to write instead."""
    called = _library_call(error, traceback)
    if hasattr(error, "__notes__"):
        return
    if called is None:
        if isinstance(error, TypeError) and any(word in str(error) for word in _OF_OBJECTS):
            error.add_note(
                f"Traced numbers are in a list or an array of objects here, which NumPy does not look into. "
                f"{_PROPER_ARRAY}"
            )
        return
    module, name = called
    if module.startswith("scipy"):
        if module.startswith("scipy.sparse"):
            instead = "Write ft.linalg.sparse_matmul(A, x), ft.linalg.spsolve(A, b) for products and solutions; else "
        elif find_spec("functorch_lite." + (package := ".".join(module.split(".")[:2]))) is not None:
            instead = f"Look for its counterpart in functorch_lite.{package}; where there is none, "
        else:
            instead = "Compose it of NumPy's functions, or "
        error.add_note(
            f"{module}.{name} takes plain arrays only, and was given a traced one. {instead}give the derivative by "
            f"ft.custom_jvp, or by ft.implicit_root if it is a solver."
        )
    elif not isinstance(error, TracerConversionError) or _is_in_library(traceback):
        error.add_note(
            f"{module}.{name} was given a list or an array of objects that holds traced numbers. {_PROPER_ARRAY}"
        )


def _is_in_library(traceback: TracebackType | None) -> bool:
    """Say whether it was Python code of NumPy's or SciPy's that asked this package for what was refused."""
    frames = []
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    last = next((name for name in reversed(frames) if not name.startswith(_PACKAGE)), "")
    return any(library in last for library in _LIBRARIES)


def _library_call(error: Any, traceback: TracebackType | None) -> tuple[str, str] | None:
    """Return the module and the name of the function of NumPy or SciPy that the user's program called last.

    Refused conversions aside, it must be there that the error happened, and not in a function that it called back.
    """
    called: list[FrameType] = []
    inside = False
    while traceback is not None:
        frame = traceback.tb_frame
        if _is_users(frame):
            inside = False
            if not isinstance(error, TracerConversionError):
                called = []
        elif any(library in frame.f_code.co_filename for library in _LIBRARIES):
            called = [*called, frame] if inside else [frame]
            inside = True
        traceback = traceback.tb_next
    names = list(map(_public_name, called))
    known = (name for name in names if name[1] in vars(sys.modules.get(name[0], object)))
    return next(known, names[0] if names else None)


def _public_name(frame: FrameType) -> tuple[str, str]:
    """Return the public module in which a function of a library is defined, and its name there, or of its class."""
    module, _, _ = frame.f_globals["__name__"].partition("._")
    name, owner = frame.f_code.co_name, frame.f_locals.get("self")
    if owner is None:
        return module, name.lstrip("_")  # a method of an array is a private function: _mean, _amax
    kind = type(owner).__name__
    return module, kind if name.startswith("_") else f"{kind}.{name}"


def _is_users(frame: FrameType) -> bool:
    filename = frame.f_code.co_filename
    return not filename.startswith((_PACKAGE, "<")) and not any(library in filename for library in _LIBRARIES)
