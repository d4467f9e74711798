"""Derivatives given by the user, which every transformation respects.

A call of a custom function is one application of a primitive made for it, whose rules are those of the user restated
for leaves.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, update_wrapper
from types import FunctionType, MethodType
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.operands import OBJECT, shape_of
from functorch_lite.core.pickling import NamedFunction
from functorch_lite.core.primitive import Arrays, Zero
from functorch_lite.core.trace import Tracer
from functorch_lite.numpy.buffers import Buffer
from functorch_lite.transforms.application import (
    NO_COTANGENT,
    Application,
    Guarded,
    closes_over_differentiated,
    wraps_its_own_level,
)
from functorch_lite.transforms.arguments import (
    INTEGER,
    check_callable,
    check_parameters,
    is_number,
    keys_of,
    name_of,
    returned,
    returned_leaves,
)
from functorch_lite.transforms.closures import Replacing

__all__ = ["custom_jvp", "custom_vjp", "stop_gradient"]


class _CustomFunction(NamedFunction):
    """A function with derivatives of its own: what `custom_jvp` and `custom_vjp` have in common."""

    def __init__(self, f: Callable[..., Any], nondiff_argnums: int | Sequence[int] = ()) -> None:
        check_callable(f, type(self).__name__, "(f)")
        update_wrapper(self, f)
        self.f = f
        self.nondiff_argnums = keys_of(nondiff_argnums, "nondiff_argnums", INTEGER)
        check_parameters(f, self.nondiff_argnums, (), "nondiff")
        #: The defaults of the first parameters that have arrays or numbers for defaults, where these may be left out.
        self._defaults = _numeric_defaults(f)
        #: How many arguments there must be by position.
        self._least = max((i + 1 if i >= 0 else -i for i in self.nondiff_argnums), default=0)
        self.jvp: Callable[..., Any] | None = None
        self.fwd: Callable[..., Any] | None = None
        self.bwd: Callable[..., Any] | None = None

    def defjvp(self, jvp: Callable[..., Any]) -> Callable[..., Any]:
        """Set the forward rule; usable as a decorator.

        Parameters
        ----------
        jvp
            ``jvp(*nondiff_args, primals, tangents) → (out, tangent_out)``. Primals and tangents are tuples, one entry
            for each differentiable argument; the rule must be linear in the tangents.

        Returns
        -------
        callable
            The rule itself.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> @ft.custom_jvp
        ... def log1pexp(x):
        ...     return np.logaddexp(0.0, x)
        >>> @log1pexp.defjvp
        ... def rule(primals, tangents):
        ...     (x,), (t,) = primals, tangents
        ...     return log1pexp(x), t / (1.0 + np.exp(-x))
        >>> float(ft.grad(ft.grad(log1pexp))(0.0))
        0.25
        """
        check_callable(jvp, f"{type(self).__name__}.defjvp", "(rule)")
        self.jvp = jvp
        return jvp

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the reverse rule.

        Parameters
        ----------
        fwd
            ``fwd(*args) → (out, residuals)``, with all arguments of the function.
        bwd
            ``bwd(*nondiff_args, residuals, cotangent) → tuple`` with one cotangent for each differentiable argument;
            None in the place of an argument, or of a part of it, means zero.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> @ft.custom_vjp
        ... def clipped(x):  # the identity, whose cotangents are clipped
        ...     return x
        >>> clipped.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
        >>> ft.grad(lambda x: np.sum(clipped(x) ** 2))(np.array([0.25, 10.0]))
        array([0.5, 1. ])
        """
        for rule in (fwd, bwd):
            check_callable(rule, f"{type(self).__name__}.defvjp", "(fwd, bwd)")
        self.fwd, self.bwd = fwd, bwd

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {name_of(self.f)}>"

    def _parts(self) -> tuple[Any, ...]:
        return self.f, self.nondiff_argnums

    def __reduce__(self) -> str | tuple[Any, ...]:
        found = super().__reduce__()
        return found if isinstance(found, str) else (*found, {"jvp": self.jvp, "fwd": self.fwd, "bwd": self.bwd})

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) < self._least:
            args = _positional(self.f, args, kwargs)
        elif len(args) in self._defaults:
            args = (*args, *self._defaults[len(args)])
        if self.jvp is None and self.bwd is None:
            raise AttributeError(
                f"{name_of(self.f)} has no derivative rule yet: call .defjvp(rule) or .defvjp(fwd, bwd) before using it"
            )
        n = len(args)
        if n < self._least:
            raise ValueError(
                f"{name_of(self.f)} has nondiff_argnums={self.nondiff_argnums} and was called with {n} positional "
                f"arguments"
            )
        nondiff = sorted(i + n if i < 0 else i for i in self.nondiff_argnums)
        static = tuple(args[i] for i in nondiff)
        for value in tree.leaves(static):
            if isinstance(value, Tracer):
                raise TypeError(
                    f"{name_of(self.f)}: an argument in nondiff_argnums is traced by {value._trace.transformation}; "
                    f"such arguments are functions, strings or options. Leave arrays out of nondiff_argnums."
                )
        leaves, structure = tree.flatten(tuple(a for i, a in enumerate(args) if i not in nondiff))
        if not any(isinstance(x, Tracer) or _is_object_array(x) for x in leaves):
            return self.f(*args)
        call = _Call(self, structure, nondiff, static, leaves)
        outputs = call.application().bind((*leaves, *call.captured), ())
        if wraps_its_own_level(outputs):
            raise closes_over_differentiated(name_of(self.f))
        return tree.unflatten(call.out_structure, outputs)


class custom_jvp(_CustomFunction):  # noqa: N801 - a decorator
    """Give a function a forward derivative of its own; reverse mode transposes it.

    Parameters
    ----------
    f
        The function, of pytrees of arrays.
    nondiff_argnums
        Positions of arguments that are no arrays (functions, options); they come first in the rules.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> @ft.custom_jvp
    ... def log1pexp(x):
    ...     return np.log(1.0 + np.exp(x))
    >>> @log1pexp.defjvp
    ... def _(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t / (1.0 + np.exp(-x))
    >>> float(ft.grad(log1pexp)(100.0))
    1.0
    """


class custom_vjp(_CustomFunction):  # noqa: N801 - a decorator
    """Give a function a reverse derivative of its own; forward mode (hence second order) transposes it.

    Parameters
    ----------
    f
        The function, of pytrees of arrays.
    nondiff_argnums
        Positions of arguments that are no arrays (functions, options); they come first in ``bwd``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> @ft.custom_vjp
    ... def f(x, y):
    ...     return np.sin(x) * y
    >>> f.defvjp(lambda x, y: (f(x, y), (np.cos(x), np.sin(x), y)),
    ...          lambda residuals, g: (g * residuals[0] * residuals[2], g * residuals[1]))
    >>> tuple(map(float, ft.grad(f, argnums=(0, 1))(0.0, 2.0)))
    (2.0, 0.0)
    """


def stop_gradient(x: Any) -> Any:
    """Return the tree with all derivatives cut: the identity, whose derivative is zero.

    Parameters
    ----------
    x
        A pytree of arrays.

    Returns
    -------
    tree
        The same values.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad(lambda x: x * ft.stop_gradient(x))(3.0)
    3.0
    """
    return tree.map(lambda leaf: _stopped(leaf) if isinstance(leaf, Tracer) or _is_object_array(leaf) else leaf, x)


_stopped = Zero(lambda x: x, ["x"], name="stop_gradient")


class _Call:
    """A call of a custom function on trees: its rules, restated for leaves.

    The application refers to the call and not the other way, so that both die with their last user.

    Where the function is to run for a whole batch, or later, in a program, the traced values that it and its rules
    close over become leaves too, behind those of the arguments.
    """

    def __init__(
        self,
        custom: _CustomFunction,
        structure: tree.Structure,
        nondiff: Sequence[int],
        static: tuple[Any, ...],
        leaves: Sequence[Any],
    ) -> None:
        self.structure = structure
        self.out_structure = tree.LEAF
        self.shapes: tuple[tuple[int, ...], ...] = ()
        self.rules = custom.f, custom.jvp, custom.fwd, custom.bwd, static
        self.captured: list[Any] = []
        self.nondiff = nondiff
        self.name = name_of(custom.f)
        if any(map(_stands_for_many, leaves)):
            self.captured = _traced_values(self.rules)

    def application(self) -> Application:
        """Return the primitive that stands for the call."""
        _, jvp, _, bwd, _ = self.rules
        return Application(
            self.name,
            self._run,
            None if jvp is None else self._jvp,
            None if bwd is None else self._fwd,
            None if bwd is None else self._bwd,
            len(self.captured),
        )

    @contextmanager
    def _rules_at(self, captured: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Give the function and its rules, with other values in the places of those that they close over."""
        if not captured:
            yield self.rules
            return
        others = {id(x): other for x, other in zip(self.captured, captured, strict=True)}
        holding = Replacing(lambda x: others.get(id(x), x))
        try:
            yield holding.of(self.rules)
        finally:
            holding.give_back()

    def _parted(self, leaves: Arrays) -> tuple[Arrays, Arrays]:
        """Return the leaves of the arguments, and the captured values."""
        count = len(leaves) - len(self.captured)
        return leaves[:count], leaves[count:]

    def _arguments(self, leaves: Arrays, static: tuple[Any, ...]) -> list[Any]:
        self.shapes = tuple(map(shape_of, leaves))
        args = list(tree.unflatten(self.structure, leaves))
        for i, value in zip(self.nondiff, static, strict=True):
            args.insert(i, value)
        return args

    def _outputs(self, out: Any, rule: Callable[..., Any] | str) -> Arrays:
        leaves, self.out_structure = returned_leaves(out, None, rule)
        return tuple(leaves)

    def _run(self, leaves: Arrays) -> Arrays:
        leaves, captured = self._parted(leaves)
        with self._rules_at(captured) as (f, _, _, _, static):
            return self._outputs(f(*self._arguments(leaves, static)), self.rules[0])

    def _jvp(self, leaves: Arrays, tangents: Arrays) -> tuple[Arrays, Arrays]:
        (leaves, captured), (tangents, _) = self._parted(leaves), self._parted(tangents)
        primals, directions = tree.unflatten(self.structure, leaves), tree.unflatten(self.structure, tangents)
        with self._rules_at(captured) as (_, jvp, _, _, static):
            result = jvp(*static, primals, directions)
        if not (isinstance(result, tuple | list) and len(result) == 2):
            raise TypeError(f"the forward rule of {self.name} must return a pair (out, tangent_out)")
        rule = f"the forward rule of {self.name}"
        outputs = self._outputs(result[0], rule)
        pushed, structure = returned_leaves(result[1], None, rule)
        if structure != self.out_structure:
            raise TypeError(
                f"the forward rule of {self.name} returned an output of structure {self.out_structure} and a tangent "
                f"of structure {structure}; they must agree"
            )
        for y, t in zip(outputs, pushed, strict=True):
            if shape_of(y) != shape_of(t):
                raise ValueError(
                    f"the forward rule of {self.name} returned an output of shape {shape_of(y)} and a tangent of shape "
                    f"{shape_of(t)}; they must agree"
                )
        return outputs, tuple(pushed)

    def _fwd(self, leaves: Arrays) -> tuple[Arrays, Any]:
        leaves, captured = self._parted(leaves)
        with self._rules_at(captured) as (_, _, fwd, _, static):
            result = fwd(*self._arguments(leaves, static))
        if not (isinstance(result, tuple | list) and len(result) == 2):
            raise TypeError(f"the rule fwd of {self.name} must return a pair (out, residuals)")
        return self._outputs(result[0], f"the rule fwd of {self.name}"), (result[1], captured)

    def _bwd(self, residuals: Any, g: Arrays) -> Arrays:
        cotangent = tree.unflatten(self.out_structure, g)
        residuals, captured = residuals
        with self._rules_at(captured) as (_, _, _, bwd, static):
            result = bwd(*static, residuals, cotangent)
        arguments = tree.unflatten(self.structure, range(len(self.shapes)))
        if not (isinstance(result, tuple | list) and len(result) == len(arguments)):
            raise TypeError(
                f"the rule bwd of {self.name} must return a tuple of {len(arguments)} cotangents, one for each "
                f"differentiable argument; it returned {type(result).__name__}"
                + (f" of length {len(result)}" if isinstance(result, tuple | list) else "")
            )
        cotangents = tuple(
            c for part, argument in zip(result, arguments, strict=True) for c in _filled(self.name, part, argument)
        )
        for c, shape in zip(cotangents, self.shapes, strict=True):
            if c is not NO_COTANGENT and shape_of(c) != shape:
                raise ValueError(
                    f"the rule bwd of {self.name} returned a cotangent of shape {shape_of(c)} for an argument of shape "
                    f"{shape}; they must agree (sum it over the axes that were broadcast)"
                )
        return cotangents + (NO_COTANGENT,) * len(captured)


def _stands_for_many(x: Any) -> bool:
    """Say whether a value is, on some level, one of a batch or of a program."""
    while isinstance(x, Tracer):
        if not x._trace.is_concrete:
            return True
        x = x.value
    return False


def _traced_values(x: Any) -> list[Any]:
    """Return the values that a transformation traces among those that are reached; no buffers, no tensors."""
    found: dict[int, Any] = {}

    def note(value: Any) -> Any:
        if value._trace.number and not isinstance(value, Buffer | Guarded):
            found[id(value)] = value
        return value

    Replacing(note).of(x)
    return [*found.values()]


def _filled(name: str, cotangent: Any, argument: Any) -> list[Any]:
    """Return the leaves of a cotangent, zero for each leaf of the argument where the cotangent has None."""
    marked = tree.mark_none(cotangent)
    given = sum(c is not tree.NONE for c in tree.leaves(marked))
    returned_leaves(cotangent, None, f"the rule bwd of {name}")
    try:
        entries = tree.broadcast_prefix(marked, argument)
    except ValueError:
        entries = []
    if sum(c is not tree.NONE for c in entries) != given or len(entries) != len(tree.leaves(argument)):
        raise TypeError(
            f"the rule bwd of {name} returned a cotangent of structure {tree.structure(cotangent)} for an argument of "
            f"structure {tree.structure(argument)}"
        )
    return [NO_COTANGENT if c is tree.NONE else returned(c, None) for c in entries]


def _is_object_array(x: Any) -> bool:
    return getattr(x, "dtype", None) is OBJECT


def _positional(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Return all arguments by position, as rules see them."""
    bound = inspect.signature(f).bind(*args, **kwargs)
    if bound.kwargs:
        raise TypeError(
            f"{name_of(f)} has custom derivatives and keyword-only arguments {set(bound.kwargs)}; bind them first"
        )
    bound.apply_defaults()
    return bound.args


def _numeric_defaults(f: Callable[..., Any]) -> dict[int, tuple[Any, ...]]:
    """Return by the number of arguments that are given the defaults that follow, up to one that is no number or array.

    Of a function of NumPy's there are none: its options, such as ``out``, are nothing for rules.
    """
    if not isinstance(f, FunctionType | MethodType):
        return {}
    parameters = [p for p in inspect.signature(f).parameters.values() if p.kind <= p.POSITIONAL_OR_KEYWORD]
    first = sum(p.default is p.empty for p in parameters)
    values: list[Any] = []
    for p in parameters[first:]:
        if not all(map(is_number, tree.leaves(p.default))):
            break
        values.append(p.default)
    return {first + i: tuple(values[i:]) for i in range(len(values))}
