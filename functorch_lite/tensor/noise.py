"""Functions of neural networks that draw random numbers.

Where the numbers come from is said by ``generator``: None for the generator that `manual_seed` seeds, whose numbers a
checkpoint draws again and `jit` refuses; a generator of NumPy's; or a key of `functorch_lite.random`, with which the
function is pure, and draws for each example of a batch of keys.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array, only_axis
from functorch_lite.core.errors import user_line
from functorch_lite.core.generator import shared_generator
from functorch_lite.random.keys import draw
from functorch_lite.tensor.softmax import softmax
from functorch_lite.transforms.custom import stop_gradient

__all__ = ["alpha_dropout", "dropout", "gumbel_softmax"]

#: Minus the limit of selu at minus infinity, the value that keeps means and variances as they are.
_SELU_LIMIT = 1.7580993408473766


def dropout(input: Any, p: float = 0.5, training: bool = True, *, generator: Any = None) -> Any:
    """Set elements to zero at random, and divide the others by ``1 - p``: the expectation stays.

    Parameters
    ----------
    input
        A real or complex array.
    p
        The probability of an element to become zero.
    training
        Whether to do it; else the input is returned.
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
    _check_probability(p, "dropout")
    x = as_array(input)
    if not training or p == 0:
        return x
    kept = _uniform(x.shape, generator, "dropout") >= p
    return x * (kept.astype(x.dtype) * (1 / (1 - p) if p < 1 else 0.0))


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, *, generator: Any = None) -> Any:
    """Drop elements to the limit of `selu`, then scale and shift: mean 0 and variance 1 stay what they are.

    Parameters
    ----------
    input, p, training, generator
        As for `dropout`; PyTorch's default of ``training`` is False here.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> x = F.alpha_dropout(np.random.default_rng(0).normal(size=10_000), training=True, generator=ft.random.key(0))
    >>> bool(abs(x.mean()) < 0.05 and abs(x.std() - 1) < 0.05)
    True
    """
    _check_probability(p, "alpha_dropout")
    x = as_array(input)
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    kept = (_uniform(x.shape, generator, "alpha_dropout") >= p).astype(x.dtype)
    scale = 1 / sqrt((_SELU_LIMIT**2 * p + 1) * (1 - p))
    return x * (kept * scale) + (kept - 1 + p) * (_SELU_LIMIT * scale)


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
