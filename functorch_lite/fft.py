"""Fourier transforms: the functions of ``numpy.fft``, which also understand PyTorch's ``dim``.

NumPy dispatches ``np.fft.fft(x)`` on traced values to this library by itself, and so it does what is called here.

Examples
--------
>>> import numpy as np, functorch_lite as ft
>>> energy = lambda x: np.sum(np.abs(ft.fft.rfft(x)) ** 2)
>>> ft.grad(energy)(np.array([1.0, 0.0, 0.0, 0.0]))
array([6., 0., 2., 0.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = [*np.fft.__all__]  # noqa: PLE0604 - strings all

#: What NumPy calls the axes of those functions that have some.
_WORDS = {
    **dict.fromkeys(("fft", "hfft", "ifft", "ihfft", "irfft", "rfft"), "axis"),
    **dict.fromkeys(("fft2", "fftn", "fftshift", "ifft2", "ifftn", "ifftshift"), "axes"),
    **dict.fromkeys(("irfft2", "irfftn", "rfft2", "rfftn"), "axes"),
}


def _bilingual(name: str, word: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(np.fft, name)

    def transform(x: Any, *args: Any, **kwargs: Any) -> Any:
        if "dim" in kwargs:
            if word in kwargs:
                raise TypeError(f"the axis is given twice; name it once, as {word} (NumPy) or as dim (PyTorch)")
            kwargs[word] = kwargs.pop("dim")
        return function(x, *args, **kwargs)

    transform.__name__ = transform.__qualname__ = name
    axes = "0" if word == "axis" else "(0, 1)"
    transform.__doc__ = f"""``np.fft.{name}``, which also understands PyTorch's ``dim``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = np.eye(3)
    >>> np.array_equal(ft.fft.{name}(x, dim={axes}), np.fft.{name}(x, {word}={axes}))
    True
    """
    return transform


globals().update({name: _bilingual(name, word) for name, word in _WORDS.items()})


def __getattr__(name: str) -> Any:
    return getattr(np.fft, name)


def __dir__() -> list[str]:
    return __all__
