"""The surprisal of a class under scores: cross-entropy with class numbers, one step of the tape."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from functorch_lite.calculus.batching import broadcast_batch
from functorch_lite.calculus.declare import general
from functorch_lite.core.primitive import Arrays, Params, Primitive
from functorch_lite.core.rules import Rule
from functorch_lite.tensor.softmax import softmax_

__all__ = ["surprisal"]


def _excess(scores: Any, classes: Any) -> Any:
    """Return the probabilities, less 1 for the class that came: the gradient by the scores."""
    return softmax_(scores, scores.ndim - 1) - (classes[..., None] == np.arange(scores.shape[-1]))


def _jvp(t: Any, scores: Any, classes: Any, reduction: str, lead: int) -> Any:
    return _reduced(np.sum(_excess(scores, classes) * t, axis=-1), reduction, lead)


def _vjp(g: Any, scores: Any, classes: Any, reduction: str, lead: int) -> Any:
    if reduction == "none":
        return g[..., None] * _excess(scores, classes)
    if reduction == "mean":
        g = g / max(1, prod(classes.shape[lead:]))
    if lead:
        g = g.reshape(*g.shape, *(1,) * (scores.ndim - lead))
    return g * _excess(scores, classes)


def _batched(primitive: Primitive, size: int, arrays: Arrays, batched: tuple[bool, ...], params: Params) -> Any:
    reduction, lead = params
    whole = tuple(a if b else broadcast_batch(size, a) for a, b in zip(arrays, batched, strict=True))
    return primitive.bind(whole, (reduction, lead + 1))


@general(Rule(_jvp, _vjp), None, batch=_batched)
def surprisal(scores: Any, classes: Any, reduction: str, lead: int) -> Any:
    """Return minus the log of the softmax of scores (their last axis) at integer classes, one for each vector.

    These are summed, or averaged, over all their axes but the first ``lead``, unless the reduction is ``"none"``.
    """
    shifted = scores - scores.max(-1, keepdims=True)
    if scores.ndim == 2 == classes.ndim + 1:  # ten microseconds faster than what serves any rank
        taken = shifted[np.arange(len(classes)), classes]
    else:
        taken = np.take_along_axis(shifted, classes[..., None], -1)[..., 0]
    return _reduced(np.log(np.exp(shifted).sum(-1)) - taken, reduction, lead)


def _reduced(losses: Any, reduction: str, lead: int) -> Any:
    if reduction == "none":
        return losses
    axes = tuple(range(lead, losses.ndim))
    if reduction == "mean" and losses.dtype == np.float16:
        return losses.mean(axes)  # added up in single precision
    total = losses.sum(axes)
    return total / prod(losses.shape[lead:]) if reduction == "mean" else total
