"""A schedule that goes by how the training goes."""

from __future__ import annotations

import math
from typing import Any

from functorch_lite.optim.lr_scheduler.scheduler import LRScheduler, per_group
from functorch_lite.optim.optimizer import Optimizer, number_of, set_option

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Multiply the learning rate by ``factor`` when a number has not become better for some epochs.

    Parameters
    ----------
    optimizer
        The optimiser whose learning rates are set.
    mode
        ``"min"`` if smaller is better, ``"max"`` if larger is.
    factor
        The factor, less than 1.
    patience
        How many epochs in turn may bring nothing.
    threshold, threshold_mode
        What counts as better: by this part of the best number (``"rel"``), or by this much (``"abs"``).
    cooldown
        How many epochs to wait after a reduction.
    min_lr
        The least learning rate, or one for each group.
    eps
        A reduction by less than this is left out.

    Raises
    ------
    TypeError
        If ``optimizer`` is none.
    ValueError
        If the factor is 1 or more, or a mode is unknown.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: Any = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError(f"Factor should be < 1.0. It is {factor}")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown! It must be 'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown! It must be 'rel' or 'abs'")
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        self.min_lrs = per_group("min_lr", optimizer, min_lr)
        self.mode, self.factor, self.patience, self.cooldown, self.eps = mode, factor, patience, cooldown, eps
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.last_epoch = self.cooldown_counter = self.num_bad_epochs = 0
        self.best = math.inf if mode == "min" else -math.inf
        self._last_lr = self._current()

    @property
    def in_cooldown(self) -> bool:
        """Whether a reduction was made so lately that epochs do not count.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> from functorch_lite import optim
        >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=0.5)
        >>> scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, cooldown=3)
        >>> for loss in (2.0, 2.0):
        ...     scheduler.step(loss)
        >>> scheduler.in_cooldown
        True
        """
        return self.cooldown_counter > 0

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Go on to the next epoch.

        Parameters
        ----------
        metrics
            The number that is to become better: a Tensor or a plain one.
        """
        current = float(metrics)
        self.last_epoch += 1
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._current()

    def _is_better(self, value: float) -> bool:
        by = self.threshold if self.mode == "max" else -self.threshold
        bar = self.best * (1.0 + by) if self.threshold_mode == "rel" else self.best + by
        return value > bar if self.mode == "max" else value < bar

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if len(set(self.min_lrs)) > 1:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}); set `min_lrs` to one number a group"
                )
            self.min_lrs = self.min_lrs[:1] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = number_of(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                set_option(group, "lr", new)
