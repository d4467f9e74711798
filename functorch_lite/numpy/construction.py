"""Arrays from nested lists that may hold traced values: what NumPy's protocols cannot intercept."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.operands import OBJECT
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.core.trace import Tracer

__all__ = ["array", "asarray", "full"]


def array(object: Any, dtype: Any = None, *, copy: bool = True) -> Any:
    """Make an array of a nested list, which may hold traced numbers and arrays.

    Parameters
    ----------
    object
        An array, a number, or nested lists of them.
    dtype
        The dtype to convert to.
    copy
        Whether to copy a plain array; a traced value never changes and is never copied.

    Returns
    -------
    array
        A traced array if anything in it is traced.

    Examples
    --------
    >>> import functorch_lite as ft, functorch_lite.numpy as fnp
    >>> ft.jacobian(lambda x: fnp.array([[x[0], 0.0], [1.0, x[1] ** 2]]))(fnp.array([1.0, 3.0]))[1, 1]
    array([0., 6.])
    """
    if _holds_tracers(object):
        return FUNCTIONS[np.array](object, dtype)
    return np.array(object, dtype, copy=copy or None)


def asarray(object: Any, dtype: Any = None, *, device: Any = None, copy: bool | None = None) -> Any:
    """Make an array as `array` does, without copying one that is there unless ``copy`` asks for it.

    Parameters
    ----------
    object, dtype
        As for `array`.
    device
        None or ``"cpu"``, as in the Array API standard.
    copy
        True: always; None: if need be; False: never (`ValueError` where need be). A traced value never changes and is
        never copied.
    """
    if _holds_tracers(object):
        return FUNCTIONS[np.array](object, dtype)
    return np.asarray(object, dtype, device=device, copy=copy)


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None) -> Any:
    """Make an array of a shape, filled with a number that may be traced.

    Examples
    --------
    >>> import functorch_lite as ft, functorch_lite.numpy as fnp
    >>> ft.jacfwd(lambda x: fnp.full((2,), x))(3.0)
    array([1., 1.])
    """
    if _holds_tracers(fill_value):
        return np.broadcast_to(FUNCTIONS[np.array](fill_value, dtype), shape)
    return np.full(shape, fill_value, dtype, order=order, device=device)  # type: ignore[call-overload]


def _holds_tracers(object: Any) -> bool:
    if isinstance(object, list | tuple):
        return any(map(_holds_tracers, object))
    return isinstance(object, Tracer) or getattr(object, "dtype", None) is OBJECT
