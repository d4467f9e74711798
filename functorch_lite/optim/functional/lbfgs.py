"""L-BFGS: steps along the gradient times an inverse Hessian estimated from the last few steps.

Nocedal and Wright, Numerical Optimization, 2nd edition, algorithm 7.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.core.operands import shape_of
from functorch_lite.optim.functional.line_search import Point, strong_wolfe
from functorch_lite.optim.functional.rule import Options, State, joined, refuse_negative, split

__all__ = ["LBFGS", "flattened", "minimise", "unflattened"]

#: A step along which the gradient changes by less than this tells nothing of the curvature.
SMALLEST_CURVATURE = 1e-10


class LBFGS:
    """L-BFGS in functional form.

    It evaluates the function itself, several times a step, and goes by what it finds: it can be differentiated along
    the way that it took, but not be batched by `vmap`.

    Parameters
    ----------
    lr, max_iter, max_eval, tolerance_grad, tolerance_change, history_size, line_search_fn
        As for `functorch_lite.optim.LBFGS`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.optim import functional
    >>> def rosenbrock(p):
    ...     return 100 * (p["y"] - p["x"] ** 2) ** 2 + (1 - p["x"]) ** 2
    >>> optimizer = functional.LBFGS(line_search_fn="strong_wolfe", max_iter=50)
    >>> params = {"x": -1.2, "y": 1.0}
    >>> params, state = optimizer.update(ft.value_and_grad(rosenbrock), optimizer.init(params), params)
    >>> [round(float(x), 3) for x in params.values()]
    [1.0, 1.0]
    """

    def __init__(
        self,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        self.options: dict[str, Any] = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        self.check(self.options)

    def init(self, params: Any) -> State:
        """Return the state before the first step."""
        return {"func_evals": 0, "n_iter": 0}

    def update(self, value_and_grad: Callable[[Any], tuple[Any, Any]], state: State, params: Any) -> tuple[Any, State]:
        """Make one step, of up to ``max_iter`` iterations.

        Parameters
        ----------
        value_and_grad
            Gives the value and the gradient at parameters, as `functorch_lite.value_and_grad` of the function does.
        state
            What `init` or the last `update` returned.
        params
            A tree of arrays.

        Returns
        -------
        tuple
            The new parameters and the new state. Nothing is changed in place.
        """
        leaves, structure = tree.flatten(params)

        def evaluate(x: Any) -> tuple[Any, Any]:
            value, grads = value_and_grad(tree.unflatten(structure, unflattened(x, leaves)))
            return value, flattened(tree.leaves(grads))

        x, state = minimise(evaluate, flattened(leaves), state, self.options)
        return tree.unflatten(structure, unflattened(x, leaves)), state

    def check(self, options: Options) -> None:
        """Raise an error that names the hyper-parameter that is out of range.

        Examples
        --------
        >>> from functorch_lite.optim import functional
        >>> optimizer = functional.LBFGS()
        >>> optimizer.check({**optimizer.options, "lr": -1.0})
        Traceback (most recent call last):
            ...
        ValueError: Invalid learning rate: -1.0. lr must be 0 or more
        """
        refuse_negative(options, lr="learning rate")
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            raise RuntimeError(f"only 'strong_wolfe' is supported as line_search_fn, not {options['line_search_fn']!r}")


def minimise(evaluate: Callable[[Any], tuple[Any, Any]], x: Any, state: State, options: Options) -> tuple[Any, State]:
    """Make up to ``max_iter`` iterations of L-BFGS from a vector.

    Parameters
    ----------
    evaluate
        Gives the value and the gradient at a vector.
    x
        The vector, real.
    state, options
        As in `LBFGS`.

    Returns
    -------
    tuple
        The last vector and the new state.
    """
    lr, change = options["lr"], options["tolerance_change"]
    state = {**state, "func_evals": state["func_evals"] + 1}
    loss, gradient = evaluate(x)
    if _largest(gradient) <= options["tolerance_grad"]:
        return x, state
    evaluations = iterations = 0
    evaluations += 1
    while iterations < options["max_iter"]:
        iterations += 1
        state["n_iter"] += 1
        state = {**state, **_direction(gradient, state, options["history_size"])}
        d = state["d"]
        t = lr if state["n_iter"] > 1 else min(1.0, 1.0 / np.sum(np.abs(gradient))) * lr
        previous_loss = loss
        state.update(t=t, prev_flat_grad=gradient, prev_loss=loss)
        slope = np.dot(gradient, d)
        if slope > -change:
            break
        more = 0
        if options["line_search_fn"] is not None:
            start, along = x, d

            def at(t: Any, start: Any = start, along: Any = along) -> Point:
                value, gradient = evaluate(start + t * along)
                return Point(t, value, gradient, np.dot(gradient, along))

            origin = Point(0, loss, gradient, slope)
            point, more = strong_wolfe(at, origin, t, d, options["max_eval"] - evaluations)
            t, loss, gradient, _ = point
            state["t"] = t
            x = x + t * d
        else:
            x = x + t * d
            if iterations < options["max_iter"]:  # the last value would not be used
                loss, gradient = evaluate(x)
                more = 1
        evaluations += more
        state["func_evals"] += more
        if evaluations >= options["max_eval"] or _largest(gradient) <= options["tolerance_grad"]:
            break
        if _largest(t * d) <= change or abs(loss - previous_loss) < change:
            break
    return x, state


def flattened(leaves: list[Any]) -> Any:
    """Return one real vector of all elements; complex ones give two."""
    return np.concatenate([np.ravel(split(x) if np.iscomplexobj(x) else x) for x in leaves])


def unflattened(x: Any, leaves: list[Any]) -> list[Any]:
    """Return arrays of the shapes and dtypes of the leaves from one vector; the inverse of `flattened`."""
    parts, start = [], 0
    for leaf in leaves:
        shape = shape_of(leaf)
        size = math.prod(shape)
        if np.iscomplexobj(leaf):
            part = joined(x[start : start + 2 * size].reshape(2, *shape))
            start += 2 * size
        else:
            part = x[start : start + size].reshape(shape)
            start += size
        parts.append(part.astype(leaf.dtype) if hasattr(leaf, "dtype") else part)
    return parts


def _direction(gradient: Any, state: State, history_size: int) -> State:
    """Return the next direction, and the memory of steps and changes of gradient with the latest pair in it."""
    if "d" not in state:
        return {"d": -gradient, "old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
    changes, steps, ro, scale = state["old_dirs"], state["old_stps"], state["ro"], state["H_diag"]
    y = gradient - state["prev_flat_grad"]
    s = state["d"] * state["t"]
    ys = np.dot(y, s)
    if ys > SMALLEST_CURVATURE:
        first = 1 if len(changes) == history_size else 0
        changes, steps, ro = [*changes[first:], y], [*steps[first:], s], [*ro[first:], 1.0 / ys]
        scale = ys / np.dot(y, y)
    memory = list(zip(changes, steps, ro, strict=True))
    q, alphas = -gradient, []
    for y, s, r in reversed(memory):
        alphas.append(np.dot(s, q) * r)
        q = q - alphas[-1] * y
    d = q * scale
    for (y, s, r), alpha in zip(memory, reversed(alphas), strict=True):
        d = d + s * (alpha - np.dot(y, d) * r)
    return {"d": d, "old_dirs": changes, "old_stps": steps, "ro": ro, "H_diag": scale}


def _largest(x: Any) -> Any:
    return np.max(np.abs(x))
