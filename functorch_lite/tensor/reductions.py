"""Reductions that understand both vocabularies: NumPy's ``axis`` and ``keepdims``, PyTorch's ``dim`` and ``keepdim``.

Positional arguments mean what they mean in NumPy, with two additions: a list is several axes, and True or False in the
second place, where NumPy has ``dtype`` or ``out``, is ``keepdim``. `std` and `var` divide by ``n - ddof`` as NumPy
does, and by ``n - 1`` as PyTorch does when ``dim``, ``keepdim``, ``unbiased`` or ``correction`` is given; True or False
is ``unbiased`` to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.backward import unbroadcast
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.aliases import in_own_memory
from functorch_lite.tensor.method_table import method, methods_of_functions

__all__ = [
    "all_",
    "amax",
    "amin",
    "any_",
    "argmax",
    "argmin",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "cumulative_trapezoid",
    "diff",
    "gradient",
    "in_numpys_words",
    "logcumsumexp",
    "mean",
    "nanmean",
    "nansum",
    "norm",
    "prod",
    "std",
    "std_mean",
    "sum_",
    "sum_to_size",
    "trapezoid",
    "var",
    "var_mean",
]

# --- The two vocabularies ---------------------------------------------------------------------------------------------


def _bilingual(function: Callable[..., Any], qualname: str = "") -> Callable[..., Any]:
    def reduction(x: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) > 1 or (args and type(args[0]) is list):
            args, kwargs = in_numpys_words(args, kwargs)
        return function(x, *args, **kwargs)

    reduction.__name__, reduction.__qualname__ = function.__name__, qualname or function.__name__
    reduction.__doc__ = f"""``np.{function.__name__}``, which also understands PyTorch's ``dim`` and ``keepdim``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = np.array([[1.0, 0.0], [2.0, 3.0]])
    >>> np.array_equal(ft.{function.__name__}(x, dim=1), np.{function.__name__}(x, axis=1))
    True
    """
    return method(reduction)


def in_numpys_words(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments with ``axis`` for ``dim`` and ``keepdims`` for ``keepdim``."""
    if "dim" in kwargs:
        if args or "axis" in kwargs:
            raise TypeError("the axis is given twice; name it once, as axis (NumPy) or as dim (PyTorch)")
        dim = kwargs.pop("dim")
        kwargs["axis"] = _axes(dim)
    if "keepdim" in kwargs:
        kwargs["keepdims"] = kwargs.pop("keepdim")
    if args and type(args[0]) is list:
        args = (_axes(args[0]), *args[1:])
    if len(args) > 1 and type(args[1]) is bool:
        kwargs["keepdims"] = args[1]
        args = (args[0], *args[2:])
    return args, kwargs


def _axes(dim: Any) -> Any:
    """Return what PyTorch calls ``dim`` as NumPy's ``axis``: a list is a tuple, an empty one means all axes."""
    return tuple(dim) or None if isinstance(dim, tuple | list) else dim


sum_ = _bilingual(np.sum, "sum_")
prod = _bilingual(np.prod)
mean = _bilingual(np.mean)
nansum = _bilingual(np.nansum)
nanmean = _bilingual(np.nanmean)
all_ = _bilingual(np.all, "all_")
any_ = _bilingual(np.any, "any_")
argmax = _bilingual(np.argmax)
argmin = _bilingual(np.argmin)
count_nonzero = _bilingual(np.count_nonzero)
cumsum = _bilingual(np.cumsum)
cumprod = _bilingual(np.cumprod)


def _dispersion(function: Callable[..., Any]) -> Callable[..., Any]:
    def reduction(x: Any, *args: Any, unbiased: bool | None = None, correction: Any = None, **kwargs: Any) -> Any:
        if bool in map(type, args[:2]):  # where NumPy has axis or dtype
            place = 0 if type(args[0]) is bool else 1
            unbiased, args = args[place], (*args[:place], *args[place + 1 :])
        if unbiased is not None:
            correction = 1 if unbiased else 0
        elif correction is None and ("dim" in kwargs or "keepdim" in kwargs):
            correction = 1
        if correction is not None:
            kwargs["ddof"] = correction
        args, kwargs = in_numpys_words(args, kwargs)
        return function(x, *args, **kwargs)

    reduction.__name__ = reduction.__qualname__ = function.__name__
    reduction.__doc__ = f"""``np.{function.__name__}``; where a word of PyTorch's is given, PyTorch's.

    NumPy's divides by ``n - ddof``, by n unless told otherwise; PyTorch's by ``n - correction``, by n - 1. The words
    are ``dim``, ``keepdim``, ``correction`` and ``unbiased``, which is also True or False in the first or second place.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.tensor([1.0, 2.0, 3.0])
    >>> ft.equal(ft.{function.__name__}(x, dim=0), ft.{function.__name__}(x, ddof=1))
    True
    """
    return method(reduction)


std = _dispersion(np.std)
var = _dispersion(np.var)


def std_mean(x: Any, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> tuple[Any, Any]:
    """Return the standard deviation and the mean, a pair.

    Parameters
    ----------
    x
        A real or complex array.
    dim
        The axes; None for all.
    correction
        The deviation divides by ``n - correction``; NumPy's ``std`` by n.
    keepdim
        Whether the axes stay, with length one.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.std_mean(ft.tensor([1.0, 3.0, 5.0]))
    (tensor(2.), tensor(3.))
    """
    return std(x, dim=dim, correction=correction, keepdim=keepdim), mean(x, dim=dim, keepdim=keepdim)


def var_mean(x: Any, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> tuple[Any, Any]:
    """Return the variance and the mean, a pair; the arguments are those of `std_mean`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.var_mean(ft.tensor([1.0, 3.0, 5.0]))
    (tensor(4.), tensor(3.))
    """
    return var(x, dim=dim, correction=correction, keepdim=keepdim), mean(x, dim=dim, keepdim=keepdim)


# --- Reductions that NumPy has by other names -------------------------------------------------------------------------


@method
def amax(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Take the largest element over axes, over all by default. Ties share the derivative.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad(ft.amax)(ft.tensor([1.0, 3.0, 3.0]))
    tensor([0. , 0.5, 0.5])
    """
    return np.max(x, axis=_axes(dim), keepdims=keepdim)


@method
def amin(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """Take the smallest element over axes, over all by default. Ties share the derivative.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad(ft.amin)(ft.tensor([1.0, 1.0, 3.0]))
    tensor([0.5, 0.5, 0. ])
    """
    return np.min(x, axis=_axes(dim), keepdims=keepdim)


@method
def norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Any:
    """Return the p-norm of the elements; at zero its derivative is zero.

    Parameters
    ----------
    x
        A real or complex array.
    p
        A number, an infinity, ``"fro"`` (the same as 2) or ``"nuc"`` (of matrices, the sum of singular values).
    dim
        The axes; None for all, and for ``"nuc"`` the last two.
    keepdim
        Whether the axes stay, with length one.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.norm(ft.tensor([[3.0, 4.0], [0.0, 0.0]]), dim=1)
    tensor([5., 0.])
    >>> ft.grad(ft.norm)(ft.zeros(2))
    tensor([0., 0.])
    """
    dim = _axes(dim)
    if p == "nuc":
        return np.linalg.norm(x, "nuc", axis=(-2, -1) if dim is None else dim, keepdims=keepdim)
    return np.linalg.vector_norm(x, ord=2 if p is None or p == "fro" else p, axis=dim, keepdims=keepdim)


@method
def sum_to_size(x: Any, *size: Any) -> Any:
    """Sum over the axes along which an array of the given size would be repeated to that of ``x``.

    Raises
    ------
    ValueError
        If no array of that size would be.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.ones(2, 3).sum_to_size(2, 1)
    tensor([[3.],
            [3.]])
    """
    shape = tuple(size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
    axes = zip(shape[::-1], shape_of(x)[::-1], strict=False)
    if len(shape) > len(shape_of(x)) or any(n not in (1, own) for n, own in axes):
        raise ValueError(f"sum_to_size: size {shape} does not repeat to the shape {shape_of(x)} of the array")
    return unbroadcast(x, shape)


# --- Along an axis ----------------------------------------------------------------------------------------------------


@method
def logcumsumexp(x: Any, dim: int) -> Any:
    """Return the logarithm of the running sum of exponentials along an axis, which neither overflows nor underflows.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.logcumsumexp(ft.tensor([1000.0, 1000.0]), 0) - 1000.0
    tensor([0.        , 0.69314718])
    """
    return np.logaddexp.accumulate(x, axis=dim)


@method
def diff(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Take the differences of neighbours along an axis, ``n`` times, with arrays put before and behind it if given.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.diff(ft.tensor([1.0, 4.0, 9.0]))
    tensor([3., 5.])
    """
    ends = {name: a for name, a in (("prepend", prepend), ("append", append)) if a is not None}
    return in_own_memory(np.diff(x, n, dim, **ends), x)


def trapezoid(y: Any, x: Any = None, *, dx: Any = 1.0, dim: int = -1) -> Any:
    """Integrate along an axis by the trapezoidal rule.

    Parameters
    ----------
    y
        The values of the integrand.
    x
        Where they were taken, of the shape of ``y`` or that of the axis; None for points ``dx`` apart.
    dx
        The distance of the points.
    dim
        The axis.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.grad(ft.trapezoid)(ft.ones(3), dx=0.5)
    tensor([0.25, 0.5 , 0.25])
    """
    return np.trapezoid(y, x, dx=dx, axis=dim)


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = 1.0, dim: int = -1) -> Any:
    """Integrate along an axis by the trapezoidal rule, up to each point but the first; the arguments are `trapezoid`'s.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.cumulative_trapezoid(ft.ones(3), dx=0.5)
    tensor([0.5, 1. ])
    """
    y = np.moveaxis(y, dim, -1)
    if x is not None:
        dx = np.diff(np.moveaxis(x, dim, -1) if len(shape_of(x)) > 1 else x)
    return np.moveaxis(np.cumsum(dx * (y[..., 1:] + y[..., :-1]) / 2, axis=-1), -1, dim)


def gradient(x: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> list[Any]:
    """Estimate derivatives along axes by central differences, at the ends by one-sided ones.

    Parameters
    ----------
    x
        The values of a function.
    spacing
        The distance of the points; or one for each axis; or the coordinates, one vector an axis.
    dim
        The axes; None for all.
    edge_order
        1 or 2: the order of the differences at the ends.

    Returns
    -------
    list of array
        One an axis, of the shape of ``x``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.gradient(ft.tensor([1.0, 4.0, 9.0]))
    [tensor([3., 4., 5.])]
    """
    distances = spacing if isinstance(spacing, tuple | list) else (spacing,)
    found = np.gradient(x, *distances, axis=dim if dim is None else tuple(np.atleast_1d(dim)), edge_order=edge_order)
    return list(found) if isinstance(found, tuple | list) else [found]


methods_of_functions({"ptp": np.ptp})
