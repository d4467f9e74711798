"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.trace import is_tracer
from functorch_lite.optim.functional.rule import (
    FunctionalOptimizer,
    Options,
    State,
    add_multiple,
    is_zero,
    like,
    refuse_negative,
)

__all__ = ["SGD"]


class SGD(FunctionalOptimizer):
    """Stochastic gradient descent, as a pure rule.

    Parameters
    ----------
    lr, momentum, dampening, weight_decay, nesterov, maximize
        As for `functorch_lite.optim.SGD`; the numbers may be traced.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.optim import functional
    >>> optimizer = functional.SGD(lr=0.5, momentum=0.5)
    >>> x, state = 4.0, optimizer.init(4.0)
    >>> for _ in range(2):
    ...     x, state = optimizer.update(x, state, x)
    >>> float(x), int(state["step"])
    (0.0, 2)

    The derivative of what a step leads to with respect to the learning rate:

    >>> step = lambda lr: functional.SGD(lr).update(2.0, {"step": 0}, 4.0)[0]
    >>> float(ft.grad(step)(0.5))
    -2.0
    """

    def __init__(
        self,
        lr: Any = 1e-3,
        momentum: Any = 0,
        dampening: Any = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            }
        )

    def check(self, options: Options) -> None:
        refuse_negative(options, lr="learning rate", momentum="momentum value", weight_decay="weight_decay value")
        if options["nesterov"]:
            momentum, dampening = options["momentum"], options["dampening"]
            if is_zero(momentum) or is_tracer(dampening) or dampening != 0:
                raise ValueError(
                    f"Nesterov momentum requires a momentum and zero dampening, not momentum={momentum} and "
                    f"dampening={dampening}"
                )

    def start(self, parameter: Any, options: Options) -> State:
        return {} if is_zero(options["momentum"]) else {"momentum_buffer": np.zeros_like(parameter)}

    def change(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        lr, momentum = like(parameter, options["lr"]), like(parameter, options["momentum"])
        if is_zero(momentum):
            return -lr * gradient, {name: x for name, x in state.items() if name != "step"}
        fresh = gradient
        if "momentum_buffer" in state and not is_zero(options["dampening"]):  # the first gradient is taken whole
            fresh = like(parameter, np.where(state["step"] == 1, 1.0, 1 - options["dampening"])) * gradient
        # Where the momentum was switched on later, there is no buffer yet.
        buffer = momentum * state.get("momentum_buffer", 0.0) + fresh
        direction = gradient + momentum * buffer if options["nesterov"] else buffer
        return -lr * direction, {"momentum_buffer": buffer}

    def advance_in_place(self, gradient: Any, state: State, parameter: Any, options: Options) -> State:
        if options["momentum"] or options["weight_decay"]:
            return super().advance_in_place(gradient, state, parameter, options)
        lr = like(parameter, options["lr"])
        add_multiple(parameter, lr if options["maximize"] else -lr, gradient)
        return {**state, "step": state["step"] + 1}
