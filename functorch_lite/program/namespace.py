"""The namespace in which source runs: names for functions, parameters and numbers.

Variables of a program are named by letters only: what has a digit or an underscore in its name cannot be hidden by one.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from functorch_lite.core.primitive import JointPrimitive
from functorch_lite.program.phrases import is_plain

__all__ = ["Namespace"]


class Namespace(dict[str, Any]):
    """What source finds under its names; each method puts something in and returns its name."""

    def __init__(self) -> None:
        super().__init__({"np_array": np.array, "float64": np.float64, "np_inf": math.inf, "np_nan": math.nan})
        self._functions: dict[int, str] = {}
        self._scalars: dict[Any, str] = {}

    def function(self, primitive: Any) -> str:
        """Name what computes a primitive."""
        name = self._functions.get(id(primitive))
        if name is None:
            base = re.sub(r"\W", "_", primitive.name)
            name = self._functions[id(primitive)] = f"f{len(self._functions)}_{base}"
            joint = primitive.bind if isinstance(primitive, JointPrimitive) else primitive.function
            self[name] = primitive.run if hasattr(primitive, "entries") else joint
        return name

    def ufunc(self, function: np.ufunc) -> str:
        """Name a ufunc."""
        name = f"np_{function.__name__}"
        if self.setdefault(name, function) is not function:
            name = f"{name}_{len(self)}"
            self[name] = function
        return name

    def call_into(self, function: np.ufunc, texts: list[str], target: str) -> str:
        """Return a call of a ufunc that puts its result into memory at hand."""
        out = "out=" if function in (np.maximum, np.minimum) else ""  # a third positional argument is deprecated there
        return f"{self.ufunc(function)}({', '.join(texts)}, {out}{target})"

    def parameter(self, value: Any) -> str:
        """Return the text of a parameter if that means it, else a name."""
        if is_plain(value):
            return repr(value)
        name = f"p{len(self)}"
        self[name] = value
        return name

    def scalar(self, value: float, dtype: Any) -> str:
        """Name a 0-d array of a Python number."""
        key = (repr(value), dtype)
        if key not in self._scalars:
            self._scalars[key] = name = f"c{len(self._scalars)}"
            self[name] = np.array(value, dtype)
        return self._scalars[key]
