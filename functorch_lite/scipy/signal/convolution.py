"""Convolution and correlation of arrays of any rank, along some axes or all."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import scipy.signal

from functorch_lite.calculus.arguments import as_array, reduced_axes, refuse_foreign
from functorch_lite.calculus.declare import linear
from functorch_lite.calculus.matrices import conjugate
from functorch_lite.core.operands import aligned
from functorch_lite.core.primitive import Arrays, Params, Primitive

__all__ = ["bilinear_convolution", "convolve", "correlate", "fftconvolve", "inputs_in_order", "oaconvolve"]

# --- The primitive ----------------------------------------------------------------------------------------------------


def _reversed(x: Any, rank: int) -> Any:
    return x[(..., *(slice(None, None, -1),) * rank)]


def _transpose_in_x(g: Any, y: Any, rank: int, full: bool, method: str) -> Any:
    return bilinear_convolution(g, _reversed(y, rank), rank, not full, method)


def _transpose_in_y(g: Any, x: Any, rank: int, full: bool, method: str) -> Any:
    if full:
        return bilinear_convolution(g, _reversed(x, rank), rank, False, method)
    return _reversed(bilinear_convolution(x, _reversed(g, rank), rank, False, method), rank)


def _batch(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    return primitive.bind(aligned(arrays, batched), params)


@linear(_transpose_in_x, _transpose_in_y, batch=_batch)
def bilinear_convolution(x: Any, y: Any, rank: int, full: bool, method: str) -> Any:
    """Convolve along the last ``rank`` axes: all sums, or those alone in which all of ``y`` meets elements of ``x``.

    In the second case ``y`` is nowhere longer than ``x``. Leading axes broadcast. Fourier transforms (``method`` is
    ``"fft"``, or ``"auto"`` and they are faster) spread the rounding errors of a large element, and a NaN, over all.
    """
    refuse_foreign("convolve", x, y)
    if not (x.size and y.size):
        leading = np.broadcast_shapes(x.shape[:-rank], y.shape[:-rank])
        sign = 1 if full else -1
        lengths = (m + sign * (n - 1) for m, n in zip(x.shape[-rank:], y.shape[-rank:], strict=True))
        return np.zeros((*leading, *lengths), np.result_type(x, y))
    mode = "full" if full else "valid"
    if x.ndim == y.ndim == rank:
        return scipy.signal.convolve(x, y, mode, method)
    top = max(x.ndim, y.ndim)
    # In the order of rows: how sums round must not depend on how the numbers lie.
    x, y = (np.ascontiguousarray(a.reshape((1,) * (top - a.ndim) + a.shape)) for a in (x, y))
    exact = np.result_type(x, y).kind in "iu"
    if method == "auto":
        example = (0,) * (top - rank)
        method = "direct" if exact else scipy.signal.choose_conv_method(x[example], y[example], mode)
    if method == "fft":
        sums = scipy.signal.fftconvolve(x, y, mode, tuple(range(top - rank, top)))
        return np.rint(sums).astype(np.result_type(x, y)) if exact else sums
    if rank == 1 and x.shape[-1] * y.shape[-1] >= LONG:
        return _sums_of_rows(x, y, mode)
    return _all_sums(x, y, rank) if full else _whole_sums(x, y, rank)


#: Vectors with so many products are convolved one by one; the call for each is short beside the sums.
LONG = 1000


def _sums_of_rows(x: Any, y: Any, mode: Any) -> Any:
    leading = np.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    x, y = (np.broadcast_to(a, (*leading, a.shape[-1])).reshape(-1, a.shape[-1]) for a in (x, y))
    return np.stack([np.convolve(a, b, mode) for a, b in zip(x, y, strict=True)]).reshape(*leading, -1)


def _all_sums(x: Any, y: Any, rank: int) -> Any:
    """Add up the one array as often as the other, smaller one has elements; nothing is multiplied by a padding."""
    if prod(x.shape[-rank:]) < prod(y.shape[-rank:]):
        x, y = y, x
    lengths = tuple(m + n - 1 for m, n in zip(x.shape[-rank:], y.shape[-rank:], strict=True))
    sums: Any = np.zeros((*np.broadcast_shapes(x.shape[:-rank], y.shape[:-rank]), *lengths), np.result_type(x, y))
    for place in np.ndindex(y.shape[-rank:]):
        window = tuple(slice(first, first + n) for first, n in zip(place, x.shape[-rank:], strict=True))
        sums[(..., *window)] += x * y[(..., *place, *(None,) * rank)]
    return sums


def _whole_sums(x: Any, y: Any, rank: int) -> Any:
    last = tuple(range(-rank, 0))
    windows = np.lib.stride_tricks.sliding_window_view(x, y.shape[-rank:], last)
    places, within = list(range(rank)), list(range(rank, 2 * rank))
    return np.einsum(windows, [..., *places, *within], _reversed(y, rank), [..., *within], [..., *places])


# --- Functions of SciPy -----------------------------------------------------------------------------------------------


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Convolve two arrays of one rank.

    Parameters
    ----------
    in1, in2
        Arrays with the same number of axes.
    mode
        ``"full"``; ``"same"``: the centre, of the shape of ``in1``; ``"valid"``: where neither meets its border.
    method
        ``"direct"``, ``"fft"`` or ``"auto"``: the faster one.

    Returns
    -------
    array
        The discrete linear convolution, differentiable in both.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import convolve
    >>> blur = lambda kernel: np.sum(convolve(np.array([0.0, 1.0, 0.0, 2.0]), kernel, "same") ** 2)
    >>> ft.grad(blur)(np.array([0.5, 1.0, 0.5]))
    array([ 7., 10.,  3.])
    """
    in1, in2 = as_array(in1), as_array(in2)
    if in1.ndim != in2.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if not in1.ndim:
        return in1 * in2
    return _convolved(in1, in2, mode, tuple(range(in1.ndim)), method)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Correlate two arrays of one rank: the convolution with the second one conjugated and reversed in all axes.

    Parameters
    ----------
    in1, in2, mode, method
        As for `convolve`.

    Returns
    -------
    array
        The correlation, differentiable in both.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import correlate
    >>> correlate(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0]), "valid")
    array([2., 3.])
    >>> ft.jacrev(lambda y: correlate(np.array([1.0, 2.0, 3.0]), y, "valid"))(np.array([0.0, 1.0]))
    array([[1., 2.],
           [2., 3.]])
    """
    in1, in2 = as_array(in1), as_array(in2)
    if in1.ndim != in2.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if not in1.ndim:
        return in1 * conjugate(in2)
    return _convolved(in1, conjugate(_reversed(in2, in2.ndim)), mode, tuple(range(in1.ndim)), method)


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Convolve along some axes by Fourier transforms; the other axes broadcast.

    Parameters
    ----------
    in1, in2, mode
        As for `convolve`.
    axes
        The axes, an int or a sequence; None: all.

    Returns
    -------
    array
        The discrete linear convolution, differentiable in both.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import fftconvolve
    >>> signals, kernel = np.ones((5, 8)), np.array([[1.0, -1.0]])
    >>> gradient = ft.grad(lambda kernel: np.sum(fftconvolve(signals, kernel, axes=1) ** 2))(kernel)
    >>> np.round(gradient, 6)
    array([[ 10., -10.]])
    """
    in1, in2 = as_array(in1), as_array(in2)
    if in1.ndim != in2.ndim:
        raise ValueError("in1 and in2 should have the same dimensionality")
    if not in1.ndim:
        return in1 * in2
    return _convolved(in1, in2, mode, reduced_axes(axes, in1.ndim), "fft")


def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Convolve as `fftconvolve` does, where SciPy adds up transforms of overlapping parts.

    Parameters
    ----------
    in1, in2, mode, axes
        As for `fftconvolve`.

    Returns
    -------
    array
        As of `fftconvolve`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import oaconvolve
    >>> slope = ft.grad(lambda x: oaconvolve(x, np.array([1.0, 2.0]))[1])(np.ones(3))
    >>> bool(np.allclose(slope, [2.0, 1.0, 0.0]))
    True
    """
    return fftconvolve(in1, in2, mode, axes)


def _convolved(in1: Any, in2: Any, mode: str, axes: tuple[int, ...], method: str) -> Any:
    if mode not in ("full", "same", "valid"):
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    rank = len(axes)
    last = tuple(range(-rank, 0))
    x, y = np.moveaxis(in1, axes, last), np.moveaxis(in2, axes, last)
    if mode == "valid":
        x, y = inputs_in_order(x, y, rank)
    sums = bilinear_convolution(x, y, rank, mode != "valid", method)
    if mode == "same":
        starts = [(n - 1) // 2 for n in y.shape[-rank:]]
        window = [slice(first, first + n) for first, n in zip(starts, x.shape[-rank:], strict=True)]
        sums = sums[(..., *window)]
    return np.moveaxis(sums, last, axes)


def inputs_in_order(x: Any, y: Any, rank: int) -> tuple[Any, Any]:
    """Return the array first that is nowhere smaller along the last axes."""
    sizes = list(zip(x.shape[-rank:], y.shape[-rank:], strict=True))
    if all(m >= n for m, n in sizes):
        return x, y
    if not all(m <= n for m, n in sizes):
        raise ValueError("For 'valid' mode, one must be at least as large as the other in every dimension")
    return y, x
