"""Activations that set what is small to zero, or to a value."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.tensor.in_place import written_over

__all__ = ["hardshrink", "softshrink", "threshold"]


def threshold(x: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """Keep what is larger than a threshold, and put a value for the rest.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.threshold(np.array([-1.0, 0.5, 2.0]), 0.5, 9.0)
    array([9., 9., 2.])
    """
    if inplace:
        return written_over(x, "threshold_", _threshold, threshold, value)
    return _threshold(x, threshold, value)


def _threshold(x: Any, threshold: float, value: float) -> Any:
    return np.where(x > threshold, x, value)


def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """Set to zero what lies within ``-lambd`` and ``lambd``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.hardshrink(np.array([-1.0, 0.5, 2.0]))
    array([-1.,  0.,  2.])
    """
    return np.where(np.abs(x) > lambd, x, 0)


def softshrink(x: Any, lambd: float = 0.5) -> Any:
    """Set to zero what lies within ``-lambd`` and ``lambd``, and move the rest towards zero by ``lambd``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.softshrink(np.array([-1.0, 0.5, 2.0]))
    array([-0.5,  0. ,  1.5])
    """
    return np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, 0))
