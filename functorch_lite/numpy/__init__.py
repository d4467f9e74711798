"""NumPy's functions as one namespace, with those that its protocols cannot intercept made to work on traced values.

``import functorch_lite.numpy as fnp``. NumPy dispatches ``np.sin(x)`` on a traced ``x`` to this library by itself, so
these *are* NumPy's functions, except for `array` and `asarray`, which look into nested lists, for `full`, and for
`take`, of which NumPy dispatches on the table only. The namespace is that of the Python Array API standard as far as
NumPy's own is.
"""

from typing import Any

import numpy as _numpy

from functorch_lite.calculus.taking import put_along_axis
from functorch_lite.numpy.construction import array, asarray, take
from functorch_lite.numpy.filling import empty, empty_like, full, full_like, ones, ones_like, zeros, zeros_like

__all__ = [
    "array",
    "asarray",
    "empty",
    "empty_like",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "put_along_axis",
    "take",
    "zeros",
    "zeros_like",
]

__array_api_version__ = _numpy.__array_api_version__


def __getattr__(name: str) -> Any:
    return getattr(_numpy, name)


def __dir__() -> list[str]:
    return dir(_numpy)
