"""Losses of comparisons, with margins, and likelihoods of named distributions, in PyTorch's signatures.

``reduction`` is ``"mean"``, ``"sum"`` or ``"none"``. Where nothing is missing to a margin, the derivative is zero.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import shape_of
from functorch_lite.tensor.activations import logsigmoid, relu
from functorch_lite.tensor.elementwise import xlogy
from functorch_lite.tensor.fitting import positions, refuse_other_shape
from functorch_lite.tensor.losses import reduced
from functorch_lite.transforms.custom import stop_gradient

__all__ = [
    "cosine_embedding_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "pairwise_distance",
    "pdist",
    "poisson_nll_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]

# --- Distances --------------------------------------------------------------------------------------------------------


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """Return the p-norms of the differences of vectors along the last axis, to which ``eps`` is added.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.pairwise_distance(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), eps=0.0)
    array([5.])
    """
    return np.linalg.vector_norm(x1 - x2 + eps, ord=p, axis=-1, keepdims=keepdim)


def pdist(x: Any, p: float = 2.0) -> Any:
    """Return the p-norm distances between the rows of a matrix, each pair once, the first row's first.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.pdist(np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 0.0]]))
    array([5., 3., 4.])
    """
    if len(shape_of(x)) != 2:
        raise ValueError(f"pdist at {user_line()} takes a matrix, not shape {shape_of(x)}")
    first, second = np.triu_indices(shape_of(x)[0], 1)
    return np.linalg.vector_norm(take(x, first, 0) - take(x, second, 0), ord=p, axis=-1)


# --- Of comparisons ---------------------------------------------------------------------------------------------------


def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """Return ``max(0, margin - target * (input1 - input2))``: where the target is 1, the first is to be the larger.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.margin_ranking_loss(np.array([1.0, 3.0]), np.array([2.0, 1.0]), np.array([1.0, 1.0]), reduction="none")
    array([1., 0.])
    """
    return reduced(relu(margin - target * (input1 - input2)), reduction)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """Return ``input`` where the target is 1, and ``max(0, margin - input)`` where it is -1.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.hinge_embedding_loss(np.array([0.25, 0.25]), np.array([1.0, -1.0]), reduction="none")
    array([0.25, 0.75])
    """
    return reduced(np.where(target == 1, input, relu(margin - input)), reduction)


def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Return ``log(1 + exp(-target * input))`` of targets 1 and -1.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(F.soft_margin_loss)(np.array([0.0, 800.0]), np.array([1.0, -1.0]))
    array([-0.25,  0.5 ])
    """
    return reduced(np.logaddexp(0, -target * input), reduction)


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    """Return one minus the cosine of the vectors along the last axis, or ``max(0, cosine - margin)`` for targets -1.

    Parameters
    ----------
    input1, input2
        Vectors, or matrices whose rows are compared.
    target
        1 or -1, one a row.
    margin
        From which cosine on vectors of target -1 are too alike.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> x, y = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [2.0, 0.0]])
    >>> F.cosine_embedding_loss(x, y, np.array([1.0, -1.0]), reduction="none").round(6)
    array([1., 1.])
    """
    squares = (np.sum(x * x, axis=-1) + 1e-12 for x in (input1, input2))
    cosine = np.sum(input1 * input2, axis=-1) / np.sqrt(np.multiply(*squares))
    return reduced(np.where(target == 1, 1 - cosine, relu(cosine - margin)), reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """Return ``max(0, margin + distance(anchor, positive) - distance(anchor, negative))``.

    Parameters
    ----------
    anchor, positive, negative
        Vectors along the last axis.
    margin
        By how much the second distance is to be the larger.
    p, eps
        As for `pairwise_distance`.
    swap
        Whether the distance of positive and negative is taken where it is less than that of the anchor.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> a, near, far = np.zeros((1, 2)), np.array([[0.0, 1.0]]), np.array([[1.5, 0.0]])
    >>> float(F.triplet_margin_loss(a, near, far).round(4))
    0.5
    """

    def distance(x: Any, y: Any) -> Any:
        return pairwise_distance(x, y, p, eps)

    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """Return the loss of `triplet_margin_loss` for a distance of one's own.

    Parameters
    ----------
    anchor, positive, negative, margin, swap, reduction
        As for `triplet_margin_loss`.
    distance_function
        A function of two arrays; None for `pairwise_distance`.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> a, near, far = np.zeros((1, 2)), np.array([[0.0, 1.0]]), np.array([[1.5, 0.0]])
    >>> cityblock = lambda x, y: np.abs(x - y).sum(-1)
    >>> float(F.triplet_margin_with_distance_loss(a, near, far, distance_function=cityblock))
    0.5
    """
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = np.minimum(far, distance(positive, negative))
    return reduced(relu(margin + near - far), reduction)


def multi_margin_loss(
    input: Any, target: Any, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Return by how much other classes come too near to the score of the right one, in the mean of all classes.

    Parameters
    ----------
    input
        Scores of shape (N, C) or (C,).
    target
        Class numbers of shape (N,) or ().
    p
        The power of what is missing to the margin: 1 or 2.
    margin
        How much larger the score of the right class is to be.
    weight
        One weight a class.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> float(F.multi_margin_loss(np.array([0.5, 0.0, 2.0]), np.array(0)))
    1.0
    """
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss at {user_line()}: p must be 1 or 2, not {p}")
    classes = shape_of(input)[-1]
    target = positions(target, classes, "multi_margin_loss", negative=False)
    is_right = np.expand_dims(target, -1) == np.arange(classes)
    right = np.sum(np.where(is_right, input, 0), axis=-1, keepdims=True)
    missing = np.where(is_right, 0, relu(margin - right + input))
    losses = np.sum(missing if p == 1 else missing * missing, axis=-1) / classes
    return reduced(losses if weight is None else losses * take(weight, target), reduction)


def multilabel_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Return by how much other classes come nearer than one to the scores of the right ones, over all such pairs.

    Parameters
    ----------
    input
        Scores of shape (N, C) or (C,).
    target
        Class numbers of that shape; the first -1 and what is behind it say nothing.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``. Sums of an example are divided by C.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> float(F.multilabel_margin_loss(np.array([0.5, 0.0, 2.0, 0.0]), np.array([0, 2, -1, 1])))
    0.25
    """
    classes = shape_of(input)[-1]
    target = as_array(target)
    refuse_other_shape("multilabel_margin_loss", "target", target.shape, shape_of(input), "that of the scores")
    counts = np.cumprod(target >= 0, axis=-1) > 0
    target = positions(np.where(counts, target, 0), classes, "multilabel_margin_loss", negative=False)
    named = np.expand_dims(counts, -1) & (np.expand_dims(target, -1) == np.arange(classes))
    others = ~np.any(named, axis=-2, keepdims=True)
    right = np.expand_dims(np.take_along_axis(input, target, axis=-1), -1)
    missing = relu(1 - right + np.expand_dims(input, -2))
    pairs = np.where(np.expand_dims(counts, -1) & others, missing, 0)
    return reduced(np.sum(pairs, axis=(-2, -1)) / classes, reduction)


def multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """Return the mean over the last axis, the classes, of the cross entropies of sigmoid scores and targets.

    Parameters
    ----------
    input
        Scores.
    target
        For each class 1 where it applies, else 0.
    weight
        One weight a class.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> bool(F.multilabel_soft_margin_loss(np.zeros((2, 3)), np.ones((2, 3))) == np.log(2))
    True
    """
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    return reduced(np.mean(losses if weight is None else losses * weight, axis=-1), reduction)


# --- Likelihoods ------------------------------------------------------------------------------------------------------


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """Return minus the logarithm of the normal density of targets, with means ``input`` and variances ``var``.

    Parameters
    ----------
    input, target
        Arrays of one shape.
    var
        Variances of that shape, or of one that broadcasts; without the last axis, one for all of it.
    full
        Whether the constant ``log(2 pi) / 2`` is added.
    eps
        What smaller variances are replaced by; derivatives are those at the replacement.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(F.gaussian_nll_loss, (0, 2))(np.array(1.0), np.array(3.0), np.array(2.0))
    (np.float64(-1.0), np.float64(-0.25))
    """
    if shape_of(var) != shape_of(input) and shape_of(var) == shape_of(input)[:-1]:
        var = np.expand_dims(var, -1)
    var = var + stop_gradient(np.maximum(eps - var, 0))
    losses = 0.5 * (np.log(var) + np.square(input - target) / var)
    return reduced(losses + 0.5 * log(2 * pi) if full else losses, reduction)


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Any:
    """Return minus the logarithm of the Poisson probability of targets, without ``log(target!)``.

    Parameters
    ----------
    input
        The logarithms of the rates; with ``log_input=False`` the rates.
    target
        Numbers of events.
    log_input
        Which of the two.
    full
        Whether Stirling's approximation of ``log(target!)`` is added where the target is more than one.
    eps
        What is added to a rate under the logarithm.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(F.poisson_nll_loss)(np.array([0.0, 0.0]), np.array([1.0, 3.0]))
    array([ 0., -1.])
    """
    losses = np.exp(input) - target * input if log_input else input - target * np.log(input + eps)
    if full:
        many = np.maximum(as_array(target), 1)
        losses = losses + np.where(target > 1, xlogy(many, many) - many + 0.5 * np.log(2 * pi * many), 0)
    return reduced(losses, reduction)
