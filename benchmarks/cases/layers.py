"""Layers of images: value and gradient of a LeNet and of a residual block, beside PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functorch_lite as ft
from peers import Contenders, check, torch
from timing import Table, compared, interleaved

BATCH = 32
UNIT = "ft.value_and_grad"


def lenet(F: Any, parameters: Any, x: Any, labels: Any) -> Any:
    """The cross-entropy of LeNet-5 with rectified units; the functions have the same names in both libraries."""
    first, second, *dense = parameters
    x = F.max_pool2d(F.relu(F.conv2d(x, *first, padding=2)), 2)
    x = F.max_pool2d(F.relu(F.conv2d(x, *second)), 2).reshape(BATCH, -1)
    for w, b in dense[:-1]:
        x = F.relu(F.linear(x, w, b))
    return F.cross_entropy(F.linear(x, *dense[-1]), labels)


def residual(F: Any, parameters: Any, x: Any, labels: Any) -> Any:
    """The cross-entropy of a convolution, a residual block and a half as large convolution, each normalised."""
    (w, *norm), (w1, *norm1), (w2, *norm2), (w3, *norm3), dense = parameters
    x = F.relu(F.batch_norm(F.conv2d(x, w, padding=1), None, None, *norm, training=True))
    y = F.relu(F.batch_norm(F.conv2d(x, w1, padding=1), None, None, *norm1, training=True))
    x = F.relu(F.batch_norm(F.conv2d(y, w2, padding=1), None, None, *norm2, training=True) + x)
    x = F.relu(F.batch_norm(F.conv2d(x, w3, stride=2, padding=1), None, None, *norm3, training=True))
    return F.cross_entropy(F.linear(F.adaptive_avg_pool2d(x, 1).reshape(BATCH, -1), *dense), labels)


LENET = [((6, 1, 5, 5), (6,)), ((16, 6, 5, 5), (16,)), ((120, 400), (120,)), ((84, 120), (84,)), ((10, 84), (10,))]
RESIDUAL = [
    *(((16, n, 3, 3), (16,), (16,)) for n in (3, 16, 16)),
    ((32, 16, 3, 3), (32,), (32,)),
    ((10, 32), (10,)),
]


def measure(seconds: float) -> list[Table]:
    return [
        _beside_torch(title, loss, shapes, image, dtype, seconds)
        for title, loss, shapes, image in (
            ("LeNet-5", lenet, LENET, (1, 28, 28)),
            ("Residual block", residual, RESIDUAL, (3, 32, 32)),
        )
        for dtype in (np.float32, np.float64)
    ]


def _beside_torch(
    title: str, loss: Callable[..., Any], shapes: Any, image: Any, dtype: Any, seconds: float
) -> Table:
    rng = np.random.default_rng(0)
    given = [[(rng.normal(size=s) / np.sqrt(np.prod(s[1:]))).astype(dtype) for s in layer] for layer in shapes]
    x, labels = rng.normal(size=(BATCH, *image)).astype(dtype), rng.integers(10, size=BATCH)

    def backward(library: Any, tensor: Any) -> Any:
        data = tensor(x), tensor(labels)

        def run() -> Any:
            leaves = [[tensor(a).requires_grad_() for a in layer] for layer in given]
            value = loss(library.nn.functional, leaves, *data)
            value.backward()
            return value, [[leaf.grad for leaf in layer] for layer in leaves]

        return run

    contenders: Contenders = {
        UNIT: lambda: ft.value_and_grad(lambda p: loss(ft.nn.functional, p, x, labels))(given),
        "ft.Tensor.backward": backward(ft, ft.tensor),
    }
    if torch:
        contenders["torch backward"] = backward(torch, torch.tensor)
    check(contenders, UNIT, 1e-3 if dtype is np.float32 else 1e-9)
    table = f"{title}, batch of {BATCH} × {'×'.join(map(str, image))}, {np.dtype(dtype)}: value and gradient"
    return compared(table, interleaved(contenders, seconds), UNIT)
