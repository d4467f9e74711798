"""Schedules that know the epoch only."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from functorch_lite.optim.lr_scheduler.scheduler import LRScheduler, per_group
from functorch_lite.optim.optimizer import Optimizer, refuse_foreign_state

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "StepLR",
]


class LambdaLR(LRScheduler):
    """The initial learning rate times a function of the epoch.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    lr_lambda
        The function, or one for each group. Its state is saved if it is an object with ``__call__``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> scheduler = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (epoch + 1))
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas: list[Callable[[int], float]] = per_group("lr_lambda", optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Compute the learning rate of each group for ``last_epoch``."""
        return [lr * function(self.last_epoch) for lr, function in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return what the schedule remembers; of a plain function, None."""
        states = [None if isinstance(f, FunctionType) else dict(vars(f)) for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave; plain functions stay as they are."""
        refuse_foreign_state(self, state_dict, "lr_lambdas")
        functions = self.lr_lambdas
        super().load_state_dict({**state_dict, "lr_lambdas": functions})
        for function, state in zip(functions, state_dict["lr_lambdas"], strict=True):
            if state is not None:
                vars(function).update(state)


class MultiplicativeLR(LambdaLR):
    """The present learning rate times a function of the epoch, from epoch 1 on.

    Parameters
    ----------
    optimizer, lr_lambda, last_epoch
        As for `LambdaLR`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> scheduler, rates = optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 1 / (epoch + 1)), []
    >>> for _ in range(3):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [0.5, 0.25, 0.083]
    """

    def get_lr(self) -> list[Any]:
        """Compute the learning rate of each group for ``last_epoch`` from the present one."""
        if self._is_initial:
            return self._current()
        return [lr * f(self.last_epoch) for lr, f in zip(self._current(), self.lr_lambdas, strict=True)]


class StepLR(LRScheduler):
    """Multiply the learning rate by ``gamma`` every ``step_size`` epochs.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    step_size
        The number of epochs.
    gamma
        The factor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5), []
    >>> for _ in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 1.0, 0.5, 0.5]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        _refuse_no_epochs("step_size", step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        """Give ``gamma`` at the multiples of the step size."""
        return self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else 1.0


class MultiStepLR(LRScheduler):
    """Multiply the learning rate by ``gamma`` at given epochs.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    milestones
        The epochs; one that is named twice counts twice.
    gamma
        The factor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 3], gamma=0.5), []
    >>> for _ in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        if not all(isinstance(epoch, int | np.integer) for epoch in self.milestones):
            raise TypeError(f"milestones are numbers of epochs, ints, not {milestones!r}")
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        """Give ``gamma`` at the milestones."""
        return self.gamma ** self.milestones[self.last_epoch]


class ConstantLR(LRScheduler):
    """Multiply the learning rate by ``factor`` at the start, and undo it after some epochs.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    factor
        The factor, in (0, 1].
    total_iters
        The number of epochs.

    Raises
    ------
    ValueError
        If the factor is outside its range.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=2), []
    >>> for _ in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [0.5, 0.5, 1.0, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0 < factor <= 1:
            raise ValueError(f"Constant multiplicative factor expected to be between 0 and 1. It is {factor}")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        """Give the factor at the first epoch, its inverse at the last."""
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else 1.0


class LinearLR(LRScheduler):
    """Multiply the initial learning rate by a factor that changes linearly over some epochs.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    start_factor
        The first factor, in (0, 1].
    end_factor
        The last, in [0, 1].
    total_iters
        The number of epochs.

    Raises
    ------
    ValueError
        If a factor is outside its range.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = optim.lr_scheduler.LinearLR(optimizer, start_factor=0.25, total_iters=3), []
    >>> for _ in range(4):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [0.25, 0.5, 0.75, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(
                f"Starting multiplicative factor expected to be greater than 0 and less or equal to 1. "
                f"It is {start_factor}"
            )
        if not 0 <= end_factor <= 1:
            raise ValueError(f"Ending multiplicative factor expected to be between 0 and 1. It is {end_factor}")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        """Give the ratio of this epoch's factor to the last one's."""
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return 1.0
        slope = self.end_factor - self.start_factor
        return 1.0 + slope / (self.total_iters * self.start_factor + (self.last_epoch - 1) * slope)


class ExponentialLR(LRScheduler):
    """Multiply the learning rate by ``gamma`` at each epoch.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    gamma
        The factor.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5), []
    >>> for _ in range(3):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        """Give ``gamma``."""
        return 1.0 if self._is_initial else self.gamma


class PolynomialLR(LRScheduler):
    """Let the learning rate fall to zero as a power of the epochs that are left.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    total_iters
        The number of epochs.
    power
        The power.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4, power=2.0), []
    >>> for _ in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 0.562, 0.25, 0.062, 0.0]
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def multiplier(self) -> float:
        """Give the ratio of this epoch's power to the last one's."""
        n, epoch = self.total_iters, self.last_epoch
        if self._is_initial or epoch > n:
            return 1.0
        return float(((1.0 - epoch / n) / (1.0 - (epoch - 1) / n)) ** self.power)


class CosineAnnealingLR(LRScheduler):
    """Let the learning rate fall to ``eta_min`` along half a cosine.

    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017; without restarts.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    T_max
        The number of epochs.
    eta_min
        The least learning rate.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4), []
    >>> for _ in range(5):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        _refuse_no_epochs("T_max", T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Compute the learning rate of each group for ``last_epoch`` from the present one."""
        lrs, n, least = self._current(), self.T_max, self.eta_min
        if self._is_initial:
            return lrs
        if (self.last_epoch - 1 - n) % (2 * n) == 0:  # the lowest point is left again
            return [
                lr + (base - least) * (1 - math.cos(math.pi / n)) / 2
                for lr, base in zip(lrs, self.base_lrs, strict=True)
            ]
        here, before = (1 + math.cos(math.pi * epoch / n) for epoch in (self.last_epoch, self.last_epoch - 1))
        return [here / before * (lr - least) + least for lr in lrs]


def _refuse_no_epochs(name: str, epochs: Any) -> None:
    if not isinstance(epochs, int | np.integer):
        raise TypeError(f"{name} is a number of epochs, an int, not {epochs!r}")
    if epochs < 1:
        raise ValueError(f"{name} must be at least one epoch, not {epochs}")
