"""The ambient trace: reverse mode that is always on, to which all tensors belong.

It is older than every transformation and never closes. An operation on tensors is recorded when one of them requires
grad and the mode says so; else it is just performed. Values are raw arrays: a tensor never holds a tracer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from functorch_lite.calculus.indexing import index
from functorch_lite.calculus.joining import keys_of_parts, keys_of_slices, split, unstack
from functorch_lite.core.memory import owner
from functorch_lite.core.operands import is_unready
from functorch_lite.core.primitive import Arrays, JointPrimitive, Params, Primitive
from functorch_lite.core.rules import KEEP_ANS, KEEP_NOTHING, KEEP_X, KEEP_Y
from functorch_lite.core.tape import FIRST_PARENT, Node, ReverseTrace, next_order
from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.grad_mode import is_inference_mode_enabled, recording
from functorch_lite.transforms.custom import stop_gradient
from functorch_lite.transforms.structured import recorder

__all__ = [
    "AMBIENT",
    "LEAVES",
    "AmbientTrace",
    "constant",
    "is_read_at_each_call",
    "is_tensor",
    "looked_at",
    "note_made",
    "sharing",
    "tensor_of",
    "way_from_base",
]

_new = object.__new__
_record_unary = ReverseTrace.unary
_record_binary = ReverseTrace.binary

#: The tensors that are leaves, by the order of their node, which refers to nothing.
LEAVES: WeakValueDictionary[int, Any] = WeakValueDictionary()

#: Which parts of its operand an operation of several results gives: functions of its shape and the parameters.
_KEYS_OF_PARTS: dict[Primitive, Callable[..., list[Any]]] = {split: keys_of_parts, unstack: keys_of_slices}


class AmbientTrace(ReverseTrace):
    """Perform operations on tensors, and record those that need it."""

    transformation = "the object style"

    def __init__(self) -> None:
        self.number = 0  # older than any transformation

    def shown(self, value: Any) -> Any:
        return constant(value)

    def unary(self, primitive: Primitive, x: Any) -> Any:
        parent = x.node
        if parent is None or recording() is not True or not primitive.is_pointwise:
            return self._unary(primitive, x)
        # As ReverseTrace.unary does it, without a call for each operation.
        value = x.value
        ans = primitive.function(value)
        keep = primitive.keep
        kept = (
            value
            if keep == KEEP_X
            else ans
            if keep == KEEP_ANS
            else None
            if keep == KEEP_NOTHING
            else primitive.readers[0]((ans, value))
        )
        result: Any = _new(self.tracer)
        result._trace = self
        result.value = ans
        result.node = [next_order(), primitive, ans.shape, ans.dtype, parent, primitive.partial, kept]
        return result

    def binary(self, primitive: Primitive, x: Any, y: Any) -> Any:
        if type(y) is not float or x.node is None or recording() is not True or not primitive.is_pointwise:
            return self._binary(primitive, x, y)
        # As ReverseTrace.binary does it for a Python number.
        partial = primitive.partial
        value = x.value
        ans = primitive.function(value, y)
        if partial is None:
            return constant(ans)
        keep = primitive.keep
        if keep == KEEP_Y:
            kept = y
        elif keep == KEEP_NOTHING:
            kept = None
        else:
            kept = primitive.readers[0]((ans, value, y))
        result: Any = _new(self.tracer)
        result._trace = self
        result.value = ans
        result.node = [next_order(), primitive, ans.shape, ans.dtype, x.node, partial, kept]
        return result

    def _unary(self, primitive: Primitive, x: Any) -> Any:
        mode = recording()
        if mode is not True and (program := self._program((x,))) is not None:
            return program.process(primitive, (x,), ())
        if primitive.is_pointwise:
            if x.node is None or not mode:
                return constant(primitive.function(x.value))
            result = _record_unary(self, primitive, x)
            return result if mode is True else mode(result)
        return self.process(primitive, (x,), ())

    def _binary(self, primitive: Primitive, x: Any, y: Any) -> Any:
        kind = self.tracer
        if not primitive.is_pointwise:
            if (type(x) is not kind and is_unready(x)) or (type(y) is not kind and is_unready(y)):
                return primitive.bind((x, y), ())
            return self.process(primitive, (x, y), ())
        if isinstance(y, int) and type(y) not in (int, bool):
            y = int(y)  # the size of a tensor: NumPy takes only int itself as weak
        mode = recording()
        if mode is not True and (program := self._program((x, y))) is not None:
            return program.process(primitive, (x, y), ())
        x_node = x.node if isinstance(x, kind) else None
        y_node = y.node if isinstance(y, kind) else None
        if not mode or (x_node is None and y_node is None):
            return primitive.bind((x, y), ())
        constant_value = None
        if x_node is None and isinstance(x, kind):
            x, constant_value = x.value, x
        elif y_node is None and isinstance(y, kind):
            y, constant_value = y.value, y
        result = _record_binary(self, primitive, x, y)
        if not isinstance(result, kind):
            return constant(result)
        if constant_value is not None and constant_value._inference:
            _refuse_kept(result.node, [constant_value.value])
        return result if mode is True else mode(result)

    def process(self, primitive: Primitive, arrays: Arrays, params: Params) -> Any:
        mode = recording()
        if mode is not True and (program := self._program(arrays)) is not None:
            return program.process(primitive, arrays, params)
        if isinstance(primitive, JointPrimitive):
            return self._joint(primitive, arrays, params)
        kind = self.tracer
        values, active = [], []
        for i, array in enumerate(arrays):
            if isinstance(array, kind):
                values.append(array.value)
                if array.node is not None:
                    active.append(i)
            else:
                values.append(array)
        if not (active and mode):
            out, mode = primitive.bind(tuple(values), params), True
        elif primitive.is_simple:
            out = self.simple(primitive, arrays[0], params)  # type: ignore[arg-type]
        else:
            out = self.record(primitive, arrays, values, active, params)
        if type(out) is tuple:
            out = tuple(map(constant, out))
            if primitive in _KEYS_OF_PARTS:
                for part, key in zip(out, _KEYS_OF_PARTS[primitive](values[0].shape, *params), strict=True):
                    _note_view(part, arrays[0], index, (key,))
            return out if mode is True else tuple(map(mode, out))
        out = constant(out)
        if len(arrays) == 1 and isinstance(arrays[0], kind):
            _note_view(out, arrays[0], primitive, params)
        return out if mode is True else mode(out)

    def _program(self, arrays: Arrays) -> Any:
        """Return the program that is to hold an operation; None if it is performed now.

        A program reads the tensors that its function closes over at each call, and computes again what is made of them.
        Those that the function itself has made are constants.
        """
        program = recorder.get()
        if program is None or all(id(a) in program.made for a in arrays if isinstance(a, self.tracer)):
            return None
        return program

    def performed(self, primitive: Primitive, values: list[Any], params: Params) -> Any:
        # The values are raw arrays, and whoever called `process` has looked for lists and arrays of objects.
        return primitive.function(*(values if primitive.arity is not None else (tuple(values),)), *params)

    def _joint(self, primitive: JointPrimitive, arrays: Arrays, params: Params) -> Any:
        """Apply a function with rules of its own, which sees tensors without a history.

        The node keeps the inputs beside the pullback, for a backward pass that is itself recorded.
        """
        mode = recording()
        active = [i for i, a in enumerate(arrays) if is_tensor(a) and a.node is not None] if mode else []
        values = tuple(a.value if is_tensor(a) else a for a in arrays)
        if not active:
            shown = values
            if not primitive.takes_raw:  # tensors without a history are shown as they are: results may be their views
                pairs = zip(arrays, values, strict=True)
                shown = tuple(a if is_tensor(a) and a.node is None else self.shown(value) for a, value in pairs)
            return _unaliased(map(constant, primitive.function(shown, *params)), arrays, primitive)
        shown = values if primitive.takes_raw else tuple(map(self.shown, values))
        outputs, pullback, captured = primitive.reverse(self, shown, active)
        outputs = _unaliased(map(without_history, outputs), (*arrays, *captured), primitive)
        node = self.node_of(outputs, primitive)

        def pull(g: Any) -> list[Any]:
            found = pullback(g if primitive.takes_raw else tuple(c if c is None else constant(c) for c in g))
            return [c.value if is_tensor(c) else c for c in found]

        parents = (*(arrays[i].node for i in active), *(tracer.node for tracer in captured))
        node += (parents, pull, (values, params, active))
        wrapped = zip(outputs, self.wrapped(outputs, node), strict=True)
        out = tuple(constant(t) if hasattr(y, "dtype") else y for y, t in wrapped)  # no number depends on a tensor
        return out if mode is True else tuple(map(mode, out))


def _refuse_kept(node: Node, values: list[Any]) -> None:
    if any(node[k] is value for k in range(FIRST_PARENT + 2, len(node), 3) for value in values):
        raise RuntimeError("Inference tensors cannot be saved for backward. To work around you can make a clone of it.")


def _unaliased(outputs: Iterable[Any], arrays: Sequence[Any], primitive: JointPrimitive) -> Arrays:
    """Return what a function with rules of its own has returned, where it shares the operands' memory copied.

    Else a write to either would not reach the history of the other. Views of the operands may stay, and the operands
    that were written to, whose history the result's is to become.
    """
    written = primitive.written_results
    return tuple(y if i in written else _unaliased_output(y, arrays) for i, y in enumerate(outputs))


def _unaliased_output(y: Any, arrays: Sequence[Any]) -> Any:
    value = y.value if is_tensor(y) else y
    if type(value) is not np.ndarray:
        return y
    memory = owner(value)
    sharer = next((a for a in arrays if is_tensor(a) and owner(a.value) is memory), None)
    if sharer is None:
        return y
    if not is_tensor(y):
        return value.copy()
    is_copied = y.node is None and _base_of(y) is not _base_of(sharer)
    return tensor_of(value.copy(), None) if is_copied else y


def _base_of(x: Any) -> Any:
    return x if x._view is None else x._view[0]


def without_history(output: Any) -> Any:
    """Return the raw value of what a function with rules of its own has returned."""
    if not is_tensor(output):
        return output
    if output.node is not None:
        raise TypeError(
            "a function with custom derivatives closes over a tensor that requires grad, for which its rules give no "
            "derivative; pass the tensor as an argument"
        )
    return output.value


def constant(value: Any) -> Any:
    """Return a tensor without a history for an array; a tracer, and what is no array, as it is."""
    if isinstance(value, Tracer) or not hasattr(value, "dtype"):
        return value
    return tensor_of(value, None)


def tensor_of(value: Any, node: Node | None) -> Any:
    """Return a tensor of a raw value and its node."""
    result: Any = _new(AMBIENT.tracer)
    result._trace = AMBIENT
    result.value = value
    result.node = node
    if is_inference_mode_enabled():
        result._inference = True
    note_made(result)
    return result


def note_made(tensor: Any) -> None:
    """Note a tensor that is made while a program is recorded, which is a constant of it."""
    program = recorder.get()
    if program is not None:
        program.made[id(tensor)] = tensor


def is_read_at_each_call(x: Any) -> bool:
    """Say whether a program is being recorded that is to read a tensor anew at each call: it was there before."""
    program = recorder.get()
    return program is not None and id(x) not in program.made


def looked_at(x: Any) -> Any:
    """Return the raw value of a tensor; of one that a program reads at each call, the program's value, detached."""
    return stop_gradient(x) if is_read_at_each_call(x) else x.value


def sharing(x: Any) -> Any:
    """Return a tensor without a history that shares memory with another; or what a program reads of it."""
    return stop_gradient(x) if is_read_at_each_call(x) else tensor_of(x._array, None)


def is_tensor(x: Any) -> bool:
    """Say whether a value is a tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.is_tensor(ft.ones(2)), ft.is_tensor(2.0)
    (True, False)
    """
    return isinstance(x, AMBIENT.tracer)


def way_from_base(x: Any) -> Any:
    """Return the tensor that views of ``x`` are views of, and the chain of primitives that leads from it to ``x``."""
    is_leaf = x._view is None or (x.node is not None and x.node[1] is None)  # whose memory is its own
    return (x, ()) if is_leaf else x._view


def _note_view(out: Any, x: Any, primitive: Primitive, params: Params) -> None:
    """Write down that a result shares its operand's memory: writes to either must reach the other's history."""
    if not is_tensor(out) or out is x:
        return
    value = out.value
    if type(value) is not np.ndarray and primitive.word == "index" and type(x.value) is np.ndarray:
        (key,) = params
        out.value = x.value[(*key, ...) if type(key) is tuple else (key, ...)]  # no scalar: an array in that place
    elif (getattr(value, "base", None) is None and value is not x.value) or owner(value) is not owner(x.value):
        return  # memory of its own
    out._inference = x._inference
    base, chain = way_from_base(x)
    out._view = base, (*chain, (primitive, params))
    base._add_view(out)


AMBIENT = AmbientTrace()
