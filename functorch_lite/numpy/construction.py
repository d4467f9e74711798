"""Arrays from arguments that may hold traced values where NumPy's protocols do not look."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus import taking
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import OBJECT
from functorch_lite.core.tables import FUNCTIONS
from functorch_lite.core.trace import Tracer
from functorch_lite.numpy.buffers import Buffer

__all__ = ["array", "asarray", "full", "holds_tracers", "take"]


def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: bool | None = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
) -> Any:
    """Make an array of a nested list, which may hold traced numbers and arrays.

    Parameters
    ----------
    object
        An array, a number, or nested lists of them.
    dtype
        The dtype to convert to.
    copy
        Whether to copy an array; a traced value never changes and is never copied.
    order, subok, ndmin, ndmax, like
        As for ``np.array``; of a traced array only ``ndmin`` and ``ndmax`` mean anything.

    Returns
    -------
    array
        A traced array if anything in it is traced.

    Raises
    ------
    ValueError
        If nested lists, some of it traced, need more axes than ``ndmax``: there are no traced arrays of lists.

    Examples
    --------
    >>> import functorch_lite as ft, functorch_lite.numpy as fnp
    >>> ft.jacobian(lambda x: fnp.array([[x[0], 0.0], [1.0, x[1] ** 2]]))(fnp.array([1.0, 3.0]))[1, 1]
    array([0., 6.])
    """
    if not holds_tracers(object):
        limit = {"ndmax": ndmax} if ndmax else {}  # given to NumPy 2.4, the default 0 is no default
        return np.array(object, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin, like=like, **limit)
    made = _traced(object, dtype, copy)
    if 0 < ndmax < np.ndim(made) and not isinstance(object, Tracer):
        raise ValueError(
            f"at {user_line()} fnp.array(…, ndmax={ndmax}) was given lists with traced numbers that need "
            f"{np.ndim(made)} axes; there are no traced arrays of lists"
        )
    missing = ndmin - np.ndim(made)
    return np.expand_dims(made, tuple(range(missing))) if missing > 0 else made


def asarray(
    a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: bool | None = None, like: Any = None
) -> Any:
    """Make an array as `array` does, without copying one that is there unless ``copy`` asks for it.

    Parameters
    ----------
    a, dtype
        As ``object`` and ``dtype`` of `array`.
    order, like
        As for ``np.asarray``; without meaning for a traced array.
    device
        None or ``"cpu"``, as in the Array API standard.
    copy
        True: always; None: if need be; False: never (`ValueError` where need be). A traced value never changes and is
        never copied.

    Returns
    -------
    array
        A traced array if anything in it is traced.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.numpy as fnp
    >>> ft.grad(lambda x: np.prod(fnp.asarray([x, 2.0, x])))(3.0)
    np.float64(12.0)
    """
    if holds_tracers(a):
        return _traced(a, dtype, copy)
    return np.asarray(a, dtype, order, device=device, copy=copy, like=like)


def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", *, device: Any = None, like: Any = None
) -> Any:
    """Make an array of a shape, filled with a number that may be traced.

    Parameters
    ----------
    shape, dtype, order, device, like
        Those of ``np.full``.
    fill_value
        A number, or an array that broadcasts to the shape.

    Returns
    -------
    array
        A traced array if the value is traced.

    Examples
    --------
    >>> import functorch_lite as ft, functorch_lite.numpy as fnp
    >>> ft.jacfwd(lambda x: fnp.full((2,), x))(3.0)
    array([1., 1.])
    """
    if holds_tracers(fill_value):
        return np.broadcast_to(FUNCTIONS[np.array](fill_value, dtype), shape)
    return np.full(shape, fill_value, dtype, order, device=device, like=like)


def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: Any = "raise") -> Any:
    """Take elements along an axis, as ``np.take`` does; the table may be plain where the indices are traced.

    Parameters
    ----------
    a
        The table.
    indices
        Integers.
    axis
        The axis; None: of the table with one axis.
    out, mode
        Those of ``np.take``.

    Returns
    -------
    array
        Differentiable in the table. The axis is replaced by the axes of ``indices``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.numpy as fnp
    >>> ft.vmap(lambda i: fnp.take(np.array([10.0, 20.0, 30.0]), i))(np.array([2, 0]))
    array([30., 10.])
    """
    if holds_tracers(a) or holds_tracers(indices):
        return taking.take(a, indices, axis, out, mode)
    return np.take(a, indices, axis, out, mode)


def holds_tracers(object: Any) -> bool:
    """Say whether a value is traced, or is a nested list or an object array with traced values in it."""
    if isinstance(object, list | tuple):
        return any(map(holds_tracers, object))
    return isinstance(object, Tracer) or getattr(object, "dtype", None) is OBJECT


def _traced(object: Any, dtype: Any, copy: bool | None) -> Any:
    """Return the array that a traced value or a list with some is; a buffer is the one kind that can change later."""
    made = FUNCTIONS[np.array](object, dtype)
    return made.copy() if copy and made is object and isinstance(made, Buffer) else made
