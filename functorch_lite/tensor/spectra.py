"""Windows of signals, and the short-time Fourier transform with its inverse, in PyTorch's signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.windows import patches, put_together
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.tensor.creation import get_default_dtype, made, only_device
from functorch_lite.tensor.elementwise import view_as_real
from functorch_lite.tensor.selection import at_hand
from functorch_lite.tensor.tensor import Tensor
from functorch_lite.tensor.windows import pad

__all__ = [
    "bartlett_window",
    "blackman_window",
    "hamming_window",
    "hann_window",
    "istft",
    "kaiser_window",
    "stft",
]

# --- Windows ----------------------------------------------------------------------------------------------------------


def _window(name: str, values: Callable[..., Any], options: str) -> Callable[..., Tensor]:
    def window(
        window_length: int,
        periodic: bool = True,
        *args: float,
        dtype: Any = None,
        requires_grad: bool = False,
        **others: Any,
    ) -> Tensor:
        given = {word: others.pop(word) for word in ("alpha", "beta") if word in others}
        only_device(others)
        length = window_length + bool(periodic)
        places = np.linspace(-1, 1, length) if window_length > 1 else np.zeros(window_length)  # one is the middle
        whole = values(places, *args, **given)
        return made(np.array(whole[:window_length], dtype or get_default_dtype()), requires_grad)

    window.__name__ = window.__qualname__ = f"{name}_window"
    window.__doc__ = f"""Make the window of {name.title()}: weights that fall from the middle to both ends.

    Parameters
    ----------
    window_length
        How many weights.
    periodic
        Whether it is the beginning of a window that is one element longer, as Fourier transforms need it.{options}
    dtype, requires_grad, **others
        As for `zeros`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.{name}_window(4)[2]
    tensor(1.)
    """
    return window


def _kaiser(x: Any, beta: float = 12.0) -> Any:
    return np.i0(beta * np.sqrt(1 - x * x)) / np.i0(beta)


_ALPHA = "\n    alpha, beta\n        The constant, and the share of the cosine."
_BETA = "\n    beta\n        How narrow it is."

bartlett_window = _window("bartlett", lambda x: 1 - np.abs(x), "")
blackman_window = _window("blackman", lambda x: 0.42 + 0.5 * np.cos(np.pi * x) + 0.08 * np.cos(2 * np.pi * x), "")
hamming_window = _window("hamming", lambda x, alpha=0.54, beta=0.46: alpha + beta * np.cos(np.pi * x), _ALPHA)
hann_window = _window("hann", lambda x: 0.5 + 0.5 * np.cos(np.pi * x), "")
kaiser_window = _window("kaiser", _kaiser, _BETA)

# --- Transforms -------------------------------------------------------------------------------------------------------


def stft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool = True,
) -> Any:
    """Return the Fourier transforms of overlapping parts of signals.

    Parameters
    ----------
    input
        Signals of shape (L,) or (N, L).
    n_fft
        How many elements a part has.
    hop_length
        How far apart parts begin; None for a quarter of their length.
    win_length
        The length of the window, around which zeros are put up to ``n_fft``; None for all of it.
    window
        What parts are multiplied by; None for ones.
    center
        Whether the signal is padded so that the middle of part t is element ``t * hop_length``.
    pad_mode
        How; see `pad`.
    normalized
        Whether transforms are divided by the root of ``n_fft``.
    onesided
        Whether negative frequencies are left out; None for all but complex signals.
    return_complex
        Whether numbers are complex, and not pairs along a last axis.

    Returns
    -------
    array
        Of shape (N, frequencies, parts), or without N.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.stft(np.ones(8), 4, 4, center=False).real
    array([[4., 4.],
           [0., 0.],
           [0., 0.]])
    """
    x = as_array(input)
    if x.ndim not in (1, 2) or n_fft < 1:
        raise ValueError(f"stft at {user_line()} takes signals of shape (L,) or (N, L), not {x.shape}")
    hop, weights = _hop_and_window(n_fft, hop_length, win_length, window, "stft")
    if center:
        x = pad(x, (n_fft // 2, n_fft // 2), mode=pad_mode)
    if x.shape[-1] < n_fft:
        raise ValueError(f"stft at {user_line()}: parts of {n_fft} elements do not fit into {x.shape[-1]}")
    parts = patches(x, (n_fft,), (hop,), (1,))
    if weights is not None:
        parts = parts * weights
    is_complex = parts.dtype.kind == "c"
    if onesided and is_complex:
        raise ValueError(f"stft at {user_line()}: of complex signals both sides are needed; leave onesided out")
    norm: Any = "ortho" if normalized else "backward"
    found = np.fft.fft(parts, norm=norm) if is_complex or onesided is False else np.fft.rfft(parts, norm=norm)
    found = np.swapaxes(found, -1, -2)
    return found if return_complex else view_as_real(found)


def istft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Any:
    """Return the signals of which `stft` gave the transforms: those that fit best, where no signal has them.

    Parameters
    ----------
    input
        Complex numbers of shape (N, frequencies, parts), or without N.
    n_fft, hop_length, win_length, window, center, normalized, onesided
        What `stft` was given.
    length
        The length of the result, which is cut or filled up by zeros.
    return_complex
        Whether signals are complex.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x, window = np.arange(8.0), ft.hann_window(4)
    >>> bool(np.allclose(ft.istft(ft.stft(x, 4, 2, window=window), 4, 2, window=window), x))
    True
    """
    x = as_array(input)
    both = return_complex if onesided is None else not onesided
    if x.ndim not in (2, 3) or x.dtype.kind != "c" or x.shape[-2] != (n_fft if both else n_fft // 2 + 1):
        raise ValueError(
            f"istft at {user_line()} takes complex numbers of shape (N, {n_fft if both else n_fft // 2 + 1} "
            f"frequencies, parts), not {x.dtype} of shape {x.shape}"
        )
    hop, weights = _hop_and_window(n_fft, hop_length, win_length, window, "istft")
    norm: Any = "ortho" if normalized else "backward"
    columns: Any = np.swapaxes(x, -1, -2)
    parts: Any
    if both:
        parts = np.fft.ifft(columns, norm=norm)
        parts = parts if return_complex else np.real(parts)
    else:
        parts = np.fft.irfft(columns, n_fft, norm=norm)
    count = x.shape[-1]
    whole = n_fft + hop * (count - 1)
    squares = np.ones(n_fft, parts.real.dtype)
    if weights is not None:
        parts, squares = parts * weights, np.square(weights)
    signal = put_together(parts, (whole,), (n_fft,), (hop,), (1,))
    shares = put_together(np.broadcast_to(squares, (count, n_fft)), (whole,), (n_fft,), (hop,), (1,))
    start = n_fft // 2 if center else 0
    stop = whole - start if length is None else min(start + length, whole)
    signal, shares = signal[..., start:stop], shares[start:stop]
    if is_at_hand(raw := at_hand(shares)) and not (np.abs(raw) > 1e-11).all():
        raise ValueError(f"istft at {user_line()}: windows leave elements out; they must overlap, or have no zeros")
    signal = signal / shares
    missing = 0 if length is None else length - shape_of(signal)[-1]
    return pad(signal, (0, missing)) if missing else signal


def _hop_and_window(
    n_fft: int, hop_length: int | None, win_length: int | None, window: Any, name: str
) -> tuple[int, Any]:
    """Return how far apart parts begin, and the window as long as they are; None for ones."""
    hop, length = n_fft // 4 if hop_length is None else hop_length, n_fft if win_length is None else win_length
    weights = np.ones(length) if window is None and length != n_fft else window
    if hop < 1 or not 1 <= length <= n_fft or (weights is not None and shape_of(weights) != (length,)):
        raise ValueError(
            f"{name} at {user_line()}: hop_length {hop} is 1 at least, win_length {length} from 1 to {n_fft}, and a "
            f"window of that length; given {None if window is None else shape_of(window)}"
        )
    before = (n_fft - length) // 2
    return hop, weights if length == n_fft else pad(weights, (before, n_fft - length - before))
