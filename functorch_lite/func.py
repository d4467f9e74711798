"""``ft.func``: the transformations again, in the conventions of ``torch.func``.

`vmap` has ``in_dims`` and ``out_dims``; gradients with respect to complex numbers are conjugated (the direction of
steepest ascent); `functional_call` calls a model with other parameters than its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np

from functorch_lite.core import tree
from functorch_lite.transforms import batching, forward, hessians, jacobians, reverse

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "vjp",
    "vmap",
]


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that computes the gradient; see `functorch_lite.grad`.

    Parameters
    ----------
    func
        A function with a scalar result.
    argnums
        Which positional argument to differentiate with respect to: an int, or a tuple of them.
    has_aux
        Whether ``func`` returns a pair (value, auxiliary data).

    Returns
    -------
    callable
        It gives the gradient, a tuple for several arguments; with ``has_aux`` the pair (gradient, aux).

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.func.grad(lambda x: x.sin().sum())(ft.tensor([0.0]))
    tensor([1.])
    """
    transform = grad_and_value(func, argnums, has_aux)

    @wraps(func, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        g, value = transform(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def grad_and_value(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that computes ``(gradient, value)``, with ``has_aux`` ``(gradient, (value, aux))``.

    Parameters
    ----------
    func, argnums, has_aux
        As for `grad`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.func.grad_and_value(lambda x: x**2)(ft.tensor(3.0))
    (tensor(6.), tensor(9.))
    """
    transform = reverse.grad_and_value(func, argnums, has_aux=has_aux)

    @wraps(func, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        g, value = transform(*args, **kwargs)
        return _conjugated(g), value

    return transformed


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Return ``(output, vjp_fn[, aux])``.

    Parameters
    ----------
    func
        A function of the primals.
    *primals
        Where it is differentiated.
    has_aux
        Whether ``func`` returns a pair (output, auxiliary data).

    Returns
    -------
    tuple
        ``vjp_fn`` takes a cotangent of the output and gives a tuple, one entry a primal, even for a single one.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> value, pull = ft.func.vjp(lambda x: x * x, ft.tensor(3.0))
    >>> pull(ft.tensor(1.0))
    (tensor(6.),)
    """
    value, pull, *aux = reverse.vjp(func, *primals, has_aux=has_aux)

    def vjp_fn(*cotangents: Any) -> Any:
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        return _conjugated(pull(_conjugated(given)))

    return (value, vjp_fn, *aux)


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """Return ``(output, tangent[, aux])``; see `functorch_lite.jvp`.

    Parameters
    ----------
    func
        A function of the primals.
    primals, tangents
        Tuples: where it is differentiated, and in which direction.
    strict
        Accepted for PyTorch's sake; it changes nothing.
    has_aux
        Whether ``func`` returns a pair (output, auxiliary data).

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.func.jvp(lambda x: x**2, (ft.tensor(3.0),), (ft.tensor(1.0),))
    (tensor(9.), tensor(6.))
    """
    return forward.jvp(func, primals, tangents, has_aux=has_aux)


def jacrev(
    func: Callable[..., Any], argnums: Any = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian in reverse mode; see `functorch_lite.jacrev`.

    Parameters
    ----------
    func, argnums, has_aux
        As for `grad`; the result may have any shape.
    chunk_size
        How many rows are computed at once; None for all.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.func.jacrev(lambda x: x**2)(ft.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    return jacobians.jacrev(func, argnums, has_aux=has_aux, chunk_size=chunk_size)


def jacfwd(
    func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian in forward mode; see `functorch_lite.jacfwd`.

    Parameters
    ----------
    func, argnums, has_aux
        As for `grad`; the result may have any shape.
    randomness
        ``"error"`` or ``"same"``; ``"different"`` raises `NotImplementedError`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.func.jacfwd(lambda x: x**2)(ft.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    _refuse_randomness(randomness)
    return jacobians.jacfwd(func, argnums, has_aux=has_aux)


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """Return a function that computes the Hessian; see `functorch_lite.hessian`.

    Parameters
    ----------
    func, argnums
        As for `grad`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.func.hessian(lambda x: (x**3).sum())(ft.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return hessians.hessian(func, argnums)


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return the function that maps over a batch; see `functorch_lite.vmap`.

    Parameters
    ----------
    func
        A function written for one example.
    in_dims, out_dims
        Where the batch axis of each argument and result is: an int, None, or trees of them.
    randomness
        ``"error"`` or ``"same"``; ``"different"`` raises `NotImplementedError`.
    chunk_size
        How many examples are computed at once; None for all.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> ft.func.vmap(lambda x, y: x @ y, in_dims=(0, None))(ft.ones(2, 3), ft.ones(3))
    tensor([3., 3.])
    """
    _refuse_randomness(randomness)
    return batching.vmap(func, in_dims, out_dims, chunk_size=chunk_size)


def linearize(func: Callable[..., Any], *primals: Any) -> Any:
    """Return ``(output, jvp_fn)``, the latter of tangents of the primals; see `functorch_lite.linearize`.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> value, push = ft.func.linearize(lambda x: x**2, ft.tensor(3.0))
    >>> push(ft.tensor(1.0))
    tensor(6.)
    """
    return reverse.linearize(func, *primals)


def functional_call(
    model: Any,
    parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Call a model with the given parameters in the place of its own.

    Parameters
    ----------
    model
        An object with the parameters as attributes (names may be dotted), or a function that takes the dictionary of
        parameters first.
    parameters
        The parameters by name; or several such dictionaries.
    args, kwargs
        What the model is called with; a single argument need not be in a tuple.

    Returns
    -------
    object
        What the model returns. The model has its own parameters again afterwards.

    Raises
    ------
    ValueError
        If the model has some of the parameters and not others.

    Examples
    --------
    >>> import functorch_lite as ft
    >>> predict = lambda p, x: x @ p["w"] + p["b"]
    >>> parameters = {"w": ft.ones(2), "b": ft.tensor(1.0)}
    >>> ft.func.functional_call(predict, parameters, ft.ones(2))
    tensor(3.)
    """
    parts = [parameters] if isinstance(parameters, Mapping) else parameters
    named = {name: value for part in parts for name, value in part.items()}
    args = args if isinstance(args, tuple) else (args,)
    keywords = dict(kwargs or {})
    owners = [_owner_of(model, name) for name in named]
    missing = [name for name, owner in zip(named, owners, strict=True) if owner is None]
    if len(missing) == len(named):
        return model(named, *args, **keywords)
    if missing:
        raise ValueError(
            f"functional_call: {type(model).__name__} has {', '.join(n for n in named if n not in missing)} but no "
            f"{', '.join(missing)}; give parameters that it has, by their names"
        )
    names = [name.split(".")[-1] for name in named]
    before = [getattr(owner, name) for owner, name in zip(owners, names, strict=True)]
    try:
        for owner, name, value in zip(owners, names, named.values(), strict=True):
            setattr(owner, name, value)
        return model(*args, **keywords)
    finally:
        for owner, name, value in zip(owners, names, before, strict=True):
            setattr(owner, name, value)


def _refuse_randomness(randomness: str) -> None:
    if randomness == "different":
        raise NotImplementedError(
            "randomness='different': NumPy's generators know nothing of the batch. Draw the numbers for all examples "
            "before, and map over them."
        )


def _owner_of(model: Any, name: str) -> Any:
    *path, last = name.split(".")
    for part in path:
        model = getattr(model, part, None)
    return model if hasattr(model, last) else None


def _conjugated(values: Any) -> Any:
    return tree.map(lambda x: np.conjugate(x) if getattr(getattr(x, "dtype", None), "kind", "") == "c" else x, values)
