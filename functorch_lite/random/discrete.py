"""Discrete distributions, choices and permutations. A sample that is a whole number has no derivative.

To differentiate an *expectation* over such samples, weight by the score (``f(x) · grad log p``), or relax the sample.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.random.continuous import gumbel
from functorch_lite.random.keys import Shape, draw, shape_like

__all__ = ["bernoulli", "binomial", "categorical", "choice", "permutation", "poisson", "randint"]


def bernoulli(key: Any, p: Any = 0.5, shape: Shape | None = None) -> Any:
    """Draw booleans that are true with a given probability.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    p
        The probability.
    shape
        The shape of the sample; None: that to which the parameters broadcast.

    Returns
    -------
    array of bool
        The sample, which has no derivative.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.random.bernoulli(ft.random.key(0), np.array([0.0, 0.3, 1.0]), (10000, 3))
    >>> bool(np.all(np.abs(np.mean(x, axis=0) - [0.0, 0.3, 1.0]) < 0.02))
    True
    """
    shape = shape_like(shape, p)
    return draw(key, lambda generator: generator.random(shape)) < p


def binomial(key: Any, n: Any, p: Any, shape: Shape | None = None) -> Any:
    """Draw how many of ``n`` trials succeed.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    n
        The number of trials, an integer.
    p
        The probability that one succeeds.
    shape
        The shape of the sample; None: that to which the parameters broadcast.

    Returns
    -------
    array of int
        The sample, which has no derivative.

    Raises
    ------
    ValueError
        If a parameter is out of its range (NumPy's own error).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.random.binomial(ft.random.key(0), 10, 0.3, (10000,))
    >>> bool(x.max() <= 10 and abs(np.mean(x) - 3.0) < 0.1)
    True
    """
    shape = shape_like(shape, n, p)
    return draw(key, lambda generator, n, p: generator.binomial(n, p, shape or None), n, p)


def poisson(key: Any, lam: Any, shape: Shape | None = None) -> Any:
    """Draw from the Poisson distribution.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    lam
        The mean.
    shape
        The shape of the sample; None: that to which the parameters broadcast.

    Returns
    -------
    array of int
        The sample, which has no derivative.

    Raises
    ------
    ValueError
        If the mean is negative (NumPy's own error).

    Examples
    --------
    The derivative of an expectation, by the score ``grad log p``; that of the mean of x² = λ + λ² is 1 + 2λ:

    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.random.poisson(ft.random.key(0), 3.0, (100000,))
    >>> slope = ft.grad(lambda lam: np.mean(x**2.0 * (x * np.log(lam) - lam)))(3.0)
    >>> bool(abs(slope - 7.0) < 0.3)
    True
    """
    shape = shape_like(shape, lam)
    return draw(key, lambda generator, lam: generator.poisson(lam, shape or None), lam)


def categorical(key: Any, logits: Any, axis: int = -1, shape: Shape | None = None) -> Any:
    """Draw positions along an axis, with probabilities proportional to ``exp(logits)``.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    logits
        Logarithms of the weights; ``-inf`` excludes a position.
    axis
        The axis of the positions.
    shape
        The shape of the sample; None: that of ``logits`` without the axis.

    Returns
    -------
    array of int
        The positions of the largest of ``logits`` plus Gumbel noise.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> draws = ft.random.categorical(ft.random.key(0), np.log(np.array([0.0 + 1e-300, 0.25, 0.75])), shape=(1000,))
    >>> bool(abs(np.mean(draws == 2) - 0.75) < 0.05)
    True
    """
    logits = as_array(logits)
    logits = np.moveaxis(logits, normalize_axis_index(axis, logits.ndim), -1)
    leading = shape_like(shape, logits[..., 0])
    return np.argmax(logits + gumbel(key, (*leading, shape_of(logits)[-1])), axis=-1)


def randint(key: Any, shape: Shape | None = None, minval: Any = 0, maxval: Any = 2, dtype: Any = int) -> Any:
    """Draw integers from ``minval`` to ``maxval - 1``, all equally probable.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    shape
        The shape of the sample; None: that to which the parameters broadcast.
    minval, maxval
        The bounds, integers.
    dtype
        An integer dtype.

    Returns
    -------
    array of int
        The sample.

    Raises
    ------
    ValueError
        If there is no integer between the bounds (NumPy's own error).

    Examples
    --------
    >>> import functorch_lite as ft
    >>> dice = ft.random.randint(ft.random.key(0), (1000,), 1, 7)
    >>> sorted(set(dice.tolist()))
    [1, 2, 3, 4, 5, 6]
    """
    shape = shape_like(shape, minval, maxval)
    return draw(key, lambda generator, a, b: generator.integers(a, b, shape or None, dtype), minval, maxval)


def permutation(key: Any, x: Any, axis: int = 0) -> Any:
    """Shuffle the entries of an array along an axis, or the numbers below an integer.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    x
        The array, or how many numbers there are.
    axis
        The axis along which entries are.

    Returns
    -------
    array
        The entries in another order; differentiable in the array.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> sorted(ft.random.permutation(ft.random.key(0), 4).tolist())
    [0, 1, 2, 3]
    """
    count, x, axis = _population(x, axis, "permutation")
    order = draw(key, lambda generator: generator.permutation(count))
    return order if x is None else take(x, order, axis)


def choice(
    key: Any, a: Any, shape: Shape = (), replace: bool = True, p: Any = None, axis: int = 0
) -> Any:
    """Draw entries of an array along an axis, or numbers below an integer.

    Parameters
    ----------
    key
        A key, see `functorch_lite.random.key`.
    a
        The array, or how many numbers there are. The result is differentiable in the array.
    shape
        The shape of the sample, which stands in the place of the axis.
    replace
        Whether an entry may be drawn more than once.
    p
        The probabilities; None: all equal.
    axis
        The axis along which entries are.

    Returns
    -------
    array
        The entries drawn.

    Raises
    ------
    ValueError
        If there are too few entries, or ``p`` does not sum to one (NumPy's own errors).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> key = ft.random.key(0)
    >>> ft.random.choice(key, np.eye(3), (5,)).shape
    (5, 3)
    >>> ft.grad(lambda x: np.sum(ft.random.choice(key, x, (3,), replace=False)))(np.ones(3))
    array([1., 1., 1.])
    """
    count, a, axis = _population(a, axis, "choice")
    wanted = shape_like(shape)
    size = wanted or None
    if p is None:
        order = draw(key, lambda generator: np.asarray(generator.choice(count, size, replace))[()])
    else:
        order = draw(key, lambda generator, p: np.asarray(generator.choice(count, size, replace, p))[()], p)
    return order if a is None else take(a, order, axis)


def _population(x: Any, axis: int, name: str) -> tuple[int, Any, int]:
    """Return how many entries there are, the array of them (None for numbers) and the axis."""
    if shape_of(x) == () and not isinstance(x, list | tuple):
        kind = np.dtype(getattr(x, "dtype", type(x))).kind
        if kind not in "iu":
            raise TypeError(f"{name} at {user_line()} takes an array or an integer, not {type(x).__name__}")
        return operator.index(x), None, 0
    x = as_array(x)
    axis = normalize_axis_index(axis, x.ndim)
    return shape_of(x)[axis], x, axis
