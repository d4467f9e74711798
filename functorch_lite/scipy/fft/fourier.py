"""Fourier transforms with SciPy's arguments: NumPy's, and the Hermitian ones of several axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.fft import fftfreq, fftshift, ifftshift, rfftfreq

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.matrices import conjugate

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

#: The scale of a transform in the other direction.
_BACK = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _conjugated_before(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, s, axes, norm: function(conjugate(x), s, axes, _BACK.get(norm, norm))


def _conjugated_after(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, s, axes, norm: conjugate(function(x, s, axes, _BACK.get(norm, norm)))


_HERMITIAN = {
    "hfft2": _conjugated_before(np.fft.irfftn),
    "hfftn": _conjugated_before(np.fft.irfftn),
    "ihfft2": _conjugated_after(np.fft.rfftn),
    "ihfftn": _conjugated_after(np.fft.rfftn),
}


def _of_one_axis(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(np.fft, name)

    def transform(
        x: Any, n: Any = None, axis: int = -1, norm: Any = None, overwrite_x: bool = False, workers: Any = None
    ) -> Any:
        return function(as_array(x), n, axis, norm)

    return _named(transform, name, "(x, 6, axis=0)")


def _of_several_axes(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = _HERMITIAN.get(name) or getattr(np.fft, name)
    usual = (-2, -1) if name.endswith("2") else None

    def transform(
        x: Any,
        s: Any = None,
        axes: Any = usual,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
    ) -> Any:
        x = as_array(x)
        lengths = (s,) if isinstance(s, int) else s
        which = (axes,) if isinstance(axes, int) else axes
        if which is None:
            which = range(x.ndim) if lengths is None else range(-len(lengths), 0)
        return function(x, lengths, tuple(which), norm)

    return _named(transform, name, "(x, (4, 6))")


def _named(transform: Callable[..., Any], name: str, arguments: str) -> Callable[..., Any]:
    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"""``scipy.fft.{name}``, for traced values too.

    Examples
    --------
    >>> import numpy as np, scipy.fft
    >>> from functorch_lite.scipy import fft
    >>> x = np.eye(4, 5)
    >>> np.allclose(fft.{name}{arguments}, scipy.fft.{name}{arguments})
    True
    """
    return transform


fft, ifft, rfft = _of_one_axis("fft"), _of_one_axis("ifft"), _of_one_axis("rfft")
irfft, hfft, ihfft = _of_one_axis("irfft"), _of_one_axis("hfft"), _of_one_axis("ihfft")
fft2, ifft2, rfft2 = _of_several_axes("fft2"), _of_several_axes("ifft2"), _of_several_axes("rfft2")
irfft2, hfft2, ihfft2 = _of_several_axes("irfft2"), _of_several_axes("hfft2"), _of_several_axes("ihfft2")
fftn, ifftn, rfftn = _of_several_axes("fftn"), _of_several_axes("ifftn"), _of_several_axes("rfftn")
irfftn, hfftn, ihfftn = _of_several_axes("irfftn"), _of_several_axes("hfftn"), _of_several_axes("ihfftn")
