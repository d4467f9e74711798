"""Writing into tensors: the memory is written, and the history replaced.

An operation in place computes its result as any other, writes it into the tensor's memory, and gives the tensor the
result's node. Views share memory, so a write to a view becomes an **update** of its base: a node whose value is the
base's with some of its elements replaced. The other views of the base are derived anew from it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.memory import owner, record_write
from functorch_lite.core.primitive import General, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.core.tape import FIRST_PARENT, ORDER, Node, next_order
from functorch_lite.core.trace import Tracer
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.tensor.ambient import AMBIENT, is_tensor, tensor_of
from functorch_lite.tensor.grad_mode import is_inference_mode_enabled, recording
from functorch_lite.tensor.graph import move_retained

__all__ = [
    "assign",
    "broadcast",
    "overwrite",
    "own_memory",
    "refuse_leaf",
    "replace",
    "replace_part",
    "writable",
    "write",
    "write_by",
]

#: A way from an array to a part of it: primitives of one array with their parameters, and keys of advanced indexing.
Chain = tuple[tuple[Any, tuple[Any, ...]], ...]


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
    base = x if x._view is None else x._view[0]
    if base.node is not None and base.node[1] is None:
        what = "a leaf" if base is x else "a view of a leaf"
        raise RuntimeError(
            f"{what} tensor that requires grad is being used in an in-place operation ({name}), shape {x.shape}. "
            f"Update parameters under ft.no_grad(), or work on x.clone()."
        )


def replace(x: Any, result: Any, name: str, begun: int | None = None) -> Any:
    """Write a result into a tensor's memory, and let the tensor have its history.

    ``begun`` is when the computation of the result began, which may be several operations; if not told, it was one.
    """
    if isinstance(result, Tracer) and not is_tensor(result):
        raise RuntimeError(
            f"{name} would write a value traced by {result._trace.transformation} into a tensor, which outlives it; "
            f"write the function without in-place operations (y = np.where(…), y + …)"
        )
    dtype = x.dtype
    if not np.can_cast(getattr(result, "dtype", type(result)), dtype, "same_kind"):
        raise RuntimeError(f"{name}: result type {result.dtype} can't be cast to the desired output type {dtype}")
    shape = np.shape(result.value if is_tensor(result) else result)
    if shape != x.shape:
        raise RuntimeError(f"{name}: output with shape {x.shape} doesn't match the broadcast shape {shape}")
    if is_tensor(result) and result.node is not None and result.dtype != dtype:
        result = result.astype(dtype)
    own_memory(x, name)
    value = result.value if is_tensor(result) else result
    node = result.node if is_tensor(result) else None
    if node is not None:
        _keep_copies(node, owner(x.value), node[ORDER] if begun is None else begun)
    x.value[...] = value
    record_write(x.value, name)
    if recording():
        _replace_history(x, node)
    return x


def overwrite(x: Any, value: Any, name: str) -> Any:
    """Write a value, broadcast and converted, over all elements; what was there gets zero derivatives."""
    refuse_leaf(x, name)
    value = broadcast(value, x.shape, x.dtype)
    raw = value.value if is_tensor(value) else value
    if isinstance(raw, Tracer):
        return replace(x, raw, name)
    node = _update_node(x.node, _node(value), (("key", (...,)),), x) if recording() else None
    return replace(x, tensor_of(raw, node), name)


def own_memory(x: Any, name: str = "an in-place operation") -> None:
    """Make sure that the value is an array that may be written to: a scalar becomes one, in its base's memory."""
    value = x.value
    if type(value) is np.ndarray:
        if not value.flags.writeable and x._view is not None and all(value.strides) and owner(value).flags.writeable:
            value.flags.writeable = True  # np.diagonal gives read-only views
        if not value.flags.writeable:
            raise RuntimeError(
                f"{name} on a read-only tensor of shape {x.shape}: several of its elements are one in memory (it was "
                f"expanded), or its array is read-only. Clone it first."
            )
        if value.base is not None and x._view is None and x.node is not None and x.node[1] is not None:
            x.value = value.copy()  # memory that an operation happened to share, of which no history tells
        return
    if x._view is None:
        x.value = np.array(value)
        return
    base, chain = x._view
    own_memory(base, name)
    x.value = _part(base.value, chain)


def assign(x: Any, key: Any, value: Any) -> None:
    """Perform ``x[key] = value``."""
    if is_tensor(value) and value.dtype != x.dtype:
        value = value.astype(x.dtype)
    if _is_basic(key):
        replace_part(x[key], value, "index assignment")
        return
    refuse_leaf(x, "index assignment")
    key = _plain_key(key)
    shape = x.value[key].shape
    value = broadcast(value, shape, x.dtype)
    own_memory(x, "index assignment")
    changed = x.value.copy()
    changed[key] = value.value if is_tensor(value) else value
    place = (("key", (key,)),)
    replace(x, tensor_of(changed, _update_node(x.node, _node(value), place, x)), "index assignment")


def replace_part(part: Any, value: Any, name: str) -> None:
    """Write a value, broadcast, into a view."""
    refuse_leaf(part, name)
    replace(part, broadcast(value, part.shape, part.dtype), name)


def at_key(value: Any, key: Any) -> Any:
    """Return ``value[key]`` for any sort of array."""
    return FUNCTIONS[operator.getitem](value, key) if isinstance(value, Tracer) else value[key]


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


def _replace_history(x: Any, node: Node | None) -> None:
    if x._view is None:
        _give_node(x, node)
        base = x
    else:
        base, chain = x._view
        if node is None and base.node is None:
            return
        _give_node(base, _update_node(base.node, node, chain, base))
    for view in base._live_views():
        _derive_again(view)


def _give_node(x: Any, node: Node | None) -> None:
    before = x.node
    x.node = node
    if before is not None and node is not None:
        move_retained(x, before)


def _derive_again(view: Any) -> None:
    """Give a view the history that its base's new one implies."""
    base, chain = view._view
    before = view.node
    if base.node is None:
        view.node = None
        return
    out = tensor_of(base.value, base.node)
    for primitive, params in chain:
        out = AMBIENT.process(primitive, (out,), params)
    view.node = out.node
    if before is not None:
        move_retained(view, before)


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


# --- The update of a part ---------------------------------------------------------------------------------------------


def _update_node(base: Node | None, value: Node | None, chain: Chain, x: Any) -> Node | None:
    """Return the node of an array of which a part was replaced."""
    if base is None and value is None:
        return None
    node: Node = [next_order(), UPDATE, x.shape, x.dtype]
    if base is not None:
        node += (base, _OF_BASE, (chain, x.shape))
    if value is not None:
        node += (value, _OF_VALUE, (chain, x.shape))
    return node


def _cotangent_of_base(g: Any, chain: Chain, shape: tuple[int, ...]) -> Any:
    """The cotangent, zero where elements were replaced."""
    if type(g) is np.ndarray:
        kept = g.copy()
        _fill(kept, chain, 0)
        return kept
    replaced = np.zeros(shape, bool)
    _fill(replaced, chain, True)
    return np.where(replaced, 0, g)


def _cotangent_of_value(g: Any, chain: Chain, shape: tuple[int, ...]) -> Any:
    """The cotangent of the replaced elements; where several values went to one place, the last one's."""
    part = _part(g, chain)
    last, (key,) = chain[-1]
    if last != "key" or not _may_repeat(key):
        return part
    numbers = np.arange(part.size).reshape(part.shape)
    written = np.zeros(shape, int)
    target = _part(written, chain[:-1])
    target[key] = numbers
    return part * (target[key] == numbers)


def _part(value: Any, chain: Chain) -> Any:
    for primitive, params in chain:
        if primitive == "key":
            value = at_key(value, *params)
        elif isinstance(value, Tracer):
            value = primitive.bind((value,), params)
        else:
            value = _whole(primitive.function(value, *params), value, primitive, params)
    return value


def _whole(part: Any, value: Any, primitive: Primitive, params: tuple[Any, ...]) -> Any:
    """Return the part as an array in the same memory where indexing gave a scalar."""
    if type(part) is np.ndarray or type(value) is not np.ndarray or primitive.word != "index":
        return part
    key = params[0] if type(params[0]) is tuple else (params[0],)
    return value[(*key, ...)] if Ellipsis not in key else part


def _fill(value: Any, chain: Chain, filler: Any) -> None:
    last, params = chain[-1]
    if last == "key":
        _part(value, chain[:-1])[params[0]] = filler
    else:
        part = _part(value, chain)
        part.flags.writeable = True  # np.diagonal gives read-only views
        part[...] = filler


def _is_basic(key: Any) -> bool:
    return all(
        isinstance(k, int | np.integer | slice | type(None) | type(Ellipsis)) and not isinstance(k, bool)
        for k in (key if type(key) is tuple else (key,))
    )


def _plain_key(key: Any) -> Any:
    if type(key) is tuple:
        return tuple(map(_plain_key, key))
    return np.array(key.value) if is_tensor(key) else np.array(key) if type(key) is list else key


def _may_repeat(key: Any) -> bool:
    return any(
        getattr(k, "dtype", None) is not None and k.dtype.kind in "iu" for k in (key if type(key) is tuple else (key,))
    )


UPDATE = General(lambda base, value: value, ["base", "value"], [None, None], name="update", parameters=["chain"])
_OF_BASE = Rule(vjp=_cotangent_of_base)
_OF_VALUE = Rule(vjp=_cotangent_of_value)
