"""The libraries to compare with, each None when it is not installed, and how their results are brought to NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

Contenders = dict[str, Callable[[], Any]]


def _optional(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None


autograd = _optional("autograd")
torch = _optional("torch")
jax = _optional("jax")

if jax:
    jax.config.update("jax_enable_x64", True)  # float64, as all others here


def ready(run: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    """Return a call of a function of jax that waits for its result."""
    return lambda: jax.block_until_ready(run(*args))


def use_threads(count: int | None) -> None:
    """Hold the peers to a number of threads; None leaves them as they are."""
    if torch and count:
        torch.set_num_threads(count)


def leaves(result: Any) -> list[Any]:
    """Return the arrays of a result, in order, as NumPy's."""
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in leaves(part)]
    return [np.asarray(result.detach() if hasattr(result, "detach") else result)]


def check(contenders: Mapping[str, Callable[[], Any]], unit: str, tolerance: float = 1e-9) -> None:
    """Hold every contender's result against one of them before anything is timed."""
    expected = leaves(contenders[unit]())
    for name, run in contenders.items():
        found = leaves(run())
        assert len(found) == len(expected), f"{name}: {len(found)} arrays instead of {len(expected)}"
        for a, b in zip(found, expected, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype), f"{name}: {a.dtype}{a.shape}, not {b.dtype}{b.shape}"
            assert np.allclose(a, b, rtol=tolerance, atol=tolerance), f"{name} differs from {unit}"
