"""The schedule of one cycle: up to a large learning rate, and down to a very small one.

Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2018.
"""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.optim.lr_scheduler.scheduler import LRScheduler, per_group
from functorch_lite.optim.optimizer import Optimizer

__all__ = ["OneCycleLR"]


class OneCycleLR(LRScheduler):
    """Raise the learning rate to ``max_lr``, then let it fall far below where it began; a step is a batch.

    Parameters
    ----------
    optimizer, last_epoch
        As for `LRScheduler`.
    max_lr
        The largest learning rate, or one for each group.
    total_steps
        The number of steps.
    epochs, steps_per_epoch
        Two numbers whose product is that of the steps, where ``total_steps`` is not given.
    pct_start
        The part of the steps in which the rate grows.
    anneal_strategy
        ``"cos"`` or ``"linear"``.
    cycle_momentum
        Whether the momentum (or the first of ``betas``) moves the other way.
    base_momentum, max_momentum
        Its least and its largest value, or one for each group; it begins and ends at the largest.
    div_factor
        The rate begins at ``max_lr / div_factor``,
    final_div_factor
        and ends at that over ``final_div_factor``.
    three_phase
        Whether to fall to where it began first, as fast as it grew.

    Raises
    ------
    ValueError
        If an argument is out of its range, the optimiser has no momentum to cycle, or `step` is called too often.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=0.1, momentum=0.9)
    >>> scheduler = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> lrs = []
    >>> for _ in range(10):
    ...     lrs += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(lr, 2) for lr in lrs]
    [0.04, 0.52, 1.0, 0.95, 0.81, 0.61, 0.39, 0.19, 0.05, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
            total_steps = epochs * steps_per_epoch
        if not (isinstance(total_steps, int) and total_steps > 0):
            raise ValueError(f"Expected positive integer total_steps, but got {total_steps}")
        if not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self.total_steps, self.anneal_strategy, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        self.use_beta1 = "betas" in optimizer.defaults
        if cycle_momentum and not (self.use_beta1 or "momentum" in optimizer.defaults):
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")

        up, last = float(pct_start * total_steps) - 1, float(total_steps - 1)
        names = (("initial_lr", "max_momentum"), ("max_lr", "base_momentum"))
        # Where each phase ends, and the names of learning rate and momentum there.
        self._phases: list[tuple[float, tuple[str, str]]] = [(0.0, names[0]), (up, names[1])]
        if three_phase:
            self._phases.append((float(2 * pct_start * total_steps) - 2, names[0]))
        self._phases.append((last, ("min_lr", "max_momentum")))

        if last_epoch == -1:
            peaks = per_group("max_lr", optimizer, max_lr)
            highest = per_group("max_momentum", optimizer, max_momentum)
            lowest = per_group("base_momentum", optimizer, base_momentum)
            for group, peak, high, low in zip(optimizer.param_groups, peaks, highest, lowest, strict=True):
                group["initial_lr"], group["max_lr"] = peak / div_factor, peak
                group["min_lr"] = group["initial_lr"] / final_div_factor
                if cycle_momentum:
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """Compute the learning rate of each group for ``last_epoch``, and set its momentum."""
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}"
            )
        phases = self._phases
        i = next((i for i in range(1, len(phases)) if self.last_epoch <= phases[i][0]), len(phases) - 1)
        (start, (lr, momentum)), (end, (next_lr, next_momentum)) = phases[i - 1], phases[i]
        part = (self.last_epoch - start) / (end - start) if end > start else 1.0
        for group in self.optimizer.param_groups if self.cycle_momentum else ():
            value = self._between(group[momentum], group[next_momentum], part)
            if self.use_beta1:
                group["betas"] = (value, *group["betas"][1:])
            else:
                group["momentum"] = value
        return [self._between(group[lr], group[next_lr], part) for group in self.optimizer.param_groups]

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)
