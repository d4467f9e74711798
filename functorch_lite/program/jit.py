"""`jit`: functions compiled to NumPy source, once for each signature of their arguments."""

from __future__ import annotations

import keyword
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import update_wrapper
from threading import RLock
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params
from functorch_lite.core.trace import Tracer
from functorch_lite.program.passes import dead_code, optimized
from functorch_lite.program.program import Equation, Program, Variable
from functorch_lite.program.source import compiled
from functorch_lite.program.staging import representative, stage
from functorch_lite.transforms.arguments import is_inexact, name_of
from functorch_lite.transforms.batching import Unbatched, vmap
from functorch_lite.transforms.forward import jvp
from functorch_lite.transforms.reverse import vjp

__all__ = ["CompiledCall", "JitFunction", "jit", "make_program"]

#: The programs that one function keeps, the least recently used being dropped.
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
        If ``f`` asks a traced value for its truth or its number, which would be recorded for all other values too.

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
        self.static_argnums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
        self.static_argnames = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
        self._entries: OrderedDict[Any, _Entry] = OrderedDict()
        self._lock = RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        static: tuple[Any, ...] = ()
        if self.static_argnums or self.static_argnames:
            args, kwargs, static = self._without_static(args, kwargs)
        if not kwargs and len(args) == 1 and type(args[0]) in _PLAIN:
            leaves, structure = args, _ONE
        else:
            leaves, structure = tree.flatten((args, kwargs))  # type: ignore[assignment]
        key: Any = (structure, static, *map(_signature, leaves))
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entry(key, leaves, structure, static)
        if entry.is_plain:
            for leaf in leaves:
                if isinstance(leaf, Tracer):
                    break
            else:
                outputs = entry.run(*leaves)
                return outputs[0] if entry.is_single else tree.unflatten(entry.structure, outputs)
        outputs = CompiledCall(entry).bind((*leaves, *entry.captured), ())
        return outputs[0] if entry.is_single else tree.unflatten(entry.structure, outputs)

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """Return the optimised program for some arguments."""
        args, kwargs, static = self._without_static(args, kwargs)
        leaves, structure = tree.flatten((args, kwargs))
        return self._entry((structure, static, *map(_signature, leaves)), leaves, structure, static).program

    lower = program

    def _entry(self, key: Any, leaves: Sequence[Any], structure: Any, static: Any) -> _Entry:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                if structure is _ONE:
                    structure = tree.structure(((0,), {}))
                entry = _recorded(self.f, leaves, structure, static)
                entry.optimize()
                if not any(isinstance(c, Tracer) and c._trace.number for c in entry.captured):
                    self._entries[key] = entry  # what closes over a traced value serves once
                    if len(self._entries) > LARGEST_CACHE:
                        self._entries.popitem(last=False)
            return entry

    def _without_static(self, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
        places = {i % len(args) for i in self.static_argnums if -len(args) <= i < len(args)} if args else set()
        static = tuple((i, args[i]) for i in sorted(places)) + tuple(
            (name, kwargs[name]) for name in self.static_argnames if name in kwargs
        )
        for place, value in static:
            if getattr(value, "__hash__", None) is None:
                raise TypeError(
                    f"static argument {place!r} of {name_of(self.f)} is a {type(value).__name__}, which is not "
                    f"hashable; pass a tuple, a number or a string, or do not make it static"
                )
        rest = {name: value for name, value in kwargs.items() if name not in self.static_argnames}
        return tuple(a for i, a in enumerate(args) if i not in places), rest, static


class _Entry:
    """A program, compiled, with what it makes of its results; and the programs derived from it."""

    def __init__(self, program: Program, captured: Sequence[Any] = (), structure: Any = None) -> None:
        self.program, self.captured, self.structure = program, tuple(captured), structure
        self.is_single = structure is tree.LEAF
        self.is_plain = not captured
        self.derived: dict[Any, Any] = {}
        self._function: Callable[..., tuple[Any, ...]] | None = None
        self.lock = RLock()

    def optimize(self) -> None:
        self.program = optimized(self.program)

    def run(self, *leaves: Any) -> tuple[Any, ...]:
        """Run the compiled program on raw arrays."""
        function = self._function
        if function is None:
            self._function = function = compiled(self.program)
        return function(*leaves)

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
        program = self.entry.program
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
                args.insert(place, value)
            else:
                kwargs = {**kwargs, place: value}
        out, out_structure = tree.flatten(f(*args, **kwargs))
        found[:] = [out_structure]
        return out

    name = name_of(f) if name_of(f).isidentifier() and not keyword.iskeyword(name_of(f)) else "f"
    program, captured = stage(run, [representative(x) for x in leaves], name)
    return _Entry(program, captured, found[0])


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
    dtype = getattr(leaf, "dtype", None)
    return type(leaf) if dtype is None else (leaf.shape, dtype, isinstance(leaf, np.ndarray))


_PLAIN = frozenset({np.ndarray, np.float64, float})
_ONE = object()
