"""SciPy's own special functions as rules use them: the ufuncs, which dispatch on traced values.

With ``SCIPY_ARRAY_API=1`` SciPy wraps many of them in Python functions that dispatch on namespaces instead; behind some
plain functions (``lambertw``, ``zeta``) stands a ufunc that has no public name. Both are found here.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.special

__all__ = ["behind", "sp"]


class _Probe:
    """An argument that answers with the ufunc that was applied to it."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return ufunc


def behind(call: Callable[[Any], Any]) -> Any:
    """Return the ufunc that ``call`` applies to its argument."""
    return call(_Probe())


def _unwrapped(function: Any) -> Any:
    return getattr(function, "__wrapped__", function)


#: The ufuncs of ``scipy.special``, by name.
sp: Any = SimpleNamespace(
    **{name: _unwrapped(f) for name, f in vars(scipy.special).items() if isinstance(_unwrapped(f), np.ufunc)}
)
sp.zeta = behind(lambda x: _unwrapped(scipy.special.zeta)(x, 1.0))
sp.riemann_zeta = behind(lambda x: _unwrapped(scipy.special.zeta)(x))
sp.lambertw = behind(scipy.special.lambertw)
