"""Derivatives given by the user, which every transformation respects.

A call of a custom function is one application of a primitive made for it. Its rules are functions of leaves; batched,
they become the rules of another such primitive. Where only one of the two modes is given, the other is its transpose.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.backward import project
from functorch_lite.core.operands import OBJECT, shape_of, zeros_like
from functorch_lite.core.pickling import NamedFunction
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params, Zero
from functorch_lite.core.tape import LinearTrace, dtype_or_type
from functorch_lite.core.trace import Tracer, next_birth
from functorch_lite.numpy.buffers import SEAL, run_again
from functorch_lite.transforms.arguments import (
    INTEGER,
    check_callable,
    check_parameters,
    is_inexact,
    is_number,
    keys_of,
    name_of,
    returned,
    returned_leaves,
)
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.masked import holds_tracers
from functorch_lite.transforms.pullback import vjp_with

__all__ = ["Application", "custom_jvp", "custom_vjp", "stop_gradient", "wraps_its_own_level"]


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
        call = _Call(self, structure, nondiff, static)
        outputs = call.application().bind(tuple(leaves), ())
        if wraps_its_own_level(outputs):
            raise TypeError(
                f"{name_of(self.f)} has custom derivatives and closes over a traced value, for which its rules give no "
                f"derivative; pass the value as an argument"
            )
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


class Application(JointPrimitive):
    """One call of a function with rules of its own, on leaves.

    Parameters
    ----------
    run
        ``run(leaves) → leaves``.
    jvp
        ``jvp(leaves, tangents) → (leaves, tangents)``, or None: the transpose of ``bwd``.
    fwd, bwd
        ``fwd(leaves) → (leaves, residuals)`` and ``bwd(residuals, cotangents) → cotangents``, or None: the transpose of
        ``jvp``.
    """

    def __init__(
        self,
        name: str,
        run: Callable[..., Any],
        jvp: Callable[..., Any] | None,
        fwd: Callable[..., Any] | None,
        bwd: Callable[..., Any] | None,
    ) -> None:
        now = next_birth()
        super().__init__(partial(run_again, now, run), ["arrays"], name=name, variadic=True, multiple=True)
        self.jvp = jvp and partial(run_again, now, jvp)
        self.fwd = fwd and partial(run_again, now, fwd)
        self.bwd = bwd and partial(run_again, now, bwd)

    def bind(self, arrays: Arrays, params: Params) -> Any:
        token = SEAL.set(next_birth())
        try:
            return super().bind(arrays, params)
        finally:
            SEAL.reset(token)

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        filled = tuple(_zero_tangent(x) if t is None else t for x, t in zip(values, tangents, strict=True))
        if self.jvp is not None:
            return self.jvp(values, filled)  # type: ignore[no-any-return]
        assert self.fwd is not None
        assert self.bwd is not None
        outputs, residuals = self.fwd(values)
        zeros = tuple(map(_zero_tangent, outputs))

        def pull(g: Arrays) -> Arrays:
            cotangents = self.bwd(residuals, g)  # type: ignore[misc]
            return tuple(
                project(_NO_COTANGENT if c is None else c, shape_of(t), dtype_or_type(t))
                for c, t in zip(cotangents, filled, strict=True)
            )

        _, push = vjp_with(LinearTrace(f"the reverse rule of {self.name}"), pull, (zeros,))
        (pushed,) = push(filled)
        return outputs, pushed

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        if self.bwd is not None:
            assert self.fwd is not None
            outputs, residuals = self.fwd(values)

            def pull(g: Arrays) -> Sequence[Any]:
                cotangents = self.bwd(residuals, g)  # type: ignore[misc]
                return [cotangents[i] for i in active]

            return outputs, pull, ()
        assert self.jvp is not None
        jvp = self.jvp

        def along(*directions: Any) -> Any:
            tangents = list(map(_zero_tangent, values))
            for i, t in zip(active, directions, strict=True):
                tangents[i] = t
            outputs, pushed = jvp(values, tuple(tangents))
            return tuple(pushed), outputs

        zeros = tuple(_zero_tangent(values[i]) for i in active)
        _, pull, outputs = vjp_with(LinearTrace(f"the forward rule of {self.name}"), along, zeros, has_aux=True)
        return outputs, pull, ()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        axes = tuple(0 if b else None for b in batched)
        run, jvp, fwd, bwd = self.function, self.jvp, self.fwd, self.bwd
        batch_jvp = batch_fwd = batch_bwd = None
        if jvp is not None:

            def batch_jvp(values: Arrays, tangents: Arrays) -> Any:
                return vmap(jvp, (axes, axes), axis_size=size)(values, tangents)

        if fwd is not None and bwd is not None:

            def batch_fwd(values: Arrays) -> Any:
                common: list[Any] = []  # the structure, and the residuals that are no arrays, options for instance

                def one(values: Arrays) -> Any:
                    outputs, residuals = fwd(values)
                    leaves, structure = tree.flatten(residuals)
                    common[:] = structure, {i: leaf for i, leaf in enumerate(leaves) if not hasattr(leaf, "dtype")}
                    return outputs, [leaf for leaf in leaves if hasattr(leaf, "dtype")]

                outputs, arrays = vmap(one, (axes,), axis_size=size)(values)
                if any(callable(leaf) or holds_tracers(leaf) for leaf in common[1].values()):
                    return outputs, (values, None, None)  # a pullback, say, which holds values of the batch
                return outputs, (arrays, *common)

            def batch_bwd(residuals: Any, g: Arrays) -> Any:
                arrays, structure, others = residuals
                if structure is None:
                    again = vmap(lambda values, g: bwd(fwd(values)[1], g), (axes, 0), axis_size=size)
                    return summed(again(arrays, g))

                def one(arrays: list[Any], g: Arrays) -> Any:
                    rest = iter(arrays)
                    leaves = [others[i] if i in others else next(rest) for i in range(structure.num_leaves)]
                    return bwd(tree.unflatten(structure, leaves), g)

                return summed(vmap(one, axis_size=size)(arrays, g))

            def summed(cotangents: Sequence[Any]) -> tuple[Any, ...]:
                return tuple(c if b or c is None else c.sum(0) for c, b in zip(cotangents, batched, strict=True))

        def batch_run(values: Arrays) -> Any:
            return vmap(run, (axes,), axis_size=size)(values)

        return Application(self.name, batch_run, batch_jvp, batch_fwd, batch_bwd).bind(arrays, ())


class _Call:
    """A call of a custom function on trees: its rules, restated for leaves.

    The application refers to the call and not the other way, so that both die with their last user.
    """

    def __init__(
        self, custom: _CustomFunction, structure: tree.Structure, nondiff: Sequence[int], static: tuple[Any, ...]
    ) -> None:
        self.structure = structure
        self.out_structure = tree.LEAF
        self.shapes: tuple[tuple[int, ...], ...] = ()
        self.static = static
        self.custom = custom
        self.nondiff = nondiff
        self.name = name_of(custom.f)

    def application(self) -> Application:
        """Return the primitive that stands for the call."""
        given_jvp, given_bwd = self.custom.jvp is not None, self.custom.bwd is not None
        return Application(
            self.name,
            self._run,
            self._jvp if given_jvp else None,
            self._fwd if given_bwd else None,
            self._bwd if given_bwd else None,
        )

    def _arguments(self, leaves: Arrays) -> list[Any]:
        self.shapes = tuple(map(shape_of, leaves))
        args = list(tree.unflatten(self.structure, leaves))
        for i, value in zip(self.nondiff, self.static, strict=True):
            args.insert(i, value)
        return args

    def _outputs(self, out: Any, rule: Callable[..., Any] | str) -> Arrays:
        leaves, self.out_structure = returned_leaves(out, None, rule)
        return tuple(leaves)

    def _run(self, leaves: Arrays) -> Arrays:
        return self._outputs(self.custom.f(*self._arguments(leaves)), self.custom.f)

    def _jvp(self, leaves: Arrays, tangents: Arrays) -> tuple[Arrays, Arrays]:
        result = self.custom.jvp(  # type: ignore[misc]
            *self.static, tree.unflatten(self.structure, leaves), tree.unflatten(self.structure, tangents)
        )
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
        result = self.custom.fwd(*self._arguments(leaves))  # type: ignore[misc]
        if not (isinstance(result, tuple | list) and len(result) == 2):
            raise TypeError(f"the rule fwd of {self.name} must return a pair (out, residuals)")
        return self._outputs(result[0], f"the rule fwd of {self.name}"), result[1]

    def _bwd(self, residuals: Any, g: Arrays) -> Arrays:
        cotangent = tree.unflatten(self.out_structure, g)
        result = self.custom.bwd(*self.static, residuals, cotangent)  # type: ignore[misc]
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
            if c is not _NO_COTANGENT and shape_of(c) != shape:
                raise ValueError(
                    f"the rule bwd of {self.name} returned a cotangent of shape {shape_of(c)} for an argument of shape "
                    f"{shape}; they must agree (sum it over the axes that were broadcast)"
                )
        return cotangents


def wraps_its_own_level(outputs: Arrays) -> bool:
    """Say whether an output of a `JointPrimitive` holds a tracer that is not older than the one around it.

    The function that ran on the values below closes over a traced value then; a tensor without a history is none.
    """
    for y in outputs:
        while isinstance(y, Tracer):
            inner = y.value
            if isinstance(inner, Tracer) and inner._trace.number >= y._trace.number:
                return getattr(inner, "node", True) is not None
            y = inner
    return False


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
    return [_NO_COTANGENT if c is tree.NONE else returned(c, None) for c in entries]


#: The zero that stands for None in a rule's cotangents; the engine gives it the shape that it needs.
_NO_COTANGENT = 0.0


def _zero_tangent(x: Any) -> Any:
    return zeros_like(x) if is_inexact(x) else np.zeros(shape_of(x))[()]


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
