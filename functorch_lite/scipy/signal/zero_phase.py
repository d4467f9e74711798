"""Filters that go along a signal and back, and the states in which filters of a constant signal stay."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.scipy.linalg.structured import companion
from functorch_lite.scipy.signal.filtering import floating, lfilter

__all__ = ["filtfilt", "lfilter_zi", "sosfilt_zi", "sosfiltfilt"]


def lfilter_zi(b: Any, a: Any) -> Any:
    """Return the state of a filter's delays in which a constant signal of ones passes without a transient.

    Parameters
    ----------
    b, a
        Vectors of coefficients, as for `lfilter`; ``a[0]`` is not zero.

    Returns
    -------
    array
        Of length ``max(len(a), len(b)) - 1``, differentiable in both.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import lfilter_zi
    >>> state = lambda r: lfilter_zi([1.0], np.stack([1.0, -r]))  # r / (1 - r)
    >>> ft.jacfwd(state)(0.5)
    array([4.])
    """
    b, a = np.atleast_1d(floating(b)), np.atleast_1d(floating(a))
    if b.ndim != 1 or a.ndim != 1:
        raise ValueError(f"lfilter_zi takes vectors of coefficients, not arrays of shapes {b.shape} and {a.shape}")
    n = max(shape_of(a)[0], shape_of(b)[0])
    b, a = (np.concatenate([c, np.zeros(n - shape_of(c)[0], c.dtype)]) / a[0] for c in (b, a))
    if n == 1:
        return 0.0 * a[1:]
    return np.linalg.solve(np.eye(n - 1, dtype=a.dtype) - companion(a).T, b[1:] - a[1:] * b[0])


def sosfilt_zi(sos: Any) -> Any:
    """Return the states of a filter's sections in which a constant signal of ones passes without a transient.

    Parameters
    ----------
    sos
        The sections, as for `sosfilt`.

    Returns
    -------
    array
        Of shape (n, 2).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import sosfilt_zi
    >>> ft.jacrev(sosfilt_zi)(np.array([[1.0, 0.0, 0.0, 1.0, -0.5, 0.0]]))[0, 0, 0, :3]  # by the numerator
    array([1., 2., 2.])
    """
    sos = floating(sos)
    if sos.ndim != 2 or shape_of(sos)[1] != 6:
        raise ValueError("sos must be shape (n_sections, 6)")
    gain: Any = 1.0
    states = []
    for section in sos:
        states.append(gain * lfilter_zi(section[:3], section[3:]))
        gain = gain * np.sum(section[:3]) / np.sum(section[3:])
    return np.stack(states)


def filtfilt(b: Any, a: Any, x: Any, axis: int = -1, padtype: str | None = "odd", padlen: int | None = None) -> Any:
    """Filter a signal forwards and backwards, which shifts no phase.

    Parameters
    ----------
    b, a
        Vectors of coefficients, as for `lfilter`.
    x
        The signal.
    axis
        The axis along which it runs.
    padtype
        How the signal is continued at its ends first: ``"odd"``, ``"even"``, ``"constant"``, or None: not at all.
    padlen
        By how many elements; None: three times the number of coefficients. SciPy's ``method="gust"`` is not here.

    Returns
    -------
    array
        Of the shape of ``x``; differentiable in all arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import filtfilt
    >>> power = lambda c: np.sum(filtfilt(np.stack([c, c]), [1.0], np.ones(9)) ** 2)  # 9 (2 c)⁴
    >>> float(np.round(ft.grad(power)(0.5), 6))
    72.0
    """
    b, a = np.atleast_1d(floating(b)), np.atleast_1d(floating(a))
    signal, axis, edge = _continued("filtfilt", x, axis, padtype, padlen, max(shape_of(a)[0], shape_of(b)[0]))
    state = lfilter_zi(b, a)

    def once(signal: Any) -> Any:
        return lfilter(b, a, signal, zi=signal[..., :1] * state)[0]

    return _both_ways(once, signal, axis, edge)


def sosfiltfilt(sos: Any, x: Any, axis: int = -1, padtype: str | None = "odd", padlen: int | None = None) -> Any:
    """Filter a signal forwards and backwards by sections of order two, which shifts no phase.

    Parameters
    ----------
    sos
        The sections, as for `sosfilt`.
    x, axis, padtype
        As for `filtfilt`.
    padlen
        By how many elements the signal is continued; None: three times the number of coefficients, in which SciPy
        counts some zeros out. Where the coefficients have no known values, as under `vmap`, it must be given.

    Returns
    -------
    array
        Of the shape of ``x``; differentiable in both arrays.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.scipy.signal import sosfiltfilt
    >>> sos = np.array([[0.5, 0.5, 0.0, 1.0, 0.0, 0.0]])
    >>> ft.grad(lambda x: sosfiltfilt(sos, x)[10])(np.zeros(20))[8:13]
    array([0.  , 0.25, 0.5 , 0.25, 0.  ])
    """
    sos = floating(sos)
    states = sosfilt_zi(sos)
    taps = _taps(sos) if padlen is None and padtype is not None else 0
    signal, axis, edge = _continued("sosfiltfilt", x, axis, padtype, padlen, taps)

    def once(signal: Any) -> Any:
        first = signal[..., :1]
        for section, state in zip(sos, states, strict=True):
            signal = lfilter(section[:3], section[3:], signal, zi=first * state)[0]
        return signal

    return _both_ways(once, signal, axis, edge)


def _taps(sos: Any) -> int:
    zeros = sos[:, 2::3] == 0
    if not is_at_hand(zeros):
        raise ValueError(
            f"sosfiltfilt at {user_line()} continues the signal by a number of elements that depends on which "
            f"coefficients are zero, and their values are not known here; give the number: padlen="
        )
    return 2 * shape_of(sos)[0] + 1 - int(np.min(np.count_nonzero(zeros, axis=0)))


def _both_ways(once: Any, signal: Any, axis: int, edge: int) -> Any:
    signal = once(once(signal)[..., ::-1])[..., ::-1]
    return np.moveaxis(signal[..., edge:-edge] if edge else signal, -1, axis)


def _continued(
    name: str, x: Any, axis: int, padtype: str | None, padlen: int | None, taps: int
) -> tuple[Any, int, int]:
    """Return the signal along the last axis, longer by some elements at each end; its axis; how many."""
    if padtype not in ("even", "odd", "constant", None):
        raise ValueError(f"padtype must be 'even', 'odd', 'constant', or None, not {padtype!r}")
    x = floating(as_array(x))
    axis = only_axis(axis, x.ndim)
    signal = np.moveaxis(x, axis, -1)
    edge = 0 if padtype is None else 3 * taps if padlen is None else padlen
    length = shape_of(signal)[-1]
    if length <= edge:
        raise ValueError(f"{name} at {user_line()}: a signal of length {length} must be longer than padlen, {edge}")
    if not edge:
        return signal, axis, 0
    around = [(0, 0)] * (signal.ndim - 1) + [(edge, edge)]
    if padtype == "constant":
        return np.pad(signal, around, "edge"), axis, edge
    return np.pad(signal, around, "reflect", reflect_type=padtype), axis, edge  # type: ignore[call-overload]
