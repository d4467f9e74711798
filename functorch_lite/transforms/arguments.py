"""What a transformation's user passes in and gets back: which arguments, of which kind, in which structure."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.errors import TracerConversionError, conversions, note_library
from functorch_lite.core.operands import OBJECT, is_unready, shape_of, stacked
from functorch_lite.core.trace import ClosedTrace, Trace, Tracer, running

__all__ = [
    "BY_ITS_CLASS",
    "INTEGER",
    "LEFT_OUT",
    "Argnames",
    "Argnums",
    "Selection",
    "call",
    "check_callable",
    "check_count",
    "check_like",
    "check_parameters",
    "check_value",
    "described",
    "differentiable",
    "dtype_of",
    "is_inexact",
    "is_number",
    "keys_of",
    "like_primal",
    "name_of",
    "named_like",
    "returned",
    "returned_leaves",
    "split_aux",
    "unshared",
]

F = TypeVar("F", bound=Callable[..., Any])
Argnums: TypeAlias = int | Sequence[int]
Argnames: TypeAlias = str | Sequence[str] | None

#: What to do with arguments of a wrong kind, where there are ``argnums``.
LEFT_OUT = ("Convert it to float, or leave it out of argnums.", "Leave it out of argnums")
#: What to do with a leaf that is no array, by the class that contains it.
BY_ITS_CLASS = (
    "register its class by ft.tree.register if it contains arrays, and give a field of a dataclass that is no array "
    "the metadata {'static': True}"
)
#: What a position may be.
INTEGER = int | np.integer

_FLOATING = frozenset({float, complex, np.float64, np.float32, np.complex128, np.complex64})
_NUMBERS = (bool, int, float, complex)


def name_of(f: Callable[..., Any]) -> str:
    """Return the name of a function for messages."""
    return getattr(f, "__name__", None) or type(f).__name__


def named_like(f: Callable[..., Any], g: F) -> F:
    """Return ``g``, a function made here of the user's ``f``, under the name of that: messages name it."""
    g.__name__ = name_of(f)
    return g


def described(x: Any) -> str:
    """Return what a message calls a value: ``float64[3]`` if it is an array or traced, else its type."""
    dtype, shape = getattr(x, "dtype", None), getattr(x, "shape", None)
    if x is None:
        return "None"
    return f"a {dtype}{list(shape)}" if dtype is not None and isinstance(shape, tuple) else f"a {type(x).__name__}"


def check_callable(f: Any, name: str, usage: str = "(f)(x)") -> None:
    """Raise a `TypeError` if a transformation was given no function but, as a rule, what the function returns."""
    if not callable(f):
        instead = f", not ft.{name}(f(x))" if usage == "(f)(x)" else ""
        raise TypeError(f"ft.{name} needs a function, not {described(f)}; write ft.{name}{usage}{instead}")


def check_count(value: Any, name: str, least: int = 1) -> None:
    """Raise if an option is no whole number, or one that is too small."""
    try:
        operator.index(value)
    except TypeError:
        if isinstance(value, Tracer):
            raise
        raise TypeError(f"{name} must be an integer, not {value!r}") from None
    if value < least:
        raise ValueError(f"{name} must be {'positive' if least else 'zero or more'}, not {value}")


def keys_of(given: Any, name: str, kind: Any) -> tuple[Any, ...]:
    """Return the positions (of kind int) or the names (of kind str) that an option gives: one, or a tuple or list."""
    keys = (given,) if isinstance(given, kind) else given
    if not isinstance(keys, tuple | list) or not all(isinstance(key, kind) and key is not True for key in keys):
        raise TypeError(
            f"{name} must be {'a name' if kind is str else 'an integer'} or a tuple of them, not {given!r}"
        )
    return tuple(keys)


def check_parameters(f: Callable[..., Any], argnums: Sequence[int], argnames: Sequence[str], kind: str) -> None:
    """Raise if a function tells its parameters, and has none at a position or of a name; the kind is ``"static"``."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (ValueError, TypeError):  # some functions of NumPy have none
        return
    kinds = {p.kind for p in parameters}
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for i in argnums:
        if not -len(positional) <= i < len(positional) and inspect.Parameter.VAR_POSITIONAL not in kinds:
            raise ValueError(
                f"{kind}_argnums={i} is out of range: {name_of(f)} has {len(positional)} positional parameters, "
                f"{', '.join(positional)}"
            )
    names = [p.name for p in parameters]
    for name in argnames:
        if name not in names and inspect.Parameter.VAR_KEYWORD not in kinds:
            raise ValueError(f"{kind}_argnames: {name_of(f)} has no parameter {name!r}; it has {', '.join(names)}")


def call(f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], trace: Trace) -> Any:
    """Call the user's function; on an error the trace ends.

    A conversion error that NumPy or Python wrapped in one of its own is raised as itself. What went wrong in NumPy or
    SciPy after a conversion says so in a note.
    """
    before, converted = running.get(), conversions.get()
    running.set(True)
    try:
        return f(*args, **kwargs)
    except BaseException as error:
        trace.close()
        refusal = error.__cause__ if isinstance(error, ValueError | SystemError) else None
        if not isinstance(refusal, TracerConversionError):
            refusal = None
        if conversions.get() != converted and isinstance(error, Exception):
            note_library(refusal or error, error.__traceback__)
        if refusal is not None:
            raise refusal from None
        raise
    finally:
        running.set(before)


def returned(value: Any, trace: Trace | None) -> Any:
    """Return a leaf of a function's result, stacked if it is an object array of tracers; refuse an escaped tracer."""
    if isinstance(value, Tracer):
        value = value._trace.settled(value)
    if isinstance(value, Tracer):
        if isinstance(value._trace, ClosedTrace) and value._trace is not trace:
            value._trace.touch("the function returned", "")
        return value
    return stacked(value) if getattr(value, "dtype", None) is OBJECT else value


def returned_leaves(out: Any, trace: Trace | None, f: Callable[..., Any] | str) -> tuple[list[Any], tree.Structure]:
    """Return the leaves of what a function, or a rule with a name, has returned, and their structure; see `returned`.

    Raises
    ------
    TypeError
        If a leaf is no array of numbers, no number and no tracer, which would have a derivative of nothing.
    """
    leaves, structure = tree.flatten(out)
    for i, leaf in enumerate(leaves):
        y = leaves[i] = returned(leaf, trace)
        if not (isinstance(y, Tracer) or is_number(y)):
            name = f if isinstance(f, str) else name_of(f)
            place = tree.paths(out)[i]
            check_value(
                y,
                f"{name} returned{' at ' + place if place else ''}",
                "Return arrays or numbers, or a tree of them: a tuple, list or dict, or a class that ft.tree.register "
                "knows",
            )
    return leaves, structure


def check_value(x: Any, what: str, remedy: str) -> None:
    """Raise a `TypeError` if a value that is no tracer is no array of numbers and no number."""
    if not is_number(x):
        dtype = getattr(x, "dtype", None)
        kind = f"class, {x.__name__}" if isinstance(x, type) else type(x).__name__
        described = kind if dtype is None or isinstance(x, type) else f"{kind} of {dtype}"
        raise TypeError(f"{what} a {described}, which is no array of numbers. {remedy}.")


def is_number(x: Any) -> bool:
    """Say whether a value is an array of numbers, traced or not, or a number."""
    return type(x) in _FLOATING or getattr(getattr(x, "dtype", None), "kind", "O") in "biufc" or isinstance(x, _NUMBERS)


def unshared(g: Any, seen: set[int]) -> Any:
    """Return a derivative that the caller may write into: no view, not read-only, not given out before."""
    if type(g) is np.ndarray:
        flags = g.flags
        if not flags.owndata or not flags.writeable or id(g) in seen:
            return g.copy()
    seen.add(id(g))
    return g


def like_primal(g: Any, x: Any) -> Any:
    """Return a derivative by a value: by a tensor it is a tensor, even if it is the same for all."""
    while isinstance(x, Tracer) and not isinstance(g, Tracer):
        g, x = x._trace.shown(g), x.value
    return g


def split_aux(out: Any, f: Callable[..., Any]) -> tuple[Any, Any]:
    """Return the two parts of what a function has returned with ``has_aux=True``."""
    if not (isinstance(out, tuple) and len(out) == 2):
        length = f" of length {len(out)}" if isinstance(out, tuple) else ""
        raise TypeError(
            f"with has_aux=True {name_of(f)} must return a pair (output, aux); it returned {described(out)}{length}"
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
        if type(argnums) is int and argnames is None:
            self.single = True
            self.keys: tuple[Any, ...] = (argnums,)
            return
        if argnames is None:
            self.single = isinstance(argnums, INTEGER)
            self.keys = keys_of(argnums, "argnums", INTEGER)
        else:
            self.single = isinstance(argnames, str)
            self.keys = keys_of(argnames, "argnames", str)

    def take(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[int | str]]:
        """Return the selected arguments (a tuple for several) and where they stand."""
        if self.keys == (0,) and args:
            return args[0] if self.single else (args[0],), [0]
        places = [self._place(key, args, kwargs) for key in self.keys]
        if len(set(places)) < len(places):
            raise ValueError(f"{name_of(self.f)}: an argument is selected twice, by {self.keys}")
        values = tuple(args[p] if isinstance(p, int) else kwargs[p] for p in places)
        return (values[0] if self.single else values), places

    def put(
        self, selected: Any, places: list[int | str], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the call's arguments with the selected ones replaced."""
        new_args = list(args)
        if self.single and isinstance(places[0], int):
            new_args[places[0]] = selected
            return new_args, kwargs
        for place, value in zip(places, (selected,) if self.single else selected, strict=True):
            if isinstance(place, int):
                new_args[place] = value
            else:
                kwargs = {**kwargs, place: value}
        return new_args, kwargs

    def partial(self, places: list[int | str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[Any], Any]:
        """Return the function of the selected arguments alone, by its name; the others are those of the call."""

        def of_selected(selected: Any) -> Any:
            new_args, new_kwargs = self.put(selected, places, args, kwargs)
            return self.f(*new_args, **new_kwargs)

        return named_like(self.f, of_selected)

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
    if kind is np.matrix:
        return False
    dtype = getattr(value, "dtype", None)
    return getattr(dtype, "kind", "O") in "fc"


def differentiable(
    leaves: Sequence[Any],
    tree_: Any,
    transformation: str,
    remedy: str = "Convert it to float, or close over it.",
    exclusion: str = "Close over it",
) -> list[Any]:
    """Return the leaves, object arrays of tracers stacked.

    The remedy is for numbers of a wrong kind; the exclusion says how to pass what is no number.

    Raises
    ------
    TypeError
        If one is no array or scalar of floating or complex numbers.
    """
    checked = list(leaves)
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, Tracer):
            checked[i] = leaf = leaf._trace.settled(leaf)
        if is_inexact(leaf):
            continue
        if is_unready(leaf):
            checked[i] = leaf = stacked(leaf)
            if is_inexact(leaf):
                continue
        path = tree.paths(tree_)[i]
        if is_number(leaf) or isinstance(getattr(leaf, "shape", None), tuple):
            raise TypeError(
                f"{transformation} needs floating or complex inputs; the argument{path} is {dtype_of(leaf)} of shape "
                f"{shape_of(leaf)}. {remedy}"
            )
        raise TypeError(
            f"{transformation} needs arrays or numbers; the argument{path} is a {type(leaf).__name__}. {exclusion}, or "
            f"{BY_ITS_CLASS}."
        )
    return checked


def check_like(values: Sequence[Any], primals: Sequence[Any], what: str, other: str = "its primal") -> list[Any]:
    """Return tangents (cotangents) in the precision of primals (outputs); raise if shape or kind does not fit."""
    checked = []
    for value, primal in zip(values, primals, strict=True):
        shape = shape_of(primal)
        if is_unready(value):
            value = stacked(value)
        if shape_of(value) != shape:
            raise ValueError(f"the {what} has shape {shape_of(value)} where {other} has {shape}")
        own, wanted = dtype_of(value), dtype_of(primal)
        if own == wanted or (not hasattr(primal, "dtype") and own.kind in "biuf"):
            checked.append(value)
            continue
        if own.kind not in "iufc" or (own.kind == "c" and wanted.kind != "c"):
            raise TypeError(f"the {what} is {own} where {other} is {wanted}")
        checked.append(value.astype(wanted) if hasattr(value, "astype") else wanted.type(value))
    return checked
