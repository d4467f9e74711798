"""Channels of images: moved into space and back, mixed, and normalised by their neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.windows import patches
from functorch_lite.core.errors import user_line

__all__ = ["channel_shuffle", "local_response_norm", "pixel_shuffle", "pixel_unshuffle"]


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Write squares of channels as squares of pixels: shape (…, C * r * r, H, W) becomes (…, C, H * r, W * r).

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.pixel_shuffle(np.array([1.0, 2.0, 3.0, 4.0]).reshape(4, 1, 1), 2)
    array([[[1., 2.],
            [3., 4.]]])
    """
    x, r = as_array(input), upscale_factor
    _refuse_no_image("pixel_shuffle", x)
    *lead, channels, height, width = x.shape
    if r < 1 or channels % (r * r):
        raise ValueError(f"pixel_shuffle at {user_line()}: {channels} channels do not make squares of side {r}")
    n = len(lead)
    x = np.reshape(x, (*lead, channels // (r * r), r, r, height, width))
    x = np.transpose(x, (*range(n), *(n + a for a in (0, 3, 1, 4, 2))))
    return np.reshape(x, (*lead, channels // (r * r), height * r, width * r))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """Write squares of pixels as squares of channels, as `pixel_shuffle` found them.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.pixel_unshuffle(np.array([[[1.0, 2.0], [3.0, 4.0]]]), 2).ravel()
    array([1., 2., 3., 4.])
    """
    x, r = as_array(input), downscale_factor
    _refuse_no_image("pixel_unshuffle", x)
    *lead, channels, height, width = x.shape
    if r < 1 or height % r or width % r:
        raise ValueError(f"pixel_unshuffle at {user_line()}: {height} x {width} pixels do not make squares of side {r}")
    n = len(lead)
    x = np.reshape(x, (*lead, channels, height // r, r, width // r, r))
    x = np.transpose(x, (*range(n), *(n + a for a in (0, 2, 4, 1, 3))))
    return np.reshape(x, (*lead, channels * r * r, height // r, width // r))


def channel_shuffle(input: Any, groups: int) -> Any:
    """Take one channel, of axis 1, of each group in turn.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.channel_shuffle(np.arange(4.0).reshape(1, 4, 1), 2).ravel()
    array([0., 2., 1., 3.])
    """
    x = as_array(input)
    if x.ndim < 3 or groups < 1 or x.shape[1] % groups:
        raise ValueError(
            f"channel_shuffle at {user_line()} takes an input of shape (N, C, …) and a number of groups that divides "
            f"C, not shape {x.shape} and {groups}"
        )
    n, channels, *rest = x.shape
    return np.reshape(np.swapaxes(np.reshape(x, (n, groups, channels // groups, *rest)), 1, 2), x.shape)


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """Divide by a power of the mean of squares over so many neighbouring channels.

    Parameters
    ----------
    input
        An array of shape (N, C, …).
    size
        How many channels, of which zeros stand before and behind.
    alpha, beta, k
        The divisor is ``(k + alpha * mean) ** beta``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.local_response_norm(np.array([[[1.0], [2.0]]]), 2, alpha=2.0, beta=1.0).ravel()
    array([0.5       , 0.33333333])
    """
    x = as_array(input)
    if x.ndim < 3 or size < 1:
        raise ValueError(
            f"local_response_norm at {user_line()} takes an input of shape (N, C, …) and a size of 1 at least, not "
            f"shape {x.shape} and {size}"
        )
    squares = np.moveaxis(np.square(x), 1, -1)
    squares = np.pad(squares, [(0, 0)] * (x.ndim - 1) + [(size // 2, (size - 1) // 2)])
    means = np.moveaxis(np.mean(patches(squares, (size,), (1,), (1,)), axis=-1), -1, 1)
    return x / (means * alpha + k) ** beta


def _refuse_no_image(name: str, x: Any) -> None:
    if x.ndim < 3:
        raise ValueError(f"{name} at {user_line()} takes an input of shape (…, C, H, W), not {x.shape}")
