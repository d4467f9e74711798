"""Activation functions of neural networks, and layers without parameters of their own.

`sigmoid`, `relu` and `erf` are primitives, since no composition of NumPy's functions is exact at both ends, zero at the
kink, or there at all. At kinks derivatives are PyTorch's: 0 for relu at 0, the slope on the left for leaky_relu.
"""

from __future__ import annotations

from math import pi, prod, sqrt
from typing import Any

import numpy as np

from functorch_lite.calculus.arguments import as_array
from functorch_lite.calculus.taking import take
from functorch_lite.core.operands import shape_of
from functorch_lite.core.operators import apply_unary
from functorch_lite.core.optional import scipy_module
from functorch_lite.core.primitive import Pointwise, Primitive
from functorch_lite.tensor.fitting import positions
from functorch_lite.tensor.method_table import method, methods_of_functions
from functorch_lite.tensor.reductions import mean

__all__ = [
    "celu",
    "cosine_similarity",
    "digamma",
    "elu",
    "embedding",
    "erf",
    "gelu",
    "glu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "layer_norm",
    "leaky_relu",
    "lgamma",
    "linear",
    "logsigmoid",
    "mish",
    "normalize",
    "one_hot",
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
def relu(x: Any) -> Any:
    """Return what is positive, else zero. The derivative at 0 is 0.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.relu(ft.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    >>> ft.grad(ft.relu)(ft.tensor(0.0))
    tensor(0.)
    """
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


@method
def lgamma(x: Any) -> Any:
    """Return the logarithm of the absolute value of the gamma function; it needs scipy.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.lgamma(ft.tensor([1.0, 4.0])).exp()
    tensor([1., 6.])
    """
    from scipy.special import gammaln  # noqa: PLC0415 - scipy is optional

    return gammaln(x)


@method
def digamma(x: Any) -> Any:
    """Return the derivative of `lgamma`; it needs scipy.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> bool(ft.allclose(ft.digamma(ft.tensor(2.5)), ft.grad(ft.lgamma)(ft.tensor(2.5))))
    True
    """
    from scipy.special import digamma as exact  # noqa: PLC0415 - scipy is optional

    return exact(x)


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


def silu(x: Any) -> Any:
    """Return ``x * sigmoid(x)``.

    Examples
    --------
    >>> import functorch_lite as ft, functorch_lite.nn.functional as F
    >>> float(ft.grad(F.silu)(0.0))
    0.5
    """
    return x * _sigmoid(x)


def mish(x: Any) -> Any:
    """Return ``x * tanh(softplus(x))``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.mish(np.array([-100.0, 0.0, 100.0]))
    array([-3.72007598e-42,  0.00000000e+00,  1.00000000e+02])
    """
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


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return ``x`` where positive, else ``alpha * (exp(x) - 1)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.elu(np.array([-100.0, 2.0]), alpha=0.5)
    array([-0.5,  2. ])
    """
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x)))


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Return ``x`` where positive, else ``alpha * (exp(x / alpha) - 1)``: its slope at 0 is 1 for every ``alpha``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.celu(np.array([-100.0, 2.0]), alpha=0.5)
    array([-0.5,  2. ])
    """
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x) / alpha))


def selu(x: Any) -> Any:
    """Return the scaled `elu` that keeps mean 0 and variance 1.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.selu(np.array([-100.0, 0.0, 1.0])).round(4)
    array([-1.7581,  0.    ,  1.0507])
    """
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """Return ``x`` where positive, else ``negative_slope * x``; the derivative at 0 is ``negative_slope``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> F.leaky_relu(np.array([-100.0, 2.0]))
    array([-1.,  2.])
    >>> float(ft.grad(F.leaky_relu)(0.0))
    0.01
    """
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


def relu6(x: Any) -> Any:
    """Keep within 0 and 6; the derivative at both is 0.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.relu6(np.array([-1.0, 2.0, 7.0]))
    array([0., 2., 6.])
    """
    return hardtanh(x, 0.0, 6.0)


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """Keep within bounds; the derivative at a bound is 0 (of `clamp` it is 1).

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> F.hardtanh(np.array([-2.0, 0.5, 2.0]))
    array([-1. ,  0.5,  1. ])
    >>> float(ft.grad(F.hardtanh)(1.0))
    0.0
    """
    return np.where(x <= min_val, min_val, np.where(x >= max_val, max_val, x))


def hardsigmoid(x: Any) -> Any:
    """Return ``x / 6 + 1 / 2`` kept within 0 and 1.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.hardsigmoid(np.array([-4.0, 0.0, 1.5]))
    array([0.  , 0.5 , 0.75])
    """
    return hardtanh(x, -3.0, 3.0) / 6 + 0.5


def hardswish(x: Any) -> Any:
    """Return ``x * hardsigmoid(x)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.hardswish(np.array([-4.0, 0.0, 4.0]))
    array([-0.,  0.,  4.])
    """
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


# --- Layers -----------------------------------------------------------------------------------------------------------


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """Return ``x @ weight.T + bias``, of the shapes (…, in), (out, in) and (out,); the bias may be None.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> weight, bias = np.array([[1.0, 2.0]]), np.array([10.0])
    >>> ft.grad(lambda w: F.linear(np.array([3.0, 4.0]), w, bias).sum())(weight)
    array([[3., 4.]])
    """
    out = np.matmul(x, np.transpose(weight))
    return out if bias is None else out + bias


def embedding(x: Any, weight: Any) -> Any:
    """Take rows of a matrix, ``weight``, by integers ``x``; the result has shape ``(*x.shape, columns)``.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft, functorch_lite.nn.functional as F
    >>> ft.grad(lambda w: F.embedding(np.array([0, 2, 2]), w).sum())(np.ones((3, 2)))
    array([[1., 1.],
           [0., 0.],
           [2., 2.]])
    """
    return take(weight, positions(x, shape_of(weight)[0], "embedding", negative=False), 0)


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Bring the last axes to mean 0 and variance 1; then scale and shift.

    Parameters
    ----------
    x
        An array whose shape ends with ``normalized_shape``.
    normalized_shape
        The lengths of the axes over which mean and variance are taken: a tuple, or an int for the last one.
    weight, bias
        Arrays of that shape, or None.
    eps
        What is added to the variance.

    Raises
    ------
    ValueError
        If the shape of ``x`` ends otherwise.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.layer_norm(np.array([[1.0, 3.0], [5.0, 5.0]]), 2).round(3)
    array([[-1.,  1.],
           [ 0.,  0.]])
    """
    sizes = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    if shape_of(x)[-len(sizes) :] != sizes:
        raise ValueError(f"layer_norm: the last axes of shape {shape_of(x)} are not normalized_shape = {sizes}")
    axes = tuple(range(-len(sizes), 0))
    centred = x - mean(x, axis=axes, keepdims=True)
    out = centred / np.sqrt(np.sum(centred * centred, axis=axes, keepdims=True) / prod(sizes) + eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def normalize(x: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """Divide by the p-norm along an axis, or by ``eps`` where that is larger.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    return x / np.clip(np.linalg.vector_norm(x, ord=p, axis=dim, keepdims=True), eps, None)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """Return the cosine of the angle between the vectors along an axis, whose lengths are taken as ``eps`` at least.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.cosine_similarity(np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([[2.0, 2.0], [0.0, 3.0]])).round(3)
    array([1., 0.])
    """
    lengths = (np.clip(np.linalg.vector_norm(x, axis=dim, keepdims=True), eps, None) for x in (x1, x2))
    return np.sum(np.multiply(*(x / n for x, n in zip((x1, x2), lengths, strict=True))), axis=dim)


def one_hot(labels: Any, num_classes: int = -1) -> Any:
    """Return 1 at the position that each integer names along a new last axis, else 0.

    That axis has length ``num_classes``; by default as long as the largest integer needs.

    Examples
    --------
    >>> import numpy as np, functorch_lite.nn.functional as F
    >>> F.one_hot(np.array([0, 2]))
    array([[1, 0, 0],
           [0, 0, 1]])
    """
    labels = as_array(labels)
    n = int(np.max(labels)) + 1 if num_classes == -1 else num_classes
    labels = positions(labels, n, "one_hot", negative=False)
    return (np.expand_dims(labels, -1) == np.arange(n)).astype(np.int64)


methods_of_functions({"prelu": prelu, "tanh": np.tanh})
