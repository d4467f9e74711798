"""The tables in which tracers look up what NumPy's functions mean, and the refusal of what is in none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

import numpy as np

from functorch_lite.core.errors import user_line

__all__ = [
    "FUNCTIONS",
    "LATE_RULES",
    "REFUSED",
    "UFUNC_METHODS",
    "implements",
    "load_late_rules",
    "out_by_name",
    "refuse",
]

#: How a function of NumPy is composed of primitives, by the function.
FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}

#: How ``ufunc.reduce`` and its siblings are, by ``(ufunc, method)``; the key ``(None, method)`` serves all ufuncs.
UFUNC_METHODS: dict[tuple[np.ufunc | None, str], Callable[..., Any]] = {}

#: Why a function of NumPy has no derivative here and what to write instead, by the function.
REFUSED: dict[Callable[..., Any], str] = {}

#: The modules that have the rules of optional libraries, by the library's module whose ufuncs they are for.
LATE_RULES: dict[str, str] = {"scipy.special": "functorch_lite.scipy.special"}


def implements(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as what NumPy's functions mean for traced arguments."""

    def register(implementation: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            FUNCTIONS[function] = implementation
        return implementation

    return register


def out_by_name(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call of NumPy's with ``out``, and what comes behind it, among the keywords."""
    names, place = _names_and_place_of_out(function)
    if place is None or len(args) <= place:
        return args, kwargs
    return args[:place], {**dict(zip(names[place:], args[place:], strict=False)), **kwargs}


@cache
def _names_and_place_of_out(function: Callable[..., Any]) -> tuple[tuple[str, ...], int | None]:
    """Return the names of the positional parameters of a function of NumPy's, and which of them is ``out``, if any."""
    code = getattr(FUNCTIONS.get(function), "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code is not None else ()
    return names, names.index("out") if "out" in names else None


def load_late_rules() -> None:
    """Import the rules of the optional libraries that the program has imported."""
    for library, rules in LATE_RULES.items():
        if library in sys.modules:
            import_module(rules)


def refuse(function: Callable[..., Any]) -> NoReturn:
    """Raise: the function has no rule."""
    module = (getattr(function, "__module__", None) or "numpy").replace("numpy", "np", 1)
    is_foreign = isinstance(function, np.ufunc) and getattr(np, function.__name__, None) is not function
    name = function.__name__ if is_foreign else f"{module}.{function.__name__}"
    reason = REFUSED.get(
        function, "compose it of functions that have one, or give the derivative yourself by ft.custom_jvp"
    )
    raise NotImplementedError(
        f"{name} has no derivative rule; it was called on a traced value at {user_line()}. "
        f"Remedy: {reason}."
    )
