"""What functions hold: copies of them in which other values stand in the places of traced ones.

A function keeps values in variables, defaults, bound arguments, containers and objects. Where it is to run with other
values than those, it and what leads to them is copied, and what its run has written into the copies goes back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

from functorch_lite.core import tree
from functorch_lite.core.pickling import NamedFunction
from functorch_lite.core.trace import is_tracer

__all__ = ["Replacing", "content_of", "holds_tracers"]


class Replacing:
    """Makes copies of functions, containers and objects that hold other values in the place of traced ones.

    What holds no tracer is shared with the original, and what is held twice is copied once.

    Parameters
    ----------
    value
        From a traced value to the one in its place.
    """

    def __init__(self, value: Callable[[Any], Any]) -> None:
        self.value = value
        #: The counterparts by identity, with the originals, which stay alive.
        self.made: dict[int, tuple[Any, Any]] = {}
        #: What can be written to: the copy, the original, and what the copy held at first.
        self.cells: list[tuple[CellType, CellType, Any]] = []
        self.lists: list[tuple[list[Any], list[Any], list[Any]]] = []
        self.dicts: list[tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]]] = []

    def of(self, x: Any) -> Any:
        """Return the counterpart of anything."""
        if id(x) in self.made:
            return self.made[id(x)][1]
        if not holds_tracers(x):
            return x
        if isinstance(x, FunctionType):
            return self._function(x)
        if type(x) is list:
            return self._list(x)
        if type(x) is dict:
            return self._dict(x, {})
        if is_tracer(x):
            made = self.value(x)
        elif isinstance(x, partial):
            made = type(x)(self.of(x.func), *map(self.of, x.args), **{k: self.of(v) for k, v in x.keywords.items()})
        elif isinstance(x, MethodType):
            made = MethodType(self.of(x.__func__), self.of(x.__self__))
        elif type(x) is tuple:
            made = tuple(map(self.of, x))
        elif _is_container(x):
            made = tree.map(self.of, x)
        elif isinstance(x, NamedFunction):
            return self._wrapper(x)
        else:
            return self._instance(x)
        self.made[id(x)] = x, made
        return made

    def give_back(self) -> None:
        """Write what was written into the copies into the originals."""
        for cell, old_cell, put in self.cells:
            if content_of(cell) is not put:
                old_cell.cell_contents = cell.cell_contents
        for values, old, first in self.lists:
            if list(map(id, values)) != list(map(id, first)):
                back = dict(zip(map(id, first), old, strict=True))
                old[:] = [back.get(id(v), v) for v in values]
        for names, old_names, puts in self.dicts:
            for name in [*old_names.keys() - names.keys()]:
                del old_names[name]
            old_names.update({name: v for name, v in names.items() if name not in puts or puts[name] is not v})

    def _function(self, f: FunctionType) -> FunctionType:
        """Return a function with other variables and defaults; it may close over itself."""
        originals = f.__closure__ or ()
        known = {id(cell) for cell in originals if id(cell) in self.made}
        cells = tuple(map(self._cell, originals))
        made = FunctionType(f.__code__, f.__globals__, f.__name__, closure=cells)
        self.made[id(f)] = f, made
        made.__dict__.update(f.__dict__)
        made.__qualname__ = f.__qualname__
        made.__defaults__, made.__kwdefaults__ = self.of(f.__defaults__), self.of(f.__kwdefaults__)
        for cell, original in zip(cells, originals, strict=True):
            if cell is not original and id(original) not in known:
                cell.cell_contents = put = self.of(content_of(original))
                self.cells.append((cell, original, put))
        return made

    def _cell(self, cell: CellType) -> CellType:
        """Return another variable, empty, if this one holds a tracer; functions that share one share the other."""
        if id(cell) not in self.made:
            if not holds_tracers(content_of(cell)):
                return cell
            self.made[id(cell)] = cell, CellType()
        return self.made[id(cell)][1]  # type: ignore[no-any-return]

    def _list(self, x: list[Any]) -> list[Any]:
        made: list[Any] = []
        self.made[id(x)] = x, made
        made.extend(map(self.of, x))
        self.lists.append((made, x, [*made]))
        return made

    def _dict(self, x: dict[Any, Any], made: dict[Any, Any]) -> dict[Any, Any]:
        self.made[id(x)] = x, made
        made.update((name, self.of(value)) for name, value in [*x.items()])
        self.dicts.append((made, x, {**made}))
        return made

    def _wrapper(self, x: NamedFunction) -> NamedFunction:
        """Return a wrapper of ours around other functions; these may close over it."""
        made: NamedFunction = object.__new__(type(x))
        self.made[id(x)] = x, made
        vars(made).update((name, self.of(value)) for name, value in [*vars(x).items()])
        made._forget()
        return made

    def _instance(self, x: Any) -> Any:
        """Return an object with other attributes; they may lead back to it."""
        try:
            made = copy.copy(x)
        except (TypeError, copy.Error):  # what does not let itself be copied stays
            made = x
        self.made[id(x)] = x, made
        if made is not x:
            self._dict(vars(x), vars(made))
        return made


def holds_tracers(x: Any) -> bool:
    """Say whether a tracer is reached from a value."""
    seen, waiting = {id(x)}, [x]
    while waiting:
        x = waiting.pop()
        if is_tracer(x):
            return True
        for part in _parts(x):
            if id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)
    return False


def _parts(x: Any) -> list[Any]:
    """Return what a value consists of, as far as a copy of it can have other parts."""
    if isinstance(x, FunctionType):
        return [*map(content_of, x.__closure__ or ()), *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
    if isinstance(x, partial):
        return [x.func, *x.args, *x.keywords.values()]
    if isinstance(x, MethodType):
        return [x.__func__, x.__self__]
    if _is_machinery(x):
        return []
    if _is_container(x):
        return tree.leaves(x)
    return list(getattr(x, "__dict__", {}).values())


def _is_container(x: Any) -> bool:
    return tree.structure(x) != tree.LEAF


def _is_machinery(x: Any) -> bool:
    """Say whether a value is no one's data: a module, a class, or a tape of this library's that a function holds."""
    return isinstance(x, type | ModuleType) or (
        type(x).__module__.startswith("functorch_lite.") and not callable(x) and not isinstance(x, tuple)
    )


def content_of(cell: CellType) -> Any:
    """Return the value of a variable that functions share; None before it is bound."""
    try:
        return cell.cell_contents
    except ValueError:
        return None
