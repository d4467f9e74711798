"""Making tensors: from data, filled, spaced."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functorch_lite.calculus.creation import copied
from functorch_lite.core.cache_lines import on_line
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import OBJECT, stacked
from functorch_lite.core.trace import Tracer, is_tracer
from functorch_lite.numpy.construction import array, asarray, holds_tracers
from functorch_lite.tensor.ambient import is_tensor, looked_at, tensor_of
from functorch_lite.tensor.grad_mode import recording
from functorch_lite.tensor.tensor import Tensor

__all__ = [
    "arange",
    "as_tensor",
    "empty",
    "eye",
    "filled_alike",
    "from_numpy",
    "full",
    "get_default_dtype",
    "is_tensor",
    "linspace",
    "logspace",
    "ones",
    "set_default_dtype",
    "tensor",
    "zeros",
]

#: The bytes from which on a matrix, as it may become the right operand of products, begins with a line of the cache.
SMALLEST_ON_LINES = 1 << 14


class _Defaults:
    """What is used when nothing is said: the dtype of Python floats."""

    dtype = np.dtype(np.float64)


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
    """Make a tensor of a copy of some data.

    Parameters
    ----------
    data
        A number, nested lists, an array, or a tensor, whose history is left behind, with a warning if it has one.
    dtype
        By default that of the data; Python floats are float64 (PyTorch: float32), or what `set_default_dtype` says.
    requires_grad
        Whether derivatives with respect to the tensor are recorded.
    **ignored
        ``device="cpu"``, the only device there is.

    Returns
    -------
    Tensor
        A leaf. Of values traced by a transformation, a traced array: it depends on them, and so do derivatives.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tensor([1.0, 2.0], requires_grad=True)
    tensor([1., 2.], requires_grad=True)
    """
    only_device(ignored)
    if holds_tracers(data):
        listed, data = isinstance(data, list | tuple), array(data, dtype)
        data = _defaulted(data, dtype) if listed else data
        if is_tracer(data) and not is_tensor(data):
            traced: Tensor = data
            return traced
        if is_tensor(data):
            _warn_of_lost_history(data)
            data = looked_at(data)
            if is_tracer(data):
                traced = copied(data) if dtype is None else data.astype(dtype)
                return traced
    return made(np.array(_raw(data, dtype), dtype), requires_grad)


def as_tensor(data: Any, dtype: Any = None, **ignored: Any) -> Tensor:
    """Make a tensor that shares memory with an array where it can; a tensor of that dtype is returned as it is.

    Parameters
    ----------
    data, dtype, **ignored
        As for `tensor`.

    Returns
    -------
    Tensor
        A traced value keeps its derivative, as a tensor keeps its history.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> a = np.zeros(2)
    >>> ft.as_tensor(a)[0] = 1.0
    >>> a
    array([1., 0.])
    """
    only_device(ignored)
    result: Tensor
    if is_tensor(data):
        result = data if dtype is None or data.dtype == dtype else data.astype(dtype)
        return result
    if holds_tracers(data):
        listed, data = isinstance(data, list | tuple), asarray(data, dtype)
        data = _defaulted(data, dtype) if listed else data
        if is_tracer(data):
            result = data
            return result
    raw = _raw(data, dtype)
    fits = isinstance(raw, np.ndarray) and (dtype is None or raw.dtype == dtype)
    result = tensor_of(_numbers(raw), None) if fits else made(np.array(raw, dtype))
    return result


def from_numpy(array: Any) -> Tensor:
    """Make a tensor that shares the memory of an array; what is no ndarray raises `TypeError`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> a = np.zeros(2)
    >>> ft.from_numpy(a)[0] = 1.0
    >>> a
    array([1., 0.])
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy takes an array, not a {type(array).__name__}; ft.tensor takes anything")
    made: Tensor = tensor_of(_numbers(array), None)
    return made


def set_default_dtype(dtype: Any) -> None:
    """Set the dtype, floating or complex, of Python floats and of functions that are told none: float64 at first.

    Raises
    ------
    TypeError
        If the dtype is not floating or complex.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.set_default_dtype(ft.float32)
    >>> ft.tensor([1.0]).dtype
    dtype('float32')
    >>> ft.set_default_dtype(ft.float64)
    """
    if np.dtype(dtype).kind not in "fc":
        raise TypeError(f"the default dtype is floating, not {np.dtype(dtype)}")
    _Defaults.dtype = np.dtype(dtype)


def get_default_dtype() -> Any:
    """Return what `set_default_dtype` has set: float64 at first, where PyTorch has float32.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.get_default_dtype()
    dtype('float64')
    """
    return _Defaults.dtype


def zeros(*shape: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
    """Make a tensor of zeros.

    Parameters
    ----------
    *shape
        The lengths of the axes, ``zeros(2, 3)``, or a tuple of them, ``zeros((2, 3))``.
    dtype
        By default what `set_default_dtype` says.
    requires_grad, **ignored
        As for `tensor`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return made(np.zeros(asked_shape(shape, ignored), dtype or _Defaults.dtype), requires_grad)


def ones(*shape: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
    """Make a tensor of ones; the arguments are those of `zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(2, requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
    return made(np.ones(asked_shape(shape, ignored), dtype or _Defaults.dtype), requires_grad)


def empty(*shape: Any, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
    """Make a tensor of whatever is in memory; the arguments are those of `zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.empty(2, 3).shape
    (2, 3)
    """
    return made(np.empty(asked_shape(shape, ignored), dtype or _Defaults.dtype), requires_grad)


def full(
    shape: Any = (), fill_value: Any = 0.0, dtype: Any = None, requires_grad: bool = False, **ignored: Any
) -> Tensor:
    """Make a tensor of a shape, filled with a value, whose dtype it has by default; the rest is as for `zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.full((2,), 3.0)
    tensor([3., 3.])
    """
    sizes = asked_shape((shape,) if "size" not in ignored else (), ignored)
    value = _constant(fill_value)
    if isinstance(value, Tracer):
        return _filled(sizes, value, dtype, requires_grad)
    value = _raw(value, dtype)
    return made(np.full(sizes, value, dtype or np.array(value).dtype), requires_grad)


def arange(
    *bounds: Any,
    start: Any = None,
    end: Any = None,
    step: Any = None,
    dtype: Any = None,
    requires_grad: bool = False,
    **ignored: Any,
) -> Tensor:
    """Make a tensor of evenly spaced numbers: ``arange(stop)``, ``arange(start, stop)``, ``arange(start, stop, step)``.

    ``stop`` is left out; by name it is ``end``. The numbers are integers if all bounds are; the rest is as for `zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.arange(3), ft.arange(0.0, 1.0, 0.5)
    (tensor([0, 1, 2]), tensor([0. , 0.5]))
    """
    only_device(ignored)
    bounds = tuple(map(_constant, _bounds(bounds, start, end, step)))
    if any(isinstance(bound, Tracer) for bound in bounds):
        raise TypeError(
            f"arange at {user_line()}: how many numbers there are would depend on a value that is differentiated or "
            f"traced. Give Python's numbers (x.item() of a tensor), or write start + step * ft.arange(n)"
        )
    return made(_defaulted(np.arange(*bounds), dtype), requires_grad)


def _bounds(bounds: tuple[Any, ...], start: Any, end: Any, step: Any) -> tuple[Any, ...]:
    """Return start, end and step, of which those that are given by name are not among the bounds."""
    if start is end is step is None:
        return bounds
    rest = list(bounds)
    if start is None:
        start = rest.pop(0) if len(rest) > (end is None) else 0
    if end is None and rest:
        end = rest.pop(0)
    if rest or end is None:
        raise TypeError(
            f"arange at {user_line()} takes an end, or a start and an end, and a step; given {bounds} besides"
        )
    return start, end, 1 if step is None else step


def linspace(
    start: Any, end: Any, steps: int, dtype: Any = None, requires_grad: bool = False, **ignored: Any
) -> Tensor:
    """Make a tensor of ``steps`` numbers from ``start`` to ``end``, which is among them; the rest is as for `zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.linspace(0.0, 1.0, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    only_device(ignored)
    return _spaced(np.linspace(_constant(start), _constant(end), steps), dtype, requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    dtype: Any = None,
    requires_grad: bool = False,
    **ignored: Any,
) -> Any:
    """Make a tensor of ``steps`` powers of ``base``, with exponents as of `linspace`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.logspace(0.0, 2.0, 3)
    tensor([  1.,  10., 100.])
    """
    only_device(ignored)
    return _spaced(np.logspace(_constant(start), _constant(end), steps, base=base), dtype, requires_grad)


def eye(n: int, m: int | None = None, dtype: Any = None, requires_grad: bool = False, **ignored: Any) -> Tensor:
    """Make the identity matrix of ``n`` rows and ``m`` columns, by default as many; the rest is as for `zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    only_device(ignored)
    return made(np.eye(n, m, dtype=dtype or _Defaults.dtype), requires_grad)


def filled_alike(
    x: Any, shape: Any, fill_value: Any, dtype: Any, requires_grad: bool, name: str, ignored: dict[str, Any]
) -> Tensor:
    """Make a tensor of another's dtype, unless one is given, filled with a value."""
    only_device(ignored)
    value = _constant(fill_value)
    if isinstance(value, Tracer):
        if dtype is None and value.dtype.kind in "fc" and x.dtype.kind not in "fc":  # type: ignore[attr-defined]
            raise TypeError(
                f"{name} at {user_line()}: {x.dtype} elements would have no derivative by the value they are filled "
                f"with; say which dtype they shall have, {name}(…, value, dtype=value.dtype)"
            )
        return _filled(asked_shape((shape,), ignored), value, dtype or x.dtype, requires_grad)
    return made(np.full(asked_shape((shape,), ignored), _raw(value, dtype), dtype or x.dtype), requires_grad)


def made(raw: Any, requires_grad: bool = False) -> Tensor:
    """Return a tensor of an array that nobody else refers to."""
    if type(_numbers(raw)) is np.ndarray and raw.ndim > 1 and raw.nbytes >= SMALLEST_ON_LINES:
        raw = on_line(raw) if raw.flags.c_contiguous else raw
    new: Tensor = tensor_of(raw, None)
    if requires_grad:
        new.requires_grad_()
    return new


def _numbers(raw: Any) -> Any:
    """Return an array after a look that it is one of numbers."""
    if raw.dtype.kind not in "fiubc":
        first = type(raw.item(0)).__name__ if raw.size else "nothing"
        raise TypeError(
            f"at {user_line()}: a tensor holds numbers, and this one would hold {raw.dtype} (first {first}). Give "
            f"numbers, arrays, or nested lists of them: list(…) of a set or a generator, float('nan') for None"
        )
    return raw


def _filled(shape: tuple[int, ...], value: Any, dtype: Any, requires_grad: bool) -> Tensor:
    """Return an array filled with a value that is differentiated or traced, and in a tensor's case its own memory."""
    whole: Any = np.broadcast_to(value if dtype is None else value.astype(dtype), shape)
    if is_tensor(whole):
        whole = whole.clone() if whole.requires_grad else whole.copy()
    filled: Tensor = whole.requires_grad_() if requires_grad else whole
    return filled


def _spaced(values: Any, dtype: Any, requires_grad: bool) -> Tensor:
    values = _defaulted(values, dtype)
    if not is_tracer(values):
        return made(values, requires_grad)
    spaced: Tensor = values.requires_grad_() if requires_grad else values
    return spaced


def _constant(value: Any) -> Any:
    """Return a raw value; what is differentiated or traced as the tracer it is."""
    if getattr(value, "dtype", None) is OBJECT:
        value = stacked(value)
    return looked_at(value) if is_tensor(value) and value.node is None else value


def _raw(data: Any, dtype: Any) -> Any:
    return _defaulted(np.array(data), None) if dtype is None and not hasattr(data, "dtype") else data


def _warn_of_lost_history(data: Any) -> None:
    if data.node is not None and recording():
        warnings.warn(
            f"ft.tensor at {user_line()} copies values of tensors that require grad, without their history: no "
            f"derivative goes through the copy. Write x.detach().clone() if this is meant; else x.clone(), "
            f"ft.stack([…]) or ft.as_tensor(…)",
            stacklevel=3,
        )


def _defaulted(array: Any, dtype: Any) -> Any:
    if dtype is not None:
        return array.astype(dtype)
    if array.dtype == np.float64 and _Defaults.dtype != np.float64:
        return array.astype(_Defaults.dtype)
    return array


def asked_shape(shape: tuple[Any, ...], others: dict[str, Any]) -> tuple[int, ...]:
    """Return the shape that a call asks for, by lengths, a tuple of them, or ``size=…`` among its other options."""
    if not shape and "size" in others:
        shape = (others.pop("size"),)
    only_device(others)
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], list | tuple) else shape


def only_device(ignored: dict[str, Any]) -> None:
    """Raise if a call has other options than those that change nothing here."""
    for name, value in ignored.items():
        if name != "device":
            raise TypeError(
                f"unexpected keyword argument {name}={value!r} at {user_line()}; new tensors are told dtype, "
                f"requires_grad and device, random ones also generator"
            )
        if str(value) not in {"cpu", "None"}:
            raise TypeError(f"device={value!r} at {user_line()}: values are NumPy arrays, whose only device is 'cpu'")
