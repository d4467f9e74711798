"""Discrete cosine and sine transforms: linear maps, whose transposes are such transforms.

Type II is the transpose of type III, and types I and IV are symmetric; so it is where the transforms are made
orthogonal (``orthogonalize``). Else the elements that stand in the series once, where others stand twice, have another
weight: the first one, of sines the last, and of cosines of type I both.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import scipy.fft

from functorch_lite.calculus.arguments import as_array, only_axis, refuse_foreign
from functorch_lite.calculus.batching import shifted_axes
from functorch_lite.calculus.declare import linear
from functorch_lite.calculus.fourier import resized
from functorch_lite.core.operands import shape_of

__all__ = ["dct", "dctn", "dst", "dstn", "idct", "idctn", "idst", "idstn"]

# --- The primitive ----------------------------------------------------------------------------------------------------

_TRANSPOSED = {1: 1, 2: 3, 3: 2, 4: 4}
_BACK = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _weights(g: Any, n: int, axis: int, sine: bool, type: int) -> Any:
    """Return the weights of the elements of a series, as a factor for arrays like ``g``."""
    weights = np.ones(n, g.real.dtype)
    if type in (2, 3):
        weights[-1 if sine else 0] = 0.5
    elif type == 1 and not sine:
        weights[[0, -1]] = 0.5
    return weights.reshape(-1, *(1,) * (len(shape_of(g)) - axis - 1))


def _transpose(g: Any, x_shape: Any, n: int, axis: int, sine: bool, type: int, norm: str, orthogonal: bool) -> Any:
    weights = 1.0 if orthogonal else _weights(g, n, axis, sine, type)
    before = g / weights if type in (1, 2) else g
    back = trigonometric_transform(before, n, axis, sine, _TRANSPOSED[type], norm, orthogonal)
    return resized(back * weights if type in (1, 3) else back, x_shape[axis], axis)


@linear(_transpose, batch=shifted_axes(1))
def trigonometric_transform(
    x: Any, n: int, axis: int, sine: bool, type: int, norm: str, orthogonal: bool
) -> Any:
    """Transform along an axis by cosines or sines."""
    refuse_foreign("dst" if sine else "dct", x)
    if not x.size:
        return resized(x, n, axis) * 1.0
    function = scipy.fft.dst if sine else scipy.fft.dct
    if x.dtype.kind == "c":  # SciPy forgets of complex numbers whether the transform is to be orthogonal
        real, imaginary = (function(part, type, n, axis, norm, orthogonalize=orthogonal) for part in (x.real, x.imag))
        return real + 1j * imaginary
    return function(x, type, n, axis, norm, orthogonalize=orthogonal)


# --- Functions of SciPy -----------------------------------------------------------------------------------------------


def _transformed(
    type: int, x: Any, lengths: Any, axes: Any, norm: Any, orthogonalize: Any, sine: bool, inverse: bool
) -> Any:
    name = ("i" if inverse else "") + ("dst" if sine else "dct")
    if type not in _TRANSPOSED:
        raise ValueError(f"{name} has types 1, 2, 3 and 4, not {type!r}")
    norm = "backward" if norm is None else norm
    if norm not in _BACK:
        raise ValueError(f'Invalid norm value {norm!r}; should be "backward", "ortho" or "forward".')
    orthogonal = norm == "ortho" if orthogonalize is None else bool(orthogonalize)
    if inverse:
        type, norm = _TRANSPOSED[type], _BACK[norm]
    least = 2 if type == 1 and not sine else 1
    for n, axis in zip(lengths, axes, strict=True):
        if n < least:
            raise ValueError(f"{name} of type {type} needs {least} data points at least along an axis, not {n}")
        x = trigonometric_transform(x, n, axis, sine, type, norm, orthogonal)
    return x


def _one_axis(x: Any, n: Any, axis: int) -> tuple[Any, tuple[int], tuple[int]]:
    x = as_array(x)
    axis = only_axis(axis, x.ndim)
    return x, (x.shape[axis] if n is None else operator.index(n),), (axis,)


def _several_axes(x: Any, s: Any, axes: Any) -> tuple[Any, list[int], list[int]]:
    x = as_array(x)
    s = [s] if isinstance(s, int) else s
    axes = [axes] if isinstance(axes, int) else axes
    if axes is None:
        axes = range(x.ndim) if s is None else range(-len(s), 0)
    axes = [only_axis(axis, x.ndim) for axis in axes]
    lengths = [x.shape[axis] for axis in axes] if s is None else [operator.index(n) for n in s]
    if len(lengths) != len(axes):
        raise ValueError("when given, axes and shape arguments have to be of the same length")
    if len(set(axes)) != len(axes):
        raise ValueError("all axes must be unique")
    return x, lengths, axes


def dct(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Any:
    """Compute the discrete cosine transform.

    Parameters
    ----------
    x
        The array; of complex ones both parts are transformed.
    type
        1 to 4: which of the transforms.
    n
        The length to which the axis is cut or filled up by zeros; None: its own.
    axis
        The axis along which to transform.
    norm
        ``"backward"`` (None): no scale; ``"ortho"``; ``"forward"``: the inverse has none.
    overwrite_x, workers
        Hints, which are not followed.
    orthogonalize
        Whether the elements that stand once in the series are scaled so that the transform is orthogonal; None: with
        the scale ``"ortho"``.

    Returns
    -------
    array
        Of the shape of ``x``, but for ``n``; linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.fft import dct
    >>> coarse = lambda x: np.sum(dct(x, norm="ortho")[:1] ** 2)  # the square of the sum, over the length
    >>> np.round(ft.grad(coarse)(np.array([1.0, 2.0, 3.0, 6.0])), 6)
    array([6., 6., 6., 6.])
    """
    return _transformed(type, *_one_axis(x, n, axis), norm, orthogonalize, sine=False, inverse=False)


def idct(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Any:
    """Invert the discrete cosine transform.

    Parameters
    ----------
    x, type, n, axis, norm, overwrite_x, workers, orthogonalize
        As for `dct`, which is undone if it had the same ones.

    Returns
    -------
    array
        As of `dct`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.fft import dct, idct
    >>> smooth = lambda x: idct(dct(x)[:2], n=4)
    >>> np.round(ft.jacfwd(smooth)(np.zeros(4)) @ np.ones(4), 6)
    array([1., 1., 1., 1.])
    """
    return _transformed(type, *_one_axis(x, n, axis), norm, orthogonalize, sine=False, inverse=True)


def dst(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Any:
    """Compute the discrete sine transform.

    Parameters
    ----------
    x, type, n, axis, norm, overwrite_x, workers, orthogonalize
        As for `dct`.

    Returns
    -------
    array
        As of `dct`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.fft import dst
    >>> ft.jacrev(lambda x: dst(x, type=1))(np.ones(1))
    array([[2.]])
    """
    return _transformed(type, *_one_axis(x, n, axis), norm, orthogonalize, sine=True, inverse=False)


def idst(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Any:
    """Invert the discrete sine transform.

    Parameters
    ----------
    x, type, n, axis, norm, overwrite_x, workers, orthogonalize
        As for `dct`.

    Returns
    -------
    array
        As of `dct`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.fft import dst, idst
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> bool(np.allclose(ft.jvp(lambda x: idst(dst(x)), (x,), (x,))[1], x))
    True
    """
    return _transformed(type, *_one_axis(x, n, axis), norm, orthogonalize, sine=True, inverse=True)


def dctn(
    x: Any,
    type: int = 2,
    s: Any = None,
    axes: Any = None,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Any:
    """Compute the discrete cosine transform along several axes.

    Parameters
    ----------
    x, type, norm, overwrite_x, workers, orthogonalize
        As for `dct`.
    s
        The lengths of the axes; None: their own.
    axes
        The axes; None: all, or as many of the last as ``s`` has lengths.

    Returns
    -------
    array
        Of the shape of ``x``, but for ``s``; linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.fft import dctn
    >>> ft.grad(lambda x: dctn(x)[0, 0])(np.zeros((2, 2)))
    array([[4., 4.],
           [4., 4.]])
    """
    return _transformed(type, *_several_axes(x, s, axes), norm, orthogonalize, sine=False, inverse=False)


def idctn(
    x: Any,
    type: int = 2,
    s: Any = None,
    axes: Any = None,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Any:
    """Invert the discrete cosine transform along several axes.

    Parameters
    ----------
    x, type, s, axes, norm, overwrite_x, workers, orthogonalize
        As for `dctn`.

    Returns
    -------
    array
        As of `dctn`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.fft import dctn, idctn
    >>> x = np.arange(6.0).reshape(2, 3)
    >>> bool(np.allclose(ft.grad(lambda x: np.sum(idctn(dctn(x)) ** 2))(x), 2 * x))
    True
    """
    return _transformed(type, *_several_axes(x, s, axes), norm, orthogonalize, sine=False, inverse=True)


def dstn(
    x: Any,
    type: int = 2,
    s: Any = None,
    axes: Any = None,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Any:
    """Compute the discrete sine transform along several axes.

    Parameters
    ----------
    x, type, s, axes, norm, overwrite_x, workers, orthogonalize
        As for `dctn`.

    Returns
    -------
    array
        As of `dctn`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.fft import dstn
    >>> ft.grad(lambda x: dstn(x, type=1)[0, 0])(np.ones((1, 1)))
    array([[4.]])
    """
    return _transformed(type, *_several_axes(x, s, axes), norm, orthogonalize, sine=True, inverse=False)


def idstn(
    x: Any,
    type: int = 2,
    s: Any = None,
    axes: Any = None,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Any:
    """Invert the discrete sine transform along several axes.

    Parameters
    ----------
    x, type, s, axes, norm, overwrite_x, workers, orthogonalize
        As for `dctn`.

    Returns
    -------
    array
        As of `dctn`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.fft import dstn, idstn
    >>> x = np.arange(6.0).reshape(2, 3)
    >>> bool(np.allclose(ft.grad(lambda x: np.sum(idstn(dstn(x)) ** 2))(x), 2 * x))
    True
    """
    return _transformed(type, *_several_axes(x, s, axes), norm, orthogonalize, sine=True, inverse=True)
