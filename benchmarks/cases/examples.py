"""Gradients of one example each: ``vmap(grad(loss))`` over 256 examples of a small network."""

from __future__ import annotations

from typing import Any

import numpy as np

import functorch_lite as ft
from peers import Contenders, autograd, check, jax, ready, torch
from timing import Table, compared, interleaved

if autograd:
    import autograd.numpy as anp

EXAMPLES, INPUTS, HIDDEN = 256, 16, 32
HAND = "hand-written NumPy, batched"


def loss(xp: Any, parameters: Any, x: Any, target: Any) -> Any:
    """The squared error of one example."""
    w1, b1, w2, b2 = parameters
    error = xp.tanh(x @ w1 + b1) @ w2 + b2 - target
    return error * error


def gradients_by_hand(parameters: Any, x: Any, target: Any) -> tuple[Any, ...]:
    w1, b1, w2, b2 = parameters
    h = np.tanh(x @ w1 + b1)
    g = 2 * (h @ w2 + b2 - target)
    dz = g[:, None] * w2 * (1 - h * h)
    return x[:, :, None] * dz[:, None, :], dz, g[:, None] * h, g


def measure(seconds: float) -> list[Table]:
    rng = np.random.default_rng(0)
    parameters = (
        rng.normal(size=(INPUTS, HIDDEN)) / 4,
        rng.normal(size=HIDDEN),
        rng.normal(size=HIDDEN) / 4,
        np.float64(0.5),
    )
    x, target = rng.normal(size=(EXAMPLES, INPUTS)), rng.normal(size=EXAMPLES)

    contenders: Contenders = {
        HAND: lambda: gradients_by_hand(parameters, x, target),
        "ft.vmap(ft.grad(loss))": lambda: ft.vmap(ft.grad(lambda p, x, t: loss(np, p, x, t)), (None, 0, 0))(
            parameters, x, target
        ),
    }
    if autograd:
        grad = autograd.grad(lambda p, x, t: loss(anp, p, x, t))

        def loop() -> tuple[Any, ...]:
            found = [grad(parameters, x[i], target[i]) for i in range(EXAMPLES)]
            return tuple(np.stack(part) for part in zip(*found, strict=True))

        contenders["autograd, a loop"] = loop
    if torch:
        tensors = tuple(torch.as_tensor(p) for p in parameters), torch.from_numpy(x), torch.from_numpy(target)
        contenders["torch.func"] = lambda: torch.func.vmap(
            torch.func.grad(lambda p, x, t: loss(torch, p, x, t)), (None, 0, 0)
        )(*tensors)
    if jax:
        arrays = jax.tree.map(jax.numpy.asarray, (parameters, x, target))
        contenders["jax, eager"] = ready(
            jax.vmap(jax.grad(lambda p, x, t: loss(jax.numpy, p, x, t)), (None, 0, 0)), *arrays
        )
    check(contenders, HAND)
    title = f"Gradients of {EXAMPLES} examples each, network {INPUTS}-{HIDDEN}-1"
    return [compared(title, interleaved(contenders, seconds), HAND)]
