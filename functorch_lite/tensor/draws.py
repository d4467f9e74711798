"""Random tensors of other distributions than `rand` and `randn`, by PyTorch's names, and filling tensors with them.

``generator`` is one of NumPy's; by default the one that `manual_seed` seeds. Samples have no derivative: for those that
have one, and for keys, see `functorch_lite.random`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.generator import shared_generator
from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.ambient import constant, is_tensor
from functorch_lite.tensor.creation import get_default_dtype
from functorch_lite.tensor.in_place import overwrite
from functorch_lite.tensor.tensor import Tensor

__all__ = ["bernoulli", "install_draws", "multinomial", "normal", "poisson"]


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Any = None) -> Any:
    """Draw numbers of normal distributions.

    Parameters
    ----------
    mean, std
        The means and standard deviations: numbers, or arrays that broadcast.
    size
        The shape, a tuple; None for that of the means and deviations.
    dtype
        By default that of the means or deviations if they are floating, else what `set_default_dtype` says.
    generator
        A generator of NumPy's, or None.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.normal(5.0, 0.0, (2,))
    tensor([5., 5.])
    """
    mean, std = _numbers(mean, "normal"), _numbers(std, "normal")
    kind = dtype or next((a.dtype for a in (mean, std) if getattr(a, "dtype", None) is not None), get_default_dtype())
    source = generator or shared_generator()
    return constant(np.array(source.normal(mean, std, size)).astype(kind))


def bernoulli(x: Any, p: float | None = None, *, generator: Any = None) -> Any:
    """Draw ones with the probabilities that an array holds, else zeros; with ``p`` all have that probability.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.bernoulli(ft.tensor([0.0, 1.0, 1.0]))
    tensor([0., 1., 1.])
    """
    chances = _numbers(x, "bernoulli")
    return constant((_uniform(chances.shape, generator) < (chances if p is None else p)).astype(chances.dtype))


def poisson(x: Any, *, generator: Any = None) -> Any:
    """Draw numbers of events with the rates that an array holds.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.poisson(ft.tensor([0.0, 0.0]))
    tensor([0., 0.])
    """
    rates = _numbers(x, "poisson")
    return constant(np.array((generator or shared_generator()).poisson(rates)).astype(rates.dtype))


def multinomial(x: Any, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Any:
    """Draw positions along the last axis with the weights that it holds, which need not add up to one.

    Parameters
    ----------
    x
        A vector of weights, or a matrix with one a row.
    num_samples
        How many positions of each.
    replacement
        Whether a position can be drawn again.
    generator
        A generator of NumPy's, or None.

    Returns
    -------
    Tensor
        Integers.

    Raises
    ------
    ValueError
        If more are asked for than have a weight, or a weight is negative.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.multinomial(ft.tensor([0.0, 3.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    weights = np.asarray(_numbers(x, "multinomial"), np.float64)
    if weights.ndim not in (1, 2) or (weights < 0).any() or not (weights.sum(-1) > 0).all():
        raise ValueError(
            f"multinomial at {user_line()} takes a vector of weights, or a matrix of one a row, that are not negative "
            f"and not all zero; given shape {weights.shape}"
        )
    if not replacement:
        if num_samples > (weights > 0).sum(-1).min():
            raise ValueError(
                f"multinomial at {user_line()}: {num_samples} positions cannot be drawn without replacement, as only "
                f"{(weights > 0).sum(-1).min()} have a weight"
            )
        with np.errstate(divide="ignore"):  # the first of exponential clocks at the rates of the weights
            times = -np.log1p(-_uniform(weights.shape, generator)) / weights
        return constant(np.argsort(times, axis=-1)[..., :num_samples])
    bounds = np.cumsum(weights, axis=-1)
    drawn = _uniform((*weights.shape[:-1], num_samples), generator) * bounds[..., -1:]
    return constant((drawn[..., None] >= bounds[..., None, :]).sum(-1))


def _numbers(x: Any, name: str) -> Any:
    """Return the raw values of what says how to draw."""
    if is_tensor(x):
        return x.detach().data
    if isinstance(x, Tracer):
        raise TypeError(
            f"{name} at {user_line()} draws numbers that know nothing of a value traced by "
            f"{x._trace.transformation}; use ft.random.{name if name != 'multinomial' else 'categorical'}(key, …)"
        )
    return x if isinstance(x, int | float) else np.asarray(x)


def _uniform(shape: Any, generator: Any) -> Any:
    return (generator or shared_generator()).random(shape)


# --- Filling ----------------------------------------------------------------------------------------------------------


def _filling(name: str, summary: str, draw: Callable[..., Any], example: str) -> Callable[..., Any]:
    def fill(self: Any, *args: Any, generator: Any = None, **kwargs: Any) -> Any:
        drawn = draw(generator or shared_generator(), self.shape, *args, **kwargs)
        return overwrite(self, np.array(drawn).astype(self.dtype), name)

    fill.__name__ = name
    fill.__doc__ = f"""Fill the tensor with {summary}; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    {example}
    """
    return fill


def _integers(source: Any, shape: Any, low: int = 0, high: int | None = None) -> Any:
    low, high = (0, low) if high is None else (low, high)
    return source.integers(low, high, shape)


def _coins(source: Any, shape: Any, p: Any = 0.5) -> Any:
    return source.random(shape) < _numbers(p, "bernoulli_")


_FILLING = (
    _filling(
        "bernoulli_",
        "ones of probability ``p``, a half unless given, else zeros",
        _coins,
        ">>> ft.zeros(2).bernoulli_(1.0)\n    tensor([1., 1.])",
    ),
    _filling(
        "random_",
        "integers from ``low`` to ``high``, which is left out: ``random_(high)``, ``random_(low, high)``",
        _integers,
        ">>> ft.zeros(2).random_(3, 4)\n    tensor([3., 3.])",
    ),
    _filling(
        "exponential_",
        "numbers of an exponential distribution of rate ``lambd``",
        lambda source, shape, lambd=1.0: source.exponential(1 / lambd, shape),
        ">>> bool((ft.zeros(3).exponential_() > 0).all())\n    True",
    ),
    _filling(
        "log_normal_",
        "numbers whose logarithms have the mean ``mean`` and the deviation ``std``",
        lambda source, shape, mean=1.0, std=2.0: source.lognormal(mean, std, shape),
        ">>> ft.zeros(2).log_normal_(0.0, 0.0)\n    tensor([1., 1.])",
    ),
    _filling(
        "cauchy_",
        "numbers of a Cauchy distribution around ``median``, of scale ``sigma``",
        lambda source, shape, median=0.0, sigma=1.0: median + sigma * source.standard_cauchy(shape),
        ">>> ft.zeros(2).cauchy_(3.0, 0.0)\n    tensor([3., 3.])",
    ),
    _filling(
        "geometric_",
        "numbers of trials until the first success, of probability ``p``",
        lambda source, shape, p: source.geometric(p, shape),
        ">>> ft.zeros(2).geometric_(1.0)\n    tensor([1., 1.])",
    ),
)


def install_draws() -> None:
    """Give tensors the methods that draw."""
    for function in _FILLING:
        setattr(Tensor, function.__name__, function)
    for function in (bernoulli, multinomial):
        setattr(Tensor, function.__name__, function)
