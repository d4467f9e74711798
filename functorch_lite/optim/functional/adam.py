"""Adam and AdamW: steps by the ratio of the mean gradient to its root mean square.

Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015; Reddi, Kale and Kumar, On the Convergence of Adam
and Beyond, ICLR 2018 (``amsgrad``); Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019 (AdamW).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.trace import is_tracer
from functorch_lite.optim.functional.rule import (
    FunctionalOptimizer,
    Options,
    State,
    is_zero,
    like,
    refuse_negative,
    root,
)

__all__ = ["Adam", "AdamW"]


class Adam(FunctionalOptimizer):
    """Adam, as a pure rule.

    Parameters
    ----------
    lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay
        As for `functorch_lite.optim.Adam`; the numbers may be traced.

    Examples
    --------
    The step does not depend on the scale of the gradient:

    >>> import numpy as np
    >>> from functorch_lite.optim import functional
    >>> optimizer = functional.Adam(lr=0.5)
    >>> x = np.array([1.0, 1.0])
    >>> x, state = optimizer.update(np.array([1e-3, 1e3]), optimizer.init(x), x)
    >>> x.round(4)
    array([0.5, 0.5])
    """

    def __init__(
        self,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: Any = 1e-8,
        weight_decay: Any = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            {
                "lr": lr,
                "betas": tuple(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "decoupled_weight_decay": decoupled_weight_decay,
            }
        )

    def check(self, options: Options) -> None:
        refuse_negative(options, lr="learning rate", eps="epsilon value", weight_decay="weight_decay value")
        if len(options["betas"]) != 2:
            raise ValueError(f"betas must be two numbers; they are {options['betas']}")
        for i, beta in enumerate(options["betas"]):
            if not is_tracer(beta) and not 0 <= beta < 1:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}. It must be in [0, 1)")

    def start(self, parameter: Any, options: Options) -> State:
        names = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"] if options["amsgrad"] else ["exp_avg", "exp_avg_sq"]
        return {name: np.zeros_like(parameter) for name in names}

    def change(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        lr, step = like(parameter, options["lr"]), state["step"]
        beta1, beta2 = (like(parameter, beta) for beta in options["betas"])
        mean = state["exp_avg"] + (1 - beta1) * (gradient - state["exp_avg"])
        square = beta2 * state["exp_avg_sq"] + (1 - beta2) * gradient * gradient
        new = {"exp_avg": mean, "exp_avg_sq": square}
        if options["amsgrad"]:
            square = new["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], square)
        # Both means start from 0; what they lack of a mean of ones is divided out.
        first, second = (like(parameter, 1 - beta**step) for beta in options["betas"])
        change = (-lr / first) * mean / (root(square) / second**0.5 + like(parameter, options["eps"]))
        if options["decoupled_weight_decay"] and not is_zero(options["weight_decay"]):
            change = change - lr * like(parameter, options["weight_decay"]) * parameter
        return change, new


class AdamW(Adam):
    """Adam with decoupled weight decay, as a pure rule.

    Parameters
    ----------
    lr, betas, eps, weight_decay, amsgrad, maximize
        As for `functorch_lite.optim.AdamW`; the numbers may be traced.

    Examples
    --------
    Without a gradient, the decay alone acts:

    >>> from functorch_lite.optim import functional
    >>> optimizer = functional.AdamW(lr=0.5, weight_decay=0.5)
    >>> x, state = optimizer.update(0.0, optimizer.init(4.0), 4.0)
    >>> float(x)
    3.0
    """

    def __init__(
        self,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: Any = 1e-8,
        weight_decay: Any = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)
