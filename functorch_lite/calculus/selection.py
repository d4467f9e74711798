"""Selection and comparison: where, select, piecewise, clip, and questions whose answer is true or false.

The branch that is not selected gets a cotangent of zero by selection, not by multiplication: a NaN there does not leak.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import copysign
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, refuse_out
from functorch_lite.calculus.creation import copied
from functorch_lite.calculus.declare import linear, zero_function
from functorch_lite.calculus.indexing import getitem, scatter
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import aligned, shape_of
from functorch_lite.core.primitive import PRIMITIVES, Arrays, Params, Pointwise, Primitive
from functorch_lite.core.tables import implements
from functorch_lite.core.trace import Tracer
from functorch_lite.core.ufunc_calls import uncommon_call

__all__ = ["as_scalar", "clip", "where"]


def _elementwise(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return primitive.bind(aligned(arrays, batched), params)


# --- Selection --------------------------------------------------------------------------------------------------------


def _where_it_holds(g: Any, condition: Any) -> Any:
    return where(condition, g, 0)


def _elsewhere(g: Any, condition: Any) -> Any:
    return where(condition, 0, g)


@linear(
    None,
    _where_it_holds,
    _elsewhere,
    jointly=True,
    elementwise=True,
    batch=_elementwise,
)
def where(condition: Any, x: Any, y: Any) -> Any:
    """Take the element of ``x`` where the condition holds, of ``y`` elsewhere."""
    if _is_zero(y) and _has_bits(x, condition):
        bits = condition.astype(_BITS[x.dtype.char])
        return _masked(x, np.negative(bits, bits))
    if _is_zero(x) and _has_bits(y, condition):
        bits = condition.astype(_BITS[y.dtype.char])
        return _masked(y, np.subtract(bits, 1, bits))
    return np.where(condition, x, y)


# NumPy's choice is a jump at each element, which costs many times the work where conditions cannot be foreseen. That
# between a number and zero is done without: the bits of a number are those that it has in common with ones, or zeros.

_BITS = {"f": np.dtype(np.int32), "d": np.dtype(np.int64)}
_MANY = 10_000


def _is_zero(x: Any) -> bool:
    return type(x) in (int, float) and x == 0 and copysign(1, x) == 1


def _has_bits(x: Any, condition: Any) -> bool:
    """Say whether bits of many numbers are worth looking at, each with its own condition."""
    return (
        type(x) is np.ndarray
        and x.size >= _MANY
        and x.dtype.char in _BITS
        and type(condition) is np.ndarray
        and condition.dtype.char == "?"
        and condition.shape == x.shape
        and x.flags.c_contiguous
        and condition.flags.c_contiguous
    )


def _masked(x: Any, bits: Any) -> Any:
    return np.bitwise_and(bits, x.view(bits.dtype), bits).view(x.dtype)


@implements(np.where)
def _where(condition: Any, /, *args: Any) -> Any:
    if not args:
        return np.nonzero(condition)
    x, y = args
    if getattr(condition, "dtype", None) != np.bool:
        condition = as_array(condition) != 0
    return where(condition, as_array(x) if type(x) is tuple else x, as_array(y) if type(y) is tuple else y)


def as_scalar(x: Any) -> Any:
    """Return an array of no axes as NumPy's scalar, which `np.where` does not but functions composed of it do."""
    return x if shape_of(x) else getitem(x, ())


@implements(np.select)
def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    conditions = [as_array(c) for c in condlist]
    for i, condition in enumerate(conditions):
        if condition.dtype != bool:
            raise TypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
    parts = [p if type(p) in (int, float, complex) else as_array(p) for p in (*choicelist, default)]
    dtype = np.result_type(*parts)
    *choices, result = (dtype.type(p) if type(p) in (int, float, complex) else p for p in parts)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = np.where(condition, choice, result)
    return result if result.dtype == dtype else result.astype(dtype)


@implements(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    x = as_array(x)
    is_one = not isinstance(condlist, list | tuple) and not shape_of(condlist)
    if is_one or (x.ndim and not isinstance(condlist[0], list | tuple) and not shape_of(condlist[0])):
        condlist = [condlist]
    masks = [_mask_over(x, as_array(c) != 0) for c in condlist]
    if len(funclist) == len(masks) + 1:
        otherwise = np.ones(x.shape, bool)
        for mask in masks:
            otherwise = otherwise & ~mask
        masks.append(otherwise)
    elif len(funclist) != len(masks):
        n = len(masks)
        raise ValueError(f"with {n} condition(s), either {n} or {n + 1} functions are expected")
    result = np.zeros_like(x)
    for mask, function in zip(masks, funclist, strict=True):
        try:
            chosen = x[mask]  # a function sees the elements of its own piece only, as some are defined nowhere else
        except TypeError as error:
            raise TypeError(
                f"np.piecewise at {user_line()}: which elements are in which piece is not one thing for all examples "
                f"of a batch, nor for all values under jit. Write np.select([x < 0, x >= 0], [f(x), g(x)]), with "
                f"functions that are defined for all x; or, where x is a number, ft.cond(x < 0, f, g, x)"
            ) from error
        if chosen.size:
            values = function(chosen, *args, **kw) if isinstance(function, Callable) else function  # type: ignore[arg-type]
            values = np.broadcast_to(as_array(values), chosen.shape).astype(x.dtype)
            result = np.where(mask, 0, result) + scatter.bind((values, mask), (x.shape, (0,), (0,), True))
    return result


def _mask_over(x: Any, mask: Any) -> Any:
    """Return a mask as indexing reads it: its axes are the first ones of the array."""
    if mask.shape != x.shape[: mask.ndim]:
        raise IndexError(f"np.piecewise: a condition of shape {mask.shape} does not fit an array of shape {x.shape}")
    return np.broadcast_to(np.reshape(mask, (*mask.shape, *(1,) * (x.ndim - mask.ndim))), x.shape)


# --- Clipping ---------------------------------------------------------------------------------------------------------

#: The smaller of ``z`` and the larger of ``x`` and ``y``. At a bound the derivative belongs to ``x``.
clip = Pointwise(
    np.clip,
    [
        lambda x, y, z: np.greater_equal(x, y) & np.less_equal(x, z),
        lambda x, y, z: np.less(x, y) & np.less_equal(y, z),
        lambda x, y, z: np.greater(x, z) | np.greater(y, z),
    ],
    name="clip",
)

_NOT_GIVEN = object()


@implements(np.clip)
def _clip(
    a: Any,
    a_min: Any = _NOT_GIVEN,
    a_max: Any = _NOT_GIVEN,
    out: Any = None,
    *,
    min: Any = _NOT_GIVEN,
    max: Any = _NOT_GIVEN,
    **kwargs: Any,
) -> Any:
    refuse_out("clip", out)
    if (_NOT_GIVEN is not a_min and _NOT_GIVEN is not min) or (_NOT_GIVEN is not a_max and _NOT_GIVEN is not max):
        raise ValueError("Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is forbidden.")
    if a_min is not _NOT_GIVEN and a_max is _NOT_GIVEN is max:
        raise TypeError("clip() missing 1 required positional argument: 'a_max'")
    low, high = (
        next((bound for bound in pair if bound is not _NOT_GIVEN and bound is not None), None)
        for pair in ((a_min, min), (a_max, max))
    )
    if kwargs:  # those of ufuncs, of which NumPy composes it so
        operands = tuple(operand for operand in (a, low, high) if operand is not None)
        bounded = np.positive, np.maximum if high is None else np.minimum, _CLIP
        return uncommon_call(bounded[len(operands) - 1], "__call__", operands, kwargs)
    if low is None and high is None:
        return copied(as_array(a))
    if getattr(a, "dtype", np.dtype(float)).kind not in "fc":
        a = a if low is None else np.maximum(a, low)
        return a if high is None else np.minimum(a, high)
    return clip(a, -np.inf if low is None else low, np.inf if high is None else high)


class _Probe:
    """What shows which ufunc NumPy calls for the method ``clip``; it has no public name."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return ufunc


_CLIP: Any = np.empty(0).clip(0, _Probe())  # type: ignore[call-overload]
PRIMITIVES[_CLIP] = clip

# --- Replacement of special values ------------------------------------------------------------------------------------


@implements(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    x = as_array(x)
    if x.dtype.kind == "c":
        real, imag = (_nan_to_num(part, copy, nan, posinf, neginf) for part in (np.real(x), np.imag(x)))
        return real + 1j * imag
    if x.dtype.kind != "f":
        return x
    largest = np.finfo(x.dtype).max
    posinf, neginf = largest if posinf is None else posinf, -largest if neginf is None else neginf
    nan, posinf, neginf = (as_array(value).astype(x.dtype) for value in (nan, posinf, neginf))
    return as_scalar(np.where(np.isfinite(x), x, np.where(np.isnan(x), nan, np.where(x > 0, posinf, neginf))))


@implements(np.real_if_close)
def _real_if_close(a: Any, tol: float = 100) -> Any:
    if a.dtype.kind != "c":
        return a
    if tol > 1:
        tol = float(np.finfo(a.dtype).eps) * tol
    return np.real(a) if np.all(np.abs(np.imag(a)) < tol) else a


# --- Comparison -------------------------------------------------------------------------------------------------------


@zero_function(4, batch=_elementwise)
def _close(x: Any, y: Any, rtol: Any, atol: Any, equal_nan: bool) -> Any:
    return np.isclose(x, y, rtol, atol, equal_nan)


@implements(np.isclose)
def _isclose(a: Any, b: Any, rtol: Any = 1.0e-5, atol: Any = 1.0e-8, equal_nan: bool = False) -> Any:
    return _close(a, b, rtol, atol, equal_nan)


@implements(np.allclose)
def _allclose(a: Any, b: Any, rtol: Any = 1.0e-5, atol: Any = 1.0e-8, equal_nan: bool = False) -> Any:
    return _truth(_close(a, b, rtol, atol, equal_nan))


@implements(np.array_equal)
def _array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    a1, a2 = as_array(a1), as_array(a2)
    if a1.shape != a2.shape:
        return False
    same = a1 == a2
    return _truth(same | np.isnan(a1) & np.isnan(a2) if equal_nan else same)


@implements(np.array_equiv)
def _array_equiv(a1: Any, a2: Any) -> Any:
    a1, a2 = as_array(a1), as_array(a2)
    try:
        np.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return False
    return _truth(a1 == a2)


def _batch_of_isin(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    (element, tests), (invert, _kind) = arrays, params
    if not batched[1]:
        return primitive.bind(arrays, params)
    rank = len(shape_of(element)) - batched[0]
    tests = tests.reshape(size, *(1,) * rank, -1)
    found = np.any((np.expand_dims(element, -1) if shape_of(element) else element) == tests, -1)
    return ~found if invert else found


@zero_function(2, batch=_batch_of_isin)
def _among(element: Any, tests: Any, invert: bool, kind: Any) -> Any:
    return np.isin(element, tests, invert=invert, kind=kind)


@implements(np.isin)
def _isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Any:
    return _among(as_array(element), as_array(test_elements), invert, kind)


def _truth(flags: Any) -> Any:
    """Return whether all hold: a Python bool, or a traced one where it differs between examples."""
    result = np.all(flags)
    return result if isinstance(result, Tracer) else bool(result)
