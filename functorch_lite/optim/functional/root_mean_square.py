"""RMSprop and Adagrad: steps divided by the root of a mean, or of the sum, of all squared gradients.

Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012; Graves, Generating Sequences With
Recurrent Neural Networks, 2013 (``centered``); Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online
Learning and Stochastic Optimization, JMLR 12, 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.optim.functional.rule import (
    FunctionalOptimizer,
    Options,
    State,
    is_zero,
    like,
    refuse_negative,
    root,
)

__all__ = ["Adagrad", "RMSprop"]


class RMSprop(FunctionalOptimizer):
    """RMSprop, as a pure rule.

    Parameters
    ----------
    lr, alpha, eps, weight_decay, momentum, centered, maximize
        As for `functorch_lite.optim.RMSprop`; the numbers may be traced.

    Examples
    --------
    >>> import numpy as np
    >>> from functorch_lite.optim import functional
    >>> optimizer = functional.RMSprop(lr=0.1, alpha=0.75)
    >>> x = np.array([1.0, 1.0])
    >>> x, state = optimizer.update(np.array([1e-3, 1e3]), optimizer.init(x), x)
    >>> x.round(4)
    array([0.8, 0.8])
    """

    def __init__(
        self,
        lr: Any = 1e-2,
        alpha: Any = 0.99,
        eps: Any = 1e-8,
        weight_decay: Any = 0,
        momentum: Any = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
                "maximize": maximize,
            }
        )

    def check(self, options: Options) -> None:
        refuse_negative(
            options,
            lr="learning rate",
            eps="epsilon value",
            momentum="momentum value",
            weight_decay="weight_decay value",
            alpha="alpha value",
        )

    def start(self, parameter: Any, options: Options) -> State:
        names = ["square_avg"]
        if not is_zero(options["momentum"]):
            names.append("momentum_buffer")
        if options["centered"]:
            names.append("grad_avg")
        return {name: np.zeros_like(parameter) for name in names}

    def change(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        lr, alpha = like(parameter, options["lr"]), like(parameter, options["alpha"])
        spread = square = alpha * state["square_avg"] + (1 - alpha) * gradient * gradient
        new = {"square_avg": square}
        if options["centered"]:
            mean = new["grad_avg"] = state["grad_avg"] + (1 - alpha) * (gradient - state["grad_avg"])
            spread = square - mean * mean
        direction = gradient / (root(spread) + like(parameter, options["eps"]))
        if not is_zero(options["momentum"]):
            # Where the momentum was switched on later, there is no buffer yet.
            buffer = like(parameter, options["momentum"]) * state.get("momentum_buffer", 0.0)
            direction = new["momentum_buffer"] = buffer + direction
        return -lr * direction, new


class Adagrad(FunctionalOptimizer):
    """Adagrad, as a pure rule.

    Parameters
    ----------
    lr, lr_decay, weight_decay, initial_accumulator_value, eps, maximize
        As for `functorch_lite.optim.Adagrad`; the numbers may be traced.

    Examples
    --------
    >>> from functorch_lite.optim import functional
    >>> optimizer = functional.Adagrad(lr=0.5)
    >>> x, state = 1.0, optimizer.init(1.0)
    >>> for gradient in (3.0, 4.0):
    ...     x, state = optimizer.update(gradient, state, x)
    >>> round(float(x), 6), float(state["sum"])
    (0.1, 25.0)
    """

    def __init__(
        self,
        lr: Any = 1e-2,
        lr_decay: Any = 0,
        weight_decay: Any = 0,
        initial_accumulator_value: Any = 0,
        eps: Any = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "eps": eps,
                "maximize": maximize,
            }
        )

    def check(self, options: Options) -> None:
        refuse_negative(
            options,
            lr="learning rate",
            lr_decay="lr_decay value",
            weight_decay="weight_decay value",
            initial_accumulator_value="initial_accumulator_value value",
            eps="epsilon value",
        )

    def start(self, parameter: Any, options: Options) -> State:
        return {"sum": np.zeros_like(parameter) + like(parameter, options["initial_accumulator_value"])}

    def change(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        rate = options["lr"] / (1 + (state["step"] - 1) * options["lr_decay"])
        total = state["sum"] + gradient * gradient
        return -like(parameter, rate) * gradient / (root(total) + like(parameter, options["eps"])), {"sum": total}
