"""Convolution and correlation of images, with what is beyond their borders."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.matrices import conjugate
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.scipy.signal.convolution import bilinear_convolution, inputs_in_order

__all__ = ["convolve2d", "correlate2d"]

_PADDINGS = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: float = 0) -> Any:
    """Convolve two matrices.

    Parameters
    ----------
    in1, in2
        Matrices.
    mode
        ``"full"``; ``"same"``: the centre, of the shape of ``in1``; ``"valid"``: where neither meets its border.
    boundary
        What is beyond the border of ``in1``: ``"fill"``: ``fillvalue``; ``"wrap"``: its other side; ``"symm"``: its
        mirror image.
    fillvalue
        A number.

    Returns
    -------
    array
        The convolution, differentiable in both.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import convolve2d
    >>> image = np.arange(9.0).reshape(3, 3)
    >>> ft.grad(lambda kernel: convolve2d(image, kernel, "same", "wrap")[0, 0])(np.ones((2, 2)))
    array([[0., 2.],
           [6., 8.]])
    """
    in1, in2 = _matrix("convolve2d", in1), _matrix("convolve2d", in2)
    return _convolved(in1, in2, mode, boundary, fillvalue, [(n - 1) // 2 for n in shape_of(in2)])


def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: float = 0) -> Any:
    """Correlate two matrices: convolve the one with the other conjugated and reversed.

    Parameters
    ----------
    in1, in2, mode, boundary, fillvalue
        As for `convolve2d`.

    Returns
    -------
    array
        The correlation, differentiable in both.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import correlate2d
    >>> image = np.arange(9.0).reshape(3, 3)
    >>> ft.grad(lambda kernel: correlate2d(image, kernel, "valid")[1, 1])(np.ones((2, 2)))
    array([[4., 5.],
           [7., 8.]])
    """
    in1, in2 = _matrix("correlate2d", in1), conjugate(_matrix("correlate2d", in2))[::-1, ::-1]
    return _convolved(in1, in2, mode, boundary, fillvalue, [n // 2 for n in shape_of(in2)])


def _matrix(name: str, x: Any) -> Any:
    x = as_array(x)
    if x.ndim != 2:
        raise ValueError(f"{name} inputs must both be 2-D arrays, not one of shape {shape_of(x)}")
    return x


def _convolved(x: Any, y: Any, mode: str, boundary: str, fillvalue: float, centre: list[int]) -> Any:
    if mode not in ("full", "same", "valid"):
        raise ValueError("acceptable mode flags are 'valid', 'same', or 'full'")
    if boundary not in _PADDINGS:
        raise ValueError(f"convolution at {user_line()}: boundary is 'fill', 'wrap' or 'symm', not {boundary!r}")
    if mode == "valid":
        x, y = inputs_in_order(x, y, 2)
        return bilinear_convolution(x, y, 2, False, "direct")
    reach = [n - 1 for n in shape_of(y)]
    if mode == "full":
        around = [(n, n) for n in reach]
    else:
        around = [(n - start, start) for n, start in zip(reach, centre, strict=True)]
    values = {"constant_values": fillvalue} if boundary == "fill" else {}
    padded: Any = np.pad(x, around, _PADDINGS[boundary], **values)  # type: ignore[call-overload]
    return bilinear_convolution(padded, y, 2, False, "direct")
