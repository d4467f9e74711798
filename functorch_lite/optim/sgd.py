"""Stochastic gradient descent for Tensors, by the rule in `functorch_lite.optim.functional`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functorch_lite.optim import functional
from functorch_lite.optim.optimizer import RuleOptimizer

__all__ = ["SGD"]


class SGD(RuleOptimizer):
    """Stochastic gradient descent: ``x -= lr * b``, where ``b = momentum * b + (1 - dampening) * grad``.

    Parameters
    ----------
    params
        Tensors, or groups; see `Optimizer`.
    lr
        The learning rate.
    momentum
        How much of the last direction goes into the next.
    dampening
        How much of the gradient is left out of it, from the second step on.
    weight_decay
        How much of the parameter is added to its gradient.
    nesterov
        Whether to look ahead along the momentum.
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
    >>> x = ft.tensor([3.0, 4.0], requires_grad=True)
    >>> optimizer = optim.SGD([x], lr=0.25)
    >>> loss = (x**2).sum()
    >>> loss.backward()
    >>> optimizer.step()
    >>> x.tolist()
    [1.5, 2.0]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        **choices: Any,
    ) -> None:
        rule = functional.SGD(lr, momentum, dampening, weight_decay, nesterov, maximize=maximize)
        super().__init__(params, rule, choices)
