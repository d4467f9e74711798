"""Values on the levels that a `Function` sees: plain ones, watched ones, and how they correspond."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from functorch_lite.core.tape import Taped
from functorch_lite.core.trace import Tracer
from functorch_lite.core.tracer import ArrayTracer
from functorch_lite.tensor.ambient import is_tensor, tensor_of
from functorch_lite.transforms.forward import Dual

__all__ = ["is_watched", "linked", "lowered", "plain", "raw"]


def lowered(x: Any) -> Any:
    """Return a value without what differentiates it; examples of a batch stay so."""
    while True:
        if is_tensor(x) or isinstance(x, Taped | Dual):
            x = x.value
        else:
            return x


def plain(x: Any) -> Any:
    """Return a raw array as a tensor, a tracer as it is."""
    if type(x) in (float, complex):
        x = np.array(x)
    return x if isinstance(x, Tracer) or not hasattr(x, "dtype") else tensor_of(x, None)


def raw(x: Any) -> Any:
    """Return a tensor without a history as its array, also below a tracer; anything else as it is."""
    if is_tensor(x):
        return x.value if x.node is None else x
    if isinstance(x, Tracer) and is_tensor(x.value) and x.value.node is None:
        x.value = x.value.value
    return x


def linked(x: Any, links: list[tuple[Any, Any]], warn: bool, name: str) -> Any:
    """Return what stands for a saved value on the level of the rule's values."""
    if not isinstance(x, ArrayTracer):
        return x
    for given, value in links:
        if x is given:
            return value
    if warn and np.issubdtype(x.dtype, np.inexact):
        warnings.warn(
            f"{name} saved a value for backward that is neither an input nor an output; its second derivative takes it "
            f"as a constant. Save inputs and outputs, or mark backward once_differentiable.",
            stacklevel=2,
        )
    return raw(x)


def is_watched(x: Any) -> bool:
    """Say whether something differentiates a value."""
    return (is_tensor(x) and x.node is not None) or isinstance(x, Dual) or (isinstance(x, Taped) and not is_tensor(x))
