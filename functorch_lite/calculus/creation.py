"""Arrays made from arrays, and questions about shape and dtype, which have no derivative to speak of."""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from functorch_lite.calculus.arguments import as_array, refuse_out
from functorch_lite.calculus.batching import same_axes
from functorch_lite.calculus.declare import linear, zero_function
from functorch_lite.core.operands import OBJECT, known, shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.tables import FUNCTIONS, implements
from functorch_lite.core.tracer import ArrayTracer

_FLOAT = np.dtype(float)

# --- Conversion of dtype ----------------------------------------------------------------------------------------------


@linear(lambda g: g, elementwise=True, batch=same_axes)  # the engine projects the cotangent to the primal's dtype
def convert(x: Any, dtype: Any) -> Any:
    """Convert to a floating or complex dtype."""
    return _converted(x, dtype)


@zero_function(batch=same_axes)
def discretize(x: Any, dtype: Any) -> Any:
    """Convert to an integer or boolean dtype."""
    return _converted(x, dtype)


@implements(np.astype)
def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    dtype = np.dtype(dtype)
    if getattr(x, "dtype", None) == dtype:
        return x
    if np.iscomplexobj(x) and dtype.kind not in "cb":
        x = np.real(x)
    return convert(x, dtype) if dtype.kind in "fc" else discretize(x, dtype)


def _converted(x: Any, dtype: Any) -> Any:
    return x.astype(dtype) if hasattr(x, "astype") else dtype.type(x)


def copied(x: Any) -> Any:
    """Return a copy, which has the derivative of what it was made of."""
    is_truth = getattr(x, "dtype", _FLOAT).kind == "b"  # of which np.positive is undefined
    return np.logical_or(x, False) if is_truth else np.positive(x)


# --- Constants in the likeness of an array ----------------------------------------------------------------------------


def _batched_likeness(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    value, dtype, shape = params
    return primitive(*arrays, value, dtype, None if shape is None else (size, *shape))


@zero_function(batch=_batched_likeness)
def constant_like(x: Any, value: Any, dtype: Any, shape: tuple[int, ...] | None) -> Any:
    """Make an array of one number, of the kind (NumPy, dask, …) and by default the dtype and shape of another."""
    if value == 0:
        return np.zeros_like(x, dtype=dtype, shape=shape)
    return np.full_like(x, value, dtype=dtype, shape=shape)


@implements(np.zeros_like)
def _zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    return constant_like(a, 0, dtype, _shape(shape))


@implements(np.empty_like)
def _empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    return constant_like(prototype, 0, dtype, _shape(shape))


@implements(np.ones_like)
def _ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    return constant_like(a, 1, dtype, _shape(shape))


@implements(np.full_like)
def _full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    wanted = _shape(shape)
    filled = np.broadcast_to(fill_value, a.shape if wanted is None else wanted)
    return filled.astype(a.dtype if dtype is None else dtype)


@implements(np.zeros)
def _zeros(shape: Any, dtype: Any = float, order: str = "C", *, device: Any = None) -> Any:
    return np.zeros(shape, dtype)


@implements(np.ones)
def _ones(shape: Any, dtype: Any = float, order: str = "C", *, device: Any = None) -> Any:
    return np.ones(shape, dtype)


for _constant in (
    *(np.arange, np.empty, np.eye, np.frombuffer, np.fromfile, np.fromfunction, np.fromiter, np.fromstring),
    *(np.genfromtxt, np.identity, np.loadtxt, np.tri),
):  # NumPy asks for them when a traced value is given as `like`
    FUNCTIONS[_constant] = _constant


@implements(np.full)
def _full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None) -> Any:
    if not isinstance(fill_value, ArrayTracer):
        return np.full(shape, fill_value, dtype)
    filled = np.broadcast_to(fill_value, _shape(shape) or ())
    return filled if dtype is None else np.astype(filled, dtype)


@implements(np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.require)
def _array(object: Any, dtype: Any = None, **kwargs: Any) -> Any:
    if isinstance(object, list | tuple):
        array = np.stack([_array(part) for part in object])
    else:
        array = as_array(object) if getattr(object, "dtype", None) is OBJECT else object
    return array if dtype is None else np.astype(array, dtype)


# --- Ranges between traced ends ---------------------------------------------------------------------------------------


@implements(np.linspace)
def _linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    start, stop = (x if shape_of(x) or np.isscalar(x) else as_array(x) for x in (start, stop))
    kind = np.result_type(*(getattr(x, "dtype", x) for x in (start, stop)), 0.0)  # Python's numbers are weak
    start, stop = (x.astype(kind) if hasattr(x, "dtype") and x.dtype.kind in "biu" else x for x in (start, stop))
    intervals = num - 1 if endpoint else num
    rank = max(len(shape_of(start)), len(shape_of(stop)))
    position = np.arange(num, dtype=kind).reshape(-1, *(1,) * rank)
    values = position * ((stop - start) / max(intervals, 1)) + start
    if endpoint and num > 1:
        values = np.where(position == num - 1, stop, values)
    if axis:
        values = np.moveaxis(values, 0, axis)
    if dtype is not None:
        values = np.astype(np.floor(values) if np.issubdtype(dtype, np.integer) else values, dtype)
    return (values, (stop - start) / intervals if intervals > 0 else np.nan) if retstep else values


@implements(np.logspace)
def _logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    if np.ndim(base):
        ends = as_array(start), as_array(stop), as_array(base)
        rank = max(len(shape_of(x)) for x in ends)
        start, stop, base = (np.reshape(x, (1,) * (rank - len(shape_of(x))) + shape_of(x)) for x in ends)
        base = np.expand_dims(base, axis)
    values = np.power(base, np.linspace(start, stop, num, endpoint, axis=axis))
    return values if dtype is None else np.astype(values, dtype)


@implements(np.geomspace)
def _geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    start, stop = as_array(start), as_array(stop)
    if known(np.any(start == 0) | np.any(stop == 0)):
        raise ValueError("Geometric sequence cannot include zero")
    kind = np.result_type(start.dtype, stop.dtype, np.dtype(dtype))  # double precision at least, unless one is given
    start, stop = start.astype(kind), stop.astype(kind)
    sign = np.sign(start)
    start, stop = start / sign, stop / sign  # from a positive number: a real sequence stays real
    values = np.logspace(np.log10(start), np.log10(stop), num, endpoint)
    position = np.arange(num).reshape(-1, *(1,) * (len(shape_of(values)) - 1))
    values = np.where(position == 0, start, values)
    if endpoint and num > 1:
        values = np.where(position == num - 1, stop, values)
    values = sign * values
    if axis:
        values = np.moveaxis(values, 0, axis)
    return np.astype(values, kind if dtype is None else dtype)


@implements(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    rank = len(xi)
    grids = [np.reshape(x, (1,) * i + (-1,) + (1,) * (rank - i - 1)) for i, x in enumerate(xi)]
    if indexing == "xy" and rank > 1:
        grids = [np.swapaxes(g, 0, 1) for g in grids]
    return tuple(grids) if sparse else tuple(np.broadcast_arrays(*grids))


# --- Questions --------------------------------------------------------------------------------------------------------


@implements(np.shape)
def _shape_of(a: Any) -> tuple[int, ...]:
    return shape_of(a)


@implements(np.ndim)
def _ndim_of(a: Any) -> int:
    return len(shape_of(a))


@implements(np.size)
def _size_of(a: Any, axis: Any = None) -> int:
    if axis is None:
        return int(a.size)
    return prod(a.shape[i] for i in normalize_axis_tuple(axis, a.ndim))


@implements(np.iscomplexobj)
def _iscomplexobj(x: Any) -> bool:
    return bool(x.dtype.kind == "c")


@implements(np.isrealobj)
def _isrealobj(x: Any) -> bool:
    return bool(x.dtype.kind != "c")


@implements(np.iscomplex)
def _iscomplex(x: Any) -> Any:
    return np.imag(x) != 0


@implements(np.isreal)
def _isreal(x: Any) -> Any:
    return np.imag(x) == 0


@implements(np.isposinf)
def _isposinf(x: Any, out: Any = None) -> Any:
    refuse_out("isposinf", out)
    return np.isinf(x) & (x > 0)


@implements(np.isneginf)
def _isneginf(x: Any, out: Any = None) -> Any:
    refuse_out("isneginf", out)
    return np.isinf(x) & (x < 0)


@implements(np.result_type)
def _result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*(a.dtype if isinstance(a, ArrayTracer) else a for a in arrays_and_dtypes))


@implements(np.common_type)
def _common_type(*arrays: Any) -> Any:
    return np.common_type(*(np.empty(0, a.dtype) for a in arrays))


@implements(np.can_cast)
def _can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    return np.can_cast(from_.dtype if isinstance(from_, ArrayTracer) else from_, to, casting)  # type: ignore[arg-type]


@implements(np.shares_memory, np.may_share_memory)
def _shares_memory(a: Any, b: Any, /, max_work: int | None = None) -> bool:
    return a is b


def _text_by(function: Callable[..., str]) -> None:
    def text(a: Any, *args: Any, **kwargs: Any) -> str:
        value = known(a)
        if value is None:  # it stands for many
            return repr(a)
        return function(value if hasattr(value, "dtype") else np.array(value), *args, **kwargs)

    implements(function)(text)


for _function in (np.array_repr, np.array_str, np.array2string):
    _text_by(_function)


# --- Rounding ---------------------------------------------------------------------------------------------------------


@zero_function(batch=same_axes)
def rounded(x: Any, decimals: int) -> Any:
    """Round to decimals."""
    return np.round(x, decimals)


@implements(np.round, np.around)
def _round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    refuse_out("round", out)
    return rounded(a, decimals)


@implements(np.fix)
def _fix(x: Any, out: Any = None) -> Any:
    refuse_out("fix", out)
    return np.trunc(x)


def _shape(shape: Any) -> tuple[int, ...] | None:
    return None if shape is None else tuple(shape) if hasattr(shape, "__len__") else (shape,)
