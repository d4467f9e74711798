"""The primitive of one call of a function with rules of its own.

Its rules are functions of leaves; batched, they become the rules of another such primitive. Where only one of the two
modes is given, the other is its transpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.backward import project
from functorch_lite.core.memory import check_kept, written_since
from functorch_lite.core.operands import placed, shape_of, zeros_like
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params, Primitive
from functorch_lite.core.tape import LinearTrace, dtype_or_type, next_order
from functorch_lite.core.trace import Trace, Tracer, next_birth
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.numpy.buffers import SEAL, run_again
from functorch_lite.transforms.arguments import is_inexact
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.closures import holds_tracers
from functorch_lite.transforms.pullback import vjp_with

__all__ = ["NO_COTANGENT", "Application", "Guarded", "closes_over_differentiated", "wraps_its_own_level"]

#: The zero that stands for None in a rule's cotangents; the engine gives it the shape that it needs.
NO_COTANGENT = 0.0


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
    captured
        How many of the last leaves are values that the function and its rules close over: the rules give no derivative
        by these.
    """

    checks_kept = True

    def __init__(
        self,
        name: str,
        run: Callable[..., Any],
        jvp: Callable[..., Any] | None,
        fwd: Callable[..., Any] | None,
        bwd: Callable[..., Any] | None,
        captured: int = 0,
    ) -> None:
        now = next_birth()
        super().__init__(partial(run_again, now, run), ["arrays"], name=name, variadic=True, multiple=True)
        self.jvp = jvp and partial(run_again, now, jvp)
        self.fwd = fwd and partial(run_again, now, fwd)
        self.bwd = bwd and partial(run_again, now, bwd)
        self.captured = captured

    def bind(self, arrays: Arrays, params: Params) -> Any:
        token = SEAL.set(next_birth())
        try:
            return super().bind(arrays, params)
        finally:
            SEAL.reset(token)

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        values = self._guarded(values, [i for i, t in enumerate(tangents) if t is not None])
        filled = tuple(_zero_tangent(x) if t is None else t for x, t in zip(values, tangents, strict=True))
        if self.jvp is not None:
            return self._checked(self.jvp(values, filled))  # type: ignore[no-any-return]
        assert self.fwd is not None
        assert self.bwd is not None
        outputs, residuals = self._checked(self.fwd(values))
        zeros = tuple(map(_zero_tangent, outputs))

        def pull(g: Arrays) -> Arrays:
            cotangents = self.bwd(residuals, g)  # type: ignore[misc]
            return tuple(
                project(NO_COTANGENT if c is None else c, shape_of(t), dtype_or_type(t))
                for c, t in zip(cotangents, filled, strict=True)
            )

        _, push = vjp_with(LinearTrace(f"the reverse rule of {self.name}"), pull, (zeros,))
        (pushed,) = push(filled)
        return outputs, pushed

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        values = self._guarded(values, active)
        if self.bwd is not None:
            assert self.fwd is not None
            outputs, residuals = self._checked(self.fwd(values))
            since = next_order()

            def pull(g: Arrays) -> Sequence[Any]:
                if written_since(since):
                    check_kept(tuple(self.kept(residuals)), since, self.name)
                cotangents = self.bwd(residuals, g)  # type: ignore[misc]
                return [cotangents[i] for i in active]

            return outputs, pull, ()
        assert self.jvp is not None
        jvp = self.jvp

        def along(*directions: Any) -> Any:
            tangents = tuple(placed(list(map(_zero_tangent, values)), active, directions))
            outputs, pushed = self._checked(jvp(values, tangents))
            return tuple(pushed), outputs

        zeros = tuple(_zero_tangent(values[i]) for i in active)
        _, pull, outputs = vjp_with(LinearTrace(f"the forward rule of {self.name}"), along, zeros, has_aux=True)
        return outputs, pull, ()

    def kept(self, residuals: Any) -> Iterable[Any]:
        """Return those residuals that must be on the way back what they were."""
        return tree.leaves(residuals)

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        axes = tuple(0 if b else None for b in batched)
        run, jvp = self.function, self.jvp
        batch_fwd = batch_bwd = None
        if self.fwd is not None and self.bwd is not None:
            batch_fwd, batch_bwd = _batched_reverse(self.fwd, self.bwd, size, batched)
        batched_application = Application(
            self.name,
            lambda values: vmap(run, (axes,), axis_size=size)(values),
            jvp and (lambda values, tangents: vmap(jvp, (axes, axes), axis_size=size)(values, tangents)),
            batch_fwd,
            batch_bwd,
            self.captured,
        )
        return batched_application.bind(arrays, ())

    def holding(self, arrays: Arrays) -> Any:
        """Apply it to arrays of which it holds the guarded ones, which are no operands then."""
        first = len(arrays) - self.captured
        held = {i: a for i, a in enumerate(arrays) if type(a) is Guarded}
        if min(held) < first:
            raise closes_over_differentiated(self.name)
        run, jvp, fwd, bwd = self.function, self.jvp, self.fwd, self.bwd

        def all_of(xs: Arrays, others: Any = held) -> Arrays:
            rest = iter(xs)
            return tuple(others[i] if i in held else next(rest) for i in range(len(arrays)))

        none = dict.fromkeys(held, 0.0)
        return Application(
            self.name,
            lambda xs: run(all_of(xs)),
            jvp and (lambda xs, ts: jvp(all_of(xs), all_of(ts, none))),
            fwd and (lambda xs: fwd(all_of(xs))),
            bwd and (lambda r, g: tuple(c for i, c in enumerate(bwd(r, g)) if i not in held)),
            self.captured - len(held),
        ).bind(tuple(a for i, a in enumerate(arrays) if i not in held), ())

    def _guarded(self, values: Arrays, active: Sequence[int]) -> Arrays:
        """Return the values; those that it closes over and that are differentiated guarded, as no rule may use them."""
        first = len(values) - self.captured
        guarded = [i for i in active if i >= first]
        if not guarded:
            return values
        trace = _GuardTrace(self.name)
        return tuple(trace.guarded(x) if i in guarded else x for i, x in enumerate(values))

    def _checked(self, results: Any) -> Any:
        if self.captured and any(isinstance(y, Guarded) for y in results[0]):
            raise closes_over_differentiated(self.name)
        return results


def _batched_reverse(
    fwd: Callable[..., Any], bwd: Callable[..., Any], size: int, batched: tuple[bool, ...]
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the two halves of a reverse rule for a batch of the leaves that are batched.

    Residuals that are arrays are those of all examples; what else there is, options for instance, is the same for all.
    Where something among it holds values of the batch, a pullback say, the second half runs the first again.
    """
    axes = tuple(0 if b else None for b in batched)

    def batch_fwd(values: Arrays) -> Any:
        common: list[Any] = []  # the structure, and the residuals that are no arrays

        def one(values: Arrays) -> Any:
            outputs, residuals = fwd(values)
            leaves, structure = tree.flatten(residuals)
            common[:] = structure, {i: leaf for i, leaf in enumerate(leaves) if not hasattr(leaf, "dtype")}
            return outputs, [leaf for leaf in leaves if hasattr(leaf, "dtype")]

        outputs, arrays = vmap(one, (axes,), axis_size=size)(values)
        if any(callable(leaf) or holds_tracers(leaf) for leaf in common[1].values()):
            return outputs, (values, None, None)
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

    return batch_fwd, batch_bwd


class Guarded(ArrayTracer):
    """A differentiated value that a function with rules of its own closes over."""

    __slots__ = ()


class _GuardTrace(Trace):
    """Refuse to differentiate along a value; what has no derivative may be asked."""

    transformation = "differentiation, beside the rules of a function that has its own"

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def guarded(self, value: Any) -> Any:
        result = object.__new__(Guarded)
        result._trace = self
        result.value = value
        return result

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if isinstance(primitive, Application) and primitive.captured:
            return primitive.holding(arrays)
        if primitive.differentiable:
            raise closes_over_differentiated(self.name)
        return primitive.bind(tuple(a.value if type(a) is Guarded else a for a in arrays), params)


def closes_over_differentiated(name: str) -> TypeError:
    """Return the error of a function with rules whose result depends on a differentiated value beside its arguments."""
    return TypeError(
        f"{name} has custom derivatives and closes over a traced value, for which its rules give no derivative; pass "
        f"the value as an argument, or close over stop_gradient of it"
    )


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


def _zero_tangent(x: Any) -> Any:
    return zeros_like(x) if is_inexact(x) else np.zeros(shape_of(x))[()]
