"""Writing into tensors: the memory is written, and the history replaced.

An operation in place computes its result as any other, writes it into the tensor's memory, and gives the tensor the
result's node. Views share memory, so a write to a view becomes an **update** of its base: a node whose value is the
base's with some of its elements replaced. The views of the base are derived anew from it, when they are next used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.memory import owner, record_write
from functorch_lite.core.primitive import Primitive
from functorch_lite.core.tape import FIRST_PARENT, ORDER, Node, next_order
from functorch_lite.core.trace import Tracer
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.tensor.ambient import AMBIENT, is_read_at_each_call, is_tensor, looked_at, tensor_of, way_from_base
from functorch_lite.tensor.grad_mode import is_inference_mode_enabled, recording, restore, switch
from functorch_lite.tensor.graph import move_retained, retains
from functorch_lite.tensor.update import part_of, update_node

__all__ = [
    "assign",
    "broadcast",
    "derive_history",
    "increment_version",
    "overwrite",
    "own_memory",
    "refuse_cast",
    "refuse_leaf",
    "replace",
    "replace_part",
    "take_result",
    "writable",
    "write",
    "write_by",
    "written_over",
]


def write(x: Any, name: str, compute: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Replace the elements of a tensor by ``compute(x, *args, **kwargs)``; return the tensor.

    Raises
    ------
    RuntimeError
        If the tensor is a leaf that requires grad, or a view of one, and operations are recorded; if shape or dtype of
        the result do not fit.
    """
    refuse_leaf(x, name)
    begun = next_order()
    return replace(x, compute(x, *args, **kwargs), name, begun)


def written_over(x: Any, name: str, compute: Callable[..., Any], *args: Any) -> Any:
    """Replace the elements of a tensor, or of an array of the caller's, by ``compute(x, *args)``; return it."""
    if is_tensor(x):
        return write(x, name, compute, *args)
    if type(x) is not np.ndarray:
        what = f"a value traced by {x._trace.transformation}" if isinstance(x, Tracer) else f"a {type(x).__name__}"
        raise TypeError(
            f"{name} at {user_line()}: nothing can be written into {what}; take the result without inplace=True"
        )
    x[...] = compute(x, *args)
    return x


def write_by(x: Any, name: str, ufunc: np.ufunc, other: Any) -> Any:
    """Apply a ufunc in the tensor's own memory, where nothing is recorded."""
    value = writable(x, name)
    ufunc(value, other, out=value, casting="same_kind")
    record_write(value, name)
    return x


def writable(x: Any, name: str) -> Any:
    """Return the raw array of a tensor, to be written to where nothing is recorded; `record_write` has to follow."""
    refuse_leaf(x, name)
    own_memory(x, name)
    return x.value


def refuse_leaf(x: Any, name: str) -> None:
    """Raise if writing to the tensor would make a leaf that requires grad a result."""
    if is_inference_mode_enabled():
        return
    if x._inference:
        raise RuntimeError(
            f"{name}: inplace update to an inference tensor outside inference_mode is not allowed; clone it first"
        )
    if not recording():
        return
    base, _ = way_from_base(x)
    if _is_leaf(base):
        what = "a leaf" if base is x else "a view of a leaf"
        raise RuntimeError(
            f"{what} tensor that requires grad is being used in an in-place operation ({name}), shape {x.shape}. "
            f"Update parameters under ft.no_grad(), or work on x.clone()."
        )
    if base.node is not None and x.node is None:
        raise RuntimeError(
            f"{name} of a view of shape {x.shape} that has no history, while the tensor that it is a view of has one: "
            f"it was taken under no_grad. Take the view where operations are recorded, or write under ft.no_grad()."
        )


def refuse_cast(result: Any, dtype: Any, name: str) -> None:
    """Raise if a result is of another kind of number than what it is to be written into."""
    kind = getattr(result, "dtype", type(result))
    if not np.can_cast(kind, dtype, "same_kind"):
        raise RuntimeError(f"{name}: result type {np.dtype(kind)} can't be cast to the desired output type {dtype}")


def _is_leaf(x: Any) -> bool:
    return x.node is not None and x.node[1] is None


def refuse_recorded(x: Any, result: Any, name: str) -> None:
    """Raise if a traced value is to be written into a tensor, or any value while a program is recorded that reads it.

    That would happen once, when the program is recorded.
    """
    if isinstance(result, Tracer) and not is_tensor(result):
        raise RuntimeError(
            f"{name} would write a value traced by {result._trace.transformation} into a tensor, which outlives it; "
            f"write the function without in-place operations (y = np.where(…), y + …)"
        )
    if is_read_at_each_call(x):
        raise RuntimeError(
            f"{name} at {user_line()} would write into a tensor that a function under jit closes over, when the "
            f"function is recorded and at no other call. Return the new value, and write it outside of jit."
        )


def replace(x: Any, result: Any, name: str, begun: int | None = None) -> Any:
    """Write a result into a tensor's memory, and let the tensor have its history.

    ``begun`` is when the computation of the result began, which may be several operations; if not told, it was one.
    """
    refuse_recorded(x, result, name)
    dtype = x.dtype
    refuse_cast(result, dtype, name)
    shape = np.shape(result.value if is_tensor(result) else result)
    if shape != x.shape:
        raise RuntimeError(f"{name}: output with shape {x.shape} doesn't match the broadcast shape {shape}")
    if is_tensor(result) and result.node is not None and result.dtype != dtype:
        result = result.astype(dtype)
    own_memory(x, name)
    value = result.value if is_tensor(result) else result
    node = result.node if is_tensor(result) else None
    if node is not None:
        _refuse_leaves_among_views(x, name)
        _keep_copies(node, owner(x.value), node[ORDER] if begun is None else begun)
    x.value[...] = value
    record_write(x.value, name)
    if recording():
        _replace_history(x, node)
    return x


def take_result(x: Any, result: Any, name: str) -> None:
    """Let a tensor have the history of a result that was written into its memory already."""
    refuse_leaf(x, name)
    if owner(x.value) is not owner(result.value):  # a scalar, into which nothing can be written
        own_memory(x, name)
        x.value[...] = result.value
        record_write(x.value, name)
    if recording():
        _refuse_leaves_among_views(x, name)
        _replace_history(x, result.node)


def overwrite(x: Any, value: Any, name: str) -> Any:
    """Write a value, broadcast and converted, over all elements; what was there gets zero derivatives."""
    refuse_leaf(x, name)
    value = broadcast(value, x.shape, x.dtype)
    raw = value.value if is_tensor(value) else value
    if isinstance(raw, Tracer):
        return replace(x, raw, name)
    node = update_node(x.node, _node(value), (("key", (...,)),), x) if recording() else None
    return replace(x, tensor_of(raw, node), name)


def own_memory(x: Any, name: str = "an in-place operation") -> None:
    """Make sure that the value is an array that may be written to: a scalar becomes one, in its base's memory."""
    value = x.value
    if type(value) is np.ndarray:
        if not value.flags.writeable and x._view is not None and owner(value).flags.writeable and _is_apart(value):
            value.flags.writeable = True  # np.diagonal gives read-only views
        if not value.flags.writeable:
            raise RuntimeError(
                f"{name} on a read-only tensor of shape {x.shape}: several of its elements are one in memory (it was "
                f"expanded, or consists of windows), or its array is read-only. Clone it first."
            )
        if value.base is not None and x._view is None and x.node is not None and x.node[1] is not None:
            x.value = value.copy()  # memory that an operation happened to share, of which no history tells
        return
    if x._view is None:
        x.value = np.array(value)
        return
    base, chain = x._view
    own_memory(base, name)
    x.value = part_of(base.value, chain)


def _is_apart(value: Any) -> bool:
    """Say whether no two elements of an array are one in memory, as far as its steps tell."""
    reach = value.itemsize
    for step, length in sorted((abs(step), n) for step, n in zip(value.strides, value.shape, strict=True) if n > 1):
        if step < reach:
            return False
        reach += step * (length - 1)
    return True


def assign(x: Any, key: Any, value: Any, name: str = "index assignment") -> None:
    """Perform ``x[key] = value``."""
    if is_tensor(value) and value.dtype != x.dtype:
        value = value.astype(x.dtype)
    refuse_recorded(x, value, name)
    if _is_basic(key):
        replace_part(x[key], value, name)
        return
    refuse_leaf(x, name)
    key = _plain_key(key)
    shape = x.value[key].shape
    value = broadcast(value, shape, x.dtype)
    own_memory(x, name)
    changed = x.value.copy()
    changed[key] = value.value if is_tensor(value) else value
    place = (("key", (key,)),)
    replace(x, tensor_of(changed, update_node(x.node, _node(value), place, x)), name)


def replace_part(part: Any, value: Any, name: str) -> None:
    """Write a value, broadcast, into a view."""
    refuse_leaf(part, name)
    replace(part, broadcast(value, part.shape, part.dtype), name)


def broadcast(value: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return a value in the shape, and if it is no tensor in the dtype, of what it is to be written into."""
    if isinstance(value, ArrayTracer):
        if value.shape == shape and value.dtype == dtype:
            return value
        extra = value.ndim - len(shape)
        if extra > 0 and value.shape[:extra] == (1,) * extra:
            value = value.reshape(value.shape[extra:])
        return np.broadcast_to(value.astype(dtype) if value.dtype != dtype else value, shape)
    return np.broadcast_to(np.array(value).astype(dtype), shape)


def _node(value: Any) -> Node | None:
    return value.node if is_tensor(value) else None


def _refuse_leaves_among_views(x: Any, name: str) -> None:
    """Raise if a write would give a history to memory that a leaf, made of a view, has as its own."""
    base = x if x._view is None else x._view[0]
    if base._has_leaves and recording():
        for view in base._live_views():
            if _is_leaf(view):
                raise RuntimeError(
                    f"{name} of a tensor of shape {x.shape} would make a result of a leaf that requires grad: a view "
                    f"of its memory, of shape {view.shape}. Let x.clone() require grad, not a view."
                )


def _replace_history(x: Any, node: Node | None) -> None:
    base, chain = (x, ()) if x._view is None else x._view
    if node is None and base.node is None:
        return
    _give_node(base, node if base is x else update_node(base.node, node, chain, base))
    for view in base._take_fresh_views():
        _forget_history(view)


def _give_node(x: Any, node: Node | None) -> None:
    before = x.node
    x.node = node
    if before is not None and node is not None:
        move_retained(x, before)


def _forget_history(view: Any) -> None:
    """Let a view have no node: when it is asked for, `derive_history` gives it the one that its base's implies.

    So a write costs as much as there are views that were used since the last one.
    """
    before = view.node
    if before is None or before[1] is not None:  # else it is a leaf, whose history does not change
        del view.node
        if before is not None and retains(view, before):
            derive_history(view)
            move_retained(view, before)


def derive_history(view: Any) -> None:
    """Give a view the node that its base's implies."""
    base, chain = view._view
    out = tensor_of(base.value, base.node)
    if base.node is not None:
        mode = switch(True)
        try:
            for primitive, params in chain:
                out = AMBIENT.process(primitive, (out,), params)
        finally:
            restore(mode)
    view.node = out.node
    base._note_derived(view)


def _keep_copies(last: Node, memory: Any, begun: int) -> None:
    """Copy what the operations of one write, from when it began to the last, have kept of the memory to be overwritten.

    What the user's program has kept before is not copied: it is stale from here on, and `backward` says so.
    """
    for node in (last,) if last[ORDER] >= begun - 1 else _since(begun, last):
        if isinstance(node[1], Primitive):
            for k in range(FIRST_PARENT + 2, len(node), 3):
                node[k] = _copied(node[k], memory)


def _since(begun: int, last: Node) -> list[Node]:
    """Return the nodes from a time to the last one."""
    found, seen = [last], {last[ORDER]}
    for node in found:  # which grows meanwhile
        for parent in node[FIRST_PARENT::3] if isinstance(node[1], Primitive) else ():
            if type(parent) is list and parent[ORDER] < begun and parent[ORDER] not in seen:
                seen.add(parent[ORDER])
                found.append(parent)
    return found


def _copied(kept: Any, memory: Any) -> Any:
    if type(kept) is tuple:
        return tuple(_copied(entry, memory) for entry in kept)
    return kept.copy() if type(kept) is np.ndarray and owner(kept) is memory else kept


def _is_basic(key: Any) -> bool:
    return all(
        isinstance(k, int | np.integer | slice | type(None) | type(Ellipsis)) and not isinstance(k, bool)
        for k in (key if type(key) is tuple else (key,))
    )


def _plain_key(key: Any) -> Any:
    if type(key) is tuple:
        return tuple(map(_plain_key, key))
    return np.array(looked_at(key)) if is_tensor(key) else np.array(key) if type(key) is list else key


def increment_version(tensor: Any) -> None:
    """Tell that the memory of a tensor, or of each of several, was written to by what this library cannot see.

    A backward pass then raises where it needs the values that were there before.

    Parameters
    ----------
    tensor
        A tensor or a sequence of them.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0], requires_grad=True)
    >>> y = x * 1.0
    >>> z = (y * y).sum()
    >>> y.data[0] = 5.0
    >>> ft.autograd.graph.increment_version(y)
    >>> z.backward()
    Traceback (most recent call last):
        ...
    RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation: ...
    """
    for x in tensor if isinstance(tensor, list | tuple) else (tensor,):
        if not is_tensor(x):
            raise TypeError(f"increment_version at {user_line()} takes tensors, not a {type(x).__name__}")
        record_write(x._array, "a write that increment_version told of")
