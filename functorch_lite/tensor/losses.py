"""Losses of neural networks in PyTorch's signatures: what is to be learned comes first, the target second.

``reduction`` is ``"mean"``, ``"sum"`` or ``"none"``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.indexing import gather
from functorch_lite.calculus.taking import take
from functorch_lite.core.errors import user_line
from functorch_lite.core.operands import is_at_hand, shape_of
from functorch_lite.core.primitive import Pointwise
from functorch_lite.tensor.ambient import is_tensor
from functorch_lite.tensor.elementwise import xlogy
from functorch_lite.tensor.fitting import checked_index
from functorch_lite.tensor.softmax import log_softmax
from functorch_lite.tensor.surprisal import surprisal

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "reduced",
    "smooth_l1_loss",
]

# --- Of numbers -------------------------------------------------------------------------------------------------------


def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Return the squared differences, by default their mean.

    Parameters
    ----------
    input, target
        Real arrays of one shape.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``; as for the other losses.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> x, target = np.array([1.0, 2.0]), np.array([1.0, 4.0])
    >>> float(F.mse_loss(x, target))
    2.0
    >>> ft.grad(F.mse_loss)(x, target)
    array([ 0., -2.])
    """
    return reduced(np.square(input - target), reduction)


def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Return the absolute differences of two arrays of one shape, by default their mean; the slope at 0 is 0.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(F.l1_loss)(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    array([ 0. , -0.5])
    """
    return reduced(np.abs(input - target), reduction)


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """Return the differences squared over ``2 * beta`` where they are below ``beta``, else absolute less ``beta / 2``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.smooth_l1_loss(np.array([1.0, 4.0]), np.zeros(2), reduction="none")
    array([0.5, 3.5])
    """
    if beta == 0:
        return l1_loss(input, target, reduction)
    return huber_loss(input, target, reduction, beta) / beta


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Return half the squared differences where they are below ``delta``, and what goes on linearly beyond.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(F.huber_loss)(np.array([0.5, 4.0]), np.zeros(2), reduction="sum")
    array([0.5, 1. ])
    """
    error = input - target
    size = np.abs(error)
    return reduced(np.where(size < delta, 0.5 * error * error, delta * (size - 0.5 * delta)), reduction)


# --- Of probabilities -------------------------------------------------------------------------------------------------


def _clamped_log(x: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(x), -100)


def _binary_cross_entropy(x: Any, y: Any) -> Any:
    return -((1 - y) * _clamped_log(1 - x) + y * _clamped_log(x))  # 1 - y is 0 or 1 in unsigned integers too


# The quotient is PyTorch's, which is large but finite where a probability is 0 or 1; so are the logarithms.
_bce = Pointwise(
    _binary_cross_entropy,
    [
        lambda x, y: (x - y) / np.maximum(x * (1 - x), 1e-12),
        lambda x: _clamped_log(1 - x) - _clamped_log(x),
    ],
    name="binary_cross_entropy",
)


def binary_cross_entropy(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """Return ``-(t log p + (1 - t) log(1 - p))`` of probabilities; no logarithm is taken to be below -100.

    Parameters
    ----------
    input
        The probabilities p, between 0 and 1.
    target
        The targets t, between 0 and 1, of the same shape.
    weight
        What each loss is multiplied by: an array that broadcasts, or None.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.binary_cross_entropy(np.array([0.0, 1.0]), np.array([1.0, 1.0]), reduction="none")
    array([100.,  -0.])
    """
    _refuse_other_target("binary_cross_entropy", input, target)
    losses = _bce(input, target)
    return reduced(losses if weight is None else weight * losses, reduction)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """Return `binary_cross_entropy` of ``sigmoid(input)``, which neither overflows nor loses digits.

    Parameters
    ----------
    input
        Real numbers, the logits.
    target
        The targets, between 0 and 1, of the same shape.
    weight
        What each loss is multiplied by: an array that broadcasts, or None.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.
    pos_weight
        What the losses of targets 1 are multiplied by besides.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(F.binary_cross_entropy_with_logits)(np.array([0.0, 800.0]), np.array([1.0, 0.0]))
    array([-0.25,  0.5 ])
    """
    _refuse_other_target("binary_cross_entropy_with_logits", input, target)
    negative = np.logaddexp(0, -input)  # -log sigmoid(input)
    losses = (1 - target) * input + (negative if pos_weight is None else (1 + (pos_weight - 1) * target) * negative)
    return reduced(losses if weight is None else weight * losses, reduction)


def _refuse_other_target(name: str, input: Any, target: Any) -> None:
    shapes = shape_of(as_array(target)), shape_of(as_array(input))
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"{name} at {user_line()}: targets of shape {shapes[0]} do not fit an input of shape {shapes[1]}; the "
            f"shapes must be equal, so write the broadcast out (target.expand_as(input), input.squeeze())"
        )


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """Return the divergence ``t (log t - input)`` of a distribution from a target, element by element or reduced.

    Parameters
    ----------
    input
        The logarithm of the distribution.
    target
        The target t, of the same shape; its logarithm if ``log_target``.
    reduction
        ``"mean"``, ``"sum"``, ``"none"``, or ``"batchmean"``: the sum over the length of the first axis.
    log_target
        Whether ``target`` is a logarithm.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> p = np.array([[0.5, 0.5]])
    >>> ft.value_and_grad(F.kl_div)(np.log(p), p, reduction="batchmean")
    (np.float64(0.0), array([[-0.5, -0.5]]))
    """
    losses = np.exp(target) * (target - input) if log_target else xlogy(target, target) - target * input
    if reduction == "batchmean":
        return np.sum(losses) / shape_of(losses)[0]
    return reduced(losses, reduction)


# --- Of classes -------------------------------------------------------------------------------------------------------


def nll_loss(input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """Return minus the log-probability of the target class.

    Parameters
    ----------
    input
        Log-probabilities of shape (C,), (N, C) or (N, C, …).
    target
        Class numbers of shape (), (N,) or (N, …).
    weight
        One weight a class; the mean is weighted.
    ignore_index
        The target that counts nothing.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(F.nll_loss)(np.log(np.full((2, 2), 0.5)), np.array([0, 1]))
    array([[-0.5,  0. ],
           [ 0. , -0.5]])
    """
    target = as_array(target)
    counts = target != ignore_index
    taken = _of_classes(input, np.where(counts, target, 0), ignore_index)
    weights = _weights(input, target, weight, ignore_index)
    weighted = taken * weights
    if reduction == "none":
        return np.where(counts, -weighted, 0)
    total = -np.sum(weighted, where=counts)
    return total / np.sum(weights) if reduction == "mean" else reduced(total, reduction)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Return the cross entropy of the softmax of scores against class numbers or probabilities.

    Parameters
    ----------
    input
        Scores of shape (C,), (N, C) or (N, C, …).
    target
        Class numbers, integers of the shape without C; or probabilities, of the same shape as the scores.
    weight
        One weight a class.
    ignore_index
        The class number that counts nothing.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``. The mean is weighted for class numbers.
    label_smoothing
        The fraction of the target that is spread evenly over all classes.

    Raises
    ------
    ValueError
        If the shapes of scores and targets do not fit, or the reduction is another.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> scores, labels = np.zeros((2, 4)), np.array([0, 3])
    >>> bool(F.cross_entropy(scores, labels) == np.log(4))
    True
    >>> ft.grad(F.cross_entropy)(scores, labels)
    array([[-0.375,  0.125,  0.125,  0.125],
           [ 0.125,  0.125,  0.125, -0.375]])
    """
    target = as_array(target)
    if weight is None and not label_smoothing and _are_plain_classes(target, shape_of(input), ignore_index):
        return surprisal(input, target, _known(reduction), 0)
    axis = min(1, len(shape_of(input)) - 1)
    scores = log_softmax(input, axis)
    classes = shape_of(scores)[axis]
    column = None if weight is None else np.reshape(weight, (-1, *(1,) * (len(shape_of(scores)) - 1 - axis)))
    if target.dtype.kind == "f":
        if shape_of(target) != shape_of(scores):
            raise ValueError(
                f"target probabilities of shape {shape_of(target)} do not fit scores of shape {shape_of(scores)} at "
                f"{user_line()}; class numbers must be integers"
            )
        target = target if not label_smoothing else (1 - label_smoothing) * target + label_smoothing / classes
        losses = -np.sum(scores * target if column is None else scores * target * column, axis=axis)
        return reduced(losses, reduction)
    sharp = nll_loss(scores, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return sharp
    counts = target != ignore_index
    smooth = np.where(counts, -np.sum(scores if column is None else scores * column, axis=axis), 0)
    if reduction == "mean":
        smooth = np.sum(smooth) / np.sum(_weights(scores, target, weight, ignore_index))
    else:
        smooth = reduced(smooth, reduction)
    return (1 - label_smoothing) * sharp + label_smoothing / classes * smooth


def _are_plain_classes(target: Any, shape: tuple[int, ...], ignore_index: int) -> bool:
    """Say whether the classes are one number an example, all valid; ``shape`` is that of the scores."""
    raw = target.value if is_tensor(target) else target
    if not is_at_hand(raw) or raw.dtype.kind not in "iu" or not shape or raw.shape != shape[:-1]:
        return False
    if not raw.size or ignore_index >= 0:
        return ignore_index < 0
    numbers = raw if raw.dtype.kind == "u" else raw.view(_UNSIGNED[raw.itemsize])  # in which negative ones are large
    return bool(numbers.max() < shape[-1])


_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def _of_classes(input: Any, classes: Any, ignore_index: int) -> Any:
    """Take from each example, whose classes lie along axis 1 (axis 0 of a vector), the element of its class."""
    shape = shape_of(classes)
    if (*shape_of(input)[: 1 if shape else 0], *shape_of(input)[2 if shape else 1 :]) != shape:
        raise ValueError(
            f"class numbers of shape {shape} do not fit scores of shape {shape_of(input)} at {user_line()}: scores are "
            f"(N, C, …) for numbers (N, …), and (C,) for one number"
        )
    complaint = f"target {{}} is out of bounds (and not ignore_index = {ignore_index})"
    classes = checked_index(classes, shape_of(input)[1 if shape else 0], 0, complaint)
    places = [np.arange(n).reshape(-1, *(1,) * (len(shape) - 1 - i)) for i, n in enumerate(shape)]
    places.insert(1 if shape else 0, classes)
    return gather.bind((input, *places), ((0,) * len(places), tuple(range(len(places))), True))


def _weights(input: Any, target: Any, weight: Any, ignore_index: int) -> Any:
    """Return the weight of each target, zero for those that count nothing."""
    counts = target != ignore_index
    return (
        counts.astype(input.dtype) if weight is None else np.where(counts, take(weight, np.where(counts, target, 0)), 0)
    )


def reduced(losses: Any, reduction: str) -> Any:
    """Return the mean of losses, their sum, or all of them."""
    return _REDUCTIONS[_known(reduction)](losses)


def _known(reduction: str) -> str:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
    return reduction


_REDUCTIONS: dict[str, Callable[[Any], Any]] = {"mean": np.mean, "sum": np.sum, "none": lambda losses: losses}
