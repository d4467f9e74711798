"""Running a function for some examples of a batch only.

The others do not take part, but arrays have room for them: they get the values of one example that does. So nothing
overflows there, no index is out of range, and no NaN enters a derivative. What a function closes over is replaced as
what it is given, wherever the function keeps it: in variables, defaults, bound arguments, containers and objects. A
buffer is read and written for those examples only that take part.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from functorch_lite.core.operands import shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive, Zero
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.core.trace import Tracer
from functorch_lite.numpy.buffers import Buffer, MaskedBuffer
from functorch_lite.transforms.axes import Axis, axis_of
from functorch_lite.transforms.closures import Replacing

__all__ = ["flags_of", "is_run_by_some", "of_one", "run_where"]


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
        return np.where(mask, x, of_one(mask, x))

    holding = Replacing(lambda x: MaskedBuffer(x, mask, valid) if isinstance(x, Buffer) else valid(x))
    token = _masks.set((*_masks.get(), mask))
    try:
        return holding.of(f)(*holding.of(args))
    finally:
        _masks.reset(token)
        holding.give_back()


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
