"""What Adam and its relatives share: the mean gradient, the mean squared gradient, and a weight decay of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.trace import is_tracer
from functorch_lite.optim.functional.rule import FunctionalOptimizer, Options, State, is_zero, like, refuse_negative

__all__ = ["OptimizerOfMeans"]


class OptimizerOfMeans(FunctionalOptimizer):
    """A rule with the options ``lr``, ``betas``, ``eps`` and ``weight_decay``, and with means in its state."""

    #: The entries of the state that start from zero.
    _means: tuple[str, ...] = ("exp_avg", "exp_avg_sq")

    def check(self, options: Options) -> None:
        refuse_negative(options, lr="learning rate", eps="epsilon value", weight_decay="weight_decay value")
        if len(options["betas"]) != 2:
            raise ValueError(f"betas must be two numbers; they are {options['betas']}")
        for i, beta in enumerate(options["betas"]):
            if not is_tracer(beta) and not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}. It must be in [0, 1)")

    def start(self, parameter: Any, options: Options) -> State:
        return {name: np.zeros_like(parameter) for name in self._means}

    def _mean(self, gradient: Any, state: State, parameter: Any, options: Options) -> Any:
        """Return the new mean gradient."""
        beta = like(parameter, options["betas"][0])
        return state["exp_avg"] + (1 - beta) * (gradient - state["exp_avg"])

    def _mean_square(self, gradient: Any, state: State, parameter: Any, options: Options) -> Any:
        """Return the new mean squared gradient."""
        beta = like(parameter, options["betas"][1])
        return beta * state["exp_avg_sq"] + (1 - beta) * gradient * gradient

    def _decayed(self, change: Any, parameter: Any, options: Options) -> Any:
        """Return a change with the weight decay, where it is to act on the parameter itself."""
        if not options["decoupled_weight_decay"] or is_zero(options["weight_decay"]):
            return change
        return change - like(parameter, options["lr"]) * like(parameter, options["weight_decay"]) * parameter
