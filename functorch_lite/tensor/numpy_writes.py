"""NumPy's functions that write into an argument, where tensors are among the arguments.

A tensor that is written to takes the history of what is written, as with PyTorch's methods in place. A raw array cannot
have one: it is written to where no derivative is recorded, and refused elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.replacing import accumulated
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.memory import owner, record_write
from functorch_lite.core.operands import shape_of
from functorch_lite.core.tables import FUNCTIONS, UFUNC_METHODS, refuse
from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.aliases import alias_of
from functorch_lite.tensor.ambient import constant, is_tensor
from functorch_lite.tensor.grad_mode import recording
from functorch_lite.tensor.in_place import assign, refuse_cast, refuse_leaf, replace, writable

__all__ = ["WRITERS", "apply_at", "function_into", "is_recorded", "on_raw_arrays", "ufunc_into", "unwrapped"]


def is_recorded(value: Any) -> bool:
    """Say whether a value, or one in a list, tuple or dictionary, is traced and its derivative recorded."""
    if isinstance(value, Tracer):
        return not is_tensor(value) or (value.node is not None and bool(recording()))  # type: ignore[attr-defined]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return False
    return any(map(is_recorded, value))


def unwrapped(value: Any) -> Any:
    """Return the raw arrays of tensors, also of those in lists, tuples and dictionaries."""
    if is_tensor(value):
        return value.value
    if isinstance(value, dict):
        return {name: unwrapped(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return _rebuilt(value, unwrapped)
    return value


def on_raw_arrays(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply a function to the raw arrays of tensors; return tensors for the arrays that it gives.

    Those that share the memory of a tensor are views of it.
    """
    tensors = {id(owner(x.value)): x for x in (*args, *kwargs.values()) if is_tensor(x)}

    def wrapped(result: Any) -> Any:
        if isinstance(result, list | tuple):
            return _rebuilt(result, wrapped)
        if type(result) is np.ndarray and id(owner(result)) in tensors:
            return alias_of(tensors[id(owner(result))], result)
        return constant(result)

    return wrapped(function(*unwrapped(args), **unwrapped(kwargs)))


def _rebuilt(values: Any, of: Callable[[Any], Any]) -> Any:
    made = map(of, values)
    return values._make(made) if hasattr(values, "_make") else type(values)(made)


# --- out= -------------------------------------------------------------------------------------------------------------


def ufunc_into(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply a ufunc, or one of its methods, whose ``out`` holds a tensor; return what it wrote to.

    With ``where=mask`` it is applied to the elements at which the mask holds, and to no others: so their derivatives
    cannot become NaN, and what ``out`` holds elsewhere keeps its history.
    """
    name = f"np.{ufunc.__name__}(…, out=)"
    out = kwargs.pop("out")
    out = out if isinstance(out, tuple) else (out,)
    for target in out:
        if is_tensor(target):
            refuse_leaf(target, name)
    where = kwargs.pop("where", True) if method == "__call__" else True
    key: Any = ...
    if where is not True:
        shape = next(target.shape for target in out if target is not None)
        key = np.broadcast_to(unwrapped(where), shape)
        inputs = tuple(
            x if isinstance(x, int | float | complex) else np.broadcast_to(as_array(x), shape)[key] for x in inputs
        )
    results = getattr(ufunc, method)(*inputs, **kwargs)
    results = results if isinstance(results, tuple) else (results,)
    written = tuple(
        _written(target, key, result, name, method == "__call__" and not ufunc.signature)
        for target, result in zip(out, results, strict=True)
    )
    return written if len(written) > 1 else written[0]


def function_into(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply a function of NumPy's, no ufunc, with ``out=``; return what it wrote to."""
    out = kwargs["out"]
    if is_tensor(out):
        name = f"np.{function.__name__}(…, out=)"
        refuse_leaf(out, name)
        return _written(out, ..., function(*args, **{k: v for k, v in kwargs.items() if k != "out"}), name, False)
    if not is_recorded((args, kwargs)):
        return function(*unwrapped(args), **unwrapped(kwargs))
    return _of_tracers(function)(*args, **kwargs)


def _written(target: Any, key: Any, result: Any, name: str, broadcasts: bool) -> Any:
    if target is None:
        if key is not ...:
            raise TypeError(f"{name} at {user_line()} with where=mask leaves elements undefined where out is None")
        return result
    if not is_tensor(target) and is_recorded(result):
        raise TypeError(
            f"{name} at {user_line()} was told to write a traced result into an array, which cannot hold a derivative. "
            f"Let out be a tensor (ft.zeros), or assign the result instead."
        )
    refuse_cast(result, target.dtype, name)
    if not is_tensor(target):
        target[key] = unwrapped(result)
    elif key is ...:
        if broadcasts and shape_of(result) != target.shape:
            result = np.broadcast_to(result, target.shape)
        replace(target, result, name)
    else:
        assign(target, key, result, name)
    return target


# --- Functions whose purpose is to write ------------------------------------------------------------------------------


def _put(function: Callable[..., Any], names: tuple[str, ...], value_name: str, *args: Any, **kwargs: Any) -> None:
    """Let a function of NumPy's that moves values into an array write into a tensor.

    It moves the numbers of the values into an array of numbers, which then says what each element is.
    """
    arguments = {**dict(zip(names, args, strict=False)), **kwargs}
    target = arguments.pop(names[0])
    if is_tensor(target):
        name = f"np.{function.__name__}"
        if is_recorded(target) or is_recorded(arguments):
            refuse_leaf(target, name)
            value = as_array(arguments[value_name])
            numbers = np.full(target.shape, -1)
            arguments[value_name] = np.arange(np.size(value)).reshape(shape_of(value))
            _call(function, names, numbers, unwrapped(arguments))
            if (numbers >= 0).any():
                moved = take(np.ravel(value), np.maximum(numbers, 0))
                replace(target, np.where(numbers >= 0, moved, target), name)
        else:
            _call(function, names, writable(target, name), unwrapped(arguments))
            record_write(target.value, name)
    elif not isinstance(target, np.ndarray):
        _of_tracers(function)(*args, **kwargs)
    elif is_recorded(arguments):
        raise TypeError(
            f"np.{function.__name__} at {user_line()} was to write a tensor that requires grad into an array, which "
            f"cannot hold a derivative. Write into a tensor (ft.zeros), or write x.detach()."
        )
    else:
        _call(function, names, target, unwrapped(arguments))


def _call(function: Callable[..., Any], names: tuple[str, ...], target: Any, arguments: dict[str, Any]) -> None:
    """Call a function whose first parameters may be positional ones."""
    positional = []
    for name in names[1:]:
        if name not in arguments:
            break
        positional.append(arguments.pop(name))
    function(target, *positional, **arguments)


def _of_tracers(function: Callable[..., Any]) -> Callable[..., Any]:
    implementation = FUNCTIONS.get(function)
    return refuse(function) if implementation is None else implementation


def _windows(*args: Any, **kwargs: Any) -> Any:
    """Return the windows of a tensor without a history as a view, which can be written to where none overlap."""
    if is_recorded((args, kwargs)):
        return FUNCTIONS[sliding_window_view](*args, **kwargs)
    return on_raw_arrays(sliding_window_view, args, kwargs)


#: By the function, what it is where a tensor is among the arguments.
WRITERS: dict[Callable[..., Any], Callable[..., Any]] = {
    function: partial(_put, function, names, value_name)
    for function, names, value_name in (
        (np.copyto, ("dst", "src", "casting", "where"), "src"),
        (np.fill_diagonal, ("a", "val", "wrap"), "val"),
        (np.place, ("arr", "mask", "vals"), "vals"),
        (np.put, ("a", "ind", "v", "mode"), "v"),
        (np.put_along_axis, ("arr", "indices", "values", "axis"), "values"),
        (np.putmask, ("a", "mask", "values"), "values"),
    )
}
WRITERS[sliding_window_view] = _windows


def apply_at(ufunc: np.ufunc, target: Any, indices: Any, *operand: Any) -> None:
    """Perform ``ufunc.at(target, indices, operand)``."""
    name = f"np.{ufunc.__name__}.at"
    if not is_recorded((target, indices, operand)):
        ufunc.at(writable(target, name) if is_tensor(target) else target, unwrapped(indices), *unwrapped(operand))
        if is_tensor(target):
            record_write(target.value, name)
    elif is_tensor(target) and ufunc in (np.add, np.subtract):
        refuse_leaf(target, name)
        (values,) = operand
        key = indices if isinstance(indices, tuple) else (indices,)
        replace(target, accumulated(target, unwrapped(key), values if ufunc is np.add else -as_array(values)), name)
    elif is_tensor(target):
        raise NotImplementedError(
            f"{name} at {user_line()} has no derivative rule: np.add.at and np.subtract.at have. If no position is "
            f"named twice, write y[i] = np.{ufunc.__name__}(y[i], …)."
        )
    else:
        UFUNC_METHODS[None, "at"](ufunc, target, indices, *operand)
