"""Ufuncs with ``where=mask``, which compute nothing where the mask does not hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.taking import take
from functorch_lite.core.trace import Tracer

__all__ = ["called_where"]


def called_where(
    ufunc: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any], mask: Any, old: Any
) -> tuple[Any, Any]:
    """Apply a ufunc to the elements at which a mask holds, so that the others make no derivative NaN.

    Parameters
    ----------
    ufunc, inputs, kwargs
        The call; the inputs broadcast against ``old``.
    mask
        Truth values, which broadcast against ``old``.
    old
        What the elements are where the mask does not hold.

    Returns
    -------
    result, key
        What is to be written to the array, and to which of its elements.
    """
    mask = np.broadcast_to(mask, old.shape)
    is_traced = isinstance(mask, Tracer)
    if not is_traced:
        chosen = [x if _is_weak(x) else np.broadcast_to(as_array(x), old.shape)[mask] for x in inputs]
        return ufunc(*chosen, **kwargs), mask
    # The mask differs between examples, or is not known yet: other elements get the value of one at which it holds.
    valid = [x if _is_weak(x) else _valid(x, mask) for x in inputs]
    return np.where(mask, ufunc(*valid, **kwargs), old), ...


def _is_weak(x: Any) -> bool:
    """Tell whether an operand is a Python number, whose type gives way to that of arrays."""
    return isinstance(x, int | float | complex) and not hasattr(x, "dtype")


def _valid(x: Any, mask: Any) -> Any:
    """Return an operand of which elements where the mask does not hold are replaced by one where it does.

    Where it holds nowhere they are a half, of which few functions are infinite.
    """
    x = np.broadcast_to(as_array(x), mask.shape)
    if not x.size:
        return x
    holding = take(np.ravel(x), np.argmax(np.ravel(mask)))
    otherwise = x.dtype.type(0.5 if x.dtype.kind in "fc" else 1)
    return np.where(mask, x, np.where(np.any(mask), holding, otherwise))
