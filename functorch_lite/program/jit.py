"""`jit`: functions compiled to NumPy source, once for each signature of their arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import update_wrapper, wraps
from itertools import count
from types import MethodType
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import OBJECT, stacked
from functorch_lite.core.pickling import NamedFunction
from functorch_lite.core.trace import Tracer
from functorch_lite.program.calls import CompiledCall, recorded
from functorch_lite.program.entries import Entry
from functorch_lite.program.keeping import kept
from functorch_lite.program.program import Program
from functorch_lite.program.signatures import PLAIN, Static, positional_names, signature, single
from functorch_lite.program.staging import StagingTrace
from functorch_lite.program.structures import RecordedStructures
from functorch_lite.transforms.arguments import (
    BY_ITS_CLASS,
    INTEGER,
    check_callable,
    check_parameters,
    check_value,
    keys_of,
    name_of,
)

__all__ = ["JitFunction", "jit", "make_program"]

#: The programs that one function keeps; the one that was not used for the longest time is dropped for another.
LARGEST_CACHE = 256

_now = count(1).__next__

StagingTrace.structures = RecordedStructures()

_ARRAY = np.ndarray

#: The structure of one positional argument.
_ONE = tree.structure(((0,), {}))


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
        If ``f`` draws from a global random state, or from a generator that it holds or names: the numbers would be
        recorded once for all calls.

    Notes
    -----
    Arrays that ``f`` closes over are copied when it is recorded; later changes do not count. Tensors that it closes
    over are read at each call. What closes over a value that another transformation traces is recorded anew each time.
    Python's loops unroll. `scan`, `fori_loop`, `while_loop`, `cond` and `switch` stay one equation each, with programs
    of their own; conditions, numbers and bounds may be traced.

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
    places = keys_of(_listed(static_argnums), "static_argnums", INTEGER)
    names = keys_of(_listed(static_argnames), "static_argnames", str)
    if f is None:
        return lambda function: jit(function, static_argnums=places, static_argnames=names)
    check_callable(f, "jit")
    check_parameters(f, places, names, "static")
    return JitFunction(f, places, names)


def make_program(f: Callable[..., Any]) -> Callable[..., Program]:
    """Return a function that gives the `Program` of ``f`` for some arguments, recorded and not optimised.

    Parameters
    ----------
    f
        A pure function of pytrees of arrays.

    Returns
    -------
    callable
        With the arguments of ``f``. As in `jit`, what it asks for the truth or the number of a traced value raises.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> print(ft.make_program(lambda x: x * x + 1.0)(3.0))
    program f(a: float):
        b: float = mul(a, a)
        c: float = add(b, 1.0)
        return c
    """
    check_callable(f, "make_program")

    @wraps(f, updated=())
    def made(*args: Any, **kwargs: Any) -> Program:
        leaves, structure = tree.flatten((args, kwargs))
        return recorded(f, leaves, structure, ()).program

    return made


def _listed(given: Any) -> Any:
    """Return the positions or names of an option in a tuple, whatever collection they come in; one as it is."""
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else given


class JitFunction(NamedFunction):
    """A function that `jit` has made.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> f = ft.jit(lambda x: np.sum(x * 2.0))
    >>> f(np.arange(3.0)), f.program(np.arange(3.0)).cost().flops
    (np.float64(6.0), 6)
    """

    def __init__(self, f: Callable[..., Any], places: tuple[int, ...], names: tuple[str, ...]) -> None:
        update_wrapper(self, f)
        self.f = f
        self._static = places, names
        positional = positional_names(f) if names or places else []
        self.static_argnums = (*places, *(positional.index(name) for name in names if name in positional))
        self.static_argnames = (*names, *(positional[i] for i in places if -len(positional) <= i < len(positional)))
        self._entries: dict[Any, Entry] = {}
        #: The entries of calls with one plain array or number and nothing else, by its signature alone.
        self._singles: dict[Any, Entry] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs:  # one plain array: not even a tree is looked for
            (x,) = args
            kind = type(x)
            entry = self._singles.get((x.shape, x.dtype) if kind is np.ndarray else kind)
            if entry is not None:
                entry.last_use = _now()
                return entry.finished(entry.run(x))
        static: tuple[Any, ...] = ()
        if self.static_argnums or self.static_argnames:
            args, kwargs, static = self._without_static(args, kwargs)
        leaves, structure = tree.flatten((args, kwargs))
        key: Any = (structure, static, *[(x.shape, x.dtype) if type(x) is _ARRAY else signature(x) for x in leaves])
        entry = self._entries.get(key)
        if entry is None:
            leaves = self._checked(leaves, structure)
            key = (structure, static, *map(signature, leaves))
            entry = self._entry(key, leaves, structure, static)
        entry.last_use = _now()
        if entry.serves_once:
            return entry.finished(entry.program(*leaves, *entry.captured))
        if entry.is_plain and (
            PLAIN.issuperset(map(type, leaves)) or not any(isinstance(leaf, Tracer) for leaf in leaves)
        ):
            return entry.finished(entry.run(*leaves))
        return entry.finished(CompiledCall(entry).bind((*leaves, *entry.captured), ()))

    def __repr__(self) -> str:
        return f"<jit of {name_of(self.f)}>"

    def _parts(self) -> tuple[Any, ...]:
        return self.f, *self._static

    def _forget(self) -> None:
        self._entries, self._singles = {}, {}

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """Return the optimised program for some arguments; it is made if there is none.

        Parameters
        ----------
        args, kwargs
            Those of a call.

        Returns
        -------
        Program
            Its inputs are the leaves of the arguments that are not static, its outputs those of the result.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> print(ft.jit(ft.grad(lambda x: np.sum(x * np.sin(x)))).program(np.zeros(3)))
        program f(a: float64[3]):
            b: float64[3] = sin(a)
            c: float64[3] = cos(a)
            d: float64[3] = mul(a, c)
            e: float64[3] = add(b, d)
            return e
        """
        args, kwargs, static = self._without_static(args, kwargs)
        leaves, structure = tree.flatten((args, kwargs))
        return self._entry((structure, static, *map(signature, leaves)), leaves, structure, static).program

    lower = program

    def as_source(self, *args: Any, **kwargs: Any) -> str:
        """Return the program for some arguments as a module that needs NumPy only.

        Parameters
        ----------
        args, kwargs
            Those of a call.

        Returns
        -------
        str
            As of `Program.as_source`.

        Examples
        --------
        >>> import numpy as np, functorch_lite as ft
        >>> print(ft.jit(lambda x: np.sum(x * np.sin(x))).as_source(np.zeros(3)))
        \"\"\"The function f.
        <BLANKLINE>
        x: float64[3]
        returns: float64[]
        \"\"\"
        <BLANKLINE>
        import numpy as np
        <BLANKLINE>
        <BLANKLINE>
        def f(x):
            return np.sum(x * np.sin(x))
        """
        return self.program(*args, **kwargs).as_source()

    def _entry(self, key: Any, leaves: Sequence[Any], structure: Any, static: Any) -> Entry:
        def make() -> Entry:
            entry = recorded(self.f, leaves, structure, static)
            entry.optimize()
            return entry

        def put(place: Any, entry: Entry) -> Entry:
            if entry.serves_once:
                return entry
            entry = self._entries.setdefault(place, entry)
            entry.last_use = _now()
            if place is key and structure == _ONE and not static and entry.is_plain and type(leaves[0]) in PLAIN:
                self._singles[single(leaves[0])] = entry
            if len(self._entries) > LARGEST_CACHE:
                self._drop(min([*self._entries.items()], key=lambda item: item[1].last_use)[0])
            return entry

        return kept(self, self._entries, key, make, put)  # type: ignore[no-any-return]

    def _drop(self, key: Any) -> None:
        dropped = self._entries.pop(key, None)
        self._singles = {one: entry for one, entry in self._singles.items() if entry is not dropped}

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
        keyed = tuple((place, Static(value)) for place, value in static)
        return tuple(a for i, a in enumerate(args) if i not in places), rest, keyed

    def _checked(self, leaves: Sequence[Any], structure: Any) -> list[Any]:
        """Return the leaves, object arrays of tracers stacked; raise if one is no array and no number."""
        checked = [x._trace.settled(x) if isinstance(x, Tracer) else x for x in leaves]
        for i, x in enumerate(checked):
            checked[i] = x = stacked(x) if getattr(x, "dtype", None) is OBJECT else x
            check_value(
                x,
                f"leaf {i} of the arguments of {name_of(self.f)} is",
                f"Under jit programs compute those. Make the argument static (static_argnums, static_argnames), or "
                f"{BY_ITS_CLASS}",
            )
        return checked
