"""Deep copies of tensors: what shares memory goes on to share it, and what is one tensor stays one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from functorch_lite.core.cache_lines import CACHE_LINE
from functorch_lite.core.memory import owner
from functorch_lite.tensor.ambient import is_read_at_each_call, tensor_of

__all__ = ["deep_copy"]


def deep_copy(x: Any, memo: dict[int, Any]) -> Any:
    """Return a copy of a leaf with its own memory, gradient and attributes, and with no hooks.

    The memory is copied whole, once for each ``memo``: tensors that share it are copied to tensors that do.
    """
    if not x.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
            "moment; copy x.detach() or x.clone()."
        )
    if id(x) in memo:
        return memo[id(x)]
    if is_read_at_each_call(x):
        memo[id(x)] = x.clone()
        return memo[id(x)]
    copied = tensor_of(_copied(x.value, memo), None)
    memo[id(x)] = copied
    copied.requires_grad_(x.node is not None)
    if x._grad is not None:
        copied._grad = deepcopy(x._grad, memo) if x._grad.is_leaf else x._grad.copy()
    for name, attribute in vars(x).items():
        if not hasattr(type(x), name):  # the user's
            setattr(copied, name, deepcopy(attribute, memo))
    return copied


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    """Return the part of a copy of an array's memory that the array is of the memory."""
    memory = owner(value)
    if type(memory) is not np.ndarray or not memory.flags.forc:
        return np.array(value)
    copied = memo.get(id(memory))
    if copied is None:
        memo[id(memory)] = copied = _memory_like(memory)
    made = np.ndarray(
        value.shape,
        value.dtype,
        copied if copied.flags.c_contiguous else copied.T,
        _address(value) - _address(memory),
        value.strides,
    )
    made.flags.writeable = value.flags.writeable or not memory.flags.writeable
    return made


def _memory_like(memory: Any) -> Any:
    """Return a copy of contiguous memory that lies to the lines of the cache as the original does."""
    room = np.empty(memory.nbytes + CACHE_LINE, np.uint8)
    start = (_address(memory) - _address(room)) % CACHE_LINE
    flat = room[start : start + memory.nbytes].view(memory.dtype)
    copied = flat.reshape(memory.shape) if memory.flags.c_contiguous else flat.reshape(memory.shape[::-1]).T
    copied[...] = memory
    return copied


def _address(value: Any) -> int:
    address: int = value.__array_interface__["data"][0]
    return address
