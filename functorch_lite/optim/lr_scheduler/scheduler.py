"""What all schedules share."""

from __future__ import annotations

import warnings
from typing import Any

from functorch_lite.optim.optimizer import Optimizer, number_of, refuse_foreign_state, set_option

__all__ = ["LRScheduler", "per_group"]


class LRScheduler:
    """The base of all schedules: sets the learning rate of each group at each `step`, and once when it is built.

    A subclass defines `get_lr`, or `multiplier` where the learning rates of all groups are multiplied by one number.

    Parameters
    ----------
    optimizer
        The optimiser whose learning rates are set. Each group remembers the rate it began with as ``"initial_lr"``.
    last_epoch
        The number of the last epoch, to go on after loading; -1 to begin.

    Raises
    ------
    TypeError
        If ``optimizer`` is none.
    KeyError
        If a group has no ``"initial_lr"`` to go on from.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> class Halving(optim.lr_scheduler.LRScheduler):
    ...     def multiplier(self):
    ...         return 0.5 if self.last_epoch > 0 else 1.0
    >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=0.5)
    >>> scheduler = Halving(optimizer)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_lr(), scheduler.get_last_lr(), optimizer.param_groups[0]["lr"]
    ([0.125], [0.25], 0.25)
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", number_of(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    f"last_epoch >= 0; load the state of the optimizer before, or begin with last_epoch=-1"
                )
        self.base_lrs: list[Any] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def _begin(self) -> None:
        """Set the learning rates of the first epoch; the constructor does it, and a schedule of schedules."""
        self._step_count = 0
        self._is_initial = True
        self.step()
        self._is_initial = False

    def step(self) -> None:
        """Go on to the next epoch. Call it after the optimiser's own step."""
        if self._step_count == 1 and not getattr(self.optimizer, "has_stepped", True):
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first value of the schedule is "
                "skipped. Call them in the opposite order.",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            set_option(group, "lr", lr)
        self._last_lr = self._current()

    def get_last_lr(self) -> list[Any]:
        """Return the learning rate of each group that was set last."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """Compute the learning rate of each group for ``last_epoch`` from the present one."""
        factor = self.multiplier()
        return [lr * factor for lr in self._current()]

    def multiplier(self) -> float:
        """Compute by what the learning rates are multiplied at ``last_epoch``."""
        raise NotImplementedError(f"{type(self).__name__} defines neither get_lr nor multiplier")

    def state_dict(self) -> dict[str, Any]:
        """Return what the schedule remembers, without the optimiser.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> from functorch_lite import optim
        >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=0.5)
        >>> optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5).state_dict()["last_epoch"]
        0
        """
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave. Load the optimiser's own state as well.

        Examples
        --------
        >>> import functorch_lite as ft
        >>> from functorch_lite import optim
        >>> optimizer = optim.SGD([ft.tensor(1.0, requires_grad=True)], lr=0.5)
        >>> scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=3)
        >>> scheduler.load_state_dict({"step_size": 5, "last_epoch": 2})
        >>> scheduler.step_size, scheduler.last_epoch
        (5, 2)
        """
        refuse_foreign_state(self, state_dict, "last_epoch")
        vars(self).update(state_dict)

    def _current(self) -> list[Any]:
        return [number_of(group["lr"]) for group in self.optimizer.param_groups]


def per_group(name: str, optimizer: Optimizer, values: Any) -> list[Any]:
    """Return one value for each group of an optimiser, from a list of them or one for all.

    Raises
    ------
    ValueError
        If the list has another length.
    """
    groups = len(optimizer.param_groups)
    if not isinstance(values, list | tuple):
        return [values] * groups
    if len(values) != groups:
        raise ValueError(f"{name} has {len(values)} values, but the optimizer has {groups} parameter groups")
    return list(values)
