"""The function that the reference values are of. It runs on arrays, on Tensors and on PyTorch's tensors alike."""

from __future__ import annotations

from typing import Any

A = [[0.5, -1.25], [2.0, 0.75]]
B = [1.5, -0.5]
Y = [-1.0, 2.0]

#: A complex parameter, and the roots of what is subtracted from its square.
Z = [1.0 + 2.0j, -0.5 + 0.25j]


def loss(a: Any, b: Any, y: Any) -> Any:
    """Half the squared residual of a linear map, and a quartic term."""
    residual = a @ b - y
    return (residual * residual).sum() / 2 + (b * b * b * b).sum() / 4


def complex_loss(z: Any) -> Any:
    """The squared distance of z² from 1."""
    distance = z * z - 1.0
    return (distance * distance.conj()).real.sum() / 2


def rosenbrock(x: Any, y: Any) -> Any:
    return 100.0 * (y - x**2.0) ** 2.0 + (1.0 - x) ** 2.0


def scheduler_of(module: Any, name: str, options: dict[str, Any], optimizer: Any) -> Any:
    """Return a schedule of a module's, PyTorch's or ours; among the options may be (name, options) of others."""
    options = dict(options)
    if "schedulers" in options:
        options["schedulers"] = [scheduler_of(module, *part, optimizer) for part in options["schedulers"]]
    if name == "ChainedScheduler":
        return module.ChainedScheduler(**options)
    return getattr(module, name)(optimizer, **options)
