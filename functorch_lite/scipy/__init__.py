"""Functions of SciPy that accept traced values: `special`, `linalg`, `stats`, `signal` and their kin.

The ufuncs of ``scipy.special`` reach the library by themselves: ``scipy.special.gammaln(x)`` works on a traced ``x``.
SciPy's other functions convert their arguments to plain arrays, so they have counterparts of the same names here.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

try:
    import scipy  # noqa: F401 - whether it is there
except ImportError as error:
    raise ImportError("functorch_lite.scipy needs SciPy: pip install 'functorch_lite[scipy]'") from error


def __getattr__(name: str) -> ModuleType:
    qualified = f"{__name__}.{name}"
    if name.startswith("_") or find_spec(qualified) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(qualified)
