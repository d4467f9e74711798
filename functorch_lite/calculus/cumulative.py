"""Running sums, products and extremes along an axis.

Products are differentiated without division, so zeros are right to every order: the derivative of a running product
obeys a linear recurrence, which is a primitive of its own. Among tied elements a running extreme goes by the last.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis, refuse_foreign, refuse_out
from functorch_lite.calculus.batching import broadcast_batch, shifted_axes
from functorch_lite.calculus.declare import general, linear, zero_function
from functorch_lite.calculus.pointwise import excess, logistic, of_parts
from functorch_lite.core.operands import is_at_hand, known, shape_of
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.core.tables import implements

__all__ = [
    "along",
    "cumlogaddexp",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "delayed",
    "in_range",
    "may_leave_range",
    "recurrence",
    "scaled",
]

# --- Parts of rules ---------------------------------------------------------------------------------------------------


def along(axis: int, index: Any) -> tuple[Any, ...]:
    """Return the key that indexes one axis: ``x[along(1, slice(3))]`` is ``x[:, :3]``."""
    return (*(slice(None),) * axis, index)


def delayed(x: Any, axis: int, reverse: bool, first: float) -> Any:
    """Shift by one along the axis, away from where running starts; ``first`` comes in and the last goes out."""
    shape = shape_of(x)
    if not shape[axis]:
        return x
    edge = np.full((*shape[:axis], 1, *shape[axis + 1 :]), first, x.dtype)
    if reverse:
        return np.concatenate([x[along(axis, slice(1, None))], edge], axis)
    return np.concatenate([edge, x[along(axis, slice(None, -1))]], axis)


# A product of others can be in range where that of those before, or of those behind, is not. Where this may be, the
# factors are divided by powers of two such that no running product leaves the range.


def may_leave_range(x: Any, axis: int, without: int = 0) -> bool:
    """Say whether products of neighbours along the axis, ``without`` some of them, can overflow or underflow.

    Of unknown values they can.
    """
    value = known(x)
    if value is None or not is_at_hand(value):
        return True
    if not value.size or value.dtype.kind not in "fc":
        return False
    total = _running_exponents.function(value, axis, False)
    number = np.finfo(value.dtype)
    spread = max(total.max(), 0) - min(total.min(), 0)
    if without:
        single = total - delayed(total, axis, False, 0)
        spread += without * (max(single.max(), 0) - min(single.min(), 0))
    return bool(spread > number.maxexp - number.nmant)


@zero_function(batch=shifted_axes(0))
def _running_exponents(x: Any, axis: int, reverse: bool) -> Any:
    """Return the exponents of the running products of what is neither zero nor infinite, to the nearest."""
    size = np.abs(x)
    logarithms = np.log2(np.where((size > 0) & (size < np.inf), size, 1))
    if reverse:
        backwards = along(axis, slice(None, None, -1))
        return np.rint(np.cumsum(logarithms[backwards], axis)[backwards]).astype(np.intc)
    return np.rint(np.cumsum(logarithms, axis)).astype(np.intc)


def in_range(x: Any, axis: int, reverse: bool) -> tuple[Any, Any, Any]:
    """Return factors of which all running products are of the order of one, their exponents, and those of products."""
    total = _running_exponents(x, axis, reverse)
    exponents = total - delayed(total, axis, reverse, 0)
    return scaled(x, -exponents), exponents, total


def _cumprod_vjp(g: Any, ans: Any, x: Any, axis: int, reverse: bool) -> Any:
    if not may_leave_range(x, axis):
        return _recurrence_transpose(g, x, axis, reverse) * delayed(ans, axis, reverse, 1)
    x, exponents, total = in_range(x, axis, reverse)
    before = delayed(cumprod(x, axis, reverse), axis, reverse, 1)
    return scaled(_recurrence_transpose(scaled(g, total), x, axis, reverse) * before, -exponents)


def _batched_recurrence(
    primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params
) -> Any:
    a, b = (x if is_batched else broadcast_batch(size, x) for x, is_batched in zip(arrays, batched, strict=True))
    axis, reverse = params
    return primitive(a, b, axis + 1, reverse)


def _cummax_jvp(t: Any, ans: Any, x: Any, axis: int) -> Any:
    """Take the tangents at the last positions where the running extreme was attained."""
    shape = (shape_of(x)[axis], *(1,) * (len(shape_of(x)) - axis - 1))
    positions = np.where(x == ans, np.arange(shape[0]).reshape(shape), 0)
    return np.take_along_axis(t, cummax(positions, axis), axis)


def _cumlogaddexp_jvp(t: Any, ans: Any, x: Any, axis: int) -> Any:
    """d ans[k] = (the share of ans[k-1]) d ans[k-1] + (the share of x[k]) dx[k], with the shares of logaddexp."""
    step = excess(x, delayed(ans, axis, False, -np.inf))
    is_first = np.arange(shape_of(x)[axis]).reshape(-1, *(1,) * (len(shape_of(x)) - axis - 1)) == 0
    own = np.where(is_first, 1, logistic(step)) * t
    return recurrence(logistic(-step), own, axis, False)


# --- Primitives -------------------------------------------------------------------------------------------------------


def _cumsum_transpose(g: Any, axis: int, reverse: bool) -> Any:
    return cumsum(g, axis, not reverse)


@linear(_cumsum_transpose, batch=shifted_axes(0))
def cumsum(x: Any, axis: int, reverse: bool) -> Any:
    """Sum up to each element, or from each element to the end."""
    if not reverse:
        return x.cumsum(axis)
    backwards = along(axis, slice(None, None, -1))
    return x[backwards].cumsum(axis)[backwards]


# With a the coefficients and b the inputs, h[k] = a[k] h[k-1] + b[k], so dh[k] = a[k] dh[k-1] + h[k-1] da[k] + db[k].


def _recurrence_jvp(t: Any, ans: Any, a: Any, axis: int, reverse: bool) -> Any:
    return recurrence(a, t * delayed(ans, axis, reverse, 0), axis, reverse)


def _recurrence_vjp(g: Any, ans: Any, a: Any, axis: int, reverse: bool) -> Any:
    return _recurrence_transpose(g, a, axis, reverse) * delayed(ans, axis, reverse, 0)


def _recurrence_transpose(g: Any, a: Any, axis: int, reverse: bool) -> Any:
    return recurrence(delayed(a, axis, not reverse, 0), g, axis, not reverse)


@general(Rule(_recurrence_jvp, _recurrence_vjp), Rule(vjp=_recurrence_transpose), batch=_batched_recurrence)
def recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """Return h with ``h[k] = a[k] h[k-1] + b[k]`` along the axis and nothing before the first (after the last)."""
    refuse_foreign("the derivative of a running product", a, b)
    step = -1 if reverse else 1
    h = _linear_recurrence(np.moveaxis(a, axis, 0)[::step], np.moveaxis(b, axis, 0)[::step])
    return np.moveaxis(h[::step], 0, axis)


@general(
    Rule(
        lambda t, ans, x, axis, reverse: recurrence(x, t * delayed(ans, axis, reverse, 1), axis, reverse),
        lambda g, ans, x, axis, reverse: _cumprod_vjp(g, ans, x, axis, reverse),
    ),
    batch=shifted_axes(0),
)
def cumprod(x: Any, axis: int, reverse: bool) -> Any:
    """Multiply up to each element, or from each element to the end."""
    if not reverse:
        return x.cumprod(axis)
    backwards = along(axis, slice(None, None, -1))
    return x[backwards].cumprod(axis)[backwards]


@general(Rule(_cummax_jvp), batch=shifted_axes(0))
def cummax(x: Any, axis: int) -> Any:
    """Take the largest of the elements up to each one."""
    refuse_foreign("np.maximum.accumulate", x)
    return np.maximum.accumulate(x, axis)


@general(Rule(_cummax_jvp), batch=shifted_axes(0))
def cummin(x: Any, axis: int) -> Any:
    """Take the smallest of the elements up to each one."""
    refuse_foreign("np.minimum.accumulate", x)
    return np.minimum.accumulate(x, axis)


@general(Rule(_cumlogaddexp_jvp), batch=shifted_axes(0))
def cumlogaddexp(x: Any, axis: int) -> Any:
    """Take the logarithm of the running sum of exponentials."""
    refuse_foreign("np.logaddexp.accumulate", x)
    return np.logaddexp.accumulate(x, axis)


# --- Functions of NumPy -----------------------------------------------------------------------------------------------


@implements(np.cumsum)
def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _running("cumsum", cumsum, a, axis, dtype, out)


@implements(np.cumprod)
def _cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _running("cumprod", cumprod, a, axis, dtype, out)


@implements(np.cumulative_sum)
def _cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    return _running_with_initial("cumulative_sum", cumsum, x, axis, dtype, out, include_initial, 0)


@implements(np.cumulative_prod)
def _cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    return _running_with_initial("cumulative_prod", cumprod, x, axis, dtype, out, include_initial, 1)


@implements(np.nancumsum)
def _nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _running("nancumsum", cumsum, np.where(np.isnan(a), 0, a), axis, dtype, out)


@implements(np.nancumprod)
def _nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return _running("nancumprod", cumprod, np.where(np.isnan(a), 1, a), axis, dtype, out)


def _running(name: str, primitive: Primitive, a: Any, axis: Any, dtype: Any, out: Any) -> Any:
    refuse_out(name, out)
    a = as_array(a)
    if dtype is not None:
        a = a.astype(dtype)
    if axis is None or not a.ndim:
        a, axis = np.ravel(a), axis or 0
    total = primitive(a, only_axis(axis, a.ndim), False)
    return total if dtype is None else total.astype(dtype)  # short integers were added up as long ones


def _running_with_initial(
    name: str, primitive: Primitive, x: Any, axis: Any, dtype: Any, out: Any, include_initial: bool, initial: int
) -> Any:
    if axis is None and x.ndim > 1:
        raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
    total = _running(name, primitive, x, axis, dtype, out)
    if not include_initial:
        return total
    axis = 0 if axis is None else only_axis(axis, total.ndim)
    edge = (*total.shape[:axis], 1, *total.shape[axis + 1 :])
    return np.concatenate([np.full(edge, initial, total.dtype), total], axis)


# --- The recurrence ---------------------------------------------------------------------------------------------------


def _linear_recurrence(a: Any, b: Any) -> Any:
    """Solve ``h[k] = a[k] h[k-1] + b[k]`` along axis 0, in blocks where the axis is long and the others are short.

    In blocks, all blocks step together: first to find what each adds and by what it multiplies, then, knowing what
    comes into each, to fill them. That takes O(√n) steps of NumPy instead of n.
    """
    n, width = a.shape[0], a[:1].size
    dtype = np.result_type(a, b)
    if n < 64 or width > 512:
        return _fill(np.empty(a.shape, dtype), a, b, np.zeros(a.shape[1:], dtype))
    length = isqrt(n - 1) + 1
    count = -(-n // length)
    a, b = (_in_blocks(x, length, count) for x in (a, b))
    added = np.zeros(a.shape[1:], dtype)
    for k in range(length):
        np.multiply(added, a[k], out=added)
        np.add(added, b[k], out=added)
    with np.errstate(over="ignore", invalid="ignore"):  # if numbers come to overflow, the last step says so
        factors = np.multiply.reduce(a, 0)
        incoming = _carried(added, lambda j, last: factors[j] * last)
    if _has_lost_range(factors[:-1], incoming[:-1]):
        mantissas, exponents = _product_by_parts(a)
        incoming = _carried(added, lambda j, last: scaled(mantissas[j] * last, exponents[j]))
    h = _fill(np.empty(a.shape, dtype), a, b, incoming)
    return np.moveaxis(h, 0, 1).reshape(-1, *h.shape[2:])[:n]


def _carried(added: Any, through: Callable[[int, Any], Any]) -> Any:
    """Return what comes into each block, given what each adds and what becomes of a number on its way through one."""
    incoming = np.zeros_like(added)
    for j in range(1, len(added)):
        last = incoming[j - 1]
        incoming[j] = np.where(last == 0, 0, through(j - 1, last)) + added[j - 1]  # what is zero stays zero
    return incoming


def _has_lost_range(factors: Any, incoming: Any) -> Any:
    """Say whether factors have overflowed, or underflowed where they meet numbers so large that it shows."""
    number = np.finfo(incoming.dtype)
    too_small = (np.abs(factors) < number.tiny) & (np.abs(incoming) > 1 / number.eps)
    return np.any((~np.isfinite(factors) & (incoming != 0)) | too_small)


def _product_by_parts(a: Any) -> tuple[Any, Any]:
    """Return the products along axis 0 as mantissas and exponents of two, in pairs so that none leaves the range."""
    exponents: Any = 0
    while True:
        exponent = np.frexp(np.abs(a))[1]
        a, exponents = scaled(a, -exponent), exponents + exponent
        if len(a) == 1:
            return a[0], exponents[0]
        if len(a) % 2:
            a, exponents = np.append(a, np.ones_like(a[:1]), 0), np.append(exponents, np.zeros_like(exponents[:1]), 0)
        a, exponents = a[::2] * a[1::2], exponents[::2] + exponents[1::2]


def scaled(x: Any, exponent: Any) -> Any:
    """Multiply by powers of two, which need not be numbers of this range themselves."""
    if x.dtype.kind == "c":
        return of_parts(np.ldexp(np.real(x), exponent), np.ldexp(np.imag(x), exponent))
    return np.ldexp(x, exponent)


def _fill(h: Any, a: Any, b: Any, last: Any) -> Any:
    for k in range(len(h)):
        last = np.multiply(a[k], last, out=h[k, ...])
        last += b[k]
    return h


def _in_blocks(x: Any, length: int, count: int) -> Any:
    """Return x as an array of shape (length, count, …): step k of every block is contiguous."""
    padded = np.zeros((count * length, *x.shape[1:]), x.dtype)
    padded[: x.shape[0]] = x
    return np.ascontiguousarray(np.moveaxis(padded.reshape(count, length, *x.shape[1:]), 1, 0))
