"""Adam and AdamW for Tensors, by the rules in `functorch_lite.optim.functional`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functorch_lite.optim import functional
from functorch_lite.optim.optimizer import RuleOptimizer

__all__ = ["Adam", "AdamW"]


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
