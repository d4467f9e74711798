"""The table of methods in PyTorch's vocabulary, which the files of their families fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["METHODS", "TENSOR_METHODS", "method", "methods_of_functions"]

#: The function behind each method, by the method's name; its first argument is the array.
METHODS: dict[str, Callable[..., Any]] = {}

#: What a method of METHODS is on tensors instead, where NumPy and PyTorch mean different things by the same call.
TENSOR_METHODS: dict[str, Callable[..., Any]] = {}


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Enter a function into `METHODS` by its name, without the underscore that keeps it from hiding a builtin."""
    METHODS[function.__name__.rstrip("_")] = function
    return function


def methods_of_functions(functions: dict[str, Callable[..., Any]]) -> None:
    """Enter NumPy's functions, and further names of functions, into `METHODS`."""
    METHODS.update({name: _as_method(name, function) for name, function in functions.items()})


def _as_method(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a Python function, which unlike a ufunc becomes a method when it is looked up on an instance."""

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        return function(x, *args, **kwargs)

    call.__name__ = name
    call.__doc__ = function.__doc__
    return call
