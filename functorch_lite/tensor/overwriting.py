"""Activations that write into their argument: ``relu_(x)`` is ``relu(x, inplace=True)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functorch_lite.tensor.activations import celu, elu, hardtanh, leaky_relu, relu, selu
from functorch_lite.tensor.noise import rrelu
from functorch_lite.tensor.shrinking import threshold

__all__ = ["celu_", "elu_", "hardtanh_", "leaky_relu_", "relu_", "rrelu_", "selu_", "threshold_"]


def _in_place(function: Callable[..., Any], example: str) -> Callable[..., Any]:
    def activation(x: Any, *args: Any, **kwargs: Any) -> Any:
        return function(x, *args, inplace=True, **kwargs)

    activation.__name__ = activation.__qualname__ = f"{function.__name__}_"
    activation.__doc__ = f"""Write what `{function.__name__}` gives, whose arguments it takes, into ``x``; return ``x``.

    Examples
    --------
    >>> import functorch_lite as ft, functorch_lite.nn.functional as F
    >>> x = ft.tensor([-1.0, 0.0, 2.0])
    >>> {example}
    True
    """
    return activation


celu_ = _in_place(celu, "F.celu_(x) is x")
elu_ = _in_place(elu, "F.elu_(x, 0.5) is x")
hardtanh_ = _in_place(hardtanh, "F.hardtanh_(x) is x")
leaky_relu_ = _in_place(leaky_relu, "F.leaky_relu_(x, 0.2) is x")
relu_ = _in_place(relu, "F.relu_(x) is x")
rrelu_ = _in_place(rrelu, "F.rrelu_(x) is x")
selu_ = _in_place(selu, "F.selu_(x) is x")
threshold_ = _in_place(threshold, "F.threshold_(x, 0.5, 0.0) is x")
