"""What `jit` is for: gradients of small and large programs, against the same written by hand."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

import functorch_lite as ft
from peers import Contenders, check, jax
from timing import Table, compared, interleaved

HAND = "hand-written NumPy"
jnp = jax.numpy if jax else None


def _against(
    title: str, seconds: float, hand: Any, ours: Any, theirs: Any, args: tuple[Any, ...], tolerance: float = 1e-8
) -> Table:
    """Measure hand-written NumPy, a function of ours and one of jax on the same arguments."""
    contenders: Contenders = {HAND: lambda: hand(*args), "ft.jit": lambda: ours(*args)}
    if jax and theirs is not None:
        arrays = jax.tree.map(jnp.asarray, args)
        contenders["jax.jit"] = lambda: jax.block_until_ready(theirs(*arrays))
    check({name: run for name, run in contenders.items() if name != "jax.jit"}, HAND, tolerance)
    return compared(title, interleaved(contenders, seconds), HAND)


# --- Overhead ---------------------------------------------------------------------------------------------------------


def _chain(xp: Any, x: Any) -> Any:
    for _ in range(25):
        x = xp.sin(x * 0.9)
    return x.sum()


def _chain_by_hand(x: Any) -> tuple[Any, Any]:
    inner = []
    for _ in range(25):
        x = x * 0.9
        inner.append(x)
        x = np.sin(x)
    g = np.ones_like(x)
    for z in reversed(inner):
        g = g * np.cos(z)
        g = g * 0.9
    return x.sum(), g


def chain(seconds: float) -> list[Table]:
    ours = ft.jit(ft.value_and_grad(lambda x: _chain(np, x)))
    scalar = ft.jit(ft.value_and_grad(lambda x: _chain(np, x)))
    theirs = jax and jax.jit(jax.value_and_grad(lambda x: _chain(jnp, x)))
    x = np.random.default_rng(0).normal(size=10)
    identity = ft.jit(lambda x: x * 1.5)
    return [
        _against(
            "25 × (x * 0.9, sin) and a sum, 10 numbers, value and gradient", seconds, _chain_by_hand, ours, theirs, (x,)
        ),
        _against("The same on one number", seconds, _chain_by_hand, scalar, theirs, (np.float64(0.3),)),
        _against("A call that does nothing else: x * 1.5", seconds, lambda x: x * 1.5, identity, None, (x,)),
    ]


# --- Logistic regression ----------------------------------------------------------------------------------------------


def _log_loss(xp: Any, w: Any, x: Any, y: Any) -> Any:
    return xp.mean(xp.logaddexp(0.0, -y * (x @ w)))


def _log_loss_by_hand(w: Any, x: Any, y: Any) -> tuple[Any, Any]:
    z = -y * (x @ w)
    return np.mean(np.logaddexp(0.0, z)), x.T @ (-y / (1.0 + np.exp(-z)) / len(y))


def _product_by_hand(w: Any, v: Any, x: Any, y: Any) -> Any:
    p = 1.0 / (1.0 + np.exp(-(x @ w)))
    return x.T @ (p * (1.0 - p) * (x @ v) / len(y))


def regression(seconds: float) -> list[Table]:
    rng = np.random.default_rng(0)

    def data(n: int, d: int) -> tuple[Any, ...]:
        x = rng.normal(size=(n, d))
        return rng.normal(size=d) / np.sqrt(d), x, np.sign(x @ rng.normal(size=d))

    w, x, y = data(20_000, 200)
    w2, x2, y2 = data(2_000, 500)
    ours = ft.jit(ft.value_and_grad(lambda w, x, y: _log_loss(np, w, x, y)))
    theirs = jax and jax.jit(jax.value_and_grad(lambda w, x, y: _log_loss(jnp, w, x, y)))

    def product(w: Any, v: Any, x: Any, y: Any) -> Any:
        return ft.jvp(ft.grad(lambda w: _log_loss(np, w, x, y)), (w,), (v,))[1]

    def jax_product(w: Any, v: Any, x: Any, y: Any) -> Any:
        return jax.jvp(jax.grad(lambda w: _log_loss(jnp, w, x, y)), (w,), (v,))[1]

    return [
        _against(
            "Logistic regression 20,000 × 200, value and gradient", seconds, _log_loss_by_hand, ours, theirs, (w, x, y)
        ),
        _against(
            "A Hessian-vector product of it, 2,000 × 500",
            seconds,
            _product_by_hand,
            ft.jit(product),
            jax and jax.jit(jax_product),
            (w2, rng.normal(size=500), x2, y2),
        ),
    ]


# --- Large arrays -----------------------------------------------------------------------------------------------------


def _cheap(xp: Any, x: Any, y: Any) -> Any:
    a = x * y + 1.5
    b = a - x * 0.3
    c = b / (y + 2.0)
    d = c * c - a
    e = d * 0.25 + b
    return e * x - c


def _normal_cdf(xp: Any, x: Any) -> Any:
    """The normal distribution by its logistic approximation, which takes the same functions everywhere."""
    return 1.0 / (1.0 + xp.exp(-(1.5976 * x + 0.070565992 * x * x * x)))


def _black_scholes(xp: Any, s: Any, k: Any, t: Any, v: Any) -> Any:
    root = xp.sqrt(t)
    d1 = (xp.log(s / k) + (0.02 + 0.5 * v * v) * t) / (v * root)
    d2 = d1 - v * root
    return xp.sum(s * _normal_cdf(xp, d1) - k * xp.exp(-0.02 * t) * _normal_cdf(xp, d2))


def _black_scholes_by_hand(s: Any, k: Any, t: Any, v: Any) -> tuple[Any, Any]:
    root = np.sqrt(t)
    w = v * root
    d1 = (np.log(s / k) + (0.02 + 0.5 * v * v) * t) / w
    d2 = d1 - w
    p1 = 1.0 / (1.0 + np.exp(-(1.5976 * d1 + 0.070565992 * d1 * d1 * d1)))
    p2 = 1.0 / (1.0 + np.exp(-(1.5976 * d2 + 0.070565992 * d2 * d2 * d2)))
    discounted = k * np.exp(-0.02 * t)
    slope1 = p1 * (1.0 - p1) * (1.5976 + 3 * 0.070565992 * d1 * d1)
    slope2 = p2 * (1.0 - p2) * (1.5976 + 3 * 0.070565992 * d2 * d2)
    g = p1 + (s * slope1 - discounted * slope2) / (w * s)
    return np.sum(s * p1 - discounted * p2), g


def options(seconds: float) -> list[Table]:
    rng = np.random.default_rng(0)
    n = 2_000_000
    s, k, t, v = (rng.uniform(a, b, n) for a, b in ((80, 120), (80, 120), (0.5, 2.0), (0.2, 0.5)))
    ours = ft.jit(ft.value_and_grad(lambda *args: _black_scholes(np, *args)))
    theirs = jax and jax.jit(jax.value_and_grad(lambda *args: _black_scholes(jnp, *args)))
    cheap = ft.jit(lambda x, y: _cheap(np, x, y))
    jax_cheap = jax and jax.jit(lambda x, y: _cheap(jnp, x, y))
    return [
        _against(
            "Black–Scholes, 2,000,000 options, value and gradient by the price",
            seconds,
            _black_scholes_by_hand,
            ours,
            theirs,
            (s, k, t, v),
        ),
        _against(
            "Twelve cheap operations on 2,000,000 numbers",
            seconds,
            lambda x, y: _cheap(np, x, y),
            cheap,
            jax_cheap,
            (t, v),
        ),
    ]


# --- A Gaussian mixture -----------------------------------------------------------------------------------------------


def _mixture(xp: Any, alphas: Any, means: Any, log_scales: Any, x: Any) -> Any:
    difference = (x[:, None, :] - means[None, :, :]) * xp.exp(-log_scales)[None, :, :]
    logits = alphas - xp.sum(log_scales, axis=1) - 0.5 * xp.sum(difference * difference, axis=2)
    largest = xp.max(logits, axis=1)
    total = xp.log(xp.sum(xp.exp(logits - largest[:, None]), axis=1)) + largest
    return xp.sum(total) - len(x) * xp.log(xp.sum(xp.exp(alphas)))


def _mixture_by_hand(alphas: Any, means: Any, log_scales: Any, x: Any) -> Any:
    inverse = np.exp(-log_scales)
    difference = (x[:, None, :] - means[None, :, :]) * inverse[None, :, :]
    logits = alphas - np.sum(log_scales, axis=1) - 0.5 * np.sum(difference * difference, axis=2)
    logits -= np.max(logits, axis=1, keepdims=True)
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    e = np.exp(alphas)
    g = p[:, :, None] * difference
    return (
        p.sum(axis=0) - len(x) * e / e.sum(),
        np.sum(g, axis=0) * inverse,
        np.sum(g * difference, axis=0) - p.sum(axis=0)[:, None],
    )


def mixture(seconds: float) -> list[Table]:
    rng = np.random.default_rng(0)
    n, d, k = 1000, 10, 25
    args = rng.normal(size=k), rng.normal(size=(k, d)), 0.1 * rng.normal(size=(k, d)), rng.normal(size=(n, d))
    ours = ft.jit(ft.grad(lambda *a: _mixture(np, *a), (0, 1, 2)))
    theirs = jax and jax.jit(jax.grad(lambda *a: _mixture(jnp, *a), (0, 1, 2)))
    return [
        _against("Gaussian mixture, n = 1,000, d = 10, k = 25, gradient", seconds, _mixture_by_hand, ours, theirs, args)
    ]


# --- Networks ---------------------------------------------------------------------------------------------------------

SIZES, BATCH = (784, 128, 64, 10), 64


def _network_loss(xp: Any, parameters: Any, x: Any, target: Any) -> Any:
    for w, b in parameters[:-1]:
        x = xp.maximum(x @ w + b, 0.0)
    w, b = parameters[-1]
    scores = x @ w + b
    largest = xp.max(scores, axis=1)
    total = largest + xp.log(xp.sum(xp.exp(scores - largest[:, None]), axis=1))
    return xp.mean(total - xp.sum(scores * target, axis=1))


def _network_by_hand(parameters: Any, x: Any, target: Any) -> Any:
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
    g = (g / total - target) / len(x)
    gradient = []
    for i in reversed(range(len(parameters))):
        gradient.append((inputs[i].T @ g, g.sum(axis=0)))
        if i:
            g = (g @ parameters[i][0].T) * (inputs[i] > 0)
    return gradient[::-1]


def _small_loss(xp: Any, parameters: Any, x: Any, y: Any) -> Any:
    (w1, b1), (w2, b2) = parameters
    return ((xp.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2).sum()


def _small_by_hand(parameters: Any, x: Any, y: Any) -> Any:
    (w1, b1), (w2, b2) = parameters
    h = np.tanh(x @ w1 + b1)
    g = 2.0 * (h @ w2 + b2 - y)
    gh = (g @ w2.T) * (1.0 - h * h)
    return [(x[:, :, None] * gh[:, None, :], gh), (h[:, :, None] * g[:, None, :], g)]


def networks(seconds: float) -> list[Table]:
    rng = np.random.default_rng(0)
    parameters = [(rng.normal(size=(n, m)) / np.sqrt(n), rng.normal(size=m)) for n, m in pairwise(SIZES)]
    x, target = rng.normal(size=(BATCH, SIZES[0])), np.eye(10)[rng.integers(10, size=BATCH)]
    ours = ft.jit(ft.grad(lambda p, x, y: _network_loss(np, p, x, y)))
    theirs = jax and jax.jit(jax.grad(lambda p, x, y: _network_loss(jnp, p, x, y)))
    small = [(rng.normal(size=(16, 32)), rng.normal(size=32)), (rng.normal(size=(32, 1)), rng.normal(size=1))]
    each = ft.jit(ft.vmap(ft.grad(lambda p, x, y: _small_loss(np, p, x, y)), (None, 0, 0)))
    jax_each = jax and jax.jit(jax.vmap(jax.grad(lambda p, x, y: _small_loss(jnp, p, x, y)), (None, 0, 0)))
    examples = rng.normal(size=(256, 16)), rng.normal(size=(256, 1))
    return [
        _against(
            "Gradient of a network 784-128-64-10, batch of 64",
            seconds,
            _network_by_hand,
            ours,
            theirs,
            (parameters, x, target),
        ),
        _against(
            "Gradients of 256 examples each, network 16-32-1",
            seconds,
            _small_by_hand,
            each,
            jax_each,
            (small, *examples),
        ),
    ]


# --- A recurrent network ----------------------------------------------------------------------------------------------


def _unrolled(xp: Any, w: Any, u: Any, h: Any, xs: Any) -> Any:
    for i in range(100):
        h = xp.tanh(h @ w + xs[i] @ u)
    return xp.sum(h * h)


def _recurrence_by_hand(w: Any, u: Any, h: Any, xs: Any) -> Any:
    states = [h]
    for i in range(100):
        h = np.tanh(h @ w + xs[i] @ u)
        states.append(h)
    g, gw, gu = 2.0 * h, np.zeros_like(w), np.zeros_like(u)
    for i in reversed(range(100)):
        g = g * (1.0 - states[i + 1] ** 2)
        gw += states[i].T @ g
        gu += xs[i].T @ g
        g = g @ w.T
    return gw, gu


def recurrence(seconds: float) -> list[Table]:
    rng = np.random.default_rng(0)
    w, u = rng.normal(size=(64, 64)) / 8, rng.normal(size=(32, 64)) / 8
    args = w, u, np.zeros((32, 64)), rng.normal(size=(100, 32, 32))

    def scanned(w: Any, u: Any, h: Any, xs: Any) -> Any:
        h, _ = ft.scan(lambda h, x: (np.tanh(h @ w + x @ u), None), h, xs)
        return np.sum(h * h)

    theirs = jax and jax.jit(jax.grad(lambda *a: _unrolled(jnp, *a), (0, 1)))
    return [
        _against(
            "tanh-RNN, 100 steps, unrolled",
            seconds,
            _recurrence_by_hand,
            ft.jit(ft.grad(lambda *a: _unrolled(np, *a), (0, 1))),
            theirs,
            args,
        ),
        _against(
            "tanh-RNN, 100 steps, by scan", seconds, _recurrence_by_hand, ft.jit(ft.grad(scanned, (0, 1))), None, args
        ),
    ]


# --- From the first call to the first result --------------------------------------------------------------------------


def first_call(seconds: float) -> list[Table]:
    rng = np.random.default_rng(0)
    parameters = [(rng.normal(size=(n, m)) / np.sqrt(n), rng.normal(size=m)) for n, m in pairwise(SIZES)]
    x, target = rng.normal(size=(BATCH, SIZES[0])), np.eye(10)[rng.integers(10, size=BATCH)]
    n, d, k = 1000, 10, 25
    mixed = rng.normal(size=k), rng.normal(size=(k, d)), 0.1 * rng.normal(size=(k, d)), rng.normal(size=(n, d))
    programs = {
        "50 operations, gradient": (lambda: ft.jit(ft.grad(lambda x: _chain(np, x))), (np.ones(10),)),
        "network, gradient": (
            lambda: ft.jit(ft.grad(lambda p, x, y: _network_loss(np, p, x, y))),
            (parameters, x, target),
        ),
        "mixture, gradient": (lambda: ft.jit(ft.grad(lambda *a: _mixture(np, *a), (0, 1, 2))), mixed),
    }
    rows: list[list[Any]] = []
    for name, (make, args) in programs.items():
        times = []
        for _ in range(5):
            f = make()
            start = perf_counter()
            f(*args)
            times.append(perf_counter() - start)
        rows.append([name, 1e3 * min(times)])
    for length in (1_000, 10_000, 100_000):

        def long(x: Any, length: int = length) -> Any:
            for _ in range(length):
                x = np.sin(x)
            return x

        f = ft.jit(long)
        start = perf_counter()
        f(np.ones(3))
        rows.append([f"{length:,} sines, µs an equation", 1e6 * (perf_counter() - start) / length])
    return [Table("From the first call to the first result", ["program", "ms"], rows)]
