"""Gradients and parameters of many tensors at once: clipping, the norm of all, one vector of all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from functorch_lite.core.errors import user_line
from functorch_lite.tensor.ambient import constant, is_tensor
from functorch_lite.tensor.grad_mode import no_grad

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]


@no_grad
def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scale the gradients of parameters, in place, so that the norm of all of them together is at most a bound.

    Parameters
    ----------
    parameters
        A Tensor, or an iterable of them; those without ``grad`` are passed over.
    max_norm
        The bound.
    norm_type
        The p of the p-norm, which may be infinite.
    error_if_nonfinite
        Whether a norm that is infinite or NaN raises. Else it makes the gradients zero or NaN.
    foreach
        Accepted for PyTorch's sake; it changes nothing.

    Returns
    -------
    Tensor
        The norm before.

    Raises
    ------
    RuntimeError
        If the norm is not finite and ``error_if_nonfinite`` is set.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.nn.parameters import clip_grad_norm_
    >>> x = ft.tensor([1.5, 2.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> clip_grad_norm_([x], max_norm=0.5)
    tensor(5.)
    >>> x.grad.norm().round(3)
    tensor(0.5)
    """
    parameters = _tensors(parameters, "clip_grad_norm_")
    total = get_total_norm([p.grad for p in parameters if p.grad is not None], norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


@no_grad
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Keep each element of the gradients of parameters within ``-clip_value`` and ``clip_value``, in place.

    Parameters
    ----------
    parameters, foreach
        As for `clip_grad_norm_`.
    clip_value
        The bound.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.nn.parameters import clip_grad_value_
    >>> x = ft.tensor([0.1, -2.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> clip_grad_value_(x, 1.0)
    >>> x.grad
    tensor([ 0.2, -1. ])
    """
    for p in _tensors(parameters, "clip_grad_value_"):
        if p.grad is not None:
            p.grad.clamp_(-float(clip_value), float(clip_value))


@no_grad
def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None) -> None:
    """Scale the gradients of parameters, in place, by ``max_norm / (total_norm + 1e-6)`` where that is less than one.

    Parameters
    ----------
    parameters, max_norm, foreach
        As for `clip_grad_norm_`.
    total_norm
        The norm of all gradients together, as `get_total_norm` gives it.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.nn.parameters import clip_grads_with_norm_
    >>> x = ft.tensor([1.5, 2.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> clip_grads_with_norm_([x], 1.0, ft.tensor(2.0))
    >>> x.grad.round(3)
    tensor([1.5, 2. ])
    """
    scale = np.minimum(float(max_norm) / (_number(total_norm) + 1e-6), 1.0)
    for p in _tensors(parameters, "clip_grads_with_norm_"):
        if p.grad is not None:
            p.grad.mul_(float(scale))


def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Any:
    """Return the norm of the elements of many tensors, or arrays, together.

    Parameters
    ----------
    tensors
        A Tensor or an array, or an iterable of them.
    norm_type, error_if_nonfinite, foreach
        As for `clip_grad_norm_`.

    Returns
    -------
    Tensor
        A scalar; of arrays, an array.

    Examples
    --------
    >>> import numpy as np, functorch_lite as ft
    >>> from functorch_lite.nn.parameters import get_total_norm
    >>> get_total_norm([ft.tensor([3.0]), ft.tensor([[0.0, 4.0]])])
    tensor(5.)
    >>> gradients = {"w": np.array([3.0, 0.0]), "b": np.array(4.0)}
    >>> float(get_total_norm(ft.tree.leaves(gradients)))
    5.0
    """
    arrays = [tensors] if hasattr(tensors, "dtype") else list(tensors)
    if not arrays:
        return constant(np.array(0.0))
    p = float(norm_type)
    total = np.linalg.vector_norm(np.stack([np.linalg.vector_norm(a, ord=p) for a in arrays]), ord=p)
    if error_if_nonfinite and not np.isfinite(_number(total)):
        raise RuntimeError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be clipped. To "
            f"disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """Return the elements of all parameters as one vector, through which derivatives go.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.nn.parameters import parameters_to_vector
    >>> parameters_to_vector([ft.tensor([1.0, 2.0]), ft.tensor([[3.0]])])
    tensor([1., 2., 3.])
    """
    return np.concatenate([np.ravel(p) for p in _tensors(parameters, "parameters_to_vector")])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Give parameters the elements of a vector as their values, one after the other.

    Parameters
    ----------
    vec
        A Tensor with as many elements as the parameters have together. The parameters share its memory.
    parameters
        Tensors.

    Raises
    ------
    ValueError
        If the number of elements is another.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> from functorch_lite.nn.parameters import vector_to_parameters
    >>> a, b = ft.zeros(2, requires_grad=True), ft.zeros(1, 1, requires_grad=True)
    >>> vector_to_parameters(ft.tensor([1.0, 2.0, 3.0]), [a, b])
    >>> a, b
    (tensor([1., 2.], requires_grad=True), tensor([[3.]], requires_grad=True))
    """
    if not is_tensor(vec):
        raise TypeError(f"vector_to_parameters at {user_line()} takes a Tensor, not a {type(vec).__name__}")
    parameters = _tensors(parameters, "vector_to_parameters")
    count = sum(p.value.size for p in parameters)
    if vec.shape != (count,):
        raise ValueError(
            f"vector_to_parameters at {user_line()}: the parameters have {count} elements together, and the vector has "
            f"shape {vec.shape}"
        )
    start = 0
    for p in parameters:
        p.data = vec.data[start : start + p.value.size].reshape(p.shape)
        start += p.value.size


def _tensors(parameters: Any, name: str) -> list[Any]:
    found = [parameters] if hasattr(parameters, "dtype") else list(parameters)
    for p in found:
        if not is_tensor(p):
            raise TypeError(
                f"{name} at {user_line()} takes Tensors, and one of the parameters is a {type(p).__name__}; gradients "
                f"that are arrays are scaled by hand: g * min(1, max_norm / get_total_norm(gradients))"
            )
    return found


def _number(norm: Any) -> float:
    return float(norm.detach() if is_tensor(norm) else norm)
