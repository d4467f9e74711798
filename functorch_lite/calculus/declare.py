"""How rules are declared: one call an operation, beside its siblings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.core.primitive import PRIMITIVES, General, Linear, Pointwise, Primitive, Zero
from functorch_lite.core.rules import Rule, parameter_names

__all__ = ["general", "linear", "pointwise", "zero", "zero_function"]


def pointwise(functions: Any, *partials: Any) -> None:
    """Declare an elementwise function, or a tuple of functions with the same derivatives, by its partials.

    A partial is ``1``, ``-1``, ``None`` (no derivative), a function of what it names among ``ans, x, y, z``, or a ufunc
    of ``x``.
    """
    for function in functions if isinstance(functions, tuple) else (functions,):
        PRIMITIVES[function] = Pointwise(function, partials)


def zero(*functions: Any, arity: int | None = None) -> None:
    """Declare elementwise functions (ufuncs; operators with their arity) whose derivative is zero by nature."""
    for function in functions:
        PRIMITIVES[function] = Zero(function, "xyz"[: arity or function.nin])


def linear(
    *transposes: Callable[..., Any] | Rule | None,
    jointly: bool = False,
    elementwise: bool = False,
    moves: bool | Callable[..., Any] = False,
    collects: bool = False,
    columns: Callable[..., Any] | None = None,
    variadic: bool = False,
    batch: Callable[..., Any] | None = None,
    replaces: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Linear]:
    """Declare the decorated function as linear in each array argument (or in all of them ``jointly``).

    Parameters
    ----------
    transposes
        One an array argument, ``transpose(g, …)``; None for an argument that is no operand, such as a condition. The
        function's first parameters are its array arguments, one for each transpose; the others are parameters.
    jointly, elementwise, moves, collects, columns, variadic, batch
        See `Linear` and `Primitive`.
    replaces
        A ufunc that the primitive stands for.
    """

    def declare(function: Callable[..., Any]) -> Linear:
        names = parameter_names(function)
        arity = 1 if variadic else len(transposes)
        primitive = Linear(
            replaces or function,
            names[:arity],
            transposes,
            jointly=jointly,
            elementwise=elementwise,
            moves=moves,
            collects=collects,
            columns=columns,
            parameters=names[arity:],
            name=function.__name__.strip("_"),
            variadic=variadic,
            batch=batch,
        )
        if replaces is not None:
            PRIMITIVES[replaces] = primitive
        return primitive

    return declare


def general(
    *rules: Rule | None,
    variadic: bool = False,
    multiple: bool = False,
    batch: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], General]:
    """Declare the decorated function by one `Rule` for each array argument; see `linear` for the other parameters."""

    def declare(function: Callable[..., Any]) -> General:
        names = parameter_names(function)
        arity = 1 if variadic else len(rules)
        return General(
            function,
            names[:arity],
            rules,
            parameters=names[arity:],
            name=function.__name__.strip("_"),
            variadic=variadic,
            multiple=multiple,
            batch=batch,
        )

    return declare


def zero_function(
    arity: int = 1, *, batch: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], Primitive]:
    """Declare the decorated function, of ``arity`` arrays and then parameters, as zero by nature."""

    def declare(function: Callable[..., Any]) -> Primitive:
        names = parameter_names(function)
        return Zero(function, names[:arity], names[arity:], name=function.__name__.strip("_"), batch=batch)

    return declare
