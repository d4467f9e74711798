"""Discrete Fourier transforms: linear maps, and their transposes, which are Fourier transforms again.

The matrix of the complex transform is symmetric, so it is its own transpose; ``n`` crops or pads the axis first, and
the transpose pads or crops last. The transform of a real signal keeps one half of the spectrum, in which each element
but the first (and, for even ``n``, the last) stands for two; the transpose shares or doubles accordingly. The scale
that ``norm`` asks for belongs to the direction: the transpose of a forward transform by a backward one exchanges
"forward" and "backward".
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis, refuse_out
from functorch_lite.calculus.batching import shifted_axes
from functorch_lite.calculus.cumulative import along
from functorch_lite.calculus.declare import linear
from functorch_lite.calculus.matrices import conjugate
from functorch_lite.core.operands import shape_of
from functorch_lite.core.tables import implements

__all__ = ["complex_transform", "real_inverse", "real_transform", "resized"]

# --- Parts of transposes ----------------------------------------------------------------------------------------------


def resized(x: Any, n: int, axis: int) -> Any:
    """Crop an axis to a length, or fill it up with zeros."""
    own = shape_of(x)[axis]
    if n <= own:
        return x if n == own else x[along(axis, slice(n))]
    return np.pad(x, [(0, n - own if i == axis else 0) for i in range(len(shape_of(x)))])


def _multiplicity(g: Any, n: int, axis: int) -> Any:
    """Return how many elements of the spectrum each of its half stands for, as a factor for arrays like ``g``."""
    counts = np.full(n // 2 + 1, 2.0, g.real.dtype)
    counts[0] = 1.0
    if n % 2 == 0:
        counts[-1] = 1.0
    return counts.reshape(-1, *(1,) * (len(shape_of(g)) - axis - 1))


_BACK = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _complex_transpose(g: Any, x_shape: Any, n: int, axis: int, norm: str, inverse: bool) -> Any:
    return resized(complex_transform(g, n, axis, norm, inverse), x_shape[axis], axis)


def _real_transpose(g: Any, x_shape: Any, n: int, axis: int, norm: str) -> Any:
    spectrum = conjugate(g) / _multiplicity(g, n, axis)
    return resized(real_inverse(spectrum, n, axis, _BACK[norm]), x_shape[axis], axis)


def _real_inverse_transpose(g: Any, x_shape: Any, n: int, axis: int, norm: str) -> Any:
    spectrum = conjugate(real_transform(g, n, axis, _BACK[norm])) * _multiplicity(g, n, axis)
    return resized(spectrum, x_shape[axis], axis)


# --- Primitives: one axis, not negative; the length is always given ---------------------------------------------------


@linear(_complex_transpose, batch=shifted_axes(1))
def complex_transform(x: Any, n: int, axis: int, norm: Any, inverse: bool) -> Any:
    """Transform along an axis, forward or back."""
    return (np.fft.ifft if inverse else np.fft.fft)(x, n, axis, norm)


@linear(_real_transpose, batch=shifted_axes(1))
def real_transform(x: Any, n: int, axis: int, norm: Any) -> Any:
    """Transform a real signal; the half of the spectrum is kept that determines the other."""
    return np.fft.rfft(x, n, axis, norm)


@linear(_real_inverse_transpose, batch=shifted_axes(1))
def real_inverse(x: Any, n: int, axis: int, norm: Any) -> Any:
    """Return the real signal of length ``n`` that has this half of a spectrum."""
    return np.fft.irfft(x, n, axis, norm)


# --- One axis ---------------------------------------------------------------------------------------------------------


def _transformed(transform: Callable[..., Any], a: Any, n: int | None, axis: int, norm: Any, *more: Any) -> Any:
    """Apply a primitive along one axis, which has its own length if none is given."""
    axis = only_axis(axis, a.ndim)
    n = _default_length(transform, a, axis) if n is None else operator.index(n)
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    return transform(a, n, axis, _checked(norm), *more)


def _default_length(transform: Callable[..., Any], a: Any, axis: int) -> int:
    length: int = a.shape[axis]
    return 2 * (length - 1) if transform is real_inverse else length


def _checked(norm: Any) -> str:
    norm = "backward" if norm is None else norm
    if norm not in _BACK:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    return str(norm)


@implements(np.fft.fft)
def _fft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    refuse_out("fft.fft", out)
    return _transformed(complex_transform, as_array(a), n, axis, norm, False)


@implements(np.fft.ifft)
def _ifft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    refuse_out("fft.ifft", out)
    return _transformed(complex_transform, as_array(a), n, axis, norm, True)


@implements(np.fft.rfft)
def _rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    refuse_out("fft.rfft", out)
    return _transformed(real_transform, as_array(a), n, axis, norm)


@implements(np.fft.irfft)
def _irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    refuse_out("fft.irfft", out)
    return _transformed(real_inverse, as_array(a), n, axis, norm)


@implements(np.fft.hfft)
def _hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    refuse_out("fft.hfft", out)
    return _transformed(real_inverse, conjugate(as_array(a)), n, axis, _BACK[_checked(norm)])


@implements(np.fft.ihfft)
def _ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    refuse_out("fft.ihfft", out)
    return conjugate(_transformed(real_transform, as_array(a), n, axis, _BACK[_checked(norm)]))


# --- Several axes -----------------------------------------------------------------------------------------------------


def _lengths_and_axes(
    a: Any, s: Any, axes: Any, last: Callable[..., Any] = complex_transform
) -> tuple[list[int], list[int]]:
    """Return the lengths, by default those that the axes have, and the axes; the last belongs to a transform."""
    if axes is None:
        axes = range(-len(s), 0) if s is not None else range(a.ndim)
    axes = [only_axis(axis, a.ndim) for axis in axes]
    own = [a.shape[axis] for axis in axes]
    if s is None and axes:
        own[-1] = _default_length(last, a, axes[-1])
    lengths = own if s is None else list(s)
    if len(lengths) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    if not axes and last is not complex_transform:
        raise IndexError("at least 1 axis must be transformed")
    return [n if length is None or length == -1 else length for n, length in zip(own, lengths, strict=True)], axes


def _over_axes(a: Any, lengths: list[int], axes: list[int], norm: Any, inverse: bool) -> Any:
    for n, axis in zip(reversed(lengths), reversed(axes), strict=True):
        a = _transformed(complex_transform, a, n, axis, norm, inverse)
    return a


@implements(np.fft.fftn)
def _fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    refuse_out("fft.fftn", out)
    a = as_array(a)
    return _over_axes(a, *_lengths_and_axes(a, s, axes), norm, False)


@implements(np.fft.ifftn)
def _ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    refuse_out("fft.ifftn", out)
    a = as_array(a)
    return _over_axes(a, *_lengths_and_axes(a, s, axes), norm, True)


@implements(np.fft.rfftn)
def _rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    refuse_out("fft.rfftn", out)
    a = as_array(a)
    lengths, axes = _lengths_and_axes(a, s, axes, real_transform)
    a = _transformed(real_transform, a, lengths[-1], axes[-1], norm)
    return _over_axes(a, lengths[:-1], axes[:-1], norm, False)


@implements(np.fft.irfftn)
def _irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    refuse_out("fft.irfftn", out)
    a = as_array(a)
    lengths, axes = _lengths_and_axes(a, s, axes, real_inverse)
    for n, axis in zip(lengths[:-1], axes[:-1], strict=True):
        a = _transformed(complex_transform, a, n, axis, norm, True)
    return _transformed(real_inverse, a, lengths[-1], axes[-1], norm)


@implements(np.fft.fft2)
def _fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return _fftn(a, s, axes, norm, out)


@implements(np.fft.ifft2)
def _ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return _ifftn(a, s, axes, norm, out)


@implements(np.fft.rfft2)
def _rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return _rfftn(a, s, axes, norm, out)


@implements(np.fft.irfft2)
def _irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return _irfftn(a, s, axes, norm, out)


# --- The zero frequency in the middle ---------------------------------------------------------------------------------


@implements(np.fft.fftshift)
def _fftshift(x: Any, axes: Any = None) -> Any:
    x = as_array(x)
    axes = _shifted(x, axes)
    return np.roll(x, tuple(x.shape[i] // 2 for i in axes), axes)


@implements(np.fft.ifftshift)
def _ifftshift(x: Any, axes: Any = None) -> Any:
    x = as_array(x)
    axes = _shifted(x, axes)
    return np.roll(x, tuple(-(x.shape[i] // 2) for i in axes), axes)


def _shifted(x: Any, axes: Any) -> tuple[int, ...]:
    if not x.ndim:
        raise ValueError("np.fft.fftshift and its inverse shift along axes; a number has none")
    if axes is None:
        return tuple(range(x.ndim))
    return tuple(only_axis(i, x.ndim) for i in (axes if hasattr(axes, "__len__") else (axes,)))
