"""What code in PyTorch's style asks of tensors, answered by the tracers of the functional transformations."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.transforms.custom import stop_gradient

__all__ = ["TRACED"]


def detach(x: Any) -> Any:
    """Return the value without its derivative."""
    return stop_gradient(x)


def clone(x: Any) -> Any:
    """Return the value: it never changes."""
    return np.positive(x)


def requires_grad_(x: Any, requires_grad: bool = True) -> Any:
    """Return the value, whose derivatives the transformation takes anyway; without them if asked."""
    return x if requires_grad else stop_gradient(x)


#: Methods and properties by name.
TRACED: dict[str, Any] = {
    "detach": detach,
    "clone": clone,
    "requires_grad_": requires_grad_,
    "data": property(stop_gradient, doc="The value without its derivative."),
    "requires_grad": property(lambda x: True, doc="Whether a derivative is taken: a transformation is watching."),
    "is_leaf": property(lambda x: False, doc="Whether the user made the value: a transformation did."),
}
