"""Adam and AdamW: steps by the ratio of the mean gradient to its root mean square.

Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015; Reddi, Kale and Kumar, On the Convergence of Adam
and Beyond, ICLR 2018 (``amsgrad``); Loshchilov and Hutter, Decoupled Weight Decay Regularization, ICLR 2019 (AdamW).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.optim.functional.means import OptimizerOfMeans
from functorch_lite.optim.functional.rule import Options, State, like, root

__all__ = ["Adam", "AdamW"]


class Adam(OptimizerOfMeans):
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

    def start(self, parameter: Any, options: Options) -> State:
        start = super().start(parameter, options)
        return {**start, "max_exp_avg_sq": np.zeros_like(parameter)} if options["amsgrad"] else start

    def change(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        lr, step = like(parameter, options["lr"]), state["step"]
        mean = self._mean(gradient, state, parameter, options)
        square = self._mean_square(gradient, state, parameter, options)
        new = {"exp_avg": mean, "exp_avg_sq": square}
        if options["amsgrad"]:
            square = new["max_exp_avg_sq"] = np.maximum(state["max_exp_avg_sq"], square)
        # Both means start from 0; what they lack of a mean of ones is divided out.
        first, second = (like(parameter, 1 - beta**step) for beta in options["betas"])
        change = (-lr / first) * mean / (root(square) / second**0.5 + like(parameter, options["eps"]))
        return self._decayed(change, parameter, options), new


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
