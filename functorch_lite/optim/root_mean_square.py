"""RMSprop and Adagrad for Tensors, by the rules in `functorch_lite.optim.functional`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functorch_lite.optim import functional
from functorch_lite.optim.optimizer import RuleOptimizer

__all__ = ["Adagrad", "RMSprop"]


class RMSprop(RuleOptimizer):
    """RMSprop: steps by the gradient, divided by the root of the mean squared gradient.

    Parameters
    ----------
    params
        Tensors, or groups; see `Optimizer`.
    lr
        The learning rate.
    alpha
        The weight of the past in the means.
    eps
        What is added to the denominator.
    weight_decay
        How much of the parameter is added to its gradient.
    momentum
        How much of the last direction goes into the next.
    centered
        Whether to divide by the root of the variance instead.
    maximize
        Whether to ascend.
    **choices
        ``foreach``, ``fused``, ``capturable``: taken and without effect.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> x = ft.tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = optim.RMSprop([x], lr=0.25, alpha=0.75)
    >>> (x * ft.tensor([1e3, -1e3])).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6).tolist()
    [0.5, 1.5]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        **choices: Any,
    ) -> None:
        rule = functional.RMSprop(lr, alpha, eps, weight_decay, momentum, centered, maximize=maximize)
        super().__init__(params, rule, choices)


class Adagrad(RuleOptimizer):
    """Adagrad: steps by the gradient, divided by the root of the sum of all squared gradients.

    Parameters
    ----------
    params
        Tensors, or groups; see `Optimizer`.
    lr
        The learning rate.
    lr_decay
        How fast the learning rate falls: after n steps it is ``lr / (1 + n * lr_decay)``.
    weight_decay
        How much of the parameter is added to its gradient.
    initial_accumulator_value
        Where the sum begins.
    eps
        What is added to the denominator.
    maximize
        Whether to ascend.
    **choices
        ``foreach``, ``fused``, ``capturable``: taken and without effect.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> x = ft.tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = optim.Adagrad([x], lr=0.5)
    >>> (x * ft.tensor([1e3, -1e3])).sum().backward()
    >>> optimizer.step()
    >>> x.data.round(6).tolist()
    [0.5, 1.5]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        **choices: Any,
    ) -> None:
        rule = functional.Adagrad(lr, lr_decay, weight_decay, initial_accumulator_value, eps, maximize=maximize)
        super().__init__(params, rule, choices)
