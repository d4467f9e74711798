"""`jit`: functions compiled to NumPy source, once for each signature of their arguments."""

from __future__ import annotations

import inspect
import keyword
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import update_wrapper
from threading import RLock
from types import MethodType
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import OBJECT, stacked
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params
from functorch_lite.core.trace import Trace, Tracer
from functorch_lite.program.effects import bound, recording, tokens
from functorch_lite.program.naming import input_names
from functorch_lite.program.nans import by_equations, checking
from functorch_lite.program.passes import dead_code, inlined, optimized
from functorch_lite.program.program import Equation, Program, Variable
from functorch_lite.program.source import compiled
from functorch_lite.program.staging import check_value, representative, stage
from functorch_lite.transforms.arguments import is_inexact, name_of
from functorch_lite.transforms.batching import Unbatched, vmap
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.reverse import vjp

__all__ = ["CompiledCall", "JitFunction", "jit", "make_program"]

#: The programs that one function keeps; the oldest is dropped for another.
LARGEST_CACHE = 256


def jit(
    f: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """Return a function that runs as one compiled NumPy program.

    The first call with arguments of new shapes and dtypes runs ``f`` once, on the real values, and records what it does
    to arrays. The record is optimised, compiled to Python source and run from then on.

    Parameters
    ----------
    f
        A pure function of pytrees of arrays. What it prints or writes elsewhere happens once, when it is recorded.
    static_argnums, static_argnames
        Arguments that are no arrays; they must be hashable, and each new value makes a new program.

    Returns
    -------
    callable
        With the arguments of ``f``. Its method ``program(*args)`` gives the optimised `Program`.

    Raises
    ------
    TypeError
        If ``f`` asks a traced value for its truth or its number, which would be recorded for all other values too; if
        an argument or a result is no array and no number.
    RuntimeError
        If ``f`` draws from the global random state, which would be recorded as one number.

    Notes
    -----
    Arrays that ``f`` closes over are copied when it is recorded; later changes do not count. Tensors that it closes
    over are read at each call. What closes over a value that another transformation traces is recorded anew each time.
    Loops of a fixed number of steps unroll.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> f = ft.jit(lambda x: np.sum(np.sin(x) ** 2 + np.cos(x) ** 2))
    >>> float(f(np.array([1.0, 2.0])))
    2.0
    >>> print(ft.jit(ft.grad(np.sin)).program(1.0))
    program sin(a: float):
        b: float64[] = cos(a)
        return b
    """
    if f is None:
        return lambda function: jit(function, static_argnums=static_argnums, static_argnames=static_argnames)
    return JitFunction(f, static_argnums, static_argnames)


def make_program(f: Callable[..., Any]) -> Callable[..., Program]:
    """Return a function that gives the `Program` of ``f`` for some arguments, recorded and not optimised.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> print(ft.make_program(lambda x: x * x + 1.0)(3.0))
    program f(a: float):
        b: float = mul(a, a)
        c: float = add(b, 1.0)
        return c
    """

    def made(*args: Any, **kwargs: Any) -> Program:
        leaves, structure = tree.flatten((args, kwargs))
        return _recorded(f, leaves, structure, ()).program

    return made


class JitFunction:
    """A function that `jit` has made."""

    def __init__(self, f: Callable[..., Any], static_argnums: Any, static_argnames: Any) -> None:
        update_wrapper(self, f)
        self.f = f
        names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
        places = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
        positional = _positional_names(f) if names or places else []
        self.static_argnums = (*places, *(positional.index(name) for name in names if name in positional))
        self.static_argnames = (*names, *(positional[i] for i in places if -len(positional) <= i < len(positional)))
        self._entries: OrderedDict[Any, _Entry] = OrderedDict()
        #: The entries of calls with one plain array or number and nothing else, by its signature alone.
        self._singles: dict[Any, _Entry] = {}
        self._lock = RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs:  # one plain array: not even a tree is looked for
            (x,) = args
            kind = type(x)
            entry = self._singles.get((x.shape, x.dtype) if kind is np.ndarray else kind)
            if entry is not None:
                return entry.finished(entry.run(x))
        static: tuple[Any, ...] = ()
        if self.static_argnums or self.static_argnames:
            args, kwargs, static = self._without_static(args, kwargs)
        leaves, structure = tree.flatten((args, kwargs))
        key: Any = (structure, static, *map(_signature, leaves))
        entry = self._entries.get(key)
        if entry is None:
            leaves = self._checked(leaves, structure)
            key = (structure, static, *map(_signature, leaves))
            entry = self._entry(key, leaves, structure, static)
        if entry.serves_once:
            return entry.finished(entry.program(*leaves, *entry.captured))
        if entry.is_plain:
            for leaf in leaves:
                if isinstance(leaf, Tracer):
                    break
            else:
                return entry.finished(entry.run(*leaves))
        return entry.finished(CompiledCall(entry).bind((*leaves, *entry.captured), ()))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """Return the optimised program for some arguments."""
        args, kwargs, static = self._without_static(args, kwargs)
        leaves, structure = tree.flatten((args, kwargs))
        return self._entry((structure, static, *map(_signature, leaves)), leaves, structure, static).program

    lower = program

    def as_source(self, *args: Any, **kwargs: Any) -> str:
        """Return the program for some arguments as a module that needs NumPy only; see `Program.as_source`."""
        return self.program(*args, **kwargs).as_source()

    def _entry(self, key: Any, leaves: Sequence[Any], structure: Any, static: Any) -> _Entry:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = _recorded(self.f, leaves, structure, static)
                entry.optimize()
                if not entry.serves_once:
                    self._entries[key] = entry
                    if len(self._entries) > LARGEST_CACHE:
                        self._entries.popitem(last=False)
                        self._singles.clear()
                    if structure == _ONE and not static and entry.is_plain and type(leaves[0]) in _PLAIN:
                        self._singles[_single(leaves[0])] = entry
            return entry

    def _without_static(self, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
        places = {i % len(args) for i in self.static_argnums if -len(args) <= i < len(args)} if args else set()
        static = tuple((i, args[i]) for i in sorted(places)) + tuple(
            (name, kwargs[name]) for name in self.static_argnames if name in kwargs
        )
        for place, value in static:
            try:
                hash(value)
            except TypeError:
                raise TypeError(
                    f"static argument {place!r} of {name_of(self.f)} is {value!r}, a {type(value).__name__}, which is "
                    f"not hashable; pass a tuple, a number or a string, or do not make it static"
                ) from None
        rest = {name: value for name, value in kwargs.items() if name not in self.static_argnames}
        keyed = tuple((place, _Static(value)) for place, value in static)
        return tuple(a for i, a in enumerate(args) if i not in places), rest, keyed

    def _checked(self, leaves: Sequence[Any], structure: Any) -> list[Any]:
        """Return the leaves, object arrays of tracers stacked; raise if one is no array and no number."""
        checked = [x._trace.settled(x) if isinstance(x, Tracer) else x for x in leaves]
        for i, x in enumerate(checked):
            checked[i] = x = stacked(x) if getattr(x, "dtype", None) is OBJECT else x
            check_value(
                x,
                f"leaf {i} of the arguments of {name_of(self.f)} is",
                "Make the argument static (static_argnums, static_argnames), or register its class by ft.tree.register "
                "if it contains arrays",
            )
        return checked


class _Entry:
    """A program, compiled, with what it makes of its results; and the programs derived from it."""

    def __init__(self, program: Program, captured: Sequence[Any] = (), structure: Any = None) -> None:
        self.program, self.captured, self.structure = program, tuple(captured), structure
        self.is_single = structure is tree.LEAF
        #: Whether the results are a tuple of arrays and nothing more.
        self.is_flat = structure is not None and structure == tree.structure((0,) * structure.num_leaves)
        self.is_plain = not captured
        #: The last outputs that are no results of the function but tokens of effects.
        self.effects = 0
        #: Whether it refers to a transformation that is open now: to a value that it traces, or to its named axis.
        self.serves_once: bool = any(isinstance(c, Tracer) and c._trace.number for c in captured) or any(
            any(isinstance(p, Trace) for p in e.params)
            or (isinstance(e.primitive, CompiledCall) and e.primitive.entry.serves_once)
            for e in program.equations
        )
        self.derived: dict[Any, Any] = {}
        self._function: Callable[..., tuple[Any, ...]] | None = None
        self.lock = RLock()

    def optimize(self) -> None:
        self.program = replace(optimized(self.program), input_names=self.program.input_names)

    def run(self, *leaves: Any) -> tuple[Any, ...]:
        """Run the compiled program on raw arrays."""
        if checking.get() and not recording.get():
            return by_equations(self.program, leaves)
        function = self._function
        if function is None:
            self._function = function = compiled(self.program)
        return function(*leaves)

    def finished(self, outputs: tuple[Any, ...]) -> Any:
        """Return the results in the form in which the function gives them."""
        if self.is_single:
            return outputs[0]
        if self.effects:
            outputs = outputs[: -self.effects]
        return outputs if self.is_flat else tree.unflatten(self.structure, outputs)

    def derive(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return a program derived from this one, made once."""
        found = self.derived.get(key)
        if found is None:
            with self.lock:
                found = self.derived.get(key)
                if found is None:
                    self.derived[key] = found = make()
        return found


class CompiledCall(JointPrimitive):
    """One call of a compiled program: derivatives and batches of it are compiled programs too."""

    #: Values go in and out raw.
    takes_raw = True

    def __init__(self, entry: _Entry) -> None:
        super().__init__(self._run, ["arrays"], name=entry.program.name, variadic=True, multiple=True)
        self.entry = entry

    def bind(self, arrays: Arrays, params: Params) -> Any:
        return bound(super().bind, arrays, params)

    def _run(self, arrays: Arrays) -> Arrays:
        if any(isinstance(a, Tracer) for a in arrays):
            return self.bind(arrays, ())  # type: ignore[no-any-return]
        return self.entry.run(*arrays)

    def forward(self, values: Arrays, tangents: Sequence[Any]) -> tuple[Arrays, Sequence[Any]]:
        active = tuple(i for i, t in enumerate(tangents) if t is not None)
        given = [tangents[i] for i in active]
        n = len(values)

        def pushed(*leaves: Any) -> Sequence[Any]:
            def along(*xs: Any) -> Any:
                return self.entry.program(*_placed(leaves[:n], active, xs))

            outputs, out_tangents = jvp(along, tuple(leaves[i] for i in active), tuple(leaves[n:]))
            return (*outputs, *out_tangents)

        key = ("forward", active, *map(_signature, (*values, *given)))
        entry = self.entry.derive(key, lambda: _staged(pushed, (*values, *given), f"{self.name}_forward"))
        both = CompiledCall(entry).bind((*values, *given), ())
        half = len(both) // 2
        return both[:half], both[half:]

    def reverse(
        self, trace: Any, values: Arrays, active: Sequence[int]
    ) -> tuple[Arrays, Callable[[Arrays], Sequence[Any]], Sequence[Any]]:
        active = tuple(active)
        key = ("reverse", active, *map(_signature, values))
        forward, backward, count, places = self.entry.derive(key, lambda: self._cut(values, active))
        results = CompiledCall(forward).bind(values, ())
        outputs, residuals = results[:count], results[count:]

        def pull(g: Arrays) -> Sequence[Any]:
            given = tuple(g[i] for i in places)
            return CompiledCall(backward).bind((*residuals, *given), ())  # type: ignore[no-any-return]

        return outputs, pull, ()

    def batch(self, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
        program = self.entry.derive("inlined", lambda: inlined(self.entry.program))
        late_inputs = tuple(v for v, b in zip(program.inputs, batched, strict=True) if b)
        first, second = self.entry.derive(("cut", batched), lambda: cut(program, late_inputs))
        late = [isinstance(a, Variable) and a not in first.outputs for a in program.outputs]
        alone = [x for x, b in zip(arrays, batched, strict=True) if not b]
        results = CompiledCall(self.entry.derive(("alone", batched), lambda: _Entry(first))).bind(tuple(alone), ())
        residuals = results[late.count(False) :]
        leaves = (*residuals, *(x for x, b in zip(arrays, batched, strict=True) if b))
        axes = (*(None for _ in residuals), *(0 for b in batched if b))
        run = vmap(lambda *leaves: second(*leaves), axes, axis_size=size)
        key = ("batch", int(size), batched, *map(_signature, leaves))
        entry = self.entry.derive(key, lambda: _staged(run, leaves, f"{self.name}_batch"))
        together, apart = iter(CompiledCall(entry).bind(leaves, ())), iter(results)
        return tuple(next(together) if is_late else Unbatched(next(apart)) for is_late in late)

    def _cut(self, values: Arrays, active: tuple[int, ...]) -> tuple[_Entry, _Entry, int, tuple[int, ...]]:
        """Return forward and backward program: one joint program, cut by dependence on the cotangents."""
        outputs = self.entry.program.outputs
        places = tuple(i for i, a in enumerate(outputs) if isinstance(a, Variable) and _is_float(a))
        n = len(values)

        def joint(*leaves: Any) -> Sequence[Any]:
            def along(*xs: Any) -> Any:
                return self.entry.program(*_placed(leaves[:n], active, xs))

            results, pull = vjp(along, *(leaves[i] for i in active))
            cotangents: list[Any] = [None] * len(results)
            for i, g in zip(places, leaves[n:], strict=True):
                cotangents[i] = g
            return (*results, *pull(tuple(cotangents)))

        raw = tuple(map(representative, values))
        seeds = tuple(_one(a) for i, a in enumerate(outputs) if i in places)
        program, _ = stage(joint, (*raw, *seeds), self.name)
        forward, backward = cut(optimized(program), program.inputs[n:], len(outputs))
        return _Entry(forward), _Entry(backward), len(outputs), places


def cut(program: Program, late_inputs: Sequence[Variable], count: int | None = None) -> tuple[Program, Program]:
    """Cut a program in two: what depends on some inputs goes into the second, with what it reads of the first.

    Parameters
    ----------
    program
        The program.
    late_inputs
        The inputs of the second.
    count
        How many outputs belong to the first; None: those that do not depend on the late inputs.

    Returns
    -------
    first, second
        The first gives its outputs, then what the second reads; the second takes that, then the late inputs.
    """
    dependent = set(late_inputs)
    equations: tuple[list[Equation], list[Equation]] = ([], [])
    for equation in program.equations:
        late = any(a in dependent for a in equation.operands)
        equations[late].append(equation)
        if late:
            dependent.update(equation.outputs)
    if count is None:
        early = tuple(a for a in program.outputs if a not in dependent)
        late_outputs = tuple(a for a in program.outputs if a in dependent)
    else:
        early, late_outputs = program.outputs[:count], program.outputs[count:]
    early_inputs = tuple(v for v in program.inputs if v not in set(late_inputs))
    known = {*early_inputs, *(y for e in equations[0] for y in e.outputs)}
    read = [a for e in equations[1] for a in e.operands] + list(late_outputs)
    residuals = tuple(dict.fromkeys(a for a in read if isinstance(a, Variable) and a in known))
    first = Program(early_inputs, tuple(equations[0]), (*early, *residuals), program.constants, program.name)
    second = Program(
        (*residuals, *late_inputs), tuple(equations[1]), late_outputs, program.constants, f"{program.name}_rest"
    )
    return dead_code(first), dead_code(second)


def _one(variable: Any) -> Any:
    return 1.0 if variable.dtype is float else np.ones(variable.shape, variable.dtype)


def _recorded(f: Callable[..., Any], leaves: Sequence[Any], structure: Any, static: Any) -> _Entry:
    found: list[Any] = []

    def run(*values: Any) -> list[Any]:
        args, kwargs = tree.unflatten(structure, values)
        args = list(args)
        for place, value in static:
            if isinstance(place, int):
                args.insert(place, value.value)
            else:
                kwargs = {**kwargs, place: value.value}
        out, out_structure = tree.flatten(f(*args, **kwargs))
        found[:] = [out_structure]
        return out

    name = name_of(f) if name_of(f).isidentifier() and not keyword.iskeyword(name_of(f)) else "f"
    before = _global_random_state()
    program, captured = stage(run, [representative(x) for x in leaves], name)
    if _global_random_state() != before and not _draws(program, [*map(representative, (*leaves, *captured))]):
        raise RuntimeError(
            f"{name_of(f)} drew from the global random state (np.random, random) while jit recorded it; the program "
            "would give the same numbers at each call. Pass a key (ft.random.key) or the random numbers as an argument."
        )
    args, kwargs = tree.unflatten(structure, leaves)
    names = input_names(f, args, kwargs, [place for place, _ in static if isinstance(place, int)])
    effects = tuple(y for equation in program.equations for y in tokens(equation))
    program = replace(program, outputs=(*program.outputs, *effects), input_names=names)
    entry = _Entry(program, captured, found[0])
    entry.effects = len(effects)
    return entry


def _draws(program: Program, values: Sequence[Any]) -> bool:
    """Say whether an operation of a program draws, which is no fault of the function: SciPy estimates norms so."""
    before = _global_random_state()
    program(*values)
    return bool(_global_random_state() != before)


def _global_random_state() -> Any:
    state: Any = np.random.get_state()  # noqa: NPY002  (the legacy state is the one that functions draw from)
    _, keys, *rest = state
    return random.getstate(), keys.tobytes(), rest


def _staged(function: Callable[..., Any], values: Sequence[Any], name: str) -> _Entry:
    program, captured = stage(function, [representative(v) for v in values], name)
    assert not captured
    return _Entry(optimized(program))


def _placed(leaves: Sequence[Any], places: Sequence[int], xs: Sequence[Any]) -> list[Any]:
    placed = list(leaves)
    for i, x in zip(places, xs, strict=True):
        placed[i] = x
    return placed


def _is_float(variable: Variable) -> bool:
    return is_inexact(np.empty((), variable.dtype))


def _signature(leaf: Any) -> Any:
    """Return what of an argument a program depends on."""
    if type(leaf) is np.ndarray:
        return leaf.shape, leaf.dtype
    if isinstance(leaf, Tracer):
        return _signature(representative(leaf))  # a traced Python number is weak as the number is
    dtype = getattr(leaf, "dtype", None)
    return type(leaf) if dtype is None else (leaf.shape, dtype, isinstance(leaf, np.ndarray))


class _Static:
    """A static argument as a key: 1, 1.0 and True are three, and so are 0.0 and -0.0."""

    __slots__ = ("key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.key = _typed(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Static) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _typed(value: Any) -> Any:
    if isinstance(value, tuple):
        return type(value), tuple(map(_typed, value))
    return type(value), repr(value) if isinstance(value, float | complex) else value


def _positional_names(f: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(f).parameters.values()
    except (ValueError, TypeError):  # some functions of NumPy have none
        return []
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


_PLAIN = frozenset({np.ndarray, np.float64, float})
_ONE = tree.structure(((0,), {}))


def _single(leaf: Any) -> Any:
    return (leaf.shape, leaf.dtype) if type(leaf) is np.ndarray else type(leaf)
