"""Activation functions of neural networks.

`sigmoid`, `relu` and `erf` are primitives, since no composition of NumPy's functions is exact at both ends, zero at the
kink, or there at all. At kinks derivatives are PyTorch's: 0 for relu at 0, the slope on the left for leaky_relu.

Asked to work ``inplace``, a function writes its result into its argument, a tensor or an array, and returns that.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from functorch_lite.core.operators import apply_unary
from functorch_lite.core.optional import scipy_module
from functorch_lite.core.primitive import Pointwise, Primitive
from functorch_lite.tensor.in_place import written_over
from functorch_lite.tensor.method_table import method, methods_of_functions

__all__ = [
    "celu",
    "elu",
    "erf",
    "gelu",
    "glu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "tanh",
    "tanhshrink",
]

tanh = np.tanh

# --- Primitives -------------------------------------------------------------------------------------------------------


def _sigmoid_of(x: Any) -> Any:
    # The exponential never overflows, and keeps the digits of both tails.
    if np.iscomplexobj(x):
        is_right = np.real(x) >= 0
        small = np.exp(np.where(is_right, -x, x))
    else:
        is_right = x >= 0
        small = np.exp(-np.abs(x))
    return np.where(is_right, 1, small) / (1 + small)


def _erf_of(x: Any) -> Any:
    return scipy_module("special", 'ft.erf (as does gelu without approximate="tanh")').erf(x)


_sigmoid: Primitive = Pointwise(_sigmoid_of, [lambda ans, x: ans * _sigmoid(-x)], name="sigmoid")
_relu = Pointwise(lambda x: np.maximum(x, 0), [lambda ans: ans > 0], name="relu")
_erf = Pointwise(_erf_of, [lambda x: 2 / sqrt(pi) * np.exp(-x * x)], name="erf")


@method
def sigmoid(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))``, which neither overflows nor loses the digits of its tails.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.sigmoid(ft.tensor([-800.0, 0.0]))
    tensor([0. , 0.5])
    >>> ft.grad(ft.sigmoid)(ft.tensor(0.0))
    tensor(0.25)
    """
    return apply_unary(_sigmoid, x)


@method
def relu(x: Any, inplace: bool = False) -> Any:
    """Return what is positive, else zero. The derivative at 0 is 0.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.relu(ft.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    >>> ft.grad(ft.relu)(ft.tensor(0.0))
    tensor(0.)
    """
    if inplace:
        return written_over(x, "relu_", relu)
    return apply_unary(_relu, x)


@method
def erf(x: Any) -> Any:
    """Return the error function, the integral of ``2 / sqrt(pi) * exp(-t * t)`` from 0 to ``x``; it needs scipy.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> ft.erf(ft.tensor([0.0, np.inf]))
    tensor([0., 1.])
    """
    return apply_unary(_erf, x)


# --- Smooth functions -------------------------------------------------------------------------------------------------


def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """Return ``log(1 + exp(beta * x)) / beta``; where ``beta * x`` exceeds the threshold, ``x``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> F.softplus(np.array([-800.0, 800.0]))
    array([  0., 800.])
    >>> float(ft.grad(F.softplus)(0.0))
    0.5
    """
    scaled = beta * x
    return np.where(scaled > threshold, x, np.logaddexp(0, scaled) / beta)


def logsigmoid(x: Any) -> Any:
    """Return the logarithm of `sigmoid`, which does not underflow.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.logsigmoid(np.array([-800.0, 800.0]))
    array([-800.,   -0.])
    """
    return -np.logaddexp(0, -x)


def silu(x: Any, inplace: bool = False) -> Any:
    """Return ``x * sigmoid(x)``.

    Examples
    --------
    >>> import functorch_lite as ft, functorch_lite.nn.functional as F
    >>> float(ft.grad(F.silu)(0.0))
    0.5
    """
    if inplace:
        return written_over(x, "silu_", silu)
    return x * _sigmoid(x)


def mish(x: Any, inplace: bool = False) -> Any:
    """Return ``x * tanh(softplus(x))``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.mish(np.array([-100.0, 0.0, 100.0]))
    array([-3.72007598e-42,  0.00000000e+00,  1.00000000e+02])
    """
    if inplace:
        return written_over(x, "mish_", mish)
    return x * np.tanh(np.logaddexp(0, x))


def gelu(x: Any, approximate: str = "none") -> Any:
    """Return ``x`` times the normal distribution function, by erf (which needs scipy) or ``approximate="tanh"``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.gelu(np.array([-9.0, 0.0, 9.0]), approximate="tanh").round(3)
    array([-0.,  0.,  9.])
    """
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))
    if approximate != "none":
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}")
    return 0.5 * x * (1 + _erf(x / sqrt(2)))


def softsign(x: Any) -> Any:
    """Return ``x / (1 + abs(x))``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.softsign(np.array([-1.0, 0.0, 3.0]))
    array([-0.5 ,  0.  ,  0.75])
    """
    return x / (1 + np.abs(x))


def tanhshrink(x: Any) -> Any:
    """Return ``x - tanh(x)``.

    Examples
    --------
    >>> import functorch_lite as ft, functorch_lite.nn.functional as F
    >>> float(ft.grad(F.tanhshrink)(0.0))
    0.0
    """
    return x - np.tanh(x)


# --- Functions with kinks ---------------------------------------------------------------------------------------------


def elu(x: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Return ``x`` where positive, else ``alpha * (exp(x) - 1)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.elu(np.array([-100.0, 2.0]), alpha=0.5)
    array([-0.5,  2. ])
    """
    if inplace:
        return written_over(x, "elu_", elu, alpha)
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x)))


def celu(x: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Return ``x`` where positive, else ``alpha * (exp(x / alpha) - 1)``: its slope at 0 is 1 for every ``alpha``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.celu(np.array([-100.0, 2.0]), alpha=0.5)
    array([-0.5,  2. ])
    """
    if inplace:
        return written_over(x, "celu_", celu, alpha)
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x) / alpha))


def selu(x: Any, inplace: bool = False) -> Any:
    """Return the scaled `elu` that keeps mean 0 and variance 1.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.selu(np.array([-100.0, 0.0, 1.0])).round(4)
    array([-1.7581,  0.    ,  1.0507])
    """
    if inplace:
        return written_over(x, "selu_", selu)
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def leaky_relu(x: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """Return ``x`` where positive, else ``negative_slope * x``; the derivative at 0 is ``negative_slope``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> F.leaky_relu(np.array([-100.0, 2.0]))
    array([-1.,  2.])
    >>> float(ft.grad(F.leaky_relu)(0.0))
    0.01
    """
    if inplace:
        return written_over(x, "leaky_relu_", leaky_relu, negative_slope)
    return np.where(x > 0, x, negative_slope * x)


def prelu(x: Any, weight: Any) -> Any:
    """Return ``x`` where positive, else ``weight * x``; a vector of weights goes along axis 1.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> x, weight = -np.ones((2, 3)), np.array([0.0, 1.0, 2.0])
    >>> ft.grad(lambda w: F.prelu(x, w).sum())(weight)
    array([-2., -2., -2.])
    """
    if np.size(weight) > 1 and np.ndim(x) > 1:
        weight = np.reshape(weight, (-1, *(1,) * (np.ndim(x) - 2)))
    return np.where(x > 0, x, weight * x)


def relu6(x: Any, inplace: bool = False) -> Any:
    """Keep within 0 and 6; the derivative at both is 0.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.relu6(np.array([-1.0, 2.0, 7.0]))
    array([0., 2., 6.])
    """
    if inplace:
        return written_over(x, "relu6_", relu6)
    return hardtanh(x, 0.0, 6.0)


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """Keep within bounds; the derivative at a bound is 0 (of `clamp` it is 1).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> F.hardtanh(np.array([-2.0, 0.5, 2.0]))
    array([-1. ,  0.5,  1. ])
    >>> float(ft.grad(F.hardtanh)(1.0))
    0.0
    """
    if inplace:
        return written_over(x, "hardtanh_", hardtanh, min_val, max_val)
    return np.where(x <= min_val, min_val, np.where(x >= max_val, max_val, x))


def hardsigmoid(x: Any, inplace: bool = False) -> Any:
    """Return ``x / 6 + 1 / 2`` kept within 0 and 1.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.hardsigmoid(np.array([-4.0, 0.0, 1.5]))
    array([0.  , 0.5 , 0.75])
    """
    if inplace:
        return written_over(x, "hardsigmoid_", hardsigmoid)
    return hardtanh(x, -3.0, 3.0) / 6 + 0.5


def hardswish(x: Any, inplace: bool = False) -> Any:
    """Return ``x * hardsigmoid(x)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.hardswish(np.array([-4.0, 0.0, 4.0]))
    array([-0.,  0.,  4.])
    """
    if inplace:
        return written_over(x, "hardswish_", hardswish)
    return x * hardsigmoid(x)


def glu(x: Any, dim: int = -1) -> Any:
    """Return the first half of an axis, of even length, times `sigmoid` of the second.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.glu(np.array([1.0, 2.0, 0.0, 0.0]))
    array([0.5, 1. ])
    """
    first, second = np.split(x, 2, axis=dim)
    return first * _sigmoid(second)


methods_of_functions({"prelu": prelu, "tanh": np.tanh})
