"""Fourier transforms: the functions of ``numpy.fft``.

NumPy dispatches ``np.fft.fft(x)`` on traced values to this library by itself, so these *are* NumPy's functions.

Examples
--------
>>> import numpy as np, functorch_lite as ft
>>> energy = lambda x: np.sum(np.abs(ft.fft.rfft(x)) ** 2)
>>> ft.grad(energy)(np.array([1.0, 0.0, 0.0, 0.0]))
array([6., 0., 2., 0.])
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [*np.fft.__all__]  # noqa: PLE0604 - strings all


def __getattr__(name: str) -> Any:
    return getattr(np.fft, name)


def __dir__() -> list[str]:
    return __all__
