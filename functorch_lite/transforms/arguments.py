"""What a transformation's user passes in and gets back: which arguments, of which kind, in which structure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.errors import EscapedTracerError, TracerConversionError
from functorch_lite.core.primitive import OBJECT, shape_of, stacked
from functorch_lite.core.trace import ClosedTrace, Tracer

__all__ = [
    "Argnames",
    "Argnums",
    "Selection",
    "call",
    "check_differentiable",
    "check_like",
    "dtype_of",
    "is_inexact",
    "name_of",
    "returned",
    "split_aux",
]

Argnums: TypeAlias = int | Sequence[int]
Argnames: TypeAlias = str | Sequence[str] | None

_FLOATING = frozenset({float, complex, np.float64, np.float32, np.complex128, np.complex64})


def name_of(f: Callable[..., Any]) -> str:
    """Return the name of a function for messages."""
    return getattr(f, "__name__", None) or type(f).__name__


def call(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call the user's function; a conversion error that NumPy wrapped in one of its own is raised as itself."""
    try:
        return f(*args, **kwargs)
    except ValueError as error:
        if isinstance(error.__cause__, TracerConversionError):
            raise error.__cause__ from None
        raise


def returned(value: Any) -> Any:
    """Return a leaf of a function's result, stacked if it is an object array of tracers; refuse an escaped tracer."""
    if isinstance(value, Tracer):
        if isinstance(value._trace, ClosedTrace):
            raise EscapedTracerError(
                f"the function returned a value traced by {value._trace.transformation}, which has already returned; "
                f"the value was kept in a global, an attribute or a list that outlives the call"
            )
        return value
    if getattr(value, "dtype", None) is OBJECT:
        return stacked(value)
    return value


def split_aux(out: Any) -> tuple[Any, Any]:
    """Return the two parts of a result with ``has_aux=True``."""
    if not (isinstance(out, tuple) and len(out) == 2):
        raise TypeError(
            f"with has_aux=True the function must return a pair (output, aux); it returned a {type(out).__name__}"
        )
    return out


class Selection:
    """The arguments that a transformation acts on, taken out of a call and put back.

    Parameters
    ----------
    f
        The function, for names and messages.
    argnums
        A position or a sequence of positions, negative ones counting from the end.
    argnames
        A name or a sequence of names; when given, it stands in the place of ``argnums``.
    """

    def __init__(self, f: Callable[..., Any], argnums: Argnums, argnames: Argnames = None) -> None:
        self.f = f
        if argnames is None:
            self.single = isinstance(argnums, int | np.integer)
            self.keys: tuple[int | str, ...] = (argnums,) if self.single else tuple(argnums)  # type: ignore[arg-type, assignment]
        else:
            self.single = isinstance(argnames, str)
            self.keys = (argnames,) if self.single else tuple(argnames)  # type: ignore[assignment]

    def take(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[int | str]]:
        """Return the selected arguments (a tuple for several) and where they stand."""
        if self.keys == (0,) and args:
            return args[0] if self.single else (args[0],), [0]
        places = [self._place(key, args, kwargs) for key in self.keys]
        values = tuple(args[p] if isinstance(p, int) else kwargs[p] for p in places)
        return (values[0] if self.single else values), places

    def put(
        self, selected: Any, places: list[int | str], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the call's arguments with the selected ones replaced."""
        new_args = list(args)
        for place, value in zip(places, (selected,) if self.single else selected, strict=True):
            if isinstance(place, int):
                new_args[place] = value
            else:
                kwargs = {**kwargs, place: value}
        return new_args, kwargs

    def _place(self, key: int | str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | str:
        if isinstance(key, str):
            if key in kwargs:
                return key
            names = list(inspect.signature(self.f).parameters)
            if key not in names or names.index(key) >= len(args):
                raise ValueError(f"{name_of(self.f)} was called without an argument named {key!r}")
            return names.index(key)
        place = key + len(args) if key < 0 else int(key)
        if not 0 <= place < len(args):
            raise ValueError(
                f"argnums={key} is out of range: {name_of(self.f)} was called with {len(args)} positional arguments "
                f"(select a keyword argument by argnames)"
            )
        return place


def dtype_of(value: Any) -> Any:
    """Return the dtype of an array, or the NumPy dtype that a Python scalar stands for."""
    dtype = getattr(value, "dtype", None)
    return np.dtype(type(value)) if dtype is None else dtype


def is_inexact(value: Any) -> bool:
    """Say whether a value is an array or scalar of floating or complex numbers."""
    kind = type(value)
    if kind in _FLOATING:
        return True
    dtype = getattr(value, "dtype", None)
    return dtype is not None and getattr(dtype, "kind", "") in "fc"


def check_differentiable(leaves: Sequence[Any], tree_: Any, transformation: str, remedy: str) -> None:
    """Raise a `TypeError` unless every leaf is an array or scalar of floating or complex numbers."""
    wrong = [i for i, leaf in enumerate(leaves) if not is_inexact(leaf)]
    for i in wrong:
        leaf, path = leaves[i], tree.paths(tree_)[i]
        if hasattr(leaf, "dtype") or isinstance(leaf, int | bool):
            raise TypeError(
                f"{transformation} needs floating or complex inputs; the argument{path} is {dtype_of(leaf)} of shape "
                f"{shape_of(leaf)}. {remedy}"
            )
        raise TypeError(
            f"{transformation} needs arrays or numbers; the argument{path} is a {type(leaf).__name__}. Leave it out of "
            f"argnums, or register its class by ft.tree.register if it contains arrays."
        )


def check_like(values: Sequence[Any], primals: Sequence[Any], what: str) -> list[Any]:
    """Return tangents or cotangents converted to their primals' precision; raise if shape or kind does not fit."""
    checked = []
    for value, primal in zip(values, primals, strict=True):
        shape = shape_of(primal)
        if isinstance(value, list):
            value = np.array(value)
        if shape_of(value) != shape:
            raise ValueError(f"the {what} has shape {shape_of(value)} where its primal has {shape}")
        own, wanted = dtype_of(value), dtype_of(primal)
        if own == wanted or (not hasattr(primal, "dtype") and own.kind != "c"):
            checked.append(value)
            continue
        if own.kind not in "iufc" or (own.kind == "c" and wanted.kind != "c"):
            raise TypeError(f"the {what} is {own} where its primal is {wanted}")
        checked.append(value.astype(wanted) if hasattr(value, "astype") else wanted.type(value))
    return checked
