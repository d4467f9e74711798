"""L-BFGS for Tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from functorch_lite.optim import functional
from functorch_lite.optim.functional.lbfgs import flattened, minimise, unflattened
from functorch_lite.optim.optimizer import Optimizer, number_of
from functorch_lite.tensor.grad_mode import enable_grad, no_grad

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """L-BFGS: steps along the gradient times an inverse Hessian estimated from the last few steps.

    All parameters are in one group. The loss must be a deterministic function of them.

    Parameters
    ----------
    params
        Tensors.
    lr
        The length of steps, or the first to try in a line search.
    max_iter
        How many iterations make up a step.
    max_eval
        After how many evaluations a step ends; 1.25 times ``max_iter`` by default.
    tolerance_grad
        A gradient with no entry larger than this ends the step.
    tolerance_change
        So does a change of the loss, or of all parameters, of less than this.
    history_size
        How many iterations the estimate remembers.
    line_search_fn
        ``"strong_wolfe"``, or None for steps of length ``lr``.

    Raises
    ------
    ValueError
        If the learning rate is negative, or there is more than one group.
    RuntimeError
        If ``line_search_fn`` is something else.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite import optim
    >>> x = ft.tensor([-1.2, 1.0], requires_grad=True)
    >>> optimizer = optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(5):
    ...     loss = optimizer.step(closure)
    >>> x.data.round(3).tolist()
    [1.0, 1.0]
    """

    has_stepped = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        self.rule = functional.LBFGS(
            lr, max_iter, max_eval, tolerance_grad, tolerance_change, history_size, line_search_fn
        )
        super().__init__(params, dict(self.rule.options))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        if self.param_groups:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        super().add_param_group(param_group)
        self.rule.check(self.param_groups[0])

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make one step, of up to ``max_iter`` iterations; return what the closure returned first.

        Parameters
        ----------
        closure
            Clears the gradients, computes the loss, calls ``backward`` and returns the loss.
        """
        if closure is None:
            raise TypeError("LBFGS.step evaluates the loss several times: it needs a closure that computes it")
        group = self.param_groups[0]
        params: list[Any] = group["params"]
        first: list[Any] = []
        options = {name: number_of(group[name]) for name in self.defaults}
        arrays = [p.data for p in params]

        def move(x: Any) -> None:
            for p, value in zip(params, unflattened(x, arrays), strict=True):
                p.copy_(value)

        def evaluate(x: Any) -> tuple[float, Any]:
            move(x)
            with enable_grad():
                loss = closure()
            if not first:
                first.append(loss)
            gradients = [np.zeros_like(p.data) if p.grad is None else p.grad.data for p in params]
            return float(loss), flattened(gradients)

        self.has_stepped = True
        with no_grad():
            state = self.state.get(params[0]) or self.rule.init(params)
            x, self.state[params[0]] = minimise(evaluate, flattened(arrays), state, options)
            move(x)
        return first[0]
