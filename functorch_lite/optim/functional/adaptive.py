"""Adamax, NAdam, RAdam and Adadelta: relatives of Adam and of Adagrad.

Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015 (Adamax); Dozat, Incorporating Nesterov Momentum
into Adam, 2016; Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, ICLR 2020 (RAdam); Zeiler,
ADADELTA: An Adaptive Learning Rate Method, 2012.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from functorch_lite.core.trace import is_tracer
from functorch_lite.optim.functional.means import OptimizerOfMeans
from functorch_lite.optim.functional.rule import FunctionalOptimizer, Options, State, like, refuse_negative, root

__all__ = ["Adadelta", "Adamax", "NAdam", "RAdam"]


class NAdam(OptimizerOfMeans):
    """NAdam, as a pure rule.

    Parameters
    ----------
    lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize
        As for `functorch_lite.optim.NAdam`; the numbers may be traced.

    Examples
    --------
    >>> import numpy as np
    >>> from functorch_lite.optim import functional
    >>> optimizer = functional.NAdam(lr=0.5, momentum_decay=0.0)
    >>> x = np.array([1.0, 1.0])
    >>> x, state = optimizer.update(np.array([1e-3, 1e3]), optimizer.init(x), x)
    >>> x.round(4)
    array([0.4718, 0.4718])
    """

    def __init__(
        self,
        lr: Any = 2e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: Any = 1e-8,
        weight_decay: Any = 0,
        momentum_decay: Any = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            {
                "lr": lr,
                "betas": tuple(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
            }
        )

    def check(self, options: Options) -> None:
        super().check(options)
        refuse_negative(options, momentum_decay="momentum_decay value")

    def start(self, parameter: Any, options: Options) -> State:
        return {**super().start(parameter, options), "mu_product": np.ones_like(parameter)}

    def change(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        step, lr = state["step"], like(parameter, options["lr"])
        mean = self._mean(gradient, state, parameter, options)
        square = self._mean_square(gradient, state, parameter, options)
        here, ahead = (
            like(parameter, options["betas"][0] * (1 - 0.5 * 0.96 ** (n * options["momentum_decay"])))
            for n in (step, step + 1)
        )
        product = state["mu_product"] * here
        second = like(parameter, 1 - options["betas"][1] ** step)
        spread = root(square) / second**0.5 + like(parameter, options["eps"])
        change = -lr * (gradient * ((1 - here) / (1 - product)) + mean * (ahead / (1 - product * ahead))) / spread
        new = {"exp_avg": mean, "exp_avg_sq": square, "mu_product": product}
        return self._decayed(change, parameter, options), new


class RAdam(OptimizerOfMeans):
    """RAdam, as a pure rule.

    Parameters
    ----------
    lr, betas, eps, weight_decay, decoupled_weight_decay, maximize
        As for `functorch_lite.optim.RAdam`; the numbers may be traced.

    Examples
    --------
    At first, as long as the squares are too few, a step is that of the mean gradient:

    >>> from functorch_lite.optim import functional
    >>> optimizer = functional.RAdam(lr=0.5)
    >>> x, state = optimizer.update(3.0, optimizer.init(1.0), 1.0)
    >>> round(float(x), 6)
    -0.5
    """

    def __init__(
        self,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: Any = 1e-8,
        weight_decay: Any = 0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            {
                "lr": lr,
                "betas": tuple(betas),
                "eps": eps,
                "weight_decay": weight_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
            }
        )

    def change(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        step, beta2 = state["step"], options["betas"][1]
        mean = self._mean(gradient, state, parameter, options)
        square = self._mean_square(gradient, state, parameter, options)
        first, second = (1 - beta**step for beta in options["betas"])
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / second
        known = length > 5
        ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        rectified = np.sqrt(np.where(known, ratio * second, 1.0))
        adaptive = like(parameter, rectified) / (root(square) + like(parameter, options["eps"]))
        change = -like(parameter, options["lr"] / first) * mean * np.where(known, adaptive, 1)
        return self._decayed(change, parameter, options), {"exp_avg": mean, "exp_avg_sq": square}


class Adamax(OptimizerOfMeans):
    """Adamax, as a pure rule.

    Parameters
    ----------
    lr, betas, eps, weight_decay, maximize
        As for `functorch_lite.optim.Adamax`; the numbers may be traced.

    Examples
    --------
    >>> import numpy as np
    >>> from functorch_lite.optim import functional
    >>> optimizer = functional.Adamax(lr=0.5)
    >>> x = np.array([1.0, 1.0])
    >>> x, state = optimizer.update(np.array([1e-3, 1e3]), optimizer.init(x), x)
    >>> x.round(4)
    array([0.5, 0.5])
    """

    _means = ("exp_avg", "exp_inf")

    def __init__(
        self,
        lr: Any = 2e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: Any = 1e-8,
        weight_decay: Any = 0,
        *,
        maximize: bool = False,
    ) -> None:
        options = {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(options)

    def change(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        mean = self._mean(gradient, state, parameter, options)
        forgetting = like(parameter, options["betas"][1])
        largest = np.maximum(forgetting * state["exp_inf"], np.abs(gradient) + like(parameter, options["eps"]))
        rate = like(parameter, options["lr"] / (1 - options["betas"][0] ** state["step"]))
        return -rate * mean / largest, {"exp_avg": mean, "exp_inf": largest}


class Adadelta(FunctionalOptimizer):
    """Adadelta, as a pure rule.

    Parameters
    ----------
    lr, rho, eps, weight_decay, maximize
        As for `functorch_lite.optim.Adadelta`; the numbers may be traced.

    Examples
    --------
    >>> from functorch_lite.optim import functional
    >>> optimizer = functional.Adadelta(rho=0.75, eps=1e-2)
    >>> x, state = optimizer.update(2.0, optimizer.init(1.0), 1.0)
    >>> round(float(x), 4)
    0.801
    """

    def __init__(
        self, lr: Any = 1.0, rho: Any = 0.9, eps: Any = 1e-6, weight_decay: Any = 0, *, maximize: bool = False
    ) -> None:
        super().__init__({"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize})

    def check(self, options: Options) -> None:
        refuse_negative(
            options, lr="learning rate", rho="rho value", eps="epsilon value", weight_decay="weight_decay value"
        )
        if not is_tracer(options["rho"]) and options["rho"] > 1:
            raise ValueError(f"Invalid rho value: {options['rho']}. It must be in [0, 1]")

    def start(self, parameter: Any, options: Options) -> State:
        return {name: np.zeros_like(parameter) for name in ("square_avg", "acc_delta")}

    def change(self, gradient: Any, state: State, parameter: Any, options: Options) -> tuple[Any, State]:
        rho, eps = like(parameter, options["rho"]), like(parameter, options["eps"])
        square = rho * state["square_avg"] + (1 - rho) * gradient * gradient
        delta = np.sqrt(state["acc_delta"] + eps) / np.sqrt(square + eps) * gradient
        moved = rho * state["acc_delta"] + (1 - rho) * delta * delta
        return -like(parameter, options["lr"]) * delta, {"square_avg": square, "acc_delta": moved}
