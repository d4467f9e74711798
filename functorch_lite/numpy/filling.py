"""New arrays, which can be written to: inside a transformation as buffers, outside as NumPy's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from functorch_lite.core.errors import by_this_package
from functorch_lite.core.tables import FUNCTIONS, implements
from functorch_lite.numpy import construction
from functorch_lite.numpy.buffers import buffer_if_running

__all__ = ["empty", "empty_like", "full", "full_like", "ones", "ones_like", "zeros", "zeros_like"]


def zeros(shape: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None) -> Any:
    """Make an array of zeros to write into, also traced values.

    Parameters
    ----------
    shape, dtype, order, device, like
        Those of ``np.zeros``; in a buffer ``order`` means nothing.

    Returns
    -------
    array
        Outside of a transformation what ``np.zeros`` gives. Inside, a buffer: an array whose elements may be assigned
        traced values.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.numpy as fnp
    >>> def running_products(x):
    ...     y = fnp.zeros(len(x))
    ...     y[0] = x[0]
    ...     for i in range(1, len(x)):
    ...         y[i] = y[i - 1] * x[i]
    ...     return y
    >>> ft.jacrev(running_products)(np.array([2.0, 3.0]))
    array([[1., 0.],
           [3., 2.]])
    """
    return buffer_if_running(np.zeros(shape, dtype, order, device=device, like=like))


def ones(shape: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None) -> Any:
    """Make an array of ones to write into.

    Parameters
    ----------
    shape, dtype, order, device, like
        Those of ``np.ones``; in a buffer ``order`` means nothing.

    Returns
    -------
    array
        A buffer inside a transformation, as of `zeros`; outside NumPy's.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.numpy as fnp
    >>> def powers(x):
    ...     y = fnp.ones(4)
    ...     for i in range(1, 4):
    ...         y[i] = x * y[i - 1]
    ...     return y
    >>> ft.jacfwd(powers)(2.0)
    array([ 0.,  1.,  4., 12.])
    """
    return buffer_if_running(np.ones(shape, dtype, order, device=device, like=like))


def empty(shape: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None) -> Any:
    """Make an array to write into, of whatever is in memory.

    Parameters
    ----------
    shape, dtype, order, device, like
        Those of ``np.empty``; in a buffer ``order`` means nothing.

    Returns
    -------
    array
        A buffer inside a transformation, as of `zeros`; outside NumPy's.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.numpy as fnp
    >>> def swapped(x):
    ...     y = fnp.empty(2)
    ...     y[0], y[1] = x[1], x[0]
    ...     return y
    >>> ft.jacrev(swapped)(np.array([2.0, 3.0]))
    array([[0., 1.],
           [1., 0.]])
    """
    return buffer_if_running(np.empty(shape, dtype, order, device=device, like=like))


def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None
) -> Any:
    """Make an array filled with a value, which may be traced, to write into.

    Parameters
    ----------
    shape, dtype, order, device, like
        Those of ``np.full``; in a buffer ``order`` means nothing.
    fill_value
        A number, or an array that broadcasts to the shape.

    Returns
    -------
    array
        A buffer inside a transformation, as of `zeros`; outside NumPy's.

    Examples
    --------
    >>> import functorch_lite as ft, functorch_lite.numpy as fnp
    >>> def f(x):
    ...     y = fnp.full(3, x)
    ...     y[0] = 1.0
    ...     return y
    >>> ft.jacfwd(f)(2.0)
    array([0., 1., 1.])
    """
    return buffer_if_running(construction.full(shape, fill_value, dtype, order, device=device, like=like))


def zeros_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """Make zeros of an array's shape and dtype to write into.

    Parameters
    ----------
    a, dtype, order, subok, shape, device
        Those of ``np.zeros_like``; ``a`` may be traced. In a buffer ``order`` and ``subok`` mean nothing.

    Returns
    -------
    array
        A buffer inside a transformation, as of `zeros`; outside NumPy's.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.numpy as fnp
    >>> def shifted(x):
    ...     y = fnp.zeros_like(x)
    ...     y[1:] = x[:-1]
    ...     return y
    >>> ft.jacrev(shifted)(np.array([2.0, 3.0]))
    array([[0., 0.],
           [1., 0.]])
    """
    return buffer_if_running(np.zeros_like(a, dtype, order, subok, shape, device=device))


def ones_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """Make ones of an array's shape and dtype to write into.

    Parameters
    ----------
    a, dtype, order, subok, shape, device
        Those of ``np.ones_like``; ``a`` may be traced. In a buffer ``order`` and ``subok`` mean nothing.

    Returns
    -------
    array
        A buffer inside a transformation, as of `zeros`; outside NumPy's.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.numpy as fnp
    >>> def f(x):
    ...     y = fnp.ones_like(x)
    ...     y[0] = x[0] * x[1]
    ...     return np.sum(y)
    >>> ft.grad(f)(np.array([2.0, 3.0, 4.0]))
    array([3., 2., 0.])
    """
    return buffer_if_running(np.ones_like(a, dtype, order, subok, shape, device=device))


def empty_like(
    prototype: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """Make an array of another's shape and dtype, of whatever is in memory, to write into.

    Parameters
    ----------
    prototype, dtype, order, subok, shape, device
        Those of ``np.empty_like``; ``prototype`` may be traced. In a buffer ``order`` and ``subok`` mean nothing.

    Returns
    -------
    array
        A buffer inside a transformation, as of `zeros`; outside NumPy's.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.numpy as fnp
    >>> def f(x):
    ...     y = fnp.empty_like(x)
    ...     y[...] = x * x
    ...     return np.sum(y)
    >>> ft.grad(f)(np.array([2.0, 3.0]))
    array([4., 6.])
    """
    return buffer_if_running(np.empty_like(prototype, dtype, order, subok, shape, device=device))


def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """Make an array of another's shape and dtype, filled with a value that may be traced, to write into.

    Parameters
    ----------
    a, dtype, order, subok, shape, device
        Those of ``np.full_like``; ``a`` may be traced. In a buffer ``order`` and ``subok`` mean nothing.
    fill_value
        A number, or an array that broadcasts to the shape.

    Returns
    -------
    array
        A buffer inside a transformation, as of `zeros`; outside NumPy's.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.numpy as fnp
    >>> def f(x, first):
    ...     y = fnp.full_like(x, np.mean(x))
    ...     y[0] = first
    ...     return y
    >>> ft.jacrev(f)(np.array([2.0, 4.0]), 1.0)
    array([[0. , 0. ],
           [0.5, 0.5]])
    """
    if construction.holds_tracers(fill_value):
        likeness = np.empty_like(a, dtype, order, subok, shape, device=device)
        return full(likeness.shape, fill_value, likeness.dtype)
    return buffer_if_running(np.full_like(a, fill_value, dtype, order, subok, shape, device=device))


def _to_write_into(function: Callable[..., Any]) -> None:
    """Let a function of NumPy's that asks about a traced array make buffers too.

    Rules of differentiation, which are NumPy programs as well, write into nothing: they get what costs them less.
    Tensors, which can be written to as they are, take what this wraps.
    """
    constant = FUNCTIONS[function]

    @implements(function)
    @wraps(constant)
    def made(*args: Any, **kwargs: Any) -> Any:
        array = constant(*args, **kwargs)
        return array if by_this_package() else buffer_if_running(array)


# fmt: off
for _function in (
    np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.zeros, np.ones, np.empty, np.full, np.eye, np.identity,
):
    _to_write_into(_function)
# fmt: on
