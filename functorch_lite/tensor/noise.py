"""Functions of neural networks that draw random numbers.

Where the numbers come from is said by ``generator``: None for the generator that `manual_seed` seeds, whose numbers a
checkpoint draws again and `jit` refuses; a generator of NumPy's; or a key of `functorch_lite.random`, with which the
function is pure, and draws for each example of a batch of keys.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.core.errors import user_line
from functorch_lite.core.generator import shared_generator
from functorch_lite.core.operands import shape_of
from functorch_lite.random.keys import draw
from functorch_lite.tensor.in_place import written_over
from functorch_lite.tensor.softmax import softmax
from functorch_lite.transforms.custom import stop_gradient

__all__ = [
    "alpha_dropout",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_alpha_dropout",
    "gumbel_softmax",
    "rrelu",
]

#: Minus the limit of selu at minus infinity, the value that keeps means and variances as they are.
_SELU_LIMIT = 1.7580993408473766


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Any = None) -> Any:
    """Set elements to zero at random, and divide the others by ``1 - p``: the expectation stays.

    Parameters
    ----------
    input
        A real or complex array.
    p
        The probability of an element to become zero.
    training
        Whether to do it; else the input is returned.
    inplace
        Whether the result is written into the input.
    generator
        None for the generator that `manual_seed` seeds, a generator of NumPy's, or a key (`functorch_lite.random`).
        The same key drops the same elements. Without batched keys `vmap` drops the same elements of all examples.

    Raises
    ------
    ValueError
        If ``p`` is no probability.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> key = ft.random.key(1)
    >>> F.dropout(np.ones(4), 0.5, generator=key)
    array([0., 0., 0., 2.])
    >>> ft.grad(lambda x: F.dropout(x, 0.5, generator=key).sum())(np.ones(4))
    array([0., 0., 0., 2.])
    """
    return _dropped(input, p, training, inplace, generator, "dropout", None)


def _of_channels(rank: int) -> Callable[..., Any]:
    def dropout(
        input: Any, p: float = 0.5, training: bool = True, inplace: bool = False, *, generator: Any = None
    ) -> Any:
        name, axes = f"dropout{rank}d", len(shape_of(input))
        if axes not in (rank + 1, rank + 2):
            raise ValueError(
                f"{name} at {user_line()} takes an input with {rank + 1} or {rank + 2} axes, not {shape_of(input)}"
            )
        # PyTorch takes three axes for (N, C, L) in dropout2d, where the others take (C, ...) for one example.
        lead = 2 if axes == rank + 2 or rank == 2 else 1
        return _dropped(input, p, training, inplace, generator, name, lead)

    dropout.__name__ = dropout.__qualname__ = f"dropout{rank}d"
    dropout.__doc__ = f"""Set whole channels to zero at random, and divide the others by ``1 - p``.

    Parameters
    ----------
    input
        An array of shape (N, C, …) with {rank} more {"axis" if rank == 1 else "axes"}, or one less in front.
    p, training, inplace, generator
        As for `dropout`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> F.dropout1d(np.ones((1, 3, 2)), 0.5, generator=ft.random.key(1))
    array([[[0., 0.],
            [0., 0.],
            [0., 0.]]])
    """
    return dropout


dropout1d, dropout2d, dropout3d = map(_of_channels, (1, 2, 3))


def alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False, *, generator: Any = None
) -> Any:
    """Drop elements to the limit of `selu`, then scale and shift: mean 0 and variance 1 stay what they are.

    Parameters
    ----------
    input, p, training, inplace, generator
        As for `dropout`; PyTorch's default of ``training`` is False here.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> x = F.alpha_dropout(np.random.default_rng(0).normal(size=10_000), training=True, generator=ft.random.key(0))
    >>> bool(abs(x.mean()) < 0.05 and abs(x.std() - 1) < 0.05)
    True
    """
    return _alpha_dropped(input, p, training, inplace, generator, "alpha_dropout", None)


def feature_alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False, *, generator: Any = None
) -> Any:
    """Drop whole channels, of axis 1, as `alpha_dropout` does elements.

    Parameters
    ----------
    input, p, training, inplace, generator
        As for `alpha_dropout`; the input has shape (N, C, …).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> y = F.feature_alpha_dropout(np.zeros((4, 3, 2)), training=True, generator=ft.random.key(0))
    >>> bool((y[..., 0] == y[..., 1]).all()), len(np.unique(y))
    (True, 2)
    """
    if len(shape_of(input)) < 2:
        raise ValueError(f"feature_alpha_dropout at {user_line()} takes shape (N, C, …), not {shape_of(input)}")
    return _alpha_dropped(input, p, training, inplace, generator, "feature_alpha_dropout", 2)


def rrelu(
    x: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Any = None,
) -> Any:
    """Return ``x`` where positive, else ``x`` times a slope: drawn for each element, or the middle of the bounds.

    Parameters
    ----------
    x
        A real array.
    lower, upper
        The bounds of slopes, which are drawn uniformly.
    training
        Whether they are drawn.
    inplace, generator
        As for `dropout`.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.rrelu(np.array([-1.0, 2.0]), 0.25, 0.75)
    array([-0.5,  2. ])
    """
    if inplace:
        return written_over(x, "rrelu_", _leaky, lower, upper, training, generator)
    return _leaky(as_array(x), lower, upper, training, generator)


def _leaky(x: Any, lower: float, upper: float, training: bool, generator: Any) -> Any:
    slope: Any = (lower + upper) / 2
    if training:
        slope = lower + (upper - lower) * _uniform(x.shape, generator, "rrelu").astype(x.dtype)
    return np.where(x > 0, x, slope * x)


def gumbel_softmax(
    logits: Any, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1, *, generator: Any = None
) -> Any:
    """Draw classes by the softmax of scores, relaxed so that samples are differentiable (Jang, Gu and Poole, 2017).

    Parameters
    ----------
    logits
        Scores: logarithms of probabilities, up to a constant.
    tau
        The temperature: samples come the nearer to one class, the lower it is.
    hard
        Whether to return a one in the place of the class drawn and zeros elsewhere, with the derivative of the
        relaxed sample.
    eps
        Accepted for PyTorch's sake; it changes nothing.
    dim
        The axis of the classes.
    generator
        As for `dropout`.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> key = ft.random.key(0)
    >>> F.gumbel_softmax(np.zeros(3), generator=key).sum().round(6)
    np.float64(1.0)
    >>> F.gumbel_softmax(np.array([0.0, 50.0, 0.0]), hard=True, generator=key)
    array([0., 1., 0.])
    """
    logits = as_array(logits)
    uniform = _uniform(logits.shape, generator, "gumbel_softmax")  # of [0, 1)
    noise = -np.log(-np.log1p(-uniform) + np.finfo(np.float64).tiny)
    soft = softmax((logits + noise.astype(logits.dtype)) / tau, dim)
    if not hard:
        return soft
    axis = only_axis(dim, logits.ndim)
    winner = np.expand_dims(np.argmax(soft, axis=axis), axis)
    places = np.arange(logits.shape[axis]).reshape(-1, *(1,) * (logits.ndim - 1 - axis))
    fixed = stop_gradient(soft)
    return (winner == places).astype(logits.dtype) - fixed + soft


def _dropped(input: Any, p: float, training: bool, inplace: bool, generator: Any, name: str, lead: int | None) -> Any:
    """Drop elements; or together what agrees in the first ``lead`` axes."""
    _check_probability(p, name)
    x = input if inplace else as_array(input)
    if not training or p == 0:
        return x
    kept = _uniform(_lots(x, lead), generator, name) >= p
    factor = kept.astype(x.dtype) * (1 / (1 - p) if p < 1 else 0.0)
    return written_over(x, f"{name}_", np.multiply, factor) if inplace else x * factor


def _alpha_dropped(
    input: Any, p: float, training: bool, inplace: bool, generator: Any, name: str, lead: int | None
) -> Any:
    _check_probability(p, name)
    x = input if inplace else as_array(input)
    if not training or p == 0:
        return x
    if p == 1:
        return written_over(x, f"{name}_", np.multiply, 0.0) if inplace else x * 0.0
    kept = (_uniform(_lots(x, lead), generator, name) >= p).astype(x.dtype)
    scale = 1 / sqrt((_SELU_LIMIT**2 * p + 1) * (1 - p))
    factor, shift = kept * scale, (kept - 1 + p) * (_SELU_LIMIT * scale)
    return written_over(x, f"{name}_", _affine, factor, shift) if inplace else _affine(x, factor, shift)


def _affine(x: Any, factor: Any, shift: Any) -> Any:
    return x * factor + shift


def _lots(x: Any, lead: int | None) -> tuple[int, ...]:
    return x.shape if lead is None else (*x.shape[:lead], *(1,) * (x.ndim - lead))


def _uniform(shape: tuple[int, ...], generator: Any, name: str) -> Any:
    """Return numbers drawn uniformly from 0 (included) to 1 (excluded)."""
    if generator is None:
        return shared_generator().random(shape)
    if hasattr(generator, "random"):
        return generator.random(shape)
    if getattr(generator, "dtype", None) == np.uint64:
        return draw(generator, lambda source: source.random(shape))
    raise TypeError(
        f"{name} at {user_line()}: generator is None, a generator of NumPy's (np.random.default_rng(seed)) or a key "
        f"(ft.random.key(seed)), not a {type(generator).__name__}"
    )


def _check_probability(p: float, name: str) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{name} at {user_line()}: p is a probability, between 0 and 1, and was given as {p}")
