"""The object style: ``backward`` through many cheap operations, and a training step of a network, beside PyTorch."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

import functorch_lite as ft
from functorch_lite.tensor.losses import cross_entropy
from peers import Contenders, check, torch
from timing import Table, compared, interleaved

PAIRS = 25
SIZES, BATCH = (784, 128, 64, 10), 64
RATE = 1e-12  # so small that every step is the first one again, and all results agree
HAND = "hand-written NumPy"


def measure(seconds: float) -> list[Table]:
    return [_chain(seconds), *(_training(seconds, dtype) for dtype in (np.float32, np.float64))]


def _chain(seconds: float) -> Table:
    x = np.random.default_rng(0).normal(size=10)

    def by_hand() -> Any:
        y, inner = x, []
        for _ in range(PAIRS):
            y = y * 0.9
            inner.append(y)
            y = np.sin(y)
        g = np.ones_like(y)
        for z in reversed(inner):
            g *= np.cos(z)
            g *= 0.9
        y.sum()
        return g

    def tensor() -> Any:
        y = leaf = ft.tensor(x, requires_grad=True)
        for _ in range(PAIRS):
            y = np.sin(y * 0.9)
        y.sum().backward()
        return leaf.grad

    contenders: Contenders = {HAND: by_hand, "ft.Tensor.backward": tensor}
    if torch:
        tx = torch.from_numpy(x)

        def backward() -> Any:
            y = leaf = tx.detach().requires_grad_()
            for _ in range(PAIRS):
                y = torch.sin(y * 0.9)
            y.sum().backward()
            return leaf.grad

        contenders["torch backward"] = backward
    check(contenders, HAND)
    title = f"Object style: {PAIRS} × (x * 0.9, sin) and a sum, 10 numbers, backward"
    return compared(title, interleaved(contenders, seconds), HAND)


def _training(seconds: float, dtype: Any) -> Table:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(BATCH, SIZES[0])).astype(dtype), rng.integers(SIZES[-1], size=BATCH)
    start = [
        array.astype(dtype)
        for n, m in pairwise(SIZES)
        for array in (rng.normal(size=(n, m)) / np.sqrt(n), np.zeros(m))
    ]
    contenders: Contenders = {
        HAND: _step_by_hand([a.copy() for a in start], x, labels),
        "ft.Tensor, ft.optim.SGD": _step(
            [ft.tensor(a, requires_grad=True) for a in start],
            (ft.tensor(x), ft.tensor(labels)),
            ft.relu,
            cross_entropy,
            ft.optim.SGD,
        ),
    }
    if torch:
        contenders["torch, torch.optim.SGD"] = _step(
            [torch.from_numpy(a.copy()).requires_grad_() for a in start],
            (torch.from_numpy(x), torch.from_numpy(labels)),
            torch.relu,
            torch.nn.functional.cross_entropy,
            torch.optim.SGD,
        )
    check(contenders, HAND, 1e-5 if dtype is np.float32 else 1e-9)
    title = f"A training step of a network {'-'.join(map(str, SIZES))}, batch of {BATCH}, {np.dtype(dtype)}"
    return compared(title, interleaved(contenders, seconds), HAND)


def _step(parameters: list[Any], data: tuple[Any, Any], relu: Any, loss_of: Any, optimizer_of: Any) -> Any:
    optimizer = optimizer_of(parameters, lr=RATE)

    def step() -> Any:
        optimizer.zero_grad()
        h = data[0]
        for i in range(0, len(parameters), 2):
            h = h @ parameters[i] + parameters[i + 1]
            if i + 2 < len(parameters):
                h = relu(h)
        loss = loss_of(h, data[1])
        loss.backward()
        optimizer.step()
        return loss

    return step


def _step_by_hand(parameters: list[Any], x: Any, labels: Any) -> Any:
    rows = np.arange(BATCH)

    def step() -> Any:
        h, inputs = x, []
        for i in range(0, len(parameters), 2):
            inputs.append(h)
            h = h @ parameters[i] + parameters[i + 1]
            if i + 2 < len(parameters):
                h = np.maximum(h, 0)
        h -= h.max(axis=1, keepdims=True)
        g = np.exp(h)
        total = g.sum(axis=1, keepdims=True)
        value = (np.log(total[:, 0]) - h[rows, labels]).mean()
        g /= total
        g[rows, labels] -= 1
        g /= BATCH
        gradients = []
        for i in reversed(range(0, len(parameters), 2)):
            gradients += [g.sum(axis=0), inputs[i // 2].T @ g]
            if i:
                g = g @ parameters[i].T
                g *= inputs[i // 2] > 0
        for parameter, gradient in zip(parameters, reversed(gradients), strict=True):
            parameter -= RATE * gradient
        return value

    return step
