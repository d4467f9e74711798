"""Running a function for some examples of a batch only.

The others do not take part, but arrays have room for them: they get the values of one example that does. So nothing
overflows there, no index is out of range, and no NaN enters a derivative. What a function closes over is replaced as
what it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive, Zero
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.core.trace import Tracer, is_tracer

__all__ = ["flags_of", "run_where"]


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

    def valid(x: Any) -> Any:
        return np.where(mask, x, _of_one(mask, x)) if is_tracer(x) else x

    return _with_valid_variables(f, valid, {})(*tree.map(valid, args))


# --- One example for the others ---------------------------------------------------------------------------------------


def _batch_of_one(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    mask, x = arrays
    if not batched[0]:
        return primitive(mask, x)
    if batched[1]:
        x = FUNCTIONS[np.take](x, np.argmax(mask, 0), 0)
    chosen = primitive(np.any(mask, 0), x)
    return np.broadcast_to(chosen, (size, *shape_of(chosen)))


def _example(mask: Any, x: Any) -> Any:
    return x


_of_one = Zero(_example, ["mask", "x"], name="of_one_example", batch=_batch_of_one)

# --- Closures ---------------------------------------------------------------------------------------------------------


def _with_valid_variables(
    f: Callable[..., Any], valid: Callable[[Any], Any], made: dict[int, Callable[..., Any]]
) -> Callable[..., Any]:
    """Return a function whose closure holds valid values in the place of traced ones.

    Variables that hold a tracer, a tuple of them, or a function that closes over one are bound anew; the others are
    shared with the function. ``made`` holds what has been made, by the identity of the original.
    """
    if id(f) in made:
        return made[id(f)]
    if not isinstance(f, FunctionType) or not _closes_over_tracers(f, set()):
        return f
    cells = tuple(CellType() if _is_traced(_content(cell), set()) else cell for cell in f.__closure__ or ())
    copied = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, cells)
    copied.__kwdefaults__ = f.__kwdefaults__
    made[id(f)] = copied
    for cell, original in zip(cells, f.__closure__ or (), strict=True):
        if cell is not original:
            content = _content(original)
            if isinstance(content, FunctionType):
                cell.cell_contents = _with_valid_variables(content, valid, made)
            else:
                cell.cell_contents = tuple(map(valid, content)) if type(content) is tuple else valid(content)
    return copied


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not bound yet
        return None


def _is_traced(x: Any, seen: set[int]) -> bool:
    if type(x) is tuple:
        return any(map(is_tracer, x))
    return is_tracer(x) or (isinstance(x, FunctionType) and _closes_over_tracers(x, seen))


def _closes_over_tracers(f: FunctionType, seen: set[int]) -> bool:
    if id(f) in seen:  # it closes over itself
        return False
    seen.add(id(f))
    return any(_is_traced(_content(cell), seen) for cell in f.__closure__ or ())
