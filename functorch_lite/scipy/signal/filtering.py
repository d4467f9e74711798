"""Linear filters: recursive ones, Savitzky and Golay's, the removal of trends, the analytic signal."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import scipy.signal

from functorch_lite.calculus.arguments import as_array, only_axis, refuse_foreign
from functorch_lite.calculus.batching import on_matrices
from functorch_lite.calculus.declare import general
from functorch_lite.core.operands import shape_of
from functorch_lite.core.rules import Rule
from functorch_lite.scipy.signal.convolution import bilinear_convolution

__all__ = ["detrend", "floating", "hilbert", "lfilter", "savgol_filter", "sosfilt"]

# --- Recursive filters ------------------------------------------------------------------------------------------------


def _reversed(x: Any) -> Any:
    return x[..., ::-1]


def _convolution(x: Any, y: Any, full: bool = True) -> Any:
    """Sum directly: a filter is local, and a Fourier transform would spread a NaN or a large number over all of it."""
    return bilinear_convolution(x, y, 1, full, "direct")


def _recursion_jvp(t: Any, ans: Any, a: Any) -> Any:
    """From a * y = v the change of y solves a * dy = -da * y."""
    return -recursion(a, _convolution(ans, t)[..., : ans.shape[-1]])


def _recursion_vjp(g: Any, ans: Any, a: Any, a_shape: Any) -> Any:
    """Cotangent of a[k]: minus the correlation of the transposed recursion of ``g`` with the result, delayed by k."""
    back = recursion(a, _reversed(g))
    before = np.zeros((*ans.shape[:-1], a_shape[-1] - 1), ans.dtype)
    return -_reversed(_convolution(np.concatenate([before, ans], axis=-1), back, full=False))


def _recursion_transpose(g: Any, a: Any) -> Any:
    return _reversed(recursion(a, _reversed(g)))


@general(Rule(_recursion_jvp, _recursion_vjp), Rule(vjp=_recursion_transpose), batch=on_matrices(1, 1))
def recursion(a: Any, v: Any) -> Any:
    """Solve ``Σₖ a[k] y[n-k] = v[n]`` along the last axes, from zero; leading axes broadcast.

    SciPy takes one filter at a time. Of many filters and short signals the times are gone through instead.
    """
    refuse_foreign("lfilter", a, v)
    if a.ndim == 1 and v.size:
        return scipy.signal.lfilter(np.ones(1, a.dtype), a, v)
    shape, filters = np.broadcast_shapes(a.shape[:-1], v.shape[:-1]), a.shape[:-1]
    y = np.zeros((*shape, v.shape[-1]), np.result_type(a, v))
    if y.size and prod(filters) < v.shape[-1]:
        signals = np.broadcast_to(v, y.shape)
        for index in np.ndindex(filters):
            place = (..., *(slice(None) if n == 1 else i for i, n in zip(index, filters, strict=True)), slice(None))
            y[place] = scipy.signal.lfilter(np.ones(1, a.dtype), a[index], signals[place])
        return y
    for n in range(v.shape[-1]):
        reach = min(n, a.shape[-1] - 1)
        past = (a[..., 1 : reach + 1] * y[..., n - reach : n][..., ::-1]).sum(-1)
        y[..., n] = (v[..., n] - past) / a[..., 0]
    return y


def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter a signal by the rational transfer function with numerator ``b`` and denominator ``a``.

    Parameters
    ----------
    b, a
        Vectors of coefficients.
    x
        The signal.
    axis
        The axis along which it runs.
    zi
        The state of the delays at the beginning: of length ``max(len(a), len(b)) - 1`` along the axis.

    Returns
    -------
    y, or (y, zf)
        The filtered signal; with ``zi`` also the state at the end. Differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import lfilter
    >>> decay = lambda r: lfilter([1.0], np.stack([1.0, -r]), np.array([1.0, 0.0, 0.0, 0.0]))  # 1, r, r², r³
    >>> bool(np.allclose(ft.jacfwd(decay)(0.5), [0.0, 1.0, 1.0, 0.75]))
    True
    """
    b, a, x = np.atleast_1d(floating(b)), np.atleast_1d(floating(a)), floating(x)
    if b.ndim != 1 or a.ndim != 1:
        raise ValueError(f"lfilter takes vectors of coefficients, not arrays of shapes {b.shape} and {a.shape}")
    axis = only_axis(axis, x.ndim)
    signal = np.moveaxis(x, axis, -1)
    length, order = signal.shape[-1], max(a.shape[0], b.shape[0]) - 1
    sums = _convolution(signal, b)
    if zi is None:
        return np.moveaxis(recursion(a, sums[..., :length]), -1, axis)
    state = np.moveaxis(as_array(zi), axis, -1)
    if state.shape[-1] != order:
        raise ValueError(f"zi must have length {order} along the axis; it has shape {shape_of(zi)}")
    whole = _padded(sums, length + order) + _padded(state * a[0], length + order)
    y = recursion(a, whole[..., :length])
    rest = whole - _padded(_convolution(y, a), length + order)
    return np.moveaxis(y, -1, axis), np.moveaxis(rest[..., length:] / a[0], -1, axis)


def sosfilt(sos: Any, x: Any, axis: int = -1) -> Any:
    """Filter a signal by sections of order two, one after the other.

    Parameters
    ----------
    sos
        The sections: of shape (n, 6), three coefficients of the numerator and three of the denominator each.
    x, axis
        As for `lfilter`. SciPy's ``zi`` is not taken.

    Returns
    -------
    array
        The filtered signal, differentiable in both.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import sosfilt
    >>> sos = np.array([[1.0, 0.0, 0.0, 1.0, -0.5, 0.0], [2.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    >>> ft.grad(lambda x: sosfilt(sos, x)[-1])(np.zeros(4))
    array([0.25, 0.5 , 1.  , 2.  ])
    """
    sos = as_array(sos)
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise ValueError("sos array must be shape (n_sections, 6)")
    for section in sos:
        x = lfilter(section[:3], section[3:], x, axis)
    return x


def _padded(x: Any, length: int) -> Any:
    missing = length - x.shape[-1]
    return np.concatenate([x, np.zeros((*x.shape[:-1], missing), x.dtype)], axis=-1) if missing > 0 else x[..., :length]


def floating(x: Any) -> Any:
    """Return an array of real or complex floating numbers."""
    x = as_array(x)
    return x if x.dtype.kind in "fc" else x.astype(float)


# --- Linear maps of the signal with fixed coefficients ----------------------------------------------------------------


def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0) -> Any:
    """Subtract from a signal its mean or its line of least squares.

    Parameters
    ----------
    data
        The signal.
    axis
        The axis along which it runs.
    type
        ``"constant"``: the mean; ``"linear"``: the line.
    bp
        Places between which a line of its own is fitted.

    Returns
    -------
    array
        Of the shape of ``data``, and linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import detrend
    >>> np.round(ft.jacfwd(lambda x: detrend(x, type="constant"))(np.zeros(3)), 6)
    array([[ 0.666667, -0.333333, -0.333333],
           [-0.333333,  0.666667, -0.333333],
           [-0.333333, -0.333333,  0.666667]])
    """
    data = floating(data)
    axis = only_axis(axis, data.ndim)
    if type in ("constant", "c"):
        return data - np.mean(data, axis=axis, keepdims=True)
    if type not in ("linear", "l"):
        raise ValueError("Trend type must be 'linear' or 'constant'.")
    length = data.shape[axis]
    breaks = np.unique(np.concatenate([[0], np.atleast_1d(bp), [length]]).astype(int))
    if np.any(breaks > length):
        raise ValueError("Breakpoints must be less than length of data along given axis.")
    signal, parts = np.moveaxis(data, axis, -1), []
    for start, stop in pairwise(breaks):
        line = np.stack([np.ones(stop - start), np.arange(1, stop - start + 1) / (stop - start)], axis=-1)
        basis = np.linalg.qr(line).Q.astype(data.dtype)
        part = signal[..., start:stop]
        parts.append(part - (part @ basis) @ basis.T)
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, axis)


def savgol_filter(
    x: Any,
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: str = "interp",
    cval: float = 0.0,
) -> Any:
    """Smooth a signal, or differentiate it, by polynomials of least squares in a moving window.

    Source: Savitzky and Golay, "Smoothing and Differentiation of Data by Simplified Least Squares Procedures",
    Analytical Chemistry 36 (1964).

    Parameters
    ----------
    x
        The signal.
    window_length, polyorder
        The number of samples in the window, and the degree of the polynomials.
    deriv, delta
        The order of the derivative, and the spacing of samples.
    axis
        The axis along which the signal runs.
    mode, cval
        What stands beyond the ends (``"mirror"``, ``"constant"`` with ``cval``, ``"nearest"``, ``"wrap"``); or
        ``"interp"``: the last windows' polynomials are evaluated there.

    Returns
    -------
    array
        Of the shape of ``x``, and linear in it.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import savgol_filter
    >>> t = np.arange(6.0)
    >>> bool(np.allclose(savgol_filter(t**2, 5, 2, deriv=1), 2 * t))
    True
    >>> bool(np.allclose(ft.jacrev(lambda x: savgol_filter(x, 3, 1))(t)[2], [0, 1 / 3, 1 / 3, 1 / 3, 0, 0]))
    True
    """
    x = floating(x)
    axis = only_axis(axis, x.ndim)
    signal = np.moveaxis(x, axis, -1)
    length, half = signal.shape[-1], window_length // 2
    kernel = scipy.signal.savgol_coeffs(window_length, polyorder, deriv, delta).astype(x.dtype)
    if mode != "interp":
        around = [(0, 0)] * (signal.ndim - 1) + [((window_length - 1) // 2, half)]
        modes: dict[str, dict[str, Any]] = {
            "mirror": {"mode": "reflect"},
            "constant": {"mode": "constant", "constant_values": cval},
            "nearest": {"mode": "edge"},
            "wrap": {"mode": "wrap"},
        }
        if mode not in modes:
            raise ValueError("mode must be 'mirror', 'constant', 'nearest' 'wrap' or 'interp'.")
        smooth = _convolution(np.pad(signal, around, **modes[mode]), kernel, full=False)
        return np.moveaxis(smooth, -1, axis)
    if window_length > length:
        raise ValueError("If mode is 'interp', window_length must be less than or equal to the size of x.")
    inner = _convolution(signal, kernel, full=False)[..., 1 - window_length % 2 :]
    ends = _end_weights(window_length, polyorder, deriv, delta).astype(x.dtype)
    first = signal[..., :window_length] @ ends[:, :half]
    last = signal[..., length - window_length :] @ ends[:, window_length - half :]
    return np.moveaxis(np.concatenate([first, inner, last], axis=-1), -1, axis)


def _end_weights(length: int, order: int, deriv: int, delta: float) -> Any:
    """Return the weights of the samples of one window in its polynomial's derivative at each of its places."""
    return np.stack(
        [scipy.signal.savgol_coeffs(length, order, deriv, delta, pos=p, use="dot") for p in range(length)], axis=-1
    )


def hilbert(x: Any, N: int | None = None, axis: int = -1) -> Any:
    """Compute the analytic signal of a real one: its negative frequencies removed, its positive ones doubled.

    Parameters
    ----------
    x
        The signal, real.
    N
        The length to which it is cut or filled up by zeros; None: its own.
    axis
        The axis along which it runs.

    Returns
    -------
    array
        Complex; its real part is the signal, its absolute value the envelope.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import hilbert
    >>> wave = np.cos(2 * np.pi * np.arange(8) / 8)
    >>> envelope = lambda amplitude: np.abs(hilbert(amplitude * wave))
    >>> np.round(ft.jacfwd(envelope)(2.0), 6)
    array([1., 1., 1., 1., 1., 1., 1., 1.])
    """
    x = as_array(x)
    if x.dtype.kind == "c":
        raise ValueError("x must be real.")
    axis = only_axis(axis, x.ndim)
    N = x.shape[axis] if N is None else N
    if N <= 0:
        raise ValueError("N must be positive.")
    weights = np.zeros(N, x.dtype)
    weights[0] = 1.0
    weights[1 : (N + 1) // 2] = 2.0
    if N % 2 == 0:
        weights[N // 2] = 1.0
    spectrum = np.fft.fft(np.moveaxis(x, axis, -1), N)
    return np.moveaxis(np.fft.ifft(spectrum * weights), -1, axis)
