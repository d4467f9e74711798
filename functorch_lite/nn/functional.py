"""Activations, layers and losses by the names of ``torch.nn.functional``.

Examples
--------
>>> import numpy as np, functorch_lite as ft
>>> import functorch_lite.nn.functional as F
>>> scores, labels = np.zeros((2, 4)), np.array([0, 3])
>>> ft.grad(F.cross_entropy)(scores, labels)[0]
array([-0.375,  0.125,  0.125,  0.125])
"""

from functorch_lite.tensor.activations import (
    celu,
    cosine_similarity,
    elu,
    embedding,
    erf,
    gelu,
    glu,
    hardsigmoid,
    hardswish,
    hardtanh,
    layer_norm,
    leaky_relu,
    linear,
    logsigmoid,
    mish,
    normalize,
    one_hot,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from functorch_lite.tensor.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from functorch_lite.tensor.noise import alpha_dropout, dropout, gumbel_softmax
from functorch_lite.tensor.softmax import log_softmax, softmax, softmin

__all__ = [
    "alpha_dropout",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "erf",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softsign",
    "tanh",
    "tanhshrink",
]
