"""Initial values of parameters: tensors are filled in place, without a history.

Glorot and Bengio, Understanding the Difficulty of Training Deep Feedforward Neural Networks, AISTATS 2010 (Xavier); He
et al., Delving Deep into Rectifiers, ICCV 2015 (Kaiming); Saxe, McClelland and Ganguli, Exact Solutions to the
Nonlinear Dynamics of Learning in Deep Linear Neural Networks, ICLR 2014 (orthogonal). ``generator`` is one of NumPy's,
by default that of `manual_seed`.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.core.generator import shared_generator
from functorch_lite.tensor.ambient import is_tensor
from functorch_lite.tensor.grad_mode import no_grad
from functorch_lite.tensor.in_place import overwrite

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

# --- Given values -----------------------------------------------------------------------------------------------------


def constant_(tensor: Any, val: float) -> Any:
    """Set all elements to a number; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.nn.init.constant_(ft.zeros(2, requires_grad=True), 3.0)
    tensor([3., 3.], requires_grad=True)
    """
    return _filled(tensor, val, "constant_")


def ones_(tensor: Any) -> Any:
    """Set all elements to one; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.nn.init.ones_(ft.zeros(2))
    tensor([1., 1.])
    """
    return _filled(tensor, 1, "ones_")


def zeros_(tensor: Any) -> Any:
    """Set all elements to zero; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.nn.init.zeros_(ft.ones(2))
    tensor([0., 0.])
    """
    return _filled(tensor, 0, "zeros_")


def eye_(tensor: Any) -> Any:
    """Make a matrix the identity; return it.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.nn.init.eye_(ft.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows, columns = _matrix_shape(tensor, "eye_")
    return _filled(tensor, np.eye(rows, columns), "eye_")


# --- Random values ----------------------------------------------------------------------------------------------------


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Draw all elements uniformly between two bounds; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.nn.init.uniform_(ft.zeros(2), 3.0, 3.0)
    tensor([3., 3.])
    """
    return _filled(tensor, _source(generator).uniform(a, b, tensor.shape), "uniform_")


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Draw all elements from a normal distribution; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.nn.init.normal_(ft.zeros(2), mean=5.0, std=0.0)
    tensor([5., 5.])
    """
    return _filled(tensor, _source(generator).normal(mean, std, tensor.shape), "normal_")


def trunc_normal_(
    tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Any:
    """Draw all elements from a normal distribution, and again those not between ``a`` and ``b``; return the tensor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.nn.init.trunc_normal_(ft.zeros(100), a=-0.5, b=0.5)
    >>> bool(x.abs().max() <= 0.5)
    True
    """
    if not (a < b and a - 6 * std < mean < b + 6 * std):
        raise ValueError(
            f"trunc_normal_ at {user_line()}: next to nothing of a normal distribution of mean {mean} and deviation "
            f"{std} lies between {a} and {b}"
        )
    source, values = _source(generator), np.full(tensor.shape, np.nan)
    while (outside := ~((values >= a) & (values <= b))).any():
        values[outside] = source.normal(mean, std, int(outside.sum()))
    return _filled(tensor, values, "trunc_normal_")


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Draw weights uniformly, with the variance ``2 gain² / (inputs + outputs)``; return the tensor.

    Parameters
    ----------
    tensor
        Weights of shape (outputs, inputs, …): what further axes there are belongs to a window.
    gain
        What the standard deviation is multiplied by; see `calculate_gain`.
    generator
        A generator of NumPy's, or None.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.nn.init.xavier_uniform_(ft.zeros(4, 2, requires_grad=True))
    >>> bool(x.abs().max() <= 1.0), x.requires_grad
    (True, True)
    """
    inputs, outputs = _fans(tensor, "xavier_uniform_")
    bound = gain * sqrt(6 / (inputs + outputs))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Draw weights from a normal distribution of the variance of `xavier_uniform_`, whose arguments it takes.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.nn.init.xavier_normal_(ft.ones(4, 2), gain=0.0).abs().max()
    tensor(0.)
    """
    inputs, outputs = _fans(tensor, "xavier_normal_")
    return normal_(tensor, 0.0, gain * sqrt(2 / (inputs + outputs)), generator)


def kaiming_uniform_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Draw weights uniformly, with the variance ``gain² / inputs``; return the tensor.

    Parameters
    ----------
    tensor
        Weights of shape (outputs, inputs, …).
    a
        The slope of leaky_relu where that is the nonlinearity.
    mode
        ``"fan_in"`` keeps the variance of values, ``"fan_out"``, with the outputs, that of gradients.
    nonlinearity
        What comes behind the layer; see `calculate_gain`.
    generator
        A generator of NumPy's, or None.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.nn.init.kaiming_uniform_(ft.zeros(4, 6), nonlinearity="relu")
    >>> bool(x.abs().max() <= 1.0)
    True
    """
    bound = sqrt(3) * _kaiming(tensor, a, mode, nonlinearity, "kaiming_uniform_")
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Draw weights from a normal distribution of the variance of `kaiming_uniform_`, whose arguments it takes.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> x = ft.nn.init.kaiming_normal_(ft.zeros(100, 50), nonlinearity="relu")
    >>> bool(abs(x.std() - 0.2) < 0.02)
    True
    """
    return normal_(tensor, 0.0, _kaiming(tensor, a, mode, nonlinearity, "kaiming_normal_"), generator)


def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Any:
    """Make the rows, or the columns if they are fewer, orthogonal and of length ``gain``; return the tensor.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> x = ft.nn.init.orthogonal_(ft.zeros(2, 5))
    >>> np.allclose(x @ x.T, np.eye(2))
    True
    """
    if len(tensor.shape) < 2:
        raise ValueError(f"orthogonal_ at {user_line()}: a tensor of shape {tensor.shape} has no rows and columns")
    rows, columns = tensor.shape[0], prod(tensor.shape[1:])
    drawn = _source(generator).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q = q * np.sign(np.diagonal(r))  # so that all are as likely
    return _filled(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape), "orthogonal_")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by what a nonlinearity wants the standard deviation of weights multiplied.

    Parameters
    ----------
    nonlinearity
        ``"linear"``, ``"conv2d"`` and its kin, ``"sigmoid"``, ``"tanh"``, ``"relu"``, ``"leaky_relu"`` or ``"selu"``.
    param
        The slope of leaky_relu, 0.01 by default.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.nn.init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        return sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS and not nonlinearity.startswith("conv"):
        raise ValueError(f"Unsupported nonlinearity {nonlinearity} at {user_line()}")
    return _GAINS.get(nonlinearity, 1.0)


_GAINS = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": sqrt(2), "selu": 3 / 4}


def _kaiming(tensor: Any, a: float, mode: str, nonlinearity: str, name: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name} at {user_line()}: mode is 'fan_in' or 'fan_out', not {mode!r}")
    inputs, outputs = _fans(tensor, name)
    return calculate_gain(nonlinearity, a) / sqrt(inputs if mode == "fan_in" else outputs)


def _fans(tensor: Any, name: str) -> tuple[int, int]:
    """Return how many numbers an output is made of, and how many outputs an input goes to."""
    if len(tensor.shape) < 2:
        raise ValueError(f"{name} at {user_line()}: a tensor of shape {tensor.shape} has no inputs and outputs")
    window = prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _matrix_shape(tensor: Any, name: str) -> tuple[int, int]:
    if len(tensor.shape) != 2:
        raise ValueError(f"{name} at {user_line()} fills a matrix, not a tensor of shape {tensor.shape}")
    rows, columns = tensor.shape
    return rows, columns


def _source(generator: Any) -> Any:
    return generator or shared_generator()


def _filled(tensor: Any, values: Any, name: str) -> Any:
    if not is_tensor(tensor):
        raise TypeError(f"{name} at {user_line()} fills a Tensor in place, not a {type(tensor).__name__}")
    with no_grad():
        return overwrite(tensor, np.asarray(values).astype(tensor.dtype), name)
