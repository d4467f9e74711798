"""New arrays, which can be written to: inside a transformation as buffers, outside as NumPy's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.numpy import construction
from functorch_lite.numpy.buffers import buffer_if_running

__all__ = ["empty", "empty_like", "full", "full_like", "ones", "ones_like", "zeros", "zeros_like"]


def zeros(shape: Any, dtype: Any = float, **kwargs: Any) -> Any:
    """Make an array of zeros to write into, also traced values.

    Parameters
    ----------
    shape, dtype
        Those of the array; further keywords are those of ``np.zeros``.

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
    return buffer_if_running(np.zeros(shape, dtype, **kwargs))


def ones(shape: Any, dtype: Any = float, **kwargs: Any) -> Any:
    """Make an array of ones to write into; see `zeros`."""
    return buffer_if_running(np.ones(shape, dtype, **kwargs))


def empty(shape: Any, dtype: Any = float, **kwargs: Any) -> Any:
    """Make an array to write into, of whatever is in memory; see `zeros`."""
    return buffer_if_running(np.empty(shape, dtype, **kwargs))


def full(shape: Any, fill_value: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """Make an array filled with a value, which may be traced, to write into; see `zeros`."""
    return buffer_if_running(construction.full(shape, fill_value, dtype, **kwargs))


def zeros_like(x: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """Make zeros of an array's shape and dtype to write into; see `zeros`."""
    return buffer_if_running(np.zeros_like(x, dtype, **kwargs))


def ones_like(x: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """Make ones of an array's shape and dtype to write into; see `zeros`."""
    return buffer_if_running(np.ones_like(x, dtype, **kwargs))


def empty_like(x: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """Make an array of another's shape and dtype to write into; see `zeros`."""
    return buffer_if_running(np.empty_like(x, dtype, **kwargs))


def full_like(x: Any, fill_value: Any, dtype: Any = None, **kwargs: Any) -> Any:
    """Make an array of another's shape and dtype, filled with a value that may be traced, to write into."""
    made = zeros_like(x, dtype, **kwargs)
    made[...] = fill_value
    return made
