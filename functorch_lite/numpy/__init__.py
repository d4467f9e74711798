"""NumPy's functions as one namespace, with those that its protocols cannot intercept made to work on traced values.

``import functorch_lite.numpy as fnp``. NumPy dispatches ``np.sin(x)`` on a traced ``x`` to this library by itself, so
these *are* NumPy's functions, except for the few that look into nested lists: `array` and `asarray`.
"""

import numpy as _numpy
from numpy import *  # noqa: F403 - this namespace is NumPy's

from functorch_lite.numpy.construction import array, asarray  # type: ignore[no-redef]  # noqa: F401

__all__ = [name for name in _numpy.__all__ if hasattr(_numpy, name)]

__array_api_version__ = _numpy.__array_api_version__
