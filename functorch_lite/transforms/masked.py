"""Running a function for some examples of a batch only.

The others do not take part, but arrays have room for them: they get the values of one example that does. So nothing
overflows there, no index is out of range, and no NaN enters a derivative. What a function closes over is replaced as
what it is given, wherever the function keeps it: in variables, defaults, bound arguments, containers and objects. A
buffer is read and written for those examples only that take part.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive, Zero
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.core.trace import Tracer, is_tracer
from functorch_lite.numpy.buffers import Buffer, MaskedBuffer
from functorch_lite.transforms.axes import Axis, axis_of

__all__ = ["flags_of", "holds_tracers", "is_run_by_some", "of_one", "run_where"]


def flags_of(mask: Any) -> Any:
    """Return the plain array of a traced boolean, over all batches that it is in."""
    while isinstance(mask, Tracer):
        mask._trace.touch("Python asked for the truth")
        mask = mask.value
    return mask


def run_where(mask: Any, f: Callable[..., Any], *args: Any) -> Any:
    """Call a function so that it sees values of the examples in which the mask holds only.

    Parameters
    ----------
    mask
        A traced boolean, which holds in one example at least.
    f
        The function.
    args
        Pytrees.

    Returns
    -------
    tree
        The result. In the other examples it is that of some example in which the mask holds, without a derivative.
    """
    valid = _Valid(mask)
    token = _masks.set((*_masks.get(), mask))
    try:
        return valid.of(f)(*valid.of(args))
    finally:
        _masks.reset(token)


def is_run_by_some(axis: Axis) -> bool:
    """Say whether a function runs for some examples only of the batch along a named axis."""
    for mask in _masks.get():
        while isinstance(mask, Tracer):
            if axis_of(getattr(mask._trace, "size", 0)) == axis:
                return True
            mask = mask.value
    return False


#: The masks of the functions that run.
_masks: ContextVar[tuple[Any, ...]] = ContextVar("masks", default=())


# --- One example for the others ---------------------------------------------------------------------------------------


def _batch_of_one(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    mask, x = arrays
    if not batched[0]:
        return primitive(mask, x)
    if not size:
        return x if batched[1] else np.broadcast_to(x, (0, *shape_of(x)))
    if batched[1]:
        x = FUNCTIONS[np.take](x, np.argmax(mask, 0), 0)
    chosen = primitive(np.any(mask, 0), x)
    return np.broadcast_to(chosen, (size, *shape_of(chosen)))


def _example(mask: Any, x: Any) -> Any:
    return x


of_one = Zero(_example, ["mask", "x"], name="of_one_example", batch=_batch_of_one)

# --- What a function holds --------------------------------------------------------------------------------------------


class _Valid:
    """Makes copies of functions, containers and objects that hold valid values in the place of traced ones.

    What holds no tracer is shared with the original, and what is held twice is copied once.
    """

    def __init__(self, mask: Any) -> None:
        self.mask = mask
        self.made: dict[int, Any] = {}

    def of(self, x: Any) -> Any:
        """Return the valid counterpart of anything."""
        if id(x) in self.made:
            return self.made[id(x)]
        if not holds_tracers(x):
            return x
        if is_tracer(x):
            made = MaskedBuffer(x, self.mask, self.value) if isinstance(x, Buffer) else self.value(x)
        elif isinstance(x, FunctionType):
            return self.function(x)
        elif isinstance(x, partial):
            made = type(x)(self.of(x.func), *map(self.of, x.args), **{k: self.of(v) for k, v in x.keywords.items()})
        elif isinstance(x, MethodType):
            made = MethodType(self.of(x.__func__), self.of(x.__self__))
        elif _is_container(x):
            made = tree.map(self.of, x)
        else:
            return self.instance(x)
        self.made[id(x)] = made
        return made

    def value(self, x: Any) -> Any:
        """Return an array that has the values of one example that takes part in all that do not."""
        return np.where(self.mask, x, of_one(self.mask, x))

    def function(self, f: FunctionType) -> FunctionType:
        """Return a function whose variables and defaults are valid; it may close over itself."""
        cells = tuple(CellType() if holds_tracers(_content(cell)) else cell for cell in f.__closure__ or ())
        made = self.made[id(f)] = FunctionType(f.__code__, f.__globals__, f.__name__, closure=cells)
        made.__dict__.update(f.__dict__)
        made.__qualname__ = f.__qualname__
        made.__defaults__, made.__kwdefaults__ = self.of(f.__defaults__), self.of(f.__kwdefaults__)
        for cell, original in zip(cells, f.__closure__ or (), strict=True):
            if cell is not original:
                cell.cell_contents = self.of(_content(original))
        return made

    def instance(self, x: Any) -> Any:
        """Return an object whose attributes are valid; they may lead back to it."""
        made = self.made[id(x)] = copy.copy(x)
        if made is not x:  # what does not let itself be copied stays
            made.__dict__.update({name: self.of(value) for name, value in vars(x).items()})
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
        return [*map(_content, x.__closure__ or ()), *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()]
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


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return None
