"""Learning rates that rise again: cosines that begin anew, and cycles between two bounds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from functorch_lite.optim.lr_scheduler.scheduler import LRScheduler, per_group
from functorch_lite.optim.optimizer import Optimizer, set_option

__all__ = ["CosineAnnealingWarmRestarts", "CyclicLR"]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Let the learning rate fall to ``eta_min`` along half a cosine, and begin anew after ``T_0`` epochs.

    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    T_0
        The number of epochs until the first restart.
    T_mult
        By what the number is multiplied after each restart.
    eta_min
        The least learning rate.

    Raises
    ------
    ValueError
        If ``T_0`` or ``T_mult`` is no integer from 1 on.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=1.0)
    >>> scheduler, rates = optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2), []
    >>> for _ in range(7):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"Expected integer {name} >= 1, but got {value}")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def _begin(self) -> None:
        """Set the learning rates of the first epoch of the first cosine."""
        self.T_cur, self.T_i = float(self.last_epoch), self.T_0
        super()._begin()

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to one that is given, which may be a part of an epoch further."""
        if epoch is None:
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        else:
            n = 0
            if epoch >= self.T_0 and self.T_mult == 1:
                epoch_of_cycle = epoch % self.T_0
            elif epoch >= self.T_0:
                n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
                epoch_of_cycle = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            else:
                epoch_of_cycle = epoch
            self.T_cur, self.T_i = epoch_of_cycle, self.T_0 * self.T_mult**n
            self.last_epoch = math.floor(epoch) - 1
        super().step()

    def get_lr(self) -> list[Any]:
        """Compute the learning rate of each group."""
        part, least = 1 + math.cos(math.pi * self.T_cur / self.T_i), self.eta_min
        return [least + (base - least) * part / 2 for base in self.base_lrs]


class CyclicLR(LRScheduler):
    """Let the learning rate rise and fall linearly between two bounds, and the momentum the other way.

    Smith, Cyclical Learning Rates for Training Neural Networks, WACV 2017.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    base_lr, max_lr
        The bounds: numbers, or one for each group.
    step_size_up, step_size_down
        In how many steps the learning rate rises and falls; the second is by default as the first.
    mode
        ``"triangular"``; ``"triangular2"``, in which each cycle is half as high as the one before; or ``"exp_range"``,
        in which the height is ``gamma`` to the power of the step.
    gamma
        See ``mode``.
    scale_fn, scale_mode
        A function that scales the height in the place of ``mode``: of the number of the cycle, from 1 on
        (``"cycle"``), or of the step (``"iterations"``).
    cycle_momentum
        Whether momentum, or the first of ``betas``, goes between its bounds.
    base_momentum, max_momentum
        The bounds of momentum: numbers, or one for each group.

    Raises
    ------
    ValueError
        If the mode is another, or the optimiser has no momentum to be changed.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=1.0, momentum=0.9)
    >>> scheduler, rates = optim.lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=2, mode="triangular2"), []
    >>> for _ in range(8):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rate, 3) for rate in rates]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError(f"mode is invalid and scale_fn is None: {mode!r}")
        self.use_beta1 = "betas" in optimizer.defaults
        if cycle_momentum and not (self.use_beta1 or "momentum" in optimizer.defaults):
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up) + float(down)
        self.step_ratio = float(step_size_up) / self.total_size
        self.mode, self.gamma, self.cycle_momentum, self._scale_fn = mode, gamma, cycle_momentum, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        lowest, self.max_lrs = per_group("base_lr", optimizer, base_lr), per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, lowest, strict=True):
                set_option(group, "lr", lr)
        if cycle_momentum:
            least = per_group("base_momentum", optimizer, base_momentum)
            most = per_group("max_momentum", optimizer, max_momentum)
            for group, low, high in zip(optimizer.param_groups, least, most, strict=True):
                group["base_momentum"], group["max_momentum"] = low, high
        self._lowest = lowest
        super().__init__(optimizer, last_epoch)
        self.base_lrs = lowest

    def get_lr(self) -> list[Any]:
        """Compute the learning rate of each group for ``last_epoch``, and set its momentum."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self._scale(cycle if self.scale_mode == "cycle" else self.last_epoch)
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            momentum = group["max_momentum"] - (group["max_momentum"] - group["base_momentum"]) * height * scale
            if self.use_beta1:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum
        return [low + (high - low) * height * scale for low, high in zip(self._lowest, self.max_lrs, strict=True)]

    def _scale(self, x: float) -> float:
        if self._scale_fn is not None:
            return self._scale_fn(x)
        return self.gamma**x if self.mode == "exp_range" else 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else 1.0
