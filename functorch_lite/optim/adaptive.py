"""Adamax, NAdam, RAdam and Adadelta for Tensors, by the rules in `functorch_lite.optim.functional`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from functorch_lite.optim import functional
from functorch_lite.optim.optimizer import RuleOptimizer

__all__ = ["Adadelta", "Adamax", "NAdam", "RAdam"]


class NAdam(RuleOptimizer):
    """Adam with Nesterov's momentum: steps look ahead along the mean gradient.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, maximize, decoupled_weight_decay, **choices
        As for `Adam`.
    momentum_decay
        How fast the momentum comes to its value.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> x = ft.tensor([3.0, -4.0], requires_grad=True)
    >>> optimizer = optim.NAdam([x], lr=0.1)
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
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **choices: Any,
    ) -> None:
        rule = functional.NAdam(lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize=maximize)
        super().__init__(params, rule, choices)


class RAdam(RuleOptimizer):
    """Adam whose first steps, which know few squared gradients, are those of the mean gradient.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, maximize, decoupled_weight_decay, **choices
        As for `Adam`.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> x = ft.tensor([3.0, -4.0], requires_grad=True)
    >>> optimizer = optim.RAdam([x], lr=0.1)
    >>> for _ in range(300):
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
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
        **choices: Any,
    ) -> None:
        rule = functional.RAdam(lr, betas, eps, weight_decay, decoupled_weight_decay, maximize=maximize)
        super().__init__(params, rule, choices)


class Adamax(RuleOptimizer):
    """Adam with the largest gradient so far, which is slowly forgotten, in the place of the root mean square.

    Parameters
    ----------
    params, lr, betas, eps, weight_decay, maximize, **choices
        As for `Adam`.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> x = ft.tensor([3.0, -4.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> optim.Adamax([x], lr=0.5).step()
    >>> x.detach().round(6)
    tensor([ 2.5, -3.5])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **choices: Any,
    ) -> None:
        super().__init__(params, functional.Adamax(lr, betas, eps, weight_decay, maximize=maximize), choices)


class Adadelta(RuleOptimizer):
    """Adadelta: steps by the gradient in units of its root mean square, times that of the last steps.

    Parameters
    ----------
    params, weight_decay, maximize, **choices
        As for `Adam`.
    lr
        What steps are multiplied by.
    rho
        The weight of the past in both means of squares.
    eps
        What is added to both means.

    Raises
    ------
    ValueError
        If a hyper-parameter is out of its range.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> x = ft.tensor(1.0, requires_grad=True)
    >>> (x**2).backward()
    >>> optim.Adadelta([x], rho=0.75, eps=1e-2).step()
    >>> x.detach().round(4)
    tensor(0.801)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        **choices: Any,
    ) -> None:
        super().__init__(params, functional.Adadelta(lr, rho, eps, weight_decay, maximize=maximize), choices)
