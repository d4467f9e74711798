"""What depends on the order of the elements: extremes, sorting, quantiles, each with PyTorch's positions.

An extreme without positions shares its derivative equally among ties; one that comes with its position belongs to the
element at that position.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

import numpy as np

from functorch_lite.calculus.arguments import only_axis
from functorch_lite.calculus.cumulative import along
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.method_table import METHODS, method

__all__ = [
    "Extremes",
    "ValuesAndIndices",
    "aminmax",
    "argsort",
    "cummax",
    "cummin",
    "kthvalue",
    "max_",
    "median",
    "min_",
    "mode",
    "msort",
    "nanmedian",
    "nanquantile",
    "quantile",
    "sort",
    "topk",
]


class ValuesAndIndices(NamedTuple):
    """Elements of an array and the positions, along one axis, at which they stand.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tensor([3.0, 1.0]).max(dim=0)
    ValuesAndIndices(values=tensor(3.), indices=tensor(0))
    """

    values: Any
    indices: Any


class Extremes(NamedTuple):
    """The smallest and the largest element.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.aminmax(ft.tensor([3.0, 1.0])).max
    tensor(3.)
    """

    min: Any
    max: Any


# --- Extremes ---------------------------------------------------------------------------------------------------------


@method
def max_(x: Any, *args: Any, **kwargs: Any) -> Any:
    """Take the largest element.

    ``max(x)``, ``max(x, axis, keepdims=…)`` is NumPy's: values, whose ties share the derivative. With ``dim`` or
    ``keepdim`` it is PyTorch's: a pair (values, indices). ``max(x, other)`` with an array is the elementwise maximum.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([[1.0, 3.0], [4.0, 2.0]])
    >>> x.max(), x.max(0), x.max(dim=0).indices
    (tensor(4.), tensor([4., 3.]), tensor([1, 0]))
    >>> ft.grad(lambda x: x.max(dim=1).values.sum())(x)
    tensor([[0., 1.],
            [1., 0.]])
    """
    return _extreme(np.max, np.argmax, np.maximum, x, args, kwargs)


@method
def min_(x: Any, *args: Any, **kwargs: Any) -> Any:
    """Take the smallest element; in three forms, as `max_` does.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([[1.0, 3.0], [4.0, 2.0]])
    >>> x.min(), x.min(0), x.min(dim=0).indices
    (tensor(1.), tensor([1., 2.]), tensor([0, 1]))
    """
    return _extreme(np.min, np.argmin, np.minimum, x, args, kwargs)


def _extreme(reduce: Any, position: Any, elementwise: Any, x: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    if "dim" in kwargs or "keepdim" in kwargs or (len(args) == 2 and type(args[1]) is bool):
        dim, keepdim = _dim_and_keepdim(*args, **kwargs)
        return _taken(x, position(x, axis=dim, keepdims=True), dim, keepdim)
    if args and isinstance(args[0], np.ndarray | Tracer | np.inexact):
        return elementwise(x, *args)
    if "other" in kwargs:
        return elementwise(x, kwargs["other"])
    return reduce(x, *args, **kwargs)


def _dim_and_keepdim(dim: Any, keepdim: bool = False) -> tuple[int, bool]:
    return dim, keepdim


@method
def aminmax(x: Any, *, dim: Any = None, keepdim: bool = False) -> Extremes:
    """Take the smallest and the largest element, of all or along an axis, which stays with length one if ``keepdim``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.aminmax(ft.tensor([3.0, 1.0]))
    Extremes(min=tensor(1.), max=tensor(3.))
    """
    return Extremes(np.min(x, axis=dim, keepdims=keepdim), np.max(x, axis=dim, keepdims=keepdim))


# --- Sorting ----------------------------------------------------------------------------------------------------------


def sort(x: Any, dim: int = -1, descending: bool = False, *, stable: bool = False) -> ValuesAndIndices:
    """Sort along an axis, and tell where the elements stood. Equal elements keep their order.

    Parameters
    ----------
    x
        An array with at least one axis.
    dim
        The axis, by default the last.
    descending
        Whether the largest comes first.
    stable
        Accepted for PyTorch's sake: sorting is always stable.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.sort(ft.tensor([3.0, 1.0, 2.0]))
    ValuesAndIndices(values=tensor([1., 2., 3.]), indices=tensor([1, 2, 0]))
    """
    order = _order(x, dim, descending)
    return ValuesAndIndices(np.take_along_axis(x, order, dim), order)


def _sort_method(x: Any, *args: Any, **kwargs: Any) -> Any:
    """Sort along an axis by PyTorch's signature; the bare ``x.sort()``, which in NumPy sorts in place, is refused.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.tensor([3.0, 1.0, 2.0]).sort(dim=0)
    ValuesAndIndices(values=tensor([1., 2., 3.]), indices=tensor([1, 2, 0]))
    """
    if not kwargs.keys() & {"dim", "descending"} and len(args) < 2:
        _refuse_bare_sort(x)
    return sort(x, *args, **kwargs)


def _refuse_bare_sort(x: Any) -> NoReturn:
    raise TypeError(
        f"x.sort() at {user_line()} of an array {x.dtype}{list(x.shape)}: in NumPy it sorts in place, which a traced "
        f"array cannot, and in PyTorch it returns a pair; write np.sort(x) for the sorted values, x.sort(dim=-1) for "
        f"the pair (values, indices)"
    )


METHODS["sort"] = _sort_method


@method
def argsort(
    x: Any,
    axis: Any = -1,
    kind: Any = None,
    order: Any = None,
    *,
    dim: Any = None,
    descending: bool = False,
    stable: Any = None,
) -> Any:
    """Find the positions of the elements in sorted order; of NumPy's arguments and PyTorch's.

    Parameters
    ----------
    x
        An array.
    axis, dim
        The axis, by default the last.
    kind, order
        NumPy's; a bool in the place of ``kind`` is ``descending``, as in PyTorch.
    descending
        Whether the largest comes first; equal elements keep their order.
    stable
        Whether equal elements are sure to keep their order.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.argsort(ft.tensor([3.0, 1.0, 2.0]), descending=True)
    tensor([0, 2, 1])
    """
    if type(kind) is bool:
        kind, descending = None, kind
    axis = axis if dim is None else dim
    return _order(x, axis, True) if descending else np.argsort(x, axis=axis, kind=kind, order=order, stable=stable)


@method
def msort(x: Any) -> Any:
    """Sort along the first axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.msort(ft.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    return np.sort(x, axis=0)


@method
def topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """Take the ``k`` largest (or smallest) elements along an axis, in their order, and tell where they stood.

    Parameters
    ----------
    k
        Their number, at most the length of the axis; else `ValueError` is raised.
    dim
        The axis, by default the last.
    largest
        Whether the largest are meant.
    sorted
        Accepted for PyTorch's sake: they are always sorted.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> values, indices = ft.topk(ft.tensor([3.0, 1.0, 2.0]), 2)
    >>> values, indices
    (tensor([3., 2.]), tensor([0, 2]))
    """
    n = shape_of(x)[dim]
    if not 0 <= k <= n:
        raise ValueError(f"topk: k = {k} of the {n} elements along axis {dim} of an array of shape {shape_of(x)}")
    order = _order(x, dim, largest)[along(only_axis(dim, x.ndim), slice(k))]
    return ValuesAndIndices(np.take_along_axis(x, order, dim), order)


@method
def kthvalue(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """Take the k-th smallest element along an axis, counted from 1, and tell where it stood.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.kthvalue(ft.tensor([3.0, 1.0, 2.0]), 2)
    ValuesAndIndices(values=tensor(2.), indices=tensor(2))
    """
    n = shape_of(x)[dim]
    if not 1 <= k <= n:
        raise ValueError(f"kthvalue: k = {k} of the {n} elements along axis {dim} of an array of shape {shape_of(x)}")
    return _taken(x, _order(x, dim, False)[along(only_axis(dim, x.ndim), slice(k - 1, k))], dim, keepdim)


@method
def mode(x: Any, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices:
    """Take the most frequent element along an axis, the smallest of several, and tell where it stands last.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.mode(ft.tensor([2.0, 1.0, 2.0]))
    ValuesAndIndices(values=tensor(2.), indices=tensor(2))
    """
    order = np.moveaxis(_order(x, dim, False), dim, -1)
    ordered = np.take_along_axis(np.moveaxis(x, dim, -1), order, -1)
    n = shape_of(ordered)[-1]
    starts = np.concatenate([np.ones_like(ordered[..., :1], bool), ordered[..., 1:] != ordered[..., :-1]], -1)
    length = np.arange(n) - np.maximum.accumulate(np.where(starts, np.arange(n), 0), axis=-1)
    last = np.take_along_axis(order, np.argmax(length, axis=-1, keepdims=True), -1)
    return _taken(x, np.moveaxis(last, -1, dim), dim, keepdim)


# --- Medians and quantiles --------------------------------------------------------------------------------------------


@method
def median(x: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Take the median.

    ``median(x)`` is PyTorch's: of an even number of elements the lower of the two in the middle; ties share the
    derivative. ``median(x, dim)`` is its pair (values, indices). ``median(x, axis=…)`` is NumPy's.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0, 3.0, 4.0])
    >>> ft.median(x), ft.median(x, axis=0)
    (tensor(2.), tensor(2.5))
    """
    if axis is not None:
        return np.median(x, axis=axis, keepdims=keepdims)
    if dim is None:
        flat = np.ravel(x)
        middle = np.sort(flat)[(flat.size - 1) // 2]
        return np.max(np.where(flat > middle, np.min(flat), flat))
    is_lost = np.any(np.isnan(x), axis=dim, keepdims=True)
    n = shape_of(x)[dim]
    return _at_rank(x, np.where(is_lost, n - 1, (n - 1) // 2), dim, keepdim)


@method
def nanmedian(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Take the median as `median` does, of the elements that are numbers.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.nanmedian(ft.tensor([1.0, np.nan, 3.0]))
    tensor(1.)
    """
    if dim is None:
        return nanmedian(np.ravel(x), 0).values
    count = np.sum(~np.isnan(x), axis=dim, keepdims=True)
    return _at_rank(x, np.maximum(count - 1, 0) // 2, dim, keepdim)


@method
def quantile(x: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear") -> Any:
    """Take quantiles, of all elements or along an axis.

    Parameters
    ----------
    x
        A real array.
    q
        A number between 0 and 1, or a vector of them, which gives the result a first axis.
    dim
        The axis; None for all.
    keepdim
        Whether the axis stays, with length one.
    interpolation
        What to take between two elements: ``"linear"``, ``"lower"``, ``"higher"``, ``"nearest"``, ``"midpoint"``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0, 4.0, 8.0])
    >>> ft.quantile(x, 0.5), ft.grad(ft.quantile)(x, 0.5)
    (tensor(3.), tensor([0. , 0.5, 0.5, 0. ]))
    """
    return np.quantile(x, q, axis=dim, keepdims=keepdim, method=interpolation)


@method
def nanquantile(x: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear") -> Any:
    """Take quantiles as `quantile` does, of the elements that are numbers.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.nanquantile(ft.tensor([1.0, np.nan, 3.0]), 0.5)
    tensor(2.)
    """
    return np.nanquantile(x, q, axis=dim, keepdims=keepdim, method=interpolation)


# --- Running extremes -------------------------------------------------------------------------------------------------


@method
def cummax(x: Any, dim: int) -> ValuesAndIndices:
    """Take the largest of the elements up to each one along an axis, and tell where it stands last.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cummax(ft.tensor([1.0, 3.0, 2.0]), 0)
    ValuesAndIndices(values=tensor([1., 3., 3.]), indices=tensor([0, 1, 1]))
    """
    return _running(x, np.maximum.accumulate(x, axis=dim), dim)


@method
def cummin(x: Any, dim: int) -> ValuesAndIndices:
    """Take the smallest of the elements up to each one along an axis, and tell where it stands last.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cummin(ft.tensor([3.0, 1.0, 2.0]), 0)
    ValuesAndIndices(values=tensor([3., 1., 1.]), indices=tensor([0, 1, 1]))
    """
    return _running(x, np.minimum.accumulate(x, axis=dim), dim)


def _running(x: Any, values: Any, dim: int) -> ValuesAndIndices:
    axis = only_axis(dim, len(shape_of(x)))
    positions = np.arange(shape_of(x)[axis]).reshape(-1, *(1,) * (len(shape_of(x)) - axis - 1))
    attained = np.where((x == values) | (x != x), positions, 0)
    indices = np.maximum.accumulate(attained, axis=axis)
    return ValuesAndIndices(np.take_along_axis(x, indices, axis), indices)


# --- Parts of them ----------------------------------------------------------------------------------------------------


def _order(x: Any, dim: int, descending: bool) -> Any:
    """Return the positions in sorted order, equal elements in the order in which they stand, NaN as the largest."""
    if not descending:
        return np.argsort(x, axis=dim, stable=True)
    n = shape_of(x)[dim]
    return n - 1 - np.flip(np.argsort(np.flip(x, dim), axis=dim, stable=True), dim)


def _at_rank(x: Any, rank: Any, dim: int, keepdim: bool) -> ValuesAndIndices:
    return _taken(x, np.take_along_axis(_order(x, dim, False), rank, dim), dim, keepdim)


def _taken(x: Any, positions: Any, dim: int, keepdim: bool) -> ValuesAndIndices:
    values = np.take_along_axis(x, positions, dim)
    if keepdim:
        return ValuesAndIndices(values, positions)
    return ValuesAndIndices(np.squeeze(values, dim), np.squeeze(positions, dim))
