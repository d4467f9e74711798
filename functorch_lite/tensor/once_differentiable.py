"""Backward methods whose own derivative is refused: `once_differentiable`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from functorch_lite.core.trace import Tracer
from functorch_lite.tensor.ambient import constant
from functorch_lite.tensor.grad_mode import no_grad
from functorch_lite.tensor.levels import is_watched, lowered, plain, raw
from functorch_lite.transforms.application import Application

__all__ = ["once_differentiable"]


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a ``backward`` whose own derivative is not to be taken: it raises instead of being wrong.

    Parameters
    ----------
    backward
        The static method, decorated inside ``staticmethod``.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> class Square(ft.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     @ft.autograd.once_differentiable
    ...     def backward(ctx, grad_output):
    ...         (x,) = ctx.saved_tensors
    ...         return 2.0 * x * grad_output
    >>> ft.grad(ft.grad(Square.apply))(3.0)
    Traceback (most recent call last):
        ...
    RuntimeError: trying to differentiate twice a function that was marked with @once_differentiable
    """

    @wraps(backward)
    def wrapped(ctx: Any, *grad_outputs: Any) -> Any:
        watched = any(map(is_watched, (*grad_outputs, *ctx.saved_tensors)))
        if not watched:
            return backward(ctx, *grad_outputs)
        given = [plain(lowered(g)) if isinstance(g, Tracer) else g for g in grad_outputs]
        kept = ctx.saved_tensors
        ctx.saved_tensors = tuple(plain(lowered(x)) if isinstance(x, Tracer) else x for x in kept)
        with no_grad():
            found = backward(ctx, *given)
        ctx.saved_tensors = kept
        sources = tuple(x for x in (*grad_outputs, *kept) if isinstance(x, Tracer) and is_watched(x))
        single = not isinstance(found, tuple)
        outputs = tuple(_only_once(g, sources) if hasattr(g, "dtype") else g for g in ((found,) if single else found))
        return outputs[0] if single else outputs

    return wrapped


def _only_once(g: Any, sources: tuple[Any, ...]) -> Any:
    def refuse(*_: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")

    value = raw(g)
    call = Application("once_differentiable", lambda xs: (value,), None, lambda xs: ((value,), ()), refuse)
    return constant(call.bind(sources, ())[0])
