"""SGD, Adam, AdamW, RMSprop and Adagrad for Tensors, with PyTorch's names and defaults.

Each calls the rule of the same name in `functorch_lite.optim.functional`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functorch_lite.optim import functional
from functorch_lite.optim.optimizer import RuleOptimizer

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "RMSprop"]


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


class Adam(RuleOptimizer):
    """Adam: steps by the mean gradient, divided by the root of the mean squared gradient.

    Parameters
    ----------
    params
        Tensors, or groups; see `Optimizer`.
    lr
        The learning rate.
    betas
        The weights of the past in the mean gradient and the mean squared gradient.
    eps
        What is added to the denominator.
    weight_decay
        How much of the parameter is added to its gradient.
    amsgrad
        Whether to divide by the largest mean squared gradient so far.
    maximize
        Whether to ascend.
    decoupled_weight_decay
        Whether the weight decay acts on the parameter itself, as in `AdamW`.
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
    >>> x = ft.tensor([3.0, -4.0], requires_grad=True)
    >>> optimizer = optim.Adam([x], lr=0.1)
    >>> for _ in range(200):
    ...     optimizer.zero_grad()
    ...     (x**2).sum().backward()
    ...     optimizer.step()
    >>> bool(abs(x.data).max() < 1e-2)
    True
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        **choices: Any,
    ) -> None:
        rule = functional.Adam(
            lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=decoupled_weight_decay
        )
        super().__init__(params, rule, choices)


class AdamW(Adam):
    """Adam with decoupled weight decay: each step first multiplies the parameter by ``1 - lr * weight_decay``.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize, **choices
        As for `Adam`.
    weight_decay
        The decay, apart from the gradient and its means.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> x = ft.tensor([1.0, 1.0], requires_grad=True)
    >>> optimizer = optim.AdamW([x], lr=0.5, weight_decay=0.5)
    >>> (0.0 * x).sum().backward()
    >>> optimizer.step()
    >>> x.tolist()
    [0.75, 0.75]
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        **choices: Any,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True, **choices
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave, of an `Adam` too; the decay stays decoupled."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


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
