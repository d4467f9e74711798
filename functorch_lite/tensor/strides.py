"""Views of a tensor's memory by steps: PyTorch's ``as_strided``."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.aliases import elements
from functorch_lite.tensor.ambient import is_tensor, way_from_base
from functorch_lite.tensor.method_table import method

__all__ = ["as_strided"]


@method
def as_strided(x: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """Return the elements of the memory of a tensor that are reached by steps, as a view of it.

    Traced arrays, which have no memory, are taken to lie in the order of their rows.

    Parameters
    ----------
    x
        The tensor. The memory is that of the tensor whose view it is.
    size, stride
        The shape of the result, and for each of its axes a step in elements.
    storage_offset
        The element to begin with; None: the first one of ``x``.

    Raises
    ------
    ValueError
        If there are not as many steps as lengths, a step is negative, or a place is outside of the memory.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    >>> windows = x.as_strided((3, 2), (1, 1))
    >>> windows.sum().backward()
    >>> windows[1], x.grad
    (tensor([2., 3.], grad_fn=<IndexBackward>), tensor([1., 2., 2., 1.]))
    """
    shape, steps = tuple(map(int, size)), tuple(map(int, stride))
    whole, first = x if is_tensor(x) else as_array(x), 0
    if is_tensor(x):
        whole = way_from_base(x)[0]
        if not whole.value.flags.c_contiguous:
            raise NotImplementedError(
                f"as_strided at {user_line()} of a memory that is not in the order of rows. Clone the tensor first."
            )
        first = (_address(x.value) - _address(whole.value)) // x.value.itemsize
    offset = first if storage_offset is None else int(storage_offset)
    last = offset + sum(step * (n - 1) for n, step in zip(shape, steps, strict=False))
    length = int(np.prod(shape_of(whole)))
    if len(shape) != len(steps) or any(step < 0 for step in steps) or offset < 0 or (0 not in shape and last >= length):
        raise ValueError(
            f"as_strided at {user_line()}: the shape {shape} in steps of {steps} from element {offset} on does not lie "
            f"in a memory of {length} elements"
        )
    return elements.bind((whole,), (shape, steps, offset))


def _address(array: Any) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
