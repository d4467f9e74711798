"""Overhead: many cheap operations on a small array, where the work of the library is all there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import functorch_lite as ft
from peers import Contenders, autograd, check, jax, ready, torch
from timing import Table, Timing, compared, interleaved

if autograd:
    import autograd.numpy as anp

PAIRS = 25
SIZES = (1_000, 10_000, 100_000)
HAND = "hand-written NumPy"

#: A measurement that would take longer for a single call is left out, and shown as such.
LONGEST_CALL = 10.0


def chain(sin: Callable[[Any], Any], x: Any, pairs: int = PAIRS) -> Any:
    """The program: 2 · pairs operations and a sum."""
    for _ in range(pairs):
        x = sin(x * 0.9)
    return x.sum()


def value_and_gradient_by_hand(x: Any, pairs: int = PAIRS) -> tuple[Any, Any]:
    inner = []
    for _ in range(pairs):
        x = x * 0.9
        inner.append(x)
        x = np.sin(x)
    g = np.ones_like(x)
    for z in reversed(inner):
        g *= np.cos(z)
        g *= 0.9
    return x.sum(), g


def value_and_tangent_by_hand(x: Any, t: Any) -> tuple[Any, Any]:
    for _ in range(PAIRS):
        x = x * 0.9
        t = 0.9 * np.cos(x) * t
        x = np.sin(x)
    return x.sum(), t.sum()


def gradients(x: Any, pairs: int) -> Contenders:
    """Value and gradient by everyone."""
    found: Contenders = {
        HAND: lambda: value_and_gradient_by_hand(x, pairs),
        "ft.value_and_grad": lambda: ft.value_and_grad(lambda x: chain(np.sin, x, pairs))(x),
    }
    if autograd:
        found["autograd"] = lambda: autograd.value_and_grad(lambda x: chain(anp.sin, x, pairs))(x)
    if torch:
        tensor = torch.from_numpy(x)

        def backward() -> tuple[Any, Any]:
            leaf = tensor.detach().requires_grad_()
            value = chain(torch.sin, leaf, pairs)
            value.backward()
            return value, leaf.grad

        def functional() -> tuple[Any, Any]:
            gradient, value = torch.func.grad_and_value(lambda x: chain(torch.sin, x, pairs))(tensor)
            return value, gradient

        found["torch backward"] = backward
        found["torch.func.grad"] = functional
    if jax:
        array = jax.numpy.asarray(x)
        found["jax, eager"] = ready(jax.value_and_grad(lambda x: chain(jax.numpy.sin, x, pairs)), array)
    return found


def tangents(x: Any, t: Any) -> Contenders:
    """Value and tangent by everyone."""
    found: Contenders = {
        "hand-written value and tangent": lambda: value_and_tangent_by_hand(x, t),
        "ft.jvp": lambda: ft.jvp(lambda x: chain(np.sin, x), (x,), (t,)),
    }
    if torch:
        primal, tangent = torch.from_numpy(x), torch.from_numpy(t)
        found["torch.func.jvp"] = lambda: torch.func.jvp(lambda x: chain(torch.sin, x), (primal,), (tangent,))
    if jax:
        pair = (jax.numpy.asarray(x),), (jax.numpy.asarray(t),)
        found["jax.jvp, eager"] = ready(lambda: jax.jvp(lambda x: chain(jax.numpy.sin, x), *pair))
    return found


def first_and_second(x: Any) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """The gradient, and the gradient of the sum of the gradient, by everyone."""

    def both(grad: Any, f: Any, x: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
        return lambda: grad(f)(x), lambda: grad(lambda x: grad(f)(x).sum())(x)

    found = {"ft.grad": both(ft.grad, lambda x: chain(np.sin, x), x)}
    if autograd:
        found["autograd"] = both(autograd.grad, lambda x: chain(anp.sin, x), x)
    if torch:
        tensor = torch.from_numpy(x)

        def torch_grad(x: Any, create_graph: bool) -> Any:
            return torch.autograd.grad(chain(torch.sin, x), x, create_graph=create_graph)[0]

        def first() -> Any:
            return torch_grad(tensor.detach().requires_grad_(), False)

        def second() -> Any:
            leaf = tensor.detach().requires_grad_()
            return torch.autograd.grad(torch_grad(leaf, True).sum(), leaf)[0]

        found["torch.autograd.grad"] = first, second
        found["torch.func.grad"] = both(torch.func.grad, lambda x: chain(torch.sin, x), tensor)
    if jax:
        one, two = both(jax.grad, lambda x: chain(jax.numpy.sin, x), jax.numpy.asarray(x))
        found["jax, eager"] = ready(one), ready(two)
    return found


def measure(seconds: float) -> list[Table]:
    x, t = np.random.default_rng(0).uniform(-1.0, 1.0, (2, 10))
    return [_overhead(x, t, seconds), _second_order(x, seconds), _growth(x, seconds)]


def _overhead(x: Any, t: Any, seconds: float) -> Table:
    reverse, forward = gradients(x, PAIRS), tangents(x, t)
    check(reverse, HAND)
    check(forward, "hand-written value and tangent")
    note = "Reverse mode above, forward mode below; one unit is the hand-written value and gradient."
    title = f"Overhead: {PAIRS} × (x * 0.9, np.sin) and a sum, 10 numbers"
    return compared(title, interleaved({**reverse, **forward}, seconds), HAND, note)


def _second_order(x: Any, seconds: float) -> Table:
    pairs = first_and_second(x)
    check({name: first for name, (first, _) in pairs.items()}, "ft.grad")
    check({name: second for name, (_, second) in pairs.items()}, "ft.grad")
    contenders = {}
    for name, (first, second) in pairs.items():
        contenders |= {f"{name} 1": first, f"{name} 2": second}
    timings = interleaved(contenders, seconds)
    rows = []
    for name in pairs:
        first, second = timings[f"{name} 1"], timings[f"{name} 2"]
        rows.append((name, 1e6 * first.best, 1e6 * second.best, second.over(first), second.median_over(first)))
    headers = ("", "gradient µs", "its gradient µs", "× best", "× median")
    return Table("The gradient of the sum of the gradient, in units of the gradient", headers, rows)


def _growth(x: Any, seconds: float) -> Table:
    cost: dict[str, list[float | None]] = {}
    for size in SIZES:
        contenders = gradients(x, size // 2)
        for name in list(contenders):
            before = cost.setdefault(name, [])
            if before and (before[-1] is None or before[-1] * size > LONGEST_CALL):
                del contenders[name]
        check(contenders, HAND)
        timings: dict[str, Timing] = interleaved(contenders, seconds)
        for name, costs in cost.items():
            costs.append(timings[name].best / size if name in timings else None)
    rows = []
    for name, costs in cost.items():
        growth = None if costs[-1] is None or costs[0] is None else costs[-1] / costs[0]
        rows.append((name, *(c and 1e6 * c for c in costs), growth))
    headers = ("", *(f"{size:,}" for size in SIZES), "last / first")
    note = f"–: a single call would take longer than {LONGEST_CALL:.0f} s."
    return Table("Growth: µs an operation, value and gradient of chains of so many operations", headers, rows, note)
