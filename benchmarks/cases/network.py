"""A training step's derivative: value and gradient of a network 784-128-64-10 on a batch of 64."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

import functorch_lite as ft
from peers import Contenders, autograd, check, jax, ready, torch
from timing import Table, compared, interleaved

if autograd:
    import autograd.numpy as anp

SIZES, BATCH = (784, 128, 64, 10), 64
HAND = "hand-written NumPy"


def loss(xp: Any, parameters: Any, x: Any, labels: Any) -> Any:
    """The cross-entropy of a network with rectified units, as one writes it in NumPy."""
    for w, b in parameters[:-1]:
        x = xp.maximum(x @ w + b, 0.0)
    w, b = parameters[-1]
    scores = x @ w + b
    largest = xp.max(scores, axis=1)
    log_total = largest + xp.log(xp.sum(xp.exp(scores - largest[:, None]), axis=1))
    return xp.mean(log_total - scores[np.arange(BATCH), labels])


def torch_loss(parameters: Any, x: Any, labels: Any) -> Any:
    """The same as one writes it in torch."""
    for w, b in parameters[:-1]:
        x = torch.relu(x @ w + b)
    w, b = parameters[-1]
    return torch.nn.functional.cross_entropy(x @ w + b, labels)


def value_and_gradient_by_hand(parameters: Any, x: Any, labels: Any) -> tuple[Any, Any]:
    inputs = []
    for w, b in parameters[:-1]:
        inputs.append(x)
        x = np.maximum(x @ w + b, 0.0)
    inputs.append(x)
    w, b = parameters[-1]
    scores = x @ w + b
    scores -= scores.max(axis=1, keepdims=True)
    g = np.exp(scores)
    total = g.sum(axis=1, keepdims=True)
    rows = np.arange(BATCH)
    value = (np.log(total[:, 0]) - scores[rows, labels]).mean()
    g /= total
    g[rows, labels] -= 1.0
    g /= BATCH
    gradient = []
    for i in reversed(range(len(parameters))):
        gradient.append((inputs[i].T @ g, g.sum(axis=0)))
        if i:
            g = g @ parameters[i][0].T
            g *= inputs[i] > 0
    return value, gradient[::-1]


def measure(seconds: float) -> list[Table]:
    rng = np.random.default_rng(0)
    parameters = [(rng.normal(size=(n, m)) / np.sqrt(n), rng.normal(size=m)) for n, m in pairwise(SIZES)]
    x, labels = rng.normal(size=(BATCH, SIZES[0])), rng.integers(SIZES[-1], size=BATCH)

    contenders: Contenders = {
        HAND: lambda: value_and_gradient_by_hand(parameters, x, labels),
        "ft.value_and_grad": lambda: ft.value_and_grad(lambda p: loss(np, p, x, labels))(parameters),
    }
    if autograd:
        contenders["autograd"] = lambda: autograd.value_and_grad(lambda p: loss(anp, p, x, labels))(parameters)
    if torch:
        weights = [(torch.from_numpy(w), torch.from_numpy(b)) for w, b in parameters]
        data = torch.from_numpy(x), torch.from_numpy(labels)

        def backward() -> tuple[Any, Any]:
            leaves = [(w.detach().requires_grad_(), b.detach().requires_grad_()) for w, b in weights]
            value = torch_loss(leaves, *data)
            value.backward()
            return value, [(w.grad, b.grad) for w, b in leaves]

        def functional() -> tuple[Any, Any]:
            gradient, value = torch.func.grad_and_value(torch_loss)(weights, *data)
            return value, gradient

        contenders["torch backward"] = backward
        contenders["torch.func.grad"] = functional
    if jax:
        arrays = jax.tree.map(jax.numpy.asarray, (parameters, x))
        contenders["jax, eager"] = ready(jax.value_and_grad(lambda p, x: loss(jax.numpy, p, x, labels)), *arrays)
    check(contenders, HAND)
    title = f"Value and gradient of a network {'-'.join(map(str, SIZES))}, batch of {BATCH}"
    return [compared(title, interleaved(contenders, seconds), HAND)]
