"""Reductions: sums, products, extremes and their positions, over one axis, several or all.

Where several elements attain a maximum or a minimum they share its derivative equally.
"""

from __future__ import annotations

from math import prod as product
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import (
    as_array,
    kept_shape,
    merged_axes,
    only_axis,
    reduced_axes,
    refuse_out,
)
from functorch_lite.calculus.batching import broadcast_batch, shifted_axes
from functorch_lite.calculus.declare import general, linear, zero_function
from functorch_lite.calculus.products import products_of_others
from functorch_lite.calculus.shaping import broadcast_to, reshape
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements
from functorch_lite.core.trace import Tracer

__all__ = [
    "all_",
    "any_",
    "argmax",
    "argmin",
    "as_mask",
    "expanded",
    "max_",
    "min_",
    "prod",
    "spread",
    "sum_",
]

# --- Parts of rules ---------------------------------------------------------------------------------------------------

_RAW = frozenset({np.ndarray, np.float64, np.float32, np.complex128, np.complex64})
_SMALL = 4096


def spread(g: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    """Repeat along the axes that a sum went over: the transpose of the sum. The result may be a read-only view."""
    if type(g) in _RAW:
        if not g.ndim:  # the view that np.broadcast_to gives, at a tenth of its price
            return np.ndarray(x_shape, g.dtype, g, 0, (0,) * len(x_shape))
        if not keepdims:
            g = g.reshape(kept_shape(x_shape, axes))
        if product(x_shape) > _SMALL:
            return np.broadcast_to(g, x_shape)
        repeated = np.empty(x_shape, g.dtype)
        repeated[...] = g
        return repeated
    return broadcast_to(expanded(g, x_shape, axes, keepdims), x_shape)


def expanded(g: Any, x_shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    """Put back the axes that a reduction dropped, with length one, so that the result broadcasts against its input."""
    if keepdims or not shape_of(g):
        return g
    shape = kept_shape(x_shape, axes)
    return g.reshape(shape) if type(g) in _RAW else reshape(g, shape)


def _extreme_jvp(t: Any, ans: Any, x: Any, x_shape: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    attained = x == expanded(ans, x_shape, axes, keepdims)
    return (t * attained).sum(axes, keepdims=keepdims) / attained.sum(axes, keepdims=keepdims)


def _extreme_vjp(g: Any, ans: Any, x: Any, x_shape: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    extremes = expanded(ans, x_shape, axes, keepdims)
    attained = x == extremes
    is_alone = (
        type(g) in _RAW
        and is_at_hand(attained)
        and g.dtype == ans.dtype
        and np.count_nonzero(attained) == ans.size
        and not np.count_nonzero(np.isnan(extremes))
    )
    if is_alone:  # no extreme is attained twice: there is nothing to share
        return expanded(g, x_shape, axes, keepdims) * attained
    share = g / attained.sum(axes, keepdims=keepdims)
    if share.dtype != ans.dtype:
        share = share.astype(ans.dtype)
    return expanded(share, x_shape, axes, keepdims) * attained


def _product_jvp(t: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return (t * _others(x, axes)).sum(axes, keepdims=keepdims) if axes else t


def _product_vjp(g: Any, x: Any, x_shape: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return expanded(g, x_shape, axes, keepdims) * _others(x, axes) if axes else g


def _others(x: Any, axes: tuple[int, ...]) -> Any:
    """Return, for each element, the product of all others that are multiplied with it."""
    if len(axes) == 1:
        return products_of_others(x, axes[0])
    shape = shape_of(x)
    order = (*(i for i in range(len(shape)) if i not in axes), *axes)
    others = products_of_others(merged_axes(x, axes), len(shape) - len(axes))
    others = np.reshape(others, tuple(shape[i] for i in order))
    return np.transpose(others, tuple(order.index(i) for i in range(len(order))))


# --- Primitives -------------------------------------------------------------------------------------------------------
# Values of unknown sort have methods; only a Python scalar has none.


@linear(spread, collects=True, batch=shifted_axes(0))
def sum_(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Sum over axes."""
    try:
        method = x.sum
    except AttributeError:
        return np.add.reduce(x, axes)
    return method(axes, keepdims=keepdims)


@general(Rule(_product_jvp, _product_vjp), batch=shifted_axes(0))
def prod(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Multiply over axes."""
    return x.prod(axes, keepdims=keepdims) if hasattr(x, "prod") else np.multiply.reduce(x, axes)


def _batched_mask(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    (x, mask), (axes, *others) = arrays, params
    return primitive(x if batched[0] else broadcast_batch(size, x), mask, tuple(i + 1 for i in axes), *others)


def _masked_sum_jvp(t: Any, mask: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return sum_(np.where(mask, t, 0), axes, keepdims)


def _masked_sum_vjp(g: Any, x_shape: tuple[int, ...], mask: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return np.where(mask, spread(g, x_shape, axes, keepdims), 0)


@general(Rule(_masked_sum_jvp, _masked_sum_vjp), None, batch=_batched_mask)
def masked_sum(x: Any, mask: Any, axes: tuple[int, ...], keepdims: bool, initial: Any) -> Any:
    """Sum over axes where a mask of the array's shape (or True) is true, starting with ``initial``."""
    if type(x) is np.ndarray:
        return np.add.reduce(x, axes, keepdims=keepdims, initial=initial, where=mask)
    return np.where(mask, x, 0).sum(axes, keepdims=keepdims) + initial


def _masked_prod_jvp(t: Any, x: Any, mask: Any, axes: tuple[int, ...], keepdims: bool, initial: Any) -> Any:
    return initial * _product_jvp(np.where(mask, t, 0), np.where(mask, x, 1), axes, keepdims)


def _masked_prod_vjp(
    g: Any, x: Any, x_shape: tuple[int, ...], mask: Any, axes: tuple[int, ...], keepdims: bool, initial: Any
) -> Any:
    return np.where(mask, _product_vjp(initial * g, np.where(mask, x, 1), x_shape, axes, keepdims), 0)


@general(Rule(_masked_prod_jvp, _masked_prod_vjp), None, batch=_batched_mask)
def masked_prod(x: Any, mask: Any, axes: tuple[int, ...], keepdims: bool, initial: Any) -> Any:
    """Multiply over axes where a mask of the array's shape (or True) is true, starting with ``initial``."""
    if type(x) is np.ndarray:
        return np.multiply.reduce(x, axes, keepdims=keepdims, initial=initial, where=mask)
    return np.where(mask, x, 1).prod(axes, keepdims=keepdims) * initial


@general(Rule(_extreme_jvp, _extreme_vjp), batch=shifted_axes(0))
def max_(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Take the largest element over axes."""
    return x.max(axes, keepdims=keepdims) if hasattr(x, "max") else np.maximum.reduce(x, axes)


@general(Rule(_extreme_jvp, _extreme_vjp), batch=shifted_axes(0))
def min_(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Take the smallest element over axes."""
    return x.min(axes, keepdims=keepdims) if hasattr(x, "min") else np.minimum.reduce(x, axes)


@zero_function(batch=shifted_axes(0))
def any_(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Say whether an element is not zero."""
    return np.any(x, axis=axes, keepdims=keepdims)


@zero_function(batch=shifted_axes(0))
def all_(x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Say whether no element is zero."""
    return np.all(x, axis=axes, keepdims=keepdims)


def _batched_position(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    (x,), (axis, keepdims) = arrays, params
    if axis is not None:
        return primitive.bind(arrays, (axis + 1, keepdims))
    found = primitive(x.reshape(size, product(x.shape[1:])), 1, False)
    return found.reshape(size, *(1,) * (x.ndim - 1)) if keepdims else found


@zero_function(batch=_batched_position)
def argmax(x: Any, axis: int | None, keepdims: bool) -> Any:
    """Find the position of the largest element, in the flattened array if the axis is None."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


@zero_function(batch=_batched_position)
def argmin(x: Any, axis: int | None, keepdims: bool) -> Any:
    """Find the position of the smallest element, in the flattened array if the axis is None."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


@zero_function(batch=_batched_position)
def nanargmax(x: Any, axis: int | None, keepdims: bool) -> Any:
    """Find the position of the largest element that is a number."""
    return np.nanargmax(x, axis=axis, keepdims=keepdims)


@zero_function(batch=_batched_position)
def nanargmin(x: Any, axis: int | None, keepdims: bool) -> Any:
    """Find the position of the smallest element that is a number."""
    return np.nanargmin(x, axis=axis, keepdims=keepdims)


# --- Functions of NumPy -----------------------------------------------------------------------------------------------


@implements(np.sum)
def _sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    if dtype is not None or out is not None or initial is not None or where is not True:
        return _accumulated("sum", masked_sum, np.add, 0, a, axis, dtype, out, keepdims, initial, where)
    return a._trace.process(sum_, (a,), (reduced_axes(axis, a.ndim), bool(keepdims)))


@implements(np.prod)
def _prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    if dtype is not None or out is not None or initial is not None or where is not True:
        return _accumulated("prod", masked_prod, np.multiply, 1, a, axis, dtype, out, keepdims, initial, where)
    return prod(a, reduced_axes(axis, a.ndim), bool(keepdims))


@implements(np.max, np.amax)
def _max(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
) -> Any:
    return _extreme("max", max_, np.maximum, _lowest, a, axis, out, keepdims, initial, where)


@implements(np.min, np.amin)
def _min(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = True
) -> Any:
    return _extreme("min", min_, np.minimum, _highest, a, axis, out, keepdims, initial, where)


@implements(np.ptp)
def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    refuse_out("ptp", out)
    axes = reduced_axes(axis, a.ndim)
    return max_(a, axes, bool(keepdims)) - min_(a, axes, bool(keepdims))


@implements(np.any)
def _any(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    refuse_out("any", out)
    a = as_array(a)
    counted = a if where is True else np.logical_and(a, as_mask(where, a))
    return any_(counted, reduced_axes(axis, a.ndim), bool(keepdims))


@implements(np.all)
def _all(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    refuse_out("all", out)
    a = as_array(a)
    counted = a if where is True else np.logical_or(a, np.logical_not(as_mask(where, a)))
    return all_(counted, reduced_axes(axis, a.ndim), bool(keepdims))


@implements(np.count_nonzero)
def _count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return np.sum(a != 0, axis=axis, keepdims=bool(keepdims))


@implements(np.argmax)
def _argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return _position("argmax", argmax, a, axis, out, keepdims)


@implements(np.argmin)
def _argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return _position("argmin", argmin, a, axis, out, keepdims)


@implements(np.nanargmax)
def _nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return _position("nanargmax", nanargmax, a, axis, out, keepdims)


@implements(np.nanargmin)
def _nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    return _position("nanargmin", nanargmin, a, axis, out, keepdims)


def _position(name: str, primitive: Primitive, a: Any, axis: Any, out: Any, keepdims: Any) -> Any:
    refuse_out(name, out)
    if axis is not None:
        axis = only_axis(axis, a.ndim) if a.ndim or axis not in (0, -1) else None
    return primitive(a, axis, bool(keepdims))


def _accumulated(
    name: str,
    primitive: Primitive,
    ufunc: np.ufunc,
    neutral: int,
    a: Any,
    axis: Any,
    dtype: Any,
    out: Any,
    keepdims: Any,
    initial: Any,
    where: Any,
) -> Any:
    refuse_out(name, out)
    a = as_array(a)
    if dtype is not None:
        a = a.astype(dtype)
    mask = True if where is True else np.broadcast_to(as_mask(where, a), a.shape)
    axes = reduced_axes(axis, a.ndim)
    is_late = isinstance(initial, Tracer)
    total = primitive(a, mask, axes, bool(keepdims), neutral if initial is None or is_late else initial)
    total = ufunc(total, initial).astype(total.dtype) if is_late else total
    return total if dtype is None else total.astype(dtype)  # short integers were added up as long ones


def _extreme(
    name: str,
    primitive: Primitive,
    ufunc: np.ufunc,
    neutral: Any,
    a: Any,
    axis: Any,
    out: Any,
    keepdims: Any,
    initial: Any,
    where: Any,
) -> Any:
    refuse_out(name, out)
    a = as_array(a)
    axes = reduced_axes(axis, a.ndim)
    if initial is None:
        if where is not True:
            raise ValueError(
                f"reduction operation '{ufunc.__name__}' does not have an identity, so to use a where mask one has to "
                f"specify 'initial'"
            )
        return primitive(a, axes, bool(keepdims))
    if where is not True:
        a = np.where(as_mask(where, a), a, neutral(a.dtype))
    if 0 in a.shape:
        shape = tuple(n for i, n in enumerate(a.shape) if i not in axes)
        return np.broadcast_to(as_array(initial), kept_shape(a.shape, axes) if keepdims else shape).astype(a.dtype)
    return ufunc(primitive(a, axes, bool(keepdims)), initial).astype(a.dtype)


def as_mask(where: Any, a: Any) -> Any:
    """Return the mask of a reduction of ``a`` as an array that broadcasts to its shape."""
    mask = as_array(where)
    if np.broadcast_shapes(mask.shape, a.shape) != a.shape:
        raise ValueError(f"where=mask of shape {mask.shape} does not broadcast to the array's shape {a.shape}")
    return mask


def _lowest(dtype: Any) -> Any:
    return False if dtype.kind == "b" else np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _highest(dtype: Any) -> Any:
    return True if dtype.kind == "b" else np.iinfo(dtype).max if dtype.kind in "iu" else np.inf
