"""`track_grad`: a function with its elementwise partial derivatives."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from functorch_lite.tensor.function import Function, Static

__all__ = ["track_grad"]


def track_grad(derivative: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a function with its partial derivatives.

    Parameters
    ----------
    derivative
        It takes the function's arguments and returns a tuple: the elementwise partial derivative of the result with
        respect to each, or None.

    Returns
    -------
    callable
        The decorator. The decorated function works on tensors and under every transformation.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> @ft.track_grad(lambda x, y: (y, x))
    ... def product(x, y):
    ...     return x * y
    >>> x, y = ft.tensor(2.0, requires_grad=True), ft.tensor(3.0, requires_grad=True)
    >>> product(x, y).backward()
    >>> x.grad, y.grad
    (tensor(3.), tensor(2.))
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        class Tracked(Function):
            @staticmethod
            def forward(ctx: Any, *args: Any) -> Any:
                ctx.save_for_backward(*(a if hasattr(a, "dtype") else None for a in args))
                ctx.others = Static(args)
                return function(*args)

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                pairs = zip(ctx.saved_tensors, ctx.others.content, strict=True)
                partials = derivative(*(other if x is None else x for x, other in pairs))
                if not isinstance(partials, tuple | list):
                    raise TypeError(
                        f"the derivative of {function.__name__} must return a tuple, one entry for each argument; it "
                        f"returned a {type(partials).__name__}"
                    )
                return tuple(None if p is None else g * np.conjugate(p) for p in partials)

        Tracked.__name__ = Tracked.__qualname__ = function.__name__
        return wraps(function)(lambda *args: Tracked.apply(*args))

    return decorate
