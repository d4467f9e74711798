"""Whole matrices of derivatives: a dense Jacobian and a Hessian."""

from __future__ import annotations

from typing import Any

import numpy as np

import functorch_lite as ft
from peers import Contenders, autograd, check, jax, ready, torch
from timing import Table, compared, interleaved

if autograd:
    import autograd.numpy as anp

SIZE = 200
DIMENSION = 100
BATCHED = "hand-written NumPy, batched"


def layers(xp: Any, v: Any, w: Any, x: Any) -> Any:
    """The function R²⁰⁰ → R²⁰⁰ whose Jacobian is wanted."""
    return xp.tanh(w @ xp.tanh(v @ x))


def jacobian_forward(v: Any, w: Any, x: Any) -> Any:
    """All the tangents at once: the columns of the identity pushed through, the first product being V itself."""
    h = np.tanh(v @ x)
    y = np.tanh(w @ h)
    t = (1 - h * h)[:, None] * v
    return (1 - y * y)[:, None] * (w @ t)


def jacobian_pushing_identity(v: Any, w: Any, x: Any) -> Any:
    """The same without knowing that V times the identity is V."""
    h = np.tanh(v @ x)
    y = np.tanh(w @ h)
    t = (1 - h * h)[:, None] * (v @ np.eye(x.size))
    return (1 - y * y)[:, None] * (w @ t)


def rosenbrock(xp: Any, x: Any) -> Any:
    """The Rosenbrock function of any dimension."""
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def hessian_batched(x: Any) -> Any:
    """All Hessian-vector products at once: the gradient's code pushed forward along the rows of the identity."""
    t = np.eye(x.size)
    u = x[1:] - x[:-1] ** 2
    du = t[:, 1:] - 2.0 * x[:-1] * t[:, :-1]
    rows = np.zeros((x.size, x.size))
    rows[:, 1:] = 200.0 * du
    rows[:, :-1] -= 400.0 * (u * t[:, :-1] + x[:-1] * du)
    rows[:, :-1] += 2.0 * t[:, :-1]
    return rows


def hessian_tridiagonal(x: Any) -> Any:
    """The formula, for one who has seen that the matrix is tridiagonal."""
    diagonal = np.zeros(x.size)
    diagonal[:-1] = 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    diagonal[1:] += 200.0
    beside = -400.0 * x[:-1]
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)


def measure(seconds: float) -> list[Table]:
    return [_jacobian(seconds), _hessian(seconds)]


def _jacobian(seconds: float) -> Table:
    rng = np.random.default_rng(0)
    v, w = rng.normal(size=(2, SIZE, SIZE)) / np.sqrt(SIZE)
    x = rng.normal(size=SIZE)
    contenders: Contenders = {
        BATCHED: lambda: jacobian_forward(v, w, x),
        "... which multiplies by the identity": lambda: jacobian_pushing_identity(v, w, x),
        "ft.jacfwd": lambda: ft.jacfwd(lambda x: layers(np, v, w, x))(x),
        "ft.jacrev": lambda: ft.jacrev(lambda x: layers(np, v, w, x))(x),
    }
    if autograd:
        contenders["autograd.jacobian"] = lambda: autograd.jacobian(lambda x: layers(anp, v, w, x))(x)
    if torch:
        tv, tw, tx = torch.from_numpy(v), torch.from_numpy(w), torch.from_numpy(x)
        contenders["torch.func.jacfwd"] = lambda: torch.func.jacfwd(lambda x: layers(torch, tv, tw, x))(tx)
        contenders["torch.func.jacrev"] = lambda: torch.func.jacrev(lambda x: layers(torch, tv, tw, x))(tx)
    if jax:
        jv, jw, jx = (jax.numpy.asarray(a) for a in (v, w, x))
        contenders["jax.jacfwd, eager"] = ready(lambda: jax.jacfwd(lambda x: layers(jax.numpy, jv, jw, x))(jx))
        contenders["jax.jacrev, eager"] = ready(lambda: jax.jacrev(lambda x: layers(jax.numpy, jv, jw, x))(jx))
    check(contenders, BATCHED)
    title = f"The Jacobian of tanh(W @ tanh(V @ x)), {SIZE} × {SIZE}"
    return compared(title, interleaved(contenders, seconds), BATCHED)


def _hessian(seconds: float) -> Table:
    x = np.random.default_rng(0).uniform(-1.0, 1.0, DIMENSION)
    compiled = ft.jit(ft.hessian(lambda x: rosenbrock(np, x)))
    contenders: Contenders = {
        BATCHED: lambda: hessian_batched(x),
        "hand-written, knowing it tridiagonal": lambda: hessian_tridiagonal(x),
        "ft.hessian": lambda: ft.hessian(lambda x: rosenbrock(np, x))(x),
        "ft.jit(ft.hessian)": lambda: compiled(x),
    }
    if autograd:
        contenders["autograd.hessian"] = lambda: autograd.hessian(lambda x: rosenbrock(anp, x))(x)
    if torch:
        tx = torch.from_numpy(x)
        contenders["torch.func.hessian"] = lambda: torch.func.hessian(lambda x: rosenbrock(torch, x))(tx)
    if jax:
        jx = jax.numpy.asarray(x)
        contenders["jax.hessian, eager"] = ready(lambda: jax.hessian(lambda x: rosenbrock(jax.numpy, x))(jx))
    check(contenders, BATCHED)
    title = f"The Hessian of the Rosenbrock function of {DIMENSION} variables"
    return compared(title, interleaved(contenders, seconds), BATCHED)
