"""Recomputation: trade time for memory in reverse mode.

A checkpointed function keeps its inputs only and runs again in the backward pass. Source: Griewank and Walther,
*Evaluating Derivatives* (2008), chapter 12.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import Lock, get_ident
from types import CellType, FunctionType
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.operands import placed
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params, Primitive
from functorch_lite.core.trace import Trace, Tracer, attribute_of_class, next_birth, repeated
from functorch_lite.numpy.buffers import SEAL, run_again
from functorch_lite.transforms.application import wraps_its_own_level
from functorch_lite.transforms.arguments import check_callable, name_of, returned_leaves
from functorch_lite.transforms.batching import vmap
from functorch_lite.transforms.random_states import drawing_alike, generators_of
from functorch_lite.transforms.reverse import vjp
from functorch_lite.transforms.saving import ReplayTrace, SavingTrace

__all__ = ["checkpoint", "with_its_variables"]


def checkpoint(
    f: Callable[..., Any], policy: Collection[str] | Callable[[str], bool] | None = None
) -> Callable[..., Any]:
    """Return the same function, whose intermediate values reverse mode does not keep but computes again.

    Parameters
    ----------
    f
        A pure function of pytrees of arrays; random generators that it holds or names draw in the second run what they
        drew in the first. It may close over values of the reverse mode at hand, parameters for
        instance; closing over values of a younger transformation works too, but then nothing is saved.
    policy
        What to keep after all, because it is dear: the names of primitives (``{"matmul", "contract"}``), or a predicate
        of the name (``lambda name: True`` keeps all results). It decides for checkpoints inside of ``f`` too.

    Returns
    -------
    callable
        With the arguments, the results and the derivatives of ``f``. Memory of the backward pass: the inputs, and what
        one run of ``f`` needs. Time: one more run of ``f``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> layer = ft.checkpoint(lambda x: np.sin(np.sin(np.sin(x))))
    >>> float(ft.grad(lambda x: layer(layer(x)))(0.0))
    1.0
    """
    check_callable(f, "checkpoint")
    if isinstance(policy, str):
        raise TypeError(f"policy is a collection of names or a predicate; for one name write {{{policy!r}}}")
    if policy is None or callable(policy):
        keeps = policy
    elif isinstance(policy, Collection) and all(isinstance(name, str) for name in policy):
        keeps = frozenset(policy).__contains__
    else:
        raise TypeError(
            f"policy is a collection of names of primitives, such as {{'matmul'}}, or a predicate of the name, not "
            f"{policy!r}"
        )

    @wraps(f, updated=())
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        if not any(isinstance(x, Tracer) for x in leaves):
            return f(*args, **kwargs)
        out_structure = tree.LEAF
        g = with_its_variables(f)

        def run(values: Arrays) -> Arrays:
            nonlocal out_structure
            new_args, new_kwargs = tree.unflatten(structure, values)
            outputs, out_structure = returned_leaves(g(*new_args, **new_kwargs), None, f)
            return tuple(outputs)

        alike = drawing_alike(run, generators_of(f, *leaves))
        outputs = _Recomputation(name_of(f), alike, keeps).bind(tuple(leaves), ())
        if wraps_its_own_level(outputs):
            return f(*args, **kwargs)
        return tree.unflatten(out_structure, outputs)

    return checkpointed


def with_its_variables(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose closure stays as it is now: a loop may bind its variables anew before the second run."""
    if not isinstance(f, FunctionType) or f.__closure__ is None:
        return f
    cells = []
    for cell in f.__closure__:
        try:
            cells.append(CellType(cell.cell_contents))
        except ValueError:  # not bound yet
            cells.append(cell)
    copied = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, tuple(cells))
    copied.__kwdefaults__ = f.__kwdefaults__
    return copied


class _Recomputation(JointPrimitive):
    """One call of a checkpointed function, on leaves."""

    # Forward mode and transposition keep nothing that could be saved.
    is_inlined = True

    def __init__(self, name: str, run: Callable[[Arrays], Arrays], policy: Callable[[str], bool] | None = None) -> None:
        super().__init__(run, ["arrays"], name=f"checkpoint of {name}", variadic=True, multiple=True)
        self.policy = policy
        self.first_runs = (*repeated.get(), next_birth())

    def again(self, values: Arrays) -> Arrays:
        token = repeated.set(self.first_runs)
        try:
            return self.function(values)  # type: ignore[no-any-return]
        finally:
            repeated.reset(token)

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        around = _substitutions.get()
        ran = next_birth()
        token = SEAL.set(ran)
        try:
            with _substituted(trace, {}) as captured:
                saving = None if self.policy is None else SavingTrace(self.policy)
                results = self.function(values) if saving is None else saving.run(self.function, values)
                outputs = tuple(_SubstitutingTrace.replaced(trace, y) for y in results)
        finally:
            SEAL.reset(token)
        tracers = [tracer for tracer, _ in captured.values()]

        def pull(g: Arrays) -> Sequence[Any]:
            oldest = next_birth()

            def again(xs: Sequence[Any], ys: Sequence[Any]) -> Any:
                replacements = {id(tracer): (tracer, y) for tracer, y in zip(tracers, ys, strict=True)}
                with ExitStack() as stack:
                    for substitution in (*around, (trace, replacements)):
                        stack.enter_context(_substituted(*substitution))
                    inputs = tuple(placed(values, active, xs))
                    if saving is None:
                        results = run_again(ran, self.again, inputs)
                    else:
                        results = run_again(ran, ReplayTrace(saving.saved, oldest).run, self.again, inputs)
                    return tuple(_SubstitutingTrace.replaced(trace, y) for y in results)

            _, pullback = vjp(again, [values[i] for i in active], [tracer.value for tracer in tracers])
            of_arguments, of_captured = pullback(g)
            return [*of_arguments, *of_captured]

        return outputs, pull, tracers

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        axes = tuple(0 if b else None for b in batched)
        run = self.function
        return _Recomputation(self.name, vmap(run, (axes,), axis_size=size), self.policy).bind(arrays, ())


class _SubstitutingTrace(Trace):
    """What a reverse trace is while a checkpointed function runs: its tracers stand for other values.

    On the way forward they stand for their own values, so that nothing is taped, and are written down: the function
    closes over them. On the way back they stand for the inputs of the inner differentiation. All this holds in the
    thread that runs the function; in others the trace is what it was.
    """

    #: The trace's class and number, for the other threads.
    before: tuple[type[Trace], int]
    #: By thread, innermost last: the number that the trace has there, and what its tracers stand for.
    substitutions: dict[int, list[tuple[int, dict[int, tuple[Any, Any]]]]]

    @property
    def number(self) -> int:  # type: ignore[override]
        """The youngest where it substitutes, to come before the inner differentiation, which would keep tracers."""
        stack = self.substitutions.get(get_ident())
        return stack[-1][0] if stack else self.before[1]

    def replaced(self, x: Any) -> Any:
        """Return what a tracer of this trace stands for, and any other value as it is."""
        if not (isinstance(x, Tracer) and x._trace is self) or x.node is None:  # type: ignore[attr-defined]
            return x
        before = self.before[0].shown(self, x.value)
        return self.substitutions[get_ident()][-1][1].setdefault(id(x), (x, before))[1]

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        if get_ident() in self.substitutions:
            replaced = tuple(map(self.replaced, arrays))
            if any(new is not old for new, old in zip(replaced, arrays, strict=True)):
                return primitive.bind(replaced, params)
        return self.before[0].process(self, primitive, arrays, params)

    def __getattr__(self, name: str) -> Any:
        # For the other threads.
        return attribute_of_class(self, self.before[0], name)


_changing = Lock()

#: The substitutions that are in force: a checkpoint within a checkpoint has to be run again under the same.
_substitutions: ContextVar[tuple[Any, ...]] = ContextVar("substitutions", default=())


@contextmanager
def _substituted(trace: Any, replacements: dict[int, tuple[Any, Any]]) -> Iterator[dict[int, tuple[Any, Any]]]:
    """Let a trace, open or closed, substitute its tracers for the while, in this thread."""
    with _changing:
        if not isinstance(trace, _SubstitutingTrace):
            trace.before = type(trace), trace.number
            trace.substitutions = {}
            trace.__class__ = _SubstitutingTrace
        trace.substitutions.setdefault(get_ident(), []).append((next_birth(), replacements))
    token = _substitutions.set((*_substitutions.get(), (trace, replacements)))
    try:
        yield replacements
    finally:
        _substitutions.reset(token)
        with _changing:
            stack = trace.substitutions[get_ident()]
            stack.pop()
            if not stack:
                del trace.substitutions[get_ident()]
            if not trace.substitutions:
                trace.__class__ = trace.before[0]
