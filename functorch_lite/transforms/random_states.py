"""The random generators that a function may draw from, and where they stand.

A function reaches generators by what it holds (variables, defaults, bound arguments, the object of a method) and by the
global names in its code. NumPy's generators do not tell that somebody has drawn from them; their states do.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from itertools import islice
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np

from functorch_lite.core.generator import drawing_from, shared_state
from functorch_lite.core.trace import Tracer
from functorch_lite.transforms.closures import content_of

__all__ = ["RandomStates", "drawing_alike", "generators_of"]

#: How many objects are looked at to find generators; those nearest to the function come first.
MOST_OBJECTS = 2000

#: Where a Mersenne Twister stands before the first number is drawn: Python's, and NumPy's from a seed or from entropy.
_START = 624
_STARTS_OF_NUMPY = (624, 623)

_GLOBAL = "a global random state (np.random, random, ft.rand)"

#: Packages whose functions are not looked into: they draw from generators that they are given, or from global ones.
_LIBRARIES = frozenset({"functorch_lite", "numpy", "scipy", *sys.stdlib_module_names}) - {"__main__"}

#: The types of things that lead to no generator.
_ATOMS = frozenset(
    {int, float, complex, bool, str, bytes, type(None), np.ndarray, np.ufunc, ModuleType, CodeType}
    | {GetSetDescriptorType, MemberDescriptorType, MethodDescriptorType, WrapperDescriptorType}
)


class RandomStates:
    """Where the generators stand that the whole process shares, and some others.

    Parameters
    ----------
    generators
        The others.
    """

    def __init__(self, generators: Sequence[Any] = ()) -> None:
        self.own = [(g, _state(g)) for g in generators]
        self.shared = shared_state()
        self.of_numpy, self.of_python = map(_known_state, _global_generators())

    def moved(self) -> str | None:
        """Say what somebody has drawn from since; None if from nothing.

        The global generators of a module that was loaded since are compared with their start.
        """
        if shared_state() != self.shared:
            return _GLOBAL
        ours, python = _global_generators()
        if ours is not None:
            if self.of_numpy is not None:
                has_drawn = _state(ours) != self.of_numpy
            else:
                state = ours.get_state(legacy=False)
                has_drawn = state["state"]["pos"] not in _STARTS_OF_NUMPY or bool(state["has_gauss"])
            if has_drawn:
                return _GLOBAL
        if python is not None:
            state = python.getstate()
            if state != self.of_python if self.of_python is not None else state[1][-1] != _START:
                return _GLOBAL
        for generator, before in self.own:
            if _state(generator) != before:
                return f"a generator that it holds or names ({type(generator).__name__})"
        return None


def drawing_alike(f: Callable[..., Any], generators: Sequence[Any]) -> Callable[..., Any]:
    """Return a function that draws in each call the numbers that it drew in the first.

    Parameters
    ----------
    f
        The function.
    generators
        What it draws from, beside the generator of random tensors.
    """
    first: list[Any] = []

    def alike(*args: Any) -> Any:
        if not first:
            first.append((shared_state(), [_raw_state(g) for g in generators]))
            return f(*args)
        shared, states = first[0]
        with ExitStack() as stack:
            stack.enter_context(drawing_from(shared))
            for generator, state in zip(generators, states, strict=True):
                stack.enter_context(_standing(generator, state))
            return f(*args)

    return alike


@contextmanager
def _standing(generator: Any, state: Any) -> Iterator[None]:
    """Let a generator stand somewhere else for the while."""
    now = _raw_state(generator)
    _put(generator, state)
    try:
        yield
    finally:
        _put(generator, now)


def generators_of(*things: Any) -> list[Any]:
    """Return the generators, NumPy's and Python's, that are reached from functions and other things."""
    kinds = _kinds()
    found: list[Any] = []
    seen: dict[int, Any] = {}
    waiting = deque(things)
    for _ in range(MOST_OBJECTS):
        if not waiting:
            break
        x = waiting.popleft()
        if type(x) in _ATOMS or id(x) in seen or isinstance(x, Tracer):
            continue
        seen[id(x)] = x
        if isinstance(x, kinds):
            if not any(x is g for g in found) and type(x).__name__ != "SystemRandom":
                found.append(x)
        else:
            kinds = _add_parts(x, waiting) or kinds
    return found


def _add_parts(x: Any, waiting: deque[Any]) -> Any:
    """Add what a thing consists of; return the kinds of generators anew if that has loaded some."""
    if isinstance(x, FunctionType):
        waiting.extend(map(content_of, x.__closure__ or ()))
        waiting.extend(x.__defaults__ or ())
        waiting.extend((x.__kwdefaults__ or {}).values())
        if not _is_library(x.__globals__.get("__name__")):
            return _add_globals(x, waiting)
    elif isinstance(x, MethodType):
        waiting += (x.__func__, x.__self__)
    elif isinstance(x, BuiltinFunctionType):
        waiting.append(x.__self__)
    elif isinstance(x, partial):
        waiting += (x.func, *x.args, *x.keywords.values())
    elif isinstance(x, dict):
        waiting.extend(_first(x.values()))
    elif isinstance(x, list | tuple | set | frozenset):
        waiting.extend(_first(x))
    elif isinstance(x, staticmethod | classmethod):
        waiting.append(x.__func__)
    elif isinstance(x, property):
        waiting.append(x.fget)
    elif isinstance(x, type):
        if not _is_library(x.__module__):
            waiting.extend(_first(vars(x).values()))
            waiting.extend(x.__bases__)
    else:
        waiting.extend(_first(getattr(x, "__dict__", {}).values()))
        if not _is_library(type(x).__module__):
            waiting.extend(getattr(x, name, None) for name in _slots(type(x)))  # type: ignore[arg-type]
            waiting.append(type(x))
    return None


def _first(parts: Iterable[Any]) -> list[Any]:
    return list(islice(parts, MOST_OBJECTS))  # at once, as other threads may add to them


def _add_globals(f: FunctionType, waiting: deque[Any]) -> Any:
    """Add what the global names in a function's code stand for; names of a module are looked up in it."""
    names = _names(f.__code__)
    modules, known, loaded = [], set(), None
    for name in names:
        value = f.__globals__.get(name)
        modules.append(value) if isinstance(value, ModuleType) else waiting.append(value)
    while modules:
        module = modules.pop()
        if id(module) in known:
            continue
        known.add(id(module))
        if module is np and "random" in names and "random" not in vars(np):
            np.random  # noqa: B018 - NumPy loads it when it is asked for
            loaded = _kinds()
        for name in names:
            value = vars(module).get(name)
            modules.append(value) if isinstance(value, ModuleType) else waiting.append(value)
    return loaded


@lru_cache(1024)
def _names(code: CodeType) -> tuple[str, ...]:
    """Return the names of globals and attributes in code, that of functions made in it included."""
    inner = (name for part in code.co_consts if isinstance(part, CodeType) for name in _names(part))
    return tuple(dict.fromkeys((*code.co_names, *inner)))


@lru_cache(1024)
def _slots(kind: type) -> tuple[str, ...]:
    return tuple(
        name
        for cls in kind.__mro__
        for name, part in vars(cls).items()
        if isinstance(part, MemberDescriptorType) and not _is_library(cls.__module__)
    )


def _is_library(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in _LIBRARIES


# --- States -----------------------------------------------------------------------------------------------------------


def _kinds() -> tuple[type, ...]:
    """Return the classes of generators; of modules that are not loaded there are none."""
    ours, python = sys.modules.get("numpy.random"), sys.modules.get("random")
    return (
        *((ours.Generator, ours.RandomState, ours.BitGenerator) if ours is not None else ()),
        *((python.Random,) if python is not None else ()),
    )


def _global_generators() -> tuple[Any, Any]:
    """Return NumPy's global generator and Python's; None for one that is not loaded."""
    ours, python = sys.modules.get("numpy.random"), sys.modules.get("random")
    return ours and ours.get_state.__self__, python and python.getstate.__self__


def _known_state(generator: Any) -> Any:
    return None if generator is None else _state(generator)


def _raw_state(generator: Any) -> Any:
    """Return where a generator stands."""
    if hasattr(generator, "getstate"):
        return generator.getstate()
    if hasattr(generator, "get_state"):
        return generator.get_state(legacy=False)
    return getattr(generator, "bit_generator", generator).state


def _put(generator: Any, state: Any) -> None:
    if hasattr(generator, "setstate"):
        generator.setstate(state)
    elif hasattr(generator, "set_state"):
        generator.set_state(state)
    else:
        getattr(generator, "bit_generator", generator).state = state


def _state(generator: Any) -> Any:
    """Return where a generator stands, as a value that can be compared."""
    return _comparable(_raw_state(generator))


def _comparable(state: Any) -> Any:
    if isinstance(state, dict):
        return {name: _comparable(part) for name, part in state.items()}
    return state.tobytes() if hasattr(state, "tobytes") else state
